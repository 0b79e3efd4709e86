"""Measure all rows of all peers and collect the results."""

from __future__ import annotations

import dataclasses
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from benchmarks.compare import report
from benchmarks.compare.measure import Job, Pace, run_in_turns
from benchmarks.compare.peers.peer import NotOfferedError


class AnyRow(Protocol):
    """One question: its text, and the function that makes the job of one peer."""

    @property
    def name(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def question(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def job(self) -> Callable[[Any, Any], Job]: ...
    @property
    def per(self) -> Callable[[Any], int]: ...


def chosen_rows(rows: Sequence[Any], pattern: str) -> list[Any]:
    """Return the rows whose names match a regular expression. Exit if no row matches."""
    matching = [row for row in rows if re.search(pattern, row.name)]
    if not matching:
        raise SystemExit(f"no row matches {pattern!r}; --list prints the names")
    return matching


def ask(rows: Sequence[AnyRow], peers: Sequence[Any], bench: Any, pace: Pace) -> list[report.Result]:
    """Measure all rows and return the results for the report."""
    results = []
    for number, row in enumerate(rows, 1):
        start = time.perf_counter()
        bench.clean()
        cells: dict[str, report.Result] = {}
        jobs = {}
        for peer in peers:
            try:
                peer.settle()
                jobs[peer.name] = row.job(peer, bench)
            except Exception as exc:
                # The table and the exit status report it.
                cells[peer.name] = _trouble(exc)
            else:
                if not peer.answers:
                    jobs[peer.name] = dataclasses.replace(jobs[peer.name], check=lambda _: None)
        timings, failures = run_in_turns(jobs, pace, bench.clean)
        jobs.clear()
        per = row.per(bench)
        for name, timing in timings.items():
            cells[name] = {
                "median": timing.median / per,
                "min": timing.min / per,
                "samples": [sample / per for sample in timing.samples],
                "calls": timing.calls,
            }
        cells |= {name: _trouble(exc) for name, exc in failures.items()}
        text = {"name": row.name, "group": row.group, "question": row.question, "detail": row.detail}
        results.append({**text, "cells": cells})
        print(f"[{number}/{len(rows)}] {time.perf_counter() - start:5.1f} s  {row.name}", file=sys.stderr)
    return results


def _trouble(exc: Exception) -> report.Result:
    if isinstance(exc, NotOfferedError):
        return {"absent": str(exc)}
    return {"failed": f"{type(exc).__name__}: {exc}"}


def about_peer(peer: Any) -> report.Result:
    """Return the description of a peer for the report."""
    return {
        "name": peer.name,
        "version": peer.version,
        "note": peer.note,
        "other_format": not peer.writes_zarr,
        "is_limit": peer.is_limit,
    }
