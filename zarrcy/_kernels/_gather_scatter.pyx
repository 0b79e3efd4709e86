"""Partial chunk iteration: move elements between chunks and a result, along the pieces of a plan.

A piece is a strided box in its chunk and another one in the result. The kernel sorts and merges the axes, then moves
runs of elements: with memcpy if a run is contiguous on both sides, word by word otherwise.

Before the first byte moves, a piece is compared with the chunk layout, the length of the chunk's memory and the shape
of the result. Functions raise IndexError or ValueError if they do not fit. `_reference` is the same in NumPy.
"""

cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset

from zarrcy._kernels._plan_outer cimport AxisCut, OuterPlan, Piece, Plan
from zarrcy._kernels._types cimport (
    MAX_NDIM,
    RELEASE_GIL_NBYTES,
    Odometer,
    advance,
    advance_listed,
    index_t,
    word_t,
)

import math

cnp.import_array()

cdef extern from "stream.h":
    bint zarrcy_can_stream() nogil
    void zarrcy_stream(char* target, const char* source, index_t n) nogil
    void zarrcy_end_stream() nogil

cdef enum:
    # a cache line
    LINE_NBYTES = 64
    # shorter rows do not gain
    STREAM_MIN_NBYTES = 256
    # a tile of 32 x 32 words of 8 bytes is 8 KiB: source and target fit in the L1 cache
    TILE = 32


cdef class ChunkLayout:
    """Where the elements of a chunk lie in a flat buffer.

    Parameters
    ----------
    chunk_shape : tuple of int
        Lengths of the axes, in elements.
    itemsize : int
        Number of bytes that are moved per element.
    order : tuple of int, optional
        The axes from the slowest to the fastest in memory: ``(0, 1, 2)`` is C order, the default, and
        ``(2, 1, 0)`` is Fortran order.
    field : tuple of int, optional
        If only one field of each element is moved: its offset in the element and the size of the element, in bytes.

    Raises
    ------
    ValueError
        If a field is not inside its element, if `order` is not a permutation of the axes, or if the chunk has
        2**62 bytes or more.
    """

    def __cinit__(self, chunk_shape, index_t itemsize, order=None, field=None):
        cdef int axis
        cdef index_t whole
        self.offset, whole = (0, itemsize) if field is None else field
        if itemsize < 0 or self.offset < 0 or self.offset > whole - itemsize:
            raise ValueError(f"a field of {itemsize} bytes at {self.offset} leaves its element of {whole} bytes")
        self.chunk_shape = tuple(chunk_shape)
        self.ndim = len(self.chunk_shape)
        self.order = tuple(range(self.ndim)) if order is None else tuple(order)
        if self.ndim > MAX_NDIM or sorted(self.order) != list(range(self.ndim)):
            raise ValueError(f"{self.order} does not order the axes of chunk shape {self.chunk_shape}")
        self.itemsize = itemsize
        nbytes = int(whole)
        self._strides = <index_t*> PyMem_Malloc(max(1, 3 * self.ndim) * sizeof(index_t))
        if self._strides == NULL:
            raise MemoryError()
        for axis in range(self.ndim):
            self._strides[2 * self.ndim + axis] = self.order[axis]
        for axis in reversed(self.order):
            self._strides[axis] = self.chunk_shape[axis]
            self._strides[self.ndim + axis] = nbytes
            nbytes *= int(self.chunk_shape[axis])
            if nbytes >= 1 << 62:
                raise ValueError(f"a chunk of shape {self.chunk_shape} is larger than memory can be")
        self.nbytes = nbytes

    def __dealloc__(self):
        PyMem_Free(self._strides)

    def __reduce__(self):
        size = self.nbytes // max(1, math.prod(self.chunk_shape))
        return ChunkLayout, (self.chunk_shape, self.itemsize, self.order, (self.offset, size))


cdef inline void _move_words(
    word_t tag, const char* src, index_t src_row, index_t src_step, char* dst, index_t dst_row, index_t dst_step,
    index_t n_rows, index_t n
) noexcept nogil:
    """Move rows of words of the width of `tag`, with memcpy because they may be unaligned."""
    cdef word_t word
    cdef const char* a
    cdef char* b
    cdef index_t _row, _i
    for _row in range(n_rows):
        a = src
        b = dst
        for _i in range(n):
            memcpy(&word, a, sizeof(word_t))
            memcpy(b, &word, sizeof(word_t))
            a += src_step
            b += dst_step
        src += src_row
        dst += dst_row


