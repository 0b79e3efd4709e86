"""Zarr v2: ``.zarray``, ``.zgroup`` and ``.zattrs`` <-> descriptions.

Source: the Zarr v2 specification (zarr-specs, ``docs/v2/v2.0.rst``). What is written is, byte for
byte, what zarr-python 2 writes: sorted keys, an indent of 4, ASCII.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numcodecs

from zarrcy.codecs import Compressor, Filter, Pack, Stage, Transpose, as_codec
from zarrcy.errors import BadCompressorError, CodecNotAvailableError, MetadataError
from zarrcy.indexing.chunk_shapes import MAX_NDIM
from zarrcy.metadata.array_metadata import DIMENSIONS_ATTRIBUTE, ArrayMetadata, ChunkKeys, Names, NodeEntry
from zarrcy.metadata.array_spec import ArraySpec
from zarrcy.metadata.json_member import MAX_CODECS
from zarrcy.metadata.json_writer import dump_json
from zarrcy.metadata.node_lookup import BATCH_KEYS, find
from zarrcy.metadata.v2 import convert, dtypes
from zarrcy.metadata.v2.dtypes import (
    check_dtype,
    decode_dtype,
    encode_dtype,
    encode_fill_value,
    fill_value_of,
)
from zarrcy.storage import access
from zarrcy.storage.base import offers
from zarrcy.storage.consolidated import ConsolidatedMetadataStore
from zarrcy.storage.json_reader import parse_json
from zarrcy.storage.listing import listdir
from zarrcy.types import JSON, AnyDtype, Key, Shape, Store

ZARR_FORMAT = 2
ARRAY_KEY = ".zarray"
GROUP_KEY = ".zgroup"
ATTRS_KEY = ".zattrs"
CONSOLIDATED_KEY = ".zmetadata"
DOCUMENTS_OF_NODES = (ARRAY_KEY, GROUP_KEY, ATTRS_KEY)
DOCUMENTS: tuple[str, ...] = (*DOCUMENTS_OF_NODES, CONSOLIDATED_KEY)

_NAME_OF = {"array": ARRAY_KEY, "group": GROUP_KEY}
_NO_NODES = frozenset(DOCUMENTS)
_PACK = Pack()
_END_OF_LENGTHS = 2**62
_NEEDED = frozenset({"chunks", "dtype", "shape", "zarr_format"})
_MEMBERS = {
    "chunks",
    "compressor",
    "dimension_separator",
    "dtype",
    "fill_value",
    "filters",
    "order",
    "shape",
    "zarr_format",
}


def document_key(prefix: str, kind: str) -> Key:
    """Return the key of the document of an array or a group."""
    return prefix + _NAME_OF[kind]


def documents_at(prefix: str) -> list[Key]:
    """Return the keys of all documents that a node may have."""
    return [prefix + name for name in DOCUMENTS]


def attributes_key(store: Store, prefix: str) -> Key:
    """Return the key of the document that holds the attributes of a node."""
    return prefix + ATTRS_KEY


def exists(store: Store, prefix: str) -> bool:
    """Is there a node of this format?"""
    return next(kinds_at(store, [prefix])) is not None


def kinds_at(store: Store, prefixes: Sequence[str]) -> Iterator[str | None]:
    """Iterate over what stands at prefixes of keys: "array", "group" or None."""
    present = access.finder(store)
    found = find(
        prefixes,
        document_key,
        lambda keys: [there or None for there in present(keys)],
        offers(store, "getitems"),
    )
    return (None if one is None else one[0] for one in found)


def load_at(
    store: Store, prefixes: Sequence[str], default_separator: str = "."
) -> Iterator[NodeEntry | None]:
    """Iterate over what stands at prefixes of keys: the kind, and for an array what parses its document.

    Raises
    ------
    MetadataError : the document of a group is malformed
    """
    for found in find(prefixes, document_key, access.document_reader(store), offers(store, "getitems")):
        if found is None:
            yield None
        else:
            kind, key, document = found
            yield _entry(kind, key, document, default_separator)


def load_one(store: Store, prefix: str, default_separator: str = ".") -> NodeEntry | None:
    """Return what stands at a prefix of keys, as `load_at` does."""
    for kind, name in _NAME_OF.items():
        document = access.get(store, prefix + name)
        if document is not None:
            return _entry(kind, prefix + name, document, default_separator)
    return None


def _entry(kind: str, key: Key, document: Any, default_separator: str) -> NodeEntry:
    if kind == "array":
        return NodeEntry(kind, parse_array, document, key, default_separator)
    check_group(document, key)
    return NodeEntry(kind)


def load_array(store: Store, prefix: str, default_separator: str = ".") -> ArrayMetadata | None:
    """Load the description of the array at a prefix of keys; None if there is none."""
    document = access.get(store, prefix + ARRAY_KEY)
    return None if document is None else parse_array(document, prefix + ARRAY_KEY, default_separator)


def names_below(store: Store, prefix: str) -> list[str]:
    """Return the names directly below a node that may be those of nodes: no document has one of them."""
    return [name for name in listdir(store, prefix) if name not in _NO_NODES]


def load_attributes(store: Store, prefix: str) -> dict[str, JSON]:
    """Load the user attributes of the node at a prefix of keys."""
    document = access.get(store, prefix + ATTRS_KEY)
    return {} if document is None else dict(parse_json(document, prefix + ATTRS_KEY))


def parse_array(document: Any, key: Key, default_separator: str = ".") -> ArrayMetadata:
    """Parse a ``.zarray`` document.

    Raises
    ------
    MetadataError : the document is malformed
    CodecNotAvailableError : it names a codec that is not installed
    """
    facts = _parse_cache.get((document, default_separator)) if type(document) is bytes else None
    if facts is None:
        facts = _parse_zarray(document, key, default_separator)
        if type(document) is bytes and len(document) <= _SHORT:
            if len(_parse_cache) >= _MAX_CACHED:
                _parse_cache.clear()
            _parse_cache[document, default_separator] = facts
    chain = [codec_of(config, key) for config in facts.filters]
    try:
        object_codec = chain[0].codec_id if chain else ""
        fill_value = fill_value_of(facts.fill_value, facts.dtype, object_codec)
    except (ValueError, TypeError, OverflowError) as exc:
        raise MetadataError(key, str(exc)) from exc
    compressor = None if facts.compressor is None else codec_of(facts.compressor, key)
    return ArrayMetadata(
        facts.shape,
        facts.chunk_shape,
        facts.dtype,
        fill_value,
        stages_of(facts.order, chain, compressor, len(facts.shape)),
        facts.chunk_keys,
        dict(facts.extra_fields),
    )


class ParsedZarray(NamedTuple):
    """What a document of an array says, checked; but codecs and fill value, of which each array has its own."""

    shape: Shape
    chunk_shape: Shape
    dtype: AnyDtype
    fill_value: JSON
    order: str
    filters: list[JSON]
    compressor: JSON
    chunk_keys: ChunkKeys
    extra_fields: dict[str, JSON]


# Many arrays have like documents, and one array is opened many times.
_parse_cache: dict[tuple[bytes, str], ParsedZarray] = {}
_MAX_CACHED = 512
_SHORT = 4096


def _parse_zarray(document: Any, key: Key, default_separator: str) -> ParsedZarray:
    members = parse_json(document, key)
    if not _NEEDED.issubset(members):
        missing = sorted(_NEEDED.difference(members))
        raise MetadataError(key, f"it lacks {', '.join(map(repr, missing))}")
    if members["zarr_format"] != ZARR_FORMAT:
        raise MetadataError(key, f"'zarr_format' is {members['zarr_format']!r}, not {ZARR_FORMAT}")
    shape = _lengths(members["shape"], "shape", key)
    chunk_shape = _lengths(members["chunks"], "chunks", key)
    if len(shape) != len(chunk_shape):
        raise MetadataError(key, f"'shape' {shape} and 'chunks' {chunk_shape} differ in length")
    if 0 in chunk_shape and any(n == 0 and length for n, length in zip(chunk_shape, shape, strict=True)):
        raise MetadataError(
            key, f"'chunks' is {list(chunk_shape)}; where an axis has elements, chunks have a length"
        )
    order = members.get("order", "C")
    if order not in ("C", "F"):
        raise MetadataError(key, f"'order' is {order!r}, neither 'C' nor 'F'")
    separator = members.get("dimension_separator", default_separator)
    if separator not in (".", "/"):
        raise MetadataError(key, f"'dimension_separator' is {separator!r}, neither '.' nor '/'")
    filters = members.get("filters") or []
    if not isinstance(filters, list):
        raise MetadataError(key, f"'filters' is {filters!r}, neither a list nor null")
    if len(filters) > MAX_CODECS:
        raise MetadataError(key, f"'filters' are {len(filters)}; an array has at most {MAX_CODECS}")
    try:
        dtype = _dtype_of(members["dtype"])
    except (ValueError, TypeError, OverflowError) as exc:
        raise MetadataError(key, str(exc)) from exc
    if math.prod(chunk_shape) * dtype.itemsize >= _END_OF_LENGTHS:
        raise MetadataError(key, f"'chunks' is {list(chunk_shape)}; a chunk must have fewer than 2**62 bytes")
    return ParsedZarray(
        shape,
        # an axis without elements may have been given chunks without elements
        tuple([n or 1 for n in chunk_shape]),
        dtype,
        members.get("fill_value"),
        order,
        filters,
        members.get("compressor"),
        chunk_keys(separator, "dimension_separator" in members),
        {}
        if _MEMBERS.issuperset(members)
        else {name: value for name, value in members.items() if name not in _MEMBERS},
    )


def _dtype_of(spelled: JSON) -> AnyDtype:
    return _dtype_of_text(spelled) if type(spelled) is str else decode_dtype(spelled)


_dtype_of_text = lru_cache(decode_dtype)


def _lengths(value: JSON, member: str, key: Key) -> Shape:
    if not isinstance(value, list):
        raise MetadataError(key, f"{member!r} is {value!r}, not a list")
    for n in value:
        if type(n) is not int or not 0 <= n < _END_OF_LENGTHS:
            raise MetadataError(
                key, f"{member!r} is {value!r}; a length is a whole number from 0, below 2**62"
            )
    if len(value) > MAX_NDIM:
        raise MetadataError(key, f"{member!r} has {len(value)} axes; an array has at most {MAX_NDIM}")
    return tuple(value)


def codec_of(config: JSON, key: Key) -> Any:
    """Return the codec that a document configures.

    Raises
    ------
    MetadataError : it is malformed
    CodecNotAvailableError : it is not installed
    """
    if not isinstance(config, dict) or not isinstance(config.get("id"), str):
        raise MetadataError(key, f"{config!r} configures no codec: an object with an 'id' does")
    try:
        return numcodecs.get_codec(config)
    except Exception as exc:
        if config["id"] not in numcodecs.registry.codec_registry:
            raise CodecNotAvailableError(key, config["id"]) from exc
        raise MetadataError(key, f"the codec {config['id']!r} does not take {config!r} ({exc})") from exc


@lru_cache
def chunk_keys(separator: str, stated: bool) -> ChunkKeys:
    return ChunkKeys(lead="", separator=separator, scalar="0", stated=stated)


def stages_of(order: str, filters: list[Any], compressor: Any, ndim: int) -> tuple[Stage, ...]:
    """Return the pipeline that v2's order, filters and compressor mean."""
    stages: list[Stage] = []
    if order == "F" and ndim > 1:
        stages.append(Transpose(tuple(range(ndim))[::-1]))
    elif order == "F":
        # no axis changes its place, but the document says F and shall go on to say so
        stages.append(Transpose(tuple(range(ndim))))
    if filters:
        stages.extend(map(Filter, filters))
    stages.append(_PACK)
    if compressor is not None:
        stages.append(Compressor(compressor))
    return tuple(stages)


