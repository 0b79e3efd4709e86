"""Slice decomposition: read a key of integers and slices, and cut it at the chunk edges of a grid.

The pieces of a box are computed when asked for, from a few integers per axis: a plan of a
billion chunks is as small as a plan of one. `_reference` says the same in numpy.
"""

cimport numpy as cnp
from cpython.long cimport PyLong_AsLongLong
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libc.string cimport memcpy

from zarrcy._kernels._types cimport MAX_NDIM, index_t

import numpy as np

cnp.import_array()

cdef extern from "Python.h":
    int PyLong_CheckExact(object)
    int PySlice_Check(object)
    int PySlice_Unpack(object, Py_ssize_t*, Py_ssize_t*, Py_ssize_t*) except -1
    Py_ssize_t PySlice_AdjustIndices(Py_ssize_t, Py_ssize_t*, Py_ssize_t*, Py_ssize_t)

cdef extern from *:
    const bint ZARRCY_CHECKED

CHECKED = bool(ZARRCY_CHECKED)

cdef index_t LONGEST = <index_t> 1 << 62     # room to add two lengths without an overflow
cdef object _integer = np.integer


cdef class Grid:
    """Array shape and chunk shape, both in elements."""

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
                raise ValueError(f"bad shape {self.shape}: a length must be 0 or more, and below 2**62")
        for n in self.chunk_shape:
            if not 1 <= n < LONGEST:
                raise ValueError(f"bad chunk shape {self.chunk_shape}: a length must be 1 or more, below 2**62")
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
    """One strided range per axis."""

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
        return tuple([self._ranges[axis].start for axis in range(self.ndim)])

    @property
    def counts(self):
        return tuple([self._ranges[axis].count for axis in range(self.ndim)])

    @property
    def steps(self):
        return tuple([self._ranges[axis].step for axis in range(self.ndim)])

    @property
    def dropped(self):
        return tuple([self._ranges[axis].dropped != 0 for axis in range(self.ndim)])

    @property
    def flipped(self):
        return tuple([self._ranges[axis].flipped != 0 for axis in range(self.ndim)])

    @property
    def shape(self):
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


cdef int _parse_item(object item, index_t length, AxisRange* out) except -1:
    """Read one integer or slice; 0 means that the item is another thing, or out of bounds."""
    cdef index_t position
    cdef Py_ssize_t start, stop, step, count
    if PySlice_Check(item):
        PySlice_Unpack(item, &start, &stop, &step)
        count = PySlice_AdjustIndices(length, &start, &stop, step)
        out.dropped = False
        out.count = count
        out.flipped = step < 0
        if count == 0:
            out.start, out.step, out.flipped = 0, 1, False
        elif step < 0:
            # the same elements, walked upwards; the result is _filled from its end
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
    cdef int ndim = grid.ndim
    cdef int axis = 0, missing, _filled
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
            for _filled in range(missing):
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


cdef inline index_t _ceil_div(index_t a, index_t b) noexcept nogil:
    return (a + b - 1) // b


cdef Piece piece_of_axis(const AxisCut* cut, index_t number) noexcept nogil:
    cdef index_t start = cut.chosen.start, step = cut.chosen.step, low, stop
    cdef Piece piece
    if step >= cut.chunk_len:
        # no chunk holds two of the elements: a piece is an element
        start += number * step
        piece.chunk = start // cut.chunk_len
        piece.within = start - piece.chunk * cut.chunk_len
        piece.out = number
        piece.count = 1
        return piece
    # no chunk between the first and the last is without an element: a piece is a chunk
    piece.chunk = cut.first_chunk + number
    low = piece.chunk * cut.chunk_len
    piece.out = 0 if low <= start else _ceil_div(low - start, step)
    piece.within = start + piece.out * step - low
    stop = _ceil_div(low + cut.chunk_len - start, step)
    piece.count = (stop if stop < cut.chosen.count else cut.chosen.count) - piece.out
    return piece


cdef int _fill_table(const AxisCut* cut, index_t[:, ::1] table) except -1 nogil:
    cdef index_t number
    cdef Piece piece
    for number in range(cut.n_pieces):
        piece = piece_of_axis(cut, number)
        table[number, 0] = piece.chunk
        table[number, 1] = piece.within
        table[number, 2] = piece.out
        table[number, 3] = piece.count
    return 0


