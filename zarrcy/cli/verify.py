"""``zarrcy verify``: read everything that is stored, and report problems."""

from __future__ import annotations

import argparse
import json
from collections import Counter

from zarrcy.api.verify import verify
from zarrcy.cli.arguments import add_json, add_location
from zarrcy.cli.errors import EXIT_PARTLY, CommandError
from zarrcy.cli.locations import open_location
from zarrcy.cli.text import format_nbytes, print_table, printable
from zarrcy.hierarchy.verification import Report

__all__ = ["add_arguments", "run"]

_EXIT_PROBLEMS = 1
_MAX_ROWS = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the description and the arguments of ``zarrcy verify``."""
    parser.description = (
        "Read everything that is stored, and report problems: unusable metadata, keys that belong to no node, and "
        "chunks that cannot be read, that do not match their checksum or that cannot be decoded. Nothing is changed."
    )
    parser.epilog = (
        "The exit code is 0 without problems, 1 with problems, 2 if PATH cannot be read, and 3 if everything is right "
        "except what could not be looked into or decoded here."
    )
    add_location(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Verify a hierarchy, print the report, and return the exit code."""
    with open_location(args.path) as node:
        report = verify(node.store, node.path, progress=True)
    if (
        not report.arrays
        and not report.n_groups
        and {"metadata", "unfinished"}.isdisjoint(p.kind for p in report.problems)
    ):
        raise CommandError(
            f"{args.path} contains neither an array nor a group, so there is nothing to verify"
        )
    if args.json:
        print(json.dumps(report.asdict(), indent=2, allow_nan=False))
    else:
        _print_report(report, args.path)
    if report.ok:
        return 0
    return EXIT_PARTLY if {problem.kind for problem in report.problems} == {"unchecked"} else _EXIT_PROBLEMS


def _print_report(report: Report, location: str) -> None:
    rows = [
        (
            f"/{array.path}",
            f"{array.n_values} of {array.n_possible}",
            str(array.n_chunks),
            format_nbytes(array.nbytes),
            str(array.n_bad),
        )
        for array in report.arrays
    ]
    if rows:
        print_table(("name", "stored", "chunks", "size", "bad"), rows)
    problems = report.problems[:_MAX_ROWS]
    if problems:
        print_table(("problem", "key", "description"), [(p.kind, p.key, p.text) for p in problems], left=3)
    if len(problems) < len(report.problems):
        print(f"... and {len(report.problems) - len(problems)} more; --json prints all")
    counts = Counter(problem.kind for problem in report.problems)
    summary = ", ".join(f"{kind}: {n}" for kind, n in sorted(counts.items())) or "no problems"
    print(f"verified {printable(location)} in {report.seconds:.2f} s; {summary}")
