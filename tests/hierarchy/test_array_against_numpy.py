"""Arrays read and write what NumPy reads and writes, without needless store traffic."""

import warnings

import numcodecs
import numpy as np
import pytest
from builds import on_both_kernels, using
from cases import (
    CountingStore,
    basic_keys,
    chunks_partly_touched,
    chunks_touched,
    data_of,
    layouts,
    same_bits,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import zarrcy
from zarrcy.chunk_io.policy import IOPolicy, overriding


def stored(layout, **kwargs):
    """Return a new array in a counting store with the given layout, and the data to write to it."""
    a = zarrcy.create(store=CountingStore(), **layout, **kwargs)
    return a, data_of(layout["shape"], layout["dtype"])


@on_both_kernels
@given(data=st.data(), layout=layouts())
def test_reading_a_basic_selection_gives_what_numpy_gives(kernels, data, layout):
    with using(kernels):
        a, model = stored(layout)
        a[...] = model
    key = data.draw(basic_keys(a.shape))
    a.store.counts.clear()
    assert same_bits(a[key], np.asarray(model[key], model.dtype))
    assert a.store.gets == len(chunks_touched(key, a.shape, a.chunks)), (
        "each touched chunk is read once, and nothing else"
    )


@on_both_kernels
@given(data=st.data(), layout=layouts())
def test_writing_a_basic_selection_changes_what_numpy_changes(kernels, data, layout):
    with using(kernels):
        a, model = stored(layout, write_empty_chunks=data.draw(st.booleans()))
    if data.draw(st.booleans()):
        a[...] = model
    else:
        model = np.zeros_like(model)
    key = data.draw(basic_keys(a.shape))
    value = np.asarray(data_of(a.shape, a.dtype).ravel()[::-1].reshape(a.shape)[key], a.dtype)
    model = np.asarray(model, a.dtype)
    kind = data.draw(st.sampled_from(["exact", "first axis of one", "Fortran"]))
    if kind == "first axis of one":
        value = value[:1] if value.ndim else value
    elif kind == "Fortran":
        value = np.asfortranarray(value) if value.ndim else value
    a.store.counts.clear()
    a[key] = value
    model[key] = value
    touched = chunks_touched(key, a.shape, a.chunks)
    partly = chunks_partly_touched(key, a.shape, a.chunks)
    assert a.store.gets == len(partly), "a chunk that is replaced as a whole is not read"
    if a.write_empty_chunks:
        assert a.store.sets == len(touched), "each touched chunk is written once, and nothing else"
    assert same_bits(a[...], np.asarray(model, a.dtype))
    assert same_bits(zarrcy.open_array(a.store, mode="r")[...], np.asarray(model, a.dtype))


@on_both_kernels
@given(data=st.data(), layout=layouts(max_dims=3))
def test_a_scalar_is_broadcast_to_a_selection_as_in_numpy(kernels, data, layout):
    with using(kernels):
        a, model = stored(layout)
        a[...] = model
    key = data.draw(basic_keys(a.shape))
    value = data_of((7,), a.dtype)[data.draw(st.integers(0, 6))]
    a[key] = value
    model[key] = value
    assert same_bits(a[...], model)


@on_both_kernels
@given(data=st.data(), layout=layouts(max_dims=3))
def test_out_is_filled_and_returned(kernels, data, layout):
    with using(kernels):
        a, model = stored(layout)
        a[...] = model
    key = data.draw(basic_keys(a.shape))
    expected = np.asarray(model[key], a.dtype)
    out = np.zeros(expected.shape, a.dtype, order=data.draw(st.sampled_from("CF")))
    model = np.asarray(model, a.dtype)
    assert a.get_basic_selection(key, out=out) is out
    assert same_bits(out, expected)


@on_both_kernels
@given(data=st.data(), layout=layouts(max_dims=3))
def test_resizing_keeps_the_common_part_and_fills_the_rest(kernels, data, layout):
    with using(kernels):
        a, model = stored(layout)
        a[...] = model
    new_shape = tuple(data.draw(st.integers(0, n + 5)) for n in a.shape)
    a.resize(new_shape)
    expected = np.zeros(new_shape, a.dtype)
    common = tuple(slice(min(n, m)) for n, m in zip(model.shape, new_shape, strict=True))
    expected[common] = model[common]
    if all(n <= m for n, m in zip(model.shape, new_shape, strict=True)):
        assert same_bits(a[...], expected)
    else:
        # elements that were cut off may still be in an edge chunk, so compare the common part only
        assert same_bits(a[common], expected[common])
    inside = chunks_touched((), new_shape, a.chunks)
    kept = {key for key in a.store if not key.startswith(".z")}
    assert kept <= {(a.dimension_separator.join(map(str, at)) or "0") for at in inside}


@on_both_kernels
@given(data=st.data(), layout=layouts(max_dims=3))
def test_appending_is_concatenating(kernels, data, layout):
    with using(kernels):
        a, model = stored(layout)
        a[...] = model
    if not a.shape:
        with pytest.raises(ValueError, match="appended"):
            a.append(model)
        return
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    more = data_of(
        (*a.shape[: axis % a.ndim], data.draw(st.integers(0, 9)), *a.shape[axis % a.ndim + 1 :]), a.dtype
    )
    expected = np.concatenate([model, more], axis, dtype=a.dtype)
    assert a.append(more, axis) == expected.shape == a.shape
    assert same_bits(a[...], expected)
    assert same_bits(zarrcy.open_array(a.store, mode="r")[...], expected)


@on_both_kernels
@given(data=st.data(), layout=layouts(max_dims=3))
def test_iteration_yields_the_rows_and_decodes_each_chunk_once(kernels, data, layout):
    with using(kernels):
        a, model = stored(layout)
        a[...] = model
    if not a.shape:
        with pytest.raises(TypeError, match="0-d"):
            iter(a)
        return
    start = data.draw(st.integers(0, a.shape[0] + 2))
    end = data.draw(st.integers(0, a.shape[0] + 2))
    a.store.counts.clear()
    rows = list(a.islice(start, end))
    assert len(rows) == len(model[start:end])
    assert all(same_bits(ours, theirs) for ours, theirs in zip(rows, model[start:end], strict=True))
    assert a.store.gets == len(chunks_touched((slice(start, end),), a.shape, a.chunks))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("dtype", "filters"),
    [
        ("<i4", [numcodecs.Delta("<i4")]),
        ("<i4", [numcodecs.Delta("<i4"), numcodecs.Shuffle(4)]),
        ("<f8", [numcodecs.FixedScaleOffset(0, 1, "<f8", "<i4")]),
        ("<f8", [numcodecs.AsType("<f4", "<f8")]),
        ("?", [numcodecs.PackBits()]),
        ("<f4", [numcodecs.BitRound(23)]),
    ],
    ids=lambda x: "+".join(f.codec_id for f in x) if isinstance(x, list) else x,
)
@given(data=st.data())
def test_filters_decode_what_they_encoded(dtype, filters, order, data):
    shape = data.draw(st.sampled_from([(), (9,), (5, 6), (3, 4, 2)]))
    chunks = tuple(data.draw(st.integers(1, n + 1)) for n in shape)
    a = zarrcy.zeros(shape, chunks=chunks, dtype=dtype, filters=filters, order=order, compressor=None)
    model = data_of(shape, dtype)
    before = model.copy()
    a[...] = model
    assert same_bits(model, before), "a filter does not change the memory of the user"
    key = data.draw(basic_keys(shape))
    assert same_bits(a[key], np.asarray(model[key], dtype))
    a[key] = 0
    model[key] = 0
    assert same_bits(a[...], model)


