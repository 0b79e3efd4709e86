"""When several writers create nodes at the same time, all nodes are valid in the end and have their parents."""

import errno
import os
import threading
from multiprocessing import get_context

import numpy as np
import pytest
from forks import in_a_fork

import zarrcy as zarr
from zarrcy import errors


class InterferingStore(zarr.MemoryStore):
    """A store in which another writer acts just before, or just after, a document is claimed."""

    def __init__(self, key, interfere, after=False):
        super().__init__()
        self.key, self.interfere, self.after = key, interfere, after

    def setdefault(self, key, default=None):
        if not self.after:
            self.interfere_once(key)
        found = super().setdefault(key, default)
        self.interfere_once(key)
        return found

    def interfere_once(self, key):
        if key == self.key:
            self.key = None
            self.interfere(self)


def test_one_of_two_creators_of_an_array_succeeds():
    store = InterferingStore("a/.zarray", lambda other: zarr.create(5, store=other, path="a", dtype="i2"))
    with pytest.raises(errors.ContainsArrayError, match="'a'"):
        zarr.create(7, store=store, path="a")
    assert zarr.open_array(store, path="a").shape == (5,)


def test_one_of_two_creators_of_a_group_succeeds_and_both_can_require_it():
    store = InterferingStore("a/.zgroup", lambda other: zarr.group(other).create_group("a"))
    root = zarr.group(store)
    with pytest.raises(errors.ContainsGroupError, match="'a'"):
        root.create_group("a")
    store.key = "b/.zgroup"
    store.interfere = lambda other: zarr.group(other).create_group("b")
    assert root.require_group("b").name == "/b"
    store.key = "c/.zgroup"
    store.interfere = lambda other: zarr.group(other).create_group("c")
    assert zarr.open_group(store, path="c").name == "/c"
    assert list(root) == ["a", "b", "c"]


def test_another_writer_may_create_the_parents_meanwhile():
    store = InterferingStore("a/.zgroup", lambda other: zarr.create(3, store=other, path="a/theirs"))
    zarr.create(3, store=store, path="a/ours")
    assert list(zarr.open_group(store)["a"]) == ["ours", "theirs"]


