"""The document of an array in Zarr v3: parsing and writing."""

from __future__ import annotations

import marshal
import math
from collections.abc import Mapping

from zarrcy.codecs.stages import with_own_codecs
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.indexing.chunk_shapes import MAX_NDIM
from zarrcy.metadata.array_metadata import ArrayMetadata, ChunkKeys, Names
from zarrcy.metadata.json_member import Extension, Member
from zarrcy.metadata.v3 import fill_values
from zarrcy.metadata.v3.chunk_grids import parse_rectilinear
from zarrcy.metadata.v3.codecs import ChunkSpec, depends_on_registry, little_endian, parse_codecs
from zarrcy.metadata.v3.data_types import DataType, parse_dtype
from zarrcy.metadata.v3.document import (
    KEY,
    ZARR_FORMAT,
    attributes_of,
    check_unknown_fields,
    dump_json,
    load,
    node_type,
    parse_json,
)
from zarrcy.storage.json_reader import MAX_CONSOLIDATED_NBYTES, check_limits
from zarrcy.types import JSON, Buffer, Key, Shape, Store

_MEMBERS = {
    "zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs",
    "attributes", "storage_transformers", "dimension_names",
}  # fmt: skip
# Members that are not written again as they were read.
_MUTABLE = {"shape", "attributes"}
_MAX_LENGTH = 2**62 - 1
# The separator of chunk coordinates, if the encoding does not state one.
_SEPARATORS = {"default": "/", "v2": "."}


# -- parsing -----------------------------------------------------------------------------------------


def parse_array(document: Buffer, key: Key, default_separator: str = ".") -> ArrayMetadata:
    """Parse the document of an array.

    Raises
    ------
    MetadataError
        If the document is malformed, or has unknown members that must be understood.
    CodecNotAvailableError
        If it names a codec that is not installed.
    """
    members = parse_json(document, key)
    if node_type(members) != "array":
        members.require("node_type").fail("it must be 'array'")
    return parse_plain(members)


# Many arrays have equal documents apart from their attributes, and a program may open one array many times.
_parse_cache: dict[bytes, ArrayMetadata] = {}
_MAX_CACHED = 512
_MAX_CACHED_NBYTES = 4096
# Of this version of marshal, equal values have equal bytes.
_MARSHAL_VERSION = 2


def parse_plain(members: Member) -> ArrayMetadata:
    """Do what `parse_members` does, for members that consist of Python's types for JSON."""
    attributes_of(members)
    plain = {name: value for name, value in members.object().items() if name != "attributes"}
    try:
        key = marshal.dumps(plain, _MARSHAL_VERSION)
    except ValueError:
        # a store of the user returned a parsed document with values of other types
        return parse_members(members)
    known = _parse_cache.get(key)
    if known is not None:
        return _copy_of(known)
    array = parse_members(members)
    # scalars of structures can be changed
    if (
        len(key) <= _MAX_CACHED_NBYTES
        and array.dtype.kind != "V"
        and not depends_on_registry(plain.get("codecs", ()))
    ):
        if len(_parse_cache) >= _MAX_CACHED:
            _parse_cache.clear()
        _parse_cache[key] = _copy_of(array)
    return array


def _copy_of(array: ArrayMetadata) -> ArrayMetadata:
    """Return equal metadata with codecs of their own."""
    return ArrayMetadata(
        array.shape,
        array.chunk_shape,
        array.dtype,
        array.fill_value,
        with_own_codecs(array.stages),
        array.chunk_keys,
        dict(array.extra_fields),
        array.dimension_names,
        array.rectilinear_axes,
    )


def parse_members(members: Member) -> ArrayMetadata:
    """Parse the members of an array's document, as `parse_array` does. The values may also be those of NumPy."""
    check_unknown_fields(members, _MEMBERS)
    shape = members.require("shape").integers(0, _MAX_LENGTH)
    if len(shape) > MAX_NDIM:
        members.require("shape").fail(f"an array has at most {MAX_NDIM} axes")
    transformers = members.get("storage_transformers")
    if transformers is not None and transformers.value is not None:
        for item in transformers.items():
            if item.extension().must_understand:
                item.fail("storage transformers are not supported")
    kind = parse_dtype(members.require("data_type"))
    axes = _parse_grid(members.require("chunk_grid"), shape, kind.dtype.itemsize)
    # the inner chunks of shards must divide every shard
    common = tuple(axis.common_divisor for axis in axes)
    attributes_of(members)
    return ArrayMetadata(
        shape=shape,
        chunk_shape=tuple(axis.longest for axis in axes),
        dtype=kind.dtype,
        fill_value=fill_values.parse(members.require("fill_value"), kind),
        stages=parse_codecs(
            # GDAL before 3.11 leaves it out if there are no codecs to state
            members.get("codecs") or Member(members.key, "codecs", []),
            ChunkSpec(common, kind),
        ),
        chunk_keys=_parse_chunk_keys(members.require("chunk_key_encoding")),
        extra_fields={name: value for name, value in members.object().items() if name not in _MUTABLE},
        dimension_names=_parse_names(members.get("dimension_names"), len(shape)),
        rectilinear_axes=axes if any(len(axis.runs) > 1 for axis in axes) else None,
    )


