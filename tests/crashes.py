"""Kill writers at random moments and check what they leave: ``python -m crashes --kills 500``, in ``tests``.

A writer is a forked process that performs numbered steps and reports each finished step over a pipe. Step `k` depends
on `k` only. After the kill, the store must be in the state that steps 1 to `done` produce. Step ``done + 1`` may be
complete or absent; if it changes several keys, some of them may have changed.
"""

import argparse
import contextlib
import os
import random
import signal
import sqlite3
import struct
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import zarrcy
from zarrcy.storage import DirectoryStore, SQLiteStore

N_CHUNKS, CHUNK = 4, 32 * 1024
_REPORT = struct.Struct("<q")


def make_store(kind, path):
    return DirectoryStore(path) if kind == "directory" else SQLiteStore(str(path / "a.sqlite"))


def last_step(place, n_places, done):
    """Return the last step up to `done` that wrote a place, if the steps cycle through the places; 0 if none did."""
    step = done - (done - place) % n_places
    return max(step, 0)


def allowed(place, n_places, done):
    """Return the values that a place may have: that of the last finished step, or that of the next step."""
    values = {last_step(place, n_places, done)}
    return values | {done + 1} if (done + 1) % n_places == place else values


class Overwrite:
    """Overwrite whole chunks in a cycle."""

    formats, options = (2, 3), {}

    def prepare(self, store, zarr_format):
        zarrcy.zeros(
            N_CHUNKS * CHUNK, chunks=CHUNK, dtype="i8", compressor=None, store=store, zarr_format=zarr_format
        )

    def opened(self, store):
        return zarrcy.open_array(store, mode="r+")

    def step(self, array, k):
        array.blocks[k % N_CHUNKS] = k

    def check(self, store, done):
        array = zarrcy.open_array(store, mode="r")
        for place in range(N_CHUNKS):
            values = set(np.unique(array.blocks[place]).tolist())
            assert len(values) == 1, f"chunk {place} is torn: {values}"
            assert values <= allowed(place, N_CHUNKS, done), f"chunk {place} has {values} after {done} steps"
        assert len(list(store)) <= 1 + N_CHUNKS, sorted(store)


class PartOfChunk(Overwrite):
    """Write one element at a time, so that a chunk is read, changed and written."""

    def step(self, array, k):
        array[k % N_CHUNKS * CHUNK + 5] = k

    def check(self, store, done):
        array = zarrcy.open_array(store, mode="r")
        for place in range(N_CHUNKS):
            value = int(array[place * CHUNK + 5])
            assert value in allowed(place, N_CHUNKS, done), f"chunk {place} has {value} after {done} steps"
        assert np.count_nonzero(array[:]) <= N_CHUNKS


class Shards:
    """Write elements of inner chunks, so that each step rewrites a shard."""

    formats = (3,)

    def prepare(self, store, zarr_format):
        zarrcy.zeros(64, chunks=4, shards=32, dtype="i8", store=store, zarr_format=zarr_format)

    def opened(self, store):
        return zarrcy.open_array(store, mode="r+")

    def step(self, array, k):
        array[k % 64] = k

    def check(self, store, done):
        for place, value in enumerate(zarrcy.open_array(store, mode="r")[:].tolist()):
            assert value in allowed(place, 64, done), f"element {place} is {value} after {done} steps"


class Append:
    """Append rows. The shape is published after the data."""

    formats = (2, 3)

    def prepare(self, store, zarr_format):
        zarrcy.zeros((0, 100), chunks=(7, 100), dtype="i8", store=store, zarr_format=zarr_format)

    def opened(self, store):
        return zarrcy.open_array(store, mode="r+")

    def step(self, array, k):
        array.append(np.full((1, 100), k))

    def check(self, store, done):
        array = zarrcy.open_array(store, mode="r")
        assert array.shape[0] in (done, done + 1), f"{array.shape} after {done} steps"
        assert (array[:] == np.arange(1, array.shape[0] + 1)[:, None]).all()


