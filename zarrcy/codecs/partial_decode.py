"""Decode parts of a stored chunk: generators that yield byte ranges and receive their bytes.

A generator yields lists of spans and is sent the bytes of each. The reader that drives it knows the store, and
does not know codecs. The generator returns None if the requested blocks of the chunk are in the memory that it
was given. If a value cannot be read in parts (a frame that cannot be cut, a value that is too short), the
generator requests the whole value and returns it, and the reader decodes it as usual.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from zarrcy.types import Buffer, Span

PartialRead: TypeAlias = Generator[list[Span], list[Buffer], Buffer | None]
Touched: TypeAlias = Callable[[int], list[tuple[int, int]]]
"""Takes a block size in bytes; returns the runs of requested blocks as ``(first, last + 1)``."""

Memory: TypeAlias = Callable[[], NDArray[np.uint8]]

WHOLE: Span = (0, None)


def read_raw(
    touched: Touched,
    nbytes: int,
    memory: Memory,
    stored_nbytes: int | None,
    part_nbytes: int,
) -> PartialRead:
    """Read parts of a chunk that is stored without codecs.

    Parameters
    ----------
    touched : Touched
        Returns the requested blocks.
    nbytes : int
        Length of the chunk, in bytes.
    memory : Memory
        Returns the flat chunk to read into.
    stored_nbytes : int or None
        Length of the stored value, in bytes; None if the store does not know it.
    part_nbytes : int
        Unit of the parts, in bytes.
    """
    if stored_nbytes in (None, nbytes):
        wanted = [
            (first * part_nbytes, min(last * part_nbytes, nbytes) - first * part_nbytes)
            for first, last in touched(part_nbytes)
        ]
        # reading more than half of a chunk in pieces takes longer than reading all of it
        parts = (yield [*wanted]) if 2 * sum(length for _, length in wanted) <= nbytes else []
        if [len(part) for part in parts] == [length for _, length in wanted]:
            chunk = memory()
            for (start, length), part in zip(wanted, parts, strict=True):
                chunk[start : start + length] = np.frombuffer(part, np.uint8)
            return None
    (stored,) = yield [WHOLE]
    return stored


# A Blosc-1 frame: a header, the offset of each block, and the blocks, in any order. Source:
# c-blosc 1.21, README_CHUNK_FORMAT.rst.
_HEADER = struct.Struct("<BBBBIII")
_BLOSC1 = 2
_MEMCPYED = 0x02
_NOT_SPLIT = 0x10
# An incompressible block is stored uncompressed, with four bytes before each of its streams.
_MOST_STREAMS_NBYTES = 4 * 255


@dataclass(frozen=True, slots=True)
class BloscFrame:
    """Header and block offsets of a Blosc-1 frame, checked."""

    version: int
    inner_version: int
    flags: int
    typesize: int
    nbytes: int
    block_nbytes: int
    spans: list[tuple[int, int]]
    """Byte range of each block: start and length."""

    @classmethod
    def parse(cls, head: Buffer, nbytes: int) -> BloscFrame | int | None:
        """Parse the beginning of a frame that must decode to `nbytes` bytes.

        Returns
        -------
        BloscFrame or int or None
            The frame; the length of the header if `head` is shorter; or None for a frame that can only be
            decoded as a whole.
        """
        if len(head) < _HEADER.size:
            return None
        version, inner, flags, typesize, stated, block_nbytes, stored = _HEADER.unpack_from(head)
        if version != _BLOSC1 or flags & _MEMCPYED or stated != nbytes or not 0 < block_nbytes < nbytes:
            return None
        n_blocks = -(-nbytes // block_nbytes)
        first = _HEADER.size + 4 * n_blocks
        if first > stored:
            return None
        if len(head) < first:
            return int(first)
        starts = np.frombuffer(head, "<u4", n_blocks, _HEADER.size).tolist()
        # a compressor with several threads writes blocks in the order in which they finish
        edges = [*sorted(starts), stored]
        ends = dict(pairwise(edges))
        spans = [(start, ends[start] - start) for start in starts]
        most = block_nbytes + _MOST_STREAMS_NBYTES
        if edges[0] < first or len(ends) != n_blocks or not all(0 < length <= most for _, length in spans):
            return None
        return cls(version, inner, flags, typesize, nbytes, block_nbytes, spans)

    def decode(
        self,
        decode: Callable[[Buffer, NDArray[np.uint8]], None],
        runs: list[tuple[int, int]],
        blocks: list[Buffer],
        chunk: NDArray[np.uint8],
    ) -> bool:
        """Decode runs of blocks to their places in a chunk; return False if one is damaged."""
        remaining = iter(blocks)
        for first, last in runs:
            place = chunk[first * self.block_nbytes : last * self.block_nbytes]
            try:
                decode(self.with_blocks(first, list(islice(remaining, last - first))), place)
            except (ValueError, RuntimeError):
                # decoding the whole frame reports the damage
                return False
        return True

    def with_blocks(self, first: int, blocks: list[Buffer]) -> bytes:
        """Return a valid Blosc frame of consecutive blocks, beginning with number `first`.

        Blocks are independent of one another. Only the last block of a frame may be shorter. If it is the only
        one, its length is the block size of the new frame, which is flagged as not split like full blocks.
        """
        nbytes = min((first + len(blocks)) * self.block_nbytes, self.nbytes) - first * self.block_nbytes
        flags, block_nbytes = self.flags, self.block_nbytes
        if nbytes < block_nbytes:
            flags, block_nbytes = flags | _NOT_SPLIT, nbytes
        at = _HEADER.size + 4 * len(blocks)
        starts = []
        for block in blocks:
            starts.append(at)
            at += len(block)
        head = _HEADER.pack(self.version, self.inner_version, flags, self.typesize, nbytes, block_nbytes, at)
        return b"".join([head, struct.pack(f"<{len(starts)}I", *starts), *blocks])


def read_blosc(
    decode: Callable[[Buffer, NDArray[np.uint8]], None],
    touched: Touched,
    nbytes: int,
    memory: Memory,
    part_nbytes: int,
) -> PartialRead:
    """Read and decode the requested blocks of a Blosc frame.

    Parameters
    ----------
    decode : callable
        Decodes a frame into memory of its decoded length.
    touched, nbytes, memory
        See `read_raw`.
    part_nbytes : int
        Number of bytes that are requested first, for the header.
    """
    (head,) = yield [(0, part_nbytes)]
    frame = BloscFrame.parse(head, nbytes)
    if isinstance(frame, int):
        (head,) = yield [(0, frame)]
        frame = BloscFrame.parse(head, nbytes)
    if isinstance(frame, BloscFrame):
        runs = touched(frame.block_nbytes)
        wanted = [span for first, last in runs for span in frame.spans[first:last]]
        if len(wanted) < len(frame.spans):
            # read the head again: if it changed, another process replaced the value in the meantime
            head = head[: _HEADER.size + 4 * len(frame.spans)]
            again, *parts = yield [(0, len(head)), *wanted]
            if again == head and frame.decode(decode, runs, parts, memory()):
                return None
    (stored,) = yield [WHOLE]
    return stored
