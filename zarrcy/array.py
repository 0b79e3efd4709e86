"""Array: what a user holds. No loop over chunks, and no format version, is in here."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy import selection as selections
from zarrcy import transfer
from zarrcy.attrs import Attributes
from zarrcy.errors import ValueShapeError
from zarrcy.facts import ArrayFacts
from zarrcy.grid import grid_shape, normalize_shape
from zarrcy.node import Node, refuse_read_only
from zarrcy.storage.arguments import normalize_store_arg
from zarrcy.sync import Synchronizer
from zarrcy.types import Shape


class Array(ArrayFacts):
    """A chunked, compressed, N-dimensional array that exists in a store.

    Parameters
    ----------
    store : a mapping of str to bytes, one of our stores, or a path
    path : of the array in the store
    read_only : refuse changes
    chunk_store : of the chunks, where they are not with the metadata
    synchronizer : ``synchronizer[key]`` gives the lock for metadata and for chunks written in part
    cache_metadata : keep the metadata; otherwise they are loaded before each access
    cache_attrs : keep the attributes; otherwise they are loaded before each access
    partial_decompress : kept for users of zarr-python 2; has no effect
    write_empty_chunks : store chunks that hold nothing but the fill value. Otherwise they are not
        stored, and their keys are deleted
    zarr_version : kept for users of zarr-python 2; the format is found by looking
    meta_array : kept for users of zarr-python 2; results are numpy arrays

    Raises
    ------
    ArrayNotFoundError : there is no array at `path`
    MetadataError : its metadata are malformed

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.zeros((4, 6), chunks=(2, 3), dtype="i4")
    >>> a[1:3, ::2] = 7
    >>> a[1]
    array([7, 0, 7, 0, 7, 0], dtype=int32)
    >>> a
    <zarrcy.Array (4, 6) int32>
    """

    def __init__(
        self,
        store: Any,
        path: str | None = None,
        read_only: bool = False,
        chunk_store: Any = None,
        synchronizer: Synchronizer | None = None,
        cache_metadata: bool = True,
        cache_attrs: bool = True,
        partial_decompress: bool = False,
        write_empty_chunks: bool = True,
        zarr_version: int | None = None,
        meta_array: Any = None,
    ) -> None:
        self._node = Node(
            normalize_store_arg(store),
            path,
            None if chunk_store is None else normalize_store_arg(chunk_store),
            synchronizer,
        )
        self._read_only = bool(read_only)
        self._cache_metadata = cache_metadata
        self._reload = not cache_metadata
        self._partial_decompress = partial_decompress
        self._write_empty_chunks = write_empty_chunks
        self._zarr_version = zarr_version
        self._meta_array = meta_array
        self._attrs = Attributes(self._node, read_only=self._read_only, cache=cache_attrs)
        self._adopt(self._node.load_array())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (
            self.store,
            self.path,
            self._read_only,
            self._node.own_chunk_store,
            self._node.synchronizer,
            self._cache_metadata,
            self._attrs.cache,
            self._partial_decompress,
            self._write_empty_chunks,
            self._zarr_version,
            self._meta_array,
        )

    # -- reading ---------------------------------------------------------------------------------

    def __getitem__(self, selection: Any) -> Any:
        if self._reload:
            self._refresh()
        box = self._kernels.parse_box(selection, self._grid)
        if box is None:
            return self.get_basic_selection(selection)
        out = np.empty(box.shape, self._dtype, self._result_order)
        transfer.read(self._kernels.split_box(box, self._grid), self._source, out)
        return out if out.ndim else selections.unwrap(out, selection)

    def get_basic_selection(self, selection: Any = Ellipsis, out: NDArray[Any] | None = None) -> Any:
        """Read integers, slices of any step, Ellipsis and newaxis.

        Parameters
        ----------
        selection : as NumPy takes it
        out : array of the shape of the selection that is filled and returned

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
        given = out
        if out is None:
            out = np.empty(box.shape, self._dtype, self._result_order)
        else:
            out = self._check_out(out, box.shape, new_axes)
        transfer.read(self._kernels.split_box(box, self._grid), self._source, out)
        if given is not None:
            return given
        if new_axes is not None:
            return out[new_axes]
        return out if out.ndim else selections.unwrap(out, selection)

    def _check_out(self, out: Any, shape: Shape, new_axes: Any) -> NDArray[Any]:
        """Return `out` without the axes that are new, if it can take the result."""
        if not isinstance(out, np.ndarray):
            raise TypeError(f"out is a {type(out).__name__}, not a numpy array")
        wanted = shape if new_axes is None else np.empty(shape, "V1")[new_axes].shape
        if out.shape != wanted:
            raise ValueError(f"out has shape {out.shape}, the selection has shape {wanted}")
        if out.dtype != self._dtype:
            raise ValueError(f"out has data type {out.dtype}, the array has {self._dtype}")
        if not out.flags.writeable:
            raise ValueError("out is read-only")
        return out if new_axes is None else out[(*(0 if k is None else k for k in new_axes), ...)]

    def __len__(self) -> int:
        self._refresh()
        if not self._description.shape:
            raise TypeError("len() of unsized object: the array has no axes")
        return self._description.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return self.islice()

    def islice(self, start: int | None = None, end: int | None = None) -> Iterator[Any]:
        """Iterate over rows; each chunk is decoded once, and none outside the range.

        Parameters
        ----------
        start, end : range of rows; the whole array by default

        Raises
        ------
        TypeError : the array has no axes
        ValueError : `start` or `end` is negative, or no integer

        Examples
        --------
        >>> import zarrcy
        >>> [int(x) for x in zarrcy.array([1, 2, 3, 4]).islice(1, 3)]
        [2, 3]
        """
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        for name, value in (("start", start), ("end", end)):
            if value is not None and (
                isinstance(value, bool) or not hasattr(value, "__index__") or value < 0
            ):
                raise ValueError(f"{name} is {value!r}; it must be a non-negative integer")
        first = 0 if start is None else operator.index(start)
        last = self.shape[0] if end is None else min(operator.index(end), self.shape[0])
        return self._rows(first, last, self.chunks[0])

    def _rows(self, first: int, last: int, chunk_len: int) -> Iterator[Any]:
        while first < last:
            stop = min(last, (first // chunk_len + 1) * chunk_len)
            yield from self[first:stop]
            first = stop

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("an array in a store can't be had without a copy")
        values: NDArray[Any] = np.asarray(self[...])
        return values if dtype is None else values.astype(dtype, copy=False)

    # -- writing ---------------------------------------------------------------------------------

    def __setitem__(self, selection: Any, value: Any) -> None:
        self.set_basic_selection(selection, value)

    def set_basic_selection(self, selection: Any, value: Any) -> None:
        """Write to integers, slices of any step, Ellipsis and newaxis.

        Parameters
        ----------
        selection : as NumPy takes it
        value : what NumPy can broadcast to the shape of the selection, cast to the array's data type

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
        refuse_read_only(self._read_only, self.path)
        self._refresh()
        box = self._kernels.parse_box(selection, self._grid)
        new_axes = None
        if box is None:
            box, new_axes = selections.normalize_basic(self._kernels, selection, self._grid)
        values = self._values_for(value, box.shape, new_axes)
        transfer.write(self._kernels.split_box(box, self._grid), self._source, values)

    def _values_for(self, value: Any, shape: Shape, new_axes: Any) -> NDArray[Any]:
        """Return `value` in the array's data type and in `shape`, without a copy where that can be."""
        if self._dtype.hasobject and not shape:
            # one object: whatever it is, an array too, it is the value
            values = np.empty((), self._dtype)
            values[()] = value[()] if isinstance(value, np.ndarray) and not value.ndim else value
            return values
        values = value if isinstance(value, np.ndarray) else self._as_array(value)
        wanted = shape if new_axes is None else np.empty(shape, "V1")[new_axes].shape
        values = self._broadcast(values, wanted)
        if values.dtype != self._dtype:
            # what is repeated is cast once
            unique = values[(*(slice(None) if step else slice(1) for step in values.strides), ...)]
            values = np.broadcast_to(unique.astype(self._dtype), wanted)
        return values if new_axes is None else values[(*(0 if k is None else k for k in new_axes), ...)]

    def _broadcast(self, values: NDArray[Any], shape: Shape) -> NDArray[Any]:
        if values.shape == shape:
            return values
        extra = max(0, values.ndim - len(shape))
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

    # -- changing its shape ----------------------------------------------------------------------

    def resize(self, *args: Any) -> None:
        """Change the shape. Chunks outside the new shape are deleted; growing touches none.

        Parameters
        ----------
        *args : a shape, or one length per axis; None keeps the length of its axis

        Raises
        ------
        ReadOnlyError : the array is read-only
        ValueError : a length per axis is missing, or is negative

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.ones((4, 4), chunks=2)
        >>> a.resize(2, None)
        >>> a.shape
        (2, 4)
        """
        refuse_read_only(self._read_only, self.path)
        self._refresh()
        old = self._description.shape
        lengths = args[0] if len(args) == 1 else args
        if len(args) == 1 and hasattr(lengths, "__index__"):
            lengths = (lengths,)
        if len(lengths) != len(old):
            raise ValueError(
                f"new shape {tuple(lengths)} must have the {len(old)} axes of the old one, {old}"
            )
        new = normalize_shape(tuple(b if a is None else a for a, b in zip(lengths, old, strict=True)))
        doomed = self._keys_outside(new)
        self._save(self._description.with_shape(new))
        if doomed:
            self._node.delete_chunks(doomed)

    def _keys_outside(self, shape: Shape) -> list[str]:
        """Return the keys of stored chunks that hold no element of `shape`."""
        counts = grid_shape(shape, self.chunks)
        if all(new >= old for new, old in zip(shape, self._description.shape, strict=True)):
            return []
        separator, prefix = self.dimension_separator, self._node.prefix
        return [
            prefix + name
            for name in list(self._initialized_keys())
            if any(int(part) >= n for part, n in zip(name.split(separator), counts, strict=True))
        ]

    def append(self, data: Any, axis: int = 0) -> Shape:
        """Add `data` at the end of an axis, and return the new shape.

        The data are written first and the shape last: a reader sees the old array or the new one.

        Parameters
        ----------
        data : array-like; its other axes have the lengths of the array's
        axis : that grows

        Raises
        ------
        ReadOnlyError : the array is read-only
        ValueError : the shape of `data` does not fit

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.array([1, 2])
        >>> a.append([3])
        (3,)
        """
        refuse_read_only(self._read_only, self.path)
        self._refresh()
        values = data if hasattr(data, "shape") else np.asarray(data)
        old = self._description.shape
        if len(values.shape) != len(old) or not -len(old) <= axis < len(old):
            raise ValueError(
                f"data of shape {values.shape} can't be appended to shape {old} along axis {axis}"
            )
        axis %= len(old)
        if any(i != axis and n != m for i, (n, m) in enumerate(zip(values.shape, old, strict=True))):
            raise ValueError(
                f"data of shape {values.shape} do not fit shape {old}: all axes but {axis} must agree"
            )
        grown = (*old[:axis], old[axis] + values.shape[axis], *old[axis + 1 :])
        grid = self._kernels.Grid(grown, self.chunks)
        key = (slice(None),) * axis + (slice(old[axis], grown[axis]),)
        box = self._kernels.parse_box(key, grid)
        transfer.write(
            self._kernels.split_box(box, grid), self._source, self._values_for(values, box.shape, None)
        )
        self._save(self._description.with_shape(grown))
        return grown
