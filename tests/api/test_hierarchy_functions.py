"""The functions that open, save and load arrays and groups, in every mode."""

import pathlib

import numpy as np
import pytest

import zarrcy as zarr
from zarrcy import errors, storage

NOTHING, ARRAY, GROUP = "nothing", "an array", "a group"
# for each mode and existing node: the error, or the node that exists afterwards
OPEN_GROUP = {
    "r": (errors.GroupNotFoundError, errors.ContainsArrayError, "kept"),
    "r+": (errors.GroupNotFoundError, errors.ContainsArrayError, "kept"),
    "a": ("new", errors.ContainsArrayError, "kept"),
    "w": ("new", "new", "new"),
    "w-": ("new", errors.ContainsArrayError, errors.ContainsGroupError),
    "x": ("new", errors.ContainsArrayError, errors.ContainsGroupError),
}
OPEN_ARRAY = {
    "r": (errors.ArrayNotFoundError, "kept", errors.ContainsGroupError),
    "r+": (errors.ArrayNotFoundError, "kept", errors.ContainsGroupError),
    "a": ("new", "kept", errors.ContainsGroupError),
    "w": ("new", "new", "new"),
    "w-": ("new", errors.ContainsArrayError, errors.ContainsGroupError),
    "x": ("new", errors.ContainsArrayError, errors.ContainsGroupError),
}


def cases(table):
    return [
        pytest.param(mode, there, outcome, id=f"{mode}-{there}")
        for mode, row in table.items()
        for there, outcome in zip((NOTHING, ARRAY, GROUP), row, strict=True)
    ]


@pytest.fixture(params=["dict", "path", "pathlib", "store", "url"])
def place(request, tmp_path):
    return {
        "dict": {},
        "path": str(tmp_path / "a"),
        "pathlib": tmp_path / "a",
        "store": zarr.DirectoryStore(tmp_path / "a"),
        "url": f"file://{tmp_path}/a",
    }[request.param]


def put(place, there, path):
    if there == ARRAY:
        zarr.open_array(place, mode="w", path=path, shape=3, fill_value=7)
    elif there == GROUP:
        zarr.open_group(place, mode="w", path=path).create_group("old")


@pytest.mark.parametrize("path", [None, "deep/er"])
@pytest.mark.parametrize(("mode", "there", "outcome"), cases(OPEN_GROUP))
def test_the_modes_of_open_group(place, path, mode, there, outcome):
    put(place, there, path)
    if not isinstance(outcome, str):
        with pytest.raises(outcome):
            zarr.open_group(place, mode=mode, path=path)
        return
    group = zarr.open_group(place, mode=mode, path=path)
    assert list(group) == (["old"] if outcome == "kept" else [])
    assert group.read_only == (mode == "r")
    assert group.path == (path or "")


@pytest.mark.parametrize("path", [None, "deep/er"])
@pytest.mark.parametrize(("mode", "there", "outcome"), cases(OPEN_ARRAY))
def test_the_modes_of_open_array(place, path, mode, there, outcome):
    put(place, there, path)
    if not isinstance(outcome, str):
        with pytest.raises(outcome):
            zarr.open_array(place, mode=mode, path=path, shape=2)
        return
    array = zarr.open_array(place, mode=mode, path=path, shape=2)
    assert array[:].tolist() == ([7, 7, 7] if outcome == "kept" else [0, 0])
    assert array.read_only == (mode == "r")


@pytest.mark.parametrize("mode", ["r", "r+"])
def test_open_opens_an_array_or_a_group(place, mode):
    with pytest.raises(errors.PathNotFoundError):
        zarr.open(place, mode=mode)
    put(place, ARRAY, "x")
    put(place, GROUP, "g")
    assert isinstance(zarr.open(place, mode=mode), zarr.Group)
    assert isinstance(zarr.open(place, mode=mode, path="g"), zarr.Group)
    assert isinstance(zarr.open(place, mode=mode, path="x"), zarr.Array)
    assert isinstance(zarr.open(place, mode=mode, path="x", shape=5), zarr.Array)
    with pytest.raises(errors.PathNotFoundError, match="'z'"):
        zarr.open(place, mode=mode, path="z")


