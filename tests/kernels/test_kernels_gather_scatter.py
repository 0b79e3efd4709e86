"""Partial chunk iteration moves every element of a piece to where NumPy puts it, and moves no other element."""

import numpy as np
import pytest
from builds import on_both_kernels
from cases import chunk_shapes, data_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from zarrcy import _kernels

ITEMS = ["u1", "<i2", "<f4", "<f8", "<c16", "S3", "S5", "V7", "<M8[s]", "<U40"]


@st.composite
def moves(draw, max_dims=5, max_side=6):
    shape = draw(npst.array_shapes(min_dims=0, max_dims=max_dims, min_side=1, max_side=max_side))
    key = draw(npst.basic_indices(shape, allow_newaxis=False)) if shape else ()
    order = draw(st.permutations(range(len(shape))))
    return (
        shape,
        chunk_shapes(draw, shape),
        key,
        draw(st.sampled_from(ITEMS)),
        tuple(order),
        draw(st.sampled_from("CF")),
    )


def chunk_at(model, coords, chunks, order):
    """Return the flat chunk at `coords`, with bytes of 1 beyond the edge of the array."""
    chunk = (
        np.frombuffer(b"\1" * (model.dtype.itemsize * int(np.prod(chunks))), model.dtype)
        .reshape(chunks)
        .copy()
    )
    part = model[tuple(slice(c * n, (c + 1) * n) for c, n in zip(coords, chunks, strict=True))]
    chunk[tuple(slice(n) for n in part.shape)] = part
    return np.ascontiguousarray(chunk.transpose(order)).reshape(-1).view("u1")


def planned(kernels, shape, chunks, key):
    grid = kernels.Grid(shape, chunks)
    box = kernels.parse_box(key, grid)
    return box, kernels.split_outer(box, grid)


@on_both_kernels
@given(case=moves())
def test_gathering_all_pieces_gives_what_numpy_selects(kernels, case):
    shape, chunks, key, dtype, order, out_order = case
    model = data_of(shape, dtype)
    box, plan = planned(kernels, shape, chunks, key)
    layout = kernels.ChunkLayout(chunks, model.itemsize, order)
    out = np.zeros(box.shape, model.dtype, order=out_order)
    stored = [bytes(chunk_at(model, plan.coords(n), chunks, order)) for n in range(plan.n_pieces)]
    assert kernels.gather_many(plan, 0, stored, layout, out, bytes(model.itemsize)) == -1
    assert out.tobytes() == np.asarray(model[key], model.dtype).tobytes()


@on_both_kernels
@given(case=moves())
def test_scattering_a_piece_changes_only_its_elements(kernels, case):
    shape, chunks, key, dtype, order, value_order = case
    model = data_of(shape, dtype)
    _, plan = planned(kernels, shape, chunks, key)
    layout = kernels.ChunkLayout(chunks, model.itemsize, order)
    changed = model.copy()
    changed[key] = model.ravel()[::-1].reshape(shape)[key]
    value = np.array(changed[key], model.dtype, order=value_order)
    for n in range(plan.n_pieces):
        chunk = chunk_at(model, plan.coords(n), chunks, order)
        assert kernels.scatter(plan, n, chunk, layout, value)
        assert chunk.tobytes() == chunk_at(changed, plan.coords(n), chunks, order).tobytes()


@on_both_kernels
@given(case=moves(max_dims=3))
def test_filling_all_pieces_fills_the_result(kernels, case):
    shape, chunks, key, dtype, order, out_order = case
    item = data_of((5,), dtype)[3:4]
    box, plan = planned(kernels, shape, chunks, key)
    layout = kernels.ChunkLayout(chunks, item.itemsize, order)
    out = np.zeros(box.shape, item.dtype, order=out_order)
    for n in range(plan.n_pieces):
        kernels.fill_piece(plan, n, layout, out, item.tobytes())
    assert out.tobytes() == np.full(box.shape, item[0], item.dtype).tobytes()


@on_both_kernels
@given(case=moves(max_dims=3))
def test_a_run_has_the_bytes_of_a_whole_chunk(kernels, case):
    shape, chunks, key, dtype, order, out_order = case
    model = data_of(shape, dtype)
    _, plan = planned(kernels, shape, chunks, key)
    layout = kernels.ChunkLayout(chunks, model.itemsize, order)
    out = np.array(model[key], model.dtype, order=out_order)
    flat = out.ravel(order="K").view("u1")
    for n in range(plan.n_pieces):
        at = kernels.run_of_piece(plan, n, layout, out)
        if at >= 0:
            chunk = chunk_at(model, plan.coords(n), chunks, order)
            assert flat[at : at + layout.nbytes].tobytes() == chunk.tobytes()


