"""Run targets on mutated inputs: ``python -m fuzz.run --help``, with ``tests`` on the path.

Without atheris, errors guide the search: an input that is rejected at a new place in the code is mutated further.
"""

import argparse
import faulthandler
import hashlib
import random
import resource
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

from fuzz.targets import TARGETS, FaultError, check

_SECONDS = 20
_GROWTH_KIB = 400 * 1024
_MOST_INPUTS = 500


class Hang(BaseException):
    """The input takes too long."""


def _stop(*_):
    raise Hang


def guarded(target, data):
    """Run a target on bytes with limits of time and memory. Return the error that rejects them, or None."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.alarm(_SECONDS)
    try:
        rejected = check(target, data)
    except Hang as exc:
        raise FaultError(f"it took more than {_SECONDS} s") from exc
    finally:
        signal.alarm(0)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if grown > _GROWTH_KIB:
        raise FaultError(f"it took {grown // 1024} MiB of memory")
    return rejected


def site(exc):
    """Return the place in the code that raised an error. Inputs that are rejected at one place are similar."""
    if exc is None:
        return None
    at = exc.__traceback__
    while at.tb_next is not None:
        at = at.tb_next
    cause = type(exc.__cause__).__name__
    return type(exc).__name__, cause, at.tb_frame.f_code.co_name, at.tb_lineno


class Search:
    """The mutated inputs of one target and their results."""

    def __init__(self, name, seed, findings):
        self.name, self.target, self.findings = name, TARGETS[name], findings
        self.random = random.Random(f"{name} {seed}")
        self.inputs = list(self.target.seeds())
        self.seen = set()
        self.counts = Counter()
        for data in self.inputs:
            self.take(data)

    def step(self):
        data = self.target.mutate(self.random, self.random.choice(self.inputs), self.inputs)
        if self.take(data) and len(self.inputs) < _MOST_INPUTS:
            self.inputs.append(data)

    def take(self, data):
        """Run an input. Return whether its result is new."""
        try:
            rejected = guarded(self.target, data)
        except FaultError as exc:
            self.counts["faults"] += 1
            fault = (str(exc)[:60], site(exc.__cause__))
            if fault not in self.seen:
                self.seen.add(fault)
                self.keep(data, exc)
            return False
        self.counts["accepted" if rejected is None else "rejected"] += 1
        place = site(rejected)
        is_new = place not in self.seen
        self.seen.add(place)
        return is_new

    def keep(self, data, exc):
        place = self.findings / self.name / hashlib.sha1(data).hexdigest()[:12]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        print(f"FAULT {place}: {exc}", flush=True)
        traceback.print_exception(exc.__cause__, limit=-4)


def run(names, inputs, seconds, seed, findings):
    """Run this number of inputs on the targets in turns. Return the counts by target."""
    signal.signal(signal.SIGALRM, _stop)
    searches = [Search(name, seed, findings) for name in names]
    start = last = time.monotonic()
    done = 0
    while done < inputs and time.monotonic() - start < seconds:
        # The alarm does not interrupt code that holds the GIL.
        faulthandler.dump_traceback_later(600, exit=True)
        for search in searches:
            for _ in range(100):
                search.step()
            done += 100
        if time.monotonic() - last > 60:
            last = time.monotonic()
            print(f"{done} inputs, {last - start:.0f} s", flush=True)
    faulthandler.cancel_dump_traceback_later()
    return {search.name: search.counts for search in searches}


def run_atheris(name, arguments):
    """Let atheris search inputs of one target, guided by branch coverage."""
    import atheris

    target = TARGETS[name]
    inputs = list(target.seeds())
    corpus = Path(arguments[0]) if arguments else Path("build/fuzz") / name
    corpus.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (corpus / hashlib.sha1(data).hexdigest()[:12]).write_bytes(data)

    def mutator(data, most, seed):
        changed = target.mutate(random.Random(seed), data, inputs) if seed % 2 else atheris.Mutate(data, most)
        return changed[:most]

    atheris.instrument_all()
    atheris.Setup(
        [sys.argv[0], str(corpus), *arguments[1:]],
        lambda data: check(target, data) and None,
        custom_mutator=mutator,
    )
    atheris.Fuzz()


def main():
    parser = argparse.ArgumentParser(description="run zarrcy on hostile input")
    parser.add_argument("--targets", nargs="*", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--inputs", type=int, default=100_000, help="number of inputs for all targets")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--memory", type=int, default=0, help="limit of the address space in MiB; not with a sanitizer"
    )
    parser.add_argument("--findings", type=Path, default=Path("build/fuzz/findings"))
    parser.add_argument(
        "--atheris", metavar="TARGET", choices=list(TARGETS), help="run one target, guided by coverage"
    )
    arguments, rest = parser.parse_known_args()
    warnings.simplefilter("ignore")
    if arguments.atheris:
        run_atheris(arguments.atheris, rest)
        return
    if arguments.memory:
        resource.setrlimit(resource.RLIMIT_AS, (arguments.memory * 2**20,) * 2)
    start = time.monotonic()
    counts = run(arguments.targets, arguments.inputs, arguments.seconds, arguments.seed, arguments.findings)
    total = Counter()
    for name, count in counts.items():
        print(
            f"{name:13}"
            + "  ".join(f"{count[what]:9,} {what}" for what in ("accepted", "rejected", "faults"))
        )
        total += count
    print(f"{sum(total.values()):,} inputs in {time.monotonic() - start:.0f} s, {total['faults']} faults")
    sys.exit(1 if total["faults"] else 0)


if __name__ == "__main__":
    main()
