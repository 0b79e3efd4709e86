"""The helper threads of this process, and the calls that they share. Loaded at the first call that is shared."""

from __future__ import annotations

import os
from queue import SimpleQueue
from typing import TYPE_CHECKING

from zarrcy import _kernels
from zarrcy.sync import thread_pool
from zarrcy.sync.key_locks import WorkerGroup

if TYPE_CHECKING or _kernels.COMPILED:
    from zarrcy._kernels._shared_calls import HelperPool, SharedCall
else:
    from zarrcy._kernels._reference_shared_calls import HelperPool, SharedCall


def _help(calls: SimpleQueue[SharedCall]) -> None:
    """Work for one call after the other, in a helper thread."""
    thread_pool.become_helper()
    while True:
        call = calls.get()
        call.run()
        # the call refers to buffers of its caller
        del call


_pool = HelperPool(_help)


def sharing(group: WorkerGroup, n_helpers: int, budget: int) -> SharedCall:
    """Return a context manager: in its block, helpers work for a group; see `SharedCall`."""
    return SharedCall(_pool, group, n_helpers, budget)


def n_working() -> int:
    """Return how many threads, callers and helpers, share the work of reads and writes now."""
    return _pool.n_working


def _after_fork() -> None:
    global _pool  # noqa: PLW0603
    _pool = HelperPool(_help)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
