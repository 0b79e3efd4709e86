"""Write to shards, one shard after the other.

A shard whose key is a file is written on the native path: chunks are encoded and written one after the other, and
the chunks that stay are copied from the old file, so that a shard is never wholly in memory. For other stores the
chunks of a shard are changed in memory, and the shard is assembled again.
"""

from __future__ import annotations

import functools
from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from zarrcy.chunk_io.native import is_uniform
from zarrcy.chunk_io.pieces import batches
from zarrcy.chunk_io.sharding.context import ShardContext
from zarrcy.chunk_io.sharding.pieces import PiecesByShard
from zarrcy.chunk_io.sharding.shard_file import NewShard, OldShard
from zarrcy.chunk_io.writer import ChunkWriter
from zarrcy.errors import NotErasableError
from zarrcy.storage import access
from zarrcy.storage.capabilities import CreatesFiles, has_capability
from zarrcy.sync import thread_pool
from zarrcy.types import AnyArray, Buffer, Field, Key, Plan

if TYPE_CHECKING:
    from zarrcy.sync.overlap import Steps


class ShardWrite(NamedTuple):
    """What is written to one shard.

    Attributes
    ----------
    key : str
        The key of the shard.
    numbers, chunks : array of int64
        The numbers of the pieces, and of their chunks in the shard.
    replaces_all : bool
        Whether nothing of the present shard stays.
    """

    key: Key
    numbers: NDArray[np.int64]
    chunks: NDArray[np.int64]
    replaces_all: bool


