"""The kernels in NumPy: the oracle of the tests, the fallback of a pure build, and the kernels for Python objects.

Each function does the same as the compiled function of the same name. The stubs of the compiled modules, such as
``_plan_outer.pyi`` and ``_gather_scatter.pyi``, document them. Arrays of Python objects always use this module, because
NumPy counts references.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels._reference_crc32c import crc32c
from zarrcy._kernels._reference_json_scan import scan_members
from zarrcy._kernels.protocols import AnyArray, Buffer, Item, Selection

__all__ = ["crc32c", "scan_members"]

Index: TypeAlias = Any
"""What NumPy takes between brackets: slices and integer arrays."""
Lists: TypeAlias = Sequence[NDArray[np.int64] | None] | None
"""Per axis, the selected positions, or None for a range."""

LONGEST = 1 << 62
MAX_NDIM = 64


@dataclass(frozen=True)
class Grid:
    """The shape of an array and the shape of its chunks, in elements."""

    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "chunk_shape", tuple(int(n) for n in self.chunk_shape))
        if len(self.chunk_shape) != self.ndim:
            raise ValueError(f"shape {self.shape} and chunk shape {self.chunk_shape} differ in rank")
        if self.ndim > MAX_NDIM:
            raise ValueError(f"an array has at most {MAX_NDIM} axes, not {self.ndim}")
        if not all(0 <= n < LONGEST for n in self.shape):
            raise ValueError(f"shape {self.shape}: each length must be at least 0 and less than 2**62")
        if not all(1 <= n < LONGEST for n in self.chunk_shape):
            raise ValueError(
                f"chunk shape {self.chunk_shape}: each length must be at least 1 and less than 2**62"
            )

    @property
    def ndim(self) -> int:
        return len(self.shape)


@dataclass(frozen=True)
class Box:
    """One strided range per axis."""

    starts: tuple[int, ...]
    counts: tuple[int, ...]
    steps: tuple[int, ...]
    dropped: tuple[bool, ...]
    flipped: tuple[bool, ...]

    @property
    def ndim(self) -> int:
        return len(self.starts)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(n for n, gone in zip(self.counts, self.dropped, strict=True) if not gone)


def parse_box(selection: Selection, grid: Grid) -> Box | None:
    items = selection if type(selection) is tuple else (selection,)
    n_ellipsis = sum(item is Ellipsis for item in items)
    missing = grid.ndim - len(items) + n_ellipsis
    if n_ellipsis > 1 or missing < 0:
        return None
    if not n_ellipsis:
        items = (*items, Ellipsis)
    at = next(i for i, item in enumerate(items) if item is Ellipsis)
    items = items[:at] + (slice(None),) * missing + items[at + 1 :]
    ranges = []
    for item, length in zip(items, grid.shape, strict=True):
        if isinstance(item, slice):
            chosen = range(*item.indices(length))
            # `len` fails above 2**31 on hosts of 32 bits
            count = max(0, -((chosen.start - chosen.stop) // chosen.step))
            first = 0 if not chosen else min(chosen[0], chosen[-1])
            step = abs(chosen.step) if count > 1 else 1
            ranges.append((first, count, step, False, bool(chosen) and chosen.step < 0))
        elif type(item) is int or isinstance(item, np.integer):
            position = int(item) + (length if item < 0 else 0)
            if not 0 <= position < length:
                return None
            ranges.append((position, 1, 1, True, False))
        else:
            return None
    starts, counts, steps, dropped, flipped = zip(*ranges, strict=True) if ranges else ((),) * 5
    return Box(starts, counts, steps, dropped, flipped)


class Plan:
    """The pieces of a selection, numbered. A piece is what the selection takes of one chunk."""

    grid: Grid
    n_pieces: int
    shape: tuple[int, ...]

    @property
    def ndim(self) -> int:
        return self.grid.ndim

    def coords(self, number: int) -> tuple[int, ...]:
        raise NotImplementedError

    def coords_table(self, first: int, last: int) -> NDArray[np.int64]:
        rows = [self.coords(number) for number in range(first, last)]
        return np.array(rows, np.int64).reshape(len(rows), self.ndim)

    def places(self, number: int) -> tuple[Index, Index]:
        """Return the NumPy indices of a piece in its chunk and in the result."""
        raise NotImplementedError

    def covered(self, number: int) -> int:
        """Return the number of distinct elements of a piece. Metadata may state huge chunks, so allocate none."""
        raise NotImplementedError

    def widened(self, result: AnyArray) -> AnyArray:
        """Return the result with the axes that the indices from `places` have."""
        return result

    def inside(self, number: int) -> int:
        """Return the number of elements that the chunk of a piece has inside the array."""
        axes = zip(self.coords(number), self.grid.shape, self.grid.chunk_shape, strict=True)
        return math.prod(min(chunk_len, length - chunk * chunk_len) for chunk, length, chunk_len in axes)

    def complete(self, number: int) -> bool:
        return self.covered(number) == self.inside(number)

    def sparse(self, number: int) -> bool:
        return self.covered(number) <= self.inside(number) // 2

    def overhangs(self, number: int) -> bool:
        axes = zip(self.coords(number), self.grid.shape, self.grid.chunk_shape, strict=True)
        return any((chunk + 1) * chunk_len > length for chunk, length, chunk_len in axes)

    def keys(self, first: int, last: int, prefix: str, separator: str) -> list[str]:
        return [prefix + separator.join(map(str, self.coords(number))) for number in range(first, last)]

    def _check(self, number: int) -> None:
        if not 0 <= number < self.n_pieces:
            raise IndexError(f"piece {number} of a plan that has {self.n_pieces} pieces")


class OuterPlan(Plan):
    """The outer product of the pieces along the axes, in C order."""

    def __init__(self, box: Box, grid: Grid, lists: Lists) -> None:
        self.box, self.grid, self.shape = box, grid, box.shape
        self.has_lists = lists is not None
        self.tables, self.within, self.out = [], [], []
        for axis in range(box.ndim):
            given = lists[axis] if lists is not None else None
            # a copy: another thread may change the list, and the result of a read may overlap it
            positions = np.array(given) if given is not None else _range_of(box, grid, axis)
            _check_positions(positions, grid, axis)
            if len(positions) != box.counts[axis]:
                raise ValueError(
                    f"axis {axis} has a list of {len(positions)} entries, but the count of the box is "
                    f"{box.counts[axis]}"
                )
            chunks = positions // grid.chunk_shape[axis]
            order = np.argsort(chunks, kind="stable").astype(np.int64, copy=False)
            distinct, first, counts = np.unique(chunks[order], return_index=True, return_counts=True)
            within = positions[order] - chunks[order] * grid.chunk_shape[axis]
            at = np.zeros_like(first) if given is not None else within[first]
            self.tables.append(np.stack([distinct, at, first, counts], axis=1).astype(np.int64))
            self.within.append(within)
            self.out.append(box.counts[axis] - 1 - order if box.flipped[axis] else order)
        self.n_pieces = math.prod(len(table) for table in self.tables)
        if self.n_pieces > LONGEST:
            raise OverflowError("the selection touches more than 2**62 chunks")

    def rows(self, number: int) -> list[list[int]]:
        """Return what a piece holds along each axis: chunk, within, first entry and number of entries."""
        self._check(number)
        rows: list[list[int]] = []
        for table in reversed(self.tables):
            number, row = divmod(number, len(table))
            rows.append(table[row].tolist())
        return rows[::-1]

    def coords(self, number: int) -> tuple[int, ...]:
        return tuple(row[0] for row in self.rows(number))

    def places(self, number: int) -> tuple[Index, Index]:
        entries = [slice(first, first + count) for _, _, first, count in self.rows(number)]
        within = [positions[part] for positions, part in zip(self.within, entries, strict=True)]
        out = [positions[part] for positions, part in zip(self.out, entries, strict=True)]
        return np.ix_(*within), np.ix_(*out)

    def covered(self, number: int) -> int:
        within = self.places(number)[0]
        # a list may repeat a position
        return math.prod(len(np.unique(axis)) if self.has_lists else axis.size for axis in within)

    def widened(self, result: AnyArray) -> AnyArray:
        return result[(*(None if gone else slice(None) for gone in self.box.dropped), ...)]

    def slices(self, number: int) -> tuple[tuple[int | slice, ...], tuple[slice, ...]]:
        if self.has_lists:
            raise TypeError("a piece along a list has no slices")
        within: list[int | slice] = []
        out = []
        for axis, (_, at, first, n) in enumerate(self.rows(number)):
            if self.box.dropped[axis]:
                within.append(at)
                continue
            step = self.box.steps[axis]
            within.append(slice(at, at + (n - 1) * step + 1, step))
            if self.box.flipped[axis]:
                last = self.box.counts[axis] - 1 - first
                out.append(slice(last, last - n if last >= n else None, -1))
            else:
                out.append(slice(first, first + n))
        return tuple(within), tuple(out)

    def axis_table(self, axis: int) -> NDArray[np.int64]:
        return self.tables[axis]


def _range_of(box: Box, grid: Grid, axis: int) -> NDArray[np.int64]:
    start, count, step = box.starts[axis], box.counts[axis], box.steps[axis]
    if count and (start < 0 or step < 1 or start + (count - 1) * step >= grid.shape[axis]):
        raise IndexError(f"the box leaves axis {axis}, which has {grid.shape[axis]} elements")
    return start + np.arange(count, dtype=np.int64) * step


def _check_positions(positions: NDArray[np.int64], grid: Grid, axis: int) -> None:
    for position in positions[(positions < 0) | (positions >= grid.shape[axis])]:
        raise IndexError(
            f"index {position} is out of bounds for axis {axis}, which has {grid.shape[axis]} elements"
        )


def split_outer(box: Box, grid: Grid, lists: Lists = None) -> OuterPlan:
    if box.ndim != grid.ndim or (lists is not None and len(lists) != grid.ndim):
        raise ValueError(f"the box has {box.ndim} axes, the grid has {grid.ndim}")
    return OuterPlan(box, grid, lists)


class PointsPlan(Plan):
    """Points, sorted by chunk. The points of one chunk keep the order in which they were given."""

    def __init__(self, coords: list[NDArray[np.int64]], n_points: int, grid: Grid) -> None:
        self.grid, self.shape = grid, (n_points,)
        coords = [np.array(positions) for positions in coords]
        for axis, positions in enumerate(coords):
            if len(positions) != n_points:
                raise ValueError(
                    f"axis {axis} has {len(positions)} coordinates, the other axes have {n_points}"
                )
            _check_positions(positions, grid, axis)
        chunks = [positions // n for positions, n in zip(coords, grid.chunk_shape, strict=True)]
        # lexsort is stable, and its last key is the primary one
        order = (np.lexsort(chunks[::-1]) if chunks else np.arange(n_points, dtype=np.int64)).astype(np.int64)
        rows = (
            np.stack([chunk[order] for chunk in chunks], axis=1)
            if chunks
            else np.zeros((n_points, 0), np.int64)
        )
        new = [i == 0 or (rows[i] != rows[i - 1]).any() for i in range(n_points)]
        starts = np.flatnonzero(new).astype(np.int64, copy=False)
        self.pieces = np.split(order, starts[1:]) if n_points else []
        self.chunks = [tuple(rows[start].tolist()) for start in starts]
        self.n_pieces = len(self.pieces)
        self.positions = coords

    def coords(self, number: int) -> tuple[int, ...]:
        self._check(number)
        return self.chunks[number]

    def places(self, number: int) -> tuple[Index, Index]:
        self._check(number)
        points = self.pieces[number]
        axes = zip(self.positions, self.chunks[number], self.grid.chunk_shape, strict=True)
        within = tuple(positions[points] - chunk * n for positions, chunk, n in axes)
        return within or (None,) * bool(len(points)), points

    def covered(self, number: int) -> int:
        return np.unique(np.stack(self.places(number)[0]), axis=1).shape[1] if self.ndim else 1


def split_points(coords: list[Any], grid: Grid) -> PointsPlan:
    *axes, n_points = coords
    if len(axes) != grid.ndim:
        raise ValueError(f"the points have coordinates along {len(axes)} axes, the grid has {grid.ndim} axes")
    return PointsPlan(axes, n_points, grid)


def split_mask(mask: NDArray[np.bool_], grid: Grid) -> PointsPlan:
    if grid.ndim == 0 or np.shape(mask) != grid.shape or mask.dtype != np.bool_:
        raise ValueError(
            f"the mask has shape {np.shape(mask)} and data type {mask.dtype}; it must have the shape {grid.shape} of "
            "the array, with at least one axis, and be Boolean"
        )
    coords = [positions.astype(np.int64) for positions in np.nonzero(np.array(mask))]
    return PointsPlan(coords, len(coords[0]), grid)


@dataclass(frozen=True)
class ChunkLayout:
    """Where the elements of a chunk lie in a flat buffer."""

    chunk_shape: tuple[int, ...]
    itemsize: int
    order: tuple[int, ...] = None  # type: ignore[assignment]
    field: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "chunk_shape", tuple(self.chunk_shape))
        order = tuple(range(self.ndim)) if self.order is None else tuple(self.order)
        object.__setattr__(self, "order", order)
        if sorted(order) != list(range(self.ndim)):
            raise ValueError(f"{order} does not order the axes of chunk shape {self.chunk_shape}")
        if self.itemsize < 0 or self.offset < 0 or self.offset > self.whole - self.itemsize:
            raise ValueError(
                f"a field of {self.itemsize} bytes at {self.offset} leaves its element of {self.whole} bytes"
            )
        if self.nbytes >= LONGEST:
            raise ValueError(f"a chunk of shape {self.chunk_shape} is larger than memory can be")

    @property
    def ndim(self) -> int:
        return len(self.chunk_shape)

    @property
    def nbytes(self) -> int:
        return math.prod(self.chunk_shape) * self.whole

    @property
    def offset(self) -> int:
        return 0 if self.field is None else self.field[0]

    @property
    def whole(self) -> int:
        return self.itemsize if self.field is None else self.field[1]

    def array_of(self, chunk: Buffer, dtype: np.dtype[Any]) -> AnyArray | None:
        """Return the flat `chunk` as an array of the chunk shape; None if it has another length."""
        if dtype.itemsize != self.itemsize:
            raise ValueError(
                f"elements of the result have {dtype.itemsize} bytes, those of the chunk have {self.itemsize}"
            )
        if dtype.hasobject:
            flat = chunk
            if flat.size != math.prod(self.chunk_shape):
                return None
        else:
            flat = _flat_bytes(chunk)
            if flat.nbytes != self.nbytes:
                return None
            flat = np.ndarray(
                flat.nbytes // self.whole if self.whole else 0,
                dtype,
                buffer=flat,
                offset=self.offset,
                strides=(self.whole,),
            )
        inverse = sorted(range(self.ndim), key=self.order.__getitem__)
        in_memory = flat.reshape([self.chunk_shape[axis] for axis in self.order])
        array: AnyArray = in_memory.transpose(inverse)
        return array


def _flat_bytes(chunk: Buffer) -> NDArray[np.uint8]:
    if isinstance(chunk, np.ndarray):
        if not chunk.flags.c_contiguous:
            raise ValueError("the memory of a chunk must be contiguous")
        return chunk.reshape(-1).view(np.uint8)
    return np.frombuffer(chunk, np.uint8)


def _check_result(plan: Plan, layout: ChunkLayout, result: AnyArray) -> None:
    if result.shape != plan.shape:
        raise IndexError(f"the result has shape {result.shape}, the selection has {plan.shape}")
    if layout.chunk_shape != plan.grid.chunk_shape:
        raise IndexError(
            f"the layout has chunks of shape {layout.chunk_shape}, the grid of the plan has {plan.grid.chunk_shape}"
        )


def gather(plan: Plan, number: int, chunk: Buffer, layout: ChunkLayout, out: AnyArray) -> bool:
    array = layout.array_of(chunk, out.dtype)
    if array is None:
        return False
    _check_result(plan, layout, out)
    within, where = plan.places(number)
    plan.widened(out)[where] = array[within]
    return True


def scatter(plan: Plan, number: int, chunk: Buffer, layout: ChunkLayout, value: AnyArray) -> bool:
    array = layout.array_of(chunk, value.dtype)
    if array is None:
        return False
    _check_result(plan, layout, value)
    within, where = plan.places(number)
    array[within] = plan.widened(value)[where]
    return True


def fill_piece(plan: Plan, number: int, layout: ChunkLayout, out: AnyArray, item: Item) -> None:
    if item is None and not out.dtype.hasobject:
        return
    if out.dtype.itemsize != layout.itemsize:
        raise ValueError(
            f"elements of the result have {out.dtype.itemsize} bytes, those of the chunk have {layout.itemsize}"
        )
    _check_result(plan, layout, out)
    one = np.empty((), out.dtype)
    if out.dtype.hasobject:
        one[()] = item
    elif len(item) != layout.itemsize:
        raise ValueError(f"the fill item has {len(item)} bytes, an element has {layout.itemsize}")
    else:
        one = np.frombuffer(item, np.uint8).view(out.dtype).reshape(())
    _, where = plan.places(number)
    plan.widened(out)[where] = one


def gather_many(
    plan: Plan, first: int, chunks: list[Buffer | None], layout: ChunkLayout, out: AnyArray, item: Item
) -> int:
    for i, chunk in enumerate(chunks):
        if chunk is None:
            fill_piece(plan, first + i, layout, out, item)
        elif not gather(plan, first + i, chunk, layout, out):
            return i
    return -1


def run_of_piece(plan: Plan, number: int, layout: ChunkLayout, out: AnyArray) -> int:
    if not isinstance(plan, OuterPlan) or plan.has_lists:
        return -1
    if out.dtype.itemsize != layout.itemsize or out.dtype.hasobject:
        return -1
    _check_result(plan, layout, out)
    rows = plan.rows(number)
    if tuple(row[3] for row in rows) != layout.chunk_shape or any(row[1] for row in rows):
        return -1
    kept = itertools.count()
    out_axis = [None if gone else next(kept) for gone in plan.box.dropped]
    offset, stride = 0, layout.itemsize
    for axis in reversed(layout.order):
        at = out_axis[axis]
        if at is None:
            continue
        first, flipped = rows[axis][2], plan.box.flipped[axis]
        offset += out.strides[at] * (plan.box.counts[axis] - 1 - first if flipped else first)
        if layout.chunk_shape[axis] != 1 and (
            flipped or plan.box.steps[axis] != 1 or out.strides[at] != stride
        ):
            return -1
        stride *= layout.chunk_shape[axis]
    return offset


def touched_blocks(plan: Plan, number: int, layout: ChunkLayout, block_nbytes: int) -> list[tuple[int, int]]:
    if block_nbytes < 1:
        raise ValueError(f"blocks of {block_nbytes} bytes: a block must have at least 1 byte")
    chosen = np.zeros(layout.chunk_shape, bool)
    chosen[plan.places(number)[0]] = True
    starts = np.flatnonzero(chosen.transpose(layout.order)).astype(np.int64, copy=False) * layout.whole
    starts += layout.offset
    if not layout.itemsize or not starts.size:
        return []
    # an element may extend over several blocks: count the elements that begin and end in each, and sum up
    change = np.zeros(-(-layout.nbytes // block_nbytes) + 1, np.int64)
    np.add.at(change, starts // block_nbytes, 1)
    np.add.at(change, (starts + layout.itemsize - 1) // block_nbytes + 1, -1)
    touched = np.concatenate([[False], np.cumsum(change, dtype=np.int64) > 0])
    edges = np.flatnonzero(np.diff(touched)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def is_filled(chunk: Buffer, item: Item) -> bool:
    if isinstance(chunk, np.ndarray) and chunk.dtype.hasobject:
        return all(_same_object(value, item) for value in chunk.reshape(-1))
    flat = _flat_bytes(chunk)
    if not item:
        return True
    if flat.nbytes % len(item):
        raise ValueError(f"{flat.nbytes} bytes are not a multiple of the element size, {len(item)} bytes")
    return bool((flat.reshape(-1, len(item)) == np.frombuffer(item, np.uint8)).all())


def _same_object(a: Item, b: Item) -> bool:
    """Return whether two objects have the same stored form. 1 and True, or 0.0 and -0.0, are equal but differ."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_same_object, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same_object(value, b[key]) for key, value in a.items())
    if isinstance(a, np.ndarray):
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    return bool(a == b)


