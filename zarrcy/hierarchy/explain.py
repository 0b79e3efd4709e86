"""What a read would do, told from its plan without reading a chunk."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
from zarrcy.codecs.stages import Pack
from zarrcy.hierarchy.report import bytes_text, html_table
from zarrcy.storage import access, byte_ranges
from zarrcy.sync import thread_pool
from zarrcy.types import AnyArray, AnyDtype, Buffer, ChunkLayout, Field, Plan, Planner, Shape, Span, Store

# Of a plan with more pieces so many are looked at, all over it; what they have in common stands for the others.
_MOST_PIECES = 4096
# Of so many chunks, or shards, the header, or the index, is read.
_MOST_HEADERS = 64


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a read would do: see `zarrcy.Array.explain`. It prints as a table.

    Attributes
    ----------
    shape, dtype : of the result
    result_nbytes : of the result
    n_chunks, n_grid : chunks that are touched, of how many
    n_whole : chunks of which all elements are wanted
    n_cached : chunks that the cache of the array holds
    n_shards : stored values that hold the chunks, where they are kept in shards; else None
    n_absent : chunks that are not stored; None where the store can't tell cheaply
    stored_nbytes : of the stored values of the chunks; None as before
    n_ranges : of bytes that are asked of the store: one for each chunk that is read whole; None as before
    read_nbytes : in these ranges; None as before
    decoded_nbytes : that come out of the codecs
    path : "native" or "fallback"
    why_fallback : why the native path does not read it, else None
    n_threads, why_threads : that may share the work, and what decides that
    is_estimate : are the numbers made from a sample?
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
    is_estimate: bool

    def rows(self) -> list[tuple[str, str]]:
        """Return the rows of the table."""
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
            asked = _counted(self.n_ranges, "range")
            rows.append(("Read", f"{about}{bytes_text(self.read_nbytes)} bytes, in {asked}"))
        times = self.decoded_nbytes / self.result_nbytes if self.result_nbytes else 0
        much = f", {times:.1f} x the result" if times else ""
        rows += [
            ("Decoded", f"{about}{bytes_text(self.decoded_nbytes)} bytes{much}"),
            ("Path", self.path + ("" if self.why_fallback is None else f": {self.why_fallback}")),
            ("Threads", f"{self.n_threads}: {self.why_threads}"),
        ]
        return rows

    def __repr__(self) -> str:
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}} : {value}" for name, value in rows)

    def _repr_html_(self) -> str:
        return html_table(self.rows())


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
            return _explained_parts(chunk_io, plan, out, store, n_threads)
        assert isinstance(chunk_io, (UnshardedChunkIO, ShardedChunkIO))
        return _explained(plan, out, store, chunk_io.context, cached, n_threads)


def _counted(n: int, noun: str) -> str:
    """Return a number of things.

    >>> _counted(1, "range"), _counted(2, "range")
    ('1 range', '2 ranges')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def placeholder(shape: Shape, dtype: AnyDtype) -> NDArray[Any]:
    """Return an array of any shape that needs no memory."""
    return np.broadcast_to(np.empty((), dtype), shape)


