"""Each MPI rank writes its own part of one array: ``mpiexec -n 4 python mpi_writer.py result.zarr``.

The parts end at the borders of shards, so no lock is needed. It needs the extra `mpi`.
"""

import sys

import numpy as np
from mpi4py import MPI

import zarrcy


def run(path, comm):
    """Create the array on rank 0, and write the part of this rank."""
    if comm.rank == 0:
        zarrcy.open_array(path, mode="w", shape=(800, 500), chunks=(50, 100), dtype="i4")
    comm.barrier()
    z = zarrcy.open_array(path, mode="r+", unaligned="error")
    region = z.region(comm)
    z[region] = comm.rank
    comm.barrier()
    if comm.rank == 0:
        print("rows of each rank:", np.bincount(z[:, 0]).tolist())


if __name__ == "__main__":
    run(sys.argv[1] if len(sys.argv) > 1 else "mpi.zarr", MPI.COMM_WORLD)
