"""Refuse new arrays whose codecs cannot hold their chunks: before the array exists, not when it is first written."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from zarrcy.codecs import Compressor, Filter, Pack, Shard, Stage, Transpose
from zarrcy.codecs.elements import is_ml_dtype
from zarrcy.codecs.encoded_size import encoded_nbytes
from zarrcy.codecs.typed_blosc import decode, encode, is_own
from zarrcy.metadata.array_metadata import ArrayMetadata
from zarrcy.types import AnyArray, AnyDtype, Codec, Elements, Shape

# Most bytes that a codec takes. Blosc: BLOSC_MAX_BUFFERSIZE of blosc.h; LZ4: LZ4_MAX_INPUT_SIZE of lz4.h.
_MOST_NBYTES = {"blosc": 2**31 - 1 - 16, "lz4": 0x7E000000}
# Most elements, whose number these codecs store in 32 bits.
_MOST_ELEMENTS = {
    "vlen-utf8": 2**31 - 1,
    "vlen-bytes": 2**31 - 1,
    "vlen-array": 2**31 - 1,
    "msgpack2": 2**32 - 1,
}
# Codecs whose output for zeros shows whether they take the elements at all.
_TRIED_FILTERS = (
    "astype",
    "base64",
    "bitround",
    "categorize",
    "delta",
    "fixedscaleoffset",
    "packbits",
    "quantize",
)
_TRIED = (*_TRIED_FILTERS, "json2", "msgpack2", "vlen-array", "vlen-bytes", "vlen-utf8")
_CHECKSUMS = ("crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3")
OBJECT_CODECS = ("vlen-utf8", "vlen-bytes", "vlen-array", "json2", "msgpack2", "pickle")
# A trial chunk has this many elements, and as many as the number in a chunk exceeds a multiple of it.
_TRIAL_SIZE = 4096
_MOST_TRIAL_ITEMSIZE = 2**10


def check_codecs(description: ArrayMetadata) -> None:
    """Raise an error if the codecs of a new array cannot hold its chunks.

    Parameters
    ----------
    description : ArrayMetadata
        The metadata of the array.

    Raises
    ------
    ValueError
        If a chunk is longer than a codec takes, or a codec does not take the elements.
    """
    _check(description.stages, description.chunk_shape, description.dtype)


def _check(stages: Sequence[Stage], shape: Shape, dtype: AnyDtype) -> None:
    n_elements = math.prod(shape)
    nbytes = None if dtype.hasobject else n_elements * dtype.itemsize
    for stage in stages:
        if isinstance(stage, Shard):
            _check(stage.stages, stage.chunk_shape, dtype if stage.dtype is None else stage.dtype)
            nbytes = None
        elif isinstance(stage, (Filter, Compressor)):
            _check_length(stage.configured, shape, n_elements, nbytes)
            nbytes = encoded_nbytes(stage.configured, nbytes)
    codecs = [stage.configured for stage in stages if isinstance(stage, (Filter, Compressor))]
    plain = all(isinstance(stage, (Filter, Compressor, Pack, Transpose)) for stage in stages)
    if plain and codecs and n_elements and str(codecs[0].codec_id) in _TRIED:
        _try(codecs, n_elements, dtype)


def _check_length(codec: Codec, shape: Shape, n_elements: int, nbytes: int | None) -> None:
    if not is_own(codec):
        return
    name = str(codec.codec_id)
    for what, n, most in (
        ("bytes", nbytes, _MOST_NBYTES.get(name)),
        ("elements", n_elements, _MOST_ELEMENTS.get(name)),
    ):
        if n is not None and most is not None and n > most:
            raise ValueError(
                f"a chunk of shape {shape} has {n} {what}, and the codec {name!r} takes at most {most}; choose smaller "
                "chunks or another codec"
            )
    if name == "shuffle" and nbytes is not None:
        size = codec.get_config()["elementsize"]
        if size > 1 and nbytes % size:
            raise ValueError(
                f"a chunk of shape {shape} has {nbytes} bytes for the codec 'shuffle', which are not a multiple of its "
                f"elementsize {size}"
            )
    if name == "n5_wrapper" and (inner := getattr(codec, "compressor", None)) is not None:
        _check_length(inner, shape, n_elements, nbytes)


def _try(codecs: list[Codec], n_elements: int, dtype: AnyDtype) -> None:
    """Encode and decode a small chunk of zeros, or of simple objects."""
    n = n_elements if n_elements < _TRIAL_SIZE else _TRIAL_SIZE + n_elements % _TRIAL_SIZE
    chunk = _sample(codecs[0], n, dtype)
    if chunk is None:
        return
    done: list[tuple[Codec, AnyArray]] = []
    codec = codecs[0]
    try:
        with np.errstate(all="ignore"):
            for codec in codecs:
                if str(codec.codec_id) == "shuffle" and is_own(codec):
                    # it changes the order of bytes only
                    continue
                if not is_own(codec) or str(codec.codec_id) not in (*_TRIED, *_CHECKSUMS):
                    break
                done.append((codec, chunk))
                encoded = encode(codec, chunk)
                chunk = encoded if isinstance(encoded, np.ndarray) else np.frombuffer(encoded, np.uint8)
            for codec, given in reversed(done):
                _check_decoded(given, np.asarray(decode(codec, chunk)))
                chunk = given
    except Exception as exc:
        what = "objects" if dtype.hasobject else f"elements of {dtype}"
        raise ValueError(
            f"the codec {codec.codec_id!r} ({codec!r}) cannot hold {what} at its point of the pipeline "
            f"({type(exc).__name__}: {exc}); choose another codec or other parameters"
        ) from exc


def _check_decoded(given: AnyArray, decoded: AnyArray) -> None:
    if given.dtype.hasobject != decoded.dtype.hasobject:
        raise ValueError(f"it decodes to elements of {decoded.dtype}")
    if decoded.size != given.size if given.dtype.hasobject else decoded.nbytes != given.nbytes:
        raise ValueError("it decodes to another length")
    if decoded.dtype.kind == "f" and np.isnan(decoded).any():
        raise ValueError("it decodes zeros to NaN")


def _sample(codec: Codec, n: int, dtype: AnyDtype) -> AnyArray | None:
    """Return elements that a codec must take; None if there are none, or too large ones."""
    if not dtype.hasobject:
        # a text may have no zero that a cast takes; data types of other packages are not cast
        small = 0 < dtype.itemsize <= _MOST_TRIAL_ITEMSIZE and not is_ml_dtype(dtype)
        if not small or (dtype.kind in "US" and str(codec.codec_id) == "astype"):
            return None
        return np.zeros(n, dtype)
    config = codec.get_config()
    samples: dict[str, Elements] = {
        "vlen-utf8": "a",
        "vlen-bytes": b"a",
        "json2": "a",
        "msgpack2": "a",
        "categorize": next(iter(config.get("labels", ())), ""),
    }
    name = str(codec.codec_id)
    if name == "vlen-array":
        samples[name] = np.zeros(1, config["dtype"])
    if name not in samples:
        return None
    chunk = np.empty(n, object)
    for i in range(n):
        chunk[i] = samples[name]
    return chunk
