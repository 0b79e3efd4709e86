"""The index of a shard: the byte range of each inner chunk.

Source: Zarr v3 specification, codec ``sharding_indexed``, version 1.0. The index is an array of
unsigned 64-bit integers, offset and length of every inner chunk in C order; both are all ones if a
chunk is missing. Offsets count from the first byte of the value. The array has its own codecs, whose output
must have the same length for every index.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zarrcy.codecs.elements import as_elements
from zarrcy.codecs.stages import Compressor, Pack, Shard, Transpose
from zarrcy.types import Buffer, Shape, Span

ABSENT = 2**64 - 1
CHECKSUM_NBYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFormat:
    """The encoding of shard indexes.

    Attributes
    ----------
    counts : Shape
        Number of inner chunks of a shard along each axis.
    order : tuple of int
        The axes of the index, slowest first; its last axis holds offset and length.
    byteorder : str
        ``"<"`` or ``">"``.
    checksums : tuple of Compressor
        The codecs that add checksums, in the order of encoding.
    at_end : bool
        Whether the index is at the end of the value, instead of its start.
    nbytes : int
        Length of an encoded index.
    span : Span
        Byte range of the index in a value.
    ends_with_checksum : bool
        Whether the last bytes of an encoded index are a CRC-32C of the others.
    """

    counts: Shape
    order: tuple[int, ...]
    byteorder: str
    checksums: tuple[Compressor, ...]
    at_end: bool
    # computed once: each read of a shard uses them
    nbytes: int = field(init=False)
    span: Span = field(init=False)
    ends_with_checksum: bool = field(init=False)

    def __post_init__(self) -> None:
        nbytes = 16 * self.n_chunks + sum(stage.added_nbytes or 0 for stage in self.checksums)
        object.__setattr__(self, "nbytes", nbytes)
        object.__setattr__(self, "span", (-nbytes, None) if self.at_end else (0, nbytes))
        is_checked = bool(self.checksums) and self.checksums[-1].name == "crc32c"
        object.__setattr__(self, "ends_with_checksum", is_checked)

    @property
    def n_chunks(self) -> int:
        return math.prod(self.counts)

    def parse(self, data: Buffer, value_nbytes: int | None, most: int = -1) -> NDArray[np.uint64]:
        """Parse an index, and check that every chunk is inside the value.

        Parameters
        ----------
        data : Buffer
            The encoded index.
        value_nbytes : int or None
            Length of the shard, in bytes; None if it is not known.
        most : int, default -1
            Length of the longest inner chunk, in bytes; -1 for any length.

        Returns
        -------
        NDArray[np.uint64]
            Rows of ``(offset, nbytes)``; both are `ABSENT` for a missing chunk.

        Raises
        ------
        ValueError
            If the index is damaged.
        """
        # a copy of a view: a store in memory may change its value
        view = memoryview(bytes(data))
        if len(view) != self.nbytes:
            raise ValueError(
                f"its index has {len(view)} bytes, not the {self.nbytes} of {self.n_chunks} chunks"
            )
        index = self._decode(view)
        offsets, lengths = index[:, 0], index[:, 1]
        present = (offsets != ABSENT) | (lengths != ABSENT)
        # offset and length are compared too, because their sum may wrap around
        limit = np.uint64(2**62 if value_nbytes is None else value_nbytes)
        bad = present & ((offsets > limit) | (lengths > limit) | (offsets + lengths > limit))
        if bad.any():
            number = int(np.flatnonzero(bad)[0])
            raise ValueError(
                f"its index states {int(lengths[number])} bytes from byte {int(offsets[number])} on for inner "
                f"chunk {number}, which is outside the value"
            )
        if most >= 0 and (present & (lengths > np.uint64(most))).any():
            number = int(np.flatnonzero(present & (lengths > np.uint64(most)))[0])
            raise ValueError(
                f"its index states {int(lengths[number])} bytes for inner chunk {number}, which has at most {most}"
            )
        return index

    def _decode(self, data: Buffer) -> NDArray[np.uint64]:
        nbytes = self.nbytes
        for stage in reversed(self.checksums):
            nbytes -= stage.added_nbytes or 0
            try:
                data = stage.decoder(nbytes, 0).decode(data)
            except Exception as exc:
                raise ValueError(f"its index is damaged: codec {stage.name!r}: {exc}") from exc
        stored = as_elements(data, np.dtype(f"{self.byteorder}u8")).astype(np.uint64, copy=False)
        shape = (*self.counts, 2)
        table = stored.reshape([shape[axis] for axis in self.order]).transpose(np.argsort(self.order))
        # kernels take rows that follow each other, whatever order the index has
        return np.ascontiguousarray(table.reshape(-1, 2))

    def encode(self, index: NDArray[np.uint64]) -> bytes:
        """Return the encoded index, given rows of ``(offset, nbytes)``."""
        table = index.reshape(*self.counts, 2).transpose(self.order)
        encoded: Buffer = table.astype(f"{self.byteorder}u8", copy=False).tobytes()
        for stage in self.checksums:
            encoded = stage.encode(encoded)
        return encoded if type(encoded) is bytes else as_elements(encoded, np.dtype(np.uint8)).tobytes()

    def chunks_of(self, view: memoryview) -> dict[int, memoryview]:
        """Return the encoded inner chunks of a shard by their numbers.

        Raises
        ------
        ValueError
            If the index is damaged.
        """
        at = max(0, len(view) - self.nbytes) if self.at_end else 0
        index = self.parse(view[at : at + self.nbytes], len(view))
        present = np.flatnonzero((index != ABSENT).any(axis=1)).astype(np.int64, copy=False)
        return {
            number: view[start : start + length]
            for number, (start, length) in zip(present.tolist(), index[present].tolist(), strict=True)
        }

    def assemble(self, chunks: dict[int, Buffer]) -> bytes:
        """Return the value of a shard, given its encoded inner chunks by their numbers."""
        index = np.full((self.n_chunks, 2), ABSENT, np.uint64)
        at = 0 if self.at_end else self.nbytes
        parts: list[Buffer] = []
        for number in sorted(chunks):
            chunk = chunks[number]
            nbytes = memoryview(chunk).nbytes
            index[number] = at, nbytes
            at += nbytes
            parts.append(chunk)
        entries = self.encode(index)
        return b"".join([*parts, entries] if self.at_end else [entries, *parts])


def index_format(stage: Shard, counts: Shape) -> IndexFormat:
    """Return the index format of shards with `counts` inner chunks along each axis, in the order of memory."""
    pack = next(s for s in stage.index_stages if isinstance(s, Pack))
    order = next((s.order for s in stage.index_stages if isinstance(s, Transpose)), range(len(counts) + 1))
    return IndexFormat(
        counts=counts,
        order=tuple(order),
        byteorder=pack.byteorder(np.dtype(np.uint64)),
        checksums=tuple(s for s in stage.index_stages if isinstance(s, Compressor)),
        at_end=stage.index_at_end,
    )
