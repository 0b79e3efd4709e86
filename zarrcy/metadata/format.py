"""The interface of a format. The modules `v2`, `v3` and `v3_draft` implement it with functions of these names.

A node is given by its store and its prefix: the empty string for the root, else its path followed by a slash. The
prefixes of several nodes are passed together, so that a store can answer them with one request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from zarrcy.metadata.array_metadata import ArrayMetadata, NodeEntry
from zarrcy.metadata.array_spec import ArraySpec
from zarrcy.types import JSON, Buffer, Elements, Key, Store, ZarrFormat


class Documents(Protocol):
    """Keys and content of the metadata documents of a node."""

    @property
    def ZARR_FORMAT(self) -> ZarrFormat:  # noqa: N802 - a constant of the modules
        """The version of the format."""

    def document_key(self, prefix: str, kind: str) -> Key:
        """Return the key of the document of an "array" or a "group"; both may have the same key."""

    def documents_at(self, prefix: str) -> list[Key]:
        """Return the keys of all documents that a node may have."""

    def prefix_of_document(self, key: Key) -> str | None:
        """Return the prefix of the node whose document has a key; None if it is not the key of a document."""

    def attributes_key(self, store: Store, prefix: str) -> Key:
        """Return the key of the document that holds the attributes of a node."""

    def storage_prefixes(self, path: str) -> tuple[list[str], list[Key]]:
        """Return the folders of a node and all nodes below it, and the keys outside of them; any may be missing."""

    def parse_array(self, document: Buffer, key: Key, default_separator: str = ".") -> ArrayMetadata:
        """Parse the document of an array."""

    def as_stored(
        self, array: ArrayMetadata, document: bytes, key: Key, default_separator: str = "."
    ) -> ArrayMetadata:
        """Return the metadata of a new array, which `describe_array` made, as a reader parses them from its document.

        Raises
        ------
        MetadataError
            If a reader would refuse the document, which holds the attributes in some formats.
        """

    def array_documents(
        self, prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
    ) -> dict[Key, bytes]:
        """Return the documents of a new array by their keys; the first key is `document_key`."""

    def group_documents(self, prefix: str, attributes: Mapping[str, JSON] | None = None) -> dict[Key, bytes]:
        """Return the documents of a new group by their keys; the first key is `document_key`."""

    def parent_documents(self, prefix: str) -> dict[Key, bytes]:
        """Return the documents of a group that is created because a new node is below it; empty if it needs none."""

    def load_attributes(self, store: Store, prefix: str) -> dict[str, JSON]:
        """Load the attributes of a node."""

    def save_array(
        self,
        store: Store,
        prefix: str,
        description: ArrayMetadata,
        attributes: Mapping[str, JSON] | None = None,
    ) -> None:
        """Save the documents of an array. Without `attributes`, the stored ones are kept."""

    def save_attributes(
        self,
        store: Store,
        prefix: str,
        attributes: Mapping[str, JSON],
        before: Mapping[str, JSON] | None = None,
    ) -> None:
        """Save the attributes of a node; its other metadata do not change.

        A format that sorts names keeps the order of those that are stored, which are given as `before`.
        """

    def prepare(self, store: Store) -> None:
        """Write the documents that a store needs before its first node."""

    def codecs_of(self, description: ArrayMetadata) -> list[JSON]:
        """Return the configurations of the codecs, in the order of encoding."""


class Discovery(Protocol):
    """Find the nodes of a store, one by one or from consolidated metadata."""

    def exists(self, store: Store, prefix: str) -> bool:
        """Return whether there is a node of this format. Its documents may be malformed."""

    def kinds_at(self, store: Store, prefixes: Sequence[str]) -> Iterator[str | None]:
        """Iterate over the kinds of nodes: "array", "group", or None if there is no node."""

    def load_one(self, store: Store, prefix: str, default_separator: str = ".") -> NodeEntry | None:
        """Load a node; None if there is no node."""

    def load_at(
        self, store: Store, prefixes: Sequence[str], default_separator: str = "."
    ) -> Iterator[NodeEntry | None]:
        """Load nodes; None for each prefix without a node."""

    def load_array(self, store: Store, prefix: str, default_separator: str = ".") -> ArrayMetadata | None:
        """Load the metadata of an array; None if there is no array."""

    def names_below(self, store: Store, prefix: str) -> list[str]:
        """Return the names directly below a node that may be those of nodes, sorted."""

    def consolidate(self, store: Store, path: str, metadata_key: str = ...) -> dict[Key, bytes]:
        """Write the metadata of all nodes below a path into one document; return it by its key."""

    def open_consolidated(
        self, store: Store, path: str, metadata_key: str = ..., source: Store | None = None
    ) -> Store | None:
        """Return a store of the consolidated documents; None if there are none in this format.

        `source` is the store of the documents that were copied, if `store` has only some of them.
        """

    def held_copies(self, store: Store, prefix: str) -> tuple[Key, Mapping[Key, JSON]] | None:
        """Return the copies of documents that the node at a prefix holds, by the keys of these documents.

        The first item is the key of the document that holds them. None if the node holds none.

        Raises
        ------
        MetadataError
            If consolidated metadata are malformed.
        """

    def consolidated_among(self, store: Store, prefixes: Sequence[str]) -> list[str]:
        """Return the prefixes whose consolidated metadata become stale if a node below changes."""

    def drop_consolidated(self, store: Store, prefix: str) -> None:
        """Delete the consolidated metadata of a group."""


class Creation(Protocol):
    """Make the metadata of new arrays, from the arguments of a user or from another array."""

    def describe_array(self, request: ArraySpec) -> ArrayMetadata:
        """Return the metadata of a new array.

        Raises
        ------
        ValueError
            If the format cannot describe the array. The message says how to change it.
        """

    def create_kwargs_like(self, description: ArrayMetadata, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the format-specific arguments of `zarrcy.create` for an array like another.

        `asked` are the arguments in which the new array differs.
        """

    def translate(self, description: ArrayMetadata) -> ArrayMetadata:
        """Return the metadata, in this format, of an array of another format with the same stored chunks.

        Raises
        ------
        ValueError
            If the stored chunks would have to change.
        """

    def apply_conventions(
        self, description: ArrayMetadata, attributes: Mapping[str, JSON]
    ) -> tuple[ArrayMetadata, dict[str, JSON]]:
        """Return the metadata and attributes of an array of another format, as xarray spells them in this one.

        Dimension names and the value of missing elements move to where readers of this format look for them: see
        `zarrcy.metadata.xarray_convention`. The fill value may change.
        """

    def normalize_fill_value(self, description: ArrayMetadata, value: Elements) -> Elements:
        """Return a user's fill value as a scalar of the array's data type."""


class Format(Documents, Discovery, Creation, Protocol):
    """A version of Zarr: its documents, how nodes are found, and how arrays are created."""
