"""Codecs of Zarr v3 that see the elements of a chunk, and that numcodecs does not have.

They have what codecs of numcodecs have (``codec_id``, ``encode``, ``decode``, ``get_config``), and know the
data type and, where it matters, the shape of what they are given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.types import AnyDtype, Shape

_ROUND: dict[str, Callable[[Any], Any]] = {
    "nearest-even": np.rint,
    "towards-zero": np.trunc,
    "towards-positive": np.ceil,
    "towards-negative": np.floor,
    "nearest-away": lambda x: np.where(np.abs(x - np.trunc(x)) == 0.5, np.trunc(x) + np.sign(x), np.rint(x)),
}
ROUNDINGS = tuple(_ROUND)


def is_ml_dtype(dtype: AnyDtype) -> bool:
    """Is it a type that a package, such as ml_dtypes, added to those of NumPy?"""
    return dtype.isbuiltin == 2


def plain(dtype: AnyDtype) -> AnyDtype:
    """Return a data type of the same bytes that any codec takes, and whose byte order NumPy can change."""
    if dtype.fields is not None:
        fields: list[Any] = [(name, plain(dtype.fields[name][0])) for name in dtype.names or ()]
        return np.dtype(fields)
    return np.dtype(f"u{dtype.itemsize}") if is_ml_dtype(dtype) else dtype


def as_elements(data: Any, dtype: AnyDtype) -> NDArray[Any]:
    """Return what a codec was given as a flat array of elements."""
    if isinstance(data, np.ndarray):
        return np.ascontiguousarray(data.reshape(-1, order="A")).view(dtype)
    return np.frombuffer(data, dtype)


@dataclass(frozen=True)
class Reorder:
    """array -> array: change the order of the axes, in memory.

    Only for a transpose that comes after other codecs; the first ones cost nothing, see `stages.Transpose`.

    Parameters
    ----------
    order : the axes of the input, in the order of the output
    shape : of the input
    dtype : of the elements
    """

    order: tuple[int, ...]
    shape: Shape
    dtype: AnyDtype
    codec_id = "transpose"

    def encode(self, chunk: Any) -> NDArray[Any]:
        return np.ascontiguousarray(as_elements(chunk, self.dtype).reshape(self.shape).transpose(self.order))

    def decode(self, data: Any, out: Any = None) -> NDArray[Any]:
        stored_shape = tuple(self.shape[axis] for axis in self.order)
        stored = as_elements(data, self.dtype).reshape(stored_shape)
        return np.ascontiguousarray(stored.transpose(np.argsort(self.order)))

    def get_config(self) -> dict[str, Any]:
        return {"id": self.codec_id, "order": list(self.order)}


@dataclass(frozen=True)
class ScaleOffset:
    """array -> array: ``(x - offset) * scale``, and back.

    Parameters
    ----------
    offset, scale : scalars of `dtype`
    dtype : of the elements: whole numbers or floats
    """

    offset: Any
    scale: Any
    dtype: AnyDtype
    codec_id = "scale_offset"

    def encode(self, chunk: Any) -> NDArray[Any]:
        elements = as_elements(chunk, self.dtype)
        offset, scale = self.offset, self.scale
        if self.dtype.kind in "iu" and elements.size:
            offset, scale = int(offset), int(scale)
            self._check(*((int(x) - offset) * scale for x in (elements.min(), elements.max())))
            # sums and products that wrap around are right where the result has a place
            return np.asarray((elements - self._wrapped(offset)) * self._wrapped(scale))
        with np.errstate(over="raise"):
            return np.asarray((elements - offset) * scale, self.dtype)

    def decode(self, data: Any, out: Any = None) -> NDArray[Any]:
        elements = as_elements(data, self.dtype)
        if self.dtype.kind in "iu" and elements.size:
            offset, scale = int(self.offset), int(self.scale)
            self._check(*(int(x) // scale + offset for x in (elements.min(), elements.max())))
            wholes = elements // self._wrapped(scale)
            if (wholes * self._wrapped(scale) != elements).any():
                raise ValueError(f"a stored number is no multiple of the scale {scale}")
            return np.asarray(wholes + self._wrapped(offset))
        with np.errstate(over="raise"):
            return np.asarray(elements / self.scale + self.offset, self.dtype)

    def _wrapped(self, number: int) -> Any:
        return np.array(number, self.dtype)[()]

    def _check(self, *numbers: int) -> None:
        info = np.iinfo(self.dtype)
        for number in numbers:
            if not info.min <= number <= info.max:
                raise ValueError(f"{number} has no place in {self.dtype}")

    def get_config(self) -> dict[str, Any]:
        return {"id": self.codec_id, "offset": self.offset.item(), "scale": self.scale.item()}


@dataclass(frozen=True)
class CastValue:
    """array -> array: numbers of one type as numbers of another.

    Parameters
    ----------
    dtype, stored : of the elements in memory, and in the store: whole numbers or floats
    rounding : one of `ROUNDINGS`, of floats that become whole numbers
    out_of_range : "clamp", "wrap" or "error"
    to_stored, from_stored : pairs of scalars: what stands for what
    """

    dtype: AnyDtype
    stored: AnyDtype
    rounding: str = "nearest-even"
    out_of_range: str = "error"
    to_stored: tuple[tuple[Any, Any], ...] = field(default=())
    from_stored: tuple[tuple[Any, Any], ...] = field(default=())
    codec_id = "cast_value"

    def encode(self, chunk: Any) -> NDArray[Any]:
        return self._cast(as_elements(chunk, self.dtype), self.stored, self.to_stored)

    def decode(self, data: Any, out: Any = None) -> NDArray[Any]:
        return self._cast(as_elements(data, self.stored), self.dtype, self.from_stored)

    def _cast(self, values: NDArray[Any], target: AnyDtype, pairs: Any) -> NDArray[Any]:
        mapped = []
        for old, new in pairs:
            places = np.isnan(values) if np.isnan(old) else values == old
            mapped.append((places, new))
        if mapped:
            # what is mapped is not looked at again
            values = np.where(
                np.logical_or.reduce([places for places, _ in mapped]), values.dtype.type(0), values
            )
        cast = self._cast_numbers(values, target)
        for places, new in reversed(mapped):
            cast[places] = new
        return cast

    def _cast_numbers(self, values: NDArray[Any], target: AnyDtype) -> NDArray[Any]:
        if target.kind == "f":
            return self._to_floats(values, target)
        if values.dtype.kind == "f":
            return self._to_integers(values, target)
        here, there = np.iinfo(values.dtype), np.iinfo(target)
        low, high = max(int(here.min), int(there.min)), min(int(here.max), int(there.max))
        if self.out_of_range != "wrap":
            values = self._bounded(values, low, high, target)
        return values.astype(target)

    def _bounded(self, values: NDArray[Any], low: Any, high: Any, target: AnyDtype) -> NDArray[Any]:
        if self.out_of_range == "clamp":
            clipped: NDArray[Any] = np.clip(values, low, high)
            return clipped
        if values.size and not (values.min() >= low and values.max() <= high):
            raise ValueError(f"a number has no place in {target}, and 'out_of_range' does not say what to do")
        return values

    def _to_integers(self, values: NDArray[Any], target: AnyDtype) -> NDArray[Any]:
        if np.isnan(values).any():
            raise ValueError(f"NaN has no place in {target}, and no 'scalar_map' says what stands for it")
        wholes = np.asarray(_ROUND[self.rounding](values.astype(np.float64)))
        info = np.iinfo(target)
        if self.out_of_range == "wrap":
            if np.isinf(wholes).any():
                raise ValueError(f"an infinite number has no place in {target}")
            # the remainder by a power of two is exact
            rest = np.fmod(wholes, 2.0**info.bits)
            size = np.abs(rest).astype(np.uint64)
            return np.asarray(np.where(rest < 0, np.uint64(0) - size, size).astype(target))
        # the largest whole number may have no float of its own, the one behind it has
        over, under = wholes >= 2.0 ** (info.bits - (info.kind == "i")), wholes < float(info.min)
        if self.out_of_range != "clamp" and (over | under).any():
            raise ValueError(f"a number has no place in {target}, and 'out_of_range' does not say what to do")
        cast = np.where(over | under, 0.0, wholes).astype(target)
        cast[over], cast[under] = info.max, info.min
        return cast

    def _to_floats(self, values: NDArray[Any], target: AnyDtype) -> NDArray[Any]:
        with np.errstate(over="ignore"):
            cast = values.astype(target)
        lost = np.isinf(cast) & ~np.isinf(values)
        if lost.any():
            if self.out_of_range != "clamp":
                raise ValueError(
                    f"a number has no place in {target}, and 'out_of_range' does not say what to do"
                )
            cast[lost] = np.copysign(np.finfo(target).max, cast[lost])
        return cast

    def get_config(self) -> dict[str, Any]:
        return {"id": self.codec_id, "data_type": self.stored.str, "rounding": self.rounding}


@dataclass(frozen=True)
class PackBits:
    """array -> bytes: some bits of each element, one after the other, the lowest bit of a byte first.

    Not the codec of that name in numcodecs, which begins with the highest bit.

    Parameters
    ----------
    dtype : of the elements, as NumPy's own types of that size have it
    signed : the highest bit that is kept fills up the bits above it
    n_bits : of a component of an element: 1 for Booleans
    n_components : 2 for complex numbers
    first_bit, last_bit : range of bits that are kept; the last one is included
    padding : where the number of padding bits stands: "none", "first_byte" or "last_byte"
    n_elements : of a chunk
    """

    dtype: AnyDtype
    signed: bool
    n_bits: int
    n_components: int
    first_bit: int
    last_bit: int
    padding: str
    n_elements: int
    codec_id = "packbits"

    def for_elements(self, n: int) -> PackBits:
        """Return the codec for chunks of another number of elements."""
        return replace(self, n_elements=n)

    @property
    def _kept(self) -> int:
        return self.last_bit - self.first_bit + 1

    def encode(self, chunk: Any) -> bytes:
        little = as_elements(chunk, self.dtype).astype(self.dtype.newbyteorder("<"))
        octets = little.view(np.uint8).reshape(little.size * self.n_components, -1)
        bits = np.unpackbits(octets, axis=1, bitorder="little")[:, self.first_bit : self.last_bit + 1]
        packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
        n_padding = bytes([-bits.size % 8])
        if self.padding == "first_byte":
            return n_padding + packed
        return packed + n_padding if self.padding == "last_byte" else packed

    def decode(self, data: Any, out: Any = None) -> NDArray[Any]:
        octets = np.frombuffer(data, np.uint8)
        count = self.n_elements * self.n_components * self._kept
        if self.padding != "none":
            said = octets[:1] if self.padding == "first_byte" else octets[-1:]
            octets = octets[1:] if self.padding == "first_byte" else octets[:-1]
            if said.tolist() != [-count % 8]:
                raise ValueError(f"it states {said.tolist()} padding bits; a chunk has {-count % 8}")
        if octets.size != -(-count // 8):
            raise ValueError(f"{octets.size} bytes of packed bits; a chunk has {-(-count // 8)}")
        bits = np.unpackbits(octets, count=count, bitorder="little").reshape(-1, self._kept)
        whole = np.zeros((len(bits), 8 * self.dtype.itemsize // self.n_components), np.uint8)
        whole[:, self.first_bit : self.last_bit + 1] = bits
        if self.signed:
            whole[:, self.last_bit + 1 : self.n_bits] = bits[:, -1:]
        little = np.packbits(whole, axis=1, bitorder="little").reshape(-1)
        return little.view(self.dtype.newbyteorder("<")).astype(self.dtype, copy=False)

    def get_config(self) -> dict[str, Any]:
        return {
            "id": self.codec_id,
            "padding_encoding": self.padding,
            "first_bit": self.first_bit,
            "last_bit": self.last_bit,
        }
