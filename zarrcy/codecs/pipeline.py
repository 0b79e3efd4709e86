"""A codec pipeline: the stages between a chunk in memory and its bytes in a store."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.codecs.partial import Memory, PartialRead, Touched, read_blosc, read_raw
from zarrcy.codecs.stages import Compressor, Filter, Stage, Transpose
from zarrcy.errors import UnsafeCodecError
from zarrcy.types import AnyDtype, Buffer, Shape


class StageError(Exception):
    """A stage refused its input; the caller knows the key and says so."""

    def __init__(self, stage: str, problem: str) -> None:
        super().__init__(stage, problem)
        self.stage, self.problem = stage, problem


class Pipeline:
    """The stages of one array, ready to run.

    Chunks are handed over flat: one run of memory in the order `order` of the axes, slowest first.
    Numbers are bytes (``uint8``, C-contiguous); Python objects are a 1-d array of objects.

    Parameters
    ----------
    stages : in the order of encoding
    chunk_shape : in elements
    dtype : of the elements
    """

    def __init__(self, stages: tuple[Stage, ...], chunk_shape: Shape, dtype: AnyDtype) -> None:
        self.stages = stages
        self.dtype = dtype
        self.order = next(
            (s.order for s in stages if isinstance(s, Transpose)), tuple(range(len(chunk_shape)))
        )
        # some filters can't take an array without axes, and none cares for its shape
        self.memory_shape = tuple(chunk_shape[axis] for axis in self.order) or (1,)
        self.nbytes = math.prod(chunk_shape) * dtype.itemsize
        self.filters = tuple(s for s in stages if isinstance(s, Filter))
        self.compressors = tuple(s for s in stages if isinstance(s, Compressor))
        self.is_raw = not self.filters and not self.compressors and not dtype.hasobject
        # the first compressor's output is the chunk itself where no filter stands before it
        self._later = tuple(reversed(self.compressors[1:]))
        self._first = self.compressors[0].decoder() if self.compressors and not self.filters else None

    def native_codec(self) -> str | None:
        """Return the name of the one codec of the chunks, "raw" if there is none; None if there are others."""
        if self.dtype.hasobject or self.filters or len(self.compressors) > 1:
            return None
        if not self.compressors:
            return "raw"
        return self.compressors[0].name if self.compressors[0].is_own else None

    @property
    def reads_parts(self) -> bool:
        """Can wanted parts of a chunk be had from parts of the stored bytes?"""
        if self.dtype.hasobject or self.filters or len(self.compressors) > 1:
            return False
        return self.is_raw or self.compressors[0].has_blocks

    def read_parts(self, touched: Touched, memory: Memory, stored_nbytes: int | None) -> PartialRead:
        """Read the wanted parts of a chunk: see `zarrcy.codecs.partial`."""
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
                for stage in self._later:
                    data = stage.decode(data)
                stage = self.compressors[0]
                self._first(data, scratch)
                return scratch
            for stage in reversed(self.compressors):
                data = stage.decode(data)
            for stage in reversed(self.filters):
                data = stage.decode(data)
        except UnsafeCodecError:
            raise
        except Exception as exc:
            raise StageError(stage.name, f"{type(exc).__name__}: {exc}") from exc
        return self._flat(data)

    def _refuse_bare_objects(self) -> None:
        if self.dtype.hasobject and not self.filters:
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
        chunk: Any = flat.view(self.dtype).reshape(self.memory_shape)
        stage: Stage = self.stages[0]
        try:
            for stage in self.filters:
                chunk = stage.encode(chunk)
            for stage in self.compressors:
                chunk = stage.encode(chunk)
        except Exception as exc:
            raise StageError(stage.name, f"{type(exc).__name__}: {exc}") from exc
        if isinstance(chunk, np.ndarray):
            return np.ascontiguousarray(chunk.reshape(-1, order="A")).view(np.uint8)
        encoded: Buffer = chunk
        return encoded