cdef class BoxPlan:
    """The pieces of a box: the outer product of the pieces of its axes, in C order."""

    def __cinit__(self):
        self._cuts = NULL

    def __dealloc__(self):
        PyMem_Free(self._cuts)

    cdef int locate(self, index_t number, Piece* pieces) except -1:
        """Find piece `number`: one `Piece` per axis."""
        cdef int axis
        cdef index_t n
        if not 0 <= number < self.n_pieces:
            raise IndexError(f"piece {number} of a plan that has {self.n_pieces}")
        for axis in range(self.ndim - 1, -1, -1):
            n = self._cuts[axis].n_pieces
            if n == 1:
                pieces[axis] = piece_of_axis(&self._cuts[axis], 0)
            else:
                pieces[axis] = piece_of_axis(&self._cuts[axis], number % n)
                number = number // n
        return 0

    def coords(self, index_t number):
        cdef Piece pieces[MAX_NDIM]
        cdef int axis
        self.locate(number, pieces)
        return tuple([pieces[axis].chunk for axis in range(self.ndim)])

    def complete(self, index_t number):
        cdef Piece pieces[MAX_NDIM]
        cdef int axis
        cdef index_t inside
        self.locate(number, pieces)
        for axis in range(self.ndim):
            inside = self._cuts[axis].length - pieces[axis].chunk * self._cuts[axis].chunk_len
            if inside > self._cuts[axis].chunk_len:
                inside = self._cuts[axis].chunk_len
            if pieces[axis].count != inside:
                return False
        return True

    def overhangs(self, index_t number):
        cdef Piece pieces[MAX_NDIM]
        cdef int axis
        self.locate(number, pieces)
        for axis in range(self.ndim):
            if (pieces[axis].chunk + 1) * self._cuts[axis].chunk_len > self._cuts[axis].length:
                return True
        return False

    def axis_table(self, int axis, index_t[:, ::1] table=None):
        if not 0 <= axis < self.ndim:
            raise IndexError(f"axis {axis} of a plan of rank {self.ndim}")
        if table is None:
            table = np.empty((self._cuts[axis].n_pieces, 4), dtype=np.int64)
        with nogil:
            _fill_table(&self._cuts[axis], table)
        return table.base

    def keys(self, index_t first, index_t last, str prefix, str separator):
        cdef Py_ssize_t n_prefix, n_separator
        cdef const char* head = PyUnicode_AsUTF8AndSize(prefix, &n_prefix)
        cdef const char* between = PyUnicode_AsUTF8AndSize(separator, &n_separator)
        cdef Piece pieces[MAX_NDIM]
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
                self.locate(number, pieces)
                at = text + n_prefix
                for axis in range(self.ndim):
                    if axis:
                        memcpy(at, between, n_separator)
                        at += n_separator
                    at = _write_number(at, pieces[axis].chunk)
                names.append(PyUnicode_DecodeUTF8(text, at - text, NULL))
        finally:
            PyMem_Free(text)
        return names


cdef char* _write_number(char* at, index_t number) noexcept nogil:
    cdef char digits[20]
    cdef int n = 0
    while True:
        digits[n] = <char> (48 + number % 10)
        n += 1
        number = number // 10
        if number == 0:
            break
    while n:
        n -= 1
        at[0] = digits[n]
        at += 1
    return at


def split_box(Box box, Grid grid):
    cdef int axis
    cdef BoxPlan plan
    cdef AxisCut* cut
    cdef index_t last
    if box.ndim != grid.ndim:
        raise ValueError(f"a box of rank {box.ndim} on a grid of rank {grid.ndim}")
    plan = BoxPlan.__new__(BoxPlan)
    plan.ndim = box.ndim
    plan.n_pieces = 1
    plan._cuts = <AxisCut*> PyMem_Malloc(max(1, box.ndim) * sizeof(AxisCut))
    if plan._cuts == NULL:
        raise MemoryError()
    for axis in range(box.ndim):
        cut = &plan._cuts[axis]
        cut.chosen = box._ranges[axis]
        cut.length = grid._lengths[axis]
        cut.chunk_len = grid._lengths[grid.ndim + axis]
        if cut.chosen.count == 0:
            cut.first_chunk, cut.n_pieces = 0, 0
        else:
            last = cut.chosen.start + (cut.chosen.count - 1) * cut.chosen.step
            if cut.chosen.start < 0 or cut.chosen.step < 1 or last >= cut.length:
                raise IndexError(f"the box leaves axis {axis}, which has {cut.length} elements")
            cut.first_chunk = cut.chosen.start // cut.chunk_len
            if cut.chosen.step >= cut.chunk_len:
                cut.n_pieces = cut.chosen.count
            else:
                cut.n_pieces = last // cut.chunk_len - cut.first_chunk + 1
        if cut.n_pieces and plan.n_pieces > LONGEST // cut.n_pieces:
            raise OverflowError("the selection touches more than 2**62 chunks")
        plan.n_pieces *= cut.n_pieces
    return plan
