"""Plan a conversion: for each node, whether its chunks stay as stored, are encoded again, or can't be converted.

The target format decides: it describes the array so that its stored chunks stay (`translate`) or, if it can't, a new
array with the same elements (`describe_array`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numcodecs
import numpy as np

from zarrcy import metadata
from zarrcy.codecs import Compressor, Filter, N5ChunkWrapper
from zarrcy.errors import ChunkDecodeError, PathNotFoundError, StrictJSONError
from zarrcy.hierarchy.array_state import open_state
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.stored_chunks import stored_values
from zarrcy.keys import prefix_of
from zarrcy.metadata import ArrayMetadata, ArraySpec, NodeEntry
from zarrcy.metadata.format import Format
from zarrcy.settings import ArrayConfig
from zarrcy.types import AnyDtype, Codec, Key

How: TypeAlias = Literal["as stored", "encoded anew", "impossible"]
"""What is done with the chunks of an array: copied or kept as stored, encoded again, or it can't be converted."""

# In format 2, xarray takes the fill value for the value of missing elements, so it may have to change.
_WRITTEN = "its fill value marks missing elements in the target format, so elements that were never written are written"
TOO_SPARSE = (
    "its fill value marks missing elements in the target format, so elements that were never written would have to be "
    "written, and there are too many of them; remove its dimension names, or write them first"
)
# Chunks of an array whose missing ones are written.
MOST_WRITTEN = 1_000_000
_READ = ArrayConfig(read_only=True)
# Codecs whose objects are texts, which each format can encode with a codec of its own.
_TEXT_CODECS = ("categorize",)


@dataclass(frozen=True, slots=True)
class NodeConversion:
    """What a conversion does with one array or group.

    Attributes
    ----------
    path : str
        Path relative to the root of the conversion; empty for the root itself.
    array : Array or None
        The array in the source; None for a group.
    description : ArrayMetadata or None
        Metadata of the converted array; None for a group, or if the array can't be converted.
    documents : dict of str to bytes
        Documents of the converted node, by their keys.
    how : {"as stored", "encoded anew", "impossible"}
        What is done with the chunks. A group is "as stored".
    why : str
        Why the chunks can't stay as they are stored; empty if they do.
    """

    path: str
    array: Array | None
    description: ArrayMetadata | None
    documents: dict[Key, bytes]
    how: How = "as stored"
    why: str = ""


def plan(source: Node, target: Format, in_place: bool) -> Iterator[NodeConversion]:
    """Iterate over the conversions of a node and all nodes below it; a group comes after its members.

    Parameters
    ----------
    source : Node
        Root of the conversion.
    target : Format
        Format to convert to.
    in_place : bool
        Whether the chunks must keep their keys.

    Yields
    ------
    NodeConversion
        What to do with one node.

    Raises
    ------
    PathNotFoundError
        If there is no node.
    """
    root = source.load()
    if root is None:
        raise PathNotFoundError(source.path)
    for node, entry in bottom_up(source, root, past_denied=not in_place):
        path = node.path[len(source.prefix) :]
        prefix = (source.prefix if in_place else "") + prefix_of(path)
        name = node.path.rsplit("/", 1)[-1]
        array = None
        if entry.kind == "array":
            array = Array.from_state(open_state(node, _READ, entry.parse()))
        if path and not target.names_below({target.document_key(prefix_of(name), "group"): b""}, ""):
            why = f"format {target.ZARR_FORMAT} reserves the name {name!r}"
            yield NodeConversion(path, array, None, {}, "impossible", why)
            continue
        try:
            if array is None:
                documents = target.group_documents(prefix, node.load_attributes())
                yield NodeConversion(path, None, None, documents)
            else:
                yield _plan_array(path, prefix, array, target, in_place)
        except StrictJSONError as exc:
            yield NodeConversion(path, array, None, {}, "impossible", str(exc))


def bottom_up(node: Node, entry: NodeEntry, past_denied: bool = False) -> Iterator[tuple[Node, NodeEntry]]:
    """Iterate over a node and all nodes below it, with their entries; a group comes after its members.

    With `past_denied`, what may not be looked into is left out, with a warning.
    """
    if entry.kind == "group":
        for _, member, member_entry in node.load_members(past_denied):
            yield from bottom_up(member, member_entry, past_denied)
    yield node, entry


def _plan_array(path: str, prefix: str, array: Array, target: Format, in_place: bool) -> NodeConversion:
    original, attributes = target.apply_conventions(array.description, array.attrs.asdict())
    how: How = "as stored"
    why = ""
    try:
        description = _describe_as_stored(array, original, target, in_place)
    except ValueError as exc:
        how, why = "encoded anew", str(exc)
        try:
            description = _describe_encoded_again(original, array.order, target)
        except ValueError as impossible:
            return NodeConversion(path, array, None, {}, "impossible", str(impossible))
    if original.fill_value is None and array.description.fill_value is not None:
        description = replace(description, fill_value=None)
    if changes_unwritten(array, original):
        if array.description.count_stored_values() > MOST_WRITTEN:
            return NodeConversion(path, array, None, {}, "impossible", TOO_SPARSE)
        how, why = "encoded anew", _WRITTEN
    documents = target.array_documents(prefix, description, attributes)
    key = target.document_key(prefix, "array")
    written = target.parse_array(documents[key], key)
    if not _has_same_fill_value(original, written) and (original.fill_is_stated or _lacks_values(array)):
        why = (
            f"format {target.ZARR_FORMAT} can't represent all bits of the fill value {original.fill_value!r}"
            if original.fill_is_stated and not original.dtype.hasobject
            else f"elements that were never written would become {written.fill_value_or_zero!r}; write them first"
        )
        return NodeConversion(path, array, None, {}, "impossible", why)
    return NodeConversion(path, array, description, documents, how, why)


