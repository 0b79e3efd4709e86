"""A cache of parsed shard indexes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.sync import key_locks
from zarrcy.types import Key

_CACHED_INDEX_NBYTES = 64 * 2**20


class IndexCache:
    """Indexes of shards, the last used of them, as long as their values are the same."""

    def __init__(self, nbytes: int = _CACHED_INDEX_NBYTES) -> None:
        self.limit, self.nbytes = nbytes, 0
        self._found: OrderedDict[Key, tuple[Any, NDArray[np.uint64]]] = OrderedDict()
        self.new_locks()
        key_locks.renew_in_forks(self)

    def new_locks(self) -> None:
        self._lock = threading.Lock()

    def get(self, key: Key, identity: Any) -> NDArray[np.uint64] | None:
        """Return the index of a value; None if it is not known, or of another value."""
        with self._lock:
            known, index = self._found.get(key, (None, None))
            if index is None or identity is None:
                return None
            if known is not identity and (type(known) is not tuple or known != identity):
                return None
            self._found.move_to_end(key)
            return index

    def put(self, key: Key, identity: Any, index: NDArray[np.uint64]) -> None:
        """Keep the index of a value, if the store tells one value from another."""
        if identity is None or index.nbytes > self.limit:
            return
        with self._lock:
            self._forget(key)
            self._found[key] = identity, index
            self.nbytes += index.nbytes
            while self.nbytes > self.limit:
                self._forget(next(iter(self._found)))

    def _forget(self, key: Key) -> None:
        _, index = self._found.pop(key, (None, None))
        if index is not None:
            self.nbytes -= index.nbytes
