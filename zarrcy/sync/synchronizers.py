"""Synchronizers: ``synchronizer[key]`` is a lock, for threads, processes, MPI ranks or dask workers.

Threads of one process need none: writers that change a part of a value always hold a lock on its name
(`zarrcy.sync.key_locks`). Processes need none where values are files (`zarrcy.sync.file_locks`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import NoReturn, Protocol

import numpy as np

from zarrcy.errors import MissingExtraError
from zarrcy.keys import check_key
from zarrcy.sync import key_locks
from zarrcy.types import Synchronizer as Synchronizer  # noqa: PLC0414 - users import it from here

# Locks of POSIX exclude programs that lock the same files with the package "fasteners", as zarr-python 2 does.
_HAS_FCNTL = find_spec("fcntl") is not None
# A rank that waits for a lock sleeps this long before it asks again: at first, and at most. In seconds.
_FIRST_SLEEP = 1e-5
_LONGEST_SLEEP = 1e-2


class ThreadSynchronizer:
    """Locks for the threads of one process.

    A copy that was pickled and unpickled in the same process gives the same locks.

    Parameters
    ----------
    token : str, optional
        Identifies the synchronizer in pickles. The default is a new token.

    See Also
    --------
    ProcessSynchronizer : Locks for the processes of one or more machines.

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.zeros(10, chunks=5, synchronizer=zarrcy.ThreadSynchronizer())
    >>> a[2:4] = 1
    """

    def __init__(self, *, token: str | None = None) -> None:
        self.token = uuid.uuid4().hex if token is None else token
        self.new_locks()
        key_locks.renew_in_forks(self)
        _threads.known.add(self)

    def new_locks(self) -> None:
        """Replace all locks by new ones, which are free. Called in a forked child."""
        self._locks: dict[str, threading.Lock] = {}

    def __getitem__(self, key: str) -> threading.Lock:
        lock = self._locks.get(key)
        # atomic: threads that ask at the same time get the same lock
        return self._locks.setdefault(key, threading.Lock()) if lock is None else lock

    def __reduce__(self) -> tuple[Callable[[str], ThreadSynchronizer], tuple[str]]:
        # locks are not pickled; in another process there is no thread that they would exclude
        return _same_threads, (self.token,)


class _ThreadSynchronizers:
    """The synchronizers of this process, by their tokens."""

    def __init__(self) -> None:
        self.known: key_locks.LiveObjects[ThreadSynchronizer] = key_locks.LiveObjects()
        self.new_locks()
        key_locks.renew_in_forks(self)

    def new_locks(self) -> None:
        """Replace the lock by a new one, which is free. Called in a forked child."""
        self._mutex = threading.RLock()

    def again(self, token: str) -> ThreadSynchronizer:
        """Return the synchronizer with a token, or make one if this process has none."""
        with self._mutex:
            for synchronizer in self.known:
                if synchronizer.token == token:
                    return synchronizer
            return ThreadSynchronizer(token=token)


_threads = _ThreadSynchronizers()


def _same_threads(token: str) -> ThreadSynchronizer:
    return _threads.again(token)


class ProcessSynchronizer:
    """Locks for processes that share a file system. Each key has a file, which is locked while the key is held.

    Use `file_locks_work` to check that the file system supports such locks.

    Parameters
    ----------
    path : str or os.PathLike
        Directory of the lock files. It is created when the first lock is taken.

    Raises
    ------
    MissingExtraError
        If the package ``fasteners`` is not installed, on systems without POSIX locks (Windows).

    See Also
    --------
    file_locks_work : Check whether files of a directory can be locked.

    Examples
    --------
    >>> import tempfile, zarrcy
    >>> with tempfile.TemporaryDirectory() as path:
    ...     a = zarrcy.zeros(10, chunks=5, synchronizer=zarrcy.ProcessSynchronizer(path))
    ...     a[2:4] = 1
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        if not _HAS_FCNTL:
            self._new_lock = _fasteners("ProcessSynchronizer").InterProcessLock

    def __getitem__(self, key: str) -> AbstractContextManager[object]:
        file = os.path.join(self.path, check_key(key))
        if not _HAS_FCNTL:
            lock = self._new_lock(file)
            return key_locks.CallLock(
                lock.acquire, lambda: lock.acquired and lock.release(), os.path.realpath(file)
            )
        flat_file = os.path.join(self.path, key.replace("/", "%2F"))
        return key_locks.FileLock(file, flat_file, os.path.realpath(file))

    def __reduce__(self) -> tuple[type[ProcessSynchronizer], tuple[str]]:
        return ProcessSynchronizer, (self.path,)


def _fasteners(purpose: str) -> ModuleType:
    try:
        return import_module("fasteners")
    except ImportError as exc:
        raise MissingExtraError("fasteners", "locks", purpose) from exc


_TRY_TO_LOCK = (
    "import fasteners, sys; sys.exit(not fasteners.InterProcessLock(sys.argv[1]).acquire(blocking=False))"
)


