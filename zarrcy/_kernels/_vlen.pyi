"""Texts and bytes of any length: a chunk of Python objects to and from its stored form.

The stored form is the number of items, then each item after its length; numbers have four bytes, the lowest first.
Stored bytes are untrusted: every length is compared with the bytes that are left before it is used. If an item is not
what it must be, the functions only report that: the caller then uses the codec of numcodecs, which raises an error.
`_reference_vlen` is the same in Python.
"""

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels.protocols import AnyArray, Buffer

def decode_items(data: Buffer, n: int, are_texts: bool) -> NDArray[np.object_] | None:
    """Return the items of a chunk.

    Parameters
    ----------
    data : buffer
        The stored bytes.
    n : int
        Number of items in a chunk.
    are_texts : bool
        Whether items are texts in UTF-8, or bytes.

    Returns
    -------
    ndarray of object, or None
        One axis of `n` items. None if the bytes do not hold as many valid items.
    """

def encode_items(items: AnyArray, are_texts: bool) -> bytes | None:
    """Return the stored form of a chunk.

    Parameters
    ----------
    items : ndarray of object
        The items: contiguous, with one axis.
    are_texts : bool
        Whether items are texts, or bytes.

    Returns
    -------
    bytes or None
        None if an item is anything else, such as None or a number, or a text that UTF-8 cannot hold.
    """
