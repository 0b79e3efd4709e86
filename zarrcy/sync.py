"""Locks per key: what `synchronizer[key]` gives to parallel writers."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any, Protocol


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
