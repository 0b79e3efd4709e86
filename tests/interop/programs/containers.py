"""Programs that exchange N5 containers, and stores of local URLs, with zarrcy."""

from __future__ import annotations

import numcodecs
import numpy as np


def write_n5(zarr, place, config):
    store = zarr.N5Store(place + "/theirs")
    zarr.create((1,), store=store, path="z")
    codec = config and numcodecs.get_codec(config)
    a = zarr.create((5, 7), chunks=(2, 3), dtype="<i4", compressor=codec, store=store, path="g/a")
    a[...] = np.load(place + "/data.npy")
    a.attrs.put({"unit": "m", "offset": [1, 2]})


def read_n5(zarr, place):
    a = zarr.open_array(zarr.N5Store(place + "/ours"), "r", path="g/a")
    return bool((a[...] == np.load(place + "/data.npy")).all()), a.attrs.asdict()["offset"]


def write_n5_group(zarr, place):
    g = zarr.group(zarr.N5Store(place + "/a.n5"))
    g.attrs["who"] = "zarr"
    g.create_dataset("h/a", shape=3, dtype="f4")[...] = 2


def copy_of_local_url(zarr, place):
    """Add 1 to an array of zarrcy; return whether the keys are the same, and the separator in keys of chunks.

    zarr-python 2 needs fsspec for that: the result is None if it is not installed.
    """
    try:
        import fsspec  # noqa: F401
    except ImportError:
        return None
    ours = zarr.storage.FSStore("file://" + place + "/ours")
    a = zarr.open_array(ours, "r")
    theirs = zarr.storage.FSStore("file://" + place + "/theirs", dimension_separator="/")
    zarr.save_array(theirs, a[...] + 1, chunks=(2, 3))
    return sorted(ours) == sorted(theirs), a._dimension_separator
