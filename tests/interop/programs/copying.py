"""Programs that copy arrays, groups and stores."""

from __future__ import annotations

import io
import re

import numcodecs
import numpy as np

from .families import family
from .setups import copied, copied_keys, empty_group, existing, existing_mixed, tree, two_stores


@family(tree, empty_group)
def copying_nodes_with_empty_group(zarr, place, g, a, x, messages, d):
    yield copied(zarr.copy(x, d, log=messages.append), messages, d)
    yield copied(zarr.copy(x, d, name="n", log=messages.append), messages, d)
    yield copied(zarr.copy(x, d, name="n/m", log=messages.append), messages, d)
    yield copied(zarr.copy(a, d, log=messages.append), messages, d)
    yield copied(zarr.copy(a, d, name="n/m", log=messages.append), messages, d)
    yield copied(zarr.copy(g, d, name="n", log=messages.append), messages, d)
    yield copied(zarr.copy(g, d, name="n", shallow=True, log=messages.append), messages, d)
    yield copied(zarr.copy(g["b"], d, shallow=True, log=messages.append), messages, d)
    yield copied(zarr.copy(a, d, without_attrs=True, log=messages.append), messages, d)
    yield copied(zarr.copy(a, d, dry_run=True, log=messages.append), messages, d)
    yield copied(zarr.copy(g, d, name="n", dry_run=True, log=messages.append), messages, d)
    yield copied(zarr.copy(g, d, log=messages.append), messages, d)
    yield copied(zarr.copy(x, x, log=messages.append), messages, d)
    yield copied(zarr.copy(x, d, if_exists="foo", log=messages.append), messages, d)
    yield copied(zarr.copy(x, d, log=5), messages, d)
    yield copied(zarr.copy(x, g, name="n", log=messages.append), messages, d)
    yield copied(zarr.copy(a, a, name="n/m", dry_run=True, log=messages.append), messages, d)
    yield copied(zarr.copy_all(g, d, log=messages.append), messages, d)
    yield copied(zarr.copy_all(g, d, shallow=True, log=messages.append), messages, d)
    yield copied(zarr.copy_all(a, d, log=messages.append), messages, d)
    yield copied(zarr.copy_all(g, d, log=messages.append, if_exists="skip"), messages, d)
    yield copied(zarr.copy_all(x, d, log=messages.append), messages, d)
    yield copied(zarr.copy_all(g, x, log=messages.append), messages, d)
    yield copied(zarr.copy_all(g, d, if_exists="bar", log=messages.append), messages, d)

    zarr.copy(x, d)
    z = d["x"]
    yield z[:], z.chunks, z.dtype, z.compressor, z.filters, z.order, z.fill_value

    zarr.copy(x, d, chunks=4)
    z = d["x"]
    yield z[:], z.chunks

    zarr.copy(x, d, compressor=numcodecs.Zlib(3))
    z = d["x"]
    yield z[:], z.chunks, z.compressor

    zarr.copy(x, d, fill_value=5)
    z = d["x"]
    yield z[:], z.fill_value

    zarr.copy(x, d, order="F")
    z = d["x"]
    yield z[:], z.order

    zarr.copy(a, d)
    yield dict(d["a"].attrs), d["a/y"].shape

    zarr.copy(a, d, name="/n")
    yield list(d)

    zarr.copy(a, d.create_group("e"))
    yield dict(d["e/a"].attrs)

    zarr.copy(a, d, log=place)
    yield open(place).read()

    f = io.StringIO()
    zarr.copy(a, d, log=f)
    yield f.getvalue()

    g.attrs["z"] = 1
    d.attrs["z"] = 2
    d.attrs["o"] = 3
    zarr.copy_all(g, d)
    yield dict(d.attrs)


@family(tree, existing)
def copying_nodes_with_existing(zarr, a, x, messages, d):
    r = zarr.copy(x, d, if_exists="skip_initialized", log=messages.append)
    yield r, messages, d["x"][:]

    d.create_dataset("x", shape=6, chunks=2, overwrite=True)
    r = zarr.copy(x, d, if_exists="skip_initialized", log=messages.append)
    yield r, messages, d["x"][:]

    r = zarr.copy(a, d, if_exists="skip_initialized", log=messages.append)
    yield r, messages, d["a/y"][:]


@family()
def copying_nodes(zarr):
    d = zarr.group()
    z = zarr.array(["a", "bc"], dtype=str)
    zarr.copy(z, d, name="n")
    yield d["n"][:]

    d = zarr.group()
    z = zarr.array(5)
    r = zarr.copy(z, d, name="n")
    yield r, d["n"][()]

    d = zarr.group()
    z = zarr.zeros((0, 3))
    r = zarr.copy(z, d, name="n")
    yield r, d["n"].shape

    d = zarr.group()
    z = zarr.array(np.arange(20).reshape(4, 5), chunks=(3, 2), order="F", filters=[numcodecs.Delta("i8")])
    zarr.copy(z, d, name="n")
    yield d["n"][:], d["n"].order, d["n"].filters

    d = zarr.group()
    z = zarr.array(np.arange(20).reshape(4, 5), chunks=(3, 2))
    r = zarr.copy(z, d, name="n", chunks=(1, 5))
    yield r, d["n"][:], d["n"].nchunks_initialized

    d = zarr.group()
    z = zarr.array(np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]))
    zarr.copy(z, d, name="n")
    yield d["n"][:]

    d = zarr.group()
    yield zarr.copy(np.arange(3), d, name="n")


