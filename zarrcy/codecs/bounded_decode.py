"""Decode into memory of a known length: never more than that, and never less without an error.

Stored bytes state their own decoded length in a header. It comes from outside, so it is compared
with what the metadata promise before a decoder acts on it.
"""

from __future__ import annotations

import bz2
import lzma
import math
import pickle
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels, settings
from zarrcy.errors import UnsafeCodecError
from zarrcy.types import Buffer

IntoDecoder = Callable[[Buffer, NDArray[np.uint8]], None]
NewDecoder = Callable[[Buffer, int], NDArray[np.uint8]]

# How many bytes one byte can become, at most: in Deflate two bits repeat 258 bytes, in LZ4 one byte 255; a checksum
# takes some away.
_MOST_EXPANSION = {
    "zlib": 1032,
    "gzip": 1032,
    "lz4": 255,
    "crc32": 1,
    "crc32c": 1,
    "adler32": 1,
    "fletcher32": 1,
}
# Codecs that make objects, of which a few bytes may state any number: they never decode to the bytes of a chunk.
_OF_OBJECTS = ("vlen-utf8", "vlen-bytes", "vlen-array", "json2", "msgpack2")
# To look closer at what would become fewer bytes is not worth it.
_LITTLE = 2**20

# Sizes that a frame of Zstandard may state, by its descriptor (RFC 8878, section 3.1.1.1).
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_DICT_BYTES = (0, 1, 2, 4)
_ZSTD_SIZE_BYTES = (0, 2, 4, 8)
_ZSTD_RLE, _ZSTD_RESERVED = 1, 3
_ZSTD_BLOCK_NBYTES = 128 * 2**10


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


def new_decoder(codec: Any) -> NewDecoder:
    """Return a function that decodes to so many bytes, in memory of its own.

    Who calls it knows the length from no better source than the stored bytes themselves: memory is taken only
    where they can be so many once they are decoded. Of Blosc frames, which have 2 GiB at most, only the stated
    length is looked at. The function raises as that of `bounded_decoder` does.
    """
    name = str(codec.codec_id)
    decode_into = bounded_decoder(codec)
    if not is_own(codec) or (name not in STATED and (new_stream(codec) is None)):
        return _whole_new(codec)
    if name not in STATED and name not in _MOST_EXPANSION:
        return _streamed_new(codec)

    def decode(data: Buffer, nbytes: int) -> NDArray[np.uint8]:
        check_min_length(codec, data, nbytes)
        out = np.empty(nbytes, np.uint8)
        decode_into(data, out)
        return out

    return decode


def check_min_length(codec: Any, data: Buffer, nbytes: int) -> None:
    """Refuse bytes that do not decode to so many, as far as that is seen without memory for them.

    Raises
    ------
    ValueError : they do not
    """
    name = str(codec.codec_id)
    view = memoryview(data).cast("B")
    stated = STATED[name](bytes(view[:18]), len(view)) if name in STATED and is_own(codec) else None
    if stated is not None and stated != nbytes:
        raise ValueError(f"its header states {stated} decoded bytes")
    if is_own(codec) and nbytes > _LITTLE and nbytes > (most := _most_nbytes(name, view)):
        raise ValueError(f"{len(view)} bytes, which decode to no more than {most}")


def _most_nbytes(name: str, view: memoryview) -> float:
    """Return how many bytes stored bytes can decode to, at most."""
    if name == "zstd":
        return zstd_most_nbytes(view)
    return len(view) * _MOST_EXPANSION.get(name, math.inf)


def _streamed_new(codec: Any) -> NewDecoder:
    new = new_stream(codec)
    assert new is not None, "a codec of the standard library"

    def decode(data: Buffer, nbytes: int) -> NDArray[np.uint8]:
        # what the decoder makes grows as it goes
        decoded = decode_streams(new, data, nbytes)
        if len(decoded) != nbytes:
            raise ValueError(f"decoded to {len(decoded)} bytes")
        return np.frombuffer(decoded, np.uint8)

    return decode


def _whole_new(codec: Any) -> NewDecoder:
    def decode(data: Buffer, nbytes: int) -> NDArray[np.uint8]:
        decoded = _as_bytes(codec, data, nbytes)
        if len(decoded) != nbytes:
            raise ValueError(f"decoded to {len(decoded)} bytes")
        return decoded

    return decode


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
    lane = _kernels.native
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
    if not settings.ALLOW_PICKLE.value():
        raise UnsafeCodecError("pickle")
    return pickle.loads(data)


def _whole(codec: Any) -> IntoDecoder:
    def decode_into(data: Buffer, out: NDArray[np.uint8]) -> None:
        _put(_as_bytes(codec, data, out.nbytes), out)

    return decode_into


def _as_bytes(codec: Any, data: Buffer, nbytes: int) -> NDArray[np.uint8]:
    """Return what a codec decodes to, of which only its configuration may tell that it is so many bytes."""
    if (configured := getattr(codec, "decoded_nbytes", nbytes)) != nbytes:
        raise ValueError(f"it is configured for chunks of {configured} bytes")
    if codec.codec_id in _OF_OBJECTS and is_own(codec):
        raise ValueError(f"{codec.codec_id!r} decodes to objects, not to {nbytes} bytes")
    decoded = decode_whole(codec, data)
    flat = np.frombuffer(decoded, np.uint8) if not isinstance(decoded, np.ndarray) else decoded
    return np.ascontiguousarray(flat).reshape(-1).view(np.uint8)


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
    at, n = _zstd_header(head[4])
    if n == 0:
        return None
    if length < at + n:
        raise ValueError("shorter than the header of a Zstandard frame")
    return int.from_bytes(head[at : at + n], "little") + (256 if n == 2 else 0)


def _zstd_header(descriptor: int) -> tuple[int, int]:
    """Return where a Zstandard frame has its content size, and in how many bytes: none where it states none."""
    single_segment = bool(descriptor & 0x20)
    at = 5 + (0 if single_segment else 1) + _ZSTD_DICT_BYTES[descriptor & 3]
    return at, _ZSTD_SIZE_BYTES[descriptor >> 6] or (1 if single_segment else 0)


STATED: dict[str, Callable[[bytes, int], int | None]] = {
    "blosc": _blosc_nbytes,
    "lz4": _lz4_nbytes,
    "zstd": _zstd_nbytes,
}
"""Of codecs whose bytes begin with a header: what finds the decoded length in the first 18 bytes, given the length
of all."""


def zstd_most_nbytes(view: memoryview) -> int:
    """Return the most bytes that a Zstandard frame can decode to, by its blocks.

    Source: RFC 8878, section 3.1.1.2. Raises ValueError where the frame leaves the bytes.
    """
    at, n = _zstd_header(view[4])
    at += n
    total, last = 0, False
    while not last:
        if at + 3 > len(view):
            raise ValueError("truncated: it ends before its last block")
        head = int.from_bytes(view[at : at + 3], "little")
        last, kind, size = bool(head & 1), head >> 1 & 3, head >> 3
        if kind == _ZSTD_RESERVED or size > _ZSTD_BLOCK_NBYTES:
            raise ValueError("a block of a kind or size that there is not")
        total += _ZSTD_BLOCK_NBYTES if kind > _ZSTD_RLE else size
        at += 3 + (1 if kind == _ZSTD_RLE else size)
    return total


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
