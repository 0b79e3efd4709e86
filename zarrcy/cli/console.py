"""The command line: find the command, parse its arguments, run it, and turn errors into exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from zarrcy.cli.errors import EXIT_PARTLY, CommandError, one_line
from zarrcy.cli.text import print_message
from zarrcy.errors import PartlyDoneError, ZarrcyError

__all__ = ["main"]

_EXIT_FAILED = 2
_EXIT_INTERRUPTED = 130
_EXIT_BROKEN_PIPE = 141


class _CommandModule(Protocol):
    """What a module of a command has."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the description and the arguments of the command to its parser."""

    def run(self, args: argparse.Namespace) -> int | None:
        """Run the command; return its exit code, or None for 0."""


class _Command(NamedTuple):
    module: str
    summary: str


_COMMANDS = {
    "import": _Command("zarrcy.cli.import_netcdf", "create a Zarr store from netCDF or HDF5 files"),
    "export": _Command("zarrcy.cli.export_netcdf", "write a group or an array to a netCDF-4 file"),
    "info": _Command("zarrcy.cli.info", "print the properties of an array or a group"),
    "tree": _Command("zarrcy.cli.tree", "print groups and arrays as a tree"),
    "copy": _Command("zarrcy.cli.copy", "copy an array or a whole hierarchy"),
    "convert": _Command(
        "zarrcy.cli.convert", "convert an array or a whole hierarchy to another Zarr format version"
    ),
    "consolidate": _Command(
        "zarrcy.cli.consolidate", "write the metadata of a whole hierarchy into one document"
    ),
    "verify": _Command("zarrcy.cli.verify", "read everything that is stored and report problems"),
    "repair": _Command(
        "zarrcy.cli.repair", "remove leftovers of killed writers; on request, move damaged chunks aside"
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the console script.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the name of the script. By default those of the process.

    Returns
    -------
    int
        Exit code: 0 for success, 1 if ``verify`` found a problem, 2 for an error that the user can correct, 3 if
        everything was done except what the command names: objects of a file that were left out, or places without
        permission.
    """
    argv = sys.argv[1:] if argv is None else argv
    args = _parser(argv).parse_args(argv)
    try:
        code: int | None = args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output is gone. The interpreter must not report that again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _EXIT_BROKEN_PIPE
    except PartlyDoneError as exc:
        print_message(one_line(exc))
        return EXIT_PARTLY
    except (CommandError, ZarrcyError, OSError) as exc:
        print_message(f"error: {one_line(exc)}")
        return _EXIT_FAILED
    except KeyboardInterrupt:
        print_message("interrupted")
        return _EXIT_INTERRUPTED
    return code or 0


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser; only the command that the command line names has its arguments."""
    from zarrcy import __version__

    parser = argparse.ArgumentParser(
        prog="zarrcy", description="Work with chunked, compressed arrays in the Zarr formats."
    )
    parser.add_argument("--version", action="version", version=f"zarrcy {__version__}")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    requested = next((argument for argument in argv if not argument.startswith("-")), None)
    for name, command in _COMMANDS.items():
        subparser = subparsers.add_parser(name, help=command.summary)
        if name == requested:
            module = cast(_CommandModule, import_module(command.module))
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser
