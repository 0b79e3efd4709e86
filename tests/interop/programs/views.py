"""Programs about views, conversions with `astype`, and digests."""

from __future__ import annotations

import numcodecs
import numpy as np

from .families import family
from .setups import grid, many_axes


@family()
def digests_and_views(zarr):
    yield zarr.empty(shape=(10000, 10000), chunks=(1000, 1000)).hexdigest()
    yield zarr.zeros(shape=(10000, 10000), chunks=(1000, 1000)).hexdigest()
    yield zarr.zeros(shape=(10000, 10000), chunks=(1000, 1000), dtype="u1").hexdigest()
    yield zarr.zeros(shape=(10000, 10000), chunks=(1000, 1000), dtype="u1").digest("md5")

    z = zarr.array([1, 2, 3], compressor=None)
    z.attrs["a"] = 1
    yield z.hexdigest("sha256")

    z = zarr.zeros(3, compressor=None)
    yield dict(z.info_items()).get("Compressor")


@family(grid)
def digests_and_views_with_grid(z):
    yield z.is_view
    yield z.view().is_view
    yield z.view()[...]
    yield z.view().nbytes
    yield z.view().chunks
    yield z.view() == z
    yield z.view().resize(3, 3)
    yield z.view(dtype="f8")[...]
    yield z.view(dtype="M8[s]")[...]
    yield z.view(shape=20, chunks=4).shape
    yield z.view(read_only=True).read_only
    yield z.astype("f4")[...]
    yield z.astype("f4").dtype
    yield z.astype("U3")[0]
    yield z.astype("f4").read_only
    yield z.astype(bool).is_view


@family(many_axes)
def digests_and_views_with_many_axes(z):
    yield [name for name, value in z.info_items()]
    yield [(n, v) for n, v in z.info_items() if n not in ("Type", "Store type", "Compressor")]


@family(grid)
def views(zarr, z):
    yield z.view(shape=(5, 4), chunks=(2, 2))[...]
    yield z.view(chunks=(4, 1)).chunks
    yield z.view(chunks=(1, 4), shape=(8, 10)).nchunks
    yield z.view(dtype="u8")[0]
    yield z.view(dtype="<f8")[0]
    yield z.view(dtype="i4")[0]
    yield z.view(dtype="S8")[0]
    yield z.view(dtype="V8")[0]
    yield z.view(dtype=[("a", "i4"), ("b", "i4")])[0]
    yield z.view(dtype="M8[s]").dtype
    yield z.view(fill_value=7, shape=(6, 6))[4:, :2]
    yield z.view(filters=[numcodecs.Delta("i8")]).filters
    yield z.view(read_only=True)[0]
    yield z.view(read_only=True).attrs["a"]

    v = z.view(read_only=True)
    v[0] = 1
    yield

    v = z.view(read_only=True)
    v.attrs["a"] = 1
    yield

    v = z.view()
    v[0] = 7
    yield z[...]

    z[0] = 7
    yield z.view()[...]

    yield z.view().append(np.ones((1, 5)))

    v = z.view()
    v.shape = (3, 3)
    yield

    yield z.view().attrs.asdict()

    v = z.view()
    v.attrs["a"] = 1
    yield z.attrs.asdict()

    yield z.view().view().is_view
    yield z.view().path
    yield z.view().name
    yield z.view().compressor == z.compressor
    yield z.view().order
    yield z.view() == z.view()
    yield z.view(synchronizer=zarr.ThreadSynchronizer()).synchronizer is None
    yield z.view().hexdigest() == z.hexdigest()
    yield z.view(dtype="f8").hexdigest() == z.hexdigest()
    yield [n for n, _ in z.view().info_items()]
    yield z.view().oindex[[0], [1]]
    yield z.view().vindex[[0], [1]]
    yield z.view().blocks[0, 0]
    yield z.astype("f4")[0]
    yield z.astype("f4")[1:3, ::2]
    yield z.astype("f4").oindex[[0, 2], [1]]
    yield z.astype("f4").vindex[[0, 2], [1, 1]]
    yield z.astype(int).dtype
    yield z.astype("i8")[0]
    yield z.astype(dtype=">i2")[...]
    yield z.astype("S2")[0]
    yield z.astype("f4").filters
    yield z.astype("f4").nbytes
    yield z.astype("f4").is_view
    yield z.astype("f4").astype("i2")[0]

    v = z.astype("f4")
    v[0] = 1
    yield

    yield zarr.full((2, 2), 5, dtype="i4").astype("f4")[...]
    yield z.astype("nope")
    yield z.view(foo=1)
