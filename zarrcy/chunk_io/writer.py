"""Write the pieces of a plan, chunk by chunk, on one thread."""

from __future__ import annotations

import functools
from collections.abc import Hashable, MutableMapping
from typing import TYPE_CHECKING

import numpy as np

from zarrcy.chunk_io.context import ChunkContext
from zarrcy.chunk_io.native import FileWrite, is_uniform
from zarrcy.chunk_io.pieces import batches, box_plan, copy_in_parts, flat_memory
from zarrcy.codecs import StageError
from zarrcy.errors import ChunkEncodeError, ConcurrentChangeError, NotErasableError
from zarrcy.storage import access
from zarrcy.sync import thread_pool
from zarrcy.types import AnyArray, Buffer, Field, Key, Plan

if TYPE_CHECKING:
    from zarrcy.sync.overlap import Steps

# How often another process may write a chunk, each time before this process does.
_MOST_REPEATS = 100
# Before a conditional put is tried again: at first and at most, in seconds, of which a random part is taken.
_FIRST_PAUSE, _MOST_PAUSE = 0.005, 0.5


class PartialFileWriter:
    """Writes the pieces that the native path did not write whole.

    Pieces that change a part of a chunk are written on the native path, under the lock of the file; pieces that
    this path cannot write are written on the fallback path.

    Parameters
    ----------
    context : ChunkContext
        The chunks of the array.
    plan : Plan
        All pieces of the write.
    value : AnyArray
        The elements.
    file_write : FileWrite
        The write on the native path.
    numbers : list of int
        The numbers of the pieces to write.
    """

    def __init__(
        self,
        context: ChunkContext,
        plan: Plan,
        value: AnyArray,
        file_write: FileWrite,
        numbers: list[int],
    ) -> None:
        self.context, self.plan, self.numbers = context, plan, numbers
        self.value, self.file_writer = value, file_write.new_writer()

    def __call__(self, first: int, last: int) -> None:
        context, plan = self.context, self.plan
        for number in self.numbers[first:last]:
            if not plan.complete(number):
                (key,) = plan.keys(number, number + 1, context.prefix, context.separator)
                if self._change(number, key):
                    continue
            ChunkWriter(plan, context, self.value, None)(number, number + 1)

    def _change(self, number: int, key: Key) -> bool:
        """Write a part of a chunk on the native path; return False if the fallback path must do that."""
        locks, file_writer = self.context.locks, self.file_writer
        if locks.synchronizer is not None:
            with locks.lock(key):
                return file_writer.change(number)
        with locks.lock_all([key]) as lock:
            # empty if this thread holds the lock of the chunk already; then it has locked the file, too
            is_done = file_writer.change(number, locks.on_wait if lock.names else None)
        if file_writer.lock_error:
            locks.warn_without_locks(key, file_writer.lock_error)
        return is_done


