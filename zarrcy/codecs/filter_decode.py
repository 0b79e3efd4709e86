"""Undo codecs whose result has no place of its own yet: elements before a filter, objects, what is compressed twice.

Where the length of the result is known it is held to. Where it is not, it may be so many times as long as the
stored bytes: that bounds what a few bytes can cost that lie.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.codecs.bounded_decode import (
    STATED,
    decode_streams,
    decode_whole,
    is_own,
    new_decoder,
    new_stream,
    zstd_most_nbytes,
)
from zarrcy.codecs.encoded_size import encoded_nbytes
from zarrcy.types import Buffer

Undo = Callable[[Any], Any]

# Deflate gives no more than 1032 bytes for one; little may become as much as a large chunk.
_MOST_EXPANSION = 1032
_ALWAYS_ALLOWED = 256 * 2**20

_COUNTED = ("vlen-utf8", "vlen-bytes", "vlen-array")
# The end of what the codec json2 writes: data type and shape.
_JSON_END = re.compile(r',\s*"([^"\\]*)"\s*,\s*\[([\d,\s]*)\]\s*\]\s*\Z')
_JSON_END_LENGTH = 4096


def undo(codec: Any, nbytes: int | None, n_elements: int) -> Undo:
    """Return a function that undoes a codec.

    It raises ValueError, or what the codec raises, where the bytes do not decode, or to too much.

    Parameters
    ----------
    codec : of numcodecs, or like one
    nbytes : length of what it was given when a chunk was encoded, where that is known
    n_elements : of a chunk
    """
    if not is_own(codec):
        return lambda data: decode_whole(codec, data)
    name = str(codec.codec_id)
    if name in _COUNTED:
        return lambda data: codec.decode(_counted(data, n_elements))
    if name == "json2":
        return lambda data: codec.decode(_checked_json(codec, data, n_elements))
    if name == "msgpack2":
        return lambda data: _from_msgpack(codec, data, n_elements)
    if name in STATED or new_stream(codec) is not None:
        return _limited(codec) if nbytes is None else _of_length(codec, nbytes)
    return _held_to(codec, nbytes, encoded_nbytes(codec, nbytes))


def _of_length(codec: Any, nbytes: int) -> Undo:
    decode = new_decoder(codec)
    return lambda data: decode(data, nbytes)


def _held_to(codec: Any, nbytes: int | None, stored_nbytes: int | None) -> Undo:
    """Decode bytes of the length that they must have, where it is known: then nothing else can come of them."""

    def decode(data: Any) -> Any:
        if stored_nbytes is not None and (found := _nbytes(data)) != stored_nbytes:
            raise ValueError(f"{found} bytes, where a chunk has {stored_nbytes} at this stage")
        decoded = decode_whole(codec, data)
        if nbytes is not None and (found := _nbytes(decoded)) != nbytes:
            raise ValueError(f"decoded to {found} bytes, where a chunk has {nbytes} at this stage")
        return decoded

    return decode


def _nbytes(data: Any) -> int:
    # arrays of times have no buffer
    return data.nbytes if isinstance(data, np.ndarray) else memoryview(data).nbytes


# -- compressors -------------------------------------------------------------------------------------


def _limited(codec: Any) -> Undo:
    """Decode to a length that nothing tells, but that has its limits."""
    name, new = str(codec.codec_id), new_stream(codec)

    def decode(data: Buffer) -> Any:
        view = memoryview(data).cast("B")
        most = max(_ALWAYS_ALLOWED, _MOST_EXPANSION * len(view))
        if new is not None:
            return decode_streams(new, view, most)
        stated = STATED[name](bytes(view[:18]), len(view))
        nbytes = zstd_most_nbytes(view) if stated is None else stated
        if nbytes > most:
            raise ValueError(
                f"{len(view)} bytes that decode to {nbytes}: more than {most} is taken for a mistake"
            )
        return codec.decode(data)

    return decode


# -- objects -----------------------------------------------------------------------------------------


def _counted(data: Any, n_elements: int) -> Any:
    """Return the bytes of as many elements as a chunk has: their number stands before them."""
    view = memoryview(data).cast("B")
    stated = int.from_bytes(view[:4], "little")
    if stated != n_elements:
        raise ValueError(f"its header states {stated} elements, a chunk has {n_elements}")
    # before each element stands its length
    if len(view) < 4 + 4 * n_elements:
        raise ValueError(f"{len(view)} bytes are too few for {n_elements} elements")
    return data


def _checked_json(codec: Any, data: Any, n_elements: int) -> Any:
    text = bytes(memoryview(data)).decode(codec.get_config()["encoding"])
    end = _JSON_END.search(text[-_JSON_END_LENGTH:])
    if end is None:
        raise ValueError("it does not end with a data type and a shape")
    _check_items([int(n) for n in end[2].split(",") if n.strip()], end[1], n_elements)
    return data


def _from_msgpack(codec: Any, data: Any, n_elements: int) -> NDArray[Any]:
    import msgpack  # the codec is there, so its package is

    items = msgpack.unpackb(bytes(memoryview(data)), raw=codec.raw)
    if not isinstance(items, list) or len(items) < 2 or not isinstance(items[-1], list):
        raise ValueError("it does not end with a data type and a shape")
    spelled = items[-2].decode() if isinstance(items[-2], bytes) else items[-2]
    decoded = np.empty(_check_items(items[-1], spelled, n_elements), spelled)
    decoded[:] = items[:-2]
    return decoded


def _check_items(shape: Any, spelled: Any, n_elements: int) -> tuple[int, ...]:
    """Return the shape of items that are one chunk, and no more than that."""
    if not all(type(n) is int and n >= 0 for n in shape) or math.prod(shape) != n_elements:
        raise ValueError(f"it states the shape {shape}, a chunk has {n_elements} elements")
    if not isinstance(spelled, str) or np.dtype(spelled).itemsize > _MOST_EXPANSION:
        raise ValueError(f"it states the data type {spelled!r}")
    return tuple(shape)
