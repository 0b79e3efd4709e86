"""Decoders for codecs whose output buffer cannot be allocated in advance.

These are the filters, the object codecs, and the compressors whose output is not the chunk itself. If the length
of the output is known, any other length is an error. If it is not known, the output may be a fixed number of
times as long as the stored bytes: this limits the memory that a few malicious bytes can take.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from zarrcy.codecs import vlen
from zarrcy.codecs.bounded_decode import (
    STATED,
    decode_streams,
    decode_whole,
    new_decoder,
    new_stream,
    zstd_most_nbytes,
)
from zarrcy.codecs.encoded_size import encoded_nbytes
from zarrcy.codecs.typed_blosc import is_own
from zarrcy.types import JSON, AnyArray, Buffer, Codec

Decoder: TypeAlias = Callable[[Buffer], Buffer]
"""Decodes the bytes or the array that one stage made."""

# Deflate expands a byte to at most 1032 bytes. Short input may expand to a large chunk.
_MOST_EXPANSION = 1032
_ALWAYS_ALLOWED = 256 * 2**20

_COUNTED = ("vlen-utf8", "vlen-bytes", "vlen-array")
# The end of the output of the codec json2: data type and shape.
_JSON_END = re.compile(r',\s*"([^"\\]*)"\s*,\s*\[([\d,\s]*)\]\s*\]\s*\Z')
_JSON_END_LENGTH = 4096


def decoder_for(codec: Codec, nbytes: int | None, n_elements: int) -> Decoder:
    """Return a function that decodes what a codec encoded.

    The function raises ValueError, or the error of the codec, if the bytes do not decode or decode to a wrong
    or excessive length.

    Parameters
    ----------
    codec : Codec
        A numcodecs codec, or an object with the same interface.
    nbytes : int or None
        Length of the codec's input when a chunk was encoded, in bytes; None if it is not known.
    n_elements : int
        Number of elements in a chunk.
    """
    if not is_own(codec):
        return lambda data: decode_whole(codec, data)
    name = str(codec.codec_id)
    if name in _COUNTED:
        return _counted(codec, n_elements)
    if name == "json2":
        return lambda data: codec.decode(_check_json(codec, data, n_elements))
    if name == "msgpack2":
        return lambda data: _decode_msgpack(codec, data, n_elements)
    if name == "shuffle":
        return _unshuffled(codec, _checked(codec, nbytes, encoded_nbytes(codec, nbytes)))
    if name in STATED or new_stream(codec) is not None:
        return _limited(codec) if nbytes is None else _of_length(codec, nbytes)
    return _checked(codec, nbytes, encoded_nbytes(codec, nbytes))


def _of_length(codec: Codec, nbytes: int) -> Decoder:
    decode = new_decoder(codec)
    return lambda data: decode(data, nbytes)


def _checked(codec: Codec, nbytes: int | None, stored_nbytes: int | None) -> Decoder:
    """Return a decoder that checks the lengths of its input and output, as far as they are known."""

    def decode(data: Buffer) -> Buffer:
        if stored_nbytes is not None and (length := _nbytes(data)) != stored_nbytes:
            raise ValueError(f"{length} bytes; a chunk has {stored_nbytes} at this stage")
        decoded = decode_whole(codec, data)
        if nbytes is not None and (length := _nbytes(decoded)) != nbytes:
            raise ValueError(f"decoded to {length} bytes; a chunk has {nbytes} at this stage")
        return decoded

    return decode


def _unshuffled(codec: Codec, decode: Decoder) -> Decoder:
    """Return a decoder that refuses a part of an element, for which numcodecs returns uninitialised memory."""
    elementsize = codec.get_config()["elementsize"]

    def decode_elements(data: Buffer) -> Buffer:
        if elementsize > 1 and (length := _nbytes(data)) % elementsize:
            raise ValueError(f"{length} bytes are not a multiple of its elementsize {elementsize}")
        return decode(data)

    return decode_elements


def _nbytes(data: Buffer) -> int:
    # arrays of times do not have the buffer protocol
    return data.nbytes if isinstance(data, np.ndarray) else memoryview(data).nbytes


# -- compressors -------------------------------------------------------------------------------------


def _limited(codec: Codec) -> Decoder:
    """Return a decoder for an output of unknown but limited length."""
    name, new = str(codec.codec_id), new_stream(codec)
    decode_to_length = None if new is not None else new_decoder(codec)

    def decode(data: Buffer) -> Buffer:
        view = memoryview(data).cast("B")
        most = max(_ALWAYS_ALLOWED, _MOST_EXPANSION * len(view))
        if new is not None:
            return decode_streams(new, view, most)
        stated = STATED[name](bytes(view[:18]), len(view))
        nbytes = zstd_most_nbytes(view) if stated is None else stated
        if nbytes > most:
            raise ValueError(
                f"{len(view)} bytes that decode to {nbytes}; more than {most} is taken for an error in the data"
            )
        if decode_to_length is not None and stated is not None:
            return decode_to_length(data, nbytes)
        return decode_whole(codec, data)

    return decode


# -- objects -----------------------------------------------------------------------------------------


def _counted(codec: Codec, n_elements: int) -> Decoder:
    """Return the decoder of elements that begin with their number."""

    def decode(data: Buffer) -> Buffer:
        if codec.codec_id in vlen.NAMES:
            decoded = vlen.decode(codec, data, n_elements)
            if decoded is not None:
                return decoded
        return codec.decode(_check_count(data, n_elements))

    return decode


def _check_count(data: Buffer, n_elements: int) -> Buffer:
    """Return encoded elements that begin with their number, which must be that of a chunk."""
    view = memoryview(data).cast("B")
    stated = int.from_bytes(view[:4], "little")
    if stated != n_elements:
        raise ValueError(f"its header states {stated} elements, a chunk has {n_elements}")
    # the length of each element precedes it
    if len(view) < 4 + 4 * n_elements:
        raise ValueError(f"{len(view)} bytes are too few for {n_elements} elements")
    return data


def _check_json(codec: Codec, data: Buffer, n_elements: int) -> Buffer:
    text = bytes(memoryview(data)).decode(codec.get_config()["encoding"])
    end = _JSON_END.search(text[-_JSON_END_LENGTH:])
    if end is None:
        raise ValueError("it does not end with a data type and a shape")
    _check_items([int(n) for n in end[2].split(",") if n.strip()], end[1], n_elements)
    return data


def _decode_msgpack(codec: Codec, data: Buffer, n_elements: int) -> AnyArray:
    import msgpack  # installed, because the codec needs it

    items = msgpack.unpackb(bytes(memoryview(data)), raw=getattr(codec, "raw", False))
    if not isinstance(items, list) or len(items) < 2 or not isinstance(items[-1], list):
        raise ValueError("it does not end with a data type and a shape")
    dtype = items[-2].decode() if isinstance(items[-2], bytes) else items[-2]
    decoded = np.empty(_check_items(items[-1], dtype, n_elements), dtype)
    decoded[:] = items[:-2]
    return decoded


def _check_items(shape: JSON, dtype: JSON, n_elements: int) -> tuple[int, ...]:
    """Return the shape that encoded objects state, if it is that of a chunk and the data type is small."""
    if not all(type(n) is int and n >= 0 for n in shape) or math.prod(shape) != n_elements:
        raise ValueError(f"it states the shape {shape}, a chunk has {n_elements} elements")
    if not isinstance(dtype, str) or np.dtype(dtype).itemsize > _MOST_EXPANSION:
        raise ValueError(f"it states the data type {dtype!r}")
    return tuple(shape)
