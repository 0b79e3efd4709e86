"""Exceptions of signal handlers, at any moment, leave no lock held, no thread at work and no call that hangs."""

import gc
import os
import random
import signal
import threading
import time

import numcodecs
import numpy as np
import pytest
from forks import in_a_fork

import zarrcy
from zarrcy import _kernels
from zarrcy._kernels import _reference_locks
from zarrcy.storage.remote.concurrent import map_requests
from zarrcy.sync import key_locks, thread_pool

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no interval timers")
IMPLEMENTATIONS = [_reference_locks, *([key_locks] if _kernels.COMPILED else [])]
compiled_only = pytest.mark.skipif(not _kernels.COMPILED, reason="Python code can be interrupted anywhere")


class Interrupted(BaseException):
    """What the handler raises: nothing else does."""


@pytest.fixture
def interrupts():
    """Return a function that calls another one until it was interrupted `n` times, at random moments."""

    def handler(*_):
        raise Interrupted

    # Python ignores what is raised in such a callback, and hypothesis has one
    callbacks, gc.callbacks[:] = gc.callbacks[:], []
    before = signal.signal(signal.SIGALRM, handler)
    random_delay = random.Random(1)

    def repeat(call, n, longest):
        count, deadline = 0, time.monotonic() + 6000
        while count < n and time.monotonic() < deadline:
            try:
                signal.setitimer(signal.ITIMER_REAL, random_delay.uniform(1e-6, longest))
                try:
                    call()
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupted:
                count += 1
        assert count == n, "the calls were too short to be interrupted"

    yield repeat
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    gc.callbacks[:] = callbacks


@compiled_only
def test_an_interrupted_key_lock_is_released(interrupts):
    def hold():
        for _ in range(50):
            with key_locks.KeyLock(["interrupted 1", "interrupted 2"]), key_locks.KeyLock(["interrupted 3"]):
                pass

    hold()
    interrupts(hold, 2000, 50e-6)
    assert not [name for name in key_locks.held_names() if name.startswith("interrupted")]


@compiled_only
def test_an_interrupted_wait_for_a_key_lock_ends_and_holds_nothing(interrupts):
    held, finish = threading.Event(), threading.Event()

    def holder():
        with key_locks.KeyLock(["contended"]):
            held.set()
            finish.wait(600)

    thread = threading.Thread(target=holder)
    thread.start()
    held.wait()

    def wait():
        with key_locks.KeyLock(["free", "contended"]):
            pass

    interrupts(wait, 300, 1e-3)
    assert "free" not in key_locks.held_names()
    finish.set()
    thread.join()
    wait()


@compiled_only
def test_an_interrupted_lock_file_is_released(interrupts, tmp_path):
    locks = zarrcy.ProcessSynchronizer(tmp_path)

    def hold():
        for key in ("a/0.0", "a/.zarray"):
            with locks[key]:
                pass

    hold()
    n_files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    interrupts(hold, 1000, 200e-6)
    assert not [name for name in key_locks.held_names() if name.startswith(str(tmp_path))]
    if n_files is not None:
        assert len(os.listdir("/proc/self/fd")) <= n_files
    hold()


@compiled_only
def test_an_interrupted_lock_of_functions_is_released(interrupts):
    held = []

    def acquire():
        while held:
            time.sleep(0)
        held.append(threading.get_ident())

    def release():
        if held == [threading.get_ident()]:
            held.clear()

    def hold():
        for _ in range(50):
            with (
                key_locks.CallLock(acquire, release, "called"),
                key_locks.CallLock(acquire, release, "called"),
            ):
                assert held == [threading.get_ident()]

    hold()
    interrupts(hold, 1000, 50e-6)
    assert not held
    assert "called" not in key_locks.held_names()


@compiled_only
def test_after_an_interrupted_call_no_thread_works_and_the_next_call_does(interrupts):
    working = set()

    def make_task():
        def task(first, last):
            working.add(threading.get_ident())
            np.arange(2000).sum()
            working.discard(threading.get_ident())

        return task

    def call():
        working.clear()
        try:
            thread_pool.share(make_task, ((n, n + 1) for n in range(300)), 4)
        except Interrupted:
            # the calling thread itself may have been interrupted inside the task
            assert working <= {threading.get_ident()}
            raise
        assert not working

    # an interrupted import, of what is loaded on first use, leaves files open
    call()
    interrupts(call, 500, 3e-3)


