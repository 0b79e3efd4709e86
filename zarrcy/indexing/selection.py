"""From a selection as a user writes it to the input of a planner. Pure computation, without I/O.

The way from the brackets of an array to a plan has five steps. All errors of selections arise here, each with its
axis, before any store is used.

1. Separate the names of fields from the indices: `pop_fields`.
2. Choose the kind of the selection: a mask (`is_mask`), points (`is_coordinates`), an outer product with a list
   (`has_one_list`), else basic. ``oindex``, ``vindex``, ``blocks`` and the ``get_*_selection`` methods state the kind.
3. Assign the items to axes: one item for each axis, with an Ellipsis and missing items replaced by whole axes:
   `_split_at_ellipsis`, `_one_item_per_axis`.
4. Check each item against the length of its axis, and count from the start of the axis. The result is

   ========================  =====================================================  ===========================
   kind                      function                                               result
   ========================  =====================================================  ===========================
   basic                     `normalize_basic`                                      a `Box`
   outer product             `normalize_orthogonal`                                 a `Box`, and positions
   points                    `normalize_coordinates`                                positions on each axis
   mask                      `normalize_mask`                                       the mask
   whole chunks              `normalize_blocks`                                     slices: a basic selection
   ========================  =====================================================  ===========================

5. Cut the result at the chunk edges: the array passes it to `Planner.split_outer`, `split_points` or `split_mask`,
   which return the `Plan`.

Hot path: for integers, slices and one Ellipsis, `Planner.parse_box` does steps 3 and 4 in a kernel; an array tries it
first. Where it returns None, this module finds out whether the selection is of another kind or wrong.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zarrcy.errors import BoundsCheckError, SelectionError, VindexInvalidSelectionError
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.types import AnyArray, Box, ChunkGrid, Elements, Planner, Points, Positions, Selection, Shape

if TYPE_CHECKING:
    from types import EllipsisType

BasicItem: TypeAlias = "int | slice | EllipsisType"
"""An item of a basic selection; a new axis is not among them, as it does not select."""
NewAxesKey: TypeAlias = "tuple[slice | None, ...]"
"""A key that inserts the new axes into a result: None for each of them, a whole slice for any other axis."""
FieldNames: TypeAlias = "str | list[str] | None"
"""A field of a structured data type, several fields, or None for all of each element."""

_WHOLE = slice(None)
# The types of most items, none of which has to be converted.
_KNOWN = frozenset({int, slice, list, np.ndarray, np.int64, type(Ellipsis), type(None), bool, str})
# Arrays of more bytes are copied in parts of this length.
_PART_NBYTES = 2**24


# -- step 1: fields --------------------------------------------------------------------------------


def plain(selection: Selection) -> Selection:
    """Return a selection in which other arrays than those of NumPy, such as a Series of pandas, are arrays of NumPy.

    >>> plain(slice(2))
    slice(None, 2, None)
    """
    if isinstance(selection, tuple):
        return tuple(map(_plain_item, selection)) if any(map(_is_foreign, selection)) else selection
    return _plain_item(selection)


def _is_foreign(item: Selection) -> bool:
    """Return whether an item of a selection is an array of another library."""
    return (
        type(item) not in _KNOWN
        and hasattr(item, "__array__")
        and not isinstance(item, (np.ndarray, np.generic))
    )


def _plain_item(item: Selection) -> Selection:
    if not _is_foreign(item):
        return item
    array: AnyArray = np.asarray(item)
    # integers and Booleans that may be missing are objects in some versions of pandas
    return np.array(array.tolist()) if array.dtype.kind == "O" else array


def pop_fields(selection: Selection) -> tuple[FieldNames, Selection]:
    """Separate the names of fields from a selection, as in ``a["x"]`` and ``a[0, "x", "y"]``.

    Returns
    -------
    fields : str, list of str or None
        A name, several names, or None if the selection has no names.
    indices : Selection
        The selection without the names; Ellipsis if nothing is left.

    Examples
    --------
    >>> pop_fields((0, "x"))
    ('x', 0)
    """
    if isinstance(selection, str):
        return selection, Ellipsis
    selection = plain(selection)
    if not isinstance(selection, tuple):
        return None, selection
    fields = [item for item in selection if isinstance(item, str)]
    if not fields:
        return None, selection
    indices = tuple(item for item in selection if not isinstance(item, str))
    names: FieldNames = fields[0] if len(fields) == 1 else fields
    if not indices:
        return names, Ellipsis
    return names, indices[0] if len(indices) == 1 else indices


# -- step 2: the kind of a selection -----------------------------------------------------------------


def is_list(item: Selection) -> bool:
    """Return whether an item is a sequence of indices, rather than one index."""
    return isinstance(item, list) or (isinstance(item, np.ndarray) and item.ndim > 0)


def is_mask(selection: Selection, shape: Shape) -> bool:
    """Return whether a selection is a Boolean mask of a whole array."""
    if isinstance(selection, tuple) and len(selection) == 1:
        selection = selection[0]
    if isinstance(selection, list):
        return _is_list_of_bools(selection) and _shape_of(selection) == shape
    return getattr(selection, "dtype", None) == np.bool_ and np.shape(selection) == shape


def _shape_of(items: Selection) -> Shape | None:
    """Return the shape of nested lists; None if their lengths differ."""
    try:
        return np.shape(items)
    except ValueError:
        return None


def _is_list_of_bools(items: Selection) -> bool:
    """Return whether the first element of nested lists is a bool."""
    while isinstance(items, list) and items:
        items = items[0]
    return isinstance(items, (bool, np.bool_))


def is_coordinates(selection: Selection, ndim: int) -> bool:
    """Return whether a selection has an integer, or a list of integers, for each axis, and at least one list."""
    items = _as_tuple(selection)
    return (
        len(items) == ndim
        and any(map(is_list, items))
        and all(np.asarray(item).dtype.kind in "iu" for item in items if not isinstance(item, slice))
        and not any(isinstance(item, slice) or item is Ellipsis or item is None for item in items)
    )


def has_one_list(selection: Selection) -> bool:
    """Return whether a selection has a list for exactly one axis."""
    return sum(map(is_list, _as_tuple(selection))) == 1


# -- step 3: items and axes ------------------------------------------------------------------------


def _as_tuple(selection: Selection) -> tuple[Selection, ...]:
    return selection if isinstance(selection, tuple) else (selection,)


def _split_at_ellipsis(
    items: tuple[Selection, ...], ndim: int
) -> tuple[tuple[Selection, ...], int, tuple[Selection, ...]]:
    """Return the items before the Ellipsis, the number of axes that it covers, and the items after it.

    Without an Ellipsis, the axes that have no item are at the end. The number is negative if there are too many items.
    """
    at = next((i for i, item in enumerate(items) if item is Ellipsis), len(items))
    before, after = items[:at], items[at + 1 :]
    return before, ndim - len(before) - len(after), after


def _one_item_per_axis(items: tuple[Selection, ...], ndim: int) -> tuple[Selection, ...]:
    """Replace the Ellipsis and missing items by whole axes; the result is too long if there are too many items."""
    before, n_covered, after = _split_at_ellipsis(items, ndim)
    return (*before, *(_WHOLE,) * n_covered, *after)


def _check_one_ellipsis(items: tuple[Selection, ...], shape: Shape) -> None:
    # an item may be an array, which `in` and `count` compare element by element
    if sum(item is Ellipsis for item in items) > 1:
        raise SelectionError("an index can only have a single ellipsis ('...')", shape)


def _check_count(n_indices: int, shape: Shape) -> None:
    if n_indices > len(shape):
        raise SelectionError(
            f"too many indices for array: array is {len(shape)}-dimensional, but {n_indices} were indexed",
            shape,
        )


# -- step 4: basic selections ------------------------------------------------------------------------


def normalize_basic(planner: Planner, selection: Selection, grid: ChunkGrid) -> tuple[Box, NewAxesKey | None]:
    """Parse a basic selection: integers, slices of any step, Ellipsis, newaxis.

    Returns
    -------
    box : Box
        The selected elements.
    new_axes : tuple of slice and None, or None
        The key that inserts the new axes into the result; None if there are no new axes.

    Raises
    ------
    BoundsCheckError
        If an index is beyond the end of its axis.
    SelectionError
        If there are too many indices, a second Ellipsis, or an item of another kind.
    """
    shape, items = grid.shape, _as_tuple(selection)
    basic = tuple(_basic_item(item, shape) for item in items if item is not None)
    _check_one_ellipsis(basic, shape)
    _check_count(sum(item is not Ellipsis for item in basic), shape)
    box = planner.parse_box(basic, grid)
    if box is None:
        raise _basic_error(basic, shape)
    return box, _new_axes_key(items, len(shape)) if len(basic) < len(items) else None


def _basic_item(item: Selection, shape: Shape) -> BasicItem:
    """Return an item in the form that `Planner.parse_box` takes: a slice, Ellipsis or a Python int."""
    if isinstance(item, slice) or item is Ellipsis:
        return item
    if isinstance(item, (bool, np.bool_)) or (isinstance(item, np.ndarray) and item.dtype == bool):
        raise SelectionError(
            "a Boolean cannot select on one axis; use a mask of the shape of the array", shape
        )
    try:
        return operator.index(item)
    except TypeError:
        raise SelectionError(
            f"unsupported selection item: expected an integer, a slice, Ellipsis or None, not {item!r} "
            f"({type(item).__name__})",
            shape,
        ) from None


def _basic_error(items: tuple[BasicItem, ...], shape: Shape) -> SelectionError:
    """Return the error for the first integer that is out of bounds."""
    for axis, item in enumerate(_one_item_per_axis(items, len(shape))):
        if isinstance(item, int) and not -shape[axis] <= item < shape[axis]:
            return BoundsCheckError(item, axis, shape)
    return SelectionError(f"unsupported selection {items!r}", shape)


def _new_axes_key(items: tuple[Selection, ...], ndim: int) -> NewAxesKey:
    """Return the key that inserts new axes into the result, which has no axis for an integer."""
    n_new = sum(item is None for item in items)
    # for this purpose a new axis is an axis of the array, too
    expanded = _one_item_per_axis(items, ndim + n_new)
    return tuple(
        None if item is None else _WHOLE for item in expanded if item is None or isinstance(item, slice)
    )


def unwrap(out: AnyArray, selection: Selection) -> Elements:
    """Return a result without axes as NumPy does: a scalar, or an array if the selection has an Ellipsis."""
    return out if has_ellipsis(selection) else out[()]


def has_ellipsis(selection: Selection) -> bool:
    """Return whether a selection has an Ellipsis: NumPy returns arrays for it, and broadcasts values."""
    if isinstance(selection, tuple):
        return any(item is Ellipsis for item in selection)
    return selection is Ellipsis


# -- step 4: outer products --------------------------------------------------------------------------


def normalize_orthogonal(
    planner: Planner, selection: Selection, grid: ChunkGrid
) -> tuple[Box, Positions | None]:
    """Parse an orthogonal selection: for each axis an integer, a slice, or a list of integers or Booleans.

    Returns
    -------
    box : Box
        The selected elements. On an axis with a list, only the count matters.
    positions : tuple of array of int64, or None
        Positions on each axis with a list, None for the other axes; None if no axis has a list.

    Raises
    ------
    BoundsCheckError
        If an index is beyond the end of its axis.
    SelectionError
        If there are too many indices, a list of several axes, a mask of another length, or an unsupported item.
    """
    shape, items = grid.shape, _as_tuple(selection)
    _check_one_ellipsis(items, shape)
    if any(item is None for item in items):
        raise SelectionError(
            "an orthogonal selection cannot have a new axis (None); use a basic selection", shape
        )
    _check_count(sum(item is not Ellipsis for item in items), shape)
    items = _one_item_per_axis(items, len(shape))
    positions = tuple(
        _positions(item, axis, shape) if is_list(item) else None for axis, item in enumerate(items)
    )
    basic = tuple(
        item if listed is None else slice(0, 0) for item, listed in zip(items, positions, strict=True)
    )
    box, _ = normalize_basic(planner, basic, grid)
    if all(listed is None for listed in positions):
        return box, None
    counts = tuple(
        n if listed is None else len(listed) for n, listed in zip(box.counts, positions, strict=True)
    )
    return planner.Box(box.starts, counts, box.steps, box.dropped, box.flipped), positions


def _positions(item: Selection, axis: int, shape: Shape) -> NDArray[np.int64]:
    """Return the positions that a list of integers or Booleans selects on one axis."""
    indices = _indices(item)
    if indices.ndim != 1:
        raise SelectionError(
            f"the list for axis {axis} has {indices.ndim} axes; an orthogonal selection takes lists of one axis",
            shape,
        )
    if indices.dtype == np.bool_:
        if len(indices) != shape[axis]:
            raise SelectionError(
                f"the mask for axis {axis} has {len(indices)} elements, the axis has {shape[axis]}", shape
            )
        return np.flatnonzero(indices).astype(np.int64, copy=False)
    return _from_start(indices, axis, shape)


def _indices(item: Selection) -> AnyArray:
    """Return a list of indices as a new array; as in NumPy, an empty list has integers, and an array its own type.

    It is a copy: another thread may change the array, and the result of the read may overlap it.
    """
    indices: AnyArray = _copied(item) if isinstance(item, np.ndarray) else np.array(item)
    return indices if indices.size or hasattr(item, "dtype") else indices.astype(np.int64)


def _copied(array: AnyArray) -> AnyArray:
    """Return a copy of an array. A large one is copied in parts, between which signals are handled."""
    if array.nbytes <= _PART_NBYTES or array.ndim == 0:
        return np.array(array)
    copy = np.empty_like(array, subok=False)
    n_rows = max(1, _PART_NBYTES // max(1, array[:1].nbytes))
    for first in range(0, len(array), n_rows):
        copy[first : first + n_rows] = array[first : first + n_rows]
    return copy


def _from_start(indices: AnyArray, axis: int, shape: Shape) -> NDArray[np.int64]:
    """Check the indices of one axis, and return them counted from its start, as contiguous int64."""
    if indices.dtype.kind not in "iu":
        raise SelectionError(
            f"the indices for axis {axis} have the data type {indices.dtype}, not integers", shape
        )
    if indices.size == 0:
        return np.empty(indices.shape, np.int64)
    low, high = int(indices.min()), int(indices.max())
    if low < -shape[axis] or high >= shape[axis]:
        raise BoundsCheckError(low if low < -shape[axis] else high, axis, shape)
    positions = np.ascontiguousarray(indices, np.int64)
    return positions if low >= 0 else np.where(positions < 0, positions + shape[axis], positions)


# -- step 4: points and masks --------------------------------------------------------------------------


def normalize_coordinates(selection: Selection, shape: Shape) -> tuple[Points, Shape]:
    """Parse the coordinates of points: an integer or an array for each axis, broadcast against each other.

    Returns
    -------
    points : Points
        Positions on each axis, flat; then the number of points.
    result_shape : tuple of int
        Shape of the broadcast coordinates.

    Raises
    ------
    VindexInvalidSelectionError
        If the items are not coordinates, or do not broadcast.
    BoundsCheckError
        If an index is beyond the end of its axis.
    """
    items = _as_tuple(selection)
    if len(items) != len(shape) or any(
        item is None or item is Ellipsis or isinstance(item, (slice, str, bool)) for item in items
    ):
        raise VindexInvalidSelectionError(
            "a selection of points takes an integer or an integer array for each axis, or one Boolean mask of the "
            f"shape of the array, not {selection!r}",
            shape,
        )
    arrays = [_indices(item) for item in items]
    for axis, array in enumerate(arrays):
        if array.dtype.kind not in "iu":
            raise VindexInvalidSelectionError(
                f"the coordinates for axis {axis} have the data type {array.dtype}, not integers", shape
            )
    try:
        result_shape = np.broadcast_shapes(*(array.shape for array in arrays)) or (1,)
    except ValueError:
        raise VindexInvalidSelectionError(
            f"coordinates of shapes {[array.shape for array in arrays]} cannot be broadcast against each other",
            shape,
        ) from None
    positions = [_from_start(array, axis, shape) for axis, array in enumerate(arrays)]
    flat = [np.ascontiguousarray(np.broadcast_to(array, result_shape)).reshape(-1) for array in positions]
    return [*flat, math.prod(result_shape)], result_shape


def normalize_mask(mask: Selection, shape: Shape) -> NDArray[np.bool_]:
    """Return a mask as an array.

    Raises
    ------
    SelectionError
        If the mask has another shape than the array, or its elements are not Booleans.
    """
    if isinstance(mask, tuple) and len(mask) == 1:
        mask = mask[0]
    array: AnyArray = np.asarray(mask)
    if array.dtype != np.bool_ or array.shape != shape:
        raise SelectionError(
            f"the mask has shape {array.shape} and data type {array.dtype}; it must have the shape {shape} of the "
            "array and be Boolean",
            shape,
        )
    return array


# -- step 4: whole chunks ----------------------------------------------------------------------------


def _is_integer(item: Selection) -> bool:
    if isinstance(item, np.ndarray):
        return item.ndim == 0 and item.dtype.kind in "iu"
    return isinstance(item, (int, np.integer)) and not isinstance(item, bool)


def normalize_blocks(selection: Selection, shape: Shape, axes: tuple[AxisChunks, ...]) -> tuple[slice, ...]:
    """Return the slices of elements that a selection of whole chunks covers.

    Parameters
    ----------
    selection : Selection
        Integers and slices that count chunks.
    shape : Shape
        Shape of the array, in elements.
    axes : tuple of AxisChunks
        Edges of the chunks.

    Raises
    ------
    BoundsCheckError
        If an index is beyond the last chunk.
    SelectionError
        If an item is not an integer or a slice of step 1.
    """
    counts = tuple(axis.count(n) for axis, n in zip(axes, shape, strict=True))
    items = _one_item_per_axis(_as_tuple(selection), len(shape))
    if len(items) > len(shape):
        raise SelectionError(
            f"too many indices: the array has {len(shape)} axes, {len(items)} were indexed", shape
        )
    slices = []
    for number, (item, axis, n_chunks, n) in enumerate(zip(items, axes, counts, shape, strict=True)):
        if isinstance(item, slice) and item.step in (None, 1):
            first, stop, _ = item.indices(n_chunks)
        elif _is_integer(item):
            if not -n_chunks <= item < n_chunks:
                raise BoundsCheckError(int(item), number, counts)
            first = int(item) % n_chunks
            stop = first + 1
        else:
            raise SelectionError(
                f"a selection of blocks takes integers and slices of step 1, not {item!r} for axis {number}",
                shape,
            )
        slices.append(slice(axis.start_of(first), min(axis.start_of(stop), n)))
    return tuple(slices)
