"""Find the members of one object of a JSON document. The kernel checks the whole document and builds no values.

The document is untrusted: every position is compared with its length before a byte is read, and open objects and lists
are kept in a table of fixed length. `_reference_json_scan` gets the same result by parsing.
"""

def scan_members(
    document: bytes, path: tuple[str, ...], most_levels: int
) -> tuple[int, int, dict[str, int]] | None:
    """Check that a document is JSON in UTF-8, and find the members of one of its objects.

    Parameters
    ----------
    document : bytes
        The document.
    path : tuple of str
        The names that lead from the outermost object to the object; empty for the outermost object itself.
    most_levels : int
        The largest number of nested objects and lists that is accepted, at most 256.

    Returns
    -------
    tuple of (int, int, dict) or None
        Where the object begins and ends, in bytes, and the spans of its members by name, in the order of `json.loads`.
        If a name occurs twice, the last one counts. A span is one integer: the offset of the first byte times 2**32
        plus the number of bytes. The bytes of a span are valid JSON.

        None if the caller must parse the document with `json.loads`: it is not JSON in UTF-8, has 2 GiB or more, or has
        too many levels; there is no such object; a member of the object is not an object; a name of the path occurs
        twice; or an integer has more than 600 digits.

    Raises
    ------
    ValueError
        If `most_levels` is more than 256, or not enough for the path.
    """
