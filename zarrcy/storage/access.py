"""Use a store in the fastest way that it offers: functions that read, write and delete many keys at once.

A store's capabilities (`zarrcy.storage.capabilities`) are used if it has them; other mappings are used key by key.
A missing value is None, never an exception. No function here knows a concrete store class.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TypeVar, cast

from zarrcy.errors import NotErasableError, PartlyDoneError, ReadOnlyError, StoredTypeError
from zarrcy.storage.base import BaseStore, flat, offers
from zarrcy.storage.capabilities import (
    CachesValues,
    ChecksAccess,
    ChecksMany,
    ChecksRemoval,
    DeletesMany,
    HasDurability,
    HasFiles,
    HasIdentity,
    KeepsLeftovers,
    KnowsValueSizes,
    LocksFiles,
    OpensFiles,
    PeeksDocuments,
    ReadsMany,
    ReadsManyValues,
    ReadsValues,
    RenamesKeys,
    ReplacesManyValues,
    ReplacesValues,
    SyncsValues,
    Unwraps,
    WritesMany,
    has_capability,
)
from zarrcy.storage.json_reader import MAX_CONSOLIDATED_NBYTES
from zarrcy.storage.listing import listdir
from zarrcy.types import JSON, Buffer, Key, Store

_T = TypeVar("_T")
_R = TypeVar("_R")

Reader = Callable[[list[Key]], list[Buffer | None]]
VersionReader = Callable[[list[Key]], list[tuple["Buffer | None", Hashable]]]
"""Maps keys to stored values, None for a key that does not exist."""
Writer = Callable[[dict[Key, Buffer]], None]
Deleter = Callable[[Iterable[Key]], None]
Finder = Callable[[list[Key]], list[bool]]
Sizer = Callable[[list[Key]], list[int | None]]


# 64 chunks of 1 MiB: with an answer after 30 ms, fewer requests at a time use a part of a fast network only.
_FAR_BATCH_NBYTES = 64 * 2**20


# Attempts to create a value that other writers create and delete at the same time.
_ATTEMPTS = 100


def mapping_of(store: Store) -> Store:
    """Return the mapping that a store passes everything on to, or the store itself."""
    while type(store) is not dict and has_capability(type(store), "unwrapped"):
        inner = cast(Unwraps, store).unwrapped()
        if inner is store:
            break
        store = inner
    return store


# -- properties of a store -------------------------------------------------------------------------


def is_thread_safe(store: Store) -> bool:
    """Return whether several threads may call a store at the same time; True for a dictionary."""
    return _declares(mapping_of(store), "is_thread_safe")


def is_in_memory(store: Store) -> bool:
    """Return whether the values of a store are in memory, so that a read copies nothing."""
    return _declares(mapping_of(store), "is_in_memory")


def is_local(store: Store) -> bool:
    """Return whether a store needs at most a system call for a request, and no network."""
    return _declares(mapping_of(store), "is_local") or is_in_memory(store)


def has_latency(store: Store) -> bool:
    """Return whether requests to a store take long, and may be sent from several threads at the same time."""
    store = mapping_of(store)
    return type(store) is not dict and _declares(store, "has_latency")


def is_far(store: Store) -> bool:
    """Return whether a store answers a request for many keys as fast as one for a single key, and far from at once."""
    if _has_no_batches(type(store)):
        return False
    return offers(mapping_of(store), "getitems") and not is_local(store)


@lru_cache(maxsize=256)
def _has_no_batches(kind: type) -> bool:
    """Return whether stores of a class read keys one by one; False if that depends on the store."""
    return kind is dict or getattr(kind, "getitems", None) is BaseStore.getitems


def is_erasable(store: Store) -> bool:
    """Return whether keys of a store can be deleted; True for a mapping that does not say so."""
    return all(getattr(one, "is_erasable", lambda: True)() for one in (store, mapping_of(store)))


def store_version(store: Store) -> int:
    """Return 3 for a store that holds the draft of v3 and nothing else, as zarr-python 2 has them; else 2."""
    version: int = getattr(store, "_store_version", 2)
    return version


def refuse_mixed_versions(*stores: Store) -> None:
    """Raise ValueError if some stores hold the draft of v3 and nothing else, and others do not."""
    if len({store_version(store) for store in stores}) > 1:
        names = " and a ".join(type(store).__name__ for store in stores)
        raise ValueError(
            f"a {names}: only one of them holds the draft of v3; use two stores of the draft (with V3 at the end of "
            "the name of the class), or none"
        )


def is_writeable(store: Store) -> bool:
    """Return whether values of a store can be written; True for a mapping that does not say so."""
    return bool(getattr(store, "is_writeable", lambda: True)())


def _declares(store: Store, name: str) -> bool:
    kind = type(store)
    return kind is dict or (has_capability(kind, name) and bool(getattr(store, name)()))


def directory_of(store: Store) -> str | None:
    """Return a path prefix that makes the path of a key's file; None if keys are not files."""
    store = mapping_of(store)
    return cast(HasFiles, store).file_prefix() if has_capability(type(store), "file_prefix") else None


