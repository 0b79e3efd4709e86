"""Read all that is stored, and tell what is not as it should be; nothing is changed."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from zarrcy.api.inventory import FoundArray, take_inventory
from zarrcy.api.progress import Advance, byte_progress
from zarrcy.chunk_io.context import ChunkContext
from zarrcy.chunk_io.open_chunks import open_chunk_context
from zarrcy.chunk_io.pieces import batches
from zarrcy.chunk_io.sharding.context import ShardContext
from zarrcy.errors import ChunkDecodeError
from zarrcy.hierarchy.verification import ArrayTally, Problem, Report
from zarrcy.keys import normalize_path
from zarrcy.metadata import ArrayMetadata
from zarrcy.storage import access
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.sync import thread_pool
from zarrcy.types import Buffer, Key, Shape, Store

__all__ = ["ArrayTally", "Problem", "Report", "verify"]

_MOST_KEYS = 256
# Threads that check smaller values, in bytes, wait for each other.
_WORTH_A_THREAD = 64 * 1024
# What a codec raises that need be no fault of what it was given.
_NOT_OF_THE_VALUE = (MemoryError, ImportError)


def verify(store: Any, path: str | None = None, *, chunk_store: Any = None, progress: bool = False) -> Report:
    """Check all that is stored below a path: documents, keys, and every chunk, which is read and decoded.

    Checksums are compared where there are any: those of the codecs crc32c, crc32, adler32, fletcher32, gzip and
    zlib, of Zstandard frames that have one, and of the indexes of shards. Without one, a changed bit is
    found only if the chunk does not decode any more; ``create(checksum=True)`` adds one.

    Parameters
    ----------
    store : a mapping, one of our stores, a path or a URL; its keys must be listable
    path : where to begin: an array, or a group with all that it holds. The whole store by default
    chunk_store : of the chunks, where they are not with the metadata
    progress : show a bar on a terminal

    Returns
    -------
    Report : its `problems` are empty if nothing is wrong

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
    own = None if chunk_store is None else normalize_store_arg(chunk_store)
    path = normalize_path(path)
    account = take_inventory(store, path, own)
    problems = list(account.problems)
    values = store if own is None else own
    checks, tallies = [], []
    for found in account.arrays.values():
        for description, keys in zip(found.descriptions, found.keys, strict=True):
            tally = ArrayTally(found.path, n_possible=description.count_stored_values())
            tallies.append(tally)
            for part, part_keys in _equal_parts(found, description, keys):
                checks.append(_ArrayCheck(values, found.prefix, part, part_keys, tally, problems))
    total = sum(check.value_nbytes * len(check.keys) for check in checks)
    with byte_progress(total, "verifying", quiet=not progress) as advance:
        for check in checks:
            check.run(advance)
    return Report(
        path,
        tuple(tallies),
        len(account.groups),
        tuple(sorted(problems, key=lambda problem: (problem.key, problem.inner or 0, problem.kind))),
        time.perf_counter() - began,
    )


def _equal_parts(
    found: FoundArray, description: ArrayMetadata, keys: list[Key]
) -> Iterable[tuple[ArrayMetadata, list[Key]]]:
    """Return the stored values of an array by their shape, each with metadata in which all have that shape."""
    if description.rectilinear_axes is None:
        return [(description, keys)]
    parts: dict[Shape, list[Key]] = {}
    for key in keys:
        coords = description.chunk_keys.coords(key[len(found.prefix) :], len(description.shape))
        assert coords is not None, "the inventory has found a chunk key"
        parts.setdefault(description.stored_shape_at(coords), []).append(key)
    return [(description.with_equal_chunks(shape), some) for shape, some in parts.items()]


