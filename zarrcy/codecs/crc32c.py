"""bytes -> bytes: the codec ``crc32c``."""

from __future__ import annotations

import numpy as np

from zarrcy import _kernels
from zarrcy.types import JSON, AnyArray, Buffer

_NBYTES = 4


def checksum(data: Buffer) -> int:
    """Return the CRC-32C checksum of `data`.

    >>> hex(checksum(b"123456789"))
    '0xe3069283'
    """
    return int(_kernels.default.crc32c(data))


class CRC32C:
    """bytes -> bytes: append a CRC-32C checksum of four bytes, which detects changed bits."""

    codec_id = "crc32c"
    added_nbytes = _NBYTES

    def encode(self, data: AnyArray | Buffer) -> bytes:
        """Return `data` with its checksum."""
        # arrays of times do not have the buffer protocol
        plain = bytes(data.reshape(-1, order="A").view(np.uint8) if isinstance(data, np.ndarray) else data)
        return plain + checksum(plain).to_bytes(_NBYTES, "little")

    def decode(self, data: Buffer, out: Buffer | None = None) -> Buffer:
        """Return `data` without its checksum.

        Raises
        ------
        ValueError
            If the checksum does not match.
        """
        view = memoryview(data).cast("B")
        if len(view) < _NBYTES:
            raise ValueError(f"{len(view)} bytes are shorter than a checksum")
        plain, stored = view[:-_NBYTES], int.from_bytes(view[-_NBYTES:], "little")
        computed = checksum(plain)
        if computed != stored:
            raise ValueError(
                f"the checksum of its bytes is 0x{computed:08x}; the stored one is 0x{stored:08x}"
            )
        return plain

    def get_config(self) -> dict[str, JSON]:
        return {"id": self.codec_id}

    def __repr__(self) -> str:
        return "CRC32C()"
