"""``zarrcy copy``: copy an array or a whole hierarchy to another location, as stored or re-encoded."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from zarrcy import metadata
from zarrcy.api.copy import copy, copy_store, create_kwargs_like, described, original_path
from zarrcy.api.open import open as open_node
from zarrcy.cli.arguments import COMPRESSORS, add_zarr_format, chunk_rule, compressor_with_level, lengths
from zarrcy.cli.chunk_blocks import ChunkRule, choose_chunks
from zarrcy.cli.errors import CommandError, one_line
from zarrcy.cli.locations import drop_outdated, local_path, open_location, require_kind, split_location
from zarrcy.cli.text import count, format_nbytes, format_ratio, format_shape, print_table, printable
from zarrcy.errors import CopyError, ZarrcyError
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import create
from zarrcy.hierarchy.groups import Group
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.replacement import can_swap, is_in_the_way, replaced
from zarrcy.hierarchy.unfinished import UnfinishedCopy, is_unfinished, marked_prefix
from zarrcy.metadata import keeps_one_document
from zarrcy.metadata.format import Format
from zarrcy.storage import access
from zarrcy.storage.listing import listdir
from zarrcy.storage.n5.store import N5Store
from zarrcy.types import JSON, Codec, Shape, ZarrFormat

__all__ = ["add_arguments", "run"]


# -- the command -----------------------------------------------------------------------------------


class _Keep(Enum):
    COMPRESSOR = "keep the compressor of the source"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOptions:
    """How a copy is made.

    Parameters
    ----------
    chunks : {"auto", "same"} or tuple of int
        See `zarrcy.cli.chunk_blocks.choose_chunks`; "same" keeps the chunks of the source.
    compressor : codec, None or `_Keep.COMPRESSOR`
        Compressor of the copy.
    zarr_format : int, str or None
        Version of the format; None keeps that of the source, or means 3 if `shards` is given.
    shards : tuple of int or None
        Shape of a shard, for arrays with as many axes. None keeps the shards of the source if they consist of whole
        chunks of the copy.
    overwrite : bool
        Delete the contents of the destination first.
    if_exists : str or None
        What to do if an object exists, see `zarrcy.copy`; None requires an empty destination.
    dry_run : bool
        Copy nothing; report what would be copied.
    """

    chunks: ChunkRule
    compressor: Codec | _Keep | None
    zarr_format: ZarrFormat | None
    shards: Shape | None
    overwrite: bool
    if_exists: str | None
    dry_run: bool

    @property
    def keeps_encoding(self) -> bool:
        return self.chunks == "same" and self.compressor is _Keep.COMPRESSOR and self.shards is None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the description and the arguments of ``zarrcy copy``."""
    parser.description = (
        "Copy an array or a whole hierarchy from any store to any other. Without options, values are copied as "
        "stored; with options, chunks are re-encoded where necessary."
    )
    parser.epilog = (
        "SRC and DST are directories, archives with a name that ends in .zip, N5 containers with a name that ends in "
        ".n5, paths inside these, or URLs."
    )
    parser.add_argument("source", metavar="SRC", help="array or hierarchy to copy")
    parser.add_argument("destination", metavar="DST", help="location of the copy")
    parser.add_argument(
        "--chunks",
        type=chunk_rule,
        default="same",
        metavar="same|auto|AxBxC",
        help="same: keep the chunks of SRC (default); auto: keep chunks of 128 KiB to 16 MiB, choose a shape "
        "otherwise; lengths such as 120x37x49: use them for arrays with as many axes, and auto for the others",
    )
    parser.add_argument(
        "--compressor",
        type=compressor_with_level,
        default=_Keep.COMPRESSOR,
        metavar="NAME[:LEVEL]",
        help=f"one of {', '.join(COMPRESSORS)}; default: the compressor of SRC",
    )
    add_zarr_format(parser, "format version of the copy; default: that of SRC, or 3 if --shards is given")
    parser.add_argument(
        "--shards",
        type=lengths,
        metavar="AxBxC",
        help="shape of a shard, for arrays with as many axes; each length is a multiple of the chunk length",
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the contents of DST when the copy is complete: the store of DST needs room for both. An object "
        "store or an N5 container is emptied first",
    )
    existing.add_argument(
        "--if-exists",
        choices=("raise", "replace", "skip", "skip_initialized"),
        help="copy into an existing DST; if an array exists there: stop, replace it, keep it, or replace it only if "
        "chunks are missing",
    )
    parser.add_argument("--dry-run", action="store_true", help="copy nothing; print what would be copied")


