"""The expected elements of an array, as NumPy arrays: the model that `ArrayMachine` compares an array with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from types import EllipsisType
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from zarrcy.types import AnyArray, AnyDtype, Coords, Elements, Shape

Grid: TypeAlias = tuple[int | Sequence[int], ...]
"""For each axis, the length of all chunks or of each chunk, in elements."""
_Region: TypeAlias = tuple[slice | EllipsisType, ...]


def data_of(shape: Shape, dtype: DTypeLike, start: int = 0) -> AnyArray:
    """Return an array in which nearby elements differ, so that a misplaced element is detected.

    Examples
    --------
    >>> data_of((2, 2), "f4", start=3).tolist()
    [[3.0, 4.0], [5.0, 6.0]]
    """
    dtype = np.dtype(dtype)
    numbers: AnyArray = np.arange(start, start + math.prod(shape), dtype="<i8").reshape(shape)
    if dtype.kind == "V":
        raw = (numbers[..., None] * 7 + np.arange(dtype.itemsize) + 1) % 251
        records: AnyArray = np.ascontiguousarray(raw.astype("u1")).view(dtype).reshape(shape)
        return records
    if dtype.kind in "SU":
        values: AnyArray = (numbers % 99).astype(str)
    elif dtype.kind == "c":
        values = numbers - 1j * numbers
    elif dtype.kind == "b":
        values = numbers * 2654435761 % 7 < 3
    else:
        values = numbers
    # NumPy's arithmetic turns an array without axes into a scalar; make it an array again
    return np.array(np.asarray(values).astype(dtype), dtype).reshape(shape)


def element_of(fill_value: Elements, dtype: AnyDtype) -> AnyArray:
    """Return the value of an unwritten element, as an array without axes."""
    if fill_value is None or (type(fill_value) is int and fill_value == 0):
        return np.zeros((), dtype)
    return np.array(fill_value, dtype)


def chunk_borders(n: int, chunks: int | Sequence[int]) -> list[int]:
    """Return the first element of each chunk of an axis that has elements, and the end of the last chunk.

    Parameters
    ----------
    n : int
        Length of the axis, in elements.
    chunks : int or sequence of int
        Length of all chunks, or of each chunk; together they are at least as long as the axis.

    Examples
    --------
    >>> chunk_borders(5, 2), chunk_borders(5, [4, 3, 9]), chunk_borders(0, 2)
    ([0, 2, 4, 6], [0, 4, 7], [0])
    """
    lengths = itertools.repeat(chunks) if isinstance(chunks, int) else iter(chunks)
    borders = [0]
    while borders[-1] < n:
        borders.append(borders[-1] + next(lengths))
    return borders


def bits_of(values: Elements) -> NDArray[np.uint8]:
    """Return the bytes of each element along a new last axis."""
    array = np.array(values, order="C")
    return array.reshape(-1).view(np.uint8).reshape((*array.shape, array.dtype.itemsize))


def same_bits(ours: Elements, theirs: Elements, where: NDArray[np.bool_] | bool = True) -> bool:
    """Return whether two scalars or arrays have the same data type, shape and bits.

    NaN payloads and signs of zero are compared too. A NumPy scalar always has the native byte order.

    Parameters
    ----------
    ours, theirs : scalar or array
        The values to compare.
    where : array of bool, optional
        Compare only these elements; by default all.
    """
    theirs = np.asarray(theirs)
    if isinstance(ours, np.generic) and theirs.dtype.fields is None:
        theirs = np.asarray(theirs[()])
    ours = np.asarray(ours)
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        return False
    return not bool(((bits_of(ours) != bits_of(theirs)).any(axis=-1) & where).any())


class ArrayModel:
    """The elements of an array, and which of them have a defined value.

    Elements that are cut off when an array shrinks are the fill value when it grows again. The value of elements that
    a failed change may have written is not known, until they are written or the array grows and shows them.

    Parameters
    ----------
    shape : tuple of int
        Shape, in elements.
    chunks : tuple of int or sequence of int
        For each axis, the length of all chunks or of each chunk, in elements.
    dtype : numpy.dtype
        Data type.
    fill_value : scalar or None
        Value of unwritten elements; None means zero.

    Attributes
    ----------
    written : set of tuple of int
        Coordinates of the chunks that were written and not deleted since.

    Examples
    --------
    >>> import numpy as np
    >>> model = ArrayModel((3,), (2,), np.dtype("i4"), 9)
    >>> model.write(np.array([1, 2]), 5)
    >>> model.values.tolist(), sorted(model.written)
    ([9, 5, 5], [(0,), (1,)])
    """

    def __init__(self, shape: Shape, chunks: Grid, dtype: AnyDtype, fill_value: Elements) -> None:
        self.shape, self.chunks, self.dtype = shape, chunks, dtype
        self.fill = element_of(fill_value, dtype)
        self.written: set[Coords] = set()
        self._allocate(shape)

    def _allocate(self, shape: Shape) -> None:
        """Allocate whole chunks, so that elements beyond the edge of the array are modelled too."""
        self.shape = shape
        self.borders = [chunk_borders(n, c) for n, c in zip(shape, self.chunks, strict=True)]
        self.counts = tuple(len(borders) - 1 for borders in self.borders)
        padded = tuple(borders[-1] for borders in self.borders)
        self._padded = np.full(padded, self.fill, self.dtype)
        self._known = np.ones(padded, bool)
        self._inside: _Region = (*map(slice, shape), ...)
        self._positions = np.arange(math.prod(padded)).reshape(padded)[self._inside].reshape(-1)

    @property
    def values(self) -> AnyArray:
        """The elements, as an array that must not be written."""
        values: AnyArray = self._padded[self._inside]
        return values

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which elements have a defined value."""
        known: NDArray[np.bool_] = self._known[self._inside]
        return known

    def at(self, positions: NDArray[np.intp]) -> tuple[AnyArray, NDArray[np.bool_]]:
        """Return the elements at positions in C order, and which of them are known."""
        padded = self._positions[positions]
        # without axes NumPy returns a scalar with the native byte order; convert it back to the data type
        return np.asarray(self._padded.reshape(-1)[padded], self.dtype), np.asarray(
            self._known.reshape(-1)[padded]
        )

    def write(self, positions: NDArray[np.intp], value: Elements, field: str | None = None) -> None:
        """Assign to the elements at positions in C order; for repeated positions the last value counts."""
        padded = self._positions[positions]
        flat: AnyArray = self._padded.reshape(-1)
        if field is None:
            flat[padded] = value
            self._known.reshape(-1)[padded] = True
        else:
            flat[field][padded] = value
        if not self.shape:
            self.written.update([()] * padded.size)
            return
        within = np.unravel_index(padded.reshape(-1), self._padded.shape)
        chunks = (
            (np.searchsorted(borders, axis, "right") - 1).tolist()
            for axis, borders in zip(within, self.borders, strict=True)
        )
        self.written.update(zip(*chunks, strict=True))

    def forget(self, positions: NDArray[np.intp]) -> None:
        """Record that the elements at positions in C order are not known."""
        self._known.reshape(-1)[self._positions[positions]] = False

    def resize(self, shape: Shape) -> None:
        """Change the shape; elements that are cut off or become visible are the fill value."""
        old, old_known, kept = self._padded, self._known, _common(self.shape, shape)
        outside = np.ones(old.shape, bool)
        outside[_common(self.shape, self.shape)] = False
        self._allocate(shape)
        both = _common(old.shape, self._padded.shape)
        # hidden elements that stay hidden may still be unknown
        hidden = np.zeros(self._padded.shape, bool)
        hidden[both] = outside[both]
        hidden[self._inside] = False
        self._known[both] &= old_known[both] | ~hidden[both]
        self._padded[kept] = old[kept]
        self._known[kept] = old_known[kept]
        self.written = {
            coords for coords in self.written if all(i < n for i, n in zip(coords, self.counts, strict=True))
        }

    def copy(self) -> ArrayModel:
        """Return an independent copy.

        Examples
        --------
        >>> import numpy as np
        >>> model = ArrayModel((1,), (1,), np.dtype("i4"), 9)
        >>> model.copy().write(np.array([0]), 5)
        >>> model.values.tolist()
        [9]
        """
        copy = ArrayModel(self.shape, self.chunks, self.dtype, self.fill)
        copy._padded[...], copy._known[...], copy.written = self._padded, self._known, set(self.written)
        return copy

    def adopt(self, values: AnyArray, others: Sequence[ArrayModel]) -> None:
        """Take values that were read after a change that failed, and forget hidden elements that it may have changed.

        Parameters
        ----------
        values : array
            The elements of the array; they become known.
        others : sequence of ArrayModel
            The array before the change, and as it would be after it.
        """
        for other in others:
            both = _common(self._padded.shape, other._padded.shape)
            differs = (bits_of(self._padded[both]) != bits_of(other._padded[both])).any(axis=-1)
            self._known[both] &= other._known[both] & ~differs
        self._padded[self._inside] = values
        self._known[self._inside] = True

    def append(self, value: AnyArray, axis: int) -> None:
        """Add elements at the end of an axis."""
        start = self.shape[axis]
        self.resize((*self.shape[:axis], start + value.shape[axis], *self.shape[axis + 1 :]))
        numbers = np.arange(math.prod(self.shape)).reshape(self.shape)
        self.write(numbers[(slice(None),) * axis + (slice(start, None),)], value)

    def chunk(self, coords: Coords) -> tuple[AnyArray, NDArray[np.bool_]]:
        """Return the elements of a whole chunk, also beyond the edge, and which of them are known."""
        region: _Region = tuple(
            slice(borders[i], borders[i + 1]) for i, borders in zip(coords, self.borders, strict=True)
        )
        region = (*region, ...)
        return self._padded[region], self._known[region]

    def chunk_inside(self, coords: Coords) -> tuple[AnyArray, NDArray[np.bool_]]:
        """Return the elements of a chunk that are inside the array, and which of them are known."""
        values, known = self.chunk(coords)
        inside = tuple(
            slice(n - borders[i]) for i, borders, n in zip(coords, self.borders, self.shape, strict=True)
        )
        return values[inside], known[inside]

    def is_fill(self, coords: Coords) -> bool:
        """Return whether a whole chunk, also beyond the edge, is known to contain only the fill value."""
        values, known = self.chunk(coords)
        return bool(known.all()) and same_bits(values, np.full(values.shape, self.fill, self.dtype))

    def see_missing(self, coords: Coords) -> None:
        """Record that a chunk is not stored, so its unknown elements are fill value."""
        values, known = self.chunk(coords)
        values[~known] = self.fill
        known[...] = True


def _common(one: Shape, other: Shape) -> _Region:
    """Return the selection of the elements that lie inside both shapes."""
    return (*(slice(min(n, m)) for n, m in zip(one, other, strict=True)), ...)
