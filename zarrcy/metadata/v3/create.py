"""The metadata of new arrays in Zarr v3, from the arguments of `zarrcy.create`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from zarrcy import _kernels
from zarrcy.codecs import Filter, as_codec
from zarrcy.codecs.configured import DEFAULT, get_codec
from zarrcy.codecs.typed_blosc import blosc_shuffle
from zarrcy.errors import MetadataError
from zarrcy.indexing.chunk_shapes import normalize_chunks, normalize_shards
from zarrcy.metadata.array_metadata import ArrayMetadata
from zarrcy.metadata.array_spec import ArraySpec, CodecLike
from zarrcy.metadata.codec_trial import check_codecs
from zarrcy.metadata.json_member import Member
from zarrcy.metadata.json_writer import as_json
from zarrcy.metadata.v3 import fill_values
from zarrcy.metadata.v3.array_document import data_type_of, parse_members, parse_plain
from zarrcy.metadata.v3.codecs import (
    BYTES,
    CNAMES,
    OF_OBJECTS,
    PACK,
    PREFIX,
    SHUFFLES,
    ChunkSpec,
    in_order_of_documents,
    is_only_of_numcodecs,
    parse_codec,
)
from zarrcy.metadata.v3.data_types import DataType, dtype_to_json, has_byte_order, packed
from zarrcy.metadata.v3.document import KEY, ZARR_FORMAT
from zarrcy.types import JSON, Codec, Elements, Shape

VARIABLE = {"vlen-utf8": "string", "vlen-bytes": "bytes"}
_CHECKSUM: JSON = {"name": "crc32c"}
_INDEX_CODECS: list[JSON] = [{"name": "bytes", "configuration": {"endian": "little"}}, _CHECKSUM]
# Arguments of `zarrcy.create` that choose the codecs, or on which codecs depend.
_CODEC_ARGUMENTS = {
    "chunks",
    "codecs",
    "compression",
    "compressor",
    "dtype",
    "filters",
    "object_codec",
    "order",
    "shards",
}


def describe_array(request: ArraySpec) -> ArrayMetadata:
    """Return the metadata of a new array, as a reader parses them.

    Raises
    ------
    ValueError
        If v3 cannot describe the array.
    """
    try:
        document = _document(request)
        if not _kernels.json_write.is_json(document):
            # errors name the values as the user stated them
            parse_members(Member(KEY, "", document))
            document = as_json(document)
        description = parse_plain(Member(KEY, "", document))
    except MetadataError as exc:
        raise ValueError(f"Zarr v3 can't describe this array: {exc.problem}") from exc
    check_codecs(description)
    return description


def _document(request: ArraySpec) -> dict[str, JSON]:
    """Return the document of a new array.

    Raises
    ------
    ValueError
        If v3 cannot describe the array.
    """
    filters = [as_codec(codec) for codec in request.filters or ()]
    kind = _data_type(request, filters)
    data_type = dtype_to_json(kind.dtype, kind.variable)
    codecs = _codecs(request, kind, filters)
    if request.checksum and codecs[-1] != _CHECKSUM:
        codecs.append(_CHECKSUM)
    chunk_shape = request.chunk_shape
    shards = normalize_shards(request.shards, request.shape, request.dtype.itemsize, chunk_shape)
    if shards is not None:
        codecs = [_shard(chunk_shape, codecs)]
        chunk_shape = shards
    document = {
        "zarr_format": ZARR_FORMAT,
        "node_type": "array",
        "shape": list(request.shape),
        "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk_shape)}},
        "chunk_key_encoding": _chunk_keys(request),
        "fill_value": fill_values.to_json(fill_values.normalize(request.fill_value, kind), kind, data_type),
        "codecs": codecs,
        "attributes": {},
    }
    if request.dimension_names is not None:
        document["dimension_names"] = list(request.dimension_names)
    return document


def _data_type(request: ArraySpec, filters: list[Codec]) -> DataType:
    """Return the data type. That of objects follows from the object codec, which is removed from `filters`."""
    if not request.dtype.hasobject:
        return DataType(packed(request.dtype))
    codec = None if request.object_codec is None else as_codec(request.object_codec)
    if codec is None and filters:
        codec = filters.pop(0)
    name = getattr(codec, "codec_id", None)
    if request.dtype.kind != "O" or name not in VARIABLE:
        raise ValueError(
            f"Zarr v3 does not have a data type for Python objects (data type {request.dtype}, object codec {name!r}); "
            "give dtype=str for text, dtype=bytes for bytes of any length, or zarr_format=2"
        )
    return DataType(request.dtype, VARIABLE[name])


def _shard(chunk_shape: Shape, codecs: list[JSON]) -> JSON:
    return {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": list(chunk_shape),
            "codecs": codecs,
            "index_codecs": _INDEX_CODECS,
            "index_location": "end",
        },
    }


def _chunk_keys(request: ArraySpec) -> JSON:
    encoding, separator = request.chunk_key_encoding, request.dimension_separator
    if encoding is None:
        encoding = "default"
    if isinstance(encoding, str):
        default = "." if encoding == "v2" else "/"
        return {"name": encoding, "configuration": {"separator": separator or default}}
    if separator is not None:
        raise ValueError("chunk_key_encoding states the separator; leave out dimension_separator")
    return dict(encoding) if isinstance(encoding, Mapping) else encoding


# -- arrays like another -----------------------------------------------------------------------------


def create_kwargs_like(description: ArrayMetadata, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the format-specific arguments of `zarrcy.create` for an array like another.

    Parameters
    ----------
    description : ArrayMetadata
        The other array.
    asked : Mapping
        The arguments in which the new array differs.
    """
    members = description.extra_fields
    encoding = members["chunk_key_encoding"]
    if "dimension_separator" in asked:
        encoding = encoding["name"] if isinstance(encoding, Mapping) else encoding
    kwargs: dict[str, Any] = {
        "chunk_key_encoding": encoding,
        "dimension_names": description.dimension_names,
    }
    if _CODEC_ARGUMENTS.isdisjoint(asked):
        codec = next((stage.codec for stage in description.chunk_stages if isinstance(stage, Filter)), None)
        return kwargs | {
            "chunks": description.chunk_shape,
            "codecs": members.get("codecs", []),
            "compressor": "default",
            "filters": None,
            "object_codec": codec if description.dtype.hasobject else None,
            "order": "C",
        }
    shards, chunks = description.shards, asked.get("chunks", description.chunks)
    if shards is not None:
        chunks = normalize_chunks(chunks, description.shape, description.dtype.itemsize)
        # chunks of other lengths may not divide the shards
        fit = not any(n % m for n, m in zip(shards, chunks, strict=True))
        kwargs["shards"] = shards if fit else None
    return kwargs


