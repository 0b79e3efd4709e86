"""Compare the places of nodes in stores, and make a store of the keys below a path."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from zarrcy.storage import access
from zarrcy.storage.base import Store
from zarrcy.storage.listing import keys_of
from zarrcy.sync.lock_reach import MOUNTS, mount_of
from zarrcy.sync.thread_pool import text_of
from zarrcy.types import Buffer, Key
from zarrcy.types import Store as StoreLike


def overlap(store: StoreLike, prefix: str, other: StoreLike, other_prefix: str) -> bool | None:
    """Return whether one store holds values below a prefix that another one holds below another; None if not known.

    Examples
    --------
    >>> values = {}
    >>> overlap(values, "a/", values, "a/b/"), overlap(values, "a/", values, "b/"), overlap(values, "", {}, "")
    (True, False, False)
    """
    store, other = access.mapping_of(store), access.mapping_of(other)
    if store is other:
        return _nested(prefix, other_prefix)
    names, other_names = _names(store, prefix), _names(other, other_prefix)
    if not names or not other_names:
        return None
    return any(_nested(name, other_name) for name in names for other_name in other_names)


def _nested(name: str, other: str) -> bool:
    return name.startswith(other) or other.startswith(name)


def _names(store: StoreLike, prefix: str) -> set[str]:
    """Return the names of a place, which begin with the names of the places that contain it; none if not known."""
    names = {*access.identities(store, prefix)} - {prefix}
    return names | {_name_in_file_system(name) for name in names if name.startswith("/")}


def _name_in_file_system(path: str) -> str:
    """Return a path from the root of its file system, which is the same for all its mount points."""
    mount = mount_of(path, text_of(MOUNTS))
    # None on other systems than Linux
    return path if mount is None else f"device:{mount.device}:{mount.root}{path[len(mount.at) :]}"


# -- the keys below a path ---------------------------------------------------------------------------


def store_below(store: StoreLike, path: str) -> StoreLike:
    """Return a store of the keys below a path of another store.

    Examples
    --------
    >>> values = {}
    >>> store_below(values, "a")["0"] = b"x"
    >>> values
    {'a/0': b'x'}
    """
    directory = access.directory_of(store)
    if directory is None:
        return _StoreBelow(store, path)
    from zarrcy.storage.local.directory import DirectoryStore

    return DirectoryStore(
        os.path.join(directory, path),
        dimension_separator=access.dimension_separator(store),
        durability=access.durability(store),
    )


class _StoreBelow(Store):
    """The keys below a path of another store, without the path."""

    consumes_values: ClassVar[bool] = True

    def __init__(self, store: StoreLike, path: str) -> None:
        self._store, self._prefix = store, f"{path}/"
        self._dimension_separator = access.dimension_separator(store)
        self._read, self._write = access.reader(store), access.writer(store)

    def is_thread_safe(self) -> bool:
        return access.is_thread_safe(self._store)

    def is_local(self) -> bool:
        return access.is_local(self._store)

    def __getitem__(self, key: Key) -> Buffer:
        value: Buffer = self._store[self._prefix + key]
        return value

    def getitems(
        self, keys: Sequence[Key], *, contexts: Mapping[str, object] | None = None
    ) -> Mapping[Key, Buffer]:
        values = zip(keys, self._read([self._prefix + key for key in keys]), strict=True)
        return {key: value for key, value in values if value is not None}

    def __setitem__(self, key: Key, value: Buffer) -> None:
        self._write({self._prefix + key: value})

    def setitems(self, values: Mapping[Key, Buffer]) -> None:
        """Store several values."""
        self._write({self._prefix + key: value for key, value in values.items()})

    def __delitem__(self, key: Key) -> None:
        del self._store[self._prefix + key]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._prefix + key in self._store

    def __iter__(self) -> Iterator[Key]:
        skip = len(self._prefix)
        return (key[skip:] for key in keys_of(self._store) if key.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)
