"""Explain what a read would do, from its plan, without reading a chunk."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zarrcy import _kernels
from zarrcy.chunk_io import ChunkIO, native
from zarrcy.chunk_io.cached import CachedChunkIO
from zarrcy.chunk_io.context import ChunkContext
from zarrcy.chunk_io.rectilinear import RectilinearChunkIO
from zarrcy.chunk_io.sharding.context import ShardContext
from zarrcy.chunk_io.sharding.pieces import PiecesByShard
from zarrcy.chunk_io.sharding.sharded import ShardedChunkIO
from zarrcy.chunk_io.threaded import ThreadedChunkIO
from zarrcy.chunk_io.unsharded import UnshardedChunkIO
from zarrcy.codecs.partial_decode import WHOLE
from zarrcy.codecs.shard_index import ABSENT
from zarrcy.hierarchy.array_state import ArrayState
from zarrcy.hierarchy.report import bytes_text, html_table, text_table
from zarrcy.storage import access, byte_ranges
from zarrcy.sync import thread_pool
from zarrcy.types import AnyArray, AnyDtype, Buffer, ChunkLayout, Field, Plan, Planner, Shape, Span, Store

# A plan with more pieces is sampled: that many pieces, evenly spaced, stand for all.
_MOST_PIECES = 4096
# The headers of at most that many chunks, or the indexes of that many shards, are read.
_MOST_HEADERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a read would do: see `zarrcy.Array.explain`. It prints as a table.

    Attributes
    ----------
    shape : tuple of int
        Shape of the result, in elements.
    dtype : numpy.dtype
        Data type of the result.
    result_nbytes : int
        Size of the result, in bytes.
    n_chunks : int
        Number of chunks that are touched.
    n_grid : int
        Number of chunks of the array.
    n_whole : int
        Number of chunks of which all elements are selected.
    n_cached : int
        Number of chunks that are read from the cache of the array.
    n_shards : int or None
        Number of shards that hold the chunks; None if the array has no shards.
    n_absent : int or None
        Number of chunks that are not stored; None if the store does not know it without a request over a network.
    stored_nbytes : int or None
        Size of the stored chunks, in bytes; None as for `n_absent`.
    n_ranges : int or None
        Number of byte ranges that are read, one for each chunk that is read whole; None as for `n_absent`.
    read_nbytes : int or None
        Size of these ranges, in bytes; None as for `n_absent`.
    decoded_nbytes : int
        Number of bytes that the codecs return.
    path : str
        "native" or "fallback".
    why_fallback : str or None
        Why the native path does not read the chunks; None if it does.
    n_threads : int
        Number of threads that may share the work.
    why_threads : str
        What decides the number of threads.
    io_depth : int
        Number of stored values that may be in flight at the same time.
    why_io_depth : str
        What decides that number.
    is_estimate : bool
        Whether the numbers are scaled from a sample.
    """

    shape: Shape
    dtype: AnyDtype
    result_nbytes: int
    n_chunks: int
    n_grid: int
    n_whole: int
    n_cached: int
    n_shards: int | None
    n_absent: int | None
    stored_nbytes: int | None
    n_ranges: int | None
    read_nbytes: int | None
    decoded_nbytes: int
    path: str
    why_fallback: str | None
    n_threads: int
    why_threads: str
    io_depth: int
    why_io_depth: str
    is_estimate: bool

    def rows(self) -> list[tuple[str, str]]:
        """Return the rows of the table.

        Returns
        -------
        list of tuple of str
            Pairs of a label and a value.
        """
        about = "about " if self.is_estimate else ""
        absent = "" if self.n_absent is None else f", {about}{self.n_absent} not stored"
        chunks = f"{self.n_chunks} of {self.n_grid}: {about}{self.n_whole} whole, "
        chunks += f"{about}{self.n_chunks - self.n_whole} in part{absent}"
        rows = [
            ("Result", f"{self.shape} {self.dtype}, {bytes_text(self.result_nbytes)} bytes"),
            ("Chunks touched", chunks),
        ]
        if self.n_shards is not None:
            rows.append(("Shards opened", str(self.n_shards)))
        if self.n_cached:
            rows.append(("From the cache", _counted(self.n_cached, "chunk")))
        if self.stored_nbytes is not None:
            rows.append(("Stored bytes", about + bytes_text(self.stored_nbytes)))
        if self.n_ranges is not None and self.read_nbytes is not None:
            ranges = _counted(self.n_ranges, "range")
            rows.append(("Read", f"{about}{bytes_text(self.read_nbytes)} bytes, in {ranges}"))
        ratio = self.decoded_nbytes / self.result_nbytes if self.result_nbytes else 0
        of_result = f", {ratio:.1f} x the result" if ratio else ""
        rows += [
            ("Decoded", f"{about}{bytes_text(self.decoded_nbytes)} bytes{of_result}"),
            ("Path", self.path + ("" if self.why_fallback is None else f": {self.why_fallback}")),
            ("Threads", f"{self.n_threads}: {self.why_threads}"),
            ("Values in flight", f"{self.io_depth}: {self.why_io_depth}"),
        ]
        return rows

    def __repr__(self) -> str:
        return text_table(self.rows())

    def _repr_html_(self) -> str:
        return html_table(self.rows())


