"""The kernel finds the blocks of a chunk that hold a byte of a piece, and no others."""

import itertools

import numpy as np
import pytest
from builds import on_both_kernels
from cases import chunk_shapes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst


@st.composite
def selections(draw):
    """Draw shape, chunk shape, kind of selection and selection."""
    shape = draw(npst.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=12))
    kind = draw(st.sampled_from(["box", "lists", "points", "mask"] if shape else ["box", "points"]))
    n = draw(st.integers(1, 6))
    lists = [
        np.array(draw(st.lists(st.integers(0, length - 1), min_size=n, max_size=n)), np.int64)
        for length in shape
    ]
    keys = {
        "box": draw(npst.basic_indices(shape, allow_newaxis=False)) if shape else (),
        "lists": [positions if draw(st.booleans()) else None for positions in lists],
        "points": [*lists, n],
        "mask": draw(npst.arrays(bool, shape)) if shape else None,
    }
    return shape, chunk_shapes(draw, shape), kind, keys[kind]


def plan_of(kernels, shape, chunks, kind, key):
    """Return the plan of a selection, and the shape of its result."""
    grid = kernels.Grid(shape, chunks)
    if kind == "box":
        box = kernels.parse_box(key, grid)
        return kernels.split_outer(box, grid), box.shape
    if kind == "points":
        return kernels.split_points(key, grid), (key[-1],)
    if kind == "mask":
        return kernels.split_mask(key, grid), (int(key.sum()),)
    counts = tuple(n if rows is None else len(rows) for n, rows in zip(shape, key, strict=True))
    whole = kernels.parse_box(tuple(slice(0, n) for n in counts), kernels.Grid(counts, counts))
    return kernels.split_outer(whole, grid, tuple(key)), counts


def elements_of(kernels, plan, result_shape, number, chunks, order):
    """Return the numbers of the elements of a chunk, in the order of memory, that `gather` moves for a piece."""
    out = np.full(result_shape, -1, np.int64)
    numbers = np.arange(np.prod(chunks, dtype=np.int64))
    assert kernels.gather(plan, number, numbers, kernels.ChunkLayout(chunks, 8, order), out)
    return np.unique(out[out >= 0])


@on_both_kernels
@given(case=selections(), data=st.data())
def test_the_blocks_that_hold_a_byte_of_a_piece_are_found(kernels, case, data):
    shape, chunks, kind, key = case
    plan, result_shape = plan_of(kernels, shape, chunks, kind, key)
    order = data.draw(st.permutations(range(len(shape))))
    whole = data.draw(st.sampled_from([1, 2, 8, 12]))
    size = data.draw(st.integers(1, whole))
    offset = data.draw(st.integers(0, whole - size))
    block = data.draw(st.integers(1, 40))
    layout = kernels.ChunkLayout(chunks, size, tuple(order), (offset, whole))
    for number in range(plan.n_pieces):
        elements = elements_of(kernels, plan, result_shape, number, chunks, tuple(order))
        starts = elements * whole + offset
        wanted = {
            b for start in starts.tolist() for b in range(start // block, (start + size - 1) // block + 1)
        }
        runs = kernels.touched_blocks(plan, number, layout, block)
        assert [b for first, last in runs for b in range(first, last)] == sorted(wanted)
        assert all(last < first for (_, last), (first, _) in itertools.pairwise(runs))


@on_both_kernels
@given(case=selections())
def test_a_piece_that_covers_at_most_half_of_its_chunk_is_sparse(kernels, case):
    shape, chunks, kind, key = case
    plan, result_shape = plan_of(kernels, shape, chunks, kind, key)
    for number in range(plan.n_pieces):
        covered = len(elements_of(kernels, plan, result_shape, number, chunks, tuple(range(len(shape)))))
        corner = [c * n for c, n in zip(plan.coords(number), chunks, strict=True)]
        inside = np.prod([min(n, length - at) for at, n, length in zip(corner, chunks, shape, strict=True)])
        if kind == "points":
            assert 2 * covered <= inside or not plan.sparse(number), (
                "a point that occurs twice may count twice"
            )
        else:
            assert plan.sparse(number) == (2 * covered <= inside)


@on_both_kernels
@given(case=selections().filter(lambda case: case[2] == "box"))
def test_the_slices_of_a_piece_are_what_gather_moves(kernels, case):
    shape, chunks, kind, key = case
    plan, result_shape = plan_of(kernels, shape, chunks, kind, key)
    numbers = np.arange(np.prod(chunks, dtype=np.int64))
    gathered, sliced = np.full(result_shape, -1), np.full(result_shape, -1)
    for number in range(plan.n_pieces):
        kernels.gather(plan, number, numbers, kernels.ChunkLayout(chunks, 8), gathered)
        within, where = plan.slices(number)
        sliced[where] = numbers.reshape(chunks)[within]
    np.testing.assert_array_equal(sliced, gathered)


@on_both_kernels
def test_empty_blocks_and_slices_of_lists_are_refused(kernels):
    grid = kernels.Grid((4,), (2,))
    plan = kernels.split_outer(kernels.parse_box((), grid), grid, (np.array([1, 3, 0, 2]),))
    with pytest.raises(ValueError, match="blocks of 0 bytes"):
        kernels.touched_blocks(plan, 0, kernels.ChunkLayout((2,), 8), 0)
    with pytest.raises(TypeError, match="no slice"):
        plan.slices(0)
    with pytest.raises(IndexError):
        kernels.touched_blocks(plan, 7, kernels.ChunkLayout((2,), 8), 1)
