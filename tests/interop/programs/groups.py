"""Programs about groups: what they are, what they contain, how members are created and visited."""

from __future__ import annotations

import pickle

import numcodecs
import numpy as np

from .families import family
from .setups import stored_numbers, stored_tree, tree


@family(tree)
def group_members_with_tree(zarr, g, a):
    yield g.name, g.path, g.basename, g.read_only
    yield a.name, a.path, a.basename, a.read_only

    c = g["b/c"]
    yield c.name, c.path, c.basename

    yield repr(g).partition("Group")[2]
    yield repr(g["b/c"]).partition("Group")[2]
    yield repr(zarr.Group(g.store, read_only=True)).partition("Group")[2]
    yield list(g)
    yield list(a)
    yield len(g), len(a), len(g["b/c"])
    yield list(g.keys())
    yield [v.name for v in g.values()]
    yield [(k, v.name) for k, v in g.items()]
    yield (
        "a" in g,
        "a/y" in g,
        "/a/y" in a,
        "y" in a,
        "a" in a,
        "" in g,
        "/" in a,
        "b/c" in g,
        "z" in g,
        "x/0" in g,
    )
    yield ".." in g
    yield "a/../x" in g
    yield 5 in g
    yield (
        g["a"].path,
        g["a/y"].path,
        g["/a//y/"].path,
        a["/x"].path,
        a["y"].path,
        g[""].path,
        a[""].path,
        a["/"].path,
    )
    yield g["z"]
    yield g["x/0"]
    yield g["a/../x"]
    yield g["."]
    yield g[5]
    yield g.get("z", 7)
    yield g.get("x").shape
    yield g["x"][:]
    yield g.x[:]
    yield g.a.y.shape
    yield g.z
    yield g["a\\y"].path
    yield getattr(g, "__nothing__", 5)
    yield "a" in dir(g) and "x" in dir(g) and ("tree" in dir(g))
    yield hasattr(g, "shape"), hasattr(g, "a")
    yield list(g.group_keys())
    yield list(g.array_keys())
    yield list(g.array_keys(recurse=True))
    yield [(k, v.name) for k, v in g.groups()]
    yield [(k, v.name) for k, v in g.arrays()]
    yield [(k, v.name, v.shape, v.dtype) for k, v in g.arrays(recurse=True)]
    yield (
        g == g,
        g == a,
        g == zarr.Group(g.store),
        g == zarr.Group(g.store, read_only=True),
        a == g["a"],
        g == 5,
    )
    yield hash(g)
    yield bool(zarr.group())
    yield bool(g)
    yield a.attrs["k"], dict(g.attrs), g["a"].attrs.asdict(), len(a.attrs), a.attrs.key, g.attrs.key

    a.attrs["m"] = 1
    yield g["a"].attrs["m"]

    a.attrs["m"] = 1
    yield dict(a.attrs)

    a.attrs.put({"n": 2})
    yield dict(g["a"].attrs)

    del a.attrs["k"]
    yield dict(g["a"].attrs)

    zarr.Group(g.store, read_only=True)["a"].attrs["k"] = 1
    yield

    yield zarr.Group(g.store, read_only=True)["x"].read_only
    yield zarr.Group(g.store, read_only=True)["a"].read_only
    yield zarr.Group(g.store, path="a").path
    yield zarr.Group(g.store, path="/a/").name
    yield zarr.Group(g.store, path="z")
    yield zarr.Group(g.store, path="x")
    yield zarr.Group({})
    yield zarr.Group({".zgroup": b'{"zarr_format": 3}'})
    yield zarr.Group({".zgroup": b'{"zarr_format": 2}'}).name
    yield zarr.Group({".zgroup": b'{"zarr_format": 2, "more": 1}'}).name
    yield zarr.Group(5)
    yield [i for i in g.info_items() if not i[0].endswith("ype")]
    yield [i for i in a.info_items() if not i[0].endswith("ype")]
    yield [i[0] for i in g.info_items()]
    yield g.synchronizer
    yield g.chunk_store is g.store
    yield g.meta_array.shape, g.meta_array.dtype
    yield type(g.info).__name__ is not None
    yield g.attrs.cache
    yield zarr.Group(g.store, cache_attrs=False).attrs.cache
    yield zarr.Group(g.store, cache_attrs=False)["x"].attrs.cache
    yield sorted(g._ipython_key_completions_())


