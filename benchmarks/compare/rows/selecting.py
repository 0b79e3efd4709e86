"""Rows that select elements: points, masks, lists of rows, fields, and small windows of large chunks.

Each peer is measured with the method that it has for the kind of selection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.compare.bench import (
    BIG_CHUNK,
    RECORD,
    RECORDS_CHUNK,
    TABLE_CHUNK,
    Bench,
    Row,
    read_job,
    refuse_place,
)
from benchmarks.compare.measure import Job
from benchmarks.compare.peers.peer import BLOSC, DIRECTORY, MEMORY, RAW, Layout, Peer, Stored

N_POINTS = 10_000
N_ROWS = 500
N_WINDOWS = 20
WINDOW_SIDE = 16
FIELD = "mass"

Shape = tuple[int, ...]


@cache
def points_of(shape: Shape) -> tuple[NDArray[np.int64], ...]:
    """Return the coordinates of random points of an array."""
    return tuple(np.random.default_rng(2).integers(0, np.array(shape)[:, None], (len(shape), N_POINTS)))


@cache
def mask_of(shape: Shape) -> NDArray[np.bool_]:
    """Return a mask that is true for a random 1 % of the elements."""
    return np.asarray(np.random.default_rng(3).random(shape, np.float32) < 0.01)


@cache
def rows_of(shape: Shape) -> NDArray[np.int64]:
    """Return random row numbers of a table; some occur twice."""
    return np.random.default_rng(4).integers(0, shape[0], N_ROWS)


@cache
def windows_of(shape: Shape) -> tuple[tuple[slice, ...], ...]:
    """Return windows at random positions; some cross a chunk border."""
    starts = np.random.default_rng(5).integers(0, np.array(shape) - WINDOW_SIDE + 1, (N_WINDOWS, len(shape)))
    return tuple(tuple(slice(start, start + WINDOW_SIDE) for start in map(int, at)) for at in starts)


def _points(peer: Peer, stored: Stored, place: str) -> Callable[[], Any]:
    return peer.points_reader(peer.open(stored, place), points_of(stored.layout.shape))


def _mask(peer: Peer, stored: Stored, place: str) -> Callable[[], Any]:
    return peer.mask_reader(peer.open(stored, place), mask_of(stored.layout.shape))


def _rows(peer: Peer, stored: Stored, place: str) -> Callable[[], Any]:
    return peer.rows_reader(peer.open(stored, place), rows_of(stored.layout.shape))


def _field(peer: Peer, stored: Stored, place: str) -> Callable[[], Any]:
    return peer.field_reader(stored, place, FIELD)


def _windows(peer: Peer, stored: Stored, place: str) -> Callable[[], Any]:
    array = peer.open(stored, place)
    calls = [peer.reader(array, window) for window in windows_of(stored.layout.shape)]
    return lambda: [call() for call in calls]


@dataclass(frozen=True)
class _Kind:
    """A kind of selection.

    Parameters
    ----------
    question, chunks : str
        Texts for the table.
    layout : callable
        Return the layout of the array for a codec.
    asking : callable
        Return the call of a peer.
    expected : callable
        Return the answer of NumPy from all numbers.
    per : int
        Number of selections that one call reads.
    """

    question: str
    chunks: str
    layout: Callable[[Bench, str], Layout]
    asking: Callable[[Peer, Stored, str], Callable[[], Any]]
    expected: Callable[[NDArray[Any]], Any]
    per: int = 1

    def row(self, codec: str, place: str) -> Row:
        def job(peer: Peer, bench: Bench) -> Job:
            refuse_place(peer, place)
            stored = bench.stored(self.layout(bench, codec))
            peer.adopt(stored)
            expected = np.asarray(self.expected(stored.expected()))
            return read_job(peer, self.asking(peer, stored, place), expected)

        return Row("select", self.question, f"{self.chunks} {codec}, {place}", job, lambda bench: self.per)


_POINTS = _Kind(
    f"{N_POINTS} points",
    "64^3",
    lambda bench, codec: bench.layout(64, codec),
    _points,
    lambda cube: cube[points_of(cube.shape)],
)
_MASK = _Kind(
    "mask of 1 %",
    "64^3",
    lambda bench, codec: bench.layout(64, codec),
    _mask,
    lambda cube: cube[mask_of(cube.shape)],
)
_ROWS = _Kind(
    f"{N_ROWS} rows, in no order",
    f"{TABLE_CHUNK}^2",
    Bench.table_layout,
    _rows,
    lambda table: table[rows_of(table.shape)],
)
_FIELD = _Kind(
    f"one field of {len(RECORD.names or ())}",
    f"{RECORDS_CHUNK}",
    Bench.records_layout,
    _field,
    lambda records: records[FIELD],
)
_WINDOWS = _Kind(
    "16^3 windows, per window",
    "x".join(map(str, BIG_CHUNK)),
    Bench.big_layout,
    _windows,
    lambda cube: [cube[window] for window in windows_of(cube.shape)],
    per=N_WINDOWS,
)


def selecting_rows() -> list[Row]:
    """Return the rows in the order of the table."""
    return [
        *(
            kind.row(codec, place)
            for kind in (_POINTS, _MASK, _ROWS, _FIELD)
            for codec in (RAW, BLOSC)
            for place in (MEMORY, DIRECTORY)
        ),
        *(_WINDOWS.row(codec, DIRECTORY) for codec in (RAW, BLOSC)),
    ]
