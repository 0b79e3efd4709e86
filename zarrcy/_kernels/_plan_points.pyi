"""Points and masks: plans whose result has one axis."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from zarrcy._kernels._plan_outer import Plan
from zarrcy._kernels.protocols import ChunkGrid

@disjoint_base
class PointsPlan(Plan):
    """Points, ordered by chunk; within a chunk in the order in which they were given."""

    @property
    def shape(self) -> tuple[int]: ...

@disjoint_base
class MaskPlan(Plan):
    """A Boolean mask of the shape of the array, cut at the chunk edges."""

    @property
    def shape(self) -> tuple[int]: ...

def split_points(coords: list[Any], grid: ChunkGrid) -> PointsPlan:
    """Order points by chunk.

    `coords` has the positions along each axis, as flat int64 arrays, and then the number of points.
    Raises IndexError where a point leaves the grid.
    """

def split_mask(mask: NDArray[np.bool_], grid: ChunkGrid) -> MaskPlan:
    """Cut a mask at the chunk edges. Raises ValueError where it has not the shape of the grid, or no axis."""
