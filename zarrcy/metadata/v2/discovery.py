"""Find and load the nodes of a store in Zarr v2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zarrcy.keys import without_own_names
from zarrcy.metadata.array_metadata import ArrayMetadata, NodeEntry
from zarrcy.metadata.v2.documents import (
    ARRAY_KEY,
    DOCUMENTS,
    KEY_OF_KIND,
    check_group,
    document_key,
    parse_array,
)
from zarrcy.storage import access
from zarrcy.storage.base import offers
from zarrcy.storage.listing import listdir
from zarrcy.types import Buffer, Key, Store

_DOCUMENT_NAMES = frozenset(DOCUMENTS)


def exists(store: Store, prefix: str) -> bool:
    """Return whether there is a node of this format."""
    return next(kinds_at(store, [prefix])) is not None


def kinds_at(store: Store, prefixes: Sequence[str]) -> Iterator[str | None]:
    """Iterate over the kinds of nodes: "array", "group", or None if there is no node."""
    from zarrcy.metadata.node_lookup import find  # opening an array does not need it

    present = access.finder(store)
    nodes = find(
        prefixes,
        document_key,
        lambda keys: [is_present or None for is_present in present(keys)],
        offers(store, "getitems"),
    )
    return (None if node is None else node[0] for node in nodes)


def load_at(
    store: Store, prefixes: Sequence[str], default_separator: str = "."
) -> Iterator[NodeEntry | None]:
    """Load nodes; None for each prefix without a node.

    Raises
    ------
    MetadataError
        If the document of a group is malformed.
    """
    from zarrcy.metadata.node_lookup import find

    for node in find(prefixes, document_key, access.document_reader(store), offers(store, "getitems")):
        if node is None:
            yield None
        else:
            kind, key, document = node
            yield _entry(kind, key, document, default_separator)


def load_one(store: Store, prefix: str, default_separator: str = ".") -> NodeEntry | None:
    """Load a node, as `load_at` does; None if there is no node."""
    for kind, name in KEY_OF_KIND.items():
        document = access.document(store, prefix + name)
        if document is not None:
            return _entry(kind, prefix + name, document, default_separator)
    return None


def _entry(kind: str, key: Key, document: Buffer, default_separator: str) -> NodeEntry:
    if kind == "array":
        return NodeEntry(kind, parse_array, document, key, default_separator)
    check_group(document, key)
    return NodeEntry(kind)


def load_array(store: Store, prefix: str, default_separator: str = ".") -> ArrayMetadata | None:
    """Load the metadata of an array; None if there is no array."""
    document = access.document(store, prefix + ARRAY_KEY)
    return None if document is None else parse_array(document, prefix + ARRAY_KEY, default_separator)


def names_below(store: Store, prefix: str) -> list[str]:
    """Return the names directly below a node that may be those of nodes: all except documents and our own files."""
    return without_own_names(name for name in listdir(store, prefix) if name not in _DOCUMENT_NAMES)
