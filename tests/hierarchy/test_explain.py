"""`explain` reports what a read does."""

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zarrcy
from zarrcy.errors import SelectionError
from zarrcy.testing import CountingStore

SHAPE, CHUNKS = (23, 17), (5, 4)
COUNTS = (5, 5)
MODEL = np.arange(1, 392, dtype="i8").reshape(SHAPE)


def chunk_numbers(selected):
    """Return the numbers of the chunks that hold the selected elements: the oracle."""
    where = np.unravel_index(np.asarray(selected).reshape(-1) - 1, SHAPE)
    at = [coords // n for coords, n in zip(where, CHUNKS, strict=True)]
    return np.unique(np.ravel_multi_index(at, COUNTS))


def whole(selected, chunk):
    row, column = np.unravel_index(chunk, COUNTS)
    inside = MODEL[row * 5 : row * 5 + 5, column * 4 : column * 4 + 4]
    return np.isin(inside, selected).all()


@st.composite
def selections(draw):
    mode = draw(st.sampled_from(["basic", "oindex", "vindex", "mask", "blocks"]))
    numbers = st.lists(st.integers(0, 16), min_size=1, max_size=6)
    if mode == "basic":
        return mode, tuple(
            slice(draw(st.integers(0, n)), draw(st.integers(0, n)), draw(st.integers(1, 4))) for n in SHAPE
        )
    if mode == "oindex":
        return mode, (draw(numbers), draw(numbers))
    if mode == "vindex":
        rows = draw(numbers)
        return mode, (rows, [(7 * row) % 17 for row in rows])
    if mode == "mask":
        return mode, np.random.default_rng(draw(st.integers(0, 99))).random(SHAPE) < draw(st.floats(0, 1))
    return mode, (draw(st.integers(0, 4)), slice(draw(st.integers(0, 2)), draw(st.integers(2, 5))))


@settings(max_examples=60, deadline=None)
@given(selections(), st.sampled_from([None, "lru"]))
def test_the_counts_of_chunks_and_bytes_are_those_of_the_selected_elements(selection, cache):
    store = {}
    a = zarrcy.array(MODEL, chunks=CHUNKS, store=store, cache_bytes=10**6 if cache else 0)
    for key in ("0.0", "3.2", "4.4"):
        del store[key]
    mode, key = selection
    accessor = {"basic": a, "mask": a}.get(mode) or getattr(a, mode)
    explained = accessor.explain(key)
    model = zarrcy.array(MODEL, chunks=CHUNKS)
    selected = (model if mode in ("basic", "mask") else getattr(model, mode))[key]
    touched = chunk_numbers(selected)
    stored = [store.get("{}.{}".format(*np.unravel_index(chunk, COUNTS))) for chunk in touched]
    assert (
        (explained.shape, explained.dtype) == (selected.shape, MODEL.dtype) == (accessor[key].shape, a.dtype)
    )
    assert explained.n_chunks == len(touched)
    assert explained.n_grid == a.nchunks
    assert explained.n_whole == sum(whole(selected, chunk) for chunk in touched)
    assert explained.n_absent == stored.count(None)
    assert explained.stored_nbytes == explained.read_nbytes == sum(len(value) for value in stored if value)
    assert explained.n_ranges == len(touched) - stored.count(None)
    assert explained.decoded_nbytes == explained.n_ranges * 5 * 4 * 8
    assert not explained.is_estimate
    if cache:
        again = accessor.explain(key)
        assert again.n_cached == len(touched) - stored.count(None)
        assert again.decoded_nbytes == again.stored_nbytes == 0


def test_explaining_a_read_does_not_read_or_cache_chunks():
    store = CountingStore()
    a = zarrcy.array(MODEL, chunks=CHUNKS, store=store, cache_bytes=10**6)
    store.counts.clear()
    explained = a.explain()
    assert store.gets == 0
    assert (explained.n_chunks, explained.stored_nbytes, explained.n_absent, explained.n_ranges) == (
        25,
        None,
        None,
        None,
    )
    assert explained.decoded_nbytes == 25 * 160
    assert a.cache_info().n_chunks == 0


def test_only_the_touched_pages_of_a_raw_chunk_are_counted(tmp_path):
    a = zarrcy.array(
        np.arange(2**20, dtype="i4").reshape(1024, 1024), chunks=1024, compressor=None, store=tmp_path
    )
    explained = a.explain((slice(0, 10), 5))
    pages = {(row * 4096 + 5 * 4) // 4096 for row in range(10)}
    assert explained.decoded_nbytes == explained.read_nbytes == len(pages) * 4096
    assert explained.stored_nbytes == 4 * 2**20


def test_only_the_touched_blocks_of_a_blosc_chunk_are_counted(tmp_path):
    values = np.arange(2**20, dtype="i4")
    codec = numcodecs.Blosc("lz4", blocksize=2**16)
    a = zarrcy.array(values, chunks=2**20, compressor=codec, store=tmp_path)
    explained = a.explain(slice(0, 3 * 2**14 + 1))
    assert explained.decoded_nbytes == 4 * 2**16
    assert explained.read_nbytes < explained.stored_nbytes / 4


def test_shard_indexes_show_which_inner_chunks_are_stored(tmp_path):
    a = zarrcy.create(
        (64, 64), chunks=(8, 8), shards=(32, 32), zarr_format=3, dtype="u1", codecs=["bytes"], store=tmp_path
    )
    a[:8, :24] = 1
    explained = a.explain((slice(0, 16), slice(0, 40)))
    assert (explained.n_shards, explained.n_chunks, explained.n_absent) == (2, 10, 7)
    assert explained.stored_nbytes == explained.decoded_nbytes == 3 * 64
    assert explained.read_nbytes == 3 * 64 + 16 * 16 + 4
    assert explained.n_ranges == 4


def test_an_invalid_selection_raises_the_error_of_a_read():
    a = zarrcy.array(MODEL, chunks=CHUNKS)
    with pytest.raises(IndexError, match="99"):
        a.explain((99, 0))
    with pytest.raises(SelectionError):
        a.explain((0, 0, 0))


def test_explaining_a_read_of_a_huge_array_needs_no_memory():
    a = zarrcy.zeros((10**7, 10**7), chunks=1000)
    explained = a.explain()
    assert explained.result_nbytes == 8 * 10**14
    assert explained.n_chunks == 10**8
    assert explained.is_estimate
    assert "about" in repr(explained)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"filters": [numcodecs.BZ2()], "compressor": None}, "does not decode bz2"),
        ({"filters": [numcodecs.Delta("i8")], "compressor": numcodecs.LZMA()}, "codecs: delta, lzma"),
        ({"compressor": numcodecs.LZMA()}, "does not decode lzma"),
        ({"dtype": object, "object_codec": numcodecs.JSON()}, "Python objects"),
        ({"cache_bytes": 10**6}, "kept in a cache"),
    ],
)
def test_the_reason_for_the_fallback_path_is_reported(options, why, tmp_path):
    if zarrcy._kernels.native is None:
        why = "no native path"
    a = zarrcy.array(MODEL, chunks=CHUNKS, store=tmp_path, **options)
    explained = a.explain()
    assert explained.path == "fallback"
    assert why in explained.why_fallback
    assert explained.why_fallback in explained._repr_html_()


