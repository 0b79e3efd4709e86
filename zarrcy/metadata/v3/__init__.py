"""Zarr v3: ``zarr.json`` <-> descriptions.

Source: the Zarr v3 core specification, version 3.1, and the registered extensions (zarr-specs,
``docs/v3``; zarr-extensions). It is read liberally: both spellings of extensions, older names, members
left out. What is written is what most readers take: objects with all of their configuration.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zarrcy.errors import MetadataError
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.indexing.chunk_shapes import MAX_NDIM
from zarrcy.metadata.array_metadata import DIMENSIONS_ATTRIBUTE, ArrayMetadata, ChunkKeys, Names, NodeEntry
from zarrcy.metadata.array_spec import ArraySpec
from zarrcy.metadata.json_member import Extension, Member
from zarrcy.metadata.v3 import fill_values
from zarrcy.metadata.v3.chunk_grids import parse_rectilinear
from zarrcy.metadata.v3.codecs import ChunkSpec, parse_codecs
from zarrcy.metadata.v3.consolidated import (
    consolidate,
    consolidated_among,
    drop_consolidated,
    open_consolidated,
)
from zarrcy.metadata.v3.convert import translated
from zarrcy.metadata.v3.create import create_kwargs_like, to_document
from zarrcy.metadata.v3.data_types import DataType, parse_dtype
from zarrcy.metadata.v3.document import (
    KEY,
    ZARR_FORMAT,
    attributes_of,
    check_group,
    check_unknown_fields,
    dump_json,
    load,
    load_many,
    names_below,
    node_type,
    parse_json,
)
from zarrcy.types import JSON, Key, Shape, Store

_MEMBERS = {
    "zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs",
    "attributes", "storage_transformers", "dimension_names",
}  # fmt: skip
# Members that change, each by a function of its own; all others are written again as they were read.
_CHANGING = {"shape", "fill_value", "attributes"}
_LONGEST = 2**62 - 1
CONSOLIDATED_KEY = None
# What stands between the coordinates of a chunk, where the encoding does not say.
_SEPARATORS = {"default": "/", "v2": "."}


__all__ = [
    "CONSOLIDATED_KEY",
    "ZARR_FORMAT",
    "array_documents",
    "attributes_key",
    "codecs_of",
    "consolidate",
    "consolidated_among",
    "create_kwargs_like",
    "describe_array",
    "document_key",
    "documents_at",
    "drop_consolidated",
    "exists",
    "group_documents",
    "kinds_at",
    "load_array",
    "load_at",
    "load_attributes",
    "load_one",
    "names_below",
    "normalize_fill_value",
    "open_consolidated",
    "parse_array",
    "place_names",
    "prepare",
    "save_array",
    "save_attributes",
    "storage_prefixes",
    "translate",
]


# -- finding and loading ---------------------------------------------------------------------------


def document_key(prefix: str, kind: str) -> Key:
    """Return the key of the document of an array or a group; it is the same one."""
    return prefix + KEY


def documents_at(prefix: str) -> list[Key]:
    """Return the keys of all documents that a node may have."""
    return [prefix + KEY]


def attributes_key(store: Store, prefix: str) -> Key:
    """Return the key of the document that holds the attributes of a node."""
    return prefix + KEY


def exists(store: Store, prefix: str) -> bool:
    """Is there a node of this format? Its document may be malformed."""
    try:
        return load(store, prefix) is not None
    except MetadataError:
        return True


def load_array(store: Store, prefix: str, default_separator: str = ".") -> ArrayMetadata | None:
    """Load the description of the array at a prefix of keys; None if there is none."""
    members = load(store, prefix)
    if members is None or node_type(members) != "array":
        return None
    return parse_members(members)


def kinds_at(store: Store, prefixes: Sequence[str]) -> Iterator[str | None]:
    """Iterate over what stands at prefixes of keys: "array", "group" or None."""
    return (None if members is None else node_type(members) for members in load_many(store, prefixes))


def load_at(
    store: Store, prefixes: Sequence[str], default_separator: str = "."
) -> Iterator[NodeEntry | None]:
    """Iterate over what stands at prefixes of keys: the kind, and for an array what parses its document.

    Raises
    ------
    MetadataError : the document of a group is malformed
    """
    return map(_entry, load_many(store, prefixes))


def load_one(store: Store, prefix: str, default_separator: str = ".") -> NodeEntry | None:
    """Return what stands at a prefix of keys, as `load_at` does."""
    return _entry(load(store, prefix))


def _entry(members: Member | None) -> NodeEntry | None:
    if members is None:
        return None
    if node_type(members) == "array":
        return NodeEntry("array", parse_members, members)
    check_group(members)
    return NodeEntry("group")


def load_attributes(store: Store, prefix: str) -> dict[str, JSON]:
    """Load the user attributes of the node at a prefix of keys."""
    members = load(store, prefix)
    return {} if members is None else attributes_of(members)


# -- parsing ---------------------------------------------------------------------------------------


def parse_array(document: Any, key: Key, default_separator: str = ".") -> ArrayMetadata:
    """Parse the document of an array.

    Raises
    ------
    MetadataError : the document is malformed, or has members that must be understood and are not
    CodecNotAvailableError : it names a codec that is not installed
    """
    members = parse_json(document, key)
    if node_type(members) != "array":
        members.require("node_type").fail("it must be 'array'")
    return parse_members(members)


def parse_members(members: Member) -> ArrayMetadata:
    """Parse the members of an array's document."""
    check_unknown_fields(members, _MEMBERS)
    shape = members.require("shape").integers(0, _LONGEST)
    if len(shape) > MAX_NDIM:
        members.require("shape").fail(f"an array has at most {MAX_NDIM} axes")
    transformers = members.get("storage_transformers")
    if transformers is not None and transformers.value is not None:
        for item in transformers.items():
            if item.extension().must_understand:
                item.fail("storage transformers are not known here")
    kind = parse_dtype(members.require("data_type"))
    axes = _parse_grid(members.require("chunk_grid"), shape, kind.dtype.itemsize)
    # what shards are divided into must divide all of them
    common = tuple(axis.common_divisor for axis in axes)
    attributes_of(members)
    return ArrayMetadata(
        shape=shape,
        chunk_shape=tuple(axis.longest for axis in axes),
        dtype=kind.dtype,
        fill_value=fill_values.parse(members.require("fill_value"), kind),
        stages=parse_codecs(members.require("codecs"), ChunkSpec(common, kind)),
        chunk_keys=_parse_chunk_keys(members.require("chunk_key_encoding")),
        extra_fields={name: value for name, value in members.object().items() if name not in _CHANGING},
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
        member.fail("this chunk grid is not known here; 'regular' and 'rectilinear' are")
    if math.prod(axis.longest for axis in axes) * itemsize > _LONGEST:
        # no memory could hold it
        member.fail(f"a chunk of elements of {itemsize} bytes must have fewer than 2**62 bytes")
    return axes


def _parse_regular(grid: Extension, shape: Shape) -> Shape:
    lengths = grid.allow_only("chunk_shape").require("chunk_shape")
    # an axis without elements may have been given chunks without elements
    chunk_shape = lengths.integers(0, _LONGEST)
    if len(chunk_shape) != len(shape) or any(n == 0 and shape[i] for i, n in enumerate(chunk_shape)):
        lengths.fail(f"it must have a length of 1 or more for each axis of the shape {list(shape)}")
    return tuple(max(1, n) for n in chunk_shape)


def _parse_chunk_keys(member: Member) -> ChunkKeys:
    encoding = member.extension().require_understood()
    if encoding.name not in _SEPARATORS:
        member.fail("this encoding of chunk keys is not known here; 'default' and 'v2' are")
    stated = encoding.allow_only("separator").get("separator")
    separator = _SEPARATORS[encoding.name] if stated is None else stated.choice("/", ".")
    if encoding.name == "default":
        return ChunkKeys(lead=f"c{separator}", separator=separator, scalar="c", stated=True)
    return ChunkKeys(lead="", separator=separator, scalar="0", stated=True)


def _parse_names(member: Member | None, ndim: int) -> tuple[str | None, ...] | None:
    if member is None or member.value is None:
        return None
    names = tuple(None if item.value is None else item.string() for item in member.items())
    if len(names) != ndim:
        member.fail(f"it must have a name or null for each of the {ndim} axes")
    return names


# -- saving ----------------------------------------------------------------------------------------


def data_type_of(description: ArrayMetadata) -> DataType:
    """Return the data type that the document of an array states."""
    return parse_dtype(Member(KEY, "data_type", description.extra_fields["data_type"]))


def array_members(description: ArrayMetadata, attributes: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the members of the document that describes an array."""
    data_type = description.extra_fields["data_type"]
    members = {
        "zarr_format": ZARR_FORMAT,
        "node_type": "array",
        "shape": list(description.shape),
        "data_type": data_type,
        "chunk_grid": None,
        "chunk_key_encoding": None,
        "fill_value": fill_values.to_json(description.fill_value, data_type_of(description), data_type),
        "codecs": None,
        "attributes": dict(attributes),
        **description.extra_fields,
    }
    grid = members["chunk_grid"]
    if description.rectilinear_axes is None and isinstance(grid, dict) and grid["name"] == "rectilinear":
        # one that is regular, in other words
        lengths = list(description.chunk_shape)
        members["chunk_grid"] = {"name": "regular", "configuration": {"chunk_shape": lengths}}
    return members


def array_documents(
    prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
) -> dict[Key, bytes]:
    """Return the documents that describe an array, by their keys."""
    return {prefix + KEY: dump_json(array_members(description, attributes or {}))}


def save_array(
    store: Store, prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
) -> None:
    """Save the documents of an array; without `attributes`, it keeps those that it has at that moment."""
    if attributes is None:
        attributes = load_attributes(store, prefix)
    for key, document in array_documents(prefix, description, attributes).items():
        store[key] = document


def save_attributes(store: Store, prefix: str, attributes: Mapping[str, JSON]) -> None:
    """Save the attributes of a node; the rest of its document stays as it is."""
    members = load(store, prefix)
    if members is None:
        raise MetadataError(prefix + KEY, "it is gone: somebody deleted the node")
    store[prefix + KEY] = dump_json({**members.object(), "attributes": dict(attributes)})


def group_documents(prefix: str, attributes: Mapping[str, JSON] | None = None) -> dict[Key, bytes]:
    """Return the documents of a new group, by their keys."""
    members = {"zarr_format": ZARR_FORMAT, "node_type": "group", "attributes": dict(attributes or {})}
    return {prefix + KEY: dump_json(members)}


def prepare(store: Store) -> None:
    """Nothing is needed in a store before its first node."""


def storage_prefixes(path: str) -> tuple[list[str], list[Key]]:
    """Return the folders that hold a node and all below it, and the keys beside them."""
    return [path], []


# -- creating --------------------------------------------------------------------------------------


def describe_array(request: ArraySpec) -> ArrayMetadata:
    """Describe a new array, after the words of `zarrcy.create`.

    Raises
    ------
    ValueError : a word that v3 can't write down
    """
    try:
        return parse_members(Member(KEY, "", to_document(request)))
    except MetadataError as exc:
        raise ValueError(f"Zarr v3 can't describe this array: {exc.problem}") from exc


def translate(description: ArrayMetadata) -> ArrayMetadata:
    """Describe an array of another format in the words of this one, so that its stored chunks stay as they are.

    Raises
    ------
    ValueError : they can't
    """
    try:
        return parse_members(Member(KEY, "", translated(description)))
    except MetadataError as exc:
        raise ValueError(exc.problem) from exc


def place_names(names: Names, attributes: Mapping[str, JSON], ndim: int) -> tuple[Names, dict[str, JSON]]:
    """Return the names of dimensions that the document has a place for, and the attributes with those that it has not.

    >>> place_names(None, {"_ARRAY_DIMENSIONS": ["y", "x"], "units": "K"}, 2)
    (('y', 'x'), {'units': 'K'})
    """
    rest = dict(attributes)
    told = rest.get(DIMENSIONS_ATTRIBUTE)
    if (
        names is None
        and isinstance(told, list)
        and len(told) == ndim
        and all(isinstance(n, str) for n in told)
    ):
        del rest[DIMENSIONS_ATTRIBUTE]
        names = tuple(told)
    return names, rest


def normalize_fill_value(description: ArrayMetadata, value: Any) -> Any:
    """Return a fill value that a user gave for an array that exists."""
    return fill_values.normalize(value, data_type_of(description))


def codecs_of(description: ArrayMetadata) -> list[JSON]:
    """Return the configurations of the codecs, in the order of encoding."""
    codecs: list[JSON] = description.extra_fields["codecs"]
    return codecs
