"""A change of metadata keeps what other writers changed before, also if they have been in memory for long."""

import os
import threading

import numpy as np
import pytest

import zarrcy
from zarrcy.errors import ReadOnlyError

SYNCHRONIZERS = {
    "none": lambda path: None,
    "threads": lambda path: zarrcy.ThreadSynchronizer(),
    "processes": lambda path: zarrcy.ProcessSynchronizer(path / "locks"),
}
STORES = {
    "directory": lambda path: zarrcy.DirectoryStore(str(path / "a")),
    "cached": lambda path: zarrcy.LRUStoreCache(zarrcy.DirectoryStore(str(path / "a")), max_size=None),
    "fsspec": lambda path: zarrcy.storage.FSStore(str(path / "a"), mode="r+"),
}
CHANGES = {
    "append": lambda z: z.append([7, 7]),
    "resize": lambda z: z.resize(len(z) + 1),
    "shape": lambda z: setattr(z, "shape", len(z) + 1),
    "fill_value": lambda z: setattr(z, "fill_value", z.fill_value + 1),
    "set attribute": lambda z: z.attrs.update({f"a{len(z.attrs)}": 1}),
    "put attributes": lambda z: z.attrs.put({**z.attrs, "p": 1}),
    "delete attribute": lambda z: z.attrs.pop("first", None),
}


def seen(z):
    return {"shape": z.shape, "fill_value": z.fill_value, "attributes": dict(z.attrs)}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    ("store", "synchronizer"), [("directory", "threads"), ("cached", "none"), ("fsspec", "processes")]
)
@pytest.mark.parametrize("name", CHANGES)
def test_an_old_handle_keeps_what_another_one_changed(name, synchronizer, store, zarr_format, tmp_path):
    lock = SYNCHRONIZERS[synchronizer](tmp_path)
    zarrcy.create(
        3, chunks=4, dtype="i4", store=str(tmp_path / "a"), zarr_format=zarr_format, fill_value=0
    ).attrs["first"] = 1
    for other in ("append", "fill_value", "set attribute"):
        old = zarrcy.open_array(STORES[store](tmp_path), mode="r+", synchronizer=lock)
        seen(old)
        new = zarrcy.open_array(STORES[store](tmp_path), mode="r+", synchronizer=lock)
        CHANGES[other](new)
        expected = seen(new)
        if name == "resize":
            old.resize(new.shape[0] + 1)
            expected["shape"] = (new.shape[0] + 1,)
        elif name == "shape":
            old.shape = new.shape[0] + 1
            expected["shape"] = (new.shape[0] + 1,)
        elif name == "append":
            old.append([5])
            expected["shape"] = (new.shape[0] + 1,)
        elif name == "fill_value":
            old.fill_value = 9
            expected["fill_value"] = 9
        elif name == "put attributes":
            old.attrs.put({"only": 1})
            expected["attributes"] = {"only": 1}
        elif name == "delete attribute":
            if "first" not in new.attrs:
                new.attrs["first"] = 1
                expected["attributes"] = dict(new.attrs)
            del old.attrs["first"]
            del expected["attributes"]["first"]
        else:
            old.attrs["new"] = 3
            expected["attributes"]["new"] = 3
        assert seen(zarrcy.open_array(str(tmp_path / "a"), mode="r")) == expected


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("synchronizer", SYNCHRONIZERS)
@pytest.mark.parametrize("handles", ["one", "several"])
def test_threads_that_append_lose_no_row(handles, synchronizer, zarr_format, tmp_path):
    lock = SYNCHRONIZERS[synchronizer](tmp_path)
    path = str(tmp_path / "a")
    z = zarrcy.open_array(
        path, mode="w", shape=(0, 2), chunks=(4, 2), dtype="i4", zarr_format=zarr_format, synchronizer=lock
    )

    def work(k):
        own = z if handles == "one" else zarrcy.open_array(path, mode="r+", synchronizer=lock)
        for _ in range(15):
            own.append(np.full((1, 2), k))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = zarrcy.open_array(path, mode="r")[:, 0]
    assert np.bincount(values).tolist() == [15] * 4


