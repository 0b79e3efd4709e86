"""Locks of stored values that are changed in part."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeAlias

from zarrcy.storage import access
from zarrcy.sync.key_locks import FilesLock, KeyLock
from zarrcy.types import Buffer, Key, Store, Synchronizer

if TYPE_CHECKING:
    from zarrcy.sync.file_locks import OnWait

ValueLock: TypeAlias = KeyLock | FilesLock


class ChunkLocks:
    """The locks of the stored values of one array.

    Without a synchronizer, the names of a lock are those of the place of the array (see
    `zarrcy.storage.access.identities`) with the chunk coordinates. So they are the same for all stores, paths, links
    and mount points through which the array is opened, whichever separator each of them uses. If values are files, the
    files are locked too (`zarrcy.sync.file_locks`), so that other processes are excluded.

    Parameters
    ----------
    store : Store
        The store of the values.
    node_prefix : str
        The path of the array and a slash; empty if the array is at the root.
    separator : str
        The separator of chunk coordinates.
    synchronizer : Synchronizer, optional
        Provides a lock for each key. Without one, threads exclude each other, and processes do if values are files.
    is_locked : bool
        Whether writers exclude each other at all. If not, the caller ensures that no two writers change the same value.
    """

    __slots__ = (
        "_file_of",
        "_is_locked",
        "_names",
        "_node_prefix",
        "_on_wait",
        "_separator",
        "_store",
        "synchronizer",
    )

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
        self._file_of = access.files_to_lock(store) if synchronizer is None and is_locked else None
        self._names: tuple[str, ...] | None = None
        self._on_wait: OnWait | None = None

    def lock(self, key: Key) -> AbstractContextManager[object]:
        """Return the lock of one value, as a context manager."""
        if self.synchronizer is None:
            return self.lock_all([key])
        lock: AbstractContextManager[object] = self.synchronizer[key]
        return lock

    def lock_all(self, keys: list[Key]) -> KeyLock:
        """Return one lock of several values in this process, for arrays without a synchronizer."""
        return KeyLock(self._all_names(keys) if self._is_locked else [])

    def lock_values(self, keys: list[Key]) -> ValueLock:
        """Return one lock of several values, also against other processes, for arrays without a synchronizer."""
        on_wait = self.on_wait if keys else None
        if self._file_of is None or on_wait is None:
            return self.lock_all(keys)
        files = {
            name: os.fsencode(self._file_of(key))
            for name, key in zip(self._names_of(keys), keys, strict=True)
        }
        return FilesLock(self._all_names(keys), files, 0, on_wait)

    def absent(self, lock: ValueLock, keys: list[Key]) -> set[Key]:
        """Return those keys of a held lock that had no file when it would have been locked.

        Another process may create such a value at any time.
        """
        missing = getattr(lock, "missing", None)
        if not missing:
            return set()
        return {key for name, key in zip(self._names_of(keys), keys, strict=True) if name in missing}

    def create(self, key: Key, value: Buffer) -> bool:
        """Store a value that could not be locked because it did not exist. False if it exists by now."""
        return access.set_if_absent(self._store, key, value)

    @property
    def on_wait(self) -> OnWait | None:
        """What is called if a file is locked for long; None if files are not locked."""
        if self._file_of is None or self._on_wait is not None:
            return self._on_wait
        from zarrcy.sync.file_locks import on_wait
        from zarrcy.sync.lock_reach import warn_of_reach

        # the first write of a part
        warn_of_reach(self._file_of(self._node_prefix))
        self._on_wait = on_wait
        return on_wait

    @property
    def most_at_once(self) -> int:
        """How many values may be locked at the same time, each of which needs an open file."""
        if self._file_of is None:
            return 2**31
        from zarrcy.sync.file_locks import most_at_once

        return most_at_once()

    def warn_if_unlocked(self, lock: ValueLock, keys: list[Key]) -> None:
        """Warn once if the file system has no locks of files, as a lock that was released has noticed."""
        number = getattr(lock, "lock_error", 0)
        if number:
            self.warn_without_locks(keys[0], number)

    def warn_without_locks(self, key: Key, number: int) -> None:
        """Warn once that the file system has no locks, which the system said with an error number."""
        from zarrcy.sync.file_locks import warn_without_locks

        assert self._file_of is not None, "files were to be locked"
        warn_without_locks(self._file_of(key), number)

    def _names_of(self, keys: list[Key]) -> list[str]:
        """Return one name of each value, the same in all processes that open the array with this path."""
        start, separator, name = len(self._node_prefix), self._separator, self._places()[0]
        return [
            name + (key[start:] if separator == "/" else key[start:].replace(separator, "/")) for key in keys
        ]

    def _all_names(self, keys: list[Key]) -> list[str]:
        start, separator = len(self._node_prefix), self._separator
        keys = [key[start:] if separator == "/" else key[start:].replace(separator, "/") for key in keys]
        return [name + key for name in self._places() for key in keys]

    def _places(self) -> tuple[str, ...]:
        if self._names is None:
            self._names = access.identities(self._store, self._node_prefix)
        return self._names
