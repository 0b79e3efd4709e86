"""An empty array as an index must have integers, as in NumPy; an empty list selects nothing."""

import numpy as np
import pytest

import zarrcy

TYPES = ["?", "i1", "u8", ">i2", "f2", "f8", "c16", "g", "S1", "U1", "V1", "O", "m8[s]", "M8[s]"]
SHAPES = [(0,), (0, 2), (2, 0)]
WAYS = {
    "brackets": lambda array, key: array[key],
    "oindex": lambda array, key: array.oindex[key],
    "vindex": lambda array, key: array.vindex[key],
    "get_orthogonal_selection": lambda array, key: array.get_orthogonal_selection(key),
    "get_coordinate_selection": lambda array, key: array.get_coordinate_selection(key),
    "set": lambda array, key: array.__setitem__(key, 1),
    "set oindex": lambda array, key: array.oindex.__setitem__(key, 1),
    "set vindex": lambda array, key: array.vindex.__setitem__(key, 1),
}
each_way = pytest.mark.parametrize("use", WAYS.values(), ids=WAYS)


@pytest.fixture
def array():
    return zarrcy.array(np.arange(4), chunks=2)


@each_way
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", TYPES)
def test_an_empty_array_that_numpy_refuses_is_an_index_error(array, use, dtype, shape):
    key = np.empty(shape, dtype)
    try:
        np.arange(4)[key]
    except IndexError:
        with pytest.raises(IndexError):
            use(array, key)
    np.testing.assert_array_equal(array[:], np.arange(4))


@each_way
@pytest.mark.parametrize("key", [[], np.empty(0, "i4"), np.empty(0, "u1")], ids=repr)
def test_an_empty_list_and_an_empty_array_of_integers_select_nothing(array, use, key):
    result = use(array, key)
    assert result is None or result.shape == (0,)
    np.testing.assert_array_equal(array[:], np.arange(4))


@pytest.mark.parametrize("dtype", ["f8", "O", "U1", "M8[s]"])
def test_an_empty_array_on_one_of_two_axes_is_refused(dtype):
    array = zarrcy.array(np.arange(12).reshape(4, 3), chunks=2)
    bad = np.empty(0, dtype)
    for key in ((bad, slice(None)), (1, bad), ([], bad), (bad, [])):
        for use in (lambda key=key: array.oindex[key], lambda key=key: array[key]):
            with pytest.raises(IndexError):
                use()
    with pytest.raises(IndexError):
        array.vindex[bad, bad]
    assert array.oindex[[], slice(None)].shape == (0, 3)
    assert array.vindex[[], []].shape == (0,)
