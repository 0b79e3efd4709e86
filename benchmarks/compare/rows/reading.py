"""Rows that read by slices: an element, a window, a row, a slab, the whole array."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.compare.bench import WINDOW, Bench, Row, read_job, refuse_place
from benchmarks.compare.measure import Job
from benchmarks.compare.peers.peer import BLOSC, DIRECTORY, GZIP, MEMORY, RAW, ZSTD, Peer

_AT = tuple(part.start for part in WINDOW)
ROW = (*_AT[:2], slice(None))
COLUMN = (slice(None), *_AT[1:])
SLAB = (slice(None), slice(None), _AT[2])
STRIDED = (slice(None, None, 3),) * 3


def _read(question: str, key: Any, chunk_side: int, codec: str, place: str, empty: bool = False) -> Row:
    def job(peer: Peer, bench: Bench) -> Job:
        refuse_place(peer, place)
        stored = bench.stored(bench.layout(chunk_side, codec), empty)
        peer.adopt(stored)
        call = peer.reader(peer.open(stored, place), key)
        return read_job(peer, call, np.asarray(stored.expected()[key]))

    return Row("read", question, f"{chunk_side}^3 {codec}, {place}", job)


def per_chunk_read(peer: Peer, bench: Bench) -> Job:
    refuse_place(peer, MEMORY)
    stored = bench.stored(bench.tiny_layout())
    return read_job(peer, peer.reader(peer.open(stored, MEMORY), ...), bench.line)


def reading_rows() -> list[Row]:
    """Return the rows in the order of the table."""
    both = (MEMORY, DIRECTORY)
    shapes = [(side, codec) for side in (16, 64) for codec in (RAW, BLOSC)]
    return [
        *(_read("one element", _AT, 16, RAW, place) for place in both),
        *(_read("16^3 window", WINDOW, 16, RAW, place) for place in both),
        *(_read("16^3 window", WINDOW, 64, BLOSC, place) for place in both),
        *(_read("one row", ROW, 16, RAW, place) for place in both),
        *(_read("one column", COLUMN, 16, RAW, place) for place in both),
        *(_read("[::3, ::3, ::3]", STRIDED, 64, codec, place) for codec in (RAW, BLOSC) for place in both),
        *(_read("one slab, last axis", SLAB, 64, codec, DIRECTORY) for codec in (RAW, BLOSC)),
        *(_read("whole array", ..., side, codec, place) for side, codec in shapes for place in both),
        *(_read("whole array", ..., 64, codec, DIRECTORY) for codec in (ZSTD, GZIP)),
        *(_read("whole array", ..., 128, codec, DIRECTORY) for codec in (RAW, BLOSC)),
        *(_read("whole empty array", ..., 16, RAW, place, empty=True) for place in both),
    ]
