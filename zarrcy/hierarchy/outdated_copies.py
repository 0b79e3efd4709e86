"""Consolidated metadata that no longer agree with the documents of a node, for its report."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from zarrcy.errors import MetadataError
from zarrcy.keys import prefix_of
from zarrcy.metadata import NODE_BY_NODE
from zarrcy.metadata.consolidated_copies import stale_keys
from zarrcy.storage import access
from zarrcy.storage.consolidated import ConsolidatedMetadataStore
from zarrcy.storage.read_once import ReadOnce
from zarrcy.types import JSON, Key, Store

if TYPE_CHECKING:
    from zarrcy.hierarchy.node import Node
    from zarrcy.metadata.format import Format


def outdated_copies(node: Node) -> list[Key]:
    """Return the keys of consolidated metadata whose copy of a node differs from what is stored.

    Parameters
    ----------
    node : Node
        An array or a group. If it was opened by consolidated metadata, what it shows is compared with what is stored.

    Returns
    -------
    list of str
        Keys, the nearest to the node first; empty if all copies agree, or there are none.
    """
    store, format, prefix = node.store, node.format, node.prefix
    if isinstance(store, ConsolidatedMetadataStore):
        is_outdated = _is_outdated(format, prefix, store.source, store.meta_store)
        return [store.metadata_key] if is_outdated else []
    outdated: list[Key] = []
    segments = node.path.split("/") if node.path else []
    line = [prefix_of("/".join(segments[:n])) for n in reversed(range(len(segments) + 1))]
    if access.is_far(store) and format in NODE_BY_NODE:
        store = ReadOnce(store)
        with suppress(PermissionError):
            store.fetch(key for above in line for key in format.documents_at(above))
    for above in line:
        try:
            held = format.held_copies(store, above)
        except MetadataError as exc:
            outdated.append(exc.key)
        except PermissionError:
            # what may not be read is not compared
            continue
        else:
            if held is not None and _is_outdated(format, prefix, store, held[1], but=held[0]):
                outdated.append(held[0])
    return outdated


def _is_outdated(
    format: Format, prefix: str, store: Store, copies: Mapping[Key, JSON], but: Key | None = None
) -> bool:
    """Return whether copies of a node differ from what is stored. A document has no copy of itself: leave it out."""
    keys = [name for name in format.documents_at(prefix) if format.prefix_of_document(name) == prefix]
    documents = zip(keys, access.documents(store)(keys), strict=True)
    stored = {name: document for name, document in documents if document is not None}
    is_group = format.document_key(prefix, "group") in stored
    stored = {name: document for name, document in stored.items() if name != but}
    if stale_keys(format, stored, {name: copies[name] for name in keys if name in copies}):
        return True
    below = ConsolidatedMetadataStore.of(dict(copies))
    return is_group and _members(format, below, prefix) != _members(format, store, prefix)


def _members(format: Format, store: Store, prefix: str) -> dict[str, str]:
    names = format.names_below(store, prefix)
    kinds = format.kinds_at(store, [f"{prefix}{name}/" for name in names])
    return {name: kind for name, kind in zip(names, kinds, strict=True) if kind is not None}
