"""Programs that open, save, load and consolidate whole hierarchies."""

from __future__ import annotations

import json
import os

import numcodecs
import numpy as np

from .families import family
from .setups import group_state, nested, stored_group, stored_numbers, stored_tree

MODES = ["r", "r+", "a", "w", "w-", "x"]
PATHS = [{}, {"path": "n/m"}, {"path": "x"}]
# Where an array is at the root, mode "w" writes below it; zarr-python 2 differs, see `differences_groups`.
MODES_AND_PATHS_BELOW_AN_ARRAY = [(mode, path) for mode in MODES for path in PATHS if mode != "w" or not path]


@family(mode=MODES, path=PATHS)
def opening_a_missing_group(zarr, place, mode, path):
    yield group_state(zarr.open_group(place, mode=mode, **path))


@family(stored_numbers, mode_and_path=MODES_AND_PATHS_BELOW_AN_ARRAY)
def opening_a_group_where_an_array_is(zarr, place, mode_and_path):
    mode, path = mode_and_path
    yield group_state(zarr.open_group(place, mode=mode, **path))


@family(stored_group, mode=MODES, path=PATHS)
def opening_a_stored_group(zarr, place, mode, path):
    yield group_state(zarr.open_group(place, mode=mode, **path))


SHAPES = [{}, {"shape": 2, "dtype": "i4"}]


def node_state(z):
    return z.name, z.read_only, z[:] if hasattr(z, "shape") else list(z)


@family(mode=MODES, shape=SHAPES, path=PATHS)
def opening_a_missing_node(zarr, place, mode, shape, path):
    yield node_state(zarr.open(place, mode=mode, **shape, **path))


@family(stored_numbers, mode_and_path=MODES_AND_PATHS_BELOW_AN_ARRAY, shape=SHAPES)
def opening_a_node_where_an_array_is(zarr, place, mode_and_path, shape):
    mode, path = mode_and_path
    yield node_state(zarr.open(place, mode=mode, **shape, **path))


@family(stored_group, mode=MODES, shape=SHAPES, path=PATHS)
def opening_a_node_where_a_group_is(zarr, place, mode, shape, path):
    yield node_state(zarr.open(place, mode=mode, **shape, **path))


OVERWRITES = [{}, {"overwrite": True}, {"path": "", "overwrite": True}]


@family(options=OVERWRITES)
def making_a_missing_group(zarr, place, options):
    g = zarr.group(place, **options)
    yield g.name, list(g), sorted(g.store)


@family(stored_group, options=OVERWRITES)
def making_a_stored_group(zarr, place, options):
    g = zarr.group(place, **options)
    yield g.name, list(g), sorted(g.store)


@family()
def opening_groups(zarr, place):
    yield zarr.group().name

    g = zarr.group(path="a/b", overwrite=True)
    yield g.name, sorted(g.store)

    yield zarr.open_group().name
    yield zarr.open().name
    yield zarr.open(shape=3)[:]

    zarr.open_group(place)
    yield sorted(os.listdir(place))

    yield zarr.open_group(5)
    yield zarr.open(5)
    yield zarr.group(5)

    zarr.open_group(place, mode="w", path="a/b")
    yield sorted(zarr.DirectoryStore(place))

    s = {}
    zarr.group(s)
    yield s[".zgroup"]

    s = {}
    g = zarr.open_group(s, mode="w")
    g.attrs["b"] = 1
    g.attrs["a"] = 2
    yield s[".zattrs"]


@family()
def saving_and_loading(zarr, place):
    zarr.save(place, [1, 2], [3])
    g = zarr.open_group(place)
    yield list(g), g["arr_0"][:], g["arr_1"][:]

    zarr.save(place, a=[1, 2], b=[3])
    g = zarr.open_group(place)
    yield list(g), g["a"][:], g["b"][:]

    zarr.save(place, [1, 2], b=[3])
    g = zarr.open_group(place)
    yield list(g), g["arr_0"][:], g["b"][:]

    zarr.save(place, a=[1, 2])
    yield list(zarr.open_group(place))

    zarr.save(place, [1, 2], path="n")
    yield zarr.open(place)["n"][:]

    zarr.save(place, [1, 2], [3], path="n")
    yield list(zarr.open(place)["n"])

    zarr.save_group(place, [1, 2])
    yield list(zarr.open(place))

    yield zarr.save_group(place)
    yield zarr.save(place)

    zarr.save_group(place, a=[1])
    zarr.save_group(place, b=[2])
    yield list(zarr.open(place))

    zarr.save(place, a=[1])
    zarr.save(place, [5])
    yield zarr.open(place)[:]

    zarr.save(place, [5])
    zarr.save(place, a=[1])
    yield list(zarr.open(place))

    s = {}
    zarr.save(s, a=[1], b=[2])
    yield sorted(s)

    zarr.save(place, a=[1, 2], b=[3])
    x = zarr.load(place)
    yield repr(x), sorted(x), len(x), x["a"], "a" in x, "c" in x

    zarr.save(place, a=[1, 2])
    x = zarr.load(place)
    yield x["a"] is x["a"]

    zarr.save(place, a=[1, 2])
    yield zarr.load(place)["z"]

    zarr.save(place, a=[1, 2])
    yield zarr.load(place, path="a")

    zarr.save(place, a=[1, 2])
    yield zarr.load(place, path="z")

    zarr.save(place, a=[1, 2])
    yield dict(zarr.load(place))

    zarr.save(place, [1, 2])
    yield zarr.load(place)

    z = zarr.open_like(zarr.full(3, 7, chunks=2, dtype="i4"), place, mode="w")
    yield z[:], z.chunks

    z = zarr.open_like(np.ones(3, "u1"), place)
    yield z[:], z.dtype

    z = zarr.empty_like(zarr.ones((4, 6), chunks=2, dtype="i2", compressor=None, order="F"))
    yield z.shape, z.chunks, z.dtype, z.order, z.compressor

    z = zarr.zeros_like([1, 2])
    yield

    z = zarr.zeros_like(np.ones((2, 2), "i2"))
    yield z[:], z.compressor.codec_id

    z = zarr.ones_like(zarr.zeros(3, filters=[numcodecs.Delta("f8")]))
    yield z[:], z.filters

    z = zarr.full_like(zarr.full(3, 5))
    yield z[:]

    z = zarr.full_like(zarr.full(3, 5), fill_value=6, dtype="i4")
    yield z[:]


