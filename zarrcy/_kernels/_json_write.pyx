"""Write Python's types for JSON as the text of a document. Other values are left to the caller.

`_reference_json_write` is the twin in Python.
"""

from json.encoder import encode_basestring

from libc.math cimport isfinite

cdef enum:
    MOST_LEVELS = 200                # nested objects and lists; the functions here are recursive

cdef object _text_of = encode_basestring
cdef str _NULL = "null"
cdef str _TRUE = "true"
cdef str _FALSE = "false"
cdef str _COLON = ": "


def write_json(value, str indent not None, bint sorts_names):
    """Return the text of a value, with each member and item on a line of its own.

    Parameters
    ----------
    value : object
        The value: str, int, float, bool, None, and lists, tuples and dictionaries of these, not subclasses.
    indent : str
        Text before each line, once for each level.
    sorts_names : bool
        Whether the members of objects are sorted by name.

    Returns
    -------
    str or None
        None if there is a value of another type, a name that is not a str, a float that is not finite, or if the value
        has more than 200 levels.
    """
    cdef list parts = []
    return "".join(parts) if _write(value, "\n", indent, sorts_names, parts, MOST_LEVELS) else None


cdef bint _write(object value, str newline, str indent, bint sorts_names, list parts, int levels) except -1:
    cdef str inner
    cdef str before
    cdef object item
    cdef object names
    if type(value) is str:
        parts.append(_text_of(value))
    elif type(value) is int or (type(value) is float and isfinite(<double> value)):
        parts.append(repr(value))
    elif value is None:
        parts.append(_NULL)
    elif value is True:
        parts.append(_TRUE)
    elif value is False:
        parts.append(_FALSE)
    elif levels == 0:
        return False
    elif type(value) is list or type(value) is tuple:
        if not value:
            parts.append("[]")
            return True
        inner = newline + indent
        before = "[" + inner
        for item in value:
            parts.append(before)
            if not _write(item, inner, indent, sorts_names, parts, levels - 1):
                return False
            before = "," + inner
        parts.append(newline)
        parts.append("]")
    elif type(value) is dict:
        if not value:
            parts.append("{}")
            return True
        for item in <dict> value:
            if type(item) is not str:
                return False
        names = sorted(<dict> value) if sorts_names else list(<dict> value)
        inner = newline + indent
        before = "{" + inner
        for item in <list> names:
            parts.append(before)
            parts.append(_text_of(item))
            parts.append(_COLON)
            if not _write((<dict> value)[item], inner, indent, sorts_names, parts, levels - 1):
                return False
            before = "," + inner
        parts.append(newline)
        parts.append("}")
    else:
        return False
    return True


def is_json(value):
    """Return whether a value is the same after it was written as JSON and read: a tuple, for example, is not.

    Parameters
    ----------
    value : object
        Any value.

    Returns
    -------
    bool
        Whether it consists of str, int, float, bool, None, and lists and dictionaries of these, not subclasses. False
        for more than 200 levels.
    """
    return _is_json(value, MOST_LEVELS)


cdef bint _is_json(object value, int levels) except -1:
    cdef object name
    cdef object item
    if type(value) is str or type(value) is int or type(value) is float or type(value) is bool or value is None:
        return True
    if levels == 0:
        return False
    if type(value) is list:
        for item in <list> value:
            if not _is_json(item, levels - 1):
                return False
        return True
    if type(value) is not dict:
        return False
    for name, item in (<dict> value).items():
        if type(name) is not str or not _is_json(item, levels - 1):
            return False
    return True
