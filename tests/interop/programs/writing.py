"""Programs that write elements."""

from __future__ import annotations

import numcodecs
import numpy as np

from .families import family
from .setups import grid, point, records, row, state, stored


@family(row)
def writing_with_row(zarr, z):
    z[0] = 9
    yield state(z)

    z[-1] = 9
    yield state(z)

    z[:] = 9
    yield state(z)

    z[()] = 9
    yield state(z)

    z[...] = 9
    yield state(z)

    z[:] = [9] * 10
    yield state(z)

    z[:] = range(10)
    yield state(z)

    z[:] = np.arange(10)[::-1]
    yield state(z)

    z[:] = np.arange(10.0) + 0.5
    yield state(z)

    z[()] = np.arange(10)
    yield state(z)

    z[2:5] = [1, 2, 3]
    yield state(z)

    z[2:4] = (7, 8)
    yield state(z)

    z[2:4] = zarr.array([7, 8])
    yield state(z)

    z[2:5] = [1, 2]
    yield state(z)

    z[2:5] = [1, 2, 3, 4]
    yield state(z)

    z[::2] = [9] * 5
    yield state(z)

    z[::3] = 7
    yield state(z)

    z[5:2] = []
    yield state(z)

    z[5:2] = 7
    yield state(z)

    z[0] = np.array(7)
    yield state(z)

    z[0] = 7.9
    yield state(z)

    z[0] = "7"
    yield state(z)

    z[0] = "a"
    yield state(z)

    z[0] = None
    yield state(z)

    z[0] = 2**40
    yield state(z)

    z[0] = 2**70
    yield state(z)

    z[0] = 1j
    yield state(z)

    z[10] = 0
    yield state(z)

    z[-11] = 0
    yield state(z)

    z[0, 0] = 0
    yield state(z)

    z["a"] = 0
    yield state(z)

    z[1.0] = 0
    yield state(z)


@family(row)
def a_sequence_is_not_the_value_of_one_element_with_row(z):
    z[0] = [7]
    yield state(z)

    z[0] = (7,)
    yield state(z)

    z[0] = np.array([7])
    yield state(z)

    z[2:5] = [[1, 2, 3]]
    yield state(z)

    z.set_basic_selection(0, [1])
    yield state(z)

    z.oindex[0] = [1]
    yield state(z)


@family(point)
def a_sequence_is_not_the_value_of_one_element_with_point(z):
    z[()] = [7]
    yield z[()]

    z[...] = [7]
    yield z[()]

    z[...] = np.array([7])
    yield z[()]

    z[()] = np.array([7])
    yield z[()]


@family(grid)
def a_sequence_is_not_the_value_of_one_element_with_grid(z):
    z[0, 0] = [[7]]
    yield state(z)

    z[0, 0] = np.array([7])
    yield state(z)


@family(grid)
def writing_with_grid(z):
    z[0] = 9
    yield state(z)

    z[0] = [1, 2, 3, 4, 5]
    yield state(z)

    z[:, 0] = [1, 2, 3, 4]
    yield state(z)

    z[:, 0] = 9
    yield state(z)

    z[...] = np.ones((4, 5))
    yield state(z)

    z[...] = np.ones((5, 4))
    yield state(z)

    z[1:3, 1:3] = [[7, 8], [9, 10]]
    yield state(z)

    z[1:3, 1:3] = 7
    yield state(z)

    z[0, 0] = 7
    yield state(z)

    z[0:2] = np.ones((2, 5, 1))
    yield state(z)

    z[..., 0] = np.ones((4, 1))
    yield state(z)

    z[4] = 0
    yield state(z)

    z[0, 0, 0] = 0
    yield state(z)


@family(point)
def writing_with_point(z):
    z[()] = 7
    yield z[()]

    z[...] = 7
    yield z[()]

    z[()] = np.array(7)
    yield z[()]

    z[:] = 7
    yield z[()]

    z[0] = 7
    yield


