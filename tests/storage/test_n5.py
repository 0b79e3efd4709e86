"""N5 containers: exchange with zarr-python 2 and z5, arrays, keys, and damaged containers."""

import bz2
import gzip
import json
import lzma
import struct

import numcodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from interop.conftest import zarr2  # noqa: F401
from interop.programs.containers import read_n5, write_n5, write_n5_group

import zarrcy
from zarrcy.chunk_io import policy
from zarrcy.codecs import N5ChunkWrapper
from zarrcy.codecs.lz4_blocks import Lz4Blocks
from zarrcy.errors import ChunkDecodeError, KeyPathError, MetadataError
from zarrcy.storage import LRUStoreCache
from zarrcy.storage.n5.store import N5Files, N5FSStore, N5Store

DATA = np.arange(35, dtype="<i4").reshape(5, 7) - 17
COMPRESSORS = {
    "raw": None,
    "gzip": numcodecs.GZip(3),
    "zlib": numcodecs.Zlib(3),
    "bzip2": numcodecs.BZ2(3),
    "xz": numcodecs.LZMA(preset=3),
    "blosc": numcodecs.Blosc(cname="zstd", shuffle=1),
}
# z5 does not have these, or has another format of the same name
MORE_COMPRESSORS = COMPRESSORS | {
    "lzma": numcodecs.LZMA(format=lzma.FORMAT_ALONE),
    "zstd": numcodecs.Zstd(3),
    "lz4": numcodecs.LZ4(),
}
DTYPES = ["|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8", "|b1", ">i4", ">f8"]


def fill(store, compressor=None, dtype="<i4", path="g/a"):
    a = zarrcy.create(DATA.shape, chunks=(2, 3), dtype=dtype, compressor=compressor, store=store, path=path)
    a[...] = DATA
    a.attrs.put({"unit": "m", "offset": [1, 2]})
    return a