def explain_read(state: ArrayState, read: Callable[[ArrayState], object]) -> Explanation:
    """Explain a read.

    Parameters
    ----------
    state : ArrayState
        The state of the array.
    read : callable
        Does the read with the state that it is given.
    """
    recorder = PlanRecorder(state.chunk_io)
    recorder.record(lambda: read(_PlanningState(state, recorder)))
    return recorder.explain(state.node.chunk_store)


class _PlanningState(ArrayState):
    """The state of an array that plans reads as usual, but reads nothing.

    Parameters
    ----------
    state : ArrayState
        The state of the array.
    recorder : PlanRecorder
        Takes the plan.
    """

    def __init__(self, state: ArrayState, recorder: PlanRecorder) -> None:
        super().__init__(state.node, state.config, state.metadata, is_view=state.is_view)
        self.chunk_io = recorder

    def new_result(self, shape: Shape, dtype: AnyDtype) -> AnyArray:
        """Return an array that needs no memory, whatever its shape."""
        return _placeholder(shape, dtype)

    def new_large_result(self, shape: Shape, dtype: AnyDtype) -> None:
        """Return None: the result stays without memory."""


def _placeholder(shape: Shape, dtype: AnyDtype) -> AnyArray:
    """Return an array of any shape that needs no memory."""
    return np.broadcast_to(np.empty((), dtype), shape)


class _PlanRecordedError(Exception):
    """Ends a read that was started only to record its plan."""


class PlanRecorder:
    """Chunk I/O that records the plan of a read, and reads nothing.

    Parameters
    ----------
    chunk_io : ChunkIO
        The chunk I/O that a real read would use.
    """

    def __init__(self, chunk_io: ChunkIO) -> None:
        self._chunk_io = chunk_io
        self.planner: Planner = chunk_io.planner
        self.layout: ChunkLayout = chunk_io.layout
        self.fill_bytes: Buffer = chunk_io.fill_bytes
        self._recorded: tuple[Plan, AnyArray] | None = None

    def record(self, read: Callable[[], object]) -> None:
        """Start a read, and record its plan and its result array."""
        try:
            read()
        except _PlanRecordedError:
            return
        raise AssertionError("a read calls its chunk I/O")

    def read(self, plan: Plan, out: AnyArray, field: Field | None = None, prezeroed: bool = False) -> None:
        """Record a plan instead of reading it."""
        self._recorded = plan, out
        raise _PlanRecordedError

    def write(self, plan: Plan, value: AnyArray, field: Field | None = None) -> None:
        """Refuse to write: only reads are explained."""
        raise AssertionError("only reads are explained")

    def is_aligned(self, plan: Plan) -> bool:
        """Return whether a plan covers all of each stored value that it touches: see `ChunkIO.is_aligned`."""
        return self._chunk_io.is_aligned(plan)

    def explain(self, store: Store) -> Explanation:
        """Explain what the recorded read would do to `store`, the store of the chunks."""
        assert self._recorded is not None, "a read was recorded"
        plan, out = self._recorded
        n_threads = None
        chunk_io, cached = self._chunk_io, None
        if isinstance(chunk_io, ThreadedChunkIO):
            n_threads, chunk_io = chunk_io.n_threads, chunk_io.inner
        if isinstance(chunk_io, CachedChunkIO):
            cached, chunk_io = chunk_io, chunk_io.inner
        if isinstance(chunk_io, RectilinearChunkIO):
            return _explain_parts(chunk_io, plan, out, store, n_threads)
        assert isinstance(chunk_io, (UnshardedChunkIO, ShardedChunkIO))
        return _explain_plan(plan, out, store, chunk_io, cached, n_threads)


