"""Programs that create arrays: arguments, fill values, and the documents that are stored."""

from __future__ import annotations

import numcodecs
import numpy as np

from .families import family
from .setups import documents, mapping, point, zeros


@family()
def creating_arrays(zarr, place):
    yield zarr.create(10, dtype=str).fill_value
    yield zarr.create(10, dtype=str).dtype
    yield [f.get_config() for f in zarr.create(10, dtype=str).filters]
    yield [f.get_config() for f in zarr.create(10, dtype=bytes).filters]

    z = zarr.create(3, dtype=bytes)
    z[0] = b"a\x00"
    yield z[0]

    z = zarr.create(3, dtype=object, object_codec=numcodecs.JSON())
    z[0] = {"a": 1}
    yield z[0]

    z = zarr.create(3, dtype=object, filters=[numcodecs.VLenUTF8()])
    z[0] = "b"
    yield z[0]

    yield zarr.create(3, dtype=object)
    yield zarr.create(3, dtype=object, compressor=numcodecs.Zlib())
    yield zarr.create(3, dtype="str").dtype
    yield zarr.create(3, dtype="bytes").dtype
    yield zarr.create(3, dtype="array:i4").filters[0].get_config()
    yield zarr.full(3, "foo", dtype=str)[:]
    yield zarr.full(3, "foo", dtype=str).fill_value
    yield zarr.full(3, "foo", dtype="U3")[:]
    yield zarr.full(3, b"foo", dtype="S3")[:]
    yield zarr.full(3, np.nan)[:]
    yield zarr.full((2, 2), 7, dtype="i2")[:]

    z = zarr.full(3, 7)
    yield z.dtype, z.fill_value

    yield zarr.zeros(3, dtype="U3")[:]
    yield zarr.zeros(3, dtype="S3")[:]
    yield zarr.zeros(3, dtype="M8[s]")[:]
    yield zarr.zeros(3, dtype=[("a", "i4"), ("b", "S2")])[:]
    yield zarr.ones(3, dtype=bool)[:]
    yield zarr.ones(3, dtype="i4").fill_value
    yield zarr.ones(3, dtype="S3")[:]
    yield zarr.ones(3, dtype="U3")[:]
    yield zarr.empty(3).fill_value
    yield zarr.empty(3, fill_value=5)
    yield zarr.create(3).fill_value
    yield zarr.open_array(place, mode="w", shape=3).fill_value

    zarr.open_array(place, mode="w", shape=3)
    yield open(place + "/.zarray").read()

    zarr.open(place, mode="w", shape=3, dimension_separator="/")
    yield open(place + "/.zarray").read()

    zarr.save(place, np.arange(3))
    yield open(place + "/.zarray").read()

    yield zarr.create(3).dtype
    yield zarr.create(3, dtype=None).dtype
    yield zarr.create(3, dtype=int).dtype
    yield zarr.create(3, dtype="foo")
    yield zarr.create(3, dtype="M8").dtype
    yield zarr.create(3, dtype="m8").dtype

    z = zarr.create(3, dtype="(2,)i4")
    yield z.shape, z.dtype, z.chunks

    z = zarr.create(30, chunks=10, dtype="(2,)i4")
    yield z.shape, z.dtype, z.chunks

    z = zarr.create(())
    yield z.shape, z.chunks, z.nchunks, z.cdata_shape, z[()], z[...]

    z = zarr.zeros((), dtype="i4")
    yield z.size, z.nbytes, z.ndim

    yield zarr.create((), compressor=numcodecs.Zlib()).compressor
    yield zarr.create((), dtype="i4", filters=[numcodecs.Delta("i4")]).filters
    yield zarr.zeros([3, 4]).shape
    yield zarr.zeros(np.int64(3)).shape
    yield zarr.create()
    yield zarr.create(None)
    yield zarr.create(1.5)

    z = zarr.array([1, 2, 3])
    yield z.dtype, z.shape, z[:], z.fill_value

    z = zarr.array(["a", "bcd"])
    yield z.dtype, z[:]

    yield zarr.array([1, 2], read_only=True).read_only
    yield zarr.array([1.7, 2], dtype="i4")[:]
    yield zarr.array(np.asfortranarray([[1, 2], [3, 4]])).order
    yield zarr.array([[1, 2], [3, 4]], order="F")[:].flags.f_contiguous

    z = zarr.zeros((4, 4), chunks=(2, 1))
    yield zarr.array(z).chunks

    yield zarr.zeros(3).compressor.get_config()
    yield zarr.zeros(3, compressor=None).compressor
    yield zarr.zeros(3, compressor=numcodecs.Zlib(3)).compressor == numcodecs.Zlib(3)

    zarr.zeros(3, store=place, compressor=numcodecs.Blosc("zstd", 3, 2))
    yield zarr.open_array(place).compressor.get_config()

    yield zarr.zeros(3).filters
    yield zarr.zeros(3, filters=[]).filters
    yield [f.get_config() for f in zarr.zeros(3, dtype="i4", filters=[numcodecs.Delta("i4")]).filters]
    yield [f.get_config() for f in zarr.zeros(3, dtype="i4", filters=(numcodecs.Delta("i4"),)).filters]

    zarr.zeros(3, store=place, filters=[numcodecs.Delta("f8")])
    yield [f.get_config() for f in zarr.open_array(place).filters]

    yield zarr.zeros(3, order="F").order
    yield zarr.zeros(3).order
    yield zarr.create(3, order="c").order
    yield zarr.create(3, order="X")
    yield zarr.create(3, order=None)
    yield zarr.create(3, dimension_separator="-")
    yield zarr.create(3, compressor=5)
    yield zarr.create(3, compressor="zlib")
    yield zarr.create(3, compressor="nope")
    yield zarr.create(3, compression="zlib", compression_opts=3).compressor
    yield zarr.create(3, path="../x")
    yield zarr.create(3, storage_transformers=())[:]

    zarr.save(place, [1, 2])
    yield zarr.load(place, None, "")

    z = zarr.zeros(2, dtype=int)
    z[:] = np.ma.masked_array([1, 2], [True, False])
    yield z[:]

    yield zarr.array(np.ma.masked_array([1, 2], [True, False]))[:]