class _ArrayCheck:
    """The check of stored values of one array that have one shape; several threads share them."""

    def __init__(
        self,
        store: Store,
        prefix: Key,
        description: ArrayMetadata,
        keys: list[Key],
        tally: ArrayTally,
        problems: list[Problem],
    ) -> None:
        self.store, self.path, self.keys, self.problems = store, tally.path, keys, problems
        self.context = open_chunk_context(description, store, prefix)
        self.value_nbytes = math.prod(description.chunk_shape) * description.dtype.itemsize
        self.tally = tally
        self.lock = threading.Lock()

    def run(self, advance: Advance) -> None:
        if not self.keys:
            return
        context = self.context
        size = max(1, min(_MOST_KEYS, access.batch_nbytes(self.store) // max(1, self.value_nbytes)))
        is_shared = (
            access.is_thread_safe(self.store)
            and not context.pipeline.filters
            and not context.dtype.hasobject
            and self.value_nbytes >= _WORTH_A_THREAD
        )
        n = min(thread_pool.n_threads(), len(self.keys)) if is_shared else 1
        thread_pool.share(lambda: _ValueCheck(self, advance), batches(len(self.keys), size), n)

    def take(self, n_values: int, n_chunks: int, nbytes: int, problems: list[Problem]) -> None:
        """Add what one thread found to the sum."""
        with self.lock:
            self.tally.n_values += n_values
            self.tally.n_chunks += n_chunks
            self.tally.nbytes += nbytes
            self.tally.n_bad += len({problem.key for problem in problems})
            self.problems.extend(problems)


class _ValueCheck:
    """Checks batches of stored values, in memory of its own."""

    def __init__(self, check: _ArrayCheck, advance: Advance) -> None:
        self.check, self.context, self.advance = check, check.context, advance
        self.scratch: Any = None

    def __call__(self, first: int, last: int) -> None:
        keys = self.check.keys[first:last]
        n_values = n_chunks = nbytes = 0
        problems: list[Problem] = []
        for key, value in zip(keys, self._values(keys), strict=True):
            # what is None was deleted since the keys were listed
            if value is not None:
                n, size, wrong = self._check(key, value)
                n_values, n_chunks, nbytes = n_values + 1, n_chunks + n, nbytes + size
                problems += wrong
        self.check.take(n_values, n_chunks, nbytes, problems)
        self.advance(self.check.value_nbytes * (last - first))

    def _check(self, key: Key, value: Any) -> tuple[int, int, list[Problem]]:
        """Return how many chunks are in a value, its length, and what is wrong with it."""
        path = self.check.path
        if isinstance(value, Exception):
            return 0, 0, [_unchecked(key, value, path)]
        nbytes = memoryview(value).nbytes
        try:
            if self.scratch is None and self.context.blocks is None:
                self.scratch = self.context.new_chunk(key)
            n, wrong = check_value(self.context, key, value, self.scratch)
        except Exception as exc:
            return 0, nbytes, [_unchecked(key, exc, path)]
        return n, nbytes, [Problem("chunk", key, text, path, inner) for inner, text in wrong]

    def _values(self, keys: list[Key]) -> Iterable[Any]:
        """Return the values; in the place of one that can't be read, the error."""
        try:
            return self.context.fetch(keys)
        except Exception:
            # one of them: which one, is found out by asking for each
            return map(self._value, keys)

    def _value(self, key: Key) -> Any:
        try:
            return self.context.fetch([key])[0]
        except Exception as exc:
            return exc


def _unchecked(key: Key, exc: Exception, path: str) -> Problem:
    return Problem("unchecked", key, f"{type(exc).__name__}: {exc}", path)


def check_value(
    context: ChunkContext, key: Key, stored: Buffer, scratch: Any
) -> tuple[int, list[tuple[int | None, str]]]:
    """Decode a stored value, chunk by chunk.

    Returns
    -------
    How many chunks are in it, and what is wrong: the number of a chunk in its shard, or None, and a text

    Raises
    ------
    UnsafeCodecError, MemoryError ... : it can't be decoded here, and nothing is known of it
    """
    if not isinstance(context, ShardContext):
        problem = _decoding_problem(context, key, stored, scratch)
        return 1, [] if problem is None else [(None, problem)]
    try:
        chunks = context.shards.index.chunks_of(memoryview(stored).cast("B"))
    except ValueError as exc:
        return 0, [(None, f"codec 'sharding_indexed': {exc}")]
    wrong: list[tuple[int | None, str]] = []
    for number, chunk in chunks.items():
        problem = _decoding_problem(context, key, chunk, scratch)
        if problem is not None:
            wrong.append((number, f"inner chunk {number}: {problem}"))
    return len(chunks), wrong


def _decoding_problem(context: ChunkContext, key: Key, stored: Buffer, scratch: Any) -> str | None:
    try:
        if context.blocks is not None:
            # a block says itself how long it is, and is held to that as it is decoded
            with context.using_blocks(key, stored) as blocks:
                blocks.decode(stored)
            return None
        chunk = context.decode(key, stored, scratch)
    except ChunkDecodeError as exc:
        if isinstance(exc.__cause__, _NOT_OF_THE_VALUE):
            raise exc.__cause__ from None
        return f"codec {exc.stage!r}: {exc.problem}"
    nbytes = chunk.nbytes if isinstance(chunk, np.ndarray) else memoryview(chunk).nbytes
    if nbytes != context.layout.nbytes:
        return f"it decodes to {nbytes} bytes; a chunk has {context.layout.nbytes}"
    return None
