"""Rows on Zarr v3 arrays with shards."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.compare.bench import INNER_CHUNK, SHARD, Bench, Row, read_job, refuse_place, refuse_shards
from benchmarks.compare.measure import Job
from benchmarks.compare.peers.peer import BLOSC, DIRECTORY, RAW, ZSTD, Layout, Peer
from benchmarks.compare.rows.writing import fresh_write, window_write

_N_WINDOWS = 200
_WINDOW_SIDE = 16

_Asked = Callable[[Peer, Bench, Layout], Job]


def _read_whole(peer: Peer, bench: Bench, layout: Layout) -> Job:
    stored = bench.stored(layout)
    peer.adopt(stored)
    return read_job(peer, peer.reader(peer.open(stored, DIRECTORY), ...), stored.expected())


def _read_windows(peer: Peer, bench: Bench, layout: Layout) -> Job:
    stored = bench.stored(layout)
    peer.adopt(stored)
    array = peer.open(stored, DIRECTORY)
    starts = np.random.default_rng(7).integers(0, layout.shape[0] - _WINDOW_SIDE + 1, (_N_WINDOWS, 3))
    windows = [tuple(slice(start, start + _WINDOW_SIDE) for start in at) for at in starts.tolist()]
    calls = [peer.reader(array, window) for window in windows]
    expected = np.array([stored.expected()[window] for window in windows])
    return read_job(peer, lambda: [call() for call in calls], expected)


def _write_whole(peer: Peer, bench: Bench, layout: Layout) -> Job:
    return fresh_write(peer, bench, layout, DIRECTORY, bench.numbers(layout.shape))


def _write_window(peer: Peer, bench: Bench, layout: Layout) -> Job:
    return window_write(peer, bench, layout, DIRECTORY)


def _row(question: str, codec: str, asked: _Asked, per: int = 1) -> Row:
    def job(peer: Peer, bench: Bench) -> Job:
        refuse_place(peer, DIRECTORY)
        refuse_shards(peer)
        return asked(peer, bench, bench.shards_layout(codec))

    detail = f"{SHARD}^3 shards of {INNER_CHUNK}^3 {codec}, {DIRECTORY}"
    return Row("shards", question, detail, job, lambda bench: per)


def sharded_rows() -> list[Row]:
    """Return the rows in the order of the table."""
    return [
        _row(question, codec, asked, per)
        for codec in (RAW, BLOSC, ZSTD)
        for question, asked, per in (
            ("read a whole array", _read_whole, 1),
            ("read 16^3 windows at random, per window", _read_windows, _N_WINDOWS),
            ("write a whole array", _write_whole, 1),
            ("write a 16^3 window", _write_window, 1),
        )
    ]
