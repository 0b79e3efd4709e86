"""Compare random operations with NumPy, and watch memory and open files: ``python -m soak``, in ``tests``."""

import argparse
import ctypes
import gc
import os
import random
import tempfile
import time
from contextlib import closing, nullcontext
from pathlib import Path

import numcodecs
import numpy as np

import zarrcy

_V3_ZSTD = ["bytes", {"name": "zstd", "configuration": {"level": 1, "checksum": False}}, "crc32c"]
_CODECS = {
    2: (
        {"compressor": None},
        {},
        {"compressor": numcodecs.Zstd(1), "filters": [numcodecs.Delta("<f8")]},
        {"compressor": numcodecs.GZip(1), "order": "F"},
        {"compressor": numcodecs.LZ4(), "dimension_separator": "/"},
    ),
    3: ({}, {"shards": True}, {"compressor": None, "shards": True}, {"compressor": numcodecs.Zlib(1)}),
}
_WARM = 0.2
# Twice the number of calls after which a workspace that was not needed is freed.
_CALLS_TO_SETTLE = 2100


def open_files():
    return len(os.listdir("/proc/self/fd"))


def resident_kib():
    """Return the resident memory, without memory that is kept for later although nothing needs it now.

    The number of threads that read at the same moment depends on the load of the machine and the speed of its disk. The
    library keeps a workspace for each of them until many calls have not needed it. The allocator keeps some memory in
    each of its arenas, whose number grows with that of the threads. Both are bounded, but differ between two moments
    by more than a leak that is to be found.
    """
    array = zarrcy.zeros(4, chunks=4, store={})
    with zarrcy.use_threads(1):
        for number in range(_CALLS_TO_SETTLE):
            array[...] = number
    gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def make_store(chance, folder):
    kind = chance.choice(("memory", "directory", "directory", "sqlite"))
    if kind == "memory":
        return nullcontext({})
    if kind == "directory":
        return nullcontext(zarrcy.DirectoryStore(folder / "directory"))
    return closing(zarrcy.SQLiteStore(str(folder / "a.sqlite")))


def make_array(chance, store):
    """Return an array of zeros and an equal NumPy array."""
    zarr_format = chance.choice((2, 3))
    ndim = chance.randint(1, 3)
    chunks = tuple(chance.randint(1, 40 // ndim) for _ in range(ndim))
    shape = tuple(chance.randint(1, 3 * n) for n in chunks)
    options = dict(chance.choice(_CODECS[zarr_format]))
    if options.get("shards"):
        options["shards"] = tuple(n * chance.randint(1, 3) for n in chunks)
    options["write_empty_chunks"] = chance.random() < 0.5
    array = zarrcy.create(
        shape, chunks=chunks, dtype="<f8", fill_value=0, store=store, zarr_format=zarr_format, **options
    )
    return array, np.zeros(shape)


def some_box(chance, shape):
    def part(n):
        start, stop = sorted((chance.randint(0, n), chance.randint(0, n)))
        return slice(start, stop, chance.choice((1, 1, 1, 2, 3)))

    return tuple(part(n) for n in shape)


def step(chance, array, model):
    """Perform one random operation on an array and its model. Return both."""
    operation = chance.randrange(12)
    shape = model.shape
    random_values = np.random.default_rng(chance.getrandbits(32))
    if operation < 4:
        box = some_box(chance, shape)
        array[box] = model[box] = random_values.random(model[box].shape)
    elif operation == 4 and model.size:
        points = tuple(random_values.integers(0, n, 5) for n in shape)
        values = random_values.random(5)
        array.vindex[points] = model[points] = values
    elif operation == 5 and model.size:
        lists = tuple(np.unique(random_values.integers(0, n, 4)) for n in shape)
        assert (array.oindex[lists] == model[np.ix_(*lists)]).all()
    elif operation == 6:
        box = some_box(chance, shape)
        array[box] = model[box] = 0
    elif operation == 7:
        new = tuple(chance.randint(1, 3 * n) for n in array.chunks)
        kept = tuple(slice(0, min(a, b)) for a, b in zip(shape, new, strict=True))
        grown = np.zeros(new)
        grown[kept] = model[kept]
        array.resize(new)
        model = grown
    elif operation == 8 and shape[0] < 200:
        rows = random_values.random((chance.randint(1, 5), *shape[1:]))
        array.append(rows)
        model = np.concatenate([model, rows])
    elif operation == 9:
        array.attrs["at"] = {"step": chance.randint(0, 9)}
        array = zarrcy.open_array(array.store, mode="r+")
    box = some_box(chance, model.shape)
    result = array[box]
    assert result.shape == model[box].shape
    assert (result == model[box]).all(), f"{array!r} differs from NumPy at {box}"
    return array, model


def life(chance, folder, n_steps=60):
    """Create an array and perform operations on it. Return their number."""
    with make_store(chance, folder) as store:
        array, model = make_array(chance, store)
        for _ in range(n_steps):
            array, model = step(chance, array, model)
        again = zarrcy.open_array(store, mode="r")
        assert again.shape == model.shape
        assert (again[...] == model).all(), f"{array!r} differs from NumPy after it was opened again"
    return n_steps + 1


def soak(seconds, seed, report=print):
    """Perform random operations for a number of seconds.

    Returns
    -------
    int
        Number of operations.

    Raises
    ------
    AssertionError
        If an array differs from its model, or if memory or the number of open files grows.
    """
    chance = random.Random(seed)
    start = last = time.monotonic()
    warm = None
    done = lives = 0
    while (now := time.monotonic()) - start < seconds:
        with tempfile.TemporaryDirectory(prefix="zarrcy-soak-") as folder:
            done += life(chance, Path(folder))
        lives += 1
        if warm is None and now - start > _WARM * seconds:
            warm = resident_kib(), open_files()
        if now - last > 30:
            last = now
            report(
                f"{now - start:4.0f} s  {done} operations  {resident_kib() // 1024} MiB  {open_files()} files"
            )
    end = resident_kib(), open_files()
    assert warm is not None, "the time was too short for a measurement"
    report(f"{done} operations on {lives} arrays; between {_WARM:.0%} of the time and the end:")
    report(f"memory {warm[0]} -> {end[0]} KiB, open files {warm[1]} -> {end[1]}")
    assert end[1] <= warm[1], f"the number of open files grew from {warm[1]} to {end[1]}"
    assert end[0] <= 1.05 * warm[0] + 4096, f"memory grew from {warm[0]} KiB to {end[0]} KiB"
    return done


def main():
    parser = argparse.ArgumentParser(description="compare random operations with NumPy")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    soak(arguments.seconds, arguments.seed, report=lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
