"""Decode into memory of a known length. Any other length of the output is an error.

Stored bytes state their decoded length in a header. The header is not trusted: the length is compared with that
of a chunk before a decoder uses it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels, settings
from zarrcy.codecs.elements import as_elements
from zarrcy.codecs.typed_blosc import decode, is_own
from zarrcy.errors import UnsafeCodecError
from zarrcy.types import Buffer, Codec

IntoDecoder = Callable[[Buffer, NDArray[np.uint8]], None]
NewDecoder = Callable[[Buffer, int], NDArray[np.uint8]]


class _Stream(Protocol):
    """A decompressor of the standard library."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: Buffer, max_length: int, /) -> bytes: ...


class _NativeDecoder(Protocol):
    """A decoder of the compiled kernels."""

    def decode_into(self, data: Buffer, out: NDArray[np.uint8], /) -> bool: ...


# Most decoded bytes per stored byte: in Deflate two bits repeat 258 bytes, in LZ4 one byte 255; a checksum is
# removed.
_MOST_EXPANSION = {
    "zlib": 1032,
    "gzip": 1032,
    "lz4": 255,
    "crc32": 1,
    "crc32c": 1,
    "adler32": 1,
    "fletcher32": 1,
}
# Codecs that decode to objects, never to the bytes of a chunk; a few stored bytes may state any number of objects.
_OBJECT_CODECS = ("vlen-utf8", "vlen-bytes", "vlen-array", "json2", "msgpack2")
# Chunks of at most this many bytes are allocated without a check of the stored bytes.
_UNCHECKED_NBYTES = 2**20

# Lengths of the fields of a Zstandard frame header, by its descriptor (RFC 8878, section 3.1.1.1).
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_DICT_BYTES = (0, 1, 2, 4)
_ZSTD_SIZE_BYTES = (0, 2, 4, 8)
_ZSTD_RLE, _ZSTD_RESERVED = 1, 3
_ZSTD_BLOCK_NBYTES = 128 * 2**10
# Flags and limits of Blosc-1 frames.
_BLOSC_COPIED, _BLOSC_NOT_SPLIT = 0x02, 0x10
_BLOSC_MOST_STREAMS, _BLOSC_LEAST_STREAM = 16, 128
# Input of a stream that follows another one, at first.
_FIRST_PIECE_NBYTES = 64


def bounded_decoder(codec: Codec) -> IntoDecoder:
    """Return a function that decodes with `codec` into memory of the decoded length.

    The function raises ValueError if the bytes decode to another length, and the error of the codec if they do
    not decode.
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
    native = native_decoders.get(name)
    return general if native is None else _native_first(native, general)


def new_decoder(codec: Codec) -> NewDecoder:
    """Return a function that decodes to a given number of bytes, in new memory.

    The caller may know the number from the stored bytes only, so the function allocates memory after it checked
    that the stored bytes can decode to it. For Blosc frames, which have at most 2 GiB, it checks the stated
    length only. The function raises the errors of that of `bounded_decoder`.
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


def check_min_length(codec: Codec, data: Buffer, nbytes: int) -> None:
    """Check, without decoding, that stored bytes can decode to `nbytes` bytes.

    Raises
    ------
    ValueError
        If they cannot.
    """
    name = str(codec.codec_id)
    view = memoryview(data).cast("B")
    stated = STATED[name](bytes(view[:18]), len(view)) if name in STATED and is_own(codec) else None
    if stated is not None and stated != nbytes:
        raise ValueError(f"its header states {stated} decoded bytes")
    if is_own(codec) and nbytes > _UNCHECKED_NBYTES and nbytes > (most := _most_nbytes(name, view)):
        raise ValueError(f"{len(view)} bytes, which decode to at most {most}")


def _most_nbytes(name: str, view: memoryview) -> float:
    """Return the largest length that stored bytes can decode to."""
    if name == "zstd":
        return zstd_most_nbytes(view)
    return len(view) * _MOST_EXPANSION.get(name, math.inf)


def _streamed_new(codec: Codec) -> NewDecoder:
    new = new_stream(codec)
    assert new is not None, "the caller checks that the standard library has the decoder"

    def decode(data: Buffer, nbytes: int) -> NDArray[np.uint8]:
        # the memory of the output grows with it
        decoded = decode_streams(new, data, nbytes)
        if len(decoded) != nbytes:
            raise ValueError(f"decoded to {len(decoded)} bytes")
        return np.frombuffer(decoded, np.uint8)

    return decode


def _whole_new(codec: Codec) -> NewDecoder:
    def decode(data: Buffer, nbytes: int) -> NDArray[np.uint8]:
        decoded = _as_bytes(codec, data, nbytes)
        if len(decoded) != nbytes:
            raise ValueError(f"decoded to {len(decoded)} bytes")
        return decoded

    return decode


def _native_first(native: _NativeDecoder, general: IntoDecoder) -> IntoDecoder:
    """Return a decoder of the kernels. If it fails, the codec itself decodes again and reports the error."""

    def decode_into(data: Buffer, out: NDArray[np.uint8]) -> None:
        if not native.decode_into(data, out):
            general(data, out)

    return decode_into


