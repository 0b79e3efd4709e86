from zarrcy._kernels._types cimport Blocks, index_t


cdef struct AxisRange:
    index_t start                    # position of the first selected element
    index_t count                    # number of selected elements
    index_t step                     # distance between them, at least 1
    bint dropped                     # selected by an integer: the result does not have this axis
    bint flipped                     # selected backwards: the result is filled from its end


cdef struct AxisCut:
    AxisRange chosen
    index_t length                   # of the axis
    index_t chunk_len
    index_t first_chunk
    index_t n_pieces
    # of an axis that is selected by a list; NULL for a range
    index_t* rows                    # per piece: chunk, first entry, number of entries, number of distinct positions
    index_t* within                  # per entry: position in its chunk; entries are sorted by chunk
    index_t* out                     # per entry: position in the result


# what a piece holds along one axis
cdef struct Piece:
    index_t chunk                    # coordinate of the chunk
    index_t within                   # position of the first element in the chunk; 0 for a list
    index_t out                      # position of the first element in the result; first entry for a list
    index_t count


cdef Piece piece_of_axis(const AxisCut* cut, index_t number) noexcept nogil
cdef char* write_number(char* at, index_t number) noexcept nogil
cdef int touch_pages(index_t* memory, index_t n) except -1
cdef int sort_by_key(const index_t* keys, index_t n, index_t largest, index_t* order) except -1
cdef index_t count_distinct(const index_t* keys, index_t n, index_t n_keys) except -1


cdef class Grid:
    cdef readonly int ndim
    cdef readonly tuple shape
    cdef readonly tuple chunk_shape
    cdef index_t* _lengths           # shape, then chunk shape


cdef class Box:
    cdef readonly int ndim
    cdef AxisRange* _ranges


cdef class Plan:
    cdef readonly int ndim
    cdef readonly index_t n_pieces
    cdef index_t n_elements          # length of the result, if it has one axis
    cdef bint is_outer               # an OuterPlan: the result has the axes of the selection
    cdef readonly Grid grid
    cdef int find_chunk(self, index_t number, index_t* coords) except -1 nogil
    cdef index_t count_covered(self, index_t number, index_t inside) except -1
    cdef index_t count_inside(self, index_t number) except -1
    cdef int move(
        self, index_t number, char* chunk, const index_t* strides, index_t itemsize, char* line, index_t step,
        bint to_chunk
    ) except -1 nogil
    cdef int mark_blocks(
        self, index_t number, index_t offset, const index_t* strides, index_t itemsize, Blocks* blocks
    ) except -1 nogil
    cdef int list_places(
        self, index_t number, index_t offset, const index_t* strides, index_t* offsets, index_t* targets
    ) except -1 nogil
    cdef index_t size_of(self, index_t number) except -1 nogil


cdef class OuterPlan(Plan):
    cdef AxisCut* _cuts
    cdef index_t* _lists             # memory of all `rows`, `within` and `out`
    cdef readonly bint has_lists
    cdef int locate(self, index_t number, Piece* pieces) except -1 nogil


cdef inline int check_number(Plan plan, index_t number) except -1 nogil:
    """Raise IndexError unless a plan has a piece of this number."""
    if not 0 <= number < plan.n_pieces:
        with gil:
            raise IndexError(f"piece {number} of a plan that has {plan.n_pieces} pieces")
    return 0
