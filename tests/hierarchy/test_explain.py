"""`explain` tells what a read would do, and a read then does it."""

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
    """Return how often each chunk is touched by the elements of a selection: the oracle, by their numbers."""
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
def test_the_counts_are_those_of_the_elements(selection, cache):
    store = {}
    a = zarrcy.array(MODEL, chunks=CHUNKS, store=store, cache_bytes=10**6 if cache else 0)
    for key in ("0.0", "3.2", "4.4"):
        del store[key]
    mode, key = selection
    asked = {"basic": a, "mask": a}.get(mode) or getattr(a, mode)
    told = asked.explain(key)
    model = zarrcy.array(MODEL, chunks=CHUNKS)
    selected = (model if mode in ("basic", "mask") else getattr(model, mode))[key]
    touched = chunk_numbers(selected)
    stored = [store.get("{}.{}".format(*np.unravel_index(chunk, COUNTS))) for chunk in touched]
    assert (told.shape, told.dtype) == (selected.shape, MODEL.dtype) == (asked[key].shape, a.dtype)
    assert told.n_chunks == len(touched)
    assert told.n_grid == a.nchunks
    assert told.n_whole == sum(whole(selected, chunk) for chunk in touched)
    assert told.n_absent == stored.count(None)
    assert told.stored_nbytes == told.read_nbytes == sum(len(value) for value in stored if value)
    assert told.n_ranges == len(touched) - stored.count(None)
    assert told.decoded_nbytes == told.n_ranges * 5 * 4 * 8
    assert not told.is_estimate
    if cache:
        again = asked.explain(key)
        assert again.n_cached == len(touched) - stored.count(None)
        assert again.decoded_nbytes == again.stored_nbytes == 0


def test_no_chunk_is_read_and_none_is_cached():
    store = CountingStore()
    a = zarrcy.array(MODEL, chunks=CHUNKS, store=store, cache_bytes=10**6)
    store.counts.clear()
    told = a.explain()
    assert store.gets == 0
    assert (told.n_chunks, told.stored_nbytes, told.n_absent, told.n_ranges) == (25, None, None, None)
    assert told.decoded_nbytes == 25 * 160
    assert a.cache_info().n_chunks == 0


def test_of_a_raw_chunk_only_the_pages_that_are_touched_are_counted(tmp_path):
    a = zarrcy.array(
        np.arange(2**20, dtype="i4").reshape(1024, 1024), chunks=1024, compressor=None, store=tmp_path
    )
    told = a.explain((slice(0, 10), 5))
    pages = {(row * 4096 + 5 * 4) // 4096 for row in range(10)}
    assert told.decoded_nbytes == told.read_nbytes == len(pages) * 4096
    assert told.stored_nbytes == 4 * 2**20


def test_of_a_blosc_chunk_the_blocks_are_counted(tmp_path):
    values = np.arange(2**20, dtype="i4")
    codec = numcodecs.Blosc("lz4", blocksize=2**16)
    a = zarrcy.array(values, chunks=2**20, compressor=codec, store=tmp_path)
    told = a.explain(slice(0, 3 * 2**14 + 1))
    assert told.decoded_nbytes == 4 * 2**16
    assert told.read_nbytes < told.stored_nbytes / 4


def test_of_shards_the_index_tells_what_is_stored(tmp_path):
    a = zarrcy.create(
        (64, 64), chunks=(8, 8), shards=(32, 32), zarr_format=3, dtype="u1", codecs=["bytes"], store=tmp_path
    )
    a[:8, :24] = 1
    told = a.explain((slice(0, 16), slice(0, 40)))
    assert (told.n_shards, told.n_chunks, told.n_absent) == (2, 10, 7)
    assert told.stored_nbytes == told.decoded_nbytes == 3 * 64
    assert told.read_nbytes == 3 * 64 + 16 * 16 + 4
    assert told.n_ranges == 4


def test_a_selection_that_can_not_be_is_the_error_of_a_read():
    a = zarrcy.array(MODEL, chunks=CHUNKS)
    with pytest.raises(IndexError, match="99"):
        a.explain((99, 0))
    with pytest.raises(SelectionError):
        a.explain((0, 0, 0))


def test_a_selection_of_a_huge_array_needs_no_memory():
    a = zarrcy.zeros((10**7, 10**7), chunks=1000)
    told = a.explain()
    assert told.result_nbytes == 8 * 10**14
    assert told.n_chunks == 10**8
    assert told.is_estimate
    assert "about" in repr(told)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"filters": [numcodecs.Delta("i8")]}, "filters: delta"),
        (
            {"zarr_format": 3, "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]},
            "another order",
        ),
        ({"compressor": numcodecs.LZMA()}, "does not decode lzma"),
        ({"dtype": object, "object_codec": numcodecs.JSON()}, "Python objects"),
        ({"cache_bytes": 10**6}, "kept in a cache"),
    ],
)
def test_the_general_lane_says_why(options, why, tmp_path):
    if zarrcy._kernels.native is None:
        why = "no native lane"
    a = zarrcy.array(MODEL, chunks=CHUNKS, store=tmp_path, **options)
    told = a.explain()
    assert told.path == "fallback"
    assert why in told.why_fallback
    assert told.why_fallback in told._repr_html_()


@pytest.mark.skipif(zarrcy._kernels.native is None, reason="there is no native lane")
def test_the_native_lane_is_told(tmp_path, monkeypatch):
    zarrcy.array(MODEL, chunks=CHUNKS, store=tmp_path, compressor=None)
    told = zarrcy.open_array(tmp_path).explain()
    assert (told.path, told.why_fallback) == ("native", None)
    monkeypatch.setattr("zarrcy.chunk_io.native.enabled", False)
    assert "ZARRCY_NATIVE" in zarrcy.open_array(tmp_path).explain().why_fallback


def test_the_threads_are_those_that_were_asked_for():
    a = zarrcy.zeros((1024, 1024), chunks=256, threads=3)
    told = a.explain()
    assert (told.n_threads, told.why_threads) == (3, "the option 'threads' of the array")
    with zarrcy.use_threads(2):
        assert a.explain().n_threads == 2
        assert a.explain(0).n_threads == 1 + (a.explain(0).n_chunks > 1)
        assert a.explain((0, 0)).n_threads == 1


def test_fields_and_views_are_explained_as_they_are_read():
    records = np.zeros(10, [("n", "i4"), ("x", "f8"), ("v", "f4", (3,))])
    a = zarrcy.array(records, chunks=4)
    assert a.explain(("n", slice(2, 5))).shape == (3,)
    assert a.explain(("n", "x")).n_chunks == 3
    assert a.explain("v").n_chunks == 3
    assert zarrcy.array(MODEL).astype("f4").explain(0).dtype == "f4"
