"""Functions that open groups, and whatever a store holds: group, open_group, open and tree."""

from __future__ import annotations

from typing import Unpack

from zarrcy.errors import PathNotFoundError
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import (
    check_mode,
    found_array,
    normalize_stores,
    open_array,
    refuse_foreign_archives,
)
from zarrcy.hierarchy.groups import Group, GroupState
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.tree import AnyNode, TreeView
from zarrcy.metadata import asked_format
from zarrcy.settings import ExtraOptions, array_config
from zarrcy.storage.store_argument import open_store
from zarrcy.types import JSON, AnyArray, Option, StoreLike, Synchronizer, ZarrFormat

# -- groups ----------------------------------------------------------------------------------------


def group(
    store: StoreLike = None,
    overwrite: bool = False,
    chunk_store: StoreLike = None,
    cache_attrs: bool = True,
    synchronizer: Synchronizer | None = None,
    path: str | None = None,
    *,
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    meta_array: AnyArray | None = None,
    storage_options: dict[str, Option] | None = None,
    attributes: dict[str, JSON] | None = None,
    **options: Unpack[ExtraOptions],
) -> Group:
    """Return a group; create it if it does not exist.

    Parameters
    ----------
    store : mapping, store, str or PathLike, optional
        A mapping of str to bytes, a store object, a path or a URL. The default is memory.
    overwrite : bool, optional
        Delete what is at `path` first.
    chunk_store : mapping, store, str or PathLike, optional
        Store of the chunks, if they are not stored with the metadata.
    cache_attrs : bool, optional
        Keep the attributes in memory. If false, each access loads them.
    synchronizer : mapping, optional
        Gives the locks of parallel writers: `ThreadSynchronizer` or `ProcessSynchronizer`.
    path : str, optional
        Path of the group in the store. The default is the root.
    zarr_version, zarr_format : {2, 3, "3-draft"}, optional
        Version of the format. By default, the version of the nearest parent, or 2.
    meta_array : array_like, optional
        Results of reads are allocated like this array, see `Array`.
    storage_options : dict, optional
        Options of the store, if `store` is a URL.
    attributes : dict, optional
        User attributes to set.
    **options
        Options of its arrays: ``read_missing``, ``unaligned``, ``threads`` and ``cache_bytes``, see `Array`.

    Returns
    -------
    Group
        The group that exists, or the new one.

    Raises
    ------
    ContainsArrayError
        If there is an array at `path` or above it, and `overwrite` is false.

    See Also
    --------
    open_group : Open a group with a mode, as files are opened.

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.group()
    <zarrcy.Group '/'>
    """
    version = asked_format(zarr_format, zarr_version)
    store, chunk_store = normalize_stores(
        store, chunk_store, storage_options, "w" if overwrite else "a", version
    )
    node = Node(store, path, chunk_store, synchronizer, version)
    if overwrite:
        with node.hierarchy_lock():
            node.create_group(True, attributes)
        exists = False
    else:
        exists = not node.open_or_create_group(attributes)
    config = array_config(cache_attrs=cache_attrs, meta_array=meta_array, **options)
    opened = Group(GroupState(node, config))
    if attributes and exists:
        opened.attrs.update(attributes)
    return opened


