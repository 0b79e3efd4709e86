"""Turn what zarr-python 3 takes as a store into a store and a path in it."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import TypeAlias

from zarrcy.errors import StoreArgumentError
from zarrcy.keys import normalize_path
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.storage.zarr3.interface import AsyncStore
from zarrcy.storage.zarr3.store_path import StorePath
from zarrcy.storage.zarr3.stores import FsspecStore, LocalStore, ManagedMemoryStore, MemoryStore, ZipStore
from zarrcy.types import Option
from zarrcy.types import StoreLike as AnyStore

StoreLike: TypeAlias = AsyncStore | StorePath | Path | str | dict[str, bytes]
"""What programs name in annotations. Functions take any mapping, too."""
MODES = ("r", "r+", "a", "w", "w-")


def make_store(
    store: AnyStore, *, mode: str | None = None, storage_options: dict[str, Option] | None = None
) -> Option:
    """Return the store that a value means in zarr-python 3.

    Parameters
    ----------
    store : mapping, store, str, PathLike or None
        A store, a dictionary, a path, a URL, or None for a new store in memory.
    mode : {"r", "r+", "a", "w", "w-"}, optional
        "r" makes a store that refuses changes, if it has to be made.
    storage_options : dict, optional
        Options of the file system of a URL.

    Raises
    ------
    TypeError
        If the value is not a store, or if there are options without a URL.

    Examples
    --------
    >>> make_store("/data/a.zarr", mode="r").read_only
    True
    """
    if mode is not None and mode not in MODES:
        raise ValueError(f"mode is {mode!r}; it must be one of {MODES}")
    read_only = mode == "r"
    is_url = isinstance(store, str) and ("://" in store or "::" in store)
    scheme = store.partition("://")[0] if is_url else ""
    if storage_options is not None and (not is_url or scheme in ("memory", "file")):
        raise TypeError("'storage_options' was provided but unused: it is for URLs that fsspec opens")
    if type(store).__name__ == "StorePath":
        return store.store
    if store is None:
        return MemoryStore(read_only=read_only)
    if isinstance(store, dict):
        return MemoryStore(store, read_only=read_only)
    if scheme == "memory":
        return _in_memory(store, read_only)
    if scheme == "file" and "::" not in store:
        return LocalStore(store.removeprefix("file://"), read_only=read_only)
    if is_url:
        return FsspecStore.from_url(store, storage_options, read_only)
    if hasattr(store, "fs") and hasattr(store, "protocol"):
        if store.protocol in ("", "file"):
            return LocalStore(store.path, read_only=read_only)
        return FsspecStore.from_upath(store, read_only)
    if isinstance(store, (str, os.PathLike)):
        path = Path(store)
        if path.suffix == ".zip" and not path.is_dir() and (path.exists() or not read_only):
            return ZipStore(path, mode="r" if read_only else "a")
        return LocalStore(path, read_only=read_only)
    if type(store).__name__ == "FSMap":
        return FsspecStore.from_mapper(store, read_only)
    if isinstance(store, MutableMapping):
        return store
    try:
        return normalize_store_arg(store, mode=mode or "a")
    except StoreArgumentError as exc:
        raise TypeError(f"Unsupported type for store_like: {type(store).__name__!r}") from exc


def _in_memory(url: str, read_only: bool) -> Option:
    name, _, path = url.removeprefix("memory://").partition("/")
    try:
        return ManagedMemoryStore.from_url(url, read_only=read_only)
    except ValueError:
        if read_only:
            raise
        # kept alive by the arrays that are opened with it
        return ManagedMemoryStore(name or None, path=path)


def place_of(
    store: AnyStore,
    path: str | None = None,
    *,
    mode: str | None = None,
    storage_options: dict[str, Option] | None = None,
) -> tuple[Option, str]:
    """Return the store and the path that two values mean in zarr-python 3.

    Parameters
    ----------
    store : mapping, store, StorePath, str, PathLike or None
        See `make_store`.
    path : str, optional
        Path in the store, or below the path of a `StorePath`.
    mode, storage_options : optional
        See `make_store`.

    Raises
    ------
    ValueError
        If the store refuses changes, and the mode asks for them.
    FileExistsError
        If the mode is "w-", and there is something at the path.
    """
    found = make_store(store, mode=mode, storage_options=storage_options)
    path = normalize_path(path)
    if type(store).__name__ == "StorePath" and store.path:
        path = f"{store.path}/{path}" if path else store.path
    if mode not in (None, "r") and getattr(found, "read_only", False):
        raise ValueError(f"the store {found} is read-only, and the mode is {mode!r}; use mode 'r'")
    if mode == "r" and not getattr(found, "read_only", True):
        try:
            found = found.with_read_only(True)
        except NotImplementedError as exc:
            raise ValueError(
                f"the mode is 'r', and a {type(found).__name__} that is not read-only can't be made so"
            ) from exc
    if mode == "w-":
        prefix = f"{path}/" if path else ""
        if any(key.startswith(prefix) for key in found):
            raise FileExistsError(f"there is something at {path!r} in {found}; use mode 'w' to replace it")
    return found, path
