"""Setups of the families: arrays, groups and stores that programs start from; and helpers that describe outcomes."""

from __future__ import annotations

import numcodecs
import numpy as np


def row(zarr):
    return {"z": zarr.array(np.arange(10), chunks=3)}


def grid(zarr):
    return {"z": zarr.array(np.arange(20).reshape(4, 5), chunks=(2, 2))}


def mask():
    return {"m": np.arange(20).reshape(4, 5) > 7}


def records(zarr):
    return {"z": zarr.array(np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")]))}


def point(zarr):
    return {"z": zarr.array(5)}


def zeros(zarr, place):
    return {"z": zarr.zeros(3, store=place)}


def stored(zarr, place):
    zarr.array([1, 2, 3, 4], chunks=2, store=place, dtype="i4")
    return {}


def stored_array(zarr, place):
    return {"z": zarr.Array(place)}


def reloaded(zarr, place):
    """Return an array that reloads its metadata, and the array that has changed them."""
    z, y = zarr.Array(place, cache_metadata=False), zarr.Array(place)
    y.resize(8)
    return {"z": z, "y": y}


def nested(zarr):
    s = {}
    zarr.create(3, store=s, path="a/b")
    return {"s": s}


def mapping():
    return {"s": {}}


def stored_numbers(zarr, place):
    zarr.save_array(place, [1, 2], compressor=None)
    return {}


def stored_group(zarr, place):
    zarr.open_group(place, mode="w").create_dataset("x", data=[1, 2], compressor=None)
    return {}


def tree(zarr):
    return _fill(zarr.group())


def stored_tree(zarr, place):
    return _fill(zarr.open_group(place, mode="w"))


def _fill(g):
    a = g.create_group("a")
    g.create_group("b/c")
    x = g.create_dataset("x", data=np.arange(6, dtype="i4"), chunks=2, compressor=None)
    y = a.create_dataset("y", shape=(2, 3), dtype="f8", compressor=None)
    a.attrs["k"] = [1, {"z": None}]
    return {"g": g, "a": a, "x": x, "y": y}


def empty_group(zarr):
    """Return a group to copy into, and a list for the messages of a copy."""
    return {"d": zarr.group(), "messages": []}


def existing(zarr):
    """Return a group that already has the arrays and groups that a copy makes."""
    d = zarr.group()
    d["x"] = [7, 8, 9]
    d["a/y"] = [5]
    d.create_group("b/e")
    d.attrs["old"] = 1
    return {"d": d, "messages": []}


def existing_mixed(zarr):
    """Return a group that has arrays where a copy makes groups, and groups where it makes arrays."""
    d = zarr.group()
    d.create_group("x/in")
    d["a"] = [1, 2]
    return {"d": d, "messages": []}


def two_stores(zarr):
    s, d = {}, {}
    g = zarr.group(s)
    g.create_dataset("a/x", data=[1, 2], compressor=None)
    g["a"].attrs["k"] = 1
    g.create_group("b")
    return {"s": s, "d": d, "g": g, "messages": []}


def many_axes(zarr):
    return {
        "z": zarr.create(
            (100, 20), chunks=10, dtype="i4", store={}, path="a", filters=[numcodecs.Delta("i4")]
        )
    }


# -- outcomes --------------------------------------------------------------------------------------


def state(z):
    return z[...], z.nchunks_initialized


def resized(result, z):
    return result, z.shape, z[:], z.nchunks_initialized


def documents(s):
    return sorted((key, bytes(value)) for key, value in s.items())


def group_state(g):
    return g.name, g.read_only, list(g)


def copied(result, messages, d):
    # zarr-python 2 writes chunks and attributes that the source does not have
    keys = [key for key in sorted(d.store) if not key[-1].isdigit() and key[-6:] != "zattrs"]
    return result, messages, dict(d.attrs), keys


def copied_keys(result, messages, d):
    # zarrcy writes the documents of a copy after its chunks
    return result, sorted(messages), sorted(d)
