"""What the comparisons are asked on the command line, and what they do with the answer."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

import report


def parser(about: str | None, quick: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all comparisons have.

    Parameters
    ----------
    about : the text above the options
    quick : what ``--quick`` means
    """
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help=quick)
    made.add_argument("--rows", metavar="PATTERN", default="", help="regular expression; see --list")
    made.add_argument("--list", action="store_true", help="print the names of the rows")
    made.add_argument("--peers", metavar="PATTERN", default="", help="regular expression; zarrcy always runs")
    made.add_argument(
        "--rounds", metavar="N", type=_positive, help="measurements of each library (5; quick: 3)"
    )
    made.add_argument("--json", metavar="FILE", help="write all numbers there")
    made.add_argument("--merge", metavar="FILE", nargs="+", help="measure nothing, print these in one table")
    made.add_argument("--root", metavar="DIR", help="where files are written (/dev/shm where it exists)")
    return made


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def answer(
    chosen: argparse.Namespace,
    row_names: Callable[[], Iterable[str]],
    run: Callable[[argparse.Namespace], report.Result],
) -> int:
    """List, merge or measure, as was asked; return the exit status: 1 if a library failed."""
    if chosen.list:
        print("\n".join(row_names()))
        return 0
    result = report.merge([report.load(path) for path in chosen.merge]) if chosen.merge else run(chosen)
    if chosen.json:
        report.save(chosen.json, result)
    print(report.render(result))
    return 1 if report.failures(result) else 0
