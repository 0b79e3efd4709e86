"""Parse JSON documents. Documents come from outside, so their length and nesting depth are limited."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from zarrcy import _kernels, settings
from zarrcy.errors import MetadataError
from zarrcy.types import JSON, Key

MAX_DEPTH = 128
"""Maximum nesting of lists and objects. Functions that process documents are recursive."""

_MAX_MIB = settings.MAX_DOCUMENT_MIB.value()
assert isinstance(_MAX_MIB, int)
MAX_NBYTES = _MAX_MIB * 2**20
"""Maximum length of a document, in bytes. A parsed document may need more than twenty times as much memory."""

MAX_CONSOLIDATED_NBYTES = 16 * MAX_NBYTES
"""Maximum length, in bytes, of a document that contains all documents of a hierarchy."""


def parse_json(document: JSON, key: Key, most: int = MAX_NBYTES) -> dict[str, JSON]:
    """Parse a document that must be a JSON object. Return documents that a store has already parsed as they are.

    The caller must not change the result.

    Parameters
    ----------
    document : bytes, str, mapping or callable
        The document, the parsed document, or a function that returns one of these.
    key : str
        Key of the document, for errors.
    most : int
        Maximum length, in bytes.

    Raises
    ------
    MetadataError
        If the document is not a JSON object, or exceeds a limit.

    Examples
    --------
    >>> parse_json(b'{"a": [1]}', "key")
    {'a': [1]}
    """
    # hot path: nearly all documents are bytes, and asking an object whether it is a mapping takes long
    if type(document) is not bytes:
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
        raise MetadataError(key, f"it is not JSON ({exc})") from exc
    if not isinstance(parsed, dict):
        raise MetadataError(key, f"it is a JSON {type(parsed).__name__}, not an object")
    if not _is_flat(text) and _may_be_deep(text) and _is_deep(parsed):
        raise MetadataError(key, f"lists and objects are nested more than {MAX_DEPTH} deep")
    return parsed


def check_limits(document: bytes, key: Key, most: int = MAX_NBYTES) -> None:
    """Raise MetadataError if a document that was just written is longer, or nested deeper, than a reader accepts."""
    _check_length(document, key, most)
    text = document.decode()
    if not _is_flat(text) and _may_be_deep(text):
        parse_json(document, key, most)


def _is_flat(text: str) -> bool:
    """Return whether a document is too short, or has too few brackets, to be nested too deeply."""
    return len(text) < _SHORT and text.count("[") + text.count("{") <= MAX_DEPTH


def _check_length(document: JSON, key: Key, most: int) -> None:
    if hasattr(document, "__len__") and len(document) > most:
        raise MetadataError(
            key,
            f"it has {len(document)} bytes; a metadata document has at most {most}. To read it anyway, set "
            "ZARRCY_MAX_DOCUMENT_MIB to a larger number",
        )


def cut_json(
    document: JSON, key: Key, path: tuple[str, ...], most: int = MAX_NBYTES
) -> tuple[dict[str, JSON], dict[str, int]] | None:
    """Parse a document, but leave out the members of one inner object. These members must be objects.

    The whole document is checked, so parsing a member later with `parse_spans` does not fail.

    Parameters
    ----------
    document, key, most
        See `parse_json`.
    path : tuple of str
        Names of the nested objects, down to the object whose members are left out.

    Returns
    -------
    document : dict
        The document, in which that object is empty.
    spans : dict of str to int
        Positions of the members in the document. The function returns None instead of both if only `parse_json`
        can read the document: it has an unusual form, is malformed or not bytes, or the build has no kernels.

    Raises
    ------
    MetadataError
        If the document is too long.
    """
    # the Python twin of the kernel parses the document itself, which would be done twice
    if _kernels.compiled is None or type(document) is not bytes:
        return None
    _check_length(document, key, most)
    cut = _kernels.compiled.scan_members(document, path, MAX_DEPTH)
    if cut is None:
        return None
    start, stop, spans = cut
    return json.loads(b"%b{}%b" % (document[:start], document[stop:])), spans


def parse_spans(document: bytes, spans: Iterable[int]) -> list[JSON]:
    """Parse members of a document at the positions that `cut_json` returned."""
    pieces = [document[span >> 32 : (span >> 32) + (span & 0xFFFFFFFF)] for span in spans]
    parsed: list[JSON] = json.loads(b"[%b]" % b",".join(pieces))
    return parsed


_SHORT = 8192
_OTHERS = bytes(i for i in range(256) if i not in b"[]{}")


def _may_be_deep(text: str) -> bool:
    """Return whether the brackets of a document are nested deeply. Brackets in strings count, so True may be wrong.

    This is many times faster than `_is_deep`.
    """
    brackets = text.encode("utf-8", "surrogatepass").translate(None, _OTHERS)
    for _ in range(MAX_DEPTH // 2):
        # remove the innermost brackets: one level, or two
        remaining = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not remaining:
            return False
        if len(remaining) == len(brackets):
            break
        brackets = remaining
    return True


def _is_deep(parsed: dict[str, JSON]) -> bool:
    level: list[JSON] = [parsed]
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
