"""Chunks shared among threads: the same bytes, the same errors, and no thread where none is wanted."""

import multiprocessing
import subprocess
import sys
import threading

import numcodecs
import numpy as np
import pytest
from cases import same_bits

import zarrcy
from zarrcy import errors, threads

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
    assert a._source.shares(a.nchunks, a.nbytes)
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
        threads.share(make_task, ((n, n + 1) for n in range(1000)), 4)
    assert working == [3]


def test_every_range_is_handed_out_once():
    done = []
    threads.share(lambda: lambda first, last: done.append((first, last)), ((n, n + 1) for n in range(500)), 4)
    assert sorted(done) == [(n, n + 1) for n in range(500)]


def test_a_thread_of_the_user_gets_no_threads_of_ours(monkeypatch):
    monkeypatch.delenv("ZARRCY_THREADS")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(threads.n_threads()))
    thread.start()
    thread.join()
    assert seen == [1]
    assert threads.n_threads() == threads.available_cpus() >= 1
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    assert threads.n_threads() == 1
    monkeypatch.setenv("ZARRCY_THREADS", "7")
    assert threads.n_threads() == 7


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
