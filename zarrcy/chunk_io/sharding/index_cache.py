"""A cache of parsed shard indexes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zarrcy.sync import key_locks
from zarrcy.sync.recent_values import RecentValues
from zarrcy.types import Buffer, Key

# What an entry costs beside its index: its key, and its objects.
_ENTRY_NBYTES = 512


class ParsedIndex(NamedTuple):
    """The index of a shard that was read.

    Attributes
    ----------
    raw : bytes
        The index as it is stored.
    nbytes : int or None
        Length of the shard, in bytes; None if it is not known.
    identity : hashable
        What the store knows about the value beside its content: equal for equal values, but not always different
        for different ones. None if it knows nothing.
    entries : array of uint64
        The parsed index.
    """

    raw: bytes
    nbytes: int | None
    identity: Hashable
    entries: NDArray[np.uint64]


class IndexCache:
    """The most recently used indexes of shards. Several threads may use it.

    The cache saves the work of parsing, not the read: an index is used again only if the stored bytes are the same.
    What a file system says about a file does not prove that it is unchanged: numbers of files are used again, and
    clocks are coarse.

    Parameters
    ----------
    max_nbytes : int
        Most bytes of indexes, stored and parsed.
    """

    def __init__(self, max_nbytes: int) -> None:
        self._entries: RecentValues[Key, ParsedIndex] = RecentValues(max_nbytes)
        self.new_locks()
        key_locks.renew_in_forks(self)

    def new_locks(self) -> None:
        """Create new locks: in a forked child, threads that do not exist there may hold the old ones."""
        self._lock = threading.RLock()

    @property
    def nbytes(self) -> int:
        """Number of bytes of all indexes, stored and parsed, with what an entry costs beside its index."""
        return self._entries.nbytes

    def last(self, key: Key) -> ParsedIndex | None:
        """Return the index that a shard had when it was last read; None if it is not in the cache."""
        return self._entries.get(key)

    def parsed(
        self,
        key: Key,
        raw: Buffer,
        nbytes: int | None,
        identity: Hashable,
        parse: Callable[[bytes], NDArray[np.uint64]],
    ) -> NDArray[np.uint64]:
        """Return a parsed index, from the cache if the shard has the same index as before.

        Parameters
        ----------
        key : Key
            The key of the shard.
        raw : Buffer
            The stored index.
        nbytes : int or None
            Length of the shard, in bytes; None if it is not known.
        identity : hashable
            See `ParsedIndex`.
        parse : callable
            Parses the index.
        """
        # a copy of a view: the store may change its value, and a part of it would keep all of it in memory
        data = bytes(raw)
        entry = self.last(key)
        if entry is None or entry.raw != data or entry.nbytes != nbytes or entry.identity != identity:
            is_same = entry is not None and entry.raw == data and entry.nbytes == nbytes
            entries = entry.entries if entry is not None and is_same else parse(data)
            self._put(key, ParsedIndex(data, nbytes, identity, entries))
            return entries
        return entry.entries

    def _put(self, key: Key, entry: ParsedIndex) -> None:
        with self._lock:
            self._entries.put(key, entry, len(entry.raw) + entry.entries.nbytes + _ENTRY_NBYTES)
