"""List, delete, rename and measure the keys below a path, for any mapping: by its own methods, or from all its keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from contextlib import suppress

from zarrcy.errors import AccessWarning, KeyPathError
from zarrcy.keys import normalize_path, only_listed, prefix_of
from zarrcy.types import Buffer

_MISSING = object()
AFTER_SLASH = chr(ord("/") + 1)
"""A prefix whose last slash is replaced by this character sorts directly after all keys that begin with the prefix."""


def warn_denied(place: str) -> None:
    """Warn that a listing leaves out a directory that this user may not look into."""
    # programs that list no such directory do not need this import
    import warnings

    warnings.warn(
        f"{place!r} may not be looked into, so what is below it is left out of the listing",
        AccessWarning,
        stacklevel=3,
    )


# Attempts to list a mapping whose keys change while it is listed.
_ATTEMPTS = 1000


def keys_of(store: Iterable[str]) -> list[str]:
    """Return all keys of a store at one moment. Other threads may add and delete keys meanwhile.

    The iterator of a dictionary ends with RuntimeError if the dictionary grows or shrinks. One call of `list` copies
    its keys in one step; for a mapping of the user that has a dictionary inside, it may have to be repeated.

    Examples
    --------
    >>> keys_of({"a/0": b"", "a/1": b""})
    ['a/0', 'a/1']
    """
    for _ in range(_ATTEMPTS):
        try:
            return list(store)
        except RuntimeError as exc:
            if "during iteration" not in str(exc):
                raise
    return list(store)


def list_keys(keys: Iterable[str], path: str) -> list[str]:
    """Return the names directly below `path`, sorted, from a mapping or from all its keys below the path."""
    prefix = prefix_of(path)
    return sorted({key[len(prefix) :].split("/", 1)[0] for key in keys_of(keys) if key.startswith(prefix)})


def list_sorted(keys: Sequence[str], path: str) -> list[str]:
    """Return the names directly below `path`, found in sorted keys by bisection.

    Examples
    --------
    >>> list_sorted(["a/0", "a/b/0", "a/b/1", "ab"], "a")
    ['0', 'b']
    """
    from bisect import bisect_left  # stores in directories do not need it

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


def remove_keys(store: MutableMapping[str, Buffer], path: str) -> None:
    """Delete all keys below `path`. Another thread may delete some of them meanwhile."""
    prefix = prefix_of(path)
    for key in keys_of(store):
        if key.startswith(prefix):
            with suppress(KeyError):
                del store[key]


def rename_keys(store: MutableMapping[str, Buffer], src: str, dst: str) -> None:
    """Move the value of the key `src`, and all keys below it, to `dst`.

    Raises
    ------
    KeyError
        If there is nothing at `src`.
    KeyPathError
        If `dst` is below `src`.
    """
    if dst.startswith(prefix_of(src)):
        raise KeyPathError(dst, f"{src!r} can't be moved below itself")
    # shorter keys first: a moved key may free the place for a longer one
    keys = sorted((key for key in keys_of(store) if key == src or key.startswith(prefix_of(src))), key=len)
    if not keys:
        raise KeyError(src)
    for key in keys:
        # another thread may delete a key meanwhile
        with suppress(KeyError):
            store[prefix_of(dst) + key[len(prefix_of(src)) :] if key != src else dst] = store[key]
            del store[key]


def sizes_below(store: Mapping[str, Buffer], path: str) -> int:
    """Return the length, in bytes, of the value whose key is `path`, or of all values directly below it.

    It is -1 if one of them is not bytes-like.
    """
    own = store.get(path, _MISSING) if path else _MISSING
    if own is not _MISSING:
        return _total([own])
    prefix = prefix_of(path)
    keys = (key for key in keys_of(store) if key.startswith(prefix) and "/" not in key[len(prefix) :])
    values = (store.get(key, _MISSING) for key in keys)
    # another thread may have deleted a key since
    return _total(value for value in values if value is not _MISSING)


def _total(values: Iterable[Buffer]) -> int:
    try:
        return sum(memoryview(value).nbytes for value in values)
    except TypeError:
        return -1


def listdir(store: Mapping[str, Buffer], path: str | None = None) -> list[str]:
    """Return the names directly below `path` in any store, sorted.

    Parameters
    ----------
    store : mapping
        The store.
    path : str, optional
        Path of a node; the root by default.

    Returns
    -------
    list of str
        The names, without `path`.

    See Also
    --------
    rmdir : Delete all keys below a path.

    Examples
    --------
    >>> listdir({"a/0": b"", "a/b/0": b""}, "a")
    ['0', 'b']
    """
    own = getattr(store, "listdir", None)
    if own is not None:
        return sorted(only_listed(own(normalize_path(path))))
    return list_keys(store, normalize_path(path))


def rmdir(store: MutableMapping[str, Buffer], path: str | None = None) -> None:
    """Delete all keys below `path` in any store.

    Parameters
    ----------
    store : mutable mapping
        The store.
    path : str, optional
        Path of a node; the root by default.

    Examples
    --------
    >>> store = {"a/0": b"", "b/0": b""}
    >>> rmdir(store, "a")
    >>> store
    {'b/0': b''}
    """
    own = getattr(store, "rmdir", None)
    if own is not None:
        own(normalize_path(path))
    else:
        remove_keys(store, normalize_path(path))


def rename(store: MutableMapping[str, Buffer], src_path: str, dst_path: str) -> None:
    """Move all keys below `src_path` to below `dst_path` in any store.

    Parameters
    ----------
    store : mutable mapping
        The store.
    src_path, dst_path : str
        Paths of nodes.

    Raises
    ------
    KeyError
        If there is nothing at `src_path`.

    Examples
    --------
    >>> store = {"a/0": b""}
    >>> rename(store, "a", "b/c")
    >>> store
    {'b/c/0': b''}
    """
    own = getattr(store, "rename", None)
    if own is not None:
        own(normalize_path(src_path), normalize_path(dst_path))
    else:
        rename_keys(store, normalize_path(src_path), normalize_path(dst_path))


def getsize(store: Mapping[str, Buffer], path: str | None = None) -> int:
    """Return the number of bytes stored directly below `path`.

    Parameters
    ----------
    store : mapping
        The store. A store with a method `getsize` is asked; the values of other mappings are read and measured.
    path : str, optional
        Path of a node, or a key; the root by default.

    Returns
    -------
    int
        Number of bytes; -1 if the store does not know it, or if a value is not bytes-like.

    Examples
    --------
    >>> getsize({"a/0": b"12", "a/1": b"3", "a/b/0": b"4"}, "a")
    3
    """
    own = getattr(store, "getsize", None)
    if own is not None:
        return int(own(normalize_path(path)))
    return sizes_below(store, normalize_path(path)) if hasattr(store, "keys") else -1


def getsize_deep(store: Mapping[str, Buffer], path: str) -> int:
    """Return the number of bytes stored below `path` at any depth; -1 if the values would have to be read."""
    own = getattr(store, "getsize_below", None)
    if own is not None:
        return int(own(path))
    total = getsize(store, path)
    if total < 0:
        return total
    children = (prefix_of(path) + name for name in listdir(store, path))
    return total + sum(getsize_deep(store, child) for child in children if child not in store)