def run(args: argparse.Namespace) -> None:
    """Copy a hierarchy, and print a table of the new arrays."""
    options = CopyOptions(
        chunks=args.chunks,
        compressor=args.compressor,
        zarr_format=args.zarr_format,
        shards=args.shards,
        overwrite=args.overwrite,
        if_exists=args.if_exists,
        dry_run=args.dry_run,
    )
    report = _copy(args.source, args.destination, options)
    if args.dry_run:
        print("\n".join(map(printable, report.lines)))
        return
    _print_report(report, args.destination)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedArray:
    """An array that a copy made. Shapes are in elements, sizes in bytes; `nbytes_stored` is -1 if unknown."""

    path: str
    shape: Shape
    chunks: Shape
    shards: Shape | None
    dtype: str
    nbytes: int
    nbytes_stored: int


@dataclass(slots=True)
class CopyReport:
    """Result of a copy: the arrays, the number of existing objects that were kept, the lines of a dry run."""

    arrays: list[CopiedArray] = field(default_factory=list)
    n_skipped: int = 0
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0


def _print_report(report: CopyReport, destination: str) -> None:
    rows = [
        (
            array.path,
            format_shape(array.shape),
            format_shape(array.chunks),
            "-" if array.shards is None else format_shape(array.shards),
            array.dtype,
            format_nbytes(array.nbytes),
            "-" if array.nbytes_stored < 0 else format_nbytes(array.nbytes_stored),
            format_ratio(array.nbytes, array.nbytes_stored),
        )
        for array in report.arrays
    ]
    if rows:
        print_table(("name", "shape", "chunks", "shards", "dtype", "size", "stored", "ratio"), rows, left=5)
    skipped = f", kept {count(report.n_skipped, 'existing object')}" if report.n_skipped else ""
    nbytes = sum(array.nbytes for array in report.arrays)
    print(
        f"copied {count(len(rows), 'array')} to {printable(destination)}: {format_nbytes(nbytes)}{skipped}, in "
        f"{report.seconds:.2f} s"
    )


# -- copy ------------------------------------------------------------------------------------------


def _copy(source_location: str, destination: str, options: CopyOptions) -> CopyReport:
    """Copy the node at one location to another.

    Keys and values are copied unchanged if the options allow it. Otherwise arrays are copied one by one, and their
    chunks as stored if the copy encodes them in the same way.

    Raises
    ------
    CommandError
        If there is nothing to copy, or it cannot be copied to the destination.
    CopyError
        If an object exists there.
    """
    start = time.perf_counter()
    report = CopyReport()
    with open_location(source_location) as source:
        require_kind(source, source_location)
        _refuse_overlap(source, source_location, destination)
        number = _choose_format(destination, source, options).ZARR_FORMAT
        if options.dry_run and not _may_exist(destination):
            # opening an archive would create it, so use an empty mapping
            _copy_nodes(_Target(Node({}, zarr_format=number), source, options), destination, report)
            report.seconds = time.perf_counter() - start
            return report
        with open_location(destination, _open_mode(destination, options), at_once=True) as node:
            target = Node(node.store, node.path, zarr_format=number)
            if not options.dry_run:
                target.drop_outdated()
                drop_outdated(destination)
            if _is_replaced(node, destination, target.format, options):
                if not (can_swap(node) and can_swap(target)):
                    node.erase()
                paths = replaced(target, [], lambda at, _: _fill(at, source, destination, options, report))
            else:
                paths = _fill(target, source, destination, options, report)
            final = _Target(target, source, options)
            report.arrays = [_describe(path, final[path]) for path in paths]
    report.seconds = time.perf_counter() - start
    return report


def _fill(node: Node, source: Node, destination: str, options: CopyOptions, report: CopyReport) -> list[str]:
    """Copy a hierarchy to a node; return the paths of the arrays."""
    if _can_copy_keys(source, node, options):
        copy_store(source.store, node.store, source_path=source.path, dest_path=node.path)
        return list(_array_paths(node, ""))
    target = _Target(node, source, options)
    _copy_nodes(target, destination, report)
    return target.created


