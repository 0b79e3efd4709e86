"""Locks and waits that an asynchronous exception cannot leave half done.

A signal handler of Python may raise an exception (Ctrl-C, a scheduler's SIGTERM) between two bytecode instructions.
Compiled code has none: if ``__enter__`` of a class here returns, the ``with`` statement calls ``__exit__``, and
``__exit__`` runs to its end. Handlers run only where these methods wait, and what they raise there is kept until
nothing is held any more.
"""

import os
import sys
from _thread import allocate_lock, start_new_thread
from cpython.dict cimport PyDict_DelItem, PyDict_GetItem, PyDict_SetItem
from cpython.exc cimport PyErr_CheckSignals
from cpython.ref cimport PyObject
from libc.errno cimport errno
from libc.stdint cimport int64_t
from threading import main_thread
from time import monotonic

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident() nogil

cdef extern from "file_locks.h":
    int zarrcy_open_to_lock(const char* path) nogil
    int zarrcy_try_lock(int fd, int64_t place) nogil
    int zarrcy_unlock(int fd, int64_t place, int kind) nogil
    int zarrcy_is_still_at(int fd, const char* path, int64_t* nbytes) nogil
    void zarrcy_sleep_ns(int64_t ns) nogil
    int zarrcy_close_file(int fd) nogil
    int64_t zarrcy_clock_ns() nogil

# A signal that comes just before a wait does not end it, so waits are short and signals are checked between them.
cdef double WAIT_SECONDS = 0.1
cdef dict _holders = {}              # name -> KeyLock that holds it
cdef list _waiting = []              # for each waiting thread a lock, released when a name is released


cdef class KeyLock:
    """Names that one thread holds, and that no other thread of this process can hold at the same time.

    All names are acquired together or none, so no order of names can cause a deadlock. A thread does not wait for
    itself: a name that it holds already stays with the outer lock.

    Parameters
    ----------
    names : sequence of str
        The names. Different values have different names.

    Attributes
    ----------
    names : sequence of str
        The names that this lock holds; before it is acquired, those that it will hold.

    Examples
    --------
    >>> with KeyLock(["a/0.0", "a/0.1"]) as lock:
    ...     lock.names
    ['a/0.0', 'a/0.1']
    """

    cdef readonly list names
    cdef unsigned long thread

    def __init__(self, names not None):
        self.names = list(names)

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *exc_info):
        self.release()

    cpdef acquire(self):
        """Wait until all names are free, and hold them.

        If an exception is raised, nothing is held.
        """
        self.thread = PyThread_get_thread_ident()
        if not self.take():
            self.wait()

    cpdef release(self):
        """Release the names that this lock holds, if any."""
        for name in self.names:
            if PyDict_GetItem(_holders, name) == <PyObject*> self:
                PyDict_DelItem(_holders, name)
        for lock in _waiting:
            if lock.locked():
                lock.release()

    cdef bint take(self) except -1:
        """Hold all names, or none. Only C code runs here, so no other thread runs in between."""
        cdef PyObject* holder
        cdef bint is_nested = False
        for name in self.names:
            holder = PyDict_GetItem(_holders, name)
            if holder != NULL:
                if (<KeyLock> holder).thread != self.thread:
                    return False
                is_nested = True
        try:
            for name in self.names:
                if PyDict_GetItem(_holders, name) == NULL:
                    PyDict_SetItem(_holders, name, self)
        except MemoryError:
            self.release()
            raise
        if is_nested:
            self.names = [name for name in self.names if PyDict_GetItem(_holders, name) == <PyObject*> self]
        return True

    cdef wait(self):
        freed = allocate_lock()
        freed.acquire()
        _waiting.append(freed)
        try:
            while not self.take():
                PyErr_CheckSignals()
                freed.acquire(True, WAIT_SECONDS)
        finally:
            _waiting.remove(freed)


def held_names():
    """Return the names that are held in this process."""
    return set(_holders)


def forget_locks():
    """Release all names in a forked child: the threads that held them do not exist there."""
    _holders.clear()
    _waiting.clear()


cdef enum:
    # Between two attempts to lock a file: at first, at most, and at most after a second. A holder has the lock of a
    # small chunk for some 100 microseconds.
    FIRST_SLEEP_NS = 20000
    MOST_SLEEP_NS = 2000000
    MOST_LATE_SLEEP_NS = 20000000
    LATE_NS = 1000000000


