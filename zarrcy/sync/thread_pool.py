"""Threads that share the chunks of a read or write: how many, and how the work is distributed.

No thread is started before the first read or write that is large enough. All callers of the process, from whatever
thread they call, share one budget of helper threads: see `zarrcy.sync.shared_calls`.
"""

from __future__ import annotations

import functools
import os
import threading
from _thread import start_new_thread
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from zarrcy import settings
from zarrcy.settings import check_n_threads
from zarrcy.sync.key_locks import ContextValue, Descriptor, WorkerGroup

try:
    # `queue` imports three more modules
    from _queue import SimpleQueue
except ImportError:
    from queue import SimpleQueue

if TYPE_CHECKING:
    from zarrcy.sync.io_depth import Depth
    from zarrcy.sync.node_cpus import NodeShare

Task = Callable[[int, int], None]

VARIABLE = settings.THREADS.name
# The most bytes of a small file that are read at once.
_PART_NBYTES = 65536

_of_block: ContextVar[int | None] = ContextVar("zarrcy.use_threads", default=None)
_of_array: ContextVar[int | None] = ContextVar("zarrcy.Array.threads", default=None)

_worker = threading.local()


class Choice(NamedTuple):
    """A number of threads, and the rule that decided it."""

    n: int
    why: str


def use_threads(n: int) -> ContextValue:
    """Use `n` threads for the reads and writes in a ``with`` block.

    The block takes precedence over the ``threads`` of an array and over ``ZARRCY_THREADS``. It applies to the
    code of the block, also in a thread of the user or in a coroutine, and not to threads that run at the same time.

    Parameters
    ----------
    n : int
        Number of threads, at least 1. The calling thread is one of them. Threads of the process that read or write at
        the same time count too: if `n` of them already do, the calling thread works alone.

    Returns
    -------
    context manager
        The previous number of threads is restored at the end of its block.

    Raises
    ------
    ValueError
        If `n` is not a positive integer.

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.ones((100, 100), chunks=10)
    >>> with zarrcy.use_threads(2):
    ...     total = float(a[...].sum())
    >>> total
    10000.0
    """
    return ContextValue(_of_block, check_n_threads(n))


def prefer_threads(n: int) -> ContextValue:
    """Use `n` threads in a ``with`` block, unless it is inside a block of `use_threads`."""
    return ContextValue(_of_array, n)


def n_threads() -> int:
    """Return how many threads a read or a write may use; see `choice`.

    Examples
    --------
    >>> n_threads() >= 1
    True
    """
    asked = _asked()
    return available_cpus() if asked is None else asked.n


def choice() -> Choice:
    """Return how many threads a read or a write may use, and the rule that decided it.

    The first of these decides: a block of `use_threads`; the ``threads`` of the array; ``ZARRCY_THREADS``
    in the environment. Without them it is the number of CPUs that this process may use. Threads of zarrcy use one
    thread: their callers have others already.

    Examples
    --------
    >>> with use_threads(3):
    ...     choice()
    Choice(n=3, why='a block of zarrcy.use_threads')
    """
    return _asked() or cpus()


def _asked() -> Choice | None:
    """Return the number of threads that was requested; None if there is no request."""
    if is_helper():
        return Choice(1, "this is a thread of zarrcy")
    if (n := _of_block.get()) is not None:
        return Choice(n, "a block of zarrcy.use_threads")
    if (n := _of_array.get()) is not None:
        return Choice(n, "the option 'threads' of the array")
    asked = settings.THREADS.text()
    if asked:
        if asked.isdecimal():
            return Choice(max(1, int(asked)), f"{VARIABLE} in the environment")
        return Choice(1, f"{VARIABLE} in the environment is {asked!r}, which is not a number")
    return None


def cpus(root: str = "") -> Choice:
    """Return the number of CPUs that this process may use, and the limit that decided it.

    The limits are the affinity, the quota of the control groups, and what schedulers say. Ranks on one node share the
    CPUs of the node.

    Parameters
    ----------
    root : str, default ""
        Directory that contains the ``proc`` and ``sys`` to read; the default is the root of the file system.

    Examples
    --------
    >>> cpus().n >= 1
    True
    """
    # programs that read with one thread do not need this import
    from zarrcy.sync.node_cpus import node_share

    return _cpus(root, node_share())


def _cpus(root: str, node: NodeShare) -> Choice:
    if hasattr(os, "sched_getaffinity"):
        limits = [Choice(len(os.sched_getaffinity(0)), "the CPUs that this process may run on")]
    else:
        limits = [Choice(os.cpu_count() or 1, "the CPUs of this machine")]
    if node.n_ranks > 1:
        # a launcher that binds each rank to CPUs has shared them already, so the affinity is not divided
        n_cpus = max(os.cpu_count() or 1, limits[0].n)
        limits.append(Choice(*node.share_of(n_cpus, "the CPUs of this machine")))
    quota = cgroup_cpus(root)
    if quota is not None:
        limits.append(Choice(*node.share_of(quota, "the CPU quota of the control group")))
    limits += [Choice(n, why) for n, why in node.limits]
    return min(limits, key=lambda limit: limit.n)


def available_cpus() -> int:
    """Return the number of CPUs that this process may use; faster than `cpus`."""
    from zarrcy.sync.node_cpus import known_share

    return _cpus("", known_share()).n


