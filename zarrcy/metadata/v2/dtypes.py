"""Data types and fill values: what the user gave -> numpy, and numpy <-> what JSON can hold in v2."""

from __future__ import annotations

import base64
import binascii
import math
import re
from functools import lru_cache
from typing import Any

import numpy as np

from zarrcy.codecs.array_codecs import is_ml_dtype
from zarrcy.metadata.json_member import MAX_FIELDS
from zarrcy.types import JSON, AnyDtype

# Typestrings of numpy's array protocol, and no other spelling: documents come from outside.
_TYPESTR = re.compile(r"[<>|=]?[biufcmMSUVO]\d{0,9}(\[\d{0,9}(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as|generic)\])?")
_MAX_DEPTH = 32
MAX_ITEM_NBYTES = 2**26
"""Length of an element. The fill value is one, so a document could ask for any amount of memory with it."""
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode_dtype(dtype: AnyDtype) -> JSON:
    """Return a dtype as v2 documents spell it: a typestring, or a list of fields.

    >>> encode_dtype(np.dtype([("x", "<f4"), ("y", "<i2", (2,))]))
    [['x', '<f4'], ['y', '<i2', [2]]]
    """
    if dtype.fields is None:
        return dtype.str
    return _lists(dtype.descr)


def _lists(descr: Any) -> JSON:
    if isinstance(descr, (list, tuple)):
        return [_lists(item) for item in descr]
    return descr


def decode_dtype(spelled: JSON) -> AnyDtype:
    """Return the dtype that a v2 document spells.

    Raises
    ------
    ValueError : it spells none
    """
    dtype: AnyDtype = np.dtype(_descr_of(spelled, 0))
    if dtype.char == "c":
        raise ValueError(f"{spelled!r} is no data type: give it a length, as in '|S1' or '<c16'")
    check_dtype(dtype)
    return dtype


def check_dtype(dtype: AnyDtype) -> None:
    """Refuse data types whose elements have no bytes, or too many, or that only format 3 has a word for."""
    if _has_ml_dtype(dtype):
        raise ValueError(f"Zarr v2 has no word for data type {dtype}; give zarr_format=3")
    if dtype.itemsize > MAX_ITEM_NBYTES:
        raise ValueError(
            f"its elements have {dtype.itemsize} bytes, and may have {MAX_ITEM_NBYTES}; give the array one more axis"
        )
    if dtype.itemsize == 0:
        raise ValueError(f"data type {dtype.str!r} has elements of 0 bytes; give it a length, as in 'S10'")
    if dtype.kind in "mM" and np.datetime_data(dtype)[0] == "generic":
        raise ValueError(f"data type {dtype.str!r} has no unit; give it one, as in '{dtype.kind}8[ns]'")


def _has_ml_dtype(dtype: AnyDtype) -> bool:
    if dtype.fields is not None:
        return any(_has_ml_dtype(field[0]) for field in dtype.fields.values())
    return is_ml_dtype(dtype.base)


def _descr_of(spelled: JSON, depth: int) -> Any:
    if isinstance(spelled, str):
        if _TYPESTR.fullmatch(spelled) is None:
            raise ValueError(f"{spelled!r} is no data type")
        return spelled
    if not isinstance(spelled, list) or not spelled or depth > _MAX_DEPTH:
        raise ValueError(f"{spelled!r} is no data type: a string or a list of fields is one")
    if len(spelled) > MAX_FIELDS:
        raise ValueError(f"{len(spelled)} fields; an element has at most {MAX_FIELDS}")
    fields = []
    for item in spelled:
        if not isinstance(item, list) or len(item) not in (2, 3) or not isinstance(item[0], str):
            raise ValueError(
                f"{item!r} is no field of a data type: [name, type] or [name, type, shape] is one"
            )
        inner: tuple[Any, ...] = (item[0], _descr_of(item[1], depth + 1))
        if len(item) == 3:
            shape = item[2] if isinstance(item[2], list) else [item[2]]
            if not all(type(n) is int and n >= 0 for n in shape):
                raise ValueError(f"{item[2]!r} is no shape of a field")
            inner = (*inner, tuple(shape))
        fields.append(inner)
    return fields


def normalize_fill_value(value: Any, dtype: AnyDtype) -> Any:
    """Return a fill value as a scalar of `dtype`; None stays None, and objects stay what they are.

    Raises
    ------
    ValueError : `value` is none that an element can hold

    >>> normalize_fill_value(0, np.dtype("U4"))
    np.str_('')
    """
    if value is None or dtype.hasobject:
        return value
    try:
        if (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and value == 0
            and dtype.kind in "SUVmM"
        ):
            scalar: Any = np.zeros((), dtype)[()]
        elif dtype.kind == "V" and dtype.fields and isinstance(value, bytes):
            scalar = np.frombuffer(value, dtype)[0]
        elif dtype.kind == "U" and not isinstance(value, str):
            raise TypeError("it is not a str")  # noqa: TRY301
        elif dtype.kind == "V" and isinstance(value, np.void) and value.dtype == dtype:
            scalar = value
        else:
            scalar = _scalar_of(value, dtype)
    except (TypeError, ValueError, OverflowError, IndexError) as exc:
        raise ValueError(f"fill value {value!r} is not one for data type {dtype}: {exc}") from exc
    return scalar


