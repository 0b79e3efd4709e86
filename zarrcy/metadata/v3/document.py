"""The documents ``zarr.json`` themselves: found, read, checked as far as all nodes are alike, and written."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from zarrcy.metadata.json_member import Member
from zarrcy.storage import access, json_reader
from zarrcy.storage.listing import listdir
from zarrcy.types import JSON, Key, Store

ZARR_FORMAT = 3
KEY = "zarr.json"
CONSOLIDATED = "consolidated_metadata"

_BATCH_KEYS = 1000
_GROUP_MEMBERS = {"zarr_format", "node_type", "attributes", CONSOLIDATED}


def parse_json(document: Any, key: Key) -> Member:
    """Parse a document that must be a JSON object. A store of consolidated metadata gives it parsed."""
    return Member(key, "", json_reader.parse_json(document, key, json_reader.MAX_CONSOLIDATED_NBYTES))


def load(store: Store, prefix: str) -> Member | None:
    """Load the document at a prefix of keys; None if there is none, or one that is not of this version."""
    key = prefix + KEY
    document = access.get(store, key)
    if document is None:
        return None
    return of_this_version(parse_json(document, key))


def of_this_version(members: Member) -> Member | None:
    """Return a document, or None if it is not of this version."""
    # the draft of this version put the address of its text there
    return None if isinstance(members.value.get("zarr_format"), str) else members


def load_many(store: Store, prefixes: Sequence[str]) -> Iterator[Member | None]:
    """Iterate over the documents at prefixes of keys, as `load` gives them."""
    keys = [prefix + KEY for prefix in prefixes]
    for key, document in zip(keys, read_many(store, keys), strict=True):
        yield None if document is None else of_this_version(parse_json(document, key))


def read_many(store: Store, keys: Sequence[Key]) -> Iterator[Any]:
    """Iterate over the values of keys, None where there is none."""
    fetch = access.reader(store)
    for first in range(0, len(keys), _BATCH_KEYS):
        yield from fetch(list(keys[first : first + _BATCH_KEYS]))


def node_type(members: Member) -> str:
    """Return "array" or "group", whichever a document describes."""
    if members.require("zarr_format").value != ZARR_FORMAT:
        members.require("zarr_format").fail(f"it must be {ZARR_FORMAT}")
    return members.require("node_type").choice("array", "group")


def names_below(store: Store, prefix: str) -> list[str]:
    """Return the names directly below a node that may be those of nodes: no document's, and none that is reserved."""
    return [name for name in listdir(store, prefix) if name != KEY and not name.startswith("__")]


def attributes_of(members: Member) -> dict[str, JSON]:
    """Return the attributes in a document, as a dictionary of their own."""
    attributes = members.get("attributes")
    # early versions of other libraries wrote null for none
    return {} if attributes is None or attributes.value is None else dict(attributes.object())


def check_unknown_fields(members: Member, known: Collection[str]) -> None:
    """Refuse a document with members that must be understood and are not."""
    for name, value in members.object().items():
        if name in known or (isinstance(value, dict) and value.get("must_understand") is False):
            continue
        members.require(name).fail(
            'this member is not known here, and does not say that it need not be ("must_understand": false); open '
            "it with a library that knows it"
        )


def check_group(members: Member) -> None:
    """Refuse the document of a group that has members which must be understood and are not."""
    check_unknown_fields(members, _GROUP_MEMBERS)
    attributes_of(members)


def dump_json(document: JSON) -> bytes:
    """Return a document as it is written: an indent of 2, ASCII, members in the order of the specification."""
    return json.dumps(document, indent=2, default=_plain_number).encode("ascii")


def _plain_number(value: Any) -> Any:
    """Return NumPy's scalars as the numbers that they are."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} ({type(value).__name__}) is no JSON value")