@functools.cache
def cgroup_cpus(root: str = "") -> int | None:
    """Return the number of CPUs that the control groups grant this process; None if they set no limit.

    A container may use all CPUs for a part of the time: half the time of 8 CPUs counts as 4. The limits of
    the process's group and of all groups above it count, in both versions of Linux control groups.

    Parameters
    ----------
    root : str, default ""
        Directory that contains the ``proc`` and ``sys`` to read.
    """
    bounds = []
    for folder, is_first_version in cgroup_folders("cpu", root):
        if is_first_version:
            bound = [text_of(f"{folder}/cpu.cfs_{word}_us").strip() for word in ("quota", "period")]
        else:
            bound = text_of(f"{folder}/cpu.max").split()
        if len(bound) == 2 and all(text.isdecimal() for text in bound) and int(bound[1]):
            bounds.append(max(1, -(-int(bound[0]) // int(bound[1]))))
    return min(bounds, default=None)


def cgroup_folders(controller: str, root: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the directories of the control groups of this process, and whether they are of version 1."""
    for line in text_of(f"{root}/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = f"{root}/sys/fs/cgroup" + (f"/{controllers}" if controllers else "")
        names = [part for part in path.split("/") if part not in ("", "..")]
        # in a container the path may be a path of the host, which is not mounted; then the root of the mount counts
        for depth in range(len(names) + 1):
            yield "/".join([mount, *names[:depth]]), bool(controllers)


def text_of(path: str) -> str:
    """Return the text of a small file; an empty string if it does not exist or can't be read."""
    parts = []
    try:
        # a file object that an interrupt leaves before its block begins would warn that it was not closed
        with Descriptor(os.open, path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)) as fd:
            while part := os.read(fd, _PART_NBYTES):
                parts.append(part)
    except OSError:
        return ""
    return b"".join(parts).decode("utf-8", "surrogateescape")


def share(
    make_task: Callable[[], Task],
    ranges: Iterable[tuple[int, int]],
    n: int,
    stop: Callable[[], object] | None = None,
    depth: Callable[[], Depth | None] | None = None,
) -> None:
    """Call tasks for all ranges on at most `n` threads.

    The calling thread is one of them, so the work ends even if no helper is free. Helpers come and go: between two
    ranges they leave if the threads that read and write in this process are more than `n_threads`. Threads take ranges
    one by one, so a slow thread takes fewer. After an exception no further range is started; the first exception is
    raised after all threads have stopped.

    Parameters
    ----------
    make_task : callable
        Called once in each thread that comes; returns the task, which may own buffers.
    ranges : iterable of tuple of int
        The arguments ``(first, last)`` of the task.
    n : int
        Most threads.
    stop : callable, optional
        Makes tasks that are running return early; called after an exception. It must be compiled, see `WorkerGroup`.
    depth : callable, optional
        Called between two ranges: returns None until it turns out that threads wait for storage most of the time, then
        how many helpers may join.
    """
    remaining = iter(ranges)
    if n <= 1 and (depth is None or is_helper()):
        task = make_task()
        for first, last in remaining:
            task(first, last)
        return
    wanted: Depth | None = None
    if n <= 1 and depth is not None:
        task = make_task()
        while (wanted := depth()) is None:
            part = next(remaining, None)
            if part is None:
                return
            task(*part)
    from zarrcy.sync.shared_calls import sharing

    lock = threading.Lock()

    def work() -> None:
        nonlocal wanted
        task = make_task()
        while not group.is_stopping and not call.leaves():
            now = None if depth is None else depth()
            if now is not None and (wanted is None or now.n_helpers > wanted.n_helpers):
                wanted = now
                call.widen(*now)
            with lock:
                part = next(remaining, None)
            if part is None:
                return
            task(*part)

    with WorkerGroup(work, stop) as group, sharing(group, n - 1, max(n, n_threads())) as call:
        if wanted is not None:
            call.widen(*wanted)
        work()
    if group.failures:
        raise group.failures[0]


class ThreadPool:
    """Threads that wait for answers, of whatever number, for groups, one after the other.

    Nothing here can be left locked by an exception of a signal handler: the queue is one object of C, and a thread
    that was started but not counted costs one thread more.
    """

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Start again with no thread. The threads of the parent do not exist in a forked child."""
        self._groups: SimpleQueue[WorkerGroup] = SimpleQueue()
        self._n_threads = 0
        self._busy: set[int] = set()

    @property
    def n_busy(self) -> int:
        """The number of threads that work for a group now, or that will when they are free."""
        return len(self._busy) + self._groups.qsize()

    def start(self, group: WorkerGroup, n: int, n_total: int) -> int:
        """Give a group to `n` threads, after starting threads until there are `n_total` of them.

        Returns the number of threads, at most `n`, that will work for the group when they are free; fewer if the
        interpreter is exiting or the system has no more threads.
        """
        while self._n_threads < n_total:
            try:
                start_new_thread(self._serve, (self._groups, self._busy))
            except RuntimeError:
                break
            self._n_threads += 1
        n = min(n, self._n_threads)
        for _ in range(n):
            self._groups.put(group)
        return n

    @staticmethod
    def _serve(groups: SimpleQueue[WorkerGroup], busy: set[int]) -> None:
        become_helper()
        ident = threading.get_ident()
        while True:
            group = groups.get()
            busy.add(ident)
            group.run()
            busy.discard(ident)
            # the group refers to buffers of its caller
            del group


def is_helper() -> bool:
    """Return whether this thread works for a caller in another thread."""
    return getattr(_worker, "is_ours", False)


def become_helper() -> None:
    """Let the reads and writes of this thread use one thread: it works for a caller that has others."""
    _worker.is_ours = True


def _after_fork() -> None:
    _worker.is_ours = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
