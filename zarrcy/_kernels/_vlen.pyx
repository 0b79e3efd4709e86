"""Texts and bytes of any length: a chunk of Python objects to and from its stored form.

The stored form is the number of items, then each item after its length; numbers have four bytes, the lowest first.
Stored bytes are untrusted: every length is compared with the bytes that are left before it is used. If an item is not
what it must be, the functions only report that: the caller then uses the codec of numcodecs, which raises an error.
`_reference_vlen` is the same in Python.
"""

cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from zarrcy._kernels._types cimport index_t

cnp.import_array()

cdef extern from "Python.h":
    int PyUnicode_CheckExact(object text)
    int PyUnicode_READY(object text) except -1
    int PyUnicode_IS_COMPACT_ASCII(object text)
    int PyUnicode_KIND(object text)
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    uint32_t PyUnicode_READ(int kind, void* data, Py_ssize_t index)
    object PyUnicode_FromStringAndSize(const char* data, Py_ssize_t n)

cdef enum:
    NUMBER_NBYTES = 4
    # items between two checks for signals
    SIGNAL_ITEMS = 65536

# longer items have no length in the stored form of every version of numcodecs
cdef index_t MOST_NBYTES = 0x7FFFFFFF


cdef inline uint32_t _load(const unsigned char* p) noexcept nogil:
    return (
        <uint32_t> p[0] | <uint32_t> p[1] << 8 | <uint32_t> p[2] << 16 | <uint32_t> p[3] << 24
    )


cdef inline void _store(unsigned char* p, index_t n) noexcept nogil:
    p[0], p[1], p[2], p[3] = n & 0xFF, n >> 8 & 0xFF, n >> 16 & 0xFF, n >> 24 & 0xFF


def decode_items(data, index_t n, bint are_texts):
    """Return the items of a chunk.

    Parameters
    ----------
    data : buffer
        The stored bytes.
    n : int
        Number of items in a chunk.
    are_texts : bool
        Whether items are texts in UTF-8, or bytes.

    Returns
    -------
    ndarray of object, or None
        One axis of `n` items. None if the bytes do not hold as many valid items.
    """
    cdef Py_buffer view
    cdef cnp.ndarray out
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        # an item has at least the bytes of its length, so a short value allocates no large array
        if n < 0 or view.len < NUMBER_NBYTES * (n + 1) or _load(<const unsigned char*> view.buf) != n:
            return None
        out = cnp.PyArray_EMPTY(1, [<cnp.npy_intp> n], cnp.NPY_OBJECT, 0)
        try:
            is_valid = _decode(
                <const unsigned char*> view.buf, view.len, <PyObject**> cnp.PyArray_DATA(out), n, are_texts
            )
        except UnicodeDecodeError:
            return None
        return out if is_valid else None
    finally:
        PyBuffer_Release(&view)


cdef bint _decode(const unsigned char* data, index_t nbytes, PyObject** items, index_t n, bint are_texts) except -1:
    cdef index_t at = NUMBER_NBYTES, k, length
    cdef PyObject* before
    cdef object item
    for k in range(n):
        if k % SIGNAL_ITEMS == SIGNAL_ITEMS - 1:
            PyErr_CheckSignals()
        if nbytes - at < NUMBER_NBYTES:
            return False
        length = _load(data + at)
        at += NUMBER_NBYTES
        if length > nbytes - at:
            return False
        if are_texts:
            item = PyUnicode_FromStringAndSize(<const char*> data + at, length)
        else:
            item = PyBytes_FromStringAndSize(<const char*> data + at, length)
        at += length
        Py_INCREF(item)
        before = items[k]
        items[k] = <PyObject*> item
        Py_XDECREF(before)
    return True


