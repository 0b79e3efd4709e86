"""Locks of stored values that are changed in part."""

from __future__ import annotations

from contextlib import AbstractContextManager

from zarrcy.storage import access
from zarrcy.sync.key_locks import KeyLock
from zarrcy.types import Key, Store, Synchronizer


class ChunkLocks:
    """The locks of the stored values of one array.

    Without a synchronizer, the names of a lock are those of the place of the array (see
    `zarrcy.storage.access.identities`) with the chunk coordinates. So they are the same for all stores, paths, links
    and mount points through which the array is opened, whichever separator each of them uses.

    Parameters
    ----------
    store : Store
        The store of the values.
    node_prefix : str
        The path of the array and a slash; empty if the array is at the root.
    separator : str
        The separator of chunk coordinates.
    synchronizer : Synchronizer, optional
        Provides a lock for each key. Without one, threads of this process exclude each other.
    is_locked : bool
        Whether threads of this process exclude each other at all. If not, the caller ensures that no two writers
        change the same value.
    """

    __slots__ = ("_is_locked", "_names", "_node_prefix", "_separator", "_store", "synchronizer")

    def __init__(
        self,
        store: Store,
        node_prefix: str,
        separator: str,
        synchronizer: Synchronizer | None,
        is_locked: bool,
    ) -> None:
        self.synchronizer = synchronizer
        self._store, self._node_prefix, self._separator = store, node_prefix, separator
        self._is_locked = is_locked
        self._names: tuple[str, ...] | None = None

    def lock(self, key: Key) -> AbstractContextManager[object]:
        """Return the lock of one value, as a context manager."""
        if self.synchronizer is None:
            return self.lock_all([key])
        lock: AbstractContextManager[object] = self.synchronizer[key]
        return lock

    def lock_all(self, keys: list[Key]) -> KeyLock:
        """Return one lock of several values, for arrays without a synchronizer."""
        if not self._is_locked:
            return KeyLock([])
        names = self._names
        if names is None:
            names = self._names = access.identities(self._store, self._node_prefix)
        start, separator = len(self._node_prefix), self._separator
        keys = [key[start:] if separator == "/" else key[start:].replace(separator, "/") for key in keys]
        return KeyLock([name + key for name in names for key in keys])