def test_open_creates_an_array_if_a_shape_is_given_and_a_group_otherwise():
    assert isinstance(zarr.open(), zarr.Group)
    assert isinstance(zarr.open(shape=3), zarr.Array)
    for mode in ("a", "w", "w-", "x"):
        assert isinstance(zarr.open({}, mode=mode), zarr.Group)
        assert isinstance(zarr.open({}, mode=mode, shape=3), zarr.Array)
    store = {}
    zarr.open(store, mode="w", shape=3)
    assert isinstance(zarr.open(store), zarr.Array)
    assert isinstance(zarr.open(store, mode="w"), zarr.Group)
    with pytest.raises(errors.ContainsGroupError):
        zarr.open(store, shape=3)


@pytest.mark.parametrize("function", [zarr.open, zarr.open_array, zarr.open_group])
def test_an_unknown_mode_is_refused(function):
    with pytest.raises(ValueError, match="mode is 'rw'"):
        function({}, mode="rw")


def test_group_creates_a_group_or_returns_the_existing_one(place):
    zarr.group(place).create_group("old")
    assert list(zarr.group(place)) == ["old"]
    assert zarr.group(place, path="new/er").name == "/new/er"
    assert list(zarr.group(place)) == ["new", "old"]
    assert list(zarr.group(place, overwrite=True)) == []
    assert zarr.group(place, path="n", attributes={"a": 1}).attrs["a"] == 1
    put(place, ARRAY, "x")
    with pytest.raises(errors.ContainsArrayError):
        zarr.group(place, path="x")
    assert isinstance(zarr.group(place, path="x", overwrite=True), zarr.Group)


def test_chunks_can_be_stored_in_another_store():
    documents, chunks = {}, {}
    root = zarr.open_group(documents, mode="w", chunk_store=chunks)
    root["a/x"] = [1, 2]
    assert sorted(documents) == [".zgroup", "a/.zgroup", "a/x/.zarray"]
    assert sorted(chunks) == ["a/x/0"]
    assert zarr.open_group(documents, chunk_store=chunks)["a/x"][:].tolist() == [1, 2]
    assert zarr.group(documents, chunk_store=chunks)["a/x"][:].tolist() == [1, 2]
    zarr.open_group(documents, mode="w", chunk_store=chunks)
    assert (sorted(documents), chunks) == ([".zgroup"], {})


def test_unknown_format_versions_are_refused():
    for function in (zarr.group, zarr.open_group):
        assert function({}, zarr_version=2, zarr_format=2).zarr_format == 2
        with pytest.raises(ValueError, match="zarr_format=9"):
            function({}, zarr_format=9)


# -- saving and loading ----------------------------------------------------------------------------


def test_several_arrays_are_saved_in_a_group(place):
    zarr.save(place, [1, 2], np.ones((2, 2)), named=[3.5])
    group = zarr.open_group(place, mode="r")
    assert list(group) == ["arr_0", "arr_1", "named"]
    assert group["arr_1"].shape == (2, 2)
    zarr.save(place, only=[1])
    assert list(zarr.open_group(place, mode="r")) == ["only"]
    zarr.save(place, [6], [7], path="n")
    assert zarr.load(place, path="n")["arr_1"].tolist() == [7]
    zarr.save(place, [5])
    assert zarr.load(place).tolist() == [5]
    for function in (zarr.save, zarr.save_group):
        with pytest.raises(ValueError, match="at least one"):
            function(place)


def test_the_arrays_of_a_group_are_loaded_at_first_access(place):
    zarr.save(place, a=[1, 2], b=[3])
    zarr.open_group(place, mode="r+")["c/d"] = [4]
    loaded = zarr.load(place)
    assert repr(loaded) == "<LazyLoader: a, b>"
    assert (len(loaded), sorted(loaded), "a" in loaded, "z" in loaded) == (3, ["a", "b", "c"], True, False)
    assert isinstance(loaded["a"], np.ndarray)
    assert loaded["a"] is loaded["a"]
    zarr.open_array(place, path="b")[:] = 9
    assert loaded["b"].tolist() == [9]
    assert loaded["c"]["d"].tolist() == [4]
    with pytest.raises(KeyError):
        loaded["z"]
    assert zarr.load(place, path="z") is None


