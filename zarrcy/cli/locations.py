"""Locations on the command line: a directory, an archive, a path inside an archive, or a URL."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zarrcy import metadata
from zarrcy.cli.errors import CommandError, one_line
from zarrcy.hierarchy.creation import opened_store
from zarrcy.hierarchy.node import Node
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.types import Store

__all__ = [
    "drop_outdated",
    "in_hierarchy",
    "is_url",
    "local_path",
    "open_location",
    "require_kind",
    "split_location",
]

_PATH_IN_CONTAINER = re.compile(r"(.*?\.(?:zip|n5))/+(.+)")


def is_url(location: str) -> bool:
    """Return whether a location is a URL or a chain of URLs.

    Examples
    --------
    >>> is_url("s3://bucket/a.zarr"), is_url("a.zarr")
    (True, False)
    """
    return "://" in location or "::" in location


def local_path(location: str) -> Path | None:
    """Return the absolute path of a location in the local file system, or None for a URL of another one."""
    if "::" not in location and location.startswith("file://"):
        location = location.removeprefix("file://")
    return None if is_url(location) else Path(location).resolve()


def split_location(location: str) -> tuple[str, str]:
    """Return the store of a location and the path inside the store.

    Each folder of a directory is a store of its own, unless the format owns the whole directory. An archive or an
    N5 container is one store.

    Examples
    --------
    >>> split_location("a.zip/ocean/salt"), split_location("a.zarr/ocean"), split_location("s3://b/a.zarr/ocean")
    (('a.zip', 'ocean/salt'), ('a.zarr/ocean', ''), ('s3://b/a.zarr/ocean', ''))
    """
    match = None if is_url(location) else _PATH_IN_CONTAINER.fullmatch(location)
    if match is not None and not (match[1].endswith(".zip") and os.path.isdir(match[1])):
        return match[1], match[2].rstrip("/")
    if not is_url(location) and not os.path.lexists(location):
        parent = next((folder for folder in Path(location).parents if folder.is_dir()), Path())
        if metadata.owns_store(DirectoryStore(parent)):
            return str(parent), Path(location).relative_to(parent).as_posix()
    return location, ""


@contextmanager
def open_location(location: str, mode: str = "r", *, at_once: bool = False) -> Iterator[Node]:
    """Open the node at a location; close its store at the end of the block.

    With `at_once`, changes of an archive appear when the block ends without an error.

    Raises
    ------
    CommandError
        If the mode is "r" or "r+" and the location does not exist, or if the protocol of the URL is unknown.
    """
    store, path = split_location(location)
    if mode in ("r", "r+") and not is_url(store):
        # a killed deletion can have left the directory under a temporary name, which `zarrcy repair` finds
        if not os.path.lexists(store) and not any(DirectoryStore(store).leftovers()):
            raise CommandError(f"{store}: no such directory or archive")
        if os.path.lexists(store) and not os.path.isdir(store) and not store.endswith(".zip"):
            raise CommandError(f"{store} is neither a directory nor an archive with a name that ends in .zip")
    with _StoreOfLocation(store, mode, at_once=at_once) as opened:
        yield Node(opened, path)


class _StoreOfLocation(opened_store):
    """Opens a store; a URL with an unknown protocol is a CommandError."""

    def __enter__(self) -> Store:
        try:
            return super().__enter__()
        except ValueError as exc:
            # fsspec raises it for an unknown protocol
            raise CommandError(f"{self._given} cannot be opened: {one_line(exc)}") from exc


def require_kind(node: Node, location: str) -> str:
    """Return the kind of the node at a location: "array" or "group".

    Raises
    ------
    CommandError
        If there is no node.
    """
    kind = node.kind()
    if kind is None:
        raise CommandError(
            f"{location} is neither an array nor a group: it contains none of .zarray, .zgroup and zarr.json"
        )
    return kind


def in_hierarchy(location: str, node: Node) -> Node:
    """Return a node as one of the store of the topmost of its parent groups."""
    local = local_path(location)
    if node.path or local is None or local.is_file():
        return node
    root = local
    while Node(DirectoryStore(root.parent)).kind() == "group":
        root = root.parent
    return node if root == local else Node(DirectoryStore(root), local.relative_to(root).as_posix())


def drop_outdated(location: str) -> None:
    """Remove the consolidated metadata of the groups above a local directory that is about to change."""
    local = local_path(location)
    if local is not None and not local.is_file():
        in_hierarchy(location, Node(DirectoryStore(local))).drop_outdated()
