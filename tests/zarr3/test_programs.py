"""Programs of other packages run on zarrcy with ``compat.install(api=3)``, in processes of their own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
NEEDS = {
    "with_xarray": ("xarray", "dask"),
    "with_anndata": ("anndata",),
    "with_ome_zarr": ("ome_zarr",),
}


@pytest.mark.slow
@pytest.mark.parametrize("program", NEEDS)
def test_a_program_of_another_package_runs_unchanged(program, tmp_path):
    """``ZARRCY_PROGRAMS_PYTHON`` names an interpreter with these packages; by default it is this one."""
    python = os.environ.get("ZARRCY_PROGRAMS_PYTHON", sys.executable)
    if python == sys.executable and not all(map(importlib.util.find_spec, NEEDS[program])):
        pytest.skip(f"needs {' and '.join(NEEDS[program])}")
    done = subprocess.run(
        [python, str(PROGRAMS / f"{program}.py"), str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_stand_in_has_the_meaning_of_zarr_python_3():
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAMS / "meaning_of_zarr3.py")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
