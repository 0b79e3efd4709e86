"""Locks and waits that an asynchronous exception cannot leave half done.

A signal handler of Python may raise an exception (Ctrl-C, a scheduler's SIGTERM) between two bytecode instructions.
Compiled code has none: if ``__enter__`` of a class here returns, the ``with`` statement calls ``__exit__``, and
``__exit__`` runs to its end. Handlers run only where these methods wait, and what they raise there is kept until
nothing is held any more.
"""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import TypeVar

from typing_extensions import disjoint_base

from zarrcy._kernels.protocols import OnWait

_T = TypeVar("_T")

@disjoint_base
class KeyLock:
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

    def __init__(self, names: Sequence[str]) -> None: ...
    @property
    def names(self) -> list[str]: ...
    def __enter__(self) -> KeyLock: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def acquire(self) -> None:
        """Wait until all names are free, and hold them.

        If an exception is raised, nothing is held.
        """

    def release(self) -> None:
        """Release the names that this lock holds, if any."""

@disjoint_base
class FilesLock:
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

    def __init__(
        self, names: Sequence[str], files: dict[str, bytes], place: int, on_wait: OnWait
    ) -> None: ...
    @property
    def names(self) -> list[str]:
        """The names that this lock holds; before it is acquired, those that it will hold."""

    @property
    def missing(self) -> set[str]: ...
    @property
    def lock_error(self) -> int: ...
    def __enter__(self) -> FilesLock: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def acquire(self) -> None:
        """Wait until all names and files are free, and hold them.

        If an exception is raised, nothing is held.
        """

    def lock_again(self) -> None:
        """Lock the files that are at the paths now, after this thread has replaced those that it had locked.

        Another process may have locked and changed them meanwhile. If an exception is raised, no file is locked.
        """

    def release(self) -> None:
        """Release the files and the names that this lock holds, if any."""

@disjoint_base
class FileLock:
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

    def __init__(self, path: str, flat_path: str, name: str) -> None: ...
    def __enter__(self) -> FileLock: ...
    def __exit__(self, *exc_info: object) -> None: ...

@disjoint_base
class CallLock:
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

    def __init__(self, acquire: Callable[[], object], release: Callable[[], object], name: str) -> None: ...
    def __enter__(self) -> CallLock: ...
    def __exit__(self, *exc_info: object) -> None: ...

@disjoint_base
class ContextValue:
    """Sets a context variable in a ``with`` block.

    Parameters
    ----------
    variable : contextvars.ContextVar
        The variable.
    value : object
        Its value in the block.
    """

    def __init__(self, variable: ContextVar[_T], value: _T) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(self, *exc_info: object) -> None: ...

@disjoint_base
class WorkerGroup:
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

    def __init__(
        self, work: Callable[[], object], stop: Callable[[], object] | None = None, grace: float | None = None
    ) -> None: ...
    @property
    def failures(self) -> list[BaseException]: ...
    @property
    def n_running(self) -> int: ...
    @property
    def is_stopping(self) -> bool:
        """Whether threads must end: the caller has no more work, or there was an exception."""

    def run(self) -> None:
        """Call `work`, in a thread of the group."""

    def __enter__(self) -> WorkerGroup: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool: ...

def held_names() -> set[str]:
    """Return the names that are held in this process."""

def forget_locks() -> None:
    """Release all names in a forked child: the threads that held them do not exist there."""

def call_in_thread(function: Callable[..., _T], *args: object, **kwargs: object) -> _T:
    """Call a function in a thread of its own, where no signal handler runs, and return its result.

    Handlers of signals run in the calling thread meanwhile. What they raise is raised when the function has ended. If
    the system has no more threads, the calling thread calls the function.
    """

def uninterrupted(function: Callable[..., _T], *args: object, **kwargs: object) -> _T:
    """Call a function where no signal handler can interrupt it: in the main thread as `call_in_thread`, else directly.

    Handlers run in no other thread than the main thread. At the exit of the interpreter no thread can be started.
    """

@disjoint_base
class Descriptor:
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

    def __new__(cls, open: Callable[..., int], *args: object) -> Descriptor: ...
    @property
    def fd(self) -> int: ...
    def __enter__(self) -> int: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def close(self) -> None:
        """Close the descriptor, if it is open."""

@disjoint_base
class AtLast:
    """Calls a function when it is freed, in the process that made it.

    The method ``__del__`` of a class in Python can be interrupted, and Python drops the exception then.

    Parameters
    ----------
    function : callable
        Compiled function without arguments.
    """

    def __init__(self, function: Callable[[], object]) -> None: ...
    def __del__(self) -> None: ...

@disjoint_base
class TemporaryFile:
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

    def __init__(self, path: str) -> None: ...
    @property
    def path(self) -> str | None: ...
    def rename(self, target: str) -> None:
        """Give the file its name."""

    def __del__(self) -> None: ...

def close_archive(archive: object) -> None:
    """Close a `zipfile.ZipFile` if it is open. As its ``__del__`` this cannot be interrupted where nothing is done."""
