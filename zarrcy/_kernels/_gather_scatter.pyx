"""Partial chunk iteration: walk the pieces of a plan and move elements between chunk and result.

A piece is a strided box in the chunk and another in the result. Axes are ordered, merged and then
walked in runs: memcpy where a run is contiguous on both sides, word by word otherwise.
`_reference` says the same in numpy.
"""

cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from zarrcy._kernels._plan_outer cimport AxisCut, OuterPlan, Piece, Plan
from zarrcy._kernels._types cimport MAX_NDIM, index_t, word_t

import math

cnp.import_array()

cdef enum:
    TILE = 32                        # a 32 x 32 tile of 8-byte words is 8 KiB: source and target fit in L1
    RELEASE = 32768                  # bytes from which letting go of the GIL is worth its price


cdef class ChunkLayout:
    """Where the elements of a chunk lie in a flat buffer.

    `order` lists the axes from the slowest to the fastest in memory: `(0, 1, 2)` is C order and
    `(2, 1, 0)` is Fortran order. `field` is the offset of what is moved in the elements of the chunk,
    and their size, where not the whole elements are moved.
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
    """Move rows of words of the width of `tag`. Memory may be unaligned, so memcpy does it."""
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
    cdef index_t row = 0, column, rows, columns
    if not tiled:
        _move_rows(src, src_row, src_step, dst, dst_row, dst_step, n_rows, n, itemsize)
        return
    # the source is contiguous along the rows, the target along the columns: a walk along either
    # misses the cache on the other side, a walk over small tiles does not
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


cdef void move_box(
    const Side* source, const Side* target, const index_t* counts, int ndim, index_t itemsize
) noexcept nogil:
    """Move a box of elements; `counts` has no zero."""
    cdef index_t n[MAX_NDIM]
    cdef index_t s[MAX_NDIM]
    cdef index_t d[MAX_NDIM]
    cdef index_t at[MAX_NDIM]
    cdef const char* src = source.base
    cdef char* dst = target.base
    cdef index_t count, a, b
    cdef int axis, k, m = 0, outer
    cdef bint tiled = False
    for axis in range(ndim):
        count = counts[axis]
        if count == 1:
            continue
        a = source.strides[axis]
        b = target.strides[axis]
        # insert by stride in the target, largest first: the result is written in the order of memory
        k = m
        while k and (-d[k - 1] if d[k - 1] < 0 else d[k - 1]) < (-b if b < 0 else b):
            n[k], s[k], d[k] = n[k - 1], s[k - 1], d[k - 1]
            k -= 1
        n[k], s[k], d[k] = count, a, b
        m += 1
    if m == 0:
        memcpy(dst, src, itemsize)
        return
    # merge neighbours that are one run in memory on both sides
    k = 0
    for axis in range(1, m):
        if s[k] == s[axis] * n[axis] and d[k] == d[axis] * n[axis]:
            n[k] *= n[axis]
            s[k], d[k] = s[axis], d[axis]
        else:
            k += 1
            n[k], s[k], d[k] = n[axis], s[axis], d[axis]
    m = k + 1
    if m == 1:
        _move_rows(src, 0, s[0], dst, 0, d[0], 1, n[0], itemsize)
        return
    if d[m - 1] == itemsize and s[m - 1] != itemsize:
        for k in range(m - 1):
            if s[k] == itemsize:
                n[k], n[m - 2] = n[m - 2], n[k]
                s[k], s[m - 2] = s[m - 2], s[k]
                d[k], d[m - 2] = d[m - 2], d[k]
                tiled = True
                break
    outer = m - 2
    for k in range(outer):
        at[k] = 0
    while True:
        _move_plane(src, s[m - 2], s[m - 1], dst, d[m - 2], d[m - 1], n[m - 2], n[m - 1], itemsize, tiled)
        k = outer - 1
        while k >= 0:
            at[k] += 1
            src += s[k]
            dst += d[k]
            if at[k] < n[k]:
                break
            src -= s[k] * n[k]
            dst -= d[k] * n[k]
            at[k] = 0
            k -= 1
        if k < 0:
            return


cdef inline index_t _position(const Side* side, int axis, index_t i) noexcept nogil:
    if side.lists[axis] != NULL:
        i = side.lists[axis][i]
    return i * side.strides[axis]


cdef void _move_listed_run(
    const char* src, const index_t* src_at, index_t src_step,
    char* dst, const index_t* dst_at, index_t dst_step, index_t n, index_t itemsize
) noexcept nogil:
    """Move `n` elements from and to listed positions; NULL lists are 0, 1, 2 ..."""
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


cdef void move_outer(
    const Side* source, const Side* target, const index_t* counts, int ndim, index_t itemsize
) noexcept nogil:
    """Move an outer product of ranges and lists; `counts` has no zero.

    Listed axes are walked entry by entry. What is left inside is a box of the other axes, or, where a
    listed axis is the fastest in the target, a run along its list.
    """
    cdef index_t inner_counts[MAX_NDIM]
    cdef index_t at[MAX_NDIM]
    cdef int walked[MAX_NDIM]
    cdef int axis, k, n_walked = 0, fastest = -1
    cdef Side src = source[0]
    cdef Side dst = target[0]
    cdef index_t i, stride, least = 0
    for axis in range(ndim):
        inner_counts[axis] = counts[axis]
        stride = target.strides[axis] if target.strides[axis] >= 0 else -target.strides[axis]
        if counts[axis] > 1 and (fastest < 0 or stride <= least):
            fastest, least = axis, stride
    if fastest >= 0 and source.lists[fastest] == NULL and target.lists[fastest] == NULL:
        fastest = -1
    for axis in range(ndim):
        if axis != fastest and (fastest >= 0 or source.lists[axis] != NULL or target.lists[axis] != NULL):
            walked[n_walked] = axis
            at[n_walked] = 0
            n_walked += 1
            inner_counts[axis] = 1
            src.base += _position(source, axis, 0)
            dst.base += _position(target, axis, 0)
    while True:
        if fastest >= 0:
            _move_listed_run(
                src.base, source.lists[fastest], source.strides[fastest],
                dst.base, target.lists[fastest], target.strides[fastest], counts[fastest], itemsize,
            )
        else:
            move_box(&src, &dst, inner_counts, ndim, itemsize)
        k = n_walked - 1
        while k >= 0:
            axis = walked[k]
            i = at[k] + 1
            if i == counts[axis]:
                i = 0
            src.base += _position(source, axis, i) - _position(source, axis, at[k])
            dst.base += _position(target, axis, i) - _position(target, axis, at[k])
            at[k] = i
            if i:
                break
            k -= 1
        if k < 0:
            return


cdef void fill_run(char* dst, index_t n, const char* item, index_t itemsize) noexcept nogil:
    """Repeat `item` `n` times in contiguous memory."""
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


cdef int check_outer(OuterPlan plan, ChunkLayout layout, cnp.ndarray result) except -1:
    """Check that the pieces of a plan lie in chunks of a layout, and in a result of its shape."""
    cdef AxisCut* cut
    cdef int axis, kept = 0
    if layout.ndim != plan.ndim:
        raise IndexError(f"a chunk of rank {layout.ndim} for a plan of rank {plan.ndim}")
    for axis in range(plan.ndim):
        cut = &plan._cuts[axis]
        if layout._strides[axis] != cut.chunk_len:
            raise IndexError(f"a layout of chunks of {layout.chunk_shape} on a grid of {plan.grid.chunk_shape}")
        if cut.chosen.dropped and cut.rows == NULL:
            continue
        if kept >= cnp.PyArray_NDIM(result) or cnp.PyArray_DIM(result, kept) != cut.chosen.count:
            raise IndexError(f"the result has not the shape of the selection on axis {axis}")
        kept += 1
    if kept != cnp.PyArray_NDIM(result):
        raise IndexError(f"the result has {cnp.PyArray_NDIM(result)} axes where the selection has {kept}")
    return 0


cdef int place_outer(
    OuterPlan plan, index_t number, ChunkLayout layout, char* result, const cnp.npy_intp* result_strides,
    Side* chunk, Side* out, index_t* counts
) except -1 nogil:
    """Find the two boxes of a piece; that of the chunk as an offset from NULL. `check_outer` went before."""
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
            # the entries were checked against the axis when the list was cut
            chunk.lists[axis] = cut.within + pieces[axis].out
            out.lists[axis] = cut.out + pieces[axis].out
            chunk.strides[axis] = layout._strides[layout.ndim + axis]
            out.strides[axis] = result_strides[kept]
            kept += 1
            continue
        if (pieces[axis].within < 0 or pieces[axis].count < 1 or
                pieces[axis].within + (pieces[axis].count - 1) * cut.chosen.step >= layout._strides[axis]):
            with gil:
                raise IndexError(f"piece {number} leaves the chunk on axis {axis}")
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
    check_outer(plan, layout, result)
    return place_outer(
        plan, number, layout, cnp.PyArray_BYTES(result), cnp.PyArray_STRIDES(result), chunk, out, counts
    )


cdef char* line_of(Plan plan, cnp.ndarray result, index_t* step) except NULL:
    """Find base and step, in bytes, of the result of a plan whose result has one axis."""
    if cnp.PyArray_NDIM(result) != 1 or cnp.PyArray_DIM(result, 0) != plan.n_elements:
        raise IndexError(f"the result has not the shape ({plan.n_elements},) of the selection")
    step[0] = cnp.PyArray_STRIDE(result, 0)
    return cnp.PyArray_BYTES(result)


cdef inline index_t _n_elements(const index_t* counts, int ndim) noexcept nogil:
    cdef index_t total = 1
    cdef int axis
    for axis in range(ndim):
        total *= counts[axis]
    return total


cdef int _open_memory(object chunk, bint writable, Py_buffer* view, char** base, index_t* nbytes) except -1:
    """Find where the bytes of `chunk` are. Returns 1 if `view` must be released."""
    cdef cnp.ndarray array
    if isinstance(chunk, cnp.ndarray):
        # not through the buffer protocol: it refuses datetime64 and read-only broadcasts
        array = <cnp.ndarray> chunk
        if not cnp.PyArray_IS_C_CONTIGUOUS(array):
            raise ValueError("a chunk must lie in one contiguous run of memory")
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
    if listed:
        move_outer(source, target, counts, ndim, itemsize)
    else:
        move_box(source, target, counts, ndim, itemsize)


cdef int _transfer(
    Plan plan, index_t number, object memory, ChunkLayout layout, cnp.ndarray result, bint to_chunk
) except -1:
    """Move one piece; 0 if the memory is not as long as the chunk."""
    cdef Py_buffer view
    cdef char* base
    cdef char* line
    cdef index_t nbytes, step = 0
    cdef bint held
    if cnp.PyArray_ITEMSIZE(result) != layout.itemsize:
        raise ValueError(f"items of {cnp.PyArray_ITEMSIZE(result)} bytes where the chunk has {layout.itemsize}")
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
    if layout.chunk_shape != plan.grid.chunk_shape:
        raise IndexError(f"a layout of chunks of shape {layout.chunk_shape}; the grid has {plan.grid.chunk_shape}")
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
    if _n_elements(counts, plan.ndim) * layout.itemsize >= RELEASE:
        with nogil:
            move_piece(source, target, counts, plan.ndim, layout.itemsize, plan.has_lists)
    else:
        move_piece(source, target, counts, plan.ndim, layout.itemsize, plan.has_lists)
    return 0


cdef void fill_box(
    const Side* out, const index_t* counts, int ndim, const char* item, index_t itemsize, bint listed
) noexcept nogil:
    """Set a box of a result to one element; `counts` has no zero."""
    cdef Side chunk
    cdef int axis
    cdef index_t run = itemsize
    # a region that is one run of memory (the usual case: a whole result) is filled at the speed of memset
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
    """Is a piece a whole chunk, and one run of the result, in the layout of the chunk?"""
    cdef int axis
    # of a field there is less in a piece than in its chunk
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
    if len(item) != layout.itemsize:
        raise ValueError(f"a fill item of {len(item)} bytes where elements have {layout.itemsize}")
    return <const char*> item


def gather(Plan plan, index_t number, chunk, ChunkLayout layout, cnp.ndarray out not None):
    return _transfer(plan, number, chunk, layout, out, False) != 0


def scatter(Plan plan, index_t number, chunk, ChunkLayout layout, cnp.ndarray value not None):
    return _transfer(plan, number, chunk, layout, value, True) != 0


def fill_piece(Plan plan, index_t number, ChunkLayout layout, cnp.ndarray out not None, bytes item):
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
        raise ValueError(f"items of {cnp.PyArray_ITEMSIZE(out)} bytes where the chunk has {layout.itemsize}")
    at = _item_of(item, layout)
    if type(plan) is OuterPlan:
        _bind(<OuterPlan> plan, number, layout, out, &chunk, &side, counts)
        with nogil:
            fill_box(&side, counts, plan.ndim, at, layout.itemsize, (<OuterPlan> plan).has_lists)
        return
    # every element of the chunk is the same one: strides of 0
    for axis in range(layout.ndim):
        strides[axis] = 0
    line = line_of(plan, out, &step)
    plan.move(number, <char*> at, strides, layout.itemsize, line, step, False)


def gather_many(
    Plan plan, index_t first, list chunks, ChunkLayout layout, cnp.ndarray out not None, bytes item
):
    cdef index_t i
    for i in range(len(chunks)):
        chunk = chunks[i]
        if chunk is None:
            fill_piece(plan, first + i, layout, out, item)
        elif not _transfer(plan, first + i, chunk, layout, out, False):
            return i
    return -1


def run_of_piece(Plan plan, index_t number, ChunkLayout layout, cnp.ndarray out not None):
    """Byte offset in `out` of a piece that is a whole chunk in one run, in the layout of the chunk; else -1."""
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
