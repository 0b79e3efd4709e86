"""The native lane: open, read, decode and scatter for many chunks in one call, without the GIL."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels._native_codec import ChunkCodec
from zarrcy._kernels.protocols import Buffer, ChunkLayout, Item, Plan

@final
class Job:
    """The pieces of one read or write; whoever asks gets the next `step` of them.

    `array` is the result or the value. `item` is what a missing element is; None, for reads only, leaves it as
    it is. The pieces are those from `first` to before `last`, by default all, or those of `numbers`.
    """

    @property
    def n_places(self) -> int: ...
    @property
    def done(self) -> bool: ...
    def __new__(
        cls,
        codec: ChunkCodec,
        plan: Plan,
        layout: ChunkLayout,
        array: NDArray[Any],
        item: Item | None,
        step: int,
        first: int = 0,
        last: int = -1,
        numbers: NDArray[np.int64] | None = None,
    ) -> Job: ...

@final
class Folder:
    """A directory: the path of a chunk's file is `prefix` and its coordinates, with the separator between."""

    def __new__(cls, prefix: bytes, separator: bytes) -> Folder: ...

@final
class Values:
    """Stored values in memory, which stay where they are as long as this lives; None where there is none."""

    def __new__(cls, values: list[Buffer | None]) -> Values: ...

def read_files(job: Job, folder: Folder) -> list[int]:
    """Read pieces of a job from files to their places, and fill in those whose file is missing.

    Returns the numbers of those that must be read in another way. It ends before the job does, so that
    signals are answered: call it again until the job is done. Several threads may.
    """

def read_values(job: Job, values: Values) -> list[int]:
    """Read pieces of a job from the stored values of their chunks, one for each place; as `read_files`."""

def read_spans(job: Job, fd: int, index: NDArray[np.uint64], chunks: NDArray[np.int64]) -> list[int]:
    """Read pieces of a job from one open file, where `index` tells offset and length of each chunk; as `read_files`.

    `chunks` are the numbers of the chunks in the index, one for each place.
    """
