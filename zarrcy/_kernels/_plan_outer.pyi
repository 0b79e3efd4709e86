"""Slice decomposition: parse integers and slices, and cut the selection at the chunk edges of a grid.

A plan computes its pieces on demand from a few integers per axis, so a plan of a billion chunks is as small as a plan
of one. The callers in `zarrcy.indexing` validate selections. The kernels here check what could lead outside their
memory, and rely on the callers for the rest. `_reference` is the same in NumPy.
"""

from typing import final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from zarrcy._kernels import protocols
from zarrcy._kernels.protocols import ChunkGrid, Selection

CHECKED: bool
"""Whether the kernels were built with bounds checks."""

@final
class Grid:
    """The shape of an array and the shape of its chunks.

    Parameters
    ----------
    shape : tuple of int
        Lengths of the axes, in elements.
    chunk_shape : tuple of int
        Lengths of a chunk along the axes, in elements.

    Raises
    ------
    ValueError
        If the shapes differ in rank or have more than 64 axes, if a length is negative, or if a length of a chunk is 0.
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
    """One strided range per axis: ``start + step * arange(count)``.

    Parameters
    ----------
    starts : tuple of int, optional
        Position of the first selected element along each axis. Without it, the box has no axes.
    counts : tuple of int
        Number of selected elements along each axis.
    steps : tuple of int
        Distance between selected elements along each axis, at least 1.
    dropped : tuple of bool
        Whether an integer selects along the axis, so that the result does not have it.
    flipped : tuple of bool
        Whether the result runs backwards along the axis.
    """

    @property
    def ndim(self) -> int: ...
    @property
    def starts(self) -> tuple[int, ...]:
        """Position of the first selected element along each axis."""
    @property
    def counts(self) -> tuple[int, ...]:
        """Number of selected elements along each axis."""
    @property
    def steps(self) -> tuple[int, ...]:
        """Distance between selected elements along each axis, at least 1."""
    @property
    def dropped(self) -> tuple[bool, ...]:
        """Whether an integer selects along the axis, so that the result does not have it."""
    @property
    def flipped(self) -> tuple[bool, ...]:
        """Whether the result runs backwards along the axis."""
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

def parse_box(selection: Selection, grid: ChunkGrid) -> Box | None:
    """Parse integers, slices and at most one Ellipsis.

    Parameters
    ----------
    selection : object
        What a user puts between brackets.
    grid : Grid
        Shape of the array and of its chunks.

    Returns
    -------
    Box or None
        None if the selection has other items, too many items, or an index that is out of bounds. The caller then
        parses it in full and raises the right error.
    """

@disjoint_base
class Plan:
    """The pieces of a selection, numbered. A piece is what the selection takes of one chunk.

    The pieces cover the selection once. Each piece lies in one chunk, and no two pieces lie in the same chunk. An empty
    selection has no pieces. Methods raise IndexError if the plan does not have a piece of the given number.
    """

    @property
    def ndim(self) -> int: ...
    @property
    def n_pieces(self) -> int: ...
    @property
    def grid(self) -> Grid: ...
    def coords(self, number: int) -> tuple[int, ...]:
        """Return the coordinates of the chunk of a piece."""

    def coords_table(self, first: int, last: int) -> NDArray[np.int64]:
        """Return the chunk coordinates of the pieces ``first <= number < last``, one row per piece."""

    def complete(self, number: int) -> bool:
        """Return whether a piece covers every element of its chunk that is inside the array."""

    def sparse(self, number: int) -> bool:
        """Return whether a piece covers at most half of the elements of its chunk that are inside the array.

        A point that occurs twice may count twice.
        """

    def overhangs(self, number: int) -> bool:
        """Return whether the chunk of a piece reaches beyond the edge of the array."""

    def keys(self, first: int, last: int, prefix: str, separator: str) -> list[str]:
        """Return the chunk keys of the pieces ``first <= number < last``: `prefix` and the joined coordinates."""

@final
class OuterPlan(Plan):
    """The outer product of the pieces along the axes, in C order."""

    @property
    def has_lists(self) -> bool: ...
    def slices(self, number: int) -> tuple[tuple[int | slice, ...], tuple[slice, ...]]:
        """Return the NumPy indices of a piece in its chunk and in the result.

        Raises
        ------
        TypeError
            If an axis is selected by a list.
        """

    def axis_table(self, axis: int, table: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Return the pieces along an axis.

        Parameters
        ----------
        axis : int
            Number of the axis.
        table : ndarray of int64, optional
            Where to write the rows. It must have a row for each piece; only a checked build tests that.

        Returns
        -------
        ndarray of int64
            One row ``(chunk, within, out, count)`` per piece: the coordinate of its chunk, the positions of its first
            element in the chunk and in the result, and its number of elements. For an axis that is selected by a list,
            `within` is 0 and `out` is the number of the first entry; entries are sorted by chunk.
        """

def split_outer(
    box: protocols.Box, grid: ChunkGrid, lists: tuple[NDArray[np.int64] | None, ...] | None = None
) -> OuterPlan:
    """Cut a box, or an outer product of ranges and lists of positions, at the chunk edges of a grid.

    Parameters
    ----------
    box : Box
        The ranges. For an axis with a list, only its count is used.
    grid : Grid
        Shape of the array and of its chunks.
    lists : tuple, optional
        Per axis, the selected positions as a flat int64 array, or None for the range of the box. Positions may be in
        any order and may repeat; in a write, the last of equal positions wins.

    Returns
    -------
    OuterPlan
        One piece per chunk that holds a selected element.

    Raises
    ------
    IndexError
        If a range or a list leaves the array.
    OverflowError
        If the selection touches more than 2**62 chunks.
    """
