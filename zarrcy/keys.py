"""Paths of nodes and keys of values: normalization, and the check that a key stays below the root of a store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeGuard

from zarrcy.errors import KeyPathError
from zarrcy.types import Key

QUARANTINE = "__quarantine__"
"""First part of the keys to which `zarrcy.repair` moves values. Keys with this part are not checked."""

_OWN_NAMES = (QUARANTINE, ".zarrcy", "__zarrcy")
_SYSTEM_NAMES = ("lost+found", ".snapshot", ".snapshots", ".DS_Store")


def is_own_name(name: str) -> bool:
    """Return whether a name is one that this package gives to what it stores beside nodes.

    These are the folder of quarantined values, markers of unfinished copies and records of progress. They are never
    listed as nodes. All other names are, also those that begin with "__", which the specification of Zarr v3 reserves:
    xarray gives such a name to an array without a name.

    Examples
    --------
    >>> is_own_name("__quarantine__"), is_own_name(".zarrcy-unfinished"), is_own_name("__xarray_dataarray_variable__")
    (True, True, False)
    """
    return name[:1] in (".", "_") and name.startswith(_OWN_NAMES)


def without_own_names(names: Iterable[str]) -> list[str]:
    """Return the names that are not our own. One test accepts most lists of names.

    Examples
    --------
    >>> without_own_names(["a", "__quarantine__", "__b"])
    ['a', '__b']
    """
    names = list(names)
    text = "/" + "/".join(names)
    if "/_" not in text and "/." not in text:
        return names
    return [name for name in names if not is_own_name(name)]


def is_own_key(key: Key) -> bool:
    """Return whether a part of a key is the name of something that this package stores beside nodes.

    Examples
    --------
    >>> is_own_key("__quarantine__/a/0.0"), is_own_key("__a/0.0")
    (True, False)
    """
    return any(map(is_own_name, key.split("/")))


def is_system_name(name: str) -> bool:
    """Return whether a name is one that file systems and desktops give to files of their own.

    Such files are not keys, and never count as the contents of a directory.

    Examples
    --------
    >>> is_system_name("lost+found"), is_system_name(".nfs000123"), is_system_name("0.0")
    (True, True, False)
    """
    return name in _SYSTEM_NAMES or name.startswith((".nfs", ".fuse_hidden"))


def normalize_path(path: object) -> str:
    """Return the normal form of a node path: no slash at the ends, no double slash, no backslash.

    Parameters
    ----------
    path : str, bytes, None or object
        Path as a user wrote it. None is the root; other objects are converted with ``str``.

    Returns
    -------
    str
        The path; empty for the root.

    Raises
    ------
    KeyPathError
        If a segment is ``.`` or ``..``, or the path contains a NUL character.

    Examples
    --------
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


def check_key(key: Key) -> str:
    """Return `key`, after a check that it stays below the root of a store.

    Raises
    ------
    KeyPathError
        If it does not, or is not a str.

    Examples
    --------
    >>> check_key("a/0.0")
    'a/0.0'
    """
    # hot path: these tests accept most keys; the slower tests below decide about the others
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
        raise KeyPathError(key, "half of a surrogate pair is not a character")
    return key


def is_key(key: object) -> TypeGuard[str]:
    """Return whether an object can be the key of a value; the path of a folder, with a slash at its end, cannot.

    Raises
    ------
    KeyPathError
        If it is a str that leaves the root of a store, or that no value can have as its key.

    Examples
    --------
    >>> is_key("a/0"), is_key("a/"), is_key(0)
    (True, False, False)
    """
    if not isinstance(key, str):
        return False
    if len(key) > 1 and key.endswith("/"):
        check_key(key[:-1])
        return False
    check_key(key)
    return True


def is_listed(name: str) -> bool:
    """Return whether a name in a directory can be the name of a key or of a node.

    Names of files of the system and names that are not text (bytes that are not UTF-8) can't.

    Examples
    --------
    >>> is_listed("0.0"), is_listed(".zarray"), is_listed(".nfs0001"), is_listed(chr(0xDCFF))
    (True, True, False, False)
    """
    if not name.isascii():
        return not any("\ud800" <= letter <= "\udfff" for letter in name) and "\\" not in name
    return "\\" not in name and (name[:1] not in (".", "l") or not is_system_name(name))


# Each name that is not listed contains one of these.
_UNLISTED_PARTS = ("\\", ".nfs", ".fuse_hidden", *_SYSTEM_NAMES)


def only_listed(names: Iterable[str]) -> list[str]:
    """Return the names for which `is_listed` is true. One test accepts most lists of names.

    Examples
    --------
    >>> only_listed(["0.0", ".nfs0001", "a"])
    ['0.0', 'a']
    """
    names = list(names)
    text = "/".join(names)
    if text.isascii() and not any(part in text for part in _UNLISTED_PARTS):
        return names
    return list(filter(is_listed, names))


def are_harmless(keys: Iterable[Key]) -> bool:
    """Return whether all keys pass a fast test. If it returns False, call `check_key` for each key.

    Examples
    --------
    >>> are_harmless(["a/.zarray", ".zgroup"]), are_harmless(["a", "../b"])
    (True, False)
    """
    text = "/" + "/\n/".join(keys) + "/"
    # hot path: written out, because a generator takes longer than the tests
    return (
        text.isascii()
        and "//" not in text
        and "/./" not in text
        and "/../" not in text
        and "\\" not in text
        and "\0" not in text
    )


def prefix_of(path: str) -> str:
    """Return the prefix of the keys of the node at a normalized `path`.

    Examples
    --------
    >>> prefix_of("a/b"), prefix_of("")
    ('a/b/', '')
    """
    return f"{path}/" if path else ""
