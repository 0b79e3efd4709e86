"""A store that caches the values, keys and listings of another store in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from zarrcy.errors import ValueLengthError
from zarrcy.keys import normalize_path
from zarrcy.storage import access, listing
from zarrcy.storage.base import Store, flat
from zarrcy.sync import key_locks
from zarrcy.sync.recent_values import RecentValues
from zarrcy.types import JSON, Buffer
from zarrcy.types import Store as StoreLike


class LRUStoreCache(Store):
    """Cache in memory for the values, keys and listings of a slower store.

    Writes through the cache are visible at once. Writes of other store objects are visible after `invalidate`.
    Several threads may share one cache. Closing the cache leaves the store open.

    Parameters
    ----------
    store : mapping
        The slower store.
    max_size : int or None
        Maximum number of bytes of values in the cache; None means unlimited. A value that is longer is not cached.

    Attributes
    ----------
    hits : int
        Number of values that were found in the cache.
    misses : int
        Number of values that were read from the store.

    Examples
    --------
    >>> cache = LRUStoreCache({"a": b"value"}, max_size=2**20)
    >>> cache["a"], cache["a"], cache.hits, cache.misses
    (b'value', b'value', 1, 1)
    """

    consumes_values: ClassVar[bool] = True

    def __init__(self, store: StoreLike, max_size: int | None) -> None:
        self._store = store
        self._max_size = max_size
        self._values: RecentValues[str, Buffer] = RecentValues(max_size)
        self._dimension_separator = access.dimension_separator(store)
        self.hits = self.misses = 0
        self.new_locks()
        key_locks.renew_in_forks(self)
        self._names: dict[str | None, list[str]] = {}
        self._exists: dict[str, bool] = {}
        # number of changes; a value that was read before a change is not cached after it
        self._changes = 0
        self._put = access.writer(self._store)
        self._fetch = access.reader(self._store)
        self._discard = access.deleter(self._store)

    @property
    def nbytes(self) -> int:
        """Total length of the values in the cache, in bytes."""
        return self._values.nbytes

    def new_locks(self) -> None:
        """Replace the lock by a new one, which is free. Called in a forked child."""
        # a signal handler may use the cache while its thread has the lock
        self._mutex = threading.RLock()

    def __reduce__(
        self,
    ) -> tuple[type[LRUStoreCache], tuple[StoreLike, int | None], tuple[int, int]]:
        return type(self), (self._store, self._max_size), (self.hits, self.misses)

    def __setstate__(self, counts: tuple[int, int]) -> None:
        self.hits, self.misses = counts

    def is_readable(self) -> bool:
        return _supports(self._store, "is_readable")

    def is_writeable(self) -> bool:
        return _supports(self._store, "is_writeable")

    def is_listable(self) -> bool:
        return _supports(self._store, "is_listable")

    def is_erasable(self) -> bool:
        return _supports(self._store, "is_erasable")

    def can_move(self) -> bool:
        """Return whether the store can move keys."""
        return access.can_move(self._store)

    def keeps_documents(self) -> bool:
        return access.keeps_documents(self._store)

    def uncached(self) -> StoreLike:
        """Return the store whose values are cached."""
        return self._store

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return the names of the place in the store whose values are cached."""
        return access.identities(self._store, prefix)

    # -- reading -----------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Buffer:
        with self._mutex:
            value = self._values.get(key)
            if value is not None:
                self.hits += 1
                return value
        return self.getitems([key])[key]

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, JSON] | None = None
    ) -> dict[str, Buffer]:
        """Return the values of those `keys` that exist. All values that are not cached are read in one request."""
        return self._getitems(keys, self._fetch)

    def read_values(self, keys: Sequence[str], most: int = -1, strict: bool = True) -> list[Buffer | None]:
        """Return the values of `keys`; see `zarrcy.storage.capabilities.ReadsManyValues`."""
        values = self._getitems(keys, access.value_reader(self._store, most, strict))
        if most >= 0:
            # values in the cache, and those of a store that does not know lengths
            for key, value in values.items():
                nbytes = memoryview(flat(value)).nbytes
                if nbytes > most:
                    raise ValueLengthError(key, nbytes, most)
        return [values.get(key) for key in keys]

    def _getitems(self, keys: Sequence[str], fetch: access.Reader) -> dict[str, Buffer]:
        with self._mutex:
            changes = self._changes
            cached = {key: self._values.get(key) for key in keys}
            values = {key: value for key, value in cached.items() if value is not None}
            n_cached = len(values)
            self.hits += n_cached
        missing = [key for key in keys if key not in values]
        if missing:
            fetched = zip(missing, access.buffers(self._store, missing, fetch(missing)), strict=True)
            new = {key: value for key, value in fetched if value is not None}
            values.update(new)
            n_new = len(new)
            with self._mutex:
                self.misses += n_new
                self._keep(new, changes)
        return values

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        with self._mutex:
            if key in self._values:
                return True
            if key in self._exists:
                return self._exists[key]
            changes = self._changes
        exists = key in self._store
        with self._mutex:
            if self._changes == changes:
                self._exists[key] = exists
        return exists

    def _keep(self, values: Mapping[str, Buffer], changes: int) -> None:
        """Cache values unless there was a change after the one with the number `changes`; the caller has the lock."""
        for key, value in values.items():
            if self._changes != changes:
                return
            self._values.put(key, value, memoryview(flat(value)).nbytes)
            if self._changes != changes:
                # a signal handler wrote a value
                self._values.drop(key)

    # -- writing -----------------------------------------------------------------------------------

    def __setitem__(self, key: str, value: Buffer) -> None:
        self.setitems({key: value})

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        """Store all `values` in the store and in the cache."""
        # copies, because the caller may reuse its memory
        kept = {key: bytes(flat(value)) for key, value in values.items()}
        began = self._forget(kept)
        try:
            self._put(kept)
        finally:
            ended = self._forget(kept)
        with self._mutex:
            if began + 1 == ended:
                # no other thread changed the store in between, so these are the stored values
                self._keep(kept, ended)

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        """Store `default` if the key does not exist, atomically if the store can, and return the stored value."""
        is_new = access.set_if_absent(self._store, key, bytes(flat(default)))
        self._forget([key])
        return default if is_new else self[key]

    def __delitem__(self, key: str) -> None:
        self._forget([key])
        try:
            del self._store[key]
        finally:
            self._forget([key])

    def delitems(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        self._forget(keys)
        try:
            self._discard(keys)
        finally:
            self._forget(keys)

    def _forget(self, keys: Iterable[str]) -> int:
        """Drop keys and all listings from the cache, before and after a change; return the number of the change."""
        with self._mutex:
            self._changes += 1
            for key in keys:
                self._values.drop(key)
                self._exists.pop(key, None)
            self._names.clear()
            return self._changes

    def clear(self) -> None:
        try:
            self._store.clear()
        finally:
            self.invalidate()

    def rmdir(self, path: str | None = None) -> None:
        try:
            listing.rmdir(self._store, path)
        finally:
            self.invalidate()

    def check_rmdir(self, path: str | None = None) -> None:
        """Raise an error if `rmdir` can't delete the keys below a path."""
        access.check_rmdir(self._store, normalize_path(path))

    def rename(self, src_path: str, dst_path: str) -> None:
        try:
            listing.rename(self._store, src_path, dst_path)
        finally:
            self.invalidate()

    # -- listing -----------------------------------------------------------------------------------

    def _listed(self, path: str | None) -> list[str]:
        """Return the names directly below a path, or all keys if it is None."""
        with self._mutex:
            names, changes = self._names.get(path), self._changes
        if names is None:
            names = (
                listing.keys_of(self._store.keys()) if path is None else listing.listdir(self._store, path)
            )
            with self._mutex:
                if self._changes == changes:
                    self._names[path] = names
        return names

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed(None))

    def __len__(self) -> int:
        return len(self._listed(None))

    def listdir(self, path: str | None = None) -> list[str]:
        return list(self._listed(normalize_path(path)))

    def getsize(self, path: str | None = None) -> int:
        return listing.getsize(self._store, path)

    # -- invalidating --------------------------------------------------------------------------------

    def invalidate(self) -> None:
        """Drop all values, keys and listings from the cache."""
        self.invalidate_values()
        self.invalidate_keys()

    def invalidate_values(self) -> None:
        """Drop all values from the cache."""
        with self._mutex:
            self._changes += 1
            self._values.clear()

    def invalidate_keys(self) -> None:
        """Drop all keys and listings from the cache."""
        with self._mutex:
            self._changes += 1
            self._names.clear()
            self._exists.clear()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LRUStoreCache) and bool(self._store == other._store)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        limit = "no limit" if self._max_size is None else f"at most {self._max_size} bytes"
        return f"<{type(self).__name__} of {self._store!r}, {limit}>"


def _supports(store: StoreLike, method: str) -> bool:
    """Return what a method such as ``is_erasable`` of a store returns; True for a mapping without the method."""
    return bool(getattr(store, method, lambda: True)())