@on_both_kernels
@pytest.mark.parametrize("write_empty_chunks", [True, False])
def test_empty_chunks_are_stored_or_deleted_as_write_empty_chunks_says(kernels, write_empty_chunks):
    with using(kernels):
        a = zarrcy.full(
            (6, 6), np.nan, chunks=(2, 2), store=CountingStore(), write_empty_chunks=write_empty_chunks
        )
    a[...] = 1.0
    a[:3] = np.nan
    assert a.nchunks_initialized == (9 if write_empty_chunks else 6)
    assert np.isnan(a[:3]).all()
    assert (a[3:] == 1).all()


def test_elements_beyond_the_edge_are_stored_as_fill_value():
    a = zarrcy.full((3, 3), 9, chunks=(2, 2), dtype="u1", compressor=None, store={})
    a[...] = 1
    assert a.store["1.1"] == bytes([1, 9, 9, 9])
    assert a.store["0.1"] == bytes([1, 9, 1, 9])
    a[...] = np.ones((3, 3), "u1")
    assert a.store["1.1"] == bytes([1, 9, 9, 9])


@given(data=st.data(), layout=layouts(max_dims=2))
def test_data_of_another_type_are_cast_as_in_numpy(data, layout):
    source = data.draw(st.sampled_from(["?", "i1", ">i8", "f4", "<f8"]))
    layout["dtype"] = data.draw(st.sampled_from(["i1", ">i2", "<f8", "c16", "<U5", "?"]))
    a, _ = stored(layout)
    values = data_of(a.shape, source) if source != "?" else data_of(a.shape, "i1") > 1
    model = np.zeros(a.shape, a.dtype)
    with np.errstate(all="ignore"):
        a[...] = values
        model[...] = values
    assert same_bits(a[...], model)