@family(tree, existing, if_exists=["raise", "replace", "skip"], options=[{}, {"dry_run": True}])
def copying_over_existing_nodes(zarr, d, g, a, x, messages, if_exists, options):
    yield copied(zarr.copy(x, d, if_exists=if_exists, **options, log=messages.append), messages, d)
    yield copied(zarr.copy(a, d, if_exists=if_exists, **options, log=messages.append), messages, d)
    yield copied(zarr.copy(g["b"], d, if_exists=if_exists, **options, log=messages.append), messages, d)
    yield copied(zarr.copy(g, d, name="n", if_exists=if_exists, **options, log=messages.append), messages, d)


@family(tree, existing, if_exists=["raise", "replace", "skip"])
def copying_all_over_existing_nodes(zarr, d, g, messages, if_exists):
    yield copied(zarr.copy_all(g, d, if_exists=if_exists, log=messages.append), messages, d)


@family(tree, existing_mixed, if_exists=["raise", "replace", "skip"], options=[{}, {"dry_run": True}])
def copying_over_nodes_of_another_kind(zarr, d, g, a, x, messages, if_exists, options):
    yield copied(zarr.copy(x, d, if_exists=if_exists, **options, log=messages.append), messages, d)
    yield copied(zarr.copy(a, d, if_exists=if_exists, **options, log=messages.append), messages, d)
    yield copied(zarr.copy(g["b"], d, if_exists=if_exists, **options, log=messages.append), messages, d)
    yield copied(zarr.copy(g, d, name="n", if_exists=if_exists, **options, log=messages.append), messages, d)


@family(tree, existing_mixed, if_exists=["raise", "replace", "skip"])
def copying_all_over_nodes_of_another_kind(zarr, d, g, messages, if_exists):
    yield copied(zarr.copy_all(g, d, if_exists=if_exists, log=messages.append), messages, d)


@family(two_stores)
def copying_stores(zarr, place, s, d, messages):
    yield copied_keys(zarr.copy_store(s, d, log=messages.append), messages, d)
    yield copied_keys(zarr.copy_store(s, d, source_path="a", log=messages.append), messages, d)
    yield copied_keys(
        zarr.copy_store(s, d, source_path="/a/", dest_path="/n//m/", log=messages.append), messages, d
    )
    yield copied_keys(zarr.copy_store(s, d, dest_path="n", log=messages.append), messages, d)
    yield copied_keys(zarr.copy_store(s, d, source_path="z", log=messages.append), messages, d)
    yield copied_keys(zarr.copy_store(s, d, dry_run=True, log=messages.append), messages, d)
    yield copied_keys(zarr.copy_store(s, d, excludes="zgroup", log=messages.append), messages, d)
    yield copied_keys(zarr.copy_store(s, d, excludes=["zgroup", "zattrs"], log=messages.append), messages, d)
    yield copied_keys(zarr.copy_store(s, d, excludes=".*", includes="a/", log=messages.append), messages, d)
    yield copied_keys(
        zarr.copy_store(s, d, excludes=".*", includes=["^b", "x"], log=messages.append), messages, d
    )
    yield copied_keys(zarr.copy_store(s, d, excludes="ZGROUP", flags=re.I, log=messages.append), messages, d)
    yield copied_keys(zarr.copy_store(s, d, excludes="(", log=messages.append), messages, d)

    d["a/x/0"] = b"old"
    yield copied_keys(zarr.copy_store(s, d, if_exists="replace", log=messages.append), messages, d)

    d["a/x/0"] = b"old"
    yield copied_keys(zarr.copy_store(s, d, if_exists="skip", log=messages.append), messages, d)

    d["a/x/0"] = b"old"
    yield copied_keys(zarr.copy_store(s, d, if_exists="raise", log=messages.append), messages, d)

    d["a/x/0"] = b"old"
    yield copied_keys(
        zarr.copy_store(s, d, if_exists="replace", dry_run=True, log=messages.append), messages, d
    )

    d["a/x/0"] = b"old"
    yield copied_keys(zarr.copy_store(s, d, if_exists="skip", dry_run=True, log=messages.append), messages, d)

    yield copied_keys(zarr.copy_store(s, d, if_exists="foo", log=messages.append), messages, d)

    r = zarr.copy_store(s, s, dest_path="n", log=messages.append)
    d = s
    yield copied_keys(r, messages, d)

    yield copied_keys(zarr.copy_store(s, d, log=5), messages, d)
    yield copied_keys(zarr.copy_store(zarr.KVStore(s), zarr.KVStore(d), log=messages.append), messages, d)

    r = zarr.copy_store(s, zarr.DirectoryStore(place), log=messages.append)
    d = zarr.DirectoryStore(place)
    yield copied_keys(r, messages, d)

    zarr.copy_store(s, d)
    yield zarr.open(d)["a/x"][:]
