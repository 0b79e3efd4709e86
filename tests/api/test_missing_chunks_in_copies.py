"""Elements that were never written read the same in a copy or a conversion, or the conversion is refused."""

import itertools

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy import errors

CASES = {
    **{
        f"{dtype} null": {"dtype": dtype, "fill_value": None}
        for dtype in ("f4", ">f8", "i4", "?", "c8", "U2", "S3")
    },
    **{
        f"{dtype} null": {"dtype": dtype, "fill_value": None}
        for dtype in ("M8[s]", "m8[ms]", "V2", str, bytes)
    },
    "NaN": {"dtype": "f8", "fill_value": np.nan},
    "NaN in shards": {"dtype": "f8", "fill_value": np.nan, "zarr_format": 3, "shards": 4},
    "NaN of v3": {"dtype": "f4", "fill_value": np.nan, "zarr_format": 3},
    "NaT": {"dtype": "M8[s]", "fill_value": "NaT"},
    "time 0": {"dtype": "M8[s]", "fill_value": 0},
    "text 0": {"dtype": str, "fill_value": 0},
    "text": {"dtype": str, "fill_value": "x"},
    "negative zero": {"dtype": "f4", "fill_value": -0.0},
    "structure": {"dtype": [("a", "f4"), ("b", "i2")], "fill_value": None},
    "filter": {"dtype": "f4", "fill_value": None, "filters": [numcodecs.Delta("f4")]},
}


def partly_written(**kwargs):
    array = zarrcy.open_array({}, mode="w", shape=6, chunks=2, **kwargs)
    if array.dtype.hasobject:
        array[:2] = b"q" if kwargs["dtype"] is bytes else "q"
    else:
        array[:2] = np.ones(2, array.dtype) if array.dtype.kind != "V" else np.zeros(2, array.dtype)
    return array


def assert_reads_alike(copied, array):
    values, others = array[...], copied[...]
    if values.dtype.hasobject:
        assert values.tolist() == others.tolist()
    else:
        assert values.astype(others.dtype).tobytes() == others.tobytes()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("version", [2, 3, "3-draft"])
def test_missing_chunks_read_the_same_in_a_copy_and_in_a_conversion(name, version):
    array = partly_written(**CASES[name])
    group = zarrcy.open_group({}, mode="w", zarr_format=version)
    zarrcy.copy(array, group, name="a")
    assert_reads_alike(group["a"], array)
    if version != array.zarr_format:
        target = {}
        zarrcy.convert(array.store, target, zarr_format=version)
        assert_reads_alike(zarrcy.open_array(target, mode="r"), array)


@pytest.mark.parametrize("fill", [None, np.nan, 0, 7])
@pytest.mark.parametrize("new_fill", [None, np.nan, 0, 7])
@pytest.mark.parametrize("version", [2, 3])
def test_a_copy_with_another_fill_value_writes_the_elements_out(fill, new_fill, version):
    array = partly_written(dtype="f8", fill_value=fill)
    group = zarrcy.open_group({}, mode="w", zarr_format=version)
    for more in ({}, {"write_empty_chunks": False}, {"chunks": 3}):
        zarrcy.copy(array, group, name="a", fill_value=new_fill, if_exists="replace", **more)
        assert_reads_alike(group["a"], array)


def test_a_conversion_in_which_missing_elements_would_change_is_refused():
    codec = numcodecs.Categorize(["q", "r"], dtype=object)
    array = zarrcy.open_array(
        {}, mode="w", shape=4, chunks=2, dtype=object, object_codec=codec, fill_value=None
    )
    array[:2] = "q"
    assert array[:].tolist() == ["q", "q", None, None]
    with pytest.raises(errors.ConversionError, match="never written would become ''; write them first"):
        zarrcy.convert(array.store, {})
    array[2:] = "r"
    target = {}
    zarrcy.convert(array.store, target)
    assert zarrcy.open_array(target, mode="r")[:].tolist() == ["q", "q", "r", "r"]


# Filters that round, and through which a chunk of the fill value does not come back.
LOSSY = {
    "FixedScaleOffset": numcodecs.FixedScaleOffset(offset=0.05, scale=10, dtype="f8", astype="i4"),
    "narrow FixedScaleOffset": numcodecs.FixedScaleOffset(offset=1000.03, scale=10, dtype="f8", astype="u1"),
    "Quantize": numcodecs.Quantize(digits=1, dtype="f8"),
    "BitRound": numcodecs.BitRound(3),
    "AsType": numcodecs.AsType("f4", "f8"),
}


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.parametrize("fill", [None, 0.0, -0.0, 7.31, np.nan, 1e300])
def test_missing_chunks_behind_a_filter_that_rounds_stay_missing(name, fill):
    with np.errstate(all="ignore"):
        array = zarrcy.open_array(
            {},
            mode="w",
            shape=(6, 4),
            chunks=(2, 4),
            dtype="f8",
            fill_value=fill,
            filters=[LOSSY[name]],
            zarr_format=2,
        )
        array[2:4] = 1002.37
        for version, options in itertools.product(
            (2, 3, "3-draft"),
            ({}, {"write_empty_chunks": False}, {"compressor": numcodecs.GZip(1)}, {"chunks": (1, 2)}),
        ):
            group = zarrcy.open_group({}, mode="w", zarr_format=version)
            zarrcy.copy(array, group, name="a", **options)
            assert_reads_alike(group["a"], array)
        target = {}
        try:
            zarrcy.convert(array.store, target, zarr_format=3)
        except errors.ConversionError:
            return
        assert_reads_alike(zarrcy.open_array(target, mode="r"), array)


def test_chunks_behind_a_filter_that_rounds_are_written_if_the_fill_value_is_another_one():
    array = zarrcy.open_array(
        {},
        mode="w",
        shape=4,
        chunks=2,
        dtype="f8",
        fill_value=2.0,
        filters=[numcodecs.BitRound(3)],
        zarr_format=2,
    )
    array[:2] = 0.0
    group = zarrcy.open_group({}, mode="w", zarr_format=3)
    zarrcy.copy(array, group, name="a", fill_value=0.0)
    assert group["a"].nchunks_initialized == 2
    assert_reads_alike(group["a"], array)