cdef void _move_rows(
    const char* src, index_t src_row, index_t src_step, char* dst, index_t dst_row, index_t dst_step,
    index_t n_rows, index_t n, index_t itemsize
) noexcept nogil:
    """Move `n_rows` rows of `n` elements; row and step are distances in bytes."""
    cdef index_t row, i
    if src_step == itemsize and dst_step == itemsize:
        for row in range(n_rows):
            memcpy(dst + row * dst_row, src + row * src_row, n * itemsize)
    elif itemsize == 8:
        _move_words(<uint64_t> 0, src, src_row, src_step, dst, dst_row, dst_step, n_rows, n)
    elif itemsize == 4:
        _move_words(<uint32_t> 0, src, src_row, src_step, dst, dst_row, dst_step, n_rows, n)
    elif itemsize == 2:
        _move_words(<uint16_t> 0, src, src_row, src_step, dst, dst_row, dst_step, n_rows, n)
    elif itemsize == 1:
        _move_words(<uint8_t> 0, src, src_row, src_step, dst, dst_row, dst_step, n_rows, n)
    else:
        for row in range(n_rows):
            for i in range(n):
                memcpy(dst + row * dst_row + i * dst_step, src + row * src_row + i * src_step, itemsize)


cdef void _move_plane(
    const char* src, index_t src_row, index_t src_step, char* dst, index_t dst_row, index_t dst_step,
    index_t n_rows, index_t n, index_t itemsize, bint tiled
) noexcept nogil:
    """Move `n_rows` rows of `n` elements, tile by tile if `tiled`."""
    cdef index_t row = 0, column, rows, columns
    if not tiled:
        _move_rows(src, src_row, src_step, dst, dst_row, dst_step, n_rows, n, itemsize)
        return
    # The source is contiguous along the rows, the target along the columns. Going along either misses the cache on
    # the other side; going over small tiles does not.
    while row < n_rows:
        rows = TILE if n_rows - row > TILE else n_rows - row
        column = 0
        while column < n:
            columns = TILE if n - column > TILE else n - column
            _move_rows(
                src + row * src_row + column * src_step, src_row, src_step,
                dst + row * dst_row + column * dst_step, dst_row, dst_step, rows, columns, itemsize,
            )
            column += TILE
        row += TILE


cdef inline index_t _absolute(index_t n) noexcept nogil:
    return -n if n < 0 else n


cdef void _sort_axes(
    Odometer* box, const Side* source, const Side* target, const index_t* counts, int ndim
) noexcept nogil:
    """Set `box` to the axes of more than one element, by falling stride in the target.

    The result is then written in the order of its memory.
    """
    cdef index_t* s = box.source.strides
    cdef index_t* d = box.target.strides
    cdef index_t stride
    cdef int axis, k, n = 0
    for axis in range(ndim):
        if counts[axis] == 1:
            continue
        stride = target.strides[axis]
        k = n
        while k and _absolute(d[k - 1]) < _absolute(stride):
            box.counts[k], s[k], d[k] = box.counts[k - 1], s[k - 1], d[k - 1]
            k -= 1
        box.counts[k], s[k], d[k] = counts[axis], source.strides[axis], stride
        n += 1
    box.ndim = n


cdef void _merge_axes(Odometer* box) noexcept nogil:
    """Merge neighbouring axes that are one run in memory on both sides. `box` has at least one axis."""
    cdef index_t* n = box.counts
    cdef index_t* s = box.source.strides
    cdef index_t* d = box.target.strides
    cdef int axis, k = 0
    for axis in range(1, box.ndim):
        if s[k] == s[axis] * n[axis] and d[k] == d[axis] * n[axis]:
            n[k] *= n[axis]
            s[k], d[k] = s[axis], d[axis]
        else:
            k += 1
            n[k], s[k], d[k] = n[axis], s[axis], d[axis]
    box.ndim = k + 1


cdef bint _prepare_tiles(Odometer* box, index_t itemsize) noexcept nogil:
    """Return whether to move the last two axes in tiles; if so, the source becomes contiguous along the first."""
    cdef index_t* n = box.counts
    cdef index_t* s = box.source.strides
    cdef index_t* d = box.target.strides
    cdef int k, row = box.ndim - 2
    if d[row + 1] != itemsize or s[row + 1] == itemsize:
        return False
    for k in range(row + 1):
        if s[k] == itemsize:
            n[k], n[row] = n[row], n[k]
            s[k], s[row] = s[row], s[k]
            d[k], d[row] = d[row], d[k]
            return True
    return False


