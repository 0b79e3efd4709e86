"""Array: the object that users hold. It has no loop over chunks and does not know format versions."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self, SupportsIndex, Unpack

import numpy as np

from zarrcy.codecs import Compressor, Filter, as_codec
from zarrcy.errors import ChunkDecodeError, NotErasableError, ViewError
from zarrcy.hierarchy import array_indexing
from zarrcy.hierarchy.array_state import ArrayState, open_state
from zarrcy.hierarchy.attributes import Attributes
from zarrcy.hierarchy.node import Node, refuse_read_only
from zarrcy.hierarchy.node_properties import ZARR3_ARRAY, NodeProperties, Zarr3Attribute
from zarrcy.indexing import selection as selections
from zarrcy.indexing.chunk_shapes import Lengths, ShapeLike, normalize_chunks, normalize_shape
from zarrcy.indexing.selection import FieldNames
from zarrcy.metadata import ArrayMetadata, asked_format
from zarrcy.settings import ArrayConfig, ExtraOptions, array_config
from zarrcy.storage import access
from zarrcy.storage.store_argument import open_store
from zarrcy.types import (
    JSON,
    AnyArray,
    AnyDtype,
    Codec,
    Coords,
    Elements,
    Key,
    Option,
    Selection,
    Shape,
    StoreLike,
    Synchronizer,
    ZarrFormat,
)

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from zarrcy.chunk_io import ChunkIO
    from zarrcy.chunk_io.chunk_cache import CacheInfo
    from zarrcy.hierarchy.accessors import BlockIndex, OIndex, VIndex
    from zarrcy.hierarchy.document_change import DocumentChange
    from zarrcy.hierarchy.explain import Explanation
    from zarrcy.hierarchy.report import InfoReport, Rows
    from zarrcy.hierarchy.tasks import Task
    from zarrcy.hierarchy.verification import Report
    from zarrcy.indexing.regions import Region
    from zarrcy.sync.ranks import Communicator, PartLike

# A list of more regions would not fit into memory.
_MOST_REGIONS = 2**24


class Array(NodeProperties):
    """A chunked, compressed, N-dimensional array that exists in a store.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    path : str, optional
        Path of the array in the store. The default is the root.
    read_only : bool, optional
        Refuse changes.
    chunk_store : mapping, store, str or PathLike, optional
        Store of the chunks, if they are not stored with the metadata.
    synchronizer : mapping, optional
        ``synchronizer[key]`` gives the lock for the metadata and for chunks that are written in part:
        `ThreadSynchronizer` or `ProcessSynchronizer`.
    cache_metadata : bool, optional
        Keep the metadata in memory. If false, each access loads them.
    cache_attrs : bool, optional
        Keep the attributes in memory. If false, each access loads them.
    partial_decompress : bool, optional
        Has no effect; users of zarr-python 2 may pass it. Parts of Blosc chunks, and of chunks without a
        compressor, are read wherever that is less work.
    write_empty_chunks : bool, optional
        Store chunks that consist of the fill value. If false, such chunks are not stored, and their keys are deleted.
    zarr_version : {2, 3, "3-draft"}, optional
        Version of the format. By default it is detected.
    meta_array : array_like, optional
        Results are allocated like this array: ``np.empty_like(meta_array, shape=...)``.
    **options
        Options that zarr-python 2 does not have; see Notes.

    Raises
    ------
    ArrayNotFoundError
        If there is no array at `path`.
    MetadataError
        If the metadata are malformed.

    See Also
    --------
    zarrcy.open_array : Open an array, or create it.
    zarrcy.create : Create an array.

    Notes
    -----
    The options are:

    read_missing : {"fill", "raise", "mask"}
        What elements are whose chunk is not stored: the fill value (the default), an error, or masked. With "mask",
        results are masked arrays. If the array has shards, a shard counts, not a chunk in it. Chunks that consist
        of the fill value are stored unless `write_empty_chunks` is false; such shards are never stored.
    unaligned : {"lock", "error", "allow"}
        How a write is done that covers a stored chunk, or a shard, only in part. "lock" (the default) makes threads
        that change the same chunk wait for each other, and processes too where chunks are files; in object stores
        puts are conditional. "error" refuses such writes. "allow" uses neither: the caller makes sure that no other
        thread or process writes to the same chunk. A synchronizer is used in any case, instead of locks of files.
    threads : int or None
        Number of threads that read and write. None (the default) takes it from ``ZARRCY_THREADS`` in the
        environment, or else from the number of CPUs that this process may use. In a block of `zarrcy.use_threads`,
        its number is used.
    cache_bytes : int
        Size of a cache of decoded chunks, the most recently used ones, in bytes; 0 (the default) for no cache.
        Writes through this array object and its views update the cache. A write of another process or array object
        is not seen while the old chunk is in the cache.

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
        store: StoreLike,
        path: str | None = None,
        read_only: bool = False,
        chunk_store: StoreLike = None,
        synchronizer: Synchronizer | None = None,
        cache_metadata: bool = True,
        cache_attrs: bool = True,
        partial_decompress: bool | None = None,
        write_empty_chunks: bool = True,
        zarr_version: ZarrFormat | None = None,
        meta_array: AnyArray | None = None,
        **options: Unpack[ExtraOptions],
    ) -> None:
        version = asked_format(zarr_version=zarr_version)
        store = open_store(store, None, "r", version)
        if chunk_store is not None:
            chunk_store = open_store(chunk_store, None, "r", version)
            access.refuse_mixed_versions(store, chunk_store)
        node = Node(store, path, chunk_store, synchronizer, version)
        config = array_config(
            read_only=bool(read_only),
            cache_metadata=cache_metadata,
            cache_attrs=cache_attrs,
            partial_decompress=bool(partial_decompress),
            write_empty_chunks=write_empty_chunks,
            meta_array=meta_array,
            **options,
        )
        self._take(open_state(node, config, node.load_array()))

    @classmethod
    def from_state(cls, state: ArrayState, attributes: Attributes | None = None) -> Self:
        """Return the array with a state that is ready. For modules of zarrcy; users call `zarrcy.open_array`.

        Parameters
        ----------
        state : ArrayState
            The state, see `zarrcy.hierarchy.array_state.open_state`.
        attributes : Attributes, optional
            The user attributes, if they were loaded together with the state.

        Returns
        -------
        Array
            The array.
        """
        array = cls.__new__(cls)
        array._take(state, attributes)
        return array

    def _take(self, state: ArrayState, attributes: Attributes | None = None) -> None:
        """Set all attributes."""
        self._state = state
        self._node = state.node
        self._attributes = attributes

    def __reduce__(self) -> tuple[object, ...]:
        state = self._state
        return _open_again, (
            type(self),
            state.node,
            state.config,
            state.metadata if state.is_view else None,
        )

    def __dask_tokenize__(self) -> tuple[object, ...]:
        from zarrcy.hierarchy.dask_token import token_of

        return token_of(self.current_state())

    # -- for modules of zarrcy ---------------------------------------------------------------------

    def current_state(self) -> ArrayState:
        """Return the state. If the metadata are not kept in memory, load them first. For modules of zarrcy.

        Returns
        -------
        ArrayState
            The state. It does not change when the array is resized: then the array has another one.
        """
        state = self._state
        if state.reloads:
            loaded = state.with_metadata(state.node.load_array())
            # not if another thread is changing the document: it would have its new state replaced by the old one
            if not state.is_outdated:
                self._state = loaded
            return loaded
        return state

    def _state_to_write(self) -> ArrayState:
        """Return the current state, if elements may be written.

        Raises
        ------
        ReadOnlyError
            If the array is read-only.
        """
        refuse_read_only(self._state.config.read_only, self.path)
        return self.current_state()

    @property
    def node(self) -> Node:
        """Where the array is in its store. For modules of zarrcy."""
        return self._node

    @property
    def description(self) -> ArrayMetadata:
        """The metadata that were loaded last. For modules of zarrcy."""
        return self._state.metadata

    @property
    def chunk_io(self) -> ChunkIO:
        """What reads and writes the chunks. For modules of zarrcy."""
        return self._state.chunk_io

    # -- properties --------------------------------------------------------------------------------

    @property
    def name(self) -> str | None:
        """Path with one leading slash; None for the root."""
        return f"/{self.path}" if self.path else None

    @property
    def basename(self) -> str | None:
        """Last part of the path; None for the root."""
        return self.path.rsplit("/", 1)[-1] if self.path else None

    @property
    def read_only(self) -> bool:
        """Whether changes are refused."""
        return self._state.config.read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        state = self._state
        state.config = replace(state.config, read_only=bool(value))
        self.attrs.read_only = bool(value)

    @property
    def attrs(self) -> Attributes:
        """User attributes: a mapping of JSON values that is written through to the store.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros(3)
        >>> a.attrs["units"] = "K"
        >>> dict(a.attrs)
        {'units': 'K'}
        """
        attributes = self._attributes
        if attributes is None:
            config = self._state.config
            attributes = self._attributes = Attributes(
                self._node.store, read_only=config.read_only, cache=config.cache_attrs, node=self._node
            )
        return attributes

    @property
    def is_view(self) -> bool:
        """Whether this is a view of the data of an array, made by `view` or `astype`."""
        return self._state.is_view

    @property
    def meta_array(self) -> AnyArray:
        """Array that results are allocated like."""
        like: AnyArray | None = self._state.config.meta_array
        return np.empty(()) if like is None else like

    @property
    def write_empty_chunks(self) -> bool:
        """Whether chunks that consist of the fill value are stored."""
        return self._state.config.write_empty_chunks

    @property
    def shape(self) -> Shape:
        """Length of each axis, in elements. Setting it resizes the array."""
        return self.current_state().metadata.shape

    @shape.setter
    def shape(self, value: ShapeLike) -> None:
        self.resize(value)

    @property
    def chunks(self) -> Shape:
        """Length of a chunk along each axis, in elements; if the array has shards, of a chunk in a shard.

        If chunks differ in length, this is the longest; `read_chunk_sizes` has all lengths.
        """
        return self._state.metadata.chunks

    @property
    def read_chunk_sizes(self) -> tuple[tuple[int, ...], ...]:
        """Length of each chunk along each axis, in elements, as dask has it. The last chunk ends with the axis.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.zeros((5, 4), chunks=(2, 4)).read_chunk_sizes
        ((2, 2, 1), (4,))
        """
        metadata = self.current_state().metadata
        axes = zip(metadata.chunk_axes, metadata.shape, strict=True)
        return tuple(tuple(axis.sizes(n)) for axis, n in axes)

    @property
    def shards(self) -> Shape | None:
        """Length of a shard along each axis, in elements; None if each chunk is stored on its own."""
        return self._state.metadata.shards

    @property
    def dtype(self) -> AnyDtype:
        """Data type of the elements."""
        return self._state.dtype

    @property
    def fill_value(self) -> Elements:
        """Value of elements that were never written. Setting it writes the metadata."""
        return self.current_state().metadata.fill_value

    @fill_value.setter
    def fill_value(self, value: Elements) -> None:
        with self._change_lock(), self._node.documents_lock() as lock:
            state, change = self._state_to_change(is_short=True, lock=lock)
            fill_value = state.node.format.normalize_fill_value(state.metadata, value)
            self._save(state.with_metadata(state.metadata.with_fill_value(fill_value)), change)

    @property
    def order(self) -> Literal["C", "F"]:
        """Order of the elements in a chunk: "C" (the last axis varies fastest) or "F" (the first)."""
        return self._state.metadata.order

    @property
    def compressor(self) -> Codec | None:
        """Codec that compresses chunks, or None."""
        return next((s.codec for s in self._state.metadata.chunk_stages if isinstance(s, Compressor)), None)

    @property
    def compression(self) -> str | None:
        """Name of the compressor, or None. h5py has this property too."""
        compressor = self.compressor
        return None if compressor is None else str(compressor.codec_id)

    @property
    def compression_opts(self) -> JSON:
        """Configuration of the compressor, or None. h5py has this property too."""
        compressor = self.compressor
        return None if compressor is None else compressor.get_config()

    @property
    def filters(self) -> list[Codec] | None:
        """Codecs that are applied before the compressor, in the order of encoding, or None."""
        return [s.codec for s in self._state.metadata.chunk_stages if isinstance(s, Filter)] or None

    @property
    def codecs(self) -> list[JSON]:
        """Configurations of all codecs as in the metadata, in the order of encoding."""
        return self._node.format.codecs_of(self._state.metadata)

    @property
    def dimension_names(self) -> tuple[str | None, ...] | None:
        """Name of each axis, None for an axis without a name; None if the metadata have no names."""
        return self._state.metadata.dimension_names

    @property
    def dimension_separator(self) -> str:
        """Separator of the chunk coordinates in a chunk key: "." or "/"."""
        return self._state.metadata.chunk_keys.separator

    # programs of zarr-python 2 use these three names
    _dimension_separator = dimension_separator

    def _chunk_key(self, chunk_coords: Coords) -> Key:
        keys = self._state.metadata.chunk_keys
        name = keys.separator.join(map(str, chunk_coords)) if chunk_coords else keys.scalar
        return keys.prefix(self._node.prefix, len(chunk_coords)) + name

    @property
    def _filters(self) -> list[Codec] | None:
        return self.filters

    @_filters.setter
    def _filters(self, codecs: Sequence[Codec] | None) -> None:
        state = self.current_state()
        self._state = state.as_view(state.metadata.with_filters(list(codecs or ())), decodes_alike=False)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._state.metadata.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Size of an element, in bytes."""
        return self._state.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Size of all elements without compression, in bytes."""
        return self.size * self.itemsize

    @property
    def nbytes_stored(self) -> int:
        """Size of the stored chunks and metadata, in bytes; -1 if the store does not know it."""
        return self._node.nbytes_stored(deep=self.dimension_separator == "/")

    @property
    def cdata_shape(self) -> Shape:
        """Number of chunks along each axis; ``(1,)`` for an array without axes."""
        metadata = self.current_state().metadata
        return tuple(axis.count(n) for axis, n in zip(metadata.chunk_axes, metadata.shape, strict=True)) or (
            1,
        )

    @property
    def nchunks(self) -> int:
        """Number of chunks."""
        return math.prod(self.cdata_shape)

    # -- stored chunks -----------------------------------------------------------------------------

    @property
    def nchunks_initialized(self) -> int:
        """Number of chunks that are stored. If a shard is stored, all its chunks count."""
        from zarrcy.hierarchy.initialized import count_initialized

        state = self.current_state()
        return count_initialized(state.node, state.metadata)

    initialized = nchunks_initialized

    def initialized_chunks(
        self, region: Selection | None = None, part: PartLike | None = None
    ) -> NDArray[np.bool_]:
        """Return which chunks are stored, from one listing of the store.

        A chunk that is stored is not necessarily filled: if a shard is stored, all its chunks count, and a write may
        have covered a part of the chunk only. Chunks that consist of the fill value are not stored if
        ``write_empty_chunks`` is false; such shards are never stored. So a job that was interrupted can't find out
        from this where to continue; `task` and `missing` do that.

        Parameters
        ----------
        region : selection, optional
            Slices of step 1, integers and Ellipsis: only the chunks that hold elements of it; by default all chunks.
        part : tuple of int or str, optional
            Part `k` of `n` of the region, with `k` from 0: ``(k, n)`` or ``"k/n"``. It is what the
            method `region` gives to one of `n` writers. Tasks of a job array can share the work.

        Returns
        -------
        numpy.ndarray of bool
            One element for each chunk: an array of shape `cdata_shape`, or with one element for each chunk of the
            region.

        Raises
        ------
        RegionError
            If the region has a step.
        PlaceError
            If there is no such part.

        See Also
        --------
        Array.nchunks_initialized : Number of chunks that are stored.
        Array.fill_missing : Fill what an interrupted job did not write.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros((4, 6), chunks=2)
        >>> a[2:, :3] = 1
        >>> a.initialized_chunks()
        array([[False, False, False],
               [ True,  True, False]])
        >>> a.initialized_chunks(slice(2, 4), part=(0, 3))
        array([[ True]])
        """
        from zarrcy.hierarchy.initialized import initialized_chunks
        from zarrcy.hierarchy.tasks import extent_of_part

        state = self.current_state()
        return initialized_chunks(state.node, state.metadata, extent_of_part(state, region, part))

    def digest(self, hashname: str = "sha1") -> bytes:
        """Return a checksum over the stored chunks in C order, then the metadata, then the attributes.

        Parameters
        ----------
        hashname : str, optional
            Name of an algorithm of `hashlib`.

        Returns
        -------
        bytes
            The checksum.

        See Also
        --------
        Array.hexdigest : The same as hexadecimal digits.

        Examples
        --------
        >>> import zarrcy
        >>> len(zarrcy.empty(shape=(10000, 10000), chunks=(1000, 1000)).digest())
        20
        """
        from zarrcy.hierarchy.stored_chunks import digest

        state = self.current_state()
        return digest(state.node, state.metadata, hashname)

    def hexdigest(self, hashname: str = "sha1") -> str:
        """Return the checksum of `digest` as hexadecimal digits.

        Parameters
        ----------
        hashname : str, optional
            Name of an algorithm of `hashlib`.

        Returns
        -------
        str
            The checksum.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.empty(shape=(10000, 10000), chunks=(1000, 1000)).hexdigest()
        '041f90bc7a571452af4f850a8ca2c6cddfa8a1ac'
        """
        return self.digest(hashname).hex()

    def cache_info(self) -> CacheInfo:
        """Return the statistics of the cache of decoded chunks, see the option ``cache_bytes`` of `Array`.

        Returns
        -------
        CacheInfo
            Hits, misses, evictions, number of chunks, their size and the largest size, in bytes. All are 0 if the
            array has no cache.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.array([1, 2, 3, 4], chunks=2, cache_bytes=10_000)
        >>> int(a[0]), int(a[1])
        (1, 2)
        >>> a.cache_info()
        CacheInfo(hits=1, misses=1, evictions=0, n_chunks=1, nbytes=272, max_nbytes=10000)
        """
        from zarrcy.chunk_io.chunk_cache import CacheInfo

        view = self._state.cache
        return CacheInfo() if view is None else view.cache.info()

    def verify(
        self, progress: bool = False, *, region: Selection | None = None, part: PartLike | None = None
    ) -> Report:
        """Read and decode every stored chunk, and report what is damaged.

        Parameters
        ----------
        progress : bool, optional
            Show a progress bar.
        region : selection, optional
            Slices of step 1, integers and Ellipsis: check only the stored values that hold elements of it.
        part : tuple of int or str, optional
            Part `k` of `n` of the work, with `k` from 0: ``(k, n)`` or ``"k/n"``, see `zarrcy.verify`.

        Returns
        -------
        Report
            The problems that were found.

        See Also
        --------
        zarrcy.verify : Verify all arrays of a store.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.array([1, 2, 3]).verify().problems
        ()
        """
        from zarrcy import verify

        return verify(
            self.store,
            self.path,
            chunk_store=self._node.own_chunk_store,
            progress=progress,
            region=region,
            part=part,
        )

    # -- report ------------------------------------------------------------------------------------

    @property
    def info(self) -> InfoReport:
        """Report on type, sizes, codecs and storage: text, or a table in a notebook.

        Chunks are counted only if there can be fewer than 10,000 stored values, because all their names are listed.
        `info_complete` always counts. An array in a directory also has a row with the number of its files.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.zeros((100, 100), chunks=50, dtype="i4").info
        Type               : zarrcy.Array
        Data type          : int32
        Shape              : (100, 100)
        Chunk shape        : (50, 50)
        Order              : C
        Read-only          : False
        Compressor         : Blosc(cname='lz4', clevel=5, shuffle=SHUFFLE, blocksize=0)
        Store type         : zarrcy.storage.memory.MemoryStore
        No. bytes          : 40000 (39.1K)
        No. bytes stored   : 337
        Storage ratio      : 118.7
        Chunks initialized : 0/4
        """
        from zarrcy.hierarchy.report import InfoReport, counts_fast, file_rows

        return InfoReport(lambda: self._info_rows(counts_fast(self)) + file_rows(self))

    def info_complete(self) -> InfoReport:
        """Return the report of `info`, in which the stored chunks and bytes are always counted.

        Returns
        -------
        InfoReport
            A report that is made when it is printed.

        See Also
        --------
        info : The report for any number of chunks.

        Examples
        --------
        >>> import zarrcy
        >>> print(repr(zarrcy.zeros(10**6, chunks=10).info_complete()).splitlines()[-1])
        Chunks initialized : 0/100000
        """
        from zarrcy.hierarchy.report import InfoReport, file_rows

        return InfoReport(lambda: self.info_items() + file_rows(self))

    def _info_rows(self, counts: bool) -> Rows:
        from zarrcy.hierarchy.report import array_rows, outdated_rows

        return array_rows(self, counts) + outdated_rows(self._node)

    def info_items(self) -> Rows:
        """Return the rows of `info_complete`.

        Returns
        -------
        list of tuple of str
            Pairs of a label and a value.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.zeros(3).info_items()[0]
        ('Type', 'zarrcy.Array')
        """
        return self._info_rows(counts=True)

    def _repr_html_(self) -> str:
        from zarrcy.hierarchy.report import array_html

        return array_html(self)

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        read_only = " read-only" if self.read_only else ""
        return f"<zarrcy.Array{name} {self.shape} {self.dtype}{read_only}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Array)
            and self.store == other.store
            and self.read_only == other.read_only
            and self.path == other.path
            and not self.is_view
            and not other.is_view
        )

    __hash__ = None  # type: ignore[assignment]

    # -- reading -----------------------------------------------------------------------------------

    def __getitem__(self, selection: Selection) -> Elements:
        # Hot path: as `current_state`, without a call.
        state = self._state
        if state.reloads:
            state = self.current_state()
        return array_indexing.get_selection(state, selection)

    def get_basic_selection(
        self, selection: Selection = Ellipsis, out: AnyArray | None = None, fields: FieldNames = None
    ) -> Elements:
        """Read integers, slices of any step, Ellipsis and newaxis.

        Parameters
        ----------
        selection : int, slice, Ellipsis, None or tuple of these, optional
            The selection, as in NumPy. The default selects all elements.
        out : array, optional
            Array that is filled and returned. It has the shape and data type of the result; if it is not an array of
            NumPy, the result is assigned to ``out[...]``.
        fields : str or list of str, optional
            Fields of a structured array to read. The default reads whole elements.

        Returns
        -------
        numpy.ndarray or scalar
            The elements; a scalar if the selection consists of integers only, as in NumPy.

        Raises
        ------
        SelectionError
            If the selection is not valid for this array.
        ValueError
            If `out` has another shape or data type than the result.
        ChunkDecodeError
            If a stored chunk is damaged.

        See Also
        --------
        Array.set_basic_selection : Write to such a selection.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.array([[1, 2, 3], [4, 5, 6]])
        >>> a.get_basic_selection((slice(None, None, -1), 0))
        array([4, 1])
        """
        return array_indexing.get_basic_selection(self.current_state(), selection, out, fields)

    def get_orthogonal_selection(
        self, selection: Selection, out: AnyArray | None = None, fields: FieldNames = None
    ) -> Elements:
        """Read an outer product: each item selects along one axis, independently of the others.

        Parameters
        ----------
        selection : int, slice, list or array of int or bool, Ellipsis, or tuple of these
            One item for each axis. Axes that are left out are selected as a whole.
        out : array, optional
            Array that is filled and returned. It has the shape and data type of the result; if it is not an array of
            NumPy, the result is assigned to ``out[...]``.
        fields : str or list of str, optional
            Fields of a structured array to read. The default reads whole elements.

        Returns
        -------
        numpy.ndarray or scalar
            The elements.

        Raises
        ------
        SelectionError
            If the selection is not valid for this array.

        See Also
        --------
        Array.oindex : The same with brackets.
        Array.set_orthogonal_selection : Write to such a selection.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
        >>> a.get_orthogonal_selection(([2, 0], [True, False, True]))
        array([[7, 9],
               [1, 3]])
        """
        return array_indexing.get_orthogonal_selection(self.current_state(), selection, out, fields)

    def get_coordinate_selection(
        self, selection: Selection, out: AnyArray | None = None, fields: FieldNames = None
    ) -> Elements:
        """Read points, given by their coordinates.

        Parameters
        ----------
        selection : int, list or array of int, or tuple of these
            The coordinates along each axis. They are broadcast against each other.
        out : array, optional
            Array that is filled and returned. It has the shape and data type of the result; if it is not an array of
            NumPy, the result is assigned to ``out[...]``.
        fields : str or list of str, optional
            Fields of a structured array to read. The default reads whole elements.

        Returns
        -------
        numpy.ndarray
            The elements, in the shape of the broadcast coordinates.

        Raises
        ------
        VindexInvalidSelectionError
            If the selection does not consist of coordinates.
        BoundsCheckError
            If a coordinate is beyond the end of its axis.

        See Also
        --------
        Array.vindex : The same with brackets.
        Array.set_coordinate_selection : Write to points.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.array([[1, 2, 3], [4, 5, 6]])
        >>> a.get_coordinate_selection(([0, 1, -1], [2, 0, 0]))
        array([3, 4, 4])
        """
        return array_indexing.get_coordinate_selection(self.current_state(), selection, out, fields)

    def get_mask_selection(
        self, selection: Selection, out: AnyArray | None = None, fields: FieldNames = None
    ) -> AnyArray:
        """Read the elements where a Boolean mask is true, in C order.

        Parameters
        ----------
        selection : array_like of bool
            The mask. It has the shape of the array.
        out : array, optional
            Array that is filled and returned. It has the shape and data type of the result; if it is not an array of
            NumPy, the result is assigned to ``out[...]``.
        fields : str or list of str, optional
            Fields of a structured array to read. The default reads whole elements.

        Returns
        -------
        numpy.ndarray
            The elements, along one axis.

        Raises
        ------
        SelectionError
            If the mask has another shape, or its elements are not Boolean.

        See Also
        --------
        Array.set_mask_selection : Write to such a selection.

        Examples
        --------
        >>> import numpy as np, zarrcy
        >>> zarrcy.array([1, 2, 3]).get_mask_selection(np.array([True, False, True]))
        array([1, 3])
        """
        return array_indexing.get_mask_selection(self.current_state(), selection, out, fields)

    def get_block_selection(
        self, selection: Selection, out: AnyArray | None = None, fields: FieldNames = None
    ) -> Elements:
        """Read whole chunks, given by their coordinates in the chunk grid.

        Parameters
        ----------
        selection : int, slice, Ellipsis, or tuple of these
            Chunk coordinates along each axis; the step of a slice is 1.
        out : array, optional
            Array that is filled and returned. It has the shape and data type of the result; if it is not an array of
            NumPy, the result is assigned to ``out[...]``.
        fields : str or list of str, optional
            Fields of a structured array to read. The default reads whole elements.

        Returns
        -------
        numpy.ndarray
            The elements of the chunks, as far as they are inside the array.

        Raises
        ------
        BoundsCheckError
            If a coordinate is beyond the last chunk.
        SelectionError
            If the selection is not valid for this array.

        See Also
        --------
        Array.blocks : The same with brackets.
        Array.set_block_selection : Write whole chunks.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.array([1, 2, 3, 4, 5], chunks=2).get_block_selection(-1)
        array([5])
        """
        return array_indexing.get_block_selection(self.current_state(), selection, out, fields)

    @property
    def oindex(self) -> OIndex:
        """Orthogonal selections with brackets: see `get_orthogonal_selection`.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.array([[1, 2, 3], [4, 5, 6]]).oindex[[1, 0], [2, 0]]
        array([[6, 4],
               [3, 1]])
        """
        from zarrcy.hierarchy.accessors import OIndex

        return OIndex(self)

    @property
    def vindex(self) -> VIndex:
        """Points and masks with brackets: see `get_coordinate_selection` and `get_mask_selection`.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.array([[1, 2, 3], [4, 5, 6]]).vindex[[1, 0], [2, 0]]
        array([6, 1])
        """
        from zarrcy.hierarchy.accessors import VIndex

        return VIndex(self)

    @property
    def blocks(self) -> BlockIndex:
        """Whole chunks with brackets: see `get_block_selection`.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.array([1, 2, 3, 4, 5], chunks=2).blocks[1]
        array([3, 4])
        """
        from zarrcy.hierarchy.accessors import BlockIndex

        return BlockIndex(self)

    def explain(self, selection: Selection = Ellipsis) -> Explanation:
        """Explain what ``a[selection]`` would do, without reading a chunk.

        The selection is planned as for a read. Sizes are reported if the store knows them without a request over a
        network. If parts of Blosc chunks or of shards would be read, the headers or shard indexes of some dozens of
        them are read. ``a.oindex``, ``a.vindex`` and ``a.blocks`` have this method too.

        Parameters
        ----------
        selection : int, slice, list, array, Ellipsis, None, str or tuple of these, optional
            The selection, as in brackets. The default selects all elements.

        Returns
        -------
        Explanation
            Numbers of chunks, bytes and byte ranges, native or fallback path and the reason, and threads. It prints
            as a table.

        Raises
        ------
        SelectionError
            If the selection is not valid for this array.

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
        Path           : native
        Threads        : ...
        """
        from zarrcy.hierarchy.explain import explain_read

        return explain_read(
            self.current_state(), lambda state: array_indexing.get_selection(state, selection)
        )

    def __len__(self) -> int:
        shape = self.shape
        if not shape:
            raise TypeError("len() of unsized object: the array has no axes")
        return int(shape[0])

    def __iter__(self) -> Iterator[Elements]:
        return self.islice()

    def islice(self, start: int | None = None, end: int | None = None) -> Iterator[Elements]:
        """Return an iterator over rows. Each chunk is decoded once, and none outside the range.

        Parameters
        ----------
        start, end : int, optional
            The range of rows. The default is the whole array.

        Returns
        -------
        iterator of numpy.ndarray or scalar
            The rows, in order.

        Raises
        ------
        TypeError
            If the array has no axes.
        ValueError
            If `start` or `end` is negative or not an integer.

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

    def _rows(self, first: int, last: int) -> Iterator[Elements]:
        axis = self._state.metadata.chunk_axes[0]
        while first < last:
            stop = min(last, axis.start_of(axis.chunk_at(first) + 1))
            yield from self[first:stop]
            first = stop

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> AnyArray:
        if copy is False:
            raise ValueError("an array in a store cannot be converted without a copy; leave out copy=False")
        values: AnyArray = np.asarray(self[...])
        return values if dtype is None else values.astype(dtype, copy=False)

    # -- writing -----------------------------------------------------------------------------------

    def __setitem__(self, selection: Selection, value: Elements) -> None:
        array_indexing.set_selection(self._state_to_write(), selection, value)

    def set_basic_selection(self, selection: Selection, value: Elements, fields: FieldNames = None) -> None:
        """Write to integers, slices of any step, Ellipsis and newaxis.

        Parameters
        ----------
        selection : int, slice, Ellipsis, None or tuple of these
            The selection, as in NumPy.
        value : scalar or array_like
            The value. It is broadcast to the shape of the selection, and cast to the data type of the array.
        fields : str, optional
            Field of a structured array to write. The default writes whole elements.

        Raises
        ------
        ReadOnlyError
            If the array is read-only.
        SelectionError
            If the selection is not valid for this array.
        ValueShapeError
            If the value does not fit the selection. Nothing was written then.

        See Also
        --------
        Array.get_basic_selection : Read such a selection.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros((2, 3))
        >>> a.set_basic_selection((slice(None), 1), [5, 6])
        >>> a[:]
        array([[0., 5., 0.],
               [0., 6., 0.]])
        """
        array_indexing.set_basic_selection(self._state_to_write(), selection, value, fields)

    def set_orthogonal_selection(
        self, selection: Selection, value: Elements, fields: FieldNames = None
    ) -> None:
        """Write to an outer product: each item selects along one axis, independently of the others.

        Parameters
        ----------
        selection : int, slice, list or array of int or bool, Ellipsis, or tuple of these
            One item for each axis. Axes that are left out are selected as a whole.
        value : scalar or array_like
            The value, as for `set_basic_selection`.
        fields : str, optional
            Field of a structured array to write. The default writes whole elements.

        Raises
        ------
        ReadOnlyError
            If the array is read-only.
        SelectionError
            If the selection is not valid for this array.
        ValueShapeError
            If the value does not fit the selection. Nothing was written then.

        See Also
        --------
        Array.get_orthogonal_selection : Read such a selection.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros((3, 3), dtype="i4")
        >>> a.set_orthogonal_selection(([0, 2], [0, 2]), 1)
        >>> a[:].tolist()
        [[1, 0, 1], [0, 0, 0], [1, 0, 1]]
        """
        array_indexing.set_orthogonal_selection(self._state_to_write(), selection, value, fields)

    def set_coordinate_selection(
        self, selection: Selection, value: Elements, fields: FieldNames = None
    ) -> None:
        """Write to points, given by their coordinates. If a point occurs twice, the last value remains.

        Parameters
        ----------
        selection : int, list or array of int, or tuple of these
            The coordinates along each axis. They are broadcast against each other.
        value : scalar or array_like
            The value, as for `set_basic_selection`.
        fields : str, optional
            Field of a structured array to write. The default writes whole elements.

        Raises
        ------
        ReadOnlyError
            If the array is read-only.
        VindexInvalidSelectionError
            If the selection does not consist of coordinates.
        BoundsCheckError
            If a coordinate is beyond the end of its axis.
        ValueShapeError
            If the value does not fit the selection. Nothing was written then.

        See Also
        --------
        Array.get_coordinate_selection : Read points.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros((2, 2), dtype="i4")
        >>> a.set_coordinate_selection(([0, 1], [1, 0]), [5, 6])
        >>> a[:].tolist()
        [[0, 5], [6, 0]]
        """
        array_indexing.set_coordinate_selection(self._state_to_write(), selection, value, fields)

    def set_mask_selection(self, selection: Selection, value: Elements, fields: FieldNames = None) -> None:
        """Write to the elements where a Boolean mask is true.

        Parameters
        ----------
        selection : array_like of bool
            The mask. It has the shape of the array.
        value : scalar or array_like
            The value, as for `set_basic_selection`; the selection has one axis.
        fields : str, optional
            Field of a structured array to write. The default writes whole elements.

        Raises
        ------
        ReadOnlyError
            If the array is read-only.
        SelectionError
            If the mask has another shape, or its elements are not Boolean.
        ValueShapeError
            If the value does not fit the selection. Nothing was written then.

        See Also
        --------
        Array.get_mask_selection : Read such a selection.

        Examples
        --------
        >>> import numpy as np, zarrcy
        >>> a = zarrcy.array([1, 2, 3])
        >>> a.set_mask_selection(np.array([True, False, True]), [7, 8])
        >>> a[:].tolist()
        [7, 2, 8]
        """
        array_indexing.set_mask_selection(self._state_to_write(), selection, value, fields)

    def set_block_selection(self, selection: Selection, value: Elements, fields: FieldNames = None) -> None:
        """Write whole chunks, given by their coordinates in the chunk grid.

        Parameters
        ----------
        selection : int, slice, Ellipsis, or tuple of these
            Chunk coordinates along each axis; the step of a slice is 1.
        value : scalar or array_like
            The value, as for `set_basic_selection`.
        fields : str, optional
            Field of a structured array to write. The default writes whole elements.

        Raises
        ------
        ReadOnlyError
            If the array is read-only.
        BoundsCheckError
            If a coordinate is beyond the last chunk.
        SelectionError
            If the selection is not valid for this array.
        ValueShapeError
            If the value does not fit the selection. Nothing was written then.

        See Also
        --------
        Array.get_block_selection : Read whole chunks.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros(5, chunks=2, dtype="i4")
        >>> a.set_block_selection(1, 7)
        >>> a[:].tolist()
        [0, 0, 7, 7, 0]
        """
        array_indexing.set_block_selection(self._state_to_write(), selection, value, fields)

    # -- regions for parallel writers --------------------------------------------------------------

    def write_regions(self, n: int) -> list[Region]:
        """Cut the array into `n` regions that parallel writers can fill without locks.

        The cuts follow the write grid: chunk borders, or shard borders if the array has shards. The regions have
        about equally many elements.

        Parameters
        ----------
        n : int
            Number of regions, at least 1. If the write grid has fewer cells, the last regions are empty.

        Returns
        -------
        list of tuple of slice
            One selection for each writer. They are disjoint and cover the array once.

        Raises
        ------
        ValueError
            If `n` is less than 1, or if `n` is more than 1 and the array has no axes.

        See Also
        --------
        Array.region : The region of one writer.
        Array.check_regions : Check other regions.

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
            raise ValueError(f"n is {n}; the number of regions must be 1 or more")
        if n > _MOST_REGIONS:
            raise ValueError(
                f"n is {n}; a list has at most {_MOST_REGIONS} regions. `region(rank, n)` returns one of them"
            )
        if n > 1 and not self.ndim:
            raise ValueError(f"an array without axes cannot be cut into {n} regions")
        from zarrcy.indexing import regions

        return regions.cut(self.shape, self._state.metadata.stored_axes, n)

    def region(
        self, rank: SupportsIndex | Communicator | None = None, size: SupportsIndex | None = None
    ) -> Region:
        """Return the region of one of several parallel writers: ``write_regions(size)[rank]``.

        Parameters
        ----------
        rank : int or communicator, optional
            Number of the writer, from 0, as in MPI; or a communicator of mpi4py, which knows both numbers. By default
            both are found as `task` finds them. Without a scheduler or launcher there is one writer.
        size : int, optional
            Number of writers.

        Returns
        -------
        tuple of slice
            The selection that this writer fills.

        Raises
        ------
        PlaceError
            If `rank` is negative, or not less than `size`, or if what a scheduler says is not enough.
        ValueError
            If there are several writers, and the array has no axes.

        See Also
        --------
        Array.task : The same for a writer that may be killed and started again.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.zeros(10, chunks=4).region(1, 2)
        (slice(4, 10, None),)
        """
        from zarrcy.indexing import regions
        from zarrcy.sync.ranks import place_of

        number, of = place_of(rank, size)
        if of > 1 and not self.ndim:
            raise ValueError(f"an array without axes cannot be cut into {of} regions")
        return regions.cut_one(self.shape, self._state.metadata.stored_axes, of, number)

    def pieces(self, region: Selection | None = None, n: SupportsIndex | None = None) -> Sequence[Region]:
        """Return the parts of a region that follow the write grid.

        Parameters
        ----------
        region : selection, optional
            Slices of step 1, integers and Ellipsis; the whole array by default.
        n : int, optional
            Most parts; they have about equally many elements. By default each part lies in one stored value: a chunk,
            or a shard if the array has shards.

        Returns
        -------
        sequence of tuple of slice
            Selections, none of them empty, in C order. They are disjoint and cover the region. No two of them hold
            elements of one stored value.

        Raises
        ------
        RegionError
            If the region has a step.
        ValueError
            If `n` is less than 1.

        See Also
        --------
        Array.write_regions : The same for the whole array, with empty regions if there are not enough values.
        Array.missing : The parts that are not done yet.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros((5, 100), chunks=(2, 100))
        >>> len(a.pieces()), a.pieces(slice(1, 4))
        (3, [(slice(1, 2, None), slice(0, 100, None)), (slice(2, 4, None), slice(0, 100, None))])
        """
        from zarrcy.hierarchy import tasks

        return tasks.pieces(self.current_state(), region, None if n is None else operator.index(n))

    def missing(self, region: Selection | None = None, *, name: str = "fill") -> Sequence[Region]:
        """Return the parts of a region that no task has recorded as written.

        Only `task` and `fill_missing` record what they write, so without a record everything is missing, whatever is
        stored: a stored chunk may hold a part of its elements only, and a chunk of the fill value may not be stored.
        After `finish`, or if the array was resized or replaced, everything is missing again.

        Parameters
        ----------
        region : selection, optional
            Slices of step 1, integers and Ellipsis; the whole array by default.
        name : str, optional
            Name of the job.

        Returns
        -------
        sequence of tuple of slice
            Selections in C order, each in one stored value. They are disjoint, and computed when they are asked for.

        Raises
        ------
        RegionError
            If the region has a step.

        See Also
        --------
        Array.fill_missing : Fill these parts.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros(10, chunks=4)
        >>> with a.task(0, 2) as task:
        ...     for region in task.remaining():
        ...         task.write(region, 1)
        >>> a.missing()
        [(slice(4, 8, None),), (slice(8, 10, None),)]
        """
        from zarrcy.hierarchy import tasks

        return tasks.missing(self._state_to_resume(), region, name)

    def task(
        self,
        k: SupportsIndex | Communicator | None = None,
        n: SupportsIndex | None = None,
        *,
        region: Selection | None = None,
        name: str = "fill",
        every: float = 5.0,
    ) -> Task:
        """Return one of `n` tasks that together fill the array, each of which may be killed and started again.

        Use it in a ``with`` block, iterate over `Task.remaining`, and pass each region and its elements to
        `Task.write`. When all tasks have ended, the array holds exactly what was passed, however often they were
        killed, in any layout, also if another number of tasks continues the work. This needs that:

        * the elements passed for a region are the same each time, so they do not depend on elements that the same job
          overwrites;
        * no other program writes to the regions meanwhile;
        * two tasks that run at the same time do not write to one stored value, unless the array is in a directory or
          in an object store with conditional puts, or they share a synchronizer. The tasks that `k` and `n` number
          never do.

        Records of progress lie below ``.zarrcy-progress/`` at the path of the array, one document for each task.
        `finish` removes them. A second pass over an array that is filled needs `finish` first, or another `name`.

        Parameters
        ----------
        k : int or communicator, optional
            Number of the task, from 0; or a communicator of mpi4py, which knows both numbers. By default both are
            found: the task of a job array (Slurm, LSF, Grid Engine; PBS does not say how many tasks there are, so pass
            `n`), times the ranks of its program (mpi4py, Open MPI, MPICH, Intel MPI, MVAPICH, srun), or the worker of
            dask that runs the call. Otherwise there is one task.
        n : int, optional
            Number of tasks.
        region : selection, optional
            Slices of step 1, integers and Ellipsis: what the tasks fill together; the whole array by default. Tasks of
            regions that cut through one stored value need locks of files, conditional puts or a synchronizer.
        name : str, optional
            Name of the job: records of jobs with other names do not count.
        every : float, optional
            Seconds between two records. What was written since the last one is written again after a kill.

        Returns
        -------
        Task
            The task.

        Raises
        ------
        PlaceError
            If `k` is negative, or not less than `n`, or if what a scheduler says is not enough.
        ReadOnlyError
            If the array is read-only.
        ViewError
            If the array is a view.
        NotErasableError
            If the store can't delete keys, as a zip archive.

        See Also
        --------
        Array.fill_missing : The loop over the remaining regions.
        Array.finish : Remove the records.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros((4, 6), chunks=2)
        >>> for k in range(2):
        ...     with a.task(k, 2) as task:
        ...         for rows, columns in task.remaining():
        ...             task.write((rows, columns), rows.start)
        >>> a[:, 0]
        array([0., 0., 2., 2.])
        >>> a.finish()
        """
        from zarrcy.hierarchy import tasks
        from zarrcy.sync.ranks import place_of

        refuse_read_only(self.read_only, self.path)
        return tasks.open_task(self._state_to_resume(), place_of(k, n), region, name, every)

    def fill_missing(
        self,
        fn: Callable[[Region], Elements],
        region: Selection | None = None,
        *,
        progress: bool | Callable[[int, int], object] = False,
        on_error: Literal["raise", "skip"] | Callable[[Region, Exception], object] = "raise",
        name: str = "fill",
    ) -> list[Region]:
        """Compute and write the regions that no task has recorded as written: see `task` for what it guarantees.

        Parameters
        ----------
        fn : callable
            Takes a region, a tuple of slices, and returns its elements.
        region : selection, optional
            Slices of step 1, integers and Ellipsis. By default, the part of this process as `task` finds it: the
            whole array if the process is not one of several tasks.
        progress : bool or callable, optional
            True for a progress bar on a terminal; or a function that gets the number of regions that are done, and of
            those that were missing.
        on_error : {"raise", "skip"} or callable, optional
            What happens if `fn` or the write raises an exception: "raise" (the default) ends the call, "skip" goes on
            with the next region, a function is called with the region and the exception, and then the call goes on.
        name : str, optional
            Name of the job.

        Returns
        -------
        list of tuple of slice
            Regions that failed; they are still missing. Empty unless `on_error` is passed.

        Raises
        ------
        ReadOnlyError
            If the array is read-only.
        ViewError
            If the array is a view.

        See Also
        --------
        Array.task : The same for more than one process.
        Array.missing : The regions that are missing.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros(10, chunks=4)
        >>> a.fill_missing(lambda region: range(region[0].start, region[0].stop))
        []
        >>> a[:]
        array([0., 1., 2., 3., 4., 5., 6., 7., 8., 9.])
        """
        from zarrcy.hierarchy import tasks

        if region is None:
            task = self.task(name=name)
        else:
            task = self.task(0, 1, region=region, name=name)
        return tasks.fill(task, self.itemsize, fn, progress, on_error)

    def finish(self, region: Selection | None = None, *, name: str = "fill", force: bool = False) -> None:
        """Remove the records of progress of a job that is complete.

        Parameters
        ----------
        region : selection, optional
            What the job filled; the whole array by default.
        name : str, optional
            Name of the job.
        force : bool, optional
            Remove the records also if parts of the region are missing.

        Raises
        ------
        MissingPiecesError
            If parts of the region are missing, and `force` is false. Nothing is removed then.
        ReadOnlyError
            If the array is read-only.
        ViewError
            If the array is a view.

        See Also
        --------
        Array.missing : The parts that are missing.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros(10, chunks=4)
        >>> a.fill_missing(lambda region: 7)
        []
        >>> a.finish()
        """
        from zarrcy.hierarchy import tasks

        refuse_read_only(self.read_only, self.path)
        tasks.finish(self._state_to_resume(), region, name, force)

    def _state_to_resume(self) -> ArrayState:
        """Load the metadata, which another process may have changed, and return the state with them."""
        if self._state.is_view:
            raise ViewError(self.path)
        state = self._state = self._state.reloaded(self._node.load_array(past_caches=True))
        return state

    def check_regions(self, parts: Iterable[Selection]) -> None:
        """Raise an error if regions cannot be written in parallel without locks.

        Parameters
        ----------
        parts : iterable of selections
            Integers, slices and Ellipsis, or tuples of these, as for ``a[part] = ...``.

        Raises
        ------
        RegionError
            If a region covers a chunk, or a shard, only in part, or overlaps another region. The message names the
            nearest slices that are safe.
        SelectionError
            If a part is not such a selection.

        See Also
        --------
        Array.write_regions : Get regions that are safe.

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

        state = self.current_state()
        boxes = [selections.normalize_basic(state.planner, part, state.grid)[0] for part in parts]
        extents, sparse = [], []
        for number, box in enumerate(boxes):
            ranges = list(zip(box.starts, box.counts, box.steps, strict=True))
            extents.append(
                tuple((start, start + (n - 1) * step + 1 if n else start) for start, n, step in ranges)
            )
            if any(n > 1 and step > 1 for _, n, step in ranges) and 0 not in box.counts:
                sparse.append(number)
        regions.check(extents, state.metadata.shape, state.metadata.stored_axes, sparse)

    # -- changing metadata and shape ---------------------------------------------------------------

    def _change_lock(self) -> AbstractContextManager[object]:
        """Return the lock that is held from before the metadata are loaded until after they are written.

        Raises
        ------
        ViewError
            If the array is a view.
        ReadOnlyError
            If the array is read-only.
        """
        state = self._state
        if state.is_view:
            raise ViewError(self.path)
        refuse_read_only(state.config.read_only or not access.is_writeable(state.node.store), self.path)
        return state.node.change_lock(state.node.metadata_key)

    def _state_to_change(
        self, is_short: bool = False, lock: object = None
    ) -> tuple[ArrayState, DocumentChange]:
        """Load the metadata, which another writer may have changed, and return the state with them.

        The caller holds the lock of `_change_lock` and, for a short change, also that of the documents. It passes the
        latter, or the former if the documents will be written more than once.
        """
        # reading does not need this import
        from zarrcy.hierarchy.document_change import DocumentChange

        change = DocumentChange(self._node, is_short, lock)
        state = self._state = self._state.reloaded(change.load_array())
        return state, change

    def _save(self, state: ArrayState, change: DocumentChange) -> None:
        """Write the metadata of a new state, and make it the state of the array.

        Whatever interrupts this, the array shows what is stored: it has an outdated state meanwhile.
        """
        self._state = self._state.outdated()
        change.save_array(state.metadata)
        if state.cache is not None:
            state.cache.cache.clear()
        self._state = state

    def resize(self, *args: SupportsIndex | Iterable[SupportsIndex | None] | None) -> None:
        """Change the shape. New elements have the fill value, and chunks outside the new shape are deleted.

        Parameters
        ----------
        *args : int, None, or tuple of int or None
            The new shape, as one tuple or as one argument for each axis, in elements. None keeps the length of an
            axis.

        Raises
        ------
        ReadOnlyError
            If the array is read-only.
        ViewError
            If the array is a view.
        ValueError
            If the new shape has another number of axes, or a negative length.
        NotErasableError
            If stored chunks would have to be deleted, and the store cannot delete. Nothing has changed then.
        ChunkDecodeError
            If a stored chunk at the edge of the array, which is cleared in part, is damaged.

        See Also
        --------
        Array.append : Add data at the end of an axis.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.ones((4, 4), chunks=2)
        >>> a.resize(2, None)
        >>> a.shape
        (2, 4)
        """
        with self._change_lock() as lock:
            state, change = self._state_to_change(lock=lock)
            shape = _new_shape(args, state.metadata.shape)
            resized = state.metadata.with_shape(shape)
            if shape != state.metadata.shape:
                if any(map(int.__lt__, shape, state.metadata.shape)):
                    from zarrcy.hierarchy.progress_records import forget_progress

                    forget_progress(state.node, state.metadata)
                from zarrcy.hierarchy.resizing import clear_outside

                # what it changes in stored values is not known to open chunk I/O
                self._state = state.outdated()
                if state.cache is not None:
                    state.cache.cache.clear()
                try:
                    clear_outside(state, shape, change)
                except (NotErasableError, ChunkDecodeError):
                    # nothing has changed
                    self._state = state
                    raise
            self._save(state.with_metadata(resized), change)
        self._keep_lengths_of_nczarr(state.metadata.shape)

    def _keep_lengths_of_nczarr(self, old: Shape) -> None:
        """State the new lengths where netCDF-C, if it wrote the array, looks for them."""
        metadata = self._state.metadata
        if metadata.shape == old:
            return
        places: list[Mapping[str, JSON]] = [metadata.extra_fields]
        if access.directory_of(self._node.store) is not None:
            # netCDF-C writes files; elsewhere this would cost a request
            places.append(self.attrs)
        for members in places:
            if "_nczarr_array" in members or "_NCZARR_ARRAY" in members:
                from zarrcy.hierarchy.nczarr import update_lengths

                update_lengths(self._node, members, old, metadata.shape)
                return

    def append(self, data: Elements, axis: int = 0) -> Shape:
        """Add `data` at the end of an axis.

        The chunks are written first and the shape last: another reader sees the old array or the new one.

        Parameters
        ----------
        data : array_like
            The elements. Along all axes but `axis` they have the length of the array.
        axis : int, optional
            The axis that grows.

        Returns
        -------
        tuple of int
            The new shape, in elements.

        Raises
        ------
        ReadOnlyError
            If the array is read-only.
        ViewError
            If the array is a view.
        ValueError
            If the shape of `data` does not fit.

        See Also
        --------
        Array.resize : Change the shape.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.array([1, 2])
        >>> a.append([3])
        (3,)
        """
        with self._change_lock():
            state, change = self._state_to_change()
            values = data if hasattr(data, "shape") else np.asarray(data)
            old = state.metadata.shape
            grown = _grown_shape(old, values.shape, axis)
            axis %= len(old)
            resized = state.metadata.with_shape(grown)
            grid = state.planner.Grid(grown, state.grid.chunk_shape)
            key = (slice(None),) * axis + (slice(old[axis], grown[axis]),)
            box = state.planner.parse_box(key, grid)
            assert box is not None, "the key consists of slices"
            array_indexing.write(state, state.planner.split_outer(box, grid), box.shape, values)
            self._save(state.with_shape(resized), change)
        self._keep_lengths_of_nczarr(old)
        return grown

    # -- views -------------------------------------------------------------------------------------

    def view(
        self,
        shape: ShapeLike | None = None,
        chunks: Lengths = None,
        dtype: DTypeLike | None = None,
        fill_value: Elements = None,
        filters: Iterable[Codec | JSON] | None = None,
        read_only: bool | None = None,
        synchronizer: Synchronizer | None = None,
    ) -> Array:
        """Return a view of the same stored chunks that decodes or arranges them in another way.

        A view cannot be resized.

        Parameters
        ----------
        shape : int or tuple of int, optional
            Shape of the view, in elements. The default is the shape of the array.
        chunks : int or tuple of int, optional
            Chunk shape of the view, in elements. A chunk of the view has as many elements as a stored chunk.
        dtype : data-type, optional
            Data type of the view. Its elements have the same size, unless `filters` change it.
        fill_value : scalar, optional
            Value of elements whose chunk is not stored.
        filters : iterable of codec, optional
            Codecs that decode instead of the filters of the array.
        read_only : bool, optional
            Refuse changes. The default is that of the array.
        synchronizer : mapping, optional
            Gives the locks of parallel writers. The default is that of the array.

        Returns
        -------
        Array
            The view.

        Raises
        ------
        ValueError
            If a chunk of the view would have another size than a stored chunk.

        See Also
        --------
        Array.astype : Convert elements when they are read.

        Examples
        --------
        >>> import numpy as np, zarrcy
        >>> a = zarrcy.array(np.array([1, 0, 2], "u1"))
        >>> a.view(dtype=bool)[:]
        array([ True, False,  True])
        """
        state = self.current_state()
        stored = state.metadata
        if stored.rectilinear_axes is not None and not (shape is None and chunks is None):
            raise ValueError(
                "the chunks of the array differ in length, so a view cannot have another shape; "
                "leave out shape and chunks"
            )
        seen = stored if filters is None else stored.with_filters([as_codec(codec) for codec in filters])
        seen = replace(
            seen,
            shape=seen.shape if shape is None else normalize_shape(shape),
            dtype=seen.dtype if dtype is None else np.dtype(dtype),
        )
        if chunks is not None:
            if stored.shards is not None:
                raise ValueError("a view of an array with shards cannot have other chunks; leave out chunks")
            seen = replace(seen, chunk_shape=normalize_chunks(chunks, seen.shape, seen.dtype.itemsize))
        fill = stored.fill_value_or_zero if fill_value is None else fill_value
        if fill is not None and (fill_value is not None or dtype is not None):
            seen = seen.with_fill_value(np.asarray(fill).astype(seen.dtype)[()])
        stored_nbytes, seen_nbytes = (
            math.prod(metadata.chunk_shape) * metadata.dtype.itemsize for metadata in (stored, seen)
        )
        if filters is None and seen_nbytes != stored_nbytes:
            raise ValueError(
                f"a view with chunks of {seen_nbytes} bytes; the stored chunks have {stored_nbytes} bytes"
            )
        view = type(self).from_state(
            state.as_view(
                seen,
                read_only=read_only,
                synchronizer=synchronizer,
                decodes_alike=dtype is None and filters is None,
            )
        )
        # attributes of a subclass
        for name, value in vars(self).copy().items():
            if name not in vars(view):
                setattr(view, name, value)
        return view

    def astype(self, dtype: DTypeLike) -> Array:
        """Return a read-only view whose elements are converted when they are read.

        Parameters
        ----------
        dtype : data-type
            Data type of the view.

        Returns
        -------
        Array
            The view.

        See Also
        --------
        Array.view : Decode or arrange the chunks in another way.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.array([1.7, 2.2]).astype("i4")[:]
        array([1, 2], dtype=int32)
        """
        import numcodecs  # most programs that read do not need it

        from zarrcy.codecs.texts import AsText, is_text

        stored = self.current_state().dtype
        if is_text(dtype):
            # the elements of texts of any length are objects
            filters = [] if stored.kind == "O" else [AsText(stored)]
            return self.view(dtype=object, filters=[*filters, *(self.filters or ())], read_only=True)
        dtype = np.dtype(dtype)
        convert = numcodecs.AsType(encode_dtype=stored, decode_dtype=dtype)
        return self.view(dtype=dtype, filters=[convert, *(self.filters or ())], read_only=True)


for _name in ZARR3_ARRAY:
    setattr(Array, _name, Zarr3Attribute("arrays", _name))


def _new_shape(args: tuple[Option, ...], old: Shape) -> Shape:
    """Return the shape that the arguments of `Array.resize` mean."""
    lengths: Option = args[0] if len(args) == 1 else args
    lengths = (lengths,) if np.ndim(lengths) == 0 else tuple(lengths)
    if len(lengths) != len(old):
        raise ValueError(f"new shape {lengths} must have the {len(old)} axes of the old one, {old}")
    return normalize_shape(tuple(b if a is None else a for a, b in zip(lengths, old, strict=True)))


def _grown_shape(old: Shape, added: Shape, axis: int) -> Shape:
    """Return the shape of an array after data of shape `added` are appended along an axis.

    Raises
    ------
    ValueError
        If the data do not fit.
    """
    if len(added) != len(old) or not -len(old) <= axis < len(old):
        raise ValueError(f"data of shape {added} can't be appended to shape {old} along axis {axis}")
    axis %= len(old)
    if any(i != axis and n != m for i, (n, m) in enumerate(zip(added, old, strict=True))):
        raise ValueError(f"data of shape {added} do not fit shape {old}: all axes but {axis} must agree")
    return (*old[:axis], old[axis] + added[axis], *old[axis + 1 :])


def _open_again(kind: type[Array], node: Node, config: ArrayConfig, seen: ArrayMetadata | None) -> Array:
    """Open an array that was pickled. `seen` is what a view makes of the metadata; None for an array."""
    state = open_state(node, config, node.load_array())
    return kind.from_state(state if seen is None else state.as_view(seen))
