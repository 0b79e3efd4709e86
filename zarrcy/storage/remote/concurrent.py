"""Send several requests to a server at once, from threads that wait for the responses.

The threads are started on first use and are shared by all stores.
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


def map_requests(request: Callable[[_T], _R], items: Iterable[_T], at_once: int = 10) -> list[_R]:
    """Call `request` for each item, at most `at_once` at a time, and return the results in the order of the items.

    Waiting threads need no CPU, so their number does not depend on the number of CPUs. But many clients keep only
    ten connections open, and close the others after use.

    The first exception is raised after all requests that were sent have returned.

    Examples
    --------
    >>> map_requests(str.upper, ["a", "b"])
    ['A', 'B']
    """
    items = list(items)
    if len(items) < 2:
        return [request(item) for item in items]
    waiting = [_pool_of(at_once).submit(request, item) for item in items]
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
    # the threads of the parent do not exist in a forked child
    os.register_at_fork(after_in_child=_pools.clear)
