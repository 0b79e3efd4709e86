"""What the shape cuts off, or never showed, is the fill value when the array grows: whatever failed or was killed."""

import json
import os
import signal
import warnings

import numpy as np
import pytest

import zarrcy
from zarrcy.errors import ChunkDecodeError, NotErasableError
from zarrcy.testing import CountingStore, FaultyStore

KINDS = {
    "v2": {},
    "v2-nested": {"dimension_separator": "/", "order": "F"},
    "v2-no-empty-chunks": {"write_empty_chunks": False},
    "v2-cached": {"cache_bytes": 10**6},
    "v3": {"zarr_format": 3},
    "v3-threads": {"zarr_format": 3, "threads": 3},
    "shards": {"zarr_format": 3, "shards": (4, 6), "chunks": (2, 3)},
    "shards-no-empty-chunks": {
        "zarr_format": 3,
        "shards": (4, 6),
        "chunks": (2, 3),
        "write_empty_chunks": False,
    },
}
STORES = {
    "directory": lambda path: path / "a",
    "dict": lambda path: {},
    "mapping": lambda path: CountingStore(),
    "sqlite": lambda path: zarrcy.SQLiteStore(str(path / "a.sqlite")),
    "fsspec": lambda path: zarrcy.storage.FSStore(f"memory://{path}"),
    "cached": lambda path: zarrcy.LRUStoreCache(zarrcy.DirectoryStore(str(path / "a")), max_size=2**20),
    "n5": lambda path: zarrcy.N5Store(str(path / "a.n5")),
}
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def create(store, shape=(4, 6), fill_value=9, **options):
    return zarrcy.create(
        shape, **{"chunks": (2, 3), "dtype": "i4", "fill_value": fill_value, "store": store, **options}
    )


def resized(values, shape, fill_value=9):
    result = np.full(shape, fill_value, values.dtype)
    common = tuple(map(slice, map(min, shape, values.shape)))
    result[common] = values[common]
    return result


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("store", STORES)
def test_what_was_cut_off_is_the_fill_value_when_the_array_grows_again(store, kind, tmp_path):
    if store == "n5" and kind not in ("v2", "v2-no-empty-chunks"):
        pytest.skip("N5 has one layout")
    z = create(STORES[store](tmp_path), fill_value=0 if store == "n5" else 9, **KINDS[kind])
    fill_value = z.fill_value
    values = np.arange(1, 25).reshape(4, 6)
    z[...] = values
    for shape in [(1, 1), (4, 6), (3, 5), (7, 2), (7, 12), (0, 12), (5, 12), (5, 11), (5, 12)]:
        z.resize(shape)
        values = resized(values, shape, fill_value)
        np.testing.assert_array_equal(z[...], values)
        other = zarrcy.open_array(z.store, mode="r")
        np.testing.assert_array_equal(other[...], values)
        values[-2:, ::2] = 3
        z[-2:, ::2] = 3


@pytest.mark.parametrize("dtype", ["f8", "M8[s]", "S3", "U2", object, [("a", "i2"), ("b", "f4")]], ids=str)
def test_cleared_elements_of_every_data_type_are_those_of_a_missing_chunk(dtype):
    options = {"object_codec": zarrcy.VLenUTF8()} if dtype is object else {}
    for fill_value in (None, *([np.nan] if dtype == "f8" else ["x"] if dtype is object else [])):
        z = zarrcy.create(10, chunks=4, dtype=dtype, store={}, fill_value=fill_value, **options)
        z[:] = np.array(["ab"] * 10, object) if dtype is object else np.ones(10).astype(dtype)
        missing = zarrcy.create(10, chunks=4, dtype=dtype, store={}, fill_value=fill_value, **options)[5:]
        z.resize(5)
        z.resize(10)
        np.testing.assert_array_equal(z[5:], missing)


@pytest.mark.parametrize("read_missing", ["raise", "mask"])
def test_a_chunk_that_is_cleared_in_part_is_not_missing(read_missing):
    z = zarrcy.create(10, chunks=4, dtype="i4", store={}, fill_value=0, read_missing=read_missing)
    z[:] = 0
    z[4:] = 1
    z.resize(5)
    np.testing.assert_array_equal(z[:], [0, 0, 0, 0, 1])
    assert not np.ma.is_masked(z[:])
    z.resize(8)
    np.testing.assert_array_equal(z[:], [0, 0, 0, 0, 1, 0, 0, 0])
    assert not np.ma.is_masked(z[:])


