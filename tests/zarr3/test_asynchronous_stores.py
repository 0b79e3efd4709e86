"""Any object with the asynchronous interface of zarr-python 3's stores is a store."""

import asyncio
import os

import numpy as np
import pytest

import zarrcy
from zarrcy.errors import ReadOnlyError, StoreArgumentError
from zarrcy.storage.remote.zarr3_store import AsynchronousStore


class Values:
    """A store of another package: coroutines only; it counts how many requests wait at the same time."""

    supports_writes = supports_deletes = supports_listing = True

    def __init__(self, read_only=False):
        self.values, self.read_only = {}, read_only
        self.waiting = self.most_waiting = self.n_reads = 0

    async def get(self, key, prototype, byte_range=None):
        self.n_reads += 1
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        # let the other requests begin
        for _ in range(100):
            await asyncio.sleep(0)
        self.waiting -= 1
        value = self.values.get(key)
        if value is None:
            return None
        if byte_range is not None:
            if hasattr(byte_range, "suffix"):
                value = value[-byte_range.suffix :]
            elif hasattr(byte_range, "offset"):
                value = value[byte_range.offset :]
            else:
                value = value[byte_range.start : byte_range.end]
        return prototype.buffer.from_bytes(value)

    async def set(self, key, value):
        self.values[key] = value.to_bytes()

    async def set_if_not_exists(self, key, value):
        self.values.setdefault(key, value.to_bytes())

    async def exists(self, key):
        return key in self.values

    async def delete(self, key):
        self.values.pop(key, None)

    async def list(self):
        for key in [*self.values]:
            yield key

    async def list_prefix(self, prefix):
        for key in [*self.values]:
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix):
        prefix = f"{prefix}/" if prefix else ""
        for name in sorted({k[len(prefix) :].split("/")[0] for k in self.values if k.startswith(prefix)}):
            yield name


@pytest.mark.parametrize("version", [2, 3])
def test_a_hierarchy_is_written_read_listed_and_deleted(version):
    store = Values()
    group = zarrcy.open_group(store, zarr_format=version)
    group["a/b"] = np.arange(10)
    group["c"] = np.arange(3)
    assert group["a/b"][2:5].tolist() == [2, 3, 4]
    assert sorted(zarrcy.open_group(store, mode="r")) == ["a", "c"]
    del group["a"]
    assert sorted(group) == ["c"]
    assert not any(key.startswith("a/") for key in store.values)
    assert zarrcy.open(store, path="c", mode="r")[:].tolist() == [0, 1, 2]


def test_many_requests_are_in_flight():
    store = Values()
    array = zarrcy.create_array(store, data=np.arange(1000), chunks=10, zarr_format=3)
    store.most_waiting = 0
    assert array[:].tolist() == list(range(1000))
    assert store.most_waiting > 8


def test_a_part_of_a_shard_is_read_with_byte_ranges():
    store = Values()
    data = np.arange(10000, dtype="i4").reshape(100, 100)
    zarrcy.create_array(store, data=data, chunks=(10, 10), shards=(100, 100), compressors=None)
    assert np.array_equal(zarrcy.open_array(store, mode="r")[20:30, 5], data[20:30, 5])


def test_parts_of_values_are_those_that_were_asked_for():
    store = AsynchronousStore(Values())
    store["a"] = b"abcdef"
    ranges = [
        ("a", (1, 2)),
        ("a", (4, None)),
        ("a", (-2, None)),
        ("a", (-3, 1)),
        ("a", (0, 0)),
        ("b", (0, 1)),
    ]
    parts = store.get_partial_values(ranges)
    assert [None if part is None else bytes(part) for part in parts] == [b"bc", b"ef", b"ef", b"d", b"", None]


def test_a_read_only_store_refuses_changes():
    store = Values()
    zarrcy.open_group(store)["a"] = [1]
    store.read_only = True
    with pytest.raises(ReadOnlyError):
        zarrcy.open_group(store)["b"] = [1]
    assert sorted(zarrcy.open_group(store, mode="r")) == ["a"]


def test_an_object_without_the_interface_is_refused():
    with pytest.raises(StoreArgumentError):
        zarrcy.open_group(object())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_reads_with_an_event_loop_of_its_own():
    store = Values()
    array = zarrcy.create_array(store, data=np.arange(10), chunks=2, zarr_format=3)
    child = os.fork()
    if child == 0:
        os._exit(0 if array[:].tolist() == list(range(10)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_program_in_an_event_loop_can_read():
    store = Values()
    array = zarrcy.create_array(store, data=np.arange(10), zarr_format=3)

    async def read():
        return array[:].tolist()

    assert asyncio.run(read()) == list(range(10))


def test_stores_of_zarr_python_3_are_accepted():
    zarr = pytest.importorskip("zarr", minversion="3")
    store = zarr.storage.MemoryStore()
    zarrcy.create_array(store, data=np.arange(100), chunks=10, zarr_format=3)
    assert zarr.open_array(store)[5:8].tolist() == [5, 6, 7]
    assert zarrcy.open_array(store, mode="r")[5:8].tolist() == [5, 6, 7]


def test_sessions_of_icechunk_are_accepted():
    icechunk = pytest.importorskip("icechunk")
    repository = icechunk.Repository.create(icechunk.in_memory_storage())
    session = repository.writable_session("main")
    zarrcy.open_group(session.store, zarr_format=3).create_array("x", data=np.arange(100), chunks=10)
    session.commit("one array")
    stored = zarrcy.open_group(repository.readonly_session("main").store, mode="r")
    assert stored["x"][95:].tolist() == [95, 96, 97, 98, 99]
