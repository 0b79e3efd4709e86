"""Invalid documents, values and keys are refused before they cost memory, by an error that names them."""

import bz2
import io
import json
import pickle
import resource
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy import errors
from zarrcy.codecs.bounded_decode import new_decoder, zstd_most_nbytes
from zarrcy.codecs.filter_decode import decoder_for
from zarrcy.codecs.n5 import N5ChunkWrapper
from zarrcy.storage import json_reader
from zarrcy.storage.n5.store import N5Files

MIB = 2**20
ZSTD = {"id": "zstd", "level": 1}


def opened(value=b"", **members):
    """Open an array of format 2 with these members in its document and this value as its first chunk."""
    document = {
        "zarr_format": 2, "shape": [10], "chunks": [10], "dtype": "<i4", "fill_value": 0, "order": "C",
        "filters": None, "compressor": None, **members,
    }  # fmt: skip
    return zarrcy.open_array({"a/.zarray": json.dumps(document).encode(), "a/0": value}, path="a", mode="r")


def opened_v3(**members):
    document = {
        "zarr_format": 3, "node_type": "array", "shape": [10], "data_type": "int32", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [10]}},
        "chunk_key_encoding": {"name": "default"},
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], **members,
    }  # fmt: skip
    return zarrcy.open_array({"a/zarr.json": json.dumps(document).encode()}, path="a", mode="r")


class Peak:
    """Peak of the memory that is allocated in a ``with`` block."""

    def __enter__(self):
        tracemalloc.start()
        return self

    def __exit__(self, *exc_info):
        self.nbytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


# -- documents -----------------------------------------------------------------------------------------


def nested(depth):
    return b'{"a": ' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (nested(128), "nested more than 128 deep"),
        (nested(100_000), "not JSON"),
        (b'{"a": "' + b"x" * 2000 + b'"}', "at most 1000"),
        (b'{"a": ' + b"1" * 900 + b"", "not JSON"),
    ],
)
def test_a_document_that_is_too_large_or_too_deep_is_refused(document, problem):
    with pytest.raises(errors.MetadataError, match=problem) as caught:
        json_reader.parse_json(
            document, "a/.zattrs", most=1000 if "1000" in problem else json_reader.MAX_NBYTES
        )
    assert caught.value.key == "a/.zattrs"


def test_documents_of_usual_depth_are_read():
    deep = nested(100) + b" "
    assert json_reader.parse_json(deep, "key")["a"]
    many = json.dumps({"a": [[1, 2]] * 1000}).encode()
    assert len(json_reader.parse_json(many, "key")["a"]) == 1000


@pytest.mark.parametrize(
    "members",
    [
        {"chunks": [2**60]},
        {"shape": [10, 10], "chunks": [2**31, 2**31]},
        {"shape": [-1]},
        {"shape": [1.5]},
        {"shape": [True]},
        {"shape": [2**63]},
        {"shape": [1] * 65, "chunks": [1] * 65},
        {"chunks": [0]},
        {"dtype": "|S9999999999"},
        {"dtype": "|S999999999"},
        {"dtype": "<U999999999"},
        {"dtype": "c"},
        {"dtype": [["a", "<f8", [2**40]]]},
        {"dtype": [["a", "<f8", [2**24]]]},
        {"dtype": [["a", "<f8", [True]]]},
        {"dtype": [[f"f{n}", "|u1"] for n in range(70_000)]},
        {"filters": [{"id": "delta", "dtype": "<i4"}] * 65},
        {"filters": [{"id": "delta", "dtype": 5}]},
        {"compressor": {"id": ["zlib"]}},
        {"compressor": {"id": "blosc", "nonsense": 1}},
        {"fill_value": [1, [2]]},
        {"fill_value": 10**400},
    ],
    ids=lambda members: str(members)[:40],
)
def test_an_impossible_document_is_refused_without_cost(members):
    with Peak() as peak, pytest.raises(errors.MetadataError, match=r"a/\.zarray") as caught:
        opened(**members)[0]
    assert peak.nbytes < 64 * MIB
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "members",
    [
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2**61]}}},
        {"chunk_grid": {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": [2**61]}}},
        {"data_type": "r99999999999"},
        {"data_type": {"name": "fixed_length_utf32", "configuration": {"length_bytes": 2**30}}},
        {
            "data_type": {
                "name": "struct",
                "configuration": {"fields": [{"name": str(n), "data_type": "int8"} for n in range(70_000)]},
            }
        },
        {"codecs": [{"name": "transpose", "configuration": {"order": [0]}}] * 64 + ["bytes"]},
        {"codecs": [{"name": "transpose", "configuration": {"order": [0, 0]}}, "bytes"]},
        {"shape": [10.5]},
    ],
    ids=lambda members: str(members)[:60],
)
def test_an_impossible_document_of_format_3_is_refused_without_cost(members):
    with Peak() as peak, pytest.raises(errors.MetadataError, match=r"a/zarr\.json"):
        opened_v3(**members)[0]
    assert peak.nbytes < 64 * MIB


