"""A cache of parsed shard indexes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from zarrcy.sync import key_locks
from zarrcy.types import Key


class IndexCache:
    """The most recently used indexes of shards. Several threads may use it.

    An index is valid as long as the shard has the same identity: a token of the store that changes whenever the
    stored value does.

    Parameters
    ----------
    max_nbytes : int
        Most bytes of indexes.
    """

    def __init__(self, max_nbytes: int) -> None:
        self.max_nbytes, self.nbytes = max_nbytes, 0
        self._entries: OrderedDict[Key, tuple[Hashable, NDArray[np.uint64]]] = OrderedDict()
        self.new_locks()
        key_locks.renew_in_forks(self)

    def new_locks(self) -> None:
        """Create new locks: in a forked child, threads that do not exist there may hold the old ones."""
        self._lock = threading.Lock()

    def get(self, key: Key, identity: Hashable) -> NDArray[np.uint64] | None:
        """Return the index of a shard; None if it is not in the cache, or belongs to another value."""
        with self._lock:
            known, index = self._entries.get(key, (None, None))
            if index is None or identity is None:
                return None
            if known is not identity and (type(known) is not tuple or known != identity):
                return None
            self._entries.move_to_end(key)
            return index

    def put(self, key: Key, identity: Hashable, index: NDArray[np.uint64]) -> None:
        """Keep the index of a shard; without an identity it is not kept."""
        if identity is None or index.nbytes > self.max_nbytes:
            return
        with self._lock:
            self._drop(key)
            self._entries[key] = identity, index
            self.nbytes += index.nbytes
            while self.nbytes > self.max_nbytes:
                self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        _, index = self._entries.pop(key, (None, None))
        if index is not None:
            self.nbytes -= index.nbytes
