"""Arrays whose chunks are kept together in shards: the loops of `zarrcy.chunk_io.chunk_io`, shard by shard.

A plan is cut at the borders of inner chunks, as that of any array is. Here its pieces are sorted by shard, so
that each shard is opened once: a read asks for its index and then for what it needs, a write changes all
its chunks and puts it together again.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.chunk_io.chunk_io import UnshardedChunkIO
from zarrcy.chunk_io.sharding.index_cache import IndexCache
from zarrcy.chunk_io.sharding.pieces import PiecesByShard
from zarrcy.chunk_io.sharding.reader import ShardReader
from zarrcy.chunk_io.sharding.writer import ShardFileWriter, ShardWriter
from zarrcy.codecs.shard_index import IndexFormat
from zarrcy.errors import ChunkDecodeError
from zarrcy.storage import access, byte_ranges
from zarrcy.storage.capabilities import OpenFile
from zarrcy.sync import thread_pool
from zarrcy.types import Buffer, Field, Key, Shape, Store

# To decode a smaller chunk in a shard, in bytes, costs no more than to find its blocks and decode some of them.
_WORTH_INNER_PARTS = 2**20
# Decoded bytes that are asked for at once: of a file, and of a store where every trip counts.
_BATCH_OF_A_FILE = 2**20
_BATCH_OF_A_TRIP = 64 * 2**20
# A thread that is given so many pieces of a shard opens it seldom, and the others still have their share.
_MOST_PIECES_OF_A_FILE = 256


@dataclass(frozen=True, slots=True)
class ShardLayout:
    """How inner chunks are numbered in a shard.

    Attributes
    ----------
    counts : inner chunks of a shard along each axis
    axes : from the slowest to the fastest in the numbering
    index : how the index of a shard is written
    """

    counts: Shape
    axes: tuple[int, ...]
    index: IndexFormat


class ShardedChunkIO(UnshardedChunkIO):
    """Where the inner chunks of a sharded array come from and go to.

    Parameters
    ----------
    store, prefix, separator : of the shards
    *options : of the inner chunks, see `UnshardedChunkIO`
    shards : how they are made
    """

    def __init__(
        self,
        store: Store,
        prefix: str,
        separator: str,
        *options: Any,
        shards: ShardLayout,
    ) -> None:
        super().__init__(store, prefix, separator, *options)
        self.shards = shards
        # an inner chunk that is absent costs nothing, and a shard without chunks is no shard
        self.write_empty_chunks = False
        self.reader = ShardReader
        self.read_values = byte_ranges.parts_reader(store)
        worth_parts = self.is_raw or self.layout.nbytes >= _WORTH_INNER_PARTS
        self.reads_inner_parts = self.read_parts is not None and worth_parts
        self.indexes = IndexCache()
        # a shard that is a file is read in the native lane
        self.files = access.files_of(store) if self.folder is not None else None
        nbytes = _BATCH_OF_A_FILE if access.is_local(store) else _BATCH_OF_A_TRIP
        self.batch = max(1, nbytes // max(1, self.layout.nbytes))

    def read(self, plan: Any, out: NDArray[Any], field: Field | None = None, blank: bool = False) -> None:
        pieces = PiecesByShard(plan, self)
        shared = self.shares(plan.n_pieces, plan.n_pieces * self.layout.nbytes)
        n = min(thread_pool.n_threads(), plan.n_pieces) if shared else 1
        # two threads may read the same shard: what they read is not what they share
        most = self.batch if self.files is None else max(self.batch, _MOST_PIECES_OF_A_FILE)
        starts = range(0, plan.n_pieces, max(1, min(most, -(-plan.n_pieces // n))))
        batches = ((start, min(start + starts.step, plan.n_pieces)) for start in starts)
        thread_pool.share(lambda: self.new_reader(plan, out, field, blank, pieces), batches, n)

    def write(self, plan: Any, value: NDArray[Any], field: Field | None = None) -> None:
        pieces = PiecesByShard(plan, self)
        n_shards = len(pieces.keys)
        shared = self.synchronizer is None and n_shards > 1
        shared = shared and self.shares(plan.n_pieces, plan.n_pieces * self.layout.nbytes)
        n = min(thread_pool.n_threads(), n_shards) if shared else 1
        batches = ((number, number + 1) for number in range(n_shards))
        as_file = (
            self.files is not None and self.codec.encodes and value.dtype == self.dtype and field is None
        )
        writer = ShardFileWriter if as_file else ShardWriter
        # chunks of one shard are encoded by several threads only where the shards are not shared among them
        n_inner = thread_pool.n_threads() if n_shards == 1 and self.shares(plan.n_pieces, value.nbytes) else 1
        thread_pool.share(lambda: writer(plan, self, value, field, pieces, n_inner), batches, n)

    def is_aligned(self, plan: Any) -> bool:
        pieces = PiecesByShard(plan, self)
        counts = [stop - start for start, stop in itertools.pairwise(pieces.first)]
        return counts == pieces.n_inside and super().is_aligned(plan)

    def index_of(self, key: Key, value: OpenFile) -> NDArray[np.uint64]:
        """Return the index of a shard that is an open file."""
        index = self.indexes.get(key, value.identity)
        if index is None:
            index = self.parse_index(key, value.read(*self.shards.index.span), value.nbytes)
            self.indexes.put(key, value.identity, index)
        return index

    def parse_index(self, key: Key, raw: Buffer, nbytes: int | None) -> NDArray[np.uint64]:
        try:
            return self.shards.index.parse(raw, nbytes)
        except ValueError as exc:
            raise self.damaged_shard(key, len(raw) if nbytes is None else nbytes, str(exc)) from None

    def damaged_shard(self, key: Key, nbytes: int, problem: str) -> ChunkDecodeError:
        return ChunkDecodeError(key, "sharding_indexed", nbytes, self.layout.nbytes, problem)