@pytest.mark.skipif(zarrcy._kernels.native is None, reason="this build has no native path")
def test_the_native_path_is_reported(tmp_path, monkeypatch):
    zarrcy.array(MODEL, chunks=CHUNKS, store=tmp_path, compressor=None)
    explained = zarrcy.open_array(tmp_path).explain()
    assert (explained.path, explained.why_fallback) == ("native", None)
    monkeypatch.setattr("zarrcy.chunk_io.native.enabled", False)
    assert "ZARRCY_NATIVE" in zarrcy.open_array(tmp_path).explain().why_fallback


def test_the_number_of_threads_and_its_reason_are_reported():
    a = zarrcy.zeros((1024, 1024), chunks=256, threads=3)
    explained = a.explain()
    assert (explained.n_threads, explained.why_threads) == (3, "the option 'threads' of the array")
    with zarrcy.use_threads(2):
        assert a.explain().n_threads == 2
        assert a.explain(0).n_threads == 1 + (a.explain(0).n_chunks > 1)
        assert a.explain((0, 0)).n_threads == 1


class FarStore(dict):
    def has_latency(self):
        return True

    def getitems(self, keys):
        return {key: self[key] for key in keys if key in self}


@pytest.mark.parametrize("options", [{}, {"shards": (2**14,), "zarr_format": 3}], ids=["chunks", "shards"])
def test_the_number_of_values_in_flight_and_its_reason_are_reported(options, tmp_path, monkeypatch):
    options = {"shape": 2**20, "chunks": 2**13, "dtype": "i8", **options}
    explained = zarrcy.zeros(store={}, **options).explain()
    assert (explained.io_depth, explained.why_io_depth) == (1, "the values are in memory")
    with zarrcy.use_threads(2):
        explained = zarrcy.zeros(store=tmp_path / "a", **options).explain()
        assert explained.io_depth == 2
        assert explained.why_io_depth in repr(explained)
        far = zarrcy.zeros(store=FarStore(), **options)
        assert far.explain().io_depth == 64
        assert "server" in far.explain().why_io_depth
        assert far.explain(slice(0, 10)).io_depth == 1
        monkeypatch.setenv("ZARRCY_IO_DEPTH", "8")
        assert far.explain().io_depth == 8
    assert zarrcy.show_config("dicts")["values in flight"]["requests to a server"] == 8


def test_reads_of_fields_and_views_are_explained():
    records = np.zeros(10, [("n", "i4"), ("x", "f8"), ("v", "f4", (3,))])
    a = zarrcy.array(records, chunks=4)
    assert a.explain(("n", slice(2, 5))).shape == (3,)
    assert a.explain(("n", "x")).n_chunks == 3
    assert a.explain("v").n_chunks == 3
    assert zarrcy.array(MODEL).astype("f4").explain(0).dtype == "f4"
