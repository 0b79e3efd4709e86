"""LRUStoreCache: what it keeps, for how long, and that it never returns outdated values."""

import pickle
import threading

import numpy as np
import pytest

import zarrcy
from zarrcy.storage import KVStore, LRUStoreCache, MemoryStore, access
from zarrcy.storage.base import Store
from zarrcy.testing import CountingStore, FaultyStore


class Slow(Store):
    """A store that records its requests, and calls functions of the test during or after a request."""

    def __init__(self):
        self.data = {}
        self.requests = []
        self.during = {}
        self.after = {}

    def request(self, kind, key):
        self.requests.append((kind, key))
        self.during.pop((kind, key), lambda: None)()

    def __getitem__(self, key):
        value = self.data[key]
        self.request("get", key)
        return value

    def __setitem__(self, key, value):
        self.request("set", key)
        self.data[key] = value
        self.after.pop(key, lambda: None)()

    def __delitem__(self, key):
        del self.data[key]
        self.request("delete", key)

    def __contains__(self, key):
        self.request("find", key)
        return key in self.data

    def __iter__(self):
        self.request("list", None)
        return iter(list(self.data))

    def __len__(self):
        return len(self.data)

    def listdir(self, path=""):
        self.request("listdir", path)
        return zarrcy.storage.listing.list_keys(self.data, path)


def nbytes_cached(cache, store):
    """Return the total length of the values that the cache returns although the store has none."""
    values, store.data = store.data, {}
    cached = [value for value in map(cache.get, values) if value is not None]
    store.data = values
    return sum(map(len, cached))


@pytest.fixture
def slow():
    store = Slow()
    store.data = {"a/0": b"00", "a/1": b"11", "b": b"22"}
    return store


def test_a_value_is_read_once(slow):
    cache = LRUStoreCache(slow, max_size=None)
    assert [cache["a/0"] for _ in range(3)] == [b"00"] * 3
    assert slow.requests == [("get", "a/0")]
    assert (cache.hits, cache.misses) == (2, 1)


def test_a_missing_key_is_requested_again(slow):
    cache = LRUStoreCache(slow, max_size=None)
    with pytest.raises(KeyError, match="c"):
        cache["c"]
    assert (cache.hits, cache.misses) == (0, 0)
    slow.data["c"] = b"33"
    assert cache["c"] == b"33"


def test_values_that_are_not_cached_are_read_with_one_request():
    batches = []

    class Batched(MemoryStore):
        def getitems(self, keys, *, contexts):
            batches.append(list(keys))
            return {key: self[key] for key in keys if key in self}

    store = Batched({"a": b"1", "b": b"2", "c": b"3"})
    cache = LRUStoreCache(store, max_size=None)
    assert cache["b"] == b"2"
    assert cache.getitems(["a", "b", "nonesuch", "c"]) == {"a": b"1", "b": b"2", "c": b"3"}
    assert batches == [["b"], ["a", "nonesuch", "c"]]
    assert (cache.hits, cache.misses) == (1, 3)


def test_the_least_recently_used_values_are_dropped_first(slow):
    slow.data = {key: bytes(4) for key in "abcd"}
    cache = LRUStoreCache(slow, max_size=10)
    for key in "abac":
        assert cache[key] == bytes(4)
    slow.requests.clear()
    assert cache["a"] == cache["c"] == bytes(4)
    assert slow.requests == []
    assert cache["b"] == bytes(4)
    assert slow.requests == [("get", "b")]


def test_the_cached_values_never_exceed_the_maximum_size(slow):
    cache = LRUStoreCache(slow, max_size=100)
    for i in range(50):
        for value in (np.zeros(i, "i2"), bytes(i)):
            cache[f"k/{i}"] = value
            assert nbytes_cached(cache, slow) == cache.nbytes <= 100
    cache.invalidate_values()
    assert cache.nbytes == 0


def test_a_value_that_is_too_large_for_the_cache_drops_no_other_value(slow):
    slow.data["large"] = bytes(101)
    cache = LRUStoreCache(slow, max_size=100)
    assert cache["b"] == b"22"
    assert cache["large"] == bytes(101)
    slow.requests.clear()
    assert cache["b"] == b"22"
    assert slow.requests == []


def test_a_written_value_is_cached(slow):
    cache = LRUStoreCache(slow, max_size=None)
    value = bytearray(b"new")
    cache["b"] = value
    value[:] = b"xxx"
    assert slow.data["b"] == cache["b"] == b"new"
    assert slow.requests == [("set", "b")]
    del cache["b"]
    assert "b" not in slow.data
    with pytest.raises(KeyError):
        cache["b"]
    with pytest.raises(KeyError):
        del cache["b"]


def test_writes_of_other_stores_are_visible_after_invalidation(slow):
    cache = LRUStoreCache(slow, max_size=None)
    assert (cache["b"], sorted(cache), cache.listdir("a"), "c" in cache) == (
        b"22",
        ["a/0", "a/1", "b"],
        ["0", "1"],
        False,
    )
    slow.data.update({"b": b"new", "a/2": b"new", "c": b"new"})
    assert cache["b"] == b"22"
    assert "c" not in cache
    assert len(cache) == 3
    cache.invalidate_values()
    assert cache["b"] == b"new"
    assert cache.listdir("a") == ["0", "1"]
    cache.invalidate_keys()
    assert cache.listdir("a") == ["0", "1", "2"]
    assert "c" in cache
    slow.data.clear()
    cache.invalidate()
    assert list(cache) == cache.listdir() == []
    assert "b" not in cache


