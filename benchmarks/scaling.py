"""Measure how zarrcy scales with threads and with the number of chunks.

The first table shows how many times faster two threads read and write compressed chunks than one. The second table
shows the time of one tiny chunk in arrays of a hundred to a hundred thousand chunks. The values of a row are measured
in turns in one process.

    python -m benchmarks.scaling [--rounds N] [--side N] [--root DIR]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import zarrcy
from benchmarks.compare.bench import TINY_CHUNK, smooth_and_noisy
from benchmarks.compare.measure import Job, Pace, Timing, run_in_turns

THREADS = (1, 2)
COUNTS = (100, 1_000, 10_000, 100_000)
CODECS: dict[str, Any] = {
    "raw": None,
    "blosc": zarrcy.Blosc("lz4", 5, zarrcy.Blosc.SHUFFLE),
    "zstd": zarrcy.Zstd(1),
    "gzip": zarrcy.GZip(1),
}
Places = Callable[[], Any]


def _reading(array: Any, expected: np.ndarray) -> Job:
    def check(answer: Any) -> None:
        np.testing.assert_array_equal(answer, expected)

    return Job(lambda: lambda: array[...], check)


def _writing(array: Any, value: np.ndarray) -> Job:
    def write() -> None:
        array[...] = value

    def check(_: Any) -> None:
        np.testing.assert_array_equal(array[...], value)

    return Job(lambda: write, check)


def _measure(jobs: dict[str, Job], rounds: int) -> dict[str, Timing]:
    timings, failures = run_in_turns(jobs, Pace(rounds, 0.02, 60.0), lambda: None)
    for name, exc in failures.items():
        raise RuntimeError(f"{name} failed") from exc
    return timings


def threads(places: dict[str, Places], side: int, rounds: int) -> None:
    """Print the times of whole reads and writes with one and with two threads."""
    cube = smooth_and_noisy(side)
    print(f"\n{side}^3 float32 in chunks of 64^3: median ms with {THREADS[0]} and {THREADS[1]} threads\n")
    for place, new_store in places.items():
        for codec, compressor in CODECS.items():
            store = new_store()
            zarrcy.create(cube.shape, chunks=64, dtype="f4", compressor=compressor, store=store)[...] = cube
            arrays = {n: zarrcy.open_array(store, mode="r+", threads=n) for n in THREADS}
            for verb, job in (("read", _reading), ("write", _writing)):
                timings = _measure({str(n): job(array, cube) for n, array in arrays.items()}, rounds)
                one, two = (timings[str(n)].median for n in THREADS)
                print(f"  {verb:6s}{codec:7s}{place:10s}{one * 1e3:9.1f}{two * 1e3:9.1f}   {one / two:.2f}x")


def growth(places: dict[str, Places], rounds: int) -> None:
    """Print the time of one tiny raw chunk for several numbers of chunks."""
    print(f"\nTiny raw chunks ({TINY_CHUNK * 4} bytes): median us per chunk, by number of chunks\n")
    print(f"  {'':16s}" + "".join(f"{n:>12,}" for n in COUNTS))
    for place, new_store in places.items():
        reads, writes = {}, {}
        for n in COUNTS:
            values = np.arange(n * TINY_CHUNK, dtype="f4")
            array = zarrcy.create(
                values.shape, chunks=TINY_CHUNK, dtype="f4", compressor=None, store=new_store()
            )
            array[...] = values
            reads[str(n)], writes[str(n)] = _reading(array, values), _writing(array, values)
        for verb, jobs in (("read", reads), ("write", writes)):
            timings = _measure(jobs, rounds)
            cells = "".join(f"{timings[str(n)].median / n * 1e6:12.2f}" for n in COUNTS)
            print(f"  {verb:6s}{place:10s}{cells}")


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=7, help="measurements of each (default: 7)")
    options.add_argument(
        "--side", type=int, default=256, help="elements per side, a multiple of 16 (default: 256)"
    )
    options.add_argument(
        "--root", default="/dev/shm" if Path("/dev/shm").is_dir() else None, help="directory for files"
    )
    chosen = options.parse_args()
    root = Path(tempfile.mkdtemp(prefix="zarrcy-scaling-", dir=chosen.root))
    numbers = iter(range(10**6))
    places: dict[str, Places] = {
        "memory": zarrcy.MemoryStore,
        "directory": lambda: zarrcy.DirectoryStore(root / str(next(numbers))),
    }
    try:
        threads(places, chosen.side, chosen.rounds)
        growth(places, chosen.rounds)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
