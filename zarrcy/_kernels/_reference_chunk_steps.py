"""Steps and checksums in NumPy and the standard library: the twin of ``_chunk_steps``, whose stub documents them."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels._reference_crc32c import crc32c
from zarrcy._kernels.protocols import AnyArray, Buffer, Step

_MOST_STEPS = 16
_WORD = 0xFFFFFFFF


def _fletcher32(data: bytes, _: int) -> int:
    n_words = len(data) // 2
    words = np.frombuffer(data + bytes(len(data) % 2), ">u2").tolist()
    sums = (0, 0)
    # each reduction keeps a sum of 0xffff, so the order of the reductions is a part of the definition
    edges = [*range(0, n_words, 360), n_words, len(words)]
    for start, stop in itertools.pairwise(edges):
        first, second = sums
        for word in words[start:stop]:
            first += word
            second += first
        if stop > start:
            sums = _reduced(first), _reduced(second)
    return _reduced(sums[1]) << 16 & _WORD | _reduced(sums[0])


def _reduced(n: int) -> int:
    return (n & 0xFFFF) + (n >> 16)


def _rotated(x: int, k: int) -> int:
    return (x << k | x >> (32 - k)) & _WORD


def _lookup3(data: bytes, seed: int) -> int:
    a = b = c = (0xDEADBEEF + len(data) + seed) & _WORD
    if not data:
        return c
    words = np.frombuffer(data + bytes(-len(data) % 12), "<u4").tolist()
    for at in range(0, len(words), 3):
        a, b, c = ((x + y) & _WORD for x, y in zip((a, b, c), words[at : at + 3], strict=True))
        if at == len(words) - 3:
            break
        a, c = ((a - c) ^ _rotated(c, 4)) & _WORD, (c + b) & _WORD
        b, a = ((b - a) ^ _rotated(a, 6)) & _WORD, (a + c) & _WORD
        c, b = ((c - b) ^ _rotated(b, 8)) & _WORD, (b + a) & _WORD
        a, c = ((a - c) ^ _rotated(c, 16)) & _WORD, (c + b) & _WORD
        b, a = ((b - a) ^ _rotated(a, 19)) & _WORD, (a + c) & _WORD
        c, b = ((c - b) ^ _rotated(b, 4)) & _WORD, (b + a) & _WORD
    c = ((c ^ b) - _rotated(b, 14)) & _WORD
    a = ((a ^ c) - _rotated(c, 11)) & _WORD
    b = ((b ^ a) - _rotated(a, 25)) & _WORD
    c = ((c ^ b) - _rotated(b, 16)) & _WORD
    a = ((a ^ c) - _rotated(c, 4)) & _WORD
    b = ((b ^ a) - _rotated(a, 14)) & _WORD
    return ((c ^ b) - _rotated(b, 24)) & _WORD


CHECKSUMS: dict[str, Callable[[bytes, int], int]] = {
    "crc32c": lambda data, seed: crc32c(data),
    "crc32": lambda data, seed: zlib.crc32(data),
    "adler32": lambda data, seed: zlib.adler32(data),
    "fletcher32": _fletcher32,
    "lookup3": _lookup3,
}
NUMBERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")


def checksum(data: Buffer, name: str, seed: int = 0, by_tables: bool = False) -> int:
    return CHECKSUMS[name](bytes(data), seed)


class _FailedError(Exception):
    """A step fails."""


def _fail_if(condition: np.bool_ | bool) -> None:
    if condition:
        raise _FailedError


def _numbers(flat: NDArray[np.uint8], name: str) -> AnyArray:
    if name not in NUMBERS:
        raise KeyError(name)
    return flat.view(f"<{name}")


def _of_size(flat: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    return flat.reshape(-1, size)


def _swap(flat: NDArray[np.uint8], size: int) -> AnyArray:
    if size not in (1, 2, 4, 8):
        raise ValueError(f"elements of {size} bytes")
    return _of_size(flat, size)[:, ::-1]


def _difference(flat: NDArray[np.uint8], name: str) -> AnyArray:
    numbers = _numbers(flat, name)
    differences = numbers.copy()
    differences[1:] -= numbers[:-1]
    _fail_if(not np.isfinite(differences[1:]).all())
    return differences


def _cumulate(flat: NDArray[np.uint8], name: str) -> AnyArray:
    numbers = _numbers(flat, name)
    sums = np.add.accumulate(numbers, dtype=numbers.dtype)
    _fail_if(sums.size > 0 and not np.isfinite(sums[-1]))
    return sums


def _cast(flat: NDArray[np.uint8], old: str, new: str, mode: str) -> AnyArray:
    numbers, target = _numbers(flat, old), np.dtype(f"<{new}")
    if target.kind == "f":
        cast = numbers.astype(target)
        if numbers.dtype.kind == "f":
            _fail_if((~np.isfinite(cast) & np.isfinite(numbers)).any())
        elif mode != "wraps":
            _fail_if(not _in_range(cast, numbers.dtype).all())
            _fail_if((cast.astype(numbers.dtype) != numbers).any())
        return cast
    if numbers.dtype.kind == "f":
        _fail_if(not _in_range(numbers, target).all())
        return numbers.astype(target)
    cast = numbers.astype(target)
    if mode != "wraps":
        _fail_if((cast.astype(numbers.dtype) != numbers).any())
    if mode == "is_equal":
        _fail_if(((cast < 0) != (numbers < 0)).any())
    return cast


def _in_range(floats: AnyArray, dtype: np.dtype[np.integer]) -> NDArray[np.bool_]:
    """Return whether floats are integers of a type after truncation."""
    info = np.iinfo(dtype)
    wholes = np.trunc(floats.astype(np.float64))
    return np.asarray((wholes >= float(info.min)) & (wholes < 2.0 ** (info.bits - (info.kind == "i"))))


def _floats(flat: NDArray[np.uint8], name: str, compute: Callable[[AnyArray], AnyArray]) -> AnyArray:
    numbers = _numbers(flat, name)
    if numbers.dtype.kind != "f":
        raise ValueError("only floats are scaled and rounded")
    results = compute(numbers)
    _fail_if((~np.isfinite(results) & np.isfinite(numbers)).any())
    return results


def _scale(flat: NDArray[np.uint8], name: str, a: float, b: float, rounds: bool) -> AnyArray:
    return _floats(flat, name, lambda x: np.rint((x - a) * b) if rounds else (x - a) * b)


def _quantize(flat: NDArray[np.uint8], name: str, a: float) -> AnyArray:
    if not 2.0**-100 <= a <= 2.0**100 or math.frexp(a)[0] != 0.5:
        raise ValueError(f"{a} is not a power of two")
    return _floats(flat, name, lambda x: np.rint(a * x) / a)


def _round_bits(flat: NDArray[np.uint8], size: int, n: int) -> AnyArray:
    if size not in (2, 4, 8) or not 1 <= n < 8 * size - 1:
        raise ValueError(f"a float of {size} bytes, rounded by {n} bits")
    words = flat.view(f"<u{size}")
    kind = words.dtype.type
    rounded: AnyArray = (words + (words >> kind(n) & kind(1)) + kind((1 << (n - 1)) - 1)) & ~kind(
        (1 << n) - 1
    )
    return rounded


def _pack_bits(flat: NDArray[np.uint8], highest_first: bool, where: str) -> AnyArray:
    _fail_if((flat > 1).any())
    packed = np.packbits(flat, bitorder="big" if highest_first else "little")
    n_padding = np.array([-flat.size % 8], np.uint8)
    parts = {"none": [packed], "first_byte": [n_padding, packed], "last_byte": [packed, n_padding]}[where]
    return np.concatenate(parts)


def _unpack_bits(flat: NDArray[np.uint8], highest_first: bool, where: str, n: int) -> AnyArray:
    if n < 0 or flat.size != -(-n // 8) + (where != "none"):
        raise ValueError(f"{flat.size} bytes are not {n} packed Booleans")
    if where != "none":
        _fail_if(int(flat[0 if where == "first_byte" else -1]) != -n % 8)
        flat = flat[1:] if where == "first_byte" else flat[:-1]
    return np.unpackbits(flat, count=n, bitorder="big" if highest_first else "little")


def _transpose(flat: NDArray[np.uint8], size: int, shape: Sequence[int], order: Sequence[int]) -> AnyArray:
    if not 1 <= len(shape) <= 8 or math.prod(shape) * size != flat.size:
        raise ValueError(f"the chunk has {flat.size} bytes")
    return flat.reshape(*shape, size).transpose(*order, len(shape))


def _add_checksum(flat: NDArray[np.uint8], name: str, location: str, seed: int) -> AnyArray:
    stored = np.frombuffer(checksum(flat.tobytes(), name, seed).to_bytes(4, "little"), np.uint8)
    if location not in ("start", "end"):
        raise ValueError(f"a checksum is at the start or the end, not at {location!r}")
    return np.concatenate([stored, flat] if location == "start" else [flat, stored])


def _take_checksum(flat: NDArray[np.uint8], name: str, location: str, seed: int) -> AnyArray:
    if flat.size < 4:
        raise ValueError(f"{flat.size} bytes are shorter than a checksum")
    stored, payload = (flat[:4], flat[4:]) if location == "start" else (flat[-4:], flat[:-4])
    _fail_if(checksum(payload.tobytes(), name, seed) != int.from_bytes(stored.tobytes(), "little"))
    return payload


_STEPS: dict[str, Callable[..., AnyArray]] = {
    "swap": _swap,
    "shuffle": lambda flat, size: _of_size(flat, size).T,
    "unshuffle": lambda flat, size: flat.reshape(size, -1).T,
    "difference": _difference,
    "cumulate": _cumulate,
    "cast": _cast,
    "scale": _scale,
    "unscale": lambda flat, name, a, b: _floats(flat, name, lambda x: x / b + a),
    "rint": lambda flat, name: _floats(flat, name, np.rint),
    "quantize": _quantize,
    "round_bits": _round_bits,
    "pack_bits": _pack_bits,
    "unpack_bits": _unpack_bits,
    "transpose": _transpose,
    "add_checksum": _add_checksum,
    "take_checksum": _take_checksum,
}


class Steps:
    """A row of steps that change a chunk."""

    def __init__(self, nbytes: int, steps: Sequence[Step]) -> None:
        if len(steps) > _MOST_STEPS or nbytes < 0:
            raise ValueError(f"{len(steps)} steps for a chunk of {nbytes} bytes")
        self.nbytes_in, self.steps = nbytes, tuple(steps)

    def apply(self, chunk: Buffer) -> NDArray[np.uint8] | None:
        flat = np.frombuffer(chunk, np.uint8)
        if flat.size != self.nbytes_in:
            raise ValueError(f"the chunk has {flat.size} bytes; the steps take {self.nbytes_in}")
        try:
            with np.errstate(all="ignore"):
                for kind, *parameters in self.steps:
                    if kind not in _STEPS:
                        raise ValueError(f"{kind!r} is not a step")
                    made = _STEPS[str(kind)](flat, *parameters)
                    flat = np.ascontiguousarray(made).reshape(-1).view(np.uint8)
        except _FailedError:
            return None
        return flat
