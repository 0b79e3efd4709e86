"""A codec pipeline: the stages between a chunk in memory and its bytes in a store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels
from zarrcy.codecs.bounded_decode import check_min_length
from zarrcy.codecs.elements import as_elements, is_ml_dtype
from zarrcy.codecs.stages import Compressor, Filter, NamedDecoder, Pack, Shard, Stage, Transpose
from zarrcy.codecs.typed_blosc import is_own
from zarrcy.errors import UnsafeCodecError
from zarrcy.types import AnyArray, AnyDtype, Buffer, Codec, Elements, LazyAttribute, Shape

if TYPE_CHECKING:
    from zarrcy.codecs.n5 import N5ChunkWrapper
    from zarrcy.codecs.partial_decode import Memory, PartialRead, Touched

NATIVE_COMPRESSORS = ("blosc", "zstd", "lz4", "gzip", "zlib")
"""Names of the codecs that the native path has, if their libraries were built in."""

Step: TypeAlias = tuple[object, ...]
"""The kind of a step of the native path, and its parameters: see `zarrcy._kernels._chunk_steps`."""
Checksum: TypeAlias = tuple[str, str, int]
"""A checksum of the native path: name, "start" or "end", and seed."""


@dataclass(frozen=True, kw_only=True)
class NativePipeline:
    """What the native path does with the chunks of an array.

    Attributes
    ----------
    codec : Codec or None
        The codec that compresses; None if chunks are stored without one.
    checksums : tuple of Checksum
        The checksums of the encoded bytes, in the order of encoding.
    before, after : tuple of Step
        What changes a chunk before the codec encodes it, and after it is decoded.
    itemsize : int
        Length of the items that the codec is given, in bytes.
    """

    codec: Codec | None
    checksums: tuple[Checksum, ...] = ()
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    itemsize: int


class StageError(Exception):
    """A stage cannot encode or decode its input. The caller, which knows the chunk key, reports the error.

    Parameters
    ----------
    stage : str
        Name of the stage.
    problem : str
        What is wrong with the input.
    """

    def __init__(self, stage: str, problem: str) -> None:
        super().__init__(stage, problem)
        self.stage, self.problem = stage, problem


def _check_output(name: str, output: Buffer, verb: str) -> None:
    """Raise a StageError unless a codec returned an array or an object with the buffer protocol.

    A codec of another package may return anything. None would mean that there is no chunk.
    """
    if isinstance(output, np.ndarray):
        return
    try:
        memoryview(output)
    except TypeError:
        raise StageError(
            name, f"{verb} to an object of type {type(output).__name__}, not to bytes or an array"
        ) from None


class Pipeline:
    """The stages of one array, ready to encode and decode chunks.

    Chunks are passed as flat arrays, with the axes in the order `order`, slowest first. Numbers are bytes
    (``uint8``, C-contiguous); Python objects are a 1-d array of objects.

    Parameters
    ----------
    stages : tuple of Stage
        The stages, in the order of encoding.
    chunk_shape : Shape
        Shape of a chunk, in elements.
    dtype : AnyDtype
        Data type of the elements.
    fill_bytes : Buffer, optional
        The fill value as `fill_bytes` returns it, for missing chunks inside a shard; zeros by default.
    """

    def __init__(
        self,
        stages: tuple[Stage, ...],
        chunk_shape: Shape,
        dtype: AnyDtype,
        fill_bytes: Buffer | None = None,
    ) -> None:
        self.stages = stages
        self.dtype = dtype
        self._codec_dtype = _codec_dtype(dtype)
        self.order = next(
            (s.order for s in stages if isinstance(s, Transpose)), tuple(range(len(chunk_shape)))
        )
        # some filters do not take an array without axes, and no filter depends on the shape
        self.memory_shape = tuple(chunk_shape[axis] for axis in self.order) or (1,)
        self.nbytes = math.prod(chunk_shape) * dtype.itemsize
        self.filters = tuple(s for s in stages if isinstance(s, Filter))
        self.compressors = tuple(s for s in stages if isinstance(s, Compressor))
        self._swap = next((s for s in stages if isinstance(s, Pack) and s.swaps), None)
        shard = next((s for s in stages if isinstance(s, Shard)), None)
        self._shard = None if shard is None else self._shard_codec(shard, fill_bytes)
        # the stages that change bytes, in the order of encoding
        pack = [stage for stage in (self._swap, self._shard) if stage is not None]
        self._steps: tuple[Filter | Pack | ShardCodec | Compressor, ...] = (
            *self.filters,
            *pack,
            *self.compressors,
        )
        self.is_raw = not (self._steps or dtype.hasobject)
        self._decode_into = self._last_decoder()
        # a decoder that fills given memory has a fixed length of output; filters, shards and objects do not
        self.uses_memory = self._decode_into is not None

    def _shard_codec(self, shard: Shard, fill_bytes_: Buffer | None) -> ShardCodec:
        """Return the codec of whole shards; their elements are those that the filters leave."""
        dtype = shard.dtype or self.dtype
        from zarrcy.codecs.encoded_size import maps_elements

        filters = [stage for stage in self.filters if maps_elements(stage.codec)]
        if not filters or fill_bytes_ is None:
            return shard.codec(self.memory_shape, dtype, fill_bytes_)
        element = np.frombuffer(fill_bytes_, self._codec_dtype)
        try:
            for stage in filters:
                element = np.asarray(stage.encode(element))
        except Exception:  # a filter may refuse the fill value: then no stored element can equal it
            return shard.codec(self.memory_shape, dtype)
        return shard.codec(self.memory_shape, dtype, element.tobytes())

    def _last_decoder(self) -> Callable[[Buffer, NDArray[np.uint8]], None] | None:
        """Return the decoder that writes a chunk to given memory; None if the last decoder allocates its own."""
        if self.filters or self._shard is not None or self.dtype.hasobject:
            return None
        swap = self._swap
        if not self.compressors or self._makes_blocks:
            return None if swap is None else swap.decode_into
        decode_into = self.compressors[0].decoder_into()
        if swap is None:
            return decode_into

        def decode_and_swap(data: Buffer, out: NDArray[np.uint8]) -> None:
            decode_into(data, out)
            swap.decode_into(out, out)

        return decode_and_swap

    @LazyAttribute
    def _decoders(self) -> tuple[NamedDecoder, ...]:
        """The decoders of the stages, in the order of decoding, except the one that writes to given memory."""
        n_into = self._n_into
        if n_into == len(self._steps):
            return ()
        from zarrcy.codecs.encoded_size import encoded_nbytes

        n_elements = self.nbytes // self.dtype.itemsize if self.dtype.itemsize else 0
        nbytes: int | None = self.nbytes
        decoders: list[NamedDecoder] = []
        for step in self._steps:
            if isinstance(step, (Filter, Compressor)):
                decoders.append(step.decoder(nbytes, n_elements))
                nbytes = encoded_nbytes(step.configured, nbytes)
            else:
                decoders.append(NamedDecoder(step.name, step.decode))
                nbytes = None if isinstance(step, ShardCodec) else nbytes
        return tuple(decoders[n_into:][::-1])

    @property
    def _n_into(self) -> int:
        """Number of steps that the decoder to given memory covers."""
        if self._decode_into is None:
            return 0
        return (self._swap is not None) + bool(self.compressors and not self._makes_blocks)

    def inside_shards(self, chunk_shape: Shape) -> tuple[Shard, Pipeline] | None:
        """Return the shard stage and the pipeline of inner chunks.

        Inner chunks can be read one by one if no codec precedes or follows the shard stage, except a transpose.

        Parameters
        ----------
        chunk_shape : tuple of int
            Shape of an inner chunk, in elements.

        Returns
        -------
        tuple of Shard and Pipeline, or None
            None if the array does not have shards, or a shard must be decoded as a whole.
        """
        if self._shard is None or self.filters or self.compressors:
            return None
        stage = self._shard.stage
        inner_order = self._shard.inner.order
        order = tuple(self.order[axis] for axis in inner_order)
        stages = tuple(s for s in stage.stages if not isinstance(s, Transpose))
        return stage, Pipeline((Transpose(order), *stages), chunk_shape, self.dtype, self._shard.fill_bytes)

    @property
    def _makes_blocks(self) -> bool:
        """Whether chunks are N5 blocks. A block has its own length, which is short if it was cut at the edge."""
        return bool(self.compressors) and self.compressors[0].makes_blocks

    def block_codec(self) -> N5ChunkWrapper | None:
        """Return the codec of N5 blocks.

        Returns
        -------
        N5ChunkWrapper or None
            None if chunks are not N5 blocks, or have other codecs too.
        """
        if not (self._has_one_compressor and self.compressors[0].makes_blocks):
            return None
        from zarrcy.codecs.n5 import N5ChunkWrapper

        codec = self.compressors[0].codec
        assert isinstance(codec, N5ChunkWrapper), "the stage makes blocks"
        fits = codec.chunk_shape == self.memory_shape and codec.dtype.itemsize == self.dtype.itemsize
        return codec if fits else None

    @property
    def _has_one_compressor(self) -> bool:
        """Whether a compressor is the only step."""
        return len(self._steps) == len(self.compressors) == 1 and not self.dtype.hasobject

    @property
    def most_stored_nbytes(self) -> int:
        """Length, in bytes, above which a stored value is not read: no writer makes it so long. -1 for any length.

        Codecs add little to data that they can't compress, so four times the length of a chunk is generous. Objects,
        shards and codecs of other packages have no such limit.
        """
        nbytes: int | None = self.nbytes
        for stage in self.filters:
            from zarrcy.codecs.encoded_size import encoded_nbytes  # most arrays have no filters

            nbytes = encoded_nbytes(stage.codec, nbytes)
        if nbytes is None or self.dtype.hasobject or self._shard is not None:
            return -1
        if not all(is_own(stage.configured) for stage in self.compressors):
            return -1
        return 4 * max(nbytes, self.nbytes) + 2**20

    @property
    def has_own_filters(self) -> bool:
        """Whether all filters are those of numcodecs or zarrcy, which several threads can use at once."""
        return all(is_own(stage.codec) for stage in self.filters)

    @property
    def has_own_codecs(self) -> bool:
        """Whether all codecs are those of numcodecs or zarrcy."""
        return self.has_own_filters and all(is_own(stage.codec) for stage in self.compressors)

    def native_pipeline(self) -> NativePipeline | None:
        """Return what the native path does with the chunks.

        Returns
        -------
        NativePipeline or None
            None if the native path does not have one of the stages.
        """
        if self.dtype.hasobject or self._shard is not None:
            return None
        codecs = [stage.configured for stage in self.compressors]
        checksums: tuple[Checksum, ...] = ()
        if len(self._steps) == len(codecs):
            # the usual pipelines, without an import
            if codecs and type(codecs[-1]).__module__ == "zarrcy.codecs.crc32c":
                codecs.pop()
                checksums = (("crc32c", "end", 0),)
            codec = codecs[0] if codecs else None
            if codec is None or (len(codecs) == 1 and is_own(codec) and codec.codec_id in NATIVE_COMPRESSORS):
                return NativePipeline(codec=codec, checksums=checksums, itemsize=self.dtype.itemsize)
        from zarrcy.codecs.native_pipeline import translate

        stages = [step for step in self._steps if not isinstance(step, ShardCodec)]
        return translate(stages, self.nbytes, self._codec_dtype)

    @property
    def reads_parts(self) -> bool:
        """Whether parts of a chunk can be decoded from parts of the stored bytes."""
        return self.is_raw or (self._has_one_compressor and self.compressors[0].has_blocks)

    def read_parts(
        self, touched: Touched, memory: Memory, stored_nbytes: int | None, part_nbytes: int
    ) -> PartialRead:
        """Read parts of a chunk, see `zarrcy.codecs.partial_decode`.

        Parameters
        ----------
        touched : callable
            Returns the requested blocks, given a block size in bytes.
        memory : callable
            Returns the flat chunk to read into.
        stored_nbytes : int or None
            Length of the stored value, in bytes; None if the store does not know it.
        part_nbytes : int
            Length of the parts in which raw chunks and headers are read, in bytes.

        Returns
        -------
        generator
            Yields lists of byte ranges, and is sent their bytes.
        """
        from zarrcy.codecs.partial_decode import read_blosc, read_raw

        if self._decode_into is None:
            return read_raw(touched, self.nbytes, memory, stored_nbytes, part_nbytes)
        return read_blosc(self._decode_into, touched, self.nbytes, memory, part_nbytes)

    def decode(self, data: Buffer, scratch: NDArray[np.uint8]) -> Buffer:
        """Decode stored bytes to a flat chunk, in `scratch` if `uses_memory`, else in other memory.

        The caller must check the length of the result: a filter may return any length.

        Parameters
        ----------
        data : bytes-like
            The stored bytes.
        scratch : ndarray of uint8
            Memory of the length of a chunk; it is not used unless `uses_memory`.

        Returns
        -------
        ndarray or bytes-like
            The flat chunk.

        Raises
        ------
        StageError
            If a codec cannot decode the bytes. The error names the codec.
        """
        if self.is_raw:
            return data
        self._check_object_codec()
        decoder: NamedDecoder | None = None
        try:
            for decoder in self._decoders:
                data = decoder.decode(data)
                if type(data) is not np.ndarray and type(data) is not bytes:
                    _check_output(decoder.name, data, "decoded")
            if self._decode_into is not None:
                decoder = None
                self._decode_into(data, scratch)
                return scratch
        except (UnsafeCodecError, StageError):
            raise
        except Exception as exc:
            stage = decoder or self._steps[self._n_into - 1]
            missing = _missing_part(stage.name, data)
            raise StageError(stage.name, missing or f"{type(exc).__name__}: {exc}") from exc
        return self._flat(data)

    @property
    def name_of_last_decoder(self) -> str:
        """The codec that an error about the length of a decoded chunk names: a filter of another package, if any."""
        for stage in self.filters:
            if not is_own(stage.codec):
                return stage.name
        return self.stages[-1].name if self.stages else "bytes"

    def check_min_length(self, data: Buffer) -> None:
        """Check, without allocating a chunk, that stored bytes may decode to one.

        Parameters
        ----------
        data : bytes-like
            The stored bytes.

        Raises
        ------
        StageError
            If they decode to another length.
        """
        if not self.uses_memory or len(self.compressors) > 1:
            return
        if not self.compressors:
            if memoryview(data).nbytes != self.nbytes:
                raise StageError("bytes", f"{memoryview(data).nbytes} bytes; a chunk has {self.nbytes}")
            return
        stage = self.compressors[0]
        try:
            check_min_length(stage.configured, data, self.nbytes)
        except ValueError as exc:
            raise StageError(stage.name, f"{type(exc).__name__}: {exc}") from exc

    def _check_object_codec(self) -> None:
        if self.dtype.hasobject and not (self.filters or self._shard):
            raise StageError(
                "bytes", "objects cannot be stored as bytes: the array has no object codec among its filters"
            )

    def _flat(self, decoded: Buffer) -> AnyArray:
        """Return the output of the last decoder as a flat chunk."""
        if self.dtype.hasobject:
            array = np.asarray(decoded)
            if array.dtype != self.dtype:
                wanted = "objects" if self.dtype.kind == "O" else str(self.dtype)
                raise StageError(self._steps[0].name, f"decoded to {array.dtype}, not to {wanted}")
            return array.reshape(-1, order="A")
        if not isinstance(decoded, np.ndarray):
            return np.frombuffer(decoded, np.uint8)
        if decoded.dtype.hasobject:
            raise StageError(self._steps[0].name, f"decoded to objects, not to {self.dtype}")
        return as_elements(decoded, np.dtype(np.uint8))

    def encode(self, flat: AnyArray) -> Buffer:
        """Encode a flat chunk.

        The result may be a view of `flat`: use it before that memory changes.

        Parameters
        ----------
        flat : ndarray
            The flat chunk.

        Returns
        -------
        bytes-like
            The bytes to store.

        Raises
        ------
        StageError
            If a codec cannot encode the chunk. The error names the codec.
        """
        if self.is_raw:
            return flat
        self._check_object_codec()
        chunk: Buffer = flat.view(self._codec_dtype).reshape(self.memory_shape)
        step = self._steps[0]
        try:
            for step in self._steps:
                chunk = step.encode(chunk)
                if type(chunk) is not np.ndarray and type(chunk) is not bytes:
                    _check_output(step.name, chunk, "encoded")
        except StageError:
            raise
        except Exception as exc:
            raise StageError(step.name, f"{type(exc).__name__}: {exc}") from exc
        if isinstance(chunk, np.ndarray):
            if chunk.dtype.hasobject:
                raise StageError(step.name, "encoded to objects, not to bytes")
            return as_elements(chunk, np.dtype(np.uint8))
        return chunk


class ShardCodec:
    """The stage `Shard` for shards of one shape: encodes and decodes a whole shard.

    It serves shards inside shards, and shards with codecs before or after them. Other shards are read chunk by
    chunk, see `zarrcy.chunk_io.sharding`.

    Parameters
    ----------
    stage : Shard
        The stage.
    shape : Shape
        Shape of a shard, in elements, with the axes in the order of memory.
    dtype : AnyDtype
        Data type of the elements.
    fill : Buffer or None
        The fill value as `fill_bytes` returns it; None for zero.
    """

    name = Shard.name

    def __init__(self, stage: Shard, shape: Shape, dtype: AnyDtype, fill: Buffer | None) -> None:
        self.stage, self.shape, self.dtype = stage, shape, dtype
        self.fill_bytes = fill_bytes(None, dtype) if fill is None else fill
        self.inner = Pipeline(stage.stages, stage.chunk_shape, dtype, self.fill_bytes)
        self.kernels = _kernels.for_dtype(dtype)
        # chunk positions are computed when they are needed: a document may state any number of them
        self.counts = tuple(n // c for n, c in zip(shape, stage.chunk_shape, strict=False))
        from zarrcy.codecs.shard_index import index_format

        self.index = index_format(stage, self.counts)

    def _slices(self) -> Iterator[tuple[int, tuple[slice, ...]]]:
        """Iterate over the number of each inner chunk and its slices of the shard."""
        lengths = self.stage.chunk_shape
        for number, at in enumerate(np.ndindex(self.counts)):
            yield number, tuple(slice(i * n, (i + 1) * n) for i, n in zip(at, lengths, strict=True))

    def decode(self, data: Buffer) -> AnyArray:
        """Decode a shard to a flat array: of bytes, or of objects.

        Raises
        ------
        ValueError
            If the index is damaged, or an inner chunk has a wrong length.
        StageError
            If a codec of the inner chunks cannot decode one.
        """
        view = memoryview(data).cast("B")
        chunks = self.index.chunks_of(view)
        out = np.empty(self.shape, self.dtype)
        self.kernels.fill(self._flat(out), self.fill_bytes)
        scratch = np.empty(self.inner.nbytes, np.uint8)
        for number, slices in self._slices():
            if number in chunks:
                flat = self.inner.decode(chunks[number], scratch)
                if not self.dtype.hasobject:
                    flat = np.frombuffer(flat, np.uint8)
                if flat.nbytes != self.inner.nbytes:
                    raise ValueError(f"inner chunk {number} decoded to {flat.nbytes} bytes")
                in_memory = flat.view(self.dtype).reshape(self.inner.memory_shape)
                out[slices] = in_memory.transpose(np.argsort(self.inner.order))
        return self._flat(out)

    def _flat(self, array: AnyArray) -> AnyArray:
        flat = array.reshape(-1)
        return flat if self.dtype.hasobject else flat.view(np.uint8)

    def encode(self, elements: AnyArray) -> bytes:
        """Encode the elements of a shard.

        Raises
        ------
        StageError
            If a codec of the inner chunks cannot encode one.
        """
        if elements.dtype != self.dtype and not self.dtype.hasobject:
            elements = np.ascontiguousarray(elements).reshape(-1).view(self.dtype)
        array = elements.reshape(self.shape)
        chunks: dict[int, Buffer] = {}
        for number, slices in self._slices():
            flat = self._flat(np.ascontiguousarray(array[slices].transpose(self.inner.order)))
            if not self.kernels.is_filled(flat, self.fill_bytes):
                chunks[number] = bytes(self.inner.encode(flat))
        return self.index.assemble(chunks)


# The bits of the third byte of a Blosc frame that state the codec inside (c-blosc, README_HEADER.rst).
_BLOSC_INNER_SHIFT, _BLOSC_SNAPPY, _BLOSC_HEADER_NBYTES = 5, 2, 16


def _missing_part(name: str, data: Buffer) -> str:
    """Return what a codec lacks to decode data; "" if it is not known to lack anything."""
    if name != "blosc":
        return ""
    from numcodecs import blosc  # an error is rare

    if "snappy" in blosc.list_compressors():
        return ""
    head = bytes(memoryview(data).cast("B")[:_BLOSC_HEADER_NBYTES])
    if len(head) < _BLOSC_HEADER_NBYTES or head[2] >> _BLOSC_INNER_SHIFT != _BLOSC_SNAPPY:
        return ""
    return (
        "it is compressed with Snappy, which the Blosc of numcodecs lacks: register a codec 'blosc' whose Blosc has "
        "Snappy, such as that of the package imagecodecs or of c-blosc built with it"
    )


def fill_bytes(fill_value: Elements, dtype: AnyDtype) -> Buffer:
    """Return one element in the form that the kernels take.

    Parameters
    ----------
    fill_value : object
        The element; None is zero.
    dtype : dtype
        Data type of the element.

    Returns
    -------
    bytes or object
        The bytes of the element, or the object itself if elements are objects.

    Examples
    --------
    >>> fill_bytes(1, np.dtype("<i2"))
    b'\\x01\\x00'
    """
    if dtype.hasobject:
        # objects in fields: an element of zeros, as NumPy makes it
        return np.zeros((), dtype)[()] if dtype.fields and not isinstance(fill_value, np.void) else fill_value
    return (np.zeros((), dtype) if fill_value is None else np.asarray(fill_value, dtype)).tobytes()


def _codec_dtype(dtype: AnyDtype) -> AnyDtype:
    """Return a data type of the same length that codecs take."""
    if is_ml_dtype(dtype):
        # another package adds it to those of NumPy
        return np.dtype(f"u{dtype.itemsize}")
    if dtype.names is not None and not dtype.hasobject:
        try:
            memoryview(np.empty(0, dtype))
        except (ValueError, BufferError, TypeError):
            # NumPy gives no buffer of a structure with dates or durations
            return np.dtype(f"V{dtype.itemsize}")
    return dtype
