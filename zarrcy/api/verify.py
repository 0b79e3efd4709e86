"""Check all documents, keys and chunks of a hierarchy; nothing is changed."""

from __future__ import annotations

import math
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from zarrcy import _kernels
from zarrcy.api.inventory import Inventory, StoredArray, take_inventory
from zarrcy.chunk_io.context import ChunkContext
from zarrcy.chunk_io.open_chunks import open_chunk_context
from zarrcy.chunk_io.pieces import batches
from zarrcy.chunk_io.sharding.context import ShardContext
from zarrcy.errors import ChunkDecodeError, SelectionError
from zarrcy.hierarchy.progress_bar import Advance, byte_progress
from zarrcy.hierarchy.verification import ArrayTally, Problem, Report
from zarrcy.indexing import regions
from zarrcy.indexing.selection import normalize_basic
from zarrcy.keys import normalize_path, prefix_of
from zarrcy.metadata import ArrayMetadata
from zarrcy.storage import access
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.sync import thread_pool
from zarrcy.sync.ranks import PartLike, part_of
from zarrcy.types import AnyArray, Buffer, Coords, Key, Selection, Shape, Store, StoreLike

__all__ = ["ArrayTally", "Problem", "Report", "verify"]

_MOST_KEYS = 256
# Smaller values, in bytes, are checked by one thread: several would mostly wait for the GIL.
_SHARED_MIN_NBYTES = 64 * 1024
# Exceptions of codecs that are not the fault of the stored value.
_NOT_OF_THE_VALUE = (MemoryError, ImportError)


def verify(
    store: StoreLike,
    path: str | None = None,
    *,
    chunk_store: StoreLike = None,
    progress: bool = False,
    region: Selection | None = None,
    part: PartLike | None = None,
) -> Report:
    """Check everything below a path: the documents, the keys, and every chunk, which is read and decoded.

    Checksums are compared if there are any: those of the codecs crc32c, crc32, adler32, fletcher32, gzip and
    zlib, of Zstandard frames that have one, and of shard indexes. Without a checksum, a changed bit is
    found only if the chunk no longer decodes; ``create(checksum=True)`` adds a checksum.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL. It must be able to list its keys.
    path : str, optional
        Path of an array, or of a group that is checked with everything below it. The default is the whole store.
    chunk_store : mapping, store, str or PathLike, optional
        Store of the chunks, if they are not stored with the metadata.
    progress : bool, optional
        Show a progress bar on a terminal.
    region : selection, optional
        Slices of step 1, integers and Ellipsis, if `path` is that of an array: check only the stored values that hold
        elements of it.
    part : tuple of int or str, optional
        Part `k` of `n` of the work, with `k` from 0: ``(k, n)`` or ``"k/n"``. Each part lists all keys and checks all
        documents, reads about ``1 / n`` of the stored values, and reports about ``1 / n`` of the other problems: the
        reports of all parts have each problem once.

    Returns
    -------
    Report
        What was read, and the problems.

    Raises
    ------
    SelectionError
        If a region is passed and `path` is not that of an array, or if it is not such a selection.
    PlaceError
        If there is no such part.

    See Also
    --------
    repair : Remove leftovers and move damaged chunks aside.
    Array.verify : Check one array.

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> a = zarrcy.array([1, 2, 3, 4], chunks=2, store=store)
    >>> zarrcy.verify(store).ok
    True
    >>> store["1"] = b"nonsense"
    >>> print(zarrcy.verify(store))
    problems: 1; chunks: 2; arrays: 1
    chunk: '1': codec 'blosc': ValueError: shorter than the header of a Blosc frame
    """
    began = time.perf_counter()
    store = normalize_store_arg(store)
    own_chunk_store = None if chunk_store is None else normalize_store_arg(chunk_store)
    path = normalize_path(path)
    is_mine = choose_keys(None if part is None else part_of(part))
    inventory = take_inventory(store, path, own_chunk_store)
    problems = [problem for problem in inventory.problems if is_mine(problem.key)]
    if region is not None:
        _keep_region(inventory, path, region)
    values = store if own_chunk_store is None else own_chunk_store
    tallies, total = [], 0
    for array in inventory.arrays.values():
        for number, description in enumerate(array.descriptions):
            tallies.append(ArrayTally(array.path, n_possible=description.count_stored_values()))
            array.keys[number] = list(filter(is_mine, array.keys[number]))
            total += _nbytes_of(description) * len(array.keys[number])
    rest = iter(tallies)
    with byte_progress(total, "verifying", quiet=not progress) as advance:
        for array in inventory.arrays.values():
            for description, keys in zip(array.descriptions, array.keys, strict=True):
                tally = next(rest)
                for equal in _equal_parts(array, description, keys) if keys else ():
                    _ArrayCheck(values, array.prefix, equal, tally, problems).run(advance)
            # a hierarchy may have many arrays with many chunks
            array.keys.clear()
            array.descriptions.clear()
    return Report(
        path,
        tuple(tallies),
        len(inventory.groups),
        tuple(sorted(problems, key=lambda problem: (problem.key, problem.inner or 0, problem.kind))),
        time.perf_counter() - began,
    )


