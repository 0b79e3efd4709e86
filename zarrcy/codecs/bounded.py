"""Decode into memory of a known length: never more than that, and never less without an error.

Stored bytes state their own decoded length in a header. It comes from outside, so it is compared
with what the metadata promise before a decoder acts on it.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels
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
    find = {
        "blosc": lambda: _sized(codec, _blosc_nbytes),
        "zstd": lambda: _zstd(codec),
        "lz4": lambda: _sized(codec, _lz4_nbytes),
        "zlib": lambda: _streamed(zlib.decompressobj),
        "gzip": lambda: _streamed(lambda: zlib.decompressobj(wbits=31)),
        "bz2": lambda: _streamed(bz2.BZ2Decompressor),
        "lzma": lambda: _streamed(
            lambda: lzma.LZMADecompressor(
                format=codec.format, filters=codec.filters if codec.format == lzma.FORMAT_RAW else None
            )
        ),
    }
    make = find.get(str(codec.codec_id))
    if make is None or not is_own(codec):
        return _whole(codec)
    native = _native.get(str(codec.codec_id))
    return make() if native is None else _first_by(native, make())


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


def check_frame(codec: Any, data: Buffer) -> None:
    """Refuse bytes that make a decoder read beyond their end. Raises ValueError."""
    if codec.codec_id == "blosc":
        view = memoryview(data).cast("B")
        _blosc_nbytes(bytes(view[:16]), view.nbytes)


def _whole(codec: Any) -> IntoDecoder:
    def decode_into(data: Buffer, out: NDArray[np.uint8]) -> None:
        decoded = codec.decode(data)
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
    """Decode a stream, or several one after the other, asking for one byte more than may come."""

    def decode_into(data: Buffer, out: NDArray[np.uint8]) -> None:
        parts = []
        left = out.nbytes + 1
        rest: Any = memoryview(data).cast("B") if not isinstance(data, bytes) else data
        while True:
            stream = new()
            part = stream.decompress(rest, left)
            parts.append(part)
            left -= len(part)
            if left == 0:
                raise ValueError(f"decoded to more than {out.nbytes} bytes")
            if not stream.eof:
                raise ValueError(f"ended before its end, after {out.nbytes + 1 - left} bytes")
            rest = stream.unused_data
            # what is left may be padding (gzip files of tapes have zeros), or one more stream
            if not rest.strip(b"\0"):
                break
        _put(parts[0] if len(parts) == 1 else b"".join(parts), out)

    return decode_into
