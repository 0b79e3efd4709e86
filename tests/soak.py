"""Random operations against NumPy for minutes, with an eye on memory and files: ``python -m soak``, in ``tests``."""

import argparse
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


def open_files():
    return len(os.listdir("/proc/self/fd"))


def resident_kib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def make_store(chance, folder):
    kind = chance.choice(("memory", "directory", "directory", "sqlite"))
    if kind == "memory":
        return nullcontext({})
    if kind == "directory":
        return nullcontext(zarrcy.DirectoryStore(folder / "directory"))
    return closing(zarrcy.SQLiteStore(str(folder / "a.sqlite")))


def make_array(chance, store):
    """Make an array of zeros, and the same in NumPy."""
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
    """Do one thing to both; return what they are then."""
    what = chance.randrange(12)
    shape = model.shape
    some = np.random.default_rng(chance.getrandbits(32))
    if what < 4:
        box = some_box(chance, shape)
        array[box] = model[box] = some.random(model[box].shape)
    elif what == 4 and model.size:
        points = tuple(some.integers(0, n, 5) for n in shape)
        values = some.random(5)
        array.vindex[points] = model[points] = values
    elif what == 5 and model.size:
        lists = tuple(np.unique(some.integers(0, n, 4)) for n in shape)
        assert (array.oindex[lists] == model[np.ix_(*lists)]).all()
    elif what == 6:
        box = some_box(chance, shape)
        array[box] = model[box] = 0
    elif what == 7:
        new = tuple(chance.randint(1, 3 * n) for n in array.chunks)
        kept = tuple(slice(0, min(a, b)) for a, b in zip(shape, new, strict=True))
        grown = np.zeros(new)
        grown[kept] = model[kept]
        # what was cut off and is uncovered again is undefined: begin with what is kept
        array.resize(new)
        array[...] = model = grown
    elif what == 8 and shape[0] < 200:
        rows = some.random((chance.randint(1, 5), *shape[1:]))
        array.append(rows)
        model = np.concatenate([model, rows])
    elif what == 9:
        array.attrs["at"] = {"step": chance.randint(0, 9)}
        array = zarrcy.open_array(array.store, mode="r+")
    box = some_box(chance, model.shape)
    found = array[box]
    assert found.shape == model[box].shape
    assert (found == model[box]).all(), f"{array!r} differs from NumPy at {box}"
    return array, model


def life(chance, folder, n_steps=60):
    """One array from its creation to its end; return how many operations it saw."""
    with make_store(chance, folder) as store:
        array, model = make_array(chance, store)
        for _ in range(n_steps):
            array, model = step(chance, array, model)
        again = zarrcy.open_array(store, mode="r")
        assert again.shape == model.shape
        assert (again[...] == model).all(), f"{array!r} differs from NumPy after it was opened again"
    return n_steps + 1


def soak(seconds, seed, report=print):
    """Do random operations for so long. Raises AssertionError at a difference, or where memory or files grow.

    Returns the number of operations.
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
            gc.collect()
            warm = resident_kib(), open_files()
        if now - last > 30:
            last = now
            report(
                f"{now - start:4.0f} s  {done} operations  {resident_kib() // 1024} MiB  {open_files()} files"
            )
    gc.collect()
    end = resident_kib(), open_files()
    assert warm is not None, "it took too short a time to see anything"
    report(f"{done} operations on {lives} arrays; from {_WARM:.0%} of the time to the end:")
    report(f"memory {warm[0]} to {end[0]} KiB, files {warm[1]} to {end[1]}")
    assert end[1] <= warm[1], f"files stay open: {warm[1]}, then {end[1]}"
    assert end[0] <= 1.05 * warm[0] + 4096, f"memory grows: {warm[0]} KiB, then {end[0]} KiB"
    return done


def main():
    parser = argparse.ArgumentParser(description="compare random operations with NumPy for a while")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    soak(arguments.seconds, arguments.seed, report=lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