def _scalar_of(value: Any, dtype: AnyDtype) -> Any:
    if dtype.kind in "iu" and isinstance(value, (float, np.floating)) and not float(value).is_integer():
        raise ValueError("it is no whole number")
    if dtype.kind in "iu" and isinstance(value, (int, float, np.number)):
        whole = int(value)
        if not np.iinfo(dtype).min <= whole <= np.iinfo(dtype).max:
            raise OverflowError("it is out of range")
        return np.array(whole, dtype)[()]
    scalar = np.array(value, dtype)
    if scalar.shape:
        raise ValueError(f"it has shape {scalar.shape}, not that of one element")
    return scalar[()]


def encode_fill_value(value: Any, dtype: AnyDtype) -> JSON:
    """Return a fill value as v2 documents spell it."""
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
        return int(np.asarray(value).view(np.int64))
    if kind == "U":
        return str(value)
    if kind == "S":
        return base64.standard_b64encode(bytes(value)).decode()
    if kind == "V":
        return base64.standard_b64encode(value.tobytes()).decode()
    # an object: bytes have no other way into JSON
    return base64.standard_b64encode(value).decode() if isinstance(value, bytes) else value


def _encode_float(value: float) -> JSON:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def decode_fill_value(spelled: JSON, dtype: AnyDtype, object_codec: str = "") -> Any:
    """Return the fill value that a v2 document spells, as a scalar of `dtype`.

    `object_codec` is the name of the codec that makes bytes of objects, where the elements are such.

    Raises
    ------
    ValueError : it spells none
    """
    if dtype.kind == "O" and object_codec == "vlen-bytes" and isinstance(spelled, str):
        return _decode_bytes(spelled)
    if spelled is None or dtype.kind == "O":
        return spelled
    kind = dtype.kind
    if kind == "f":
        return normalize_fill_value(
            _NON_FINITE.get(spelled, spelled) if isinstance(spelled, str) else spelled, dtype
        )
    if kind == "c" and isinstance(spelled, list):
        if len(spelled) != 2:
            raise ValueError(f"{spelled!r} is no complex fill value: [real, imaginary] is one")
        parts = [_NON_FINITE.get(part, part) if isinstance(part, str) else part for part in spelled]
        out = np.zeros((), dtype)
        # set apart, since real + 1j * imaginary loses signed zeros and infinities
        out.real, out.imag = parts
        return out[()]
    if kind in "mM":
        if isinstance(spelled, bool) or not isinstance(spelled, int):
            raise ValueError(f"{spelled!r} is no fill value for {dtype}: an integer is one")
        return np.array(spelled, dtype.str[0] + "i8").view(dtype)[()]
    if kind == "S":
        return np.array(_decode_bytes(spelled), dtype)[()]
    if kind == "V":
        return _decode_void(spelled, dtype)
    if kind == "b" and not isinstance(spelled, (bool, int)):
        raise ValueError(f"{spelled!r} is no fill value for {dtype}: true or false is one")
    if kind in "iu" and isinstance(spelled, str):
        raise ValueError(f"{spelled!r} is no fill value for {dtype}: a number is one")
    return normalize_fill_value(spelled, dtype)


def fill_value_of(spelled: JSON, dtype: AnyDtype, object_codec: str = "") -> Any:
    """Return what `decode_fill_value` does; it is remembered, since most arrays have one of few.

    >>> fill_value_of(-0.0, np.dtype("<f4")), fill_value_of(0, np.dtype("<f4"))
    (np.float32(-0.0), np.float32(0.0))
    """
    # a number or a date of numpy can't be changed; what is equal but not the same differs in its text
    if dtype.kind in "biufmM" and (
        type(spelled) is int or type(spelled) is float or (type(spelled) is str and len(spelled) < _SHORT)
    ):
        return _remembered(spelled, repr(spelled), dtype)
    return decode_fill_value(spelled, dtype, object_codec)


_SHORT = 32


@lru_cache
def _remembered(spelled: JSON, text: str, dtype: AnyDtype) -> Any:
    return decode_fill_value(spelled, dtype)


def _decode_bytes(spelled: JSON) -> bytes:
    try:
        return base64.standard_b64decode(spelled)
    except (TypeError, ValueError, binascii.Error):
        # files of old writers have the value itself, or 0 for an empty one
        return b"" if spelled == 0 else str(spelled).encode()


def _decode_void(spelled: JSON, dtype: AnyDtype) -> Any:
    if spelled == 0 and not isinstance(spelled, str):
        return np.zeros((), dtype)[()]
    try:
        value = base64.standard_b64decode(spelled)
    except (TypeError, ValueError, binascii.Error) as exc:
        raise ValueError(f"{spelled!r} is no fill value for {dtype}: base64 of its bytes is one") from exc
    if len(value) != dtype.itemsize:
        raise ValueError(f"a fill value of {len(value)} bytes for elements of {dtype.itemsize}")
    return np.frombuffer(value, np.uint8).view(dtype)[0]
