"""Read and write whole small files, mostly metadata documents, without the GIL.

The caller must pass validated paths. `zarrcy.storage.local.atomic_files` does the same in Python, and raises errors
that say what went wrong.
"""

from types import TracebackType
from typing import Literal, Self

from typing_extensions import disjoint_base

from zarrcy._kernels.protocols import Buffer

def take_waits() -> tuple[int, int, int]:
    """Return how long this thread waited for files since the last call of this function, and start again.

    Only the time in system calls counts, not the time until another thread gives the GIL back.

    Returns
    -------
    n_files : int
        Files that `read_file` read, `open_file` opened, or `replace_file` or `claim_file` wrote.
    least_ns, total_ns : int
        The shortest wait for one of them, and the sum of all, in nanoseconds.
    """

def read_file(path: str, most: int = -1, strict: bool = False) -> bytes | int | None:
    """Return the bytes of a file.

    Parameters
    ----------
    path : str
        Path of the file.
    most : int, optional
        Length of the longest file that is read, in bytes; -1 for any length.
    strict : bool, optional
        Whether None means that nothing is at the path. Otherwise it also stands for a directory, for a link to nothing,
        and for a path that leads through a file.

    Returns
    -------
    bytes, int or None
        The length of a file that is longer than `most`; None for a missing file.

    Raises
    ------
    OSError
        If there is something else than a regular file, or the file cannot be read. A FIFO or device does not block.
    """

@disjoint_base
class OpenFile:
    """An open file. It is closed at the end of the ``with`` block, or when the object is freed.

    All reads return parts of the same file, even if a writer replaces it. `open_file` makes such objects.

    Attributes
    ----------
    fd : int
        The descriptor; -1 after the end of the ``with`` block.
    nbytes : int
        Length of the file when it was opened, in bytes.
    """

    @property
    def fd(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def identity(self) -> tuple[int, int, int]:
        """Inode, time of the last change in nanoseconds, and length: another file has another identity."""

    def read(self, start: int, nbytes: int | None) -> bytes:
        """Return bytes of the file.

        Parameters
        ----------
        start : int
            Position of the first byte; counted from the end if it is negative.
        nbytes : int or None
            How many bytes to read; None for all that follow.

        Returns
        -------
        bytes
            The bytes, fewer if the file ends before.

        Raises
        ------
        OSError
            If the file cannot be read.
        """

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

def open_file(path: str) -> OpenFile | Literal[False] | None:
    """Open a regular file, to read parts of it.

    Parameters
    ----------
    path : str
        Path of the file.

    Returns
    -------
    OpenFile, bool or None
        None if nothing is at the path. False if the file could not be opened, or is not a regular one.
    """

def replace_file(partial: str, target: str, value: Buffer) -> bool:
    """Write a new file and rename it, so that readers of `target` see the old value or the new one.

    Creates missing directories.

    Parameters
    ----------
    partial : str
        Path of the new file until it is complete.
    target : str
        Path of the complete file.
    value : buffer
        What to write.

    Returns
    -------
    bool
        False if any step failed; no file is left at `partial`.
    """

def claim_file(partial: str, target: str, value: Buffer) -> int:
    """Write a new file and rename it, unless `target` exists.

    Parameters
    ----------
    partial, target, value
        As for `replace_file`.

    Returns
    -------
    int
        1 if `target` is the new file, 0 if it existed, -1 if any step failed or the system cannot rename without
        replacing. No file is left at `partial`.
    """
