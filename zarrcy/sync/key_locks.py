"""Locks on the names of values, within this process. Writers that change a part of a value hold its name.

Names are locked exactly, not by a hash, so writers of different values never wait for each other. A writer gets
all the names that it needs at once or none of them, so the order of names can't cause a deadlock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from threading import get_ident
from typing import Protocol
from weakref import WeakValueDictionary

# `dict.setdefault` takes a name and ``del`` gives it back; each is one atomic step. Only threads that wait use
# the mutex.
_holders: dict[str, KeyLock] = {}
_mutex = threading.Lock()
_freed = threading.Condition(_mutex)
_n_waiting = 0


class KeyLock:
    """A lock on names: while one thread holds it, no other thread of this process can hold any of the names.

    Call `acquire` inside the ``try`` whose ``finally`` calls `release`: an exception may come in between.
    The lock is reentrant: a name that the thread already holds stays with the outer lock.

    Parameters
    ----------
    names : sequence of str
        Any strings. Different values have different names.

    Examples
    --------
    >>> lock = KeyLock(["a/0.0", "a/0.1"])
    >>> try:
    ...     lock.acquire()
    ... finally:
    ...     lock.release()
    """

    __slots__ = ("names", "thread")

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.thread = get_ident()

    def acquire(self) -> None:
        """Wait until all names are free, and take them."""
        for name in self.names:
            if _holders.setdefault(name, self) is not self:
                self._wait()
                return

    def _wait(self) -> None:
        global _n_waiting  # noqa: PLW0603
        # a thread that waits holds nothing
        self.release()
        with _mutex:
            # from here on, every thread that releases a name notifies
            _n_waiting += 1
            try:
                while not self._take():
                    _freed.wait()
            finally:
                _n_waiting -= 1

    def _take(self) -> bool:
        """Take all names, except those that this thread already holds; take none if another thread holds one."""
        if not all(_holders.get(name, self).thread == self.thread for name in self.names):
            return False
        holders = {name: _holders.setdefault(name, self) for name in self.names}
        if all(holder.thread == self.thread for holder in holders.values()):
            self.names = [name for name, holder in holders.items() if holder is self]
            return True
        # another thread took a name between the two steps
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


def held_names() -> set[str]:
    """Return the names that threads of this process hold now."""
    return set(_holders)


class HasLocks(Protocol):
    """An object that has locks of its own."""

    def new_locks(self) -> None:
        """Replace the locks by new ones, which are free."""


_owners: WeakValueDictionary[int, HasLocks] = WeakValueDictionary()


def renew_in_forks(owner: HasLocks) -> None:
    """Replace the object's locks after a fork.

    Threads of the parent, which may hold the locks, do not exist in the child.
    """
    # keyed by identity, because some of these objects are mappings, which have no hash
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
