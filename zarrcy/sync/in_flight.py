"""Requests that other threads send for a call: whether they must end, and which keys they may still change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from zarrcy.sync.key_locks import WorkerGroup

# After an exception in the caller, requests that were sent are waited for this long, in seconds.
GRACE = 1.0
# Keys of unfinished requests that an exception names.
_MOST_NAMED = 5


class CallInFlight:
    """The requests of one call, which the threads of a group send.

    Parameters
    ----------
    group : WorkerGroup
        The threads.

    Attributes
    ----------
    changing : set of str
        The keys that requests change which were sent and have not returned.
    is_ended : bool
        Whether the caller does not need the answers any more.
    """

    def __init__(self, group: WorkerGroup) -> None:
        self._group = group
        self.changing: set[str] = set()
        self.is_ended = False

    @property
    def is_stopping(self) -> bool:
        """Whether no further request may be sent: the caller has ended, or a request failed."""
        return self._group.is_stopping

    @contextmanager
    def in_this_thread(self) -> Iterator[None]:
        """In the ``with`` block, this thread sends requests of the call."""
        _of_thread.call = self
        try:
            yield
        finally:
            _of_thread.call = None


class _OfThread(threading.local):
    call: CallInFlight | None = None


_of_thread = _OfThread()


class CallEndedError(BaseException):
    """A request need not be waited for: the call to which it belongs has ended."""


def stopping_of_thread() -> Callable[[], bool]:
    """Return a function for any thread: whether no further request may be sent for the call of this thread."""
    call = _of_thread.call
    return lambda: call is not None and call.is_stopping


def check() -> None:
    """Raise CallEndedError if this thread sends requests of a call that has ended."""
    call = _of_thread.call
    if call is not None and call.is_ended:
        raise CallEndedError


@contextmanager
def changing(keys: Sequence[str]) -> Iterator[None]:
    """In the ``with`` block, this thread sends a request that changes some keys.

    They count as unfinished afterwards if the call ended before the request: a server may have received it.
    """
    call = _of_thread.call
    if call is not None:
        call.changing.update(keys)
    try:
        yield
    except CallEndedError:
        raise
    except BaseException:
        if call is not None:
            call.changing.difference_update(keys)
        raise
    if call is not None:
        call.changing.difference_update(keys)


def describe(keys: Sequence[str]) -> str:
    """Return the note of an exception for requests that may still be carried out."""
    named = ", ".join(keys[:_MOST_NAMED]) + (", ..." if len(keys) > _MOST_NAMED else "")
    return f"{len(keys)} requests that were sent may still be carried out: {named}"
