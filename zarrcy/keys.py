"""Paths of nodes and keys of values: one spelling each, and none that leaves the root."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zarrcy.errors import KeyPathError


def normalize_path(path: Any) -> str:
    """Return the one spelling of a node path: no slash at the ends, none doubled, no backslash.

    Raises
    ------
    KeyPathError : a segment is ``.`` or ``..``, or holds a NUL character

    >>> normalize_path("/group//array/")
    'group/array'
    >>> normalize_path(None)
    ''
    """
    if path is None:
        return ""
    if isinstance(path, bytes):
        path = path.decode("ascii")
    segments = [segment for segment in str(path).replace("\\", "/").split("/") if segment]
    for segment in segments:
        if segment in (".", ".."):
            raise KeyPathError(path, "'.' and '..' segments are not allowed; spell the path out")
    if "\0" in str(path):
        raise KeyPathError(path, "a NUL character can't be part of it")
    return "/".join(segments)


def check_key(key: Any) -> str:
    """Return `key` if it is one that stays below the root of a store.

    >>> check_key("a/0.0")
    'a/0.0'
    """
    # most keys are seen at once to be harmless; the others are looked at closely
    if (
        key.__class__ is str
        and key[-1:] not in ("", "/", ".")
        and key[0] != "/"
        and "./" not in key
        and "//" not in key
        and "\\" not in key
        and "\0" not in key
        and key.isascii()
    ):
        return key
    if not isinstance(key, str):
        raise KeyPathError(key, f"a key is a str, not {type(key).__name__}")
    if key.startswith("/") or key.endswith("/") or "\\" in key or "\0" in key or not key:
        raise KeyPathError(key, "a key has no leading or trailing slash, no backslash and no NUL character")
    if any(segment in ("", ".", "..") for segment in key.split("/")):
        raise KeyPathError(key, "empty, '.' and '..' segments are not allowed")
    if not key.isascii() and any("\ud800" <= letter <= "\udfff" for letter in key):
        raise KeyPathError(key, "half of a surrogate pair is no character")
    return key


def are_harmless(keys: Iterable[str]) -> bool:
    """Are many keys seen at once to be keys? If not, they may be such still: see `check_key`.

    >>> are_harmless(["a/.zarray", ".zgroup"]), are_harmless(["a", "../b"])
    (True, False)
    """
    text = "/" + "/\n/".join(keys) + "/"
    return text.isascii() and not any(part in text for part in ("//", "/./", "/../", "\\", "\0"))


def prefix_of(path: str) -> str:
    """Return what the keys of the node at a normalized `path` begin with."""
    return f"{path}/" if path else ""
