"""Copy an array or a whole hierarchy from any place to any other, as it is stored or encoded anew."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from zarrcy import metadata
from zarrcy.api.copy import copy, copy_store, words_like
from zarrcy.api.open import open as open_node
from zarrcy.cli.chunk_blocks import ChunkRule, choose_chunks
from zarrcy.cli.failure import CommandError, one_line
from zarrcy.cli.locations import kind_of, local_path, opened_place, split_place
from zarrcy.errors import CopyError, ZarrcyError
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import create
from zarrcy.hierarchy.groups import Group
from zarrcy.hierarchy.node import Node
from zarrcy.metadata import keeps_one_document
from zarrcy.metadata.format import Format
from zarrcy.storage import access
from zarrcy.storage.listing import listdir
from zarrcy.storage.n5.store import N5Store
from zarrcy.types import Shape, ZarrFormat

__all__ = ["KEEP", "CopyOptions", "CopyReport", "copy_place"]

KEEP: Any = object()
"""The compressor of a copy that has that of its source."""


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """How a copy is made.

    Attributes
    ----------
    chunks : see `zarrcy.cli.chunk_blocks.choose_chunks`; "same" keeps those of the source
    compressor : a codec or None; `KEEP` keeps that of the source
    format_number : version of the format; None keeps that of the source, or means 3 where there are shards
    shards : lengths of a shard, for arrays with as many axes; None keeps those of the source where
        the chunks of the copy fit into them
    overwrite : delete what is at the destination first
    if_exists : what to do where an object is already, see `zarrcy.copy`; None wants an empty place
    dry_run : copy nothing, but tell what would be copied
    """

    chunks: ChunkRule = "same"
    compressor: Any = KEEP
    format_number: ZarrFormat | None = None
    shards: Shape | None = None
    overwrite: bool = False
    if_exists: str | None = None
    dry_run: bool = False

    @property
    def keeps_encoding(self) -> bool:
        return self.chunks == "same" and self.compressor is KEEP and self.shards is None


@dataclass(slots=True)
class CopyReport:
    """What a copy did.

    Attributes
    ----------
    arrays : that were made: path, shape, chunks, shards or None, data type, bytes, bytes stored
    n_skipped : objects that were there already and stay
    lines : what would be done, in a dry run
    seconds : that the copy took
    """

    arrays: list[tuple[str, Shape, Shape, Shape | None, str, int, int]] = field(default_factory=list)
    n_skipped: int = 0
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0


def copy_place(source: str, destination: str, options: CopyOptions) -> CopyReport:
    """Copy what is at one place to another.

    Keys and values are copied as they are where nothing is to be changed. Else arrays are copied one by
    one, and their chunks as they are stored where these come out the same.

    Parameters
    ----------
    source, destination : directories, archives that end in ``.zip``, N5 containers, paths in these, or URLs
    options : how

    Raises
    ------
    CommandError : there is nothing to copy, or it can't be copied there
    CopyError : an object is there already
    """
    began = time.perf_counter()
    _refuse_overlap(source, destination)
    report = CopyReport()
    with opened_place(source) as giver:
        kind_of(giver, source)
        format = _format_for(destination, giver, options)
        number = format.ZARR_FORMAT
        if options.dry_run and not _may_exist(destination):
            # to open an archive would make it
            _run(_Target(Node({}, zarr_format=number), giver, options), destination, report)
            report.seconds = time.perf_counter() - began
            return report
        with opened_place(destination, _mode_for(destination, options)) as taker:
            _make_room(taker, destination, format, options)
            target = _Target(Node(taker.store, taker.path, zarr_format=number), giver, options)
            if _can_move_keys(giver, taker, format, options):
                copy_store(giver.store, taker.store, source_path=giver.path, dest_path=taker.path)
                target.made = _arrays_below(target._node, "")
            else:
                _run(target, destination, report)
            report.arrays = [_row(path, target[path]) for path in target.made]
    report.seconds = time.perf_counter() - began
    return report


# -- the destination -------------------------------------------------------------------------------


def _refuse_overlap(source: str, destination: str) -> None:
    ours, theirs = local_path(destination), local_path(source)
    if ours is None or theirs is None:
        same = ours is theirs and source.rstrip("/") == destination.rstrip("/")
    else:
        same = ours == theirs or ours in theirs.parents or theirs in ours.parents
    if same:
        raise CommandError(f"{destination} and {source} are the same place, or one lies in the other")


def _format_for(destination: str, giver: Node, options: CopyOptions) -> Format:
    """Return the format of a copy.

    Raises
    ------
    CommandError : it has no place for what is asked
    """
    format = metadata.of_version(options.format_number)
    if format is None and options.shards is not None:
        format = metadata.v3
    if split_place(destination)[0].endswith(".n5"):
        if format not in (None, metadata.v2):
            raise CommandError(
                f"{destination}: an N5 container takes arrays of Zarr format 2, without shards"
            )
        return metadata.v2
    format = format or giver.format
    if options.shards is not None and not keeps_one_document(format):
        raise CommandError("--shards are of Zarr format 3 only; give --zarr-format 3")
    return format


def _may_exist(destination: str) -> bool:
    local = local_path(split_place(destination)[0])
    return local is None or local.exists()


def _mode_for(destination: str, options: CopyOptions) -> str:
    if options.dry_run:
        return "r"
    store, path = split_place(destination)
    # nothing can be deleted in an archive, but it can be written anew
    anew = options.overwrite and store.endswith(".zip") and not path and not os.path.isdir(store)
    return "w" if anew else "a"


def _make_room(taker: Node, destination: str, format: Format, options: CopyOptions) -> None:
    """See to it that something can be copied to a node.

    Raises
    ------
    CommandError : what is there is in the way
    """
    kind = taker.kind()
    if kind is None:
        # never into what only looks like a place for a store: a home directory, say
        if listdir(taker.store, taker.path):
            raise CommandError(f"{destination} holds other things than Zarr; name another place")
    elif options.overwrite:
        if not options.dry_run:
            taker.erase()
    elif options.if_exists is None:
        raise CommandError(
            f"{destination} exists already; give --overwrite to replace it, or --if-exists to copy into it"
        )
    elif taker.format is not format:
        raise CommandError(
            f"{destination} is of Zarr format {taker.format.ZARR_FORMAT}; give --zarr-format "
            f"{taker.format.ZARR_FORMAT} to copy into it, or --overwrite to replace it"
        )


def _can_move_keys(giver: Node, taker: Node, format: Format, options: CopyOptions) -> bool:
    """Is a copy of keys and values a copy of the hierarchy?"""
    return (
        options.keeps_encoding
        and options.if_exists is None
        and not options.dry_run
        and giver.format is format
        # of some formats a hierarchy is more than what is below its path
        and (format in metadata.NODE_BY_NODE or not (giver.path or taker.path))
        # what N5Store shows are no values of its files
        and not isinstance(giver.store, N5Store)
        and not isinstance(taker.store, N5Store)
    )


class _Target:
    """The destination as `zarrcy.copy` wants a group; the empty path is the destination itself."""

    def __init__(self, node: Node, source: Node, options: CopyOptions) -> None:
        self._node, self.source, self.options = node, source, options
        self.store = node.store
        self.made: list[str] = []

    @property
    def name(self) -> str:
        return f"/{self._node.path}"

    def _at(self, path: str) -> Node:
        return self._node.at(_join(self._node.path, path.strip("/")))

    def __contains__(self, path: str) -> bool:
        return self._at(path).kind() is not None

    def __getitem__(self, path: str) -> Any:
        return open_node(self.store, mode="r", path=self._at(path).path)

    def __delitem__(self, path: str) -> None:
        self._at(path).erase()

    def require_group(self, path: str) -> Group:
        node, attributes = self._at(path), self.source_at(path).attrs.asdict()
        if node.kind() is None:
            # all at once: an archive can't change a document
            documents: dict[str, Any] = {}
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

    def source_at(self, path: str) -> Any:
        return open_node(self.source.store, mode="r", path=_join(self.source.path, path.strip("/")))

    def create_dataset(self, path: str, **kws: Any) -> Array:
        source = self.source_at(path)
        changes = self._changes(source)
        # words that go with the changes, instead of those for the same encoding
        kws = words_like(source, self, changes) | {"shape": source.shape} | changes
        number = self._node.format.ZARR_FORMAT
        made = create(store=self.store, path=self._at(path).path, zarr_format=number, **kws)
        self.made.append(path.strip("/"))
        return made

    def _changes(self, source: Array) -> dict[str, Any]:
        """Return how an array is to be created otherwise than its source."""
        options, format = self.options, self._node.format
        attributes = source.attrs.asdict()
        if self.source.format is format and options.keeps_encoding:
            return {"attributes": attributes}
        chunks = choose_chunks(options.chunks, source.shape, source.itemsize, source.chunks)
        kws: dict[str, Any] = {"chunks": source.chunks if options.chunks == "same" else chunks}
        if options.compressor is not KEEP:
            kws["compressor"] = options.compressor
        if self.source.format is not format:
            # each format has its own custom
            kws["dimension_separator"] = None if keeps_one_document(format) else source.dimension_separator
            _, attributes = format.place_names(source.dimension_names, attributes, source.ndim)
        if keeps_one_document(format):
            kws["shards"] = self._shards(source, kws["chunks"])
        return kws | {"attributes": attributes}

    def _shards(self, source: Array, chunks: Shape) -> Shape | None:
        asked = self.options.shards
        if asked is not None:
            return asked if len(asked) == len(chunks) else None
        kept = source.shards
        fits = kept is not None and not any(n % m for n, m in zip(kept, chunks, strict=True))
        return kept if fits else None


def _run(target: _Target, destination: str, report: CopyReport) -> None:
    """Copy node by node.

    Raises
    ------
    CommandError : an object is there already, or the format has no words for what is asked
    """
    options = target.options
    # what is overwritten is still there in a dry run
    rule = "replace" if options.overwrite else options.if_exists or "raise"
    log = report.lines.append if options.dry_run else None
    try:
        counts = copy(
            target.source_at(""),
            target,
            name="",
            # the target writes them with the other metadata
            without_attrs=True,
            if_exists=rule,
            dry_run=options.dry_run,
            log=log,
        )
    except CopyError as exc:
        raise CommandError(
            f"{exc.what} {exc.name.strip('/')!r} is in {destination} already; give --if-exists replace or skip"
        ) from exc
    except ZarrcyError:
        raise
    except ValueError as exc:
        raise CommandError(one_line(exc)) from exc
    report.n_skipped = counts[1]


# -- what was made ---------------------------------------------------------------------------------


def _arrays_below(node: Node, path: str) -> list[str]:
    """Return the paths of all arrays at a node and below it."""
    return list(_walk(node, path))


def _walk(node: Node, path: str) -> Iterator[str]:
    if node.kind() == "array":
        yield path
        return
    for name, kind in node.members():
        below = _join(path, name)
        if kind == "array":
            yield below
        else:
            yield from _walk(node.at(node.prefix + name), below)


def _row(path: str, array: Array) -> tuple[str, Shape, Shape, Shape | None, str, int, int]:
    return (
        path or "/",
        array.shape,
        array.chunks,
        array.shards,
        str(array.dtype),
        array.nbytes,
        array.nbytes_stored,
    )


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path and name else path or name