def apply_conventions(
    description: ArrayMetadata, attributes: Mapping[str, JSON]
) -> tuple[ArrayMetadata, dict[str, JSON]]:
    """Return the metadata and attributes of an array of another format, as xarray spells them in this one."""
    from zarrcy.metadata.xarray_convention import to_v3

    return to_v3(description, attributes)


def normalize_fill_value(description: ArrayMetadata, value: Elements) -> Elements:
    """Return a user's fill value as a scalar of the array's data type."""
    return fill_values.normalize(value, data_type_of(description))


# -- codecs ----------------------------------------------------------------------------------------


def _codecs(request: ArraySpec, kind: DataType, filters: list[Codec]) -> list[JSON]:
    spec = ChunkSpec(request.chunk_shape, kind)
    if request.codecs is not None:
        if (
            filters
            or not (request.compressor is None or request.compressor == "default")
            or request.order != "C"
        ):
            raise ValueError("codecs replace filters, compressor and order; leave these out")
        return codecs_to_json(list(request.codecs), spec)
    order = request.order.upper() if isinstance(request.order, str) else request.order
    if order not in ("C", "F"):
        raise ValueError(f"order is {request.order!r}; it must be 'C' or 'F'")
    codecs: list[CodecLike] = []
    if order == "F" and len(request.shape) > 1:
        axes = list(range(len(request.shape)))[::-1]
        codecs.append({"name": "transpose", "configuration": {"order": axes}})
    # as in zarr-python 2, the single element of an array without axes is not compressed
    default = get_codec(DEFAULT) if request.shape else None
    compressor = default if request.compressor == "default" else request.compressor
    codecs.extend(filters)
    if compressor is not None:
        codecs.append(as_codec(compressor))
    return codecs_to_json(codecs, spec)


