"""What the rows share: the numbers, the stores that zarrcy wrote, and how answers are checked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measure import Job
from numpy.typing import NDArray
from peer import ARRAY_NAME, DIRECTORY, RAW, Layout, NotOfferedError, Peer, Stored

import zarrcy

# Where a window, a row and a column lie: at no chunk boundary, so a window of 16 elements touches
# 8 chunks of 16 x 16 x 16, and (mostly) one chunk of 64 x 64 x 64.
WINDOW = tuple(slice(start, start + 16) for start in (37, 69, 101))
TINY_CHUNK = 8
TABLE_CHUNK = 512
BIG_CHUNK = (256, 128, 128)
SHARD, INNER_CHUNK = 128, 32
RECORD = np.dtype([("id", "<i8"), ("energy", "<f8"), ("mass", "<f4"), ("kind", "u1")])
RECORDS_CHUNK = 2**16
# Each is there several times: as files, in memory, and in the format of each peer that has one of its own.
MOST_STORED = 4


class Bench:
    """What the rows share: the numbers, the stores that zarrcy wrote, and places to write to.

    Parameters
    ----------
    root : an empty directory
    side : length of the axes of the cube, a multiple of 16
    n_tiny : number of chunks of the array that has many
    n_appends : how often the rows that append do so
    """

    def __init__(self, root: Path, side: int, n_tiny: int, n_appends: int) -> None:
        self.root, self.side, self.n_tiny, self.n_appends = root, side, n_tiny, n_appends
        self.cube = smooth_and_noisy(side)
        self.table = self.cube.reshape(side * side // 16, side * 16)
        self.line = np.arange(n_tiny * TINY_CHUNK, dtype="<f4")
        self.records = records(side**3 // 16)
        arrays = (self.cube, self.table, self.line, self.records)
        self._known = {array.shape: array for array in arrays}
        self._n_places = 0
        self._stored: dict[tuple[Layout, bool, str], Stored] = {}

    def layout(self, chunk_side: int, codec: str, write_empty_chunks: bool = True) -> Layout:
        return Layout(self.cube.shape, (chunk_side,) * 3, codec, write_empty_chunks=write_empty_chunks)

    def big_layout(self, codec: str) -> Layout:
        return Layout(self.cube.shape, BIG_CHUNK, codec)

    def table_layout(self, codec: str) -> Layout:
        return Layout(self.table.shape, (TABLE_CHUNK,) * 2, codec)

    def shards_layout(self, codec: str) -> Layout:
        return Layout(self.cube.shape, (INNER_CHUNK,) * 3, codec, shards=(SHARD,) * 3)

    def numbers(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return the numbers of an array; those of the large cube are made when they are first asked for."""
        if shape not in self._known:
            self._known[shape] = smooth_and_noisy(shape[0])
        return self._known[shape]

    def tiny_layout(self) -> Layout:
        return Layout(self.line.shape, (TINY_CHUNK,))

    def records_layout(self, codec: str) -> Layout:
        return Layout(self.records.shape, (RECORDS_CHUNK,), codec, RECORD)

    def stored(self, layout: Layout, empty: bool = False, use: str = "read") -> Stored:
        """Return a store that zarrcy wrote, one for each `use`. The one used longest ago gives way."""
        key = (layout, empty, use)
        found = self._stored.pop(key, None) or self._store(*key)
        self._stored[key] = found
        if len(self._stored) > MOST_STORED:
            oldest = self._stored.pop(next(iter(self._stored)))
            shutil.rmtree(oldest.group)
        return found

    def _store(self, layout: Layout, empty: bool, use: str) -> Stored:
        numbers = self.numbers(layout.shape)
        label = "x".join(map(str, layout.chunks))
        label += "" if layout.shards is None else "-in-shards"
        group = self.root / f"{use}-{label}-{layout.codec}-{'empty' if empty else 'full'}.zarr"
        made = zarrcy.create(
            layout.shape,
            chunks=layout.chunks,
            dtype=layout.dtype,
            compressor=layout.compressor(),
            store=str(group),
            path=ARRAY_NAME,
            shards=layout.shards,
            zarr_format=2 if layout.shards is None else 3,
        )
        if not empty:
            made[...] = numbers
        return Stored(layout, group, None if empty else numbers)

    def new_place(self) -> Path:
        """Return a path in a directory that `clean` empties."""
        self._n_places += 1
        # z5py knows by the suffix that it shall not write N5
        return self.root / "written" / f"{self._n_places}.zarr"

    def clean(self) -> None:
        shutil.rmtree(self.root / "written", ignore_errors=True)
        (self.root / "written").mkdir()


