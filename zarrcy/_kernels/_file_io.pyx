"""Read and write whole small files, mostly metadata documents, without the GIL.

The caller must pass validated paths. `zarrcy.storage.local.atomic_files` does the same in Python, and raises errors
that say what went wrong.
"""

from os import strerror

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport (
    PyErr_CheckSignals,
    PyErr_Occurred,
    PyErr_SetFromErrno,
    PyErr_SetFromErrnoWithFilenameObject,
)
from libc.errno cimport EFBIG, EINTR, EISDIR, ENOENT, errno
from libc.stdint cimport uint64_t

from zarrcy._kernels._types cimport index_t

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX
    int c_check_signals "PyErr_CheckSignals"() noexcept
    bytes PyUnicode_EncodeFSDefault(object text)

cdef extern from *:
    """
    /* How long this thread waited for files: see take_waits. */
    static __thread int64_t zarrcy_waited_files, zarrcy_least_wait, zarrcy_total_wait;
    """
    index_t zarrcy_waited_files
    index_t zarrcy_least_wait
    index_t zarrcy_total_wait

cdef extern from "file_io.h":
    index_t zarrcy_now_ns() nogil
    bint zarrcy_is_absent() nogil
    bint zarrcy_is_missing(const char* path) nogil
    int zarrcy_open_regular(const char* path, index_t* nbytes, uint64_t* inode, index_t* changed_ns) nogil
    index_t zarrcy_read_at(int fd, char* at, size_t n, index_t start) nogil
    index_t zarrcy_read_file(const char* path, int* fd, char* at, size_t room, index_t* nbytes) nogil
    index_t zarrcy_read_more(int fd, char* at, size_t n) nogil
    int zarrcy_replace_file(char* partial, const char* target, const char* at, size_t n) nogil
    int zarrcy_claim_file(char* partial, const char* target, const char* at, size_t n) nogil
    int c_close "close"(int fd) nogil
    int (*zarrcy_look)() noexcept nogil

cdef enum:
    # most documents fit in a buffer of this size on the stack, so they are read before memory is allocated
    HEAD_NBYTES = 4096
    ATTEMPTS = 5                     # to open a file that seems to be a link to nothing
    PART_NBYTES = 0x4000000          # read between two checks for signals


cdef int _look() noexcept with gil:
    """Run the signal handlers that wait. Returns 0, or -1 if one raised an exception."""
    return c_check_signals()


cdef int _raise_pending() except -1:
    """Raise the exception that a signal handler raised during a write, if any."""
    return -1 if PyErr_Occurred() != NULL else 0


zarrcy_look = _look


cdef void count_wait(index_t since_ns) noexcept nogil:
    """Count one file that this thread waited for."""
    global zarrcy_waited_files, zarrcy_least_wait, zarrcy_total_wait
    cdef index_t waited_ns = zarrcy_now_ns() - since_ns
    if zarrcy_waited_files == 0 or waited_ns < zarrcy_least_wait:
        zarrcy_least_wait = waited_ns
    zarrcy_waited_files += 1
    zarrcy_total_wait += waited_ns


def take_waits():
    """Return how long this thread waited for files since the last call of this function, and start again.

    Only the time in system calls counts, not the time until another thread gives the GIL back.

    Returns
    -------
    n_files : int
        Files that `read_file` read, `open_file` opened, or `replace_file` or `claim_file` wrote.
    least_ns, total_ns : int
        The shortest wait for one of them, and the sum of all, in nanoseconds.
    """
    global zarrcy_waited_files, zarrcy_least_wait, zarrcy_total_wait
    waits = zarrcy_waited_files, zarrcy_least_wait, zarrcy_total_wait
    zarrcy_waited_files = zarrcy_least_wait = zarrcy_total_wait = 0
    return waits


def read_file(str path not None, index_t most=-1, bint strict=False):
    """Return the bytes of a file.

    Parameters
    ----------
    path : str
        Path of the file.
    most : int, optional
        Length of the longest file that is read, in bytes; -1 for any length.
    strict : bool, optional
        Whether None means that nothing is at the path. Otherwise it also stands for a directory, for a link to nothing,
        and for a path that leads through a file.

    Returns
    -------
    bytes, int or None
        The length of a file that is longer than `most`; None for a missing file.

    Raises
    ------
    OSError
        If there is something else than a regular file, or the file cannot be read. A FIFO or device does not block.
    """
    cdef bytes encoded = PyUnicode_EncodeFSDefault(path)
    cdef const char* name = encoded
    cdef char head[HEAD_NBYTES]
    cdef char* at = head
    cdef bytes value = None
    cdef index_t done, more, since_ns, nbytes = 0
    cdef int fd = -1, number, attempts = 0
    while True:
        with nogil:
            since_ns = zarrcy_now_ns()
            done = zarrcy_read_file(name, &fd, head, HEAD_NBYTES, &nbytes)
            count_wait(since_ns)
        if done >= 0:
            break
        number = errno
        if zarrcy_is_missing(name) if strict else zarrcy_is_absent() or number == EISDIR:
            return None
        if strict and number == ENOENT and attempts < ATTEMPTS:
            # a link to nothing, or a file that was created after the attempt to open it
            attempts += 1
        elif number != EINTR:
            raise OSError(number, strerror(number), path)
        # a signal handler that raises ends the loop
        PyErr_CheckSignals()
    if fd < 0:
        return head[:done] if most < 0 or done <= most else done
    try:
        if 0 <= most < nbytes:
            return nbytes
        if nbytes > PY_SSIZE_T_MAX - HEAD_NBYTES:
            # without this, the length would lose its upper bits on hosts of 32 bits
            raise OSError(EFBIG, f"{strerror(EFBIG)}: {nbytes} bytes are more than this host can address", path)
        value = PyBytes_FromStringAndSize(NULL, nbytes)
        at = PyBytes_AS_STRING(value)
        done = 0
        while done < nbytes:
            with nogil:
                more = zarrcy_read_more(fd, at + done, min(nbytes - done, <index_t> PART_NBYTES))
            if more < 0:
                if errno != EINTR:
                    PyErr_SetFromErrnoWithFilenameObject(OSError, path)
                PyErr_CheckSignals()
            elif more == 0:
                # the file became shorter meanwhile
                return value[:done]
            else:
                done += more
                if done < nbytes:
                    PyErr_CheckSignals()
        return value
    finally:
        c_close(fd)