@compiled_only
@pytest.mark.parametrize("options", [{}, {"zarr_format": 3, "shards": (32, 64)}], ids=["chunks", "shards"])
def test_reads_and_writes_survive_interrupts(options, interrupts, tmp_path):
    values = np.random.default_rng(0).normal(size=(64, 64))
    a = zarrcy.create((64, 64), chunks=(8, 8), dtype="f8", store=tmp_path / "a", threads=4, **options)
    a[...] = values
    out = np.empty((64, 64))

    def call():
        a[...] = values
        a[3:50, 5:61] = values[3:50, 5:61]
        a.get_basic_selection(..., out=out)

    def call_and_check_that_out_rests():
        try:
            call()
        except Interrupted:
            seen = out.copy()
            time.sleep(1e-4)
            np.testing.assert_array_equal(out, seen)
            raise

    call()
    interrupts(call_and_check_that_out_rests, 60, 2e-3)
    assert not [name for name in key_locks.held_names() if name.startswith(str(tmp_path))]
    a[...] = values
    np.testing.assert_array_equal(a[...], values)


ARRAYS = {
    "v2": {},
    "v2-no-empty-chunks": {"write_empty_chunks": False},
    "v2-cached": {"cache_bytes": 2**20},
    "v3": {"zarr_format": 3},
    "v3-fallback": {"zarr_format": 3, "codecs": ["bytes", "zstd", "crc32c"]},
    "shards": {"zarr_format": 3, "shards": (16, 32)},
}
LOCKS = {
    "none": lambda path: None,
    "threads": lambda path: zarrcy.ThreadSynchronizer(),
    "processes": lambda path: zarrcy.ProcessSynchronizer(path / "locks"),
}


def changes_of(z, random_number):
    """Return a function that performs a random operation on an array."""
    names = ["append", "resize", "write", "write in part", "read", "fill value", "attributes"]

    def call():
        name, number = random_number.choice(names), random_number.randrange(1, 100)
        if name == "append":
            if len(z) < 100:
                z.append(np.full((random_number.randrange(1, 20), z.shape[1]), number))
        elif name == "resize":
            z.resize(random_number.randrange(5, 90), random_number.randrange(5, 90))
        elif name == "write":
            z[...] = number
        elif name == "write in part":
            z[2 : random_number.randrange(3, 60), 1:-1] = number
        elif name == "read":
            z[...]
        elif name == "fill value":
            z.fill_value = number
        else:
            z.attrs["number"] = number

    return call


def check_after_interrupt(z, path):
    """Check that an array object agrees with the store, and that every lock is free."""
    values = z[...]
    stored = zarrcy.open_array(path, mode="r")
    assert z.shape == values.shape == stored.shape
    assert z.fill_value == stored.fill_value
    assert dict(z.attrs) == dict(stored.attrs)
    np.testing.assert_array_equal(values, stored[...])
    assert not [name for name in key_locks.held_names() if str(path.parent) in name]


def interrupt_changes(interrupts, n, kind, lock, path):
    z = zarrcy.open_array(
        path, mode="w", shape=(40, 40), chunks=(8, 8), dtype="f8", threads=4, **ARRAYS[kind],
        synchronizer=LOCKS[lock](path.parent),
    )  # fmt: skip
    operation = changes_of(z, random.Random(2))

    def call():
        try:
            for _ in range(20):
                operation()
        except Interrupted:
            signal.setitimer(signal.ITIMER_REAL, 0)
            check_after_interrupt(z, path)
            raise

    call()
    interrupts(call, n, 5e-3)
    # what an interrupt left is not in the way of the next call, whichever it is
    z.resize(30, 30)
    z[...] = 5
    z.append(np.full((3, 30), 6))
    np.testing.assert_array_equal(z[...], np.repeat([5, 6], [30, 3])[:, None] * np.ones(30))


