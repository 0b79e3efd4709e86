"""Array: what a user holds. No loop over chunks, and no format version, is in here."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarrcy import selection as selections
from zarrcy import transfer
from zarrcy.attrs import Attributes
from zarrcy.codecs import Compressor, Filter
from zarrcy.errors import ValueShapeError
from zarrcy.formats import ArrayDescription
from zarrcy.formats.scalars import normalize_fill_value
from zarrcy.grid import grid_shape, normalize_shape
from zarrcy.node import Node, refuse_read_only
from zarrcy.storage.arguments import normalize_store_arg
from zarrcy.storage.listing import getsize, listdir
from zarrcy.sync import Synchronizer
from zarrcy.types import AnyDtype, Shape, Store


class Array:
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

    def _adopt(self, description: ArrayDescription) -> None:
        """Get ready to read and write what `description` describes."""
        self._description = description
        self._dtype = description.dtype
        self._source = transfer.ChunkSource(
            self._node.chunk_store,
            description.chunk_keys.prefix(self._node.prefix, len(description.shape)),
            description.chunk_keys.separator,
            description.pipeline(),
            description.chunk_shape,
            description.dtype,
            description.fill_value,
            self._node.synchronizer,
            self._write_empty_chunks,
        )
        self._kernels = self._source.kernels
        self._grid = self._kernels.Grid(description.shape, description.chunk_shape)
        self._result_order = self._node.format.order_of(description)

    def _refresh(self) -> None:
        """Load the metadata again if they are not to be kept."""
        if self._reload:
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

    # -- what it is ------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """Store of the metadata."""
        return self._node.store

    @property
    def chunk_store(self) -> Store:
        """Store of the chunks."""
        return self._node.chunk_store

    @property
    def path(self) -> str:
        """Path in the store; empty at the root."""
        return self._node.path

    @property
    def name(self) -> str | None:
        """Path with one leading slash; None at the root."""
        return f"/{self.path}" if self.path else None

    @property
    def basename(self) -> str | None:
        """Last part of the name; None at the root."""
        return self.path.rsplit("/", 1)[-1] if self.path else None

    @property
    def read_only(self) -> bool:
        """Are changes refused?"""
        return self._read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        self._read_only = bool(value)
        self._attrs.read_only = self._read_only

    @property
    def synchronizer(self) -> Synchronizer | None:
        """What gives the locks of parallel writers."""
        return self._node.synchronizer

    @property
    def attrs(self) -> Attributes:
        """User attributes."""
        return self._attrs

    @property
    def write_empty_chunks(self) -> bool:
        """Are chunks stored that hold nothing but the fill value?"""
        return self._write_empty_chunks

    @property
    def shape(self) -> Shape:
        """Lengths of the axes, in elements. Setting it resizes the array."""
        self._refresh()
        return self._description.shape

    @shape.setter
    def shape(self, value: Any) -> None:
        self.resize(value)

    @property
    def chunks(self) -> Shape:
        """Lengths of a chunk along the axes, in elements."""
        return self._description.chunk_shape

    @property
    def dtype(self) -> AnyDtype:
        """Data type of the elements."""
        return self._dtype

    @property
    def fill_value(self) -> Any:
        """Value of elements that were never written. Setting it writes the metadata."""
        return self._description.fill_value

    @fill_value.setter
    def fill_value(self, value: Any) -> None:
        refuse_read_only(self._read_only, self.path)
        fill_value = normalize_fill_value(value, self._dtype)
        self._save(self._description.with_fill_value(fill_value))

    @property
    def order(self) -> str:
        """Order of the elements in a chunk: "C" or "F"."""
        return self._result_order  # type: ignore[no-any-return]

    @property
    def compressor(self) -> Any:
        """Codec of the encoded chunks, or None."""
        return next((s.codec for s in self._description.stages if isinstance(s, Compressor)), None)

    @property
    def compression(self) -> str | None:
        """Name of the compressor, as h5py has it."""
        return None if self.compressor is None else str(self.compressor.codec_id)

    @property
    def compression_opts(self) -> Any:
        """Configuration of the compressor, or None."""
        return None if self.compressor is None else self.compressor.get_config()

    @property
    def filters(self) -> list[Any] | None:
        """Codecs of the elements, in the order of encoding, or None."""
        return [s.codec for s in self._description.stages if isinstance(s, Filter)] or None

    @property
    def dimension_separator(self) -> str:
        """What stands between the coordinates in the key of a chunk."""
        return self._description.chunk_keys.separator

    @property
    def zarr_format(self) -> int:
        """Version of the format that the metadata follow."""
        return self._node.format.ZARR_FORMAT  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._description.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Size of an element, in bytes."""
        return self._dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Size of all elements without compression, in bytes."""
        return self.size * self.itemsize

    @property
    def nbytes_stored(self) -> int:
        """Size of what is stored, metadata included, in bytes; -1 if the store can't tell."""
        total = getsize(self.store, self.path)
        if self._node.own_chunk_store is None or total < 0:
            return total
        chunks = getsize(self._node.own_chunk_store, self.path)
        return -1 if chunks < 0 else total + chunks

    @property
    def cdata_shape(self) -> Shape:
        """Number of chunks along each axis; ``(1,)`` without axes."""
        return grid_shape(self.shape, self.chunks) if self.ndim else (1,)

    @property
    def nchunks(self) -> int:
        """Number of chunks."""
        return math.prod(self.cdata_shape)

    @property
    def nchunks_initialized(self) -> int:
        """Number of chunks that are stored."""
        return sum(1 for _ in self._initialized_keys())

    initialized = nchunks_initialized

    def _initialized_keys(self) -> Iterator[str]:
        store, separator = self.chunk_store, self.dimension_separator
        counts = self.cdata_shape
        if separator == ".":
            names: Any = listdir(store, self.path)
        else:
            prefix = self._node.prefix
            names = (key[len(prefix) :] for key in list(store) if key.startswith(prefix))
        for name in names:
            parts = name.split(separator)
            if len(parts) == len(counts) and all(
                part.isdecimal() and part.isascii() and str(int(part)) == part and int(part) < n
                for part, n in zip(parts, counts, strict=True)
            ):
                yield name

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        read_only = " read-only" if self._read_only else ""
        return f"<zarrcy.Array{name} {self.shape} {self._dtype}{read_only}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Array)
            and self.store == other.store
            and self._read_only == other._read_only
            and self.path == other.path
        )

    __hash__ = None  # type: ignore[assignment]

    # -- reading ---------------------------------------------------------------------------------

    def __getitem__(self, selection: Any) -> Any:
        if self._reload:
            self._refresh()
        box = self._kernels.parse_box(selection, self._grid)
        if box is None:
            return self.get_basic_selection(selection)
        out = np.empty(box.shape, self._dtype, self._result_order)
        transfer.read(self._kernels.split_box(box, self._grid), self._source, out)
        return out if out.ndim else out[()]

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
        return out if out.ndim else out[()]

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
        return out if new_axes is None else out[tuple(0 if k is None else k for k in new_axes)]

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object: the array has no axes")
        return self.shape[0]

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
            if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__") or value < 0):
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
            values = np.empty((), self._dtype)
            values[()] = value
            return values
        # a scalar must go through the data type at once: NumPy would give 300 its own, then wrap it
        values = value if isinstance(value, np.ndarray) else self._as_array(value)
        if values.dtype != self._dtype:
            values = values.astype(self._dtype)
        wanted = shape if new_axes is None else np.empty(shape, "V1")[new_axes].shape
        while values.ndim > len(wanted) and values.shape[0] == 1:
            values = values[0]
        try:
            values = np.broadcast_to(values, wanted)
        except ValueError:
            raise ValueShapeError(values.shape, wanted, self.path) from None
        return values if new_axes is None else values[tuple(0 if k is None else k for k in new_axes)]

    def _as_array(self, value: Any) -> NDArray[Any]:
        if self._dtype.kind == "V" and isinstance(value, list):
            return np.array(value, self._dtype)
        if hasattr(value, "__array__") or isinstance(value, list):
            return np.asarray(value) if not self._dtype.hasobject else np.asarray(value, self._dtype)
        return np.asarray(value, self._dtype)

    # -- changing its shape ----------------------------------------------------------------------

    def _save(self, description: ArrayDescription) -> None:
        with self._node.lock(self._node.metadata_key):
            self._node.save_array(description)
        self._adopt(description)

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
            raise ValueError(f"new shape {tuple(lengths)} must have the {len(old)} axes of the old one, {old}")
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
        transfer.write(self._kernels.split_box(box, grid), self._source, self._values_for(values, box.shape, None))
        self._save(self._description.with_shape(grown))
        return grown


