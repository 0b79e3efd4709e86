"""The words of `zarrcy.create` <-> the document of an array in Zarr v3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numcodecs

from zarrcy.codecs import Filter, as_codec
from zarrcy.codecs.typed_blosc import blosc_shuffle
from zarrcy.indexing.chunk_shapes import normalize_chunks, normalize_shards
from zarrcy.metadata.array_metadata import ArrayMetadata
from zarrcy.metadata.array_spec import ArraySpec
from zarrcy.metadata.json_member import Member
from zarrcy.metadata.v3 import fill_values
from zarrcy.metadata.v3.codecs import (
    BYTES,
    CNAMES,
    OF_OBJECTS,
    PACK,
    PREFIX,
    SHUFFLES,
    ChunkSpec,
    is_only_of_numcodecs,
    parse_codec,
)
from zarrcy.metadata.v3.data_types import DataType, dtype_to_json, has_byte_order, packed
from zarrcy.types import JSON, Shape

VARIABLE = {"vlen-utf8": "string", "vlen-bytes": "bytes"}
_KEY = "zarr.json"
_CHECKSUM: JSON = {"name": "crc32c"}
_INDEX_CODECS: list[JSON] = [{"name": "bytes", "configuration": {"endian": "little"}}, _CHECKSUM]
# Words on which the codecs depend, or that are codecs.
_OF_CHUNKS = {
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


def to_document(request: ArraySpec) -> dict[str, JSON]:
    """Return the document of a new array.

    Raises
    ------
    ValueError : v3 has no words for what is asked
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
        "zarr_format": 3,
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


