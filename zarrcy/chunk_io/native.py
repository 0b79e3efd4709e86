"""The native path of an array: what it decodes and encodes, and how threads share its work.

It handles chunks without a codec or with one built-in codec, with or without checksums, after the filters that
`zarrcy.codecs.native_pipeline` translates. It also reads and writes the files of directories. Other chunks, and chunks
that it cannot decode, use the fallback path; the results are the same. ``ZARRCY_NATIVE=0`` in the environment turns the
native path off.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels, settings
from zarrcy.codecs import Pipeline
from zarrcy.codecs.typed_blosc import native_parameters
from zarrcy.storage import access
from zarrcy.storage.local.atomic_files import partial_ending
from zarrcy.sync import thread_pool
from zarrcy.types import AnyArray, AnyDtype, Buffer, ChunkLayout, Codec, Kernels, OuterPlan, Plan, Store

if TYPE_CHECKING:
    import zarrcy._kernels.native as _native
    from zarrcy._kernels._chunk_steps import Steps
    from zarrcy._kernels._native_codec import ChunkCodec
    from zarrcy._kernels._native_read import ChunkDir, Latency, PieceQueue
    from zarrcy._kernels._native_write import FileWriter
    from zarrcy.chunk_io.sharding.shard_file import NewShard
    from zarrcy.codecs.pipeline import NativePipeline
    from zarrcy.sync.io_depth import Depth
else:
    # None in a build without the native path. Then `open_native_path` returns None, and only `NativePath` uses it.
    _native = _kernels.native

enabled = bool(settings.NATIVE.value())

# Waking a thread takes as long as moving this many bytes or reading this many small chunks. Less work uses one thread.
_THREADS_MIN_NBYTES = 512 * 1024
_THREADS_MIN_PIECES = 64
# Reading or decoding this many bytes takes as long as moving one.
_TOUCHED_PER_MOVED = 16
# A thread takes pieces of about this many bytes from the shared queue at once, and at most this many pieces.
_STEP_NBYTES = 128 * 1024
_STEP_MOST_PIECES = 64


def codecs() -> tuple[str, ...]:
    """Return the names of the built-in codecs; none in a build without the native path.

    >>> "raw" in codecs() or not codecs()
    True
    """
    return () if _kernels.native is None else tuple(_native.CODECS)


def open_native_path(
    pipeline: Pipeline, layout: ChunkLayout, dtype: AnyDtype, kernels: Kernels
) -> NativePath | None:
    """Return the native path for the chunks of an array; None if they must use the fallback path.

    Parameters
    ----------
    pipeline : Pipeline
        The codecs of a chunk.
    layout : ChunkLayout
        The layout of a decoded chunk.
    dtype : AnyDtype
        The data type of the elements.
    kernels : Kernels
        The kernels for the data type. The native path needs the compiled ones.
    """
    if _kernels.native is None or not enabled or kernels is not _kernels.compiled or layout.nbytes == 0:
        return None
    native_pipeline = pipeline.native_pipeline()
    if native_pipeline is None:
        return None
    codec = native_pipeline.codec
    name = "raw" if codec is None else str(codec.codec_id)
    if name not in _native.CODECS:
        return None
    parameters = {} if codec is None else _encoding(name, codec, native_pipeline.itemsize)
    steps = []
    if native_pipeline.before or native_pipeline.after:
        steps = _steps(layout.nbytes, native_pipeline)
    return NativePath(
        _native.ChunkCodec(layout.nbytes, dtype.itemsize, name, native_pipeline.checksums, parameters, *steps)
    )


def _steps(nbytes: int, native_pipeline: NativePipeline) -> list[Steps]:
    """Return the steps before a codec encodes, and those after it decoded."""
    before = _native.Steps(nbytes, native_pipeline.before)
    return [before, _native.Steps(before.nbytes_out, native_pipeline.after)]


def _encoding(name: str, codec: Codec, itemsize: int) -> dict[str, int | str] | None:
    """Return the parameters for encoding as a codec of numcodecs does; None if the native path only decodes.

    The configuration of the codec comes from metadata, so each value is checked.
    """
    config = codec.get_config()
    if name == "zstd" and _is_integer(config["level"], -(2**17), 22):
        return {"level": config["level"], "checksum": bool(config.get("checksum", False))}
    if name == "lz4" and _is_integer(config["acceleration"], 1, 2**16):
        return {"level": config["acceleration"]}
    if name in ("gzip", "zlib") and _is_integer(config["level"], -1, 9):
        # -1 is the default level of zlib, which is 6
        level = 6 if config["level"] == -1 else int(config["level"])
        return {"level": level} if level in _native.DEFLATE_LEVELS else None
    if name != "blosc":
        return None
    return native_parameters(
        config["cname"],
        config["clevel"],
        config["shuffle"],
        getattr(codec, "typesize", None) or itemsize,
        config["blocksize"],
    )


def _is_integer(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and least <= value <= most


class NativePath:
    """Reads and writes the chunks of one array without the GIL.

    Methods that read or write return the numbers of the pieces that must use the fallback path.

    Parameters
    ----------
    codec : ChunkCodec
        The codec of the chunks.
    """

    __slots__ = ("codec", "encodes", "step")

    def __init__(self, codec: ChunkCodec) -> None:
        self.codec = codec
        self.encodes = codec.encodes
        self.step = max(1, min(_STEP_MOST_PIECES, _STEP_NBYTES // codec.nbytes))

    def chunk_dir(self, store: Store, prefix: str, separator: str) -> ChunkDir | None:
        """Return the directory of the chunk files; None if the values of the store are not files."""
        root = access.directory_of(store)
        return None if root is None else _native.ChunkDir(os.fsencode(root + prefix), os.fsencode(separator))

    def queue(
        self,
        plan: Plan,
        layout: ChunkLayout,
        array: AnyArray,
        fill_bytes: Buffer | None,
        first: int = 0,
        last: int = -1,
        numbers: NDArray[np.int64] | None = None,
    ) -> PieceQueue:
        """Return pieces from which one or several threads take some at a time.

        Parameters
        ----------
        plan : Plan
            The pieces of the selection.
        layout : ChunkLayout
            Where the elements, or one field of them, lie in a chunk.
        array : AnyArray
            The result of a read, or the value of a write.
        fill_bytes : bytes or None
            The element of missing chunks; None leaves their places in the result as they are.
        first, last : int, optional
            The queue has the pieces ``first <= number < last``; by default all of the plan.
        numbers : ndarray of int64, optional
            The numbers of the pieces, instead of `first` and `last`.
        """
        return _native.PieceQueue(
            self.codec, plan, layout, array, fill_bytes, self.step, first, last, numbers
        )

    def read_files(
        self, plan: Plan, layout: ChunkLayout, out: AnyArray, fill_bytes: Buffer | None, chunk_dir: ChunkDir
    ) -> list[int]:
        """Read the pieces of a plan from files: see `queue`."""
        queue = self.queue(plan, layout, out, fill_bytes)
        fallback_pieces: list[int] = []
        n_threads = 1
        if plan.n_pieces > self.step:
            nbytes = max(out.nbytes, self._touched_nbytes(plan, layout))
            n_threads = self.n_threads(plan.n_pieces, nbytes)
        # Hot path: few chunks. Any extra call is measurable here, and in the two functions below.
        while n_threads == 1 and not chunk_dir.reads.wait_ns:
            fallback_pieces += _native.read_files(queue, chunk_dir)
            if queue.done:
                return fallback_pieces
        read = functools.partial(_native.read_files, queue, chunk_dir)
        return fallback_pieces + _run(queue, read, n_threads, self.depth(chunk_dir.reads, plan.n_pieces))

    def depth(self, latency: Latency, n_pieces: int) -> Callable[[], Depth | None] | None:
        """Return a function that returns how many threads wait for files, or None if files come at once."""
        if n_pieces < 2:
            return None

        def depth() -> Depth | None:
            if not latency.wait_ns:
                return None
            from zarrcy.sync.io_depth import depth_for

            # a stored chunk, which may be longer than the chunk, and the chunk
            return depth_for(latency, 3 * self.codec.nbytes)

        return depth

    def read_values(self, queue: PieceQueue, values: list[Buffer | None], n_threads: int = 1) -> list[int]:
        """Read the pieces of a queue from the stored values of their chunks; None for a missing chunk."""
        stored = _native.ValueBuffers(values)
        if n_threads > 1:
            return _run(queue, functools.partial(_native.read_values, queue, stored), n_threads)
        fallback_pieces: list[int] = []
        while not queue.done:
            fallback_pieces += _native.read_values(queue, stored)
        return fallback_pieces

    def read_spans(
        self, queue: PieceQueue, fd: int, index: NDArray[np.uint64], chunks: NDArray[np.int64]
    ) -> list[int]:
        """Read the pieces of a queue from an open file that holds many chunks.

        Parameters
        ----------
        queue : PieceQueue
            The pieces.
        fd : int
            Descriptor of the file.
        index : ndarray of uint64
            One row ``(offset, nbytes)`` per chunk of the file.
        chunks : ndarray of int64
            For each piece, the row of its chunk in `index`.
        """
        fallback_pieces: list[int] = []
        while not queue.done:
            fallback_pieces += _native.read_spans(queue, fd, index, chunks)
        return fallback_pieces

    def encode(
        self, queue: PieceQueue, uniform: bool, keep_empty: bool, n_threads: int = 1
    ) -> list[bytes | bool | None] | None:
        """Return the encoded chunks of a queue; None if all must use the fallback path.

        An entry is None if the chunk holds only the fill value and is not kept, and False if it must use the fallback
        path. `uniform` states that the value is one element everywhere.
        """
        if not _native.encodes(queue):
            return None
        encoded: list[bytes | bool | None] = [False] * queue.n_places

        def encode() -> list[int]:
            _native.encode_values(queue, encoded, keep_empty, uniform)
            return []

        _run(queue, encode, 1 if uniform else n_threads)
        return encoded

    def write_shard(
        self, queue: PieceQueue, shard: NewShard, chunks: NDArray[np.int64], uniform: bool, n_threads: int
    ) -> list[int] | None:
        """Encode the pieces that replace their chunks, and append them to the file of a shard.

        Returns None if all pieces must use the fallback path.

        Parameters
        ----------
        queue : PieceQueue
            The pieces, see `queue`.
        shard : NewShard
            The shard. Its index and its end are changed.
        chunks : ndarray of int64
            For each piece, the number of its chunk in the shard.
        uniform : bool
            Whether the value is one element everywhere.
        n_threads : int
            How many threads encode.
        """
        if not _native.encodes(queue):
            return None
        return _run(
            queue,
            lambda: _native.write_shard(queue, shard.fd, shard.index, chunks, shard.end, uniform),
            n_threads,
        )

    def _touched_nbytes(self, plan: Plan, layout: ChunkLayout) -> int:
        """Return how many moved bytes take as long as reading and decoding what a read touches.

        Of a large chunk, only the part from the first to the last wanted row is read and decoded.
        """
        nbytes = plan.n_pieces * self.codec.nbytes // _TOUCHED_PER_MOVED
        if nbytes < _THREADS_MIN_NBYTES or getattr(plan, "has_lists", True):
            return nbytes
        axis = layout.order[0] if layout.order else 0
        rows = cast(OuterPlan, plan).slices(0)[0][axis]
        n_rows = 1 if isinstance(rows, int) else rows.stop - rows.start
        return nbytes * n_rows // layout.chunk_shape[axis]

    def n_threads(self, n_pieces: int, nbytes: int) -> int:
        """Return how many threads share work on pieces that takes as long as moving `nbytes`."""
        if n_pieces > self.step and (n_pieces >= _THREADS_MIN_PIECES or nbytes >= _THREADS_MIN_NBYTES):
            return min(thread_pool.n_threads(), -(-n_pieces // self.step))
        return 1


class FileWrite:
    """A write to chunk files.

    Parameters
    ----------
    native_path : NativePath
        The native path of the array.
    queue : PieceQueue
        The pieces, see `NativePath.queue`.
    chunk_dir : ChunkDir
        The files of the chunks.
    uniform : bool
        Whether the value is one element everywhere.
    keep_empty : bool
        Whether chunks are stored that hold only the fill value.
    """

    def __init__(
        self,
        native_path: NativePath,
        queue: PieceQueue,
        chunk_dir: ChunkDir,
        *,
        uniform: bool,
        keep_empty: bool,
    ) -> None:
        self.native_path, self.queue = native_path, queue
        self.chunk_dir, self.uniform, self.keep_empty = chunk_dir, uniform, keep_empty

    def new_writer(self) -> FileWriter:
        """Return the writer for one thread."""
        partial_name = partial_ending().encode()
        return _native.FileWriter(self.queue, self.chunk_dir, partial_name, self.keep_empty, self.uniform)

    def write_whole(self) -> list[int]:
        """Write the pieces that replace their chunks.

        Returns the numbers of the pieces that change a part of their chunk or must use the fallback path.
        """
        n = self.queue.n_places
        if not _native.encodes(self.queue):
            return list(range(n))
        n_threads = self.native_path.n_threads(n, n * self.native_path.codec.nbytes)
        depth = self.native_path.depth(self.chunk_dir.writes, n)
        return _run(self.queue, lambda: self.new_writer().write(), n_threads, depth)


def is_uniform(value: AnyArray) -> bool:
    """Return whether a value is one element everywhere, as a broadcast scalar is."""
    return value.size > 0 and not any(value.strides)


def _run(
    queue: PieceQueue,
    work: Callable[[], list[int]],
    n_threads: int,
    depth: Callable[[], Depth | None] | None = None,
) -> list[int]:
    """Call `work` in at most `n_threads` threads until a queue is done, and return the numbers from all calls."""
    fallback_pieces: list[int] = []

    def work_once(first: int, last: int) -> None:
        fallback_pieces.extend(work())

    if n_threads == 1:
        while not queue.done and (depth is None or depth() is None):
            work_once(0, 0)
        if queue.done:
            return fallback_pieces
    thread_pool.share(lambda: work_once, _calls(queue), n_threads, queue.stop, depth)
    return fallback_pieces


def _calls(queue: PieceQueue) -> Iterator[tuple[int, int]]:
    """Yield as long as threads have not taken all pieces. Between two calls, signals are handled and helpers leave."""
    while not queue.done:
        yield 0, 0
