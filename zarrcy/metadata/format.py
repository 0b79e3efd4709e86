"""What the rest of the library asks of a format. The modules `v2`, `v3` and `v3_draft` are such formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from zarrcy.metadata.array_metadata import ArrayMetadata, Names, NodeEntry
from zarrcy.metadata.array_spec import ArraySpec
from zarrcy.types import JSON, Key, Store, ZarrFormat


class Format(Protocol):
    """Find, load, describe and save nodes: documents <-> descriptions.

    A node is given by its store and its prefix: empty for the root, else its path and a slash.

    """

    @property
    def ZARR_FORMAT(self) -> ZarrFormat:  # noqa: N802 - a constant of the modules
        """The version."""

    @property
    def CONSOLIDATED_KEY(self) -> str | None:  # noqa: N802
        """End of the key of a document that holds others; None where these have no document of their own."""

    def document_key(self, prefix: str, kind: str) -> Key:
        """Return the key of the document of an "array" or a "group"; they may share one."""

    def documents_at(self, prefix: str) -> list[Key]:
        """Return the keys of all documents that a node may have."""

    def attributes_key(self, store: Store, prefix: str) -> Key:
        """Return the key of the document that holds the attributes of a node."""

    def storage_prefixes(self, path: str) -> tuple[list[str], list[Key]]:
        """Return the folders that hold a node and all below it, and the keys beside them; any may be missing."""

    def exists(self, store: Store, prefix: str) -> bool:
        """Are what stands at a prefix, and what is new below it, of this format? Its documents may be malformed."""

    def load_array(self, store: Store, prefix: str, default_separator: str = ".") -> ArrayMetadata | None:
        """Load the description of the array that stands there; None if there is none."""

    def load_attributes(self, store: Store, prefix: str) -> dict[str, JSON]:
        """Load the attributes of the node that stands there."""

    def save_array(
        self,
        store: Store,
        prefix: str,
        description: ArrayMetadata,
        attributes: Mapping[str, JSON] | None = None,
    ) -> None:
        """Save the documents of an array; without `attributes` it keeps those that it has."""

    def save_attributes(self, store: Store, prefix: str, attributes: Mapping[str, JSON]) -> None:
        """Save the attributes of a node; nothing else of it is changed."""

    def kinds_at(self, store: Store, prefixes: Sequence[str]) -> Iterator[str | None]:
        """Iterate over what stands at prefixes, "array", "group" or None, with few questions to the store."""

    def load_one(self, store: Store, prefix: str, default_separator: str = ".") -> NodeEntry | None:
        """Return what stands at a prefix: the kind, and for an array what parses its document."""

    def load_at(
        self, store: Store, prefixes: Sequence[str], default_separator: str = "."
    ) -> Iterator[NodeEntry | None]:
        """Iterate over what stands at prefixes: the kind, and for an array what parses its document."""

    def names_below(self, store: Store, prefix: str) -> list[str]:
        """Return the names directly below a node that may be those of nodes, sorted."""

    def prepare(self, store: Store) -> None:
        """Write what a store needs before its first node."""

    def array_documents(
        self, prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
    ) -> dict[Key, bytes]:
        """Return the documents of a new array by their keys; the first is `document_key`."""

    def group_documents(self, prefix: str, attributes: Mapping[str, JSON] | None = None) -> dict[Key, bytes]:
        """Return the documents of a new group by their keys; the first is `document_key`."""

    def consolidate(self, store: Store, path: str, metadata_key: str = ...) -> None:
        """Write the metadata of what is below a path into one document."""

    def open_consolidated(self, store: Store, path: str, metadata_key: str = ...) -> Store | None:
        """Return a store of the documents that were consolidated; None if this format has none there."""

    def consolidated_among(self, store: Store, prefixes: Sequence[str]) -> list[str]:
        """Return the prefixes at which consolidated metadata may stand that a change below makes untrue."""

    def drop_consolidated(self, store: Store, prefix: str) -> None:
        """Take out the consolidated metadata at a prefix of keys."""

    def parse_array(self, document: Any, key: str, default_separator: str = ".") -> ArrayMetadata:
        """Parse the document of an array."""

    def describe_array(self, request: ArraySpec) -> ArrayMetadata:
        """Describe a new array."""

    def create_kwargs_like(self, description: ArrayMetadata, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the words of `zarrcy.create` for an array like another, beyond those that all formats have.

        `asked` are the words in which it shall differ.
        """

    def translate(self, description: ArrayMetadata) -> ArrayMetadata:
        """Describe an array of another format so that its stored chunks stay as they are, if not their keys.

        Raises ValueError, which says why, where they can't.
        """

    def place_names(
        self, names: Names, attributes: Mapping[str, JSON], ndim: int
    ) -> tuple[Names, dict[str, JSON]]:
        """Return the names of dimensions that the document has a place for, and the attributes with the others."""

    def normalize_fill_value(self, description: ArrayMetadata, value: Any) -> Any:
        """Return a fill value that a user gave for an array that exists."""

    def codecs_of(self, description: ArrayMetadata) -> list[JSON]:
        """Return the configurations of the codecs, in the order of encoding."""
