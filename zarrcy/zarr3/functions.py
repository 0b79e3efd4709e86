"""The functions of zarr-python 3. They make the arguments of zarrcy's own functions, and return `Array` and `Group`."""

from __future__ import annotations

import copy
import json
import math
import operator
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from zarrcy.errors import (
    ArrayNotFoundError,
    ContainsArrayError,
    ContainsGroupError,
    GroupNotFoundError,
    NotConsolidatedError,
    PathNotFoundError,
)
from zarrcy.hierarchy import creation
from zarrcy.hierarchy.array_state import open_state
from zarrcy.hierarchy.arrays import Array as BaseArray
from zarrcy.hierarchy.groups import Group as BaseGroup
from zarrcy.hierarchy.groups import GroupState
from zarrcy.hierarchy.node import Node
from zarrcy.indexing.chunk_shapes import normalize_chunks, normalize_shape
from zarrcy.metadata import ArraySpec
from zarrcy.settings import array_config
from zarrcy.storage import access
from zarrcy.types import JSON, Codec, Elements, Option, Shape, StoreLike
from zarrcy.zarr3 import codecs as codec_classes
from zarrcy.zarr3.arrays import Array, as_config
from zarrcy.zarr3.codecs import ARRAY, BYTES, PACK, as_codec
from zarrcy.zarr3.config import config as settings
from zarrcy.zarr3.dtypes import (
    VariableLengthBytes,
    VariableLengthUTF8,
    ZDType,
    parse_dtype,
)
from zarrcy.zarr3.errors import NodeTypeValidationError, ZarrRuntimeWarning, ZarrUserWarning
from zarrcy.zarr3.groups import Group
from zarrcy.zarr3.metadata import (
    ArrayV2Metadata,
    RectilinearChunkGridMetadata,
    RegularChunkGridMetadata,
    zdtype_of,
)
from zarrcy.zarr3.places import place_of

if TYPE_CHECKING:
    from zarrcy.zarr3.tree import GroupTree

# The fill value that a data type has by default.
DEFAULT_FILL_VALUE: Option = object()
_V2 = 2
_OBJECT_CODECS = ("vlen-utf8", "vlen-bytes", "vlen-array", "json2", "msgpack2", "pickle")


def default_format() -> Option:
    """Return the format of new nodes."""
    return settings.get("default_zarr_format")


def as_plain(array: BaseArray) -> BaseArray:
    """Return an array as zarrcy has it, in the meaning of zarr-python 2."""
    return BaseArray.from_state(array.current_state())


# -- new arrays ------------------------------------------------------------------------------------


def create_array(
    store: StoreLike,
    *,
    name: str | None = None,
    shape: Option = None,
    dtype: Option = None,
    data: Elements = None,
    chunks: Option = "auto",
    shards: Option = None,
    filters: Option = "auto",
    compressors: Option = "auto",
    serializer: Option = "auto",
    fill_value: Elements = DEFAULT_FILL_VALUE,
    order: str | None = None,
    zarr_format: Option = None,
    attributes: dict[str, JSON] | None = None,
    chunk_key_encoding: Option = None,
    dimension_names: Option = None,
    storage_options: dict[str, Option] | None = None,
    overwrite: bool = False,
    config: Option = None,
    write_data: bool = True,
) -> Array:
    """Create an array.

    Parameters
    ----------
    store : mapping, store, StorePath, str, PathLike or None
        A store, a dictionary, a path, a URL, or None for a new store in memory.
    name : str, optional
        Path in the store. The default is the root.
    shape : int or tuple of int, optional
        Length of each axis, in elements; that of `data` by default.
    dtype : data-type, str, ZDType or dict, optional
        Data type of the elements; that of `data` by default.
    data : array_like, optional
        The elements.
    chunks : int, tuple of int, sequence of sequences or "auto", optional
        Length of a chunk along each axis, in elements; sequences give the length of each chunk.
    shards : int, tuple of int, sequence of sequences, dict or "auto", optional
        Length of a shard along each axis, in elements. By default there are none.
    filters, compressors : codec, sequence of codec, None or "auto", optional
        Codecs before and after the serializer: objects of `zarr.codecs`, of numcodecs, or dicts.
    serializer : codec or "auto", optional
        Codec from elements to bytes, in format 3.
    fill_value : scalar, optional
        Value of elements that were never written. The default is that of the data type.
    order : {"C", "F"}, optional
        Order of the elements of a chunk, in format 2.
    zarr_format : {2, 3}, optional
        Version of the format.
    attributes : dict, optional
        User attributes.
    chunk_key_encoding : dict, tuple or str, optional
        How the keys of chunks are formed.
    dimension_names : sequence of str or None, optional
        A name, or None, for each axis, in format 3.
    storage_options : dict, optional
        Options of the file system of a URL.
    overwrite : bool, optional
        Delete what is there first.
    config : ArrayConfig or dict, optional
        Options of the open array.
    write_data : bool, optional
        Write `data`; if false, it gives the shape and the data type only.

    Returns
    -------
    Array
        The array.

    Raises
    ------
    ContainsArrayError, ContainsGroupError
        If there is something at the path, and `overwrite` is false.
    ValueError
        If an argument is not valid.

    See Also
    --------
    from_array : Create an array like another one.

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.create_array({}, shape=(4, 6), chunks=(2, 3), dtype="i4", zarr_format=3)
    >>> a[0] = 1
    >>> a[:2, 0].tolist()
    [1, 0]
    """
    if data is not None:
        if dtype is not None or shape is not None:
            raise ValueError("the data give the shape and the data type; leave out shape and dtype")
        if not hasattr(data, "dtype") or not hasattr(data, "shape"):
            data = np.asarray(data)
        dtype, shape = data.dtype, data.shape
        if isinstance(data, BaseArray):
            dtype = zdtype_of(data.current_state().metadata)
    elif shape is None or dtype is None:
        missing = "shape" if shape is None else "dtype"
        raise ValueError(f"give {missing}, or data that have one")
    version = default_format() if zarr_format is None else zarr_format
    place = place_of(store, name, mode="a", storage_options=storage_options)
    created = _create(
        place,
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        shards=shards,
        stages=_stages(filters, serializer, compressors, version),
        fill_value=fill_value,
        order=order,
        version=version,
        attributes=attributes,
        chunk_key_encoding=chunk_key_encoding,
        dimension_names=dimension_names,
        overwrite=overwrite,
        config=config,
    )
    if data is not None and write_data and created.size:
        _fill(created, data)
    return created


def _fill(array: Array, data: Elements) -> None:
    if isinstance(data, BaseArray):
        from zarrcy.hierarchy.copy_elements import copy_elements

        copy_elements(data, array, lambda nbytes: None)
    else:
        array[...] = data


def _stages(filters: Option, serializer: Option, compressors: Option, version: Option) -> dict[str, Option]:
    """Return the arguments of `zarrcy.create` for codecs; objects are made of all but "auto"."""
    if version == _V2:
        if not _is_auto(serializer):
            raise ValueError("Zarr format 2 arrays do not support `serializer`.")
        return {"filters": filters, "compressor": compressors}
    return {"filters": filters, "serializer": serializer, "compressors": compressors}


def _is_auto(value: Option) -> bool:
    return isinstance(value, str) and value == "auto"


