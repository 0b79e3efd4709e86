"""Programs that open arrays: modes, options of an open array, and metadata that other objects change."""

from __future__ import annotations

import copy
import os

import numpy as np

from .families import family
from .setups import nested, reloaded, stored, stored_array


@family(mode=["r", "r+", "a", "w", "w-", "x"], options=[{}, {"shape": 2, "dtype": "i4"}])
def opening_a_missing_array(zarr, place, mode, options):
    z = zarr.open_array(place, mode=mode, **options)
    yield z[:], z.read_only


@family(stored, mode=["r", "r+", "a", "w", "w-", "x"], options=[{}, {"shape": 2, "dtype": "i4"}])
def opening_a_stored_array(zarr, place, mode, options):
    z = zarr.open_array(place, mode=mode, **options)
    yield z[:], z.read_only


@family(stored, mode=["r", "r+", "a"])
def opening_a_stored_node(zarr, place, mode):
    z = zarr.open(place, mode=mode)
    yield z[:], z.read_only


@family()
def opening(zarr, place):
    yield zarr.open(place, mode="r")
    yield zarr.open(place, mode="r+")
    yield zarr.open(place, mode="a", shape=3)[:]
    yield zarr.open(place, mode="w", shape=3, dtype="i4")[:]
    yield zarr.Array({})
    yield zarr.Array(5)
    yield zarr.Array({".zarray": b'{"zarr_format": 9}'})

    s = {}
    z = zarr.ones((3, 3), chunks=2, store=s)
    z[0, 0] = 5
    z[2] = 6
    yield sorted(s)

    a, b = ({}, {})
    z = zarr.zeros(3, store=a, chunk_store=b)
    z[:] = 1
    yield sorted(a), sorted(b)

    z = zarr.create(3, path="/a//b/")
    yield z.path, z.name, z.basename

    z = zarr.create(3)
    yield z.path, z.name, z.basename

    yield zarr.load({})
    yield zarr.load(place)
    yield zarr.save(place)

    zarr.save(place, [1, 2])
    yield zarr.open_array(place)[:]

    zarr.save(place, [1, 2])
    zarr.save(place, [3])
    yield zarr.load(place)

    zarr.save_array(place, np.arange(3))
    yield zarr.load(place)

    zarr.save_array(place, np.arange(3), compressor=None)
    yield zarr.open_array(place).compressor


@family(nested)
def opening_with_nested(zarr, s):
    yield sorted(s)
    yield zarr.create(3, store=s, path="a")
    yield zarr.open_array(s, path="a")
    yield zarr.open_array(s, path="a", mode="r")
    yield zarr.open_array(s, path="a", mode="r+")

    zarr.open_array(s, path="a", mode="w", shape=2)
    yield sorted(s)

    yield zarr.open_array(s, path="a", mode="w-", shape=2)


@family(stored)
def opening_with_stored(zarr, place):
    yield zarr.Array(place, path="x")
    yield zarr.create(3, store=place)
    yield zarr.create(3, store=place, overwrite=True)[:]
    yield zarr.create(3, store=place, path="a")
    yield zarr.load(place)


