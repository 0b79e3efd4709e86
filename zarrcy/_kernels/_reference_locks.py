"""The classes of ``_locks`` in Python, for builds without compiled kernels.

An exception of a signal handler may come between two instructions of this module. A build that must survive that
needs the compiled module.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
import threading
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar, Token
from threading import get_ident
from time import monotonic, sleep
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import zipfile

    from zarrcy._kernels.protocols import OnWait

T = TypeVar("T")

_WAIT_SECONDS = 0.1

_holders: dict[str, KeyLock] = {}
_freed = threading.Condition()


class KeyLock:
    """Names that one thread holds: see ``_locks.KeyLock``."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.thread = get_ident()

    def acquire(self) -> None:
        """Wait until all names are free, and hold them."""
        self.thread = get_ident()
        with _freed:
            _freed.wait_for(self._are_free)
            self.names = [name for name in self.names if _holders.setdefault(name, self) is self]

    def _are_free(self) -> bool:
        return all(_holders.get(name, self).thread == self.thread for name in self.names)

    def release(self) -> None:
        """Release the names that this lock holds, if any."""
        with _freed:
            for name in self.names:
                if _holders.get(name) is self:
                    del _holders[name]
            _freed.notify_all()

    def __enter__(self) -> KeyLock:
        self.acquire()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()


class FilesLock:
    """Names that one thread holds, and locks of their files: see ``_locks.FilesLock``."""

    def __init__(self, names: Sequence[str], files: dict[str, bytes], place: int, on_wait: OnWait) -> None:
        self._hold = KeyLock(names)
        self._files, self._place, self._on_wait = files, place, on_wait
        self._locked: list[tuple[int, bool]] = []
        self.missing: set[str] = set()
        self.lock_error = 0

    @property
    def names(self) -> list[str]:
        """The names that this lock holds; before it is acquired, those that it will hold."""
        return self._hold.names

    def acquire(self) -> None:
        """Wait until all names and files are free, and hold them."""
        self._hold.acquire()
        try:
            self._lock_files()
        except BaseException:
            self.release()
            raise

    def lock_again(self) -> None:
        """Lock the files that are at the paths now, after this thread has replaced those that it had locked."""
        self._unlock_files()
        self.missing = set()
        try:
            self._lock_files()
        except BaseException:
            self._unlock_files()
            raise

    def _lock_files(self) -> None:
        for name in sorted(self._files.keys() & set(self._hold.names)):
            if not self._lock_file(self._files[name]):
                self.missing.add(name)

    def _lock_file(self, path: bytes) -> bool:
        while True:
            fd = _open_to_lock(path)
            if fd is None:
                return False
            try:
                by_range = self._wait(fd, path)
                is_same = _is_still_at(fd, path)
            except BaseException:
                os.close(fd)
                raise
            if is_same:
                self._locked.append((fd, by_range))
                return True
            self._unlock(fd, by_range)
            if is_same is None:
                return False

    def _wait(self, fd: int, path: bytes) -> bool:
        """Wait until a file is locked; return whether the lock is one of a range."""
        since, is_reported = monotonic(), False
        pause = 2e-5
        while True:
            try:
                return _try_lock(fd, self._place)
            except (BlockingIOError, PermissionError, InterruptedError):
                sleep(pause)
            except OSError as exc:
                self.lock_error = exc.errno or -1
                return True
            pause = min(2 * pause, 2e-3)
            if not is_reported and monotonic() - since > self._on_wait.seconds:
                is_reported = True
                self._on_wait(path)

    def _unlock(self, fd: int, by_range: bool) -> None:
        import fcntl

        with suppress(OSError):
            if by_range:
                fcntl.fcntl(fd, _OFD_SETLK, _range(fcntl.F_UNLCK, self._place))
            else:
                fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)

    def release(self) -> None:
        """Release the files and the names that this lock holds, if any."""
        self._unlock_files()
        self._hold.release()

    def _unlock_files(self) -> None:
        while self._locked:
            self._unlock(*self._locked.pop())

    def __enter__(self) -> FilesLock:
        self.acquire()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()


