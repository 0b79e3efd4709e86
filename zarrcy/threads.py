"""Threads for chunks: how many, and how the pieces of one read or write are shared among them.

No thread exists before the first read or write that is worth one. Work is shared only from the main
thread: a program that has threads of its own (dask, a server) has its parallelism already.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

Task = Callable[[int, int], None]

_pool: Any = None
_pool_lock = threading.Lock()


def n_threads() -> int:
    """Return how many threads a read or a write may use.

    ``ZARRCY_THREADS`` in the environment decides; without it, the CPUs that this process may use
    (its affinity, and ``SLURM_CPUS_PER_TASK``), and 1 in any thread but the main one.

    >>> n_threads() >= 1
    True
    """
    asked = os.environ.get("ZARRCY_THREADS", "")
    if asked:
        return max(1, int(asked)) if asked.isdecimal() else 1
    if threading.current_thread() is not threading.main_thread():
        return 1
    return available_cpus()


def available_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        n = len(os.sched_getaffinity(0))
    else:
        n = os.cpu_count() or 1
    slurm = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return min(n, int(slurm)) if slurm.isdecimal() and int(slurm) else n


def share(make_task: Callable[[], Task], ranges: Iterable[tuple[int, int]], n: int) -> None:
    """Run a task for all ranges on `n` threads, each with a task, and so with memory, of its own.

    Ranges are handed out one by one, so a thread that is slow gets fewer. The first exception stops
    the rest, and is raised when no thread works any more.
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

    pool = _workers()
    futures = [pool.submit(work) for _ in range(n)]
    try:
        for future in futures:
            future.result()
    except BaseException as exc:
        # the caller was interrupted: its memory must not be written to after it is gone
        failures.append(exc)
        for future in futures:
            if not future.cancel():
                future.result()
        raise
    if failures:
        raise failures[0]


def _workers() -> Any:
    global _pool  # noqa: PLW0603
    with _pool_lock:
        if _pool is None:
            from concurrent.futures import ThreadPoolExecutor

            _pool = ThreadPoolExecutor(max(n_threads(), available_cpus()), thread_name_prefix="zarrcy")
        return _pool


def _forget_pool() -> None:
    """In a forked child the threads of the parent are not there, and its lock may be held for good."""
    global _pool, _pool_lock
    _pool, _pool_lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
