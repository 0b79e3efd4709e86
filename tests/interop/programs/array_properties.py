"""Programs that read properties of arrays."""

from __future__ import annotations

import pickle

import numcodecs
import numpy as np

from .families import family
from .setups import grid, stored


def raw_grid(zarr):
    return {"z": zarr.array(np.arange(20).reshape(4, 5), chunks=(2, 2), compressor=None)}


@family(grid)
def properties_with_grid(z):
    yield z.shape
    yield z.chunks
    yield z.ndim
    yield z.size
    yield z.itemsize
    yield z.nbytes
    yield z.cdata_shape
    yield z.nchunks
    yield z.nchunks_initialized
    yield z.initialized
    yield z.order
    yield z.read_only
    yield z.name
    yield z.path
    yield z.basename
    yield z.fill_value
    yield z.dtype
    yield z.filters
    yield z.write_empty_chunks
    yield z.synchronizer
    yield z.nbytes_stored


@family()
def properties(zarr, place):
    z = zarr.array(np.arange(6, dtype="i4"), chunks=2, compressor=None, store=place)
    yield z.nbytes_stored

    z = zarr.array(np.arange(6, dtype="i4"), chunks=2, compressor=None, store={})
    yield z.nbytes_stored

    z = zarr.zeros((5, 5), chunks=2)
    z[0, 0] = 1
    yield z.nchunks_initialized

    z = zarr.zeros((0, 5), chunks=2)
    yield z.nchunks, z.cdata_shape, z.nchunks_initialized

    z = zarr.zeros(3)
    yield z == z

    z = zarr.zeros(3)
    yield z == z[:]

    yield hash(zarr.zeros(3))

    z = pickle.loads(pickle.dumps(zarr.array([1, 2], store=place, read_only=True)))
    yield z[:], z.read_only

    z = pickle.loads(pickle.dumps(zarr.array([1, 2])))
    yield z[:]

    yield repr(zarr.zeros((3, 4), dtype="i4", path="a/b")).partition("Array")[2]
    yield repr(zarr.zeros(3, read_only=True)).partition("Array")[2]
    yield issubclass(zarr.errors.ArrayNotFoundError, ValueError)
    yield issubclass(zarr.errors.ContainsArrayError, ValueError)
    yield issubclass(zarr.errors.ContainsGroupError, ValueError)
    yield issubclass(zarr.errors.PathNotFoundError, ValueError)
    yield issubclass(zarr.errors.BoundsCheckError, IndexError)
    yield issubclass(zarr.errors.ReadOnlyError, PermissionError)
    yield issubclass(zarr.errors.MetadataError, Exception)


@family(stored)
def properties_with_stored(zarr, place):
    yield zarr.open_array(place) == zarr.open_array(place)
    yield zarr.open_array(place) == zarr.open_array(place, mode="r")


@family(raw_grid)
def more_properties_with_raw_grid(z):
    yield z.digest()
    yield z.digest("md5")
    yield z.digest(hashname="sha256")
    yield z.digest("nope")
    yield z.hexdigest()
    yield z.hexdigest("md5")
    yield z.hexdigest(hashname="sha512")

    z.attrs["a"] = 1
    yield z.hexdigest()

    z[0] = 7
    yield z.hexdigest()


@family(grid)
def more_properties_with_grid(zarr, z):
    yield z.T
    yield z.mean
    yield z.compressor
    yield z.meta_array
    yield z.resize(2)
    yield z.resize(2, 2, 2)
    yield z.resize(shape=(2, 2))
    yield z.resize((2, 2), (3, 3))
    yield z.resize(True, 2)
    yield z.append(np.ones((2, 5)), 0)
    yield z.append(np.ones((4, 2)), 1)
    yield z.append(data=np.ones((4, 2)), axis=1)
    yield z.append(np.ones((4, 2)), axis=-3)
    yield z.append([[1, 2, 3, 4]])
    yield z.append(5)
    yield z.append([[1, 2, 3, 4, "a"]])
    yield z.append(None)
    yield z.append(np.ones((1, 5, 1)))
    yield type(z.islice()).__name__
    yield list(z.islice())
    yield list(z.islice(1))[0]
    yield list(z.islice(end=2))[1]
    yield list(z.islice(1, 1))
    yield list(z.islice(3, 1))
    yield list(z.islice(start=2, end=99))
    yield list(z.islice(99))
    yield next(iter(z))
    yield sum((1 for _ in z))
    yield [r.shape for r in z]
    yield z.__array__()
    yield z.__array__("f4")
    yield z.__array__(dtype="f4")
    yield np.array(z)
    yield np.array(z, dtype="f4")
    yield np.asarray(z, dtype="i8")
    yield np.asarray(z, dtype="U2")
    yield np.asanyarray(z)[0]
    yield np.ascontiguousarray(z)[0]
    yield np.mean(z)
    yield np.concatenate([z, z]).shape
    yield np.stack([z, z]).shape
    yield np.array([z, z]).shape
    yield z + 1
    yield z == z[...]
    yield z > 3
    yield z.max()
    yield z.sum()
    yield z.reshape(20)
    yield len(z)
    yield bool(z)
    yield float(z)
    yield int(z)
    yield z.__index__()
    yield 5 in z
    yield [n for n, _ in z.info_items()]
    yield dict(z.info_items())["No. bytes"]
    yield dict(z.info_items())["Chunks initialized"]
    yield dict(z.info_items())["Order"]
    yield dict(z.info_items())["Read-only"]
    yield dict(z.info_items())["Data type"]
    yield dict(z.info_items())["Shape"]
    yield dict(z.info_items())["Chunk shape"]
    yield type(z.info_items())
    yield type(z.info_items()[0])
    yield [type(b) for a, b in z.info_items()]
    yield repr(z.info).splitlines()[1]
    yield "<table" in z.info._repr_html_()
    yield z.store is z.chunk_store
    yield str(z).partition("Array")[2]

    z.resize(None, None)
    yield z.shape

    z.resize((None, 3))
    yield z.shape

    z.resize([4, 4])
    yield z.shape

    z.resize(np.int64(4), 3)
    yield z.shape

    z.resize(0, 5)
    yield z[...]

    z.resize(0, 5)
    z.resize(4, 5)
    yield z[...]

    z.resize(3, 3)
    z.resize(4, 5)
    yield z.nchunks_initialized

    z.append(zarr.ones((1, 5)))
    yield z[-1]

    z.append(np.ones((1, 5)) * 1.7)
    yield z[-1]

    z.append(np.ones((0, 5)))
    yield z.shape


