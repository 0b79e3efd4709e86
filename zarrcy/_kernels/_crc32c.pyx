"""CRC-32C, the checksum of shard indexes and of chunks with the codec ``crc32c``. `_reference` is the same in NumPy."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint32_t

from zarrcy._kernels._types cimport RELEASE_GIL_NBYTES

cdef extern from "crc32c.h":
    void zarrcy_crc32c_init() nogil
    uint32_t zarrcy_crc32c(uint32_t crc, const unsigned char* p, size_t n, bint by_tables) nogil

zarrcy_crc32c_init()


def crc32c(data, uint32_t before=0, bint by_tables=False):
    """Return the CRC-32C of a buffer.

    Parameters
    ----------
    data : buffer
        Contiguous memory.
    before : int, optional
        The checksum of the bytes that precede the buffer; 0 if there are none.
    by_tables : bool, optional
        Do not use the CRC instruction of the processor. For tests.
    """
    cdef Py_buffer view
    cdef uint32_t crc
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if view.len >= RELEASE_GIL_NBYTES:
            with nogil:
                crc = zarrcy_crc32c(before, <const unsigned char*> view.buf, <size_t> view.len, by_tables)
        else:
            crc = zarrcy_crc32c(before, <const unsigned char*> view.buf, <size_t> view.len, by_tables)
    finally:
        PyBuffer_Release(&view)
    return crc
