"""Programs that read and write attributes."""

from __future__ import annotations

import os
import pickle

import numpy as np

from .families import family
from .setups import zeros


@family(zeros)
def attributes(zarr, place, z):
    yield z.attrs.key
    yield z.attrs.cache
    yield z.attrs.read_only
    yield z.attrs.asdict()
    yield len(z.attrs)
    yield list(z.attrs)
    yield "a" in z.attrs
    yield 1 in z.attrs
    yield z.attrs["nope"]
    yield z.attrs.get("nope")

    z.attrs.setdefault("a", 1)
    yield z.attrs.asdict()

    yield z.attrs.setdefault("a", 1)

    z.attrs["a"] = 1
    yield z.attrs.setdefault("a", 2)

    yield z.attrs.pop("a")
    yield z.attrs.pop("a", 5)

    z.attrs["a"] = 1
    yield z.attrs.pop("a"), z.attrs.asdict()

    yield z.attrs.popitem()

    z.attrs["a"] = 1
    yield z.attrs.popitem()

    z.attrs["a"] = 1
    z.attrs.clear()
    yield z.attrs.asdict()

    z.attrs.update({"a": 1})
    yield z.attrs.asdict()

    z.attrs.update([("a", 1), ("b", 2)])
    yield z.attrs.asdict()

    z.attrs.update({"a": 1}, b=2)
    yield z.attrs.asdict()

    z.attrs.update()
    yield z.attrs.asdict()

    yield z.attrs.update(5)
    yield z.attrs.update({"a": {1}})

    z.attrs.put({})
    yield z.attrs.asdict()

    yield z.attrs.put({"a": {1}})

    z.attrs.put({1: 2})
    yield z.attrs.asdict()

    z.attrs.put({None: 2})
    yield z.attrs.asdict()

    z.attrs.put({True: 2})
    yield z.attrs.asdict()

    z.attrs.update({1: 2})
    yield z.attrs.asdict()

    z.attrs[1.5] = 2
    yield z.attrs.asdict()

    z.attrs[None] = 2
    yield z.attrs.asdict()

    z.attrs["a"] = 1
    z.attrs["a"] = 2
    yield z.attrs["a"]

    z.attrs["a"] = {"b": {"c": [1, 2.5, None, True, "x"]}}
    yield z.attrs["a"]

    z.attrs["a"] = {1: 2}
    yield zarr.open_array(place).attrs["a"]

    z.attrs["a"] = {"b": 1}
    z.attrs["a"]["b"] = 2
    yield zarr.open_array(place).attrs["a"]

    z.attrs["a"] = [1]
    z.attrs["a"].append(2)
    yield z.attrs["a"]

    z.attrs["a"] = ""
    yield z.attrs["a"]

    z.attrs["a"] = "œ\n\x00"
    yield zarr.open_array(place).attrs["a"]

    z.attrs[""] = 1
    yield zarr.open_array(place).attrs.asdict()

    z.attrs["a"] = 2**80
    yield zarr.open_array(place).attrs["a"]

    z.attrs["a"] = -0.0
    yield zarr.open_array(place).attrs["a"]

    z.attrs["a"] = 1e309
    yield zarr.open_array(place).attrs["a"]

    z.attrs["a"] = np.float64(1.5)
    yield zarr.open_array(place).attrs["a"]

    z.attrs["a"] = np.float32(1.5)
    yield zarr.open_array(place).attrs["a"]

    z.attrs["a"] = np.str_("x")
    yield zarr.open_array(place).attrs["a"]

    z.attrs["a"] = 1j
    yield

    z.attrs["a"] = object()
    yield

    z.attrs["a"] = len
    yield

    z.attrs["a"] = zarr
    yield

    z.attrs["a"] = [np.int64(1), {"b": np.int16(2)}]
    yield zarr.open_array(place).attrs["a"]

    z.attrs["a"] = 1
    del z.attrs["a"]
    yield zarr.open_array(place).attrs.asdict()

    z.attrs["a"] = 1
    yield z.attrs.keys() == {"a"}

    z.attrs["a"] = 1
    yield list(z.attrs.values())

    z.attrs["a"] = 1
    yield list(z.attrs.items())

    z.attrs["a"] = 1
    yield z.attrs == {"a": 1}

    z.attrs["a"] = 1
    yield dict(z.attrs)

    z.attrs["a"] = 1
    yield dict(**z.attrs)

    z.attrs["a"] = 1
    yield z.attrs | {"b": 2}

    yield bool(z.attrs)
    yield hash(z.attrs)

    z.attrs["a"] = 1
    zarr.open_array(place).attrs["b"] = 2
    yield z.attrs.asdict()

    z.attrs["a"] = 1
    zarr.open_array(place).attrs["b"] = 2
    z.attrs.refresh()
    yield z.attrs.asdict()

    z.attrs["a"] = 1
    zarr.open_array(place).attrs["b"] = 2
    z.attrs["c"] = 3
    yield z.attrs.asdict()

    y = zarr.open_array(place, cache_attrs=False)
    z.attrs["a"] = 1
    yield y.attrs.asdict()

    y = zarr.open_array(place, cache_attrs=False)
    y.attrs["a"] = 1
    yield y.attrs.cache, z.attrs.asdict()

    y = zarr.open_array(place, mode="r")
    yield y.attrs.update(a=1)

    y = zarr.open_array(place, mode="r")
    yield y.attrs.put({})

    y = zarr.open_array(place, mode="r")
    yield y.attrs.clear()

    y = zarr.open_array(place, mode="r")
    yield y.attrs.setdefault("a", 1)

    z.attrs["a"] = 1
    y = zarr.open_array(place, mode="r")
    yield y.attrs.setdefault("a", 2)

    y = zarr.open_array(place, mode="r")
    del y.attrs["a"]
    yield

    y = zarr.open_array(place, mode="r")
    yield y.attrs.read_only

    z.attrs["b"] = 1
    z.attrs["a"] = 2
    yield open(place + "/.zattrs").read()

    z.attrs.put({"b": 1, "a": 2})
    yield list(z.attrs)

    z.attrs["a"] = 1
    yield pickle.loads(pickle.dumps(z.attrs)).asdict()

    z.attrs["a"] = 1
    z.attrs.clear()
    yield os.path.exists(place + "/.zattrs")

    z.attrs = 5
    yield

    yield z.attrs.put(d={"a": 1})
    yield z.attrs.synchronizer
    yield z.attrs._ipython_key_completions_()
