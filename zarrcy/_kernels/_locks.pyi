"""Locks and waits that an asynchronous exception cannot leave half done.

A signal handler of Python may raise an exception (Ctrl-C, a scheduler's SIGTERM) between two bytecode instructions.
Compiled code has none: if ``__enter__`` of a class here returns, the ``with`` statement calls ``__exit__``, and
``__exit__`` runs to its end. Handlers run only where these methods wait, and what they raise there is kept until
nothing is held any more.
"""

from collections.abc import Callable, Sequence
from types import TracebackType

class KeyLock:
    """Names that one thread holds, and that no other thread of this process can hold at the same time."""

    def __init__(self, names: Sequence[str]) -> None: ...
    @property
    def names(self) -> list[str]: ...
    def __enter__(self) -> KeyLock: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def acquire(self) -> None:
        """Wait until all names are free, and hold them."""

    def release(self) -> None:
        """Release the names that this lock holds, if any."""

class FileLock:
    """An exclusive lock of a file between processes, and between the threads of this process."""

    def __init__(self, path: str, flat_path: str, name: str) -> None: ...
    def __enter__(self) -> FileLock: ...
    def __exit__(self, *exc_info: object) -> None: ...

class WorkerGroup:
    """Threads that work for one caller. Leaving the ``with`` block waits for those that have begun."""

    def __init__(self, work: Callable[[], object], grace: float | None = None) -> None: ...
    @property
    def failures(self) -> list[BaseException]: ...
    @property
    def n_running(self) -> int: ...
    @property
    def is_stopping(self) -> bool:
        """Whether threads must end: the caller has no more work, or there was an exception."""

    def run(self) -> None:
        """Call `work`, in a thread of the group."""

    def __enter__(self) -> WorkerGroup: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool: ...

def held_names() -> set[str]:
    """Return the names that are held in this process."""

def forget_locks() -> None:
    """Release all names in a forked child: the threads that held them do not exist there."""
