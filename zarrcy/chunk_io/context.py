"""What readers and writers know about an array: its chunk layout, keys, codecs, store functions and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from zarrcy.chunk_io.chunk_locks import ChunkLocks
from zarrcy.chunk_io.policy import IOPolicy
from zarrcy.codecs import Pipeline, StageError
from zarrcy.errors import ChunkDecodeError, ChunkEncodeError, ChunkMemoryError
from zarrcy.storage import access, byte_ranges
from zarrcy.sync import thread_pool
from zarrcy.types import AnyArray, AnyDtype, Buffer, ChunkLayout, Field, Kernels, Key, Record

if TYPE_CHECKING:
    from zarrcy.chunk_io.n5_blocks import Blocks
    from zarrcy.chunk_io.native import NativePath
    from zarrcy.storage.capabilities import ReplacesValues


class ChunkContext(Record):
    """The chunks of one array: what they are made of, and how they are stored.

    Attributes
    ----------
    kernels : Kernels
        The kernels for the data type.
    dtype : AnyDtype
        The data type of the elements.
    layout : ChunkLayout
        The layout of a decoded chunk; of an inner chunk if the array has shards.
    fill_bytes : Buffer
        The bytes of an element that was never written, or the object itself if elements are Python objects.
    prefix, separator : str
        The key of a stored value is the prefix and the chunk coordinates, joined with the separator.
    pipeline : Pipeline
        The codecs of a chunk.
    is_raw : bool
        Whether chunks are stored as they lie in memory.
    blocks : Blocks or None
        The N5 blocks, if chunks are stored as such.
    native_path : NativePath or None
        The native path; None if chunks are read and written on the fallback path.
    write_empty_chunks : bool
        Whether chunks are stored that consist of the fill value.
    fetch_uncached : callable
        Reads stored values that are changed in part, past the caches of the store: other writers may have changed them.
    fetch, store_many, delete : callable
        The functions of the store, see `zarrcy.storage.access`.
    replacer : ReplacesValues or None
        Puts values that are changed in part, on condition that they are still what was read; None without such puts.
    fetch_versions : callable
        Reads values and their versions for `replacer`.
    as_buffers : callable
        Takes keys and what the store returned for them; returns contiguous bytes, or raises StoredTypeError.
    read_parts : callable or None
        Reads parts of stored values, see `zarrcy.storage.byte_ranges`; None if chunks are always read whole.
    locks : ChunkLocks
        The locks of values that are changed in part.
    has_latency : bool
        Whether requests to the store take long, and may be sent from several threads.
    has_files : bool
        Whether stored values are files.
    is_in_memory : bool
        Whether the store holds values in the memory of this process.
    may_share : bool
        Whether several threads may read and write chunks at the same time.
    may_share_codecs : bool
        Whether several threads may encode chunks at the same time, also if only one may call the store.
    is_shareable : bool
        Whether several threads can read and write chunks faster than one.
    batch, shared_batch : int
        Most chunks per request to the store; the latter if several threads share the work.
    policy : IOPolicy
        Thresholds and batch sizes.
    """

    # CPython stores at most 29 attributes of an object so that finding them is fast
    kernels: Kernels
    dtype: AnyDtype
    layout: ChunkLayout
    fill_bytes: Buffer
    prefix: str
    separator: str
    pipeline: Pipeline
    is_raw: bool
    blocks: Blocks | None
    native_path: NativePath | None
    write_empty_chunks: bool
    fetch: access.Reader
    fetch_uncached: access.Reader
    store_many: access.Writer
    delete: access.Deleter
    replacer: ReplacesValues | None
    fetch_versions: access.VersionReader
    as_buffers: Callable[[list[Key], list[Buffer | None]], list[Buffer | None]]
    read_parts: byte_ranges.PartsReader | None
    locks: ChunkLocks
    has_latency: bool
    has_files: bool
    is_in_memory: bool
    may_share: bool
    may_share_codecs: bool
    is_shareable: bool
    batch: int
    shared_batch: int
    policy: IOPolicy

    def uses_threads(self, n_pieces: int, nbytes_touched: int) -> bool:
        """Return whether several threads read or write `n_pieces` pieces, which touch that many bytes."""
        return (
            self.is_shareable
            and n_pieces > 1
            and nbytes_touched >= self.policy.threads_min_nbytes
            and thread_pool.n_threads() > 1
        )

    def works_ahead(self, n_pieces: int) -> bool:
        """Return whether requests of a read or write of `n_pieces` pieces are in flight while it decodes or encodes."""
        return (
            self.has_latency
            and n_pieces > 1
            and n_pieces * self.layout.nbytes >= self.policy.ahead_min_nbytes
        )

    def batch_threads(self, n_pieces: int) -> int:
        """Return how many threads decode or encode a batch of chunks on the native path.

        If several threads share the batches, each works on its own. A store that is not thread-safe is asked by one
        thread only, but several can work on what it returned.
        """
        if self.native_path is None or self.is_shareable:
            return 1
        return self.native_path.n_threads(n_pieces, n_pieces * self.layout.nbytes)

    def batch_of_one_thread(self) -> int:
        """Return how many chunks a thread reads or writes at once, if no other one may call the store meanwhile.

        Several threads decode or encode what is in a batch.
        """
        n_threads = thread_pool.n_threads()
        if self.may_share or self.is_raw or n_threads == 1 or not self.may_share_codecs:
            return self.batch
        batch = min(self.policy.batch_keys, self.policy.coded_batch_nbytes // max(1, self.layout.nbytes))
        return max(self.batch, n_threads, batch)

    def encoding_threads(self, n_pieces: int) -> int:
        """Return how many threads encode a batch of chunks on the fallback path, see `batch_threads`."""
        if self.is_shareable or not self.may_share_codecs:
            return 1
        nbytes = self.layout.nbytes
        if nbytes < self.policy.thread_min_chunk_nbytes or n_pieces * nbytes < self.policy.threads_min_nbytes:
            return 1
        return min(thread_pool.n_threads(), n_pieces)

    def writes_in_threads(self, n_pieces: int) -> bool:
        """Return whether several threads write `n_pieces` chunks. With a synchronizer, one thread does."""
        return self.locks.synchronizer is None and self.uses_threads(n_pieces, n_pieces * self.layout.nbytes)

    def field_layout(self, field: Field | None) -> tuple[ChunkLayout, Buffer]:
        """Return where the elements, or one field of them, lie in a chunk, and the fill value there."""
        if field is None:
            return self.layout, self.fill_bytes
        start, size = field
        shape, itemsize = self.layout.chunk_shape, self.dtype.itemsize
        layout = self.kernels.ChunkLayout(shape, size, self.pipeline.order, (start, itemsize))
        return layout, self.fill_bytes[start : start + size]

    def new_chunk(self, key: Key, stored: Buffer | None = None) -> AnyArray:
        """Return memory for one flat chunk: bytes, or references to objects.

        Parameters
        ----------
        key : Key
            The key of the chunk, for error messages.
        stored : Buffer, optional
            The value that will be decoded there. A few bytes must not become a huge chunk.

        Raises
        ------
        ChunkDecodeError
            If `stored` is too short to decode to a chunk.
        ChunkMemoryError
            If the chunk does not fit in memory.
        """
        if stored is not None and self.layout.nbytes >= self.policy.checked_chunk_nbytes:
            try:
                self.pipeline.check_min_length(stored)
            except StageError as exc:
                raise self.damaged(key, stored, exc.stage, exc.problem) from exc.__cause__
        try:
            if self.dtype.hasobject:
                return np.empty(self.layout.nbytes // self.dtype.itemsize, self.dtype)
            return np.empty(self.layout.nbytes, np.uint8)
        except MemoryError:
            raise ChunkMemoryError(key, self.layout.nbytes) from None

    def shaped(self, chunk: AnyArray) -> AnyArray:
        """Return a flat chunk as an array of the chunk shape."""
        order = self.pipeline.order
        in_memory = chunk.view(self.dtype).reshape([self.layout.chunk_shape[axis] for axis in order])
        return in_memory.transpose(np.argsort(order))

    def decode(self, key: Key, stored: Buffer, scratch: AnyArray) -> Buffer:
        """Decode a stored value to a flat chunk, in `scratch` if that saves a copy.

        Raises
        ------
        ChunkDecodeError
            If a codec cannot decode the value.
        """
        try:
            return self.pipeline.decode(stored, scratch)
        except StageError as exc:
            raise self.damaged(key, stored, exc.stage, exc.problem) from exc.__cause__

    @contextmanager
    def using_blocks(self, key: Key, stored: Buffer | None) -> Iterator[Blocks]:
        """Use the N5 blocks of a chunk; errors in the ``with`` block name the key.

        Parameters
        ----------
        key : Key
            The key of the chunk.
        stored : Buffer or None
            The value that is decoded; None if the block is encoded.
        """
        assert self.blocks is not None, "the caller checks that chunks are stored as blocks"
        try:
            yield self.blocks
        except (MemoryError, StageError) as exc:
            raise self.block_error(key, stored, exc) from exc.__cause__

    def block_error(self, key: Key, stored: Buffer | None, exc: MemoryError | StageError) -> Exception:
        """Return the error for a block that was not decoded or, if `stored` is None, not encoded."""
        if isinstance(exc, MemoryError):
            return ChunkMemoryError(key, self.layout.nbytes)
        if stored is None:
            return ChunkEncodeError(key, exc.stage, exc.problem)
        return self.damaged(key, stored, exc.stage, exc.problem)

    def damaged(self, key: Key, stored: Buffer, stage: str = "", problem: str = "") -> ChunkDecodeError:
        """Return the error for a stored value that does not decode to a chunk of the right length."""
        stage = stage or self.pipeline.name_of_last_decoder
        return ChunkDecodeError(key, stage, memoryview(stored).nbytes, self.layout.nbytes, problem)
