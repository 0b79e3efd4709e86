"""Functions that create, open, save and load: words over `Array`."""

from __future__ import annotations

from typing import Any

import numcodecs
import numpy as np
from numpy.typing import NDArray

from zarrcy.array import Array
from zarrcy.errors import (
    ArrayNotFoundError,
    BadCompressorError,
    ContainsArrayError,
    ContainsGroupError,
    PathNotFoundError,
)
from zarrcy.formats import ArrayRequest, by_number
from zarrcy.grid import normalize_chunks, normalize_shape
from zarrcy.node import Node
from zarrcy.storage.arguments import normalize_store_arg
from zarrcy.sync import Synchronizer
from zarrcy.types import AnyDtype

_OBJECT_TYPES = {str: "vlen-utf8", "str": "vlen-utf8", bytes: "vlen-bytes", "bytes": "vlen-bytes"}
_MODES = ("r", "r+", "a", "w", "w-", "x")


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
    zarr_version: int | None = None,
    zarr_format: int | None = None,
    meta_array: Any = None,
    attributes: dict[str, Any] | None = None,
    compression: Any = None,
    compression_opts: Any = None,
    codecs: Any = None,
    shards: Any = None,
    dimension_names: Any = None,
    chunk_key_encoding: Any = None,
) -> Array:
    """Create an array.

    Parameters
    ----------
    shape : lengths of the axes, in elements; an int for one axis
    chunks : lengths of a chunk, in elements; True guesses, False makes one chunk of the whole
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
    zarr_version, zarr_format : version of the format: 2 or 3. By default that of the node above, or 2
    meta_array : see `Array`
    attributes : user attributes of the new array
    compression, compression_opts : the compressor as h5py spells it: a name, and its first parameter or a
        mapping of parameters
    codecs : format 3: all that is done to a chunk, instead of filters, compressor and order: codecs of
        numcodecs, or names and objects as the format spells them. "bytes" is added where it is missing
    shards : format 3: lengths of a shard, which holds many chunks in one stored value
    dimension_names : format 3: a name, or None, for each axis
    chunk_key_encoding : format 3: "default", "v2", or an object as the format spells it

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
    """
    store = normalize_store_arg(store)
    node = Node(
        store,
        path,
        None if chunk_store is None else normalize_store_arg(chunk_store),
        synchronizer,
        _asked_format(zarr_format, zarr_version),
    )
    dtype, object_codec = _normalize_dtype(dtype, object_codec)
    shape = normalize_shape(shape)
    if compression is not None:
        compressor = _compressor_of(compression, compression_opts)
    if dtype.subdtype is not None:
        # the axes of a sub-array type become axes of the array
        dtype, inner = dtype.subdtype
        shape = (*shape, *inner)
    request = ArrayRequest(
        shape,
        normalize_chunks(chunks, shape, dtype.itemsize),
        dtype,
        fill_value,
        order,
        filters,
        compressor,
        object_codec,
        dimension_separator,
        getattr(store, "_dimension_separator", None),
        codecs,
        chunk_key_encoding,
        dimension_names,
        shards,
    )
    node.create_array(node.describe_array(request), overwrite, attributes)
    return Array(
        store,
        path=node.path,
        chunk_store=node.own_chunk_store,
        synchronizer=synchronizer,
        cache_metadata=cache_metadata,
        cache_attrs=cache_attrs,
        read_only=read_only,
        write_empty_chunks=write_empty_chunks,
        zarr_version=node.format.ZARR_FORMAT,
        meta_array=meta_array,
    )


def _compressor_of(compression: Any, opts: Any) -> Any:
    """Return the codec that h5py's two words name."""
    if not isinstance(compression, str) or compression == "none":
        return None if compression == "none" else compression
    try:
        codec = numcodecs.get_codec({"id": compression})
    except ValueError as exc:
        raise BadCompressorError(compression, str(exc)) from exc
    if opts is None:
        return codec
    return type(codec)(**opts) if isinstance(opts, dict) else type(codec)(opts)


