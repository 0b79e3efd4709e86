"""Convert what is at a place to another version of the format, and tell what becomes of each array."""

from __future__ import annotations

from collections.abc import Iterator

from zarrcy.api.convert import Conversion, convert
from zarrcy.cli.failure import CommandError
from zarrcy.cli.locations import opened_place, split_place
from zarrcy.cli.text import count, format_nbytes, format_shape, print_table, printable
from zarrcy.errors import PathNotFoundError
from zarrcy.types import ZarrFormat

__all__ = ["convert_place", "print_conversion"]


def convert_place(
    source: str,
    destination: str | None,
    zarr_format: ZarrFormat = 3,
    remove_old: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
) -> Conversion:
    """Convert what is at one place, there or into another. See `zarrcy.convert`.

    Raises
    ------
    CommandError : there is nothing to convert
    ConversionError : it can't be converted, or something is in the way
    """
    mode = "r+" if destination is None and not dry_run else "r"
    with opened_place(source, mode) as giver:
        if destination is not None and split_place(destination)[1]:
            raise CommandError(f"{destination} is a place in an archive; name the archive itself")
        try:
            return convert(
                giver.store,
                destination,
                zarr_format=zarr_format,
                path=giver.path,
                remove_old=remove_old,
                overwrite=overwrite,
                dry_run=dry_run,
            )
        except PathNotFoundError as exc:
            raise CommandError(f"{source} is neither an array nor a group") from exc


def print_conversion(conversion: Conversion, source: str, destination: str | None, dry_run: bool) -> None:
    """Print what became of each array, and of the whole.

    Raises
    ------
    CommandError : in a dry run, not everything can be converted like that
    """
    if conversion.source_format is None:
        print(f"{printable(source)} is of Zarr format {conversion.zarr_format} already, and of no other")
        return
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
    if dry_run:
        _tell_what_fails(conversion, destination)
    print("\n".join(_words(conversion, source, destination, dry_run)))


def _words(conversion: Conversion, source: str, destination: str | None, dry_run: bool) -> Iterator[str]:
    n_arrays = len(conversion.arrays)
    n_groups = len(conversion.nodes) - n_arrays
    old, new = conversion.source_format, conversion.zarr_format
    would = "would convert" if dry_run else "converted"
    into = "in its place" if destination is None else f"into {printable(destination)}"
    if conversion.nodes:
        what = f"{count(n_arrays, 'array')} and {count(n_groups, 'group')}"
        yield f"{would} {what} from Zarr format {old} to {new}, {into}"
    else:
        yield f"{printable(source)} was converted to Zarr format {new} already"
    if conversion.removed:
        removed = count(len(conversion.removed), "document")
        yield f"{'would delete' if dry_run else 'deleted'} {removed} of Zarr format {old}"
    elif destination is None:
        yield f"the metadata of Zarr format {old} stay too, and will not see later changes; --remove-old deletes them"


def _tell_what_fails(conversion: Conversion, destination: str | None) -> None:
    lost = [node.path or "/" for node in conversion.nodes if node.how == "impossible"]
    if lost:
        raise CommandError(f"{count(len(lost), 'object')} can't be converted: {', '.join(lost)}")
    moving = [node.path or "/" for node in conversion.nodes if node.how != "as stored"]
    if destination is None and moving:
        raise CommandError(
            f"the chunks of {count(len(moving), 'array')} can't stay as they are: give a destination"
        )
