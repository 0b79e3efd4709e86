"""LZ4 as Java programs store it: blocks with the magic bytes ``LZ4Block``, lengths and a checksum each.

N5 uses it for its compression "lz4". Source: the format of ``LZ4BlockOutputStream`` in lz4-java, and the specification
of XXH32 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md). A block has a header of 21 bytes: the magic bytes, a byte
with the method and the binary logarithm of the block size, the stored and the decoded length, and 28 bits of the XXH32
of the decoded bytes, in little-endian order. A block of length 0 ends the data.
"""

from __future__ import annotations

import struct

import numpy as np
from numcodecs import lz4
from numcodecs.abc import Codec
from numcodecs.compat import ensure_contiguous_ndarray, ndarray_copy
from numcodecs.registry import codec_registry, register_codec
from numpy.typing import NDArray

from zarrcy.types import JSON, Buffer

BLOCK_NBYTES = 2**16
LEAST_BLOCK_NBYTES, MOST_BLOCK_NBYTES = 64, 2**25
_MAGIC = b"LZ4Block"
_HEADER = struct.Struct("<8sBIII")
_RAW, _LZ4, _METHODS = 0x10, 0x20, 0xF0
_LEVEL_BASE = 10
_SEED, _MASK = 0x9747B28C, 0x0FFFFFFF
# Most decoded bytes per stored byte.
_MOST_EXPANSION = 255
_P1, _P2, _P3, _P4, _P5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
_BITS = 0xFFFFFFFF


class Lz4Blocks(Codec):  # type: ignore[misc]
    """Encode bytes as LZ4 blocks of Java, and decode them.

    Parameters
    ----------
    block_size : int, optional
        Length of the blocks before compression, in bytes: from 64 to 2**25. The last block may be shorter.

    Raises
    ------
    ValueError
        If the length is out of range.

    Examples
    --------
    >>> codec = Lz4Blocks()
    >>> bytes(codec.decode(codec.encode(b"abc" * 100)))[:6], len(codec.encode(b"abc" * 100))
    (b'abcabc', 56)
    """

    codec_id = "n5_lz4"

    def __init__(self, block_size: int = BLOCK_NBYTES) -> None:
        if not LEAST_BLOCK_NBYTES <= block_size <= MOST_BLOCK_NBYTES:
            raise ValueError(
                f"block_size is {block_size}; it must be from {LEAST_BLOCK_NBYTES} to {MOST_BLOCK_NBYTES}"
            )
        self.block_size = block_size

    def get_config(self) -> dict[str, JSON]:
        """Return the configuration of the codec.

        Returns
        -------
        dict
            The ``id`` and the block size.
        """
        return {"id": self.codec_id, "block_size": self.block_size}

    def encode(self, buf: Buffer) -> bytes:
        """Return the blocks.

        Parameters
        ----------
        buf : bytes-like
            The bytes.

        Returns
        -------
        bytes
            The blocks, and the block of length 0.
        """
        data = memoryview(ensure_contiguous_ndarray(buf)).cast("B")
        level = max(0, (self.block_size - 1).bit_length() - _LEVEL_BASE)
        blocks = [data[at : at + self.block_size] for at in range(0, len(data), self.block_size)]
        parts: list[Buffer] = []
        for block, checksum in zip(blocks, _checksums(blocks), strict=True):
            # numcodecs puts the decoded length before the compressed bytes
            stored = memoryview(lz4.compress(block))[4:]
            method = _LZ4
            if len(stored) >= len(block):
                stored, method = block, _RAW
            parts += [_HEADER.pack(_MAGIC, method | level, len(stored), len(block), checksum), stored]
        return b"".join([*parts, _HEADER.pack(_MAGIC, _RAW | level, 0, 0, 0)])

    def decode(self, buf: Buffer, out: Buffer | None = None) -> Buffer:
        """Return the bytes of the blocks.

        Parameters
        ----------
        buf : bytes-like
            The blocks.
        out : bytes-like, optional
            Memory to decode into.

        Returns
        -------
        bytes-like
            The bytes, or `out` if it is given.

        Raises
        ------
        ValueError
            If a block is damaged.
        """
        data = memoryview(ensure_contiguous_ndarray(buf)).cast("B")
        blocks, expected, at = [], [], 0
        while at < len(data):
            if len(data) - at < _HEADER.size:
                raise ValueError(f"{len(data) - at} bytes are shorter than the header of an LZ4 block")
            magic, token, n_stored, n_decoded, checksum = _HEADER.unpack_from(data, at)
            if magic != _MAGIC:
                raise ValueError("an LZ4 block of Java begins with 'LZ4Block'; these bytes do not")
            at += _HEADER.size
            if not n_decoded:
                # the end of one stream; several may follow each other
                continue
            stored = data[at : at + n_stored]
            at += n_stored
            blocks.append(_decoded(token & _METHODS, stored, n_stored, n_decoded))
            expected.append(checksum)
        for number, (stated, found) in enumerate(zip(expected, _checksums(blocks), strict=True)):
            if stated != found:
                raise ValueError(
                    f"the checksum of LZ4 block {number} is {found:#x}, its header states {stated:#x}"
                )
        return ndarray_copy(b"".join(blocks), out)


