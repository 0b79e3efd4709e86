"""Find what neither Zarr nor this package wrote, so that replacing a node never deletes other files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from zarrcy import metadata
from zarrcy.archive_error import ArchiveError
from zarrcy.errors import ForeignDataError, KeyPathError
from zarrcy.keys import is_own_name, is_system_name, prefix_of
from zarrcy.storage import access
from zarrcy.storage.listing import listdir
from zarrcy.types import Key, Store, StoreLike

_CHUNK = re.compile(r"c|c?\.?\d+(\.\d+)*")
_PARTIAL = re.compile(r"\.[0-9a-f]{32}\.partial$")
_ZIP_MAGIC = b"PK"


def refuse_foreign(stores: Sequence[Store], path: str, documents: Store | None = None) -> bool:
    """Raise an error if there is no node at a path, and something below it that is not a part of a hierarchy.

    Parts of a hierarchy are nodes, documents, chunks, and the files that a killed call of this package left.

    Parameters
    ----------
    stores : sequence of Store
        The first has the metadata, another may have the chunks.
    path : str
        The path.
    documents : Store, optional
        A store of documents that were read already.

    Returns
    -------
    bool
        Whether there is anything at the path.

    Raises
    ------
    ForeignDataError
        If there is something else.
    """
    if _holds_node(stores[0] if documents is None else documents, prefix_of(path)):
        return True
    is_anything = False
    for store in stores:
        names = _names_below(store, prefix_of(path))
        is_anything |= bool(names)
        key = first_foreign(store, path, names)
        if key is not None:
            raise ForeignDataError(path, key)
    return is_anything


def refuse_foreign_archive(store: StoreLike) -> None:
    """Raise ForeignDataError if a path names a file that mode "w" would replace, and that Zarr did not write."""
    if not isinstance(store, (str, os.PathLike)):
        return
    path = os.path.expanduser(os.fspath(store))
    if not path.endswith(".zip") or "://" in path or not os.path.isfile(path) or not os.path.getsize(path):
        return
    from zarrcy.storage.local.zip import ZipStore

    try:
        with ZipStore(path, mode="r") as archive:
            refuse_foreign([archive], "")
    except ArchiveError:
        # an archive whose writer was killed has no directory yet, but begins as an archive does
        with open(path, "rb") as file:
            if file.read(len(_ZIP_MAGIC)) != _ZIP_MAGIC:
                raise ForeignDataError("", os.path.basename(path)) from None


def first_foreign(store: Store, path: str, names_below: list[str] | None = None) -> Key | None:
    """Return a key below a path that is not a part of a hierarchy; None if there is none.

    `names_below` are the names directly below the path, if they are known.
    """
    pending = [path]
    while pending:
        prefix = prefix_of(pending.pop())
        found = _names_below(store, prefix) if names_below is None else names_below
        names, names_below = [name for name in found if not _is_own(name)], None
        if not names:
            continue
        for name in names:
            if not _is_text(name):
                return prefix + name
        for name, is_node in zip(names, _are_nodes(store, prefix, names), strict=True):
            key = prefix + name
            if is_node:
                continue
            if _names_below(store, f"{key}/"):
                pending.append(key)
            elif not _CHUNK.fullmatch(name) and _is_value(store, key):
                return key
    return None


def _is_own(name: str) -> bool:
    """Return whether a name is that of a document, of a file of this package, or of a file that never counts."""
    return (
        name in _document_names()
        or is_own_name(name)
        or is_system_name(name)
        or _PARTIAL.search(name) is not None
    )


def _document_names() -> set[str]:
    return {name for format in metadata.NODE_BY_NODE for name in format.documents_at("")}


def _is_text(name: str) -> bool:
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


def _names_below(store: Store, prefix: Key) -> list[str]:
    """Return the names below a prefix. In a directory, these include names that are not keys."""
    directory = access.directory_of(store)
    if directory is None:
        return listdir(store, prefix[:-1])
    try:
        return os.listdir(directory + prefix)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _are_nodes(store: Store, prefix: Key, names: list[str]) -> list[bool]:
    documents = _node_documents()
    keys = [f"{prefix}{name}/{document}" for name in names for document in documents]
    found = access.finder(store)(keys)
    n = len(documents)
    return [any(found[first : first + n]) for first in range(0, len(found), n)]


def _holds_node(store: Store, prefix: Key) -> bool:
    return any(access.finder(store)([prefix + document for document in _node_documents()]))


def _node_documents() -> list[str]:
    """Return the names of the documents each of which makes a node."""
    return sorted(
        {format.document_key("", kind) for format in metadata.NODE_BY_NODE for kind in ("array", "group")}
    )


def _is_value(store: Store, key: Key) -> bool:
    directory = access.directory_of(store)
    if directory is not None:
        # also true for a file that is not a value, such as a link that leads to no file
        return os.path.lexists(directory + key) and not os.path.isdir(directory + key)
    try:
        return key in store
    except KeyPathError:
        return True