def smooth_and_noisy(side: int) -> NDArray[np.float32]:
    """Return a cube of numbers that compresses as measured fields do: smooth, with noise of 1/1000."""
    x = np.linspace(0, 6, side)
    smooth = np.sin(x)[:, None, None] * np.cos(2 * x)[None, :, None] + np.sin(3 * x)[None, None, :] / 3
    noise = np.random.default_rng(0).standard_normal((side,) * 3, np.float32)
    return (280 + 15 * smooth + 0.015 * noise).astype("<f4")


def records(n: int) -> NDArray[Any]:
    """Return elements of several fields: numbers that count up, measured ones, and a few kinds."""
    random = np.random.default_rng(0)
    made = np.empty(n, RECORD)
    made["id"] = np.arange(n)
    made["energy"] = random.standard_normal(n)
    made["mass"] = random.choice(np.array([0.5, 1, 2], "<f4"), n)
    made["kind"] = random.integers(0, 5, n)
    return made


@dataclass(frozen=True)
class Row:
    """One question.

    Parameters
    ----------
    group, question, detail : what is asked, for the table
    job : makes the job of one peer; raises NotOfferedError where there is none
    per : the time is divided by this, so that it is the time of one of many
    """

    group: str
    question: str
    detail: str
    job: Callable[[Peer, Bench], Job]
    per: Callable[[Bench], int] = lambda bench: 1

    @property
    def name(self) -> str:
        return f"{self.group}: {self.question} | {self.detail}"


def read_job(peer: Peer, call: Callable[[], Any], expected: NDArray[Any]) -> Job:
    """Return the job of a call that reads what is `expected`, if the peer does not refuse it."""
    peer.probe(call)
    return Job(lambda: call, lambda found: check_equal(found, expected), settle=peer.settle)


def check_equal(found: Any, expected: NDArray[Any]) -> None:
    found = np.asarray(found)
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise ValueError(f"wrong answer: {found.dtype} {found.shape} for {expected.dtype} {expected.shape}")
    if not np.array_equal(found, expected):
        raise ValueError(f"wrong answer: {np.count_nonzero(found != expected)} of {expected.size} elements")


def check_layout(group: Path, layout: Layout, expected: NDArray[Any]) -> None:
    """KeyLock that an array on disk is what was asked for, and reads back with zarrcy."""
    array = zarrcy.open_array(str(group / ARRAY_NAME), mode="r")
    codec = None if array.compressor is None else array.compressor.get_config()
    wanted = None if layout.codec == RAW else layout.compressor().get_config()
    if codec is not None and wanted is not None:
        # formats differ in what they write down of a codec
        codec, wanted = ({key: c[key] for key in codec.keys() & wanted.keys()} for c in (codec, wanted))
    if (array.chunks, array.shards) != (layout.chunks, layout.shards) or codec != wanted:
        raise ValueError(f"another layout than asked for: chunks {array.chunks}, compressor {codec}")
    check_equal(array[...], expected)


def refuse_shards(peer: Peer) -> None:
    if not peer.shards:
        raise NotOfferedError("no shards")


def refuse_place(peer: Peer, place: str) -> None:
    if place not in peer.places:
        raise NotOfferedError(f"no store in a {place}" if place == DIRECTORY else "no store in memory")
