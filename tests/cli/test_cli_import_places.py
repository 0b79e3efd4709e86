"""Test ``zarrcy import``: formats, shards, several files, netCDF-3, archives and URLs."""

import h5py
import numpy as np
import pytest

import zarrcy
from zarrcy.cli import main
from zarrcy.cli.import_netcdf import import_file
from zarrcy.metadata.xarray_convention import decode_missing

DATA = np.arange(600, dtype="f4").reshape(20, 30)


def write(path, data=DATA, missing=-1):
    with h5py.File(path, "w") as file:
        file["x"], file["y"] = np.arange(20), np.arange(30)
        file["x"].make_scale("x")
        file["y"].make_scale("y")
        file["t"] = data
        file["t"].dims[0].attach_scale(file["x"])
        file["t"].dims[1].attach_scale(file["y"])
        file["t"].attrs.update(units="K", _FillValue=np.float32(missing))
        file.create_group("more")["n"] = [0, 1, 2]
        file.attrs["title"] = "an example"


@pytest.fixture
def source(tmp_path):
    write(tmp_path / "source.nc")
    return tmp_path / "source.nc"


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_import_in_each_format_has_the_names_and_missing_values(source, tmp_path, zarr_format):
    target = tmp_path / "a.zarr"
    assert main(["import", str(source), str(target), "--zarr-format", str(zarr_format), "--quiet"]) == 0
    group = zarrcy.open_group(target, mode="r")
    assert group.zarr_format == group["more/n"].zarr_format == zarr_format
    assert dict(group.attrs) == {"title": "an example"}
    t = group["t"]
    np.testing.assert_array_equal(t[:], DATA)
    assert t.attrs["units"] == "K"
    if zarr_format == 2:
        assert t.attrs["_ARRAY_DIMENSIONS"] == ["x", "y"]
        assert t.fill_value == -1
    else:
        assert t.dimension_names == ("x", "y")
        assert decode_missing(t.attrs["_FillValue"], t.dtype) == -1
        assert "_ARRAY_DIMENSIONS" not in t.attrs
        assert "_FillValue" not in group["x"].attrs


def test_shards_of_an_import_are_whole_chunks(source, tmp_path):
    target = tmp_path / "a.zarr"
    options = ["--chunks", "4x7", "--shards", "6x100", "--quiet"]
    assert main(["import", str(source), str(target), *options]) == 0
    t = zarrcy.open_array(target / "t", mode="r")
    assert (t.zarr_format, t.chunks, t.shards) == (3, (4, 7), (8, 35))
    np.testing.assert_array_equal(t[:], DATA)
    # only datasets with as many axes
    assert zarrcy.open_array(target / "x", mode="r").shards is None
    assert main(["import", str(source), str(tmp_path / "b"), "--shards", "8x8", "--zarr-format", "2"]) == 2
    assert not (tmp_path / "b").exists()


def test_what_a_format_cannot_store_is_skipped(source, tmp_path, capsys):
    with h5py.File(source, "a") as file:
        ragged = file.create_dataset("ragged", (2,), h5py.vlen_dtype("i4"))
        ragged[0] = [1, 2]
    assert main(["import", str(source), str(tmp_path / "a.zarr"), "--zarr-format", "3"]) == 3
    assert "skipped /ragged: " in capsys.readouterr().err
    assert "ragged" not in zarrcy.open_group(tmp_path / "a.zarr", mode="r")


