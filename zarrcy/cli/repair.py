"""``zarrcy repair``: remove leftovers of killed writers and, on request, move damaged chunks aside."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from zarrcy.api.repair import Repair, repair
from zarrcy.cli.arguments import add_json, add_location
from zarrcy.cli.locations import open_location
from zarrcy.cli.text import count, printable

__all__ = ["add_arguments", "run"]

# Action -> text after the repair, text in a dry run.
_ACTIONS = {
    "remove": ("removed", "would be removed"),
    "restore": ("restored as {}", "would be restored as {}"),
    "move": ("moved to {}", "would be moved to {}"),
    "rewrite": (
        "rewritten without its damaged chunks; the original is now {}",
        "would be rewritten without its damaged chunks; the original would be {}",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the description and the arguments of ``zarrcy repair``."""
    parser.description = (
        "Remove temporary files of killed writers, and restore directories that they had begun to delete. With "
        "--quarantine, also move damaged chunks aside. No data are deleted."
    )
    parser.epilog = (
        "Chunks that are moved aside get keys below __quarantine__/ in the same store; the array then reads as fill "
        "value there. No other process may write meanwhile. If only leftovers are removed, --older-than protects the "
        "files of active writers."
    )
    add_location(parser)
    parser.add_argument(
        "--quarantine",
        action="store_true",
        help="read everything, and move chunks aside that cannot be decoded or that lie outside their array",
    )
    parser.add_argument("--dry-run", action="store_true", help="change nothing; print what would be done")
    parser.add_argument(
        "--older-than",
        type=float,
        default=0,
        metavar="SECONDS",
        help="keep leftovers that were changed within the last SECONDS seconds; default: %(default)s",
    )
    add_json(parser, "list")


def run(args: argparse.Namespace) -> None:
    """Repair a hierarchy, and print each key that was changed."""
    with open_location(args.path, "r" if args.dry_run else "r+") as node:
        repairs = repair(
            node.store,
            node.path,
            quarantine=args.quarantine,
            dry_run=args.dry_run,
            older_than=args.older_than,
            progress=True,
        )
    if args.json:
        print(json.dumps([asdict(item) for item in repairs], indent=2))
        return
    for item in repairs:
        print(f"{printable(item.key)}: {_action_text(item, args.dry_run)}")
    verb = "would be repaired" if args.dry_run else "repaired"
    print(f"{count(len(repairs), 'key')} {verb} in {printable(args.path)}")


def _action_text(item: Repair, dry_run: bool) -> str:
    return _ACTIONS[item.action][int(dry_run)].format(printable(item.target or "the root"))
