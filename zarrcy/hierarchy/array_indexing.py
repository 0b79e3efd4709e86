"""Reading and writing by selection: what the brackets of an array do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from zarrcy.errors import SelectionError, UnalignedWriteError, ValueShapeError
from zarrcy.hierarchy.array_state import ArrayFacts
from zarrcy.hierarchy.node import refuse_read_only
from zarrcy.indexing import selection as selections
from zarrcy.indexing.fields import record_fields
from zarrcy.types import AnyDtype, Field, Shape

if TYPE_CHECKING:
    from zarrcy.hierarchy.accessors import BlockIndex, OIndex, VIndex
    from zarrcy.hierarchy.explain import Explanation

# A value of another data type, from so many bytes on, is cast as its pieces are written.
_CAST_ONE_BY_ONE = 2**20
_NUMBERS = "biufc"


class ArrayIndexing(ArrayFacts):
    """The selections of an array; `zarrcy.Array` adds how it is opened, walked and reshaped."""

    def __getitem__(self, selection: Any) -> Any:
        if self._reload:
            self._refresh()
        box = self._kernels.parse_box(selection, self._grid)
        if box is None:
            return self._select(selection)
        plan = self._kernels.split_outer(box, self._grid)
        if box.shape:
            return self._read_new(plan, box.shape, self._dtype)
        # one element: every microsecond shows
        out = self._new_result((), self._dtype)
        self._chunk_io.read(plan, out)
        return selections.unwrap(out, selection)

    def _select(self, selection: Any) -> Any:
        """Read what is no plain box: fields, masks, points, lists; as NumPy does where it is clear."""
        fields, rest = selections.pop_fields(selection) if self._dtype.fields else (None, selection)
        if selections.is_mask(rest, self.shape):
            return self.get_mask_selection(rest, fields=fields)
        if selections.is_coordinates(rest, self.ndim):
            return self.get_coordinate_selection(rest, fields=fields)
        if selections.has_one_list(rest):
            return self.get_orthogonal_selection(rest, fields=fields)
        return self.get_basic_selection(rest, fields=fields)

    def get_basic_selection(
        self, selection: Any = Ellipsis, out: NDArray[Any] | None = None, fields: Any = None
    ) -> Any:
        """Read integers, slices of any step, Ellipsis and newaxis.

        Parameters
        ----------
        selection : as NumPy takes it
        out : array of the shape of the selection that is filled and returned
        fields : name, or list of names, of fields of a structured array; all by default

        Raises
        ------
        SelectionError : `selection` is none that this array can answer
        ValueError : `out` has another shape or data type than the result
        ChunkDecodeError : a stored chunk is damaged

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.array([[1, 2, 3], [4, 5, 6]])
        >>> a.get_basic_selection((slice(None, None, -1), 0))
        array([4, 1])
        """
        self._refresh()
        box, new_axes = selections.normalize_basic(self._kernels, selection, self._grid)
        plan = self._kernels.split_outer(box, self._grid)
        if out is not None:
            self._read(plan, box.shape, fields, self._without_new_axes(out, box.shape, new_axes))
            return out
        result = self._read(plan, box.shape, fields)
        if new_axes is not None:
            return result[new_axes]
        return result if result.ndim else selections.unwrap(result, selection)

    def get_orthogonal_selection(
        self, selection: Any, out: NDArray[Any] | None = None, fields: Any = None
    ) -> Any:
        """Read an outer product: for each axis an integer, a slice, or a list of integers or Booleans.

        Parameters
        ----------
        selection : one item per axis; axes that are left out are whole
        out, fields : see `get_basic_selection`

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
        >>> a.get_orthogonal_selection(([2, 0], [True, False, True]))
        array([[7, 9],
               [1, 3]])
        """
        self._refresh()
        box, lists = selections.normalize_orthogonal(self._kernels, selection, self._grid)
        result = self._read(self._kernels.split_outer(box, self._grid, lists), box.shape, fields, out)
        return result if out is not None or result.ndim else selections.unwrap(result, selection)

    def get_coordinate_selection(
        self, selection: Any, out: NDArray[Any] | None = None, fields: Any = None
    ) -> Any:
        """Read points, given by their coordinates.

        Parameters
        ----------
        selection : an integer or an integer array for each axis; the result has their broadcast shape
        out, fields : see `get_basic_selection`

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.array([[1, 2, 3], [4, 5, 6]])
        >>> a.get_coordinate_selection(([0, 1, -1], [2, 0, 0]))
        array([3, 4, 4])
        """
        self._refresh()
        coords, shape = selections.normalize_coordinates(selection, self._grid.shape)
        plan = self._kernels.split_points(coords, self._grid)
        if out is None:
            result = self._read(plan, (coords[-1],), fields)
            return result.reshape(shape + result.shape[1:])
        self._check_out(out, shape, fields)
        out[...] = self._read(plan, (coords[-1],), fields).reshape(out.shape)
        return out

    def get_mask_selection(self, selection: Any, out: NDArray[Any] | None = None, fields: Any = None) -> Any:
        """Read the elements where a Boolean mask of the shape of the array is true, in C order.

        Parameters
        ----------
        selection : the mask
        out, fields : see `get_basic_selection`

        Examples
        --------
        >>> import numpy as np, zarrcy
        >>> zarrcy.array([1, 2, 3]).get_mask_selection(np.array([True, False, True]))
        array([1, 3])
        """
        self._refresh()
        plan = self._mask_plan(selection)
        return self._read(plan, plan.shape, fields, out)

    def _mask_plan(self, selection: Any) -> Any:
        mask = selections.normalize_mask(selection, self._grid.shape)
        if mask.ndim:
            return self._kernels.split_mask(mask, self._grid)
        return self._kernels.split_points([int(mask)], self._grid)

    def explain(self, selection: Any = Ellipsis) -> Explanation:
        """Tell what ``a[selection]`` would do, without reading a chunk; ``a.oindex.explain`` and the like too.

        The selection is planned as for a read. Sizes are told where the store knows them without a trip;
        where only a part of a Blosc chunk, or of a shard, would be read, its header, or its index, is looked
        at, for some dozens of them at most.

        Parameters
        ----------
        selection : as in brackets

        Returns
        -------
        Explanation : chunks, bytes, ranges, the lane and why it is not the native one, threads; a table when
            it is printed

        Raises
        ------
        SelectionError : `selection` is none that this array can answer

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros((1000, 1000), chunks=100, dtype="i4", compressor=None, filters=[zarrcy.Delta("i4")])
        >>> a[:150] = 2
        >>> a.explain((slice(90, 110), 5))
        Result         : (20,) int32, 80 bytes
        Chunks touched : 2 of 100: 0 whole, 2 in part, 0 not stored
        Stored bytes   : 80000 (78.1K)
        Read           : 80000 (78.1K) bytes, in 2 ranges
        Decoded        : 80000 (78.1K) bytes, 1000.0 x the result
        Path           : fallback: there are filters: delta
        Threads        : 1: too little work to share, or the store or a codec is not thread-safe
        """
        return self._explain(lambda array: array[selection])

    def _explain(self, read: Callable[[Self], object]) -> Explanation:
        from zarrcy.hierarchy.explain import PlanRecorder, placeholder

        self._refresh()
        recorder = PlanRecorder(self._chunk_io)
        # the same array, so the same way to the plan, but for what is behind it
        trial = object.__new__(type(self))
        trial.__dict__.update(
            self.__dict__, _chunk_io=recorder, _reload=False, _new_result=placeholder, _fresh_nbytes=math.inf
        )
        recorder.record(lambda: read(trial))
        return recorder.explain(self.chunk_store)

    def get_block_selection(self, selection: Any, out: NDArray[Any] | None = None, fields: Any = None) -> Any:
        """Read whole chunks, given by their coordinates in the chunk grid.

        Parameters
        ----------
        selection : an integer or a slice of step 1 for each axis
        out, fields : see `get_basic_selection`

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.array([1, 2, 3, 4, 5], chunks=2).get_block_selection(-1)
        array([5])
        """
        self._refresh()
        key = selections.normalize_blocks(selection, self._grid.shape, self._description.chunk_axes)
        return self.get_basic_selection(key, out=out, fields=fields)

    @property
    def oindex(self) -> OIndex:
        """Orthogonal selections in brackets: see `get_orthogonal_selection`."""
        from zarrcy.hierarchy.accessors import OIndex

        return OIndex(self)

    @property
    def vindex(self) -> VIndex:
        """Points and masks in brackets: see `get_coordinate_selection` and `get_mask_selection`."""
        from zarrcy.hierarchy.accessors import VIndex

        return VIndex(self)

    @property
    def blocks(self) -> BlockIndex:
        """Whole chunks in brackets: see `get_block_selection`."""
        from zarrcy.hierarchy.accessors import BlockIndex

        return BlockIndex(self)

    def _read(self, plan: Any, shape: Shape, fields: Any, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read a plan, whose selection has `shape`, into `out` or into a new array."""
        dtype, field = record_fields(self._dtype, fields)
        if out is not None:
            self._check_out(out, shape, fields)
        if field is None and fields is not None:
            # several fields: decode each chunk once, for all of them
            records = self._new_result(shape, self._dtype)
            self._chunk_io.read(plan, records)
            result = self._new_result(shape, dtype) if out is None else out
            for name in dtype.names or ():
                result[name] = records[name]
            return result
        if dtype.subdtype is not None:
            return self._read_inner_axes(plan, shape, dtype, field, out)
        if out is None:
            return self._read_new(plan, shape, dtype, field)
        self._chunk_io.read(plan, out, field)
        return out

    def _read_new(self, plan: Any, shape: Shape, dtype: AnyDtype, field: Field | None = None) -> NDArray[Any]:
        """Read a plan, whose selection has `shape`, into a new array."""
        blank = self._is_cheaper_blank(shape, dtype)
        out = np.zeros(shape, dtype, self._result_order) if blank else self._new_result(shape, dtype)
        self._chunk_io.read(plan, out, field, blank)
        return out

    def _read_inner_axes(self, plan: Any, shape: Shape, dtype: Any, field: Any, out: Any) -> NDArray[Any]:
        """Read a field whose values are arrays: their axes become the last ones of the result."""
        masks = self._options.read_missing == "mask"
        void = np.dtype(f"V{dtype.itemsize}")
        raw = self._new_result(shape, void) if masks else np.empty(shape, void)
        self._chunk_io.read(plan, raw, field)
        result: Any = out
        if out is None:
            result = self._new_result(shape, dtype) if masks else np.empty(shape, dtype)
        result[...] = np.asarray(raw).reshape(-1).view(dtype.base).reshape(result.shape)
        if isinstance(raw, np.ma.MaskedArray):
            result.mask = np.broadcast_to(raw.mask.reshape(shape + (1,) * len(dtype.shape)), result.shape)
        return result  # type: ignore[no-any-return]

    def _without_new_axes(self, out: Any, shape: Shape, new_axes: Any) -> Any:
        if new_axes is None or not isinstance(out, np.ndarray):
            return out
        wanted = np.empty(shape, "V1")[new_axes].shape
        if out.shape != wanted:
            raise ValueError(f"out has shape {out.shape}, the selection has shape {wanted}")
        return out[(*(0 if k is None else k for k in new_axes), ...)]

    def _check_out(self, out: Any, shape: Shape, fields: Any) -> None:
        if not isinstance(out, np.ndarray):
            raise TypeError(f"out is a {type(out).__name__}, not a numpy array")
        if self._options.read_missing == "mask":
            if not isinstance(out, np.ma.MaskedArray):
                raise TypeError("out is no masked array; with read_missing='mask' it must be one")
            out.mask = False
        dtype = record_fields(self._dtype, fields)[0]
        if dtype.subdtype is not None:
            dtype, inner = dtype.subdtype
            shape = (*shape, *inner)
        if out.shape != shape:
            raise ValueError(f"out has shape {out.shape}, the selection has shape {shape}")
        if out.dtype != dtype:
            raise ValueError(f"out has data type {out.dtype}, the array has {dtype}")
        if not out.flags.writeable:
            raise ValueError("out is read-only")

    def __setitem__(self, selection: Any, value: Any) -> None:
        refuse_read_only(self._options.read_only, self.path)
        self._refresh()
        box = self._kernels.parse_box(selection, self._grid)
        if box is not None:
            self._write(self._kernels.split_outer(box, self._grid), box.shape, value)
            return
        fields, rest = selections.pop_fields(selection) if self._dtype.fields else (None, selection)
        if selections.is_mask(rest, self.shape):
            self.set_mask_selection(rest, value, fields=fields)
        elif selections.is_coordinates(rest, self.ndim):
            self.set_coordinate_selection(rest, value, fields=fields)
        elif selections.has_one_list(rest):
            self.set_orthogonal_selection(rest, value, fields=fields)
        else:
            self.set_basic_selection(rest, value, fields=fields)

    def set_basic_selection(self, selection: Any, value: Any, fields: Any = None) -> None:
        """Write to integers, slices of any step, Ellipsis and newaxis.

        Parameters
        ----------
        selection : as NumPy takes it
        value : what NumPy can broadcast to the shape of the selection, cast to the array's data type
        fields : name of one field of a structured array that is written; all by default

        Raises
        ------
        ReadOnlyError : the array is read-only
        SelectionError : `selection` is none that this array can answer
        ValueShapeError : `value` does not fit the selection; nothing was written

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros((2, 3))
        >>> a.set_basic_selection((slice(None), 1), [5, 6])
        >>> a[:]
        array([[0., 5., 0.],
               [0., 6., 0.]])
        """
        refuse_read_only(self._options.read_only, self.path)
        self._refresh()
        box, new_axes = selections.normalize_basic(self._kernels, selection, self._grid)
        self._write(self._kernels.split_outer(box, self._grid), box.shape, value, fields, new_axes)

    def set_orthogonal_selection(self, selection: Any, value: Any, fields: Any = None) -> None:
        """Write to an outer product: see `get_orthogonal_selection` and `set_basic_selection`.

        >>> import zarrcy
        >>> a = zarrcy.zeros((3, 3), dtype="i4")
        >>> a.set_orthogonal_selection(([0, 2], [0, 2]), 1)
        >>> a[:].tolist()
        [[1, 0, 1], [0, 0, 0], [1, 0, 1]]
        """
        refuse_read_only(self._options.read_only, self.path)
        self._refresh()
        box, lists = selections.normalize_orthogonal(self._kernels, selection, self._grid)
        self._write(self._kernels.split_outer(box, self._grid, lists), box.shape, value, fields)

    def set_coordinate_selection(self, selection: Any, value: Any, fields: Any = None) -> None:
        """Write to points: see `get_coordinate_selection` and `set_basic_selection`.

        Where a point comes twice, the last value stays.

        >>> import zarrcy
        >>> a = zarrcy.zeros((2, 2), dtype="i4")
        >>> a.set_coordinate_selection(([0, 1], [1, 0]), [5, 6])
        >>> a[:].tolist()
        [[0, 5], [6, 0]]
        """
        refuse_read_only(self._options.read_only, self.path)
        self._refresh()
        coords, shape = selections.normalize_coordinates(selection, self._grid.shape)
        self._write(self._kernels.split_points(coords, self._grid), shape, value, fields, flat=True)

    def set_mask_selection(self, selection: Any, value: Any, fields: Any = None) -> None:
        """Write where a Boolean mask is true: see `get_mask_selection` and `set_basic_selection`.

        >>> import numpy as np, zarrcy
        >>> a = zarrcy.array([1, 2, 3])
        >>> a.set_mask_selection(np.array([True, False, True]), [7, 8])
        >>> a[:].tolist()
        [7, 2, 8]
        """
        refuse_read_only(self._options.read_only, self.path)
        self._refresh()
        plan = self._mask_plan(selection)
        self._write(plan, plan.shape, value, fields)

    def set_block_selection(self, selection: Any, value: Any, fields: Any = None) -> None:
        """Write whole chunks: see `get_block_selection` and `set_basic_selection`.

        >>> import zarrcy
        >>> a = zarrcy.zeros(5, chunks=2, dtype="i4")
        >>> a.set_block_selection(1, 7)
        >>> a[:].tolist()
        [0, 0, 7, 7, 0]
        """
        refuse_read_only(self._options.read_only, self.path)
        self._refresh()
        key = selections.normalize_blocks(selection, self._grid.shape, self._description.chunk_axes)
        self.set_basic_selection(key, value, fields=fields)

    def _refuse_unaligned(self, plan: Any, fields: Any = None) -> None:
        """Refuse a write that leaves something of a stored value that it touches.

        Raises
        ------
        UnalignedWriteError : so it is
        """
        if not plan.n_pieces or (fields is None and self._chunk_io.is_aligned(plan)):
            return
        from zarrcy.indexing import regions

        about = self._description
        is_regular = about.rectilinear_axes is None
        # the pieces of a plan are chunks, also inside shards; those of a rectilinear grid are stored values
        axes = about.chunk_axes if is_regular else about.stored_axes
        coords = plan.coords_table(0, plan.n_pieces)
        touched = zip(axes, coords.min(axis=0).tolist(), coords.max(axis=0).tolist(), strict=True)
        extent = tuple((axis.start_of(low), axis.start_of(high + 1)) for axis, low, high in touched)
        nearest = regions.cover(extent, plan.grid.shape, about.stored_axes)
        raise UnalignedWriteError(nearest, about.chunk_shape if is_regular else None, self.path)

    def _write(
        self,
        plan: Any,
        shape: Shape,
        value: Any,
        fields: Any = None,
        new_axes: Any = None,
        flat: bool = False,
    ) -> None:
        """Write a value that can be broadcast to `shape` along a plan."""
        if self._options.unaligned == "error":
            self._refuse_unaligned(plan, fields)
        if fields is None:
            values = self._values_for(value, shape, plan, new_axes)
            self._chunk_io.write(plan, values.reshape(-1) if flat else values)
            return
        dtype, field = record_fields(self._dtype, fields)
        if field is None:
            raise SelectionError("one field can be written at a time, not several", self._grid.shape)
        if dtype.names is not None and isinstance(fields, list):
            dtype = dtype[0]
        wanted = shape if new_axes is None else np.empty(shape, "V1")[new_axes].shape
        inner = dtype.shape
        values = np.ascontiguousarray(
            self._broadcast(np.asarray(value, dtype.base), wanted + inner), dtype.base
        )
        if inner:
            values = values.reshape(-1).view(f"V{dtype.itemsize}")
        self._chunk_io.write(plan, values.reshape((-1,) if flat else shape), field)

    def _values_for(self, value: Any, shape: Shape, plan: Any, new_axes: Any = None) -> NDArray[Any]:
        """Return `value` in `shape` and, unless the pieces are better cast one by one, in the array's data type."""
        if self._dtype.hasobject and not shape and new_axes is None:
            # one object: whatever it is, an array too, it is the value
            values = np.empty((), self._dtype)
            values[()] = value[()] if isinstance(value, np.ndarray) and not value.ndim else value
            return values
        # of a masked array, or a matrix, the plain array below counts
        values = np.asarray(value) if isinstance(value, np.ndarray) else self._as_array(value)
        wanted = shape if new_axes is None else np.empty(shape, "V1")[new_axes].shape
        values = self._broadcast(values, wanted)
        if values.dtype != self._dtype:
            # what is repeated is cast once
            unique = values[(*(slice(None) if step else slice(1) for step in values.strides), ...)]
            one_by_one = (
                unique.size * self._dtype.itemsize >= _CAST_ONE_BY_ONE
                and values.dtype.kind in _NUMBERS
                and self._dtype.kind in _NUMBERS
                and not getattr(plan, "has_lists", True)
            )
            if not one_by_one:
                values = np.broadcast_to(unique.astype(self._dtype), wanted)
        return values if new_axes is None else values[(*(0 if k is None else k for k in new_axes), ...)]

    def _broadcast(self, values: NDArray[Any], shape: Shape) -> NDArray[Any]:
        if values.shape == shape:
            return values
        extra = max(0, values.ndim - len(shape))
        if any(n != 1 for n in values.shape[:extra]):
            raise ValueShapeError(values.shape, shape, self.path)
        try:
            # as NumPy does, leave out leading axes of one element
            return np.broadcast_to(values.reshape(values.shape[extra:]), shape)
        except ValueError:
            raise ValueShapeError(values.shape, shape, self.path) from None

    def _as_array(self, value: Any) -> NDArray[Any]:
        if self._dtype.kind == "V" and isinstance(value, list):
            return np.array(value, self._dtype)
        if hasattr(value, "__array__") or isinstance(value, list):
            return np.asarray(value) if not self._dtype.hasobject else np.asarray(value, self._dtype)
        return np.asarray(value, self._dtype)
