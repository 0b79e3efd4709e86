"""Functions that create arrays, and open them: words over `Array`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Unpack

import numcodecs
import numpy as np

from zarrcy.errors import ArrayNotFoundError, BadCompressorError, ContainsArrayError, ContainsGroupError
from zarrcy.hierarchy.array_state import open_state
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.node import Node
from zarrcy.indexing.chunk_shapes import normalize_chunks, normalize_shape
from zarrcy.metadata import ArrayMetadata, ArraySpec, NodeEntry, asked_format
from zarrcy.settings import ArrayConfig, ExtraOptions, take_options
from zarrcy.storage import access
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.types import AnyDtype, Store, Synchronizer, ZarrFormat

_OBJECT_TYPES = {str: "vlen-utf8", "str": "vlen-utf8", bytes: "vlen-bytes", "bytes": "vlen-bytes"}
_MODES = ("r", "r+", "a", "w", "w-", "x")
_NOT_GIVEN: Any = object()


def create(
    shape: Any,
    chunks: Any = True,
    dtype: Any = None,
    compressor: Any = "default",
    fill_value: Any = 0,
    order: str = "C",
    store: Any = None,
    synchronizer: Synchronizer | None = None,
    overwrite: bool = False,
    path: str | None = None,
    chunk_store: Any = None,
    filters: Any = None,
    cache_metadata: bool = True,
    cache_attrs: bool = True,
    read_only: bool = False,
    object_codec: Any = None,
    dimension_separator: str | None = None,
    write_empty_chunks: bool = True,
    *,
    storage_transformers: tuple[()] = (),
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    meta_array: Any = None,
    storage_options: dict[str, Any] | None = None,
    attributes: dict[str, Any] | None = None,
    compression: Any = _NOT_GIVEN,
    compression_opts: Any = None,
    codecs: Any = None,
    shards: Any = None,
    dimension_names: Any = None,
    chunk_key_encoding: Any = None,
    checksum: bool = False,
    fillvalue: Any = _NOT_GIVEN,
    **options: Unpack[ExtraOptions],
) -> Array:
    """Create an array.

    Parameters
    ----------
    shape : lengths of the axes, in elements; an int for one axis
    chunks : lengths of a chunk, in elements; True or "auto" guesses: from 128 KiB for a small array to 64 MiB,
        and about 1 MiB in shards. False makes one chunk of the whole
    dtype : of the elements; ``float64`` by default. ``str`` and ``bytes`` are texts of any length
    compressor : a numcodecs codec, its configuration, None, or "default" (Blosc with LZ4 and shuffle)
    fill_value : of elements that were never written
    order : "C" or "F", of the elements in a chunk
    store : a mapping, one of our stores, a path, or None for memory
    synchronizer : gives the locks of parallel writers
    overwrite : delete what is at `path` first
    path : of the array in the store
    chunk_store : of the chunks, where they shall not be with the metadata
    filters : numcodecs codecs that see the elements before the compressor does
    cache_metadata, cache_attrs : see `Array`
    read_only : refuse changes to the array that is returned
    object_codec : codec that makes bytes of objects; needed for ``dtype=object``
    dimension_separator : "." or "/", between the coordinates in the key of a chunk
    write_empty_chunks : store chunks that hold nothing but the fill value
    storage_transformers : kept for users of zarr-python 2; there are none
    zarr_version, zarr_format : version of the format: 2, 3 or "3-draft". By default that of the node above, or 2
    meta_array : see `Array`
    storage_options : for the store that a URL means
    attributes : user attributes of the new array
    compression, compression_opts : the compressor as h5py spells it: a name, and its first parameter or a
        mapping of parameters
    codecs : format 3: all that is done to a chunk, instead of filters, compressor and order: codecs of
        numcodecs, or names and objects as the format spells them. "bytes" is added where it is missing
    shards : format 3: lengths of a shard, which holds many chunks in one stored value; True or "auto" guesses:
        from 32 MiB, or the whole of a smaller array, up to 512 MiB where there would be more than a thousand
    dimension_names : format 3: a name, or None, for each axis
    chunk_key_encoding : format 3: "default", "v2", or an object as the format spells it
    checksum : store a checksum with each chunk, by which a changed bit is found out when it is read: format 3
        has the codec "crc32c" last; format 2 has the filter "crc32" last, which all readers know
    fillvalue : the fill value as h5py spells it
    **options : ``read_missing``, ``unaligned``, ``threads`` and ``cache_bytes``, see `Array`

    Raises
    ------
    ContainsArrayError, ContainsGroupError : something is at `path`, and `overwrite` is false
    ValueError : an argument that can't be

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
    if storage_transformers:
        raise ValueError(f"storage_transformers is {storage_transformers!r}; no format has any")
    store, chunk_store = normalize_stores(store, chunk_store, storage_options, "w")
    if compression is not _NOT_GIVEN and compressor == "default":
        compressor = _compressor_of(compression, compression_opts)
    node = Node(store, path, chunk_store, synchronizer, asked_format(zarr_format, zarr_version))
    description = describe(
        node,
        shape,
        chunks,
        dtype,
        compressor,
        fill_value if fillvalue is _NOT_GIVEN else fillvalue,
        order,
        filters,
        object_codec,
        dimension_separator,
        codecs=codecs,
        chunk_key_encoding=chunk_key_encoding,
        dimension_names=dimension_names,
        shards=shards,
        checksum=checksum,
    )
    written = node.create_array(description, overwrite, attributes)
    config = ArrayConfig(
        read_only=bool(read_only),
        cache_metadata=cache_metadata,
        cache_attrs=cache_attrs,
        write_empty_chunks=write_empty_chunks,
        meta_array=meta_array,
        **options,
    )
    return Array.from_state(open_state(node, config, written))


