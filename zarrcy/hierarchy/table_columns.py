"""The elements of pandas' columns, whose data types NumPy does not have, as arrays of NumPy.

Nothing here imports pandas: columns are recognised by their methods.
"""

from __future__ import annotations

import numpy as np

from zarrcy.types import AnyArray, Elements


def is_column(value: Elements) -> bool:
    """Return whether a value is a Series, an Index or an array of pandas."""
    return (
        not isinstance(value, np.ndarray)
        and hasattr(value, "isna")
        and hasattr(value, "to_numpy")
        and hasattr(value, "dtype")
        and np.ndim(value) == 1
    )


def values_of(column: Elements, target: str = "") -> AnyArray:
    """Return the elements of a column as an array of NumPy.

    Categories become their values, texts objects with None for a missing one, and times with a time zone those in UTC.

    Parameters
    ----------
    column : Series, Index or array of pandas
        The column.
    target : str, optional
        Kind of NumPy's data type that the elements will be cast to. Floats have a value for missing integers: NaN.

    Raises
    ------
    ValueError
        If an element is missing, and the data type of the elements has no value for that.
    """
    dtype = column.dtype
    kind = getattr(dtype, "kind", "O")
    if isinstance(dtype, np.dtype) and kind != "O":
        return np.asarray(column)
    missing = np.asarray(column.isna(), bool)
    if kind in "biu":
        if missing.any() and target in ("f", "c"):
            floats: AnyArray = column.to_numpy(dtype="f8", na_value=np.nan)
            return floats
        if missing.any():
            raise ValueError(
                f"{int(missing.sum())} of {len(missing)} elements are missing, and the data type {dtype} has no such "
                "value in Zarr; fill them first, as in .fillna(-1), or convert them to floats"
            )
        return np.array(list(column), getattr(dtype, "numpy_dtype", None))
    if kind == "f":
        return np.asarray(column.to_numpy(dtype=getattr(dtype, "numpy_dtype", "f8"), na_value=np.nan))
    if kind == "M":
        return np.asarray(column, f"M8[{getattr(dtype, 'unit', 'ns')}]")
    values = np.asarray(column)
    if values.dtype.kind != "O":
        return values
    values = values.copy()
    values[missing] = None
    return values


def is_text(values: AnyArray) -> bool:
    """Return whether an array holds texts, or None, and at least one text.

    >>> is_text(np.array(["a", None], object)), is_text(np.array([1, "a"], object))
    (True, False)
    """
    if values.dtype.kind != "O":
        return False
    kinds = {type(item) for item in values.reshape(-1).tolist()} - {type(None)}
    return bool(kinds) and all(issubclass(kind, str) for kind in kinds)
