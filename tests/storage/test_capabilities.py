"""A user's own store can have all capabilities of the stores of the package. Requests are counted."""

import threading

import numpy as np
import pytest

import zarrcy
from zarrcy.storage import (
    DirectoryStore,
    KVStore,
    MemoryStore,
    NestedDirectoryStore,
    Store,
    access,
    byte_ranges,
)


class Plain(Store):
    """A store without capabilities, which records the calls of its methods."""

    def __init__(self):
        self.values = {}
        self.calls = []

    def __getitem__(self, key):
        self.calls.append(("read", key))
        return self.values[key]

    def __setitem__(self, key, value):
        self.calls.append(("write", key))
        self.values[key] = bytes(value)

    def __delitem__(self, key):
        self.calls.append(("delete", key))
        del self.values[key]

    def __iter__(self):
        return iter(self.values)

    def __len__(self):
        return len(self.values)


class Batched(Plain):
    def getitems(self, keys):
        self.calls.append(("read many", len(keys)))
        return {key: self.values[key] for key in keys if key in self.values}

    def setitems(self, values):
        self.calls.append(("write many", len(values)))
        self.values.update(values)

    def delitems(self, keys):
        self.calls.append(("delete many", len(keys)))
        for key in keys:
            self.values.pop(key, None)


class Ranged(Plain):
    def get_partial_values(self, key_ranges):
        self.calls.append(("read ranges", len(key_ranges)))
        return [bytes(byte_ranges.cut(memoryview(self.values[key]), span)) for key, span in key_ranges]


def declares(kind, **answers):
    """Return a class of its own that declares capabilities: name of the method -> what it returns."""
    methods = {name: (lambda self, *args, answer=answer: answer) for name, answer in answers.items()}
    methods |= {name: vars(kind)[name] for name in ("__getitem__", "__setitem__") if name in vars(kind)}
    return type("Declaring", (kind,), methods)


def written(store, **options):
    options = {"chunks": 10, "compressor": None} | options
    array = zarrcy.array(np.arange(40, dtype="i4"), store=store, **options)
    if isinstance(store, Plain):
        store.calls.clear()
    return array


@pytest.mark.parametrize("name", ["is_local", "is_thread_safe", "is_in_memory"])
def test_a_store_can_declare_its_properties(name):
    has_property = getattr(access, name)
    assert not has_property(Plain())
    assert not getattr(Plain(), name)()
    assert has_property(declares(Plain, **{name: True})())
    assert not has_property(declares(Plain, **{name: False})())
    assert has_property(KVStore(declares(Plain, **{name: True})()))
    for store in ({}, KVStore({}), MemoryStore()):
        assert has_property(store)
    assert KVStore({}).is_local()
    assert KVStore({}).is_thread_safe()
    assert KVStore({}).is_in_memory()


def test_a_mapping_that_is_not_a_store_can_declare_its_properties():
    class Mapping(dict):
        def is_thread_safe(self):
            return True

    assert access.is_thread_safe(Mapping())
    assert not access.is_local(Mapping())


def test_a_local_store_in_memory_counts_as_local():
    assert access.is_local(declares(Plain, is_in_memory=True)())


def test_a_thread_safe_store_is_read_by_several_threads():
    class Threaded(Plain):
        def __getitem__(self, key):
            self.threads.add(threading.get_ident())
            if self.is_read and len(self.threads) < 2:
                # wait for the other thread, so that the test does not depend on how fast threads start
                self.both.wait(600)
            if len(self.threads) > 1:
                self.both.set()
            return super().__getitem__(key)

    store = declares(Threaded, is_thread_safe=True)()
    store.threads, store.both, store.is_read = set(), threading.Event(), False
    values = np.arange(2**20)
    array = zarrcy.array(values, store=store, chunks=2**17)
    store.threads.clear()
    store.both.clear()
    store.is_read = True
    with zarrcy.use_threads(2):
        np.testing.assert_array_equal(array[:], values)
    assert len(store.threads) == 2


def test_a_batched_store_gets_one_request_for_all_chunks():
    store = Batched()
    array = written(store)
    array[:] = 1
    assert store.calls == [("write many", 4)]
    store.calls.clear()
    assert array[:].sum() == 40
    assert store.calls == [("read many", 4)]
    store.calls.clear()
    array.resize(10)
    assert ("delete many", 3) in store.calls