def tree(folder):
    """Return the content of the files below a folder, by their paths."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def stores(tmp_path):
    return {"N5Store": N5Store(tmp_path / "a.n5"), "N5FSStore": N5FSStore(f"file://{tmp_path}/b.n5")}


@pytest.fixture(params=["N5Store", "N5FSStore", "N5FSStore in memory"])
def store(request, tmp_path):
    if request.param == "N5FSStore in memory":
        in_memory = N5FSStore(f"memory://{tmp_path.name}.n5")
        yield in_memory
        in_memory.clear()
    else:
        yield stores(tmp_path)[request.param]


# -- with zarr-python 2 ------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:other programs:RuntimeWarning")
@pytest.mark.parametrize("name", MORE_COMPRESSORS)
def test_zarr_python_2_writes_the_same_files(zarr2, tmp_path, name):  # noqa: F811
    zarrcy.create((1,), store=N5Store(tmp_path / "ours"), path="z")
    fill(N5Store(tmp_path / "ours"), MORE_COMPRESSORS[name])
    config = MORE_COMPRESSORS[name] and MORE_COMPRESSORS[name].get_config()
    if config:
        config.pop("checksum", None)
    np.save(tmp_path / "data.npy", DATA)
    done = zarr2.run(write_n5, tmp_path, config=config)
    assert done == {"NoneType": "None"}
    ours, theirs = tree(tmp_path / "ours"), tree(tmp_path / "theirs")
    assert sorted(ours) == sorted(theirs)
    for key, value in ours.items():
        if not key.endswith(".json"):
            continue
        # only some versions of numcodecs write this member, with its default value
        known, expected = json.loads(value), json.loads(theirs[key])
        for n5 in (known, expected):
            n5.get("compression", {}).pop("checksum", None)
        assert known == expected
    assert ours["g/a/2/2"][:12] == theirs["g/a/2/2"][:12]
    np.testing.assert_array_equal(zarrcy.open_array(N5Store(tmp_path / "theirs"), "r", path="g/a")[...], DATA)
    read = zarr2.run(read_n5, tmp_path)
    assert read == {"tuple": [{"bool": "True"}, {"list": [{"int": "1"}, {"int": "2"}]}]}


def test_a_group_of_zarr_python_2_can_be_read(zarr2, tmp_path):  # noqa: F811
    zarr2.run(write_n5_group, tmp_path)
    store = N5Store(tmp_path / "a.n5")
    assert store.listdir() == [".zattrs", ".zgroup", "h"]
    assert store.listdir("h") == [".zgroup", "a"]
    assert json.loads(store[".zattrs"]) == {"who": "zarr"}
    assert zarrcy.open_array(store, "r", path="h/a")[:].tolist() == [2, 2, 2]


# -- with z5 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMPRESSORS)
def test_z5_can_read_arrays_of_zarrcy(tmp_path, name):
    z5py = pytest.importorskip("z5py")
    zarrcy.create(1, store=N5Store(tmp_path / "a.n5"), path="one")
    fill(N5Store(tmp_path / "a.n5"), COMPRESSORS[name])
    dataset = z5py.File(str(tmp_path / "a.n5"), mode="r", use_zarr_format=False)["g/a"]
    np.testing.assert_array_equal(dataset[:], DATA)
    assert dataset.attrs["offset"] == [1, 2]


@pytest.mark.parametrize("name", ["raw", "gzip", "bzip2", "xz", "blosc", "zstd"])
@pytest.mark.parametrize("dtype", ["int32", "uint16", "float64"])
def test_zarrcy_can_read_arrays_of_z5(tmp_path, name, dtype):
    z5py = pytest.importorskip("z5py")
    file = z5py.File(str(tmp_path / "a.n5"), mode="w", use_zarr_format=False)
    data = DATA.astype(dtype)
    dataset = file.create_dataset("g/a", shape=DATA.shape, chunks=(2, 3), dtype=dtype, compression=name)
    dataset[:] = data
    dataset.attrs["unit"] = "m"
    a = zarrcy.open_array(N5Store(tmp_path / "a.n5"), mode="r+", path="g/a")
    np.testing.assert_array_equal(a[...], data)
    assert (a.shape, a.chunks, a.dtype.name, dict(a.attrs)) == ((5, 7), (2, 3), dtype, {"unit": "m"})
    # z5 truncates blocks at the edge
    a[4, 6] = 99
    assert a[4, 6] == file["g/a"][4, 6] == 99


# -- arrays ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "compressor", [None, numcodecs.Blosc(), numcodecs.GZip(1)], ids=["raw", "blosc", "gzip"]
)
def test_an_array_reads_as_it_was_written(tmp_path, dtype, compressor):
    store = N5Store(tmp_path / "a.n5")
    a = fill(store, compressor, dtype)
    assert a.dtype == np.dtype(dtype).newbyteorder("=")
    a[1:4, 2:5] = 1
    expected = DATA.astype(dtype)
    expected[1:4, 2:5] = 1
    np.testing.assert_array_equal(zarrcy.open_array(store, mode="r", path="g/a")[...], expected)


def test_a_block_is_a_header_and_big_endian_elements(tmp_path):
    a = zarrcy.create((2, 3, 4), chunks=(2, 3, 2), dtype="<u2", compressor=None, store=N5Store(tmp_path))
    a[:, :, 2:] = np.arange(12).reshape(2, 3, 2)
    block = (tmp_path / "1" / "0" / "0").read_bytes()
    assert block == struct.pack(">HH3I12H", 0, 3, 2, 3, 2, *range(12))


def test_an_array_can_have_any_number_of_axes(store):
    for ndim in range(5):
        shape = tuple(range(2, 2 + ndim))
        data = np.arange(np.prod(shape, dtype=int), dtype="f4").reshape(shape)
        a = zarrcy.array(data, chunks=(2,) * ndim, store=store, path=str(ndim))
        np.testing.assert_array_equal(zarrcy.open_array(store, "r", path=str(ndim))[...], data)
        assert a.nchunks_initialized == a.nchunks
        assert a.nbytes_stored >= data.nbytes * (ndim < 2)


def test_resizing_keeps_the_attributes_and_attributes_keep_the_shape(store):
    a = fill(store)
    a.attrs["more"] = 1
    a.resize(3, 3)
    a.append(np.zeros((3, 4), "i4"), axis=1)
    assert dict(a.attrs) == {"unit": "m", "offset": [1, 2], "more": 1}
    again = zarrcy.open_array(store, mode="r+", path="g/a")
    assert again.shape == (3, 7)
    np.testing.assert_array_equal(again[:, :3], DATA[:3, :3])
    assert dict(again.attrs) == {"unit": "m", "offset": [1, 2], "more": 1}
    again.attrs.put({})
    assert ".zattrs" not in store.listdir("g/a")
    assert zarrcy.open_array(store, path="g/a").shape == (3, 7)


def test_a_path_that_ends_in_n5_is_an_n5_container(tmp_path):
    path = str(tmp_path / "a.n5")
    zarrcy.save_array(path, DATA)
    assert (tmp_path / "a.n5" / "attributes.json").exists()
    assert type(zarrcy.open_array(path).store) is N5Store
    np.testing.assert_array_equal(zarrcy.load(path), DATA)


def test_groups_can_be_created_and_listed(store):
    root = zarrcy.group(store=store)
    root.attrs["who"] = "we"
    inner = root.require_group("a/b")
    inner.create_dataset("c", data=DATA, chunks=(2, 3))
    again = zarrcy.open_group(store, mode="r")
    assert (list(again), list(again["a/b"].array_keys()), dict(again.attrs)) == (["a"], ["c"], {"who": "we"})
    root.move("a/b", "d")
    np.testing.assert_array_equal(root["d/c"][...], DATA)
    del root["d"]
    assert list(root) == ["a"]


def test_an_array_behind_a_cache_is_the_same(store):
    cached = LRUStoreCache(store, max_size=None)
    a = zarrcy.create((4, 4), chunks=2, dtype=">i4", store=cached)
    a[...] = 5
    assert a.dtype == np.dtype("i4")
    assert (zarrcy.open_array(store, mode="r")[...] == 5).all()


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"fill_value": 5}, "fill_value is 5"),
        ({"fill_value": np.nan}, "fill_value is 'NaN'"),
        ({"order": "F"}, "order is 'F'"),
        ({"filters": [numcodecs.Delta("<i4")]}, "filters are .'delta'."),
    ],
)
def test_options_that_n5_does_not_support_are_refused(store, wish, error):
    with pytest.raises(ValueError, match=error):
        zarrcy.create((4, 4), **{"dtype": "f8", "store": store, **wish})
    assert list(store) == []


@pytest.mark.parametrize("dtype", ["<c8", "<U3", "|S3", [("a", "<i4")]])
def test_a_data_type_that_n5_does_not_support_is_refused(store, dtype):
    with pytest.raises(TypeError, match="not supported by N5"):
        zarrcy.create(4, dtype=dtype, fill_value=None, store=store)


def test_an_attribute_cannot_replace_the_shape(store):
    a = fill(store)
    with pytest.raises(ValueError, match="'dimensions' is a reserved N5 keyword"):
        a.attrs["dimensions"] = [1]
    assert zarrcy.open_array(store, path="g/a").shape == (5, 7)


# -- keys --------------------------------------------------------------------------------------------


def test_the_keys_are_keys_of_zarr(store):
    fill(store, path="g/a")
    zarrcy.create(3, chunks=2, store=store, path="g/one")[:2] = 1
    store["g/other.txt"] = b"x"
    chunks = [f"{i}.{j}" for i in range(3) for j in range(3)]
    documents = [".zarray", ".zattrs"]
    assert store.listdir() == [".zgroup", "g"]
    assert store.listdir("g") == [".zgroup", "a", "one", "other.txt"]
    assert store.listdir("g/a") == sorted(documents + chunks)
    assert store.listdir("g/one") == [".zarray", "0"]
    expected = {f"g/a/{name}" for name in documents + chunks}
    expected |= {".zgroup", "g/.zgroup", "g/one/.zarray", "g/one/0", "g/other.txt"}
    assert set(store) == expected
    assert len(store) == len(expected)
    assert all(key in store and store[key] == store.getitems([key])[key] for key in expected)
    assert not any(key in store for key in ("g/a/.zgroup", "g/.zarray", "g/.zattrs", "g/a/9.9", "q/.zgroup"))
    assert store.getitems(["g/.zarray", "g/a/9.9", "q/.zgroup"]) == {}


def test_deleting_a_key_deletes_no_other_key(store):
    fill(store)
    del store["g/a/.zattrs"]
    assert ".zattrs" not in store.listdir("g/a")
    assert zarrcy.open_array(store, path="g/a").shape == (5, 7)
    del store["g/a/1.2"]
    assert "1.2" not in store.listdir("g/a")
    store.rename("g/a", "h/b")
    assert "g/a/.zarray" not in store
    assert zarrcy.open_array(store, path="h/b")[0, 0] == DATA[0, 0]
    del store["h/b/.zarray"]
    assert "h/b/.zarray" not in store
    for key in ("h/b/.zarray", "h/b/.zattrs", "h/b/.zgroup", "h/b/1.2"):
        with pytest.raises(KeyError, match="h/b"):
            del store[key]
        with pytest.raises(KeyError, match="h/b"):
            store[key]
    store.rmdir("h")
    assert not any(key.startswith("h/") for key in store)


def test_the_document_of_n5_is_not_a_key(store):
    fill(store)
    with pytest.raises(KeyPathError, match=r"attributes\.json"):
        store["g/a/attributes.json"] = b"{}"


# -- damaged containers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (b"{", "not JSON"),
        (b"[]", "a JSON list"),
        (b'{"dimensions": [5]}', "lacks 'blockSize', 'compression', 'dataType'"),
        (
            b'{"dimensions": 5, "blockSize": [5], "dataType": "int8", "compression": {"type": "raw"}}',
            "not a list",
        ),
        (
            b'{"dimensions": [5], "blockSize": [5], "dataType": "what", "compression": {"type": "raw"}}',
            "'what'",
        ),
        (b'{"dimensions": [5], "blockSize": [5], "dataType": "int8", "compression": {}}', "lacks 'type'"),
        (
            b'{"dimensions": [5], "blockSize": [5], "dataType": "int8", "compression": {"type": "blosc"}}',
            "lacks",
        ),
        (
            b'{"dimensions": [5], "blockSize": [5], "dataType": "int8", "compression": {"type": "magic"}}',
            "magic",
        ),
    ],
)
def test_a_malformed_document_raises_an_error_with_its_key(tmp_path, document, problem):
    (tmp_path / "attributes.json").write_bytes(document)
    with pytest.raises(MetadataError, match=problem):
        zarrcy.open_array(N5Store(tmp_path), mode="r")


@pytest.mark.parametrize("compressor", [None, numcodecs.GZip(1)], ids=["raw", "gzip"])
@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda block: block[:10], "shorter than the header"),
        (lambda block: block[:-1], "bytes of elements|truncated"),
        (lambda block: block + block, "bytes of elements|decoded to more|Error"),
        (lambda block: b"\0\0\0\3" + block[4:], "states 3 axes"),
        (lambda block: block[:4] + b"\0\0\0\x09" + block[8:], r"states the shape \(2, 9\)"),
        (lambda block: b"\0\2" + block[2:], "states the mode 2"),
        (lambda block: b"\0\1" + block[2:12] + b"\0\0\0\x09" + block[12:], "states 9 elements"),
    ],
)
def test_a_damaged_block_raises_an_error_with_its_key(tmp_path, compressor, damage, problem):
    a = fill(N5Store(tmp_path), compressor, path=None)
    block = tmp_path / "1" / "0"
    block.write_bytes(damage(block.read_bytes()))
    with pytest.raises(ChunkDecodeError, match=problem) as caught:
        a[0, 4]
    assert caught.value.key == "0.1"


def test_a_block_with_a_number_of_elements_in_its_header_can_be_read(tmp_path):
    """In mode 1, the header also contains the number of elements."""
    a = fill(N5Store(tmp_path), path=None)
    block = tmp_path / "1" / "0"
    stored = block.read_bytes()
    block.write_bytes(b"\0\1" + stored[2:12] + struct.pack(">I", 6) + stored[12:])
    np.testing.assert_array_equal(a[...], DATA)


@pytest.mark.parametrize("cuts", [False, True], ids=["whole", "cut"])
@given(data=st.data())
def test_truncated_blocks_read_as_if_they_ended_in_zeros(cuts, data):
    shape = data.draw(npst.array_shapes(max_dims=3, max_side=7))
    chunks = tuple(data.draw(st.integers(1, n + 2)) for n in shape)
    model = np.zeros(shape, "i2")
    store = N5Files({})
    # blocks of many MiB are truncated; the policy truncates small ones too
    io_policy = policy.IOPolicy(truncated_block_min_nbytes=0) if cuts else policy.IOPolicy()
    with policy.overriding(io_policy):
        a = zarrcy.create(shape, chunks=chunks, dtype="i2", compressor=None, store=store)
        for at in np.ndindex(a.cdata_shape):
            if not data.draw(st.booleans()):
                continue
            stated = tuple(data.draw(st.integers(0, n)) for n in chunks)
            values = np.arange(1, 1 + np.prod(stated, dtype=int), dtype="i2").reshape(stated)
            header = struct.pack(f">HH{len(shape)}I", 0, len(shape), *stated[::-1])
            store[".".join(map(str, at))] = header + values.astype(">i2").tobytes()
            place = tuple(slice(i * n, i * n + k) for i, n, k in zip(at, chunks, stated, strict=True))
            there = model[place]
            there[...] = values[tuple(map(slice, there.shape))]
        for _ in range(3):
            key = data.draw(npst.basic_indices(shape, allow_newaxis=False))
            np.testing.assert_array_equal(a[key], model[key])
            a[key] = model[key] = data.draw(st.integers(0, 99))
            lists = tuple(np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1))) for n in shape)
            np.testing.assert_array_equal(a.oindex[lists], model[np.ix_(*lists)])
            a.oindex[lists] = model[np.ix_(*lists)] = 77
            mask = data.draw(npst.arrays(bool, shape))
            np.testing.assert_array_equal(a.vindex[mask], model[mask])
            a.vindex[mask] = model[mask] = -5
        np.testing.assert_array_equal(zarrcy.open(store, mode="r")[...], model)


def test_a_large_block_is_written_cut_at_the_edge_of_the_array(tmp_path):
    a = zarrcy.zeros((3, 4), chunks=(2**15, 2**15), dtype="u1", compressor=None, store=N5Store(tmp_path))
    a[1, 2] = 5
    block = (tmp_path / "0" / "0").read_bytes()
    assert block[:12] == struct.pack(">HHII", 0, 2, 4, 3)
    assert len(block) == 12 + 3 * 4
    a.resize(5, 4)
    a[4, 3] = 6
    assert a[...].tolist() == [[0] * 4, [0, 0, 5, 0], [0] * 4, [0] * 4, [0, 0, 0, 6]]
    a[...] = 0
    assert a[...].sum() == 0


def test_the_codec_works_as_numcodecs_ask_it_to():
    codec = N5ChunkWrapper("<i2", (2, 3), compressor=numcodecs.Zlib(1))
    again = numcodecs.get_codec(codec.get_config())
    chunk = np.arange(6, dtype="<i2").reshape(2, 3)
    out = np.empty_like(chunk)
    assert again.decode(codec.encode(chunk), out=out) is out
    np.testing.assert_array_equal(out, chunk)
    with pytest.raises(ValueError, match="give one of them"):
        N5ChunkWrapper("<i2", (2, 3), {"id": "zlib"}, numcodecs.Zlib())


OLD_COMPRESSIONS = {"raw": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("form", ["compressionType", "compression without parameters"])
@pytest.mark.parametrize("name", OLD_COMPRESSIONS)
def test_the_compression_of_old_and_short_documents_is_read_and_kept(name, form, tmp_path):
    values = np.arange(6, dtype=">u2").reshape(2, 3)
    stated = {"compressionType": name} if form == "compressionType" else {"compression": {"type": name}}
    document = {"dimensions": [3, 2], "blockSize": [3, 2], "dataType": "uint16", "unit": "m", **stated}
    (tmp_path / "attributes.json").write_text(json.dumps(document))
    (tmp_path / "0").mkdir()
    header = struct.pack(">HHII", 0, 2, 3, 2)
    (tmp_path / "0" / "0").write_bytes(header + OLD_COMPRESSIONS[name](values.tobytes()))
    array = zarrcy.open_array(N5Store(tmp_path), mode="r+")
    np.testing.assert_array_equal(array[:], values)
    assert dict(array.attrs) == {"unit": "m"}
    array.append(values + 1)
    array.attrs["x"] = 1
    np.testing.assert_array_equal(zarrcy.open_array(N5Store(tmp_path))[:], [*values, *(values + 1)])
    assert json.loads((tmp_path / "attributes.json").read_text()) == {
        **document,
        "dimensions": [3, 4],
        "x": 1,
    }


def test_lz4_blocks_of_java_are_read_and_written(store):
    compression = {"type": "lz4", "blockSize": 65536}
    a = zarrcy.create(
        (300, 200), chunks=(150, 200), dtype="<i4", store=store, path="a", compressor=Lz4Blocks(65536)
    )
    values = np.arange(60000, dtype="<i4").reshape(300, 200)
    a[...] = values
    document = json.loads(bytes(store["a/.zarray"]))
    assert document["compressor"]["compressor_config"] == {"id": "n5_lz4", "block_size": 65536}
    again = zarrcy.open_array(store, path="a", mode="r+")
    np.testing.assert_array_equal(again[...], values)
    again[0, :3] = 7
    assert again[0, :4].tolist() == [7, 7, 7, 3]
    if isinstance(store, N5Store) and hasattr(store, "path"):
        with open(f"{store.path}/a/attributes.json") as file:
            assert json.load(file)["compression"] == compression


@pytest.mark.parametrize("stated", [{"compression": {"type": "lz4"}}, {"compressionType": "lz4"}], ids=str)
def test_documents_that_do_not_state_the_block_size_have_that_of_java(stated, tmp_path):
    document = {"dimensions": [30], "blockSize": [30], "dataType": "uint8", **stated}
    (tmp_path / "attributes.json").write_text(json.dumps(document))
    zarrcy.open_array(N5Store(tmp_path))[:] = np.arange(30)
    block = (tmp_path / "0").read_bytes()
    assert block[8:17] == b"LZ4Block\x16"
    assert zarrcy.open_array(N5Store(tmp_path))[:].tolist() == list(range(30))


@given(st.binary(max_size=400), st.integers(64, 200))
def test_lz4_blocks_decode_to_what_was_encoded(data, block_size):
    codec = Lz4Blocks(block_size)
    encoded = codec.encode(data)
    assert bytes(codec.decode(encoded)) == data
    # streams may follow each other
    assert bytes(codec.decode(encoded + encoded)) == 2 * data


@pytest.mark.parametrize("at", range(0, 21 + 12))
def test_a_changed_byte_of_an_lz4_block_is_an_error(at):
    encoded = bytearray(Lz4Blocks().encode(b"abcdefghijkl"))
    encoded[at] ^= 64
    if at == 8:
        # the binary logarithm of the block size is not needed
        encoded[at] ^= 64 ^ 128
    with pytest.raises((ValueError, RuntimeError)):
        Lz4Blocks().decode(bytes(encoded))


@pytest.mark.parametrize("n", [0, 5, 20, 30])
def test_a_truncated_lz4_block_is_an_error(n):
    with pytest.raises(ValueError, match=r"shorter|truncated"):
        Lz4Blocks().decode(Lz4Blocks().encode(b"abcdefghijkl")[: max(1, n)])


@pytest.mark.parametrize("old", ["lzo", 1, None])
def test_an_unknown_old_compression_is_refused(old, tmp_path):
    document = {"dimensions": [3], "blockSize": [3], "dataType": "uint16", "compressionType": old}
    (tmp_path / "attributes.json").write_text(json.dumps(document))
    with pytest.raises(MetadataError, match=r"'compressionType' is .*; it must be one of raw"):
        zarrcy.open_array(N5Store(tmp_path))
