"""The backend for xarray: what it writes it reads again, as xarray's own backend does with zarr-python."""

import asyncio
import doctest
import importlib.util
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from far_stores import FarStoreWithBatches
from numcodecs import Blosc, Delta, GZip, Zstd

import zarrcy

xr = pytest.importorskip("xarray", reason="xarray is not installed: pip install 'zarrcy[xarray]'")

from zarrcy.xarray import ZarrcyBackendEntrypoint, ZarrcyStore, datatree_to_zarr, set_default, to_zarr  # noqa: E402

has_dask = importlib.util.find_spec("dask") is not None
needs_dask = pytest.mark.skipif(not has_dask, reason="dask is not installed: pip install 'zarrcy[dask]'")
both_formats = pytest.mark.parametrize("zarr_format", [2, 3])
# Warnings of xarray, pandas and dask are not about zarrcy.
pytestmark = pytest.mark.filterwarnings("default")


def small():
    return xr.Dataset(
        {
            "t": (("x", "y"), np.arange(20.0).reshape(4, 5), {"units": "K"}),
            "n": ("x", np.arange(4, dtype="i2")),
            "scalar": ((), 7),
        },
        coords={"x": [10, 20, 30, 40], "y": ("y", list("abcde")), "place": ("x", [0, 1, 2, 3])},
        attrs={"title": "an example"},
    )


def reopen(store, **options):
    return xr.open_dataset(store, engine=ZarrcyBackendEntrypoint, **options)


VARIABLES = {
    "floats": np.array([1.5, np.nan, -2.0], "f4"),
    "doubles": np.array([1.5, np.inf, -2.0]),
    "halves": np.array([1.5, np.nan, 0], "f2"),
    "integers": np.array([0, -7, 2**40]),
    "unsigned": np.array([0, 255, 7], "u1"),
    "booleans": np.array([True, False, True]),
    "complex": np.array([1 + 2j, 0, -1j]),
    "dates": np.array(["2000-01-01", "NaT", "1999-12-31T12:00"], "M8[ns]"),
    "durations": np.array([1, 60, 3600], "m8[s]").astype("m8[ns]"),
    "bytes": np.array([b"a", b"bcd", b""]),
    "letters": np.array(["a", "bär", ""]),
    "texts": np.array(["a", "bär", "longer than the others"], object),
    "nothing": np.zeros(0),
}


@both_formats
@pytest.mark.parametrize("kind", VARIABLES)
def test_a_variable_of_each_data_type_comes_back(kind, zarr_format):
    expected = xr.Dataset({"v": ("x", VARIABLES[kind], {"note": "kept"})})
    store = {}
    to_zarr(expected, store, zarr_format=zarr_format)
    assert zarrcy.open_group(store, mode="r").zarr_format == zarr_format
    actual = reopen(store)
    xr.testing.assert_identical(actual.load(), expected)
    # and once more, with the encoding that was read
    second = {}
    to_zarr(actual, second, zarr_format=zarr_format)
    xr.testing.assert_identical(reopen(second).load(), expected)


@both_formats
@pytest.mark.parametrize("fill_value", [-999, 7, None])
@pytest.mark.parametrize("dtype", ["i2", "f4", "f8"])
def test_missing_values_come_back(dtype, fill_value, zarr_format):
    expected = xr.Dataset({"v": ("x", np.array([1.0, np.nan, 3.0]))})
    if fill_value is None and dtype == "i2":
        expected["v"][1] = 2.0
    store = {}
    to_zarr(
        expected,
        store,
        zarr_format=zarr_format,
        encoding={"v": {"dtype": dtype, "_FillValue": fill_value, "scale_factor": 0.5, "add_offset": 1.0}},
    )
    np.testing.assert_array_equal(reopen(store)["v"], expected["v"])


@both_formats
def test_an_array_without_a_name_comes_back(zarr_format):
    for array in (xr.DataArray([1, 2], dims="x"), xr.DataArray([1, 2], dims="x", name="x")):
        store = {}
        array.zarrcy.to_zarr(store, zarr_format=zarr_format)
        actual = xr.open_dataarray(store, engine=ZarrcyBackendEntrypoint)
        xr.testing.assert_identical(actual.load(), array)
        assert actual.name == array.name


