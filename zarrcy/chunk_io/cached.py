"""Chunk I/O of an array that was opened with a cache of decoded chunks."""

from __future__ import annotations

import numpy as np

from zarrcy.chunk_io.chunk_cache import CacheView
from zarrcy.chunk_io.context import ChunkContext
from zarrcy.chunk_io.pieces import batches
from zarrcy.chunk_io.reader import ChunkReader
from zarrcy.chunk_io.sharding.context import ShardContext
from zarrcy.chunk_io.sharding.pieces import PiecesByShard
from zarrcy.chunk_io.sharding.reader import ShardReader, read_in_batches
from zarrcy.chunk_io.sharding.sharded import ShardedChunkIO
from zarrcy.chunk_io.unsharded import UnshardedChunkIO
from zarrcy.storage import access
from zarrcy.storage.byte_ranges import PinnedValues
from zarrcy.sync import thread_pool
from zarrcy.types import AnyArray, Buffer, ChunkLayout, Field, Kernels, Key, Plan

_SEPARATOR = "."


def _names(plan: Plan, first: int, last: int) -> list[str]:
    """Return the names in the cache of the chunks of some pieces."""
    return plan.keys(first, last, "", _SEPARATOR)


class CachedChunkIO:
    """Keeps the chunks that it decodes, and reads chunks from the cache.

    A read of more than the cache can hold bypasses it: it would evict all other chunks, and reuse none. Missing
    chunks are not kept, so each read looks for them again.

    Parameters
    ----------
    inner : UnshardedChunkIO or ShardedChunkIO
        Reads and writes the store.
    cache : CacheView
        The decoded chunks.
    """

    def __init__(self, inner: UnshardedChunkIO | ShardedChunkIO, cache: CacheView) -> None:
        self.inner, self.cache = inner, cache
        self.context: ChunkContext = inner.context
        self.planner: Kernels = inner.planner
        self.layout: ChunkLayout = inner.layout
        self.fill_bytes: Buffer = inner.fill_bytes

    def uses_cache(self, plan: Plan) -> bool:
        """Return whether a read of a plan uses the cache."""
        return self.cache.fits(plan.n_pieces * self.layout.nbytes)

    def cached_pieces(self, plan: Plan) -> set[int]:
        """Return the numbers of the pieces whose chunks are in the cache."""
        names = _names(plan, 0, plan.n_pieces)
        return {number for number, name in enumerate(names) if self.cache.holds(name)}

    def read(self, plan: Plan, out: AnyArray, field: Field | None = None, prezeroed: bool = False) -> None:
        """Read the pieces of a plan into `out`: see `zarrcy.chunk_io.ChunkIO.read`."""
        context = self.context
        if not self.uses_cache(plan):
            self.inner.read(plan, out, field, prezeroed)
            return
        chunks, changes = self.cache.get(_names(plan, 0, plan.n_pieces))
        layout, _ = context.field_layout(field)
        # a chunk of another length is not one of this array: read the stored one
        missing = [
            number
            for number, chunk in enumerate(chunks)
            if chunk is None or not context.kernels.gather(plan, number, chunk, layout, out)
        ]
        if not missing:
            return
        pieces = (
            PiecesByShard(plan, context, np.array(missing, np.int64))
            if isinstance(context, ShardContext)
            else None
        )

        def make_keeper() -> _ChunkKeeper:
            return _ChunkKeeper(plan, context, self.cache, changes)

        n = 1
        if context.uses_threads(len(missing), len(missing) * self.layout.nbytes):
            n = min(thread_pool.n_threads(), len(missing))
        size = max(1, min(context.batch, -(-len(missing) // n)))
        if pieces is not None and isinstance(context, ShardContext):
            read_in_batches(
                pieces,
                context,
                lambda pinned, _: _CachingShardReader(make_keeper(), out, field, pieces, pinned),
                size,
                n,
            )
            return
        thread_pool.share(
            lambda: _CachingReader(make_keeper(), out, field, missing), batches(len(missing), size), n
        )

    def write(self, plan: Plan, value: AnyArray, field: Field | None = None) -> None:
        """Write `value` along a plan: see `zarrcy.chunk_io.ChunkIO.write`."""
        try:
            self.inner.write(plan, value, field)
        finally:
            # a write that failed may have changed some chunks
            if self.uses_cache(plan):
                self.cache.cache.forget(_names(plan, 0, plan.n_pieces))
            else:
                self.cache.cache.clear()

    def is_aligned(self, plan: Plan) -> bool:
        """Return whether a plan covers all of each stored value that it touches: see `ChunkIO.is_aligned`."""
        return self.inner.is_aligned(plan)


class _ChunkKeeper:
    """Decodes the chunks of a read, and keeps them in the cache.

    Parameters
    ----------
    plan, context
        As for `ChunkReader`.
    cache : CacheView
        The cache.
    changes : int
        The change counter of the cache when the read began.
    """

    def __init__(self, plan: Plan, context: ChunkContext, cache: CacheView, changes: int) -> None:
        self.plan, self.context = plan, context
        self._cache, self._changes = cache, changes

    def take(self, reader: ChunkReader, number: int, key: Key, stored: Buffer) -> None:
        """Decode a stored chunk to memory of its own, copy a piece of it to the result, and keep the chunk."""
        context = self.context
        memory = context.new_chunk(key)
        chunk = context.decode(key, stored, memory)
        if not context.kernels.gather(self.plan, number, chunk, reader.layout, reader.out):
            raise context.damaged(key, stored)
        # memory of the store does not stay as it is: keep a copy
        kept = chunk if chunk is memory else access.as_bytes(chunk)
        (name,) = _names(self.plan, number, number + 1)
        self._cache.put(name, kept, self._changes)


class _CachingReader(ChunkReader):
    """Reads the chunks of some of the pieces of a plan, whole, and keeps them."""

    def __init__(self, keeper: _ChunkKeeper, out: AnyArray, field: Field | None, numbers: list[int]) -> None:
        super().__init__(keeper.plan, keeper.context, out, field, False)
        self.keeper, self.numbers = keeper, numbers

    def __call__(self, first: int, last: int) -> None:
        context, plan, numbers = self.context, self.plan, self.numbers[first:last]
        keys = [key for n in numbers for key in plan.keys(n, n + 1, context.prefix, context.separator)]
        for number, key, stored in zip(
            numbers, keys, context.as_buffers(keys, context.fetch(keys)), strict=True
        ):
            if stored is None:
                self.fill(number, key)
            else:
                self.take(number, key, stored)

    def take(self, number: int, key: Key, stored: Buffer) -> None:
        self.keeper.take(self, number, key, stored)


class _CachingShardReader(ShardReader):
    """Reads the inner chunks of some of the pieces of a plan, whole, and keeps them."""

    may_read_natively = False

    def __init__(
        self,
        keeper: _ChunkKeeper,
        out: AnyArray,
        field: Field | None,
        pieces: PiecesByShard,
        pinned: PinnedValues | None,
    ) -> None:
        assert isinstance(keeper.context, ShardContext), "the chunks are in shards"
        super().__init__(keeper.plan, keeper.context, out, field, False, pieces, pinned)
        self.keeper = keeper

    def take(self, number: int, key: Key, stored: Buffer) -> None:
        self.keeper.take(self, number, key, stored)
