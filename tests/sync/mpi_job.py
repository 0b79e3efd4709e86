"""Write parts of the same chunks from all MPI ranks, and print the result: ``mpi_job.py path n_locks layout``."""

import pickle
import sys
import threading

import pytest
from mpi4py import MPI

import zarrcy
from zarrcy.sync import MPISynchronizer

comm = MPI.COMM_WORLD
rank, size = comm.Get_rank(), comm.Get_size()
# if the number is small, keys share locks
synchronizer = MPISynchronizer(comm, n_locks=int(sys.argv[2]))
options = {"chunks": 2, "shards": 8, "zarr_format": 3} if sys.argv[3] == "shards" else {"chunks": 8}
if rank == 0:
    zarrcy.create(16, dtype="i4", store=sys.argv[1], **options)
comm.Barrier()
a = zarrcy.open_array(sys.argv[1], mode="r+", synchronizer=synchronizer, cache_metadata=False)


def add(i):
    for _ in range(20):
        a[i] = a[i] + 1


threads = [threading.Thread(target=add, args=(i,)) for i in (rank, rank + 8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for _ in range(3):
    a.append([rank + 1])
    a.attrs[f"rank {rank}"] = rank
with pytest.raises(TypeError, match="create one in every rank"):
    pickle.dumps(synchronizer)
comm.Barrier()
if rank == 0:
    a = zarrcy.open_array(sys.argv[1], mode="r")
    print(a[:16].tolist(), sorted(a[16:].tolist()), len(a.attrs))
synchronizer.free()
