"""Texts and bytes of any length, as the codecs ``vlen-utf8`` and ``vlen-bytes`` of numcodecs store them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zarrcy import _kernels
from zarrcy.types import AnyArray, Buffer, Codec

if TYPE_CHECKING or _kernels.COMPILED:
    from zarrcy._kernels._vlen import decode_items, encode_items
else:
    from zarrcy._kernels._reference_vlen import decode_items, encode_items

NAMES = ("vlen-utf8", "vlen-bytes")
"""The codecs that the kernels have."""


def encode(codec: Codec, chunk: Buffer) -> Buffer:
    """Return the stored form of a chunk. The codec encodes what the kernel does not, or raises an error.

    >>> import numcodecs
    >>> encode(numcodecs.VLenUTF8(), np.array(["a"], object))
    b'\\x01\\x00\\x00\\x00\\x01\\x00\\x00\\x00a'
    """
    if isinstance(chunk, np.ndarray) and chunk.dtype == object and chunk.flags.c_contiguous:
        items, is_utf8 = chunk.reshape(-1), codec.codec_id == "vlen-utf8"
        encoded = encode_items(items, is_utf8)
        if encoded is None:
            chunk = _of_plain_types(items, is_utf8)
            encoded = encode_items(chunk, is_utf8)
        if encoded is not None:
            return encoded
    return codec.encode(chunk)


def _of_plain_types(items: AnyArray, are_texts: bool) -> AnyArray:
    """Return texts or bytes without NumPy's scalars and other subclasses, which some versions of numcodecs refuse.

    >>> _of_plain_types(np.array([np.str_("a"), None], object), True).tolist()
    ['a', None]
    """
    plain = np.empty(len(items), object)
    for i, item in enumerate(items.tolist()):
        if are_texts:
            plain[i] = str.__str__(item) if isinstance(item, str) else item
        else:
            plain[i] = bytes(item) if isinstance(item, bytes) else item
    return plain


def decode(codec: Codec, data: Buffer, n_elements: int) -> AnyArray | None:
    """Return the elements of a chunk; None if the stored form is damaged, which the codec reports.

    >>> import numcodecs
    >>> decode(numcodecs.VLenBytes(), encode(numcodecs.VLenBytes(), np.array([b"a"], object)), 1)
    array([b'a'], dtype=object)
    """
    # an array of bytes is a buffer too, but one of times is not
    octets = data.reshape(-1).view(np.uint8) if isinstance(data, np.ndarray) else data
    return decode_items(octets, n_elements, codec.codec_id == "vlen-utf8")
