"""The pieces of a plan, grouped by the shard that holds their chunks."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zarrcy.chunk_io.sharding.context import ShardContext
from zarrcy.types import Key, Plan, Span


class PiecesByShard:
    """The pieces of a plan, sorted by the shard that holds their chunks.

    Parameters
    ----------
    plan : Plan
        The pieces.
    context : ShardContext
        The shards of the array.
    selected : array of int64, optional
        The numbers of the pieces to keep; all by default.

    Attributes
    ----------
    keys : list of str
        The keys of the shards.
    first : list of int
        For each shard, the position of its first piece in `pieces`; the last entry is the number of pieces.
    pieces : array of int64
        The piece numbers, sorted by shard.
    chunks : array of int64
        For each entry of `pieces`, the number of its chunk in the shard.
    n_inside : list of int
        For each shard, how many of its chunks hold elements of the array.
    """

    def __init__(self, plan: Plan, context: ShardContext, selected: NDArray[np.int64] | None = None) -> None:
        layout = context.shards
        self.pieces, self.chunks, self.first, coords, self.n_inside = context.kernels.group_by_shard(
            plan, layout.counts, layout.axes
        )
        separator = context.separator
        self.keys: list[Key] = [context.prefix + separator.join(map(str, shard)) for shard in coords]
        if selected is not None:
            self._keep(np.isin(self.pieces, selected))

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        """Keep some of the pieces, and the shards that hold them."""
        shards = np.repeat(np.arange(len(self.keys), dtype=np.int64), np.diff(self.first))[kept]
        counts = np.bincount(shards, minlength=len(self.keys)).astype(np.int64, copy=False)
        touched = np.flatnonzero(counts).tolist()
        self.pieces, self.chunks = self.pieces[kept], self.chunks[kept]
        self.keys = [self.keys[shard] for shard in touched]
        self.n_inside = [self.n_inside[shard] for shard in touched]
        self.first = [0, *np.cumsum(counts[touched], dtype=np.int64).tolist()]

    def batches(
        self, size: int, may_split: bool, shards: Collection[Key] | None = None, start: int = 0
    ) -> list[tuple[int, int]]:
        """Return ranges of positions in `pieces`, of about `size` pieces each.

        Parameters
        ----------
        size : int
            Most pieces of a batch.
        may_split : bool
            Whether the pieces of one shard may be in several batches. If not, batches end at the borders of shards, and
            may be larger.
        shards : collection of str, optional
            The keys of the shards whose pieces are wanted; all by default.
        start : int, default 0
            The number of the shard to begin with.
        """
        if shards is None and may_split:
            return [
                (at, min(at + size, self.first[-1])) for at in range(self.first[start], self.first[-1], size)
            ]
        found: list[tuple[int, int]] = []
        for key, (first, stop) in zip(self.keys[start:], itertools.pairwise(self.first[start:]), strict=True):
            if shards is not None and key not in shards:
                continue
            if may_split:
                found += [(start, min(start + size, stop)) for start in range(first, stop, size)]
            elif found and found[-1][1] == first and stop - found[-1][0] <= size:
                found[-1] = (found[-1][0], stop)
            else:
                found.append((first, stop))
        return found

    def split_shards(self, batches: Sequence[tuple[int, int]]) -> list[Key]:
        """Return the keys of the shards whose pieces are in several batches."""
        if len(batches) < 2:
            return []
        borders = sorted({border for batch in batches for border in batch} - set(self.first))
        return sorted({self.keys[bisect_right(self.first, border) - 1] for border in borders})

    def most_of_a_shard(self) -> int:
        """Return the largest number of pieces of a shard."""
        return max((stop - start for start, stop in itertools.pairwise(self.first)), default=0)

    def n_uses(self) -> dict[Key, int]:
        """Return the number of pieces of each shard."""
        counts = [stop - start for start, stop in itertools.pairwise(self.first)]
        return dict(zip(self.keys, counts, strict=True))


class ShardRun(NamedTuple):
    """Pieces of a plan whose chunks are in one shard.

    Attributes
    ----------
    key : str
        The key of the shard.
    first, stop : int
        The positions of the pieces in `PiecesByShard.pieces`.
    """

    key: Key
    first: int
    stop: int


class InnerChunk(NamedTuple):
    """A chunk that is present in a shard.

    Attributes
    ----------
    piece : int
        The number of its piece in the plan.
    chunk : int
        Its number in the shard.
    start, nbytes : int
        Its byte range in the shard.
    """

    piece: int
    chunk: int
    start: int
    nbytes: int

    def range_in_shard(self, span: Span) -> tuple[int, int]:
        """Return the byte range in the shard of a span of the chunk, cut at the end of the chunk."""
        start = min(span[0], self.nbytes)
        available = self.nbytes - start
        return self.start + start, available if span[1] is None else min(span[1], available)
