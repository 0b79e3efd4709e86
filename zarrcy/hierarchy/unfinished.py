"""The marker of an unfinished copy: written before anything else, and deleted when all is copied."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager

from zarrcy import metadata
from zarrcy.errors import MetadataError
from zarrcy.keys import prefix_of
from zarrcy.metadata.format import Format
from zarrcy.storage import access
from zarrcy.storage.json_reader import parse_json
from zarrcy.types import JSON, Key, Store

MARKER = ".zarrcy-unfinished"
"""Last part of the key of a marker. It is neither a document nor a chunk."""


class UnfinishedCopy(AbstractContextManager["UnfinishedCopy"]):
    """Marks a place while something is copied to it. The marker stays if the block fails or is killed.

    Objects are copied one after another, and the marker names the array to which elements are being copied. So all
    other arrays that exist are complete.

    Parameters
    ----------
    store : mapping or None
        Store of the copy. Nothing is marked if it is None, or if it can't delete keys.
    prefix : str
        Prefix of the keys that are written.
    by : {"nodes", "keys"}, optional
        What is copied one after another: arrays and groups, or keys, those of documents last.

    Attributes
    ----------
    was_interrupted : bool
        Whether there was a marker: an earlier copy was not completed.
    was_by : str or None
        The argument `by` of this earlier copy.
    incomplete : str or None
        Path of the array that this earlier copy was writing, as it was passed to `begin`.
    """

    def __init__(self, store: Store | None, prefix: str = "", by: str = "nodes") -> None:
        self._store = store if store is not None and access.is_erasable(store) else None
        self._key: Key = prefix + MARKER
        self._by = by
        members = self._load()
        self.was_interrupted = self._is_marked = members is not None
        self.was_by: JSON = (members or {}).get("by")
        self.incomplete: JSON = (members or {}).get("incomplete")

    def _load(self) -> dict[str, JSON] | None:
        document = None if self._store is None else access.document(self._store, self._key)
        if document is None:
            return None
        try:
            return parse_json(document, self._key)
        except MetadataError:
            return {}

    def __enter__(self) -> UnfinishedCopy:
        return self

    def __exit__(self, kind: type[BaseException] | None, *args: object) -> None:
        if kind is None and self._is_marked and self._store is not None:
            access.discard(self._store, self._key)

    def mark(self) -> None:
        """Write the marker, before the first change; what an earlier copy left incomplete stays noted."""
        if not self._is_marked:
            self._save(None)

    def begin(self, path: str) -> None:
        """Note that the elements of an array are being copied to a path, and that all others are complete."""
        self._save(path)

    def _save(self, path: str | None) -> None:
        if self._store is not None:
            about = "zarrcy has not finished a copy to this place; copy again to complete it"
            members = {"about": about, "by": self._by, "incomplete": path}
            self._store[self._key] = json.dumps(members).encode()
            self._is_marked = True


def is_unfinished(store: Store, prefix: str) -> bool:
    """Return whether there is a marker: a copy to a place was not completed."""
    return access.document(store, prefix + MARKER) is not None


def marked_prefix(path: str, format: Format) -> str:
    """Return the prefix of the marker of a copy to a path: the root if the format lays out the whole store."""
    return prefix_of(path) if format in metadata.NODE_BY_NODE else ""
