"""Sort the pieces of a plan by the shard that holds their chunks. `_reference` is the same in NumPy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels.protocols import Plan

def group_by_shard(
    plan: Plan, counts: Sequence[int], axes: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int], list[tuple[int, ...]], list[int]]:
    """Sort the pieces of a plan by the shard that holds their chunks.

    Parameters
    ----------
    plan : Plan
        The pieces.
    counts : sequence of int
        Number of chunks of a shard along each axis.
    axes : sequence of int
        The axes from the slowest to the fastest in the numbering of chunks in their shard.

    Returns
    -------
    pieces : ndarray of int64
        Numbers of the pieces, sorted by shard.
    chunks : ndarray of int64
        For each of them, the number of its chunk in the shard.
    first : list of int
        For each shard, the position of its first piece in `pieces`; then the number of pieces.
    coords : list of tuple of int
        Coordinates of the shards.
    n_inside : list of int
        For each shard, the number of its chunks that hold an element of the array.

    Raises
    ------
    ValueError
        If `counts` and `axes` do not fit the plan.
    OverflowError
        If the grid has more than 2**62 shards.
    """
