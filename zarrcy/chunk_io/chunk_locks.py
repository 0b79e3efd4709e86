"""Locks of stored values that are changed in part."""

from __future__ import annotations

from contextlib import AbstractContextManager

from zarrcy.storage import access
from zarrcy.sync.key_locks import KeyLock
from zarrcy.types import Key, Store, Synchronizer


class ChunkLocks:
    """The locks of the stored values of one array.

    Parameters
    ----------
    store : Store
        The store of the values.
    synchronizer : Synchronizer, optional
        Provides a lock for each key. Without one, threads of this process exclude each other.
    is_locked : bool
        Whether threads of this process exclude each other at all. If not, the caller ensures that no two writers
        change the same value.
    """

    __slots__ = ("_is_locked", "_prefix", "_store", "synchronizer")

    def __init__(self, store: Store, synchronizer: Synchronizer | None, is_locked: bool) -> None:
        self.synchronizer = synchronizer
        self._store, self._is_locked = store, is_locked
        self._prefix: str | None = None

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
        if self._prefix is None:
            self._prefix = access.place_of(self._store)
        prefix = self._prefix
        return KeyLock([prefix + key for key in keys] if prefix else keys)
