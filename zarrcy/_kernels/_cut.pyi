"""Cut a JSON text at the members of one of its objects, without parsing these."""

def cut_object(text: str, path: tuple[str, ...], most_levels: int) -> tuple[int, int, dict[str, int]] | None:
    """Check that a text is JSON, and find the members of an object in it.

    Returns where the object begins and ends, and where each of its members begins, by name and in the order
    of `json.loads`: of names that come twice the last counts. `json.JSONDecoder.raw_decode` parses what
    begins there, and does not fail.

    None where `json.loads` has to tell: the text is no JSON, or more than `most_levels` (at most 256) objects
    and lists lie in one another; there is no such object; a member of it is no object; a name of the path
    comes twice; a whole number has more than 600 digits.

    `path` has the names of the objects that lie in one another, from the outermost, which has none.
    """
