"""Arrays whose chunks are kept together in shards: the loops of `zarrcy.transfer`, shard by shard.

A plan is cut at the borders of inner chunks, as that of any array is. Here its pieces are sorted by shard, so
that each shard is opened once: a read asks for its index and then for what it needs, a write changes all
its chunks and puts it together again.
"""

from __future__ import annotations

import itertools
import math
import threading
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy import locks, threads
from zarrcy.codecs.shard_index import IndexFormat, index_format, is_absent
from zarrcy.errors import ChunkDecodeError
from zarrcy.formats import ArrayDescription
from zarrcy.grid import grid_shape
from zarrcy.missing import StrictReader
from zarrcy.options import ArrayOptions
from zarrcy.storage import access, ranges
from zarrcy.sync import Synchronizer
from zarrcy.transfer import ChunkReader, ChunkSource, ChunkWriter, Field
from zarrcy.types import Buffer, Key, Shape, Span, Store

_CACHED_INDEX_NBYTES = 64 * 2**20
# Decoded bytes that are asked for at once: of a file, and of a store where every trip counts.
_BATCH_OF_A_FILE = 2**20
_BATCH_OF_A_TRIP = 64 * 2**20
# A shard that is replaced again and again while it is read is somebody's mistake.
_MOST_TRIES = 10


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

    def numbers(self, within: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of inner chunks, given by their coordinates in their shards."""
        numbers = np.zeros(len(within), np.int64)
        for axis in self.axes:
            numbers = numbers * self.counts[axis] + within[:, axis]
        return numbers


class ShardSource(ChunkSource):
    """Where the inner chunks of a sharded array come from and go to.

    Parameters
    ----------
    store, prefix, separator : of the shards
    *options : of the inner chunks, see `ChunkSource`
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
        self.read_values = ranges.parts_reader(store)
        self.indexes = IndexCache()
        nbytes = _BATCH_OF_A_FILE if access.is_near(store) else _BATCH_OF_A_TRIP
        self.batch = max(1, nbytes // max(1, self.layout.nbytes))

    def read(self, plan: Any, out: NDArray[Any], field: Field | None = None) -> None:
        pieces = PiecesByShard(plan, self)
        shared = self.shares(plan.n_pieces, plan.n_pieces * self.layout.nbytes)
        n = min(threads.n_threads(), plan.n_pieces) if shared else 1
        # two threads may read the same shard: what they read is not what they share
        starts = range(0, plan.n_pieces, max(1, min(self.batch, -(-plan.n_pieces // n))))
        batches = ((start, min(start + starts.step, plan.n_pieces)) for start in starts)
        threads.share(lambda: self.reader(plan, self, out, field, pieces), batches, n)

    def write(self, plan: Any, value: NDArray[Any], field: Field | None = None) -> None:
        pieces = PiecesByShard(plan, self)
        n_shards = len(pieces.keys)
        shared = self.synchronizer is None and n_shards > 1
        shared = shared and self.shares(plan.n_pieces, plan.n_pieces * self.layout.nbytes)
        n = min(threads.n_threads(), n_shards) if shared else 1
        batches = ((number, number + 1) for number in range(n_shards))
        threads.share(lambda: ShardWriter(plan, self, value, field, pieces), batches, n)

    def is_aligned(self, plan: Any) -> bool:
        pieces = PiecesByShard(plan, self)
        counts = [stop - start for start, stop in itertools.pairwise(pieces.first)]
        return counts == pieces.n_inside and super().is_aligned(plan)

    def damaged_shard(self, key: Key, nbytes: int, problem: str) -> ChunkDecodeError:
        return ChunkDecodeError(key, "sharding_indexed", nbytes, self.layout.nbytes, problem)


def chunk_source(
    description: ArrayDescription,
    store: Store,
    node_prefix: str,
    synchronizer: Synchronizer | None,
    options: ArrayOptions,
) -> ChunkSource:
    """Return where the chunks of an array come from, in shards or not."""
    if not description.fill_is_stated and not options.write_empty_chunks:
        # who reads the array elsewhere does not know what an absent chunk holds
        options = replace(options, write_empty_chunks=True)
    keys = description.chunk_keys
    place = (store, keys.prefix(node_prefix, len(description.shape)), keys.separator)
    rest: Any = (description.dtype, description.missing, synchronizer, options)
    pipeline = description.pipeline()
    opened = pipeline.inside_shards(description.chunks)
    strict = options.read_missing != "fill"
    if opened is None:
        source = ChunkSource(*place, pipeline, description.chunk_shape, *rest)
        if strict:
            # the lane takes a file that is missing for fill value
            source.read_folder, source.reader = None, StrictReader
        return source
    stage, inner = opened
    counts = tuple(n // c for n, c in zip(description.chunk_shape, description.chunks, strict=True))
    layout = ShardLayout(counts, pipeline.order, index_format(stage, math.prod(counts)))
    source = ShardSource(*place, inner, description.chunks, *rest, shards=layout)
    if strict:
        source.reader = StrictShardReader
    return source


class PiecesByShard:
    """The pieces of a plan, sorted by the shard that holds their chunks.

    Attributes
    ----------
    keys : of the shards
    first : of each shard the place of its first piece, and the end
    pieces : their numbers
    chunks : the numbers of their chunks in their shards
    n_inside : of each shard, how many of its chunks hold an element of the array
    """

    def __init__(self, plan: Any, source: ShardSource) -> None:
        layout = source.shards
        coords = plan.coords_table(0, plan.n_pieces)
        counts = np.array(layout.counts, np.int64)
        shards = coords // counts
        # the last key of lexsort is the first in rank; it is stable
        order = np.lexsort(shards.T[::-1]) if shards.size else np.arange(len(shards))
        shards = shards[order]
        new = np.ones(len(shards), bool)
        new[1:] = (shards[1:] != shards[:-1]).any(axis=1)
        starts = np.flatnonzero(new)
        self.pieces: list[int] = order.tolist()
        self.chunks: list[int] = layout.numbers(coords[order] - shards * counts).tolist()
        self.first: list[int] = [*starts.tolist(), len(order)]
        found = shards[starts].tolist()
        self.keys = [source.prefix + source.separator.join(map(str, at)) for at in found]
        all_counts = np.array(grid_shape(plan.grid.shape, plan.grid.chunk_shape), np.int64)
        inside = np.minimum(counts, all_counts - shards[starts] * counts)
        self.n_inside: list[int] = [math.prod(row) for row in inside.tolist()]


class ShardReader(ChunkReader):
    """Reads runs of pieces that are sorted by shard."""

    __slots__ = ("pieces",)
    source: ShardSource

    def __init__(
        self, plan: Any, source: ShardSource, out: NDArray[Any], field: Field | None, pieces: PiecesByShard
    ) -> None:
        super().__init__(plan, source, out, field)
        self.pieces = pieces

    def __call__(self, first: int, last: int) -> None:
        pieces = self.pieces
        at = bisect_right(pieces.first, first) - 1
        keys, runs = [], []
        while first < last:
            end = min(pieces.first[at + 1], last)
            keys.append(pieces.keys[at])
            runs.append((first, end))
            first = end
            at += 1

        def begin(place: int, nbytes: int | None, identity: Any) -> ranges.Questions:
            return self._read_shard(keys[place], *runs[place], nbytes, identity)

        def done(place: int, present: bool, _: Any) -> None:
            if not present:
                for number in pieces.pieces[slice(*runs[place])]:
                    self.absent(number, keys[place])

        self.source.read_values(keys, begin, done)

    def _read_shard(
        self, key: Key, first: int, last: int, nbytes: int | None, identity: Any
    ) -> ranges.Questions:
        """Ask a shard for its index, unless it is known, and for the chunks of a run of pieces."""
        source, form = self.source, self.source.shards.index
        numbers, chunks = self.pieces.pieces[first:last], self.pieces.chunks[first:last]
        index = source.indexes.get(key, identity)
        raw: Buffer | None = None
        for _ in range(_MOST_TRIES):
            if index is None:
                if raw is None:
                    (raw,) = yield [form.span]
                index = self._parse(key, raw, nbytes)
                source.indexes.put(key, identity, index)
            entries = index[chunks]
            absent = [is_absent(entry) for entry in entries]
            spans: list[Span] = [
                (int(start), int(length))
                for (start, length), gone in zip(entries, absent, strict=True)
                if not gone
            ]
            if identity is not None or not spans:
                parts = (yield spans) if spans else []
                break
            # what does not stay open may be replaced: the index comes again, with the chunks
            again, *parts = yield [form.span, *spans]
            if raw is not None and bytes(again) == bytes(raw):
                break
            raw, index = again, None
        else:
            raise source.damaged_shard(key, -1, "it was replaced again and again while it was read")
        found = iter(parts)
        for number, chunk, gone, entry in zip(numbers, chunks, absent, entries, strict=True):
            if gone:
                source.kernels.fill_piece(self.plan, number, self.layout, self.out, self.item)
                continue
            part = next(found)
            if len(part) != int(entry[1]):
                raise source.damaged_shard(
                    key, nbytes or -1, f"it ends before the end of inner chunk {chunk}"
                )
            self.take(number, f"{key} (inner chunk {chunk})", part)
        return None

    def _parse(self, key: Key, raw: Buffer, nbytes: int | None) -> NDArray[np.uint64]:
        try:
            return self.source.shards.index.parse(raw, nbytes)
        except ValueError as exc:
            raise self.source.damaged_shard(key, len(raw) if nbytes is None else nbytes, str(exc)) from None


class StrictShardReader(StrictReader, ShardReader):
    """Reads likewise, and tells which shards are missing: that a chunk is not in a shard says nothing."""


class ShardWriter(ChunkWriter):
    """Changes the chunks of one shard after the other, and stores each shard once."""

    source: ShardSource

    def __init__(
        self, plan: Any, source: ShardSource, value: NDArray[Any], field: Field | None, pieces: PiecesByShard
    ) -> None:
        super().__init__(plan, source, value, field)
        self.pieces = pieces
        self.chunks: dict[int, Buffer] = {}
        self.chunk = 0

    def __call__(self, first: int, last: int) -> None:
        for shard in range(first, last):
            pieces, key = self.pieces, self.pieces.keys[shard]
            run = slice(pieces.first[shard], pieces.first[shard + 1])
            numbers, chunks = pieces.pieces[run], pieces.chunks[run]
            replaced = [self.replaces(number) for number in numbers]
            self.chunks = {}
            if len(numbers) == pieces.n_inside[shard] and all(replaced):
                self._write_shard(key, numbers, chunks, replaced)
                continue
            with self.source.lock(key):
                (stored,) = self.source.fetch([key])
                if stored is not None:
                    self.chunks = self._chunks_of(key, stored)
                self._write_shard(key, numbers, chunks, replaced)

    def _write_shard(self, key: Key, numbers: list[int], chunks: list[int], replaced: list[bool]) -> None:
        source = self.source
        for number, self.chunk, complete in zip(numbers, chunks, replaced, strict=True):
            name = f"{key} (inner chunk {self.chunk})"
            self.put(number, name, complete, None if complete else self.chunks.get(self.chunk))
        if self.chunks:
            source.store_many({key: source.shards.index.assemble(self.chunks)})
        else:
            source.delete([key])
        self.chunks = {}

    def _chunks_of(self, key: Key, stored: Buffer) -> dict[int, Buffer]:
        """Return the encoded chunks of a shard by their numbers."""
        view = memoryview(stored).cast("B")
        try:
            chunks = dict(self.source.shards.index.chunks_of(view))
        except ValueError as exc:
            raise self.source.damaged_shard(key, len(view), str(exc)) from None
        if sum(map(len, chunks.values())) > len(view) - self.source.shards.index.nbytes:
            # written one after the other, they could be any number of times as long
            raise self.source.damaged_shard(
                key, len(view), "its inner chunks overlap; it can be read, not changed"
            )
        return chunks

    def keep(self, key: Key, encoded: Buffer | None) -> None:
        if encoded is None:
            self.chunks.pop(self.chunk, None)
        else:
            self.chunks[self.chunk] = encoded

    def flush(self) -> None:
        """The memory of the last chunk will be used again: keep a copy. The shard is stored when it is done."""
        if self.chunk in self.chunks:
            self.chunks[self.chunk] = access.as_bytes(self.chunks[self.chunk])


class IndexCache:
    """Indexes of shards, the last used of them, as long as their values are the same."""

    def __init__(self, nbytes: int = _CACHED_INDEX_NBYTES) -> None:
        self.limit, self.nbytes = nbytes, 0
        self._found: OrderedDict[Key, tuple[Any, NDArray[np.uint64]]] = OrderedDict()
        self.new_locks()
        locks.renew_in_forks(self)

    def new_locks(self) -> None:
        self._lock = threading.Lock()

    def get(self, key: Key, identity: Any) -> NDArray[np.uint64] | None:
        """Return the index of a value; None if it is not known, or of another value."""
        with self._lock:
            known, index = self._found.get(key, (None, None))
            if index is None or identity is None:
                return None
            if known is not identity and (type(known) is not tuple or known != identity):
                return None
            self._found.move_to_end(key)
            return index

    def put(self, key: Key, identity: Any, index: NDArray[np.uint64]) -> None:
        """Keep the index of a value, if the store tells one value from another."""
        if identity is None or index.nbytes > self.limit:
            return
        with self._lock:
            self._forget(key)
            self._found[key] = identity, index
            self.nbytes += index.nbytes
            while self.nbytes > self.limit:
                self._forget(next(iter(self._found)))

    def _forget(self, key: Key) -> None:
        _, index = self._found.pop(key, (None, None))
        if index is not None:
            self.nbytes -= index.nbytes
