"""The machine, the system and the versions that the numbers depend on."""

from __future__ import annotations

import os
import platform
import re
import tempfile
from importlib import metadata
from pathlib import Path

from benchmarks.compare import report

VERSIONS = ("numpy", "numcodecs", "zarr", "zarrs", "tensorstore", "z5py", "h5py", "blosc2")


def cpus() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine(root: Path) -> report.Result:
    """Return a description of this machine and of the file system that holds `root`."""
    versions = {}
    for name in VERSIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "cpu": _cpu_model(),
        "cpus": cpus(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        "filesystem": _filesystem(root),
        "versions": versions,
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        model = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE)
        if model:
            return model[1].strip()
    return platform.processor() or platform.machine()


def _filesystem(path: Path) -> str:
    """Return the type of the file system that holds `path`, if the system reports it."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "an unknown file system"
    fields = [line.split() for line in mounts.read_text().splitlines()]
    holding = [(len(f[1]), f[2]) for f in fields if path.is_relative_to(f[1].replace("\\040", " "))]
    return max(holding)[1] if holding else "an unknown file system"


def working_directory(root: str | None) -> tempfile.TemporaryDirectory[str]:
    """Return a new directory below `root`; by default in memory, if the system has /dev/shm."""
    if root is None and Path("/dev/shm").is_dir():
        root = "/dev/shm"
    return tempfile.TemporaryDirectory(prefix="zarrcy-bench-", dir=root)
