"""MPI ranks that write parts of the same chunks lose no write. The tests need mpi4py and ``mpiexec``."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")

SCRIPT = textwrap.dedent(
    """
    import pickle
    import sys
    import threading

    from mpi4py import MPI

    import zarrcy
    from zarrcy.sync import MPISynchronizer

    comm = MPI.COMM_WORLD
    rank, size = comm.Get_rank(), comm.Get_size()
    # the number is small, so many keys share a lock, and keys of metadata share locks with keys of chunks
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
    try:
        pickle.dumps(synchronizer)
    except TypeError as exc:
        assert "create one in every rank" in str(exc)
    else:
        raise AssertionError("the synchronizer was pickled")
    comm.Barrier()
    if rank == 0:
        a = zarrcy.open_array(sys.argv[1], mode="r")
        print(a[:16].tolist(), sorted(a[16:].tolist()), len(a.attrs))
    synchronizer.free()
    """
)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["chunks", "shards"])
@pytest.mark.parametrize("n_locks", [1, 64])
def test_ranks_that_write_parts_of_the_same_chunks_lose_no_write(n_locks, layout, tmp_path):
    pytest.importorskip("mpi4py")
    if MPIEXEC is None:
        pytest.skip("mpiexec is not installed")
    (tmp_path / "job.py").write_text(SCRIPT)
    done = subprocess.run(
        [MPIEXEC, "-n", "4", sys.executable, "job.py", str(tmp_path / "a"), str(n_locks), layout],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    expected = [20] * 4 + [0] * 4
    assert done.stdout.strip() == f"{expected * 2} {[1] * 3 + [2] * 3 + [3] * 3 + [4] * 3} 4", done.stderr
