"""The native lane: open, read, decode and scatter for many chunks in one call, without the GIL."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels._copy import ChunkLayout
from zarrcy._kernels._split import Plan

CODECS: dict[str, int]
"""The codecs that were built in, by name."""

@final
class Workspace:
    """What one thread needs: room for an encoded and a decoded chunk, and the contexts of the decoders."""

    def __new__(cls, room: int, nbytes: int) -> Workspace: ...

@final
class Job:
    """The pieces of one read; whoever asks gets the next `step` of them."""

    @property
    def done(self) -> bool: ...
    def __new__(cls, plan: Plan, step: int) -> Job: ...

@final
class Lane:
    """Chunks of one kind in one directory: `prefix` is a path to which coordinates are added.

    `nbytes` is the decoded size of a chunk, and `itemsize` that of an element. With `checksum` a CRC-32C
    follows each chunk.
    """

    @property
    def nbytes(self) -> int: ...
    def __new__(
        cls, prefix: bytes, separator: bytes, nbytes: int, itemsize: int, codec: str, checksum: bool = False
    ) -> Lane: ...
    def read(self, job: Job, layout: ChunkLayout, out: NDArray[Any], item: bytes) -> list[int]:
        """Read pieces of a job to their places in `out`, `item` where a chunk is missing.

        Returns the numbers of those that must be read in another way. It ends before the job does, so that
        signals are answered: call it again until the job is done. Several threads may.
        """

@final
class Decoder:
    """Decodes chunks of one codec that are in memory already; several threads may use it at once."""

    def __new__(cls, codec: str, checksum: bool = False) -> Decoder: ...
    def decode_into(self, data: Any, out: NDArray[np.uint8]) -> bool:
        """Decode a buffer to memory of the right length; False if it can't be, and `out` may be anything then."""

def decode(data: Any, codec: str, nbytes: int, checksum: bool = False) -> NDArray[np.uint8] | None:
    """Decode one chunk of so many bytes to new memory; None if it can't be."""