@family(records)
def writing_with_records(z):
    z[0] = (7, 8.5)
    yield state(z)

    z[0] = np.array((7, 8.5), z.dtype)
    yield state(z)

    z[:] = (7, 8.5)
    yield state(z)

    z[:] = np.array([(7, 8.5), (9, 0)], z.dtype)
    yield state(z)

    z[0] = 5
    yield state(z)

    z["c"] = 0
    yield state(z)

    z[["a", "b"]] = 0
    yield state(z)


@family()
def writing(zarr):
    z = zarr.create(2, dtype=object, object_codec=numcodecs.JSON())
    z[0] = [1, 2]
    yield z[0]

    z = zarr.create(2, dtype=object, object_codec=numcodecs.JSON())
    z[0] = {"a": 1}
    yield z[:]

    z = zarr.create(2, dtype=object, object_codec=numcodecs.JSON())
    z[:] = np.array([[1], [2, 3]], dtype=object)
    yield z[:]

    z = zarr.create(2, dtype=str)
    z[:] = "a"
    yield z[:]

    z = zarr.create(2, dtype=str)
    z[:] = np.array(["a", "b" * 50])
    yield z[:]

    z = zarr.create(2, dtype=str)
    z[:] = np.array(["a", "b" * 50], dtype=object)
    yield z[:]

    z = zarr.create(2, dtype=str)
    z[0] = None
    yield z[0]

    z = zarr.create(2, dtype=str)
    z[0] = 5
    yield

    z = zarr.create(2, dtype=str)
    z[0] = b"a"
    yield

    z = zarr.create(2, dtype=bytes)
    z[0] = "a"
    yield

    z = zarr.zeros(3, chunks=1)
    z[1:1] = 5
    yield z.nchunks_initialized

    z = zarr.zeros(4, chunks=2)
    z[:] = 0
    yield z.nchunks_initialized

    z = zarr.zeros(4, chunks=2, write_empty_chunks=False)
    z[:] = [0, 0, 1, 0]
    yield z.nchunks_initialized

    z = zarr.ones(4, chunks=2, write_empty_chunks=False)
    z[:] = 3
    z[:2] = 1
    yield z.nchunks_initialized

    z = zarr.full(4, np.nan, chunks=2, write_empty_chunks=False)
    z[:2] = np.nan
    z[2] = 1
    yield z.nchunks_initialized

    z = zarr.full(4, "", dtype="U2", chunks=2, write_empty_chunks=False)
    z[:] = ["", "", "a", ""]
    yield z.nchunks_initialized

    z = zarr.empty(4, dtype="i4", chunks=2, write_empty_chunks=False)
    z[:] = [0, 0, 1, 0]
    yield z.nchunks_initialized

    z = zarr.array([1, 2])
    z.read_only = True
    z[0] = 1
    yield


@family(stored)
def writing_with_stored(zarr, place):
    zarr.open_array(place, mode="r")[0] = 1
    yield

    yield zarr.open_array(place, mode="r").resize(1)
    yield zarr.open_array(place, mode="r").append([1])

    zarr.open_array(place, mode="r").attrs["a"] = 1
    yield


@family(
    dtype_and_value=[
        ("u1", 300), ("u1", -1), ("u1", np.array(300)), ("u1", 1.9), ("S2", b"abc"), ("S2", "ab"), ("S2", 5),
        ("U2", "abc"), ("U2", b"ab"), ("U2", 5), ("M8[s]", "2020-01-01"),
        ("M8[s]", np.datetime64("2020-01-01T00:00:00.5")), ("M8[s]", 5), ("M8[s]", None), ("?", 5), ("?", "a"),
        ("f4", 1e300), ("f4", None), ("f8", 1j), ("c8", 1j), ("V2", b"ab"), ("V2", np.void(b"ab")),
    ]
)  # fmt: skip
def writing_a_value_of_another_type(zarr, dtype_and_value):
    dtype, value = dtype_and_value
    z = zarr.zeros(2, dtype=dtype)
    z[0] = value
    yield z[:]
