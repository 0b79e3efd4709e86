"""Ask a server many questions at once: threads that wait for answers.

They are started when they are first needed, and are shared by all stores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_T = TypeVar("_T")
_R = TypeVar("_R")
_pools: dict[int, ThreadPoolExecutor] = {}


def map_requests(question: Callable[[_T], _R], items: Iterable[_T], at_once: int = 10) -> list[_R]:
    """Call `question` for each of the items, several at a time; return the answers in their order.

    Threads that wait are no load, so their number has nothing to do with that of the processors; but
    clients keep a number of connections open, ten for many of them, and close those beyond it.

    The first exception is raised when all questions that were asked have been answered.

    >>> map_requests(str.upper, ["a", "b"])
    ['A', 'B']
    """
    items = list(items)
    if len(items) < 2:
        return [question(item) for item in items]
    waiting = [_pool_of(at_once).submit(question, item) for item in items]
    try:
        return [future.result() for future in waiting]
    finally:
        for future in waiting:
            if not future.cancel():
                future.exception()


def _pool_of(n_threads: int) -> ThreadPoolExecutor:
    if n_threads not in _pools:
        from concurrent.futures import ThreadPoolExecutor

        _pools[n_threads] = ThreadPoolExecutor(n_threads, "zarrcy-store")
    return _pools[n_threads]


if hasattr(os, "register_at_fork"):
    # a forked child has none of its parent's threads
    os.register_at_fork(after_in_child=_pools.clear)
