"""Copies of documents in consolidated metadata, compared with the documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from zarrcy.errors import MetadataError
from zarrcy.metadata.array_metadata import ArrayMetadata
from zarrcy.storage.json_reader import parse_json
from zarrcy.types import JSON, Key

if TYPE_CHECKING:
    from zarrcy.metadata.format import Format


def stale_keys(format: Format, documents: Mapping[Key, JSON], copies: Mapping[Key, JSON]) -> list[Key]:
    """Return the keys of documents that are missing on one side, or whose copy has another meaning.

    Writers spell a document in different ways, and zarr-python 3 completes the copies of documents of other writers. So
    two documents are equal if they describe the same node, whatever their members are.

    Parameters
    ----------
    format : Format
        Format of the documents.
    documents, copies : mapping
        Documents and their copies by key: bytes or parsed JSON.

    Returns
    -------
    list of str
        Keys, sorted. Malformed documents are not among them, but malformed copies are.
    """
    return [
        key
        for key in sorted({*documents, *copies})
        if not _is_same(format, key, documents.get(key), copies.get(key))
    ]


def _is_same(format: Format, key: Key, document: JSON, copy: JSON) -> bool:
    prefix = format.prefix_of_document(key) or ""
    if document is None or copy is None:
        # a node without attributes may have a document of them
        is_attributes = key == format.attributes_key({}, prefix) != format.document_key(prefix, "group")
        return is_attributes and not parse_json(copy if document is None else document, key)
    try:
        parsed = parse_json(document, key)
        copied = parse_json(copy, key)
        # compared as text, because NaN is not equal to itself
        if json.dumps(parsed, sort_keys=True) == json.dumps(copied, sort_keys=True):
            return True
        node = _described(format, key, prefix, parsed)
    except Exception:
        # the document itself can't be used, which is another problem
        return True
    try:
        described = _described(format, key, prefix, copied)
    except MetadataError:
        return False
    (kind, array, attributes), (other_kind, other, other_attributes) = node, described
    if kind != other_kind or attributes != other_attributes:
        return False
    return array is None or other is None or _is_same_array(array, other)


def _is_same_array(array: ArrayMetadata, other: ArrayMetadata) -> bool:
    # a separator of chunk keys that is not stated has the same meaning as a stated one
    array, other = (replace(one, chunk_keys=replace(one.chunk_keys, stated=True)) for one in (array, other))
    return (
        array.shape == other.shape
        and array.stored_axes == other.stored_axes
        and array.fill_is_stated == other.fill_is_stated
        and array.dimension_names == other.dimension_names
        and array.decodes_like(other)
        and (not array.dtype.hasobject or array.fill_value == other.fill_value)
    )


def _described(
    format: Format, key: Key, prefix: str, document: dict[str, JSON]
) -> tuple[str | None, ArrayMetadata | None, str]:
    """Return what a document says: the kind of a node, the metadata of an array, and attributes."""
    alone = {key: document}
    (entry,) = format.load_at(alone, [prefix])
    array = entry.parse() if entry is not None and entry.kind == "array" else None
    attributes = json.dumps(format.load_attributes(alone, prefix), sort_keys=True)
    return (None if entry is None else entry.kind), array, attributes
