"""Array: what a user holds. No loop over chunks, and no format version, is in here."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, Unpack

import numcodecs
import numpy as np
from numpy.typing import NDArray

from zarrcy.codecs import as_codec
from zarrcy.hierarchy.array_indexing import ArrayIndexing
from zarrcy.hierarchy.attributes import Attributes
from zarrcy.hierarchy.node import Node
from zarrcy.indexing import selection as selections
from zarrcy.indexing.chunk_shapes import normalize_chunks, normalize_shape
from zarrcy.metadata import ArrayMetadata, Parse, asked_format
from zarrcy.settings import ArrayConfig, ExtraOptions
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.types import Shape, Synchronizer, ZarrFormat

if TYPE_CHECKING:
    from zarrcy.hierarchy.verification import Report
    from zarrcy.indexing.regions import Region


class Array(ArrayIndexing):
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
    partial_decompress : kept for users of zarr-python 2. Parts of Blosc chunks, and of chunks without a
        compressor, are read wherever that is less work
    write_empty_chunks : store chunks that hold nothing but the fill value. Otherwise they are not
        stored, and their keys are deleted
    zarr_version : version of the format: 2, 3 or "3-draft"; found by looking where None
    meta_array : results are allocated like this array: ``np.empty_like(meta_array, shape=...)``
    read_missing : what elements are of which nothing is stored: "fill" reads them as the fill value,
        "raise" refuses, "mask" masks them: results are masked arrays. What is looked for is the stored
        value: a chunk, or with shards a shard. Chunks that hold nothing but the fill value are
        stored unless `write_empty_chunks` is false; shards that do never are
    unaligned : writes that cover a stored chunk, or a shard, only in part: "lock" makes threads that
        share one wait for each other, "error" refuses such writes, "allow" leaves it to the
        caller that nobody shares one. A synchronizer is used in any case
    threads : that read and write; None leaves that to ``ZARRCY_THREADS`` in the environment, or else to the
        CPUs that this process may use. A block of `zarrcy.use_threads` outranks it
    cache_bytes : decoded chunks that are kept, those used last, in bytes; 0 keeps none. What this array object
        and its views write is seen; what others write is not seen while the old chunk is kept

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
        zarr_version: ZarrFormat | None = None,
        meta_array: Any = None,
        **options: Unpack[ExtraOptions],
    ) -> None:
        asked = asked_format(zarr_version=zarr_version)
        node = Node(
            normalize_store_arg(store),
            path,
            None if chunk_store is None else normalize_store_arg(chunk_store),
            synchronizer,
            asked,
        )
        chosen = ArrayConfig(
            read_only=bool(read_only),
            cache_metadata=cache_metadata,
            cache_attrs=cache_attrs,
            partial_decompress=partial_decompress,
            write_empty_chunks=write_empty_chunks,
            meta_array=meta_array,
            **options,
        )
        self._open(node, node.load_array(), chosen)

    @classmethod
    def _opened(cls, node: Node, description: ArrayMetadata | Parse, options: ArrayConfig) -> Self:
        """Return the array at `node`, of which the description is known, or how to parse it when it is needed."""
        array = object.__new__(cls)
        array._open(node, description, options)
        return array

    def _open(self, node: Node, description: ArrayMetadata | Parse, options: ArrayConfig) -> None:
        self._node = node
        self._options = options
        self._reload = not options.cache_metadata
        self._like = options.like
        if options.cache_bytes:
            from zarrcy.chunk_io.chunk_cache import ChunkCache

            self._cache = ChunkCache(options.cache_bytes)
        self._attrs = Attributes(node, options.read_only, options.cache_attrs)
        if isinstance(description, ArrayMetadata):
            self._adopt(description)
        else:
            self._parse = description

    def __reduce__(self) -> tuple[Any, ...]:
        seen = self._description if self._is_view else None
        return _open_again, (type(self), self._node, self._options, seen)

    # -- walking -------------------------------------------------------------------------------

    def __len__(self) -> int:
        self._refresh()
        if not self._description.shape:
            raise TypeError("len() of unsized object: the array has no axes")
        return int(self._description.shape[0])

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
        return self._rows(first, last)

    def _rows(self, first: int, last: int) -> Iterator[Any]:
        axis = self._description.chunk_axes[0]
        while first < last:
            stop = min(last, axis.start_of(axis.chunk_at(first) + 1))
            yield from self[first:stop]
            first = stop

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("an array in a store can't be had without a copy")
        values: NDArray[Any] = np.asarray(self[...])
        return values if dtype is None else values.astype(dtype, copy=False)

    # -- parts for parallel writers ----------------------------------------------------------------

    def write_regions(self, n: int) -> list[Region]:
        """Cut the array into parts that as many writers may write at once, without locks.

        The cuts are along the borders of chunks, or of shards where there are any, and the parts have as many
        elements each as that allows.

        Parameters
        ----------
        n : parts. Those for which there is no chunk are empty, and come last

        Returns
        -------
        regions : tuples of slices, which are keys of the array

        Raises
        ------
        ValueError : `n` is less than 1; or more than 1, and the array has no axes to cut

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros((100, 100), chunks=(30, 30))
        >>> for region in a.write_regions(3):
        ...     a[region] = 1
        >>> a.write_regions(3)[0]
        (slice(0, 30, None), slice(0, 100, None))
        """
        n = operator.index(n)
        if n < 1:
            raise ValueError(f"n is {n}; there must be 1 part or more")
        if n > 1 and not self.ndim:
            raise ValueError(f"an array without axes can't be cut into {n} parts")
        from zarrcy.indexing import regions

        return regions.cut(self.shape, self._description.stored_axes, n)

    def region(self, rank: int, size: int) -> Region:
        """Return the part of one of several writers: ``write_regions(size)[rank]``.

        Parameters
        ----------
        rank, size : number of the writer, from 0, and how many there are, as MPI has them

        Raises
        ------
        ValueError : there is no such rank

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.zeros(10, chunks=4).region(1, 2)
        (slice(4, 10, None),)
        """
        rank = operator.index(rank)
        if not 0 <= rank < size:
            raise ValueError(f"rank is {rank}; of {size} writers it must be 0 or more, and less than {size}")
        return self.write_regions(size)[rank]

    def check_regions(self, parts: Iterable[Any]) -> None:
        """Refuse parts that can't be written at once without locks.

        Parameters
        ----------
        parts : keys of integers, slices and Ellipsis, as for ``a[key] = ...``

        Raises
        ------
        RegionError : a part covers a chunk, or a shard, only in part, or overlaps with another. The error
            names the nearest slices that are safe
        SelectionError : something is no such key

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros(100, chunks=30)
        >>> a.check_regions([slice(0, 60), slice(60, 100)])
        >>> a.check_regions([slice(0, 50), slice(50, 100)])
        Traceback (most recent call last):
            ...
        zarrcy.errors.RegionError: region 0, [0:50], does not begin and end at borders where stored values have shape \
