"""An interrupted call of FSStore cancels the requests that it sent, also those in fsspec's event loop."""

import asyncio
import signal
import threading
import time

import numpy as np
import pytest
from fsspec.asyn import AsyncFileSystem

import zarrcy
from zarrcy.storage.remote.fsspec import FSStore


class Interrupt(Exception):
    pass


class SlowFiles(AsyncFileSystem):
    """A file system whose requests never end while `is_stuck`; it records the requests that were cancelled."""

    cachable = False
    protocol = "slow"

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.files = {}
        self.is_stuck = self.ignores_cancellation = False
        self.n_waiting = 0
        self.cancelled = []

    async def _request(self, path):
        if not self.is_stuck:
            return
        self.n_waiting += 1
        while self.is_stuck:
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                self.cancelled.append(path)
                if not self.ignores_cancellation:
                    raise
        self.n_waiting -= 1

    async def _cat_file(self, path, start=None, end=None, **kwargs):
        await self._request(path)
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path][start:end]

    async def _pipe_file(self, path, value, mode="overwrite", **kwargs):
        await self._request(path)
        self.files[path] = bytes(value)

    async def _info(self, path, **kwargs):
        await self._request(path)
        if path not in self.files:
            raise FileNotFoundError(path)
        return {"name": path, "size": len(self.files[path]), "type": "file"}


@pytest.fixture
def slow():
    fs = SlowFiles()
    yield fs
    fs.is_stuck = False


def interrupted(fs, request, n_requests):
    """Call `request`, interrupt it when `n_requests` wait, and return the exception and the seconds that it took."""

    def handler(*_):
        raise Interrupt

    def interrupt():
        while fs.n_waiting < n_requests:
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handler)
    thread = threading.Thread(target=interrupt)
    fs.is_stuck, fs.n_waiting = True, 0
    fs.cancelled.clear()
    try:
        thread.start()
        with pytest.raises(Interrupt) as caught:
            request()
        return caught.value
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)


CALLS = {
    "one value": (lambda store: store["0"], 1),
    "many values": (lambda store: store.getitems(["0", "1", "2"]), 3),
    "parts": (lambda store: store.get_partial_values([("0", (0, 1)), ("1", (0, 1))]), 2),
    "a look for a key": (lambda store: "0" in store, 1),
    "one write": (lambda store: store.__setitem__("0", b"new"), 1),
    "many writes": (lambda store: store.setitems({"0": b"new", "1": b"new"}), 2),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_requests_of_an_interrupted_call_are_cancelled(slow, name):
    request, n_requests = CALLS[name]
    store = FSStore("a", fs=slow)
    store.setitems({"0": b"old", "1": b"old", "2": b"old"})
    files = dict(slow.files)
    exc = interrupted(slow, lambda: request(store), n_requests)
    assert len(slow.cancelled) == n_requests
    slow.is_stuck = False
    assert store["0"] == b"old"
    assert slow.files == files
    notes = getattr(exc, "__notes__", [])
    if "write" in name:
        assert "may still be carried out: 0" in notes[0]
    else:
        assert not notes


def test_a_write_that_cannot_be_cancelled_is_named_after_a_second(slow):
    store = FSStore("a", fs=slow)
    slow.ignores_cancellation = True
    start = time.monotonic()
    exc = interrupted(slow, lambda: store.setitems({"x/0": b"1", "x/1": b"1"}), 2)
    assert time.monotonic() - start < 300
    assert "2 requests that were sent may still be carried out: x/0, x/1" in exc.__notes__[0]


def test_an_array_is_read_after_an_interrupted_read(slow):
    a = zarrcy.array(np.arange(10), chunks=2, store=FSStore("a", fs=slow))
    interrupted(slow, lambda: a[:], 5)
    slow.is_stuck = False
    assert a[:].tolist() == list(range(10))


@pytest.mark.parametrize("ignores", [False, True])
def test_the_requests_of_an_interrupted_write_of_many_chunks_are_cancelled_or_named(slow, ignores):
    a = zarrcy.zeros((8, 2**16), chunks=(1, 2**16), dtype="i8", store=FSStore("a", fs=slow))
    files = dict(slow.files)
    slow.ignores_cancellation = ignores
    exc = interrupted(slow, lambda: a.__setitem__(..., 1), 8)
    # several threads sent them
    assert "8 requests that were sent may still be carried out: 0.0, 1.0" in exc.__notes__[-1]
    # on a busy machine, threads may need more than the second for which the call waits
    deadline = time.monotonic() + 300
    while len(slow.cancelled) < 8 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(slow.cancelled) == 8
    assert slow.files == files
    slow.is_stuck = False
    while ignores and slow.n_waiting and time.monotonic() < deadline:
        time.sleep(0.01)
    a[...] = 2
    assert (a[...] == 2).all()


def test_a_call_inside_of_another_event_loop_is_cancelled(slow):
    """A notebook runs an event loop in the thread of the user."""
    store = FSStore("a", fs=slow)

    async def read():
        return interrupted(slow, lambda: store["0"], 1)

    asyncio.run(read())
    assert slow.cancelled == ["a/0"]


def test_errors_and_results_of_requests_are_returned(slow):
    store = FSStore("a", fs=slow)
    with pytest.raises(KeyError):
        store["none"]
    store["0"] = b"1"
    assert store.getitems(["0", "none"]) == {"0": b"1"}
