"""Functions that create arrays, and open them: `create`, `open_array`, and short forms such as `zeros`."""

from __future__ import annotations

import os
import warnings
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Unpack

import numpy as np

from zarrcy import settings
from zarrcy.codecs.configured import actual, get_codec
from zarrcy.errors import ArrayNotFoundError, BadCompressorError, ContainsArrayError, ContainsGroupError
from zarrcy.hierarchy.array_state import open_state
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.node import Node
from zarrcy.indexing.chunk_shapes import Lengths, ShapeLike, normalize_chunks, normalize_shape
from zarrcy.metadata import NodeEntry, asked_format, is_draft
from zarrcy.metadata.v2.dtypes import packed
from zarrcy.settings import ExtraOptions, array_config, take_options
from zarrcy.storage import access
from zarrcy.storage.local.atomic_files import partial_ending
from zarrcy.storage.store_argument import normalize_store_arg, open_store
from zarrcy.sync.key_locks import TemporaryFile
from zarrcy.types import (
    JSON,
    AnyArray,
    AnyDtype,
    Elements,
    Option,
    Shape,
    Store,
    StoreLike,
    Synchronizer,
    ZarrFormat,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from zarrcy.storage.draft_transformers import StorageTransformer

_OBJECT_TYPES = {
    **dict.fromkeys((str, "str", "T"), "vlen-utf8"),
    **dict.fromkeys((bytes, "bytes"), "vlen-bytes"),
}
# The class of NumPy's own texts of any length; NumPy 1 does not have it.
_StringDType = getattr(getattr(np, "dtypes", None), "StringDType", None)
_MODES = ("r", "r+", "a", "w", "w-", "x")
# Elements of a larger array of zarrcy, in bytes, are copied piece by piece instead of loaded at once.
_MOST_LOADED = 32 * 2**20
_NOT_GIVEN: Option = object()
# Arguments of h5py's `create_dataset` that say how HDF5 stores a dataset.
# fmt: off
_ONLY_HDF5 = {
    "allow_unknown_filter", "dcpl", "dapl", "efile_prefix", "external", "fill_time", "fletcher32",
    "maxshape", "rdcc_nbytes", "rdcc_nslots", "rdcc_w0", "scaleoffset", "shuffle", "track_order",
    "track_times", "virtual_prefix",
}
# fmt: on


def create(
    shape: ShapeLike,
    chunks: Lengths = True,
    dtype: DTypeLike | None = None,
    compressor: Option = "default",
    fill_value: Elements = 0,
    order: str = "C",
    store: StoreLike = None,
    synchronizer: Synchronizer | None = None,
    overwrite: bool = False,
    path: str | None = None,
    chunk_store: StoreLike = None,
    filters: Option = None,
    cache_metadata: bool = True,
    cache_attrs: bool = True,
    read_only: bool = False,
    object_codec: Option = None,
    dimension_separator: str | None = None,
    write_empty_chunks: bool = True,
    *,
    storage_transformers: Sequence[StorageTransformer] = (),
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    meta_array: AnyArray | None = None,
    storage_options: dict[str, Option] | None = None,
    attributes: dict[str, JSON] | None = None,
    compression: Option = _NOT_GIVEN,
    compression_opts: Option = None,
    codecs: Option = None,
    shards: Lengths = None,
    dimension_names: Option = None,
    chunk_key_encoding: Option = None,
    checksum: bool = False,
    fillvalue: Elements = _NOT_GIVEN,
    **options: Unpack[ExtraOptions],
) -> Array:
    """Create an array.

    Parameters
    ----------
    shape : int or tuple of int
        Length of each axis, in elements.
    chunks : int, tuple of int, bool or "auto", optional
        Length of a chunk along each axis, in elements. True and "auto" choose: from 128 KiB for a small array to
        64 MiB, and about 1 MiB in shards. False makes one chunk of the whole array. None or -1 for an axis is the
        whole axis.
    dtype : data-type, optional
        Data type of the elements. The default is ``float64``. ``str`` and ``bytes`` are texts of any length.
    compressor : codec, dict, None or "default", optional
        A codec of numcodecs, its configuration, or None for no compression. The default is Blosc with LZ4 and
        shuffle.
    fill_value : scalar, optional
        Value of elements that were never written.
    order : {"C", "F"}, optional
        Order of the elements in a chunk.
    store : mapping, store, str or PathLike, optional
        A mapping of str to bytes, a store object, a path or a URL. The default is memory.
    synchronizer : mapping, optional
        Gives the locks of parallel writers: `ThreadSynchronizer` or `ProcessSynchronizer`.
    overwrite : bool, optional
        Delete what is at `path` first. An array above `path` is deleted too, with all that is below it.
    path : str, optional
        Path of the array in the store. The default is the root.
    chunk_store : mapping, store, str or PathLike, optional
        Store of the chunks, if they are not stored with the metadata.
    filters : sequence of codec, optional
        Codecs of numcodecs that are applied before the compressor.
    cache_metadata, cache_attrs : bool, optional
        Keep the metadata and the attributes in memory, see `Array`.
    read_only : bool, optional
        Refuse changes to the array that is returned.
    object_codec : codec, optional
        Codec that encodes Python objects as bytes. It is needed for ``dtype=object``.
    dimension_separator : {".", "/"}, optional
        Separator of the chunk coordinates in a chunk key.
    write_empty_chunks : bool, optional
        Store chunks that consist of the fill value.
    storage_transformers : sequence of StorageTransformer, optional
        The draft of v3: stores between the array and the store of its chunks. Must be empty in other formats.
    zarr_version, zarr_format : {2, 3, "3-draft"}, optional
        Version of the format. By default, the version of the nearest parent, or 2.
    meta_array : array_like, optional
        Results of reads are allocated like this array, see `Array`.
    storage_options : dict, optional
        Options of the store, if `store` is a URL.
    attributes : dict, optional
        User attributes of the new array.
    compression : str, codec or None, optional
        The compressor as in h5py: its name, or "none".
    compression_opts : int, sequence or dict, optional
        The first parameter of this compressor, its first parameters, or all of its parameters by name.
    codecs : sequence of codec, str or dict, optional
        Format 3: the whole codec pipeline, instead of `filters`, `compressor` and `order`. Each item is a codec of
        numcodecs, or the name or the configuration of a codec as in the metadata. "bytes" is added if it is missing.
    shards : int, tuple of int, bool or "auto", optional
        Format 3: length of a shard along each axis, in elements. A shard holds many chunks in one stored value. True
        and "auto" choose: from 32 MiB, or the whole of a smaller array, up to 512 MiB for an array that would have
        more than 1000 shards.
    dimension_names : sequence of str or None, optional
        Format 3: a name, or None, for each axis.
    chunk_key_encoding : str or dict, optional
        Format 3: "default", "v2", or a configuration as in the metadata.
    checksum : bool, optional
        Store a checksum with each chunk, so that a changed bit is detected when the chunk is read. In format 3 this
        adds the codec "crc32c", in format 2 the filter "crc32", which all readers know.
    fillvalue : scalar, optional
        The fill value as in h5py.
    **options
        ``read_missing``, ``unaligned``, ``threads`` and ``cache_bytes``, see `Array`. Other arguments of h5py, such as
        ``shuffle`` and ``maxshape``, are ignored with a warning.

    Returns
    -------
    Array
        The new array.

    Raises
    ------
    ContainsArrayError, ContainsGroupError
        If there is a node at `path`, or a parent is an array, and `overwrite` is false.
    ValueError
        If an argument is not valid.

    Warns
    -----
    UserWarning
        If an argument is ignored: also an `object_codec` for elements that are not objects, and `compression` if
        there is a `compressor`.
    ManyFilesWarning
        If the array will have a million files or more in a directory. ``ZARRCY_WARN_FILES`` changes the number.

    See Also
    --------
    open_array : Open an array, or create it.
    zeros, ones, full, empty : Short forms.

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.create((10000, 10000), chunks=(1000, 1000), dtype="i4", fill_value=42)
    >>> int(a[5000, 5000])
    42
    >>> a = zarrcy.create((10000, 10000), chunks="auto", shards="auto", dtype="i4", zarr_format=3)
    >>> a.chunks, a.shards
    ((625, 625), (2500, 5000))
    """
    version = asked_format(zarr_format, zarr_version)
    store, chunk_store = normalize_stores(
        store, chunk_store, storage_options, "w" if overwrite else "a", version
    )
    if isinstance(compressor, str) or compression is not _NOT_GIVEN or compression_opts is not None:
        compressor = normalize_compressor(compressor, compression, compression_opts)
    if options:
        _drop_hdf5_arguments(options)
    node = Node(store, path, chunk_store, synchronizer, version)
    lengths, chunk_shape, element_dtype, object_codec = normalize_elements(
        shape, chunks, dtype, object_codec, shards, grows=access.store_version(store) != 3
    )
    from zarrcy.metadata import ArraySpec  # opening an array does not need it

    spec = ArraySpec(
        shape=lengths,
        chunk_shape=chunk_shape,
        dtype=element_dtype,
        fill_value=fill_value if fillvalue is _NOT_GIVEN else fillvalue,
        order=order,
        filters=filters,
        compressor=compressor,
        object_codec=object_codec,
        dimension_separator=dimension_separator,
        default_separator=access.dimension_separator(store),
        codecs=codecs,
        chunk_key_encoding=chunk_key_encoding,
        dimension_names=dimension_names,
        shards=shards,
        checksum=checksum,
    )
    documents = node.look()
    metadata = node.describe_array(spec)
    if storage_transformers:
        from zarrcy.metadata.v3_draft_transformers import with_transformers  # only the draft has any

        metadata = with_transformers(metadata, storage_transformers, node.format.ZARR_FORMAT)
    if metadata.count_stored_values() >= settings.FEWEST_WARNED:
        from zarrcy.hierarchy.file_counts import warn_of_many_files  # opening an array does not need it

        # a program may turn the warning into an error
        warn_of_many_files(node, metadata)
    metadata = node.create_array(metadata, overwrite, attributes, documents)
    config = array_config(
        read_only=bool(read_only),
        cache_metadata=cache_metadata,
        cache_attrs=cache_attrs,
        write_empty_chunks=write_empty_chunks,
        meta_array=meta_array,
        **options,
    )
    return Array.from_state(open_state(node, config, metadata))


def normalize_elements(
    shape: ShapeLike,
    chunks: Lengths,
    dtype: DTypeLike | None,
    object_codec: Option,
    shards: Lengths = None,
    *,
    grows: bool = True,
) -> tuple[Shape, Shape, AnyDtype, Option]:
    """Return the shape, chunk shape, data type and object codec of a new array.

    Parameters
    ----------
    shape, chunks, dtype, object_codec, shards
        As for `create`.
    grows : bool, optional
        Whether chunks are guessed for an array that grows along its axes without elements.

    Raises
    ------
    TypeError
        If `dtype` is not a data type.
    ValueError
        If a length is not valid.
    """
    element_dtype, object_codec = _normalize_dtype(dtype, object_codec)
    if object_codec is not None and not element_dtype.hasobject:
        _warn_ignored("object_codec", f"elements of data type {element_dtype} are not objects")
        object_codec = None
    lengths = normalize_shape(shape)
    if element_dtype.subdtype is not None:
        # the axes of a sub-array type become axes of the array
        element_dtype, inner = element_dtype.subdtype
        lengths = (*lengths, *inner)
    return (
        lengths,
        normalize_chunks(chunks, lengths, element_dtype.itemsize, shards, grows=grows),
        element_dtype,
        object_codec,
    )


def normalize_stores(
    store: StoreLike,
    chunk_store: StoreLike,
    storage_options: dict[str, Option] | None,
    mode: str,
    version: ZarrFormat | None = None,
) -> tuple[Store, Store | None]:
    """Return the stores that the arguments `store` and `chunk_store` mean.

    Raises
    ------
    ForeignDataError
        If the mode is "w" and the store is an archive with files that Zarr did not write.
    """
    if mode == "w":
        refuse_foreign_archives(store, chunk_store)
    metadata_store = open_store(store, storage_options, mode, version)
    if chunk_store is None:
        return metadata_store, None
    chunks = open_store(chunk_store, storage_options, mode, version)
    access.refuse_mixed_versions(metadata_store, chunks)
    return metadata_store, chunks


def refuse_foreign_archives(*stores: StoreLike) -> None:
    """Raise ForeignDataError if a path names an archive that Zarr did not write, which mode "w" would replace."""
    if any(isinstance(store, (str, os.PathLike)) and os.fspath(store).endswith(".zip") for store in stores):
        from zarrcy.hierarchy.foreign_keys import refuse_foreign_archive

        for store in stores:
            refuse_foreign_archive(store)


class opened_store(AbstractContextManager[Store]):  # noqa: N801 - used as a function
    """Open the store that an argument means; close it after the ``with`` block if the argument is a path or a URL.

    A zip file is complete only when it is closed. With mode "w" it is written under a temporary name, and replaces the
    old archive at the end of the block, unless there was an error.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    mode : str
        Mode of `open_array`.
    storage_options : dict, optional
        Options of the store, if `store` is a URL.
    at_once : bool, optional
        With mode "a", too, change a copy of a zip file, which replaces it at the end of the block.
    """

    # not a generator: an interrupt between its steps would leave the store open

    def __init__(
        self,
        store: StoreLike,
        mode: str,
        storage_options: dict[str, Option] | None = None,
        *,
        at_once: bool = False,
    ) -> None:
        self._given, self._mode, self._storage_options = store, mode, storage_options
        self._opened: Store | None = None
        self._archive: tuple[TemporaryFile, str] | None = None
        self._at_once = mode == "w" or (at_once and mode == "a")

    def __enter__(self) -> Store:
        given = self._given
        if self._mode == "w":
            refuse_foreign_archives(given)
        if self._at_once and isinstance(given, (str, os.PathLike)) and not self._storage_options:
            path = os.path.abspath(os.path.expanduser(os.fspath(given).removeprefix("file://")))
            if path.endswith(".zip") and "://" not in path and not os.path.isdir(path):
                return self._open_archive(path)
        self._opened = normalize_store_arg(given, storage_options=self._storage_options, mode=self._mode)
        return self._opened

    def _open_archive(self, path: str) -> Store:
        """Open an archive under a temporary name."""
        from zarrcy.storage.local.zip import ZipStore

        partial = path + partial_ending()
        self._archive = TemporaryFile(partial), path
        if self._mode == "a" and os.path.exists(path):
            import shutil

            shutil.copy(path, partial)
        self._opened = ZipStore(partial, mode=self._mode)
        return self._opened

    def __exit__(self, kind: type[BaseException] | None, *args: object) -> None:
        close = getattr(self._opened, "close", None)
        try:
            if isinstance(self._given, (str, os.PathLike)) and close is not None:
                close()
            if kind is None and self._archive is not None:
                temporary, path = self._archive
                temporary.rename(path)
        finally:
            # removes the file, unless it was renamed
            self._archive = None


def normalize_compressor(
    compressor: Option, compression: Option = _NOT_GIVEN, compression_opts: Option = None
) -> Option:
    """Return the compressor that arguments mean, of which ``compression`` and ``compression_opts`` are those of h5py.

    Parameters
    ----------
    compressor, compression, compression_opts
        As for `create`. A compressor "none" is a spelling of zarr-python 1.

    Raises
    ------
    BadCompressorError
        If `compression` is not a codec.
    """
    if not isinstance(compressor, str) or compressor != "default":
        if compression is not _NOT_GIVEN:
            _warn_ignored("compression", "the argument 'compressor' is given")
        if compression_opts is not None:
            _warn_ignored("compression_opts", "the argument 'compressor' is given")
        return None if isinstance(compressor, str) and compressor == "none" else compressor
    if compression is _NOT_GIVEN:
        if compression_opts is not None:
            _warn_ignored("compression_opts", "the argument 'compression' is not given")
        return compressor
    if not isinstance(compression, str) or compression in ("none", "default"):
        return None if isinstance(compression, str) and compression == "none" else compression
    try:
        codec = actual(get_codec({"id": compression}))
    except ValueError as exc:
        raise BadCompressorError(compression, str(exc)) from exc
    if compression_opts is None:
        return codec
    if isinstance(compression_opts, dict):
        return type(codec)(**compression_opts)
    opts = compression_opts if isinstance(compression_opts, (list, tuple)) else [compression_opts]
    return type(codec)(*opts)


def _drop_hdf5_arguments(options: ExtraOptions) -> None:
    """Remove arguments that only HDF5 has, with a warning for each that asks for something."""
    for name in _ONLY_HDF5 & options.keys():
        if options.pop(name) is not None:  # type: ignore[misc]
            _warn_ignored(name, "it says how HDF5 stores a dataset")


def _warn_ignored(name: str, reason: str) -> None:
    warnings.warn(f"ignoring keyword argument {name!r}: {reason}", stacklevel=4)


def _normalize_dtype(dtype: Option, object_codec: Option) -> tuple[AnyDtype, Option]:
    """Return the data type of the elements, and the codec for objects: `object_codec`, or one for texts."""
    if dtype is not None and dtype is _StringDType:
        # NumPy takes the class for that of any object
        dtype = "T"
    if isinstance(dtype, (str, type)) and dtype in _OBJECT_TYPES:
        return np.dtype(object), object_codec or get_codec({"id": _OBJECT_TYPES[dtype]})
    if isinstance(dtype, str) and dtype.startswith("array:"):
        vlen_array = {"id": "vlen-array", "dtype": dtype.removeprefix("array:")}
        return np.dtype(object), object_codec or get_codec(vlen_array)
    if getattr(dtype, "kind", None) == "T":
        # NumPy's own text of any length
        return np.dtype(object), object_codec or get_codec({"id": "vlen-utf8"})
    try:
        element_dtype: AnyDtype = np.dtype(dtype)
    except TypeError as exc:
        raise TypeError(f"{dtype!r} is not a data type: {exc}") from exc
    return packed(element_dtype) if element_dtype.fields is not None else element_dtype, object_codec


# -- short forms -------------------------------------------------------------------------------------


def empty(shape: ShapeLike, **kwargs: Option) -> Array:
    """Create an array without a fill value. Elements that were never written read as zeros.

    Parameters
    ----------
    shape : int or tuple of int
        Length of each axis, in elements.
    **kwargs
        Other arguments of `create`.

    Returns
    -------
    Array
        The new array.

    See Also
    --------
    create : Create an array; has all parameters.

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.empty(3).fill_value is None
    True
    """
    return create(shape=shape, fill_value=None, **kwargs)


def zeros(shape: ShapeLike, **kwargs: Option) -> Array:
    """Create an array of zeros. No chunk is stored.

    Parameters
    ----------
    shape : int or tuple of int
        Length of each axis, in elements.
    **kwargs
        Other arguments of `create`.

    Returns
    -------
    Array
        The new array.

    See Also
    --------
    create : Create an array; has all parameters.

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.zeros((2, 2), dtype="u1")[...]
    array([[0, 0],
           [0, 0]], dtype=uint8)
    """
    return create(shape=shape, fill_value=0, **kwargs)


def ones(shape: ShapeLike, **kwargs: Option) -> Array:
    """Create an array of ones. No chunk is stored.

    Parameters
    ----------
    shape : int or tuple of int
        Length of each axis, in elements.
    **kwargs
        Other arguments of `create`.

    Returns
    -------
    Array
        The new array.

    See Also
    --------
    create : Create an array; has all parameters.

    Examples
    --------
    >>> import zarrcy
    >>> float(zarrcy.ones(5)[3])
    1.0
    """
    return create(shape=shape, fill_value=1, **kwargs)


def full(shape: ShapeLike, fill_value: Elements, **kwargs: Option) -> Array:
    """Create an array of one value. No chunk is stored.

    Parameters
    ----------
    shape : int or tuple of int
        Length of each axis, in elements.
    fill_value : scalar
        The value.
    **kwargs
        Other arguments of `create`.

    Returns
    -------
    Array
        The new array.

    See Also
    --------
    create : Create an array; has all parameters.

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.full(3, 7, dtype="i2")[...]
    array([7, 7, 7], dtype=int16)
    """
    if isinstance(fill_value, str) and "dtype" not in kwargs:
        kwargs["dtype"] = f"<U{max(1, len(fill_value))}"
    return create(shape=shape, fill_value=fill_value, **kwargs)


def array(data: Elements, **kwargs: Option) -> Array:
    """Create an array that holds `data`.

    Parameters
    ----------
    data : array_like
        The elements. They give the shape, the data type and, if `data` is a chunked array (of Zarr, HDF5, bcolz), the
        chunks.
    **kwargs
        Arguments of `create`, which take precedence. With ``overwrite=True``, `data` may be read from what is
        replaced: the new array is then written under a temporary name, so the store needs room for both.

    Returns
    -------
    Array
        The new array.

    Raises
    ------
    OverlapError
        If `data` is read from what is replaced, in a store that can't move keys, such as an object store.

    See Also
    --------
    create : Create an array; has all parameters.
    save_array : Store an array in one call.

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.array([[1, 2], [3, 4]], chunks=1)[1]
    array([3, 4])
    """
    if not hasattr(data, "shape") or not hasattr(data, "dtype"):
        data = np.asanyarray(data)
    is_of_text = False
    if not isinstance(data, (np.ndarray, Array)) and hasattr(data, "isna"):
        from zarrcy.hierarchy import table_columns  # only pandas needs it

        if table_columns.is_column(data):
            target = kwargs.get("dtype")
            data = table_columns.values_of(data, "" if target in (None, str) else np.dtype(target).kind)
            is_of_text = table_columns.is_text(data)
    kwargs["shape"] = data.shape
    if kwargs.get("dtype") is None:
        kwargs["dtype"] = str if is_of_text and not kwargs.get("object_codec") else data.dtype
        if isinstance(data, Array) and data.dtype.hasobject and "object_codec" not in kwargs:
            # objects need a codec, and the codec of `data` fits
            kwargs.setdefault("filters", data.filters)
    if kwargs.get("chunks") is None and (chunks := _chunks_of(data)):
        # the chunks of another chunked array suit its data
        kwargs["chunks"] = chunks
    read_only = kwargs.pop("read_only", False)
    created = (
        _create_over(data, kwargs)
        if kwargs.get("overwrite") and not isinstance(data, np.ndarray)
        else _create_filled(data, kwargs)
    )
    created.read_only = read_only
    return created


def _chunks_of(data: Elements) -> Option:
    """Return the chunks of a chunked array; None if `data` is not one, or has chunks of different shapes."""
    chunks = getattr(data, "chunks", None)
    if isinstance(chunks, tuple) and len(chunks) == len(data.shape) and not hasattr(data, "dask"):
        return chunks
    # bcolz has chunks of whole rows
    n_rows = getattr(data, "chunklen", None)
    return None if n_rows is None else (n_rows, *data.shape[1:])


def _create_filled(data: Elements, kwargs: dict[str, Option]) -> Array:
    created = create(**kwargs)
    if isinstance(data, Array) and created.nbytes > _MOST_LOADED:
        from zarrcy.hierarchy.copy_elements import copy_elements

        copy_elements(data, created, lambda nbytes: None)
    elif created.size:
        created[...] = data if isinstance(data, np.ndarray) else data[...]
    return created


def _create_over(data: Elements, kwargs: dict[str, Option]) -> Array:
    """Create an array in the place of another one, whose elements may be read for the new one."""
    from zarrcy.hierarchy.replacement import opened_to_replace, replaced

    given, options = kwargs.pop("store", None), kwargs.pop("storage_options", None)
    opened, sources = opened_to_replace(given, options, [data])
    store, chunk_store = normalize_stores(opened, kwargs.pop("chunk_store", None), None, "w")
    version = asked_format(kwargs.pop("zarr_format", None), kwargs.pop("zarr_version", None))
    node = Node(store, kwargs.pop("path", None), chunk_store, kwargs.get("synchronizer"), version)

    def write(at: Node, sources: list[Elements]) -> Array:
        place = {"store": at.store, "chunk_store": at.own_chunk_store, "path": at.path}
        more = {"overwrite": at is node, "zarr_format": node.format.ZARR_FORMAT}
        return _create_filled(sources[0], {**kwargs, **place, **more})

    created = replaced(node, sources, write)
    if created.store is store:
        return created
    state = created.current_state()
    return Array.from_state(open_state(node, state.config, state.metadata))


def empty_like(a: Elements, **kwargs: Option) -> Array:
    """Create an array without a fill value, with the shape, chunks, data type and codecs of another.

    Parameters
    ----------
    a : array_like
        Array that gives the shape, chunks, data type and codecs.
    **kwargs
        Arguments of `create`, which take precedence.

    Returns
    -------
    Array
        The new array.

    See Also
    --------
    create : Create an array; has all parameters.

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.empty_like(zarrcy.zeros((4, 6), chunks=2, dtype="i2")).chunks
    (2, 2)
    """
    return empty(**_like(a, kwargs))


def zeros_like(a: Elements, **kwargs: Option) -> Array:
    """Create an array of zeros, with the shape, chunks, data type and codecs of another.

    Parameters
    ----------
    a : array_like
        Array that gives the shape, chunks, data type and codecs.
    **kwargs
        Arguments of `create`, which take precedence.

    Returns
    -------
    Array
        The new array.

    See Also
    --------
    create : Create an array; has all parameters.

    Examples
    --------
    >>> import numpy as np, zarrcy
    >>> zarrcy.zeros_like(np.ones(3, "i2"))[:]
    array([0, 0, 0], dtype=int16)
    """
    return zeros(**_like(a, kwargs))


def ones_like(a: Elements, **kwargs: Option) -> Array:
    """Create an array of ones, with the shape, chunks, data type and codecs of another.

    Parameters
    ----------
    a : array_like
        Array that gives the shape, chunks, data type and codecs.
    **kwargs
        Arguments of `create`, which take precedence.

    Returns
    -------
    Array
        The new array.

    See Also
    --------
    create : Create an array; has all parameters.

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.ones_like(zarrcy.zeros(3))[:]
    array([1., 1., 1.])
    """
    return ones(**_like(a, kwargs))


def full_like(a: Elements, **kwargs: Option) -> Array:
    """Create an array of one value, with the shape, chunks, data type and codecs of another.

    Parameters
    ----------
    a : array_like
        Array that gives the shape, chunks, data type, codecs and, by default, the fill value.
    **kwargs
        Arguments of `create`, which take precedence.

    Returns
    -------
    Array
        The new array.

    See Also
    --------
    create : Create an array; has all parameters.

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.full_like(zarrcy.full(3, 7))[:]
    array([7., 7., 7.])
    """
    return full(**_like(a, kwargs, with_fill=True))


def open_like(a: Elements, path: StoreLike, **kwargs: Option) -> Array:
    """Open an array; if it does not exist, create it like another.

    Parameters
    ----------
    a : array_like
        Array that gives the shape, chunks, data type, codecs and fill value.
    path : mapping, store, str or PathLike
        The store of the array, see `open_array`.
    **kwargs
        Arguments of `open_array`, which take precedence.

    Returns
    -------
    Array
        The array.

    See Also
    --------
    open_array : Open an array, or create it.

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.open_like(zarrcy.ones(3, dtype="i2"), {}, mode="w")[:]
    array([1, 1, 1], dtype=int16)
    """
    return open_array(path, **_like(a, kwargs, with_fill=True))


def _like(a: Elements, kwargs: dict[str, Option], with_fill: bool = False) -> dict[str, Option]:
    """Return the arguments of `create` that make an array like `a`; `kwargs` take precedence."""
    likeness: dict[str, Option] = {}
    if isinstance(getattr(a, "shape", None), tuple):
        likeness["shape"] = a.shape
        chunks = _chunks_of(a)
        if chunks:
            likeness["chunks"] = chunks
    if hasattr(a, "dtype"):
        likeness["dtype"] = a.dtype
    if isinstance(a, Array):
        likeness |= {"compressor": a.compressor, "order": a.order, "filters": a.filters}
        if with_fill:
            likeness["fill_value"] = a.fill_value
        chooses = kwargs.get("store") is not None or kwargs.get("zarr_version") or kwargs.get("zarr_format")
        if is_draft(a.node.format) and settings.V3_DRAFT.value() and not chooses:
            # as in zarr-python 2, an array like one in the draft is in the draft
            likeness["zarr_format"] = a.zarr_format
    return likeness | kwargs


# -- opening -----------------------------------------------------------------------------------------


def check_mode(mode: str) -> None:
    """Raise ValueError if `mode` is not a mode of `zarrcy.open`."""
    if mode not in _MODES:
        raise ValueError(f"mode is {mode!r}; it must be one of {', '.join(map(repr, _MODES))}")


def open_array(
    store: StoreLike = None,
    mode: str = "a",
    shape: ShapeLike | None = None,
    chunks: Lengths = True,
    dtype: DTypeLike | None = None,
    compressor: Option = "default",
    fill_value: Elements = 0,
    order: str = "C",
    synchronizer: Synchronizer | None = None,
    filters: Option = None,
    cache_metadata: bool = True,
    cache_attrs: bool = True,
    path: str | None = None,
    object_codec: Option = None,
    chunk_store: StoreLike = None,
    storage_options: dict[str, Option] | None = None,
    partial_decompress: bool | None = None,
    write_empty_chunks: bool = True,
    *,
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    dimension_separator: str | None = None,
    meta_array: AnyArray | None = None,
    **kwargs: Option,
) -> Array:
    """Open an array, or create it.

    Parameters
    ----------
    store : mapping, store, str or PathLike, optional
        A mapping of str to bytes, a store object, a path or a URL. The default is memory.
    mode : {"r", "r+", "a", "w", "w-", "x"}, optional
        "r" reads only. "r+" changes an array that exists. "a" (the default) creates it if it does not exist. "w"
        creates it and deletes what was there. "w-" and "x" create it and fail if there is something.
    shape : int or tuple of int, optional
        Length of each axis, in elements; needed if the array is created.
    chunks, dtype, compressor, fill_value, order : optional
        As for `create`; used if the array is created.
    synchronizer : mapping, optional
        Gives the locks of parallel writers: `ThreadSynchronizer` or `ProcessSynchronizer`.
    filters : sequence of codec, optional
        As for `create`; used if the array is created.
    cache_metadata, cache_attrs : bool, optional
        Keep the metadata and the attributes in memory, see `Array`.
    path : str, optional
        Path of the array in the store. The default is the root.
    object_codec : codec, optional
        As for `create`; used if the array is created.
    chunk_store : mapping, store, str or PathLike, optional
        Store of the chunks, if they are not stored with the metadata.
    storage_options : dict, optional
        Options of the store, if `store` is a URL.
    partial_decompress : bool, optional
        Has no effect; users of zarr-python 2 may pass it.
    write_empty_chunks : bool, optional
        Store chunks that consist of the fill value.
    zarr_version, zarr_format : {2, 3, "3-draft"}, optional
        Version of the format. By default it is detected; a new array has that of the nearest parent, or 2.
    dimension_separator : {".", "/"}, optional
        As for `create`; used if the array is created.
    meta_array : array_like, optional
        Results of reads are allocated like this array, see `Array`.
    **kwargs
        ``read_missing``, ``unaligned``, ``threads`` and ``cache_bytes``, see `Array`; and other arguments of
        `create`, which are used if the array is created.

    Returns
    -------
    Array
        The array.

    Raises
    ------
    ArrayNotFoundError
        If the mode is "r" or "r+" and there is no array.
    ContainsArrayError, ContainsGroupError
        If there is a group, or if the mode is "w-" or "x" and there is an array.
    TypeError
        If the array has to be created and `shape` is not given.

    See Also
    --------
    create : Create an array.
    open : Open an array or a group.

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.open_array(store, mode="w", shape=3, dtype="i4")[:] = [1, 2, 3]
    >>> zarrcy.open_array(store, mode="r")
    <zarrcy.Array (3,) int32 read-only>
    """
    check_mode(mode)
    version = asked_format(zarr_format, zarr_version)
    store, chunk_store = normalize_stores(store, chunk_store, storage_options, mode, version)
    node = Node(store, path, chunk_store, synchronizer, version)
    options: dict[str, Option] = {
        "cache_metadata": cache_metadata,
        "cache_attrs": cache_attrs,
        "write_empty_chunks": write_empty_chunks,
        "meta_array": meta_array,
        **take_options(kwargs),
    }
    entry = None if mode == "w" else node.load()
    if entry is None:
        if mode in ("r", "r+"):
            raise ArrayNotFoundError(node.path)
        if shape is None:
            raise TypeError(
                f"there is no array to open at {node.path or 'the root'!r}: give a shape to create one"
            )
        try:
            return create(
                shape,
                chunks,
                dtype,
                compressor=compressor,
                fill_value=fill_value,
                order=order,
                store=store,
                synchronizer=synchronizer,
                overwrite=mode == "w",
                path=node.path,
                chunk_store=chunk_store,
                filters=filters,
                object_codec=object_codec,
                dimension_separator=dimension_separator,
                zarr_format=version,
                **options,
                **kwargs,
            )
        except ContainsArrayError as exc:
            # another process created it meanwhile: open that array
            if mode != "a" or exc.path != node.path:
                raise
            entry = NodeEntry("array", node.load_array)
    return found_array(node, entry, mode, options)


def found_array(node: Node, entry: NodeEntry, mode: str, options: dict[str, Option]) -> Array:
    """Open the array that was found at a node.

    Parameters
    ----------
    node : Node
        The node.
    entry : NodeEntry
        What was found.
    mode : str
        The mode of `open_array`.
    options : dict
        Fields of `zarrcy.settings.ArrayConfig`.

    Raises
    ------
    ContainsGroupError
        If a group was found.
    ContainsArrayError
        If the mode is "w-" or "x".
    """
    if entry.kind == "group":
        raise ContainsGroupError(node.path)
    if mode in ("w-", "x"):
        raise ContainsArrayError(node.path)
    metadata = entry.parse()
    return Array.from_state(open_state(node, array_config(read_only=mode == "r", **options), metadata))
