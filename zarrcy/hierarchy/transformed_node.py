"""Node of an array in the draft of v3 whose document names storage transformers."""

from __future__ import annotations

from collections.abc import Sequence

from zarrcy.hierarchy.node import Node
from zarrcy.metadata import ArrayMetadata
from zarrcy.metadata.json_member import Member
from zarrcy.metadata.v3_draft_transformers import transformers_of
from zarrcy.storage.draft_transformers import StorageTransformer, around
from zarrcy.types import Store, Synchronizer


class TransformedNode(Node):
    """Node of an array whose chunks are read and written through storage transformers.

    Parameters
    ----------
    node : Node
        The node of the array.
    transformers : sequence of StorageTransformer
        The transformers, in the order of encoding: the first gets the chunks first.
    """

    __slots__ = ("_transformed", "transformers")

    def __init__(self, node: Node, transformers: Sequence[StorageTransformer]) -> None:
        number = node.format.ZARR_FORMAT
        super().__init__(node.store, node.path, node.own_chunk_store, node.synchronizer, number)
        self.transformers = transformers
        store = node.chunk_store
        for transformer in reversed(transformers):
            store = around(transformer, store)
        self._transformed = store

    def __reduce__(self) -> tuple[type[Node], tuple[object, ...]]:
        _, arguments = super().__reduce__()
        return TransformedNode, (Node(*arguments), self.transformers)  # type: ignore[arg-type]

    def with_synchronizer(self, synchronizer: Synchronizer | None) -> Node:
        """Return the same node with another synchronizer."""
        return TransformedNode(super().with_synchronizer(synchronizer), self.transformers)

    @property
    def chunk_store(self) -> Store:
        """The storage transformers, around the store of the chunks."""
        return self._transformed


def transformed(node: Node, metadata: ArrayMetadata) -> Node:
    """Return the node of an array in the draft of v3, with the storage transformers that its metadata name."""
    configs = metadata.extra_fields.get("storage_transformers")
    if not configs or isinstance(node, TransformedNode):
        return node
    members = Member(node.metadata_key, "", {"storage_transformers": configs})
    return TransformedNode(node, transformers_of(members))