def _data_type(request: ArraySpec, filters: list[Any]) -> DataType:
    """Return the data type; a codec of objects says which they are, and is taken from the filters."""
    if not request.dtype.hasobject:
        return DataType(packed(request.dtype))
    codec = None if request.object_codec is None else as_codec(request.object_codec)
    if codec is None and filters:
        codec = filters.pop(0)
    name = getattr(codec, "codec_id", None)
    if request.dtype.kind != "O" or name not in VARIABLE:
        raise ValueError(
            f"Zarr v3 has no data type for Python objects (data type {request.dtype}, object codec {name!r}); give "
            "dtype=str for text, dtype=bytes for bytes of any length, or zarr_format=2"
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
        raise ValueError("the separator is in chunk_key_encoding; leave out dimension_separator")
    return dict(encoding) if isinstance(encoding, Mapping) else encoding


# -- and back --------------------------------------------------------------------------------------


def create_kwargs_like(description: ArrayMetadata, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words that make an array like another, beyond those that all formats have.

    Parameters
    ----------
    description : of the other array
    asked : the words in which the new one shall differ
    """
    kept = description.extra_fields
    encoding = kept["chunk_key_encoding"]
    if "dimension_separator" in asked:
        encoding = encoding["name"] if isinstance(encoding, Mapping) else encoding
    words: dict[str, Any] = {
        "chunk_key_encoding": encoding,
        "dimension_names": description.dimension_names,
    }
    if _OF_CHUNKS.isdisjoint(asked):
        codec = next((stage.codec for stage in description.chunk_stages if isinstance(stage, Filter)), None)
        return words | {
            "chunks": description.chunk_shape,
            "codecs": kept["codecs"],
            "compressor": "default",
            "filters": None,
            "object_codec": codec if description.dtype.hasobject else None,
            "order": "C",
        }
    shards, chunks = description.shards, asked.get("chunks", description.chunks)
    if shards is not None:
        chunks = normalize_chunks(chunks, description.shape, description.dtype.itemsize)
        # chunks of other lengths may not fit into them
        fit = not any(n % m for n, m in zip(shards, chunks, strict=True))
        words["shards"] = shards if fit else None
    return words


# -- codecs ----------------------------------------------------------------------------------------


def _codecs(request: ArraySpec, kind: DataType, filters: list[Any]) -> list[JSON]:
    given = ChunkSpec(request.chunk_shape, kind)
    if request.codecs is not None:
        if (
            filters
            or not (request.compressor is None or request.compressor == "default")
            or request.order != "C"
        ):
            raise ValueError(
                "codecs are all that is done to a chunk: leave out filters, compressor and order"
            )
        return codecs_to_json(list(request.codecs), given)
    order = request.order.upper() if isinstance(request.order, str) else request.order
    if order not in ("C", "F"):
        raise ValueError(f"order is {request.order!r}; it must be 'C' or 'F'")
    words: list[Any] = []
    if order == "F" and len(request.shape) > 1:
        axes = list(range(len(request.shape)))[::-1]
        words.append({"name": "transpose", "configuration": {"order": axes}})
    # zarr-python 2 does not compress the one element of an array without axes, and nothing would be gained
    default = numcodecs.Blosc() if request.shape else None
    compressor = default if request.compressor == "default" else request.compressor
    words.extend(filters)
    if compressor is not None:
        words.append(as_codec(compressor))
    return codecs_to_json(words, given)


def codecs_to_json(words: list[Any], given: ChunkSpec) -> list[JSON]:
    """Return codecs as v3 spells them, and put the one that makes bytes of arrays where it is missing."""
    codecs: list[JSON] = []
    packed_ = False
    for i, word in enumerate(words):
        spelled = codec_to_json(word, given)
        step = parse_codec(Member(_KEY, f"codecs[{i}]", spelled), given, packed_)
        if step is not None:
            if step.kind == BYTES and not packed_:
                codecs.append(pack_of(given.kind))
                packed_ = True
            packed_ = packed_ or step.kind == PACK
            given = step.given
        codecs.append(spelled)
    return codecs if packed_ else [*codecs, pack_of(given.kind)]


def pack_of(kind: DataType) -> JSON:
    """Return the codec that makes bytes of elements, where nobody chose one."""
    if kind.variable:
        return {"name": {"string": "vlen-utf8", "bytes": "vlen-bytes"}[kind.variable], "configuration": {}}
    if has_byte_order(kind.dtype):
        return {"name": "bytes", "configuration": {"endian": "little"}}
    return {"name": "bytes"}


def codec_to_json(word: Any, given: ChunkSpec) -> JSON:
    """Return a codec as v3 spells it: a name or an object of v3, or a codec of numcodecs or its configuration.

    Raises
    ------
    ValueError : v3 has no word for it

    >>> import numpy as np
    >>> codec_to_json({"id": "gzip", "level": 3}, ChunkSpec((4,), DataType(np.dtype("i4"))))
    {'name': 'gzip', 'configuration': {'level': 3}}
    """
    if isinstance(word, str):
        return _completed({"name": word}, given)
    if isinstance(word, Mapping) and "id" not in word:
        return _completed(dict(word), given)
    codec = as_codec(dict(word) if isinstance(word, Mapping) else word)
    config = dict(codec.get_config())
    name = str(config.pop("id", codec.codec_id))
    if name == "blosc":
        return {
            "name": "blosc",
            "configuration": _blosc(config, given.dtype.itemsize if not given.kind.variable else 1),
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
            f"the codec {name!r} makes bytes of Python objects, for which Zarr v3 has no data type; give "
            "zarr_format=2, or dtype=str or bytes"
        )
    return {"name": f"{PREFIX}{name}", "configuration": config}


def _completed(word: dict[str, JSON], given: ChunkSpec) -> JSON:
    """Return a codec of v3 with all that readers expect in its configuration."""
    name, config = word.get("name"), word.get("configuration") or {}
    if not isinstance(name, str) or not isinstance(config, Mapping):
        return word
    if name == "bytes" and not config and not given.kind.variable:
        return pack_of(given.kind)
    itemsize = 1 if given.kind.variable else given.dtype.itemsize
    shuffle = "shuffle" if itemsize > 1 else "noshuffle"
    defaults: dict[str, JSON] = {
        "blosc": {"typesize": itemsize, "cname": "lz4", "clevel": 5, "shuffle": shuffle, "blocksize": 0},
        "zstd": {"level": 0, "checksum": False},
        "gzip": {"level": 1},
        "vlen-utf8": {},
        "vlen-bytes": {},
    }
    if name in defaults:
        return {**word, "configuration": {**defaults[name], **config}}
    if is_only_of_numcodecs(name):
        name = f"{PREFIX}{name}"
    return {**word, "name": name, "configuration": dict(config)} if name.startswith(PREFIX) else word


def _blosc(config: dict[str, Any], itemsize: int) -> JSON:
    typesize = config.get("typesize") or itemsize
    shuffle = config["shuffle"]
    if shuffle == -1:
        shuffle = blosc_shuffle(typesize)
    if shuffle == 1 and typesize == 1:
        # no effect on single bytes, and slow to undo
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
