"""Read the inner chunks of shards, on one thread."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from zarrcy.chunk_io.missing_chunks import MissingChunks
from zarrcy.chunk_io.reader import ChunkReader
from zarrcy.chunk_io.sharding.context import ShardContext
from zarrcy.chunk_io.sharding.pieces import InnerChunk, PiecesByShard, ShardRun
from zarrcy.codecs.partial_decode import WHOLE, PartialRead
from zarrcy.codecs.shard_index import ABSENT
from zarrcy.storage import byte_ranges
from zarrcy.sync import thread_pool
from zarrcy.types import AnyArray, Buffer, Field, Key, Plan, Span

if TYPE_CHECKING:
    from zarrcy.sync.io_depth import CallWaits, FileWaits
    from zarrcy.sync.overlap import Steps


class ShardReader(ChunkReader):
    """Reads runs of pieces that are sorted by shard.

    Parameters
    ----------
    plan, context, out, field, prezeroed
        As for `ChunkReader`; the context is that of inner chunks.
    pieces : PiecesByShard
        The pieces to read. A call of the reader gets positions in it.
    pinned : PinnedValues, optional
        Reads the shards, if several calls of readers read pieces of one shard: then all come from one version of it.
    again : bool, default False
        Whether the result may have elements of these pieces, from a version that was replaced.
    """

    __slots__ = ("again", "pieces", "pinned")
    context: ShardContext
    may_read_natively: ClassVar[bool] = True

    def __init__(
        self,
        plan: Plan,
        context: ShardContext,
        out: AnyArray,
        field: Field | None,
        prezeroed: bool,
        pieces: PiecesByShard,
        pinned: byte_ranges.PinnedValues | None = None,
        again: bool = False,
    ) -> None:
        super().__init__(plan, context, out, field, prezeroed and not again)
        self.pieces, self.pinned, self.again = pieces, pinned, again

    def __call__(self, first: int, last: int) -> None:
        runs = self._runs(first, last)
        if self.context.files is not None and self.may_read_natively:
            for run in runs:
                self._read_file(run)
        else:
            read = self.context.read_values if self.pinned is None else self.pinned.read
            read([run.key for run in runs], *self._parts_of_runs(runs))
        if self.pinned is not None:
            self._release(runs)

    def steps(self, first: int, last: int) -> Steps:
        """Yield the requests that read the pieces from position `first` to before `last`."""
        runs = self._runs(first, last)
        steps = self.context.read_values.steps if self.pinned is None else self.pinned.steps
        yield from steps([run.key for run in runs], *self._parts_of_runs(runs))
        if self.pinned is not None:
            self._release(runs)

    def _runs(self, first: int, last: int) -> list[ShardRun]:
        """Return the runs of pieces from position `first` to before `last`, one for each shard."""
        pieces, runs = self.pieces, []
        shard = bisect_right(pieces.first, first) - 1
        while first < last:
            stop = min(pieces.first[shard + 1], last)
            runs.append(ShardRun(pieces.keys[shard], first, stop))
            first = stop
            shard += 1
        return runs

    def _release(self, runs: list[ShardRun]) -> None:
        assert self.pinned is not None, "the caller checks that several batches read a shard"
        for run in runs:
            self.pinned.release(run.key, run.stop - run.first)

    def _read_file(self, run: ShardRun) -> None:
        """Read a run from the file of its shard, on the native path."""
        context, pieces = self.context, self.pieces
        key, first, stop = run
        numbers, chunks = pieces.pieces[first:stop], pieces.chunks[first:stop]
        assert context.files is not None, "the caller checks that shards are files"
        shard = (context.files if self.pinned is None else self.pinned).open_value(key)
        if shard is None:
            for number in numbers.tolist():
                self.fill(number, key)
            return
        with shard:
            index = context.index_of(key, shard)
            assert context.native_path is not None, "the caller checks that shards are files"
            queue = context.native_path.queue(
                self.plan, self.layout, self.out, self.fill_bytes, numbers=numbers
            )
            fallback_pieces = context.native_path.read_spans(queue, shard.fd, index, chunks)
            for number in fallback_pieces:
                place = first + int(np.flatnonzero(numbers == number)[0])
                questions = self._read_shard(ShardRun(key, place, place + 1), shard.nbytes, lambda: True)
                byte_ranges.read_open(shard, 0, questions)

    def _parts_of_runs(self, runs: list[ShardRun]) -> tuple[byte_ranges.Begin, byte_ranges.Done]:
        """Return what starts and ends the read of each run."""
        begun: set[int] = set()

        def begin(
            place: int, nbytes: int | None, is_one_version: Callable[[], bool]
        ) -> byte_ranges.Questions:
            if place in begun:
                self._forget_prezeroed()
            begun.add(place)
            return self._read_shard(runs[place], nbytes, is_one_version)

        def done(place: int, present: bool, _: object) -> None:
            if not present:
                key, first, stop = runs[place]
                for number in self.pieces.pieces[first:stop].tolist():
                    self.fill(number, key)

        return begin, done

    def _read_shard(
        self, run: ShardRun, nbytes: int | None, is_one_version: Callable[[], bool]
    ) -> byte_ranges.Questions:
        """Request the index of a shard, and the chunks of a run; or the whole shard, if that is not much more."""
        if nbytes is None and self._needs_most_of(run):
            most = self.context.whole_shard_nbytes
            (value,) = yield [(0, most)]
            view = memoryview(value).cast("B")
            if len(view) < most:
                byte_ranges.read_value(view, self._read_parts_of_shard(run, len(view), lambda: True))
                return None
        yield from self._read_parts_of_shard(run, nbytes, is_one_version)
        return None

    def _needs_most_of(self, run: ShardRun) -> bool:
        """Return whether a shard is read with one request, and at most as much is read in vain as is needed."""
        context, n_chunks = self.context, self.context.shards.index.n_chunks
        if context.whole_shard_nbytes == 0 or context.reads_inner_parts or self.pinned is not None:
            return False
        is_small = n_chunks * context.layout.nbytes <= context.policy.remote_parts_min_chunk_nbytes
        return is_small or 2 * (run.stop - run.first) >= n_chunks

    def _read_parts_of_shard(
        self, run: ShardRun, nbytes: int | None, is_one_version: Callable[[], bool]
    ) -> byte_ranges.Questions:
        """Request the index of a shard, and the chunks of a run."""
        context, index_span = self.context, self.context.shards.index.span
        key, first, stop = run
        numbers, chunks = self.pieces.pieces[first:stop].tolist(), self.pieces.chunks[first:stop].tolist()
        raw: Buffer | None
        (raw,) = yield [index_span]
        for _ in range(context.policy.shard_read_attempts):
            index = context.parse_index(key, raw, nbytes)
            present, absent = [], []
            for number, chunk, entry in zip(numbers, chunks, index[chunks].tolist(), strict=True):
                if entry == [ABSENT, ABSENT]:
                    absent.append(number)
                else:
                    present.append(InnerChunk(number, chunk, *entry))
            if not present:
                break
            questions = self._read_chunks(key, nbytes, present)
            if is_one_version():
                yield from questions
                break
            # A shard that the store does not keep open may be replaced: request the index again, with the chunks.
            raw = yield from _ask_with_index(index_span, raw, questions)
            if raw is None:
                break
            self._forget_prezeroed()
        else:
            raise context.damaged_shard(key, -1, "it was replaced repeatedly while it was read")
        for number in absent:
            context.kernels.fill_piece(self.plan, number, self.layout, self.out, self.fill_bytes)
        return None

    def _forget_prezeroed(self) -> None:
        """Write fill values from now on: the result may have elements of a shard that was replaced."""
        self.fill_bytes = self.context.field_layout(self.field)[1]

    def _read_chunks(self, key: Key, nbytes: int | None, present: list[InnerChunk]) -> byte_ranges.Questions:
        """Request the selected bytes of several chunks of a shard together, and take them."""
        if not self.context.reads_inner_parts:
            parts = yield [(c.start, c.nbytes) for c in present]
            for chunk, part in zip(present, parts, strict=True):
                self._check_length(key, nbytes, chunk, part, chunk.nbytes)
            self._take_chunks(key, present, parts)
            return None
        asking = []
        for chunk in present:
            questions = self._read_chunk(key, chunk)
            asking.append((chunk, questions, next(questions)))
        while asking:
            spans = [chunk.range_in_shard(span) for chunk, _, asked in asking for span in asked]
            answers = iter(zip((yield [*spans]), spans, strict=True))
            still_asking = []
            for chunk, questions, asked in asking:
                parts = []
                for part, (_, length) in islice(answers, len(asked)):
                    self._check_length(key, nbytes, chunk, part, length)
                    parts.append(part)
                try:
                    still_asking.append((chunk, questions, questions.send(parts)))
                except StopIteration as stop:
                    # take it before another chunk is decoded to the same memory
                    self._take_chunk(key, chunk, stop.value)
            asking = still_asking
        return None

    def _check_length(
        self, key: Key, nbytes: int | None, chunk: InnerChunk, part: Buffer, length: int
    ) -> None:
        if len(part) != length:
            problem = f"it ends before the end of inner chunk {chunk.chunk}"
            raise self.context.damaged_shard(key, nbytes or -1, problem)

    def _read_chunk(self, key: Key, chunk: InnerChunk) -> PartialRead:
        """Request a chunk, or the selected parts of it if the piece is sparse."""
        context, plan = self.context, self.plan
        if not plan.sparse(chunk.piece):
            (stored,) = yield [WHOLE]
            return stored
        touched = partial(context.kernels.touched_blocks, plan, chunk.piece, self.layout)
        memory = partial(self.chunk_memory, key)
        part_nbytes = context.policy.part_nbytes
        return (yield from context.pipeline.read_parts(touched, memory, chunk.nbytes, part_nbytes))

    def _take_chunks(self, key: Key, present: list[InnerChunk], parts: list[Buffer]) -> None:
        """Take chunks that were read whole, on the native path if it can."""
        context, chunks = (
            self.context,
            {chunk.piece: (chunk, part) for chunk, part in zip(present, parts, strict=True)},
        )
        left: Iterable[int] = chunks
        if context.native_path is not None and self.may_read_natively:
            numbers = np.fromiter(chunks, np.int64, len(chunks))
            queue = context.native_path.queue(
                self.plan, self.layout, self.out, self.fill_bytes, numbers=numbers
            )
            left = context.native_path.read_values(queue, list(parts), context.batch_threads(len(chunks)))
        for number in left:
            self._take_chunk(key, *chunks[number])

    def _take_chunk(self, key: Key, chunk: InnerChunk, stored: Buffer | None) -> None:
        """Take a chunk that was read whole or, if `stored` is None, in parts, which are in memory already."""
        if stored is not None:
            self.take(chunk.piece, f"{key} (inner chunk {chunk.chunk})", stored)
        else:
            self.context.kernels.gather(self.plan, chunk.piece, self.scratch, self.layout, self.out)


class MissingShardReader(ShardReader):
    """Reads shards, and reports those that are missing. A chunk that is missing in a stored shard is filled."""

    __slots__ = ("missing",)
    may_read_natively = False

    def __init__(
        self,
        plan: Plan,
        context: ShardContext,
        out: AnyArray,
        field: Field | None,
        prezeroed: bool,
        pieces: PiecesByShard,
        pinned: byte_ranges.PinnedValues | None = None,
        again: bool = False,
    ) -> None:
        self.missing = MissingChunks(plan, context, out)
        super().__init__(plan, context, self.missing.data, field, prezeroed, pieces, pinned, again)

    def _runs(self, first: int, last: int) -> list[ShardRun]:
        if self.again:
            for number in self.pieces.pieces[first:last].tolist():
                self.missing.retract(number)
        return super()._runs(first, last)

    def fill(self, number: int, key: Key) -> None:
        self.missing.report(number, key)
        super().fill(number, key)


def read_in_batches(
    pieces: PiecesByShard,
    context: ShardContext,
    make_reader: Callable[[byte_ranges.PinnedValues | None, bool], ShardReader],
    size: int,
    n_threads: int,
    at_once: int = 0,
    place: FileWaits | None = None,
) -> None:
    """Read pieces in batches, on several threads. All batches that read a shard read the same version of it.

    Two threads may read one shard, so a batch does not have to end at the border of a shard. A shard that was replaced
    between two batches is read again.

    Parameters
    ----------
    pieces : PiecesByShard
        The pieces.
    context : ShardContext
        The shards of the array.
    make_reader : callable
        Makes the reader of a thread. It takes the reader of the shards, if batches have shards in common, and whether
        pieces are read again: the result may then have elements of a version that was replaced.
    size : int
        Most pieces of a batch.
    n_threads : int
        The number of threads.
    at_once : int, default 0
        If it is not 0, this many batches are requested at once, and decoded in this thread as they arrive.
    place : FileWaits, optional
        How long threads wait for shards that are files: if they do, each thread takes one shard, and more threads come.
    """
    replaced: set[Key] | None = None
    for attempts_left in reversed(range(context.policy.split_shard_attempts)):
        splits = context.splits_shards and (not at_once or pieces.most_of_a_shard() > context.batch)
        batches = pieces.batches(size, splits, replaced)
        split = pieces.split_shards(batches)
        pinned = context.pin_values(pieces.n_uses(), split, not attempts_left) if split else None
        try:
            if place is not None and replaced is None:
                _read_files(
                    pieces,
                    context,
                    partial(make_reader, pinned, False),
                    place,
                    size=size,
                    n_threads=n_threads,
                    may_split=bool(split),
                )
            elif at_once:
                overlap_reads(partial(make_reader, pinned, replaced is not None), batches, at_once)
            else:
                thread_pool.share(partial(make_reader, pinned, replaced is not None), batches, n_threads)
        finally:
            if pinned is not None:
                pinned.close()
        if pinned is None or not pinned.replaced:
            return
        replaced = pinned.replaced


def _read_files(
    pieces: PiecesByShard,
    context: ShardContext,
    make_reader: Callable[[], ShardReader],
    place: FileWaits,
    *,
    size: int,
    n_threads: int,
    may_split: bool,
) -> None:
    """Read shards that are files, in more threads if these are slow."""
    waits = place.begin()
    thread_pool.share(
        lambda: waits.counted(make_reader()),
        _ranges_of_files(pieces, waits, size, may_split),
        n_threads,
        depth=waits.depth(3 * context.layout.nbytes),
    )


def _ranges_of_files(
    pieces: PiecesByShard, waits: CallWaits, size: int, may_split: bool
) -> Iterator[tuple[int, int]]:
    """Yield ranges of positions in pieces: those of one shard as long as threads may wait for its file."""
    for shard in range(len(pieces.keys)):
        if waits.are_short:
            yield from pieces.batches(size, may_split, start=shard)
            return
        yield pieces.first[shard], pieces.first[shard + 1]


def overlap_reads(
    make_reader: Callable[[], ShardReader], batches: list[tuple[int, int]], at_once: int
) -> None:
    """Read batches, of which at most `at_once` are requested at the same time."""
    from zarrcy.sync.overlap import overlap

    overlap(lambda: make_reader().steps, batches, at_once)


def _ask_with_index(
    span: Span, index: Buffer, questions: byte_ranges.Questions
) -> Generator[list[Span], list[Buffer], Buffer | None]:
    """Ask questions, each together with the index; return the present index if it changed, else None."""
    spans = next(questions)
    while True:
        again, *parts = yield [span, *spans]
        if bytes(again) != bytes(index):
            return again
        try:
            spans = questions.send(parts)
        except StopIteration:
            return None
