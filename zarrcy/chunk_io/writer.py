"""The writing half of `transfer`: what one thread does for the pieces of a plan, chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.chunk_io import native
from zarrcy.codecs import StageError
from zarrcy.errors import ChunkEncodeError
from zarrcy.storage import access
from zarrcy.types import Buffer, Field, Key

if TYPE_CHECKING:
    from zarrcy.chunk_io.chunk_io import UnshardedChunkIO


def flat_memory(array: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Return the bytes of an array that is one run of memory, in the order of memory; else None."""
    if array.dtype.hasobject:
        return None
    if array.flags.c_contiguous:
        return array.reshape(-1).view(np.uint8)
    if array.flags.f_contiguous:
        return array.T.reshape(-1).view(np.uint8)
    return None


class PartialFileWriter:
    """Writes the pieces that the native lane left: in part, with the lock of the file, or in the general way."""

    def __init__(
        self,
        source: UnshardedChunkIO,
        plan: Any,
        value: NDArray[Any],
        writing: native.FileWriting,
        numbers: list[int],
    ) -> None:
        self.source, self.plan, self.numbers = source, plan, numbers
        self.value, self.writer = value, writing.new_writer()

    def __call__(self, first: int, last: int) -> None:
        source, plan = self.source, self.plan
        for number in self.numbers[first:last]:
            if not plan.complete(number):
                (key,) = plan.keys(number, number + 1, source.prefix, source.separator)
                with source.lock(key):
                    if self.writer.change(number):
                        continue
            ChunkWriter(plan, source, self.value, None)(number, number + 1)


