"""Arguments, exit codes and the last word on errors of the console script."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from zarrcy import metadata
from zarrcy.cli.arguments import add_command, add_json, add_node
from zarrcy.cli.chunk_blocks import ChunkRule
from zarrcy.cli.convert import convert_place, print_conversion
from zarrcy.cli.copy import KEEP, CopyOptions, CopyReport, copy_place
from zarrcy.cli.failure import CommandError, one_line
from zarrcy.cli.import_netcdf import Report, import_file
from zarrcy.cli.info import consolidate, facts_of, facts_text, tree_lines
from zarrcy.cli.text import count, format_nbytes, format_ratio, format_shape, print_table, printable
from zarrcy.cli.verify import add_repair, add_verify
from zarrcy.errors import ZarrcyError
from zarrcy.types import Shape, ZarrFormat

__all__ = ["main"]

_EXIT_FAILED = 2
_EXIT_INTERRUPTED = 130
_EXIT_BROKEN_PIPE = 141

_VERSIONS = [format.ZARR_FORMAT for format in metadata.FORMATS]
_COMPRESSORS = ("blosc-lz4", "blosc-zstd", "zstd", "zlib", "none")
_LEVELS = {"blosc-lz4": range(10), "blosc-zstd": range(10), "zstd": range(1, 23), "zlib": range(10)}
_DEFAULT_LEVELS = {"blosc-lz4": 5, "blosc-zstd": 5, "zstd": 3, "zlib": 6}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the console script.

    Parameters
    ----------
    argv : arguments without the name of the script; those of the process by default

    Returns
    -------
    int : exit code: 0; 1 where `verify` found a problem; 2 where something is wrong that a user can put right
    """
    args = _parser().parse_args(argv)
    try:
        code: int | None = args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # whoever read our output has seen enough; the interpreter shall not complain at its end either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _EXIT_BROKEN_PIPE
    except (CommandError, ZarrcyError, OSError) as exc:
        _say(f"error: {one_line(exc)}")
        return _EXIT_FAILED
    except KeyboardInterrupt:
        _say("interrupted")
        return _EXIT_INTERRUPTED
    return code or 0


