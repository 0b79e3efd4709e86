"""Chunk I/O of rectilinear grids, whose chunks differ in length: a selection is cut into parts with equal chunks.

The chunks of one run have equal lengths. Shifted along the axis by the right number of elements, they are chunks of
a regular grid, with the same chunk coordinates there. So each part is read and written like a regular array, from
the same keys.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels
from zarrcy.chunk_io import ChunkIO
from zarrcy.codecs import fill_bytes
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.metadata import ArrayMetadata
from zarrcy.types import (
    AnyArray,
    Box,
    Buffer,
    ChunkGrid,
    ChunkLayout,
    Coords,
    Field,
    FlatPlan,
    Kernels,
    LazyAttribute,
    Plan,
    Points,
    Positions,
    Selection,
    Shape,
)


class RectilinearChunkIO:
    """Reads and writes the chunks of a rectilinear grid.

    Parameters
    ----------
    metadata : ArrayMetadata
        The metadata of the array; it has `rectilinear_axes`.
    open_part : callable
        Opens the chunk I/O for stored values of one shape.
    n_kept : int
        Number of shapes whose chunk I/O is kept open.
    """

    def __init__(self, metadata: ArrayMetadata, open_part: Callable[[Shape], ChunkIO], n_kept: int) -> None:
        assert metadata.rectilinear_axes is not None, "the caller chooses by it"
        kernels: Kernels = _kernels.for_dtype(metadata.dtype)
        self.planner = RectilinearPlanner(kernels, metadata.rectilinear_axes)
        self.layout: ChunkLayout = kernels.ChunkLayout(metadata.chunk_shape, metadata.dtype.itemsize)
        self.fill_bytes: Buffer = fill_bytes(metadata.fill_value_or_zero, metadata.dtype)
        self._open_part = lru_cache(n_kept)(open_part)

    def read(self, plan: Plan, out: AnyArray, field: Field | None = None, prezeroed: bool = False) -> None:
        """Read the pieces of a plan into `out`: see `zarrcy.chunk_io.ChunkIO.read`."""
        for part, chunk_io, regular in self.parts(plan):
            if part.is_box:
                chunk_io.read(regular, out[part.where], field, prezeroed)
            else:
                values = np.empty_like(out, shape=part.result_shape)
                chunk_io.read(regular, values, field)
                out[part.where] = values

    def write(self, plan: Plan, value: AnyArray, field: Field | None = None) -> None:
        """Write `value` along a plan: see `zarrcy.chunk_io.ChunkIO.write`."""
        for part, chunk_io, regular in self.parts(plan):
            chunk_io.write(regular, value[part.where], field)

    def is_aligned(self, plan: Plan) -> bool:
        """Return whether a plan covers all of each stored value that it touches, as far as inside the array."""
        return all(chunk_io.is_aligned(regular) for _, chunk_io, regular in self.parts(plan))

    def parts(self, plan: Plan) -> Iterator[tuple[Part, ChunkIO, Plan]]:
        """Iterate over the parts of a plan, each with the chunk I/O and the plan for a regular grid."""
        assert isinstance(plan, RectilinearPlan), "the planner of a rectilinear grid makes only such plans"
        for part in plan.parts():
            chunk_io = self._open_part(part.chunk_shape)
            yield part, chunk_io, part.split(chunk_io.planner.Grid(part.shape, chunk_io.layout.chunk_shape))


@dataclass(frozen=True, slots=True)
class Part:
    """The elements of a selection whose stored values have one shape.

    Attributes
    ----------
    chunk_shape : Shape
        The shape of the stored values, in elements.
    shape : Shape
        The shape of the regular array in which these values have the chunk coordinates that they have in this array.
    split : callable
        Takes a grid of `shape`, and returns the plan.
    result_shape : Shape
        The shape of the elements, as a selection of the regular array.
    where : Selection
        The key that selects the place of the elements in the result.
    is_box : bool
        Whether `where` consists of slices.
    """

    chunk_shape: Shape
    shape: Shape
    split: Callable[[ChunkGrid], Plan]
    result_shape: Shape
    where: Selection
    is_box: bool


class RectilinearPlan:
    """The elements of a selection, by the shape of the stored values that hold them: see `zarrcy.types.Plan`.

    A piece is what the selection takes of one stored value, so of a shard, if the array has shards. Pieces are numbered
    part by part.

    Attributes
    ----------
    planner : RectilinearPlanner
        The planner that made the plan.
    grid : ChunkGrid
        The shape of the array, and the longest chunk along each axis.
    shape : Shape
        The shape of the selection.
    has_lists : bool
        Whether the selection has lists or points.
    """

    def __init__(self, planner: RectilinearPlanner, grid: ChunkGrid, shape: Shape, has_lists: bool) -> None:
        self.planner, self.grid = planner, grid
        self.shape, self.has_lists = shape, has_lists

    def parts(self) -> Iterator[Part]:
        """Iterate over the parts: one for each combination of runs of equal chunks that the selection touches."""
        raise NotImplementedError

    @LazyAttribute
    def _plans(self) -> list[Plan]:
        """The plan of each part, for a regular grid of stored values."""
        grid = self.planner.regular.Grid
        return [part.split(grid(part.shape, part.chunk_shape)) for part in self.parts()]

    @LazyAttribute
    def _firsts(self) -> list[int]:
        """Number of the first piece of each part; the last entry is the number of pieces."""
        return [0, *itertools.accumulate(plan.n_pieces for plan in self._plans)]

    def _piece(self, number: int) -> tuple[Plan, int]:
        """Return the plan that has a piece, and the number of the piece there."""
        if not 0 <= number < self.n_pieces:
            raise IndexError(f"piece {number} of a plan with {self.n_pieces} pieces")
        part = bisect_right(self._firsts, number) - 1
        return self._plans[part], number - self._firsts[part]

    @property
    def n_pieces(self) -> int:
        """Number of stored values that the selection touches."""
        return self._firsts[-1]

    def coords(self, number: int) -> Coords:
        """Return the coordinates of the stored value of a piece."""
        plan, within = self._piece(number)
        return plan.coords(within)

    def coords_table(self, first: int, last: int) -> NDArray[np.int64]:
        """Return the coordinates of the stored values ``first <= number < last``, one row for each."""
        tables = [plan.coords_table(0, plan.n_pieces) for plan in self._plans]
        return np.concatenate(tables or [np.empty((0, self.grid.ndim), np.int64)])[first:last]

    def keys(self, first: int, last: int, prefix: str, separator: str) -> list[str]:
        """Return the keys of the stored values ``first <= number < last``."""
        rows = self.coords_table(first, last).tolist()
        return [prefix + separator.join(map(str, row)) for row in rows]

    def complete(self, number: int) -> bool:
        """Return whether a piece covers all of its stored value that is inside the array."""
        plan, within = self._piece(number)
        return plan.complete(within)

    def sparse(self, number: int) -> bool:
        """Return whether a piece covers at most half of its stored value that is inside the array."""
        plan, within = self._piece(number)
        return plan.sparse(within)

    def overhangs(self, number: int) -> bool:
        """Return whether the stored value of a piece reaches beyond the edge of the array."""
        plan, within = self._piece(number)
        return plan.overhangs(within)

    def part(
        self,
        runs: Sequence[int],
        split: Callable[[ChunkGrid], Plan],
        result_shape: Shape,
        where: Selection,
        is_box: bool,
    ) -> Part:
        """Return the part in one run of each axis."""
        axes = list(zip(self.planner.axes, runs, self.grid.shape, strict=True))
        return Part(
            tuple(axis.lengths[run] for axis, run, _ in axes),
            tuple(min(axis.starts[run + 1], n) + axis.regular_start(run) for axis, run, n in axes),
            split,
            result_shape,
            where,
            is_box,
        )


@dataclass(frozen=True, slots=True)
class AxisPart:
    """The elements of a box or a list in one run of an axis.

    Attributes
    ----------
    run : int
        Number of the run.
    start, count, step : int
        The range in the regular grid. For a list, only the count matters.
    where : slice or array of int64
        Place of the elements in the result, on this axis.
    positions : array of int64, optional
        Positions in the regular grid; None if the axis has no list.
    """

    run: int
    start: int
    count: int
    step: int
    where: slice[int, int, None] | NDArray[np.int64]
    positions: NDArray[np.int64] | None = None


class RectilinearOuterPlan(RectilinearPlan):
    """The outer product of ranges and lists, one for each axis."""

    def __init__(
        self, planner: RectilinearPlanner, box: Box, grid: ChunkGrid, lists: Positions | None
    ) -> None:
        super().__init__(planner, grid, box.shape, lists is not None)
        self.box, self.lists = box, lists

    def parts(self) -> Iterator[Part]:
        box = self.box
        axes = [list(self._axis_parts(axis)) for axis in range(box.ndim)]
        for parts in itertools.product(*axes):
            within = self.planner.regular.Box(
                tuple(part.start for part in parts),
                tuple(part.count for part in parts),
                tuple(part.step for part in parts),
                box.dropped,
                box.flipped,
            )
            lists = tuple(part.positions for part in parts) if self.has_lists else None
            places = [part.where for part, dropped in zip(parts, box.dropped, strict=True) if not dropped]
            is_box = all(isinstance(place, slice) for place in places)
            where = (*places, ...) if is_box else np.ix_(*map(_positions, places))
            split = partial(self._split, within, lists)
            yield self.part([part.run for part in parts], split, within.shape, where, is_box)

    def _split(self, box: Box, lists: Positions | None, grid: ChunkGrid) -> Plan:
        return self.planner.regular.split_outer(box, grid, lists)

    def _axis_parts(self, axis: int) -> Iterator[AxisPart]:
        runs = self.planner.axes[axis]
        positions = None if self.lists is None else self.lists[axis]
        if positions is not None:
            yield from _parts_of_list(runs, positions)
            return
        start, count, step = self.box.starts[axis], self.box.counts[axis], self.box.steps[axis]
        if not count:
            return
        for run in range(runs.run_at(start), runs.run_at(start + (count - 1) * step) + 1):
            low = max(0, -((start - runs.starts[run]) // step))
            high = min(count, -((start - runs.starts[run + 1]) // step))
            if low < high:
                where = slice(count - high, count - low) if self.box.flipped[axis] else slice(low, high)
                first = start + low * step + runs.regular_start(run)
                yield AxisPart(run, first, high - low, step if high - low > 1 else 1, where)


def _parts_of_list(runs: AxisChunks, positions: NDArray[np.int64]) -> Iterator[AxisPart]:
    for (run,), places in _grouped([runs.runs_at(positions)]):
        within = positions[places] + runs.regular_start(run)
        first, n = int(places[0]), len(places)
        where = slice(first, first + n) if int(places[-1]) == first + n - 1 else places
        yield AxisPart(run, 0, n, 1, where, within)


def _positions(where: slice[int, int, None] | NDArray[np.int64]) -> NDArray[np.int64]:
    return np.arange(where.start, where.stop, dtype=np.int64) if isinstance(where, slice) else where


def _grouped(keys: list[NDArray[np.int64]]) -> Iterator[tuple[list[int], NDArray[np.int64]]]:
    """Iterate over the distinct rows of a table, given by its columns, each with the positions of the row, in order."""
    # lexsort is stable, and its last key is the primary one
    order = np.lexsort(keys[::-1]).astype(np.int64, copy=False)
    table = np.stack(keys, axis=1)[order]
    new = np.ones(len(table), bool)
    new[1:] = (table[1:] != table[:-1]).any(axis=1)
    starts = np.flatnonzero(new).astype(np.int64, copy=False)
    # without rows, `split` returns one empty list
    yield from zip(table[starts].tolist(), np.split(order, starts[1:]), strict=False)


class RectilinearPointsPlan(RectilinearPlan):
    """Points, in any order."""

    def __init__(self, planner: RectilinearPlanner, points: Points, grid: ChunkGrid) -> None:
        super().__init__(planner, grid, (points[-1],), True)
        self.positions = points[:-1]

    def parts(self) -> Iterator[Part]:
        edges = self.planner.axes
        runs_of_points = [
            axis.runs_at(positions) for axis, positions in zip(edges, self.positions, strict=True)
        ]
        for runs, places in _grouped(runs_of_points):
            axes = zip(edges, runs, self.positions, strict=True)
            within = [positions[places] + axis.regular_start(run) for axis, run, positions in axes]
            split = partial(self.planner.regular.split_points, [*within, len(places)])
            yield self.part(runs, split, (len(places),), places, False)


class RectilinearPlanner:
    """Makes plans for a rectilinear grid: see `zarrcy.types.Planner`.

    Parameters
    ----------
    regular : Kernels
        The kernels for regular grids.
    axes : tuple of AxisChunks
        The chunks of each axis.
    """

    def __init__(self, regular: Kernels, axes: tuple[AxisChunks, ...]) -> None:
        self.regular, self.axes = regular, axes
        self.Grid, self.Box, self.parse_box = regular.Grid, regular.Box, regular.parse_box

    def split_outer(self, box: Box, grid: ChunkGrid, lists: Positions | None = None) -> Plan:
        """Cut a box, or an outer product of ranges and lists, into regular parts."""
        return RectilinearOuterPlan(self, box, grid, lists)

    def split_points(self, coords: Points, grid: ChunkGrid) -> FlatPlan:
        """Cut points into regular parts."""
        return RectilinearPointsPlan(self, coords, grid)

    def split_mask(self, mask: NDArray[np.bool_], grid: ChunkGrid) -> FlatPlan:
        """Cut the true elements of a mask into regular parts."""
        coords = [positions.astype(np.int64, copy=False) for positions in np.nonzero(mask.copy())]
        return RectilinearPointsPlan(self, [*coords, len(coords[0])], grid)
