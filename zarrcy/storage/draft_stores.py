"""The store classes that zarr-python 2 has for the draft of v3, and the argument ``store=`` for a hierarchy of it.

A class is a class of zarrcy whose ``rmdir``, ``rename`` and ``getsize`` take paths of nodes: the documents of a node
are below ``meta/root/``, its chunks below ``data/root/``. Modules of zarrcy pass prefixes of keys, which begin with one
of these two.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, MutableMapping
from importlib import import_module
from string import ascii_letters, digits
from typing import ClassVar, TypeAlias

from zarrcy._lazy import Loaded
from zarrcy.errors import KeyPathError, NotErasableError, PathNotFoundError, StoreArgumentError
from zarrcy.keys import is_own_name, normalize_path, prefix_of
from zarrcy.storage.base import Store, flat
from zarrcy.storage.consolidated import ConsolidatedMetadataStore
from zarrcy.storage.optional import Client
from zarrcy.types import JSON, Buffer, Key, Option
from zarrcy.types import Store as StoreLike

_ROOTS = ("meta/root/", "data/root/")
_ENTRY_KEY = "zarr.json"
_SUFFIXES = (".array.json", ".group.json")
_Keys: TypeAlias = list[Key]
_Parts: TypeAlias = list[bytes | None]

# Class -> the module and the class that it is made of. `__getattr__` makes it on first use.
CLASSES = {
    "ABSStoreV3": ("zarrcy.storage.remote.azure", "ABSStore"),
    "DBMStoreV3": ("zarrcy.storage.local.dbm", "DBMStore"),
    "DirectoryStoreV3": ("zarrcy.storage.local.directory", "DirectoryStore"),
    "FSStoreV3": ("zarrcy.storage.remote.fsspec", "FSStore"),
    "KVStoreV3": ("zarrcy.storage.memory", "KVStore"),
    "LMDBStoreV3": ("zarrcy.storage.local.lmdb", "LMDBStore"),
    "LRUStoreCacheV3": ("zarrcy.storage.lru_cache", "LRUStoreCache"),
    "MemoryStoreV3": ("zarrcy.storage.memory", "MemoryStore"),
    "MongoDBStoreV3": ("zarrcy.storage.remote.mongodb", "MongoDBStore"),
    "RedisStoreV3": ("zarrcy.storage.remote.redis", "RedisStore"),
    "SQLiteStoreV3": ("zarrcy.storage.local.sqlite", "SQLiteStore"),
    "ZipStoreV3": ("zarrcy.storage.local.zip", "ZipStore"),
}


class StoreV3(Store):
    """Base class of stores that hold a hierarchy in the draft of v3, and nothing else.

    See Also
    --------
    zarrcy.storage.Store : Base class of other stores.
    """

    _store_version: ClassVar[int] = 3
    _valid_key_characters: ClassVar[frozenset[str]] = frozenset(ascii_letters + digits + "/.-_")

    @property
    def _metadata_class(self) -> object:
        # programs of zarr-python 2 encode documents with it
        return import_module("zarrcy.metadata.v3_draft_dicts").Metadata3

    @classmethod
    def _ensure_store(cls, store: Client) -> StoreLike | None:
        return None if store is None else as_draft_store(store)

    def _valid_key(self, key: object) -> bool:
        return isinstance(key, str) and self._valid_key_characters.issuperset(key)

    def _validate_key(self, key: object) -> None:
        if not isinstance(key, str) or not self._valid_key(key):
            raise KeyPathError(
                key, "a key of the draft of v3 consists of letters and digits of ASCII, and of /.-_"
            )
        if key != _ENTRY_KEY and not key.startswith(("meta/", "data/")):
            raise KeyPathError(key, "a key of the draft of v3 begins with meta/ or data/")
        if key.endswith("/"):
            raise KeyPathError(key, "a key does not end with a slash")

    def __setitem__(self, key: Key, value: Buffer) -> None:
        if not _is_temporary(key):
            self._validate_key(key)
        super().__setitem__(key, value)

    # -- listing -----------------------------------------------------------------------------------

    def list(self) -> _Keys:
        """Return all keys."""
        return [*self.keys()]

    def list_prefix(self, prefix: str) -> _Keys:
        """Return the keys that begin with a prefix.

        Raises
        ------
        KeyPathError
            If the prefix begins with a slash.
        """
        if prefix.startswith("/"):
            raise KeyPathError(prefix, "a prefix does not begin with a slash")
        return [key for key in self.list() if key.startswith(prefix)]

    def list_dir(self, prefix: str) -> tuple[_Keys, _Keys]:
        """Return the keys directly below a prefix that ends with a slash, and the prefixes of the others."""
        keys, prefixes = [], set()
        for key in self.list_prefix(prefix):
            name, slash, _ = key[len(prefix) :].partition("/")
            if slash:
                prefixes.add(f"{prefix}{name}/")
            else:
                keys.append(key)
        return keys, sorted(prefixes)

    def getsize(self, path: str = "") -> int:
        """Return the number of bytes of a value, or of all values of the nodes at and below a path."""
        path = normalize_path(path)
        if path and path in self:
            return len(flat(self[path]))
        if path.startswith(_ROOTS):
            size = super().getsize(path)
            # a user's own class may not have a method for it
            return self._size_of(self.list_dir(f"{path}/")[0]) if size < 0 else size
        return self._size_of(key for key in self.list() if _is_at(key, path))

    def _size_of(self, keys: Iterable[Key]) -> int:
        try:
            return sum(len(flat(self[key])) for key in keys)
        except TypeError:
            return -1

    # -- changing ----------------------------------------------------------------------------------

    def erase(self, key: Key) -> None:
        """Delete a key."""
        del self[key]

    def erase_prefix(self, prefix: str) -> None:
        """Delete the keys that begin with a prefix; "/" stands for all keys."""
        for key in self.list() if prefix == "/" else self.list_prefix(prefix):
            self.erase(key)

    def rmdir(self, path: str = "") -> None:
        """Delete the nodes at and below a path: their documents and chunks."""
        path = normalize_path(path)
        if not path or path.startswith(_ROOTS):
            super().rmdir(path)
            return
        for root in _ROOTS:
            super().rmdir(root + path)
        for suffix in _SUFFIXES:
            if _ROOTS[0] + path + suffix in self:
                del self[_ROOTS[0] + path + suffix]

    def rename(self, src_path: str, dst_path: str) -> None:
        """Move the nodes at and below a path.

        Raises
        ------
        NotErasableError
            If the store can't delete keys.
        PathNotFoundError
            If there is nothing at `src_path`.
        """
        if not self.is_erasable():
            raise NotErasableError(src_path, type(self).__name__)
        src, dst = normalize_path(src_path), normalize_path(dst_path)
        if src.startswith(_ROOTS):
            super().rename(src, dst)
            return
        is_moved = False
        for root in _ROOTS:
            if self.listdir(root + src):
                super().rename(root + src, root + dst)
                is_moved = True
        for suffix in _SUFFIXES:
            document = _ROOTS[0] + src + suffix
            if document in self:
                self[_ROOTS[0] + dst + suffix] = self.pop(document)
                is_moved = True
        if not is_moved:
            raise PathNotFoundError(src)

    # -- parts of values -----------------------------------------------------------------------------

    @property
    def supports_efficient_get_partial_values(self) -> bool:
        """Whether parts of values are read without the rest."""
        return hasattr(super(), "get_partial_values")

    def supports_efficient_set_partial_values(self) -> bool:
        """Return whether parts of values are written without the rest: False."""
        return False

    def get_partial_values(self, key_ranges: Iterable[tuple[Key, tuple[int, int | None]]]) -> _Parts:
        """Return parts of values; None for keys that do not exist.

        Parameters
        ----------
        key_ranges : iterable of (str, (int, int or None))
            Keys and ranges ``(start, nbytes)``, in bytes; a negative start counts from the end.
        """
        below = getattr(super(), "get_partial_values", None)
        if below is not None:
            parts: _Parts = below(key_ranges)
            return parts
        result: _Parts = []
        for key, (start, nbytes) in key_ranges:
            value = self.get(key)
            if value is None:
                result.append(None)
                continue
            tail = bytes(flat(value))[start:]
            result.append(tail if nbytes is None else tail[:nbytes])
        return result

    def set_partial_values(self, key_start_values: Iterable[tuple[Key, int, Buffer]]) -> None:
        """Write parts of values: each value is read, changed and written once.

        Parameters
        ----------
        key_start_values : iterable of (str, int, bytes)
            Keys, positions in bytes, and what is written there. A negative position counts from the end, and the value
            then ends with what is written.

        Raises
        ------
        ValueError
            If a part begins after the end of its value.
        """
        changed: dict[Key, bytearray] = {}
        for key, start, part in key_start_values:
            if key not in changed:
                changed[key] = bytearray(self.get(key, b""))
            value = changed[key]
            if start > len(value):
                raise ValueError(
                    f"the value {key!r} has {len(value)} bytes, so nothing can be written at {start}"
                )
            first = start if start >= 0 else max(0, len(value) + start)
            value[first : len(value) if start < 0 else first + len(flat(part))] = flat(part)
        for key, value in changed.items():
            self[key] = bytes(value)


class ConsolidatedMetadataStoreV3(ConsolidatedMetadataStore, StoreV3):
    """Read-only store of the metadata documents that were consolidated in the draft of v3.

    Parameters
    ----------
    store : mapping
        Store that has the key `metadata_key`.
    metadata_key : str
        Key of the consolidated metadata.
    **kwargs
        As for `ConsolidatedMetadataStore`.

    Raises
    ------
    StoreArgumentError
        If `store` is a path.
    """

    def __init__(
        self, store: Client, metadata_key: Key = "meta/root/consolidated/.zmetadata", **kwargs: Option
    ) -> None:
        if isinstance(store, (str, os.PathLike)):
            raise StoreArgumentError(store)
        super().__init__(as_draft_store(store), metadata_key, **kwargs)


def _is_temporary(key: Key) -> bool:
    """Return whether a key is one that this package writes while it copies a node."""
    return is_own_name(key.rpartition("/")[2])


def _is_at(key: Key, path: str) -> bool:
    """Return whether a key is that of a document or a chunk of a node at or below a path."""
    for root in _ROOTS:
        if key.startswith(root):
            name = key[len(root) :]
            return name.startswith(prefix_of(path)) or name in (
                path,
                *(path + suffix for suffix in _SUFFIXES),
            )
    return False


class RmdirV3:
    """Gives a store of a user the method ``rmdir`` of `StoreV3`, whatever its other bases have."""

    def rmdir(self, path: str = "") -> None:
        """Delete the nodes at and below a path."""
        StoreV3.rmdir(self, path)  # type: ignore[arg-type]


def __getattr__(name: str) -> Loaded:
    if name not in CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, base = CLASSES[name]
    parent = getattr(import_module(module), base)
    doc = f"A `{base}` that holds a hierarchy in the draft of v3, and nothing else."
    made = type(
        name, (StoreV3, parent), {"__module__": __name__, "__doc__": doc, "__hash__": parent.__hash__}
    )
    globals()[name] = made
    return made


def as_draft_store(
    store: Client, storage_options: Mapping[str, JSON] | None = None, mode: str = "r"
) -> Client:
    """Return the store for an argument ``store=`` of a hierarchy in the draft of v3.

    Raises
    ------
    StoreArgumentError
        If the argument is not a store.
    ValueError
        If it is a store of another version, or `storage_options` are passed with a path.
    NotImplementedError
        If it is the path of an N5 container.
    """
    make: Loaded = import_module(__name__)
    options = dict(storage_options or {})
    if store is None:
        return make.KVStoreV3({})
    if isinstance(store, StoreV3):
        return store
    if isinstance(store, (str, os.PathLike)):
        path = os.fspath(store)
        if "://" in path or "::" in path:
            return make.FSStoreV3(path, mode=mode, **options)
        if options:
            raise ValueError(
                f"storage_options {sorted(options)} are options for URLs, but {path!r} is a local path"
            )
        if path.endswith(".n5"):
            raise NotImplementedError("an N5 container cannot hold the draft of v3")
        if path.endswith(".zip"):
            return make.ZipStoreV3(path, mode="a" if mode in ("w-", "x", "r+") else mode)
        return make.DirectoryStoreV3(path)
    if type(store).__name__ == "FSMap":
        return make.FSStoreV3(
            store.root, fs=store.fs, mode=mode, check=store.check, create=store.create, **options
        )
    if isinstance(store, Store):
        name = type(store).__name__
        raise ValueError(f"a {name} does not hold the draft of v3; use a {name}V3")  # noqa: TRY004
    if isinstance(store, MutableMapping) or all(
        hasattr(store, name)
        for name in ("keys", "values", "get", "__getitem__", "__setitem__", "__delitem__", "__contains__")
    ):
        return make.KVStoreV3(store)
    raise StoreArgumentError(store)