class Resize:
    """Shrink and grow an array. Its first elements stay."""

    formats = (2, 3)
    lengths = (500, 40, 90, 1000, 41)

    def prepare(self, store, zarr_format):
        array = zarrcy.zeros(self.lengths[0], chunks=10, dtype="i8", store=store, zarr_format=zarr_format)
        array[:40] = np.arange(40)

    def opened(self, store):
        return zarrcy.open_array(store, mode="r+")

    def step(self, array, k):
        array.resize(self.lengths[k % len(self.lengths)])

    def check(self, store, done):
        array = zarrcy.open_array(store, mode="r")
        assert array.shape[0] in [self.lengths[k % len(self.lengths)] for k in (done, done + 1)]
        assert array[:40].tolist() == list(range(40))
        assert not array[40:].any()


class Regrow:
    """Append and cut off again. What is beyond the shape does not come back when the array grows."""

    formats = (2, 3)

    def prepare(self, store, zarr_format):
        zarrcy.zeros((40, 3), chunks=(7, 2), dtype="i8", store=store, zarr_format=zarr_format)

    def opened(self, store):
        return zarrcy.open_array(store, mode="r+")

    def step(self, array, k):
        if k % 2:
            array.append(np.full((13, 3), k))
        else:
            array.resize(40, None)

    def check(self, store, done):
        array = zarrcy.open_array(store, mode="r+")
        lengths = [53 if k % 2 else 40 for k in (done, done + 1)]
        assert len(array) in lengths, f"{array.shape} after {done} steps"
        assert not array[:40].any()
        # while the array shrinks, some of what is cut off is the fill value
        assert set(np.unique(array[40:]).tolist()) <= {0, done, done + 1}
        shape = array.shape
        array.resize(100, 5)
        assert not array[shape[0] :].any(), "rows beyond the shape appear again"
        assert not array[:, 3:].any()


class Attributes:
    """Change several attributes in one update."""

    formats = (2, 3)

    def prepare(self, store, zarr_format):
        zarrcy.open_group(store, mode="w", zarr_format=zarr_format).attrs.update(a=0, b=0)

    def opened(self, store):
        return zarrcy.open_group(store, mode="r+")

    def step(self, group, k):
        group.attrs.update(a=k, b=k, text="x" * (k % 5000))

    def check(self, store, done):
        attributes = dict(zarrcy.open_group(store, mode="r").attrs)
        assert attributes["a"] == attributes["b"], attributes
        assert attributes["a"] in (done, done + 1), f"{attributes['a']} after {done} steps"


class Create:
    """Create new arrays with data in new groups."""

    formats = (2, 3)

    def prepare(self, store, zarr_format):
        zarrcy.open_group(store, mode="w", zarr_format=zarr_format)

    def opened(self, store):
        return zarrcy.open_group(store, mode="r+")

    def step(self, group, k):
        group.create_dataset(f"g{k}/a", data=np.full(5, k))

    def check(self, store, done):
        group = zarrcy.open_group(store, mode="r")
        assert {f"g{k}" for k in range(1, done + 1)} <= set(group) <= {f"g{k}" for k in range(1, done + 2)}
        for k in range(1, done + 1):
            assert (group[f"g{k}/a"][:] == k).all()


class Consolidate:
    """Consolidate the metadata after each new array."""

    formats = (2, 3)

    def prepare(self, store, zarr_format):
        zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
        zarrcy.consolidate_metadata(store)

    def opened(self, store):
        return store

    def step(self, store, k):
        zarrcy.open_group(store, mode="r+").create_dataset(f"a{k}", shape=k, chunks=k)
        zarrcy.consolidate_metadata(store)

    def check(self, store, done):
        try:
            group = zarrcy.open_consolidated(store, mode="r")
        except zarrcy.errors.NotConsolidatedError:
            # In format 3, a new member removes the consolidated metadata; the end of the step writes them again.
            group = zarrcy.open_group(store, mode="r")
        assert set(group) in [{f"a{k}" for k in range(1, n + 1)} for n in (done, done + 1)]
        assert all(group[name].shape == (int(name[1:]),) for name in group)


