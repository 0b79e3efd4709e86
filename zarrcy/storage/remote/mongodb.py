"""A store in a MongoDB collection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import ClassVar

from zarrcy.keys import check_key, is_key, normalize_path, prefix_of
from zarrcy.storage.access import as_bytes
from zarrcy.storage.base import Store, flat
from zarrcy.storage.listing import list_keys
from zarrcy.storage.optional import Option, import_optional
from zarrcy.storage.remote.concurrent import map_requests
from zarrcy.types import JSON, Buffer


class MongoDBStore(Store):
    """Store in a MongoDB collection. Each key is a document with the members ``key`` and ``value``.

    A document has at most 16 MB, so this is also the limit of a stored chunk. Many keys are read or deleted with one
    command, and written with concurrent commands. The first write creates a unique index of the keys, so that the
    server does not scan all documents for each key.

    Needs ``zarrcy[mongodb]``. A pickled copy opens a connection of its own. The store is tested with mongomock,
    which emulates the server, not with a real server.

    Parameters
    ----------
    database : str, default "mongodb_zarr"
        Name of the database.
    collection : str, default "zarr_collection"
        Name of the collection.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.
    **kwargs : Option
        Arguments of `pymongo.MongoClient`.

    Raises
    ------
    MissingExtraError
        If the package ``pymongo`` is not installed.
    """

    consumes_values: ClassVar[bool] = True

    _key = "key"
    _value = "value"

    def __init__(
        self,
        database: str = "mongodb_zarr",
        collection: str = "zarr_collection",
        dimension_separator: str | None = None,
        **kwargs: Option,
    ) -> None:
        pymongo = import_optional("pymongo", "mongodb", "MongoDBStore")
        self._database = database
        self._collection = collection
        self._dimension_separator = dimension_separator
        self._kwargs = kwargs
        self._has_index = False
        self._duplicate_key_error = pymongo.errors.DuplicateKeyError
        self.client = pymongo.MongoClient(**kwargs)
        self.db = self.client.get_database(database)
        self.collection = self.db.get_collection(collection)

    def _arguments(self) -> tuple[tuple[str, str, str | None], dict[str, Option]]:
        return (self._database, self._collection, self._dimension_separator), self._kwargs

    def __reduce__(self) -> tuple[partial[MongoDBStore], tuple[str, str, str | None]]:
        args, kwargs = self._arguments()
        return partial(type(self), **kwargs), args

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return a name made of the server, the database and the collection."""
        server = (self._kwargs.get("host", "localhost"), self._kwargs.get("port", 27017))
        return (f"mongodb:{server}/{self._database}/{self._collection}/{prefix}",)

    # -- one key -----------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> bytes:
        document = self.collection.find_one({self._key: check_key(key)})
        if document is None:
            raise KeyError(key)
        return self._value_of(document)

    def _value_of(self, document: Mapping[str, bytes]) -> bytes:
        if self._value not in document:
            raise ValueError(f"the document of the key {document[self._key]!r} has no field {self._value!r}")
        return bytes(document[self._value])

    def __setitem__(self, key: str, value: Buffer) -> None:
        self.setitems({key: value})

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        """Store `default` if the key does not exist, atomically, and return the stored value."""
        self._require_index()
        names = {self._key: check_key(key)}
        fields = {"$setOnInsert": {self._value: as_bytes(flat(default))}}
        try:
            if self.collection.update_one(names, fields, upsert=True).upserted_id is not None:
                return default
        except self._duplicate_key_error:
            # another writer created the document first
            pass
        return self[key]

    def __delitem__(self, key: str) -> None:
        if not self.collection.delete_many({self._key: check_key(key)}).deleted_count:
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        if not is_key(key):
            return False
        return self.collection.find_one({self._key: key}, {self._key: 1}) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._below(""))

    def __len__(self) -> int:
        return int(self.collection.count_documents({}))

    def _below(self, path: str) -> list[str]:
        """Return the keys below a path."""
        documents = self.collection.find(self._is_below(path), {self._key: 1, "_id": 0})
        return [document[self._key] for document in documents]

    def _is_below(self, path: str) -> dict[str, JSON]:
        """Return the query for the documents of all keys below a path."""
        return {self._key: {"$regex": "^" + re.escape(prefix_of(path))}} if path else {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MongoDBStore) and self._arguments() == other._arguments()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._database!r} {self._collection!r}>"

    # -- many keys ---------------------------------------------------------------------------------

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, JSON] | None = None
    ) -> dict[str, bytes]:
        documents = self.collection.find({self._key: {"$in": [check_key(key) for key in keys]}})
        return {document[self._key]: self._value_of(document) for document in documents}

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        self._require_index()
        map_requests(lambda item: self._replace(*item), values.items())

    def _replace(self, key: str, value: Buffer) -> None:
        document = {self._key: check_key(key), self._value: as_bytes(flat(value))}
        try:
            self.collection.replace_one({self._key: key}, document, upsert=True)
        except self._duplicate_key_error:
            # another writer created the document at the same time; replace it
            self.collection.replace_one({self._key: key}, document)

    def _require_index(self) -> None:
        """Create the unique index of the keys. Without it, two writers could create two documents for one key."""
        if not self._has_index:
            self.collection.create_index(self._key, unique=True)
            self._has_index = True

    def delitems(self, keys: Iterable[str]) -> None:
        self.collection.delete_many({self._key: {"$in": [check_key(key) for key in keys]}})

    # -- below a path --------------------------------------------------------------------

    def listdir(self, path: str | None = None) -> list[str]:
        path = normalize_path(path)
        return list_keys(self._below(path), path)

    def rmdir(self, path: str | None = None) -> None:
        self.collection.delete_many(self._is_below(normalize_path(path)))

    def clear(self) -> None:
        self.rmdir()

    def close(self) -> None:
        """Close the connections to the server."""
        self.client.close()