SELECTIONS = {
    "an element": {"x": 1, "y": 2},
    "slices": {"x": slice(1, 3), "y": slice(None, None, 2)},
    "backwards": {"x": slice(None, None, -1)},
    "lists": {"x": [3, 0], "y": [1, 1, 4]},
    "a mask": {"x": np.array([True, False, False, True])},
    "points": {"x": xr.DataArray([0, 3, 1], dims="p"), "y": xr.DataArray([4, 0, 2], dims="p")},
    "points of one axis": {"y": xr.DataArray([[4, 0], [2, 2]], dims=("p", "q"))},
    "nothing": {"x": slice(2, 2)},
}


@both_formats
@pytest.mark.parametrize("name", SELECTIONS)
def test_selections_are_read_when_they_are_needed(name, zarr_format):
    from zarrcy.testing import CountingStore

    expected, store = small(), CountingStore()
    to_zarr(expected, store, zarr_format=zarr_format, encoding={"t": {"chunks": (2, 2)}})
    opened = reopen(store)["t"].drop_vars("place")
    before = store.counts["get", "chunk"]
    selected = opened.isel(SELECTIONS[name])
    assert store.counts["get", "chunk"] == before
    xr.testing.assert_identical(selected.load(), expected["t"].drop_vars("place").isel(SELECTIONS[name]))
    # six chunks of t, one of the other coordinate
    assert store.counts["get", "chunk"] - before <= 7


def test_an_opened_dataset_can_be_pickled(tmp_path):
    to_zarr(small(), tmp_path / "a.zarr")
    copied = pickle.loads(pickle.dumps(reopen(tmp_path / "a.zarr")))
    xr.testing.assert_identical(copied.load(), small())


def test_elements_are_read_asynchronously():
    store = {}
    to_zarr(small(), store)
    opened = reopen(store)
    asyncio.run(opened.load_async())
    xr.testing.assert_identical(opened, small())


# -- modes -------------------------------------------------------------------------------------------


@both_formats
def test_variables_are_added_and_replaced(zarr_format):
    store, one, other = {}, small(), xr.Dataset({"u": ("y", np.ones(5))})
    to_zarr(one, store, zarr_format=zarr_format)
    to_zarr(other, store, mode="a")
    to_zarr(xr.Dataset({"n": -one["n"]}), store, mode="a")
    expected = one.assign(u=("y", np.ones(5)), n=-one["n"])
    # mode "a" replaces the attributes of the group
    xr.testing.assert_identical(reopen(store).load(), expected.drop_attrs(deep=False))
    to_zarr(other, store, mode="w")
    assert list(reopen(store)) == ["u"]


def test_modes_refuse_what_is_there_or_missing(tmp_path):
    place = tmp_path / "a.zarr"
    with pytest.raises(FileNotFoundError, match=r"a\.zarr"):
        reopen(place)
    with pytest.raises(FileNotFoundError):
        to_zarr(small(), place, mode="r+")
    assert not place.exists()
    to_zarr(small(), place)
    with pytest.raises(FileExistsError, match=r"a\.zarr"):
        to_zarr(small(), place)
    with pytest.raises(FileExistsError):
        to_zarr(small(), place, mode="w-")
    with pytest.raises(ValueError, match="non-pre-existing variables"):
        to_zarr(small().rename(t="u"), place, mode="r+")
    with pytest.raises(ValueError, match="only supported options for mode"):
        to_zarr(small(), place, mode="x")
    with pytest.raises(ValueError, match="different dimension sizes"):
        to_zarr(small().isel(x=slice(2)), place, mode="a")
    with pytest.raises(FileNotFoundError):
        reopen(place, group="missing", consolidated=False)
    xr.testing.assert_identical(reopen(place).load(), small())


@both_formats
@pytest.mark.parametrize("mode", ["a", "a-"])
def test_a_dimension_grows(mode, zarr_format):
    store, whole = {}, small()
    to_zarr(whole.isel(x=slice(3)), store, zarr_format=zarr_format)
    to_zarr(whole.isel(x=slice(3, None)), store, mode=mode, append_dim="x")
    xr.testing.assert_identical(reopen(store).load(), whole)
    with pytest.raises(ValueError, match="does not match any existing dataset dimensions"):
        to_zarr(whole, store, append_dim="z")


