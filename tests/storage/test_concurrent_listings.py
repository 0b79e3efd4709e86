"""Listings of a store while other threads add and delete its keys."""

import threading
from collections.abc import MutableMapping

import numpy as np
import pytest

import zarrcy
from zarrcy.storage import KVStore, LRUStoreCache, MemoryStore, Store
from zarrcy.storage.listing import listdir, rename, rmdir


class OfUser(Store):
    """What a user writes: all methods of a mapping are those of a dictionary."""

    def __init__(self):
        self.values = {}

    def __getitem__(self, key):
        return self.values[key]

    def __setitem__(self, key, value):
        self.values[key] = bytes(value)

    def __delitem__(self, key):
        del self.values[key]

    def __iter__(self):
        return iter(self.values)

    def __len__(self):
        return len(self.values)


class Ghosts(MutableMapping):
    """A store that lists keys that do not exist any more: another thread deletes them just after each listing."""

    def __init__(self, keys):
        self.values, self.ghosts = {}, set(keys)

    def __getitem__(self, key):
        return self.values[key]

    def __setitem__(self, key, value):
        self.values[key] = value

    def __delitem__(self, key):
        del self.values[key]

    def __contains__(self, key):
        return key in self.values

    def __iter__(self):
        return iter([*self.values, *(self.ghosts - self.values.keys())])

    def __len__(self):
        return len(self.values)


STORES = {
    "dict": dict,
    "memory": MemoryStore,
    "mapping": lambda: KVStore({}),
    "user": OfUser,
    "cache": lambda: LRUStoreCache({}, max_size=1000),
    "cache of a user's store": lambda: LRUStoreCache(OfUser(), max_size=1000),
}
SOURCE = np.arange(4)


def list_everything(store, group):
    assert "kept" in listdir(store)
    assert "kept" in list(group)
    assert zarrcy.open_array(store, path="kept").nchunks_initialized == 2
    list(store)
    repr(store)
    group.tree()
    repr(group["kept"].info)


def replace(store, group):
    group.create_dataset("own", data=SOURCE, chunks=2, overwrite=True)
    assert group["own"][:].tolist() == [0, 1, 2, 3]
    del group["own"]


def move(store, group):
    group.create_dataset("own", data=SOURCE, chunks=2, overwrite=True)
    group.move("own", "moved")
    assert group["moved"][:].tolist() == [0, 1, 2, 3]
    rename(store, "moved", "again")
    rmdir(store, "again")


def consolidate(store, group):
    zarrcy.consolidate_metadata(store)


def verify(store, group):
    assert not zarrcy.verify(store, "kept").problems


def copy(store, group):
    zarrcy.copy(group["kept"], group, name="copied", if_exists="replace")
    assert group["copied"][:].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("kind", STORES)
def test_a_store_can_be_listed_while_other_threads_add_and_delete_keys(kind, zarr_format, eager_threads):
    store = STORES[kind]()
    group = zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
    group.create_dataset("kept", data=SOURCE, chunks=2)
    failures, stop = [], threading.Event()

    def change():
        for n in range(10**9):
            if stop.is_set():
                return
            store[f"other/{n}"] = b"1"
            if n >= 50:
                del store[f"other/{n - 50}"]

    def run():
        try:
            for task in (list_everything, replace, move, consolidate, verify, copy):
                for _ in range(5):
                    task(store, group)
        except BaseException as exc:
            failures.append(exc)
        finally:
            stop.set()

    threads = [threading.Thread(target=target) for target in (change, run)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_keys_that_are_deleted_during_an_operation_are_left_out():
    below = [f"{prefix}{name}" for prefix in ("", "a/", "a/b/") for name in ("0", ".zarray", "zarr.json")]
    store = Ghosts([*below, "gone/.zarray", "gone/.zgroup", "gone/0"])
    group = zarrcy.open_group(store, mode="w", zarr_format=2)
    group.create_dataset("a", data=SOURCE, chunks=2)
    nbytes = sum(len(value) for key, value in store.values.items() if key.startswith("a/"))
    for kind in (KVStore, lambda values: LRUStoreCache(values, max_size=None)):
        assert kind(store).getsize("a") in (-1, nbytes)
    zarrcy.consolidate_metadata(store)
    assert list(zarrcy.open_consolidated(store)) == ["a"]
    rename(store, "a", "c")
    assert zarrcy.open_array(store, path="c")[:].tolist() == [0, 1, 2, 3]
    rmdir(store, "c")
    rmdir(store, "gone")
    assert sorted(store.values) == [".zgroup", ".zmetadata"]


def test_an_error_of_a_users_listing_is_raised():
    class Failing(OfUser):
        def __iter__(self):
            raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        listdir(KVStore(Failing()))
