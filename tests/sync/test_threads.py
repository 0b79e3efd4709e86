"""Reads and writes with several threads give the same bytes and errors as with one; threads start only on demand."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numcodecs
import numpy as np
import pytest
from cases import same_bits

import zarrcy
from zarrcy import errors
from zarrcy.chunk_io import native
from zarrcy.sync import shared_calls, thread_pool

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
def test_several_threads_read_and_write_the_same_as_one_thread(order, compressor, kind, tmp_path):
    store = {"dict": dict, "memory": zarrcy.MemoryStore, "directory": lambda: tmp_path / "a"}[kind]()
    a = zarrcy.create(SHAPE, chunks=CHUNKS, order=order, compressor=compressor, store=store, fill_value=5)
    values = model()
    assert a.explain(...).n_threads == 4
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


def test_threads_store_uniform_values_and_leave_out_empty_chunks():
    a = zarrcy.create(SHAPE, chunks=CHUNKS, store={}, write_empty_chunks=False)
    a[...] = 3
    assert a.nchunks_initialized == a.nchunks
    assert (a[...] == 3).all()
    a[:] = 0
    assert a.nchunks_initialized == 0


def test_an_error_in_a_thread_is_raised_by_the_read(tmp_path):
    a = zarrcy.create(SHAPE, chunks=CHUNKS, store=tmp_path / "a")
    a[...] = model()
    a.store["2.1.0"] = b"damaged"
    for _ in range(5):
        with pytest.raises(errors.ChunkDecodeError, match=r"'2\.1\.0'"):
            a[...]
    assert a[0, 0, 0] == model()[0, 0, 0]


def test_all_threads_have_stopped_when_an_error_is_raised():
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


def test_each_range_is_processed_once():
    done = []
    thread_pool.share(
        lambda: lambda first, last: done.append((first, last)), ((n, n + 1) for n in range(500)), 4
    )
    assert sorted(done) == [(n, n + 1) for n in range(500)]


def test_a_thread_of_the_user_may_use_as_many_threads_as_the_main_thread(monkeypatch):
    monkeypatch.delenv("ZARRCY_THREADS")
    assert in_a_thread(thread_pool.choice) == thread_pool.choice() == thread_pool.cpus()
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    assert in_a_thread(thread_pool.n_threads) == thread_pool.n_threads() == 1
    monkeypatch.setenv("ZARRCY_THREADS", "7")
    assert in_a_thread(thread_pool.n_threads) == thread_pool.n_threads() == 7


def in_a_thread(call):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(call()))
    thread.start()
    thread.join()
    return seen[0]


def test_a_block_overrides_the_array_and_the_array_overrides_the_environment():
    assert thread_pool.choice() == (4, "ZARRCY_THREADS in the environment")
    with thread_pool.prefer_threads(3):
        assert thread_pool.n_threads() == 3
        with zarrcy.use_threads(2):
            assert thread_pool.choice() == (2, "a block of zarrcy.use_threads")
            with zarrcy.use_threads(5):
                assert thread_pool.n_threads() == 5
            assert thread_pool.n_threads() == 2
            assert in_a_thread(thread_pool.n_threads) == 4, "a block does not apply to other threads"
        assert thread_pool.n_threads() == 3


def test_a_block_in_a_thread_of_the_user_applies_there(monkeypatch):
    monkeypatch.delenv("ZARRCY_THREADS")

    def n_threads_in_a_block():
        with zarrcy.use_threads(3):
            return thread_pool.n_threads()

    assert in_a_thread(n_threads_in_a_block) == 3
    assert in_a_thread(thread_pool.choice) == thread_pool.cpus()


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", None, True])
def test_a_block_refuses_an_invalid_number_of_threads(n):
    with pytest.raises(ValueError, match="must be a positive integer"), zarrcy.use_threads(n):
        pass


def test_an_environment_variable_that_is_not_a_number_means_one_thread(monkeypatch):
    monkeypatch.setenv("ZARRCY_THREADS", "all")
    assert thread_pool.choice() == (1, "ZARRCY_THREADS in the environment is 'all', which is not a number")


@pytest.mark.parametrize(
    ("files_of_cgroup", "cpus"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "250000 100000\n"}, 3),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "1000 100000\n"}, 1),
        # the limit of a parent group applies too
        (
            {
                "proc/self/cgroup": "0::/job/step\n",
                "sys/fs/cgroup/job/cpu.max": "200000 100000\n",
                "sys/fs/cgroup/job/step/cpu.max": "max 100000\n",
            },
            2,
        ),
        # version 1, in a container: the path is a path of the host, and the group is the root of the mount
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
def test_the_quota_of_the_control_groups_is_found(tmp_path, files_of_cgroup, cpus):
    for name, text in files_of_cgroup.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert thread_pool.cgroup_cpus(str(tmp_path)) == cpus


def test_the_smallest_limit_of_affinity_quota_and_slurm_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for n in (1, 6):
        root = tmp_path / str(n)
        (root / "proc/self").mkdir(parents=True)
        (root / "proc/self/cgroup").write_text("0::/\n")
        (root / "sys/fs/cgroup").mkdir(parents=True)
        (root / "sys/fs/cgroup/cpu.max").write_text(f"{n}00000 100000\n")
    assert thread_pool.cpus(str(tmp_path / "1")) == (1, "the CPU quota of the control group")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "5")
    assert thread_pool.cpus(str(tmp_path / "6")) == (5, "SLURM_CPUS_PER_TASK in the environment")


def test_the_main_thread_may_use_all_cpus_of_the_process(monkeypatch):
    monkeypatch.delenv("ZARRCY_THREADS")
    assert thread_pool.choice() == thread_pool.cpus()


def test_a_thread_of_the_pool_uses_one_thread():
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


def test_sharing_work_inside_a_shared_task_does_not_deadlock():
    """There are more tasks than threads, and tasks wait for others: no task may wait until a thread becomes free."""
    done = []

    def outer(first, last):
        thread_pool.share(lambda: lambda a, b: done.append((first, a)), ((n, n + 1) for n in range(20)), 3)

    thread_pool.share(lambda: outer, ((n, n + 1) for n in range(30)), 3)
    assert sorted(done) == [(a, b) for a in range(30) for b in range(20)]


def test_the_pool_grows_when_a_read_uses_more_threads():
    def meet(n):
        barrier = threading.Barrier(n, timeout=600)
        thread_pool.share(lambda: lambda first, last: barrier.wait(), ((i, i + 1) for i in range(n)), n)

    meet(2)
    meet(9)
    meet(3)


def test_a_read_in_an_exit_handler_works(tmp_path):
    """No thread can be started then, so the calling thread does all the work."""
    script = (
        "import atexit, zarrcy, numpy as np\n"
        "a = zarrcy.array(np.ones((600, 600)), chunks=100, store={})\n"
        "atexit.register(lambda: print(a[...].sum()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "360000.0"


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("kind", ["dict", "directory", "shards"])
def test_many_threads_of_the_user_read_and_write_at_once(kind, threads, monkeypatch, tmp_path):
    monkeypatch.setenv("ZARRCY_THREADS", str(threads))
    values = model()
    options = {"zarr_format": 3, "shards": (120, 160, 7)} if kind == "shards" else {}
    places = [{} if kind == "dict" else tmp_path / str(number) for number in range(6)]

    def write_and_read(place):
        a = zarrcy.create(SHAPE, chunks=CHUNKS, store=place, **options)
        a[...] = values
        a[5:190, 1:-1] += 1
        return a[...]

    expected = values.copy()
    expected[5:190, 1:-1] += 1
    with ThreadPoolExecutor(len(places)) as users:
        results = list(users.map(write_and_read, places))
    assert all(same_bits(result, expected) for result in results)
    # a helper that has just ended is counted out a moment later
    deadline = time.monotonic() + 600
    while shared_calls.n_working() and time.monotonic() < deadline:
        time.sleep(0.001)
    assert shared_calls.n_working() == 0


def total(array, queue):
    queue.put(float(array[...].sum()))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_process_can_read_after_its_parent_has_read(method, tmp_path):
    a = zarrcy.create(SHAPE, chunks=CHUNKS, store=str(tmp_path / "a"))
    a[...] = 1
    assert a[...].sum() == a.size, "the parent has started its pool"
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=total, args=(a, queue))
    child.start()
    assert queue.get(timeout=600) == a.size
    child.join(600)
    assert child.exitcode == 0


def test_small_reads_start_no_threads():
    script = (
        "import threading, zarrcy, numpy as np\n"
        "a = zarrcy.array(np.zeros((64, 64)), chunks=16)\n"
        "a[...]; a[3, 4]\n"
        "print(threading.active_count())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


class RecordingStore(dict):
    """A store that records the number of threads, and its reason, at each read of a chunk."""

    def __init__(self):
        super().__init__()
        self.choices = []

    def __getitem__(self, key):
        if key.rsplit("/", 1)[-1].isdecimal():
            self.choices.append(thread_pool.choice())
        return super().__getitem__(key)


def test_reads_and_writes_use_the_number_of_threads_of_the_array():
    store = RecordingStore()
    a = zarrcy.open_array(store, path="a", shape=4, chunks=2, dtype="i4", threads=3)
    a[:] = 1
    a[0] = 2  # changes a part of a chunk, so the chunk is read
    assert a.view()[0] == 2
    with zarrcy.use_threads(2):
        assert a[3] == 1
    group = zarrcy.open_group(store, path="g", threads=5)
    group["b"] = [1, 2]
    assert group["b"][0] == 1
    assert zarrcy.open_array(store, path="g/b")[1] == 2
    assert [choice.n for choice in store.choices] == [3, 3, 2, 5, 4]
    assert store.choices[0].why == "the option 'threads' of the array"


def test_an_array_without_a_number_of_threads_has_a_bare_source():
    assert type(zarrcy.zeros(3).chunk_io).__module__ == "zarrcy.chunk_io.unsharded"


def test_an_array_can_have_threads_and_a_cache():
    values = model()
    a = zarrcy.array(values, chunks=CHUNKS, store={}, threads=3, cache_bytes=10**8)
    for _ in range(2):
        assert same_bits(a[...], values)
    assert a.cache_info().hits == a.cache_info().misses == a.nchunks
    with pytest.raises(ValueError, match="threads is 0"):
        zarrcy.zeros(3, threads=0)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("compressor", [None, numcodecs.Blosc()], ids=["raw", "blosc"])
def test_threads_share_a_slab_through_whole_chunks_but_not_a_small_window(
    order, compressor, tmp_path, monkeypatch
):
    if not native.codecs():
        pytest.skip("the native path is not available")
    a = zarrcy.create((256,) * 3, chunks=64, dtype="f4", order=order, compressor=compressor, store=tmp_path)
    a[...] = 1
    n_threads = []
    share = thread_pool.share
    monkeypatch.setattr(
        thread_pool,
        "share",
        lambda make, parts, n, *rest: (n_threads.append(n), share(make, parts, n, *rest)),
    )
    slab, window = (slice(None), slice(None), 5), (slice(60, 68), slice(60, 68), slice(60, 68))
    for key in (slab, window):
        assert (a[key if order == "C" else key[::-1]] == 1).all()
    # the window is read by the calling thread alone; a slow disk may let it keep several files in flight
    assert [n for n in n_threads if n > 1] == [4]


@pytest.mark.parametrize("layout", ["chunks", "shards"])
@pytest.mark.parametrize("partly", [False, True])
def test_chunks_for_a_store_that_one_thread_may_call_are_encoded_in_several(
    layout, partly, monkeypatch, tmp_path
):
    options = {"compressor": numcodecs.BZ2(1)}
    if layout == "shards":
        codecs = ["bytes", {"name": "numcodecs.bz2", "configuration": {"level": 1}}]
        options = {"zarr_format": 3, "shards": (8, 2**16), "codecs": codecs}
    met = threading.Event()
    threads = set()
    encode = numcodecs.BZ2.encode

    def encode_together(self, buf):
        threads.add(threading.get_ident())
        if len(threads) > 1:
            met.set()
        assert met.wait(300)
        return encode(self, buf)

    with zarrcy.ZipStore(tmp_path / "a.zip", mode="w") as store:
        a = zarrcy.zeros((8, 2**16), chunks=(1, 2**16), dtype="i2", store=store, **options)
        monkeypatch.setattr(numcodecs.BZ2, "encode", encode_together)
        value = np.arange(2**16, dtype="i2")
        a[:, partly:] = value[partly:]
        monkeypatch.undo()
        assert (a[:, partly:] == value[partly:]).all()
        assert (a[:, :partly] == 0).all()
