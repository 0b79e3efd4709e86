"""The pieces of a plan, grouped by the shard that holds their chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zarrcy.types import Key, Span

if TYPE_CHECKING:
    from zarrcy.chunk_io.sharding.source import ShardedChunkIO


class PiecesByShard:
    """The pieces of a plan, sorted by the shard that holds their chunks.

    Attributes
    ----------
    keys : of the shards
    first : of each shard the place of its first piece, and the end
    pieces : their numbers, as an array
    chunks : the numbers of their chunks in their shards, as an array
    n_inside : of each shard, how many of its chunks hold an element of the array

    With `some`, numbers of pieces, these are the only ones.
    """

    def __init__(self, plan: Any, source: ShardedChunkIO, some: NDArray[np.int64] | None = None) -> None:
        layout = source.shards
        group = source.kernels.group_by_shard
        self.pieces, self.chunks, self.first, places, self.n_inside = group(plan, layout.counts, layout.axes)
        self.keys: list[Key] = [source.prefix + source.separator.join(map(str, at)) for at in places]
        if some is not None:
            self._keep(np.isin(self.pieces, some))

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        """Keep some of the pieces, and the shards that hold them."""
        shards = np.repeat(np.arange(len(self.keys)), np.diff(self.first))[kept]
        counts = np.bincount(shards, minlength=len(self.keys))
        there = np.flatnonzero(counts).tolist()
        self.pieces, self.chunks = self.pieces[kept], self.chunks[kept]
        self.keys = [self.keys[shard] for shard in there]
        self.n_inside = [self.n_inside[shard] for shard in there]
        self.first = [0, *np.cumsum(counts[there]).tolist()]


class InnerChunk(NamedTuple):
    """A chunk that is present in a shard.

    Attributes
    ----------
    piece : its number in the plan
    chunk : its number in the shard
    start, nbytes : where it stands in the value of the shard
    """

    piece: int
    chunk: int
    start: int
    nbytes: int

    def place_of(self, span: Span) -> tuple[int, int]:
        """Return where a span of the chunk stands in the value of the shard; no span goes beyond the chunk."""
        start = min(span[0], self.nbytes)
        rest = self.nbytes - start
        return self.start + start, rest if span[1] is None else min(span[1], rest)
