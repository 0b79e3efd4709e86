"""Find the members of one object of a JSON document by parsing it: the twin of ``_json_scan``."""

from __future__ import annotations

import json
import re
from typing import Any, TypeAlias

JSON: TypeAlias = Any
"""A parsed value; objects are lists of their values."""

MOST_LEVELS = 256
MOST_DIGITS = 600

_decode = json.JSONDecoder().raw_decode
_SPACE = re.compile(r"[ \t\n\r]*")


def scan_members(
    document: bytes, path: tuple[str, ...], most_levels: int
) -> tuple[int, int, dict[str, int]] | None:
    """Return what the compiled kernel returns; many times slower than `json.loads`.

    >>> start, stop, spans = scan_members(b'{"a": {"b": {}, "c": {"d": 1}}}', ("a",), 128)
    >>> start, stop, {name: divmod(span, 2**32) for name, span in spans.items()}
    (6, 30, {'b': (12, 2), 'c': (21, 8)})
    """
    if not len(path) < most_levels <= MOST_LEVELS:
        raise ValueError(
            f"most_levels is {most_levels}; it must be at most {MOST_LEVELS} and, for this path, more than {len(path)} "
            "levels"
        )
    try:
        document.decode("utf-8")
        # one character per byte, so that positions are those of bytes; valid JSON has other characters in strings only
        text = document.decode("latin-1")
        values = json.loads(text, parse_int=_whole_number, object_pairs_hook=_values)
        place = _after_space(text, 0)
        if text[place] != "{" or _is_deeper(values, most_levels):
            return None
        for name in path:
            places = [first for member, first, _ in _members(text, place) if member == name]
            if len(places) != 1 or text[places[0]] != "{":
                return None
            (place,) = places
    except (ValueError, RecursionError):
        return None
    members = _members(text, place)
    if any(text[first] != "{" for _, first, _ in members):
        return None
    spans = {name: (first << 32) + stop - first for name, first, stop in members}
    return place, _decode(text, place)[1], spans


def _whole_number(digits: str) -> int:
    if len(digits.lstrip("-")) > MOST_DIGITS:
        raise ValueError
    return int(digits)


def _after_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    assert match is not None, "the pattern matches the empty string"
    return match.end()


def _members(text: str, place: int) -> list[tuple[str, int, int]]:
    """Return name, start and stop of the members of the object at a place in a valid document."""
    members = []
    place = _after_space(text, place + 1)
    while text[place] != "}":
        # a comma precedes all members but the first
        quote = _after_space(text, place + 1) if text[place] == "," else place
        place = _decode(text, quote)[1]
        name = json.loads(text[quote:place].encode("latin-1"))
        # skip the colon
        first = _after_space(text, _after_space(text, place) + 1)
        stop = _decode(text, first)[1]
        members.append((name, first, stop))
        place = _after_space(text, stop)
    return members


def _values(members: list[tuple[str, JSON]]) -> list[JSON]:
    # keep the values of repeated names too
    return [value for _, value in members]


def _is_deeper(values: list[JSON], most_levels: int) -> bool:
    level = [values]
    for _ in range(most_levels):
        level = [inner for outer in level for inner in outer if isinstance(inner, list)]
    return bool(level)
