"""xarray's own engine for Zarr, and dask, without zarr-python: datasets survive in both formats."""

import sys
import warnings
from pathlib import Path

import zarrcy.compat

zarrcy.compat.install(api=3)

import dask.array as da  # noqa: E402
import numpy as np  # noqa: E402
import xarray as xr  # noqa: E402
import zarr  # noqa: E402

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
dataset = xr.Dataset(
    {
        "t": (("x", "y"), np.random.default_rng(0).random((40, 30))),
        "n": ("x", np.arange(40)),
        "s": ("x", np.array(["a", "bc"] * 20)),
    },
    coords={"x": np.arange(40.0), "time": ("x", np.datetime64("2000-01-01", "ns") + np.arange(40))},
    attrs={"title": "a"},
)
for version in (2, 3):
    place = folder / f"a{version}.zarr"
    dataset.to_zarr(place, zarr_format=version)
    xr.testing.assert_identical(xr.open_zarr(place).load(), dataset)
    place = folder / f"b{version}.zarr"
    dataset.chunk({"x": 10}).to_zarr(place, zarr_format=version, encoding={"t": {"chunks": (10, 10)}})
    xr.testing.assert_identical(xr.open_dataset(place, engine="zarr", chunks={}).load(), dataset)
    dataset.to_zarr(place, append_dim="x", mode="a")
    assert xr.open_zarr(place).sizes["x"] == 80
    dataset.isel(x=slice(0, 10)).to_zarr(place, region={"x": slice(0, 10)}, mode="r+")
dataset.to_zarr(folder / "shards", zarr_format=3, encoding={"t": {"chunks": (10, 10), "shards": (20, 30)}})
assert xr.open_zarr(folder / "shards").t.encoding["shards"] == (20, 30)
xr.DataTree.from_dict({"/": dataset, "/g": dataset}).to_zarr(folder / "tree")
assert xr.open_datatree(folder / "tree", engine="zarr").groups == ("/", "/g")
store = zarr.storage.MemoryStore()
dataset.to_zarr(store)
xr.testing.assert_identical(xr.open_zarr(store).load(), dataset)

values = da.arange(10_000, chunks=1000).reshape(100, 100).rechunk((30, 30))
da.to_zarr(values, str(folder / "d.zarr"))
assert np.array_equal(da.from_zarr(str(folder / "d.zarr")).compute(), np.arange(10_000).reshape(100, 100))
array = zarr.create_array(folder / "e.zarr", shape=(100, 100), chunks=(30, 30), dtype="i8")
da.to_zarr(values, array)
assert np.array_equal(array[:], np.arange(10_000).reshape(100, 100))