cdef void move_box(
    const Side* source, const Side* target, const index_t* counts, int ndim, index_t itemsize
) noexcept nogil:
    """Move a box of elements; all `counts` are at least 1."""
    cdef Odometer box
    cdef index_t* n = box.counts
    cdef index_t* s = box.source.strides
    cdef index_t* d = box.target.strides
    cdef index_t src_row, src_step, dst_row, dst_step, n_rows, n_columns
    cdef int row, axis
    cdef bint tiled
    _sort_axes(&box, source, target, counts, ndim)
    if box.ndim == 0:
        memcpy(target.base, source.base, itemsize)
        return
    _merge_axes(&box)
    if box.ndim == 1:
        _move_rows(source.base, 0, s[0], target.base, 0, d[0], 1, n[0], itemsize)
        return
    tiled = _prepare_tiles(&box, itemsize)
    row = box.ndim - 2
    src_row, src_step, dst_row, dst_step = s[row], s[row + 1], d[row], d[row + 1]
    n_rows, n_columns = n[row], n[row + 1]
    # the odometer runs over the other axes
    box.ndim = row
    box.source.offset = box.target.offset = 0
    for axis in range(row):
        box.at[axis] = 0
    while True:
        _move_plane(
            source.base + box.source.offset, src_row, src_step, target.base + box.target.offset, dst_row, dst_step,
            n_rows, n_columns, itemsize, tiled,
        )
        if not advance(&box):
            return


cdef void _move_listed_run(
    const char* src, const index_t* src_at, index_t src_step,
    char* dst, const index_t* dst_at, index_t dst_step, index_t n, index_t itemsize
) noexcept nogil:
    """Move `n` elements between listed positions; a NULL list means 0, 1, 2 ..."""
    cdef index_t i, a, b
    for i in range(n):
        a = (i if src_at == NULL else src_at[i]) * src_step
        b = (i if dst_at == NULL else dst_at[i]) * dst_step
        if itemsize == 8:
            memcpy(dst + b, src + a, 8)
        elif itemsize == 4:
            memcpy(dst + b, src + a, 4)
        else:
            memcpy(dst + b, src + a, itemsize)


cdef inline bint _is_listed(const Side* source, const Side* target, int axis) noexcept nogil:
    return source.lists[axis] != NULL or target.lists[axis] != NULL


cdef int _fastest_listed(
    const Side* source, const Side* target, const index_t* counts, int ndim
) noexcept nogil:
    """Return the axis with the smallest stride in the target if it is listed, else -1."""
    cdef int axis, fastest = -1
    cdef index_t stride, least = 0
    for axis in range(ndim):
        stride = _absolute(target.strides[axis])
        if counts[axis] > 1 and (fastest < 0 or stride <= least):
            fastest, least = axis, stride
    return fastest if fastest >= 0 and _is_listed(source, target, fastest) else -1


cdef void move_outer(
    const Side* source, const Side* target, const index_t* counts, int ndim, index_t itemsize
) noexcept nogil:
    """Move an outer product of ranges and lists; all `counts` are at least 1.

    The odometer runs over listed axes, entry by entry. Inside of it is a box of the other axes or, if a listed axis
    is the fastest in the target, a run along its list.
    """
    cdef Odometer entries
    cdef index_t box_counts[MAX_NDIM]
    cdef Side src = source[0]
    cdef Side dst = target[0]
    cdef int axis, k = 0, fastest = _fastest_listed(source, target, counts, ndim)
    entries.source.offset = entries.target.offset = 0
    for axis in range(ndim):
        box_counts[axis] = counts[axis]
        if axis == fastest or (fastest < 0 and not _is_listed(source, target, axis)):
            continue
        box_counts[axis] = 1
        entries.counts[k], entries.at[k] = counts[axis], 0
        entries.source.lists[k], entries.source.strides[k] = source.lists[axis], source.strides[axis]
        entries.target.lists[k], entries.target.strides[k] = target.lists[axis], target.strides[axis]
        if source.lists[axis] != NULL:
            entries.source.offset += source.lists[axis][0] * source.strides[axis]
        if target.lists[axis] != NULL:
            entries.target.offset += target.lists[axis][0] * target.strides[axis]
        k += 1
    entries.ndim = k
    while True:
        src.base = source.base + entries.source.offset
        dst.base = target.base + entries.target.offset
        if fastest >= 0:
            _move_listed_run(
                src.base, source.lists[fastest], source.strides[fastest],
                dst.base, target.lists[fastest], target.strides[fastest], counts[fastest], itemsize,
            )
        else:
            move_box(&src, &dst, box_counts, ndim, itemsize)
        if not advance_listed(&entries):
            return


