"""What the rest of the library asks of a format. The modules `v2` and `v3` are such formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from zarrcy.formats.description import ArrayDescription
from zarrcy.formats.request import ArrayRequest
from zarrcy.types import JSON, Store


class Format(Protocol):
    """Find, load, describe and save nodes: documents <-> descriptions.

    A node is given by its store and the prefix of its keys: empty for the root, else its path and a slash.

    Attributes
    ----------
    ZARR_FORMAT : number of the version
    ARRAY_KEY, GROUP_KEY, ATTRS_KEY : ends of the keys of the documents; some may be the same document
    DOCUMENT_OF : end of the key of the document of each kind of node
    CONSOLIDATED_KEY : end of the key of the document that holds others; None where it has no key of its own
    """

    ZARR_FORMAT: int
    ARRAY_KEY: str
    GROUP_KEY: str
    ATTRS_KEY: str
    DOCUMENT_OF: dict[str, str]
    CONSOLIDATED_KEY: str | None

    def is_at(self, store: Store, prefix: str) -> bool:
        """Is there a node of this format? Its documents may be malformed."""

    def kind_at(self, store: Store, prefix: str) -> str | None:
        """Return "array" or "group", whichever stands there, or None."""

    def load_array(self, store: Store, prefix: str, default_separator: str = ".") -> ArrayDescription | None:
        """Load the description of the array that stands there; None if there is none."""

    def load_attributes(self, store: Store, prefix: str) -> dict[str, JSON]:
        """Load the attributes of the node that stands there."""

    def save_array(
        self,
        store: Store,
        prefix: str,
        description: ArrayDescription,
        attributes: Mapping[str, JSON] | None = None,
    ) -> None:
        """Save the documents of an array; without `attributes` it keeps those that it has."""

    def save_attributes(self, store: Store, prefix: str, attributes: Mapping[str, JSON]) -> None:
        """Save the attributes of a node; nothing else of it is changed."""

    def kinds_at(self, store: Store, prefixes: Sequence[str]) -> Iterator[str | None]:
        """Iterate over what stands at prefixes, as `kind_at` tells it, with few questions to the store."""

    def load_at(
        self, store: Store, prefixes: Sequence[str], default_separator: str = "."
    ) -> Iterator[tuple[str, Callable[[], ArrayDescription] | None] | None]:
        """Iterate over what stands at prefixes: the kind, and for an array what parses its document."""

    def nodes_among(self, names: Iterable[str]) -> list[str]:
        """Return the names that may be those of nodes."""

    def array_documents(
        self, description: ArrayDescription, attributes: Mapping[str, JSON] | None = None
    ) -> dict[str, bytes]:
        """Return the documents of a new array, by the last part of their keys."""

    def group_documents(self) -> dict[str, bytes]:
        """Return the documents of a new group, by the last part of their keys."""

    def documents_below(self, store: Store) -> Iterator[tuple[str, Any]]:
        """Iterate over the keys and contents of all documents in a store."""

    def consolidated_document(self, documents: Iterable[tuple[str, Any]]) -> bytes:
        """Return one document that holds others, by their keys."""

    def parse_array(self, document: Any, key: str, default_separator: str = ".") -> ArrayDescription:
        """Parse the document of an array."""

    def describe_array(self, request: ArrayRequest) -> ArrayDescription:
        """Describe a new array."""

    def normalize_fill_value(self, description: ArrayDescription, value: Any) -> Any:
        """Return a fill value that a user gave for an array that exists."""

    def codecs_of(self, description: ArrayDescription) -> list[JSON]:
        """Return the configurations of the codecs, in the order of encoding."""
