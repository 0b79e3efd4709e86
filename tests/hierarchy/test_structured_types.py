"""Structured data types of every layout are stored as their fields, one after another, and written from any layout."""

import json

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy.errors import SelectionError, UnsafeCodecError

PLAIN = [("a", "u1"), ("b", "<f8"), ("c", ">i2")]
RECORDS = np.zeros(4, PLAIN)
RECORDS["a"], RECORDS["b"], RECORDS["c"] = range(4), [0.5, 1.5, -0.0, np.inf], range(-4, 0)
LAYOUTS = {
    "packed": RECORDS.dtype,
    "aligned": np.dtype(PLAIN, align=True),
    "padded": np.dtype(
        {"names": list("abc"), "formats": ["u1", "<f8", ">i2"], "offsets": [3, 8, 20], "itemsize": 40}
    ),
    "fields in another order in memory": np.dtype(
        {"names": list("abc"), "formats": ["u1", "<f8", ">i2"], "offsets": [10, 2, 0]}
    ),
    "metadata of the type": np.dtype(PLAIN, metadata={"x": 1}),
    "metadata of a field, as h5py's enumerations and texts": np.dtype(
        [("a", np.dtype("u1", metadata={"enum": {"RED": 0}})), *PLAIN[1:]]
    ),
    "titles": np.dtype([(("first", "a"), "u1"), *PLAIN[1:]]),
    "a view of some fields": np.zeros(1, [("a", "u1"), ("x", "i4"), ("b", "<f8"), ("c", ">i2")])[
        ["a", "b", "c"]
    ].dtype,
}


def as_layout(dtype):
    values = np.zeros(len(RECORDS), dtype)
    for name in RECORDS.dtype.names:
        values[name] = RECORDS[name]
    return values


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("name", LAYOUTS)
def test_an_array_of_any_layout_holds_the_fields(name, zarr_format):
    values = as_layout(LAYOUTS[name])
    store = {}
    array = zarrcy.array(values, store=store, zarr_format=zarr_format, chunks=3)
    packed = [
        (field, np.dtype(code).newbyteorder("=") if zarr_format == 3 else code) for field, code in PLAIN
    ]
    assert array.dtype == zarrcy.open_array(store).dtype == np.dtype(packed)
    assert array.dtype.itemsize == 11
    for field in "abc":
        np.testing.assert_array_equal(array[:][field], RECORDS[field])
        np.testing.assert_array_equal(array[field], RECORDS[field])
    array[1:3] = values[::2][:2]
    array.append(values[:1])
    np.testing.assert_array_equal(array["b"], [0.5, 0.5, -0.0, np.inf, 0.5])
    assert array.fill_value.tolist() == (0, 0.0, 0)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_document_has_no_field_for_gaps(name):
    store = {}
    zarrcy.create(2, dtype=LAYOUTS[name], store=store)
    assert json.loads(store[".zarray"])["dtype"] == [["a", "|u1"], ["b", "<f8"], ["c", ">i2"]]


def test_nested_fields_and_fields_with_axes_are_packed_too():
    inner = np.dtype([("p", "u1"), ("q", "<i4")], align=True)
    dtype = np.dtype([("n", inner), ("m", inner, (2,)), ("s", "<i2", (3,))], align=True)
    values = np.zeros(3, dtype)
    values["n"]["q"], values["m"]["p"], values["s"] = [1, 2, 3], [[4, 5]] * 3, 7
    array = zarrcy.array(values)
    assert array.dtype.itemsize == 5 + 10 + 6
    assert json.loads(array.store[".zarray"])["dtype"][1] == ["m", [["p", "|u1"], ["q", "<i4"]], [2]]
    read = zarrcy.open_array(array.store)[:]
    for name in ("p", "q"):
        np.testing.assert_array_equal(read["n"][name], values["n"][name])
        np.testing.assert_array_equal(read["m"][name], values["m"][name])
    np.testing.assert_array_equal(read["s"], values["s"])


def test_a_fill_value_may_have_another_layout():
    aligned = LAYOUTS["aligned"]
    array = zarrcy.create(3, dtype=aligned, fill_value=as_layout(aligned)[1])
    assert array[0].tolist() == RECORDS[1].tolist()


def test_a_view_may_have_the_layout_of_memory():
    array = zarrcy.array(RECORDS)
    assert array.astype(LAYOUTS["aligned"])[:].tolist() == RECORDS.tolist()


# -- objects in fields -------------------------------------------------------------------------------

WITH_OBJECTS = np.array([(1, "a"), (2, None), (3, [1, {}])], [("n", "i4"), ("o", "O")])


@pytest.fixture
def pickle_allowed(monkeypatch):
    monkeypatch.setenv("ZARRCY_ALLOW_PICKLE", "1")


@pytest.mark.usefixtures("pickle_allowed")
@pytest.mark.parametrize("chunks", [1, 2, 5])
@pytest.mark.parametrize("fill_value", [0, None])
def test_objects_in_fields_are_stored_with_pickle(chunks, fill_value):
    store = {}
    codec = numcodecs.Pickle()
    array = zarrcy.create(
        5, dtype=WITH_OBJECTS.dtype, object_codec=codec, chunks=chunks, store=store, fill_value=fill_value
    )
    assert array[:].tolist() == [(0, 0)] * 5
    array[:3] = WITH_OBJECTS
    array[4] = (9, "z")
    again = zarrcy.open_array(store, mode="r+")
    assert again[:].tolist() == [*WITH_OBJECTS.tolist(), (0, 0), (9, "z")]
    assert again[1].tolist() == (2, None)
    assert again["n"].tolist() == [1, 2, 3, 0, 9]
    assert again["o", 2] == [1, {}]
    assert again["n", "o"].tolist() == again[:].tolist()
    assert again.oindex[[0, 4]].tolist() == [(1, "a"), (9, "z")]
    again.append(WITH_OBJECTS[:1])
    again.resize(6)
    assert zarrcy.array(again)[:].tolist() == again[:].tolist()
    with pytest.raises(SelectionError, match="write whole elements"):
        again["n"] = 1


def test_objects_in_fields_are_decoded_only_where_pickle_is_allowed(monkeypatch):
    store = {}
    monkeypatch.setenv("ZARRCY_ALLOW_PICKLE", "1")
    array = zarrcy.create(3, dtype=WITH_OBJECTS.dtype, object_codec=numcodecs.Pickle(), store=store)
    array[:] = WITH_OBJECTS
    monkeypatch.delenv("ZARRCY_ALLOW_PICKLE")
    with pytest.raises(UnsafeCodecError):
        zarrcy.open_array(store)[:]


@pytest.mark.parametrize("codec", [numcodecs.VLenUTF8(), numcodecs.JSON(), numcodecs.MsgPack()])
def test_other_codecs_for_objects_in_fields_are_refused(codec):
    with pytest.raises(ValueError, match="only the codec Pickle"):
        zarrcy.create(3, dtype=WITH_OBJECTS.dtype, object_codec=codec)


def test_objects_in_fields_need_a_codec():
    with pytest.raises(ValueError, match="missing object_codec"):
        zarrcy.create(3, dtype=WITH_OBJECTS.dtype)
