"""Functions on whole hierarchies: open, save, load and consolidate what a store holds."""

from __future__ import annotations

from typing import Any, Unpack

from zarrcy.errors import PathNotFoundError
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import check_mode, found_array, normalize_stores, open_array
from zarrcy.hierarchy.groups import Group, GroupState
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.tree import TreeView
from zarrcy.metadata import asked_format
from zarrcy.settings import ArrayConfig, ExtraOptions
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.types import Synchronizer, ZarrFormat

# -- groups ----------------------------------------------------------------------------------------


def group(
    store: Any = None,
    overwrite: bool = False,
    chunk_store: Any = None,
    cache_attrs: bool = True,
    synchronizer: Synchronizer | None = None,
    path: str | None = None,
    *,
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    meta_array: Any = None,
    storage_options: dict[str, Any] | None = None,
    attributes: dict[str, Any] | None = None,
    **options: Unpack[ExtraOptions],
) -> Group:
    """Return a group; create it where there is none.

    Parameters
    ----------
    store : a mapping, one of our stores, a path or a URL; None for memory
    overwrite : delete first what is at `path`
    chunk_store, cache_attrs, synchronizer, meta_array : see `Group`
    path : of the group in the store
    zarr_version, zarr_format : version of the format: 2, 3 or "3-draft". By default that of the node above, or 2
    storage_options : for the store that a URL means
    attributes : user attributes that are set
    **options : ``read_missing``, ``unaligned``, ``threads`` and ``cache_bytes`` of its arrays, see `Array`

    Raises
    ------
    ContainsArrayError : an array is at `path` or above it

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.group()
    <zarrcy.Group '/'>
    """
    asked = asked_format(zarr_format, zarr_version)
    store, chunk_store = normalize_stores(store, chunk_store, storage_options, "w" if overwrite else "a")
    node = Node(store, path, chunk_store, synchronizer, asked)
    exists = False
    with node.hierarchy_lock():
        if overwrite:
            node.create_group(True, attributes)
        else:
            exists = not node.require_group(False, attributes)
    config = ArrayConfig(cache_attrs=cache_attrs, meta_array=meta_array, **options)
    opened = Group(GroupState(node, config))
    if attributes and exists:
        opened.attrs.update(attributes)
    return opened


def open_group(
    store: Any = None,
    mode: str = "a",
    cache_attrs: bool = True,
    synchronizer: Synchronizer | None = None,
    path: str | None = None,
    chunk_store: Any = None,
    storage_options: dict[str, Any] | None = None,
    *,
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    meta_array: Any = None,
    **options: Unpack[ExtraOptions],
) -> Group:
    """Open a group, or create it.

    Parameters
    ----------
    store : a mapping, one of our stores, a path or a URL; None for memory
    mode : "r" reads only, "r+" changes what exists, "a" creates it if it does not, "w" creates it and
        deletes what was there, "w-" (or "x") creates it and fails if something is there
    path : of the group in the store
    storage_options : for the store that a URL means
    cache_attrs, synchronizer, chunk_store, meta_array : see `Group`
    zarr_version, zarr_format : version of the format: 2, 3 or "3-draft". By default that of the node above, or 2
    **options : ``read_missing``, ``unaligned``, ``threads`` and ``cache_bytes`` of its arrays, see `Array`

    Raises
    ------
    GroupNotFoundError : there is no group, and the mode is "r" or "r+"
    ContainsArrayError, ContainsGroupError : something else is there, or anything in mode "w-"

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.open_group(store, mode="w")["a"] = [1, 2]
    >>> zarrcy.open_group(store, mode="r")
    <zarrcy.Group '/' read-only>
    """
    check_mode(mode)
    asked = asked_format(zarr_format, zarr_version)
    store, chunk_store = normalize_stores(store, chunk_store, storage_options, mode)
    node = Node(store, path, chunk_store, synchronizer, asked)
    if mode in ("r", "r+"):
        node.load_group()
    else:
        with node.hierarchy_lock():
            if mode == "a":
                node.require_group()
            else:
                node.create_group(overwrite=mode == "w")
    config = ArrayConfig(mode == "r", cache_attrs=cache_attrs, meta_array=meta_array, **options)
    return Group(GroupState(node, config))


# -- whatever there is -----------------------------------------------------------------------------


def open(store: Any = None, mode: str = "a", *, path: str | None = None, **kwargs: Any) -> Array | Group:
    """Open the array or the group that a store holds, or create one.

    Parameters
    ----------
    store : a mapping, one of our stores, a path or a URL; None for memory
    mode : see `open_array` and `open_group`. What is created is an array if a ``shape`` is given, else a
        group
    path : in the store
    **kwargs : see `open_array` and `open_group`

    Raises
    ------
    PathNotFoundError : there is nothing, and the mode is "r" or "r+"

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.open(store)
    <zarrcy.Group '/'>
    >>> zarrcy.open(store, path="a", shape=(2, 2))
    <zarrcy.Array '/a' (2, 2) float64>
    >>> zarrcy.open(store, mode="r", path="a")
    <zarrcy.Array '/a' (2, 2) float64 read-only>
    """
    check_mode(mode)
    store = normalize_store_arg(store, storage_options=kwargs.pop("storage_options", None), mode=mode)
    if "shape" in kwargs and mode not in ("r", "r+"):
        return open_array(store, mode=mode, path=path, **kwargs)
    if mode in ("r", "r+", "a"):
        node = Node(store, path)
        found = node.load()
        if found is None and mode != "a":
            raise PathNotFoundError(node.path)
        if found is not None and found.kind == "array":
            if kwargs:
                return open_array(store, mode=mode, path=path, **kwargs)
            return found_array(node, found, mode, {})
    return open_group(store, mode=mode, path=path, **kwargs)


def tree(grp: Any, expand: bool | int = False, level: int | None = None) -> TreeView:
    """Draw a hierarchy of ours, or of h5py. See `Group.tree`.

    >>> import zarrcy
    >>> g = zarrcy.group()
    >>> g["a"] = [1, 2]
    >>> zarrcy.tree(g)
    /
     └── a (2,) int64
    """
    return TreeView(grp, expand=expand, level=level)
