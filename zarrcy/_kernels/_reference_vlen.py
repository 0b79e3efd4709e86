"""Texts and bytes of any length, in Python: the twin of ``_vlen``, whose stub documents the functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels.protocols import AnyArray, Buffer, Item

_NUMBER_NBYTES = 4
_MOST_NBYTES = 0x7FFFFFFF


def decode_items(data: Buffer, n: int, are_texts: bool) -> NDArray[np.object_] | None:
    view = memoryview(data).cast("B")
    if n < 0 or len(view) < _NUMBER_NBYTES * (n + 1) or int.from_bytes(view[:_NUMBER_NBYTES], "little") != n:
        return None
    items = np.empty(n, object)
    at = _NUMBER_NBYTES
    for k in range(n):
        start = at + _NUMBER_NBYTES
        at = start + int.from_bytes(view[start - _NUMBER_NBYTES : start], "little")
        if at > len(view):
            return None
        item = bytes(view[start:at])
        try:
            items[k] = item.decode() if are_texts else item
        except UnicodeDecodeError:
            return None
    return items


def encode_items(items: AnyArray, are_texts: bool) -> bytes | None:
    if items.dtype != object or items.ndim != 1 or not items.flags.c_contiguous:
        raise ValueError("items must be a contiguous array of objects with one axis")
    if len(items) > _MOST_NBYTES:
        return None
    parts = [len(items).to_bytes(_NUMBER_NBYTES, "little")]
    for item in items:
        encoded = _encoded(item, are_texts)
        if encoded is None:
            return None
        if len(encoded) > _MOST_NBYTES:
            return None
        parts += [len(encoded).to_bytes(_NUMBER_NBYTES, "little"), encoded]
    return b"".join(parts)


def _encoded(item: Item, are_texts: bool) -> bytes | None:
    """Return the bytes of one item; None if it has none."""
    if not are_texts:
        return item if type(item) is bytes else None
    try:
        return item.encode() if type(item) is str else None
    except UnicodeEncodeError:
        return None
