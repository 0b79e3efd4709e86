"""The stages of an array of another format -> the order, filters and compressor of Zarr v2 with the same effect."""

from __future__ import annotations

from zarrcy.codecs import Compressor, Filter, Pack, Shard, Transpose
from zarrcy.codecs.configured import actual, get_codec
from zarrcy.codecs.crc32c import CRC32C
from zarrcy.metadata.array_metadata import ArrayMetadata
from zarrcy.metadata.v2 import dtypes
from zarrcy.types import AnyDtype, Codec


def order_of(description: ArrayMetadata) -> str:
    """Return the order of a chunk's elements: "C" or "F".

    Raises
    ------
    ValueError
        If it is neither.
    """
    ndim = len(description.shape)
    for stage in description.stages:
        if isinstance(stage, Transpose) and stage.order != tuple(range(ndim)):
            if stage.order != tuple(range(ndim))[::-1]:
                raise ValueError(f"its axes are stored in the order {stage.order}, which is neither C nor F")
            return "F"
    return "C"


def codecs_of_stages(description: ArrayMetadata) -> tuple[list[Codec], Codec | None]:
    """Return the filters and the compressor. The last compressor is the compressor; any before it are filters.

    Raises
    ------
    ValueError
        If v2 does not have one of the stages.
    """
    if any(isinstance(stage, Shard) for stage in description.stages):
        raise ValueError("it does not have shards")
    filters = [_codec(stage.codec) for stage in description.stages if isinstance(stage, Filter)]
    compressors = [_codec(stage.codec) for stage in description.stages if isinstance(stage, Compressor)]
    return filters + compressors[:-1], compressors[-1] if compressors else None


def _codec(codec: Codec) -> Codec:
    name = codec.codec_id
    registered: Codec | None
    try:
        registered = actual(get_codec(codec.get_config()))
    except (ValueError, TypeError):
        registered = None
    # a codec from elsewhere may have the name of one of numcodecs and do something else; CRC32C is the same
    if registered is None or not (isinstance(codec, CRC32C) or type(registered) in type(codec).__mro__):
        raise ValueError(f"it does not have a codec {name!r}")
    return registered


def dtype_of(description: ArrayMetadata) -> AnyDtype:
    """Return the data type, in the byte order of the store.

    Raises
    ------
    ValueError
        If v2 cannot express it, or its byte order.
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