SCENARIOS = {
    kind.__name__: kind()
    for kind in (Overwrite, PartOfChunk, Shards, Append, Resize, Regrow, Attributes, Create, Consolidate)
}
CASES = [
    (name, store, zarr_format)
    for name, scenario in SCENARIOS.items()
    for zarr_format in scenario.formats
    for store in ("directory", "directory", "sqlite")
]


@dataclass(frozen=True)
class Outcome:
    """The steps that a writer reported, and the number of leftover files that are not keys."""

    done: int
    leftovers: int


def kill_one(case, folder, chance):
    """Start a writer, kill it, and check what it leaves.

    Raises
    ------
    AssertionError
        If a reported step is lost or a value is torn.
    """
    name, kind, zarr_format = case
    scenario = SCENARIOS[name]
    store = make_store(kind, folder)
    scenario.prepare(store, zarr_format)
    if kind == "sqlite":
        store.close()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _write(scenario, kind, folder, writer)
    os.close(writer)
    # Kill at any moment, also before the first step, which may take long on a busy machine.
    reports = b""
    for _ in range(chance.choice((0, 1, 1, 2, 3, 5, 10))):
        reports += os.read(reader, _REPORT.size)
    time.sleep(chance.uniform(0, 0.01))
    os.kill(child, signal.SIGKILL)
    while part := os.read(reader, 2**16):
        reports += part
    os.close(reader)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the writer ended before it was killed: {status}"
    n_reports = len(reports) // _REPORT.size
    done = _REPORT.unpack_from(reports, (n_reports - 1) * _REPORT.size)[0] if n_reports else 0
    store = make_store(kind, folder)
    scenario.check(store, done)
    # The next writer can continue where the killed writer was.
    if name in ("Overwrite", "PartOfChunk", "Shards", "Attributes"):
        scenario.step(scenario.opened(store), done + 1)
    if kind == "sqlite":
        store.close()
        with contextlib.closing(sqlite3.connect(folder / "a.sqlite")) as connection:
            assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    return Outcome(done, sum(1 for path in folder.rglob("*.partial")))


def _write(scenario, kind, folder, pipe):
    """Perform steps until the parent kills this process."""
    try:
        opened = scenario.opened(make_store(kind, folder))
        k = 0
        while True:
            k += 1
            scenario.step(opened, k)
            os.write(pipe, _REPORT.pack(k))
    finally:
        os._exit(1)


def kill_many(kills, seed, cases=CASES):
    """Kill this number of writers, of all cases in turns. Return the counts by case."""
    chance = random.Random(seed)
    counts = {case: Counter() for case in cases}
    for number in range(kills):
        case = cases[number % len(cases)]
        with tempfile.TemporaryDirectory(prefix="zarrcy-kill-") as folder:
            outcome = kill_one(case, Path(folder), chance)
        counts[case] += Counter(
            kills=1, steps=outcome.done, leftovers=outcome.leftovers, early=outcome.done == 0
        )
    return counts


def main():
    parser = argparse.ArgumentParser(description="kill writers and check what they leave")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    start = time.monotonic()
    total = Counter()
    for (name, kind, zarr_format), count in kill_many(
        arguments.kills, arguments.seed, list(dict.fromkeys(CASES))
    ).items():
        numbers = "  ".join(f"{count[what]:7} {what}" for what in ("kills", "steps", "leftovers"))
        print(f"{name:12} v{zarr_format} {kind:10}{numbers}")
        total += count
    print(
        f"{total['kills']} kills, {total['early']} before the first step ended, {total['steps']} reported steps, "
        f"{total['leftovers']} leftovers, no step lost, no value torn, {time.monotonic() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
