"""The metadata of new arrays in Zarr v2, from the arguments of `zarrcy.create` or from an array of another format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zarrcy.codecs import as_codec
from zarrcy.codecs.configured import DEFAULT, get_codec
from zarrcy.codecs.typed_blosc import is_own
from zarrcy.errors import BadCompressorError, MetadataError
from zarrcy.metadata.array_metadata import ArrayMetadata
from zarrcy.metadata.array_spec import ArraySpec, CodecLike
from zarrcy.metadata.codec_parameters import numcodecs_config, stored_itemsize
from zarrcy.metadata.codec_trial import OBJECT_CODECS, check_codecs
from zarrcy.metadata.json_member import Member
from zarrcy.metadata.v2 import convert, dtypes
from zarrcy.metadata.v2.documents import ARRAY_KEY, chunk_keys, stages_of
from zarrcy.types import JSON, AnyDtype, Codec, Elements


def describe_array(request: ArraySpec) -> ArrayMetadata:
    """Return the metadata of a new array.

    Raises
    ------
    ValueError
        If v2 cannot describe the array.
    """
    request.refuse("codecs", version=2, remedy="give filters and compressor, or zarr_format=3")
    request.refuse("chunk_key_encoding", version=2, remedy="give dimension_separator, or zarr_format=3")
    request.refuse(
        "dimension_names",
        version=2,
        remedy="give zarr_format=3, or the attribute _ARRAY_DIMENSIONS as xarray does",
    )
    request.refuse("shards", version=2, remedy="give zarr_format=3")
    order = request.order.upper() if isinstance(request.order, str) else request.order
    if order not in ("C", "F"):
        raise ValueError(f"order is {order!r}; it must be 'C' or 'F'")
    separator = (
        request.dimension_separator if request.dimension_separator is not None else request.default_separator
    )
    if separator not in (None, ".", "/"):
        raise ValueError(f"dimension_separator is {separator!r}; it must be '.' or '/'")
    dtype, fill_value = request.dtype, request.fill_value
    dtypes.check_dtype(dtype)
    filters = _filters(request.filters, request.object_codec, dtype)
    if filters and filters[0].codec_id == "vlen-bytes" and isinstance(fill_value, str) and fill_value:
        raise ValueError(f"fill value {fill_value!r} is a str; the elements are bytes")
    # zarr-python 2 does not compress the single element of an array without axes
    compressor = _as_compressor(request.compressor) if request.shape else None
    filters, compressor = _with_valid_parameters(filters, compressor, dtype)
    if request.checksum:
        filters += _checksum_filters(compressor, dtype)
    description = ArrayMetadata(
        shape=request.shape,
        chunk_shape=request.chunk_shape,
        dtype=dtype,
        fill_value=dtypes.normalize_fill_value(fill_value, dtype),
        stages=stages_of(order, filters, compressor, len(request.shape)),
        chunk_keys=chunk_keys(separator or ".", stated=separator is not None),
    )
    check_codecs(description)
    return description


def create_kwargs_like(description: ArrayMetadata, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the format-specific arguments of `zarrcy.create` for an array like another; v2 has none."""
    return {}


def translate(description: ArrayMetadata) -> ArrayMetadata:
    """Return the metadata in v2 of an array of another format with the same stored chunks; their keys may differ.

    Raises
    ------
    ValueError
        If the stored chunks would have to change.
    """
    dtype = convert.dtype_of(description)
    filters, compressor = convert.codecs_of_stages(description)
    order = convert.order_of(description)
    return ArrayMetadata(
        shape=description.shape,
        chunk_shape=description.chunk_shape,
        dtype=dtype,
        fill_value=dtypes.normalize_fill_value(description.fill_value_or_zero, dtype),
        stages=stages_of(order, filters, compressor, len(description.shape)),
        chunk_keys=chunk_keys(description.chunk_keys.separator, stated=True),
    )


def apply_conventions(
    description: ArrayMetadata, attributes: Mapping[str, JSON]
) -> tuple[ArrayMetadata, dict[str, JSON]]:
    """Return the metadata and attributes of an array of another format, as xarray spells them in this one."""
    from zarrcy.metadata.xarray_convention import to_v2

    return to_v2(description, attributes)