@family(point)
def creating_arrays_with_point(z):
    yield z.shape, z[()]


@family()
def fill_values(zarr):
    yield zarr.create(3, dtype="i4", fill_value="a")
    yield zarr.create(3, dtype="i4", fill_value=2.0).fill_value
    yield zarr.create(3, dtype="i4", fill_value=np.nan)
    yield zarr.create(3, dtype="i4", fill_value=True).fill_value
    yield zarr.create(3, dtype="u1", fill_value=300)
    yield zarr.create(3, dtype="u1", fill_value=-1)
    yield zarr.create(3, fill_value="1.5").fill_value
    yield zarr.create(3, fill_value=np.array(1.0)).fill_value
    yield zarr.create(3, dtype="U3", fill_value=b"a")
    yield zarr.create(3, dtype="U3", fill_value=5)
    yield zarr.create(3, dtype="S3", fill_value="a").fill_value
    yield zarr.create(3, dtype="S3", fill_value=b"abcdef").fill_value
    yield zarr.create(3, dtype="M8[s]", fill_value=5).fill_value
    yield zarr.create(3, dtype="M8[s]", fill_value="2020-01-01").fill_value
    yield zarr.create(3, dtype="?", fill_value=1).fill_value
    yield zarr.create(3, dtype="?", fill_value=None).fill_value
    yield zarr.create(3, dtype=[("a", "i4"), ("b", "f4")], fill_value=(1, 2.5)).fill_value
    yield zarr.create(3, dtype=[("a", "<i4"), ("b", "<f4")], fill_value=b"12345678").fill_value
    yield zarr.create(3, dtype=[("a", "i4"), ("b", "f4")], fill_value=0).fill_value
    yield zarr.create(3, dtype="V3", fill_value=b"abc").fill_value
    yield zarr.create(3, dtype="V3", fill_value=b"abc")[:]
    yield zarr.create(3, dtype=object, object_codec=numcodecs.JSON(), fill_value={"a": 1})[0]
    yield zarr.create(3, dtype="c8", fill_value=1 + 2j).fill_value
    yield zarr.create(3, dtype="c8", fill_value=2).fill_value
    yield zarr.create(3, dtype="f8", fill_value=1 + 2j)

    z = zarr.zeros(3, dtype="i4")
    z.fill_value = "a"
    yield