@family()
def more_properties(zarr):
    z = zarr.zeros(3, chunks=2)
    z[0] = 1
    yield dict(z.info_items())["Chunks initialized"]

    z = zarr.zeros(0)
    yield list(z), len(z), z.nchunks, z.cdata_shape, z.nbytes, z.nchunks_initialized

    z = zarr.zeros(())
    yield z.cdata_shape, z.nchunks, z.size, z.shape, z.chunks, z.nbytes

    z = zarr.zeros(())
    yield list(z.islice())

    z = zarr.zeros(())
    yield z.resize()

    z = zarr.zeros(())
    yield z.resize(3)

    z = zarr.zeros(())
    yield z.append([1])

    z = zarr.zeros(())
    yield z.get_basic_selection()

    z = zarr.zeros(())
    yield z.get_basic_selection(out=np.empty(()))

    z = zarr.zeros(())
    yield z.get_orthogonal_selection(())

    z = zarr.zeros(())
    yield z.oindex[()]

    z = zarr.zeros(())
    yield z.vindex[...]

    z = zarr.zeros(())
    yield z.blocks[()]

    z = zarr.zeros(())
    yield z.blocks[0]

    z = zarr.zeros(())
    z.set_basic_selection((), 5)
    yield z[()]

    z = zarr.zeros(())
    z.set_basic_selection(..., 5)
    yield z[...]

    z = zarr.zeros(())
    yield z.hexdigest()

    z = zarr.zeros((), dtype="i4", compressor=None)
    z[...] = 5
    yield z.hexdigest()

    z = zarr.zeros((), dtype=[("a", "i4")])
    z["a"] = 5
    yield z[()]

    z = zarr.zeros((3, 0, 2), chunks=(3, 1, 2))
    yield z[...], z.nchunks, z.chunks, z.cdata_shape

    z = zarr.zeros((3, 0, 2))
    z[...] = 5
    yield z[...]

    z = zarr.zeros((3, 0, 2))
    yield z.append(np.ones((3, 4, 2)), axis=1)

    z = zarr.zeros((3, 0, 2))
    z.resize(3, 1, 2)
    yield z[...]

    z = zarr.zeros((3, 0, 2))
    yield list(z)

    z = zarr.zeros((3, 0, 2))
    yield z.vindex[np.zeros((3, 0, 2), bool)]

    z = zarr.zeros(10, chunks=3, path="a/b/c", store={})
    yield z.name, z.basename, z.path, z.attrs.key

    z = zarr.zeros(3, synchronizer=zarr.ThreadSynchronizer())
    yield [n for n, _ in z.info_items()]

    z = zarr.zeros(3, chunk_store={}, store={})
    yield [n for n, _ in z.info_items()]

    z = zarr.zeros(3, filters=[numcodecs.Delta("f8"), numcodecs.Shuffle(8)])
    yield [n for n, _ in z.info_items()]

    z = zarr.zeros(3, read_only=True)
    yield dict(z.info_items())["Read-only"]

    z = zarr.zeros(2**40, chunks=2**30, compressor=None)
    yield z.nchunks, z.nbytes, dict(z.info_items())["No. bytes"]

    z = zarr.zeros((2**31, 2**31), chunks=(2**20, 2**20), compressor=None)
    yield z.size, z.nchunks, z.cdata_shape, z.nbytes

    z = zarr.zeros((2**31, 2**31), chunks=(2**20, 2**20), dtype="u1", compressor=None)
    yield z[2**31 - 1, 2**31 - 2 :]

    z = zarr.zeros(7, chunks=(3,))
    z[:] = range(7)
    yield z.blocks[2], z.blocks[-1]

    z = zarr.ones(5, chunks=2, write_empty_chunks=False)
    z[:] = 1
    yield z.nchunks_initialized, z[:]

    z = zarr.zeros(5, chunks=2, write_empty_chunks=False)
    z[:] = 1
    z[0] = 0
    z[1] = 0
    yield z.nchunks_initialized, z[:]

    z = zarr.zeros(5, chunks=2, write_empty_chunks=False)
    z[:] = 1
    z.vindex[[0, 1]] = 0
    yield z.nchunks_initialized, z[:]

    z = zarr.zeros(5, chunks=2, write_empty_chunks=False)
    z[:] = 1
    z.oindex[[0, 1]] = 0
    yield z.nchunks_initialized, z[:]

    z = zarr.zeros(5, chunks=2, write_empty_chunks=False)
    z.append([0, 0, 0])
    yield z.nchunks_initialized, z.shape

    z = zarr.zeros((5, 5), chunks=2, order="F")
    yield z[...].flags.f_contiguous

    z = zarr.zeros((5, 5), chunks=2, order="F")
    yield z.oindex[[0, 1]].flags.f_contiguous, z[1:3].flags.f_contiguous
