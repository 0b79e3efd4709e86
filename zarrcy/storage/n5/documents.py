"""Conversion of metadata between N5 and Zarr v2.

Source: the N5 specification (github.com/saalfeldlab/n5, README), and the documents that zarr-python 2 writes. N5 has
one document, ``attributes.json``; it corresponds to ``.zarray``, ``.zgroup`` and ``.zattrs`` of v2.
"""

from __future__ import annotations

import json
import warnings

import numpy as np

from zarrcy.errors import MetadataError
from zarrcy.types import JSON, AnyDtype, Key

N5_FORMAT = "2.0.0"
N5_VERSION = "n5"
OLD_COMPRESSION = "compressionType"
N5_KEYWORDS = (N5_VERSION, "dataType", "dimensions", "blockSize", "compression", OLD_COMPRESSION)
"""Members of ``attributes.json`` that are not attributes of the user."""
# The names of zarr-python 2, whose programs import them.
n5_attrs_key, n5_keywords = "attributes.json", N5_KEYWORDS

Document = dict[str, JSON]

_KINDS = "biufmM"
# What a document before version 2 of N5 means, which states the type of compression only.
_OLD_COMPRESSIONS: dict[str, Document] = {
    "raw": {"type": "raw"},
    "gzip": {"type": "gzip", "level": -1},
    "bzip2": {"type": "bzip2", "blockSize": 9},
    "xz": {"type": "xz", "preset": 6},
    "lz4": {"type": "lz4", "blockSize": 65536},
}
_BZIP2_BLOCKS = 9
_LZ4_BLOCK = 65536
_ZSTD_LEVEL = 3
_LZMA_XZ = 1
_LZMA_XZ_CHECKS = (-1, 4)
_LZMA_PRESET = 6
_LZMA_MEMBERS = ("format", "check", "filters")
_BLOSC_MEMBERS = ("cname", "clevel", "shuffle", "blocksize")


def dump(document: Document) -> bytes:
    """Return the bytes of a document, formatted like zarr-python 2."""
    text = json.dumps(document, indent=4, sort_keys=True, separators=(",", ": "), ensure_ascii=False)
    # surrogates without a partner do not exist in UTF-8
    return text.encode("utf-8", "backslashreplace")


def is_array(n5: Document) -> bool:
    """Return whether a document describes an array."""
    return "dimensions" in n5


def attributes_of(n5: Document) -> Document:
    """Return the attributes of the user.

    Examples
    --------
    >>> attributes_of({"n5": "2.0.0", "unit": "m"})
    {'unit': 'm'}
    """
    return {name: value for name, value in n5.items() if name not in N5_KEYWORDS}


def check_attributes(attributes: Document) -> None:
    """Raise an error for attributes that would replace members of the metadata.

    Raises
    ------
    ValueError
        If an attribute has the name of a member that N5 reserves.
    """
    for name in N5_KEYWORDS:
        if name in attributes:
            raise ValueError(
                f"{name!r} is a reserved N5 keyword and can't be an attribute; choose another name"
            )


# -- arrays ----------------------------------------------------------------------------------------


def array_to_n5(zarray: Document, is_root: bool) -> Document:
    """Return the N5 metadata of an array from its ``.zarray`` document.

    Raises
    ------
    TypeError
        If N5 does not support the data type.
    ValueError
        If N5 does not support the fill value, the order or the filters.

    Examples
    --------
    >>> array_to_n5({"shape": [5, 7], "chunks": [2, 3], "dtype": "<i4", "compressor": None}, False)
    {'dimensions': [7, 5], 'blockSize': [3, 2], 'dataType': 'int32', 'compression': {'type': 'raw'}}
    """
    fill_value = zarray.get("fill_value")
    if fill_value is not None and fill_value != 0:
        raise ValueError(f"fill_value is {fill_value!r}; N5 only supports 0")
    if zarray.get("order", "C") != "C":
        raise ValueError(f"order is {zarray['order']!r}; N5 only supports 'C'")
    if zarray.get("filters"):
        names = [config["id"] for config in zarray["filters"]]
        raise ValueError(f"filters are {names}; N5 does not support filters, including checksums")
    members = {
        "dimensions": zarray["shape"][::-1],
        "blockSize": zarray["chunks"][::-1],
        "dataType": _data_type(zarray["dtype"]),
        "compression": compressor_to_n5(zarray["compressor"]),
    }
    return {**members, "n5": N5_FORMAT} if is_root else members


def restated(n5: Document, members: Document, key: Key) -> Document:
    """Return members of an array that change, except those that the stored document states in another spelling.

    Parameters
    ----------
    n5 : dict
        The stored document.
    members : dict
        What `array_to_n5` returned.
    key : str
        Key of the document, for errors.
    """
    if not is_array(n5):
        return members
    before = {N5_VERSION: N5_FORMAT} | array_to_n5(array_to_zarr(n5, key), is_root=False)
    return {name: value for name, value in members.items() if before[name] != value}


def _data_type(dtype: JSON) -> str:
    """Return the name of a data type in N5, which does not include a byte order."""
    native = np.dtype(dtype).newbyteorder("=") if isinstance(dtype, str) else None
    if native is None or native.kind not in _KINDS:
        raise TypeError(f"data type {dtype!r} is not supported by N5, which only has integers and floats")
    return native.name


