"""Locks on the names of values, within this process. Writers that change a part of a value hold its name.

Names are locked exactly, not by a hash, so writers of different values never wait for each other. A writer gets
all the names that it needs at once or none of them, so the order of names can't cause a deadlock.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from zarrcy import _kernels

if TYPE_CHECKING or _kernels.COMPILED:
    from zarrcy._kernels._locks import (
        AtLast,
        CallLock,
        ContextValue,
        Descriptor,
        FileLock,
        FilesLock,
        KeyLock,
        TemporaryFile,
        WorkerGroup,
        call_in_thread,
        close_archive,
        forget_locks,
        held_names,
        uninterrupted,
    )
else:
    from zarrcy._kernels._reference_locks import (
        AtLast,
        CallLock,
        ContextValue,
        Descriptor,
        FileLock,
        FilesLock,
        KeyLock,
        TemporaryFile,
        WorkerGroup,
        call_in_thread,
        close_archive,
        forget_locks,
        held_names,
        uninterrupted,
    )

__all__ = [
    "AtLast",
    "CallLock",
    "ContextValue",
    "Descriptor",
    "FileLock",
    "FilesLock",
    "KeyLock",
    "LiveObjects",
    "TemporaryFile",
    "WorkerGroup",
    "call_in_thread",
    "close_archive",
    "held_names",
    "hold_in_forks",
    "renew_in_forks",
    "uninterrupted",
]

T = TypeVar("T")


class LiveObjects(Generic[T]):
    """Objects that are found as long as something else refers to them.

    `weakref.WeakSet` and its relatives run Python code when an object is freed. A signal handler that raises an
    exception there raises it nowhere: Python prints and drops it. This class has no such callback.

    Several threads may add objects at the same time, without a lock: each step is one operation of a dictionary, and
    removing a reference that another thread has removed already does nothing.
    """

    def __init__(self) -> None:
        # A reference to a live object compares and hashes as the object does, so its identity is the key. An identity
        # is not used again while a thread still holds the reference in its list of what to remove.
        self._references: dict[int, weakref.ref[T]] = {}
        self._limit = 16

    def add(self, item: T) -> None:
        """Add an object."""
        references = self._references
        reference = weakref.ref(item)
        references[id(reference)] = reference
        if len(references) > self._limit:
            # a list of values is made in one step; to make one of pairs may call the garbage collector
            for known in list(references.values()):
                if known() is None:
                    references.pop(id(known), None)
            self._limit = 2 * len(references) + 16

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[T]:
        return iter(
            [item for reference in list(self._references.values()) if (item := reference()) is not None]
        )


class HasLocks(Protocol):
    """An object that has locks of its own."""

    def new_locks(self) -> None:
        """Replace the locks by new ones, which are free."""


_owners: LiveObjects[HasLocks] = LiveObjects()


def renew_in_forks(owner: HasLocks) -> None:
    """Replace the object's locks after a fork.

    Threads of the parent, which may hold the locks, do not exist in the child.
    """
    _owners.add(owner)


class HasCallLock(HasLocks, Protocol):
    """An object that has a lock which each of its calls holds."""

    def call_lock(self) -> threading.RLock | None:
        """Return the lock; None if threads may call at the same time."""


_callers: LiveObjects[HasCallLock] = LiveObjects()
# A fork that waited so long for a call is not delayed any more, in seconds.
_MOST_SECONDS = 10.0


class _OfThread(threading.local):
    """The locks that a thread holds while it forks."""

    # none if this module was imported after the fork had begun
    held: Sequence[threading.RLock] = ()


_of_thread = _OfThread()


def hold_in_forks(owner: HasCallLock) -> None:
    """Let a fork wait until no other thread is in a call of the object, and give it new locks in the child.

    Libraries in C, and the buffered files of Python, have locks of their own, which no fork renews. A child that was
    forked during a call would wait for them for ever.
    """
    _callers.add(owner)
    renew_in_forks(owner)


def _before_fork() -> None:
    locks = [lock for owner in _callers if (lock := owner.call_lock()) is not None]
    _of_thread.held = [lock for lock in locks if lock.acquire(timeout=_MOST_SECONDS)]


def _after_fork_in_parent() -> None:
    held, _of_thread.held = _of_thread.held, ()
    for lock in held:
        lock.release()


def _after_fork() -> None:
    _of_thread.held = ()
    forget_locks()
    for owner in _owners:
        owner.new_locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork
    )
