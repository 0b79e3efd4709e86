"""Fill-value checks, bit by bit: NaN payloads and the sign of zero count."""

from typing import Any

def is_filled(chunk: Any, item: bytes) -> bool:
    """Is a contiguous buffer the bytes of one element over and over?

    Looks no further than about 4 KiB behind the first difference. True for an empty buffer.
    Raises ValueError where the length is no multiple of the element's.
    """

def fill(chunk: Any, item: bytes) -> None:
    """Set a writable contiguous buffer to one element over and over.

    Raises ValueError where the length is no multiple of the element's.
    """