@both_formats
def test_a_region_is_written(zarr_format):
    store, whole = {}, small().drop_vars(["scalar", "place"])
    to_zarr(xr.zeros_like(whole), store, zarr_format=zarr_format)
    to_zarr(whole.isel(x=slice(2)).drop_vars("y"), store, region={"x": slice(0, 2)})
    to_zarr(whole.isel(x=slice(2, None)), store, region="auto")
    xr.testing.assert_equal(reopen(store).load(), whole)
    with pytest.raises(KeyError, match="Not all values of coordinate 'x'"):
        to_zarr(whole.assign_coords(x=[1, 2, 3, 4]), store, region="auto")
    with pytest.raises(ValueError, match="non-contiguous"):
        to_zarr(whole.isel(x=[0, 2]), store, region="auto")
    with pytest.raises(TypeError, match="slice objects"):
        to_zarr(whole, store, region={"x": 1})


def test_groups_of_a_store_are_separate(tmp_path):
    place = tmp_path / "a.zarr"
    to_zarr(small(), place, zarr_format=2)
    to_zarr(small() * 2, place, group="more/less", mode="a")
    assert zarrcy.open_group(place)["more/less"].zarr_format == 2
    xr.testing.assert_identical(reopen(place).load(), small())
    xr.testing.assert_equal(reopen(place, group="more/less").load(), small() * 2)


# -- encodings ---------------------------------------------------------------------------------------

CODECS = {
    "no compression": ({"compressors": None}, {"compressors": None}),
    "a codec of numcodecs": ({"compressors": Zstd(level=3)}, {"compressors": [Zstd(level=3)]}),
    "a configuration": (
        {"compressors": {"id": "gzip", "level": 3}},
        {"compressors": [{"name": "gzip", "configuration": {"level": 3}}]},
    ),
    "a filter": (
        {"filters": [Delta("f8")], "compressors": GZip()},
        {"filters": [Delta("f8")], "compressors": [Blosc(), {"name": "crc32c"}]},
    ),
}


@pytest.mark.parametrize("name", CODECS)
@both_formats
def test_codecs_survive_reading_and_writing(name, zarr_format):
    store, second = {}, {}
    encoding = CODECS[name][zarr_format - 2]
    to_zarr(small(), store, encoding={"t": encoding}, zarr_format=zarr_format)
    first = reopen(store)
    to_zarr(first, second, zarr_format=zarr_format)
    assert zarrcy.open_array(second, path="t").codecs == zarrcy.open_array(store, path="t").codecs
    for key in ("chunks", "shards", "compressors", "filters"):
        assert reopen(second)["t"].encoding[key] == first["t"].encoding[key]
    pickle.loads(pickle.dumps(first["t"].encoding))
    xr.testing.assert_identical(reopen(second).load(), small())


def test_codecs_of_one_format_are_written_in_the_other():
    three, two, again = {}, {}, {}
    to_zarr(small(), three, encoding={"t": {"chunks": (2, 5), "compressors": [Zstd(level=7)]}})
    to_zarr(reopen(three), two, zarr_format=2)
    assert zarrcy.open_array(two, path="t").compressor.level == 7
    to_zarr(reopen(two), again, zarr_format=3)
    assert zarrcy.open_array(again, path="t").compressor.level == 7
    xr.testing.assert_identical(reopen(again).load(), small())


def test_unknown_encodings_are_refused():
    with pytest.raises(ValueError, match=r"unexpected encoding parameters.*'bogus'"):
        to_zarr(small(), {}, encoding={"t": {"bogus": 1}})
    with pytest.raises(ValueError, match="Use `_FillValue`"):
        to_zarr(small(), {}, encoding={"t": {"fill_value": 1}}, zarr_format=2)
    with pytest.raises(TypeError, match="rectilinear"):
        to_zarr(small(), {}, encoding={"t": {"chunks": ((1, 3), (5,))}})
    store = {}
    to_zarr(small(), store)
    with pytest.raises(ValueError, match="already exists, but encoding was provided"):
        to_zarr(small(), store, mode="a", encoding={"t": {"chunks": (1, 1)}})


