"""``zarrcy convert``: convert a hierarchy to another version of the Zarr format, and report on each array."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from zarrcy.api.convert import Conversion, convert
from zarrcy.cli.arguments import add_zarr_format
from zarrcy.cli.errors import CommandError
from zarrcy.cli.locations import drop_outdated, open_location, split_location
from zarrcy.cli.text import count, format_nbytes, format_shape, print_table, printable
from zarrcy.errors import PathNotFoundError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the description and the arguments of ``zarrcy convert``."""
    parser.description = (
        "Convert an array or a whole hierarchy to another version of the Zarr format. Without DST, only metadata "
        "documents are written, next to the existing ones, and chunks stay as they are; if a chunk would have to be "
        "re-encoded, nothing is changed. With DST, chunks are copied as stored if the format can describe their "
        "encoding, and re-encoded otherwise; SRC is not changed."
    )
    parser.epilog = (
        "SRC is a directory, an archive with a name that ends in .zip, an N5 container with a name that ends in .n5, "
        "a path inside one of these, or a URL. DST must be empty unless --overwrite is given."
    )
    parser.add_argument("source", metavar="SRC", help="array or hierarchy to convert")
    parser.add_argument(
        "destination", metavar="DST", nargs="?", help="destination; converts in place if omitted"
    )
    add_zarr_format(parser, "version to convert to; default: %(default)s", default=3)
    parser.add_argument(
        "--remove-old",
        action="store_true",
        help="delete the metadata of the old format from SRC after those of the new format are written. By default "
        "they stay for programs that read only the old format; such programs do not see later changes",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the contents of DST when the conversion is complete: the store of DST needs room for both; "
        "without DST, replace existing metadata of the new format",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="change nothing; print what would happen to each array"
    )


def run(args: argparse.Namespace) -> None:
    """Convert a hierarchy, and print what happened to each array."""
    if args.remove_old and args.destination is not None:
        raise CommandError("--remove-old applies to a conversion in place; omit DST or --remove-old")
    conversion = _convert(args)
    if conversion.source_format is None:
        print(f"{printable(args.source)} is already in Zarr format {conversion.zarr_format} and in no other")
        return
    _print_arrays(conversion)
    if args.dry_run:
        _check_dry_run(conversion, args.destination)
    print("\n".join(_summary(conversion, args)))


def _convert(args: argparse.Namespace) -> Conversion:
    mode = "r+" if args.destination is None and not args.dry_run else "r"
    with open_location(args.source, mode) as source:
        if args.destination is not None and split_location(args.destination)[1]:
            raise CommandError(f"{args.destination} is a path inside an archive; name the archive itself")
        if not args.dry_run:
            drop_outdated(args.source if args.destination is None else args.destination)
        try:
            return convert(
                source.store,
                args.destination,
                zarr_format=args.zarr_format,
                path=source.path,
                remove_old=args.remove_old,
                overwrite=args.overwrite,
                dry_run=args.dry_run,
            )
        except PathNotFoundError as exc:
            raise CommandError(f"{args.source} is neither an array nor a group") from exc


def _print_arrays(conversion: Conversion) -> None:
    rows = [
        (
            node.path or "/",
            format_shape(node.array.shape),
            str(node.array.dtype),
            format_nbytes(node.array.nbytes),
            node.how,
            node.why,
        )
        for node in conversion.arrays
        if node.array is not None
    ]
    if rows:
        headings = ("name", "shape", "dtype", "size", "chunks", "because")
        print_table(headings, rows, left=len(headings))


def _summary(conversion: Conversion, args: argparse.Namespace) -> Iterator[str]:
    n_arrays = len(conversion.arrays)
    n_groups = len(conversion.nodes) - n_arrays
    old, new = conversion.source_format, conversion.zarr_format
    if conversion.nodes:
        verb = "would convert" if args.dry_run else "converted"
        nodes = f"{count(n_arrays, 'array')} and {count(n_groups, 'group')}"
        where = "in place" if args.destination is None else f"into {printable(args.destination)}"
        yield f"{verb} {nodes} from Zarr format {old} to {new}, {where}"
    else:
        yield f"{printable(args.source)} was already converted to Zarr format {new}"
    if conversion.removed:
        verb = "would delete" if args.dry_run else "deleted"
        yield f"{verb} {count(len(conversion.removed), 'document')} of Zarr format {old}"
    elif args.destination is None:
        yield (
            f"the metadata of Zarr format {old} are still there and will not show later changes; "
            "--remove-old deletes them"
        )


def _check_dry_run(conversion: Conversion, destination: str | None) -> None:
    """Raise CommandError if the conversion would fail."""
    impossible = [node.path or "/" for node in conversion.nodes if node.how == "impossible"]
    if impossible:
        raise CommandError(f"{count(len(impossible), 'object')} cannot be converted: {', '.join(impossible)}")
    n_changed = sum(node.how != "as stored" for node in conversion.nodes)
    if destination is None and n_changed:
        raise CommandError(
            f"the chunks of {count(n_changed, 'array')} must be re-encoded, which needs a destination; give DST"
        )
