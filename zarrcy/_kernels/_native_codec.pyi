"""What turns stored bytes into a chunk and back, without the GIL: the codecs that were built in."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels.protocols import Buffer

CODECS: dict[str, int]
"""The codecs that were built in, by name."""

DEFLATE_LEVELS: tuple[int, ...]
"""The levels at which chunks of gzip and zlib are encoded as short as zlib does."""

DEFLATE_LIBRARY: str
"""What does that; empty where nothing does."""

INNER: dict[str, int]
"""The codecs inside Blosc that can encode."""

@final
class Workspace:
    """What one thread needs: room for an encoded and a decoded chunk, and the contexts of the codecs."""

    def __new__(cls, room: int, nbytes: int) -> Workspace: ...

@final
class ChunkCodec:
    """What the chunks of an array are made of. Several threads may use it.

    `nbytes` is the decoded size of a chunk, and `itemsize` that of an element. With `checksum` a CRC-32C follows
    each chunk. `encoding` has what the codec needs to encode; None if it only decodes.
    """

    @property
    def nbytes(self) -> int: ...
    @property
    def itemsize(self) -> int: ...
    @property
    def encodes(self) -> bool: ...
    def __new__(
        cls,
        nbytes: int,
        itemsize: int,
        codec: str,
        checksum: bool = False,
        encoding: dict[str, Any] | None = None,
    ) -> ChunkCodec: ...
    def encode(self, chunk: Buffer) -> bytes | None:
        """Encode the bytes of one chunk; None if that must be done in another way."""

@final
class Decoder:
    """Decodes chunks of one codec that are in memory already; several threads may use it at once."""

    def __new__(cls, codec: str, checksum: bool = False) -> Decoder: ...
    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> bool:
        """Decode a buffer to memory of the right length; False if it can't be, and `out` may be anything then."""

def decode(data: Buffer, codec: str, nbytes: int, checksum: bool = False) -> NDArray[np.uint8] | None:
    """Decode one chunk of so many bytes to new memory; None if it can't be."""
