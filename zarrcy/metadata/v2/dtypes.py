"""Data types and fill values: from users to NumPy, and between NumPy and the JSON of v2 documents."""

from __future__ import annotations

import math
import re
from functools import lru_cache

import numpy as np

from zarrcy.codecs.elements import is_ml_dtype
from zarrcy.types import JSON, AnyDtype, Elements

# Typestrings of NumPy's array protocol. Other forms that NumPy accepts are refused: documents are not trusted.
_TYPESTR = re.compile(r"[<>|=]?[biufcmMSUVO]\d{0,9}(\[\d{0,9}(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as|generic)\])?")
_MAX_DEPTH = 32
MAX_ITEM_NBYTES = 2**26
"""Largest length of an element, in bytes. The fill value is one, so the limit bounds the memory that it takes."""
# Numbers of a fill value that is text. Their length is bounded, because int() takes quadratic time.
_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,40}(\.\d{0,40})?([eE][+-]?\d{1,3})?", re.ASCII)
_NAT = -(2**63)
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode_dtype(dtype: AnyDtype) -> JSON:
    """Return a data type in the form of v2 documents: a typestring, or a list of fields.

    >>> encode_dtype(np.dtype([("x", "<f4"), ("y", "<i2", (2,))]))
    [['x', '<f4'], ['y', '<i2', [2]]]
    """
    if dtype.fields is None:
        return dtype.str
    fields: list[JSON] = []
    for name in dtype.names or ():
        field = dtype.fields[name][0]
        inner, shape = (field, None) if field.subdtype is None else field.subdtype
        fields.append([name, encode_dtype(inner), *([list(shape)] if shape else [])])
    return fields


def packed(dtype: AnyDtype) -> AnyDtype:
    """Return a data type whose fields follow one another in their order, without gaps, titles and metadata.

    >>> packed(np.dtype([("a", "u1"), ("b", ">f8")], align=True))
    dtype([('a', 'u1'), ('b', '>f8')])
    """
    if dtype.subdtype is not None:
        inner, shape = dtype.subdtype
        return np.dtype((packed(inner), shape))
    if dtype.fields is None:
        return dtype if dtype.metadata is None else np.dtype(dtype.str)
    return np.dtype([(name, packed(dtype.fields[name][0])) for name in dtype.names or ()])


def decode_dtype(value: JSON) -> AnyDtype:
    """Return the data type that a v2 document states.

    Raises
    ------
    ValueError
        If it is not a data type that v2 has.
    """
    dtype: AnyDtype = np.dtype(_descr_of(value, 0))
    if dtype.char == "c":
        raise ValueError(f"{value!r} is not a data type; give it a length, as in '|S1' or '<c16'")
    check_dtype(dtype)
    return dtype


def check_dtype(dtype: AnyDtype) -> None:
    """Raise an error for a data type that v2 does not have, or whose elements have no bytes or too many.

    Raises
    ------
    ValueError
        For such a data type.
    """
    if _has_ml_dtype(dtype):
        raise ValueError(f"Zarr v2 does not have the data type {dtype}; give zarr_format=3")
    if dtype.itemsize > MAX_ITEM_NBYTES:
        raise ValueError(
            f"its elements have {dtype.itemsize} bytes, more than {MAX_ITEM_NBYTES}; give the array one more axis"
        )
    if dtype.itemsize == 0:
        raise ValueError(f"data type {dtype.str!r} has elements of 0 bytes; give it a length, as in 'S10'")
    if dtype.kind in "mM" and np.datetime_data(dtype)[0] == "generic":
        raise ValueError(f"data type {dtype.str!r} has no unit; give it one, as in '{dtype.kind}8[ns]'")


def _has_ml_dtype(dtype: AnyDtype) -> bool:
    if dtype.fields is not None:
        return any(_has_ml_dtype(field[0]) for field in dtype.fields.values())
    return is_ml_dtype(dtype.base)