def files_to_lock(store: Store) -> Callable[[Key], str] | None:
    """Return a function that returns the path of the file that other processes lock to change the value of a key.

    None if values are not files, or if the system has no locks of open files (Windows).
    """
    store = mapping_of(uncached(store))
    if os.name != "posix" or not has_capability(type(store), "file_to_lock"):
        directory = directory_of(store)
        return None if directory is None or os.name != "posix" else directory.__add__
    path = cast(LocksFiles, store).file_to_lock
    return None if path("") is None else cast(Callable[[Key], str], path)


def uncached(store: Store) -> Store:
    """Return the store that holds the values which a store caches, or the store itself if it does not cache values."""
    while has_capability(type(store := mapping_of(store)), "uncached"):
        inner = cast(CachesValues, store).uncached()
        if inner is store:
            break
        store = inner
    return store


def past_caches(store: Store) -> Store:
    """Return a store that reads what is stored now and writes to `store`, for values that are changed.

    It is the store itself if it keeps no copies of values.
    """
    if uncached(store) is mapping_of(store):
        return store
    from zarrcy.storage.past_caches import PastCaches

    return PastCaches(store)


def identities(store: Store, prefix: str = "") -> tuple[str, ...]:
    """Return names of the place of the values whose keys begin with `prefix`; see `HasIdentity`.

    Two stores give access to the same values if they have a name in common. If the place is not known, the only name
    is the prefix itself.

    Examples
    --------
    >>> values = {}
    >>> identities(values, "a/") == identities(values, "a/") != identities({}, "a/")
    True
    """
    store = mapping_of(store)
    names = cast(HasIdentity, store).identities(prefix) if has_capability(type(store), "identities") else ()
    if names:
        return names
    return (f"memory:{id(store)}/{prefix}" if is_in_memory(store) else prefix,)


def files_of(store: Store) -> OpensFiles:
    """Return an object that opens the files of values, for a store that has a directory (see `directory_of`)."""
    store = mapping_of(store)
    if has_capability(type(store), "open_value") and has_capability(type(store), "write_value"):
        return cast(OpensFiles, store)
    from zarrcy.storage.local.directory import DirectoryStore

    directory = directory_of(store)
    assert directory is not None, "the caller must check that the store has a directory"
    return DirectoryStore(directory, durability=durability(store))


def durability(store: Store) -> str:
    """Return what a write to a store waits for; "none" for a mapping that does not declare it."""
    return str(getattr(mapping_of(store), "durability", "none"))


def sync_values(store: Store, keys: Sequence[Key]) -> None:
    """Wait until values, or that they do not exist, survive a failure of the machine, if the store can wait."""
    store = uncached(store)
    if has_capability(type(store), "sync_values"):
        cast(SyncsValues, store).sync_values(keys)


def with_durability(store: Store, durability: str) -> Store:
    """Return a store of the same values whose writes wait as stated, or the store itself if it has no choice."""
    inner = mapping_of(store)
    if has_capability(type(inner), "with_durability"):
        return cast(HasDurability, inner).with_durability(durability)
    return store


def keeps_documents(store: Store) -> bool:
    """Return whether a store returns a metadata document exactly as it was written.

    True for a dictionary, and for a store whose method `keeps_documents` returns True.
    """
    store = mapping_of(store)
    own: Callable[[], bool] | None = getattr(store, "keeps_documents", None)
    return type(store) is dict if own is None else own()


def dimension_separator(store: Store) -> str | None:
    """Return the separator of chunk coordinates for arrays whose metadata do not name one; None if not set.

    The attribute has the name that zarr-python 2 gave it, so that stores written for it work.
    """
    separator: str | None = getattr(store, "_dimension_separator", None)
    return separator


