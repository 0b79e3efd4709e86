"""Consolidated metadata: write one document for all that a group holds, and open a hierarchy from it."""

from __future__ import annotations

from typing import Any

from zarrcy import metadata
from zarrcy.api.open import open  # noqa: A004
from zarrcy.errors import NotConsolidatedError
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import opened_store
from zarrcy.hierarchy.groups import Group
from zarrcy.hierarchy.node import Node
from zarrcy.keys import normalize_path
from zarrcy.storage.store_argument import normalize_store_arg

# -- consolidated metadata -------------------------------------------------------------------------


def consolidate_metadata(
    store: Any,
    metadata_key: str = ".zmetadata",
    *,
    path: str | None = None,
    storage_options: dict[str, Any] | None = None,
) -> Array | Group:
    """Write the metadata of all that a store holds into one document.

    `open_consolidated` then opens the hierarchy with one read, however many arrays there are.

    In format 2 the document is a key of its own at the root, for the whole store. What is changed later is not
    seen that way until this function is called again. In format 3 the metadata are in the document of the
    group at `path`, where zarr-python 3 reads them whenever it opens the group; so a change to
    anything below takes them out of it, and this function has to be called again to have them back.

    Parameters
    ----------
    store : a mapping, one of our stores, a path or a URL
    metadata_key : of the document, in format 2
    path : of the group that is returned; in format 3 it is the one that is consolidated
    storage_options : for the store that a URL means

    Returns
    -------
    opened : by `open_consolidated`

    Raises
    ------
    MetadataError : a document is malformed

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.group(store)["a"] = [1, 2]
    >>> zarrcy.consolidate_metadata(store)["a"][:]
    array([1, 2])
    >>> ".zmetadata" in store
    True
    """
    with opened_store(store, "a", storage_options) as target:
        node = Node(target, path)
        node.format.consolidate(target, node.path, metadata_key)
    return open_consolidated(store, metadata_key=metadata_key, path=path, storage_options=storage_options)


def open_consolidated(
    store: Any, metadata_key: str = ".zmetadata", mode: str = "r+", **kwargs: Any
) -> Array | Group:
    """Open what a store holds by its consolidated metadata: one read finds all arrays and groups.

    Parameters
    ----------
    store : a mapping, one of our stores, a path or a URL
    metadata_key : of the document that `consolidate_metadata` wrote, in format 2
    mode : "r" reads only; "r+" may write elements too, but create, delete and reshape nothing
    **kwargs : see `open`. In format 3 the group at ``path`` may be in one that was consolidated

    Raises
    ------
    NotConsolidatedError : there are none; it is a KeyError
    MetadataError : they are malformed

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> _ = zarrcy.group(store).create_dataset("a", data=[1, 2])
    >>> _ = zarrcy.consolidate_metadata(store)
    >>> g = zarrcy.open_consolidated(store)
    >>> g["a"][0] = 7
    >>> g["a"][:]
    array([7, 2])
    """
    if mode not in ("r", "r+"):
        raise ValueError(f"mode is {mode!r}; consolidated metadata are opened with 'r' or 'r+'")
    store = normalize_store_arg(store, storage_options=kwargs.pop("storage_options", None), mode=mode)
    path = normalize_path(kwargs.get("path"))
    opened = (format.open_consolidated(store, path, metadata_key) for format in metadata.FORMATS)
    documents = next((found for found in opened if found is not None), None)
    if documents is None:
        raise NotConsolidatedError(path)
    chunk_store = kwargs.pop("chunk_store", None)
    return open(documents, mode=mode, chunk_store=store if chunk_store is None else chunk_store, **kwargs)
