"""Plans of points and masks: find the chunk of each selected element, and move elements one by one.

The result of such a plan has one axis. Points are sorted by chunk once, when the plan is made. A mask is never turned
into coordinates: the plan keeps one number per row of each chunk and, if few elements are selected, the column of each
selected element in its row; of a dense mask it keeps a copy. `_reference` is the same in NumPy.

A plan shares no memory with its arguments: another thread may change them, and the result that a read fills may overlap
them.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from zarrcy._kernels._plan_outer cimport Grid, Plan, check_number, count_distinct, sort_by_key, touch_pages
from zarrcy._kernels._types cimport MAX_NDIM, Blocks, Odometer, advance, ceil_div, index_t, mark_run, room_for

import numpy as np

cnp.import_array()

cdef index_t MOST_CHUNKS = <index_t> 1 << 62
cdef index_t MOST_COLUMNS = 0xFFFFFFFF       # of a chunk whose columns fit in 32 bits
cdef enum:
    STEP = 0x10000                           # elements between two checks for signals
    MASK_STEP = 0x400000                     # the same for the flags of a mask, which take less time
cdef uint64_t ONES = 0x0101010101010101      # a one in each of eight bytes


cdef inline void _move_item(char* chunk, char* at, index_t itemsize, bint to_chunk) noexcept nogil:
    cdef char* dst = chunk if to_chunk else at
    cdef const char* src = at if to_chunk else chunk
    if itemsize == 8:
        memcpy(dst, src, 8)
    elif itemsize == 4:
        memcpy(dst, src, 4)
    elif itemsize == 1:
        dst[0] = src[0]
    else:
        memcpy(dst, src, itemsize)


# -- points ----------------------------------------------------------------------------------------

cdef class PointsPlan(Plan):
    """Points, sorted by chunk. The points of one chunk keep the order in which they were given."""
    cdef index_t* _coords            # of all points, axis after axis
    cdef index_t* _order             # points, sorted by chunk
    cdef index_t* _first             # per piece: its first position in `_order`; then the end

    def __dealloc__(self):
        PyMem_Free(self._coords)
        PyMem_Free(self._order)
        PyMem_Free(self._first)

    @property
    def shape(self):
        """Shape of the result: the number of points."""
        return (self.n_elements,)

    cdef int find_chunk(self, index_t number, index_t* coords) except -1 nogil:
        cdef int axis
        cdef index_t point
        check_number(self, number)
        point = self._order[self._first[number]]
        for axis in range(self.ndim):
            coords[axis] = self._coords[axis * self.n_elements + point] // self.grid._lengths[self.ndim + axis]
        return 0

    cdef index_t size_of(self, index_t number) except -1 nogil:
        check_number(self, number)
        return self._first[number + 1] - self._first[number]

    cdef index_t count_covered(self, index_t number, index_t inside) except -1:
        cdef index_t n = self._first[number + 1] - self._first[number], k, point, chunk_len
        cdef index_t[::1] numbers
        cdef int axis
        if n < inside:
            return n
        keys = np.empty(n, np.int64)
        numbers = keys
        for k in range(n):
            if not k % STEP:
                PyErr_CheckSignals()
            point = self._order[self._first[number] + k]
            numbers[k] = 0
            for axis in range(self.ndim):
                chunk_len = self.grid._lengths[self.ndim + axis]
                numbers[k] = numbers[k] * chunk_len + self._coords[axis * self.n_elements + point] % chunk_len
        chunk_len = 1
        for axis in range(self.ndim):
            chunk_len *= self.grid._lengths[self.ndim + axis]
        return count_distinct(&numbers[0], n, chunk_len) if n else 0

    cdef int mark_blocks(
        self, index_t number, index_t offset, const index_t* strides, index_t itemsize, Blocks* blocks
    ) except -1 nogil:
        cdef index_t k, start
        start = _chunk_start(self, number, strides)
        for k in range(self._first[number], self._first[number + 1]):
            mark_run(blocks, offset - start + _offset_of(self, self._order[k], strides), itemsize)
        return 0

    cdef int list_places(
        self, index_t number, index_t offset, const index_t* strides, index_t* offsets, index_t* targets
    ) except -1 nogil:
        cdef index_t k, point, start, first = self._first[number]
        start = _chunk_start(self, number, strides)
        for k in range(first, self._first[number + 1]):
            point = self._order[k]
            offsets[k - first] = offset - start + _offset_of(self, point, strides)
            targets[k - first] = point
        return 0

    cdef int move(
        self, index_t number, char* chunk, const index_t* strides, index_t itemsize, char* line, index_t step,
        bint to_chunk
    ) except -1 nogil:
        cdef index_t k, point, start
        start = _chunk_start(self, number, strides)
        for k in range(self._first[number], self._first[number + 1]):
            point = self._order[k]
            _move_item(chunk + (_offset_of(self, point, strides) - start), line + point * step, itemsize, to_chunk)
        return 0


cdef index_t _chunk_start(PointsPlan plan, index_t number, const index_t* strides) except? -1 nogil:
    """Return the sum of the coordinates of the first element of a piece's chunk times `strides`.

    The same sum for a point, minus this one, is the offset of the point in the chunk.
    """
    cdef index_t coords[MAX_NDIM]
    cdef index_t start = 0
    cdef int axis
    plan.find_chunk(number, coords)
    for axis in range(plan.ndim):
        start += coords[axis] * plan.grid._lengths[plan.ndim + axis] * strides[axis]
    return start


cdef inline index_t _offset_of(PointsPlan plan, index_t point, const index_t* strides) noexcept nogil:
    """Return the sum of the coordinates of a point times `strides`."""
    cdef index_t offset = 0
    cdef int axis
    for axis in range(plan.ndim):
        offset += plan._coords[axis * plan.n_elements + point] * strides[axis]
    return offset


def split_points(coords, Grid grid):
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
    cdef PointsPlan plan
    cdef int ndim = grid.ndim
    cdef index_t n, n_chunks
    coords = list(coords)
    if len(coords) != ndim + 1:
        raise ValueError(f"the points have coordinates along {len(coords) - 1} axes, the grid has {ndim} axes")
    n = coords[ndim]
    plan = PointsPlan.__new__(PointsPlan)
    plan.ndim, plan.grid, plan.n_elements = ndim, grid, n
    plan._coords = <index_t*> PyMem_Malloc(room_for(ndim * n + 1, sizeof(index_t)))
    plan._order = <index_t*> PyMem_Malloc(room_for(n + 1, sizeof(index_t)))
    if plan._coords == NULL or plan._order == NULL:
        raise MemoryError()
    chunks = np.zeros(n, np.int64)
    n_chunks = _take_coords(plan, coords, chunks)
    if n_chunks <= max(4 * n, 1024):
        _sort_by_counting(plan, chunks, np.zeros(n_chunks + 1, np.int64))
    else:
        _sort_by_number(plan, chunks, n_chunks)
    plan._first = <index_t*> PyMem_Malloc(room_for(plan.n_pieces + 1, sizeof(index_t)))
    if plan._first == NULL:
        raise MemoryError()
    _find_pieces(plan, chunks)
    return plan


cdef index_t _take_coords(PointsPlan plan, list coords, index_t[::1] chunks) except -1:
    """Copy the coordinates to a plan, and set `chunks` to the chunk number of each point. Returns the number of chunks.

    Chunks are numbered in C order.
    """
    cdef const index_t[::1] given
    cdef index_t n = plan.n_elements, n_chunks = 1, length, chunk_len, n_along, i, position
    cdef index_t* kept
    cdef int axis
    for axis in range(plan.ndim):
        given = coords[axis]
        kept = plan._coords + axis * n
        if given.shape[0] != n:
            raise ValueError(f"axis {axis} has {given.shape[0]} coordinates, the other axes have {n}")
        length, chunk_len = plan.grid._lengths[axis], plan.grid._lengths[plan.ndim + axis]
        n_along = ceil_div(length, chunk_len)
        if n_along and n_chunks > MOST_CHUNKS // n_along:
            raise OverflowError("the grid has more than 2**62 chunks")
        n_chunks *= n_along
        for i in range(n):
            if not i % STEP:
                PyErr_CheckSignals()
                # only the copy is checked and used
                memcpy(kept + i, &given[i], min(STEP, n - i) * sizeof(index_t))
            position = kept[i]
            if not 0 <= position < length:
                raise IndexError(f"index {position} is out of bounds for axis {axis}, which has {length} elements")
            chunks[i] = chunks[i] * n_along + position // chunk_len
    return n_chunks


cdef int _sort_by_counting(PointsPlan plan, const index_t[::1] chunks, index_t[::1] counts) except -1:
    """Sort points by chunk, in time proportional to points and chunks; `counts` has a zero per chunk, and one more.

    The sort is stable: of points that occur twice, the last one wins in a write, as in NumPy.
    """
    cdef index_t i, chunk, n_pieces = 0, first, last
    for first in range(0, plan.n_elements, STEP):
        PyErr_CheckSignals()
        last = min(plan.n_elements, first + STEP)
        with nogil:
            for i in range(first, last):
                counts[chunks[i] + 1] += 1
    with nogil:
        for chunk in range(counts.shape[0] - 1):
            n_pieces += counts[chunk + 1] != 0
            counts[chunk + 1] += counts[chunk]
    touch_pages(plan._order, plan.n_elements)
    for first in range(0, plan.n_elements, STEP):
        PyErr_CheckSignals()
        last = min(plan.n_elements, first + STEP)
        with nogil:
            for i in range(first, last):
                plan._order[counts[chunks[i]]] = i
                counts[chunks[i]] += 1
    plan.n_pieces = n_pieces
    return 0


cdef int _sort_by_number(PointsPlan plan, const index_t[::1] chunks, index_t n_chunks) except -1:
    """Sort points by chunk, stably, if there are many more chunks than points."""
    cdef index_t i, before = -1, n_pieces = 0
    if plan.n_elements:
        sort_by_key(&chunks[0], plan.n_elements, n_chunks - 1, plan._order)
    for i in range(plan.n_elements):
        if not i % STEP:
            PyErr_CheckSignals()
        n_pieces += chunks[plan._order[i]] != before
        before = chunks[plan._order[i]]
    plan.n_pieces = n_pieces
    return 0


cdef int _find_pieces(PointsPlan plan, const index_t[::1] chunks) except -1:
    """Find where the points of each piece begin in the sorted points."""
    cdef index_t i, before = -1, n_pieces = 0
    for i in range(plan.n_elements):
        if not i % STEP:
            PyErr_CheckSignals()
        if chunks[plan._order[i]] != before:
            plan._first[n_pieces] = i
            n_pieces += 1
        before = chunks[plan._order[i]]
    plan._first[n_pieces] = plan.n_elements
    return 0


# -- masks -----------------------------------------------------------------------------------------

cdef struct Segment:
    # the part of a row of the mask that lies in one chunk, and one of its selected elements
    const uint32_t* columns          # by position in the result: where in the segment; NULL for dense masks
    const unsigned char* flags       # of a dense mask, from the first element of the segment
    index_t stop                     # position after the last element; for dense masks, the length of the segment
    index_t chunk_len                # of all segments but the last in a row
    index_t position                 # in the result, of the present element
    index_t column                   # in the segment, of the present element


cdef inline bint _next_selected(Segment* segment) noexcept nogil:
    """Move to the next selected element of a segment. False after the last one."""
    if segment.columns != NULL:
        segment.position += 1
        if segment.position == segment.stop:
            return False
        segment.column = segment.columns[segment.position]
        return True
    while True:
        segment.column += 1
        if segment.column == segment.stop:
            return False
        if segment.flags[segment.column]:
            segment.position += 1
            return True


cdef class MaskPlan(Plan):
    """A Boolean mask in the shape of the array, cut at the chunk edges.

    A row is a line of the array along its last axis. A segment is the part of a row that lies in one chunk.
    """
    cdef object _mask                # a copy of a dense mask: owns the memory of `_flags`
    cdef const unsigned char* _flags
    cdef index_t n_segments          # per row
    cdef index_t* _before            # per segment: number of selected elements before it, in C order of the array
    cdef uint32_t* _columns          # per selected element: where in its segment; NULL for dense masks
    cdef index_t* _pieces            # per piece: number of its chunk in C order, number of selected elements

    def __dealloc__(self):
        PyMem_Free(self._before)
        PyMem_Free(self._columns)
        PyMem_Free(self._pieces)

    @property
    def shape(self):
        """Shape of the result: the number of selected elements."""
        return (self.n_elements,)

    cdef int find_chunk(self, index_t number, index_t* coords) except -1 nogil:
        cdef index_t chunk, n
        cdef int axis
        check_number(self, number)
        chunk = self._pieces[2 * number]
        for axis in range(self.ndim - 1, -1, -1):
            n = ceil_div(self.grid._lengths[axis], self.grid._lengths[self.ndim + axis])
            coords[axis] = chunk % n
            chunk = chunk // n
        return 0

    cdef index_t size_of(self, index_t number) except -1 nogil:
        check_number(self, number)
        return self._pieces[2 * number + 1]

    cdef index_t count_covered(self, index_t number, index_t inside) except -1:
        return self._pieces[2 * number + 1]

    cdef int move(
        self, index_t number, char* chunk, const index_t* strides, index_t itemsize, char* line, index_t step,
        bint to_chunk
    ) except -1 nogil:
        cdef Odometer rows
        cdef Segment segment
        cdef index_t stride = strides[self.ndim - 1], along
        cdef char* at
        along = _find_rows(self, number, strides, &rows)
        segment = _new_segment(self, along)
        while True:
            _open_segment(self, rows.target.offset, along, &segment)
            at = chunk + rows.source.offset
            while _next_selected(&segment):
                _move_item(at + segment.column * stride, line + segment.position * step, itemsize, to_chunk)
            if not advance(&rows):
                return 0

    cdef int mark_blocks(
        self, index_t number, index_t offset, const index_t* strides, index_t itemsize, Blocks* blocks
    ) except -1 nogil:
        cdef Odometer rows
        cdef Segment segment
        cdef index_t stride = strides[self.ndim - 1], along
        along = _find_rows(self, number, strides, &rows)
        segment = _new_segment(self, along)
        while True:
            _open_segment(self, rows.target.offset, along, &segment)
            while _next_selected(&segment):
                mark_run(blocks, offset + rows.source.offset + segment.column * stride, itemsize)
            if not advance(&rows):
                return 0

    cdef int list_places(
        self, index_t number, index_t offset, const index_t* strides, index_t* offsets, index_t* targets
    ) except -1 nogil:
        cdef Odometer rows
        cdef Segment segment
        cdef index_t stride = strides[self.ndim - 1], along, n = 0
        along = _find_rows(self, number, strides, &rows)
        segment = _new_segment(self, along)
        while True:
            _open_segment(self, rows.target.offset, along, &segment)
            while _next_selected(&segment):
                offsets[n] = offset + rows.source.offset + segment.column * stride
                targets[n] = segment.position
                n += 1
            if not advance(&rows):
                return 0


cdef index_t _find_rows(
    MaskPlan plan, index_t number, const index_t* strides, Odometer* rows
) except -1 nogil:
    """Set an odometer to the rows of a piece, and return the number of the piece's segment in each row.

    The source offset is that of the segment in the chunk, in bytes; the target offset is the number of the row.
    """
    cdef index_t coords[MAX_NDIM]
    cdef index_t length, chunk_len, low, n_rows = 1
    cdef int axis, last = plan.ndim - 1
    plan.find_chunk(number, coords)
    rows.ndim, rows.source.offset, rows.target.offset = last, 0, 0
    for axis in range(last - 1, -1, -1):
        length, chunk_len = plan.grid._lengths[axis], plan.grid._lengths[plan.ndim + axis]
        low = coords[axis] * chunk_len
        rows.counts[axis] = chunk_len if length - low > chunk_len else length - low
        rows.at[axis] = 0
        rows.source.strides[axis], rows.target.strides[axis] = strides[axis], n_rows
        rows.target.offset += low * n_rows
        n_rows *= length
    return coords[last]


cdef inline Segment _new_segment(MaskPlan plan, index_t number) noexcept nogil:
    """Return what the segments of one piece have in common; `number` is that of the segment in its row."""
    cdef Segment segment
    cdef index_t chunk_len = plan.grid._lengths[2 * plan.ndim - 1]
    cdef index_t length = plan.grid._lengths[plan.ndim - 1] - number * chunk_len
    segment.columns, segment.flags, segment.chunk_len = plan._columns, plan._flags, chunk_len
    segment.stop = chunk_len if length > chunk_len else length
    segment.position = segment.column = -1
    return segment


cdef inline void _open_segment(MaskPlan plan, index_t row, index_t number, Segment* segment) noexcept nogil:
    """Move to a segment of a row, before its first selected element."""
    cdef const index_t* before = plan._before + row * plan.n_segments + number
    segment.position = before[0] - 1
    if segment.columns != NULL:
        segment.stop = before[1]
        return
    segment.column = -1
    segment.flags = plan._flags + row * plan.grid._lengths[plan.ndim - 1] + number * segment.chunk_len


cdef index_t _count_selected(const unsigned char* flags, index_t n) noexcept nogil:
    """Return how many of `n` flags are set, eight at a time."""
    cdef uint64_t eight
    cdef index_t i = 0, total = 0
    while i < n:
        if i + 8 <= n:
            memcpy(&eight, flags + i, 8)
            # a byte that is neither 0 nor 1 is counted below
            if eight & ~ONES == 0:
                total += (eight * ONES) >> 56
                i += 8
                continue
        total += flags[i] != 0
        i += 1
    return total


cdef index_t _list_selected(const unsigned char* flags, index_t n, uint32_t* columns) noexcept nogil:
    """List the positions of the set flags among `n`; `columns` has room for all. Returns their number."""
    cdef uint64_t eight
    cdef index_t i = 0, total = 0, stop
    while i < n:
        stop = n
        if i + 8 <= n:
            memcpy(&eight, flags + i, 8)
            stop = i + 8
            if eight == 0:
                i = stop
                continue
        while i < stop:
            # without a branch, which the processor could not predict
            columns[total] = <uint32_t> i
            total += flags[i] != 0
            i += 1
    return total


cdef index_t _first_chunk_of_row(Grid grid, index_t row, index_t n_segments) noexcept nogil:
    """Return the number, in C order, of the chunk that holds the first segment of a row."""
    cdef index_t chunk = 0, scale = n_segments, length, chunk_len
    cdef int axis
    for axis in range(grid.ndim - 2, -1, -1):
        length, chunk_len = grid._lengths[axis], grid._lengths[grid.ndim + axis]
        chunk += row % length // chunk_len * scale
        row = row // length
        scale *= ceil_div(length, chunk_len)
    return chunk


cdef int _scan_rows(
    MaskPlan plan, Grid grid, index_t n_rows, index_t room, index_t[::1] counts
) except -1 nogil:
    """Count the selected elements of each segment and, in `counts`, of each chunk; list their columns.

    Returns False if the mask is too dense to list columns: there are more than `room` of them. If the plan has no
    memory for columns, it counts only, and returns False.
    """
    cdef int last = plan.ndim - 1
    cdef index_t length = grid._lengths[last], chunk_len = grid._lengths[plan.ndim + last]
    cdef index_t row, segment, chunk, low, n, found, total = 0, number = 0, unchecked = 0
    cdef const unsigned char* flags
    cdef uint32_t* columns = plan._columns
    if plan.n_segments:
        for row in range(n_rows):
            chunk = _first_chunk_of_row(grid, row, plan.n_segments)
            for segment in range(plan.n_segments):
                low = segment * chunk_len
                n = chunk_len if length - low > chunk_len else length - low
                flags = plan._flags + row * length + low
                unchecked += n
                if unchecked > MASK_STEP:
                    unchecked = 0
                    with gil:
                        PyErr_CheckSignals()
                if columns != NULL and total + n > room:
                    return False
                if columns == NULL:
                    found = _count_selected(flags, n)
                else:
                    found = _list_selected(flags, n, columns + total)
                plan._before[number] = total
                total += found
                counts[chunk + segment] += found
                number += 1
    plan._before[number] = total
    plan.n_elements = total
    return columns != NULL


cdef int _allocate_segments(MaskPlan plan, index_t n_segments, index_t room) except -1:
    """Allocate `_before` for all segments, and `_columns` if a column fits in 32 bits."""
    plan._before = <index_t*> PyMem_Malloc(room_for(n_segments + 1, sizeof(index_t)))
    if plan._before == NULL:
        raise MemoryError()
    if plan.grid._lengths[2 * plan.ndim - 1] <= MOST_COLUMNS:
        plan._columns = <uint32_t*> PyMem_Malloc(room_for(room + 8, sizeof(uint32_t)))
        if plan._columns == NULL:
            raise MemoryError()
    return 0


cdef int _shrink_columns(MaskPlan plan, bint is_listed) except -1:
    """Free the columns, or the part of their memory that is not used."""
    cdef void* columns = NULL
    if is_listed:
        columns = PyMem_Realloc(plan._columns, room_for(plan.n_elements + 1, sizeof(uint32_t)))
        if columns == NULL:
            raise MemoryError()
    else:
        PyMem_Free(plan._columns)
    plan._columns = <uint32_t*> columns
    return 0


cdef int _list_pieces(MaskPlan plan, const index_t[::1] counts) except -1:
    """Make a piece of each chunk that has selected elements."""
    cdef index_t chunk, n = 0
    for chunk in range(counts.shape[0]):
        n += counts[chunk] != 0
    plan._pieces = <index_t*> PyMem_Malloc(room_for(2 * n + 1, sizeof(index_t)))
    if plan._pieces == NULL:
        raise MemoryError()
    plan.n_pieces = n
    n = 0
    for chunk in range(counts.shape[0]):
        if counts[chunk]:
            plan._pieces[2 * n], plan._pieces[2 * n + 1] = chunk, counts[chunk]
            n += 1
    return 0


def split_mask(mask, Grid grid):
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
    cdef MaskPlan plan
    cdef int ndim = grid.ndim, axis, last = grid.ndim - 1
    cdef index_t n_rows = 1, n_chunks = 1, room
    cdef index_t[::1] counts
    cdef cnp.ndarray flags
    cdef bint is_listed = False
    if ndim == 0 or np.shape(mask) != grid.shape or mask.dtype != np.bool_:
        raise ValueError(
            f"the mask has shape {np.shape(mask)} and data type {mask.dtype}; it must have the shape {grid.shape} of "
            "the array, with at least one axis, and be Boolean"
        )
    flags = np.ascontiguousarray(mask).view(np.uint8)
    plan = MaskPlan.__new__(MaskPlan)
    plan.ndim, plan.grid, plan._mask = ndim, grid, None
    for axis in range(ndim):
        n_chunks *= ceil_div(grid._lengths[axis], grid._lengths[ndim + axis])
        if axis != last:
            n_rows *= grid._lengths[axis]
    plan.n_segments = ceil_div(grid._lengths[last], grid._lengths[ndim + last])
    # columns have 4 bytes, so that they are never larger than the mask
    room = flags.size // 4
    _allocate_segments(plan, n_rows * plan.n_segments, room)
    counts = np.zeros(n_chunks, np.int64)
    if plan._columns != NULL:
        plan._flags = <const unsigned char*> cnp.PyArray_BYTES(flags)
        with nogil:
            is_listed = _scan_rows(plan, grid, n_rows, room, counts)
        plan._flags = NULL
        _shrink_columns(plan, is_listed)
    if not is_listed:
        # `move` reads a dense mask again, and must find as many elements as are counted: take a copy
        plan._mask = flags.copy()
        plan._flags = <const unsigned char*> cnp.PyArray_BYTES(plan._mask)
        counts[:] = 0
        with nogil:
            _scan_rows(plan, grid, n_rows, room, counts)
    _list_pieces(plan, counts)
    return plan
