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
# A chunk inside a shard is no request of its own. Decoded whole, 1 MiB still fits into a cache: arrays of such
# chunks are read fastest, and windows out of them as fast as out of smaller ones.
_INNER_AIM = 1024 * 1024
# A shard is a file: about a thousand of them for an array, unless they would be larger than what a
# writer likes to hold in memory, or too small to be worth it.
_MOST_SHARDS = 1000
_SMALLEST_SHARD_AIM = 32 * 1024 * 1024
_LARGEST_SHARD_AIM = 512 * 1024 * 1024
# The index of a shard is read before its first chunk: 1 MiB at most.
_MOST_IN_A_SHARD = 2**16
AUTO = "auto"


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


def guess_chunks(shape: Shape, itemsize: int, in_shards: bool = False) -> Shape:
    """Guess a chunk shape: halve the axes in turn until a chunk has about the aimed-at size.

    Parameters
    ----------
    shape : of the array, in elements
    itemsize : in bytes
    in_shards : the chunks are kept together in shards: they may be small

    >>> guess_chunks((10000, 10000), 8)
    (313, 625)
    >>> guess_chunks((1000, 1000), 8), guess_chunks((1000, 1000), 8, in_shards=True)
    ((250, 250), (250, 500))
    """
    chunks = [max(1, n) for n in shape]
    if in_shards:
        aim: float = _INNER_AIM
    else:
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


def guess_shards(shape: Shape, itemsize: int, chunks: Shape) -> Shape:
    """Guess a shard shape, a multiple of `chunks`: halve the axes in turn until a shard has the aimed-at size.

    An array has about a thousand shards at most where that makes them no larger than 512 MiB; they have
    some 32 MiB at least, or hold the whole array.

    Parameters
    ----------
    shape : of the array, in elements
    itemsize : in bytes
    chunks : the lengths of a chunk in a shard

    >>> guess_shards((100000, 100000), 4, (500, 500))
    (3500, 3500)
    """
    counts = grid_shape(tuple(max(1, n) for n in shape), chunks)
    chunk_nbytes = math.prod(chunks) * max(1, itemsize)
    aim = math.prod(counts) * chunk_nbytes / _MOST_SHARDS
    aim = min(max(aim, _SMALLEST_SHARD_AIM), _LARGEST_SHARD_AIM)
    most = max(1, min(int(min(1.5 * aim, _LARGEST_SHARD_AIM) / chunk_nbytes), _MOST_IN_A_SHARD))
    held = list(counts)
    axis = 0
    while math.prod(held) > most:
        held[axis] = -(-held[axis] // 2)
        axis = (axis + 1) % len(held)
    return tuple(n * c for n, c in zip(held, chunks, strict=True))


def normalize_chunks(chunks: Any, shape: Shape, itemsize: int, shards: Any = None) -> Shape:
    """Return the chunk shape that `chunks` asks for.

    Parameters
    ----------
    chunks : True, None or "auto" (guess), False (one chunk), an int for each axis, or one int per axis,
        where None or -1 is the whole axis; axes that are left out are whole too
    shape : of the array, in elements
    itemsize : in bytes
    shards : what is asked for the shards, if the chunks are to be in shards

    >>> normalize_chunks((10, None), (100, 20, 3), 8)
    (10, 20, 3)
    >>> normalize_chunks("auto", (1000, 1000), 8, shards=(600, 900))
    (300, 450)
    """
    in_shards = shards is not None and shards is not False
    if chunks is None or chunks is True or _is_auto("chunks", chunks):
        if not in_shards or shards is True or _is_auto("shards", shards):
            return guess_chunks(shape, itemsize, in_shards)
        return _divide(_lengths("shards", shards, shape), itemsize)
    return _lengths("chunks", chunks, shape)


def normalize_shards(shards: Any, shape: Shape, itemsize: int, chunks: Shape) -> Shape | None:
    """Return the shard shape that `shards` asks for, or None for no shards.

    Parameters
    ----------
    shards : None or False (none), True or "auto" (guess), or lengths as `normalize_chunks` takes them
    shape : of the array, in elements
    itemsize : in bytes
    chunks : the lengths of a chunk in a shard, which must divide those of the shard

    >>> normalize_shards(40, (100, 100), 8, (20, 10))
    (40, 40)
    """
    if shards is None or shards is False:
        return None
    if shards is True or _is_auto("shards", shards):
        return guess_shards(shape, itemsize, chunks)
    lengths = _lengths("shards", shards, shape)
    if any(n % m for n, m in zip(lengths, chunks, strict=True)):
        raise ValueError(
            f"shards {lengths} are no multiple of the chunks {chunks} in them along each axis; "
            'give shards="auto", or lengths that the chunks divide'
        )
    return lengths


def _is_auto(name: str, value: Any) -> bool:
    if isinstance(value, str) and value != AUTO:
        raise ValueError(f'{name} is {value!r}; the one word that it can be is "auto"')
    return isinstance(value, str)


def _lengths(name: str, asked: Any, shape: Shape) -> Shape:
    """Return one length per axis; what is left open is the whole axis."""
    whole = tuple(max(1, n) for n in shape)
    if asked is False:
        return whole
    try:
        given: tuple[Any, ...] = (operator.index(asked),) * len(shape)
    except TypeError:
        given = tuple(asked)
    if len(given) > len(shape):
        raise ValueError(f"{name} {given} have more axes than the shape {shape}")
    lengths = []
    for axis, n in enumerate(given):
        if n is None or operator.index(n) == -1:
            lengths.append(whole[axis])
        elif operator.index(n) < 1:
            raise ValueError(f"bad {name} {given}: the length of axis {axis} must be 1 or more, not {n}")
        else:
            lengths.append(operator.index(n))
    return (*lengths, *whole[len(lengths) :])


def _divide(shards: Shape, itemsize: int) -> Shape:
    """Return a chunk shape that divides a shard: its longest axis is divided until it has the aimed-at size."""
    chunks = list(shards)
    while math.prod(chunks) * max(1, itemsize) >= 1.5 * _INNER_AIM:
        axis = max(range(len(chunks)), key=chunks.__getitem__)
        chunks[axis] //= _smallest_factor(chunks[axis])
    return tuple(chunks)


def _smallest_factor(n: int) -> int:
    """Return the smallest factor of a number above 1; of one without small factors, the number itself."""
    return next((factor for factor in range(2, min(n, math.isqrt(n) + 1, 10_000)) if n % factor == 0), n)


def grid_shape(shape: Shape, chunk_shape: Shape) -> Shape:
    """Return the number of chunks along each axis.

    >>> grid_shape((10, 0), (3, 5))
    (4, 0)
    """
    return tuple(-(-n // c) for n, c in zip(shape, chunk_shape, strict=True))
