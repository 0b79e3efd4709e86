"""Parts of values, as zarr-python 3 names them in its module ``abc.store``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class RangeByteRequest:
    """Bytes from a position up to another one.

    Attributes
    ----------
    start, end : int
        The positions.
    """

    start: int
    end: int


@dataclass(frozen=True)
class OffsetByteRequest:
    """Bytes from a position to the end.

    Attributes
    ----------
    offset : int
        The position.
    """

    offset: int


@dataclass(frozen=True)
class SuffixByteRequest:
    """Bytes at the end.

    Attributes
    ----------
    suffix : int
        Number of bytes.
    """

    suffix: int


ByteRequest: TypeAlias = RangeByteRequest | OffsetByteRequest | SuffixByteRequest