def _is_keep(value: Option) -> bool:
    return isinstance(value, str) and value == "keep"


def _listed(codecs: Option) -> list[Option]:
    """Return codecs as a list, given None, one codec or several."""
    if codecs is None:
        return []
    if isinstance(codecs, (Mapping, str)) or hasattr(codecs, "to_dict") or hasattr(codecs, "get_config"):
        return [codecs]
    if not isinstance(codecs, Iterable):
        raise TypeError(f"{codecs!r} is not a codec or a sequence of codecs")
    return list(codecs)


def _codecs_of_v3(stages: dict[str, Option], kind: ZDType) -> list[codec_classes.Codec]:
    """Return all codecs of an array in format 3."""
    if "codecs" in stages:
        return [as_codec(codec) for codec in stages["codecs"]]
    filters = [] if _is_auto(stages["filters"]) else [as_codec(codec) for codec in _listed(stages["filters"])]
    compressors = (
        [codec_classes.ZstdCodec()]
        if _is_auto(stages["compressors"])
        else [as_codec(codec) for codec in _listed(stages["compressors"])]
    )
    serializer = _serializer_of(kind) if _is_auto(stages["serializer"]) else as_codec(stages["serializer"])
    for what, some, wanted in (
        ("filters", filters, ARRAY),
        ("serializer", [serializer], PACK),
        ("compressors", compressors, BYTES),
    ):
        for codec in some:
            if codec.kind != wanted and not isinstance(codec, codec_classes.UnknownCodec):
                raise TypeError(f"{what}: {codec} is a codec {codec.kind}, and not {wanted}")
    return [*filters, serializer, *compressors]


def _serializer_of(kind: ZDType) -> codec_classes.Codec:
    if isinstance(kind, VariableLengthUTF8):
        return codec_classes.VLenUTF8Codec()
    if isinstance(kind, VariableLengthBytes):
        return codec_classes.VLenBytesCodec()
    return codec_classes.BytesCodec(endian="little")


def _as_json(codec: codec_classes.Codec, itemsize: int, in_shard: bool = False) -> JSON:
    """Return a codec as zarrcy takes it."""
    if isinstance(codec, codec_classes.BloscCodec):
        codec = codec.completed(itemsize)
    if isinstance(codec, codec_classes.BytesCodec) and codec.endian != "big" and not in_shard:
        # the byte order is stated if the elements have one, after the filters
        return {"name": "bytes"}
    if isinstance(codec, codec_classes.BytesCodec) and itemsize == 1 and codec.endian == "little":
        return {"name": "bytes"}
    if isinstance(codec, codec_classes.ScaleOffset):
        return {
            "name": "scale_offset",
            "configuration": {"offset": codec.offset, "scale": codec.scale},
        }
    if isinstance(codec, codec_classes.ShardingCodec):
        return {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [*codec.chunk_shape],
                "codecs": [_as_json(one, itemsize, True) for one in codec.codecs],
                "index_codecs": [_plain(one.to_dict()) for one in codec.index_codecs],
                "index_location": codec.index_location,
            },
        }
    return _plain(codec.to_dict())


def _plain(value: JSON) -> JSON:
    """Return JSON with lists instead of tuples, and Python's numbers."""
    return json.loads(json.dumps(value, default=lambda x: x.item() if hasattr(x, "item") else list(x)))


def _to_numcodecs(codec: Option) -> Codec:
    """Return a codec for format 2."""
    from zarrcy.codecs import as_codec as as_numcodec

    if hasattr(codec, "get_config"):
        made: Codec = codec
        return made
    if isinstance(codec, Mapping) and "id" in codec:
        return as_numcodec(dict(codec))
    described = as_codec(codec)
    name, config = codec_classes.named(described.to_dict())
    name = name.removeprefix("numcodecs.")
    if name == "blosc":
        config["shuffle"] = ("noshuffle", "shuffle", "bitshuffle").index(config["shuffle"])
        config.pop("typesize", None)
    if name not in ("blosc", "gzip", "zstd", "crc32c", "vlen-utf8", "vlen-bytes") and not hasattr(
        described, "codec_config"
    ):
        raise TypeError(f"Zarr v2 does not have the codec {described}; give one of numcodecs")
    return as_numcodec({"id": name, **config})


def _create(
    place: tuple[Option, str],
    *,
    shape: Option,
    dtype: Option,
    chunks: Option,
    shards: Option,
    stages: dict[str, Option],
    fill_value: Elements,
    order: str | None,
    version: Option,
    attributes: dict[str, JSON] | None,
    chunk_key_encoding: Option,
    dimension_names: Option,
    overwrite: bool,
    config: Option,
) -> Array:
    """Create an array, from arguments of zarr-python 3."""
    if version not in (2, 3):
        raise ValueError(f"zarr_format is {version!r}; it must be 2 or 3")
    options = as_config(config)
    store, path = place
    kind = parse_dtype(dtype, zarr_format=version)
    lengths = normalize_shape(shape)
    if any(n < 0 for n in lengths):
        raise ValueError(f"shape is {shape!r}; no length may be negative")
    if fill_value is DEFAULT_FILL_VALUE or (fill_value is None and version != _V2):
        fill_value = kind.default_scalar()
    elif fill_value is not None:
        try:
            fill_value = kind.cast_scalar(fill_value)
        except TypeError as exc:
            if isinstance(exc.__cause__, ValueError):
                # a text that is not a scalar
                raise exc.__cause__ from None
            raise
    itemsize = 1 if kind.to_native_dtype().kind in "OT" else kind.to_native_dtype().itemsize
    grid, chunk_shape, shard_shape, location = _normalized(chunks, shards, lengths, itemsize, version)
    arguments: dict[str, Option] = {
        "chunks": chunk_shape,
        "dtype": _dtype_argument(kind),
        "fill_value": fill_value,
        "store": store,
        "path": path,
        "overwrite": overwrite,
        "attributes": attributes,
        "zarr_format": version,
        "write_empty_chunks": options.write_empty_chunks,
    }
    if version == _V2:
        arguments |= _arguments_of_v2(stages, kind, order, chunk_key_encoding, dimension_names, shard_shape)
    else:
        if order is not None:
            warnings.warn(
                "order has no effect in Zarr format 3; a TransposeCodec changes the order of stored elements, and "
                "config={'order': 'F'} that of results",
                ZarrRuntimeWarning,
                stacklevel=4,
            )
        all_codecs = _codecs_of_v3(stages, kind)
        if shard_shape is not None:
            all_codecs = [
                codec_classes.ShardingCodec(
                    chunk_shape=chunk_shape, codecs=all_codecs, index_location=location
                )
            ]
            arguments["chunks"] = shard_shape
        documents = [_as_json(codec, itemsize) for codec in all_codecs]
        arguments |= {
            "codecs": documents,
            "dimension_names": dimension_names,
            "chunk_key_encoding": _encoding_of_v3(chunk_key_encoding),
        }
    if overwrite:
        _refuse_lasting(store, path)
    if grid is not None:
        created = _create_rectilinear(lengths, grid, arguments)
    else:
        created = creation.create(lengths, **arguments)
    return Array.of(created, options)


