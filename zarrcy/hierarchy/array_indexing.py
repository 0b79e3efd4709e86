"""Read and write selections of an array: what the brackets and the selection methods of `zarrcy.Array` do.

Each function takes the state of an array, parses a selection, plans it and hands the plan to the chunk I/O. All errors
in a selection are raised before the store is used. None of the functions reloads metadata or checks whether the array
is read-only: `zarrcy.Array` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zarrcy.errors import SelectionError, UnalignedWriteError, ValueShapeError
from zarrcy.hierarchy.array_state import ArrayState
from zarrcy.indexing import selection as selections
from zarrcy.indexing.fields import record_fields
from zarrcy.indexing.selection import FieldNames, NewAxesKey
from zarrcy.types import AnyArray, AnyDtype, Elements, Field, FlatPlan, Plan, Selection, Shape

if TYPE_CHECKING:
    from zarrcy.indexing.regions import Region

_NUMBERS = "biufc"


# -- reading -----------------------------------------------------------------------------------------


def get_selection(state: ArrayState, selection: Selection) -> Elements:
    """Read ``array[selection]``."""
    planner, grid = state.planner, state.grid
    box = planner.parse_box(selection, grid)
    if box is None:
        return _get_other_selection(state, selection)
    plan = planner.split_outer(box, grid)
    shape = box.shape
    if shape:
        return _read_new(state, plan, shape, state.dtype)
    # Hot path: one element.
    out = state.new_result((), state.dtype)
    state.chunk_io.read(plan, out)
    return selections.unwrap(out, selection)


def _get_other_selection(state: ArrayState, selection: Selection) -> Elements:
    """Read fields, masks, points and lists, as NumPy does where the meaning is clear."""
    fields, items = (
        selections.pop_fields(selection) if state.dtype.fields else (None, selections.plain(selection))
    )
    shape = state.metadata.shape
    if selections.is_mask(items, shape):
        return get_mask_selection(state, items, fields=fields)
    if selections.is_coordinates(items, len(shape)):
        return get_coordinate_selection(state, items, fields=fields)
    if selections.has_one_list(items):
        return get_orthogonal_selection(state, items, fields=fields)
    return get_basic_selection(state, items, fields=fields)


def get_basic_selection(
    state: ArrayState, selection: Selection, out: AnyArray | None = None, fields: FieldNames = None
) -> Elements:
    """Read integers, slices, Ellipsis and newaxis: see `zarrcy.Array.get_basic_selection`."""
    box, new_axes = selections.normalize_basic(state.planner, selections.plain(selection), state.grid)
    plan = state.planner.split_outer(box, state.grid)
    if out is not None:
        _read(state, plan, box.shape, fields, _without_new_axes(out, box.shape, new_axes))
        return out
    result = _read(state, plan, box.shape, fields)
    if new_axes is not None:
        return result[new_axes]
    return result if result.ndim else selections.unwrap(result, selection)


def get_orthogonal_selection(
    state: ArrayState, selection: Selection, out: AnyArray | None = None, fields: FieldNames = None
) -> Elements:
    """Read an outer product: see `zarrcy.Array.get_orthogonal_selection`."""
    box, lists = selections.normalize_orthogonal(state.planner, selections.plain(selection), state.grid)
    result = _read(state, state.planner.split_outer(box, state.grid, lists), box.shape, fields, out)
    return result if out is not None or result.ndim else selections.unwrap(result, selection)


def get_coordinate_selection(
    state: ArrayState, selection: Selection, out: AnyArray | None = None, fields: FieldNames = None
) -> Elements:
    """Read points: see `zarrcy.Array.get_coordinate_selection`."""
    coords, shape = selections.normalize_coordinates(selections.plain(selection), state.grid.shape)
    plan = state.planner.split_points(coords, state.grid)
    n_points: int = coords[-1]
    if out is None:
        result = _read(state, plan, (n_points,), fields)
        return result.reshape(shape + result.shape[1:])
    _check_out(state, out, shape, fields)
    out[...] = _read(state, plan, (n_points,), fields).reshape(out.shape)
    return out


def get_mask_selection(
    state: ArrayState, selection: Selection, out: AnyArray | None = None, fields: FieldNames = None
) -> AnyArray:
    """Read the elements where a mask is true: see `zarrcy.Array.get_mask_selection`."""
    plan = _plan_mask(state, selection)
    return _read(state, plan, plan.shape, fields, out)


def get_block_selection(
    state: ArrayState, selection: Selection, out: AnyArray | None = None, fields: FieldNames = None
) -> Elements:
    """Read whole chunks: see `zarrcy.Array.get_block_selection`."""
    return get_basic_selection(state, _slices_of_blocks(state, selection), out, fields)


def _plan_mask(state: ArrayState, selection: Selection) -> FlatPlan:
    """Return the plan for the elements where a mask is true."""
    mask = selections.normalize_mask(selections.plain(selection), state.grid.shape)
    if mask.ndim:
        return state.planner.split_mask(mask, state.grid)
    return state.planner.split_points([int(mask)], state.grid)


def _slices_of_blocks(state: ArrayState, selection: Selection) -> Region:
    return selections.normalize_blocks(
        selections.plain(selection), state.grid.shape, state.metadata.chunk_axes
    )


def _read(state: ArrayState, plan: Plan, shape: Shape, fields: FieldNames, out: Elements = None) -> AnyArray:
    """Read a plan, whose selection has `shape`, into `out` or into a new array."""
    dtype, field = record_fields(state.dtype, fields)
    if out is not None:
        _check_out(state, out, shape, fields)
    if out is not None and not isinstance(out, np.ndarray):
        out[...] = _read(state, plan, shape, fields)
        filled: AnyArray = out
        return filled
    if fields is not None and (field is None or state.dtype.hasobject):
        # several fields: decode each chunk once, for all of them
        records = state.new_result(shape, state.dtype)
        state.chunk_io.read(plan, records)
        result = state.new_result(shape, dtype) if out is None else out
        if dtype.names is None:
            result[...] = records[fields]
        for name in dtype.names or ():
            result[name] = records[name]
        return result
    if dtype.subdtype is not None:
        return _read_inner_axes(state, plan, shape, (dtype, field), out)
    if out is None:
        return _read_new(state, plan, shape, dtype, field)
    state.chunk_io.read(plan, out, field)
    return out


def _read_new(
    state: ArrayState, plan: Plan, shape: Shape, dtype: AnyDtype, field: Field | None = None
) -> AnyArray:
    """Read a plan, whose selection has `shape`, into a new array."""
    out, prezeroed = state.new_large_result(shape, dtype) or (state.new_result(shape, dtype), False)
    state.chunk_io.read(plan, out, field, prezeroed)
    return out


def _read_inner_axes(
    state: ArrayState,
    plan: Plan,
    shape: Shape,
    column: tuple[AnyDtype, Field | None],
    out: AnyArray | None,
) -> AnyArray:
    """Read a field whose values are arrays: their axes become the last axes of the result.

    Parameters
    ----------
    state, plan, shape, out
        As for `_read`.
    column : tuple
        The data type of the field, and its place in an element.
    """
    dtype, field = column
    masks = state.config.read_missing == "mask"
    void = np.dtype(f"V{dtype.itemsize}")
    raw = state.new_result(shape, void) if masks else np.empty(shape, void)
    state.chunk_io.read(plan, raw, field)
    result: AnyArray
    if out is not None:
        result = out
    else:
        result = state.new_result(shape, dtype) if masks else np.empty(shape, dtype)
    result[...] = np.asarray(raw).reshape(-1).view(dtype.base).reshape(result.shape)
    if isinstance(raw, np.ma.MaskedArray) and isinstance(result, np.ma.MaskedArray):
        result.mask = np.broadcast_to(raw.mask.reshape(shape + (1,) * len(dtype.shape)), result.shape)
    return result


def _without_new_axes(out: AnyArray, shape: Shape, new_axes: NewAxesKey | None) -> AnyArray:
    """Return the part of `out` that has the shape of the selection without its new axes."""
    if new_axes is None or not isinstance(out, np.ndarray):
        return out
    wanted = _shape_with_axes(shape, new_axes)
    if out.shape != wanted:
        raise ValueError(f"out has shape {out.shape}, the selection has shape {wanted}")
    return _drop_axes(out, new_axes)


def _shape_with_axes(shape: Shape, new_axes: NewAxesKey | None) -> Shape:
    return shape if new_axes is None else np.empty(shape, "V1")[new_axes].shape


def _drop_axes(values: AnyArray, new_axes: NewAxesKey) -> AnyArray:
    dropped: AnyArray = values[(*(0 if item is None else item for item in new_axes), ...)]
    return dropped


def _check_out(state: ArrayState, out: Elements, shape: Shape, fields: FieldNames) -> None:
    """Raise an error if a result does not fit in `out`."""
    is_numpy = isinstance(out, np.ndarray)
    if not is_numpy and not all(hasattr(out, name) for name in ("shape", "dtype", "__setitem__")):
        raise TypeError(f"out is a {type(out).__name__}, not an array")
    if state.config.read_missing == "mask":
        if not isinstance(out, np.ma.MaskedArray):
            raise TypeError("out is not a masked array; with read_missing='mask' it must be one")
        out.mask = False
    dtype, field = record_fields(state.dtype, fields)
    if dtype.subdtype is not None:
        dtype, inner = dtype.subdtype
        shape = (*shape, *inner)
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, the selection has shape {shape}")
    if out.dtype != dtype and not (field is None and fields is not None and _has_fields(out.dtype, dtype)):
        raise ValueError(f"out has data type {out.dtype}, the array has {dtype}")
    if is_numpy and not out.flags.writeable:
        raise ValueError("out is read-only")


def _has_fields(dtype: AnyDtype, packed: AnyDtype) -> bool:
    """Return whether a data type has the fields of another, which has no bytes between them."""
    names = dtype.names or ()
    return bool(np.dtype([(name, dtype[name]) for name in names]) == packed)


# -- writing -----------------------------------------------------------------------------------------


def set_selection(state: ArrayState, selection: Selection, value: Elements) -> None:
    """Write ``array[selection] = value``."""
    planner, grid = state.planner, state.grid
    box = planner.parse_box(selection, grid)
    if box is not None:
        if not box.shape:
            value = _value_of_one_element(state, selection, value)
        write(state, planner.split_outer(box, grid), box.shape, value)
        return
    fields, items = (
        selections.pop_fields(selection) if state.dtype.fields else (None, selections.plain(selection))
    )
    shape = state.metadata.shape
    if selections.is_mask(items, shape):
        set_mask_selection(state, items, value, fields)
    elif selections.is_coordinates(items, len(shape)):
        set_coordinate_selection(state, items, value, fields)
    elif selections.has_one_list(items):
        set_orthogonal_selection(state, items, value, fields)
    else:
        set_basic_selection(state, items, value, fields)


def set_basic_selection(
    state: ArrayState, selection: Selection, value: Elements, fields: FieldNames = None
) -> None:
    """Write to integers, slices, Ellipsis and newaxis: see `zarrcy.Array.set_basic_selection`."""
    box, new_axes = selections.normalize_basic(state.planner, selections.plain(selection), state.grid)
    if not box.shape and new_axes is None:
        value = _value_of_one_element(state, selection, value, fields)
    write(state, state.planner.split_outer(box, state.grid), box.shape, value, fields, new_axes)


def set_orthogonal_selection(
    state: ArrayState, selection: Selection, value: Elements, fields: FieldNames = None
) -> None:
    """Write to an outer product: see `zarrcy.Array.set_orthogonal_selection`."""
    box, lists = selections.normalize_orthogonal(state.planner, selections.plain(selection), state.grid)
    if not box.shape:
        value = _value_of_one_element(state, selection, value, fields)
    write(state, state.planner.split_outer(box, state.grid, lists), box.shape, value, fields)


def set_coordinate_selection(
    state: ArrayState, selection: Selection, value: Elements, fields: FieldNames = None
) -> None:
    """Write to points: see `zarrcy.Array.set_coordinate_selection`."""
    coords, shape = selections.normalize_coordinates(selections.plain(selection), state.grid.shape)
    write(state, state.planner.split_points(coords, state.grid), shape, value, fields, flat=True)


def set_mask_selection(
    state: ArrayState, selection: Selection, value: Elements, fields: FieldNames = None
) -> None:
    """Write where a mask is true: see `zarrcy.Array.set_mask_selection`."""
    plan = _plan_mask(state, selection)
    if fields is None and state.dtype.kind == "V" and isinstance(value, list):
        value = _as_array(value, state.dtype)
    # a tuple is an element of a structure, a list may be an object
    is_array = isinstance(value, np.ndarray) or state.dtype.kind not in "VO"
    if fields is None and is_array and np.ndim(value) > 1:
        raise ValueShapeError(np.shape(value), plan.shape, state.node.path)
    write(state, plan, plan.shape, value, fields)


def set_block_selection(
    state: ArrayState, selection: Selection, value: Elements, fields: FieldNames = None
) -> None:
    """Write whole chunks: see `zarrcy.Array.set_block_selection`."""
    set_basic_selection(state, _slices_of_blocks(state, selection), value, fields)


def write(
    state: ArrayState,
    plan: Plan,
    shape: Shape,
    value: Elements,
    fields: FieldNames = None,
    new_axes: NewAxesKey | None = None,
    flat: bool = False,
) -> None:
    """Write a value along a plan.

    Parameters
    ----------
    state : ArrayState
        The state of the array.
    plan : Plan
        The pieces to write.
    shape : Shape
        The shape of the selection, without its new axes.
    value : scalar or array-like
        The value. It is broadcast to the shape of the selection.
    fields : optional
        The field to write; whole elements by default.
    new_axes : tuple, optional
        The key that gives a result the new axes of the selection, see `zarrcy.indexing.selection.normalize_basic`.
    flat : bool, optional
        Whether the result of the plan has one axis, whatever the shape of the selection.

    Raises
    ------
    UnalignedWriteError
        If a stored value would be written in part, and the array was opened with ``unaligned="error"``, or locks do not
        exclude tasks of this job that may run on other nodes.
    ValueShapeError
        If the value does not fit the selection.
    """
    if state.refuses_parts:
        _refuse_unaligned(state, plan, fields)
    if fields is None or (isinstance(fields, (list, tuple)) and not fields):
        # an empty list means all fields
        values = _values_for(state, value, shape, plan, new_axes)
        state.chunk_io.write(plan, values.reshape(-1) if flat else values)
        return
    dtype, field = record_fields(state.dtype, fields)
    if state.dtype.hasobject:
        raise SelectionError(
            "the elements have objects in fields, and are stored as wholes; write whole elements",
            state.grid.shape,
        )
    if field is None:
        raise SelectionError(
            "one field can be written at a time, not several; write each field on its own", state.grid.shape
        )
    if dtype.names is not None and isinstance(fields, list):
        dtype = dtype[0]
    inner = dtype.shape
    wanted = _shape_with_axes(shape, new_axes) + inner
    values = _broadcast(state, np.asarray(value, dtype.base), wanted, _keeps_axes(plan, value))
    values = np.ascontiguousarray(values, dtype.base)
    if inner:
        values = values.reshape(-1).view(f"V{dtype.itemsize}")
    state.chunk_io.write(plan, values.reshape((-1,) if flat else shape), field)


def _refuse_unaligned(state: ArrayState, plan: Plan, fields: FieldNames) -> None:
    """Raise UnalignedWriteError if a plan covers a stored value in part."""
    if not plan.n_pieces or (fields is None and state.chunk_io.is_aligned(plan)):
        return
    from zarrcy.indexing import regions

    metadata = state.metadata
    is_regular = metadata.rectilinear_axes is None
    # the pieces of a plan are chunks, also inside shards; those of a rectilinear grid are stored values
    axes = metadata.chunk_axes if is_regular else metadata.stored_axes
    coords = plan.coords_table(0, plan.n_pieces)
    touched = zip(axes, coords.min(axis=0).tolist(), coords.max(axis=0).tolist(), strict=True)
    extent = tuple((axis.start_of(low), axis.start_of(high + 1)) for axis, low, high in touched)
    nearest = regions.cover(extent, plan.grid.shape, metadata.stored_axes)
    problem = "" if state.config.unaligned == "error" else state.lock_problem
    raise UnalignedWriteError(nearest, metadata.chunk_shape if is_regular else None, state.node.path, problem)


def _values_for(
    state: ArrayState,
    value: Elements,
    shape: Shape,
    plan: Plan,
    new_axes: NewAxesKey | None = None,
) -> AnyArray:
    """Return `value` in `shape` and in the array's data type, unless it is better to cast the pieces one by one."""
    dtype = state.dtype
    values: AnyArray
    if dtype.hasobject and not shape and new_axes is None:
        # one object: whatever it is, even an array, it is the value
        values = np.empty((), dtype)
        values[()] = value[()] if isinstance(value, np.ndarray) and not value.ndim else value
        return values
    # of a masked array or a matrix, take the plain array below
    values = np.asarray(value) if isinstance(value, np.ndarray) else _as_array(value, dtype)
    wanted = _shape_with_axes(shape, new_axes)
    if dtype.hasobject and values.ndim > len(wanted) and not hasattr(value, "__array__"):
        # lists in a list are the elements
        values = np.empty(wanted, dtype)
        values[...] = value
    values = _broadcast(state, values, wanted, _keeps_axes(plan, value))
    if values.dtype != dtype:
        # cast repeated elements once
        unique = values[(*(slice(None) if step else slice(1) for step in values.strides), ...)]
        by_piece = (
            unique.size * dtype.itemsize >= state.policy.cast_by_piece_nbytes
            and values.dtype.kind in _NUMBERS
            and dtype.kind in _NUMBERS
            and not getattr(plan, "has_lists", True)
        )
        if not by_piece:
            values = np.broadcast_to(unique.astype(dtype), wanted)
    return values if new_axes is None else _drop_axes(values, new_axes)


