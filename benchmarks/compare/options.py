"""Command-line options that both comparisons have, and the actions that they select."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

from benchmarks.compare import report


def parser(about: str | None, quick: str) -> argparse.ArgumentParser:
    """Return a parser with the common options.

    Parameters
    ----------
    about : str
        Text above the options.
    quick : str
        Meaning of ``--quick``.
    """
    options = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help=quick)
    options.add_argument(
        "--rows",
        metavar="PATTERN",
        default="",
        help="rows whose name matches this regular expression; see --list",
    )
    options.add_argument("--list", action="store_true", help="print the names of the rows")
    options.add_argument(
        "--peers", metavar="PATTERN", default="", help="libraries whose name matches; zarrcy always runs"
    )
    options.add_argument(
        "--rounds", metavar="N", type=_positive, help="measurements of each library (default: 5; --quick: 3)"
    )
    options.add_argument("--json", metavar="FILE", help="write all numbers to FILE")
    options.add_argument(
        "--merge", metavar="FILE", nargs="+", help="measure nothing; print one table from these results"
    )
    options.add_argument("--root", metavar="DIR", help="directory for files (default: /dev/shm if it exists)")
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def answer(
    chosen: argparse.Namespace,
    row_names: Callable[[], Iterable[str]],
    run: Callable[[argparse.Namespace], report.Result],
) -> int:
    """List, merge or measure, as the options say. Return the exit status: 1 if a library failed."""
    if chosen.list:
        print("\n".join(row_names()))
        return 0
    result = report.merge([report.load(path) for path in chosen.merge]) if chosen.merge else run(chosen)
    if chosen.json:
        report.save(chosen.json, result)
    print(report.render(result))
    return 1 if report.failures(result) else 0
