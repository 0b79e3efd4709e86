"""Zarr v3: ``zarr.json`` <-> descriptions.

Source: the Zarr v3 core specification, version 3.1, and the registered extensions (zarr-specs,
``docs/v3``; zarr-extensions). It is read liberally: both spellings of extensions, older names, members
left out. What is written is what most readers take: objects with all of their configuration.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from zarrcy.errors import MetadataError
from zarrcy.formats import v3_fill_values as fill_values
from zarrcy.formats.description import ArrayDescription, ChunkKeys
from zarrcy.formats.members import Member
from zarrcy.formats.rectilinear import regular_shape_of
from zarrcy.formats.request import ArrayRequest
from zarrcy.formats.v3_codecs import Given, parse_codecs
from zarrcy.formats.v3_dtypes import DataType, parse_dtype
from zarrcy.formats.v3_new import document_of
from zarrcy.grid import MAX_NDIM
from zarrcy.storage import access
from zarrcy.storage.json_object import parse_json
from zarrcy.types import JSON, Key, Shape, Store

ZARR_FORMAT = 3
ARRAY_KEY = GROUP_KEY = ATTRS_KEY = "zarr.json"
DOCUMENT_OF = {"array": ARRAY_KEY, "group": GROUP_KEY}

_BATCH_KEYS = 1000

_MEMBERS = {
    "zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs",
    "attributes", "storage_transformers", "dimension_names",
}  # fmt: skip
_GROUP_MEMBERS = {"zarr_format", "node_type", "attributes", "consolidated_metadata"}
# Members that change, each by a function of its own; all others are written again as they were read.
_CHANGING = {"shape", "fill_value", "attributes"}
_LONGEST = 2**62 - 1
# What stands between the coordinates of a chunk, where the encoding does not say.
_SEPARATORS = {"default": "/", "v2": "."}


# -- finding and loading ---------------------------------------------------------------------------


def _load(store: Store, prefix: str) -> Member | None:
    """Load the document at a prefix of keys; None if there is none, or one that is not of this version."""
    key = prefix + ARRAY_KEY
    document = access.get(store, key)
    if document is None:
        return None
    return _of_this_version(parse_document(document, key))


def _of_this_version(members: Member) -> Member | None:
    # the draft of this version put the address of its text there
    return None if isinstance(members.value.get("zarr_format"), str) else members


def is_at(store: Store, prefix: str) -> bool:
    """Is there a node of this format? Its document may be malformed."""
    try:
        return prefix + ARRAY_KEY in store and _load(store, prefix) is not None
    except MetadataError:
        return True


def kind_at(store: Store, prefix: str) -> str | None:
    """Return "array" or "group", whichever stands at a prefix of keys, or None."""
    members = _load(store, prefix) if prefix + ARRAY_KEY in store else None
    return None if members is None else _node_type(members)


def _node_type(members: Member) -> str:
    if members.need("zarr_format").value != ZARR_FORMAT:
        members.need("zarr_format").fail(f"it must be {ZARR_FORMAT}")
    return members.need("node_type").choice("array", "group")


def load_array(store: Store, prefix: str, default_separator: str = ".") -> ArrayDescription | None:
    """Load the description of the array at a prefix of keys; None if there is none."""
    members = _load(store, prefix)
    if members is None or _node_type(members) != "array":
        return None
    return parse_members(members)


def kinds_at(store: Store, prefixes: Sequence[str]) -> Iterator[str | None]:
    """Iterate over what stands at prefixes of keys, as `kind_at` tells it."""
    return (None if members is None else _node_type(members) for members in _load_many(store, prefixes))


def load_at(
    store: Store, prefixes: Sequence[str], default_separator: str = "."
) -> Iterator[tuple[str, Callable[[], ArrayDescription] | None] | None]:
    """Iterate over what stands at prefixes of keys: the kind, and for an array what parses its document.

    Raises
    ------
    MetadataError : the document of a group is malformed
    """
    for members in _load_many(store, prefixes):
        if members is None:
            yield None
        elif _node_type(members) == "array":
            yield "array", partial(parse_members, members)
        else:
            _check_group(members)
            yield "group", None


def _load_many(store: Store, prefixes: Sequence[str]) -> Iterator[Member | None]:
    fetch = access.reader(store)
    for first in range(0, len(prefixes), _BATCH_KEYS):
        keys = [prefix + ARRAY_KEY for prefix in prefixes[first : first + _BATCH_KEYS]]
        for key, document in zip(keys, fetch(keys), strict=True):
            yield None if document is None else _of_this_version(parse_document(document, key))


def nodes_among(names: Iterable[str]) -> list[str]:
    """Return the names that may be those of nodes: no document has one of them, and none is reserved."""
    return [name for name in names if name != ARRAY_KEY and not name.startswith("__")]


def load_attributes(store: Store, prefix: str) -> dict[str, JSON]:
    """Load the user attributes of the node at a prefix of keys."""
    members = _load(store, prefix)
    return {} if members is None else _attributes(members)


def _attributes(members: Member) -> dict[str, JSON]:
    attributes = members.get("attributes")
    # early versions of other libraries wrote null for none
    return {} if attributes is None or attributes.value is None else attributes.object()


def parse_document(document: Any, key: Key) -> Member:
    """Parse a document that must be a JSON object."""
    return Member(key, "", parse_json(document, key))


# -- parsing ---------------------------------------------------------------------------------------


def parse_array(document: Any, key: Key, default_separator: str = ".") -> ArrayDescription:
    """Parse the document of an array.

    Raises
    ------
    MetadataError : the document is malformed, or has members that must be understood and are not
    CodecNotAvailableError : it names a codec that is not installed
    """
    members = parse_document(document, key)
    if _node_type(members) != "array":
        members.need("node_type").fail("it must be 'array'")
    return parse_members(members)


def parse_members(members: Member) -> ArrayDescription:
    """Parse the members of an array's document."""
    _refuse_strange(members, _MEMBERS)
    shape = members.need("shape").integers(0, _LONGEST)
    if len(shape) > MAX_NDIM:
        members.need("shape").fail(f"an array has at most {MAX_NDIM} axes")
    transformers = members.get("storage_transformers")
    if transformers is not None and transformers.value is not None:
        for item in transformers.items():
            if item.extension().must_understand:
                item.fail("storage transformers are not known here")
    kind = parse_dtype(members.need("data_type"))
    chunk_shape = _parse_grid(members.need("chunk_grid"), shape, kind.dtype.itemsize)
    _attributes(members)
    return ArrayDescription(
        shape=shape,
        chunk_shape=chunk_shape,
        dtype=kind.dtype,
        fill_value=fill_values.parse(members.need("fill_value"), kind),
        stages=parse_codecs(members.need("codecs"), Given(chunk_shape, kind)),
        chunk_keys=_parse_chunk_keys(members.need("chunk_key_encoding")),
        kept={name: value for name, value in members.object().items() if name not in _CHANGING},
        dimension_names=_parse_names(members.get("dimension_names"), len(shape)),
    )


