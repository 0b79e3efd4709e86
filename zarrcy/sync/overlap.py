"""Send requests to a store while the answers to others are decoded, or the values of others are encoded.

A task is a generator: it yields one `Request` after the other, and goes on when the request was answered. Requests are
sent by threads that wait; the generators run in the thread of the caller, so no thread but that one touches its memory.
Loaded when a store with latency is read or written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeAlias, TypeVar

from zarrcy.sync import in_flight
from zarrcy.sync.in_flight import GRACE, CallInFlight
from zarrcy.sync.key_locks import WorkerGroup
from zarrcy.sync.thread_pool import ThreadPool

T = TypeVar("T")

# Between two steps of waiting, signals are handled.
_WAIT_SECONDS = 0.1

_pool = ThreadPool()


class Sendable(Protocol):
    """A request of any kind."""

    def send(self) -> None: ...


Steps: TypeAlias = Generator[Sendable, None, None]
"""Yields requests. When it goes on, the request was answered."""


class Request(Generic[T]):
    """A call that waits for a store.

    Parameters
    ----------
    call : callable
        Takes no arguments.

    Examples
    --------
    >>> def steps():
    ...     request = Request(lambda: 3)
    ...     yield request
    ...     print(request.answer)
    >>> drive(steps())
    3
    """

    __slots__ = ("_answers", "_call")

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._answers: list[T] = []

    def send(self) -> None:
        """Send the request and wait for the answer."""
        self._answers.append(self._call())

    @property
    def answer(self) -> T:
        """What the call returned. It can be taken once, so that it does not stay in memory."""
        return self._answers.pop()


class Change(Request[None]):
    """A call that changes a store.

    Parameters
    ----------
    call : callable
        Takes no arguments.
    keys : sequence of str
        The keys that it changes.
    """

    __slots__ = ("_keys",)

    def __init__(self, call: Callable[[], None], keys: Sequence[str]) -> None:
        super().__init__(call)
        self._keys = keys

    def send(self) -> None:
        with in_flight.changing(self._keys):
            self._call()


def drive(steps: Steps) -> None:
    """Run a generator of requests in this thread, one request after the other."""
    for request in steps:
        request.send()


class _Slot:
    """One of the tasks that run side by side."""

    def __init__(self, task: Callable[[int, int], Steps]) -> None:
        self.task = task
        self.steps: Steps | None = None
        self.request: Sendable | None = None
        self.failure: BaseException | None = None

    def send(self) -> None:
        request, self.request = self.request, None
        try:
            if request is not None:
                request.send()
        except BaseException as exc:
            self.failure = exc


def overlap(
    make_task: Callable[[], Callable[[int, int], Steps]],
    ranges: Iterable[tuple[int, int]],
    at_once: int,
    *,
    writes: bool = False,
) -> None:
    """Run tasks for all ranges, with at most `at_once` requests in flight.

    The first exception is raised, and no further request is sent then. Requests of a read that were sent are not waited
    for, and their answers are dropped. Those of a write are waited for after a request failed; after another exception,
    such as one of a signal handler, for one second. It then has a note that names the keys that may still change.

    Parameters
    ----------
    make_task : callable
        Called once for each request that can be in flight. Returns the task, which may own buffers.
    ranges : iterable of tuple of int
        The arguments ``(first, last)`` of the task.
    at_once : int
        Most requests in flight.
    writes : bool, default False
        Whether the requests change the store.
    """
    remaining = iter(ranges)
    waiting: SimpleQueue[_Slot | None] = SimpleQueue()
    answered: SimpleQueue[_Slot] = SimpleQueue()

    def work() -> None:
        with sent.in_this_thread():
            while (slot := waiting.get()) is not None and not group.is_stopping:
                slot.send()
                answered.put(slot)
        # the next thread ends, too
        waiting.put(None)

    def advance(slot: _Slot) -> bool:
        """Go on with a task until it has sent a request. Returns False if there are no more ranges."""
        while True:
            slot.request = None if slot.steps is None else next(slot.steps, None)
            if slot.request is not None:
                waiting.put(slot)
                return True
            part = next(remaining, None)
            if part is None:
                return False
            slot.steps = slot.task(*part)

    def exchange() -> BaseException | None:
        """Send all requests. Returns why one failed, if others that were sent change the store."""
        n_active, n_threads, n_busy = 0, 0, _pool.n_busy
        while n_active < at_once and advance(_Slot(make_task())):
            n_active += 1
            # the first requests are in flight while the values of the next ones are encoded
            n_threads += _pool.start(group, 1, n_busy + n_active)
        while n_active:
            slot = _next_of(answered) if n_threads else waiting.get()
            assert slot is not None, "the queue ends after this loop"
            if not n_threads:
                slot.send()
            if slot.failure is None:
                n_active -= not advance(slot)
            elif writes:
                return slot.failure
            else:
                raise slot.failure
        return None

    # the answers of requests that were sent belong to this call only
    group = WorkerGroup(work, stop=partial(waiting.put, None), grace=GRACE if writes else 0.0)
    sent = CallInFlight(group)
    try:
        with group:
            try:
                failure = exchange()
            except BaseException:
                sent.is_ended = True
                raise
    except BaseException as exc:
        if sent.changing:
            exc.add_note(in_flight.describe(sorted(sent.changing)))
        raise
    if failure is not None:
        raise failure


def _next_of(answered: SimpleQueue[_Slot]) -> _Slot:
    while True:
        try:
            return answered.get(timeout=_WAIT_SECONDS)
        except Empty:
            continue


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.renew)