@on_both_kernels
def test_whole_chunks_along_the_first_axis_are_runs_of_the_result(kernels):
    box, plan = planned(kernels, (6, 4), (2, 4), ...)
    layout = kernels.ChunkLayout((2, 4), 8)
    out = np.empty(box.shape)
    assert [kernels.run_of_piece(plan, n, layout, out) for n in range(3)] == [0, 64, 128]


@on_both_kernels
@pytest.mark.parametrize("ndim", [0, 1, 2, 31, 32])
def test_any_rank_is_moved(kernels, ndim):
    shape = (1,) * max(0, ndim - 3) + (3, 2, 4)[: min(ndim, 3)]
    model = data_of(shape, "<i4")
    box, plan = planned(kernels, shape, shape, (slice(None, None, -1),) * ndim)
    layout = kernels.ChunkLayout(shape, 4)
    out = np.empty(box.shape, "<i4")
    assert kernels.gather(plan, 0, model.tobytes(), layout, out)
    np.testing.assert_array_equal(out, model[(slice(None, None, -1),) * ndim])


@on_both_kernels
@pytest.mark.parametrize("dtype", ["u1", "<i2", "<f4", "<f8", "<c16", "V3"])
@pytest.mark.parametrize("side", [31, 32, 33, 100])
def test_a_chunk_in_another_order_is_transposed_tile_by_tile(kernels, dtype, side):
    shape = (3, side, side + 1)
    model = data_of(shape, dtype)
    box, plan = planned(kernels, shape, shape, ...)
    for order in [(2, 1, 0), (0, 2, 1), (1, 2, 0)]:
        layout = kernels.ChunkLayout(shape, model.itemsize, order)
        out = np.zeros(box.shape, model.dtype)
        assert kernels.gather(plan, 0, np.ascontiguousarray(model.transpose(order)), layout, out)
        assert out.tobytes() == model.tobytes()


@on_both_kernels
@pytest.mark.parametrize("nbytes", [0, 1, 31, 33, 1000])
def test_memory_that_does_not_have_the_length_of_a_chunk_is_left_alone(kernels, nbytes):
    _, plan = planned(kernels, (4,), (4,), ...)
    layout = kernels.ChunkLayout((4,), 8)
    out = np.zeros(4)
    assert not kernels.gather(plan, 0, b"\1" * nbytes, layout, out)
    assert not kernels.scatter(plan, 0, bytearray(nbytes), layout, np.ones(4))
    assert kernels.gather_many(plan, 0, [b"\1" * nbytes], layout, out, bytes(8)) == 0
    assert not out.any()


@on_both_kernels
def test_a_result_or_a_layout_that_does_not_fit_the_plan_is_refused(kernels):
    _, plan = planned(kernels, (4, 4), (4, 4), ...)
    layout = kernels.ChunkLayout((4, 4), 8)
    chunk = bytes(128)
    for shape in [(4,), (4, 5), (4, 4, 1), ()]:
        with pytest.raises(IndexError, match="result"):
            kernels.gather(plan, 0, chunk, layout, np.zeros(shape))
    with pytest.raises(ValueError, match="have 4 bytes"):
        kernels.gather(plan, 0, chunk, layout, np.zeros((4, 4), "f4"))
    with pytest.raises((IndexError, ValueError)):
        kernels.gather(plan, 0, bytes(64), kernels.ChunkLayout((2, 4), 8), np.zeros((4, 4)))
    with pytest.raises(ValueError, match="contiguous"):
        kernels.gather(plan, 0, np.zeros((4, 8))[:, ::2], layout, np.zeros((4, 4)))
    with pytest.raises(ValueError, match="order"):
        kernels.ChunkLayout((4, 4), 8, (0, 0))
    with pytest.raises(ValueError, match="larger than memory"):
        kernels.ChunkLayout((2**40, 2**40), 8)


def test_read_only_memory_is_not_written_to():
    if not _kernels.COMPILED:
        pytest.skip("this tests the buffer check of the compiled kernel")
    kernels = _kernels.compiled
    _, plan = planned(kernels, (4,), (4,), ...)
    layout = kernels.ChunkLayout((4,), 8)
    frozen = np.zeros(4)
    frozen.flags.writeable = False
    for memory in (bytes(32), frozen):
        with pytest.raises((ValueError, BufferError, TypeError)):
            kernels.scatter(plan, 0, memory, layout, np.ones(4))
    assert not frozen.any()
