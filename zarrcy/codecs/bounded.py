"""Decode into memory of a known length: never more than that, and never less without an error.

Stored bytes state their own decoded length in a header. It comes from outside, so it is compared
with what the metadata promise before a decoder acts on it.
"""

from __future__ import annotations

import bz2
import lzma
import os
import pickle
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels
from zarrcy.errors import UnsafeCodecError
from zarrcy.types import Buffer

IntoDecoder = Callable[[Buffer, NDArray[np.uint8]], None]

# Sizes that a frame of Zstandard may state, by its descriptor (RFC 8878, section 3.1.1.1).
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_DICT_BYTES = (0, 1, 2, 4)
_ZSTD_SIZE_BYTES = (0, 2, 4, 8)


def bounded_decoder(codec: Any) -> IntoDecoder:
    """Return a function that decodes with `codec` into memory of the right length.

    The function raises ValueError where the bytes decode to another length, and whatever the codec
    raises where they do not decode at all.
    """
    name = str(codec.codec_id)
    if not is_own(codec):
        return _whole(codec)
    if name in STATED:
        general = _zstd(codec) if name == "zstd" else _sized(codec, STATED[name])
    elif (new := new_stream(codec)) is not None:
        general = _streamed(new)
    else:
        return _whole(codec)
    native = _native.get(name)
    return general if native is None else _first_by(native, general)


def _first_by(native: Any, general: IntoDecoder) -> IntoDecoder:
    """Decode with what was built in; what that finds odd, the codec itself tells more about."""

    def decode_into(data: Buffer, out: NDArray[np.uint8]) -> None:
        if not native.decode_into(data, out):
            general(data, out)

    return decode_into


def is_own(codec: Any) -> bool:
    """Is it one of numcodecs, or ours? A codec of the same name from elsewhere may mean something else by it."""
    return type(codec).__module__.startswith(("numcodecs.", "zarrcy."))


def _built_in() -> dict[str, Any]:
    """Return the decoders that were built in, by the names of their codecs."""
    lane = _kernels.lane
    return {} if lane is None else {name: lane.Decoder(name) for name in lane.CODECS if name != "raw"}


_native = _built_in()


def new_stream(codec: Any) -> Callable[[], Any] | None:
    """Return what makes a decoder that can be stopped at any length, for codecs of the standard library."""
    match str(codec.codec_id):
        case "zlib":
            return zlib.decompressobj
        case "gzip":
            return lambda: zlib.decompressobj(wbits=31)
        case "bz2":
            return bz2.BZ2Decompressor
        case "lzma":
            filters = codec.filters if codec.format == lzma.FORMAT_RAW else None
            return lambda: lzma.LZMADecompressor(format=codec.format, filters=filters)
    return None


def decode_whole(codec: Any, data: Any) -> Any:
    """Decode with a codec of which nothing is known, unless it is one that runs what it decodes.

    Recent versions of numcodecs have a switch for that too, older ones do not ask.
    """
    if codec.codec_id != "pickle":
        return codec.decode(data)
    if os.environ.get("ZARRCY_ALLOW_PICKLE", "") in ("", "0"):
        raise UnsafeCodecError("pickle")
    return pickle.loads(data)


def _whole(codec: Any) -> IntoDecoder:
    def decode_into(data: Buffer, out: NDArray[np.uint8]) -> None:
        # some codecs are told in their configuration what they decode to
        if (nbytes := getattr(codec, "decoded_nbytes", out.nbytes)) != out.nbytes:
            raise ValueError(f"it is configured for chunks of {nbytes} bytes")
        decoded = decode_whole(codec, data)
        flat = np.frombuffer(decoded, np.uint8) if not isinstance(decoded, np.ndarray) else decoded
        _put(np.ascontiguousarray(flat).reshape(-1).view(np.uint8), out)

    return decode_into


def _put(decoded: Any, out: NDArray[np.uint8]) -> None:
    if len(decoded) != out.nbytes:
        raise ValueError(f"decoded to {len(decoded)} bytes")
    out[:] = np.frombuffer(decoded, np.uint8)


