"""What xarray stores beside the elements - dimension names, the value of missing elements - survives each conversion.

`view` reads an array by xarray's rules, independently of the code that converts: the elements, which of them are
missing, and the names of the axes.
"""

import base64
import json
import math
import struct

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy.cli import main

# data type, elements without the value of missing elements, that value
KINDS = {
    "f2": (np.array([1.5, 0, -2], "f2"), np.float16(-9)),
    "f4": (np.array([1.5, 0, -2], "f4"), np.float32(-999.25)),
    "f8 big": (np.array([1.5, 0, -2], ">f8"), -1e300),
    "nan": (np.array([1.5, 0, -2]), math.nan),
    "inf": (np.array([1.5, 0, -2]), math.inf),
    "zero": (np.array([1.5, 3, -2]), 0.0),
    "i1": (np.array([1, 0, 3], "i1"), -128),
    "i4": (np.array([1, 0, 3], "i4"), -1),
    "u8": (np.array([1, 0, 3], "u8"), 2**64 - 1),
    "i8 zero": (np.array([1, 2, 3], "i8"), 0),
    "bool": (np.array([False, False, False]), True),
    "c8": (np.array([1, 0, 3j], "c8"), np.complex64(-1 + 2j)),
    "c16 nan": (np.array([1, 0, 3j]), complex(math.nan, 0)),
    "S": (np.array([b"ab", b"", b"c"]), b"xy"),
    "U": (np.array(["ab", "", "c"]), "xé"),
    "text": (np.array(["ab", "", "c"], object), "missing"),
}


def text_base64(value):
    return base64.b64encode(value).decode()


def spelled_v3(value, dtype):
    """Return the attribute `_FillValue` as xarray writes it in format 3."""
    if dtype.kind == "f":
        return text_base64(struct.pack("<d", value))
    if dtype.kind == "c":
        return [text_base64(struct.pack("<d", part)) for part in (value.real, value.imag)]
    return text_base64(value) if dtype.kind == "S" else value


def parse_v3(attribute, dtype):
    if dtype.kind == "f":
        return struct.unpack("<d", base64.b64decode(attribute))[0]
    if dtype.kind == "c":
        return complex(*(struct.unpack("<d", base64.b64decode(part))[0] for part in attribute))
    return base64.b64decode(attribute) if dtype.kind == "S" else attribute


def is_same(value, other):
    return value == other or (value != value and other != other)


def view(store):
    """Return names of the axes, elements, and which are missing, as xarray sees the array `v`."""
    array = zarrcy.open_array(store, path="v", mode="r")
    attributes = array.attrs.asdict()
    if array.zarr_format == 2:
        document = json.loads(bytes(store["v/.zarray"]))
        names, missing = attributes.pop("_ARRAY_DIMENSIONS"), array.fill_value
        assert (missing is None) == (document["fill_value"] is None)
        if missing is None:
            missing = attributes.get("_FillValue")
        attributes.pop("_FillValue", None)
    else:
        names, missing = list(array.dimension_names), attributes.pop("_FillValue", None)
        assert "_ARRAY_DIMENSIONS" not in attributes
        missing = None if missing is None else parse_v3(missing, array.dtype)
    elements = array[:].tolist()
    is_missing = [missing is not None and is_same(element, missing) for element in elements]
    values = zip(is_missing, elements, strict=True)
    # elements that are not numbers are missing in any case
    return (
        names,
        attributes,
        [None if hidden or element != element else element for hidden, element in values],
    )


def written(zarr_format, elements, missing, stated_fill=None, leave_out=()):
    """Return a store with the array `v` as xarray writes it; the chunks in `leave_out` were never written."""
    options = (
        {"dtype": elements.dtype, "object_codec": numcodecs.VLenUTF8()} if elements.dtype == object else {}
    )
    options = {"dtype": elements.dtype, "chunks": 2, "compressor": None, **options}
    attributes = {"units": "K"}
    if zarr_format == 2:
        attributes["_ARRAY_DIMENSIONS"] = ["x"]
        options["fill_value"] = missing
    else:
        options |= {"dimension_names": ["x"], "zarr_format": 3}
        if elements.dtype == object:
            options["dtype"] = str
        options["fill_value"] = (
            stated_fill if stated_fill is not None else np.zeros(1, elements.dtype)[0] or ""
        )
        if elements.dtype != object and stated_fill is None:
            options["fill_value"] = np.zeros((), elements.dtype)[()]
        if missing is not None:
            attributes["_FillValue"] = spelled_v3(missing, elements.dtype)
    store = {}
    zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
    array = zarrcy.create(len(elements), store=store, path="v", attributes=attributes, **options)
    array[:] = elements
    for i in leave_out:
        del store[f"v/{i}" if zarr_format == 2 else f"v/c/{i}"]
    return store


def converted(store, zarr_format, how, tmp_path):
    target = {}
    if how == "convert":
        zarrcy.convert(store, target, zarr_format=zarr_format)
    elif how == "in place":
        target = dict(store)
        zarrcy.convert(target, zarr_format=zarr_format, remove_old=True)
    elif how == "copy_all":
        group = zarrcy.open_group(target, mode="w", zarr_format=zarr_format)
        zarrcy.copy_all(zarrcy.open_group(store, mode="r"), group)
    else:
        places = tmp_path / f"source{zarr_format}", tmp_path / f"target{zarr_format}"
        zarrcy.copy_store(store, zarrcy.DirectoryStore(str(places[0])))
        assert main(["copy", *map(str, places), "--zarr-format", str(zarr_format)]) == 0
        target = zarrcy.DirectoryStore(str(places[1]))
    return target