def _refuse_strange(members: Member, known: set[str]) -> None:
    for name, value in members.object().items():
        if name in known or (isinstance(value, dict) and value.get("must_understand") is False):
            continue
        members.need(name).fail(
            'this member is not known here, and does not say that it need not be ("must_understand": false); open '
            "the array with a library that knows it"
        )


def _parse_grid(member: Member, shape: Shape, itemsize: int) -> Shape:
    grid = member.extension().vital()
    if grid.name == "rectilinear":
        chunk_shape = regular_shape_of(grid, shape)
        _check_chunk(member, chunk_shape, itemsize)
        return chunk_shape
    if grid.name != "regular":
        member.fail("this chunk grid is not known here; 'regular' is")
    lengths = grid.only("chunk_shape").need("chunk_shape")
    # an axis without elements may have been given chunks without elements
    chunk_shape = lengths.integers(0, _LONGEST)
    if len(chunk_shape) != len(shape) or any(n == 0 and shape[i] for i, n in enumerate(chunk_shape)):
        lengths.fail(f"it must have a length of 1 or more for each axis of the shape {list(shape)}")
    chunk_shape = tuple(max(1, n) for n in chunk_shape)
    _check_chunk(lengths, chunk_shape, itemsize)
    return chunk_shape


def _check_chunk(member: Member, chunk_shape: Shape, itemsize: int) -> None:
    """Refuse chunks that no memory could hold."""
    if math.prod(chunk_shape) * itemsize > _LONGEST:
        member.fail(f"a chunk of elements of {itemsize} bytes must have fewer than 2**62 bytes")


