"""The one place that decides how the chunks of an array are read and written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from zarrcy import _kernels
from zarrcy.chunk_io import ChunkIO
from zarrcy.chunk_io.chunk_locks import ChunkLocks
from zarrcy.chunk_io.context import ChunkContext
from zarrcy.chunk_io.native import open_native_path
from zarrcy.chunk_io.policy import IOPolicy, default_policy
from zarrcy.chunk_io.unsharded import UnshardedChunkIO
from zarrcy.codecs import Pipeline, Shard, fill_bytes
from zarrcy.errors import ChunkDecodeError, ValueLengthError
from zarrcy.metadata import ArrayMetadata
from zarrcy.settings import ArrayConfig
from zarrcy.storage import access, byte_ranges
from zarrcy.types import Buffer, Key, Record, Shape, Store, Synchronizer

if TYPE_CHECKING:
    from collections.abc import Hashable

    from zarrcy.chunk_io.chunk_cache import CacheView
    from zarrcy.chunk_io.sharding.context import ShardContext
    from zarrcy.chunk_io.sharding.sharded import ShardedChunkIO
    from zarrcy.storage.capabilities import ReplacesValues

_DEFAULT_CONFIG = ArrayConfig()


def open_chunk_io(
    metadata: ArrayMetadata,
    store: Store,
    node_prefix: str,
    synchronizer: Synchronizer | None,
    config: ArrayConfig,
    *,
    cache: CacheView | None = None,
    policy: IOPolicy | None = None,
) -> ChunkIO:
    """Open the chunk I/O of an array.

    Parameters
    ----------
    metadata : ArrayMetadata
        The metadata of the array.
    store : Store
        The store of the chunks.
    node_prefix : str
        What the keys of the array begin with.
    synchronizer : Synchronizer or None
        Provides a lock for each key.
    config : ArrayConfig
        The options of the open array.
    cache : CacheView, optional
        The cache of decoded chunks, if the array has one.
    policy : IOPolicy, optional
        Thresholds and batch sizes; the default policy by default.
    """
    opening = _Opening(
        metadata=metadata,
        store=store,
        node_prefix=node_prefix,
        synchronizer=synchronizer,
        config=config,
        policy=policy or default_policy(),
    )
    chunk_io: ChunkIO
    if metadata.rectilinear_axes is not None:
        # few arrays have such chunks
        from zarrcy.chunk_io.rectilinear import RectilinearChunkIO

        chunk_io = RectilinearChunkIO(metadata, opening.part, opening.policy.rectilinear_chunk_shapes)
    else:
        bare = opening.chunk_io()
        # Chunks of objects are not cached: their size is not known. Nor is a cache used if missing chunks are
        # reported: a chunk in the cache would be read although it is missing in the store.
        if cache is None or metadata.dtype.hasobject or config.read_missing != "fill":
            chunk_io = bare
        else:
            from zarrcy.chunk_io.cached import CachedChunkIO

            chunk_io = CachedChunkIO(bare, cache)
    if config.threads is not None:
        from zarrcy.chunk_io.threaded import ThreadedChunkIO

        chunk_io = ThreadedChunkIO(chunk_io, config.threads)
    return chunk_io


def open_chunk_context(metadata: ArrayMetadata, store: Store, node_prefix: str) -> ChunkContext:
    """Return what is needed to check stored chunks one by one: a `ShardContext` if the array has shards.

    Parameters
    ----------
    metadata : ArrayMetadata
        The metadata of the array. If its chunks differ in length, that of chunks of one shape: see
        `ArrayMetadata.with_equal_chunks`.
    store : Store
        The store of the chunks.
    node_prefix : str
        What the keys of the array begin with.
    """
    assert metadata.rectilinear_axes is None, "each chunk shape has a context of its own"
    opening = _Opening(
        metadata=metadata,
        store=store,
        node_prefix=node_prefix,
        synchronizer=None,
        config=_DEFAULT_CONFIG,
        policy=default_policy(),
    )
    return opening.context()


class _Opening(Record):
    """What the chunk I/O of an array is made from: see `open_chunk_io`."""

    metadata: ArrayMetadata
    store: Store
    node_prefix: str
    synchronizer: Synchronizer | None
    config: ArrayConfig
    policy: IOPolicy

    def part(self, chunk_shape: Shape) -> UnshardedChunkIO | ShardedChunkIO:
        """Open the chunk I/O for the chunks of one shape in a rectilinear grid."""
        return self.replace(metadata=self.metadata.with_equal_chunks(chunk_shape)).chunk_io()

    def chunk_io(self) -> UnshardedChunkIO | ShardedChunkIO:
        """Open the chunk I/O of a regular grid, without cache and threads."""
        reports_missing = self.config.read_missing != "fill"
        pipeline = self.metadata.pipeline()
        shard = pipeline.inside_shards(self.metadata.chunks)
        if shard is not None:
            from zarrcy.chunk_io.sharding.reader import MissingShardReader
            from zarrcy.chunk_io.sharding.sharded import ShardedChunkIO

            context = self._shard_context(pipeline, *shard)
            return (
                ShardedChunkIO(context, reader_type=MissingShardReader)
                if reports_missing
                else ShardedChunkIO(context)
            )
        chunks = self._chunk_context(pipeline, self.metadata.chunk_shape, pipeline.most_stored_nbytes)
        return self._unsharded(chunks, reports_missing)

    def _unsharded(self, context: ChunkContext, reports_missing: bool) -> UnshardedChunkIO:
        chunk_dir = write_dir = None
        native_path = context.native_path
        if native_path is not None:
            chunk_dir = native_path.chunk_dir(self.store, context.prefix, context.separator)
            # the native path does not wait until the disk has the data
            if chunk_dir is not None and native_path.encodes and access.durability(self.store) == "none":
                write_dir = chunk_dir
        if reports_missing:
            from zarrcy.chunk_io.missing_chunks import MissingChunkReader

            # the native path reads a missing file as fill value
            return UnshardedChunkIO(context, reader_type=MissingChunkReader, write_dir=write_dir)
        return UnshardedChunkIO(context, read_dir=chunk_dir, write_dir=write_dir)

    def context(self) -> ChunkContext:
        """Return the context of the chunks or, if the array has shards, of the inner chunks."""
        pipeline = self.metadata.pipeline()
        shard = pipeline.inside_shards(self.metadata.chunks)
        if shard is None:
            return self._chunk_context(pipeline, self.metadata.chunk_shape, pipeline.most_stored_nbytes)
        return self._shard_context(pipeline, *shard)

    def _chunk_context(self, pipeline: Pipeline, chunk_shape: Shape, most: int) -> ChunkContext:
        """Return the context of the chunks, or inner chunks, that `pipeline` encodes.

        Longer stored values than `most` bytes are not read; -1 for no limit.
        """
        metadata, store, policy = self.metadata, self.store, self.policy
        dtype = metadata.dtype
        kernels = _kernels.for_dtype(dtype)
        layout = kernels.ChunkLayout(chunk_shape, dtype.itemsize, pipeline.order)
        nbytes = layout.nbytes
        fill = fill_bytes(metadata.fill_value_or_zero, dtype)
        native_path = (
            open_native_path(pipeline, layout, dtype, kernels)
            if policy.use_native_path and nbytes <= policy.native_max_chunk_nbytes
            else None
        )
        is_in_memory, has_latency = access.is_in_memory(store), access.has_latency(store)
        # decoded chunks in memory need no request for parts: the kernels touch selected elements only
        reads_parts = (
            nbytes >= policy.parts_min_chunk_nbytes
            and pipeline.reads_parts
            and (byte_ranges.reads_ranges(store) or not pipeline.is_raw)
            and (pipeline.is_raw or not has_latency or nbytes > policy.remote_parts_min_chunk_nbytes)
            and not (native_path is not None and is_in_memory)
        )
        blocks = None
        block_codec = pipeline.block_codec()
        if block_codec is not None:
            from zarrcy.chunk_io.n5_blocks import Blocks

            blocks = Blocks(
                block_codec, pipeline.order, dtype, kernels, fill, policy.truncated_block_min_nbytes
            )
        uncached = access.uncached(store)
        replacer = None
        if (
            uncached is access.mapping_of(store)
            and self.synchronizer is None
            and self.config.unaligned != "allow"
            and blocks is None
        ):
            # a store that keeps copies has to see what is written
            replacer = access.replacer(uncached)
        fetch = _chunk_reader(store, most, layout.nbytes)
        # A filter may be a user's Python code, and objects need the GIL for every step.
        may_share = (
            access.is_thread_safe(store)
            and not dtype.hasobject
            and (native_path is not None or pipeline.has_own_filters)
        )
        batch = max(1, min(policy.batch_keys, access.batch_nbytes(store) // max(1, nbytes)))
        return ChunkContext(
            kernels=kernels,
            dtype=dtype,
            layout=layout,
            fill_bytes=fill,
            prefix=metadata.chunk_keys.prefix(self.node_prefix, len(metadata.shape)),
            separator=metadata.chunk_keys.separator,
            pipeline=pipeline,
            is_raw=pipeline.is_raw,
            blocks=blocks,
            native_path=native_path,
            # If the metadata do not state the fill value, other readers cannot know what a missing chunk holds.
            write_empty_chunks=self.config.write_empty_chunks or not metadata.fill_is_stated,
            fetch=fetch,
            fetch_uncached=access.checked_reader(uncached, _chunk_reader(uncached, most, layout.nbytes)),
            as_buffers=partial(access.buffers, store),
            store_many=access.writer(store),
            delete=access.deleter(store),
            replacer=replacer,
            fetch_versions=_version_reader(replacer, most, layout.nbytes),
            read_parts=byte_ranges.PartsReader(store, fetch) if reads_parts else None,
            locks=ChunkLocks(
                store,
                self.node_prefix,
                metadata.chunk_keys.separator,
                self.synchronizer,
                self.config.unaligned != "allow",
            ),
            has_latency=has_latency,
            has_files=access.directory_of(store) is not None,
            is_in_memory=is_in_memory,
            may_share=may_share,
            may_share_codecs=not dtype.hasobject and (native_path is not None or pipeline.has_own_codecs),
            is_shareable=may_share and (native_path is not None or nbytes >= policy.thread_min_chunk_nbytes),
            batch=batch,
            shared_batch=max(1, min(batch, policy.shared_batch_nbytes // max(1, nbytes))),
            policy=policy,
        )

    def _shard_context(self, pipeline: Pipeline, stage: Shard, inner: Pipeline) -> ShardContext:
        """Return the context of inner chunks, which `inner` encodes; `pipeline` encodes whole shards."""
        from zarrcy.chunk_io.sharding.context import ShardContext, ShardLayout
        from zarrcy.chunk_io.sharding.index_cache import IndexCache
        from zarrcy.codecs.shard_index import index_format

        metadata, store, policy = self.metadata, self.store, self.policy
        counts = tuple(n // c for n, c in zip(metadata.chunk_shape, metadata.chunks, strict=True))
        index = index_format(stage, tuple(counts[axis] for axis in pipeline.order))
        most_inner = inner.most_stored_nbytes
        most = -1 if most_inner < 0 else index.n_chunks * most_inner + index.nbytes
        chunks = self._chunk_context(inner, metadata.chunks, most)
        nbytes = chunks.layout.nbytes
        is_large = chunks.is_raw or nbytes >= policy.parts_min_inner_chunk_nbytes
        is_file = (
            chunks.native_path is not None
            and chunks.native_path.chunk_dir(store, chunks.prefix, chunks.separator) is not None
        )
        is_local = access.is_local(store)
        batch_nbytes = policy.shard_batch_nbytes if is_local else policy.remote_shard_batch_nbytes
        shard_nbytes = index.n_chunks * nbytes
        return ShardContext.extend(
            chunks,
            batch=max(1, batch_nbytes // max(1, nbytes)),
            shards=ShardLayout(counts, pipeline.order, index, most_inner),
            index_cache=IndexCache(policy.index_cache_nbytes),
            read_values=byte_ranges.PartsReader(store, chunks.fetch),
            pin_values=lambda n_uses, shared, whole: byte_ranges.PinnedValues(
                store, n_uses, fetch=chunks.fetch, shared=shared, whole=whole
            ),
            splits_shards=byte_ranges.pins_versions(store),
            # a store that is near gains nothing, and a writer of many shards keeps others waiting
            shards_at_once=1 if is_local else max(1, batch_nbytes // max(1, shard_nbytes)),
            # codecs may make data longer that they cannot compress
            whole_shard_nbytes=shard_nbytes + shard_nbytes // 8 + index.nbytes + 2**16
            if chunks.has_latency
            else 0,
            reads_inner_parts=chunks.read_parts is not None and is_large,
            files=access.files_of(store) if is_file else None,
        )


def _version_reader(replacer: ReplacesValues | None, most: int, chunk_nbytes: int) -> access.VersionReader:
    """Return a function that reads stored values and their versions: see `_chunk_reader`."""

    def read_versions(keys: list[Key]) -> list[tuple[Buffer | None, Hashable]]:
        assert replacer is not None, "the store has conditional puts"
        try:
            return list(replacer.read_versions(keys, most))
        except ValueLengthError as exc:
            problem = f"a stored value has at most {most} bytes"
            raise ChunkDecodeError(exc.key, "bytes", exc.nbytes, chunk_nbytes, problem) from None

    return read_versions


def _chunk_reader(store: Store, most: int, chunk_nbytes: int) -> access.Reader:
    """Return a function that reads stored values, and raises ChunkDecodeError for one longer than `most` bytes."""
    read = access.value_reader(store, most)
    if most < 0 or not access.knows_lengths(store):
        return read

    def read_chunks(keys: list[Key]) -> list[Buffer | None]:
        try:
            return read(keys)
        except ValueLengthError as exc:
            problem = f"a stored value has at most {most} bytes"
            raise ChunkDecodeError(exc.key, "bytes", exc.nbytes, chunk_nbytes, problem) from None

    return read_chunks
