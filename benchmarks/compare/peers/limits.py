"""The limits of the machine: copies in memory, and reading or writing the same files.

`Numpy` copies memory or one plain file. `Limit` opens, reads and decodes the touched chunks and does not put the
elements in their places.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.compare import machine
from benchmarks.compare.peers.peer import ARRAY_NAME, BLOSC, MEMORY, Layout, NotOfferedError, Peer, Stored

# For smaller chunks, distributing them in Python costs more than threads save.
_WORTH_A_THREAD = 256 * 1024
_INDEX_CHECKSUM = 4


@dataclass(frozen=True)
class _PlainFile:
    path: Path
    view: NDArray[Any]


class Numpy(Peer):
    """Copies in memory, and one plain file in the page cache."""

    name, distribution, import_statement = "numpy", "numpy", "import numpy, numcodecs"
    note = "a limit: memcpy; for a directory one plain file; without chunks and codec"
    writes_zarr = False
    appends = False
    is_limit = True

    def adopt(self, stored: Stored) -> None:
        path = self._path(stored.group)
        if not path.exists():
            stored.expected().tofile(path)

    @staticmethod
    def _path(group: Path) -> Path:
        return group / "numpy.raw"

    def open(self, stored: Stored, place: str, writable: bool = False) -> Any:
        if place == MEMORY or stored.numbers is None:
            return stored.expected().copy() if writable else stored.expected()
        path = self._path(stored.group)
        # An ndarray, because indexing a memmap takes longer than copying one element.
        mapped = np.memmap(path, stored.layout.dtype, "r+", shape=stored.layout.shape)
        return _PlainFile(path, np.asarray(mapped))

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        memory = np.empty(layout.shape, layout.dtype)
        if place == MEMORY:
            return memory
        group.mkdir(parents=True, exist_ok=True)
        return _PlainFile(self._path(group), memory)

    def reader(self, array: Any, key: Any) -> Callable[[], Any]:
        if isinstance(array, np.ndarray):
            return lambda: np.array(array[key], order="C")
        if key is Ellipsis:
            path, dtype, shape = array.path, array.view.dtype, array.view.shape
            return lambda: np.fromfile(path, dtype).reshape(shape)
        view = array.view
        return lambda: np.array(view[key], order="C")

    @staticmethod
    def _lister(array: Any, key: Any) -> Callable[[], Any]:
        view = array if isinstance(array, np.ndarray) else array.view
        # Indexing with a list or a mask makes a copy.
        return lambda: view[key]

    def points_reader(self, array: Any, points: tuple[NDArray[Any], ...]) -> Callable[[], Any]:
        return self._lister(array, points)

    def mask_reader(self, array: Any, mask: NDArray[np.bool_]) -> Callable[[], Any]:
        return self._lister(array, mask)

    def rows_reader(self, array: Any, rows: NDArray[Any]) -> Callable[[], Any]:
        return self._lister(array, rows)

    def field_reader(self, stored: Stored, place: str, field: str) -> Callable[[], Any]:
        return self.reader(self.open(stored, place), field)

    def writer(self, array: Any, key: Any, value: NDArray[Any]) -> Callable[[], None]:
        if isinstance(array, _PlainFile):
            if key is Ellipsis:
                return lambda: value.tofile(array.path)
            array = array.view
        return super().writer(array, key, value)


@dataclass(frozen=True)
class _Stored:
    """One stored chunk: in memory, or in a file; `start` is its offset in a shard."""

    path: str
    nbytes: int
    start: int = 0
    value: bytes | None = None


@dataclass(frozen=True)
class _Chunks:
    """The stored chunks of an array by their coordinates; empty for an array to be written."""

    layout: Layout
    chunks: dict[tuple[int, ...], _Stored]
    folder: Path | None

    @property
    def chunk_nbytes(self) -> int:
        return math.prod(self.layout.chunks) * np.dtype(self.layout.dtype).itemsize


class Limit(Peer):
    """Read the same files, or the same bytes in memory, and call the codec on each chunk.

    Of a window in a raw chunk it reads the bytes from the first to the last element. Threads share large chunks. For
    small chunks it shows the limit of Python rather than that of the machine.
    """

    name, distribution, import_statement = "limit", "numcodecs", ""
    note = "a limit: open and read the same files, call the codec; elements are not put in their places"
    writes_zarr = False
    appends = False
    is_limit = True
    answers = False
    skips_fill = False
    _pool: ClassVar[ThreadPoolExecutor | None] = None

    def open(self, stored: Stored, place: str, writable: bool = False) -> _Chunks:
        layout, folder = stored.layout, Path(stored.path)
        document = folder / (".zarray" if layout.shards is None else "zarr.json")
        json.loads(document.read_bytes())
        if stored.numbers is None:
            return _Chunks(layout, {}, folder)
        return _Chunks(layout, _stored_chunks(stored, place), folder)

    def create(self, layout: Layout, place: str, group: Path) -> _Chunks:
        return _Chunks(layout, {}, None if place == MEMORY else group / ARRAY_NAME)

    def reader(self, array: _Chunks, key: Any) -> Callable[[], Any]:
        axes = [np.arange(n) for n in array.layout.shape]
        items = key if isinstance(key, tuple) else (key,)
        if not all(item is Ellipsis or isinstance(item, (int, slice)) for item in items):
            raise NotOfferedError("reads whole elements only")
        items = tuple(slice(None) for _ in axes) if key is Ellipsis else items
        wanted = [np.atleast_1d(axis[item]) for axis, item in zip(axes, items, strict=False)]
        wanted += axes[len(wanted) :]
        return self._read_outer(array, wanted)

    def rows_reader(self, array: _Chunks, rows: NDArray[Any]) -> Callable[[], Any]:
        return self._read_outer(array, [np.unique(rows), *(np.arange(n) for n in array.layout.shape[1:])])

    def points_reader(self, array: _Chunks, points: tuple[NDArray[Any], ...]) -> Callable[[], Any]:
        at = np.array([axis // n for axis, n in zip(points, array.layout.chunks, strict=True)])
        return self._read(array, {tuple(coords): None for coords in np.unique(at, axis=1).T.tolist()})

    def mask_reader(self, array: _Chunks, mask: NDArray[np.bool_]) -> Callable[[], Any]:
        return self.points_reader(array, np.nonzero(mask))

    def field_reader(self, stored: Stored, place: str, field: str) -> Callable[[], Any]:
        return self.reader(self.open(stored, place), ...)

    def _read_outer(self, array: _Chunks, wanted: Sequence[NDArray[Any]]) -> Callable[[], Any]:
        """Return a call that reads the bytes around the wanted elements of each chunk that an outer product touches."""
        layout = array.layout
        within: list[dict[int, tuple[int, int]]] = []
        for axis, n in zip(wanted, layout.chunks, strict=True):
            at = axis // n
            within.append({int(c): ((r := axis[at == c] - c * n).min(), r.max()) for c in np.unique(at)})
        runs: dict[tuple[int, ...], tuple[int, int] | None] = {}
        for coords in np.ndindex(*map(len, within)):
            chunk = tuple(list(axis)[i] for axis, i in zip(within, coords, strict=True))
            ends = [axis[c] for axis, c in zip(within, chunk, strict=True)]
            first, last = (int(np.ravel_multi_index([end[i] for end in ends], layout.chunks)) for i in (0, 1))
            whole = last - first + 1 == math.prod(layout.chunks)
            runs[chunk] = None if whole else (first, last + 1 - first)
        return self._read(array, runs)

    def _read(self, array: _Chunks, runs: dict[tuple[int, ...], tuple[int, int] | None]) -> Callable[[], Any]:
        """Return a call that reads whole chunks, or a run of elements of each."""
        layout, nbytes = array.layout, array.chunk_nbytes
        itemsize = np.dtype(layout.dtype).itemsize
        jobs = [(array.chunks[at], run) for at, run in runs.items() if at in array.chunks]
        codec = layout.compressor()
        if layout.codec == BLOSC and any(run is not None for _, run in jobs):
            raise NotOfferedError("numcodecs cannot decode a part of a Blosc chunk")

        def work(part: Sequence[tuple[_Stored, tuple[int, int] | None]], out: NDArray[np.uint8]) -> None:
            scratch = np.empty(max((one.nbytes for one, _ in part), default=0), np.uint8)
            for number, (one, run) in enumerate(part):
                place = out[number * nbytes : (number + 1) * nbytes]
                if codec is None:
                    start, length = (0, one.nbytes) if run is None else (run[0] * itemsize, run[1] * itemsize)
                    _load(one, start, place[:length])
                    continue
                stored = one.value if one.value is not None else _load(one, 0, scratch[: one.nbytes])
                codec.decode(stored, out=place)

        def read() -> NDArray[np.uint8]:
            parts = self._parts(jobs, nbytes)
            outs = [np.empty(len(part) * nbytes, np.uint8) for part in parts]
            self._in_threads(work, parts, outs)
            return outs[0]

        return read

    def writer(self, array: _Chunks, key: Any, value: NDArray[Any]) -> Callable[[], None]:
        layout, nbytes, folder = array.layout, array.chunk_nbytes, array.folder
        if array.chunks or key is not Ellipsis:
            raise NotOfferedError("writes whole arrays only")
        if layout.shards is not None:
            raise NotOfferedError("writes no shards")
        chunks = _cut(value, layout.chunks)
        codec = layout.compressor()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

        def work(part: Sequence[tuple[str, NDArray[Any]]], kept: dict[str, Any]) -> None:
            for name, chunk in part:
                encoded = chunk if codec is None else codec.encode(chunk)
                if folder is None:
                    kept[name] = bytes(encoded)
                    continue
                fd = os.open(f"{folder}/{name}.part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
                os.write(fd, encoded)
                os.close(fd)
                os.replace(f"{folder}/{name}.part", f"{folder}/{name}")

        def write() -> None:
            parts = self._parts(chunks, nbytes)
            self._in_threads(work, parts, [{} for _ in parts])

        return write

    @staticmethod
    def _parts(jobs: list[Any], nbytes: int) -> list[list[Any]]:
        n = min(machine.cpus(), len(jobs)) if nbytes >= _WORTH_A_THREAD else 1
        return [jobs[first :: max(n, 1)] for first in range(max(n, 1))]

    def _in_threads(self, work: Callable[[Any, Any], None], *arguments: Iterable[Any]) -> None:
        tasks = list(zip(*arguments, strict=True))
        if len(tasks) == 1:
            work(*tasks[0])
            return
        if Limit._pool is None:
            Limit._pool = ThreadPoolExecutor(machine.cpus())
        for done in [Limit._pool.submit(work, *task) for task in tasks]:
            done.result()


def _load(one: _Stored, start: int, place: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Read bytes of a stored chunk into `place`."""
    if one.value is not None:
        place[:] = np.frombuffer(one.value, np.uint8, len(place), start)
        return place
    fd = os.open(one.path, os.O_RDONLY)
    try:
        os.preadv(fd, [place], one.start + start)
    finally:
        os.close(fd)
    return place


