"""A hierarchy in any store behaves like a model made of dictionaries, after any sequence of changes."""

import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

import zarrcy
from zarrcy.testing import CountingStore, HierarchyMachine, hierarchy_machine_for


class DirectoryMachine(HierarchyMachine):
    def make_store(self):
        return zarrcy.DirectoryStore(tempfile.mkdtemp())

    def drop_store(self, store):
        shutil.rmtree(store.path, ignore_errors=True)


class DraftMachine(HierarchyMachine):
    zarr_format = "3-draft"


class DirectoryDraftMachine(DirectoryMachine):
    zarr_format = "3-draft"


class BatchedStore(zarrcy.MemoryStore):
    """A store that reads many keys in one request."""

    def getitems(self, keys):
        return {key: self[key] for key in keys if key in self}


MACHINES = {
    "dict": hierarchy_machine_for(dict),
    "MemoryStore": hierarchy_machine_for(zarrcy.MemoryStore),
    "DirectoryStore": DirectoryMachine,
    "mapping": hierarchy_machine_for(CountingStore),
    "batched": hierarchy_machine_for(BatchedStore),
}
in_every_store = pytest.mark.parametrize("machine", list(MACHINES.values()), ids=list(MACHINES))
in_the_draft = pytest.mark.parametrize("machine", [DraftMachine, DirectoryDraftMachine])
QUICK = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
QUICKER = settings(QUICK, max_examples=12)
THOROUGH = settings(QUICK, max_examples=300, stateful_step_count=50)


@in_every_store
def test_a_hierarchy_equals_its_model_after_any_steps(machine):
    run_state_machine_as_test(machine, settings=QUICK)


@in_the_draft
def test_a_hierarchy_of_the_draft_equals_its_model_after_any_steps(machine):
    run_state_machine_as_test(machine, settings=QUICKER)


@pytest.mark.slow
@in_the_draft
def test_a_hierarchy_of_the_draft_equals_its_model_after_many_steps(machine):
    run_state_machine_as_test(machine, settings=THOROUGH)


@pytest.mark.slow
@in_every_store
def test_a_hierarchy_equals_its_model_after_many_steps(machine):
    run_state_machine_as_test(machine, settings=THOROUGH)


class StoreThatKeepsAKey(zarrcy.MemoryStore):
    """A store that leaves one key behind when many are deleted."""

    def rmdir(self, path=""):
        last = max((key for key in self if key.startswith(f"{path}/")), default=None)
        kept = {} if last is None else {last: self[last]}
        super().rmdir(path)
        self.update(kept)


class StoreThatHidesAName(zarrcy.MemoryStore):
    """A store that does not list the last of many names."""

    def listdir(self, path=""):
        names = super().listdir(path)
        return names[:-1] if len(names) > 3 else names


class StoreThatOverwrites(zarrcy.MemoryStore):
    """A store whose `setdefault` replaces what is there."""

    def setdefault(self, key, default=None):
        self[key] = default
        return default

    def __contains__(self, key):
        return super().__contains__(key) and not str(key).endswith(".zarray")


@pytest.mark.parametrize("store", [StoreThatKeepsAKey, StoreThatHidesAName, StoreThatOverwrites])
def test_the_machine_finds_a_store_that_breaks_its_contract(store):
    # the example is not shrunk, because the test needs only that there is one
    many = settings(QUICK, max_examples=300, database=None, derandomize=True, phases=[Phase.generate])
    with pytest.raises((AssertionError, KeyError, ValueError, ExceptionGroup)):
        run_state_machine_as_test(hierarchy_machine_for(store), settings=many)
