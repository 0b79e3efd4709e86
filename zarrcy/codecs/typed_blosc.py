"""Blosc with the item size that the metadata state, in every version of numcodecs."""

from __future__ import annotations

import inspect

import numcodecs
import numpy as np

from zarrcy.types import AnyArray, Buffer, Codec

_TAKES_TYPESIZE = "typesize" in inspect.signature(numcodecs.Blosc.__init__).parameters


class _TypedBlosc(numcodecs.Blosc):  # type: ignore[misc]
    """Blosc for older versions of numcodecs, which take the item size from the data type of their input."""

    def __init__(self, typesize: int, **config: int | str) -> None:
        super().__init__(**config)
        self.typesize = typesize

    def encode(self, data: AnyArray | Buffer) -> Buffer:
        flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8) if hasattr(data, "dtype") else data
        octets = np.frombuffer(flat, np.uint8)
        if octets.size and octets.size % self.typesize == 0:
            octets = octets.view(f"V{self.typesize}")
        encoded: Buffer = super().encode(octets)
        return encoded


def blosc_shuffle(typesize: int) -> int:
    """Return the shuffle that Blosc's automatic mode, ``shuffle=-1``, chooses for an item size in bytes.

    >>> blosc_shuffle(1) == numcodecs.Blosc.BITSHUFFLE, blosc_shuffle(8) == numcodecs.Blosc.SHUFFLE
    (True, True)
    """
    bitshuffle, shuffle = 2, 1
    return bitshuffle if typesize == 1 else shuffle


def blosc(cname: str, clevel: int, shuffle: int, typesize: int, blocksize: int) -> Codec:
    """Return numcodecs' Blosc codec with an item size, in bytes.

    >>> blosc("lz4", 5, 1, typesize=4, blocksize=0).decode(blosc("lz4", 5, 1, 4, 0).encode(b"abcd" * 100))[:6]
    b'abcdab'
    """
    config: dict[str, int | str] = {
        "cname": cname,
        "clevel": clevel,
        "shuffle": shuffle,
        "blocksize": blocksize,
    }
    make = numcodecs.Blosc if _TAKES_TYPESIZE else _TypedBlosc
    codec: Codec = make(typesize=typesize, **config)
    return codec
