"""Programs that read elements."""

from __future__ import annotations

import numpy as np

from .families import family
from .setups import grid, point, records, row


@family(row)
def reading_with_row(z):
    yield z[0]
    yield z[-1]
    yield z[np.int64(3)]
    yield z[np.uint8(2)]
    yield z[...]
    yield z[:]
    yield z[()]
    yield z[2:5]
    yield z[-3:]
    yield z[::2]
    yield z[::3]
    yield z[5:2]
    yield z[1:1]
    yield z[2:100]
    yield z[100:]
    yield z[-100:3]
    yield z[::100]
    yield z[slice(1, 5, 2)]
    yield z[1,]
    yield z[1.0]
    yield z["a"]
    yield z[10]
    yield z[-11]
    yield z[0, 0]
    yield z[::0]
    yield z[..., ...]
    yield z[[1.5]]
    yield z[np.arange(9) > 5]
    yield z[slice(1.5, 3)]
    yield z[{}]
    yield z[slice(2), ...]
    yield list(z.islice(2, 7))
    yield list(z.islice(5, 100))
    yield list(z.islice(-1))
    yield z[:].flags.writeable

    out = np.zeros(3, int)
    z.get_basic_selection(slice(2, 5), out=out)
    yield out

    yield z.get_basic_selection(slice(2, 5), out=np.zeros(4, int))
    yield z.get_basic_selection([1, 2])


@family(grid)
def reading_with_grid(z):
    yield z[0]
    yield z[-1]
    yield z[0, 0]
    yield z[-1, -1]
    yield z[:, 0]
    yield z[0, :]
    yield z[1:3, 2:4]
    yield z[..., 0]
    yield z[0, ...]
    yield z[::2, ::2]
    yield z[:]
    yield z[...]
    yield z[(), 0]
    yield z[4]
    yield z[0, 5]
    yield z[0, 0, 0]
    yield z[1:1]
    yield z[:, 3:3]
    yield z[..., ...]
    yield z[0, "a"]
    yield list(z)[2]
    yield np.sum(z)
    yield z[1] + z[2]


@family(point)
def reading_with_point(z):
    yield z[()]
    yield z[...]
    yield z[:]
    yield z[0]
    yield z[...,]
    yield z["a"]


@family(records)
def reading_with_records(z):
    yield z[0]
    yield z[:]
    yield z["c"]


@family()
def reading(zarr):
    yield zarr.zeros(0)[:]
    yield zarr.zeros(0)[0]
    yield zarr.zeros((0, 3))[:]
    yield len(zarr.zeros((3, 4)))
    yield len(zarr.zeros(()))
    yield list(zarr.array([1, 2, 3], chunks=2))
    yield list(zarr.zeros(()))
    yield 2 in zarr.array([1, 2, 3])
    yield np.asarray(zarr.ones(3, dtype="i4"))
    yield np.array(zarr.ones(3, dtype="i4"), dtype="f8")
    yield bool(zarr.ones(()))
    yield int(zarr.ones((), dtype="i4"))
    yield zarr.array([1, 2], dtype="f4")[0]
    yield zarr.array(["a", "b"])[0]
    yield zarr.array([1, 2], dtype=">i4")[0]
    yield zarr.array([1, 2], dtype=">i4")[:]