def batch_nbytes(store: Store) -> int:
    """Return how many bytes of values to request at once.

    A store that reads many keys in one request gains from large batches, most of all where a request is a trip over a
    network: the batch is then bounded by the memory that is left. With other stores, values that wait for decoding
    would leave the processor's cache; values in memory cost nothing.
    """
    if offers(mapping_of(store), "getitems") or has_latency(store):
        if is_local(store):
            return 8 * 2**20
        from zarrcy.sync.io_depth import recent_most_nbytes

        return min(_FAR_BATCH_NBYTES, recent_most_nbytes())
    return 2**62 if is_in_memory(store) else 128 * 2**10


# -- reading ---------------------------------------------------------------------------------------


def value_reader(store: Store, most: int = -1, strict: bool = True) -> Reader:
    """Return a function that maps keys to values, with None only for a key under which nothing is stored.

    Where the store knows lengths, a value longer than `most` bytes is not read: it raises ValueLengthError. If not
    `strict`, None also stands for what is in place of a value, except for symbolic links to nothing.
    """
    store = mapping_of(store)
    read = _length_reader(store, most, strict)
    return reader(store) if read is None else _checked(store, read)


def replacer(store: Store) -> ReplacesValues | None:
    """Return an object that reads and replaces values by their versions; None if the store has no conditional puts."""
    store = mapping_of(store)
    kind = type(store)
    if has_capability(kind, "read_versions") and has_capability(kind, "replace_value"):
        return cast(ReplacesValues, store)
    return None


def replace_values(replacer: ReplacesValues, values: list[tuple[Key, Buffer, Hashable]]) -> list[Key]:
    """Replace values that have the given versions, and return the keys of the others."""
    if has_capability(type(replacer), "replace_values"):
        answers = cast(ReplacesManyValues, replacer).replace_values(values)
    else:
        answers = [replacer.replace_value(key, value, version) for key, value, version in values]
    return [key for (key, _, _), answer in zip(values, answers, strict=True) if answer is None]


def _length_reader(store: Store, most: int, strict: bool) -> Reader | None:
    """Return a function that reads values with the lengths that the store knows; None if it does not know them."""
    if has_capability(type(store), "read_values"):
        read_values = cast(ReadsManyValues, store).read_values
        return lambda keys: list(read_values(keys, most, strict))
    if has_capability(type(store), "read_value"):
        read_value = cast(ReadsValues, store).read_value
        return _reader_of(read_value if most < 0 and strict else lambda key: read_value(key, most, strict))
    return None


def knows_lengths(store: Store) -> bool:
    """Return whether `value_reader` refuses long values before it reads them."""
    kind = type(mapping_of(store))
    return has_capability(kind, "read_value") or has_capability(kind, "read_values")


def document(store: Store, key: Key, most: int = MAX_CONSOLIDATED_NBYTES) -> Buffer | None:
    """Return a document, or None if the key does not exist. A store that knows lengths refuses a longer one.

    Raises
    ------
    StoredTypeError
        If the store returns neither bytes nor a text nor a parsed document.
    """
    value: Buffer | None
    # hot path: opening a node reads several documents
    if _reads_values_itself(type(store)):
        value = cast(ReadsValues, store).read_value(key, most, False)
        return value if value is None or type(value) is bytes else _document_of(store, key, value)
    store = mapping_of(store)
    kind = type(store)
    if kind is not dict and has_capability(kind, "read_value"):
        value = cast(ReadsValues, store).read_value(key, most, strict=False)
    elif kind is not dict and has_capability(kind, "read_values"):
        value = cast(ReadsManyValues, store).read_values([key], most, strict=False)[0]
    else:
        value = get(store, key)
    return value if value is None or type(value) is bytes else _document_of(store, key, value)


@lru_cache(maxsize=256)
def _reads_values_itself(kind: type) -> bool:
    """Return whether a class reads values one by one, and passes nothing on to another store."""
    return kind is not dict and has_capability(kind, "read_value") and not has_capability(kind, "unwrapped")


def documents(store: Store) -> Reader:
    """Return a function that maps keys to documents: see `document`."""
    store = mapping_of(store)
    if has_capability(type(store), "read_value") and is_own(store):
        # a hierarchy has many documents, and the stores of this package return bytes
        read_value = cast(ReadsValues, store).read_value
        return lambda keys: [read_value(key, MAX_CONSOLIDATED_NBYTES, False) for key in keys]
    read = _length_reader(store, MAX_CONSOLIDATED_NBYTES, strict=False) or _unchecked_reader(store)

    def read_documents(keys: list[Key]) -> list[Buffer | None]:
        return [_document_of(store, key, value) for key, value in zip(keys, read(keys), strict=True)]

    return read_documents


