"""The values that were used last, up to a number of bytes: what all caches of this package are made of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class RecentValues(Generic[K, V]):
    """Values by key. If they have more bytes than allowed, those that were not used for the longest time are dropped.

    `get` may be called by any thread at any time; for the other methods, the owner has a lock that one thread may take
    repeatedly. At each instant the object may be used by a signal handler, be left by an exception of one, or be copied
    by a fork: the number of bytes is never less than that of the values. If it is more, that ends when nothing is left
    to drop.

    Parameters
    ----------
    max_nbytes : int or None
        Most bytes of all values; None for no limit.

    Attributes
    ----------
    nbytes : int
        Number of bytes of all values.

    Examples
    --------
    >>> values = RecentValues(10)
    >>> [values.put(key, key.upper(), 4) for key in "abc"]
    [[], [], ['a']]
    >>> values.get("a"), values.get("b"), values.nbytes
    (None, 'B', 8)
    """

    def __init__(self, max_nbytes: int | None) -> None:
        self.max_nbytes, self.nbytes = max_nbytes, 0
        self._items: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: K) -> bool:
        return key in self._items

    def get(self, key: K) -> V | None:
        """Return a value, which now is the one that was used last; None if there is none."""
        # Hot path: without a lock, because each of the two operations is atomic.
        items = self._items
        item = items.get(key)
        if item is None:
            return None
        try:
            items.move_to_end(key)
        except KeyError:
            # another thread dropped it since
            return item[0]
        return item[0]

    def put(self, key: K, value: V, nbytes: int) -> list[K]:
        """Keep a value unless it is too long, and return the keys of those that were dropped to make room."""
        self.drop(key)
        most = self.max_nbytes
        if most is not None and nbytes > most:
            return []
        # counted before it is kept, and below after it was dropped
        self.nbytes += nbytes
        self._items[key] = (value, nbytes)
        dropped: list[K] = []
        while most is not None and self.nbytes > most:
            try:
                oldest, (_, length) = self._items.popitem(last=False)
            except KeyError:
                # what was counted too much is corrected here
                self.nbytes = 0
                break
            self.nbytes -= length
            dropped.append(oldest)
        return dropped

    def drop(self, key: K) -> bool:
        """Drop a value, and return whether there was one."""
        item = self._items.pop(key, None)
        if item is None:
            return False
        length = item[1]
        self.nbytes -= length
        return True

    def clear(self) -> None:
        """Drop all values."""
        empty: OrderedDict[K, tuple[V, int]] = OrderedDict()
        # no handler runs between these assignments, because they call nothing
        self._items, self.nbytes = empty, 0
