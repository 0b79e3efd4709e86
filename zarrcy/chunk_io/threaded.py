"""Chunk I/O of an array that was opened with a number of threads of its own."""

from __future__ import annotations

from zarrcy.chunk_io import ChunkIO
from zarrcy.sync import thread_pool
from zarrcy.types import AnyArray, Buffer, ChunkLayout, Field, Plan, Planner


class ThreadedChunkIO:
    """Reads and writes with a number of threads of its own.

    Parameters
    ----------
    inner : ChunkIO
        Does the work.
    n_threads : int
        The number of threads.
    """

    def __init__(self, inner: ChunkIO, n_threads: int) -> None:
        self.inner, self.n_threads = inner, n_threads
        self.planner: Planner = inner.planner
        self.layout: ChunkLayout = inner.layout
        self.fill_bytes: Buffer = inner.fill_bytes

    def read(self, plan: Plan, out: AnyArray, field: Field | None = None, prezeroed: bool = False) -> None:
        """Read the pieces of a plan into `out`: see `zarrcy.chunk_io.ChunkIO.read`."""
        with thread_pool.prefer_threads(self.n_threads):
            self.inner.read(plan, out, field, prezeroed)

    def write(self, plan: Plan, value: AnyArray, field: Field | None = None) -> None:
        """Write `value` along a plan: see `zarrcy.chunk_io.ChunkIO.write`."""
        with thread_pool.prefer_threads(self.n_threads):
            self.inner.write(plan, value, field)

    def is_aligned(self, plan: Plan) -> bool:
        """Return whether a plan covers all of each stored value that it touches: see `ChunkIO.is_aligned`."""
        return self.inner.is_aligned(plan)