class ShardWriter(ChunkWriter):
    """Changes the chunks of one shard after the other, in memory, and stores each shard once.

    Parameters
    ----------
    plan, context, value, field
        As for `ChunkWriter`; the context is that of inner chunks.
    pieces : PiecesByShard
        The pieces of the plan. A call of the writer gets shard numbers.
    n_threads : int
        The number of threads that encode the chunks of one shard, on the native path.
    """

    context: ShardContext

    def __init__(
        self,
        plan: Plan,
        context: ShardContext,
        value: AnyArray,
        field: Field | None,
        pieces: PiecesByShard,
        n_threads: int = 1,
    ) -> None:
        super().__init__(plan, context, value, field)
        self.pieces = pieces
        self.n_threads = n_threads
        # the encoded chunks of the present shard by their numbers, and the number of the present chunk
        self.chunks: dict[int, Buffer] = {}
        self.chunk = 0

    def __call__(self, first: int, last: int) -> None:
        """Write the shards ``first <= number < last``: read and store those of one call together."""
        writes = [self.shard_write(shard) for shard in range(first, last)]
        locks = self.context.locks
        if locks.synchronizer is not None:
            for write in writes:
                with nullcontext() if write.replaces_all else locks.lock(write.key):
                    self.write_shards([write])
            return
        while writes:
            partial = [write.key for write in writes if not write.replaces_all]
            if not partial:
                # whole shards take no lock
                self.absent = set()
                self.write_shards(writes)
                return
            lock = locks.lock_values(partial)
            try:
                lock.acquire()
                self.absent = locks.absent(lock, partial)
                self.write_shards(writes)
            finally:
                lock.release()
            locks.warn_if_unlocked(lock, partial)
            writes = self._taken_writes(writes)

    def shard_write(self, shard: int) -> ShardWrite:
        """Return what is written to a shard."""
        pieces = self.pieces
        run = slice(pieces.first[shard], pieces.first[shard + 1])
        numbers, chunks = pieces.pieces[run], pieces.chunks[run]
        replaces_all = len(numbers) == pieces.n_inside[shard] and all(map(self.replaces, numbers.tolist()))
        return ShardWrite(pieces.keys[shard], numbers, chunks, replaces_all)

    def write_shards(self, writes: list[ShardWrite]) -> None:
        """Write some shards, whose locks the caller holds."""
        partial = [write.key for write in writes if not write.replaces_all]
        stored = dict(zip(partial, self.fetch_parts(partial) if partial else (), strict=True))
        self._store(self._assemble_all(writes, stored))

    def steps(self, first: int, last: int) -> Steps:
        """Yield the requests that write the shards ``first <= number < last``: see `ChunkWriter.steps`."""
        from zarrcy.sync.overlap import Change, Request

        writes = [self.shard_write(shard) for shard in range(first, last)]
        while writes:
            partial = [write.key for write in writes if not write.replaces_all]
            stored: dict[Key, Buffer | None] = {}
            if partial:
                request = Request(functools.partial(self.fetch_parts, partial))
                yield request
                stored = dict(zip(partial, request.answer, strict=True))
            shards = self._assemble_all(writes, stored)
            yield Change(functools.partial(self._store, shards), list(shards))
            writes = self._taken_writes(writes)

    def _taken_writes(self, writes: list[ShardWrite]) -> list[ShardWrite]:
        """Return the writes of shards that another process has written meanwhile: they must be done again."""
        by_key = {write.key: write for write in writes}
        return [by_key[key] for _, key in self.taken_among([(0, key) for key in by_key])]

    def _assemble_all(
        self, writes: list[ShardWrite], stored: dict[Key, Buffer | None]
    ) -> dict[Key, Buffer | None]:
        """Return the new values of shards by their keys, None for a shard that has no chunks."""
        return {write.key: self._assemble(write, stored.pop(write.key, None)) for write in writes}

    def _store(self, shards: dict[Key, Buffer | None]) -> None:
        """Store the shards that have chunks, and delete the others."""
        if self.versions:
            for key in self.versions.keys() & shards.keys():
                if shards[key] is None and self.versions[key] is not None:
                    # there is no conditional deletion
                    shards[key] = self.context.shards.index.assemble({})
            self.replace_parts(shards)
        for key in self.absent & shards.keys():
            # another process may have created it since
            shard = shards.pop(key)
            if shard is not None and not self.context.locks.create(key, shard):
                self.taken.add(key)
        assembled = {key: shard for key, shard in shards.items() if shard is not None}
        if assembled:
            self.context.store_many(assembled)
        if len(assembled) < len(shards):
            self._delete([key for key, shard in shards.items() if shard is None])

    def _delete(self, keys: list[Key]) -> None:
        """Delete shards. Where the store can't delete keys, store shards without chunks in their place."""
        context = self.context
        try:
            context.delete(keys)
        except NotErasableError:
            if len(keys) == 1:
                context.store_many({keys[0]: context.shards.index.assemble({})})
                return
            # some of the shards do not exist, and need no value
            for key in keys:
                self._delete([key])

    def _assemble(self, write: ShardWrite, stored: Buffer | None) -> Buffer | None:
        """Return the new value of a shard; None if it has no chunks."""
        key = write.key
        self.chunks = {} if stored is None else self._chunks_of(key, stored)
        pieces = self._encode_natively(write)

        def encode(writer: ShardWriter, first: int, last: int) -> None:
            for number, writer.chunk in pieces[first:last]:
                complete = writer.replaces(number)
                name = f"{key} (inner chunk {writer.chunk})"
                writer.put(number, name, complete, None if complete else writer.chunks.get(writer.chunk))

        n_threads = self.context.encoding_threads(len(pieces))
        if n_threads == 1:
            encode(self, 0, len(pieces))
        else:
            thread_pool.share(
                lambda: functools.partial(encode, self.beside()), batches(len(pieces), 1), n_threads
            )
        chunks, self.chunks = self.chunks, {}
        return self.context.shards.index.assemble(chunks) if chunks else None

    def _encode_natively(self, write: ShardWrite) -> list[tuple[int, int]]:
        """Encode the chunks of a shard that are replaced, and return number and chunk of the pieces left over."""
        context, native_path = self.context, self.context.native_path
        pieces = list(zip(write.numbers.tolist(), write.chunks.tolist(), strict=True))
        if native_path is None or self.field is not None or self.value.dtype != context.dtype:
            return pieces
        queue = native_path.queue(
            self.plan, self.layout, self.value, context.fill_bytes, numbers=write.numbers
        )
        n_threads = context.batch_threads(len(pieces))
        encoded = native_path.encode(queue, self.uniform, context.write_empty_chunks, n_threads)
        if encoded is None:
            return pieces
        left = []
        for piece, chunk in zip(pieces, encoded, strict=True):
            if isinstance(chunk, bool):
                left.append(piece)
            elif chunk is None:
                self.chunks.pop(piece[1], None)
            else:
                self.chunks[piece[1]] = chunk
        return left

    def beside(self) -> ShardWriter:
        """Return a writer for another thread, which keeps its chunks with those of this writer."""
        writer = ShardWriter(self.plan, self.context, self.value, self.field, self.pieces)
        writer.chunks = self.chunks
        return writer

    def _chunks_of(self, key: Key, stored: Buffer) -> dict[int, Buffer]:
        """Return the encoded chunks of a stored shard by their numbers."""
        view = memoryview(stored).cast("B")
        try:
            chunks = dict(self.context.shards.index.chunks_of(view))
        except ValueError as exc:
            raise self.context.damaged_shard(key, len(view), str(exc)) from None
        self.check_overlaps(key, sum(map(len, chunks.values())), len(view))
        return chunks

    def check_overlaps(self, key: Key, chunks_nbytes: int, shard_nbytes: int) -> None:
        """Raise if chunks of a shard overlap: copied one by one, they could need many times the memory of the shard.

        Raises
        ------
        ChunkDecodeError
            If the chunks and the index together are longer than the shard.
        """
        if chunks_nbytes > shard_nbytes - self.context.shards.index.nbytes:
            problem = "its inner chunks overlap; it can be read, not changed"
            raise self.context.damaged_shard(key, shard_nbytes, problem)

    def keep(self, key: Key, encoded: Buffer | None) -> None:
        if encoded is None:
            self.chunks.pop(self.chunk, None)
        else:
            self.chunks[self.chunk] = encoded

    def flush(self) -> None:
        """Copy the present chunk, whose memory will be used again. The shard is stored when all chunks are done."""
        if self.chunk in self.chunks:
            self.chunks[self.chunk] = access.as_bytes(self.chunks[self.chunk])


