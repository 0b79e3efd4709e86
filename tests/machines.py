"""Machines that compare arrays with NumPy, for each format and several stores."""

import shutil
import tempfile

import zarrcy
from zarrcy.testing import ArrayMachine, CountingStore, FailingArrayMachine, machine_for


class DirectoryMachine(ArrayMachine):
    def make_store(self):
        return zarrcy.DirectoryStore(tempfile.mkdtemp())

    def drop_store(self, store):
        shutil.rmtree(store.path, ignore_errors=True)


class MachineV3(ArrayMachine):
    zarr_format = 3


class DirectoryMachineV3(DirectoryMachine):
    zarr_format = 3


class ShardMachine(MachineV3):
    sharded = True


class RectilinearMachine(MachineV3):
    rectilinear = True


class DraftMachine(ArrayMachine):
    zarr_format = "3-draft"


class DirectoryDraftMachine(DirectoryMachine):
    zarr_format = "3-draft"


class DirectoryRectilinearMachine(DirectoryMachineV3):
    rectilinear = True


class DirectoryShardMachine(DirectoryMachineV3):
    sharded = True


class FailingMachineV3(FailingArrayMachine):
    zarr_format = 3


class FailingShardMachine(FailingMachineV3):
    sharded = True


class FailingRectilinearMachine(FailingMachineV3):
    rectilinear = True


class FailingDirectoryMachine(FailingArrayMachine):
    def make_inner_store(self):
        return zarrcy.DirectoryStore(tempfile.mkdtemp())

    def drop_inner_store(self, store):
        shutil.rmtree(store.path, ignore_errors=True)


MACHINES = {
    "dict": machine_for(dict),
    "MemoryStore": machine_for(zarrcy.MemoryStore),
    "DirectoryStore": DirectoryMachine,
    "mapping": machine_for(CountingStore),
    "dict-v3": MachineV3,
    "DirectoryStore-v3": DirectoryMachineV3,
    "dict-shards": ShardMachine,
    "DirectoryStore-shards": DirectoryShardMachine,
    "dict-rectilinear": RectilinearMachine,
    "DirectoryStore-rectilinear": DirectoryRectilinearMachine,
    "failing-rectilinear": FailingRectilinearMachine,
    "failing": FailingArrayMachine,
    "failing-v3": FailingMachineV3,
    "failing-shards": FailingShardMachine,
    "failing-DirectoryStore": FailingDirectoryMachine,
}
DRAFT_MACHINES = {"dict-draft": DraftMachine, "DirectoryStore-draft": DirectoryDraftMachine}
