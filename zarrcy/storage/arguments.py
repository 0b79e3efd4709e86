"""What users pass as ``store=``: a mapping, one of our stores, or a path."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import Any

from zarrcy.errors import StoreArgumentError
from zarrcy.storage.directory import DirectoryStore
from zarrcy.storage.memory import KVStore, MemoryStore
from zarrcy.types import Store


def normalize_store_arg(store: Any, dimension_separator: str | None = None) -> Store:
    """Return the store that an argument means: itself, a directory for a path, memory for None.

    Raises
    ------
    StoreArgumentError : it means none

    >>> normalize_store_arg(None)
    <MemoryStore with 0 keys, 0 bytes>
    """
    if store is None:
        return MemoryStore(dimension_separator=dimension_separator)
    if isinstance(store, (str, os.PathLike)):
        return DirectoryStore(_local_path(os.fspath(store)), dimension_separator=dimension_separator)
    if isinstance(store, dict):
        return KVStore(store)
    if isinstance(store, MutableMapping):
        return store
    if hasattr(store, "__getitem__") and hasattr(store, "__setitem__"):
        mapping: Store = store
        return mapping
    raise StoreArgumentError(store)


def _local_path(path: str) -> str:
    if path.startswith("file://"):
        return path.removeprefix("file://")
    if "://" in path or path.startswith("memory:") or "::" in path:
        raise ValueError(f"{path!r} is a URL; this version opens directories only. Pass a store instead.")
    if path.endswith(".zip"):
        raise ValueError(
            f"{path!r} is a zip file; this version opens directories only. Pass a store instead."
        )
    return path
