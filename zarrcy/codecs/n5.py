"""Blocks of the N5 format: a header, and the elements in big-endian order, compressed.

Source: the N5 specification (github.com/saalfeldlab/n5, README). The codec takes the place of the compressor. Its
name is that of zarr-python 2's codec: ``n5_wrapper``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ndarray_copy
from numcodecs.registry import codec_registry, register_codec

from zarrcy.codecs.bounded_decode import new_decoder
from zarrcy.codecs.configured import actual, get_codec
from zarrcy.codecs.elements import as_elements
from zarrcy.codecs.typed_blosc import encode
from zarrcy.types import JSON, AnyArray, AnyDtype, Buffer, Shape
from zarrcy.types import Codec as AnyCodec

_DEFAULT, _VARLENGTH = 0, 1
# Largest chunk, in bytes, to which any block is padded. Java programs do not write larger blocks.
_LARGEST_PADDED = 2**31
# The operating system may allocate memory in pages of this size, in bytes.
_PAGE_NBYTES = 2**21
_MOST_GROWTH = 16


class N5ChunkWrapper(Codec):  # type: ignore[misc]
    """Encode chunks as blocks of the N5 format, and decode them.

    Parameters
    ----------
    dtype : dtype or str
        Data type of the elements in memory.
    chunk_shape : sequence of int
        Shape of a chunk, in elements, in the order of the array's axes. N5 itself reverses the axes.
    compressor_config : dict, optional
        The numcodecs configuration of the codec that compresses the elements. Not compressed by default.
    compressor : Codec, optional
        That codec itself, instead of its configuration.

    Raises
    ------
    ValueError
        If both `compressor_config` and `compressor` are given.

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
    def compressor(self) -> AnyCodec | None:
        """The codec that compresses the elements; None if they are not compressed."""
        return self._compressor

    def __init__(
        self,
        dtype: AnyDtype | str,
        chunk_shape: Sequence[int],
        compressor_config: dict[str, JSON] | None = None,
        compressor: AnyCodec | None = None,
    ) -> None:
        if compressor is not None and compressor_config is not None:
            raise ValueError("both compressor and compressor_config are given; give one of them")
        if compressor_config is not None and compressor_config["id"] != "raw":
            compressor = actual(get_codec(dict(compressor_config)))
        self.dtype = np.dtype(dtype)
        self.chunk_shape: Shape = tuple(chunk_shape)
        self._compressor = compressor
        self._decode = None if compressor is None else new_decoder(compressor)
        self._swaps = self.dtype.newbyteorder(">") != self.dtype
        self._header = _header(self.chunk_shape)

    @property
    def compressor_config(self) -> dict[str, JSON] | None:
        """The configuration of `compressor`; None if elements are not compressed."""
        return None if self._compressor is None else self._compressor.get_config()

    @property
    def decoded_nbytes(self) -> int:
        """Length of a chunk, in bytes."""
        return math.prod(self.chunk_shape) * int(self.dtype.itemsize)

    def get_config(self) -> dict[str, JSON]:
        """Return the configuration of the codec, from which `numcodecs.get_codec` makes it again.

        Returns
        -------
        dict
            The ``id`` and the arguments of the codec.
        """
        return {
            "id": self.codec_id,
            "compressor_config": self.compressor_config,
            "dtype": self.dtype.str,
            "chunk_shape": list(self.chunk_shape),
        }

    def encode(self, chunk: AnyArray) -> bytes:
        """Return the block of a whole chunk.

        Parameters
        ----------
        chunk : ndarray
            The elements, of shape `chunk_shape`.

        Returns
        -------
        bytes
            The block.
        """
        return self._encode(chunk, self._header)

    def encode_block(self, elements: AnyArray) -> bytes:
        """Return the block of a chunk that is cut at the edge of the array.

        Parameters
        ----------
        elements : ndarray
            The elements inside the array; the block has their shape.

        Returns
        -------
        bytes
            The block.
        """
        return self._encode(elements, _header(elements.shape))

    def _encode(self, chunk: AnyArray, header: bytes) -> bytes:
        elements = np.ascontiguousarray(chunk).view(self.dtype)
        if self._swaps:
            elements = elements.byteswap()
        data = elements if self._compressor is None else encode(self._compressor, elements)
        return b"".join((header, as_elements(data, np.dtype(np.uint8))))

    def decode(self, block: Buffer, out: Buffer | None = None) -> Buffer:
        """Return the chunk of a block. A block that is cut at the edge of the array is padded with zeros.

        Parameters
        ----------
        block : bytes-like
            The block.
        out : bytes-like, optional
            Memory to decode into, of the length of a chunk.

        Returns
        -------
        ndarray
            The elements, of shape `chunk_shape`; or `out` if it is given.

        Raises
        ------
        ValueError
            If the block is damaged, or larger than a chunk.
        """
        elements = self.decode_block(block)
        if elements.shape != self.chunk_shape:
            elements = padded(elements, self.chunk_shape)
        return ndarray_copy(elements, out)

    def decode_block(self, block: Buffer) -> AnyArray:
        """Return the elements of a block in its own shape, without padding.

        Parameters
        ----------
        block : bytes-like
            The block.

        Returns
        -------
        ndarray
            The elements.

        Raises
        ------
        ValueError
            If the block is damaged, or larger than a chunk.
        """
        stored = memoryview(block).cast("B")
        shape, start = self._parse_header(stored)
        nbytes = math.prod(shape) * self.dtype.itemsize
        if self._decode is not None:
            flat = self._decode(stored[start:], nbytes)
        elif len(stored) - start == nbytes:
            flat = np.frombuffer(stored[start:], np.uint8)
        else:
            raise ValueError(
                f"{len(stored) - start} bytes of elements in a block of shape {shape}; it needs {nbytes}"
            )
        elements: AnyArray = flat.view(self.dtype).reshape(shape)
        return elements.byteswap() if self._swaps else elements

    def _parse_header(self, stored: memoryview) -> tuple[Shape, int]:
        """Return the shape of a block, in the order of the array's axes, and the position of its elements."""
        ndim = len(self.chunk_shape)
        start = 4 + 4 * ndim
        if len(stored) < start:
            raise ValueError(f"{len(stored)} bytes are shorter than the header of a block with {ndim} axes")
        mode, stated_ndim, *lengths = struct.unpack_from(f">HH{ndim}I", stored)
        shape = tuple(lengths[::-1])
        if stated_ndim != ndim:
            raise ValueError(f"its header states {stated_ndim} axes, the array has {ndim}")
        if any(n > most for n, most in zip(shape, self.chunk_shape, strict=True)):
            raise ValueError(f"its header states the shape {shape}; a chunk has {self.chunk_shape}")
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


