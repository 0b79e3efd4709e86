from libc.stdint cimport int64_t

cdef int lock_open_file(int fd, const char* path, int64_t place, object on_wait) except -2
