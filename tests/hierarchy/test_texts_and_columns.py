"""Texts of every Python and NumPy type, and the columns of pandas, are stored as what they are."""

import numpy as np
import pytest

import zarrcy

formats = pytest.mark.parametrize("zarr_format", [2, 3])


class Text(str):
    __slots__ = ()

    def __str__(self):
        return "another text"


class Octets(bytes):
    __slots__ = ()


TEXTS = [np.str_("é"), Text("b"), "", "日本"]


@formats
def test_subclasses_of_str_are_texts(zarr_format):
    array = zarrcy.create(4, dtype=str, zarr_format=zarr_format, chunks=3)
    array[:] = np.array(TEXTS, object)
    expected = ["é", "b", "", "日本"]
    assert array[:].tolist() == expected
    assert {type(item) for item in array[:]} == {str}
    for i, text in enumerate(TEXTS):
        array[i] = text
    array[:2] = Text("b")
    assert array[:].tolist() == ["b", "b", "", "日本"]


@formats
def test_subclasses_of_bytes_are_bytes(zarr_format):
    array = zarrcy.create(3, dtype=bytes, zarr_format=zarr_format)
    array[:] = np.array([np.bytes_(b"x"), Octets(b"\0y"), b""], object)
    array[2] = np.bytes_(b"zz")
    assert array[:].tolist() == [b"x", b"\0y", b"zz"]
    assert {type(item) for item in array[:]} == {bytes}


@formats
@pytest.mark.parametrize("value", [1, 1.5, b"a", ["a"]], ids=repr)
def test_other_objects_are_refused_as_texts(zarr_format, value):
    array = zarrcy.create(2, dtype=str, zarr_format=zarr_format)
    with pytest.raises(zarrcy.errors.ChunkEncodeError, match="refused"):
        array[0] = value


def string_types():
    if not hasattr(np.dtypes, "StringDType"):
        return []
    kind = np.dtypes.StringDType
    return ["T", kind, kind(), kind(na_object=None), np.dtype("T")]


@formats
@pytest.mark.parametrize("dtype", string_types(), ids=repr)
def test_string_types_of_numpy_are_texts(zarr_format, dtype):
    values = np.array(["a", "é", ""], "T")
    store = {}
    array = zarrcy.create(3, dtype=dtype, store=store, zarr_format=zarr_format)
    array[:] = values
    assert zarrcy.open_array(store)[:].tolist() == ["a", "é", ""]
    assert zarrcy.array(values, zarr_format=zarr_format)[:].tolist() == ["a", "é", ""]
    assert zarrcy.array(["a"], dtype=dtype, zarr_format=zarr_format)[0] == "a"
    assert array.astype(dtype)[:].tolist() == ["a", "é", ""]
    assert array.astype(dtype)[1] == "é"


NUMBERS = [np.array([1, -2]), np.array([1.5, np.nan]), np.array([True, False]), np.array(["é", "b"]),
           np.array([b"a", b"bc"]), np.array(["2020-01-01", "NaT"], "M8[D]")]  # fmt: skip


@formats
@pytest.mark.parametrize("values", NUMBERS, ids=lambda values: values.dtype.str)
def test_elements_become_texts_as_in_numpy(zarr_format, values):
    if not string_types():
        pytest.skip("NumPy 1 has no texts of any length")
    view = zarrcy.array(values, zarr_format=zarr_format, chunks=1).astype("T")
    assert view[:].tolist() == values.astype("U").tolist()
    assert view[0] == values.astype("U")[0]
    with pytest.raises(zarrcy.errors.ReadOnlyError):
        view[0] = "x"


@formats
@pytest.mark.parametrize(("dtype", "value"), [(str, "hé"), (bytes, b"he")], ids=["str", "bytes"])
def test_one_element_without_axes_is_a_scalar(zarr_format, dtype, value):
    array = zarrcy.create((), dtype=dtype, zarr_format=zarr_format)
    array[...] = value
    assert type(array[()]) is dtype
    assert array[()] == value
    assert array[...].shape == ()


def columns():
    pandas = pytest.importorskip("pandas")
    texts, numbers = ["a", "é", "a"], [3, 1, 3]
    times = pandas.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"])
    return {
        "objects": (pandas.Series(texts, dtype=object), texts),
        "texts": (pandas.Series(texts), texts),
        "string": (pandas.Series(texts, dtype="string"), texts),
        "categories": (pandas.Series(texts, dtype="category"), texts),
        "categories of numbers": (pandas.Series(numbers, dtype="category"), numbers),
        "missing text": (pandas.Series(["a", None, "b"], dtype="string"), ["a", "", "b"]),
        "missing category": (pandas.Series(["a", None, "b"], dtype="category"), ["a", "", "b"]),
        "Int64": (pandas.Series(numbers, dtype="Int64"), numbers),
        "UInt8": (pandas.Series(numbers, dtype="UInt8"), numbers),
        "int64": (pandas.Series(numbers), numbers),
        "boolean": (pandas.Series([True, False, True], dtype="boolean"), [True, False, True]),
        "Float32": (pandas.Series([1.5, 2, 3], dtype="Float32"), [1.5, 2, 3]),
        "times": (pandas.Series(times), list(times.to_numpy())),
        "times with a zone": (pandas.Series(times.tz_localize("Asia/Tokyo").tz_convert("UTC")),
                              list(times.tz_localize("Asia/Tokyo").tz_convert(None).to_numpy())),
    }  # fmt: skip


@formats
@pytest.mark.parametrize("form", ["Series", "array", "Index"])
def test_columns_of_pandas_are_stored_as_their_elements(zarr_format, form):
    pandas = pytest.importorskip("pandas")
    for name, (series, expected) in columns().items():
        column = {"Series": series, "array": series.array, "Index": pandas.Index(series)}[form]
        array = zarrcy.array(column, zarr_format=zarr_format)
        np.testing.assert_array_equal(array[:], expected, err_msg=name)
        group = zarrcy.group(zarr_format=zarr_format)
        group["x"] = column
        np.testing.assert_array_equal(group["x"][:], expected, err_msg=name)
        target = zarrcy.create(
            6, dtype=str if array.dtype == object else array.dtype, zarr_format=zarr_format
        )
        target[:3] = column
        target.append(column)
        np.testing.assert_array_equal(target[[0, 1, 2, 6, 7, 8]], [*expected, *expected], err_msg=name)


def test_missing_integers_are_nan_among_floats_and_refused_elsewhere():
    pandas = pytest.importorskip("pandas")
    for column in (pandas.Series([1, None], dtype="Int64"), pandas.array([True, None], dtype="boolean")):
        with pytest.raises(ValueError, match="1 of 2 elements are missing"):
            zarrcy.array(column)
        array = zarrcy.zeros(2, dtype="i4")
        with pytest.raises(ValueError, match="1 of 2 elements are missing"):
            array[:] = column
        assert array[:].tolist() == [0, 0]
        floats = zarrcy.zeros(2, dtype="f4")
        floats[:] = column
        np.testing.assert_array_equal(floats[:], [1, np.nan])
        np.testing.assert_array_equal(zarrcy.array(column, dtype="f8")[:], [1, np.nan])
    np.testing.assert_array_equal(zarrcy.array(pandas.Series([1.5, None], dtype="Float64"))[:], [1.5, np.nan])
