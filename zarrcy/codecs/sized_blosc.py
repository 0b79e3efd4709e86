"""Blosc with the item size that metadata state, in every version of numcodecs. Importing this imports numcodecs."""

from __future__ import annotations

import inspect

import numcodecs
import numpy as np

from zarrcy.types import AnyArray, Buffer

_TAKES_TYPESIZE = "typesize" in inspect.signature(numcodecs.Blosc.__init__).parameters


class SizedBlosc(numcodecs.Blosc):  # type: ignore[misc]
    """Blosc with a stated item size. Older versions of numcodecs take it from the data type of their input."""

    def __init__(self, typesize: int, **config: int | str) -> None:
        super().__init__(**config, **({"typesize": typesize} if _TAKES_TYPESIZE else {}))
        # a public attribute would be a part of the configuration
        self._item_nbytes = typesize

    @property
    def typesize(self) -> int:
        """Length of an item, in bytes."""
        return self._item_nbytes

    def encode(self, data: AnyArray | Buffer) -> Buffer:
        if not _TAKES_TYPESIZE:
            flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8) if hasattr(data, "dtype") else data
            data = np.frombuffer(flat, np.uint8)
            if data.size and data.size % self.typesize == 0:
                data = data.view(f"V{self.typesize}")
        encoded: Buffer = super().encode(data)
        return encoded

    def __repr__(self) -> str:
        return f"Blosc{super().__repr__().removeprefix(type(self).__name__)}"
