"""The elements of a chunk as codecs take and return them: flat arrays, contiguous memory, plain data types."""

from __future__ import annotations

import numpy as np

from zarrcy.types import AnyArray, AnyDtype, Buffer


def is_ml_dtype(dtype: AnyDtype) -> bool:
    """Return whether a package such as ml_dtypes added the data type to those of NumPy."""
    return dtype.isbuiltin == 2


def plain(dtype: AnyDtype) -> AnyDtype:
    """Return a data type with the same bytes that every codec takes and whose byte order NumPy can swap."""
    if dtype.fields is not None:
        fields = [(name, plain(dtype.fields[name][0])) for name in dtype.names or ()]
        return np.dtype(fields)
    return np.dtype(f"u{dtype.itemsize}") if is_ml_dtype(dtype) else dtype


def contiguous(output: Buffer) -> Buffer:
    """Return what a codec of another package returned, with its bytes one after another.

    As in numcodecs, the bytes are those of the memory: an array in Fortran order stays one. The elements of an array
    that is not contiguous follow in C order. Anything else is returned as it is.

    >>> contiguous(np.arange(6)[::2])
    array([0, 2, 4])
    """
    if type(output) is bytes or (type(output) is np.ndarray and output.flags.forc):
        return output
    if isinstance(output, np.ndarray):
        # subclasses have other shapes (matrix), or elements that are not in their memory (masked arrays)
        array = np.asarray(output)
        return array if array.flags.forc else np.ascontiguousarray(array)
    try:
        view = memoryview(output)
    except TypeError:
        return output
    return output if view.c_contiguous else view.tobytes("A")


def as_elements(data: Buffer, dtype: AnyDtype) -> AnyArray:
    """Return the input of a codec as a flat array of elements."""
    if isinstance(data, np.ndarray):
        return np.ascontiguousarray(data.reshape(-1, order="A")).view(dtype)
    return np.frombuffer(data, dtype)