@family(stored_tree)
def group_members_with_stored_tree(zarr, place, g):
    h = pickle.loads(pickle.dumps(g))
    yield h == g, h.path, list(h), h["x"][:]

    h = pickle.loads(pickle.dumps(zarr.open_group(place, mode="r", path="a")))
    yield h.path, list(h), h.read_only

    h = zarr.open(place, mode="r")
    yield list(h), h["x"][:], h.read_only

    h = zarr.open(place, mode="r", path="a")
    yield list(h), h["y"].name

    h = zarr.open(place, mode="r", path="x")
    yield h[:], h.read_only

    h = zarr.open_group(place, mode="r")
    h["new"] = [1]
    yield

    h = zarr.open_group(place, mode="r")
    yield h.create_group("new")

    h = zarr.open_group(place, mode="r")
    yield h.require_group("a")

    h = zarr.open_group(place, mode="r")
    yield h.create_dataset("new", shape=3)

    h = zarr.open_group(place, mode="r")
    yield h.require_dataset("x", shape=6, dtype="i4")

    h = zarr.open_group(place, mode="r")
    yield h.move("a", "d")

    h = zarr.open_group(place, mode="r")
    del h["a"]
    yield

    h = zarr.open_group(place, mode="r")
    h.attrs["a"] = 1
    yield

    h = zarr.open_group(place, mode="r")
    h["x"][0] = 1
    yield

    h = zarr.open_group(place, mode="r")
    yield h["a"].create_group("new")

    yield sorted(g.store)

    h = zarr.open_group(place, mode="r+")
    h["new"] = [1]
    yield h["new"][:]


@family()
def group_members(zarr, place):
    with zarr.open_group(place, mode="w") as g:
        g["x"] = [1, 2]
    yield

    g = zarr.group()
    g["x"] = [1, 2]
    yield g["x"][:], g["x"].dtype

    g = zarr.group()
    g["x/y"] = [1, 2]
    yield list(g), g["x/y"][:]

    g = zarr.group()
    g["x"] = [1, 2]
    g["x"] = [3.5]
    yield g["x"][:]

    g = zarr.group()
    g.create_group("x")
    g["x"] = [3.5]
    yield g["x"][:]

    g = zarr.group()
    g["x"] = 5
    yield g["x"][()]

    g = zarr.group()
    g.update(a=[1], b=[2, 3])
    yield list(g), g["b"][:]

    g = zarr.group()
    g["x"] = [1]
    g.pop("x")
    yield list(g)

    g = zarr.group()
    g["x"] = [1]
    g["y"] = [2]
    g.clear()
    yield list(g)

    g = zarr.group()
    g.setdefault("x", [1, 2])
    yield list(g)


