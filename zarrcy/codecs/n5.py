"""Blocks of the N5 format: a header, and the elements in big-endian order, compressed.

Source: the N5 specification (github.com/saalfeldlab/n5, README). The codec stands in the compressor's
place, under the name by which zarr-python 2 knows its own: ``n5_wrapper``.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ndarray_copy
from numcodecs.registry import codec_registry, get_codec, register_codec
from numpy.typing import NDArray

from zarrcy.codecs.bounded import bounded_decoder
from zarrcy.types import Buffer, Shape

_DEFAULT, _VARLENGTH = 0, 1


class N5ChunkWrapper(Codec):  # type: ignore[misc]
    """Encode chunks as blocks of the N5 format, and decode them.

    Parameters
    ----------
    dtype : of the elements in memory
    chunk_shape : in elements, in the order of the array's axes; N5 counts them the other way
    compressor_config, compressor : what compresses the elements: a numcodecs configuration, or a codec;
        nothing does where neither is given

    Examples
    --------
    >>> codec = N5ChunkWrapper("<i2", (1, 2))
    >>> codec.encode(np.array([[1, 2]], "<i2")).hex(" ", 2)
    '0000 0002 0000 0002 0000 0001 0001 0002'
    >>> codec.decode(codec.encode(np.array([[1, 2]], "<i2")))
    array([[1, 2]], dtype=int16)
    """

    codec_id = "n5_wrapper"

    @property
    def compressor(self) -> Any:
        """What compresses the elements; None if nothing does."""
        return self._compressor

    def __init__(
        self,
        dtype: Any,
        chunk_shape: Any,
        compressor_config: dict[str, Any] | None = None,
        compressor: Any = None,
    ) -> None:
        if compressor is not None and compressor_config is not None:
            raise ValueError("compressor and compressor_config say the same: give one of them")
        if compressor_config is not None and compressor_config["id"] != "raw":
            compressor = get_codec(dict(compressor_config))
        self.dtype = np.dtype(dtype)
        self.chunk_shape: Shape = tuple(chunk_shape)
        self._compressor = compressor
        self._decode_into = None if compressor is None else bounded_decoder(compressor)
        self._swaps = self.dtype.newbyteorder(">") != self.dtype
        # on disk the first axis is the fastest
        ndim = len(self.chunk_shape)
        self._header: bytes = struct.pack(f">HH{ndim}I", _DEFAULT, ndim, *self.chunk_shape[::-1])

    @property
    def compressor_config(self) -> dict[str, Any] | None:
        return None if self._compressor is None else self._compressor.get_config()

    @property
    def decoded_nbytes(self) -> int:
        """Length of a chunk."""
        return math.prod(self.chunk_shape) * int(self.dtype.itemsize)

    def get_config(self) -> dict[str, Any]:
        return {
            "id": self.codec_id,
            "compressor_config": self.compressor_config,
            "dtype": self.dtype.str,
            "chunk_shape": list(self.chunk_shape),
        }

    def encode(self, chunk: NDArray[Any]) -> bytes:
        """Return the block of a whole chunk."""
        elements = np.ascontiguousarray(chunk).view(self.dtype)
        if self._swaps:
            elements = elements.byteswap()
        data = elements if self._compressor is None else self._compressor.encode(elements)
        return b"".join((self._header, memoryview(data).cast("B")))

    def decode(self, block: Buffer, out: Any = None) -> Any:
        """Return the chunk of a block; a block that was cut at the edge of the array ends in zeros.

        Raises
        ------
        ValueError : the block is damaged, or larger than a chunk
        """
        stored = memoryview(block).cast("B")
        shape, start = self._parse_header(stored)
        flat = np.empty(math.prod(shape) * self.dtype.itemsize, np.uint8)
        if self._decode_into is not None:
            self._decode_into(stored[start:], flat)
        elif len(stored) - start == flat.nbytes:
            flat[:] = stored[start:]
        else:
            raise ValueError(f"{len(stored) - start} bytes of elements in a block of shape {shape}")
        elements = flat.view(self.dtype).reshape(shape)
        if self._swaps:
            elements.byteswap(inplace=True)
        if shape != self.chunk_shape:
            cut, elements = elements, np.zeros(self.chunk_shape, self.dtype)
            elements[tuple(map(slice, shape))] = cut
        return ndarray_copy(elements, out)

    def _parse_header(self, stored: memoryview) -> tuple[Shape, int]:
        """Return the shape of a block, in the order of the array's axes, and where its elements start."""
        ndim = len(self.chunk_shape)
        start = 4 + 4 * ndim
        if len(stored) < start:
            raise ValueError(f"{len(stored)} bytes are less than the header of a block with {ndim} axes")
        mode, stated_ndim, *lengths = struct.unpack_from(f">HH{ndim}I", stored)
        shape = tuple(lengths[::-1])
        if stated_ndim != ndim:
            raise ValueError(f"its header states {stated_ndim} axes, the array has {ndim}")
        if any(n > most for n, most in zip(shape, self.chunk_shape, strict=True)):
            raise ValueError(f"its header states the shape {shape}, which is more than a chunk")
        if mode == _VARLENGTH:
            (n_elements,) = struct.unpack_from(">I", stored, start)
            if n_elements != math.prod(shape):
                raise ValueError(f"its header states {n_elements} elements for the shape {shape}")
            return shape, start + 4
        if mode != _DEFAULT:
            raise ValueError(f"its header states the mode {mode}; blocks of numbers have the mode 0 or 1")
        return shape, start


# zarr-python 2 in the same process registers a codec of its own for the same blocks; either will do
if N5ChunkWrapper.codec_id not in codec_registry:
    register_codec(N5ChunkWrapper)
