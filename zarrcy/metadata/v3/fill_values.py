"""Fill values in Zarr v3 documents <-> scalars. Every bit is kept: NaN payloads, the sign of zero."""

from __future__ import annotations

import base64
import binascii
import math
import re
import sys

import numpy as np

from zarrcy.codecs.elements import is_ml_dtype
from zarrcy.metadata.json_member import Member
from zarrcy.metadata.v2.dtypes import normalize_fill_value
from zarrcy.metadata.v3.data_types import DataType
from zarrcy.types import JSON, AnyArray, AnyDtype, Elements

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_QUIET_NANS = {"bfloat16": 0x7FC0, "float8_e5m2": 0x7E, "float8_e3m4": 0x78}
_EMPTY: dict[str, Elements] = {"string": "", "bytes": b""}
_NAT = np.iinfo(np.int64).min
_INTEGERS = {"int2": (-2, 1), "int4": (-8, 7), "uint2": (0, 3), "uint4": (0, 15)}


def default_fill_value(kind: DataType) -> Elements:
    """Return the default fill value of a data type: zero, an empty element, or NaT."""
    if kind.variable:
        return _EMPTY[kind.variable]
    if kind.dtype.kind in "mM":
        return np.array(_NAT, np.int64).view(kind.dtype)[()]
    return np.zeros((), kind.dtype)[()]


def normalize(value: Elements, kind: DataType) -> Elements:
    """Return a user's fill value as a scalar of the data type; None is the default fill value.

    Raises
    ------
    ValueError
        If an element cannot have this value.
    """
    if value is None:
        return default_fill_value(kind)
    if kind.variable:
        if isinstance(value, (int, float)) and value == 0:
            return _EMPTY[kind.variable]
        if not isinstance(value, str if kind.variable == "string" else bytes):
            wanted = "str" if kind.variable == "string" else "bytes"
            raise ValueError(f"fill value {value!r} is not a {wanted}, as the elements are; give a {wanted}")
        return str(value) if isinstance(value, str) else bytes(value)
    if is_ml_dtype(kind.dtype):
        try:
            return np.array(value).reshape(()).astype(kind.dtype)[()]
        except (TypeError, ValueError) as exc:
            raise ValueError(f"fill value {value!r} does not fit data type {kind.dtype}: {exc}") from exc
    return normalize_fill_value(value, kind.dtype)


_WHOLE = re.compile(r"-?[0-9]{1,20}")


# -- from documents --------------------------------------------------------------------------------


def parse(member: Member, kind: DataType) -> Elements:
    """Parse a fill value to a scalar of the data type.

    Raises
    ------
    MetadataError
        If it does not fit the data type.
    """
    if member.value is None:
        # as in format 2: zero, also for times
        return _EMPTY[kind.variable] if kind.variable else np.zeros((), kind.dtype)[()]
    if kind.variable == "string":
        return "" if member.value in ([], 0) and member.value is not False else member.string()
    if kind.variable == "bytes":
        return b"" if member.value == 0 and member.value is not False else _bytes_of(member)
    return _parse_fixed(member, kind.dtype)


def _parse_fixed(member: Member, dtype: AnyDtype) -> Elements:
    if dtype.fields is not None:
        return _parse_struct(member, dtype)
    kind = "f" if is_float(dtype) else "i" if dtype.name in _INTEGERS else dtype.kind
    if kind == "b":
        is_number = type(member.value) in (int, float) and member.value in (0, 1)
        return np.bool_(member.value if is_number else member.boolean())
    if kind in "iu":
        if isinstance(member.value, str) and _WHOLE.fullmatch(member.value):
            # readers of JSON round large numbers, so some writers store text
            member = Member(member.key, member.place, int(member.value))
        info = _INTEGERS.get(dtype.name) or (np.iinfo(dtype).min, np.iinfo(dtype).max)
        return np.array(member.integer(int(info[0]), int(info[1]))).astype(dtype)[()]
    if kind == "f":
        return np.frombuffer(_float_bytes(member, dtype), dtype)[0]
    if kind == "c":
        parts = list(member.items())
        if len(parts) != 2:
            member.fail("it must be a list of the real and the imaginary part")
        part = np.dtype(f"f{dtype.itemsize // 2}")
        return np.frombuffer(b"".join(_float_bytes(item, part) for item in parts), dtype)[0]
    if kind in "mM":
        count = _NAT if member.value == "NaT" else member.integer(_NAT, -_NAT - 1)
        return np.array(count, np.int64).view(dtype)[()]
    if kind == "U":
        text = member.string()
        if len(text) > dtype.itemsize // 4:
            member.fail(f"the elements have at most {dtype.itemsize // 4} characters")
        return np.array(text, dtype)[()]
    value = _bytes_of(member)
    if len(value) > dtype.itemsize or (kind == "V" and len(value) != dtype.itemsize):
        member.fail(f"it has {len(value)} bytes; the elements have {dtype.itemsize}")
    return np.array(value, dtype)[()] if kind == "S" else np.frombuffer(value, dtype)[0]


def is_float(dtype: AnyDtype) -> bool:
    return dtype.kind == "f" or (is_ml_dtype(dtype) and "float" in dtype.name)


