"""Points and masks: find the chunk of each selected element, and move elements one by one.

The result of such a plan has one axis. Points are ordered by chunk once, when the plan is made; a mask
is never turned into an index of the array: what is kept is one number per row of a chunk and, where
few elements are selected, the column of each in its row, which together are no larger than the mask.
`_reference` says the same in numpy.
"""

cimport numpy as cnp
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from zarrcy._kernels._plan_outer cimport Grid, Plan
from zarrcy._kernels._types cimport MAX_NDIM, Blocks, index_t, touch

import numpy as np

cnp.import_array()

cdef index_t MOST_CHUNKS = <index_t> 1 << 62


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


cdef class PointsPlan(Plan):
    """Points, ordered by chunk; within a chunk in the order in which they were given."""
    cdef index_t* _coords            # axis after axis: of every point
    cdef index_t* _order             # points, by chunk
    cdef index_t* _first             # per piece: its first place in the order; and the end

    def __dealloc__(self):
        PyMem_Free(self._coords)
        PyMem_Free(self._order)
        PyMem_Free(self._first)

    @property
    def shape(self):
        return (self.n_elements,)

    cdef int find_chunk(self, index_t number, index_t* coords) except -1 nogil:
        cdef int axis
        cdef index_t point
        if not 0 <= number < self.n_pieces:
            with gil:
                raise IndexError(f"piece {number} of a plan that has {self.n_pieces}")
        point = self._order[self._first[number]]
        for axis in range(self.ndim):
            coords[axis] = self._coords[axis * self.n_elements + point] // self.grid._lengths[self.ndim + axis]
        return 0

    cdef index_t size_of(self, index_t number) except -1 nogil:
        return self._first[number + 1] - self._first[number]

    cdef index_t count_covered(self, index_t number, index_t inside) except -1:
        cdef index_t n = self._first[number + 1] - self._first[number], k, point
        cdef int axis
        if n < inside:
            return n
        different = set()
        for k in range(self._first[number], self._first[number + 1]):
            point = self._order[k]
            different.add(tuple([self._coords[axis * self.n_elements + point] for axis in range(self.ndim)]))
        return len(different)

    cdef int mark(
        self, index_t number, index_t offset, const index_t* strides, index_t itemsize, Blocks* blocks
    ) except -1 nogil:
        cdef index_t coords[MAX_NDIM]
        cdef index_t k, point, at
        cdef int axis
        self.find_chunk(number, coords)
        for axis in range(self.ndim):
            offset -= coords[axis] * self.grid._lengths[self.ndim + axis] * strides[axis]
        for k in range(self._first[number], self._first[number + 1]):
            point = self._order[k]
            at = offset
            for axis in range(self.ndim):
                at += self._coords[axis * self.n_elements + point] * strides[axis]
            touch(blocks, at, itemsize)
        return 0

    cdef int list_places(
        self, index_t number, index_t offset, const index_t* strides, index_t* offsets, index_t* targets
    ) except -1 nogil:
        cdef index_t coords[MAX_NDIM]
        cdef index_t k, point, at, first = self._first[number]
        cdef int axis
        self.find_chunk(number, coords)
        for axis in range(self.ndim):
            offset -= coords[axis] * self.grid._lengths[self.ndim + axis] * strides[axis]
        for k in range(first, self._first[number + 1]):
            point = self._order[k]
            at = offset
            for axis in range(self.ndim):
                at += self._coords[axis * self.n_elements + point] * strides[axis]
            offsets[k - first], targets[k - first] = at, point
        return 0

    cdef int move(
        self, index_t number, char* chunk, const index_t* strides, index_t itemsize, char* line, index_t step,
        bint to_chunk
    ) except -1 nogil:
        cdef index_t coords[MAX_NDIM]
        cdef index_t k, point, offset, base = 0
        cdef int axis
        self.find_chunk(number, coords)
        for axis in range(self.ndim):
            base += coords[axis] * self.grid._lengths[self.ndim + axis] * strides[axis]
        for k in range(self._first[number], self._first[number + 1]):
            point = self._order[k]
            offset = -base
            for axis in range(self.ndim):
                offset += self._coords[axis * self.n_elements + point] * strides[axis]
            _move_item(chunk + offset, line + point * step, itemsize, to_chunk)
        return 0


