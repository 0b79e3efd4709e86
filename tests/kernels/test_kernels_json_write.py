"""A value becomes the text that the module json makes of it, or is left to that module."""

import json
from collections import OrderedDict
from enum import IntEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrcy import _kernels
from zarrcy._kernels import _reference_json_write

on_both_kernels = pytest.mark.parametrize("kernels", [_kernels.json_write, _reference_json_write])
letters = st.characters(codec="utf-8")
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars | st.text(letters, max_size=8) | st.sampled_from(['"', "\\", "\n\t\x00", "é\u2028", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(letters, max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


class Number(IntEnum):
    one = 1


class Text(str):
    __slots__ = ()


OTHERS = [
    np.int64(1), np.float32(0.5), Number.one, Text("a"), float("nan"), float("inf"), {1: 2}, {None: 1}, {Text("a"): 1},
    OrderedDict(a=1), b"a", {1, 2}, object(), 1j, np.arange(2),
]  # fmt: skip


def expected(value, indent, sorts_names):
    return json.dumps(value, indent=len(indent), sort_keys=sorts_names, ensure_ascii=False)


@on_both_kernels
@given(values, st.sampled_from(["", "  ", "    "]), st.booleans())
def test_the_text_is_that_of_the_json_module(kernels, value, indent, sorts_names):
    assert kernels.write_json(value, indent, sorts_names) == expected(value, indent, sorts_names)
    assert kernels.is_json(value)


@on_both_kernels
@pytest.mark.parametrize("value", [(), (1, ("a",)), {"a": (1, [])}], ids=str)
def test_a_tuple_is_written_as_a_list_and_read_as_another_value(kernels, value):
    assert kernels.write_json(value, "  ", True) == expected(value, "  ", True)
    assert not kernels.is_json(value)


@on_both_kernels
@pytest.mark.parametrize("other", OTHERS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("around", [lambda x: x, lambda x: [1, x], lambda x: {"a": [{"b": x}], "c": 1}])
def test_other_values_are_left_to_the_caller(kernels, other, around):
    value = around(other)
    assert kernels.write_json(value, "  ", False) is None
    # JSON has no NaN, but the module json writes and reads it
    assert kernels.is_json(value) is (type(other) is float)


@on_both_kernels
def test_values_that_are_too_deep_or_contain_themselves_are_left_to_the_caller(kernels):
    deep = 1
    for _ in range(200):
        deep = [deep]
    assert kernels.write_json(deep, " ", False) == json.dumps(deep, indent=1)
    assert kernels.is_json(deep)
    for _ in range(100_000):
        deep = [deep]
    endless = {}
    endless["a"] = [endless]
    for value in (deep, endless):
        assert kernels.write_json(value, " ", False) is None
        assert not kernels.is_json(value)
    while isinstance(deep, list):
        # a destructor must not recurse
        deep = deep.pop()


@on_both_kernels
@given(values)
def test_both_kernels_write_the_same(kernels, value):
    assert kernels.write_json(value, " ", True) == _reference_json_write.write_json(value, " ", True)