# F_OFD_SETLK of Linux; the module `fcntl` does not have it in all versions of Python
_OFD_SETLK = 37


def _range(kind: int, place: int) -> bytes:
    """Return a lock of one byte beyond all data, as ``struct flock`` with offsets of 64 bits."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, 2**62 + place, 1, 0)


def _try_lock(fd: int, place: int) -> bool:
    """Lock a file without waiting, and return whether the lock is one of a range; raise an OSError otherwise."""
    import fcntl

    if sys.platform == "linux":
        try:
            fcntl.fcntl(fd, _OFD_SETLK, _range(fcntl.F_WRLCK, place))
        except OSError as exc:
            # open for reading only, or an old kernel
            if exc.errno not in (errno.EBADF, errno.EINVAL):
                raise
        else:
            return True
    if place:
        raise OSError(errno.ENOLCK, "all places would share one lock")
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return False


def _open_to_lock(path: bytes) -> int | None:
    more = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    for mode in (os.O_RDWR, os.O_RDONLY):
        try:
            return os.open(path, mode | more)
        except OSError as exc:
            if exc.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ETXTBSY):
                return None
    return None


def _is_still_at(fd: int, path: bytes) -> bool | None:
    """Return whether an open regular file is the one at a path; None if it is not a regular file."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        return None
    try:
        return os.path.samestat(status, os.stat(path))
    except OSError:
        return False


class FileLock:
    """An exclusive lock of a file between processes: see ``_locks.FileLock``."""

    def __init__(self, path: str, flat_path: str, name: str) -> None:
        self.path, self.flat_path = path, flat_path
        self._hold = KeyLock([name])
        self._descriptor: int | None = None

    def __enter__(self) -> FileLock:
        self._hold.acquire()
        try:
            if self._hold.names:
                self._lock_file()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _lock_file(self) -> None:
        import fcntl
        import os

        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            self._descriptor = os.open(self.path, flags, 0o666)
        except (FileExistsError, IsADirectoryError, NotADirectoryError):
            self._descriptor = os.open(self.flat_path, flags, 0o666)
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *exc_info: object) -> None:
        descriptor, self._descriptor = self._descriptor, None
        try:
            if descriptor is not None:
                import os

                os.close(descriptor)
        finally:
            self._hold.release()


class CallLock:
    """A lock that functions acquire and release: see ``_locks.CallLock``."""

    def __init__(self, acquire: Callable[[], object], release: Callable[[], object], name: str) -> None:
        self._acquire, self._release = acquire, release
        self._hold = KeyLock([name])

    def __enter__(self) -> CallLock:
        self._hold.acquire()
        try:
            if self._hold.names:
                self._acquire()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            if self._hold.names:
                try:
                    self._release()
                except BaseException:
                    self._release()
                    raise
        finally:
            self._hold.release()


class ContextValue:
    """Sets a context variable in a ``with`` block: see ``_locks.ContextValue``."""

    def __init__(self, variable: ContextVar[T], value: T) -> None:
        self.variable, self.value = variable, value
        self.tokens: list[Token[T]] = []

    def __enter__(self) -> None:
        self.tokens.append(self.variable.set(self.value))

    def __exit__(self, *exc_info: object) -> None:
        self.variable.reset(self.tokens.pop())


