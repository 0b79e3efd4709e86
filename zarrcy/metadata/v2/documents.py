"""The documents of arrays and groups in Zarr v2: keys, parsing, writing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from zarrcy.codecs import Compressor, Filter, Pack, Stage, Transpose
from zarrcy.codecs.configured import complete, get_codec, is_replaced
from zarrcy.errors import CodecNotAvailableError, MetadataError
from zarrcy.indexing.chunk_shapes import MAX_NDIM
from zarrcy.metadata.array_metadata import ArrayMetadata, ChunkKeys
from zarrcy.metadata.v2.dtypes import decode_dtype, encode_dtype, encode_fill_value, fill_value_of
from zarrcy.storage import access
from zarrcy.storage.json_reader import parse_json
from zarrcy.types import JSON, AnyDtype, Buffer, Codec, Key, Shape, Store

if TYPE_CHECKING:
    from zarrcy.metadata.json_writer import Style

ZARR_FORMAT = 2
ARRAY_KEY = ".zarray"
GROUP_KEY = ".zgroup"
ATTRS_KEY = ".zattrs"
CONSOLIDATED_KEY = ".zmetadata"
DOCUMENTS_OF_NODES = (ARRAY_KEY, GROUP_KEY, ATTRS_KEY)
DOCUMENTS: tuple[str, ...] = (*DOCUMENTS_OF_NODES, CONSOLIDATED_KEY)
KEY_OF_KIND = {"array": ARRAY_KEY, "group": GROUP_KEY}

_PACK = Pack()
# Shapes and chunks have lengths below this, in elements or bytes.
_LENGTH_LIMIT = 2**62
_REQUIRED = frozenset({"chunks", "dtype", "shape", "zarr_format"})


# -- keys --------------------------------------------------------------------------------------------


def document_key(prefix: str, kind: str) -> Key:
    """Return the key of the document of an array or a group."""
    return prefix + KEY_OF_KIND[kind]


def documents_at(prefix: str) -> list[Key]:
    """Return the keys of all documents that a node may have."""
    return [prefix + name for name in DOCUMENTS]


def prefix_of_document(key: Key) -> str | None:
    """Return the prefix of the node whose document has a key; None if it is not the key of a document."""
    above, slash, name = key.rpartition("/")
    return above + slash if name in DOCUMENTS_OF_NODES else None


def attributes_key(store: Store, prefix: str) -> Key:
    """Return the key of the document that holds the attributes of a node."""
    return prefix + ATTRS_KEY


def storage_prefixes(path: str) -> tuple[list[str], list[Key]]:
    """Return the folders of a node and all nodes below it, and the keys outside of them."""
    return [path], []


@lru_cache
def chunk_keys(separator: str, stated: bool) -> ChunkKeys:
    """Return the chunk keys of an array; `stated` means that its document has a ``dimension_separator``."""
    return ChunkKeys(lead="", separator=separator, scalar="0", stated=stated)


# -- parsing -----------------------------------------------------------------------------------------


def load_attributes(store: Store, prefix: str) -> dict[str, JSON]:
    """Load the attributes of a node."""
    document = access.document(store, prefix + ATTRS_KEY)
    return {} if document is None else dict(parse_json(document, prefix + ATTRS_KEY))


def check_group(document: Buffer, key: Key) -> None:
    """Raise an error if a ``.zgroup`` document is malformed.

    Raises
    ------
    MetadataError
        If it is.
    """
    if parse_json(document, key).get("zarr_format") != ZARR_FORMAT:
        raise MetadataError(key, f"'zarr_format' is not {ZARR_FORMAT}")


def parse_array(document: Buffer, key: Key, default_separator: str = ".") -> ArrayMetadata:
    """Parse a ``.zarray`` document.

    Parameters
    ----------
    document : Buffer
        The bytes of the document, or its parsed JSON from consolidated metadata.
    key : Key
        Key of the document, for error messages.
    default_separator : str
        Separator of chunk coordinates if the document does not state one.

    Raises
    ------
    MetadataError
        If the document is malformed.
    CodecNotAvailableError
        If it names a codec that is not installed.
    """
    members = _parse_cache.get((document, default_separator)) if type(document) is bytes else None
    if members is None:
        members = _parse_zarray(document, key, default_separator)
        if type(document) is bytes and len(document) <= _MAX_CACHED_NBYTES:
            if len(_parse_cache) >= _MAX_CACHED:
                _parse_cache.clear()
            _parse_cache[document, default_separator] = members
    filters = [codec_of(config, key) for config in members.filters]
    try:
        object_codec = filters[0].codec_id if filters else ""
        fill_value = fill_value_of(members.fill_value, members.dtype, object_codec)
    except (ValueError, TypeError, OverflowError) as exc:
        raise MetadataError(key, str(exc)) from exc
    compressor = None if members.compressor is None else codec_of(members.compressor, key)
    # by position: keywords add 2 % to the instructions of opening an array
    return ArrayMetadata(
        members.shape,
        members.chunk_shape,
        members.dtype,
        fill_value,
        stages_of(members.order, filters, compressor, len(members.shape)),
        members.chunk_keys,
        members.members,
    )


class _NotASCII(dict[str, JSON]):
    """The members of a document that is not ASCII."""


class ParsedZarray(NamedTuple):
    """Validated members of a ``.zarray`` document, except codecs and fill value, which each array gets of its own."""

    shape: Shape
    chunk_shape: Shape
    dtype: AnyDtype
    fill_value: JSON
    order: str
    filters: list[JSON]
    compressor: JSON
    chunk_keys: ChunkKeys
    members: dict[str, JSON]


# Many arrays have equal documents, and a program may open one array many times.
_parse_cache: dict[tuple[bytes, str], ParsedZarray] = {}
_MAX_CACHED = 512
_MAX_CACHED_NBYTES = 4096


def _parse_zarray(document: Buffer, key: Key, default_separator: str) -> ParsedZarray:
    members = parse_json(document, key)
    if not _REQUIRED.issubset(members):
        missing = sorted(_REQUIRED.difference(members))
        raise MetadataError(key, f"it lacks {', '.join(map(repr, missing))}")
    if members["zarr_format"] != ZARR_FORMAT:
        raise MetadataError(key, f"'zarr_format' is {members['zarr_format']!r}, not {ZARR_FORMAT}")
    shape = _parse_lengths(members["shape"], "shape", key)
    chunk_shape = _parse_lengths(members["chunks"], "chunks", key)
    if len(shape) != len(chunk_shape):
        raise MetadataError(key, f"'shape' {shape} and 'chunks' {chunk_shape} differ in length")
    if 0 in chunk_shape and any(n == 0 and length for n, length in zip(chunk_shape, shape, strict=True)):
        raise MetadataError(
            key,
            f"'chunks' is {list(chunk_shape)}; it must be at least 1 along each axis that has elements",
        )
    order = members.get("order", "C")
    if order not in ("C", "F"):
        raise MetadataError(key, f"'order' is {order!r}; it must be 'C' or 'F'")
    stated = members.get("dimension_separator")
    separator = default_separator if stated is None else stated
    if separator not in (".", "/"):
        raise MetadataError(key, f"'dimension_separator' is {separator!r}; it must be '.' or '/'")
    filters = members.get("filters") or []
    if not isinstance(filters, list):
        raise MetadataError(key, f"'filters' is {filters!r}; it must be a list or null")
    if filters:
        _check_number(filters, key)
    try:
        dtype = _parse_dtype(members["dtype"])
    except (ValueError, TypeError, OverflowError) as exc:
        raise MetadataError(key, str(exc)) from exc
    if math.prod(chunk_shape) * dtype.itemsize >= _LENGTH_LIMIT:
        raise MetadataError(key, f"'chunks' is {list(chunk_shape)}; a chunk must have fewer than 2**62 bytes")
    filters, itemsize = checked_filters(filters, dtype, key)
    compressor = members.get("compressor")
    if compressor is not None:
        compressor = _checked_codec(key, "compressor", compressor, itemsize)
    return ParsedZarray(
        shape=shape,
        # chunks may have length 0 along an axis without elements
        chunk_shape=tuple([n or 1 for n in chunk_shape]),
        dtype=dtype,
        fill_value=members.get("fill_value"),
        order=order,
        filters=filters,
        compressor=compressor,
        chunk_keys=chunk_keys(separator, stated is not None),
        members=_NotASCII(members) if isinstance(document, bytes) and not document.isascii() else members,
    )


def _parse_dtype(value: JSON) -> AnyDtype:
    return _parse_typestring(value) if type(value) is str else decode_dtype(value)


_parse_typestring = lru_cache(decode_dtype)


def _parse_lengths(value: JSON, member: str, key: Key) -> Shape:
    if type(value) is int:
        value = [value]
    if not isinstance(value, list):
        raise MetadataError(key, f"{member!r} is {value!r}; it must be a list")
    if any(type(n) is float for n in value):
        # writers with one type of numbers
        value = [int(n) if type(n) is float and n.is_integer() else n for n in value]
    for n in value:
        if type(n) is not int or not 0 <= n < _LENGTH_LIMIT:
            raise MetadataError(
                key, f"{member!r} is {value!r}; each length must be a whole number from 0 to 2**62 - 1"
            )
    if len(value) > MAX_NDIM:
        raise MetadataError(key, f"{member!r} has {len(value)} axes; an array has at most {MAX_NDIM}")
    return tuple(value)


def checked_filters(configs: list[JSON], dtype: AnyDtype, key: Key) -> tuple[list[JSON], int]:
    """Return the configurations of filters with valid parameters, and the size of the elements after them in bytes.

    Raises
    ------
    MetadataError
        If a parameter is not valid.
    """
    if not configs:
        return configs, dtype.itemsize
    from zarrcy.metadata.codec_parameters import stored_itemsize  # most arrays have no filters

    itemsize = dtype.itemsize
    checked: list[JSON] = []
    for i, config in enumerate(configs):
        checked.append(_checked_codec(key, f"filters[{i}]", config, itemsize))
        itemsize = stored_itemsize(checked[-1], itemsize)
    return checked, itemsize


def _check_number(filters: list[JSON], key: Key) -> None:
    from zarrcy.metadata.json_member import MAX_CODECS

    if len(filters) > MAX_CODECS:
        raise MetadataError(key, f"'filters' has {len(filters)} items; an array has at most {MAX_CODECS}")


def _checked_codec(key: Key, place: str, config: JSON, itemsize: int) -> dict[str, JSON]:
    if not isinstance(config, dict) or not isinstance(config.get("id"), str):
        raise MetadataError(
            key,
            f"{config!r} is not the configuration of a codec; it must be an object with an 'id'",
        )
    whole = complete(config)
    if whole is not None and not is_replaced(whole["id"]):
        return whole
    # most arrays have a codec of the kernels
    from zarrcy.metadata.codec_parameters import numcodecs_config
    from zarrcy.metadata.json_member import Member

    return numcodecs_config(Member(key, place, config), itemsize)


def codec_of(config: dict[str, JSON], key: Key) -> Codec:
    """Return the codec that a document configures.

    Raises
    ------
    MetadataError
        If the configuration is malformed.
    CodecNotAvailableError
        If the codec is not installed.
    """
    try:
        return get_codec(config)
    except Exception as exc:
        import numcodecs

        if config["id"] not in numcodecs.registry.codec_registry:
            raise CodecNotAvailableError(key, config["id"]) from exc
        raise MetadataError(
            key, f"the codec {config['id']!r} does not accept the configuration {config!r} ({exc})"
        ) from exc


def stages_of(order: str, filters: list[Codec], compressor: Codec | None, ndim: int) -> tuple[Stage, ...]:
    """Return the pipeline of an array with an order, filters and a compressor."""
    stages: list[Stage] = []
    if order == "F" and ndim > 1:
        stages.append(Transpose(tuple(range(ndim))[::-1]))
    elif order == "F":
        # with one axis, order F changes nothing, but documents must go on to state it
        stages.append(Transpose(tuple(range(ndim))))
    if filters:
        stages.extend(map(Filter, filters))
    stages.append(_PACK)
    if compressor is not None:
        stages.append(Compressor(compressor))
    return tuple(stages)


# -- writing -----------------------------------------------------------------------------------------


def as_stored(array: ArrayMetadata, document: bytes, key: Key, default_separator: str = ".") -> ArrayMetadata:
    """Return the metadata of a new array as a reader parses them from its document."""
    return parse_array(document, key, default_separator)


def array_documents(
    prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
) -> dict[Key, bytes]:
    """Return the documents of an array by their keys."""
    from zarrcy.metadata.json_writer import ASCII_STYLE, dump_json  # reading does not need it

    key = prefix + ARRAY_KEY
    stated = description.extra_fields
    document = (
        dump_json(_members_changed_since(stated, description), key, _style_of(stated))
        if stated
        else dump_json(_members_of(description), key, ASCII_STYLE)
    )
    return _with_attributes({key: document}, prefix, attributes)


def _style_of(stated: Mapping[str, JSON]) -> Style:
    from zarrcy.metadata.json_writer import UNSORTED_STYLE

    return UNSORTED_STYLE._replace(is_ascii=not isinstance(stated, _NotASCII))


def _members_changed_since(stated: Mapping[str, JSON], description: ArrayMetadata) -> dict[str, JSON]:
    """Return the members of a document that was read, in its order and spelling except those that changed since."""
    changed: dict[str, JSON] = {}
    if _parse_lengths(stated["shape"], "shape", ARRAY_KEY) != description.shape:
        changed["shape"] = list(description.shape)
        if 0 in _parse_lengths(stated["chunks"], "chunks", ARRAY_KEY):
            # only an axis without elements may have chunks of length 0
            changed["chunks"] = list(description.chunk_shape)
    codec = next((stage.name for stage in description.stages if isinstance(stage, Filter)), "")
    before = fill_value_of(stated.get("fill_value"), description.dtype, codec)
    fill_value = encode_fill_value(description.fill_value, description.dtype)
    if repr(encode_fill_value(before, description.dtype)) != repr(fill_value):
        changed["fill_value"] = fill_value
    return {**stated, **changed}


def _members_of(description: ArrayMetadata) -> dict[str, JSON]:
    """Return the members of the document of a new array."""
    filters = [stage.codec for stage in description.stages if isinstance(stage, Filter)]
    compressors = [stage.configured for stage in description.stages if isinstance(stage, Compressor)]
    members: dict[str, JSON] = {
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
    return members


def config_of(codec: Codec) -> dict[str, JSON]:
    """Return the configuration of a codec in the form that documents have."""
    config = dict(codec.get_config())
    if config.get("id") == "zstd" and not config.get("checksum", True):
        # other readers refuse the member, and it is the default
        del config["checksum"]
    return config


def codecs_of(description: ArrayMetadata) -> list[JSON]:
    """Return the configurations of the codecs, in the order of encoding."""
    return [
        config_of(stage.configured) for stage in description.stages if isinstance(stage, (Filter, Compressor))
    ]


def save_array(
    store: Store, prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
) -> None:
    """Save the documents of an array. Without `attributes`, the stored ones are kept."""
    for key, document in array_documents(prefix, description, attributes).items():
        store[key] = document


def save_attributes(
    store: Store, prefix: str, attributes: Mapping[str, JSON], before: Mapping[str, JSON] | None = None
) -> None:
    """Save the attributes of a node. The names are sorted unless those `before` are not."""
    store[prefix + ATTRS_KEY] = attributes_document(prefix + ATTRS_KEY, attributes, before)


def attributes_document(
    key: Key, attributes: Mapping[str, JSON], before: Mapping[str, JSON] | None = None
) -> bytes:
    """Return the document of attributes that is stored at a key; see `save_attributes`."""
    from zarrcy.metadata.json_writer import UNSORTED_STYLE, V2_STYLE, dump_json, sorts_names

    style = V2_STYLE if not before or sorts_names(before) else UNSORTED_STYLE
    return dump_json(dict(attributes), key, style)


def group_documents(prefix: str, attributes: Mapping[str, JSON] | None = None) -> dict[Key, bytes]:
    """Return the documents of a new group by their keys."""
    from zarrcy.metadata.json_writer import dump_json

    documents = {prefix + GROUP_KEY: dump_json({"zarr_format": ZARR_FORMAT})}
    return _with_attributes(documents, prefix, attributes)


def parent_documents(prefix: str) -> dict[Key, bytes]:
    """Return the documents of a group above a new node: those of any group."""
    return group_documents(prefix)


def _with_attributes(
    documents: dict[Key, bytes], prefix: str, attributes: Mapping[str, JSON] | None
) -> dict[Key, bytes]:
    if not attributes:
        return documents
    from zarrcy.metadata.json_writer import dump_json

    return documents | {prefix + ATTRS_KEY: dump_json(dict(attributes), prefix + ATTRS_KEY)}


def prepare(store: Store) -> None:
    """Do nothing: a store needs no documents before its first node."""