def split_points(coords, Grid grid):
    cdef PointsPlan plan
    cdef int ndim = grid.ndim, axis
    cdef index_t n, i, length, chunk_len, position, n_chunks = 1, before = -1, n_pieces = 0
    cdef const index_t[::1] given
    cdef index_t[::1] chunks
    cdef index_t[::1] order
    cdef index_t[::1] counts
    cdef index_t chunk
    if len(coords) != ndim + 1:
        raise ValueError(f"coordinates of {len(coords) - 1} axes for a grid of rank {ndim}")
    n = coords[ndim]
    plan = PointsPlan.__new__(PointsPlan)
    plan.ndim, plan.grid, plan.n_elements = ndim, grid, n
    plan._coords = <index_t*> PyMem_Malloc((ndim * n + 1) * sizeof(index_t))
    plan._order = <index_t*> PyMem_Malloc((n + 1) * sizeof(index_t))
    if plan._coords == NULL or plan._order == NULL:
        raise MemoryError()
    chunks = np.zeros(n, np.int64)
    for axis in range(ndim):
        given = coords[axis]
        if given.shape[0] != n:
            raise ValueError(f"{given.shape[0]} coordinates on axis {axis}, {n} on the others")
        length, chunk_len = grid._lengths[axis], grid._lengths[ndim + axis]
        position = (length + chunk_len - 1) // chunk_len
        if position and n_chunks > MOST_CHUNKS // position:
            raise OverflowError("the grid has more than 2**62 chunks")
        n_chunks *= position
        for i in range(n):
            if not 0 <= given[i] < length:
                raise IndexError(f"index {given[i]} leaves axis {axis}, which has {length} elements")
            plan._coords[axis * n + i] = given[i]
            chunks[i] = chunks[i] * position + given[i] // chunk_len
    if n_chunks <= max(4 * n, 1024):
        # few chunks: count the points of each and put them in their place, which keeps their order: where a
        # point comes twice the last one wins, as in numpy
        counts = np.zeros(n_chunks + 1, np.int64)
        with nogil:
            for i in range(n):
                counts[chunks[i] + 1] += 1
            for chunk in range(n_chunks):
                n_pieces += counts[chunk + 1] != 0
                counts[chunk + 1] += counts[chunk]
            for i in range(n):
                plan._order[counts[chunks[i]]] = i
                counts[chunks[i]] += 1
    else:
        order = np.argsort(chunks, kind="stable").astype(np.int64, copy=False)
        for i in range(n):
            plan._order[i] = order[i]
            n_pieces += chunks[order[i]] != before
            before = chunks[order[i]]
    plan.n_pieces = n_pieces
    plan._first = <index_t*> PyMem_Malloc((n_pieces + 1) * sizeof(index_t))
    if plan._first == NULL:
        raise MemoryError()
    n_pieces, before = 0, -1
    for i in range(n):
        if chunks[plan._order[i]] != before:
            plan._first[n_pieces] = i
            n_pieces += 1
        before = chunks[plan._order[i]]
    plan._first[n_pieces] = n
    return plan