def _refuse_lasting(store: Option, path: str) -> None:
    """Raise an error if there is a node in a store that can't delete it."""
    kind = None if access.is_erasable(store) else Node(store, path).kind()
    if kind is not None:
        raise (ContainsArrayError if kind == "array" else ContainsGroupError)(path)


def _dtype_argument(kind: ZDType) -> Option:
    if isinstance(kind, VariableLengthUTF8):
        return str
    return bytes if isinstance(kind, VariableLengthBytes) else kind.to_native_dtype()


def _arguments_of_v2(
    stages: dict[str, Option],
    kind: ZDType,
    order: str | None,
    chunk_key_encoding: Option,
    dimension_names: Option,
    shards: Option,
) -> dict[str, Option]:
    if shards is not None:
        raise ValueError("Zarr format 2 arrays do not have shards; give zarr_format=3")
    if dimension_names is not None:
        raise ValueError("Zarr format 2 arrays do not support dimension names.")
    if "codecs" in stages:
        raise ValueError("codecs are for Zarr format 3; give filters and compressors")
    compressor, filters = stages["compressor"], stages["filters"]
    import numcodecs

    if _is_auto(compressor):
        compressor = numcodecs.Zstd(level=0, checksum=False)
    else:
        given = _listed(compressor)
        if len(given) > 1:
            raise ValueError("Zarr format 2 arrays have one compressor; give one, and the others as filters")
        compressor = _to_numcodecs(given[0]) if given else None
    filters = None if _is_auto(filters) else [_to_numcodecs(codec) for codec in _listed(filters)] or None
    arguments: dict[str, Option] = {
        "compressor": compressor,
        "filters": filters,
        "order": settings.get("array.order") if order is None else order,
    }
    if filters and kind.to_native_dtype().kind in "OT" and filters[0].codec_id in _OBJECT_CODECS:
        arguments |= {"dtype": object, "object_codec": filters[0], "filters": filters[1:] or None}
    encoding = _encoding_of_v3(chunk_key_encoding)
    if encoding is not None:
        name, configuration = codec_classes.named(encoding)
        if name != "v2":
            raise ValueError(f"Zarr format 2 has the chunk key encoding 'v2' only, not {name!r}")
        arguments["dimension_separator"] = configuration.get("separator", ".")
    return {"dimension_separator": ".", **arguments}


def _encoding_of_v3(encoding: Option) -> Option:
    """Return a chunk key encoding as documents describe it; None for None."""
    if encoding is None:
        return None
    if hasattr(encoding, "to_dict"):
        return _plain(encoding.to_dict())
    if isinstance(encoding, tuple):
        encoding = {"name": encoding[0], "separator": encoding[1]}
    if isinstance(encoding, str):
        return encoding
    if "configuration" in encoding:
        return _plain(dict(encoding))
    separator = encoding.get("separator", "/" if encoding["name"] == "default" else ".")
    return {"name": encoding["name"], "configuration": {"separator": separator}}


def _is_nested(lengths: Option) -> bool:
    """Return whether lengths of chunks are given for each axis one by one."""
    if isinstance(lengths, (str, bytes, Mapping, np.ndarray)) or not isinstance(lengths, (Sequence, tuple)):
        return False
    return any(isinstance(axis, (Sequence, np.ndarray)) and not isinstance(axis, str) for axis in lengths)