def _descr_of(value: JSON, depth: int) -> JSON:
    if isinstance(value, str):
        if _TYPESTR.fullmatch(value) is None:
            raise ValueError(f"{value!r} is not a data type of NumPy's array protocol, such as '<f4'")
        return value
    if not isinstance(value, list) or not value or depth > _MAX_DEPTH:
        raise ValueError(f"{value!r} is not a data type; it must be a string or a list of fields")
    from zarrcy.metadata.json_member import MAX_FIELDS  # few arrays have fields

    if len(value) > MAX_FIELDS:
        raise ValueError(f"{len(value)} fields; an element has at most {MAX_FIELDS}")
    fields = []
    for item in value:
        if not isinstance(item, list) or len(item) not in (2, 3) or not isinstance(item[0], str):
            raise ValueError(
                f"{item!r} is not a field of a data type; it must be [name, type] or [name, type, shape]"
            )
        field: tuple[JSON, ...] = (item[0], _descr_of(item[1], depth + 1))
        if len(item) == 3:
            shape = item[2] if isinstance(item[2], list) else [item[2]]
            if not all(type(n) is int and n >= 0 for n in shape):
                raise ValueError(
                    f"{item[2]!r} is not the shape of a field; it must be a list of whole numbers"
                )
            field = (*field, tuple(shape))
        fields.append(field)
    return fields


def normalize_fill_value(value: Elements, dtype: AnyDtype) -> Elements:
    """Return a fill value as a scalar of `dtype`. None and objects are returned as they are.

    Raises
    ------
    ValueError
        If an element cannot have this value.

    >>> normalize_fill_value(0, np.dtype("U4"))
    np.str_('')
    """
    if value is None or dtype.kind == "O":
        return value
    if dtype.hasobject:
        if isinstance(value, np.void) or not (isinstance(value, (int, float)) and value == 0):
            raise ValueError(
                f"fill value {value!r} has objects in fields, which Zarr does not store; use None"
            )
        return None
    try:
        if (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and value == 0
            and dtype.kind in "SUVmM"
        ):
            scalar: Elements = np.zeros((), dtype)[()]
        elif dtype.kind == "V" and dtype.fields and isinstance(value, bytes):
            scalar = _padded(value, dtype)
        elif dtype.kind == "U" and not isinstance(value, str):
            raise TypeError("it is not a str")  # noqa: TRY301
        elif dtype.kind == "V" and isinstance(value, np.void) and value.dtype == dtype:
            scalar = value
        else:
            scalar = _scalar_of(value, dtype)
    except (TypeError, ValueError, OverflowError, IndexError) as exc:
        raise ValueError(f"fill value {value!r} does not fit data type {dtype}: {exc}") from exc
    return scalar


def _padded(value: bytes, dtype: AnyDtype) -> Elements:
    """Return the element whose first bytes are `value`, and whose other bytes are zero."""
    if len(value) > dtype.itemsize:
        raise ValueError(f"it has {len(value)} bytes, and an element has {dtype.itemsize}")
    return np.frombuffer(value.ljust(dtype.itemsize, b"\0"), np.uint8).view(dtype)[0]


def _scalar_of(value: Elements, dtype: AnyDtype) -> Elements:
    if dtype.kind in "iu" and isinstance(value, (float, np.floating)) and not float(value).is_integer():
        raise ValueError("it is not a whole number")
    if dtype.kind in "iu" and isinstance(value, (int, float, np.number)):
        whole = int(value)
        if not np.iinfo(dtype).min <= whole <= np.iinfo(dtype).max:
            raise OverflowError("it is out of range")
        return np.array(whole, dtype)[()]
    scalar = np.array(value, dtype)
    if scalar.shape:
        raise ValueError(f"it has shape {scalar.shape}; it must be one element")
    return scalar[()]


def encode_fill_value(value: Elements, dtype: AnyDtype) -> JSON:
    """Return a fill value in the form of v2 documents."""
    if value is None:
        return None
    kind = dtype.kind
    if kind == "f":
        return _encode_float(float(value))
    if kind == "c":
        return [_encode_float(float(value.real)), _encode_float(float(value.imag))]
    if kind == "b":
        return bool(value)
    if kind in "iu":
        return int(value)
    if kind in "mM":
        return int(np.asarray(value).astype(np.int64))
    if kind == "U":
        return str(value)
    if kind == "S":
        return _to_base64(bytes(value))
    if kind == "V" and dtype.hasobject:
        # the bytes are addresses
        return None
    if kind == "V":
        return _to_base64(value.tobytes())
    # an object: JSON does not have bytes
    return _to_base64(value) if isinstance(value, bytes) else value


def _to_base64(data: bytes) -> str:
    import binascii  # few arrays have such fill values

    return binascii.b2a_base64(data, newline=False).decode()


def _from_base64(value: JSON) -> bytes:
    import binascii

    return binascii.a2b_base64(value)