def open_group(
    store: StoreLike = None,
    mode: str = "a",
    cache_attrs: bool = True,
    synchronizer: Synchronizer | None = None,
    path: str | None = None,
    chunk_store: StoreLike = None,
    storage_options: dict[str, Option] | None = None,
    *,
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    meta_array: AnyArray | None = None,
    **options: Unpack[ExtraOptions],
) -> Group:
    """Open a group, or create it.

    Parameters
    ----------
    store : mapping, store, str or PathLike, optional
        A mapping of str to bytes, a store object, a path or a URL. The default is memory.
    mode : {"r", "r+", "a", "w", "w-", "x"}, optional
        "r" only reads; "r+" changes a group that exists; "a" creates it if it does not exist; "w" deletes what is there
        and creates the group; "w-" and "x" create it, and fail if there is anything.
    cache_attrs : bool, optional
        Keep the attributes in memory. If false, each access loads them.
    synchronizer : mapping, optional
        Gives the locks of parallel writers: `ThreadSynchronizer` or `ProcessSynchronizer`.
    path : str, optional
        Path of the group in the store. The default is the root.
    chunk_store : mapping, store, str or PathLike, optional
        Store of the chunks, if they are not stored with the metadata.
    storage_options : dict, optional
        Options of the store, if `store` is a URL.
    zarr_version, zarr_format : {2, 3, "3-draft"}, optional
        Version of the format. By default, that of the group or, for a new one, of the nearest parent, or 2.
    meta_array : array_like, optional
        Results of reads are allocated like this array, see `Array`.
    **options
        Options of its arrays: ``read_missing``, ``unaligned``, ``threads`` and ``cache_bytes``, see `Array`.

    Returns
    -------
    Group
        The group that exists, or the new one.

    Raises
    ------
    GroupNotFoundError
        If there is no group and the mode is "r" or "r+".
    ContainsArrayError, ContainsGroupError
        If there is an array, or anything in mode "w-" or "x".
    ValueError
        If `mode` is not one of the modes.

    See Also
    --------
    group : Return a group, and create it if it does not exist.
    open : Open an array or a group, whichever the store holds.
    open_array : Open an array, or create it.

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.open_group(store, mode="w")["a"] = [1, 2]
    >>> zarrcy.open_group(store, mode="r")
    <zarrcy.Group '/' read-only>
    """
    check_mode(mode)
    version = asked_format(zarr_format, zarr_version)
    store, chunk_store = normalize_stores(store, chunk_store, storage_options, mode, version)
    node = Node(store, path, chunk_store, synchronizer, version)
    if mode in ("r", "r+"):
        node.load_group()
    elif mode == "a":
        node.open_or_create_group()
    else:
        with node.hierarchy_lock():
            node.create_group(overwrite=mode == "w")
    config = array_config(read_only=mode == "r", cache_attrs=cache_attrs, meta_array=meta_array, **options)
    return Group(GroupState(node, config))


# -- arrays or groups ------------------------------------------------------------------------------


def open(
    store: StoreLike = None, mode: str = "a", *, path: str | None = None, **kwargs: Option
) -> Array | Group:
    """Open the array or the group that a store holds, or create one.

    Parameters
    ----------
    store : mapping, store, str or PathLike, optional
        A mapping of str to bytes, a store object, a path or a URL. The default is memory.
    mode : {"r", "r+", "a", "w", "w-", "x"}, optional
        How to open it, see `open_group`. If it has to be created, it is an array if ``shape`` is given, else a group.
    path : str, optional
        Path in the store. The default is the root.
    **kwargs
        Keywords of `open_array` or `open_group`.

    Returns
    -------
    Array or Group
        What exists at `path`, or what was created.

    Raises
    ------
    PathNotFoundError
        If there is nothing and the mode is "r" or "r+".
    ValueError
        If `mode` is not one of the modes.

    See Also
    --------
    open_array : Open an array, or create it.
    open_group : Open a group, or create it.

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
    if mode == "w":
        refuse_foreign_archives(store)
    version = asked_format(kwargs.get("zarr_format"), kwargs.get("zarr_version"))
    options = kwargs.pop("storage_options", None)
    store = open_store(store, options, mode, version)
    if "shape" in kwargs and mode not in ("r", "r+"):
        return open_array(store, mode=mode, path=path, **kwargs)
    if mode in ("r", "r+", "a"):
        node = Node(store, path)
        entry = node.load()
        if entry is None and mode != "a":
            raise PathNotFoundError(node.path)
        if entry is not None and entry.kind == "array":
            if kwargs:
                return open_array(store, mode=mode, path=path, **kwargs)
            return found_array(node, entry, mode, {})
        if entry is not None and not kwargs:
            return Group(GroupState(node, array_config(read_only=mode == "r")))
    return open_group(store, mode=mode, path=path, **kwargs)


def tree(grp: AnyNode, expand: bool | int = False, level: int | None = None) -> TreeView:
    """Draw the hierarchy below a group of zarrcy or h5py: text, or a nested list in a notebook.

    Parameters
    ----------
    grp : Group
        A group of zarrcy or h5py.
    expand : bool or int, optional
        Levels of the list that are unfolded in a notebook; True unfolds all.
    level : int, optional
        Number of levels to draw. The default is all.

    Returns
    -------
    TreeView
        A drawing that is made when it is printed.

    See Also
    --------
    Group.tree : The same for a group of zarrcy.

    Examples
    --------
    >>> import zarrcy
    >>> g = zarrcy.group()
    >>> g["a"] = [1, 2]
    >>> zarrcy.tree(g)
    /
     └── a (2,) int64
    """
    return TreeView(grp, expand=expand, level=level)