def file_locks_work(path: str | os.PathLike[str]) -> bool:
    """Return whether files of a directory can be locked, so that a `ProcessSynchronizer` works there.

    The function locks a file and lets another process try to lock it too. It can't check what processes on
    other machines see. For a cluster, call it on two nodes or read the manual of the file system: on Lustre the
    mount option must be ``flock``, because ``localflock`` locks within one node only.

    Parameters
    ----------
    path : str or os.PathLike
        Directory, which must exist.

    Returns
    -------
    bool
        True if the lock of one process excludes another process.

    Raises
    ------
    MissingExtraError
        If the package ``fasteners`` is not installed.
    OSError
        If no file can be created in `path`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as path:
    ...     file_locks_work(path)
    True
    """
    import tempfile

    fasteners = _fasteners("file_locks_work")

    def other_process_can_lock(file: str) -> bool:
        done = subprocess.run([sys.executable, "-c", _TRY_TO_LOCK, file], capture_output=True, check=False)
        return done.returncode == 0

    handle, file = tempfile.mkstemp(prefix=".zarrcy-locks-", dir=path)
    os.close(handle)
    try:
        lock = fasteners.InterProcessLock(file)
        try:
            lock.acquire()
        except OSError:
            # the file system has no locks; the error number differs between file systems
            return False
        try:
            excluded = not other_process_can_lock(file)
        finally:
            lock.release()
        return excluded and other_process_can_lock(file)
    finally:
        os.unlink(file)


class Communicator(Protocol):
    """What `MPISynchronizer` calls of an ``mpi4py.MPI.Comm``."""

    def Get_size(self) -> int: ...  # noqa: N802
    def Get_rank(self) -> int: ...  # noqa: N802
    def Barrier(self) -> None: ...  # noqa: N802


class MPISynchronizer:
    """Locks for the ranks of an MPI communicator, kept in memory that the ranks share by one-sided communication.

    The constructor and `free` are collective: all ranks of the communicator must call them together. The object
    can't be pickled. Keys share a fixed number of locks.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm, optional
        Communicator; ``MPI.COMM_WORLD`` by default.
    n_locks : int, default 1024
        Number of locks for chunks, and also the number of locks for metadata.

    Raises
    ------
    MissingExtraError
        If the package ``mpi4py`` is not installed.
    """

    def __init__(self, comm: Communicator | None = None, n_locks: int = 1024) -> None:
        try:
            from mpi4py import MPI
        except ImportError as exc:
            raise MissingExtraError("mpi4py", "mpi", "MPISynchronizer") from exc
        self._mpi = MPI
        comm = MPI.COMM_WORLD if comm is None else comm
        self._n_ranks = comm.Get_size()
        self._n_locks = n_locks
        # locks for chunks and locks for metadata, distributed over the ranks
        n_here = -(-2 * n_locks // self._n_ranks)
        self._window = MPI.Win.Allocate(4 * n_here, 4, MPI.INFO_NULL, comm)
        self._rank = rank = comm.Get_rank()
        self._window.Lock(rank)
        np.frombuffer(self._window.tomemory(), np.int32)[:] = 0
        self._window.Unlock(rank)
        self._calls = threading.Lock()
        comm.Barrier()

    def free(self) -> None:
        """Free the shared memory. Collective: all ranks must call it together."""
        self._window.Free()

    def _number(self, key: str) -> int:
        """Return the number of the lock of a key; it is the same in every process."""
        number = zlib.crc32(key.encode()) % self._n_locks
        # A rank that holds a metadata lock takes chunk locks, never the other way round. If one lock could be
        # both, two ranks could wait for each other. Keys of chunks end with a digit.
        return number if key[-1:].isdigit() else number + self._n_locks

    def _swap(self, rank: int, place: int, old: int, new: int) -> bool:
        """Replace a number in the memory of a rank if it is `old`; return whether it was."""
        current = np.empty(1, np.int32)
        with self._calls:
            self._window.Lock(rank, self._mpi.LOCK_SHARED)
            try:
                arguments = np.array([new], np.int32), np.array([old], np.int32), current
                self._window.Compare_and_swap(*arguments, rank, place)
            finally:
                self._window.Unlock(rank)
        return bool(current[0] == old)

    def __getitem__(self, key: str) -> AbstractContextManager[object]:
        number = self._number(key)
        place, rank = divmod(number, self._n_ranks)
        # the number in the memory tells which rank holds the lock; 0 means that it is free
        own = self._rank + 1

        def acquire() -> None:
            sleep = _FIRST_SLEEP
            while not self._swap(rank, place, 0, own):
                time.sleep(sleep)
                sleep = min(2 * sleep, _LONGEST_SLEEP)

        return key_locks.CallLock(acquire, lambda: self._swap(rank, place, own, 0), f"{id(self)}:{number}")

    def __reduce__(self) -> NoReturn:
        raise TypeError("an MPISynchronizer can't be pickled: create one in every rank, collectively")


class DaskSynchronizer:
    """Locks for the workers of a dask cluster, held by its scheduler.

    Parameters
    ----------
    name : str, optional
        Name of the set of locks. Synchronizers with the same name exclude each other. The default is a new name,
        which pickled copies keep.

    Raises
    ------
    MissingExtraError
        If the package ``distributed`` is not installed.
    """

    def __init__(self, name: str | None = None) -> None:
        try:
            from distributed import Lock
        except ImportError as exc:
            raise MissingExtraError("distributed", "dask", "DaskSynchronizer") from exc
        self._new_lock: Callable[[str], AbstractContextManager[object]] = Lock
        self.name = f"zarrcy-{uuid.uuid4().hex}" if name is None else name

    def __getitem__(self, key: str) -> AbstractContextManager[object]:
        return self._new_lock(f"{self.name}/{key}")

    def __reduce__(self) -> tuple[type[DaskSynchronizer], tuple[str]]:
        return DaskSynchronizer, (self.name,)
