"""zarr-python 3 reads arrays that were converted in place, from the same chunks, and converted copies."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numcodecs
import numpy as np
import pytest

import zarrcy

from .values import assert_same_bits, make_quarters, make_values

zarr3 = pytest.importorskip("zarr", minversion="3")
RECORD = np.dtype([("a", ">i4"), ("b", ">f8"), ("s", "S3")])

# arguments of zarrcy.create, and whether zarr-python 3 supports all of the codecs
ARRAYS: dict[str, tuple[dict[str, Any], bool]] = {
    **{dtype: ({"dtype": dtype}, True) for dtype in ("?", "<i2", ">i4", "<u8", "<f4", ">f8", "<c16", "S5", "<U7")},
    "V3": ({"dtype": "V3"}, True),
    "M8[ns]": ({"dtype": "<M8[ns]"}, True),
    ">m8[25s]": ({"dtype": ">m8[25s]"}, True),
    # versions before 3.2 do not support structured types with this name
    "record": ({"dtype": RECORD}, False),
    "text": ({"dtype": str}, True),
    "text F": ({"dtype": str, "order": "F"}, True),
    "bytes": ({"dtype": bytes}, True),
    "F": ({"dtype": "<i4", "order": "F"}, True),
    "big F": ({"dtype": ">f4", "order": "F", "compressor": numcodecs.Zstd(1)}, True),
    "slash": ({"dtype": "<i4", "dimension_separator": "/"}, True),
    "raw": ({"dtype": "<i4", "compressor": None}, True),
    **{
        f"blosc {cname} {shuffle}": ({"dtype": "<i4", "compressor": numcodecs.Blosc(cname, 5, shuffle)}, True)
        for cname, shuffle in (("lz4", 0), ("lz4hc", 1), ("zstd", 2), ("zlib", 1), ("blosclz", -1))
    },
    **{
        type(codec).__name__: ({"dtype": "<i4", "compressor": codec}, True)
        for codec in (numcodecs.GZip(1), numcodecs.Zlib(1), numcodecs.LZ4(), numcodecs.BZ2(1), numcodecs.LZMA())
    },
    "zstd with checksum": ({"dtype": "<i4", "compressor": numcodecs.Zstd(1, checksum=True)}, True),
    "delta": ({"dtype": "<i4", "filters": [numcodecs.Delta("<i4", "<i8")]}, True),
    "offset": ({"dtype": "<f8", "filters": [numcodecs.FixedScaleOffset(1, 10, "<f8", "<i4")]}, True),
    "big offset": ({"dtype": ">f8", "filters": [numcodecs.FixedScaleOffset(1, 10, ">f8", "<i4")]}, True),
    "quantize": ({"dtype": "<f8", "filters": [numcodecs.Quantize(2, "<f8")]}, True),
    "checksums": ({"dtype": "<i4", "filters": [numcodecs.Delta("<i4"), numcodecs.CRC32()]}, True),
    "shuffle": ({"dtype": "<i4", "filters": [numcodecs.Shuffle(4)], "compressor": numcodecs.Zlib(1)}, True),
    "NaN": ({"dtype": "<f8", "fill_value": math.nan}, True),
    "no fill value": ({"dtype": "<M8[s]", "fill_value": None}, True),
    "no axes": ({"dtype": "<i4", "shape": (), "chunks": ()}, True),
}  # fmt: skip


def make(store: Any, options: dict[str, Any]) -> np.ndarray[Any, Any]:
    options = {"shape": (7, 5), "chunks": (3, 2), **options}
    array = zarrcy.create(store=str(store), path="g/a", attributes={"units": "K"}, **options)
    kind = np.dtype(object) if options["dtype"] in (str, bytes) else np.dtype(options["dtype"])
    rng = np.random.default_rng(0)
    if kind.hasobject:
        pool = np.array(["", "a", "œ\U0001f600", "bc"], object)
        values = pool[rng.integers(0, 4, options["shape"])]
        if options["dtype"] is bytes:
            values = np.frompyfunc(str.encode, 1, 1)(values)
    else:
        # lossy filters do not accept NaN
        values = (make_quarters if options.get("filters") else make_values)(kind, options["shape"], rng)
    if options["shape"]:
        # leave one chunk unwritten
        values[3:6, :2] = array[3:6, :2]
        array[:3], array[6:], array[3:6, 2:] = values[:3], values[6:], values[3:6, 2:]
    else:
        array[...] = values
    return np.asarray(array[...])


def chunks_in(path):
    return {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and file.name != "zarr.json" and not file.name.startswith(".z")
    }


def same(theirs, ours):
    if ours.dtype.hasobject:
        assert theirs.tolist() == ours.tolist()
    else:
        assert_same_bits(np.asarray(theirs).astype(ours.dtype), ours)


@pytest.mark.parametrize(("options", "zarr3_reads"), list(ARRAYS.values()), ids=list(ARRAYS))
def test_zarr_python_3_reads_an_array_that_was_converted_in_place(options, zarr3_reads, tmp_path):
    values = make(tmp_path, options)
    before = chunks_in(tmp_path)
    assert before
    conversion = zarrcy.convert(tmp_path)
    assert [(node.path, node.how) for node in conversion.nodes] == [
        ("g/a", "as stored"),
        ("g", "as stored"),
        ("", "as stored"),
    ]
    assert chunks_in(tmp_path) == before
    ours = zarrcy.open(tmp_path)["g/a"]
    assert ours.zarr_format == zarrcy.open(tmp_path).zarr_format
    same(ours[...], values)
    # programs that support only the old format still read the array
    same(zarrcy.open_array(tmp_path, path="g/a", zarr_format=2)[...], values)
    if zarr3_reads:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = zarr3.open_group(tmp_path, mode="r", zarr_format=3)["g/a"]
            same(theirs[...], values)
            assert dict(theirs.attrs) == {"units": "K"}


REENCODED: dict[str, dict[str, Any]] = {
    "big delta": {"dtype": ">i4", "filters": [numcodecs.Delta(">i4")]},
    "offset to big": {"dtype": "<f8", "filters": [numcodecs.FixedScaleOffset(1, 10, "<f8", ">i4")]},
    "filters in no order": {"dtype": "<i4", "filters": [numcodecs.CRC32(), numcodecs.Delta("u1")]},
    "both byte orders": {"dtype": [("a", ">i4"), ("b", "<f8")], "theirs": False},
    "labels": {
        "dtype": object,
        "object_codec": numcodecs.Categorize(["", "a", "œ\U0001f600", "bc"], dtype=object),
        "fill_value": "",
    },
}


@pytest.mark.parametrize("options", list(REENCODED.values()), ids=list(REENCODED))
def test_chunks_that_cannot_be_kept_are_re_encoded(options, tmp_path):
    theirs = options.get("theirs", True)
    options = {name: value for name, value in options.items() if name != "theirs"}
    values = make(tmp_path / "a", options)
    files = {file: file.read_bytes() for file in (tmp_path / "a").rglob("*") if file.is_file()}
    with pytest.raises(zarrcy.errors.ConversionError, match="give a destination"):
        zarrcy.convert(tmp_path / "a")
    conversion = zarrcy.convert(tmp_path / "a", tmp_path / "b")
    assert [node.how for node in conversion.arrays] == ["encoded anew"]
    assert {file: file.read_bytes() for file in (tmp_path / "a").rglob("*") if file.is_file()} == files
    ours = zarrcy.open(tmp_path / "b", mode="r")["g/a"]
    # compare texts, because NaN is not equal to itself
    assert str(ours[...].tolist()) == str(values.tolist())
    if theirs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = zarr3.open_group(tmp_path / "b", mode="r")["g/a"][...]
        assert read.tolist() == values.tolist()


@pytest.mark.parametrize("options", [options for options, _ in ARRAYS.values()], ids=list(ARRAYS))
def test_a_conversion_and_its_reverse_keep_the_elements(options, tmp_path):
    values = make(tmp_path / "a", options)
    zarrcy.convert(tmp_path / "a", tmp_path / "b")
    back = zarrcy.convert(tmp_path / "b", tmp_path / "c", zarr_format=2)
    assert chunks_in(tmp_path / "b") == chunks_in(tmp_path / "a")
    same(zarrcy.open(tmp_path / "c", mode="r")["g/a"][...], values)
    if back.arrays[0].how == "as stored":
        assert chunks_in(tmp_path / "c") == chunks_in(tmp_path / "a")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(zarr3.open_group(tmp_path / "c", mode="r", zarr_format=2)["g/a"][...], values)
