"""Read the inner chunks of shards."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.chunk_io import native
from zarrcy.chunk_io.missing_chunks import MissingChunkReader
from zarrcy.chunk_io.reader import ChunkReader
from zarrcy.chunk_io.sharding.pieces import InnerChunk, PiecesByShard
from zarrcy.codecs.partial_decode import WHOLE, PartialRead
from zarrcy.codecs.shard_index import ABSENT
from zarrcy.storage import byte_ranges
from zarrcy.types import Buffer, Field, Key, Span

if TYPE_CHECKING:
    from zarrcy.chunk_io.sharding.source import ShardedChunkIO


# A shard that is replaced again and again while it is read is somebody's mistake.
_MOST_TRIES = 10


class ShardReader(ChunkReader):
    """Reads runs of pieces that are sorted by shard."""

    __slots__ = ("pieces",)
    source: ShardedChunkIO

    def __init__(
        self, plan: Any, source: ShardedChunkIO, out: NDArray[Any], field: Field | None, pieces: PiecesByShard
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


class MissingShardReader(MissingChunkReader, ShardReader):
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
