"""Fields of structured data types: which fields a selection reads, and where they are in an element."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zarrcy.errors import FieldNotFoundError
from zarrcy.types import AnyDtype, Elements, Field

if TYPE_CHECKING:
    from collections.abc import Mapping


def record_fields(dtype: AnyDtype, fields: Elements) -> tuple[AnyDtype, Field | None]:
    """Return the data type that a selection of fields has, and the place of a single field.

    Parameters
    ----------
    dtype : AnyDtype
        Data type of the elements.
    fields : str, list of str or None
        A name, several names, or None for whole elements. An empty list means all fields.

    Returns
    -------
    dtype : AnyDtype
        Data type of the result: that of the field or, for a list, of records with these fields, packed.
    field : Field or None
        Place of a single field in an element; None for whole elements and for several fields.

    Raises
    ------
    FieldNotFoundError
        If the elements do not have such a field.

    Examples
    --------
    >>> record_fields(np.dtype([("x", "<i4"), ("y", "<f8")]), "y")
    (dtype('float64'), (4, 8))
    """
    if fields is None:
        return dtype, None
    names = list(fields or dtype.names or ()) if isinstance(fields, (list, tuple)) else [fields]
    places: Mapping[str, tuple[AnyDtype, int]] = dtype.fields or {}  # type: ignore[assignment]
    for name in names:
        if not isinstance(name, str) or name not in places:
            raise FieldNotFoundError(name, dtype.names or ())
    if len(names) > 1:
        return np.dtype([(name, places[name][0]) for name in names]), None
    inner, offset = places[names[0]][:2]
    result = inner if isinstance(fields, str) else np.dtype([(names[0], inner)])
    return result, (offset, inner.itemsize)
