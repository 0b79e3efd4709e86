"""What the commands of the console script have in common: how one is added, and arguments that several have."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

PLACE = "a directory, an archive, a path in one, or a URL"


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    about: str,
    more: str = ".",
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    """Add a command, and return the parser that its arguments are added to.

    Parameters
    ----------
    commands : what `ArgumentParser.add_subparsers` returned
    run : is called with the arguments; returns the exit code, None for 0
    about : a line in the list of the commands, with which the description begins
    more : the rest of the description
    epilog : what stands below the arguments
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=f"{about.capitalize()}{more}", epilog=epilog
    )
    parser.set_defaults(run=run)
    return parser


def add_node(parser: argparse.ArgumentParser, kinds: str = "a group or an array") -> None:
    """Add the path of an array or a group."""
    parser.add_argument("path", metavar="PATH", help=f"{kinds}: {PLACE}")


def add_json(parser: argparse.ArgumentParser, about: str) -> None:
    """Add the choice of JSON in the place of text."""
    parser.add_argument("--json", action="store_true", help=about)