def test_stores_with_batch_methods_get_batches():
    class Batches(dict):
        def __init__(self):
            self.calls = []

        def getitems(self, keys):
            self.calls.append(("getitems", list(keys)))
            return {key: self[key] for key in keys if key in self}

        def setitems(self, values):
            self.calls.append(("setitems", sorted(values)))
            self.update(values)

        def delitems(self, keys):
            self.calls.append(("delitems", sorted(keys)))
            for key in keys:
                self.pop(key, None)

    for compressor in (None, "default"):
        store = Batches()
        a = zarrcy.create(
            8, chunks=2, dtype="i4", store=store, compressor=compressor, write_empty_chunks=False
        )
        store.calls.clear()
        a[1:8] = np.arange(7) + 1
        assert store.calls[0] == ("getitems", ["0"])
        assert sorted(key for name, keys in store.calls if name == "setitems" for key in keys) == [
            "0",
            "1",
            "2",
            "3",
        ]
        store.calls.clear()
        np.testing.assert_array_equal(a[:], [0, 1, 2, 3, 4, 5, 6, 7])
        assert store.calls == [("getitems", ["0", "1", "2", "3"])]
        store.calls.clear()
        a[:] = 0
        assert store.calls == [("delitems", ["0", "1", "2", "3"])]


def test_stores_whose_getitems_has_contexts_get_them():
    class Store(dict):
        def getitems(self, keys, *, contexts):
            assert contexts == {}
            return {key: self[key] for key in keys if key in self}

    a = zarrcy.array([1, 2, 3], store=Store())
    assert a[:].tolist() == [1, 2, 3]


def test_a_write_locks_only_chunks_that_it_covers_in_part():
    held = []

    class Locks:
        def __getitem__(self, key):
            held.append(key)
            return zarrcy.ThreadSynchronizer()[key]

    a = zarrcy.zeros((4, 4), chunks=(2, 2), synchronizer=Locks(), path="x")
    held.clear()
    a[:3] = 1
    assert held == ["x/1.0", "x/1.1"]
    assert a[:].sum() == 12


@on_both_kernels
@given(data=st.data())
def test_a_value_that_is_cast_piece_by_piece_is_cast_as_in_numpy(kernels, data):
    """Strides, steps, edges and all orders of the axes are covered."""
    shape = data.draw(st.sampled_from([(7,), (5, 6), (3, 4, 5)]))
    chunks = tuple(data.draw(st.integers(1, n + 1)) for n in shape)
    target, given_ = (data.draw(st.sampled_from(["i2", ">f4", "<f8", "c16", "u1", "?"])) for _ in range(2))
    key = data.draw(basic_keys(shape))
    model = np.arange(np.prod(shape)).reshape(shape).astype(target)
    with using(kernels), overriding(IOPolicy(cast_by_piece_nbytes=0)):
        a = zarrcy.array(model, chunks=chunks, order=data.draw(st.sampled_from("CF")))
        value = np.asarray(data.draw(npst.arrays("u1", model[key].shape))).astype(given_)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
            a[key] = value
            model[key] = value
        assert same_bits(a[...], model)