def _native_decoders() -> dict[str, _NativeDecoder]:
    """Return the decoders of the kernels by the names of their codecs."""
    native = _kernels.native
    return {} if native is None else {name: native.Decoder(name) for name in native.CODECS if name != "raw"}


native_decoders = _native_decoders()


def new_stream(codec: Codec) -> Callable[[], _Stream] | None:
    """Return the constructor of the standard library's decompressor for a codec; None if it has none."""
    # imported here: few arrays have these codecs, or chunks of them that the kernels cannot decode
    match str(codec.codec_id):
        case "zlib":
            return _zlib_stream
        case "gzip":
            return _gzip_stream
        case "bz2":
            import bz2

            return bz2.BZ2Decompressor
        case "lzma":
            import lzma

            format_number = codec.get_config()["format"]
            filters = codec.get_config()["filters"] if format_number == lzma.FORMAT_RAW else None
            return lambda: lzma.LZMADecompressor(format=format_number, filters=filters)
    return None


def _zlib_stream() -> _Stream:
    import zlib

    return zlib.decompressobj()


def _gzip_stream() -> _Stream:
    import zlib

    return zlib.decompressobj(wbits=31)


def decode_whole(codec: Codec, data: Buffer) -> Buffer:
    """Decode with any codec. Unpickling, which can run code in the data, must be allowed in the settings.

    Recent versions of numcodecs have a switch for it too; older ones always unpickle.

    Raises
    ------
    UnsafeCodecError
        If the codec is ``pickle`` and the settings do not allow it.
    """
    if codec.codec_id != "pickle":
        return decode(codec, data)
    if not settings.ALLOW_PICKLE.value():
        raise UnsafeCodecError("pickle")
    import pickle

    return pickle.loads(data)


def _whole(codec: Codec) -> IntoDecoder:
    def decode_into(data: Buffer, out: NDArray[np.uint8]) -> None:
        _put(_as_bytes(codec, data, out.nbytes), out)

    return decode_into


def _as_bytes(codec: Codec, data: Buffer, nbytes: int) -> NDArray[np.uint8]:
    """Return the output of a codec as bytes, after a check of its configuration against `nbytes`."""
    if (configured := getattr(codec, "decoded_nbytes", nbytes)) != nbytes:
        raise ValueError(f"it is configured for chunks of {configured} bytes")
    if codec.codec_id in _OBJECT_CODECS and is_own(codec):
        raise ValueError(f"{codec.codec_id!r} decodes to objects, not to {nbytes} bytes")
    decoded = decode_whole(codec, data)
    return as_elements(decoded, np.dtype(np.uint8))


def _put(decoded: Buffer, out: NDArray[np.uint8]) -> None:
    if len(decoded) != out.nbytes:
        raise ValueError(f"decoded to {len(decoded)} bytes")
    out[:] = np.frombuffer(decoded, np.uint8)


def _sized(codec: Codec, stated: Callable[[bytes, int], int | None]) -> IntoDecoder:
    """Return a decoder of bytes with a header, from whose first bytes `stated` reads the decoded length."""

    def decode_into(data: Buffer, out: NDArray[np.uint8]) -> None:
        if type(data) is not bytes:
            data = memoryview(data).cast("B")
        nbytes = stated(bytes(data[:18]), len(data))
        if nbytes != out.nbytes:
            raise ValueError(f"its header states {nbytes} decoded bytes")
        elif nbytes:
            if codec.codec_id == "blosc":
                check_blosc_streams(data)
            decode(codec, data, out)

    return decode_into


def _blosc_nbytes(head: bytes, length: int) -> int:
    if length < 16:
        raise ValueError("shorter than the header of a Blosc frame")
    # the decoder trusts this length, and would read beyond the end of a truncated frame
    if (frame := int.from_bytes(head[12:16], "little")) > length:
        raise ValueError(f"truncated: its header states {frame} stored bytes")
    return int.from_bytes(head[4:8], "little")


def _lz4_nbytes(head: bytes, length: int) -> int:
    if length < 4:
        raise ValueError("shorter than its own header")
    return int.from_bytes(head[:4], "little")


def _zstd_nbytes(head: bytes, length: int) -> int | None:
    """Return the content size that a Zstandard frame states; None if it does not state one."""
    if head[:4] != _ZSTD_MAGIC or length < 6:
        raise ValueError("not a Zstandard frame")
    at, n = _zstd_header(head[4])
    if n == 0:
        return None
    if length < at + n:
        raise ValueError("shorter than the header of a Zstandard frame")
    return int.from_bytes(head[at : at + n], "little") + (256 if n == 2 else 0)


def _zstd_header(descriptor: int) -> tuple[int, int]:
    """Return the position and length of the content size in a Zstandard frame header; the length may be 0."""
    single_segment = bool(descriptor & 0x20)
    at = 5 + (0 if single_segment else 1) + _ZSTD_DICT_BYTES[descriptor & 3]
    return at, _ZSTD_SIZE_BYTES[descriptor >> 6] or (1 if single_segment else 0)


