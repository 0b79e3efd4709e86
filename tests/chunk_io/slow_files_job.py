"""Read and write an array whose files are slow to open; `test_io_depth.py` starts it with a preloaded library."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numcodecs
import numpy as np
from numcodecs.abc import Codec

import zarrcy
from zarrcy import errors
from zarrcy.sync import shared_calls

N, CHUNK, SHARD = 96, 500, 1000
VALUES = np.random.default_rng(0).integers(0, 1000, N * CHUNK)
# pytest imports this file too, to look for examples in docstrings, without the library
library = ctypes.CDLL(os.environ.get("LD_PRELOAD"))


def number(name):
    return ctypes.c_int.in_dll(library, name)


class SlowOpens:
    """In its block, opening a file below a path is slow until `need` threads do that; then it takes `us`.

    If `need` is 0, it takes `us` from the beginning.
    """

    def __init__(self, path, need, us=0, spin_us=0):
        self.path, self.need, self.us, self.spin_us = str(path), need, us, spin_us

    def __enter__(self):
        for name in ("slow_now", "slow_most", "slow_count", "slow_met"):
            number(name).value = 0
        number("slow_need").value, number("slow_us").value = self.need, self.us
        number("slow_spin_us").value = self.spin_us
        if not self.need:
            number("slow_count").value = 1000
        (ctypes.c_char * 4096).in_dll(library, "slow_path").value = os.fsencode(self.path)
        return self

    def __exit__(self, *exc_info):
        self.now, self.most = number("slow_now").value, number("slow_most").value
        (ctypes.c_char * 4096).in_dll(library, "slow_path").value = b""


class Doubled(Codec):
    """A filter of a user; it must run in one thread."""

    codec_id = "doubled"
    threads = set()  # noqa: RUF012

    def encode(self, buf):
        return 2 * np.asarray(buf).view("i8")

    def decode(self, buf, out=None):
        self.threads.add(threading.get_ident())
        return np.frombuffer(buf, "i8") // 2


numcodecs.register_codec(Doubled)
OPTIONS = {
    "raw": {"compressor": None},
    "bz2": {"compressor": numcodecs.BZ2(1)},
    "filter": {"compressor": numcodecs.BZ2(1), "filters": [Doubled()]},
    "shards": {"zarr_format": 3, "shards": SHARD, "codecs": ["bytes", "zstd"]},
    "shards-bz2": {"zarr_format": 3, "shards": SHARD, "codecs": ["bytes", {"name": "numcodecs.bz2"}]},
    "blosc": {"compressor": numcodecs.Blosc()},
    "zstd-v3": {"zarr_format": 3, "codecs": ["bytes", "zstd"]},
}


def new_array(path, kind):
    a = zarrcy.create(VALUES.shape, chunks=CHUNK, dtype="i8", store=path, **OPTIONS[kind])
    a[:] = VALUES
    return zarrcy.open_array(path, mode="r+")


def in_a_thread(call):
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def check_rest():
    """Check that no helper works any more; one that has just ended is counted out a moment later."""
    deadline = time.monotonic() + 600
    while shared_calls.n_working() and time.monotonic() < deadline:
        time.sleep(0.001)
    assert shared_calls.n_working() == 0


def most_in_flight(path, kind, need):
    """Return how many files are opened at the same time by each operation."""
    a = new_array(path, kind)
    most = {}

    def measure(name, call):
        with SlowOpens(path, need) as slow:
            call()
        assert slow.now == 0
        most[name] = slow.most
        check_rest()

    def read():
        np.testing.assert_array_equal(a[:], VALUES)

    measure("read", read)
    measure("read again", read)
    a = zarrcy.open_array(path, mode="r+")
    measure("read in a worker thread", lambda: in_a_thread(read))
    measure("write", lambda: a.__setitem__(slice(None), VALUES[::-1]))
    np.testing.assert_array_equal(a[:], VALUES[::-1])
    measure("write in a worker thread", lambda: in_a_thread(lambda: a.__setitem__(slice(None), VALUES)))
    measure("write in part", lambda: a.__setitem__(slice(0, None, 2), 2 * VALUES[::2]))
    expected = VALUES.copy()
    expected[::2] *= 2
    np.testing.assert_array_equal(a[:], expected)
    return most


def most_after_files_became_slower(path, kind):
    """Return how many files are opened at the same time by a read and a write that follow on less slow ones."""
    a = new_array(path, kind)
    most = {}
    for name, call in {"read": lambda: a[:], "write": lambda: a.__setitem__(slice(None), VALUES)}.items():
        with SlowOpens(path, 0, us=400):
            call()
        with SlowOpens(path, 30) as slow:
            call()
        most[name] = slow.most
    np.testing.assert_array_equal(a[:], VALUES)
    return most


def most_on_a_busy_host(path, kind):
    """Return how many files are opened at the same time by each of several reads, where other programs need the CPU."""
    a = new_array(path, kind)
    most = []
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        for _ in range(5):
            with SlowOpens(path, 1, spin_us=3000) as slow:
                np.testing.assert_array_equal(a[:], VALUES)
            most.append(slow.most)
    finally:
        for other in others:
            other.kill()
            other.wait()
    return most


def most_read_at_once(path, kind, need):
    """Return how many files are opened at the same time by reads, and in how many threads a filter decodes."""
    a = new_array(path, kind)
    most = {}
    for name in ("read", "read again"):
        Doubled.threads.clear()
        with SlowOpens(path, need) as slow:
            np.testing.assert_array_equal(a[:], VALUES)
        assert slow.now == 0
        most[name] = slow.most
        assert len(Doubled.threads) <= 1
        check_rest()
    with SlowOpens(path, need) as slow:
        np.testing.assert_array_equal(a[:2500], VALUES[:2500])
    most["few"] = slow.most
    return most


def fail(path, kind):
    """Check that after an error, and after an interrupt, no file is being opened and the array is as it was."""
    a = new_array(path, kind)
    a.store["50"] = b"damaged"
    with SlowOpens(path, 8, 5000):
        try:
            a[:]
        except errors.ChunkDecodeError:
            assert number("slow_now").value == 0
        else:
            raise AssertionError("a damaged chunk was read")
    check_rest()
    a[50 * CHUNK : 51 * CHUNK] = VALUES[50 * CHUNK : 51 * CHUNK]

    class Interrupted(BaseException):
        pass

    def handler(*_):
        raise Interrupted

    signal.signal(signal.SIGALRM, handler)
    out = np.zeros_like(VALUES)
    count = 0
    for operation in 10 * (lambda: a.get_basic_selection(..., out=out), lambda: a.__setitem__(..., VALUES)):
        with SlowOpens(path, 8, 20000):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.05 + 0.01 * (count % 7))
                operation()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupted:
                count += 1
                assert number("slow_now").value == 0
                seen = out.copy()
                time.sleep(0.01)
                np.testing.assert_array_equal(out, seen)
        check_rest()
    assert count
    np.testing.assert_array_equal(a[:], VALUES)
    assert not list(a.store.leftovers())


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    if verb == "fail":
        fail(*arguments)
    elif verb == "slower":
        print(json.dumps(most_after_files_became_slower(*arguments)))
    elif verb == "busy":
        print(json.dumps(most_on_a_busy_host(*arguments)))
    elif verb == "reads":
        print(json.dumps(most_read_at_once(arguments[0], arguments[1], int(arguments[2]))))
    else:
        print(json.dumps(most_in_flight(arguments[0], arguments[1], int(arguments[2]))))
