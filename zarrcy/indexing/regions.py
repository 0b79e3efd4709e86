"""Parts of an array that writers may write at once: cut along the borders of what is stored, and checked."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from zarrcy.errors import RegionError
from zarrcy.indexing.chunk_shapes import grid_shape
from zarrcy.types import Shape

Region: TypeAlias = tuple[slice, ...]
"""A part of an array: one slice of step 1 per axis."""
Extent: TypeAlias = tuple[tuple[int, int], ...]
"""Start and stop along each axis, in elements or in cells of a grid."""


def cut(shape: Shape, cell: Shape, n: int) -> list[Region]:
    """Cut an array into parts along the borders of its cells, with as many elements in each as can be.

    Parameters
    ----------
    shape, cell : of the array and of what is stored as one value, in elements
    n : parts. Those for which there is no cell are empty, and come last

    Examples
    --------
    >>> cut((10, 4), (3, 4), 2)
    [(slice(0, 6, None), slice(0, 4, None)), (slice(6, 10, None), slice(0, 4, None))]
    """
    counts = grid_shape(shape, cell)
    whole: Extent = tuple((0, count) for count in counts)
    found = list(_parts(whole, shape, cell, min(n, math.prod(counts))))
    nothing: Extent = ((0, 0),) * len(shape)
    return [_slices(_elements(part, shape, cell)) for part in found + [nothing] * (n - len(found))]


def _parts(part: Extent, shape: Shape, cell: Shape, n: int) -> Iterator[Extent]:
    """Halve a part until there are `n`; each has a cell at least."""
    if n < 2:
        yield from [part] * n
        return
    lengths = [stop - start for start, stop in _elements(part, shape, cell)]
    n_cells = math.prod(stop - start for start, stop in part)
    best = None
    for axis, (start, stop) in enumerate(part):
        across = n_cells // (stop - start)
        for at in _places(start, stop, n):
            share = (at * cell[axis] - start * cell[axis]) / lengths[axis]
            fair = round(n * share)
            low, high = max(1, n - (stop - at) * across), min(n - 1, (at - start) * across)
            n_low = min(max(fair, low), high)
            # what the part with most to do has to do
            load = max(share / n_low, (1 - share) / (n - n_low))
            if best is None or load < best[0] - 1e-9:
                best = load, axis, at, n_low
    assert best is not None, "several parts were asked of one cell"
    _, axis, at, n_low = best
    start, stop = part[axis]
    yield from _parts((*part[:axis], (start, at), *part[axis + 1 :]), shape, cell, n_low)
    yield from _parts((*part[:axis], (at, stop), *part[axis + 1 :]), shape, cell, n - n_low)


def _places(start: int, stop: int, n: int) -> set[int]:
    """Return where a range of cells may be cut: near the middle, and near where `n` parts have equal shares."""
    count = stop - start
    near = {count // 2, -(-count // 2), count * (n // 2) // n, -(-count * (n // 2) // n)}
    return {start + at for at in near if 0 < at < count}


def _elements(part: Extent, shape: Shape, cell: Shape) -> Extent:
    """Return in elements what is given in cells."""
    return tuple(
        (min(start * c, n), min(stop * c, n)) for (start, stop), n, c in zip(part, shape, cell, strict=True)
    )


def _slices(extent: Extent) -> Region:
    return tuple(slice(start, stop) for start, stop in extent)


def _is_empty(extent: Extent) -> bool:
    return any(start >= stop for start, stop in extent)


def cover(extent: Extent, shape: Shape, cell: Shape) -> Region:
    """Return the smallest region of whole cells that holds an extent.

    >>> cover(((3, 5),), (10,), (4,))
    (slice(0, 8, None),)
    """
    cells = tuple((start // c, -(-stop // c)) for (start, stop), c in zip(extent, cell, strict=True))
    return _slices(_elements(cells, shape, cell))


def nearest(extent: Extent, shape: Shape, cell: Shape) -> Region:
    """Return an extent with its ends moved to the nearest borders; of one cell at least.

    >>> nearest(((3, 9),), (12,), (4,))
    (slice(4, 8, None),)
    """
    cells = []
    for (start, stop), n, c in zip(extent, shape, cell, strict=True):
        last = -(-n // c)
        first = min((2 * start + c) // (2 * c), last - 1)
        end = last if stop >= n else (2 * stop + c) // (2 * c)
        cells.append((first, min(max(end, first + 1), last)))
    return _slices(_elements(tuple(cells), shape, cell))


def is_aligned(extent: Extent, shape: Shape, cell: Shape) -> bool:
    """Do an extent's ends lie on borders of cells, or at the end of the array?"""
    return _is_empty(extent) or all(
        start % c == 0 and (stop % c == 0 or stop == n)
        for (start, stop), n, c in zip(extent, shape, cell, strict=True)
    )


def check(extents: Sequence[Extent], shape: Shape, cell: Shape, sparse: Collection[int] = ()) -> None:
    """Refuse extents that are not aligned, or of which two overlap.

    Parameters
    ----------
    extents : to be written at once
    shape, cell : see `cut`
    sparse : numbers of those in which elements are left out

    Raises
    ------
    RegionError : so it is; it says which, and what would do
    """
    for number, extent in enumerate(extents):
        if number in sparse or not is_aligned(extent, shape, cell):
            good = nearest(extent, shape, cell)
            raise RegionError(number, _slices(extent), good, "does not begin and end at borders", cell)
    pair = _first_overlap(extents)
    if pair is None:
        return
    other, number = pair
    rest = _beside(extents[number], extents[other])
    problem = f"overlaps with region {other}"
    raise RegionError(
        number, _slices(extents[number]), None if rest is None else _slices(rest), problem, cell
    )


def _first_overlap(extents: Sequence[Extent]) -> tuple[int, int] | None:
    """Return the numbers of two extents that overlap, the lower one first; None if there are none."""
    numbers = [number for number, extent in enumerate(extents) if not _is_empty(extent)]
    if not numbers or not extents[numbers[0]]:
        return None if len(numbers) < 2 else (numbers[0], numbers[1])
    table = np.array([extents[number] for number in numbers], np.int64)
    order = np.argsort(table[:, 0, 0], kind="stable")
    table = table[order]
    starts, stops = table[:, :, 0], table[:, :, 1]
    # only what begins before an extent ends, along the first axis, can overlap with it
    ends = np.searchsorted(starts[:, 0], stops[:, 0])
    for at, end in enumerate(ends.tolist()):
        rest = slice(at + 1, end)
        both = ((starts[rest] < stops[at]) & (stops[rest] > starts[at])).all(axis=1)
        if both.any():
            pair = numbers[order[at]], numbers[order[at + 1 + int(np.argmax(both))]]
            return min(pair), max(pair)
    return None


def _beside(extent: Extent, other: Extent) -> Extent | None:
    """Return the largest part of an extent that lies beside another; None if there is none."""
    found = []
    for axis, ((start, stop), (taken, until)) in enumerate(zip(extent, other, strict=True)):
        for left in ((start, min(stop, taken)), (max(start, until), stop)):
            part = (*extent[:axis], left, *extent[axis + 1 :])
            if not _is_empty(part):
                found.append(part)
    return max(found, key=lambda part: math.prod(b - a for a, b in part), default=None)