def _value_of_one_element(
    state: ArrayState, selection: Selection, value: Elements, fields: FieldNames = None
) -> Elements:
    """Return the value of one element as NumPy converts it, whose rules differ between the kinds of data types.

    Objects take any value as it is, structures take tuples and arrays of one element, numbers and texts refuse
    sequences and arrays with axes. After an Ellipsis, arrays are broadcast.

    Raises
    ------
    ValueShapeError
        If NumPy does not take a sequence or an array.
    """
    dtype = state.dtype
    if fields is not None:
        dtype, _ = record_fields(dtype, fields)
        if dtype.names is not None and isinstance(fields, list) and len(fields) == 1:
            dtype = dtype[0]
    has_ellipsis = selections.has_ellipsis(selection)
    if dtype.subdtype is not None or (dtype.hasobject and not has_ellipsis):
        return value
    if hasattr(value, "__array__"):
        if not isinstance(value, (np.ndarray, np.generic)):
            value = np.asarray(value)
        if dtype.kind == "V" and dtype.names is None and isinstance(value, np.ndarray):
            # NumPy takes the bytes of any array
            return value
    element = np.empty((), dtype)
    try:
        element[... if has_ellipsis else ()] = value
    except (TypeError, ValueError) as exc:
        if shape := _shape_of(value):
            raise ValueShapeError(shape, (), state.node.path) from exc
        raise
    return element