def in_processes(n, work):
    """Call ``work(k)`` in `n` forked processes and wait for them."""
    children = []
    for k in range(n):
        child = os.fork()
        if not child:
            try:
                work(k)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * n


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    "options", [{}, {"zarr_format": 3}, {"zarr_format": 3, "shards": (8, 2)}], ids=["v2", "v3", "shards"]
)
def test_processes_that_append_resize_and_set_attributes_with_one_synchronizer_lose_nothing(
    options, tmp_path
):
    path = str(tmp_path / "a")
    zarrcy.open_array(path, mode="w", shape=(0, 2), chunks=(4, 2), dtype="i4", fill_value=-1, **options)

    def work(k):
        z = zarrcy.open_array(path, mode="r+", synchronizer=zarrcy.ProcessSynchronizer(tmp_path / "locks"))
        for number in range(20):
            z.append(np.full((1, 2), k))
            z.attrs[f"{k} {number}"] = number
            if k == 2:
                z.resize(None, 2)
                z.fill_value = -number - 1

    in_processes(3, work)
    z = zarrcy.open_array(path, mode="r")
    assert np.bincount(z[:, 0]).tolist() == [20] * 3
    assert set(z.attrs) == {f"{k} {number}" for k in range(3) for number in range(20)}
    assert z.fill_value == -20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_growth_of_one_process_keeps_what_another_one_appends(tmp_path):
    """Both hold the lock of the document, so growth clears no append that has not ended."""
    path = str(tmp_path / "a")
    zarrcy.open_array(path, mode="w", shape=0, chunks=4, dtype="i4", fill_value=0)

    def work(k):
        z = zarrcy.open_array(path, mode="r+", synchronizer=zarrcy.ProcessSynchronizer(tmp_path / "locks"))
        for _ in range(40):
            if k:
                z.append([1, 2, 3])
            else:
                # the length is that of the document: None keeps it
                z.resize(None)
                z.append([0] * 5)

    in_processes(2, work)
    values = zarrcy.open_array(path, mode="r")[:]
    assert np.bincount(values).tolist() == [200, 40, 40, 40]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_array_of_consolidated_metadata_refuses_changes_before_data_change(zarr_format):
    store = {}
    group = zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
    group.create_dataset("a", data=np.arange(6), chunks=4)
    zarrcy.consolidate_metadata(store)
    z = zarrcy.open_consolidated(store, mode="r+")["a"]
    before = dict(store)
    for change in (
        lambda: z.resize(3),
        lambda: z.resize(9),
        lambda: z.append([1, 2]),
        lambda: setattr(z, "fill_value", 4),
    ):
        with pytest.raises(ReadOnlyError, match="'a'"):
            change()
    assert store == before


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_shrink_whose_document_cannot_be_written_changes_nothing(zarr_format):
    class Full(dict):
        def __setitem__(self, key, value):
            if key.endswith((".zarray", "zarr.json")) and self:
                raise OSError(28, "No space left on device", key)
            super().__setitem__(key, value)

    store = Full()
    z = zarrcy.create((4, 4), chunks=(3, 2), dtype="i4", store=store, zarr_format=zarr_format)
    z[...] = 1
    before = dict(store)
    with pytest.raises(OSError, match="No space left"):
        z.resize(1, 1)
    assert store == before
    np.testing.assert_array_equal(z[...], np.ones((4, 4)))


def test_threads_that_change_group_attributes_and_members_lose_no_attribute(tmp_path):
    """In format 3, the document of a group holds its attributes and the consolidated metadata of its members."""
    path = str(tmp_path / "g")
    group = zarrcy.open_group(path, mode="w", zarr_format=3)
    z = group.zeros("a", shape=0, chunks=4)

    for number in range(40):
        zarrcy.consolidate_metadata(path)
        group = zarrcy.open_group(path, mode="r+")
        threads = [
            threading.Thread(target=z.append, args=([1],)),
            threading.Thread(target=group.attrs.update, args=({str(number): 1},)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(zarrcy.open_group(path, mode="r").attrs) == 40
    assert z.shape == zarrcy.open_array(path, path="a", mode="r").shape == (40,)
