"""The documents ``zarr.json``: load, parse and write what arrays and groups have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from zarrcy.keys import without_own_names
from zarrcy.storage import access, json_reader
from zarrcy.storage.listing import listdir
from zarrcy.types import JSON, Buffer, Key, Store

if TYPE_CHECKING:
    from zarrcy.metadata.json_member import Member

ZARR_FORMAT = 3
KEY = "zarr.json"
CONSOLIDATED = "consolidated_metadata"

_BATCH_KEYS = 1000
_GROUP_MEMBERS = {"zarr_format", "node_type", "attributes", CONSOLIDATED}


def parse_json(document: Buffer, key: Key) -> Member:
    """Parse a document, which must be a JSON object. A store of consolidated metadata returns it parsed."""
    from zarrcy.metadata.json_member import Member  # other formats do not need it

    return Member(key, "", json_reader.parse_json(document, key, json_reader.MAX_CONSOLIDATED_NBYTES))


def load(store: Store, prefix: str) -> Member | None:
    """Load the document at a prefix of keys; None if there is no document of this version."""
    key = prefix + KEY
    document = access.document(store, key)
    if document is None:
        return None
    return unless_draft(parse_json(document, key))


def unless_draft(members: Member) -> Member | None:
    """Return a document; None if it belongs to the draft of this version, which states a URL as ``zarr_format``."""
    return None if isinstance(members.value.get("zarr_format"), str) else members


def load_many(store: Store, prefixes: Sequence[str]) -> Iterator[Member | None]:
    """Iterate over the documents at prefixes of keys, as `load` returns them."""
    keys = [prefix + KEY for prefix in prefixes]
    for key, document in zip(keys, read_many(store, keys), strict=True):
        yield None if document is None else unless_draft(parse_json(document, key))


def read_many(store: Store, keys: Sequence[Key]) -> Iterator[Buffer | None]:
    """Iterate over the values of keys; None for each key that does not exist."""
    fetch = access.documents(store)
    for first in range(0, len(keys), _BATCH_KEYS):
        yield from fetch(list(keys[first : first + _BATCH_KEYS]))


def node_type(members: Member) -> str:
    """Return the kind of node that a document describes: "array" or "group".

    Raises
    ------
    MetadataError
        If it describes neither, or is not of this version.
    """
    if members.require("zarr_format").value != ZARR_FORMAT:
        members.require("zarr_format").fail(f"it must be {ZARR_FORMAT}")
    return members.require("node_type").choice("array", "group")


def names_below(store: Store, prefix: str) -> list[str]:
    """Return the names directly below a node that may be those of nodes: all except documents and our own files."""
    return without_own_names(name for name in listdir(store, prefix) if name != KEY)


def attributes_of(members: Member) -> dict[str, JSON]:
    """Return a copy of the attributes in a document; null is read as none."""
    attributes = members.get("attributes")
    return {} if attributes is None or attributes.value is None else dict(attributes.object())


def check_unknown_fields(members: Member, known: Collection[str]) -> None:
    """Raise an error if a document has unknown members that must be understood.

    Raises
    ------
    MetadataError
        If it has.
    """
    for name, value in members.object().items():
        if name in known or (isinstance(value, dict) and value.get("must_understand") is False):
            continue
        members.require(name).fail(
            'this member is not supported, and is not marked as optional ("must_understand": false); open it with a '
            "library that supports it"
        )


def check_group(members: Member) -> None:
    """Raise an error if the document of a group is malformed, or has unknown members that must be understood."""
    check_unknown_fields(members, _GROUP_MEMBERS)
    attributes_of(members)


def group_documents(prefix: str, attributes: Mapping[str, JSON] | None = None) -> dict[Key, bytes]:
    """Return the documents of a new group by their keys."""
    members = {"zarr_format": ZARR_FORMAT, "node_type": "group", "attributes": dict(attributes or {})}
    return {prefix + KEY: dump_json(members, prefix + KEY)}


def parent_documents(prefix: str) -> dict[Key, bytes]:
    """Return the documents of a group above a new node: those of any group."""
    return group_documents(prefix)


def dump_json(document: JSON, key: Key) -> bytes:
    """Return the bytes of a document: an indent of 2, UTF-8, members in the order of the specification."""
    from zarrcy.metadata import json_writer  # reading does not need it

    return json_writer.dump_json(document, key, json_writer.V3_STYLE)
