"""Where the chunks of an axis begin: runs of equal chunks, one after the other.

A regular axis is one run that never ends.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

_LONGEST = 2**62


@dataclass(frozen=True)
class AxisChunks:
    """The chunks of one axis.

    Attributes
    ----------
    runs : pairs of the length of a chunk and the number of such chunks; neighbours differ in length

    >>> axis = AxisChunks(((3, 2), (5, 1)))
    >>> axis.chunk_at(4), axis.start_of(2), axis.count(7)
    (1, 6, 3)
    """

    runs: tuple[tuple[int, int], ...]

    @classmethod
    def regular(cls, length: int) -> AxisChunks:
        """Return the chunks of an axis that have one length."""
        return cls(((length, _LONGEST // length + 1),))

    @cached_property
    def lengths(self) -> list[int]:
        """Of the chunks of each run."""
        return [length for length, _ in self.runs]

    @cached_property
    def chunks(self) -> list[int]:
        """The number of the first chunk of each run, and that after the last."""
        return [0, *accumulate(count for _, count in self.runs)]

    @cached_property
    def starts(self) -> list[int]:
        """The first element of each run, and that after the last."""
        return [0, *accumulate(length * count for length, count in self.runs)]

    @property
    def longest(self) -> int:
        return max(self.lengths, default=1)

    @property
    def common_divisor(self) -> int:
        return math.gcd(*self.lengths) or 1

    def covers(self, n: int) -> bool:
        """Have the chunks room for so many elements?"""
        return self.starts[-1] >= n

    def run_at(self, position: int) -> int:
        """Return the number of the run that holds an element."""
        return bisect_right(self.starts, position) - 1

    def runs_at(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of the runs that hold elements."""
        inner = np.array(self.starts[1:-1], np.int64)
        return np.searchsorted(inner, positions, side="right")

    def chunk_at(self, position: int) -> int:
        """Return the number of the chunk that holds an element."""
        run = self.run_at(position)
        return self.chunks[run] + (position - self.starts[run]) // self.lengths[run]

    def start_of(self, chunk: int) -> int:
        """Return the first element of a chunk, or the end of all for the number after the last one."""
        run = min(bisect_right(self.chunks, chunk), len(self.runs)) - 1
        return self.starts[run] + (chunk - self.chunks[run]) * self.lengths[run] if self.runs else 0

    def count(self, n: int) -> int:
        """Return the number of chunks that hold the first `n` elements."""
        return self.chunk_at(n - 1) + 1 if n else 0

    def sizes(self, n: int) -> Iterator[int]:
        """Iterate over how many of `n` elements each chunk holds."""
        for (length, _), start, end in zip(self.runs, self.starts, self.starts[1:], strict=False):
            for first in range(start, min(end, n), length):
                yield min(length, n - first)

    def regular_start(self, run: int) -> int:
        """Return by how much the elements of a run are to be moved to lie in a regular grid of its chunks.

        There each of its chunks has the number that it has here.
        """
        return self.chunks[run] * self.lengths[run] - self.starts[run]
