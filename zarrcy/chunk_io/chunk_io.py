"""The only two loops over chunks: read a plan into a result, write a value along a plan.

A plan says which pieces of which chunks; the store, the codecs and the kernels do the work. Nothing
here knows a format, a kind of selection or a kind of store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels
from zarrcy.chunk_io import native
from zarrcy.chunk_io.n5_blocks import Blocks, blocks_of
from zarrcy.chunk_io.reader import ChunkReader, batches
from zarrcy.chunk_io.writer import ChunkWriter, PartialFileWriter
from zarrcy.codecs import Pipeline, StageError, fill_bytes
from zarrcy.errors import ChunkDecodeError, ChunkEncodeError, ChunkMemoryError
from zarrcy.settings import ArrayConfig
from zarrcy.storage import access, byte_ranges
from zarrcy.storage.local.atomic_files import partial_ending
from zarrcy.sync import key_locks, thread_pool
from zarrcy.sync.synchronizers import Synchronizer
from zarrcy.types import AnyDtype, Buffer, Field, Key, Shape, Store

_BATCH_KEYS = 1024
# Below this size of a chunk, in bytes, threads spend more time in waiting for the GIL than in working.
_WORTH_A_THREAD = 64 * 1024
# To wake a thread costs as much as to copy some hundred KiB.
_WORTH_THREADS = 512 * 1024
# To read a smaller chunk, in bytes, costs no more than to find out which parts of it are wanted.
_WORTH_PARTS = 64 * 1024
# The lane has room for a chunk before it looks for one: of larger ones there may be no more than the metadata.
_END_OF_LANE = 2**31
# Before memory is taken for a chunk of so many bytes, there is a look at what is to be decoded there.
_HUGE = 2**26


class UnshardedChunkIO:
    """Where the chunks of one array come from and go to, and what they are made of.

    Parameters
    ----------
    store : of the chunks
    prefix, separator : a chunk's key is the prefix and its coordinates with the separator between
    pipeline : the codecs
    chunk_shape : in elements
    dtype : of the elements
    fill_value : of elements that were never written; None reads as zeros
    synchronizer : gives a lock per key, for chunks that are written in part
    options : of the open array
    kernels : chosen by `dtype` where None is given
    """

    def __init__(
        self,
        store: Store,
        prefix: str,
        separator: str,
        pipeline: Pipeline,
        chunk_shape: Shape,
        dtype: AnyDtype,
        fill_value: Any,
        synchronizer: Synchronizer | None = None,
        options: ArrayConfig = ArrayConfig(),  # noqa: B008 - frozen
        kernels: ModuleType | None = None,
    ) -> None:
        self.kernels = kernels if kernels is not None else _kernels.for_dtype(dtype)
        self.prefix, self.separator = prefix, separator
        self.pipeline = pipeline
        self.is_raw = pipeline.is_raw
        self.dtype = dtype
        self.layout = self.kernels.ChunkLayout(chunk_shape, dtype.itemsize, pipeline.order)
        self.fill_bytes = fill_bytes(fill_value, dtype)
        self.blocks = blocks_of(pipeline, self.kernels, self.fill_bytes)
        self.synchronizer = synchronizer
        self.reader: Any = ChunkReader
        self.place: str | None = None
        self.store = store
        self.options = options
        self.write_empty_chunks = options.write_empty_chunks
        self.fetch = access.reader(store)
        self.store_many = access.writer(store)
        self.delete = access.deleter(store)
        # keys are asked for in batches whose values, were they not compressed, have a bounded size
        self.batch = max(1, min(_BATCH_KEYS, access.batch_nbytes(store) // max(1, self.layout.nbytes)))
        # a filter may be anybody's Python code; objects need the GIL for every step
        self.is_in_memory = access.is_in_memory(store)
        self.codec: Any = (
            native.chunk_codec(pipeline, self.layout, dtype, self.kernels)
            if self.layout.nbytes < _END_OF_LANE
            else None
        )
        self.folder = native.folder(store, prefix, separator) if self.codec is not None else None
        self.read_folder = self.folder
        # the lane does not wait for the disk
        self.writes_files = self.folder is not None and access.durability(store) == "none"
        self.is_shareable = (
            access.is_thread_safe(store)
            and not pipeline.filters
            and not dtype.hasobject
            and (self.codec is not None or self.layout.nbytes >= _WORTH_A_THREAD)
        )
        # of chunks that lie decoded in memory the kernels take what they need anyway
        self.read_parts = (
            byte_ranges.parts_reader(store)
            if self.layout.nbytes >= _WORTH_PARTS
            and pipeline.reads_parts
            and (byte_ranges.reads_ranges(store) or not pipeline.is_raw)
            and not (self.codec is not None and self.is_in_memory)
            else None
        )
        self.shared_batch = max(1, min(self.batch, 2**20 // max(1, self.layout.nbytes)))

    @property
    def reads_natively(self) -> bool:
        """Does the native lane decode the chunks, and move them to their places?"""
        return self.codec is not None

    def read(self, plan: Any, out: NDArray[Any], field: Field | None = None, blank: bool = False) -> None:
        """Read the pieces of a plan into `out`.

        Parameters
        ----------
        plan : the pieces
        out : has the shape of the plan's selection, and the data type of the array or of `field`
        field : what to read of each element; the whole by default
        blank : `out` has the fill value in it already, wherever nothing is stored

        Raises
        ------
        ChunkDecodeError : a stored chunk is not what the metadata promise
        """
        if self.read_folder is not None:
            layout, item = self.target(field)
            rest = native.read_files(self.codec, self.read_folder, plan, layout, out, None if blank else item)
            if rest:
                # what the lane gave up may be decoded in part, and gone by now: it is filled then
                general = self.new_reader(plan, out, field, False)
                for number in rest:
                    general(number, number + 1)
            return
        if plan.n_pieces == 1:
            # one element, one window: nothing to share, and every microsecond shows
            self.new_reader(plan, out, field, blank)(0, 1)
            return
        # of chunks that lie decoded in memory only what is selected is touched, of others all
        in_memory = self.is_raw and self.is_in_memory
        nbytes = out.nbytes if in_memory else plan.n_pieces * self.layout.nbytes
        shared = self.shares(plan.n_pieces, nbytes)
        self._run(lambda: self.new_reader(plan, out, field, blank), plan, shared, shared)

    def new_reader(
        self, plan: Any, out: NDArray[Any], field: Field | None, blank: bool, *more: Any
    ) -> ChunkReader:
        """Return what reads batches of the pieces of a plan: see `read`."""
        reader: ChunkReader = self.reader(plan, self, out, field, *more)
        if blank:
            reader.item = None
        return reader

    def write(self, plan: Any, value: NDArray[Any], field: Field | None = None) -> None:
        """Write `value`, which has the shape of the plan's selection and the dtype of the array or of `field`.

        Along a plan without lists the value may be of another dtype; it is cast piece by piece. A piece that
        covers all of its chunk that is inside the array is written without a read; elements beyond the edge
        of the array are stored as fill value.

        Raises
        ------
        ChunkDecodeError : a chunk that is to be changed in part does not decode
        ChunkEncodeError : a codec refused a chunk
        """
        if self.writes_files and self.codec.encodes and value.dtype == self.dtype and field is None:
            self._write_files(plan, value)
            return
        if plan.n_pieces == 1:
            ChunkWriter(plan, self, value, field)(0, 1)
            return
        shared = self.synchronizer is None and self.shares(plan.n_pieces, plan.n_pieces * self.layout.nbytes)
        # who holds many chunks keeps others waiting: where a batch gains nothing it is small
        self._run(lambda: ChunkWriter(plan, self, value, field), plan, shared, shared or self.is_in_memory)

    def _write_files(self, plan: Any, value: NDArray[Any]) -> None:
        """Write in the native lane; what it finds odd is done again in the general way."""
        writing = native.FileWriting(
            self.codec,
            self.folder,
            plan,
            self.layout,
            value,
            self.fill_bytes,
            partial_ending().encode(),
            self.write_empty_chunks,
        )
        rest = writing.write_whole()
        if not rest:
            return
        shared = self.synchronizer is None and self.shares(len(rest), len(rest) * self.layout.nbytes)
        n = min(thread_pool.n_threads(), len(rest)) if shared else 1
        thread_pool.share(
            lambda: PartialFileWriter(self, plan, value, writing, rest), batches(len(rest), 1), n
        )

    def is_aligned(self, plan: Any) -> bool:
        """Does a plan cover all of each stored value that it touches, as far as that is inside the array?"""
        return all(map(plan.complete, range(plan.n_pieces)))

    def _run(self, make_task: Callable[[], thread_pool.Task], plan: Any, shared: bool, small: bool) -> None:
        """Run a task for the batches of a plan, in this thread or shared among several."""
        size = self.shared_batch if small else self.batch
        n = min(thread_pool.n_threads(), plan.n_pieces) if shared else 1
        thread_pool.share(make_task, batches(plan.n_pieces, size), n)

    def shares(self, n_pieces: int, nbytes_touched: int) -> bool:
        """Is a read or write of so many pieces, and so many bytes, worth more than one thread?"""
        return (
            self.is_shareable
            and n_pieces > 1
            and nbytes_touched >= _WORTH_THREADS
            and thread_pool.n_threads() > 1
        )

    def target(self, field: Field | None) -> tuple[Any, Any]:
        """Return where in a chunk the elements, or one of their fields, are, and what a missing one is."""
        if field is None:
            return self.layout, self.fill_bytes
        start, size = field
        layout = self.kernels.ChunkLayout(
            self.layout.chunk_shape, size, self.pipeline.order, (start, self.dtype.itemsize)
        )
        return layout, self.fill_bytes[start : start + size]

    def new_chunk(self, key: Key, stored: Buffer | None = None) -> NDArray[Any]:
        """Return memory for one flat chunk, such as that of `key`: bytes, or references to objects.

        What is to be decoded there is `stored`; a few bytes do not become a huge chunk.
        """
        if stored is not None and self.layout.nbytes >= _HUGE:
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

    def array_of(self, chunk: NDArray[Any]) -> NDArray[Any]:
        """Return a flat chunk as an array of the chunk shape."""
        order = self.pipeline.order
        in_memory = chunk.view(self.dtype).reshape([self.layout.chunk_shape[axis] for axis in order])
        return in_memory.transpose(np.argsort(order))

    def decode(self, key: Key, stored: Buffer, scratch: NDArray[np.uint8]) -> Any:
        """Decode a stored value to a flat chunk, in `scratch` where that saves a copy."""
        try:
            return self.pipeline.decode(stored, scratch)
        except StageError as exc:
            raise self.damaged(key, stored, exc.stage, exc.problem) from exc.__cause__

    @contextmanager
    def using(self, key: Key, stored: Buffer | None) -> Iterator[Blocks]:
        """Use the blocks of which chunks are made, if they are; what goes wrong is told of this chunk."""
        assert self.blocks is not None, "it is asked only where there are some"
        try:
            yield self.blocks
        except (MemoryError, StageError) as exc:
            raise self.unusable(key, stored, exc) from exc.__cause__

    def unusable(self, key: Key, stored: Buffer | None, exc: MemoryError | StageError) -> Exception:
        """Return the error for a block that was not decoded, or, where there is no stored one, not encoded."""
        if isinstance(exc, MemoryError):
            return ChunkMemoryError(key, self.layout.nbytes)
        if stored is None:
            return ChunkEncodeError(key, exc.stage, exc.problem)
        return self.damaged(key, stored, exc.stage, exc.problem)

    def damaged(self, key: Key, stored: Buffer, stage: str = "", problem: str = "") -> ChunkDecodeError:
        """Return the error for a chunk that is not as long as a chunk is, or did not decode."""
        stage = stage or (self.pipeline.stages[-1].name if self.pipeline.stages else "bytes")
        return ChunkDecodeError(key, stage, memoryview(stored).nbytes, self.layout.nbytes, problem)

    def lock(self, key: Key) -> AbstractContextManager[Any]:
        """Return the lock of a value that is changed in part."""
        if self.synchronizer is None:
            return self.hold([key])
        lock: AbstractContextManager[Any] = self.synchronizer[key]
        return lock

    def hold(self, keys: list[Key]) -> key_locks.KeyLock:
        """Return what keeps other threads of this process from changing values, where no synchronizer does."""
        if self.place is None:
            self.place = access.place_of(self.store)
        if self.options.unaligned == "allow":
            keys = []
        return key_locks.KeyLock([self.place + key for key in keys] if self.place else keys)
