"""Read parts of a stored chunk: generators that ask for spans of its bytes, and get them.

A generator yields lists of spans and is sent what stands there; whoever drives it knows the store, and
nothing of codecs. It returns None when the wanted blocks of the chunk are in the memory that it was given.
Whatever is odd - a frame that can't be cut, a value that is too short - it leaves to the usual way: it asks
for the whole value, and returns it.
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
"""Given the size of a block in bytes: the runs of blocks, ``(first, one behind the last)``, that are wanted."""

Memory: TypeAlias = Callable[[], NDArray[np.uint8]]

WHOLE: Span = (0, None)
_PAGE = 4096


def read_raw(touched: Touched, nbytes: int, memory: Memory, stored_nbytes: int | None) -> PartialRead:
    """Read parts of a chunk that is stored as it is.

    Parameters
    ----------
    touched : which blocks are wanted
    nbytes : of the chunk
    memory : gives the flat chunk to read into
    stored_nbytes : length of the stored value, where the store knows it
    """
    if stored_nbytes in (None, nbytes):
        wanted = [
            (first * _PAGE, min(last * _PAGE, nbytes) - first * _PAGE) for first, last in touched(_PAGE)
        ]
        # to read more than half of it in pieces, and put them together, takes longer than to read all
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
# A block that did not get smaller is kept as it is, with four bytes before each of its streams.
_MOST_STREAMS_NBYTES = 4 * 255
_HEAD_NBYTES = 4096


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
    """Where the bytes of each block stand."""

    @classmethod
    def parse(cls, head: Buffer, nbytes: int) -> BloscFrame | int | None:
        """Read a frame that must hold `nbytes` bytes from its beginning.

        Returns how long the beginning must be where `head` is too short, and None for a frame that can
        only be decoded as a whole.
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
        # with several threads the blocks were written in the order in which they were ready
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
        """Decode runs of blocks to their places in a chunk; False if one is damaged."""
        rest = iter(blocks)
        for first, last in runs:
            place = chunk[first * self.block_nbytes : last * self.block_nbytes]
            try:
                decode(self.with_blocks(first, list(islice(rest, last - first))), place)
            except (ValueError, RuntimeError):
                # what is wrong with it, the whole frame tells best
                return False
        return True

    def with_blocks(self, first: int, blocks: list[Buffer]) -> bytes:
        """Return a frame of the neighbouring blocks from number `first` on, which any Blosc decodes.

        Blocks do not depend on one another. Only the last one of a frame may be shorter; where it is
        alone, the new frame calls it a whole one, and says that it is not split as whole ones are.
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
) -> PartialRead:
    """Read and decode the wanted blocks of a Blosc frame.

    Parameters
    ----------
    decode : decodes a frame into memory of the right length
    touched, nbytes, memory : see `read_raw`
    """
    (head,) = yield [(0, _HEAD_NBYTES)]
    frame = BloscFrame.parse(head, nbytes)
    if isinstance(frame, int):
        (head,) = yield [(0, frame)]
        frame = BloscFrame.parse(head, nbytes)
    if isinstance(frame, BloscFrame):
        runs = touched(frame.block_nbytes)
        wanted = [span for first, last in runs for span in frame.spans[first:last]]
        if len(wanted) < len(frame.spans):
            # the head comes again: if it changed, somebody replaced the value meanwhile
            head = head[: _HEADER.size + 4 * len(frame.spans)]
            again, *parts = yield [(0, len(head)), *wanted]
            if again == head and frame.decode(decode, runs, parts, memory()):
                return None
    (stored,) = yield [WHOLE]
    return stored
