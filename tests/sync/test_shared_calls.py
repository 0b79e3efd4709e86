"""One budget of helper threads for all callers: a caller never waits for helpers, and helpers come and go."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from zarrcy import _kernels
from zarrcy._kernels import _reference_shared_calls
from zarrcy.sync import key_locks, shared_calls, thread_pool

IMPLEMENTATIONS = [_reference_shared_calls]
if _kernels.COMPILED:
    from zarrcy._kernels import _shared_calls

    IMPLEMENTATIONS.append(_shared_calls)


def wait_until(condition):
    """Wait for what other threads do; a machine that is busy may need long."""
    deadline = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < deadline, "the other threads do not come"
        time.sleep(0.001)


def serve(calls):
    while True:
        call = calls.get()
        call.run()


class Caller:
    """A caller in a thread of its own. Each turn lets one of its threads go on to its next piece of work."""

    def __init__(self, module, pool, n_helpers, budget):
        self.module, self.pool, self.n_helpers, self.budget = module, pool, n_helpers, budget
        self.turns, self.is_over = threading.Semaphore(0), False
        self.at_work = []
        self.executor = ThreadPoolExecutor(1)
        self.result = self.executor.submit(self._call)
        wait_until(lambda: self.at_work)

    def _call(self):
        def work():
            self.call = call
            while not self.is_over and not call.leaves():
                self.at_work.append(threading.get_ident())
                self.turns.acquire()
                self.at_work.remove(threading.get_ident())

        with (
            key_locks.WorkerGroup(work) as group,
            self.module.SharedCall(self.pool, group, self.n_helpers, self.budget) as call,
        ):
            work()
        assert not group.failures
        assert not self.at_work

    def go_on_until(self, condition):
        """Let the threads go on, in whatever order they come, until something has happened."""
        wait_until(lambda: condition() or self.turns.release())

    def finish(self):
        self.is_over = True
        self.turns.release(1000)
        self.result.result(600)
        self.executor.shutdown()


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda module: module.__name__.rsplit(".", 1)[-1])
def new_caller(request):
    pool = request.param.HelperPool(serve)
    callers = []

    def new_caller(n_helpers, budget):
        callers.append(Caller(request.param, pool, n_helpers, budget))
        return callers[-1]

    new_caller.pool = pool
    yield new_caller
    for caller in callers:
        caller.finish()
    wait_until(lambda: pool.n_working == 0)


def test_a_caller_gets_as_many_helpers_as_it_can_use(new_caller):
    caller = new_caller(n_helpers=3, budget=8)
    wait_until(lambda: len(caller.at_work) == 4)
    assert new_caller.pool.n_working == 4


def test_a_caller_gets_as_many_helpers_as_the_budget_allows(new_caller):
    caller = new_caller(n_helpers=30, budget=3)
    wait_until(lambda: len(caller.at_work) == 3)
    assert new_caller.pool.n_working == 3


def test_as_many_callers_as_the_budget_work_alone(new_caller):
    callers = [new_caller(n_helpers=0, budget=2) for _ in range(2)]
    callers += [new_caller(n_helpers=5, budget=2) for _ in range(3)]
    for caller in callers:
        caller.turns.release(20)
        wait_until(lambda caller=caller: not caller.turns.acquire(blocking=False))
        assert len(set(caller.at_work)) == 1
    assert new_caller.pool.n_working == 5


def test_helpers_leave_when_callers_come_and_return_when_callers_go(new_caller):
    first = new_caller(n_helpers=9, budget=4)
    wait_until(lambda: len(first.at_work) == 4)
    second, third = new_caller(n_helpers=9, budget=4), new_caller(n_helpers=9, budget=4)
    assert new_caller.pool.n_working == 6, "a caller does not wait until helpers are free"
    # after their present piece of work, two of the three helpers leave
    first.go_on_until(lambda: new_caller.pool.n_working == 4)
    assert (len(second.at_work), len(third.at_work)) == (1, 1)
    # the place of a caller that is done goes to the other one, which has no helper
    second.finish()
    wait_until(lambda: len(third.at_work) == 2)
    assert new_caller.pool.n_working == 4
    first.finish()
    wait_until(lambda: len(third.at_work) == 4)


def test_helpers_are_distributed_evenly(new_caller):
    first = new_caller(n_helpers=9, budget=6)
    wait_until(lambda: len(first.at_work) == 6)
    second = new_caller(n_helpers=9, budget=6)
    first.go_on_until(lambda: len(second.at_work) == 3)
    assert new_caller.pool.n_working == 6


def test_threads_that_wait_leave_the_budget_to_threads_that_compute(new_caller):
    waiting = new_caller(n_helpers=1, budget=3)
    wait_until(lambda: len(waiting.at_work) == 2)
    waiting.call.widen(7, 8, 0, 0)
    wait_until(lambda: len(waiting.at_work) == 8)
    computing = new_caller(n_helpers=9, budget=3)
    wait_until(lambda: len(computing.at_work) == 2)
    assert new_caller.pool.n_working == 10
    # the callers are two; a third thread may compute
    computing.turns.release(10)
    wait_until(lambda: not computing.turns.acquire(blocking=False))
    assert len(computing.at_work) == 2


def test_helpers_that_wait_hold_a_bounded_number_of_bytes(new_caller):
    first, second = new_caller(n_helpers=0, budget=1), new_caller(n_helpers=0, budget=1)
    first.call.widen(30, 32, 100, 350)
    wait_until(lambda: len(first.at_work) == 4)
    second.call.widen(30, 32, 25, 350)
    wait_until(lambda: len(second.at_work) == 3)
    assert new_caller.pool.n_working == 7


def test_a_call_inside_a_call_counts_once(new_caller):
    pool = new_caller.pool
    outer = new_caller(n_helpers=0, budget=4)
    module, seen = outer.module, []

    def inner():
        with (
            key_locks.WorkerGroup(lambda: None) as group,
            module.SharedCall(pool, group, 0, 4),
            module.SharedCall(pool, group, 0, 4),
        ):
            seen.append(pool.n_working)
        seen.append(pool.n_working)

    inner()
    assert seen == [2, 1]


def test_a_read_in_a_worker_thread_is_shared_among_the_cpus(monkeypatch):
    monkeypatch.delenv("ZARRCY_THREADS", raising=False)
    monkeypatch.setattr(thread_pool, "cpus", lambda: thread_pool.Choice(3, "three CPUs"))
    meeting = threading.Barrier(3, timeout=600)

    def meet():
        thread_pool.share(lambda: lambda first, last: meeting.wait(), [(0, 1), (1, 2), (2, 3)], 3)

    with ThreadPoolExecutor(1) as worker:
        worker.submit(meet).result(600)
    meet()


def test_a_failed_call_leaves_no_helper_at_work():
    def fail():
        raise KeyError("three")

    for _ in range(20):
        with pytest.raises(KeyError, match="three"):
            thread_pool.share(
                lambda: lambda first, last: fail() if first == 3 else None, ((n, n + 1) for n in range(99)), 4
            )
    wait_until(lambda: shared_calls.n_working() == 0)
