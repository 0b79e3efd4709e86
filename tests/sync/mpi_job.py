"""Write parts of the same chunks from all MPI ranks, and print the result: ``mpi_job.py path n_locks layout``."""

import pickle
import sys
import threading

import pytest

import zarrcy
from zarrcy.sync import MPISynchronizer


def add_to_two_elements(array, rank):
    """Add 20 to the elements `rank` and `rank` + 8, each in a thread of its own."""

    def add(i):
        for _ in range(20):
            array[i] = array[i] + 1

    threads = [threading.Thread(target=add, args=(i,)) for i in (rank, rank + 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main(path, n_locks, layout):
    # only this process needs the package; pytest imports this module without it
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    rank = comm.Get_rank()
    # if the number of locks is small, keys share them
    synchronizer = MPISynchronizer(comm, n_locks=int(n_locks))
    options = {"chunks": 2, "shards": 8, "zarr_format": 3} if layout == "shards" else {"chunks": 8}
    if rank == 0:
        zarrcy.create(16, dtype="i4", store=path, **options)
    comm.Barrier()
    a = zarrcy.open_array(path, mode="r+", synchronizer=synchronizer, cache_metadata=False)
    add_to_two_elements(a, rank)
    for _ in range(3):
        a.append([rank + 1])
        a.attrs[f"rank {rank}"] = rank
    with pytest.raises(TypeError, match="create one in every rank"):
        pickle.dumps(synchronizer)
    comm.Barrier()
    if rank == 0:
        a = zarrcy.open_array(path, mode="r")
        print(a[:16].tolist(), sorted(a[16:].tolist()), len(a.attrs))
    synchronizer.free()


if __name__ == "__main__":
    main(*sys.argv[1:])
