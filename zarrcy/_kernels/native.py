"""The compiled modules of the native path, which exist on Unix."""

from zarrcy._kernels._chunk_steps import CHECKSUMS, NUMBERS, Steps, checksum
from zarrcy._kernels._native_codec import (
    CODECS,
    DEFLATE_LEVELS,
    DEFLATE_LIBRARY,
    INNER,
    ChunkCodec,
    Decoder,
    decode,
)
from zarrcy._kernels._native_read import (
    ChunkDir,
    PieceQueue,
    ValueBuffers,
    read_files,
    read_spans,
    read_values,
)
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
    "read_files",
    "read_spans",
    "read_values",
    "write_shard",
]
