"""What caches are made of: values that threads, signal handlers and forks may use at any moment."""

import signal
import threading

import numpy as np
import pytest
from concurrency import run_together
from forks import in_a_fork
from hypothesis import given
from hypothesis import strategies as st

import zarrcy
from zarrcy.chunk_io.sharding.index_cache import IndexCache
from zarrcy.sync.recent_values import RecentValues


@given(st.lists(st.tuples(st.sampled_from("gpdc"), st.integers(0, 5), st.integers(0, 12))))
def test_the_values_that_were_used_last_are_kept(steps):
    values, model = RecentValues(10), {}
    for kind, key, nbytes in steps:
        if kind == "g":
            assert values.get(key) == (model[key][0] if key in model else None)
            if key in model:
                model[key] = model.pop(key)
        elif kind == "p":
            dropped = values.put(key, f"{key}", nbytes)
            model.pop(key, None)
            expected = []
            if nbytes <= 10:
                model[key] = f"{key}", nbytes
                while sum(length for _, length in model.values()) > 10:
                    expected.append(next(iter(model)))
                    del model[expected[-1]]
            assert dropped == expected
        elif kind == "d":
            assert values.drop(key) == (model.pop(key, None) is not None)
        else:
            values.clear()
            model.clear()
        assert values.nbytes == sum(length for _, length in model.values())
        assert len(values) == len(model)
        assert all(key in values for key in model)


def test_a_cache_without_a_limit_keeps_all_values():
    values = RecentValues(None)
    for key in range(100):
        assert values.put(key, key, 10**9) == []
    assert len(values) == 100


def test_threads_may_ask_an_index_cache_that_is_full_while_others_add_to_it(eager_threads):
    def parse(data):
        return np.frombuffer(data, "u8")

    cache = IndexCache(3 * (512 + 16))

    def use(n):
        for k in range(2000):
            key, raw = f"{(n + k) % 5}", np.uint64(k % 7).tobytes()
            assert cache.parsed(key, raw, None, None, parse).tolist() == [k % 7]
            cache.last(f"{k % 5}")

    run_together([lambda n=n: use(n) for n in range(4)])
    assert 0 < cache.nbytes <= 3 * (512 + 16)


CACHES = {
    "chunks": lambda: zarrcy.array(np.arange(64, dtype="i4"), chunks=4, cache_bytes=1000),
    "values": lambda: zarrcy.array(
        np.arange(64, dtype="i4"), chunks=4, compressor=None, store=zarrcy.LRUStoreCache({}, max_size=100)
    ),
    "shards": lambda: zarrcy.array(
        np.arange(64, dtype="i4"), chunks=4, shards=8, zarr_format=3, cache_bytes=1000
    ),
}


@pytest.fixture
def handled_signals():
    """Return a function that has another function called by a signal handler, again and again until it returns False.

    The next signal is sent a short time after the handler has ended, so that the program gets on.
    """
    calls = []

    def handle(number, frame):
        goes_on = True
        try:
            goes_on = calls[0](frame)
        finally:
            if goes_on is not False:
                signal.setitimer(signal.ITIMER_REAL, 1e-4)

    before = signal.signal(signal.SIGALRM, handle)
    yield lambda call: (calls.append(call), signal.setitimer(signal.ITIMER_REAL, 1e-4))
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("kind", CACHES)
def test_a_signal_handler_may_use_the_cache_that_its_thread_is_using(kind, handled_signals):
    a = CACHES[kind]()
    n_calls = 0

    def handle(frame):
        nonlocal n_calls
        n_calls += 1
        n = n_calls % 64
        assert int(a[n]) % 64 == n
        a[n] = n + 64 * n_calls
        return n_calls < 500

    handled_signals(handle)
    while n_calls < 500:
        assert (a[:] % 64).tolist() == list(range(64))
        a[8:12] = [8, 9, 10, 11]
    # no old value stays in the cache
    stored = dict(a.store.uncached() if kind == "values" else a.store)
    assert a[:].tolist() == zarrcy.open_array(stored)[:].tolist()


@pytest.mark.parametrize("kind", CACHES)
def test_a_cache_works_after_exceptions_of_signal_handlers(kind, handled_signals):
    class StopError(Exception):
        pass

    a = CACHES[kind]()
    n_calls = 0

    def handle(frame):
        nonlocal n_calls
        n_calls += 1
        if n_calls >= 1000:
            return False
        if frame.f_code.co_filename.endswith(
            ("/lru_cache.py", "/chunk_cache.py", "/index_cache.py", "/recent_values.py")
        ):
            raise StopError
        return True

    handled_signals(handle)
    while n_calls < 1000:
        try:
            a[n_calls % 50 :]
            a[5] = 5
        except StopError:
            continue
    assert a[:].tolist() == list(range(64))
    a[:] = np.arange(64) + 1
    assert a[:].tolist() == list(range(1, 65))
    assert a.cache_info().nbytes <= 1000
    if kind == "values":
        assert 0 < a.store.nbytes <= 100


@pytest.mark.parametrize("kind", CACHES)
def test_a_fork_at_any_moment_copies_a_cache_that_works(kind, eager_threads):
    a = CACHES[kind]()
    stop = threading.Event()

    def use():
        while not stop.is_set():
            a[3:60]
            a[5] = 5

    thread = threading.Thread(target=use)
    thread.start()

    def child():
        for n in range(3):
            # the copy of the thread may have been in the middle of the write of this element
            a[5] = 5
            assert a[n:].tolist() == list(range(n, 64))
            a[n + 6 :] = np.arange(n + 6, 64)

    try:
        for _ in range(20):
            in_a_fork(child)()
    finally:
        stop.set()
        thread.join()
