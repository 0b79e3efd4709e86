"""A place in a store: path, documents, and the ways to load, save and erase them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from zarrcy import formats
from zarrcy.errors import (
    ArrayNotFoundError,
    ContainsArrayError,
    ContainsGroupError,
    ReadOnlyError,
)
from zarrcy.formats import ArrayDescription, ArrayRequest, Format
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
    zarr_format : version that the documents must follow; found by looking where None
    """

    def __init__(
        self,
        store: Store,
        path: Any = None,
        chunk_store: Store | None = None,
        synchronizer: Synchronizer | None = None,
        zarr_format: int | None = None,
    ) -> None:
        self.store = store
        self.path = normalize_path(path)
        self.prefix = prefix_of(self.path)
        self.own_chunk_store = chunk_store
        self.synchronizer = synchronizer
        self._asked_format = formats.by_number(zarr_format)
        self._format = self._asked_format

    def __reduce__(self) -> tuple[Any, ...]:
        # a format is a module, which pickle does not take; the copy finds it again
        number = None if self._format is None else self._format.ZARR_FORMAT
        return type(self), (self.store, self.path, self.own_chunk_store, self.synchronizer, number)

    @property
    def chunk_store(self) -> Store:
        return self.store if self.own_chunk_store is None else self.own_chunk_store

    @property
    def format(self) -> Format:
        """The format that the documents follow: the one that was asked for or found, or that of a new node."""
        if self._format is None:
            self._format = self._found_format() or self._format_above()
        return self._format

    def _found_format(self) -> Format | None:
        return formats.detect(self.store, self.prefix)

    def _format_above(self) -> Format:
        """Return the format of the nearest node above, which new nodes share; else the default one."""
        found = (parent._found_format() for parent in reversed(self._parents()))
        return next((format for format in found if format is not None), formats.DEFAULT)

    def lock(self, key: str) -> AbstractContextManager[Any]:
        """Return the lock of a key; one that is always free where there is no synchronizer."""
        if self.synchronizer is None:
            return nullcontext()
        lock: AbstractContextManager[Any] = self.synchronizer[key]
        return lock

    @property
    def metadata_key(self) -> str:
        return self.prefix + self.format.ARRAY_KEY

    @property
    def attributes_key(self) -> str:
        return self.prefix + self.format.ATTRS_KEY

    def load_array(self) -> ArrayDescription:
        """Load the description of the array here.

        Raises
        ------
        ArrayNotFoundError : there is none
        MetadataError : its document is malformed
        """
        default = getattr(self.store, "_dimension_separator", None) or "."
        for format in formats.FORMATS if self._format is None else (self._format,):
            description = format.load_array(self.store, self.prefix, default)
            if description is not None:
                self._format = format
                return description
        raise ArrayNotFoundError(self.path)

    def describe_array(self, request: ArrayRequest) -> ArrayDescription:
        """Describe a new array in the words of this node's format."""
        return self.format.describe_array(request)

    def save_array(self, description: ArrayDescription, attributes: Mapping[str, JSON] | None = None) -> None:
        self.format.save_array(self.store, self.prefix, description, attributes)

    def load_attributes(self) -> dict[str, JSON]:
        return self.format.load_attributes(self.store, self.prefix)

    def save_attributes(self, attributes: dict[str, JSON]) -> None:
        self.format.save_attributes(self.store, self.prefix, attributes)

    def kind(self) -> str | None:
        """Return what stands here: "array", "group" or None."""
        return self._kind_in(formats.FORMATS if self._asked_format is None else (self._asked_format,))

    def _kind_in(self, candidates: Iterable[Format]) -> str | None:
        found = ((format, format.kind_at(self.store, self.prefix)) for format in candidates)
        format, kind = next(((f, k) for f, k in found if k is not None), (None, None))
        if format is not None and self._asked_format is None:
            self._format = format
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
        kind = self._kind_in(formats.FORMATS)
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
                parent._format = self.format
                parent.save_group()

    def save_group(self) -> None:
        self.format.save_group(self.store, self.prefix)

    def _parents(self) -> list[Node]:
        if not self.path:
            return []
        segments = self.path.split("/")
        return [Node(self.store, "/".join(segments[:n])) for n in range(len(segments))]

    def create_array(
        self,
        description: ArrayDescription,
        overwrite: bool = False,
        attributes: Mapping[str, JSON] | None = None,
    ) -> None:
        """Write the documents of a new array, and of the groups above it."""
        self.make_room(overwrite)
        self.require_parents()
        with self.lock(self.metadata_key):
            self.save_array(description, attributes or {})

    def delete_chunks(self, keys: list[str]) -> None:
        access.deleter(self.chunk_store)(keys)


def refuse_read_only(read_only: bool, path: str) -> None:
    if read_only:
        raise ReadOnlyError(path)
