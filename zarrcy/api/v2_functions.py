"""Functions on any mapping that write the documents of new nodes, and look for those of old ones.

They stand above the rest of `zarrcy.storage`, which knows no documents; users of zarr-python 2 import
them from ``zarrcy.storage``.
"""

from __future__ import annotations

from typing import Any

from zarrcy.hierarchy.creation import array_spec, normalize_stores
from zarrcy.hierarchy.node import Node

__all__ = ["contains_array", "contains_group", "init_array", "init_group"]


def contains_array(store: Any, path: str | None = None) -> bool:
    """Is an array at `path`?

    >>> import zarrcy
    >>> g = zarrcy.group()
    >>> g["a"] = [1, 2]
    >>> contains_array(g.store, "a"), contains_array(g.store)
    (True, False)
    """
    return Node(store, path).kind() == "array"


def contains_group(store: Any, path: str | None = None, explicit_only: bool = True) -> bool:
    """Is a group at `path`?

    Parameters
    ----------
    store : any mapping
    path : in the store; the root by default
    explicit_only : kept for users of zarr-python 2; has no effect

    Examples
    --------
    >>> import zarrcy
    >>> contains_group(zarrcy.group().store), contains_group({})
    (True, False)
    """
    return Node(store, path).kind() == "group"


def init_array(
    store: Any,
    shape: Any,
    chunks: Any = True,
    dtype: Any = None,
    compressor: Any = "default",
    fill_value: Any = None,
    order: str = "C",
    overwrite: bool = False,
    path: str | None = None,
    chunk_store: Any = None,
    filters: Any = None,
    object_codec: Any = None,
    dimension_separator: str | None = None,
    storage_transformers: tuple[()] = (),
) -> None:
    """Write the documents of a new array, and of the groups above it that are missing.

    See `zarrcy.create` for the parameters; here there is no fill value by default.

    Raises
    ------
    ContainsArrayError, ContainsGroupError : something is at `path`, and `overwrite` is false
    ValueError : an argument that can't be

    Examples
    --------
    >>> store = {}
    >>> init_array(store, shape=100, chunks=10, path="a")
    >>> sorted(store)
    ['.zgroup', 'a/.zarray']
    """
    if storage_transformers:
        raise ValueError(f"storage_transformers is {storage_transformers!r}; this format has none")
    store, chunk_store = normalize_stores(store, chunk_store, None, "a")
    node = Node(store, path, chunk_store, zarr_format=2)
    spec = array_spec(
        store,
        shape,
        chunks,
        dtype,
        # as in zarr-python 2, an empty list means no compressor
        compressor=compressor or None,
        fill_value=fill_value,
        order=order,
        filters=filters,
        object_codec=object_codec,
        dimension_separator=dimension_separator,
    )
    node.create_array(node.describe_array(spec), overwrite)


def init_group(store: Any, overwrite: bool = False, path: str | None = None, chunk_store: Any = None) -> None:
    """Write the document of a new group, and of the groups above it that are missing.

    Parameters
    ----------
    store : any mapping, a path or a URL
    overwrite : delete what is at `path` first
    path : of the group in the store
    chunk_store : of the chunks, where they are not with the metadata

    Raises
    ------
    ContainsArrayError, ContainsGroupError : something is at `path`, and `overwrite` is false

    Examples
    --------
    >>> store = {}
    >>> init_group(store, path="a")
    >>> sorted(store)
    ['.zgroup', 'a/.zgroup']
    """
    store, chunk_store = normalize_stores(store, chunk_store, None, "a")
    Node(store, path, chunk_store, zarr_format=2).create_group(overwrite)
