"""What gives the locks of parallel writers: ``synchronizer[key]`` for threads, processes, MPI ranks and dask workers.

Threads of one process need none: they hold what they change in part anyway (`zarrcy.sync.key_locks`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from zarrcy.errors import MissingExtraError
from zarrcy.keys import check_key
from zarrcy.sync import key_locks
from zarrcy.types import Synchronizer as Synchronizer  # noqa: PLC0414 - users import it from here

# How long a rank that waits for another sleeps before it asks again, at first and at most, in seconds.
_FIRST_SLEEP = 1e-5
_LONGEST_SLEEP = 1e-2


class ThreadSynchronizer:
    """Locks for the threads of one process.

    Copies that pickle makes in the same process give the same locks.

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.zeros(10, chunks=5, synchronizer=zarrcy.ThreadSynchronizer())
    >>> a[2:4] = 1
    """

    def __init__(self) -> None:
        self._token = uuid.uuid4().hex
        self.new_locks()
        key_locks.renew_in_forks(self)
        _threads.known[self._token] = self

    def new_locks(self) -> None:
        self._mutex = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def __getitem__(self, key: str) -> threading.Lock:
        with self._mutex:
            return self._locks[key]

    def __reduce__(self) -> tuple[Any, ...]:
        # locks do not travel; in another process there is nothing that they would exclude
        return _same_threads, (self._token,)


class _ThreadSynchronizers:
    """Those of this process, by what they are called in pickles."""

    def __init__(self) -> None:
        self.known: WeakValueDictionary[str, ThreadSynchronizer] = WeakValueDictionary()
        self.new_locks()
        key_locks.renew_in_forks(self)

    def new_locks(self) -> None:
        self._mutex = threading.Lock()

    def again(self, token: str) -> ThreadSynchronizer:
        """Return the synchronizer that was pickled, or what stands for it in this process."""
        with self._mutex:
            found = self.known.get(token)
            if found is None:
                found = ThreadSynchronizer()
                found._token = token
                self.known[token] = found
            return found


_threads = _ThreadSynchronizers()


def _same_threads(token: str) -> ThreadSynchronizer:
    return _threads.again(token)


class ProcessSynchronizer:
    """Locks for processes that share a file system: a file for each key, locked while it is held.

    Whether a file system has such locks is told by `file_locks_work`.

    Parameters
    ----------
    path : directory for the lock files; made when the first lock is taken

    Raises
    ------
    MissingExtraError : the package ``fasteners`` is not installed

    Examples
    --------
    >>> import tempfile, zarrcy
    >>> with tempfile.TemporaryDirectory() as path:
    ...     a = zarrcy.zeros(10, chunks=5, synchronizer=zarrcy.ProcessSynchronizer(path))
    ...     a[2:4] = 1
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._new_lock = _fasteners("ProcessSynchronizer").InterProcessLock

    @contextmanager
    def _hold(self, key: str) -> Iterator[None]:
        file = os.path.join(self.path, check_key(key))
        # a lock on a file excludes other processes only, and is gone when any thread closes that file
        with key_locks.KeyLock([os.path.realpath(file)]) as hold:
            if hold.names:
                with self._new_lock(file):
                    yield
            else:
                yield

    def __getitem__(self, key: str) -> AbstractContextManager[None]:
        return self._hold(key)

    def __reduce__(self) -> tuple[type[ProcessSynchronizer], tuple[str]]:
        return ProcessSynchronizer, (self.path,)


def _fasteners(purpose: str) -> Any:
    try:
        import fasteners
    except ImportError as exc:
        raise MissingExtraError("fasteners", "locks", purpose) from exc
    return fasteners


_TRY_TO_LOCK = (
    "import fasteners, sys; sys.exit(not fasteners.InterProcessLock(sys.argv[1]).acquire(blocking=False))"
)


