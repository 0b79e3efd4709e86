"""Where files are slow to open, more are in flight than there are CPUs; on a warm local disk nothing changes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import zarrcy
from zarrcy import _kernels
from zarrcy.sync import io_depth, thread_pool

TESTS = Path(__file__).parents[1]
native_only = pytest.mark.skipif(_kernels.native is None, reason="this build has no native path")


@pytest.fixture(scope="session")
def slow_opens(tmp_path_factory):
    """Return the path of the library that makes opening files slow."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("there is no C compiler, or libraries are not preloaded here")
    target = tmp_path_factory.mktemp("slow") / "slow_opens.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", target, TESTS / "slow_opens.c", "-ldl"]
    subprocess.run(command, check=True)
    return target


def run_job(library, *arguments, **env):
    command = [sys.executable, str(TESTS / "chunk_io" / "slow_files_job.py"), *map(str, arguments)]
    package = str(Path(zarrcy.__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": package, "LD_PRELOAD": str(library), **env}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@native_only
@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("kind", ["raw", "blosc", "zstd-v3"])
def test_many_files_are_in_flight_where_opening_them_is_slow(kind, threads, slow_opens, tmp_path):
    most = json.loads(run_job(slow_opens, "count", tmp_path / "a", kind, 16, ZARRCY_THREADS=threads))
    assert {name: n for name, n in most.items() if not 16 <= n <= 32} == {}


@native_only
def test_the_setting_bounds_the_files_in_flight(slow_opens, tmp_path):
    env = {"ZARRCY_THREADS": "1", "ZARRCY_IO_DEPTH": "5"}
    most = json.loads(run_job(slow_opens, "count", tmp_path / "a", "raw", 5, **env))
    assert set(most.values()) == {5}


@native_only
def test_after_an_error_or_an_interrupt_no_file_is_in_flight(slow_opens, tmp_path):
    run_job(slow_opens, "fail", tmp_path / "a", "blosc", ZARRCY_THREADS="2")


class Waits:
    def __init__(self, wait_ns, work_ns):
        self.wait_ns, self.work_ns = wait_ns, work_ns


@pytest.mark.parametrize(
    ("wait_ns", "work_ns", "n"), [(10**6, 10**6, 8), (10**6, 10**7, 4), (10**8, 10**4, 32), (10**6, 0, 32)]
)
def test_the_depth_follows_the_wait_and_the_work_for_one_value(wait_ns, work_ns, n, monkeypatch):
    monkeypatch.delenv("ZARRCY_IO_DEPTH", raising=False)
    with thread_pool.use_threads(2):
        assert io_depth.depth_for(Waits(wait_ns, work_ns), 0).n_helpers == n - 1
        monkeypatch.setenv("ZARRCY_IO_DEPTH", "3")
        assert io_depth.depth_for(Waits(wait_ns, work_ns), 0).n_helpers == 2


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({"proc/meminfo": "MemTotal: 900 kB\nMemAvailable: 500 kB\n"}, 500 * 1024),
        (
            {
                "proc/meminfo": "MemAvailable: 500 kB\n",
                "proc/self/cgroup": "0::/job/step\n",
                "sys/fs/cgroup/job/memory.max": "100000\n",
                "sys/fs/cgroup/job/memory.current": "90000\n",
                "sys/fs/cgroup/job/memory.stat": "anon 1\ninactive_file 30000\nactive_file 10000\n",
                "sys/fs/cgroup/job/step/memory.max": "max\n",
                "sys/fs/cgroup/job/step/memory.current": "10\n",
            },
            50000,
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/docker/abc\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "5000\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "6000\n",
            },
            0,
        ),
        ({}, None),
    ],
)
def test_the_memory_that_the_control_groups_have_left_is_found(files, left, tmp_path):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert io_depth.memory_left(str(tmp_path)) == left
    expected = io_depth.MOST_NBYTES if left is None else min(io_depth.MOST_NBYTES, left // 4)
    assert io_depth.most_nbytes(str(tmp_path)) == expected
