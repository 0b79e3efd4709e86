"""Plans of points and masks: find the chunk of each selected element, and move elements one by one.

The result of such a plan has one axis. Points are sorted by chunk once, when the plan is made. A mask is never turned
into coordinates: the plan keeps one number per row of each chunk and, if few elements are selected, the column of each
selected element in its row; of a dense mask it keeps a copy. `_reference` is the same in NumPy.

A plan shares no memory with its arguments: another thread may change them, and the result that a read fills may overlap
them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from zarrcy._kernels._plan_outer import Plan
from zarrcy._kernels.protocols import ChunkGrid

@disjoint_base
class PointsPlan(Plan):
    """Points, sorted by chunk. The points of one chunk keep the order in which they were given."""

    @property
    def shape(self) -> tuple[int]:
        """Shape of the result: the number of points."""

@disjoint_base
class MaskPlan(Plan):
    """A Boolean mask in the shape of the array, cut at the chunk edges.

    A row is a line of the array along its last axis. A segment is the part of a row that lies in one chunk.
    """

    @property
    def shape(self) -> tuple[int]:
        """Shape of the result: the number of selected elements."""

def split_points(coords: list[Any], grid: ChunkGrid) -> PointsPlan:
    """Sort points by chunk.

    Parameters
    ----------
    coords : list
        The coordinates of all points along each axis, as flat int64 arrays, and then the number of points.
    grid : Grid
        Shape of the array and of its chunks.

    Returns
    -------
    PointsPlan
        One piece per chunk that holds a point.

    Raises
    ------
    IndexError
        If a point is outside the array.
    OverflowError
        If the grid has more than 2**62 chunks.
    """

def split_mask(mask: NDArray[np.bool_], grid: ChunkGrid) -> MaskPlan:
    """Cut a Boolean mask at the chunk edges.

    Parameters
    ----------
    mask : ndarray of bool
        The mask, in the shape of the array.
    grid : Grid
        Shape of the array and of its chunks.

    Returns
    -------
    MaskPlan
        One piece per chunk that holds a selected element.

    Raises
    ------
    ValueError
        If the mask is not Boolean, does not have the shape of the array, or has no axis.
    """
