"""CRC-32C (Castagnoli, RFC 3720) in numpy, many runs at once: the twin of ``_crc32c``."""

from __future__ import annotations

from functools import cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78
_RUN_NBYTES = 256


def _table() -> list[int]:
    def divided(rest: int, _: int) -> int:
        return (rest >> 1) ^ (_POLYNOMIAL if rest & 1 else 0)

    return [reduce(divided, range(8), byte) for byte in range(256)]


_TABLE = _table()
_NUMPY_TABLE = np.array(_TABLE, np.uint32)
_BITS = np.arange(32, dtype=np.uint32)


def crc32c(data: Any, before: int = 0, by_tables: bool = False) -> int:
    """Return the CRC-32C of some bytes, without any package but NumPy.

    The bytes are cut into runs that are divided side by side; the remainders are put together by
    what a run of zeros does to a remainder, which is linear.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    flat = np.frombuffer(data, np.uint8)
    n_runs = flat.size // _RUN_NBYTES
    rest = before ^ 0xFFFFFFFF
    if n_runs:
        runs = flat[: n_runs * _RUN_NBYTES].reshape(n_runs, _RUN_NBYTES)
        rest = _after(n_runs * _RUN_NBYTES, rest) ^ _of_runs(runs)
    for byte in flat[n_runs * _RUN_NBYTES :].tolist():
        rest = _TABLE[(rest ^ byte) & 0xFF] ^ (rest >> 8)
    return rest ^ 0xFFFFFFFF


def _of_runs(runs: NDArray[np.uint8]) -> int:
    """Return the remainder of runs of bytes that follow one another, without the customary inversions."""
    rests = np.zeros(len(runs), np.uint32)
    for column in np.ascontiguousarray(runs.T):
        rests = _NUMPY_TABLE[(rests ^ column) & 0xFF] ^ (rests >> 8)
    # zeros before the first run change nothing, and make their number a power of two
    padded = np.zeros(1 << (len(rests) - 1).bit_length(), np.uint32)
    padded[len(padded) - len(rests) :] = rests
    nbytes = _RUN_NBYTES
    while len(padded) > 1:
        padded = _apply(_zeros(nbytes), padded[::2]) ^ padded[1::2]
        nbytes *= 2
    return int(padded[0])


def _apply(images: NDArray[np.uint32], rests: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Apply a linear map, given by what it makes of each bit, to remainders."""
    chosen = np.where((rests[:, None] >> _BITS) & np.uint32(1), images, np.uint32(0))
    found: NDArray[np.uint32] = np.bitwise_xor.reduce(chosen, axis=1)
    return found


@cache
def _zeros(nbytes: int) -> NDArray[np.uint32]:
    """Return what `nbytes` bytes of zero, a power of two, make of each bit of a remainder."""
    if nbytes == 1:
        bits = np.uint32(1) << _BITS
        one_byte: NDArray[np.uint32] = _NUMPY_TABLE[bits & np.uint32(0xFF)] ^ (bits >> np.uint32(8))
        return one_byte
    half = _zeros(nbytes // 2)
    return _apply(half, half)


def _after(nbytes: int, rest: int) -> int:
    """Return what is left of a remainder after bytes of zero."""
    found = np.array([rest], np.uint32)
    power = 1
    while power <= nbytes:
        if nbytes & power:
            found = _apply(_zeros(power), found)
        power *= 2
    return int(found[0])
