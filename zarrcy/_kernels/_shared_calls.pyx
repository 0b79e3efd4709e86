"""The helper threads of the process: which calls they work for, and how many of them may work at the same time.

A caller always works, and never waits for a helper. Helpers join a call while the callers and helpers of the process
are fewer than the budget of the call; they leave it when callers come. Everything is counted in compiled code, where
neither a signal handler nor another thread can come in between: see `_locks`.
"""

from _thread import start_new_thread
from cpython.dict cimport PyDict_Contains, PyDict_DelItem, PyDict_Size
from queue import SimpleQueue

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident() nogil


cdef class HelperPool:
    """Threads that help callers. They are started when they are needed, and stay for the rest of the process.

    A forked child needs a new pool: the threads of its parent do not exist there.

    Parameters
    ----------
    serve : callable
        Called with a queue in each new thread: it takes one `SharedCall` after the other and calls its `run`.
    """

    cdef object serve, queue
    cdef dict working                # for each thread, caller or helper, in how many calls it works now
    cdef list calls                  # calls that helpers may join
    cdef int n_threads
    cdef int n_helpers               # helpers that work, or that were promised to a call
    cdef int n_promised              # helpers that have not begun

    def __init__(self, serve not None):
        self.serve, self.queue = serve, SimpleQueue()
        self.working, self.calls = {}, []

    @property
    def n_working(self):
        """The number of callers and helpers that work now."""
        return PyDict_Size(self.working)

    cdef int count(self) noexcept:
        """Return how many callers and helpers work or were promised."""
        return <int> PyDict_Size(self.working) + self.n_promised

    cdef recruit(self):
        """Promise helpers to the calls that have the fewest, as long as their budgets allow it."""
        cdef SharedCall call, neediest
        while True:
            neediest = None
            for call in self.calls:
                if call.n_missing > 0 and self.count() < call.budget:
                    if neediest is None or call.n_helpers < neediest.n_helpers:
                        neediest = call
            if neediest is None:
                return
            if self.n_helpers >= self.n_threads:
                try:
                    start_new_thread(self.serve, (self.queue,))
                except RuntimeError:
                    # the interpreter is exiting, or the system has no more threads
                    return
                self.n_threads += 1
            neediest.n_missing -= 1
            neediest.n_helpers += 1
            neediest.n_promised += 1
            self.n_helpers += 1
            self.n_promised += 1
            self.queue.put(neediest)


cdef class SharedCall:
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

    cdef HelperPool pool
    cdef object group
    cdef unsigned long caller
    cdef int budget
    cdef int n_missing               # helpers that may still join
    cdef int n_helpers               # helpers that work or were promised
    cdef int n_promised              # helpers that have not begun

    def __init__(self, HelperPool pool not None, group not None, int n_helpers, int budget):
        self.pool, self.group, self.n_missing, self.budget = pool, group, n_helpers, budget

    def __enter__(self):
        cdef HelperPool pool = self.pool
        self.caller = PyThread_get_thread_ident()
        pool.working[self.caller] = pool.working.get(self.caller, 0) + 1
        pool.calls.append(self)
        pool.recruit()
        return self

    def __exit__(self, *exc_info):
        cdef HelperPool pool = self.pool
        pool.calls.remove(self)
        self.n_missing = 0
        self.take_back(self.n_promised)
        if pool.working[self.caller] == 1:
            PyDict_DelItem(pool.working, self.caller)
        else:
            pool.working[self.caller] -= 1
        pool.recruit()

    def run(self):
        """Work for the call, in a helper thread. A call that needs no more helpers returns at once."""
        cdef HelperPool pool = self.pool
        cdef unsigned long helper = PyThread_get_thread_ident()
        if self.n_promised == 0:
            return
        pool.working[helper] = 1
        self.n_promised -= 1
        pool.n_promised -= 1
        self.group.run()
        if PyDict_Contains(pool.working, helper):
            # the helper did not leave early: there is no more work
            self.n_missing = 0
            self.take_back(self.n_promised)
            self.count_out(helper)
        pool.recruit()

    def leaves(self):
        """Return whether the thread that asks must leave the call. A caller never leaves.

        A helper leaves if there are more callers and helpers than the budget, or if another call has fewer helpers. It
        no longer counts then, so it must return at once.
        """
        cdef HelperPool pool = self.pool
        cdef SharedCall call
        cdef unsigned long helper = PyThread_get_thread_ident()
        if helper == self.caller:
            return False
        if pool.count() > self.budget:
            self.take_back(min(self.n_promised, pool.count() - self.budget))
        if pool.count() <= self.budget:
            for call in pool.calls:
                if call.n_missing > 0 and call.n_helpers + 1 < self.n_helpers and pool.count() <= call.budget:
                    break
            else:
                return False
        self.n_missing += 1
        self.count_out(helper)
        return True

    cdef count_out(self, helper):
        """Count a helper as idle."""
        PyDict_DelItem(self.pool.working, helper)
        self.n_helpers -= 1
        self.pool.n_helpers -= 1

    cdef take_back(self, int n):
        """Take back the promise of some helpers, which have not begun."""
        self.n_promised -= n
        self.n_helpers -= n
        self.pool.n_promised -= n
        self.pool.n_helpers -= n