@family(tree)
def creating_members_with_tree(g, a):
    g.create_group("new")
    yield sorted(g.store)

    g.create_group("new/er")
    yield sorted(g.store)

    g.create_group("/new/er")
    yield sorted(g.store)

    a.create_group("new")
    yield sorted(g.store)

    a.create_group("/new")
    yield sorted(g.store)

    g.create_groups("n", "m/o")
    yield sorted(g.store)

    g.create_group("a", overwrite=True)
    yield sorted(g.store)

    g.create_group("x", overwrite=True)
    yield sorted(g.store)

    g.create_groups("a", "b", overwrite=True)
    yield sorted(g.store)

    g.require_group("a")
    yield sorted(g.store)

    g.require_group("new/er")
    yield sorted(g.store)

    g.require_group("b")
    yield sorted(g.store)

    g.require_groups("a", "n")
    yield sorted(g.store)

    g.require_group("x", overwrite=True)
    yield sorted(g.store)

    g.require_group("a", overwrite=True)
    yield sorted(g.store)

    g.create("n", shape=3)
    yield sorted(g.store)

    g.create("n/m", shape=3, chunks=2, dtype="i4", fill_value=7)
    yield sorted(g.store)

    a.zeros("/n", shape=(2, 2), dtype="u1")
    yield sorted(g.store)

    g.create_dataset("n", shape=3, compressor=numcodecs.Zlib())
    yield sorted(g.store)

    g.create_dataset("a", data=[1], overwrite=True)
    yield sorted(g.store)

    g.create_dataset("x", shape=3, overwrite=True)
    yield sorted(g.store)

    g.require_dataset("n", shape=3)
    yield sorted(g.store)

    g.require_dataset("n", shape=3, dtype="i2", chunks=2)
    yield sorted(g.store)

    g.require_dataset("x", shape=6, dtype="i4")
    yield sorted(g.store)

    del g["a"]
    yield sorted(g.store)

    del g["x"]
    yield sorted(g.store)

    del g["a/y"]
    yield sorted(g.store)

    del a["y"]
    yield sorted(g.store)

    del a["/x"]
    yield sorted(g.store)

    del g["b"]
    yield sorted(g.store)

    g.move("a", "d")
    yield sorted(g.store)

    g.move("x", "d")
    yield sorted(g.store)

    g.move("x", "d/e")
    yield sorted(g.store)

    g.move("a", "b/a")
    yield sorted(g.store)

    g.move("a/y", "y")
    yield sorted(g.store)

    a.move("y", "z")
    yield sorted(g.store)

    a.move("y", "/z")
    yield sorted(g.store)

    a.move("/x", "x")
    yield sorted(g.store)

    g.move("x", "a/b/c/x")
    yield sorted(g.store)

    yield g.create_group("a")
    yield g.create_group("x")
    yield g.create_group("x/new")
    yield g.create_group("")
    yield g.create_group("/")
    yield g.create_group("..")
    yield g.create_group("a/y/z")
    yield g.create_groups("n", "a")
    yield g.require_group("x")
    yield g.require_group("x/new")
    yield g.require_group("a").attrs["k"]
    yield g.require_group("b/c").name
    yield g.require_group("").name
    yield g.require_groups("a", "b")[1].name
    yield g.create_group("new").name
    yield g.create("a", shape=3)
    yield g.create("x", shape=3)
    yield g.create("x/y", shape=3)
    yield g.create("n")
    yield g.create_dataset("n")
    yield g.create_dataset("x", data=[1])

    z = g.create_dataset("n", data=[1.5, 2])
    yield z[:], z.dtype, z.name

    z = g.create_dataset("n", data=np.arange(4), shape=(9,))
    yield z.shape

    z = g.create_dataset("n", data=np.arange(4), dtype=None, chunks=None)
    yield z.dtype, z.chunks

    z = g.create_dataset("n", data=np.arange(4), dtype="f4", chunks=3)
    yield z.dtype, z.chunks

    z = g.create_dataset("n", shape=4, fill_value=3)
    yield z[:]

    z = g.create_dataset("n", shape=4, fillvalue=3)
    yield z[:]

    z = g.create_dataset("n", shape=4, compression="zlib", compression_opts=3)
    yield z.compressor

    z = g.create_dataset("n", shape=4, compression=None)
    yield z.compressor

    z = g.create_dataset("n", shape=4, compression="none")
    yield z.compressor

    z = g.create_dataset("n", data=g["x"])
    yield z[:], z.chunks

    z = g.empty("n", shape=3)
    yield z.shape, z.fill_value

    z = g.zeros("n", shape=3)
    yield z[:], z.fill_value

    z = g.ones("n", shape=3, dtype="i4")
    yield z[:]

    z = g.full("n", 7, shape=3, dtype="i4")
    yield z[:]

    z = g.full("n", fill_value=7, shape=3, dtype="i4")
    yield z[:]

    z = g.array("n", [1, 2])
    yield z[:]

    z = g.array("n", [1, 2], chunks=1, dtype="u1")
    yield z[:], z.chunks

    z = g.empty_like("n", g["x"])
    yield z.shape, z.dtype, z.chunks, z.compressor

    z = g.zeros_like("n", g["x"])
    yield z[:], z.chunks, z.compressor

    z = g.zeros_like("n", np.ones((2, 3), dtype="u1"))
    yield z[:], z.chunks, z.compressor is None

    z = g.ones_like("n", g["x"])
    yield z[:]

    z = g.ones_like("n", g["x"], dtype="f4", chunks=3)
    yield z.dtype, z.chunks

    z = g.full_like("n", g["x"], fill_value=9)
    yield z[:]

    z = g.full_like("n", g["x"])
    yield z[:]

    z = g.full_like("n", np.ones(3))
    yield

    z = g.require_dataset("n", shape=3)
    yield z.shape, z.dtype

    z = g.require_dataset("n", shape=(2, 3), dtype="i2", fill_value=5)
    yield z[:]

    z = g.require_dataset("n", shape=2, data=[1, 2])
    yield z[:]

    z = g.require_dataset("x", shape=6, dtype="i4")
    yield z[:]

    z = g.require_dataset("x", shape=(6,), dtype="i4", exact=True)
    yield z[:]

    z = g.require_dataset("x", shape=[6], dtype="i2")
    yield z[:]

    yield g.require_dataset("x", shape=6, dtype="i2", exact=True)
    yield g.require_dataset("x", shape=6, dtype="i8")
    yield g.require_dataset("x", shape=6, dtype="u2").shape
    yield g.require_dataset("x", shape=6, dtype="u4")
    yield g.require_dataset("x", shape=6, dtype="?").shape
    yield g.require_dataset("x", shape=6)
    yield g.require_dataset("x", shape=6, dtype="f4")
    yield g.require_dataset("x", shape=6, dtype=">i4").dtype
    yield g.require_dataset("x", shape=6, dtype=">i4", exact=True)
    yield g.require_dataset("x", shape=7, dtype="i4")
    yield g.require_dataset("x", shape=(6, 1), dtype="i4")
    yield g.require_dataset("x", shape=5)
    yield g.require_dataset("a", shape=3)
    yield g.require_dataset("x/n", shape=3)
    yield g.require_dataset("x", dtype="i4")
    yield g.require_dataset("x", shape=6, dtype="i4", chunks=5).chunks

    del g["z"]
    yield

    del g[""]
    yield list(g)

    del g[".."]
    yield

    yield g.move("z", "n")
    yield g.move("a", "x")
    yield g.move("x", "a")
    yield g.move("a", "a")
    yield g.move("x", "x")

    g.move("a", "n")
    yield list(g), g["n"].attrs["k"], g["n/y"].shape

    g.move("x", "n")
    yield g["n"][:]


