"""A dataset stays what xarray opens, through any chain of copies, conversions, imports and exports."""

import itertools

import numpy as np
import pytest

import zarrcy
from zarrcy.cli import main

xr = pytest.importorskip("xarray", reason="xarray is not installed: pip install 'zarrcy[xarray]'")

from zarrcy.xarray import ZarrcyBackendEntrypoint, to_zarr  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")

# Name -> elements, and the encoding of missing elements.
VARIABLES = {
    "f2": (np.array([[1.5, np.nan, 0], [2, 3, np.nan]], "f2"), {}),
    "f4": (np.array([[1.5, np.nan, 0], [2, 3, np.nan]], "f4"), {"_FillValue": -999.0}),
    "f8": (np.array([[1.5, np.nan, 0], [2, 3, np.nan]]), {"_FillValue": 1e20, "dtype": "f4"}),
    "plain": (np.array([[1.5, 2, 0], [2, 3, 0]]), {"_FillValue": None}),
    "packed": (
        np.array([[1.5, np.nan, 0], [2, 3, np.nan]]),
        {"_FillValue": -1, "dtype": "i2", "scale_factor": 0.5, "add_offset": 1.0},
    ),
    "integers": (np.array([[0, 1, 2], [0, 0, 3]]), {}),
    "unsigned": (np.array([[0, 255, 2], [0, 0, 3]], "u1"), {}),
    "booleans": (np.array([[True, False, True], [False, False, False]]), {}),
    "texts": (np.array([["a", "", "bär"], ["", "x", "yz"]], object), {}),
    "letters": (np.array([[b"a", b"", b"bcd"], [b"", b"x", b"yz"]]), {}),
    "dates": (np.array([["2000-01-01", "NaT", "2001-01-01"], ["1970-01-01"] * 3], "M8[ns]"), {}),
    "complex": (np.array([[1 + 2j, 0, -1j], [0, 0, 3]]), {}),
}
# Steps of a chain: the arguments of the command, and whether the file takes complex numbers.
STEPS = {
    "copy to 2": ["copy", "--zarr-format", "2"],
    "copy to 3": ["copy", "--zarr-format", "3"],
    "copy with shards": ["copy", "--shards", "2x2", "--chunks", "1x1"],
    "convert to 2": ["convert", "--zarr-format", "2"],
    "convert to 3": ["convert", "--zarr-format", "3"],
}


def dataset():
    return xr.Dataset(
        {name: (("x", "y"), data, {"note": name}) for name, (data, _) in VARIABLES.items()},
        coords={"x": [0, 1], "y": [0.0, 1.0, 2.0], "place": ("x", ["here", "there"]), "zero": ((), 0)},
        attrs={"title": "an example"},
    )


def opened(place):
    return xr.open_dataset(place, engine=ZarrcyBackendEntrypoint, consolidated=False).load()


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("chain", [*itertools.product(STEPS, repeat=2)], ids=" then ".join)
def test_copies_and_conversions_change_nothing_that_xarray_shows(tmp_path, zarr_format, chain):
    place = str(tmp_path / "0.zarr")
    encoding = {name: options for name, (_, options) in VARIABLES.items()}
    to_zarr(dataset(), place, zarr_format=zarr_format, encoding=encoding)
    # elements that were never written
    (tmp_path / "0.zarr" / "integers" / ("0.0" if zarr_format == 2 else "c/0/0")).unlink()
    expected = opened(place)
    for number, step in enumerate(chain, 1):
        command, *options = STEPS[step]
        target = str(tmp_path / f"{number}.zarr")
        now = zarrcy.open_group(place, mode="r").zarr_format
        if command == "convert" and str(now) == options[-1]:
            continue
        if command == "copy" and "--shards" in options and now == 2:
            options = [*options, "--zarr-format", "3"]
        assert main([command, place, target, *options]) == 0
        place = target
        xr.testing.assert_identical(opened(place), expected)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_dataset_comes_back_from_a_netcdf_file(tmp_path, zarr_format):
    place, file, again = (str(tmp_path / name) for name in ("a.zarr", "a.nc", "b.zarr"))
    kinds = {name: options for name, (_, options) in VARIABLES.items() if name not in ("complex", "f2")}
    to_zarr(dataset()[list(kinds)], place, zarr_format=zarr_format, encoding=kinds)
    expected = opened(place)
    assert main(["export", place, file, "--quiet"]) == 0
    for target_format in ("2", "3"):
        assert main(["import", file, again, "--zarr-format", target_format, "--overwrite", "--quiet"]) == 0
        xr.testing.assert_identical(opened(again), expected)
