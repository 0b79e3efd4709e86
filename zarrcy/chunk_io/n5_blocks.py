"""Chunks that are stored in shapes of their own: N5 cuts its blocks at the edge of the array, and may do so elsewhere.

What a document states to be a chunk may be any number of times what is stored, and what the array holds. Here
memory is taken for what is stored, and for what of a chunk is inside the array, not for whole chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.codecs import N5ChunkWrapper, Pipeline, StageError
from zarrcy.codecs.n5 import padded
from zarrcy.errors import UnsafeCodecError
from zarrcy.types import AnyDtype, Coords, Shape

# Programs that know no cut blocks write smaller ones, in bytes, as whole chunks; so do we, byte for byte.
_WORTH_A_CUT = 64 * 2**20


class Blocks:
    """The blocks of one array.

    Parameters
    ----------
    codec : that makes them
    order : the axes of a chunk in memory, the slowest first
    dtype : of the elements
    kernels : that move them
    fill_bytes : the bytes of an element that was never written

    A `field` of an element is its offset and its size in bytes; the whole element where it is None.
    """

    def __init__(
        self, codec: N5ChunkWrapper, order: Coords, dtype: AnyDtype, kernels: ModuleType, fill_bytes: bytes
    ) -> None:
        self.codec, self.order, self.dtype, self.kernels = codec, order, dtype, kernels
        self.axes = tuple(np.argsort(order).tolist())
        self.fill_bytes = fill_bytes
        # what is cut away reads as zeros
        self.writes_cut = codec.decoded_nbytes > _WORTH_A_CUT and not any(fill_bytes)

    def decode(self, stored: Any) -> NDArray[Any]:
        """Return what a block holds, in its own shape.

        Raises
        ------
        StageError : it is damaged
        MemoryError : what it holds does not fit
        """
        # nothing but a try: where chunks are small, all else is felt
        try:
            return self.codec.decode_block(stored).view(self.dtype).transpose(self.axes)
        except (MemoryError, UnsafeCodecError):
            raise
        except Exception as exc:
            raise self._refusal(exc) from exc

    def gather(
        self,
        plan: Any,
        number: int,
        block: NDArray[Any],
        layout: Any,
        out: NDArray[Any],
        field: tuple[int, int] | None,
    ) -> None:
        """Move one piece from a block to its place in `out`; a block that is a whole chunk has the layout of one.

        Raises
        ------
        StageError, MemoryError : see `_whole`
        """
        if block.shape == layout.chunk_shape:
            flat = block.transpose(self.order).reshape(-1).view(np.uint8)
            self.kernels.gather(plan, number, flat, layout, out)
            return
        if _is_box(plan, field):
            within, where = plan.slices(number)
            place = out[(*where, ...)]
            place[...] = np.zeros((), self.dtype)
            if all(i < n for i, n in zip(within, block.shape, strict=True) if isinstance(i, int)):
                part = block[(*within, ...)]
                place[tuple(map(slice, part.shape))] = part
            return
        flat, layout = self._whole(plan, block, field)
        self.kernels.gather(plan, number, flat, layout, out)

    def change(
        self,
        plan: Any,
        number: int,
        block: NDArray[Any] | None,
        value: NDArray[Any],
        field: tuple[int, int] | None,
    ) -> NDArray[Any]:
        """Return the new block of a piece; `block` is the old one, None if there is none.

        A new one has all of its chunk that is inside the array, an old one gets longer as far as is needed.

        Raises
        ------
        StageError, MemoryError : see `_whole`
        """
        if block is None:
            shape = _inside(plan, number)
        else:
            needed = _ends(plan, number) if _is_box(plan, field) else _inside(plan, number)
            shape = tuple(map(max, block.shape, needed))
        changed = np.zeros([shape[axis] for axis in self.order], self.dtype).transpose(self.axes)
        if block is not None:
            changed[tuple(map(slice, block.shape))] = block
        if _is_box(plan, field):
            within, where = plan.slices(number)
            changed[within] = value[where]
            return changed
        flat, layout = self._whole(plan, changed, field)
        self.kernels.scatter(plan, number, flat, layout, value)
        whole = flat.view(self.dtype).reshape([layout.chunk_shape[axis] for axis in layout.order])
        return whole.transpose(np.argsort(layout.order))[tuple(map(slice, shape))]

    def _whole(
        self, plan: Any, block: NDArray[Any], field: tuple[int, int] | None
    ) -> tuple[NDArray[np.uint8], Any]:
        """Return the memory of a whole chunk, little of which is touched, and how it lies there.

        Raises
        ------
        StageError : the block is strewn over it
        MemoryError : the system does not give that much, touched or not
        """
        shape = plan.grid.chunk_shape
        # with the axes first that are cut, a block stays one run of memory, or a few
        cut = [axis for axis in self.order if block.shape[axis] < shape[axis]]
        order = (*cut, *(axis for axis in self.order if axis not in cut))
        whole = block.transpose(order)
        if cut:
            with self._naming():
                whole = padded(whole, tuple(shape[axis] for axis in order))
        itemsize = self.dtype.itemsize
        start, size = (0, itemsize) if field is None else field
        layout = self.kernels.ChunkLayout(shape, size, order, (start, itemsize))
        return np.ascontiguousarray(whole).reshape(-1).view(np.uint8), layout

    def is_empty(self, block: NDArray[Any]) -> bool:
        """Is there nothing in a block but what was never written?"""
        flat = np.ascontiguousarray(block.transpose(self.order)).reshape(-1).view(np.uint8)
        return bool(self.kernels.is_filled(flat, self.fill_bytes))

    def encode(self, block: NDArray[Any]) -> bytes:
        """Return a block as it is stored.

        Raises
        ------
        StageError : the codec below refused it
        """
        with self._naming():
            return self.codec.encode_block(block.transpose(self.order))

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Name the stage in what is raised."""
        try:
            yield
        except (MemoryError, UnsafeCodecError):
            raise
        except Exception as exc:
            raise self._refusal(exc) from exc

    def _refusal(self, exc: Exception) -> StageError:
        return StageError(self.codec.codec_id, f"{type(exc).__name__}: {exc}")


def blocks_of(pipeline: Pipeline, kernels: ModuleType, fill_bytes: Any) -> Blocks | None:
    """Return the blocks of an array that is stored in some; None if its chunks are whole."""
    codec = pipeline.block_codec()
    if codec is None:
        return None
    return Blocks(codec, pipeline.order, pipeline.dtype, kernels, fill_bytes)


def _inside(plan: Any, number: int) -> Shape:
    """Return the shape of what of the chunk of a piece is inside the array."""
    grid = plan.grid
    return tuple(
        min(length, n - at * length)
        for n, length, at in zip(grid.shape, grid.chunk_shape, plan.coords(number), strict=True)
    )


def _ends(plan: Any, number: int) -> Shape:
    """Return where a piece ends in its chunk, along each axis."""
    within, _ = plan.slices(number)
    return tuple(at + 1 if isinstance(at, int) else at.stop for at in within)


def _is_box(plan: Any, field: tuple[int, int] | None) -> bool:
    """Does NumPy say with slices what a piece is?"""
    return field is None and not getattr(plan, "has_lists", True)