cdef class MaskPlan(Plan):
    """A Boolean mask of the shape of the array, cut at the chunk edges.

    A row is a line of the array along its last axis; a segment is what a chunk has of it.
    """
    cdef object _mask                # holds the memory of _flags
    cdef const unsigned char* _flags
    cdef index_t n_segments          # in a row
    cdef index_t* _before            # per segment: selected elements before it, in C order of the array
    cdef uint32_t* _columns          # per selected element: where in its segment; NULL for dense masks
    cdef index_t* _pieces            # per piece: number of its chunk in C order, selected elements

    def __dealloc__(self):
        PyMem_Free(self._before)
        PyMem_Free(self._columns)
        PyMem_Free(self._pieces)

    @property
    def shape(self):
        return (self.n_elements,)

    cdef int find_chunk(self, index_t number, index_t* coords) except -1 nogil:
        cdef index_t chunk, n
        cdef int axis
        if not 0 <= number < self.n_pieces:
            with gil:
                raise IndexError(f"piece {number} of a plan that has {self.n_pieces}")
        chunk = self._pieces[2 * number]
        for axis in range(self.ndim - 1, -1, -1):
            n = self.grid._lengths[self.ndim + axis]
            n = (self.grid._lengths[axis] + n - 1) // n
            coords[axis] = chunk % n
            chunk = chunk // n
        return 0

    cdef index_t size_of(self, index_t number) except -1 nogil:
        return self._pieces[2 * number + 1]

    cdef index_t count_covered(self, index_t number, index_t inside) except -1:
        return self._pieces[2 * number + 1]

    cdef int move(
        self, index_t number, char* chunk, const index_t* strides, index_t itemsize, char* line, index_t step,
        bint to_chunk
    ) except -1 nogil:
        return self.walk(number, chunk, 0, strides, itemsize, line, step, to_chunk, NULL, NULL, NULL)

    cdef int mark(
        self, index_t number, index_t offset, const index_t* strides, index_t itemsize, Blocks* blocks
    ) except -1 nogil:
        return self.walk(number, NULL, offset, strides, itemsize, NULL, 0, False, blocks, NULL, NULL)

    cdef int list_places(
        self, index_t number, index_t offset, const index_t* strides, index_t* offsets, index_t* targets
    ) except -1 nogil:
        return self.walk(number, NULL, offset, strides, 0, NULL, 0, False, NULL, offsets, targets)

    cdef int walk(
        self, index_t number, char* chunk, index_t offset, const index_t* strides, index_t itemsize,
        char* line, index_t step, bint to_chunk, Blocks* blocks, index_t* offsets, index_t* targets
    ) except -1 nogil:
        """Move the selected elements of a piece; or mark or list where they are, if `blocks` or `offsets` are given."""
        cdef index_t coords[MAX_NDIM]
        cdef index_t at[MAX_NDIM]
        cdef index_t count[MAX_NDIM]
        cdef index_t rows[MAX_NDIM]
        cdef index_t low, row = 0, position, length, chunk_len, j, stride, high, n = 0
        cdef int axis, last = self.ndim - 1
        cdef const unsigned char* flags
        self.find_chunk(number, coords)
        position = 1
        for axis in range(last, -1, -1):
            length, chunk_len = self.grid._lengths[axis], self.grid._lengths[self.ndim + axis]
            low = coords[axis] * chunk_len
            count[axis] = chunk_len if length - low > chunk_len else length - low
            at[axis] = 0
            if axis != last:
                rows[axis] = position
                row += low * position
                position *= length
        length, low = self.grid._lengths[last], coords[last] * self.grid._lengths[self.ndim + last]
        stride = strides[last]
        while True:
            position = self._before[row * self.n_segments + coords[last]]
            flags = self._flags + row * length + low
            if self._columns != NULL:
                high = self._before[row * self.n_segments + coords[last] + 1]
                if blocks != NULL:
                    for position in range(position, high):
                        touch(blocks, offset + self._columns[position] * stride, itemsize)
                elif offsets != NULL:
                    for position in range(position, high):
                        offsets[n], targets[n] = offset + self._columns[position] * stride, position
                        n += 1
                else:
                    for position in range(position, high):
                        _move_item(
                            chunk + offset + self._columns[position] * stride, line + position * step, itemsize,
                            to_chunk,
                        )
            elif blocks != NULL:
                for j in range(count[last]):
                    if flags[j]:
                        touch(blocks, offset + j * stride, itemsize)
            elif offsets != NULL:
                for j in range(count[last]):
                    if flags[j]:
                        offsets[n], targets[n] = offset + j * stride, position
                        n += 1
                        position += 1
            else:
                for j in range(count[last]):
                    if flags[j]:
                        _move_item(chunk + offset + j * stride, line + position * step, itemsize, to_chunk)
                        position += 1
            axis = last - 1
            while axis >= 0:
                at[axis] += 1
                row += rows[axis]
                offset += strides[axis]
                if at[axis] < count[axis]:
                    break
                row -= rows[axis] * count[axis]
                offset -= strides[axis] * count[axis]
                at[axis] = 0
                axis -= 1
            if axis < 0:
                break
        return 0