cdef int lock_open_file(int fd, const char* path, int64_t place, object on_wait) except -2:
    """Wait until an open file is locked; return the kind of the lock, or -1 if the file system has no locks.

    If another process has the lock for `on_wait.seconds`, ``on_wait(path)`` is called once. Nothing is locked if an
    exception is raised, of that call or of a signal handler.
    """
    cdef int kind
    cdef int64_t since, sleep_ns = FIRST_SLEEP_NS, waited = 0
    cdef bint is_reported = False
    with nogil:
        kind = zarrcy_try_lock(fd, place)
    if kind:
        return kind
    since = zarrcy_clock_ns()
    while True:
        with nogil:
            zarrcy_sleep_ns(sleep_ns)
            kind = zarrcy_try_lock(fd, place)
        if kind:
            return kind
        waited = zarrcy_clock_ns() - since
        sleep_ns = min(2 * sleep_ns, MOST_LATE_SLEEP_NS if waited > LATE_NS else MOST_SLEEP_NS)
        PyErr_CheckSignals()
        if not is_reported and waited > on_wait.seconds * 1e9:
            is_reported = True
            on_wait(<bytes> path)


cdef class FilesLock:
    """Names that one thread of this process holds, and locks of their files, which exclude other processes.

    The names are acquired first, all together as by `KeyLock`. Then the files are locked one after the other, sorted by
    their names, so two processes can't wait for each other. The locks belong to the open files. A file that does not
    exist is not locked: the caller creates it with a call that fails if it exists by then.

    Parameters
    ----------
    names : sequence of str
        The names, as for `KeyLock`.
    files : dict of str to bytes
        For some of the names, the path of a file.
    place : int
        Different places in a file have different locks.
    on_wait : callable
        Called with the path of a file (bytes) that another process has locked for `on_wait.seconds`.

    Attributes
    ----------
    names : list of str
        The names that this lock holds, see `KeyLock`.
    missing : set of str
        The names whose files did not exist when they would have been locked.
    lock_error : int
        The error number of a file system that has no locks; 0 if all files were locked.
    """

    cdef KeyLock hold
    cdef dict files
    cdef readonly set missing
    cdef readonly int lock_error
    cdef int64_t place
    cdef object on_wait
    cdef list locked                 # (descriptor, kind) of each locked file

    def __init__(self, names not None, dict files not None, int64_t place, on_wait not None):
        self.hold = KeyLock(names)
        self.files, self.place, self.on_wait = files, place, on_wait
        self.missing, self.locked, self.lock_error = set(), [], 0

    @property
    def names(self):
        """The names that this lock holds; before it is acquired, those that it will hold."""
        return self.hold.names

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *exc_info):
        self.release()

    cpdef acquire(self):
        """Wait until all names and files are free, and hold them.

        If an exception is raised, nothing is held.
        """
        self.hold.acquire()
        try:
            self.lock_files()
        except BaseException:
            self.release()
            raise

    cpdef lock_again(self):
        """Lock the files that are at the paths now, after this thread has replaced those that it had locked.

        Another process may have locked and changed them meanwhile. If an exception is raised, no file is locked.
        """
        self.unlock_files()
        self.missing = set()
        try:
            self.lock_files()
        except BaseException:
            self.unlock_files()
            raise

    cdef lock_files(self):
        cdef bytes path
        # what this thread held already has been locked by an outer lock
        for name in sorted(self.files.keys() & self.hold.names):
            path = self.files[name]
            if not self.lock_file(path):
                self.missing.add(name)

    cdef bint lock_file(self, bytes path) except -1:
        """Lock a file. False if it does not exist, or can't be opened: then the caller gets the error."""
        cdef const char* at = path
        cdef int fd, kind, is_same
        cdef int64_t nbytes
        while True:
            with nogil:
                fd = zarrcy_open_to_lock(at)
            if fd < 0:
                return False
            try:
                kind = lock_open_file(fd, at, self.place, self.on_wait)
                if kind < 0:
                    self.lock_error = errno
            except BaseException:
                zarrcy_close_file(fd)
                raise
            with nogil:
                is_same = zarrcy_is_still_at(fd, at, &nbytes)
                if is_same != 1:
                    zarrcy_unlock(fd, self.place, kind)
                    zarrcy_close_file(fd)
            if is_same == 1:
                self.locked.append((fd, kind))
                return True
            if is_same < 0:
                return False

    cpdef release(self):
        """Release the files and the names that this lock holds, if any."""
        self.unlock_files()
        self.hold.release()

    cdef unlock_files(self):
        cdef int fd, kind
        cdef int64_t place = self.place
        while self.locked:
            fd, kind = self.locked.pop()
            with nogil:
                zarrcy_unlock(fd, place, kind)
                zarrcy_close_file(fd)