def choose_keys(part: tuple[int, int] | None) -> Callable[[Key], bool]:
    """Return a function that says whether a key belongs to a part of the work."""
    if part is None:
        return lambda key: True
    number, of = part
    return lambda key: zlib.crc32(key.encode("utf-8", "surrogatepass")) % of == number


def _keep_region(inventory: Inventory, path: str, region: Selection) -> None:
    """Leave out the keys of stored values that hold no element of a region of the array at a path."""
    array = inventory.arrays.get(prefix_of(path))
    if array is None:
        raise SelectionError(
            f"a region was passed, but {path!r} is not an array: leave out one of the two", ()
        )
    for number, description in enumerate(array.descriptions):
        grid = _kernels.default.Grid(description.shape, description.chunk_shape)
        box, _ = normalize_basic(_kernels.default, region, grid)
        if any(n > 1 and step != 1 for n, step in zip(box.counts, box.steps, strict=True)):
            raise SelectionError("a region has no step: use slices of step 1", description.shape)
        extent = tuple((start, start + n) for start, n in zip(box.starts, box.counts, strict=True))
        cells = regions.cells_of(extent, description.stored_axes)
        array.keys[number] = [
            key for key in array.keys[number] if _is_in(array.coords_of(key, description), cells)
        ]


def _is_in(coords: Coords, cells: regions.Extent) -> bool:
    return all(start <= i < stop for i, (start, stop) in zip(coords, cells, strict=True))


def _nbytes_of(description: ArrayMetadata) -> int:
    """Return the size of a decoded stored value, in bytes."""
    return math.prod(description.chunk_shape) * description.dtype.itemsize


@dataclass(frozen=True, slots=True, kw_only=True)
class _EqualValues:
    """Stored values of an array that have the same shape."""

    description: ArrayMetadata
    keys: list[Key]


def _equal_parts(array: StoredArray, description: ArrayMetadata, keys: list[Key]) -> Iterator[_EqualValues]:
    """Group the stored values of an array by their shape; the description of each group has that chunk shape."""
    if description.rectilinear_axes is None:
        yield _EqualValues(description=description, keys=keys)
        return
    keys_by_shape: dict[Shape, list[Key]] = {}
    for key in keys:
        coords = array.coords_of(key, description)
        keys_by_shape.setdefault(description.stored_shape_at(coords), []).append(key)
    for shape, equal_keys in keys_by_shape.items():
        yield _EqualValues(description=description.with_equal_chunks(shape), keys=equal_keys)