def array_documents(
    prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
) -> dict[Key, bytes]:
    """Return the documents that describe an array, by their keys."""
    filters = [stage.codec for stage in description.stages if isinstance(stage, Filter)]
    compressors = [stage.codec for stage in description.stages if isinstance(stage, Compressor)]
    members = {
        **description.extra_fields,
        "chunks": list(description.chunk_shape),
        "compressor": config_of(compressors[0]) if compressors else None,
        "dtype": encode_dtype(description.dtype),
        "fill_value": encode_fill_value(description.fill_value, description.dtype),
        "filters": [config_of(codec) for codec in filters] or None,
        "order": description.order,
        "shape": list(description.shape),
        "zarr_format": ZARR_FORMAT,
    }
    if description.chunk_keys.stated:
        members["dimension_separator"] = description.chunk_keys.separator
    return _and_attributes({prefix + ARRAY_KEY: dump_json(members)}, prefix, attributes)


def config_of(codec: Any) -> JSON:
    """Return the configuration of a codec, as documents have it."""
    config = dict(codec.get_config())
    if config.get("id") == "zstd" and not config.get("checksum", True):
        # other readers refuse the member where it says nothing
        del config["checksum"]
    return config


def save_array(
    store: Store, prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
) -> None:
    """Save the documents of an array; without `attributes` it keeps those that it has."""
    for key, document in array_documents(prefix, description, attributes).items():
        store[key] = document


