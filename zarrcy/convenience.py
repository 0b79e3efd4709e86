"""Functions on whole hierarchies: open, save, load and consolidate what a store holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Unpack

from numpy.typing import NDArray

from zarrcy import metadata
from zarrcy.errors import NotConsolidatedError, PathNotFoundError
from zarrcy.hierarchy.array import Array
from zarrcy.hierarchy.create import array, check_mode, found_array, normalize_stores, open_array, opened_store
from zarrcy.hierarchy.group import Group
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.tree import TreeView
from zarrcy.keys import normalize_path
from zarrcy.metadata import asked_format
from zarrcy.settings import ArrayOptions, MoreOptions
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.sync.synchronizers import Synchronizer
from zarrcy.types import ZarrFormat

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
    **options: Unpack[MoreOptions],
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
    with node.hierarchy_lock():
        created = node.create_group(True, attributes) if overwrite else node.require_group(False, attributes)
    made = Group._opened(node, ArrayOptions(cache_attrs=cache_attrs, meta_array=meta_array, **options))
    if attributes and not created:
        made.attrs.update(attributes)
    return made


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
    **options: Unpack[MoreOptions],
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
    chosen = ArrayOptions(mode == "r", cache_attrs=cache_attrs, meta_array=meta_array, **options)
    return Group._opened(node, chosen)


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
        if found is not None and found[0] == "array":
            if kwargs:
                return open_array(store, mode=mode, path=path, **kwargs)
            return found_array(node, found, mode, {})
    return open_group(store, mode=mode, path=path, **kwargs)


def save_array(store: Any, arr: Any, *, path: str | None = None, **kwargs: Any) -> None:
    """Save an array-like in a store, in the place of what is there. See `create` for the parameters.

    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.save_array(store, [1, 2, 3])
    >>> zarrcy.load(store)
    array([1, 2, 3])
    """
    with opened_store(store, "w", kwargs.pop("storage_options", None)) as target:
        array(arr, store=target, path=path, overwrite=True, **kwargs)


def save_group(
    store: Any,
    *args: Any,
    path: str | None = None,
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    storage_options: dict[str, Any] | None = None,
    **kwargs: Any,
) -> None:
    """Save several array-likes in a group, in the place of what is there.

    Parameters
    ----------
    store : a mapping, one of our stores, a path or a URL
    *args : array-likes that are named ``arr_0``, ``arr_1`` ...
    path : of the group in the store
    **kwargs : array-likes by name

    Raises
    ------
    ValueError : there is none

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.save_group(store, [1, 2], b=[3])
    >>> sorted(zarrcy.open_group(store))
    ['arr_0', 'b']
    """
    arrays = {f"arr_{number}": values for number, values in enumerate(args)} | kwargs
    if not arrays:
        raise ValueError("there is nothing to save: give at least one array")
    with opened_store(store, "w", storage_options) as target:
        made = group(target, overwrite=True, path=path, zarr_version=zarr_version, zarr_format=zarr_format)
        for name, values in arrays.items():
            made.array(name, values)


def save(
    store: Any,
    *args: Any,
    path: str | None = None,
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    storage_options: dict[str, Any] | None = None,
    **kwargs: Any,
) -> None:
    """Save one array-like as an array, or several as a group. See `save_array` and `save_group`.

    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.save(store, [1.5])
    >>> zarrcy.load(store)
    array([1.5])
    >>> zarrcy.save(store, a=[1], b=[2, 3])
    >>> zarrcy.load(store)["b"]
    array([2, 3])
    """
    options: dict[str, Any] = {
        "path": path,
        "zarr_version": zarr_version,
        "zarr_format": zarr_format,
        "storage_options": storage_options,
    }
    if len(args) == 1 and not kwargs:
        save_array(store, args[0], **options)
    else:
        save_group(store, *args, **options, **kwargs)


class LazyLoader(Mapping[str, Any]):
    """The arrays of a group, each loaded into memory when it is first asked for.

    Parameters
    ----------
    grp : the group

    Examples
    --------
    >>> import zarrcy
    >>> g = zarrcy.group()
    >>> g["a"] = [1, 2]
    >>> LazyLoader(g)
    <LazyLoader: a>
    >>> LazyLoader(g)["a"]
    array([1, 2])
    """

    def __init__(self, grp: Group) -> None:
        self.grp = grp
        self.cache: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.cache:
            member = self.grp[name]
            self.cache[name] = member[...] if isinstance(member, Array) else LazyLoader(member)
        return self.cache[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.grp)

    def __len__(self) -> int:
        return len(self.grp)

    def __contains__(self, name: object) -> bool:
        return name in self.grp

    def __repr__(self) -> str:
        return f"<LazyLoader: {', '.join(self.grp.array_keys())}>"


def load(
    store: Any,
    zarr_version: ZarrFormat | None = None,
    path: str | None = None,
    *,
    storage_options: dict[str, Any] | None = None,
) -> NDArray[Any] | LazyLoader | None:
    """Load an array into memory, or the arrays of a group, each when it is asked for.

    Parameters
    ----------
    store : a mapping, one of our stores, a path or a URL
    zarr_version : kept for users of zarr-python 2; the format is found by looking
    path : in the store
    storage_options : for the store that a URL means

    Returns
    -------
    loaded : an array of NumPy, or a mapping of names to such; None if there is nothing

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.load({}) is None
    True
    """
    store = normalize_store_arg(store, storage_options=storage_options, mode="r")
    kind = Node(store, path).kind()
    if kind == "array":
        values: NDArray[Any] = Array(store, path=path, read_only=True)[...]
        return values
    return LazyLoader(Group(store, path=path)) if kind == "group" else None


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
