"""The compiled modules of the native path, which exist on Unix. Those that write are imported on first use."""

from importlib import import_module
from typing import TYPE_CHECKING

from zarrcy._kernels._chunk_steps import CHECKSUMS, NUMBERS, Steps, checksum
from zarrcy._kernels._native_codec import (
    CODECS,
    DEFLATE_LEVELS,
    DEFLATE_LIBRARY,
    INNER,
    ChunkCodec,
    Decoder,
    decode,
    libraries,
)
from zarrcy._kernels._native_read import (
    ChunkDir,
    PieceQueue,
    ValueBuffers,
    read_files,
    read_spans,
    read_values,
)

if TYPE_CHECKING:
    from zarrcy._kernels._native_write import FileWriter, encode_values, encodes, write_shard

__all__ = [
    "CHECKSUMS",
    "CODECS",
    "DEFLATE_LEVELS",
    "DEFLATE_LIBRARY",
    "INNER",
    "NUMBERS",
    "ChunkCodec",
    "ChunkDir",
    "Decoder",
    "FileWriter",
    "PieceQueue",
    "Steps",
    "ValueBuffers",
    "checksum",
    "decode",
    "encode_values",
    "encodes",
    "libraries",
    "read_files",
    "read_spans",
    "read_values",
    "write_shard",
]

_OF_WRITES = ("FileWriter", "encode_values", "encodes", "write_shard")


def __getattr__(name: str) -> object:
    if name not in _OF_WRITES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module("zarrcy._kernels._native_write"), name)
    # the next use takes no call
    globals()[name] = value
    return value
