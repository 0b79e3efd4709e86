"""How many stored values are in flight where threads wait for storage longer than they work.

Loaded when a store shows that it is slow: on a warm local disk the number is that of the threads, see `thread_pool`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from zarrcy import _kernels, settings
from zarrcy.sync import thread_pool
from zarrcy.sync.thread_pool import Task, cgroup_folders, text_of

# More would not be faster: servers of parallel file systems answer a client's requests with about this many threads.
FILES_AT_ONCE = 32
# Requests to a server: with an answer after 30 ms, fewer use a part of a fast network only.
REQUESTS_AT_ONCE = 64
# A call sends its requests in this many groups: the values of one are decoded while those of the others are on the way.
GROUPS = 4
# Values in flight, stored and decoded, of all calls: 32 chunks of 4 MiB.
MOST_NBYTES = 256 * 2**20
# The values may use this part of the memory that is left.
MEMORY_SHARE = 4
# Finding out how much memory is left takes a tenth of a millisecond, and opening an array needs it. A program cannot
# fill much memory in the time for which the answer is kept.
_KEPT_SECONDS = 0.05


class Depth(NamedTuple):
    """What `SharedCall.widen` takes."""

    n_helpers: int
    budget: int
    held_nbytes: int
    most_nbytes: int


class Latency(Protocol):
    """How long a thread waits for a value, 0 if it comes at once, and how long it then works on it."""

    @property
    def wait_ns(self) -> int: ...
    @property
    def work_ns(self) -> int: ...


# On a local disk with a warm cache, no thread waits this long for a file.
_SLOW_NS = 200_000
# One slow file may be an accident, on a machine that is busy.
_N_SAMPLES = 2
# Tasks that are measured, at most.
_MOST_TASKS = 8


class FileWaits:
    """How long threads wait for the files of a place that Python code opens, as the first files of each call show.

    Attributes
    ----------
    wait_ns : int
        How long a thread waits for one file; 0 if files come at once.
    work_ns : int
        How long it then works.
    """

    def __init__(self) -> None:
        self.wait_ns, self.work_ns = 0, 1

    def begin(self) -> CallWaits:
        """Begin to measure a call."""
        return CallWaits(self)


class CallWaits:
    """What the first files of one call show: see `FileWaits`."""

    def __init__(self, place: FileWaits) -> None:
        self.place = place
        self._samples: list[tuple[int, int, int, int]] = []
        self._is_known = _kernels.file_io is None

    @property
    def are_short(self) -> bool:
        """Whether files come at once. False as long as that is not known."""
        return self._is_known and not self.place.wait_ns

    def counted(self, task: Task) -> Task:
        """Return a task that measures how long its thread waits for files, as long as that is not known."""
        kernels = _kernels.file_io
        if kernels is None:
            return task

        def run(first: int, last: int) -> None:
            if self._is_known:
                task(first, last)
                return
            kernels.take_waits()
            cpu_ns = time.thread_time_ns()
            task(first, last)
            self._samples.append((*kernels.take_waits(), time.thread_time_ns() - cpu_ns))
            samples = [sample for sample in self._samples if sample[0]]
            n_files = sum(sample[0] for sample in samples)
            if n_files >= _N_SAMPLES and not self._is_known:
                waited_ns = sum(sample[2] for sample in samples)
                is_slow = min(sample[1] for sample in samples) >= _SLOW_NS
                self.place.work_ns = max(1, sum(sample[3] for sample in samples) // n_files)
                self.place.wait_ns = waited_ns // n_files if is_slow else 0
                self._is_known = True
            elif len(self._samples) >= _MOST_TASKS:
                # the store does not read files with the compiled functions
                self._is_known = True

        return run

    def depth(self, held_nbytes: int) -> Callable[[], Depth | None]:
        """Return a function for `thread_pool.share`; a thread needs `held_nbytes` of memory for one value."""
        return lambda: depth_for(self.place, held_nbytes) if self.place.wait_ns else None

    def ranges(self, n: int, size: int) -> Iterator[tuple[int, int]]:
        """Yield ranges of `size` numbers below `n`; shorter ones as long as threads wait, so that many threads come."""
        first = 0
        while first < n:
            step = size if self.are_short else max(1, size // FILES_AT_ONCE) if self._is_known else 1
            yield first, min(n, first + step)
            first += step


def depth_for(latency: Latency, held_nbytes: int, most_values: int = FILES_AT_ONCE) -> Depth:
    """Return how many helpers keep the CPUs busy while threads wait.

    Parameters
    ----------
    latency : Latency
        What the store showed.
    held_nbytes : int
        The memory that a thread needs for one value.
    most_values : int, optional
        Most values in flight, unless ``ZARRCY_IO_DEPTH`` is set.

    Examples
    --------
    >>> class Slow:
    ...     wait_ns, work_ns = 3_000_000, 1_000_000
    >>> with thread_pool.use_threads(2):
    ...     depth_for(Slow(), 0).n_helpers
    15
    """
    most_values = values_at_once(most_values)
    n = thread_pool.n_threads()
    # twice as many as would do if waits and work took the same time for each value
    wanted = 2 * (n + n * latency.wait_ns // max(1, latency.work_ns))
    return Depth(min(wanted, most_values) - 1, max(n, most_values), held_nbytes, recent_most_nbytes())


def groups_of_requests(batch: int, n_values: int) -> tuple[int, int]:
    """Return how many values a request to a server reads at once, and how many such requests are in flight.

    Parameters
    ----------
    batch : int
        Most values in flight, so that their memory is bounded.
    n_values : int
        How many values are read.

    Examples
    --------
    >>> with thread_pool.use_threads(2):
    ...     groups_of_requests(64, 1000), groups_of_requests(4, 1000), groups_of_requests(1, 9)
    ((16, 4), (2, 2), (1, 1))
    """
    most = min(batch, values_at_once(REQUESTS_AT_ONCE))
    size = min(most // GROUPS, -(-n_values // GROUPS))
    # fewer would not be decoded in all threads
    size = max(1, size, min(thread_pool.n_threads(), most))
    return size, max(1, min(GROUPS, most // size))


def values_at_once(default: int) -> int:
    """Return how many values may be in flight: ``ZARRCY_IO_DEPTH``, or the default if that is not set."""
    return int(str(settings.IO_DEPTH.value())) if settings.IO_DEPTH.is_set() else default


def most_nbytes(root: str = "") -> int:
    """Return how many bytes of values may be in flight in this process."""
    left = memory_left(root)
    return MOST_NBYTES if left is None else min(MOST_NBYTES, left // MEMORY_SHARE)


class Kept:
    """A number that is measured again when some time has passed.

    Parameters
    ----------
    measure : callable
        Returns the number.
    seconds : float
        For how long an answer is kept.
    clock : callable, optional
        Returns the time in seconds.

    Examples
    --------
    >>> numbers = iter([7, 8])
    >>> kept = Kept(lambda: next(numbers), 3600)
    >>> kept(), kept()
    (7, 7)
    """

    def __init__(
        self, measure: Callable[[], int], seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._measure, self._seconds, self._clock = measure, seconds, clock
        # one object, because threads may call at the same time
        self._answer: tuple[float, int] | None = None

    def __call__(self) -> int:
        now, answer = self._clock(), self._answer
        if answer is None or now - answer[0] >= self._seconds:
            self._answer = answer = (now, self._measure())
        return answer[1]


recent_most_nbytes = Kept(most_nbytes, _KEPT_SECONDS)
"""Returns what `most_nbytes` returned at most 50 ms ago."""


def memory_left(root: str = "") -> int | None:
    """Return how many bytes this process and its control groups can still use; None if the system does not say it.

    The file cache counts as free: the system gives it up.

    Parameters
    ----------
    root : str, default ""
        Directory that contains the ``proc`` and ``sys`` to read.
    """
    available = _fields(text_of(f"{root}/proc/meminfo")).get("MemAvailable:")
    bounds = [] if available is None else [1024 * available]
    for folder, is_first_version in cgroup_folders("memory", root):
        names = ("limit_in_bytes", "usage_in_bytes") if is_first_version else ("max", "current")
        limit, used = (text_of(f"{folder}/memory.{name}").strip() for name in names)
        if limit.isdecimal() and used.isdecimal():
            cached = _fields(text_of(f"{folder}/memory.stat"))
            free = cached.get("inactive_file", 0) + cached.get("active_file", 0)
            bounds.append(max(0, int(limit) - max(0, int(used) - free)))
    return min(bounds, default=None)


def _fields(text: str) -> dict[str, int]:
    """Return the numbers of a file with a name and a number on each line."""
    words = (line.split() for line in text.splitlines())
    return {line[0]: int(line[1]) for line in words if len(line) > 1 and line[1].isdecimal()}