def file_locks_work(path: str | os.PathLike[str]) -> bool:
    """Tell whether files below a directory can be locked, so that a `ProcessSynchronizer` there keeps its promise.

    A file is locked, and another process tries to lock it too. What processes on other machines
    would see can't be told from one: ask on two nodes of a cluster, or its manual (on Lustre the
    mount option is ``flock``; ``localflock`` locks within one node only).

    Parameters
    ----------
    path : directory, which must exist

    Raises
    ------
    MissingExtraError : the package ``fasteners`` is not installed
    OSError : no file can be made in `path`

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
            # no locks at all: what a file system without them answers differs
            return False
        try:
            excluded = not other_process_can_lock(file)
        finally:
            lock.release()
        return excluded and other_process_can_lock(file)
    finally:
        os.unlink(file)


class MPISynchronizer:
    """Locks for the ranks of an MPI communicator, held in memory that they share by one-sided communication.

    To make one and to `free` it are collective: all ranks of the communicator do it together. It does
    not travel between processes. Keys share a fixed number of locks.

    Parameters
    ----------
    comm : communicator of mpi4py; ``MPI.COMM_WORLD`` by default
    n_locks : for chunks, and as many for metadata

    Raises
    ------
    MissingExtraError : the package ``mpi4py`` is not installed
    """

    def __init__(self, comm: Any = None, n_locks: int = 1024) -> None:
        try:
            from mpi4py import MPI
        except ImportError as exc:
            raise MissingExtraError("mpi4py", "mpi", "MPISynchronizer") from exc
        self._mpi = MPI
        comm = MPI.COMM_WORLD if comm is None else comm
        self._n_ranks = comm.Get_size()
        self._n_locks = n_locks
        # two kinds of locks, shared out among the ranks
        n_here = -(-2 * n_locks // self._n_ranks)
        self._window = MPI.Win.Allocate(4 * n_here, 4, MPI.INFO_NULL, comm)
        rank = comm.Get_rank()
        self._window.Lock(rank)
        np.frombuffer(self._window.tomemory(), np.int32)[:] = 0
        self._window.Unlock(rank)
        self._calls = threading.Lock()
        comm.Barrier()

    def free(self) -> None:
        """Give the shared memory back; collective."""
        self._window.Free()

    def _number(self, key: str) -> int:
        """Return the number of the lock of a key: the same in every process."""
        number = zlib.crc32(key.encode()) % self._n_locks
        # who holds a lock of metadata takes those of chunks, never the other way round: if one lock
        # could be both, two ranks might wait for each other. Keys of chunks end with a coordinate
        return number if key[-1:].isdigit() else number + self._n_locks

    def _swap(self, rank: int, place: int, old: int, new: int) -> bool:
        """Change a number in the memory of a rank, if it is `old`."""
        found = np.empty(1, np.int32)
        with self._calls:
            self._window.Lock(rank, self._mpi.LOCK_SHARED)
            try:
                arguments = np.array([new], np.int32), np.array([old], np.int32), found
                self._window.Compare_and_swap(*arguments, rank, place)
            finally:
                self._window.Unlock(rank)
        return bool(found[0] == old)

    @contextmanager
    def _hold(self, key: str) -> Iterator[None]:
        number = self._number(key)
        place, rank = divmod(number, self._n_ranks)
        with key_locks.KeyLock([f"{id(self)}:{number}"]) as hold:
            if not hold.names:
                # this thread holds the lock for another key
                yield
                return
            sleep, held = _FIRST_SLEEP, False
            try:
                while not (held := self._swap(rank, place, 0, 1)):
                    time.sleep(sleep)
                    sleep = min(2 * sleep, _LONGEST_SLEEP)
                yield
            finally:
                if held:
                    self._swap(rank, place, 1, 0)

    def __getitem__(self, key: str) -> AbstractContextManager[None]:
        return self._hold(key)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            "an MPISynchronizer can't be pickled: every rank makes its own, together with the others"
        )


class DaskSynchronizer:
    """Locks for the workers of a dask cluster, held by its scheduler.

    Parameters
    ----------
    name : of the set of locks. Synchronizers of one name exclude each other; the default is a new name,
        which travels with the copies that workers get

    Raises
    ------
    MissingExtraError : the package ``distributed`` is not installed
    """

    def __init__(self, name: str | None = None) -> None:
        try:
            from distributed import Lock
        except ImportError as exc:
            raise MissingExtraError("distributed", "dask", "DaskSynchronizer") from exc
        self._new_lock: Any = Lock
        self.name = f"zarrcy-{uuid.uuid4().hex}" if name is None else name

    def __getitem__(self, key: str) -> AbstractContextManager[Any]:
        lock: AbstractContextManager[Any] = self._new_lock(f"{self.name}/{key}")
        return lock

    def __reduce__(self) -> tuple[type[DaskSynchronizer], tuple[str]]:
        return DaskSynchronizer, (self.name,)
