"""The length of a codec's output, if it does not depend on the data. It bounds what the decoder may return."""

from __future__ import annotations

import numpy as np

from zarrcy.codecs.typed_blosc import is_own
from zarrcy.types import Codec

# Codecs that turn each element into one of another type: the attributes with the two types.
_ELEMENTWISE = {
    "delta": ("dtype", "astype"),
    "fixedscaleoffset": ("dtype", "astype"),
    "quantize": ("dtype", "astype"),
    "categorize": ("dtype", "astype"),
    "astype": ("decode_dtype", "encode_dtype"),
    "cast_value": ("dtype", "stored"),
}
_SAME_LENGTH = ("bitround", "shuffle", "transpose", "scale_offset")
_WITH_CHECKSUM = ("crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3")
# No real codec expands an element more than this many times; such a configuration is a decompression bomb.
_MOST_GROWTH = 64


def encoded_nbytes(codec: Codec, nbytes: int | None) -> int | None:
    """Return the length of a codec's output for an input of `nbytes` bytes; None if it depends on the data.

    >>> import numcodecs
    >>> encoded_nbytes(numcodecs.Delta("<i8", "<i2"), 80), encoded_nbytes(numcodecs.Zlib(), 80)
    (20, None)
    """
    if nbytes is None or not is_own(codec):
        return None
    name = str(codec.codec_id)
    if name in _SAME_LENGTH:
        return nbytes
    if name in _WITH_CHECKSUM:
        return nbytes + 4
    if name == "packbits" and type(codec).__module__.startswith("numcodecs."):
        return 1 + -(-nbytes // 8)
    if name not in _ELEMENTWISE:
        return None
    itemsize, stored_itemsize = (np.dtype(getattr(codec, member)).itemsize for member in _ELEMENTWISE[name])
    if not itemsize or nbytes % itemsize or stored_itemsize > _MOST_GROWTH * itemsize:
        return None
    stored: int = nbytes // itemsize * stored_itemsize
    return stored


def maps_elements(codec: Codec) -> bool:
    """Return whether a codec turns each element into another one, so that it can encode a single element."""
    return is_own(codec) and str(codec.codec_id) in {*_ELEMENTWISE, "bitround", "scale_offset"}
