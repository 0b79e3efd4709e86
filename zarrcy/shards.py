"""Arrays whose chunks are kept together in shards: the loops of `zarrcy.transfer`, shard by shard.

A plan is cut at the borders of inner chunks, as that of any array is. Here its pieces are sorted by shard, so
that each shard is opened once: a read asks for its index and then for what it needs, a write changes all
its chunks and puts it together again.
"""

from __future__ import annotations

import itertools
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zarrcy import native
from zarrcy.codecs.partial_decode import WHOLE, PartialRead
from zarrcy.codecs.shard_index import ABSENT, IndexFormat, index_format
from zarrcy.errors import ChunkDecodeError
from zarrcy.metadata import ArrayDescription
from zarrcy.missing import StrictReader
from zarrcy.settings import ArrayOptions
from zarrcy.shard_writing import ShardFileWriter, ShardWriter
from zarrcy.storage import access, byte_ranges
from zarrcy.storage.local.atomic_files import OpenValue
from zarrcy.sync import key_locks, thread_pool
from zarrcy.sync.synchronizers import Synchronizer
from zarrcy.transfer import ChunkReader, ChunkSource, Field
from zarrcy.types import Buffer, Key, Shape, Span, Store

# To decode a smaller chunk in a shard, in bytes, costs no more than to find its blocks and decode some of them.
_WORTH_INNER_PARTS = 2**20
_CACHED_INDEX_NBYTES = 64 * 2**20
# Decoded bytes that are asked for at once: of a file, and of a store where every trip counts.
_BATCH_OF_A_FILE = 2**20
_BATCH_OF_A_TRIP = 64 * 2**20
# A thread that is given so many pieces of a shard opens it seldom, and the others still have their share.
_MOST_PIECES_OF_A_FILE = 256
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
        self.read_values = byte_ranges.parts_reader(store)
        worth_parts = self.is_raw or self.layout.nbytes >= _WORTH_INNER_PARTS
        self.reads_inner_parts = self.read_parts is not None and worth_parts
        self.indexes = IndexCache()
        # a shard that is a file is read in the native lane
        self.files = access.files_of(store) if self.folder is not None else None
        nbytes = _BATCH_OF_A_FILE if access.is_near(store) else _BATCH_OF_A_TRIP
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

    def index_of(self, key: Key, value: OpenValue) -> NDArray[np.uint64]:
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
    index = index_format(stage, tuple(counts[axis] for axis in pipeline.order))
    layout = ShardLayout(counts, pipeline.order, index)
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
    pieces : their numbers, as an array
    chunks : the numbers of their chunks in their shards, as an array
    n_inside : of each shard, how many of its chunks hold an element of the array

    With `some`, numbers of pieces, these are the only ones.
    """

    def __init__(self, plan: Any, source: ShardSource, some: NDArray[np.int64] | None = None) -> None:
        layout = source.shards
        group = source.kernels.group_by_shard
        self.pieces, self.chunks, self.first, places, self.n_inside = group(plan, layout.counts, layout.axes)
        self.keys: list[Key] = [source.prefix + source.separator.join(map(str, at)) for at in places]
        if some is not None:
            self._keep(np.isin(self.pieces, some))

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        """Keep some of the pieces, and the shards that hold them."""
        shards = np.repeat(np.arange(len(self.keys)), np.diff(self.first))[kept]
        counts = np.bincount(shards, minlength=len(self.keys))
        there = np.flatnonzero(counts).tolist()
        self.pieces, self.chunks = self.pieces[kept], self.chunks[kept]
        self.keys = [self.keys[shard] for shard in there]
        self.n_inside = [self.n_inside[shard] for shard in there]
        self.first = [0, *np.cumsum(counts[there]).tolist()]


class InnerChunk(NamedTuple):
    """A chunk that is present in a shard.

    Attributes
    ----------
    piece : its number in the plan
    chunk : its number in the shard
    start, nbytes : where it stands in the value of the shard
    """

    piece: int
    chunk: int
    start: int
    nbytes: int

    def place_of(self, span: Span) -> tuple[int, int]:
        """Return where a span of the chunk stands in the value of the shard; no span goes beyond the chunk."""
        start = min(span[0], self.nbytes)
        rest = self.nbytes - start
        return self.start + start, rest if span[1] is None else min(span[1], rest)


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
        source, pieces = self.source, self.pieces
        at = bisect_right(pieces.first, first) - 1
        keys, runs = [], []
        while first < last:
            end = min(pieces.first[at + 1], last)
            keys.append(pieces.keys[at])
            runs.append((first, end))
            first = end
            at += 1
        if source.files is not None and type(self) is ShardReader:
            for key, run in zip(keys, runs, strict=True):
                self._read_file(key, *run)
            return
        self._read_general(keys, runs)

    def _read_file(self, key: Key, first: int, last: int) -> None:
        """Read a run of pieces from the file of their shard, in the native lane."""
        source, pieces = self.source, self.pieces
        numbers, chunks = pieces.pieces[first:last], pieces.chunks[first:last]
        assert source.files is not None
        value = source.files.open_value(key)
        if value is None:
            for number in numbers.tolist():
                self.absent(number, key)
            return
        with value:
            index = source.index_of(key, value)
            rest = native.read_spans(
                source.codec, value.fd, index, chunks, numbers, self.plan, self.layout, self.out, self.item
            )
        if rest:
            # what the lane gave up may be decoded in part, and gone by now: it is filled then
            self.item = source.target(self.field)[1]
        for number in rest:
            place = first + int(np.flatnonzero(numbers == number)[0])
            self._read_general([key], [(place, place + 1)])

    def _read_general(self, keys: list[Key], runs: list[tuple[int, int]]) -> None:
        """Read runs of pieces from their shards, each of which is one value of the store."""
        pieces = self.pieces

        def begin(place: int, nbytes: int | None, identity: Any) -> byte_ranges.Questions:
            return self._read_shard(keys[place], *runs[place], nbytes, identity)

        def done(place: int, present: bool, _: Any) -> None:
            if not present:
                for number in pieces.pieces[slice(*runs[place])].tolist():
                    self.absent(number, keys[place])

        self.source.read_values(keys, begin, done)

    def _read_shard(
        self, key: Key, first: int, last: int, nbytes: int | None, identity: Any
    ) -> byte_ranges.Questions:
        """Ask a shard for its index, unless it is known, and for the chunks of a run of pieces."""
        source, form = self.source, self.source.shards.index
        numbers, chunks = self.pieces.pieces[first:last].tolist(), self.pieces.chunks[first:last].tolist()
        index = source.indexes.get(key, identity)
        raw: Buffer | None = None
        for _ in range(_MOST_TRIES):
            if index is None:
                if raw is None:
                    (raw,) = yield [form.span]
                index = source.parse_index(key, raw, nbytes)
                source.indexes.put(key, identity, index)
            wanted, absent = [], []
            for number, chunk, entry in zip(numbers, chunks, index[chunks].tolist(), strict=True):
                if entry == [ABSENT, ABSENT]:
                    absent.append(number)
                else:
                    wanted.append(InnerChunk(number, chunk, *entry))
            if not wanted:
                break
            questions = self._read_chunks(key, nbytes, wanted)
            if identity is not None:
                yield from questions
                break
            # what does not stay open may be replaced: the index comes again, with the chunks
            assert raw is not None
            raw, index = (yield from _ask_with_index(form.span, raw, questions)), None
            if raw is None:
                break
        else:
            raise source.damaged_shard(key, -1, "it was replaced again and again while it was read")
        for number in absent:
            source.kernels.fill_piece(self.plan, number, self.layout, self.out, self.item)
        return None

    def _read_chunks(self, key: Key, nbytes: int | None, wanted: list[InnerChunk]) -> byte_ranges.Questions:
        """Ask for what is wanted of the chunks of a shard, of all of them at once, and take it."""
        if not self.source.reads_inner_parts:
            for chunk, part in zip(wanted, (yield [(c.start, c.nbytes) for c in wanted]), strict=True):
                self._check(key, nbytes, chunk, part, chunk.nbytes)
                self._take_chunk(key, chunk, part)
            return None
        asking = []
        for chunk in wanted:
            questions = self._read_chunk(key, chunk)
            asking.append((chunk, questions, next(questions)))
        while asking:
            spans = [chunk.place_of(span) for chunk, _, asked in asking for span in asked]
            found = iter(zip((yield [*spans]), spans, strict=True))
            following = []
            for chunk, questions, asked in asking:
                parts = []
                for part, (_, length) in islice(found, len(asked)):
                    self._check(key, nbytes, chunk, part, length)
                    parts.append(part)
                try:
                    following.append((chunk, questions, questions.send(parts)))
                except StopIteration as stop:
                    # before another chunk is put into the memory of this one
                    self._take_chunk(key, chunk, stop.value)
            asking = following
        return None

    def _check(self, key: Key, nbytes: int | None, chunk: InnerChunk, part: Buffer, length: int) -> None:
        if len(part) != length:
            problem = f"it ends before the end of inner chunk {chunk.chunk}"
            raise self.source.damaged_shard(key, nbytes or -1, problem)

    def _read_chunk(self, key: Key, chunk: InnerChunk) -> PartialRead:
        """Ask for a chunk, or for the parts of a large one that are wanted."""
        source, plan = self.source, self.plan
        if not plan.sparse(chunk.piece):
            (stored,) = yield [WHOLE]
            return stored
        touched = partial(source.kernels.touched_blocks, plan, chunk.piece, self.layout)
        return (yield from source.pipeline.read_parts(touched, partial(self._memory, key), chunk.nbytes))

    def _take_chunk(self, key: Key, chunk: InnerChunk, stored: Buffer | None) -> None:
        if stored is not None:
            self.take(chunk.piece, f"{key} (inner chunk {chunk.chunk})", stored)
        else:
            self.source.kernels.gather(self.plan, chunk.piece, self.scratch, self.layout, self.out)


class StrictShardReader(StrictReader, ShardReader):
    """Reads likewise, and tells which shards are missing: that a chunk is not in a shard says nothing."""


def _ask_with_index(
    span: Span, index: Buffer, questions: byte_ranges.Questions
) -> Generator[list[Span], list[Buffer], Buffer | None]:
    """Ask questions, each together with the index; return the index as it is now if it changed, else None."""
    spans = next(questions)
    while True:
        again, *parts = yield [span, *spans]
        if bytes(again) != bytes(index):
            return again
        try:
            spans = questions.send(parts)
        except StopIteration:
            return None


class IndexCache:
    """Indexes of shards, the last used of them, as long as their values are the same."""

    def __init__(self, nbytes: int = _CACHED_INDEX_NBYTES) -> None:
        self.limit, self.nbytes = nbytes, 0
        self._found: OrderedDict[Key, tuple[Any, NDArray[np.uint64]]] = OrderedDict()
        self.new_locks()
        key_locks.renew_in_forks(self)

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