def test_a_chunk_larger_than_memory_is_an_error_when_it_is_allocated():
    value = numcodecs.Zstd(1).encode(bytes(100))
    a = opened(value, chunks=[2**58], compressor=ZSTD)
    with pytest.raises(errors.ChunkDecodeError, match="a/0"):
        a[0]
    del a.store["a/0"]
    assert a[:3].tolist() == [0, 0, 0]
    with pytest.raises(errors.ChunkMemoryError, match="a/0") as caught:
        zarrcy.open_array(a.store, path="a")[0] = 1
    assert caught.value.key == "a/0"
    assert caught.value.nbytes == 2**60
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), errors.ChunkMemoryError)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a\\..\\x", "a\0"])
def test_consolidated_metadata_with_a_key_outside_the_root_are_refused(name):
    document = {
        "zarr_consolidated_format": 1,
        "metadata": {".zgroup": {"zarr_format": 2}, f"{name}/.zarray": {}},
    }
    with pytest.raises(errors.MetadataError, match=r"\.zmetadata"):
        zarrcy.open_consolidated({".zmetadata": json.dumps(document).encode()})


# -- chunks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("compressor", "bomb"),
    [
        (numcodecs.Zlib(9), zlib.compress(bytes(64 * MIB), 9)),
        (numcodecs.BZ2(9), bz2.compress(bytes(64 * MIB), 9)),
        (numcodecs.Zstd(1), numcodecs.Zstd(1).encode(bytes(64 * MIB))),
        (numcodecs.LZ4(), numcodecs.LZ4().encode(bytes(64 * MIB))),
        (numcodecs.Blosc(), numcodecs.Blosc().encode(bytes(64 * MIB))),
    ],
    ids=lambda codec: getattr(codec, "codec_id", ""),
)
@pytest.mark.parametrize(
    "filters",
    [None, [numcodecs.Delta("<i4")], [numcodecs.Shuffle(4), numcodecs.CRC32()]],
    ids=["none", "delta", "two"],
)
def test_a_bomb_does_not_expand_beyond_a_chunk(compressor, bomb, filters):
    configs = filters and [codec.get_config() for codec in filters]
    a = opened(bomb, compressor=compressor.get_config(), filters=configs)
    with Peak() as peak, pytest.raises(errors.ChunkDecodeError, match="a/0"):
        a[0]
    assert peak.nbytes < 8 * MIB


@pytest.mark.parametrize("codec", ["zlib", "gzip", "bz2", "blosc", "zstd", "lz4"])
def test_a_bomb_in_a_filter_does_not_expand_beyond_a_chunk(codec):
    bomb = numcodecs.get_codec({"id": codec}).encode(bytes(32 * MIB))
    with Peak() as peak, pytest.raises(errors.ChunkDecodeError, match=f"a/0.*{codec}"):
        opened(bomb, filters=[{"id": codec}])[0]
    assert peak.nbytes < 8 * MIB


@pytest.mark.parametrize(
    ("value", "codec"),
    [
        (struct.pack("<I", 2**32 - 1), {"id": "vlen-utf8"}),
        (struct.pack("<I", 2**32 - 1), {"id": "vlen-bytes"}),
        (struct.pack("<I", 2**32 - 1), {"id": "vlen-array", "dtype": "<i4"}),
        (b'["x","|O",[4000000000]]', {"id": "json2"}),
        (b'["x","|S100000",[10]]', {"id": "json2"}),
        (b'["x"]', {"id": "json2"}),
        (b"\x93\xa1x\xa2|O\x91\xce\xff\xff\xff\xff", {"id": "msgpack2"}),
    ],
    ids=str,
)
def test_more_objects_than_a_chunk_has_are_refused(value, codec):
    if codec["id"] == "msgpack2":
        pytest.importorskip("msgpack")
    with Peak() as peak, pytest.raises(errors.ChunkDecodeError, match="a/0"):
        opened(value, dtype="|O", filters=[codec], fill_value=None)[0]
    assert peak.nbytes < 8 * MIB


