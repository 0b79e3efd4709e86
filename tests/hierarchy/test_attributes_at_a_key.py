"""`Attributes(store, key)`: the attributes in a document at any key of a store, without an array or a group."""

import json
import threading

import pytest
from zarrcy.attrs import Attributes

import zarrcy as zarr
from zarrcy.errors import MetadataError
from zarrcy.storage import DirectoryStore, KVStore

KEYS = [".zattrs", "a/b/.zattrs", "any name"]


class Counting(dict):
    """A mapping that counts reads and writes."""

    reads = writes = 0

    def __getitem__(self, key):
        self.reads += 1
        return super().__getitem__(key)

    def get(self, key, default=None):
        self.reads += 1
        return super().get(key, default)

    def __setitem__(self, key, value):
        self.writes += 1
        super().__setitem__(key, value)


@pytest.mark.parametrize("key", KEYS)
def test_attributes_at_a_key_are_the_members_of_its_document(key):
    store = {}
    attrs = Attributes(store, key)
    assert dict(attrs) == {}
    assert store == {}
    attrs["units"] = "K"
    attrs.update(levels=[1, 2])
    assert json.loads(store[key]) == {"units": "K", "levels": [1, 2]}
    del attrs["units"]
    assert dict(Attributes(store=store, key=key)) == {"levels": [1, 2]}
    attrs.put({"title": "demo"})
    assert json.loads(store[key]) == {"title": "demo"}


def test_the_store_of_attributes_is_the_store_object_that_an_array_would_have(tmp_path):
    assert isinstance(Attributes({}).store, KVStore)
    assert isinstance(Attributes(str(tmp_path)).store, DirectoryStore)
    z = zarr.zeros(3)
    assert z.attrs.store is z.store
    assert z.attrs.key == ".zattrs"


def test_attributes_at_the_key_of_a_node_are_those_of_the_node():
    store = {}
    z = zarr.zeros(3, store=store, path="a")
    Attributes(store, "a/.zattrs")["units"] = "K"
    assert dict(z.attrs) == {"units": "K"}


@pytest.mark.parametrize("cache", [True, False])
def test_attributes_are_read_once_unless_they_are_not_cached(cache):
    store = Counting({".zattrs": b'{"a": 1}'})
    attrs = Attributes(store, cache=cache)
    assert [attrs["a"] for _ in range(3)] == [1, 1, 1]
    assert store.reads == (1 if cache else 3)


def test_refresh_reads_at_once_what_another_writer_stored():
    store = Counting({".zattrs": b'{"a": 1}'})
    attrs = Attributes(store)
    assert attrs["a"] == 1
    store[".zattrs"] = b'{"a": 2}'
    attrs.refresh()
    n_reads = store.reads
    assert attrs["a"] == 2
    assert store.reads == n_reads


def test_read_only_attributes_do_not_change():
    store = {".zattrs": b'{"a": 1}'}
    attrs = Attributes(store, read_only=True)
    for change in (
        lambda: attrs.update(a=2),
        lambda: attrs.put({}),
        lambda: attrs.__setitem__("a", 2),
        lambda: attrs.__delitem__("a"),
    ):
        with pytest.raises(PermissionError):
            change()
    assert store == {".zattrs": b'{"a": 1}'}


def test_changes_are_made_under_the_lock_of_their_key():
    locks = {}

    class Locks(dict):
        def __missing__(self, key):
            return locks.setdefault(key, threading.Lock())

    Attributes({}, "a/.zattrs", synchronizer=Locks())["x"] = 1
    assert list(locks) == ["a/.zattrs"]


def test_threads_that_change_attributes_at_one_key_lose_nothing():
    store = {}

    def write(number):
        for n in range(20):
            Attributes(store)[f"{number}.{n}"] = n

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Attributes(store)) == 80


def test_a_name_that_is_not_text_is_converted_with_the_warning_of_zarr_python():
    attrs = Attributes({})
    with pytest.warns(DeprecationWarning, match="only attribute keys of type 'string' will be allowed"):
        attrs[1] = "a"
    assert dict(attrs) == {"1": "a"}


@pytest.mark.parametrize("document", [b"[1]", b"{", b"1"])
def test_a_document_that_is_not_an_object_is_an_error_with_its_key(document):
    with pytest.raises(MetadataError, match=r"\.zattrs"):
        Attributes({".zattrs": document}).asdict()
