"""Stores of other tools are read and changed here, and stores of zarrcy are read there: `make writers` runs this.

The tools come from PyPI. A tool that is not installed is left out.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zarrcy

pytestmark = [pytest.mark.writers, pytest.mark.filterwarnings("ignore")]

DATA = np.arange(24, dtype="u2").reshape(4, 6)
formats = pytest.mark.parametrize("zarr_format", [2, 3])


def new_array(place: Path, zarr_format: int) -> zarrcy.Array:
    array = zarrcy.open_array(
        place, mode="w", shape=DATA.shape, chunks=(2, 3), dtype=DATA.dtype, zarr_format=zarr_format
    )
    array[...] = DATA
    array.attrs["é"] = "ü"
    return array


def spelling_of(place: Path) -> dict[str, Any]:
    document = next(path for name in (".zarray", "zarr.json") if (path := place / name).exists())
    members: dict[str, Any] = json.loads(document.read_text("utf-8"))
    return {name: value for name, value in members.items() if name not in ("shape", "attributes")}


# -- GDAL ----------------------------------------------------------------------------------------------


def gdal_version(rasterio: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in rasterio.__gdal_version__.split(".")[:2])


@pytest.mark.parametrize("compress", ["NONE", "ZSTD", "BLOSC", "ZLIB", "GZIP"])
@formats
def test_what_gdal_writes_is_read_changed_and_read_there(
    tmp_path: Path, zarr_format: int, compress: str
) -> None:
    rasterio = pytest.importorskip("rasterio")
    if zarr_format == 3 and (gdal_version(rasterio) < (3, 12) or compress == "ZLIB"):
        pytest.skip("GDAL before 3.12 writes a draft of format 3, which has no codec 'bytes'")
    place = tmp_path / "gdal.zarr"
    options = {"driver": "Zarr", "width": 6, "height": 4, "count": 1, "dtype": "uint16", "nodata": 7}
    try:
        with rasterio.open(place, "w", **options, FORMAT=f"ZARR_V{zarr_format}", COMPRESS=compress) as file:
            file.write(DATA, 1)
    except rasterio.errors.RasterioError as exc:
        pytest.skip(f"this build of GDAL does not write it: {exc}")
    group = zarrcy.open(place, mode="r+")
    (array,) = [one for _, one in group.arrays() if one.ndim == 2]
    np.testing.assert_array_equal(array[...], DATA)
    assert array.fill_value == 7
    assert zarrcy.verify(place).ok
    before = spelling_of(place / array.path)
    array[0, 0] = 99
    array.attrs["new"] = "é"
    array.resize(array.shape)
    assert spelling_of(place / array.path) == before
    with rasterio.open(place) as file:
        assert file.read(1)[0].tolist() == [99, 1, 2, 3, 4, 5]


@formats
def test_gdal_reads_what_zarrcy_writes(tmp_path: Path, zarr_format: int) -> None:
    rasterio = pytest.importorskip("rasterio")
    if zarr_format == 3 and gdal_version(rasterio) < (3, 12):
        pytest.skip("GDAL before 3.12 does not know the codec 'bytes'")
    array = new_array(tmp_path / "ours.zarr", zarr_format)
    array.append(DATA)
    with rasterio.open(f'ZARR:"{tmp_path / "ours.zarr"}"') as file:
        np.testing.assert_array_equal(file.read(1), np.concatenate([DATA, DATA]))


# -- netCDF-C ------------------------------------------------------------------------------------------


def test_what_netcdf_c_writes_is_read_changed_and_read_there(tmp_path: Path) -> None:
    netcdf = pytest.importorskip("netCDF4")
    place = tmp_path / "nc.zarr"
    url = f"file://{place}#mode=nczarr,file"
    with netcdf.Dataset(url, "w") as file:
        file.createDimension("y", 4)
        file.createDimension("x", 6)
        variable = file.createVariable("v", "u2", ("y", "x"), chunksizes=(2, 3), fill_value=7)
        variable[...] = DATA
        variable.units = "°C"
    array = zarrcy.open_group(place, mode="r+")["v"]
    np.testing.assert_array_equal(array[...], DATA)
    assert array.attrs["units"] == "°C"
    array[0, 0] = 99
    array.attrs["ä"] = "ö"
    with netcdf.Dataset(url) as file:
        assert int(file["v"][0, 0]) == 99
        assert file["v"].getncattr("ä") == "ö"
        assert file["v"].units == "°C"


# -- others ----------------------------------------------------------------------------------------------


@formats
def test_tensorstore_and_zarrcy_read_each_other(tmp_path: Path, zarr_format: int) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    driver = "zarr" if zarr_format == 2 else "zarr3"

    def open_there(place: Path, **options: Any) -> Any:
        spec = {"driver": driver, "kvstore": {"driver": "file", "path": str(place)}}
        return tensorstore.open(spec, **options).result()

    theirs = open_there(tmp_path / "theirs", create=True, dtype="uint16", shape=DATA.shape)
    theirs[...] = DATA
    array = zarrcy.open_array(tmp_path / "theirs", mode="r+")
    np.testing.assert_array_equal(array[...], DATA)
    before = spelling_of(tmp_path / "theirs")
    array.append(DATA)
    assert spelling_of(tmp_path / "theirs") == before
    np.testing.assert_array_equal(
        open_there(tmp_path / "theirs").read().result(), np.concatenate([DATA, DATA])
    )
    new_array(tmp_path / "ours", zarr_format)
    np.testing.assert_array_equal(open_there(tmp_path / "ours").read().result(), DATA)


@pytest.mark.parametrize("shards", [None, (4, 6)], ids=str)
def test_zarrs_and_zarrcy_read_each_other(tmp_path: Path, shards: tuple[int, int] | None) -> None:
    pytest.importorskip("zarrs")
    zarr = pytest.importorskip("zarr")
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
        theirs = zarr.create_array(
            tmp_path / "theirs", shape=DATA.shape, chunks=(2, 3), shards=shards, dtype=DATA.dtype
        )
        theirs[...] = DATA
        array = zarrcy.open_array(tmp_path / "theirs", mode="r+")
        np.testing.assert_array_equal(array[...], DATA)
        before = spelling_of(tmp_path / "theirs")
        array.append(DATA)
        assert spelling_of(tmp_path / "theirs") == before
        again = zarr.open_array(tmp_path / "theirs", mode="r")
        np.testing.assert_array_equal(again[...], np.concatenate([DATA, DATA]))
        ours = zarrcy.create(
            DATA.shape, chunks=(2, 3), shards=shards, dtype=DATA.dtype, zarr_format=3, store=tmp_path / "ours"
        )
        ours[...] = DATA
        np.testing.assert_array_equal(zarr.open_array(tmp_path / "ours", mode="r")[...], DATA)


def test_what_acquire_writes_is_read(tmp_path: Path) -> None:
    acquire = pytest.importorskip("acquire_zarr")
    dimensions = [
        acquire.Dimension(name=name, kind=kind, array_size_px=n, chunk_size_px=2, shard_size_chunks=1)
        for name, kind, n in (
            ("t", acquire.DimensionType.TIME, 0),
            ("y", acquire.DimensionType.SPACE, 4),
            ("x", acquire.DimensionType.SPACE, 6),
        )
    ]
    settings = acquire.StreamSettings(
        store_path=str(tmp_path / "stream.zarr"),
        arrays=[acquire.ArraySettings(dimensions=dimensions, data_type=acquire.DataType.UINT16)],
    )
    stream = acquire.ZarrStream(settings)
    stream.append(np.stack([DATA, DATA + 1]))
    stream.close()
    opened = zarrcy.open(tmp_path / "stream.zarr", mode="r")
    arrays = [opened] if isinstance(opened, zarrcy.Array) else [one for _, one in opened.arrays(recurse=True)]
    assert any(np.array_equal(array[...], np.stack([DATA, DATA + 1])) for array in arrays)
    assert zarrcy.verify(tmp_path / "stream.zarr").ok


@formats
def test_xarray_reads_and_extends_through_zarr_python(tmp_path: Path, zarr_format: int) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("zarr")
    data = xarray.Dataset({"v": (("y", "x"), DATA)}, attrs={"title": "é"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.to_zarr(tmp_path / "x.zarr", zarr_format=zarr_format, consolidated=True)
    group = zarrcy.open_group(tmp_path / "x.zarr", mode="r+")
    assert group.attrs["title"] == "é"
    np.testing.assert_array_equal(group["v"][...], DATA)
    assert zarrcy.verify(tmp_path / "x.zarr").ok
    group["v"].append(DATA)
    group.attrs["ä"] = "ö"
    with xarray.open_zarr(tmp_path / "x.zarr", zarr_format=zarr_format, consolidated=False) as again:
        np.testing.assert_array_equal(again["v"].to_numpy(), np.concatenate([DATA, DATA]))
        assert again.attrs["ä"] == "ö"
