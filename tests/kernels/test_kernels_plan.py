"""Slice decomposition: pieces cover a selection once, in order, and touch no other chunks."""

import itertools

import numpy as np
import pytest
from builds import BUILDS, on_both_kernels
from cases import chunk_shapes, chunks_partly_touched, chunks_touched
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from zarrcy import _kernels


@st.composite
def boxes(draw, max_dims=4):
    shape = draw(npst.array_shapes(min_dims=0, max_dims=max_dims, min_side=0, max_side=12))
    key = draw(npst.basic_indices(shape, allow_newaxis=False)) if shape else ()
    return shape, chunk_shapes(draw, shape), key if isinstance(key, tuple) else (key,)


def positions(box):
    return [
        start + step * np.arange(count)
        for start, count, step in zip(box.starts, box.counts, box.steps, strict=True)
    ]


@on_both_kernels
@given(case=boxes())
def test_a_parsed_box_selects_what_numpy_selects(kernels, case):
    shape, chunks, key = case
    box = kernels.parse_box(key, kernels.Grid(shape, chunks))
    model = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    found = model[np.ix_(*positions(box))] if shape else model
    found = found[tuple(slice(None, None, -1 if flipped else 1) for flipped in box.flipped)]
    np.testing.assert_array_equal(found.reshape(box.shape), model[key])


LIMITS = [0, 1, 2**31 - 1, 2**31, 2**32, 2**32 + 10, 2**40, 2**61, 2**62 - 1, 2**63 - 1, 2**63, 2**64, 10**30]
NUMBERS = st.one_of(
    st.none(),
    st.builds(
        lambda limit, step, sign: sign * (limit + step),
        st.sampled_from(LIMITS),
        st.integers(-3, 3),
        st.sampled_from([-1, 1]),
    ),
    st.integers(-5, 5),
    st.integers(-(2**63), 2**63 - 1).map(np.int64),
)


