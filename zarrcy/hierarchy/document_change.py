"""A change of the metadata documents of a node that exists, from reading them to writing them.

The caller holds `zarrcy.hierarchy.node.Node.change_lock`, so that no other change of the node comes in between: of this
process, and of other processes if documents are files, or if they share the synchronizer. Where the store has
conditional puts, a document that someone else changed in between is not overwritten. Elsewhere documents are read
directly before they are written.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from zarrcy import metadata
from zarrcy.errors import ConcurrentChangeError
from zarrcy.storage.read_once import ReadOnce
from zarrcy.sync.key_locks import FilesLock

if TYPE_CHECKING:
    from zarrcy.hierarchy.node import Node
    from zarrcy.metadata import ArrayMetadata
    from zarrcy.types import JSON

# Writers that change one document again and again each get their turn after a few tries.
_MOST_TRIES = 10


class DocumentChange:
    """A change of the metadata of an array.

    Parameters
    ----------
    node : Node
        The node of the array.
    is_short : bool, optional
        Whether the caller holds `Node.documents_lock` until the metadata are saved. Then nothing is read twice.
    lock : object, optional
        A lock that the caller holds: that of the documents for a short change, else that of the node, for
        `save_and_go_on`.
    """

    def __init__(self, node: Node, is_short: bool = False, lock: object = None) -> None:
        self._node, self._lock = node, lock
        self._is_short = is_short
        self._documents = ReadOnce(node.store, past_caches=True)
        self._trusts_reads = self._documents.is_conditional and node.synchronizer is None
        self._consolidation = node.latest_consolidation()
        keys = [node.metadata_key]
        if is_short or self._trusts_reads:
            keys += node.keys_of_copies()
        self._documents.fetch(keys)
        self._seen: ArrayMetadata | None = None

    def load_array(self) -> ArrayMetadata:
        """Load and parse the metadata that are stored now; see `Node.load_array`."""
        self._seen = self._node.load_array(documents=self._documents)
        return self._seen

    def save_array(self, array: ArrayMetadata) -> None:
        """Write the documents of the array; its attributes do not change.

        Raises
        ------
        ConcurrentChangeError
            If another writer changed the metadata since they were loaded, and the store noticed it.
        """
        node, documents = self._node, self._documents
        n_left = _MOST_TRIES
        while True:
            with nullcontext(self._lock) if self._is_short else node.documents_lock() as lock:
                self._refresh()
                node.drop_consolidated(documents, lock=lock)
                try:
                    node.format.save_array(documents, node.prefix, array)
                except ConcurrentChangeError:
                    n_left -= 1
                    if not n_left or not self._is_unchanged():
                        raise
                else:
                    self._seen = array
                    return

    def save_and_go_on(self, array: ArrayMetadata) -> None:
        """Write the documents of the array before other parts of the change, at whose end they are written again.

        Raises
        ------
        ConcurrentChangeError
            If another writer changed the metadata since they were loaded, and this was noticed.
        """
        self.save_array(array)
        if isinstance(self._lock, FilesLock):
            # the file of the document is another one now, and another process may have been faster
            self._lock.lock_again()
            key = self._node.metadata_key
            self._documents.forget([key])
            if not self._is_unchanged():
                raise ConcurrentChangeError(key)

    def _refresh(self) -> None:
        """Read again what another writer may have changed since; the caller holds `Node.documents_lock`."""
        if self._is_short:
            return
        if not self._trusts_reads or self._consolidation is not self._node.latest_consolidation():
            keys = self._node.keys_of_copies()
            if keys and not self._documents.is_conditional:
                # the document also holds the attributes
                keys.append(self._node.metadata_key)
            self._documents.forget(keys)
            self._documents.fetch(keys)

    def _is_unchanged(self) -> bool:
        """Return whether the metadata are those that were loaded, so that only the attributes were changed."""
        now, seen = self._node.load_array(documents=self._documents), self._seen
        return (
            seen is not None
            and now.shape == seen.shape
            and now.fill_is_stated == seen.fill_is_stated
            and now.decodes_like(seen)
        )


def change_attributes(
    node: Node, change: Callable[[dict[str, JSON]], dict[str, JSON]], *, reads: bool = True
) -> None:
    """Change the attributes of a node.

    Parameters
    ----------
    node : Node
        The node.
    change : callable
        Takes the attributes and returns the new ones, with the values of JSON. It is called again if another writer
        changed the attributes before the new ones were written.
    reads : bool, optional
        Whether `change` looks at the attributes. If not, it gets an empty dictionary.

    Raises
    ------
    ConcurrentChangeError
        If other writers changed the document again and again.
    """
    repeated(lambda: _change_attributes_once(node, change, reads))


def repeated(change: Callable[[], None]) -> None:
    """Call a function until no other writer changes what it has read before it writes; at most ten times.

    Raises
    ------
    ConcurrentChangeError
        If other writers changed the document again and again.
    """
    for _ in range(_MOST_TRIES - 1):
        with suppress(ConcurrentChangeError):
            return change()
    return change()


def _change_attributes_once(
    node: Node, change: Callable[[dict[str, JSON]], dict[str, JSON]], reads: bool
) -> None:
    format = node.format
    with node.documents_lock() as lock:
        documents = ReadOnce(node.store, past_caches=True)
        # a document of the whole node is read in any case
        own = [node.attributes_key] if reads or metadata.keeps_one_document(format) else []
        documents.fetch([*own, *node.keys_of_copies()])
        before = format.load_attributes(documents, node.prefix) if reads else None
        attributes = change({} if before is None else before)
        node.drop_consolidated(documents, lock=lock)
        format.save_attributes(documents, node.prefix, attributes, before)
