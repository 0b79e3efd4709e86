"""Chunk I/O with a number of threads of its own."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from zarrcy.chunk_io.chunk_io import UnshardedChunkIO
from zarrcy.sync import thread_pool
from zarrcy.types import Field


class ChunkIOWrapper:
    """A source that does more around its reads and writes; all else it has from the one inside."""

    def __init__(self, source: UnshardedChunkIO | ChunkIOWrapper) -> None:
        self.source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def read(self, plan: Any, out: NDArray[Any], field: Field | None = None, blank: bool = False) -> None:
        self.source.read(plan, out, field, blank)

    def write(self, plan: Any, value: NDArray[Any], field: Field | None = None) -> None:
        self.source.write(plan, value, field)


class ThreadedChunkIO(ChunkIOWrapper):
    """Reads and writes with a number of threads of its own."""

    def __init__(self, source: UnshardedChunkIO | ChunkIOWrapper, n_threads: int) -> None:
        super().__init__(source)
        self.n_threads = n_threads

    def read(self, plan: Any, out: NDArray[Any], field: Field | None = None, blank: bool = False) -> None:
        with thread_pool.prefer_threads(self.n_threads):
            self.source.read(plan, out, field, blank)

    def write(self, plan: Any, value: NDArray[Any], field: Field | None = None) -> None:
        with thread_pool.prefer_threads(self.n_threads):
            self.source.write(plan, value, field)
