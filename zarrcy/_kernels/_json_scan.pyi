"""Cut a JSON document at the members of one of its objects, without parsing these."""

def scan_members(
    document: bytes, path: tuple[str, ...], most_levels: int
) -> tuple[int, int, dict[str, int]] | None:
    """Check that a document is JSON in UTF-8, and find the members of an object in it.

    Returns where the object begins and ends, and the span of each of its members by its name, in the order of
    `json.loads`; of names that come twice the last counts. A span is one integer, the first byte times 2**32 plus
    the number of bytes. To parse what is there does not fail.

    None where `json.loads` has to tell: the document is no JSON in UTF-8, or has 2 GiB; more than `most_levels`
    (at most 256) objects and lists lie in one another; there is no such object; a member of it is no object; a
    name of the path comes twice; a whole number has more than 600 digits.

    `path` has the names of the objects that lie in one another, from the outermost, which has none.
    """
