"""Find the blocks of a chunk that hold a byte of a piece, for reading a part of a chunk.

A chunk is cut into blocks of one length. The kernel visits selected elements only, not the elements between them.
`_reference` is the same in NumPy.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free

from zarrcy._kernels._gather_scatter cimport ChunkLayout, check_layout
from zarrcy._kernels._plan_outer cimport AxisCut, OuterPlan, Piece, Plan
from zarrcy._kernels._types cimport MAX_NDIM, Blocks, Odometer, advance_listed, index_t, mark_run, room_for


cdef int mark_piece(Plan plan, index_t number, ChunkLayout layout, Blocks* blocks) except -1 nogil:
    """Mark the blocks that hold a byte of a piece. The caller has called `check_layout`."""
    if layout.itemsize == 0:
        return 0
    if not plan.is_outer:
        return plan.mark_blocks(number, layout.offset, layout._strides + layout.ndim, layout.itemsize, blocks)
    return _mark_outer(<OuterPlan> plan, number, layout, blocks)


cdef int _mark_outer(OuterPlan plan, index_t number, ChunkLayout layout, Blocks* blocks) except -1 nogil:
    """Mark the runs of bytes of a piece, from the slowest axis of the chunk to the fastest."""
    cdef Piece pieces[MAX_NDIM]
    cdef Odometer runs
    cdef AxisCut* cut
    cdef index_t offset = layout.offset, run = layout.itemsize, stride
    cdef int axis, k, n = 0
    plan.locate(number, pieces)
    for k in range(layout.ndim):
        axis = <int> layout._strides[2 * layout.ndim + k]
        cut = &plan._cuts[axis]
        stride = layout._strides[layout.ndim + axis]
        if cut.rows == NULL:
            offset += pieces[axis].within * stride
            if pieces[axis].count == 1:
                continue
            runs.source.lists[n] = NULL
            runs.source.strides[n] = stride * cut.chosen.step
        else:
            runs.source.lists[n] = cut.within + pieces[axis].out
            runs.source.strides[n] = stride
            offset += runs.source.lists[n][0] * stride
        runs.counts[n], runs.at[n] = pieces[axis].count, 0
        # only one side is used
        runs.target.lists[n], runs.target.strides[n] = NULL, 0
        n += 1
    # a gap that is shorter than a block holds no whole block, so the bytes on both sides of it are one run
    while n and runs.source.lists[n - 1] == NULL and runs.source.strides[n - 1] - run < blocks.nbytes:
        n -= 1
        run += (runs.counts[n] - 1) * runs.source.strides[n]
    runs.ndim, runs.source.offset, runs.target.offset = n, offset, 0
    while True:
        mark_run(blocks, runs.source.offset, run)
        if not advance_listed(&runs):
            return 0


def touched_blocks(Plan plan, index_t number, ChunkLayout layout, index_t block_nbytes):
    """Return the runs of blocks of a chunk that hold a byte of a piece.

    Parameters
    ----------
    plan : Plan
        The pieces.
    number : int
        Number of the piece.
    layout : ChunkLayout
        Where the elements lie in the chunk.
    block_nbytes : int
        Length of a block, in bytes. The last block of a chunk may be shorter.

    Returns
    -------
    list of tuple of int
        Runs of blocks ``(first, last)`` in ascending order. They hold the blocks ``first <= block < last``.

    Raises
    ------
    ValueError
        If `block_nbytes` is less than 1.
    """
    cdef Blocks blocks
    cdef index_t n_blocks, first, last
    cdef list runs = []
    if block_nbytes < 1:
        raise ValueError(f"blocks of {block_nbytes} bytes: a block must have at least 1 byte")
    check_layout(plan, layout)
    n_blocks = (layout.nbytes + block_nbytes - 1) // block_nbytes
    blocks.nbytes = block_nbytes
    blocks.touched = <unsigned char*> PyMem_Calloc(room_for(n_blocks + 1, 1), 1)
    if blocks.touched == NULL:
        raise MemoryError()
    try:
        with nogil:
            mark_piece(plan, number, layout, &blocks)
        first = 0
        while first < n_blocks:
            if blocks.touched[first]:
                last = first + 1
                # the flag after the last block is never set
                while blocks.touched[last]:
                    last += 1
                runs.append((first, last))
                first = last
            first += 1
    finally:
        PyMem_Free(blocks.touched)
    return runs
