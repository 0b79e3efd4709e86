"""Rechunk an array with dask: ``python dask_rechunk.py``. It needs dask.

The blocks of dask are multiples of the stored chunks of both arrays, so no two tasks write to one chunk.
"""

import dask.array as da
import numpy as np

import zarrcy


def run(source, target):
    """Copy maps (chunks of one time) into time series (chunks of one place)."""
    maps = zarrcy.open_array(source, mode="w", shape=(120, 90, 90), chunks=(1, 90, 90), dtype="f4")
    maps[:] = np.random.default_rng(0).random((120, 90, 90), "f4")
    series = zarrcy.open_array(target, mode="w", shape=(120, 90, 90), chunks=(120, 10, 10), dtype="f4")
    lazy = da.from_array(maps, chunks=(40, 90, 90)).rechunk((120, 30, 30))
    da.store(lazy, series, lock=False)
    return bool((maps[:] == series[:]).all())


if __name__ == "__main__":
    print("equal:", run("maps.zarr", "series.zarr"))
