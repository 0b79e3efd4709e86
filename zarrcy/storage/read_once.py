"""A view of a store for one operation: each metadata document is read once, and many of them with one request."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, MutableMapping

from zarrcy.errors import ConcurrentChangeError
from zarrcy.storage import access
from zarrcy.storage.json_reader import MAX_CONSOLIDATED_NBYTES
from zarrcy.storage.listing import listdir
from zarrcy.types import Buffer, Key, Store


class ReadOnce(MutableMapping[str, Buffer]):
    """The documents of a store, as they were when they were first read.

    What is written goes to the store, and is what later reads return. The object lives as long as one operation: it
    does not see what others write meanwhile.

    Parameters
    ----------
    store : Store
        The store.
    keys : iterable of str, optional
        Documents to read at once.
    past_caches : bool, optional
        Read what is stored now, also if the store keeps copies: for documents that are changed. If the store has
        conditional puts, a document is overwritten only if it is still the one that was read.

    Attributes
    ----------
    is_conditional : bool
        Whether documents that others changed are not overwritten.

    Examples
    --------
    >>> from zarrcy.testing import CountingStore
    >>> store = CountingStore()
    >>> store["zarr.json"] = b"{}"
    >>> documents = ReadOnce(store, ["zarr.json", "a/zarr.json"])
    >>> documents["zarr.json"], "a/zarr.json" in documents, documents.get("zarr.json")
    (b'{}', False, b'{}')
    >>> store.counts["get", "document"]
    2
    """

    def __init__(self, store: Store, keys: Iterable[Key] = (), *, past_caches: bool = False) -> None:
        self._store = store
        stored = access.uncached(store) if past_caches else store
        # a store that keeps copies has to see what is written
        is_direct = past_caches and stored is access.mapping_of(store)
        self._replacer = access.replacer(stored) if is_direct else None
        self.is_conditional = self._replacer is not None
        self._read = self._read_versions if self.is_conditional else access.documents(stored)
        self._versions: dict[Key, Hashable] = {}
        self._documents: dict[Key, Buffer | None] = {}
        self.fetch(keys)

    def fetch(self, keys: Iterable[Key]) -> None:
        """Read those documents that were not read yet, with one request if the store can do that."""
        unknown = [key for key in dict.fromkeys(keys) if key not in self._documents]
        if unknown:
            self._documents.update(zip(unknown, self._read(unknown), strict=True))

    def _read_versions(self, keys: list[Key]) -> list[Buffer | None]:
        assert self._replacer is not None, "the store has conditional puts"
        found = list(self._replacer.read_versions(keys, MAX_CONSOLIDATED_NBYTES))
        self._versions.update(zip(keys, (version for _, version in found), strict=True))
        return [value for value, _ in found]

    def forget(self, keys: Iterable[Key]) -> None:
        """Read documents again when they are needed next."""
        for key in keys:
            self._documents.pop(key, None)
            self._versions.pop(key, None)

    def read_values(self, keys: list[Key], most: int = -1, strict: bool = True) -> list[Buffer | None]:
        """Return documents; None for a key that does not exist."""
        self.fetch(keys)
        return [self._documents[key] for key in keys]

    def getitems(self, keys: list[Key]) -> dict[Key, Buffer]:
        """Return those documents that exist."""
        found = zip(keys, self.read_values(keys), strict=True)
        return {key: document for key, document in found if document is not None}

    def __getitem__(self, key: Key) -> Buffer:
        (document,) = self.read_values([key])
        if document is None:
            raise KeyError(key)
        return document

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.read_values([key])[0] is not None

    def __setitem__(self, key: Key, value: Buffer) -> None:
        if self._replacer is not None and key in self._versions:
            version = self._versions[key]
            self.forget([key])
            new = self._replacer.replace_value(key, value, version)
            if new is None:
                raise ConcurrentChangeError(key)
            self._versions[key] = new
        else:
            self.forget([key])
            self._store[key] = value
        self._documents[key] = value

    def setdefault(self, key: Key, default: Buffer = None) -> Buffer:
        """Store a document if its key does not exist, whatever was read before; return the stored one."""
        self.forget([key])
        if not access.set_if_absent(self._store, key, default):
            return self[key]
        self._documents[key] = default
        return default

    def __delitem__(self, key: Key) -> None:
        self.forget([key])
        del self._store[key]
        self._documents[key] = None

    def listdir(self, path: str = "") -> list[str]:
        """Return the names directly below a path."""
        return listdir(self._store, path)

    def __iter__(self) -> Iterator[str]:
        return iter(self._store)

    def __len__(self) -> int:
        return len(self._store)
