"""`verify` reports damaged values, documents and keys, and nothing else."""

import threading

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy.chunk_io.context import ChunkContext
from zarrcy.storage import MemoryStore
from zarrcy.testing import FaultyStore

ARRAYS = {
    "plain": {"dtype": "f8"},
    "raw": {"dtype": "i2", "compressor": None},
    "filtered": {"dtype": "i4", "filters": [numcodecs.Delta("i4")]},
    "checked": {"dtype": "i4", "checksum": True},
    "zstd": {"dtype": "i4", "compressor": numcodecs.Zstd(3)},
    "gzip": {"dtype": "u1", "compressor": numcodecs.GZip(1)},
    "text": {"dtype": str},
    "fields": {"dtype": [("a", "i4"), ("b", "S3")]},
    "fortran": {"dtype": ">f4", "order": "F"},
    "slashes": {"dtype": "u1", "dimension_separator": "/"},
}
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
NEWER = {
    "shards": {"dtype": "i4", "shards": (4, 8)},
    "checked shards": {"dtype": "i4", "shards": (4, 8), "checksum": True},
    "shards in shards": {
        "dtype": "i4",
        "chunks": (4, 8),
        "codecs": [
            {
                "name": "sharding_indexed",
                "configuration": {
                    "chunk_shape": [2, 4],
                    "codecs": [LITTLE, "crc32c"],
                    "index_codecs": [LITTLE, "crc32c"],
                },
            },
            "gzip",
        ],
    },
    "v2 keys": {"dtype": "i4", "chunk_key_encoding": "v2"},
}
FORMATS = [(2, ARRAYS), (3, ARRAYS | NEWER)]


def fill(z):
    """Write elements that differ from the fill value."""
    if z.dtype.kind == "O":
        z[...] = "text"
    elif z.dtype.names:
        z[...] = np.ones(z.shape, z.dtype)
    else:
        z[...] = np.arange(1, z.size + 1).reshape(z.shape)


def hierarchy(store, format_number, arrays=ARRAYS):
    root = zarrcy.open_group(store, mode="w", zarr_version=format_number)
    group = root.create_group("some/group")
    group.attrs["k"] = [1, None]
    for name, options in arrays.items():
        fill(group.create_dataset(name, shape=(5, 9), **{"chunks": (2, 4), **options}))
    group.create_dataset("scalar", shape=(), dtype="i4")[...] = 7
    group.create_dataset("none", shape=(0, 3), chunks=2, dtype="i4")
    group.create_dataset("unwritten", shape=(4, 3), chunks=2, dtype="i4").attrs["x"] = 1
    return root


def problems_of(report):
    return [(problem.kind, problem.key) for problem in report.problems]


@pytest.mark.parametrize(("format_number", "arrays"), FORMATS, ids=["v2", "v3"])
@pytest.mark.parametrize(
    "kind", [dict, MemoryStore, "DirectoryStore", "NestedDirectoryStore", "SQLiteStore", "zip"]
)
def test_a_sound_hierarchy_has_no_problems(kind, format_number, arrays, tmp_path):
    store = kind() if callable(kind) else {} if kind == "zip" else getattr(zarrcy, kind)(tmp_path / "a")
    root = hierarchy(store, format_number, arrays)
    if format_number == 2:
        zarrcy.consolidate_metadata(store)
    if kind == "zip":
        with zarrcy.ZipStore(tmp_path / "a.zip", mode="w") as archive:
            archive.update(store)
        store = zarrcy.ZipStore(tmp_path / "a.zip", mode="r")
        root = zarrcy.open_group(store, mode="r")
    report = zarrcy.verify(store)
    assert problems_of(report) == []
    assert report.ok
    assert len(report.arrays) == len(arrays) + 3
    assert report.n_groups == 3
    for tally in report.arrays:
        z = root[tally.path]
        assert (tally.n_values, tally.n_bad) == (tally.n_possible if z.name[-9:] != "unwritten" else 0, 0)
        if z.name.endswith("shards") and "in" not in z.name:
            assert tally.n_chunks == z.nchunks
        assert z.verify().arrays == (tally,)


@pytest.mark.parametrize("damage", ["truncate", "empty", "nonsense", "longer"])
@pytest.mark.parametrize(("format_number", "arrays"), FORMATS, ids=["v2", "v3"])
def test_exactly_the_damaged_value_is_reported(format_number, arrays, damage):
    store = {}
    hierarchy(store, format_number, arrays)
    documents = (".zarray", ".zgroup", ".zattrs", "zarr.json")
    chunks = [key for key in store if not key.endswith(documents)]
    assert len(chunks) > 60
    for key in chunks:
        good = store[key]
        if damage == "longer" and not ("raw/" in key or ("checked/" in key and format_number == 3)):
            # not every codec checks bytes after the end of its frame
            continue
        store[key] = {"truncate": good[:-1], "empty": b"", "nonsense": b"\xff" * 50, "longer": good + b"\0"}[
            damage
        ]
        report = zarrcy.verify(store)
        assert {key for _, key in problems_of(report)} == {key}, key
        assert {kind for kind, _ in problems_of(report)} == {"chunk"}
        assert [tally.path for tally in report.arrays if tally.n_bad] == [report.problems[0].path]
        store[key] = good