def _counted(n: int, noun: str) -> str:
    """Return a number and a noun, in the plural unless the number is 1.

    >>> _counted(1, "range"), _counted(2, "range")
    ('1 range', '2 ranges')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _explain_plan(
    plan: Plan,
    out: AnyArray,
    store: Store,
    chunk_io: UnshardedChunkIO | ShardedChunkIO,
    cached: CachedChunkIO | None,
    n_threads: int | None,
) -> Explanation:
    """Explain what a read of a plan would do.

    Parameters
    ----------
    plan : Plan
        The plan.
    out : AnyArray
        The result array.
    store : Store
        The store of the chunks.
    chunk_io : UnshardedChunkIO or ShardedChunkIO
        Reads the chunks.
    cached : CachedChunkIO or None
        The cache of the array.
    n_threads : int or None
        The number of threads with which the array was opened.
    """
    n, context = plan.n_pieces, chunk_io.context
    reads_through_cache = cached is not None and cached.uses_cache(plan)
    cached_pieces = cached.cached_pieces(plan) if cached is not None and reads_through_cache else set()
    sample = range(n) if n <= _MOST_PIECES else range(0, n, -(-n // _MOST_PIECES))
    scale = n / max(1, len(sample))
    numbers = [number for number in sample if number not in cached_pieces]
    survey = _Survey(plan, store, context, numbers, reads_through_cache)
    is_native = context.native_path is not None and not reads_through_cache
    choice = _choose_threads(plan, context, n_threads, is_native)
    n_values = n if survey.n_shards is None else survey.n_shards
    depth = _choose_depth(chunk_io, n, n_values, choice.n)

    def scaled(count: int | None) -> int | None:
        return None if count is None else round(count * scale)

    return Explanation(
        shape=out.shape,
        dtype=out.dtype,
        result_nbytes=math.prod(out.shape) * out.dtype.itemsize,
        n_chunks=n,
        n_grid=math.prod(-(-a // c) for a, c in zip(plan.grid.shape, plan.grid.chunk_shape, strict=True)),
        n_whole=round(sum(map(plan.complete, sample)) * scale),
        n_cached=len(cached_pieces),
        n_shards=survey.n_shards,
        n_absent=scaled(survey.n_absent),
        stored_nbytes=scaled(survey.stored_nbytes),
        n_ranges=scaled(survey.n_ranges),
        read_nbytes=scaled(survey.read_nbytes),
        decoded_nbytes=round(survey.decoded_nbytes * scale),
        path="native" if is_native else "fallback",
        why_fallback=None if is_native else _why_fallback(context, reads_through_cache),
        n_threads=min(choice.n, max(1, n)),
        why_threads=choice.why,
        io_depth=depth.n,
        why_io_depth=depth.why,
        is_estimate=len(sample) < n or survey.is_estimate,
    )


def _explain_parts(
    chunk_io: RectilinearChunkIO, plan: Plan, out: AnyArray, store: Store, n_threads: int | None
) -> Explanation:
    """Explain a read of a rectilinear grid: the sum over its parts, which are read one after the other."""
    parts, parts_io = [], []
    for part, part_io, regular in chunk_io.parts(plan):
        assert isinstance(part_io, (UnshardedChunkIO, ShardedChunkIO))
        parts_io.append(part_io)
        result = _placeholder(part.result_shape, out.dtype)
        parts.append(_explain_plan(regular, result, store, part_io, None, n_threads))

    def total(values: list[int | None]) -> int | None:
        known = [value for value in values if value is not None]
        return sum(known) if len(known) == len(values) else None

    is_sharded = any(isinstance(part_io, ShardedChunkIO) for part_io in parts_io)
    slowest = next((part for part in parts if part.path == "fallback"), parts[0] if parts else None)
    busiest = max(parts, key=lambda part: part.n_threads, default=None)
    deepest = max(parts, key=lambda part: part.io_depth, default=None)
    counts = [axis.count(n) for axis, n in zip(chunk_io.planner.axes, plan.grid.shape, strict=True)]
    if is_sharded:
        # the chunks of shards have one shape, whatever the shape of the shard
        inner = parts_io[0].layout.chunk_shape
        counts = [-(-n // length) for n, length in zip(plan.grid.shape, inner, strict=True)]
    return Explanation(
        shape=out.shape,
        dtype=out.dtype,
        result_nbytes=math.prod(out.shape) * out.dtype.itemsize,
        n_chunks=sum(part.n_chunks for part in parts),
        n_grid=math.prod(counts),
        n_whole=sum(part.n_whole for part in parts),
        n_cached=0,
        n_shards=total([part.n_shards for part in parts]) if is_sharded else None,
        n_absent=total([part.n_absent for part in parts]),
        stored_nbytes=total([part.stored_nbytes for part in parts]),
        n_ranges=total([part.n_ranges for part in parts]),
        read_nbytes=total([part.read_nbytes for part in parts]),
        decoded_nbytes=sum(part.decoded_nbytes for part in parts),
        path="native" if slowest is None else slowest.path,
        why_fallback=None if slowest is None else slowest.why_fallback,
        n_threads=1 if busiest is None else busiest.n_threads,
        why_threads="no chunk is touched" if busiest is None else busiest.why_threads,
        io_depth=1 if deepest is None else deepest.io_depth,
        why_io_depth="no chunk is touched" if deepest is None else deepest.why_io_depth,
        is_estimate=any(part.is_estimate for part in parts),
    )


def _choose_threads(
    plan: Plan, context: ChunkContext, n_threads: int | None, is_native: bool
) -> thread_pool.Choice:
    """Return the number of threads that would share a read, and what decides it."""
    n = plan.n_pieces
    if n <= 1:
        return thread_pool.Choice(1, "there is one chunk at most")
    if not is_native and not context.uses_threads(n, n * context.layout.nbytes):
        return thread_pool.Choice(1, "too little work to share, or the store or a codec is not thread-safe")
    if n_threads is None:
        return thread_pool.choice()
    with thread_pool.prefer_threads(n_threads):
        return thread_pool.choice()


def _choose_depth(
    chunk_io: UnshardedChunkIO | ShardedChunkIO, n_pieces: int, n_values: int, n_threads: int
) -> thread_pool.Choice:
    """Return how many of `n_values` stored values would be in flight at the same time, and what decides it."""
    from zarrcy.sync import io_depth

    context, most = chunk_io.context, max(1, n_values)
    if context.is_in_memory:
        return thread_pool.Choice(1, "the values are in memory")
    if context.has_files:
        latency: io_depth.Latency = chunk_io.reads
        if isinstance(chunk_io, UnshardedChunkIO) and chunk_io.read_dir is not None:
            latency = chunk_io.read_dir.reads
        if not latency.wait_ns:
            return thread_pool.Choice(
                min(n_threads, most), "each thread reads one file at a time; no wait was seen"
            )
        depth = io_depth.depth_for(latency, 3 * context.layout.nbytes)
        return thread_pool.Choice(
            min(max(n_threads, depth.n_helpers + 1), most),
            f"a thread waited {latency.wait_ns / 1e6:.1f} ms for a file",
        )
    if context.has_latency:
        size, at_once = io_depth.groups_of_requests(context.batch, n_pieces)
        in_flight = size * at_once if context.works_ahead(n_pieces) else context.batch
        return thread_pool.Choice(min(in_flight, most), "requests to a server, bounded in number and bytes")
    batch = context.batch if isinstance(chunk_io, ShardedChunkIO) else context.batch_of_one_thread()
    return thread_pool.Choice(min(batch, most), "the values of one batch")


def _why_fallback(context: ChunkContext, reads_through_cache: bool) -> str:
    """Return the first reason why the native path does not read the chunks."""
    pipeline = context.pipeline
    if _kernels.native is None:
        return "this build of zarrcy has no native path"
    if not native.enabled:
        return "ZARRCY_NATIVE in the environment turns the native path off"
    if reads_through_cache:
        return "chunks are kept in a cache"
    if context.dtype.hasobject:
        return "the elements are Python objects"
    names = [stage.name for stage in pipeline.filters] + [stage.name for stage in pipeline.compressors]
    if len(names) > 1:
        return f"it does not decode this sequence of codecs: {', '.join(names)}"
    return f"it does not decode {names[0] if names else 'such chunks'}"


class _Survey:
    """What some pieces of a plan need of the store and the codecs.

    Parameters
    ----------
    plan, store, context
        As for `_explain_plan`.
    numbers : list of int
        The numbers of the pieces.
    reads_whole : bool
        Whether chunks are read whole even if a part of each is selected.
    """

    def __init__(
        self, plan: Plan, store: Store, context: ChunkContext, numbers: list[int], reads_whole: bool
    ) -> None:
        self.plan, self.store, self.context = plan, store, context
        self.reads_parts = context.read_parts is not None and not reads_whole
        self.n_shards: int | None = None
        self.n_absent: int | None = None
        self.stored_nbytes: int | None = None
        self.n_ranges: int | None = None
        self.read_nbytes: int | None = None
        self.decoded_nbytes = len(numbers) * context.layout.nbytes
        self.is_estimate = False
        if not numbers:
            self.n_absent = self.stored_nbytes = self.n_ranges = self.read_nbytes = 0
        elif isinstance(context, ShardContext):
            self._survey_shards(context, numbers)
        else:
            self._survey_chunks(numbers)

    def _survey_chunks(self, numbers: list[int]) -> None:
        context, size_of = self.context, access.sizes(self.store)
        if size_of is None:
            sizes: list[int | None] = [None] * len(numbers)
            present = numbers
        else:
            keys = [k for n in numbers for k in self.plan.keys(n, n + 1, context.prefix, context.separator)]
            sizes = size_of(keys)
            present = [number for number, size in zip(numbers, sizes, strict=True) if size is not None]
            self.n_absent = len(numbers) - len(present)
            self.stored_nbytes = sum(size for size in sizes if size is not None)
            self.n_ranges, self.read_nbytes = len(present), self.stored_nbytes
        sparse = [n for n in present if self.reads_parts and self.plan.sparse(n)]
        self.decoded_nbytes = len(present) * context.layout.nbytes
        if sparse:
            self._correct_for_parts(sparse, dict(zip(numbers, sizes, strict=True)))

    def _correct_for_parts(self, sparse: list[int], sizes: dict[int, int | None]) -> None:
        """Correct the counts for chunks of which a part is read."""
        sample = sparse[:: -(-len(sparse) // _MOST_HEADERS)]
        parts = [part for number in sample if (part := self._part(number, sizes[number])) is not None]
        if not parts:
            return
        self.is_estimate = len(sample) < len(sparse)
        scale = len(sparse) / len(parts)
        decoded = round(sum(nbytes for _, nbytes in parts) * scale)
        self.decoded_nbytes += decoded - len(sparse) * self.context.layout.nbytes
        if self.n_ranges is None or self.read_nbytes is None:
            return
        self.n_ranges += round(sum(len(spans) for spans, _ in parts) * scale) - len(sparse)
        read = sum(nbytes or 0 for spans, _ in parts for _, nbytes in spans)
        self.read_nbytes += round(read * scale) - sum(sizes[number] or 0 for number in sparse)

    def _part(self, number: int, stored_nbytes: int | None) -> tuple[list[Span], int] | None:
        """Return the byte ranges of a stored chunk that a piece needs, and the number of bytes that they decode to.

        Return None if that is not known without a request over a network.
        """
        context, nbytes = self.context, self.context.layout.nbytes
        decoded: int | None = None
        (key,) = self.plan.keys(number, number + 1, context.prefix, context.separator)

        def touched(block_nbytes: int) -> list[tuple[int, int]]:
            nonlocal decoded
            runs: list[tuple[int, int]]
            runs = context.kernels.touched_blocks(self.plan, number, context.layout, block_nbytes)
            decoded = sum(min(last * block_nbytes, nbytes) - first * block_nbytes for first, last in runs)
            return runs

        # run the generator that a read would run, until it asks for data
        questions = context.pipeline.read_parts(
            touched, lambda: context.new_chunk(key), stored_nbytes, context.policy.part_nbytes
        )
        spans = next(questions)
        while decoded is None and spans != [WHOLE]:
            # it asks for the header of the chunk
            if not access.is_local(self.store):
                return None
            header = byte_ranges.read_spans(self.store, key, spans)
            if header is None:
                return None
            spans = questions.send(header)
        questions.close()
        if decoded is None or spans == [WHOLE]:
            return [(0, stored_nbytes)], nbytes
        return spans, decoded

    def _survey_shards(self, context: ShardContext, numbers: list[int]) -> None:
        pieces = PiecesByShard(self.plan, context, np.array(numbers, np.int64))
        self.n_shards = len(pieces.keys)
        if not access.is_local(self.store):
            return
        sample = range(0, self.n_shards, -(-self.n_shards // _MOST_HEADERS))
        self.is_estimate = len(sample) < self.n_shards
        index = context.shards.index
        n_absent = stored_nbytes = n_ranges = index_nbytes = 0

        def begin(place: int, nbytes: int | None, _: object) -> byte_ranges.Questions:
            nonlocal n_absent, stored_nbytes, n_ranges, index_nbytes
            (raw,) = yield [index.span]
            shard = sample[place]
            entries = index.parse(raw, nbytes)[pieces.chunks[pieces.first[shard] : pieces.first[shard + 1]]]
            present = [int(entry[1]) for entry in entries if (entry != ABSENT).any()]
            n_absent += len(entries) - len(present)
            stored_nbytes += sum(present)
            n_ranges += 1 + len(present)
            index_nbytes += index.nbytes
            return None

        def done(place: int, present: bool, _: object) -> None:
            nonlocal n_absent
            if not present:
                n_absent += int(pieces.first[sample[place] + 1] - pieces.first[sample[place]])

        context.read_values([pieces.keys[shard] for shard in sample], begin, done)
        scaled = [
            round(count * self.n_shards / len(sample))
            for count in (n_absent, stored_nbytes, n_ranges, index_nbytes)
        ]
        self.n_absent, self.stored_nbytes, self.n_ranges = scaled[:3]
        self.read_nbytes = self.stored_nbytes + scaled[3]
        self.decoded_nbytes = (len(numbers) - self.n_absent) * context.layout.nbytes
