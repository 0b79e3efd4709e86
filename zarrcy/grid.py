"""Chunk shapes: the ones the user gave, or a guess that suits most stores."""

from __future__ import annotations

import math
import operator
from typing import Any

from zarrcy.types import Shape

MAX_NDIM = 64
"""Axes that an array can have: as many as NumPy 2 can hold."""

# A chunk should be large enough to be worth a request and small enough to be worth reading for a
# part of it. The aim grows with the array: 256 KiB for an array of 1 MiB, doubled for each factor of 10.
_AIM_AT_1_MIB = 256 * 1024
_SMALLEST_AIM = 128 * 1024
_LARGEST_AIM = 64 * 1024 * 1024


def normalize_shape(shape: Any) -> Shape:
    """Return a shape as a tuple of non-negative ints; an int is a shape of one axis.

    >>> normalize_shape(5)
    (5,)

    Raises
    ------
    TypeError : `shape` is None, or a length is not an integer
    ValueError : a length is negative, or there are more axes than an array can have
    """
    if shape is None:
        raise TypeError("shape is None: give an int, or a sequence of one int per axis")
    try:
        lengths: Shape = (operator.index(shape),)
    except TypeError:
        lengths = tuple(operator.index(n) for n in shape)
    if any(n < 0 for n in lengths):
        raise ValueError(f"bad shape {lengths}: a length must be 0 or more")
    if len(lengths) > MAX_NDIM:
        raise ValueError(f"{len(lengths)} axes; an array has at most {MAX_NDIM}")
    return lengths


def guess_chunks(shape: Shape, itemsize: int) -> Shape:
    """Guess a chunk shape: halve the axes in turn until a chunk has about the aimed-at size.

    Parameters
    ----------
    shape : of the array, in elements
    itemsize : in bytes

    >>> guess_chunks((10000, 10000), 8)
    (313, 625)
    """
    chunks = [max(1, n) for n in shape]
    total = math.prod(chunks) * max(1, itemsize)
    aim = _AIM_AT_1_MIB * 2 ** math.log10(total / 2**20)
    aim = min(max(aim, _SMALLEST_AIM), _LARGEST_AIM)
    axis = 0
    while math.prod(chunks) > 1:
        nbytes = math.prod(chunks) * max(1, itemsize)
        if nbytes < 1.5 * aim and nbytes < _LARGEST_AIM:
            break
        chunks[axis] = -(-chunks[axis] // 2)
        axis = (axis + 1) % len(chunks)
    return tuple(chunks)


def normalize_chunks(chunks: Any, shape: Shape, itemsize: int) -> Shape:
    """Return the chunk shape that `chunks` asks for.

    Parameters
    ----------
    chunks : True or None (guess), False (one chunk), an int for each axis, or one int per axis, where
        None or -1 is the whole axis; axes that are left out are whole too
    shape : of the array, in elements
    itemsize : in bytes

    >>> normalize_chunks((10, None), (100, 20, 3), 8)
    (10, 20, 3)
    """
    whole = tuple(max(1, n) for n in shape)
    if chunks is None or chunks is True:
        return guess_chunks(shape, itemsize)
    if chunks is False:
        return whole
    try:
        given: tuple[Any, ...] = (operator.index(chunks),) * len(shape)
    except TypeError:
        given = tuple(chunks)
    if len(given) > len(shape):
        raise ValueError(f"chunks {given} have more axes than the shape {shape}")
    lengths = []
    for axis, n in enumerate(given):
        if n is None or operator.index(n) == -1:
            lengths.append(whole[axis])
        elif operator.index(n) < 1:
            raise ValueError(f"bad chunks {given}: the length of axis {axis} must be 1 or more, not {n}")
        else:
            lengths.append(operator.index(n))
    return (*lengths, *whole[len(lengths) :])


def grid_shape(shape: Shape, chunk_shape: Shape) -> Shape:
    """Return the number of chunks along each axis.

    >>> grid_shape((10, 0), (3, 5))
    (4, 0)
    """
    return tuple(-(-n // c) for n, c in zip(shape, chunk_shape, strict=True))
