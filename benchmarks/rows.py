"""The rows of the comparison: each asks one question of every peer that can answer it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measure import Job
from numpy.typing import NDArray
from peers import (
    ARRAY_NAME,
    BLOSC,
    DIRECTORY,
    MEMORY,
    RAW,
    Layout,
    NotOfferedError,
    Peer,
    Stored,
    stored_chunks,
)

import zarrcy

# Where a window, a row and a column lie: at no chunk boundary, so a window of 16 elements touches
# 8 chunks of 16 x 16 x 16, and (mostly) one chunk of 64 x 64 x 64.
_AT = (37, 69, 101)
WINDOW = tuple(slice(start, start + 16) for start in _AT)
ROW = (*_AT[:2], slice(None))
COLUMN = (slice(None), *_AT[1:])
STRIDED = (slice(None, None, 3),) * 3
TINY_CHUNK = 8


class Bench:
    """What the rows share: the numbers, the stores that zarrcy wrote, and places to write to.

    Parameters
    ----------
    root : an empty directory
    side : length of the axes of the cube
    n_tiny : number of chunks of the array that has many
    """

    def __init__(self, root: Path, side: int, n_tiny: int) -> None:
        self.root, self.side, self.n_tiny = root, side, n_tiny
        self.cube = smooth_and_noisy(side)
        self.line = np.arange(n_tiny * TINY_CHUNK, dtype="<f4")
        self._n_places = 0
        self._stored: dict[tuple[Layout, bool, str], Stored] = {}

    def layout(self, chunk_side: int, codec: str, write_empty_chunks: bool = True) -> Layout:
        return Layout((self.side,) * 3, (chunk_side,) * 3, codec, write_empty_chunks=write_empty_chunks)

    def tiny_layout(self) -> Layout:
        return Layout(self.line.shape, (TINY_CHUNK,))

    def stored(self, layout: Layout, empty: bool = False, use: str = "read") -> Stored:
        """Return a store that zarrcy wrote, one for each `use`."""
        key = (layout, empty, use)
        if key not in self._stored:
            self._stored[key] = self._store(*key)
        return self._stored[key]

    def _store(self, layout: Layout, empty: bool, use: str) -> Stored:
        numbers = self.cube if len(layout.shape) == 3 else self.line
        label = "x".join(map(str, layout.chunks))
        group = self.root / f"{use}-{label}-{layout.codec}-{'empty' if empty else 'full'}.zarr"
        made = zarrcy.create(
            layout.shape,
            chunks=layout.chunks,
            dtype=layout.dtype,
            compressor=layout.compressor(),
            store=str(group),
            path=ARRAY_NAME,
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


@dataclass(frozen=True)
class Row:
    """One question.

    Parameters
    ----------
    group, question, detail : what is asked, for the table
    job : makes the job of one peer; raises NotOfferedError where there is none
    per : the time is divided by this, so that it is the time of one chunk
    """

    group: str
    question: str
    detail: str
    job: Callable[[Peer, Bench], Job]
    per: Callable[[Bench], int] = lambda bench: 1

    @property
    def name(self) -> str:
        return f"{self.group}: {self.question} | {self.detail}"


def check_equal(found: Any, expected: NDArray[Any]) -> None:
    found = np.asarray(found)
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise ValueError(f"wrong answer: {found.dtype} {found.shape} for {expected.dtype} {expected.shape}")
    if not np.array_equal(found, expected):
        raise ValueError(f"wrong answer: {np.count_nonzero(found != expected)} of {expected.size} elements")


def check_layout(group: Path, layout: Layout, expected: NDArray[Any]) -> None:
    """Hold that an array on disk is what was asked for, and reads back with zarrcy."""
    array = zarrcy.open_array(str(group / ARRAY_NAME), mode="r")
    codec = None if array.compressor is None else array.compressor.get_config()
    wanted = None if layout.codec == RAW else layout.compressor().get_config()
    if array.chunks != layout.chunks or codec != wanted:
        raise ValueError(f"another layout than asked for: chunks {array.chunks}, compressor {codec}")
    check_equal(array[...], expected)


def _refuse_place(peer: Peer, place: str) -> None:
    if place not in peer.places:
        raise NotOfferedError(f"no store in a {place}" if place == DIRECTORY else "no store in memory")


# -- reading -------------------------------------------------------------------------------------


def _read(question: str, key: Any, chunk_side: int, codec: str, place: str, empty: bool = False) -> Row:
    def job(peer: Peer, bench: Bench) -> Job:
        _refuse_place(peer, place)
        stored = bench.stored(bench.layout(chunk_side, codec), empty)
        peer.adopt(stored)
        call = peer.reader(peer.open(stored, place), key)
        expected = np.asarray(stored.expected()[key])
        return Job(lambda: call, lambda found: check_equal(found, expected), settle=peer.settle)

    return Row("read", question, f"{chunk_side}^3 {codec}, {place}", job)


# -- writing -------------------------------------------------------------------------------------


def _write_whole(chunk_side: int, codec: str, place: str, all_fill: bool = False) -> Row:
    def job(peer: Peer, bench: Bench) -> Job:
        _refuse_place(peer, place)
        if all_fill and not peer.skips_fill:
            raise NotOfferedError("stores fill value as any other")
        if all_fill and peer.is_limit and place == DIRECTORY:
            raise NotOfferedError("writes no file, so its limit is that in memory")
        layout = bench.layout(chunk_side, codec, write_empty_chunks=not all_fill)
        # touched memory: untouched zeros would all be one page, and never leave the cache
        value = np.full(layout.shape, 0, layout.dtype) if all_fill else bench.cube
        return _fresh_write(peer, bench, layout, place, value)

    if all_fill:
        return Row("write", "all fill value, not stored", f"{chunk_side}^3 {codec}, {place}", job)
    return Row("write", "whole array", f"{chunk_side}^3 {codec}, {place}", job)


def _fresh_write(peer: Peer, bench: Bench, layout: Layout, place: str, value: NDArray[Any]) -> Job:
    """Write the whole of an array that was just created."""
    last: list[tuple[Any, Path]] = []

    def prepare() -> Callable[[], None]:
        last.clear()
        group = bench.new_place()
        array = peer.create(layout, place, group)
        last.append((array, group))
        return peer.writer(array, ..., value)

    def check(_: Any) -> None:
        array, group = last[0]
        check_equal(peer.reader(array, ...)(), value)
        if place == DIRECTORY and peer.writes_zarr:
            check_layout(group, layout, value)
            if not layout.write_empty_chunks and (names := list(stored_chunks(group))):
                raise ValueError(f"{len(names)} chunks are stored, and none should be")

    return Job(prepare, check, fresh=True, settle=peer.settle)


def _write_window(chunk_side: int, codec: str, place: str) -> Row:
    def job(peer: Peer, bench: Bench) -> Job:
        _refuse_place(peer, place)
        # all peers write into one store, the same value: a store of its own, not the one that is read
        stored = bench.stored(bench.layout(chunk_side, codec), False, "change")
        peer.adopt(stored)
        array = peer.open(stored, place, writable=True)
        before = np.array(peer.reader(array, ...)())
        value = np.random.default_rng(1).random((16, 16, 16), np.float32)
        call = peer.writer(array, WINDOW, value)

        def check(_: Any) -> None:
            before[WINDOW] = value
            check_equal(peer.reader(array, ...)(), before)

        return Job(lambda: call, check, settle=peer.settle)

    return Row("write", "16^3 window", f"{chunk_side}^3 {codec}, {place}", job)


# -- overhead ------------------------------------------------------------------------------------


def _per_chunk_read(peer: Peer, bench: Bench) -> Job:
    _refuse_place(peer, MEMORY)
    stored = bench.stored(bench.tiny_layout())
    call = peer.reader(peer.open(stored, MEMORY), ...)
    return Job(lambda: call, lambda found: check_equal(found, bench.line), settle=peer.settle)


def _per_chunk_write(peer: Peer, bench: Bench) -> Job:
    _refuse_place(peer, MEMORY)
    return _fresh_write(peer, bench, bench.tiny_layout(), MEMORY, bench.line)


def _open(peer: Peer, bench: Bench) -> Job:
    stored = bench.stored(bench.layout(64, RAW))
    peer.adopt(stored)

    def check(array: Any) -> None:
        check_equal(peer.reader(array, WINDOW)(), bench.cube[WINDOW])

    return Job(lambda: lambda: peer.open(stored, DIRECTORY), check, settle=peer.settle)


def _create(peer: Peer, bench: Bench) -> Job:
    if peer.is_limit:
        raise NotOfferedError("nothing to create")
    layout = bench.layout(64, RAW)

    def check(array: Any) -> None:
        check_equal(peer.reader(array, WINDOW)(), np.zeros((16, 16, 16), layout.dtype))

    def prepare() -> Callable[[], Any]:
        group = bench.new_place()
        return lambda: peer.create(layout, DIRECTORY, group)

    return Job(prepare, check, fresh=True, settle=peer.settle)


_IMPORT = "from time import perf_counter as t\na = t()\n{}\nprint(t() - a)"


def _import(peer: Peer, bench: Bench) -> Job:
    command = [sys.executable, "-c", _IMPORT.format(peer.import_statement)]

    def call() -> float:
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def check(seconds: float) -> None:
        if not seconds > 0:
            raise ValueError(f"the import took {seconds} s")

    return Job(lambda: call, check, own_clock=True)


def all_rows() -> list[Row]:
    """Return the rows in the order of the table."""
    both = (MEMORY, DIRECTORY)
    shapes = [(side, codec) for side in (16, 64) for codec in (RAW, BLOSC)]
    return [
        Row("start", "import", "in a new process", _import),
        Row("start", "open an array", "directory", _open),
        Row("start", "create an array", "directory", _create),
        *(_read("one element", _AT, 16, RAW, place) for place in both),
        *(_read("16^3 window", WINDOW, 16, RAW, place) for place in both),
        *(_read("16^3 window", WINDOW, 64, BLOSC, place) for place in both),
        *(_read("one row", ROW, 16, RAW, place) for place in both),
        *(_read("one column", COLUMN, 16, RAW, place) for place in both),
        *(_read("[::3, ::3, ::3]", STRIDED, 64, RAW, place) for place in both),
        *(_read("whole array", ..., side, codec, place) for side, codec in shapes for place in both),
        *(_read("whole empty array", ..., 16, RAW, place, empty=True) for place in both),
        *(_write_whole(side, codec, place) for side, codec in shapes for place in both),
        *(_write_whole(64, RAW, place, all_fill=True) for place in both),
        *(_write_window(16, RAW, place) for place in both),
        Row("per chunk", "read", "tiny raw chunks, memory", _per_chunk_read, lambda bench: bench.n_tiny),
        Row("per chunk", "write", "tiny raw chunks, memory", _per_chunk_write, lambda bench: bench.n_tiny),
    ]
