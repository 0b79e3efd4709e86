"""Report missing chunks, by an error or by a mask, instead of reading the fill value."""

from __future__ import annotations

from typing import Literal

import numpy as np

from zarrcy.chunk_io.context import ChunkContext
from zarrcy.chunk_io.reader import ChunkReader
from zarrcy.errors import MissingChunkError
from zarrcy.types import AnyArray, AnyDtype, Buffer, Field, Key, MaskedArray, Plan, Shape


def new_masked(shape: Shape, dtype: AnyDtype, order: Literal["C", "F"]) -> MaskedArray:
    """Return memory for a masked result. Nothing is masked yet."""
    mask = np.zeros(shape, np.ma.make_mask_descr(dtype), order)
    return np.ma.MaskedArray(np.empty(shape, dtype, order), mask=mask, copy=False)


class MissingChunks:
    """Masks the elements of missing chunks if the result is a masked array, and raises otherwise.

    Parameters
    ----------
    plan : Plan
        The pieces.
    context : ChunkContext
        The chunks of the array.
    out : AnyArray
        The result. If it is a masked array, nothing is masked yet.
    """

    __slots__ = ("_kernels", "_layout", "_mask", "_masked_bytes", "_plan", "data")

    def __init__(self, plan: Plan, context: ChunkContext, out: AnyArray) -> None:
        self._plan, self._kernels = plan, context.kernels
        self.data: AnyArray = out.data if isinstance(out, np.ma.MaskedArray) else out
        self._mask: AnyArray | None = None
        if isinstance(out, np.ma.MaskedArray):
            mask: AnyArray = np.ma.getmaskarray(out)
            self._mask = mask
            size = mask.dtype.itemsize
            # the mask is filled as the result is, element by element
            self._masked_bytes = b"\x01" * size
            self._layout = context.kernels.ChunkLayout(
                context.layout.chunk_shape, size, context.pipeline.order
            )

    def report(self, number: int, key: Key) -> None:
        """Mask a piece whose chunk is missing.

        Raises
        ------
        MissingChunkError
            If the result is not a masked array.
        """
        if self._mask is None:
            raise MissingChunkError(key)
        self._kernels.fill_piece(self._plan, number, self._layout, self._mask, self._masked_bytes)

    def retract(self, number: int) -> None:
        """Unmask a piece, which is read again."""
        if self._mask is not None:
            unmasked = bytes(len(self._masked_bytes))
            self._kernels.fill_piece(self._plan, number, self._layout, self._mask, unmasked)


class MissingChunkReader(ChunkReader):
    """Reads chunks, and reports those that are missing."""

    __slots__ = ("missing",)

    def __init__(
        self, plan: Plan, context: ChunkContext, out: AnyArray, field: Field | None, prezeroed: bool
    ) -> None:
        self.missing = MissingChunks(plan, context, out)
        super().__init__(plan, context, self.missing.data, field, prezeroed)

    def fill(self, number: int, key: Key) -> None:
        self.missing.report(number, key)
        super().fill(number, key)

    def _take_fetched(self, first: int, keys: list[Key], values: list[Buffer | None]) -> None:
        context = self.context
        values = context.as_buffers(keys, values)
        for number, (key, stored) in enumerate(zip(keys, values, strict=True), first):
            if stored is None:
                self.fill(number, key)
        numbers = [number for number, stored in enumerate(values, first) if stored is not None]
        if context.native_path is not None:
            queue = context.native_path.queue(
                self.plan, self.layout, self.out, self.fill_bytes, first, first + len(keys)
            )
            numbers = context.native_path.read_values(queue, values)
        for number in numbers:
            self.take(number, keys[number - first], values[number - first])
