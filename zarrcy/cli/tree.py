"""``zarrcy tree``: print the groups and arrays below a group."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

from zarrcy.cli.arguments import add_location
from zarrcy.cli.errors import one_line
from zarrcy.cli.locations import local_path, open_location, require_kind
from zarrcy.cli.text import printable
from zarrcy.errors import MetadataError
from zarrcy.hierarchy.creation import open_array
from zarrcy.hierarchy.node import Node
from zarrcy.storage.local.directory import DirectoryStore

__all__ = ["add_arguments", "nodes_below", "run", "tree_lines"]


class _Branches(NamedTuple):
    """Strings that draw the branches of a tree."""

    fork: str
    bar: str
    corner: str
    blank: str


_BRANCHES = _Branches("├── ", "│   ", "└── ", "    ")
_ASCII_BRANCHES = _Branches("|-- ", "|   ", "`-- ", "    ")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the description and the arguments of ``zarrcy tree``."""
    parser.description = "Print groups and arrays as a tree, with the shape and the data type of each array."
    add_location(parser)
    parser.add_argument("--level", type=int, metavar="N", help="number of levels to print; default: all")


def run(args: argparse.Namespace) -> None:
    """Print a tree."""
    for line in tree_lines(args.path, sys.stdout.encoding or "utf-8", args.level):
        print(line)


def tree_lines(location: str, encoding: str = "utf-8", level: int | None = None) -> Iterator[str]:
    """Iterate over the lines of a tree: one line per node, the members of a group below the group.

    Unlike `zarrcy.tree`, which opens every node that it draws, this function prints damaged metadata as a note and
    continues, and it does not follow a symbolic link back to a parent group.

    Parameters
    ----------
    location : str
        Location of an array or a group.
    encoding : str, default "utf-8"
        Encoding of the output. Box-drawing characters are used if it has them, ASCII characters otherwise.
    level : int, optional
        Number of levels below the group; all by default.

    Raises
    ------
    CommandError
        If the location contains neither an array nor a group.
    """
    with open_location(location) as node:
        local = local_path(location)
        # a symbolic link is shown under its own name, not under that of its target
        name = printable(
            os.path.basename(location.rstrip("/") if local is None else os.path.abspath(location))
        )
        if require_kind(node, location) == "array":
            yield f"{name} {_array_text(node)}"
            return
        try:
            "".join(_BRANCHES).encode(encoding)
            branches = _BRANCHES
        except UnicodeEncodeError:
            branches = _ASCII_BRANCHES
        yield name
        yield from _lines_below(node, "", branches, {_identity(node)}, level)


def _lines_below(
    node: Node, indent: str, branches: _Branches, parents: set[str], level: int | None
) -> Iterator[str]:
    if level is not None and level <= 0:
        return
    members = list(node.members(past_denied=True))
    for number, (name, kind) in enumerate(members, 1):
        is_last = number == len(members)
        lead = indent + (branches.corner if is_last else branches.fork)
        child = node.at(node.prefix + name)
        if kind == "array":
            yield f"{lead}{printable(name)} {_array_text(child)}"
        elif _identity(child) in parents:
            yield f"{lead}{printable(name)} (a link back to a parent group)"
        else:
            yield f"{lead}{printable(name)}"
            child_indent = indent + (branches.blank if is_last else branches.bar)
            child_level = None if level is None else level - 1
            yield from _lines_below(child, child_indent, branches, {*parents, _identity(child)}, child_level)


def nodes_below(node: Node, parents: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """Iterate over the path and kind of all nodes below a group, except links back to a parent group."""
    parents = parents | {_identity(node)}
    for name, kind in node.members(past_denied=True):
        child = node.at(node.prefix + name)
        if kind == "array":
            yield child.path, kind
        elif _identity(child) not in parents:
            yield child.path, kind
            yield from nodes_below(child, parents)


def _identity(node: Node) -> str:
    """Return a text that is equal for two paths to the same group."""
    if isinstance(node.store, DirectoryStore):
        return os.path.realpath(node.store.dir_path(node.path))
    return node.path


def _array_text(node: Node) -> str:
    """Return the shape and data type of an array, or the reason why its metadata cannot be used."""
    try:
        array = open_array(node.store, mode="r", path=node.path)
    except MetadataError as exc:
        return f"({printable(one_line(exc))})"
    return f"{array.shape} {printable(str(array.dtype))}"
