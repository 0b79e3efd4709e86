"""Convert a hierarchy to another format: in its place where its chunks can stay as they are, or into another."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from zarrcy import metadata
from zarrcy.api.convert_plan import NodeConversion, bottom_up, plan
from zarrcy.api.copy_elements import copy_elements, move_chunks
from zarrcy.api.progress import byte_progress
from zarrcy.errors import ConversionError, NotConsolidatedError, PathNotFoundError
from zarrcy.hierarchy.array_state import open_state
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import opened_store
from zarrcy.hierarchy.node import Node
from zarrcy.settings import ArrayConfig
from zarrcy.storage import access
from zarrcy.storage.listing import listdir
from zarrcy.storage.n5.store import N5Store
from zarrcy.types import ZarrFormat

# What is not stored, or is nothing but the fill value, need not be stored in the copy either.
_WRITE = ArrayConfig(write_empty_chunks=False)
_ELSEWHERE = "Convert the groups and arrays beside it one by one, or take it out first."


@dataclass(slots=True)
class Conversion:
    """What `convert` did, or would do.

    Attributes
    ----------
    source_format, zarr_format : versions of the format, before and after; None before, where there is no other
    nodes : the arrays and groups; each group after what is in it
    removed : keys of documents of the old format that were deleted
    """

    source_format: ZarrFormat | None
    zarr_format: ZarrFormat
    nodes: list[NodeConversion] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    @property
    def arrays(self) -> list[NodeConversion]:
        """The arrays among the nodes."""
        return [node for node in self.nodes if node.array is not None]


def convert(
    source: Any,
    destination: Any = None,
    *,
    zarr_format: ZarrFormat = 3,
    path: str | None = None,
    remove_old: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    storage_options: dict[str, Any] | None = None,
) -> Conversion:
    """Convert an array, or a group with all that is in it, to another version of the format.

    Without a destination only metadata are written, beside those of the old format, and no chunk is touched.
    If a chunk can't stay as it is, nothing is done, and the error says why: give a destination. There, chunks
    are copied as they are stored where the format has words for them, and encoded anew where it has not.
    The source stays as it is.

    Before anything is written, one stored chunk of each array that is to stay is decoded both ways and
    compared. Documents are written from the leaves to the root. So a hierarchy that is converted in place opens
    as what it was whenever that is interrupted, and running it again finishes it; a destination can't be opened
    before it is complete.

    Names of dimensions move to where the format has them: from the attribute ``_ARRAY_DIMENSIONS``, as xarray
    writes it in format 2, or to it. Metadata that were consolidated are consolidated again.

    Parameters
    ----------
    source : a mapping, one of our stores, a path or a URL
    destination : likewise; None converts in place, which goes to format 3 only, since readers look for
        that first
    zarr_format : version to convert to
    path : of the node to convert in the source; the destination gets it at its root
    remove_old : delete the documents of the old format after an array or group was converted in place, or if it
        was before. Otherwise they stay, and readers that know that format only go on; but they do not see what is
        changed later
    overwrite : delete first what is at the destination; in place, replace documents of the new format that say
        something else
    dry_run : write nothing, and do not look at the destination, but return what would be done; what is
        impossible is no error then
    storage_options : for the stores that URLs mean

    Returns
    -------
    conversion : what became of each node

    Raises
    ------
    PathNotFoundError : there is neither an array nor a group
    ConversionError : something can't be converted, or is in the way; nothing was done

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.group(store)["a"] = [1, 2, 3]
    >>> conversion = zarrcy.convert(store)
    >>> [(node.path, node.how) for node in conversion.nodes]
    [('a', 'as stored'), ('', 'as stored')]
    >>> zarrcy.open(store).zarr_format, sorted(store)
    (3, ['.zgroup', 'a/.zarray', 'a/0', 'a/zarr.json', 'zarr.json'])
    """
    with ExitStack() as stack:
        mode = "r+" if destination is None and not dry_run else "r"
        store = stack.enter_context(opened_store(source, mode, storage_options))
        target = Node(store, path, zarr_format=zarr_format)
        others = (format for format in metadata.FORMATS if format is not target.format)
        old = next((format for format in others if format.exists(store, target.prefix)), None)
        if old is None and target.kind() is None:
            raise PathNotFoundError(target.path)
        done = Conversion(None if old is None else old.ZARR_FORMAT, target.format.ZARR_FORMAT)
        if old is None:
            return done
        giver = Node(store, path, zarr_format=old.ZARR_FORMAT)
        if destination is None:
            _convert_in_place(giver, target, done, remove_old, overwrite, dry_run)
            return done
        done.nodes = list(plan(giver, target.format, in_place=False))
        if not dry_run:
            _refuse_impossible(done.nodes)
            _refuse_overlap(giver, destination)
            # in an archive nothing can be deleted; what is elsewhere is, when it is known what it is
            mode = "w" if overwrite and str(destination).endswith(".zip") else "a"
            store = stack.enter_context(opened_store(destination, mode, storage_options))
            # now that it is known what a URL means
            _refuse_overlap(giver, store)
            _convert_into(Node(store, zarr_format=zarr_format), giver, done.nodes, overwrite)
        return done


def _refuse_impossible(nodes: list[NodeConversion]) -> None:
    problems = [(node.path, node.why) for node in nodes if node.how == "impossible"]
    if problems:
        raise ConversionError(problems, _ELSEWHERE)


def _consolidate_likewise(taker: Node, giver: Node) -> None:
    """Consolidate the metadata of a group, if those of its source are."""
    try:
        held = giver.format.open_consolidated(giver.store, giver.path)
    except NotConsolidatedError:
        return
    if held is not None and taker.kind() == "group":
        taker.format.consolidate(taker.store, taker.path)


# -- in its place ----------------------------------------------------------------------------------


def _convert_in_place(
    giver: Node, target: Node, done: Conversion, remove_old: bool, overwrite: bool, dry_run: bool
) -> None:
    order = metadata.FORMATS.index
    if order(giver.format) < order(target.format):
        why = f"readers look for format {giver.format.ZARR_FORMAT} first, and would not see another in its place"
        raise ConversionError([(giver.path, why)], "Give a destination.")
    if isinstance(giver.store, N5Store):
        raise ConversionError(
            [(giver.path, "it is N5, whose chunks no format holds as they are")], "Give a destination."
        )
    was_converted = target.kind() is not None
    if not was_converted:
        done.nodes = list(plan(giver, target.format, in_place=True))
        if not dry_run:
            _refuse_impossible(done.nodes)
            moving = [(node.path, node.why) for node in done.nodes if node.how != "as stored"]
            if moving:
                raise ConversionError(moving, "Chunks can't stay as they are: give a destination.")
            _write_documents(target, done.nodes, overwrite)
            _consolidate_likewise(target, giver)
    if remove_old:
        done.removed = _old_documents(giver, target, all_of_them=dry_run and not was_converted)
        if not dry_run:
            access.deleter(giver.store)(done.removed)


def _write_documents(target: Node, nodes: list[NodeConversion], overwrite: bool) -> None:
    """Write the documents of nodes, those that are deeper first.

    Raises
    ------
    ConversionError : one is there already, and says something else
    """
    levels: dict[int, dict[str, bytes]] = {}
    for node in nodes:
        at = _below(target, node.path)
        levels.setdefault(at.prefix.count("/"), {}).update(node.documents)
    if not overwrite:
        documents = {key: document for level in levels.values() for key, document in level.items()}
        there = zip(documents, access.reader(target.store)(list(documents)), strict=True)
        others = [key for key, value in there if value is not None and bytes(value) != documents[key]]
        if others:
            raise ConversionError(
                [(key, "it is there already, and says something else") for key in others],
                "It may have been changed after an earlier conversion: look at it, and delete it or the old "
                "metadata beside it; or ask to overwrite it.",
            )
    put = access.writer(target.store)
    for depth in sorted(levels, reverse=True):
        put(levels[depth])


def _old_documents(giver: Node, target: Node, all_of_them: bool) -> list[str]:
    """Return the keys of the documents of nodes that the target format has too, those that are deeper first."""
    found = giver.load()
    if found is None:
        return []
    return [
        key
        for node, _ in list(bottom_up(giver, found))
        if all_of_them or target.at(node.path).kind() is not None
        for key in giver.format.documents_at(node.prefix)
        if key in giver.store
    ]


# -- into another place ----------------------------------------------------------------------------


def _refuse_overlap(giver: Node, destination: Any) -> None:
    """Refuse to write into what is read.

    Raises
    ------
    ConversionError : the destination is the source, or lies in it, or it lies in the destination
    """
    ours, theirs = _location(giver.store), _location(destination)
    if ours is None or theirs is None:
        mapping = access.mapping_of
        same = mapping(giver.store) is mapping(destination)
    else:
        same = f"{ours}/".startswith(f"{theirs}/") or f"{theirs}/".startswith(f"{ours}/")
    if same:
        why = "the destination is the same place, or one lies in the other"
        raise ConversionError([(giver.path, why)], "Give another, or none to convert in place.")


def _location(store: Any) -> str | None:
    """Return the path or the URL of a store; None for one that has neither.

    >>> _location("memory://a/"), _location({})
    ('memory://a', None)
    """
    if isinstance(store, (str, os.PathLike)):
        place = os.fspath(store)
    else:
        store = access.mapping_of(store)
        place = getattr(store, "path", None)
        if hasattr(store, "fs"):
            place = store.fs.unstrip_protocol(place)
    if not isinstance(place, str) or place == ":memory:":
        return None
    place = place.removeprefix("file://")
    return place.rstrip("/") if "://" in place or "::" in place else os.path.realpath(place)


def _convert_into(taker: Node, giver: Node, nodes: list[NodeConversion], overwrite: bool) -> None:
    if isinstance(taker.store, N5Store):
        raise ConversionError(
            [("", "the destination is an N5 container, which has a format of its own")], "Give another."
        )
    if overwrite:
        taker.erase()
    elif listdir(taker.store, ""):
        raise ConversionError([("", "the destination is not empty")], "Give another, or ask to overwrite it.")
    total = sum(node.array.nbytes for node in nodes if node.array is not None)
    with byte_progress(total, "converting") as advance:
        for node in nodes:
            at = _below(taker, node.path)
            if node.array is not None and node.description is not None:
                array = Array.from_state(open_state(at, _WRITE, node.description))
                (move_chunks if node.how == "as stored" else copy_elements)(node.array, array, advance)
            # the document of the root is the last: before, nothing is there for readers
            for key, document in node.documents.items():
                taker.store[key] = document
    taker.format.prepare(taker.store)
    _consolidate_likewise(taker, giver)


def _below(node: Node, path: str) -> Node:
    return node.at(node.prefix + path) if path else node
