"""Sources of chunks that an array was opened with options for: threads of its own, a cache of chunks.

An array without such options has the bare source, so what is off costs nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.chunk_io.chunk_cache import ChunkCache
from zarrcy.chunk_io.chunk_io import UnshardedChunkIO
from zarrcy.chunk_io.reader import ChunkReader, batches
from zarrcy.chunk_io.sharding.pieces import PiecesByShard
from zarrcy.chunk_io.sharding.reader import ShardReader
from zarrcy.chunk_io.sharding.source import ShardedChunkIO
from zarrcy.chunk_io.threaded import ChunkIOWrapper
from zarrcy.storage import access
from zarrcy.sync import thread_pool
from zarrcy.types import Buffer, Field, Key

_SEPARATOR = "."


class CachedChunkIO(ChunkIOWrapper):
    """Keeps the chunks that it decodes, and takes them from there.

    A read that wants more than the cache holds goes past it: it would drive out all that others want, and use
    none of it. Chunks that are absent are not kept, so they are looked for again.
    """

    source: UnshardedChunkIO

    def __init__(self, source: UnshardedChunkIO, cache: ChunkCache, decoding: object) -> None:
        super().__init__(source)
        self.cache, self.decoding = cache, decoding

    def fits(self, n_pieces: int) -> bool:
        """May the chunks of so many pieces be kept?"""
        return bool(n_pieces * self.source.layout.nbytes <= self.cache.max_nbytes)

    def missing(self, plan: Any) -> tuple[list[int], list[Any], int]:
        """Return the numbers of the pieces whose chunks are not kept, all chunks, and the state of the cache."""
        chunks, changes = self.cache.get(self.decoding, plan.keys(0, plan.n_pieces, "", _SEPARATOR))
        return [number for number, chunk in enumerate(chunks) if chunk is None], chunks, changes

    def held(self, plan: Any) -> set[int]:
        """Return the numbers of the pieces whose chunks are kept."""
        keys = plan.keys(0, plan.n_pieces, "", _SEPARATOR)
        return {number for number, key in enumerate(keys) if self.cache.holds(self.decoding, key)}

    def read(self, plan: Any, out: NDArray[Any], field: Field | None = None, blank: bool = False) -> None:
        source = self.source
        if not self.fits(plan.n_pieces):
            source.read(plan, out, field, blank)
            return
        numbers, chunks, changes = self.missing(plan)
        layout, _ = source.target(field)
        for number, chunk in enumerate(chunks):
            if chunk is not None:
                source.kernels.gather(plan, number, chunk, layout, out)
        if not numbers:
            return

        def make_reader() -> thread_pool.Task:
            kept = (self.cache, self.decoding, changes)
            if isinstance(source, ShardedChunkIO):
                return _CachingShardReader(plan, source, out, field, pieces).keeping_in(*kept)
            return _CachingReader(plan, source, out, field, numbers).keeping_in(*kept)

        if isinstance(source, ShardedChunkIO):
            pieces = PiecesByShard(plan, source, np.array(numbers, np.int64))
        shared = source.shares(len(numbers), len(numbers) * source.layout.nbytes)
        n = min(thread_pool.n_threads(), len(numbers)) if shared else 1
        size = max(1, min(source.batch, -(-len(numbers) // n)))
        thread_pool.share(make_reader, batches(len(numbers), size), n)

    def write(self, plan: Any, value: NDArray[Any], field: Field | None = None) -> None:
        try:
            self.source.write(plan, value, field)
        finally:
            # a write that failed may have changed some
            if self.fits(plan.n_pieces):
                self.cache.forget(plan.keys(0, plan.n_pieces, "", _SEPARATOR))
            else:
                self.cache.clear()


class _Caching(ChunkReader):
    """A reader that keeps what it decodes."""

    def keeping_in(self, cache: ChunkCache, decoding: object, changes: int) -> _Caching:
        self.cache, self.decoding, self.changes = cache, decoding, changes
        return self

    def take(self, number: int, key: Key, stored: Buffer) -> None:
        source, memory = self.source, self.source.new_chunk(key)
        chunk = source.decode(key, stored, memory)
        if not source.kernels.gather(self.plan, number, chunk, self.layout, self.out):
            raise source.damaged(key, stored)
        # what is not in our own memory may be a look at the store's, which does not stay as it is
        kept = chunk if chunk is memory else access.as_bytes(chunk)
        (name,) = self.plan.keys(number, number + 1, "", _SEPARATOR)
        self.cache.put(self.decoding, name, kept, self.changes)


class _CachingReader(_Caching):
    """Reads the chunks of some of the pieces of a plan, whole."""

    def __init__(
        self, plan: Any, source: UnshardedChunkIO, out: NDArray[Any], field: Field | None, numbers: list[int]
    ) -> None:
        super().__init__(plan, source, out, field)
        self.numbers = numbers

    def __call__(self, first: int, last: int) -> None:
        source, plan, numbers = self.source, self.plan, self.numbers[first:last]
        keys = [key for n in numbers for key in plan.keys(n, n + 1, source.prefix, source.separator)]
        for number, key, stored in zip(numbers, keys, source.fetch(keys), strict=True):
            if stored is None:
                source.kernels.fill_piece(plan, number, self.layout, self.out, self.item)
            else:
                self.take(number, key, stored)


class _CachingShardReader(_Caching, ShardReader):
    """Reads the inner chunks of some of the pieces of a plan."""
