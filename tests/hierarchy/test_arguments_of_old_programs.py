"""Arguments of programs for zarr-python 1 and 2 and for h5py: they mean the same, or are ignored with a warning."""

from types import SimpleNamespace

import numcodecs
import numpy as np
import pytest

import zarrcy as zarr

WAYS = {
    "create": zarr.create,
    "zeros": zarr.zeros,
    "open_array": lambda shape, **kwargs: zarr.open_array({}, "w", shape, **kwargs),
    "create_dataset": lambda shape, **kwargs: zarr.group().create_dataset("a", shape=shape, **kwargs),
    "require_dataset": lambda shape, **kwargs: zarr.group().require_dataset(
        "a", shape, kwargs.pop("dtype", "f8"), **kwargs
    ),
}


@pytest.fixture(params=WAYS)
def create(request):
    return WAYS[request.param]


@pytest.mark.parametrize(
    "kwargs",
    [
        {"compressor": numcodecs.Zlib(9), "compression": "bz2"},
        {"compressor": numcodecs.Zlib(9), "compression_opts": 1},
        {"compressor": numcodecs.Zlib(9), "compression": "bz2", "compression_opts": 1},
    ],
    ids="+".join,
)
def test_a_compressor_takes_precedence_over_the_arguments_of_h5py(create, kwargs):
    with pytest.warns(UserWarning, match="ignoring keyword argument 'compression"):
        z = create(10, **kwargs)
    assert z.compressor.get_config() == {"id": "zlib", "level": 9}


@pytest.mark.parametrize(
    "name",
    ["shuffle", "fletcher32", "maxshape", "scaleoffset", "track_order", "track_times", "compression_opts"],
)
def test_an_argument_that_only_hdf5_has_is_ignored_with_a_warning(create, name):
    with pytest.warns(UserWarning, match=f"ignoring keyword argument '{name}'"):
        assert create(10, **{name: 1})[:].tolist() == [0] * 10


def test_an_unknown_argument_is_refused(create):
    with pytest.raises(TypeError):
        create(10, shufle=True)


@pytest.mark.parametrize("dtype", ["i4", "U3", "S3", "M8[s]", [("x", "i4")]])
def test_an_object_codec_for_elements_that_are_not_objects_is_ignored_with_a_warning(create, dtype):
    with pytest.warns(UserWarning, match="ignoring keyword argument 'object_codec'"):
        z = create(10, dtype=dtype, object_codec=numcodecs.JSON())
    assert z.filters is None


@pytest.mark.parametrize(
    ("kwargs", "config"),
    [
        ({"compression": "zlib"}, {"id": "zlib", "level": 1}),
        ({"compression": "zlib", "compression_opts": 9}, {"id": "zlib", "level": 9}),
        ({"compression": "zlib", "compression_opts": {"level": 3}}, {"id": "zlib", "level": 3}),
        (
            {"compression": "blosc", "compression_opts": ("zstd", 1, 2)},
            {"id": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 2, "blocksize": 0},
        ),
        (
            {"compression": "blosc", "compression_opts": ["zstd", 1]},
            {"id": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 1, "blocksize": 0},
        ),
        ({"compression": numcodecs.BZ2(3)}, {"id": "bz2", "level": 3}),
        ({"compression": "none"}, None),
        ({"compression": None}, None),
        ({"compressor": "none"}, None),
        (
            {"compression": "default"},
            {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
        ),
    ],
)
def test_the_compressor_is_spelled_as_in_h5py_and_in_old_versions(create, kwargs, config):
    codec = create(10, **kwargs).compressor
    assert (codec and {key: codec.get_config()[key] for key in config}) == config


@pytest.mark.parametrize("kwargs", [{"compressor": "zlib"}, {"compression": "nope"}, {"compression": 1}])
def test_what_is_not_a_compressor_is_refused(create, kwargs):
    with pytest.raises(ValueError, match="compressor"):
        create(10, **kwargs)


def test_init_array_takes_a_compressor_none():
    store = {}
    zarr.storage.init_array(store, 10, compressor="none")
    assert zarr.open_array(store).compressor is None


@pytest.mark.parametrize(
    "kwargs",
    [
        {"shape": (4.0, 6)},
        {"shape": (4, 6), "chunks": (2.0, np.float32(3))},
        {"shape": (4, np.float64(6)), "chunks": True},
        {"shape": (4.0, 6), "chunks": False},
    ],
)
def test_lengths_that_are_whole_floats_are_converted_with_a_warning(create, kwargs):
    with pytest.warns(UserWarning, match="is not an integer"):
        z = create(**kwargs)
    assert z.shape == (4, 6)
    assert all(type(n) is int for n in (*z.shape, *z.chunks))


@pytest.mark.parametrize(
    "kwargs", [{"shape": (4.5,)}, {"shape": (4,), "chunks": (1.5,)}, {"shape": (np.inf,)}]
)
def test_lengths_that_are_not_whole_numbers_are_refused(create, kwargs):
    with pytest.raises(TypeError):
        create(**kwargs)


# -- fill values -------------------------------------------------------------------------------------

STRUCTURED = [
    np.dtype([("a", "S3"), ("b", "i4"), ("c", "f8")]),
    np.dtype([("a", "i8"), ("b", "f4", (3, 2)), ("c", "S3")]),
    np.dtype([("a", "i8"), ("b", [("c", "i4"), ("d", "f4", (2,))])]),
]


@pytest.mark.parametrize("dtype", STRUCTURED)
@pytest.mark.parametrize("nbytes", [0, 1, 8, -1])
def test_bytes_are_the_first_bytes_of_a_structured_fill_value(dtype, nbytes):
    data = bytes(range(1, dtype.itemsize + 1))[: nbytes if nbytes >= 0 else None]
    store = {}
    zarr.create(3, dtype=dtype, fill_value=data, store=store)
    z = zarr.open_array(store)
    assert z.fill_value.tobytes() == data.ljust(dtype.itemsize, b"\0")
    assert z[1].tobytes() == data.ljust(dtype.itemsize, b"\0")


@pytest.mark.parametrize("dtype", STRUCTURED)
def test_more_bytes_than_an_element_has_are_not_a_fill_value(dtype):
    with pytest.raises(ValueError, match="an element has"):
        zarr.create(3, dtype=dtype, fill_value=b"x" * (dtype.itemsize + 1))


# -- chunks of other arrays --------------------------------------------------------------------------


class Elements(SimpleNamespace):
    """An array of another library, with its names for the chunks."""

    def __init__(self, data, **names):
        super().__init__(data=data, shape=data.shape, dtype=data.dtype, **names)

    def __getitem__(self, key):
        return self.data[key]


@pytest.mark.parametrize("copy", [zarr.array, zarr.empty_like, zarr.zeros_like, zarr.ones_like])
@pytest.mark.parametrize(
    ("names", "chunks"),
    [
        ({"chunks": (10, 2)}, (10, 2)),
        ({"chunks": None}, None),
        ({"chunklen": 10}, (10, 10)),
        ({"chunks": ((50, 50), (10,)), "dask": {}}, None),
    ],
    ids=["h5py", "h5py without chunks", "bcolz", "dask"],
)
def test_a_new_array_has_the_chunks_of_the_array_that_it_is_like(copy, names, chunks):
    data = np.arange(1000).reshape(100, 10)
    z = copy(Elements(data, **names))
    assert z.chunks == (chunks or zarr.zeros((100, 10), dtype=data.dtype).chunks)
    if copy is zarr.array:
        np.testing.assert_array_equal(z, data)
