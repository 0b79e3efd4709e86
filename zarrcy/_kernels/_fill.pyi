"""Fill-value checks, bit by bit: NaN payloads and the sign of zero count."""

from zarrcy._kernels.protocols import Buffer, Item

def is_filled(chunk: Buffer, item: Item) -> bool:
    """Is a contiguous buffer the bytes of one element over and over?

    Looks no further than about 4 KiB behind the first difference. True for an empty buffer.
    Raises ValueError where the length is no multiple of the element's.
    """

def fill(chunk: Buffer, item: Item) -> None:
    """Set a writable contiguous buffer to one element over and over.

    Raises ValueError where the length is no multiple of the element's.
    """
