"""The rows of the comparison: each asks one question of every peer that can answer it.

Here are starting, and reading by slices; `rows_selecting.py` and `rows_changing.py` have the others.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from bench import WINDOW, Bench, Row, check_equal, read_job, refuse_place
from measure import Job
from peer import ARRAY_NAME, BLOSC, DIRECTORY, GZIP, MEMORY, RAW, ZSTD, NotOfferedError, Peer
from rows_changing import changing_rows, per_chunk_write
from rows_selecting import selecting_rows
from rows_sharded import sharded_rows

_AT = tuple(part.start for part in WINDOW)
ROW = (*_AT[:2], slice(None))
COLUMN = (slice(None), *_AT[1:])
SLAB = (slice(None), slice(None), _AT[2])
STRIDED = (slice(None, None, 3),) * 3


# -- starting ------------------------------------------------------------------------------------


def _open(peer: Peer, bench: Bench) -> Job:
    stored = bench.stored(bench.layout(64, RAW))
    peer.adopt(stored)

    def check(array: Any) -> None:
        check_equal(peer.reader(array, WINDOW)(), bench.cube[WINDOW])

    return Job(lambda: lambda: peer.open(stored, DIRECTORY), check, settle=peer.settle)


def _open_and_read(peer: Peer, bench: Bench) -> Job:
    stored = bench.stored(bench.layout(64, RAW))
    peer.adopt(stored)

    def call() -> Any:
        return peer.reader(peer.open(stored, DIRECTORY), _AT)()

    return Job(lambda: call, lambda found: check_equal(found, bench.cube[_AT]), settle=peer.settle)


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
    if peer.is_limit and not peer.import_statement:
        raise NotOfferedError("nothing to import")
    return _in_a_new_process(peer.import_statement)


def _first_read(peer: Peer, bench: Bench) -> Job:
    if not peer.first_read:
        raise NotOfferedError("no store of this kind")
    stored = bench.stored(bench.layout(64, BLOSC))
    peer.adopt(stored)
    read = peer.first_read.format(path=str(stored.path), group=str(stored.group), name=ARRAY_NAME)
    return _in_a_new_process(f"{peer.import_statement}\n{read}")


def _in_a_new_process(statements: str) -> Job:
    # -P: what this process has imported, not what lies in the current directory
    command = [sys.executable, "-P", "-c", _IMPORT.format(statements)]

    def call() -> float:
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def check(seconds: float) -> None:
        if not seconds > 0:
            raise ValueError(f"the import took {seconds} s")

    return Job(lambda: call, check, own_clock=True)


# -- reading by slices ---------------------------------------------------------------------------


def _read(question: str, key: Any, chunk_side: int, codec: str, place: str, empty: bool = False) -> Row:
    def job(peer: Peer, bench: Bench) -> Job:
        refuse_place(peer, place)
        stored = bench.stored(bench.layout(chunk_side, codec), empty)
        peer.adopt(stored)
        call = peer.reader(peer.open(stored, place), key)
        return read_job(peer, call, np.asarray(stored.expected()[key]))

    return Row("read", question, f"{chunk_side}^3 {codec}, {place}", job)


def _per_chunk_read(peer: Peer, bench: Bench) -> Job:
    refuse_place(peer, MEMORY)
    stored = bench.stored(bench.tiny_layout())
    return read_job(peer, peer.reader(peer.open(stored, MEMORY), ...), bench.line)


def all_rows() -> list[Row]:
    """Return the rows in the order of the table."""
    both = (MEMORY, DIRECTORY)
    shapes = [(side, codec) for side in (16, 64) for codec in (RAW, BLOSC)]
    return [
        Row("start", "import", "in a new process", _import),
        Row("start", "import, open, read an element", "in a new process", _first_read),
        Row("start", "open an array", "directory", _open),
        Row("start", "open an array, read an element", "directory", _open_and_read),
        Row("start", "create an array", "directory", _create),
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
        *selecting_rows(),
        *changing_rows(),
        *sharded_rows(),
        Row("per chunk", "read", "tiny raw chunks, memory", _per_chunk_read, lambda bench: bench.n_tiny),
        Row("per chunk", "write", "tiny raw chunks, memory", per_chunk_write, lambda bench: bench.n_tiny),
    ]
