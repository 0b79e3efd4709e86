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

from zarrcy.codecs.bounded_decode import new_decoder
from zarrcy.types import Buffer, Shape

_DEFAULT, _VARLENGTH = 0, 1
# No other program makes larger blocks, in bytes, and few make any that are as large.
_LARGEST_FILLED = 2**31
# Memory is taken by pages, and where the system likes to by large ones.
_PAGE_NBYTES = 2**21
_MOST_GROWTH = 16


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
        self._decode = None if compressor is None else new_decoder(compressor)
        self._swaps = self.dtype.newbyteorder(">") != self.dtype
        self._header = _header(self.chunk_shape)

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
        return self._encode(chunk, self._header)

    def encode_block(self, elements: NDArray[Any]) -> bytes:
        """Return the block of a part of a chunk, from its first element on, in the shape of that part."""
        return self._encode(elements, _header(elements.shape))

    def _encode(self, chunk: NDArray[Any], header: bytes) -> bytes:
        elements = np.ascontiguousarray(chunk).view(self.dtype)
        if self._swaps:
            elements = elements.byteswap()
        data = elements if self._compressor is None else self._compressor.encode(elements)
        return b"".join((header, memoryview(data).cast("B")))

    def decode(self, block: Buffer, out: Any = None) -> Any:
        """Return the chunk of a block; a block that was cut at the edge of the array ends in zeros.

        Raises
        ------
        ValueError : the block is damaged, or larger than a chunk
        """
        elements = self.decode_block(block)
        if elements.shape != self.chunk_shape:
            elements = padded(elements, self.chunk_shape)
        return ndarray_copy(elements, out)

    def decode_block(self, block: Buffer) -> NDArray[Any]:
        """Return what a block holds, in its own shape: it takes no more memory than that.

        Raises
        ------
        ValueError : the block is damaged, or larger than a chunk
        """
        stored = memoryview(block).cast("B")
        shape, start = self._parse_header(stored)
        nbytes = math.prod(shape) * self.dtype.itemsize
        if self._decode is not None:
            flat = self._decode(stored[start:], nbytes)
        elif len(stored) - start == nbytes:
            flat = np.frombuffer(stored[start:], np.uint8)
        else:
            raise ValueError(f"{len(stored) - start} bytes of elements in a block of shape {shape}")
        elements: NDArray[Any] = flat.view(self.dtype).reshape(shape)
        return elements.byteswap() if self._swaps else elements

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


def _header(shape: Shape) -> bytes:
    # on disk the first axis is the fastest
    return struct.pack(f">HH{len(shape)}I", _DEFAULT, len(shape), *shape[::-1])


def padded(elements: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return elements with zeros behind them along each axis.

    Zeros take no memory until something is written to their page. Elements that would lie on so many pages
    that those are out of all proportion to them are refused.

    Raises
    ------
    ValueError : they would
    """
    nbytes = math.prod(shape) * elements.itemsize
    if nbytes > _LARGEST_FILLED:
        # the last axes are one run of memory as far as they are not cut
        runs, run_nbytes = elements.size, elements.itemsize
        for n, whole in zip(elements.shape[::-1], shape[::-1], strict=True):
            runs, run_nbytes = runs // max(1, n), run_nbytes * n
            if n != whole:
                break
        touched = min(nbytes, runs * (run_nbytes + _PAGE_NBYTES))
        if touched > max(_LARGEST_FILLED, _MOST_GROWTH * elements.nbytes):
            raise ValueError(
                f"a block of the shape {elements.shape} would be strewn over {nbytes} bytes of a chunk"
            )
    chunk = np.zeros(shape, elements.dtype)
    chunk[tuple(map(slice, elements.shape))] = elements
    return chunk


# zarr-python 2 in the same process registers a codec of its own for the same blocks; either will do
if N5ChunkWrapper.codec_id not in codec_registry:
    register_codec(N5ChunkWrapper)
