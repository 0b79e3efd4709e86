"""The cache of decoded chunks: results stay the same, the store gets fewer requests, and the size limit holds."""

import gc
import itertools
import multiprocessing
import pickle
import threading

import numcodecs
import numpy as np
import pytest
from cases import same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

import zarrcy
from zarrcy.chunk_io.chunk_cache import CacheInfo, ChunkCache, live_caches
from zarrcy.testing import CountingStore

SHAPE, CHUNKS = (10, 13), (4, 5)  # edge chunks on both axes
CHUNK_NBYTES = 4 * 5 * 8
KINDS = {
    "raw": {"compressor": None},
    "blosc": {"compressor": numcodecs.Blosc()},
    "fortran": {"compressor": numcodecs.Zlib(1), "order": "F"},
    "filtered": {"filters": [numcodecs.Delta("f8")]},
    "shards": {"zarr_format": 3, "shards": (8, 10), "codecs": ["bytes", numcodecs.Zstd(1)]},
}


def model():
    return np.arange(130, dtype="f8").reshape(SHAPE)


def filled(kind, store, cache_bytes=10**6):
    options = {"shape": SHAPE, "chunks": CHUNKS, "dtype": "f8", "fill_value": -1, **KINDS[kind]}
    options.pop("codecs", None) if kind != "shards" else None
    zarrcy.create(store=store, **options)[...] = model()
    return zarrcy.open_array(store, cache_bytes=cache_bytes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_chunk_that_was_read_is_not_requested_again(kind):
    store = CountingStore()
    a = filled(kind, store)
    values = model()
    assert same_bits(a[...], values)
    store.counts.clear()
    assert same_bits(a[...], values)
    assert same_bits(a[3:9:2, ::-3], values[3:9:2, ::-3])
    assert same_bits(a.oindex[[9, 0], [1, 12]], values[np.ix_([9, 0], [1, 12])])
    assert same_bits(a.vindex[[9, 0], [1, 12]], values[[9, 0], [1, 12]])
    assert same_bits(a[values % 7 == 0], values[values % 7 == 0])
    assert store.gets == 0
    assert a.cache_info().misses == 9
    assert a.cache_info().n_chunks == 9


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.sampled_from([300, 1000, 10**6]), st.data())
def test_reads_and_writes_in_any_order_match_numpy(kind, cache_bytes, data):
    a, values = filled(kind, {}, cache_bytes), model()
    view = a.view(dtype="u8") if kind != "filtered" else a
    for step in range(data.draw(st.integers(1, 12))):
        key = tuple(
            slice(data.draw(st.integers(0, n)), data.draw(st.integers(0, n)), data.draw(st.integers(1, 3)))
            for n in values.shape
        )
        operation = data.draw(
            st.sampled_from(["read", "read view", "write", "write view", "resize", "append"])
        )
        if operation == "read":
            assert same_bits(a[key], values[key])
        elif operation == "read view" and view.shape == values.shape:
            assert same_bits(np.ascontiguousarray(view[key]).view("f8"), np.ascontiguousarray(values[key]))
        elif operation == "write":
            a[key] = values[key] = step
        elif operation == "write view" and view.shape == values.shape and kind != "filtered":
            view[key] = np.float64(step).view("u8")
            values[key] = step
        elif operation == "resize":
            rows = data.draw(st.integers(1, 12))
            a.resize(rows, None)
            kept = values[:rows]
            values = np.full((rows, values.shape[1]), -1.0)
            values[: len(kept)] = kept
            # elements that were cut off in an edge chunk come back when the array grows
            a[len(kept) :] = -1
        elif operation == "append":
            a.append(np.full((2, values.shape[1]), step + 0.5))
            values = np.concatenate([values, np.full((2, values.shape[1]), step + 0.5)])
        info = a.cache_info()
        assert 0 <= info.nbytes <= cache_bytes
        assert (info.n_chunks == 0) == (info.nbytes == 0)
    assert same_bits(a[...], values)


def test_the_most_recently_used_chunks_stay():
    store = CountingStore()
    a = filled("blosc", store, cache_bytes=3 * (CHUNK_NBYTES + 256))
    a[0, 0], a[0, 5], a[0, 10], a[0, 1]
    a[4, 0]  # a fourth chunk evicts the chunk of a[0, 5]
    assert a.cache_info()[:4] == (1, 4, 1, 3)
    store.counts.clear()
    a[0, 0], a[0, 10], a[4, 0]
    assert store.gets == 0
    a[0, 5]
    assert store.gets == 1


