"""Programs that write, change and read arrays in archives and databases."""

from __future__ import annotations

import dbm.dumb

import numpy as np

STORES = ("ZipStore", "compressed ZipStore", "DBMStore", "LMDBStore", "SQLiteStore", "NestedDirectoryStore")


def open_store(zarr, place, name, mode):
    """Open a store; the mode is "w", "a" or "r"."""
    if name == "ZipStore":
        return zarr.storage.ZipStore(f"{place}.zip", mode=mode)
    if name == "compressed ZipStore":
        return zarr.storage.ZipStore(f"{place}.zip", mode=mode, compression=8)
    if name == "DBMStore":
        flag = {"w": "n", "a": "c", "r": "r"}[mode]
        return zarr.storage.DBMStore(place, flag=flag, open=dbm.dumb.open)
    return getattr(zarr.storage, name)(place)


def write_store(zarr, place, name):
    store = open_store(zarr, place, name, "w")
    a = zarr.create((7, 5), chunks=(3, 2), dtype="<i4", store=store, path="group/a")
    a[...] = np.arange(35).reshape(7, 5)
    a.attrs["unit"] = "é"
    b = zarr.create(
        4, chunks=2, dtype="f8", store=store, path="group/b", dimension_separator="/", compressor=None
    )
    b[1:] = [1.5, 2.5, 3.5]
    store["text"] = b"as it is"
    store.close()


def change_store(zarr, place, name):
    store = open_store(zarr, place, name, "a")
    a = zarr.open_array(store, path="group/a", mode="r+")
    a[2:4, 1:3] = -1
    a.append(np.ones((2, 5), "i4"))
    store["text"] = b"changed"
    store.close()


def read_store(zarr, place, name):
    store = open_store(zarr, place, name, "r")
    a = zarr.open_array(store, path="group/a", mode="r")
    b = zarr.open_array(store, path="group/b", mode="r")
    contents = [a[...], b[...], dict(a.attrs), sorted(set(store)), bytes(store["text"])]
    store.close()
    return contents


def import_lmdb(zarr, place):
    import lmdb

    return lmdb.__name__
