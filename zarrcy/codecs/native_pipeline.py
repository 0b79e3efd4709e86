"""Translate the codecs of a pipeline into what the native path does: steps, one built-in codec, and checksums.

A filter becomes one or more steps for each direction (see `zarrcy._kernels._chunk_steps`). A step that meets a value
which numcodecs refuses, or computes in a way that depends on the processor, fails, and the fallback path encodes or
decodes the chunk. A codec of numcodecs is translated only if its results for a sample are those of the steps: versions
of numcodecs differ.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from zarrcy import _kernels
from zarrcy.codecs.array_codecs import (
    CastValue,
    PackBits,
    Reorder,
    ScaleOffset,
)
from zarrcy.codecs.configured import get_codec
from zarrcy.codecs.pipeline import NATIVE_COMPRESSORS, Checksum, NativePipeline, Step
from zarrcy.codecs.stages import Compressor, Filter, Pack
from zarrcy.codecs.typed_blosc import is_own
from zarrcy.types import AnyArray, AnyDtype, Codec

if TYPE_CHECKING:
    from zarrcy._kernels import _chunk_steps

_CHECKSUMS = {
    "crc32": "crc32",
    "crc32c": "crc32c",
    "adler32": "adler32",
    "fletcher32": "fletcher32",
    "jenkins_lookup3": "lookup3",
}
_MOST_CHECKSUMS = 4
_MOST_STEPS = 16
_MOST_AXES = 8
_SAMPLE_SIZE = 24
# Bits of the mantissa of floats, by the length of the float in bytes.
_MANTISSA = {2: 10, 4: 23, 8: 52}
# Integers up to this are floats of four bytes.
_MOST_EXACT = 2**24


@dataclass(frozen=True)
class _Input:
    """What a filter is given: the data type of the elements, and the length of a chunk in bytes."""

    dtype: AnyDtype
    nbytes: int


@dataclass(frozen=True)
class _Translation:
    """The steps of one filter in both directions, and the data type of its output."""

    encode: tuple[Step, ...]
    decode: tuple[Step, ...]
    stored: AnyDtype


_BYTES = np.dtype(np.uint8)


def translate(
    stages: Sequence[Filter | Pack | Compressor], nbytes: int, dtype: AnyDtype
) -> NativePipeline | None:
    """Return what the native path does for some stages; None if it does not have one of them.

    Parameters
    ----------
    stages : sequence of Filter, Pack and Compressor
        The stages that change bytes, in the order of encoding.
    nbytes : int
        Length of a chunk, in bytes.
    dtype : AnyDtype
        Data type of the elements.
    """
    if sys.byteorder != "little":
        return None
    codec: Codec | None = None
    checksums: list[Checksum] = []
    before: list[Step] = []
    after: list[Step] = []
    itemsize = dtype.itemsize
    for stage in stages:
        if isinstance(stage, Pack):
            translation = _of_pack(stage)
        elif not is_own(stage.configured):
            return None
        elif stage.name in NATIVE_COMPRESSORS:
            if codec is not None:
                return None
            codec, itemsize = stage.configured, dtype.itemsize
            continue
        elif (checksum := _checksum_of(stage.configured, nbytes)) is not None:
            if codec is not None:
                checksums.append(checksum)
                continue
            translation = _Translation(
                (("add_checksum", *checksum),), (("take_checksum", *checksum),), _BYTES
            )
        elif codec is None:
            translation = _of_filter(stage.codec, _Input(dtype, nbytes))
        else:
            return None
        if translation is None or codec is not None:
            return None
        before += translation.encode
        after[:0] = translation.decode
        nbytes = _length_after(nbytes, translation.encode)
        dtype = translation.stored
    if codec is None:
        itemsize = dtype.itemsize
        # checksums of bytes that no codec compresses are those of the stored bytes
        while before and before[-1][0] == "add_checksum" and len(checksums) < _MOST_CHECKSUMS:
            name, location, seed = before.pop()[1:]
            checksums.insert(0, (str(name), str(location), int(str(seed))))
            del after[0]
    if len(checksums) > _MOST_CHECKSUMS or max(len(before), len(after)) > _MOST_STEPS:
        return None
    return NativePipeline(
        codec=codec, checksums=tuple(checksums), before=tuple(before), after=tuple(after), itemsize=itemsize
    )


def _length_after(nbytes: int, steps: tuple[Step, ...]) -> int:
    return int(_steps(nbytes, steps).nbytes_out) if steps else nbytes


def _steps(nbytes: int, steps: tuple[Step, ...]) -> _chunk_steps.Steps:
    assert _kernels.native is not None, "the caller checks that the native path exists"
    made: _chunk_steps.Steps = _kernels.native.Steps(nbytes, steps)
    return made


# -- checksums and byte order ------------------------------------------------------------------------


def _checksum_of(codec: Codec, nbytes: int) -> Checksum | None:
    """Return the checksum that a codec adds; None if it does something else."""
    name = _CHECKSUMS.get(str(codec.codec_id))
    if name is None or nbytes == 0 or getattr(codec, "prefix", None) is not None:
        return None
    seed = getattr(codec, "initval", 0)
    location = "end" if name in ("fletcher32", "lookup3") else getattr(codec, "location", "end")
    if not (isinstance(seed, int) and 0 <= seed < 2**32 and location in ("start", "end")):
        return None
    checksum = (name, location, seed)
    return checksum if _adds_checksum(_config_of(codec), checksum) else None


def _config_of(codec: Codec) -> str:
    return json.dumps(codec.get_config(), sort_keys=True, default=repr)


@lru_cache(maxsize=64)
def _adds_checksum(config: str, checksum: Checksum) -> bool:
    """Return whether a codec of numcodecs adds this checksum. Old versions have another Fletcher-32."""
    if checksum[0] == "crc32c":
        return True
    sample = np.arange(_SAMPLE_SIZE + 1, dtype=np.uint8) * np.uint8(11)
    codec = get_codec(json.loads(config))
    return bytes(codec.encode(sample)) == _applied((("add_checksum", *checksum),), sample)


def _applied(steps: tuple[Step, ...], array: AnyArray) -> bytes | None:
    """Return the bytes of an array after some steps; None if one fails."""
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    if not steps:
        return flat.tobytes()
    applied = _steps(flat.nbytes, steps).apply(flat)
    return None if applied is None else applied.tobytes()


def _of_pack(stage: Pack) -> _Translation | None:
    memory = stage.memory
    if memory is None:
        return _Translation((), (), _BYTES)
    size = {"c": memory.itemsize // 2, "U": 4}.get(memory.kind, memory.itemsize)
    if memory.kind not in "iufcmMU" or size not in (2, 4, 8) or memory.subdtype is not None:
        return None
    swap: tuple[Step, ...] = (("swap", size),)
    return _Translation(swap, swap, _BYTES)


# -- filters -----------------------------------------------------------------------------------------


def _of_filter(codec: Codec, given: _Input) -> _Translation | None:
    """Return the steps of a filter; None if the native path does not have them."""
    find = _FILTERS.get((type(codec).__module__.split(".")[0], str(codec.codec_id)))
    translation = None if find is None else find(codec, given)
    if translation is None:
        return None
    try:
        encoded_nbytes = _length_after(given.nbytes, translation.encode)
        if _length_after(encoded_nbytes, translation.decode) != given.nbytes:
            return None
    except ValueError:
        return None
    return translation


def _number(dtype: AnyDtype) -> tuple[str, tuple[Step, ...]] | None:
    """Return the name of a type of numbers, and the steps that make its byte order that of the processor."""
    if dtype.kind not in "iuf" or dtype.itemsize > 8 or (dtype.kind == "f" and dtype.itemsize < 4):
        return None
    if dtype.isbuiltin == 2:
        return None
    swaps: tuple[Step, ...] = () if dtype.isnative else (("swap", dtype.itemsize),)
    return f"{dtype.kind}{dtype.itemsize}", swaps


def _cast(old: str, new: str, mode: str = "wraps") -> tuple[Step, ...]:
    return () if old == new else (("cast", old, new, mode),)


def _agrees(codec: Codec, translation: _Translation, sample: AnyArray) -> bool:
    """Return whether a codec of numcodecs does to a sample of stored elements what the steps do."""
    try:
        with np.errstate(all="ignore"):
            decoded = np.asarray(codec.decode(sample))
            encoded = np.asarray(codec.encode(decoded))
    except Exception:  # the codec does not take such elements at all
        return False
    return (
        _applied(translation.decode, sample) == decoded.tobytes()
        and _applied(translation.encode, decoded) == encoded.tobytes()
    )


def _sample(dtype: AnyDtype) -> AnyArray:
    """Return small stored elements: integers, or floats with a fraction."""
    numbers = np.arange(_SAMPLE_SIZE) % 7
    return (np.sin(numbers) * 9 if dtype.kind == "f" else numbers).astype(dtype)


def _if_agreed(codec: Codec, translation: _Translation) -> _Translation | None:
    known = _config_of(codec), translation
    agrees = _agreed.get(known)
    if agrees is None:
        agrees = _agrees(codec, translation, _sample(translation.stored))
        if len(_agreed) > 256:
            # another thread may do the same, and may have read an entry before
            _agreed.clear()
        _agreed[known] = agrees
    return translation if agrees else None


_agreed: dict[tuple[str, _Translation], bool] = {}


def _of_delta(codec: Codec, _: _Input) -> _Translation | None:
    memory, stored = np.dtype(codec.dtype), np.dtype(codec.astype)  # type: ignore[attr-defined]
    old, new = _number(memory), _number(stored)
    if old is None or new is None or (memory.kind == "f") != (stored.kind == "f"):
        return None
    (old_name, old_swaps), (new_name, new_swaps) = old, new
    encode = (
        *old_swaps, ("difference", old_name), *_cast(old_name, new_name, "comes_back"), *new_swaps
    )  # fmt: skip
    decode = (*new_swaps, *_cast(new_name, old_name), ("cumulate", old_name), *old_swaps)
    return _if_agreed(codec, _Translation(encode, decode, stored))


def _of_astype(codec: Codec, _: _Input) -> _Translation | None:
    stored, memory = np.dtype(codec.encode_dtype), np.dtype(codec.decode_dtype)  # type: ignore[attr-defined]
    old, new = _number(memory), _number(stored)
    if old is None or new is None:
        return None
    (old_name, old_swaps), (new_name, new_swaps) = old, new
    encode = (*old_swaps, *_cast(old_name, new_name, "comes_back"), *new_swaps)
    decode = (*new_swaps, *_cast(new_name, old_name), *old_swaps)
    return _if_agreed(codec, _Translation(_joined(encode), _joined(decode), stored))


def _joined(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return steps without two swaps one after the other."""
    return () if len(steps) == 2 and steps[0] == steps[1] else steps