def _say(text: str) -> None:
    print(f"zarrcy: {printable(text)}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    from zarrcy import __version__

    parser = argparse.ArgumentParser(
        prog="zarrcy", description="Chunked, compressed arrays in the Zarr format."
    )
    parser.add_argument("--version", action="version", version=f"zarrcy {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_import(commands)
    _add_info(commands)
    _add_tree(commands)
    _add_copy(commands)
    _add_convert(commands)
    _add_consolidate(commands)
    add_verify(commands)
    add_repair(commands)
    return parser


# -- zarrcy import -------------------------------------------------------------------------------


def _add_import(commands: Any) -> None:
    parser = add_command(
        commands,
        "import",
        _run_import,
        "make a Zarr directory of a netCDF-4 or HDF5 file",
        ": each dataset becomes an array, with its attributes, its fill value and "
        "the names of its axes (in the attribute _ARRAY_DIMENSIONS).",
        epilog="What Zarr can't hold is left out, and named. JSON has no NaN and no infinity: in attributes "
        "they are written as the texts 'NaN', 'Infinity' and '-Infinity'.",
    )
    parser.add_argument("source", metavar="SRC.nc", help="the file")
    parser.add_argument("destination", metavar="DST.zarr", help="the directory that is made")
    parser.add_argument(
        "--chunks",
        type=_chunk_rule,
        default="auto",
        metavar="auto|same|AxBxC",
        help="auto: the chunks of the file where they are of 128 KiB to 16 MiB, else a guess (default); same: "
        "the chunks of the file, whatever their size; 120x37x49, for one: the chunks of all datasets that have "
        "as many axes, auto for the others",
    )
    parser.add_argument(
        "--compressor", choices=_COMPRESSORS, default=_COMPRESSORS[0], help="default: %(default)s"
    )
    parser.add_argument(
        "--level",
        type=int,
        metavar="N",
        help="of the compressor: 0-9 for Blosc and zlib, 1-22 for zstd; more is smaller and slower",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the store that is at DST.zarr")
    parser.add_argument("--quiet", action="store_true", help="print only what is left out, and errors")


def _chunk_rule(text: str) -> ChunkRule:
    if text in ("auto", "same"):
        return text
    lengths = text.split("x")
    if not all(length.isdecimal() and length.isascii() and int(length) > 0 for length in lengths):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither auto, nor same, nor lengths of 1 or more, as in 10x20"
        )
    return tuple(map(int, lengths))


def _compressor(name: str, level: int | None) -> Any:
    """Return the codec of a name.

    Raises
    ------
    CommandError : it has no such level
    """
    if name == "none":
        if level is not None:
            raise CommandError("--level is for a compressor, and there is none")
        return None
    levels = _LEVELS[name]
    level = _DEFAULT_LEVELS[name] if level is None else level
    if level not in levels:
        raise CommandError(f"--level {level}: {name} has the levels {levels.start} to {levels.stop - 1}")
    import numcodecs

    if name.startswith("blosc-"):
        return numcodecs.Blosc(
            cname=name.removeprefix("blosc-"), clevel=level, shuffle=numcodecs.Blosc.SHUFFLE
        )
    return numcodecs.Zstd(level=level) if name == "zstd" else numcodecs.Zlib(level=level)


def _run_import(args: argparse.Namespace) -> None:
    began = time.perf_counter()
    report = import_file(
        args.source,
        args.destination,
        chunks=args.chunks,
        compressor=_compressor(args.compressor, args.level),
        overwrite=args.overwrite,
        quiet=args.quiet,
        notify=_say,
    )
    if not args.quiet:
        _print_report(report, args.destination, time.perf_counter() - began)


def _print_report(report: Report, destination: str, seconds: float) -> None:
    rows = [
        (
            item.path,
            format_shape(item.shape),
            format_shape(item.chunks),
            item.dtype,
            format_nbytes(item.nbytes),
            format_nbytes(item.nbytes_stored),
            format_ratio(item.nbytes, item.nbytes_stored),
            f"{item.seconds:.2f}",
        )
        for item in report.imported
    ]
    headings = ("name", "shape", "chunks", "dtype", "size", "stored", "ratio", "seconds")
    if rows:
        print_table(headings, rows, left=4)
    nbytes = sum(item.nbytes for item in report.imported)
    stored = sum(item.nbytes_stored for item in report.imported)
    print(
        f"imported {count(len(rows), 'array')} into {printable(destination)}: {format_nbytes(nbytes)} stored in "
        f"{format_nbytes(stored)}, in {seconds:.2f} s"
    )
    if report.skipped:
        paths = ", ".join(printable(f"/{item.path}") for item in report.skipped)
        print(f"left out {count(len(report.skipped), 'object')}: {paths}")


# -- zarrcy copy ---------------------------------------------------------------------------------


def _add_copy(commands: Any) -> None:
    parser = add_command(
        commands,
        "copy",
        _run_copy,
        "copy an array or a whole hierarchy",
        " from any store to any other. Without options the values are copied "
        "as they are stored; with them, what has to be is encoded anew.",
        epilog="SRC and DST are directories, archives that end in .zip, N5 containers that end in .n5, paths in "
        "these, or URLs.",
    )
    parser.add_argument("source", metavar="SRC", help="what is copied")
    parser.add_argument("destination", metavar="DST", help="where the copy shall be")
    parser.add_argument(
        "--chunks",
        type=_chunk_rule,
        default="same",
        metavar="same|auto|AxBxC",
        help="same: those of SRC (default); auto: where they are not of 128 KiB to 16 MiB, a guess; 120x37x49, "
        "for one: for all arrays that have as many axes, auto for the others",
    )
    parser.add_argument(
        "--compressor",
        type=_compressor_with_level,
        default=KEEP,
        metavar="NAME[:LEVEL]",
        help=f"one of {', '.join(_COMPRESSORS)}; that of SRC by default",
    )
    parser.add_argument(
        "--zarr-format",
        type=_version,
        choices=_VERSIONS,
        help="that of SRC by default; 3 where --shards are given",
    )
    parser.add_argument(
        "--shards",
        type=_lengths,
        metavar="AxBxC",
        help="of arrays that have as many axes: lengths of a shard, a multiple of the chunks",
    )
    there = parser.add_mutually_exclusive_group()
    there.add_argument("--overwrite", action="store_true", help="delete first what is at DST")
    there.add_argument(
        "--if-exists",
        choices=("raise", "replace", "skip", "skip_initialized"),
        help="copy into what is at DST; where an array is already: give up, replace it, leave it, or replace it "
        "if it lacks chunks",
    )
    parser.add_argument("--dry-run", action="store_true", help="copy nothing, print what would be copied")


def _lengths(text: str) -> Shape:
    rule = _chunk_rule(text)
    if isinstance(rule, str):
        raise argparse.ArgumentTypeError(f"{text!r} are no lengths of 1 or more, as in 10x20")
    return rule


def _version(text: str) -> ZarrFormat:
    return int(text) if text.isdecimal() else text


def _compressor_with_level(text: str) -> Any:
    name, colon, level = text.partition(":")
    if name not in _COMPRESSORS or (colon and not (level.isascii() and level.isdecimal())):
        raise argparse.ArgumentTypeError(
            f"{text!r} is none of {', '.join(_COMPRESSORS)}, with a level as in zstd:9 or without"
        )
    try:
        return _compressor(name, int(level) if colon else None)
    except CommandError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _run_copy(args: argparse.Namespace) -> None:
    options = CopyOptions(
        chunks=args.chunks,
        compressor=args.compressor,
        format_number=args.zarr_format,
        shards=args.shards,
        overwrite=args.overwrite,
        if_exists=args.if_exists,
        dry_run=args.dry_run,
    )
    report = copy_place(args.source, args.destination, options)
    if args.dry_run:
        print("\n".join(map(printable, report.lines)))
        return
    _print_copied(report, args.destination)


def _print_copied(report: CopyReport, destination: str) -> None:
    rows = [
        (
            path,
            format_shape(shape),
            format_shape(chunks),
            "-" if shards is None else format_shape(shards),
            dtype,
            format_nbytes(nbytes),
            "-" if stored < 0 else format_nbytes(stored),
            format_ratio(nbytes, stored),
        )
        for path, shape, chunks, shards, dtype, nbytes, stored in report.arrays
    ]
    if rows:
        print_table(("name", "shape", "chunks", "shards", "dtype", "size", "stored", "ratio"), rows, left=5)
    skipped = f", left {count(report.n_skipped, 'object')} as they were" if report.n_skipped else ""
    nbytes = sum(row[5] for row in report.arrays)
    print(
        f"copied {count(len(rows), 'array')} to {printable(destination)}: {format_nbytes(nbytes)}{skipped}, in "
        f"{report.seconds:.2f} s"
    )


# -- zarrcy convert ------------------------------------------------------------------------------


def _add_convert(commands: Any) -> None:
    parser = add_command(
        commands,
        "convert",
        _run_convert,
        "convert an array or a whole hierarchy to another version of the Zarr format",
        ". Without DST only metadata are written, beside those that are there; "
        "chunks stay as they are, and where one can't, nothing is done. With DST chunks are copied as they are "
        "stored where the format has words for them, and encoded anew where it has not; SRC stays as it is.",
        epilog="SRC is a directory, an archive that ends in .zip, an N5 container that ends in .n5, a path in these, "
        "or a URL; DST is a place where nothing is.",
    )
    parser.add_argument("source", metavar="SRC", help="what is converted")
    parser.add_argument(
        "destination", metavar="DST", nargs="?", help="where it shall be; in its place by default"
    )
    parser.add_argument(
        "--zarr-format", type=_version, choices=_VERSIONS, default=3, help="default: %(default)s"
    )
    parser.add_argument(
        "--remove-old",
        action="store_true",
        help="delete the metadata of the old format in SRC, when those of the new one are there. They stay by "
        "default, for readers that know no other; but those do not see what is changed later",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="delete first what is at DST; without DST, replace metadata of the new format that differ",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="write nothing, print what would become of each array"
    )


def _run_convert(args: argparse.Namespace) -> None:
    if args.remove_old and args.destination is not None:
        raise CommandError("--remove-old is for a conversion in place; with DST, SRC stays as it is")
    conversion = convert_place(
        args.source, args.destination, args.zarr_format, args.remove_old, args.overwrite, args.dry_run
    )
    print_conversion(conversion, args.source, args.destination, args.dry_run)


# -- zarrcy consolidate --------------------------------------------------------------------------


def _add_consolidate(commands: Any) -> None:
    parser = add_command(
        commands,
        "consolidate",
        _run_consolidate,
        "write the metadata of a hierarchy into one document",
        ", with which zarrcy.open_consolidated finds all arrays by one read.",
    )
    parser.add_argument("path", metavar="PATH", help="the store: a directory, an archive or a URL")


def _run_consolidate(args: argparse.Namespace) -> None:
    n_nodes = consolidate(args.path)
    print(f"consolidated the metadata of {count(n_nodes, 'node')} in {printable(args.path)}")


# -- zarrcy info, zarrcy tree --------------------------------------------------------------------


def _add_info(commands: Any) -> None:
    parser = add_command(commands, "info", _run_info, "print the facts about an array or a group")
    add_node(parser, "an array or a group")
    add_json(parser, "as a JSON object")


def _run_info(args: argparse.Namespace) -> None:
    facts = facts_of(args.path)
    if args.json:
        print(json.dumps(facts, indent=2, allow_nan=False))
    else:
        print("\n".join(facts_text(facts)))


def _add_tree(commands: Any) -> None:
    parser = add_command(commands, "tree", _run_tree, "print groups and arrays as a tree")
    add_node(parser)
    parser.add_argument("--level", type=int, metavar="N", help="go N groups deep")


def _run_tree(args: argparse.Namespace) -> None:
    for line in tree_lines(args.path, sys.stdout.encoding or "utf-8", args.level):
        print(line)
