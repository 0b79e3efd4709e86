cimport numpy as cnp

from zarrcy._kernels._plan_outer cimport OuterPlan, Plan
from zarrcy._kernels._types cimport MAX_NDIM, index_t


# where the elements of a piece lie: in its chunk, or in the result
cdef struct Side:
    char* base
    index_t strides[MAX_NDIM]
    const index_t* lists[MAX_NDIM]   # per axis: positions, in strides; NULL means 0, 1, 2 ...


cdef class ChunkLayout:
    cdef readonly int ndim
    cdef readonly index_t itemsize   # number of bytes that are moved per element
    cdef readonly index_t offset     # of these bytes in an element of the chunk
    cdef readonly index_t nbytes     # of a chunk
    cdef readonly tuple chunk_shape
    cdef readonly tuple order
    cdef index_t* _strides           # lengths of the axes, their strides in bytes, then the axes in `order`


cdef void fill_run(char* dst, index_t n, const char* item, index_t itemsize) noexcept nogil

cdef int check_layout(Plan plan, ChunkLayout layout) except -1
cdef int check_outer(OuterPlan plan, ChunkLayout layout, cnp.ndarray result) except -1
cdef int place_outer(
    OuterPlan plan, index_t number, ChunkLayout layout, char* result, const cnp.npy_intp* result_strides,
    Side* chunk, Side* out, index_t* counts
) except -1 nogil
cdef char* line_of(Plan plan, cnp.ndarray result, index_t* step) except NULL
cdef void move_piece(
    const Side* source, const Side* target, const index_t* counts, int ndim, index_t itemsize, bint listed
) noexcept nogil
cdef bint stream_piece(
    const Side* source, const Side* target, const index_t* counts, int ndim, index_t itemsize
) noexcept nogil
cdef void fill_box(
    const Side* out, const index_t* counts, int ndim, const char* item, index_t itemsize, bint listed
) noexcept nogil
cdef bint whole_run(
    OuterPlan plan, ChunkLayout layout, const Side* chunk, const Side* out, const index_t* counts
) noexcept nogil
