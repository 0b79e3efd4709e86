"""What lies below a path, for any mapping: its own methods where it has them, its keys where not."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from zarrcy.errors import KeyPathError
from zarrcy.keys import normalize_path, prefix_of

AFTER_SLASH = chr(ord("/") + 1)
"""With this for its last slash, a prefix is the first string after all keys that begin with it."""


def list_keys(store: Mapping[str, Any], path: str) -> list[str]:
    """Return the names directly below `path`, from the keys of the mapping."""
    prefix = prefix_of(path)
    return sorted({key[len(prefix) :].split("/", 1)[0] for key in list(store) if key.startswith(prefix)})


def list_sorted(keys: Sequence[str], path: str) -> list[str]:
    """Return the names directly below `path`, from sorted keys, of which few are looked at.

    >>> list_sorted(["a/0", "a/b/0", "a/b/1", "ab"], "a")
    ['0', 'b']
    """
    prefix = prefix_of(path)
    at, stop = bisect_left(keys, prefix), len(keys)
    if prefix:
        stop = bisect_left(keys, path + AFTER_SLASH, at)
    skip = len(prefix)
    names = set()
    while at < stop:
        name, slash, _ = keys[at][skip:].partition("/")
        names.add(name)
        at = bisect_left(keys, prefix + name + AFTER_SLASH, at, stop) if slash else at + 1
    return sorted(names)


def remove_keys(store: MutableMapping[str, Any], path: str) -> None:
    """Delete all keys below `path`."""
    prefix = prefix_of(path)
    for key in [key for key in store if key.startswith(prefix)]:
        del store[key]


def rename_keys(store: MutableMapping[str, Any], src: str, dst: str) -> None:
    """Move the key `src`, and all keys below it, to `dst`.

    Raises
    ------
    KeyError : there is none
    KeyPathError : `dst` is below `src`
    """
    if dst.startswith(prefix_of(src)):
        raise KeyPathError(dst, f"{src!r} can't be moved below itself")
    # shorter keys first: what they make room for may be where a longer one goes
    keys = sorted((key for key in store if key == src or key.startswith(prefix_of(src))), key=len)
    if not keys:
        raise KeyError(src)
    for key in keys:
        store[prefix_of(dst) + key[len(prefix_of(src)) :] if key != src else dst] = store.pop(key)


def sizes_below(store: Mapping[str, Any], path: str) -> int:
    """Return the bytes of the value at the key `path`, or of all values directly below it."""
    if path and path in store:
        return memoryview(store[path]).nbytes
    prefix = prefix_of(path)
    return sum(
        memoryview(store[key]).nbytes
        for key in list(store)
        if key.startswith(prefix) and "/" not in key[len(prefix) :]
    )


def listdir(store: Mapping[str, Any], path: str | None = None) -> list[str]:
    """Return the names directly below `path` in any store, sorted."""
    own = getattr(store, "listdir", None)
    if own is not None:
        return sorted(own(normalize_path(path)))
    return list_keys(store, normalize_path(path))


def rmdir(store: MutableMapping[str, Any], path: str | None = None) -> None:
    """Delete all keys below `path` in any store."""
    own = getattr(store, "rmdir", None)
    if own is not None:
        own(normalize_path(path))
    else:
        remove_keys(store, normalize_path(path))


def rename(store: MutableMapping[str, Any], src_path: str, dst_path: str) -> None:
    """Move all keys below `src_path` to below `dst_path` in any store."""
    own = getattr(store, "rename", None)
    if own is not None:
        own(normalize_path(src_path), normalize_path(dst_path))
    else:
        rename_keys(store, normalize_path(src_path), normalize_path(dst_path))


def getsize(store: Mapping[str, Any], path: str | None = None) -> int:
    """Return the bytes stored directly below `path`, or -1 where that would mean to read them.

    A store answers with its own ``getsize``; of mappings in memory the values are looked at.
    """
    own = getattr(store, "getsize", None)
    if own is not None:
        return int(own(normalize_path(path)))
    return sizes_below(store, normalize_path(path)) if type(store) is dict else -1


def getsize_deep(store: Mapping[str, Any], path: str) -> int:
    """Return the bytes stored below `path` at any depth, or -1 as `getsize` does."""
    total = getsize(store, path)
    if total < 0:
        return total
    children = (prefix_of(path) + name for name in listdir(store, path))
    return total + sum(getsize_deep(store, child) for child in children if child not in store)