def test_several_files_become_groups(source, tmp_path, capsys):
    write(tmp_path / "other.nc", DATA + 1)
    target = tmp_path / "a.zarr"
    assert main(["import", str(source), str(tmp_path / "other.nc"), str(target)]) == 0
    group = zarrcy.open_group(target, mode="r")
    assert list(group) == ["other", "source"]
    np.testing.assert_array_equal(group["other/t"][:], DATA + 1)
    assert group["source/more/n"].shape == (3,)
    assert main(["import", str(source), str(source), str(tmp_path / "b.zarr")]) == 2
    assert "several files are named 'source'" in capsys.readouterr().err
    # an error in one of the files leaves nothing behind
    (tmp_path / "bad.nc").write_bytes(b"hello")
    assert main(["import", str(source), str(tmp_path / "bad.nc"), str(tmp_path / "c.zarr")]) == 2
    assert not list(tmp_path.glob("*c.zarr*"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("zarr_format", ["2", "3"])
def test_an_archive_is_created_and_replaced_as_a_whole(source, tmp_path, zarr_format, capsys):
    target = tmp_path / "a.zip"
    arguments = ["import", str(source), str(target), "--quiet", "--zarr-format", zarr_format]
    assert main(arguments) == 0
    before = target.read_bytes()
    assert main(arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    (tmp_path / "bad.nc").write_bytes(b"hello")
    assert main(["import", str(tmp_path / "bad.nc"), str(target), "--overwrite"]) == 2
    assert target.read_bytes() == before
    write(source, DATA + 1)
    assert main([*arguments, "--overwrite"]) == 0
    np.testing.assert_array_equal(zarrcy.open_group(str(target), mode="r")["t"][:], DATA + 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "bad.nc", "source.nc"]


@pytest.mark.parametrize("zarr_format", ["2", "3"])
def test_a_url_is_a_destination(source, tmp_path, zarr_format, capsys):
    fsspec = pytest.importorskip("fsspec")
    url = f"memory://import-{zarr_format}/a.zarr"
    arguments = ["import", str(source), url, "--quiet", "--zarr-format", zarr_format]
    assert main(arguments) == 0
    np.testing.assert_array_equal(zarrcy.open_group(url, mode="r")["t"][:], DATA)
    assert main(arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0
    files = fsspec.filesystem("memory")
    (tmp_path / "bad.nc").write_bytes(b"hello")
    other = f"memory://import-{zarr_format}/b.zarr"
    assert main(["import", str(tmp_path / "bad.nc"), other]) == 2
    assert not files.exists(other)
    files.pipe(f"memory://import-{zarr_format}/c.zarr/notes.txt", b"mine")
    assert main(["import", str(source), f"memory://import-{zarr_format}/c.zarr", "--overwrite"]) == 2
    assert files.cat(f"memory://import-{zarr_format}/c.zarr/notes.txt") == b"mine"


# -- netCDF-3 ------------------------------------------------------------------------------------------


def write_classic(path, version):
    io = pytest.importorskip("scipy.io", reason="SciPy is not installed: pip install 'zarrcy[netcdf3]'")
    with io.netcdf_file(path, "w", version=version) as file:
        file.title = "an example"
        file.createDimension("time", None)
        file.createDimension("y", 30)
        file.createDimension("length", 4)
        t = file.createVariable("t", "f4", ("time", "y"))
        t[:20] = DATA
        t._FillValue = np.float32(-1)
        t.valid_range = np.array([0, 1000], "f4")
        n = file.createVariable("n", "i2", ("time",))
        n[:20] = np.arange(20)
        text = file.createVariable("text", "c", ("y", "length"))
        text[:] = np.array([b"abcd"] * 30).view("S1").reshape(30, 4)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("zarr_format", ["2", "3"])
def test_a_classic_file_is_imported(tmp_path, version, zarr_format):
    write_classic(tmp_path / "a.nc", version)
    target = tmp_path / "a.zarr"
    assert main(["import", str(tmp_path / "a.nc"), str(target), "--zarr-format", zarr_format]) == 0
    group = zarrcy.open_group(target, mode="r")
    assert dict(group.attrs) == {"title": "an example"}
    assert sorted(group) == ["n", "t", "text"]
    np.testing.assert_array_equal(group["t"][:], DATA)
    np.testing.assert_array_equal(group["n"][:], np.arange(20))
    assert group["n"].dtype.kind == "i"
    assert group["text"][3].tobytes() == b"abcd"
    assert group["t"].attrs["valid_range"] == [0, 1000]
    if zarr_format == "2":
        assert group["t"].attrs["_ARRAY_DIMENSIONS"] == ["time", "y"]
        assert (group["t"].fill_value, group["n"].fill_value) == (-1, None)
    else:
        assert group["text"].dimension_names == ("y", "length")


def test_xarray_opens_the_same_dataset_as_from_the_file(source, tmp_path):
    xr = pytest.importorskip("xarray", reason="xarray is not installed: pip install 'zarrcy[xarray]'")
    from zarrcy.xarray import ZarrcyBackendEntrypoint

    data = DATA.copy()
    data[3, 5] = -1
    write(source, data)
    files = {"classic": tmp_path / "classic.nc"}
    write_classic(files["classic"], 2)
    opened = {"classic": xr.open_dataset(files["classic"], engine="scipy").load()}
    if "h5netcdf" in xr.backends.list_engines():
        files["new"], opened["new"] = source, xr.open_dataset(source, engine="h5netcdf").load()
    for name, path in files.items():
        for zarr_format in (2, 3):
            target = tmp_path / f"{name}{zarr_format}.zarr"
            import_file(path, target, zarr_format=zarr_format)
            actual = xr.open_dataset(target, engine=ZarrcyBackendEntrypoint, consolidated=False).load()
            xr.testing.assert_identical(actual, opened[name])
