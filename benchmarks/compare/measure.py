"""Time several callables in turns, so that a disturbance of the machine affects all of them."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

_FEWEST_ROUNDS = 3
_FEWEST_SLOW_ROUNDS = 2
_GROWTH = 10

Call = Callable[[], Any]


@dataclass(frozen=True)
class Job:
    """The work of one peer in one row.

    Parameters
    ----------
    prepare : callable
        Return the call to time. Its own time does not count.
    check : callable
        Raise an exception if the result of the first call is wrong.
    fresh : bool
        Whether `prepare` runs before each call, as a write into an empty store needs.
    own_clock : bool
        Whether the call returns its time in seconds.
    settle : callable
        Set the global state of the process, such as the threads of a codec, before a measurement.
    """

    prepare: Callable[[], Call]
    check: Callable[[Any], None]
    fresh: bool = False
    own_clock: bool = False
    settle: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Pace:
    """How long to measure.

    Parameters
    ----------
    rounds : int
        Measurements of each peer.
    shortest : float
        Shortest time of one measurement, in seconds. It repeats the call until this time is reached.
    budget : float
        Time for one peer in one row, in seconds. A peer that needs more gets fewer rounds.
    """

    rounds: int
    shortest: float
    budget: float


@dataclass
class Timing:
    """Seconds per call: one sample per round, each the mean of `calls` calls."""

    calls: int = 0
    samples: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def min(self) -> float:
        return min(self.samples)


class _Runner:
    """The state of one job between the rounds."""

    def __init__(self, job: Job, pace: Pace) -> None:
        self.job, self.pace = job, pace
        self.timing = Timing()
        self.spent = 0.0
        self.call: Call | None = None

    def warm_up(self) -> None:
        """Check the answer once, then choose the number of calls per measurement."""
        self.job.settle()
        self.call = self.job.prepare()
        start = time.perf_counter()
        answer = self.call()
        first = time.perf_counter() - start
        self.job.check(answer)
        del answer
        self.timing.calls = calls = 1
        if first > self.pace.budget:
            return
        while (seconds := self._seconds(calls)) < self.pace.shortest and not self.job.own_clock:
            wanted = math.ceil(1.2 * calls * self.pace.shortest / max(seconds, 1e-9))
            calls = min(_GROWTH * calls, max(calls + 1, wanted))
        self.timing.calls = calls

    def measure(self) -> None:
        fewest = _FEWEST_SLOW_ROUNDS if 2 * self.spent > 3 * self.pace.budget else _FEWEST_ROUNDS
        if len(self.timing.samples) >= fewest and self.spent > self.pace.budget:
            return
        start = time.perf_counter()
        self.job.settle()
        gc.collect()
        self.timing.samples.append(self._seconds(self.timing.calls) / self.timing.calls)
        self.spent += time.perf_counter() - start

    def _seconds(self, calls: int) -> float:
        assert self.call is not None
        call, clock = self.call, time.perf_counter
        if self.job.own_clock:
            return float(sum(call() for _ in range(calls)))
        if self.job.fresh:
            total = 0.0
            for _ in range(calls):
                call = self.job.prepare()
                start = clock()
                call()
                total += clock() - start
            return total
        start = clock()
        for _ in repeat(None, calls):
            call()
        return clock() - start


def run_in_turns(
    jobs: Mapping[str, Job], pace: Pace, after_round: Callable[[], None]
) -> tuple[dict[str, Timing], dict[str, Exception]]:
    """Measure each job once per round, in an order that rotates by one per round.

    Parameters
    ----------
    jobs : mapping of str to Job
        The jobs by name of the peer.
    pace : Pace
        Number of rounds and times.
    after_round : callable
        Remove what the calls wrote. Its time is not measured.

    Returns
    -------
    timings : dict of str to Timing
        The timings by name of the peer.
    failures : dict of str to Exception
        The exceptions of the peers that failed, by name.
    """
    runners = {name: _Runner(job, pace) for name, job in jobs.items()}
    failures: dict[str, Exception] = {}
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for turn in range(-1, pace.rounds):
            names = list(runners)
            at = turn % len(names) if turn >= 0 and names else 0
            for name in names[at:] + names[:at]:
                try:
                    runners[name].warm_up() if turn < 0 else runners[name].measure()
                except Exception as exc:
                    # A failing peer is reported; the others are still measured.
                    failures[name] = exc
                    del runners[name]
            after_round()
    finally:
        gc.enable()
        gc.unfreeze()
    return {name: runner.timing for name, runner in runners.items()}, failures