@on_both_kernels
@given(
    length=st.sampled_from([n for n in LIMITS if n < 2**62]), item=st.builds(slice, NUMBERS, NUMBERS, NUMBERS)
)
def test_slices_of_axes_of_any_length_are_those_of_python(kernels, length, item):
    """On hosts of 32 bits too: nothing that counts elements has the width of the host."""
    grid = kernels.Grid((length,), (2**20,))
    if item.step == 0:
        with pytest.raises(ValueError, match="slice step cannot be zero"):
            kernels.parse_box(item, grid)
        return
    box = kernels.parse_box(item, grid)
    expected = range(*item.indices(length))
    n = max(0, -((expected.start - expected.stop) // expected.step))
    (start,), (count,), (step,), (flipped,) = box.starts, box.counts, box.steps, box.flipped
    assert count == n
    assert step >= 1
    if n:
        ends = expected[0], expected[-1]
        assert (start, start + (n - 1) * step) == (min(ends), max(ends))
        assert flipped == (expected.step < 0)
        plan = kernels.split_outer(box, grid) if n < 2**10 or kernels is _kernels.compiled else None
        if plan is not None and plan.n_pieces:
            assert plan.coords(0) == (min(ends) // 2**20,)
            assert plan.coords(plan.n_pieces - 1) == (max(ends) // 2**20,)


class Indexed:
    def __init__(self, value):
        self.value = value

    def __index__(self):
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


@on_both_kernels
def test_members_of_slices_are_what_python_takes_as_integers(kernels):
    grid = kernels.Grid((10,), (3,))
    for value in (Indexed(3), np.int8(3), True, np.uint64(2**64 - 1), Indexed(-(2**70))):
        for item in (slice(value, None), slice(None, value), slice(None, None, value)):
            box = kernels.parse_box(item, grid)
            chosen = list(range(10))[item]
            assert box.counts == (len(chosen),)
            assert positions(box)[0].tolist() == sorted(chosen)
    for value in (1.5, "1", np.float64(2), [1], Indexed(KeyError("no")), Indexed("1")):
        for item in (slice(value, None), slice(None, value), slice(None, None, value)):
            with pytest.raises((TypeError, KeyError)) as expected:
                list(range(10))[item]
            with pytest.raises(type(expected.value)):
                kernels.parse_box(item, grid)


@on_both_kernels
@given(case=boxes())
def test_pieces_cover_the_selection_once_and_lie_in_their_chunks(kernels, case):
    shape, chunks, key = case
    grid = kernels.Grid(shape, chunks)
    box = kernels.parse_box(key, grid)
    plan = kernels.split_outer(box, grid)
    tables = [plan.axis_table(axis) for axis in range(plan.ndim)]
    for axis, table in enumerate(tables):
        covered = []
        for chunk, within, out, count in table.tolist():
            assert out == len(covered)
            assert within + (count - 1) * box.steps[axis] < chunks[axis]
            covered.extend(chunk * chunks[axis] + within + box.steps[axis] * i for i in range(count))
        assert covered == positions(box)[axis].tolist()
    assert [plan.coords(n) for n in range(plan.n_pieces)] == [
        tuple(row[0] for row in rows) for rows in itertools.product(*(table.tolist() for table in tables))
    ]


@on_both_kernels
@given(case=boxes(max_dims=3))
def test_only_chunks_with_selected_elements_have_a_piece(kernels, case):
    shape, chunks, key = case
    grid = kernels.Grid(shape, chunks)
    plan = kernels.split_outer(kernels.parse_box(key, grid), grid)
    coords = [plan.coords(n) for n in range(plan.n_pieces)]
    assert len(set(coords)) == len(coords)
    assert set(coords) == chunks_touched(key, shape, chunks)


@on_both_kernels
@given(case=boxes(max_dims=3))
def test_a_piece_is_complete_if_it_holds_all_of_its_chunk_inside_the_array(kernels, case):
    shape, chunks, key = case
    grid = kernels.Grid(shape, chunks)
    plan = kernels.split_outer(kernels.parse_box(key, grid), grid)
    partly = {plan.coords(n) for n in range(plan.n_pieces) if not plan.complete(n)}
    assert partly == chunks_partly_touched(key, shape, chunks)
    for n in range(plan.n_pieces):
        beyond = any((c + 1) * k > s for c, k, s in zip(plan.coords(n), chunks, shape, strict=True))
        assert plan.overhangs(n) == beyond


@on_both_kernels
@given(case=boxes(), lead=st.sampled_from(["", "a/", "größe/c/"]), separator=st.sampled_from("./"))
def test_keys_are_the_prefix_and_the_coordinates(kernels, case, lead, separator):
    shape, chunks, key = case
    grid = kernels.Grid(shape, chunks)
    plan = kernels.split_outer(kernels.parse_box(key, grid), grid)
    expected = [lead + separator.join(map(str, plan.coords(n))) for n in range(plan.n_pieces)]
    assert plan.keys(0, plan.n_pieces, lead, separator) == expected


@on_both_kernels
@pytest.mark.parametrize(
    "selection",
    [(0, 0, 0), (..., ...), 10, -11, (slice(None), 4), True, [1, 2], np.array([1]), None, "x", 1.5, 2**70],
    ids=repr,
)
def test_other_selections_are_left_to_the_caller(kernels, selection):
    assert kernels.parse_box(selection, kernels.Grid((10, 4), (3, 3))) is None


@on_both_kernels
def test_a_plan_of_very_many_chunks_needs_little_memory(kernels):
    if kernels is _kernels.reference:
        pytest.skip("the NumPy twin stores its tables")
    grid = kernels.Grid((10**15,), (1,))
    plan = kernels.split_outer(kernels.parse_box(..., grid), grid)
    assert plan.n_pieces == 10**15
    assert plan.keys(10**15 - 1, 10**15, "", ".") == [str(10**15 - 1)]


@on_both_kernels
def test_keys_of_the_largest_coordinates_are_complete(kernels):
    grid = kernels.Grid((2**62 - 1,) * 2, (1, 1))
    plan = kernels.split_outer(kernels.parse_box((-1, -1), grid), grid)
    assert plan.keys(0, 1, "", ".") == [f"{2**62 - 2}.{2**62 - 2}"]


@on_both_kernels
@pytest.mark.parametrize(
    ("shape", "chunks"),
    [((1,), ()), ((-1,), (1,)), ((1,), (0,)), ((2**62,), (1,)), ((1,), (2**63,)), ((1,) * 65,) * 2],
)
def test_an_invalid_grid_is_refused(kernels, shape, chunks):
    with pytest.raises(ValueError, match=r"rank|shape|axes"):
        kernels.Grid(shape, chunks)


@on_both_kernels
@pytest.mark.parametrize(
    ("start", "count", "step"), [(0, 11, 1), (10, 1, 1), (-1, 2, 1), (0, 4, 4), (0, 2, 0)]
)
def test_a_box_that_leaves_its_grid_is_refused(kernels, start, count, step):
    box = kernels.Box((start,), (count,), (step,), (False,), (False,))
    with pytest.raises(IndexError, match="axis 0"):
        kernels.split_outer(box, kernels.Grid((10,), (3,)))


@on_both_kernels
def test_a_piece_that_the_plan_does_not_have_is_refused(kernels):
    grid = kernels.Grid((10,), (3,))
    plan = kernels.split_outer(kernels.parse_box(..., grid), grid)
    for ask in (plan.coords, plan.complete, plan.overhangs):
        for number in (-1, 4):
            with pytest.raises(IndexError, match="4"):
                ask(number)


@pytest.mark.skipif("compiled" not in BUILDS, reason="a pure build has no bounds checks")
def test_a_checked_build_catches_a_table_that_is_too_short():
    from zarrcy._kernels import _plan_outer, compiled

    if not _plan_outer.CHECKED:
        pytest.skip("`make checked` builds with bounds checks")
    grid = compiled.Grid((10,), (3,))
    plan = compiled.split_outer(compiled.parse_box(..., grid), grid)
    with pytest.raises(IndexError):
        plan.axis_table(0, np.empty((3, 4), np.int64))


LONG_LISTS = {
    "few chunks": (5000, 7),
    "as many chunks as points": (2**22, 64),
    "more chunks than points": (2**24, 2),
    "many more chunks than points": (2**40, 3),
    "numbers of 61 bits": (2**61, 1),
    "one chunk": (1000, 1000),
    "one large chunk": (2**30, 2**30),
}


@pytest.mark.skipif(not _kernels.COMPILED, reason="compares the compiled kernels with their twins")
@pytest.mark.parametrize("is_ordered", [False, True])
@pytest.mark.parametrize("case", LONG_LISTS)
def test_long_lists_and_points_are_sorted_as_short_ones(case, is_ordered):
    """Long ones are sorted by digits, with checks for signals; the order of equal positions stays."""
    length, chunk_len = LONG_LISTS[case]
    n = 70_000
    found = np.random.default_rng(0).integers(0, length, n)
    if is_ordered:
        found.sort()
    plans = []
    for kernels in (_kernels.compiled, _kernels.reference):
        grid = kernels.Grid((length,), (chunk_len,))
        box = kernels.Box((0,), (n,), (1,), (False,), (False,))
        plans.append((kernels.split_outer(box, grid, (found,)), kernels.split_points([found, n], grid)))
    for ours, theirs in zip(*plans, strict=True):
        assert ours.n_pieces == theirs.n_pieces
        some = range(0, ours.n_pieces, max(1, ours.n_pieces // 40))
        assert [ours.complete(number) for number in some] == [theirs.complete(number) for number in some]
        assert [ours.sparse(number) for number in some] == [theirs.sparse(number) for number in some]
        n_keys = min(40, ours.n_pieces)
        assert ours.keys(0, n_keys, "", ".") == theirs.keys(0, n_keys, "", ".")
    np.testing.assert_array_equal(plans[0][0].axis_table(0), plans[1][0].axis_table(0))


@on_both_kernels
@pytest.mark.parametrize("chunk_len", [7, 1000, 100_000])
def test_the_last_of_equal_positions_wins_in_long_lists_too(kernels, chunk_len):
    length, n = 100_000, 70_000
    found = np.random.default_rng(1).integers(0, length, n)
    values = np.arange(n, dtype="i4")
    expected = np.zeros(length, "i4")
    expected[found] = values
    grid, layout = kernels.Grid((length,), (chunk_len,)), kernels.ChunkLayout((chunk_len,), 4)
    box = kernels.Box((0,), (n,), (1,), (False,), (False,))
    for plan in (kernels.split_outer(box, grid, (found,)), kernels.split_points([found, n], grid)):
        written = np.zeros(-(-length // chunk_len) * chunk_len, "i4")
        for number, key in enumerate(plan.keys(0, plan.n_pieces, "", ".")):
            first = int(key) * chunk_len
            chunk = written[first : first + chunk_len]
            assert kernels.scatter(plan, number, chunk, layout, values)
        np.testing.assert_array_equal(written[:length], expected)