@pytest.mark.parametrize(
    "options", [{"zarr_format": 2}, {"zarr_format": 3}, {"zarr_format": 3, "shards": (4, 8)}]
)
def test_every_flipped_bit_is_found_with_checksums_and_zarr_python_agrees(options, tmp_path):
    zarr = pytest.importorskip("zarr", minversion="3")
    z = zarrcy.create((5, 9), chunks=(2, 4), dtype="i4", store=tmp_path / "a", checksum=True, **options)
    fill(z)
    values = z[:]
    key = next(key for key in z.store if key.endswith("0"))
    good = z.store[key]
    for at in range(0, len(good), 3):
        z.store[key] = good[:at] + bytes([good[at] ^ 0x20]) + good[at + 1 :]
        report = z.verify()
        try:
            is_read = np.array_equal(zarr.open_array(tmp_path / "a", mode="r")[:], values)
        except Exception:  # the codecs raise many classes of exceptions
            is_read = False
        assert report.ok == is_read or {key for _, key in problems_of(report)} == {key}
        assert is_read or not report.ok, at


def test_damaged_inner_chunks_have_numbers_and_a_damaged_index_is_found():
    store = {}
    z = zarrcy.create(
        8, chunks=2, shards=8, dtype="i4", store=store, zarr_format=3, codecs=["bytes", "crc32c"]
    )
    z[:] = range(8)
    good = bytearray(store["c/0"])
    store["c/0"] = bytes([good[0] ^ 1]) + bytes(good[1:24]) + bytes([good[24] ^ 1]) + bytes(good[25:])
    report = z.verify()
    assert [(p.key, p.inner) for p in report.problems] == [("c/0", 0), ("c/0", 2)]
    assert (report.arrays[0].n_values, report.arrays[0].n_chunks, report.arrays[0].n_bad) == (1, 4, 1)
    store["c/0"] = bytes(good[:-10]) + bytes([good[-10] ^ 1]) + bytes(good[-9:])
    (problem,) = z.verify().problems
    assert "its index is damaged" in problem.text
    assert problem.inner is None


BAD_DOCUMENTS = [
    b"",
    b"no JSON",
    b"[1]",
    b"{}",
    b"\xff\xfe",
    b'{"zarr_format": 7}',
    b"[" * 100_000,
    b'{"zarr_format": 3, "node_type": "array", "shape": [-1]}',
]


CASES = [
    (number, name, document)
    for number, name in [(2, ".zarray"), (2, ".zattrs"), (2, ".zgroup"), (3, "zarr.json")]
    for document in BAD_DOCUMENTS
    # any JSON object is a valid attributes document
    if name != ".zattrs" or not document.startswith(b"{")
]


@pytest.mark.parametrize(("format_number", "name", "document"), CASES)
def test_a_malformed_document_is_reported_and_keys_below_are_not_judged(format_number, name, document):
    store = {}
    hierarchy(store, format_number)
    path = "some/group/" if name == ".zgroup" else "some/group/plain/"
    store[path + name] = document
    assert ("metadata", path + name) in problems_of(zarrcy.verify(store))
    assert {key for _, key in problems_of(zarrcy.verify(store))} == {path + name}


def test_an_unknown_codec_is_reported():
    store = {}
    zarrcy.create(4, chunks=2, store=store)[:] = 1
    store[".zarray"] = store[".zarray"].replace(b'"blosc"', b'"nonesuch"')
    (problem,) = zarrcy.verify(store).problems
    assert (problem.kind, problem.key) == ("metadata", ".zarray")
    assert "'nonesuch', which is not available" in problem.text


@pytest.mark.parametrize("format_number", [2, 3])
def test_keys_that_belong_to_no_node_are_reported(format_number):
    store = {}
    root = hierarchy(store, format_number)
    chunk = "c/0/5" if format_number == 3 else "0.5"
    strays = {
        "README.md": "stray",
        "some/group/notes.txt": "stray",
        "some/group/plain/.DS_Store": "stray",
        f"some/group/plain/{chunk}": "outside",
        "some/group/plain/c/0/0/0": "stray",
        "some/group/plain/0.01": "stray",
        "elsewhere/0.0": "stray",
    }
    store.update(dict.fromkeys(strays, b"x"))
    assert {key: kind for kind, key in problems_of(zarrcy.verify(store))} == strays
    assert problems_of(root["some/group/plain"].verify()) == sorted(
        ((kind, key) for key, kind in strays.items() if "plain" in key), key=lambda item: item[1]
    )
    assert problems_of(zarrcy.verify(store, "some/group/raw")) == []


def test_a_node_below_an_array_and_attributes_without_a_node_are_reported():
    store = {}
    zarrcy.create(4, chunks=2, store=store, path="a")[:] = 1
    store["a/b/.zgroup"] = b'{"zarr_format": 2}'
    store["a/b/c"] = b""
    store["x/.zattrs"] = b"{}"
    assert problems_of(zarrcy.verify(store)) == [("stray", "a/b/.zgroup"), ("stray", "x/.zattrs")]
    store["a/.zgroup"] = b'{"zarr_format": 2}'
    assert ("metadata", "a/.zgroup") in problems_of(zarrcy.verify(store))


