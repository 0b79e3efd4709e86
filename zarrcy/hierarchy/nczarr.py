"""The lengths of dimensions in the documents of netCDF-C (NCZarr), which refuses an array whose shape differs.

A group has a document with the length of each of its dimensions. An array names its dimensions by absolute paths. In
netCDF-C 4.10 both are attributes; before, they are members of ``.zgroup`` and ``.zarray``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from zarrcy.errors import MetadataError
from zarrcy.hierarchy.node import Node
from zarrcy.storage import access
from zarrcy.storage.json_reader import parse_json
from zarrcy.types import JSON, Shape

ARRAY_NAMES = ("_nczarr_array", "_NCZARR_ARRAY")
_GROUP_NAMES = ("_nczarr_group", "_NCZARR_GROUP")
_DIMENSIONS = ("dimensions", "dims")


def update_lengths(node: Node, members: Mapping[str, JSON], old: Shape, new: Shape) -> None:
    """State the new lengths of an array in the documents of the groups that have its dimensions.

    Other arrays with the same dimension must get the same length, before netCDF-C opens the store.

    Parameters
    ----------
    node : Node
        The node of the array.
    members : Mapping
        The members of its document, or its attributes, that have one of `ARRAY_NAMES`.
    old, new : Shape
        The shape before and after the change, in elements.

    Warns
    -----
    UserWarning
        If a document cannot be changed.
    """
    stated = next(members[name] for name in ARRAY_NAMES if name in members)
    references = _member(stated, ("dimension_references", "dimrefs"))
    if not isinstance(references, list) or len(references) != len(new):
        return
    changed: dict[str, dict[str, int]] = {}
    for reference, before, length in zip(references, old, new, strict=True):
        if before != length and isinstance(reference, str):
            path, _, name = reference.strip("/").rpartition("/")
            changed.setdefault(path, {})[name] = length
    for path, lengths in changed.items():
        try:
            problem = "" if _update_group(node.at(path), lengths) else "the store does not have them"
        except (OSError, MetadataError) as exc:
            problem = str(exc)
        if problem:
            warnings.warn(
                f"netCDF-C will refuse the array: the lengths {lengths} can't be written to the documents of the group "
                f"{path or '/'!r} ({problem}); open the array by its path in the store that netCDF-C wrote, or change "
                "its length with netCDF",
                stacklevel=4,
            )


def _update_group(group: Node, lengths: dict[str, int]) -> bool:
    """Write the lengths of dimensions to the document of a group; return whether it has one."""
    attributes = group.load_attributes()
    if any(name in attributes for name in _GROUP_NAMES):
        group.change_attributes(lambda attributes: _with_lengths(attributes, lengths))
        return True
    key = group.format.document_key(group.prefix, "group")
    with group.change_lock(key):
        document = access.document(group.store, key)
        members = None if document is None else parse_json(document, key)
        if isinstance(members, dict) and any(name in members for name in _GROUP_NAMES):
            from zarrcy.metadata.json_writer import UNSORTED_STYLE, dump_json

            group.store[key] = dump_json(_with_lengths(members, lengths), key, UNSORTED_STYLE)
            return True
    return False


def _with_lengths(members: dict[str, JSON], lengths: dict[str, int]) -> dict[str, JSON]:
    """Return members in which the document of a group states other lengths; nothing else changes."""
    changed = dict(members)
    for name in _GROUP_NAMES:
        group = members.get(name)
        for kind in _DIMENSIONS:
            dimensions = group.get(kind) if isinstance(group, dict) else None
            if isinstance(dimensions, dict):
                changed[name] = {
                    **changed[name],
                    kind: {
                        dimension: _resized(stated, lengths[dimension]) if dimension in lengths else stated
                        for dimension, stated in dimensions.items()
                    },
                }
    return changed


def _resized(stated: JSON, length: int) -> JSON:
    return {**stated, "size": length} if isinstance(stated, dict) else length


def _member(document: JSON, names: tuple[str, ...]) -> JSON:
    if not isinstance(document, dict):
        return None
    return next((document[name] for name in names if name in document), None)
