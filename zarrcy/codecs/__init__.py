"""One pipeline stage per idea: what happens to a chunk between memory and store."""

from zarrcy.codecs.n5 import N5ChunkWrapper
from zarrcy.codecs.pipeline import Pipeline, StageError, fill_bytes
from zarrcy.codecs.stages import Compressor, Filter, Pack, Shard, Stage, Transpose, as_codec

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
