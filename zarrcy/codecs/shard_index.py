"""The index of a shard: where in its value each inner chunk stands.

Source: Zarr v3 specification, codec ``sharding_indexed``, version 1.0. The index is an array of
unsigned 64-bit integers, offset and length of every inner chunk in C order; both are all ones where a
chunk is absent. Offsets count from the first byte of the value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels
from zarrcy.codecs.stages import Compressor, Pack, Shard
from zarrcy.types import Buffer, Span

_ABSENT = 2**64 - 1
_CHECKSUM_NBYTES = 4


@dataclass(frozen=True, slots=True)
class IndexFormat:
    """How the index of a shard is written.

    Attributes
    ----------
    n_chunks : inner chunks of a shard
    byteorder : ``"<"`` or ``">"``
    checksum : a CRC-32C follows the index
    at_end : of the value, or else at its start
    """

    n_chunks: int
    byteorder: str = "<"
    checksum: bool = True
    at_end: bool = True

    @property
    def nbytes(self) -> int:
        return 16 * self.n_chunks + (_CHECKSUM_NBYTES if self.checksum else 0)

    @property
    def span(self) -> Span:
        """Where the index stands in a value."""
        return (-self.nbytes, None) if self.at_end else (0, self.nbytes)

    def parse(self, data: Buffer, value_nbytes: int | None) -> NDArray[np.uint64]:
        """Read an index, and check that no chunk leaves the value.

        Returns rows of ``(offset, nbytes)``; a chunk that is absent has the largest of both.

        Raises
        ------
        ValueError : it is damaged
        """
        view = memoryview(data).cast("B")
        if len(view) != self.nbytes:
            raise ValueError(
                f"its index has {len(view)} bytes, not the {self.nbytes} of {self.n_chunks} chunks"
            )
        entries = view[: 16 * self.n_chunks]
        if self.checksum:
            stated = int.from_bytes(view[-_CHECKSUM_NBYTES:], "little")
            if (found := _kernels.default.crc32c(entries)) != stated:
                raise ValueError(f"the checksum of its index is {found:#010x}, it states {stated:#010x}")
        index = np.frombuffer(entries, f"{self.byteorder}u8").astype(np.uint64, copy=False).reshape(-1, 2)
        offsets, lengths = index[:, 0], index[:, 1]
        present = (offsets != _ABSENT) | (lengths != _ABSENT)
        # a sum that wraps around is smaller than its parts
        limit = np.uint64(2**62 if value_nbytes is None else value_nbytes)
        bad = present & ((offsets > limit) | (lengths > limit) | (offsets + lengths > limit))
        if bad.any():
            number = int(np.flatnonzero(bad)[0])
            raise ValueError(
                f"its index says that inner chunk {number} has {int(lengths[number])} bytes from byte "
                f"{int(offsets[number])} on, which leaves the value"
            )
        return index

    def chunks_of(self, view: memoryview) -> dict[int, memoryview]:
        """Return the encoded chunks of a whole shard by their numbers.

        Raises
        ------
        ValueError : its index is damaged
        """
        at = max(0, len(view) - self.nbytes) if self.at_end else 0
        index = self.parse(view[at : at + self.nbytes], len(view))
        present = np.flatnonzero((index != _ABSENT).any(axis=1))
        return {
            number: view[start : start + length]
            for number, (start, length) in zip(present.tolist(), index[present].tolist(), strict=True)
        }

    def assemble(self, chunks: dict[int, Buffer]) -> bytes:
        """Return the value of a shard that holds encoded chunks, given by their numbers."""
        index = np.full((self.n_chunks, 2), _ABSENT, np.uint64)
        at = 0 if self.at_end else self.nbytes
        parts: list[Buffer] = []
        for number in sorted(chunks):
            chunk = chunks[number]
            nbytes = memoryview(chunk).nbytes
            index[number] = at, nbytes
            at += nbytes
            parts.append(chunk)
        entries = index.astype(f"{self.byteorder}u8", copy=False).tobytes()
        if self.checksum:
            entries += _kernels.default.crc32c(entries).to_bytes(_CHECKSUM_NBYTES, "little")
        return b"".join([*parts, entries] if self.at_end else [entries, *parts])


def is_absent(entry: NDArray[np.uint64]) -> bool:
    """Does an entry of an index say that its chunk is absent?"""
    return int(entry[0]) == _ABSENT and int(entry[1]) == _ABSENT


def index_format(stage: Shard, n_chunks: int) -> IndexFormat:
    """Return how the index of a shard of so many chunks is written."""
    pack = next(s for s in stage.index_stages if isinstance(s, Pack))
    checksum = any(isinstance(s, Compressor) for s in stage.index_stages)
    byteorder = ">" if pack.swaps and pack.stored is not None and pack.stored.byteorder == ">" else "<"
    return IndexFormat(n_chunks, byteorder, checksum, stage.index_at_end)
