"""Functions and properties of arrays that zarr-python 2 has, too."""

import pickle
import subprocess
import sys
from collections.abc import MutableMapping

import numcodecs
import numpy as np
import pytest

import zarrcy as zarr
from zarrcy.storage import DirectoryStore, KVStore, MemoryStore


def test_the_properties_of_an_array_describe_it():
    z = zarr.create((10, 7), chunks=(4, 3), dtype="<i2", path="/a//b", store={}, fill_value=3)
    assert (z.path, z.name, z.basename) == ("a/b", "/a/b", "b")
    assert (z.shape, z.chunks, z.dtype, z.ndim, z.size) == ((10, 7), (4, 3), np.dtype("<i2"), 2, 70)
    assert (z.itemsize, z.nbytes, z.fill_value, z.order) == (2, 140, 3, "C")
    assert (z.cdata_shape, z.nchunks, z.nchunks_initialized, z.initialized) == ((3, 3), 9, 0, 0)
    assert (z.read_only, z.filters, z.compressor, z.synchronizer) == (False, None, numcodecs.Blosc(), None)
    assert z.store is z.chunk_store
    assert (z.dimension_separator, z.zarr_format, z.write_empty_chunks) == (".", 2, True)
    assert repr(z) == "<zarrcy.Array '/a/b' (10, 7) int16>"
    assert len(z) == 10
    z[0, 0] = 1
    assert z.nchunks_initialized == 1


def test_an_array_at_the_root_does_not_have_a_name():
    z = zarr.zeros(1)
    assert (z.path, z.name, z.basename) == ("", None, None)
    assert repr(zarr.open_array(z.store, mode="r")) == "<zarrcy.Array (1,) float64 read-only>"


@pytest.mark.parametrize("separator", [".", "/"])
@pytest.mark.parametrize("kind", [dict, MemoryStore, "directory"])
def test_nbytes_stored_counts_metadata_and_chunks(separator, kind, tmp_path):
    store = kind() if callable(kind) else tmp_path / "a"
    z = zarr.create(
        (10, 10), chunks=5, dtype="i8", compressor=None, dimension_separator=separator, store=store
    )
    empty = z.nbytes_stored
    assert empty == len(z.store[".zarray"])
    z[...] = 1
    assert z.nbytes_stored == empty + 800


def test_nbytes_stored_is_minus_one_if_the_store_does_not_know_sizes():
    class Opaque(zarr.storage.Store):
        data: dict
        __getitem__ = lambda self, key: self.data[key]  # noqa: E731
        __setitem__ = lambda self, key, value: self.data.__setitem__(key, value)  # noqa: E731
        __delitem__ = lambda self, key: self.data.__delitem__(key)  # noqa: E731
        __iter__ = lambda self: iter(self.data)  # noqa: E731
        __len__ = lambda self: len(self.data)  # noqa: E731

    store = Opaque()
    store.data = {}
    assert zarr.zeros(3, store=store).nbytes_stored == -1


def test_each_creation_function_fills_the_array():
    assert (zarr.zeros((3, 2))[...] == 0).all()
    assert (zarr.ones((3, 2))[...] == 1).all()
    assert (zarr.full((3, 2), 4.5)[...] == 4.5).all()
    assert zarr.empty((3, 2))[...].shape == (3, 2)
    np.testing.assert_array_equal(zarr.array([[1, 2], [3, 4]])[...], [[1, 2], [3, 4]])
    assert zarr.array(np.float32(3)).shape == ()
    assert zarr.array([1, 2], dtype="f4").dtype == np.float32
    assert zarr.array([1, 2], read_only=True).read_only
    assert zarr.zeros(3).dtype == np.float64
    source = zarr.zeros((10, 10), chunks=(3, 5))
    assert zarr.array(source).chunks == (3, 5)
    assert zarr.create(3, attributes={"a": 1}).attrs.asdict() == {"a": 1}


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        (5, (5, 5, 5)),
        ((5,), (5, 20, 30)),
        ((5, None, -1), (5, 20, 30)),
        (False, (10, 20, 30)),
        ((99, 1, 1), (99, 1, 1)),
    ],
)
def test_chunks_mean_the_same_as_in_zarr_python(chunks, expected):
    assert zarr.zeros((10, 20, 30), chunks=chunks).chunks == expected


