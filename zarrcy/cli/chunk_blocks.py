"""Chunks for a new array, and the pieces in which it is filled: whole chunks, each written once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from zarrcy.indexing.chunk_shapes import normalize_chunks
from zarrcy.types import Shape

__all__ = ["SLAB_NBYTES", "ChunkRule", "choose_chunks", "slab_shape", "slabs"]

ChunkRule = str | Shape
"""``"auto"``, ``"same"``, or the chunk shape of arrays that have as many axes."""

SLAB_NBYTES = 64 * 2**20
_SMALLEST_KEPT = 128 * 1024
_LARGEST_KEPT = 16 * 2**20


def choose_chunks(rule: ChunkRule, shape: Shape, itemsize: int, source_chunks: Shape | None) -> Shape:
    """Return the chunk shape of an array that is to be imported.

    Parameters
    ----------
    rule : "auto" keeps the chunks of the file where they are of 128 KiB to 16 MiB and guesses
        otherwise; "same" keeps them whatever their size; a shape holds for arrays with as many axes,
        and the others are done by "auto"
    shape : of the array, in elements
    itemsize : in bytes
    source_chunks : of the file, in elements; None where it has none

    >>> choose_chunks("auto", (4096, 512), 4, (100, 512))
    (100, 512)
    >>> choose_chunks("same", (240, 37, 49), 4, (1, 37, 49))
    (1, 37, 49)
    """
    if not isinstance(rule, str) and len(rule) == len(shape):
        return _clipped(rule, shape)
    if source_chunks is not None:
        kept = _clipped(source_chunks, shape)
        if rule == "same" or _SMALLEST_KEPT <= math.prod(kept) * itemsize <= _LARGEST_KEPT:
            return kept
    return normalize_chunks(True, shape, itemsize)


def _clipped(chunks: Shape, shape: Shape) -> Shape:
    """Return a chunk shape that does not reach beyond the array, which would only store fill values."""
    return tuple(max(1, min(c, n)) for c, n in zip(chunks, shape, strict=True))


def slab_shape(shape: Shape, chunks: Shape, itemsize: int, nbytes: int) -> Shape:
    """Return the shape of pieces that are made of whole chunks and are of at most `nbytes`.

    A piece is one chunk where a chunk is larger than that. The last axes are made long first, since
    files hold them together.

    >>> slab_shape((1000, 1000), (10, 10), 8, 160_000)
    (20, 1000)
    """
    lengths = list(chunks)
    for axis in reversed(range(len(shape))):
        others = math.prod(lengths) // lengths[axis] * itemsize * chunks[axis]
        n_chunks = min(max(1, nbytes // others), max(1, -(-shape[axis] // chunks[axis])))
        lengths[axis] = n_chunks * chunks[axis]
    return tuple(min(a, max(1, n)) for a, n in zip(lengths, shape, strict=True))


def slabs(shape: Shape, lengths: Shape) -> Iterator[tuple[slice, ...]]:
    """Iterate over the pieces of an array, in C order; one without elements has none.

    >>> list(slabs((3,), (2,)))
    [(slice(0, 2, None),), (slice(2, 3, None),)]
    """
    starts = (range(0, n, length) for n, length in zip(shape, lengths, strict=True))
    for corner in itertools.product(*starts):
        yield tuple(slice(a, min(a + b, n)) for a, b, n in zip(corner, lengths, shape, strict=True))