def _document_of(store: Store, key: Key, value: JSON) -> JSON:
    """Return a document that a store returned; bytes of another class are made contiguous."""
    if value is None or type(value) is bytes or isinstance(value, (str, Mapping)) or callable(value):
        return value
    return buffer_of(store, key, value)


# -- what stores of users return -------------------------------------------------------------------


def buffer_of(store: Store, key: Key, value: Buffer) -> Buffer:
    """Return a stored value as contiguous bytes.

    Raises
    ------
    StoredTypeError
        If the value is not bytes-like.
    """
    if type(value) is bytes:
        return value
    if not getattr(getattr(value, "dtype", None), "hasobject", False):
        with suppress(TypeError, ValueError, BufferError):
            return flat(value)
    kind = type(value)
    name = "None" if value is None else f"an object of the class {kind.__module__}.{kind.__qualname__}"
    raise StoredTypeError(key, type(mapping_of(store)).__name__, name.replace("builtins.", ""))


def buffers(store: Store, keys: list[Key], values: list[Buffer | None]) -> list[Buffer | None]:
    """Return stored values as contiguous bytes, with None for missing keys: see `buffer_of`."""
    if set(map(type, values)) <= _PLAIN:
        return values
    return [
        value if value is None else buffer_of(store, key, value)
        for key, value in zip(keys, values, strict=True)
    ]


_PLAIN = {bytes, type(None)}


def checked_reader(store: Store, read: Reader | None = None) -> Reader:
    """Return a function that maps keys to values, which are contiguous bytes, or None for a key that does not exist.

    `reader` and `value_reader` check what a store of a user returns. They do not check the values of a dictionary,
    because that takes long compared to the read.
    """
    fetch = read or reader(store)
    return lambda keys: buffers(store, keys, fetch(keys))


def _checked(store: Store, read: Reader) -> Reader:
    """Return a function that checks what a store of a user returns; the stores of this package return bytes."""
    return read if is_own(store) else checked_reader(store, read)


def is_own(store: Store) -> bool:
    """Return whether the class of a store is one of this package."""
    return type(store).__module__.startswith("zarrcy.storage.")


def reader(store: Store) -> Reader:
    """Return a function that maps keys to values, with None for a key that does not exist."""
    store = mapping_of(store)
    if type(store) is dict:
        return _reader_of(store.get)
    return _checked(store, _unchecked_reader(store))


def _unchecked_reader(store: Store) -> Reader:
    if offers(store, "getitems"):
        return _batch_reader(cast(ReadsMany, store))
    get_one = store.get if has_capability(type(store), "get") else lambda key: get(store, key)
    if has_latency(store):
        return lambda keys: _map_requests(get_one, keys, reads=True)
    return _reader_of(get_one)


def document_reader(store: Store) -> Reader:
    """Return a function that maps keys to what `parse_json` takes: a document, or a function that parses it."""
    if has_capability(type(store), "peek"):
        return _reader_of(cast(PeeksDocuments, store).peek)
    return documents(store)


def _reader_of(get_one: Callable[[Key], Buffer | None]) -> Reader:
    def read(keys: list[Key]) -> list[Buffer | None]:
        return list(map(get_one, keys))

    return read


def _batch_reader(store: ReadsMany) -> Reader:
    getitems = store.getitems
    # zarr-python 2.15 and later pass a mapping of contexts, earlier versions do not
    contexts: dict[str, JSON] = (
        {"contexts": {}} if "contexts" in inspect.signature(getitems).parameters else {}
    )

    def read(keys: list[Key]) -> list[Buffer | None]:
        values = getitems(keys, **contexts)
        if not isinstance(values, Mapping):
            raise StoredTypeError("", type(store).__name__, f"a {type(values).__name__} instead of a mapping")
        return [values.get(key) for key in keys]

    return read


def get(store: Store, key: Key) -> Buffer | None:
    """Return the value of `key`, or None if the key does not exist."""
    if type(store) is dict or has_capability(type(store), "get"):
        return store.get(key)
    try:
        value = store[key]
    except KeyError:
        return None
    # the mapping says that the key exists
    return buffer_of(store, key, value) if value is None else value


