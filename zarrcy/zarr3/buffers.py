"""The buffers of zarr-python 3, for programs that call the asynchronous methods of stores by themselves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from zarrcy.types import AnyArray, Elements
from zarrcy.types import Buffer as BytesLike


class Buffer:
    """Bytes.

    Parameters
    ----------
    array_like : bytes-like
        The bytes.

    Examples
    --------
    >>> Buffer.from_bytes(b"abc")[1:].to_bytes()
    b'bc'
    """

    def __init__(self, array_like: BytesLike) -> None:
        self._array = np.frombuffer(array_like, np.uint8)

    @classmethod
    def from_bytes(cls, bytes_like: BytesLike) -> Buffer:
        """Return a buffer of bytes.

        Parameters
        ----------
        bytes_like : bytes-like
            The bytes.

        Returns
        -------
        Buffer
            The buffer.
        """
        return cls(bytes_like)

    @classmethod
    def from_array_like(cls, array_like: BytesLike) -> Buffer:
        """Return a buffer of the bytes of an array.

        Parameters
        ----------
        array_like : array_like
            The array.

        Returns
        -------
        Buffer
            The buffer.
        """
        return cls(np.ascontiguousarray(array_like).view(np.uint8).reshape(-1))

    @classmethod
    def create_zero_length(cls) -> Buffer:
        """Return a buffer without bytes.

        Returns
        -------
        Buffer
            The buffer.
        """
        return cls(b"")

    def to_bytes(self) -> bytes:
        """Return the bytes.

        Returns
        -------
        bytes
            The bytes.
        """
        return self._array.tobytes()

    def as_numpy_array(self) -> AnyArray:
        """Return the bytes as an array.

        Returns
        -------
        numpy.ndarray
            The array, of uint8.
        """
        return self._array

    as_array_like = as_buffer_like = as_numpy_array

    def __getitem__(self, key: slice) -> Buffer:
        return type(self)(self._array[key])

    def __len__(self) -> int:
        return len(self._array)

    def __add__(self, other: Buffer) -> Buffer:
        return type(self)(self.to_bytes() + other.to_bytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Buffer) and self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]


class NDBuffer:
    """Elements.

    Parameters
    ----------
    array : array_like
        The elements.
    """

    def __init__(self, array: Elements) -> None:
        self._array: AnyArray = np.asanyarray(array)

    @classmethod
    def from_ndarray_like(cls, ndarray_like: Elements) -> NDBuffer:
        """Return a buffer of an array.

        Parameters
        ----------
        ndarray_like : array_like
            The elements.

        Returns
        -------
        NDBuffer
            The buffer.
        """
        return cls(ndarray_like)

    from_numpy_array = from_ndarray_like

    def as_numpy_array(self) -> AnyArray:
        """Return the array.

        Returns
        -------
        numpy.ndarray
            The elements.
        """
        return self._array

    as_ndarray_like = as_numpy_array


class BufferPrototype(NamedTuple):
    """The classes of buffers that a store returns."""

    buffer: type[Buffer]
    nd_buffer: type[NDBuffer]


def default_buffer_prototype() -> BufferPrototype:
    """Return the classes of buffers in memory.

    Returns
    -------
    BufferPrototype
        The classes.
    """
    return BufferPrototype(Buffer, NDBuffer)


numpy_buffer_prototype = default_buffer_prototype
