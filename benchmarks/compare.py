"""Compare zarrcy with the other libraries that are installed: medians and ratios.

python benchmarks/compare.py                       everything
python benchmarks/compare.py --quick               small arrays, few rounds
python benchmarks/compare.py --rows "whole.*blosc" rows whose name matches
python benchmarks/compare.py --json FILE           keep the numbers
python benchmarks/compare.py --merge FILE FILE     one table from the numbers of several interpreters
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import machine
import options
import report


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = options.parser(__doc__, "small arrays and few rounds: about a minute")
    parser.add_argument(
        "--side", metavar="N", type=int, help="of the cube, a multiple of 16 (256; quick: 128)"
    )
    parser.add_argument("--z5py-threads", metavar="N", type=int, default=machine.cpus(), help="the CPUs")
    return parser.parse_args(argv)


def run(chosen: argparse.Namespace) -> report.Result:
    """Measure, and return the report."""
    from bench import TINY_CHUNK, Bench
    from measure import Pace
    from peer import BLOSC
    from peers import load_peers, working_directory
    from rounds import about_peer, ask, chosen_rows
    from rows import all_rows

    peers, missing = load_peers(chosen.z5py_threads)
    peers = [p for p in peers if p.name == report.SUBJECT or re.search(chosen.peers, p.name)]
    rows = chosen_rows(all_rows(), chosen.rows)
    if chosen.quick:
        side, n_tiny, n_appends, pace = 128, 1_000, 20, Pace(chosen.rounds or 3, 0.001, 0.05)
    else:
        side, n_tiny, n_appends, pace = 256, 10_000, 100, Pace(chosen.rounds or 5, 0.01, 0.4)
    side = chosen.side or side
    with working_directory(chosen.root) as place:
        root = Path(place).resolve()
        about = machine.machine(root)
        bench = Bench(root, side, n_tiny, n_appends)
        blosc_nbytes = sum(map(len, bench.stored(bench.layout(64, BLOSC)).values.values()))
        found = ask(rows, peers, bench, pace)
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
            "peers": [about_peer(peer) for peer in peers],
            "missing": missing,
            "rows": found,
        }
    )


def row_names() -> list[str]:
    from rows import all_rows

    return [row.name for row in all_rows()]


def main(argv: list[str] | None = None) -> int:
    return options.answer(arguments(argv), row_names, run)


if __name__ == "__main__":
    sys.exit(main())
