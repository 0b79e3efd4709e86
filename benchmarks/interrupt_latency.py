"""Measure how long operations go on after a signal whose handler raises an exception, such as Ctrl-C.

python benchmarks/interrupt_latency.py                     all operations
python benchmarks/interrupt_latency.py --only "write"      those whose name matches a regular expression
python benchmarks/interrupt_latency.py --clock cpu         in CPU time, which the load of the machine does not change

Each operation is interrupted at random moments of its first seconds. The table shows the median and the maximum of the
time from the signal to the moment when the exception has left the operation, in milliseconds, and how many of the
signals came before the operation ended. A line ends with ``SLOW`` if the maximum is above 300 ms.
"""

from __future__ import annotations

import argparse
import gc
import random
import re
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numcodecs
import numpy as np

import zarrcy

Call = Callable[[], object]
_SECONDS = 3.0
_LIMIT = 0.3


class Interrupted(BaseException):
    """What the handler raises."""


def _handler(*_: object) -> None:
    raise Interrupted


class Operations:
    """The operations: each method prepares what it needs, and returns a function that is interrupted."""

    def __init__(self, folder: Path, scale: float) -> None:
        self.folder, self.scale = folder, scale
        self.n_files = int(100_000 * scale)
        self.n_chunks = int(1_000_000 * scale)
        self.n_elements = int(100_000_000 * scale)

    def _small_chunks(self, store: object, **options: object) -> zarrcy.Array:
        return zarrcy.create(self.n_chunks * 8, chunks=8, dtype="i4", store=store, overwrite=True, **options)

    def write_small_chunks_to_files(self) -> Call:
        a = self._small_chunks(self.folder / "files")
        values = np.arange(a.size, dtype="i4")
        return lambda: a.set_basic_selection(..., values)

    def write_small_chunks_to_memory(self) -> Call:
        a = self._small_chunks({})
        values = np.arange(a.size, dtype="i4")
        return lambda: a.set_basic_selection(..., values)

    def write_small_chunks_partly(self) -> Call:
        a = self._small_chunks({})
        a[...] = 1
        return lambda: a.set_basic_selection(slice(None, None, 3), 5)

    def write_small_chunks_on_the_fallback_path(self) -> Call:
        a = self._small_chunks({}, compressor=numcodecs.BZ2(1))
        values = np.arange(a.size, dtype="i4")
        return lambda: a.set_basic_selection(..., values)

    def write_a_scalar_to_small_chunks(self) -> Call:
        a = self._small_chunks({})
        return lambda: a.set_basic_selection(..., 3)

    def write_a_large_shard(self) -> Call:
        n = self.n_elements // 2
        a = zarrcy.create(n, chunks=2**16, shards=n // 2**16 * 2**16 + 2**16, dtype="i4", zarr_format=3,
                          store=self.folder / "shard", overwrite=True)  # fmt: skip
        values = np.random.default_rng(0).integers(0, 99, n, dtype="i4")
        return lambda: a.set_basic_selection(..., values)

    def write_a_large_shard_of_small_chunks(self) -> Call:
        n = self.n_chunks * 8
        a = zarrcy.create(
            n, chunks=8, shards=n, dtype="i4", zarr_format=3, store=self.folder / "s2", overwrite=True
        )
        values = np.random.default_rng(0).integers(0, 99, n, dtype="i4")
        return lambda: a.set_basic_selection(..., values)

    def write_a_large_shard_to_memory(self) -> Call:
        n = self.n_chunks * 2
        a = zarrcy.create(n, chunks=8, shards=n, dtype="i4", zarr_format=3, store={})
        values = np.random.default_rng(0).integers(0, 99, n, dtype="i4")
        return lambda: a.set_basic_selection(..., values)

    def change_a_large_shard_partly(self) -> Call:
        n = self.n_elements // 2 // 2**16 * 2**16
        a = zarrcy.create(
            n, chunks=2**16, shards=n, dtype="i4", zarr_format=3, store=self.folder / "s3", overwrite=True
        )
        a[...] = np.random.default_rng(0).integers(0, 99, n, dtype="i4")
        return lambda: a.set_basic_selection(slice(1, -1), 5)

    def write_large_chunks(self) -> Call:
        n = self.n_elements
        a = zarrcy.create(n, chunks=n // 4, dtype="i4", store=self.folder / "large", overwrite=True)
        values = np.random.default_rng(0).integers(0, 99, n, dtype="i4")
        return lambda: a.set_basic_selection(..., values)

    def read_small_chunks_from_memory(self) -> Call:
        a = self._small_chunks({})
        a[...] = 1
        return lambda: a[...]

    def read_small_chunks_from_files(self) -> Call:
        a = zarrcy.create(self.n_files * 8, chunks=8, dtype="i4", store=self.folder / "read", overwrite=True)
        a[...] = 1
        return lambda: a[...]

    def read_a_large_shard(self) -> Call:
        n = self.n_elements // 2 // 2**16 * 2**16
        a = zarrcy.create(
            n, chunks=2**16, shards=n, dtype="i4", zarr_format=3, store=self.folder / "s4", overwrite=True
        )
        a[...] = np.random.default_rng(0).integers(0, 99, n, dtype="i4")
        return lambda: a[...]

    def read_missing_chunks(self) -> Call:
        a = zarrcy.create(self.n_elements, chunks=1000, dtype="i8", store={}, fill_value=7)
        return lambda: a[...]

    def read_missing_files(self) -> Call:
        a = zarrcy.create(
            self.n_elements, chunks=100, dtype="i8", store=self.folder / "none", fill_value=7, overwrite=True
        )
        return lambda: a[...]

    def read_one_missing_chunk(self) -> Call:
        a = zarrcy.create(self.n_elements, chunks=self.n_elements, dtype="f8", store={}, fill_value=7)
        return lambda: a[...]

    def read_large_chunks(self) -> Call:
        n = self.n_elements
        a = zarrcy.create(n, chunks=n // 2, dtype="i4", store=self.folder / "large2", overwrite=True)
        a[...] = np.random.default_rng(0).integers(0, 99, n, dtype="i4")
        return lambda: a[...]

    def read_on_the_fallback_path(self) -> Call:
        a = zarrcy.create(
            self.n_elements // 20, chunks=2**14, dtype="i4", store={}, compressor=numcodecs.LZMA(preset=1)
        )
        a[...] = np.random.default_rng(0).integers(0, 99, a.size, dtype="i4")
        return lambda: a[...]

    def read_text(self) -> Call:
        a = zarrcy.create(self.n_elements // 100, chunks=10_000, dtype=str, store={})
        a[...] = "text"
        return lambda: a[...]

    def select_with_a_mask(self) -> Call:
        a = zarrcy.create(self.n_elements, chunks=2**20, dtype="i1", store={})
        mask = np.random.default_rng(0).random(self.n_elements) < 0.3
        return lambda: a.get_mask_selection(mask)

    def select_with_a_mask_along_an_axis(self) -> Call:
        a = zarrcy.create((self.n_elements, 1), chunks=(2**20, 1), dtype="i1", store={})
        mask = np.random.default_rng(0).random(self.n_elements) < 0.3
        return lambda: a.oindex[mask, :]

    def select_points(self) -> Call:
        a = zarrcy.create((10_000, 10_000), chunks=(1000, 1000), dtype="i1", store={})
        points = np.random.default_rng(0).integers(0, 10_000, (2, self.n_elements // 5))
        return lambda: a.vindex[points[0], points[1]]

    def select_sorted_points(self) -> Call:
        a = zarrcy.create(self.n_elements, chunks=1000, dtype="i1", store={})
        points = np.arange(self.n_elements)
        return lambda: a.vindex[points]

    def select_with_lists(self) -> Call:
        a = zarrcy.create(self.n_elements, chunks=1000, dtype="i1", store={})
        rows = np.random.default_rng(0).integers(0, self.n_elements, self.n_elements // 2)
        return lambda: a.oindex[rows]

    def write_with_a_mask(self) -> Call:
        a = zarrcy.create(self.n_elements, chunks=2**20, dtype="i1", store={})
        mask = np.random.default_rng(0).random(self.n_elements) < 0.3
        return lambda: a.set_mask_selection(mask, 3)

    def append(self) -> Call:
        values = np.arange(self.n_chunks * 8, dtype="i4")

        def call() -> None:
            a = zarrcy.create(0, chunks=8, dtype="i4", store={})
            a.append(values)

        return call

    def shrink(self) -> Call:
        a = self._small_chunks(self.folder / "shrink")
        a = zarrcy.create(
            self.n_files * 8, chunks=8, dtype="i4", store=self.folder / "shrink", overwrite=True
        )
        a[...] = 1

        def call() -> None:
            a.resize(1)

        return call

    def shrink_in_memory(self) -> Call:
        def prepare() -> zarrcy.Array:
            a = self._small_chunks({})
            a[...] = 1
            return a

        a = prepare()
        return lambda: a.resize(1)

    def verify(self) -> Call:
        a = zarrcy.create(
            self.n_files * 8, chunks=8, dtype="i4", store=self.folder / "verify", overwrite=True
        )
        a[...] = 1
        return lambda: zarrcy.verify(self.folder / "verify")

    def verify_shard(self) -> Call:
        n = self.n_chunks * 8
        a = zarrcy.create(
            n, chunks=8, shards=n, dtype="i4", zarr_format=3, store=self.folder / "v2", overwrite=True
        )
        a[...] = np.arange(n)
        return lambda: zarrcy.verify(self.folder / "v2")

    def count_chunks(self) -> Call:
        a = zarrcy.create(self.n_files * 8, chunks=8, dtype="i4", store=self.folder / "count", overwrite=True)
        a[...] = 1
        return lambda: a.nchunks_initialized

    def count_chunks_in_memory(self) -> Call:
        a = self._small_chunks({})
        a[...] = 1
        return lambda: a.nchunks_initialized

    def list_keys(self) -> Call:
        a = zarrcy.create(self.n_files * 8, chunks=8, dtype="i4", store=self.folder / "list", overwrite=True)
        a[...] = 1
        return lambda: list(a.store)

    def copy(self) -> Call:
        a = zarrcy.create(self.n_files * 8, chunks=8, dtype="i4", store=self.folder / "copy", overwrite=True)
        a[...] = 1

        def call() -> None:
            zarrcy.copy_store(a.store, {})

        return call

    def copy_array(self) -> Call:
        a = self._small_chunks({})
        a[...] = 1
        return lambda: zarrcy.copy(a, zarrcy.group({}), name="b")

    def digest(self) -> Call:
        a = self._small_chunks({})
        a[...] = 1
        return a.hexdigest

    def delete(self) -> Call:
        a = zarrcy.create(
            self.n_files * 8, chunks=8, dtype="i4", store=self.folder / "rm", path="a", overwrite=True
        )
        a[...] = 1
        return lambda: a.store.rmdir("a")

    def delete_in_memory(self) -> Call:
        store = zarrcy.MemoryStore()
        a = zarrcy.create(self.n_chunks * 8, chunks=8, dtype="i4", store=store, path="a")
        a[...] = 1
        return lambda: store.rmdir("a")


def measure(call: Call, n: int, clock: str) -> tuple[list[float], int]:
    """Return the seconds that a call went on after signals, and how many signals came too late."""
    chance = random.Random(1)
    timer, number, now = (
        (signal.ITIMER_REAL, signal.SIGALRM, time.perf_counter)
        if clock == "wall"
        else (signal.ITIMER_PROF, signal.SIGPROF, time.process_time)
    )
    before = signal.signal(number, _handler)
    latencies: list[float] = []
    longest, late = _SECONDS, 0
    try:
        while len(latencies) < n and late < 3 * n:
            gc.collect()
            delay = chance.uniform(1e-3, longest)
            begin = now()
            signal.setitimer(timer, delay)
            try:
                try:
                    call()
                finally:
                    end = now()
                    signal.setitimer(timer, 0)
            except Interrupted:
                latencies.append(end - begin - delay)
            else:
                late += 1
                longest = min(longest, max(0.002, end - begin))
    finally:
        signal.signal(number, before)
    return latencies, late


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", metavar="PATTERN", help="operations whose name matches")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="the time that is measured")
    parser.add_argument("-n", type=int, default=10, help="number of interrupts for each operation")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="size of the operations, relative to the default"
    )
    parser.add_argument("--root", default="/dev/shm" if Path("/dev/shm").is_dir() else None, help="for files")
    args = parser.parse_args()
    names = [name for name in vars(Operations) if not name.startswith("_") and re.search(args.only, name)]
    print(f"{'operation':44} {'median':>9} {'max':>9}  interrupts")
    for name in names:
        folder = Path(tempfile.mkdtemp(dir=args.root))
        try:
            call = getattr(Operations(folder, args.scale), name)()
            latencies, late = measure(call, args.n, args.clock)
            call = None
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if not latencies:
            print(f"{name:44} the operation ended before each signal")
            continue
        median, most = statistics.median(latencies), max(latencies)
        slow = "  SLOW" if most > _LIMIT else ""
        print(
            f"{name:44} {median * 1e3:6.0f} ms {most * 1e3:6.0f} ms  {len(latencies)}, {late} too late{slow}",
            flush=True,
        )


if __name__ == "__main__":
    main()
