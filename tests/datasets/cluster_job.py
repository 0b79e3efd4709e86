"""Write with the workers of a dask cluster, in other processes. Argument: a folder."""

import sys

import numpy as np
import pytest

import zarrcy

DATA = np.arange(900).reshape(30, 30)


def main(folder):
    # pytest imports this file to look for examples, also where dask is not installed
    import dask.array as da
    from distributed import Client, LocalCluster

    from zarrcy.dask import from_zarr, to_zarr

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        x = da.from_array(DATA, chunks=(4, 30))
        aligned = to_zarr(x, f"{folder}/aligned")
        assert (aligned[:] == DATA).all()
        assert aligned.synchronizer is None
        shared = to_zarr(x, f"{folder}/shared", chunks=(30, 30))
        assert (shared[:] == DATA).all()
        # no files: the workers take locks of the cluster
        database = zarrcy.SQLiteStore(f"{folder}/a.sqlite")
        locked = to_zarr(x, database, chunks=(30, 30))
        assert type(locked.synchronizer).__name__ == "DaskSynchronizer"
        assert (locked[:] == DATA).all()
        assert int(from_zarr(f"{folder}/shared").sum().compute()) == DATA.sum()
        with pytest.raises(ValueError, match="memory of this process"):
            to_zarr(x, {})
    print("fine")


if __name__ == "__main__":
    main(sys.argv[1])
