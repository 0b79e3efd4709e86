"""The pieces of a plan, grouped by the shard that holds their chunks."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zarrcy.chunk_io.sharding.context import ShardContext
from zarrcy.storage import byte_ranges
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
        shards = np.repeat(np.arange(len(self.keys)), np.diff(self.first))[kept]
        counts = np.bincount(shards, minlength=len(self.keys))
        touched = np.flatnonzero(counts).tolist()
        self.pieces, self.chunks = self.pieces[kept], self.chunks[kept]
        self.keys = [self.keys[shard] for shard in touched]
        self.n_inside = [self.n_inside[shard] for shard in touched]
        self.first = [0, *np.cumsum(counts[touched]).tolist()]

    def pin_split_shards(self, context: ShardContext, starts: range) -> byte_ranges.PinnedValues | None:
        """Return a reader that keeps one version of each shard; None if each shard is in one batch anyway.

        Parameters
        ----------
        context : ShardContext
            The shards of the array.
        starts : range
            The positions in `pieces` at which batches begin.
        """
        if len(starts) < 2 or set(starts) <= set(self.first):
            return None
        counts = [stop - start for start, stop in itertools.pairwise(self.first)]
        return context.pin_values(dict(zip(self.keys, counts, strict=True)))


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
