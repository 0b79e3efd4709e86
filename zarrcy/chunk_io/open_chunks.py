"""The one place that decides how the chunks of an array are read and written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zarrcy.chunk_io.cached import CachedChunkIO
from zarrcy.chunk_io.chunk_cache import ChunkCache
from zarrcy.chunk_io.chunk_io import UnshardedChunkIO
from zarrcy.chunk_io.missing_chunks import MissingChunkReader
from zarrcy.chunk_io.sharding.reader import MissingShardReader
from zarrcy.chunk_io.sharding.source import ShardedChunkIO, ShardLayout
from zarrcy.chunk_io.threaded import ChunkIOWrapper, ThreadedChunkIO
from zarrcy.codecs.shard_index import index_format
from zarrcy.metadata import ArrayMetadata
from zarrcy.settings import ArrayConfig
from zarrcy.sync.synchronizers import Synchronizer
from zarrcy.types import Store


def open_chunk_io(
    description: ArrayMetadata,
    store: Store,
    node_prefix: str,
    synchronizer: Synchronizer | None,
    options: ArrayConfig,
) -> UnshardedChunkIO:
    """Return where the chunks of an array come from, in shards or not."""
    if not description.fill_is_stated and not options.write_empty_chunks:
        # who reads the array elsewhere does not know what an absent chunk holds
        options = replace(options, write_empty_chunks=True)
    keys = description.chunk_keys
    place = (store, keys.prefix(node_prefix, len(description.shape)), keys.separator)
    rest: Any = (description.dtype, description.fill_value_or_zero, synchronizer, options)
    pipeline = description.pipeline()
    opened = pipeline.inside_shards(description.chunks)
    strict = options.read_missing != "fill"
    if opened is None:
        source = UnshardedChunkIO(*place, pipeline, description.chunk_shape, *rest)
        if strict:
            # the lane takes a file that is missing for fill value
            source.read_folder, source.reader = None, MissingChunkReader
        return source
    stage, inner = opened
    counts = tuple(n // c for n, c in zip(description.chunk_shape, description.chunks, strict=True))
    index = index_format(stage, tuple(counts[axis] for axis in pipeline.order))
    layout = ShardLayout(counts, pipeline.order, index)
    source = ShardedChunkIO(*place, inner, description.chunks, *rest, shards=layout)
    if strict:
        source.reader = MissingShardReader
    return source


def steered(
    source: UnshardedChunkIO, n_threads: int | None, cache: ChunkCache | None, decoding: object
) -> UnshardedChunkIO | ChunkIOWrapper:
    """Return a source with what an array was opened with; the same where that is nothing.

    Objects are not kept: nobody knows how many bytes they have.
    """
    found: UnshardedChunkIO | ChunkIOWrapper = source
    if cache is not None and not source.dtype.hasobject:
        found = CachedChunkIO(source, cache, decoding)
    return found if n_threads is None else ThreadedChunkIO(found, n_threads)
