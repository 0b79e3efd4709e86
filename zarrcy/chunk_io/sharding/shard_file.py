"""A shard that is written to a file: chunks one after the other, and the index at the end or the start."""

from __future__ import annotations

import errno
import os

import numpy as np
from numpy.typing import NDArray

from zarrcy.codecs.shard_index import ABSENT, IndexFormat
from zarrcy.storage.capabilities import OpenFile
from zarrcy.types import Buffer


class OldShard:
    """A stored shard of which some chunks are replaced.

    Parameters
    ----------
    value : OpenFile
        Its open file.
    index : array of uint64
        Its index: one row ``(offset, nbytes)`` for each chunk.
    """

    def __init__(self, value: OpenFile, index: NDArray[np.uint64]) -> None:
        self.value, self.index = value, index

    @property
    def chunks_nbytes(self) -> int:
        """The bytes of all chunks, as the index states them."""
        lengths = self.index[(self.index != ABSENT).any(axis=1), 1]
        return int(lengths.sum(dtype=np.float64))

    def read(self, chunk: int) -> bytes | None:
        """Return a stored chunk; None if it is not in the shard."""
        entry = self.index[chunk]
        if not (entry != ABSENT).any():
            return None
        start, nbytes = entry.tolist()
        return self.value.read(start, nbytes)


class NewShard:
    """A shard whose chunks are written to an open file.

    Parameters
    ----------
    fd : int
        The file descriptor.
    form : IndexFormat
        How the index is stored.
    copy_nbytes : int
        Bytes per read when chunks are copied and the kernel cannot copy between files.

    Attributes
    ----------
    index : array of uint64
        One row ``(offset, nbytes)`` for each chunk.
    end : array of int64
        One element: the offset of the next chunk. The native path changes it too.
    """

    def __init__(self, fd: int, form: IndexFormat, copy_nbytes: int) -> None:
        self.fd, self._form, self._copy_nbytes = fd, form, copy_nbytes
        self.index = np.empty((form.n_chunks, 2), np.uint64)
        self.index.fill(ABSENT)
        self.end = np.array([0 if form.at_end else form.nbytes], np.int64)

    def append(self, chunk: int, encoded: Buffer) -> None:
        """Write a chunk behind the others."""
        nbytes = memoryview(encoded).nbytes
        self._write(encoded, int(self.end[0]))
        self.index[chunk] = self.end[0], nbytes
        self.end[0] += nbytes

    def copy_others(self, old: OldShard, replaced: NDArray[np.int64]) -> None:
        """Copy all chunks of the old shard but those that are replaced, in runs of neighbours."""
        before = old.index
        kept = (before != ABSENT).any(axis=1)
        kept[replaced] = False
        numbers = np.flatnonzero(kept).astype(np.int64, copy=False)
        numbers = numbers[np.argsort(before[numbers, 0], kind="stable").astype(np.int64, copy=False)]
        starts = before[numbers, 0].astype(np.int64)
        stops = starts + before[numbers, 1].astype(np.int64)
        # a run ends where the next chunk does not begin
        last = np.append(starts[1:] != stops[:-1], True) if len(numbers) else np.zeros(0, bool)
        first = np.append(True, last[:-1]) if len(numbers) else last
        for low, high in zip(np.flatnonzero(first).tolist(), np.flatnonzero(last).tolist(), strict=True):
            shift = int(self.end[0]) - int(starts[low])
            copied = slice(low, high + 1)
            self.index[numbers[copied], 0] = starts[copied] + shift
            self.index[numbers[copied], 1] = before[numbers[copied], 1]
            self._copy(old.value, int(starts[low]), int(stops[high] - starts[low]))
            self.end[0] += stops[high] - starts[low]

    def finish(self) -> bool:
        """Write the index; return False, and write nothing, if the shard has no chunks."""
        if (self.index == ABSENT).all():
            return False
        self._write(self._form.encode(self.index), int(self.end[0]) if self._form.at_end else 0)
        return True

    def _copy(self, old: OpenFile, start: int, nbytes: int) -> None:
        """Copy bytes from an old file to the end, in the kernel if it can."""
        offset = int(self.end[0])
        while nbytes:
            try:
                done = os.copy_file_range(old.fd, self.fd, nbytes, start, offset)
            except (AttributeError, OSError):
                done = 0
            if not done:
                data = old.read(start, min(nbytes, self._copy_nbytes))
                if not data:
                    raise EOFError(f"a shard ends at byte {start}, before the end of its chunks")
                self._write(data, offset)
                done = len(data)
            start, offset, nbytes = start + done, offset + done, nbytes - done

    def _write(self, data: Buffer, offset: int) -> None:
        view = memoryview(data).cast("B")
        while len(view):
            done = os.pwrite(self.fd, view, offset)
            if not done:
                raise OSError(errno.EIO, "the system accepts no more bytes, and reports no error")
            view, offset = view[done:], offset + done
