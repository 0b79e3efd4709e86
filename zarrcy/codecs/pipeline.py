"""A codec pipeline: the stages between a chunk in memory and its bytes in a store."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels
from zarrcy.codecs.array_codecs import is_ml_dtype
from zarrcy.codecs.bounded_decode import check_min_length, is_own
from zarrcy.codecs.crc32c import CRC32C
from zarrcy.codecs.encoded_size import encoded_nbytes
from zarrcy.codecs.filter_decode import Undo, undo
from zarrcy.codecs.n5 import N5ChunkWrapper
from zarrcy.codecs.partial_decode import Memory, PartialRead, Touched, read_blosc, read_raw
from zarrcy.codecs.shard_index import index_format
from zarrcy.codecs.stages import Compressor, Filter, Pack, Shard, Stage, Transpose
from zarrcy.errors import UnsafeCodecError
from zarrcy.types import AnyDtype, Buffer, Shape


class StageError(Exception):
    """A stage refused its input; the caller knows the key and says so."""

    def __init__(self, stage: str, problem: str) -> None:
        super().__init__(stage, problem)
        self.stage, self.problem = stage, problem


NamedDecoder = tuple[str, Undo]
"""The name of a stage, and what undoes it."""


class Pipeline:
    """The stages of one array, ready to run.

    Chunks are handed over flat: one run of memory in the order `order` of the axes, slowest first.
    Numbers are bytes (``uint8``, C-contiguous); Python objects are a 1-d array of objects.

    Parameters
    ----------
    stages : in the order of encoding
    chunk_shape : in elements
    dtype : of the elements
    fill_bytes : the fill value as `fill_bytes` returns it, for what is absent inside a shard; zeros by default
    """

    def __init__(
        self, stages: tuple[Stage, ...], chunk_shape: Shape, dtype: AnyDtype, fill_bytes: Any = None
    ) -> None:
        self.stages = stages
        self.dtype = dtype
        # codecs do not take the types that other packages add to NumPy's
        self._seen_dtype = np.dtype(f"u{dtype.itemsize}") if is_ml_dtype(dtype) else dtype
        self.order = next(
            (s.order for s in stages if isinstance(s, Transpose)), tuple(range(len(chunk_shape)))
        )
        # some filters can't take an array without axes, and none cares for its shape
        self.memory_shape = tuple(chunk_shape[axis] for axis in self.order) or (1,)
        self.nbytes = math.prod(chunk_shape) * dtype.itemsize
        self.filters = tuple(s for s in stages if isinstance(s, Filter))
        self.compressors = tuple(s for s in stages if isinstance(s, Compressor))
        # where the store has the bytes of an element in another order: the stage that turns them round
        self._swap = next((s for s in stages if isinstance(s, Pack) and s.swaps), None)
        shard = next((s for s in stages if isinstance(s, Shard)), None)
        self._shard = None if shard is None else WholeShard(shard, self.memory_shape, dtype, fill_bytes)
        self.is_raw = not (self.filters or self.compressors or self._swap or self._shard or dtype.hasobject)
        # the first compressor's output is the chunk itself where no filter stands before it
        plain = self.compressors and not self.filters and not self._shard and not self._has_blocks
        self._first = self.compressors[0].decoder() if plain else None

    @cached_property
    def _undone(self) -> tuple[list[NamedDecoder], list[NamedDecoder]]:
        """What undoes the compressors, and the filters, the last one first. Most arrays never need it."""
        n_elements = self.nbytes // self.dtype.itemsize if self.dtype.itemsize else 0
        nbytes: int | None = self.nbytes
        found: list[list[NamedDecoder]] = []
        for stages in (self.filters, self.compressors):
            steps: list[NamedDecoder] = []
            for stage in stages:
                steps.insert(0, (stage.name, undo(stage.codec, nbytes, n_elements)))
                nbytes = encoded_nbytes(stage.codec, nbytes)
            found.append(steps)
            if self._shard is not None:
                nbytes = None
        return found[1], found[0]

    def inside_shards(self, chunk_shape: Shape) -> tuple[Shard, Pipeline] | None:
        """Return the stage that makes shards and the pipeline of their chunks, if chunks can be read one by one.

        What stands before the shards is the order of the axes alone, which the chunks inside then have;
        a codec behind them would have to be undone for all of a shard first.
        """
        if self._shard is None or self.filters or self.compressors:
            return None
        stage = self._shard.stage
        inner_order = self._shard.inner.order
        order = tuple(self.order[axis] for axis in inner_order)
        stages = tuple(s for s in stage.stages if not isinstance(s, Transpose))
        fill_bytes = self._shard.fill_bytes
        return stage, Pipeline((Transpose(order), *stages), chunk_shape, self.dtype, fill_bytes)

    @property
    def _has_blocks(self) -> bool:
        """Is what lies below the compressors a block, which brings its own memory, little of it where it was cut?"""
        return bool(self.compressors) and isinstance(self.compressors[0].codec, N5ChunkWrapper)

    def block_codec(self) -> N5ChunkWrapper | None:
        """Return the one codec of the chunks if it makes blocks of them, which may be cut."""
        if not self._is_simple or not self._has_blocks:
            return None
        codec: N5ChunkWrapper = self.compressors[0].codec
        fits = codec.chunk_shape == self.memory_shape and codec.dtype.itemsize == self.dtype.itemsize
        return codec if fits else None

    @property
    def _is_simple(self) -> bool:
        """Are chunks elements as they lie in memory, with one codec at most?"""
        odd = self.dtype.hasobject or self.filters or self._swap or self._shard
        return not odd and len(self.compressors) <= 1

    def native_codec(self) -> tuple[Any, bool] | None:
        """Return the one codec of the chunks, and whether a CRC-32C follows it; None if there are others.

        The codec is None where chunks are stored as they lie in memory.
        """
        if self.dtype.hasobject or self.filters or self._swap or self._shard:
            return None
        codecs: list[Any] = [stage.codec for stage in self.compressors]
        checksum = bool(codecs) and isinstance(codecs[-1], CRC32C)
        if checksum:
            codecs.pop()
        if not codecs:
            return None, checksum
        return (codecs[0], checksum) if len(codecs) == 1 and is_own(codecs[0]) else None

    @property
    def reads_parts(self) -> bool:
        """Can wanted parts of a chunk be had from parts of the stored bytes?"""
        if not self._is_simple:
            return False
        return self.is_raw or self.compressors[0].has_blocks

    def read_parts(self, touched: Touched, memory: Memory, stored_nbytes: int | None) -> PartialRead:
        """Read the wanted parts of a chunk: see `zarrcy.codecs.partial_decode`."""
        if self._first is None:
            return read_raw(touched, self.nbytes, memory, stored_nbytes)
        return read_blosc(self._first, touched, self.nbytes, memory)

    def decode(self, data: Buffer, scratch: NDArray[np.uint8]) -> Any:
        """Decode stored bytes to a flat chunk: in `scratch` where that saves a copy, else elsewhere.

        The length of what comes back is the caller's to check: a filter may return anything.

        Raises
        ------
        StageError : a codec refused the bytes
        """
        if self.is_raw:
            return data
        self._refuse_bare_objects()
        stage: Stage = self.stages[-1]
        try:
            if self._first is not None:
                if len(self.compressors) > 1:
                    data = _undo_all(self._undone[0][:-1], data)
                stage = self.compressors[0]
                self._first(data, scratch)
                if self._swap is not None:
                    self._swap.decode_into(scratch, scratch)
                return scratch
            data = _undo_all(self._undone[0], data)
            if self._shard is not None:
                stage = self._shard.stage
                return self._shard.decode(data)
            if self._swap is not None:
                stage = self._swap
                if not self.filters:
                    self._swap.decode_into(data, scratch)
                    return scratch
                data = self._swap.decode(data)
            data = _undo_all(self._undone[1], data)
        except (UnsafeCodecError, StageError):
            raise
        except Exception as exc:
            raise StageError(stage.name, f"{type(exc).__name__}: {exc}") from exc
        return self._flat(data)

    def check_min_length(self, data: Buffer) -> None:
        """Refuse stored bytes that are no whole chunk, as far as that is seen without memory for one.

        Raises
        ------
        StageError : they are none
        """
        if not self.compressors and self.uses_memory and memoryview(data).nbytes != self.nbytes:
            raise StageError("bytes", f"{memoryview(data).nbytes} bytes, where a chunk has {self.nbytes}")
        if self._first is None or len(self.compressors) > 1:
            return
        stage = self.compressors[0]
        try:
            check_min_length(stage.codec, data, self.nbytes)
        except ValueError as exc:
            raise StageError(stage.name, f"{type(exc).__name__}: {exc}") from exc

    @property
    def uses_memory(self) -> bool:
        """Is a chunk decoded to memory that is given? Filters and shards bring their own, and objects do."""
        in_place = self._first is not None or (self._swap is not None and not self.filters)
        return in_place and self._shard is None and not self.dtype.hasobject

    def _refuse_bare_objects(self) -> None:
        if self.dtype.hasobject and not (self.filters or self._shard):
            raise StageError(
                "bytes", "objects have no bytes: the array has no object codec among its filters"
            )

    def _flat(self, decoded: Any) -> Any:
        """Make one flat run of what the last filter returned."""
        if self.dtype.hasobject:
            array = np.asarray(decoded)
            if array.dtype.kind != "O":
                raise StageError(self.filters[0].name, f"decoded to {array.dtype}, not to objects")
            return array.reshape(-1, order="A")
        if not isinstance(decoded, np.ndarray):
            return np.frombuffer(decoded, np.uint8)
        if decoded.dtype.hasobject:
            raise StageError(self.filters[0].name, f"decoded to objects, not to {self.dtype}")
        return np.ascontiguousarray(decoded.reshape(-1, order="A")).view(np.uint8)

    def encode(self, flat: NDArray[Any]) -> Buffer:
        """Encode a flat chunk.

        The result may be a view of `flat`: it must be used before the memory of `flat` is.

        Raises
        ------
        StageError : a codec refused the chunk
        """
        if self.is_raw:
            return flat
        self._refuse_bare_objects()
        chunk: Any = flat.view(self._seen_dtype).reshape(self.memory_shape)
        stage: Stage = self.stages[0]
        try:
            for stage in self.filters:
                chunk = stage.encode(chunk)
            if self._swap is not None:
                stage = self._swap
                chunk = self._swap.encode(chunk)
            if self._shard is not None:
                stage = self._shard.stage
                chunk = self._shard.encode(chunk)
            for stage in self.compressors:
                chunk = stage.encode(chunk)
        except Exception as exc:
            raise StageError(stage.name, f"{type(exc).__name__}: {exc}") from exc
        if isinstance(chunk, np.ndarray):
            return np.ascontiguousarray(chunk.reshape(-1, order="A")).view(np.uint8)
        encoded: Buffer = chunk
        return encoded


class WholeShard:
    """A shard that is encoded and decoded as a whole: one inside another, or one that is compressed once more.

    Other shards are read chunk by chunk, see `zarrcy.chunk_io.sharding`.
    """

    def __init__(self, stage: Shard, shape: Shape, dtype: AnyDtype, item: Any) -> None:
        self.stage, self.shape, self.dtype = stage, shape, dtype
        self.fill_bytes = fill_bytes(None, dtype) if item is None else item
        self.inner = Pipeline(stage.stages, stage.chunk_shape, dtype, self.fill_bytes)
        self.kernels = _kernels.for_dtype(dtype)
        counts = tuple(n // c for n, c in zip(shape, stage.chunk_shape, strict=False))
        # the places of chunks are not listed: a document may state any number of them
        self.counts = counts
        self.index = index_format(stage, counts)

    def _places(self) -> Iterator[tuple[int, tuple[slice, ...]]]:
        lengths = self.stage.chunk_shape
        for number, at in enumerate(np.ndindex(self.counts)):
            yield number, tuple(slice(i * n, (i + 1) * n) for i, n in zip(at, lengths, strict=True))

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Decode a shard to a flat array: of bytes, or of objects."""
        view = memoryview(data).cast("B")
        found = self.index.chunks_of(view)
        out = np.empty(self.shape, self.dtype)
        self.kernels.fill(self._flat(out), self.fill_bytes)
        scratch = np.empty(self.inner.nbytes, np.uint8)
        for number, place in self._places():
            if number in found:
                flat = self.inner.decode(found[number], scratch)
                if not self.dtype.hasobject:
                    flat = np.frombuffer(flat, np.uint8)
                if flat.nbytes != self.inner.nbytes:
                    raise ValueError(f"inner chunk {number} decoded to {flat.nbytes} bytes")
                in_memory = flat.view(self.dtype).reshape(self.inner.memory_shape)
                out[place] = in_memory.transpose(np.argsort(self.inner.order))
        return self._flat(out)

    def _flat(self, array: NDArray[Any]) -> NDArray[Any]:
        flat = array.reshape(-1)
        return flat if self.dtype.hasobject else flat.view(np.uint8)

    def encode(self, elements: NDArray[Any]) -> bytes:
        """Encode the elements of a shard."""
        array = elements.reshape(self.shape)
        chunks: dict[int, Buffer] = {}
        for number, place in self._places():
            flat = self._flat(np.ascontiguousarray(array[place].transpose(self.inner.order)))
            if not self.kernels.is_filled(flat, self.fill_bytes):
                chunks[number] = bytes(self.inner.encode(flat))
        return self.index.assemble(chunks)


def fill_bytes(fill_value: Any, dtype: AnyDtype) -> Any:
    """Return one element as the kernels want it: its bytes, or the object itself. None is zero."""
    if dtype.hasobject:
        return fill_value
    return (np.zeros((), dtype) if fill_value is None else np.asarray(fill_value, dtype)).tobytes()


def _undo_all(steps: list[NamedDecoder], data: Any) -> Any:
    for name, decode in steps:
        try:
            data = decode(data)
        except UnsafeCodecError:
            raise
        except Exception as exc:
            raise StageError(name, f"{type(exc).__name__}: {exc}") from exc
    return data