class ChunkWriter:
    """Makes the stored values of the pieces of one write, and sends them in batches."""

    def __init__(self, plan: Any, source: UnshardedChunkIO, value: NDArray[Any], field: Field | None) -> None:
        self.plan, self.source, self.value, self.field = plan, source, value, field
        self.layout, _ = source.target(field)
        # a filter may work in place, a compressor only reads: filters never see the user's memory
        as_it_is = not source.pipeline.filters and value.dtype == source.dtype
        self.flat = flat_memory(value) if as_it_is else None
        self.scratch: NDArray[Any] | None = None
        # one element everywhere: all chunks that are wholly inside the array are the same value
        self.uniform = native.is_uniform(value) and not source.dtype.hasobject
        self.uniform_value: Buffer | None = None
        self.uniform_is_known = False
        self.values: dict[Key, Buffer] = {}
        self.empty: list[Key] = []

    def __call__(self, first: int, last: int) -> None:
        keys = self.plan.keys(first, last, self.source.prefix, self.source.separator)
        if self.source.synchronizer is None:
            self._write(first, keys)
        else:
            self._write_locked(first, keys)

    def _write(self, first: int, keys: list[Key]) -> None:
        rest = self._encode_whole(first, keys)
        partial = [key for number, key in rest if not self.replaces(number)]
        if not partial:
            self._replace(rest, {})
            return
        hold = self.source.hold(partial)
        try:
            hold.acquire()
            self._replace(rest, dict(zip(partial, self.source.fetch(partial), strict=True)))
        finally:
            hold.release()

    def _replace(self, rest: list[tuple[int, Key]], present: dict[Key, Any]) -> None:
        """Write chunks by number and key; `present` are the values of those that are written in part."""
        for number, key in rest:
            self.put(number, key, key not in present, present.pop(key, None))
        self.flush()

    def _encode_whole(self, first: int, keys: list[Key]) -> list[tuple[int, Key]]:
        """Encode chunks that are replaced in the native lane, and keep them; return those that are left."""
        source = self.source
        made = None
        if source.codec is not None and self.field is None and self.value.dtype == source.dtype:
            made = native.encode(
                source.codec, first, first + len(keys), self.plan, self.layout, self.value, source.fill_bytes,
                source.write_empty_chunks,
            )  # fmt: skip
        if made is None:
            return list(enumerate(keys, first))
        if set(map(type, made)) == {bytes}:
            # the usual case, of which there may be millions
            self.values.update(zip(keys, made, strict=True))
            return []
        rest = []
        for number, (key, encoded) in enumerate(zip(keys, made, strict=True), first):
            if isinstance(encoded, bool):
                rest.append((number, key))
            else:
                self.keep(key, encoded)
        return rest

    def _write_locked(self, first: int, keys: list[Key]) -> None:
        """KeyLock the lock of a chunk from before it is read until after it is written."""
        for number, key in enumerate(keys, first):
            if self.replaces(number):
                self.put(number, key, True, None)
                continue
            with self.source.lock(key):
                self.put(number, key, False, self.source.fetch([key])[0])
                self.flush()
        self.flush()

    def replaces(self, number: int) -> bool:
        """Is nothing left of what the chunk of a piece holds?"""
        return self.field is None and bool(self.plan.complete(number))

    def put(self, number: int, key: Key, complete: bool, stored: Buffer | None) -> None:
        """Make the new value of one chunk; `stored` is the old one of a chunk that is written in part."""
        source, plan = self.source, self.plan
        if complete and self.uniform and not plan.overhangs(number):
            if not self.uniform_is_known:
                encoded = self._encode(number, key, self._fresh_chunk(number, True, key, None))
                self.uniform_value = None if encoded is None else access.as_bytes(encoded)
                self.uniform_is_known = True
            self.keep(key, self.uniform_value)
            return
        cut = source.blocks is not None and source.blocks.writes_cut
        if cut and (stored is not None or plan.overhangs(number)):
            self.keep(key, self._cut_block(number, key, stored))
            return
        if complete and self.flat is not None:
            at = source.kernels.run_of_piece(plan, number, source.layout, self.value)
            if at >= 0:
                self.keep(key, self._encode(number, key, self.flat[at : at + source.layout.nbytes]))
                return
        chunk = self._fresh_chunk(number, complete, key, stored)
        encoded = self._encode(number, key, chunk)
        self.keep(key, encoded)
        if not isinstance(encoded, bytes):
            # it may be the scratch itself, and must be gone before the next chunk is made there
            self.flush()

    def _fresh_chunk(self, number: int, complete: bool, key: Key, stored: Buffer | None) -> Any:
        source, plan = self.source, self.plan
        if self.scratch is None:
            self.scratch = source.new_chunk(key, stored)
        chunk: Any = self.scratch
        if stored is not None:
            decoded = source.decode(key, stored, chunk)
            if decoded is not chunk:
                if not source.dtype.hasobject:
                    decoded = np.frombuffer(decoded, np.uint8)
                if decoded.shape != chunk.shape:
                    raise source.damaged(key, stored)
                chunk[:] = decoded
        elif not complete or plan.overhangs(number):
            source.kernels.fill(chunk, source.fill_bytes)
        if self.value.dtype != source.dtype and self.field is None:
            # the piece is cast on its way: a value of another type is never copied as a whole
            within, where = plan.slices(number)
            source.array_of(chunk)[within] = self.value[where]
        elif not source.kernels.scatter(plan, number, chunk, self.layout, self.value):
            raise AssertionError("the scratch chunk has the length of a chunk")
        return chunk

    def _cut_block(self, number: int, key: Key, stored: Buffer | None) -> Buffer | None:
        """Make the new block of a chunk that is too large to be written as a whole without need."""
        source = self.source
        block = None
        if stored is not None:
            with source.using(key, stored) as blocks:
                block = blocks.decode(stored)
        with source.using(key, None) as blocks:
            changed = blocks.change(self.plan, number, block, self.value, self.field)
            if not source.write_empty_chunks and blocks.is_empty(changed):
                return None
            return blocks.encode(changed)

    def _encode(self, number: int, key: Key, chunk: Any) -> Buffer | None:
        """Encode a chunk; None if it is all fill value, and such chunks are not stored."""
        source = self.source
        if not source.write_empty_chunks and source.kernels.is_filled(chunk, source.fill_bytes):
            return None
        try:
            return source.pipeline.encode(chunk)
        except StageError as exc:
            raise ChunkEncodeError(key, exc.stage, exc.problem) from exc.__cause__

    def keep(self, key: Key, encoded: Buffer | None) -> None:
        if encoded is None:
            self.empty.append(key)
        else:
            self.values[key] = encoded

    def flush(self) -> None:
        """Send what was made so far to the store."""
        if self.values:
            self.source.store_many(self.values)
            self.values = {}
        if self.empty:
            self.source.delete(self.empty)
            self.empty = []
