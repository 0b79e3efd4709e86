"""Libraries with a format of their own. Each gets a file with the same numbers in the same chunks."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.compare.peers.peer import (
    ARRAY_NAME,
    BLOSC,
    DIRECTORY,
    GZIP,
    GZIP_LEVEL,
    MEMORY,
    RAW,
    ZSTD,
    ZSTD_LEVEL,
    Layout,
    NotOfferedError,
    Peer,
    Stored,
)


class H5py(Peer):
    name, distribution, import_statement = "h5py", "h5py", "import h5py"
    first_read = "h5py.File({group!r} + '/h5py.h5', 'r')[{name!r}][0, 0, 0]"
    shards = False
    note = "one HDF5 file with the same chunks; LZF and shuffle replace blosc; chunk cache off"
    places = (DIRECTORY,)
    skips_fill = False
    writes_zarr = False

    def __init__(self) -> None:
        super().__init__()
        self._h5py = importlib.import_module("h5py")

    def _file(self, path: Path, mode: str) -> Any:
        # The chunk cache would answer from memory what the other libraries read from files.
        return self._h5py.File(path, mode, rdcc_nbytes=0)

    def adopt(self, stored: Stored) -> None:
        path = stored.group / "h5py.h5"
        if path.exists():
            return
        with self._file(path, "w") as file:
            array = self._create(file, stored.layout)
            if stored.numbers is not None:
                array[...] = stored.numbers

    def open(self, stored: Stored, place: str, writable: bool = False) -> Any:
        return self._file(stored.group / "h5py.h5", "r+" if writable else "r")[ARRAY_NAME]

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        group.mkdir(parents=True, exist_ok=True)
        return self._create(self._file(group / "h5py.h5", "w"), layout)

    @staticmethod
    def _create(file: Any, layout: Layout) -> Any:
        if layout.codec == ZSTD:
            raise NotOfferedError("no built-in Zstandard")
        options: dict[str, Any] = {
            RAW: {},
            BLOSC: {"compression": "lzf", "shuffle": True},
            GZIP: {"compression": "gzip", "compression_opts": GZIP_LEVEL},
        }[layout.codec]
        # HDF5 refuses chunks that are larger than an array that cannot grow.
        chunks = tuple(min(c, n or c) for c, n in zip(layout.chunks, layout.shape, strict=True))
        grows = tuple(n or None for n in layout.shape)
        return file.create_dataset(
            ARRAY_NAME, layout.shape, layout.dtype, chunks=chunks, maxshape=grows, **options
        )

    def points_reader(self, array: Any, points: tuple[NDArray[Any], ...]) -> Callable[[], Any]:
        raise NotOfferedError("takes a list for one axis only, no points")

    def mask_reader(self, array: Any, mask: NDArray[np.bool_]) -> Callable[[], Any]:
        return lambda: array[mask]

    def rows_reader(self, array: Any, rows: NDArray[Any]) -> Callable[[], Any]:
        raise NotOfferedError("takes increasing lists only")

    def writer(self, array: Any, key: Any, value: NDArray[Any]) -> Callable[[], None]:
        file = array.file

        def write() -> None:
            array[key] = value
            file.flush()

        return write

    def appender(self, array: Any, pieces: Sequence[NDArray[Any]]) -> Callable[[], Any]:
        file = array.file

        def append() -> Any:
            for piece in pieces:
                start = len(array)
                array.resize(start + len(piece), axis=0)
                array[start:] = piece
                file.flush()
            return array

        return append


class Blosc2(Peer):
    """The arrays of python-blosc2: one frame of chunks and blocks, in a file or in memory."""

    name, distribution, import_statement = "blosc2", "blosc2", "import blosc2"
    note = "NDArray, one frame with the same chunks; it chooses the blocks; zlib replaces gzip"
    shards = False
    skips_fill = False
    writes_zarr = False

    def __init__(self) -> None:
        super().__init__()
        self._blosc2 = importlib.import_module("blosc2")

    def _options(self, layout: Layout, path: Path | None) -> dict[str, Any]:
        blosc2 = self._blosc2
        codec, level, filters = {
            RAW: (blosc2.Codec.LZ4, 0, []),
            BLOSC: (blosc2.Codec.LZ4, 5, [blosc2.Filter.SHUFFLE]),
            ZSTD: (blosc2.Codec.ZSTD, ZSTD_LEVEL, []),
            GZIP: (blosc2.Codec.ZLIB, GZIP_LEVEL, []),
        }[layout.codec]
        chunks = tuple(min(c, n or c) for c, n in zip(layout.chunks, layout.shape, strict=True))
        place = {} if path is None else {"urlpath": str(path), "mode": "w"}
        return {
            "chunks": chunks,
            "cparams": {"codec": codec, "clevel": level, "filters": filters},
            **place,
        }

    @staticmethod
    def _path(group: Path) -> Path:
        return group / "blosc2.b2nd"

    def adopt(self, stored: Stored) -> None:
        path = self._path(stored.group)
        if not path.exists():
            numbers = np.ascontiguousarray(stored.expected())
            self._blosc2.asarray(numbers, **self._options(stored.layout, path))

    def open(self, stored: Stored, place: str, writable: bool = False) -> Any:
        if place == MEMORY:
            numbers = np.ascontiguousarray(stored.expected())
            return self._blosc2.asarray(numbers, **self._options(stored.layout, None))
        return self._blosc2.open(str(self._path(stored.group)), mode="a" if writable else "r")

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        group.mkdir(parents=True, exist_ok=True)
        path = None if place == MEMORY else self._path(group)
        return self._blosc2.zeros(layout.shape, dtype=np.dtype(layout.dtype), **self._options(layout, path))

    def points_reader(self, array: Any, points: tuple[NDArray[Any], ...]) -> Callable[[], Any]:
        return lambda: array[points]

    def mask_reader(self, array: Any, mask: NDArray[np.bool_]) -> Callable[[], Any]:
        return lambda: array[mask]

    def rows_reader(self, array: Any, rows: NDArray[Any]) -> Callable[[], Any]:
        return lambda: array[rows]

    def field_reader(self, stored: Stored, place: str, field: str) -> Callable[[], Any]:
        array = self.open(stored, place)
        return lambda: array[field][:]

    def appender(self, array: Any, pieces: Sequence[NDArray[Any]]) -> Callable[[], Any]:
        def append() -> Any:
            for piece in pieces:
                start = array.shape[0]
                array.resize((start + len(piece),))
                array[start : start + len(piece)] = piece
            return array

        return append