cdef void fill_run(char* dst, index_t n, const char* item, index_t itemsize) noexcept nogil:
    """Fill contiguous memory with `n` copies of `item`."""
    cdef index_t done = itemsize, total = n * itemsize, k
    cdef bint uniform = True
    if total == 0:
        return
    for k in range(1, itemsize):
        if item[k] != item[0]:
            uniform = False
            break
    if uniform:
        memset(dst, item[0], total)
        return
    memcpy(dst, item, itemsize)
    while done < total:
        k = done if done < total - done else total - done
        if k > 65536:
            k = 65536 // itemsize * itemsize if itemsize <= 65536 else itemsize
        memcpy(dst + done, dst, k)
        done += k


cdef tuple _shape_of(cnp.ndarray array):
    return tuple([cnp.PyArray_DIM(array, axis) for axis in range(cnp.PyArray_NDIM(array))])


cdef object _chunk_shape_error(Plan plan, ChunkLayout layout):
    return IndexError(
        f"the layout has chunks of shape {layout.chunk_shape}, the grid of the plan has {plan.grid.chunk_shape}"
    )


cdef int check_outer(OuterPlan plan, ChunkLayout layout, cnp.ndarray result) except -1:
    """Raise IndexError unless plan, layout and result have the same chunk shape and result shape."""
    cdef AxisCut* cut
    cdef int axis, kept = 0
    if layout.ndim != plan.ndim:
        raise IndexError(f"the chunk layout has {layout.ndim} axes, the plan has {plan.ndim}")
    for axis in range(plan.ndim):
        cut = &plan._cuts[axis]
        if layout._strides[axis] != cut.chunk_len:
            raise _chunk_shape_error(plan, layout)
        if cut.chosen.dropped and cut.rows == NULL:
            continue
        if kept >= cnp.PyArray_NDIM(result) or cnp.PyArray_DIM(result, kept) != cut.chosen.count:
            raise IndexError(
                f"the result has shape {_shape_of(result)}; axis {kept} must have {cut.chosen.count} elements, as many "
                f"as are selected along axis {axis} of the array"
            )
        kept += 1
    if kept != cnp.PyArray_NDIM(result):
        raise IndexError(f"the result has {cnp.PyArray_NDIM(result)} axes, the selection has {kept}")
    return 0


cdef int place_outer(
    OuterPlan plan, index_t number, ChunkLayout layout, char* result, const cnp.npy_intp* result_strides,
    Side* chunk, Side* out, index_t* counts
) except -1 nogil:
    """Find where a piece lies in its chunk and in the result. The caller has called `check_outer`.

    The base of `chunk` is an offset from NULL: the caller adds it to the memory of the chunk.
    """
    cdef Piece pieces[MAX_NDIM]
    cdef AxisCut* cut
    cdef int axis, kept = 0
    cdef index_t stride, offset = layout.offset, out_offset = 0
    plan.locate(number, pieces)
    for axis in range(plan.ndim):
        cut = &plan._cuts[axis]
        counts[axis] = pieces[axis].count
        chunk.lists[axis] = out.lists[axis] = NULL
        if cut.rows != NULL:
            # the split checked that the entries are inside the axis
            chunk.lists[axis] = cut.within + pieces[axis].out
            out.lists[axis] = cut.out + pieces[axis].out
            chunk.strides[axis] = layout._strides[layout.ndim + axis]
            out.strides[axis] = result_strides[kept]
            kept += 1
            continue
        if (pieces[axis].within < 0 or pieces[axis].count < 1 or
                pieces[axis].within + (pieces[axis].count - 1) * cut.chosen.step >= layout._strides[axis]):
            with gil:
                raise IndexError(f"piece {number} leaves its chunk on axis {axis}")
        stride = layout._strides[layout.ndim + axis]
        offset += pieces[axis].within * stride
        chunk.strides[axis] = stride * cut.chosen.step
        if cut.chosen.dropped:
            out.strides[axis] = 0
            continue
        stride = result_strides[kept]
        if cut.chosen.flipped:
            out_offset += (cut.chosen.count - 1 - pieces[axis].out) * stride
            stride = -stride
        else:
            out_offset += pieces[axis].out * stride
        out.strides[axis] = stride
        kept += 1
    chunk.base = <char*> NULL + offset
    out.base = result + out_offset
    return 0


