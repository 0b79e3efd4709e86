"""Consolidated metadata of Zarr v3: a member of a group's ``zarr.json`` that holds the documents of all below it.

No specification has it. This is what zarr-python 3 writes, and reads by default: a document for each
path below the group, seen from there. So what is not true any more would be believed, and a change below
a group takes the member out of its document, see `drop_consolidated`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from zarrcy.errors import MetadataError, NotConsolidatedError
from zarrcy.keys import prefix_of
from zarrcy.metadata.v3.document import (
    CONSOLIDATED,
    KEY,
    check_group,
    dump_json,
    load,
    names_below,
    node_type,
    of_this_version,
    parse_json,
    read_many,
)
from zarrcy.storage import access
from zarrcy.storage.base import offers
from zarrcy.storage.consolidated import ConsolidatedMetadataStore
from zarrcy.types import JSON, Key, Store

# What a group holds that has nothing below it; zarr-python 3 puts it in each group within a consolidated one.
_PLACEHOLDER: dict[str, JSON] = {"kind": "inline", "must_understand": False, "metadata": {}}
# How a document ends that ends with it.
_EMPTY = "{}\n  }\n}"
_SPELLED = f'"{CONSOLIDATED}"'.encode()


def consolidate(store: Store, path: str, metadata_key: str = KEY) -> None:
    """Write the documents of all nodes below a group into the group's document.

    `metadata_key` is for formats in which it can be chosen.

    Raises
    ------
    MetadataError : a document is malformed; or what stands at `path` is no group
    """
    prefix = prefix_of(path)
    key = prefix + KEY
    members = load(store, prefix)
    if members is None:
        raise MetadataError(key, "it is gone: somebody deleted the group")
    if node_type(members) != "group":
        members.require("node_type").fail("only a group can hold the metadata of others; it must be 'group'")
    check_group(members)
    own = {name: value for name, value in members.object().items() if name != CONSOLIDATED}
    text = dump_json({**own, CONSOLIDATED: _PLACEHOLDER}).decode()
    # the documents are JSON already: to indent their lines is many times faster than to write them again
    entries = [
        f"{json.dumps(name)}: {document}".replace("\n", "\n      ")
        for name, document in sorted(_entries_below(store, prefix))
    ]
    if entries:
        inner = ",\n      ".join(entries)
        text = f"{text.removesuffix(_EMPTY)}{{\n      {inner}\n    }}{_EMPTY[2:]}"
    store[key] = text.encode()


def _entries_below(store: Store, prefix: str) -> Iterator[tuple[str, str]]:
    """Iterate over the paths of all nodes below a group, seen from there, and the texts of their documents."""
    if access.is_in_memory(store) or not offers(store, "listdir"):
        keys = [key for key in store if key.startswith(prefix) and key.endswith(f"/{KEY}")]
        yield from _entries(store, keys, prefix, [])
        return
    level = [prefix]
    while level:
        keys = [f"{above}{name}/{KEY}" for above in level for name in names_below(store, above)]
        level = []
        yield from _entries(store, keys, prefix, level)


def _entries(store: Store, keys: Sequence[Key], prefix: str, groups: list[str]) -> Iterator[tuple[str, str]]:
    """Iterate over paths and texts of the documents that are there, and note the prefixes of those of groups."""
    for key, document in zip(keys, read_many(store, keys), strict=True):
        members = None if document is None else of_this_version(parse_json(document, key))
        below = key.removesuffix(KEY)
        if members is None or below == prefix:
            continue
        if node_type(members) == "group":
            check_group(members)
            groups.append(below)
            text = dump_json({**members.object(), CONSOLIDATED: _PLACEHOLDER}).decode()
        else:
            text = document if isinstance(document, str) else bytes(document).decode("utf-8").strip()
        yield below[len(prefix) : -1], text


def open_consolidated(store: Store, path: str, metadata_key: str = KEY) -> Store | None:
    """Return a store of the documents that the group at `path` holds, or the nearest one above that holds any.

    `metadata_key` is for formats in which it can be chosen.

    Returns
    -------
    documents : None if there is no node of this format at `path`

    Raises
    ------
    NotConsolidatedError : no group there or above holds any
    MetadataError : what a group holds are no consolidated metadata, or of a kind that is not known here
    """
    segments = path.split("/") if path else []
    for n in reversed(range(len(segments) + 1)):
        prefix = prefix_of("/".join(segments[:n]))
        members = load(store, prefix)
        if members is None and n == len(segments):
            return None
        if members is None or (held := members.get(CONSOLIDATED)) is None or held.value is None:
            continue
        held.require("kind").choice("inline")
        below = held.require("metadata")
        own = {name: value for name, value in members.object().items() if name != CONSOLIDATED}
        return ConsolidatedMetadataStore.of(
            {f"{prefix}{KEY}": own}
            | {f"{prefix}{name}/{KEY}": below.require(name).object() for name in below.object()}
        )
    raise NotConsolidatedError(path)


def consolidated_among(store: Store, prefixes: Sequence[str]) -> list[str]:
    """Return the prefixes of keys at which a group may hold the metadata of others."""
    documents = read_many(store, [prefix + KEY for prefix in prefixes])
    # most groups hold none; their documents are not parsed to find that out
    return [
        prefix
        for prefix, document in zip(prefixes, documents, strict=True)
        if document is not None and (not isinstance(document, bytes) or _SPELLED in document)
    ]


def drop_consolidated(store: Store, prefix: str) -> None:
    """Take consolidated metadata, which are not true any more, out of the document of a group."""
    members = load(store, prefix)
    if members is not None and CONSOLIDATED in members.object():
        store[prefix + KEY] = dump_json(
            {name: value for name, value in members.object().items() if name != CONSOLIDATED}
        )
