"""Fill-value checks: find whether memory consists of copies of one element, and fill memory with one.

Elements are compared bit by bit, so payloads of NaN and the sign of zero count. `_reference` is the same in NumPy.
"""

cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy

from zarrcy._kernels._gather_scatter cimport fill_run
from zarrcy._kernels._types cimport RELEASE_GIL_NBYTES, index_t

cnp.import_array()

cdef enum:
    BLOCK_NBYTES = 4096              # compared without a branch
    FILL_NBYTES = 0x1000000          # filled between two checks for signals


cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* glibc chooses the AVX2 build of the loop if the processor has AVX2. A plain x86-64 build uses SSE2, which is half
       as fast on data in the cache. */
    #if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
    __attribute__((target_clones("avx2", "default")))
    #endif
    static int zarrcy_repeats_word(const char *at, int64_t n, uint64_t word)
    {
        /* Two independent sums, and no branch inside a block of 4096 bytes. */
        for (const char *stop = at + n; at < stop; at += 4096) {
            uint64_t low = 0, high = 0;
            for (int i = 0; i < 2048; i += 8) {
                uint64_t a, b;
                memcpy(&a, at + i, 8);
                memcpy(&b, at + 2048 + i, 8);
                low |= a ^ word;
                high |= b ^ word;
            }
            if (low | high)
                return 0;
        }
        return 1;
    }
    """
    bint _repeats_word "zarrcy_repeats_word"(const char* at, index_t n, uint64_t word) noexcept nogil


cdef bint repeats(const char* at, index_t nbytes, const char* item, index_t itemsize) noexcept nogil:
    """Return whether memory consists of copies of `item`; `nbytes` is a multiple of `itemsize`."""
    cdef char pattern[8]
    cdef uint64_t word
    cdef index_t i, whole
    if nbytes == 0:
        return True
    if memcmp(at, item, itemsize) != 0:
        return False
    if itemsize in (1, 2, 4, 8) and nbytes >= BLOCK_NBYTES:
        for i in range(8 // itemsize):
            memcpy(pattern + i * itemsize, item, itemsize)
        memcpy(&word, pattern, 8)
        whole = nbytes // BLOCK_NBYTES * BLOCK_NBYTES
        if not _repeats_word(at, whole, word):
            return False
        at += whole
        nbytes -= whole
        if nbytes == 0:
            return True
        if memcmp(at, item, itemsize) != 0:
            return False
    # the first element equals `item`: compare each other element with the one before it
    return memcmp(at + itemsize, at, nbytes - itemsize) == 0


def is_filled(chunk, bytes item):
    """Return whether a buffer consists of copies of one element.

    The scan ends at most about 4 KiB after the first difference.

    Parameters
    ----------
    chunk : buffer
        Contiguous memory. An empty buffer counts as filled.
    item : bytes
        The bytes of the element.

    Raises
    ------
    ValueError
        If the length of the buffer is not a multiple of that of the element.
    """
    cdef Py_buffer view
    cdef index_t itemsize = len(item)
    cdef const char* first = item
    cdef bint result
    if isinstance(chunk, cnp.ndarray):
        if not cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray> chunk):
            raise ValueError("the memory of a chunk must be contiguous")
        return _check(cnp.PyArray_BYTES(<cnp.ndarray> chunk), cnp.PyArray_NBYTES(<cnp.ndarray> chunk), first, itemsize)
    PyObject_GetBuffer(chunk, &view, PyBUF_SIMPLE)
    try:
        result = _check(<const char*> view.buf, view.len, first, itemsize)
    finally:
        PyBuffer_Release(&view)
    return result


cdef bint _check(const char* at, index_t nbytes, const char* item, index_t itemsize) except -1:
    """Check lengths, then return what `repeats` returns; release the GIL for large chunks."""
    cdef bint result
    if itemsize == 0:
        return True
    if nbytes % itemsize:
        raise ValueError(f"{nbytes} bytes are not a multiple of the element size, {itemsize} bytes")
    if nbytes < RELEASE_GIL_NBYTES:
        return repeats(at, nbytes, item, itemsize)
    with nogil:
        result = repeats(at, nbytes, item, itemsize)
    return result


def fill(chunk, bytes item):
    """Fill a buffer with copies of one element.

    Parameters
    ----------
    chunk : buffer
        Contiguous and writable memory.
    item : bytes
        The bytes of the element.

    Raises
    ------
    ValueError
        If the length of the buffer is not a multiple of that of the element.
    """
    cdef Py_buffer view
    cdef const char* first = item
    cdef index_t itemsize = len(item), nbytes, n, first_item, step
    if itemsize == 0:
        return
    PyObject_GetBuffer(chunk, &view, PyBUF_WRITABLE)
    try:
        nbytes = view.len
        if nbytes % itemsize:
            raise ValueError(f"{nbytes} bytes are not a multiple of the element size, {itemsize} bytes")
        # the first page that is touched takes longest, so signals are checked between parts
        n, step, first_item = nbytes // itemsize, max(1, FILL_NBYTES // itemsize), 0
        while True:
            with nogil:
                fill_run(<char*> view.buf + first_item * itemsize, min(step, n - first_item), first, itemsize)
            first_item += step
            if first_item >= n:
                break
            PyErr_CheckSignals()
    finally:
        PyBuffer_Release(&view)