cdef int _bind(
    OuterPlan plan, index_t number, ChunkLayout layout, cnp.ndarray result,
    Side* chunk, Side* out, index_t* counts
) except -1:
    """Check plan, layout and result, then find where a piece lies."""
    check_outer(plan, layout, result)
    return place_outer(
        plan, number, layout, cnp.PyArray_BYTES(result), cnp.PyArray_STRIDES(result), chunk, out, counts
    )


cdef char* line_of(Plan plan, cnp.ndarray result, index_t* step) except NULL:
    """Return the memory of a result that has one axis, and set `step` to its stride in bytes."""
    if cnp.PyArray_NDIM(result) != 1 or cnp.PyArray_DIM(result, 0) != plan.n_elements:
        raise IndexError(f"the result has shape {_shape_of(result)}, the selection has ({plan.n_elements},)")
    step[0] = cnp.PyArray_STRIDE(result, 0)
    return cnp.PyArray_BYTES(result)


cdef inline index_t _n_elements(const index_t* counts, int ndim) noexcept nogil:
    cdef index_t total = 1
    cdef int axis
    for axis in range(ndim):
        total *= counts[axis]
    return total


cdef int _open_memory(object chunk, bint writable, Py_buffer* view, char** base, index_t* nbytes) except -1:
    """Find the bytes of `chunk`. Returns 1 if the caller must release `view`."""
    cdef cnp.ndarray array
    if isinstance(chunk, cnp.ndarray):
        # the buffer protocol refuses datetime64 and read-only broadcasts
        array = <cnp.ndarray> chunk
        if not cnp.PyArray_IS_C_CONTIGUOUS(array):
            raise ValueError("the memory of a chunk must be contiguous")
        if writable and not cnp.PyArray_ISWRITEABLE(array):
            raise ValueError("the chunk is read-only")
        base[0] = cnp.PyArray_BYTES(array)
        nbytes[0] = cnp.PyArray_NBYTES(array)
        return 0
    PyObject_GetBuffer(chunk, view, PyBUF_WRITABLE if writable else PyBUF_SIMPLE)
    base[0] = <char*> view.buf
    nbytes[0] = view.len
    return 1


cdef void move_piece(
    const Side* source, const Side* target, const index_t* counts, int ndim, index_t itemsize, bint listed
) noexcept nogil:
    """Move a box, or an outer product with lists if `listed`."""
    if listed:
        move_outer(source, target, counts, ndim, itemsize)
    else:
        move_box(source, target, counts, ndim, itemsize)


cdef bint stream_piece(
    const Side* source, const Side* target, const index_t* counts, int ndim, index_t itemsize
) noexcept nogil:
    """Move a box past the cache, because the target is large. False if it has no rows of whole cache lines."""
    cdef Odometer box
    cdef index_t nbytes
    cdef int axis, last
    if not zarrcy_can_stream() or <uintptr_t> target.base % LINE_NBYTES:
        return False
    _sort_axes(&box, source, target, counts, ndim)
    if box.ndim == 0:
        return False
    _merge_axes(&box)
    last = box.ndim - 1
    nbytes = box.counts[last] * itemsize
    if (
        box.source.strides[last] != itemsize or box.target.strides[last] != itemsize
        or nbytes < STREAM_MIN_NBYTES or nbytes % LINE_NBYTES
    ):
        return False
    for axis in range(last):
        if box.target.strides[axis] % LINE_NBYTES:
            return False
        box.at[axis] = 0
    # the odometer runs over the other axes
    box.ndim = last
    box.source.offset = box.target.offset = 0
    while True:
        zarrcy_stream(target.base + box.target.offset, source.base + box.source.offset, nbytes)
        if not advance(&box):
            break
    zarrcy_end_stream()
    return True


