"""Texts and bytes of any length have the stored form that numcodecs gives them, and damage is found."""

import contextlib
import sys

import numcodecs
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zarrcy import _kernels
from zarrcy._kernels import _reference_vlen

BUILDS = {"reference": _reference_vlen}
if _kernels.COMPILED:
    from zarrcy._kernels import _vlen

    BUILDS["compiled"] = _vlen
on_both = pytest.mark.parametrize("kernels", list(BUILDS.values()), ids=list(BUILDS))

CODECS = {True: numcodecs.VLenUTF8(), False: numcodecs.VLenBytes()}
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=20)
BYTES = st.lists(st.binary(max_size=20), max_size=20)


def array_of(items):
    out = np.empty(len(items), object)
    out[:] = items
    return out


@on_both
@given(items=TEXTS | BYTES)
@example(items=["", "a", "é", "€", "\U0001f600", "\x7f\x80\u07ff\u0800\uffff\U00010000\U0010ffff", "nul\0"])
def test_items_are_stored_as_numcodecs_stores_them(kernels, items):
    are_texts = bool(items) and isinstance(items[0], str)
    array = array_of(items)
    encoded = kernels.encode_items(array, are_texts)
    assert encoded == bytes(CODECS[are_texts].encode(array))
    decoded = kernels.decode_items(encoded, len(items), are_texts)
    assert decoded.dtype == object
    assert decoded.tolist() == items
    assert kernels.decode_items(encoded, len(items) + 1, are_texts) is None


@on_both
@pytest.mark.parametrize("item", [None, 0, 1.5, b"a", "\ud800", "a\udfffb", np.str_("a"), ["a"]], ids=repr)
def test_an_item_that_is_not_a_text_is_left_to_numcodecs(kernels, item):
    assert kernels.encode_items(array_of(["a", item, "b"]), True) is None


@on_both
@pytest.mark.parametrize("item", [None, 0, "a", bytearray(b"a"), np.bytes_(b"a")], ids=repr)
def test_an_item_that_is_not_bytes_is_left_to_numcodecs(kernels, item):
    assert kernels.encode_items(array_of([b"a", item]), False) is None


@given(
    data=st.binary(max_size=60),
    n=st.integers(0, 5),
    are_texts=st.booleans(),
    items=TEXTS | BYTES,
    at=st.integers(0, 500),
)
def test_damaged_bytes_give_the_items_of_numcodecs_or_nothing(data, n, are_texts, items, at):
    if items and n % 2:
        # begin with valid bytes, and change one
        are_texts = isinstance(items[0], str)
        n = len(items)
        data = bytearray(CODECS[are_texts].encode(array_of(items)))
        data[at % len(data)] ^= 1 << at % 8
        data = bytes(data)
    expected = None
    # numcodecs allocates memory for any stated number of items
    if int.from_bytes(data[:4], "little") == n:
        with contextlib.suppress(ValueError):
            expected = CODECS[are_texts].decode(data).tolist()
    for kernels in BUILDS.values():
        found = kernels.decode_items(data, n, are_texts)
        assert (None if found is None else found.tolist()) == expected


@on_both
def test_a_short_value_that_states_many_items_allocates_nothing(kernels):
    assert kernels.decode_items((2**31 - 1).to_bytes(4, "little") + bytes(40), 2**31 - 1, True) is None
    assert kernels.decode_items(b"", 0, True) is None
    assert kernels.decode_items(bytes(4), -1, True) is None


@on_both
def test_other_arrays_are_refused(kernels):
    for items in (np.zeros(3), np.empty((2, 2), object), np.empty(4, object)[::2]):
        with pytest.raises(ValueError, match="contiguous array of objects"):
            kernels.encode_items(items, True)


@on_both
def test_no_reference_is_lost_or_kept(kernels):
    text = "a text that is not shared " * 3
    array = array_of([text] * 50)
    before = sys.getrefcount(text)
    for _ in range(20):
        encoded = kernels.encode_items(array, True)
        decoded = kernels.decode_items(encoded, 50, True)
        assert kernels.decode_items(encoded[:-1], 50, True) is None
        assert sys.getrefcount(decoded[7]) <= 3
    assert sys.getrefcount(text) == before