def normalize_fill_value(description: ArrayMetadata, value: Elements) -> Elements:
    """Return a user's fill value as a scalar of the array's data type."""
    return dtypes.normalize_fill_value(value, description.dtype)


def _as_compressor(compressor: CodecLike | None) -> Codec | None:
    if compressor is None:
        return None
    if isinstance(compressor, str) and compressor == "default":
        return get_codec(DEFAULT)
    try:
        return as_codec(compressor)
    except ValueError as exc:
        raise BadCompressorError(compressor, str(exc)) from exc


# Configurations, with the size of an element, whose parameters were checked: checking one takes a tenth of a creation.
_VALID: set[tuple[object, ...]] = set()
_MOST_VALID = 256


def _with_valid_parameters(
    filters: list[Codec], compressor: Codec | None, dtype: AnyDtype
) -> tuple[list[Codec], Codec | None]:
    """Return the filters and the compressor, with the parameters that documents state."""
    itemsize = dtype.itemsize
    valid = []
    for i, codec in enumerate(filters):
        valid.append(_with_valid_config(codec, f"filters[{i}]", itemsize))
        itemsize = stored_itemsize(valid[-1].get_config(), itemsize)
    return valid, compressor and _with_valid_config(compressor, "compressor", itemsize)


def _with_valid_config(codec: Codec, argument: str, itemsize: int) -> Codec:
    if not is_own(codec):
        return codec
    config = dict(codec.get_config())
    # most arrays have one of a few configurations; 1, 1.0 and True are different parameters
    seen = tuple((name, type(value), value) for name, value in config.items()) + (itemsize,)
    try:
        if seen in _VALID:
            return codec
    except TypeError:
        # a parameter that is a list or an object
        seen = ()
    try:
        valid = numcodecs_config(Member(ARRAY_KEY, argument, config), itemsize)
    except MetadataError as exc:
        raise ValueError(exc.problem) from exc
    if valid != config:
        return as_codec(valid)
    if seen and len(_VALID) < _MOST_VALID:
        _VALID.add(seen)
    return codec


def _checksum_filters(compressor: Codec | None, dtype: AnyDtype) -> list[Codec]:
    """Return the filters that add a checksum.

    Filters are the only place: the one place after them is that of the compressor. CRC-32C needs an additional
    package in other readers; every version of numcodecs has this CRC-32.
    """
    import numcodecs

    checksum: Codec = numcodecs.CRC32()
    shuffle = {} if compressor is None else compressor.get_config()
    if shuffle.get("shuffle", 0) and dtype.itemsize > 1 and not dtype.hasobject:
        # Blosc gets single bytes from the checksum; without a shuffle before it, they would compress badly
        return [numcodecs.Shuffle(dtype.itemsize), checksum]
    return [checksum]


def _filters(
    filters: Sequence[CodecLike] | None,
    object_codec: CodecLike | None,
    dtype: AnyDtype,
) -> list[Codec]:
    codecs = [as_codec(codec) for codec in (filters or [])]
    if not dtype.hasobject:
        return codecs
    if object_codec is not None:
        first = as_codec(object_codec)
        if not codecs or codecs[0].codec_id not in OBJECT_CODECS:
            codecs.insert(0, first)
        elif codecs[0].get_config() != first.get_config():
            raise ValueError(
                f"object_codec={first!r} and the first of the filters, {codecs[0]!r}, both encode objects; give one of "
                "them, and dtype=object with another codec than that of text or bytes"
            )
    if dtype.kind != "O" and not codecs:
        raise ValueError(
            f"missing object_codec: data type {dtype} holds objects in fields, which only the codec Pickle encodes; "
            "give object_codec=numcodecs.Pickle(), or make each field an array of its own"
        )
    if not codecs:
        raise ValueError(
            "missing object_codec for object array: give one, as in object_codec=numcodecs.VLenUTF8(), "
            "or dtype=str for text"
        )
    if dtype.kind != "O" and codecs[0].codec_id != "pickle":
        raise ValueError(
            f"data type {dtype} holds objects in fields, which only the codec Pickle encodes, not {codecs[0]!r}; make "
            "each field an array of its own"
        )
    return codecs
