"""Turn the argument ``store=`` into a store: a mapping, a path, a URL, or a store of another library."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

from zarrcy import settings
from zarrcy.errors import StoreArgumentError
from zarrcy.storage.base import BaseStore
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.types import JSON, Store, ZarrFormat

if TYPE_CHECKING:
    from zarrcy.storage.optional import Client

_DRAFT = "3-draft"
_MAPPING_METHODS = ("__getitem__", "__setitem__", "__delitem__", "__contains__", "__iter__", "keys")


def normalize_store_arg(
    store: Client,
    storage_options: dict[str, JSON] | None = None,
    mode: str = "r",
    dimension_separator: str | None = None,
    *,
    zarr_version: ZarrFormat | None = None,
) -> Store:
    """Return the store for an argument ``store=``.

    Parameters
    ----------
    store : None, mapping, str, os.PathLike or object
        One of:

        - None: a new store in memory.
        - A mapping of str to bytes-like, which is used as it is.
        - The path of a directory; of a zip archive if it ends in ``.zip``; of an N5 container if it ends in
          ``.n5``.
        - A URL, or several URLs chained with ``::``.
        - A mapper of fsspec, or a store of obstore or zarr-python, or any object with the asynchronous interface of
          zarr-python's stores, such as the store of an icechunk session.
        - A `StorePath`: a store and a path in it.
    storage_options : dict, optional
        Options for the file system of a URL.
    mode : str, default "r"
        Mode of `open_array`. "r" makes the store of a URL or archive read-only.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.
    zarr_version : int or str, optional
        If ``ZARR_V3_EXPERIMENTAL_API`` is set, 3 and "3-draft" mean the stores of the draft, such as
        ``DirectoryStoreV3``. Otherwise it is ignored: all formats use the same stores.

    Returns
    -------
    mutable mapping of str to bytes
        The store.

    Raises
    ------
    StoreArgumentError
        If the argument is not a store.
    MissingExtraError
        If the store needs a package that is not installed.
    ValueError
        If `storage_options` are passed without a URL.

    Examples
    --------
    >>> normalize_store_arg(None)
    <MemoryStore with 0 keys, 0 bytes>
    >>> normalize_store_arg("memory://example", mode="r")
    <FSStore 'memory:///example' mode='r'>
    """
    if _is_draft(zarr_version):
        return open_store(store, storage_options, mode, _DRAFT)
    if store is None:
        from zarrcy.storage.memory import MemoryStore

        return MemoryStore(dimension_separator=dimension_separator)
    if isinstance(store, (str, os.PathLike)):
        return _store_at(os.fspath(store), storage_options, mode, dimension_separator)
    if type(store).__name__ == "StorePath":
        return _store_below(store, mode)
    adopted = _adopt(store, storage_options, mode, dimension_separator)
    if adopted is not None:
        return adopted
    if isinstance(store, dict):
        from zarrcy.storage.memory import KVStore

        return KVStore(store, dimension_separator=dimension_separator)
    if isinstance(store, MutableMapping):
        return store
    if all(hasattr(store, name) for name in _MAPPING_METHODS):
        mapping: Store = store
        return mapping
    return _asynchronous(store, mode, dimension_separator)


def _store_below(place: Client, mode: str) -> Store:
    """Return the store of the keys below a path in a store, which an object of zarr-python 3 names."""
    store = normalize_store_arg(place.store, mode=mode)
    if not place.path:
        return store
    from zarrcy.storage.places import store_below

    return store_below(store, place.path)


def _is_draft(version: ZarrFormat | None) -> bool:
    return version in (3, _DRAFT) and bool(settings.V3_DRAFT.value())


def open_store(
    store: Client, storage_options: dict[str, JSON] | None, mode: str, version: ZarrFormat | None
) -> Store:
    """Return the store for an argument ``store=`` of a node in a version of the format; None is any version.

    For the draft of v3, zarr-python 2 has classes of its own. They are used if ``ZARR_V3_EXPERIMENTAL_API`` is set.
    """
    if version != _DRAFT or isinstance(store, BaseStore) or not settings.V3_DRAFT.value():
        return normalize_store_arg(store, storage_options, mode)
    # other programs do not need this import
    from zarrcy.storage.draft_stores import as_draft_store

    opened: Store = as_draft_store(store, storage_options, mode)
    return opened


def _store_at(
    path: str, storage_options: dict[str, JSON] | None, mode: str, dimension_separator: str | None
) -> Store:
    """Return the store at a path or URL."""
    if "::" not in path and path.startswith("file://") and not storage_options:
        # the result is the same as with fsspec, which need not be installed
        path = path.removeprefix("file://")
    elif "://" in path or "::" in path:
        from zarrcy.storage.remote.fsspec import FSStore

        return FSStore(path, mode=mode, dimension_separator=dimension_separator, **(storage_options or {}))
    if storage_options:
        raise ValueError(
            f"storage_options {sorted(storage_options)} are options for URLs, but {path!r} is a local path; "
            f"leave them out, or pass the URL 'file://{os.path.abspath(path)}' to open the path with fsspec"
        )
    if path.endswith(".zip"):
        from zarrcy.storage.local.zip import ZipStore

        return ZipStore(path, mode=_zip_mode(path, mode), dimension_separator=dimension_separator)
    if path.endswith(".n5"):
        from zarrcy.storage.n5.store import N5Store

        return N5Store(path)
    return DirectoryStore(path, dimension_separator=dimension_separator)


def _zip_mode(path: str, mode: str) -> str:
    """Return the mode of the zip archive for an array or a group that is opened with `mode`."""
    if mode == "r+":
        # opening a missing node must not create an archive
        return "a" if os.path.exists(path) else "r"
    # these modes refuse an existing node, not an existing archive
    return "a" if mode in ("w-", "x") else mode


def _adopt(
    store: Client, storage_options: dict[str, JSON] | None, mode: str, dimension_separator: str | None
) -> Store | None:
    """Return a store that wraps an object of another library; None for other objects.

    The objects are recognized by the name of their module, so none of these libraries is imported.
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


def _adopt_zarr(store: Client, mode: str, dimension_separator: str | None) -> Store:
    """Return our store for the location of a store of zarr-python 3. Stores of zarr-python 2 are mappings."""
    mode = "r" if getattr(store, "read_only", False) else mode
    match type(store).__name__:
        case "LocalStore":
            return DirectoryStore(store.root, dimension_separator=dimension_separator)
        case "ObjectStore":
            return _adopt(store.store, None, mode, dimension_separator) or store
        case "FsspecStore":
            from zarrcy.storage.remote.fsspec import FSStore

            fs = type(store.fs)(*store.fs.storage_args, **{**store.fs.storage_options, "asynchronous": False})
            return FSStore(
                store.path,
                fs=fs,
                mode=mode,
                dimension_separator=dimension_separator,
                missing_exceptions=store.allowed_exceptions,
            )
    return _asynchronous(store, mode, dimension_separator)


def _asynchronous(store: Client, mode: str, dimension_separator: str | None) -> Store:
    """Return a store over an object with the asynchronous interface of zarr-python 3."""
    from zarrcy.storage.remote.zarr3_store import AsynchronousStore, is_asynchronous

    if not is_asynchronous(store):
        raise StoreArgumentError(store)
    return AsynchronousStore(store, dimension_separator, read_only=mode == "r")
