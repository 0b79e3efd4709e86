"""Chunk shapes for new arrays, and blocks of whole chunks: the pieces in which an import fills an array."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from zarrcy.indexing.chunk_shapes import normalize_chunks
from zarrcy.types import Shape

__all__ = ["BLOCK_NBYTES", "ChunkRule", "block_shape", "choose_chunks", "iter_blocks"]

ChunkRule = str | Shape
"""``"auto"``, ``"same"``, or a chunk shape for the arrays that have the same number of axes."""

BLOCK_NBYTES = 64 * 2**20
"""Default size of a block, in bytes."""
_MIN_KEPT_NBYTES = 128 * 1024
_MAX_KEPT_NBYTES = 16 * 2**20


def choose_chunks(rule: ChunkRule, shape: Shape, itemsize: int, source_chunks: Shape | None) -> Shape:
    """Return the chunk shape of a new array.

    Parameters
    ----------
    rule : {"auto", "same"} or tuple of int
        "auto" keeps the chunks of the source if one has 128 KiB to 16 MiB, and guesses otherwise. "same" keeps them
        whatever their size. A shape applies to arrays with the same number of axes; "auto" applies to the others.
    shape : tuple of int
        Shape of the array, in elements.
    itemsize : int
        Size of an element, in bytes.
    source_chunks : tuple of int or None
        Chunk shape of the source, in elements; None if the source is not chunked.

    Examples
    --------
    >>> choose_chunks("auto", (4096, 512), 4, (100, 512))
    (100, 512)
    >>> choose_chunks("same", (240, 37, 49), 4, (1, 37, 49))
    (1, 37, 49)
    """
    if not isinstance(rule, str) and len(rule) == len(shape):
        return _clip(rule, shape)
    if source_chunks is not None:
        chunks = _clip(source_chunks, shape)
        if rule == "same" or _MIN_KEPT_NBYTES <= math.prod(chunks) * itemsize <= _MAX_KEPT_NBYTES:
            return chunks
    return normalize_chunks(True, shape, itemsize)


def _clip(chunks: Shape, shape: Shape) -> Shape:
    """Limit a chunk shape to the shape of the array: elements beyond it would only store fill values."""
    return tuple(max(1, min(c, n)) for c, n in zip(chunks, shape, strict=True))


def block_shape(shape: Shape, chunks: Shape, itemsize: int, nbytes: int) -> Shape:
    """Return the shape of blocks that consist of whole chunks and have at most `nbytes` bytes.

    If one chunk is larger than that, a block is one chunk. The last axes are extended first, because files store
    neighbours along them together.

    Examples
    --------
    >>> block_shape((1000, 1000), (10, 10), 8, 160_000)
    (20, 1000)
    """
    lengths = list(chunks)
    for axis in reversed(range(len(shape))):
        others = math.prod(lengths) // lengths[axis] * itemsize * chunks[axis]
        n_chunks = min(max(1, nbytes // others), max(1, -(-shape[axis] // chunks[axis])))
        lengths[axis] = n_chunks * chunks[axis]
    return tuple(min(a, max(1, n)) for a, n in zip(lengths, shape, strict=True))


def iter_blocks(shape: Shape, lengths: Shape) -> Iterator[tuple[slice, ...]]:
    """Iterate over the blocks of an array in C order. An array without elements has no blocks.

    Examples
    --------
    >>> list(iter_blocks((3,), (2,)))
    [(slice(0, 2, None),), (slice(2, 3, None),)]
    """
    starts = (range(0, n, length) for n, length in zip(shape, lengths, strict=True))
    for corner in itertools.product(*starts):
        yield tuple(slice(a, min(a + b, n)) for a, b, n in zip(corner, lengths, shape, strict=True))
