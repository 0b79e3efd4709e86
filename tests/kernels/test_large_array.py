"""Memory of large results, and copies that pass the caches."""

import pickle

import numpy as np
import pytest

import zarrcy
from zarrcy import _kernels
from zarrcy._kernels import _reference_large_array

IMPLEMENTATIONS = [_reference_large_array] + ([_kernels.large_array] if _kernels.COMPILED else [])


@pytest.mark.parametrize("kernels", IMPLEMENTATIONS)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 0, 2), (300, 70, 50)])
@pytest.mark.parametrize("dtype", ["u1", "<f8", ">i2", "U3", "M8[s]", [("a", "i4"), ("b", "f8", (2,))]])
def test_a_new_array_is_a_usual_array(kernels, order, shape, dtype):
    dtype = np.dtype(dtype)
    zeros = kernels.new_array(shape, dtype, order, True)
    expected = np.zeros(shape, dtype, order)
    assert zeros.tobytes() == expected.tobytes()
    for array in (zeros, kernels.new_array(shape, dtype, order, False)):
        assert array.dtype == dtype
        assert array.shape == shape
        assert array.strides == expected.strides
        assert array.flags.owndata
        assert array.flags.writeable
        assert array.base is None


@pytest.mark.parametrize("kernels", IMPLEMENTATIONS)
def test_a_new_array_can_be_resized_pickled_and_outlived_by_a_view(kernels):
    array = kernels.new_array((1000,), np.dtype("i8"), "C", True)
    array[:] = np.arange(1000)
    assert (pickle.loads(pickle.dumps(array)) == np.arange(1000)).all()
    array.resize(500000, refcheck=False)
    assert (array[:1000] == np.arange(1000)).all()
    assert not array[1000:].any()
    array.resize(10, refcheck=False)
    assert array.tolist() == list(range(10))
    view = array[3:]
    del array
    assert view.tolist() == list(range(3, 10))


@pytest.mark.parametrize("kernels", IMPLEMENTATIONS)
def test_a_wrong_data_type_is_an_error(kernels):
    with pytest.raises(TypeError):
        kernels.new_array((100,), "no type", "C", True)
    assert np.zeros(10).tolist() == [0] * 10


# Shape, chunks and data type of results of more than 32 MiB: rows of whole cache lines and others.
LAYOUTS = [
    ((256, 256, 160), (64, 64, 64), "i4"),
    ((256, 256, 160), (100, 64, 80), "i4"),
    ((200, 256, 200), (64, 64, 25), "i4"),
    ((2100, 4096), (64, 64), "f4"),
    ((2100, 4096), (64, 16), "f4"),
    ((2100, 4100), (64, 64), "f4"),
    ((9000000,), (10000,), "f4"),
    ((64, 64, 32, 64), (16, 16, 16, 32), "f8"),
]


@pytest.mark.parametrize(("shape", "chunks", "dtype"), LAYOUTS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_large_results_are_those_of_numpy(shape, chunks, dtype, order):
    model = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    a = zarrcy.array(model, chunks=chunks, order=order, compressor=None, store={}, fill_value=1)
    for n_threads in (1, 3):
        with zarrcy.use_threads(n_threads):
            result = a[...]
            assert (result == model).all()
            assert result.flags.owndata
            assert (a[1:] == model[1:]).all()
            assert (a[..., 16:] == model[..., 16:]).all()
    out = np.zeros(shape, dtype)
    a.get_basic_selection(..., out=out)
    assert (out == model).all()
    assert (a[::-1] == model[::-1]).all()
