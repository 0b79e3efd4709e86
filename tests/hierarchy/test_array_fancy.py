"""Lists, points, masks, blocks and fields select what NumPy selects, without needless store traffic."""

import numpy as np
import pytest
from builds import on_both_kernels, using
from cases import STRUCTURED, CountingStore, basic_keys, chunks_touched, data_of, layouts, same_bits
from hypothesis import given
from hypothesis import strategies as st

import zarrcy
from zarrcy import errors


@st.composite
def filled(draw, kernels, **kwargs):
    """Return an array in a counting store, and a NumPy array with the same elements."""
    layout = draw(layouts(**kwargs))
    with using(kernels):
        a = zarrcy.create(store=CountingStore(), **layout)
    model = data_of(layout["shape"], layout["dtype"])
    a[...] = model
    a.store.counts.clear()
    return a, model


@st.composite
def axis_items(draw, n):
    """Return an item of an orthogonal selection for an axis of `n` elements, and the positions that it selects."""
    kinds = ["slice", "mask", "list"] + (["integer"] if n else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "integer":
        i = draw(st.integers(-n, n - 1))
        return i, i % n
    if kind == "slice":
        s = draw(st.slices(n))
        return s, np.arange(n)[s]
    if kind == "mask":
        m = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
        return (m if draw(st.booleans()) or not n else m.tolist()), np.flatnonzero(m)
    ints = draw(st.lists(st.integers(-n, n - 1), max_size=7)) if n else []
    if draw(st.booleans()):
        ints = sorted(i % n for i in ints)
    return (np.array(ints, draw(st.sampled_from(["i8", "i2"]))) if draw(st.booleans()) else ints), np.array(
        ints, int
    ) % max(n, 1)


def outer_key(shape, data):
    pairs = [data.draw(axis_items(n)) for n in shape]
    items = tuple(item for item, _ in pairs)
    open_mesh = np.ix_(*(np.atleast_1d(positions) for _, positions in pairs))
    kept = tuple(0 if isinstance(positions, int) else slice(None) for _, positions in pairs)
    return items, open_mesh, kept


@on_both_kernels
@given(data=st.data())
def test_an_orthogonal_selection_reads_the_outer_product(kernels, data):
    a, model = data.draw(filled(kernels, min_dims=1))
    items, mesh, kept = outer_key(a.shape, data)
    expected = np.asarray(model[mesh][(*kept, ...)], a.dtype)
    assert same_bits(a.oindex[items], expected if expected.ndim else expected[()])
    assert a.store.gets == (len(chunks_touched(mesh, a.shape, a.chunks)))
    out = np.zeros(expected.shape, a.dtype)
    assert a.get_orthogonal_selection(items, out=out) is out
    assert same_bits(out, expected)


@on_both_kernels
@given(data=st.data())
def test_an_orthogonal_selection_writes_the_outer_product(kernels, data):
    a, model = data.draw(filled(kernels, min_dims=1))
    items, mesh, kept = outer_key(a.shape, data)
    shape = model[mesh][(*kept, ...)].shape
    value = data_of(shape, a.dtype)[()] if data.draw(st.booleans()) else data_of((3,), a.dtype)[1]
    a.oindex[items] = value
    full = np.broadcast_to(np.asarray(value, a.dtype), shape)
    model[mesh] = full[tuple(None if isinstance(k, int) else slice(None) for k in kept) + (...,)]
    touched = chunks_touched(mesh, a.shape, a.chunks) if a.shape else {()}
    assert a.store.sets == len(touched)
    assert same_bits(a[...], model)


@on_both_kernels
def test_a_list_that_covers_a_chunk_in_any_order_replaces_the_chunk_without_a_read(kernels):
    with using(kernels):
        a = zarrcy.create(7, chunks=3, dtype="i4", store=CountingStore())
    a[...] = np.arange(7)
    a.store.counts.clear()
    a.oindex[[6, 2, 0, 1, 0]] = [60, 20, 1, 10, 0]
    assert a.store.gets == 0, "nor is the edge chunk read"
    assert a[:].tolist() == [0, 10, 20, 3, 4, 5, 60]


def points(shape, data):
    """Return coordinates that can be broadcast against each other."""
    result = data.draw(st.sampled_from([(), (1,), (5,), (2, 3)]))
    coords = []
    for n in shape:
        own = data.draw(st.sampled_from([result, (1,) * len(result), ()]))
        count = int(np.prod(own))
        values = data.draw(st.lists(st.integers(-n, n - 1), min_size=count, max_size=count))
        coords.append(np.array(values, data.draw(st.sampled_from(["i8", "i4"]))).reshape(own))
    return tuple(coords)


@on_both_kernels
@given(data=st.data())
def test_points_are_read_at_their_coordinates(kernels, data):
    a, model = data.draw(filled(kernels))
    if not all(a.shape):
        return
    coords = points(a.shape, data)
    expected = np.atleast_1d(np.asarray(model[coords], a.dtype)) if a.shape else model.reshape(1)
    assert same_bits(a.vindex[coords], expected)
    assert a.store.gets == len(chunks_touched(coords, a.shape, a.chunks))
    out = np.zeros(expected.shape, a.dtype)
    assert a.get_coordinate_selection(coords, out=out) is out
    assert same_bits(out, expected)


@on_both_kernels
@given(data=st.data())
def test_points_are_written_at_their_coordinates_and_the_last_of_equal_points_remains(kernels, data):
    a, model = data.draw(filled(kernels))
    if not all(a.shape) or not a.shape:
        return
    coords = points(a.shape, data)
    shape = np.broadcast_shapes(*(c.shape for c in coords)) or (1,)
    value = np.asarray(data_of((50,), a.dtype)[-int(np.prod(shape)) :].reshape(shape), a.dtype)
    a.vindex[coords] = value
    for at, one in zip(
        zip(*(c.ravel() for c in np.broadcast_arrays(*coords)), strict=True), value.ravel(), strict=True
    ):
        model[at] = one
    assert same_bits(a[...], model)


@on_both_kernels
@given(data=st.data())
def test_a_mask_selects_its_elements_in_c_order(kernels, data):
    a, model = data.draw(filled(kernels))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=a.size, max_size=a.size)), bool).reshape(
        a.shape
    )
    expected = np.asarray(model[mask], a.dtype)
    assert same_bits(a.vindex[mask], expected)
    assert a.store.gets == len(chunks_touched(mask, a.shape, a.chunks)) if a.shape else True
    assert same_bits(a[mask], expected)
    out = np.zeros(expected.shape, a.dtype)
    assert a.get_mask_selection(mask, out=out) is out
    assert same_bits(out, expected)
    a.store.counts.clear()
    value = np.asarray(data_of((int(mask.sum()),), a.dtype)[::-1], a.dtype)
    a[mask] = value
    model[mask] = value
    assert same_bits(a[...], model)


