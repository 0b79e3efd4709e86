"""Read the pieces of a plan, chunk by chunk, on one thread."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.chunk_io import native
from zarrcy.chunk_io.writer import flat_memory
from zarrcy.codecs import StageError
from zarrcy.storage import byte_ranges
from zarrcy.types import Buffer, Field, Key

if TYPE_CHECKING:
    from zarrcy.chunk_io.chunk_io import UnshardedChunkIO


_NO_MEMORY = np.empty(0, np.uint8)


def batches(n_pieces: int, size: int) -> Iterable[tuple[int, int]]:
    """Return the ranges of numbers of the batches in which pieces are asked for."""
    if n_pieces <= size:
        return ((0, n_pieces),)
    return ((first, min(n_pieces, first + size)) for first in range(0, n_pieces, size))


class ChunkReader:
    """Reads batches of the pieces of one plan; pieces are disjoint, so several may work at once."""

    __slots__ = ("field", "flat", "item", "layout", "out", "plan", "scratch", "source")

    def __init__(self, plan: Any, source: UnshardedChunkIO, out: NDArray[Any], field: Field | None) -> None:
        self.plan, self.source, self.out, self.field = plan, source, out, field
        self.layout, self.item = source.target(field) if field else (source.layout, source.fill_bytes)
        self.flat = None if field or source.is_raw else flat_memory(out)
        self.scratch: NDArray[Any] | None = None

    def __call__(self, first: int, last: int) -> None:
        source = self.source
        keys = self.plan.keys(first, last, source.prefix, source.separator)
        if source.read_parts is not None:
            at = first
            for sparse, numbers in itertools.groupby(range(first, last), self.plan.sparse):
                stop = at + len(list(numbers))
                run = self._read_parts if sparse else self._read_whole
                run(at, keys[at - first : stop - first])
                at = stop
            return
        self._read_whole(first, keys)

    def _read_whole(self, first: int, keys: list[Key]) -> None:
        """Read the pieces of neighbouring numbers from whole chunks."""
        source = self.source
        values = source.fetch(keys)
        if source.codec is not None and (len(keys) > 1 or not source.is_raw):
            for number in native.read_values(
                source.codec, values, first, self.plan, self.layout, self.out, self.item
            ):
                self.take(number, keys[number - first], values[number - first])
            return
        if source.is_raw:
            # without codecs the stored values are the chunks: one call moves the whole batch
            bad = source.kernels.gather_many(self.plan, first, values, self.layout, self.out, self.item)
            if bad >= 0:
                raise source.damaged(keys[bad], values[bad])
            return
        for number, (key, stored) in enumerate(zip(keys, values, strict=True), first):
            if stored is None:
                source.kernels.fill_piece(self.plan, number, self.layout, self.out, self.item)
            else:
                self.take(number, key, stored)

    def _read_parts(self, first: int, keys: list[Key]) -> None:
        """Read the pieces of neighbouring numbers from the parts of their chunks that they touch."""
        source, plan, kernels = self.source, self.plan, self.source.kernels

        def begin(place: int, stored_nbytes: int | None, _: Any) -> byte_ranges.Questions:
            touched = functools.partial(kernels.touched_blocks, plan, first + place, self.layout)
            memory = functools.partial(self._memory, keys[place])
            return source.pipeline.read_parts(touched, memory, stored_nbytes)

        def done(place: int, present: bool, stored: Buffer | None) -> None:
            number = first + place
            if not present:
                self.absent(number, keys[place])
            elif stored is not None:
                self.take(number, keys[place], stored)
            else:
                kernels.gather(plan, number, self.scratch, self.layout, self.out)

        assert source.read_parts is not None
        source.read_parts(keys, begin, done)

    def absent(self, number: int, key: Key) -> None:
        """Read a piece of a value that is not stored."""
        self.source.kernels.fill_piece(self.plan, number, self.layout, self.out, self.item)

    def _memory(self, key: Key, stored: Buffer | None = None) -> NDArray[Any]:
        """Return memory for one chunk, which is used again and again; none where `stored` is decoded to its own."""
        if stored is not None and not self.source.pipeline.uses_memory:
            return _NO_MEMORY
        if self.scratch is None:
            self.scratch = self.source.new_chunk(key, stored)
        return self.scratch

    def take(self, number: int, key: Key, stored: Buffer) -> None:
        """Move what a piece wants of a stored chunk to its place in the result."""
        source, plan, layout = self.source, self.plan, self.layout
        if source.blocks is not None:
            try:
                block = source.blocks.decode(stored)
                source.blocks.gather(plan, number, block, layout, self.out, self.field)
            except (MemoryError, StageError) as exc:
                raise source.unusable(key, stored, exc) from exc.__cause__
            return
        at = -1 if self.flat is None else source.kernels.run_of_piece(plan, number, layout, self.out)
        if self.flat is not None and at >= 0:
            # the chunk is one run of the result: decode it there
            place = self.flat[at : at + layout.nbytes]
            chunk = source.decode(key, stored, place)
            if chunk is place:
                return
        else:
            chunk = source.decode(key, stored, self._memory(key, stored))
        if not source.kernels.gather(plan, number, chunk, layout, self.out):
            raise source.damaged(key, stored)
