"""Kill writers at random moments, and look at what they leave: ``python -m crashes --kills 500``, in ``tests``.

A writer is a forked process that does one numbered step after the other, and says over a pipe when a step has
returned. Step `k` is known from `k` alone, so after the kill the store must be as steps 1 to `done` leave it, with
step ``done + 1`` wholly there, or not at all, or - of what changes several keys - some of its keys.
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
_SAID = struct.Struct("<q")


def make_store(kind, path):
    return DirectoryStore(path) if kind == "directory" else SQLiteStore(str(path / "a.sqlite"))


def last_step(place, n_places, done):
    """Return the last of the steps up to `done` that was at a place, when they go around; 0 for none."""
    step = done - (done - place) % n_places
    return max(step, 0)


def allowed(place, n_places, done):
    """Return what may stand at a place: what the last finished step put there, or the step after that."""
    found = {last_step(place, n_places, done)}
    return found | {done + 1} if (done + 1) % n_places == place else found


class Overwrite:
    """Whole chunks, one after the other, around and around."""

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
            found = set(np.unique(array.blocks[place]).tolist())
            assert len(found) == 1, f"chunk {place} is torn: {found}"
            assert found <= allowed(place, N_CHUNKS, done), f"chunk {place} has {found} after {done} steps"
        assert len(list(store)) <= 1 + N_CHUNKS, sorted(store)


class PartOfChunk(Overwrite):
    """One element at a time: a chunk is read, changed and written."""

    def step(self, array, k):
        array[k % N_CHUNKS * CHUNK + 5] = k

    def check(self, store, done):
        array = zarrcy.open_array(store, mode="r")
        for place in range(N_CHUNKS):
            found = int(array[place * CHUNK + 5])
            assert found in allowed(place, N_CHUNKS, done), f"chunk {place} has {found} after {done} steps"
        assert np.count_nonzero(array[:]) <= N_CHUNKS


class Shards:
    """Elements in the inner chunks of shards: a shard is put together again each time."""

    formats = (3,)

    def prepare(self, store, zarr_format):
        zarrcy.zeros(64, chunks=4, shards=32, dtype="i8", store=store, zarr_format=zarr_format)

    def opened(self, store):
        return zarrcy.open_array(store, mode="r+")

    def step(self, array, k):
        array[k % 64] = k

    def check(self, store, done):
        found = zarrcy.open_array(store, mode="r")[:].tolist()
        for place, value in enumerate(found):
            assert value in allowed(place, 64, done), f"element {place} is {value} after {done} steps"


class Append:
    """Rows at the end; the shape is published after the data."""

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
    """Shrink and grow around what stays."""

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


class Attributes:
    """Several attributes in one update."""

    formats = (2, 3)

    def prepare(self, store, zarr_format):
        zarrcy.open_group(store, mode="w", zarr_format=zarr_format).attrs.update(a=0, b=0)

    def opened(self, store):
        return zarrcy.open_group(store, mode="r+")

    def step(self, group, k):
        group.attrs.update(a=k, b=k, text="x" * (k % 5000))

    def check(self, store, done):
        found = dict(zarrcy.open_group(store, mode="r").attrs)
        assert found["a"] == found["b"], found
        assert found["a"] in (done, done + 1), f"{found['a']} after {done} steps"


class Create:
    """New arrays in new groups, each with data."""

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
    """One document that holds all others, written again after each new array."""

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
            # in format 3 a new member takes the copies out, and they come again at the end of a step
            group = zarrcy.open_group(store, mode="r")
        assert set(group) in [{f"a{k}" for k in range(1, n + 1)} for n in (done, done + 1)]
        assert all(group[name].shape == (int(name[1:]),) for name in group)


SCENARIOS = {
    kind.__name__: kind()
    for kind in (Overwrite, PartOfChunk, Shards, Append, Resize, Attributes, Create, Consolidate)
}
CASES = [
    (name, store, zarr_format)
    for name, scenario in SCENARIOS.items()
    for zarr_format in scenario.formats
    for store in ("directory", "directory", "sqlite")
]


@dataclass(frozen=True)
class Outcome:
    """What became of one writer: steps that it reported, and leftovers that are no keys."""

    done: int
    leftovers: int


def kill_one(case, folder, chance):
    """Start a writer, kill it, and check what it leaves.

    Raises AssertionError where something that was reported is lost, or something is torn.
    """
    name, kind, zarr_format = case
    scenario = SCENARIOS[name]
    store = make_store(kind, folder)
    scenario.prepare(store, zarr_format)
    if kind == "sqlite":
        store.close()
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        _write(scenario, kind, folder, there)
    os.close(there)
    # at any moment, before the first step too; a busy machine may take long for it
    said = b""
    for _ in range(chance.choice((0, 1, 1, 2, 3, 5, 10))):
        said += os.read(here, _SAID.size)
    time.sleep(chance.uniform(0, 0.01))
    os.kill(child, signal.SIGKILL)
    while part := os.read(here, 2**16):
        said += part
    os.close(here)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the writer ended by itself: {status}"
    done = (
        _SAID.unpack_from(said, len(said) // _SAID.size * _SAID.size - _SAID.size)[0] if len(said) >= 8 else 0
    )
    store = make_store(kind, folder)
    scenario.check(store, done)
    # the next writer goes on where the killed one was
    scenario.step(scenario.opened(store), done + 1) if name in (
        "Overwrite",
        "PartOfChunk",
        "Shards",
        "Attributes",
    ) else None
    if kind == "sqlite":
        store.close()
        with contextlib.closing(sqlite3.connect(folder / "a.sqlite")) as connection:
            assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    return Outcome(done, sum(1 for path in folder.rglob("*.partial")))


def _write(scenario, kind, folder, pipe):
    """Do one step after the other, until somebody kills this process."""
    try:
        opened = scenario.opened(make_store(kind, folder))
        k = 0
        while True:
            k += 1
            scenario.step(opened, k)
            os.write(pipe, _SAID.pack(k))
    finally:
        os._exit(1)


def kill_many(kills, seed, cases=CASES):
    """Kill so many writers of all cases in turns; return what was seen, by case."""
    chance = random.Random(seed)
    seen = {case: Counter() for case in cases}
    for number in range(kills):
        case = cases[number % len(cases)]
        with tempfile.TemporaryDirectory(prefix="zarrcy-kill-") as folder:
            outcome = kill_one(case, Path(folder), chance)
        seen[case] += Counter(
            kills=1, steps=outcome.done, leftovers=outcome.leftovers, early=outcome.done == 0
        )
    return seen


def main():
    parser = argparse.ArgumentParser(description="kill writers, and look at what they leave")
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
        f"{total['kills']} kills, {total['early']} before the first step was done, {total['steps']} reported steps, "
        f"{total['leftovers']} leftovers, nothing lost, nothing torn, {time.monotonic() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
