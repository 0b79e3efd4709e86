"""Ask any mapping for many keys at once, in the fastest way that it has.

A store's own ``getitems``, ``setitems`` and ``delitems`` are used where it has them; plain mappings
are asked key by key. Absence is an answer (None), never an exception.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from functools import lru_cache
from typing import Any

from zarrcy.storage.base import offers
from zarrcy.storage.consolidated import ConsolidatedMetadataStore
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.storage.local.nested import NestedDirectoryStore
from zarrcy.storage.local.temporary import TempStore
from zarrcy.storage.memory import KVStore, MemoryStore
from zarrcy.types import Buffer, Store

Reader = Callable[[list[str]], list[Any]]
Writer = Callable[[dict[str, Buffer]], None]
Deleter = Callable[[Iterable[str]], None]

_IN_FILES = (DirectoryStore, NestedDirectoryStore, TempStore)


def mapping_of(store: Store) -> Store:
    """Look through our own wrapper, unless a subclass changes what it does."""
    return store._mutable_mapping if type(store) is KVStore else store


def reader(store: Store) -> Reader:
    """Return a function that maps keys to values, with None where the store has none."""
    store = mapping_of(store)
    if type(store) is MemoryStore:
        return _reader_of(store._values.get)
    if type(store) is dict or type(store) in _IN_FILES:
        return _reader_of(store.get)
    if offers(store, "getitems"):
        return _batch_reader(store)
    return _reader_of(lambda key: get(store, key))


def document_reader(store: Store) -> Reader:
    """Return a function that maps keys to what `parse_json` takes: documents are not parsed yet, if that can wait."""
    return _reader_of(store.peek) if type(store) is ConsolidatedMetadataStore else reader(store)


def is_thread_safe(store: Store) -> bool:
    """May several threads of ours ask this store at once? Known of our own stores and of dictionaries."""
    return is_in_memory(store) or type(store) in _IN_FILES


def is_in_memory(store: Store) -> bool:
    """Are the values of a store in memory, so that to get one moves nothing?"""
    return type(mapping_of(store)) in (dict, MemoryStore)


def directory_of(store: Store) -> str | None:
    """Return what the path of the file of every key begins with; None if keys are not simply files."""
    store = mapping_of(store)
    if type(store) not in _IN_FILES or not isinstance(store, DirectoryStore) or store._is_particular:
        return None
    return store._root


def place_of(store: Store) -> str:
    """Return what distinguishes the keys of a store from those of others, however often it was opened.

    Empty where that is not known: then keys of different stores are taken for the same.
    """
    root = directory_of(store)
    if root is not None:
        return os.path.join(os.path.realpath(root), "")
    return f"{id(mapping_of(store))}:" if is_in_memory(store) else ""


def files_of(store: Store) -> DirectoryStore:
    """Return the store whose keys are simply files; see `directory_of`."""
    store = mapping_of(store)
    assert isinstance(store, DirectoryStore)
    return store


def durability(store: Store) -> str:
    """Return what a write to a store waits for; "none" for a mapping that does not say."""
    return str(getattr(mapping_of(store), "durability", "none"))


def is_local(store: Store) -> bool:
    """Is a question to a store a system call or less, and no trip over a network?"""
    return is_in_memory(store) or type(mapping_of(store)) in _IN_FILES


def sizes(store: Store) -> Callable[[list[str]], list[int | None]] | None:
    """Return a function that maps keys to the bytes of their values, with None where the store has none.

    None where it would have to get the values, or travel, to tell.
    """
    store = mapping_of(store)
    if is_in_memory(store):
        fetch = reader(store)
        return lambda keys: [None if value is None else memoryview(value).nbytes for value in fetch(keys)]
    if type(store) in _IN_FILES and isinstance(store, DirectoryStore):
        return lambda keys: list(map(store.value_nbytes, keys))
    return None


def keeps_documents(store: Store) -> bool:
    """Does a document read as it was written? Known of dictionaries, and of stores that say so."""
    store = mapping_of(store)
    says: Callable[[], bool] | None = getattr(store, "keeps_documents", None)
    return type(store) is dict if says is None else says()


def batch_nbytes(store: Store) -> int:
    """Return the bytes of values that should be asked for at once.

    A store that takes many keys gains by it. One that takes them one by one gains nothing, and
    values that wait for their turn have left the cache when it comes; unless they are in memory anyway.
    """
    if offers(mapping_of(store), "getitems"):
        return 8 * 2**20
    return 2**62 if is_in_memory(store) else 128 * 2**10


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
    if type(store) is dict or type(store) in _IN_FILES:
        return store.get(key)
    try:
        return store[key]
    except KeyError:
        return None


def has_no_prefix(store: Store, prefix: str) -> bool:
    """Does one question tell that no key begins with a prefix, which ends with a slash? False where it takes more."""
    root = directory_of(store)
    return root is not None and not os.path.isdir(root + prefix)


def writer(store: Store) -> Writer:
    """Return a function that stores many values.

    Values may be views of memory that is used again as soon as the function returns; a store that
    would keep them gets copies.
    """
    store = mapping_of(store)
    setitems = getattr(store, "setitems", None)
    if setitems is not None:
        return lambda values: setitems({key: as_bytes(value) for key, value in values.items()})
    if type(store) is MemoryStore or type(store) is dict:
        held = store._values if isinstance(store, MemoryStore) else store

        def keep(values: dict[str, Buffer]) -> None:
            if set(map(type, values.values())) != {bytes}:
                values = {key: as_bytes(value) for key, value in values.items()}
            held.update(values)

        return keep
    if getattr(store, "consumes_values", False):
        setitem: Callable[[str, Any], None] = store.__setitem__
    else:

        def setitem(key: str, value: Any) -> None:
            store[key] = as_bytes(value)

    def write(values: dict[str, Buffer]) -> None:
        for key, value in values.items():
            setitem(key, value)

    return write


def finder(store: Store) -> Callable[[list[str]], list[bool]]:
    """Return a function that tells which keys of documents are there."""
    store = mapping_of(store)
    if _is_made_for(type(store), "has_each", "__contains__"):
        return store.has_each  # type: ignore[attr-defined,no-any-return]
    if offers(store, "getitems"):
        # to get many documents takes as long as to look for one
        fetch = _batch_reader(store)
        return lambda keys: [value is not None for value in fetch(keys)]
    return lambda keys: [key in store for key in keys]


def set_if_absent(store: Store, key: str, value: bytes) -> bool:
    """Store `value` if the key is not there yet; False if it is.

    Of several writers at once one wins, if the store has a ``setdefault`` that is one step.
    """
    store = mapping_of(store)
    if _is_made_for(type(store), "setdefault", "__setitem__"):
        return store.setdefault(key, value) is value
    if key in store:
        return False
    store[key] = value
    return True


@lru_cache
def _is_made_for(kind: type, method: str, other: str) -> bool:
    """Was a method of a class written for another of its methods, not for that of a base?"""
    bases = kind.__mro__

    def depth(name: str) -> int:
        return next((i for i, base in enumerate(bases) if name in vars(base)), len(bases))

    return depth(method) <= depth(other) < len(bases)


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


def move_value(store: Store, key: str, new: str) -> None:
    """Give a value another key; at no moment has it none."""
    store = mapping_of(store)
    if type(store) in _IN_FILES and isinstance(store, DirectoryStore):
        store.rename(key, new)
        return
    store[new] = store[key]
    del store[key]


def leftovers(store: Store, older_than: float = 0) -> Iterator[str]:
    """Iterate over what killed writers left in a store; see `DirectoryStore.leftovers`."""
    directory = _directory_below(store)
    return iter(()) if directory is None else directory.leftovers(older_than)


def remove_leftover(store: Store, path: str) -> None:
    """Remove what `leftovers` gave."""
    directory = _directory_below(store)
    assert directory is not None, "other stores have none"
    directory.remove_leftover(path)


def _directory_below(store: Store) -> DirectoryStore | None:
    """Return the directory in which the values of a store are files, whatever their keys are there."""
    store = mapping_of(store)
    inner = getattr(store, "_files", store)
    return inner if isinstance(inner, DirectoryStore) else None


def discard(store: MutableMapping[str, Any], key: str) -> None:
    """Delete `key`, if it is there."""
    try:
        del store[key]
    except KeyError:
        return