cdef object _itemsize_error(cnp.ndarray result, ChunkLayout layout):
    return ValueError(
        f"elements of the result have {cnp.PyArray_ITEMSIZE(result)} bytes, those of the chunk have {layout.itemsize}"
    )


cdef int _transfer(
    Plan plan, index_t number, object memory, ChunkLayout layout, cnp.ndarray result, bint to_chunk
) except -1:
    """Move one piece between `memory` and `result`. Returns 0 if `memory` does not have the length of a chunk."""
    cdef Py_buffer view
    cdef char* base
    cdef char* line
    cdef index_t nbytes, step = 0
    cdef bint held
    if cnp.PyArray_ITEMSIZE(result) != layout.itemsize:
        raise _itemsize_error(result, layout)
    held = _open_memory(memory, to_chunk, &view, &base, &nbytes)
    try:
        if nbytes != layout.nbytes:
            return 0
        if type(plan) is OuterPlan:
            _transfer_outer(<OuterPlan> plan, number, base, layout, result, to_chunk)
        else:
            check_layout(plan, layout)
            line = line_of(plan, result, &step)
            with nogil:
                plan.move(
                    number, base + layout.offset, layout._strides + layout.ndim, layout.itemsize, line, step, to_chunk
                )
    finally:
        if held:
            PyBuffer_Release(&view)
    return 1


cdef int check_layout(Plan plan, ChunkLayout layout) except -1:
    """Raise IndexError unless plan and layout have the same chunk shape."""
    if layout.chunk_shape != plan.grid.chunk_shape:
        raise _chunk_shape_error(plan, layout)
    return 0


cdef int _transfer_outer(
    OuterPlan plan, index_t number, char* base, ChunkLayout layout, cnp.ndarray result, bint to_chunk
) except -1:
    cdef Side chunk
    cdef Side out
    cdef index_t counts[MAX_NDIM]
    cdef const Side* source = &out if to_chunk else &chunk
    cdef const Side* target = &chunk if to_chunk else &out
    _bind(plan, number, layout, result, &chunk, &out, counts)
    chunk.base = base + (chunk.base - <char*> NULL)
    if _n_elements(counts, plan.ndim) * layout.itemsize >= RELEASE_GIL_NBYTES:
        with nogil:
            move_piece(source, target, counts, plan.ndim, layout.itemsize, plan.has_lists)
    else:
        move_piece(source, target, counts, plan.ndim, layout.itemsize, plan.has_lists)
    return 0


