cimport numpy as cnp

from zarrcy._kernels._plan_outer cimport OuterPlan, Plan
from zarrcy._kernels._types cimport MAX_NDIM, index_t


cdef struct Side:
    char* base
    index_t strides[MAX_NDIM]
    const index_t* lists[MAX_NDIM]   # positions along the axis, in strides; NULL where they are 0, 1, 2 ...


cdef class ChunkLayout:
    cdef readonly int ndim
    cdef readonly index_t itemsize   # of what is moved
    cdef readonly index_t offset     # of what is moved, in an element of the chunk
    cdef readonly index_t nbytes
    cdef readonly tuple chunk_shape
    cdef readonly tuple order
    cdef index_t* _strides           # chunk lengths, strides in bytes, then the axes in `order`


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
cdef void fill_box(
    const Side* out, const index_t* counts, int ndim, const char* item, index_t itemsize, bint listed
) noexcept nogil
cdef bint whole_run(
    OuterPlan plan, ChunkLayout layout, const Side* chunk, const Side* out, const index_t* counts
) noexcept nogil
