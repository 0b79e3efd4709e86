"""`out=` that is not a NumPy array, or has bytes between its fields; writes of all fields; masks that are lists."""

import numpy as np
import pytest

import zarrcy as zarr

DTYPE = np.dtype([("foo", "S3"), ("bar", "i4"), ("baz", "f8")])
RECORDS = np.array([(b"aaa", 1, 4.2), (b"bbb", 2, 8.4), (b"ccc", 3, 12.6)], DTYPE)
READS = {
    "basic": (lambda z, out: z.get_basic_selection(slice(2, 8), out=out), 6),
    "orthogonal": (lambda z, out: z.get_orthogonal_selection([1, 5, 7], out=out), 3),
    "coordinates": (lambda z, out: z.get_coordinate_selection([7, 1, 5], out=out), 3),
    "mask": (lambda z, out: z.get_mask_selection(np.arange(10) % 2 == 0, out=out), 5),
    "blocks": (lambda z, out: z.get_block_selection(slice(1, 2), out=out), 3),
}


class Target:
    """An array of another library: it has a shape and a data type, and takes assignments."""

    def __init__(self, shape, dtype):
        self.data = np.zeros(shape, dtype)
        self.shape, self.dtype = self.data.shape, self.data.dtype

    def __setitem__(self, key, value):
        self.data[key] = value


@pytest.mark.parametrize("kind", ["Zarr", "another library"])
@pytest.mark.parametrize("read", READS)
def test_a_result_can_be_assigned_to_an_array_that_is_not_of_numpy(kind, read):
    z = zarr.array(np.arange(10), chunks=3)
    get, length = READS[read]
    expected = get(z, np.zeros(length, z.dtype))
    out = zarr.zeros(length, dtype=z.dtype, chunks=2) if kind == "Zarr" else Target(length, z.dtype)
    assert get(z, out) is out
    np.testing.assert_array_equal(out[:] if kind == "Zarr" else out.data, expected)


@pytest.mark.parametrize("read", READS)
def test_a_result_is_not_assigned_to_something_else(read):
    z = zarr.array(np.arange(10), chunks=3)
    get, length = READS[read]
    for out in ([], [0] * length, {}, "text"):
        with pytest.raises(TypeError, match="not an array"):
            get(z, out)
    for out in (zarr.zeros(length + 1, dtype=z.dtype), zarr.zeros(length, dtype="f4")):
        with pytest.raises(ValueError, match="out has"):
            get(z, out)


@pytest.mark.parametrize("fields", [["foo", "bar"], ["bar", "baz"], ["baz", "foo"], ["foo", "bar", "baz"]])
def test_a_result_with_bytes_between_its_fields_is_filled(fields):
    for data in (RECORDS, RECORDS[1]):
        z = zarr.array(data, chunks=2)
        out = np.zeros_like(data[fields])
        z.get_basic_selection(..., out=out, fields=fields)
        np.testing.assert_array_equal(out, data[fields])


def test_fields_of_another_type_are_not_filled():
    z = zarr.array(RECORDS)
    with pytest.raises(ValueError, match="out has data type"):
        z.get_basic_selection(..., out=np.zeros(3, [("foo", "S3"), ("bar", "i8")]), fields=["foo", "bar"])


@pytest.mark.parametrize(
    ("write", "key"),
    [
        (lambda z, v: z.set_basic_selection(slice(0, 2), v, fields=[]), slice(0, 2)),
        (lambda z, v: z.set_orthogonal_selection([0, 2], v, fields=[]), [0, 2]),
        (lambda z, v: z.set_coordinate_selection([0, 2], v, fields=[]), [0, 2]),
        (lambda z, v: z.set_mask_selection([True, False, True], v, fields=[]), [0, 2]),
    ],
)
def test_an_empty_list_of_fields_writes_all_of_them(write, key):
    z = zarr.zeros(3, dtype=DTYPE, chunks=2)
    expected = np.zeros(3, DTYPE)
    expected[key] = RECORDS[key]
    write(z, RECORDS[key])
    np.testing.assert_array_equal(z[:], expected)


@pytest.mark.parametrize("fields", [slice(None), ["nonesuch"], "nonesuch", [slice(None)], [["foo"]]])
def test_what_is_not_the_name_of_a_field_is_an_index_error(fields):
    z = zarr.array(RECORDS)
    with pytest.raises(IndexError):
        z.get_basic_selection(..., fields=fields)
    with pytest.raises(IndexError):
        z.set_basic_selection(..., RECORDS, fields=fields)


def test_several_fields_cannot_be_written_at_once():
    z = zarr.array(RECORDS)
    with pytest.raises(IndexError, match="one field"):
        z.set_basic_selection(..., RECORDS, fields=["foo", "bar"])


@pytest.mark.parametrize("mask", [[True, False, True], [np.True_, np.False_, np.True_], [False] * 3])
def test_a_list_of_bools_is_a_mask_also_with_a_field(mask):
    z = zarr.array(RECORDS, chunks=2)
    index = np.array(mask, bool)
    np.testing.assert_array_equal(z.vindex[mask], RECORDS[index])
    np.testing.assert_array_equal(z.vindex[mask, "bar"], RECORDS["bar"][index])
    np.testing.assert_array_equal(z.vindex[mask, "bar", "foo"], RECORDS[["bar", "foo"]][index])
    z.vindex[mask, "bar"] = 9
    expected = RECORDS.copy()
    expected["bar"][index] = 9
    np.testing.assert_array_equal(z[:], expected)


def test_nested_lists_of_bools_are_a_mask_of_several_axes():
    a = np.arange(6).reshape(2, 3)
    z = zarr.array(a, chunks=2)
    mask = [[True, False, True], [False, False, True]]
    np.testing.assert_array_equal(z.vindex[mask], a[np.array(mask)])
    np.testing.assert_array_equal(z[mask], a[np.array(mask)])


@pytest.mark.parametrize("mask", [[True, False], [[True], [False]], [[True, False, True]]])
def test_a_list_of_bools_of_another_shape_is_refused(mask):
    with pytest.raises(IndexError):
        zarr.zeros((2, 3)).vindex[mask]
