"""Guessed chunk and shard shapes have the sizes that the documentation states."""

import math

import numpy as np
import pytest

import zarrcy
from zarrcy.indexing.chunk_shapes import grid_shape, guess_shards, normalize_chunks

MIB = 2**20
SHAPES = [
    (10**9,),
    (10000, 10000),
    (10**6, 10**6),
    (14600, 721, 1440),
    (3, 10**5, 10**5),
    (10**7, 10**7),
    (17, 1, 10**6, 3),
]


def auto(shape, itemsize):
    chunks = normalize_chunks("auto", shape, itemsize, "auto")
    return chunks, guess_shards(shape, itemsize, chunks)


@pytest.mark.parametrize("itemsize", [1, 4, 16])
@pytest.mark.parametrize("shape", SHAPES)
def test_guessed_chunks_have_about_a_mebibyte_in_shards_of_a_bounded_size_and_number(shape, itemsize):
    chunks, shards = auto(shape, itemsize)
    assert all(n % c == 0 for n, c in zip(shards, chunks, strict=True))
    assert 0.4 * MIB <= math.prod(chunks) * itemsize <= 1.5 * MIB
    nbytes = math.prod(shards) * itemsize
    n_shards = math.prod(grid_shape(shape, shards))
    assert nbytes <= 512 * MIB
    assert n_shards <= 1100 or nbytes >= 128 * MIB
    assert n_shards == 1 or nbytes >= 16 * MIB


@pytest.mark.parametrize("shape", [(), (0, 5), (3, 4), (1000, 1000)])
def test_a_small_array_is_one_shard(shape):
    a = zarrcy.zeros(shape, chunks="auto", shards="auto", zarr_format=3)
    assert math.prod(grid_shape(a.shape, a.shards)) <= 1
    a[...] = 3
    np.testing.assert_array_equal(a[...], np.full(shape, 3.0))


def test_the_index_of_a_guessed_shard_stays_small():
    shards = guess_shards((10**6, 10**6), 1, (4, 4))
    assert math.prod(shards) // 16 <= 2**16


def test_guessed_chunks_divide_the_stated_shards():
    a = zarrcy.zeros((2000, 3000), chunks="auto", shards=(600, 900), dtype="f8", zarr_format=3)
    assert a.shards == (600, 900)
    assert a.chunks == (300, 450)
    prime = zarrcy.zeros((4000, 4000), chunks="auto", shards=(1009, 1013), dtype="f8", zarr_format=3)
    assert prime.chunks == (1009, 1)


def test_guessed_shards_are_multiples_of_the_stated_chunks():
    a = zarrcy.zeros((5000, 5000), chunks=(70, 90), shards="auto", dtype="f8", zarr_format=3)
    assert a.chunks == (70, 90)
    assert (a.shards[0] % 70, a.shards[1] % 90) == (0, 0)
    assert 16 * MIB <= math.prod(a.shards) * 8 <= 48 * MIB


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_auto_without_shards_guesses_like_true(zarr_format):
    guessed = zarrcy.zeros((3000, 3000), chunks=True, zarr_format=zarr_format)
    assert zarrcy.zeros((3000, 3000), chunks="auto", zarr_format=zarr_format).chunks == guessed.chunks


@pytest.mark.parametrize("words", [{"chunks": "big"}, {"shards": "big"}])
def test_other_words_are_refused(words):
    (name,) = words
    with pytest.raises(ValueError, match=f"{name} is 'big'; the only word"):
        zarrcy.zeros((10, 10), zarr_format=3, **words)


def test_info_has_the_sizes_of_chunks_and_shards():
    rows = dict(
        zarrcy.zeros((64, 64), chunks=(8, 8), shards=(32, 32), dtype="i4", zarr_format=3).info_items()
    )
    assert rows["Shard shape"] == "(32, 32)"
    assert rows["Chunk size"] == "256"
    assert rows["Shard size"] == "4096 (4.0K)"


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("itemsize", [1, 8, 64])
@pytest.mark.parametrize("shape", [(0,), (0, 100), (100, 0), (0, 0), (0, 3, 5), (0, 10000, 10000), (0, 1)])
def test_guessed_chunks_of_an_axis_that_will_grow_have_a_useful_size(shape, itemsize, zarr_format):
    array = zarrcy.zeros(shape, dtype=f"V{itemsize}", zarr_format=zarr_format)
    per_element = math.prod(n or 1 for n in shape) * itemsize
    nbytes = math.prod(array.chunks) * itemsize
    assert nbytes >= min(64 * 1024, 1024 * per_element)
    assert nbytes <= 64 * MIB
    assert array.chunks[shape.index(0)] > 1 or per_element > MIB


def test_an_array_that_grows_from_nothing_is_stored_in_few_chunks():
    array = zarrcy.zeros((0, 100), dtype="f8")
    for _ in range(3):
        array.append(np.ones((500, 100)))
    assert array.nchunks <= 12
    assert array.chunks == zarrcy.zeros((1024, 100), dtype="f8").chunks
