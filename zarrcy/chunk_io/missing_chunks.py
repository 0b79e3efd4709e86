"""Readers that tell what is not stored, instead of taking it for fill value: by an error, or by a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.chunk_io import native
from zarrcy.chunk_io.chunk_io import UnshardedChunkIO
from zarrcy.chunk_io.reader import ChunkReader
from zarrcy.errors import MissingChunkError
from zarrcy.types import AnyDtype, Field, Key, Shape


def new_masked(shape: Shape, dtype: AnyDtype, order: Any) -> np.ma.MaskedArray[Any, Any]:
    """Return memory for a result of which nothing is masked yet."""
    mask = np.zeros(shape, np.ma.make_mask_descr(dtype), order)
    return np.ma.MaskedArray(np.empty(shape, dtype, order), mask=mask, copy=False)


class MissingChunkReader(ChunkReader):
    """Reads chunks, and raises or masks where one is missing.

    It masks if the result is a masked array, all of which is unmasked.
    """

    def __init__(
        self, plan: Any, source: UnshardedChunkIO, out: NDArray[Any], field: Field | None, *more: Any
    ) -> None:
        self.mask: Any = None
        if isinstance(out, np.ma.MaskedArray):
            self.mask, out = out.mask, out.data
            size = self.mask.dtype.itemsize
            # the mask is filled as the result is, element by element
            self.mask_item = b"\x01" * size
            self.mask_layout = source.kernels.ChunkLayout(
                source.layout.chunk_shape, size, source.pipeline.order
            )
        super().__init__(plan, source, out, field, *more)

    def absent(self, number: int, key: Key) -> None:
        if self.mask is None:
            raise MissingChunkError(key)
        super().absent(number, key)
        self.source.kernels.fill_piece(self.plan, number, self.mask_layout, self.mask, self.mask_item)

    def _read_whole(self, first: int, keys: list[Key]) -> None:
        source = self.source
        values = source.fetch(keys)
        for number, (key, stored) in enumerate(zip(keys, values, strict=True), first):
            if stored is None:
                self.absent(number, key)
        present = [number for number, stored in enumerate(values, first) if stored is not None]
        if source.codec is not None:
            present = native.read_values(
                source.codec, values, first, self.plan, self.layout, self.out, self.item
            )
        for number in present:
            self.take(number, keys[number - first], values[number - first])