@compiled_only
@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("kind", ARRAYS)
def test_an_interrupted_change_leaves_an_array_that_agrees_with_its_store(kind, lock, interrupts, tmp_path):
    interrupt_changes(interrupts, 20, kind, lock, tmp_path / "a")


@compiled_only
@pytest.mark.slow
@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("kind", ARRAYS)
def test_ten_thousand_interrupts_leave_arrays_that_agree_with_their_stores(kind, lock, interrupts, tmp_path):
    interrupt_changes(interrupts, 10_000 // (len(ARRAYS) * len(LOCKS)) + 1, kind, lock, tmp_path / "a")


def test_an_interrupted_transaction_is_over_while_the_exception_is_handled(interrupts, tmp_path):
    store = zarrcy.SQLiteStore(str(tmp_path / "a.sqlite"))
    kept = []

    def call():
        try:
            for number in range(20):
                store.setitems({f"a/{number}": b"1", f"b/{number}": b"2"})
                store.setdefault(f"c/{number}", b"3")
                store.delitems([f"a/{number}", f"c/{number}"])
        except Interrupted as exc:
            signal.setitimer(signal.ITIMER_REAL, 0)
            kept[:] = [exc]
            reader = threading.Thread(target=lambda: kept.append(len(store)))
            reader.start()
            reader.join(600)
            assert len(kept) == 2, "another thread may use the store"
            store.setitems({"x": b"4"})
            raise

    call()
    interrupts(call, 300, 2e-3)
    store.close()


@compiled_only
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("options", "is_in_memory"),
    [({}, False), ({}, True), ({"zarr_format": 3, "shards": 2**20}, False)],
    ids=["files", "memory", "shard"],
)
def test_a_signal_ends_a_write_of_many_chunks(options, is_in_memory, threads, interrupts, tmp_path):
    """The last chunk takes seconds to reach, the signal comes long before."""
    values = np.random.default_rng(0).integers(0, 50, 2**20)
    store = {} if is_in_memory else tmp_path / "a"
    a = zarrcy.create(
        2**20, chunks=256, dtype="i8", store=store, compressor=numcodecs.Zstd(20), threads=threads, **options
    )
    written = []

    def write():
        try:
            a[:] = values
        except Interrupted:
            written.append(a.nchunks_initialized)
            raise

    interrupts(write, 1, 0.05)
    assert written[0] < a.nchunks if "shards" not in options else written[0] == 0


_N = 3_000_000
LONG_SELECTIONS = {
    "list": lambda a, points: a.oindex[points],
    "points": lambda a, points: a.vindex[points],
    "list of many chunks": lambda a, points: a.oindex[points * 1000],
    "points in many chunks": lambda a, points: a.vindex[points * 1000],
}


@compiled_only
@pytest.mark.parametrize("kind", LONG_SELECTIONS)
def test_a_signal_ends_the_plan_of_a_long_selection(kind, interrupts):
    """The exception comes after a small part of the time that the processor needs for all of it."""
    a = zarrcy.create(1000 * _N, chunks=2000, dtype="i1", store={})
    points = np.random.default_rng(0).integers(0, _N, _N)

    def select():
        LONG_SELECTIONS[kind](a, points)

    begin = time.process_time()
    select()
    whole = time.process_time() - begin
    parts = []

    def interrupted():
        begin = time.process_time()
        try:
            select()
        except Interrupted:
            parts.append(time.process_time() - begin)
            raise

    interrupts(interrupted, 3, 5e-3)
    assert min(parts) < whole / 2


