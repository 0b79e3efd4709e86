"""Write Python's types for JSON as the text of a document: the twin of ``_json_write``."""

from __future__ import annotations

import math
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any, TypeAlias

JSON: TypeAlias = Any
"""A value of any type."""

MOST_LEVELS = 200

_CONSTANTS = {None: "null", True: "true", False: "false"}
_WRITERS: dict[type, Callable[[JSON], str]] = {
    str: encode_basestring,
    int: repr,
    bool: _CONSTANTS.__getitem__,
    type(None): _CONSTANTS.__getitem__,
}
_STR = {str}
_SCALARS = {str, int, bool, float, type(None)}


class _OtherValueError(Exception):
    """A value that the module does not write."""


def write_json(value: object, indent: str, sorts_names: bool) -> str | None:
    """Return what the compiled kernel returns.

    >>> write_json({"b": [1, {}], "a": None}, " ", True), write_json({1}, "", False)
    ('{\\n "a": null,\\n "b": [\\n  1,\\n  {}\\n ]\\n}', None)
    """
    try:
        return _text_of(value, "\n", indent, sorts_names, MOST_LEVELS)
    except _OtherValueError:
        return None


def _text_of(value: JSON, newline: str, indent: str, sorts_names: bool, levels: int) -> str:
    kind = type(value)
    if (write := _WRITERS.get(kind)) is not None:
        return write(value)
    if kind is float and math.isfinite(value):
        return repr(value)
    if levels == 0:
        raise _OtherValueError
    inner = newline + indent
    if kind is list or kind is tuple:
        parts = [
            write(item)
            if (write := _WRITERS.get(type(item)))
            else _text_of(item, inner, indent, sorts_names, levels - 1)
            for item in value
        ]
        return f"[{inner}{f',{inner}'.join(parts)}{newline}]" if parts else "[]"
    if kind is not dict or not {*map(type, value)} <= _STR:
        raise _OtherValueError
    parts = [
        f"{encode_basestring(name)}: {_text_of(value[name], inner, indent, sorts_names, levels - 1)}"
        for name in (sorted(value) if sorts_names else value)
    ]
    return f"{{{inner}{f',{inner}'.join(parts)}{newline}}}" if parts else "{}"


def is_json(value: object, levels: int = MOST_LEVELS) -> bool:
    """Return what the compiled kernel returns.

    >>> is_json({"a": [1, None]}), is_json({"a": (1,)})
    (True, False)
    """
    if type(value) in _SCALARS:
        return True
    if levels == 0:
        return False
    if type(value) is list:
        return all(is_json(item, levels - 1) for item in value)
    return (
        isinstance(value, dict)
        and type(value) is dict
        and {*map(type, value)} <= _STR
        and all(is_json(item, levels - 1) for item in value.values())
    )
