"""Jobs that are killed at any operation, or by a failure of the machine, and started again end with exact arrays."""

import itertools
import multiprocessing
import os
import random
import signal
from collections.abc import MutableMapping

import numpy as np
import pytest

import zarrcy
from zarrcy.storage import DirectoryStore

SHAPE = (10, 6)
VALUES = np.arange(60).reshape(SHAPE) + 1
VALUES[4:8] = 0
"""Some chunks and shards consist of the fill value."""

LAYOUTS = {
    "chunks": {"chunks": (4, 3)},
    "empty chunks are not stored": {"chunks": (4, 3), "write_empty_chunks": False},
    "shards": {"chunks": (2, 3), "shards": (4, 3), "zarr_format": 3},
    "nested keys": {"chunks": (4, 6), "dimension_separator": "/"},
}
ROWS = [slice(0, 5), slice(5, 10)]


class Killed(BaseException):
    """The process was killed, or its machine failed."""


class Machine(MutableMapping):
    """A store on a machine that fails at one operation, and at all later ones until it is started again.

    What was written is in the memory of the machine until it is synced. A kill leaves it there. A failure of the
    machine leaves, of each value that was not synced, the old value, the new one, or a torn one. A value that was
    written with durability "data" is never torn.
    """

    def __init__(self):
        self.present, self.disk, self.never_torn = {}, {}, set()
        self.n_left, self.when = None, "before"
        self.n_operations = 0
        self.is_down = False

    def _operate(self, effect):
        if self.is_down:
            raise Killed
        self.n_operations += 1
        fails = self.n_operations - 1 == self.n_left
        if fails:
            self.is_down = True
            if self.when == "after":
                effect()
            raise Killed
        return effect()

    def fail_at(self, operation, when):
        self.n_operations, self.n_left, self.when = 0, operation, when

    def restart(self, power_failed, rng):
        if power_failed:
            for key in sorted(self.present.keys() | self.disk.keys()):
                old, new = self.disk.get(key), self.present.get(key)
                if old != new:
                    torn = [] if new is None or key in self.never_torn else [new[: len(new) // 2]]
                    left = rng.choice([old, new, *torn])
                    self.present.pop(key, None)
                    if left is not None:
                        self.present[key] = left
            self.disk = dict(self.present)
        self.is_down, self.n_left = False, None

    def __getitem__(self, key):
        return self._operate(lambda: self.present[key])

    def __contains__(self, key):
        return self._operate(lambda: key in self.present)

    def _set(self, key, value, is_never_torn=False):
        def put():
            self.present[key] = bytes(value)
            (self.never_torn.add if is_never_torn else self.never_torn.discard)(key)

        self._operate(put)

    def __setitem__(self, key, value):
        self._set(key, value)

    def __delitem__(self, key):
        self._operate(lambda: self.present.pop(key))

    def __iter__(self):
        return iter(self._operate(lambda: list(self.present)))

    def __len__(self):
        return len(self.present)

    def sync_values(self, keys):
        for key in keys:
            self._operate(lambda key=key: self._sync(key))

    def _sync(self, key):
        self.disk.pop(key, None)
        if key in self.present:
            self.disk[key] = self.present[key]

    def with_durability(self, durability):
        return self if durability == "none" else WaitingMachine(self)


class WaitingMachine(MutableMapping):
    """The same machine; what is written is on its disk before it replaces the old value."""

    def __init__(self, machine):
        self.machine = machine

    def __getitem__(self, key):
        return self.machine[key]

    def __contains__(self, key):
        return key in self.machine

    def __setitem__(self, key, value):
        self.machine._set(key, value, is_never_torn=True)

    def __delitem__(self, key):
        del self.machine[key]

    def __iter__(self):
        return iter(self.machine)

    def __len__(self):
        return len(self.machine)


def prepared(layout, is_second_pass):
    """Return a machine with an array, and with other data in it for a second pass."""
    machine = Machine()
    array = zarrcy.zeros(SHAPE, dtype="i8", store=machine, **LAYOUTS[layout])
    if is_second_pass:
        array.fill_missing(lambda region: 7)
        array.finish()
    machine.disk = dict(machine.present)
    return machine


def run_aligned(machine, n):
    """Run the tasks of a job one after the other, as many as `n`."""
    array = zarrcy.open_array(machine, mode="r+")
    for k in range(n):
        with array.task(k, n, every=0) as task:
            for region in task.remaining():
                task.write(region, VALUES[region])


def run_in_batches(machine, n):
    """Record what was written at the end of each task only."""
    array = zarrcy.open_array(machine, mode="r+")
    for k in range(n):
        with array.task(k, n, every=1e9) as task:
            for region in task.remaining():
                task.write(region, VALUES[region])


def run_sharing(machine, n):
    """Run one task for each of two regions that share stored values; the order depends on `n`."""
    array = zarrcy.open_array(machine, mode="r+")
    for rows in ROWS[:: -1 if n % 2 else 1]:
        with array.task(0, 1, region=(rows, slice(None)), every=0) as task:
            for region in task.remaining():
                task.write(region, VALUES[region])


def run_filling(machine, n):
    """Fill everything with one call for each part."""
    array = zarrcy.open_array(machine, mode="r+")
    for region in array.pieces(n=n):
        array.fill_missing(lambda region: VALUES[region], region)


RUNS = [run_aligned, run_in_batches, run_sharing, run_filling]


def run_or_die(run, machine, n):
    """Run a job; return whether it ended."""
    try:
        run(machine, n)
    except Killed:
        return False
    return True


@pytest.mark.parametrize("power_failed", [False, True], ids=["kill", "power failure"])
@pytest.mark.parametrize("is_second_pass", [False, True], ids=["first pass", "second pass"])
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_job_that_fails_at_any_operation_ends_exact(layout, run, is_second_pass, power_failed):
    original = prepared(layout, is_second_pass)
    for operation in itertools.count():
        when = "before" if operation % 2 else "after"
        rng = random.Random(operation)
        machine = Machine()
        machine.present, machine.disk = dict(original.present), dict(original.disk)
        machine.fail_at(operation, when)
        ended = run_or_die(run, machine, 2)
        machine.restart(power_failed, rng)
        if not ended:
            # the second start fails somewhere, too, and has another number of tasks
            machine.fail_at(rng.randrange(60), "after" if operation % 2 else "before")
            run_or_die(run, machine, 3)
            machine.restart(power_failed, rng)
        run(machine, 2)
        array = zarrcy.open_array(machine)
        np.testing.assert_array_equal(array[:], VALUES)
        assert array.missing() == []
        assert array.verify().ok
        if ended:
            break
    array.finish()
    assert not [key for key in machine.present if "progress" in key]
    np.testing.assert_array_equal(array[:], VALUES)
    assert operation > 20, "the job has many operations"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_records_are_removed_at_once_whenever_that_is_interrupted(layout):
    original = prepared(layout, False)
    run_aligned(original, 2)
    for operation in itertools.count():
        ended = True
        # what a failure of the machine leaves differs each time
        for seed in range(20):
            machine = Machine()
            machine.present = dict(original.present)
            machine.disk = dict(original.present)
            array = zarrcy.open_array(machine)
            machine.fail_at(operation, "before" if operation % 2 else "after")
            try:
                array.finish()
            except Killed:
                ended = False
            machine.restart(True, random.Random(seed))
            left = array.missing()
            assert left == list(array.pieces()) or (left == [] and not ended)
        if ended:
            break
    # a second pass
    array.fill_missing(lambda region: 9)
    assert (array[:] == 9).all()


def _fill_until_killed(path, name, k, n, last, reports):
    array = zarrcy.open_array(path, mode="r+")

    def values_of(region):
        reports.send(None)
        return VALUES[region]

    with array.task(k, n, name=name, every=0) as task:
        for number, region in enumerate(task.remaining()):
            if number == last:
                os.kill(os.getpid(), signal.SIGKILL)
            task.write(region, values_of(region))


def _kill_once(path, name, n, rng):
    """Start all tasks of a job at the same time, and kill each after some of its regions."""
    context = multiprocessing.get_context("fork")
    running = []
    for k in range(n):
        receiver, sender = context.Pipe(duplex=False)
        # some kill themselves between two regions, others are killed while they write one
        last = rng.choice([None, *range(4)])
        process = context.Process(target=_fill_until_killed, args=(path, name, k, n, last, sender))
        process.start()
        sender.close()
        running.append((process, receiver))
    for process, receiver in running:
        try:
            for _ in range(rng.randrange(5)):
                receiver.recv()
        except EOFError:
            pass
        process.kill()
        process.join()


def _check_kills(path, layout, n_kills, seed):
    rng = random.Random(seed)
    array = zarrcy.zeros(SHAPE, dtype="i8", store=DirectoryStore(path), **LAYOUTS[layout])
    for name in ("first", "second"):
        for _ in range(n_kills):
            _kill_once(path, name, rng.choice([1, 2, 3]), rng)
            recorded = np.ones(SHAPE, bool)
            for region in array.missing(name=name):
                recorded[region] = False
            assert (array[:][recorded] == VALUES[recorded]).all(), "what is recorded is written"
        array.fill_missing(lambda region: VALUES[region], name=name)
        np.testing.assert_array_equal(array[:], VALUES)
        assert {problem.kind for problem in array.verify().problems} <= {"leftover"}
        array[...] = 99


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_tasks_that_are_killed_in_a_directory_end_exact(layout, tmp_path):
    _check_kills(str(tmp_path / "a.zarr"), layout, 3, layout)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_tasks_that_are_killed_many_times_end_exact(layout, tmp_path):
    _check_kills(str(tmp_path / "a.zarr"), layout, 60, f"many {layout}")
