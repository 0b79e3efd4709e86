"""Threads for chunks: how many, and how the pieces of one read or write are shared among them.

No thread exists before the first read or write that is worth one. Unless somebody asks for more, work is
shared only from the main thread: a program that has threads of its own (dask, a server) has its
parallelism already.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from zarrcy import settings
from zarrcy.settings import check_n_threads

Task = Callable[[int, int], None]

VARIABLE = settings.THREADS.name

_of_block: ContextVar[int | None] = ContextVar("zarrcy.use_threads", default=None)
_of_array: ContextVar[int | None] = ContextVar("zarrcy.Array.threads", default=None)

_pool: Any = None
_pool_size = 0
_pool_lock = threading.Lock()
_worker = threading.local()


class Choice(NamedTuple):
    """How many threads, and what decided that."""

    n: int
    why: str


@contextmanager
def use_threads(n: int) -> Iterator[None]:
    """Read and write with `n` threads in a ``with`` block, whatever else was asked for.

    It holds for what the block itself does, also in a thread of the user's or in a coroutine, and not for
    other threads that run meanwhile.

    Parameters
    ----------
    n : of threads, at least 1; the one that reads or writes is among them

    Raises
    ------
    ValueError : `n` is no positive integer

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.ones((100, 100), chunks=10)
    >>> with zarrcy.use_threads(2):
    ...     total = float(a[...].sum())
    >>> total
    10000.0
    """
    before = _of_block.set(check_n_threads(n))
    try:
        yield
    finally:
        _of_block.reset(before)


@contextmanager
def prefer_threads(n: int) -> Iterator[None]:
    """Use `n` threads in this block, unless the user is in a block of `use_threads`."""
    before = _of_array.set(n)
    try:
        yield
    finally:
        _of_array.reset(before)


def n_threads() -> int:
    """Return how many threads a read or a write may use, see `choice`.

    >>> n_threads() >= 1
    True
    """
    return choice().n


def choice() -> Choice:
    """Return how many threads a read or a write may use, and what decided that.

    The first of these decides: a block of `use_threads`, the ``threads`` of the array, ``ZARRCY_THREADS``
    in the environment; without them it is 1 in any thread but the main one, and there the number of CPUs that
    this process may use.

    >>> with use_threads(3):
    ...     choice()
    Choice(n=3, why='a block of zarrcy.use_threads')
    """
    if getattr(_worker, "is_ours", False):
        return Choice(1, "this is a thread of zarrcy's")
    if (n := _of_block.get()) is not None:
        return Choice(n, "a block of zarrcy.use_threads")
    if (n := _of_array.get()) is not None:
        return Choice(n, "the option 'threads' of the array")
    asked = settings.THREADS.text()
    if asked:
        if asked.isdecimal():
            return Choice(max(1, int(asked)), f"{VARIABLE} in the environment")
        return Choice(1, f"{VARIABLE} in the environment is {asked!r}, which is no number")
    if threading.current_thread() is not threading.main_thread():
        return Choice(1, "this is not the main thread, and nobody asked for more")
    return cpus()


def cpus() -> Choice:
    """Return the number of CPUs that this process may use, and what bounds it.

    >>> cpus().n >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        found = [Choice(len(os.sched_getaffinity(0)), "the CPUs that this process may run on")]
    else:
        found = [Choice(os.cpu_count() or 1, "the CPUs of this machine")]
    quota = _quota_of_this_process()
    if quota is not None:
        found.append(Choice(quota, "the CPU quota of the control group"))
    slurm = settings.SLURM_CPUS.text()
    if slurm.isdecimal() and int(slurm):
        found.append(Choice(int(slurm), "SLURM_CPUS_PER_TASK in the environment"))
    return min(found, key=lambda one: one.n)


def available_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    return cpus().n


@functools.cache
def _quota_of_this_process() -> int | None:
    return cgroup_cpus()


def cgroup_cpus(root: str = "") -> int | None:
    """Return the CPUs that the control groups of this process grant it; None where they set no bound.

    A container may use all CPUs for a part of the time: half the time of 8 CPUs counts as 4. The group of
    the process and all above it count, in both versions of Linux's control groups.

    Parameters
    ----------
    root : what stands before ``/proc`` and ``/sys``, for tests
    """
    bounds = []
    for line in _text(f"{root}/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = f"{root}/sys/fs/cgroup" + (f"/{controllers}" if controllers else "")
        names = [part for part in path.split("/") if part not in ("", "..")]
        # in a container the path may be that of the host, which is not mounted: the root of the mount stays
        for depth in range(len(names) + 1):
            folder = "/".join([mount, *names[:depth]])
            if controllers:
                bound = [_text(f"{folder}/cpu.cfs_{word}_us").strip() for word in ("quota", "period")]
            else:
                bound = _text(f"{folder}/cpu.max").split()
            if len(bound) == 2 and all(text.isdecimal() for text in bound) and int(bound[1]):
                bounds.append(max(1, -(-int(bound[0]) // int(bound[1]))))
    return min(bounds, default=None)


def _text(path: str) -> str:
    """Return the text of a small file; nothing where there is none, or none that we may read."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def share(make_task: Callable[[], Task], ranges: Iterable[tuple[int, int]], n: int) -> None:
    """Run a task for all ranges on `n` threads, each with a task, and so with memory, of its own.

    The caller is one of them, so work goes on even where no other thread is free. Ranges are handed out
    one by one, so a thread that is slow gets fewer. The first exception stops the rest, and is raised
    when no thread works any more.
    """
    if n <= 1:
        task = make_task()
        for first, last in ranges:
            task(first, last)
        return
    rest = iter(ranges)
    lock = threading.Lock()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            task = make_task()
            while not failures:
                with lock:
                    found = next(rest, None)
                if found is None:
                    return
                task(*found)
        except BaseException as exc:
            failures.append(exc)

    helpers = _submit(work, n - 1)
    work()
    for helper in helpers:
        # one that has not begun has nothing left to do; the memory of the caller may go when the others are done
        if not helper.cancel():
            _wait(helper, failures)
    if failures:
        raise failures[0]


def _wait(helper: Any, failures: list[BaseException]) -> None:
    """Wait for the end of a helper, also when the user interrupts that; the interruption stops the others."""
    while not helper.done():
        try:
            helper.result()
        except BaseException as exc:
            failures.append(exc)


def _submit(work: Callable[[], None], n: int) -> list[Any]:
    """Start `work` in `n` threads of the pool, or in as many as can be had."""
    global _pool, _pool_size
    helpers: list[Any] = []
    with _pool_lock:
        if n > _pool_size:
            from concurrent.futures import ThreadPoolExecutor

            if _pool is not None:
                # what it was given it still does
                _pool.shutdown(wait=False)
            _pool, _pool_size = ThreadPoolExecutor(n, "zarrcy", _mark_worker), n
        for _ in range(n):
            try:
                helpers.append(_pool.submit(work))
            except RuntimeError:
                # the interpreter ends, or the system has no more threads: those that run do all of it
                break
    return helpers


def _mark_worker() -> None:
    _worker.is_ours = True


def _forget_pool() -> None:
    """In a forked child the threads of the parent are not there, and its lock may be held for good."""
    global _pool, _pool_size, _pool_lock
    _pool, _pool_size, _pool_lock = None, 0, threading.Lock()
    _worker.is_ours = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