def test_guessed_chunks_fit_the_array_and_have_at_most_64_mib():
    for shape in [(100,), (10**9,), (10**5, 10**5), (500, 600, 700), (3, 10**8), (0,), ()]:
        z = zarr.empty(shape)
        assert len(z.chunks) == len(shape)
        assert all(1 <= c <= n or 1024 for c, n in zip(z.chunks, shape, strict=True))
        assert np.prod(z.chunks, dtype=float) * 8 <= 64 * 2**20


@pytest.mark.parametrize("kind", ["dict", "memory", "directory", "path", "pathlib", "kv", "mapping"])
def test_any_mapping_and_any_path_can_be_a_store(kind, tmp_path):
    class Mapping(MutableMapping):
        def __init__(self):
            self.values_ = {}

        __getitem__ = lambda self, key: self.values_[key]  # noqa: E731
        __setitem__ = lambda self, key, value: self.values_.__setitem__(key, value)  # noqa: E731
        __delitem__ = lambda self, key: self.values_.__delitem__(key)  # noqa: E731
        __iter__ = lambda self: iter(self.values_)  # noqa: E731
        __len__ = lambda self: len(self.values_)  # noqa: E731

    store = {
        "dict": dict,
        "memory": MemoryStore,
        "directory": lambda: DirectoryStore(tmp_path / "a"),
        "path": lambda: str(tmp_path / "a"),
        "pathlib": lambda: tmp_path / "a",
        "kv": lambda: KVStore({}),
        "mapping": Mapping,
    }[kind]()
    z = zarr.create(9, chunks=2, dtype="i4", store=store, path="deep/er")
    z[...] = np.arange(9)
    z.attrs["k"] = [1, {"a": None}]
    again = zarr.open_array(store, mode="r", path="deep/er")
    np.testing.assert_array_equal(again[1:8], np.arange(9)[1:8])
    assert again.attrs["k"] == [1, {"a": None}]
    assert "deep/.zgroup" in again.store
    assert ".zgroup" in again.store
    assert again.nchunks_initialized == 5


def test_chunks_may_be_in_another_store_than_the_metadata():
    store, chunk_store = {}, {}
    z = zarr.create(4, chunks=2, store=store, chunk_store=chunk_store, path="x")
    z[...] = 1
    assert set(store) == {".zgroup", "x/.zarray"}
    assert set(chunk_store) == {"x/0", "x/1"}
    assert zarr.Array(store, path="x", chunk_store=chunk_store)[...].tolist() == [1] * 4
    zarr.create(4, store=store, chunk_store=chunk_store, path="x", overwrite=True)
    assert chunk_store == {}


def test_the_modes_of_open_read_change_create_and_overwrite():
    store = {}
    z = zarr.open(store, mode="a", shape=4, chunks=2)
    z[...] = 1
    assert zarr.open(store, mode="a", shape=4)[...].sum() == 4
    assert zarr.open(store, mode="r+")[...].sum() == 4
    assert zarr.open(store, mode="r").read_only
    assert zarr.open(store)[...].sum() == 4
    assert zarr.open(store, mode="w", shape=4)[...].sum() == 0
    assert zarr.open({}, mode="w-", shape=4).shape == (4,)
    assert zarr.open({}, mode="x", shape=4).shape == (4,)


def test_saved_arrays_can_be_loaded(tmp_path):
    values = np.random.default_rng(0).random((5, 6))
    zarr.save(tmp_path / "a", values)
    np.testing.assert_array_equal(zarr.load(tmp_path / "a"), values)
    zarr.save_array(tmp_path / "a", values[:2], chunks=1)
    np.testing.assert_array_equal(zarr.load(tmp_path / "a"), values[:2])
    assert zarr.load(tmp_path / "none") is None
    zarr.save(tmp_path / "b", values, other=values[:2])
    np.testing.assert_array_equal(zarr.load(tmp_path / "b")["arr_0"], values)
    np.testing.assert_array_equal(zarr.load(tmp_path / "b")["other"], values[:2])


def test_metadata_that_are_not_cached_are_loaded_for_each_access():
    store = {}
    writer = zarr.create(4, chunks=2, store=store)
    cached = zarr.Array(store)
    fresh = zarr.Array(store, cache_metadata=False, cache_attrs=False)
    writer.resize(8)
    writer[6] = 5
    writer.attrs["a"] = 1
    assert fresh.shape == (8,)
    assert fresh.size == len(fresh) == 8
    assert fresh.nchunks == 4
    assert fresh[6] == 5
    assert fresh.attrs["a"] == 1
    assert cached.shape == (4,)
    fresh[7] = 6
    assert writer[7] == 6


