"""An array or group is replaced by data that are read from itself, its parents, its members or views of them."""

import os

import numpy as np
import pytest

import zarrcy
from zarrcy import errors
from zarrcy.storage import (
    DirectoryStore,
    FSStore,
    LMDBStore,
    LRUStoreCache,
    MemoryStore,
    SQLiteStore,
    ZipStore,
)

VALUES = np.arange(24).reshape(4, 6)

STORES = {
    "dict": lambda path: {},
    "memory": lambda path: MemoryStore(),
    "directory": DirectoryStore,
    "lower-case keys": lambda path: DirectoryStore(path, normalize_keys=True),
    "file system": FSStore,
    "sqlite": lambda path: SQLiteStore(f"{path}.db"),
    "lmdb": LMDBStore,
    "cached": lambda path: LRUStoreCache(DirectoryStore(path), None),
}


class Lazy:
    """Elements that are read when they are needed, by an object that does not tell from where."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim

    def __getitem__(self, selection):
        return self.array[selection]


@pytest.fixture(
    params=[
        *(f"{store} {version}" for store in ("dict", "directory") for version in (2, 3, "3-draft")),
        *("memory 3", "lower-case keys 2", "file system 2", "sqlite 3", "lmdb 2", "cached 3"),
    ]
)
def place(request, tmp_path):
    """Return an empty store and the version of a format."""
    kind, _, version = request.param.rpartition(" ")
    opened = STORES[kind](str(tmp_path / "store"))
    yield opened, version if version == "3-draft" else int(version)
    getattr(opened, "close", lambda: None)()


@pytest.fixture
def root(place):
    store, version = place
    root = zarrcy.open_group(store, mode="w", zarr_format=version)
    root.create_dataset("a/b", data=VALUES, chunks=(2, 2))
    root.create_dataset("x", data=VALUES, chunks=(4, 3), attributes={"unit": "K"})
    return root


def names_in(group):
    names = []
    group.visit(names.append)
    return sorted(names)


REPLACEMENTS = {
    "an item": ("x", lambda g: g.__setitem__("x", g["x"])),
    "a view": ("x", lambda g: g.__setitem__("x", g["x"].view(dtype="u8").view(dtype="i8"))),
    "another data type": ("x", lambda g: g.__setitem__("x", g["x"].astype("f8"))),
    "a lazy array": ("x", lambda g: g.__setitem__("x", Lazy(g["x"]))),
    "a member": ("a", lambda g: g.__setitem__("a", g["a/b"])),
    "create_dataset": ("x", lambda g: g.create_dataset("x", data=g["x"], overwrite=True, chunks=5)),
    "array": ("x", lambda g: zarrcy.array(g["x"], store=g.store, path="x", overwrite=True, chunks=(3, 3))),
    "array, lazy": ("x", lambda g: zarrcy.array(Lazy(g["x"]), store=g.store, path="x", overwrite=True)),
    "copy": ("x", lambda g: zarrcy.copy(g["x"], g, if_exists="replace")),
    "copy with other chunks": ("x", lambda g: zarrcy.copy(g["x"], g, if_exists="replace", chunks=1)),
    "copy of a member": ("a", lambda g: zarrcy.copy(g["a/b"], g, name="a", if_exists="replace")),
    "save_array": ("x", lambda g: zarrcy.save_array(g.store, g["x"], path="x")),
    "save_group": ("x/y", lambda g: zarrcy.save_group(g.store, path="x", y=g["x"])),
}


@pytest.mark.parametrize("name", REPLACEMENTS)
def test_an_array_is_replaced_by_its_own_elements(root, name):
    path, replace = REPLACEMENTS[name]
    replace(root)
    again = zarrcy.open_group(root.store, mode="r")
    np.testing.assert_array_equal(again[path][...], VALUES)
    others = {"x", "a", "a/b"} - ({"a/b"} if path == "a" else set())
    assert names_in(again) == sorted(others | {path})
    if path != "a":
        np.testing.assert_array_equal(again["a/b"][...], VALUES)


def test_copying_all_members_of_a_group_onto_itself_keeps_them(root):
    for rule in ("replace", "skip_initialized", "skip"):
        zarrcy.copy_all(root, root, if_exists=rule)
        assert names_in(root) == ["a", "a/b", "x"]
        np.testing.assert_array_equal(root["a/b"][...], VALUES)
        np.testing.assert_array_equal(root["x"][...], VALUES)
        assert root["x"].attrs["unit"] == "K"


def test_copies_show_the_members_as_they_were_before_the_copy(root):
    root["b"] = VALUES * 7
    zarrcy.copy_all(root, root["a"], if_exists="replace")
    # the array at a/b was copied to a/a/b, and replaced by the array at b
    np.testing.assert_array_equal(root["a/a/b"][...], VALUES)
    np.testing.assert_array_equal(root["a/b"][...], VALUES * 7)


def test_a_root_is_replaced_by_its_own_elements(place):
    store, zarr_format = place
    zarrcy.save_array(store, VALUES, chunks=(2, 2), zarr_format=zarr_format)
    for source in (
        lambda: zarrcy.open_array(store, mode="r"),
        lambda: Lazy(zarrcy.open_array(store, mode="r")),
    ):
        zarrcy.save_array(store, source(), chunks=(3, 4))
        np.testing.assert_array_equal(zarrcy.open_array(store, mode="r")[...], VALUES)
        replaced = zarrcy.array(source(), store=store, overwrite=True, chunks=5)
        np.testing.assert_array_equal(replaced[...], VALUES)
        assert replaced.chunks == (5, 5)
    zarrcy.save(store, a=zarrcy.open_array(store, mode="r"), b=[1])
    group = zarrcy.open_group(store, mode="r")
    assert group.zarr_format == zarr_format
    np.testing.assert_array_equal(group["a"][...], VALUES)
    zarrcy.save(store, c=group["a"], d=group["a"])
    assert list(zarrcy.open_group(store, mode="r")) == ["c", "d"]
    zarrcy.save(store, zarrcy.open(store, mode="r")["c"])
    np.testing.assert_array_equal(zarrcy.open_array(store, mode="r")[...], VALUES)
    assert not any("partial" in key for key in store)


def test_chunks_in_a_store_of_their_own_are_replaced_too(tmp_path):
    documents, chunks = DirectoryStore(tmp_path / "d"), DirectoryStore(tmp_path / "c")
    for path in (None, "x"):
        zarrcy.array(VALUES, store=documents, chunk_store=chunks, path=path, chunks=2)
        source = zarrcy.open_array(documents, chunk_store=chunks, path=path)
        again = zarrcy.array(source, store=documents, chunk_store=chunks, path=path, overwrite=True, chunks=3)
        np.testing.assert_array_equal(again[...], VALUES)
        assert len([key for key in chunks if ".z" not in key]) == 4
        zarrcy.open_group(documents, chunk_store=chunks, mode="w")


class Failing(DirectoryStore):
    """A directory in which the writes fail after a number of them."""

    left = 10**9

    def __setitem__(self, key, value):
        Failing.left -= 1
        if Failing.left < 0:
            raise OSError(28, "No space left on device", key)
        super().__setitem__(key, value)


@pytest.mark.parametrize("name", REPLACEMENTS)
def test_a_failure_keeps_what_was_to_be_replaced(tmp_path, monkeypatch, name):
    root = zarrcy.open_group(Failing(tmp_path / "store"), mode="w")
    root.create_dataset("a/b", data=VALUES, chunks=(2, 2))
    root.create_dataset("x", data=VALUES, chunks=(4, 3))
    _, replace = REPLACEMENTS[name]
    before = {key: bytes(root.store[key]) for key in root.store}

    def chunk_fails(self, selection, value, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zarrcy.Array, "__setitem__", chunk_fails)
    monkeypatch.setattr(Failing, "left", 2)
    with pytest.raises(OSError, match="No space"):
        replace(root)
    assert {key: bytes(root.store[key]) for key in root.store} == before
    assert not [name for name in os.listdir(root.store.path) if name.endswith(".partial")]


def object_store():
    obstore = pytest.importorskip("obstore")
    return zarrcy.storage.ObjectStore(obstore.store.MemoryStore())


def url_store():
    store = FSStore("memory://sources-in-the-way")
    store.clear()
    return store


@pytest.mark.parametrize("make", [object_store, url_store])
@pytest.mark.parametrize("name", [name for name in REPLACEMENTS if "lazy" not in name])
def test_a_store_that_moves_no_keys_refuses_to_delete_the_source(make, name):
    root = zarrcy.open_group(make(), mode="w")
    root.create_dataset("a/b", data=VALUES, chunks=(2, 2))
    root.create_dataset("x", data=VALUES, chunks=(4, 3))
    before = {key: bytes(root.store[key]) for key in root.store}
    _, replace = REPLACEMENTS[name]
    with pytest.raises(errors.OverlapError, match="can't be replaced by data that are read from"):
        replace(root)
    assert {key: bytes(root.store[key]) for key in root.store} == before
    root["x"] = root["x"][...]
    root["x"] = Lazy(root["x"])
    root["x"] = zarrcy.array(VALUES)
    np.testing.assert_array_equal(root["x"][...], VALUES)


def test_an_archive_is_replaced_by_its_own_elements(tmp_path):
    path = str(tmp_path / "a.zip")
    zarrcy.save(path, a=VALUES, b=[1])
    with ZipStore(path, mode="r") as archive:
        zarrcy.save(path, a=zarrcy.open(archive, mode="r")["a"])
    np.testing.assert_array_equal(zarrcy.load(path)["a"], VALUES)
    with ZipStore(path, mode="r") as archive:
        with pytest.raises(errors.OverlapError):
            zarrcy.array(zarrcy.open(archive, mode="r")["a"], store=path, overwrite=True)
        with pytest.raises(RuntimeError, match="stop"):
            zarrcy.save(path, a=Stopping(VALUES))
    np.testing.assert_array_equal(zarrcy.load(path)["a"], VALUES)
    assert os.listdir(tmp_path) == ["a.zip"]


class Stopping(Lazy):
    def __getitem__(self, selection):
        raise RuntimeError("stop")