def _parse_grid(member: Member, shape: Shape, itemsize: int) -> tuple[AxisChunks, ...]:
    grid = member.extension().require_understood()
    if grid.name == "rectilinear":
        axes = parse_rectilinear(grid, shape)
    elif grid.name == "regular":
        axes = tuple(map(AxisChunks.regular, _parse_regular(grid, shape)))
    else:
        member.fail("this chunk grid is not supported; 'regular' and 'rectilinear' are")
    if math.prod(axis.longest for axis in axes) * itemsize > _MAX_LENGTH:
        member.fail(f"a chunk of elements of {itemsize} bytes must have fewer than 2**62 bytes")
    return axes


def _parse_regular(grid: Extension, shape: Shape) -> Shape:
    lengths = grid.allow_only("chunk_shape").require("chunk_shape")
    # chunks may have length 0 along an axis without elements
    chunk_shape = lengths.integers(0, _MAX_LENGTH)
    if len(chunk_shape) != len(shape) or any(n == 0 and shape[i] for i, n in enumerate(chunk_shape)):
        lengths.fail(f"it must have a length of 1 or more for each axis of the shape {list(shape)}")
    return tuple(max(1, n) for n in chunk_shape)


def _parse_chunk_keys(member: Member) -> ChunkKeys:
    encoding = member.extension().require_understood()
    if encoding.name not in _SEPARATORS:
        member.fail("this chunk key encoding is not supported; 'default' and 'v2' are")
    stated = encoding.allow_only("separator").get("separator")
    separator = _SEPARATORS[encoding.name] if stated is None else stated.choice("/", ".")
    if encoding.name == "default":
        return ChunkKeys(lead=f"c{separator}", separator=separator, scalar="c", stated=True)
    return ChunkKeys(lead="", separator=separator, scalar="0", stated=True)


def _parse_names(member: Member | None, ndim: int) -> Names:
    if member is None or member.value is None:
        return None
    names = tuple(None if item.value is None else item.string() for item in member.items())
    if len(names) != ndim:
        member.fail(f"it must have a name or null for each of the {ndim} axes")
    return names


# -- writing -----------------------------------------------------------------------------------------


def data_type_of(description: ArrayMetadata) -> DataType:
    """Return the data type that the document of an array states."""
    return parse_dtype(Member(KEY, "data_type", description.extra_fields["data_type"]))


def codecs_of(description: ArrayMetadata) -> list[JSON]:
    """Return the configurations of the codecs, in the order of encoding."""
    codecs: list[JSON] | None = description.extra_fields.get("codecs")
    return [little_endian(description.dtype)] if codecs is None else codecs


def _members_of(description: ArrayMetadata, attributes: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the members of the document of an array."""
    data_type = description.extra_fields["data_type"]
    members: dict[str, JSON] = {
        "zarr_format": ZARR_FORMAT,
        "node_type": "array",
        "shape": list(description.shape),
        "data_type": data_type,
        "chunk_grid": None,
        "chunk_key_encoding": None,
        "fill_value": None,
        "codecs": codecs_of(description),
        "attributes": dict(attributes),
        **description.extra_fields,
    }
    kind = data_type_of(description)
    stated = members["fill_value"]
    fill_value = fill_values.to_json(description.fill_value, kind, data_type)
    before = fill_values.to_json(fill_values.parse(Member(KEY, "fill_value", stated), kind), kind, data_type)
    if repr(fill_value) != repr(before):
        members["fill_value"] = fill_value
    grid = members["chunk_grid"]
    if description.rectilinear_axes is None and isinstance(grid, dict) and _is_to_be_rewritten(grid):
        lengths = list(description.chunk_shape)
        members["chunk_grid"] = {"name": "regular", "configuration": {"chunk_shape": lengths}}
    return members


def _is_to_be_rewritten(grid: dict[str, JSON]) -> bool:
    """Return whether a grid of equal chunks is spelled in a way that few readers, or those of other shapes, read."""
    return grid["name"] == "rectilinear" or 0 in grid["configuration"]["chunk_shape"]


def as_stored(array: ArrayMetadata, document: bytes, key: Key, default_separator: str = ".") -> ArrayMetadata:
    """Return the metadata of a new array as a reader parses them from its document."""
    # `describe_array` parsed the same members; the attributes may make the document too long or too deep
    check_limits(document, key, MAX_CONSOLIDATED_NBYTES)
    return array


def array_documents(
    prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
) -> dict[Key, bytes]:
    """Return the documents of an array by their keys."""
    return {prefix + KEY: dump_json(_members_of(description, attributes or {}), prefix + KEY)}


def save_array(
    store: Store, prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
) -> None:
    """Save the document of an array. Without `attributes`, it keeps those that it has at this moment."""
    stored = load(store, prefix)
    stated = {} if stored is None else stored.object()
    members = _members_of(description, attributes or {})
    if attributes is None and "attributes" in stated:
        members["attributes"] = stated["attributes"]
    elif attributes is None and stated:
        del members["attributes"]
    # the members keep their order
    store[prefix + KEY] = dump_json({**stated, **members}, prefix + KEY)