def _stored_chunks(stored: Stored, place: str) -> dict[tuple[int, ...], _Stored]:
    """Return the stored chunks of an array by their coordinates."""
    layout, chunks = stored.layout, {}
    folder = Path(stored.path)
    files = [
        file
        for file in folder.rglob("*")
        if file.is_file() and file.name not in (".zarray", ".zattrs", "zarr.json")
    ]
    for file in files:
        if layout.shards is not None:
            chunks.update(_in_shard(file, folder, layout))
            continue
        value = stored.values[file.name] if place == MEMORY else None
        chunks[tuple(map(int, file.name.split(".")))] = _Stored(str(file), file.stat().st_size, 0, value)
    return chunks


def _in_shard(file: Path, folder: Path, layout: Layout) -> dict[tuple[int, ...], _Stored]:
    """Return the inner chunks that the index at the end of a shard lists."""
    assert layout.shards is not None
    counts = [s // c for s, c in zip(layout.shards, layout.chunks, strict=True)]
    n = 16 * math.prod(counts)
    index = np.frombuffer(file.read_bytes()[-n - _INDEX_CHECKSUM : -_INDEX_CHECKSUM], "<u8").reshape(-1, 2)
    at = [int(part) for part in file.relative_to(folder).parts[1:]]
    return {
        tuple(a * c + i for a, c, i in zip(at, counts, inner, strict=True)): _Stored(
            str(file), int(length), int(start)
        )
        for inner, (start, length) in zip(np.ndindex(*counts), index.tolist(), strict=True)
        if start != 2**64 - 1
    }


def _cut(value: NDArray[Any], chunk_shape: tuple[int, ...]) -> list[tuple[str, NDArray[Any]]]:
    """Cut a value into contiguous chunks. Chunks at the edge stay short."""
    counts = [-(-n // c) for n, c in zip(value.shape, chunk_shape, strict=True)]
    return [
        (
            ".".join(map(str, at)),
            np.ascontiguousarray(
                value[tuple(slice(i * c, (i + 1) * c) for i, c in zip(at, chunk_shape, strict=True))]
            ),
        )
        for at in np.ndindex(*counts)
    ]
