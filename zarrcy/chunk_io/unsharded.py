"""The two loops over chunks of an array without shards: read a plan into a result, write a value along a plan.

A plan says which pieces of which chunks; the store, the codecs and the kernels do the work. This module does
not depend on a format, on a kind of selection or on a kind of store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from zarrcy.chunk_io.context import ChunkContext
from zarrcy.chunk_io.native import FileWrite, is_uniform
from zarrcy.chunk_io.pieces import batches
from zarrcy.chunk_io.reader import ChunkReader
from zarrcy.chunk_io.writer import ChunkWriter, PartialFileWriter
from zarrcy.sync import thread_pool
from zarrcy.types import AnyArray, Buffer, ChunkLayout, Field, Kernels, LazyAttribute, Plan

if TYPE_CHECKING:
    from zarrcy._kernels._native_read import ChunkDir
    from zarrcy.sync.io_depth import FileWaits


class UnshardedChunkIO:
    """Reads and writes chunks that are stored one per key.

    Parameters
    ----------
    context : ChunkContext
        The chunks of the array.
    reader_type : type of ChunkReader
        The reader of the fallback path.
    read_dir, write_dir : ChunkDir or None
        Where the native path reads and writes chunk files itself; None if the fallback path asks the store.
    """

    def __init__(
        self,
        context: ChunkContext,
        *,
        reader_type: type[ChunkReader] = ChunkReader,
        read_dir: ChunkDir | None = None,
        write_dir: ChunkDir | None = None,
    ) -> None:
        self.context = context
        self.planner: Kernels = context.kernels
        self.layout: ChunkLayout = context.layout
        self.fill_bytes: Buffer = context.fill_bytes
        self._reader_type = reader_type
        self.read_dir, self.write_dir = read_dir, write_dir

    def read(self, plan: Plan, out: AnyArray, field: Field | None = None, prezeroed: bool = False) -> None:
        """Read the pieces of a plan into `out`: see `zarrcy.chunk_io.ChunkIO.read`."""
        context, reader_type = self.context, self._reader_type
        if self.read_dir is not None:
            self._read_files(plan, out, field, prezeroed)
            return
        if plan.n_pieces == 1:
            # Hot path: one element or one window. There is nothing to share among threads.
            reader_type(plan, context, out, field, prezeroed)(0, 1)
            return
        # of decoded chunks in memory only selected elements are touched, of other chunks all bytes
        touches_selected = context.is_raw and context.is_in_memory
        nbytes = out.nbytes if touches_selected else plan.n_pieces * self.layout.nbytes
        shared = context.uses_threads(plan.n_pieces, nbytes)

        def make_reader() -> ChunkReader:
            return reader_type(plan, context, out, field, prezeroed)

        if context.works_ahead(plan.n_pieces) and not shared:
            from zarrcy.sync.io_depth import groups_of_requests
            from zarrcy.sync.overlap import overlap

            size, at_once = groups_of_requests(context.batch, plan.n_pieces)
            overlap(lambda: make_reader().steps, batches(plan.n_pieces, size), at_once)
        elif not self._measures(plan):
            self._run(make_reader, plan, shared, shared)
        elif context.may_share:
            self._run_files(make_reader, plan, shared, self.reads)
        else:
            self._read_alone(make_reader, plan)

    def _read_files(self, plan: Plan, out: AnyArray, field: Field | None, prezeroed: bool) -> None:
        """Read chunk files on the native path, and what it returns on the fallback path."""
        # Hot path: one element of a chunk file. Without a field, save a call.
        layout, fill_bytes = self.layout, self.fill_bytes
        if field is not None:
            layout, fill_bytes = self.context.field_layout(field)
        native_path, read_dir = self.context.native_path, self.read_dir
        assert native_path is not None, "the caller checks that chunks are files"
        assert read_dir is not None, "the caller checks that chunks are files"
        fallback_pieces = native_path.read_files(
            plan, layout, out, None if prezeroed else fill_bytes, read_dir
        )
        if fallback_pieces:
            # The native path may have decoded a part of such a chunk, and the file may be gone by now. Then the
            # piece is filled, so `out` does not count as prezeroed.
            read = self._reader_type(plan, self.context, out, field, False)
            for number in fallback_pieces:
                read(number, number + 1)

    def write(self, plan: Plan, value: AnyArray, field: Field | None = None) -> None:
        """Write `value` along a plan: see `zarrcy.chunk_io.ChunkIO.write`."""
        context = self.context
        if self.write_dir is not None and value.dtype == context.dtype and field is None:
            self._write_files(plan, value)
            return
        if plan.n_pieces == 1:
            ChunkWriter(plan, context, value, field)(0, 1)
            return
        shared = context.writes_in_threads(plan.n_pieces)
        if not shared and context.works_ahead(plan.n_pieces) and self._write_ahead(plan, value, field):
            return
        # A writer that holds the locks of many chunks keeps others waiting: use small batches where larger ones
        # gain nothing.
        small = shared or context.is_in_memory
        if self._measures(plan) and context.may_share and context.locks.synchronizer is None:
            self._run_files(lambda: ChunkWriter(plan, context, value, field), plan, shared, self.writes)
            return
        self._run(lambda: ChunkWriter(plan, context, value, field), plan, shared, small)

    def _write_ahead(self, plan: Plan, value: AnyArray, field: Field | None) -> bool:
        """Write to a store with latency: encode chunks while others are sent. Returns False if that cannot be done.

        All locks are taken at once: a writer that waits for a lock must not hold others that it could release.
        """
        from zarrcy.sync.io_depth import groups_of_requests
        from zarrcy.sync.overlap import overlap

        context = self.context
        numbers = [n for n in range(plan.n_pieces) if field is not None or not plan.complete(n)]
        if numbers and context.locks.synchronizer is not None:
            # each of its locks is held as short as possible
            return False
        keys = [key for n in numbers for key in plan.keys(n, n + 1, context.prefix, context.separator)]
        size, at_once = groups_of_requests(context.batch, plan.n_pieces)
        lock = context.locks.lock_all(keys)
        try:
            if keys:
                lock.acquire()
            overlap(
                lambda: ChunkWriter(plan, context, value, field).steps,
                batches(plan.n_pieces, size),
                at_once,
                writes=True,
            )
        finally:
            lock.release()
        return True

    def _write_files(self, plan: Plan, value: AnyArray) -> None:
        """Write chunk files on the native path, and what it returns in part or on the fallback path."""
        context, native_path, write_dir = self.context, self.context.native_path, self.write_dir
        assert native_path is not None, "the caller checks that chunks are files"
        assert write_dir is not None, "the caller checks that chunks are files"
        file_write = FileWrite(
            native_path,
            native_path.queue(plan, self.layout, value, self.fill_bytes),
            write_dir,
            uniform=is_uniform(value),
            keep_empty=context.write_empty_chunks,
        )
        numbers = file_write.write_whole()
        if not numbers:
            return
        n = min(thread_pool.n_threads(), len(numbers)) if context.writes_in_threads(len(numbers)) else 1
        thread_pool.share(
            lambda: PartialFileWriter(context, plan, value, file_write, numbers),
            batches(len(numbers), 1),
            n,
            depth=None if context.locks.synchronizer else native_path.depth(write_dir.changes, len(numbers)),
        )

    @LazyAttribute
    def reads(self) -> FileWaits:
        """How long threads wait for files that are read on the fallback path."""
        from zarrcy.sync.io_depth import FileWaits

        return FileWaits()

    @LazyAttribute
    def writes(self) -> FileWaits:
        """How long threads wait for files that are written on the fallback path."""
        from zarrcy.sync.io_depth import FileWaits

        return FileWaits()

    def _measures(self, plan: Plan) -> bool:
        """Return whether a call has enough files to find out how long threads wait for them."""
        return self.context.has_files and plan.n_pieces >= self.context.policy.measured_files

    def _run_files(
        self, make_task: Callable[[], thread_pool.Task], plan: Plan, shared: bool, place: FileWaits
    ) -> None:
        """Run a task for the pieces of a plan, in more threads if files are slow."""
        context, waits = self.context, place.begin()
        size = context.shared_batch if shared else context.batch
        n = min(thread_pool.n_threads(), plan.n_pieces) if shared else 1
        thread_pool.share(
            lambda: waits.counted(make_task()),
            waits.ranges(plan.n_pieces, size),
            n,
            depth=waits.depth(3 * context.layout.nbytes),
        )

    def _read_alone(self, make_reader: Callable[[], ChunkReader], plan: Plan) -> None:
        """Read pieces whose codecs only one thread may call; others wait for files, if those are slow."""
        from zarrcy.sync.overlap import overlap

        context, waits = self.context, self.reads.begin()
        ranges, depth = waits.ranges(plan.n_pieces, context.batch), waits.depth(2 * context.layout.nbytes)
        task = waits.counted(make_reader())
        for first, last in ranges:
            task(first, last)
            wanted = depth()
            if wanted is not None:
                most = wanted.most_nbytes // max(1, wanted.held_nbytes)
                overlap(lambda: make_reader().steps, ranges, max(1, min(wanted.n_helpers + 1, most)))

    def is_aligned(self, plan: Plan) -> bool:
        """Return whether a plan covers all of each chunk that it touches, as far as inside the array."""
        return all(map(plan.complete, range(plan.n_pieces)))

    def _run(self, make_task: Callable[[], thread_pool.Task], plan: Plan, shared: bool, small: bool) -> None:
        """Run a task for the batches of a plan, in this thread or shared among several."""
        size = self.context.shared_batch if small else self.context.batch_of_one_thread()
        n = min(thread_pool.n_threads(), plan.n_pieces) if shared else 1
        thread_pool.share(make_task, batches(plan.n_pieces, size), n)
