"""Where files are slow to open, more are in flight than there are CPUs; on a warm local disk nothing changes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numcodecs
import numpy as np
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
        pytest.skip("the test compiles a library and lets Linux preload it: needs Linux and a C compiler")
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
    most = json.loads(run_job(slow_opens, "count", tmp_path / "a", kind, 12, ZARRCY_THREADS=threads))
    assert {name: n for name, n in most.items() if not 12 <= n <= 32} == {}


@native_only
@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("kind", ["bz2", "filter", "shards", "shards-bz2"])
def test_many_shards_and_files_of_other_codecs_are_in_flight_where_opening_them_is_slow(
    kind, threads, slow_opens, tmp_path
):
    most = json.loads(run_job(slow_opens, "reads", tmp_path / "a", kind, 12, ZARRCY_THREADS=threads))
    few = most.pop("few")
    assert {name: n for name, n in most.items() if not 12 <= n <= 33} == {}
    assert few <= 5


@native_only
def test_the_setting_bounds_the_files_in_flight(slow_opens, tmp_path):
    env = {"ZARRCY_THREADS": "1", "ZARRCY_IO_DEPTH": "5"}
    most = json.loads(run_job(slow_opens, "count", tmp_path / "a", "raw", 5, **env))
    assert set(most.values()) == {5}


@native_only
def test_after_an_error_or_an_interrupt_no_file_is_in_flight(slow_opens, tmp_path):
    run_job(slow_opens, "fail", tmp_path / "a", "blosc", ZARRCY_THREADS="2")


@native_only
def test_more_files_are_in_flight_if_they_become_slower_than_they_were(slow_opens, tmp_path):
    most = json.loads(run_job(slow_opens, "slower", tmp_path / "a", "raw", ZARRCY_THREADS="1"))
    assert {name: n for name, n in most.items() if n < 30} == {}


@native_only
def test_a_thread_from_which_other_programs_take_the_cpu_does_not_wait_for_files(slow_opens, tmp_path):
    """Not in every read: now and then, a thread waits for something else."""
    most = json.loads(run_job(slow_opens, "busy", tmp_path / "a", "raw", ZARRCY_THREADS="1"))
    assert min(most) == 1


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


def test_a_number_is_measured_again_when_some_time_has_passed():
    times, numbers = iter([0.0, 0.9, 1.0, 1.5, 2.1]), iter([7, 8, 9])
    kept = io_depth.Kept(lambda: next(numbers), 1.0, lambda: next(times))
    assert [kept() for _ in range(5)] == [7, 7, 8, 8, 9]


class FarStore(dict):
    """A store of a user that reads and writes many keys at once, and records how many."""

    def __init__(self):
        super().__init__()
        self.reads, self.writes = [], []

    def getitems(self, keys):
        self.reads.append(len(keys))
        return {key: self[key] for key in keys if key in self}

    def setitems(self, values):
        self.writes.append(len(values))
        self.update(values)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "compressor", [None, numcodecs.Blosc(), numcodecs.Zstd(1), numcodecs.LZMA()], ids=str
)
def test_a_far_store_is_asked_for_64_chunks_of_a_mebibyte_at_once(compressor, threads):
    chunk = 2**20
    values = np.repeat(np.arange(66, dtype="u1"), chunk)
    store = FarStore()
    a = zarrcy.create(
        len(values), chunks=chunk, dtype="u1", store=store, compressor=compressor, threads=threads
    )
    a[:] = values
    assert store.writes[-2:] == [64, 2]
    store.reads.clear()
    assert np.array_equal(a[:], values)
    assert store.reads == [64, 2]
    store.reads.clear()
    a[chunk // 2 :: chunk] = 200
    assert store.reads == [64, 2]
    values[chunk // 2 :: chunk] = 200
    assert np.array_equal(a[:], values)


def test_the_shards_of_a_write_are_sent_and_read_together():
    values = np.arange(8 * 10**4).reshape(8, 10**4)
    store = FarStore()
    a = zarrcy.create((8, 10**4), chunks=(1, 1000), shards=(1, 10**4), store=store, zarr_format=3)
    store.writes.clear()
    a[...] = values
    assert store.writes == [8]
    store.reads.clear()
    store.writes.clear()
    a[:, 500:5500] = 7
    assert (store.reads, store.writes) == ([8], [8])
    values[:, 500:5500] = 7
    assert np.array_equal(a[...], values)
    store.writes.clear()
    a[:, :] = 0
    assert np.array_equal(a[...], np.zeros_like(values))
    assert not store.writes, "shards that hold only the fill value are deleted"


@pytest.mark.parametrize("threads", [1, 4])
def test_an_error_in_one_value_of_a_batch_names_its_key(threads):
    store = FarStore()
    a = zarrcy.create(40, chunks=1, dtype=f"V{2**18}", store=store, threads=threads)
    a[:] = np.zeros(40, a.dtype)
    store["17"] = b"damaged"
    with pytest.raises(zarrcy.errors.ChunkDecodeError, match="'17'"):
        a[:]
