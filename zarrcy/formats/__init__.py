"""What is written down: the only place that knows the formats of Zarr."""

from zarrcy.formats.description import ArrayDescription, ChunkKeys

__all__ = ["ArrayDescription", "ChunkKeys"]