def test_open_opens_an_array_that_another_writer_created_meanwhile():
    store = InterferingStore("a/.zarray", lambda other: zarr.create(5, store=other, path="a", dtype="i2"))
    assert zarr.open_array(store, mode="a", path="a", shape=7).shape == (5,)
    store = InterferingStore("a/.zarray", lambda other: zarr.create(5, store=other, path="a", dtype="i2"))
    assert zarr.group(store).require_dataset("a", shape=5, dtype="i2").dtype == np.int16
    store = InterferingStore("a/.zarray", lambda other: zarr.create(5, store=other, path="a", dtype="i2"))
    with pytest.raises(TypeError, match="shape"):
        zarr.group(store).require_dataset("a", shape=7)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_array_that_existed_first_never_becomes_a_group(after):
    store = InterferingStore("a/.zgroup", lambda other: other.__setitem__("a/.zarray", document), after)
    document = zarr.zeros(5).store[".zarray"]
    with pytest.raises(errors.ContainsArrayError, match="'a'"):
        zarr.create(3, store=store, path="a/b/c")
    assert sorted(store) == [".zgroup", "a/.zarray"]
    store.key, store["d/.zarray"] = "d/.zgroup", document
    del store["d/.zarray"]
    store.interfere = lambda other: other.__setitem__("d/.zarray", document)
    with pytest.raises(errors.ContainsArrayError, match="'d'"):
        zarr.group(store, path="d")
    assert sorted(store) == [".zgroup", "a/.zarray", "d/.zarray"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_array_is_withdrawn_if_a_group_is_being_created(after):
    store = InterferingStore("a/.zarray", lambda other: other.__setitem__("a/.zgroup", document), after)
    document = zarr.group().store[".zgroup"]
    with pytest.raises(errors.ContainsGroupError, match="'a'"):
        zarr.create(3, store=store, path="a")
    assert sorted(store) == [".zgroup", "a/.zgroup"]


def test_a_group_waits_for_an_array_to_be_withdrawn():
    store = InterferingStore("a/.zgroup", lambda other: other.__setitem__("a/.zarray", b"{}"))
    giving_way = threading.Timer(0.05, lambda: store.pop("a/.zarray"))
    giving_way.start()
    zarr.create(3, store=store, path="a/b")
    giving_way.join()
    assert sorted(store) == [".zgroup", "a/.zgroup", "a/b/.zarray"]


def test_threads_create_each_node_once():
    for store in (zarr.MemoryStore(), {}):
        root = zarr.group(store)
        winners, barrier = [], threading.Barrier(4)

        def create(number, root=root, winners=winners, barrier=barrier):
            barrier.wait()
            for i in range(30):
                try:
                    root.create_dataset(f"a/n{i}", shape=number + 1)
                except errors.ContainsArrayError:
                    continue
                winners.append((i, number))

        threads = [threading.Thread(target=create, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(i for i, _ in winners) == list(range(30))
        assert all(root[f"a/n{i}"].shape == (number + 1,) for i, number in winners)


# -- processes -------------------------------------------------------------------------------------


def _create_all(path, number, barrier):
    root = zarr.open_group(path)
    barrier.wait(600)
    won = []
    for i in range(40):
        try:
            root.create_dataset(f"a/b{i}/c", shape=number + 1)
            won.append(i)
        except errors.ContainsArrayError:
            root.require_group(f"a/d{i}/e")
    return won


def test_processes_create_each_node_once(tmp_path):
    barrier = get_context("fork").Barrier(3)
    waiting = [in_a_fork(_create_all, str(tmp_path / "a"), number, barrier) for number in range(3)]
    won = [outcome() for outcome in waiting]
    assert sorted(i for names in won for i in names) == list(range(40))
    inner = zarr.open_group(str(tmp_path / "a"), mode="r")["a"]
    for number, names in enumerate(won):
        assert all(inner[f"b{i}/c"].shape == (number + 1,) for i in names)
    assert {name[0] for name in inner} <= {"b", "d"}


def _create_kind(path, kind, barrier):
    root = zarr.open_group(path)
    barrier.wait(600)
    won = []
    for i in range(60):
        try:
            root.create_dataset(f"n{i}" if kind == "array" else f"n{i}/m/x", shape=3)
            won.append(i)
        except (errors.ContainsArrayError, errors.ContainsGroupError):
            continue
    return won


def test_an_array_and_a_group_never_exist_at_one_path(tmp_path):
    barrier = get_context("fork").Barrier(2)
    path = str(tmp_path / "a")
    waiting = [in_a_fork(_create_kind, path, kind, barrier) for kind in ("array", "group")]
    arrays, groups = (outcome() for outcome in waiting)
    assert not set(arrays) & set(groups)
    root = zarr.open_group(path, mode="r")
    for i in range(60):
        documents = {name for name in (".zarray", ".zgroup") if f"n{i}/{name}" in root.store}
        if i in arrays:
            assert documents == {".zarray"}
        else:
            # if both withdrew, there is no node, which is correct
            assert documents == ({".zgroup"} if i in groups else documents - {".zarray"})
        if i in groups:
            assert root[f"n{i}/m/x"].shape == (3,)
    assert len(arrays) + len(groups) > 30


def _overwrite_all(path, number, barrier):
    barrier.wait(600)
    for i in range(40):
        zarr.create(number + 1, store=path, path="a/b", overwrite=True)
        if i % 10 == number:
            zarr.open_group(path, path="a", mode="w")
    return number


def test_processes_overwrite_each_other_without_an_error(tmp_path):
    barrier = get_context("fork").Barrier(3)
    path = str(tmp_path / "a")
    for outcome in [in_a_fork(_overwrite_all, path, number, barrier) for number in range(3)]:
        outcome()
    root = zarr.open_group(path, mode="r")
    assert list(root) == ["a"]
    assert all(array.shape[0] in (1, 2, 3) for _, array in root["a"].arrays())
    assert not list(tmp_path.rglob("*.partial"))


# -- file systems without some features ------------------------------------------------------------


def _refuse(*args):
    raise PermissionError("not here")


def test_nodes_are_created_without_hard_links(tmp_path, monkeypatch, step_by_step):
    monkeypatch.setattr("os.link", _refuse)
    root = zarr.open_group(str(tmp_path / "a"), mode="w-")
    root["x"] = [1, 2]
    with pytest.raises(errors.ContainsArrayError):
        root.zeros("x", shape=3)
    assert root.store.setdefault("x/.zattrs", b"1") == b"1"
    assert root.store.setdefault("x/.zattrs", b"2") == b"1"
    with pytest.raises(errors.ContainsGroupError):
        zarr.open_group(str(tmp_path / "a"), mode="w-")
    assert not list(tmp_path.rglob("*.partial"))


def test_folders_that_can_not_be_renamed_are_deleted_file_by_file(tmp_path, monkeypatch):
    """As on overlayfs, where a directory of a lower layer can't be renamed."""
    root = zarr.open_group(str(tmp_path / "a"), mode="w")
    root["x/y"] = [1, 2]
    rename = os.rename

    def rename_files(source, target):
        if os.path.isdir(source):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        rename(source, target)

    monkeypatch.setattr("os.rename", rename_files)
    del root["x"]
    assert sorted(root.store) == [".zgroup"]


def test_a_folder_stays_as_it_is_if_nothing_can_be_renamed(tmp_path, monkeypatch):
    root = zarr.open_group(str(tmp_path / "a"), mode="w")
    root["x/y"] = [1, 2]
    before = sorted(root.store)
    with monkeypatch.context() as patched:
        patched.setattr("os.rename", _refuse)
        with pytest.raises(OSError, match="Nothing was changed"):
            del root["x"]
    assert sorted(root.store) == before
    assert root["x/y"][:].tolist() == [1, 2]


def test_a_directory_with_the_name_of_a_document_is_an_error(tmp_path):
    store = zarr.DirectoryStore(tmp_path)
    (tmp_path / "x" / ".zarray").mkdir(parents=True)
    with pytest.raises(errors.KeyPathError, match=r"x/\.zarray"):
        store.setdefault("x/.zarray", b"")