@on_both_kernels
def test_a_mask_that_covers_a_chunk_replaces_the_chunk_without_a_read(kernels):
    with using(kernels):
        a = zarrcy.create((3, 3), chunks=2, dtype="i4", store=CountingStore())
    a[...] = 1
    a.store.counts.clear()
    mask = np.ones((3, 3), bool)
    mask[0, 0] = False
    a[mask] = 5
    assert a.store.gets == 1
    assert a[...].tolist() == [[1, 5, 5], [5, 5, 5], [5, 5, 5]]


@on_both_kernels
@given(data=st.data())
def test_a_block_selection_reads_and_writes_whole_chunks(kernels, data):
    a, model = data.draw(filled(kernels, min_dims=1))
    counts = a.cdata_shape
    key, slices = [], []
    for n, chunk in zip(counts, a.chunks, strict=True):
        start = data.draw(st.integers(0, n))
        stop = data.draw(st.integers(start, n))
        if stop == start + 1 and data.draw(st.booleans()):
            key.append(start - n if data.draw(st.booleans()) else start)
        else:
            key.append(slice(start, stop))
        slices.append(slice(start * chunk, stop * chunk))
    expected = model[tuple(slices)]
    assert same_bits(np.asarray(a.blocks[tuple(key)], a.dtype), expected)
    value = data_of((9,), a.dtype)[4]
    a.store.counts.clear()
    a.blocks[tuple(key)] = value
    assert a.store.gets == 0, "whole chunks are not read"
    model[tuple(slices)] = value
    assert same_bits(a[...], model)


@on_both_kernels
@given(data=st.data(), name=st.sampled_from(["x", "y", "z"]))
def test_one_field_is_read_and_written_on_its_own(kernels, data, name):
    shape = data.draw(st.sampled_from([(), (7,), (3, 5)]))
    chunks = tuple(data.draw(st.integers(1, n + 1)) for n in shape)
    order = data.draw(st.sampled_from("CF"))
    with using(kernels):
        a = zarrcy.create(shape, chunks=chunks, dtype=STRUCTURED, order=order, compressor=None)
    model = data_of(shape, STRUCTURED).copy()
    a[...] = model
    key = data.draw(
        basic_keys(shape).filter(lambda k: k is not None and (not isinstance(k, tuple) or None not in k))
    )
    expected = np.asarray(np.asarray(model[key], STRUCTURED)[name])
    assert same_bits(np.asarray(a.get_basic_selection(key, fields=name), expected.dtype), expected)
    mask = data_of(shape, "?")
    assert same_bits(a.get_mask_selection(mask, fields=name), model[mask][name])
    value = np.zeros(1, STRUCTURED)[name][0]
    a.set_basic_selection(key, value, fields=name)
    chosen = np.zeros(shape, bool)
    chosen[key] = True
    model[name][chosen] = value
    assert same_bits(np.asarray(a[...], STRUCTURED), model)


