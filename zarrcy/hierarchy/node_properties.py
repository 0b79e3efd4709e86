"""Properties that arrays and groups share: their place in a store, and their attributes."""

from __future__ import annotations

from zarrcy.hierarchy.attributes import Attributes
from zarrcy.hierarchy.node import Node
from zarrcy.types import Store, Synchronizer, ZarrFormat


class NodeProperties:
    """The place of an array or group in its store, and its attributes."""

    _node: Node
    _attrs: Attributes

    @property
    def store(self) -> Store:
        """Store of the metadata."""
        return self._node.store

    @property
    def chunk_store(self) -> Store:
        """Store of the chunks."""
        return self._node.chunk_store

    @property
    def path(self) -> str:
        """Path in the store; empty for the root."""
        return self._node.path

    @property
    def synchronizer(self) -> Synchronizer | None:
        """Mapping of keys to the locks of parallel writers, or None."""
        return self._node.synchronizer

    @property
    def attrs(self) -> Attributes:
        """User attributes."""
        return self._attrs

    @property
    def _version(self) -> int:
        # programs of zarr-python 2 ask for it
        return 2 if self._node.format.ZARR_FORMAT == 2 else 3

    @property
    def zarr_format(self) -> ZarrFormat:
        """Version of the format of the metadata: 2, 3 or "3-draft"."""
        return self._node.format.ZARR_FORMAT
