"""What an array should hold, in NumPy: the model that `ArrayMachine` compares with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.indexing.chunk_shapes import grid_shape
from zarrcy.types import AnyDtype, Coords, Shape


def data_of(shape: Shape, dtype: Any, start: int = 0) -> NDArray[Any]:
    """Return values of which any two near each other differ, so that a misplaced one shows.

    >>> data_of((2, 2), "f4", start=3).tolist()
    [[3.0, 4.0], [5.0, 6.0]]
    """
    dtype = np.dtype(dtype)
    numbers: Any = np.arange(start, start + math.prod(shape), dtype="<i8").reshape(shape)
    if dtype.kind == "V":
        raw = (numbers[..., None] * 7 + np.arange(dtype.itemsize) + 1) % 251
        records: NDArray[Any] = np.ascontiguousarray(raw.astype("u1")).view(dtype).reshape(shape)
        return records
    if dtype.kind in "SU":
        values: Any = (numbers % 99).astype(str)
    elif dtype.kind == "c":
        values = numbers - 1j * numbers
    elif dtype.kind == "b":
        values = numbers * 2654435761 % 7 < 3
    else:
        values = numbers
    # of an array without axes numpy's arithmetic makes a scalar: make it an array again
    return np.array(np.asarray(values).astype(dtype), dtype).reshape(shape)


def element_of(fill_value: Any, dtype: AnyDtype) -> NDArray[Any]:
    """Return what an element reads as that was never written, as an array without axes."""
    if fill_value is None or (type(fill_value) is int and fill_value == 0):
        return np.zeros((), dtype)
    return np.array(fill_value, dtype)


def bits_of(values: Any) -> NDArray[np.uint8]:
    """Return the bytes of each element along a new last axis."""
    array = np.array(values, order="C")
    return array.reshape(-1).view(np.uint8).reshape((*array.shape, array.dtype.itemsize))


def same_bits(ours: Any, theirs: Any, where: Any = True) -> bool:
    """Have these the same type, shape and bits?

    NaN payloads and signs of zero count; a scalar is what NumPy makes of an element, so it has the
    byte order of the machine.

    Parameters
    ----------
    ours, theirs : scalars or arrays
    where : compare only these elements
    """
    theirs = np.asarray(theirs)
    if isinstance(ours, np.generic) and theirs.dtype.fields is None:
        theirs = np.asarray(theirs[()])
    ours = np.asarray(ours)
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        return False
    return not bool(((bits_of(ours) != bits_of(theirs)).any(axis=-1) & where).any())


class ArrayModel:
    """The elements of an array, and which of them are promised.

    When an array shrinks, elements are cut off. Those in a chunk that stays may be there when it
    grows again, or not: they are not `known` until they are written, or until their chunk is gone.

    Parameters
    ----------
    shape, chunks : in elements
    dtype : of the elements
    fill_value : of elements that were never written; None is zero

    Attributes
    ----------
    written : coordinates of the chunks that were written and not deleted since

    Examples
    --------
    >>> import numpy as np
    >>> model = ArrayModel((3,), (2,), np.dtype("i4"), 9)
    >>> model.write(np.array([1, 2]), 5)
    >>> model.values.tolist(), sorted(model.written)
    ([9, 5, 5], [(0,), (1,)])
    """

    def __init__(self, shape: Shape, chunks: Shape, dtype: AnyDtype, fill_value: Any) -> None:
        self.shape, self.chunks, self.dtype = shape, chunks, dtype
        self.fill = element_of(fill_value, dtype)
        self.written: set[Coords] = set()
        self._allocate(shape)

    def _allocate(self, shape: Shape) -> None:
        """Make room for whole chunks, so that what lies beyond the edge is kept in mind too."""
        self.shape = shape
        self.counts = grid_shape(shape, self.chunks)
        padded = tuple(n * c for n, c in zip(self.counts, self.chunks, strict=True))
        self._padded = np.full(padded, self.fill, self.dtype)
        self._known = np.ones(padded, bool)
        self._inside: tuple[Any, ...] = (*map(slice, shape), ...)
        self._places = np.arange(math.prod(padded)).reshape(padded)[self._inside].reshape(-1)

    @property
    def values(self) -> NDArray[Any]:
        """The elements, as an array that can be indexed but shall not be written."""
        values: NDArray[Any] = self._padded[self._inside]
        return values

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which elements are promised."""
        known: NDArray[np.bool_] = self._known[self._inside]
        return known

    def at(self, positions: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the elements with these numbers in C order, and which of them are known."""
        places = self._places[positions]
        # without axes numpy gives a scalar, in the byte order of the machine: make it an element again
        return np.asarray(self._padded.reshape(-1)[places], self.dtype), np.asarray(
            self._known.reshape(-1)[places]
        )

    def write(self, positions: NDArray[np.intp], value: Any, field: str | None = None) -> None:
        """Assign to the elements with these numbers in C order; the last one wins."""
        places = self._places[positions]
        flat: NDArray[Any] = self._padded.reshape(-1)
        if field is None:
            flat[places] = value
            self._known.reshape(-1)[places] = True
        else:
            flat[field][places] = value
        if not self.shape:
            self.written.update([()] * places.size)
            return
        within = np.unravel_index(places.reshape(-1), self._padded.shape)
        chunks = ((axis // c).tolist() for axis, c in zip(within, self.chunks, strict=True))
        self.written.update(zip(*chunks, strict=True))

    def resize(self, shape: Shape) -> None:
        """Change the shape; forget what is cut off."""
        old, old_known, old_shape = self._padded, self._known, self.shape
        cut_off = np.zeros(old.shape, bool)
        cut_off[self._inside] = True
        cut_off[_common(old_shape, shape)] = False
        self._allocate(shape)
        common = _common(old.shape, self._padded.shape)
        self._padded[common] = old[common]
        self._known[common] = (old_known & ~cut_off)[common]
        self.written = {at for at in self.written if all(i < n for i, n in zip(at, self.counts, strict=True))}

    def append(self, value: NDArray[Any], axis: int) -> None:
        """Add elements at the end of an axis."""
        start = self.shape[axis]
        self.resize((*self.shape[:axis], start + value.shape[axis], *self.shape[axis + 1 :]))
        numbers = np.arange(math.prod(self.shape)).reshape(self.shape)
        self.write(numbers[(slice(None),) * axis + (slice(start, None),)], value)

    def chunk(self, coords: Coords) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the elements of a chunk, beyond the edge too, and which of them are known."""
        region: tuple[Any, ...] = tuple(
            slice(i * c, (i + 1) * c) for i, c in zip(coords, self.chunks, strict=True)
        )
        region = (*region, ...)
        return self._padded[region], self._known[region]

    def is_fill(self, coords: Coords) -> bool:
        """Is a chunk, beyond the edge too, known to hold nothing but the fill value?"""
        values, known = self.chunk(coords)
        return bool(known.all()) and same_bits(values, np.full(values.shape, self.fill, self.dtype))

    def see_missing(self, coords: Coords) -> None:
        """Learn that a chunk is not stored: what is not known of it is fill value."""
        values, known = self.chunk(coords)
        values[~known] = self.fill
        known[...] = True


def _common(one: Shape, other: Shape) -> tuple[Any, ...]:
    """Return a key of what is inside both of two shapes."""
    return (*(slice(min(n, m)) for n, m in zip(one, other, strict=True)), ...)