STATED: dict[str, Callable[[bytes, int], int | None]] = {
    "blosc": _blosc_nbytes,
    "lz4": _lz4_nbytes,
    "zstd": _zstd_nbytes,
}
"""For codecs whose output begins with a header: functions that take its first 18 bytes and the length of the output,
and return the decoded length."""


def zstd_most_nbytes(view: memoryview) -> int:
    """Return the largest length that a Zstandard frame can decode to, from its block headers.

    Source: RFC 8878, section 3.1.1.2.

    Raises
    ------
    ValueError
        If the frame is truncated, or a block header is invalid.
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
            raise ValueError(f"a block of type {kind} and {size} bytes; Zstandard has no such block")
        total += _ZSTD_BLOCK_NBYTES if kind > _ZSTD_RLE else size
        at += 3 + (1 if kind == _ZSTD_RLE else size)
    return total


def _zstd(codec: Codec) -> IntoDecoder:
    sized = _sized(codec, _zstd_nbytes)

    def decode_into(data: Buffer, out: NDArray[np.uint8]) -> None:
        view = memoryview(data).cast("B")
        if _zstd_nbytes(bytes(view[:18]), len(view)) is None:
            # state the size of a chunk in the frame: then no version of the decoder guesses it or writes
            # more
            data = _with_stated_nbytes(bytes(data), out.nbytes)
        sized(data, out)

    return decode_into


def _with_stated_nbytes(frame: bytes, nbytes: int) -> bytes:
    """Return a Zstandard frame with its content size added to the header."""
    descriptor = frame[4] | 0xC0
    at = 6 + _ZSTD_DICT_BYTES[descriptor & 3]
    return b"".join([frame[:4], bytes([descriptor]), frame[5:at], nbytes.to_bytes(8, "little"), frame[at:]])


def _streamed(new: Callable[[], _Stream]) -> IntoDecoder:
    def decode_into(data: Buffer, out: NDArray[np.uint8]) -> None:
        _put(decode_streams(new, data, out.nbytes), out)

    return decode_into


def decode_streams(new: Callable[[], _Stream], data: Buffer, most: int) -> bytes:
    """Decode one stream, or several in a row, to at most `most` bytes.

    A decompressor copies the input that follows its stream. So the streams after the first get pieces, each twice as
    long as the one before: the work is linear in the stored bytes, however many streams there are.

    Raises
    ------
    ValueError
        If the streams decode to more bytes, or are truncated.
    """
    parts = []
    left = most + 1  # one more byte than allowed, to detect an excess
    view = memoryview(data).cast("B")
    at, piece_nbytes = 0, max(1, len(view))
    end: int | None = None
    while True:
        stream = new()
        while not stream.eof:
            piece = view[at : at + piece_nbytes]
            part = stream.decompress(piece, left)
            parts.append(part)
            left -= len(part)
            if left == 0:
                raise ValueError(f"decoded to more than {most} bytes")
            at += len(piece)
            piece_nbytes *= 2
            if at == len(view) and not stream.eof:
                raise ValueError(f"truncated: it ends after {most + 1 - left} decoded bytes")
        at -= len(stream.unused_data)
        # the remaining bytes are padding (gzip files from tapes end with zeros), or one more stream
        if end is None:
            end = at + len(bytes(view[at:]).rstrip(b"\0"))
        if at >= end:
            break
        piece_nbytes = _FIRST_PIECE_NBYTES
    return parts[0] if len(parts) == 1 else b"".join(parts)


def check_blosc_streams(frame: Buffer) -> None:
    """Check that the streams of a Blosc frame do not share stored bytes.

    A short frame of many blocks that share the same long stream would take very long to decode. Source of the layout:
    c-blosc 1.21, README_CHUNK_FORMAT.rst.

    Raises
    ------
    ValueError
        If streams overlap, or are not in the frame.
    """
    stored = np.frombuffer(frame, np.uint8)
    head = bytes(stored[:16])
    flags, typesize = head[2], head[3]
    nbytes, block_nbytes, length = (int.from_bytes(head[at : at + 4], "little") for at in (4, 8, 12))
    if flags & _BLOSC_COPIED or nbytes == 0:
        return
    n_blocks = -(-nbytes // max(1, block_nbytes))
    if 16 + 4 * n_blocks > length:
        raise ValueError(f"a Blosc frame of {length} bytes can't have {n_blocks} blocks")
    at = np.frombuffer(frame, "<u4", n_blocks, 16).astype(np.int64)
    splits = not flags & _BLOSC_NOT_SPLIT and 0 < typesize <= _BLOSC_MOST_STREAMS
    n_streams = typesize if splits and block_nbytes // typesize >= _BLOSC_LEAST_STREAM else 1
    used = 0
    for number in range(n_streams):
        if number == 1 and nbytes % block_nbytes:
            # a last block that is shorter has one stream
            at = at[:-1]
        if at.size and int(at.max()) + 4 > length:
            raise ValueError("a block is not in its Blosc frame")
        lengths = sum(stored[at + byte].astype(np.int64) << 8 * byte for byte in range(4))
        used += int(np.sum(lengths))
        at = at + 4 + lengths
        if used > length:
            raise ValueError("blocks of a Blosc frame share stored bytes")
