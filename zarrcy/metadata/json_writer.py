"""Write JSON documents, in UTF-8 and else as zarr-python 2 does, and turn values of NumPy into JSON.

The writer is a kernel: ``json.dumps`` with an indent runs in Python.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring_ascii
from typing import NamedTuple

import numpy as np

from zarrcy import _kernels, settings
from zarrcy.errors import StrictJSONError
from zarrcy.types import JSON, AnyArray, Key

_NOT_ASCII = re.compile("[^\x00-\x7e]")
_CONSTANTS = {None: "null", True: "true", False: "false"}
# Most characters of a value in an error message.
_MOST_TEXT = 80


class Style(NamedTuple):
    """The layout of a document.

    Attributes
    ----------
    indent : str
        Text before the members of an object or list, once for each level.
    sorts_names : bool
        Whether the members of an object are sorted by name.
    is_ascii : bool
        Whether other characters than those of ASCII are escaped.
    """

    indent: str
    sorts_names: bool
    is_ascii: bool = False


V2_STYLE = Style("    ", sorts_names=True)
# The layout of arrays' documents in version 2: digests include them.
ASCII_STYLE = V2_STYLE._replace(is_ascii=True)
# The layout of documents in version 2 that another writer did not sort.
UNSORTED_STYLE = V2_STYLE._replace(sorts_names=False)
V3_STYLE = Style("  ", sorts_names=False)


def dump_json(document: JSON, key: Key = "", style: Style = V2_STYLE) -> bytes:
    """Return a document in UTF-8, by default in the layout of zarr-python 2: sorted keys, an indent of 4.

    Only surrogates without a partner are escaped, as UTF-8 does not have them, unless the style demands ASCII.

    Parameters
    ----------
    document : dict or other value
        The document.
    key : str, optional
        Its key, for errors.
    style : Style, optional
        The layout.

    Raises
    ------
    StrictJSONError
        If it has NaN or infinities, and ``ZARRCY_STRICT_JSON`` is set.
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
        written: str | None = _kernels.json_write.write_json(document, style.indent, style.sorts_names)
        text = _dumps(document, style) if written is None else written
    except ValueError:
        from zarrcy.storage.strict_json import refuse_bare_nan

        refuse_bare_nan(document, key)
        raise
    if style.is_ascii:
        text = _NOT_ASCII.sub(lambda found: encode_basestring_ascii(found[0])[1:-1], text)
    # the text of a surrogate without a partner is its escape in JSON
    return text.encode("utf-8", "backslashreplace")


def sorts_names(document: Mapping[str, JSON]) -> bool:
    """Return whether the names in all objects of a document are sorted, as zarr-python 2 writes them.

    >>> sorts_names({"a": {"b": 1}, "c": 2}), sorts_names({"a": {"c": 1, "b": 2}})
    (True, False)
    """
    write = _kernels.json_write.write_json
    texts = [
        write(document, "", is_sorted) or json.dumps(document, sort_keys=is_sorted)
        for is_sorted in (False, True)
    ]
    return texts[0] == texts[1]


def _dumps(value: JSON, style: Style) -> str:
    return json.dumps(
        value,
        indent=len(style.indent),
        ensure_ascii=False,
        sort_keys=style.sorts_names,
        default=of_numpy,
        allow_nan=not settings.STRICT_JSON.value(),
    )


# -- attributes --------------------------------------------------------------------------------------


def json_attributes(attributes: Mapping[str, JSON], key: Key = "") -> dict[str, JSON]:
    """Return attributes with values that JSON has.

    NumPy scalars and arrays become numbers, text, and lists: `NUMPY_KINDS` is the table.

    Parameters
    ----------
    attributes : mapping
        Names and values.
    key : str, optional
        Key of their document, for errors.

    Returns
    -------
    dict
        The names, and values of Python's types for JSON.

    Raises
    ------
    TypeError
        If a value has no form in JSON. The error names the attribute.
    ValueError
        If a value contains itself.
    StrictJSONError
        If a value is not a number or infinite, and ``ZARRCY_STRICT_JSON`` is set.

    Examples
    --------
    >>> json_attributes({"start": np.datetime64("2024-10-02T12:00", "ns"), "levels": np.arange(3)})
    {'start': '2024-10-02T12:00:00.000000000', 'levels': [0, 1, 2]}
    """
    is_strict = bool(settings.STRICT_JSON.value())
    converted = {}
    for name, value in attributes.items():
        try:
            is_final = not is_strict and type(name) is str and _kernels.json_write.is_json(value)
            form = value if is_final else _json_value(value)
            converted[name if is_final else _json_name(name)] = form
        except RecursionError as exc:
            raise ValueError(f"the attribute {name!r} contains itself, or is nested too deeply") from exc
        except (TypeError, ValueError) as exc:
            raise type(exc)(f"the attribute {name!r} cannot be stored: {exc}") from exc
        if is_strict:
            from zarrcy.storage.strict_json import find_bare_nan

            found = find_bare_nan(form)
            if found is not None:
                raise StrictJSONError(f"the attribute {name!r}", found[1], key)
    return converted


