"""The pieces of a plan: batches of their numbers, and the memory of the array that they fill."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import numpy as np
from numpy.typing import NDArray

from zarrcy.types import AnyArray, OuterPlan, Plan


def batches(n_pieces: int, size: int) -> Iterable[tuple[int, int]]:
    """Return the ranges of piece numbers, ``(first, one past the last)``, of batches of at most `size` pieces.

    >>> list(batches(5, 2))
    [(0, 2), (2, 4), (4, 5)]
    """
    if n_pieces <= size:
        return ((0, n_pieces),)
    return ((first, min(n_pieces, first + size)) for first in range(0, n_pieces, size))


def box_plan(plan: Plan) -> OuterPlan | None:
    """Return the plan if all of its pieces can be indexed with slices; None if it has lists, points or a mask."""
    return None if getattr(plan, "has_lists", True) else cast(OuterPlan, plan)


def flat_memory(array: AnyArray) -> NDArray[np.uint8] | None:
    """Return the bytes of a contiguous array in memory order; None if it is not contiguous or holds objects."""
    if array.dtype.hasobject:
        return None
    if array.flags.c_contiguous:
        return array.reshape(-1).view(np.uint8)
    if array.flags.f_contiguous:
        return array.T.reshape(-1).view(np.uint8)
    return None


# Copied between two moments at which the interpreter runs signal handlers: 64 MiB take some 20 ms.
_PART_NBYTES = 2**26


def copy_in_parts(target: AnyArray, source: AnyArray) -> None:
    """Copy a flat chunk in parts, so that signals are handled while a long one is copied.

    Examples
    --------
    >>> chunk = np.zeros(3, np.uint8)
    >>> copy_in_parts(chunk, np.array([1, 2, 3], np.uint8))
    >>> chunk.tolist()
    [1, 2, 3]
    """
    step = max(1, _PART_NBYTES // target.itemsize)
    for start in range(0, len(target), step):
        target[start : start + step] = source[start : start + step]
