"""The interface of a peer: a library that opens, creates, reads and writes arrays of a given layout.

A peer opens a store that zarrcy wrote, creates an empty one, and returns callables that read or write a selection.
Libraries that read Zarr v2 read the same bytes. The others (HDF5, plain files) get a file of their own with the same
numbers.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numcodecs
import numpy as np
from numcodecs import blosc
from numpy.typing import NDArray

MEMORY, DIRECTORY = "memory", "directory"
RAW, BLOSC, ZSTD, GZIP = "raw", "blosc", "zstd", "gzip"
BLOSC_OPTIONS = {"cname": "lz4", "clevel": 5, "shuffle": 1}
ZSTD_LEVEL = GZIP_LEVEL = 1
ARRAY_NAME = "data"


@dataclass(frozen=True)
class Layout:
    """The layout of an array; in Zarr v3 if it has shards, otherwise in Zarr v2.

    Lengths are in elements. `codec` is RAW, BLOSC (LZ4, level 5, byte shuffle), ZSTD (level 1) or GZIP (level 1).
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    codec: str = RAW
    dtype: str | np.dtype[Any] = "<f4"
    write_empty_chunks: bool = True
    shards: tuple[int, ...] | None = None

    def compressor(self) -> Any:
        makers: dict[str, Callable[[], Any]] = {
            RAW: lambda: None,
            BLOSC: lambda: numcodecs.Blosc(**BLOSC_OPTIONS),
            ZSTD: lambda: numcodecs.Zstd(ZSTD_LEVEL),
            GZIP: lambda: numcodecs.GZip(GZIP_LEVEL),
        }
        return makers[self.codec]()

    def v3_codecs(self) -> list[dict[str, Any]]:
        """Return the codecs of inner chunks, as Zarr v3 documents write them."""
        codecs: dict[str, list[dict[str, Any]]] = {
            RAW: [],
            BLOSC: [
                {
                    "name": "blosc",
                    "configuration": {**BLOSC_OPTIONS, "shuffle": "shuffle", "typesize": 4, "blocksize": 0},
                }
            ],
            ZSTD: [{"name": "zstd", "configuration": {"level": ZSTD_LEVEL}}],
            GZIP: [{"name": "gzip", "configuration": {"level": GZIP_LEVEL}}],
        }
        return [{"name": "bytes", "configuration": {"endian": "little"}}, *codecs[self.codec]]


@dataclass(frozen=True)
class Stored:
    """An array that zarrcy wrote: the directory of its group, and its numbers.

    If the numbers are None, no chunk is stored and the array reads as zeros.
    """

    layout: Layout
    group: Path
    numbers: NDArray[Any] | None

    @property
    def path(self) -> str:
        return str(self.group / ARRAY_NAME)

    @cached_property
    def values(self) -> dict[str, bytes]:
        """The files of the array as a mapping, read once."""
        return {file.name: file.read_bytes() for file in Path(self.path).iterdir()}

    def expected(self) -> NDArray[Any]:
        if self.numbers is not None:
            return self.numbers
        return np.broadcast_to(np.zeros((), self.layout.dtype), self.layout.shape)


class NotOfferedError(Exception):
    """A peer does not offer this; its cell stays empty."""


class Peer:
    """Base of the adapters, for arrays that are indexed with brackets, by integers and slices.

    The constructor imports the library, and raises ImportError if it is not installed.
    """

    name: ClassVar[str]
    distribution: ClassVar[str]
    import_statement: ClassVar[str]
    # A statement that reads one element in a new process, with {path}, {group} and {name}; empty: not measured.
    first_read: ClassVar[str] = ""
    note: str = ""
    places: ClassVar[tuple[str, ...]] = (MEMORY, DIRECTORY)
    skips_fill: ClassVar[bool] = True
    appends: ClassVar[bool] = True
    writes_zarr: ClassVar[bool] = True
    is_limit: ClassVar[bool] = False
    answers: ClassVar[bool] = True
    """Whether its results are complete and are checked. A limit does the work and does not assemble the result."""
    shards: ClassVar[bool] = True
    refusals: tuple[type[Exception], ...] = ()
    """Exceptions that mean that the peer does not offer a selection."""

    def __init__(self) -> None:
        self.version = importlib.metadata.version(self.distribution)

    def settle(self) -> None:
        """Set the global state of the process to what it is if only this library is imported."""
        blosc.use_threads = None

    def adopt(self, stored: Stored) -> None:
        """Prepare to open `stored`. A library with another format writes its own file here."""

    def open(self, stored: Stored, place: str, writable: bool = False) -> Any:
        raise NotImplementedError

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        """Return an empty array; in a directory store it has the name ARRAY_NAME below `group`.

        An axis of length 0 can grow.
        """
        raise NotImplementedError

    # The readers return a call that reads a selection, or raise NotOfferedError.

    def reader(self, array: Any, key: Any) -> Callable[[], Any]:
        return lambda: array[key]

    def points_reader(self, array: Any, points: tuple[NDArray[Any], ...]) -> Callable[[], Any]:
        """Return a call that reads elements at coordinates, given by one array per axis."""
        raise NotOfferedError("reads slices only")

    def mask_reader(self, array: Any, mask: NDArray[np.bool_]) -> Callable[[], Any]:
        """Return a call that reads the elements where a mask with the shape of the array is true."""
        raise NotOfferedError("reads slices only")

    def rows_reader(self, array: Any, rows: NDArray[Any]) -> Callable[[], Any]:
        """Return a call that reads whole rows, at unsorted positions with repetitions."""
        raise NotOfferedError("reads slices only")

    def field_reader(self, stored: Stored, place: str, field: str) -> Callable[[], Any]:
        """Open a structured array and return a call that reads one field. Some libraries open a single field."""
        array = self.open(stored, place)
        return lambda: array[field]

    def probe(self, call: Callable[[], Any]) -> None:
        """Run a call and raise NotOfferedError if the peer refuses it."""
        if not self.refusals:
            return
        try:
            call()
        except self.refusals as exc:
            raise NotOfferedError(f"{type(exc).__name__}: {exc}") from exc

    def writer(self, array: Any, key: Any, value: NDArray[Any]) -> Callable[[], None]:
        def write() -> None:
            array[key] = value

        return write

    def appender(self, array: Any, pieces: Sequence[NDArray[Any]]) -> Callable[[], Any]:
        """Return a call that appends the pieces one by one and returns the array."""

        def append() -> Any:
            for piece in pieces:
                array.append(piece)
            return array

        return append


class ZarrPeer(Peer):
    """A library with the API of zarr-python: `vindex`, `oindex`, names of fields in brackets."""

    def points_reader(self, array: Any, points: tuple[NDArray[Any], ...]) -> Callable[[], Any]:
        return lambda: array.vindex[points]

    def mask_reader(self, array: Any, mask: NDArray[np.bool_]) -> Callable[[], Any]:
        return lambda: array.vindex[mask]

    def rows_reader(self, array: Any, rows: NDArray[Any]) -> Callable[[], Any]:
        return lambda: array.oindex[rows]


def stored_chunks(group: Path) -> Iterator[str]:
    """Iterate over the names of the stored chunks of the array below `group`."""
    return (file.name for file in (group / ARRAY_NAME).iterdir() if not file.name.startswith("."))
