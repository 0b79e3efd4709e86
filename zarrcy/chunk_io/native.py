"""The native lane: what it can do for an array, and how its work is shared among threads.

It knows chunks without a codec or with one that was built in, and a checksum behind them; and files of a
directory. All else goes the general way of `zarrcy.chunk_io.chunk_io`, and so does whatever the lane finds odd; the
results are the same. ``ZARRCY_NATIVE=0`` in the environment turns it off.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels, settings
from zarrcy.codecs import Pipeline
from zarrcy.codecs.typed_blosc import blosc_shuffle
from zarrcy.storage import access
from zarrcy.sync import thread_pool
from zarrcy.types import AnyDtype, Buffer, Kernels, Store

enabled = bool(settings.NATIVE.value())

# What one thread does in the time that it takes to wake another.
_WORTH_THREADS_NBYTES = 512 * 1024
_WORTH_THREADS_PIECES = 64
# So many bytes that are touched only are as much work as one that is moved.
_WORTH_OF_TOUCHED = 16
# So many bytes are moved between two looks at the common counter.
_STEP_NBYTES = 128 * 1024
_MOST_PIECES = 64

_lane = _kernels.native


def codecs() -> tuple[str, ...]:
    """Return the names of the codecs that the lane has built in.

    >>> "raw" in codecs() or not codecs()
    True
    """
    return tuple(_lane.CODECS) if _lane is not None else ()


def chunk_codec(pipeline: Pipeline, layout: Any, dtype: AnyDtype, kernels: Kernels) -> Any:
    """Return what decodes and encodes chunks in the lane; None if they must go the general way."""
    if _lane is None or not enabled or kernels is not _kernels.compiled or layout.nbytes == 0:
        return None
    found = pipeline.native_codec()
    if found is None:
        return None
    codec, checksum = found
    name = "raw" if codec is None else str(codec.codec_id)
    if name not in _lane.CODECS:
        return None
    return _lane.ChunkCodec(
        layout.nbytes, dtype.itemsize, name, checksum, _encoding(name, codec, dtype.itemsize)
    )


def _encoding(name: str, codec: Any, itemsize: int) -> dict[str, Any] | None:
    """Return how a codec of numcodecs encodes; None if the lane can't do the same.

    A codec takes what its configuration says, which comes from outside; here only what makes sense is taken.
    """
    assert _lane is not None
    config = {} if codec is None else codec.get_config()
    if name == "raw":
        return {}
    if name == "zstd" and _is_among(config["level"], -(2**17), 22):
        return {"level": config["level"], "checksum": bool(config.get("checksum", False))}
    if name == "lz4" and _is_among(config["acceleration"], 1, 2**16):
        return {"level": config["acceleration"]}
    if name in ("gzip", "zlib") and _is_among(config["level"], -1, 9):
        # -1 leaves it to zlib, which takes 6
        level = 6 if config["level"] == -1 else int(config["level"])
        return {"level": level} if level in _lane.DEFLATE_LEVELS else None
    if name != "blosc":
        return None
    typesize = getattr(codec, "typesize", None) or itemsize
    shuffle, cname = config["shuffle"], config["cname"]
    if not (
        isinstance(cname, str)
        and cname in _lane.INNER
        and _is_among(config["clevel"], 0, 9)
        and _is_among(shuffle, -1, 2)
        and _is_among(typesize, 1, 2**31 - 1)
        and _is_among(config["blocksize"], 0, 2**30)
    ):
        return None
    if shuffle == -1:
        shuffle = blosc_shuffle(typesize)
    return {
        "cname": cname,
        "level": config["clevel"],
        "shuffle": shuffle,
        "typesize": typesize,
        "blocksize": config["blocksize"],
    }


def _is_among(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and least <= value <= most


def folder(store: Store, prefix: str, separator: str) -> Any:
    """Return where the lane finds the files of chunks; None if they are no files, or no lane is there."""
    root = access.directory_of(store) if _lane is not None else None
    if _lane is None or root is None:
        return None
    return _lane.ChunkDir(os.fsencode(root + prefix), os.fsencode(separator))


def read_files(
    codec: Any, where: Any, plan: Any, layout: Any, out: NDArray[Any], item: bytes | None
) -> list[int]:
    """Read the pieces of a plan from files; return the numbers of those that must go the general way."""
    assert _lane is not None
    step = _step(codec)
    job = _lane.PieceQueue(codec, plan, layout, out, item, step)
    read = _lane.read_files
    nbytes = max(out.nbytes, _touched_nbytes(codec, plan, layout, step))
    return _shared(job, lambda: read(job, where), _n_threads(plan.n_pieces, step, nbytes))


def _touched_nbytes(codec: Any, plan: Any, layout: Any, step: int) -> int:
    """Return for how many bytes the work counts that is done on what a read does not want.

    Of a chunk the part is touched that lies between the first and the last wanted row; to read or to
    decode it takes less than to move what is wanted.
    """
    nbytes: int = plan.n_pieces * codec.nbytes // _WORTH_OF_TOUCHED
    if nbytes < _WORTH_THREADS_NBYTES or plan.n_pieces <= step or getattr(plan, "has_lists", True):
        return nbytes
    axis = layout.order[0] if layout.order else 0
    rows = plan.slices(0)[0][axis]
    n_rows = 1 if isinstance(rows, int) else rows.stop - rows.start
    return nbytes * n_rows // int(layout.chunk_shape[axis])


def read_values(
    codec: Any,
    values: list[Buffer | None],
    first: int,
    plan: Any,
    layout: Any,
    out: NDArray[Any],
    item: bytes | None,
) -> list[int]:
    """Read neighbouring pieces from the stored values of their chunks; return the numbers of the odd ones."""
    assert _lane is not None
    n = len(values)
    job = _lane.PieceQueue(codec, plan, layout, out, item, n, first, first + n)
    stored = _lane.ValueBuffers(values)
    rest: list[int] = []
    while not job.done:
        rest.extend(_lane.read_values(job, stored))
    return rest


def read_spans(
    codec: Any,
    fd: int,
    index: NDArray[np.uint64],
    chunks: NDArray[np.int64],
    numbers: NDArray[np.int64],
    plan: Any,
    layout: Any,
    out: NDArray[Any],
    item: bytes | None,
) -> list[int]:
    """Read pieces from an open file that holds many chunks; return the numbers of the odd ones.

    Parameters
    ----------
    index : where each chunk of the file stands, as ``(offset, nbytes)``
    chunks : of each piece the number of its chunk in the index
    numbers : of the pieces
    """
    assert _lane is not None
    job = _lane.PieceQueue(codec, plan, layout, out, item, len(chunks), 0, -1, numbers)
    rest: list[int] = []
    while not job.done:
        rest.extend(_lane.read_spans(job, fd, index, chunks))
    return rest


def encode(
    codec: Any,
    first: int,
    last: int,
    plan: Any,
    layout: Any,
    value: NDArray[Any],
    item: bytes,
    keep_empty: bool,
) -> list[bytes | bool | None] | None:
    """Encode the chunks of neighbouring pieces.

    Returns of each its bytes, None if it holds nothing but the fill value and is not kept then, or False if
    it must go the general way. None if all must.
    """
    assert _lane is not None
    job = _lane.PieceQueue(codec, plan, layout, value, item, last - first, first, last)
    if not _lane.encodes(job):
        return None
    made: list[bytes | bool | None] = [False] * (last - first)
    _lane.encode_values(job, made, keep_empty, is_uniform(value))
    return made


class FileWriting:
    """Writes the pieces of one plan to files.

    Parameters
    ----------
    codec, where : see `chunk_codec` and `folder`
    plan, layout, value : what is written
    item : an element that was never written
    ending : of the name of a file until it is complete
    keep_empty : store chunks that hold nothing but the fill value
    """

    def __init__(
        self,
        codec: Any,
        where: Any,
        plan: Any,
        layout: Any,
        value: NDArray[Any],
        item: bytes,
        ending: bytes,
        keep_empty: bool,
    ) -> None:
        assert _lane is not None
        self.n_pieces = plan.n_pieces
        self.step = _step(codec)
        self.nbytes = self.n_pieces * codec.nbytes
        self.job = _lane.PieceQueue(codec, plan, layout, value, item, self.step)
        self.writes_whole = _lane.encodes(self.job)
        self._options = (where, ending, keep_empty, is_uniform(value))

    def new_writer(self) -> Any:
        """Return what one thread writes with."""
        assert _lane is not None
        return _lane.FileWriter(self.job, *self._options)

    def write_whole(self) -> list[int]:
        """Write the pieces that replace their chunks; return the numbers of the others, and of the odd ones."""
        if not self.writes_whole:
            return list(range(self.n_pieces))
        n = _n_threads(self.n_pieces, self.step, self.nbytes)
        return _shared(self.job, lambda: self.new_writer().write(), n)


def write_shard(
    codec: Any,
    fd: int,
    index: NDArray[np.uint64],
    chunks: NDArray[np.int64],
    end: NDArray[np.int64],
    numbers: NDArray[np.int64],
    plan: Any,
    layout: Any,
    value: NDArray[Any],
    item: bytes,
    n_threads: int,
) -> list[int]:
    """Encode pieces that replace their chunks, and write them behind one another to an open file.

    `end` is where the next one begins; `index` gets where each is. Returns the numbers of the other pieces.
    """
    assert _lane is not None
    job = _lane.PieceQueue(codec, plan, layout, value, item, _step(codec), 0, -1, numbers)
    if not _lane.encodes(job):
        return [int(number) for number in numbers]
    write, uniform = _lane.write_shard, is_uniform(value)
    return _shared(job, lambda: write(job, fd, index, chunks, end, uniform), n_threads)


def is_uniform(value: NDArray[Any]) -> bool:
    """Is a value one element everywhere?"""
    return value.size > 0 and not any(value.strides)


def _step(codec: Any) -> int:
    nbytes: int = codec.nbytes
    return max(1, min(_MOST_PIECES, _STEP_NBYTES // nbytes))


def _n_threads(n_pieces: int, step: int, nbytes: int) -> int:
    """Return how many threads are worth it."""
    if n_pieces > step and (n_pieces >= _WORTH_THREADS_PIECES or nbytes >= _WORTH_THREADS_NBYTES):
        return min(thread_pool.n_threads(), -(-n_pieces // step))
    return 1


def _shared(job: Any, work_on: Callable[[], list[int]], n: int) -> list[int]:
    """Call a function in `n` threads until a job is done, and return the numbers that all calls return."""
    rest: list[int] = []

    def work(first: int, last: int) -> None:
        while not job.done:
            rest.extend(work_on())

    if n == 1:
        work(0, 1)
    else:
        thread_pool.share(lambda: work, ((number, number + 1) for number in range(n)), n)
    return rest