class _ArrayCheck:
    """The check of stored values of one array that have one shape; several threads share it."""

    def __init__(
        self, store: Store, prefix: Key, values: _EqualValues, tally: ArrayTally, problems: list[Problem]
    ) -> None:
        self.store, self.path, self.keys, self.problems = store, tally.path, values.keys, problems
        self.context = open_chunk_context(values.description, store, prefix)
        self.value_nbytes = _nbytes_of(values.description)
        self.tally = tally
        self.lock = threading.Lock()

    def run(self, advance: Advance) -> None:
        """Check all values."""
        if not self.keys:
            return
        context = self.context
        size = max(1, min(_MOST_KEYS, access.batch_nbytes(self.store) // max(1, self.value_nbytes)))
        is_shared = (
            access.is_thread_safe(self.store)
            and not context.pipeline.filters
            and not context.dtype.hasobject
            and self.value_nbytes >= _SHARED_MIN_NBYTES
        )
        n_threads = min(thread_pool.n_threads(), len(self.keys)) if is_shared else 1
        thread_pool.share(lambda: _ValueCheck(self, advance), batches(len(self.keys), size), n_threads)

    def add(self, results: list[_ValueResult]) -> None:
        """Add the results of one thread to the tally and the problems."""
        with self.lock:
            for result in results:
                self.tally.n_values += 1
                self.tally.n_chunks += result.n_chunks
                self.tally.nbytes += result.nbytes
                self.tally.n_bad += bool(result.problems)
                self.problems.extend(result.problems)


@dataclass(frozen=True, slots=True)
class _ValueResult:
    """What the check of one stored value found.

    Attributes
    ----------
    problems : list of Problem
        Empty if nothing is wrong.
    n_chunks : int
        Number of chunks in the value.
    nbytes : int
        Size of the value.
    """

    problems: list[Problem]
    n_chunks: int = 0
    nbytes: int = 0


class _ValueCheck:
    """Checks batches of stored values, decoding them to memory of its own."""

    def __init__(self, check: _ArrayCheck, advance: Advance) -> None:
        self.check, self.context, self.advance = check, check.context, advance
        self.scratch: AnyArray | None = None

    def __call__(self, first: int, last: int) -> None:
        """Check the values number `first` to `last` of the array."""
        keys = self.check.keys[first:last]
        # None: the value was deleted since the keys were listed
        values = zip(keys, self._read(keys), strict=True)
        self.check.add([self._check(key, value) for key, value in values if value is not None])
        self.advance(self.check.value_nbytes * (last - first))

    def _check(self, key: Key, value: Buffer | Exception) -> _ValueResult:
        path = self.check.path
        if isinstance(value, Exception):
            return _ValueResult([_unchecked(key, value, path)])
        nbytes = memoryview(value).nbytes
        try:
            if self.scratch is None and self.context.blocks is None:
                self.scratch = self.context.new_chunk(key)
            n_chunks, faults = check_value(self.context, key, value, self.scratch)
        except Exception as exc:
            return _ValueResult([_unchecked(key, exc, path)], nbytes=nbytes)
        problems = [Problem("chunk", key, text, path, inner) for inner, text in faults]
        return _ValueResult(problems, n_chunks, nbytes)

    def _read(self, keys: list[Key]) -> Iterable[Buffer | Exception | None]:
        """Return the stored values; for a value that can't be read, the exception."""
        try:
            return self.context.as_buffers(keys, self.context.fetch(keys))
        except Exception:
            # read one by one, to find out which of them fail
            return map(self._read_one, keys)

    def _read_one(self, key: Key) -> Buffer | Exception | None:
        try:
            value: Buffer | None = self.context.as_buffers([key], self.context.fetch([key]))[0]
        except Exception as exc:
            return exc
        return value


def _unchecked(key: Key, exc: Exception, path: str) -> Problem:
    return Problem("unchecked", key, f"{type(exc).__name__}: {exc}", path)


def check_value(
    context: ChunkContext, key: Key, stored: Buffer, scratch: AnyArray | None
) -> tuple[int, list[tuple[int | None, str]]]:
    """Decode all chunks of a stored value.

    Parameters
    ----------
    context : ChunkContext
        The chunks of the array.
    key : str
        Key of the value.
    stored : bytes-like
        The value.
    scratch : ndarray or None
        Memory for a decoded chunk; its contents are overwritten.

    Returns
    -------
    n_chunks : int
        Number of chunks in the value.
    faults : list of tuple
        For each fault, the number of the chunk in its shard, or None, and a text.

    Raises
    ------
    UnsafeCodecError, MemoryError, ImportError
        If the value can't be decoded here, so that its state is not known.
    """
    if not isinstance(context, ShardContext):
        fault = _decoding_fault(context, key, stored, scratch)
        return 1, [] if fault is None else [(None, fault)]
    try:
        chunks = context.shards.index.chunks_of(memoryview(stored).cast("B"))
    except ValueError as exc:
        return 0, [(None, f"codec 'sharding_indexed': {exc}")]
    faults: list[tuple[int | None, str]] = []
    for number, chunk in chunks.items():
        fault = _decoding_fault(context, key, chunk, scratch)
        if fault is not None:
            faults.append((number, f"inner chunk {number}: {fault}"))
    return len(chunks), faults


def _decoding_fault(context: ChunkContext, key: Key, stored: Buffer, scratch: AnyArray | None) -> str | None:
    """Decode one chunk; return what is wrong, or None."""
    try:
        if context.blocks is not None:
            # the header of a block states its length, which decoding checks
            with context.using_blocks(key, stored) as blocks:
                blocks.decode(stored)
            return None
        assert scratch is not None, "only N5 blocks are decoded without scratch memory"
        chunk = context.decode(key, stored, scratch)
    except ChunkDecodeError as exc:
        if isinstance(exc.__cause__, _NOT_OF_THE_VALUE):
            raise exc.__cause__ from None
        return f"codec {exc.stage!r}: {exc.problem}"
    nbytes = chunk.nbytes if isinstance(chunk, np.ndarray) else memoryview(chunk).nbytes
    if nbytes != context.layout.nbytes:
        return f"it decodes to {nbytes} bytes; a chunk has {context.layout.nbytes}"
    return None
