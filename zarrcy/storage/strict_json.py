"""NaN and infinities in documents: JSON does not have them, and ``ZARRCY_STRICT_JSON`` refuses to write them."""

from __future__ import annotations

import math

from zarrcy import settings
from zarrcy.errors import StrictJSONError
from zarrcy.types import JSON, Key

_ATTRIBUTES_KEY = ".zattrs"


def refuse_bare_nan(document: JSON, key: Key) -> None:
    """Raise an error if JSON must be strict, and a document that is about to be written has NaN or infinities.

    Parameters
    ----------
    document : dict
        The parsed document.
    key : str
        Its key, for the error.

    Raises
    ------
    StrictJSONError
        If it has.
    """
    if settings.STRICT_JSON.value():
        found = find_bare_nan(document)
        if found is not None:
            path, value = found
            raise StrictJSONError(_member(path, key), value, key)


def find_bare_nan(value: JSON, path: tuple[str, ...] = ()) -> tuple[tuple[str, ...], float] | None:
    """Return the place and the value of the first number that JSON does not have; None if there is none.

    Examples
    --------
    >>> find_bare_nan({"a": 1.5, "b": [0, {"c": float("inf")}]})
    (('b', '[1]', 'c'), inf)
    """
    if isinstance(value, float):
        return None if math.isfinite(value) else (path, value)
    items: list[tuple[str, JSON]] = []
    if isinstance(value, dict):
        items = [(str(name), item) for name, item in value.items()]
    elif isinstance(value, (list, tuple)):
        items = [(f"[{number}]", item) for number, item in enumerate(value)]
    for name, item in items:
        found = find_bare_nan(item, (*path, name))
        if found is not None:
            return found
    return None


def _member(path: tuple[str, ...], key: Key) -> str:
    if key.rpartition("/")[2] == _ATTRIBUTES_KEY:
        return f"the attribute {path[0]!r}"
    if path[0] == "attributes" and len(path) > 1:
        return f"the attribute {path[1]!r}"
    return "the member {!r}".format(".".join(path).replace(".[", "["))