def test_a_read_of_more_than_fits_does_not_change_the_cache():
    a = filled("blosc", {}, cache_bytes=3 * (CHUNK_NBYTES + 256))
    a[0, 0]
    before = a.cache_info()
    assert same_bits(a[...], model())
    assert a.cache_info() == before


def test_without_cache_bytes_there_is_no_cache():
    a = filled("blosc", {}, cache_bytes=0)
    a[...]
    assert a.cache_info() == CacheInfo()
    assert "cache" not in repr(a.explain())


def test_missing_chunks_are_requested_again():
    store = {}
    a = zarrcy.open_array(store, shape=4, chunks=2, dtype="i4", cache_bytes=10**6)
    assert a[...].tolist() == [0, 0, 0, 0]
    zarrcy.open_array(store)[:] = 5
    assert a[...].tolist() == [5, 5, 5, 5]


def test_a_view_that_decodes_in_another_way_has_its_own_cached_chunks():
    a = zarrcy.array(np.array([1.5, 2.5]), chunks=2, cache_bytes=10**6)
    as_integers = a.astype("i4")
    assert (a[0], as_integers[0], a[1], as_integers[1]) == (1.5, 1, 2.5, 2)
    assert a.cache_info().n_chunks == 2
    a[:] = 7.5
    assert (a[0], as_integers[0]) == (7.5, 7)


def test_a_failed_write_leaves_no_stale_chunk():
    class Failing(dict):
        fails = False

        def __setitem__(self, key, value):
            super().__setitem__(key, value)
            if self.fails:
                raise OSError("the disk is full")

    store = Failing()
    a = zarrcy.open_array(store, shape=4, chunks=2, dtype="i4", cache_bytes=10**6)
    a[:] = 1
    a[...]
    store.fails = True
    with pytest.raises(OSError, match="full"):
        a[:2] = 2
    assert a[0] == zarrcy.open_array(store)[0] == 2


def test_a_chunk_that_was_read_before_a_write_is_not_cached_after_it():
    cache = ChunkCache(10**6)
    _, changes = cache.get("stored", ["0"])
    cache.forget(["0"])
    cache.put("stored", "0", b"old", changes)
    assert cache.info().n_chunks == 0
    _, changes = cache.get("stored", ["0"])
    cache.put("stored", "0", b"new", changes)
    assert cache.get("stored", ["0"])[0] == [b"new"]


