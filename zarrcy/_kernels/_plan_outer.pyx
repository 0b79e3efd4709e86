"""Slice decomposition: parse integers and slices, and cut the selection at the chunk edges of a grid.

A plan computes its pieces on demand from a few integers per axis, so a plan of a billion chunks is as small as a plan
of one. The callers in `zarrcy.indexing` validate selections. The kernels here check what could lead outside their
memory, and rely on the callers for the rest. `_reference` is the same in NumPy.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.long cimport PyLong_AsLongLong
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libc.stdint cimport INT64_MAX, INT64_MIN
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from zarrcy._kernels._types cimport MAX_NDIM, Blocks, ceil_div, index_t, room_for

import numpy as np

cnp.import_array()

cdef extern from "Python.h":
    ctypedef struct PySliceObject:
        PyObject* start
        PyObject* stop
        PyObject* step
    int PyIndex_Check(PyObject*)
    int PyLong_CheckExact(object)
    long long PyLong_AsLongLongAndOverflow(PyObject*, int*) except? -1
    int PySlice_Check(object)
    PyObject* Py_None

cdef extern from *:
    const bint ZARRCY_CHECKED

CHECKED = bool(ZARRCY_CHECKED)

# axes are shorter than this, so that the sum of two lengths does not overflow
cdef index_t LONGEST = <index_t> 1 << 62
cdef object _integer = np.integer

cdef enum:
    STEP = 0x10000                   # list entries between two checks for signals
    PAGE_ENTRIES = 0x200             # in the smallest page
    LEAST_SORTED = 0x10000           # fewer keys are sorted by NumPy, and counted with a set
    N_DIGITS = 0x10000               # keys are sorted by 16 bits at once


cdef class Grid:
    """The shape of an array and the shape of its chunks.

    Parameters
    ----------
    shape : tuple of int
        Lengths of the axes, in elements.
    chunk_shape : tuple of int
        Lengths of a chunk along the axes, in elements.

    Raises
    ------
    ValueError
        If the shapes differ in rank or have more than 64 axes, if a length is negative, or if a length of a chunk is 0.
    """

    def __cinit__(self, shape, chunk_shape):
        cdef int axis
        self.shape = tuple(int(n) for n in shape)
        self.chunk_shape = tuple(int(n) for n in chunk_shape)
        self.ndim = len(self.shape)
        if len(self.chunk_shape) != self.ndim:
            raise ValueError(f"shape {self.shape} and chunk shape {self.chunk_shape} differ in rank")
        if self.ndim > MAX_NDIM:
            raise ValueError(f"an array has at most {MAX_NDIM} axes, not {self.ndim}")
        for n in self.shape:
            if not 0 <= n < LONGEST:
                raise ValueError(f"shape {self.shape}: each length must be at least 0 and less than 2**62")
        for n in self.chunk_shape:
            if not 1 <= n < LONGEST:
                raise ValueError(f"chunk shape {self.chunk_shape}: each length must be at least 1 and less than 2**62")
        self._lengths = <index_t*> PyMem_Malloc(max(1, 2 * self.ndim) * sizeof(index_t))
        if self._lengths == NULL:
            raise MemoryError()
        for axis in range(self.ndim):
            self._lengths[axis] = self.shape[axis]
            self._lengths[self.ndim + axis] = self.chunk_shape[axis]

    def __dealloc__(self):
        PyMem_Free(self._lengths)

    def __reduce__(self):
        return Grid, (self.shape, self.chunk_shape)

    def __repr__(self):
        return f"Grid({self.shape}, {self.chunk_shape})"


cdef class Box:
    """One strided range per axis: ``start + step * arange(count)``.

    Parameters
    ----------
    starts : tuple of int, optional
        Position of the first selected element along each axis. Without it, the box has no axes.
    counts : tuple of int
        Number of selected elements along each axis.
    steps : tuple of int
        Distance between selected elements along each axis, at least 1.
    dropped : tuple of bool
        Whether an integer selects along the axis, so that the result does not have it.
    flipped : tuple of bool
        Whether the result runs backwards along the axis.
    """

    def __cinit__(self, starts=None, counts=(), steps=(), dropped=(), flipped=()):
        cdef int axis
        self._ranges = NULL
        if starts is None:
            return
        self.ndim = len(starts)
        _allocate(self)
        for axis in range(self.ndim):
            self._ranges[axis] = AxisRange(
                starts[axis], counts[axis], steps[axis], dropped[axis], flipped[axis]
            )

    def __dealloc__(self):
        PyMem_Free(self._ranges)

    @property
    def starts(self):
        """Position of the first selected element along each axis."""
        return tuple([self._ranges[axis].start for axis in range(self.ndim)])

    @property
    def counts(self):
        """Number of selected elements along each axis."""
        return tuple([self._ranges[axis].count for axis in range(self.ndim)])

    @property
    def steps(self):
        """Distance between selected elements along each axis, at least 1."""
        return tuple([self._ranges[axis].step for axis in range(self.ndim)])

    @property
    def dropped(self):
        """Whether an integer selects along the axis, so that the result does not have it."""
        return tuple([self._ranges[axis].dropped != 0 for axis in range(self.ndim)])

    @property
    def flipped(self):
        """Whether the result runs backwards along the axis."""
        return tuple([self._ranges[axis].flipped != 0 for axis in range(self.ndim)])

    @property
    def shape(self):
        """Shape of the result: the counts of the axes that are not dropped."""
        cdef list lengths = []
        cdef int axis
        for axis in range(self.ndim):
            if not self._ranges[axis].dropped:
                lengths.append(self._ranges[axis].count)
        return tuple(lengths)

    def __repr__(self):
        return (f"Box(starts={self.starts}, counts={self.counts}, steps={self.steps}, "
                f"dropped={self.dropped}, flipped={self.flipped})")


cdef int _allocate(Box box) except -1:
    box._ranges = <AxisRange*> PyMem_Malloc(max(1, box.ndim) * sizeof(AxisRange))
    if box._ranges == NULL:
        raise MemoryError()
    return 0


cdef index_t _slice_member(PyObject* member, index_t default) except? -1:
    """Return a member of a slice; None means the default, and what is too large for 64 bits becomes a limit."""
    cdef int overflow = 0
    cdef index_t value
    if member == Py_None:
        return default
    if not PyIndex_Check(member):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    value = PyLong_AsLongLongAndOverflow(member, &overflow)
    if overflow:
        return INT64_MAX if overflow > 0 else INT64_MIN
    return value


cdef index_t _unpack_slice(const PySliceObject* item, index_t length, index_t* start, index_t* step) except -1:
    """Find the first element and the step of a slice of an axis, and return how many elements it selects.

    ``PySlice_Unpack`` is the same with integers of the width of the host, which may be 32 bits.
    """
    cdef index_t first, stop
    step[0] = _slice_member(item.step, 1)
    if step[0] == 0:
        raise ValueError("slice step cannot be zero")
    if step[0] < -INT64_MAX:
        step[0] = -INT64_MAX
    first = _slice_member(item.start, INT64_MAX if step[0] < 0 else 0)
    stop = _slice_member(item.stop, INT64_MIN if step[0] < 0 else INT64_MAX)
    if first < 0:
        first += length
        if first < 0:
            first = -1 if step[0] < 0 else 0
    elif first >= length:
        first = length - 1 if step[0] < 0 else length
    if stop < 0:
        stop += length
        if stop < 0:
            stop = -1 if step[0] < 0 else 0
    elif stop >= length:
        stop = length - 1 if step[0] < 0 else length
    start[0] = first
    if step[0] < 0:
        return (first - stop - 1) // -step[0] + 1 if stop < first else 0
    return (stop - first - 1) // step[0] + 1 if first < stop else 0


cdef int _parse_item(object item, index_t length, AxisRange* out) except -1:
    """Parse one integer or slice. Returns 0 if the item is neither, or is out of bounds."""
    cdef index_t position, start, step, count
    if PySlice_Check(item):
        count = _unpack_slice(<PySliceObject*> item, length, &start, &step)
        out.dropped = False
        out.count = count
        out.flipped = step < 0
        if count == 0:
            out.start, out.step, out.flipped = 0, 1, False
        elif step < 0:
            # the same elements in ascending order; the result is filled from its end
            out.step = 1 if count == 1 else -step
            out.start = start + (count - 1) * step
        else:
            out.step = 1 if count == 1 else step
            out.start = start
        return 1
    if PyLong_CheckExact(item):
        if not -LONGEST < item < LONGEST:
            return 0
        position = PyLong_AsLongLong(item)
    elif isinstance(item, _integer):
        if not -LONGEST < int(item) < LONGEST:
            return 0
        position = int(item)
    else:
        return 0
    if position < 0:
        position += length
    if position < 0 or position >= length:
        return 0
    out[0] = AxisRange(position, 1, 1, True, False)
    return 1


def parse_box(selection, Grid grid):
    """Parse integers, slices and at most one Ellipsis.

    Parameters
    ----------
    selection : object
        What a user puts between brackets.
    grid : Grid
        Shape of the array and of its chunks.

    Returns
    -------
    Box or None
        None if the selection has other items, too many items, or an index that is out of bounds. The caller then
        parses it in full and raises the right error.
    """
    cdef int ndim = grid.ndim
    cdef int axis = 0, missing, _axis
    cdef Py_ssize_t n_items
    cdef Box box
    cdef tuple items
    if type(selection) is tuple:
        items = <tuple> selection
    else:
        items = (selection,)
    n_items = len(items)
    missing = ndim - <int> n_items
    cdef bint has_ellipsis = False
    for item in items:
        if item is Ellipsis:
            if has_ellipsis:
                return None
            has_ellipsis = True
            missing += 1
    if missing < 0:
        return None
    box = Box.__new__(Box)
    box.ndim = ndim
    _allocate(box)
    for item in items:
        if item is Ellipsis:
            for _axis in range(missing):
                box._ranges[axis] = AxisRange(0, grid._lengths[axis], 1, False, False)
                axis += 1
            missing = 0
            continue
        if not _parse_item(item, grid._lengths[axis], &box._ranges[axis]):
            return None
        axis += 1
    for axis in range(axis, ndim):
        box._ranges[axis] = AxisRange(0, grid._lengths[axis], 1, False, False)
    return box


cdef Piece piece_of_axis(const AxisCut* cut, index_t number) noexcept nogil:
    """Return what the piece with this number along an axis holds."""
    cdef index_t start = cut.chosen.start, step = cut.chosen.step, low, stop
    cdef Piece piece
    if cut.rows != NULL:
        piece.chunk = cut.rows[4 * number]
        piece.within = 0
        piece.out = cut.rows[4 * number + 1]
        piece.count = cut.rows[4 * number + 2]
        return piece
    if step >= cut.chunk_len:
        # no chunk holds two of the elements, so each element is a piece
        start += number * step
        piece.chunk = start // cut.chunk_len
        piece.within = start - piece.chunk * cut.chunk_len
        piece.out = number
        piece.count = 1
        return piece
    # every chunk from the first to the last holds an element, so each chunk is a piece
    piece.chunk = cut.first_chunk + number
    low = piece.chunk * cut.chunk_len
    piece.out = 0 if low <= start else ceil_div(low - start, step)
    piece.within = start + piece.out * step - low
    stop = ceil_div(low + cut.chunk_len - start, step)
    piece.count = (stop if stop < cut.chosen.count else cut.chosen.count) - piece.out
    return piece


cdef int _fill_table(const AxisCut* cut, index_t[:, ::1] table) except -1 nogil:
    """Write the pieces along an axis to the rows of a table."""
    cdef index_t number
    cdef Piece piece
    for number in range(cut.n_pieces):
        piece = piece_of_axis(cut, number)
        table[number, 0] = piece.chunk
        table[number, 1] = piece.within
        table[number, 2] = piece.out
        table[number, 3] = piece.count
    return 0


cdef class Plan:
    """The pieces of a selection, numbered. A piece is what the selection takes of one chunk.

    The pieces cover the selection once. Each piece lies in one chunk, and no two pieces lie in the same chunk. An empty
    selection has no pieces. Methods raise IndexError if the plan does not have a piece of the given number.
    """

    cdef int find_chunk(self, index_t number, index_t* coords) except -1 nogil:
        """Write the coordinates of the chunk of a piece to `coords`."""
        with gil:
            raise TypeError("call split_outer, split_points or split_mask to make a plan")

    cdef index_t count_covered(self, index_t number, index_t inside) except -1:
        """Return the number of distinct elements of a piece; `inside` is that of its chunk inside the array."""
        raise TypeError("call split_outer, split_points or split_mask to make a plan")

    cdef int move(
        self, index_t number, char* chunk, const index_t* strides, index_t itemsize, char* line, index_t step,
        bint to_chunk
    ) except -1 nogil:
        """Move the elements of a piece from or to its chunk, if the result has one axis.

        `line` is the memory of the result, and `step` its stride in bytes.
        """
        with gil:
            raise TypeError("call split_outer, split_points or split_mask to make a plan")

    cdef int mark_blocks(
        self, index_t number, index_t offset, const index_t* strides, index_t itemsize, Blocks* blocks
    ) except -1 nogil:
        """Mark the blocks of a chunk that hold a byte of a piece."""
        with gil:
            raise TypeError("call split_outer, split_points or split_mask to make a plan")

    cdef int list_places(
        self, index_t number, index_t offset, const index_t* strides, index_t* offsets, index_t* targets
    ) except -1 nogil:
        """List the offsets of the elements of a piece in their chunk, in bytes, and their positions in the result."""
        with gil:
            raise TypeError("call split_outer, split_points or split_mask to make a plan")

    cdef index_t size_of(self, index_t number) except -1 nogil:
        """Return the number of elements of a piece."""
        with gil:
            raise TypeError("call split_outer, split_points or split_mask to make a plan")

    def coords(self, index_t number):
        """Return the coordinates of the chunk of a piece."""
        cdef index_t chunk[MAX_NDIM]
        cdef int axis
        self.find_chunk(number, chunk)
        return tuple([chunk[axis] for axis in range(self.ndim)])

    def coords_table(self, index_t first, index_t last):
        """Return the chunk coordinates of the pieces ``first <= number < last``, one row per piece."""
        cdef index_t chunk[MAX_NDIM]
        cdef index_t[:, ::1] table = np.empty((max(0, last - first), self.ndim), dtype=np.int64)
        cdef index_t number
        cdef int axis
        for number in range(first, last):
            self.find_chunk(number, chunk)
            for axis in range(self.ndim):
                table[number - first, axis] = chunk[axis]
        return table.base

    cdef index_t count_inside(self, index_t number) except -1:
        """Return the number of elements that the chunk of a piece has inside the array."""
        cdef index_t chunk[MAX_NDIM]
        cdef index_t total = 1, inside, chunk_len
        cdef int axis
        self.find_chunk(number, chunk)
        for axis in range(self.ndim):
            chunk_len = self.grid._lengths[self.ndim + axis]
            inside = self.grid._lengths[axis] - chunk[axis] * chunk_len
            total *= chunk_len if inside > chunk_len else inside
        return total

    def complete(self, index_t number):
        """Return whether a piece covers every element of its chunk that is inside the array."""
        cdef index_t inside = self.count_inside(number)
        return self.count_covered(number, inside) == inside

    def sparse(self, index_t number):
        """Return whether a piece covers at most half of the elements of its chunk that are inside the array.

        A point that occurs twice may count twice.
        """
        cdef index_t inside = self.count_inside(number)
        return self.count_covered(number, inside) <= inside // 2

    def overhangs(self, index_t number):
        """Return whether the chunk of a piece reaches beyond the edge of the array."""
        cdef index_t chunk[MAX_NDIM]
        cdef int axis
        self.find_chunk(number, chunk)
        for axis in range(self.ndim):
            if (chunk[axis] + 1) * self.grid._lengths[self.ndim + axis] > self.grid._lengths[axis]:
                return True
        return False

    def keys(self, index_t first, index_t last, str prefix, str separator):
        """Return the chunk keys of the pieces ``first <= number < last``: `prefix` and the joined coordinates."""
        cdef Py_ssize_t n_prefix, n_separator
        cdef const char* head = PyUnicode_AsUTF8AndSize(prefix, &n_prefix)
        cdef const char* between = PyUnicode_AsUTF8AndSize(separator, &n_separator)
        cdef index_t chunk[MAX_NDIM]
        cdef list names = []
        cdef index_t number
        cdef int axis
        cdef char* at
        cdef char* text = <char*> PyMem_Malloc(n_prefix + self.ndim * (20 + n_separator) + 1)
        if text == NULL:
            raise MemoryError()
        try:
            memcpy(text, head, n_prefix)
            for number in range(first, last):
                self.find_chunk(number, chunk)
                at = text + n_prefix
                for axis in range(self.ndim):
                    if axis:
                        memcpy(at, between, n_separator)
                        at += n_separator
                    at = write_number(at, chunk[axis])
                names.append(PyUnicode_DecodeUTF8(text, at - text, NULL))
        finally:
            PyMem_Free(text)
        return names


cdef class OuterPlan(Plan):
    """The outer product of the pieces along the axes, in C order."""

    def __dealloc__(self):
        PyMem_Free(self._cuts)
        PyMem_Free(self._lists)

    cdef int locate(self, index_t number, Piece* pieces) except -1 nogil:
        """Find what piece `number` holds along each axis."""
        cdef int axis
        cdef index_t n
        check_number(self, number)
        for axis in range(self.ndim - 1, -1, -1):
            n = self._cuts[axis].n_pieces
            if n == 1:
                pieces[axis] = piece_of_axis(&self._cuts[axis], 0)
            else:
                pieces[axis] = piece_of_axis(&self._cuts[axis], number % n)
                number = number // n
        return 0

    cdef int find_chunk(self, index_t number, index_t* coords) except -1 nogil:
        cdef Piece pieces[MAX_NDIM]
        cdef int axis
        self.locate(number, pieces)
        for axis in range(self.ndim):
            coords[axis] = pieces[axis].chunk
        return 0

    cdef index_t size_of(self, index_t number) except -1 nogil:
        cdef Piece pieces[MAX_NDIM]
        cdef index_t size = 1
        cdef int axis
        self.locate(number, pieces)
        for axis in range(self.ndim):
            size *= pieces[axis].count
        return size

    cdef index_t count_covered(self, index_t number, index_t inside) except -1:
        cdef Piece pieces[MAX_NDIM]
        cdef AxisCut* cut
        cdef index_t total = 1, n
        cdef int axis
        self.locate(number, pieces)
        for axis in range(self.ndim - 1, -1, -1):
            cut = &self._cuts[axis]
            if cut.rows == NULL:
                total *= pieces[axis].count
            else:
                n = number % cut.n_pieces
                total *= cut.rows[4 * n + 3]
            number = number // cut.n_pieces
        return total

    def slices(self, index_t number):
        """Return the NumPy indices of a piece in its chunk and in the result.

        Raises
        ------
        TypeError
            If an axis is selected by a list.
        """
        cdef Piece pieces[MAX_NDIM]
        cdef AxisRange* chosen
        cdef index_t first, n
        cdef int axis
        cdef list within = []
        cdef list out = []
        if self.has_lists:
            raise TypeError("a piece along a list has no slices")
        self.locate(number, pieces)
        for axis in range(self.ndim):
            chosen = &self._cuts[axis].chosen
            first, n = pieces[axis].within, pieces[axis].count
            if chosen.dropped:
                within.append(first)
                continue
            within.append(slice(first, first + (n - 1) * chosen.step + 1, chosen.step))
            first = pieces[axis].out
            if chosen.flipped:
                first = chosen.count - 1 - first
                out.append(slice(first, first - n if first >= n else None, -1))
            else:
                out.append(slice(first, first + n))
        return tuple(within), tuple(out)

    def axis_table(self, int axis, index_t[:, ::1] table=None):
        """Return the pieces along an axis.

        Parameters
        ----------
        axis : int
            Number of the axis.
        table : ndarray of int64, optional
            Where to write the rows. It must have a row for each piece; only a checked build tests that.

        Returns
        -------
        ndarray of int64
            One row ``(chunk, within, out, count)`` per piece: the coordinate of its chunk, the positions of its first
            element in the chunk and in the result, and its number of elements. For an axis that is selected by a list,
            `within` is 0 and `out` is the number of the first entry; entries are sorted by chunk.
        """
        if not 0 <= axis < self.ndim:
            raise IndexError(f"axis {axis} of a plan that has {self.ndim} axes")
        if table is None:
            table = np.empty((self._cuts[axis].n_pieces, 4), dtype=np.int64)
        with nogil:
            _fill_table(&self._cuts[axis], table)
        return table.base


cdef char* write_number(char* at, index_t number) noexcept nogil:
    """Write a number of at least 0 in decimal digits, and return the end. It takes up to 20 bytes."""
    cdef char digits[20]
    cdef int n = 0
    while True:
        digits[n] = <char> (c'0' + number % 10)
        n += 1
        number = number // 10
        if number == 0:
            break
    while n:
        n -= 1
        at[0] = digits[n]
        at += 1
    return at


cdef int _cut_range(AxisCut* cut, int axis) except -1:
    """Cut a range at the chunk edges, and raise IndexError if it leaves the axis."""
    cdef index_t last
    if cut.chosen.count == 0:
        cut.first_chunk, cut.n_pieces = 0, 0
        return 0
    last = cut.chosen.start + (cut.chosen.count - 1) * cut.chosen.step
    if cut.chosen.start < 0 or cut.chosen.step < 1 or last >= cut.length:
        raise IndexError(f"the box leaves axis {axis}, which has {cut.length} elements")
    cut.first_chunk = cut.chosen.start // cut.chunk_len
    if cut.chosen.step >= cut.chunk_len:
        cut.n_pieces = cut.chosen.count
    else:
        cut.n_pieces = last // cut.chunk_len - cut.first_chunk + 1
    return 0


cdef index_t _cut_list(AxisCut* cut, const index_t[::1] given, index_t* memory, int axis) except -1:
    """Sort the entries of a list by chunk; `memory` has room for seven numbers per entry. Returns their number.

    Only a copy of `given` is checked and used, because another thread may change it. The sort is stable: of entries
    that have the same position, the last one wins in a write, as in NumPy.
    """
    cdef index_t n = given.shape[0], i, k, chunk, before = -1, n_pieces = 0
    cdef index_t* positions = memory + 6 * n
    cdef bint ordered = True
    cdef index_t[::1] order, chunks
    cdef index_t* row = NULL
    if n == 0:
        cut.rows, cut.within, cut.out, cut.n_pieces = memory, memory, memory, 0
        return 0
    for i in range(n):
        if not i % STEP:
            PyErr_CheckSignals()
            memcpy(positions + i, &given[i], min(STEP, n - i) * sizeof(index_t))
        if not 0 <= positions[i] < cut.length:
            raise IndexError(f"index {positions[i]} is out of bounds for axis {axis}, which has {cut.length} elements")
        chunk = positions[i] // cut.chunk_len
        ordered = ordered and chunk >= before
        before = chunk
    cut.rows, cut.within, cut.out = memory, memory + 4 * n, memory + 5 * n
    if not ordered:
        chunks = np.empty(n, np.int64)
        order = np.empty(n, np.int64)
        for i in range(n):
            if not i % STEP:
                PyErr_CheckSignals()
            chunks[i] = positions[i] // cut.chunk_len
        sort_by_key(&chunks[0], n, (cut.length - 1) // cut.chunk_len, &order[0])
    before = -1
    for k in range(n):
        if not k % STEP:
            PyErr_CheckSignals()
        i = k if ordered else order[k]
        chunk = positions[i] // cut.chunk_len
        if chunk != before:
            row = cut.rows + 4 * n_pieces
            row[0], row[1], row[2] = chunk, k, 0
            n_pieces += 1
            before = chunk
        row[2] += 1
        cut.within[k] = positions[i] - chunk * cut.chunk_len
        cut.out[k] = i
    cut.n_pieces = n_pieces
    for i in range(n_pieces):
        PyErr_CheckSignals()
        row = cut.rows + 4 * i
        row[3] = _count_distinct(cut.within + row[1], row[2], cut.chunk_len)
    return n


cdef index_t _count_distinct(const index_t* within, index_t n, index_t chunk_len) except -1:
    """Return the number of distinct positions among `n` in a chunk; if they are sorted, the usual case, at once."""
    cdef index_t i, distinct = 1 if n else 0
    for i in range(1, n):
        if within[i] < within[i - 1]:
            return count_distinct(within, n, chunk_len)
        distinct += within[i] != within[i - 1]
    return distinct


cdef index_t count_distinct(const index_t* keys, index_t n, index_t n_keys) except -1:
    """Return the number of distinct keys among `n` of 0 ... n_keys - 1."""
    cdef unsigned char* seen
    cdef index_t i, distinct = 0
    cdef index_t[::1] order
    if n < LEAST_SORTED:
        return len({keys[i] for i in range(n)})
    if n_keys <= 16 * n:
        seen = <unsigned char*> calloc(room_for(n_keys, 1), 1)
        if seen == NULL:
            raise MemoryError()
        try:
            for i in range(n):
                if not i % STEP:
                    PyErr_CheckSignals()
                distinct += not seen[keys[i]]
                seen[keys[i]] = 1
        finally:
            free(seen)
        return distinct
    order = np.empty(n, np.int64)
    sort_by_key(keys, n, n_keys - 1, &order[0])
    distinct = 1
    for i in range(1, n):
        if not i % STEP:
            PyErr_CheckSignals()
        distinct += keys[order[i]] != keys[order[i - 1]]
    return distinct


cdef int touch_pages(index_t* memory, index_t n) except -1:
    """Touch new memory in order. The first entries that are scattered over it would touch all of it at once."""
    cdef index_t i
    for i in range(0, n, PAGE_ENTRIES):
        if not i % STEP:
            PyErr_CheckSignals()
        memory[i] = 0
    return 0


cdef int sort_by_key(const index_t* keys, index_t n, index_t largest, index_t* order) except -1:
    """Sort the numbers 0 ... n - 1 by their keys, which are at most `largest`, stably.

    Many numbers are sorted by 16 bits after the other. NumPy's sort takes longer, and no signal ends it.
    """
    cdef index_t[::1] sorted_, spare
    cdef index_t* source = NULL
    cdef index_t* target
    cdef index_t* other
    cdef index_t first, last, i, number, digit, before, at
    cdef index_t* counts
    cdef int shift = 0
    if n < LEAST_SORTED:
        sorted_ = np.argsort(np.asarray(<index_t[:n]> <index_t*> keys), kind="stable").astype(np.int64, copy=False)
        memcpy(order, &sorted_[0], n * sizeof(index_t))
        return 0
    spare = np.empty(n, np.int64)
    # the last pass writes to `order`
    target, other = order, &spare[0]
    while largest >> 16 >> shift:
        target, other = other, target
        shift += 16
    shift = 0
    counts = <index_t*> PyMem_Malloc(N_DIGITS * sizeof(index_t))
    if counts == NULL:
        raise MemoryError()
    try:
        touch_pages(target, n)
        while True:
            memset(counts, 0, N_DIGITS * sizeof(index_t))
            for first in range(0, n, STEP):
                PyErr_CheckSignals()
                last = min(n, first + STEP)
                with nogil:
                    for i in range(first, last):
                        counts[keys[i] >> shift & (N_DIGITS - 1)] += 1
            at = 0
            for digit in range(N_DIGITS):
                before, counts[digit] = counts[digit], at
                at += before
            for first in range(0, n, STEP):
                PyErr_CheckSignals()
                last = min(n, first + STEP)
                with nogil:
                    for i in range(first, last):
                        number = i if source == NULL else source[i]
                        digit = keys[number] >> shift & (N_DIGITS - 1)
                        target[counts[digit]] = number
                        counts[digit] += 1
            if largest >> 16 >> shift == 0:
                break
            source, target, other = target, other, target
            if shift == 0:
                touch_pages(target, n)
            shift += 16
    finally:
        PyMem_Free(counts)
    return 0


def split_outer(Box box, Grid grid, lists=None):
    """Cut a box, or an outer product of ranges and lists of positions, at the chunk edges of a grid.

    Parameters
    ----------
    box : Box
        The ranges. For an axis with a list, only its count is used.
    grid : Grid
        Shape of the array and of its chunks.
    lists : tuple, optional
        Per axis, the selected positions as a flat int64 array, or None for the range of the box. Positions may be in
        any order and may repeat; in a write, the last of equal positions wins.

    Returns
    -------
    OuterPlan
        One piece per chunk that holds a selected element.

    Raises
    ------
    IndexError
        If a range or a list leaves the array.
    OverflowError
        If the selection touches more than 2**62 chunks.
    """
    cdef int axis
    cdef OuterPlan plan
    cdef AxisCut* cut
    cdef index_t* memory
    cdef index_t n_entries = 0
    if box.ndim != grid.ndim or (lists is not None and len(lists) != grid.ndim):
        raise ValueError(f"the box has {box.ndim} axes, the grid has {grid.ndim}")
    plan = OuterPlan.__new__(OuterPlan)
    plan.ndim = box.ndim
    plan.grid = grid
    plan.is_outer = True
    plan.n_pieces = 1
    plan._cuts = <AxisCut*> PyMem_Malloc(max(1, box.ndim) * sizeof(AxisCut))
    if plan._cuts == NULL:
        raise MemoryError()
    if lists is not None:
        lists = tuple(lists)
        for positions in lists:
            if positions is not None:
                n_entries += len(positions)
        plan.has_lists = True
        plan._lists = <index_t*> PyMem_Malloc(room_for(7 * n_entries + 1, sizeof(index_t)))
        if plan._lists == NULL:
            raise MemoryError()
    memory = plan._lists
    for axis in range(box.ndim):
        cut = &plan._cuts[axis]
        cut.chosen = box._ranges[axis]
        cut.length = grid._lengths[axis]
        cut.chunk_len = grid._lengths[grid.ndim + axis]
        cut.rows = NULL
        if lists is None or lists[axis] is None:
            _cut_range(cut, axis)
        elif cut.chosen.count != len(lists[axis]):
            raise ValueError(
                f"axis {axis} has a list of {len(lists[axis])} entries, but the count of the box is {cut.chosen.count}"
            )
        else:
            memory += 7 * _cut_list(cut, lists[axis], memory, axis)
        if cut.n_pieces and plan.n_pieces > LONGEST // cut.n_pieces:
            raise OverflowError("the selection touches more than 2**62 chunks")
        plan.n_pieces *= cut.n_pieces
    return plan
