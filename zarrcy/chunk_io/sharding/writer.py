"""Writing to shards: the loops of `zarrcy.chunk_io.chunk_io`, shard by shard.

A shard whose key is a file is written in the native lane: chunks are encoded and written one behind the other as
they get ready, and what the shard held beside them is copied from the old file, so that no shard is ever in
memory. Elsewhere the chunks of a shard are changed in memory, and put together again.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.chunk_io import native
from zarrcy.chunk_io.writer import ChunkWriter
from zarrcy.codecs.shard_index import ABSENT
from zarrcy.storage import access
from zarrcy.storage.capabilities import OpenFile
from zarrcy.types import Buffer, Field, Key

_COPIED_NBYTES = 2**20


class ShardWriter(ChunkWriter):
    """Changes the chunks of one shard after the other, and stores each shard once.

    Parameters
    ----------
    plan, source, value, field : as for `ChunkWriter`; the source is that of inner chunks
    pieces : the pieces of the plan by shard
    n_threads : encode the chunks of one shard, where that is done in the native lane
    """

    source: Any

    def __init__(
        self,
        plan: Any,
        source: Any,
        value: NDArray[Any],
        field: Field | None,
        pieces: Any,
        n_threads: int = 1,
    ) -> None:
        super().__init__(plan, source, value, field)
        self.pieces = pieces
        self.n_threads = n_threads
        self.chunks: dict[int, Buffer] = {}
        self.chunk = 0

    def __call__(self, first: int, last: int) -> None:
        for shard in range(first, last):
            pieces, key = self.pieces, self.pieces.keys[shard]
            run = slice(pieces.first[shard], pieces.first[shard + 1])
            numbers, chunks = pieces.pieces[run], pieces.chunks[run]
            if len(numbers) == pieces.n_inside[shard] and all(map(self.replaces, numbers.tolist())):
                self.write_shard(key, numbers, chunks, True)
                continue
            with self.source.lock(key):
                self.write_shard(key, numbers, chunks, False)

    def write_shard(
        self, key: Key, numbers: NDArray[np.int64], chunks: NDArray[np.int64], replaces_all: bool
    ) -> None:
        """Write the pieces of one shard, given their numbers and those of their chunks."""
        source = self.source
        stored = None if replaces_all else source.fetch([key])[0]
        self.chunks = {} if stored is None else self._chunks_of(key, stored)
        for number, self.chunk in zip(numbers.tolist(), chunks.tolist(), strict=True):
            complete = self.replaces(number)
            name = f"{key} (inner chunk {self.chunk})"
            self.put(number, name, complete, None if complete else self.chunks.get(self.chunk))
        if self.chunks:
            source.store_many({key: source.shards.index.assemble(self.chunks)})
        else:
            source.delete([key])
        self.chunks = {}

    def _chunks_of(self, key: Key, stored: Buffer) -> dict[int, Buffer]:
        """Return the encoded chunks of a shard by their numbers."""
        view = memoryview(stored).cast("B")
        try:
            chunks = dict(self.source.shards.index.chunks_of(view))
        except ValueError as exc:
            raise self.source.damaged_shard(key, len(view), str(exc)) from None
        self.refuse_overlaps(key, sum(map(len, chunks.values())), len(view))
        return chunks

    def refuse_overlaps(self, key: Key, chunks_nbytes: int, nbytes: int) -> None:
        """Refuse shards whose chunks lie over one another: one by one, they could be any number of times as long."""
        if chunks_nbytes > nbytes - self.source.shards.index.nbytes:
            problem = "its inner chunks overlap; it can be read, not changed"
            raise self.source.damaged_shard(key, nbytes, problem)

    def keep(self, key: Key, encoded: Buffer | None) -> None:
        if encoded is None:
            self.chunks.pop(self.chunk, None)
        else:
            self.chunks[self.chunk] = encoded

    def flush(self) -> None:
        """The memory of the last chunk will be used again: keep a copy. The shard is stored when it is done."""
        if self.chunk in self.chunks:
            self.chunks[self.chunk] = access.as_bytes(self.chunks[self.chunk])


class ShardFileWriter(ShardWriter):
    """Changes the chunks of one shard after the other; each shard is a file, that is made anew and then renamed."""

    def write_shard(
        self, key: Key, numbers: NDArray[np.int64], chunks: NDArray[np.int64], replaces_all: bool
    ) -> None:
        source = self.source
        old = None if replaces_all else source.files.open_value(key)
        with nullcontext() if old is None else old:
            before = None if old is None else source.index_of(key, old)
            if old is not None and before is not None:
                lengths = before[(before != ABSENT).any(axis=1), 1]
                self.refuse_overlaps(key, int(lengths.sum(dtype=np.float64)), old.nbytes)
            index = np.empty((source.shards.index.n_chunks, 2), np.uint64)

            def fill(fd: int) -> bool:
                index.fill(ABSENT)
                end = np.array([0 if source.shards.index.at_end else source.shards.index.nbytes], np.int64)
                if old is not None and before is not None:
                    _copy_others(old, before, chunks, fd, index, end)
                rest = native.write_shard(
                    source.codec, fd, index, chunks, end, numbers, self.plan, source.layout, self.value,
                    source.fill_bytes, self.n_threads,
                )  # fmt: skip
                if rest:
                    chunk_of = dict(zip(numbers.tolist(), chunks.tolist(), strict=True))
                    for number in sorted(rest):
                        self._write_chunk(key, number, chunk_of[number], old, before, fd, index, end)
                if (index == ABSENT).all():
                    return False
                _write_at(
                    fd, source.shards.index.encode(index), int(end[0]) if source.shards.index.at_end else 0
                )
                return True

            source.files.write_value(key, fill)

    def _write_chunk(
        self,
        key: Key,
        number: int,
        chunk: int,
        old: OpenFile | None,
        before: NDArray[np.uint64] | None,
        fd: int,
        index: NDArray[np.uint64],
        end: NDArray[np.int64],
    ) -> None:
        """Write one chunk, which may be changed in part only."""
        complete, stored = self.replaces(number), None
        if not complete and old is not None and before is not None and (before[chunk] != ABSENT).any():
            start, nbytes = before[chunk].tolist()
            stored = old.read(start, nbytes)
        self.chunk, self.chunks = chunk, {}
        self.put(number, f"{key} (inner chunk {chunk})", complete, stored)
        encoded = self.chunks.pop(chunk, None)
        if encoded is not None:
            nbytes = memoryview(encoded).nbytes
            _write_at(fd, encoded, int(end[0]))
            index[chunk] = end[0], nbytes
            end[0] += nbytes


def _copy_others(
    old: OpenFile,
    before: NDArray[np.uint64],
    chunks: NDArray[np.int64],
    fd: int,
    index: NDArray[np.uint64],
    end: NDArray[np.int64],
) -> None:
    """Copy the chunks of an old shard that are not written to a new one, in runs of neighbours."""
    kept = (before != ABSENT).any(axis=1)
    kept[chunks] = False
    numbers = np.flatnonzero(kept)
    numbers = numbers[np.argsort(before[numbers, 0], kind="stable")]
    starts = before[numbers, 0].astype(np.int64)
    stops = starts + before[numbers, 1].astype(np.int64)
    # a run ends where the next chunk does not begin
    last = np.append(starts[1:] != stops[:-1], True) if len(numbers) else np.zeros(0, bool)
    first = np.append(True, last[:-1]) if len(numbers) else last
    for low, high in zip(np.flatnonzero(first).tolist(), np.flatnonzero(last).tolist(), strict=True):
        shift = int(end[0]) - int(starts[low])
        copied = slice(low, high + 1)
        index[numbers[copied], 0] = starts[copied] + shift
        index[numbers[copied], 1] = before[numbers[copied], 1]
        _copy(old, int(starts[low]), fd, int(end[0]), int(stops[high] - starts[low]))
        end[0] += stops[high] - starts[low]


def _copy(old: OpenFile, start: int, fd: int, at: int, nbytes: int) -> None:
    """Copy bytes from one file to another, in the kernel where it can."""
    while nbytes:
        try:
            done = os.copy_file_range(old.fd, fd, nbytes, start, at)
        except (AttributeError, OSError):
            done = 0
        if not done:
            data = old.read(start, min(nbytes, _COPIED_NBYTES))
            if not data:
                raise EOFError(f"a shard ends at byte {start}, before the end of its chunks")
            _write_at(fd, data, at)
            done = len(data)
        start, at, nbytes = start + done, at + done, nbytes - done


def _write_at(fd: int, data: Any, at: int) -> None:
    view = memoryview(data).cast("B")
    while len(view):
        done = os.pwrite(fd, view, at)
        view, at = view[done:], at + done
