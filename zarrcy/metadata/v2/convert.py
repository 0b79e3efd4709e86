"""The stages of an array of another format -> the order, filters and compressor of Zarr v2 that mean the same."""

from __future__ import annotations

from typing import Any

import numcodecs

from zarrcy.codecs import Compressor, Filter, Pack, Shard, Transpose
from zarrcy.codecs.crc32c import CRC32C
from zarrcy.metadata.array_metadata import ArrayMetadata
from zarrcy.metadata.v2 import dtypes
from zarrcy.types import AnyDtype


def order_of(description: ArrayMetadata) -> str:
    """Return the order of a chunk's elements: "C" or "F".

    Raises
    ------
    ValueError : it is neither
    """
    ndim = len(description.shape)
    for stage in description.stages:
        if isinstance(stage, Transpose) and stage.order != tuple(range(ndim)):
            if stage.order != tuple(range(ndim))[::-1]:
                raise ValueError(f"its axes are stored in the order {stage.order}, which is neither C nor F")
            return "F"
    return "C"


def codecs_of_stages(description: ArrayMetadata) -> tuple[list[Any], Any]:
    """Return the filters and the compressor; there is one at most, and what comes before it is a filter too.

    Raises
    ------
    ValueError : there is something else
    """
    if any(isinstance(stage, Shard) for stage in description.stages):
        raise ValueError("it has no shards")
    filters = [_codec(stage.codec) for stage in description.stages if isinstance(stage, Filter)]
    compressors = [_codec(stage.codec) for stage in description.stages if isinstance(stage, Compressor)]
    return filters + compressors[:-1], compressors[-1] if compressors else None


def _codec(codec: Any) -> Any:
    name = codec.codec_id
    try:
        found = numcodecs.get_codec(codec.get_config())
    except (ValueError, TypeError):
        found = None
    # what is not of numcodecs may have the name of one that is, and do something else; but for this one
    if found is None or not (isinstance(codec, CRC32C) or type(found) in type(codec).__mro__):
        raise ValueError(f"it has no codec {name!r}")
    return found


def dtype_of(description: ArrayMetadata) -> AnyDtype:
    """Return the data type, in the byte order of the store.

    Raises
    ------
    ValueError : v2 has no word for it, or not for its byte order
    """
    dtype = description.dtype
    pack = next((stage for stage in description.stages if isinstance(stage, Pack)), None)
    dtypes.check_dtype(dtype)
    if pack is None or not pack.swaps:
        return dtype
    if any(isinstance(stage, Filter) for stage in description.stages):
        raise ValueError("its filters see elements in another byte order than that of the store")
    swapped: AnyDtype = dtype.newbyteorder("S")
    return swapped
