"""A store in a MongoDB collection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from zarrcy.keys import check_key, normalize_path, prefix_of
from zarrcy.storage.access import as_bytes
from zarrcy.storage.base import Store, flat
from zarrcy.storage.optional import import_optional
from zarrcy.storage.remote.concurrent import map_requests
from zarrcy.types import Buffer


class MongoDBStore(Store):
    """Keys as documents of a MongoDB collection, each with the members ``key`` and ``value``.

    A document holds 16 MB at most, and so does a chunk. Many keys are asked for and deleted with one
    command, and stored several at a time. The first write makes a unique index of the keys, without
    which the server would look through all documents for each.

    Needs ``zarrcy[mongodb]``. Pickles by its arguments: the copy has a connection of its own. It is
    tested with mongomock, which plays the server in the process of the tests, not with a server.

    Parameters
    ----------
    database : its name
    collection : its name
    dimension_separator : "." or "/", for arrays whose metadata do not say
    **kwargs : for `pymongo.MongoClient`
    """

    consumes_values: ClassVar[bool] = True

    _key = "key"
    _value = "value"

    def __init__(
        self,
        database: str = "mongodb_zarr",
        collection: str = "zarr_collection",
        dimension_separator: str | None = None,
        **kwargs: Any,
    ) -> None:
        pymongo = import_optional("pymongo", "mongodb", "MongoDBStore")
        self._database = database
        self._collection = collection
        self._dimension_separator = dimension_separator
        self._kwargs = kwargs
        self._has_index = False
        self._taken = pymongo.errors.DuplicateKeyError
        self.client = pymongo.MongoClient(**kwargs)
        self.db = self.client.get_database(database)
        self.collection = self.db.get_collection(collection)

    def __getstate__(self) -> dict[str, Any]:
        names = {"database": self._database, "collection": self._collection}
        return {**names, "dimension_separator": self._dimension_separator, **self._kwargs}

    def __setstate__(self, state: dict[str, Any]) -> None:
        MongoDBStore.__init__(self, **state)

    # -- one key -----------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> bytes:
        document = self.collection.find_one({self._key: check_key(key)})
        if document is None:
            raise KeyError(key)
        return bytes(document[self._value])

    def __setitem__(self, key: str, value: Buffer) -> None:
        self.setitems({key: value})

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Store `default` if the key is not there, in one step, and return what is there then."""
        self._require_index()
        names = {self._key: check_key(key)}
        fields = {"$setOnInsert": {self._value: as_bytes(flat(default))}}
        try:
            if self.collection.update_one(names, fields, upsert=True).upserted_id is not None:
                return default
        except self._taken:
            # another writer was faster
            pass
        return self[key]

    def __delitem__(self, key: str) -> None:
        if not self.collection.delete_many({self._key: check_key(key)}).deleted_count:
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        return self.collection.find_one({self._key: check_key(key)}, {self._key: 1}) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._below(""))

    def __len__(self) -> int:
        return int(self.collection.count_documents({}))

    def _below(self, path: str) -> list[str]:
        """Return the keys below a path."""
        found = self.collection.find(self._is_below(path), {self._key: 1, "_id": 0})
        return [document[self._key] for document in found]

    def _is_below(self, path: str) -> dict[str, Any]:
        return {self._key: {"$regex": "^" + re.escape(prefix_of(path))}} if path else {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MongoDBStore) and self.__getstate__() == other.__getstate__()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._database!r} {self._collection!r}>"

    # -- many keys ---------------------------------------------------------------------------------

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any] | None = None) -> dict[str, bytes]:
        """Return the values of those `keys` that are there; `contexts` has no effect."""
        found = self.collection.find({self._key: {"$in": [check_key(key) for key in keys]}})
        return {document[self._key]: bytes(document[self._value]) for document in found}

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        """Store all `values`."""
        self._require_index()
        map_requests(lambda item: self._replace(*item), values.items())

    def _replace(self, key: str, value: Buffer) -> None:
        document = {self._key: check_key(key), self._value: as_bytes(flat(value))}
        try:
            self.collection.replace_one({self._key: key}, document, upsert=True)
        except self._taken:
            # another writer made the document at the same time: now there is one to replace
            self.collection.replace_one({self._key: key}, document)

    def _require_index(self) -> None:
        """Make the index of the keys: without it two writers at once could make two documents of one key."""
        if not self._has_index:
            self.collection.create_index(self._key, unique=True)
            self._has_index = True

    def delitems(self, keys: Iterable[str]) -> None:
        """Delete those `keys` that are there."""
        self.collection.delete_many({self._key: {"$in": [check_key(key) for key in keys]}})

    # -- what lies below a path --------------------------------------------------------------------

    def listdir(self, path: str | None = None) -> list[str]:
        """Return the names directly below `path`, sorted."""
        path = normalize_path(path)
        start = len(prefix_of(path))
        return sorted({key[start:].split("/", 1)[0] for key in self._below(path)})

    def rmdir(self, path: str | None = None) -> None:
        """Delete all keys below `path`."""
        self.collection.delete_many(self._is_below(normalize_path(path)))

    def clear(self) -> None:
        self.rmdir()

    def close(self) -> None:
        """Close the connections to the server."""
        self.client.close()
