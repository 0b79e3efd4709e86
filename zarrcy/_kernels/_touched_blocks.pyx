"""Which bytes of a chunk does a piece touch? A chunk that is read in part is cut into blocks, and the
blocks that hold a selected element are found without a look at the elements between them.

`_reference` says the same in numpy.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free

from zarrcy._kernels._gather_scatter cimport ChunkLayout, check_layout
from zarrcy._kernels._plan_outer cimport AxisCut, OuterPlan, Piece, Plan
from zarrcy._kernels._types cimport MAX_NDIM, Blocks, index_t, touch


cdef int touch_piece(Plan plan, index_t number, ChunkLayout layout, Blocks* blocks) except -1 nogil:
    """Mark the blocks that hold a byte of a piece; `check_layout` went before."""
    if layout.itemsize == 0:
        return 0
    if not plan.is_outer:
        return plan.mark(number, layout.offset, layout._strides + layout.ndim, layout.itemsize, blocks)
    return _touch_outer(<OuterPlan> plan, number, layout, blocks)


cdef int _touch_outer(OuterPlan plan, index_t number, ChunkLayout layout, Blocks* blocks) except -1 nogil:
    """Walk the runs of a piece, from the slowest axis of the chunk to the fastest."""
    cdef Piece pieces[MAX_NDIM]
    cdef const index_t* lists[MAX_NDIM]
    cdef index_t n[MAX_NDIM]
    cdef index_t strides[MAX_NDIM]
    cdef index_t at[MAX_NDIM]
    cdef index_t offset = layout.offset, run = layout.itemsize, stride, i
    cdef AxisCut* cut
    cdef int axis, k, m = 0
    plan.locate(number, pieces)
    for k in range(layout.ndim):
        axis = <int> layout._strides[2 * layout.ndim + k]
        cut = &plan._cuts[axis]
        stride = layout._strides[layout.ndim + axis]
        if cut.rows == NULL:
            offset += pieces[axis].within * stride
            if pieces[axis].count == 1:
                continue
            lists[m] = NULL
            strides[m] = stride * cut.chosen.step
        else:
            lists[m] = cut.within + pieces[axis].out
            strides[m] = stride
        n[m] = pieces[axis].count
        m += 1
    # a gap that is shorter than a block holds no block of its own: what lies around it is one run
    while m and lists[m - 1] == NULL and strides[m - 1] - run < blocks.nbytes:
        m -= 1
        run += (n[m] - 1) * strides[m]
    for k in range(m):
        at[k] = 0
        offset += strides[k] * (0 if lists[k] == NULL else lists[k][0])
    while True:
        touch(blocks, offset, run)
        k = m - 1
        while k >= 0:
            i = at[k] + 1
            if i == n[k]:
                i = 0
            if lists[k] == NULL:
                offset += (i - at[k]) * strides[k]
            else:
                offset += (lists[k][i] - lists[k][at[k]]) * strides[k]
            at[k] = i
            if i:
                break
            k -= 1
        if k < 0:
            return 0


def touched_blocks(Plan plan, index_t number, ChunkLayout layout, index_t block_nbytes):
    cdef Blocks blocks
    cdef index_t n_blocks, first, last
    cdef list runs = []
    if block_nbytes < 1:
        raise ValueError(f"blocks of {block_nbytes} bytes")
    check_layout(plan, layout)
    n_blocks = (layout.nbytes + block_nbytes - 1) // block_nbytes
    blocks.nbytes = block_nbytes
    blocks.touched = <unsigned char*> PyMem_Calloc(n_blocks + 1, 1)
    if blocks.touched == NULL:
        raise MemoryError()
    try:
        with nogil:
            touch_piece(plan, number, layout, &blocks)
        first = 0
        while first < n_blocks:
            if blocks.touched[first]:
                last = first + 1
                # the flag behind the last block is never set
                while blocks.touched[last]:
                    last += 1
                runs.append((first, last))
                first = last
            first += 1
    finally:
        PyMem_Free(blocks.touched)
    return runs
