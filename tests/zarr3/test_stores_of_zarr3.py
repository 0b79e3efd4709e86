"""The store classes of zarr-python 3: mappings, with asynchronous methods, accepted wherever a store is."""

import asyncio
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

import zarrcy
from zarrcy.errors import ReadOnlyError
from zarrcy.storage import (
    FsspecStore,
    LocalStore,
    LoggingStore,
    ManagedMemoryStore,
    StorePath,
    WrapperStore,
)
from zarrcy.storage.zarr3.stores import MemoryStore, ObjectStore, ZipStore


def local(path):
    return LocalStore(path / "local")


def memory(path):
    return MemoryStore()


def managed(path):
    return ManagedMemoryStore(f"named-{path.name}", path="below")


def zipped(path):
    return ZipStore(path / "a.zip", mode="w")


def wrapping(path):
    return WrapperStore(MemoryStore())


def logging(path):
    return LoggingStore(MemoryStore(), log_level="ERROR")


def fsspec(path):
    pytest.importorskip("fsspec")
    return FsspecStore.from_url(f"file://{path / 'fsspec'}")


def objects(path):
    obstore = pytest.importorskip("obstore")
    return ObjectStore(obstore.store.MemoryStore())


KINDS = [local, memory, managed, zipped, wrapping, logging, fsspec, objects]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@every_kind
def test_each_store_holds_a_hierarchy(kind, tmp_path):
    store = kind(tmp_path)
    group = zarrcy.open_group(store)
    group["a/b"] = np.arange(10)
    assert zarrcy.open_group(store, mode="r")["a/b"][:].tolist() == list(range(10))
    assert group.store is store
    assert sorted(zarrcy.open_group(store)) == ["a"]


@every_kind
def test_each_store_is_a_mapping_and_answers_coroutines(kind, tmp_path):
    store = kind(tmp_path)

    async def use():
        await store.set("a/0", b"abcdef")
        await store.set_if_not_exists("a/0", b"other")
        await store.set("b", b"x")
        assert await store.exists("a/0")
        assert not await store.exists("a/1")
        assert [key async for key in store.list_prefix("a/")] == ["a/0"]
        assert sorted([name async for name in store.list_dir("")]) == ["a", "b"]
        assert await store.is_empty("c")
        if store.supports_deletes:
            await store.delete("b")
            await store.delete("b")
            assert "b" not in store

    asyncio.run(use())
    assert bytes(store["a/0"]) == b"abcdef"
    assert bytes(store.get("a/0", byte_range=SimpleNamespace(start=1, end=3))) == b"bc"
    assert bytes(store.get("a/0", byte_range=SimpleNamespace(offset=4))) == b"ef"
    assert bytes(store.get("a/0", byte_range=SimpleNamespace(suffix=2))) == b"ef"
    assert store.get("missing") is None


def test_a_prototype_makes_a_read_awaitable():
    store = MemoryStore({"a": b"x"})
    prototype = SimpleNamespace(buffer=SimpleNamespace(from_bytes=bytearray), nd_buffer=None)

    async def read():
        return await store.get("a", prototype), await store.get("b", prototype=prototype)

    assert asyncio.run(read()) == (bytearray(b"x"), None)


@pytest.mark.parametrize("kind", [local, memory, managed, fsspec, objects], ids=lambda kind: kind.__name__)
def test_a_read_only_store_refuses_each_change(kind, tmp_path):
    store = kind(tmp_path)
    zarrcy.open_group(store)["a"] = [1, 2, 3]
    frozen = store.with_read_only(True)
    assert frozen.read_only
    assert not store.read_only
    array = zarrcy.open_array(frozen, path="a")
    assert array[:].tolist() == [1, 2, 3]
    with pytest.raises((ReadOnlyError, ValueError)):
        array[:] = 0
    with pytest.raises(ValueError, match="read-only"):
        asyncio.run(frozen.set("x", b""))
    with pytest.raises(ValueError, match="read-only"):
        zarrcy.create_array(frozen, name="b", shape=3, dtype="i4")
    assert zarrcy.open_array(store, path="a")[:].tolist() == [1, 2, 3]


@pytest.mark.parametrize("kind", [local, memory, managed, fsspec], ids=lambda kind: kind.__name__)
def test_a_store_survives_pickling(kind, tmp_path):
    store = kind(tmp_path)
    store["a"] = b"x"
    again = pickle.loads(pickle.dumps(store))
    assert again == store
    assert bytes(again["a"]) == b"x"


def test_a_zip_store_keeps_what_was_written_when_it_is_closed_and_opened_again(tmp_path):
    store = ZipStore(tmp_path / "a.zip", mode="w")
    zarrcy.open_group(store)["a"] = [1, 2, 3]
    store.close()
    zarrcy.open_group(store)["b"] = [4]
    store.close()
    assert sorted(zarrcy.open_group(ZipStore(tmp_path / "a.zip"), mode="r")) == ["a", "b"]


def test_a_logging_store_counts_requests():
    store = LoggingStore({}, log_level="ERROR")
    zarrcy.zeros(4, chunks=2, store=store)[:] = 1
    assert store.counter["set"] == 3


@pytest.mark.parametrize("function", ["zeros", "create_array", "open_group", "save"])
def test_a_path_in_a_store_is_accepted_wherever_a_store_is(function, tmp_path):
    place = StorePath(LocalStore(tmp_path), "a") / "b"
    if function == "zeros":
        zarrcy.zeros(3, store=place)
    elif function == "create_array":
        zarrcy.create_array(place, shape=3, dtype="i4")
    elif function == "open_group":
        zarrcy.open_group(place)
    else:
        zarrcy.save(place, np.zeros(3))
    assert zarrcy.open(tmp_path, mode="r", path="a/b") is not None


def test_stores_in_memory_are_found_by_name_while_one_exists():
    store = ManagedMemoryStore("found by name")
    store["a"] = b"x"
    assert ManagedMemoryStore.from_url("memory://found by name")["a"] == b"x"
    del store
    with pytest.raises(ValueError, match="no store"):
        ManagedMemoryStore.from_url("memory://found by name")
