"""A selection is read once: its result may share memory with it, and it may change while the store is asked."""

import json

import numpy as np
import pytest
from builds import on_both_kernels, using
from cases import same_bits
from hypothesis import given
from hypothesis import strategies as st

import zarrcy

GRIDS = {
    "regular": {"chunks": (3, 4)},
    "compressed": {"chunks": (6, 4), "compressor": "default"},
    "shards": {"chunks": (3, 2), "shards": (6, 4), "zarr_format": 3},
    "rectilinear": {"chunks": (3, 4), "zarr_format": 3},
    "cached": {"chunks": (3, 4), "cache_bytes": 2**20},
}
SHAPE = (9, 10)
GUARD = 64


class Meddling(dict):
    """A store that calls a function before it returns a chunk."""

    meddle = None

    def __getitem__(self, key):
        if self.meddle is not None and "json" not in key and ".z" not in key:
            self.meddle()
        return super().__getitem__(key)


def made(kernels, grid, dtype, store=None):
    """An array of some grid, and the same in NumPy."""
    options = dict(GRIDS[grid])
    cache = {"cache_bytes": options.pop("cache_bytes")} if "cache_bytes" in options else {}
    if "compressor" not in options and options.get("zarr_format") != 3:
        options["compressor"] = None
    store = {} if store is None else store
    model = np.arange(90).reshape(SHAPE).astype(dtype)
    if dtype is bool:
        model = np.arange(90).reshape(SHAPE) % 3 == 0
    with using(kernels):
        zarrcy.create(SHAPE, dtype=dtype, store=store, **options)
        if grid == "rectilinear":
            document = json.loads(store["zarr.json"])
            document["chunk_grid"] = {
                "name": "rectilinear",
                "configuration": {"kind": "inline", "chunk_shapes": [[2, 2, 5], [3, 7]]},
            }
            store["zarr.json"] = json.dumps(document).encode()
        zarrcy.open_array(store, mode="r+")[...] = model
        return zarrcy.open_array(store, mode="r", **cache), model


def positions_of(kind, model, memory, draw):
    """A selection in `memory`, a function that reads with it, and the expected result."""
    if kind == "mask":
        mask = memory[: model.size].view(bool).reshape(SHAPE)
        mask[...] = np.array(draw(st.lists(st.booleans(), min_size=90, max_size=90))).reshape(SHAPE)
        if draw(st.booleans()):
            mask |= np.arange(90).reshape(SHAPE) % 11 != 0
        return mask, lambda a, out: a.get_mask_selection(mask, out=out), model[mask]
    n = draw(st.integers(1, 12))
    rows, columns = memory[: 8 * n].view(np.int64), memory[8 * n : 16 * n].view(np.int64)
    rows[:] = draw(st.lists(st.integers(-9, 8), min_size=n, max_size=n))
    columns[:] = draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))
    if kind == "points":
        read = lambda a, out: a.get_coordinate_selection((rows, columns), out=out)  # noqa: E731
        return memory[: 16 * n], read, model[rows, columns]
    read = lambda a, out: a.get_orthogonal_selection((rows, columns), out=out)  # noqa: E731
    return memory[: 16 * n], read, model[np.ix_(rows, columns)]


@on_both_kernels
@given(data=st.data())
def test_the_result_may_share_memory_with_the_selection(kernels, data):
    grid = data.draw(st.sampled_from(sorted(GRIDS)))
    kind = data.draw(st.sampled_from(["mask", "points", "lists"]))
    a, model = made(kernels, grid, data.draw(st.sampled_from([bool, "i8", "u2"])))
    memory = np.zeros(4096, np.uint8)
    _, read, expected = positions_of(kind, model, memory, data.draw)
    # the result begins before, in or at the start of the selection
    start = 8 * data.draw(st.integers(0, 16))
    out = memory[start : start + expected.nbytes].view(a.dtype).reshape(expected.shape)
    assert same_bits(read(a, out), expected)
    assert same_bits(out, expected)


@on_both_kernels
@pytest.mark.parametrize("content", [0, 1, 255])
@given(data=st.data())
def test_a_selection_that_changes_during_a_read_selects_what_it_held_at_the_call(kernels, content, data):
    grid = data.draw(st.sampled_from(sorted(GRIDS)))
    kind = data.draw(st.sampled_from(["mask", "points", "lists"]))
    store = Meddling()
    a, model = made(kernels, grid, "i4", store)
    memory = np.zeros(1024, np.uint8)
    selection, read, expected = positions_of(kind, model, memory, data.draw)
    guarded = np.full(expected.size + 2 * GUARD, -7, "i4")
    out = guarded[GUARD : GUARD + expected.size].reshape(expected.shape)
    store.meddle = lambda: selection.fill(content)
    assert same_bits(read(a, out), expected)
    assert (guarded[:GUARD] == -7).all()
    assert (guarded[GUARD + expected.size :] == -7).all()