def describe(
    node: Node,
    shape: Any,
    chunks: Any,
    dtype: Any,
    compressor: Any,
    fill_value: Any,
    order: str,
    filters: Any,
    object_codec: Any,
    dimension_separator: str | None,
    *,
    codecs: Any = None,
    chunk_key_encoding: Any = None,
    dimension_names: Any = None,
    shards: Any = None,
    checksum: bool = False,
) -> ArrayMetadata:
    """Describe a new array at `node`, after the words of `create`."""
    dtype, object_codec = _normalize_dtype(dtype, object_codec)
    shape = normalize_shape(shape)
    if dtype.subdtype is not None:
        # the axes of a sub-array type become axes of the array
        dtype, inner = dtype.subdtype
        shape = (*shape, *inner)
    request = ArraySpec(
        shape,
        normalize_chunks(chunks, shape, dtype.itemsize, shards),
        dtype,
        fill_value,
        order,
        filters,
        compressor,
        object_codec,
        dimension_separator,
        access.dimension_separator(node.store),
        codecs,
        chunk_key_encoding,
        dimension_names,
        shards,
        checksum,
    )
    return node.describe_array(request)


def normalize_stores(
    store: Any, chunk_store: Any, storage_options: dict[str, Any] | None, mode: str
) -> tuple[Store, Store | None]:
    """Return the stores that two arguments mean."""
    store = normalize_store_arg(store, storage_options=storage_options, mode=mode)
    if chunk_store is None:
        return store, None
    return store, normalize_store_arg(chunk_store, storage_options=storage_options, mode=mode)


@contextmanager
def opened_store(store: Any, mode: str, storage_options: dict[str, Any] | None = None) -> Iterator[Store]:
    """KeyLock the store that an argument means, and close it if it was opened here: for a path or a URL.

    A zip file is complete only when it is closed.
    """
    opened = normalize_store_arg(store, storage_options=storage_options, mode=mode)
    try:
        yield opened
    finally:
        close = getattr(opened, "close", None)
        if isinstance(store, (str, os.PathLike)) and close is not None:
            close()


def _compressor_of(compression: Any, opts: Any) -> Any:
    """Return the codec that h5py's two words name."""
    if not isinstance(compression, str) or compression in ("none", "default"):
        return None if compression == "none" else compression
    try:
        codec = numcodecs.get_codec({"id": compression})
    except ValueError as exc:
        raise BadCompressorError(compression, str(exc)) from exc
    if opts is None:
        return codec
    return type(codec)(**opts) if isinstance(opts, dict) else type(codec)(opts)


def _normalize_dtype(dtype: Any, object_codec: Any) -> tuple[AnyDtype, Any]:
    """Return the data type of the elements, and the codec that objects need."""
    if isinstance(dtype, (str, type)) and dtype in _OBJECT_TYPES:
        return np.dtype(object), object_codec or numcodecs.get_codec({"id": _OBJECT_TYPES[dtype]})
    if isinstance(dtype, str) and dtype.startswith("array:"):
        return np.dtype(object), object_codec or numcodecs.VLenArray(dtype.removeprefix("array:"))
    if getattr(dtype, "kind", None) == "T":
        # NumPy's own text of any length
        return np.dtype(object), object_codec or numcodecs.VLenUTF8()
    try:
        return np.dtype(dtype), object_codec
    except TypeError as exc:
        raise TypeError(f"{dtype!r} is no data type: {exc}") from exc


