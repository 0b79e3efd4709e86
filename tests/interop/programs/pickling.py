"""Programs that pickle arrays with options, and change the stored array afterwards."""

from __future__ import annotations

import pickle

from .families import family
from .setups import stored


def pickled(z):
    return pickle.loads(pickle.dumps(z))


@family(stored)
def pickling_keeps_cache_metadata(zarr, place):
    z = pickled(zarr.Array(place, cache_metadata=False))
    zarr.Array(place).resize(8)
    yield z.shape, z.nchunks


@family(stored)
def pickling_keeps_cache_attrs(zarr, place):
    z = pickled(zarr.Array(place, cache_attrs=False))
    zarr.Array(place).resize(8)
    yield z.shape, z.attrs.cache


@family(stored)
def pickling_keeps_write_empty_chunks(zarr, place):
    z = pickled(zarr.Array(place, write_empty_chunks=False))
    zarr.Array(place).resize(8)
    yield z.shape, z.write_empty_chunks


@family(stored)
def pickling_keeps_read_only(zarr, place):
    z = pickled(zarr.Array(place, read_only=True, cache_metadata=False))
    zarr.Array(place).resize(8)
    yield z.read_only, z[:]


@family(stored)
def pickling_keeps_synchronizer(zarr, place):
    z = pickled(zarr.Array(place, synchronizer=zarr.ThreadSynchronizer()))
    zarr.Array(place).resize(8)
    yield type(z.synchronizer)