def save_attributes(store: Store, prefix: str, attributes: Mapping[str, JSON]) -> None:
    """Save the attributes of a node."""
    store[prefix + ATTRS_KEY] = dump_json(dict(attributes))


def group_documents(prefix: str, attributes: Mapping[str, JSON] | None = None) -> dict[Key, bytes]:
    """Return the documents of a new group, by their keys."""
    documents = {prefix + GROUP_KEY: dump_json({"zarr_format": ZARR_FORMAT})}
    return _and_attributes(documents, prefix, attributes)


def _and_attributes(
    documents: dict[Key, bytes], prefix: str, attributes: Mapping[str, JSON] | None
) -> dict[Key, bytes]:
    return documents | {prefix + ATTRS_KEY: dump_json(dict(attributes))} if attributes else documents


def check_group(document: Any, key: Key) -> None:
    """Refuse a ``.zgroup`` document that is malformed."""
    if parse_json(document, key).get("zarr_format") != ZARR_FORMAT:
        raise MetadataError(key, f"'zarr_format' is not {ZARR_FORMAT}")


def prepare(store: Store) -> None:
    """Nothing is needed in a store before its first node."""


def storage_prefixes(path: str) -> tuple[list[str], list[Key]]:
    """Return the folders that hold a node and all below it, and the keys beside them."""
    return [path], []


