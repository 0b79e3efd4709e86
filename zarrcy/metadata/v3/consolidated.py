"""Consolidated metadata of Zarr v3: a member of a group's ``zarr.json`` with the documents of all nodes below.

It is not part of a specification. zarr-python 3 writes it and reads it by default: a document for each path below the
group, relative to the group. Other readers trust it, so a change below a group deletes the member, see
`drop_consolidated`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from zarrcy.errors import MetadataError, NotConsolidatedError
from zarrcy.keys import is_own_key, prefix_of
from zarrcy.metadata.json_member import Member
from zarrcy.metadata.v3.document import (
    CONSOLIDATED,
    KEY,
    check_group,
    dump_json,
    load,
    names_below,
    node_type,
    parse_json,
    read_many,
    unless_draft,
)
from zarrcy.storage import access
from zarrcy.storage.base import offers
from zarrcy.storage.consolidated import ConsolidatedMetadataStore
from zarrcy.storage.listing import keys_of
from zarrcy.storage.strict_json import refuse_bare_nan
from zarrcy.types import JSON, Key, Store

# Consolidated metadata of an empty group; zarr-python 3 writes it for each group inside consolidated metadata.
_PLACEHOLDER: dict[str, JSON] = {"kind": "inline", "must_understand": False, "metadata": {}}
# The end of a document whose last member is `_PLACEHOLDER`.
_EMPTY = "{}\n  }\n}"
_MEMBER_NAME = f'"{CONSOLIDATED}"'.encode()


def consolidate(store: Store, path: str, metadata_key: str = KEY) -> dict[Key, bytes]:
    """Write the documents of all nodes below a group into the group's document.

    `metadata_key` is not used: it is for formats with a separate document.

    Raises
    ------
    MetadataError
        If a document is malformed, or the node at `path` is not a group.
    """
    prefix = prefix_of(path)
    key = prefix + KEY
    stored = access.uncached(store)
    members = load(stored, prefix)
    if members is None:
        raise MetadataError(key, "it no longer exists: another process deleted the group")
    if node_type(members) != "group":
        members.require("node_type").fail("only a group can hold the metadata of others; it must be 'group'")
    check_group(members)
    own = {name: value for name, value in members.object().items() if name != CONSOLIDATED}
    text = dump_json({**own, CONSOLIDATED: _PLACEHOLDER}, key).decode()
    # the documents are JSON already: indenting their lines is many times faster than serialising them again
    entries = [
        f"{json.dumps(name, ensure_ascii=False)}: {document}".replace("\n", "\n      ")
        for name, document in sorted(_entries_below(stored, prefix))
    ]
    if entries:
        inner = ",\n      ".join(entries)
        text = f"{text.removesuffix(_EMPTY)}{{\n      {inner}\n    }}{_EMPTY[2:]}"
    written = store[key] = text.encode("utf-8", "backslashreplace")
    return {key: written}


def _entries_below(store: Store, prefix: str) -> Iterator[tuple[str, str]]:
    """Iterate over the paths of all nodes below a group, relative to it, and the texts of their documents."""
    if access.is_in_memory(store) or not offers(store, "listdir"):
        keys = [
            key
            for key in keys_of(store)
            if key.startswith(prefix) and key.endswith(f"/{KEY}") and not is_own_key(key[len(prefix) :])
        ]
        yield from _entries(store, keys, prefix, [])
        return
    denied = set(access.denied_below(store, prefix[:-1]))
    level = [prefix]
    while level:
        names = ((group, name) for group in level for name in names_below(store, group))
        keys = [f"{group}{name}/{KEY}" for group, name in names if group + name not in denied]
        level = []
        yield from _entries(store, keys, prefix, level)


def _entries(store: Store, keys: Sequence[Key], prefix: str, groups: list[str]) -> Iterator[tuple[str, str]]:
    """Iterate over paths and texts of the documents that exist; append the prefixes of groups to `groups`."""
    for key, document in zip(keys, read_many(store, keys), strict=True):
        members = None if document is None else unless_draft(parse_json(document, key))
        below = key.removesuffix(KEY)
        if document is None or members is None or below == prefix:
            continue
        if node_type(members) == "group":
            check_group(members)
            groups.append(below)
            text = dump_json({**members.object(), CONSOLIDATED: _PLACEHOLDER}, key).decode()
        else:
            refuse_bare_nan(members.object(), key)
            text = document if isinstance(document, str) else bytes(document).decode("utf-8").strip()
        yield below[len(prefix) : -1], text


def open_consolidated(
    store: Store, path: str, metadata_key: str = KEY, source: Store | None = None
) -> Store | None:
    """Return a store of the documents that the group at `path`, or its nearest consolidated parent, holds.

    `metadata_key` is not used: it is for formats with a separate document.

    Returns
    -------
    Store or None
        The documents; None if there is no node of this format at `path`.

    Raises
    ------
    NotConsolidatedError
        If neither the group nor a parent holds consolidated metadata.
    MetadataError
        If consolidated metadata are malformed, or of an unknown kind.
    """
    segments = path.split("/") if path else []
    for n in reversed(range(len(segments) + 1)):
        prefix = prefix_of("/".join(segments[:n]))
        members = load(store, prefix)
        if members is None and n == len(segments):
            return None
        copies = None if members is None else _copies_in(members, prefix)
        if members is None or copies is None:
            continue
        own = {name: value for name, value in members.object().items() if name != CONSOLIDATED}
        documents, source = {f"{prefix}{KEY}": own} | copies, store if source is None else source
        return ConsolidatedMetadataStore.of(documents, f"{prefix}{KEY}", source=source)
    raise NotConsolidatedError(path)


def _copies_in(members: Member, prefix: str) -> dict[Key, JSON] | None:
    """Return the copies in the document at a prefix, by the keys of the documents; None if there are none."""
    consolidated = members.get(CONSOLIDATED)
    if consolidated is None or consolidated.value is None:
        return None
    consolidated.require("kind").choice("inline")
    below = consolidated.require("metadata")
    return {f"{prefix}{name}/{KEY}": below.require(name).object() for name in below.object()}


def held_copies(store: Store, prefix: str) -> tuple[Key, Mapping[Key, JSON]] | None:
    """Return the key of the document at a prefix, and the copies in it; None if it holds none."""
    key = prefix + KEY
    document = access.document(store, key)
    if document is None or (isinstance(document, bytes) and _MEMBER_NAME not in document):
        return None
    members = unless_draft(parse_json(document, key))
    copies = None if members is None else _copies_in(members, prefix)
    return None if copies is None else (key, copies)


def consolidated_among(store: Store, prefixes: Sequence[str]) -> list[str]:
    """Return the prefixes of the groups that may hold consolidated metadata."""
    documents = read_many(store, [prefix + KEY for prefix in prefixes])
    # most groups hold none; a search for the name of the member avoids parsing their documents
    return [
        prefix
        for prefix, document in zip(prefixes, documents, strict=True)
        if document is not None and (not isinstance(document, bytes) or _MEMBER_NAME in document)
    ]


def drop_consolidated(store: Store, prefix: str) -> None:
    """Delete the consolidated metadata from the document of a group."""
    members = load(store, prefix)
    if members is not None and CONSOLIDATED in members.object():
        kept = {name: value for name, value in members.object().items() if name != CONSOLIDATED}
        store[prefix + KEY] = dump_json(kept, prefix + KEY)
