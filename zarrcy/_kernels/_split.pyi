"""Slice decomposition. The callers in `zarrcy.array` validate; kernels trust, but never leave their memory."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

CHECKED: bool
"""Was this built with bounds checks?"""

@final
class Grid:
    """Array shape and chunk shape, both in elements.

    Raises ValueError where they differ in rank, where a length is negative, or a chunk has none.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def chunk_shape(self) -> tuple[int, ...]: ...
    @property
    def ndim(self) -> int: ...
    def __new__(cls, shape: tuple[int, ...], chunk_shape: tuple[int, ...]) -> Grid: ...

@final
class Box:
    """One strided range per axis: ``start + step * arange(count)`` with ``step > 0``.

    `dropped` axes were selected by an integer and are missing in the result; the result runs
    backwards along `flipped` ones.
    """

    @property
    def ndim(self) -> int: ...
    @property
    def starts(self) -> tuple[int, ...]: ...
    @property
    def counts(self) -> tuple[int, ...]: ...
    @property
    def steps(self) -> tuple[int, ...]: ...
    @property
    def dropped(self) -> tuple[bool, ...]: ...
    @property
    def flipped(self) -> tuple[bool, ...]: ...
    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result: the counts of the axes that are not dropped."""

    def __new__(
        cls,
        starts: tuple[int, ...] | None = None,
        counts: tuple[int, ...] = (),
        steps: tuple[int, ...] = (),
        dropped: tuple[bool, ...] = (),
        flipped: tuple[bool, ...] = (),
    ) -> Box: ...

def parse_box(selection: Any, grid: Grid) -> Box | None:
    """Parse integers, slices and one Ellipsis.

    None where the selection holds anything else, too many items, or an index out of bounds: the
    caller knows the rest of the dialect and the right error.
    """

@final
class BoxPlan:
    """The pieces of a box: the outer product of the pieces of its axes, numbered in C order.

    Pieces cover the box once, without a hole; each touches one chunk. An empty box has none.
    """

    @property
    def ndim(self) -> int: ...
    @property
    def n_pieces(self) -> int: ...
    def coords(self, number: int) -> tuple[int, ...]:
        """Chunk coordinates of a piece."""

    def complete(self, number: int) -> bool:
        """Does a piece cover every element of its chunk that is inside the array?"""

    def overhangs(self, number: int) -> bool:
        """Does the chunk of a piece reach beyond the edge of the array?"""

    def axis_table(self, axis: int, table: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Rows of ``(chunk, within, out, count)``, one per piece of an axis.

        A `table` that is given is filled; it has one row per piece: that is the caller's duty, and
        looked at only in a checked build.
        """

    def keys(self, first: int, last: int, prefix: str, separator: str) -> list[str]:
        """Keys of the chunks of the pieces ``first <= number < last``."""

def split_box(box: Box, grid: Grid) -> BoxPlan:
    """Cut a box at the chunk edges of a grid.

    Raises IndexError where the box leaves the grid, OverflowError where it touches 2**62 chunks.
    """
