"""Consolidated metadata of Zarr v2: one document of a store that holds all others.

As in zarr-python 2, the document is a snapshot: a change below does not update it, and only
`zarrcy.open_consolidated` reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from zarrcy.keys import is_own_key
from zarrcy.metadata.node_lookup import BATCH_KEYS, find
from zarrcy.metadata.v2.discovery import names_below
from zarrcy.metadata.v2.documents import (
    ARRAY_KEY,
    ATTRS_KEY,
    CONSOLIDATED_KEY,
    DOCUMENTS_OF_NODES,
    document_key,
)
from zarrcy.storage import access
from zarrcy.storage.base import offers
from zarrcy.storage.consolidated import ConsolidatedMetadataStore
from zarrcy.storage.json_reader import parse_json
from zarrcy.storage.listing import keys_of
from zarrcy.storage.read_once import ReadOnce
from zarrcy.storage.strict_json import refuse_bare_nan
from zarrcy.types import JSON, Buffer, Key, Store


def consolidate(store: Store, path: str, metadata_key: str = CONSOLIDATED_KEY) -> dict[Key, bytes]:
    """Write all documents of a store into one, at a key of the root. `path` is not used in this format."""
    document = store[metadata_key] = consolidated_document(documents_of(store))
    return {metadata_key: document}


def open_consolidated(
    store: Store, path: str, metadata_key: str = CONSOLIDATED_KEY, source: Store | None = None
) -> Store | None:
    """Return a store of the consolidated documents at a key of the root; None if there is no such key.

    Raises
    ------
    MetadataError
        If the value is not consolidated metadata of a known version.
    """
    document = access.document(store, metadata_key)
    if document is None:
        return None
    source = store if source is None else source
    return ConsolidatedMetadataStore({metadata_key: document}, metadata_key, source=source)


def held_copies(store: Store, prefix: str) -> tuple[Key, Mapping[Key, JSON]] | None:
    """Return the key of the consolidated document at a prefix, and the copies in it; None if there is none."""
    key = prefix + CONSOLIDATED_KEY
    document = access.document(store, key)
    if document is None:
        return None
    copies = ConsolidatedMetadataStore({key: document}, key)
    return key, {prefix + name: copy for name, copy in copies.meta_store.items()} if prefix else copies


def consolidated_among(store: Store, prefixes: Sequence[str]) -> list[str]:
    """Return the prefixes whose consolidated metadata become stale; v2 has none."""
    return []


def drop_consolidated(store: Store, prefix: str) -> None:
    """Do nothing: see `consolidated_among`."""


def documents_of(store: Store) -> Iterator[tuple[Key, Buffer]]:
    """Iterate over all documents of a store and their keys. Chunks are not listed if the store can avoid it."""
    store = access.uncached(store)
    fetch = access.documents(store)
    if access.is_in_memory(store) or not offers(store, "listdir"):
        keys = [
            key
            for key in keys_of(store)
            if key.rsplit("/", 1)[-1] in DOCUMENTS_OF_NODES and not is_own_key(key)
        ]
        # None: another thread deleted the document since
        yield from ((key, value) for key, value in zip(keys, fetch(keys), strict=True) if value is not None)
        return
    batched = offers(store, "getitems")
    documents = ReadOnce(store) if access.is_far(store) else None
    if documents is not None:
        fetch = access.documents(documents)
    denied = set(access.denied_below(store, ""))
    level = [""]
    while level:
        below = []
        if documents is not None:
            # one round of requests for a level
            documents.fetch(prefix + name for prefix in level for name in (ARRAY_KEY, ATTRS_KEY))
        for prefix, node in zip(level, find(level, document_key, fetch, batched), strict=True):
            if node is not None:
                yield node[1:]
            if node is None or node[0] == "group":
                below += [
                    f"{prefix}{name}/" for name in names_below(store, prefix) if prefix + name not in denied
                ]
        keys = [prefix + ATTRS_KEY for prefix in level]
        for first in range(0, len(keys), BATCH_KEYS):
            batch = keys[first : first + BATCH_KEYS]
            yield from ((k, value) for k, value in zip(batch, fetch(batch), strict=True) if value is not None)
        level = below


def consolidated_document(documents: Iterable[tuple[Key, Buffer]]) -> bytes:
    """Return one document that holds others, by their keys.

    The documents are JSON already, so their lines are indented instead of serialised again. This is many times
    faster, and gives the same bytes if the documents have the layout of zarr-python 2.
    """
    parts = []
    for key, document in sorted(documents, key=lambda item: item[0]):
        refuse_bare_nan(parse_json(document, key), key)
        text = document if isinstance(document, str) else bytes(document).decode("utf-8-sig")
        parts.append(f"{json.dumps(key, ensure_ascii=False)}: {text.strip()}".replace("\n", "\n        "))
    inner = ",\n        ".join(parts)
    inner = f"{{\n        {inner}\n    }}" if parts else "{}"
    return f'{{\n    "metadata": {inner},\n    "zarr_consolidated_format": 1\n}}'.encode(
        "utf-8", "backslashreplace"
    )