def padded(elements: AnyArray, shape: Shape) -> AnyArray:
    """Return elements padded with zeros at the end of each axis.

    A page of zeros takes memory only after something is written to it.

    Raises
    ------
    ValueError
        If the elements touch pages of many times their own length.
    """
    nbytes = math.prod(shape) * elements.itemsize
    if nbytes > _LARGEST_PADDED:
        # the last axes are one run of memory unless they are cut
        runs, run_nbytes = elements.size, elements.itemsize
        for n, whole in zip(elements.shape[::-1], shape[::-1], strict=True):
            runs, run_nbytes = runs // max(1, n), run_nbytes * n
            if n != whole:
                break
        touched = min(nbytes, runs * (run_nbytes + _PAGE_NBYTES))
        if touched > max(_LARGEST_PADDED, _MOST_GROWTH * elements.nbytes):
            raise ValueError(
                f"a block of shape {elements.shape} takes {touched} bytes of memory when it is padded to a chunk of "
                f"{nbytes} bytes; choose smaller chunks"
            )
    chunk = np.zeros(shape, elements.dtype)
    chunk[tuple(map(slice, elements.shape))] = elements
    return chunk


# zarr-python 2 in the same process registers its own codec for the same blocks; each can replace the other
if N5ChunkWrapper.codec_id not in codec_registry:
    register_codec(N5ChunkWrapper)
