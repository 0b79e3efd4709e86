"""Compare arrays of zarrcy with those of the other installed libraries: medians and ratios.

python -m benchmarks.compare                       everything
python -m benchmarks.compare --quick               small arrays, few rounds
python -m benchmarks.compare --rows "whole.*blosc" rows whose name matches
python -m benchmarks.compare --json FILE           keep the numbers
python -m benchmarks.compare --merge FILE FILE     one table from the numbers of several interpreters
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from benchmarks.compare import machine, options, report


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = options.parser(__doc__, "small arrays and few rounds: about a minute")
    parser.add_argument(
        "--side",
        metavar="N",
        type=int,
        help="elements per side, a multiple of 16 (default: 256; --quick: 128)",
    )
    parser.add_argument(
        "--z5py-threads",
        metavar="N",
        type=int,
        default=machine.cpus(),
        help="threads of z5py (default: CPUs)",
    )
    return parser.parse_args(argv)


def run(chosen: argparse.Namespace) -> report.Result:
    """Measure the chosen rows and return the report."""
    from benchmarks.compare.bench import TINY_CHUNK, Bench
    from benchmarks.compare.measure import Pace
    from benchmarks.compare.peers import load_peers
    from benchmarks.compare.peers.peer import BLOSC
    from benchmarks.compare.rounds import about_peer, ask, chosen_rows
    from benchmarks.compare.rows import all_rows

    peers, missing = load_peers(chosen.z5py_threads)
    peers = [p for p in peers if p.name == report.SUBJECT or re.search(chosen.peers, p.name)]
    rows = chosen_rows(all_rows(), chosen.rows)
    if chosen.quick:
        side, n_tiny, n_appends, pace = 128, 1_000, 20, Pace(chosen.rounds or 3, 0.001, 0.05)
    else:
        side, n_tiny, n_appends, pace = 256, 10_000, 100, Pace(chosen.rounds or 5, 0.01, 0.4)
    side = chosen.side or side
    with machine.working_directory(chosen.root) as place:
        root = Path(place).resolve()
        about = machine.machine(root)
        bench = Bench(root, side, n_tiny, n_appends)
        blosc_nbytes = sum(map(len, bench.stored(bench.layout(64, BLOSC)).values.values()))
        results = ask(rows, peers, bench, pace)
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
            "rows": results,
        }
    )


def row_names() -> list[str]:
    from benchmarks.compare.rows import all_rows

    return [row.name for row in all_rows()]


def main(argv: list[str] | None = None) -> int:
    return options.answer(arguments(argv), row_names, run)


if __name__ == "__main__":
    sys.exit(main())
