"""A cache before a store: what it keeps, for how long, and that it never tells what is no longer true."""

import pickle
import threading

import numpy as np
import pytest

import zarrcy
from zarrcy.storage import KVStore, LRUStoreCache, MemoryStore
from zarrcy.storage.base import Store
from zarrcy.testing import CountingStore, FaultyStore


class Slow(Store):
    """A store that writes down what it is asked, and can wait in the middle of it."""

    def __init__(self):
        self.held = {}
        self.asked = []
        self.during = {}
        self.after = {}

    def _ask(self, what, key):
        self.asked.append((what, key))
        self.during.pop((what, key), lambda: None)()

    def __getitem__(self, key):
        value = self.held[key]
        self._ask("get", key)
        return value

    def __setitem__(self, key, value):
        self._ask("set", key)
        self.held[key] = value
        self.after.pop(key, lambda: None)()

    def __delitem__(self, key):
        del self.held[key]
        self._ask("delete", key)

    def __contains__(self, key):
        self._ask("find", key)
        return key in self.held

    def __iter__(self):
        self._ask("list", None)
        return iter(list(self.held))

    def __len__(self):
        return len(self.held)

    def listdir(self, path=""):
        self._ask("listdir", path)
        return zarrcy.storage.listing.list_keys(self.held, path)


@pytest.fixture
def slow():
    store = Slow()
    store.held = {"a/0": b"00", "a/1": b"11", "b": b"22"}
    return store


def test_a_value_is_read_once(slow):
    cache = LRUStoreCache(slow, max_size=None)
    assert [cache["a/0"] for _ in range(3)] == [b"00"] * 3
    assert slow.asked == [("get", "a/0")]
    assert (cache.hits, cache.misses) == (2, 1)


def test_what_is_not_there_is_asked_for_again(slow):
    cache = LRUStoreCache(slow, max_size=None)
    with pytest.raises(KeyError, match="c"):
        cache["c"]
    assert (cache.hits, cache.misses) == (0, 0)
    slow.held["c"] = b"33"
    assert cache["c"] == b"33"


def test_of_many_values_those_that_are_not_kept_are_asked_for_at_once():
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


def test_the_values_that_were_not_used_for_longest_make_room(slow):
    slow.held = {key: bytes(4) for key in "abcd"}
    cache = LRUStoreCache(slow, max_size=10)
    for key in "abac":
        assert cache[key] == bytes(4)
    slow.asked.clear()
    assert cache["a"] == cache["c"] == bytes(4)
    assert slow.asked == []
    assert cache["b"] == bytes(4)
    assert slow.asked == [("get", "b")]


def test_the_values_that_are_kept_are_never_larger_than_allowed(slow):
    cache = LRUStoreCache(slow, max_size=100)
    for i in range(50):
        cache[f"k/{i}"] = np.zeros(i, "i2")
        assert sum(len(value) for value in cache._values.values()) == cache._size <= 100
        cache[f"k/{i}"] = bytes(i)
        assert sum(len(value) for value in cache._values.values()) == cache._size <= 100


def test_a_value_that_is_too_large_drives_out_no_other(slow):
    slow.held["large"] = bytes(101)
    cache = LRUStoreCache(slow, max_size=100)
    assert cache["b"] == b"22"
    assert cache["large"] == bytes(101)
    slow.asked.clear()
    assert cache["b"] == b"22"
    assert slow.asked == []


def test_a_value_that_was_written_is_kept(slow):
    cache = LRUStoreCache(slow, max_size=None)
    value = bytearray(b"new")
    cache["b"] = value
    value[:] = b"xxx"
    assert slow.held["b"] == cache["b"] == b"new"
    assert slow.asked == [("set", "b")]
    del cache["b"]
    assert "b" not in slow.held
    with pytest.raises(KeyError):
        cache["b"]
    with pytest.raises(KeyError):
        del cache["b"]


def test_what_others_write_is_seen_after_it_is_invalidated(slow):
    cache = LRUStoreCache(slow, max_size=None)
    assert (cache["b"], sorted(cache), cache.listdir("a"), "c" in cache) == (
        b"22",
        ["a/0", "a/1", "b"],
        ["0", "1"],
        False,
    )
    slow.held.update({"b": b"new", "a/2": b"new", "c": b"new"})
    assert cache["b"] == b"22"
    assert "c" not in cache
    assert len(cache) == 3
    cache.invalidate_values()
    assert cache["b"] == b"new"
    assert cache.listdir("a") == ["0", "1"]
    cache.invalidate_keys()
    assert cache.listdir("a") == ["0", "1", "2"]
    assert "c" in cache
    slow.held.clear()
    cache.invalidate()
    assert list(cache) == cache.listdir() == []
    assert "b" not in cache


