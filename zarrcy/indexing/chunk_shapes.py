"""Chunk and shard shapes: check the shapes that a user states, or guess shapes that suit most stores."""

from __future__ import annotations

import math
import operator
import warnings
from typing import TYPE_CHECKING, SupportsIndex, TypeAlias

import numpy as np

from zarrcy.types import Shape

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NDIM = 64
"""Most axes of an array: as many as NumPy 2 supports."""
AUTO = "auto"
"""The word for a guess."""

ShapeLike: TypeAlias = "SupportsIndex | Iterable[SupportsIndex]"
"""A shape as a user states it: an int for one axis, or one int for each axis."""
Lengths: TypeAlias = "bool | str | SupportsIndex | Iterable[SupportsIndex | None] | None"
"""Chunk or shard lengths as a user states them: see `normalize_chunks` and `normalize_shards`."""

# A chunk should be large enough to be worth a request, and small enough that reading a part of it wastes little. The
# target grows with the array: 256 KiB for an array of 1 MiB, doubled for each factor of 10.
_TARGET_AT_1_MIB = 256 * 1024
_MIN_TARGET = 128 * 1024
# Elements that an axis is taken to have that is empty as yet, as h5py takes one that may grow.
_EMPTY_LENGTH = 1024
_MAX_TARGET = 64 * 1024 * 1024
# An inner chunk of a shard needs no request of its own. A decoded chunk of 1 MiB still fits into a processor cache:
# whole arrays of such chunks are read fastest, and windows as fast as from smaller chunks.
_INNER_TARGET = 1024 * 1024
# A shard is a file. The target is 1000 files for an array, unless the shards would need more memory than a writer
# should use, or be too small to be worth a file.
_MAX_SHARDS = 1000
_MIN_SHARD_TARGET = 32 * 1024 * 1024
_MAX_SHARD_TARGET = 512 * 1024 * 1024
# The index of a shard is read before its first chunk: at most 1 MiB.
_MAX_CHUNKS_IN_SHARD = 2**16


def normalize_shape(shape: ShapeLike | None) -> Shape:
    """Return a shape as a tuple of non-negative ints.

    Parameters
    ----------
    shape : int or sequence of int
        Length of each axis, in elements. An int is the shape of an array with one axis.

    Returns
    -------
    tuple of int
        The shape.

    Raises
    ------
    TypeError
        If `shape` is None, or a length is not an integer. A float that is a whole number is accepted with a warning.
    ValueError
        If a length is negative, or there are more axes than an array can have.

    Examples
    --------
    >>> normalize_shape(5)
    (5,)
    """
    if shape is None:
        raise TypeError("shape is None; pass an int, or a sequence with one int for each axis")
    lengths = _as_ints(shape)
    if isinstance(lengths, int):
        lengths = (lengths,)
    if min(lengths, default=0) < 0:
        raise ValueError(f"shape is {lengths}; each length must be 0 or more")
    if len(lengths) > MAX_NDIM:
        raise ValueError(f"shape has {len(lengths)} axes; an array has at most {MAX_NDIM}")
    return lengths


def _as_ints(lengths: ShapeLike) -> int | Shape:
    """Return an int, or a tuple of ints."""
    if not isinstance(lengths, (tuple, list)):
        try:
            return operator.index(lengths)  # type: ignore[arg-type]
        except TypeError:
            # an iterable
            pass
    return tuple([_as_int(n) for n in lengths])  # type: ignore[union-attr]


def _as_int(length: SupportsIndex) -> int:
    try:
        return operator.index(length)
    except TypeError:
        # zarr-python 2 takes lengths that a program computed by division
        if not isinstance(length, (float, np.floating)) or not float(length).is_integer():
            raise
    warnings.warn(f"the length {length!r} is not an integer; {int(length)} is used", stacklevel=5)
    return int(length)


