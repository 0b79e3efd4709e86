"""Run both comparisons with every installed library, and publish the results.

python -m benchmarks.compare.run                              everything: less than ten minutes on two idle CPUs
python -m benchmarks.compare.run --quick                      small arrays, few rounds: two minutes
python -m benchmarks.compare.run --docs docs/benchmarks.md    write the tables of the documentation too

zarr-python 2 and 3 cannot be installed in one environment. ``--zarr2-python``, or ZARRCY_ZARR2_PYTHON in the
environment, names an interpreter of the same Python version that has zarr-python 2. The numbers, a page with charts
and the charts are written to benchmarks/results.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.compare import publish, report

REPO = Path(__file__).resolve().parents[2]
# Name of the results -> module.
COMPARISONS = {"compare": "benchmarks.compare", "groups": "benchmarks.compare.groups"}


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small arrays and few rounds")
    parser.add_argument(
        "--rows",
        metavar="PATTERN",
        default="",
        help="rows on arrays whose name matches this regular expression",
    )
    parser.add_argument(
        "--root", metavar="DIR", help="directory for temporary files (default: /dev/shm if it exists)"
    )
    parser.add_argument(
        "--results",
        metavar="DIR",
        type=Path,
        default=REPO / "benchmarks" / "results",
        help="directory for the results (default: benchmarks/results)",
    )
    parser.add_argument(
        "--docs", metavar="FILE", type=Path, help="write the tables of the documentation to FILE"
    )
    parser.add_argument(
        "--zarr2-python",
        metavar="FILE",
        default=os.environ.get("ZARRCY_ZARR2_PYTHON"),
        help="interpreter that has zarr-python 2",
    )
    parser.add_argument(
        "--publish-only", action="store_true", help="measure nothing; publish the numbers of the last run"
    )
    return parser.parse_args(argv)


def measure(chosen: argparse.Namespace, script: str) -> bool:
    """Run one comparison in each interpreter and keep the numbers. Return False if a library failed."""
    flags = ["--quick"] if chosen.quick else []
    flags += ["--root", chosen.root] if chosen.root else []
    flags += ["--rows", chosen.rows] if chosen.rows and script == "compare" else []
    runs = [(sys.executable, "main", [])]
    if chosen.zarr2_python:
        runs.append((chosen.zarr2_python, "zarr2", ["--peers", "^zarr 2"]))
    good = True
    for python, name, extra in runs:
        path = _json(chosen, script, name)
        command = [python, "-m", COMPARISONS[script], *flags, *extra, "--json", str(path)]
        path.unlink(missing_ok=True)
        done = subprocess.run(command, check=False, env=_environment())
        if not path.exists():
            raise SystemExit(f"{' '.join(command)} wrote no results (exit status {done.returncode})")
        good &= done.returncode == 0
    return good


def _json(chosen: argparse.Namespace, script: str, name: str) -> Path:
    path: Path = chosen.results / f"{script}-{name}.json"
    return path


def _environment() -> dict[str, str]:
    """Return an environment in which the other interpreter imports the same zarrcy and these modules.

    The compiled kernels work in every environment of one Python version.
    """
    import zarrcy

    source = os.pathsep.join([str(Path(zarrcy.__file__).parent.parent), str(REPO)])
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
    }


def main(argv: list[str] | None = None) -> int:
    chosen = arguments(argv)
    start = time.perf_counter()
    chosen.results.mkdir(parents=True, exist_ok=True)
    good = True
    results = []
    for script in COMPARISONS:
        if not chosen.publish_only:
            good &= measure(chosen, script)
        paths = [path for name in ("main", "zarr2") if (path := _json(chosen, script, name)).exists()]
        results.append(report.merge([report.load(str(path)) for path in paths]))
    print(f"{publish.write(results, chosen.results)}: made in {time.perf_counter() - start:.0f} s")
    if chosen.docs:
        publish.write_document(results, chosen.docs, "make bench")
        print(chosen.docs)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
