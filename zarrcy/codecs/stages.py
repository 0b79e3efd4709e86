"""The stages of a codec pipeline: array to array, array to bytes, bytes to bytes.

A stage knows two directions and its name. It never asks for a format version: what a v2 document
calls ``order``, ``filters`` and ``compressor`` and a v3 document calls ``codecs`` becomes the same
stages.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numcodecs
import numpy as np
from numpy.typing import NDArray

from zarrcy.codecs.bounded import bounded_decoder, check_frame, is_own
from zarrcy.errors import UnsafeCodecError
from zarrcy.types import Buffer


def _unpickle(data: Buffer) -> Any:
    """Unpickle, if the user allows it. Recent versions of numcodecs have a switch too, older ones do not ask."""
    if os.environ.get("ZARRCY_ALLOW_PICKLE", "") in ("", "0"):
        raise UnsafeCodecError("pickle")
    return pickle.loads(data)


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

    def encode(self, chunk: NDArray[Any]) -> Any:
        return self.codec.encode(chunk)

    def decode(self, data: Any) -> Any:
        if self.name == "pickle":
            return _unpickle(data)
        return self.codec.decode(data)


@dataclass(frozen=True, slots=True)
class Pack:
    """array -> bytes: the elements of a chunk one after the other, as they lie in memory."""

    name = "bytes"


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

    def decode(self, data: Buffer) -> Buffer:
        check_frame(self.codec, data)
        decoded: Buffer = self.codec.decode(data)
        return decoded

    @property
    def is_own(self) -> bool:
        """Is it a codec of numcodecs, rather than somebody's of the same name?"""
        return is_own(self.codec)

    @property
    def has_blocks(self) -> bool:
        """Is what it makes a Blosc frame, whose blocks can be decoded one by one?"""
        return self.name == "blosc" and self.is_own

    def decoder(self) -> Callable[[Buffer, NDArray[np.uint8]], None]:
        """Return a function that decodes bytes into memory of the length that they must have."""
        return bounded_decoder(self.codec)


Stage: TypeAlias = Transpose | Filter | Pack | Compressor


def as_codec(codec: Any) -> Any:
    """Return a codec: itself, or the one that a configuration names."""
    if isinstance(codec, dict):
        return numcodecs.get_codec(dict(codec))
    if not hasattr(codec, "encode") or not hasattr(codec, "get_config"):
        raise ValueError(f"{codec!r} is no codec: give a numcodecs codec, its configuration, or None")
    return codec