@family(stored)
def array_options_with_stored(zarr, place):
    yield zarr.Array(place)[:]
    yield zarr.Array(place, read_only=True)[:]
    yield zarr.Array(place, None, True).read_only
    yield zarr.Array(store=place, path="")[:]
    yield zarr.Array(place, path="/")[:]
    yield zarr.Array(place, chunk_store={})[:]
    yield zarr.Array(place, chunk_store={"0": np.arange(2, dtype="i4").tobytes()}).nchunks_initialized
    yield zarr.Array(place, cache_metadata=False).shape
    yield zarr.Array(place, cache_attrs=False).attrs.cache
    yield zarr.Array(place, write_empty_chunks=False).write_empty_chunks
    yield zarr.Array(place, zarr_version=2)[:]
    yield zarr.Array(place, meta_array=np.empty(()))[:]
    yield zarr.Array(place, synchronizer=zarr.ThreadSynchronizer())[:]
    yield type(zarr.Array(place, synchronizer=zarr.ThreadSynchronizer()).synchronizer)

    z = zarr.Array(place, synchronizer=zarr.ThreadSynchronizer())
    z[1:3] = 9
    yield z[:]

    z = zarr.Array(place, synchronizer=zarr.ThreadSynchronizer())
    z.append([5, 6])
    yield z[:]

    z = zarr.Array(place, synchronizer=zarr.ThreadSynchronizer())
    z.resize(6)
    yield z[:]

    z = zarr.Array(place, synchronizer=zarr.ThreadSynchronizer())
    z.attrs["a"] = 1
    yield z.attrs.asdict()

    z = zarr.Array(place, synchronizer=zarr.ProcessSynchronizer(place + ".sync"))
    z[1:3] = 9
    yield z[:]

    z = zarr.Array(place, cache_metadata=False)
    y = zarr.Array(place)
    y[:] = 5
    y.resize(8)
    yield z.nchunks_initialized

    z = zarr.Array(place, cache_metadata=False)
    y = zarr.Array(place)
    y.fill_value = 7
    y.resize(8)
    yield z[:]

    v = zarr.Array(place, cache_metadata=False).view()
    y = zarr.Array(place)
    y.resize(8)
    yield v.shape

    yield copy.copy(zarr.Array(place)) == zarr.Array(place)
    yield copy.deepcopy(zarr.Array(place))[:]
    yield zarr.Array(place) != zarr.Array(place)
    yield zarr.Array(place) == zarr.Array(place, synchronizer=zarr.ThreadSynchronizer())
    yield zarr.Array(place) == zarr.Array(place, cache_metadata=False)

    z = zarr.Array(place)
    z.resize(1)
    yield sorted(os.listdir(place))

    z = zarr.Array(place)
    z.append([5])
    yield sorted(os.listdir(place))

    yield zarr.open_array(place, partial_decompress=True, mode="r")[:]
    yield zarr.open_array(place, write_empty_chunks=False).write_empty_chunks
    yield zarr.open_array(place, cache_metadata=False, cache_attrs=False)[:]
    yield zarr.open_array(place, zarr_version=2)[:]
    yield zarr.open_array(place, meta_array=np.empty(()))[:]
    yield zarr.open_array(place, synchronizer=zarr.ThreadSynchronizer())[:]
    yield zarr.open_array(place, chunk_store={})[:]
    yield zarr.open_array(place, mode="r", shape=7)[:]
    yield zarr.open_array(place, mode="a", shape=7, dtype="f8").dtype
    yield zarr.open_array(place, dimension_separator="/").nchunks_initialized
    yield zarr.Array(place, zarr_version=5)


@family(stored, stored_array)
def array_options_with_stored_array(zarr, place, z):
    y = zarr.Array(place)
    y.resize(8)
    yield z.shape, z[:]

    z.read_only = 1
    yield z.read_only

    z.read_only = True
    yield z.append([1])

    z.path = "x"
    yield

    z.chunks = 5
    yield

    z.dtype = "f4"
    yield

    z.compressor = None
    yield

    z.order = "F"
    yield

    z.write_empty_chunks = False
    yield

    z.fill_value = None
    yield z.fill_value, zarr.Array(place).fill_value

    z.fill_value = 3.0
    yield zarr.Array(place).fill_value

    z.shape = 6
    yield z.shape, zarr.Array(place).shape

    z.shape = (2,)
    yield zarr.Array(place)[:]

    yield z.nope

    z.nope = 5
    yield z.nope


@family(stored, reloaded)
def array_options_with_reloaded(z, y):
    yield z.shape, z.nchunks, z.cdata_shape, len(z), z.size, z.nbytes, z[:]

    z[7] = 5
    yield y[:]

    z.append([5])
    yield z.shape, z[:]

    z.resize(9)
    yield z[:]

    yield list(z)
    yield z.vindex[[7]]
    yield z.oindex[[7]]
    yield z.blocks[3]
    yield z.get_mask_selection(np.ones(8, bool))
    yield repr(z).partition("Array")[2]
    yield dict(z.info_items())["Shape"]
    yield z.hexdigest() == y.hexdigest()
    yield z.view()[:]
    yield z.astype("f4")[:]
    yield z.ndim
