"""An array of another format -> the document of Zarr v3 that reads its stored chunks as they are."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zarrcy.codecs import Compressor, Filter, N5ChunkWrapper, Pack, Shard, Transpose
from zarrcy.metadata.array_metadata import ArrayMetadata, ChunkKeys
from zarrcy.metadata.v3 import fill_values
from zarrcy.metadata.v3.codecs import ARRAY, BYTES, ChunkSpec, kind_of_numcodecs, stored_dtype_of
from zarrcy.metadata.v3.create import VARIABLE, codecs_to_json
from zarrcy.metadata.v3.data_types import DataType, dtype_to_json, has_byte_order, packed
from zarrcy.types import JSON, AnyDtype


def translated(description: ArrayMetadata) -> dict[str, JSON]:
    """Return the document.

    Raises
    ------
    ValueError : there is none: the chunks would have to be written in another way
    """
    dtype = description.dtype
    filters = [stage.codec for stage in description.stages if isinstance(stage, Filter)]
    compressors = [stage.codec for stage in description.stages if isinstance(stage, Compressor)]
    if any(isinstance(stage, Shard) for stage in description.stages):
        raise ValueError("it is kept in shards")
    if any(isinstance(codec, N5ChunkWrapper) for codec in compressors):
        raise ValueError("its chunks are blocks of N5")
    words: list[Any] = [
        {"name": "transpose", "configuration": {"order": list(stage.order)}}
        for stage in description.stages
        if isinstance(stage, Transpose) and stage.order != tuple(range(len(stage.order)))
    ]
    if dtype.hasobject:
        name = filters[0].codec_id if filters else None
        if dtype.kind != "O" or name not in VARIABLE:
            raise ValueError(
                f"the codec {name!r} makes bytes of Python objects, for which it has no data type"
            )
        kind = DataType(dtype, VARIABLE[name])
        words += filters
    else:
        kind = DataType(packed(dtype))
        if dtype.newbyteorder("=") != kind.dtype:
            raise ValueError(f"there are gaps between the fields of {dtype}")
        stored = next((s.stored for s in description.stages if isinstance(s, Pack)), None) or dtype
        words += _spelled_filters(filters, stored)
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
        "chunk_key_encoding": _spelled_keys(description.chunk_keys),
        "fill_value": fill_values.to_json(_fill_value(description, kind), kind, data_type),
        "codecs": codecs_to_json([*words, *compressors], ChunkSpec(description.chunk_shape, kind)),
        "attributes": {},
    }
    if description.dimension_names is not None:
        document["dimension_names"] = list(description.dimension_names)
    return document


def _spelled_keys(keys: ChunkKeys) -> JSON:
    names = {("", "0"): "v2", (f"c{keys.separator}", "c"): "default"}
    # below another root none could stay where it is: any word will do
    name = "default" if keys.root else names.get((keys.lead, keys.scalar))
    if name is None:
        raise ValueError(f"it has no word for chunk keys that begin with {keys.lead!r}")
    return {"name": name, "configuration": {"separator": keys.separator}}


def _fill_value(description: ArrayMetadata, kind: DataType) -> Any:
    if description.fill_value_or_zero is None and not kind.variable:
        # what is read where nothing is stored, and no default of this format
        return np.zeros((), kind.dtype)[()]
    return fill_values.normalize(description.fill_value_or_zero, kind)


# -- filters ---------------------------------------------------------------------------------------


def _spelled_filters(filters: Sequence[Any], stored: AnyDtype) -> list[Any]:
    """Return filters, with the codec "bytes" after those of elements.

    Those see elements as they are in memory here, so their own byte orders are native, and that which the last
    of them leaves is that of the codec "bytes".

    Raises
    ------
    ValueError : they can't be spelled so that all readers understand the same
    """
    kinds = [kind_of_numcodecs(codec.codec_id) for codec in filters]
    n = len(list(itertools.takewhile(lambda kind: kind != BYTES, kinds)))
    if any(kind != ARRAY for kind in kinds[:n]):
        raise ValueError(f"the codec {filters[n - 1].codec_id!r} makes bytes of arrays")
    words: list[Any] = []
    for codec in filters[:n]:
        words.append(_native(codec.get_config()))
        stored = stored_dtype_of(codec) or stored
    packed_as = _bytes(stored)
    if n and packed_as.get("configuration") == {"endian": "big"}:
        # zarr-python 3 gives filters what the codec "bytes" gave it, in that byte order, as if it were native
        raise ValueError(
            "its filters leave big-endian elements, which other readers would take for little-endian"
        )
    return [*words, packed_as, *filters[n:]]


def _native(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: f"<{value[1:]}" if isinstance(value, str) and value[:1] == ">" else value
        for name, value in config.items()
    }


def _bytes(stored: AnyDtype) -> dict[str, JSON]:
    orders = set(_byte_orders(stored))
    if len(orders) > 1:
        raise ValueError(f"the fields of {stored} are of different byte orders")
    if not orders:
        return {"name": "bytes"}
    return {"name": "bytes", "configuration": {"endian": "big" if orders == {">"} else "little"}}


def _byte_orders(dtype: AnyDtype) -> list[str]:
    """Return the byte orders of all parts of an element that have one."""
    if dtype.fields is not None:
        return [order for field in dtype.fields.values() for order in _byte_orders(field[0])]
    return [dtype.base.str[0]] if has_byte_order(dtype) else []