@pytest.mark.parametrize("codec", ["vlen-utf8", "vlen-bytes"])
def test_more_objects_than_the_bytes_can_hold_are_refused(codec):
    value = struct.pack("<I", 2**27) + bytes(100)
    objects = opened(value, dtype="|O", chunks=[2**27], filters=[{"id": codec}], fill_value=None)
    # the same codec where bytes are expected
    numbers = opened(value, chunks=[2**27], compressor={"id": codec})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for a, problem in ((objects, "too few for"), (numbers, "decodes to objects")):
        with pytest.raises(errors.ChunkDecodeError, match=problem):
            a[0]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_objects_may_be_much_longer_than_their_stored_bytes_up_to_a_limit():
    texts = np.array(["x" * 100_000] * 10, object)
    value = numcodecs.Zlib(9).encode(numcodecs.VLenUTF8().encode(texts))
    a = opened(value, dtype="|O", filters=[{"id": "vlen-utf8"}], compressor={"id": "zlib"}, fill_value="")
    assert a[:].tolist() == texts.tolist()
    stated = struct.pack("<I", 2**31) + bytes(20)
    with pytest.raises(ValueError, match="taken for an error in the data"):
        decoder_for(numcodecs.LZ4(), None, 10)(stated)


def test_the_blocks_of_a_zstd_frame_without_a_size_bound_its_decoded_length():
    # A window descriptor, no size, and three blocks: 3 raw bytes, one byte 100,000 times, a compressed block.
    blocks = [(3 << 3, b"abc"), (100_000 << 3 | 1 << 1, b"x"), (5 << 3 | 2 << 1 | 1, b"12345")]
    frame = b"\x28\xb5\x2f\xfd\x00\x58" + b"".join(head.to_bytes(3, "little") + body for head, body in blocks)
    assert zstd_most_nbytes(memoryview(frame)) == 3 + 100_000 + 128 * 1024
    with pytest.raises(ValueError, match="truncated"):
        zstd_most_nbytes(memoryview(frame[:12]))


def test_a_frame_that_states_an_impossible_length_allocates_no_memory():
    stated = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 2**40) + (3 << 3 | 1).to_bytes(3, "little") + b"abc"
    for codec, frame in ((numcodecs.Zstd(), stated), (numcodecs.LZ4(), struct.pack("<I", 2**30) + b"abc")):
        decode = new_decoder(codec)
        with Peak() as peak, pytest.raises(ValueError, match="which decode to at most"):
            decode(frame, 2**40 if codec.codec_id == "zstd" else 2**30)
        assert peak.nbytes < MIB


def test_pickle_is_refused_at_any_place_in_the_pipeline(monkeypatch):
    monkeypatch.delenv("ZARRCY_ALLOW_PICKLE", raising=False)
    # older versions of numcodecs do not have this switch
    monkeypatch.setattr(numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False)
    ran = []

    class Trap:
        def __reduce__(self):
            return ran.append, (1,)

    value = pickle.dumps(b"harmless")
    block = struct.pack(">HHI", 0, 1, 10) + value
    inside = {"id": "n5_wrapper", "dtype": "<i4", "chunk_shape": [10], "compressor_config": {"id": "pickle"}}
    for stored, members in (
        (value, {"compressor": {"id": "pickle"}}),
        (value, {"filters": [{"id": "pickle"}]}),
        (block, {"compressor": inside}),
        (block, {"filters": [inside]}),
    ):
        with pytest.raises(errors.UnsafeCodecError):
            opened(stored, **members)[0]
    assert ran == []