def test_growth_of_a_rectilinear_grid_shows_the_fill_value():
    store = {}
    create(store, (9, 8), chunks=(9, 8), zarr_format=3)
    document = json.loads(store["zarr.json"])
    lengths = [[2, 4, 3], [5, 3]]
    document["chunk_grid"] = {
        "name": "rectilinear",
        "configuration": {"kind": "inline", "chunk_shapes": lengths},
    }
    store["zarr.json"] = json.dumps(document).encode()
    z = zarrcy.open_array(store, mode="r+")
    values = np.arange(1, 73).reshape(9, 8)
    z[...] = values
    for shape in [(5, 4), (9, 8), (3, 8), (8, 6), (9, 8), (1, 1), (9, 8)]:
        z.resize(shape)
        values = resized(values, shape)
        np.testing.assert_array_equal(z[...], values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_random_changes_on_a_failing_store_show_what_numpy_shows(seed, kind):
    """An operation that fails leaves the old array or the new one; while it shrinks, with cleared elements."""
    random = np.random.default_rng(seed)
    inner, fill_value = {}, 9
    z = create(inner, **KINDS[kind])
    values = np.full((4, 6), fill_value)
    for number in range(60):
        store = FaultyStore(inner)
        if random.random() < 0.3:
            store.fail_at = int(random.integers(1, 12))
            store.fault = str(random.choice(["error", "crash"]))
        options = {
            name: value
            for name, value in KINDS[kind].items()
            if name in ("write_empty_chunks", "cache_bytes")
        }
        kept = None
        operation = str(random.choice(["append", "resize", "write"]))
        if operation == "append":
            axis, n = int(random.integers(2)), int(random.integers(0, 5))
            added = np.full((n, values.shape[1]) if axis == 0 else (values.shape[0], n), number + 10)
            new = np.concatenate([values, added], axis)

            def change(z, added=added, axis=axis):
                z.append(added, axis=axis)

        elif operation == "resize":
            shape = tuple(map(int, random.integers(0, 9, 2)))
            new = resized(values, shape)
            kept = tuple(map(slice, shape))

            def change(z, shape=shape):
                z.resize(shape)

        else:
            region = tuple(slice(*sorted(map(int, random.integers(0, n + 1, 2)))) for n in values.shape)
            new = values.copy()
            new[region] = number + 10

            def change(z, region=region, number=number):
                z[region] = number + 10

        try:
            z = zarrcy.open_array(store, mode="r+", **options)
            change(z)
            failed = False
        except OSError:
            failed = True
        found = zarrcy.open_array(inner, mode="r")[...]
        if not failed or found.shape == new.shape != values.shape:
            np.testing.assert_array_equal(found, new)
        elif operation == "write":
            assert ((found == values) | (found == new)).all()
        else:
            assert found.shape == values.shape
            if kept is not None:
                np.testing.assert_array_equal(found[kept], values[kept])
                assert ((found == values) | (found == fill_value)).all()
            else:
                np.testing.assert_array_equal(found, values)
        if store.fault == "error":
            # the handle that saw the failure agrees with the store
            store.fail_at = None
            assert z.shape == z[...].shape == found.shape
        values = found


class KilledAt(FaultyStore):
    """A store that kills its process instead of failing."""

    def _changes_value(self, operation, key):
        if self.operations == self.fail_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._changes_value(operation, key)


def _is_killed(change, store, step):
    """Return whether a child process that changes the array was killed before its operation `step`."""
    child = os.fork()
    if not child:
        try:
            change(zarrcy.open_array(KilledAt(store(), fail_at=step), mode="r+"))
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@needs_fork
@pytest.mark.parametrize("kind", ["v2", "v3", "shards"])
@pytest.mark.parametrize("store", ["directory", "sqlite"])
@pytest.mark.parametrize(
    "change",
    [
        lambda z: z.append(np.full((3, 6), 5)),
        lambda z: z.append(np.full((4, 3), 5), axis=1),
        lambda z: z.resize(1, 2),
        lambda z: z.resize(3, 8),
    ],
    ids=["append", "append sideways", "shrink", "shrink and grow"],
)
def test_after_a_kill_at_any_step_growth_shows_the_fill_value(change, store, kind, tmp_path):
    def opened():
        return STORES[store](path)

    step, is_killed = 0, True
    while is_killed:
        path = tmp_path / str(step)
        path.mkdir()
        create(opened(), **KINDS[kind])[...] = 1
        is_killed = _is_killed(change, lambda: zarrcy.storage.normalize_store_arg(opened()), step)
        z = zarrcy.open_array(opened(), mode="r+")
        before = z[...]
        z.resize(12, 12)
        np.testing.assert_array_equal(z[...], resized(before, (12, 12)))
        step += 1
    assert step > 3


def test_a_zip_archive_refuses_to_shrink_before_anything_changes(tmp_path):
    with zarrcy.ZipStore(str(tmp_path / "a.zip"), mode="w") as store:
        z = zarrcy.create(10, chunks=4, dtype="i4", store=store, fill_value=9)
        z[:] = 1
        with pytest.raises(NotErasableError):
            z.resize(3)
        assert z.shape == (10,)
        np.testing.assert_array_equal(z[:], np.ones(10))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Duplicate name", UserWarning)
            z.resize(9)
            z.resize(14)
    with zarrcy.ZipStore(str(tmp_path / "a.zip"), mode="r") as store:
        found = zarrcy.open_array(store, mode="r")[:]
    np.testing.assert_array_equal(found, [1] * 9 + [9] * 5)


def test_in_a_zip_archive_a_failed_append_is_overwritten_by_growth(tmp_path):
    with zarrcy.ZipStore(str(tmp_path / "a.zip"), mode="w") as store:
        z = zarrcy.create(6, chunks=4, dtype="i4", store=store, fill_value=9)
        z[:] = 1
        failing = FaultyStore(store, 0, counted=lambda what, key: (what, key) == ("writing", ".zarray"))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Duplicate name", UserWarning)
            z = zarrcy.open_array(failing, mode="r+")
            with pytest.raises(OSError, match="on request"):
                z.append(np.full(10, 5))
            z = zarrcy.open_array(store, mode="r+")
            z.resize(20)
        np.testing.assert_array_equal(z[:], [1] * 6 + [9] * 14)


@pytest.mark.parametrize("shape", [4, 9])
def test_a_damaged_edge_is_found_before_anything_changes(shape):
    store = {}
    z = zarrcy.create((7, 7), chunks=(3, 3), dtype="i4", store=store, fill_value=9)
    z[...] = 1
    store["1.1" if shape == 4 else "2.1"] = b"damaged"
    before = dict(store)
    with pytest.raises(ChunkDecodeError, match=r"[12]\.1"):
        z.resize(shape, 7)
    assert store == before
    assert z.shape == (7, 7)


def test_a_shorter_shape_leaves_alone_what_another_writer_appends():
    """Data come before the shape, so values beyond the shape may belong to an append that has not ended."""
    store = {}
    create(store)[...] = 1
    other = zarrcy.create((8, 6), chunks=(2, 3), dtype="i4", store=(appended := {}), fill_value=9)
    other[...] = 5
    store.update({key: value for key, value in appended.items() if key in ("2.0", "2.1", "3.0", "3.1")})
    zarrcy.open_array(store, mode="r+").resize(3, 6)
    assert {"2.0", "2.1", "3.0", "3.1"} <= set(store)
    zarrcy.open_array(store, mode="r+").append(np.full((1, 6), 7))
    assert {"2.0", "2.1", "3.0", "3.1"} <= set(store)


def test_growth_of_an_array_with_millions_of_possible_chunks_looks_only_at_those_that_are_stored():
    store = CountingStore()
    z = zarrcy.create((5, 10**9), chunks=(10, 10), dtype="i4", store=store, fill_value=9)
    z[:, 12:14] = 1
    store.counts.clear()
    z.resize(3, 10**9)
    z.resize(20, 10**10)
    assert store.gets <= 4
    np.testing.assert_array_equal(z[:12, 12], [1, 1, 1] + [9] * 9)


def test_a_resize_along_chunk_borders_reads_no_chunk():
    store = CountingStore()
    z = create(store)
    z[...] = 1
    store.counts.clear()
    z.resize(4, 3)
    z.resize(2, 6)
    z.resize(6, 9)
    assert store.gets == store.sets == 0
