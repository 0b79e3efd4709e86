"""A list, tuple or array is taken as a value where NumPy takes it, for each kind of selection."""

import json

import numpy as np
import pytest

import zarrcy
from zarrcy.errors import ValueShapeError

VALUES = [
    1, [1], [[1]], [[[1]]], (1,), ((1,),),
    [1, 2], [[1, 2]], [[1], [2]], [1, 2, 3], [[1, 2, 3]], [[[1, 2, 3]]], [], [[]],
    range(1), range(3), [np.array([1])], [np.int8(1)], np.int8(1), np.array(1), np.array([1]), np.array([[1]]),
    np.array([[[1]]]), np.array([1, 2]), np.array([[1], [2]]), np.array([[1, 2, 3]]), np.array([[[1, 2, 3]]]),
    np.array([]), np.ma.array([1]), np.array([[1, 2, 3, 4]]),
]  # fmt: skip
MASK = np.array([[True, False, False], [False, True, False], [False, False, False], [False, False, True]])
# by the shape of the array
SELECTIONS = {
    (): [(), Ellipsis, (Ellipsis,), None, (None, Ellipsis)],
    (4,): [
        0, -1, np.int64(2), (0,), (0, Ellipsis), (Ellipsis, 0), slice(1, 2), slice(1, 3), slice(None), slice(0, 0),
        Ellipsis, (), (0, None), (None, 0), [0], [0, 2], [0, 2, 3], MASK[:, 0], np.zeros(4, bool), np.array([1]),
    ],
    (4, 3): [
        0, (0, 0), (0, 0, Ellipsis), (0, Ellipsis), (slice(None), 0), (slice(0, 1), 0), slice(0, 1), slice(0, 0),
        (slice(0, 1), slice(0, 1)), (None, 0, 0), (0, None), ([0], [0]), ([0, 1], [0, 2]), ([0, 1], 0), MASK,
        np.zeros((4, 3), bool), Ellipsis, [0], [0, 1], ([0, 1], slice(None)), (slice(None), [2]),
    ],
}  # fmt: skip


def make(shape, dtype, grid):
    if grid == "rectilinear":
        store = {}
        zarrcy.zeros(shape, chunks=shape, dtype=dtype, zarr_format=3, store=store)
        document = json.loads(store["zarr.json"])
        lengths = {"kind": "inline", "chunk_shapes": [[1, n - 1] for n in shape]}
        document["chunk_grid"] = {"name": "rectilinear", "configuration": lengths}
        store["zarr.json"] = json.dumps(document).encode()
        return zarrcy.open_array(store, mode="r+")
    return zarrcy.zeros(shape, chunks=2, dtype=dtype, zarr_format=3 if grid == "v3" else 2)


def has_ellipsis(selection):
    return any(item is Ellipsis for item in (selection if isinstance(selection, tuple) else (selection,)))


@pytest.mark.parametrize("grid", ["v2", "v3", "rectilinear"])
@pytest.mark.parametrize("dtype", ["i4", "f4", "?", "S3"])
@pytest.mark.parametrize("shape", SELECTIONS)
def test_a_sequence_is_taken_or_refused_as_numpy_does(shape, dtype, grid):
    if grid == "rectilinear" and not shape:
        pytest.skip("an array without axes has one chunk")
    for selection in SELECTIONS[shape]:
        for value in VALUES:
            model, array = np.zeros(shape, dtype), make(shape, dtype, grid)
            refused = None
            if (
                dtype == "?"
                and np.ndim(value)
                and np.ndim(model[selection]) == 0
                and not has_ellipsis(selection)
            ):
                # NumPy stores whether the list has elements; zarr-python 2 refuses it
                with pytest.raises(ValueShapeError):
                    array[selection] = value
                continue
            try:
                model[selection] = value
            except (TypeError, ValueError) as exc:
                refused = exc
            if refused is not None:
                with pytest.raises((TypeError, ValueError)):
                    array[selection] = value
                assert (array[...] == np.zeros(shape, dtype)).all(), (selection, value)
                continue
            array[selection] = value
            np.testing.assert_array_equal(array[...], model, err_msg=f"{selection!r} {value!r}")


@pytest.mark.parametrize(
    "value", [[1], (1,), [[1]], [1, 2], [], np.array([1]), np.array([[1]]), range(1)], ids=repr
)
def test_the_error_of_a_sequence_for_one_element_names_shapes_and_array(value):
    group = zarrcy.group({})
    array = group.zeros("a/b", shape=(4, 3), chunks=2, dtype="i4")
    for write in (
        lambda: array.__setitem__((0, 0), value),
        lambda: array.set_basic_selection((0, 0), value),
        lambda: array.oindex.__setitem__((0, 0), value),
    ):
        with pytest.raises(ValueShapeError, match="'a/b'") as raised:
            write()
        assert raised.value.value_shape == np.shape(value)
        assert raised.value.selection_shape == ()
    assert array.nchunks_initialized == 0


def test_an_object_element_may_be_a_list_or_an_array():
    array = zarrcy.empty(3, chunks=2, dtype=object, object_codec=zarrcy.JSON())
    array[0] = [1]
    array[1] = [[1], [2]]
    assert array[:2].tolist() == [[1], [[1], [2]]]


def test_elements_of_structures_are_tuples():
    array = zarrcy.zeros(3, chunks=2, dtype=[("a", "i4"), ("b", "i2")])
    array[0] = (1, 2)
    array[1:3] = [(3, 4), (5, 6)]
    assert array[:].tolist() == [(1, 2), (3, 4), (5, 6)]
    with pytest.raises(ValueShapeError):
        array[0] = [(7, 8)]
