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
    cdef int n_waiting               # helpers of calls whose threads wait for storage most of the time
    cdef long long held_nbytes       # by these

    def __init__(self, serve not None):
        self.serve, self.queue = serve, SimpleQueue()
        self.working, self.calls = {}, []

    @property
    def n_working(self):
        """The number of callers and helpers that work now."""
        return PyDict_Size(self.working)

    cdef int count(self, SharedCall call):
        """Return how many callers and helpers compete with those of a call: threads that wait need no CPU."""
        return <int> PyDict_Size(self.working) + self.n_promised - (0 if call.waits else self.n_waiting)

    cdef bint has_room(self, SharedCall call) except -1:
        """Return whether one more helper may join a call."""
        if call.waits and self.held_nbytes + call.held_nbytes > call.most_nbytes:
            return False
        return self.count(call) < call.budget

    cdef recruit(self):
        """Promise helpers to the calls that have the fewest, as long as their budgets allow it."""
        cdef SharedCall call, neediest
        while True:
            neediest = None
            for call in self.calls:
                if call.n_missing > 0 and self.has_room(call):
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
            neediest.n_promised += 1
            self.n_promised += 1
            neediest.change_helpers(1)
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
    cdef bint is_open                # there may be work for more helpers
    cdef bint waits                  # the threads wait for storage most of the time
    cdef long long held_nbytes       # by each helper
    cdef long long most_nbytes       # helpers join only while those that wait hold fewer bytes in total

    def __init__(self, HelperPool pool not None, group not None, int n_helpers, int budget):
        self.pool, self.group, self.n_missing, self.budget = pool, group, n_helpers, budget

    def __enter__(self):
        cdef HelperPool pool = self.pool
        self.caller = PyThread_get_thread_ident()
        pool.working[self.caller] = pool.working.get(self.caller, 0) + 1
        pool.calls.append(self)
        self.is_open = True
        pool.recruit()
        return self

    def __exit__(self, *exc_info):
        cdef HelperPool pool = self.pool
        pool.calls.remove(self)
        self.close()
        if pool.working[self.caller] == 1:
            PyDict_DelItem(pool.working, self.caller)
        else:
            pool.working[self.caller] -= 1
        pool.recruit()

    def widen(self, int n_helpers, int budget, long long held_nbytes, long long most_nbytes):
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
        cdef HelperPool pool = self.pool
        self.budget, self.most_nbytes = budget, most_nbytes
        if not self.waits:
            self.waits, self.held_nbytes = True, held_nbytes
            pool.n_waiting += self.n_helpers
            pool.held_nbytes += self.n_helpers * held_nbytes
        if self.is_open:
            self.n_missing = max(0, n_helpers - self.n_helpers)
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
            self.close()
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
        if pool.count(self) > self.budget:
            self.take_back(min(self.n_promised, pool.count(self) - self.budget))
        if pool.count(self) <= self.budget:
            for call in pool.calls:
                if (call.n_missing > 0 and call.n_helpers + 1 < self.n_helpers and call.waits == self.waits
                        and pool.count(call) <= call.budget):
                    break
            else:
                return False
        self.n_missing += 1
        self.count_out(helper)
        return True

    cdef count_out(self, helper):
        """Count a helper as idle."""
        PyDict_DelItem(self.pool.working, helper)
        self.change_helpers(-1)

    cdef close(self):
        """Let no more helpers join."""
        self.is_open = False
        self.n_missing = 0
        self.take_back(self.n_promised)

    cdef take_back(self, int n):
        """Take back the promise of some helpers, which have not begun."""
        self.n_promised -= n
        self.pool.n_promised -= n
        self.change_helpers(-n)

    cdef change_helpers(self, int n):
        """Count `n` more helpers of this call, or fewer if `n` is negative."""
        cdef HelperPool pool = self.pool
        self.n_helpers += n
        pool.n_helpers += n
        if self.waits:
            pool.n_waiting += n
            pool.held_nbytes += n * self.held_nbytes
