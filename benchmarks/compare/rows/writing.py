"""Rows that write: a whole array, a part of an array, tiny chunks, appends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.compare.bench import WINDOW, Bench, Row, check_equal, check_layout, refuse_place
from benchmarks.compare.measure import Job
from benchmarks.compare.peers.peer import (
    BLOSC,
    DIRECTORY,
    GZIP,
    MEMORY,
    RAW,
    ZSTD,
    Layout,
    NotOfferedError,
    Peer,
    stored_chunks,
)

APPENDED = 1000
APPENDS_CHUNK = 10_000


def _write_whole(chunk_side: int, codec: str, place: str, all_fill: bool = False) -> Row:
    def job(peer: Peer, bench: Bench) -> Job:
        refuse_place(peer, place)
        if all_fill and not peer.skips_fill:
            raise NotOfferedError("stores chunks of fill value like others")
        if all_fill and peer.is_limit and place == DIRECTORY:
            raise NotOfferedError("writes no file; its limit is that in memory")
        layout = bench.layout(chunk_side, codec, write_empty_chunks=not all_fill)
        # np.full touches the memory. Untouched zeros share one page that stays in the cache.
        value = np.full(layout.shape, 0, layout.dtype) if all_fill else bench.cube
        return fresh_write(peer, bench, layout, place, value)

    if all_fill:
        return Row("write", "all fill value, not stored", f"{chunk_side}^3 {codec}, {place}", job)
    return Row("write", "whole array", f"{chunk_side}^3 {codec}, {place}", job)


def fresh_write(
    peer: Peer,
    bench: Bench,
    layout: Layout,
    place: str,
    value: NDArray[Any],
    writer: Callable[[Any], Callable[[], Any]] | None = None,
) -> Job:
    """Return the job that writes the whole of an array that was just created.

    `writer` makes the call from the array. If the call returns a value, it is the written array.
    """
    last: list[tuple[Any, Path]] = []

    def prepare() -> Callable[[], Any]:
        last.clear()
        group = bench.new_place()
        array = peer.create(layout, place, group)
        last.append((array, group))
        return peer.writer(array, ..., value) if writer is None else writer(array)

    def check(written: Any) -> None:
        array, group = last[0]
        check_equal(peer.reader(array if written is None else written, ...)(), value)
        if place == DIRECTORY and peer.writes_zarr:
            check_layout(group, layout, value)
            if not layout.write_empty_chunks and (names := list(stored_chunks(group))):
                raise ValueError(f"{len(names)} chunks are stored; no chunk may be stored")

    return Job(prepare, check, fresh=True, settle=peer.settle)


def _write_window(chunk_side: int, codec: str, place: str) -> Row:
    def job(peer: Peer, bench: Bench) -> Job:
        refuse_place(peer, place)
        return window_write(peer, bench, bench.layout(chunk_side, codec), place)

    return Row("write", "16^3 window", f"{chunk_side}^3 {codec}, {place}", job)


def window_write(peer: Peer, bench: Bench, layout: Layout, place: str) -> Job:
    """Return the job that writes a window of an array with numbers."""
    # All peers write the same value into one store, which no row reads.
    stored = bench.stored(layout, False, "change")
    peer.adopt(stored)
    array = peer.open(stored, place, writable=True)
    value = np.random.default_rng(1).random((16, 16, 16), np.float32)
    call = peer.writer(array, WINDOW, value)

    def check(_: Any) -> None:
        expected = stored.expected().copy()
        expected[WINDOW] = value
        check_equal(peer.reader(array, ...)(), expected)

    return Job(lambda: call, check, settle=peer.settle)


def _append(codec: str, place: str) -> Row:
    def job(peer: Peer, bench: Bench) -> Job:
        refuse_place(peer, place)
        if not peer.appends:
            raise NotOfferedError("arrays cannot grow")
        n = bench.n_appends
        # Sorted, like the times of events.
        steps = np.random.default_rng(6).integers(1, 1000, n * APPENDED, "<i8")
        value = steps.cumsum()
        pieces = np.split(value, n)
        layout = Layout((0,), (APPENDS_CHUNK,), codec, "<i8")
        return fresh_write(peer, bench, layout, place, value, lambda array: peer.appender(array, pieces))

    question = f"append {APPENDED} int64, per append"
    return Row("write", question, f"{APPENDS_CHUNK} {codec}, {place}", job, lambda bench: bench.n_appends)


def per_chunk_write(peer: Peer, bench: Bench) -> Job:
    refuse_place(peer, MEMORY)
    return fresh_write(peer, bench, bench.tiny_layout(), MEMORY, bench.line)


def writing_rows() -> list[Row]:
    """Return the rows in the order of the table."""
    both = (MEMORY, DIRECTORY)
    shapes = [(side, codec) for side in (16, 64) for codec in (RAW, BLOSC)]
    return [
        *(_write_whole(side, codec, place) for side, codec in shapes for place in both),
        *(_write_whole(64, codec, DIRECTORY) for codec in (ZSTD, GZIP)),
        *(_write_whole(128, codec, DIRECTORY) for codec in (RAW, BLOSC)),
        *(_write_whole(64, RAW, place, all_fill=True) for place in both),
        *(_write_window(16, RAW, place) for place in both),
        *(_append(codec, place) for codec in (RAW, BLOSC) for place in both),
    ]
