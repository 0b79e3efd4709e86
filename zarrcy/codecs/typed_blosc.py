"""Blosc with a size of items that the metadata state, whatever is handed over, in every version of numcodecs."""

from __future__ import annotations

import inspect
from typing import Any

import numcodecs
import numpy as np

from zarrcy.types import Buffer

_TAKES_TYPESIZE = "typesize" in inspect.signature(numcodecs.Blosc.__init__).parameters


class _TypedBlosc(numcodecs.Blosc):  # type: ignore[misc]
    """Older versions of numcodecs see the size of items in what they are given."""

    def __init__(self, typesize: int, **config: Any) -> None:
        super().__init__(**config)
        self.typesize = typesize

    def encode(self, data: Any) -> Buffer:
        flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8) if hasattr(data, "dtype") else data
        octets = np.frombuffer(flat, np.uint8)
        if octets.size and octets.size % self.typesize == 0:
            octets = octets.view(f"V{self.typesize}")
        return super().encode(octets)


def blosc(cname: str, clevel: int, shuffle: int, typesize: int, blocksize: int) -> Any:
    """Return a codec of numcodecs that has a size of items.

    >>> blosc("lz4", 5, 1, typesize=4, blocksize=0).decode(blosc("lz4", 5, 1, 4, 0).encode(b"abcd" * 100))[:6]
    b'abcdab'
    """
    config = {"cname": cname, "clevel": clevel, "shuffle": shuffle, "blocksize": blocksize}
    make = numcodecs.Blosc if _TAKES_TYPESIZE else _TypedBlosc
    return make(typesize=typesize, **config)
