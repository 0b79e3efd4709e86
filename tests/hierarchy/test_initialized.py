"""Which chunks are stored is found for any layout, store, region and part, whatever else is in the folders."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zarrcy
from zarrcy.errors import PlaceError, RegionError, SelectionError
from zarrcy.storage import (
    DirectoryStore,
    FSStore,
    KVStore,
    LRUStoreCache,
    MemoryStore,
    NestedDirectoryStore,
    SQLiteStore,
)

SHAPE = (11, 7)
V2_KEYS = {"name": "v2", "separator": "."}
LAYOUTS = {
    "flat": {"chunks": (2, 3)},
    "nested": {"chunks": (2, 3), "dimension_separator": "/"},
    "v3": {"chunks": (2, 3), "zarr_format": 3},
    "v3 with dots": {"chunks": (2, 3), "zarr_format": 3, "dimension_separator": "."},
    "shards": {"chunks": (2, 3), "shards": (4, 6), "zarr_format": 3},
    "shards with dots": {"chunks": (1, 3), "shards": (3, 3), "zarr_format": 3, "dimension_separator": "."},
    "draft": {"chunks": (2, 3), "zarr_format": "3-draft", "path": "a"},
    "member": {"chunks": (2, 3), "path": "g/a", "zarr_format": 3},
}
STORES = {
    "dict": lambda path: {},
    "memory": lambda path: MemoryStore(),
    "mapping": lambda path: KVStore({}),
    "directory": lambda path: DirectoryStore(path / "a"),
    "nested directory": lambda path: NestedDirectoryStore(path / "a"),
    "cache": lambda path: LRUStoreCache(DirectoryStore(path / "a"), max_size=None),
    "sqlite": lambda path: SQLiteStore(str(path / "a.sqlite")),
    "fsspec": lambda path: FSStore(f"memory:/{path}"),
}
# Names of files that are not chunks of the array.
OTHERS = [
    "00.1",
    "0.01",
    "0.1.2",
    "1",
    "x.1",
    "1.x",
    "-1.0",
    "+1.0",
    " 1.0",
    "1.0 ",
    "٣.0",
    "1_0.0",
    "0",
    "c",
]
OUTSIDE = ["6.0", "0.3", "99.99", f"{2**63}.0", f"0.{10**30}", f"{10**18}.1"]


def expected(a):
    """Return which chunks are stored, one key after the other."""
    cells = a.shards or a.chunks
    is_stored = np.zeros(a.cdata_shape, bool)
    for index in np.ndindex(*a.cdata_shape):
        coords = [i * chunk // cell for i, chunk, cell in zip(index, a.chunks, cells, strict=True)]
        keys = a.description.chunk_keys
        is_stored[index] = keys.root + a.node.prefix + keys.name(coords) in a.chunk_store
    return is_stored


def part_of_array(store, layout):
    options = dict(LAYOUTS[layout])
    a = zarrcy.zeros(SHAPE, dtype="i4", store=store, **options)
    a[3:6, :4] = 1
    a[10, 6] = 1
    return a


@pytest.mark.parametrize("where", STORES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_stored_chunks_are_found_in_each_store(layout, where, tmp_path):
    a = part_of_array(STORES[where](tmp_path), layout)
    is_stored = a.initialized_chunks()
    np.testing.assert_array_equal(is_stored, expected(a))
    assert 0 < is_stored.sum() == a.nchunks_initialized < a.nchunks
    assert f"{is_stored.sum()}/{a.nchunks}" in dict(a.info_items())["Chunks initialized"]


@pytest.mark.parametrize("where", ["dict", "directory", "sqlite", "fsspec"])
def test_other_files_and_chunks_outside_the_shape_do_not_count(where, tmp_path):
    for layout in ("flat", "v3 with dots", "nested", "v3"):
        folder = tmp_path / layout.replace(" ", "")
        folder.mkdir()
        store = STORES[where](folder)
        a = part_of_array(store, layout)
        before = a.initialized_chunks()
        lead = a.description.chunk_keys.lead
        is_nested = a.dimension_separator == "/"
        for name in OTHERS + OUTSIDE:
            # a file can't be beside a folder of the same name
            if not is_nested or name.count(".") == 1:
                store[lead + (name.replace(".", "/") if is_nested else name)] = b"x"
        np.testing.assert_array_equal(a.initialized_chunks(), before)
        assert a.nchunks_initialized == before.sum()


def test_long_axes_have_coordinates_of_up_to_nineteen_digits():
    a = zarrcy.zeros((2**62 - 1, 4), chunks=(1, 4), store={}, dtype="u1")
    for i in (0, 7, 10**17, 10**18 - 1, 10**18, 2**62 - 2):
        a[i] = 1
    assert a.nchunks_initialized == 6
    assert a.initialized_chunks(slice(10**18 - 3, 10**18 + 2)).tolist() == [
        [False],
        [False],
        [True],
        [True],
        [False],
    ]


@settings(max_examples=60)
@given(st.data())
def test_the_chunks_of_a_region_are_a_part_of_all_chunks(data):
    n_axes = data.draw(st.integers(1, 3))
    shape = tuple(data.draw(st.integers(0, 9)) for _ in range(n_axes))
    chunks = tuple(data.draw(st.integers(1, 3)) for _ in shape)
    shards = data.draw(st.booleans()) and tuple(data.draw(st.integers(1, 3)) * chunk for chunk in chunks)
    a = zarrcy.zeros(
        shape, chunks=chunks, shards=shards or None, store={}, zarr_format=3, dtype="u1",
        dimension_separator=data.draw(st.sampled_from("./")),
    )  # fmt: skip
    region = tuple(
        slice(*sorted((data.draw(st.integers(0, n)), data.draw(st.integers(0, n))))) for n in shape
    )
    for _ in range(data.draw(st.integers(0, 4))):
        if all(shape):
            a[tuple(data.draw(st.integers(0, n - 1)) for n in shape)] = 1
    whole = a.initialized_chunks()
    assert whole.shape == a.cdata_shape
    touched = tuple(
        slice(part.start // chunk, -(-part.stop // chunk)) if part.start < part.stop else slice(0)
        for part, chunk in zip(region, chunks, strict=True)
    )
    found = a.initialized_chunks(region)
    if all(part.start < part.stop for part in region):
        np.testing.assert_array_equal(found, whole[touched])
    else:
        assert found.size == 0
    n = data.draw(st.integers(1, 4))
    assert sum(int(a.initialized_chunks(region, part=(k, n)).sum()) for k in range(n)) == found.sum()


def test_an_array_without_axes_has_one_chunk():
    a = zarrcy.zeros((), store={})
    assert a.initialized_chunks().tolist() == a.initialized_chunks(...).tolist() == [False]
    a[()] = 1
    assert a.initialized_chunks().tolist() == a.initialized_chunks(part="0/1").tolist() == [True]
    assert a.nchunks_initialized == 1


@pytest.mark.parametrize("part", ["2/2", "-1/2", "0/0", "1", "1/2/3", "a/b", 3, (1,), (0.5, 2), (2, 2)])
def test_a_part_that_does_not_exist_is_refused(part):
    a = zarrcy.zeros(10, chunks=2, store={})
    for call in (a.initialized_chunks, a.verify):
        with pytest.raises(PlaceError, match=r"part"):
            call(part=part)


# -- verify and repair -------------------------------------------------------------------------------


def damaged_hierarchy():
    store = {}
    group = zarrcy.open_group(store)
    for name in ("a", "b"):
        group.zeros(name, shape=(40, 4), chunks=(2, 4))[...] = 1
    for i in range(0, 20, 3):
        store[f"a/{i}.0"] = b"nonsense"
    store["b/77.0"] = store["b/0.0"]
    store["stray"] = b""
    return store


@pytest.mark.parametrize("n", [1, 2, 7])
def test_the_parts_of_a_check_together_read_everything_once(n):
    store = damaged_hierarchy()
    whole = zarrcy.verify(store)
    parts = [zarrcy.verify(store, part=(k, n)) for k in range(n)]
    problems = [problem for part in parts for problem in part.problems]
    assert sorted(problems, key=lambda p: p.key) == sorted(whole.problems, key=lambda p: p.key)
    assert sum(tally.n_values for part in parts for tally in part.arrays) == 40
    assert n == 1 or all(sum(tally.n_values for tally in part.arrays) < 40 for part in parts)
    assert [tally.path for tally in parts[0].arrays] == ["a", "b"]


def test_a_check_of_a_region_reads_only_its_stored_values():
    store = damaged_hierarchy()
    report = zarrcy.open_array(store, path="a").verify(region=slice(5, 12))
    assert [problem.key for problem in report.problems] == ["a/3.0"]
    assert [tally.n_values for tally in report.arrays] == [4]
    assert zarrcy.verify(store, "a", region=slice(30, 30)).ok
    with pytest.raises(SelectionError, match="is not an array"):
        zarrcy.verify(store, region=slice(0, 3))
    with pytest.raises((SelectionError, RegionError), match="step"):
        zarrcy.verify(store, "a", region=slice(0, 30, 2))


def test_the_parts_of_a_repair_together_repair_everything():
    store, at_once = damaged_hierarchy(), damaged_hierarchy()
    expected = zarrcy.repair(at_once, quarantine=True)
    done = [repair for k in range(3) for repair in zarrcy.repair(store, quarantine=True, part=f"{k}/3")]
    assert sorted(done, key=lambda r: r.key) == sorted(expected, key=lambda r: r.key)
    assert store == at_once
    store = damaged_hierarchy()
    assert [r.key for r in zarrcy.repair(store, "a", quarantine=True, region=slice(5, 12))] == ["a/3.0"]


def test_the_parts_of_a_repair_remove_each_leftover_once(tmp_path):
    store = DirectoryStore(tmp_path / "a")
    zarrcy.ones(10, chunks=1, store=store)
    for i in range(10):
        (tmp_path / "a" / f"{i}.{i:032x}.partial").write_bytes(b"")
    done = [repair for k in range(3) for repair in zarrcy.repair(store, part=(k, 3))]
    assert len(done) == 10
    assert not list(store.leftovers())
