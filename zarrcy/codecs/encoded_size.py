"""How long is what a codec makes of a chunk? What is known of it bounds what may come back."""

from __future__ import annotations

from typing import Any

import numpy as np

from zarrcy.codecs.bounded_decode import is_own

# Codecs that see elements of one type and make elements of another: attributes that say which.
_ELEMENTWISE = {
    "delta": ("dtype", "astype"),
    "fixedscaleoffset": ("dtype", "astype"),
    "quantize": ("dtype", "astype"),
    "categorize": ("dtype", "astype"),
    "astype": ("decode_dtype", "encode_dtype"),
    "cast_value": ("dtype", "stored"),
}
_SAME = ("bitround", "shuffle", "transpose", "scale_offset")
_WITH_CHECKSUM = ("crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3")
# An element that gets this many times as long is nobody's compression, but may be somebody's bomb.
_MOST_GROWTH = 64


def encoded_nbytes(codec: Any, nbytes: int | None) -> int | None:
    """Return the length of what a codec makes of so many bytes; None where that depends on the bytes.

    >>> import numcodecs
    >>> encoded_nbytes(numcodecs.Delta("<i8", "<i2"), 80), encoded_nbytes(numcodecs.Zlib(), 80)
    (20, None)
    """
    if nbytes is None or not is_own(codec):
        return None
    name = str(codec.codec_id)
    if name in _SAME:
        return nbytes
    if name in _WITH_CHECKSUM:
        return nbytes + 4
    if name == "packbits" and type(codec).__module__.startswith("numcodecs."):
        return 1 + -(-nbytes // 8)
    if name not in _ELEMENTWISE:
        return None
    given, made = (np.dtype(getattr(codec, member)).itemsize for member in _ELEMENTWISE[name])
    if not given or nbytes % given or made > _MOST_GROWTH * given:
        return None
    stored: int = nbytes // given * made
    return stored