class WorkerGroup:
    """Threads that work for one caller: see ``_locks.WorkerGroup``."""

    def __init__(
        self, work: Callable[[], object], stop: Callable[[], object] | None = None, grace: float | None = None
    ) -> None:
        self.work, self.stop, self.grace = work, stop, grace
        self.failures: list[BaseException] = []
        self.n_running = 0
        self._is_closed = False
        self._changed = threading.Condition()

    @property
    def is_stopping(self) -> bool:
        """Whether threads must end: the caller has no more work, or there was an exception."""
        return self._is_closed or bool(self.failures)

    def run(self) -> None:
        """Call `work`, in a thread of the group."""
        with self._changed:
            if self._is_closed:
                return
            self.n_running += 1
        try:
            self.work()
        except BaseException as exc:
            self.failures.append(exc)
            if self.stop is not None:
                self.stop()
        finally:
            with self._changed:
                self.n_running -= 1
                self._changed.notify_all()

    def __enter__(self) -> WorkerGroup:
        return self

    def __exit__(self, exc_type: object, exc: BaseException | None, traceback: object) -> bool:
        deadline = interrupt = None
        self._is_closed = True
        if self.stop is not None:
            self.stop()
        while self.n_running:
            if deadline is None and self.grace is not None and (exc is not None or interrupt is not None):
                deadline = monotonic() + self.grace
            try:
                with self._changed:
                    left = None if deadline is None else max(0.0, deadline - monotonic())
                    if not self._changed.wait_for(lambda: not self.n_running, left):
                        break
            except BaseException as raised:
                interrupt = interrupt or raised
        if interrupt is not None:
            raise interrupt
        return False


def held_names() -> set[str]:
    """Return the names that are held in this process."""
    return set(_holders)


def forget_locks() -> None:
    """Release all names in a forked child: the threads that held them do not exist there."""
    global _freed  # noqa: PLW0603
    _freed = threading.Condition()
    _holders.clear()


def call_in_thread(function: Callable[..., T], *args: object, **kwargs: object) -> T:
    """Call a function in a thread of its own, and return its result: see ``_locks.call_in_thread``."""
    results: list[T] = []
    failures: list[BaseException] = []
    ended = allocate_lock()
    ended.acquire()

    def run() -> None:
        try:
            results.append(function(*args, **kwargs))
        except BaseException as exc:
            failures.append(exc)
        ended.release()

    interrupt: BaseException | None = None
    try:
        start_new_thread(run, ())
    except RuntimeError:
        return function(*args, **kwargs)
    while not (results or failures):
        try:
            ended.acquire(timeout=_WAIT_SECONDS)
        except BaseException as raised:
            interrupt = interrupt or raised
    if interrupt is not None or failures:
        raise interrupt or failures[0]
    return results[0]


def uninterrupted(function: Callable[..., T], *args: object, **kwargs: object) -> T:
    """Call a function where no signal handler can interrupt it: see ``_locks.uninterrupted``."""
    if get_ident() != threading.main_thread().ident or sys.is_finalizing():
        return function(*args, **kwargs)
    return call_in_thread(function, *args, **kwargs)


class Descriptor:
    """An open file descriptor: see ``_locks.Descriptor``."""

    fd = -1

    def __init__(self, open: Callable[..., int], *args: object) -> None:
        self.fd = open(*args)

    def __enter__(self) -> int:
        return self.fd

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptor, if it is open."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()


class AtLast:
    """Calls a function when it is freed: see ``_locks.AtLast``."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function, self._pid = function, os.getpid()

    def __del__(self) -> None:
        if os.getpid() == self._pid:
            self._function()


class TemporaryFile:
    """The name of a file that will be renamed: see ``_locks.TemporaryFile``."""

    def __init__(self, path: str) -> None:
        self.path: str | None = path
        self._pid = os.getpid()

    def rename(self, target: str) -> None:
        """Give the file its name."""
        assert self.path is not None, "a file is renamed once"
        os.replace(self.path, target)
        self.path = None

    def __del__(self) -> None:
        if self.path is not None and os.getpid() == self._pid:
            with suppress(OSError):
                os.unlink(self.path)


def close_archive(archive: zipfile.ZipFile) -> None:
    """Close an archive if it is open: see ``_locks.close_archive``."""
    if getattr(archive, "fp", None) is not None:
        archive.close()
