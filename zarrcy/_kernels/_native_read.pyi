"""The native path for reads: open, read, decode and scatter many chunks in one call, without the GIL.

A queue has the pieces of a read. Several threads may work on one queue: they take pieces from a shared counter, and
each has a workspace of its own, so that memory is not allocated per chunk. Stored chunks come from files, from memory,
or from spans of one open file (a shard). If a piece cannot be read here, its number is returned, and the caller reads
it on the fallback path.
"""

from typing import final

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels._native_codec import ChunkCodec
from zarrcy._kernels.protocols import AnyArray, Buffer, ChunkLayout, Item, Plan

@final
class Latency:
    """How long threads wait for the stored values of one place, as the first piece of each call shows.

    On a local disk a value comes at once, and this costs four looks at a clock per call. If the first value is late,
    the next one shows how long the thread was off the CPU, and whether it waited or other threads took the CPU.

    Attributes
    ----------
    wait_ns : int
        How long a thread waits for one value; 0 if the values come at once.
    work_ns : int
        How long it then works on one value.
    """

    @property
    def wait_ns(self) -> int: ...
    @property
    def work_ns(self) -> int: ...

@final
class PieceQueue:
    """The pieces of one read or write, from which threads take the next `step` pieces.

    Parameters
    ----------
    codec : ChunkCodec
        The codec of the chunks.
    plan : Plan
        The pieces of the selection.
    layout : ChunkLayout
        Where the elements lie in a chunk.
    array : ndarray
        The result of a read, or the value of a write, in the shape of the selection.
    item : bytes or None
        The element of missing chunks. None, for reads only, leaves their places in `array` as they are.
    step : int
        Number of pieces that a thread takes at once.
    first, last : int, optional
        The queue has the pieces ``first <= number < last``; all by default.
    numbers : ndarray of int64, optional
        The numbers of the pieces in the queue, instead of `first` and `last`.

    Raises
    ------
    IndexError
        If the plan does not have these pieces, or does not fit the layout or the array.
    ValueError
        If codec, layout, array and item differ in the size of an element or of a chunk.
    """

    @property
    def n_places(self) -> int: ...
    @property
    def done(self) -> bool:
        """Whether threads have taken all pieces."""

    def stop(self) -> None:
        """Let no thread take a further piece."""

    def __new__(
        cls,
        codec: ChunkCodec,
        plan: Plan,
        layout: ChunkLayout,
        array: AnyArray,
        item: Item | None,
        step: int,
        first: int = 0,
        last: int = -1,
        numbers: NDArray[np.int64] | None = None,
    ) -> PieceQueue: ...

@final
class ChunkDir:
    """A directory of chunk files.

    Parameters
    ----------
    prefix : bytes
        The path of a chunk's file is the prefix and the coordinates of the chunk.
    separator : bytes
        The separator between coordinates.

    Attributes
    ----------
    reads, writes, changes : Latency
        How long threads wait for files that are read, written, or read and written.
    """

    def __new__(cls, prefix: bytes, separator: bytes) -> ChunkDir: ...
    @property
    def reads(self) -> Latency: ...
    @property
    def writes(self) -> Latency: ...
    @property
    def changes(self) -> Latency: ...

@final
class ValueBuffers:
    """Stored values in memory.

    The buffers of the values are held, so that their memory does not move, until this object is deleted.

    Parameters
    ----------
    values : list of buffer or None
        The values; None if a chunk is not stored.
    """

    def __new__(cls, values: list[Buffer | None]) -> ValueBuffers: ...

def read_files(queue: PieceQueue, chunk_dir: ChunkDir) -> list[int]:
    """Read pieces of a queue from chunk files; fill the pieces whose file is missing.

    The call returns after some 20 ms, even if the queue is not done, so that signals are handled: call it again until
    then. Several threads may work on one queue.

    Parameters
    ----------
    queue : PieceQueue
        The pieces to read.
    chunk_dir : ChunkDir
        The files of the chunks.

    Returns
    -------
    list of int
        Numbers of the pieces that the caller must read on the fallback path.
    """

def read_values(queue: PieceQueue, values: ValueBuffers) -> list[int]:
    """Read pieces of a queue from stored values in memory.

    Call it again until the queue is done, as `read_files`.

    Parameters
    ----------
    queue : PieceQueue
        The pieces to read.
    values : ValueBuffers
        The stored values of their chunks.

    Returns
    -------
    list of int
        Numbers of the pieces that the caller must read on the fallback path.
    """

def read_spans(queue: PieceQueue, fd: int, index: NDArray[np.uint64], chunks: NDArray[np.int64]) -> list[int]:
    """Read pieces of a queue from spans of one open file.

    Call it again until the queue is done, as `read_files`.

    Parameters
    ----------
    queue : PieceQueue
        The pieces to read.
    fd : int
        Descriptor of the file.
    index : ndarray of uint64
        One row ``(offset, nbytes)`` per chunk of the file. Both are 2**64 - 1 for a missing chunk.
    chunks : ndarray of int64
        For each piece in the queue, the row of its chunk in `index`.

    Returns
    -------
    list of int
        Numbers of the pieces that the caller must read on the fallback path.
    """