def _parse_chunk_keys(member: Member) -> ChunkKeys:
    encoding = member.extension().vital()
    if encoding.name not in _SEPARATORS:
        member.fail("this encoding of chunk keys is not known here; 'default' and 'v2' are")
    stated = encoding.only("separator").get("separator")
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


def data_type_of(description: ArrayDescription) -> DataType:
    """Return the data type that the document of an array states."""
    return parse_dtype(Member(ARRAY_KEY, "data_type", description.kept["data_type"]))


def array_members(description: ArrayDescription, attributes: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the members of the document that describes an array."""
    data_type = description.kept["data_type"]
    members = {
        "zarr_format": ZARR_FORMAT,
        "node_type": "array",
        "shape": list(description.shape),
        "data_type": data_type,
        "chunk_grid": None,
        "chunk_key_encoding": None,
        "fill_value": fill_values.spell(description.fill_value, data_type_of(description), data_type),
        "codecs": None,
        "attributes": dict(attributes),
        **description.kept,
    }
    if isinstance(grid := members["chunk_grid"], dict) and grid["name"] == "rectilinear":
        # one that is regular, in other words; those that are not can't be resized
        lengths = list(description.chunk_shape)
        members["chunk_grid"] = {"name": "regular", "configuration": {"chunk_shape": lengths}}
    return members


def array_documents(
    description: ArrayDescription, attributes: Mapping[str, JSON] | None = None
) -> dict[str, bytes]:
    """Return the documents that describe an array, by the last part of their keys."""
    return {ARRAY_KEY: dump_json(array_members(description, attributes or {}))}


def save_array(
    store: Store, prefix: str, description: ArrayDescription, attributes: Mapping[str, JSON] | None = None
) -> None:
    """Save the documents of an array; without `attributes`, it keeps those that it has at that moment."""
    if attributes is None:
        attributes = load_attributes(store, prefix)
    for name, document in array_documents(description, attributes).items():
        store[prefix + name] = document


def save_attributes(store: Store, prefix: str, attributes: Mapping[str, JSON]) -> None:
    """Save the attributes of a node; the rest of its document stays as it is."""
    members = _load(store, prefix)
    if members is None:
        raise MetadataError(prefix + ATTRS_KEY, "it is gone: somebody deleted the node")
    store[prefix + ATTRS_KEY] = dump_json({**members.object(), "attributes": dict(attributes)})


def group_documents() -> dict[str, bytes]:
    """Return the documents of a new group, by the last part of their keys."""
    return {GROUP_KEY: dump_json({"zarr_format": ZARR_FORMAT, "node_type": "group", "attributes": {}})}


def _check_group(members: Member) -> None:
    """Refuse the document of a group that has members which must be understood and are not."""
    _refuse_strange(members, _GROUP_MEMBERS)
    _attributes(members)


def dump_json(document: JSON) -> bytes:
    """Return a document as it is written: an indent of 2, ASCII, members in the order of the specification."""
    return json.dumps(document, indent=2, default=_plain_number).encode("ascii")


def _plain_number(value: Any) -> Any:
    """Return NumPy's scalars as the numbers that they are."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} ({type(value).__name__}) is no JSON value")


# -- consolidated metadata ---------------------------------------------------------------------------


def documents_below(store: Store) -> Iterator[tuple[Key, Any]]:
    """Consolidated documents of this format are not written yet."""
    raise NotImplementedError(
        "metadata of format 3 can't be consolidated by this version; open the hierarchy without, or write format 2"
    )


def consolidated_document(documents: Iterable[tuple[Key, Any]]) -> bytes:
    """See `documents_below`."""
    return next(iter(documents))[1]  # type: ignore[no-any-return]


# -- creating --------------------------------------------------------------------------------------


def describe_array(request: ArrayRequest) -> ArrayDescription:
    """Describe a new array, after the words of `zarrcy.create`.

    Raises
    ------
    ValueError : a word that v3 can't write down
    """
    try:
        return parse_members(Member(ARRAY_KEY, "", document_of(request)))
    except MetadataError as exc:
        raise ValueError(f"Zarr v3 can't describe this array: {exc.problem}") from exc


def normalize_fill_value(description: ArrayDescription, value: Any) -> Any:
    """Return a fill value that a user gave for an array that exists."""
    return fill_values.normalize(value, data_type_of(description))


def codecs_of(description: ArrayDescription) -> list[JSON]:
    """Return the configurations of the codecs, in the order of encoding."""
    codecs: list[JSON] = description.kept["codecs"]
    return codecs
