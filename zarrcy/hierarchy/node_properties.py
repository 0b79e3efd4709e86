"""What arrays and groups have in common: both are nodes of a hierarchy."""

from __future__ import annotations

from zarrcy.hierarchy.attributes import Attributes
from zarrcy.hierarchy.node import Node
from zarrcy.types import Store, Synchronizer, ZarrFormat


class NodeProperties:
    """Where a node is, and its attributes."""

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
        """Path in the store; empty at the root."""
        return self._node.path

    @property
    def synchronizer(self) -> Synchronizer | None:
        """What gives the locks of parallel writers."""
        return self._node.synchronizer

    @property
    def attrs(self) -> Attributes:
        """User attributes."""
        return self._attrs

    @property
    def zarr_format(self) -> ZarrFormat:
        """Version of the format that the metadata follow."""
        return self._node.format.ZARR_FORMAT
