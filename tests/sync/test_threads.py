"""Chunks shared among threads: the same bytes, the same errors, and no thread where none is wanted."""

import multiprocessing
import subprocess
import sys
import threading
import time

import numcodecs
import numpy as np
import pytest
from cases import same_bits

import zarrcy
from zarrcy import errors
from zarrcy.chunk_io import native
from zarrcy.sync import thread_pool

SHAPE, CHUNKS = (200, 300, 7), (60, 80, 7)  # chunks of 268,800 bytes; edge chunks on two axes


@pytest.fixture(autouse=True)
def four_threads(monkeypatch):
    monkeypatch.setenv("ZARRCY_THREADS", "4")


def model():
    return np.random.default_rng(0).normal(size=SHAPE).cumsum(0)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "compressor", [None, numcodecs.Blosc(), numcodecs.Zstd(1), numcodecs.Zlib(1)], ids=str
)
@pytest.mark.parametrize("kind", ["dict", "memory", "directory"])
def test_threads_read_and_write_what_one_would(order, compressor, kind, tmp_path):
    store = {"dict": dict, "memory": zarrcy.MemoryStore, "directory": lambda: tmp_path / "a"}[kind]()
    a = zarrcy.create(SHAPE, chunks=CHUNKS, order=order, compressor=compressor, store=store, fill_value=5)
    values = model()
    assert a._chunk_io.context.uses_threads(a.nchunks, a.nbytes)
    assert same_bits(a[...], np.full(SHAPE, 5.0))
    a[...] = values
    assert same_bits(a[...], values)
    a[10:150, ::-3] = 7
    values[10:150, ::-3] = 7
    assert same_bits(a[::-1, 5:290:2], values[::-1, 5:290:2])
    rows = np.array([199, 3, 3, 70, 120])
    assert same_bits(a.oindex[rows], values[rows])
    mask = values > 0
    a[mask] = -1
    values[mask] = -1
    assert same_bits(a[values < 0], values[values < 0])
    assert same_bits(zarrcy.open_array(a.store)[...], values)


def test_uniform_values_and_empty_chunks_are_the_same_from_threads():
    a = zarrcy.create(SHAPE, chunks=CHUNKS, store={}, write_empty_chunks=False)
    a[...] = 3
    assert a.nchunks_initialized == a.nchunks
    assert (a[...] == 3).all()
    a[:] = 0
    assert a.nchunks_initialized == 0


def test_the_error_of_a_thread_is_the_error_of_the_read(tmp_path):
    a = zarrcy.create(SHAPE, chunks=CHUNKS, store=tmp_path / "a")
    a[...] = model()
    a.store["2.1.0"] = b"damaged"
    for _ in range(5):
        with pytest.raises(errors.ChunkDecodeError, match=r"'2\.1\.0'"):
            a[...]
    assert a[0, 0, 0] == model()[0, 0, 0]


def test_no_thread_works_on_when_an_error_is_raised():
    working = []
    lock = threading.Lock()

    def make_task():
        def task(first, last):
            with lock:
                working.append(first)
            if first == 3:
                raise KeyError("three")
            with lock:
                working.remove(first)

        return task

    with pytest.raises(KeyError, match="three"):
        thread_pool.share(make_task, ((n, n + 1) for n in range(1000)), 4)
    assert working == [3]


def test_every_range_is_handed_out_once():
    done = []
    thread_pool.share(
        lambda: lambda first, last: done.append((first, last)), ((n, n + 1) for n in range(500)), 4
    )
    assert sorted(done) == [(n, n + 1) for n in range(500)]


def test_a_thread_of_the_user_gets_no_threads_of_ours(monkeypatch):
    monkeypatch.delenv("ZARRCY_THREADS")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(thread_pool.n_threads()))
    thread.start()
    thread.join()
    assert seen == [1]
    assert thread_pool.n_threads() == thread_pool.available_cpus() >= 1
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    assert thread_pool.n_threads() == 1
    monkeypatch.setenv("ZARRCY_THREADS", "7")
    assert thread_pool.n_threads() == 7


def in_a_thread(call):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(call()))
    thread.start()
    thread.join()
    return seen[0]


