"""Operations on arrays of enormous shapes end at once, or are refused at once."""

import contextlib
import hashlib
import time

import numpy as np
import pytest

import zarrcy

SHAPES = {
    "one axis": {"shape": 10**13, "chunks": 10},
    "two axes": {"shape": (2**61, 2**61), "chunks": (1, 1)},
    "format 3": {"shape": (2**61, 2**61), "chunks": (1, 1), "zarr_format": 3},
    "shards": {"shape": (2**30, 2**30), "chunks": (2, 2), "shards": (4, 4), "zarr_format": 3},
}


@pytest.fixture(params=SHAPES)
def array(request):
    array = zarrcy.open_array({}, mode="w", dtype="u1", fill_value=0, **SHAPES[request.param])
    array[(slice(0, 4),) * array.ndim] = 3
    return array


CALLS = {
    "hexdigest": lambda a: a.hexdigest(),
    "nchunks": lambda a: a.nchunks,
    "nchunks_initialized": lambda a: a.nchunks_initialized,
    "info": lambda a: str(a.info),
    "nbytes_stored": lambda a: a.nbytes_stored,
    "region": lambda a: a.region(5, 10**12),
    "last region": lambda a: a.region(10**12 - 1, 10**12),
    "write_regions": lambda a: a.write_regions(10**12),
    "vindex": lambda a: a.vindex[([0, 5, 2**29],) * a.ndim],
    "oindex": lambda a: a.oindex[([0, 5, 2**29],) * a.ndim],
    "points": lambda a: a.set_coordinate_selection(([0, 5, 2**29],) * a.ndim, 4),
    "verify": lambda a: a.verify(),
    "initialized_chunks": lambda a: a.initialized_chunks() if a.nchunks > 2**40 else None,
    "explain": lambda a: str(a.explain((slice(0, 2),) * a.ndim)),
    "resize": lambda a: a.resize(*(5,) * a.ndim),
    "copy": lambda a: zarrcy.copy(a, zarrcy.group(zarr_format=a.zarr_format), name="a"),
    "tree": lambda a: str(zarrcy.group().tree()),
}


@pytest.mark.parametrize("name", CALLS)
def test_it_ends_at_once_or_is_refused(array, name):
    # time of the processor, which other programs do not prolong
    began = time.process_time()
    with contextlib.suppress(ValueError, OverflowError, MemoryError, IndexError):
        CALLS[name](array)
    assert time.process_time() - began < 5


def test_the_checksum_of_a_large_grid_is_that_of_its_stored_chunks(array):
    digest = hashlib.sha1()
    for key in sorted(key for key in array.store if not key.endswith((".zarray", "zarr.json"))):
        digest.update(array.store[key])
    metadata = ".zarray" if ".zarray" in array.store else "zarr.json"
    digest.update(array.store[metadata])
    assert array.digest() == digest.digest()


@pytest.mark.parametrize("shape", [(10,), (7, 5), (3, 4, 5), (0, 3)])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 20])
def test_a_region_is_one_of_the_regions(shape, n):
    array = zarrcy.zeros(shape, chunks=2)
    assert [array.region(rank, n) for rank in range(n)] == array.write_regions(n)
    with pytest.raises(ValueError, match="rank is"):
        array.region(n, n)


def test_a_region_of_an_array_without_axes_needs_one_writer():
    assert zarrcy.zeros(()).region(0, 1) == ()
    with pytest.raises(ValueError, match="without axes"):
        zarrcy.zeros(()).region(0, 2)


def test_too_many_regions_are_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"`region\(rank, n\)` returns one of them"):
        zarrcy.zeros(10**13, chunks=10).write_regions(10**12)
    assert zarrcy.zeros(10**13, chunks=10).region(5, 10**12) == (slice(50, 60),)
    assert np.prod([s.stop - s.start for s in zarrcy.zeros((2**40, 2**40), chunks=1).region(3, 10**12)]) > 0