cdef class FileLock:
    """An exclusive lock of a file between processes (POSIX record locks), and between the threads of this process.

    Closing any descriptor of a file releases a process's record locks on it. Therefore a `KeyLock` of the file's real
    path comes first, and one thread at a time opens the file.

    Parameters
    ----------
    path : str
        The file; it is created when it is locked for the first time, with its directories.
    flat_path : str
        The file that is locked instead where `path` cannot be a file: a lock file of another key is its parent
        directory, or it is the directory of other lock files.
    name : str
        Identifies the file in this process.

    Raises
    ------
    OSError
        If the file cannot be created, or the file system has no locks.
    """

    cdef str path, flat_path
    cdef KeyLock hold
    cdef object descriptor

    def __init__(self, str path not None, str flat_path not None, str name not None):
        self.path, self.flat_path = path, flat_path
        self.hold = KeyLock([name])

    def __enter__(self):
        self.hold.acquire()
        try:
            # empty if this thread holds the lock already
            if self.hold.names:
                self.lock_file()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info):
        self.close()

    cdef lock_file(self):
        import fcntl
        import os

        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            self.descriptor = os.open(self.path, flags, 0o666)
        except FileNotFoundError:
            try:
                os.makedirs(os.path.dirname(self.path), exist_ok=True)
                self.descriptor = os.open(self.path, flags, 0o666)
            except (FileExistsError, NotADirectoryError):
                self.descriptor = os.open(self.flat_path, flags, 0o666)
        except (IsADirectoryError, NotADirectoryError):
            self.descriptor = os.open(self.flat_path, flags, 0o666)
        PyErr_CheckSignals()
        fcntl.lockf(self.descriptor, fcntl.LOCK_EX)

    cdef close(self):
        descriptor, self.descriptor = self.descriptor, None
        try:
            if descriptor is not None:
                from os import close

                close(descriptor)
        finally:
            self.hold.release()


cdef class CallLock:
    """A lock that functions acquire and release, held by one thread of this process at a time.

    If `acquire` or `release` are interrupted, `release` is called again, so it must do nothing where this process does
    not hold the lock.

    Parameters
    ----------
    acquire, release : callable
        Called without arguments.
    name : str
        Identifies the lock in this process.
    """

    cdef KeyLock hold
    cdef object take, drop

    def __init__(self, acquire not None, release not None, str name not None):
        self.take, self.drop = acquire, release
        self.hold = KeyLock([name])

    def __enter__(self):
        self.hold.acquire()
        try:
            # empty if this thread holds the lock already
            if self.hold.names:
                self.take()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info):
        self.close()

    cdef close(self):
        try:
            if self.hold.names:
                try:
                    self.drop()
                except BaseException:
                    self.drop()
                    raise
        finally:
            self.hold.release()


cdef class ContextValue:
    """Sets a context variable in a ``with`` block.

    Parameters
    ----------
    variable : contextvars.ContextVar
        The variable.
    value : object
        Its value in the block.
    """

    cdef object variable, value
    cdef list tokens                 # one object may be entered again inside its block

    def __init__(self, variable not None, value):
        self.variable, self.value, self.tokens = variable, value, []

    def __enter__(self):
        self.tokens.append(self.variable.set(self.value))

    def __exit__(self, *exc_info):
        self.variable.reset(self.tokens.pop())


cdef class WorkerGroup:
    """Threads that work for one caller. Leaving the ``with`` block waits for those that have begun.

    The caller gives the group to threads, which call `run`. A thread that calls it after the block was left returns
    at once.

    Parameters
    ----------
    work : callable
        Called without arguments by each thread; it returns soon after `is_stopping` becomes True.
    stop : callable, optional
        Called without arguments when a thread fails and when the block is left, so that `work` ends. It must be
        compiled, because Python code could be interrupted.
    grace : float, optional
        How long to wait for threads after an exception of the block or of a signal handler, in seconds; by default
        until they end.

    Attributes
    ----------
    failures : list of BaseException
        Exceptions that threads raised.
    n_running : int
        Number of threads in `work`.
    """

    cdef object work, stop, grace, ended
    cdef readonly list failures
    cdef readonly int n_running
    cdef bint is_closed

    def __init__(self, work not None, stop=None, grace=None):
        self.work, self.stop, self.grace = work, stop, grace
        self.failures = []
        self.ended = allocate_lock()
        self.ended.acquire()

    @property
    def is_stopping(self):
        """Whether threads must end: the caller has no more work, or there was an exception."""
        return self.is_closed or len(self.failures) > 0

    def run(self):
        """Call `work`, in a thread of the group."""
        if self.is_closed:
            return
        self.n_running += 1
        try:
            self.work()
        except BaseException as exc:
            self.failures.append(exc)
            if self.stop is not None:
                self.stop()
        self.n_running -= 1
        if self.is_closed and self.n_running == 0:
            self.work = self.stop = None
            self.ended.release()

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc, traceback):
        deadline = interrupt = None
        self.is_closed = True
        if self.stop is not None:
            self.stop()
        while self.n_running:
            if deadline is None and self.grace is not None and (exc is not None or interrupt is not None):
                deadline = monotonic() + self.grace
            try:
                PyErr_CheckSignals()
                if deadline is None:
                    self.ended.acquire(True, WAIT_SECONDS)
                elif not self.ended.acquire(True, min(WAIT_SECONDS, max(0.0, deadline - monotonic()))):
                    if monotonic() >= deadline:
                        break
            except BaseException as raised:
                interrupt = interrupt or raised
        if not self.n_running:
            # threads that have not come yet may still refer to the group
            self.work = self.stop = None
        if interrupt is not None:
            raise interrupt
        return False


