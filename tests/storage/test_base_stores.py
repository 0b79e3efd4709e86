"""The base classes of stores, and the stores that add little to them."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from forks import in_a_fork

import zarrcy
from zarrcy import errors
from zarrcy.storage import (
    BaseStore,
    ConsolidatedMetadataStore,
    DirectoryStore,
    KVStore,
    LMDBStore,
    MemoryStore,
    NestedDirectoryStore,
    SQLiteStore,
    Store,
    TempStore,
    ZipStore,
    access,
    base,
)

# -- bases -----------------------------------------------------------------------------------------


class Growing(Store):
    """A user's store that can't delete keys."""

    _erasable = False

    def __init__(self):
        self.data = {}

    def __getitem__(self, key):
        return self.data[key]

    def __setitem__(self, key, value):
        self.data[key] = value

    def __delitem__(self, key):
        raise NotImplementedError(key)

    def __iter__(self):
        return iter(self.data)

    def __len__(self):
        return len(self.data)


def test_a_store_that_is_not_erasable_refuses_to_delete_existing_keys():
    store = Growing()
    store["a/0"] = b"x"
    assert not store.is_erasable()
    store.rmdir("b")
    for change in (store.rmdir, lambda: store.rmdir("a"), lambda: store.rename("a", "b")):
        with pytest.raises(errors.NotErasableError, match="Growing is not erasable"):
            change()
    array = zarrcy.create(3, store=store, path="c", overwrite=True)
    array[:] = 5
    assert store.getitems(["c/0", "nonesuch"], contexts={}).keys() == {"c/0"}


def test_stores_report_their_properties():
    assert Growing().getsize() == -1
    assert Growing().is_listable()
    with Growing() as store:
        assert isinstance(store, BaseStore)
    for kind in (
        KVStore,
        MemoryStore,
        DirectoryStore,
        ConsolidatedMetadataStore,
        zarrcy.storage.LRUStoreCache,
    ):
        assert issubclass(kind, Store)


def test_a_method_of_the_base_class_is_not_a_capability():
    assert not base.offers(Growing(), "getitems")
    assert not base.offers(Growing(), "get_partial_values")
    assert base.offers(SQLiteStore(":memory:"), "getitems")
    assert base.offers(SQLiteStore(":memory:"), "get_partial_values")


def test_a_path_cannot_be_moved_below_itself():
    store = MemoryStore({"a/0": b"x", "a/b/1": b"y"})
    with pytest.raises(errors.KeyPathError, match="'a' can't be moved below itself"):
        store.rename("a", "a/b")
    store.rename("a/b", "a")
    assert dict(store) == {"a/0": b"x", "a/1": b"y"}


def test_moving_a_path_to_its_parent_overwrites_none_of_its_own_keys():
    store = MemoryStore({"a/b/x": b"1", "a/b/b/x": b"2", "a/b/b/b/x": b"3"})
    store.rename("a/b", "a")
    assert dict(store) == {"a/x": b"1", "a/b/x": b"2", "a/b/b/x": b"3"}


@pytest.mark.parametrize("value", [b"abc", bytearray(b"abc"), np.arange(3, dtype="u1")])
def test_contiguous_bytes_are_not_copied(value):
    flat = base.flat(value)
    assert bytes(flat) == bytes(value)
    assert np.shares_memory(np.frombuffer(flat, "u1"), np.frombuffer(value, "u1"))


# -- in memory -------------------------------------------------------------------------------------


def test_a_memory_store_can_have_initial_values():
    store = MemoryStore({"a": {"b": b"1", "c": {"d": bytearray(b"2")}}, "e/f": b"3"}, dimension_separator="/")
    assert dict(store) == {"a/b": b"1", "a/c/d": b"2", "e/f": b"3"}
    assert zarrcy.zeros(4, store=store, path="x").dimension_separator == "/"


def test_a_memory_store_refuses_a_value_that_is_a_number():
    with pytest.raises(TypeError):
        MemoryStore()["a"] = 5


def test_a_store_that_wraps_a_mapping_uses_its_methods_to_list_and_delete():
    inner = MemoryStore({"a/b": b"1", "c": b"22"})
    store = KVStore(inner)
    assert store.listdir() == ["a", "c"]
    assert store.getsize() == 2
    store.rename("a", "d")
    store.rmdir("c")
    assert dict(inner) == {"d/b": b"1", "c": b"22"}
    assert KVStore({"a": b"123"}).getsize() == 3


# -- in directories --------------------------------------------------------------------------------


def test_a_nested_directory_store_has_one_level_of_directories_per_axis(tmp_path):
    store = NestedDirectoryStore(tmp_path / "a")
    array = zarrcy.array(np.arange(6).reshape(2, 3), chunks=1, store=store)
    assert array.dimension_separator == "/"
    assert sorted(os.listdir(tmp_path / "a")) == [".zarray", "0", "1"]
    assert store.listdir("1") == ["0", "1", "2"]
    assert array.nchunks_initialized == 6
    assert array.nbytes_stored == store.getsize() + store.getsize("0") + store.getsize("1")
    # the metadata name the separator too, so another store can open the array
    np.testing.assert_array_equal(zarrcy.open_array(str(tmp_path / "a"), mode="r")[1], [3, 4, 5])


def test_a_nested_directory_store_only_supports_slashes(tmp_path):
    assert access.dimension_separator(NestedDirectoryStore(tmp_path, dimension_separator=None)) == "/"
    with pytest.raises(
        ValueError, match=r"dimension_separator is '\.'; a NestedDirectoryStore only supports '/'"
    ):
        NestedDirectoryStore(tmp_path, dimension_separator=".")
    assert NestedDirectoryStore(tmp_path) == NestedDirectoryStore(tmp_path)
    assert NestedDirectoryStore(tmp_path) != DirectoryStore(tmp_path)
    assert DirectoryStore(tmp_path) != NestedDirectoryStore(tmp_path)


def test_a_temporary_store_is_deleted_when_its_process_ends_and_not_before():
    script = (
        "import os, zarrcy.storage; store = zarrcy.storage.TempStore(suffix='.end', prefix='begin'); "
        "store['a/0'] = b'x'; store.close(); print(store.path, os.path.exists(store.path)); del store"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    path, existed = done.stdout.split()
    assert existed == "True"
    assert os.path.basename(path).startswith("begin")
    assert path.endswith(".end")
    assert not os.path.exists(path)


def run_exit_functions(store):
    import atexit

    atexit._run_exitfuncs()
    return store["a"]


def test_a_temporary_store_is_not_deleted_by_a_forked_child(tmp_path):
    store = TempStore(dir=tmp_path)
    store["a"] = b"x"
    assert in_a_fork(run_exit_functions, store)() == b"x"
    assert pickle.loads(pickle.dumps(store))["a"] == b"x"


# -- consolidated metadata -------------------------------------------------------------------------

DOCUMENT = b"""{"zarr_consolidated_format": 1, "metadata": {
    ".zgroup": {"zarr_format": 2}, "a/.zgroup": {"zarr_format": 2}, "a/b/.zattrs": {"unit": "m"}}}"""


def test_consolidated_metadata_are_a_read_only_mapping_of_documents():
    store = ConsolidatedMetadataStore({".zmetadata": DOCUMENT})
    assert dict(store) == {
        ".zgroup": {"zarr_format": 2},
        "a/.zgroup": {"zarr_format": 2},
        "a/b/.zattrs": {"unit": "m"},
    }
    assert store.meta_store["a/b/.zattrs"] == store["a/b/.zattrs"] == store.get("a/b/.zattrs")
    assert (len(store), "a/.zgroup" in store, "a" in store, store.get("a")) == (3, True, False, None)
    assert store.listdir() == [".zgroup", "a"]
    assert store.listdir("a") == [".zgroup", "b"]
    assert store.getsize("a") == -1
    assert not store.is_writeable()
    assert not store.is_erasable()
    for change in (
        lambda: store.__setitem__("c", b""),
        lambda: store.__delitem__(".zgroup"),
        lambda: store.rename("a", "c"),
        store.rmdir,
        store.clear,
    ):
        with pytest.raises(errors.ReadOnlyError):
            change()
    assert pickle.loads(pickle.dumps(store)) == store
    with pytest.raises(KeyError, match="nonesuch"):
        store["nonesuch"]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (b"{", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"[1]", "it is a JSON list"),
        (b"{}", "'zarr_consolidated_format' is None; only 1"),
        (DOCUMENT.replace(b"1", b"2", 1), "'zarr_consolidated_format' is 2; only 1"),
        (b'{"zarr_consolidated_format": 1}', "'metadata' is None"),
        (b'{"zarr_consolidated_format": 1, "metadata": [1]}', r"'metadata' is \[1\]"),
    ],
)
def test_a_document_that_is_not_consolidated_metadata_is_refused(document, problem):
    with pytest.raises(errors.MetadataError, match=problem):
        ConsolidatedMetadataStore({"key": document}, metadata_key="key")
    with pytest.raises(KeyError, match=r"\.zmetadata"):
        ConsolidatedMetadataStore({"key": document})


# -- the separator of a store ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [DirectoryStore, ZipStore, SQLiteStore, LMDBStore])
def test_a_store_keeps_its_dimension_separator_when_it_is_pickled(tmp_path, kind):
    store = kind(tmp_path / "s", dimension_separator="/")
    zarrcy.array([1, 2], store=store)
    again = pickle.loads(pickle.dumps(store))
    for each in (store, again):
        assert access.dimension_separator(each) == "/"
        each.close()