def finder(store: Store, strict: bool = True) -> Finder:
    """Return a function that maps keys of documents to whether they exist.

    Where the store has symbolic links, a link to nothing is an error, or does not exist if not `strict`: that saves a
    system call for each missing document.
    """
    store = mapping_of(store)
    if has_capability(type(store), "has_each"):
        has_each = cast(ChecksMany, store).has_each
        return has_each if strict else lambda keys: has_each(keys, strict=False)
    if offers(store, "getitems"):
        # one request that reads many documents is faster than one request per document
        fetch = documents(store)
        return lambda keys: [value is not None for value in fetch(keys)]
    return lambda keys: [key in store for key in keys]


def has_no_prefix(store: Store, prefix: str) -> bool:
    """Return whether one system call can show that no key begins with `prefix`, which is empty or ends with a slash.

    False if keys exist, or if the answer needs more than one system call.
    """
    store = mapping_of(store)
    if type(store) is dict:
        return not store
    root = directory_of(store)
    return root is not None and not os.path.isdir(root + prefix)


def sizes(store: Store) -> Sizer | None:
    """Return a function that maps keys to the length of their values in bytes, with None for a missing key.

    None if the store would have to read the values to know that.
    """
    store = mapping_of(store)
    if has_capability(type(store), "value_nbytes"):
        nbytes_of = cast(KnowsValueSizes, store).value_nbytes
        return lambda keys: list(map(nbytes_of, keys))
    if is_in_memory(store):
        fetch = reader(store)
        return lambda keys: [None if value is None else memoryview(value).nbytes for value in fetch(keys)]
    return None


# -- writing ---------------------------------------------------------------------------------------


def writer(store: Store) -> Writer:
    """Return a function that stores many values.

    The values may be views of memory that the caller reuses as soon as the function returns; a store that would
    keep such a view gets a copy.
    """
    store = mapping_of(store)
    if type(store) is dict:
        return _dict_writer(store)
    if offers(store, "setitems"):
        setitems = cast(WritesMany, store).setitems
        return lambda values: setitems({key: as_bytes(value) for key, value in values.items()})
    if getattr(store, "consumes_values", False):
        setitem: Callable[[Key, Buffer], None] = store.__setitem__
    else:

        def setitem(key: Key, value: Buffer) -> None:
            store[key] = as_bytes(value)

    def write(values: dict[Key, Buffer]) -> None:
        for key, value in values.items():
            setitem(key, value)

    def write_at_once(values: dict[Key, Buffer]) -> None:
        _map_requests(lambda item: setitem(*item), values.items())

    return write_at_once if has_latency(store) else write


def _dict_writer(values_by_key: dict[Key, Buffer]) -> Writer:
    def write(values: dict[Key, Buffer]) -> None:
        if set(map(type, values.values())) != {bytes}:
            values = {key: as_bytes(value) for key, value in values.items()}
        values_by_key.update(values)

    return write


def as_bytes(value: Buffer) -> bytes:
    """Return `value` itself if it is bytes, else a copy as bytes."""
    return value if type(value) is bytes else bytes(value)


def set_if_absent(store: Store, key: Key, value: Buffer) -> bool:
    """Store `value` and return True, or return False if the key exists.

    Of several writers at the same time exactly one succeeds if the store's own ``setdefault`` is atomic.
    """
    store = mapping_of(store)
    if has_capability(type(store), "setdefault"):
        for _ in range(_ATTEMPTS):
            # KeyError: another writer deleted the value after it was found, and before it was read
            with suppress(KeyError):
                return store.setdefault(key, value) is value
        return store.setdefault(key, value) is value
    if key in store:
        return False
    store[key] = value
    return True


def deleter(store: Store) -> Deleter:
    """Return a function that deletes keys, and ignores keys that do not exist."""
    store = mapping_of(store)
    if offers(store, "delitems"):
        delitems = cast(DeletesMany, store).delitems
        return lambda keys: delitems(list(keys))

    def delete(keys: Iterable[Key]) -> None:
        for key in keys:
            discard(store, key)

    def delete_at_once(keys: Iterable[Key]) -> None:
        _map_requests(lambda key: discard(store, key), keys)

    return delete_at_once if has_latency(store) else delete


