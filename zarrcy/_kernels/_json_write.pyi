"""Write Python's types for JSON as the text of a document. Other values are left to the caller.

`_reference_json_write` is the twin in Python.
"""

def write_json(value: object, indent: str, sorts_names: bool) -> str | None:
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

def is_json(value: object) -> bool:
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
