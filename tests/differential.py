"""Apply random operations to arrays and to a NumPy model: ``python -m differential``, in ``tests``.

These are the machines of the test suite, with another seed and for a number of operations. After each operation the
whole array, its documents, the keys of its store and the report of `zarrcy.verify` are compared with the model.
"""

import argparse
import itertools
import random
import time

import hypothesis
from builds import BUILDS, using
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test
from machines import DRAFT_MACHINES, MACHINES

_SETTINGS = settings(
    max_examples=40,
    stateful_step_count=50,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


def run(machine, seed):
    """Run a machine on arrays made with a seed. Return the number of operations."""
    operations = 0

    class Counting(machine):
        @invariant()
        def count(self):
            nonlocal operations
            operations += 1

    Counting.__name__ = Counting.__qualname__ = machine.__name__
    run_state_machine_as_test(hypothesis.seed(seed)(Counting), settings=_SETTINGS)
    return operations


def main():
    parser = argparse.ArgumentParser(description="compare random operations with NumPy")
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--machine", help="only machines whose names contain this text")
    arguments = parser.parse_args()
    machines = {
        name: machine
        for name, machine in {**MACHINES, **DRAFT_MACHINES}.items()
        if not arguments.machine or arguments.machine in name
    }
    chance = random.Random(arguments.seed)
    start = time.monotonic()
    done = 0
    for name, kernels in itertools.cycle(itertools.product(machines, BUILDS)):
        if done >= arguments.operations:
            break
        with using(BUILDS[kernels]):
            done += run(machines[name], chance.getrandbits(32))
        print(f"{time.monotonic() - start:5.0f} s  {done} operations  {name}, {kernels} kernels", flush=True)
    print(f"{done} operations without a difference")


if __name__ == "__main__":
    main()