def _of_fixed_scale_offset(codec: Codec, _: _Input) -> _Translation | None:
    memory, stored = np.dtype(codec.dtype), np.dtype(codec.astype)  # type: ignore[attr-defined]
    offset, scale = codec.offset, codec.scale  # type: ignore[attr-defined]
    old, new = _number(memory), _number(stored)
    if old is None or new is None or memory.kind != "f" or not _are_exact(offset, scale) or not scale:
        return None
    (old_name, old_swaps), (new_name, new_swaps) = old, new
    # NumPy chooses the types in which it computes; all steps of one direction must have the same
    shifted = np.ones(1, memory) - offset
    unscaled = np.ones(1, stored) / scale
    names = [_number(array.dtype) for array in (shifted, shifted * scale, unscaled, unscaled + offset)]
    if names[0] is None or names[2] is None or names[0] != names[1] or names[2] != names[3]:
        return None
    there, back = names[0][0], names[2][0]
    if "f" not in there or "f" not in back:
        return None
    offset, scale = float(offset), float(scale)
    encode = (
        *old_swaps, *_cast(old_name, there), ("scale", there, offset, scale, True), *_cast(there, new_name), *new_swaps
    )  # fmt: skip
    decode = (
        *new_swaps, *_cast(new_name, back), ("unscale", back, offset, scale), *_cast(back, old_name), *old_swaps
    )  # fmt: skip
    return _if_agreed(codec, _Translation(encode, decode, stored))