class ShardFileWriter(ShardWriter):
    """Changes the chunks of one shard after the other; each shard is a file, which is written anew and renamed."""

    def write_shards(self, writes: list[ShardWrite]) -> None:
        for write in writes:
            self._write_file(write)

    def _write_file(self, write: ShardWrite) -> None:
        key, numbers, chunks, replaces_all = write
        context, files, native_path = self.context, self.context.files, self.context.native_path
        assert files is not None, "the caller checks that shards are files"
        assert native_path is not None, "the caller checks that shards are files"
        value = None if replaces_all else files.open_value(key)
        with nullcontext() if value is None else value:
            old = None if value is None else OldShard(value, context.index_of(key, value, must_be_whole=True))
            if old is not None:
                self.check_overlaps(key, old.chunks_nbytes, old.value.nbytes)

            def fill(fd: int) -> bool:
                new = NewShard(fd, context.shards.index, context.policy.copy_nbytes)
                if old is not None:
                    new.copy_others(old, chunks)
                queue = native_path.queue(
                    self.plan, context.layout, self.value, context.fill_bytes, numbers=numbers
                )
                fallback_pieces = native_path.write_shard(
                    queue, new, chunks, is_uniform(self.value), self.n_threads
                )
                if fallback_pieces is None:
                    fallback_pieces = numbers.tolist()
                if fallback_pieces:
                    chunk_of = dict(zip(numbers.tolist(), chunks.tolist(), strict=True))
                    for number in sorted(fallback_pieces):
                        self._write_chunk(key, number, chunk_of[number], old, new)
                return new.finish()

            if key in self.absent and has_capability(type(files), "create_value"):
                if not cast(CreatesFiles, files).create_value(key, fill):
                    self.taken.add(key)
            else:
                files.write_value(key, fill)

    def _write_chunk(self, key: Key, number: int, chunk: int, old: OldShard | None, new: NewShard) -> None:
        """Write the chunk of one piece on the fallback path; it may be changed in part only."""
        complete = self.replaces(number)
        stored = None if complete or old is None else old.read(chunk)
        self.chunk, self.chunks = chunk, {}
        self.put(number, f"{key} (inner chunk {chunk})", complete, stored)
        encoded = self.chunks.pop(chunk, None)
        if encoded is not None:
            new.append(chunk, encoded)
