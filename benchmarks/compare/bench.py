"""The numbers, the stores that zarrcy wrote, and the checks of answers, for all rows on arrays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import zarrcy
from benchmarks.compare.measure import Job
from benchmarks.compare.peers.peer import ARRAY_NAME, DIRECTORY, RAW, Layout, NotOfferedError, Peer, Stored

# Position of windows, rows and columns. No chunk border is at these indices, so a window of 16 elements touches
# 8 chunks of 16 x 16 x 16, and usually one chunk of 64 x 64 x 64.
WINDOW = tuple(slice(start, start + 16) for start in (37, 69, 101))
TINY_CHUNK = 8
TABLE_CHUNK = 512
BIG_CHUNK = (256, 128, 128)
SHARD, INNER_CHUNK = 128, 32
RECORD = np.dtype([("id", "<i8"), ("energy", "<f8"), ("mass", "<f4"), ("kind", "u1")])
RECORDS_CHUNK = 2**16
# Most stores kept at once. Each exists several times: as files, in memory, and in the format of each peer that has
# its own.
MOST_STORED = 4


class Bench:
    """The numbers, the stores that zarrcy wrote, and places to write to.

    Parameters
    ----------
    root : Path
        An empty directory.
    side : int
        Length of each axis of the cube, in elements; a multiple of 16.
    n_tiny : int
        Number of chunks of the array with tiny chunks.
    n_appends : int
        Number of appends in the rows that append.
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
        """Return the numbers of an array. Those of the large cube are made on first use."""
        if shape not in self._known:
            self._known[shape] = smooth_and_noisy(shape[0])
        return self._known[shape]

    def tiny_layout(self) -> Layout:
        return Layout(self.line.shape, (TINY_CHUNK,))

    def records_layout(self, codec: str) -> Layout:
        return Layout(self.records.shape, (RECORDS_CHUNK,), codec, RECORD)

    def stored(self, layout: Layout, empty: bool = False, use: str = "read") -> Stored:
        """Return a store that zarrcy wrote, one for each `use`. The store that was used longest ago is removed."""
        key = (layout, empty, use)
        stored = self._stored.pop(key, None) or self._store(*key)
        self._stored[key] = stored
        if len(self._stored) > MOST_STORED:
            oldest = self._stored.pop(next(iter(self._stored)))
            shutil.rmtree(oldest.group)
        return stored

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
        # z5py writes N5 unless the suffix is .zarr
        return self.root / "written" / f"{self._n_places}.zarr"

    def clean(self) -> None:
        shutil.rmtree(self.root / "written", ignore_errors=True)
        (self.root / "written").mkdir()


def smooth_and_noisy(side: int) -> NDArray[np.float32]:
    """Return a cube of numbers that compresses like a measured field: smooth, with noise of 1/1000."""
    x = np.linspace(0, 6, side)
    smooth = np.sin(x)[:, None, None] * np.cos(2 * x)[None, :, None] + np.sin(3 * x)[None, None, :] / 3
    noise = np.random.default_rng(0).standard_normal((side,) * 3, np.float32)
    return (280 + 15 * smooth + 0.015 * noise).astype("<f4")


def records(n: int) -> NDArray[Any]:
    """Return structured elements: a counter, a measured value, a mass and a kind."""
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
    group, question, detail : str
        Texts for the table.
    job : callable
        Return the job of one peer, or raise NotOfferedError.
    per : callable
        Return the number by which the time of a call is divided.
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
    """Return the job of a call that must read `expected`. Raise NotOfferedError if the peer refuses the call."""
    peer.probe(call)
    return Job(lambda: call, lambda answer: check_equal(answer, expected), settle=peer.settle)


def check_equal(answer: Any, expected: NDArray[Any]) -> None:
    """Raise ValueError if an answer is wrong."""
    answer = np.asarray(answer)
    if answer.shape != expected.shape or answer.dtype != expected.dtype:
        raise ValueError(f"wrong answer: {answer.dtype} {answer.shape} for {expected.dtype} {expected.shape}")
    if not np.array_equal(answer, expected):
        raise ValueError(f"wrong answer: {np.count_nonzero(answer != expected)} of {expected.size} elements")


def check_layout(group: Path, layout: Layout, expected: NDArray[Any]) -> None:
    """Raise ValueError if an array on disk has another layout than requested, or other elements."""
    array = zarrcy.open_array(str(group / ARRAY_NAME), mode="r")
    codec = None if array.compressor is None else array.compressor.get_config()
    wanted = None if layout.codec == RAW else layout.compressor().get_config()
    if codec is not None and wanted is not None:
        # formats store different members of a configuration
        codec, wanted = ({key: c[key] for key in codec.keys() & wanted.keys()} for c in (codec, wanted))
    if (array.chunks, array.shards) != (layout.chunks, layout.shards) or codec != wanted:
        raise ValueError(f"another layout than requested: chunks {array.chunks}, compressor {codec}")
    check_equal(array[...], expected)


def refuse_shards(peer: Peer) -> None:
    if not peer.shards:
        raise NotOfferedError("no shards")


def refuse_place(peer: Peer, place: str) -> None:
    if place not in peer.places:
        raise NotOfferedError(f"no store in a {place}" if place == DIRECTORY else "no store in memory")
