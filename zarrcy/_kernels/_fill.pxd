from zarrcy._kernels._types cimport index_t


cdef bint repeats(const char* at, index_t nbytes, const char* item, index_t itemsize) noexcept nogil