def _are_exact(*numbers: object) -> bool:
    """Return whether parameters are finite floats, or integers that floats of four bytes represent."""
    return all(
        (isinstance(n, float) and math.isfinite(n) and abs(n) < 1e30)
        or (type(n) is int and abs(n) <= _MOST_EXACT)
        for n in numbers
    )


def _of_quantize(codec: Codec, _: _Input) -> _Translation | None:
    memory, stored = np.dtype(codec.dtype), np.dtype(codec.astype)  # type: ignore[attr-defined]
    digits = codec.digits  # type: ignore[attr-defined]
    old, new = _number(memory), _number(stored)
    if old is None or new is None or (memory.kind, stored.kind) != ("f", "f") or type(digits) is not int:
        return None
    if abs(digits) > 25:
        return None
    # as numcodecs computes the power of two
    exponent = math.log10(10.0**-digits)
    exponent = math.floor(exponent) if exponent < 0 else math.ceil(exponent)
    scale = 2.0 ** math.ceil(math.log2(10.0**-exponent))
    (old_name, old_swaps), (new_name, new_swaps) = old, new
    encode = (*old_swaps, ("quantize", old_name, scale), *_cast(old_name, new_name), *new_swaps)
    decode = _joined((*new_swaps, *_cast(new_name, old_name), *old_swaps))
    return _if_agreed(codec, _Translation(encode, decode, stored))


def _of_bitround(codec: Codec, given: _Input) -> _Translation | None:
    dtype = given.dtype
    n_bits = _MANTISSA.get(dtype.itemsize, -1) - codec.keepbits  # type: ignore[attr-defined]
    if dtype.kind != "f" or not dtype.isnative or dtype.isbuiltin != 1 or n_bits < 0:
        return None
    if n_bits == 0:
        return _Translation((), (), dtype)
    translation = _Translation((("round_bits", dtype.itemsize, n_bits),), (), np.dtype(f"i{dtype.itemsize}"))
    # the codec does not decode to other elements: encode a sample
    sample = np.sin(np.arange(_SAMPLE_SIZE)).astype(dtype)
    agrees = np.asarray(codec.encode(sample)).tobytes() == _applied(translation.encode, sample)
    return translation if agrees else None


