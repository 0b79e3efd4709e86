"""Decoded chunks that are kept in memory: as many bytes as was said, those that were used last."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, NamedTuple

# What an entry costs beside the chunk: its key, and its places in two dictionaries.
_ENTRY_NBYTES = 256


class CacheInfo(NamedTuple):
    """What a cache of chunks has done, and what it holds.

    Attributes
    ----------
    hits, misses : chunks that were there when they were wanted, and that were not
    evictions : chunks that gave way to others
    n_chunks, nbytes : that it holds now
    max_nbytes : that it may hold; 0 where there is no cache
    """

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    n_chunks: int = 0
    nbytes: int = 0
    max_nbytes: int = 0


class ChunkCache:
    """Decoded chunks of one array by their coordinates; several threads may use it at once.

    An array and its views have the same stored chunks, and may decode them in different ways: `decoding` says
    in which. What is forgotten is forgotten in all of them.

    Parameters
    ----------
    max_nbytes : that it holds at most
    """

    def __init__(self, max_nbytes: int) -> None:
        self.max_nbytes = max_nbytes
        self._lock = threading.Lock()
        self._chunks: OrderedDict[tuple[object, str], Any] = OrderedDict()
        self._decodings: dict[str, set[object]] = {}
        self._nbytes = self._hits = self._misses = self._evictions = self._changes = 0
        _live.add(self)

    def get(self, decoding: object, keys: list[str]) -> tuple[list[Any], int]:
        """Return chunks, None for those that are not here, and what `put` has to be told of them."""
        with self._lock:
            found = [self._chunks.get((decoding, key)) for key in keys]
            for key, chunk in zip(keys, found, strict=True):
                if chunk is None:
                    self._misses += 1
                else:
                    self._hits += 1
                    self._chunks.move_to_end((decoding, key))
            return found, self._changes

    def holds(self, decoding: object, key: str) -> bool:
        """Is a chunk here? To ask does not count as use."""
        with self._lock:
            return (decoding, key) in self._chunks

    def put(self, decoding: object, key: str, chunk: Any, changes: int) -> None:
        """Keep a chunk, unless some were forgotten after its stored value was asked for: it may be one of them."""
        nbytes = memoryview(chunk).nbytes + _ENTRY_NBYTES
        with self._lock:
            if changes != self._changes or nbytes > self.max_nbytes:
                return
            self._drop(decoding, key)
            self._chunks[decoding, key] = chunk
            self._decodings.setdefault(key, set()).add(decoding)
            self._nbytes += nbytes
            while self._nbytes > self.max_nbytes:
                self._drop(*next(iter(self._chunks)))
                self._evictions += 1

    def forget(self, keys: Iterable[str]) -> None:
        """Drop chunks whose stored values have changed."""
        with self._lock:
            self._changes += 1
            for key in keys:
                for decoding in tuple(self._decodings.get(key, ())):
                    self._drop(decoding, key)

    def clear(self) -> None:
        """Drop all chunks."""
        with self._lock:
            self._changes += 1
            self._chunks.clear()
            self._decodings.clear()
            self._nbytes = 0

    def info(self) -> CacheInfo:
        """Return what it has done, and what it holds."""
        with self._lock:
            counts = self._hits, self._misses, self._evictions
            return CacheInfo(*counts, len(self._chunks), self._nbytes, self.max_nbytes)

    def _drop(self, decoding: object, key: str) -> None:
        chunk = self._chunks.pop((decoding, key), None)
        if chunk is None:
            return
        self._nbytes -= memoryview(chunk).nbytes + _ENTRY_NBYTES
        others = self._decodings[key]
        others.discard(decoding)
        if not others:
            del self._decodings[key]

    def _start_again(self) -> None:
        self._lock = threading.Lock()
        self.clear()


_live: weakref.WeakSet[ChunkCache] = weakref.WeakSet()


def _after_fork() -> None:
    """In a forked child a lock may be held for good by a thread that is not there, in the middle of a change."""
    for cache in list(_live):
        cache._start_again()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