@both_formats
def test_chunks_of_the_fill_value_are_stored_only_on_request(zarr_format):
    zeros = xr.Dataset({"v": ("x", np.full(10, np.nan))})
    for write_empty, n in ((None, 0), (False, 0), (True, 2)):
        store = {}
        to_zarr(
            zeros,
            store,
            encoding={"v": {"chunks": (5,)}},
            zarr_format=zarr_format,
            write_empty_chunks=write_empty,
        )
        keys = [key for key in store if key.startswith("v/") and key[-1].isdigit()]
        # without a fill value in the metadata of format 2, readers would not agree on the elements
        assert len(keys) == n
        np.testing.assert_array_equal(reopen(store)["v"], zeros["v"])


# -- dask --------------------------------------------------------------------------------------------


@needs_dask
@both_formats
def test_chunks_of_dask_are_written_and_read(zarr_format, tmp_path):
    place = tmp_path / "a.zarr"
    to_zarr(small().chunk({"x": 2, "y": 3}), place, zarr_format=zarr_format)
    assert zarrcy.open_array(place, path="t", mode="r").chunks == (2, 3)
    opened = reopen(place, chunks={})
    assert opened["t"].chunks == ((2, 2), (3, 2))
    xr.testing.assert_identical(opened.compute(), small())


@needs_dask
def test_chunks_of_dask_are_aligned_with_shards(tmp_path):
    data = xr.Dataset({"v": ("x", np.arange(20))})
    encoding = {"v": {"chunks": (2,), "shards": (8,)}}
    with pytest.raises(ValueError, match="would overlap multiple Dask chunks"):
        to_zarr(data.chunk({"x": 4}), {}, encoding=encoding)
    place = tmp_path / "a.zarr"
    to_zarr(data.chunk({"x": 4}), place, encoding=encoding, align_chunks=True)
    opened = reopen(place, chunks={})
    assert opened["v"].chunks == ((8, 8, 4),)
    # as it is opened, it can be written again
    to_zarr(opened, tmp_path / "b.zarr")
    xr.testing.assert_identical(reopen(tmp_path / "b.zarr").load(), data)


@needs_dask
def test_elements_of_dask_are_written_later(tmp_path):
    place = tmp_path / "a.zarr"
    later = to_zarr(small().chunk({"x": 2}), place, compute=False)
    assert np.isnan(reopen(place)["t"]).all()
    later.compute()
    xr.testing.assert_identical(reopen(place).load(), small())


# -- whole hierarchies --------------------------------------------------------------------------------


@both_formats
def test_a_tree_comes_back(zarr_format, tmp_path):
    place = tmp_path / "a.zarr"
    tree = xr.DataTree.from_dict(
        {"/": small(), "/a": small() * 2, "/a/b": small()[["n"]], "/c": xr.Dataset()}
    )
    datatree_to_zarr(tree, place, zarr_format=zarr_format)
    actual = xr.open_datatree(place, engine=ZarrcyBackendEntrypoint)
    xr.testing.assert_identical(actual.load(), tree)
    below = xr.open_datatree(place, engine=ZarrcyBackendEntrypoint, group="a")
    assert set(below.groups) == {"/", "/b"}
    groups = xr.open_groups(place, engine=ZarrcyBackendEntrypoint)
    assert list(groups) == ["/", "/a", "/a/b", "/c"]
    tree.zarrcy.to_zarr(tmp_path / "b.zarr", consolidated=False)


def test_several_stores_are_one_dataset(tmp_path):
    pytest.importorskip("dask")
    for i in range(3):
        to_zarr(small().assign_coords(x=np.arange(4) + 4 * i)[["t"]], tmp_path / f"{i}.zarr")
    opened = xr.open_mfdataset(
        sorted(tmp_path.glob("*.zarr")), engine=ZarrcyBackendEntrypoint, combine="by_coords"
    )
    assert opened["t"].shape == (12, 5)
    np.testing.assert_array_equal(opened["t"][8:], small()["t"])