def _normalized(
    chunks: Option, shards: Option, shape: Shape, itemsize: int, version: Option
) -> tuple[JSON, Option, Option, str]:
    """Return a rectilinear grid as in a document, or None; the shapes of chunks and shards; the place of the index."""
    location = "end"
    if isinstance(shards, Mapping):
        location, shards = shards.get("index_location", "end"), shards["shape"]
    if isinstance(chunks, RegularChunkGridMetadata):
        chunks = chunks.chunk_shape
    if isinstance(shards, RegularChunkGridMetadata):
        shards = shards.chunk_shape
    outer = chunks if shards is None else shards
    grid: JSON = None
    if isinstance(outer, RectilinearChunkGridMetadata) or _is_nested(outer):
        if version == _V2:
            raise ValueError("Zarr format 2 does not have rectilinear chunks; give zarr_format=3")
        grid = _rectilinear(outer, shape)
        lengths = tuple(
            axis if isinstance(axis, int) else math.gcd(*_numbers(axis))
            for axis in grid["configuration"]["chunk_shapes"]
        )
        if shards is None:
            return grid, lengths, None, location
        return grid, _chunk_shape(chunks, shape, itemsize), lengths, location
    if isinstance(chunks, RectilinearChunkGridMetadata) or _is_nested(chunks):
        raise ValueError("the chunks in shards have one length along each axis")
    if shards is None:
        return None, _chunk_shape(chunks, shape, itemsize), None, location
    if _is_auto(shards):
        warnings.warn(
            "Automatic shard shape inference is experimental and may change without notice: a later version may "
            "choose other shards",
            ZarrUserWarning,
            stacklevel=5,
        )
        chunk_shape = _chunk_shape(chunks, shape, itemsize)
        if _is_auto(chunks) and 0 not in shape:
            chunk_shape = normalize_chunks(True, shape, itemsize, "auto")
        from zarrcy.indexing.chunk_shapes import normalize_shards

        if 0 in shape:
            return None, chunk_shape, chunk_shape, location
        return None, chunk_shape, normalize_shards("auto", shape, itemsize, chunk_shape), location
    shard_shape = _chunk_shape(shards, shape, itemsize)
    chunk_shape = _chunk_shape(chunks, shape, itemsize) if not _is_auto(chunks) else shard_shape
    if not isinstance(shards, (int, np.integer)):
        # a shard of the whole axis holds whole chunks
        whole = [n is None or n == -1 for n in shards]
        shard_shape = tuple(
            -(-n // m) * m if is_whole else n
            for n, m, is_whole in zip(shard_shape, chunk_shape, whole, strict=True)
        )
    elif shards == -1:
        shard_shape = tuple(-(-n // m) * m for n, m in zip(shard_shape, chunk_shape, strict=True))
    if any(n % m for n, m in zip(shard_shape, chunk_shape, strict=True)):
        raise ValueError(f"the shape of chunks {chunk_shape} must divide that of shards {shard_shape}")
    return None, chunk_shape, shard_shape, location


def _chunk_shape(chunks: Option, shape: Shape, itemsize: int) -> Shape:
    if _is_auto(chunks) or chunks is None or chunks is True:
        chosen = normalize_chunks(True, shape, itemsize)
        # an axis without elements may grow: its chunks have one element, as in zarr-python 3
        return tuple(n if m else 1 for n, m in zip(chosen, shape, strict=True))
    if chunks is False:
        return tuple(max(1, n) for n in shape)
    if isinstance(chunks, (int, np.integer)):
        lengths = (int(chunks),) * len(shape)
    else:
        lengths = tuple(-1 if n is None else operator.index(n) for n in chunks)
    if len(lengths) != len(shape):
        raise ValueError(f"chunks is {chunks!r}; it must have one length for each axis of the shape {shape}")
    if any(n < 1 and n != -1 for n in lengths):
        raise ValueError(
            f"chunks is {chunks!r}; each length must be greater than 0, or -1 for the whole axis"
        )
    return tuple(max(1, m) if n == -1 else n for n, m in zip(lengths, shape, strict=True))


def _numbers(axis: JSON) -> list[int]:
    return [item if isinstance(item, int) else item[0] for item in axis]


def _rectilinear(lengths: Option, shape: Shape) -> JSON:
    """Return the grid of a document."""
    if isinstance(lengths, RectilinearChunkGridMetadata):
        return _plain(lengths.to_dict())
    if len(lengths) != len(shape):
        raise ValueError(f"chunks is {lengths!r}; it must have one item for each axis of the shape {shape}")
    shapes: list[int | tuple[int, ...]] = []
    for axis, n in zip(lengths, shape, strict=True):
        if isinstance(axis, (int, np.integer)):
            shapes.append(max(1, n) if axis == -1 else int(axis))
            continue
        numbers = tuple(
            int(m) for item in axis for m in ([item] if np.ndim(item) == 0 else [item[0]] * item[1])
        )
        if any(m < 1 for m in numbers) or not numbers:
            raise ValueError(f"chunks is {lengths!r}; each length must be greater than 0")
        if sum(numbers) != n:
            raise ValueError(
                f"chunks is {lengths!r}; the chunks of an axis of {n} elements have {sum(numbers)}"
            )
        shapes.append(numbers)
    return _plain(RectilinearChunkGridMetadata(chunk_shapes=tuple(shapes)).to_dict())


def _create_rectilinear(shape: Shape, grid: JSON, arguments: dict[str, Option]) -> BaseArray:
    """Create an array whose chunks, or shards, differ in length."""
    node = Node(arguments["store"], arguments["path"], None, None, 3)
    lengths, chunk_shape, dtype, object_codec = creation.normalize_elements(
        shape, arguments["chunks"], arguments["dtype"], None
    )
    equal = ArraySpec(
        shape=lengths,
        chunk_shape=chunk_shape,
        dtype=dtype,
        fill_value=arguments["fill_value"],
        object_codec=object_codec,
        codecs=arguments["codecs"],
        chunk_key_encoding=arguments["chunk_key_encoding"],
        dimension_names=arguments["dimension_names"],
    )
    (text,) = node.format.array_documents("", node.describe_array(equal)).values()
    document = json.loads(text) | {"chunk_grid": grid}
    described = node.format.parse_array(json.dumps(document).encode(), "zarr.json")
    metadata = node.create_array(described, arguments["overwrite"], arguments["attributes"], node.look())
    options = array_config(write_empty_chunks=arguments["write_empty_chunks"])
    return BaseArray.from_state(open_state(node, options, metadata))


def from_array(
    store: StoreLike,
    *,
    data: Elements,
    write_data: bool = True,
    name: str | None = None,
    chunks: Option = "keep",
    shards: Option = "keep",
    filters: Option = "keep",
    compressors: Option = "keep",
    serializer: Option = "keep",
    fill_value: Elements = DEFAULT_FILL_VALUE,
    order: str | None = None,
    zarr_format: Option = None,
    attributes: dict[str, JSON] | None = None,
    chunk_key_encoding: Option = None,
    dimension_names: Option = None,
    storage_options: dict[str, Option] | None = None,
    overwrite: bool = False,
    config: Option = None,
) -> Array:
    """Create an array like another one, with its elements.

    Parameters
    ----------
    store : mapping, store, StorePath, str, PathLike or None
        See `create_array`.
    data : Array or array_like
        The other array.
    write_data : bool, optional
        Copy the elements.
    name : str, optional
        Path in the store. The default is the root.
    chunks, shards, filters, compressors, serializer : optional
        See `create_array`; "keep" means those of `data`.
    fill_value, order, zarr_format, attributes, chunk_key_encoding, dimension_names : optional
        See `create_array`; by default those of `data`.
    storage_options, overwrite, config : optional
        See `create_array`.

    Returns
    -------
    Array
        The array.

    Raises
    ------
    ValueError
        If `data` would be overwritten.

    See Also
    --------
    create_array : Create an array.

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.create_array({}, data=[1, 2, 3], chunks=2, zarr_format=3)
    >>> zarrcy.from_array({}, data=a).chunks
    (2,)
    """
    place = place_of(store, name, mode="a", storage_options=storage_options)
    if isinstance(data, BaseArray):
        like = _like_array(data, zarr_format)
        kept = like.pop("kept")
        zarr_format = like["zarr_format"]
        given = {
            "chunks": chunks,
            "shards": shards,
            "filters": filters,
            "compressors": compressors,
            "serializer": serializer,
        }
        kept |= {name: value for name, value in given.items() if not _is_keep(value)}
        fill_value = data.fill_value if fill_value is DEFAULT_FILL_VALUE else fill_value
        attributes = copy.deepcopy(data.attrs.asdict()) if attributes is None else attributes
        dimension_names = like["dimension_names"] if dimension_names is None else dimension_names
        chunk_key_encoding = like["chunk_key_encoding"] if chunk_key_encoding is None else chunk_key_encoding
        order = like["order"] if order is None else order
        if overwrite and write_data and _overlaps(data, place):
            raise ValueError(
                f"the array at {data.path!r} would be overwritten by its own copy: the paths overlap; write to another "
                "path, or pass data=array[...]"
            )
        dtype: Option = zdtype_of(data.current_state().metadata)
    else:
        if not hasattr(data, "dtype") or not hasattr(data, "shape"):
            data = np.asarray(data)
        dtype = data.dtype
        kept = {
            "chunks": "auto" if _is_keep(chunks) else chunks,
            "shards": None if _is_keep(shards) else shards,
            "filters": "auto" if _is_keep(filters) else filters,
            "compressors": "auto" if _is_keep(compressors) else compressors,
            "serializer": "auto" if _is_keep(serializer) else serializer,
        }
        zarr_format = default_format() if zarr_format is None else zarr_format
    created = _create(
        place,
        shape=data.shape,
        dtype=dtype,
        chunks=kept["chunks"],
        shards=kept["shards"],
        stages=_stages(kept["filters"], kept["serializer"], kept["compressors"], zarr_format),
        fill_value=fill_value,
        order=order,
        version=zarr_format,
        attributes=attributes,
        chunk_key_encoding=chunk_key_encoding,
        dimension_names=dimension_names,
        overwrite=overwrite,
        config=config,
    )
    if write_data and created.size:
        _fill(created, data)
    return created


def _overlaps(array: BaseArray, place: tuple[Option, str]) -> bool:
    """Return whether an array would be deleted, in whole or in part, before a place is written."""
    store, path = place
    prefix, theirs = f"{path}/" if path else "", array.node.prefix
    ours, other = access.mapping_of(_writable(store)), access.mapping_of(_writable(array.store))
    directory, source = access.directory_of(ours), access.directory_of(other)
    if ours is other or (directory is not None and directory == source):
        return prefix.startswith(theirs) or theirs.startswith(prefix)
    return directory is not None and source is not None and (source + theirs).startswith(directory + prefix)


def _writable(store: Option) -> Option:
    """Return the store of the same values that allows changes, whose place is known."""
    return store.with_read_only(False) if getattr(store, "read_only", False) is True else store


def _like_array(array: BaseArray, version: Option) -> dict[str, Option]:
    """Return the arguments of `create_array` for an array like another one."""
    theirs = array.zarr_format
    version = theirs if version is None else version
    metadata = array.current_state().metadata
    own = Array.of(array)
    same = version == theirs
    described = own.metadata
    is_v2 = isinstance(described, ArrayV2Metadata)
    if is_v2 and not same and array.order == "F":
        warnings.warn(
            "the order 'F' of the array is not kept: Zarr format 3 has no such attribute",
            ZarrUserWarning,
            stacklevel=3,
        )
    irregular = None
    if metadata.rectilinear_axes is not None and not isinstance(described, ArrayV2Metadata):
        irregular = described.chunk_grid
    sharded = metadata.shards is not None
    encoding: Option = None
    if same:
        encoding = (
            {"name": "v2", "separator": described.dimension_separator}
            if isinstance(described, ArrayV2Metadata)
            else described.chunk_key_encoding
        )
    return {
        "zarr_format": version,
        "dimension_names": None if is_v2 or version == _V2 else array.dimension_names,
        "chunk_key_encoding": encoding,
        "order": array.order if is_v2 and version == _V2 else None,
        "kept": {
            "chunks": metadata.chunks if irregular is None or sharded else irregular,
            "shards": (metadata.shards if irregular is None else irregular) if sharded else None,
            "filters": (own.filters or None) if same else "auto",
            "compressors": (own.compressors or None) if same else "auto",
            "serializer": own.serializer if same and not is_v2 else "auto",
        },
    }


def create(
    shape: Option,
    *,
    chunks: Option = None,
    dtype: Option = None,
    compressor: Option = "auto",
    fill_value: Elements = DEFAULT_FILL_VALUE,
    order: str | None = None,
    store: StoreLike = None,
    synchronizer: Option = None,
    overwrite: bool = False,
    path: str | None = None,
    chunk_store: Option = None,
    filters: Option = None,
    cache_metadata: Option = None,
    cache_attrs: Option = None,
    read_only: Option = None,
    object_codec: Option = None,
    dimension_separator: str | None = None,
    write_empty_chunks: bool | None = None,
    zarr_version: Option = None,
    zarr_format: Option = None,
    meta_array: Option = None,
    attributes: dict[str, JSON] | None = None,
    chunk_shape: Option = None,
    chunk_key_encoding: Option = None,
    codecs: Option = None,
    dimension_names: Option = None,
    storage_options: dict[str, Option] | None = None,
    config: Option = None,
    mode: str | None = None,
    data: Elements = None,
    shards: Option = None,
) -> Array:
    """Create an array, with the arguments of zarr-python 2.

    Parameters
    ----------
    shape : int or tuple of int
        Length of each axis, in elements.
    chunks, chunk_shape : int, tuple of int, bool or sequence of sequences, optional
        Length of a chunk along each axis, in elements.
    **others
        See `zarrcy.create` and `create_array`.

    Returns
    -------
    Array
        The array.
    """
    ignored = {
        "synchronizer": synchronizer,
        "chunk_store": chunk_store,
        "cache_metadata": cache_metadata,
        "cache_attrs": cache_attrs,
        "object_codec": object_codec,
        "read_only": read_only,
        "meta_array": meta_array,
    }
    for name, value in ignored.items():
        if value is not None:
            warnings.warn(f"{name} is not yet implemented", ZarrRuntimeWarning, stacklevel=2)
    zarr_format = zarr_version if zarr_format is None else zarr_format
    version = default_format() if zarr_format is None else zarr_format
    mode = "a" if mode is None else mode
    place = place_of(store, path, mode=mode, storage_options=storage_options)
    options = as_config(config)
    if write_empty_chunks is not None:
        if config is not None:
            warnings.warn(
                "Both write_empty_chunks and config keyword arguments are set; write_empty_chunks is used",
                ZarrUserWarning,
                stacklevel=2,
            )
        warnings.warn(
            "write_empty_chunks is an option of the open array; give config={'write_empty_chunks': ...}",
            ZarrRuntimeWarning,
            stacklevel=2,
        )
        options = as_config(options.to_dict() | {"write_empty_chunks": write_empty_chunks})
    if chunk_shape is not None:
        if chunks is not None:
            raise ValueError("give chunks or chunk_shape, not both")
        chunks = chunk_shape
    stages: dict[str, Option]
    if version == _V2:
        if codecs is not None:
            raise ValueError("Zarr format 2 arrays do not have codecs; give filters and compressor")
        stages = {"filters": "auto" if filters is None else filters, "compressor": compressor}
        if dimension_separator is not None:
            if chunk_key_encoding is not None:
                raise ValueError("give dimension_separator or chunk_key_encoding, not both")
            chunk_key_encoding = {"name": "v2", "separator": dimension_separator}
    else:
        if dimension_separator is not None:
            raise ValueError(
                "dimension_separator is for Zarr format 2; give chunk_key_encoding, such as ('default', '/')"
            )
        if filters is not None:
            raise ValueError("filters of `create` are for Zarr format 2; give codecs, or use create_array")
        if not _is_auto(compressor):
            raise ValueError(
                "the compressor of `create` is for Zarr format 2; give codecs, or use create_array"
            )
        stages = {"filters": "auto", "serializer": "auto", "compressors": "auto"}
        if codecs is not None:
            stages = {"codecs": list(codecs)}
    created = _create(
        place,
        shape=shape,
        dtype="float64" if dtype is None else dtype,
        chunks=_legacy_chunks(chunks, shape),
        shards=shards,
        stages=stages,
        fill_value=fill_value,
        order=order,
        version=version,
        attributes=attributes,
        chunk_key_encoding=chunk_key_encoding,
        dimension_names=dimension_names,
        overwrite=overwrite or mode == "w",
        config=options,
    )
    if data is not None:
        created[...] = data
    return created


def _legacy_chunks(chunks: Option, shape: Option) -> Option:
    """Return chunks as `create_array` takes them: here there may be fewer lengths than axes."""
    if chunks is None or chunks is True:
        return "auto"
    if isinstance(chunks, (tuple, list)) and not _is_nested(chunks):
        n_axes = len(normalize_shape(shape))
        return (*chunks, *[-1] * (n_axes - len(chunks)))
    return chunks


# -- short forms -------------------------------------------------------------------------------------


def zeros(shape: Option, **kwargs: Option) -> Array:
    """Create an array of zeros; see `create`."""
    return create(shape=shape, fill_value=0, **kwargs)


def ones(shape: Option, **kwargs: Option) -> Array:
    """Create an array of ones; see `create`."""
    return create(shape=shape, fill_value=1, **kwargs)


def full(shape: Option, fill_value: Elements, **kwargs: Option) -> Array:
    """Create an array of one value; see `create`."""
    return create(shape=shape, fill_value=fill_value, **kwargs)


def empty(shape: Option, **kwargs: Option) -> Array:
    """Create an array; see `create`."""
    return create(shape=shape, **kwargs)


def array(data: Elements, **kwargs: Option) -> Array:
    """Create an array that holds `data`; see `create`."""
    if isinstance(data, BaseArray):
        path = kwargs.pop("path", None)
        kwargs.setdefault("store", None)
        return from_array(data=data, name=path, **kwargs)
    if not hasattr(data, "shape") or not hasattr(data, "dtype"):
        data = np.asanyarray(data)
    kwargs.setdefault("shape", data.shape)
    theirs = getattr(data, "chunks", None)
    if kwargs.get("chunks") is None and isinstance(theirs, tuple) and not _is_nested(theirs):
        kwargs["chunks"] = theirs
    if kwargs.get("dtype") is None:
        kwargs["dtype"] = data.dtype
    created = create(**kwargs)
    if created.size:
        created[...] = data
    return created


def _like(a: Elements, kwargs: dict[str, Option]) -> dict[str, Option]:
    """Return the arguments of `create` for an array like another one; `kwargs` take precedence."""
    likeness: dict[str, Option] = {}
    if isinstance(getattr(a, "shape", None), tuple):
        likeness["shape"] = a.shape
    if hasattr(a, "dtype"):
        likeness["dtype"] = a.dtype
    version = kwargs.get("zarr_format")
    if isinstance(a, BaseArray):
        metadata = a.current_state().metadata
        version = a.zarr_format if version is None else version
        likeness |= {"chunks": metadata.chunks, "fill_value": a.fill_value, "zarr_format": version}
        likeness["dtype"] = zdtype_of(metadata)
        if metadata.rectilinear_axes is not None:
            likeness["chunks"] = _like_array(a, None)["kept"]["chunks"]
        if version == a.zarr_format:
            described = Array.of(a).metadata
            if isinstance(described, ArrayV2Metadata):
                likeness |= {
                    "compressor": described.compressor,
                    "filters": described.filters,
                    "order": a.order,
                }
            else:
                likeness["codecs"] = described.codecs
                if metadata.shards is not None:
                    likeness["chunks"] = metadata.shards
    elif isinstance(getattr(a, "chunks", None), tuple) and len(a.chunks) == len(a.shape):
        likeness["chunks"] = a.chunks
    return likeness | {
        name: value for name, value in kwargs.items() if value is not None or name == "fill_value"
    }


def zeros_like(a: Elements, **kwargs: Option) -> Array:
    """Create an array of zeros like another; see `create`."""
    return zeros(**_without(_like(a, kwargs), "fill_value"))


def ones_like(a: Elements, **kwargs: Option) -> Array:
    """Create an array of ones like another; see `create`."""
    return ones(**_without(_like(a, kwargs), "fill_value"))


def empty_like(a: Elements, **kwargs: Option) -> Array:
    """Create an array like another; see `create`."""
    return empty(**_like(a, kwargs))


def full_like(a: Elements, **kwargs: Option) -> Array:
    """Create an array of one value like another; see `create`."""
    likeness = _like(a, kwargs)
    if "fill_value" not in likeness:
        raise ValueError("give fill_value, or an array that has one")
    return full(**likeness)


def _without(arguments: dict[str, Option], name: str) -> dict[str, Option]:
    return {key: value for key, value in arguments.items() if key != name}


def open_like(a: Elements, path: str, *, zarr_format: Option = None, **kwargs: Option) -> Array:
    """Open an array; create it like another one if it does not exist; see `open_array`."""
    likeness = _like(a, {"zarr_format": zarr_format or default_format()})
    del likeness["zarr_format"]
    likeness |= kwargs
    if likeness.get("mode") is None:
        likeness["mode"] = "a"
    return open_array(path=path, zarr_format=zarr_format, **likeness)


# -- opening -----------------------------------------------------------------------------------------


def open_array(
    store: StoreLike = None,
    *,
    zarr_version: Option = None,
    zarr_format: Option = None,
    path: str = "",
    storage_options: dict[str, Option] | None = None,
    config: Option = None,
    **kwargs: Option,
) -> Array:
    """Open an array; with a mode that creates, create it if it does not exist.

    Parameters
    ----------
    store : mapping, store, StorePath, str, PathLike or None
        See `create_array`.
    zarr_format : {2, 3}, optional
        Version of the format; by default it is detected.
    path : str, optional
        Path in the store.
    storage_options, config : optional
        See `create_array`.
    **kwargs
        ``mode``, and arguments of `create`.

    Returns
    -------
    Array
        The array.

    Raises
    ------
    ArrayNotFoundError
        If there is no array.
    """
    mode = kwargs.pop("mode", None)
    zarr_format = zarr_version if zarr_format is None else zarr_format
    place = store, path = place_of(store, path, mode=mode, storage_options=storage_options)
    if "write_empty_chunks" in kwargs:
        warnings.warn(
            "write_empty_chunks is an option of the open array; give config={'write_empty_chunks': ...}",
            ZarrRuntimeWarning,
            stacklevel=2,
        )
    if mode != "w":
        node = Node(store, path, None, None, zarr_format)
        entry = node.load()
        if entry is not None and entry.kind == "array":
            if "write_empty_chunks" in kwargs and config is None:
                config = {"write_empty_chunks": kwargs["write_empty_chunks"]}
            opened = BaseArray.from_state(open_state(node, array_config(), entry.parse()))
            return Array.of(opened, config, read_only=mode == "r" or getattr(store, "read_only", False))
        if entry is not None and mode not in ("a", "w-"):
            raise NodeTypeValidationError(f"there is a group at {path!r}, not an array")
        if mode not in ("a", "w-") or getattr(store, "read_only", False):
            raise ArrayNotFoundError(path)
        if entry is not None:
            raise ContainsGroupError(path)
    del place
    return create(
        store=store,
        path=path,
        zarr_format=zarr_format or default_format(),
        overwrite=mode == "w",
        config=config,
        **kwargs,
    )


def open(
    store: StoreLike = None,
    *,
    mode: str | None = None,
    zarr_version: Option = None,
    zarr_format: Option = None,
    path: str | None = None,
    storage_options: dict[str, Option] | None = None,
    config: Option = None,
    **kwargs: Option,
) -> Array | BaseGroup:
    """Open an array or a group, whichever exists.

    Parameters
    ----------
    store : mapping, store, StorePath, str, PathLike or None
        See `create_array`.
    mode : {"r", "r+", "a", "w", "w-"}, optional
        How to open it. The default is "a", or "r" for a store that refuses changes.
    zarr_format : {2, 3}, optional
        Version of the format; by default it is detected.
    path : str, optional
        Path in the store.
    storage_options, config : optional
        See `create_array`.
    **kwargs
        Arguments of `open_array` or `open_group`.

    Returns
    -------
    Array or Group
        The array or group.
    """
    zarr_format = zarr_version if zarr_format is None else zarr_format
    if mode is None:
        mode = "r" if getattr(store, "read_only", False) is True else "a"
    store, path = place_of(store, path, mode=mode, storage_options=storage_options)
    if "shape" not in kwargs and mode in ("r", "r+", "a", "w"):
        kind = None if mode == "w" else Node(store, path, None, None, zarr_format).kind()
        if kind == "array":
            return open_array(store, mode=mode, path=path, zarr_format=zarr_format, config=config, **kwargs)
        if config is not None:
            raise TypeError("config are the options of an array; there is none, and groups have no options")
        return open_group(store, mode=mode, path=path, zarr_format=zarr_format, **kwargs)
    try:
        return open_array(store, mode=mode, path=path, zarr_format=zarr_format, config=config, **kwargs)
    except (KeyError, NodeTypeValidationError):
        if config is not None:
            raise TypeError("config are the options of an array, and there is a group") from None
        return open_group(store, mode=mode, path=path, zarr_format=zarr_format, **kwargs)


def _warn_ignored(**arguments: Option) -> None:
    for name, value in arguments.items():
        if value is not None:
            warnings.warn(f"{name} is not yet implemented", ZarrRuntimeWarning, stacklevel=3)


def open_group(
    store: StoreLike = None,
    *,
    mode: str = "a",
    cache_attrs: Option = None,
    synchronizer: Option = None,
    path: str | None = None,
    chunk_store: Option = None,
    storage_options: dict[str, Option] | None = None,
    zarr_version: Option = None,
    zarr_format: Option = None,
    meta_array: Option = None,
    attributes: dict[str, JSON] | None = None,
    use_consolidated: bool | str | None = None,
) -> Group:
    """Open a group; with a mode that creates, create it if it does not exist.

    Parameters
    ----------
    store : mapping, store, StorePath, str, PathLike or None
        See `create_array`.
    mode : {"r", "r+", "a", "w", "w-"}, optional
        How to open it.
    path : str, optional
        Path in the store.
    storage_options : dict, optional
        Options of the file system of a URL.
    zarr_format : {2, 3}, optional
        Version of the format; by default it is detected.
    attributes : dict, optional
        User attributes of a new group.
    use_consolidated : bool or str, optional
        Find members in consolidated metadata. True requires them; a text is their key in format 2.
    cache_attrs, synchronizer, chunk_store, meta_array : optional
        Have no effect.

    Returns
    -------
    Group
        The group.

    Raises
    ------
    GroupNotFoundError
        If there is no group.
    ValueError
        If there are no consolidated metadata, and they are required.
    """
    _warn_ignored(
        cache_attrs=cache_attrs, synchronizer=synchronizer, meta_array=meta_array, chunk_store=chunk_store
    )
    zarr_format = zarr_version if zarr_format is None else zarr_format
    store, path = place_of(store, path, mode=mode, storage_options=storage_options)
    is_read_only = mode == "r" or bool(getattr(store, "read_only", False))
    if mode in ("r", "r+", "a"):
        node = Node(store, path, None, None, zarr_format)
        kind = node.kind()
        if kind == "group":
            if use_consolidated:
                return _open_consolidated(store, path, use_consolidated, mode)
            return Group(GroupState(node, array_config(read_only=is_read_only)))
        if kind == "array" and mode in ("r", "r+"):
            raise NodeTypeValidationError(f"there is an array at {path!r}, not a group")
        if mode in ("r", "r+"):
            raise GroupNotFoundError(path)
    return create_group(
        store, path=path, zarr_format=zarr_format, attributes=attributes, overwrite=mode == "w"
    )


def _open_consolidated(store: Option, path: str, key: bool | str, mode: str) -> Group:
    from zarrcy.api import consolidate

    named = {"metadata_key": key} if isinstance(key, str) else {}
    try:
        opened = consolidate.open_consolidated(store, mode="r" if mode == "r" else "r+", path=path, **named)
    except NotConsolidatedError as exc:
        raise ValueError(f"there are no consolidated metadata at {path!r}: {exc}") from exc
    assert isinstance(opened, BaseGroup)
    return Group.of(opened)


def open_consolidated(*args: Option, use_consolidated: bool | str = True, **kwargs: Option) -> Group:
    """Open a group by its consolidated metadata; see `open_group`."""
    if use_consolidated is False:
        raise TypeError("use_consolidated must be True in open_consolidated; use open_group instead")
    kwargs.setdefault("mode", "r+")
    if args and getattr(args[0], "read_only", False) is True:
        kwargs["mode"] = "r"
    return open_group(*args, use_consolidated=use_consolidated, **kwargs)


def consolidate_metadata(store: StoreLike, path: str | None = None, zarr_format: Option = None) -> Group:
    """Consolidate the metadata of a hierarchy.

    Parameters
    ----------
    store : mapping, store, StorePath, str, PathLike
        See `create_array`.
    path : str, optional
        Path of the group.
    zarr_format : {2, 3}, optional
        Version of the format; by default it is detected.

    Returns
    -------
    Group
        The group, with the consolidated metadata.
    """
    from zarrcy.api import consolidate

    store, path = place_of(store, path)
    opened = consolidate.consolidate_metadata(store, path=path)
    assert isinstance(opened, BaseGroup)
    return Group.of(opened)


def group(
    store: StoreLike = None,
    *,
    overwrite: bool = False,
    chunk_store: Option = None,
    cache_attrs: Option = None,
    synchronizer: Option = None,
    path: str | None = None,
    zarr_version: Option = None,
    zarr_format: Option = None,
    meta_array: Option = None,
    attributes: dict[str, JSON] | None = None,
    storage_options: dict[str, Option] | None = None,
) -> Group:
    """Return a group; create it if it does not exist; see `open_group`."""
    zarr_format = zarr_version if zarr_format is None else zarr_format
    mode = "w" if overwrite else "a"
    found, below = place_of(store, path, mode=None if mode == "a" else mode, storage_options=storage_options)
    if getattr(found, "read_only", False) is True:
        mode = "r"
    return open_group(
        found,
        mode=mode,
        path=below,
        zarr_format=zarr_format,
        attributes=attributes,
        cache_attrs=cache_attrs,
        synchronizer=synchronizer,
        chunk_store=chunk_store,
        meta_array=meta_array,
    )


def create_group(
    store: StoreLike,
    *,
    path: str | None = None,
    zarr_format: Option = None,
    overwrite: bool = False,
    attributes: dict[str, JSON] | None = None,
    storage_options: dict[str, Option] | None = None,
) -> Group:
    """Create a group.

    Parameters
    ----------
    store : mapping, store, StorePath, str, PathLike or None
        A store, a dictionary, a path, a URL, or None for a new store in memory.
    path : str, optional
        Path in the store. The default is the root.
    zarr_format : {2, 3}, optional
        Version of the format.
    overwrite : bool, optional
        Delete what is there first.
    attributes : dict, optional
        User attributes.
    storage_options : dict, optional
        Options of the file system of a URL.

    Returns
    -------
    Group
        The group.

    Raises
    ------
    ContainsArrayError, ContainsGroupError
        If there is something at the path, and `overwrite` is false.

    See Also
    --------
    open_group : Open a group, or create it.

    Examples
    --------
    >>> import zarrcy
    >>> g = zarrcy.create_group({}, attributes={"title": "A"})
    >>> dict(g.attrs)
    {'title': 'A'}
    """
    version = default_format() if zarr_format is None else zarr_format
    store, path = place_of(store, path, mode="w" if overwrite else "a", storage_options=storage_options)
    if overwrite:
        _refuse_lasting(store, path)
    node = Node(store, path, None, None, version)
    with node.hierarchy_lock():
        node.create_group(overwrite, attributes or {})
    return Group(GroupState(node, array_config()))


def create_hierarchy(
    *, store: StoreLike, nodes: Mapping[str, Option], overwrite: bool = False
) -> Iterator[tuple[str, Option]]:
    """Create groups and arrays from their metadata.

    Parameters
    ----------
    store : mapping, store, StorePath, str or PathLike
        See `create_array`.
    nodes : mapping
        Metadata by path.
    overwrite : bool, optional
        Delete what is there first.

    Yields
    ------
    path : str
        A path.
    node : Array or Group
        What was created.
    """
    found, below = place_of(store)
    wanted = {path.strip("/"): node for path, node in nodes.items()}
    above = {"/".join(path.split("/")[:n]) for path in wanted for n in range(len(path.split("/")))}
    for missing in sorted(above - {"", *wanted}):
        version = next(node.zarr_format for name, node in wanted.items() if name.startswith(f"{missing}/"))
        wanted[missing] = None, version
    for path in sorted(wanted, key=lambda path: (path.count("/") if path else -1, path)):
        node = wanted[path]
        place = "/".join(part for part in (below, path) if part)
        if isinstance(node, tuple):
            if Node(found, place).kind() is None:
                yield path, create_group(found, path=place, zarr_format=node[1])
        elif hasattr(node, "shape"):
            yield path, create_described(found, place, node, overwrite)
        else:
            yield (
                path,
                create_group(
                    found,
                    path=place,
                    zarr_format=node.zarr_format,
                    attributes=dict(node.attributes),
                    overwrite=overwrite,
                ),
            )


def create_described(store: Option, path: str, described: Option, overwrite: bool) -> Array:
    """Create an array from its metadata."""
    common = {
        "attributes": dict(described.attributes),
        "overwrite": overwrite,
        "fill_value": described.fill_value,
    }
    if described.zarr_format == _V2:
        return create(
            described.shape,
            store=store,
            path=path,
            zarr_format=2,
            chunks=described.chunks,
            dtype=described.dtype,
            order=described.order,
            filters=described.filters,
            compressor=described.compressor,
            dimension_separator=described.dimension_separator,
            **common,
        )
    return create(
        described.shape,
        store=store,
        path=path,
        zarr_format=3,
        chunks=described.chunk_grid,
        dtype=described.data_type,
        codecs=described.codecs,
        dimension_names=described.dimension_names,
        chunk_key_encoding=described.chunk_key_encoding,
        **common,
    )


def get_node(store: StoreLike, path: str, zarr_format: Option) -> Array | BaseGroup:
    """Return the array or the group at a path.

    Parameters
    ----------
    store : mapping, store, StorePath, str or PathLike
        See `create_array`.
    path : str
        Path in the store.
    zarr_format : {2, 3}
        Version of the format.

    Returns
    -------
    Array or Group
        The node.

    Raises
    ------
    NodeNotFoundError
        If there is nothing.
    """
    store, path = place_of(store, path)
    kind = Node(store, path, None, None, zarr_format).kind()
    if kind is None:
        raise PathNotFoundError(path)
    mode = "r" if getattr(store, "read_only", False) is True else "r+"
    return (open_array if kind == "array" else open_group)(
        store, path=path, zarr_format=zarr_format, mode=mode
    )


# -- saving and loading ------------------------------------------------------------------------------


def save_array(
    store: StoreLike,
    arr: Elements,
    *,
    zarr_version: Option = None,
    zarr_format: Option = None,
    path: str | None = None,
    storage_options: dict[str, Option] | None = None,
    **kwargs: Option,
) -> None:
    """Save an array.

    Parameters
    ----------
    store : mapping, store, StorePath, str or PathLike
        See `create_array`.
    arr : array_like
        The elements.
    zarr_format : {2, 3}, optional
        Version of the format.
    path : str, optional
        Path in the store.
    storage_options : dict, optional
        Options of the file system of a URL.
    **kwargs
        Arguments of `create`.
    """
    if not isinstance(arr, (np.ndarray, BaseArray)) and not (hasattr(arr, "shape") and hasattr(arr, "dtype")):
        raise TypeError("arr argument must be numpy or other NDArrayLike array")
    zarr_format = zarr_version if zarr_format is None else zarr_format
    mode = kwargs.pop("mode", "a")
    found, below = place_of(store, path, mode=mode, storage_options=storage_options)
    overwrite = kwargs.pop("overwrite", True) if access.is_erasable(found) else kwargs.pop("overwrite", False)
    data = np.asarray(arr)
    created = create(
        store=found,
        path=below,
        zarr_format=zarr_format,
        shape=data.shape,
        dtype=data.dtype,
        overwrite=overwrite,
        **kwargs,
    )
    if created.size:
        created[...] = data


def save_group(
    store: StoreLike,
    *args: Elements,
    zarr_version: Option = None,
    zarr_format: Option = None,
    path: str | None = None,
    storage_options: dict[str, Option] | None = None,
    **kwargs: Elements,
) -> None:
    """Save several arrays in a group.

    Parameters
    ----------
    store : mapping, store, StorePath, str or PathLike
        See `create_array`.
    *args : array_like
        Arrays that get the names ``arr_0``, ``arr_1`` ...
    zarr_format : {2, 3}, optional
        Version of the format.
    path : str, optional
        Path in the store.
    storage_options : dict, optional
        Options of the file system of a URL.
    **kwargs
        Arrays by name.
    """
    for one in (*args, *kwargs.values()):
        if not hasattr(one, "shape") or not hasattr(one, "dtype"):
            raise TypeError("all arguments must be numpy or other NDArrayLike arrays")
    if not args and not kwargs:
        raise ValueError("at least one array must be provided")
    zarr_format = zarr_version if zarr_format is None else zarr_format
    found, below = place_of(store, path, mode="w", storage_options=storage_options)
    saved = group(found, path=below, zarr_format=zarr_format, overwrite=True)
    for name, one in {**{f"arr_{i}": arg for i, arg in enumerate(args)}, **kwargs}.items():
        save_array(saved.store_path / name, one, zarr_format=saved.zarr_format)


def save(
    store: StoreLike,
    *args: Elements,
    zarr_version: Option = None,
    zarr_format: Option = None,
    path: str | None = None,
    **kwargs: Elements,
) -> None:
    """Save an array, or several in a group; see `save_array` and `save_group`."""
    zarr_format = zarr_version if zarr_format is None else zarr_format
    if len(args) == 1 and not kwargs:
        save_array(store, args[0], zarr_format=zarr_format, path=path)
    else:
        save_group(store, *args, zarr_format=zarr_format, path=path, **kwargs)


def load(
    store: StoreLike,
    path: str | None = None,
    zarr_format: Option = None,
    zarr_version: Option = None,
) -> Option:
    """Return the elements of an array, or those of the arrays of a group by name.

    Parameters
    ----------
    store : mapping, store, StorePath, str or PathLike
        See `create_array`.
    path : str, optional
        Path in the store.
    zarr_format : {2, 3}, optional
        Version of the format; by default it is detected.

    Returns
    -------
    numpy.ndarray or dict
        The elements.
    """
    version = zarr_version if zarr_format is None else zarr_format
    found, below = place_of(store, path)
    opened = open(
        found,
        path=below,
        zarr_format=version,
        mode="r" if getattr(found, "read_only", False) is True else "r+",
    )
    if isinstance(opened, BaseArray):
        return opened[...]
    from zarrcy.api.save import LazyLoader

    return LazyLoader(opened)


def tree(grp: Option, expand: bool | None = None, level: int | None = None) -> GroupTree:
    """Draw a hierarchy; see `zarrcy.tree`."""
    from zarrcy.zarr3.tree import GroupTree

    return GroupTree(grp, expand=bool(expand), level=level)


def print_debug_info() -> None:
    """Print the versions of the packages and the settings."""
    from zarrcy.api.show_config import show_config

    show_config()
