"""Ask any mapping for many keys at once, in the fastest way that it has.

A store's own ``getitems``, ``setitems`` and ``delitems`` are used where it has them; plain mappings
are asked key by key. Absence is an answer (None), never an exception.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from zarrcy.storage.directory import DirectoryStore
from zarrcy.storage.memory import KVStore, MemoryStore
from zarrcy.types import Buffer, Store

Reader = Callable[[list[str]], list[Any]]
Writer = Callable[[dict[str, Buffer]], None]
Deleter = Callable[[Iterable[str]], None]


def mapping_of(store: Store) -> Store:
    """Look through our own wrapper, unless a subclass changes what it does."""
    return store._mutable_mapping if type(store) is KVStore else store


def reader(store: Store) -> Reader:
    """Return a function that maps keys to values, with None where the store has none."""
    store = mapping_of(store)
    if type(store) is MemoryStore:
        return _reader_of(store._values.get)
    if type(store) in (dict, DirectoryStore):
        return _reader_of(store.get)
    if hasattr(store, "getitems"):
        return _batch_reader(store)
    return _reader_of(lambda key: get(store, key))


def is_thread_safe(store: Store) -> bool:
    """May several threads of ours ask this store at once? Known of our own stores and of dictionaries."""
    return holds_values(store) or type(store) is DirectoryStore


def holds_values(store: Store) -> bool:
    """Are the values of a store in memory, so that to get one moves nothing?"""
    return type(mapping_of(store)) in (dict, MemoryStore)


def directory_of(store: Store) -> str | None:
    """Return what the path of the file of every key begins with; None if keys are not simply files."""
    store = mapping_of(store)
    return store._root if type(store) is DirectoryStore and not store.normalize_keys else None


def is_near(store: Store) -> bool:
    """Is a question to a store a system call or less, and no trip over a network?"""
    return holds_values(store) or type(mapping_of(store)) is DirectoryStore


def batch_nbytes(store: Store) -> int:
    """Return the bytes of values that should be asked for at once.

    A store that takes many keys gains by it. One that takes them one by one gains nothing, and
    values that wait for their turn have left the cache when it comes; unless they are in memory anyway.
    """
    if hasattr(mapping_of(store), "getitems"):
        return 8 * 2**20
    return 2**62 if holds_values(store) else 128 * 2**10


def _reader_of(get_one: Callable[[str], Any]) -> Reader:
    def read(keys: list[str]) -> list[Any]:
        return list(map(get_one, keys))

    return read


def _batch_reader(store: Any) -> Reader:
    getitems = store.getitems
    # zarr-python from 2.15 on asks its stores with a mapping of contexts, before it did without
    extra: dict[str, Any] = {"contexts": {}} if "contexts" in inspect.signature(getitems).parameters else {}

    def read(keys: list[str]) -> list[Any]:
        found = getitems(keys, **extra)
        return [found.get(key) for key in keys]

    return read


def get(store: Store, key: str) -> Any:
    """Return the value of `key`, or None."""
    try:
        return store[key]
    except KeyError:
        return None


def writer(store: Store) -> Writer:
    """Return a function that stores many values.

    Values may be views of memory that is used again as soon as the function returns; a store that
    would keep them gets copies.
    """
    store = mapping_of(store)
    setitems = getattr(store, "setitems", None)
    if setitems is not None:
        return lambda values: setitems({key: as_bytes(value) for key, value in values.items()})
    if getattr(store, "consumes_values", False) or type(store) is MemoryStore:
        setitem: Callable[[str, Any], None] = store.__setitem__
    else:

        def setitem(key: str, value: Any) -> None:
            store[key] = as_bytes(value)

    def write(values: dict[str, Buffer]) -> None:
        for key, value in values.items():
            setitem(key, value)

    return write


def as_bytes(value: Buffer) -> bytes:
    """Return `value` as bytes: itself if it is, else a copy."""
    return value if type(value) is bytes else bytes(value)


def deleter(store: Store) -> Deleter:
    """Return a function that deletes keys, and does not mind those that are not there."""
    store = mapping_of(store)
    delitems = getattr(store, "delitems", None)
    if delitems is not None:
        return lambda keys: delitems(list(keys))

    def delete(keys: Iterable[str]) -> None:
        for key in keys:
            discard(store, key)

    return delete


def discard(store: MutableMapping[str, Any], key: str) -> None:
    """Delete `key`, if it is there."""
    try:
        del store[key]
    except KeyError:
        return