def _of_packbits(codec: Codec, given: _Input) -> _Translation | None:
    if isinstance(codec, PackBits):
        bits = (codec.dtype.kind, codec.n_components, codec.first_bit, codec.last_bit)
        if bits != ("b", 1, 0, 0) or codec.n_elements != given.nbytes:
            return None
        return _packed(given.nbytes, False, codec.padding)
    if given.dtype.itemsize != 1:
        return None
    sample = np.arange(_SAMPLE_SIZE - 1) % 3 == 0
    of_sample = _packed(sample.nbytes, True, "first_byte")
    agrees = np.asarray(codec.encode(sample)).tobytes() == _applied(of_sample.encode, sample)
    return _packed(given.nbytes, True, "first_byte") if agrees else None


def _packed(n: int, highest_first: bool, padding: str) -> _Translation:
    return _Translation(
        (("pack_bits", highest_first, padding),), (("unpack_bits", highest_first, padding, n),), _BYTES
    )


def _of_shuffle(codec: Codec, _: _Input) -> _Translation | None:
    size = codec.elementsize  # type: ignore[attr-defined]
    if type(size) is not int or size > 2**16:
        return None
    if size <= 1:
        return _Translation((), (), _BYTES)
    return _Translation((("shuffle", size),), (("unshuffle", size),), _BYTES)


def _of_reorder(codec: Codec, _: _Input) -> _Translation | None:
    assert isinstance(codec, Reorder)
    shape, order = codec.shape, codec.order
    if not 0 < len(shape) <= _MOST_AXES:
        return None
    stored_shape = tuple(shape[axis] for axis in order)
    back = tuple(int(axis) for axis in np.argsort(order))
    size = codec.dtype.itemsize
    return _Translation(
        (("transpose", size, shape, order),), (("transpose", size, stored_shape, back),), codec.dtype
    )


def _of_scale_offset(codec: Codec, _: _Input) -> _Translation | None:
    assert isinstance(codec, ScaleOffset)
    number = _number(codec.dtype)
    if number is None or codec.dtype.kind != "f":
        return None
    name, swaps = number
    offset, scale = float(codec.offset), float(codec.scale)
    encode = (*swaps, ("scale", name, offset, scale, False), *swaps)
    decode = (*swaps, ("unscale", name, offset, scale), *swaps)
    return _Translation(encode, decode, codec.dtype)


def _of_cast_value(codec: Codec, _: _Input) -> _Translation | None:
    assert isinstance(codec, CastValue)
    if codec.to_stored or codec.from_stored:
        return None
    there = _cast_numbers(codec, codec.dtype, codec.stored)
    back = _cast_numbers(codec, codec.stored, codec.dtype)
    return None if there is None or back is None else _Translation(there, back, codec.stored)


def _cast_numbers(codec: CastValue, old: AnyDtype, new: AnyDtype) -> tuple[Step, ...] | None:
    """Return the steps that cast numbers in range. They fail for others, which the codec clamps, wraps or refuses."""
    source, target = _number(old), _number(new)
    if source is None or target is None:
        return None
    (old_name, old_swaps), (new_name, new_swaps) = source, target
    steps: tuple[Step, ...]
    if old.kind == "f" and new.kind in "iu":
        if codec.rounding not in ("nearest-even", "towards-zero"):
            return None
        rounded: tuple[Step, ...] = (("rint", "f8"),) if codec.rounding == "nearest-even" else ()
        steps = (*_cast(old_name, "f8"), *rounded, *_cast("f8", new_name))
    elif old.kind == "f" or new.kind == "f":
        steps = _cast(old_name, new_name)
    else:
        steps = _cast(old_name, new_name, "wraps" if codec.out_of_range == "wrap" else "is_equal")
    return _joined((*old_swaps, *steps, *new_swaps))


_FILTERS: dict[tuple[str, str], Callable[[Codec, _Input], _Translation | None]] = {
    ("numcodecs", "delta"): _of_delta,
    ("numcodecs", "astype"): _of_astype,
    ("numcodecs", "fixedscaleoffset"): _of_fixed_scale_offset,
    ("numcodecs", "quantize"): _of_quantize,
    ("numcodecs", "bitround"): _of_bitround,
    ("numcodecs", "packbits"): _of_packbits,
    ("numcodecs", "shuffle"): _of_shuffle,
    ("zarrcy", "packbits"): _of_packbits,
    ("zarrcy", "transpose"): _of_reorder,
    ("zarrcy", "scale_offset"): _of_scale_offset,
    ("zarrcy", "cast_value"): _of_cast_value,
}
