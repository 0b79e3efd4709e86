"""Programs that read and write every data type with every kind of selection."""

from __future__ import annotations

import itertools

import numpy as np

from .families import family
from .setups import state

DTYPES = [
    "?", "i1", "<i2", ">i4", "<u8", "<f2", ">f2", "<f4", ">f8", "<c8", ">c8", "<c16", ">c16",
    "S3", "<U2", ">U2", "<M8[ns]", ">M8[s]", "<M8[D]", "<m8[us]", ">m8[25s]", "V3",
    [("a", "<i4"), ("b", ">f8")], [("x", "<f2", (2, 2)), ("y", [("p", "S2"), ("q", [("r", ">i2")])])],
]  # fmt: skip
DTYPES_AND_ORDERS = list(zip(DTYPES, itertools.cycle("CF")))


def stored_values(zarr, place, dtype_and_order):
    dtype, order = np.dtype(dtype_and_order[0]), dtype_and_order[1]
    if dtype.kind == "V":
        v = (np.arange(12 * dtype.itemsize) % 97).astype("u1").view(dtype)
    else:
        v = np.arange(12).astype(dtype)
    return {"v": v, "z": zarr.array(v.reshape(3, 4), chunks=(2, 3), store=place, order=order)}


@family(stored_values, dtype_and_order=DTYPES_AND_ORDERS)
def reading_every_data_type(zarr, place, z):
    yield z[...]
    yield z[1]
    yield z[1, 2]
    yield z[-1, ::2]
    yield z[::2, 1:]
    yield z[1:1]
    yield z.oindex[[2, 0], [1, 3]]
    yield z.oindex[[True, False, True], 1]
    yield z.vindex[[2, 0, 0], [1, 3, 3]]
    yield z.vindex[np.arange(12).reshape(3, 4) % 3 == 1]
    yield z.blocks[0, 1]
    yield z.get_basic_selection((slice(None), 1), out=np.empty(3, z.dtype))
    yield z.get_orthogonal_selection(([0, 2], slice(None)), out=np.empty((2, 4), z.dtype))
    yield z.get_coordinate_selection(([0, 2], [3, 3]), out=np.empty(2, z.dtype))
    yield z.get_mask_selection(np.eye(3, 4, dtype=bool), out=np.empty(3, z.dtype))
    yield z.get_block_selection((1, 0), out=np.empty((1, 3), z.dtype))
    yield list(z)
    yield np.asarray(z)
    yield z.dtype, z.itemsize, z.nbytes
    yield zarr.open_array(place, mode="r")[:, 1:3]


@family(stored_values, dtype_and_order=DTYPES_AND_ORDERS)
def writing_every_data_type(z, v):
    z[...] = v[::-1].reshape(3, 4)
    yield state(z)

    z[1] = v[5]
    yield state(z)

    z[1, 2] = v[5]
    yield state(z)

    z[:, 1:3] = v[:6].reshape(3, 2)
    yield state(z)

    z[::2] = v[4:].reshape(2, 4)
    yield state(z)

    z.oindex[[2, 0], [1, 3]] = v[:4].reshape(2, 2)
    yield state(z)

    z.oindex[[True, False, True]] = v[7]
    yield state(z)

    z.vindex[[2, 0], [1, 3]] = v[3:5]
    yield state(z)

    z.vindex[np.arange(12).reshape(3, 4) % 3 == 1] = v[8:]
    yield state(z)

    z.blocks[0, 1] = v[2]
    yield state(z)

    z.set_block_selection((0, 0), v[6:].reshape(2, 3))
    yield state(z)

    z.resize(2, 5)
    z[:, 4] = v[8:10]
    yield state(z)

    z.append(v[:4].reshape(1, 4))
    yield state(z)

    z.append(v[:6].reshape(3, 2), axis=1)
    yield state(z)

    z.resize(5, 4)
    yield state(z)
