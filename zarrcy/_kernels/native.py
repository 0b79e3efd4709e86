"""The native lane under one name, as `compiled` is the other kernels."""

from zarrcy._kernels._native_codec import (
    CODECS,
    DEFLATE_LEVELS,
    DEFLATE_LIBRARY,
    INNER,
    ChunkCodec,
    Decoder,
    decode,
)
from zarrcy._kernels._native_read import Folder, Job, Values, read_files, read_spans, read_values
from zarrcy._kernels._native_write import FileWriter, encode_values, encodes, write_shard

__all__ = [
    "CODECS",
    "DEFLATE_LEVELS",
    "DEFLATE_LIBRARY",
    "INNER",
    "ChunkCodec",
    "Decoder",
    "FileWriter",
    "Folder",
    "Job",
    "Values",
    "decode",
    "encode_values",
    "encodes",
    "read_files",
    "read_spans",
    "read_values",
    "write_shard",
]
