"""The stages of a codec pipeline: array to array, array to bytes, bytes to bytes.

A stage has a name and two directions, `encode` and `decode`. It does not know a format version: ``order``,
``filters`` and ``compressor`` of a v2 document and ``codecs`` of a v3 document become the same stages.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from zarrcy.codecs.bounded_decode import bounded_decoder, decode_whole
from zarrcy.codecs.configured import actual, get_codec
from zarrcy.codecs.elements import as_elements
from zarrcy.codecs.typed_blosc import encode, is_own
from zarrcy.types import JSON, AnyArray, AnyDtype, Buffer, Codec, Shape

if TYPE_CHECKING:
    from zarrcy.codecs.filter_decode import Decoder
    from zarrcy.codecs.pipeline import ShardCodec

# Filters without loss that may change a value which does not fit into what they store.
_MAY_WRAP = frozenset({"astype", "delta", "fixedscaleoffset", "packbits", "vlen-array"})
# Object codecs that the kernels have.
_VLEN = frozenset({"vlen-utf8", "vlen-bytes"})
# Codecs of numcodecs that add a checksum of four bytes.
_CHECKSUMS = ("crc32", "adler32", "fletcher32", "jenkins_lookup3")


class NamedDecoder(NamedTuple):
    """The decoder of one stage, with the name of the stage for error messages."""

    name: str
    decode: Decoder


@dataclass(frozen=True, slots=True)
class Transpose:
    """array -> array: store the axes of a chunk in another order.

    The pipeline does not run this stage: the kernels walk a chunk in any order of its axes.

    Parameters
    ----------
    order : tuple of int
        The axes from the slowest to the fastest in memory.
    """

    order: tuple[int, ...]
    name = "transpose"

    def encode(self, chunk: AnyArray) -> AnyArray:
        """Return a chunk with its axes in the stored order.

        Parameters
        ----------
        chunk : ndarray
            The chunk, with the axes of the array.

        Returns
        -------
        ndarray
            A contiguous array.

        Examples
        --------
        >>> Transpose((1, 0)).encode(np.array([[1, 2, 3]])).shape
        (3, 1)
        """
        return np.ascontiguousarray(chunk.transpose(self.order))

    def decode(self, data: AnyArray) -> AnyArray:
        """Return a stored chunk with its axes in the order of the array.

        Parameters
        ----------
        data : ndarray
            The chunk, with its axes in the stored order.

        Returns
        -------
        ndarray
            A contiguous array.
        """
        return np.ascontiguousarray(data.transpose(np.argsort(self.order)))


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """array -> array, or array -> bytes for an object codec: a numcodecs codec that sees elements.

    Parameters
    ----------
    codec : Codec
        The codec.
    """

    codec: Codec

    @property
    def configured(self) -> Codec:
        """The codec. A compressor has one that is made on first use, see `Compressor.configured`."""
        return self.codec

    @property
    def name(self) -> str:
        """Name of the codec."""
        return str(self.codec.codec_id)

    def of_elements(self, n: int) -> Filter:
        """Return the filter for chunks of `n` elements.

        Parameters
        ----------
        n : int
            Number of elements in a chunk.

        Returns
        -------
        Filter
            The filter itself, unless its codec depends on the number.
        """
        for_elements = getattr(self.codec, "for_elements", None)
        return self if for_elements is None else Filter(for_elements(n))

    def encode(self, chunk: AnyArray) -> Buffer:
        """Return the encoded elements of a chunk.

        Parameters
        ----------
        chunk : ndarray
            The elements.

        Returns
        -------
        ndarray or bytes-like
            The output of the codec.

        Raises
        ------
        ValueError
            If an element would decode to another one, although the filter is one without loss.
        """
        if self.codec.codec_id in _MAY_WRAP:
            from zarrcy.codecs.lossless import encode_without_loss  # few arrays have such a filter

            return encode_without_loss(self.codec, chunk)
        if self.codec.codec_id in _VLEN and is_own(self.codec):
            from zarrcy.codecs import vlen  # only arrays of texts or bytes have such a codec

            return vlen.encode(self.codec, chunk)
        return encode(self.codec, chunk)

    def decode(self, data: Buffer) -> Buffer:
        """Return the elements of a chunk.

        The codec trusts the lengths that the bytes state. A pipeline uses `decoder`, which checks them.

        Parameters
        ----------
        data : ndarray or bytes-like
            The output of the codec.

        Returns
        -------
        ndarray or bytes-like
            The elements.
        """
        return decode_whole(self.codec, data)

    def decoder(self, nbytes: int | None, n_elements: int) -> NamedDecoder:
        """Return the decoder for chunks of a known length.

        Parameters
        ----------
        nbytes : int or None
            Length of the codec's input when a chunk was encoded, in bytes; None if it is not known.
        n_elements : int
            Number of elements in a chunk.

        Returns
        -------
        NamedDecoder
            The name of the filter and the function that decodes.
        """
        return NamedDecoder(self.name, _decoder_for(self.codec, nbytes, n_elements))


@dataclass(frozen=True, slots=True)
class Pack:
    """array -> bytes: the elements of a chunk one after another.

    Parameters
    ----------
    stored, memory : AnyDtype or None
        The data types in the store and in memory, which differ in byte order; None if the stored bytes are
        those in memory.
    """

    stored: AnyDtype | None = None
    memory: AnyDtype | None = None
    name = "bytes"

    def byteorder(self, memory: AnyDtype) -> str:
        """Return the byte order in the store.

        ``dtype.byteorder`` is ``"="`` for the order of the host, and so does not name the order.

        Parameters
        ----------
        memory : dtype
            The data type in memory.

        Returns
        -------
        str
            ``"<"``, ``">"``, or ``"|"`` if the elements do not have a byte order.

        Examples
        --------
        >>> Pack().byteorder(np.dtype(">i2")), Pack(np.dtype("<i2"), np.dtype(">i2")).byteorder(np.dtype(">i2"))
        ('>', '<')
        """
        return str((memory if self.stored is None else self.stored).str[0])

    @property
    def swaps(self) -> bool:
        """Whether the byte order in the store differs from that in memory."""
        return self.stored is not None

    def encode(self, chunk: AnyArray | Buffer) -> NDArray[np.uint8]:
        """Return the bytes of elements, in the byte order of the store.

        Parameters
        ----------
        chunk : ndarray or bytes-like
            The elements, in the byte order of memory.

        Returns
        -------
        ndarray of uint8
            The bytes.

        Examples
        --------
        >>> Pack(np.dtype(">i2"), np.dtype("<i2")).encode(np.array([1], "<i2")).tolist()
        [0, 1]
        """
        if self.stored is None:
            return as_elements(chunk, np.dtype(np.uint8))
        return as_elements(chunk, self._memory).astype(self.stored).view(np.uint8)

    def decode(self, data: Buffer) -> NDArray[np.uint8]:
        """Return the bytes of elements, in the byte order of memory.

        Parameters
        ----------
        data : bytes-like
            The elements, in the byte order of the store.

        Returns
        -------
        ndarray of uint8
            The bytes.
        """
        if self.stored is None:
            return as_elements(data, np.dtype(np.uint8))
        return as_elements(data, self.stored).astype(self._memory).view(np.uint8)

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Write the bytes of elements to `out`, in the byte order of memory.

        Parameters
        ----------
        data : bytes-like
            The elements, in the byte order of the store.
        out : ndarray of uint8
            Memory for the bytes; it may be that of `data`.

        Raises
        ------
        ValueError
            If `data` and `out` differ in length.
        """
        assert self.stored is not None, "the caller checks that the stage swaps bytes"
        elements = as_elements(data, self.stored)
        if elements.nbytes != out.nbytes:
            raise ValueError(f"decoded to {elements.nbytes} bytes")
        out.view(self._memory)[:] = elements

    @property
    def _memory(self) -> AnyDtype:
        assert self.memory is not None, "a stage that swaps bytes knows both data types"
        return self.memory