def _refuse_overlap(source: Node, source_location: str, destination: str) -> None:
    """Raise CommandError if the destination is the source, contains it, or is in it, whatever its spelling."""
    try:
        overlaps = is_in_the_way(source, *split_location(destination))
    except (ValueError, OSError):
        # the destination can't be read; the source can
        return
    if overlaps:
        raise CommandError(
            f"{destination} and {source_location} are the same location, or one contains the other; choose another "
            "destination"
        )


def _choose_format(destination: str, source: Node, options: CopyOptions) -> Format:
    """Return the format of a copy.

    Raises
    ------
    CommandError
        If the format cannot represent the requested options.
    """
    format = metadata.of_version(options.zarr_format)
    if format is None and options.shards is not None:
        format = metadata.v3
    if split_location(destination)[0].endswith(".n5"):
        if format not in (None, metadata.v2):
            raise CommandError(
                f"{destination}: an N5 container can contain only arrays of Zarr format 2 without shards"
            )
        return metadata.v2
    format = format or source.format
    if options.shards is not None and not keeps_one_document(format):
        raise CommandError("--shards needs Zarr format 3; give --zarr-format 3")
    return format


def _may_exist(destination: str) -> bool:
    path = local_path(split_location(destination)[0])
    return path is None or path.exists()


def _open_mode(destination: str, options: CopyOptions) -> str:
    if options.dry_run:
        return "r"
    store, path = split_location(destination)
    # an archive cannot delete members, but the whole archive can be replaced
    replaces_archive = options.overwrite and store.endswith(".zip") and not path and not os.path.isdir(store)
    return "w" if replaces_archive else "a"


def _is_replaced(node: Node, destination: str, format: Format, options: CopyOptions) -> bool:
    """Check that the source can be copied to a node; return whether the copy replaces what is there.

    Raises
    ------
    CommandError
        If existing data prevent the copy.
    """
    unfinished = is_unfinished(node.store, marked_prefix(node.path, format))
    if node.kind() is None:
        # never write into a directory of another kind, such as a home directory
        if listdir(node.store, node.path) and not unfinished:
            raise CommandError(f"{destination} contains other data than Zarr; choose another destination")
    elif options.overwrite:
        return not options.dry_run
    elif options.if_exists is None and not unfinished:
        raise CommandError(
            f"{destination} already exists; give --overwrite to replace it, or --if-exists to copy into it"
        )
    elif node.format is not format:
        raise CommandError(
            f"{destination} is in Zarr format {node.format.ZARR_FORMAT}; give --zarr-format "
            f"{node.format.ZARR_FORMAT} to copy into it, or --overwrite to replace it"
        )
    return False


def _can_copy_keys(source: Node, target: Node, options: CopyOptions) -> bool:
    """Return whether copying keys and values gives a copy of the hierarchy."""
    format = target.format
    unfinished = UnfinishedCopy(target.store, marked_prefix(target.path, format))
    return (
        options.keeps_encoding
        and options.if_exists is None
        # nodes that an interrupted copy made may be encoded in another way
        and unfinished.was_by in (None, "keys")
        and not options.dry_run
        and source.format is format
        # in some formats, part of a hierarchy is stored outside its path
        and (format in metadata.NODE_BY_NODE or not (source.path or target.path))
        # an N5Store presents other values than its files contain
        and not isinstance(source.store, N5Store)
        and not isinstance(target.store, N5Store)
    )


