"""Data types as zarr-python 3 describes them: a class for each kind, and a registry of the classes.

An object of a class is a data type. It gives the data type of NumPy, its description in the documents of both formats,
and converts fill values to JSON and back. Arrays of zarrcy do not use these objects: they are for programs that were
written for zarr-python 3.

Sources: the specification of Zarr v2 (typestrs of NumPy), the core specification of Zarr v3 and its registered data
types (zarr-extensions, ``data-types``).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from zarrcy.types import JSON, AnyDtype, Elements, Option, ZarrFormat
from zarrcy.zarr3.errors import DataTypeValidationError, UnstableSpecificationWarning, ZarrUserWarning

_ORDERS = {"little": "<", "big": ">"}
_NAME_OF_ORDER = {"<": "little", ">": "big", "=": sys.byteorder, "|": sys.byteorder}
_UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "μs", "ns", "ps", "fs", "as", "generic")
_SPECIAL_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_HEX_FLOATS = {6: ">e", 10: ">f", 18: ">d"}
_NAT = -(2**63)
_StringDType = getattr(getattr(np, "dtypes", None), "StringDType", None)


def _v2(name: JSON, object_codec_id: str | None = None) -> dict[str, JSON]:
    return {"name": name, "object_codec_id": object_codec_id}


def check_dtype_spec_v2(data: object) -> bool:
    """Return whether a value has the form of a data type of format 2: a name and the identifier of an object codec.

    >>> check_dtype_spec_v2({"name": "<i4", "object_codec_id": None}), check_dtype_spec_v2("<i4")
    (True, False)
    """
    return (
        isinstance(data, Mapping)
        and data.keys() == {"name", "object_codec_id"}
        and (isinstance(data["object_codec_id"], str) or data["object_codec_id"] is None)
        and _is_name_v2(data["name"])
    )


def check_dtype_spec_no_object_codec_v2(data: object) -> bool:
    """Return whether a value has the form of a data type of format 2 that needs no object codec.

    >>> check_dtype_spec_no_object_codec_v2({"name": "|O", "object_codec_id": "vlen-utf8"})
    False
    """
    return check_dtype_spec_v2(data) and data["object_codec_id"] is None  # type: ignore[index]


def _is_name_v2(name: object) -> bool:
    if isinstance(name, str):
        return True
    return _is_list(name) and all(
        _is_list(pair) and len(pair) == 2 and isinstance(pair[0], str) and _is_name_v2(pair[1])
        for pair in name  # type: ignore[attr-defined]
    )


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


@dataclass(frozen=True, kw_only=True)
class ZDType:
    """A data type.

    Attributes
    ----------
    dtype_cls : type
        Class of NumPy's data type.
    """

    dtype_cls: ClassVar[Option] = np.dtype
    _zarr_v3_name: ClassVar[str]
    _zarr_v2_names: ClassVar[tuple[str, ...]] = ()

    def __class_getitem__(cls, item: object) -> type[Self]:
        # annotations of programs name the types of NumPy
        return cls

    @classmethod
    def _check_native_dtype(cls, dtype: AnyDtype) -> bool:
        return type(dtype) is cls.dtype_cls

    @classmethod
    def from_native_dtype(cls, dtype: AnyDtype) -> Self:
        """Return the data type for one of NumPy.

        Parameters
        ----------
        dtype : numpy.dtype
            The data type of NumPy.

        Returns
        -------
        ZDType
            The data type.

        Raises
        ------
        DataTypeValidationError
            If this class does not describe it.
        """
        if not cls._check_native_dtype(dtype):
            raise DataTypeValidationError(f"{dtype!r} is not a data type of the class {cls.__name__}")
        return cls._of_native(dtype)

    @classmethod
    def _of_native(cls, dtype: AnyDtype) -> Self:
        return cls()

    def to_native_dtype(self) -> AnyDtype:
        """Return the data type of NumPy.

        Returns
        -------
        numpy.dtype
            The data type.
        """
        raise NotImplementedError

    @classmethod
    def from_json(cls, data: JSON, *, zarr_format: ZarrFormat) -> Self:
        """Return the data type that a document describes.

        Parameters
        ----------
        data : str or dict
            The description; in format 2 a dict of ``name`` and ``object_codec_id``.
        zarr_format : {2, 3}
            Version of the format.

        Returns
        -------
        ZDType
            The data type.

        Raises
        ------
        DataTypeValidationError
            If it is not one of this class.
        """
        if zarr_format == 2:
            return cls._from_json_v2(data)
        if zarr_format == 3:
            return cls._from_json_v3(data)
        raise ValueError(f"zarr_format is {zarr_format!r}; it must be 2 or 3")

    @classmethod
    def _refuse(cls, data: JSON) -> DataTypeValidationError:
        return DataTypeValidationError(f"{data!r} does not describe a data type of the class {cls.__name__}")

    @classmethod
    def _from_json_v2(cls, data: JSON) -> Self:
        if check_dtype_spec_no_object_codec_v2(data) and data["name"] in cls._zarr_v2_names:
            return cls._of_native(np.dtype(data["name"]))
        raise cls._refuse(data)

    @classmethod
    def _from_json_v3(cls, data: JSON) -> Self:
        if data == cls._zarr_v3_name:
            return cls()
        raise cls._refuse(data)

    def to_json(self, zarr_format: ZarrFormat) -> JSON:
        """Return the description in documents.

        Parameters
        ----------
        zarr_format : {2, 3}
            Version of the format.

        Returns
        -------
        str or dict
            The description; in format 2 a dict of ``name`` and ``object_codec_id``.
        """
        if zarr_format == 2:
            return self._to_json_v2()
        if zarr_format == 3:
            return self._to_json_v3()
        raise ValueError(f"zarr_format is {zarr_format!r}; it must be 2 or 3")

    def _to_json_v2(self) -> JSON:
        return _v2(self.to_native_dtype().str)

    def _to_json_v3(self) -> JSON:
        return self._zarr_v3_name

    def _warn_unstable(self) -> None:
        warnings.warn(
            f"the data type {self} has no specification in Zarr v3, so other libraries may not read the array",
            UnstableSpecificationWarning,
            stacklevel=4,
        )

    def _check_scalar(self, data: object) -> bool:
        return True

    def cast_scalar(self, data: object) -> Elements:
        """Return a value as a scalar of this data type.

        Parameters
        ----------
        data : object
            The value.

        Returns
        -------
        scalar
            The scalar.

        Raises
        ------
        TypeError
            If the value can't be one.
        """
        if not self._check_scalar(data):
            raise TypeError(
                f"Cannot convert object {data!r} with type {type(data)} to a scalar compatible with the data type "
                f"{self}."
            )
        try:
            return self._cast(data)
        except (TypeError, ValueError) as exc:
            raise TypeError(
                f"Cannot convert object {data!r} with type {type(data)} to a scalar compatible with the data type "
                f"{self}."
            ) from exc

    def _cast(self, data: Elements) -> Elements:
        return self.to_native_dtype().type(data)

    def default_scalar(self) -> Elements:
        """Return the fill value that arrays of this data type have by default.

        Returns
        -------
        scalar
            The scalar.
        """
        return self._cast(0)

    def from_json_scalar(self, data: JSON, *, zarr_format: ZarrFormat) -> Elements:
        """Return the scalar that a document states.

        Parameters
        ----------
        data : None, bool, int, float, str, list or dict
            The JSON value.
        zarr_format : {2, 3}
            Version of the format.

        Returns
        -------
        scalar
            The scalar.

        Raises
        ------
        TypeError
            If the value does not state one.
        """
        raise NotImplementedError

    def to_json_scalar(self, data: object, *, zarr_format: ZarrFormat) -> JSON:
        """Return a scalar as documents state it.

        Parameters
        ----------
        data : object
            The scalar.
        zarr_format : {2, 3}
            Version of the format.

        Returns
        -------
        None, bool, int, float, str, list or dict
            The JSON value.
        """
        raise NotImplementedError

    def _refuse_json(self, data: JSON, expected: str) -> TypeError:
        return TypeError(f"the JSON value {data!r} is not a scalar of {self}; it must be {expected}")


class _HasItemSize:
    """A data type whose elements have one size."""

    __slots__ = ()

    @property
    def item_size(self) -> int:
        """Size of an element, in bytes."""
        return int(self.to_native_dtype().itemsize)  # type: ignore[attr-defined]


@dataclass(frozen=True, kw_only=True)
class _Fixed(_HasItemSize, ZDType):
    """A data type with one data type of NumPy, and without a byte order."""

    _code: ClassVar[str]

    @classmethod
    def _check_native_dtype(cls, dtype: AnyDtype) -> bool:
        mine = np.dtype(cls._code)
        return isinstance(dtype, np.dtype) and (dtype.kind, dtype.itemsize) == (mine.kind, mine.itemsize)

    def to_native_dtype(self) -> AnyDtype:
        return np.dtype(self._code)


@dataclass(frozen=True, kw_only=True)
class _Ordered(_Fixed):
    """A data type with one data type of NumPy in two byte orders.

    Attributes
    ----------
    endianness : {"little", "big"}
        The byte order in memory.
    """

    endianness: str = sys.byteorder

    def __post_init__(self) -> None:
        _check_order(self.endianness)

    @classmethod
    def _of_native(cls, dtype: AnyDtype) -> Self:
        return cls(endianness=_NAME_OF_ORDER[dtype.byteorder])

    def to_native_dtype(self) -> AnyDtype:
        return np.dtype(f"{_ORDERS[self.endianness]}{self._code}")


def _check_order(endianness: str) -> None:
    if endianness not in _ORDERS:
        raise ValueError(f"endianness is {endianness!r}; it must be 'little' or 'big'")


# -- Booleans and numbers --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Bool(_Fixed):
    """Booleans.

    >>> Bool().to_json(zarr_format=2)
    {'name': '|b1', 'object_codec_id': None}
    """

    dtype_cls: ClassVar[Option] = type(np.dtype("?"))
    _zarr_v3_name: ClassVar[str] = "bool"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = ("|b1",)
    _code: ClassVar[str] = "?"

    def default_scalar(self) -> Elements:
        return np.False_

    def from_json_scalar(self, data: JSON, *, zarr_format: ZarrFormat) -> Elements:
        if not isinstance(data, bool):
            raise self._refuse_json(data, "true or false")
        return np.bool_(data)

    def to_json_scalar(self, data: object, *, zarr_format: ZarrFormat) -> JSON:
        return bool(self.cast_scalar(data))


@dataclass(frozen=True, kw_only=True)
class _Integer(_Fixed):
    """Integers."""

    def _check_scalar(self, data: object) -> bool:
        return isinstance(data, (bytes, str)) or hasattr(data, "__int__") or hasattr(data, "__index__")

    def _cast(self, data: Elements) -> Elements:
        return self.to_native_dtype().type(data)

    def from_json_scalar(self, data: JSON, *, zarr_format: ZarrFormat) -> Elements:
        is_integer = isinstance(data, int) or (isinstance(data, float) and data.is_integer())
        if isinstance(data, str):
            is_integer = re.fullmatch(r"\s*[+-]?\d+\s*", data) is not None
        if not is_integer:
            raise self._refuse_json(data, "an integer")
        return self._cast(int(data))

    def to_json_scalar(self, data: object, *, zarr_format: ZarrFormat) -> JSON:
        return int(self.cast_scalar(data))


@dataclass(frozen=True, kw_only=True)
class _WideInteger(_Ordered, _Integer):
    """Integers of several bytes."""


@dataclass(frozen=True, kw_only=True)
class Int8(_Integer):
    """Integers of 8 bits.

    >>> Int8().to_json(zarr_format=3)
    'int8'
    """

    dtype_cls: ClassVar[Option] = type(np.dtype("i1"))
    _zarr_v3_name: ClassVar[str] = "int8"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = ("|i1",)
    _code: ClassVar[str] = "i1"


@dataclass(frozen=True, kw_only=True)
class UInt8(_Integer):
    """Unsigned integers of 8 bits."""

    dtype_cls: ClassVar[Option] = type(np.dtype("u1"))
    _zarr_v3_name: ClassVar[str] = "uint8"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = ("|u1",)
    _code: ClassVar[str] = "u1"


@dataclass(frozen=True, kw_only=True)
class Int16(_WideInteger):
    """Integers of 16 bits."""

    dtype_cls: ClassVar[Option] = type(np.dtype("i2"))
    _zarr_v3_name: ClassVar[str] = "int16"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = (">i2", "<i2")
    _code: ClassVar[str] = "i2"


@dataclass(frozen=True, kw_only=True)
class UInt16(_WideInteger):
    """Unsigned integers of 16 bits."""

    dtype_cls: ClassVar[Option] = type(np.dtype("u2"))
    _zarr_v3_name: ClassVar[str] = "uint16"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = (">u2", "<u2")
    _code: ClassVar[str] = "u2"


@dataclass(frozen=True, kw_only=True)
class Int32(_WideInteger):
    """Integers of 32 bits.

    >>> Int32(endianness="big").to_native_dtype()
    dtype('>i4')
    """

    dtype_cls: ClassVar[Option] = type(np.dtype("i4"))
    _zarr_v3_name: ClassVar[str] = "int32"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = (">i4", "<i4")
    _code: ClassVar[str] = "i4"


@dataclass(frozen=True, kw_only=True)
class UInt32(_WideInteger):
    """Unsigned integers of 32 bits."""

    dtype_cls: ClassVar[Option] = type(np.dtype("u4"))
    _zarr_v3_name: ClassVar[str] = "uint32"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = (">u4", "<u4")
    _code: ClassVar[str] = "u4"


@dataclass(frozen=True, kw_only=True)
class Int64(_WideInteger):
    """Integers of 64 bits."""

    dtype_cls: ClassVar[Option] = type(np.dtype("i8"))
    _zarr_v3_name: ClassVar[str] = "int64"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = (">i8", "<i8")
    _code: ClassVar[str] = "i8"


@dataclass(frozen=True, kw_only=True)
class UInt64(_WideInteger):
    """Unsigned integers of 64 bits."""

    dtype_cls: ClassVar[Option] = type(np.dtype("u8"))
    _zarr_v3_name: ClassVar[str] = "uint64"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = (">u8", "<u8")
    _code: ClassVar[str] = "u8"


def _float_of(data: JSON, zarr_format: ZarrFormat) -> float | None:
    """Return the number that a JSON value states; None if it states none."""
    if isinstance(data, str):
        if data in _SPECIAL_FLOATS:
            return _SPECIAL_FLOATS[data]
        if zarr_format == 3 and data.startswith("0x"):
            try:
                return float(struct.unpack(_HEX_FLOATS[len(data)], bytes.fromhex(data[2:]))[0])
            except (KeyError, ValueError):
                return None
        try:
            return float(data)
        except ValueError:
            return None
    return float(data) if isinstance(data, (int, float)) else None


def _float_to_json(number: float) -> JSON:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number


@dataclass(frozen=True, kw_only=True)
class _Float(_Ordered):
    """Floating-point numbers."""

    def _check_scalar(self, data: object) -> bool:
        return isinstance(data, (bytes, str)) or hasattr(data, "__float__") or hasattr(data, "__index__")

    def from_json_scalar(self, data: JSON, *, zarr_format: ZarrFormat) -> Elements:
        number = _float_of(data, zarr_format)
        if number is None:
            raise self._refuse_json(data, "a number, 'NaN', 'Infinity' or '-Infinity'")
        return self._cast(number)

    def to_json_scalar(self, data: object, *, zarr_format: ZarrFormat) -> JSON:
        return _float_to_json(float(self.cast_scalar(data)))


@dataclass(frozen=True, kw_only=True)
class Float16(_Float):
    """Floating-point numbers of 16 bits."""

    dtype_cls: ClassVar[Option] = type(np.dtype("f2"))
    _zarr_v3_name: ClassVar[str] = "float16"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = (">f2", "<f2")
    _code: ClassVar[str] = "f2"


@dataclass(frozen=True, kw_only=True)
class Float32(_Float):
    """Floating-point numbers of 32 bits.

    >>> Float32().from_json_scalar("0x7fc00000", zarr_format=3)
    np.float32(nan)
    """

    dtype_cls: ClassVar[Option] = type(np.dtype("f4"))
    _zarr_v3_name: ClassVar[str] = "float32"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = (">f4", "<f4")
    _code: ClassVar[str] = "f4"


@dataclass(frozen=True, kw_only=True)
class Float64(_Float):
    """Floating-point numbers of 64 bits."""

    dtype_cls: ClassVar[Option] = type(np.dtype("f8"))
    _zarr_v3_name: ClassVar[str] = "float64"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = (">f8", "<f8")
    _code: ClassVar[str] = "f8"


@dataclass(frozen=True, kw_only=True)
class _Complex(_Ordered):
    """Complex numbers."""

    def _check_scalar(self, data: object) -> bool:
        return isinstance(data, (bytes, str, complex)) or any(
            hasattr(data, name) for name in ("__float__", "__index__", "__complex__")
        )

    def from_json_scalar(self, data: JSON, *, zarr_format: ZarrFormat) -> Elements:
        parts = [_float_of(one, zarr_format) for one in data] if _is_list(data) else []
        if len(parts) != 2 or parts[0] is None or parts[1] is None:
            raise self._refuse_json(data, "a list of two numbers")
        return self._cast(complex(parts[0], parts[1]))

    def to_json_scalar(self, data: object, *, zarr_format: ZarrFormat) -> JSON:
        number = complex(self.cast_scalar(data))
        return _float_to_json(number.real), _float_to_json(number.imag)


@dataclass(frozen=True, kw_only=True)
class Complex64(_Complex):
    """Complex numbers of 64 bits."""

    dtype_cls: ClassVar[Option] = type(np.dtype("c8"))
    _zarr_v3_name: ClassVar[str] = "complex64"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = (">c8", "<c8")
    _code: ClassVar[str] = "c8"


@dataclass(frozen=True, kw_only=True)
class Complex128(_Complex):
    """Complex numbers of 128 bits."""

    dtype_cls: ClassVar[Option] = type(np.dtype("c16"))
    _zarr_v3_name: ClassVar[str] = "complex128"
    _zarr_v2_names: ClassVar[tuple[str, ...]] = (">c16", "<c16")
    _code: ClassVar[str] = "c16"


# -- texts and bytes -------------------------------------------------------------------------------


def _configured(data: JSON, name: str, *members: str) -> dict[str, JSON] | None:
    """Return the configuration of a data type of format 3; None if it has another name or other members."""
    if not isinstance(data, Mapping) or data.keys() != {"name", "configuration"} or data["name"] != name:
        return None
    config = data["configuration"]
    return dict(config) if isinstance(config, Mapping) and config.keys() == {*members} else None


def _check_length(length: int) -> None:
    if length < 1:
        raise ValueError(f"length must be >= 1, got {length}.")


def _bytes_of_json(data: JSON) -> bytes | None:
    try:
        return base64.b64decode(data.encode("ascii")) if isinstance(data, str) else None
    except (ValueError, binascii.Error):
        return None


@dataclass(frozen=True, kw_only=True)
class _Bytes(_HasItemSize, ZDType):
    """Bytes of one length.

    Attributes
    ----------
    length : int
        The length, in bytes.
    """

    length: int = 1
    _kind: ClassVar[str]

    def __post_init__(self) -> None:
        _check_length(self.length)

    @classmethod
    def _check_native_dtype(cls, dtype: AnyDtype) -> bool:
        return (
            isinstance(dtype, np.dtype)
            and dtype.kind == cls._kind
            and dtype.fields is None
            and dtype.subdtype is None
        )

    @classmethod
    def _of_native(cls, dtype: AnyDtype) -> Self:
        return cls(length=dtype.itemsize)

    def to_native_dtype(self) -> AnyDtype:
        return np.dtype(f"{self._kind}{self.length}")

    @classmethod
    def _from_json_v2(cls, data: JSON) -> Self:
        if check_dtype_spec_no_object_codec_v2(data) and isinstance(data["name"], str):
            length = re.fullmatch(rf"\|{cls._kind}([0-9]+)", data["name"])
            if length is not None:
                return cls(length=int(length[1]))
        raise cls._refuse(data)

    @classmethod
    def _from_json_v3(cls, data: JSON) -> Self:
        config = _configured(data, cls._zarr_v3_name, "length_bytes")
        if config is None or not isinstance(config["length_bytes"], int):
            raise cls._refuse(data)
        return cls(length=config["length_bytes"])

    def _to_json_v2(self) -> JSON:
        return _v2(f"|{self._kind}{self.length}")

    def _to_json_v3(self) -> JSON:
        self._warn_unstable()
        return {"name": self._zarr_v3_name, "configuration": {"length_bytes": self.length}}

    def from_json_scalar(self, data: JSON, *, zarr_format: ZarrFormat) -> Elements:
        value = _bytes_of_json(data)
        if value is None:
            raise self._refuse_json(data, "bytes in base64")
        return self._cast(value)

    def to_json_scalar(self, data: object, *, zarr_format: ZarrFormat) -> JSON:
        return base64.standard_b64encode(bytes(self.cast_scalar(data))).decode()


@dataclass(frozen=True, kw_only=True)
class NullTerminatedBytes(_Bytes):
    """Bytes of a limited length, without the zeros at their end.

    >>> NullTerminatedBytes(length=3).to_native_dtype()
    dtype('S3')
    """

    dtype_cls: ClassVar[Option] = type(np.dtype("S1"))
    _zarr_v3_name: ClassVar[str] = "null_terminated_bytes"
    _kind: ClassVar[str] = "S"

    def _check_scalar(self, data: object) -> bool:
        return isinstance(data, (bytes, str, np.bytes_, np.void)) or (isinstance(data, int) and data == 0)

    def _cast(self, data: Elements) -> Elements:
        data = data.encode() if isinstance(data, str) else bytes(data) if not isinstance(data, int) else b""
        return self.to_native_dtype().type(data[: self.length])

    def default_scalar(self) -> Elements:
        return np.bytes_(b"")


@dataclass(frozen=True, kw_only=True)
class RawBytes(_Bytes):
    """Bytes of one length.

    >>> RawBytes(length=3).to_native_dtype()
    dtype('V3')
    """

    dtype_cls: ClassVar[Option] = type(np.dtype("V1"))
    _zarr_v3_name: ClassVar[str] = "raw_bytes"
    _kind: ClassVar[str] = "V"

    def _check_scalar(self, data: object) -> bool:
        return isinstance(data, (bytes, str, np.bytes_, np.void)) or (isinstance(data, int) and data == 0)

    def _cast(self, data: Elements) -> Elements:
        data = data.encode() if isinstance(data, str) else bytes(data) if not isinstance(data, int) else b""
        return np.void(data.ljust(self.length, b"\0")[: self.length])

    def default_scalar(self) -> Elements:
        return np.void(bytes(self.length))


@dataclass(frozen=True, kw_only=True)
class VariableLengthBytes(ZDType):
    """Bytes of any length.

    >>> VariableLengthBytes().to_json(zarr_format=2)
    {'name': '|O', 'object_codec_id': 'vlen-bytes'}
    """

    dtype_cls: ClassVar[Option] = type(np.dtype("O"))
    object_codec_id: ClassVar[str] = "vlen-bytes"
    _zarr_v3_name: ClassVar[str] = "variable_length_bytes"

    def to_native_dtype(self) -> AnyDtype:
        return np.dtype(object)

    @classmethod
    def _from_json_v2(cls, data: JSON) -> Self:
        if data == _v2("|O", cls.object_codec_id):
            return cls()
        raise cls._refuse(data)

    @classmethod
    def _from_json_v3(cls, data: JSON) -> Self:
        if data in (cls._zarr_v3_name, "bytes"):
            return cls()
        raise cls._refuse(data)

    def _to_json_v2(self) -> JSON:
        return _v2("|O", self.object_codec_id)

    def _to_json_v3(self) -> JSON:
        self._warn_unstable()
        return self._zarr_v3_name

    def _check_scalar(self, data: object) -> bool:
        return isinstance(data, (bytes, str)) or (isinstance(data, int) and data == 0)

    def _cast(self, data: Elements) -> Elements:
        return data.encode() if isinstance(data, str) else b"" if isinstance(data, int) else bytes(data)

    def default_scalar(self) -> Elements:
        return b""

    def from_json_scalar(self, data: JSON, *, zarr_format: ZarrFormat) -> Elements:
        if isinstance(data, int) and data == 0:
            # as zarr-python 2 writes it
            return b""
        value = _bytes_of_json(data)
        if value is None:
            raise self._refuse_json(data, "bytes in base64")
        return value

    def to_json_scalar(self, data: object, *, zarr_format: ZarrFormat) -> JSON:
        return base64.standard_b64encode(self.cast_scalar(data)).decode()


@dataclass(frozen=True, kw_only=True)
class VariableLengthUTF8(ZDType):
    """Texts of any length.

    >>> VariableLengthUTF8().to_json(zarr_format=3)
    'string'
    """

    dtype_cls: ClassVar[Option] = _StringDType or type(np.dtype("O"))
    object_codec_id: ClassVar[str] = "vlen-utf8"
    _zarr_v3_name: ClassVar[str] = "string"

    @classmethod
    def _check_native_dtype(cls, dtype: AnyDtype) -> bool:
        return type(dtype) is cls.dtype_cls and not hasattr(dtype, "na_object")

    def to_native_dtype(self) -> AnyDtype:
        return np.dtype(object) if _StringDType is None else _StringDType()

    @classmethod
    def _from_json_v2(cls, data: JSON) -> Self:
        if data == _v2("|O", cls.object_codec_id):
            return cls()
        raise cls._refuse(data)

    def _to_json_v2(self) -> JSON:
        return _v2("|O", self.object_codec_id)

    def _cast(self, data: Elements) -> Elements:
        return str(data)

    def default_scalar(self) -> Elements:
        return ""

    def from_json_scalar(self, data: JSON, *, zarr_format: ZarrFormat) -> Elements:
        if isinstance(data, int) and data == 0:
            # as zarr-python 2 writes it
            return ""
        if not isinstance(data, str):
            raise self._refuse_json(data, "a text")
        return data

    def to_json_scalar(self, data: object, *, zarr_format: ZarrFormat) -> JSON:
        return self._cast(data)


@dataclass(frozen=True, kw_only=True)
class FixedLengthUTF32(_HasItemSize, ZDType):
    """Texts of a limited length.

    Attributes
    ----------
    length : int
        The length, in characters.
    endianness : {"little", "big"}
        The byte order in memory.

    Examples
    --------
    >>> FixedLengthUTF32(length=3).to_json(zarr_format=2)["name"]
    '<U3'
    """

    dtype_cls: ClassVar[Option] = type(np.dtype("U1"))
    _zarr_v3_name: ClassVar[str] = "fixed_length_utf32"
    endianness: str = sys.byteorder
    length: int = 1

    def __post_init__(self) -> None:
        _check_length(self.length)
        _check_order(self.endianness)

    @classmethod
    def _of_native(cls, dtype: AnyDtype) -> Self:
        return cls(length=dtype.itemsize // 4, endianness=_NAME_OF_ORDER[dtype.byteorder])

    def to_native_dtype(self) -> AnyDtype:
        return np.dtype(f"{_ORDERS[self.endianness]}U{self.length}")

    @classmethod
    def _from_json_v2(cls, data: JSON) -> Self:
        if check_dtype_spec_no_object_codec_v2(data) and isinstance(data["name"], str):
            found = re.fullmatch(r"([<>])U([0-9]+)", data["name"])
            if found is not None:
                return cls(length=int(found[2]), endianness=_NAME_OF_ORDER[found[1]])
        raise cls._refuse(data)

    @classmethod
    def _from_json_v3(cls, data: JSON) -> Self:
        config = _configured(data, cls._zarr_v3_name, "length_bytes")
        if config is None or not isinstance(config["length_bytes"], int) or config["length_bytes"] % 4:
            raise cls._refuse(data)
        return cls(length=config["length_bytes"] // 4)

    def _to_json_v3(self) -> JSON:
        self._warn_unstable()
        return {"name": self._zarr_v3_name, "configuration": {"length_bytes": 4 * self.length}}

    def _cast(self, data: Elements) -> Elements:
        return np.str_(data)[: self.length] if len(str(data)) > self.length else np.str_(data)

    def default_scalar(self) -> Elements:
        return np.str_("")

    def from_json_scalar(self, data: JSON, *, zarr_format: ZarrFormat) -> Elements:
        if not isinstance(data, str):
            raise self._refuse_json(data, "a text")
        return self._cast(data)

    def to_json_scalar(self, data: object, *, zarr_format: ZarrFormat) -> JSON:
        return str(self._cast(data))


# -- times -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Time(_HasItemSize, ZDType):
    """Times, or spans of time.

    Attributes
    ----------
    endianness : {"little", "big"}
        The byte order in memory.
    scale_factor : int
        Number of units that an integer counts.
    unit : str
        The unit.
    """

    endianness: str = sys.byteorder
    scale_factor: int = 1
    unit: str = "generic"
    _kind: ClassVar[str]

    def __post_init__(self) -> None:
        _check_order(self.endianness)
        if self.scale_factor < 1:
            raise ValueError(f"scale_factor must be > 0, got {self.scale_factor}.")
        if self.scale_factor >= 2**31:
            raise ValueError(f"scale_factor must be < 2147483648, got {self.scale_factor}.")
        if self.unit not in _UNITS:
            raise ValueError(f"unit must be one of {_UNITS}, got {self.unit!r}.")
        if self.unit == "μs":
            object.__setattr__(self, "unit", "us")

    @classmethod
    def _check_native_dtype(cls, dtype: AnyDtype) -> bool:
        return isinstance(dtype, np.dtype) and dtype.kind == cls._kind

    @classmethod
    def _of_native(cls, dtype: AnyDtype) -> Self:
        unit, scale = np.datetime_data(dtype)
        return cls(unit=unit, scale_factor=scale, endianness=_NAME_OF_ORDER[dtype.byteorder])

    @property
    def _suffix(self) -> str:
        if self.unit == "generic" and self.scale_factor == 1:
            return ""
        return f"[{self.scale_factor if self.scale_factor > 1 else ''}{self.unit}]"

    def to_native_dtype(self) -> AnyDtype:
        with warnings.catch_warnings():
            # generic units
            warnings.simplefilter("ignore", DeprecationWarning)
            return np.dtype(f"{_ORDERS[self.endianness]}{self._kind}8{self._suffix}")

    @classmethod
    def _from_json_v2(cls, data: JSON) -> Self:
        if check_dtype_spec_no_object_codec_v2(data) and isinstance(data["name"], str):
            found = re.fullmatch(rf"([<>]){cls._kind}8(?:\[([0-9]*)(\D+)\])?", data["name"])
            if found is not None and (found[3] or "generic") in _UNITS:
                order, scale, unit = _NAME_OF_ORDER[found[1]], int(found[2] or 1), found[3] or "generic"
                return cls(endianness=order, scale_factor=scale, unit=unit)
        raise cls._refuse(data)

    @classmethod
    def _from_json_v3(cls, data: JSON) -> Self:
        config = _configured(data, cls._zarr_v3_name, "unit", "scale_factor")
        if config is None or config["unit"] not in _UNITS or not isinstance(config["scale_factor"], int):
            raise cls._refuse(data)
        return cls(unit=config["unit"], scale_factor=config["scale_factor"])

    def _to_json_v2(self) -> JSON:
        return _v2(f"{_ORDERS[self.endianness]}{self._kind}8{self._suffix}")

    def _to_json_v3(self) -> JSON:
        return {
            "name": self._zarr_v3_name,
            "configuration": {"unit": self.unit, "scale_factor": self.scale_factor},
        }

    def _check_scalar(self, data: object) -> bool:
        import datetime

        kinds = (str, bytes, int, np.integer, np.datetime64, np.timedelta64)
        return data is None or isinstance(data, (*kinds, datetime.date, datetime.timedelta))

    def _cast(self, data: Elements) -> Elements:
        dtype = self.to_native_dtype()
        kind = np.datetime64 if self._kind == "M" else np.timedelta64
        is_time = isinstance(data, np.timedelta64)
        if isinstance(data, (int, np.integer)) and not is_time:
            return np.int64(data).view(dtype.newbyteorder("="))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            if data is None or (isinstance(data, kind) and np.isnat(data)):
                return np.int64(_NAT).view(dtype.newbyteorder("="))
            if self._kind == "m" and isinstance(data, str) and data.lstrip("+-").isdecimal():
                return self._cast(int(data))
            return np.asarray(data, dtype.newbyteorder("="))[()]

    def default_scalar(self) -> Elements:
        return self._cast(_NAT)

    def from_json_scalar(self, data: JSON, *, zarr_format: ZarrFormat) -> Elements:
        if data == "NaT":
            return self._cast(_NAT)
        if not isinstance(data, int) and not (isinstance(data, float) and data.is_integer()):
            raise self._refuse_json(data, "an integer or 'NaT'")
        return self._cast(int(data))

    def to_json_scalar(self, data: object, *, zarr_format: ZarrFormat) -> JSON:
        return int(self.cast_scalar(data).view(np.int64))


@dataclass(frozen=True, kw_only=True)
class DateTime64(_Time):
    """Times.

    >>> DateTime64(unit="s").to_native_dtype()
    dtype('<M8[s]')
    """

    dtype_cls: ClassVar[Option] = type(np.dtype("M8"))
    _zarr_v3_name: ClassVar[str] = "numpy.datetime64"
    _kind: ClassVar[str] = "M"


@dataclass(frozen=True, kw_only=True)
class TimeDelta64(_Time):
    """Spans of time.

    >>> TimeDelta64(unit="s", scale_factor=10).to_native_dtype()
    dtype('<m8[10s]')
    """

    dtype_cls: ClassVar[Option] = type(np.dtype("m8[s]"))
    _zarr_v3_name: ClassVar[str] = "numpy.timedelta64"
    _kind: ClassVar[str] = "m"


# -- structures ------------------------------------------------------------------------------------


class _InnerError(DataTypeValidationError):
    """A field of a structure has a data type that is not valid: the whole is a structure all the same."""


@dataclass(frozen=True, kw_only=True)
class Struct(_HasItemSize, ZDType):
    """Structures: elements with named fields.

    Attributes
    ----------
    fields : tuple of tuple
        Pairs of a name and a data type.

    Examples
    --------
    >>> Struct(fields=(("x", Int8()), ("y", Float32()))).to_json(zarr_format=2)["name"]
    [['x', '|i1'], ['y', '<f4']]
    """

    dtype_cls: ClassVar[Option] = type(np.dtype([("a", "i1")]))
    _zarr_v3_name: ClassVar[str] = "struct"
    fields: tuple[tuple[str, ZDType], ...]

    def __post_init__(self) -> None:
        if not self.fields:
            raise ValueError(f"must have at least one field. Got {self.fields!r}")

    @classmethod
    def _check_native_dtype(cls, dtype: AnyDtype) -> bool:
        return isinstance(dtype, np.dtype) and dtype.fields is not None

    @classmethod
    def _of_native(cls, dtype: AnyDtype) -> Self:
        found = cls(fields=cls._fields_of(dtype))
        if found.to_native_dtype().itemsize != dtype.itemsize:
            warnings.warn(
                f"the fields of {dtype} have gaps between them; they are stored in a packed layout without these",
                ZarrUserWarning,
                stacklevel=3,
            )
        return found

    @classmethod
    def _fields_of(cls, dtype: AnyDtype) -> tuple[tuple[str, ZDType], ...]:
        pairs: list[tuple[str, ZDType]] = []
        for name in dtype.names or ():
            inner, *rest = dtype.fields[name] if dtype.fields is not None else (dtype, 0)
            if len(rest) > 1:
                raise ValueError(f"the field {name!r} has a title, which Zarr does not store")
            if inner.subdtype is not None:
                raise ValueError(f"the field {name!r} is a subarray, which Zarr v3 does not store")
            if inner.fields is not None:
                pairs.append((name, cls(fields=cls._fields_of(inner))))
            else:
                pairs.append((name, data_type_registry.match_dtype(inner)))
        return tuple(pairs)

    def to_native_dtype(self) -> AnyDtype:
        return np.dtype([(name, kind.to_native_dtype()) for name, kind in self.fields])

    def has_multi_byte_fields(self) -> bool:
        """Return whether a field has more than one byte.

        Returns
        -------
        bool
            Whether one has.
        """
        return any(kind.to_native_dtype().itemsize > 1 for _, kind in self.fields)

    @classmethod
    def _from_json_v2(cls, data: JSON, registry: DataTypeRegistry | None = None) -> Self:
        if not check_dtype_spec_no_object_codec_v2(data) or not data["name"] or isinstance(data["name"], str):
            raise cls._refuse(data)
        pairs = ((name, _v2([*inner] if _is_list(inner) else inner)) for name, inner in data["name"])
        return cls(fields=_resolved(pairs, 2, registry, "/{0}/1"))

    @classmethod
    def _from_json_v3(cls, data: JSON, registry: DataTypeRegistry | None = None) -> Self:
        config = _configured(data, "struct", "fields") or _configured(data, "structured", "fields")
        if config is None or not _is_list(config["fields"]) or not config["fields"]:
            raise cls._refuse(data)
        pairs: list[tuple[str, JSON]] = []
        for item in config["fields"]:
            if isinstance(item, Mapping) and item.keys() == {"name", "data_type"}:
                pairs.append((item["name"], item["data_type"]))
            elif _is_list(item) and len(item) == 2 and isinstance(item[0], str):
                pairs.append((item[0], item[1]))
            else:
                raise cls._refuse(data)
        return cls(fields=_resolved(pairs, 3, registry, "/configuration/fields/{0}/data_type"))

    @classmethod
    def _from_json_in(cls, data: JSON, zarr_format: ZarrFormat, registry: DataTypeRegistry) -> Self:
        """As `from_json`; the data types of the fields are found in a registry."""
        return (cls._from_json_v2 if zarr_format == 2 else cls._from_json_v3)(data, registry)

    def _to_json_v2(self) -> JSON:
        return _v2([[name, kind.to_json(zarr_format=2)["name"]] for name, kind in self.fields])

    def _to_json_v3(self) -> JSON:
        fields = [{"name": name, "data_type": kind.to_json(zarr_format=3)} for name, kind in self.fields]
        return {"name": self._zarr_v3_name, "configuration": {"fields": fields}}

    def _check_scalar(self, data: object) -> bool:
        if isinstance(data, (str, Mapping)):
            return False
        return isinstance(data, (bytes, list, tuple, np.void, np.ndarray)) or (
            isinstance(data, (int, float)) and data == 0
        )

    def _cast(self, data: Elements) -> Elements:
        dtype = self.to_native_dtype()
        if isinstance(data, bytes):
            return np.frombuffer(data, dtype)[0]
        if isinstance(data, (int, float)):
            return np.zeros((), dtype)[()]
        return np.array(tuple(data) if isinstance(data, list) else data, dtype)[()]

    def default_scalar(self) -> Elements:
        scalar = np.zeros((), self.to_native_dtype())
        for name, kind in self.fields:
            if kind.to_native_dtype().kind in "mM":
                scalar[name] = kind.default_scalar()
        return scalar[()]

    def _from_base64(self, data: JSON, dtype: AnyDtype) -> Elements:
        value = _bytes_of_json(data)
        if value is None or len(value) != dtype.itemsize:
            raise self._refuse_json(data, f"{dtype.itemsize} bytes in base64")
        return np.frombuffer(value, dtype)[0].astype(self.to_native_dtype())

    def from_json_scalar(self, data: JSON, *, zarr_format: ZarrFormat) -> Elements:
        dtype = self.to_native_dtype()
        if isinstance(data, int) and data == 0:
            return self.default_scalar()
        if zarr_format == 2:
            return self._from_base64(data, dtype)
        if isinstance(data, Mapping):
            scalar = np.asarray(self.default_scalar())
            for name, kind in self.fields:
                if name in data:
                    scalar[name] = kind.from_json_scalar(data[name], zarr_format=zarr_format)
            return scalar[()]
        return self._from_base64(data, dtype.newbyteorder("<"))

    def to_json_scalar(self, data: object, *, zarr_format: ZarrFormat) -> JSON:
        scalar = self.cast_scalar(data)
        if zarr_format == 2:
            return base64.standard_b64encode(scalar.tobytes()).decode()
        return {name: kind.to_json_scalar(scalar[name], zarr_format=3) for name, kind in self.fields}


@dataclass(frozen=True, kw_only=True)
class Structured(Struct):
    """Structures, as zarr-python 3.0 and 3.1 describe them in format 3."""

    _zarr_v3_name: ClassVar[str] = "structured"

    def _to_json_v3(self) -> JSON:
        self._warn_unstable()
        fields = [[name, kind.to_json(zarr_format=3)] for name, kind in self.fields]
        return {"name": self._zarr_v3_name, "configuration": {"fields": fields}}

    def to_json_scalar(self, data: object, *, zarr_format: ZarrFormat) -> JSON:
        scalar = np.asarray(self.cast_scalar(data))
        if zarr_format == 3:
            scalar = scalar.astype(scalar.dtype.newbyteorder("<"))
        return base64.standard_b64encode(scalar.tobytes()).decode()


def _resolved(
    pairs: Option, zarr_format: ZarrFormat, registry: DataTypeRegistry | None, place: str
) -> tuple[tuple[str, ZDType], ...]:
    """Return the fields of a structure, given pairs of a name and the description of a data type."""
    registry = data_type_registry if registry is None else registry
    fields: list[tuple[str, ZDType]] = []
    for i, (name, inner) in enumerate(pairs):
        try:
            fields.append((name, registry.match_json(inner, zarr_format=zarr_format)))
        except ValueError as exc:
            message, _, below = str(exc).partition(" at /")
            below = f"/{below}" if below else ""
            raise _InnerError(f"{message} at {place.format(i)}{below}") from exc
    return tuple(fields)


# -- the registry ----------------------------------------------------------------------------------

# Spellings of typestrs that writers use for data types without a byte order.
_ONE_BYTE = re.compile(r"[<>](b1|i1|u1)")
_RAW = re.compile(r"[<>](V[0-9]+)")


@dataclass(frozen=True, kw_only=True)
class DataTypeRegistry:
    """The classes of data types, by their names in format 3.

    Attributes
    ----------
    contents : dict
        The classes.

    Examples
    --------
    >>> data_type_registry.match_dtype(np.dtype("i1"))
    Int8()
    """

    contents: dict[str, type[ZDType]] = field(default_factory=dict, init=False)
    _lazy_load_list: list[Option] = field(default_factory=list, init=False)

    def _lazy_load(self) -> None:
        waiting = [*self._lazy_load_list]
        self._lazy_load_list.clear()
        for entry in waiting:
            kind = entry.load()
            self.register(kind._zarr_v3_name, kind)

    def register(self, key: str, cls: type[ZDType]) -> None:
        """Add a class.

        Parameters
        ----------
        key : str
            Name of the data type in format 3.
        cls : type
            The class.
        """
        self.contents[key] = cls

    def unregister(self, key: str) -> None:
        """Remove a class.

        Parameters
        ----------
        key : str
            Name of the data type in format 3.

        Raises
        ------
        KeyError
            If there is none.
        """
        del self.contents[key]

    def get(self, key: str) -> type[ZDType]:
        """Return a class.

        Parameters
        ----------
        key : str
            Name of the data type in format 3.

        Returns
        -------
        type
            The class.

        Raises
        ------
        KeyError
            If there is none.
        """
        self._lazy_load()
        return self.contents[key]

    def match_dtype(self, dtype: AnyDtype) -> ZDType:
        """Return the data type for one of NumPy.

        Parameters
        ----------
        dtype : numpy.dtype
            The data type of NumPy.

        Returns
        -------
        ZDType
            The data type.

        Raises
        ------
        ValueError
            If there is none, or if it is that of Python objects, which several classes describe.
        """
        self._lazy_load()
        if dtype == np.dtype(object):
            raise ValueError(
                "Zarr data type resolution from object failed: several data types have Python objects as elements; "
                "give dtype=str for text, or an object of zarr.dtype"
            )
        kinds = [kind for kind in self.contents.values() if kind._check_native_dtype(dtype)]
        found = [kind.from_native_dtype(dtype) for kind in kinds]
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(f"Zarr data type resolution from {dtype} failed: {found} describe it")
        if dtype.kind == "T":
            raise ValueError(f"Zarr data type resolution from {dtype!r} failed: none has its missing value")
        raise ValueError(f"No Zarr data type found that matches dtype '{dtype!r}'")

    def match_json(self, data: JSON, *, zarr_format: ZarrFormat) -> ZDType:
        """Return the data type that a document describes.

        Parameters
        ----------
        data : str or dict
            The description; in format 2 a dict of ``name`` and ``object_codec_id``.
        zarr_format : {2, 3}
            Version of the format.

        Returns
        -------
        ZDType
            The data type.

        Raises
        ------
        ValueError
            If no class describes it.
        """
        self._lazy_load()
        for spelling in _spellings(data) if zarr_format == 2 else (data,):
            for kind in self.contents.values():
                try:
                    if issubclass(kind, Struct):
                        return kind._from_json_in(spelling, zarr_format, self)
                    return kind.from_json(spelling, zarr_format=zarr_format)
                except _InnerError:
                    raise
                except DataTypeValidationError:
                    continue
        raise ValueError(f"No Zarr data type found that matches {data!r}")


def _spellings(data: JSON) -> list[JSON]:
    """Return a description of format 2, and its usual spelling if it has another."""
    name = data.get("name") if isinstance(data, Mapping) else None
    if isinstance(name, str) and (found := _ONE_BYTE.fullmatch(name) or _RAW.fullmatch(name)) is not None:
        return [data, {**data, "name": f"|{found[1]}"}]
    return [data]


data_type_registry = DataTypeRegistry()
_INTEGERS = (Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64)
_FLOATS = (Float16, Float32, Float64, Complex64, Complex128)
_TEXTS = (FixedLengthUTF32, VariableLengthUTF8, RawBytes, NullTerminatedBytes, VariableLengthBytes)
for _kind in (Bool, *_INTEGERS, *_FLOATS, *_TEXTS, Struct, DateTime64, TimeDelta64):
    data_type_registry.register(_kind._zarr_v3_name, _kind)


def parse_dtype(dtype_spec: Option, *, zarr_format: ZarrFormat) -> ZDType:
    """Return the data type that a value means.

    Parameters
    ----------
    dtype_spec : ZDType, data-type, str, type or dict
        An object of a class of this module, a data type of NumPy or what NumPy accepts for one, or a description as
        in documents.
    zarr_format : {2, 3}
        Version of the format of descriptions.

    Returns
    -------
    ZDType
        The data type.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> parse_dtype("int8", zarr_format=3), parse_dtype(np.dtype("S10"), zarr_format=2)
    (Int8(), NullTerminatedBytes(length=10))
    """
    if isinstance(dtype_spec, ZDType):
        return dtype_spec
    if isinstance(dtype_spec, (Mapping, str)) or _is_list(dtype_spec):
        try:
            return data_type_registry.match_json(dtype_spec, zarr_format=zarr_format)
        except ValueError:
            pass
    if isinstance(dtype_spec, (str, type)) and dtype_spec in ("str", str, "string"):
        return VariableLengthUTF8()
    if dtype_spec is _StringDType and _StringDType is not None:
        return VariableLengthUTF8()
    if isinstance(dtype_spec, list):
        dtype_spec = [tuple(pair) for pair in dtype_spec]
    return data_type_registry.match_dtype(np.dtype(dtype_spec))


parse_data_type = parse_dtype


def data_type_of(dtype: AnyDtype, variable: str) -> ZDType:
    """Return the data type of an array.

    Parameters
    ----------
    dtype : numpy.dtype
        Data type of the elements.
    variable : str
        Name of the codec of elements that are objects; else empty.

    Returns
    -------
    ZDType
        The data type.

    Examples
    --------
    >>> data_type_of(np.dtype(object), "vlen-utf8")
    VariableLengthUTF8()
    """
    if dtype.kind == "O":
        return VariableLengthUTF8() if variable == "vlen-utf8" else VariableLengthBytes()
    return data_type_registry.match_dtype(dtype)