def test_threads_that_read_and_write_see_what_was_written():
    """Each thread writes and reads its own rows. Threads do not share chunks, but they share the cache."""
    a = zarrcy.open_array({}, shape=(4, 64), chunks=(1, 16), dtype="i8", cache_bytes=6 * (128 + 256))
    wrong = []

    def work(row):
        for turn in range(150):
            a[row] = turn
            values = a[row]
            if not (values == turn).all():
                wrong.append((row, turn, values))

    workers = [threading.Thread(target=work, args=(row,)) for row in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
    assert a.cache_info().nbytes <= a.cache_info().max_nbytes


def test_a_damaged_chunk_is_not_cached():
    store = {}
    a = filled("blosc", store)
    good, store["0.0"] = store["0.0"], b"damaged"
    with pytest.raises(zarrcy.errors.ChunkDecodeError, match=r"'0\.0'"):
        a[0, 0]
    store["0.0"] = good
    assert a[0, 1] == 1


def test_fields_are_read_from_the_same_cached_chunk():
    store = CountingStore()
    records = np.array([(1, 2.5), (3, 4.5)], [("n", "i4"), ("x", "f8")])
    zarrcy.array(records, store=store)
    a = zarrcy.open_array(store, cache_bytes=10**6)
    assert a["n"].tolist() == [1, 3]
    store.counts.clear()
    assert a["x"].tolist() == [2.5, 4.5]
    assert store.gets == 0


def test_objects_are_not_cached():
    a = zarrcy.array(["a", "bc"], dtype=str, cache_bytes=10**6)
    assert a[...].tolist() == ["a", "bc"]
    assert a.cache_info().n_chunks == 0


@pytest.mark.parametrize("n", [-1, 1.5, "1 MB", True])
def test_an_invalid_number_of_bytes_is_refused(n):
    with pytest.raises(ValueError, match="cache_bytes"):
        zarrcy.zeros(3, cache_bytes=n)


def test_groups_pickles_and_views_pass_the_options_on():
    g = zarrcy.open_group({}, cache_bytes=5000, threads=3)
    g["a"] = np.arange(6)
    a = g["a"]
    assert a.cache_info().max_nbytes == 5000
    assert g.create_dataset("b", shape=3).cache_info().max_nbytes == 5000
    again = pickle.loads(pickle.dumps(a))
    assert again.cache_info() == CacheInfo(max_nbytes=5000)
    assert again[2] == a.view()[2] == 2
    assert a.cache_info().misses == 1
    assert zarrcy.open({}, shape=3, cache_bytes=10).cache_info().max_nbytes == 10


def in_child(array, queue):
    queue.put((array.cache_info().n_chunks, int(array[...].sum()), array.cache_info().n_chunks))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
def test_a_forked_child_begins_with_an_empty_cache_even_if_the_lock_was_held():
    before = set(live_caches)
    a = zarrcy.array(np.ones(4, "i4"), chunks=2, cache_bytes=10**6)
    a[...]
    (cache,) = set(live_caches) - before
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with cache.lock:
        child = context.Process(target=in_child, args=(a, queue))
        child.start()
    assert queue.get(timeout=600) == (0, 4, 2)
    child.join(600)


def test_a_cache_is_freed_with_its_array():
    gc.collect()
    before = len(live_caches)
    a = zarrcy.zeros(3, cache_bytes=1000)
    assert len(live_caches) == before + 1
    del a
    gc.collect()
    assert len(live_caches) == before


REPLACEMENTS = {
    "data type": {"dtype": "f8"},
    "data type of the same size": {"dtype": "f4"},
    "chunks": {"chunks": 2},
    "chunks and data type, with chunks of the same length": {"dtype": "i2", "chunks": 10},
    "compressor": {"compressor": numcodecs.Zlib(1)},
    "parameters of the compressor": {"compressor": numcodecs.Zlib(2)},
    "filters": {"filters": [numcodecs.Delta("i4")]},
    "byte order": {"dtype": ">i4"},
    "order": {"shape": (5, 4), "chunks": (5, 2), "order": "F"},
    "fill value": {"fill_value": 7},
}
SHARD_REPLACEMENTS = {
    "no shards": {},
    "shards": {"shards": 10},
    "other shards": {"shards": 20},
    "chunks in shards": {"shards": 20, "chunks": 10},
    "codecs in shards": {"shards": 10, "codecs": ["bytes", numcodecs.Zstd(1)]},
    "data type in shards": {"shards": 10, "dtype": "f8"},
}
PAIRS = [
    (zarr_format, *pair)
    for zarr_format, kinds in ((2, {"none": {}, **REPLACEMENTS}), (3, SHARD_REPLACEMENTS))
    for pair in itertools.permutations(kinds.values(), 2)
]


@pytest.mark.parametrize(("zarr_format", "before", "after"), PAIRS)
def test_an_array_that_another_handle_replaced_is_not_read_from_the_cache(zarr_format, before, after):
    store = {}
    options = {"shape": 20, "chunks": 5, "dtype": "i4", "fill_value": 3, "zarr_format": zarr_format}
    if zarr_format == 2:
        options["compressor"] = numcodecs.Zlib(3)
    zarrcy.create(store=store, **options | before)[...] = 1
    a = zarrcy.open_array(store, mode="r", cache_metadata=False, cache_bytes=10**6)
    assert (a[...] == 1).all()
    assert (a[...] == 1).all()
    store.clear()
    zarrcy.create(store=store, **options | after)[...] = 2
    assert (a[...] == 2).all()
    assert (a[...] == 2).all()


def test_chunks_stay_in_the_cache_while_others_change_shape_and_attributes():
    store = CountingStore()
    a = filled("blosc", store)
    a = zarrcy.open_array(store, mode="r", cache_metadata=False, cache_bytes=10**6)
    assert same_bits(a[...], model())
    other = zarrcy.open_array(store)
    other.attrs["unit"] = "m"
    other.resize(20, 13)
    store.counts.clear()
    assert same_bits(a[:8, :10], model()[:8, :10])
    assert a.shape == (20, 13)
    assert store.counts["get", "chunk"] == 0
