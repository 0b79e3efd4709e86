"""``zarrcy verify`` and ``zarrcy repair``: what is wrong in a store, and what can be done about it."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from typing import Any

from zarrcy.api.repair import Repair, repair
from zarrcy.api.verify import verify
from zarrcy.cli.arguments import add_command, add_json, add_node
from zarrcy.cli.failure import CommandError
from zarrcy.cli.locations import opened_place
from zarrcy.cli.text import format_nbytes, print_table, printable
from zarrcy.hierarchy.verification import Report

__all__ = ["add_repair", "add_verify"]

_EXIT_PROBLEMS = 1
_MOST_ROWS = 200
_DONE = {
    "remove": ("removed", "would be removed"),
    "move": ("moved to {}", "would be moved to {}"),
    "rewrite": ("freed of damaged chunks; as it was: {}", "would be freed of damaged chunks; as it was: {}"),
}


def add_verify(commands: Any) -> None:
    parser = add_command(
        commands,
        "verify",
        _run_verify,
        "read all that is stored, and print what is wrong",
        ": metadata, keys that belong to nothing, and every chunk, which is read, "
        "compared with its checksum where it has one, and decoded. Nothing is changed.",
        epilog="The exit code is 0 if nothing is wrong, 1 if something is, and 2 if PATH can't be read.",
    )
    add_node(parser)
    add_json(parser, "print a JSON object")


def _run_verify(args: argparse.Namespace) -> int:
    with opened_place(args.path) as node:
        report = verify(node.store, node.path, progress=True)
    if not report.arrays and not report.n_groups and "metadata" not in {p.kind for p in report.problems}:
        raise CommandError(f"{args.path} holds neither an array nor a group: there is nothing to verify")
    if args.json:
        print(json.dumps(report.asdict(), indent=2, allow_nan=False))
    else:
        _print_report(report, args.path)
    return 0 if report.ok else _EXIT_PROBLEMS


def _print_report(report: Report, place: str) -> None:
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
    problems = report.problems[:_MOST_ROWS]
    if problems:
        print_table(("problem", "key", "what is wrong"), [(p.kind, p.key, p.text) for p in problems], left=3)
    if len(problems) < len(report.problems):
        print(f"... and {len(report.problems) - len(problems)} more; --json prints all")
    counts = Counter(problem.kind for problem in report.problems)
    found = ", ".join(f"{kind}: {n}" for kind, n in sorted(counts.items())) or "nothing is wrong"
    print(f"verified {printable(place)} in {report.seconds:.2f} s; {found}")


def add_repair(commands: Any) -> None:
    parser = add_command(
        commands,
        "repair",
        _run_repair,
        "remove what killed writers left, and move damaged chunks aside on request",
        ". No data are deleted.",
        epilog="What is moved aside has keys below __quarantine__/ in the store, and reads as fill value in its "
        "old place. Nobody may write meanwhile; where only leftovers are removed, --older-than spares what live "
        "writers are at.",
    )
    add_node(parser)
    parser.add_argument(
        "--quarantine",
        action="store_true",
        help="read everything, and move chunks aside that do not decode or lie outside their array",
    )
    parser.add_argument("--dry-run", action="store_true", help="change nothing, print what would be done")
    parser.add_argument(
        "--older-than",
        type=float,
        default=0,
        metavar="SECONDS",
        help="leave leftovers that were changed since then; default: %(default)s",
    )
    add_json(parser, "print a JSON list")


def _run_repair(args: argparse.Namespace) -> None:
    with opened_place(args.path, "r" if args.dry_run else "r+") as node:
        done = repair(
            node.store,
            node.path,
            quarantine=args.quarantine,
            dry_run=args.dry_run,
            older_than=args.older_than,
            progress=True,
        )
    if args.json:
        print(json.dumps([asdict(item) for item in done], indent=2))
        return
    for item in done:
        print(f"{printable(item.key)}: {_done_text(item, args.dry_run)}")
    print(f"{len(done)} of the keys in {printable(args.path)} {'need' if args.dry_run else 'needed'} repair")


def _done_text(item: Repair, dry_run: bool) -> str:
    return _DONE[item.action][int(dry_run)].format(printable(item.target or ""))