@family()
def creating_members(zarr):
    s, c = ({}, {})
    g = zarr.group(s, chunk_store=c)
    g["a/x"] = [1, 2]
    yield sorted(s), sorted(c)

    s, c = ({}, {})
    g = zarr.group(s, chunk_store=c)
    g["a/x"] = [1, 2]
    g.move("a", "b")
    yield sorted(s), sorted(c)

    s, c = ({}, {})
    g = zarr.group(s, chunk_store=c)
    g["x"] = [1, 2]
    g["x"] = [3]
    yield sorted(s), sorted(c)

    g = zarr.group(synchronizer=zarr.ThreadSynchronizer())
    g["a/x"] = [1, 2]
    g.move("a", "c/d")
    yield list(g), g["c/d/x"][:]

    g = zarr.group(synchronizer=zarr.ThreadSynchronizer())
    a = g.create_group("a")
    yield a.synchronizer is g.synchronizer

    g = zarr.group(synchronizer=zarr.ThreadSynchronizer())
    a = g.zeros("a", shape=3)
    yield a.synchronizer is g.synchronizer

    g = zarr.group(cache_attrs=False)
    a = g.zeros("a", shape=3)
    yield g.create_group("b").attrs.cache, a.attrs.cache

    s = {}
    zarr.create(3, store=s, path="a/b/c")
    yield sorted(s)

    s = {}
    zarr.group(s, path="a/b/c")
    yield sorted(s)

    s = {}
    zarr.create(3, store=s)
    yield zarr.create(3, store=s, path="a")


@family(tree)
def visiting(zarr, g, a):
    seen = []
    r = g.visit(seen.append)
    yield r, seen

    seen = []
    a.visit(seen.append)
    yield seen

    seen = []
    g.visitkeys(seen.append)
    yield seen

    seen = []
    r = g.visitvalues(lambda v: seen.append(v.name))
    yield r, seen

    seen = []
    r = g.visititems(lambda k, v: seen.append((k, v.name)))
    yield r, seen

    seen = []
    g["b"].visititems(lambda k, v: seen.append((k, v.name)))
    yield seen

    yield g.visit(lambda k: k if "y" in k else None)
    yield g.visitvalues(lambda v: v.name if hasattr(v, "shape") else None)
    yield g.visititems(lambda k, v: (k, v.name) if hasattr(v, "shape") else None)
    yield g.visit(lambda k: 0)
    yield g.visit(lambda k: False)
    yield g.visit(lambda k: None)
    yield g.visit(lambda k: 1 / 0)
    yield str(g.tree())
    yield repr(g.tree())
    yield str(g.tree(level=1))
    yield str(g.tree(level=0))
    yield str(g.tree(level=2))
    yield str(a.tree())
    yield str(zarr.tree(g))
    yield str(zarr.tree(g, level=1))
    yield str(zarr.group().tree())
    yield bytes(g.tree())
    yield str(g.tree(expand=True))


@family(stored_numbers)
def overwriting_below_an_array(zarr, place):
    g = zarr.open_group(place, mode="w", path="n/m")
    yield list(g)

    z = zarr.open(place, mode="w", path="x", shape=2)
    yield z[:]

    g = zarr.group(place, path="x", overwrite=True)
    yield list(g)

    g = zarr.open_group(place, mode="r")
    yield list(g)

    zarr.save_array(place, [1, 2])
    z = zarr.create(3, store=place, path="a", overwrite=True)
    yield z[:]
    yield list(zarr.open_group(place, mode="r"))
