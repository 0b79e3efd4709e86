"""Save arrays and groups to a store, and load them, in one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from zarrcy.api.open import group
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import array, opened_store
from zarrcy.hierarchy.groups import Group
from zarrcy.hierarchy.node import Node
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.types import ZarrFormat


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
