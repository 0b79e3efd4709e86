"""Slice decomposition: read a key of integers and slices, and cut it at the chunk edges of a grid.

The pieces of a box are computed when asked for, from a few integers per axis: a plan of a
billion chunks is as small as a plan of one. `_reference` says the same in numpy.
"""

cimport numpy as cnp
from cpython.long cimport PyLong_AsLongLong
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libc.string cimport memcpy

from zarrcy._kernels._types cimport MAX_NDIM, Blocks, index_t

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
    if cut.rows != NULL:
        piece.chunk = cut.rows[4 * number]
        piece.within = 0
        piece.out = cut.rows[4 * number + 1]
        piece.count = cut.rows[4 * number + 2]
        return piece
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


cdef class Plan:
    """Pieces of chunks, numbered; each piece is what a selection takes of one chunk."""

    cdef int find_chunk(self, index_t number, index_t* coords) except -1 nogil:
        with gil:
            raise TypeError("a plan is made by one of the split functions")

    cdef index_t count_covered(self, index_t number, index_t inside) except -1:
        """How many different elements a piece holds; `inside` is how many its chunk has in the array."""
        raise TypeError("a plan is made by one of the split functions")

    cdef int move(
        self, index_t number, char* chunk, const index_t* strides, index_t itemsize, char* line, index_t step,
        bint to_chunk
    ) except -1 nogil:
        """Move the elements of a piece of a plan whose result has one axis, from or to its chunk."""
        with gil:
            raise TypeError("a plan is made by one of the split functions")

    cdef int mark(
        self, index_t number, index_t offset, const index_t* strides, index_t itemsize, Blocks* blocks
    ) except -1 nogil:
        """Mark the blocks of a chunk in which the elements of a piece are."""
        with gil:
            raise TypeError("a plan is made by one of the split functions")

    cdef int list_places(
        self, index_t number, index_t offset, const index_t* strides, index_t* offsets, index_t* targets
    ) except -1 nogil:
        """List where the elements of a piece are in their chunk, in bytes, and in a result that has one axis."""
        with gil:
            raise TypeError("a plan is made by one of the split functions")

    cdef index_t size_of(self, index_t number) except -1 nogil:
        """How many elements of the result a piece has."""
        with gil:
            raise TypeError("a plan is made by one of the split functions")

    def coords(self, index_t number):
        cdef index_t chunk[MAX_NDIM]
        cdef int axis
        self.find_chunk(number, chunk)
        return tuple([chunk[axis] for axis in range(self.ndim)])

    def coords_table(self, index_t first, index_t last):
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
        """How many elements the chunk of a piece has inside the array."""
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
        cdef index_t inside = self.count_inside(number)
        return self.count_covered(number, inside) == inside

    def sparse(self, index_t number):
        cdef index_t inside = self.count_inside(number)
        return self.count_covered(number, inside) <= inside // 2

    def overhangs(self, index_t number):
        cdef index_t chunk[MAX_NDIM]
        cdef int axis
        self.find_chunk(number, chunk)
        for axis in range(self.ndim):
            if (chunk[axis] + 1) * self.grid._lengths[self.ndim + axis] > self.grid._lengths[axis]:
                return True
        return False

    def keys(self, index_t first, index_t last, str prefix, str separator):
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
    """The outer product of the pieces of the axes, in C order."""

    def __dealloc__(self):
        PyMem_Free(self._cuts)
        PyMem_Free(self._lists)

    cdef int locate(self, index_t number, Piece* pieces) except -1 nogil:
        """Find piece `number`: one `Piece` per axis."""
        cdef int axis
        cdef index_t n
        if not 0 <= number < self.n_pieces:
            with gil:
                raise IndexError(f"piece {number} of a plan that has {self.n_pieces}")
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
        cdef Piece pieces[MAX_NDIM]
        cdef AxisRange* chosen
        cdef index_t first, n
        cdef int axis
        cdef list within = []
        cdef list out = []
        if self.has_lists:
            raise TypeError("a piece of a list is no slice")
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
        if not 0 <= axis < self.ndim:
            raise IndexError(f"axis {axis} of a plan of rank {self.ndim}")
        if table is None:
            table = np.empty((self._cuts[axis].n_pieces, 4), dtype=np.int64)
        with nogil:
            _fill_table(&self._cuts[axis], table)
        return table.base


cdef char* write_number(char* at, index_t number) noexcept nogil:
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


cdef int _cut_range(AxisCut* cut, int axis) except -1:
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


cdef index_t _cut_list(AxisCut* cut, const index_t[::1] positions, index_t* memory, int axis) except -1:
    """Order the entries of a list by chunk, stably; `memory` has room for six numbers per entry."""
    cdef index_t n = positions.shape[0], i, k, chunk, before = -1, n_pieces = 0
    cdef bint ordered = True
    cdef index_t[::1] order
    cdef index_t* row = NULL
    for i in range(n):
        if not 0 <= positions[i] < cut.length:
            raise IndexError(f"index {positions[i]} leaves axis {axis}, which has {cut.length} elements")
        chunk = positions[i] // cut.chunk_len
        ordered = ordered and chunk >= before
        before = chunk
    cut.rows, cut.within, cut.out = memory, memory + 4 * n, memory + 5 * n
    if not ordered:
        # a stable order keeps what numpy does where a position comes twice: the last one wins
        order = np.argsort(np.asarray(positions) // cut.chunk_len, kind="stable").astype(np.int64, copy=False)
    before = -1
    for k in range(n):
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
        row = cut.rows + 4 * i
        row[3] = _count_distinct(cut.within + row[1], row[2])
    return n


cdef index_t _count_distinct(const index_t* within, index_t n) except -1:
    """How many different positions are among `n`? Sorted ones, the usual case, are counted in passing."""
    cdef index_t i, distinct = 1 if n else 0
    for i in range(1, n):
        if within[i] < within[i - 1]:
            return len({within[i] for i in range(n)})
        distinct += within[i] != within[i - 1]
    return distinct


def split_outer(Box box, Grid grid, lists=None):
    cdef int axis
    cdef OuterPlan plan
    cdef AxisCut* cut
    cdef index_t* memory
    cdef index_t n_entries = 0
    if box.ndim != grid.ndim or (lists is not None and len(lists) != grid.ndim):
        raise ValueError(f"a box of rank {box.ndim} on a grid of rank {grid.ndim}")
    plan = OuterPlan.__new__(OuterPlan)
    plan.ndim = box.ndim
    plan.grid = grid
    plan.is_outer = True
    plan.n_pieces = 1
    plan._cuts = <AxisCut*> PyMem_Malloc(max(1, box.ndim) * sizeof(AxisCut))
    if plan._cuts == NULL:
        raise MemoryError()
    if lists is not None:
        for positions in lists:
            if positions is not None:
                n_entries += len(positions)
        plan.has_lists = True
        plan._lists = <index_t*> PyMem_Malloc((6 * n_entries + 1) * sizeof(index_t))
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
            raise ValueError(f"a list of {len(lists[axis])} entries on axis {axis}, where the box has another count")
        else:
            memory += 6 * _cut_list(cut, lists[axis], memory, axis)
        if cut.n_pieces and plan.n_pieces > LONGEST // cut.n_pieces:
            raise OverflowError("the selection touches more than 2**62 chunks")
        plan.n_pieces *= cut.n_pieces
    return plan
