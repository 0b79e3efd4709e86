"""Convert values of HDF5 to values that JSON can represent, and data types of HDF5 to those of Zarr v2."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType

import numpy as np

from zarrcy.errors import MissingExtraError
from zarrcy.types import JSON, AnyDtype, Elements

__all__ = [
    "UnstorableError",
    "attribute_value",
    "decode_text",
    "items_dtype",
    "json_value",
    "load_h5py",
    "storable_dtype",
]


class UnstorableError(Exception):
    """Zarr v2 cannot represent a value or a data type. The message describes the value."""


def load_h5py() -> ModuleType:
    """Import and return h5py.

    Raises
    ------
    MissingExtraError
        If h5py is not installed.
    """
    try:
        import h5py
    except ImportError as exc:
        raise MissingExtraError("h5py", "netcdf", "importing netCDF-4 and HDF5 files") from exc
    with suppress(ImportError):
        # registers more HDF5 filters
        import hdf5plugin  # noqa: F401
    module: ModuleType = h5py
    return module


def decode_text(value: bytes | str) -> str:
    """Decode a string of a file as UTF-8, or as Latin-1 if it is not valid UTF-8.

    Examples
    --------
    >>> decode_text("é".encode()), decode_text(b"\\xe9")
    ('é', 'é')
    """
    # h5py returns bytes that are not valid UTF-8 as lone surrogates, which many JSON parsers reject
    raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def attribute_value(value: Elements) -> JSON:
    """Return the value of an attribute as a value that JSON can represent.

    netCDF stores a scalar attribute as a list of one element, so such a list becomes its element. NaN and infinities
    stay numbers: ``_FillValue``, ``missing_value`` and ``valid_range`` are compared with the elements of a variable.

    Raises
    ------
    UnstorableError
        If the value is a reference, or opaque bytes.

    Examples
    --------
    >>> attribute_value(np.array([1e20])), attribute_value(np.array([1, np.nan]))
    (1e+20, [1.0, nan])
    """
    if isinstance(value, np.ndarray) and value.shape == (1,):
        value = value[0]
    return _json_value(value, float)


def json_value(value: Elements) -> JSON:
    """Return a value as a value that JSON can represent; NaN and infinities become Zarr's names for them.

    Raises
    ------
    UnstorableError
        If the value is a reference, or opaque bytes.

    Examples
    --------
    >>> json_value(np.array([1, np.nan]))
    [1.0, 'NaN']
    """
    return _json_value(value, _named_float)


def _json_value(value: Elements, json_float: Callable[[float], JSON]) -> JSON:
    if isinstance(value, (bytes, str)):
        return decode_text(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, dict):
        return {decode_text(name): _json_value(item, json_float) for name, item in value.items()}
    if isinstance(value, np.ndarray) and value.shape == ():
        return _json_value(value[()], json_float)
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_json_value(item, json_float) for item in value]
    if isinstance(value, (float, np.floating)):
        return json_float(float(value))
    if isinstance(value, (complex, np.complexfloating)):
        return [json_float(float(value.real)), json_float(float(value.imag))]
    if isinstance(value, np.generic):
        return _json_scalar(value, json_float)
    if type(value).__name__ == "Empty":
        # a dataspace without elements; netCDF writes an empty text in this way
        return "" if value.dtype.kind in "SUO" else []
    if type(value).__name__ in ("Reference", "RegionReference"):
        raise UnstorableError("it refers to another object of the file")
    raise UnstorableError(f"it is a {type(value).__name__}")


def _named_float(value: float) -> JSON:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _json_scalar(value: np.generic, json_float: Callable[[float], JSON]) -> JSON:
    if value.dtype.names is not None:
        return {name: _json_value(value[name], json_float) for name in value.dtype.names}  # type: ignore[index]
    if isinstance(value, (np.bool_, np.integer)):
        return value.item()
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return str(value)
    raise UnstorableError(f"it is {value.dtype.itemsize} opaque bytes")


def items_dtype(dtype: AnyDtype) -> AnyDtype | None:
    """Return the data type of the numbers, if elements are sequences of numbers of varying length; else None.

    Raises
    ------
    UnstorableError
        If h5py returns wrong numbers: it does not swap the bytes of sequences.
    """
    items = load_h5py().check_vlen_dtype(dtype)
    if items is None or np.dtype(items).kind not in "biuf":
        return None
    plain: AnyDtype = np.dtype(np.dtype(items).str)
    if not plain.isnative:
        raise UnstorableError(
            f"its elements are sequences of {plain.str}, and h5py does not read sequences in this byte order"
        )
    return plain


def storable_dtype(dtype: AnyDtype) -> AnyDtype:
    """Return the data type of Zarr v2 for a data type of h5py. Strings of variable length are objects in both.

    Enumerations become integers. Compound types lose the padding between their fields.

    Raises
    ------
    UnstorableError
        If Zarr v2 does not have such a data type.
    """
    h5py = load_h5py()
    if h5py.check_string_dtype(dtype) is not None and dtype.hasobject:
        return np.dtype(object)
    if h5py.check_ref_dtype(dtype) is not None:
        raise UnstorableError("its elements refer to other objects of the file")
    if h5py.check_vlen_dtype(dtype) is not None:
        raise UnstorableError("its elements are sequences of varying length")
    if dtype.hasobject:
        raise UnstorableError("its elements are compounds that contain strings, sequences or references")
    return _plain_dtype(dtype)


def _plain_dtype(dtype: AnyDtype) -> AnyDtype:
    """Return a data type without h5py's metadata and without padding between its fields."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.dtype((_plain_dtype(base), shape))
    if dtype.names is not None and dtype.fields is not None:
        return np.dtype([(name, _plain_dtype(dtype.fields[name][0])) for name in dtype.names])
    return np.dtype(dtype.str)