def as_json(value: JSON) -> JSON:
    """Return a value as it is after it was written as JSON and read.

    >>> as_json({"shape": (np.int64(4), 2)})
    {'shape': [4, 2]}
    """
    return _json_value(value)


def _json_value(value: object) -> JSON:
    """Return a value as Python's types for JSON."""
    if isinstance(value, (np.generic, np.ndarray)):
        return _json_value(of_numpy(value))
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, dict):
        converted = {_json_name(name): _json_value(item) for name, item in value.items()}
        if len(converted) < len(value):
            raise ValueError(f"two keys of {_short(value)} have the same form in JSON")
        return converted
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise TypeError(f"{_short(value)} ({type(value).__name__}) is not a JSON value")


def _json_name(name: object) -> str:
    """Return a key of an object as text, as the module json does it; NumPy scalars are keys too."""
    if isinstance(name, np.generic):
        name = of_numpy(name)
    if isinstance(name, str):
        return str.__str__(name)
    if name is None or isinstance(name, bool):
        return _CONSTANTS[name]
    if isinstance(name, (int, float)):
        return repr(int(name) if isinstance(name, int) else float(name))
    raise TypeError(f"the key {_short(name)} ({type(name).__name__}) is not text")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}..."


# -- values of NumPy ---------------------------------------------------------------------------------


class NumpyKind(NamedTuple):
    """What the values of one kind of NumPy types become in JSON.

    Attributes
    ----------
    becomes : str
        The form in JSON, or "" if there is none.
    convert : callable
        Returns the form of an array, as nested lists, or of an array without axes.
    remedy : str
        What the caller can do if there is no form.
    """

    becomes: str
    convert: Callable[[AnyArray], JSON] | None = None
    remedy: str = ""


def _floats(array: AnyArray) -> JSON:
    doubles = array.astype(np.float64)
    with np.errstate(invalid="ignore"):
        lost = (doubles.astype(array.dtype) != array) & ~np.isnan(array)
    if lost.any():
        raise TypeError(
            f"{array[lost].reshape(-1)[0]!r} has more digits than a number of JSON; store it as text"
        )
    return doubles.tolist()


def _iso_texts(array: AnyArray) -> JSON:
    return np.datetime_as_string(array).tolist()


def _items(array: AnyArray) -> JSON:
    return array.tolist()


NUMPY_KINDS: Mapping[str, NumpyKind] = {
    "b": NumpyKind("true or false", _items),
    "i": NumpyKind("a number", _items),
    "u": NumpyKind("a number", _items),
    "f": NumpyKind("a number, if 64 bits hold it", _floats),
    "U": NumpyKind("text", _items),
    "T": NumpyKind("text", _items),
    "O": NumpyKind("the form of each object", _items),
    "M": NumpyKind('ISO 8601 text, "NaT" for a time that is missing', _iso_texts),
    "m": NumpyKind("", remedy="store a number, and its unit as another attribute"),
    "c": NumpyKind("", remedy="store the real and the imaginary part as a list"),
    "S": NumpyKind("", remedy="decode it to text"),
    "V": NumpyKind("", remedy="store each field as a member of a dict"),
}
"""What NumPy's scalars and arrays become in JSON, by the kind of their data type."""


def of_numpy(value: object) -> JSON:
    """Return a scalar or an array of NumPy in the form that `NUMPY_KINDS` states.

    Raises
    ------
    TypeError
        If it has none.

    >>> of_numpy(np.float32(0.5)), of_numpy(np.array([[1, 2]], "i2")), of_numpy(np.datetime64("NaT"))
    (0.5, [[1, 2]], 'NaT')
    """
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value) or value is np.ma.masked:
            raise TypeError("an array with masked elements is not a JSON value; fill them first")
        value = value.data
    if isinstance(value, np.ndarray) and type(value) not in (np.ndarray, np.memmap):
        raise TypeError(
            f"{_short(value)} ({type(value).__name__}) is not a JSON value; convert it to a plain array"
        )
    if not isinstance(value, (np.ndarray, np.generic)):
        raise TypeError(f"{_short(value)} ({type(value).__name__}) is not a JSON value")
    array = np.asarray(value)
    if array.dtype.isbuiltin == 2:
        # the items of other packages' data types, such as ml_dtypes, are Python's numbers
        return array.tolist()
    kind = NUMPY_KINDS[array.dtype.kind]
    if kind.convert is None:
        raise TypeError(
            f"{_short(value)} ({type(value).__name__} of {array.dtype}) is not a JSON value; {kind.remedy}"
        )
    return kind.convert(array)
