"""The native lane, the other way: gather, encode, write and rename for many chunks in one call, without the GIL."""

from typing import final

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels._native_read import Folder, Job

@final
class Writing:
    """What one thread needs to write the pieces of a job."""

    def __new__(cls, job: Job, keep_empty: bool, uniform: bool = False) -> Writing: ...

@final
class FileWriter:
    """Writes chunks to files of a folder, under another name first: `ending` is what that has more.

    Without `keep_empty` chunks of nothing but the fill value are removed. `uniform`: the value is one element
    everywhere.
    """

    def __new__(
        cls, job: Job, folder: Folder, ending: bytes, keep_empty: bool, uniform: bool = False
    ) -> FileWriter: ...
    def write(self) -> list[int]:
        """Write pieces that are written whole, as long as the job has some; return the numbers of the others."""

    def change(self, number: int) -> bool:
        """Change the chunk of one piece in part: its lock is held by the caller. False if that failed."""

def encodes(job: Job) -> bool:
    """Can pieces of this job be written whole here? Those of lists and points are changed one by one."""

def encode_values(job: Job, made: list[bytes | bool | None], keep_empty: bool, uniform: bool) -> None:
    """Encode the pieces of a job, each to its place in `made`; None for one that is empty and not kept.

    What must be done in another way stays as it was.
    """

def write_shard(
    job: Job,
    fd: int,
    index: NDArray[np.uint64],
    chunks: NDArray[np.int64],
    end: NDArray[np.int64],
    uniform: bool,
) -> list[int]:
    """Encode pieces that are written whole, and write them behind one another to an open file.

    `end` is where the next of them begins, and `index` gets offset and length of each. Returns the numbers of
    the pieces that are not written whole, or did not encode. Several threads may work on one job.

    Raises
    ------
    OSError : the file could not be written
    """
