"""The two loops over the chunks of an array with shards: read a plan, write along a plan, shard by shard.

A plan cuts a selection at the borders of inner chunks, as for any array. Here its pieces are sorted by shard, so
that each shard is opened once: a read requests its index and then the selected chunks, a write changes all of
its selected chunks and stores the shard once.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from zarrcy.chunk_io.sharding.context import ShardContext
from zarrcy.chunk_io.sharding.pieces import PiecesByShard
from zarrcy.chunk_io.sharding.reader import ShardReader, read_in_batches
from zarrcy.chunk_io.sharding.writer import ShardFileWriter, ShardWriter
from zarrcy.storage import byte_ranges
from zarrcy.sync import thread_pool
from zarrcy.types import AnyArray, Buffer, ChunkLayout, Field, Kernels, LazyAttribute, Plan

if TYPE_CHECKING:
    from zarrcy.sync.io_depth import FileWaits


class ShardedChunkIO:
    """Reads and writes the inner chunks of shards.

    Parameters
    ----------
    context : ShardContext
        The inner chunks and the shards of the array.
    reader_type : type of ShardReader
        The reader; another one if missing shards are reported.
    """

    def __init__(self, context: ShardContext, *, reader_type: type[ShardReader] = ShardReader) -> None:
        self.context = context
        self.planner: Kernels = context.kernels
        self.layout: ChunkLayout = context.layout
        self.fill_bytes: Buffer = context.fill_bytes
        self._reader_type = reader_type

    def read(self, plan: Plan, out: AnyArray, field: Field | None = None, prezeroed: bool = False) -> None:
        """Read the pieces of a plan into `out`: see `zarrcy.chunk_io.ChunkIO.read`."""
        context, reader_type = self.context, self._reader_type
        pieces = PiecesByShard(plan, context)
        shared = context.uses_threads(plan.n_pieces, plan.n_pieces * self.layout.nbytes)
        n = min(thread_pool.n_threads(), plan.n_pieces) if shared else 1
        most = (
            context.batch if context.files is None else max(context.batch, context.policy.shard_file_pieces)
        )
        size, at_once = max(1, min(most, -(-plan.n_pieces // n))), 0
        if n == 1 and context.works_ahead(plan.n_pieces):
            from zarrcy.sync.io_depth import GROUPS

            # a shard that fits into a batch is not cut
            uncut = pieces.most_of_a_shard()
            at_once = GROUPS if uncut > context.batch else min(GROUPS, context.batch // max(1, uncut))
            size = max(1, min(context.batch, plan.n_pieces) // at_once)

        def make_reader(pinned: byte_ranges.PinnedValues | None, again: bool) -> ShardReader:
            return reader_type(plan, context, out, field, prezeroed, pieces, pinned, again)

        measures = (
            len(pieces.keys) >= context.policy.measured_shards and context.has_files and context.may_share
        )
        read_in_batches(pieces, context, make_reader, size, n, at_once, self.reads if measures else None)

    @LazyAttribute
    def reads(self) -> FileWaits:
        """How long threads wait for shards that are files."""
        from zarrcy.sync.io_depth import FileWaits

        return FileWaits()

    def write(self, plan: Plan, value: AnyArray, field: Field | None = None) -> None:
        """Write `value` along a plan: see `zarrcy.chunk_io.ChunkIO.write`."""
        context = self.context
        pieces = PiecesByShard(plan, context)
        n_shards = len(pieces.keys)
        shared = n_shards > 1 and context.writes_in_threads(plan.n_pieces)
        n = min(thread_pool.n_threads(), n_shards) if shared else 1
        works_ahead = not shared and n_shards > 1 and context.works_ahead(plan.n_pieces)
        if works_ahead and self._write_ahead(plan, value, field, pieces):
            return
        at_once = context.shards_at_once
        batches = ((number, min(number + at_once, n_shards)) for number in range(0, n_shards, at_once))
        writes_files = (
            context.files is not None
            and context.native_path is not None
            and context.native_path.encodes
            and value.dtype == context.dtype
            and field is None
        )
        writer_type = ShardFileWriter if writes_files else ShardWriter
        # several threads encode the chunks of one shard only if there is one shard
        encodes_in_threads = n_shards == 1 and context.uses_threads(plan.n_pieces, value.nbytes)
        n_inner = thread_pool.n_threads() if encodes_in_threads else 1
        thread_pool.share(lambda: writer_type(plan, context, value, field, pieces, n_inner), batches, n)

    def _write_ahead(self, plan: Plan, value: AnyArray, field: Field | None, pieces: PiecesByShard) -> bool:
        """Write to a store with latency, see `UnshardedChunkIO`. Returns False if that cannot be done."""
        from zarrcy.sync.io_depth import groups_of_requests
        from zarrcy.sync.overlap import overlap

        context, n_shards = self.context, len(pieces.keys)

        def make_writer() -> ShardWriter:
            return ShardWriter(plan, context, value, field, pieces)

        writer = make_writer()
        writes = map(writer.shard_write, range(n_shards))
        partial = [write.key for write in writes if not write.replaces_all]
        if partial and context.locks.synchronizer is not None:
            return False
        size, at_once = groups_of_requests(context.shards_at_once, n_shards)
        lock = context.locks.lock_all(partial)
        try:
            if partial:
                lock.acquire()
            ranges = ((number, min(number + size, n_shards)) for number in range(0, n_shards, size))
            overlap(lambda: make_writer().steps, ranges, at_once, writes=True)
        finally:
            lock.release()
        return True

    def is_aligned(self, plan: Plan) -> bool:
        """Return whether a plan covers all of each shard that it touches, as far as inside the array."""
        pieces = PiecesByShard(plan, self.context)
        counts = [stop - start for start, stop in itertools.pairwise(pieces.first)]
        return counts == pieces.n_inside and all(map(plan.complete, range(plan.n_pieces)))
