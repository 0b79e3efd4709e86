"""Regions of an array that several writers can fill at once: cut along the edges of stored values, and checked.

The functions work in two units: elements, and cells. A cell is what is stored as one value, a chunk or a shard. An
`AxisChunks` for each axis converts between the two, so regular and rectilinear grids need no different code.
"""

from __future__ import annotations

import itertools
import math
import operator
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import SupportsIndex, TypeAlias, overload

import numpy as np

from zarrcy.errors import RegionError
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.types import Shape

Region: TypeAlias = tuple[slice, ...]
"""A part of an array: one slice of step 1 for each axis."""
Extent: TypeAlias = tuple[tuple[int, int], ...]
"""Start and stop on each axis, in elements or in cells."""
Axes: TypeAlias = tuple[AxisChunks, ...]
"""The edges of the cells on each axis."""
# The representation of more regions is their number.
_MOST_SHOWN = 20
# Axes with more cells are walked without a list of them.
_MOST_SPANS = 2**16


def cut(shape: Shape, axes: Axes, n: int) -> list[Region]:
    """Cut an array into `n` regions along the edges of its cells, as equal in size as the cells allow.

    Parameters
    ----------
    shape : Shape
        Shape of the array, in elements.
    axes : tuple of AxisChunks
        Edges of the cells.
    n : int
        Number of regions. If there are fewer cells, the last regions are empty.

    Examples
    --------
    >>> cut((10, 4), (AxisChunks.regular(3), AxisChunks.regular(4)), 2)
    [(slice(0, 6, None), slice(0, 4, None)), (slice(6, 10, None), slice(0, 4, None))]
    """
    whole = _whole(shape, axes)
    parts = list(_parts(whole, shape, axes, min(n, _n_cells(whole))))
    empty: Extent = ((0, 0),) * len(shape)
    return [_slices(_elements(part, shape, axes)) for part in parts + [empty] * (n - len(parts))]


def cut_one(shape: Shape, axes: Axes, n: int, number: int, extent: Extent | None = None) -> Region:
    """Return one of the regions that `cut` returns, without computing the others.

    Parameters
    ----------
    shape, axes, n
        As for `cut`.
    number : int
        Number of the region.
    extent : Extent, optional
        What is cut, in elements; by default the whole array.

    Examples
    --------
    >>> cut_one((10, 4), (AxisChunks.regular(3), AxisChunks.regular(4)), 2, 1)
    (slice(6, 10, None), slice(0, 4, None))
    """
    part = _whole(shape, axes) if extent is None else cells_of(extent, axes)
    n = min(n, _n_cells(part))
    if number >= n:
        return _slices(((0, 0),) * len(shape))
    while n > 1:
        low, n_low, high = _halves(part, shape, axes, n)
        part, n, number = (low, n_low, number) if number < n_low else (high, n - n_low, number - n_low)
    elements = _elements(part, shape, axes)
    return _slices(elements if extent is None else common(elements, extent))