cdef class _ThreadCall:
    """A call of a function, and what came of it."""

    cdef object function, ended, result, failure
    cdef tuple args
    cdef dict kwargs

    def __init__(self, function, args, kwargs):
        self.function, self.args, self.kwargs = function, args, kwargs
        self.ended = allocate_lock()
        self.ended.acquire()

    def run(self):
        try:
            self.result = self.function(*self.args, **self.kwargs)
        except BaseException as exc:
            self.failure = exc
        self.ended.release()


def call_in_thread(function, *args, **kwargs):
    """Call a function in a thread of its own, where no signal handler runs, and return its result.

    Handlers of signals run in the calling thread meanwhile. What they raise is raised when the function has ended. If
    the system has no more threads, the calling thread calls the function.
    """
    cdef _ThreadCall call = _ThreadCall(function, args, kwargs)
    interrupt = None
    try:
        start_new_thread(call.run, ())
    except RuntimeError:
        return function(*args, **kwargs)
    while True:
        try:
            PyErr_CheckSignals()
            if call.ended.acquire(True, WAIT_SECONDS):
                break
        except BaseException as raised:
            interrupt = interrupt or raised
    if interrupt is not None:
        raise interrupt
    if call.failure is not None:
        raise call.failure
    return call.result


def uninterrupted(function, *args, **kwargs):
    """Call a function where no signal handler can interrupt it: in the main thread as `call_in_thread`, else directly.

    Handlers run in no other thread than the main thread. At the exit of the interpreter no thread can be started.
    """
    if PyThread_get_thread_ident() != main_thread().ident or sys.is_finalizing():
        return function(*args, **kwargs)
    return call_in_thread(function, *args, **kwargs)


cdef class Descriptor:
    """An open file descriptor. It is closed at the end of the ``with`` block, or when the object is freed.

    Parameters
    ----------
    open : callable
        Compiled function that returns a descriptor, such as `os.open` or `os.dup`.
    *args : object
        Its arguments.

    Attributes
    ----------
    fd : int
        The descriptor; -1 after `close`.
    """

    cdef readonly int fd

    def __cinit__(self, open, *args):
        self.fd = -1
        self.fd = open(*args)

    def __enter__(self):
        return self.fd

    def __exit__(self, *exc_info):
        self.close()

    cpdef close(self):
        """Close the descriptor, if it is open."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __dealloc__(self):
        if self.fd >= 0:
            os.close(self.fd)


cdef class AtLast:
    """Calls a function when it is freed, in the process that made it.

    The method ``__del__`` of a class in Python can be interrupted, and Python drops the exception then.

    Parameters
    ----------
    function : callable
        Compiled function without arguments.
    """

    cdef object function, pid

    def __init__(self, function not None):
        self.function, self.pid = function, os.getpid()

    def __del__(self):
        if self.function is not None and os.getpid() == self.pid:
            self.function()


cdef class TemporaryFile:
    """The name of a file that will be renamed. The file is removed when the object is freed before that.

    Parameters
    ----------
    path : str
        The temporary name. The file need not exist yet.

    Attributes
    ----------
    path : str or None
        The temporary name; None after `rename`.
    """

    cdef readonly object path
    cdef object pid

    def __init__(self, str path not None):
        self.path, self.pid = path, os.getpid()

    def rename(self, str target not None):
        """Give the file its name."""
        os.replace(self.path, target)
        self.path = None

    def __del__(self):
        if self.path is not None and os.getpid() == self.pid:
            try:
                os.unlink(self.path)
            except OSError:
                return


def close_archive(archive):
    """Close a `zipfile.ZipFile` if it is open. As its ``__del__`` this cannot be interrupted where nothing is done."""
    if getattr(archive, "fp", None) is not None:
        archive.close()
