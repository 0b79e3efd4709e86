"""MPI ranks that write parts of the same chunks lose no write. The tests need mpi4py and ``mpiexec``."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")

JOB = Path(__file__).with_name("mpi_job.py")


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["chunks", "shards"])
@pytest.mark.parametrize("n_locks", [1, 64])
def test_ranks_that_write_parts_of_the_same_chunks_lose_no_write(n_locks, layout, tmp_path):
    pytest.importorskip("mpi4py")
    if MPIEXEC is None:
        pytest.skip("mpiexec is not installed")
    done = subprocess.run(
        [MPIEXEC, "-n", "4", sys.executable, str(JOB), str(tmp_path / "a"), str(n_locks), layout],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    expected = [20] * 4 + [0] * 4
    assert done.stdout.strip() == f"{expected * 2} {[1] * 3 + [2] * 3 + [3] * 3 + [4] * 3} 4", done.stderr
