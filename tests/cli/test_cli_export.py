"""Test ``zarrcy export``: the file has the elements, names and attributes of the store."""

import h5py
import numpy as np
import pytest

import zarrcy
from zarrcy.cli import main
from zarrcy.cli.import_netcdf import import_file

both_formats = pytest.mark.parametrize("zarr_format", [2, 3])
ELEMENTS = {
    "floats": np.array([[1.5, np.nan], [-2, 0]], "f4"),
    "halves": np.array([[1.5, np.nan], [-2, 0]], "f2"),
    "bytes": np.array([[1, 2], [255, 0]], "u1"),
    "integers": np.array([[1, -(2**40)], [3, 0]]),
    "booleans": np.array([[True, False], [False, True]]),
    "letters": np.array([[b"a", b"bcd"], [b"", b"ef"]]),
    "texts": np.array([["a", "bär"], ["", "longer"]], object),
    "fixed texts": np.array([["a", "bär"], ["", "longer"]]),
}


def named(group, name, data, dims, attributes=None, **options):
    """Create an array with names of its axes, as xarray stores them in the format of the group."""
    attributes = dict(attributes or {})
    if group.zarr_format == 3:
        options["dimension_names"] = dims
    else:
        attributes["_ARRAY_DIMENSIONS"] = dims
        options["fill_value"] = None
    dtype = str if data.dtype == object else data.dtype
    array = group.create_dataset(name, shape=data.shape, dtype=dtype, attributes=attributes, **options)
    array[...] = data
    return array


@both_formats
@pytest.mark.parametrize("kind", ELEMENTS)
def test_elements_of_each_data_type_are_those_of_the_store(tmp_path, kind, zarr_format):
    store = str(tmp_path / "a.zarr")
    data = ELEMENTS[kind]
    named(zarrcy.open_group(store, mode="w", zarr_format=zarr_format), "v", data, ["x", "y"], chunks=(1, 2))
    assert main(["export", store, str(tmp_path / "a.nc")]) == 0
    with h5py.File(tmp_path / "a.nc") as file:
        stored = file["v"]
        assert [dim[0].name for dim in stored.dims][:2] == ["/x", "/y"]
        if kind in ("texts", "fixed texts"):
            assert stored.asstr()[...].tolist() == data.tolist()
        elif kind == "letters":
            joined = np.ascontiguousarray(stored[...]).view("S3").reshape(2, 2)
            np.testing.assert_array_equal(joined, data)
        else:
            np.testing.assert_array_equal(stored[...], data)


@both_formats
def test_an_export_is_imported_again_without_a_difference(tmp_path, zarr_format):
    store = str(tmp_path / "a.zarr")
    group = zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
    group.attrs.update(title="an example", numbers=[1, 2, 3], words=["a", "b"])
    named(group, "x", np.arange(5.0), ["x"])
    t = named(group, "t", np.arange(30, dtype="i2").reshape(5, 6), ["x", "y"], {"units": "K"}, chunks=(2, 3))
    named(group, "y", np.arange(10).reshape(5, 2), ["x", "z"])
    below = group.create_group("below")
    named(below, "u", np.arange(5), ["x"])
    named(below, "w", np.arange(4), ["x"])
    named(group, "scalar", np.array(7), [])
    if zarr_format == 2:
        t.fill_value = 7
    assert main(["export", store, str(tmp_path / "a.nc"), "--quiet"]) == 0
    import_file(tmp_path / "a.nc", tmp_path / "b.zarr", zarr_format=zarr_format, quiet=True)
    again = zarrcy.open_group(tmp_path / "b.zarr", mode="r")
    assert again.attrs.asdict() == group.attrs.asdict()
    before, after = dict(group.arrays(recurse=True)), dict(again.arrays(recurse=True))
    assert list(after) == list(before)
    for name, array in before.items():
        copied = after[name]
        np.testing.assert_array_equal(copied[...], array[...])
        assert copied.dtype == array.dtype
        if name != "w":
            assert copied.dimension_names == array.dimension_names
            # an import to format 2 also keeps the attribute of netCDF
            attributes = {key: value for key, value in copied.attrs.items() if key != "_FillValue"}
            assert attributes == array.attrs.asdict()
    if zarr_format == 2:
        assert again["t"].fill_value == 7
        # x has another length in the group above
        assert again["below/w"].attrs["_ARRAY_DIMENSIONS"] == ["x"]


def test_what_netcdf_cannot_represent_is_skipped(tmp_path, capsys):
    store = str(tmp_path / "a.zarr")
    group = zarrcy.open_group(store, mode="w")
    group["fine"] = [1, 2]
    group["complex"] = np.array([1j])
    group.create_dataset("pairs", shape=2, dtype="i4,f8")
    group.create_dataset("pickles", shape=2, dtype=object, object_codec=zarrcy.Pickle())
    group.attrs["nested"] = {"a": 1}
    assert main(["export", store, str(tmp_path / "a.nc")]) == 3
    messages = capsys.readouterr().err
    for name in ("/complex", "/pairs", "/pickles", "'nested'"):
        assert name in messages
    with h5py.File(tmp_path / "a.nc") as file:
        assert sorted(file) == ["dim_0", "fine"]


def test_a_failed_export_leaves_nothing_behind(tmp_path, capsys, monkeypatch):
    store, target = str(tmp_path / "a.zarr"), tmp_path / "a.nc"
    a = zarrcy.open_array(store, mode="w", shape=4, chunks=2, dtype="i4")
    a[:] = 1
    target.write_text("mine")
    assert main(["export", store, str(target)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    (tmp_path / "a.zarr" / "1").write_bytes(b"damaged")
    assert main(["export", store, str(target), "--overwrite"]) == 2
    assert target.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nc", "a.zarr"]
    a[:] = 1
    assert main(["export", store, str(target), "--overwrite", "--level", "0"]) == 0
    with h5py.File(target) as file:
        assert file["data"][:].tolist() == [1, 1, 1, 1]
    assert main(["export", str(tmp_path / "missing"), str(tmp_path / "b.nc")]) == 2
    assert main(["export", store, str(tmp_path / "nowhere" / "b.nc")]) == 2


@both_formats
def test_xarray_reads_the_same_dataset_from_the_file(tmp_path, zarr_format):
    xr = pytest.importorskip("xarray", reason="xarray is not installed: pip install 'zarrcy[xarray]'")
    if "h5netcdf" not in xr.backends.list_engines():
        pytest.skip("h5netcdf is not installed")
    from zarrcy.xarray import ZarrcyBackendEntrypoint, to_zarr

    store = str(tmp_path / "a.zarr")
    data = xr.Dataset(
        {
            "t": (("time", "x"), np.array([[1, np.nan], [3, 4]]), {"units": "K"}),
            "flag": ("x", [True, False]),
            "name": ("x", ["a", "bär"]),
        },
        coords={"time": np.array(["2000-01-01", "2000-01-02"], "M8[ns]"), "x": [0, 10]},
        attrs={"title": "an example"},
    )
    to_zarr(data, store, zarr_format=zarr_format, encoding={"t": {"dtype": "i2", "_FillValue": -1}})
    assert main(["export", store, str(tmp_path / "a.nc")]) == 0
    expected = xr.open_dataset(store, engine=ZarrcyBackendEntrypoint).load()
    xr.testing.assert_identical(xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf").load(), expected)