def _sized(codec: Any, stated: Callable[[bytes, int], int | None]) -> IntoDecoder:
    """Decode what states its length in a header: `stated` finds it in the first bytes."""

    def decode_into(data: Buffer, out: NDArray[np.uint8]) -> None:
        if type(data) is not bytes:
            data = memoryview(data).cast("B")
        nbytes = stated(bytes(data[:18]), len(data))
        if nbytes != out.nbytes:
            raise ValueError(f"its header states {nbytes} decoded bytes")
        elif nbytes:
            codec.decode(data, out=out)

    return decode_into


def _blosc_nbytes(head: bytes, length: int) -> int:
    if length < 16:
        raise ValueError("shorter than the header of a Blosc frame")
    # the decoder trusts this length, and would read on behind the end of a truncated frame
    if (frame := int.from_bytes(head[12:16], "little")) > length:
        raise ValueError(f"truncated: its header states {frame} stored bytes")
    return int.from_bytes(head[4:8], "little")


def _lz4_nbytes(head: bytes, length: int) -> int:
    if length < 4:
        raise ValueError("shorter than its own header")
    return int.from_bytes(head[:4], "little")


def _zstd_nbytes(head: bytes, length: int) -> int | None:
    """The content size that a Zstandard frame states; None if it states none."""
    if head[:4] != _ZSTD_MAGIC or length < 6:
        raise ValueError("not a Zstandard frame")
    descriptor = head[4]
    single_segment = bool(descriptor & 0x20)
    at = 5 + (0 if single_segment else 1) + _ZSTD_DICT_BYTES[descriptor & 3]
    size_flag = descriptor >> 6
    n = _ZSTD_SIZE_BYTES[size_flag] or (1 if single_segment else 0)
    if n == 0:
        return None
    if length < at + n:
        raise ValueError("shorter than the header of a Zstandard frame")
    return int.from_bytes(head[at : at + n], "little") + (256 if n == 2 else 0)


STATED: dict[str, Callable[[bytes, int], int | None]] = {
    "blosc": _blosc_nbytes,
    "lz4": _lz4_nbytes,
    "zstd": _zstd_nbytes,
}
"""Of codecs whose bytes begin with a header: what finds the decoded length in the first 18 bytes, given the length
of all."""


def _zstd(codec: Any) -> IntoDecoder:
    sized = _sized(codec, _zstd_nbytes)

    def decode_into(data: Buffer, out: NDArray[np.uint8]) -> None:
        view = memoryview(data).cast("B")
        if _zstd_nbytes(bytes(view[:18]), len(view)) is None:
            # a frame that states no size is made to state the one that it must have: no version of the
            # decoder has to guess it, and none writes more
            data = _with_stated_nbytes(bytes(data), out.nbytes)
        sized(data, out)

    return decode_into


def _with_stated_nbytes(frame: bytes, nbytes: int) -> bytes:
    """Return a Zstandard frame that states its content size, made of one that states none."""
    descriptor = frame[4] | 0xC0
    at = 6 + _ZSTD_DICT_BYTES[descriptor & 3]
    return b"".join([frame[:4], bytes([descriptor]), frame[5:at], nbytes.to_bytes(8, "little"), frame[at:]])


def _streamed(new: Callable[[], Any]) -> IntoDecoder:
    def decode_into(data: Buffer, out: NDArray[np.uint8]) -> None:
        _put(decode_streams(new, data, out.nbytes), out)

    return decode_into


def decode_streams(new: Callable[[], Any], data: Buffer, most: int) -> bytes:
    """Decode a stream, or several one after the other, asking for one byte more than may come."""
    parts = []
    left = most + 1
    rest: Any = memoryview(data).cast("B") if not isinstance(data, bytes) else data
    while True:
        stream = new()
        part = stream.decompress(rest, left)
        parts.append(part)
        left -= len(part)
        if left == 0:
            raise ValueError(f"decoded to more than {most} bytes")
        if not stream.eof:
            raise ValueError(f"ended before its end, after {most + 1 - left} bytes")
        rest = stream.unused_data
        # what is left may be padding (gzip files of tapes have zeros), or one more stream
        if not rest.strip(b"\0"):
            break
    return parts[0] if len(parts) == 1 else b"".join(parts)
