"""Machines that compare arrays with NumPy, for each format and several stores."""

import shutil
import tempfile

import zarrcy
from zarrcy.testing import ArrayMachine, CountingStore, machine_for


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


class DraftMachine(ArrayMachine):
    zarr_format = "3-draft"


class DirectoryDraftMachine(DirectoryMachine):
    zarr_format = "3-draft"


class DirectoryShardMachine(DirectoryMachineV3):
    sharded = True


MACHINES = {
    "dict": machine_for(dict),
    "MemoryStore": machine_for(zarrcy.MemoryStore),
    "DirectoryStore": DirectoryMachine,
    "mapping": machine_for(CountingStore),
    "dict-v3": MachineV3,
    "DirectoryStore-v3": DirectoryMachineV3,
    "dict-shards": ShardMachine,
    "DirectoryStore-shards": DirectoryShardMachine,
}
DRAFT_MACHINES = {"dict-draft": DraftMachine, "DirectoryStore-draft": DirectoryDraftMachine}
