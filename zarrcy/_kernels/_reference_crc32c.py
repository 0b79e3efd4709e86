"""CRC-32C (Castagnoli, RFC 3720) in NumPy, for many runs at once: the twin of ``_crc32c``."""

from __future__ import annotations

from functools import cache, reduce

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels.protocols import Buffer

_POLYNOMIAL = 0x82F63B78
_RUN_NBYTES = 256


def _table() -> list[int]:
    def divided(remainder: int, _: int) -> int:
        return (remainder >> 1) ^ (_POLYNOMIAL if remainder & 1 else 0)

    return [reduce(divided, range(8), byte) for byte in range(256)]


_TABLE = _table()
_NUMPY_TABLE = np.array(_TABLE, np.uint32)
_BITS = np.arange(32, dtype=np.uint32)


def crc32c(data: Buffer, before: int = 0, by_tables: bool = False) -> int:
    """Return the CRC-32C of some bytes.

    The bytes are cut into runs, which are divided by the polynomial side by side. Then the remainders are combined:
    appending zeros to bytes changes their remainder by a linear map.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    flat = np.frombuffer(data, np.uint8)
    n_runs = flat.size // _RUN_NBYTES
    remainder = before ^ 0xFFFFFFFF
    if n_runs:
        runs = flat[: n_runs * _RUN_NBYTES].reshape(n_runs, _RUN_NBYTES)
        remainder = _after(n_runs * _RUN_NBYTES, remainder) ^ _of_runs(runs)
    for byte in flat[n_runs * _RUN_NBYTES :].tolist():
        remainder = _TABLE[(remainder ^ byte) & 0xFF] ^ (remainder >> 8)
    return remainder ^ 0xFFFFFFFF


def _of_runs(runs: NDArray[np.uint8]) -> int:
    """Return the remainder of consecutive runs of bytes, without the inversions of CRC-32C."""
    remainders = np.zeros(len(runs), np.uint32)
    for column in np.ascontiguousarray(runs.T):
        remainders = _NUMPY_TABLE[(remainders ^ column) & 0xFF] ^ (remainders >> 8)
    # zeros before the first run do not change the remainder; they make the number of runs a power of two
    padded = np.zeros(1 << (len(remainders) - 1).bit_length(), np.uint32)
    padded[len(padded) - len(remainders) :] = remainders
    nbytes = _RUN_NBYTES
    while len(padded) > 1:
        padded = _apply(_zeros(nbytes), padded[::2]) ^ padded[1::2]
        nbytes *= 2
    return int(padded[0])


def _apply(images: NDArray[np.uint32], remainders: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Apply a linear map, given by the images of the 32 bits, to remainders."""
    chosen = np.where((remainders[:, None] >> _BITS) & np.uint32(1), images, np.uint32(0))
    mapped: NDArray[np.uint32] = np.bitwise_xor.reduce(chosen, axis=1)
    return mapped


@cache
def _zeros(nbytes: int) -> NDArray[np.uint32]:
    """Return the map of remainders for appending `nbytes` zeros, a power of two, as the images of the 32 bits."""
    if nbytes == 1:
        bits = np.uint32(1) << _BITS
        one_byte: NDArray[np.uint32] = _NUMPY_TABLE[bits & np.uint32(0xFF)] ^ (bits >> np.uint32(8))
        return one_byte
    half = _zeros(nbytes // 2)
    return _apply(half, half)


def _after(nbytes: int, remainder: int) -> int:
    """Return the remainder after `nbytes` zeros are appended."""
    mapped = np.array([remainder], np.uint32)
    power = 1
    while power <= nbytes:
        if nbytes & power:
            mapped = _apply(_zeros(power), mapped)
        power *= 2
    return int(mapped[0])
