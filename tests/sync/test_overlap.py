"""Requests to a store with latency are in flight while the answers to others are decoded."""

import contextlib
import os
import signal
import threading
from typing import ClassVar

import numcodecs
import numpy as np
import pytest
from numcodecs.abc import Codec

import zarrcy
from zarrcy.sync.overlap import Request, drive, overlap

# long enough for any machine: it ends a test that would wait for ever
TIMEOUT = 120


class Signal(Codec):
    """A codec that tells when something was decoded."""

    codec_id = "zarrcy-test-signal"
    decoded = threading.Event()
    threads: ClassVar[set[int]] = set()

    def encode(self, buf):
        return buf

    def decode(self, buf, out=None):
        self.decoded.set()
        self.threads.add(threading.get_ident())
        return buf


numcodecs.register_codec(Signal)


class FarStore(dict):
    """A dictionary that poses as a server: it counts requests, and what they bring."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()
        self.n_now = self.n_most = self.n_values = self.n_most_values = 0
        self.before = lambda keys: None

    def has_latency(self):
        return True

    def getitems(self, keys):
        keys = list(keys)
        with self.lock:
            self.n_now, self.n_values = self.n_now + 1, self.n_values + len(keys)
            self.n_most = max(self.n_most, self.n_now)
            self.n_most_values = max(self.n_most_values, self.n_values)
        try:
            self.before(keys)
            return {key: self[key] for key in keys if key in self}
        finally:
            with self.lock:
                self.n_now, self.n_values = self.n_now - 1, self.n_values - len(keys)

    def get_partial_values(self, key_ranges):
        values = self.getitems([key for key, _ in key_ranges])
        return [
            None if key not in values else values[key][start:][: nbytes if nbytes is None else max(nbytes, 0)]
            for key, (start, nbytes) in key_ranges
        ]

    def get_versioned_values(self, key_ranges, versions):
        return self.get_partial_values(key_ranges), {key: 1 for key, _ in key_ranges if key in self}


MODEL = np.random.default_rng(0).integers(0, 99, (64, 2**15), "i4")


def far_array(**options):
    store = FarStore()
    zarrcy.array(MODEL, store=store, **options)
    return store, zarrcy.open_array(store, mode="r")


def test_requests_are_answered_while_what_others_brought_is_decoded():
    store, a = far_array(chunks=(1, 2**15), filters=[Signal()], compressor=None)
    seen, order = [], iter(range(10**6))

    def before(keys):
        if next(order):
            # answered only when the first answer was decoded
            seen.append(Signal.decoded.wait(TIMEOUT))

    store.before = before
    Signal.decoded.clear()
    Signal.threads.clear()
    assert (a[...] == MODEL).all()
    assert len(seen) == 3
    assert all(seen)
    assert store.n_most_values <= 64
    # no other thread touches the result, or calls the codec of a user
    assert Signal.threads == {threading.get_ident()}


LAYOUTS = [
    {"chunks": (1, 2**15), "compressor": zarrcy.Blosc()},
    {"chunks": (1, 2**15), "compressor": None},
    {"chunks": (1, 2**15), "compressor": zarrcy.BZ2()},
    {"chunks": (8, 2**10)},
    {"chunks": (32, 2**15), "compressor": zarrcy.Blosc()},
    {"chunks": (1, 2**12), "shards": (4, 2**15), "zarr_format": 3},
    {"chunks": (1, 2**12), "shards": (64, 2**15), "zarr_format": 3},
    {"chunks": (32, 2**15), "shards": (64, 2**15), "zarr_format": 3},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_results_do_not_depend_on_the_depth_or_the_number_of_threads(layout, n_threads, monkeypatch):
    store, a = far_array(**layout)
    missing = sorted(key for key in store if not key.endswith((".zarray", "zarr.json")))[::3]
    for key in missing[1:]:
        del store[key]
    model = zarrcy.open_array(dict(store), mode="r")[...]
    for depth in (None, "1", "3", "64"):
        if depth is None:
            monkeypatch.delenv("ZARRCY_IO_DEPTH", raising=False)
        else:
            monkeypatch.setenv("ZARRCY_IO_DEPTH", depth)
        with zarrcy.use_threads(n_threads):
            assert (a[...] == model).all()
            assert (a[1:60, 5:] == model[1:60, 5:]).all()
            assert (a.oindex[[60, 3, 5], ::3] == model[[60, 3, 5], ::3]).all()
            assert (a.vindex[[60, 3, 5], [0, 1, 2]] == model[[60, 3, 5], [0, 1, 2]]).all()
        assert store.n_now == 0
    masked = zarrcy.open_array(store, mode="r", read_missing="mask")[...]
    assert (np.asarray(masked.filled(0)) == model).all()


@pytest.mark.parametrize("depth", [1, 4, 20])
def test_the_setting_bounds_the_values_in_flight(depth, monkeypatch):
    store, a = far_array(chunks=(1, 2**15))
    monkeypatch.setenv("ZARRCY_IO_DEPTH", str(depth))
    assert (a[...] == MODEL).all()
    assert store.n_most_values <= max(depth, 2)


def test_values_in_flight_are_bounded_in_bytes():
    model = np.arange(16 * 2**22, dtype="i4").reshape(16, -1)
    store = FarStore()
    zarrcy.array(model, chunks=(1, model.shape[1]), store=store, compressor=None)
    assert (zarrcy.open_array(store, mode="r")[...] == model).all()
    # 64 MiB are four chunks of 16 MiB
    assert store.n_most_values <= 4


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_the_error_of_a_request_ends_the_read(layout):
    store, a = far_array(**layout)
    for failing in range(3):
        keys_asked = []

        def before(keys, failing=failing, keys_asked=keys_asked):
            keys_asked.append(keys)
            if len(keys_asked) > failing:
                raise ConnectionError("gone")

        store.before = before
        found = None
        with contextlib.suppress(ConnectionError):
            found = a[...]
        assert (found is None) == (len(keys_asked) > failing)
    store.before = lambda keys: None
    assert (a[...] == MODEL).all()


def test_a_damaged_chunk_is_reported_with_its_key():
    store, a = far_array(chunks=(1, 2**15))
    store["40.0"] = b"damaged"
    with pytest.raises(zarrcy.errors.ChunkDecodeError, match=r"40\.0"):
        a[...]


def test_an_interrupt_ends_a_read_whose_requests_are_not_answered():
    store, a = far_array(chunks=(1, 2**15))
    answers, begun = threading.Event(), threading.Semaphore(0)

    def before(keys):
        begun.release()
        answers.wait(TIMEOUT)

    def interrupt():
        begun.acquire()
        os.kill(os.getpid(), signal.SIGINT)

    store.before = before
    out = np.full_like(MODEL, -1)
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        a.get_basic_selection(..., out=out)
    thread.join()
    answers.set()
    store.before = lambda keys: None
    # answers that came too late were dropped
    assert (out == -1).all()
    assert (a[...] == MODEL).all()


def test_requests_of_a_task_follow_each_other_and_tasks_run_side_by_side():
    barrier, log = threading.Barrier(3), []

    def task(first, last):
        for number in range(first, last):
            request = Request(lambda number=number: barrier.wait(TIMEOUT) * 0 + number)
            yield request
            log.append(request.answer)

    overlap(lambda: task, [(0, 4), (10, 14), (20, 24)], 3)
    assert sorted(log) == [*range(4), *range(10, 14), *range(20, 24)]
    for start in (0, 10, 20):
        assert [number for number in log if start <= number < start + 4] == [*range(start, start + 4)]


def test_after_an_error_of_a_task_no_request_is_sent():
    sent = []

    def task(first, last):
        yield Request(lambda: sent.append(first))
        raise ValueError(first)

    with pytest.raises(ValueError, match="0"):
        overlap(lambda: task, [(number, number + 1) for number in range(100)], 1)
    assert sent == [0]


def test_a_task_without_requests_ends():
    done = []

    def task(first, last):
        done.append(first)
        yield from ()

    overlap(lambda: task, [(0, 1), (1, 2)], 2)
    drive(task(2, 3))
    assert done == [0, 1, 2]
