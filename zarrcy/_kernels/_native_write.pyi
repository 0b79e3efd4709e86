"""The native path for writes: gather, encode, write and rename many chunks in one call, without the GIL.

Several threads share one queue (see `_native_read`) to write whole chunks. A chunk that is written in part is read,
changed and written alone, because the caller must hold its lock.
"""

from typing import final

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels._native_read import ChunkDir, PieceQueue
from zarrcy._kernels.protocols import OnWait

@final
class EncodeState:
    """The state of one thread that writes pieces of a queue.

    Parameters
    ----------
    queue : PieceQueue
        The pieces to write.
    keep_empty : bool
        Whether chunks are stored that hold only the fill value.
    uniform : bool, optional
        Whether all elements of the value are the same. Whole chunks inside the array are then encoded once.
    """

    def __new__(cls, queue: PieceQueue, keep_empty: bool, uniform: bool = False) -> EncodeState: ...

@final
class FileWriter:
    """Writes chunks to files, one at a time. A file is written under another name and renamed when it is complete.

    Parameters
    ----------
    queue : PieceQueue
        The pieces to write.
    chunk_dir : ChunkDir
        The files of the chunks.
    partial_name : bytes
        Name of each file until it is complete. No other writer may use it.
    keep_empty : bool
        Whether chunks are stored that hold only the fill value. Otherwise their files are removed.
    uniform : bool, optional
        Whether all elements of the value are the same.

    Attributes
    ----------
    lock_error : int
        The error number of a file system that has no locks; 0 if all files were locked that had to be.
    """

    def __new__(
        cls,
        queue: PieceQueue,
        chunk_dir: ChunkDir,
        partial_name: bytes,
        keep_empty: bool,
        uniform: bool = False,
    ) -> FileWriter: ...
    def write(self) -> list[int]:
        """Write the pieces that replace their chunks.

        The call returns after some 20 ms, even if the queue is not done, so that signals are handled: call it again
        until then. Several threads may work on one queue, each with a writer of its own.

        Returns
        -------
        list of int
            Numbers of the pieces that change a part of their chunk, or that the fallback path must write.
        """

    @property
    def lock_error(self) -> int: ...
    def change(self, number: int, on_wait: OnWait | None = None) -> bool:
        """Change a part of the chunk of one piece. The caller must hold the lock of the chunk in this process.

        Returns False if the fallback path must write the piece.

        Parameters
        ----------
        number : int
            The number of the piece.
        on_wait : callable, optional
            Called with the path of the file (bytes) if another process has locked it for `on_wait.seconds`. None: the
            file is not locked.
        """

def encodes(queue: PieceQueue) -> bool:
    """Return whether the native path can write whole chunks of a queue.

    It needs a codec that encodes, a fill value, and a selection without lists, points or masks.
    """

def encode_values(
    queue: PieceQueue, made: list[bytes | bool | None], keep_empty: bool, uniform: bool
) -> None:
    """Encode the chunks of a queue.

    Parameters
    ----------
    queue : PieceQueue
        The pieces.
    made : list
        Has an entry for each piece. The entry becomes the encoded chunk, or None if the chunk is empty and not kept.
        It stays as it is if the fallback path must encode the chunk.
    keep_empty : bool
        Whether chunks are kept that hold only the fill value.
    uniform : bool
        Whether all elements of the value are the same.
    """

def write_shard(
    queue: PieceQueue,
    fd: int,
    index: NDArray[np.uint64],
    chunks: NDArray[np.int64],
    end: NDArray[np.int64],
    uniform: bool,
) -> list[int]:
    """Encode the pieces that replace their chunks, and write them one after the other to an open file.

    The call returns after some 20 ms, even if the queue is not done, so that signals are handled: call it again until
    then. Several threads may work on one queue.

    Parameters
    ----------
    queue : PieceQueue
        The pieces to write.
    fd : int
        Descriptor of the file.
    index : ndarray of uint64
        The rows of the written chunks are set to ``(offset, nbytes)``; both are 2**64 - 1 for an empty chunk, which is
        not written.
    chunks : ndarray of int64
        For each piece in the queue, the row of its chunk in `index`.
    end : ndarray of int64
        One element: the offset of the next chunk. It is moved.
    uniform : bool
        Whether all elements of the value are the same.

    Returns
    -------
    list of int
        Numbers of the pieces that change a part of their chunk, or that the fallback path must write.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