class ChunkWriter:
    """Encodes the chunks of one write, and sends them to the store in batches.

    Parameters
    ----------
    plan : Plan
        The pieces.
    context : ChunkContext
        The chunks of the array.
    value : AnyArray
        The elements.
    field : Field or None
        The field to write of each element; None for whole elements.
    """

    def __init__(self, plan: Plan, context: ChunkContext, value: AnyArray, field: Field | None) -> None:
        self.plan, self.context, self.value, self.field = plan, context, value, field
        self.layout, _ = context.field_layout(field)
        # A filter may work in place, so it never gets the caller's memory; a compressor only reads.
        encodes_in_place = not context.pipeline.filters and value.dtype == context.dtype
        self.flat = flat_memory(value) if encodes_in_place else None
        self.scratch: AnyArray | None = None
        # If all elements are the same, all chunks that are wholly inside the array have the same stored value.
        self.uniform = is_uniform(value) and not context.dtype.hasobject
        self.uniform_value: Buffer | None = None
        self.uniform_is_known = False
        self.values: dict[Key, Buffer] = {}
        self.empty: list[Key] = []
        # whether encoded chunks are copied out of memory that is used again, because they are sent later
        self.copies = False
        # Chunks that did not exist when they would have been locked, and those that another process created since. What
        # is written to the latter is not stored: it is written again.
        self.absent: set[Key] = set()
        self.taken: set[Key] = set()
        self.n_repeats = 0
        # the versions of chunks that are changed in part, as they were read, if puts are conditional
        self.versions: dict[Key, Hashable] = {}

    def __call__(self, first: int, last: int) -> None:
        """Write the pieces ``first <= number < last``."""
        keys = self.plan.keys(first, last, self.context.prefix, self.context.separator)
        if self.context.locks.synchronizer is None:
            self._write(first, keys)
        else:
            self._write_synchronized(first, keys)

    def steps(self, first: int, last: int) -> Steps:
        """Yield the requests that write the pieces ``first <= number < last``: see `zarrcy.sync.overlap`.

        The caller holds the locks of the chunks that are written in part.
        """
        from zarrcy.sync.overlap import Change, Request

        self.copies = True
        keys = self.plan.keys(first, last, self.context.prefix, self.context.separator)
        pieces = self._encode_whole(first, keys)
        while True:
            partial = [key for number, key in pieces if not self.replaces(number)]
            stored: dict[Key, Buffer | None] = {}
            if partial:
                request = Request(functools.partial(self.fetch_parts, partial))
                yield request
                stored = dict(zip(partial, request.answer, strict=True))
            self._encode_pieces(pieces, stored)
            yield Change(self.flush, keys)
            pieces = self.taken_among(pieces)
            if not pieces:
                return
            keys = [key for _, key in pieces]

    def _write(self, first: int, keys: list[Key]) -> None:
        pieces = self._encode_whole(first, keys)
        most = self.context.locks.most_at_once
        for start in range(0, len(pieces), most):
            self._write_locked(pieces[start : start + most])
        self.flush()

    def _write_locked(self, pieces: list[tuple[int, Key]]) -> None:
        """Write chunks by piece number and key, and hold the locks of those that are written in part."""
        locks = self.context.locks
        while pieces:
            partial = [key for number, key in pieces if not self.replaces(number)]
            if not partial:
                self._write_pieces(pieces, {})
                return
            lock = locks.lock_values(partial)
            try:
                lock.acquire()
                self.absent = locks.absent(lock, partial)
                self._write_pieces(pieces, dict(zip(partial, self.fetch_parts(partial), strict=True)))
            finally:
                lock.release()
            locks.warn_if_unlocked(lock, partial)
            pieces = self.taken_among(pieces)

    def taken_among(self, pieces: list[tuple[int, Key]]) -> list[tuple[int, Key]]:
        """Return the pieces of chunks that another process has written meanwhile: they must be written again."""
        taken, self.taken, self.absent = self.taken, set(), set()
        if not taken:
            self.n_repeats = 0
            return []
        self.n_repeats += 1
        if self.n_repeats > _MOST_REPEATS:
            raise ConcurrentChangeError(min(taken))
        return [(number, key) for number, key in pieces if key in taken]

    def fetch_parts(self, keys: list[Key]) -> list[Buffer | None]:
        """Read chunks that are changed in part, past caches, and their versions if puts are conditional."""
        context = self.context
        if context.replacer is None:
            return context.fetch_uncached(keys)
        if self.n_repeats > 1:
            # another writer was faster twice: writers that wait for different times get their turns
            import random
            import time

            time.sleep(random.random() * min(_MOST_PAUSE, _FIRST_PAUSE * 2**self.n_repeats))
        found = context.fetch_versions(keys)
        self.versions.update(zip(keys, (version for _, version in found), strict=True))
        return context.as_buffers(keys, [value for value, _ in found])

    def replace_parts(self, values: MutableMapping[Key, Buffer] | MutableMapping[Key, Buffer | None]) -> None:
        """Take chunks that were changed in part out of `values`, and store those that are still what was read.

        A chunk without a value stays as it is: it did not exist.
        """
        known = self.versions.keys() & values.keys()
        if not known:
            return
        replacer = self.context.replacer
        assert replacer is not None, "only conditional puts need versions"
        changed = [(key, values.pop(key), self.versions.pop(key)) for key in sorted(known)]
        self.taken.update(
            access.replace_values(replacer, [(k, value, v) for k, value, v in changed if value is not None])
        )

    def _write_pieces(self, pieces: list[tuple[int, Key]], stored: dict[Key, Buffer | None]) -> None:
        """Write chunks by piece number and key; `stored` has the present values of partly written chunks."""
        self._encode_pieces(pieces, stored)
        self.flush()

    def _encode_pieces(self, pieces: list[tuple[int, Key]], stored: dict[Key, Buffer | None]) -> None:
        """Encode chunks on the fallback path, in several threads if that is faster."""

        def encode(writer: ChunkWriter, first: int, last: int) -> None:
            for number, key in pieces[first:last]:
                writer.put(number, key, key not in stored, stored.pop(key, None))

        n_threads = self.context.encoding_threads(len(pieces))
        if n_threads == 1:
            encode(self, 0, len(pieces))
            return
        thread_pool.share(
            lambda: functools.partial(encode, self.beside()), batches(len(pieces), 1), n_threads
        )

    def beside(self) -> ChunkWriter:
        """Return a writer for another thread, which keeps its chunks with those of this writer."""
        writer = ChunkWriter(self.plan, self.context, self.value, self.field)
        writer.values, writer.empty, writer.copies = self.values, self.empty, True
        writer.absent, writer.versions = self.absent, self.versions
        return writer

    def _encode_whole(self, first: int, keys: list[Key]) -> list[tuple[int, Key]]:
        """Encode replaced chunks on the native path, and return number and key of the pieces left over."""
        context = self.context
        encoded = None
        native_path = context.native_path
        if native_path is not None and self.field is None and self.value.dtype == context.dtype:
            last = first + len(keys)
            queue = native_path.queue(self.plan, self.layout, self.value, context.fill_bytes, first, last)
            n_threads = context.batch_threads(len(keys))
            encoded = native_path.encode(queue, self.uniform, context.write_empty_chunks, n_threads)
        if encoded is None:
            return list(enumerate(keys, first))
        if set(map(type, encoded)) == {bytes}:
            # the usual case, with up to millions of chunks
            self.values.update(zip(keys, encoded, strict=True))
            return []
        fallback_pieces = []
        for number, (key, chunk) in enumerate(zip(keys, encoded, strict=True), first):
            if isinstance(chunk, bool):
                fallback_pieces.append((number, key))
            else:
                self.keep(key, chunk)
        return fallback_pieces

    def _write_synchronized(self, first: int, keys: list[Key]) -> None:
        """Write chunks, and hold the lock of a partly written chunk from before its read until after its write."""
        context = self.context
        for number, key in enumerate(keys, first):
            if self.replaces(number):
                self.put(number, key, True, None)
                continue
            with context.locks.lock(key):
                self.put(number, key, False, context.fetch_uncached([key])[0])
                self.flush()
        self.flush()

    def replaces(self, number: int) -> bool:
        """Return whether a piece overwrites everything that its chunk holds."""
        return self.field is None and bool(self.plan.complete(number))

    def put(self, number: int, key: Key, complete: bool, stored: Buffer | None) -> None:
        """Encode the new value of one chunk; `stored` is the present value of a chunk that is written in part."""
        context, plan = self.context, self.plan
        if complete and self.uniform and not plan.overhangs(number):
            if not self.uniform_is_known:
                encoded = self._encode(key, self._fresh_chunk(number, True, key, None))
                self.uniform_value = None if encoded is None else access.as_bytes(encoded)
                self.uniform_is_known = True
            self.keep(key, self.uniform_value)
            return
        truncates = context.blocks is not None and context.blocks.writes_truncated
        if truncates and (stored is not None or plan.overhangs(number)):
            self.keep(key, self._truncated_block(number, key, stored))
            return
        if complete and self.flat is not None:
            start = context.kernels.run_of_piece(plan, number, context.layout, self.value)
            if start >= 0:
                chunk = self.flat[start : start + context.layout.nbytes]
                # Codecs may read their input twice, and another thread may change the value meanwhile: what is stored
                # must decode. Bytes that are stored as they are do not need a copy.
                if not context.pipeline.is_raw:
                    own = context.new_chunk(key)
                    copy_in_parts(own, chunk)
                    chunk = own
                self.keep(key, self._encode(key, chunk))
                return
        chunk = self._fresh_chunk(number, complete, key, stored)
        encoded = self._encode(key, chunk)
        self.keep(key, encoded)
        if not (self.copies or isinstance(encoded, bytes)):
            # it may share the memory of the scratch chunk: send it before that is used again
            self.flush()

    def _fresh_chunk(self, number: int, complete: bool, key: Key, stored: Buffer | None) -> AnyArray:
        """Return the new content of a chunk, in the scratch memory."""
        context, plan = self.context, self.plan
        if self.scratch is None:
            self.scratch = context.new_chunk(key, stored)
        chunk = self.scratch
        if stored is not None:
            decoded = context.decode(key, stored, chunk)
            if decoded is not chunk:
                if not context.dtype.hasobject:
                    decoded = np.frombuffer(decoded, np.uint8)
                if decoded.shape != chunk.shape:
                    raise context.damaged(key, stored)
                copy_in_parts(chunk, decoded)
        elif not complete or plan.overhangs(number):
            context.kernels.fill(chunk, context.fill_bytes)
        if self.value.dtype != context.dtype and self.field is None:
            # each piece is cast on its own, so a value of another data type is never copied as a whole
            box = box_plan(plan)
            assert box is not None, "along lists a value has the data type of the array"
            within, where = box.slices(number)
            context.shaped(chunk)[within] = self.value[where]
        elif not context.kernels.scatter(plan, number, chunk, self.layout, self.value):
            raise AssertionError("the scratch chunk has the length of a chunk")
        return chunk

    def _truncated_block(self, number: int, key: Key, stored: Buffer | None) -> Buffer | None:
        """Encode a chunk as an N5 block without what is beyond the edge; None if it need not be stored."""
        context = self.context
        block = None
        if stored is not None:
            with context.using_blocks(key, stored) as blocks:
                block = blocks.decode(stored)
        with context.using_blocks(key, None) as blocks:
            changed = blocks.change(self.plan, number, block, self.value, self.field)
            if not context.write_empty_chunks and blocks.is_empty(changed):
                return None
            return blocks.encode(changed)

    def _encode(self, key: Key, chunk: AnyArray) -> Buffer | None:
        """Encode a chunk; None if it consists of the fill value and such chunks are not stored."""
        context = self.context
        if not context.write_empty_chunks and context.kernels.is_filled(chunk, context.fill_bytes):
            return None
        try:
            return context.pipeline.encode(chunk)
        except StageError as exc:
            raise ChunkEncodeError(key, exc.stage, exc.problem) from exc.__cause__

    def keep(self, key: Key, encoded: Buffer | None) -> None:
        """Keep an encoded chunk until `flush`; None means that it will be deleted."""
        if encoded is None and self.versions.get(key) is not None:
            # there is no conditional deletion
            self.values[key] = self._fill_chunk(key)
        elif encoded is None:
            # a chunk that did not exist is as if it had been deleted then
            if key not in self.absent and key not in self.versions:
                self.empty.append(key)
        else:
            self.values[key] = access.as_bytes(encoded) if self.copies else encoded

    def flush(self) -> None:
        """Send the kept chunks to the store."""
        if self.versions:
            self.replace_parts(self.values)
        for key in self.absent & self.values.keys():
            if not self.context.locks.create(key, self.values.pop(key)):
                self.taken.add(key)
        if self.values:
            self.context.store_many(self.values)
            self.values = {}
        if self.empty:
            try:
                self.context.delete(self.empty)
            except NotErasableError:
                self._store_fill(self.empty)
            self.empty = []

    def _store_fill(self, keys: list[Key]) -> None:
        """Store the fill value in those of the chunks that exist, for a store that can't delete keys."""
        context = self.context
        for key in keys:
            try:
                context.delete([key])
            except NotErasableError:
                if context.blocks is not None:
                    raise
                context.store_many({key: self._fill_chunk(key)})

    def _fill_chunk(self, key: Key) -> Buffer:
        """Return an encoded chunk of the fill value."""
        chunk = self.context.new_chunk(key)
        self.context.kernels.fill(chunk, self.context.fill_bytes)
        return self.context.pipeline.encode(chunk)