N5_CODECS = {
    "raw": ({"type": "raw"}, None),
    "zlib": ({"type": "gzip", "level": 1, "useZlib": True}, numcodecs.Zlib(1)),
    "gzip": ({"type": "gzip", "level": 1}, numcodecs.GZip(1)),
    "bz2": ({"type": "bzip2", "blockSize": 1}, numcodecs.BZ2(1)),
    "lzma": ({"type": "xz", "preset": 1}, numcodecs.LZMA(preset=1)),
    "zstd": ({"type": "zstd", "level": 1}, numcodecs.Zstd(1)),
    "lz4": ({"type": "lz4", "acceleration": 1}, numcodecs.LZ4()),
    "blosc": (
        {"type": "blosc", "cname": "lz4", "clevel": 1, "shuffle": 0, "blocksize": 0},
        numcodecs.Blosc("lz4", 1, 0),
    ),
}
SIDE = 2**17


def n5_files(codec, shape, block_shape, stated, values):
    """Return an N5 array with one block. The header of the block states a shape; the block has these values."""
    compression, encoder = N5_CODECS[codec]
    document = {
        "dimensions": shape[::-1], "blockSize": block_shape[::-1], "dataType": "uint8",
        "compression": compression,
    }  # fmt: skip
    block = struct.pack(f">HH{len(shape)}I", 0, len(shape), *stated[::-1])
    block += bytes(values if encoder is None else encoder.encode(values))
    return N5Files({"attributes.json": json.dumps(document).encode(), "/".join("0" * len(shape)): block})


def use_a_small_block(codec, shape, block_shape, stated):
    values = (np.arange(np.prod(stated)) % 200 + 1).astype("u1").reshape(stated)
    files = n5_files(codec, shape, block_shape, stated, values)
    a = zarrcy.open(files, mode="r+")
    part = tuple(slice(0, 5) for _ in shape)
    expected = np.zeros([min(5, n) for n in shape], "u1")
    expected[tuple(map(slice, stated))] = values[part]
    np.testing.assert_array_equal(a[part], expected)
    assert a[(-1,) * a.ndim] == (values.reshape(-1)[-1] if shape == stated else 0)
    assert zarrcy.verify(files).ok
    for written, where in ((99, (2,) * a.ndim), (7, (slice(1, 4, 2),) * a.ndim)):
        a[where] = expected[where] = written
        np.testing.assert_array_equal(a[part], expected)
    assert zarrcy.verify(files).ok
    assert max(map(len, files.values())) < 2 * MIB


def use_a_block_with_a_wrong_header(codec, shape, block_shape, stated):
    a = zarrcy.open(n5_files(codec, shape, block_shape, stated, bytes(MIB)), mode="r+")
    for use in (lambda: a[(0,) * a.ndim], lambda: a.__setitem__((0,) * a.ndim, 1)):
        with Peak() as peak, pytest.raises(errors.ChunkDecodeError, match="n5_wrapper"):
            use()
        assert peak.nbytes < 8 * MIB
    assert [problem.kind for problem in zarrcy.verify(a.store).problems] == ["chunk"]


def use_a_list(codec, shape, block_shape, stated):
    """Points and lists are read from whole chunks; the system decides whether there is address space for one."""
    values = np.arange(1, 1 + np.prod(stated), dtype="u1").reshape(stated)
    a = zarrcy.open(n5_files(codec, shape, block_shape, stated, values), mode="r+")
    where = tuple(np.array([2, 0, 1]) for _ in shape)
    np.testing.assert_array_equal(a.vindex[where], values[where])
    a.vindex[where] = values[where] = 9
    np.testing.assert_array_equal(a.oindex[where], values[np.ix_(*where)])
    np.testing.assert_array_equal(a[...], values)