def test_a_listing_is_cached_until_the_next_write(slow):
    cache = LRUStoreCache(slow, max_size=None)
    for _ in range(3):
        assert cache.listdir("a") == ["0", "1"]
        assert cache.listdir() == ["a", "b"]
        assert sorted(cache) == ["a/0", "a/1", "b"]
        assert "a/0" in cache
        assert "c" not in cache
    assert sorted(slow.requests, key=str) == sorted(
        [("listdir", "a"), ("listdir", ""), ("list", None), ("find", "a/0"), ("find", "c")], key=str
    )
    cache.listdir("a").append("a change by the caller")
    cache["a/2"] = b""
    assert cache.listdir("a") == ["0", "1", "2"]
    cache.rmdir("a")
    assert cache.listdir() == ["b"]
    cache.rename("b", "c")
    assert sorted(cache) == ["c"]
    assert cache["c"] == b"22"


def test_looking_for_a_key_does_not_list_all_keys(slow):
    cache = LRUStoreCache(slow, max_size=None)
    assert "b" in cache
    assert slow.requests == [("find", "b")]


def test_a_value_that_is_replaced_while_it_is_read_is_not_cached(slow):
    cache = LRUStoreCache(slow, max_size=None)
    slow.during["get", "b"] = lambda: cache.__setitem__("b", b"new")
    assert cache["b"] == b"22", "the read started before the write"
    assert cache["b"] == slow.data["b"] == b"new"


def test_a_value_that_is_read_while_it_is_replaced_is_not_cached(slow):
    cache = LRUStoreCache(slow, max_size=None)
    seen = []
    slow.during["set", "b"] = lambda: seen.append(cache["b"])
    cache["b"] = b"new"
    assert seen == [b"22"]
    assert cache["b"] == slow.data["b"] == b"new"


def test_after_two_concurrent_writes_the_cache_returns_the_stored_value(slow):
    cache = LRUStoreCache(slow, max_size=None)
    slow.during["set", "b"] = lambda: cache.__setitem__("b", b"inner")
    cache["b"] = b"outer"
    assert cache["b"] == slow.data["b"] == b"outer"
    slow.after["b"] = lambda: cache.__setitem__("b", b"inner")
    cache["b"] = b"outer"
    assert cache["b"] == slow.data["b"] == b"inner"


def test_a_read_that_overlaps_a_write_is_not_cached(slow):
    cache = LRUStoreCache(slow, max_size=None)
    has_read, may_return = threading.Event(), threading.Event()

    def wait():
        has_read.set()
        assert may_return.wait(600)

    slow.during["get", "b"] = wait
    reader = threading.Thread(target=lambda: cache["b"])

    def read_meanwhile():
        reader.start()
        assert has_read.wait(600)

    slow.during["set", "b"] = read_meanwhile
    cache["b"] = b"new"
    may_return.set()
    reader.join()
    assert cache["b"] == b"new"


def test_a_listing_during_a_write_is_not_cached(slow):
    cache = LRUStoreCache(slow, max_size=None)
    slow.during["set", "c"] = lambda: (cache.listdir(), "c" in cache, len(cache))
    cache["c"] = b""
    assert cache.listdir() == ["a", "b", "c"]
    assert "c" in cache
    assert len(cache) == 4


def test_a_key_that_is_written_during_a_listing_is_in_the_next_listing(slow):
    cache = LRUStoreCache(slow, max_size=None)
    slow.during["listdir", "a"] = lambda: cache.__delitem__("b")
    slow.during["find", "c"] = lambda: cache.__setitem__("c", b"")
    cache.listdir("a")
    assert "c" in cache
    assert cache.listdir() == ["a", "c"]


def test_a_failed_write_leaves_no_value_in_the_cache():
    store = FaultyStore({"a": b"old"})
    cache = LRUStoreCache(store, max_size=None)
    assert cache["a"] == b"old"
    for change in (lambda: cache.__setitem__("a", b"new"), lambda: cache.__delitem__("a")):
        store.fail_at = store.operations
        with pytest.raises(OSError, match="fails on request"):
            change()
        assert cache["a"] == b"old"


def test_a_pickled_cache_does_not_include_values():
    cache = LRUStoreCache(KVStore({"a": b"1"}), max_size=7)
    assert cache["a"] == b"1"
    again = pickle.loads(pickle.dumps(cache))
    assert again == cache
    assert again["a"] == b"1"
    assert (again.hits, again.misses) == (0, 2)


def test_each_chunk_of_an_array_is_read_once():
    store = CountingStore()
    zarrcy.array(np.arange(100), chunks=10, store=store)
    cache = LRUStoreCache(store, max_size=2**20)
    array = zarrcy.open_array(cache, mode="r")
    for _ in range(3):
        np.testing.assert_array_equal(array[5:95], np.arange(5, 95))
    assert store.gets == 10


def test_a_cache_has_the_properties_of_its_store(tmp_path):
    path = str(tmp_path / "a.zip")
    with zarrcy.storage.ZipStore(path, mode="w", dimension_separator="/") as store:
        cache = LRUStoreCache(store, max_size=None)
        assert not cache.is_erasable()
        assert cache.is_writeable()
        assert access.dimension_separator(cache) == "/"
        cache["a"] = b"1"
        cache.close()
        assert store["a"] == b"1", "closing the cache leaves the store open"
    assert not LRUStoreCache(zarrcy.storage.ZipStore(path, mode="r"), None).is_writeable()
