"""After any sequence of operations, in any store, an array equals a NumPy array."""

import sys

import numpy as np
import pytest
from builds import on_both_kernels, using
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machines import DRAFT_MACHINES, MACHINES

import zarrcy
from zarrcy import errors
from zarrcy.testing import FailingArrayMachine, FaultyStore, machine_for

in_every_store = pytest.mark.parametrize("machine", list(MACHINES.values()), ids=list(MACHINES))
of_the_draft = pytest.mark.parametrize("machine", list(DRAFT_MACHINES.values()), ids=list(DRAFT_MACHINES))
QUICK = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
QUICKER = settings(QUICK, max_examples=15)
THOROUGH = settings(QUICK, max_examples=150, stateful_step_count=50)


@on_both_kernels
@in_every_store
def test_an_array_equals_its_model_after_any_steps(machine, kernels):
    with using(kernels):
        run_state_machine_as_test(machine, settings=QUICK)


@of_the_draft
def test_an_array_in_the_draft_equals_its_model_after_any_steps(machine):
    run_state_machine_as_test(machine, settings=QUICKER)


@pytest.mark.slow
@of_the_draft
def test_an_array_in_the_draft_equals_its_model_after_many_steps(machine):
    run_state_machine_as_test(machine, settings=THOROUGH)


@pytest.mark.slow
@on_both_kernels
@in_every_store
def test_an_array_equals_its_model_after_many_steps(machine, kernels):
    with using(kernels):
        run_state_machine_as_test(machine, settings=THOROUGH)


class Forgetful(dict):
    """A store that loses each write to an existing chunk."""

    def __setitem__(self, key, value):
        if key not in self or key.rsplit("/", 1)[-1].startswith(".z"):
            super().__setitem__(key, value)


class Undeleting(dict):
    """A store that does not delete."""

    def __delitem__(self, key):
        self[key]


class Swapping(zarrcy.MemoryStore):
    """A store that changes one bit of each value."""

    def __setitem__(self, key, value):
        if not key.rsplit("/", 1)[-1].startswith(".z"):
            value = bytes(value[:-1]) + bytes([value[-1] ^ 1])
        super().__setitem__(key, value)


@pytest.mark.parametrize("store", [Forgetful, Undeleting, Swapping])
def test_the_machine_detects_a_faulty_store(store):
    # skip shrinking: only the detection matters here
    many = settings(QUICK, max_examples=300, database=None, derandomize=True, phases=[Phase.generate])
    with pytest.raises((AssertionError, errors.ChunkDecodeError, ExceptionGroup)):
        run_state_machine_as_test(machine_for(store), settings=many)


class Torn(FaultyStore):
    """A store whose failed writes leave half a value."""

    def __setitem__(self, key, value):
        try:
            super().__setitem__(key, value)
        except OSError:
            self.inner[key] = bytes(value)[: len(value) // 2]
            raise


class TornMachine(FailingArrayMachine):
    def make_store(self):
        return Torn({})


def test_the_failing_machine_detects_values_that_are_torn():
    many = settings(QUICK, max_examples=300, database=None, derandomize=True, phases=[Phase.generate])
    with pytest.raises((AssertionError, errors.ZarrcyError, ValueError, ExceptionGroup)):
        run_state_machine_as_test(TornMachine, settings=many)


@on_both_kernels
@pytest.mark.parametrize("compressor", [None, "default"])
def test_a_write_that_fails_leaves_each_chunk_old_or_new(kernels, compressor):
    before, after = np.arange(20).reshape(4, 5), -np.arange(1, 13).reshape(3, 4)
    n_failed = 0
    for fail_at in range(100):
        store = FaultyStore({})
        with using(kernels):
            a = zarrcy.array(before, chunks=2, store=store, compressor=compressor)
        store.operations, store.fail_at = 0, fail_at
        try:
            a[1:, 1:] = after
        except OSError:
            n_failed += 1
        else:
            break
        expected = before.copy()
        expected[1:, 1:] = after
        for i in range(0, 4, 2):
            for j in range(0, 5, 2):
                chunk = (slice(i, i + 2), slice(j, j + 2))
                found = a[chunk]
                assert (found == before[chunk]).all() or (found == expected[chunk]).all()
        a[1:, 1:] = after
        np.testing.assert_array_equal(a[...], expected)
    assert n_failed == 10, "4 chunks are read and 6 are written"


def test_the_machine_without_hypothesis_raises_an_error_that_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    for name in ("machine", "strategies"):
        monkeypatch.delitem(sys.modules, f"zarrcy.testing.{name}", raising=False)
        monkeypatch.delattr(f"zarrcy.testing.{name}", raising=False)
    with pytest.raises(errors.MissingExtraError, match=r"pip install 'zarrcy\[testing\]'"):
        zarrcy.testing.ArrayMachine
