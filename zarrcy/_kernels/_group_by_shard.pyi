"""Which shard holds the chunk of each piece? The pieces of a plan, sorted by shard."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels.protocols import Plan

def group_by_shard(
    plan: Plan, counts: Sequence[int], axes: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int], list[tuple[int, ...]], list[int]]:
    """Sort the pieces of a plan by the shard that holds their chunks.

    `counts` are the chunks of a shard along each axis, and `axes` those from the slowest to the fastest in the
    numbering of chunks in their shard. Returns the numbers of the pieces; the numbers of their chunks in their
    shards; of each shard the place of its first piece, and the end; the coordinates of the shards; and how many of the
    chunks of each hold an element of the array.
    """
