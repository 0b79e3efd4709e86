"""The kernels in numpy: the oracle of the tests, the pure fallback, and what moves Python objects.

Each name says and does what its compiled namesake does; the contracts stand in ``_split.pyi``,
``_copy.pyi`` and ``_fill.pyi``. Arrays of objects always come here, since only numpy counts
their references.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONGEST = 1 << 62
MAX_NDIM = 64


@dataclass(frozen=True)
class Grid:
    """Array shape and chunk shape, both in elements."""

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
            raise ValueError(f"bad shape {self.shape}: a length must be 0 or more, and below 2**62")
        if not all(1 <= n < LONGEST for n in self.chunk_shape):
            raise ValueError(f"bad chunk shape {self.chunk_shape}: a length must be 1 or more, below 2**62")

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


def parse_box(selection: Any, grid: Grid) -> Box | None:
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
            step = chosen.step if len(chosen) > 1 else 1
            first = 0 if not chosen else min(chosen[0], chosen[-1])
            ranges.append((first, len(chosen), abs(step), False, bool(chosen) and chosen.step < 0))
        elif type(item) is int or isinstance(item, np.integer):
            position = int(item) + (length if item < 0 else 0)
            if not 0 <= position < length:
                return None
            ranges.append((position, 1, 1, True, False))
        else:
            return None
    starts, counts, steps, dropped, flipped = zip(*ranges, strict=True) if ranges else ((),) * 5
    return Box(starts, counts, steps, dropped, flipped)


@dataclass(frozen=True)
class BoxPlan:
    """The pieces of a box: the outer product of the pieces of its axes, in C order."""

    box: Box
    grid: Grid
    tables: tuple[NDArray[np.int64], ...]
    n_pieces: int = field(init=False)

    def __post_init__(self) -> None:
        n_pieces = math.prod(len(table) for table in self.tables)
        if n_pieces > LONGEST:
            raise OverflowError("the selection touches more than 2**62 chunks")
        object.__setattr__(self, "n_pieces", n_pieces)

    @property
    def ndim(self) -> int:
        return len(self.tables)

    def rows(self, number: int) -> list[tuple[int, int, int, int]]:
        """Find piece `number`: chunk, within, out and count of each axis."""
        if not 0 <= number < self.n_pieces:
            raise IndexError(f"piece {number} of a plan that has {self.n_pieces}")
        found: list[Any] = []
        for table in reversed(self.tables):
            number, row = divmod(number, len(table))
            found.append(tuple(table[row].tolist()))
        return found[::-1]

    def coords(self, number: int) -> tuple[int, ...]:
        return tuple(row[0] for row in self.rows(number))

    def complete(self, number: int) -> bool:
        return all(
            count == min(chunk_len, length - chunk * chunk_len)
            for (chunk, _, _, count), length, chunk_len in self._axes(number)
        )

    def overhangs(self, number: int) -> bool:
        return any((row[0] + 1) * chunk_len > length for row, length, chunk_len in self._axes(number))

    def _axes(self, number: int) -> Any:
        return zip(self.rows(number), self.grid.shape, self.grid.chunk_shape, strict=True)

    def axis_table(self, axis: int) -> NDArray[np.int64]:
        return self.tables[axis]

    def keys(self, first: int, last: int, prefix: str, separator: str) -> list[str]:
        return [prefix + separator.join(map(str, self.coords(number))) for number in range(first, last)]

    def regions(self, number: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The slices of piece `number` in the chunk and in the result."""
        within: list[Any] = []
        out: list[Any] = []
        for axis, (_, start, first, count) in enumerate(self.rows(number)):
            step = self.box.steps[axis]
            if self.box.dropped[axis]:
                within.append(start)
                continue
            within.append(slice(start, start + (count - 1) * step + 1, step))
            if self.box.flipped[axis]:
                last = self.box.counts[axis] - 1 - first
                out.append(slice(last, last - count if last >= count else None, -1))
            else:
                out.append(slice(first, first + count))
        return tuple(within), tuple(out)


