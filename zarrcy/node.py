"""A place in a store: path, documents, and the ways to load, save and erase them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from zarrcy.errors import (
    ArrayNotFoundError,
    ContainsArrayError,
    ContainsGroupError,
    ReadOnlyError,
)
from zarrcy.formats import ArrayDescription, v2
from zarrcy.storage import access
from zarrcy.storage.listing import rmdir
from zarrcy.storage.paths import normalize_path, prefix_of
from zarrcy.sync import Synchronizer
from zarrcy.types import JSON, Store


class Node:
    """A path in a store, with the documents that stand there.

    Parameters
    ----------
    store : of the documents
    path : normalized here; the root is the empty path
    chunk_store : of the chunks; the same store where None
    synchronizer : gives the lock under which documents are changed
    """

    def __init__(
        self,
        store: Store,
        path: Any = None,
        chunk_store: Store | None = None,
        synchronizer: Synchronizer | None = None,
    ) -> None:
        self.store = store
        self.path = normalize_path(path)
        self.prefix = prefix_of(self.path)
        self.own_chunk_store = chunk_store
        self.synchronizer = synchronizer

    @property
    def chunk_store(self) -> Store:
        return self.store if self.own_chunk_store is None else self.own_chunk_store

    @property
    def format(self) -> Any:
        """The format module that the documents follow."""
        return v2

    def lock(self, key: str) -> AbstractContextManager[Any]:
        """Return the lock of a key; one that is always free where there is no synchronizer."""
        if self.synchronizer is None:
            return nullcontext()
        lock: AbstractContextManager[Any] = self.synchronizer[key]
        return lock

    @property
    def metadata_key(self) -> str:
        return self.prefix + str(self.format.ARRAY_KEY)

    @property
    def attributes_key(self) -> str:
        return self.prefix + str(self.format.ATTRS_KEY)

    def load_array(self) -> ArrayDescription:
        """Load the description of the array here.

        Raises
        ------
        ArrayNotFoundError : there is none
        MetadataError : its document is malformed
        """
        default = getattr(self.store, "_dimension_separator", None) or "."
        description: ArrayDescription | None = self.format.load_array(self.store, self.prefix, default)
        if description is None:
            raise ArrayNotFoundError(self.path)
        return description

    def save_array(self, description: ArrayDescription) -> None:
        for name, document in self.format.array_documents(description).items():
            self.store[self.prefix + name] = document

    def load_attributes(self) -> dict[str, JSON]:
        attributes: dict[str, JSON] = self.format.load_attributes(self.store, self.prefix)
        return attributes

    def save_attributes(self, attributes: dict[str, JSON]) -> None:
        self.store[self.attributes_key] = self.format.attributes_document(attributes)

    def kind(self) -> str | None:
        """Return what stands here: "array", "group" or None."""
        kind: str | None = self.format.kind_at(self.store, self.prefix)
        return kind

    def make_room(self, overwrite: bool) -> None:
        """Make sure that a node can be created here.

        Raises
        ------
        ContainsArrayError, ContainsGroupError : one is here already, and `overwrite` is false; or an
            array is at a parent, below which nothing can be
        """
        for parent in self._parents():
            if parent.kind() == "array":
                raise ContainsArrayError(parent.path)
        if overwrite:
            self.erase()
            return
        kind = self.kind()
        if kind == "array":
            raise ContainsArrayError(self.path)
        if kind == "group":
            raise ContainsGroupError(self.path)

    def erase(self) -> None:
        """Delete the node, and all that is below it."""
        rmdir(self.store, self.path)
        if self.own_chunk_store is not None:
            rmdir(self.own_chunk_store, self.path)

    def require_parents(self) -> None:
        """Make every parent a group that is none yet."""
        for parent in self._parents():
            if parent.kind() is None:
                parent.save_group()

    def save_group(self) -> None:
        for name, document in self.format.group_documents().items():
            self.store[self.prefix + name] = document

    def _parents(self) -> list[Node]:
        if not self.path:
            return []
        segments = self.path.split("/")
        return [Node(self.store, "/".join(segments[:n])) for n in range(len(segments))]

    def create_array(self, description: ArrayDescription, overwrite: bool = False) -> None:
        """Write the documents of a new array, and of the groups above it."""
        self.make_room(overwrite)
        self.require_parents()
        with self.lock(self.metadata_key):
            self.save_array(description)

    def delete_chunks(self, keys: list[str]) -> None:
        access.deleter(self.chunk_store)(keys)


def refuse_read_only(read_only: bool, path: str) -> None:
    if read_only:
        raise ReadOnlyError(path)