# -- consolidated metadata -------------------------------------------------------------------------


def consolidate(store: Store, path: str, metadata_key: str = CONSOLIDATED_KEY) -> None:
    """Write all documents of a store into one, at a key of the root; `path` says nothing here."""
    store[metadata_key] = consolidated_document(documents_below(store))


def open_consolidated(store: Store, path: str, metadata_key: str = CONSOLIDATED_KEY) -> Store | None:
    """Return a store of the documents that one key of the root holds; None if there is no such key.

    Raises
    ------
    MetadataError : what is there are no consolidated metadata, or of another version
    """
    document = access.get(store, metadata_key)
    return None if document is None else ConsolidatedMetadataStore({metadata_key: document}, metadata_key)


def consolidated_among(store: Store, prefixes: Sequence[str]) -> list[str]:
    """Return the prefixes at which a change below has to be told: none.

    As in zarr-python 2, consolidated metadata are what was there when they were written: only who asks for
    them reads them.
    """
    return []


def drop_consolidated(store: Store, prefix: str) -> None:
    """Do nothing: see `consolidated_among`."""


def documents_below(store: Store) -> Iterator[tuple[Key, Any]]:
    """Iterate over all documents of a store and their keys. Chunks are not listed where that can be helped."""
    fetch = access.reader(store)
    if access.is_in_memory(store) or not offers(store, "listdir"):
        keys = [key for key in store if key.rsplit("/", 1)[-1] in DOCUMENTS_OF_NODES]
        yield from zip(keys, fetch(keys), strict=True)
        return
    batched = offers(store, "getitems")
    level = [""]
    while level:
        below = []
        for prefix, found in zip(level, find(level, document_key, fetch, batched), strict=True):
            if found is not None:
                yield found[1:]
            if found is None or found[0] == "group":
                below += [f"{prefix}{name}/" for name in names_below(store, prefix)]
        keys = [prefix + ATTRS_KEY for prefix in level]
        for first in range(0, len(keys), BATCH_KEYS):
            batch = keys[first : first + BATCH_KEYS]
            yield from ((k, value) for k, value in zip(batch, fetch(batch), strict=True) if value is not None)
        level = below


def consolidated_document(documents: Iterable[tuple[Key, Any]]) -> bytes:
    """Return one document that holds others, by their keys.

    They are JSON already: their lines are indented, which is many times faster than to write them
    again, and gives the same bytes where they are as zarr-python 2 writes them.
    """
    parts = []
    for key, document in sorted(documents, key=lambda item: item[0]):
        parse_json(document, key)
        text = document if isinstance(document, str) else bytes(document).decode("utf-8-sig")
        parts.append(f"{json.dumps(key)}: {text.strip()}".replace("\n", "\n        "))
    inner = ",\n        ".join(parts)
    inner = f"{{\n        {inner}\n    }}" if parts else "{}"
    return f'{{\n    "metadata": {inner},\n    "zarr_consolidated_format": 1\n}}'.encode()


