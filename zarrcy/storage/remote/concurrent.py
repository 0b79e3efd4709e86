"""Send several requests to a server at once, from threads that wait for the responses.

The threads are started on first use and are shared by all stores.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from zarrcy.sync import in_flight
from zarrcy.sync.in_flight import GRACE
from zarrcy.sync.key_locks import WorkerGroup
from zarrcy.sync.thread_pool import ThreadPool, is_helper

_T = TypeVar("_T")
_R = TypeVar("_R")

# Threads that wait for responses, at most. More callers than that send their requests one by one.
_MOST_THREADS = 100

_pool = ThreadPool()


def map_requests(
    request: Callable[[_T], _R],
    items: Iterable[_T],
    at_once: int = 10,
    *,
    reads: bool = False,
    blocks_signals: bool = False,
) -> list[_R]:
    """Call `request` for each item, at most `at_once` at a time, and return the results in the order of the items.

    Waiting threads need no CPU, so their number does not depend on the number of CPUs. But many clients keep only
    ten connections open, and close the others after use.

    The first exception of a request is raised after all requests that were sent have returned. If a signal handler
    raises an exception in the caller, no further request is sent. Answers to reads that were sent are not waited for.
    Writes that were sent are waited for one second; the exception then has a note that names the unfinished ones.

    Parameters
    ----------
    request : callable
        Takes an item.
    items : iterable
        The items: keys, or tuples that begin with a key.
    at_once : int, optional
        Most requests at a time.
    reads : bool, default False
        Whether the requests change nothing in the store.
    blocks_signals : bool, default False
        Whether a request in the main thread delays signal handlers until the server answers, because the client is not
        written in Python. A single request then is sent from another thread, too.

    Returns
    -------
    list
        The results.

    Examples
    --------
    >>> map_requests(str.upper, ["a", "b"])
    ['A', 'B']
    """
    items = list(items)
    if len(items) < 2 and not (blocks_signals and items and _handles_signals()):
        return [request(item) for item in items]
    results: dict[int, _R] = {}
    unfinished: set[int] = set()
    numbers = iter(range(len(items)))
    # other threads send requests for this one, which may send them for a caller
    is_stopping = in_flight.stopping_of_thread()
    finished: SimpleQueue[None] = SimpleQueue()

    def work() -> None:
        for number in numbers:
            unfinished.add(number)
            try:
                if group.is_stopping or is_stopping():
                    return
                results[number] = request(items[number])
            finally:
                unfinished.discard(number)
        if len(results) == len(items):
            finished.put(None)

    n = min(at_once, len(items))
    try:
        with WorkerGroup(work, stop=partial(finished.put, None), grace=0.0 if reads else GRACE) as group:
            # A request may call this function itself. Its thread must not wait until others are free: all may do so.
            takes_part = is_helper()
            n_started = _pool.start(group, n - takes_part, min(_pool.n_busy + n, _MOST_THREADS))
            if takes_part or not n_started:
                work()
            if n_started:
                wait_for(finished)
    except BaseException as exc:
        if unfinished and not reads:
            exc.add_note(describe_unfinished([items[number] for number in sorted(unfinished)]))
        raise
    if group.failures:
        raise group.failures[0]
    return [results[number] for number in range(len(items))]


def _handles_signals() -> bool:
    """Return whether this is the thread that calls signal handlers."""
    return threading.get_ident() == threading.main_thread().ident


def wait_for(finished: SimpleQueue[None]) -> None:
    """Wait until a thread has put something into a queue, in short steps: between them, signals are handled.

    Raises
    ------
    CallEndedError
        If this thread waits for a call that has ended.
    """
    while True:
        try:
            return finished.get(timeout=0.1)
        except Empty:
            in_flight.check()


def describe_unfinished(items: list[_T]) -> str:
    """Return the note of an exception for requests that may still be carried out."""
    return in_flight.describe([str(item[0]) if isinstance(item, tuple) else str(item) for item in items])


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.renew)
