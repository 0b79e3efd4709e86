"""Time several callables in turns, so that what disturbs the machine disturbs all of them."""

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
    """What one peer does in one row.

    Parameters
    ----------
    prepare : returns the call that is timed; its own time does not count
    check : is given the result of the first call and raises if that is wrong
    fresh : prepare again before each call, as a write into an empty store needs
    own_clock : the call returns the seconds itself
    settle : sets what is global in the process, such as the threads of a codec, before a measurement
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
    rounds : measurements of each peer
    shortest : seconds that one measurement takes at least, by calling often enough
    budget : seconds for one peer in one row; a peer that needs more gets fewer rounds
    """

    rounds: int
    shortest: float
    budget: float


@dataclass
class Timing:
    """Seconds per call, one sample for each round, of `calls` calls each."""

    calls: int = 0
    samples: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def min(self) -> float:
        return min(self.samples)


class _Runner:
    """One job on its way through the rounds."""

    def __init__(self, job: Job, pace: Pace) -> None:
        self.job, self.pace = job, pace
        self.timing = Timing()
        self.spent = 0.0
        self.call: Call | None = None

    def warm_up(self) -> None:
        """Check the answer once, then find out how many calls make one measurement."""
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
    """Measure each job once per round, in an order that moves on by one from round to round.

    Parameters
    ----------
    jobs : by name of the peer
    pace : rounds and times
    after_round : clears away what the calls left behind, where no one is timed

    Returns
    -------
    the timings, and the exceptions of the peers that failed, both by name
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
                    # one peer that fails must not cost the others their numbers; it is reported
                    failures[name] = exc
                    del runners[name]
            after_round()
    finally:
        gc.enable()
        gc.unfreeze()
    return {name: runner.timing for name, runner in runners.items()}, failures