def test_a_block_decides_before_the_array_and_the_array_before_the_environment():
    assert thread_pool.choice() == (4, "ZARRCY_THREADS in the environment")
    with thread_pool.prefer_threads(3):
        assert thread_pool.n_threads() == 3
        with zarrcy.use_threads(2):
            assert thread_pool.choice() == (2, "a block of zarrcy.use_threads")
            with zarrcy.use_threads(5):
                assert thread_pool.n_threads() == 5
            assert thread_pool.n_threads() == 2
            assert in_a_thread(thread_pool.n_threads) == 4, "a block says nothing about other threads"
        assert thread_pool.n_threads() == 3


def test_a_thread_that_asks_gets_threads(monkeypatch):
    monkeypatch.delenv("ZARRCY_THREADS")

    def asking():
        with zarrcy.use_threads(3):
            return thread_pool.n_threads()

    assert in_a_thread(asking) == 3
    assert in_a_thread(thread_pool.n_threads) == 1


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", None, True])
def test_a_block_refuses_what_is_no_number_of_threads(n):
    with pytest.raises(ValueError, match="must be a positive integer"), zarrcy.use_threads(n):
        pass


def test_an_environment_that_is_no_number_means_one_thread_and_says_so(monkeypatch):
    monkeypatch.setenv("ZARRCY_THREADS", "all")
    assert thread_pool.choice() == (1, "ZARRCY_THREADS in the environment is 'all', which is no number")


@pytest.mark.parametrize(
    ("files_of_cgroup", "cpus"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "250000 100000\n"}, 3),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "1000 100000\n"}, 1),
        # a group can't have more than the group that it is in
        (
            {
                "proc/self/cgroup": "0::/job/step\n",
                "sys/fs/cgroup/job/cpu.max": "200000 100000\n",
                "sys/fs/cgroup/job/step/cpu.max": "max 100000\n",
            },
            2,
        ),
        # version 1, and the path of the host in a container, where the group is the root of the mount
        (
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n0::/\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "50000\n",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
        ({}, None),
    ],
)
def test_the_quota_of_the_control_groups_counts(tmp_path, files_of_cgroup, cpus):
    for name, text in files_of_cgroup.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert thread_pool.cgroup_cpus(str(tmp_path)) == cpus


def test_a_quota_bounds_what_the_affinity_allows(monkeypatch):
    monkeypatch.delenv("ZARRCY_THREADS")
    monkeypatch.setattr(thread_pool, "_quota_of_this_process", lambda: 1)
    monkeypatch.setattr(thread_pool.os, "sched_getaffinity", lambda _: set(range(8)))
    assert thread_pool.choice() == (1, "the CPU quota of the control group")
    monkeypatch.setattr(thread_pool, "_quota_of_this_process", lambda: 6)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "5")
    assert thread_pool.choice() == (5, "SLURM_CPUS_PER_TASK in the environment")


def test_a_thread_of_ours_asks_for_no_others():
    seen = set()
    thread_pool.share(
        lambda: lambda first, last: seen.add((threading.get_ident(), thread_pool.n_threads())), SLOW, 3
    )
    here = threading.get_ident()
    assert {n for ident, n in seen if ident != here} <= {1}
    assert {n for ident, n in seen if ident == here} <= {4}


class _Slow:
    """Ranges that take a moment to hand out, so that several threads get some."""

    def __iter__(self):
        for number in range(50):
            time.sleep(0.001)
            yield number, number + 1


SLOW = _Slow()


def test_work_that_is_shared_inside_of_shared_work_ends():
    """More work than threads, and each piece waits for others: nobody may wait for a thread that never comes."""
    done = []

    def outer(first, last):
        thread_pool.share(lambda: lambda a, b: done.append((first, a)), ((n, n + 1) for n in range(20)), 3)

    thread_pool.share(lambda: outer, ((n, n + 1) for n in range(30)), 3)
    assert sorted(done) == [(a, b) for a in range(30) for b in range(20)]


def test_more_threads_are_made_when_more_are_asked_for():
    def meet(n):
        barrier = threading.Barrier(n, timeout=30)
        thread_pool.share(lambda: lambda first, last: barrier.wait(), ((i, i + 1) for i in range(n)), n)

    meet(2)
    meet(9)
    meet(3)


