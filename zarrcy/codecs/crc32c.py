"""bytes -> bytes: the codec ``crc32c``."""

from __future__ import annotations

from typing import Any

import numpy as np

from zarrcy import _kernels
from zarrcy.types import Buffer

_NBYTES = 4


def checksum(data: Buffer) -> int:
    """Return the CRC-32C of some bytes.

    >>> hex(checksum(b"123456789"))
    '0xe3069283'
    """
    return int(_kernels.default.crc32c(data))


class CRC32C:
    """bytes -> bytes: four bytes behind the others, by which a changed bit is found out."""

    codec_id = "crc32c"
    added_nbytes = _NBYTES

    def encode(self, data: Any) -> bytes:
        # times have no buffer of their own
        plain = bytes(data.reshape(-1, order="A").view(np.uint8) if isinstance(data, np.ndarray) else data)
        return plain + checksum(plain).to_bytes(_NBYTES, "little")

    def decode(self, data: Buffer, out: Any = None) -> Buffer:
        view = memoryview(data).cast("B")
        if len(view) < _NBYTES:
            raise ValueError("shorter than a checksum")
        plain, stored = view[:-_NBYTES], int.from_bytes(view[-_NBYTES:], "little")
        found = checksum(plain)
        if found != stored:
            raise ValueError(f"the checksum of its bytes is 0x{found:08x}; the stored one is 0x{stored:08x}")
        return plain

    def get_config(self) -> dict[str, Any]:
        return {"id": self.codec_id}

    def __repr__(self) -> str:
        return "CRC32C()"
