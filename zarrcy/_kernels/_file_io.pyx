"""Small files, read and written whole without the GIL: documents of metadata, above all.

Who calls holds harmless paths. `zarrcy.storage.local.atomic_files` says the same in Python, and says what went wrong.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrnoWithFilenameObject
from libc.errno cimport EINTR, EISDIR, errno

from zarrcy._kernels._types cimport index_t

cdef extern from "Python.h":
    bytes PyUnicode_EncodeFSDefault(object text)

cdef extern from "file_io.h":
    bint zarrcy_is_absent() nogil
    index_t zarrcy_read_file(const char* path, int* fd, char* at, size_t room, index_t* nbytes) nogil
    index_t zarrcy_read_on(int fd, char* at, size_t n) nogil
    int zarrcy_replace_file(char* part, const char* target, const char* at, size_t n) nogil
    int zarrcy_claim_file(char* part, const char* target, const char* at, size_t n) nogil
    int c_close "close"(int fd) nogil

cdef enum:
    ROOM = 4096                      # most documents fit, and are read before memory is asked for


def read_file(str path not None):
    cdef bytes encoded = PyUnicode_EncodeFSDefault(path)
    cdef const char* name = encoded
    cdef char head[ROOM]
    cdef char* at = head
    cdef bytes value = None
    cdef index_t done, more, nbytes = 0
    cdef int fd = -1
    while True:
        with nogil:
            done = zarrcy_read_file(name, &fd, head, ROOM, &nbytes)
        if done >= 0:
            break
        if zarrcy_is_absent() or errno == EISDIR:
            return None
        if errno != EINTR:
            PyErr_SetFromErrnoWithFilenameObject(OSError, path)
        # a handler that raises ends the wait
        PyErr_CheckSignals()
    if fd < 0:
        return head[:done]
    try:
        value = PyBytes_FromStringAndSize(NULL, nbytes)
        at = PyBytes_AS_STRING(value)
        done = 0
        while done < nbytes:
            with nogil:
                more = zarrcy_read_on(fd, at + done, nbytes - done)
            if more < 0:
                if errno == EISDIR:
                    return None
                if errno != EINTR:
                    PyErr_SetFromErrnoWithFilenameObject(OSError, path)
                PyErr_CheckSignals()
            elif more == 0:
                # it is shorter than it was said to be
                return value[:done]
            else:
                done += more
        return value
    finally:
        c_close(fd)


def replace_file(str part not None, str target not None, value):
    return _put(part, target, value, False) == 0


def claim_file(str part not None, str target not None, value):
    return _put(part, target, value, True)


cdef int _put(str part, str target, value, bint new) except -2:
    cdef bytes encoded = PyUnicode_EncodeFSDefault(part)
    cdef bytes aim = PyUnicode_EncodeFSDefault(target)
    # changed for a moment where directories are missing: nobody else has this object
    cdef char* name = encoded
    cdef const char* goal = aim
    cdef Py_buffer view
    cdef int done
    PyObject_GetBuffer(value, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            if new:
                done = zarrcy_claim_file(name, goal, <const char*> view.buf, view.len)
            else:
                done = zarrcy_replace_file(name, goal, <const char*> view.buf, view.len)
        return done
    finally:
        PyBuffer_Release(&view)