@pytest.mark.parametrize("module", IMPLEMENTATIONS, ids=lambda module: module.__name__.rsplit(".", 1)[-1])
class TestWorkerGroup:
    def test_a_thread_that_comes_late_does_nothing(self, module):
        calls = []
        with module.WorkerGroup(lambda: calls.append(1)) as group:
            group.run()
        group.run()
        assert calls == [1]

    def test_leaving_the_block_waits_for_the_threads_that_work(self, module):
        started, ended = threading.Event(), []

        def work():
            started.set()
            while not group.is_stopping:
                time.sleep(0.001)
            # the block must not end before this thread does
            time.sleep(0.05)
            ended.append(group.is_stopping)

        with module.WorkerGroup(work) as group:
            threading.Thread(target=group.run).start()
            started.wait()
        assert ended == [True]
        assert group.n_running == 0

    def test_an_exception_of_a_thread_stops_the_others(self, module):
        with module.WorkerGroup(lambda: 1 / 0) as group:
            group.run()
            assert group.is_stopping
        assert [type(failure) for failure in group.failures] == [ZeroDivisionError]

    def test_after_an_exception_it_waits_only_as_long_as_allowed(self, module):
        finish = threading.Event()
        begin = time.monotonic()
        group = module.WorkerGroup(lambda: finish.wait(600), grace=0.05)

        def fail():
            with group:
                threading.Thread(target=group.run).start()
                while not group.n_running:
                    time.sleep(0.001)
                raise KeyError("stop")

        with pytest.raises(KeyError):
            fail()
        assert group.n_running == 1
        assert time.monotonic() - begin < 300
        finish.set()


@pytest.mark.parametrize("module", IMPLEMENTATIONS, ids=lambda module: module.__name__.rsplit(".", 1)[-1])
def test_a_key_that_is_a_directory_of_other_keys_has_a_lock_file_too(module, tmp_path):
    def lock(key):
        return module.FileLock(
            str(tmp_path / key), str(tmp_path / key.replace("/", "%2F")), str(tmp_path / key)
        )

    for key in ("a/0", "a/0/0", "a/0/0/1", "b/1/1", "b/1", "a/0"):
        with lock(key), lock(key):
            pass
    assert (tmp_path / "a%2F0%2F0").is_file()
    assert (tmp_path / "b%2F1").is_file()


@pytest.mark.parametrize("module", IMPLEMENTATIONS, ids=lambda module: module.__name__.rsplit(".", 1)[-1])
class TestCallLock:
    def test_one_thread_at_a_time_holds_it(self, module):
        calls, n_inside, most = [], [0], []

        def work():
            for _ in range(100):
                with module.CallLock(lambda: calls.append("take"), lambda: calls.append("drop"), "one"):
                    n_inside[0] += 1
                    most.append(n_inside[0])
                    n_inside[0] -= 1

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(most) == {1}
        assert calls == ["take", "drop"] * 400

    def test_after_a_failure_the_next_caller_can_take_it(self, module):
        calls = []
        with (
            pytest.raises(ZeroDivisionError),
            module.CallLock(lambda: 1 / 0, lambda: calls.append(1), "failing"),
        ):
            calls.append(2)
        assert calls == [1]
        with module.CallLock(lambda: None, lambda: None, "failing"):
            pass


@pytest.mark.parametrize("module", IMPLEMENTATIONS, ids=lambda module: module.__name__.rsplit(".", 1)[-1])
class TestCallInThread:
    def test_it_returns_and_raises_what_the_function_does_in_another_thread(self, module):
        ident, arguments = module.call_in_thread(
            lambda *args, **options: (threading.get_ident(), (args, options)), 1, b=2
        )
        assert ident != threading.get_ident()
        assert arguments == ((1,), {"b": 2})
        assert module.call_in_thread(lambda: None) is None
        with pytest.raises(KeyError, match="stop"):
            module.call_in_thread({}.__getitem__, "stop")

    def test_handlers_run_at_once_and_their_exception_waits_for_the_end(self, module):
        handled, ended = threading.Event(), []

        def handler(*_):
            handled.set()
            raise Interrupted

        def work():
            signal.setitimer(signal.ITIMER_REAL, 1e-3)
            assert handled.wait(600)
            ended.append(1)

        before = signal.signal(signal.SIGALRM, handler)
        try:
            with pytest.raises(Interrupted):
                module.call_in_thread(work)
        finally:
            signal.signal(signal.SIGALRM, before)
        assert ended == [1]