@dataclass(frozen=True, slots=True)
class Shard:
    """array -> bytes: many inner chunks in one stored value, with an index of their byte ranges.

    To encode and decode, the stage needs to know what it is given: `codec` returns its two directions.

    Parameters
    ----------
    chunk_shape : Shape
        Shape of the inner chunks, in elements, with the axes in the order of memory.
    stages : tuple of Stage
        The stages of the inner chunks.
    index_stages : tuple of Stage
        The stages of the index: a `Pack`, and checksums.
    index_at_end : bool
        Whether the index follows the chunks, instead of preceding them.
    dtype : AnyDtype or None
        Data type of the elements that the stage is given; None for that of the array.
    """

    chunk_shape: Shape
    stages: tuple[Stage, ...]
    index_stages: tuple[Stage, ...]
    index_at_end: bool = True
    dtype: AnyDtype | None = None
    name = "sharding_indexed"

    def codec(self, shape: Shape, dtype: AnyDtype, fill_bytes: Buffer | None = None) -> ShardCodec:
        """Return the codec of shards of one shape.

        Parameters
        ----------
        shape : tuple of int
            Shape of a shard, in elements, with the axes in the order of memory.
        dtype : dtype
            Data type of the elements.
        fill_bytes : bytes-like, optional
            The fill value as the function `fill_bytes` returns it; zero by default.

        Returns
        -------
        ShardCodec
            An object with `encode` and `decode`.
        """
        from zarrcy.codecs.pipeline import ShardCodec  # inner chunks have a pipeline, which has stages

        return ShardCodec(self, shape, dtype, fill_bytes)


