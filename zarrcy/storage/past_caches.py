"""A store whose reads go past the caches of another store: for documents that are read, changed and written."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

from zarrcy.storage import access
from zarrcy.storage.listing import keys_of
from zarrcy.types import Buffer, Key, Store


class PastCaches(MutableMapping[str, Buffer]):
    """The values of a store, read where they are stored, and written through the store and its caches.

    Parameters
    ----------
    store : Store
        The store.

    Examples
    --------
    >>> import zarrcy
    >>> values = {"a": b"1"}
    >>> cached = zarrcy.LRUStoreCache(values, max_size=None)
    >>> cached["a"]
    b'1'
    >>> values["a"] = b"2"
    >>> cached["a"], PastCaches(cached)["a"]
    (b'1', b'2')
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stored = access.uncached(store)

    def __getitem__(self, key: Key) -> Buffer:
        value: Buffer = self._stored[key]
        return value

    def read_value(self, key: Key, most: int = -1, strict: bool = True) -> Buffer | None:
        """Return a document; None if it does not exist. A store that knows lengths refuses one that is too long."""
        return access.document(self._stored, key, most)

    def __contains__(self, key: object) -> bool:
        return key in self._stored

    def __iter__(self) -> Iterator[str]:
        return iter(keys_of(self._stored))

    def __len__(self) -> int:
        return len(self._stored)

    def __setitem__(self, key: Key, value: Buffer) -> None:
        self._store[key] = value

    def __delitem__(self, key: Key) -> None:
        del self._store[key]
