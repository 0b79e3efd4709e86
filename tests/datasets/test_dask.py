"""Arrays of dask: tokens, aligned chunks, reading, and writing with locks only where they are needed."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zarrcy
from zarrcy.testing import CountingStore

dask = pytest.importorskip("dask", reason="dask is not installed: pip install 'zarrcy[dask]'")
da = pytest.importorskip("dask.array", reason="dask is not installed: pip install 'zarrcy[dask]'")

from dask.base import tokenize  # noqa: E402

from zarrcy.dask import aligned_chunks, from_zarr, to_zarr  # noqa: E402

both_formats = pytest.mark.parametrize("zarr_format", [2, 3])
# Warnings of dask are not about zarrcy.
pytestmark = pytest.mark.filterwarnings("default")


# -- tokens ------------------------------------------------------------------------------------------

PLACES = {
    "directory": lambda path: str(path / "a"),
    "archive": lambda path: str(path / "a.zip"),
    "database": lambda path: zarrcy.SQLiteStore(path / "a.sqlite"),
    "memory": lambda path: zarrcy.MemoryStore(),
    "mapping": lambda path: CountingStore(),
}


@both_formats
@pytest.mark.parametrize("kind", PLACES)
def test_a_token_changes_with_the_metadata(kind, zarr_format, tmp_path):
    place = PLACES[kind](tmp_path)
    a = zarrcy.create(10, chunks=5, dtype="i4", store=place, zarr_format=zarr_format)
    tokens = [tokenize(a)]
    assert tokenize(a) == tokens[0]
    a.resize(12)
    tokens.append(tokenize(a))
    a.fill_value = 7
    tokens.append(tokenize(a))
    tokens += [tokenize(a.view(dtype="u4")), tokenize(a.astype("f8"))]
    other = zarrcy.create(12, chunks=5, dtype="i4", store={}, zarr_format=zarr_format)
    tokens.append(tokenize(other))
    assert len(set(tokens)) == len(tokens)


@both_formats
def test_an_array_of_consolidated_metadata_has_a_token(zarr_format):
    store = {}
    zarrcy.open_group(store, zarr_format=zarr_format).zeros("a", shape=3)
    zarrcy.consolidate_metadata(store)
    a = zarrcy.open_consolidated(store)["a"]
    assert tokenize(a) == tokenize(a)


@both_formats
def test_a_token_changes_if_an_equal_array_replaces_the_array(zarr_format, tmp_path):
    def new():
        return zarrcy.create(
            10, chunks=5, dtype="i4", store=tmp_path / "a", zarr_format=zarr_format, overwrite=True
        )

    first = new()
    before = tokenize(first)
    assert tokenize(zarrcy.open_array(tmp_path / "a")) == before
    assert tokenize(pickle.loads(pickle.dumps(first))) == before
    second = new()
    assert tokenize(second) != before
    assert tokenize(first) == tokenize(second)


def test_elements_are_not_read_for_a_token():
    store = CountingStore()
    a = zarrcy.create(10, chunks=1, store=store)
    a[:] = 1
    store.counts.clear()
    tokenize(a)
    assert store.counts["get", "chunk"] == 0
    # the data of a store in memory are not pickled either
    big = zarrcy.MemoryStore()
    big["0"] = Unpicklable(b"x")
    tokenize(big)
    tokenize(zarrcy.create(10, store=zarrcy.KVStore({"a/0": Unpicklable(b"x")})))


class Unpicklable(bytes):
    def __reduce_ex__(self, protocol):
        raise AssertionError("the value is pickled")


def test_stores_of_one_address_in_memory_have_different_tokens():
    tokens = set()
    for _ in range(50):
        tokens.add(tokenize(zarrcy.create(10, store=zarrcy.MemoryStore())))
    assert len(tokens) == 50


# -- chunks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nbytes", [0, 100, 1000, 10**6, None, "1 kiB"])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((20, 30), {"chunks": (4, 7)}),
        ((20, 30), {"chunks": (2, 5), "shards": (6, 10), "zarr_format": 3}),
        ((0, 5), {"chunks": (2, 2)}),
        ((), {}),
        ((9,), {"chunks": 4, "dtype": str}),
    ],
)
def test_borders_of_aligned_chunks_are_borders_of_stored_values(shape, options, nbytes):
    a = zarrcy.create(shape, store={}, **{"dtype": "i2", **options})
    chunks = aligned_chunks(a, nbytes)
    assert tuple(map(sum, chunks)) == shape
    for lengths, stored, n in zip(chunks, a.shards or a.chunks, shape, strict=True):
        assert all(border % stored == 0 or border == n for border in np.cumsum(lengths))
    if nbytes == 0 and a.size:
        assert [lengths[0] for lengths in chunks] == [min(n, m) for n, m in zip(shape, a.shards or a.chunks)]
    # dask itself aligns with shards, or chunks
    if not a.dtype.hasobject and a.size:
        for lengths, stored, n in zip(da.from_array(a).chunks, a.shards or a.chunks, shape, strict=True):
            assert all(border % stored == 0 or border == n for border in np.cumsum(lengths))


def test_chunks_of_different_lengths_are_joined_at_their_borders():
    document = (
        b'{"zarr_format": 3, "node_type": "array", "shape": [10], "data_type": "int32", "chunk_grid": {"name": '
        b'"rectilinear", "configuration": {"kind": "inline", "chunk_shapes": [[1, 2, 3, 4]]}}, "chunk_key_encoding": '
        b'{"name": "default"}, "fill_value": 0, "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}'
    )
    a = zarrcy.open_array({"zarr.json": document})
    a[:] = np.arange(10)
    assert aligned_chunks(a, 0) == ((1, 2, 3, 4),)
    assert aligned_chunks(a, 16) == ((3, 3, 4),)
    np.testing.assert_array_equal(from_zarr(a, chunks=None).compute(), np.arange(10))


# -- reading and writing ---------------------------------------------------------------------------------

DATA = np.arange(240.0).reshape(20, 12)


@both_formats
@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_an_array_comes_back(scheduler, zarr_format, tmp_path):
    with dask.config.set(scheduler=scheduler):
        x = da.from_array(DATA, chunks=(6, 5))
        z = to_zarr(x, tmp_path / "a", "group/x", zarr_format=zarr_format)
        assert z.chunks == (6, 5)
        assert z.zarr_format == zarr_format
        for chunks in ("auto", None, (7, 7)):
            np.testing.assert_array_equal(from_zarr(tmp_path / "a", "group/x", chunks).compute(), DATA)
        with pytest.raises(zarrcy.ContainsArrayError):
            to_zarr(x, tmp_path / "a", "group/x")
        options = {"shards": (12, 10), "chunks": (6, 5), "zarr_format": 3}
        z = to_zarr(x + 1, tmp_path / "a", "group/x", overwrite=True, **options)
        np.testing.assert_array_equal(z[:], DATA + 1)


def test_regions_are_written_and_arrays_grow(tmp_path):
    place = str(tmp_path / "a")
    z = zarrcy.create((20, 12), chunks=(6, 5), store=place, dtype="f8")
    x = da.from_array(DATA, chunks=(7, 12))
    to_zarr(x[:10], z, region=np.s_[:10])
    to_zarr(x[10:, 3:], place, region=np.s_[10:, 3:])
    to_zarr(x[10:, :3], place, region=(slice(10, None), slice(0, 3)))
    np.testing.assert_array_equal(z[:], DATA)
    to_zarr(x[:5], z, append=0)
    to_zarr(da.zeros((25, 2), chunks=2), place, append=-1)
    z = zarrcy.open_array(place)
    np.testing.assert_array_equal(z[:], np.pad(np.concatenate([DATA, DATA[:5]]), ((0, 0), (0, 2))))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"region": np.s_[:3]}, "does not fit the region"),
        ({"region": np.s_[::2]}, "step 1"),
        ({"append": 0}, "can't be appended"),
        ({"append": 0, "region": np.s_[:3]}, "exclude each other"),
        ({"region": np.s_[:], "chunks": 3}, "new array"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_changes(options, problem):
    z = zarrcy.zeros((20, 12), chunks=(6, 5), store={})
    with pytest.raises(ValueError, match=problem):
        to_zarr(da.ones((5, 4)), z, **options)
    assert z.shape == (20, 12)
    assert not z[:].any()


def test_chunks_that_cannot_be_stored_are_refused():
    x = da.ones(10, chunks=((2, 3, 5),))
    with pytest.raises(ValueError, match="rechunk"):
        to_zarr(x, {})
    z = to_zarr(x, {}, chunks=4)
    assert z[:].all()
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        to_zarr(x[x > 0], {})


def test_the_elements_are_written_later(tmp_path):
    later = to_zarr(da.from_array(DATA, chunks=(6, 5)), tmp_path / "a", compute=False)
    z = zarrcy.open_array(tmp_path / "a", mode="r")
    assert not z[:].any()
    later.compute()
    np.testing.assert_array_equal(z[:], DATA)
    stored = to_zarr(da.from_array(DATA, chunks=(6, 5)), tmp_path / "b", return_stored=True)
    np.testing.assert_array_equal(stored.compute(), DATA)


def test_unaligned_parts_of_one_chunk_are_all_written(tmp_path):
    data = np.arange(10_000).reshape(100, 100)
    for i in range(3):
        z = to_zarr(da.from_array(data, chunks=(7, 3)), tmp_path / f"{i}", chunks=(50, 40))
        np.testing.assert_array_equal(z[:], data)


def test_a_graph_holds_places_and_not_data(tmp_path):
    big = zarrcy.create(10**6, chunks=10**5, dtype="f8", store=tmp_path / "a")
    x = from_zarr(big)
    assert len(pickle.dumps(big)) < 1000
    assert len(pickle.dumps(dict(x.dask))) < 20_000
    later = to_zarr(x + 1, tmp_path / "b", compute=False)
    assert len(pickle.dumps(dict(later.dask))) < 1000 * (3 * x.npartitions + 5)


PROGRAM = Path(__file__).with_name("cluster_job.py")


def test_the_workers_of_a_cluster_write_together(tmp_path):
    pytest.importorskip("distributed", reason="distributed is not installed: pip install 'zarrcy[dask]'")
    folders = [str(Path(zarrcy.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)},
    )
    assert done.stdout == "fine\n", done.stderr
