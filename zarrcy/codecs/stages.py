"""The stages of a codec pipeline: array to array, array to bytes, bytes to bytes.

A stage knows two directions and its name. It never asks for a format version: what a v2 document
calls ``order``, ``filters`` and ``compressor`` and a v3 document calls ``codecs`` becomes the same
stages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numcodecs
import numpy as np
from numpy.typing import NDArray

from zarrcy.codecs.array_codecs import as_elements
from zarrcy.codecs.bounded_decode import bounded_decoder, is_own
from zarrcy.types import AnyDtype, Buffer, Shape

# Codecs of numcodecs that add a checksum of four bytes.
_CHECKSUMS = ("crc32", "adler32", "fletcher32", "jenkins_lookup3")


@dataclass(frozen=True, slots=True)
class Transpose:
    """array -> array: keep the axes of a chunk in another order.

    `order` lists the axes from the slowest to the fastest in memory. The pipeline does not execute
    it: the kernels walk a chunk in any order of its axes.
    """

    order: tuple[int, ...]
    name = "transpose"


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """array -> array, or array -> bytes for an object codec: a numcodecs codec that sees elements."""

    codec: Any

    @property
    def name(self) -> str:
        return str(self.codec.codec_id)

    def of_elements(self, n: int) -> Filter:
        """Return the filter for chunks of so many elements; few have to know it."""
        for_elements = getattr(self.codec, "for_elements", None)
        return self if for_elements is None else Filter(for_elements(n))

    def encode(self, chunk: NDArray[Any]) -> Any:
        return self.codec.encode(chunk)


@dataclass(frozen=True, slots=True)
class Pack:
    """array -> bytes: the elements of a chunk one after the other.

    Attributes
    ----------
    stored, memory : their data types in the store and in memory, which differ in byte order; None where
        they are stored as they lie in memory
    """

    stored: AnyDtype | None = None
    memory: AnyDtype | None = None
    name = "bytes"

    @property
    def swaps(self) -> bool:
        """Do the bytes of an element stand in another order in the store than in memory?"""
        return self.stored is not None

    def encode(self, elements: Any) -> NDArray[np.uint8]:
        """Return the bytes of elements, in the order of the store."""
        stored, memory = self._dtypes
        return as_elements(elements, memory).astype(stored).view(np.uint8)

    def decode(self, data: Any) -> NDArray[np.uint8]:
        """Return the bytes of elements, in the order of memory."""
        stored, memory = self._dtypes
        return as_elements(data, stored).astype(memory).view(np.uint8)

    def decode_into(self, data: Any, out: NDArray[np.uint8]) -> None:
        """Put the bytes of elements in memory that has just the place for them."""
        stored, memory = self._dtypes
        elements = as_elements(data, stored)
        if elements.nbytes != out.nbytes:
            raise ValueError(f"decoded to {elements.nbytes} bytes")
        out.view(memory)[:] = elements

    @property
    def _dtypes(self) -> tuple[AnyDtype, AnyDtype]:
        assert self.stored is not None, "it is asked only where it swaps"
        assert self.memory is not None
        return self.stored, self.memory


@dataclass(frozen=True, slots=True)
class Shard:
    """array -> bytes: many small chunks in one stored value, with an index of where each of them is.

    Attributes
    ----------
    chunk_shape : of the inner chunks, in elements, along the axes in the order of memory
    stages : of the inner chunks
    index_stages : of the index: a `Pack`, and checksums
    index_at_end : the index stands behind the chunks, not before them
    """

    chunk_shape: Shape
    stages: tuple[Stage, ...]
    index_stages: tuple[Stage, ...]
    index_at_end: bool = True
    name = "sharding_indexed"


@dataclass(frozen=True, slots=True, eq=False)
class Compressor:
    """bytes -> bytes: a numcodecs codec.

    Where the decoded length is known, `decode_into` decodes no more than that, whatever the stored
    bytes say of themselves.
    """

    codec: Any

    @property
    def name(self) -> str:
        return str(self.codec.codec_id)

    def encode(self, chunk: NDArray[Any] | Buffer) -> Buffer:
        encoded: Buffer = self.codec.encode(chunk)
        return encoded

    @property
    def added_nbytes(self) -> int | None:
        """How many bytes it adds, whatever they are; None where that depends on them."""
        if self.name in _CHECKSUMS and is_own(self.codec):
            return 4
        added: int | None = getattr(self.codec, "added_nbytes", None)
        return added

    @property
    def has_blocks(self) -> bool:
        """Is what it makes a Blosc frame, whose blocks can be decoded one by one?"""
        return self.name == "blosc" and is_own(self.codec)

    def decoder(self) -> Callable[[Buffer, NDArray[np.uint8]], None]:
        """Return a function that decodes bytes into memory of the length that they must have."""
        return bounded_decoder(self.codec)


Stage: TypeAlias = Transpose | Filter | Pack | Shard | Compressor


def as_codec(codec: Any) -> Any:
    """Return a codec: itself, or the one that a configuration names."""
    if isinstance(codec, dict):
        return numcodecs.get_codec(dict(codec))
    if not hasattr(codec, "encode") or not hasattr(codec, "get_config"):
        raise ValueError(f"{codec!r} is no codec: give a numcodecs codec, its configuration, or None")
    return codec