def test_several_fields_are_read_as_packed_records():
    model = data_of((5,), STRUCTURED)
    a = zarrcy.array(model, chunks=2)
    found = a["z", "x", 1:4]
    assert found.dtype == np.dtype([("z", STRUCTURED["z"]), ("x", "<f4")])
    assert found["z"].tobytes() == np.ascontiguousarray(model["z"][1:4]).tobytes()
    assert found["x"].tolist() == model["x"][1:4].tolist()
    with pytest.raises(errors.FieldNotFoundError, match="no field 'nope'; the fields are 'x', 'y', 'z'"):
        a["nope"]
    with pytest.raises(IndexError, match="one field"):
        a["x", "z"] = 0
    with pytest.raises(IndexError, match="not structured"):
        zarrcy.zeros(3).get_basic_selection(0, fields="x")


INVALID = [
    ("oindex", ([0, 4], 0), errors.BoundsCheckError, "index 4 is out of bounds for axis 0 with size 4"),
    ("oindex", ([-5], 0), errors.BoundsCheckError, "index -5"),
    ("oindex", ([0.5],), errors.SelectionError, "float64, not integers"),
    ("oindex", ([[0]],), errors.SelectionError, "2 axes"),
    ("oindex", ([True, False],), errors.SelectionError, "2 elements, the axis has 4"),
    ("oindex", (0, 0, 0), errors.SelectionError, "too many indices"),
    ("oindex", (..., ...), errors.SelectionError, "single ellipsis"),
    ("vindex", ([0], [6]), errors.BoundsCheckError, "index 6 is out of bounds for axis 1 with size 6"),
    ("vindex", (slice(None), 0), errors.VindexInvalidSelectionError, "selection of points"),
    ("vindex", (0,), errors.VindexInvalidSelectionError, "selection of points"),
    ("vindex", ([0, 1], [0, 1, 2]), errors.VindexInvalidSelectionError, "broadcast"),
    ("vindex", ([0.5], [0]), errors.VindexInvalidSelectionError, "not integers"),
    ("blocks", (9,), errors.BoundsCheckError, "index 9"),
    ("blocks", ([0],), errors.SelectionError, "integers and slices"),
    ("blocks", (slice(0, 2, 2),), errors.SelectionError, "step 1"),
    ("blocks", (0, 0, 0), errors.SelectionError, "too many"),
]


@pytest.mark.parametrize(("accessor", "key", "error", "message"), INVALID, ids=str)
def test_an_invalid_selection_is_refused_before_the_store_is_used(accessor, key, error, message):
    a = zarrcy.create((4, 6), chunks=(2, 3), store=CountingStore())
    for use in (lambda: getattr(a, accessor)[key], lambda: getattr(a, accessor).__setitem__(key, 0)):
        with pytest.raises(error, match=message) as caught:
            use()
        assert isinstance(caught.value, IndexError)
    assert a.store.gets == a.store.sets == 0


def test_a_mask_of_another_shape_is_refused():
    a = zarrcy.zeros((2, 2))
    for mask in (np.ones(2, bool), np.ones((2, 2), int), [True]):
        with pytest.raises(errors.SelectionError, match="mask"):
            a.get_mask_selection(mask)
    with pytest.raises(errors.ValueShapeError):
        a.set_mask_selection(np.ones((2, 2), bool), [1, 2, 3])


@on_both_kernels
def test_the_kernels_refuse_positions_outside_the_grid(kernels):
    grid = kernels.Grid((4, 6), (2, 3))
    box = kernels.Box((0, 0), (1, 6), (1, 1), (False, False), (False, False))
    for bad in (-1, 4):
        with pytest.raises(IndexError, match=r"axis 0"):
            kernels.split_outer(box, grid, (np.array([bad]), None))
        with pytest.raises(IndexError, match=r"axis 0"):
            kernels.split_points([np.array([bad]), np.array([0]), 1], grid)
    with pytest.raises(ValueError, match="entries"):
        kernels.split_outer(box, grid, (np.array([0, 1]), None))
    with pytest.raises(ValueError, match="coordinates"):
        kernels.split_points([np.array([0]), np.array([0, 1]), 1], grid)
    with pytest.raises(ValueError, match="mask"):
        kernels.split_mask(np.ones((4, 5), bool), grid)
    plan = kernels.split_points([np.array([0]), np.array([0]), 1], grid)
    layout = kernels.ChunkLayout((2, 3), 8)
    with pytest.raises(IndexError, match="result"):
        kernels.gather(plan, 0, bytes(48), layout, np.zeros(2))
    with pytest.raises(IndexError, match="layout"):
        kernels.gather(plan, 0, bytes(48), kernels.ChunkLayout((3, 2), 8), np.zeros(1))
    with pytest.raises(IndexError, match="piece 1"):
        kernels.gather(plan, 1, bytes(48), layout, np.zeros(1))
    with pytest.raises(ValueError, match="leaves its element"):
        kernels.ChunkLayout((2, 3), 8, None, (4, 8))
