"""Read the pieces of a plan, chunk by chunk, on one thread."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING

import numpy as np

from zarrcy.chunk_io.context import ChunkContext
from zarrcy.chunk_io.pieces import flat_memory
from zarrcy.codecs import StageError
from zarrcy.storage import byte_ranges
from zarrcy.types import AnyArray, Buffer, Field, Key, Plan

if TYPE_CHECKING:
    from zarrcy.sync.overlap import Steps

_NO_MEMORY = np.empty(0, np.uint8)


class ChunkReader:
    """Reads batches of the pieces of one plan into a result.

    Pieces are disjoint, so several threads can fill one result, each with a reader of its own.

    Parameters
    ----------
    plan : Plan
        The pieces.
    context : ChunkContext
        The chunks of the array.
    out : AnyArray
        The result.
    field : Field or None
        The field to read of each element; None for whole elements.
    prezeroed : bool
        Whether `out` already has the fill value wherever no chunk is stored.
    """

    __slots__ = ("context", "field", "fill_bytes", "flat", "layout", "out", "plan", "scratch")

    def __init__(
        self, plan: Plan, context: ChunkContext, out: AnyArray, field: Field | None, prezeroed: bool
    ) -> None:
        self.plan, self.context, self.out, self.field = plan, context, out, field
        self.layout, self.fill_bytes = (
            context.field_layout(field) if field else (context.layout, context.fill_bytes)
        )
        if prezeroed:
            self.fill_bytes = None
        self.flat = None if field or context.is_raw else flat_memory(out)
        self.scratch: AnyArray | None = None

    def __call__(self, first: int, last: int) -> None:
        """Read the pieces ``first <= number < last``."""
        context = self.context
        keys = self.plan.keys(first, last, context.prefix, context.separator)
        if context.read_parts is None:
            self._read_whole(first, keys)
            return
        start = first
        for sparse, numbers in itertools.groupby(range(first, last), self.plan.sparse):
            stop = start + len(list(numbers))
            read = self._read_parts if sparse else self._read_whole
            read(start, keys[start - first : stop - first])
            start = stop

    def steps(self, first: int, last: int) -> Steps:
        """Yield the requests that read the pieces ``first <= number < last``: see `zarrcy.sync.overlap`."""
        from zarrcy.sync.overlap import Request

        context = self.context
        keys = self.plan.keys(first, last, context.prefix, context.separator)
        start = first
        is_sparse = _never if context.read_parts is None else self.plan.sparse
        for sparse, numbers in itertools.groupby(range(first, last), is_sparse):
            stop = start + len(list(numbers))
            part = keys[start - first : stop - first]
            if sparse and context.read_parts is not None:
                yield from context.read_parts.steps(part, *self._parts_of(start, part))
            else:
                request = Request(functools.partial(context.fetch, part))
                yield request
                self._take_fetched(start, part, request.answer)
            start = stop

    def _read_whole(self, first: int, keys: list[Key]) -> None:
        """Read consecutive pieces, beginning with `first`, from whole chunks."""
        self._take_fetched(first, keys, self.context.fetch(keys))

    def _take_fetched(self, first: int, keys: list[Key], values: list[Buffer | None]) -> None:
        """Take the values of consecutive pieces, beginning with `first`."""
        try:
            self._take_whole(first, keys, values)
        except (TypeError, ValueError, BufferError):
            # a dictionary may hold anything
            checked = self.context.as_buffers(keys, values)
            if checked is values:
                raise
            self._take_whole(first, keys, checked)

    def _take_whole(self, first: int, keys: list[Key], values: list[Buffer | None]) -> None:
        context, native_path = self.context, self.context.native_path
        if native_path is not None and (len(keys) > 1 or not context.is_raw):
            last = first + len(keys)
            queue = native_path.queue(self.plan, self.layout, self.out, self.fill_bytes, first, last)
            fallback_pieces = native_path.read_values(queue, values, context.batch_threads(len(keys)))
            for number in fallback_pieces:
                self.take(number, keys[number - first], values[number - first])
            return
        if context.is_raw:
            # without codecs the stored values are the chunks: one call moves the whole batch
            damaged = context.kernels.gather_many(
                self.plan, first, values, self.layout, self.out, self.fill_bytes
            )
            if damaged >= 0:
                raise context.damaged(keys[damaged], values[damaged])
            return
        for number, (key, stored) in enumerate(zip(keys, values, strict=True), first):
            if stored is None:
                self.fill(number, key)
            else:
                self.take(number, key, stored)

    def _read_parts(self, first: int, keys: list[Key]) -> None:
        """Read consecutive pieces, beginning with `first`, from the parts of their chunks that they touch."""
        assert self.context.read_parts is not None, "the caller checks that parts can be read"
        self.context.read_parts(keys, *self._parts_of(first, keys))

    def _parts_of(self, first: int, keys: list[Key]) -> tuple[byte_ranges.Begin, byte_ranges.Done]:
        """Return what starts and ends the read of parts of each chunk."""
        context, plan, kernels = self.context, self.plan, self.context.kernels

        def begin(place: int, stored_nbytes: int | None, _: object) -> byte_ranges.Questions:
            touched = functools.partial(kernels.touched_blocks, plan, first + place, self.layout)
            memory = functools.partial(self.chunk_memory, keys[place])
            return context.pipeline.read_parts(touched, memory, stored_nbytes, context.policy.part_nbytes)

        def done(place: int, present: bool, stored: Buffer | None) -> None:
            number = first + place
            if not present:
                self.fill(number, keys[place])
            elif stored is not None:
                self.take(number, keys[place], stored)
            else:
                kernels.gather(plan, number, self.scratch, self.layout, self.out)

        return begin, done

    def fill(self, number: int, key: Key) -> None:
        """Set the place of a piece in the result to the fill value: its chunk is not stored."""
        self.context.kernels.fill_piece(self.plan, number, self.layout, self.out, self.fill_bytes)

    def chunk_memory(self, key: Key, stored: Buffer | None = None) -> AnyArray:
        """Return memory for one chunk, the same for each chunk; empty if `stored` is decoded to its own memory."""
        if stored is not None and not self.context.pipeline.uses_memory:
            return _NO_MEMORY
        if self.scratch is None:
            self.scratch = self.context.new_chunk(key, stored)
        return self.scratch

    def take(self, number: int, key: Key, stored: Buffer) -> None:
        """Decode a stored chunk, and copy a piece of it to its place in the result."""
        context, plan, layout = self.context, self.plan, self.layout
        if context.blocks is not None:
            try:
                block = context.blocks.decode(stored)
                context.blocks.gather(plan, number, block, layout, self.out, self.field)
            except (MemoryError, StageError) as exc:
                raise context.block_error(key, stored, exc) from exc.__cause__
            return
        start = -1 if self.flat is None else context.kernels.run_of_piece(plan, number, layout, self.out)
        if self.flat is not None and start >= 0:
            # the chunk is one run of the result: decode it there
            place = self.flat[start : start + layout.nbytes]
            chunk = context.decode(key, stored, place)
            if chunk is place:
                return
        else:
            chunk = context.decode(key, stored, self.chunk_memory(key, stored))
        if not context.kernels.gather(plan, number, chunk, layout, self.out):
            raise context.damaged(key, stored)


def _never(number: int) -> bool:
    return False
