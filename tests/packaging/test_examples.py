"""The programs in examples/ run, without arguments, and say that their result is right."""

import importlib.util
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="there is no source tree")
# What a program needs, and the end of what it prints.
PROGRAMS = {
    "netcdf_to_shards": ("h5py", "problems: 0; chunks: 19; arrays: 4"),
    "xarray_dataset": ("xarray", "60 days, mean 280.5"),
    "dask_rechunk": ("dask", "equal: True"),
    "mpi_writer": ("mpi4py", "rows of each rank: [800]"),
    "resume_after_a_kill": ("numpy", "exact: True"),
    "time_series": ("numpy", "shape: (120, 50, 100)"),
    "ome_zarr_pyramid": ("numpy", "'3': (128, 192)}"),
    "cloud_read": ("fsspec", "mean: 29529.5"),
    "verify_and_repair": ("numpy", "mended: True"),
}


def run(folder, program, *arguments, **variables):
    command = [sys.executable, EXAMPLES / f"{program}.py", *arguments]
    env = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), **variables}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_example_runs_without_arguments(tmp_path, program):
    needed, ending = PROGRAMS[program]
    if importlib.util.find_spec(needed) is None:
        pytest.skip(f"the program needs {needed}")
    if needed == "xarray" and not metadata.entry_points(group="xarray.backends", name="zarrcy"):
        pytest.skip("zarrcy is not installed, or was before it had a backend")
    assert run(tmp_path, program).endswith(ending)


def test_the_job_array_is_complete_after_any_order_of_tasks(tmp_path):
    run(tmp_path, "slurm_job_array", "create", "r.zarr")
    for task in (2, 0, 2, 1):
        variables = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_MIN": 0, "SLURM_ARRAY_TASK_MAX": 2}
        variables |= {"SLURM_ARRAY_TASK_STEP": 1, "SLURM_ARRAY_TASK_COUNT": 3}
        run(tmp_path, "slurm_job_array", "fill", "r.zarr", **{name: str(n) for name, n in variables.items()})
    assert run(tmp_path, "slurm_job_array", "finish", "r.zarr") == "complete: True"


def test_each_example_is_tested_and_listed():
    programs = {path.stem for path in EXAMPLES.glob("*.py")}
    assert programs == {*PROGRAMS, "slurm_job_array"}
    page = (EXAMPLES / "README.md").read_text()
    assert all(f"]({program}.py)" in page for program in programs)
