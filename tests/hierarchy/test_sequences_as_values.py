"""A scalar, list, tuple or array is taken or refused as a value where NumPy does, for each kind of data type."""

import array as python_array
import datetime
import json

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy.errors import ValueShapeError

REFUSALS = (TypeError, ValueError, RuntimeError)
RECORD = np.dtype([("a", "i4"), ("b", "f8")])
KINDS = {
    "b": "?", "i": "i4", "u": "u2", "f": "f8", "half": "f2", "c": "c8", "S": "S3", "U": "U3", "V": "V3", "m": "m8[s]",
    "M": "M8[s]", "O": object, "structure": RECORD, "structure with axes": [("a", "i4", (2,)), ("b", "f8")],
}  # fmt: skip
ELEMENTS = {
    "b": True, "i": 5, "u": 5, "f": 1.5, "half": 1.5, "c": 1 + 2j, "S": b"ab", "U": "ab", "V": b"abc",
    "m": np.timedelta64(3, "s"), "M": np.datetime64(3, "s"), "O": "text", "structure": (1, 2.0),
    "structure with axes": ([1, 2], 2.0),
}  # fmt: skip
# what follows is not an element of any kind, or of some
OTHERS = [
    None, 3, "7", "ab", b"7", {}, {"a": 1}, {1}, range(1), range(3), memoryview(b"a"), bytearray(b"a"), [[1, 2]],
    python_array.array("i", [1]), datetime.datetime(2020, 1, 1), datetime.timedelta(seconds=3),
    np.array(1.5), np.array([1.5]), np.array([[1.5]]), np.array([1, 2]), np.array([]), np.array(["x"]),
    np.array([1], object), np.array([None], object), np.array([(1, 2.0)], RECORD), np.array([(1, 2.0)], RECORD)[0],
    np.ma.array([1], mask=[False]), np.ma.array([1], mask=[True]), np.ma.array(1), np.array([[1]]).view(np.matrix),
    np.ones((3, 1)), np.ones((1, 3)), [1, 2, 3], [[1, 2, 3]], [[1], [2], [3]], [[]], [np.array([1])], [np.int8(1)],
]  # fmt: skip
SELECTIONS = {
    (): [(), Ellipsis, (Ellipsis,), None],
    (3,): [0, -1, np.int64(2), (0,), (0, Ellipsis), (Ellipsis, 0), slice(1, 2), slice(0, 2), slice(0, 0), (0, None)],
    (3, 2): [
        (0, 0), (np.int8(-1), 0), (0, 0, Ellipsis), (0, Ellipsis, 0), 0, (slice(None), 0), (slice(0, 1), slice(0, 1)),
        (None, 0, 0),
    ],
}  # fmt: skip
MASK = np.array([[True, False], [False, True], [True, False]])


class List(list):
    """A subclass of list."""


def values_of(kind):
    element, dtype = ELEMENTS[kind], np.dtype(KINDS[kind])

    def filled(shape):
        elements = np.empty(shape, dtype)
        elements.reshape(-1)[:] = [element] * elements.size
        return elements

    sequences = [element, [element], (element,), [[element]], [element] * 2, [], (), List([element])]
    arrays = [filled(shape) for shape in [(), (1,), (1, 1), (2,), (0,), (3, 1)]]
    return [*sequences, *arrays, filled((1,))[0], [filled(())], [filled((1,))], *OTHERS]


def create(shape, dtype, zarr_format=2, codec=None):
    options = {"object_codec": codec or numcodecs.Pickle(), "fill_value": None} if dtype.hasobject else {}
    return zarrcy.create(
        shape, chunks=2, dtype=dtype, zarr_format=zarr_format, store={}, write_empty_chunks=True, **options
    )


def has_ellipsis(selection):
    return any(item is Ellipsis for item in (selection if isinstance(selection, tuple) else (selection,)))


def differs_on_purpose(model, selection, value):
    if not isinstance(value, np.ndarray) or np.ndim(model[selection]) or has_ellipsis(selection):
        return False
    if model.dtype.hasobject:
        # NumPy stores an array without axes; its element is stored here
        return value.ndim == 0
    # NumPy takes the memory of any array, also the addresses of objects
    return model.dtype.kind == "V" and model.dtype.names is None


def assert_same(array, model, message):
    if model.dtype.hasobject:
        assert repr(array[...].tolist()) == repr(model.tolist()), message
    else:
        assert array[...].tobytes() == model.tobytes(), message


def assert_taken_as_in_numpy(array, assign, model, selection, value):
    message = f"[{selection!r}] = {value!r}"
    before = model.copy()
    array[...] = model
    try:
        model[selection] = value
    except REFUSALS:
        with pytest.raises(REFUSALS):
            assign(selection, value)
        assert_same(array, before, message)
        return
    assign(selection, value)
    assert_same(array, model, message)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SELECTIONS, ids=str)
def test_a_value_is_taken_or_refused_as_numpy_does(shape, kind, monkeypatch):
    monkeypatch.setenv("ZARRCY_ALLOW_PICKLE", "1")
    array = create(shape, np.dtype(KINDS[kind]))
    for selection in SELECTIONS[shape]:
        for value in values_of(kind):
            model = np.zeros(shape, array.dtype)
            if differs_on_purpose(model, selection, value) or (isinstance(value, memoryview) and kind == "O"):
                continue
            assert_taken_as_in_numpy(array, array.__setitem__, model, selection, value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("O", "V")])
