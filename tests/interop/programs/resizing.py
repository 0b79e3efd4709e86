"""Programs that resize arrays, append to them, and change attributes on the way."""

from __future__ import annotations

import numpy as np

from .families import family
from .setups import grid, point, resized, row, zeros


@family(grid)
def changing_with_grid(z):
    yield resized(z.resize(2, 3), z)
    yield resized(z.resize((2, 3)), z)
    yield resized(z.resize([2, 3]), z)
    yield resized(z.resize(6, 6), z)
    yield resized(z.resize(2, None), z)
    yield resized(z.resize(None, 2), z)
    yield resized(z.resize((None, 2)), z)
    yield resized(z.resize(0, 0), z)
    yield resized(z.resize(2), z)
    yield resized(z.resize(2, 3, 4), z)
    yield resized(z.resize(-1, 2), z)
    yield resized(z.resize(), z)
    yield resized(z.append(np.ones((1, 5))), z)
    yield resized(z.append(np.ones((4, 2)), axis=1), z)
    yield resized(z.append(np.ones((2, 4))), z)
    yield resized(z.append(np.ones(5)), z)
    yield resized(z.append([[1, 2, 3, 4, 5]]), z)
    yield resized(z.append(np.ones((0, 5))), z)
    yield resized(z.append(np.ones((4, 2)), axis=2), z)
    yield resized(z.append(5), z)

    z.resize(np.array([4, 4]))
    yield z.shape


@family(row)
def changing_with_row(z):
    z.resize(4)
    yield z.shape, z[:], z.nchunks_initialized

    z.resize((4,))
    yield z.shape

    z.shape = 4
    yield z.shape


@family(point)
def changing_with_point(z):
    z.resize(())
    yield z.shape


@family()
def changing(zarr):
    z = zarr.array([1, 2], chunks=3)
    yield z.append([3, 4]), z[:], z.nchunks

    z = zarr.array(["a", "b"])
    z.append(["cde"])
    yield z[:]


@family(zeros)
def changing_with_zeros(zarr, place, z):
    z.attrs["a"] = 1
    z.attrs.update(b=[1, 2], c=None)
    yield dict(z.attrs), len(z.attrs), "a" in z.attrs, list(z.attrs)

    z.attrs["a"] = 1
    z.attrs.put({"b": 2})
    yield z.attrs.asdict()

    yield z.attrs["a"]

    z.attrs["a"] = 1
    del z.attrs["a"]
    yield z.attrs.asdict()

    del z.attrs["a"]
    yield

    z.attrs["a"] = {1}
    yield

    z.attrs["a"] = b"x"
    yield

    z.attrs[1] = 5
    yield list(z.attrs)

    z.attrs["a"] = np.nan
    yield zarr.open_array(place).attrs["a"]

    z.attrs["b"] = 1
    z.attrs["a"] = 2
    yield list(z.attrs), list(zarr.open_array(place).attrs)

    z.attrs["b"] = 1
    yield z.attrs.pop("b")

    yield z.attrs.get("b", 7)
