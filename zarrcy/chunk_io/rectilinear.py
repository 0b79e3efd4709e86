"""Arrays whose chunks differ in length: what is selected is cut into parts whose chunks are equal.

The chunks of a run, moved along the axis by the right number of elements, are those of a regular grid, and
have the same numbers there. So each part is read and written as a regular array is, by `zarrcy.chunk_io.chunk_io`
and `zarrcy.chunk_io.sharding.source`, from the same keys.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels
from zarrcy.chunk_io.chunk_io import UnshardedChunkIO
from zarrcy.chunk_io.open_chunks import open_chunk_io
from zarrcy.codecs import fill_bytes
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.metadata import ArrayMetadata
from zarrcy.settings import ArrayConfig
from zarrcy.storage import access
from zarrcy.sync.synchronizers import Synchronizer
from zarrcy.types import Field, Shape, Store

# What is known of so many chunk shapes is kept.
_MOST_SOURCES = 1024


class RectilinearChunkIO:
    """Where the chunks of an array come from and go to, as `zarrcy.chunk_io.chunk_io.UnshardedChunkIO` is.

    Parameters
    ----------
    description : of the array, which has `edges`
    store, node_prefix, synchronizer, options : see `zarrcy.chunk_io.open_chunks.open_chunk_io`
    """

    def __init__(
        self,
        description: ArrayMetadata,
        store: Store,
        node_prefix: str,
        synchronizer: Synchronizer | None,
        options: ArrayConfig,
    ) -> None:
        assert description.rectilinear_axes is not None
        kernels = _kernels.for_dtype(description.dtype)
        self.kernels = RectilinearKernels(kernels, description.rectilinear_axes)
        self.layout = kernels.ChunkLayout(description.chunk_shape, description.dtype.itemsize)
        keys = description.chunk_keys
        self.prefix, self.separator = keys.prefix(node_prefix, len(description.shape)), keys.separator
        self.fill_bytes = fill_bytes(description.fill_value_or_zero, description.dtype)
        self.fetch, self.store_many = access.reader(store), access.writer(store)
        self.batch = max(1, access.batch_nbytes(store) // max(1, self.layout.nbytes))
        rest = (store, node_prefix, synchronizer, options)
        self._source_of = lru_cache(_MOST_SOURCES)(partial(_source_of, description, rest))

    def read(self, plan: RectilinearPlan, out: Any, field: Field | None = None, blank: bool = False) -> None:
        """Read a plan into `out`: see `UnshardedChunkIO.read`."""
        for part in plan.parts():
            source, regular = self._opened(part)
            if part.is_box:
                source.read(regular, out[part.where], field, blank)
            else:
                found = np.empty_like(out, shape=part.result_shape)
                source.read(regular, found, field)
                out[part.where] = found

    def write(self, plan: RectilinearPlan, value: NDArray[Any], field: Field | None = None) -> None:
        """Write `value` along a plan: see `UnshardedChunkIO.write`."""
        for part in plan.parts():
            source, regular = self._opened(part)
            source.write(regular, value[part.where], field)

    def _opened(self, part: Part) -> tuple[UnshardedChunkIO, Any]:
        source = self._source_of(part.chunk_shape)
        return source, part.split(source.kernels.Grid(part.shape, source.layout.chunk_shape))


def _source_of(description: ArrayMetadata, rest: Any, chunk_shape: Shape) -> UnshardedChunkIO:
    return open_chunk_io(description.with_equal_chunks(chunk_shape), *rest)


@dataclass(frozen=True, slots=True)
class Part:
    """What a selection takes of chunks of one shape.

    Attributes
    ----------
    chunk_shape : of the stored values
    shape : of the regular array in which they have the numbers that they have in this one
    split : takes a grid of that shape, and returns the plan
    result_shape, where : of the elements in the result, and the key of their place there
    is_box : `where` is made of slices
    """

    chunk_shape: Shape
    shape: Shape
    split: Callable[[Any], Any]
    result_shape: Shape
    where: Any
    is_box: bool


class RectilinearPlan:
    """What a selection takes of an array, by the shape of the chunks.

    Attributes
    ----------
    shape : of the result
    has_lists : there are lists or points in the selection
    """

    def __init__(self, kernels: RectilinearKernels, grid: Any, shape: Shape, has_lists: bool) -> None:
        self.kernels, self.grid = kernels, grid
        self.shape, self.has_lists = shape, has_lists

    def parts(self) -> Iterator[Part]:
        """Iterate over the parts. There are as many as runs of equal chunks are touched."""
        raise NotImplementedError

    def part(self, runs: Sequence[int], split: Callable[[Any], Any], *result: Any) -> Part:
        """Return the part that lies in one run of each axis; what comes last says where it is in the result."""
        axes = list(zip(self.kernels.rectilinear_axes, runs, self.grid.shape, strict=True))
        return Part(
            tuple(axis.lengths[run] for axis, run, _ in axes),
            tuple(min(axis.starts[run + 1], n) + axis.regular_start(run) for axis, run, n in axes),
            split,
            *result,
        )


@dataclass(frozen=True, slots=True)
class AxisPart:
    """What a box or a list takes of one run of an axis: the range is that of the regular grid."""

    run: int
    start: int
    count: int
    step: int
    where: slice | NDArray[np.int64]
    positions: NDArray[np.int64] | None = None


class OuterPlan(RectilinearPlan):
    """A range, or a list, along each axis."""

    def __init__(self, kernels: RectilinearKernels, box: Any, grid: Any, lists: Any) -> None:
        super().__init__(kernels, grid, box.shape, lists is not None)
        self.box, self.lists = box, lists

    def parts(self) -> Iterator[Part]:
        box = self.box
        axes = [list(self._axis_parts(axis)) for axis in range(box.ndim)]
        for found in itertools.product(*axes):
            within = self.kernels.regular.Box(
                tuple(part.start for part in found),
                tuple(part.count for part in found),
                tuple(part.step for part in found),
                box.dropped,
                box.flipped,
            )
            lists = tuple(part.positions for part in found) if self.has_lists else None
            wheres = [part.where for part, gone in zip(found, box.dropped, strict=True) if not gone]
            is_box = all(isinstance(where, slice) for where in wheres)
            where = (*wheres, ...) if is_box else np.ix_(*map(_positions, wheres))
            split = partial(self._split, within, lists)
            yield self.part([part.run for part in found], split, within.shape, where, is_box)

    def _split(self, box: Any, lists: Any, grid: Any) -> Any:
        return self.kernels.regular.split_outer(box, grid, lists)

    def _axis_parts(self, axis: int) -> Iterator[AxisPart]:
        runs = self.kernels.rectilinear_axes[axis]
        if self.lists is not None and self.lists[axis] is not None:
            yield from _parts_of_list(runs, self.lists[axis])
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
    found = runs.runs_at(positions)
    for run, chosen in _grouped([found]):
        within = positions[chosen] + runs.regular_start(run[0])
        first, n = int(chosen[0]), len(chosen)
        where = slice(first, first + n) if int(chosen[-1]) == first + n - 1 else chosen
        yield AxisPart(run[0], 0, n, 1, where, within)


def _positions(where: slice | NDArray[np.int64]) -> NDArray[np.int64]:
    return np.arange(where.start, where.stop) if isinstance(where, slice) else where


def _grouped(keys: list[NDArray[np.int64]]) -> Iterator[tuple[list[int], NDArray[np.int64]]]:
    """Iterate over the different rows of a table, given by its columns, and where each stands, in order."""
    # the last key of lexsort is the first in rank; it is stable
    order = np.lexsort(keys[::-1])
    table = np.stack(keys, axis=1)[order]
    new = np.ones(len(table), bool)
    new[1:] = (table[1:] != table[:-1]).any(axis=1)
    starts = np.flatnonzero(new)
    # without rows there is one empty list of places
    yield from zip(table[starts].tolist(), np.split(order, starts[1:]), strict=False)


class PointsPlan(RectilinearPlan):
    """Points."""

    def __init__(self, kernels: RectilinearKernels, coords: list[Any], grid: Any) -> None:
        super().__init__(kernels, grid, (coords[-1],), True)
        self.coords = coords[:-1]

    def parts(self) -> Iterator[Part]:
        edges = self.kernels.rectilinear_axes
        keys = [axis.runs_at(positions) for axis, positions in zip(edges, self.coords, strict=True)]
        for runs, chosen in _grouped(keys):
            axes = zip(edges, runs, self.coords, strict=True)
            within = [positions[chosen] + axis.regular_start(run) for axis, run, positions in axes]
            split = partial(self.kernels.regular.split_points, [*within, len(chosen)])
            yield self.part(runs, split, (len(chosen),), chosen, False)


class RectilinearKernels:
    """The kernels that a selection is planned with; the plans are those of this module.

    Parameters
    ----------
    regular : the kernels for regular grids
    rectilinear_axes : where the chunks of each axis begin
    """

    def __init__(self, regular: ModuleType, edges: tuple[AxisChunks, ...]) -> None:
        self.regular, self.rectilinear_axes = regular, edges
        self.Grid, self.Box, self.parse_box = regular.Grid, regular.Box, regular.parse_box

    def split_outer(self, box: Any, grid: Any, lists: Any = None) -> OuterPlan:
        return OuterPlan(self, box, grid, lists)

    def split_points(self, coords: list[Any], grid: Any) -> PointsPlan:
        return PointsPlan(self, coords, grid)

    def split_mask(self, mask: NDArray[np.bool_], grid: Any) -> PointsPlan:
        coords = np.nonzero(mask)
        return PointsPlan(self, [*coords, len(coords[0])], grid)
