"""Filters without loss store a value that comes back, or refuse it; others encode as numcodecs does."""

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import zarrcy
from zarrcy.errors import ChunkEncodeError

INTEGERS = ["<i1", "<u1", "<i2", ">i2", "<u2", "<i4", "<u4", "<i8", ">u8"]
N = 6
LAYOUTS = {
    "v2": {},
    "v2, two chunks": {"chunks": 4},
    "v3": {"zarr_format": 3},
    "shards": {"zarr_format": 3, "chunks": 3, "shards": N},
    "draft": {"zarr_format": "3-draft"},
}
each_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def elements(dtype):
    return npst.arrays(
        np.dtype(dtype),
        N,
        elements=npst.from_dtype(np.dtype(dtype)) | st.integers(0, 1).map(np.dtype(dtype).type),
    )


def made(dtype, filters, layout):
    return zarrcy.create(
        N, **{"chunks": N, **layout}, dtype=dtype, filters=filters, compressor=None, store={}
    )


def check(array, values):
    """Store values, which must come back or be refused with the codec's name and no change."""
    before = array[...]
    try:
        array[...] = values
    except ChunkEncodeError as exc:
        assert "would be read as" in str(exc)  # noqa: PT017
        assert repr(array.filters[0].codec_id if array.filters else "packbits") in str(exc)  # noqa: PT017
        now = array[...]
        assert all(now[i] in (before[i], values[i]) for i in range(N))
        return False
    np.testing.assert_array_equal(array[...], values)
    return True


@each_layout
@settings(max_examples=60)
@given(data=st.data())
def test_differences_of_integers_come_back_or_are_refused(layout, data):
    dtype, stored = (
        data.draw(st.sampled_from(INTEGERS)),
        data.draw(st.sampled_from([*INTEGERS, "<f4", "<f8"])),
    )
    if layout.get("zarr_format") == 3:
        # filters in v3 get elements in the byte order of the host
        dtype, stored = dtype.replace(">", "<"), stored.replace(">", "<")
    values = data.draw(elements(dtype))
    is_stored = check(made(dtype, [numcodecs.Delta(dtype, stored)], layout), values)
    differences = np.diff(values.astype(object), prepend=0)
    kind = np.iinfo(stored) if stored[1] != "f" else None
    if stored == dtype or (
        kind and "chunks" not in layout and all(kind.min <= n <= kind.max for n in differences)
    ):
        assert is_stored


@each_layout
@settings(max_examples=60)
@given(data=st.data())
def test_integers_stored_as_another_type_come_back_or_are_refused(layout, data):
    dtype, stored = (
        data.draw(st.sampled_from(INTEGERS)),
        data.draw(st.sampled_from([*INTEGERS, "<f4", "<f8", "|b1"])),
    )
    if layout.get("zarr_format") == 3:
        # filters in v3 get elements in the byte order of the host
        dtype, stored = dtype.replace(">", "<"), stored.replace(">", "<")
    values = data.draw(elements(dtype))
    is_stored = check(made(dtype, [numcodecs.AsType(stored, dtype)], layout), values)
    if "chunks" not in layout and stored[1] in "iu":
        kind = np.iinfo(stored)
        # other values come back too if both types have the same size
        assert is_stored or not ((values >= kind.min) & (values <= kind.max)).all()


@each_layout
@given(values=elements("|u1"))
def test_bytes_packed_as_bits_come_back_or_are_refused(layout, values):
    check(made("|u1", [numcodecs.PackBits()], layout), values)


@each_layout
@given(values=elements("|b1"))
def test_booleans_are_packed_as_bits(layout, values):
    assert check(made("|b1", [numcodecs.PackBits()], layout), values)


@given(values=elements("<u2"), first=st.integers(0, 15), last=st.integers(0, 15))
def test_a_range_of_bits_comes_back_or_is_refused(values, first, last):
    first, last = sorted((first, last))
    codec = {"name": "packbits", "configuration": {"first_bit": first, "last_bit": last}}
    array = zarrcy.create(N, chunks=N, dtype="<u2", codecs=[codec], zarr_format=3)
    mask = (1 << (last + 1)) - (1 << first)
    try:
        array[...] = values
    except ChunkEncodeError:
        assert (values & ~np.uint16(mask)).any()
    else:
        np.testing.assert_array_equal(array[...], values)


@pytest.mark.parametrize("value", [np.datetime64("2024-10-02T01", "s"), np.datetime64("NaT")])
def test_times_stored_in_a_coarser_unit_are_refused(value):
    array = made("<M8[s]", [numcodecs.AsType("<M8[D]", "<M8[s]")], {})
    assert check(array, np.full(N, np.datetime64("2024-10-02", "s")))
    if np.isnat(value):
        array[...] = value
        assert np.isnat(array[...]).all()
    else:
        assert not check(array, np.full(N, value))


def test_a_text_that_is_cut_is_refused():
    array = made("<U5", [numcodecs.AsType("<U2", "<U5")], {})
    assert check(array, np.array(["ab"] * N))
    assert not check(array, np.array(["abc"] * N))


@pytest.mark.parametrize(
    "item", [np.array([1, 2**40]), [1, 2**40], np.array([1.5]), np.array([np.nan]), np.array([-1], "i8")]
)
def test_items_of_an_array_codec_come_back_or_are_refused(item):
    array = zarrcy.create(2, dtype="array:u4", compressor=None, fill_value=None)
    array[0] = np.array([2**32 - 1], "i8")
    assert array[0].tolist() == [2**32 - 1]
    with pytest.raises(ChunkEncodeError, match="would be read as"):
        array[1] = item


@pytest.mark.parametrize("scale", [1, 10, 0.5, 0.01, -3])
@given(values=elements("<i4"))
def test_scaled_integers_round_but_do_not_wrap(scale, values):
    array = made("<i4", [numcodecs.FixedScaleOffset(5, scale, "<i4", "<i2")], {})
    try:
        array[...] = values
    except ChunkEncodeError as exc:
        assert "would be read as" in str(exc)  # noqa: PT017
        return
    assert np.abs(array[...].astype("i8") - values).max() <= 1 + 0.5 / abs(scale)


@pytest.mark.parametrize(
    ("codec", "dtype"),
    [
        (numcodecs.Delta("<f4", "<i2"), "<f4"),
        (numcodecs.Delta("<f8", "<f4"), "<f8"),
        (numcodecs.AsType("<f4", "<f8"), "<f8"),
        (numcodecs.AsType("<i2", "<f8"), "<f8"),
        (numcodecs.FixedScaleOffset(0, 10, "<f8", "<i2"), "<f8"),
        (numcodecs.Quantize(1, "<f8"), "<f8"),
        (numcodecs.Categorize(["a"], "<U3"), "<U3"),
    ],
    ids=repr,
)
def test_filters_of_floats_and_categories_encode_as_numcodecs_does(codec, dtype):
    values = (
        np.array(["a", "b", "", "abc", "a", "a"])
        if dtype == "<U3"
        else np.array([0.1, 1.7, -3.2, 9, 2.5, 0.3])
    )
    values = values.astype(dtype)
    array = made(dtype, [codec], {})
    array[...] = values
    expected = np.asarray(codec.decode(codec.encode(values))).reshape(-1).view(dtype)
    np.testing.assert_array_equal(array[...], expected)
    assert bytes(array.store["0"]) == np.asarray(codec.encode(values)).tobytes()
