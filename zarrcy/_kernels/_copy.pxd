from zarrcy._kernels._types cimport index_t


cdef class ChunkLayout:
    cdef readonly int ndim
    cdef readonly index_t itemsize   # of what is moved
    cdef readonly index_t offset     # of what is moved, in an element of the chunk
    cdef readonly index_t nbytes
    cdef readonly tuple chunk_shape
    cdef readonly tuple order
    cdef index_t* _strides           # chunk lengths, then strides in bytes


cdef void fill_run(char* dst, index_t n, const char* item, index_t itemsize) noexcept nogil
