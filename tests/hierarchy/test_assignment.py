"""Assignment takes and refuses the scalars and lists that NumPy does, and stores the same bytes."""

import numpy as np
import pytest

import zarrcy

TYPES = [
    "?",
    "i1",
    "u1",
    "i4",
    "u8",
    ">i2",
    "f2",
    "f4",
    "f8",
    "c8",
    "c16",
    "M8[s]",
    "M8[ns]",
    "m8[s]",
    "S3",
    "U3",
]
SCALARS = [
    True, 0, -1, 300, 2**70, 1.5, -0.0, float("nan"), float("inf"), 1e300, 1j, None, "x", "12", b"3", "2024-01-01",
    "NaT", np.datetime64("2024-01-01"), np.datetime64("NaT"), np.datetime64(5, "ns"), np.timedelta64(5, "s"),
    np.timedelta64("NaT"), np.bool_(True), np.int8(-1), np.uint64(2**63), np.float64(3.7), np.float32("nan"),
    np.float64("inf"), np.complex64(1j), np.str_("7"), np.bytes_(b"8"), np.longdouble(1.5), {}, object(),
]  # fmt: skip
LISTS = [[value] for value in SCALARS] + [
    [1, 2, 3],
    [1, 2],
    ["1", "2", "3"],
    [1, "2", 2.5],
    [],
    range(3),
    (1, 2, 3),
]
ARRAYS = [
    np.array(3), np.array([1, 2, 300]), np.array([1.5]), np.array(["1", "2", "3"]), np.array(["2024"], "M8[s]"),
    np.array([1], "m8[s]"), np.array([None], object), np.array([1, "a", 2.5], object),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("key", [slice(None), slice(0, 2), Ellipsis], ids=repr)
@pytest.mark.parametrize("dtype", TYPES)
def test_a_value_is_taken_or_refused_as_numpy_does(dtype, key):
    for value in SCALARS + LISTS + ARRAYS:
        model, array = np.zeros(3, dtype), zarrcy.empty(3, chunks=2, dtype=dtype)
        array[:] = model
        try:
            model[key] = value
        except Exception as exc:
            with pytest.raises((type(exc), ValueError)):
                array[key] = value
            continue
        array[key] = value
        assert array[:].tobytes() == model.tobytes(), (dtype, value)


@pytest.mark.parametrize(
    "value", [np.datetime64("2024-01-01"), np.timedelta64(5, "s"), [np.datetime64("2024")]]
)
def test_a_time_is_not_stored_as_a_number(value):
    array = zarrcy.zeros(4, chunks=2, dtype="i8")
    for way, key in (
        (array, slice(0, 1)),
        (array, 0),
        (array.oindex, slice(0, 1)),
        (array.vindex, [0]),
        (array.blocks, 0),
    ):
        with pytest.raises(TypeError):
            way[key] = value
    assert array.nchunks_initialized == 0