@pytest.mark.parametrize("way", ["set_basic_selection", "set_orthogonal_selection", "oindex", "format 3"])
def test_each_way_to_assign_has_the_rules_of_numpy(way, kind):
    if way == "format 3" and kind in ("structure with axes", "c"):
        pytest.skip("format 3 does not have such elements")
    dtype = np.dtype(KINDS[kind])
    array = create((3, 2), dtype, 3 if way == "format 3" else 2)
    assign = array.oindex.__setitem__ if way == "oindex" else getattr(array, way, array.__setitem__)
    for value in values_of(kind):
        for selection in [(0, 0), (2, np.int64(-1))]:
            assert_taken_as_in_numpy(array, assign, np.zeros((3, 2), dtype), selection, value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("O", "V")])
def test_masks_and_lists_have_the_rules_of_numpy(kind):
    array = create((3, 2), np.dtype(KINDS[kind]))
    for value in values_of(kind):
        if getattr(value, "dtype", None) == RECORD:
            continue
        for selection in [MASK, np.zeros((3, 2), bool), ([0, 2], [1, 0]), ([0], [0])]:
            assert_taken_as_in_numpy(
                array, array.__setitem__, np.zeros((3, 2), array.dtype), selection, value
            )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["i", "t", "M"])
def test_a_field_of_one_element_has_the_rules_of_numpy(name):
    dtype = np.dtype([("i", "i4"), ("t", "S3"), ("M", "M8[s]")])
    array = create((3, 2), dtype)
    for value in [*values_of("i"), *values_of("S"), *values_of("M")]:
        for index in [(0, 0), (2, 1)]:
            for fields, key in [(name, index), ([name], index), (name, (*index, Ellipsis))]:
                model = np.zeros((3, 2), dtype)
                array[...] = model
                try:
                    model[name][key] = value
                except REFUSALS:
                    with pytest.raises(REFUSALS):
                        array.set_basic_selection(key, value, fields=fields)
                    model = np.zeros((3, 2), dtype)
                else:
                    array.set_basic_selection(key, value, fields=fields)
                assert array[...].tobytes() == model.tobytes(), f"[{key!r}] = {value!r}"


def test_rectilinear_grids_have_the_same_rules():
    store = {}
    zarrcy.zeros((4, 3), chunks=(4, 3), dtype="i4", zarr_format=3, store=store)
    document = json.loads(store["zarr.json"])
    lengths = {"kind": "inline", "chunk_shapes": [[1, 3], [1, 2]]}
    document["chunk_grid"] = {"name": "rectilinear", "configuration": lengths}
    store["zarr.json"] = json.dumps(document).encode()
    array = zarrcy.open_array(store, mode="r+")
    for value in values_of("i"):
        for selection in [(0, 0), (3, 2, Ellipsis), (slice(0, 1), 2)]:
            assert_taken_as_in_numpy(array, array.__setitem__, np.zeros((4, 3), "i4"), selection, value)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ([1], (1,)), ((1,), (1,)), ([[1]], (1, 1)), ([1, 2], (2,)), ([], (0,)), (range(1), (1,)), ([[1], [2, 3]], (2,)),
        (np.array([1]), (1,)), (np.array([[1]]), (1, 1)),
    ],
    ids=str,
)  # fmt: skip
def test_the_error_of_a_sequence_for_one_element_names_shapes_and_array(value, shape):
    group = zarrcy.group({})
    array = group.zeros("a/b", shape=(4, 3), chunks=2, dtype="i4")
    for write in (
        lambda: array.__setitem__((0, 0), value),
        lambda: array.set_basic_selection((0, 0), value),
        lambda: array.oindex.__setitem__((0, 0), value),
    ):
        with pytest.raises(ValueShapeError, match="'a/b'") as raised:
            write()
        assert raised.value.value_shape == shape
        assert raised.value.selection_shape == ()
        assert isinstance(raised.value, TypeError)
    assert array.nchunks_initialized == 0


def test_an_element_of_an_object_array_may_be_a_list_or_an_array():
    array = zarrcy.empty(3, chunks=2, dtype=object, object_codec=zarrcy.JSON())
    array[0] = [1]
    array[1] = [[1], [2]]
    array[2:] = [[1, 2]]
    assert array[:].tolist() == [[1], [[1], [2]], [1, 2]]
    arrays = zarrcy.empty(2, dtype=object, object_codec=numcodecs.VLenArray("i4"))
    arrays[0] = np.array([1])
    arrays[1] = np.array([1, 2])
    assert [item.tolist() for item in arrays[:]] == [[1], [1, 2]]


def test_an_array_like_without_axes_is_one_element():
    other = zarrcy.array(np.array(7), store={})
    for dtype in ("i4", "f8", "S3"):
        array = zarrcy.zeros(3, chunks=2, dtype=dtype)
        array[1] = other
        assert array[1] == np.array(7).astype(dtype)