def _encode_float(value: float) -> JSON:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def decode_fill_value(value: JSON, dtype: AnyDtype, object_codec: str = "") -> Elements:
    """Return the fill value of a v2 document as a scalar of `dtype`.

    `object_codec` is the name of the codec that encodes objects, if elements are objects.

    Raises
    ------
    ValueError
        If it does not fit the data type.
    """
    if dtype.kind == "O" and object_codec == "vlen-bytes" and isinstance(value, str):
        return _decode_bytes(value)
    if value is None or dtype.kind == "O":
        return value
    if dtype.hasobject:
        return _decode_pickled(value, dtype, object_codec)
    kind = dtype.kind
    if isinstance(value, (list, str)) and kind in "biufcmMSU":
        value = _one_of(value, kind)
    if kind == "f":
        return normalize_fill_value(_NON_FINITE.get(value, value) if isinstance(value, str) else value, dtype)
    if kind == "c" and isinstance(value, list):
        if len(value) != 2:
            raise ValueError(f"{value!r} is not a complex fill value; it must be [real, imaginary]")
        parts = [_NON_FINITE.get(part, part) if isinstance(part, str) else part for part in value]
        out = np.zeros((), dtype)
        # assigned one by one, because real + 1j * imaginary loses signed zeros and infinities
        out.real, out.imag = parts
        return out[()]
    if kind in "mM":
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{value!r} is not a fill value for {dtype}; it must be an integer")
        return np.array(value, dtype.str[0] + "i8").view(dtype)[()]
    if kind == "S":
        return np.array(_decode_bytes(value), dtype)[()]
    if kind == "V":
        return _decode_void(value, dtype)
    if kind == "b" and not isinstance(value, (bool, int)):
        raise ValueError(f"{value!r} is not a fill value for {dtype}; it must be true or false")
    if kind in "iu" and isinstance(value, str):
        raise ValueError(f"{value!r} is not a fill value for {dtype}; it must be a number")
    return normalize_fill_value(value, dtype)


def _one_of(value: JSON, kind: str) -> JSON:
    """Return a fill value that is spelled as a list of one value, or a number that is spelled as text."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        if kind in "mM" and value == "NaT":
            return _NAT
        if kind in "biumM" and _INTEGER.fullmatch(value):
            return int(value)
        if kind == "f" and _DECIMAL.fullmatch(value):
            return float(value)
    return value


def fill_value_of(value: JSON, dtype: AnyDtype, object_codec: str = "") -> Elements:
    """Return the result of `decode_fill_value`, from a cache: most arrays have one of a few fill values.

    >>> fill_value_of(-0.0, np.dtype("<f4")), fill_value_of(0, np.dtype("<f4"))
    (np.float32(-0.0), np.float32(0.0))
    """
    # NumPy's numbers and dates are immutable; the text distinguishes equal values, such as 0.0 and -0.0
    if dtype.kind in "biufmM" and (
        type(value) is int or type(value) is float or (type(value) is str and len(value) < _SHORT)
    ):
        return _cached_fill_value(value, repr(value), dtype)
    return decode_fill_value(value, dtype, object_codec)


_SHORT = 32


@lru_cache
def _cached_fill_value(value: JSON, text: str, dtype: AnyDtype) -> Elements:
    return decode_fill_value(value, dtype)


def _decode_bytes(value: JSON) -> bytes:
    try:
        return _from_base64(value)
    except (TypeError, ValueError):
        # old writers stored the text itself, or 0 for an empty value: see `tolerated_spellings`
        return b"" if value == 0 else str(value).encode()


def _decode_pickled(value: JSON, dtype: AnyDtype, object_codec: str) -> Elements:
    """Return the fill value of elements with objects in fields, which zarr-python 2 stores as the codec encodes it."""
    if not isinstance(value, str):
        return None
    data = _from_base64(value)
    if object_codec != "pickle":
        return None
    from numcodecs import Pickle

    from zarrcy.codecs.bounded_decode import decode_whole  # hardly any array has such elements

    return np.array(decode_whole(Pickle(), data), dtype)[()]


def _decode_void(value: JSON, dtype: AnyDtype) -> Elements:
    if value == 0 and not isinstance(value, str):
        return np.zeros((), dtype)[()]
    try:
        data = _from_base64(value)
    except (TypeError, ValueError) as exc:
        raise ValueError(
            f"{value!r} is not a fill value for {dtype}; it must be its bytes in base64"
        ) from exc
    if len(data) != dtype.itemsize:
        raise ValueError(f"a fill value of {len(data)} bytes for elements of {dtype.itemsize}")
    return np.frombuffer(data, np.uint8).view(dtype)[0]