def _explained(
    plan: Plan,
    out: AnyArray,
    store: Store,
    source: ChunkContext,
    cached: CachedChunkIO | None,
    wanted: int | None,
) -> Explanation:
    n = plan.n_pieces
    is_cached = cached is not None and cached.uses_cache(plan)
    held = cached.cached_pieces(plan) if cached is not None and is_cached else set()
    numbers = range(n) if n <= _MOST_PIECES else range(0, n, -(-n // _MOST_PIECES))
    scale = n / max(1, len(numbers))
    found = _Survey(plan, store, source, [number for number in numbers if number not in held], is_cached)
    is_native = source.codec is not None and not is_cached
    if wanted is None:
        choice = thread_pool.choice()
    else:
        with thread_pool.prefer_threads(wanted):
            choice = thread_pool.choice()
    if n <= 1:
        choice = thread_pool.Choice(1, "there is one chunk at most")
    elif not is_native and not source.uses_threads(n, n * source.layout.nbytes):
        choice = thread_pool.Choice(1, "too little work to share, or the store or a codec is not thread-safe")

    def scaled(count: int | None) -> int | None:
        return None if count is None else round(count * scale)

    return Explanation(
        shape=out.shape,
        dtype=out.dtype,
        result_nbytes=math.prod(out.shape) * out.dtype.itemsize,
        n_chunks=n,
        n_grid=math.prod(-(-a // c) for a, c in zip(plan.grid.shape, plan.grid.chunk_shape, strict=True)),
        n_whole=round(sum(map(plan.complete, numbers)) * scale),
        n_cached=len(held),
        n_shards=found.n_shards,
        n_absent=scaled(found.n_absent),
        stored_nbytes=scaled(found.stored_nbytes),
        n_ranges=scaled(found.n_ranges),
        read_nbytes=scaled(found.read_nbytes),
        decoded_nbytes=round(found.decoded_nbytes * scale),
        path="native" if is_native else "fallback",
        why_fallback=None if is_native else _why_fallback(source, is_cached),
        n_threads=min(choice.n, max(1, n)),
        why_threads=choice.why,
        is_estimate=len(numbers) < n or found.is_estimate,
    )


def _explained_parts(
    chunk_io: RectilinearChunkIO, plan: Plan, out: AnyArray, store: Store, wanted: int | None
) -> Explanation:
    """Explain a read of a rectilinear grid: the sum over its parts, which are read one after the other."""
    parts, parts_io = [], []
    for part, part_io, regular in chunk_io.parts(plan):
        assert isinstance(part_io, (UnshardedChunkIO, ShardedChunkIO))
        parts_io.append(part_io)
        result = placeholder(part.result_shape, out.dtype)
        parts.append(_explained(regular, result, store, part_io.context, None, wanted))

    def total(name: str) -> int | None:
        values = [getattr(part, name) for part in parts]
        return None if None in values else sum(values)

    is_sharded = any(isinstance(part_io, ShardedChunkIO) for part_io in parts_io)
    slowest = next((part for part in parts if part.path == "fallback"), parts[0] if parts else None)
    busiest = max(parts, key=lambda part: part.n_threads, default=None)
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
        n_shards=total("n_shards") if is_sharded else None,
        n_absent=total("n_absent"),
        stored_nbytes=total("stored_nbytes"),
        n_ranges=total("n_ranges"),
        read_nbytes=total("read_nbytes"),
        decoded_nbytes=sum(part.decoded_nbytes for part in parts),
        path="native" if slowest is None else slowest.path,
        why_fallback=None if slowest is None else slowest.why_fallback,
        n_threads=1 if busiest is None else busiest.n_threads,
        why_threads="no chunk is touched" if busiest is None else busiest.why_threads,
        is_estimate=any(part.is_estimate for part in parts),
    )


def _why_fallback(source: ChunkContext, is_cached: bool) -> str:
    """Return the first thing that prevents the native path from reading the chunks."""
    pipeline = source.pipeline
    if _kernels.native is None:
        return "this build of zarrcy has no native path"
    if not native.enabled:
        return "ZARRCY_NATIVE in the environment turns the native path off"
    if is_cached:
        return "chunks are kept in a cache"
    if source.dtype.hasobject:
        return "the elements are Python objects"
    if pipeline.filters:
        return f"there are filters: {', '.join(stage.name for stage in pipeline.filters)}"
    if any(isinstance(stage, Pack) and stage.swaps for stage in pipeline.stages):
        return "the bytes of an element are stored in another order"
    names = " and ".join(stage.name for stage in pipeline.compressors)
    return f"it does not decode {names or 'such chunks'}"


class _Survey:
    """What some of the pieces of a plan need of the store and the codecs.

    Parameters
    ----------
    plan, store, source : of the read
    numbers : of the pieces
    whole : are chunks read whole in any case?
    """

    n_shards: int | None = None
    n_absent: int | None = None
    stored_nbytes: int | None = None
    n_ranges: int | None = None
    read_nbytes: int | None = None
    is_estimate = False

    def __init__(
        self, plan: Plan, store: Store, source: ChunkContext, numbers: list[int], whole: bool
    ) -> None:
        self.plan, self.store, self.source = plan, store, source
        self.in_parts = source.read_parts is not None and not whole
        self.decoded_nbytes = len(numbers) * source.layout.nbytes
        if not numbers:
            self.n_absent = self.stored_nbytes = self.n_ranges = self.read_nbytes = 0
        elif isinstance(source, ShardContext):
            self._look_at_shards(source, numbers)
        else:
            self._look_at_chunks(numbers)

    def _look_at_chunks(self, numbers: list[int]) -> None:
        source, size_of = self.source, access.sizes(self.store)
        if size_of is None:
            sizes: list[int | None] = [None] * len(numbers)
            present = numbers
        else:
            keys = [k for n in numbers for k in self.plan.keys(n, n + 1, source.prefix, source.separator)]
            sizes = size_of(keys)
            present = [number for number, size in zip(numbers, sizes, strict=True) if size is not None]
            self.n_absent = len(numbers) - len(present)
            self.stored_nbytes = sum(size for size in sizes if size is not None)
            self.n_ranges, self.read_nbytes = len(present), self.stored_nbytes
        sparse = [n for n in present if self.in_parts and self.plan.sparse(n)]
        self.decoded_nbytes = len(present) * source.layout.nbytes
        if sparse:
            self._look_at_parts(sparse, dict(zip(numbers, sizes, strict=True)))

    def _look_at_parts(self, sparse: list[int], sizes: dict[int, int | None]) -> None:
        """Correct the counts for chunks of which a part is read."""
        some = sparse[:: -(-len(sparse) // _MOST_HEADERS)]
        parts = [self._part(number, sizes[number]) for number in some]
        known = [part for part in parts if part is not None]
        if not known:
            return
        self.is_estimate = len(some) < len(sparse)
        each = len(sparse) / len(known)
        self.decoded_nbytes += (
            round(sum(d for _, d in known) * each) - len(sparse) * self.source.layout.nbytes
        )
        if self.n_ranges is None or self.read_nbytes is None:
            return
        self.n_ranges += round(sum(len(spans) for spans, _ in known) * each) - len(sparse)
        read = sum(nbytes or 0 for spans, _ in known for _, nbytes in spans)
        self.read_nbytes += round(read * each) - sum(sizes[number] or 0 for number in sparse)

    def _part(self, number: int, stored_nbytes: int | None) -> tuple[list[Span], int] | None:
        """Return the spans that a piece wants of its stored chunk, and the bytes that they decode to.

        None where that can't be told without a trip to the store.
        """
        source, nbytes = self.source, self.source.layout.nbytes
        decoded: int | None = None
        (key,) = self.plan.keys(number, number + 1, source.prefix, source.separator)

        def touched(block_nbytes: int) -> list[tuple[int, int]]:
            nonlocal decoded
            runs: list[tuple[int, int]]
            runs = source.kernels.touched_blocks(self.plan, number, source.layout, block_nbytes)
            decoded = sum(min(last * block_nbytes, nbytes) - first * block_nbytes for first, last in runs)
            return runs

        # the generator that a read would drive, driven up to where it asks for data
        questions = source.pipeline.read_parts(
            touched, lambda: source.new_chunk(key), stored_nbytes, source.policy.part_nbytes
        )
        spans = next(questions)
        while decoded is None and spans != [WHOLE]:
            # it asks for the header of the chunk
            if not access.is_local(self.store):
                return None
            found = byte_ranges.read_spans(self.store, key, spans)
            if found is None:
                return None
            spans = questions.send(found)
        questions.close()
        if decoded is None or spans == [WHOLE]:
            return [(0, stored_nbytes)], nbytes
        return spans, decoded

    def _look_at_shards(self, source: ShardContext, numbers: list[int]) -> None:
        pieces = PiecesByShard(self.plan, source, np.array(numbers, np.int64))
        self.n_shards = len(pieces.keys)
        if not access.is_local(self.store):
            return
        some = range(0, self.n_shards, -(-self.n_shards // _MOST_HEADERS))
        self.is_estimate = len(some) < self.n_shards
        index = source.shards.index
        counts = np.zeros(4, np.int64)  # absent, stored bytes, ranges, bytes of indexes

        def begin(place: int, nbytes: int | None, _: Any) -> byte_ranges.Questions:
            (raw,) = yield [index.span]
            shard = some[place]
            entries = index.parse(raw, nbytes)[pieces.chunks[pieces.first[shard] : pieces.first[shard + 1]]]
            present = [int(entry[1]) for entry in entries if (entry != ABSENT).any()]
            counts[:] += (len(entries) - len(present), sum(present), 1 + len(present), index.nbytes)
            return None

        def done(place: int, present: bool, _: Any) -> None:
            if not present:
                counts[0] += pieces.first[some[place] + 1] - pieces.first[some[place]]

        source.read_values([pieces.keys[shard] for shard in some], begin, done)
        absent, stored, asked, indexes = (round(int(n) * self.n_shards / len(some)) for n in counts)
        self.n_absent, self.stored_nbytes, self.n_ranges = absent, stored, asked
        self.read_nbytes = stored + indexes
        self.decoded_nbytes = (len(numbers) - absent) * source.layout.nbytes