@pytest.mark.parametrize("module", IMPLEMENTATIONS, ids=lambda module: module.__name__.rsplit(".", 1)[-1])
class TestWhatIsFreed:
    def test_a_descriptor_is_closed_by_its_block_or_when_it_is_freed(self, module, tmp_path):
        with module.Descriptor(os.open, tmp_path / "a", os.O_WRONLY | os.O_CREAT) as fd:
            os.write(fd, b"1")
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
        descriptor = module.Descriptor(os.open, tmp_path / "a", os.O_RDONLY)
        fd = descriptor.fd
        assert os.read(fd, 9) == b"1"
        del descriptor
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
        with pytest.raises(FileNotFoundError):
            module.Descriptor(os.open, tmp_path / "b", os.O_RDONLY)

    def test_a_temporary_file_is_removed_unless_it_is_renamed(self, module, tmp_path):
        for name, is_kept in (("a", False), ("b", True)):
            temporary = module.TemporaryFile(str(tmp_path / "temporary"))
            (tmp_path / "temporary").write_text("1")
            if is_kept:
                temporary.rename(str(tmp_path / name))
            del temporary
            assert (tmp_path / name).exists() == is_kept
            assert not (tmp_path / "temporary").exists()

    def test_a_function_is_called_when_its_object_is_freed(self, module):
        calls = []
        last = module.AtLast(lambda: calls.append(1))
        assert not calls
        del last
        assert calls == [1]

    def test_a_forked_child_neither_removes_nor_calls(self, module, tmp_path):
        calls = []
        path = tmp_path / "temporary"
        path.write_text("1")
        held = [module.TemporaryFile(str(path)), module.AtLast(lambda: calls.append(1))]

        def in_child():
            held.clear()
            return calls, path.exists()

        assert in_a_fork(in_child)() == ([], True)

    def test_uninterrupted_calls_are_direct_outside_the_main_thread(self, module):
        idents = []

        def call():
            idents.append((threading.get_ident(), module.uninterrupted(threading.get_ident)))

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        call()
        (other, direct), (main, indirect) = idents
        assert direct == other
        assert indirect != main


class TestRequests:
    def test_results_have_the_order_of_the_items(self):
        def request(n):
            time.sleep(0.001 * (n % 3))
            return n * n

        assert map_requests(request, range(50)) == [n * n for n in range(50)]

    def test_no_more_requests_than_allowed_are_sent_at_once(self):
        lock, running, most = threading.Lock(), [], []
        another_came = threading.Event()

        def request(n):
            with lock:
                running.append(n)
                most.append(len(running))
            if len(running) > 1:
                another_came.set()
            # however late the second thread starts
            another_came.wait(600)
            time.sleep(0.002)
            with lock:
                running.remove(n)

        map_requests(request, range(40), at_once=4)
        assert 2 <= max(most) <= 4

    def test_the_first_error_is_raised_when_all_sent_requests_have_returned(self):
        returned = []

        def request(n):
            if n == 3:
                raise KeyError(n)
            time.sleep(0.02)
            returned.append(n)

        with pytest.raises(KeyError, match="3"):
            map_requests(request, range(1000), at_once=5)
        n = len(returned)
        time.sleep(0.05)
        assert len(returned) == n < 1000

    def test_an_interrupt_names_the_requests_that_do_not_return(self, interrupts):
        finish, sent, caught = threading.Event(), [], []

        def put(item):
            sent.append(item[0])
            finish.wait(600)

        def call():
            try:
                map_requests(put, [(f"c/{n}", b"") for n in range(30)], at_once=3)
            except Interrupted as exc:
                caught.append(exc)
                raise

        interrupts(call, 1, 0.05)
        assert len(sent) <= 3
        notes = caught[0].__notes__ if sent else ["may still be carried out"]
        assert "may still be carried out" in notes[0]
        finish.set()
        assert map_requests(str, range(20)) == [str(n) for n in range(20)]


@pytest.mark.parametrize("order", ["C", "F"])
def test_long_lists_of_points_are_copied_whole(order):
    """They are copied in parts, between which signals are handled."""
    rows, columns = (np.asarray(i, order=order) for i in np.indices((1500, 1501)))
    a = zarrcy.array(np.arange(1500 * 1501).reshape(1500, 1501), chunks=500)
    np.testing.assert_array_equal(a.vindex[rows, columns[::-1, ::-1]], a[...][rows, columns[::-1, ::-1]])