def _shape_of(value: Elements) -> Shape:
    """Return the shape of a value; of a sequence that is not an array, its length."""
    try:
        return np.shape(value)
    except ValueError:
        return (len(value),)


def _broadcast(state: ArrayState, values: AnyArray, shape: Shape, keeps_axes: bool) -> AnyArray:
    """Return `values` in `shape`. As NumPy does, leave out leading axes of one element, unless `keeps_axes`."""
    if values.shape == shape:
        return values
    extra = max(0, values.ndim - len(shape))
    if any(n != 1 for n in values.shape[:extra]) or (extra and keeps_axes):
        raise ValueShapeError(values.shape, shape, state.node.path)
    try:
        return np.broadcast_to(values.reshape(values.shape[extra:]), shape)
    except ValueError:
        raise ValueShapeError(values.shape, shape, state.node.path) from None


def _keeps_axes(plan: Plan, value: Elements) -> bool:
    """Return whether no leading axis may be left out: of lists, for integers and slices, as in NumPy."""
    return not hasattr(value, "__array__") and not getattr(plan, "has_lists", True)


def _as_array(value: Elements, dtype: AnyDtype) -> AnyArray:
    """Return a value that a user gave as an array, of its own data type where it has one."""
    if dtype.kind == "V" and isinstance(value, list):
        return np.array(value, dtype)
    if not isinstance(value, (np.generic, list)) and hasattr(value, "isna"):
        from zarrcy.hierarchy import table_columns  # only pandas needs it

        if table_columns.is_column(value):
            return table_columns.values_of(value, dtype.kind)
    if dtype.hasobject:
        return np.asarray(value, dtype)
    if isinstance(value, (np.generic, list)):
        # NumPy refuses some values that it would cast in an array, such as a time for a number
        values: AnyArray = np.empty(np.shape(value), dtype)
        values[...] = value
        return values
    return np.asarray(value) if hasattr(value, "__array__") else np.asarray(value, dtype)