class _Target:
    """The destination as the group that `zarrcy.copy` writes to. The empty path is the destination itself."""

    def __init__(self, node: Node, source: Node, options: CopyOptions) -> None:
        self.node, self.source, self.options = node, source, options
        self.store = node.store
        self.created: list[str] = []

    @property
    def name(self) -> str:
        return f"/{self.node.path}"

    @property
    def zarr_format(self) -> ZarrFormat:
        return self.node.format.ZARR_FORMAT

    def _at(self, path: str) -> Node:
        return self.node.at(_join(self.node.path, path.strip("/")))

    def __contains__(self, path: str) -> bool:
        return self._at(path).kind() is not None

    def __getitem__(self, path: str) -> Array | Group:
        return open_node(self.store, mode="r", path=self._at(path).path)

    def __delitem__(self, path: str) -> None:
        self._at(path).erase()

    def move(self, path: str, new_path: str) -> None:
        self._at(path).move(self._at(new_path).path)

    def require_group(self, path: str) -> Group:
        node, attributes = self._at(path), self.source_at(path).attrs.asdict()
        if node.kind() is None:
            # write complete documents, because an archive cannot change a document
            documents: dict[str, bytes] = {}
            new = Node(documents, node.path, zarr_format=node.format.ZARR_FORMAT)
            new.save_group()
            if attributes:
                new.save_attributes(attributes)
            for key, document in documents.items():
                access.set_if_absent(self.store, key, document)
            return Group(self.store, path=node.path)
        node.require_group()
        group = Group(self.store, path=node.path)
        if attributes:
            group.attrs.update(attributes)
        return group

    def source_at(self, path: str) -> Array | Group:
        path = original_path(path).strip("/")
        return open_node(self.source.store, mode="r", path=_join(self.source.path, path))

    def create_dataset(self, path: str, **kwargs: JSON) -> Array:
        source = self.source_at(path)
        assert isinstance(source, Array)
        changes = self._changes(source)
        # `kwargs` describe the encoding of the source; derive them again for the changed encoding
        kwargs = create_kwargs_like(source, self, changes) | {"shape": source.shape} | changes
        number = self.node.format.ZARR_FORMAT
        array = create(store=self.store, path=self._at(path).path, zarr_format=number, **kwargs)
        self.created.append(original_path(path).strip("/"))
        return array

    def _changes(self, source: Array) -> dict[str, Any]:
        """Return the arguments of `create` in which an array differs from its source."""
        options, format = self.options, self.node.format
        attributes = source.attrs.asdict()
        if self.source.format is format and options.keeps_encoding:
            return {"attributes": attributes}
        chunks = choose_chunks(options.chunks, source.shape, source.itemsize, source.chunks)
        kwargs: dict[str, Any] = {"chunks": source.chunks if options.chunks == "same" else chunks}
        if options.compressor is not _Keep.COMPRESSOR:
            kwargs["compressor"] = options.compressor
        if self.source.format is not format:
            # each format has its own default separator
            kwargs["dimension_separator"] = None if keeps_one_document(format) else source.dimension_separator
            _, attributes = format.apply_conventions(described(source), attributes)
        if keeps_one_document(format):
            kwargs["shards"] = self._shards(source, kwargs["chunks"])
        return kwargs | {"attributes": attributes}

    def _shards(self, source: Array, chunks: Shape) -> Shape | None:
        requested = self.options.shards
        if requested is not None:
            return requested if len(requested) == len(chunks) else None
        shards = source.shards
        fits = shards is not None and not any(n % m for n, m in zip(shards, chunks, strict=True))
        return shards if fits else None


def _copy_nodes(target: _Target, destination: str, report: CopyReport) -> None:
    """Copy node by node.

    Raises
    ------
    CommandError
        If an object exists, or the format cannot represent an array.
    """
    options = target.options
    # in a dry run, the objects that --overwrite would delete still exist
    rule = "replace" if options.overwrite else options.if_exists or "raise"
    log = report.lines.append if options.dry_run else None
    try:
        counts = copy(
            target.source_at(""),
            target,
            name="",
            # the target writes the attributes with the other metadata
            without_attrs=True,
            if_exists=rule,
            dry_run=options.dry_run,
            log=log,
        )
    except CopyError as exc:
        raise CommandError(
            f"{exc.what} {exc.name.strip('/')!r} already exists in {destination}; give --if-exists replace or skip"
        ) from exc
    except ZarrcyError:
        raise
    except ValueError as exc:
        raise CommandError(one_line(exc)) from exc
    report.n_skipped = counts[1]


# -- report ----------------------------------------------------------------------------------------


def _array_paths(node: Node, path: str) -> Iterator[str]:
    """Iterate over the paths of all arrays at and below a node."""
    if node.kind() == "array":
        yield path
        return
    for name, kind in node.members():
        child_path = _join(path, name)
        if kind == "array":
            yield child_path
        else:
            yield from _array_paths(node.at(node.prefix + name), child_path)


def _describe(path: str, array: Array | Group) -> CopiedArray:
    assert isinstance(array, Array)
    return CopiedArray(
        path=path or "/",
        shape=array.shape,
        chunks=array.chunks,
        shards=array.shards,
        dtype=str(array.dtype),
        nbytes=array.nbytes,
        nbytes_stored=array.nbytes_stored,
    )


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path and name else path or name
