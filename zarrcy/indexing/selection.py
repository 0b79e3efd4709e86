"""What the user wrote between the brackets -> what is to be read; knows the shape, not the chunks.

Keys of integers and slices are parsed in a kernel. What the kernel does not take comes here: the
rest of NumPy's dialect, and every error, each with its axis, before any store is asked.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.errors import BoundsCheckError, SelectionError, VindexInvalidSelectionError
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.types import Planner, Shape


def normalize_basic(kernels: Planner, selection: Any, grid: Any) -> tuple[Any, tuple[Any, ...] | None]:
    """Parse a basic selection: integers, slices of any step, Ellipsis, newaxis.

    Returns
    -------
    box : of the selected elements
    reshape : a key that gives the result its new axes, or None where there are none

    Raises
    ------
    BoundsCheckError : an index beyond the end of its axis
    SelectionError : too many indices, a second Ellipsis, or something that is no basic index
    """
    items = selection if isinstance(selection, tuple) else (selection,)
    new_axes = any(item is None for item in items)
    shape: Shape = grid.shape
    plain = tuple(_plain_item(item, shape) for item in items if item is not None)
    if sum(item is Ellipsis for item in plain) > 1:
        raise SelectionError("an index can only have a single ellipsis ('...')", shape)
    n_indices = sum(item is not Ellipsis for item in plain)
    if n_indices > len(shape):
        raise SelectionError(
            f"too many indices for array: array is {len(shape)}-dimensional, but {n_indices} were indexed",
            shape,
        )
    box = kernels.parse_box(plain, grid)
    if box is None:
        raise _first_error(plain, shape)
    return box, _new_axes_key(items, len(shape)) if new_axes else None


def unwrap(out: NDArray[Any], selection: Any) -> Any:
    """Return a result without axes as NumPy does: a scalar, or an array where an Ellipsis was given."""
    if selection is Ellipsis:
        return out
    if isinstance(selection, tuple) and any(item is Ellipsis for item in selection):
        return out
    return out[()]


def _plain_item(item: Any, shape: Shape) -> Any:
    """Return an item as the kernel knows it: a slice, Ellipsis or a Python int."""
    if isinstance(item, slice) or item is Ellipsis:
        return item
    if isinstance(item, (bool, np.bool_)) or (isinstance(item, np.ndarray) and item.dtype == bool):
        raise SelectionError("a Boolean is no basic index: use a mask of the array's shape", shape)
    try:
        return operator.index(item)
    except TypeError:
        raise SelectionError(
            f"unsupported selection item: expected an integer, a slice, Ellipsis or None, not {item!r} "
            f"({type(item).__name__})",
            shape,
        ) from None


def _first_error(items: tuple[Any, ...], shape: Shape) -> SelectionError:
    at = items.index(Ellipsis) if Ellipsis in items else len(items)
    axes = [*range(at), at, *range(len(shape) - (len(items) - at - 1), len(shape))]
    for item, axis in zip(items, axes, strict=False):
        if isinstance(item, int) and not -shape[axis] <= item < shape[axis]:
            return BoundsCheckError(item, axis, shape)
    return SelectionError(f"unsupported selection {items!r}", shape)


def _new_axes_key(items: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    """Return the key that puts new axes into the result: None where one is new, a full slice where not."""
    n_named = sum(item is not None and item is not Ellipsis for item in items)
    if Ellipsis not in items:
        items = (*items, Ellipsis)
    key: list[Any] = []
    for item in items:
        if item is None:
            key.append(None)
        elif item is Ellipsis:
            key.extend([slice(None)] * (ndim - n_named))
        elif isinstance(item, slice):
            key.append(slice(None))
    return tuple(key)


# -- lists, points and masks ---------------------------------------------------------------------


def pop_fields(selection: Any) -> tuple[Any, Any]:
    """Take the names of fields out of a selection, as in ``a["x"]`` and ``a[0, "x", "y"]``.

    Returns
    -------
    fields : None, a name, or a list of several names
    selection : what is left; Ellipsis where nothing is

    >>> pop_fields((0, "x"))
    ('x', 0)
    """
    if isinstance(selection, str):
        return selection, Ellipsis
    if not isinstance(selection, tuple):
        return None, selection
    fields = [item for item in selection if isinstance(item, str)]
    if not fields:
        return None, selection
    rest = tuple(item for item in selection if not isinstance(item, str))
    left = Ellipsis if not rest else rest[0] if len(rest) == 1 else rest
    return fields[0] if len(fields) == 1 else fields, left


def is_list(item: Any) -> bool:
    """Is this a sequence of indices, rather than one index?"""
    return isinstance(item, list) or (isinstance(item, np.ndarray) and item.ndim > 0)


def is_mask(selection: Any, shape: Shape) -> bool:
    """Is this a Boolean mask of a whole array?"""
    if isinstance(selection, tuple) and len(selection) == 1:
        selection = selection[0]
    return getattr(selection, "dtype", None) == np.bool_ and np.shape(selection) == shape


def is_coordinates(selection: Any, ndim: int) -> bool:
    """Are these coordinates of points: an integer or a list of them for each axis, and a list for one?"""
    items = selection if isinstance(selection, tuple) else (selection,)
    return (
        len(items) == ndim
        and any(map(is_list, items))
        and all(np.asarray(item).dtype.kind in "iu" for item in items if not isinstance(item, slice))
        and not any(isinstance(item, slice) or item is Ellipsis or item is None for item in items)
    )


def has_one_list(selection: Any) -> bool:
    """Is this a list for one axis, with integers and slices for others?"""
    items = selection if isinstance(selection, tuple) else (selection,)
    return sum(map(is_list, items)) == 1


def normalize_orthogonal(kernels: Planner, selection: Any, grid: Any) -> tuple[Any, tuple[Any, ...] | None]:
    """Parse an orthogonal selection: for each axis an integer, a slice, or a list of either kind.

    Returns
    -------
    box : of the selected elements; on a listed axis only its count matters
    lists : positions per axis, None where the axis has no list; None if no axis has one

    Raises
    ------
    BoundsCheckError : an index beyond the end of its axis
    SelectionError : a list of more than one axis, a mask of another length, too many indices ...
    """
    shape: Shape = grid.shape
    items = selection if isinstance(selection, tuple) else (selection,)
    if sum(item is Ellipsis for item in items) > 1:
        raise SelectionError("an index can only have a single ellipsis ('...')", shape)
    if any(item is None for item in items):
        raise SelectionError("an orthogonal selection takes no new axis (None)", shape)
    if not any(item is Ellipsis for item in items):
        items = (*items, Ellipsis)
    at = next(i for i, item in enumerate(items) if item is Ellipsis)
    missing = len(shape) - len(items) + 1
    if missing < 0:
        raise SelectionError(
            f"too many indices for array: array is {len(shape)}-dimensional, but {len(items) - 1} were indexed",
            shape,
        )
    items = (*items[:at], *(slice(None),) * missing, *items[at + 1 :])
    lists = tuple(_positions(item, axis, shape) if is_list(item) else None for axis, item in enumerate(items))
    plain = tuple(item if found is None else slice(0, 0) for item, found in zip(items, lists, strict=True))
    box, _ = normalize_basic(kernels, plain, grid)
    if all(found is None for found in lists):
        return box, None
    counts = tuple(n if found is None else len(found) for n, found in zip(box.counts, lists, strict=True))
    return kernels.Box(box.starts, counts, box.steps, box.dropped, box.flipped), lists


def _positions(item: Any, axis: int, shape: Shape) -> NDArray[np.int64]:
    given = np.asarray(item)
    if given.ndim != 1:
        raise SelectionError(
            f"the list for axis {axis} has {given.ndim} axes; an orthogonal selection takes lists of one axis",
            shape,
        )
    if given.dtype == np.bool_:
        if len(given) != shape[axis]:
            raise SelectionError(
                f"the mask for axis {axis} has {len(given)} elements, the axis has {shape[axis]}", shape
            )
        return np.flatnonzero(given).astype(np.int64, copy=False)
    return _wrapped(given, axis, shape)


def _wrapped(given: NDArray[Any], axis: int, shape: Shape) -> NDArray[np.int64]:
    """Return indices counted from the start of their axis, as one run of int64."""
    if given.size == 0:
        return np.empty(given.shape, np.int64)
    if given.dtype.kind not in "iu":
        raise SelectionError(f"the indices for axis {axis} are of type {given.dtype}, not integers", shape)
    low, high = int(given.min()), int(given.max())
    if low < -shape[axis] or high >= shape[axis]:
        raise BoundsCheckError(low if low < -shape[axis] else high, axis, shape)
    positions = np.ascontiguousarray(given, np.int64)
    return positions if low >= 0 else np.where(positions < 0, positions + shape[axis], positions)


def normalize_coordinates(selection: Any, shape: Shape) -> tuple[list[Any], Shape]:
    """Parse coordinates of points: an integer or an array for each axis, broadcast against each other.

    Returns
    -------
    coords : positions per axis, flat; then the number of points
    result_shape : of the broadcast coordinates

    Raises
    ------
    VindexInvalidSelectionError : `selection` is none of coordinates
    BoundsCheckError : an index beyond the end of its axis
    """
    items = selection if isinstance(selection, tuple) else (selection,)
    if len(items) != len(shape) or any(
        item is None or item is Ellipsis or isinstance(item, (slice, str, bool)) for item in items
    ):
        raise VindexInvalidSelectionError(
            "a selection of points takes an integer or an integer array for each axis, or one Boolean mask of the "
            f"shape of the array, not {selection!r}",
            shape,
        )
    arrays = [np.asarray(item) for item in items]
    for axis, array in enumerate(arrays):
        if array.size and array.dtype.kind not in "iu":
            raise VindexInvalidSelectionError(
                f"the coordinates for axis {axis} are of type {array.dtype}, not integers", shape
            )
    try:
        result_shape = np.broadcast_shapes(*(array.shape for array in arrays)) or (1,)
    except ValueError:
        raise VindexInvalidSelectionError(
            f"coordinates of shapes {[array.shape for array in arrays]} can't be broadcast against each other",
            shape,
        ) from None
    wrapped = [_wrapped(array, axis, shape) for axis, array in enumerate(arrays)]
    flat = [np.ascontiguousarray(np.broadcast_to(array, result_shape)).reshape(-1) for array in wrapped]
    return [*flat, math.prod(result_shape)], result_shape


def normalize_mask(mask: Any, shape: Shape) -> NDArray[np.bool_]:
    """Return a mask as an array, if it has the shape of the array and Boolean elements.

    Raises
    ------
    SelectionError : it has another shape, or other elements
    """
    if isinstance(mask, tuple) and len(mask) == 1:
        mask = mask[0]
    found = np.asarray(mask)
    if found.dtype != np.bool_ or found.shape != shape:
        raise SelectionError(
            f"a mask of shape {found.shape} and type {found.dtype}; a mask has the shape of the array and is Boolean",
            shape,
        )
    return found


def normalize_blocks(selection: Any, shape: Shape, axes: tuple[AxisChunks, ...]) -> tuple[slice, ...]:
    """Return the slices of elements that a selection of whole chunks means.

    Parameters
    ----------
    selection : integers and slices of chunks
    shape : of the array, in elements
    axes : where the chunks of each axis begin

    Raises
    ------
    BoundsCheckError : an index beyond the last chunk
    SelectionError : something other than integers and slices of step 1
    """
    counts = tuple(axis.count(n) for axis, n in zip(axes, shape, strict=True))
    items = selection if isinstance(selection, tuple) else (selection,)
    at = next((i for i, item in enumerate(items) if item is Ellipsis), None)
    if at is not None:
        items = (*items[:at], *(slice(None),) * (len(shape) - len(items) + 1), *items[at + 1 :])
    if len(items) > len(shape):
        raise SelectionError(
            f"too many indices: the array has {len(shape)} axes, {len(items)} were indexed", shape
        )
    items = (*items, *(slice(None),) * (len(shape) - len(items)))
    found = []
    for axis, (item, n) in enumerate(zip(items, counts, strict=True)):
        if isinstance(item, slice) and item.step in (None, 1):
            start, stop, _ = item.indices(n)
        elif isinstance(item, (int, np.integer)) and not isinstance(item, bool):
            if not -n <= item < n:
                raise BoundsCheckError(int(item), axis, counts)
            start = int(item) % n
            stop = start + 1
        else:
            raise SelectionError(
                f"a selection of blocks takes integers and slices of step 1, not {item!r} for axis {axis}",
                shape,
            )
        found.append(slice(axes[axis].start_of(start), min(axes[axis].start_of(stop), shape[axis])))
    return tuple(found)