def fill(chunk: Buffer, item: Item) -> None:
    if isinstance(chunk, np.ndarray) and chunk.dtype.hasobject:
        flat = chunk.reshape(-1)
        for i in range(flat.size):
            flat[i] = item
        return
    if not item:
        return
    raw = _flat_bytes(chunk)
    if raw.nbytes % len(item):
        raise ValueError(f"{raw.nbytes} bytes are not a multiple of the element size, {len(item)} bytes")
    raw.reshape(-1, len(item))[:] = np.frombuffer(item, np.uint8)


def group_by_shard(
    plan: Plan, counts: Sequence[int], axes: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int], list[tuple[int, ...]], list[int]]:
    coords = plan.coords_table(0, plan.n_pieces)
    of_shard = np.array(counts, np.int64)
    shards = coords // of_shard
    # lexsort is stable, and its last key is the primary one
    order = (np.lexsort(shards.T[::-1]) if shards.size else np.arange(len(shards), dtype=np.int64)).astype(
        np.int64
    )
    within = (coords - shards * of_shard)[order]
    shards = shards[order]
    new = np.ones(len(shards), bool)
    new[1:] = (shards[1:] != shards[:-1]).any(axis=1)
    starts = np.flatnonzero(new).astype(np.int64, copy=False)
    chunks = np.zeros(len(within), np.int64)
    for axis in axes:
        chunks = chunks * counts[axis] + within[:, axis]
    of_grid = -(-np.array(plan.grid.shape, np.int64) // np.array(plan.grid.chunk_shape, np.int64))
    inside = np.minimum(of_shard, of_grid - shards[starts] * of_shard)
    places = [tuple(row) for row in shards[starts].tolist()]
    return order, chunks, [*starts.tolist(), len(order)], places, [math.prod(row) for row in inside.tolist()]
