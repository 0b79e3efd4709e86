"""A writer that fails or is killed at any operation leaves the old array or the new one."""

import numpy as np
import pytest

import zarrcy
from zarrcy.testing import FaultyStore

OLD = np.arange(1, 26).reshape(5, 5)


def create(store, format_number, **options):
    z = zarrcy.create((5, 5), chunks=(2, 2), dtype="i4", store=store, zarr_format=format_number, **options)
    z[:] = OLD
    z.attrs["k"] = "old"
    return z


def appended(z):
    z.append(np.full((4, 5), 7))


def appended_sideways(z):
    z.append(np.full((5, 3), 7), axis=1)


def grown(z):
    z.resize(9, 11)


def shrunk(z):
    z.resize(3, 1)


def shrunk_to_nothing(z):
    z.resize(0, 5)


def emptied_attributes(z):
    z.attrs.put({})


def changed_attributes(z):
    z.attrs["k"] = "new"


def new_fill_value(z):
    z.fill_value = 3


SHRINKING = [shrunk, shrunk_to_nothing]
CHANGES = [
    appended,
    appended_sideways,
    grown,
    *SHRINKING,
    emptied_attributes,
    changed_attributes,
    new_fill_value,
]


def seen(store):
    """Return what a reader sees that opens the array now."""
    z = zarrcy.open_array(store, mode="r")
    return z.shape, z[:].tolist(), z.fill_value, dict(z.attrs)


def without_cleared(values, shape):
    """Return the elements, with the old ones beyond `shape` where a shrinking array has the fill value already."""
    values = np.array(values)
    is_cleared = values == 0
    is_cleared[tuple(map(slice, shape))] = False
    return np.where(is_cleared, OLD, values).tolist()


@pytest.mark.parametrize("fault", ["error", "crash"])
@pytest.mark.parametrize(
    ("format_number", "options"), [(2, {}), (3, {}), (3, {"shards": (4, 4)})], ids=["v2", "v3", "shards"]
)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_is_interrupted_anywhere_leaves_the_old_array_or_the_new_one(
    change, format_number, options, fault
):
    whole = {}
    z = create(whole, format_number, **options)
    old = seen(whole)
    change(z)
    new = seen(whole)
    assert old != new
    fail_at, ended = 0, False
    while not ended:
        inner = {}
        z = create(FaultyStore(inner), format_number, **options)
        z.store.fault, z.store.fail_at = fault, z.store.operations + fail_at
        try:
            change(z)
            ended = True
        except OSError:
            fail_at += 1
        found = seen(inner)
        if change in SHRINKING and found[0] == old[0]:
            found = (old[0], without_cleared(found[1], new[0]), *found[2:])
        assert found == (new if ended else old) or (not ended and found == new)
    assert fail_at > 0, "at least one operation failed"


@pytest.mark.parametrize("format_number", [2, 3])
def test_a_write_that_is_interrupted_anywhere_leaves_each_chunk_old_or_new(format_number):
    fail_at, ended, mixed = 0, False, 0
    while not ended:
        inner = {}
        z = create(FaultyStore(inner), format_number)
        z.store.fault, z.store.fail_at = "crash", z.store.operations + fail_at
        try:
            z[1:, 1:] = -OLD[1:, 1:]
            ended = True
        except OSError:
            fail_at += 1
        found = zarrcy.open_array(inner, mode="r")[:]
        np.testing.assert_array_equal(np.abs(found), OLD)
        n_new = 0
        for i in range(0, 5, 2):
            for j in range(0, 5, 2):
                signs = np.unique(np.sign(found[i : i + 2, j : j + 2][i == 0 :, j == 0 :]))
                assert signs.size == 1, "a chunk is written completely or not at all"
                n_new += int(signs[0] == -1)
        mixed += 0 < n_new < 9
    assert n_new == 9
    assert mixed, "some interruptions leave old and new chunks"


@pytest.mark.parametrize("fault", ["truncate", "flip"])
@pytest.mark.parametrize("when", ["reading", "writing"])
@pytest.mark.parametrize("format_number", [2, 3])
def test_a_value_that_is_damaged_in_transit_is_an_error(format_number, when, fault):
    store = FaultyStore({}, fault=fault, counted=lambda what, key: what == when and key.endswith("0"))
    options = {"codecs": ["bytes", "crc32c"]} if format_number == 3 else {"filters": [zarrcy.CRC32()]}
    z = zarrcy.create(4, chunks=4, dtype="i4", store=store, zarr_format=format_number, **options)
    if when == "reading":
        z[:] = [1, 2, 3, 4]
    store.fail_at = store.operations
    if when == "writing":
        z[:] = [1, 2, 3, 4]
    with pytest.raises(zarrcy.errors.ChunkDecodeError):
        z[:]


def test_an_unknown_fault_is_refused():
    with pytest.raises(ValueError, match="fault is 'fire'; it must be one of 'error', 'crash'"):
        FaultyStore({}, fault="fire")


def test_all_operations_after_a_crash_fail_and_those_after_an_error_succeed():
    store = FaultyStore({"a": b"x"}, fail_at=0)
    with pytest.raises(OSError, match="operation 0"):
        store["a"]
    assert store["a"] == b"x"
    store = FaultyStore({"a": b"x"}, fail_at=0, fault="crash")
    for number in range(3):
        with pytest.raises(OSError, match=f"operation {number}"):
            store["a"]