def _decoded(method: int, stored: memoryview, n_stored: int, n_decoded: int) -> Buffer:
    if len(stored) != n_stored:
        raise ValueError(f"truncated: an LZ4 block of {n_stored} bytes has only {len(stored)}")
    if method == _RAW:
        if n_stored != n_decoded:
            raise ValueError(
                f"an LZ4 block that is not compressed states the lengths {n_stored} and {n_decoded}"
            )
        return stored
    if method != _LZ4:
        raise ValueError(f"an LZ4 block states the method {method:#x}; it must be 0x10 or 0x20")
    if n_decoded > min(MOST_BLOCK_NBYTES, _MOST_EXPANSION * n_stored):
        raise ValueError(f"an LZ4 block of {n_stored} bytes states {n_decoded} decoded bytes")
    decoded: Buffer = lz4.decompress(n_decoded.to_bytes(4, "little") + stored)
    return decoded


def _checksums(blocks: list[Buffer]) -> list[int]:
    """Return the checksum of each block: 28 bits of XXH32.

    The checksum is computed for all blocks of one length at once: a loop over their words, not over their bytes.
    """
    found = [0] * len(blocks)
    by_length: dict[int, list[int]] = {}
    for number, block in enumerate(blocks):
        by_length.setdefault(len(block), []).append(number)
    for length, numbers in by_length.items():
        rows = np.frombuffer(b"".join(blocks[number] for number in numbers), np.uint8)
        for number, checksum in zip(numbers, _xxh32(rows.reshape(-1, length)), strict=True):
            found[number] = int(checksum) & _MASK
    return found


def _xxh32(rows: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the XXH32 of each row."""
    n_rows, length = rows.shape
    n_stripes = length // 16
    if n_stripes:
        seeds = [(_SEED + add) & _BITS for add in (_P1 + _P2, _P2, 0, -_P1)]
        lanes = np.tile(np.array(seeds, np.uint32), (n_rows, 1))
        words = np.ascontiguousarray(rows[:, : 16 * n_stripes]).view("<u4").astype(np.uint32)
        # the first axis is that of the loop
        stripes = np.ascontiguousarray(words.reshape(n_rows, n_stripes, 4).transpose(1, 0, 2)) * np.uint32(
            _P2
        )
        high, prime, left, right = np.empty_like(lanes), np.uint32(_P1), np.uint32(13), np.uint32(19)
        for stripe in stripes:
            lanes += stripe
            np.left_shift(lanes, left, out=high)
            lanes >>= right
            lanes |= high
            lanes *= prime
        turned = [_rotated(lanes[:, lane], turn) for lane, turn in enumerate((1, 7, 12, 18))]
        state = turned[0] + turned[1] + turned[2] + turned[3]
    else:
        state = np.full(n_rows, (_SEED + _P5) & _BITS, np.uint32)
    state += np.uint32(length)
    at = 16 * n_stripes
    while length - at >= 4:
        word = np.ascontiguousarray(rows[:, at : at + 4]).view("<u4")[:, 0].astype(np.uint32)
        state = _rotated(state + word * np.uint32(_P3), 17) * np.uint32(_P4)
        at += 4
    for column in range(at, length):
        state = _rotated(state + rows[:, column].astype(np.uint32) * np.uint32(_P5), 11) * np.uint32(_P1)
    for turn, factor in ((15, _P2), (13, _P3)):
        state ^= state >> np.uint32(turn)
        state *= np.uint32(factor)
    return state ^ (state >> np.uint32(16))


def _rotated(values: NDArray[np.uint32], turn: int) -> NDArray[np.uint32]:
    return (values << np.uint32(turn)) | (values >> np.uint32(32 - turn))


if Lz4Blocks.codec_id not in codec_registry:
    register_codec(Lz4Blocks)
