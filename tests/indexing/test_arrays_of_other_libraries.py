"""Whatever has ``__array__`` selects what the array of NumPy selects, with every kind of brackets."""

import numpy as np
import pytest

import zarrcy

DATA = np.arange(60).reshape(6, 10)


class Foreign:
    """An array of another library: it becomes one of NumPy, and has nothing else."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


def of_pandas(name, **options):
    def make(values):
        values = np.asarray(values)
        if values.ndim != 1:
            pytest.skip("columns have one axis")
        return getattr(pytest.importorskip("pandas"), name)(values, **options)

    return make


def nullable(values):
    values = np.asarray(values)
    if values.ndim != 1:
        pytest.skip("columns have one axis")
    return pytest.importorskip("pandas").Series(values, dtype="boolean" if values.dtype == bool else "Int64")


FORMS = {
    "foreign": Foreign,
    "zarrcy": lambda values: zarrcy.array(np.asarray(values), chunks=2 if np.ndim(values) else ()),
    "Series": of_pandas("Series"),
    "Series with an index": lambda values: of_pandas(
        "Series", index=range(90, 90 + len(np.atleast_1d(values)))
    )(values),
    "Index": of_pandas("Index"),
    "nullable": nullable,
    "DataArray": lambda values: pytest.importorskip("xarray").DataArray(np.asarray(values)),
}
LIST, ROWS, COLUMNS = [1, -2, 3], np.arange(6) % 2 == 0, np.arange(10) > 6
MASK = DATA % 7 == 0
BASIC = [
    (LIST,),
    (LIST, 2),
    (slice(1, 5), LIST),
    (ROWS,),
    (slice(None), COLUMNS),
    (Ellipsis, LIST),
    (np.int64(2),),
]
CASES = [
    *(("[]", key) for key in BASIC),
    ("[]", (LIST, [0, 1, 2])),
    ("[]", (MASK,)),
    ("[]", (np.array(3), slice(2))),
    *(("oindex", key) for key in BASIC),
    ("oindex", (LIST, COLUMNS)),
    ("vindex", (LIST, [0, 1, 2])),
    ("vindex", (LIST, 4)),
    ("vindex", (np.array([[1], [2]]), LIST)),
    ("vindex", (MASK,)),
    ("blocks", (np.array(1), slice(1))),
    ("blocks", (np.array(-1), np.array(0))),
]
METHODS = {
    "[]": lambda array: array,
    "oindex": lambda array: array.oindex,
    "vindex": lambda array: array.vindex,
    "blocks": lambda array: array.blocks,
}


def bare(key):
    return key[0] if len(key) == 1 else key


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("brackets", "key"), CASES, ids=str)
def test_an_array_of_another_library_selects_what_that_of_numpy_selects(brackets, key, form):
    foreign = tuple(
        item if isinstance(item, (slice, int)) or item is Ellipsis else FORMS[form](item) for item in key
    )
    plain = tuple(np.asarray(item) if isinstance(item, list) else item for item in key)
    ours, theirs = (zarrcy.array(DATA, chunks=(4, 3)) for _ in range(2))
    expected = METHODS[brackets](ours)[bare(plain)]
    np.testing.assert_array_equal(METHODS[brackets](ours)[bare(foreign)], expected)
    METHODS[brackets](ours)[bare(plain)] = -1
    METHODS[brackets](theirs)[bare(foreign)] = -1
    np.testing.assert_array_equal(theirs[:], ours[:])


@pytest.mark.parametrize("form", FORMS)
def test_the_methods_take_them_too(form):
    array = zarrcy.array(DATA, chunks=(4, 3))
    index = FORMS[form](LIST)
    np.testing.assert_array_equal(array.get_orthogonal_selection((index, slice(2))), DATA[LIST, :2])
    np.testing.assert_array_equal(array.get_coordinate_selection((index, index)), DATA[LIST, LIST])
    row = zarrcy.array(DATA[0], chunks=3)
    np.testing.assert_array_equal(row.get_mask_selection(FORMS[form](COLUMNS)), DATA[0, COLUMNS])
    assert array.oindex.explain((index, slice(2))).n_chunks == array.oindex.explain((LIST, slice(2))).n_chunks


@pytest.mark.parametrize("form", ["foreign", "zarrcy", "Series", "DataArray"])
def test_numbers_that_are_not_integers_are_refused(form):
    array = zarrcy.array(DATA)
    for brackets in (array, array.oindex, array.vindex):
        with pytest.raises(IndexError):
            brackets[FORMS[form]([1.0, 2.0])]


def test_fields_can_be_combined_with_them():
    records = np.zeros(5, [("x", "i4"), ("y", "f8")])
    records["x"] = range(5)
    array = zarrcy.array(records)
    assert array["x", Foreign([1, 3])].tolist() == [1, 3]
    array["x", Foreign([1, 3])] = 9
    assert array["x"].tolist() == [0, 9, 2, 9, 4]
