"""A cache of the decoded chunks of one array: the most recently used, up to a number of bytes."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Iterable
from typing import NamedTuple

from zarrcy.sync.key_locks import LiveObjects
from zarrcy.sync.recent_values import RecentValues
from zarrcy.types import Buffer

# What an entry costs beside the chunk: its key, and its entries in two dictionaries.
_ENTRY_NBYTES = 256


class CacheInfo(NamedTuple):
    """Statistics of a chunk cache.

    Attributes
    ----------
    hits, misses : int
        Requested chunks that were in the cache, and that were not.
    evictions : int
        Chunks that were dropped to make room for others.
    n_chunks, nbytes : int
        Chunks in the cache, and their bytes.
    max_nbytes : int
        Most bytes in the cache; 0 if the array has no cache.
    """

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    n_chunks: int = 0
    nbytes: int = 0
    max_nbytes: int = 0


class ChunkCache:
    """Decoded chunks of one array by their coordinates. Several threads may use it.

    An array and its views share the stored chunks, and may decode them to different data types. Each way of
    decoding has entries of its own, see `decoded_as`; a stored chunk that changes is dropped from all of them.

    Parameters
    ----------
    max_nbytes : int
        Most bytes that the cache holds.
    """

    def __init__(self, max_nbytes: int) -> None:
        self.max_nbytes = max_nbytes
        # a signal handler may use the cache while its thread has the lock
        self.lock = threading.RLock()
        self._chunks: RecentValues[tuple[Hashable, str], Buffer] = RecentValues(max_nbytes)
        self._decodings: dict[str, set[Hashable]] = {}
        self._hits = self._misses = self._evictions = self._changes = 0
        live_caches.add(self)

    def decoded_as(self, decoding: Hashable) -> CacheView:
        """Return the part of the cache that belongs to one way of decoding."""
        return CacheView(self, decoding)

    def get(self, decoding: Hashable, keys: list[str]) -> tuple[list[Buffer | None], int]:
        """Return the chunks, None for those not in the cache, and the change counter to pass to `put`."""
        with self.lock:
            changes = self._changes
            chunks = [self._chunks.get((decoding, key)) for key in keys]
            n_missing = sum(chunk is None for chunk in chunks)
            self._misses += n_missing
            self._hits += len(keys) - n_missing
            return chunks, changes

    def holds(self, decoding: Hashable, key: str) -> bool:
        """Return whether a chunk is in the cache. This does not count as use."""
        with self.lock:
            return (decoding, key) in self._chunks

    def put(self, decoding: Hashable, key: str, chunk: Buffer, changes: int) -> None:
        """Keep a chunk, unless stored chunks changed after `get` returned `changes`: this may be one of them."""
        nbytes = memoryview(chunk).nbytes + _ENTRY_NBYTES
        with self.lock:
            if changes != self._changes or nbytes > self.max_nbytes:
                return
            # before the chunk is kept, so that `forget` finds it
            self._decodings.setdefault(key, set()).add(decoding)
            dropped = self._chunks.put((decoding, key), chunk, nbytes)
            for other in dropped:
                self._forget_decoding(*other)
            n_dropped = len(dropped)
            self._evictions += n_dropped
            if changes != self._changes:
                # a signal handler wrote the chunk
                self._chunks.drop((decoding, key))

    def forget(self, keys: Iterable[str]) -> None:
        """Drop chunks whose stored values have changed."""
        with self.lock:
            self._changes += 1
            for key in keys:
                for decoding in tuple(self._decodings.get(key, ())):
                    self._chunks.drop((decoding, key))
                    self._forget_decoding(decoding, key)

    def clear(self) -> None:
        """Drop all chunks."""
        with self.lock:
            self._changes += 1
            self._chunks.clear()
            self._decodings.clear()

    def info(self) -> CacheInfo:
        """Return the statistics of the cache."""
        with self.lock:
            counts = self._hits, self._misses, self._evictions
            return CacheInfo(*counts, len(self._chunks), self._chunks.nbytes, self.max_nbytes)

    def _forget_decoding(self, decoding: Hashable, key: str) -> None:
        others = self._decodings.get(key, set())
        others.discard(decoding)
        if not others:
            self._decodings.pop(key, None)

    def renew(self) -> None:
        """Start with a new lock and no chunks. In a forked child, no thread can release the old lock."""
        self.lock = threading.RLock()
        self.clear()


class CacheView:
    """The chunks of a cache that were decoded in one way.

    Parameters
    ----------
    cache : ChunkCache
        The cache of the array and its views.
    decoding : hashable
        Names the way of decoding.
    """

    __slots__ = ("cache", "decoding")

    def __init__(self, cache: ChunkCache, decoding: Hashable) -> None:
        self.cache, self.decoding = cache, decoding

    def fits(self, nbytes: int) -> bool:
        """Return whether chunks of that many bytes together can be in the cache."""
        return nbytes <= self.cache.max_nbytes

    def get(self, keys: list[str]) -> tuple[list[Buffer | None], int]:
        """Return chunks and the change counter: see `ChunkCache.get`."""
        return self.cache.get(self.decoding, keys)

    def holds(self, key: str) -> bool:
        """Return whether a chunk is in the cache. This does not count as use."""
        return self.cache.holds(self.decoding, key)

    def put(self, key: str, chunk: Buffer, changes: int) -> None:
        """Keep a chunk: see `ChunkCache.put`."""
        self.cache.put(self.decoding, key, chunk, changes)


live_caches: LiveObjects[ChunkCache] = LiveObjects()
"""The caches of this process. A forked child gives each of them a new lock."""


def _after_fork() -> None:
    for cache in live_caches:
        cache.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
