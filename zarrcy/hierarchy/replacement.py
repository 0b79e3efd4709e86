"""Replace a node by one that may be made of its own elements: write the new node beside the old one, then swap."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from zarrcy import metadata
from zarrcy.errors import OverlapError
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import opened_store, refuse_foreign_archives
from zarrcy.hierarchy.node import Node
from zarrcy.keys import prefix_of
from zarrcy.storage import access
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.storage.places import overlap, store_below
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.types import Elements, Option, Store, StoreLike

T = TypeVar("T")


def replaced(node: Node, sources: list[Elements], write: Callable[[Node, list[Elements]], T]) -> T:
    """Replace what is at a node by what a function writes; until it is complete, nothing is deleted.

    The new node is written below a temporary name beside the old one, and then gets its place, so the store needs
    room for both. Where that is not possible, sources that are or may be in the same place are loaded first.

    Parameters
    ----------
    node : Node
        The node to replace.
    sources : list of array_like
        What `write` reads. It may be the old node, or a part of it.
    write : callable
        Called with the node to write and with the sources to read. The node is the root of an empty store, or `node`
        itself, which then must be overwritten.

    Returns
    -------
    object
        What `write` returned.

    Raises
    ------
    OverlapError
        If a source is in the same place and the store can't move keys. Nothing is changed then.
    ForeignDataError
        If there is no node, but something that is not a part of a hierarchy.
    """
    above = node.array_above()
    if above is not None:
        # it is deleted with all that is below it, before the new node is written
        return write(node, [detached(above, source) for source in sources])
    if not node.has_keys():
        return write(node, sources)
    node.refuse_foreign()
    if can_swap(node):
        return _written_beside(node, sources, write)
    return write(node, [detached(node, source) for source in sources])


def detached(node: Node, source: Elements) -> Elements:
    """Return array-like elements that remain when a node is erased: the same object, or a copy in memory.

    Raises
    ------
    OverlapError
        If they are at the node, and its store can't move keys, so that a failing copy would lose them.
    """
    if isinstance(source, np.ndarray):
        return source
    if isinstance(source, Array):
        if not all(map(access.can_move, node.stores)):
            refuse_overlap(node, source)
        if _shares_place(node, source) is False:
            return source
    return np.asanyarray(source[...])


def refuse_overlap(node: Node, source: Array) -> None:
    """Raise OverlapError if documents or chunks of an array are at, above or below a node."""
    if _shares_place(node, source):
        raise OverlapError(node.path, source.path, type(node.store).__name__)


def _shares_place(node: Node, source: Array) -> bool | None:
    """Return whether documents or chunks of an array are at, above or below a node; None if that is not known."""
    answers = [
        overlap(theirs, source.node.prefix, ours, node.prefix)
        for theirs in source.node.stores
        for ours in node.stores
    ]
    return True if True in answers else None if None in answers else False


def is_in_the_way(
    node: Node, location: StoreLike, path: str, options: dict[str, Option] | None = None
) -> bool:
    """Return whether a place is known to be that of a node, or above or below it.

    Parameters
    ----------
    node : Node
        The node.
    location : mapping, store, str or PathLike
        A store, its path or its URL. It need not exist.
    path : str
        Path in the store.
    options : dict, optional
        Options of the store, if `location` is a URL.
    """
    try:
        with opened_store(location, "r", options) as store:
            return any(overlap(own, node.prefix, store, prefix_of(path)) for own in node.stores)
    except FileNotFoundError:
        # an archive that does not exist yet; it may be in the directory of the node
        folder = DirectoryStore(os.path.dirname(os.path.abspath(location)))
        name = f"{os.path.basename(location)}/"
        return any(overlap(own, node.prefix, folder, name) for own in node.stores)


def opened_to_replace(
    store: StoreLike, storage_options: dict[str, Option] | None, sources: list[Elements]
) -> tuple[Store, list[Elements]]:
    """Open the store of a node that is to be replaced; return it, and the sources that can still be read.

    Opening a zip archive for that deletes its members.

    Raises
    ------
    OverlapError
        If a source is in such an archive.
    ForeignDataError
        If Zarr did not write the archive.
    """
    refuse_foreign_archives(store)
    if isinstance(store, (str, os.PathLike)) and os.fspath(store).endswith(".zip") and os.path.isfile(store):
        with opened_store(store, "r") as archive:
            sources = [detached(Node(archive), source) for source in sources]
    return normalize_store_arg(store, storage_options=storage_options, mode="w"), sources


def can_swap(node: Node) -> bool:
    """Return whether a node can be written beside its place and then be moved there."""
    # a format may keep keys of a node outside its path, but not outside the store
    return (node.format in metadata.NODE_BY_NODE or not node.path) and all(
        # stores of the draft of v3 move nodes, not keys
        access.can_move(store) and access.keeps_documents(store) and access.store_version(store) == 2
        for store in node.stores
    )


def _written_beside(node: Node, sources: list[Elements], write: Callable[[Node, list[Elements]], T]) -> T:
    path = node.temporary_path()
    own = node.own_chunk_store
    beside = Node(
        store_below(node.store, path),
        "",
        None if own is None else store_below(own, path),
        node.synchronizer,
        node.format.ZARR_FORMAT,
    )
    try:
        result = write(beside, sources)
        node.replace_by(path)
    except BaseException:
        node.at(path).discard()
        raise
    return result