def _float_bytes(member: Member, dtype: AnyDtype) -> bytes:
    """Return the bytes of a float in the form of a number, a name, or its bits in hexadecimal digits."""
    value = member.value
    if isinstance(value, str) and value.startswith("0x"):
        if re.fullmatch(rf"0x[0-9a-fA-F]{{{2 * dtype.itemsize}}}", value) is None:
            member.fail(f"the bits of {dtype} are '0x' and {2 * dtype.itemsize} hexadecimal digits")
        return _native(int(value, 16), dtype.itemsize)
    if isinstance(value, str) and value in _NON_FINITE:
        if value == "NaN":
            return _native(_quiet_nan(member, dtype), dtype.itemsize)
        value = _NON_FINITE[value]
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        member.fail("it must be a number, 'NaN', 'Infinity', '-Infinity', or the bits as in '0x7fc00000'")
    try:
        with np.errstate(all="ignore"):
            scalar = np.array(float(value)).astype(dtype)
            fits = math.isinf(value) or not np.isinf(scalar.astype(np.float64))
    except OverflowError:
        fits = False
    if not fits or (math.isinf(value) and not np.isinf(scalar.astype(np.float64))):
        member.fail(f"{dtype} can't hold it")
    return scalar.tobytes()


def _native(bits: int, nbytes: int) -> bytes:
    return (
        np.array(bits, f"u{nbytes}").tobytes()
        if nbytes in (1, 2, 4, 8)
        else bits.to_bytes(nbytes, sys.byteorder)
    )


def _quiet_nan(member: Member, dtype: AnyDtype) -> int:
    if dtype.name in _QUIET_NANS:
        return _QUIET_NANS[dtype.name]
    if not is_ml_dtype(dtype):
        return {2: 0x7E00, 4: 0x7FC00000, 8: 0x7FF8000000000000}[dtype.itemsize]
    nan = np.array(math.nan).astype(dtype)
    if not np.isnan(nan.astype(np.float64)):
        member.fail(f"{dtype} has no NaN")
    return int(nan.view(f"u{dtype.itemsize}"))


def _bytes_of(member: Member) -> bytes:
    """Return bytes in the form of base64, or of a list of numbers."""
    if isinstance(member.value, list):
        return bytes(member.integers(0, 255))
    try:
        return base64.b64decode(member.string(), validate=True)
    except (ValueError, binascii.Error):
        member.fail("it must be the bytes in base64, or a list of them")


def _parse_struct(member: Member, dtype: AnyDtype) -> Elements:
    out = np.zeros((), dtype)
    if isinstance(member.value, str):
        # the bytes of an element, least significant first
        value = _bytes_of(member)
        if len(value) != dtype.itemsize:
            member.fail(f"it has {len(value)} bytes; the elements have {dtype.itemsize}")
        out[()] = np.frombuffer(value, dtype.newbyteorder("<"))[0]
        return out[()]
    names = dtype.names or ()
    if not isinstance(member.value, dict):
        if member.value == 0 and member.value is not False:
            return out[()]
        member.fail("it must be an object with a value for each field")
    member.object(names)
    flat = out.reshape(1)
    for name in names:
        # an array, because assigning a scalar converts it to a Python float, which loses the payload of NaN
        field = np.asarray(_parse_fixed(member.require(name), dtype[name]), dtype[name])
        flat[name] = field
    return flat[0]


# -- to documents ----------------------------------------------------------------------------------


def to_json(value: Elements, kind: DataType, data_type: JSON) -> JSON:
    """Return a fill value in the form of v3 documents.

    Parameters
    ----------
    value : Elements
        A scalar of the data type.
    kind : DataType
        The data type.
    data_type : JSON
        The data type as in the document. Some types are equal for NumPy, but their fill values have other forms.
    """
    name = data_type["name"] if isinstance(data_type, dict) else data_type
    if kind.variable == "string":
        return value
    if kind.variable == "bytes":
        return base64.standard_b64encode(value).decode()
    if name == "structured":
        stored = np.asarray(value, kind.dtype).astype(kind.dtype.newbyteorder("<"))
        return base64.standard_b64encode(stored.tobytes()).decode()
    if kind.dtype.kind == "V" and kind.dtype.fields is None and name[0] == "r" and name[1:].isdecimal():
        return list(np.asarray(value).tobytes())
    return _fixed_to_json(np.asarray(value, kind.dtype))


def _fixed_to_json(value: AnyArray) -> JSON:
    """Return an array without axes in the form of v3 documents."""
    dtype = value.dtype
    if dtype.fields is not None:
        return {name: _fixed_to_json(value[name]) for name in dtype.names or ()}
    if is_float(dtype):
        return _float_to_json(value)
    if dtype.kind == "c":
        return [_float_to_json(value.real), _float_to_json(value.imag)]
    if dtype.kind == "b":
        return bool(value)
    if dtype.kind in "iu" or dtype.name in _INTEGERS:
        return int(value)
    if dtype.kind in "mM":
        return int(value.astype(np.int64))
    if dtype.kind == "U":
        return str(value)
    if dtype.kind == "S":
        return base64.standard_b64encode(bytes(value[()])).decode()
    return base64.standard_b64encode(value.tobytes()).decode()


def _float_to_json(value: AnyArray) -> JSON:
    number = float(value)
    if math.isnan(number):
        bits = int(value.view(f"u{value.dtype.itemsize}"))
        quiet = _quiet_nan(Member("", "", None), value.dtype)
        return "NaN" if bits == quiet else f"0x{bits:0{2 * value.dtype.itemsize}x}"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number