def split_mask(mask, Grid grid):
    cdef MaskPlan plan
    cdef int ndim = grid.ndim, axis, last = grid.ndim - 1
    cdef index_t n_rows = 1, n_chunks = 1, row, segment, chunk, rest, n, low, high, i, found, total = 0
    cdef index_t length, chunk_len, scale
    cdef index_t room, stop
    cdef uint32_t* columns
    cdef uint64_t eight, ONES = 0x0101010101010101
    cdef index_t[::1] counts
    cdef cnp.ndarray flags
    if ndim == 0 or np.shape(mask) != grid.shape or mask.dtype != np.bool_:
        raise ValueError(f"a mask has the shape {grid.shape} of the array and its elements are Boolean")
    flags = np.ascontiguousarray(mask).view(np.uint8)
    plan = MaskPlan.__new__(MaskPlan)
    plan.ndim, plan.grid, plan._mask = ndim, grid, flags
    plan._flags = <const unsigned char*> cnp.PyArray_BYTES(flags)
    for axis in range(ndim):
        length, chunk_len = grid._lengths[axis], grid._lengths[ndim + axis]
        n_chunks *= (length + chunk_len - 1) // chunk_len
        if axis != last:
            n_rows *= length
    length, chunk_len = grid._lengths[last], grid._lengths[ndim + last]
    plan.n_segments = (length + chunk_len - 1) // chunk_len
    plan._before = <index_t*> PyMem_Malloc((n_rows * plan.n_segments + 1) * sizeof(index_t))
    if plan._before == NULL:
        raise MemoryError()
    counts = np.zeros(n_chunks, np.int64)
    room = flags.size // 4
    if chunk_len <= <index_t> 0xFFFFFFFF:
        plan._columns = <uint32_t*> PyMem_Malloc((room + 8) * sizeof(uint32_t))
        if plan._columns == NULL:
            raise MemoryError()
    columns = plan._columns
    with nogil:
        for row in range(n_rows if plan.n_segments else 0):
            chunk, rest, scale = 0, row, plan.n_segments
            for axis in range(last - 1, -1, -1):
                n = grid._lengths[axis]
                chunk += rest % n // grid._lengths[ndim + axis] * scale
                rest = rest // n
                scale *= (n + grid._lengths[ndim + axis] - 1) // grid._lengths[ndim + axis]
            for segment in range(plan.n_segments):
                low = row * length + segment * chunk_len
                high = low + (chunk_len if length - segment * chunk_len > chunk_len else length - segment * chunk_len)
                found, i = 0, low
                if columns != NULL and total + (high - low) > room:
                    # dense
                    columns = NULL
                if columns == NULL:
                    while i < high:
                        if i + 8 <= high:
                            memcpy(&eight, plan._flags + i, 8)
                            if eight & ~ONES == 0:
                                found += (eight * ONES) >> 56
                                i += 8
                                continue
                        found += plan._flags[i] != 0
                        i += 1
                else:
                    while i < high:
                        if i + 8 <= high:
                            memcpy(&eight, plan._flags + i, 8)
                            if eight == 0:
                                i += 8
                                continue
                            stop = i + 8
                        else:
                            stop = high
                        while i < stop:
                            # without a branch, which would be guessed wrong as often as not
                            columns[total + found] = <uint32_t> (i - low)
                            found += plan._flags[i] != 0
                            i += 1
                plan._before[row * plan.n_segments + segment] = total
                total += found
                counts[chunk + segment] += found
    plan.n_elements = total
    plan._before[n_rows * plan.n_segments] = total
    if columns == NULL:
        PyMem_Free(plan._columns)
        plan._columns = NULL
    else:
        plan._columns = <uint32_t*> PyMem_Realloc(plan._columns, (total + 1) * sizeof(uint32_t))
        if plan._columns == NULL:
            raise MemoryError()
    n = 0
    for chunk in range(n_chunks):
        n += counts[chunk] != 0
    plan.n_pieces = n
    plan._pieces = <index_t*> PyMem_Malloc((2 * n + 1) * sizeof(index_t))
    if plan._pieces == NULL:
        raise MemoryError()
    n = 0
    for chunk in range(n_chunks):
        if counts[chunk]:
            plan._pieces[2 * n], plan._pieces[2 * n + 1] = chunk, counts[chunk]
            n += 1
    return plan