def _asked_format(zarr_format: int | None, zarr_version: int | None) -> int | None:
    """Return the version that was asked for by one of its two names."""
    asked = (("zarr_version", zarr_version), ("zarr_format", zarr_format))
    found = [format.ZARR_FORMAT for word, number in asked if (format := by_number(number, word))]
    return found[-1] if found else None


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
    kwargs.setdefault("shape", data.shape)
    kwargs.setdefault("dtype", data.dtype)
    if "chunks" not in kwargs and getattr(data, "chunks", None) and not hasattr(data, "dask"):
        # another chunked array (Zarr, HDF5): its chunks suit its data
        kwargs["chunks"] = data.chunks
    read_only = kwargs.pop("read_only", False)
    made = create(**kwargs)
    if made.size:
        made[...] = data if isinstance(data, np.ndarray) else data[...]
    made.read_only = read_only
    return made


def _check_mode(mode: str) -> None:
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
    zarr_version: int | None = None,
    zarr_format: int | None = None,
    dimension_separator: str | None = None,
    meta_array: Any = None,
    **kwargs: Any,
) -> Array:
    """Open an array, or create it.

    Parameters
    ----------
    store : a mapping, one of our stores, or a path
    mode : "r" reads only, "r+" changes what exists, "a" creates it if it does not, "w" creates it and
        deletes what was there, "w-" (or "x") creates it and fails if something is there
    **kwargs : see `create`; used where the array is created

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
    _check_mode(mode)
    asked = _asked_format(zarr_format, zarr_version)
    if storage_options:
        raise ValueError("storage_options are for URLs; this version opens local directories only")
    store = normalize_store_arg(store)
    node = Node(store, path, zarr_format=asked)
    kind = None if mode == "w" else node.kind()
    if kind == "group":
        raise ContainsGroupError(node.path)
    if mode in ("r", "r+") and kind is None:
        raise ArrayNotFoundError(node.path)
    if mode in ("w-", "x") and kind == "array":
        raise ContainsArrayError(node.path)
    common = {
        "synchronizer": synchronizer,
        "cache_metadata": cache_metadata,
        "cache_attrs": cache_attrs,
        "path": path,
        "chunk_store": chunk_store,
        "write_empty_chunks": write_empty_chunks,
        "meta_array": meta_array,
    }
    if kind == "array":
        return Array(store, read_only=mode == "r", zarr_version=node.format.ZARR_FORMAT, **common)
    if shape is None:
        raise TypeError(
            f"there is no array to open at {node.path or 'the root'!r}: give a shape to create one"
        )
    return create(
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        compressor=compressor,
        fill_value=fill_value,
        order=order,
        store=store,
        filters=filters,
        object_codec=object_codec,
        overwrite=mode == "w",
        dimension_separator=dimension_separator,
        zarr_format=asked,
        **common,
        **kwargs,
    )


def open(store: Any = None, mode: str = "a", **kwargs: Any) -> Array:
    """Open an array; with a shape, create it where `mode` says so. See `open_array`.

    Raises
    ------
    PathNotFoundError : there is nothing to open
    ContainsGroupError : there is a group, which this version does not open

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> a = zarrcy.open(store, mode="w", shape=(2, 2))
    >>> zarrcy.open(store)
    <zarrcy.Array (2, 2) float64>
    """
    _check_mode(mode)
    store = normalize_store_arg(store)
    node = Node(store, kwargs.get("path"))
    if kwargs.get("shape") is None and mode in ("r", "r+", "a") and node.kind() is None:
        raise PathNotFoundError(node.path)
    return open_array(store, mode=mode, **kwargs)


def save_array(store: Any, arr: Any, *, path: str | None = None, **kwargs: Any) -> None:
    """Save an array-like in a store, in the place of what is there. See `create` for the parameters.

    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.save_array(store, [1, 2, 3])
    >>> zarrcy.load(store)
    array([1, 2, 3])
    """
    array(arr, store=store, path=path, overwrite=True, **kwargs)


def save(store: Any, *args: Any, path: str | None = None, **kwargs: Any) -> None:
    """Save one array-like in a store; `save_array` by its name in zarr-python.

    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.save(store, [1.5])
    >>> zarrcy.load(store)
    array([1.5])
    """
    if len(args) != 1:
        raise ValueError(f"{len(args)} arrays to save: this version saves one array in a store")
    save_array(store, args[0], path=path, **kwargs)


def load(store: Any, path: str | None = None) -> NDArray[Any] | None:
    """Load an array into memory; None if there is none.

    >>> import zarrcy
    >>> zarrcy.load({}) is None
    True
    """
    store = normalize_store_arg(store)
    if Node(store, path).kind() != "array":
        return None
    values: NDArray[Any] = Array(store, path=path, read_only=True)[...]
    return values
