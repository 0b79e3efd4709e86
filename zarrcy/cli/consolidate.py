"""``zarrcy consolidate``: write the metadata of a whole hierarchy into one document."""

from __future__ import annotations

import argparse

from zarrcy.api.consolidate import consolidate_metadata
from zarrcy.cli.errors import CommandError
from zarrcy.cli.locations import open_location, require_kind
from zarrcy.cli.text import count, printable
from zarrcy.cli.tree import nodes_below
from zarrcy.metadata import keeps_one_document

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the description and the arguments of ``zarrcy consolidate``."""
    parser.description = (
        "Write the metadata of a whole hierarchy into one document. zarrcy.open_consolidated opens the hierarchy "
        "with one read of this document."
    )
    parser.add_argument("path", metavar="PATH", help="the store: a directory, an archive or a URL")


def run(args: argparse.Namespace) -> None:
    """Consolidate the metadata of a hierarchy, and print the number of nodes."""
    n_nodes = _consolidate(args.path)
    print(f"consolidated the metadata of {count(n_nodes, 'node')} in {printable(args.path)}")


def _consolidate(location: str) -> int:
    with open_location(location, "r+") as node:
        is_array = require_kind(node, location) == "array"
        if is_array or (node.path and not keeps_one_document(node.format)):
            raise CommandError(
                f"{location} is not the root group of a store; consolidate the root group instead"
            )
        consolidate_metadata(node.store, path=node.path)
        return 1 + sum(1 for _ in nodes_below(node))
