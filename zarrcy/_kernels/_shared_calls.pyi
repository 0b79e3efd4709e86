"""The helper threads of the process: which calls they work for, and how many of them may work at the same time.

A caller always works, and never waits for a helper. Helpers join a call while the callers and helpers of the process
are fewer than the budget of the call; they leave it when callers come. Everything is counted in compiled code, where
neither a signal handler nor another thread can come in between: see `_locks`.
"""

from collections.abc import Callable
from queue import SimpleQueue

from typing_extensions import disjoint_base

from zarrcy._kernels._locks import WorkerGroup

@disjoint_base
class HelperPool:
    """Threads that help callers. They are started when they are needed, and stay for the rest of the process.

    A forked child needs a new pool: the threads of its parent do not exist there.

    Parameters
    ----------
    serve : callable
        Called with a queue in each new thread: it takes one `SharedCall` after the other and calls its `run`.
    """

    def __init__(self, serve: Callable[[SimpleQueue[SharedCall]], object]) -> None: ...
    @property
    def n_working(self) -> int:
        """The number of callers and helpers that work now."""

@disjoint_base
class SharedCall:
    """One call whose work helpers share with its caller; the caller enters and leaves the ``with`` block.

    Parameters
    ----------
    pool : HelperPool
        The helpers.
    group : WorkerGroup
        What helpers do; leaving its block, which surrounds that of the call, waits for those that have begun.
    n_helpers : int
        The most helpers of this call.
    budget : int
        Helpers join only while the callers and helpers of the process are fewer.
    """

    def __init__(self, pool: HelperPool, group: WorkerGroup, n_helpers: int, budget: int) -> None: ...
    def __enter__(self) -> SharedCall: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def widen(self, n_helpers: int, budget: int, held_nbytes: int, most_nbytes: int) -> None:
        """Let more helpers join, because the threads of this call wait for storage most of the time.

        Parameters
        ----------
        n_helpers : int
            The most helpers of this call from now on.
        budget : int
            Helpers join only while the callers and helpers of the process, those that wait too, are fewer.
        held_nbytes : int
            The memory of each helper.
        most_nbytes : int
            Helpers join only while those that wait, in all calls, hold fewer bytes.
        """

    def run(self) -> None:
        """Work for the call, in a helper thread. A call that needs no more helpers returns at once."""

    def leaves(self) -> bool:
        """Return whether the thread that asks must leave the call. A caller never leaves.

        A helper leaves if there are more callers and helpers than the budget, or if another call has fewer helpers. It
        no longer counts then, so it must return at once.
        """
