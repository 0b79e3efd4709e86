"""Zarr v2: ``.zarray``, ``.zgroup`` and ``.zattrs`` <-> descriptions.

Source: the Zarr v2 specification (zarr-specs, ``docs/v2/v2.0.rst``). What is written is, byte for
byte, what zarr-python 2 writes: sorted keys, an indent of 4, ASCII.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numcodecs
import numpy as np

from zarrcy.codecs import Compressor, Filter, Pack, Stage, Transpose, as_codec
from zarrcy.errors import BadCompressorError, CodecNotAvailableError, MetadataError
from zarrcy.formats import scalars
from zarrcy.formats.description import ArrayDescription, ChunkKeys
from zarrcy.formats.request import ArrayRequest
from zarrcy.formats.scalars import (
    check_dtype,
    decode_dtype,
    decode_fill_value,
    encode_dtype,
    encode_fill_value,
)
from zarrcy.grid import MAX_NDIM
from zarrcy.storage import access
from zarrcy.types import JSON, AnyDtype, Key, Shape, Store

ZARR_FORMAT = 2
ARRAY_KEY = ".zarray"
GROUP_KEY = ".zgroup"
ATTRS_KEY = ".zattrs"

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


def is_at(store: Store, prefix: str) -> bool:
    """Is there a node of this format?"""
    return kind_at(store, prefix) is not None


def kind_at(store: Store, prefix: str) -> str | None:
    """Return "array" or "group", whichever stands at a prefix of keys, or None."""
    if prefix + ARRAY_KEY in store:
        return "array"
    if prefix + GROUP_KEY in store:
        return "group"
    return None


def load_array(store: Store, prefix: str, default_separator: str = ".") -> ArrayDescription | None:
    """Load the description of the array at a prefix of keys; None if there is none."""
    document = access.get(store, prefix + ARRAY_KEY)
    return None if document is None else parse_array(document, prefix + ARRAY_KEY, default_separator)


def load_attributes(store: Store, prefix: str) -> dict[str, JSON]:
    """Load the user attributes of the node at a prefix of keys."""
    document = access.get(store, prefix + ATTRS_KEY)
    return {} if document is None else parse_json(document, prefix + ATTRS_KEY)


def parse_json(document: Any, key: Key) -> dict[str, JSON]:
    """Parse a document that must be a JSON object."""
    try:
        text = document if isinstance(document, str) else bytes(document).decode("utf-8")
        parsed = json.loads(text)
    except (ValueError, RecursionError, TypeError) as exc:
        raise MetadataError(key, f"it is no JSON ({exc})") from exc
    if not isinstance(parsed, dict):
        raise MetadataError(key, f"it is a JSON {type(parsed).__name__}, not an object")
    return parsed


def dump_json(document: JSON) -> bytes:
    """Return a document as zarr-python 2 writes it."""
    text = json.dumps(
        document, indent=4, sort_keys=True, ensure_ascii=True, separators=(",", ": "), default=_plain_number
    )
    return text.encode("ascii")


def _plain_number(value: Any) -> Any:
    """Return NumPy's scalars as the numbers that they are."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} ({type(value).__name__}) is no JSON value")


def parse_array(document: Any, key: Key, default_separator: str = ".") -> ArrayDescription:
    """Parse a ``.zarray`` document.

    Raises
    ------
    MetadataError : the document is malformed
    CodecNotAvailableError : it names a codec that is not installed
    """
    members = parse_json(document, key)
    missing = {"zarr_format", "shape", "chunks", "dtype"} - set(members)
    if missing:
        raise MetadataError(key, f"it lacks {', '.join(map(repr, sorted(missing)))}")
    if members["zarr_format"] != ZARR_FORMAT:
        raise MetadataError(key, f"'zarr_format' is {members['zarr_format']!r}, not {ZARR_FORMAT}")
    shape = _lengths(members["shape"], "shape", key)
    chunk_shape = _lengths(members["chunks"], "chunks", key)
    if len(shape) != len(chunk_shape):
        raise MetadataError(key, f"'shape' {shape} and 'chunks' {chunk_shape} differ in length")
    order = members.get("order", "C")
    if order not in ("C", "F"):
        raise MetadataError(key, f"'order' is {order!r}, neither 'C' nor 'F'")
    separator = members.get("dimension_separator", default_separator)
    if separator not in (".", "/"):
        raise MetadataError(key, f"'dimension_separator' is {separator!r}, neither '.' nor '/'")
    filters = members.get("filters") or []
    if not isinstance(filters, list):
        raise MetadataError(key, f"'filters' is {filters!r}, neither a list nor null")
    chain = [_codec(config, key) for config in filters]
    try:
        dtype = decode_dtype(members["dtype"])
        object_codec = chain[0].codec_id if chain else ""
        fill_value = decode_fill_value(members.get("fill_value"), dtype, object_codec)
    except (ValueError, TypeError, OverflowError) as exc:
        raise MetadataError(key, str(exc)) from exc
    compressor = members.get("compressor")
    return ArrayDescription(
        shape=shape,
        # an axis without elements may have been given chunks without elements
        chunk_shape=tuple(max(1, n) for n in chunk_shape),
        dtype=dtype,
        fill_value=fill_value,
        stages=stages_of(
            order,
            chain,
            None if compressor is None else _codec(compressor, key),
            len(shape),
        ),
        chunk_keys=chunk_keys(separator, stated="dimension_separator" in members),
        kept={name: value for name, value in members.items() if name not in _MEMBERS},
    )