@family(zeros)
def fill_values_with_zeros(zarr, place, z):
    z.fill_value = 5
    yield z[:], zarr.open_array(place).fill_value


@family(
    dtype_and_fill=[
        ("?", True), ("?", 0), ("i4", 5), (">i4", 5), ("u8", 2**64 - 1), ("f2", 1.1), ("f4", 1.5), ("f4", 0),
        ("c8", 1 + 2j), ("S3", b"ab"), ("S3", b""), ("S3", 0), ("M8[s]", 5), ("M8[s]", np.datetime64("NaT")),
        ("m8[D]", 5), ("V3", b"abc"),
    ]
)  # fmt: skip
def stored_fill_values(zarr, place, dtype_and_fill):
    dtype, fill = dtype_and_fill
    z = zarr.create(3, dtype=dtype, fill_value=fill, store=place)
    y = zarr.open_array(place)
    yield z.fill_value, y.fill_value, y[0], y.dtype


@family(mapping)
def stored_documents(zarr, s):
    zarr.zeros((10, 10), store=s)
    yield documents(s)

    zarr.empty(5, store=s)
    yield documents(s)

    zarr.ones((3, 4, 5), dtype="?", store=s)
    yield documents(s)

    zarr.full(5, 2.5, dtype="f4", store=s, path="a//b/c")
    yield documents(s)

    zarr.create(10, dtype=str, store=s)
    yield documents(s)

    zarr.create(10, dtype=bytes, store=s)
    yield documents(s)

    zarr.create((), dtype="i4", store=s)
    yield documents(s)

    zarr.create((), dtype="i4", compressor=None, store=s)
    yield documents(s)

    zarr.create(0, chunks=1, store=s)
    yield documents(s)

    zarr.create((2, 3), order="F", dimension_separator="/", store=s)
    yield documents(s)

    zarr.create(3, dtype=[("œ", "i4"), ("b", "(2, 2)f4")], store=s)
    yield documents(s)

    zarr.create(3, dtype=np.dtype(">i4"), store=s)
    yield documents(s)

    zarr.create(3, dtype="datetime64[25s]", store=s)
    yield documents(s)

    zarr.create(3, dtype="(2, 3)i4", store=s)
    yield documents(s)

    zarr.create(3, dtype="c16", fill_value=complex(np.nan, -0.0), store=s)
    yield documents(s)

    zarr.create(3, fill_value=1e300, store=s)
    yield documents(s)

    zarr.create(3, dtype="f4", fill_value=0.1, store=s)
    yield documents(s)

    zarr.create(3, dtype="f2", fill_value=0.1, store=s)
    yield documents(s)

    zarr.create(3, dtype="U4", fill_value='œ"', store=s)
    yield documents(s)

    zarr.array([1, 2, 3], store=s, compressor=None)
    yield documents(s)

    zarr.array([[True, False]], store=s, compressor=None)
    yield documents(s)

    zarr.array(["a", "bc"], store=s, compressor=None)
    yield documents(s)

    zarr.array(np.array([1, 2], dtype=">f4"), store=s, compressor=None)
    yield documents(s)

    zarr.save_array(s, np.arange(3, dtype="u1"), compressor=None)
    yield documents(s)

    zarr.create(3, filters=[numcodecs.Delta("f8")], compressor=numcodecs.LZMA(), store=s)
    yield documents(s)

    zarr.create(3, dtype=object, object_codec=numcodecs.JSON(), filters=[], store=s)
    yield documents(s)

    zarr.zeros(3, store=s).attrs["a"] = [1, {"b": None}]
    yield documents(s)

    z = zarr.zeros(3, store=s, dimension_separator=".")
    z.fill_value = 7
    yield documents(s)

    z = zarr.zeros(3, store=s)
    z.attrs["a"] = 1
    del z.attrs["a"]
    yield documents(s)