@both_formats
def test_metadata_are_consolidated_unless_it_is_switched_off(zarr_format):
    store, plain = {}, {}
    to_zarr(small(), store, zarr_format=zarr_format)
    to_zarr(small(), plain, zarr_format=zarr_format, consolidated=False)
    assert zarrcy.open_consolidated(store)["t"].shape == (4, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reopen(store)
        reopen(plain, consolidated=False)
    with pytest.warns(RuntimeWarning, match="Failed to open Zarr store with consolidated metadata") as caught:
        reopen(plain)
    assert caught[0].filename == __file__
    with pytest.raises(ValueError, match="no consolidated metadata"):
        reopen(plain, consolidated=True)


N_VARIABLES = 1000


def large_store(zarr_format, consolidated):
    store = FarStoreWithBatches(zarr_format)
    group = zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
    options = {"attributes": {"_ARRAY_DIMENSIONS": ["x"]}}
    for i in range(N_VARIABLES):
        name = "x" if i == 0 else f"v{i}"
        if zarr_format == 3:
            options = {"dimension_names": ["x"]}
        group.create_dataset(name, shape=40, chunks=4, dtype="f4", **options)
    for i in range(3):
        options = {"attributes": {"_ARRAY_DIMENSIONS": [f"y{i}"]}}
        if zarr_format == 3:
            options = {"dimension_names": [f"y{i}"]}
        group.create_dataset(f"y{i}", data=np.arange(1.0, 11), chunks=2, **options)
    group["x"][:] = np.arange(1, 41)
    if consolidated:
        zarrcy.consolidate_metadata(store)
    store.rounds.clear()
    return store


@both_formats
def test_opening_a_thousand_consolidated_variables_takes_two_rounds(zarr_format):
    store = large_store(zarr_format, True)
    opened = reopen(store)
    _, coordinates = store.rounds
    # ten chunks of x, five of each other coordinate
    assert len(coordinates.split()) == 1 + 10 + 3 * 5
    np.testing.assert_array_equal(opened["x"], np.arange(1, 41))
    assert len(store.rounds) == 2


@both_formats
def test_opening_a_thousand_variables_takes_few_rounds(zarr_format):
    store = large_store(zarr_format, False)
    opened = reopen(store, consolidated=False)
    assert len(opened.variables) == N_VARIABLES + 3
    # the group, the listing, 500 nodes at a time, the attributes of the group, the coordinates
    assert len(store.rounds) <= 1 + 1 + 3 + 1 + 1
    assert sum(line.startswith("list") for line in store.rounds) == 1


def test_coordinates_without_an_index_are_not_read():
    store = large_store(3, True)
    opened = reopen(store, create_default_indexes=False)
    assert len(store.rounds) == 1
    assert opened["y0"].isel(y0=3).item() == 4


# -- stores of other writers ---------------------------------------------------------------------------


def test_dimensions_of_netcdf_c_are_found():
    store = {}
    group = zarrcy.open_group(store, mode="w", zarr_format=2)
    group.create_dataset(
        "v", data=[[1, 2]], attributes={"_nczarr_array": {"dimension_references": ["/a", "/g/b"]}}
    )
    group.attrs["_NCPROPERTIES"] = "version=2"
    opened = reopen(store, consolidated=False)
    assert opened["v"].dims == ("a", "b")
    assert not opened.attrs
    assert not opened["v"].attrs
    group.create_dataset("w", data=[1])
    with pytest.raises(KeyError, match="_ARRAY_DIMENSIONS"):
        reopen(store, consolidated=False)


def test_chunks_that_differ_in_length_are_read(tmp_path):
    document = (
        b'{"zarr_format": 3, "node_type": "array", "shape": [6], "data_type": "int32", "chunk_grid": {"name": '
        b'"rectilinear", "configuration": {"kind": "inline", "chunk_shapes": [[1, 2, 3]]}}, "chunk_key_encoding": '
        b'{"name": "default"}, "fill_value": 0, "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], '
        b'"dimension_names": ["x"]}'
    )
    store = {"v/zarr.json": document, "zarr.json": b'{"zarr_format": 3, "node_type": "group"}'}
    zarrcy.open_array(store, path="v")[:] = np.arange(6)
    opened = reopen(store, consolidated=False, chunks={} if has_dask else None)
    assert opened["v"].encoding["chunks"] == ((1, 2, 3),)
    np.testing.assert_array_equal(opened["v"], np.arange(6))
    if has_dask:
        assert opened["v"].chunks == ((1, 2, 3),)


@both_formats
def test_other_data_types_of_places_are_accepted(zarr_format, tmp_path):
    for store in (str(tmp_path / "a.zarr"), tmp_path / "b.zarr.zip", zarrcy.MemoryStore()):
        to_zarr(small(), store, zarr_format=zarr_format)
        xr.testing.assert_identical(reopen(store).load(), small())


# -- names ---------------------------------------------------------------------------------------------


def test_the_fill_value_means_missing_in_format_2_only():
    for zarr_format, expected in ((2, [1, np.nan]), (3, [1, 7])):
        store = {}
        extra = (
            {"dimension_names": ["x"]} if zarr_format == 3 else {"attributes": {"_ARRAY_DIMENSIONS": ["x"]}}
        )
        group = zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
        group.create_dataset("v", data=[1, 7], fill_value=7, **extra)
        np.testing.assert_array_equal(reopen(store, consolidated=False)["v"], expected)
        opened = reopen(store, consolidated=False, use_zarr_fill_value_as_mask=zarr_format == 3)
        assert np.isnan(opened["v"].values).any() == (zarr_format == 3)


def test_a_store_class_has_the_methods_of_that_of_xarray():
    store = ZarrcyStore.open_group({}, mode="w")
    assert store.zarr_group is store.ds
    assert store.zarr_group.zarr_format == 3
    assert store.array_keys() == ()
    assert store.members == {}
    from xarray.backends import ZarrStore

    names = {name for name in vars(ZarrStore) if not name.startswith("_")}
    assert not {name for name in names if not hasattr(store, name)}


PROGRAM = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == 'zarr':
            raise ModuleNotFoundError(name)

# as if zarr-python were not installed
if sys.argv[1] == "without":
    sys.meta_path.insert(0, Missing())

import importlib.util
import xarray as xr, zarrcy.xarray

place = sys.argv[2]
xr.Dataset({"v": ("x", [1, 2])}).zarrcy.to_zarr(place)
zarrcy.xarray.set_default()
xr.testing.assert_equal(xr.open_dataset(place), xr.open_dataset(place, engine="zarr"))
store = xr.Dataset({"v": ("x", [3])}).to_zarr(place, append_dim="x")
assert type(store) is zarrcy.xarray.ZarrcyStore
assert xr.open_zarr(place, chunks=None)["v"].values.tolist() == [1, 2, 3]
assert not any(name == "zarr" or name.startswith("zarr.") for name in sys.modules)
zarrcy.xarray.set_default(False)
print("fine")
"""


@pytest.mark.parametrize("zarr_python", ["with", "without"])
def test_a_program_that_names_zarr_uses_zarrcy_by_default(zarr_python, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, zarr_python, str(tmp_path / "a.zarr")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "fine\n", done.stderr


def test_xarray_asks_zarrcy_only_if_zarr_python_is_missing(monkeypatch):
    backend = ZarrcyBackendEntrypoint()
    monkeypatch.setattr("zarrcy.xarray.entrypoint.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "zarr", raising=False)
    assert backend.guess_can_open("a/b.zarr/")
    assert not backend.guess_can_open("a/b.nc")
    assert not backend.guess_can_open({})
    monkeypatch.setattr("zarrcy.xarray.entrypoint.find_spec", lambda name: object())
    assert not backend.guess_can_open("a/b.zarr")


def test_the_default_is_undone():
    from xarray import backends

    before = backends.ZarrStore
    set_default()
    set_default()
    assert backends.ZarrStore is ZarrcyStore
    set_default(False)
    assert backends.ZarrStore is before


@needs_dask
def test_the_examples_in_the_documentation_run():
    page = Path(__file__).parents[2] / "docs" / "xarray.md"
    if not page.exists() or "zarrcy" not in xr.backends.list_engines():
        pytest.skip("zarrcy is used from a source tree that is not installed")
    assert doctest.testfile(str(page), module_relative=False) == (0, 23)


def test_the_engine_has_a_name():
    engines = xr.backends.list_engines()
    if "zarrcy" not in engines:
        pytest.skip("zarrcy is used from a source tree that is not installed")
    assert engines["zarrcy"].supports_groups
