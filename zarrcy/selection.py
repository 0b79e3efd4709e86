"""What the user wrote between the brackets -> what is to be read; knows the shape, not the chunks.

Keys of integers and slices are parsed in a kernel. What the kernel does not take comes here: the
rest of NumPy's dialect, and every error, each with its axis, before any store is asked.
"""

from __future__ import annotations

import operator
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy.errors import BoundsCheckError, SelectionError
from zarrcy.types import Shape


def normalize_basic(kernels: ModuleType, selection: Any, grid: Any) -> tuple[Any, tuple[Any, ...] | None]:
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
