"""Locks of the files of values, which exclude other processes: what to do when one waits, and where there are none.

`zarrcy._kernels._locks` locks the files. A lock belongs to an open file: a range of one byte beyond all data (an
open-file-description lock), or the whole file (`flock`) where the file may only be read, and on systems other than
Linux.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator

from zarrcy import settings
from zarrcy.errors import LockWarning


class OnWait:
    """What happens when a file is locked for long: a warning, once for each wait."""

    @property
    def seconds(self) -> float:
        """How long to wait before the warning."""
        return float(str(settings.LOCK_WARNING.value()))

    def __call__(self, path: bytes) -> None:
        """Warn that another process has locked a file."""
        by = holder(path)
        warnings.warn(
            f"a write waits for the lock of {os.fsdecode(path)!r}, which {by or 'another process'} has held for "
            f"{self.seconds:g} s. The write goes on when that process ends or releases the lock",
            LockWarning,
            stacklevel=2,
        )


on_wait = OnWait()


def most_at_once() -> int:
    """Return how many files may be locked at the same time: a quarter of those that this process may open."""
    import resource

    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 if most == resource.RLIM_INFINITY else max(1, most // 4)


_warned: set[int] = set()


def warn_without_locks(path: str, number: int) -> None:
    """Warn, once for each file system, that it has no locks: the system said so with an error number."""
    try:
        device = os.stat(os.path.dirname(path)).st_dev
    except OSError:
        return
    if device in _warned:
        return
    _warned.add(device)
    warnings.warn(
        f"{path!r} can't be locked ({os.strerror(number)}), so processes that write parts of one chunk at the same "
        "time can lose changes on this file system: pass a synchronizer, or write whole chunks. "
        "unaligned='allow' takes no locks",
        LockWarning,
        stacklevel=4,
    )


# -- the holder of a lock ----------------------------------------------------------------------------


def holder(path: bytes) -> str:
    """Return the process that has locked a file, in words; an empty string if the system does not show it.

    Linux lists locks in ``/proc/locks``: some with the number of a process, and those of open files below
    ``/proc/<process>/fdinfo``, for processes of this user.
    """
    try:
        status = os.stat(path)
    except OSError:
        return ""
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in _lines("/proc/locks"):
        fields = line.split()
        if len(fields) > 5 and fields[1] != "->" and fields[5] == place and int(fields[4]) > 0:
            return _process(fields[4])
    for number in _processes():
        try:
            files = os.listdir(f"/proc/{number}/fdinfo")
        except OSError:
            continue
        for file in files:
            if any(
                line.startswith("lock:") and place in line for line in _lines(f"/proc/{number}/fdinfo/{file}")
            ):
                return _process(number)
    return ""


def _processes() -> list[str]:
    try:
        return [name for name in os.listdir("/proc") if name.isdecimal() and name != str(os.getpid())]
    except OSError:
        return []


def _process(number: str) -> str:
    command = "".join(_lines(f"/proc/{number}/cmdline")).replace("\0", " ").strip()
    return f"process {number} ({command[:80]})" if command else f"process {number}"


def _lines(path: str) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError:
        return
