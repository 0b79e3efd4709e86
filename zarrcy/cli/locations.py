"""What the commands take as a place: a directory, an archive, a path in one, or a URL."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from zarrcy import metadata
from zarrcy.cli.failure import CommandError, one_line
from zarrcy.hierarchy.creation import opened_store
from zarrcy.hierarchy.node import Node
from zarrcy.storage.local.directory import DirectoryStore

__all__ = ["is_url", "kind_of", "local_path", "opened_place", "split_place"]

_CONTAINER = re.compile(r"(.*?\.(?:zip|n5))/+(.+)")


def is_url(place: str) -> bool:
    """Is this a URL, or several chained ones?

    >>> is_url("s3://bucket/a.zarr"), is_url("a.zarr")
    (True, False)
    """
    return "://" in place or "::" in place


def local_path(place: str) -> Path | None:
    """Return where a place is in the local file system; None for a URL of another one."""
    if "::" not in place and place.startswith("file://"):
        place = place.removeprefix("file://")
    return None if is_url(place) else Path(place).resolve()


def split_place(place: str) -> tuple[str, str]:
    """Return the store of a place, and the path in it.

    In a directory every folder is a store of its own, unless its format lays out whole stores. An archive
    and an N5 container are one store.

    >>> split_place("a.zip/ocean/salt"), split_place("a.zarr/ocean"), split_place("s3://b/a.zarr/ocean")
    (('a.zip', 'ocean/salt'), ('a.zarr/ocean', ''), ('s3://b/a.zarr/ocean', ''))
    """
    found = None if is_url(place) else _CONTAINER.fullmatch(place)
    if found is not None and not (found[1].endswith(".zip") and os.path.isdir(found[1])):
        return found[1], found[2].rstrip("/")
    if not is_url(place) and not os.path.lexists(place):
        above = next((folder for folder in Path(place).parents if folder.is_dir()), Path())
        if metadata.owns_store(DirectoryStore(above)):
            return str(above), Path(place).relative_to(above).as_posix()
    return place, ""


@contextmanager
def opened_place(place: str, mode: str = "r") -> Iterator[Node]:
    """KeyLock the node at a place; its store is closed in the end.

    Raises
    ------
    CommandError : with the mode "r" or "r+", there is nothing to open; or the URL means nothing
    """
    store, path = split_place(place)
    if mode in ("r", "r+") and not is_url(store):
        if not os.path.lexists(store):
            raise CommandError(f"{store}: there is no such directory or archive")
        if not os.path.isdir(store) and not store.endswith(".zip"):
            raise CommandError(f"{store} is no directory, and its name does not end in .zip")
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(opened_store(store, mode))
        except ValueError as exc:
            # what fsspec raises where it does not know the protocol
            raise CommandError(f"{place} can't be opened: {one_line(exc)}") from exc
        yield Node(opened, path)


def kind_of(node: Node, place: str) -> str:
    """Return what stands at a place: "array" or "group".

    Raises
    ------
    CommandError : there is neither
    """
    kind = node.kind()
    if kind is None:
        raise CommandError(
            f"{place} is neither an array nor a group: it holds none of .zarray, .zgroup and zarr.json"
        )
    return kind
