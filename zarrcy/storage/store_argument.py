"""What users pass as ``store=``: a mapping, one of our stores, a path, a URL, another library's store."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import Any

from zarrcy.errors import StoreArgumentError
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.storage.memory import KVStore, MemoryStore
from zarrcy.types import Store, ZarrFormat

_OF_A_MAPPING = ("__getitem__", "__setitem__", "__delitem__", "__contains__", "__iter__", "keys")


def normalize_store_arg(
    store: Any,
    storage_options: dict[str, Any] | None = None,
    mode: str = "r",
    dimension_separator: str | None = None,
    *,
    zarr_version: ZarrFormat | None = None,
) -> Store:
    """Return the store that an argument means.

    Parameters
    ----------
    store : None for memory; a mapping of str to bytes-like, which is its own store; a path of a directory,
        of an archive if it ends in ``.zip``, of an N5 container if it ends in ``.n5``; a URL, or several
        chained with ``::``; a mapper of fsspec; a store of obstore or of zarr-python
    storage_options : for the file system of a URL
    mode : of `open_array`; "r" refuses changes of what lies at a URL or in an archive
    dimension_separator : "." or "/", for arrays whose metadata do not say
    zarr_version : kept for users of zarr-python 2; a store is the same for every format

    Raises
    ------
    StoreArgumentError : it means none
    MissingExtraError : a package is needed for it
    ValueError : `storage_options` are given, but no URL

    Examples
    --------
    >>> normalize_store_arg(None)
    <MemoryStore with 0 keys, 0 bytes>
    >>> normalize_store_arg("memory://example", mode="r")
    <FSStore 'memory:///example' mode='r'>
    """
    if store is None:
        return MemoryStore(dimension_separator=dimension_separator)
    if isinstance(store, (str, os.PathLike)):
        return _store_at(os.fspath(store), storage_options, mode, dimension_separator)
    adopted = _adopt(store, storage_options, mode, dimension_separator)
    if adopted is not None:
        return adopted
    if isinstance(store, dict):
        return KVStore(store, dimension_separator=dimension_separator)
    if isinstance(store, MutableMapping):
        return store
    if all(hasattr(store, name) for name in _OF_A_MAPPING):
        mapping: Store = store
        return mapping
    raise StoreArgumentError(store)


def _store_at(
    path: str, storage_options: dict[str, Any] | None, mode: str, dimension_separator: str | None
) -> Store:
    """Return the store at a path or URL."""
    if "::" not in path and path.startswith("file://") and not storage_options:
        # what fsspec would do, without fsspec
        path = path.removeprefix("file://")
    elif "://" in path or "::" in path:
        from zarrcy.storage.remote.fsspec import FSStore

        return FSStore(path, mode=mode, dimension_separator=dimension_separator, **(storage_options or {}))
    if storage_options:
        raise ValueError(
            f"storage_options {sorted(storage_options)} are for URLs, and {path!r} is a local path; "
            f"write it as a URL, 'file://{os.path.abspath(path)}', if you mean them for fsspec"
        )
    if path.endswith(".zip"):
        from zarrcy.storage.local.zip import ZipStore

        return ZipStore(path, mode=_zip_mode(path, mode), dimension_separator=dimension_separator)
    if path.endswith(".n5"):
        from zarrcy.storage.n5.store import N5Store

        return N5Store(path)
    return DirectoryStore(path, dimension_separator=dimension_separator)


def _zip_mode(path: str, mode: str) -> str:
    """Return the mode of an archive in which an array or a group is opened with `mode`."""
    if mode == "r+":
        # to open what is not there must not make an archive
        return "a" if os.path.exists(path) else "r"
    # whether there is something in its way is asked of the node, not of the archive
    return "a" if mode in ("w-", "x") else mode


def _adopt(
    store: Any, storage_options: dict[str, Any] | None, mode: str, dimension_separator: str | None
) -> Store | None:
    """Return a store around another library's; None for what is none of theirs.

    They are known by their module, so that none of these libraries is imported to look.
    """
    kind = type(store)
    package = kind.__module__.split(".")[0]
    if package == "fsspec" and kind.__name__ == "FSMap":
        from zarrcy.storage.remote.fsspec import FSStore

        return FSStore(
            store.root,
            fs=store.fs,
            mode=mode,
            check=store.check,
            create=store.create,
            missing_exceptions=store.missing_exceptions,
            dimension_separator=dimension_separator,
            **(storage_options or {}),
        )
    if package == "obstore":
        from zarrcy.storage.remote.obstore import ObjectStore

        return ObjectStore(store, dimension_separator, read_only=mode == "r")
    if package == "zarr" and not isinstance(store, MutableMapping):
        return _adopt_zarr(store, mode, dimension_separator)
    return None


def _adopt_zarr(store: Any, mode: str, dimension_separator: str | None) -> Store:
    """Return a store in the place where a store of zarr-python 3 is; those of zarr-python 2 are mappings."""
    mode = "r" if getattr(store, "read_only", False) else mode
    match type(store).__name__:
        case "LocalStore":
            return DirectoryStore(store.root, dimension_separator=dimension_separator)
        case "ObjectStore":
            return _adopt(store.store, None, mode, dimension_separator) or store
        case "FsspecStore":
            from zarrcy.storage.remote.fsspec import FSStore

            fs = type(store.fs)(*store.fs.storage_args, **{**store.fs.storage_options, "asynchronous": False})
            return FSStore(store.path, fs=fs, mode=mode, dimension_separator=dimension_separator)
    raise StoreArgumentError(store)