@family(stored_tree)
def consolidating_with_stored_tree(zarr, place, g):
    g = zarr.consolidate_metadata(place)
    yield list(g), g["x"][:], g["a"].attrs["k"], g["a/y"].shape, g.read_only

    zarr.consolidate_metadata(place)
    yield open(place + "/.zmetadata").read()

    zarr.consolidate_metadata(place, metadata_key="other")
    yield open(place + "/other").read() and zarr.open_consolidated(place, metadata_key="other")["x"][:]

    zarr.consolidate_metadata(g.store)
    yield list(zarr.open_consolidated(g.store))

    g = zarr.consolidate_metadata(place, path="a")
    yield g.name, list(g)

    yield zarr.open_consolidated(place)

    zarr.consolidate_metadata(place)
    g = zarr.open_consolidated(place, mode="r")
    yield g.read_only, g["x"].read_only, list(g)

    zarr.consolidate_metadata(place)
    g = zarr.open_consolidated(place, mode="r")
    g["x"][0] = 1
    yield

    zarr.consolidate_metadata(place)
    g = zarr.open_consolidated(place)
    g["x"][0] = 9
    yield zarr.open(place)["x"][:]

    zarr.consolidate_metadata(place)
    yield zarr.open_consolidated(place, mode="a")

    zarr.consolidate_metadata(place)
    yield zarr.open_consolidated(place, mode="w")

    zarr.consolidate_metadata(place)
    g = zarr.open_consolidated(place)
    g["n"] = [1]
    yield

    zarr.consolidate_metadata(place)
    g = zarr.open_consolidated(place)
    yield g.create_group("n")

    zarr.consolidate_metadata(place)
    g = zarr.open_consolidated(place)
    yield g["x"].resize(3)

    zarr.consolidate_metadata(place)
    g = zarr.open_consolidated(place)
    g.attrs["n"] = 1
    yield

    zarr.consolidate_metadata(place)
    g = zarr.open_consolidated(place)
    del g["x"]
    yield

    zarr.consolidate_metadata(place)
    g = zarr.open_consolidated(place)
    yield g.move("x", "z")

    zarr.consolidate_metadata(place)
    g["n"] = [1]
    yield "n" in zarr.open_consolidated(place), "n" in zarr.open(place, mode="r")

    zarr.consolidate_metadata(place)
    g["x"].resize(3)
    yield zarr.open_consolidated(place)["x"].shape, zarr.open(place, mode="r")["x"].shape

    zarr.consolidate_metadata(place)
    g = zarr.open_consolidated(place, path="a")
    yield g.name, list(g)

    zarr.consolidate_metadata(place)
    z = zarr.open_consolidated(place, path="x")
    yield z[:]

    zarr.consolidate_metadata(place)
    yield zarr.open_consolidated(place, path="z")

    zarr.consolidate_metadata(place)
    g = zarr.open_consolidated(place)
    seen = []
    g.visit(seen.append)
    yield seen, str(g.tree())

    zarr.consolidate_metadata(place)
    yield list(zarr.open(place, mode="r"))

    zarr.consolidate_metadata(place)
    zarr.consolidate_metadata(place)
    yield open(place + "/.zmetadata").read()


@family()
def consolidating(zarr):
    s = {}
    yield zarr.consolidate_metadata(s)

    s = {}
    zarr.create(3, store=s, compressor=None)
    zarr.consolidate_metadata(s)[:]
    yield s[".zmetadata"]

    s = {}
    g = zarr.group(s)
    g.attrs["œ"] = "œ"
    g.attrs["n"] = np.nan
    zarr.consolidate_metadata(s)
    yield repr(json.loads(s[".zmetadata"]))

    s = {".zgroup": b'{"zarr_format": 2}', ".zmetadata": b'{"metadata": {}, "zarr_consolidated_format": 2}'}
    yield zarr.open_consolidated(s)

    s = {".zmetadata": b'{"metadata": {}, "zarr_consolidated_format": 1}'}
    yield zarr.open_consolidated(s)


@family(nested)
def consolidating_with_nested(zarr, s):
    del s["a/.zgroup"]
    g = zarr.consolidate_metadata(s)
    yield list(g), g["a/b"].name, s[".zmetadata"]
