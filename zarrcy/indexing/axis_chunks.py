"""The chunk edges of one axis, as runs of chunks that have equal lengths.

An axis of a regular grid is one run that is longer than any array. An axis of a rectilinear grid has one run for each
group of neighbouring chunks with the same length, so that a million equal chunks need one entry.
"""

from __future__ import annotations

import math
from _bisect import bisect_right  # `bisect` is one module more
from collections.abc import Iterator
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from zarrcy.types import LazyAttribute

_LONGEST = 2**62


class AxisChunks:
    """The chunks of one axis.

    Parameters
    ----------
    runs : tuple of tuple of int
        For each run the length of its chunks, in elements, and the number of its chunks. Neighbouring runs have
        different lengths.

    Examples
    --------
    >>> axis = AxisChunks(((3, 2), (5, 1)))
    >>> axis.chunk_at(4), axis.start_of(2), axis.length_of(2), axis.count(7)
    (1, 6, 5, 3)
    """

    def __init__(self, runs: tuple[tuple[int, int], ...]) -> None:
        self.runs = runs

    @classmethod
    def regular(cls, length: int) -> AxisChunks:
        """Return the chunks of an axis whose chunks all have one length."""
        return cls(((length, _LONGEST // length + 1),))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AxisChunks) and self.runs == other.runs

    def __hash__(self) -> int:
        return hash(self.runs)

    def __repr__(self) -> str:
        return f"AxisChunks({self.runs})"

    @LazyAttribute
    def lengths(self) -> list[int]:
        """Chunk length of each run, in elements."""
        return [length for length, _ in self.runs]

    @LazyAttribute
    def chunks(self) -> list[int]:
        """Number of the first chunk of each run; the last entry is the number of all chunks."""
        return [0, *accumulate(count for _, count in self.runs)]

    @LazyAttribute
    def starts(self) -> list[int]:
        """First element of each run; the last entry is the end of all chunks."""
        return [0, *accumulate(length * count for length, count in self.runs)]

    @property
    def is_regular(self) -> bool:
        """Whether all chunks have one length."""
        return len(self.runs) == 1

    @property
    def longest(self) -> int:
        """Length of the longest chunk, in elements; 1 if there are no chunks."""
        return max(self.lengths, default=1)

    @property
    def common_divisor(self) -> int:
        """Greatest number that divides the lengths of all chunks."""
        return math.gcd(*self.lengths) or 1

    def covers(self, n: int) -> bool:
        """Return whether the chunks have room for `n` elements."""
        return self.starts[-1] >= n

    def run_at(self, position: int) -> int:
        """Return the number of the run that holds an element."""
        return bisect_right(self.starts, position) - 1

    def runs_at(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of the runs that hold elements."""
        inner = np.array(self.starts[1:-1], np.int64)
        return np.searchsorted(inner, positions, side="right").astype(np.int64, copy=False)

    def chunk_at(self, position: int) -> int:
        """Return the number of the chunk that holds an element."""
        run = self.run_at(position)
        return self.chunks[run] + (position - self.starts[run]) // self.lengths[run]

    def start_of(self, chunk: int) -> int:
        """Return the first element of a chunk; for the number after the last chunk, the end of all chunks."""
        run = min(bisect_right(self.chunks, chunk), len(self.runs)) - 1
        return self.starts[run] + (chunk - self.chunks[run]) * self.lengths[run] if self.runs else 0

    def length_of(self, chunk: int) -> int:
        """Return the length of a chunk, in elements, including those beyond the end of the array."""
        return self.lengths[bisect_right(self.chunks, chunk) - 1]

    def count(self, n: int) -> int:
        """Return the number of chunks that hold the first `n` elements."""
        return self.chunk_at(n - 1) + 1 if n else 0

    def sizes(self, n: int) -> Iterator[int]:
        """Iterate over the numbers of elements, of the first `n`, that the chunks hold."""
        for (length, _), start, end in zip(self.runs, self.starts, self.starts[1:], strict=False):
            for first in range(start, min(end, n), length):
                yield min(length, n - first)

    def regular_start(self, run: int) -> int:
        """Return the shift that moves the elements of a run to a regular grid of chunks of its length.

        In that grid each chunk of the run has the same number as on this axis.
        """
        return self.chunks[run] * self.lengths[run] - self.starts[run]