HOWS = ["convert", "copy_all", "command"]


@pytest.mark.parametrize("how", [*HOWS, "in place"])
@pytest.mark.parametrize("has_missing", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_what_xarray_sees_survives_from_format_2_to_3_and_back(kind, has_missing, how, tmp_path):
    elements, missing = KINDS[kind]
    elements = np.resize(elements, 7)
    if has_missing:
        elements[[1, 4]] = missing
    store = written(2, elements, missing if has_missing else None)
    before = view(store)
    assert before[2].count(None) == 2 * has_missing
    third = converted(store, 3, how, tmp_path)
    assert view(third) == before
    back = converted(third, 2, "convert" if how == "in place" else how, tmp_path / "back")
    assert view(back) == before


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("leave_out", [(), (0, 2)])
@pytest.mark.parametrize("has_missing", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_what_xarray_sees_survives_from_format_3_to_2_and_back(kind, has_missing, leave_out, how, tmp_path):
    elements, missing = KINDS[kind]
    elements = np.resize(elements, 7)
    if has_missing:
        elements[[1, 4]] = missing
    store = written(3, elements, missing if has_missing else None, leave_out=leave_out)
    before = view(store)
    second = converted(store, 2, how, tmp_path)
    assert view(second) == before
    assert view(converted(second, 3, how, tmp_path / "back")) == before


@pytest.mark.parametrize("how", HOWS)
def test_chunks_that_were_never_written_stay_missing_if_their_fill_value_is_not_a_number(how, tmp_path):
    elements = np.arange(8.0)
    for missing in (None, math.nan):
        store = written(3, elements, missing, stated_fill=math.nan, leave_out=(1, 3))
        second = converted(store, 2, how, tmp_path / str(missing))
        assert sorted(key for key in second if key[-1].isdigit()) == ["v/0", "v/2"]
        assert view(second) == view(store)


@pytest.mark.parametrize("how", HOWS)
def test_chunks_that_were_never_written_are_written_if_the_fill_value_gets_another_meaning(how, tmp_path):
    store = written(3, np.arange(8), None, leave_out=(1, 3))
    second = converted(store, 2, how, tmp_path)
    assert json.loads(bytes(second["v/.zarray"]))["fill_value"] is None
    assert sorted(key for key in second if key[-1].isdigit()) == ["v/0", "v/1", "v/2", "v/3"]
    assert zarrcy.open_array(second, path="v")[:].tolist() == [0, 1, 0, 0, 4, 5, 0, 0]


def test_an_array_with_too_many_chunks_that_were_never_written_is_refused():
    store, target = {}, {}
    zarrcy.open_group(store, zarr_format=3)
    zarrcy.create(10**13, chunks=10, dtype="i4", store=store, path="v", zarr_format=3, dimension_names=["x"])
    with pytest.raises(zarrcy.errors.ConversionError, match=r"v: .*remove its dimension names"):
        zarrcy.convert(store, target, zarr_format=2)
    assert target == {}
    source, group = zarrcy.open_group(store), zarrcy.open_group(target)
    with pytest.raises(
        zarrcy.errors.ConversionError, match=r"v: .*remove its dimension names.*Or give a fill_value"
    ):
        zarrcy.copy(source["v"], group)
    assert "v" not in group
    assert zarrcy.copy(source["v"], group, fill_value=0)[0] == 1


@pytest.mark.parametrize("names", [None, ["x", None], [None, None]])
def test_an_array_without_the_names_of_all_axes_keeps_its_fill_value(names):
    store, target = {}, {}
    zarrcy.create(
        (3, 3), chunks=2, dtype="i4", fill_value=7, store=store, zarr_format=3, dimension_names=names
    )
    zarrcy.convert(store, target, zarr_format=2)
    assert zarrcy.open_array(target).fill_value == 7
    assert sorted(target) == [".zarray"]


@pytest.mark.parametrize(
    ("dtype", "attribute"),
    [
        ("f4", "not base64!"),
        ("f4", 3),
        ("f4", "AAAA"),
        ("c8", ["AAAA"]),
        ("i2", "x"),
        ("u1", -1),
        ("S2", 5),
        ("i4", [1]),
    ],
)
def test_an_attribute_that_no_reader_of_format_3_understands_stays_as_it_is(dtype, attribute):
    store, target = {}, {}
    attributes = {"_FillValue": attribute}
    zarrcy.create(
        3, chunks=2, dtype=dtype, store=store, zarr_format=3, dimension_names=["x"], attributes=attributes
    )
    zarrcy.convert(store, target, zarr_format=2)
    assert zarrcy.open_array(target).attrs.asdict() == {"_FillValue": attribute, "_ARRAY_DIMENSIONS": ["x"]}
    assert zarrcy.open_array(target).fill_value == zarrcy.open_array(store).fill_value


def test_the_attribute_of_an_imported_file_becomes_that_of_format_3():
    """Where format 2 has the attribute beside the fill value, as after an import, the fill value decides."""
    store, target = {}, {}
    attributes = {"_FillValue": -9.0, "_ARRAY_DIMENSIONS": ["x"]}
    for fill, missing in ((-9.0, -9.0), (None, -9.0), (-8.0, -8.0)):
        store.clear()
        target.clear()
        zarrcy.create(3, chunks=2, dtype="f4", fill_value=fill, store=store, attributes=attributes)[:] = 1
        zarrcy.convert(store, target)
        assert zarrcy.open_array(target).attrs["_FillValue"] == spelled_v3(missing, np.dtype("f4"))
