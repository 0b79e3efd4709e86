"""Sort the pieces of a plan by the shard that holds their chunks. `_reference` is the same in NumPy."""

from zarrcy._kernels._plan_outer cimport Plan
from zarrcy._kernels._types cimport MAX_NDIM, ceil_div, index_t

import numpy as np


def group_by_shard(Plan plan, counts, axes):
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
    cdef index_t of_shard[MAX_NDIM]
    cdef index_t of_grid[MAX_NDIM]
    cdef index_t n_shards[MAX_NDIM]
    cdef int ranks[MAX_NDIM]
    cdef index_t coords[MAX_NDIM]
    cdef index_t length, shard, within, number, n = plan.n_pieces, before = -1, i, inside, total = 1
    cdef int axis, k, ndim = plan.ndim
    cdef bint sorted_already = True
    cdef index_t[::1] shards = np.empty(n, np.int64)
    cdef index_t[::1] chunks = np.empty(n, np.int64)
    cdef list first = []
    cdef list places = []
    cdef list n_inside = []
    counts, axes = tuple(counts), tuple(axes)
    if len(counts) != ndim or sorted(axes) != list(range(ndim)):
        raise ValueError(f"the plan has {ndim} axes, but shards have {counts} chunks, numbered along the axes {axes}")
    for axis in range(ndim):
        of_shard[axis], ranks[axis] = counts[axis], axes[axis]
        if of_shard[axis] < 1:
            raise ValueError(f"shards of {counts} chunks: each count must be at least 1")
        length = plan.grid._lengths[ndim + axis]
        of_grid[axis] = ceil_div(plan.grid._lengths[axis], length) if length else 0
        n_shards[axis] = ceil_div(of_grid[axis], of_shard[axis])
        if n_shards[axis] and total > (<index_t> 1 << 62) // n_shards[axis]:
            raise OverflowError("the grid has more than 2**62 shards")
        total *= n_shards[axis] if n_shards[axis] else 1
    with nogil:
        for number in range(n):
            plan.find_chunk(number, coords)
            shard = within = 0
            for axis in range(ndim):
                shard = shard * n_shards[axis] + coords[axis] // of_shard[axis]
            for k in range(ndim):
                axis = ranks[k]
                within = within * of_shard[axis] + coords[axis] % of_shard[axis]
            shards[number], chunks[number] = shard, within
            if shard < before:
                sorted_already = False
            before = shard
    pieces = (
        np.arange(n, dtype=np.int64) if sorted_already
        else np.argsort(shards, kind="stable").astype(np.int64, copy=False)
    )
    if not sorted_already:
        shards = np.asarray(shards)[pieces]
        chunks = np.asarray(chunks)[pieces]
    before = -1
    for i in range(n):
        shard = shards[i]
        if shard == before:
            continue
        before = shard
        inside = 1
        for axis in range(ndim - 1, -1, -1):
            coords[axis] = shard % n_shards[axis]
            shard = shard // n_shards[axis]
            length = of_grid[axis] - coords[axis] * of_shard[axis]
            inside *= of_shard[axis] if of_shard[axis] < length else length
        first.append(i)
        places.append(tuple([coords[axis] for axis in range(ndim)]))
        n_inside.append(inside)
    first.append(n)
    return pieces, np.asarray(chunks), first, places, n_inside
