"""The classes of ``_shared_calls`` in Python, for a build without compiled kernels.

A signal handler can interrupt this code anywhere, so an exception that it raises may leave a helper counted.
"""

from __future__ import annotations

import threading
from _thread import start_new_thread
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol


class Group(Protocol):
    """What helpers do: see ``_locks.WorkerGroup``."""

    def run(self) -> None:
        """Work."""


class HelperPool:
    """Threads that help callers: see ``_shared_calls.HelperPool``."""

    def __init__(self, serve: Callable[[SimpleQueue[SharedCall]], object]) -> None:
        self.serve = serve
        self.queue: SimpleQueue[SharedCall] = SimpleQueue()
        self.working: dict[int, int] = {}
        self.calls: list[SharedCall] = []
        self.n_threads = self.n_helpers = self.n_promised = self.n_waiting = self.held_nbytes = 0
        self.lock = threading.RLock()

    @property
    def n_working(self) -> int:
        """The number of callers and helpers that work now."""
        return len(self.working)

    def count(self, call: SharedCall) -> int:
        """Return how many callers and helpers compete with those of a call: threads that wait need no CPU."""
        return len(self.working) + self.n_promised - (0 if call.waits else self.n_waiting)

    def has_room(self, call: SharedCall) -> bool:
        """Return whether one more helper may join a call."""
        if call.waits and self.held_nbytes + call.held_nbytes > call.most_nbytes:
            return False
        return self.count(call) < call.budget

    def recruit(self) -> None:
        """Promise helpers to the calls that have the fewest, as long as their budgets allow it."""
        while True:
            needy = [call for call in self.calls if call.n_missing > 0 and self.has_room(call)]
            if not needy:
                return
            neediest = min(needy, key=lambda call: call.n_helpers)
            if self.n_helpers >= self.n_threads:
                try:
                    start_new_thread(self.serve, (self.queue,))
                except RuntimeError:
                    # the interpreter is exiting, or the system has no more threads
                    return
                self.n_threads += 1
            neediest.n_missing -= 1
            neediest.n_promised += 1
            self.n_promised += 1
            neediest.change_helpers(1)
            self.queue.put(neediest)


class SharedCall:
    """One call whose work helpers share with its caller: see ``_shared_calls.SharedCall``."""

    def __init__(self, pool: HelperPool, group: Group, n_helpers: int, budget: int) -> None:
        self.pool, self.group, self.n_missing, self.budget = pool, group, n_helpers, budget
        self.caller = 0
        self.n_helpers = self.n_promised = self.held_nbytes = self.most_nbytes = 0
        self.is_open = self.waits = False

    def __enter__(self) -> SharedCall:
        pool = self.pool
        self.caller = threading.get_ident()
        with pool.lock:
            pool.working[self.caller] = pool.working.get(self.caller, 0) + 1
            pool.calls.append(self)
            self.is_open = True
            pool.recruit()
        return self

    def __exit__(self, *exc_info: object) -> None:
        pool = self.pool
        with pool.lock:
            pool.calls.remove(self)
            self._close()
            if pool.working[self.caller] == 1:
                del pool.working[self.caller]
            else:
                pool.working[self.caller] -= 1
            pool.recruit()

    def widen(self, n_helpers: int, budget: int, held_nbytes: int, most_nbytes: int) -> None:
        """Let more helpers join, because the threads of this call wait for storage most of the time."""
        pool = self.pool
        with pool.lock:
            self.budget, self.most_nbytes = budget, most_nbytes
            if not self.waits:
                self.waits, self.held_nbytes = True, held_nbytes
                pool.n_waiting += self.n_helpers
                pool.held_nbytes += self.n_helpers * held_nbytes
            if self.is_open:
                self.n_missing = max(0, n_helpers - self.n_helpers)
                pool.recruit()

    def run(self) -> None:
        """Work for the call, in a helper thread. A call that needs no more helpers returns at once."""
        pool, helper = self.pool, threading.get_ident()
        with pool.lock:
            if self.n_promised == 0:
                return
            pool.working[helper] = 1
            self.n_promised -= 1
            pool.n_promised -= 1
        self.group.run()
        with pool.lock:
            if helper in pool.working:
                # the helper did not leave early: there is no more work
                self._close()
                self._count_out(helper)
            pool.recruit()

    def leaves(self) -> bool:
        """Return whether the thread that asks must leave the call. A caller never leaves."""
        pool, helper = self.pool, threading.get_ident()
        if helper == self.caller:
            return False
        with pool.lock:
            self._take_back(max(0, min(self.n_promised, pool.count(self) - self.budget)))
            if pool.count(self) <= self.budget and not any(
                call.n_missing > 0
                and call.n_helpers + 1 < self.n_helpers
                and call.waits == self.waits
                and pool.count(call) <= call.budget
                for call in pool.calls
            ):
                return False
            self.n_missing += 1
            self._count_out(helper)
            return True

    def change_helpers(self, n: int) -> None:
        """Count `n` more helpers of this call, or fewer if `n` is negative."""
        self.n_helpers += n
        self.pool.n_helpers += n
        if self.waits:
            self.pool.n_waiting += n
            self.pool.held_nbytes += n * self.held_nbytes

    def _count_out(self, helper: int) -> None:
        del self.pool.working[helper]
        self.change_helpers(-1)

    def _close(self) -> None:
        self.is_open = False
        self.n_missing = 0
        self._take_back(self.n_promised)

    def _take_back(self, n: int) -> None:
        self.n_promised -= n
        self.pool.n_promised -= n
        self.change_helpers(-n)