def changes_unwritten(array: Array, after: ArrayMetadata) -> bool:
    """Return whether other metadata change elements that were never written, for some readers at least."""
    before = array.description
    changes = before.fill_is_stated != after.fill_is_stated or not _has_same_fill_value(before, after)
    return changes and _lacks_values(array)


def _has_same_fill_value(before: ArrayMetadata, after: ArrayMetadata) -> bool:
    """Return whether elements that were never written read the same, to the last bit."""
    if after.dtype.hasobject:
        values = [one.fill_value_or_zero for one in (before, after)]
        return type(values[0]) is type(values[1]) and bool(values[0] == values[1])
    return len({_missing_element(one, after.dtype) for one in (before, after)}) == 1


def _missing_element(description: ArrayMetadata, dtype: AnyDtype) -> bytes:
    """Return the bytes of an element that was never written; without a fill value it is zero."""
    fill = description.fill_value_or_zero
    value = np.zeros((), description.dtype) if fill is None else np.asarray(fill, description.dtype)
    return value.astype(dtype).tobytes()


def _lacks_values(array: Array) -> bool:
    """Return whether chunks of an array are not stored."""
    return (
        sum(1 for _ in stored_values(array.node, array.description)) < array.description.count_stored_values()
    )


def _describe_as_stored(
    array: Array, original: ArrayMetadata, target: Format, in_place: bool
) -> ArrayMetadata:
    """Describe an array in another format so that its stored values stay as they are.

    Raises
    ------
    ValueError
        If they can't stay; the text tells why.
    """
    description = target.translate(original)
    if description.rectilinear_axes != original.rectilinear_axes:
        raise ValueError("its chunks differ in length, and the target format has only chunks of equal length")
    before, after = (replace(one.chunk_keys, stated=True) for one in (original, description))
    if in_place and before != after:
        raise ValueError("its chunks would have other keys")
    if not _reads_alike(array, description, target):
        raise ValueError("its codecs decode a stored chunk to other elements")
    return description


def _reads_alike(array: Array, description: ArrayMetadata, target: Format) -> bool:
    """Return whether one stored chunk reads the same with other metadata; True if no chunk is stored."""
    stored = next(stored_values(array.node, array.description), None)
    if stored is None:
        return True
    key, coords = stored
    axes = zip(description.stored_axes, coords, strict=True)
    region = tuple(slice(axis.start_of(i), axis.start_of(i + 1)) for axis, i in axes)
    try:
        values = np.asarray(array[region])
    except ChunkDecodeError:
        # the chunk is damaged; the conversion does not change that
        return True
    chunk_keys = description.chunk_keys
    store = {chunk_keys.root + chunk_keys.name(coords): array.chunk_store[key]}
    state = open_state(Node(store, zarr_format=target.ZARR_FORMAT), _READ, description)
    try:
        others = np.asarray(Array.from_state(state)[region])
    except ChunkDecodeError:
        return False
    if values.dtype.hasobject:
        return bool(values.tolist() == others.tolist())
    return values.astype(others.dtype, order="C").tobytes() == np.ascontiguousarray(others).tobytes()


def _describe_encoded_again(original: ArrayMetadata, order: str, target: Format) -> ArrayMetadata:
    """Describe a new array with the same elements, and with those of the codecs that the format has.

    Raises
    ------
    ValueError
        If the format can't represent the elements.
    """
    stages = original.chunk_stages
    filters = [s.codec for s in stages if isinstance(s, Filter) and _is_in_numcodecs(s.codec)]
    compressors = [s.codec for s in stages if isinstance(s, Compressor) and _is_in_numcodecs(s.codec)]
    if compressors and isinstance(compressors[0], N5ChunkWrapper):
        compressors = [codec for codec in [compressors[0].compressor] if codec is not None]
    object_codec = filters.pop(0) if original.dtype.hasobject and filters else None
    if object_codec is not None and object_codec.codec_id in _TEXT_CODECS:
        object_codec = numcodecs.VLenUTF8()
    # a filter may state a byte order, but other formats pass it native elements
    keep_filters = original.dtype.isnative and all(map(_is_native, filters))
    spec = ArraySpec(
        shape=original.shape,
        chunk_shape=original.chunks,
        dtype=original.dtype.newbyteorder("="),
        fill_value=original.fill_value_or_zero if original.fill_value_or_zero is not None else 0,
        order=order,
        filters=(filters or None) if keep_filters else None,
        compressor=compressors[0] if compressors else None,
        object_codec=object_codec,
        dimension_separator=None if metadata.keeps_one_document(target) else original.chunk_keys.separator,
        dimension_names=original.dimension_names,
    )
    try:
        return target.describe_array(spec)
    except ValueError:
        # without its filters, the array has the same elements: they are written as they are read
        return target.describe_array(spec.without_filters())


def _is_in_numcodecs(codec: Codec) -> bool:
    """Return whether a codec belongs to numcodecs, and not to one format only."""
    return isinstance(codec, numcodecs.abc.Codec)


def _is_native(codec: Codec) -> bool:
    """Return whether a filter takes and returns elements in the byte order of this host."""
    other = np.dtype(np.uint16).newbyteorder("S").str[0]
    return not any(isinstance(value, str) and value[:1] == other for value in codec.get_config().values())