(30,): [0:60] would do. write_regions() gives regions that are safe.
        """
        from zarrcy.indexing import regions

        self._refresh()
        boxes = [selections.normalize_basic(self._kernels, part, self._grid)[0] for part in parts]
        extents, sparse = [], []
        for number, box in enumerate(boxes):
            ranges = list(zip(box.starts, box.counts, box.steps, strict=True))
            extents.append(
                tuple((start, start + (n - 1) * step + 1 if n else start) for start, n, step in ranges)
            )
            if any(n > 1 and step > 1 for _, n, step in ranges) and 0 not in box.counts:
                sparse.append(number)
        regions.check(extents, self._description.shape, self._description.stored_axes, sparse)

    def verify(self, progress: bool = False) -> Report:
        """Read and decode every stored chunk, and tell what is not as it should be; see `zarrcy.verify`.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.array([1, 2, 3]).verify().problems
        ()
        """
        from zarrcy import verify

        chunk_store = self._node.own_chunk_store
        return verify(self.store, self.path, chunk_store=chunk_store, progress=progress)

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
        with self._changing():
            old = self._description.shape
            new = _new_shape(args, old)
            described = self._description.with_shape(new)
            doomed = self._keys_outside(new)
            self._save_shape(described)
            if doomed:
                self._node.delete_chunks(doomed)

    def _keys_outside(self, shape: Shape) -> list[str]:
        """Return the keys of stored chunks that hold no element of `shape`."""
        counts = self._stored_counts(shape)
        if all(new >= old for new, old in zip(shape, self._description.shape, strict=True)):
            return []
        return [
            key
            for key, coords in list(self._initialized())
            if any(i >= n for i, n in zip(coords, counts, strict=True))
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
        with self._changing():
            return self._append(data if hasattr(data, "shape") else np.asarray(data), axis)

    def _append(self, values: Any, axis: int) -> Shape:
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
        described = self._description.with_shape(grown)
        grid = self._kernels.Grid(grown, self._grid.chunk_shape)
        key = (slice(None),) * axis + (slice(old[axis], grown[axis]),)
        box = self._kernels.parse_box(key, grid)
        assert box is not None, "the key has nothing but slices"
        plan = self._kernels.split_outer(box, grid)
        self._write(plan, box.shape, values)
        self._save_shape(described)
        return grown

    # -- other looks at the same data ------------------------------------------------------------

    def view(
        self,
        shape: Any = None,
        chunks: Any = None,
        dtype: Any = None,
        fill_value: Any = None,
        filters: Any = None,
        read_only: bool | None = None,
        synchronizer: Synchronizer | None = None,
    ) -> Array:
        """Return another look at the same stored chunks. It can't be resized.

        Parameters
        ----------
        shape, chunks : to see; chunks of as many elements as the stored ones
        dtype : to see; of the same size, unless `filters` change it
        fill_value : to see where nothing is stored
        filters : to decode with, instead of those of the array
        read_only, synchronizer : instead of those of the array

        Raises
        ------
        ValueError : a chunk would have another size

        Examples
        --------
        >>> import numpy as np, zarrcy
        >>> a = zarrcy.array(np.array([1, 0, 2], "u1"))
        >>> a.view(dtype=bool)[:]
        array([ True, False,  True])
        """
        self._refresh()
        description = self._description
        if description.rectilinear_axes is not None and not (shape is None and chunks is None):
            raise ValueError("an array whose chunks differ in length can't be seen in another shape")
        if filters is not None:
            description = description.with_filters([as_codec(codec) for codec in filters])
        description = replace(
            description,
            shape=description.shape if shape is None else normalize_shape(shape),
            dtype=description.dtype if dtype is None else np.dtype(dtype),
        )
        if chunks is not None:
            if self.shards is not None:
                raise ValueError("the chunks of a sharded array can't be seen in another shape")
            chunk_shape = normalize_chunks(chunks, description.shape, description.dtype.itemsize)
            description = replace(description, chunk_shape=chunk_shape)
        fill = self._description.fill_value_or_zero if fill_value is None else fill_value
        if fill is not None and (fill_value is not None or dtype is not None):
            description = description.with_fill_value(np.asarray(fill).astype(description.dtype)[()])
        old = math.prod(self._description.chunk_shape) * self._dtype.itemsize
        new = math.prod(description.chunk_shape) * description.dtype.itemsize
        if filters is None and new != old:
            raise ValueError(f"a view with chunks of {new} bytes; the stored chunks have {old} bytes")
        view = self._viewed(description, read_only, synchronizer)
        if dtype is not None or filters is not None:
            view._decoding = object()
        return view

    def _viewed(
        self, description: ArrayMetadata, read_only: bool | None = None, synchronizer: Any = None
    ) -> Array:
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._is_view = True
        view._reload = False
        if read_only is not None:
            view._options = replace(self._options, read_only=bool(read_only))
        view._node = Node(
            self.store,
            self.path,
            self._node.own_chunk_store,
            synchronizer or self._node.synchronizer,
            self.zarr_format,
        )
        view._attrs = Attributes(view._node, view._options.read_only, view._options.cache_attrs)
        view._adopt(description)
        return view

    def astype(self, dtype: Any) -> Array:
        """Return a read-only view whose elements are converted when they are read.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.array([1.7, 2.2]).astype("i4")[:]
        array([1, 2], dtype=int32)
        """
        self._refresh()
        dtype = np.dtype(dtype)
        convert = numcodecs.AsType(encode_dtype=self._dtype, decode_dtype=dtype)
        return self.view(dtype=dtype, filters=[convert, *(self.filters or ())], read_only=True)


def _new_shape(args: tuple[Any, ...], old: Shape) -> Shape:
    """Return the shape that the arguments of `resize` mean."""
    lengths = args[0] if len(args) == 1 else args
    if np.ndim(lengths) == 0:
        lengths = (lengths,)
    if len(lengths) != len(old):
        raise ValueError(f"new shape {tuple(lengths)} must have the {len(old)} axes of the old one, {old}")
    return normalize_shape(tuple(b if a is None else a for a, b in zip(lengths, old, strict=True)))


def _open_again(kind: type[Array], node: Node, options: ArrayConfig, seen: ArrayMetadata | None) -> Array:
    """Open the array that was pickled; of a view, what it sees is known."""
    array = kind._opened(node, node.load_array(), options)
    return array if seen is None else array._viewed(seen)
