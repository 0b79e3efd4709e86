"""Codecs of Zarr v3 that see the elements of a chunk, and that numcodecs does not have.

They have the interface of numcodecs' codecs (``codec_id``, ``encode``, ``decode``, ``get_config``), and know the
data type of their input and, if they need it, its shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from zarrcy.codecs.elements import as_elements
from zarrcy.types import JSON, AnyArray, AnyDtype, Buffer, Elements, Shape

ScalarMap: TypeAlias = tuple[tuple[Elements, Elements], ...]
"""Pairs of scalars: a value and its replacement."""

_ROUND: dict[str, Callable[[AnyArray], AnyArray]] = {
    "nearest-even": np.rint,
    "towards-zero": np.trunc,
    "towards-positive": np.ceil,
    "towards-negative": np.floor,
    "nearest-away": lambda x: np.where(np.abs(x - np.trunc(x)) == 0.5, np.trunc(x) + np.sign(x), np.rint(x)),
}
ROUNDINGS = tuple(_ROUND)


@dataclass(frozen=True)
class Reorder:
    """array -> array: change the order of the axes, in memory.

    Used for a transpose after other codecs. The transposes at the start of a pipeline cost nothing, see
    `stages.Transpose`.

    Parameters
    ----------
    order : tuple of int
        The axes of the input, in the order of the output.
    shape : Shape
        Shape of the input, in elements.
    dtype : AnyDtype
        Data type of the elements.
    """

    order: tuple[int, ...]
    shape: Shape
    dtype: AnyDtype
    codec_id = "transpose"

    def encode(self, chunk: Buffer) -> AnyArray:
        return np.ascontiguousarray(as_elements(chunk, self.dtype).reshape(self.shape).transpose(self.order))

    def decode(self, data: Buffer, out: Buffer | None = None) -> AnyArray:
        stored_shape = tuple(self.shape[axis] for axis in self.order)
        stored = as_elements(data, self.dtype).reshape(stored_shape)
        return np.ascontiguousarray(stored.transpose(np.argsort(self.order)))

    def get_config(self) -> dict[str, JSON]:
        return {"id": self.codec_id, "order": list(self.order)}


@dataclass(frozen=True)
class ScaleOffset:
    """array -> array: store ``(x - offset) * scale``.

    Parameters
    ----------
    offset, scale : scalar of `dtype`
        The offset and the scale.
    dtype : AnyDtype
        Data type of the elements: integers or floats.
    """

    offset: Elements
    scale: Elements
    dtype: AnyDtype
    codec_id = "scale_offset"

    def encode(self, chunk: Buffer) -> AnyArray:
        elements = as_elements(chunk, self.dtype)
        offset, scale = self.offset, self.scale
        if self.dtype.kind in "iu" and elements.size:
            offset, scale = int(offset), int(scale)
            self._check(*((int(x) - offset) * scale for x in (elements.min(), elements.max())))
            # intermediate results may wrap around: the final result is exact because it is in range
            return np.asarray((elements - self._wrapped(offset)) * self._wrapped(scale))
        with np.errstate(over="raise"):
            return np.asarray((elements - offset) * scale, self.dtype)

    def decode(self, data: Buffer, out: Buffer | None = None) -> AnyArray:
        elements = as_elements(data, self.dtype)
        if self.dtype.kind in "iu" and elements.size:
            offset, scale = int(self.offset), int(self.scale)
            self._check(*(int(x) // scale + offset for x in (elements.min(), elements.max())))
            wholes = elements // self._wrapped(scale)
            if (wholes * self._wrapped(scale) != elements).any():
                raise ValueError(f"a stored number is not a multiple of the scale {scale}")
            return np.asarray(wholes + self._wrapped(offset))
        with np.errstate(over="raise"):
            return np.asarray(elements / self.scale + self.offset, self.dtype)

    def _wrapped(self, number: int) -> Elements:
        return np.array(number, self.dtype)[()]

    def _check(self, *numbers: int) -> None:
        info = np.iinfo(self.dtype)
        for number in numbers:
            if not info.min <= number <= info.max:
                raise ValueError(f"{number} is out of range for {self.dtype}")

    def get_config(self) -> dict[str, JSON]:
        return {"id": self.codec_id, "offset": self.offset.item(), "scale": self.scale.item()}


@dataclass(frozen=True)
class CastValue:
    """array -> array: store numbers of one data type as numbers of another.

    Parameters
    ----------
    dtype, stored : AnyDtype
        Data type of the elements in memory and in the store: integers or floats.
    rounding : str
        How floats become integers: one of `ROUNDINGS`.
    out_of_range : str
        What happens to numbers out of range: "clamp", "wrap" or "error".
    to_stored, from_stored : ScalarMap
        Values that are replaced by others when they are encoded or decoded.
    """

    dtype: AnyDtype
    stored: AnyDtype
    rounding: str = "nearest-even"
    out_of_range: str = "error"
    to_stored: ScalarMap = field(default=())
    from_stored: ScalarMap = field(default=())
    codec_id = "cast_value"

    def encode(self, chunk: Buffer) -> AnyArray:
        return self._cast(as_elements(chunk, self.dtype), self.stored, self.to_stored)

    def decode(self, data: Buffer, out: Buffer | None = None) -> AnyArray:
        return self._cast(as_elements(data, self.stored), self.dtype, self.from_stored)

    def _cast(self, values: AnyArray, target: AnyDtype, pairs: ScalarMap) -> AnyArray:
        mapped = []
        for old, new in pairs:
            places = np.isnan(values) if np.isnan(old) else values == old
            mapped.append((places, new))
        if mapped:
            # mapped values take no part in the cast
            values = np.where(
                np.logical_or.reduce([places for places, _ in mapped]), values.dtype.type(0), values
            )
        cast = self._cast_numbers(values, target)
        for places, new in reversed(mapped):
            cast[places] = new
        return cast

    def _cast_numbers(self, values: AnyArray, target: AnyDtype) -> AnyArray:
        if target.kind == "f":
            return self._to_floats(values, target)
        if values.dtype.kind == "f":
            return self._to_integers(values, target)
        ranges = [np.iinfo(dtype) for dtype in (values.dtype, target)]
        low, high = max(int(info.min) for info in ranges), min(int(info.max) for info in ranges)
        if self.out_of_range != "wrap":
            values = self._bounded(values, low, high, target)
        return values.astype(target)

    def _bounded(self, values: AnyArray, low: int, high: int, target: AnyDtype) -> AnyArray:
        if self.out_of_range == "clamp":
            clipped: AnyArray = np.clip(values, low, high)
            return clipped
        if values.size and not (values.min() >= low and values.max() <= high):
            raise _out_of_range(target)
        return values

    def _to_integers(self, values: AnyArray, target: AnyDtype) -> AnyArray:
        if np.isnan(values).any():
            raise ValueError(f"NaN cannot be stored as {target}; map it to a number with 'scalar_map'")
        wholes = np.asarray(_ROUND[self.rounding](values.astype(np.float64)))
        info = np.iinfo(target)
        if self.out_of_range == "wrap":
            if np.isinf(wholes).any():
                raise ValueError(f"an infinite number cannot be stored as {target}")
            # the remainder by a power of two is exact
            remainder = np.fmod(wholes, 2.0**info.bits)
            size = np.abs(remainder).astype(np.uint64)
            return np.asarray(np.where(remainder < 0, np.uint64(0) - size, size).astype(target))
        # a float may not represent the largest integer exactly, but represents the next one
        over, under = wholes >= 2.0 ** (info.bits - (info.kind == "i")), wholes < float(info.min)
        if self.out_of_range != "clamp" and (over | under).any():
            raise _out_of_range(target)
        cast = np.where(over | under, 0.0, wholes).astype(target)
        cast[over], cast[under] = info.max, info.min
        return cast

    def _to_floats(self, values: AnyArray, target: AnyDtype) -> AnyArray:
        with np.errstate(over="ignore"):
            cast = values.astype(target)
        lost = np.isinf(cast) & ~np.isinf(values)
        if lost.any():
            if self.out_of_range != "clamp":
                raise _out_of_range(target)
            cast[lost] = np.copysign(np.finfo(target).max, cast[lost])
        return cast

    def get_config(self) -> dict[str, JSON]:
        return {"id": self.codec_id, "data_type": self.stored.str, "rounding": self.rounding}


def _out_of_range(target: AnyDtype) -> ValueError:
    return ValueError(f"a number is out of range for {target}; set 'out_of_range' to 'clamp' or 'wrap'")


@dataclass(frozen=True)
class PackBits:
    """array -> bytes: some bits of each element, one after another, the lowest bit of a byte first.

    It differs from the codec of the same name in numcodecs, which begins with the highest bit.

    Parameters
    ----------
    dtype : AnyDtype
        Data type of the elements, as a NumPy type of the same size.
    signed : bool
        Whether the highest stored bit fills the bits above it.
    n_bits : int
        Number of bits in a component of an element: 1 for Booleans.
    n_components : int
        Number of components of an element: 2 for complex numbers.
    first_bit, last_bit : int
        Range of stored bits; the last one is included.
    padding : str
        Where the number of padding bits is stored: "none", "first_byte" or "last_byte".
    n_elements : int
        Number of elements in a chunk.
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

    def encode(self, chunk: Buffer) -> bytes:
        little = as_elements(chunk, self.dtype).astype(self.dtype.newbyteorder("<"))
        octets = little.view(np.uint8).reshape(little.size * self.n_components, -1)
        bits = np.unpackbits(octets, axis=1, bitorder="little")[:, self.first_bit : self.last_bit + 1]
        packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
        n_padding = bytes([-bits.size % 8])
        if self.padding == "first_byte":
            return n_padding + packed
        return packed + n_padding if self.padding == "last_byte" else packed

    def decode(self, data: Buffer, out: Buffer | None = None) -> AnyArray:
        octets = np.frombuffer(data, np.uint8)
        count = self.n_elements * self.n_components * self._kept
        if self.padding != "none":
            stated = octets[:1] if self.padding == "first_byte" else octets[-1:]
            octets = octets[1:] if self.padding == "first_byte" else octets[:-1]
            if stated.tolist() != [-count % 8]:
                raise ValueError(f"it states {stated.tolist()} padding bits; a chunk has {-count % 8}")
        if octets.size != -(-count // 8):
            raise ValueError(f"{octets.size} bytes of packed bits; a chunk has {-(-count // 8)}")
        bits = np.unpackbits(octets, count=count, bitorder="little").reshape(-1, self._kept)
        whole = np.zeros((len(bits), 8 * self.dtype.itemsize // self.n_components), np.uint8)
        whole[:, self.first_bit : self.last_bit + 1] = bits
        if self.signed:
            whole[:, self.last_bit + 1 : self.n_bits] = bits[:, -1:]
        little = np.packbits(whole, axis=1, bitorder="little").reshape(-1)
        return little.view(self.dtype.newbyteorder("<")).astype(self.dtype, copy=False)

    def get_config(self) -> dict[str, JSON]:
        return {
            "id": self.codec_id,
            "padding_encoding": self.padding,
            "first_bit": self.first_bit,
            "last_bit": self.last_bit,
        }
