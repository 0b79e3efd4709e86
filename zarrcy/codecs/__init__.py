"""The codec pipeline: encodes a chunk in memory to stored bytes, and decodes it.

The names of zarr-python 2's module ``codecs`` (the codecs of numcodecs) can be imported from here too.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from zarrcy._lazy import find_zarr2_name, zarr2_names
from zarrcy.codecs.pipeline import Pipeline, StageError, fill_bytes
from zarrcy.codecs.stages import Compressor, Filter, Pack, Shard, Stage, Transpose, as_codec

if TYPE_CHECKING:
    from zarrcy.codecs.n5 import N5ChunkWrapper

__all__ = [
    "Compressor",
    "Filter",
    "N5ChunkWrapper",
    "Pack",
    "Pipeline",
    "Shard",
    "Stage",
    "StageError",
    "Transpose",
    "as_codec",
    "fill_bytes",
]

# The classes that describe codecs of format 3, as zarr-python 3 names them; `zarrcy.zarr3.codecs` defines them.
_OF_ZARR3 = {
    "BloscCodec", "BytesCodec", "CastValue", "Crc32cCodec", "GzipCodec", "ScaleOffset", "ShardingCodec",
    "TransposeCodec", "VLenBytesCodec", "VLenUTF8Codec", "ZstdCodec",
}  # fmt: skip


def __getattr__(name: str) -> object:
    if name == "N5ChunkWrapper":
        # it needs numcodecs, which few programs that only read need
        from zarrcy.codecs.n5 import N5ChunkWrapper

        return N5ChunkWrapper
    if name in _OF_ZARR3:
        value: object = getattr(import_module("zarrcy.zarr3.codecs"), name)
        return value
    return find_zarr2_name(__name__, __path__[0], name)


def __dir__() -> list[str]:
    return sorted({*globals(), *zarr2_names(__name__)[0], *_OF_ZARR3})
