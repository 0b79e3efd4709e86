"""Fill-value checks: find whether memory consists of copies of one element, and fill memory with one.

Elements are compared bit by bit, so payloads of NaN and the sign of zero count. `_reference` is the same in NumPy.
"""

from zarrcy._kernels.protocols import Buffer, Item

def is_filled(chunk: Buffer, item: Item) -> bool:
    """Return whether a buffer consists of copies of one element.

    The scan ends at most about 4 KiB after the first difference.

    Parameters
    ----------
    chunk : buffer
        Contiguous memory. An empty buffer counts as filled.
    item : bytes
        The bytes of the element.

    Raises
    ------
    ValueError
        If the length of the buffer is not a multiple of that of the element.
    """

def fill(chunk: Buffer, item: Item) -> None:
    """Fill a buffer with copies of one element.

    Parameters
    ----------
    chunk : buffer
        Contiguous and writable memory.
    item : bytes
        The bytes of the element.

    Raises
    ------
    ValueError
        If the length of the buffer is not a multiple of that of the element.
    """
