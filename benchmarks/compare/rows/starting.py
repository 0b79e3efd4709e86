"""Rows about starting: import, open, create."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.compare.bench import WINDOW, Bench, Row, check_equal
from benchmarks.compare.measure import Job
from benchmarks.compare.peers.peer import ARRAY_NAME, BLOSC, DIRECTORY, RAW, NotOfferedError, Peer

_AT = tuple(part.start for part in WINDOW)


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

    return Job(lambda: call, lambda answer: check_equal(answer, bench.cube[_AT]), settle=peer.settle)


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
    # -P: import the same packages as this process, not those in the current directory
    command = [sys.executable, "-P", "-c", _IMPORT.format(statements)]

    def call() -> float:
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def check(seconds: float) -> None:
        if not seconds > 0:
            raise ValueError(f"the import took {seconds} s")

    return Job(lambda: call, check, own_clock=True)


def starting_rows() -> list[Row]:
    """Return the rows in the order of the table."""
    return [
        Row("start", "import", "in a new process", _import),
        Row("start", "import, open, read an element", "in a new process", _first_read),
        Row("start", "open an array", "directory", _open),
        Row("start", "open an array, read an element", "directory", _open_and_read),
        Row("start", "create an array", "directory", _create),
    ]