def empty(shape: Any, **kwargs: Any) -> Array:
    """Create an array without a fill value; elements that were never written read as zeros.

    See `create` for the parameters.

    >>> import zarrcy
    >>> zarrcy.empty(3).fill_value is None
    True
    """
    return create(shape=shape, fill_value=None, **kwargs)


def zeros(shape: Any, **kwargs: Any) -> Array:
    """Create an array of zeros; none is stored. See `create` for the parameters.

    >>> import zarrcy
    >>> zarrcy.zeros((2, 2), dtype="u1")[...]
    array([[0, 0],
           [0, 0]], dtype=uint8)
    """
    return create(shape=shape, fill_value=0, **kwargs)


def ones(shape: Any, **kwargs: Any) -> Array:
    """Create an array of ones; none is stored. See `create` for the parameters.

    >>> import zarrcy
    >>> float(zarrcy.ones(5)[3])
    1.0
    """
    return create(shape=shape, fill_value=1, **kwargs)


def full(shape: Any, fill_value: Any, **kwargs: Any) -> Array:
    """Create an array of one value; none is stored. See `create` for the parameters.

    >>> import zarrcy
    >>> zarrcy.full(3, 7, dtype="i2")[...]
    array([7, 7, 7], dtype=int16)
    """
    if isinstance(fill_value, str) and "dtype" not in kwargs:
        kwargs["dtype"] = f"<U{max(1, len(fill_value))}"
    return create(shape=shape, fill_value=fill_value, **kwargs)


def array(data: Any, **kwargs: Any) -> Array:
    """Create an array that holds `data`, with their shape and data type. See `create` for the parameters.

    >>> import zarrcy
    >>> zarrcy.array([[1, 2], [3, 4]], chunks=1)[1]
    array([3, 4])
    """
    if not hasattr(data, "shape") or not hasattr(data, "dtype"):
        data = np.asanyarray(data)
    kwargs["shape"] = data.shape
    if kwargs.get("dtype") is None:
        kwargs["dtype"] = data.dtype
        if isinstance(data, Array) and data.dtype.hasobject and "object_codec" not in kwargs:
            # objects need a codec, and theirs does
            kwargs.setdefault("filters", data.filters)
    if kwargs.get("chunks") is None and getattr(data, "chunks", None) and not hasattr(data, "dask"):
        # another chunked array (Zarr, HDF5): its chunks suit its data
        kwargs["chunks"] = data.chunks
    read_only = kwargs.pop("read_only", False)
    made = create(**kwargs)
    if made.size:
        made[...] = data if isinstance(data, np.ndarray) else data[...]
    made.read_only = read_only
    return made


def empty_like(a: Any, **kwargs: Any) -> Array:
    """Create an array without a fill value, of the shape, type and codecs of another. See `create`.

    >>> import zarrcy
    >>> zarrcy.empty_like(zarrcy.zeros((4, 6), chunks=2, dtype="i2")).chunks
    (2, 2)
    """
    return empty(**_like(a, kwargs))


def zeros_like(a: Any, **kwargs: Any) -> Array:
    """Create an array of zeros, of the shape, type and codecs of another. See `create`.

    >>> import numpy as np, zarrcy
    >>> zarrcy.zeros_like(np.ones(3, "i2"))[:]
    array([0, 0, 0], dtype=int16)
    """
    return zeros(**_like(a, kwargs))


def ones_like(a: Any, **kwargs: Any) -> Array:
    """Create an array of ones, of the shape, type and codecs of another. See `create`.

    >>> import zarrcy
    >>> zarrcy.ones_like(zarrcy.zeros(3))[:]
    array([1., 1., 1.])
    """
    return ones(**_like(a, kwargs))


def full_like(a: Any, **kwargs: Any) -> Array:
    """Create an array of one value, of the shape, type and codecs of another. See `create`.

    The fill value is that of the other where none is given.

    >>> import zarrcy
    >>> zarrcy.full_like(zarrcy.full(3, 7))[:]
    array([7., 7., 7.])
    """
    return full(**_like(a, kwargs, with_fill=True))


