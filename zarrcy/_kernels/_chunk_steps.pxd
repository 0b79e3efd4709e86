from zarrcy._kernels._types cimport index_t


cdef class Steps:
    cdef readonly index_t nbytes_in
    cdef readonly index_t nbytes_out
    cdef readonly index_t most_nbytes
    cdef readonly int n_steps
    cdef int first_place             # of the memory that the first step reads
    cdef void* steps                 # of type zarrcy_step

    cdef int run(self, const char* source, char* const* places) noexcept nogil


cdef int parse_checksum(tuple checksum, int* kind, bint* at_start, unsigned int* seed) except -1