def _map_requests(request: Callable[[_T], _R], items: Iterable[_T], reads: bool = False) -> list[_R]:
    """Call a function for each item, many times at once, because the store has latency."""
    from zarrcy.storage.remote.concurrent import map_requests
    from zarrcy.sync.io_depth import REQUESTS_AT_ONCE, values_at_once

    return map_requests(request, items, values_at_once(REQUESTS_AT_ONCE), reads=reads)


def discard(store: Store, key: Key) -> None:
    """Delete `key` if it exists."""
    try:
        del store[key]
    except KeyError:
        return


def refusal_to_delete(store: Store, path: str) -> NotErasableError | ReadOnlyError:
    """Return the error for a store that can't delete keys: a store that can't be written at all is read-only."""
    is_writeable: Callable[[], bool] | None = getattr(store, "is_writeable", None)
    if is_writeable is not None and not is_writeable():
        return ReadOnlyError(path)
    return NotErasableError(path, type(store).__name__)


def check_delete(store: Store, keys: Iterable[Key]) -> None:
    """Raise an error if keys can't be deleted; the caller then changes nothing.

    Raises
    ------
    NotErasableError, ReadOnlyError
        If one of the keys exists and the store can't delete keys.
    """
    if is_erasable(store):
        return
    for key in keys:
        if key in store:
            raise refusal_to_delete(store, key)


def denied_below(store: Store, path: str) -> list[str]:
    """Return the paths below `path` that may not be looked into, so that keys below them are not listed."""
    store = mapping_of(store)
    return (
        sorted(cast(ChecksAccess, store).denied_below(path))
        if has_capability(type(store), "denied_below")
        else []
    )


def refuse_denied(store: Store, path: str, action: str) -> None:
    """Raise PartlyDoneError if something below a path may not be looked into, after the rest was done."""
    denied = denied_below(store, path)
    if denied:
        raise PartlyDoneError(action, denied)


def is_denied(store: Store, path: str) -> bool:
    """Return whether one system call shows that a directory may not be looked into."""
    root = directory_of(store)
    if root is None or not os.path.isdir(root + path) or os.access(root + path, os.X_OK):
        return False
    # not if another process deleted it since
    return os.path.isdir(root + path)


def can_move(store: Store) -> bool:
    """Return whether keys can be moved: a store says so with a method `can_move`, and needs to delete keys."""
    store = mapping_of(store)
    answers = (getattr(store, name, None) for name in ("is_erasable", "is_writeable", "can_move"))
    return all(answer is None or answer() for answer in answers)


def move_value(store: Store, key: Key, new: Key) -> None:
    """Rename a key. The value can be read under at least one of the two keys throughout."""
    store = mapping_of(store)
    if has_capability(type(store), "rename_key"):
        cast(RenamesKeys, store).rename_key(key, new)
        return
    store[new] = store[key]
    del store[key]


def check_rmdir(store: Store, path: str) -> None:
    """Raise an error if the keys below a path can't be deleted; the caller then changes nothing.

    Raises
    ------
    NotErasableError, ReadOnlyError
        If there are such keys and the store can't delete keys.
    OSError
        If the system does not permit it.
    """
    if not is_erasable(store) and listdir(store, path):
        raise refusal_to_delete(store, path)
    inner = mapping_of(store)
    if inner is not store:
        check_rmdir(inner, path)
    elif has_capability(type(store), "check_rmdir"):
        cast(ChecksRemoval, store).check_rmdir(path)


# -- files that interrupted writers left ----------------------------------------------------------------


def leftovers(store: Store, older_than: float = 0) -> Iterator[str]:
    """Iterate over the files that interrupted writers left in a store; see `DirectoryStore.leftovers`."""
    keeper = _keeper_of_leftovers(store)
    return iter(()) if keeper is None else keeper.leftovers(older_than)


def leftover_target(store: Store, path: str) -> str | None:
    """Return the path at which `remove_leftover` keeps what is at a path; None for what it deletes."""
    keeper = _keeper_of_leftovers(store)
    return None if keeper is None or not hasattr(keeper, "leftover_target") else keeper.leftover_target(path)


def remove_leftover(store: Store, path: str) -> None:
    """Delete a file that `leftovers` returned, or move a directory to its `leftover_target`."""
    keeper = _keeper_of_leftovers(store)
    assert keeper is not None, "the store has no method `leftovers`"
    keeper.remove_leftover(path)


def _keeper_of_leftovers(store: Store) -> KeepsLeftovers | None:
    store = mapping_of(store)
    return cast(KeepsLeftovers, store) if hasattr(store, "leftovers") else None
