"""Attributes at any key of a store, for programs that do not reach them through an array or a group."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from zarrcy.errors import MetadataError
from zarrcy.hierarchy.document_change import repeated
from zarrcy.hierarchy.node import Node
from zarrcy.metadata.json_writer import dump_json
from zarrcy.metadata.v2.documents import attributes_document
from zarrcy.storage import access
from zarrcy.storage.json_reader import parse_json
from zarrcy.storage.read_once import ReadOnce
from zarrcy.types import JSON, Key, Store, Synchronizer

_MEMBER = "attributes"


class AttributesDocument:
    """A document that holds attributes: all its members in format 2, and one of its members in the draft of v3.

    Parameters
    ----------
    store : mapping
        Store of the document. The stores of the draft say that they are of version 3.
    key : Key
        Key of the document. It need not exist.
    synchronizer : mapping, optional
        Gives the lock under which the document is changed.
    """

    def __init__(self, store: Store, key: Key, synchronizer: Synchronizer | None = None) -> None:
        self.store = store
        self.attributes_key = key
        self.synchronizer = synchronizer
        self._node = Node(store, key.rpartition("/")[0], None, synchronizer)
        self._is_member = access.store_version(store) == 3

    @property
    def path(self) -> str:
        """Path of the node to which the key belongs."""
        return self._node.path

    def change_lock(self, key: Key) -> AbstractContextManager[object]:
        """Return the lock under which the document is read, changed and written."""
        return self._node.change_lock(key)

    def load_attributes(self) -> dict[str, JSON]:
        """Load the attributes."""
        return self._attributes_in(self._load(self.store))

    def _attributes_in(self, document: dict[str, JSON]) -> dict[str, JSON]:
        if not self._is_member:
            return document
        attributes = document.get(_MEMBER, {})
        if not isinstance(attributes, dict):
            raise MetadataError(
                self.attributes_key, f"its member {_MEMBER!r} is {attributes!r}, not an object of attributes"
            )
        return attributes

    def change_attributes(
        self, change: Callable[[dict[str, JSON]], dict[str, JSON]], *, reads: bool = True
    ) -> None:
        """Change the attributes; other members of the document do not change. For the parameters see `Node`."""
        repeated(lambda: self._change_once(change, reads))

    def _change_once(self, change: Callable[[dict[str, JSON]], dict[str, JSON]], reads: bool) -> None:
        key, documents = self.attributes_key, ReadOnce(self.store, past_caches=True)
        before = self._attributes_in(self._load(documents)) if reads else {}
        attributes = change(before)
        if self._is_member:
            documents[key] = dump_json({**self._load(documents), _MEMBER: attributes}, key)
        else:
            documents[key] = attributes_document(key, attributes, before)

    def _load(self, store: Store) -> dict[str, JSON]:
        document = access.document(store, self.attributes_key)
        return {} if document is None else dict(parse_json(document, self.attributes_key))