def _lengths(value: JSON, member: str, key: Key) -> Shape:
    if not isinstance(value, list):
        raise MetadataError(key, f"{member!r} is {value!r}, not a list")
    for n in value:
        if not isinstance(n, int) or isinstance(n, bool) or not 0 <= n < 2**62:
            raise MetadataError(
                key, f"{member!r} is {value!r}; a length is a whole number from 0, below 2**62"
            )
    if len(value) > MAX_NDIM:
        raise MetadataError(key, f"{member!r} has {len(value)} axes; an array has at most {MAX_NDIM}")
    return tuple(value)


def _codec(config: JSON, key: Key) -> Any:
    if not isinstance(config, dict) or not isinstance(config.get("id"), str):
        raise MetadataError(key, f"{config!r} configures no codec: an object with an 'id' does")
    try:
        return numcodecs.get_codec(dict(config))
    except Exception as exc:
        if config["id"] not in numcodecs.registry.codec_registry:
            raise CodecNotAvailableError(key, config["id"]) from exc
        raise MetadataError(key, f"the codec {config['id']!r} does not take {config!r} ({exc})") from exc


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
    stages.extend(Filter(codec) for codec in filters)
    stages.append(Pack())
    if compressor is not None:
        stages.append(Compressor(compressor))
    return tuple(stages)


def array_documents(description: ArrayDescription) -> dict[str, bytes]:
    """Return the documents that describe an array, by the last part of their keys."""
    filters = [stage.codec for stage in description.stages if isinstance(stage, Filter)]
    compressors = [stage.codec for stage in description.stages if isinstance(stage, Compressor)]
    members = {
        **description.kept,
        "chunks": list(description.chunk_shape),
        "compressor": _config(compressors[0]) if compressors else None,
        "dtype": encode_dtype(description.dtype),
        "fill_value": encode_fill_value(description.fill_value, description.dtype),
        "filters": [_config(codec) for codec in filters] or None,
        "order": description.order,
        "shape": list(description.shape),
        "zarr_format": ZARR_FORMAT,
    }
    if description.chunk_keys.stated:
        members["dimension_separator"] = description.chunk_keys.separator
    return {ARRAY_KEY: dump_json(members)}


def _config(codec: Any) -> JSON:
    config = dict(codec.get_config())
    if config.get("id") == "zstd" and not config.get("checksum", True):
        # other readers refuse the member where it says nothing
        del config["checksum"]
    return config


def save_array(
    store: Store, prefix: str, description: ArrayDescription, attributes: Mapping[str, JSON] | None = None
) -> None:
    """Save the documents of an array; without `attributes` it keeps those that it has."""
    for name, document in array_documents(description).items():
        store[prefix + name] = document
    if attributes:
        save_attributes(store, prefix, attributes)


def save_attributes(store: Store, prefix: str, attributes: Mapping[str, JSON]) -> None:
    """Save the attributes of a node."""
    store[prefix + ATTRS_KEY] = dump_json(dict(attributes))


def save_group(store: Store, prefix: str, attributes: Mapping[str, JSON] | None = None) -> None:
    """Save the documents of a new group."""
    for name, document in group_documents().items():
        store[prefix + name] = document
    if attributes:
        save_attributes(store, prefix, attributes)


def group_documents() -> dict[str, bytes]:
    return {GROUP_KEY: dump_json({"zarr_format": ZARR_FORMAT})}


def describe_array(request: ArrayRequest) -> ArrayDescription:
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
    return ArrayDescription(
        shape=request.shape,
        chunk_shape=request.chunk_shape,
        dtype=dtype,
        fill_value=scalars.normalize_fill_value(fill_value, dtype),
        stages=stages_of(order, chain, compressor, len(request.shape)),
        chunk_keys=chunk_keys(separator or ".", stated=separator is not None),
    )


def normalize_fill_value(description: ArrayDescription, value: Any) -> Any:
    """Return a fill value that a user gave for an array that exists."""
    return scalars.normalize_fill_value(value, description.dtype)


def codecs_of(description: ArrayDescription) -> list[JSON]:
    """Return the configurations of the codecs, in the order of encoding."""
    return [_config(stage.codec) for stage in description.stages if isinstance(stage, (Filter, Compressor))]


def as_compressor(compressor: Any) -> Any:
    if compressor is None:
        return None
    if isinstance(compressor, str) and compressor == "default":
        return numcodecs.Blosc()
    try:
        return as_codec(compressor)
    except ValueError as exc:
        raise BadCompressorError(compressor, str(exc)) from exc


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