def test_the_chunks_of_an_array_in_two_formats_are_checked_in_both():
    store = {}
    zarrcy.create(4, chunks=2, dtype="i4", store=store, zarr_format=3)[:] = 1
    other = {}
    zarrcy.create(4, chunks=2, dtype="i4", store=other)[:] = 1
    store.update(other)
    report = zarrcy.verify(store)
    assert problems_of(report) == []
    assert [tally.n_values for tally in report.arrays] == [2, 2]


def test_stale_consolidated_metadata_are_reported():
    store = {}
    root = hierarchy(store, 2)
    root["some/group/plain"].attrs["nan"] = float("nan")
    zarrcy.consolidate_metadata(store)
    assert zarrcy.verify(store).ok
    root["some/group/plain"].resize(9, 9)
    (problem,) = zarrcy.verify(store).problems
    assert (problem.kind, problem.key) == ("metadata", ".zmetadata")
    assert "its copy of 'some/group/plain/.zarray' differs from the document" in problem.text
    zarrcy.consolidate_metadata(store)
    root.create_dataset("new", shape=1)
    del root["some/group/raw"]
    (problem,) = zarrcy.verify(store).problems
    assert "'new/.zarray' and 1 more" in problem.text
    store[".zmetadata"] = b"{}"
    assert problems_of(zarrcy.verify(store)) == [("metadata", ".zmetadata")]


def test_chunks_in_another_store_are_verified_there():
    store, chunks = {}, {}
    z = zarrcy.create(4, chunks=2, store=store, chunk_store=chunks, path="a")
    z[:] = 1
    assert z.verify().ok
    assert z.verify().arrays[0].n_values == 2
    store["a/0"] = chunks["a/.zarray"] = b"x"
    chunks["a/1"] = b"x"
    assert problems_of(z.verify()) == [("stray", "a/.zarray"), ("stray", "a/0"), ("chunk", "a/1")]


def test_a_value_that_can_not_be_read_or_decoded_is_unchecked(monkeypatch):
    store = FaultyStore({}, fault="crash", counted=lambda what, key: what == "reading" and key == "1")
    z = zarrcy.create(6, chunks=2, store=store)
    z[:] = 1
    store.fail_at = 0
    (problem,) = z.verify().problems
    assert (problem.kind, problem.key) == ("unchecked", "1")
    assert "OSError: operation" in problem.text
    monkeypatch.setenv("ZARRCY_ALLOW_PICKLE", "1")
    z = zarrcy.create(2, chunks=1, dtype=object, object_codec=numcodecs.Pickle(), store={})
    z[:] = ["a", "b"]
    assert z.verify().ok
    monkeypatch.delenv("ZARRCY_ALLOW_PICKLE")
    assert problems_of(z.verify()) == [("unchecked", "0"), ("unchecked", "1")]
    assert zarrcy.repair(z.store, quarantine=True) == []


def test_several_threads_find_the_same_problems(monkeypatch, tmp_path):
    monkeypatch.setenv("ZARRCY_THREADS", "4")
    z = zarrcy.create((40, 20_000), chunks=(1, 20_000), store=tmp_path / "a", checksum=True, zarr_format=3)
    z[:] = np.random.default_rng(0).random(z.shape)
    seen, another_came = set(), threading.Event()
    decode = ChunkContext.decode

    def decode_when_another_came(*args):
        seen.add(threading.get_ident())
        if len(seen) > 1:
            another_came.set()
        another_came.wait(600)
        return decode(*args)

    monkeypatch.setattr(ChunkContext, "decode", decode_when_another_came)
    for row in (3, 17, 39):
        place = tmp_path / "a" / "c" / str(row) / "0"
        place.write_bytes(place.read_bytes()[:-1])
    report = z.verify()
    assert problems_of(report) == [("chunk", f"c/{row}/0") for row in (17, 3, 39)]
    assert (report.arrays[0].n_values, report.arrays[0].n_bad) == (40, 3)
    assert len(seen) > 1


def test_a_document_that_can_not_be_read_is_unchecked_and_keys_below_are_not_judged():
    inner = {}
    hierarchy(inner, 2)
    store = FaultyStore(
        inner, 0, "crash", lambda what, key: what == "reading" and key.endswith("plain/.zarray")
    )
    assert problems_of(zarrcy.verify(store)) == [("unchecked", "some/group/plain/.zarray")]


def test_documents_are_read_in_few_requests():
    class Trips(zarrcy.MemoryStore):
        n_trips = 0

        def getitems(self, keys, *, contexts=None):
            self.n_trips += 1
            return super().getitems(keys, contexts=contexts)

    store = Trips()
    root = zarrcy.open_group(store, mode="w")
    for number in range(50):
        root.create_dataset(f"a{number}", shape=4, chunks=2)
    store.n_trips = 0
    assert zarrcy.verify(store).ok
    assert store.n_trips == 1