def grown(use, *cases, address_space=8 * 2**30):
    """Call a function with each list of arguments in a new process; return by how many MiB its memory grew."""
    code = (
        "import resource, sys\n"
        f"sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}\n"
        f"from test_hostile_input import {use.__name__} as use\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({address_space},) * 2)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"for arguments in {cases!r}: use(*arguments)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("codec", ["raw", "gzip"])
def test_a_small_n5_block_takes_only_the_memory_of_its_content(codec):
    cases = [
        ([12], [2**32 - 1], [12]),
        ([4, 6], [SIDE, SIDE], [4, 6]),
        ([4, SIDE], [SIDE, SIDE], [4, 6]),
        ([SIDE, SIDE], [SIDE, SIDE], [4, 6]),
        ([SIDE, SIDE], [SIDE, SIDE], [SIDE, 1]),
    ]
    assert grown(use_a_small_block, *[(codec, *case) for case in cases]) < 64


def test_an_n5_block_that_states_an_impossible_shape_is_refused():
    cases = [(codec, [12], [2**32 - 1], [2**32 - 1]) for codec in N5_CODECS]
    assert grown(use_a_block_with_a_wrong_header, *cases) < 64


def test_reading_a_list_from_a_small_n5_block_touches_little_memory():
    cases = [("gzip", [12], [2**32 - 1], [12]), ("gzip", [12, 5], [SIDE, SIDE], [12, 5])]
    assert grown(use_a_list, *cases, address_space=2**40) < 64


def test_an_n5_block_that_takes_much_more_memory_when_padded_is_refused():
    # read with a list, each of its 2**16 elements would touch another page of memory
    shape = [2**8] * 4
    a = zarrcy.open(n5_files("gzip", [2**8] * 4, shape, [2**4] * 4, bytes(2**16)), mode="r")
    with pytest.raises(errors.ChunkDecodeError, match="padded to a chunk of 4294967296 bytes"):
        a.vindex[(np.arange(3),) * 4]
    assert a[:3, 0, 0, 0].tolist() == [0, 0, 0]


def test_an_n5_block_does_not_expand_beyond_a_chunk():
    codec = N5ChunkWrapper("<i4", (2**30,), {"id": "zlib", "level": 1})
    block = struct.pack(">HHI", 0, 1, 2**30) + zlib.compress(bytes(32 * MIB))
    # the codec states other chunks than the array, or the same
    for chunks in ([10], [2**30]):
        a = opened(block, chunks=chunks, compressor=codec.get_config())
        with Peak() as peak, pytest.raises(errors.ChunkDecodeError, match="a/0"):
            a[0]
        assert peak.nbytes < 8 * MIB


# -- shards --------------------------------------------------------------------------------------------


def sharded(inner, value, outer=2**40, **more):
    config = {"chunk_shape": [inner], "codecs": ["bytes"], "index_codecs": ["bytes"], **more}
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    config["index_codecs"] = [little]
    config["codecs"] = more.get("codecs", [little])
    a = opened_v3(
        shape=[outer],
        chunk_grid={"name": "regular", "configuration": {"chunk_shape": [outer]}},
        codecs=[{"name": "sharding_indexed", "configuration": config}],
    )
    a.store["a/c/0"] = value
    return zarrcy.open_array(a.store, path="a", mode="r+")


def test_an_index_that_is_longer_than_the_shard_is_refused_before_it_is_allocated():
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    one = {
        "name": "sharding_indexed",
        "configuration": {"chunk_shape": [1], "codecs": [little], "index_codecs": [little]},
    }
    with Peak() as peak, pytest.raises(errors.ChunkDecodeError, match="a/c/0"):
        sharded(1, bytes(1000))[0]
    assert peak.nbytes < 8 * MIB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # the system decides whether there is address space for such a chunk; none of it is touched
    with pytest.raises((errors.ChunkDecodeError, errors.ChunkMemoryError), match="a/c/0"):
        sharded(2**40, bytes(1000), codecs=[one])[0]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_a_shard_with_overlapping_chunks_is_read_but_not_changed():
    index = struct.pack("<QQ", 0, 16) * 4
    a = sharded(4, np.arange(4, dtype="<i4").tobytes() + index, outer=16)
    assert a[:].tolist() == [0, 1, 2, 3] * 4
    with pytest.raises(errors.ChunkDecodeError, match="overlap"):
        a[0] = 1


@pytest.mark.parametrize("entry", [(0, 2**63), (2**63, 2**63), (2**64 - 8, 16), (60, 100)])
def test_an_index_entry_outside_the_shard_is_refused(entry):
    a = sharded(4, bytes(16) + struct.pack("<QQ", *entry) * 4, outer=16)
    with pytest.raises(errors.ChunkDecodeError, match="outside the value"):
        a[0]


# -- keys, files and archives --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["..", "../x", "a/../x", "/x", "a\\..\\x", "a\0b", "\ud800", "", "a//b", "./a", "a/."]
)
def test_a_key_outside_the_root_of_a_directory_is_refused(key, tmp_path):
    store = zarrcy.DirectoryStore(tmp_path / "root")
    for use in (
        lambda: store.__setitem__(key, b""),
        lambda: store[key],
        lambda: store.__delitem__(key),
        lambda: key in store,
    ):
        with pytest.raises(errors.KeyPathError):
            use()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def linked(tmp_path):
    """A directory with an array, and links to an array outside of it."""
    for name, value in (("outside", 7), ("root/inside", 1)):
        zarrcy.array([value], store=str(tmp_path / name))
    root = tmp_path / "root"
    (root / ".zgroup").write_bytes(b'{"zarr_format": 2}')
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "inside" / "1").symlink_to(tmp_path / "outside" / "0")
    return root


