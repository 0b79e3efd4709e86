"""A wheel that is built here: licenses, sizes, tags, and whether it works in an empty environment.

``ZARRCY_WHEEL=FILE`` tests an existing wheel (``make wheel`` does). Without it, a wheel is built.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from zarrcy.api.show_config import LICENSES

REPO = Path(__file__).parents[2]
pytestmark = pytest.mark.slow

SMOKE_TEST = """
import warnings; warnings.simplefilter("error")
import numpy as np, zarrcy
a = zarrcy.open("a.zarr", mode="w", shape=(100, 100), chunks=(10, 10), dtype="f4")
a[:] = np.arange(10_000).reshape(100, 100)
assert (zarrcy.open("a.zarr", mode="r")[::7, 5] == np.arange(10_000).reshape(100, 100)[::7, 5]).all()
b = zarrcy.open("b.zarr", mode="w", shape=100, chunks=10, shards=50, dtype="i8", zarr_format=3)
b[:] = np.arange(100)
assert zarrcy.verify("b.zarr").ok
config = zarrcy.show_config("dicts")
print(config["kernels"]["kernels"], *config["libraries of the native path"])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if "ZARRCY_WHEEL" in os.environ:
        return Path(os.environ["ZARRCY_WHEEL"]).resolve()
    if not (REPO / "setup.py").exists():
        pytest.skip("there is no source tree")
    for module in ("setuptools", "Cython", "blosc2"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"a build needs {module}")
    source = tmp_path_factory.mktemp("source") / "zarrcy"
    left_out = shutil.ignore_patterns(".*", "build", "dist", "*.so", "*.c", "*.egg-info", "__pycache__")
    shutil.copytree(REPO, source, ignore=left_out)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        "dist",
        "-v",
        ".",
    ]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "has no text for these members" not in done.stdout
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def files(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_a_wheel_contains_the_license_of_each_library(files):
    (info,) = files.glob("*.dist-info")
    found = {path.name for path in (info / "licenses").rglob("*") if path.is_file()}
    assert found >= {"LICENSE"} | {f"{name.replace('Zstandard', 'zstd').upper()}.txt" for name in LICENSES}
    message = Parser().parsestr((info / "METADATA").read_text())
    assert set(message["License-Expression"].split(" AND ")) == {"MIT", *LICENSES.values()}


def test_a_wheel_contains_no_debug_information_and_no_source_of_a_test(files):
    modules = list(files.rglob("*.so"))
    assert modules
    for module in modules:
        assert b".debug_info" not in module.read_bytes(), module.name
    if sys.platform == "linux":
        assert sum(module.stat().st_size for module in modules) < 5_000_000
    assert not list(files.glob("tests*"))


def test_a_wheel_is_for_the_baseline_processor(files):
    """No file was compiled for the processor of the machine that built it."""
    if not shutil.which("readelf"):
        pytest.skip("readelf is not installed")
    for module in files.rglob("*.so"):
        notes = subprocess.run(["readelf", "-n", module], capture_output=True, text=True, check=True).stdout
        needed = re.findall(r"x86 ISA needed: (.*)", notes)
        assert not any(re.search(r"v[234]", isa) for isa in needed), module.name


def test_a_wheel_works_in_an_empty_environment_without_a_compiler(wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    env = {"PATH": str(tmp_path / "venv" / "bin"), "HOME": str(tmp_path)}
    settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    command = [python, "-m", "pip", "-q", "--disable-pip-version-check", "install", wheel]
    done = subprocess.run(command, env=env | settings, capture_output=True, text=True, check=False)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [python, "-c", SMOKE_TEST], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("compiled")
    assert "C-Blosc2" in done.stdout