def _axis_pieces(start: int, count: int, step: int, chunk_len: int) -> NDArray[np.int64]:
    positions = start + np.arange(count, dtype=np.int64) * step
    chunks, first, counts = np.unique(positions // chunk_len, return_index=True, return_counts=True)
    return np.stack([chunks, positions[first] - chunks * chunk_len, first, counts], axis=1).astype(np.int64)


def split_box(box: Box, grid: Grid) -> BoxPlan:
    if box.ndim != grid.ndim:
        raise ValueError(f"a box of rank {box.ndim} on a grid of rank {grid.ndim}")
    tables = []
    for axis, (start, count, step) in enumerate(zip(box.starts, box.counts, box.steps, strict=True)):
        length = grid.shape[axis]
        if count and (start < 0 or step < 1 or start + (count - 1) * step >= length):
            raise IndexError(f"the box leaves axis {axis}, which has {length} elements")
        tables.append(_axis_pieces(start, count, step, grid.chunk_shape[axis]))
    return BoxPlan(box, grid, tuple(tables))


@dataclass(frozen=True)
class ChunkLayout:
    """Where the elements of a chunk lie in a flat buffer."""

    chunk_shape: tuple[int, ...]
    itemsize: int
    order: tuple[int, ...] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        object.__setattr__(self, "chunk_shape", tuple(self.chunk_shape))
        order = tuple(range(self.ndim)) if self.order is None else tuple(self.order)
        object.__setattr__(self, "order", order)
        if sorted(order) != list(range(self.ndim)):
            raise ValueError(f"{order} does not order the axes of chunk shape {self.chunk_shape}")
        if self.nbytes >= LONGEST:
            raise ValueError(f"a chunk of shape {self.chunk_shape} is larger than memory can be")

    @property
    def ndim(self) -> int:
        return len(self.chunk_shape)

    @property
    def nbytes(self) -> int:
        return math.prod(self.chunk_shape) * self.itemsize

    def array_of(self, chunk: Any, dtype: np.dtype[Any]) -> NDArray[Any] | None:
        """The flat `chunk` as an array of the chunk shape; None if it has another length."""
        if dtype.itemsize != self.itemsize:
            raise ValueError(f"items of {dtype.itemsize} bytes where the chunk has {self.itemsize}")
        if dtype.hasobject:
            flat = chunk
            if flat.size != math.prod(self.chunk_shape):
                return None
        else:
            flat = _flat_bytes(chunk)
            if flat.nbytes != self.nbytes:
                return None
            flat = flat.view(dtype)
        inverse = sorted(range(self.ndim), key=self.order.__getitem__)
        in_memory = flat.reshape([self.chunk_shape[axis] for axis in self.order])
        array: NDArray[Any] = in_memory.transpose(inverse)
        return array


def _flat_bytes(chunk: Any) -> NDArray[np.uint8]:
    if isinstance(chunk, np.ndarray):
        if not chunk.flags.c_contiguous:
            raise ValueError("a chunk must lie in one contiguous run of memory")
        return chunk.reshape(-1).view(np.uint8)
    return np.frombuffer(chunk, np.uint8)


def _check_result(plan: BoxPlan, result: NDArray[Any]) -> None:
    if result.shape != plan.box.shape:
        raise IndexError(f"the result has shape {result.shape} where the selection has {plan.box.shape}")


def gather(plan: BoxPlan, number: int, chunk: Any, layout: ChunkLayout, out: NDArray[Any]) -> bool:
    _check_result(plan, out)
    array = layout.array_of(chunk, out.dtype)
    if array is None:
        return False
    within, where = plan.regions(number)
    out[where] = array[within]
    return True


def scatter(plan: BoxPlan, number: int, chunk: Any, layout: ChunkLayout, value: NDArray[Any]) -> bool:
    _check_result(plan, value)
    array = layout.array_of(chunk, value.dtype)
    if array is None:
        return False
    within, where = plan.regions(number)
    array[within] = value[where]
    return True


def fill_piece(plan: BoxPlan, number: int, layout: ChunkLayout, out: NDArray[Any], item: Any) -> None:
    _check_result(plan, out)
    if out.dtype.itemsize != layout.itemsize:
        raise ValueError(f"items of {out.dtype.itemsize} bytes where the chunk has {layout.itemsize}")
    _, where = plan.regions(number)
    if out.dtype.hasobject:
        region = out[where] if out.ndim else out
        for at in np.ndindex(region.shape):
            region[at] = item
        return
    if len(item) != layout.itemsize:
        raise ValueError(f"a fill item of {len(item)} bytes where elements have {layout.itemsize}")
    out[where] = np.frombuffer(item, np.uint8).view(out.dtype)[0]


def gather_many(
    plan: BoxPlan, first: int, chunks: list[Any], layout: ChunkLayout, out: NDArray[Any], item: Any
) -> int:
    for i, chunk in enumerate(chunks):
        if chunk is None:
            fill_piece(plan, first + i, layout, out, item)
        elif not gather(plan, first + i, chunk, layout, out):
            return i
    return -1


def run_of_piece(plan: BoxPlan, number: int, layout: ChunkLayout, out: NDArray[Any]) -> int:
    """Byte offset in `out` of a piece that is a whole chunk in one run, in the layout of the chunk; else -1."""
    _check_result(plan, out)
    if out.dtype.itemsize != layout.itemsize or out.dtype.hasobject:
        return -1
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


def is_filled(chunk: Any, item: Any) -> bool:
    if isinstance(chunk, np.ndarray) and chunk.dtype.hasobject:
        return all(type(value) is type(item) and value == item for value in chunk.reshape(-1))
    flat = _flat_bytes(chunk)
    if not item:
        return True
    if flat.nbytes % len(item):
        raise ValueError(f"{flat.nbytes} bytes are not a whole number of items of {len(item)} bytes")
    return bool((flat.reshape(-1, len(item)) == np.frombuffer(item, np.uint8)).all())


def fill(chunk: Any, item: Any) -> None:
    if isinstance(chunk, np.ndarray) and chunk.dtype.hasobject:
        flat = chunk.reshape(-1)
        for i in range(flat.size):
            flat[i] = item
        return
    if not item:
        return
    raw = _flat_bytes(chunk)
    if raw.nbytes % len(item):
        raise ValueError(f"{raw.nbytes} bytes are not a whole number of items of {len(item)} bytes")
    raw.reshape(-1, len(item))[:] = np.frombuffer(item, np.uint8)
