"""Fields of structured data types: which were asked for, and where they are in an element."""

from __future__ import annotations

from typing import Any

import numpy as np

from zarrcy.errors import FieldNotFoundError
from zarrcy.types import AnyDtype, Field


def record_fields(dtype: AnyDtype, fields: Any) -> tuple[AnyDtype, Field | None]:
    """Find what a selection of fields reads.

    Parameters
    ----------
    dtype : of the elements
    fields : None, a name, or a list of names; an empty one means all

    Returns
    -------
    dtype : of the result: that of the field; for a list, of records of its fields, packed
    field : place of a single field in an element; None for whole elements and for several fields

    Raises
    ------
    FieldNotFoundError : the elements have no such field

    >>> record_fields(np.dtype([("x", "<i4"), ("y", "<f8")]), "y")
    (dtype('float64'), (4, 8))
    """
    if fields is None:
        return dtype, None
    names = list(fields or dtype.names or ()) if isinstance(fields, (list, tuple)) else [fields]
    places: Any = dtype.fields or {}
    for name in names:
        if name not in places:
            raise FieldNotFoundError(name, dtype.names or ())
    if len(names) == 1:
        inner, offset = places[names[0]][:2]
        found = inner if isinstance(fields, str) else np.dtype([(names[0], inner)])
        return found, (offset, inner.itemsize)
    return np.dtype([(name, places[name][0]) for name in names]), None