class Pieces(Sequence[Region]):
    """The parts of extents that lie in one cell each, in C order. A part is computed when it is asked for.

    Parameters
    ----------
    extents : iterable of Extent
        What is cut, in elements.
    axes : tuple of AxisChunks
        Edges of the cells.

    Examples
    --------
    >>> pieces = Pieces([((1, 10),)], (AxisChunks.regular(4),))
    >>> len(pieces), pieces[0], pieces[-1]
    (3, (slice(1, 4, None),), (slice(8, 10, None),))
    """

    def __init__(self, extents: Iterable[Extent], axes: Axes) -> None:
        self._axes = axes
        self.extents = [extent for extent in extents if not _is_empty(extent)]
        counts = (_n_cells(cells_of(extent, axes)) for extent in self.extents)
        self._ends = list(itertools.accumulate(counts))

    @property
    def size(self) -> int:
        """Number of elements in all parts."""
        return sum(math.prod(stop - start for start, stop in extent) for extent in self.extents)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, number: SupportsIndex) -> Region: ...
    @overload
    def __getitem__(self, number: slice) -> list[Region]: ...
    def __getitem__(self, number: SupportsIndex | slice) -> Region | list[Region]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        at = range(len(self))[operator.index(number)]
        which = bisect_right(self._ends, at)
        extent, left = self.extents[which], at - (self._ends[which - 1] if which else 0)
        region = []
        for axis, cells, span in reversed(
            list(zip(self._axes, cells_of(extent, self._axes), extent, strict=True))
        ):
            left, cell = divmod(left, cells[1] - cells[0])
            region.append(_span_of(axis, cells[0] + cell, span))
        return tuple(reversed(region))

    def __iter__(self) -> Iterator[Region]:
        for extent in self.extents:
            yield from _each(list(zip(self._axes, cells_of(extent, self._axes), extent, strict=True)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(operator.eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        n = len(self)
        return f"<{n} regions>" if n > _MOST_SHOWN else repr(list(self))


def _span_of(axis: AxisChunks, cell: int, span: tuple[int, int]) -> slice:
    """Return the elements of a span that lie in a cell."""
    return slice(max(axis.start_of(cell), span[0]), min(axis.start_of(cell + 1), span[1]))


def _each(axes: list[tuple[AxisChunks, tuple[int, int], tuple[int, int]]]) -> Iterator[Region]:
    """Iterate over the parts of an extent: for each axis its edges, the cells, and the elements."""
    if not axes:
        yield ()
        return
    (axis, cells, span), *others = axes
    spans = (_span_of(axis, cell, span) for cell in range(*cells))
    if all(stop - start <= _MOST_SPANS for _, (start, stop), _ in others):
        inner = [[_span_of(axis, cell, span) for cell in range(*cells)] for axis, cells, span in others]
        for first in spans:
            yield from itertools.product((first,), *inner)
        return
    for first in spans:
        for rest in _each(others):
            yield (first, *rest)


def cells_of(extent: Extent, axes: Axes) -> Extent:
    """Return the cells that hold elements of an extent."""
    if _is_empty(extent):
        return ((0, 0),) * len(axes)
    return tuple(
        (axis.chunk_at(start), axis.chunk_at(stop - 1) + 1)
        for axis, (start, stop) in zip(axes, extent, strict=True)
    )


def common(extent: Extent, other: Extent) -> Extent:
    """Return the elements that two extents have in common."""
    return tuple((max(a, c), min(b, d)) for (a, b), (c, d) in zip(extent, other, strict=True))


def _whole(shape: Shape, axes: Axes) -> Extent:
    """Return the extent of an array, in cells."""
    return tuple((0, axis.count(length)) for axis, length in zip(axes, shape, strict=True))


def _n_cells(part: Extent) -> int:
    return math.prod(stop - start for start, stop in part)


def _parts(part: Extent, shape: Shape, axes: Axes, n: int) -> Iterator[Extent]:
    """Cut a part, in cells, into `n` parts of at least one cell: cut it in two, and then each of the two."""
    if n < 2:
        yield from [part] * n
        return
    low, n_low, high = _halves(part, shape, axes, n)
    yield from _parts(low, shape, axes, n_low)
    yield from _parts(high, shape, axes, n - n_low)


def _halves(part: Extent, shape: Shape, axes: Axes, n: int) -> tuple[Extent, int, Extent]:
    """Cut a part, in cells, in two; return the first, the number of parts into which to cut it, and the second.

    Of all places to cut, the one is taken that gives the most loaded writer the least to do.
    """
    extent = _elements(part, shape, axes)
    n_cells = _n_cells(part)
    best = None
    for number, (axis, (start, stop)) in enumerate(zip(axes, part, strict=True)):
        across = n_cells // (stop - start)
        first, last = extent[number]
        for at in _cuts(axis, start, stop, extent[number], n):
            share = (axis.start_of(at) - first) / (last - first)
            fair = round(n * share)
            low, high = max(1, n - (stop - at) * across), min(n - 1, (at - start) * across)
            n_low = min(max(fair, low), high)
            # what the writer with the largest share has to write
            load = max(share / n_low, (1 - share) / (n - n_low))
            if best is None or load < best[0] - 1e-9:
                best = load, number, at, n_low
    assert best is not None, "a part of one cell is not cut"
    _, number, at, n_low = best
    start, stop = part[number]
    before, after = part[:number], part[number + 1 :]
    return (*before, (start, at), *after), n_low, (*before, (at, stop), *after)


def _cuts(axis: AxisChunks, start: int, stop: int, elements: tuple[int, int], n: int) -> set[int]:
    """Return cells before which to cut: near the middle, and near the place that gives `n` parts equal shares."""
    count = stop - start
    near = {start + count // 2, start - (-count // 2)}
    near |= {start + count * (n // 2) // n, start - (-count * (n // 2) // n)}
    if not axis.is_regular:
        first, last = elements
        for place in (first + (last - first) // 2, first + (last - first) * (n // 2) // n):
            cell = axis.chunk_at(place)
            near |= {cell, cell + 1}
    return {at for at in near if start < at < stop}


def _elements(part: Extent, shape: Shape, axes: Axes) -> Extent:
    """Convert cells to elements."""
    return tuple(
        (min(axis.start_of(start), n), min(axis.start_of(stop), n))
        for (start, stop), n, axis in zip(part, shape, axes, strict=True)
    )


def _slices(extent: Extent) -> Region:
    return tuple(slice(start, stop) for start, stop in extent)


def _is_empty(extent: Extent) -> bool:
    return any(start >= stop for start, stop in extent)


def cover(extent: Extent, shape: Shape, axes: Axes) -> Region:
    """Return the smallest region of whole cells that holds an extent, which is not empty.

    >>> cover(((3, 5),), (10,), (AxisChunks.regular(4),))
    (slice(0, 8, None),)
    """
    return _slices(_elements(cells_of(extent, axes), shape, axes))


def nearest(extent: Extent, shape: Shape, axes: Axes) -> Region:
    """Return an extent with its ends moved to the nearest edges; it has at least one cell.

    >>> nearest(((3, 9),), (12,), (AxisChunks.regular(4),))
    (slice(4, 8, None),)
    """
    cells = []
    for (start, stop), n, axis in zip(extent, shape, axes, strict=True):
        count = axis.count(n)
        first = min(_nearest_edge(axis, start), count - 1)
        end = count if stop >= n else _nearest_edge(axis, stop)
        cells.append((first, min(max(end, first + 1), count)))
    return _slices(_elements(tuple(cells), shape, axes))


def _nearest_edge(axis: AxisChunks, position: int) -> int:
    """Return the number of the cell that begins nearest to an element."""
    cell = axis.chunk_at(position)
    return cell + (2 * position >= axis.start_of(cell) + axis.start_of(cell + 1))


def is_aligned(extent: Extent, shape: Shape, axes: Axes) -> bool:
    """Return whether the ends of an extent are edges of cells or the end of the array."""
    return _is_empty(extent) or all(
        _is_edge(axis, start) and (stop == n or _is_edge(axis, stop))
        for (start, stop), n, axis in zip(extent, shape, axes, strict=True)
    )


def _is_edge(axis: AxisChunks, position: int) -> bool:
    return axis.start_of(axis.chunk_at(position)) == position


def check(extents: Sequence[Extent], shape: Shape, axes: Axes, sparse: Collection[int] = ()) -> None:
    """Refuse extents that are not aligned, or of which two overlap.

    Parameters
    ----------
    extents : sequence of Extent
        Regions that will be written at the same time, in elements.
    shape : Shape
        Shape of the array, in elements.
    axes : tuple of AxisChunks
        Edges of the cells.
    sparse : collection of int
        Numbers of the extents of which not all elements will be written.

    Raises
    ------
    RegionError
        For the first extent that is not aligned, or that overlaps with another.
    """
    cell = tuple(axis.lengths[0] for axis in axes) if all(axis.is_regular for axis in axes) else None
    for number, extent in enumerate(extents):
        if number in sparse or not is_aligned(extent, shape, axes):
            good = nearest(extent, shape, axes)
            raise RegionError(number, _slices(extent), good, "does not begin and end at borders", cell)
    pair = _first_overlap(extents)
    if pair is None:
        return
    other, number = pair
    beside = _beside(extents[number], extents[other])
    problem = f"overlaps with region {other}"
    raise RegionError(
        number, _slices(extents[number]), None if beside is None else _slices(beside), problem, cell
    )


def _first_overlap(extents: Sequence[Extent]) -> tuple[int, int] | None:
    """Return the numbers of two extents that overlap, the lower one first; None if there are none."""
    numbers = [number for number, extent in enumerate(extents) if not _is_empty(extent)]
    if not numbers or not extents[numbers[0]]:
        return None if len(numbers) < 2 else (numbers[0], numbers[1])
    table = np.array([extents[number] for number in numbers], np.int64)
    order = np.argsort(table[:, 0, 0], kind="stable").astype(np.int64, copy=False)
    table = table[order]
    starts, stops = table[:, :, 0], table[:, :, 1]
    # along the first axis, only an extent that begins before this one ends can overlap with it
    ends = np.searchsorted(starts[:, 0], stops[:, 0]).astype(np.int64, copy=False)
    for at, end in enumerate(ends.tolist()):
        candidates = slice(at + 1, end)
        overlaps = ((starts[candidates] < stops[at]) & (stops[candidates] > starts[at])).all(axis=1)
        if overlaps.any():
            pair = numbers[order[at]], numbers[order[at + 1 + int(np.argmax(overlaps))]]
            return min(pair), max(pair)
    return None


def _beside(extent: Extent, other: Extent) -> Extent | None:
    """Return the largest part of an extent that lies beside another extent; None if there is none."""
    parts = []
    for axis, ((start, stop), (low, high)) in enumerate(zip(extent, other, strict=True)):
        for span in ((start, min(stop, low)), (max(start, high), stop)):
            part = (*extent[:axis], span, *extent[axis + 1 :])
            if not _is_empty(part):
                parts.append(part)
    return max(parts, key=lambda part: math.prod(b - a for a, b in part), default=None)