def test_a_subclass_that_overrides_the_method_for_one_key_is_used_key_by_key():
    class Upper(Batched):
        def __getitem__(self, key):
            return super().__getitem__(key).upper()

        def __setitem__(self, key, value):
            super().__setitem__(key, value.lower())

        def __delitem__(self, key):
            super().__delitem__(key)

    store = Upper()
    access.writer(store)({"a": b"X", "b": b"Y"})
    assert store.values == {"a": b"x", "b": b"y"}
    assert access.reader(store)(["a", "b"]) == [b"X", b"Y"]
    access.deleter(store)(["a", "nonesuch"])
    assert [call for call, _ in store.calls] == ["write", "write", "read", "read", "delete", "delete"]


def test_a_ranged_store_reads_only_the_parts_of_a_shard():
    store = Ranged()
    array = zarrcy.create(
        4000, chunks=1000, shards=4000, dtype="i4", compressor=None, store=store, zarr_version=3
    )
    array[:] = np.arange(4000)
    store.calls.clear()
    assert array[1234] == 1234
    assert {call for call, _ in store.calls} == {"read ranges"}


def test_a_store_with_files_is_read_on_the_native_path(tmp_path):
    class Filed(Plain):
        def __init__(self, path):
            super().__init__()
            self.values = DirectoryStore(path)

        def file_prefix(self):
            return f"{self.values.path}/"

    store = Filed(tmp_path)
    array = written(store)
    assert access.directory_of(store) == f"{tmp_path}/"
    assert isinstance(access.files_of(store), DirectoryStore)
    if zarrcy._kernels.compiled is not None:
        assert array[:].sum() == sum(range(40))
        assert store.calls == []


def test_a_store_can_report_sizes_without_reading_values():
    class Sized(Plain):
        def value_nbytes(self, key):
            return len(self.values[key]) if key in self.values else None

    store = Sized()
    store.values["a"] = b"xyz"
    assert access.sizes(store)(["a", "b"]) == [3, None]
    assert access.sizes(Plain()) is None
    assert access.sizes({"a": b"xy"})(["a", "b"]) == [2, None]
    assert store.calls == []


def test_a_store_can_rename_a_key_with_one_request():
    class Renaming(Plain):
        def rename_key(self, key, new):
            self.calls.append(("rename", key))
            self.values[new] = self.values.pop(key)

    for kind, calls in ((Renaming, ["rename"]), (Plain, ["read", "write", "delete"])):
        store = kind()
        store.values["a"] = b"x"
        access.move_value(store, "a", "b")
        assert store.values == {"b": b"x"}
        assert [call for call, _ in store.calls] == calls


def test_stores_with_a_common_name_share_their_locks():
    first, second = declares(Plain, identities=("bucket/",))(), declares(Plain, identities=("bucket/",))()
    assert access.identities(first) == access.identities(second) == ("bucket/",)
    assert access.identities(Plain(), "a/") == ("a/",)
    mapping = {}
    assert access.identities(KVStore(mapping)) == access.identities(mapping) != access.identities({})


def test_a_wrapper_that_passes_everything_on_is_bypassed():
    class Wrapper(Plain):
        def unwrapped(self):
            return self.values

        def __getitem__(self, key):
            raise AssertionError("the wrapped mapping must be used")

    store = Wrapper()
    assert access.mapping_of(store) is store.values
    store.values["a"] = b"x"
    assert access.reader(store)(["a"]) == [b"x"]


@pytest.mark.parametrize("kind", [DirectoryStore, NestedDirectoryStore])
@pytest.mark.parametrize("method", ["__getitem__", "__setitem__", "__delitem__", "get", "listdir", "rmdir"])
def test_methods_that_a_subclass_of_a_directory_store_overrides_are_called(tmp_path, kind, method):
    changed = type("Changed", (kind,), {method: getattr(kind, method)})
    same = type("Same", (kind,), {})
    assert access.directory_of(same(tmp_path)) == f"{tmp_path}/"
    assert access.directory_of(changed(tmp_path)) is None
    assert not access.is_local(changed(tmp_path))
    # its values are still files of that directory
    assert access.identities(changed(tmp_path)) == access.identities(same(tmp_path))


def test_a_dictionary_with_a_missing_method_is_read_with_brackets():
    class Zeros(dict):
        def __missing__(self, key):
            return b"0"

    assert access.get(Zeros(), "a") == b"0"
    assert access.reader(Zeros())(["a"]) == [b"0"]
