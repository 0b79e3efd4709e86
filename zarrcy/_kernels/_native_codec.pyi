"""Encode and decode chunks with the built-in codecs, without the GIL.

If a chunk cannot be read or decoded here, the functions only report that. The caller repeats the work on the fallback
path, which raises an error that says what is wrong. `decode.h` decodes, `encode.h` encodes, and both use `deflate.h`.
"""

from typing import final

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels._chunk_steps import Steps
from zarrcy._kernels.protocols import Buffer

CODECS: dict[str, int]
"""The built-in codecs by name."""

DEFLATE_LEVELS: tuple[int, ...]
"""The levels at which gzip and zlib chunks are encoded, on average no longer than zlib's."""

DEFLATE_LIBRARY: str
"""The library that encodes and decodes gzip and zlib; empty if there is none."""

INNER: dict[str, int]
"""The codecs inside of Blosc that can encode."""

def libraries() -> dict[str, str]:
    """Return the version of each library that this module uses, by name.

    BloscLZ and bitshuffle are parts of C-Blosc2.
    """

@final
class Workspace:
    """The memory of one thread: an encoded chunk, a decoded chunk, and the state of the codecs."""

    def __new__(cls) -> Workspace: ...

@final
class ChunkCodec:
    """Encodes and decodes the chunks of an array. Several threads may use it at once.

    Parameters
    ----------
    nbytes : int
        Length of a decoded chunk.
    itemsize : int
        Length of an element, in bytes.
    codec : str
        A key of `CODECS`.
    checksums : tuple of tuple, optional
        The checksums of each encoded chunk, in the order of encoding: name, "start" or "end", and seed.
    encoding : dict, optional
        The parameters for encoding: "level"; "checksum" for Zstandard; "cname", "shuffle", "typesize" and "blocksize"
        for Blosc. Without it, the codec only decodes.
    before, after : Steps, optional
        What changes a chunk before it is encoded, and after it is decoded.

    Raises
    ------
    ValueError
        If the codec cannot encode with these parameters, or the steps do not fit together.
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
        checksums: tuple[tuple[str, str, int], ...] = (),
        encoding: dict[str, int | str] | None = None,
        before: Steps | None = None,
        after: Steps | None = None,
    ) -> ChunkCodec: ...
    def encode(self, chunk: Buffer) -> bytes | None:
        """Return the encoded bytes of one chunk; None if the fallback path must encode it."""

@final
class Decoder:
    """Decodes chunks in memory, with one codec. Several threads may use it at once.

    Parameters
    ----------
    codec : str
        A key of `CODECS`.
    checksum : bool, optional
        Whether a CRC-32C follows each chunk.
    """

    def __new__(cls, codec: str, checksum: bool = False) -> Decoder: ...
    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> bool:
        """Decode a chunk to memory of the right length.

        Parameters
        ----------
        data : buffer
            The encoded chunk.
        out : ndarray
            Contiguous and writable memory, as long as the decoded chunk.

        Returns
        -------
        bool
            False if the chunk does not decode to this length. The content of `out` is undefined then.
        """

def decode(data: Buffer, codec: str, nbytes: int, checksum: bool = False) -> NDArray[np.uint8] | None:
    """Return the `nbytes` bytes of a decoded chunk; None if it does not decode to this length."""
