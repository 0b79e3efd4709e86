"""The metadata in Zarr v3 of an array of another format with the same stored chunks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from zarrcy.codecs import Compressor, Filter, Pack, Shard, Transpose
from zarrcy.errors import MetadataError
from zarrcy.metadata.array_metadata import ArrayMetadata, ChunkKeys
from zarrcy.metadata.array_spec import CodecLike
from zarrcy.metadata.json_member import Member
from zarrcy.metadata.v3 import fill_values
from zarrcy.metadata.v3.array_document import parse_members
from zarrcy.metadata.v3.codecs import ARRAY, BYTES, ChunkSpec, kind_of_numcodecs, stored_dtype_of
from zarrcy.metadata.v3.create import VARIABLE, codecs_to_json
from zarrcy.metadata.v3.data_types import DataType, dtype_to_json, has_byte_order, packed
from zarrcy.metadata.v3.document import KEY
from zarrcy.types import JSON, AnyDtype, Codec, Elements


def translate(description: ArrayMetadata) -> ArrayMetadata:
    """Return the metadata in v3 of an array of another format with the same stored chunks.

    Raises
    ------
    ValueError
        If the stored chunks would have to change.
    """
    try:
        return parse_members(Member(KEY, "", _document(description)))
    except MetadataError as exc:
        raise ValueError(exc.problem) from exc


def _document(description: ArrayMetadata) -> dict[str, JSON]:
    """Return the document of an array of another format.

    Raises
    ------
    ValueError
        If the stored chunks would have to change.
    """
    dtype = description.dtype
    filters = [stage.codec for stage in description.stages if isinstance(stage, Filter)]
    compressors = [stage.codec for stage in description.stages if isinstance(stage, Compressor)]
    if any(isinstance(stage, Shard) for stage in description.stages):
        raise ValueError("its chunks are in shards")
    if any(isinstance(stage, Compressor) and stage.makes_blocks for stage in description.stages):
        raise ValueError("its chunks are N5 blocks")
    codecs: list[CodecLike] = [
        {"name": "transpose", "configuration": {"order": list(stage.order)}}
        for stage in description.stages
        if isinstance(stage, Transpose) and stage.order != tuple(range(len(stage.order)))
    ]
    if dtype.hasobject:
        name = filters[0].codec_id if filters else None
        if dtype.kind != "O" or name not in VARIABLE:
            raise ValueError(
                f"the codec {name!r} encodes Python objects, for which it does not have a data type"
            )
        kind = DataType(dtype, VARIABLE[name])
        codecs += filters
    else:
        kind = DataType(packed(dtype))
        if dtype.newbyteorder("=") != kind.dtype:
            raise ValueError(f"there are gaps between the fields of {dtype}")
        stored = next((s.stored for s in description.stages if isinstance(s, Pack)), None) or dtype
        codecs += _filters_to_json(filters, stored)
    data_type = dtype_to_json(kind.dtype, kind.variable)
    document: dict[str, JSON] = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(description.shape),
        "data_type": data_type,
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": list(description.chunk_shape)},
        },
        "chunk_key_encoding": _chunk_keys_to_json(description.chunk_keys),
        "fill_value": fill_values.to_json(_fill_value(description, kind), kind, data_type),
        "codecs": codecs_to_json([*codecs, *compressors], ChunkSpec(description.chunk_shape, kind)),
        "attributes": {},
    }
    if description.dimension_names is not None:
        document["dimension_names"] = list(description.dimension_names)
    return document


def _chunk_keys_to_json(keys: ChunkKeys) -> JSON:
    names = {("", "0"): "v2", (f"c{keys.separator}", "c"): "default"}
    # chunks with another root get other keys anyway, so each encoding will do
    name = "default" if keys.root else names.get((keys.lead, keys.scalar))
    if name is None:
        raise ValueError(f"it does not have an encoding of chunk keys that begin with {keys.lead!r}")
    return {"name": name, "configuration": {"separator": keys.separator}}


def _fill_value(description: ArrayMetadata, kind: DataType) -> Elements:
    if description.fill_value_or_zero is None and not kind.variable:
        # missing chunks read as zero, whatever the default of this format is
        return np.zeros((), kind.dtype)[()]
    return fill_values.normalize(description.fill_value_or_zero, kind)


# -- filters ---------------------------------------------------------------------------------------


def _filters_to_json(filters: Sequence[Codec], stored: AnyDtype) -> list[CodecLike]:
    """Return filters as codecs of v3, with the codec "bytes" after those that see elements.

    In v3, filters see elements as they are in memory, so their configurations must state native byte orders. The
    byte order that the last of them leaves is that of the codec "bytes".

    Raises
    ------
    ValueError
        If readers would interpret the codecs differently.
    """
    kinds = [kind_of_numcodecs(codec.codec_id) for codec in filters]
    n = len(list(itertools.takewhile(lambda kind: kind != BYTES, kinds)))
    if any(kind != ARRAY for kind in kinds[:n]):
        raise ValueError(f"the codec {filters[n - 1].codec_id!r} turns arrays into bytes")
    codecs: list[CodecLike] = []
    for codec in filters[:n]:
        codecs.append(_with_native_order(codec.get_config()))
        stored = stored_dtype_of(codec) or stored
    packed_as = _bytes(stored)
    if n and packed_as.get("configuration") == {"endian": "big"}:
        # zarr-python 3 passes the output of the codec "bytes" to filters as if its byte order were native
        raise ValueError(
            "its filters leave big-endian elements, which other readers would read as little-endian"
        )
    return [*codecs, packed_as, *filters[n:]]


def _with_native_order(config: Mapping[str, JSON]) -> dict[str, JSON]:
    return {
        name: f"<{value[1:]}" if isinstance(value, str) and value[:1] == ">" else value
        for name, value in config.items()
    }


def _bytes(stored: AnyDtype) -> dict[str, JSON]:
    orders = set(_byte_orders(stored))
    if len(orders) > 1:
        raise ValueError(f"the fields of {stored} have different byte orders")
    if not orders:
        return {"name": "bytes"}
    return {"name": "bytes", "configuration": {"endian": "big" if orders == {">"} else "little"}}


def _byte_orders(dtype: AnyDtype) -> list[str]:
    """Return the byte orders of the parts of an element."""
    if dtype.fields is not None:
        return [order for field in dtype.fields.values() for order in _byte_orders(field[0])]
    return [dtype.base.str[0]] if has_byte_order(dtype) else []
