"""What becomes of each node of a hierarchy in another format: its chunks stay, or are encoded anew, or neither.

What a format has words for is its own affair: it is asked to describe each array so that its chunks
stay (`translate`), and where it can't, to describe a new array with the same elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numcodecs
import numpy as np

from zarrcy import metadata
from zarrcy.codecs import Compressor, Filter, N5ChunkWrapper
from zarrcy.errors import ChunkDecodeError, PathNotFoundError
from zarrcy.hierarchy.array_state import open_state
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.stored_chunks import stored_values
from zarrcy.keys import prefix_of
from zarrcy.metadata import ArrayMetadata, ArraySpec, NodeEntry
from zarrcy.metadata.format import Format
from zarrcy.settings import ArrayConfig

How: TypeAlias = Literal["as stored", "encoded anew", "impossible"]
"""What becomes of an array: its stored values stay as they are, or its elements are encoded anew, or neither."""

_READ = ArrayConfig(read_only=True)
# Codecs of objects that are texts: any format can hold them in another way.
_OF_TEXTS = ("categorize",)


@dataclass(frozen=True, slots=True)
class NodeConversion:
    """What becomes of one array or group.

    Attributes
    ----------
    path : seen from the root of the conversion; empty for the root itself
    array : as it is in the source; None for a group
    description : of the converted array; None for a group, and where that is impossible
    documents : of the converted node, by their keys
    how : see `How`; a group has only documents
    why : why an array can't stay as it is stored
    """

    path: str
    array: Array | None
    description: ArrayMetadata | None
    documents: dict[str, bytes]
    how: How = "as stored"
    why: str = ""


def plan(giver: Node, target: Format, in_place: bool) -> Iterator[NodeConversion]:
    """Iterate over what becomes of all nodes at one and below it, each group after what is in it.

    Parameters
    ----------
    giver : the node
    target : the format that they are to have
    in_place : chunks must keep their keys too
    """
    found = giver.load()
    if found is None:
        raise PathNotFoundError(giver.path)
    for node, entry in bottom_up(giver, found):
        path = node.path[len(giver.prefix) :]
        prefix = (giver.prefix if in_place else "") + prefix_of(path)
        name = node.path.rsplit("/", 1)[-1]
        if path and not target.names_below({target.document_key(prefix_of(name), "group"): b""}, ""):
            array = (
                None if entry.kind == "group" else Array.from_state(open_state(node, _READ, entry.parse()))
            )
            why = f"format {target.ZARR_FORMAT} has another use for the name {name!r}"
            yield NodeConversion(path, array, None, {}, "impossible", why)
        elif entry.kind == "group":
            yield NodeConversion(path, None, None, target.group_documents(prefix, node.load_attributes()))
        else:
            yield _plan_array(
                path, prefix, Array.from_state(open_state(node, _READ, entry.parse())), target, in_place
            )


def bottom_up(node: Node, found: NodeEntry) -> Iterator[tuple[Node, NodeEntry]]:
    """Iterate over a node and all below it, each group after what is in it, and the entry of each."""
    if found.kind == "group":
        for _, member, there in node.load_members():
            yield from bottom_up(member, there)
    yield node, found


def _plan_array(path: str, prefix: str, array: Array, target: Format, in_place: bool) -> NodeConversion:
    names, attributes = target.place_names(array.dimension_names, array.attrs.asdict(), array.ndim)
    about = replace(array.metadata, dimension_names=names)
    how: How = "as stored"
    why = ""
    try:
        description = _described_as_stored(array, about, target, in_place)
    except ValueError as exc:
        how, why = "encoded anew", str(exc)
        try:
            description = _described_anew(about, array.order, target)
        except ValueError as impossible:
            return NodeConversion(path, array, None, {}, "impossible", str(impossible))
    documents = target.array_documents(prefix, description, attributes)
    key = target.document_key(prefix, "array")
    if not _keeps_fill_value(about, target.parse_array(documents[key], key)):
        why = f"format {target.ZARR_FORMAT} has no word for all bits of the fill value {about.fill_value!r}"
        return NodeConversion(path, array, None, {}, "impossible", why)
    return NodeConversion(path, array, description, documents, how, why)


def _keeps_fill_value(before: ArrayMetadata, after: ArrayMetadata) -> bool:
    """Do elements that were never written read the same, to the bit?"""
    if before.fill_value_or_zero is None or after.dtype.hasobject:
        return True
    values = (np.asarray(one.fill_value_or_zero, one.dtype).astype(after.dtype) for one in (before, after))
    return len({value.tobytes() for value in values}) == 1


def _described_as_stored(array: Array, about: ArrayMetadata, target: Format, in_place: bool) -> ArrayMetadata:
    """Describe an array so that its stored values stay as they are.

    Raises
    ------
    ValueError : they can't
    """
    description = target.translate(about)
    if description.rectilinear_axes != about.rectilinear_axes:
        raise ValueError("its chunks differ in length, and the target format has only chunks of equal length")
    before, after = (replace(one.chunk_keys, stated=True) for one in (about, description))
    if in_place and before != after:
        raise ValueError("its chunks have other keys there")
    if not _reads_alike(array, description, target):
        raise ValueError("its codecs do something else there")
    return description


def _reads_alike(array: Array, description: ArrayMetadata, target: Format) -> bool:
    """Does one stored chunk read the same, described in another way? Where none is stored, there is nothing to read."""
    found = next(stored_values(array.node, array.metadata), None)
    if found is None:
        return True
    key, coords = found
    axes = description.stored_axes
    region = tuple(
        slice(axis.start_of(i), axis.start_of(i + 1)) for axis, i in zip(axes, coords, strict=True)
    )
    try:
        values = np.asarray(array[region])
    except ChunkDecodeError:
        # it can't be read as it is: that is not our affair, and stays so
        return True
    chunk_keys = description.chunk_keys
    stored = {chunk_keys.root + chunk_keys.name(coords): array.chunk_store[key]}
    other = Array.from_state(open_state(Node(stored, zarr_format=target.ZARR_FORMAT), _READ, description))
    try:
        others = np.asarray(other[region])
    except ChunkDecodeError:
        return False
    if values.dtype.hasobject:
        return bool(values.tolist() == others.tolist())
    return values.astype(others.dtype, order="C").tobytes() == np.ascontiguousarray(others).tobytes()


def _described_anew(about: ArrayMetadata, order: str, target: Format) -> ArrayMetadata:
    """Describe an array with the same elements, and the codecs that a format has.

    Raises
    ------
    ValueError : there is none
    """
    filters = [s.codec for s in about.chunk_stages if isinstance(s, Filter) and _is_known(s.codec)]
    compressors = [s.codec for s in about.chunk_stages if isinstance(s, Compressor) and _is_known(s.codec)]
    if compressors and isinstance(compressors[0], N5ChunkWrapper):
        compressors = [codec for codec in [compressors[0].compressor] if codec is not None]
    object_codec = filters.pop(0) if about.dtype.hasobject and filters else None
    if object_codec is not None and object_codec.codec_id in _OF_TEXTS:
        object_codec = numcodecs.VLenUTF8()
    # some filters state a byte order, and in other formats they are given native elements
    keep_filters = about.dtype.isnative and all(map(_is_native, filters))
    request = ArraySpec(
        shape=about.shape,
        chunk_shape=about.chunks,
        dtype=about.dtype.newbyteorder("="),
        fill_value=about.fill_value_or_zero if about.fill_value_or_zero is not None else 0,
        order=order,
        filters=(filters or None) if keep_filters else None,
        compressor=compressors[0] if compressors else None,
        object_codec=object_codec,
        dimension_separator=None if metadata.keeps_one_document(target) else about.chunk_keys.separator,
        dimension_names=about.dimension_names,
    )
    try:
        return target.describe_array(request)
    except ValueError:
        # what the filters do is not lost: elements are written as they are read
        return target.describe_array(replace(request, filters=None))


def _is_known(codec: Any) -> bool:
    """Is it a codec that numcodecs knows by its name, rather than one that only a format has?"""
    return isinstance(codec, numcodecs.abc.Codec)


def _is_native(codec: Any) -> bool:
    return not any(isinstance(value, str) and value[:1] == ">" for value in codec.get_config().values())