def test_links_in_a_directory_are_followed_by_default(linked):
    group = zarrcy.open_group(zarrcy.DirectoryStore(linked), mode="r")
    assert group["link"][:].tolist() == [7]
    assert group.store["inside/1"]


def test_links_are_refused_with_follow_symlinks_false(linked):
    store = zarrcy.DirectoryStore(linked, follow_symlinks=False)
    assert zarrcy.open_array(store, path="inside", mode="r")[:].tolist() == [1]
    for use in (
        lambda: store["inside/1"],
        lambda: store["link/0"],
        lambda: store.__setitem__("link/new", b""),
        lambda: store.__delitem__("link/0"),
        lambda: store.listdir("link"),
        lambda: store.rmdir("link"),
        lambda: zarrcy.open_array(store, path="link", mode="r"),
    ):
        with pytest.raises(errors.KeyPathError, match="symbolic link"):
            use()
    assert sorted(path.name for path in (linked.parent / "outside").iterdir()) == [".zarray", "0"]
    assert pickle.loads(pickle.dumps(store)).follow_symlinks is False


def with_stated_size(member_nbytes, compression=zipfile.ZIP_STORED):
    """Return an archive whose directory and local header state a wrong length of the member."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as archive:
        archive.writestr("a", b"x" * 1000)
        archive.getinfo("a").file_size = member_nbytes
    return io.BytesIO(held.getvalue())


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_with_a_wrong_stated_length_is_refused(compression):
    store = zarrcy.ZipStore(with_stated_size(2**31 - 1, compression), mode="r")
    with Peak() as peak, pytest.raises(errors.ArchiveError, match="'a'") as caught:
        store["a"]
    assert peak.nbytes < 8 * MIB
    assert isinstance(caught.value, zipfile.BadZipFile)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_members_with_names_outside_the_root_are_not_keys():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in ("good", "../bad", "/bad", "a/../../bad"):
            archive.writestr(name, b"x")
    store = zarrcy.ZipStore(io.BytesIO(held.getvalue()), mode="r")
    assert list(store) == ["good"]
    with pytest.raises(errors.KeyPathError):
        store["../bad"]


def test_a_file_that_is_not_an_archive_raises_an_archive_error(tmp_path):
    path = Path(tmp_path / "a.zip")
    path.write_bytes(b"PK\x05\x06" + bytes(10))
    with pytest.raises(errors.ArchiveError, match=r"a\.zip"):
        zarrcy.ZipStore(path, mode="r")


def use_a_short_chunk(codec):
    """Read and write chunks that are huge by the metadata, but have only a few stored bytes."""
    array = zarrcy.create(40, chunks=40, dtype="i4", compressor=numcodecs.get_codec({"id": codec}), store={})
    # a new array with LZ4 cannot have such chunks
    array.store[".zarray"] = bytes(array.store[".zarray"]).replace(
        b'40\n    ],\n    "comp', b'4294967295\n    ],\n    "comp'
    )
    array = zarrcy.open_array(array.store)
    assert array.chunks == (2**32 - 1,)
    array.store["0"] = bytes(array.compressor.encode(np.zeros(10, "i4")))
    for use in (
        lambda: array[:],
        lambda: array[3],
        lambda: array.vindex[[1, 5]],
        lambda: array.__setitem__(3, 7),
    ):
        with pytest.raises(errors.ChunkDecodeError, match="'0'"):
            use()


@pytest.mark.parametrize("codec", ["zstd", "lz4", "gzip", "zlib"])
def test_a_chunk_that_is_too_short_is_refused_before_it_is_allocated(codec):
    assert grown(use_a_short_chunk, (codec,)) < 64
