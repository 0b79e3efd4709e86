"""CRC-32C, the checksum of shard indexes and of chunks that ask for it. `_reference` says the same in numpy."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint32_t

cdef extern from "crc32c.h":
    void zarrcy_crc32c_init() nogil
    uint32_t zarrcy_crc32c(uint32_t crc, const unsigned char* p, size_t n, bint by_tables) nogil

cdef enum:
    RELEASE = 32768                  # bytes from which letting go of the GIL is worth its price

zarrcy_crc32c_init()


def crc32c(data, uint32_t before=0, bint by_tables=False):
    cdef Py_buffer view
    cdef uint32_t crc
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if view.len >= RELEASE:
            with nogil:
                crc = zarrcy_crc32c(before, <const unsigned char*> view.buf, <size_t> view.len, by_tables)
        else:
            crc = zarrcy_crc32c(before, <const unsigned char*> view.buf, <size_t> view.len, by_tables)
    finally:
        PyBuffer_Release(&view)
    return crc