def lengths_of(n5: Document, name: str, key: Key) -> list[JSON]:
    """Return a member that is a list with one item per axis."""
    lengths = n5[name]
    if not isinstance(lengths, list):
        raise MetadataError(key, f"{name!r} is {lengths!r}, not a list")
    return lengths


def _dtype_of(data_type: JSON, key: Key) -> AnyDtype:
    problem = f"'dataType' is {data_type!r}, which is not a numeric type"
    if not isinstance(data_type, str):
        raise MetadataError(key, problem)
    try:
        dtype: AnyDtype = np.dtype(data_type)
    except (TypeError, ValueError) as exc:
        raise MetadataError(key, problem) from exc
    if dtype.kind not in _KINDS:
        raise MetadataError(key, problem)
    return dtype


def array_to_zarr(n5: Document, key: Key) -> Document:
    """Return the ``.zarray`` document of an array.

    Raises
    ------
    MetadataError
        If members of the N5 document are missing or invalid.
    """
    if "compression" not in n5 and OLD_COMPRESSION in n5:
        old = n5[OLD_COMPRESSION]
        if not isinstance(old, str) or old not in _OLD_COMPRESSIONS:
            raise MetadataError(
                key, f"{OLD_COMPRESSION!r} is {old!r}; it must be one of {', '.join(_OLD_COMPRESSIONS)}"
            )
        n5 = {**n5, "compression": _OLD_COMPRESSIONS[old]}
    missing = {"dimensions", "blockSize", "dataType", "compression"} - set(n5)
    if missing:
        raise MetadataError(key, f"it lacks {', '.join(map(repr, sorted(missing)))}")
    shape, chunks = (lengths_of(n5, name, key)[::-1] for name in ("dimensions", "blockSize"))
    dtype = _dtype_of(n5["dataType"], key)
    try:
        config = compressor_to_zarr(n5["compression"])
    except (KeyError, TypeError) as exc:
        raise MetadataError(key, f"'compression' is {n5['compression']!r}, which lacks {exc}") from exc
    return {
        "zarr_format": 2,
        "shape": shape,
        "chunks": chunks,
        "dtype": dtype.str,
        # N5 has no fill value; elements that were never written are 0
        "fill_value": np.zeros((), dtype).item() if dtype.kind == "b" else 0,
        "order": "C",
        "filters": [],
        "dimension_separator": ".",
        "compressor": {
            "id": "n5_wrapper",
            "compressor_config": config,
            "dtype": dtype.str,
            "chunk_shape": chunks,
        },
    }


# -- compressors -----------------------------------------------------------------------------------


def compressor_to_n5(config: Document | None) -> Document:
    """Return the N5 compression for a numcodecs configuration.

    Examples
    --------
    >>> compressor_to_n5({"id": "zlib", "level": 3})
    {'type': 'gzip', 'level': 3, 'useZlib': True}
    """
    if config is not None and config["id"] == "n5_wrapper":
        config = config["compressor_config"]
    if config is None:
        return {"type": "raw"}
    match config["id"]:
        case "bz2":
            return {"type": "bzip2", "blockSize": config["level"]}
        case "blosc":
            return {"type": "blosc", **{name: config[name] for name in _BLOSC_MEMBERS}}
        case "n5_lz4":
            return {"type": "lz4", "blockSize": config["block_size"]}
        case "gzip" | "zlib" as name:
            return {"type": "gzip", "level": config["level"], "useZlib": name == "zlib"}
        case "lzma":
            preset = config["preset"] or _LZMA_PRESET
            if config["format"] == _LZMA_XZ and config["check"] in _LZMA_XZ_CHECKS:
                return {"type": "xz", "preset": preset}
            warnings.warn(
                "other programs that read N5 may not know LZMA in this format; the default format is in wide use",
                RuntimeWarning,
                stacklevel=2,
            )
            return {"type": "lzma", "preset": preset, **{name: config[name] for name in _LZMA_MEMBERS}}
    return {"type": config["id"], **config}


def compressor_to_zarr(compression: Document) -> Document | None:
    """Return the numcodecs configuration for an N5 compression.

    Examples
    --------
    >>> compressor_to_zarr({"type": "xz", "preset": 6})
    {'id': 'lzma', 'format': 1, 'check': -1, 'preset': 6, 'filters': None}
    """
    match compression["type"]:
        case "raw":
            return None
        case "bzip2":
            return {"id": "bz2", "level": compression.get("blockSize", _BZIP2_BLOCKS)}
        case "blosc":
            return {"id": "blosc", **{name: compression[name] for name in _BLOSC_MEMBERS}}
        case "gzip":
            return {
                "id": "zlib" if compression.get("useZlib") else "gzip",
                "level": compression.get("level", -1),
            }
        case "xz":
            preset = compression.get("preset", _LZMA_PRESET)
            return {"id": "lzma", "format": _LZMA_XZ, "check": -1, "preset": preset, "filters": None}
        case "lzma":
            return {"id": "lzma", **{name: compression[name] for name in (*_LZMA_MEMBERS, "preset")}}
        case "lz4" if "acceleration" not in compression:
            # the format of Java; zarr-python 2 writes another one, with an acceleration
            return {"id": "n5_lz4", "block_size": compression.get("blockSize", _LZ4_BLOCK)}
        case "zstd":
            # some writers add more members, which a reader does not need
            return {"id": "zstd", "level": compression.get("level", _ZSTD_LEVEL)}
    members = {name: value for name, value in compression.items() if name != "type"}
    return {"id": compression["type"], **members}
