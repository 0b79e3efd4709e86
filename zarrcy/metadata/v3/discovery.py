"""Find and load the nodes of a store in Zarr v3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from zarrcy.errors import MetadataError
from zarrcy.metadata.array_metadata import ArrayMetadata, NodeEntry
from zarrcy.metadata.v3.document import (
    KEY,
    attributes_of,
    check_group,
    dump_json,
    load,
    load_many,
    node_type,
)
from zarrcy.types import JSON, Key, Store

if TYPE_CHECKING:
    from zarrcy.metadata.json_member import Member

# -- keys --------------------------------------------------------------------------------------------


def document_key(prefix: str, kind: str) -> Key:
    """Return the key of the document of an array or a group; both have the same one."""
    return prefix + KEY


def documents_at(prefix: str) -> list[Key]:
    """Return the keys of all documents that a node may have."""
    return [prefix + KEY]


def prefix_of_document(key: Key) -> str | None:
    """Return the prefix of the node whose document has a key; None if it is not the key of a document."""
    above, slash, name = key.rpartition("/")
    return above + slash if name in (KEY,) else None


def attributes_key(store: Store, prefix: str) -> Key:
    """Return the key of the document that holds the attributes of a node."""
    return prefix + KEY


def storage_prefixes(path: str) -> tuple[list[str], list[Key]]:
    """Return the folders of a node and all nodes below it, and the keys outside of them."""
    return [path], []


def prepare(store: Store) -> None:
    """Do nothing: a store needs no documents before its first node."""


# -- nodes -------------------------------------------------------------------------------------------


def exists(store: Store, prefix: str) -> bool:
    """Return whether there is a node of this format. Its document may be malformed."""
    try:
        return load(store, prefix) is not None
    except MetadataError:
        return True


def kinds_at(store: Store, prefixes: Sequence[str]) -> Iterator[str | None]:
    """Iterate over the kinds of nodes: "array", "group", or None if there is no node."""
    return (None if members is None else node_type(members) for members in load_many(store, prefixes))


def load_array(store: Store, prefix: str, default_separator: str = ".") -> ArrayMetadata | None:
    """Load the metadata of an array; None if there is no array."""
    members = load(store, prefix)
    if members is None or node_type(members) != "array":
        return None
    return _parse_array(members)


def load_at(
    store: Store, prefixes: Sequence[str], default_separator: str = "."
) -> Iterator[NodeEntry | None]:
    """Load nodes; None for each prefix without a node.

    Raises
    ------
    MetadataError
        If the document of a group is malformed.
    """
    return map(_entry, load_many(store, prefixes))


def load_one(store: Store, prefix: str, default_separator: str = ".") -> NodeEntry | None:
    """Load a node, as `load_at` does; None if there is no node."""
    return _entry(load(store, prefix))


def _entry(members: Member | None) -> NodeEntry | None:
    if members is None:
        return None
    if node_type(members) == "array":
        return NodeEntry("array", _parse_array, members)
    check_group(members)
    return NodeEntry("group")


def _parse_array(members: Member) -> ArrayMetadata:
    # imported here because looking for a node does not need it
    from zarrcy.metadata.v3.array_document import parse_plain

    return parse_plain(members)


# -- attributes --------------------------------------------------------------------------------------


def load_attributes(store: Store, prefix: str) -> dict[str, JSON]:
    """Load the attributes of a node."""
    members = load(store, prefix)
    return {} if members is None else attributes_of(members)


def save_attributes(
    store: Store, prefix: str, attributes: Mapping[str, JSON], before: Mapping[str, JSON] | None = None
) -> None:
    """Save the attributes of a node; the rest of its document does not change.

    Raises
    ------
    MetadataError
        If the document no longer exists.
    """
    members = load(store, prefix)
    if members is None:
        raise MetadataError(prefix + KEY, "it no longer exists: another process deleted the node")
    store[prefix + KEY] = dump_json({**members.object(), "attributes": dict(attributes)}, prefix + KEY)
