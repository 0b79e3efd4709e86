"""What programs for zarr-python 2 expect of stores: paths that are not keys, sizes, deprecated names."""

import pickle
import warnings
import zipfile
from collections.abc import MutableMapping

import pytest

import zarrcy as zarr
from zarrcy import errors, storage
from zarrcy.storage import (
    ConsolidatedMetadataStore,
    DBMStore,
    DirectoryStore,
    FSStore,
    KVStore,
    LRUStoreCache,
    MemoryStore,
    N5Store,
    SQLiteStore,
    Store,
    ZipStore,
)

STORES = {
    "mapping": lambda path: KVStore({}),
    "memory": lambda path: MemoryStore(),
    "directory": lambda path: DirectoryStore(path / "s"),
    "zip": lambda path: ZipStore(path / "s.zip", mode="w"),
    "SQLite": lambda path: SQLiteStore(str(path / "s.db")),
    "DBM": lambda path: DBMStore(str(path / "s")),
    "N5": lambda path: N5Store(path / "s.n5"),
    "fsspec": lambda path: FSStore(f"memory://{path.name}"),
    "cache": lambda path: LRUStoreCache(DirectoryStore(path / "s"), max_size=None),
}


class Opaque(MutableMapping):
    """A mapping of a user that has none of the methods of a store."""

    def __init__(self):
        self.values_of = {}

    def __getitem__(self, key):
        return self.values_of[key]

    def __setitem__(self, key, value):
        self.values_of[key] = value

    def __delitem__(self, key):
        del self.values_of[key]

    def __iter__(self):
        return iter(self.values_of)

    def __len__(self):
        return len(self.values_of)


@pytest.mark.parametrize("kind", STORES)
def test_the_path_of_a_folder_is_not_a_key(kind, tmp_path):
    with STORES[kind](tmp_path) as store:
        zarr.create(3, store=store, path="c/e")[:] = 1
        for path in ("c", "c/", "c/e", "c/e/", "c/e/0/", "nonesuch/"):
            assert path not in store
        assert "c/e/0" in store


def test_a_folder_without_a_value_is_a_member_of_a_zip_archive(tmp_path):
    path = tmp_path / "s.zip"
    with ZipStore(path, mode="w") as store:
        store["foo"] = b"bar"
        store["baz/"] = b""
        store["baz/"] = b""
        assert list(store) == ["foo"]
        with pytest.raises(errors.KeyPathError):
            store["quux/"] = b"x"
        with pytest.raises(errors.KeyPathError):
            store["../baz/"] = b""
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["foo", "baz/"]
        assert archive.getinfo("baz/").is_dir()
        assert oct(archive.getinfo("baz/").external_attr >> 16) == "0o40775"


def test_a_directory_store_at_a_file_raises_the_error_of_zarr_python_and_of_the_system(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    for kind in (ValueError, NotADirectoryError, zarr.errors.FSPathExistNotDir):
        with pytest.raises(kind, match="file"):
            DirectoryStore(path)
    with pytest.raises(ValueError) as info:
        DirectoryStore(path)
    assert str(pickle.loads(pickle.dumps(info.value))) == str(info.value)


@pytest.mark.parametrize("make", [Opaque, dict, lambda: KVStore({}), lambda: KVStore(Opaque())])
def test_values_of_a_mapping_are_measured(make):
    store = make()
    z = zarr.zeros(1000, chunks=100, store=store, compressor=None)
    z[:] = 42
    assert z.nbytes_stored == sum(len(bytes(value)) for value in store.values())
    assert storage.getsize(store, "0") == 800
    store["foo"] = list(range(10))
    assert z.nbytes_stored == -1
    store["foo"] = None
    assert storage.getsize(store) == -1


@pytest.mark.parametrize("kind", STORES)
def test_nothing_is_stored_below_a_value(kind, tmp_path):
    with STORES[kind](tmp_path) as store:
        zarr.create(3, store=store, path="c")[:] = 1
        for path in ("nonesuch", "c/nonesuch", "c/0/x", "c/0/x/y"):
            assert storage.getsize(store, path) in (0, -1)
            assert storage.listdir(store, path) == []


def test_what_is_not_a_mapping_has_no_size():
    assert storage.getsize(object()) == -1


def test_a_store_that_does_not_know_sizes_is_not_read():
    class Sizeless(Opaque, Store):
        pass

    assert zarr.zeros(3, store=Sizeless()).nbytes_stored == -1


def test_a_wrapped_mapping_is_equal_only_to_another_one():
    assert KVStore({}) == KVStore({})
    assert KVStore({"a": b"1"}) != KVStore({})
    assert KVStore({}) != {}
    assert KVStore({}) != {}
    assert KVStore({}) != MemoryStore()


def test_dict_store_is_a_memory_store_with_a_deprecation_warning():
    with pytest.warns(DeprecationWarning, match="MemoryStore"):
        store = zarr.DictStore()
    assert isinstance(store, MemoryStore)
    store["a/0"] = b"x"
    with pytest.warns(DeprecationWarning, match="MemoryStore"):
        copy = pickle.loads(pickle.dumps(store))
    assert dict(copy) == {"a/0": b"x"}
    assert zarr.storage.DictStore is zarr.DictStore


def test_listing_a_mapping_without_its_own_listing_warns():
    with pytest.warns(UserWarning, match="has no `listdir`"):
        assert storage.listdir({"a/0": b"", "b": b""}) == ["a", "b"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert storage.listdir(MemoryStore({"a/0": b""}), "a") == ["0"]
        zarr.group({}).create_group("a")


def test_a_cache_asks_its_store_for_keys_once():
    class Counting(Opaque, Store):
        n_calls = 0

        def keys(self):
            self.n_calls += 1
            return self.values_of.keys()

    store = Counting()
    store["foo"] = b"x"
    cache = LRUStoreCache(store, max_size=None)
    assert sorted(cache.keys()) == sorted(cache) == ["foo"]
    assert store.n_calls == 1
    cache["bar"] = b"y"
    assert sorted(cache) == ["bar", "foo"]
    assert store.n_calls == 2


def test_consolidated_metadata_are_read_from_a_store_not_a_path(tmp_path):
    with pytest.raises(ValueError, match="store"):
        ConsolidatedMetadataStore(str(tmp_path))