@dataclass(frozen=True, slots=True, eq=False)
class Compressor:
    """bytes -> bytes: a numcodecs codec.

    Parameters
    ----------
    configured : Codec
        The codec, or a `ConfiguredCodec`, which has the name and the configuration of the codec.
    """

    configured: Codec

    @property
    def codec(self) -> Codec:
        """The codec itself, which users may see and change."""
        return actual(self.configured)

    @property
    def name(self) -> str:
        """Name of the codec."""
        return str(self.configured.codec_id)

    def encode(self, chunk: AnyArray | Buffer) -> Buffer:
        """Return the encoded bytes.

        Parameters
        ----------
        chunk : ndarray or bytes-like
            The bytes.

        Returns
        -------
        bytes-like
            The output of the codec.
        """
        return encode(self.configured, chunk)

    def decode(self, data: Buffer) -> Buffer:
        """Return decoded bytes whose length is not known.

        Parameters
        ----------
        data : bytes-like
            The output of the codec.

        Returns
        -------
        bytes-like
            The decoded bytes.

        Raises
        ------
        ValueError
            If the bytes decode to an excessive length.
        """
        return _decoder_for(self.configured, None, 0)(data)

    def decoder(self, nbytes: int | None, n_elements: int) -> NamedDecoder:
        """Return the decoder for bytes that decode to a known length.

        Parameters
        ----------
        nbytes : int or None
            Decoded length, in bytes; None if it is not known.
        n_elements : int
            Number of elements in a chunk.

        Returns
        -------
        NamedDecoder
            The name of the compressor and the function that decodes.
        """
        return NamedDecoder(self.name, _decoder_for(self.configured, nbytes, n_elements))

    def decoder_into(self) -> Callable[[Buffer, NDArray[np.uint8]], None]:
        """Return a function that decodes bytes into memory of the decoded length.

        Returns
        -------
        callable
            Takes the bytes and the memory, an array of uint8. It raises ValueError if the lengths differ.
        """
        return bounded_decoder(self.configured)

    @property
    def added_nbytes(self) -> int | None:
        """Number of bytes that the codec adds to any input; None if the number depends on the input."""
        if self.name in _CHECKSUMS and is_own(self.configured):
            return 4
        added: int | None = getattr(self.configured, "added_nbytes", None)
        return added

    @property
    def makes_blocks(self) -> bool:
        """Whether the encoded bytes are an N5 block."""
        return self.name == "n5_wrapper" and type(self.configured).__module__ == "zarrcy.codecs.n5"

    @property
    def has_blocks(self) -> bool:
        """Whether the encoded bytes are a Blosc frame, whose blocks can be decoded one by one."""
        return self.name == "blosc" and is_own(self.configured)


Stage: TypeAlias = Transpose | Filter | Pack | Shard | Compressor


def with_own_codecs(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """Return equal stages with copies of the codecs, so that a change of a codec changes one array only.

    Parameters
    ----------
    stages : iterable of Stage
        The stages of a pipeline.

    Returns
    -------
    tuple of Stage
        The new stages.

    Examples
    --------
    >>> import numcodecs
    >>> codec = numcodecs.Blosc(clevel=3)
    >>> (stage,) = with_own_codecs([Compressor(codec)])
    >>> stage.codec == codec, stage.codec is codec
    (True, False)
    """
    return tuple([_with_own_codec(stage) for stage in stages])


def _with_own_codec(stage: Stage) -> Stage:
    if isinstance(stage, (Pack, Transpose)):
        return stage
    if isinstance(stage, Shard):
        return Shard(
            stage.chunk_shape,
            with_own_codecs(stage.stages),
            with_own_codecs(stage.index_stages),
            stage.index_at_end,
            stage.dtype,
        )
    return type(stage)(copy.copy(stage.configured))


def _decoder_for(codec: Codec, nbytes: int | None, n_elements: int) -> Decoder:
    from zarrcy.codecs.filter_decode import decoder_for  # most chunks are decoded to given memory

    return decoder_for(codec, nbytes, n_elements)


def as_codec(codec: Codec | Mapping[str, JSON] | str) -> Codec:
    """Return a codec, given itself or its configuration.

    Parameters
    ----------
    codec : Codec or dict
        A numcodecs codec, an object with the same interface, or a configuration with an ``id``.

    Returns
    -------
    Codec
        The codec.

    Raises
    ------
    ValueError
        If `codec` is neither a codec nor the configuration of a registered codec.

    Examples
    --------
    >>> as_codec({"id": "gzip", "level": 3})
    GZip(level=3)
    """
    if isinstance(codec, dict):
        return actual(get_codec(codec))
    if not hasattr(codec, "encode") or not hasattr(codec, "get_config"):
        raise ValueError(f"{codec!r} is not a codec; pass a numcodecs codec, its configuration, or None")
    return cast("Codec", codec)
