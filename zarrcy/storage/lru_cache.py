"""A store that keeps what was read last of another store."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from zarrcy.keys import normalize_path
from zarrcy.storage import access, listing
from zarrcy.storage.base import Store, flat
from zarrcy.sync import key_locks
from zarrcy.types import Buffer
from zarrcy.types import Store as Mapped


class LRUStoreCache(Store):
    """Keeps in memory what was used last of a slower store: values, keys and listings.

    What is written through the cache is seen at once; what others write to the store is seen after
    `invalidate`. Several threads may share one cache. Closing it leaves the store open.

    Parameters
    ----------
    store : the slower store
    max_size : most bytes of values to keep; None is no limit. A value that is larger is not kept

    Attributes
    ----------
    hits, misses : how many values were found in the cache, or had to be read

    Examples
    --------
    >>> cache = LRUStoreCache({"a": b"value"}, max_size=2**20)
    >>> cache["a"], cache["a"], cache.hits, cache.misses
    (b'value', b'value', 1, 1)
    """

    consumes_values: ClassVar[bool] = True

    def __init__(self, store: Mapped, max_size: int | None) -> None:
        self._store = store
        self._max_size = max_size
        self._dimension_separator = getattr(store, "_dimension_separator", None)
        self.hits = self.misses = 0
        self._start()

    def _start(self) -> None:
        self.new_locks()
        key_locks.renew_in_forks(self)
        self._values: OrderedDict[str, Any] = OrderedDict()
        self._size = 0
        self._names: dict[str | None, list[str]] = {}
        self._found: dict[str, bool] = {}
        # Counts the changes. What was read from the store before a change is not kept after it.
        self._changes = 0
        self._put = access.writer(self._store)
        self._fetch = access.reader(self._store)
        self._discard = access.deleter(self._store)

    def new_locks(self) -> None:
        self._mutex = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        names = ("_store", "_max_size", "_dimension_separator", "hits", "misses")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    def is_readable(self) -> bool:
        return _says(self._store, "is_readable")

    def is_writeable(self) -> bool:
        return _says(self._store, "is_writeable")

    def is_listable(self) -> bool:
        return _says(self._store, "is_listable")

    def is_erasable(self) -> bool:
        return _says(self._store, "is_erasable")

    def keeps_documents(self) -> bool:
        return access.keeps_documents(self._store)

    # -- reading -----------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        with self._mutex:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
                self.hits += 1
                return value
        return self.getitems([key])[key]

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the values of those `keys` that are there; those that are not kept are asked for at once."""
        with self._mutex:
            found = {key: self._values[key] for key in keys if key in self._values}
            for key in found:
                self._values.move_to_end(key)
            self.hits += len(found)
            changes = self._changes
        missing = [key for key in keys if key not in found]
        if missing:
            read = zip(missing, self._fetch(missing), strict=True)
            new = {key: value for key, value in read if value is not None}
            found.update(new)
            with self._mutex:
                self.misses += len(new)
                if self._changes == changes:
                    for key, value in new.items():
                        self._keep(key, value)
        return found

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        with self._mutex:
            if key in self._values:
                return True
            if key in self._found:
                return self._found[key]
            changes = self._changes
        is_there = key in self._store
        with self._mutex:
            if self._changes == changes:
                self._found[key] = is_there
        return is_there

    def _keep(self, key: str, value: Any) -> None:
        self._drop(key)
        size = memoryview(flat(value)).nbytes
        if self._max_size is not None:
            if size > self._max_size:
                return
            while self._size + size > self._max_size:
                self._drop(next(iter(self._values)))
        self._values[key] = value
        self._size += size

    def _drop(self, key: str) -> None:
        value = self._values.pop(key, None)
        if value is not None:
            self._size -= memoryview(flat(value)).nbytes

    # -- writing -----------------------------------------------------------------------------------

    def __setitem__(self, key: str, value: Buffer) -> None:
        self.setitems({key: value})

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        """Store all `values`, and keep them."""
        # the cache needs values that can't change any more
        kept = {key: bytes(flat(value)) for key, value in values.items()}
        began = self._forget(kept)
        try:
            self._put(kept)
        finally:
            ended = self._forget(kept)
        with self._mutex:
            if began + 1 == ended == self._changes:
                # nobody else changed anything meanwhile: this is what the store holds
                for key, value in kept.items():
                    self._keep(key, value)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Store `default` if the key is not there, in one step if the store can, and return what is there."""
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
        """Delete those `keys` that are there."""
        keys = list(keys)
        self._forget(keys)
        try:
            self._discard(keys)
        finally:
            self._forget(keys)

    def _forget(self, keys: Iterable[str]) -> int:
        """Forget keys that are changed, and all listings, before and after; return the number of the change."""
        with self._mutex:
            self._changes += 1
            for key in keys:
                self._drop(key)
                self._found.pop(key, None)
            self._names.clear()
            return self._changes

    def clear(self) -> None:
        try:
            self._store.clear()
        finally:
            self.invalidate()

    def rmdir(self, path: str | None = None) -> None:
        """Delete all keys below `path`."""
        try:
            listing.rmdir(self._store, path)
        finally:
            self.invalidate()

    def rename(self, src_path: str, dst_path: str) -> None:
        """Move the key `src_path`, and all keys below it, to `dst_path`."""
        try:
            listing.rename(self._store, src_path, dst_path)
        finally:
            self.invalidate()

    # -- listing -----------------------------------------------------------------------------------

    def _listed(self, path: str | None) -> list[str]:
        """Return the names below a path, or all keys for None."""
        with self._mutex:
            names, changes = self._names.get(path), self._changes
        if names is None:
            names = list(self._store) if path is None else listing.listdir(self._store, path)
            with self._mutex:
                if self._changes == changes:
                    self._names[path] = names
        return names

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed(None))

    def __len__(self) -> int:
        return len(self._listed(None))

    def listdir(self, path: str | None = None) -> list[str]:
        """Return the names directly below `path`, sorted."""
        return list(self._listed(normalize_path(path)))

    def getsize(self, path: str | None = None) -> int:
        """Return the bytes of the values directly below `path`, or of its own; -1 if not known."""
        return listing.getsize(self._store, path)

    # -- forgetting --------------------------------------------------------------------------------

    def invalidate(self) -> None:
        """Forget all values, keys and listings."""
        self.invalidate_values()
        self.invalidate_keys()

    def invalidate_values(self) -> None:
        """Forget all values."""
        with self._mutex:
            self._changes += 1
            self._values.clear()
            self._size = 0

    def invalidate_keys(self) -> None:
        """Forget which keys there are."""
        with self._mutex:
            self._changes += 1
            self._names.clear()
            self._found.clear()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LRUStoreCache) and bool(self._store == other._store)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        limit = "no limit" if self._max_size is None else f"at most {self._max_size} bytes"
        return f"<{type(self).__name__} of {self._store!r}, {limit}>"


def _says(store: Any, question: str) -> bool:
    """Ask a store what can be done with it; of another mapping all is expected."""
    return bool(getattr(store, question, lambda: True)())