def test_attributes_are_a_mapping_whose_changes_are_stored_at_once():
    store = {}
    z = zarr.zeros(1, store=store)
    attrs = z.attrs
    assert (len(attrs), dict(attrs), "a" in attrs, ".zattrs" in store) == (0, {}, False, False)
    attrs["a"] = 1
    attrs.update({"b": [1, 2]}, c=None)
    assert zarr.Array(store).attrs.asdict() == {"a": 1, "b": [1, 2], "c": None}
    assert sorted(attrs) == ["a", "b", "c"]
    del attrs["a"]
    with pytest.raises(KeyError, match="a"):
        attrs["a"]
    with pytest.raises(KeyError, match="nonesuch"):
        del attrs["nonesuch"]
    attrs.put({"x": (1, 2)})
    assert attrs.asdict() == {"x": [1, 2]}
    assert attrs.key == ".zattrs"
    zarr.Array(store).attrs["y"] = 2
    assert "y" not in attrs
    attrs.refresh()
    assert attrs["y"] == 2
    attrs["n"] = np.float32(1.5)
    assert attrs["n"] == 1.5


def test_an_attribute_that_is_not_json_is_refused_and_nothing_changes():
    z = zarr.zeros(1, store={})
    z.attrs["a"] = 1
    for value in (object(), {1, 2}, b"bytes", np.zeros(2, complex)):
        with pytest.raises(TypeError):
            z.attrs["b"] = value
    assert z.attrs.asdict() == {"a": 1}
    assert zarr.Array(z.store).attrs.asdict() == {"a": 1}
    with pytest.raises(TypeError, match="attribute name"):
        z.attrs[(1, 2)] = 1
    with pytest.warns(DeprecationWarning, match="5"):
        z.attrs[5] = 1
    assert z.attrs["5"] == 1


def test_attributes_of_another_writer_are_kept():
    z = zarr.zeros(1, store={})
    assert z.attrs.asdict() == {}
    zarr.Array(z.store).attrs["theirs"] = 1
    z.attrs["ours"] = 2
    assert zarr.Array(z.store).attrs.asdict() == {"theirs": 1, "ours": 2}


def test_arrays_can_be_pickled(tmp_path):
    for store in ({}, str(tmp_path / "a")):
        z = zarr.create((3, 3), store=store, path="x", write_empty_chunks=False)
        z[...] = 5
        again = pickle.loads(pickle.dumps(z))
        assert again == z
        assert again.path == "x"
        assert again.write_empty_chunks is False
        assert (again[...] == 5).all()


def test_arrays_are_equal_if_store_path_and_read_only_are_equal():
    z = zarr.zeros(3, store={})
    assert z == zarr.Array(z.store)
    assert z != zarr.Array(z.store, read_only=True)
    assert z != zarr.create(3, store={}, path="b")
    assert z != 5
    with pytest.raises(TypeError):
        hash(z)


def test_numpy_functions_take_an_array():
    z = zarr.array([1, 2, 3])
    assert np.asarray(z).tolist() == [1, 2, 3]
    assert (np.add(z, 1) == [2, 3, 4]).all()
    zarr.zeros(3)[:] = z


def test_resize_takes_the_same_arguments_as_in_zarr_python():
    z = zarr.ones((4, 6), chunks=(2, 3))
    z.resize(8, 9)
    assert z.shape == (8, 9)
    z.resize((2, None))
    assert z.shape == (2, 9)
    z.shape = (3, 3)
    assert z.shape == (3, 3)
    for bad in [(1,), (1, 2, 3), (-1, 2)]:
        with pytest.raises(ValueError, match=r"shape|length"):
            z.resize(bad)
    line = zarr.ones(4)
    line.resize(6)
    assert line.shape == (6,)


@pytest.mark.parametrize("bounds", [(-1, None), (None, -1), ("a", None), (1.5, None), (None, True)])
def test_islice_refuses_bounds_that_are_not_non_negative_integers(bounds):
    with pytest.raises(ValueError, match="non-negative"):
        zarr.zeros(3).islice(*bounds)


def test_an_array_without_axes_does_not_have_a_length():
    with pytest.raises(TypeError, match="unsized"):
        len(zarr.zeros(()))
    z = zarr.array(42)
    assert z[()] == 42
    assert isinstance(z[()], np.generic)
    assert isinstance(z[...], np.ndarray)


def test_a_numpy_without_its_own_texts_gives_the_same_default_data_type():
    """NumPy 1 has no StringDType."""
    program = (
        "import numpy as np; vars(np.dtypes).pop('StringDType', None); import zarrcy; "
        "print(zarrcy.zeros(3).dtype)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "float64"
