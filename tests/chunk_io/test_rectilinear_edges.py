"""Rectilinear grids: what depends on the edges of stored values agrees with the edges, for random grids."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zarrcy
from zarrcy import _kernels, errors
from zarrcy.chunk_io.rectilinear import RectilinearPlanner
from zarrcy.indexing.axis_chunks import AxisChunks

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
CRC32C = {"name": "crc32c"}


class Grid:
    """A random rectilinear grid with its edges, computed without zarrcy.

    Parameters
    ----------
    lengths : list of list of int
        Lengths of the stored values on each axis.
    shape : tuple of int
        Shape of the array.
    inner : int
        Length of an inner chunk on each axis; 0 if there are no shards.
    """

    def __init__(self, lengths, shape, inner):
        self.shape, self.inner = shape, inner
        self.lengths = [[n * max(1, inner) for n in axis] for axis in lengths]
        self.edges = [np.cumsum([0, *axis]).tolist() for axis in self.lengths]

    def __repr__(self):
        return f"Grid({self.lengths}, shape={self.shape}, inner={self.inner})"

    def cells(self):
        """Iterate over the stored values: coordinates, and the key of their elements."""
        for coords in itertools.product(*(range(len(axis)) for axis in self.lengths)):
            key = tuple(
                slice(edges[i], min(edges[i + 1], n))
                for edges, i, n in zip(self.edges, coords, self.shape, strict=True)
            )
            if all(s.start < s.stop for s in key):
                yield coords, key

    def touched(self, mask):
        """Return the stored values that hold a selected element: their keys, and whether each is covered."""
        return [(key, bool(mask[key].all())) for _, key in self.cells() if mask[key].any()]

    def is_aligned(self, region):
        """Return whether both ends of a region are edges."""
        mask = np.zeros(self.shape, bool)
        mask[region] = True
        return all(covered for _, covered in self.touched(mask))

    def document(self):
        """Return the metadata document."""
        codecs = [LITTLE, CRC32C]
        if self.inner:
            configuration = {
                "chunk_shape": [self.inner] * len(self.shape),
                "codecs": codecs,
                "index_codecs": codecs,
            }
            codecs = [{"name": "sharding_indexed", "configuration": configuration}]
        grid = {"kind": "inline", "chunk_shapes": self.lengths}
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": self.shape,
            "data_type": "int32",
            "chunk_grid": {"name": "rectilinear", "configuration": grid},
            "chunk_key_encoding": {"name": "default"},
            "fill_value": 0,
            "codecs": codecs,
        }

    def array(self, **options):
        """Return an array that is filled with ones, in a dictionary."""
        array = zarrcy.open_array({"zarr.json": json.dumps(self.document()).encode()}, **options)
        array[...] = 1
        return array


@st.composite
def grids(draw):
    """Draw a grid; at least one axis has stored values of different lengths."""
    inner = draw(st.sampled_from([0, 0, 1, 2]))
    lengths = draw(
        st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=6), min_size=1, max_size=3).filter(
            lambda axes: any(len(set(axis)) > 1 for axis in axes)
        )
    )
    shape = tuple(draw(st.integers(1, sum(axis) * max(1, inner))) for axis in lengths)
    return Grid(lengths, shape, inner)


@st.composite
def regions(draw, shape):
    """Draw a region that is not empty."""
    region = []
    for n in shape:
        start = draw(st.integers(0, n - 1))
        region.append(slice(start, draw(st.integers(start + 1, n))))
    return tuple(region)


PROPERTY = settings(max_examples=80, deadline=None)


@PROPERTY
@given(grid=grids(), n=st.integers(1, 12))
def test_write_regions_cover_each_element_once_and_end_at_edges(grid, n):
    array = grid.array(unaligned="error")
    parts = array.write_regions(n)
    count = np.zeros(grid.shape, int)
    for part in parts:
        count[part] += 1
        # raises if the part covers a stored value only in part
        array[part] = 2
    assert (count == 1).all()
    assert len(parts) == n
    n_full = sum(all(s.start < s.stop for s in part) for part in parts)
    assert n_full == min(n, len(list(grid.cells())))
    array.check_regions(parts)


@PROPERTY
@given(data=st.data(), grid=grids())
def test_check_regions_refuses_exactly_the_regions_that_end_inside_a_stored_value(data, grid):
    array = grid.array()
    region = data.draw(regions(grid.shape))
    if grid.is_aligned(region):
        array.check_regions([region])
        return
    with pytest.raises(errors.RegionError, match=r"differ in shape|have shape") as caught:
        array.check_regions([region])
    assert grid.is_aligned(caught.value.nearest)
    array.check_regions([caught.value.nearest])


@PROPERTY
@given(data=st.data(), grid=grids())
def test_unaligned_writes_are_refused_with_the_smallest_aligned_selection(data, grid):
    array = grid.array(unaligned="error")
    mask = np.zeros(grid.shape, bool)
    kind = data.draw(st.sampled_from(["region", "points", "lists"]))
    if kind == "region":
        key = data.draw(regions(grid.shape))
        mask[key] = True
    elif kind == "points":
        key = tuple(
            np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=3, max_size=3))) for n in grid.shape
        )
        mask[key] = True
    else:
        key = tuple(data.draw(st.lists(st.integers(0, n - 1), min_size=1, unique=True)) for n in grid.shape)
        mask[np.ix_(*key)] = True
    target = {"region": array, "points": array.vindex, "lists": array.oindex}[kind]
    touched = grid.touched(mask)
    if all(covered for _, covered in touched):
        target[key] = 2
        np.testing.assert_array_equal(array[...], np.where(mask, 2, 1))
        return
    with pytest.raises(errors.UnalignedWriteError) as caught:
        target[key] = 2
    keys = [key for key, _ in touched]
    smallest = tuple(
        slice(min(key[axis].start for key in keys), max(key[axis].stop for key in keys))
        for axis in range(len(grid.shape))
    )
    assert caught.value.nearest == smallest
    assert (array[...] == 1).all()
    array[caught.value.nearest] = 3


@PROPERTY
@given(data=st.data(), grid=grids())
def test_explain_counts_the_chunks_that_a_read_touches(data, grid):
    array = grid.array()
    region = data.draw(regions(grid.shape))
    mask = np.zeros(grid.shape, bool)
    mask[region] = True
    if grid.inner:
        lengths = [[grid.inner] * -(-n // grid.inner) for n in grid.shape]
        chunks = Grid(lengths, grid.shape, 0)
    else:
        chunks = grid
    touched = chunks.touched(mask)
    explanation = array.explain(region)
    assert explanation.shape == mask[region].shape
    assert explanation.n_chunks == len(touched)
    assert explanation.n_whole == sum(covered for _, covered in touched)
    assert explanation.n_grid == len(list(chunks.cells())) == array.nchunks
    assert explanation.n_shards == (len(grid.touched(mask)) if grid.inner else None)
    assert explanation.n_absent == 0
    assert "Chunks touched" in repr(explanation)
    assert array.explain(tuple(slice(0, 0) for _ in grid.shape)).n_chunks == 0


@PROPERTY
@given(data=st.data(), grid=grids())
def test_verify_and_repair_judge_each_stored_value_by_its_own_shape(data, grid):
    array = grid.array()
    store = array.store
    (tally,) = zarrcy.verify(store).arrays
    cells = dict(grid.cells())
    assert zarrcy.verify(store).problems == ()
    assert tally.n_possible == tally.n_values == len(cells)
    assert zarrcy.repair(store, quarantine=True) == []
    coords = data.draw(st.sampled_from(sorted(cells)))
    key = "c/" + "/".join(map(str, coords))
    damaged = bytearray(store[key])
    damaged[0] ^= 1
    store[key] = bytes(damaged)
    report = zarrcy.verify(store)
    assert [(problem.kind, problem.key) for problem in report.problems] == [("chunk", key)]
    assert {repair.key for repair in zarrcy.repair(store, quarantine=True)} == {key}
    assert zarrcy.verify(store).ok
    values = array[...]
    outside = np.ones(grid.shape, bool)
    outside[cells[coords]] = False
    assert (values[outside] == 1).all()
    assert 0 in values[cells[coords]]


@PROPERTY
@given(grid=grids())
def test_a_chunk_outside_the_shape_is_reported(grid):
    store = grid.array().store
    last = max(coords for coords, _ in grid.cells())
    key = "c/" + "/".join(map(str, (last[0] + 1, *last[1:])))
    store[key] = b"any"
    assert [(problem.kind, problem.key) for problem in zarrcy.verify(store).problems] == [("outside", key)]


@PROPERTY
@given(grid=grids())
def test_conversion_keeps_the_elements(grid):
    source = grid.array()
    source[...] = np.arange(source.size).reshape(grid.shape)
    target = {}
    zarrcy.convert(source.store, target, zarr_format=2)
    converted = zarrcy.open_array(target)
    np.testing.assert_array_equal(converted[...], source[...])


@PROPERTY
@given(data=st.data(), grid=grids())
def test_the_pieces_of_a_plan_are_the_touched_stored_values(data, grid):
    axes = tuple(
        AxisChunks(tuple((length, len(list(group))) for length, group in itertools.groupby(axis)))
        for axis in grid.lengths
    )
    planner = RectilinearPlanner(_kernels.default, axes)
    flat = planner.Grid(grid.shape, tuple(axis.longest for axis in axes))
    region = data.draw(regions(grid.shape))
    mask = np.zeros(grid.shape, bool)
    mask[region] = True
    plan = planner.split_outer(planner.parse_box(region, flat), flat)
    expected = {coords: mask[key] for coords, key in grid.cells() if mask[key].any()}
    pieces = [plan.coords(number) for number in range(plan.n_pieces)]
    assert sorted(pieces) == sorted(expected)
    assert [tuple(row) for row in plan.coords_table(0, plan.n_pieces).tolist()] == pieces
    assert plan.keys(1, plan.n_pieces, "c/", "/") == [
        "c/" + "/".join(map(str, coords)) for coords in pieces[1:]
    ]
    for number, coords in enumerate(pieces):
        selected = expected[coords]
        assert plan.complete(number) == selected.all()
        assert plan.sparse(number) == (2 * selected.sum() <= selected.size)
        lengths = [axis[i] for axis, i in zip(grid.lengths, coords, strict=True)]
        assert plan.overhangs(number) == (selected.shape != tuple(lengths))
    with pytest.raises(IndexError):
        plan.coords(plan.n_pieces)
