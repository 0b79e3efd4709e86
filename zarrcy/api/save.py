"""Save arrays and groups to a store, and load them into memory, in one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from zarrcy.api.open import group
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import array, opened_store
from zarrcy.hierarchy.groups import Group
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.replacement import replaced
from zarrcy.metadata import asked_format
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.types import AnyArray, Elements, Option, StoreLike, ZarrFormat


def save_array(store: StoreLike, arr: Elements, *, path: str | None = None, **kwargs: Option) -> None:
    """Save an array in a store; replace what is there.

    The elements may be read from what is replaced, see `array`.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    arr : array_like
        Elements to save.
    path : str, optional
        Path of the array in the store. The default is the root.
    **kwargs
        Keywords of `create`.

    See Also
    --------
    save : Save one array, or several.
    load : Load an array into memory.

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.save_array(store, [1, 2, 3])
    >>> zarrcy.load(store)
    array([1, 2, 3])
    """
    with opened_store(store, "w", kwargs.pop("storage_options", None)) as target:
        array(arr, store=target, path=path, overwrite=True, **kwargs)


def save_group(
    store: StoreLike,
    *args: Elements,
    path: str | None = None,
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    storage_options: dict[str, Option] | None = None,
    **kwargs: Elements,
) -> None:
    """Save several arrays in a group; replace what is there.

    Arrays may be read from what is replaced, see `array`.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    *args : array_like
        Arrays that get the names ``arr_0``, ``arr_1`` and so on.
    path : str, optional
        Path of the group in the store. The default is the root.
    zarr_version, zarr_format : {2, 3, "3-draft"}, optional
        Version of the format. By default, the version of the nearest parent, or 2.
    storage_options : dict, optional
        Options of the store, if `store` is a URL.
    **kwargs : array_like
        Arrays by name.

    Raises
    ------
    ValueError
        If no array is given.

    See Also
    --------
    save : Save one array, or several.
    load : Load the arrays of a group.

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
        raise ValueError("there is nothing to save: pass at least one array")
    with opened_store(store, "w", storage_options) as target:
        node = Node(target, path, zarr_format=asked_format(zarr_format, zarr_version))

        def write(at: Node, sources: list[Elements]) -> None:
            saved = group(at.store, overwrite=True, path=at.path, zarr_format=node.format.ZARR_FORMAT)
            for name, values in zip(arrays, sources, strict=True):
                saved.array(name, values)

        sources = [
            values if hasattr(values, "dtype") else np.asanyarray(values) for values in arrays.values()
        ]
        if all(isinstance(values, np.ndarray) for values in sources):
            write(node, sources)
        else:
            replaced(node, sources, write)


def save(
    store: StoreLike,
    *args: Elements,
    path: str | None = None,
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    storage_options: dict[str, Option] | None = None,
    **kwargs: Elements,
) -> None:
    """Save one array as an array, or several as a group; replace what is there.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    *args : array_like
        One array that is saved as an array, or several that get the names ``arr_0``, ``arr_1`` and so on.
    path : str, optional
        Path in the store. The default is the root.
    zarr_version, zarr_format : {2, 3, "3-draft"}, optional
        Version of the format. By default, the version of the nearest parent, or 2.
    storage_options : dict, optional
        Options of the store, if `store` is a URL.
    **kwargs : array_like
        Arrays by name; with any, a group is saved.

    Raises
    ------
    ValueError
        If no array is given.

    See Also
    --------
    save_array, save_group, load

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.save(store, [1.5])
    >>> zarrcy.load(store)
    array([1.5])
    >>> zarrcy.save(store, a=[1], b=[2, 3])
    >>> zarrcy.load(store)["b"]
    array([2, 3])
    """
    options: dict[str, Option] = {
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
    """The arrays of a group; each is loaded into memory at its first access.

    Parameters
    ----------
    grp : Group
        The group.

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
        self.cache: dict[str, AnyArray | LazyLoader] = {}

    def __getitem__(self, name: str) -> Elements:
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
    store: StoreLike,
    zarr_version: ZarrFormat | None = None,
    path: str | None = None,
    *,
    storage_options: dict[str, Option] | None = None,
) -> AnyArray | LazyLoader | None:
    """Load an array into memory, or the arrays of a group at their first access.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    zarr_version : {2, 3}, optional
        Has no effect: the format is detected. Users of zarr-python 2 may pass it.
    path : str, optional
        Path in the store. The default is the root.
    storage_options : dict, optional
        Options of the store, if `store` is a URL.

    Returns
    -------
    ndarray, LazyLoader or None
        A NumPy array, or a mapping of names to NumPy arrays; None if there is nothing at `path`.

    See Also
    --------
    save : Save one array, or several.

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.save(store, [1, 2])
    >>> zarrcy.load(store)
    array([1, 2])
    >>> zarrcy.load({}) is None
    True
    """
    store = normalize_store_arg(store, storage_options=storage_options, mode="r")
    kind = Node(store, path).kind()
    if kind == "array":
        values: AnyArray = Array(store, path=path, read_only=True)[...]
        return values
    return LazyLoader(Group(store, path=path)) if kind == "group" else None
