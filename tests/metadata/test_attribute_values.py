"""Attributes: what values of NumPy become in JSON, and which values are refused with the attribute's name."""

import collections
import enum
import json
import math

import numpy as np
import pytest

import zarrcy
from zarrcy.metadata.json_writer import NUMPY_KINDS

Pair = collections.namedtuple("Pair", "x y")


class Color(enum.StrEnum):
    RED = "red"


STORED = {
    "datetime64[ns]": (np.datetime64("2024-10-02", "ns"), "2024-10-02T00:00:00.000000000"),
    "datetime64[D]": (np.datetime64("2024-10-02"), "2024-10-02"),
    "datetime64[s]": (np.datetime64("1969-12-31T23:59:59"), "1969-12-31T23:59:59"),
    "datetime64[Y]": (np.datetime64("2024"), "2024"),
    "not a time": (np.datetime64("NaT"), "NaT"),
    "not a time, with unit": (np.datetime64("NaT", "ns"), "NaT"),
    "times": (np.array(["2024-10-02", "NaT"], "M8[D]"), ["2024-10-02", "NaT"]),
    "times in two axes": (np.zeros((2, 1), "M8[s]"), [["1970-01-01T00:00:00"]] * 2),
    "time without axes": (np.array("2024", "M8[Y]"), "2024"),
    "bool": (np.bool_(True), True),
    "int8": (np.int8(-3), -3),
    "uint64": (np.uint64(2**64 - 1), 2**64 - 1),
    "float16": (np.float16(0.5), 0.5),
    "float32": (np.float32(0.1), float(np.float32(0.1))),
    "float64": (np.float64(0.1), 0.1),
    "longdouble": (np.longdouble(1.5), 1.5),
    "longdouble, infinite": (np.longdouble("inf"), math.inf),
    "text": (np.str_("s"), "s"),
    "integers": (np.arange(3, dtype="i2"), [0, 1, 2]),
    "other byte order": (np.array([1, 2], ">i4"), [1, 2]),
    "longdoubles": (np.array([1.5, 2], "g"), [1.5, 2.0]),
    "texts": (np.array(["a", "é"]), ["a", "é"]),
    "Booleans": (np.array([[True], [False]]), [[True], [False]]),
    "objects": (np.array(["a", 1, None, np.datetime64("2024")], object), ["a", 1, None, "2024"]),
    "no elements": (np.empty((2, 0)), [[], []]),
    "number without axes": (np.array(3), 3),
    "masked array without masked elements": (np.ma.array([1, 2]), [1, 2]),
    "nested": ({"a": [np.int8(1), (np.datetime64("2024"), {"b": np.float32(2)})]}, {"a": [1, ["2024", {"b": 2.0}]]}),
    "keys": ({np.int64(3): 1, np.str_("a"): 2, np.datetime64("2024"): 3, 5: 4, None: 5, True: 6, 1.5: 7},
             {"3": 1, "a": 2, "2024": 3, "5": 4, "null": 5, "true": 6, "1.5": 7}),
    "tuple": ((1, 2), [1, 2]),
    "named tuple": (Pair(1, np.int8(2)), [1, 2]),
    "ordered dict": (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    "enumeration": (Color.RED, "red"),
    "large integer": (2**100, 2**100),
}  # fmt: skip

CIRCULAR: list[object] = []
CIRCULAR.append(CIRCULAR)
REFUSED = {
    "time difference": (np.timedelta64(3, "s"), "unit"),
    "time difference in ns": (np.timedelta64(3, "ns"), "unit"),
    "time differences": (np.array([3], "m8[ns]"), "unit"),
    "complex": (np.complex128(1 + 2j), "imaginary"),
    "complex array": (np.array([1j]), "imaginary"),
    "Python's complex": (1j, "complex"),
    "bytes": (np.bytes_(b"x"), "decode"),
    "bytes array": (np.array([b"x"]), "decode"),
    "Python's bytes": (b"x", "bytes"),
    "void": (np.void(b"ab"), "field"),
    "structure": (np.zeros(1, [("x", "i4")])[0], "field"),
    "masked": (np.ma.masked, "masked"),
    "masked array": (np.ma.array([1, 2], mask=[0, 1]), "masked"),
    "set": ({1, 2}, "set"),
    "object": (object(), "object"),
    "matrix": (np.ma.array([1]).view(np.matrix), "matrix"),
    "array of objects": (np.array([object()], object), "object"),
    "key": ({(1, 2): 3}, "tuple"),
    "key that is NumPy's": ({np.timedelta64(1, "s"): 3}, "unit"),
    "equal keys": ({1: 2, "1": 3}, "two keys"),
    "circular": (CIRCULAR, "itself"),
    "nested": ({"a": [{"b": np.timedelta64(1, "s")}]}, "unit"),
}
if np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant:
    REFUSED["longdouble with more digits"] = (np.longdouble(1) / 3, "digits")
    REFUSED["longdoubles with more digits"] = (np.array([1, np.longdouble(2) / 3]), "digits")

NODES = {
    "array in v2": lambda **kwargs: zarrcy.zeros(3, **kwargs),
    "array in v3": lambda **kwargs: zarrcy.zeros(3, zarr_format=3, **kwargs),
    "array in the draft": lambda **kwargs: zarrcy.zeros(3, zarr_format="3-draft", **kwargs),
    "group in v2": lambda **kwargs: zarrcy.group(store={}, **kwargs),
    "group in v3": lambda **kwargs: zarrcy.group(store={}, zarr_format=3, **kwargs),
}
each_node = pytest.mark.parametrize("make", NODES.values(), ids=NODES)


def again(node):
    return dict(zarrcy.open(node.store, mode="r").attrs)


def documents(node):
    return {key: bytes(value) for key, value in node.store.items()}


def same(value, expected):
    return json.dumps(value, sort_keys=True) == json.dumps(expected, sort_keys=True) and type(value) is type(
        expected
    )


@each_node
@pytest.mark.parametrize(("value", "expected"), STORED.values(), ids=STORED)
@pytest.mark.parametrize("cache_attrs", [True, False])
def test_a_value_is_stored_in_the_form_of_the_table(make, value, expected, cache_attrs):
    node = make(cache_attrs=cache_attrs) if make is NODES["array in v2"] else make()
    node.attrs["name"] = value
    node.attrs.update(other=1)
    assert same(node.attrs["name"], expected)
    assert same(again(node)["name"], expected)
    node.attrs.put({"name": value})
    assert same(again(node), {"name": expected})


@pytest.mark.parametrize("make", [NODES["array in v2"], NODES["array in v3"]], ids=["v2", "v3"])
@pytest.mark.parametrize(("value", "expected"), STORED.values(), ids=STORED)
def test_attributes_of_a_new_node_have_the_same_form(make, value, expected):
    assert same(again(make(attributes={"name": value})), {"name": expected})


@each_node
@pytest.mark.parametrize(("value", "words"), REFUSED.values(), ids=REFUSED)
def test_a_value_without_a_form_is_refused_with_the_name_and_nothing_changes(make, value, words):
    node = make()
    node.attrs["other"] = 1
    before = documents(node)
    for change in (
        lambda: node.attrs.__setitem__("name", value),
        lambda: node.attrs.update(more=2, name=value),
        lambda: node.attrs.put({"name": value}),
    ):
        with pytest.raises((TypeError, ValueError), match=f"(?s)'name'.*{words}"):
            change()
    assert documents(node) == before
    assert dict(node.attrs) == {"other": 1}


@pytest.mark.parametrize(("value", "words"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_node_is_not_created_with_a_value_without_a_form(value, words, zarr_format):
    store = {}
    with pytest.raises((TypeError, ValueError), match=f"(?s)'name'.*{words}"):
        zarrcy.zeros(3, store=store, attributes={"name": value}, zarr_format=zarr_format)
    group = zarrcy.group(store={}, zarr_format=zarr_format)
    with pytest.raises((TypeError, ValueError), match=f"(?s)'name'.*{words}"):
        group.create_group("a", attributes={"name": value})
    assert store == {}
    assert "a" not in group


def test_the_table_has_each_kind_of_numpy_types():
    assert set(np.typecodes["All"]) - {"p", "P"}  # names of NumPy's types
    kinds = {np.dtype(code).kind for code in np.typecodes["All"]}
    assert kinds | {"T"} == set(NUMPY_KINDS)
    assert all(bool(kind.becomes) != bool(kind.remedy) for kind in NUMPY_KINDS.values())


@each_node
@pytest.mark.parametrize(
    "value", [math.nan, -math.inf, np.float32("nan"), [1, {"a": math.inf}], np.array([np.nan])]
)
def test_bare_nan_is_stored_unless_json_must_be_strict(make, value, monkeypatch):
    node = make()
    node.attrs["name"] = value
    assert "NaN" in str(documents(node)) or "Infinity" in str(documents(node))
    monkeypatch.setenv("ZARRCY_STRICT_JSON", "1")
    before = documents(node)
    assert again(node)
    for change in (
        lambda: node.attrs.__setitem__("second", value),
        # the document would still hold the value of before
        lambda: node.attrs.__setitem__("second", 1),
    ):
        with pytest.raises(
            ValueError, match=r"attribute 'name'.*ZARRCY_STRICT_JSON|'second'.*ZARRCY_STRICT_JSON"
        ):
            change()
    assert documents(node) == before
    node.attrs.put({"name": 1.5, "second": None})
    assert again(node) == {"name": 1.5, "second": None}
    for document in documents(node).values():
        json.loads(document, parse_constant=pytest.fail)


def test_fill_values_that_are_not_numbers_are_strict_json(monkeypatch):
    monkeypatch.setenv("ZARRCY_STRICT_JSON", "1")
    for zarr_format in (2, 3):
        array = zarrcy.full(3, np.nan, dtype="f8", store={}, zarr_format=zarr_format)
        assert math.isnan(zarrcy.open_array(array.store, mode="r").fill_value)
