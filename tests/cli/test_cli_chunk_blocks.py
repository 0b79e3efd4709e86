"""Test the chunk shapes of imports and copies, and the blocks in which an import fills an array."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrcy.cli.chunk_blocks import block_shape, choose_chunks, iter_blocks


@given(data=st.data())
def test_blocks_cover_each_element_once_in_whole_chunks_and_within_the_size_limit(data):
    shape = tuple(data.draw(st.lists(st.integers(0, 12), max_size=3)))
    chunks = tuple(data.draw(st.integers(1, 13)) for _ in shape)
    nbytes = data.draw(st.integers(1, 2000))
    lengths = block_shape(shape, chunks, 8, nbytes)
    seen = np.zeros(shape, int)
    for block in iter_blocks(shape, lengths):
        seen[block] += 1
        for part, chunk, n in zip(block, chunks, shape, strict=True):
            assert part.start % chunk == 0
            assert part.stop % chunk == 0 or part.stop == n
        nbytes_in_block = math.prod(part.stop - part.start for part in block) * 8
        assert nbytes_in_block <= max(nbytes, math.prod(chunks) * 8)
    assert (seen == 1).all()


@pytest.mark.parametrize(
    ("source_chunks", "is_kept"),
    [((64, 512), True), ((1, 512), False), ((4096, 512), True), ((8192, 1024), True), (None, False)],
    ids=["128KiB", "2KiB", "8MiB", "larger-than-the-array", "contiguous"],
)
def test_auto_keeps_chunks_of_128_kib_to_16_mib(source_chunks, is_kept):
    chosen = choose_chunks("auto", (4096, 512), 4, source_chunks)
    guessed = choose_chunks("auto", (4096, 512), 4, None)
    if is_kept:
        assert chosen == tuple(map(min, source_chunks, (4096, 512)))
    else:
        assert chosen == guessed
    assert 64 * 1024 <= math.prod(guessed) * 4 <= 2**24


def test_same_keeps_chunks_of_any_size_and_a_shape_applies_to_arrays_with_as_many_axes():
    assert choose_chunks("same", (100, 100), 4, (1, 1)) == (1, 1)
    assert choose_chunks((7, 700), (100, 100), 4, (1, 1)) == (7, 100)
    assert choose_chunks((7, 7), (100,), 4, (50,)) == (100,)
    assert choose_chunks((7, 7), (0, 3), 4, None) == (1, 3)