def test_a_read_at_the_end_of_the_program_is_answered(tmp_path):
    """No thread can be started then; the one that asks does the work."""
    script = (
        "import atexit, zarrcy, numpy as np\n"
        "a = zarrcy.array(np.ones((600, 600)), chunks=100, store={})\n"
        "atexit.register(lambda: print(a[...].sum()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "360000.0"


def test_many_threads_of_the_user_read_at_once():
    a = zarrcy.create(SHAPE, chunks=CHUNKS, store={})
    values = model()
    a[...] = values
    results = []
    users = [threading.Thread(target=lambda: results.append(same_bits(a[...], values))) for _ in range(6)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert results == [True] * 6


def total(array, queue):
    queue.put(float(array[...].sum()))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_read_after_their_parent_did(method, tmp_path):
    a = zarrcy.create(SHAPE, chunks=CHUNKS, store=str(tmp_path / "a"))
    a[...] = 1
    assert a[...].sum() == a.size, "the pool of the parent has run"
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=total, args=(a, queue))
    child.start()
    assert queue.get(timeout=60) == a.size
    child.join(60)
    assert child.exitcode == 0


def test_small_reads_start_no_thread():
    script = (
        "import threading, zarrcy, numpy as np\n"
        "a = zarrcy.array(np.zeros((64, 64)), chunks=16)\n"
        "a[...]; a[3, 4]\n"
        "print(threading.active_count())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


class Listening(dict):
    """A store that writes down what decides about threads while it is asked for chunks."""

    def __init__(self):
        super().__init__()
        self.heard = []

    def __getitem__(self, key):
        if key.rsplit("/", 1)[-1].isdecimal():
            self.heard.append(thread_pool.choice())
        return super().__getitem__(key)


def test_the_threads_of_an_array_are_used_by_its_reads_and_writes():
    store = Listening()
    a = zarrcy.open_array(store, path="a", shape=4, chunks=2, dtype="i4", threads=3)
    a[:] = 1
    a[0] = 2  # changes a part of a chunk, so it asks for it
    assert a.view()[0] == 2
    with zarrcy.use_threads(2):
        assert a[3] == 1
    group = zarrcy.open_group(store, path="g", threads=5)
    group["b"] = [1, 2]
    assert group["b"][0] == 1
    assert zarrcy.open_array(store, path="g/b")[1] == 2
    assert [choice.n for choice in store.heard] == [3, 3, 2, 5, 4]
    assert store.heard[0].why == "the option 'threads' of the array"


def test_an_array_without_a_number_of_threads_has_a_bare_source():
    assert type(zarrcy.zeros(3)._chunk_io).__module__ == "zarrcy.chunk_io.unsharded"


def test_threads_and_a_cache_go_together():
    values = model()
    a = zarrcy.array(values, chunks=CHUNKS, store={}, threads=3, cache_bytes=10**8)
    for _ in range(2):
        assert same_bits(a[...], values)
    assert a.cache_info().hits == a.cache_info().misses == a.nchunks
    with pytest.raises(ValueError, match="threads is 0"):
        zarrcy.zeros(3, threads=0)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("compressor", [None, numcodecs.Blosc()], ids=["raw", "blosc"])
def test_a_slab_through_whole_chunks_is_shared_and_a_window_is_not(order, compressor, tmp_path, monkeypatch):
    if not native.codecs():
        pytest.skip("the native lane is not here")
    a = zarrcy.create((256,) * 3, chunks=64, dtype="f4", order=order, compressor=compressor, store=tmp_path)
    a[...] = 1
    asked = []
    share = thread_pool.share
    monkeypatch.setattr(thread_pool, "share", lambda make, parts, n: (asked.append(n), share(make, parts, n)))
    slab, window = (slice(None), slice(None), 5), (slice(60, 68), slice(60, 68), slice(60, 68))
    for key in (slab, window):
        assert (a[key if order == "C" else key[::-1]] == 1).all()
    # who works alone asks nobody
    assert asked == [4]