def encode_items(cnp.ndarray items not None, bint are_texts):
    """Return the stored form of a chunk.

    Parameters
    ----------
    items : ndarray of object
        The items: contiguous, with one axis.
    are_texts : bool
        Whether items are texts, or bytes.

    Returns
    -------
    bytes or None
        None if an item is anything else, such as None or a number, or a text that UTF-8 cannot hold.
    """
    cdef index_t n, k, length, total = NUMBER_NBYTES, at = NUMBER_NBYTES
    cdef PyObject** objects = <PyObject**> cnp.PyArray_DATA(items)
    cdef bytes encoded
    cdef unsigned char* to
    cdef bint is_flat = cnp.PyArray_NDIM(items) == 1 and cnp.PyArray_IS_C_CONTIGUOUS(items)
    if cnp.PyArray_TYPE(items) != cnp.NPY_OBJECT or not is_flat:
        raise ValueError("items must be a contiguous array of objects with one axis")
    n = cnp.PyArray_SIZE(items)
    if n > MOST_NBYTES:
        return None
    for k in range(n):
        if k % SIGNAL_ITEMS == SIGNAL_ITEMS - 1:
            PyErr_CheckSignals()
        length = -1 if objects[k] == NULL else _length(<object> objects[k], are_texts)
        if length < 0 or length > MOST_NBYTES:
            return None
        total += NUMBER_NBYTES + length
    encoded = PyBytes_FromStringAndSize(NULL, total)
    to = <unsigned char*> PyBytes_AS_STRING(encoded)
    _store(to, n)
    for k in range(n):
        if k % SIGNAL_ITEMS == SIGNAL_ITEMS - 1:
            PyErr_CheckSignals()
        # another thread, or a signal handler, may have changed the array: measure again
        length = -1 if objects[k] == NULL else _length(<object> objects[k], are_texts)
        if length < 0 or length > total - at - NUMBER_NBYTES:
            return None
        _store(to + at, length)
        at += NUMBER_NBYTES
        _write(<object> objects[k], to + at, length, are_texts)
        at += length
    return encoded if at == total else None


cdef index_t _length(object item, bint are_texts) except -2:
    """Return the length of an item in the stored form; -1 if it has none."""
    cdef index_t n, i
    cdef index_t nbytes = 0
    cdef uint32_t c
    cdef int kind
    cdef void* data
    if not are_texts:
        return PyBytes_GET_SIZE(item) if PyBytes_CheckExact(item) else -1
    if not PyUnicode_CheckExact(item):
        return -1
    PyUnicode_READY(item)
    n = PyUnicode_GET_LENGTH(item)
    if PyUnicode_IS_COMPACT_ASCII(item):
        return n
    kind, data = PyUnicode_KIND(item), PyUnicode_DATA(item)
    for i in range(n):
        c = PyUnicode_READ(kind, data, i)
        if 0xD800 <= c <= 0xDFFF:
            # half of a pair: UTF-8 does not have it
            return -1
        nbytes += 1 + (c >= 0x80) + (c >= 0x800) + (c >= 0x10000)
    return nbytes


cdef int _write(object item, unsigned char* to, index_t length, bint are_texts) except -1:
    """Write an item of a known length."""
    cdef index_t n, i
    cdef uint32_t c
    cdef int kind
    cdef void* data
    if not are_texts:
        memcpy(to, PyBytes_AS_STRING(item), length)
        return 0
    data = PyUnicode_DATA(item)
    if PyUnicode_IS_COMPACT_ASCII(item):
        memcpy(to, data, length)
        return 0
    n, kind = PyUnicode_GET_LENGTH(item), PyUnicode_KIND(item)
    for i in range(n):
        c = PyUnicode_READ(kind, data, i)
        if c < 0x80:
            to[0] = c
            to += 1
        elif c < 0x800:
            to[0], to[1] = 0xC0 | c >> 6, 0x80 | c & 0x3F
            to += 2
        elif c < 0x10000:
            to[0], to[1], to[2] = 0xE0 | c >> 12, 0x80 | c >> 6 & 0x3F, 0x80 | c & 0x3F
            to += 3
        else:
            to[0], to[1], to[2], to[3] = 0xF0 | c >> 18, 0x80 | c >> 12 & 0x3F, 0x80 | c >> 6 & 0x3F, 0x80 | c & 0x3F
            to += 4
    return 0
