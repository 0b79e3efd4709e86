"""Regions for parallel writers: cut along the edges of stored values, checked, and enforced."""

import itertools
import math
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zarrcy
from zarrcy import errors
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.indexing.regions import cut, is_aligned


def axes_of(cell):
    return tuple(map(AxisChunks.regular, cell))


def extents_of(regions):
    return [tuple((s.start, s.stop) for s in region) for region in regions]


def size_of(extent):
    return math.prod(stop - start for start, stop in extent)


@given(
    shape=st.lists(st.integers(0, 40), min_size=1, max_size=3).map(tuple),
    data=st.data(),
    n=st.integers(1, 30),
)
def test_regions_cover_each_element_once_and_end_at_edges(shape, data, n):
    cell = tuple(data.draw(st.integers(1, 20)) for _ in shape)
    regions = cut(shape, axes_of(cell), n)
    seen = np.zeros(shape, int)
    for region in regions:
        seen[region] += 1
    assert (seen == 1).all()
    assert all(is_aligned(extent, shape, axes_of(cell)) for extent in extents_of(regions))
    n_cells = math.prod(-(-a // b) for a, b in zip(shape, cell, strict=True))
    sizes = [size_of(extent) for extent in extents_of(regions)]
    assert len(regions) == n
    assert sum(size > 0 for size in sizes) == min(n, n_cells)
    # the empty regions come last
    assert sorted(sizes, key=lambda size: size == 0) == sizes


@pytest.mark.parametrize(
    ("shape", "cell", "n"),
    [
        ((1000,), (10,), 8),
        ((64, 64), (8, 8), 16),
        ((90, 90), (30, 30), 9),
        ((365, 180, 360), (1, 90, 90), 40),
        ((100, 100, 100), (10, 10, 10), 7),
        ((7, 7), (1, 1), 5),
    ],
)
def test_no_region_has_much_more_than_its_share(shape, cell, n):
    sizes = [size_of(extent) for extent in extents_of(cut(shape, axes_of(cell), n))]
    n_cells = math.prod(-(-a // b) for a, b in zip(shape, cell, strict=True))
    # a fair share of whole cells, plus a quarter because regions are boxes
    assert max(sizes) <= 1.25 * -(-n_cells // n) * math.prod(cell)


@pytest.mark.parametrize(
    "layout", [{"chunks": (3, 4)}, {"chunks": (3, 2), "shards": (6, 4), "zarr_format": 3}]
)
def test_writers_of_regions_need_no_locks(layout):
    a = zarrcy.zeros((20, 21), dtype="i4", unaligned="error", **layout)
    expected = np.arange(420, dtype="i4").reshape(20, 21)

    def write(rank):
        region = a.region(rank, 5)
        a[region] = expected[region]

    threads = [threading.Thread(target=write, args=(rank,)) for rank in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(a[:], expected)
    a.check_regions(a.write_regions(5))


def test_regions_of_shards_are_cut_at_shards():
    a = zarrcy.zeros((20,), chunks=2, shards=8, zarr_format=3)
    assert a.write_regions(3) == [(slice(0, 8),), (slice(8, 16),), (slice(16, 20),)]


def test_write_regions_returns_the_requested_number_of_regions():
    a = zarrcy.zeros((4, 4), chunks=(2, 4))
    regions = a.write_regions(3)
    assert regions[2] == (slice(0, 0), slice(0, 0))
    a[regions[2]] = 5
    assert not a[:].any()
    a.check_regions(regions)


def test_an_array_that_cannot_be_cut_is_refused():
    with pytest.raises(ValueError, match="n is 0"):
        zarrcy.zeros(3).write_regions(0)
    with pytest.raises(ValueError, match="without axes"):
        zarrcy.zeros(()).write_regions(2)
    assert zarrcy.zeros(()).write_regions(1) == [()]
    for rank in (-1, 3):
        with pytest.raises(ValueError, match=f"rank is {rank}; of 3 writers"):
            zarrcy.zeros(9).region(rank, 3)


class TestCheckRegions:
    array = zarrcy.zeros((100, 50), chunks=(30, 20))

    def refused(self, *regions):
        with pytest.raises(errors.RegionError) as caught:
            self.array.check_regions(regions)
        return caught.value

    def test_aligned_and_disjoint_regions_pass(self):
        self.array.check_regions([np.s_[:30], np.s_[30:90, :20], np.s_[30:90, 20:], np.s_[90:, ...]])

    def test_a_misaligned_region_is_named_with_the_nearest_safe_region(self):
        error = self.refused(np.s_[:30], np.s_[31:70])
        assert (error.number, error.nearest) == (1, (slice(30, 60), slice(0, 50)))
        assert "region 1, [31:70, 0:50]" in str(error)
        assert "[30:60, 0:50] would do" in str(error)
        self.array.check_regions([np.s_[:30], error.nearest])

    def test_overlapping_regions_are_named_with_the_part_beside_the_overlap(self):
        error = self.refused(np.s_[60:], np.s_[:90], np.s_[0:0])
        assert (error.number, error.nearest) == (1, (slice(0, 60), slice(0, 50)))
        assert "overlaps with region 0" in str(error)
        self.array.check_regions([np.s_[60:], error.nearest])

    def test_a_repeated_region_has_no_safe_part(self):
        error = self.refused(np.s_[:30], np.s_[:30])
        assert error.nearest is None
        assert "leave it out" in str(error)

    def test_a_region_with_a_step_is_refused(self):
        assert self.refused(np.s_[0:30:2]).nearest == (slice(0, 30), slice(0, 50))

    def test_an_invalid_selection_is_a_selection_error(self):
        with pytest.raises(errors.SelectionError):
            self.array.check_regions([np.s_[200]])

    def test_the_error_can_be_pickled(self):
        error = self.refused(np.s_[1:2])
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), again.nearest) == (str(error), error.nearest)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), max_size=8
    )
)
def test_any_overlap_is_found(corners):
    array = zarrcy.zeros((5, 5), chunks=1)
    regions = [np.s_[min(a, b) : max(a, b), min(c, d) : max(c, d)] for a, b, c, d in corners]
    seen = np.zeros((5, 5), int)
    for region in regions:
        seen[region] += 1
    if (seen > 1).any():
        with pytest.raises(errors.RegionError) as caught:
            array.check_regions(regions)
        mine = np.zeros((5, 5), bool)
        mine[regions[caught.value.number]] = True
        others = [regions[n] for n in range(len(regions)) if n != caught.value.number]
        assert any(mine[other].any() for other in others)
    else:
        array.check_regions(regions)


# -- unaligned ----------------------------------------------------------------------------------------

SHARDED = {"chunks": (2, 2), "shards": (4, 6), "zarr_format": 3}


@pytest.mark.parametrize("layout", [{"chunks": (4, 6)}, SHARDED])
class TestUnalignedWritesAreRefused:
    def array(self, layout, **options):
        a = zarrcy.zeros((10, 15), dtype="i4", unaligned="error", **layout, **options)
        a[...] = 7
        return a

    @pytest.mark.parametrize(
        ("key", "nearest"),
        [
            (np.s_[0, 0], np.s_[0:4, 0:6]),
            (np.s_[:5], np.s_[0:8, 0:15]),
            (np.s_[4:8, 6:8], np.s_[4:8, 6:12]),
            (np.s_[8:, 13:], np.s_[8:10, 12:15]),
            (np.s_[::2], np.s_[0:10, 0:15]),
        ],
    )
    def test_the_error_has_the_nearest_aligned_selection(self, layout, key, nearest):
        a = self.array(layout)
        with pytest.raises(errors.UnalignedWriteError) as caught:
            a[key] = 1
        assert caught.value.nearest == nearest
        text = ", ".join(f"{s.start}:{s.stop}" for s in nearest)
        assert f"nearest aligned selection is [{text}]" in str(caught.value)
        assert (a[:] == 7).all()
        a[caught.value.nearest] = 1

    def test_points_lists_and_masks_are_refused_too(self, layout):
        a = self.array(layout)
        mask = np.zeros((10, 15), bool)
        mask[5, 5] = True
        writes = [
            lambda: a.set_coordinate_selection(([5], [5]), 1),
            lambda: a.set_orthogonal_selection(([4, 5, 6], slice(0, 6)), 1),
            lambda: a.set_mask_selection(mask, 1),
            lambda: a.append(np.ones((2, 15), "i4")),
        ]
        for write in writes:
            with pytest.raises(errors.UnalignedWriteError):
                write()
        assert a.shape == (10, 15)
        assert (a[:] == 7).all()

    @pytest.mark.parametrize(
        "key", [np.s_[...], np.s_[:4], np.s_[4:8, 6:12], np.s_[8:, 12:], np.s_[::-1, :6], np.s_[0:0]]
    )
    def test_aligned_writes_are_allowed(self, layout, key):
        a = self.array(layout)
        expected = np.full((10, 15), 7)
        a[key] = expected[key] = 1
        np.testing.assert_array_equal(a[:], expected)

    def test_any_kind_of_selection_of_whole_chunks_is_aligned(self, layout):
        a = self.array(layout)
        a.set_orthogonal_selection(([3, 1, 2, 0], slice(6, 12)), 1)
        mask = np.zeros((10, 15), bool)
        mask[4:8, :6] = True
        a.set_mask_selection(mask, 2)
        expected = np.full((10, 15), 7)
        expected[:4, 6:12], expected[4:8, :6] = 1, 2
        np.testing.assert_array_equal(a[:], expected)


def test_one_field_of_a_chunk_counts_as_a_part():
    a = zarrcy.zeros(4, chunks=2, dtype=[("x", "i4"), ("y", "i4")], unaligned="error")
    with pytest.raises(errors.UnalignedWriteError, match="of all fields"):
        a["x"] = 1
    a[:] = (1, 2)


def test_an_append_of_whole_chunks_is_aligned():
    a = zarrcy.zeros(4, chunks=2, unaligned="error")
    a.append([1, 2, 3])
    assert a[:].tolist() == [0, 0, 0, 0, 1, 2, 3]


@pytest.mark.parametrize("open_it", [zarrcy.open, zarrcy.open_array, zarrcy.Array])
def test_every_function_that_opens_arrays_takes_the_options(open_it):
    store = zarrcy.MemoryStore()
    zarrcy.zeros(4, chunks=2, store=store)
    a = open_it(store, unaligned="error", read_missing="raise")
    for again in (a, pickle.loads(pickle.dumps(a.view())), a.astype("i4")):
        with pytest.raises(errors.MissingChunkError):
            again[0]
    for again in (a, a.view()):
        with pytest.raises(errors.UnalignedWriteError):
            again[0] = 1


def test_a_group_passes_its_options_to_its_arrays():
    store = zarrcy.MemoryStore()
    g = zarrcy.open_group(store, unaligned="error", read_missing="raise")
    made = [
        g.zeros("a", shape=4, chunks=2),
        g["a"],
        g.require_dataset("a", shape=4),
        g.create_group("g").require_dataset("b", shape=4, chunks=2),
        pickle.loads(pickle.dumps(g))["a"],
        zarrcy.Group(store, unaligned="error", read_missing="raise")["a"],
        zarrcy.group(store, unaligned="error", read_missing="raise")["a"],
    ]
    for a in made:
        with pytest.raises(errors.UnalignedWriteError):
            a[0] = 1
        with pytest.raises(errors.MissingChunkError):
            a[0]
    asked = g.require_dataset("a", shape=4, unaligned="lock")
    asked[0] = 1
    assert asked[0] == 1


@pytest.mark.parametrize(("name", "value"), [("unaligned", "never"), ("read_missing", "nan")])
def test_an_invalid_option_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name} is '{value}'; it must be one of"):
        zarrcy.zeros(3, **{name: value})
    with pytest.raises(TypeError, match="bogus"):
        zarrcy.zeros(3, bogus=1)


def test_two_regions_never_share_a_stored_value():
    a = zarrcy.zeros((50, 50), chunks=(5, 5), shards=(10, 10), zarr_format=3)
    cells = [
        {
            (i, j)
            for i in range(region[0].start // 10, -(-region[0].stop // 10))
            for j in range(region[1].start // 10, -(-region[1].stop // 10))
        }
        for region in a.write_regions(7)
    ]
    assert all(not one & other for one, other in itertools.combinations(cells, 2))
