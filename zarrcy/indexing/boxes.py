"""Boxes of elements: which part of a region other boxes do not cover, and boxes merged into fewer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from zarrcy.indexing.regions import Extent

Boxes = NDArray[np.int64]
"""Array of shape (boxes, axes, 2): start and stop of each box on each axis, in elements."""


def as_boxes(extents: Iterable[Extent], n_axes: int) -> Boxes:
    """Return extents as one array."""
    extents = list(extents)
    return np.array(extents, np.int64).reshape(len(extents), n_axes, 2)


def overlapping(boxes: Boxes, extent: Extent) -> NDArray[np.bool_]:
    """Return for each box whether it has an element in common with an extent, which is not empty.

    Examples
    --------
    >>> overlapping(as_boxes([((0, 4),), ((6, 9),)], 1), ((3, 6),)).tolist()
    [True, False]
    """
    other = np.array(extent, np.int64).reshape(-1, 2)
    meets = (boxes[:, :, 0] < other[:, 1]) & (boxes[:, :, 1] > other[:, 0])
    return np.asarray(meets.all(axis=1), np.bool_)


def uncovered(extent: Extent, holes: Boxes) -> list[Extent]:
    """Return what boxes leave of an extent, as boxes that do not overlap, sorted by their first elements.

    Parameters
    ----------
    extent : Extent
        The extent, in elements.
    holes : Boxes
        What is taken away.

    Examples
    --------
    >>> uncovered(((0, 9), (0, 4)), as_boxes([((0, 3), (0, 4)), ((3, 6), (0, 2))], 2))
    [((3, 6), (2, 4)), ((6, 9), (0, 4))]
    """
    if any(start >= stop for start, stop in extent):
        return []
    left = as_boxes([extent], len(extent))
    for hole in holes[overlapping(holes, extent)].tolist():
        cut = tuple(map(tuple, hole))
        hit = overlapping(left, cut)
        if hit.any():
            rest = [part for box in left[hit].tolist() for part in _around(box, cut)]
            left = np.concatenate((left[~hit], as_boxes(rest, len(extent))))
    return sorted(tuple(map(tuple, box)) for box in left.tolist())


def _around(box: list[list[int]], hole: Extent) -> Iterator[Extent]:
    """Iterate over boxes that together are what `hole`, which overlaps with it, leaves of a box."""
    inner = [(start, stop) for start, stop in box]
    for axis, ((start, stop), (low, high)) in enumerate(zip(list(inner), hole, strict=True)):
        for span in ((start, low), (high, stop)):
            if span[0] < span[1]:
                yield (*inner[:axis], span, *inner[axis + 1 :])
        inner[axis] = max(start, low), min(stop, high)


def add_box(boxes: list[Extent], box: Extent) -> None:
    """Add a box to a list, and merge it with the last ones as long as two of them make up one box.

    Cells that are added in C order leave a list with at most one box for each axis.

    Examples
    --------
    >>> boxes = [((0, 2), (0, 6)), ((2, 4), (0, 3))]
    >>> add_box(boxes, ((2, 4), (3, 6)))
    >>> boxes
    [((0, 4), (0, 6))]
    """
    boxes.append(box)
    while len(boxes) > 1 and (whole := _joined(boxes[-2], boxes[-1])) is not None:
        boxes[-2:] = [whole]


def _joined(first: Extent, second: Extent) -> Extent | None:
    """Return the box that two boxes make up; None if their union is not a box."""
    differing = [axis for axis, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
    if not differing:
        return first
    axis = differing[0]
    (start, stop), (low, high) = first[axis], second[axis]
    if len(differing) > 1 or low > stop or start > high:
        return None
    return (*first[:axis], (min(start, low), max(stop, high)), *first[axis + 1 :])