def test_a_zip_file_is_complete_when_the_function_that_saved_it_returns(tmp_path):
    path = tmp_path / "a.zip"
    for store in (str(path), path):
        zarr.save(store, [1, 2])
        assert zarr.load(store).tolist() == [1, 2]
        zarr.save(store, a=[1], b=[2])
        assert zarr.load(store)["b"].tolist() == [2]
        path.unlink()


def test_a_store_object_stays_open():
    class Closable(dict):
        closed = False

        def close(self):
            self.closed = True

    store = Closable()
    zarr.save(store, [1, 2], [3])
    zarr.save_array(store, [1, 2])
    assert not store.closed
    assert zarr.load(store).tolist() == [1, 2]


# -- arrays like others ----------------------------------------------------------------------------


def test_an_array_like_another_has_its_shape_data_type_and_codecs():
    model = zarr.full((4, 6), 7, chunks=(2, 3), dtype="i2", order="F", compressor=zarr.Zlib(3))
    for function in (zarr.empty_like, zarr.zeros_like, zarr.ones_like, zarr.full_like):
        array = function(model)
        assert (array.shape, array.chunks, array.dtype) == ((4, 6), (2, 3), np.int16)
        assert (array.order, array.compressor) == ("F", zarr.Zlib(3))
    assert (zarr.full_like(model)[:] == 7).all()
    assert zarr.full_like(model, fill_value=1, dtype="f4", chunks=4)[:].dtype == np.float32
    assert zarr.zeros_like(np.ones(3, "u1")).dtype == np.uint8
    with pytest.raises(TypeError):
        zarr.full_like(np.ones(3))


def test_an_array_is_opened_or_created_like_another(tmp_path):
    model = zarr.full(3, 7, dtype="i2")
    assert zarr.open_like(model, tmp_path / "a")[:].tolist() == [7, 7, 7]
    zarr.open_like(model, tmp_path / "a")[0] = 1
    assert zarr.open_like(model, tmp_path / "a", mode="r")[:].tolist() == [1, 7, 7]
    assert zarr.open_like(model, tmp_path / "b", mode="w", shape=2)[:].tolist() == [7, 7]


# -- functions on mappings -------------------------------------------------------------------------


def test_nodes_are_initialised_in_any_mapping():
    store = {}
    storage.init_group(store)
    storage.init_array(store, shape=4, chunks=2, dtype="i2", path="a/x", fill_value=5)
    storage.init_array(store, shape=4, path="a/y", compressor=[])
    assert storage.contains_group(store)
    assert storage.contains_group(store, "a")
    assert storage.contains_array(store, "/a/x/")
    assert not storage.contains_array(store, "a")
    assert not storage.contains_group(store, "a/x")
    assert zarr.open_array(store, path="a/x")[:].tolist() == [5] * 4
    assert zarr.open_array(store, path="a/y").compressor is None
    assert zarr.open_array(store, path="a/y").fill_value is None
    with pytest.raises(errors.ContainsArrayError):
        storage.init_array(store, shape=4, path="a/x")
    with pytest.raises(errors.ContainsGroupError):
        storage.init_group(store, path="a")
    storage.init_group(store, path="a", overwrite=True)
    assert sorted(store) == [".zgroup", "a/.zgroup"]
    with pytest.raises(ValueError, match="storage_transformers"):
        storage.init_array(store, shape=4, path="z", storage_transformers=(1,))
    with pytest.raises(AttributeError, match="nonesuch"):
        storage.nonesuch


def test_functions_on_mappings_accept_paths(tmp_path):
    storage.init_array(str(tmp_path / "a"), shape=3)
    storage.init_group(pathlib.Path(tmp_path / "b"))
    assert zarr.open(tmp_path / "a", mode="r").shape == (3,)
    assert zarr.open(tmp_path / "b", mode="r").name == "/"
