"""Find and count the chunks that are stored, from listings that are parsed many names at a time. No chunk is read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.stored_chunks import stored_values
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.indexing.regions import Extent, cells_of
from zarrcy.metadata import ArrayMetadata
from zarrcy.metadata.array_metadata import ChunkKeys
from zarrcy.storage import access
from zarrcy.storage.base import offers
from zarrcy.storage.listing import keys_of, listdir
from zarrcy.types import Coords, Key, Store

Table = NDArray[np.int64]
"""Coordinates of stored values: one row for each value, one column for each axis."""

# Names that are parsed at once: fewer have to be joined more often, more take more memory.
_BATCH_NAMES = 2**16
# A number of a chunk key that a 64-bit integer holds in any case.
_NUMBER = "(?:0|[1-9][0-9]{0,17})"


def count_initialized(node: Node, metadata: ArrayMetadata) -> int:
    """Return the number of chunks that are stored: see `zarrcy.Array.nchunks_initialized`."""
    tables = _tables(node, metadata, cells_of(_whole(metadata), metadata.stored_axes))
    if metadata.shards is None:
        return sum(len(table) for table in tables)
    return sum(int(_chunks_in(table, metadata).sum()) for table in tables)


def _chunks_in(shards: Table, metadata: ArrayMetadata) -> NDArray[np.int64]:
    """Return the number of chunks in each of the shards with these coordinates."""
    counts = np.ones(len(shards), np.int64)
    for number in range(shards.shape[1]):
        unique, places = np.unique(shards[:, number], return_inverse=True)
        counts *= _inner_counts(metadata, number, unique)[places]
    return counts


def _inner_counts(metadata: ArrayMetadata, number: int, cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many chunks, along one axis, each of the shards with these coordinates has."""
    axis, chunks, n = metadata.stored_axes[number], metadata.chunk_axes[number], metadata.shape[number]
    if axis.is_regular and chunks.is_regular:
        first = cells * axis.lengths[0]
        return -(-(np.minimum(first + axis.lengths[0], n) - first) // chunks.lengths[0])
    ends = [chunks.count(min(axis.start_of(cell + 1), n)) for cell in cells.tolist()]
    starts = [chunks.chunk_at(axis.start_of(cell)) for cell in cells.tolist()]
    return np.array(ends, np.int64) - np.array(starts, np.int64)


def initialized_chunks(node: Node, metadata: ArrayMetadata, extent: Extent | None) -> NDArray[np.bool_]:
    """Return which chunks are stored of those that hold elements of an extent, by default of the whole array."""
    extent = _whole(metadata) if extent is None else extent
    if not extent:
        return np.array([count_initialized(node, metadata) > 0])
    chunks = _cells_of_each(extent, metadata.chunk_axes)
    if any(start >= stop for start, stop in extent):
        return np.zeros([stop - start for start, stop in chunks], bool)
    cells = cells_of(extent, metadata.stored_axes)
    is_stored = np.zeros([stop - start for start, stop in cells], bool)
    first = np.array([start for start, _ in cells], np.int64)
    for table in _tables(node, metadata, cells):
        is_stored[tuple((table - first).T)] = True
    if metadata.shards is None:
        return is_stored
    for number, (start, stop) in enumerate(cells):
        repeats = _inner_counts(metadata, number, np.arange(start, stop, dtype=np.int64))
        is_stored = np.repeat(is_stored, repeats, axis=number)
        # the first and the last shard may have chunks without an element of the extent
        before = metadata.chunk_axes[number].chunk_at(metadata.stored_axes[number].start_of(start))
        low, high = chunks[number]
        is_stored = is_stored.take(range(low - before, high - before), axis=number)
    return is_stored


def _cells_of_each(extent: Extent, axes: tuple[AxisChunks, ...]) -> Extent:
    """Return the cells that hold elements of an extent on each axis, also if there are none on another axis."""
    spans = zip(axes, extent, strict=True)
    return tuple(
        (axis.chunk_at(start), axis.chunk_at(stop - 1) + 1) if start < stop else (0, 0)
        for axis, (start, stop) in spans
    )


def _whole(metadata: ArrayMetadata) -> Extent:
    return tuple((0, n) for n in metadata.shape)


def _tables(node: Node, metadata: ArrayMetadata, cells: Extent) -> Iterator[Table]:
    """Iterate over the coordinates of the stored values in a box of `cells`."""
    n_axes, keys = len(metadata.shape), metadata.chunk_keys
    if not n_axes:
        yield np.zeros((sum(1 for _ in stored_values(node, metadata)), 0), np.int64)
        return
    if any(start >= stop for start, stop in cells):
        return
    low, high = np.array(cells, np.int64).T
    batch = _Batch(n_axes, keys.separator)
    for above, names in _folders(node.chunk_store, keys.root + node.prefix, keys, cells):
        for number in range(0, len(names), _BATCH_NAMES):
            batch.add(above, names[number : number + _BATCH_NAMES])
            if len(batch.names) >= _BATCH_NAMES:
                yield _inside(batch.take(), low, high)
                batch = _Batch(n_axes, keys.separator)
    yield _inside(batch.take(), low, high)


def _inside(table: Table, low: NDArray[np.int64], high: NDArray[np.int64]) -> Table:
    return table[((table >= low) & (table < high)).all(axis=1)]


class _Batch:
    """Names of chunks from one or several folders, which are parsed together."""

    def __init__(self, n_axes: int, separator: str) -> None:
        self.n_axes, self.separator = n_axes, separator
        self.names: list[str] = []
        self._above: list[Coords] = []
        self._counts: list[int] = []
        self._others: list[Coords] = []

    def add(self, above: Coords, names: list[str]) -> None:
        """Add names of a folder. Those that are not coordinates of chunks are left out."""
        n = self.n_axes - len(above)
        many, one = _patterns(n, self.separator)
        if not many.fullmatch("\n".join(names)):
            # without documents and other files, most lists consist of coordinates
            names = [name for name in names if name[:1].isdigit()]
        if not many.fullmatch("\n".join(names)):
            rows = [_parsed(name, self.separator, n) for name in names if not one.fullmatch(name)]
            self._others += [(*above, *row) for row in rows if row is not None]
            names = list(filter(one.fullmatch, names))
        self.names += names
        self._above.append(above)
        self._counts.append(len(names))

    def take(self) -> Table:
        """Return the coordinates."""
        n_above = len(self._above[0]) if self._above else 0
        text = "\n".join(self.names).replace(self.separator, "\n")
        numbers = np.fromstring(text, np.int64, sep="\n") if text else np.zeros(0, np.int64)
        table = np.empty((len(self.names), self.n_axes), np.int64)
        table[:, n_above:] = numbers.reshape(len(self.names), self.n_axes - n_above)
        if n_above:
            above = np.array(self._above, np.int64)
            table[:, :n_above] = np.repeat(above, self._counts, axis=0)
        others = np.array(self._others, np.int64).reshape(-1, self.n_axes)
        return np.concatenate((table, others)) if len(others) else table


@lru_cache(maxsize=64)
def _patterns(n: int, separator: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of many names, one in each line, and of one name, which consists of `n` numbers."""
    one = re.escape(separator).join([_NUMBER] * n)
    return re.compile(rf"{one}(?:\n{one})*+"), re.compile(one)


def _parsed(name: str, separator: str, n: int) -> Coords | None:
    """Return the coordinates in a name; None if it is not the name of a chunk, or no array is that long."""
    coords = ChunkKeys(lead="", separator=separator, scalar="").coords(name, n)
    return coords if coords is not None and max(coords) < 2**63 else None


def _folders(store: Store, prefix: str, keys: ChunkKeys, cells: Extent) -> Iterator[tuple[Coords, list[str]]]:
    """Iterate over the folders of chunks: the coordinates in the path of each, and the names in it."""
    beginning = prefix + keys.lead
    is_nested = keys.separator == "/" and len(cells) > 1
    if is_nested and (access.is_in_memory(store) or not offers(store, "listdir")):
        yield (), [key[len(beginning) :] for key in keys_of(store) if key.startswith(beginning)]
        return
    folders: list[tuple[Key, Coords]] = [(beginning, ())]
    if is_nested:
        # do not list the whole store: it may hold many arrays
        for start, stop in cells[:-1]:
            folders = [
                (f"{place}{name}/", (*above, *row))
                for place, above in folders
                for name in _names_after(store, place)
                if (row := _parsed(name, "/", 1)) is not None and start <= row[0] < stop
            ]
    for place, above in folders:
        yield above, _names_after(store, place)


def _names_after(store: Store, beginning: Key) -> list[str]:
    """Return what follows `beginning` in the names of one folder."""
    folder, slash, start = beginning.rpartition("/")
    n = len(start)
    names: Iterable[str]
    directory = access.directory_of(store)
    if directory is None:
        names = listdir(store, folder)
    else:
        # unlike `listdir`, this does not sort
        try:
            names = os.listdir(directory + folder + slash)
        except (FileNotFoundError, NotADirectoryError):
            return []
    return [name[n:] for name in names if name.startswith(start)] if start else list(names)