def guess_chunks(shape: Shape, itemsize: int, in_shards: bool = False) -> Shape:
    """Guess a chunk shape: halve the axes in turn until a chunk has about the target size.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array, in elements.
    itemsize : int
        Size of an element, in bytes.
    in_shards : bool, optional
        Whether the chunks will be stored in shards, so that they may be small. False by default.

    Returns
    -------
    tuple of int
        The chunk shape, in elements.

    See Also
    --------
    guess_shards : Guess a shard shape.

    Examples
    --------
    >>> guess_chunks((10000, 10000), 8)
    (313, 625)
    >>> guess_chunks((1000, 1000), 8), guess_chunks((1000, 1000), 8, in_shards=True)
    ((250, 250), (250, 500))
    """
    chunks = [max(1, n) for n in shape]
    if in_shards:
        target: float = _INNER_TARGET
    else:
        total = math.prod(chunks) * max(1, itemsize)
        target = _TARGET_AT_1_MIB * 2 ** math.log10(total / 2**20)
        target = min(max(target, _MIN_TARGET), _MAX_TARGET)
    axis = 0
    while math.prod(chunks) > 1:
        nbytes = math.prod(chunks) * max(1, itemsize)
        if nbytes < 1.5 * target and nbytes < _MAX_TARGET:
            break
        chunks[axis] = -(-chunks[axis] // 2)
        axis = (axis + 1) % len(chunks)
    return tuple(chunks)


def guess_shards(shape: Shape, itemsize: int, chunks: Shape) -> Shape:
    """Guess a shard shape, a multiple of `chunks`: halve the axes in turn until a shard has about the target size.

    An array has at most about 1000 shards, if that makes none larger than 512 MiB. A shard has at least about 32 MiB,
    or holds the whole array.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array, in elements.
    itemsize : int
        Size of an element, in bytes.
    chunks : tuple of int
        Shape of an inner chunk, in elements.

    Returns
    -------
    tuple of int
        The shard shape, in elements.

    See Also
    --------
    guess_chunks : Guess a chunk shape.

    Examples
    --------
    >>> guess_shards((100000, 100000), 4, (500, 500))
    (3500, 3500)
    """
    counts = grid_shape(tuple(max(1, n) for n in shape), chunks)
    chunk_nbytes = math.prod(chunks) * max(1, itemsize)
    target = math.prod(counts) * chunk_nbytes / _MAX_SHARDS
    target = min(max(target, _MIN_SHARD_TARGET), _MAX_SHARD_TARGET)
    max_chunks = int(min(1.5 * target, _MAX_SHARD_TARGET) / chunk_nbytes)
    max_chunks = max(1, min(max_chunks, _MAX_CHUNKS_IN_SHARD))
    in_shard = list(counts)
    axis = 0
    while math.prod(in_shard) > max_chunks:
        in_shard[axis] = -(-in_shard[axis] // 2)
        axis = (axis + 1) % len(in_shard)
    return tuple(n * c for n, c in zip(in_shard, chunks, strict=True))


def normalize_chunks(
    chunks: Lengths, shape: Shape, itemsize: int, shards: Lengths = None, *, grows: bool = True
) -> Shape:
    """Return the chunk shape that the argument `chunks` of a function that creates arrays means.

    Parameters
    ----------
    chunks : int, sequence of int or None, bool, "auto" or None
        True, None and "auto": guess. False: one chunk. An int: the length on each axis. A sequence: one length for
        each axis, where None and -1 mean the whole axis; so are axes that it leaves out.
    shape : tuple of int
        Shape of the array, in elements.
    itemsize : int
        Size of an element, in bytes.
    shards : int, sequence of int or None, bool, "auto" or None, optional
        The argument `shards` of the function, as `normalize_shards` takes it.
    grows : bool, optional
        Whether a guess assumes that axes without elements will grow, as h5py does. If false, the length of their
        chunks is 1, as zarr-python 2 guesses it.

    Returns
    -------
    tuple of int
        The chunk shape, in elements.

    Raises
    ------
    ValueError
        If there are too many lengths, a length is less than 1, or a word is not "auto".

    Examples
    --------
    >>> normalize_chunks((10, None), (100, 20, 3), 8)
    (10, 20, 3)
    >>> normalize_chunks("auto", (1000, 1000), 8, shards=(600, 900))
    (300, 450)
    """
    in_shards = shards is not None and shards is not False
    if chunks is None or chunks is True or _is_auto("chunks", chunks):
        if not in_shards or shards is True or _is_auto("shards", shards):
            return guess_chunks(_grown(shape) if grows else shape, itemsize, in_shards)
        return _divide(_lengths("shards", shards, shape), itemsize)
    return _lengths("chunks", chunks, shape)


def normalize_shards(shards: Lengths, shape: Shape, itemsize: int, chunks: Shape) -> Shape | None:
    """Return the shard shape that the argument `shards` of a function that creates arrays means.

    Parameters
    ----------
    shards : int, sequence of int or None, bool, "auto" or None
        None and False: no shards. True and "auto": guess. Else lengths, as `normalize_chunks` takes them.
    shape : tuple of int
        Shape of the array, in elements.
    itemsize : int
        Size of an element, in bytes.
    chunks : tuple of int
        Shape of an inner chunk, in elements.

    Returns
    -------
    tuple of int or None
        The shard shape, in elements; None for an array without shards.

    Raises
    ------
    ValueError
        If a length is not a multiple of that of a chunk, or not valid, see `normalize_chunks`.

    Examples
    --------
    >>> normalize_shards(40, (100, 100), 8, (20, 10))
    (40, 40)
    """
    if shards is None or shards is False:
        return None
    if shards is True or _is_auto("shards", shards):
        return guess_shards(_grown(shape), itemsize, chunks)
    lengths = _lengths("shards", shards, shape)
    if any(n % m for n, m in zip(lengths, chunks, strict=True)):
        raise ValueError(
            f"shards {lengths} must be a multiple of the chunks {chunks} on each axis; "
            'pass shards="auto", or lengths that the chunks divide'
        )
    return lengths


def _grown(shape: Shape) -> Shape:
    """Return the shape for a guess: an axis without elements is one that will grow."""
    return tuple([n or _EMPTY_LENGTH for n in shape])


def _is_auto(name: str, lengths: Lengths) -> bool:
    """Return whether a user asks for a guess.

    Raises
    ------
    ValueError
        If the argument is another word.
    """
    if isinstance(lengths, str) and lengths != AUTO:
        raise ValueError(f'{name} is {lengths!r}; the only word that it can be is "auto"')
    return isinstance(lengths, str)


def _lengths(name: str, lengths: Lengths, shape: Shape) -> Shape:
    """Return one length for each axis; lengths that are left open are those of the array."""
    whole = tuple([n or 1 for n in shape])
    if lengths is False:
        return whole
    if isinstance(lengths, (tuple, list)):
        stated: tuple[SupportsIndex | None, ...] = tuple(lengths)
    else:
        try:
            stated = (operator.index(lengths),) * len(shape)  # type: ignore[arg-type]
        except TypeError:
            stated = tuple(lengths)  # type: ignore[arg-type]
    if len(stated) > len(shape):
        raise ValueError(f"{name} {stated} have more axes than the shape {shape}")
    checked = [-1 if n is None else _as_int(n) for n in stated]
    for axis, n in enumerate(checked):
        if n < 1:
            if n != -1:
                raise ValueError(f"{name} is {stated}; the length on axis {axis} must be 1 or more")
            checked[axis] = whole[axis]
    return (*checked, *whole[len(checked) :])


def _divide(shards: Shape, itemsize: int) -> Shape:
    """Return a chunk shape that divides a shard: divide its longest axis until a chunk has the target size."""
    chunks = list(shards)
    while math.prod(chunks) * max(1, itemsize) >= 1.5 * _INNER_TARGET:
        axis = max(range(len(chunks)), key=chunks.__getitem__)
        chunks[axis] //= _smallest_factor(chunks[axis])
    return tuple(chunks)


def _smallest_factor(n: int) -> int:
    """Return the smallest factor of a number above 1; if it has no factor below 10,000, the number itself."""
    return next((factor for factor in range(2, min(n, math.isqrt(n) + 1, 10_000)) if n % factor == 0), n)


def grid_shape(shape: Shape, chunk_shape: Shape) -> Shape:
    """Return the number of chunks on each axis of a regular grid.

    >>> grid_shape((10, 0), (3, 5))
    (4, 0)
    """
    return tuple(-(-n // c) for n, c in zip(shape, chunk_shape, strict=True))
