from zarrcy._kernels._types cimport index_t


cdef struct AxisRange:
    index_t start                    # position of the first selected element
    index_t count                    # number of selected elements
    index_t step                     # distance between them, always positive
    bint dropped                     # selected by an integer: the result has no such axis
    bint flipped                     # selected backwards: the result runs from its end


cdef struct AxisCut:
    AxisRange chosen
    index_t length                   # of the axis
    index_t chunk_len
    index_t first_chunk
    index_t n_pieces


cdef struct Piece:
    index_t chunk                    # chunk coordinate
    index_t within                   # position of the first element in the chunk
    index_t out                      # position of the first element in the result
    index_t count


cdef Piece piece_of_axis(const AxisCut* cut, index_t number) noexcept nogil


cdef class Grid:
    cdef readonly int ndim
    cdef readonly tuple shape
    cdef readonly tuple chunk_shape
    cdef index_t* _lengths           # shape, then chunk shape


cdef class Box:
    cdef readonly int ndim
    cdef AxisRange* _ranges


cdef class BoxPlan:
    cdef readonly int ndim
    cdef readonly index_t n_pieces
    cdef AxisCut* _cuts
    cdef int locate(self, index_t number, Piece* pieces) except -1
