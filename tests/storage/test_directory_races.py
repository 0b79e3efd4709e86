"""Directory stores in which another process deletes something between two steps of a method."""

import os
import shutil
import threading
import warnings

import numpy as np
import pytest

import zarrcy
from zarrcy.storage import access

KEYS = ["a/.zarray", "a/0", "a/1", "b/c/0", "b/c/d/0"]


@pytest.fixture
def store(tmp_path):
    store = zarrcy.DirectoryStore(tmp_path / "data")
    store.update(dict.fromkeys(KEYS, b"1234"))
    return store


@pytest.fixture
def deleted_before_access(monkeypatch):
    """Return a function that has a directory deleted just before the next question whether it may be used."""
    real = os.access

    def delete_before(folder):
        def asked(path, mode, **options):
            if os.path.normpath(path) == os.fspath(folder):
                shutil.rmtree(path, ignore_errors=True)
            return real(path, mode, **options)

        # the library asks whether the function supports an option
        monkeypatch.setattr(os, "supports_follow_symlinks", {*os.supports_follow_symlinks, asked})
        monkeypatch.setattr(os, "access", asked)

    return delete_before


@pytest.mark.parametrize("folder", ["b", "b/c", "b/c/d"])
def test_a_directory_that_is_deleted_during_a_listing_is_not_reported_as_denied(
    folder, store, deleted_before_access
):
    deleted_before_access(os.path.join(store.path, folder))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        listed = list(store)
    assert [key for key in listed if key.startswith("a/")]
    assert not [key for key in listed if key.startswith(f"{folder}/")]


@pytest.mark.parametrize("folder", ["b", "b/c"])
def test_a_directory_that_is_deleted_meanwhile_is_not_denied(folder, store, deleted_before_access):
    deleted_before_access(os.path.join(store.path, folder))
    assert list(store.denied_below("")) == []


def test_a_node_that_is_deleted_meanwhile_is_not_denied(store, deleted_before_access):
    deleted_before_access(os.path.join(store.path, "b"))
    assert not access.is_denied(store, "b")


@pytest.mark.parametrize("deleted", ["0", ".zarray", "1"])
def test_the_size_of_a_path_leaves_out_what_is_deleted_meanwhile(deleted, store, monkeypatch):
    real = os.scandir

    class Listed:
        def __init__(self, path):
            with real(path) as entries:
                self.entries = list(entries)
            os.unlink(os.path.join(path, deleted))

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *exc_info):
            return

    monkeypatch.setattr(os, "scandir", Listed)
    assert store.getsize("a") == 8


def test_the_size_of_a_value_that_is_deleted_meanwhile_is_nothing(store, monkeypatch):
    real = os.scandir

    def listed(path):
        try:
            return real(path)
        finally:
            os.unlink(path)

    monkeypatch.setattr(os, "scandir", listed)
    assert store.getsize("a/0") == 0


def test_a_key_that_another_thread_deletes_first_can_be_discarded(store):
    class Racing(zarrcy.DirectoryStore):
        def __contains__(self, key):
            exists = super().__contains__(key)
            if exists:
                os.unlink(os.path.join(self.path, key))
            return exists

    racing = Racing(store.path)
    racing.discard("a/0")
    access.discard(racing, "a/0")
    assert "a/0" not in store


def test_deleting_a_path_that_another_thread_deletes_first_is_a_key_error(store, monkeypatch):
    real = os.unlink

    def unlink(path, **options):
        try:
            real(path, **options)
        finally:
            shutil.rmtree(path, ignore_errors=True)

    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(KeyError, match="b/c"):
        del store["b/c"]


def test_a_leftover_that_its_writer_renames_meanwhile_is_removed_already(store):
    ending = f".{'0' * 32}.partial"
    for name in (f"a/0{ending}", f"b/c{ending}"):
        assert not os.path.exists(os.path.join(store.path, name))
        store.remove_leftover(name)


def test_threads_that_list_while_others_create_and_delete_see_no_error(tmp_path):
    path = str(tmp_path / "data")
    group = zarrcy.open_group(path, mode="w")
    group.create_dataset("kept", data=np.arange(4), chunks=2, dimension_separator="/")
    failures, stop = [], threading.Event()

    def change():
        while not stop.is_set():
            group.create_dataset("x/y/z", data=np.arange(4), chunks=1, dimension_separator="/")
            del group["x"]

    def look():
        store = zarrcy.DirectoryStore(path)
        for _ in range(40):
            assert "kept" in list(group)
            assert {"kept/0", "kept/1"} <= set(store)
            assert store.getsize("kept") > 0
            assert store.listdir("kept") == [".zarray", "0", "1"]
            zarrcy.consolidate_metadata(store)
            group.tree()

    def run(task):
        try:
            task()
        except BaseException as exc:
            failures.append(exc)
        finally:
            stop.set()

    threads = [threading.Thread(target=run, args=(task,)) for task in (change, look)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("kind", [zarrcy.DirectoryStore, zarrcy.NestedDirectoryStore])
@pytest.mark.parametrize("vanishing", ["file", "folder", "link"])
def test_what_is_deleted_while_access_is_checked_is_absent_and_not_denied(tmp_path, kind, vanishing):
    zarrcy.open_group(str(tmp_path), mode="w", zarr_format=2)
    os.symlink("/nonexistent/annex", tmp_path / "lost")
    # some of these are listed after the link that is found first
    places = [tmp_path / f"vanishing{number}" for number in range(20)]
    for place in places:
        if vanishing == "file":
            place.write_bytes(b"1")
        elif vanishing == "folder":
            (place / "below").mkdir(parents=True)
        else:
            os.symlink(tmp_path / ".zgroup", place)
    found = []
    for path in kind(tmp_path).denied_below():
        found.append(path)
        for place in places:
            if vanishing == "folder":
                shutil.rmtree(place)
            else:
                place.unlink()
    assert found == ["lost"]
