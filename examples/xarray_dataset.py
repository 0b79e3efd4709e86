"""Write, append to and read a dataset of xarray: ``python xarray_dataset.py``. It needs the extra `xarray`."""

import numpy as np
import xarray as xr

import zarrcy.xarray


def month(first_day):
    """Return a dataset of 30 days."""
    time = np.datetime64(first_day, "ns") + np.arange(30) * np.timedelta64(1, "D")
    t = 280 + np.random.default_rng(0).random((30, 18, 36), "f4")
    lat, lon = np.linspace(-85, 85, 18), np.arange(0, 360, 10)
    return xr.Dataset(
        {"t": (("time", "lat", "lon"), t, {"units": "K"})}, {"time": time, "lat": lat, "lon": lon}
    )


def run(path):
    """Write two months and read a mean."""
    zarrcy.xarray.to_zarr(month("2000-01-01"), path, mode="w", encoding={"t": {"chunks": (30, 18, 36)}})
    zarrcy.xarray.to_zarr(month("2000-01-31"), path, append_dim="time")
    with xr.open_dataset(path, engine="zarrcy") as ds:
        return ds.sizes["time"], float(ds["t"].sel(lon=slice(0, 90)).mean())


if __name__ == "__main__":
    n_days, mean = run("months.zarr")
    print(n_days, "days, mean", round(mean, 1))