def open_like(a: Any, path: Any, **kwargs: Any) -> Array:
    """Open an array; where it has to be created, then like another. See `open_array`.

    Parameters
    ----------
    a : array-like
    path : of the store

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.open_like(zarrcy.ones(3, dtype="i2"), {}, mode="w")[:]
    array([1, 1, 1], dtype=int16)
    """
    return open_array(path, **_like(a, kwargs, with_fill=True))


def _like(a: Any, kwargs: dict[str, Any], with_fill: bool = False) -> dict[str, Any]:
    """Return what makes an array like another, under what was asked for."""
    found: dict[str, Any] = {}
    if isinstance(getattr(a, "shape", None), tuple):
        found["shape"] = a.shape
        chunks = getattr(a, "chunks", None)
        if isinstance(chunks, tuple) and len(chunks) == len(a.shape):
            found["chunks"] = chunks
    if hasattr(a, "dtype"):
        found["dtype"] = a.dtype
    if isinstance(a, Array):
        found |= {"compressor": a.compressor, "order": a.order, "filters": a.filters}
        if with_fill:
            found["fill_value"] = a.fill_value
    return found | kwargs


def check_mode(mode: str) -> None:
    """Raise ValueError if `mode` is not a mode of `zarrcy.open`."""
    if mode not in _MODES:
        raise ValueError(f"mode is {mode!r}; it must be one of {', '.join(map(repr, _MODES))}")


def open_array(
    store: Any = None,
    mode: str = "a",
    shape: Any = None,
    chunks: Any = True,
    dtype: Any = None,
    compressor: Any = "default",
    fill_value: Any = 0,
    order: str = "C",
    synchronizer: Synchronizer | None = None,
    filters: Any = None,
    cache_metadata: bool = True,
    cache_attrs: bool = True,
    path: str | None = None,
    object_codec: Any = None,
    chunk_store: Any = None,
    storage_options: Any = None,
    partial_decompress: bool | None = None,
    write_empty_chunks: bool = True,
    *,
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    dimension_separator: str | None = None,
    meta_array: Any = None,
    **kwargs: Any,
) -> Array:
    """Open an array, or create it.

    Parameters
    ----------
    store : a mapping, one of our stores, a path or a URL
    mode : "r" reads only, "r+" changes what exists, "a" creates it if it does not, "w" creates it and
        deletes what was there, "w-" (or "x") creates it and fails if something is there
    **kwargs : ``read_missing``, ``unaligned``, ``threads`` and ``cache_bytes``, see `Array`. For others see
        `create`; they are used where the array is created

    Raises
    ------
    ArrayNotFoundError : there is no array, and the mode is "r" or "r+"
    ContainsArrayError, ContainsGroupError : something else is there

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.open_array(store, mode="w", shape=3, dtype="i4")[:] = [1, 2, 3]
    >>> zarrcy.open_array(store, mode="r")
    <zarrcy.Array (3,) int32 read-only>
    """
    check_mode(mode)
    store, chunk_store = normalize_stores(store, chunk_store, storage_options, mode)
    asked = asked_format(zarr_format, zarr_version)
    node = Node(store, path, chunk_store, synchronizer, asked)
    options: dict[str, Any] = {
        "cache_metadata": cache_metadata,
        "cache_attrs": cache_attrs,
        "write_empty_chunks": write_empty_chunks,
        "meta_array": meta_array,
        **take_options(kwargs),
    }
    found = None if mode == "w" else node.load()
    if found is None:
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
                compressor,
                fill_value,
                order,
                store,
                synchronizer,
                mode == "w",
                node.path,
                chunk_store,
                filters,
                object_codec=object_codec,
                dimension_separator=dimension_separator,
                zarr_format=asked,
                **options,
                **kwargs,
            )
        except ContainsArrayError as exc:
            # somebody created it just now: open what they made
            if mode != "a" or exc.path != node.path:
                raise
            found = NodeEntry("array", node.load_array)
    return found_array(node, found, mode, options)


def found_array(node: Node, found: NodeEntry, mode: str, options: dict[str, Any]) -> Array:
    """Open what was found at a node, which must be an array."""
    if found.kind == "group":
        raise ContainsGroupError(node.path)
    if mode in ("w-", "x"):
        raise ContainsArrayError(node.path)
    metadata = found.parse()
    return Array.from_state(open_state(node, ArrayConfig(read_only=mode == "r", **options), metadata))
