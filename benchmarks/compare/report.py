"""Results as a table and as JSON, and merged from the JSON of several interpreters.

The ratio of a peer is its median divided by the median of zarrcy in the same process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SCHEMA = 2
SUBJECT = "zarrcy"
LIMITS = ("numpy", "limit")
# A smaller distance from 1 is below the precision of the measurement.
TIE = 0.05
# If the median exceeds the fastest sample by more than this factor, the measurement was disturbed.
NOISY = 1.5

Result = dict[str, Any]
# Lowest ratio of a row, name of the row, and each faster peer with its ratio.
Slower = tuple[float, str, list[tuple[float, str]]]


def save(path: str, report: Result) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(report, indent=1) + "\n")


def load(path: str) -> Result:
    try:
        report: Result = json.loads(Path(path).read_text())
    except (OSError, ValueError) as exc:
        raise SystemExit(f"{path} has no results ({exc})") from exc
    if report.get("schema") != SCHEMA:
        raise SystemExit(
            f"{path} has schema {report.get('schema')!r}, not {SCHEMA}; run the comparison again"
        )
    return report


def add_ratios(report: Result) -> Result:
    """Set ``ratio`` in each cell that has a time, and return the report."""
    for row in report["rows"]:
        own = row["cells"].get(SUBJECT, {}).get("median")
        for cell in row["cells"].values():
            if own and "median" in cell:
                cell["ratio"] = cell["median"] / own
    return report


def merge(reports: Sequence[Result]) -> Result:
    """Return one report with the peers of all reports. A peer in several reports is taken from the first.

    Raises
    ------
    SystemExit
        If the reports measured arrays of different sizes.
    """
    first = reports[0]
    for other in reports[1:]:
        if other["sizes"] != first["sizes"]:
            raise SystemExit(
                f"results of different sizes cannot be merged: {first['sizes']} and {other['sizes']}"
            )
    peers: dict[str, Result] = {}
    rows: dict[str, Result] = {}
    for report in reports:
        for peer in report["peers"]:
            peers.setdefault(peer["name"], peer)
        for row in report["rows"]:
            cells = rows.setdefault(row["name"], {**row, "cells": {}})["cells"]
            for name, cell in row["cells"].items():
                cells.setdefault(name, cell)
    missing = {name: why for r in reports for name, why in r["missing"].items() if name not in peers}
    return {
        "schema": SCHEMA,
        "machine": [machine for report in reports for machine in report["machine"]],
        "sizes": first["sizes"],
        "about": first.get("about"),
        "peers": sorted(peers.values(), key=lambda peer: peer["name"] in LIMITS),
        "missing": missing,
        "rows": list(rows.values()),
    }


def failures(report: Result) -> list[tuple[str, str, str]]:
    """Return the peer, the row and the problem of each cell that failed."""
    return [
        (peer, row["name"], cell["failed"])
        for row in report["rows"]
        for peer, cell in row["cells"].items()
        if "failed" in cell
    ]


def render(report: Result) -> str:
    """Return the whole report as text."""
    return "\n".join([*_head(report), "", *_table(report), "", *_conclusions(report)])


def _head(report: Result) -> Iterator[str]:
    for machine in report["machine"]:
        yield (
            f"{machine['cpu']}, {machine['cpus']} CPUs, {machine['system']}, Python {machine['python']}, "
            f"load {machine['load']:.1f}, files on {machine['filesystem']}"
        )
        yield "  " + ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    sizes = report["sizes"]
    yield report.get("about") or (
        f"array: {sizes['side']}^3 float32, {sizes['nbytes'] / 2**20:.0f} MiB; "
        f"blosc (lz4, level 5, shuffle) stores 1/{sizes['blosc_ratio']:.2f} of it; "
        f"tiny chunks: {sizes['n_tiny']} of {sizes['tiny_nbytes']} bytes; {sizes['n_appends']} appends"
    )
    for peer in report["peers"]:
        yield f"{peer['name']} {peer['version']}" + (f": {peer['note']}" if peer["note"] else "")
    for name, why in report["missing"].items():
        yield f"not installed: {name} ({why})"


def _table(report: Result) -> Iterator[str]:
    names = [peer["name"] for peer in report["peers"]]
    lines: list[list[str]] = [["", "", *names]]
    for row in report["rows"]:
        cells = (_cell(name, row["cells"].get(name, {})) for name in names)
        lines.append([f"{row['group']}: {row['question']}", row["detail"], *cells])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = "-" * (sum(widths) + 2 * len(widths) - 2)
    group = None
    for number, line in enumerate(lines):
        if number and (row := report["rows"][number - 1])["group"] != group:
            group = row["group"]
            yield rule
        text = "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield text.rstrip()


def _cell(name: str, cell: Result) -> str:
    if "failed" in cell:
        return "failed"
    if "median" not in cell:
        return "-"
    text = ("~" if cell["median"] > NOISY * cell["min"] else "") + duration(cell["median"])
    if name == SUBJECT or "ratio" not in cell:
        return text
    mark = "!" if is_faster(name, cell) else " "
    return f"{text} {mark}{times(cell['ratio']):>5}"


def is_faster(name: str, cell: Result) -> bool:
    """Return whether a library is faster than zarrcy by more than the precision of the measurement."""
    return name not in (SUBJECT, *LIMITS) and cell.get("ratio", 1.0) < 1 - TIE


def times(ratio: float) -> str:
    """Return a ratio with three digits."""
    return f"{ratio:.2f}x" if ratio < 9.995 else f"{ratio:.0f}x"


def duration(seconds: float) -> str:
    """Return a time with three digits.

    >>> duration(0.0012345), duration(4.5e-07), duration(99.96)
    ('1.23 ms', '450 ns', '100 s')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
        if seconds >= 0.9995 * size or unit == "ns":
            break
    value = seconds / size
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"


def _listed(slower: list[Slower]) -> Iterator[str]:
    for _, name, faster in sorted(slower):
        yield f"  {name}: " + ", ".join(f"{peer} {times(ratio)}" for ratio, peer in faster)


def _conclusions(report: Result) -> Iterator[str]:
    yield (
        "Each cell: median time of one call (of one chunk, window or append if the row says 'per'), then its ratio "
        "to the time of zarrcy: 2.00x takes twice as long."
    )
    yield (
        f"'!' faster than {SUBJECT} by more than {TIE:.0%}; "
        f"'~' disturbed (median > {NOISY} x min); '-' not offered."
    )
    others = {peer["name"] for peer in report["peers"] if peer["other_format"]}
    zarr: list[Slower] = []
    other: list[Slower] = []
    for row in report["rows"]:
        faster = sorted((cell["ratio"], name) for name, cell in row["cells"].items() if is_faster(name, cell))
        same = [(ratio, name) for ratio, name in faster if name not in others]
        if faster:
            (zarr if same else other).append(((same or faster)[0][0], row["name"], faster))
    yield ""
    yield f"{SUBJECT} is slower than another Zarr library in {len(zarr)} of {len(report['rows'])} rows" + (
        ", the worst first:" if zarr else "."
    )
    yield from _listed(zarr)
    if other:
        yield f"and slower than a library of another format only in {len(other)}:"
        yield from _listed(other)
    for peer, row_name, problem in failures(report):
        yield f"FAILED: {peer} in {row_name}: {problem}"
