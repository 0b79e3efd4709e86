"""Parse JSON documents: they come from outside, so their size and depth are bounded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from zarrcy import _kernels, settings
from zarrcy.errors import MetadataError
from zarrcy.types import JSON, Key

MAX_DEPTH = 128
"""Lists and objects that may lie in one another. What walks documents does so by recursion."""

_MAX_MIB = settings.MAX_DOCUMENT_MIB.value()
assert isinstance(_MAX_MIB, int)
MAX_NBYTES = _MAX_MIB * 2**20
"""Length of a document. Parsed, one may take more than twenty times as much."""

MAX_CONSOLIDATED_NBYTES = 16 * MAX_NBYTES
"""Length of a document that holds all others of a hierarchy."""


def parse_json(document: Any, key: Key, most: int = MAX_NBYTES) -> dict[str, JSON]:
    """Parse a document that must be a JSON object. A store of consolidated metadata gives it parsed.

    What is returned is not the caller's to change.

    Parameters
    ----------
    document : bytes or text, or what was parsed already, or a function that returns that
    key : of the document, for errors
    most : length that it may have, in bytes

    Raises
    ------
    MetadataError : it is none, or a larger or deeper one than a document of metadata is

    >>> parse_json(b'{"a": [1]}', "key")
    {'a': [1]}
    """
    if callable(document):
        document = document()
    if type(document) is dict:
        return document
    if isinstance(document, Mapping):
        return dict(document)
    _check_length(document, key, most)
    try:
        text = document if isinstance(document, str) else bytes(memoryview(document)).decode("utf-8")
        parsed = json.loads(text)
    except (ValueError, RecursionError, TypeError) as exc:
        raise MetadataError(key, f"it is no JSON ({exc})") from exc
    if not isinstance(parsed, dict):
        raise MetadataError(key, f"it is a JSON {type(parsed).__name__}, not an object")
    # short documents have so few brackets that they need not be walked
    few = len(text) < _SHORT and text.count("[") + text.count("{") <= MAX_DEPTH
    if not few and _may_be_deep(text) and _is_deep(parsed):
        raise MetadataError(key, f"more than {MAX_DEPTH} lists and objects lie in one another")
    return parsed


def _check_length(document: Any, key: Key, most: int) -> None:
    if hasattr(document, "__len__") and len(document) > most:
        raise MetadataError(
            key,
            f"it has {len(document)} bytes; a document of metadata has at most {most}. If that is meant, set "
            "ZARRCY_MAX_DOCUMENT_MIB to a larger number",
        )


def cut_json(
    document: Any, key: Key, path: tuple[str, ...], most: int = MAX_NBYTES
) -> tuple[dict[str, JSON], dict[str, int]] | None:
    """Parse a document but for the members of one object in it, which must be objects too.

    All of it is checked; so to parse such a member later, by `parse_spans`, does not fail.

    Parameters
    ----------
    document, key, most : see `parse_json`
    path : names of the objects that lie in one another, down to the one whose members are left

    Returns
    -------
    cut : the document, in which that object is empty, and the spans of its members. None if only `parse_json`
        can tell: the document is odd, malformed or not bytes; or the build has no kernels

    Raises
    ------
    MetadataError : the document is too large
    """
    # the twin of the kernel parses: to do that twice is no use
    if _kernels.compiled is None or type(document) is not bytes:
        return None
    _check_length(document, key, most)
    cut = _kernels.compiled.scan_members(document, path, MAX_DEPTH)
    if cut is None:
        return None
    start, stop, spans = cut
    return json.loads(b"%b{}%b" % (document[:start], document[stop:])), spans


def parse_spans(document: bytes, spans: Iterable[int]) -> list[Any]:
    """Parse members of a document that `cut_json` found in it."""
    pieces = [document[span >> 32 : (span >> 32) + (span & 0xFFFFFFFF)] for span in spans]
    parsed: list[Any] = json.loads(b"[%b]" % b",".join(pieces))
    return parsed


_SHORT = 8192
_OTHERS = bytes(i for i in range(256) if i not in b"[]{}")


def _may_be_deep(text: str) -> bool:
    """Look at the brackets alone, which takes a fraction of the time; those in strings may be in the way."""
    brackets = text.encode("utf-8", "surrogatepass").translate(None, _OTHERS)
    for _ in range(MAX_DEPTH // 2):
        # take away what is innermost: one level, or two
        rest = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not rest:
            return False
        if len(rest) == len(brackets):
            break
        brackets = rest
    return True


def _is_deep(parsed: dict[str, JSON]) -> bool:
    level: list[Any] = [parsed]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True
