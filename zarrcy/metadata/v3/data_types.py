"""Zarr v3's data types <-> NumPy's. They do not have a byte order: that of NumPy's types is native."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np

from zarrcy.codecs.elements import is_ml_dtype
from zarrcy.errors import MissingExtraError
from zarrcy.metadata.json_member import MAX_DEPTH, MAX_FIELDS, Member
from zarrcy.metadata.v2.dtypes import MAX_ITEM_NBYTES
from zarrcy.types import JSON, AnyDtype

_CORE = {
    "bool": "?",
    **{f"{kind}{bits}": f"{kind[0]}{bits // 8}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"f{bits // 8}" for bits in (16, 32, 64)},
    "complex64": "c8",
    "complex128": "c16",
}
_NAME_OF = {np.dtype(code): name for name, code in _CORE.items()}
_ALIASES = {"complex_float32": "complex64", "complex_float64": "complex128"}
_VARIABLE = {"string": "string", "bytes": "bytes", "variable_length_bytes": "bytes"}
_TIMES = {"numpy.datetime64": "M8", "numpy.timedelta64": "m8"}
_TIME_NAMES = {"M": "numpy.datetime64", "m": "numpy.timedelta64"}
_UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "μs", "ns", "ps", "fs", "as", "generic")
# Registered names of data types that NumPy does not have, and the package ml_dtypes has.
ML_DTYPES = {
    "bfloat16",
    *(
        f"float8_{kind}"
        for kind in ("e3m4", "e4m3", "e4m3b11fnuz", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu")
    ),
    "float8_e4m3fn",
    *("float6_e2m3fn", "float6_e3m2fn", "float4_e2m1fn"),
    *("int2", "int4", "uint2", "uint4"),
}


@dataclass(frozen=True, slots=True)
class DataType:
    """A data type.

    Attributes
    ----------
    dtype : AnyDtype
        NumPy's data type, in native byte order.
    variable : str
        "string" or "bytes" for elements of variable length, else empty.
    """

    dtype: AnyDtype
    variable: str = ""

    @property
    def has_byte_order(self) -> bool:
        """Whether the elements have a byte order."""
        return has_byte_order(self.dtype)


def has_byte_order(dtype: AnyDtype) -> bool:
    """Return whether the elements of a data type have a byte order.

    >>> has_byte_order(np.dtype([("a", "u1"), ("b", "S4")])), has_byte_order(np.dtype("U1"))
    (False, True)
    """
    if dtype.fields is not None:
        return any(has_byte_order(field[0]) for field in dtype.fields.values())
    base = dtype.base
    return base.itemsize > 1 and (is_ml_dtype(base) or base.kind not in "SVO")


@cache
def ml_dtype(name: str) -> AnyDtype:
    """Return a data type of the package ml_dtypes."""
    try:
        import ml_dtypes
    except ImportError as exc:
        raise MissingExtraError("ml_dtypes", "ml-dtypes", f"the data type {name!r}") from exc
    dtype: AnyDtype = np.dtype(getattr(ml_dtypes, name))
    return dtype


def parse_dtype(member: Member, depth: int = 0) -> DataType:
    """Parse a data type.

    Raises
    ------
    MetadataError
        If it is malformed or unknown.
    MissingExtraError
        If it needs a package that is not installed.
    """
    if depth > MAX_DEPTH:
        member.fail("it is nested too deeply")
    ext = member.extension().require_understood()
    name = _ALIASES.get(ext.name, ext.name)
    if name in _CORE:
        ext.allow_only()
        return DataType(np.dtype(_CORE[name]))
    if name in _VARIABLE:
        ext.allow_only()
        return DataType(np.dtype(object), _VARIABLE[name])
    if (bits := re.fullmatch(r"r([1-9]\d{0,10})", name)) is not None:
        ext.allow_only()
        if int(bits[1]) % 8 or int(bits[1]) // 8 > MAX_ITEM_NBYTES:
            member.fail(f"the number of bits must be a multiple of 8, of at most {MAX_ITEM_NBYTES} bytes")
        return DataType(np.dtype(f"V{int(bits[1]) // 8}"))
    if name == "fixed_length_utf32":
        length = ext.allow_only("length_bytes").require("length_bytes")
        if length.integer(4, MAX_ITEM_NBYTES) % 4:
            length.fail("it must be a multiple of 4")
        return DataType(np.dtype(f"U{length.integer(4) // 4}"))
    if name in ("null_terminated_bytes", "raw_bytes"):
        length = ext.allow_only("length_bytes").require("length_bytes")
        return DataType(np.dtype(f"{'S' if name[0] == 'n' else 'V'}{length.integer(1, MAX_ITEM_NBYTES)}"))
    if name in _TIMES:
        config = ext.allow_only("unit", "scale_factor")
        unit = config.require("unit").choice(*_UNITS).replace("μ", "u")
        scale = config.require("scale_factor").integer(1, 2**31 - 1)
        if unit == "generic" and scale == 1:
            return DataType(np.dtype(_TIMES[name]))
        return DataType(np.dtype(f"{_TIMES[name]}[{scale}{unit}]"))
    if name in ("struct", "structured"):
        return DataType(_parse_struct(ext.allow_only("fields").require("fields"), depth))
    if name in ML_DTYPES:
        ext.allow_only()
        return DataType(ml_dtype(name))
    member.fail("this data type is not supported; open the array with a library that supports it")


def _parse_struct(fields: Member, depth: int) -> AnyDtype:
    # a dictionary, because structures may have thousands of fields
    parts: dict[str, AnyDtype] = {}
    nbytes = 0
    items = list(fields.items())
    if len(items) > MAX_FIELDS:
        fields.fail(f"an element has at most {MAX_FIELDS} fields")
    for field in items:
        if isinstance(field.value, list):
            pair = list(field.items())
            if len(pair) != 2:
                field.fail("it must be a pair of a name and a data type")
            name, data_type = pair
        else:
            field.object(("name", "data_type"))
            name, data_type = field.require("name"), field.require("data_type")
        inner = parse_dtype(data_type, depth + 1)
        if inner.variable:
            data_type.fail("a field must have a data type of fixed length, such as 'fixed_length_utf32'")
        if not name.string() or name.string() in parts:
            name.fail("the names of fields must not be empty, and must differ")
        parts[name.string()] = inner.dtype
        nbytes += inner.dtype.itemsize
        if nbytes > MAX_ITEM_NBYTES:
            fields.fail(f"an element has at most {MAX_ITEM_NBYTES} bytes")
    if not parts:
        fields.fail("it must have at least one field")
    dtype: AnyDtype = np.dtype(list(parts.items()))
    return dtype


def dtype_to_json(dtype: AnyDtype, variable: str = "") -> JSON:
    """Return a data type in the form of v3 documents that most readers accept.

    Raises
    ------
    ValueError
        If v3 does not have the data type.

    >>> dtype_to_json(np.dtype(">i4")), dtype_to_json(np.dtype("S3"))
    ('int32', {'name': 'null_terminated_bytes', 'configuration': {'length_bytes': 3}})
    """
    if variable:
        return variable
    dtype = dtype.newbyteorder("=")
    if dtype in _NAME_OF:
        return _NAME_OF[dtype]
    if is_ml_dtype(dtype) and dtype.name in ML_DTYPES:
        return str(dtype.name)
    if dtype.subdtype is not None:
        raise ValueError(
            f"Zarr v3 does not have a data type for the fields of shape {dtype.shape} in {dtype.base}; make them "
            "fields of one element each, or an array with one more axis, or give zarr_format=2"
        )
    if dtype.fields is not None:
        fields = [
            {"name": name, "data_type": dtype_to_json(dtype.fields[name][0])} for name in dtype.names or ()
        ]
        return {"name": "struct", "configuration": {"fields": fields}}
    if is_ml_dtype(dtype) or dtype.itemsize == 0 or dtype.kind not in "mMUSV":
        raise ValueError(
            f"Zarr v3 does not have the data type {dtype}; convert the elements to one that it has"
        )
    if dtype.kind in "mM":
        unit, scale = np.datetime_data(dtype)
        config: dict[str, JSON] = {"unit": unit, "scale_factor": scale}
        return {"name": _TIME_NAMES[dtype.kind], "configuration": config}
    name = {"U": "fixed_length_utf32", "S": "null_terminated_bytes", "V": "raw_bytes"}[dtype.kind]
    return {"name": name, "configuration": {"length_bytes": dtype.itemsize}}


def packed(dtype: AnyDtype) -> AnyDtype:
    """Return a native data type whose fields follow one another without gaps.

    >>> packed(np.dtype([("a", "u1"), ("b", ">f8")], align=True)).itemsize
    9
    """
    if dtype.fields is None:
        if dtype.subdtype is not None:
            return np.dtype((packed(dtype.base), dtype.shape))
        return dtype.newbyteorder("=")
    fields = [(name, packed(dtype.fields[name][0])) for name in dtype.names or ()]
    return np.dtype(fields)
