"""Slice decomposition. The callers in `zarrcy.array` validate; kernels trust, but never leave their memory."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from zarrcy._kernels import protocols
from zarrcy._kernels.protocols import ChunkGrid

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

def parse_box(selection: Any, grid: ChunkGrid) -> Box | None:
    """Parse integers, slices and one Ellipsis.

    None where the selection holds anything else, too many items, or an index out of bounds: the
    caller knows the rest of the dialect and the right error.
    """

@disjoint_base
class Plan:
    """The pieces of a selection: what it takes of one chunk each. Pieces are numbered.

    They cover the selection once, without a hole; each touches one chunk, and no two the same. An
    empty selection has none. IndexError where a number is beyond the last piece.
    """

    @property
    def ndim(self) -> int: ...
    @property
    def n_pieces(self) -> int: ...
    @property
    def grid(self) -> Grid: ...
    def coords(self, number: int) -> tuple[int, ...]:
        """Chunk coordinates of a piece."""

    def coords_table(self, first: int, last: int) -> NDArray[np.int64]:
        """Chunk coordinates of the pieces ``first <= number < last``, a row for each."""

    def complete(self, number: int) -> bool:
        """Does a piece cover every element of its chunk that is inside the array?"""

    def sparse(self, number: int) -> bool:
        """Does a piece cover at most half of the elements of its chunk that are inside the array?

        A point that comes twice may count twice.
        """

    def overhangs(self, number: int) -> bool:
        """Does the chunk of a piece reach beyond the edge of the array?"""

    def keys(self, first: int, last: int, prefix: str, separator: str) -> list[str]:
        """Keys of the chunks of the pieces ``first <= number < last``."""

@final
class OuterPlan(Plan):
    """The outer product of the pieces of the axes, in C order."""

    @property
    def has_lists(self) -> bool: ...
    def slices(self, number: int) -> tuple[tuple[int | slice, ...], tuple[slice, ...]]:
        """Where a piece is in its chunk and in the result, as NumPy says it. TypeError where lists are cut."""

    def axis_table(self, axis: int, table: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Rows of ``(chunk, within, out, count)``, one per piece of an axis.

        Of a listed axis `within` is 0 and `out` is the first entry, in the order of chunks. A `table`
        that is given is filled; it has one row per piece: that is the caller's duty, and looked at only
        in a checked build.
        """

def split_outer(
    box: protocols.Box, grid: ChunkGrid, lists: tuple[NDArray[np.int64] | None, ...] | None = None
) -> OuterPlan:
    """Cut a box, or an outer product of ranges and lists of positions, at the chunk edges of a grid.

    On a listed axis the box only says how many positions there are. Lists may be in any order, and may
    repeat a position; the last one wins where they are written to. Raises IndexError where something
    leaves the grid, OverflowError where 2**62 chunks are touched.
    """