def codecs_to_json(codecs: Sequence[CodecLike], spec: ChunkSpec) -> list[JSON]:
    """Return codecs in the form of v3 documents; insert the codec array -> bytes if it is missing."""
    documents: list[JSON] = []
    is_bytes = False
    for i, codec in enumerate(codecs):
        document = codec_to_json(codec, spec)
        parsed = parse_codec(Member(KEY, f"codecs[{i}]", document), spec, is_bytes)
        if parsed is not None:
            if parsed.kind == BYTES and not is_bytes:
                documents.append(_default_pack(spec.kind))
                is_bytes = True
            is_bytes = is_bytes or parsed.kind == PACK
            spec = parsed.output
        documents.append(document)
    return documents if is_bytes else [*documents, _default_pack(spec.kind)]


def _default_pack(kind: DataType) -> JSON:
    """Return the default codec array -> bytes of a data type."""
    if kind.variable:
        return {"name": {"string": "vlen-utf8", "bytes": "vlen-bytes"}[kind.variable], "configuration": {}}
    if has_byte_order(kind.dtype):
        return {"name": "bytes", "configuration": {"endian": "little"}}
    return {"name": "bytes"}


def codec_to_json(codec: CodecLike, spec: ChunkSpec) -> JSON:
    """Return a codec in the form of v3 documents.

    Raises
    ------
    ValueError
        If v3 does not have such a codec.

    >>> import numpy as np
    >>> codec_to_json({"id": "gzip", "level": 3}, ChunkSpec((4,), DataType(np.dtype("i4"))))
    {'name': 'gzip', 'configuration': {'level': 3}}
    """
    if isinstance(codec, str):
        return _with_defaults({"name": codec}, spec)
    if isinstance(codec, Mapping) and "id" not in codec:
        return _with_defaults(dict(codec), spec)
    codec = as_codec(dict(codec) if isinstance(codec, Mapping) else codec)
    config = dict(codec.get_config())
    name = str(config.pop("id", codec.codec_id))
    config = in_order_of_documents(config, name, sys.byteorder)
    if name == "blosc":
        return {
            "name": "blosc",
            "configuration": _blosc(config, spec.dtype.itemsize if not spec.kind.variable else 1),
        }
    if name == "gzip":
        return {"name": "gzip", "configuration": {"level": config["level"]}}
    if name == "zstd":
        return {
            "name": "zstd",
            "configuration": {"level": config["level"], "checksum": bool(config.get("checksum", False))},
        }
    if name == "crc32c" and config.get("location", "end") == "end":
        return {"name": "crc32c"}
    if name in VARIABLE:
        return {"name": name, "configuration": {}}
    if name in OF_OBJECTS:
        raise ValueError(
            f"the codec {name!r} encodes Python objects, for which Zarr v3 does not have a data type; give "
            "zarr_format=2, or dtype=str or bytes"
        )
    return {"name": f"{PREFIX}{name}", "configuration": config}


def _with_defaults(codec: dict[str, JSON], spec: ChunkSpec) -> JSON:
    """Return a codec of v3 with the default of each missing member that readers expect."""
    name, config = codec.get("name"), codec.get("configuration") or {}
    if not isinstance(name, str) or not isinstance(config, Mapping):
        return codec
    if name == "bytes" and not config and not spec.kind.variable:
        return _default_pack(spec.kind)
    itemsize = 1 if spec.kind.variable else spec.dtype.itemsize
    shuffle = "shuffle" if itemsize > 1 else "noshuffle"
    defaults: dict[str, JSON] = {
        "blosc": {"typesize": itemsize, "cname": "lz4", "clevel": 5, "shuffle": shuffle, "blocksize": 0},
        "zstd": {"level": 0, "checksum": False},
        "gzip": {"level": 1},
        "vlen-utf8": {},
        "vlen-bytes": {},
    }
    if name in defaults:
        return {**codec, "configuration": {**defaults[name], **config}}
    if is_only_of_numcodecs(name):
        name = f"{PREFIX}{name}"
    return {**codec, "name": name, "configuration": dict(config)} if name.startswith(PREFIX) else codec


def _blosc(config: dict[str, JSON], itemsize: int) -> JSON:
    typesize = config.get("typesize") or itemsize
    shuffle = config["shuffle"]
    if shuffle == -1:
        shuffle = blosc_shuffle(typesize)
    if shuffle == 1 and typesize == 1:
        # a shuffle does not change single bytes, but takes time to decode
        shuffle = 0
    cname = str(config["cname"])
    if cname not in CNAMES:
        raise ValueError(f"Blosc's cname is {cname!r}; it must be one of {', '.join(map(repr, CNAMES))}")
    return {
        "typesize": typesize,
        "cname": cname,
        "clevel": config["clevel"],
        "shuffle": SHUFFLES[shuffle],
        "blocksize": config["blocksize"],
    }
