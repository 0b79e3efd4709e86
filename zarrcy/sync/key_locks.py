"""Locks within this process: who changes a part of a value holds the name of the value, without being asked to.

Names are locked exactly, not by a hash of them, and all that a writer needs at once or none: so writers
of different values never wait for each other, and no order of names can make a deadlock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from threading import get_ident
from typing import Any, Protocol
from weakref import WeakValueDictionary

# A name is taken by `dict.setdefault` and given back by ``del``, each one step; the mutex is for those who wait.
_holders: dict[str, KeyLock] = {}
_mutex = threading.Lock()
_freed = threading.Condition(_mutex)
_n_waiting = 0


class KeyLock:
    """Names that one thread holds, and no other thread of this process can hold meanwhile.

    `acquire` belongs inside the ``try`` whose ``finally`` calls `release`: an exception may come in between.
    A thread does not wait for itself: what it holds already stays with the outer hold.

    Parameters
    ----------
    names : any strings; two values have different names

    Examples
    --------
    >>> hold = KeyLock(["a/0.0", "a/0.1"])
    >>> try:
    ...     hold.acquire()
    ... finally:
    ...     hold.release()
    """

    __slots__ = ("names", "thread")

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.thread = get_ident()

    def acquire(self) -> None:
        """Wait until all names are free, and hold them."""
        for name in self.names:
            if _holders.setdefault(name, self) is not self:
                self._wait()
                return

    def _wait(self) -> None:
        global _n_waiting  # noqa: PLW0603
        # who waits holds nothing
        self.release()
        with _mutex:
            # from here on, who gives a name back sees that somebody waits
            _n_waiting += 1
            try:
                while not self._take():
                    _freed.wait()
            finally:
                _n_waiting -= 1

    def _take(self) -> bool:
        """Take all names, but those that this thread holds already, or none."""
        if not all(_holders.get(name, self).thread == self.thread for name in self.names):
            return False
        found = {name: _holders.setdefault(name, self) for name in self.names}
        if all(holder.thread == self.thread for holder in found.values()):
            self.names = [name for name, holder in found.items() if holder is self]
            return True
        # somebody was faster just now
        self._give_back()
        _freed.notify_all()
        return False

    def _give_back(self) -> None:
        for name in self.names:
            if _holders.get(name) is self:
                del _holders[name]

    def release(self) -> None:
        """Give the names back."""
        self._give_back()
        if _n_waiting:
            with _mutex:
                _freed.notify_all()

    def __enter__(self) -> KeyLock:
        self.acquire()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()


class HasLocks(Protocol):
    """Whatever has locks of its own."""

    def new_locks(self) -> None:
        """Make new locks, which are free."""


_owners: WeakValueDictionary[int, Any] = WeakValueDictionary()


def renew_in_forks(owner: HasLocks) -> None:
    """See to it that in a forked child an object has locks that are free: a thread that is not there may hold them."""
    # by identity: some that have locks are mappings, which have no hash
    _owners[id(owner)] = owner


def _forget_holders() -> None:
    global _mutex, _freed, _n_waiting  # noqa: PLW0603
    _mutex = threading.Lock()
    _freed = threading.Condition(_mutex)
    _holders.clear()
    _n_waiting = 0
    for owner in list(_owners.values()):
        owner.new_locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_holders)