def test_a_listing_is_asked_for_once_until_something_is_written(slow):
    cache = LRUStoreCache(slow, max_size=None)
    for _ in range(3):
        assert cache.listdir("a") == ["0", "1"]
        assert cache.listdir() == ["a", "b"]
        assert sorted(cache) == ["a/0", "a/1", "b"]
        assert "a/0" in cache
        assert "c" not in cache
    assert sorted(slow.asked, key=str) == sorted(
        [("listdir", "a"), ("listdir", ""), ("list", None), ("find", "a/0"), ("find", "c")], key=str
    )
    cache.listdir("a").append("what the caller does with it")
    cache["a/2"] = b""
    assert cache.listdir("a") == ["0", "1", "2"]
    cache.rmdir("a")
    assert cache.listdir() == ["b"]
    cache.rename("b", "c")
    assert sorted(cache) == ["c"]
    assert cache["c"] == b"22"


def test_to_look_for_a_key_does_not_list_them_all(slow):
    cache = LRUStoreCache(slow, max_size=None)
    assert "b" in cache
    assert slow.asked == [("find", "b")]


def test_a_value_that_is_replaced_while_it_is_read_is_not_kept(slow):
    cache = LRUStoreCache(slow, max_size=None)
    slow.during["get", "b"] = lambda: cache.__setitem__("b", b"new")
    assert cache["b"] == b"22", "it was read before"
    assert cache["b"] == slow.held["b"] == b"new"


def test_a_value_that_is_read_while_it_is_replaced_is_not_kept(slow):
    cache = LRUStoreCache(slow, max_size=None)
    seen = []
    slow.during["set", "b"] = lambda: seen.append(cache["b"])
    cache["b"] = b"new"
    assert seen == [b"22"]
    assert cache["b"] == slow.held["b"] == b"new"


def test_of_two_values_that_are_written_at_once_the_one_in_the_store_is_told(slow):
    cache = LRUStoreCache(slow, max_size=None)
    slow.during["set", "b"] = lambda: cache.__setitem__("b", b"inner")
    cache["b"] = b"outer"
    assert cache["b"] == slow.held["b"] == b"outer"
    slow.after["b"] = lambda: cache.__setitem__("b", b"inner")
    cache["b"] = b"outer"
    assert cache["b"] == slow.held["b"] == b"inner"


def test_a_reader_that_began_during_a_write_and_ends_after_it_keeps_nothing(slow):
    cache = LRUStoreCache(slow, max_size=None)
    has_read, may_return = threading.Event(), threading.Event()

    def wait():
        has_read.set()
        assert may_return.wait(30)

    slow.during["get", "b"] = wait
    reader = threading.Thread(target=lambda: cache["b"])

    def read_meanwhile():
        reader.start()
        assert has_read.wait(30)

    slow.during["set", "b"] = read_meanwhile
    cache["b"] = b"new"
    may_return.set()
    reader.join()
    assert cache["b"] == b"new"


def test_keys_that_are_listed_while_one_is_written_are_listed_again(slow):
    cache = LRUStoreCache(slow, max_size=None)
    slow.during["set", "c"] = lambda: (cache.listdir(), "c" in cache, len(cache))
    cache["c"] = b""
    assert cache.listdir() == ["a", "b", "c"]
    assert "c" in cache
    assert len(cache) == 4


def test_keys_that_are_written_while_they_are_listed_are_listed_the_next_time(slow):
    cache = LRUStoreCache(slow, max_size=None)
    slow.during["listdir", "a"] = lambda: cache.__delitem__("b")
    slow.during["find", "c"] = lambda: cache.__setitem__("c", b"")
    cache.listdir("a")
    assert "c" in cache
    assert cache.listdir() == ["a", "c"]


def test_a_write_that_fails_leaves_nothing_in_the_cache():
    store = FaultyStore({"a": b"old"})
    cache = LRUStoreCache(store, max_size=None)
    assert cache["a"] == b"old"
    for change in (lambda: cache.__setitem__("a", b"new"), lambda: cache.__delitem__("a")):
        store.fail_at = store.operations
        with pytest.raises(OSError, match="fails on request"):
            change()
        assert cache["a"] == b"old"


def test_a_pickled_cache_comes_back_without_what_it_kept():
    cache = LRUStoreCache(KVStore({"a": b"1"}), max_size=7)
    assert cache["a"] == b"1"
    again = pickle.loads(pickle.dumps(cache))
    assert again == cache
    assert again["a"] == b"1"
    assert (again.hits, again.misses) == (0, 2)


def test_chunks_of_an_array_are_read_once():
    store = CountingStore()
    zarrcy.array(np.arange(100), chunks=10, store=store)
    cache = LRUStoreCache(store, max_size=2**20)
    array = zarrcy.open_array(cache, mode="r")
    for _ in range(3):
        np.testing.assert_array_equal(array[5:95], np.arange(5, 95))
    assert store.gets == 10


def test_a_cache_can_do_what_its_store_can(tmp_path):
    path = str(tmp_path / "a.zip")
    with zarrcy.storage.ZipStore(path, mode="w", dimension_separator="/") as store:
        cache = LRUStoreCache(store, max_size=None)
        assert not cache.is_erasable()
        assert cache.is_writeable()
        assert cache._dimension_separator == "/"
        cache["a"] = b"1"
        cache.close()
        assert store["a"] == b"1", "the store is closed by whom it belongs to"
    assert not LRUStoreCache(zarrcy.storage.ZipStore(path, mode="r"), None).is_writeable()
