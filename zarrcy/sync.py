"""Locks per key: what `synchronizer[key]` gives to parallel writers."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from zarrcy.errors import MissingExtraError
from zarrcy.storage.paths import check_key


class Synchronizer(Protocol):
    """Anything that gives a lock, as a context manager, for a key."""

    def __getitem__(self, key: str) -> Any: ...


class ThreadSynchronizer:
    """Locks for the threads of one process.

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.zeros(10, chunks=5, synchronizer=zarrcy.ThreadSynchronizer())
    >>> a[2:4] = 1
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def __getitem__(self, key: str) -> threading.Lock:
        with self._mutex:
            return self._locks[key]

    def __reduce__(self) -> tuple[type[ThreadSynchronizer], tuple[()]]:
        # locks do not travel; in another process there is nothing that they would exclude
        return ThreadSynchronizer, ()


class ProcessSynchronizer:
    """Locks for processes that share a file system: a file for each key, locked while it is held.

    Parameters
    ----------
    path : directory for the lock files; made when the first lock is taken

    Raises
    ------
    MissingExtraError : the package ``fasteners`` is not installed

    Examples
    --------
    >>> import tempfile, zarrcy
    >>> with tempfile.TemporaryDirectory() as path:
    ...     a = zarrcy.zeros(10, chunks=5, synchronizer=zarrcy.ProcessSynchronizer(path))
    ...     a[2:4] = 1
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        try:
            import fasteners
        except ImportError as exc:
            raise MissingExtraError("fasteners", "locks", "ProcessSynchronizer") from exc
        self._new_lock = fasteners.InterProcessLock
        # a lock on a file excludes other processes only; threads of this one need one of their own
        self._threads = ThreadSynchronizer()

    @contextmanager
    def _hold(self, key: str) -> Iterator[None]:
        with self._threads[key], self._new_lock(os.path.join(self.path, check_key(key))):
            yield

    def __getitem__(self, key: str) -> AbstractContextManager[None]:
        return self._hold(key)

    def __reduce__(self) -> tuple[type[ProcessSynchronizer], tuple[str]]:
        return ProcessSynchronizer, (self.path,)
