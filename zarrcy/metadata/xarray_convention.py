"""Where xarray stores dimension names and the value of missing elements, in Zarr v2 and in v3.

=================  ================================  ==========================================================
.                  v2                                v3
=================  ================================  ==========================================================
dimension names    attribute ``_ARRAY_DIMENSIONS``   member ``dimension_names``
missing elements   ``fill_value``; null if no value  attribute ``_FillValue``: floats as base64 of eight bytes,
                   means "missing"                   complex numbers as two of these, bytes as base64, others plain
=================  ================================  ==========================================================

So in v2 the fill value has two meanings: elements that were never written, and elements that are missing. In v3 it has
only the first. A conversion that keeps the fill value alone would turn missing elements into numbers, or zeros into
missing elements.

The convention is that of xarray (``xarray.backends.zarr``, ``FillValueCoder``); it is not part of a specification. An
array without the names of all its axes does not follow it.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np

from zarrcy.metadata.array_metadata import DIMENSIONS_ATTRIBUTE, ArrayMetadata
from zarrcy.metadata.v2.dtypes import normalize_fill_value
from zarrcy.types import JSON, AnyDtype, Elements

MISSING_ATTRIBUTE = "_FillValue"

# Data types of elements for which xarray has a spelling of the attribute.
_SPELLED = "biufcSUO"


def to_v3(
    description: ArrayMetadata, attributes: Mapping[str, JSON]
) -> tuple[ArrayMetadata, dict[str, JSON]]:
    """Return the metadata and attributes for v3 of an array of a format without dimension names.

    >>> from zarrcy.metadata import v2
    >>> before = v2.parse_array(b'{"zarr_format": 2, "shape": [3], "chunks": [3], "dtype": "<f4", "fill_value": -1,'
    ...     b'"order": "C", "filters": null, "compressor": null}', ".zarray")
    >>> after, attributes = to_v3(before, {"_ARRAY_DIMENSIONS": ["x"], "units": "K"})
    >>> after.dimension_names, attributes
    (('x',), {'units': 'K', '_FillValue': 'AAAAAAAA8L8='})
    """
    attributes = dict(attributes)
    names = attributes.get(DIMENSIONS_ATTRIBUTE)
    if (
        description.dimension_names is not None
        or not isinstance(names, list)
        or len(names) != len(description.shape)
        or not all(isinstance(name, str) for name in names)
    ):
        return description, attributes
    del attributes[DIMENSIONS_ATTRIBUTE]
    missing = description.fill_value
    if missing is None:
        missing = attributes.get(MISSING_ATTRIBUTE)
    if missing is not None and description.dtype.kind in _SPELLED:
        # what is not a value of an element stays as it is
        with suppress(ValueError):
            attributes[MISSING_ATTRIBUTE] = encode_missing(missing, description.dtype)
    return replace(description, dimension_names=tuple(map(str, names))), attributes


def to_v2(
    description: ArrayMetadata, attributes: Mapping[str, JSON]
) -> tuple[ArrayMetadata, dict[str, JSON]]:
    """Return the metadata and attributes for a format without dimension names of an array of v3.

    The fill value may become another one, or null. Elements that were never written must then be written.
    """
    attributes = dict(attributes)
    names, before = description.dimension_names, description.fill_value
    description = replace(description, dimension_names=None)
    if names is None or None in names:
        return description, attributes
    attributes[DIMENSIONS_ATTRIBUTE] = [str(name) for name in names]
    if description.dtype.kind not in _SPELLED:
        return description, attributes
    missing: Elements = None
    if MISSING_ATTRIBUTE in attributes:
        try:
            missing = decode_missing(attributes[MISSING_ATTRIBUTE], description.dtype)
        except ValueError:
            # readers of v3 refuse the attribute; it stays what it is
            return description, attributes
        del attributes[MISSING_ATTRIBUTE]
    if _is_nan(before) and (missing is None or _is_nan(missing)):
        # to mask elements that are not numbers anyway changes nothing
        return description, attributes
    return replace(description, fill_value=missing), attributes


def encode_missing(value: Elements, dtype: AnyDtype) -> JSON:
    """Return the attribute of v3 for the value of missing elements.

    Raises
    ------
    ValueError
        If no element has this value.

    >>> encode_missing(-1.0, np.dtype("f4")), encode_missing(b"x", np.dtype("S1")), encode_missing(7, np.dtype("u1"))
    ('AAAAAAAA8L8=', 'eA==', 7)
    """
    if dtype.kind == "O":
        if isinstance(value, bytes):
            return _encode_base64(value)
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is neither a text nor bytes")
        return value
    scalar = normalize_fill_value(value, dtype)
    if dtype.kind == "f":
        return _encode_float(float(scalar))
    if dtype.kind == "c":
        return [_encode_float(float(scalar.real)), _encode_float(float(scalar.imag))]
    if dtype.kind == "S":
        return _encode_base64(bytes(scalar))
    plain: JSON = scalar.item()
    return plain


def decode_missing(attribute: JSON, dtype: AnyDtype) -> Elements:
    """Return the value of missing elements that an attribute of v3 states.

    Raises
    ------
    ValueError
        If the attribute does not have the form of this data type.

    >>> decode_missing("AAAAAAAA8L8=", np.dtype("f4"))
    np.float32(-1.0)
    """
    value: Elements = attribute
    if dtype.kind == "f":
        value = _decode_float(attribute)
    elif dtype.kind == "c":
        if not isinstance(attribute, list) or len(attribute) != 2:
            raise ValueError(f"{attribute!r} is not a list of two texts")
        value = complex(_decode_float(attribute[0]), _decode_float(attribute[1]))
    elif dtype.kind == "S":
        value = _decode_base64(attribute)
    elif dtype.kind in "UO" and not isinstance(attribute, str):
        raise ValueError(f"{attribute!r} is not a text")
    return normalize_fill_value(value, dtype)


def _encode_float(value: float) -> str:
    return _encode_base64(np.array(value, "<f8").tobytes())


def _decode_float(text: JSON) -> float:
    data = _decode_base64(text)
    if len(data) != 8:
        raise ValueError(f"{text!r} does not have the eight bytes of a float")
    return float(np.frombuffer(data, "<f8")[0])


def _encode_base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _decode_base64(text: JSON) -> bytes:
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not a text in base64")  # noqa: TRY004 (as other malformed values)
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as exc:
        raise ValueError(f"{text!r} is not a text in base64") from exc


def _is_nan(value: Elements) -> bool:
    return isinstance(value, np.inexact) and bool(np.isnan(value))