def describe_array(request: ArraySpec) -> ArrayMetadata:
    """Describe a new array, after the words of `zarrcy.create`.

    Raises
    ------
    ValueError : a word that v2 can't write down
    """
    remedy = "give zarr_format=3"
    request.refuse("codecs", version=2, remedy="give filters and compressor, or zarr_format=3")
    request.refuse("chunk_key_encoding", version=2, remedy="give dimension_separator, or zarr_format=3")
    request.refuse(
        "dimension_names",
        version=2,
        remedy="give zarr_format=3, or the attribute _ARRAY_DIMENSIONS as xarray does",
    )
    request.refuse("shards", version=2, remedy=remedy)
    order = request.order.upper() if isinstance(request.order, str) else request.order
    if order not in ("C", "F"):
        raise ValueError(f"order is {order!r}; it must be 'C' or 'F'")
    separator = (
        request.dimension_separator if request.dimension_separator is not None else request.default_separator
    )
    if separator not in (None, ".", "/"):
        raise ValueError(f"dimension_separator is {separator!r}; it must be '.' or '/'")
    dtype, fill_value = request.dtype, request.fill_value
    check_dtype(dtype)
    chain = _filter_chain(request.filters, request.object_codec, dtype)
    if chain and chain[0].codec_id == "vlen-bytes" and isinstance(fill_value, str) and fill_value:
        raise ValueError(f"fill value {fill_value!r} is a str; the elements are bytes")
    # zarr-python 2 does not compress the one element of an array without axes
    compressor = as_compressor(request.compressor) if request.shape else None
    if request.checksum:
        chain += _checksum_before(compressor, dtype)
    return ArrayMetadata(
        shape=request.shape,
        chunk_shape=request.chunk_shape,
        dtype=dtype,
        fill_value=dtypes.normalize_fill_value(fill_value, dtype),
        stages=stages_of(order, chain, compressor, len(request.shape)),
        chunk_keys=chunk_keys(separator or ".", stated=separator is not None),
    )


def create_kwargs_like(description: ArrayMetadata, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words that make an array like another, beyond those that all formats have: none."""
    return {}


def translate(description: ArrayMetadata) -> ArrayMetadata:
    """Describe an array of another format in the words of this one, so that its stored chunks stay as they are.

    Their keys may be others.

    Raises
    ------
    ValueError : they can't
    """
    dtype = convert.dtype_of(description)
    filters, compressor = convert.codecs_of_stages(description)
    order = convert.order_of(description)
    return ArrayMetadata(
        shape=description.shape,
        chunk_shape=description.chunk_shape,
        dtype=dtype,
        fill_value=dtypes.normalize_fill_value(description.fill_value_or_zero, dtype),
        stages=stages_of(order, filters, compressor, len(description.shape)),
        chunk_keys=chunk_keys(description.chunk_keys.separator, stated=True),
    )


def place_names(names: Names, attributes: Mapping[str, JSON], ndim: int) -> tuple[Names, dict[str, JSON]]:
    """Return the names of dimensions that the document has a place for, and the attributes with those that it has not.

    >>> place_names(("y", "x"), {"units": "K"}, 2)
    (None, {'units': 'K', '_ARRAY_DIMENSIONS': ['y', 'x']})
    """
    if names is None or None in names:
        return None, dict(attributes)
    return None, dict(attributes) | {DIMENSIONS_ATTRIBUTE: list(names)}


def normalize_fill_value(description: ArrayMetadata, value: Any) -> Any:
    """Return a fill value that a user gave for an array that exists."""
    return dtypes.normalize_fill_value(value, description.dtype)


def codecs_of(description: ArrayMetadata) -> list[JSON]:
    """Return the configurations of the codecs, in the order of encoding."""
    return [config_of(stage.codec) for stage in description.stages if isinstance(stage, (Filter, Compressor))]


def as_compressor(compressor: Any) -> Any:
    if compressor is None:
        return None
    if isinstance(compressor, str) and compressor == "default":
        return numcodecs.Blosc()
    try:
        return as_codec(compressor)
    except ValueError as exc:
        raise BadCompressorError(compressor, str(exc)) from exc


def _checksum_before(compressor: Any, dtype: AnyDtype) -> list[Any]:
    """Return the filters that put a checksum before the bytes of a chunk.

    There is one place behind the filters, and the compressor has it. CRC-32C would need a package more in
    other readers; this CRC-32 is in every numcodecs.
    """
    checksum = numcodecs.CRC32()
    if getattr(compressor, "shuffle", 0) and dtype.itemsize > 1 and not dtype.hasobject:
        # Blosc is given single bytes then: they are shuffled before, or compress badly
        return [numcodecs.Shuffle(dtype.itemsize), checksum]
    return [checksum]


def _filter_chain(filters: Any, object_codec: Any, dtype: AnyDtype) -> list[Any]:
    chain = [as_codec(codec) for codec in (filters or [])]
    if not dtype.hasobject:
        return chain
    if dtype.kind != "O":
        raise ValueError(f"data type {dtype} holds objects in fields; make each field an array of its own")
    if object_codec is not None:
        chain.insert(0, as_codec(object_codec))
    if not chain:
        raise ValueError(
            "missing object_codec for object array: give one, as in object_codec=numcodecs.VLenUTF8(), "
            "or dtype=str for text"
        )
    return chain