cdef void fill_box(
    const Side* out, const index_t* counts, int ndim, const char* item, index_t itemsize, bint listed
) noexcept nogil:
    """Set a box of a result to one element; all `counts` are at least 1."""
    cdef Side chunk
    cdef int axis
    cdef index_t run = itemsize
    # the usual case, a whole result, is one run of memory: it is filled at the speed of memset
    for axis in range(ndim - 1, -1, -1):
        if counts[axis] != 1 or out.lists[axis] != NULL:
            if out.strides[axis] != run or out.lists[axis] != NULL:
                break
            run *= counts[axis]
    else:
        fill_run(out.base, run // itemsize if itemsize else 0, item, itemsize)
        return
    for axis in range(ndim):
        chunk.strides[axis] = 0
        chunk.lists[axis] = NULL
    chunk.base = <char*> item
    move_piece(&chunk, out, counts, ndim, itemsize, listed)


cdef bint whole_run(
    OuterPlan plan, ChunkLayout layout, const Side* chunk, const Side* out, const index_t* counts
) noexcept nogil:
    """Return whether a piece is a whole chunk that lies in the result as it lies in the chunk, in one run."""
    cdef int axis
    # a piece of one field has fewer bytes than its chunk
    if plan.has_lists or _n_elements(counts, plan.ndim) * layout.itemsize != layout.nbytes:
        return False
    for axis in range(plan.ndim):
        if counts[axis] != layout._strides[axis]:
            return False
        if counts[axis] != 1 and (
                out.strides[axis] != layout._strides[layout.ndim + axis] or chunk.strides[axis] != out.strides[axis]):
            return False
    return True


cdef const char* _item_of(bytes item, ChunkLayout layout) except? NULL:
    """Return the bytes of a fill item, and raise ValueError if it does not have the size of an element."""
    if len(item) != layout.itemsize:
        raise ValueError(f"the fill item has {len(item)} bytes, an element has {layout.itemsize}")
    return <const char*> item


def gather(Plan plan, index_t number, chunk, ChunkLayout layout, cnp.ndarray out not None):
    """Move one piece from a chunk to its place in a result.

    Parameters
    ----------
    plan : Plan
        The pieces.
    number : int
        Number of the piece.
    chunk : buffer
        The decoded chunk, contiguous.
    layout : ChunkLayout
        Where the elements lie in `chunk`.
    out : ndarray
        The result, in the shape of the selection.

    Returns
    -------
    bool
        False, and nothing is moved, if `chunk` does not have the length of a chunk.
    """
    return _transfer(plan, number, chunk, layout, out, False) != 0


def scatter(Plan plan, index_t number, chunk, ChunkLayout layout, cnp.ndarray value not None):
    """Move one piece from its place in a value to a chunk.

    Parameters
    ----------
    plan : Plan
        The pieces.
    number : int
        Number of the piece.
    chunk : buffer
        The decoded chunk, contiguous and writable.
    layout : ChunkLayout
        Where the elements lie in `chunk`.
    value : ndarray
        The elements to write, in the shape of the selection.

    Returns
    -------
    bool
        False, and nothing is moved, if `chunk` does not have the length of a chunk.
    """
    return _transfer(plan, number, chunk, layout, value, True) != 0


def fill_piece(Plan plan, index_t number, ChunkLayout layout, cnp.ndarray out not None, bytes item):
    """Set the place of one piece in a result to one element.

    Parameters
    ----------
    plan : Plan
        The pieces.
    number : int
        Number of the piece.
    layout : ChunkLayout
        The layout of chunks.
    out : ndarray
        The result, in the shape of the selection.
    item : bytes or None
        The bytes of the element; None leaves `out` as it is.
    """
    cdef Side chunk
    cdef Side side
    cdef index_t counts[MAX_NDIM]
    cdef index_t strides[MAX_NDIM]
    cdef index_t step = 0
    cdef char* line
    cdef const char* at
    cdef int axis
    if item is None:
        return
    if cnp.PyArray_ITEMSIZE(out) != layout.itemsize:
        raise _itemsize_error(out, layout)
    at = _item_of(item, layout)
    if type(plan) is OuterPlan:
        _bind(<OuterPlan> plan, number, layout, out, &chunk, &side, counts)
        with nogil:
            fill_box(&side, counts, plan.ndim, at, layout.itemsize, (<OuterPlan> plan).has_lists)
        return
    # strides of 0: every element of the chunk is `item`
    for axis in range(layout.ndim):
        strides[axis] = 0
    line = line_of(plan, out, &step)
    plan.move(number, <char*> at, strides, layout.itemsize, line, step, False)


def gather_many(
    Plan plan, index_t first, list chunks, ChunkLayout layout, cnp.ndarray out not None, bytes item
):
    """Move consecutive pieces from a list of chunks to their places in a result.

    Parameters
    ----------
    plan : Plan
        The pieces.
    first : int
        Number of the first piece.
    chunks : list of buffer or None
        The decoded chunks of the pieces. None means a missing chunk: its piece is set to `item`.
    layout : ChunkLayout
        Where the elements lie in a chunk.
    out : ndarray
        The result, in the shape of the selection.
    item : bytes or None
        The element of missing chunks; None leaves `out` as it is.

    Returns
    -------
    int
        -1, or the position in the list of the first chunk that does not have the length of a chunk.
    """
    cdef index_t i
    for i in range(len(chunks)):
        chunk = chunks[i]
        if chunk is None:
            fill_piece(plan, first + i, layout, out, item)
        elif not _transfer(plan, first + i, chunk, layout, out, False):
            return i
    return -1


def run_of_piece(Plan plan, index_t number, ChunkLayout layout, cnp.ndarray out not None):
    """Return the byte offset in `out` of a piece that is a whole chunk.

    Returns -1 unless the piece is one run of `out` that has the layout of the chunk.
    """
    cdef Side chunk
    cdef Side side
    cdef index_t counts[MAX_NDIM]
    if type(plan) is not OuterPlan or (<OuterPlan> plan).has_lists:
        return -1
    if cnp.PyArray_ITEMSIZE(out) != layout.itemsize:
        return -1
    _bind(<OuterPlan> plan, number, layout, out, &chunk, &side, counts)
    if not whole_run(<OuterPlan> plan, layout, &chunk, &side, counts):
        return -1
    return side.base - cnp.PyArray_BYTES(out)
