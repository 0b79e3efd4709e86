"""Chunks that are stored as N5 blocks, each with a shape of its own.

N5 truncates blocks at the edge of the array, and may do so elsewhere. The chunk shape in the metadata may be much
larger than the stored blocks and than the array. This module allocates memory for the stored block and for the part
of a chunk inside the array, not for whole chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from zarrcy.chunk_io.pieces import box_plan
from zarrcy.codecs import StageError
from zarrcy.codecs.n5 import N5ChunkWrapper, padded
from zarrcy.errors import UnsafeCodecError
from zarrcy.types import (
    AnyArray,
    AnyDtype,
    Buffer,
    ChunkLayout,
    Coords,
    Field,
    Kernels,
    OuterPlan,
    Plan,
    Selection,
    Shape,
)


class Blocks:
    """Decodes, changes and encodes the blocks of one array.

    Parameters
    ----------
    codec : N5ChunkWrapper
        The codec of the blocks.
    order : tuple of int
        The axes of a chunk in memory, the slowest first.
    dtype : AnyDtype
        The data type of the elements.
    kernels : Kernels
        The kernels for the data type.
    fill_bytes : bytes
        The bytes of an element that was never written.
    truncated_min_nbytes : int
        Only larger chunks are written as truncated blocks.
    """

    def __init__(
        self,
        codec: N5ChunkWrapper,
        order: Coords,
        dtype: AnyDtype,
        kernels: Kernels,
        fill_bytes: bytes,
        truncated_min_nbytes: int,
    ) -> None:
        self.codec, self.order, self.dtype, self.kernels = codec, order, dtype, kernels
        self.axes = tuple(np.argsort(order).tolist())
        self.fill_bytes = fill_bytes
        # truncated elements read as zeros
        self.writes_truncated = codec.decoded_nbytes > truncated_min_nbytes and not any(fill_bytes)

    def decode(self, stored: Buffer) -> AnyArray:
        """Return the content of a block, in the shape of the block.

        Raises
        ------
        StageError
            If the block is damaged.
        MemoryError
            If the content does not fit in memory.
        """
        # Hot path: keep only the try block; any extra work is measurable for small chunks.
        try:
            return self.codec.decode_block(stored).view(self.dtype).transpose(self.axes)
        except (MemoryError, UnsafeCodecError):
            raise
        except Exception as exc:
            raise self._stage_error(exc) from exc

    def gather(
        self,
        plan: Plan,
        number: int,
        block: AnyArray,
        layout: ChunkLayout,
        out: AnyArray,
        field: Field | None,
    ) -> None:
        """Copy one piece from a block to its place in `out`.

        Raises
        ------
        StageError, MemoryError
            See `_whole_chunk`.
        """
        if block.shape == layout.chunk_shape:
            flat = block.transpose(self.order).reshape(-1).view(np.uint8)
            self.kernels.gather(plan, number, flat, layout, out)
            return
        box = _box(plan, field)
        if box is not None:
            within, where = box.slices(number)
            place_key: Selection = (*where, ...)
            place = out[place_key]
            place[...] = np.zeros((), self.dtype)
            if all(i < n for i, n in zip(within, block.shape, strict=True) if isinstance(i, int)):
                part_key: Selection = (*within, ...)
                part = block[part_key]
                place[tuple(map(slice, part.shape))] = part
            return
        flat, layout = self._whole_chunk(plan, block, field)
        self.kernels.gather(plan, number, flat, layout, out)

    def change(
        self, plan: Plan, number: int, block: AnyArray | None, value: AnyArray, field: Field | None
    ) -> AnyArray:
        """Return the new block of a piece; `block` is the present one, None if there is none.

        A new block has all of its chunk that is inside the array. An existing block grows as far as needed.

        Raises
        ------
        StageError, MemoryError
            See `_whole_chunk`.
        """
        box = _box(plan, field)
        if block is None:
            shape = _shape_inside(plan, number)
        else:
            needed = _shape_inside(plan, number) if box is None else _ends(box, number)
            shape = tuple(map(max, block.shape, needed))
        changed = np.zeros([shape[axis] for axis in self.order], self.dtype).transpose(self.axes)
        if block is not None:
            changed[tuple(map(slice, block.shape))] = block
        if box is not None:
            within, where = box.slices(number)
            changed[within] = value[where]
            return changed
        flat, layout = self._whole_chunk(plan, changed, field)
        self.kernels.scatter(plan, number, flat, layout, value)
        whole = flat.view(self.dtype).reshape([layout.chunk_shape[axis] for axis in layout.order])
        return whole.transpose(np.argsort(layout.order))[tuple(map(slice, shape))]

    def _whole_chunk(
        self, plan: Plan, block: AnyArray, field: Field | None
    ) -> tuple[NDArray[np.uint8], ChunkLayout]:
        """Return a block padded to a whole chunk, and its layout. Few pages of the memory are touched.

        Raises
        ------
        StageError
            If the block is not contiguous in the chunk.
        MemoryError
            If the system cannot reserve that much memory.
        """
        shape = plan.grid.chunk_shape
        # with the truncated axes first, a block is one run of memory, or a few
        truncated = [axis for axis in self.order if block.shape[axis] < shape[axis]]
        order = (*truncated, *(axis for axis in self.order if axis not in truncated))
        whole = block.transpose(order)
        if truncated:
            with self._naming_stage():
                whole = padded(whole, tuple(shape[axis] for axis in order))
        itemsize = self.dtype.itemsize
        start, size = (0, itemsize) if field is None else field
        layout = self.kernels.ChunkLayout(shape, size, order, (start, itemsize))
        return np.ascontiguousarray(whole).reshape(-1).view(np.uint8), layout

    def is_empty(self, block: AnyArray) -> bool:
        """Return whether a block consists of the fill value."""
        flat = np.ascontiguousarray(block.transpose(self.order)).reshape(-1).view(np.uint8)
        return bool(self.kernels.is_filled(flat, self.fill_bytes))

    def encode(self, block: AnyArray) -> bytes:
        """Return the stored form of a block.

        Raises
        ------
        StageError
            If the compressor of the block cannot encode it.
        """
        with self._naming_stage():
            return self.codec.encode_block(block.transpose(self.order))

    @contextmanager
    def _naming_stage(self) -> Iterator[None]:
        """Turn errors in the ``with`` block into a `StageError` with the name of the stage."""
        try:
            yield
        except (MemoryError, UnsafeCodecError):
            raise
        except Exception as exc:
            raise self._stage_error(exc) from exc

    def _stage_error(self, exc: Exception) -> StageError:
        return StageError(self.codec.codec_id, f"{type(exc).__name__}: {exc}")


def _box(plan: Plan, field: Field | None) -> OuterPlan | None:
    """Return the plan if NumPy can index its pieces with slices, of whole elements; else None."""
    return box_plan(plan) if field is None else None


def _shape_inside(plan: Plan, number: int) -> Shape:
    """Return the shape of the part of a piece's chunk that is inside the array."""
    grid = plan.grid
    return tuple(
        min(length, n - i * length)
        for n, length, i in zip(grid.shape, grid.chunk_shape, plan.coords(number), strict=True)
    )


def _ends(plan: OuterPlan, number: int) -> Shape:
    """Return where a piece ends in its chunk, along each axis."""
    within, _ = plan.slices(number)
    return tuple(at + 1 if isinstance(at, int) else at.stop for at in within)
