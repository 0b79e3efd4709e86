"""Compare zarrcy with the other libraries that are installed: medians and ratios.

python benchmarks/compare.py                       everything
python benchmarks/compare.py --quick               small arrays, few rounds
python benchmarks/compare.py --rows "whole.*blosc" rows whose name matches
python benchmarks/compare.py --json FILE           keep the numbers
python benchmarks/compare.py --merge FILE FILE     one table from the numbers of several interpreters
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import report

VERSIONS = ("numpy", "numcodecs", "zarr", "zarrs", "tensorstore", "z5py", "h5py")


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small arrays and few rounds: under a minute")
    parser.add_argument("--rows", metavar="PATTERN", default="", help="regular expression; see --list")
    parser.add_argument(
        "--peers", metavar="PATTERN", default="", help="regular expression; zarrcy always runs"
    )
    parser.add_argument("--rounds", metavar="N", type=int, help="measurements of each peer (7; quick: 3)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    parser.add_argument(
        "--merge", metavar="FILE", nargs="+", help="measure nothing, print these in one table"
    )
    parser.add_argument("--root", metavar="DIR", help="where files are written (/dev/shm where it exists)")
    parser.add_argument("--z5py-threads", metavar="N", type=int, default=1, help="1, its default")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    chosen = parser.parse_args(argv)
    if chosen.rounds is not None and chosen.rounds < 1:
        parser.error("--rounds must be at least 1")
    return chosen


def machine(root: Path) -> report.Result:
    """Return what the numbers depend on."""
    versions = {}
    for name in VERSIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": _cpu_model(),
        "cpus": cpus,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        "filesystem": _filesystem(root),
        "versions": versions,
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _filesystem(path: Path) -> str:
    """Return the type of the file system that holds `path`, where the system tells."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "an unknown file system"
    fields = [line.split() for line in mounts.read_text().splitlines()]
    holding = [(len(f[1]), f[2]) for f in fields if path.is_relative_to(f[1].replace("\\040", " "))]
    return max(holding)[1] if holding else "an unknown file system"


def run(chosen: argparse.Namespace) -> report.Result:
    """Measure, and return the report."""
    from bench import TINY_CHUNK, Bench
    from measure import Pace, run_in_turns
    from peer import BLOSC, NotOfferedError
    from peers import load_peers, working_directory
    from rows import all_rows

    peers, missing = load_peers(chosen.z5py_threads)
    peers = [p for p in peers if p.name == report.SUBJECT or re.search(chosen.peers, p.name)]
    rows = [row for row in all_rows() if re.search(chosen.rows, row.name)]
    if not rows:
        raise SystemExit(f"no row matches {chosen.rows!r}; --list prints their names")
    if chosen.quick:
        side, n_tiny, n_appends, pace = 128, 2_000, 50, Pace(chosen.rounds or 3, 0.003, 0.15)
    else:
        side, n_tiny, n_appends, pace = 256, 100_000, 500, Pace(chosen.rounds or 7, 0.02, 2.5)
    with working_directory(chosen.root) as place:
        root = Path(place).resolve()
        about = machine(root)
        bench = Bench(root, side, n_tiny, n_appends)
        blosc_nbytes = sum(map(len, bench.stored(bench.layout(64, BLOSC)).values.values()))
        found = []
        for number, row in enumerate(rows, 1):
            start = time.perf_counter()
            bench.clean()
            cells: dict[str, dict[str, Any]] = {}
            jobs = {}
            for peer in peers:
                try:
                    peer.settle()
                    jobs[peer.name] = row.job(peer, bench)
                except NotOfferedError as exc:
                    cells[peer.name] = {"absent": str(exc)}
                except Exception as exc:
                    # reported in the table, and by the exit status
                    cells[peer.name] = {"failed": f"{type(exc).__name__}: {exc}"}
            timings, failures = run_in_turns(jobs, pace, bench.clean)
            per = row.per(bench)
            for name, timing in timings.items():
                cells[name] = {
                    "median": timing.median / per,
                    "min": timing.min / per,
                    "samples": [sample / per for sample in timing.samples],
                    "calls": timing.calls,
                }
            cells |= {name: {"failed": f"{type(exc).__name__}: {exc}"} for name, exc in failures.items()}
            found.append(
                {
                    "name": row.name,
                    "group": row.group,
                    "question": row.question,
                    "detail": row.detail,
                    "cells": cells,
                }
            )
            print(
                f"[{number}/{len(rows)}] {time.perf_counter() - start:5.1f} s  {row.name}",
                file=sys.stderr,
            )
            jobs.clear()
    return report.add_ratios(
        {
            "schema": report.SCHEMA,
            "machine": [about],
            "sizes": {
                "side": side,
                "nbytes": bench.cube.nbytes,
                "blosc_ratio": bench.cube.nbytes / blosc_nbytes,
                "n_tiny": n_tiny,
                "n_appends": n_appends,
                "tiny_nbytes": TINY_CHUNK * bench.line.itemsize,
            },
            "peers": [
                {"name": p.name, "version": p.version, "note": p.note, "other_format": not p.writes_zarr}
                for p in peers
            ],
            "missing": missing,
            "rows": found,
        }
    )


def main(argv: list[str] | None = None) -> int:
    chosen = arguments(argv)
    if chosen.merge:
        result = report.merge([report.load(path) for path in chosen.merge])
    elif chosen.list:
        from rows import all_rows

        print("\n".join(row.name for row in all_rows()))
        return 0
    else:
        result = run(chosen)
    if chosen.json:
        report.save(chosen.json, result)
    print(report.render(result))
    return 1 if any("failed" in cell for row in result["rows"] for cell in row["cells"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
