"""Attributes at any key of a store, for programs that do not reach them through an array or a group."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from zarrcy.errors import MetadataError
from zarrcy.hierarchy.node import Node
from zarrcy.metadata.json_writer import dump_json
from zarrcy.metadata.v2.documents import attributes_document
from zarrcy.storage import access
from zarrcy.storage.json_reader import parse_json
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

    def load_attributes(self, past_caches: bool = False) -> dict[str, JSON]:
        """Load the attributes; with `past_caches`, what is stored now, also if the store keeps copies."""
        document = self._load(past_caches)
        if not self._is_member:
            return document
        attributes = document.get(_MEMBER, {})
        if not isinstance(attributes, dict):
            raise MetadataError(
                self.attributes_key, f"its member {_MEMBER!r} is {attributes!r}, not an object of attributes"
            )
        return attributes

    def save_attributes(self, attributes: dict[str, JSON], before: Mapping[str, JSON] | None = None) -> None:
        """Replace the attributes; other members of the document do not change. For `before` see `Node`."""
        key = self.attributes_key
        if self._is_member:
            value = dump_json({**self._load(past_caches=True), _MEMBER: attributes}, key)
        else:
            value = attributes_document(key, attributes, before)
        access.past_caches(self.store)[key] = value

    def _load(self, past_caches: bool) -> dict[str, JSON]:
        store = access.past_caches(self.store) if past_caches else self.store
        document = access.document(store, self.attributes_key)
        return {} if document is None else dict(parse_json(document, self.attributes_key))