cdef class OpenFile:
    """An open file. It is closed at the end of the ``with`` block, or when the object is freed.

    All reads return parts of the same file, even if a writer replaces it. `open_file` makes such objects.

    Attributes
    ----------
    fd : int
        The descriptor; -1 after the end of the ``with`` block.
    nbytes : int
        Length of the file when it was opened, in bytes.
    """

    cdef readonly int fd
    cdef readonly index_t nbytes
    cdef index_t changed_ns
    cdef uint64_t inode

    def __cinit__(self):
        self.fd = -1

    @property
    def identity(self):
        """Inode, time of the last change in nanoseconds, and length: another file has another identity."""
        return self.inode, self.changed_ns, self.nbytes

    def read(self, start not None, nbytes):
        """Return bytes of the file.

        Parameters
        ----------
        start : int
            Position of the first byte; counted from the end if it is negative.
        nbytes : int or None
            How many bytes to read; None for all that follow.

        Returns
        -------
        bytes
            The bytes, fewer if the file ends before.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        cdef index_t done = 0, more, n, first
        cdef bytes value
        cdef char* at
        # the arguments may have any size
        first = min(start, self.nbytes) if start >= 0 else max(0, self.nbytes + start)
        n = self.nbytes - first
        if nbytes is not None and nbytes < n:
            n = max(0, nbytes)
        if n > PY_SSIZE_T_MAX - HEAD_NBYTES:
            raise OSError(EFBIG, f"{strerror(EFBIG)}: {n} bytes are more than this host can address")
        value = PyBytes_FromStringAndSize(NULL, n)
        at = PyBytes_AS_STRING(value)
        while done < n:
            with nogil:
                more = zarrcy_read_at(self.fd, at + done, n - done, first + done)
            if more < 0:
                if errno != EINTR:
                    PyErr_SetFromErrno(OSError)
                PyErr_CheckSignals()
            elif more == 0:
                # the file became shorter meanwhile
                return value[:done]
            else:
                done += more
        return value

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._close()

    def __dealloc__(self):
        self._close()

    cdef void _close(self) noexcept:
        cdef int fd = self.fd
        self.fd = -1
        if fd >= 0:
            c_close(fd)


def open_file(str path not None):
    """Open a regular file, to read parts of it.

    Parameters
    ----------
    path : str
        Path of the file.

    Returns
    -------
    OpenFile, bool or None
        None if nothing is at the path. False if the file could not be opened, or is not a regular one.
    """
    cdef bytes encoded = PyUnicode_EncodeFSDefault(path)
    cdef const char* name = encoded
    cdef index_t since_ns
    # the object exists before the file is open, so the file cannot stay open
    cdef OpenFile file = OpenFile()
    with nogil:
        since_ns = zarrcy_now_ns()
        file.fd = zarrcy_open_regular(name, &file.nbytes, &file.inode, &file.changed_ns)
        count_wait(since_ns)
    if file.fd >= 0:
        return file
    return None if zarrcy_is_missing(name) else False


def replace_file(str partial not None, str target not None, value):
    """Write a new file and rename it, so that readers of `target` see the old value or the new one.

    Creates missing directories.

    Parameters
    ----------
    partial : str
        Path of the new file until it is complete.
    target : str
        Path of the complete file.
    value : buffer
        What to write.

    Returns
    -------
    bool
        False if any step failed; no file is left at `partial`.
    """
    return _write_and_rename(partial, target, value, False) == 0


def claim_file(str partial not None, str target not None, value):
    """Write a new file and rename it, unless `target` exists.

    Parameters
    ----------
    partial, target, value
        As for `replace_file`.

    Returns
    -------
    int
        1 if `target` is the new file, 0 if it existed, -1 if any step failed or the system cannot rename without
        replacing. No file is left at `partial`.
    """
    return _write_and_rename(partial, target, value, True)


cdef int _write_and_rename(str partial, str target, value, bint must_be_new) except -2:
    cdef bytes encoded_partial = PyUnicode_EncodeFSDefault(partial)
    cdef bytes encoded_target = PyUnicode_EncodeFSDefault(target)
    # C code changes this path for a moment to create directories; the bytes object is not shared
    cdef char* partial_path = encoded_partial
    cdef const char* target_path = encoded_target
    cdef Py_buffer view
    cdef index_t since_ns
    cdef int result
    PyObject_GetBuffer(value, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            since_ns = zarrcy_now_ns()
            if must_be_new:
                result = zarrcy_claim_file(partial_path, target_path, <const char*> view.buf, view.len)
            else:
                result = zarrcy_replace_file(partial_path, target_path, <const char*> view.buf, view.len)
            count_wait(since_ns)
        if result < 0:
            _raise_pending()
        return result
    finally:
        PyBuffer_Release(&view)
