"""Signals are handled during the work on one very long chunk; an exception of a handler leaves nothing behind."""

import os
import signal

import numcodecs
import numpy as np
import pytest

import zarrcy

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="interrupts come from a timer")

N_BYTES = 144 * 2**20


class Interrupted(BaseException):
    """What the handler raises."""


def n_handled(action):
    """Return how many signals a call handles that come every two milliseconds of its CPU time."""
    handled = []
    old = signal.signal(signal.SIGPROF, lambda *_: handled.append(1))
    signal.setitimer(signal.ITIMER_PROF, 0.002, 0.002)
    try:
        action()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)
    return len(handled)


def open_files():
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def interrupted_at(action, number):
    """Raise from the handler when it is called for the `number`-th time. Return whether it was."""
    calls = []

    def handler(*_):
        calls.append(1)
        if len(calls) == number:
            raise Interrupted

    old = signal.signal(signal.SIGPROF, handler)
    try:
        signal.setitimer(signal.ITIMER_PROF, 0.002, 0.002)
        action()
    except Interrupted:
        return True
    else:
        return False
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)


ACTIONS = {
    "write": lambda a, values, out: a.set_basic_selection(..., values),
    "change an element": lambda a, values, out: a.set_basic_selection(3, 5),
    "change every second": lambda a, values, out: a.set_basic_selection(slice(1, None, 2), 5),
    "read": lambda a, values, out: a.get_basic_selection(..., out=out),
    "read every second": lambda a, values, out: a.get_basic_selection(slice(1, None, 2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("compressor", [None, numcodecs.Zstd(1)], ids=["raw", "zstd"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_interrupt_in_a_long_chunk_leaves_the_old_or_the_new_chunk_and_no_open_file(
    tmp_path, compressor, zarr_format
):
    n = N_BYTES // 8
    a = zarrcy.create(
        n, chunks=n, dtype="i8", compressor=compressor, store=tmp_path / "a", zarr_format=zarr_format
    )
    old, out = np.arange(n), np.empty(n, "i8")
    a[...] = old
    n_open = open_files()
    for name, action in ACTIONS.items():
        for number in (1, 3):
            interrupted_at(lambda action=action: action(a, old + number, out), number)
            assert open_files() == n_open, name
            assert not [
                file for _, _, files in os.walk(tmp_path) for file in files if file.endswith(".partial")
            ]
            now = a[...]
            if name == "write":
                assert any(np.array_equal(now, old + k) for k in (0, number)), name
            a[...] = old


def test_signals_are_handled_between_the_parts_of_a_long_value(tmp_path):
    store = zarrcy.DirectoryStore(tmp_path)
    value = bytes(N_BYTES)
    assert n_handled(lambda: store.__setitem__("a", value)) >= 1
    assert n_handled(lambda: store["a"]) >= 1
    assert store["a"] == value


def test_a_long_value_whose_write_is_interrupted_is_not_stored(tmp_path):
    store = zarrcy.DirectoryStore(tmp_path)
    store["a"] = b"old"
    value = bytes(N_BYTES)
    assert interrupted_at(lambda: store.__setitem__("a", value), 1)
    assert store["a"] == b"old"
    assert os.listdir(tmp_path) == ["a"]
    assert not interrupted_at(lambda: store.__setitem__("a", value[: 2**20]), 1000)
    assert len(store["a"]) == 2**20
