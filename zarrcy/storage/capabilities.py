"""Optional capabilities of a store: operations that a backend does faster than key by key.

Each capability is a method. Any store may have it: a subclass of `zarrcy.storage.Store`, or any other mapping.
The package looks for the method and never for the class of the store.

A class that inherits a capability loses it if it overrides one of the methods that the capability replaces.
Example: a subclass of `DirectoryStore` that overrides ``__getitem__`` is not read through ``file_prefix``, so
its own method is called. A subclass that defines the capability itself has it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Protocol, TypeAlias

from zarrcy.types import JSON, Buffer, Key, Span, Store

KeyRange: TypeAlias = tuple[Key, Span]
"""A key and a byte range ``(start, nbytes)`` of its value; see `ReadsRanges`."""


class ReadsMany(Protocol):
    """A store that reads many values in one request."""

    def getitems(self, keys: Sequence[str]) -> Mapping[str, Buffer]:
        """Return the values of those `keys` that exist. A parameter `contexts`, if there is one, gets ``{}``."""


class ReadsValues(Protocol):
    """A store that tells a missing value from one that can't be read, and knows lengths before it reads."""

    def read_value(self, key: Key, most: int = -1, strict: bool = True) -> Buffer | None:
        """Return a value; None only if nothing is stored under the key.

        Raise `zarrcy.errors.ValueLengthError` if the value is longer than `most` bytes; -1 means any length. If not
        `strict`, return None for all that `get` counts as missing. Chunks and documents are read with this method.
        """


class ReadsManyValues(Protocol):
    """A store that reads many values in one request, and refuses long values before it reads them.

    Chunks and documents are read with this method. It needs no more requests than `ReadsMany.getitems`.
    """

    def read_values(
        self, keys: Sequence[str], most: int = -1, strict: bool = True
    ) -> Sequence[Buffer | None]:
        """Return the values of `keys`, in their order; None for a key under which nothing is stored.

        Raise `zarrcy.errors.ValueLengthError` if a value is longer than `most` bytes; -1 means any length. At most
        `most` bytes and one more are read of such a value. If not `strict`, which is so for documents, None may also
        stand for what is in place of a value, such as a directory.
        """


class WritesMany(Protocol):
    """A store that writes many values in one request."""

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        """Store all `values`. After an error, some of them may be stored."""


class ReplacesValues(Protocol):
    """A store with conditional puts: it replaces a value only if that is still the one that was read.

    Metadata documents, and chunks of which a part is written, are changed with these methods. A version is what tells
    two values of a key apart, such as an ETag. None is the version of a key that does not exist.

    A store may also have ``replace_values``, which takes a sequence of ``(key, value, version)`` and returns what
    `replace_value` returns for each of them.
    """

    def read_versions(self, keys: Sequence[str], most: int = -1) -> Sequence[tuple[Buffer | None, Hashable]]:
        """Return the values of `keys` and their versions, in their order.

        Raise `zarrcy.errors.ValueLengthError` if a value is longer than `most` bytes; -1 means any length.
        """

    def replace_value(self, key: Key, value: Buffer, version: Hashable) -> Hashable:
        """Store a value if that of the key has a version, and return the new version; else return None."""


class ReplacesManyValues(Protocol):
    """A store with conditional puts that sends several of them at the same time."""

    def replace_values(self, values: Sequence[tuple[Key, Buffer, Hashable]]) -> Sequence[Hashable]:
        """Do what `ReplacesValues.replace_value` does for several keys, values and versions."""


class DeletesMany(Protocol):
    """A store that deletes many keys in one request."""

    def delitems(self, keys: Iterable[str]) -> None:
        """Delete those `keys` that exist."""


class ReadsRanges(Protocol):
    """A store that reads parts of values.

    Its attribute ``range_gap`` is a number of bytes: to read that many extra bytes costs as much as one more
    range. The default is 1 MiB.
    """

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> Sequence[Buffer | None]:
        """Return parts of values, in the order of `key_ranges`.

        Parameters
        ----------
        key_ranges : sequence of (str, (int, int or None))
            A key and a range ``(start, nbytes)``, in bytes. A negative `start` counts from the end of the
            value. `nbytes` is None for everything up to the end.

        Returns
        -------
        sequence of bytes or None
            None if the key does not exist. A range that reaches beyond the value gives what exists of it,
            ``b""`` if it begins at the end or later.
        """


class ReadsVersions(Protocol):
    """A store that reads parts of values, and notices if a value was replaced between two requests."""

    def get_versioned_values(
        self, key_ranges: Sequence[KeyRange], versions: Mapping[Key, Hashable]
    ) -> tuple[Sequence[Buffer | None], Mapping[Key, Hashable]]:
        """Return parts of values, of one version of each value.

        Parameters
        ----------
        key_ranges : sequence of (str, (int, int or None))
            See `ReadsRanges.get_partial_values`.
        versions : mapping of str to hashable
            The version of which parts of a key must be, if earlier calls returned one. None: the version must be
            returned, also if one part is read.

        Returns
        -------
        parts : sequence of bytes or None
            See `ReadsRanges.get_partial_values`. The parts of a value that was replaced are undefined.
        versions : mapping of str to hashable
            The version of each key. None for a value that was replaced since the first of these calls. A key of which
            one part was read, and which is not in `versions`, may be left out. If a version has a true attribute
            ``is_exact``, no other value of the key ever has it.
        """


class Lists(Protocol):
    """A store that lists one level of the hierarchy without reading all keys."""

    def listdir(self, path: str = "") -> list[str]:
        """Return the names directly below `path`."""


class IsLocal(Protocol):
    """A store that needs at most a system call for a request, and no network."""

    def is_local(self) -> bool:
        """Return whether the store is local."""


class HasLatency(Protocol):
    """A store whose requests take much longer than decoding a value of 64 KiB."""

    def has_latency(self) -> bool:
        """Return whether requests take long, and may be sent from several threads at the same time.

        Reads then use few requests, and send some of them while they decode the values of others. Writes send values
        while they encode others. A store without `getitems` and `setitems` is called for many keys at the same time.
        """


class IsThreadSafe(Protocol):
    """A store that several threads may call at the same time."""

    def is_thread_safe(self) -> bool:
        """Return whether several threads may call the store at the same time."""


class IsInMemory(Protocol):
    """A store whose values are in memory, so that a read copies nothing."""

    def is_in_memory(self) -> bool:
        """Return whether the values are in memory."""


class HasFiles(Protocol):
    """A store in which each value is a file, at a path that ends with the key."""

    def file_prefix(self) -> str | None:
        """Return the path of a directory, with a trailing slash; ``file_prefix() + key`` is the file of a key.

        None if keys are not files. Values are then read and written through the store's methods.
        """


class LocksFiles(Protocol):
    """A store whose values are files, which processes lock while they change them in part."""

    def file_to_lock(self, key: Key) -> str | None:
        """Return the path of the file of a key; None, for all keys, if values are not files."""


class CreatesFiles(Protocol):
    """A store that writes the file of a value only if there is none."""

    def create_value(self, key: Key, fill: Callable[[int], bool | None]) -> bool:
        """Store what `fill` writes to a file descriptor and return True, or return False if the key exists.

        Of several writers at the same time exactly one succeeds. If `fill` returns False, nothing is stored, and the
        result is True.
        """


class OpensFiles(Protocol):
    """A store that opens the file of a value, so that parts of it can be read and written."""

    def open_value(self, key: Key) -> OpenFile | None:
        """Open the file of a value; None if the key does not exist."""

    def write_value(self, key: Key, fill: Callable[[int], bool | None]) -> None:
        """Store what `fill` writes to a file descriptor. Delete the key if `fill` returns False."""


class OpenFile(Protocol):
    """An open value: its length in bytes, and an identity that changes when the value changes."""

    @property
    def fd(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def identity(self) -> tuple[int, ...]: ...
    def read(self, start: int, nbytes: int | None) -> bytes: ...
    def __enter__(self) -> OpenFile: ...
    def __exit__(self, *exc_info: object) -> None: ...


class KnowsValueSizes(Protocol):
    """A store that knows the length of a value without reading it."""

    def value_nbytes(self, key: Key) -> int | None:
        """Return the length of a value in bytes; None if the key does not exist."""


class HasIdentity(Protocol):
    """A store whose values may also be reached through other store objects of this process."""

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return names of the place of the values whose keys begin with `prefix`.

        Store objects that give access to the same values return at least one name in common, whatever path, link or
        URL each was opened with. Locks of values are keyed by these names. Without a name, values of all such
        stores that have the same key share a lock.

        Parameters
        ----------
        prefix : str, optional
            Empty, or the path of a node and a slash.

        Returns
        -------
        tuple of str
            The names, each ending with a slash.
        """


class RenamesKeys(Protocol):
    """A store that renames a key so that the value can be read under one of the two keys at any moment."""

    def rename_key(self, key: Key, new: Key) -> None:
        """Move the value of `key` to `new`."""


class Unwraps(Protocol):
    """A store that passes all keys and values to another mapping unchanged."""

    def unwrapped(self) -> Store:
        """Return that mapping, or the store itself. The package then uses it in place of the store."""


class CachesValues(Protocol):
    """A store that keeps copies of values, which other writers may have changed since."""

    def uncached(self) -> Store:
        """Return the store of the values themselves, or this store if it keeps no copies.

        A writer that changes a part of a value reads the value there.
        """


class SyncsValues(Protocol):
    """A store whose values may be lost, or torn, if the machine fails soon after they were written."""

    def sync_values(self, keys: Sequence[str]) -> None:
        """Wait until the values of `keys`, or that they do not exist, survive a failure of the machine."""


class HasDurability(Protocol):
    """A store of which another object for the same values can wait for the disk in another way."""

    def with_durability(self, durability: str) -> Store:
        """Return a store of the same values, in which a write waits for "none", "data" or "full"."""


class KeepsLeftovers(Protocol):
    """A store in which an interrupted writer can leave files."""

    def leftovers(self, older_than: float = 0) -> Iterator[str]:
        """Iterate over the paths of such files that were last changed at least `older_than` seconds ago."""

    def leftover_target(self, path: str) -> str | None:
        """Return the path at which `remove_leftover` keeps what is at a path; None for what it deletes."""

    def remove_leftover(self, path: str) -> None:
        """Delete one of the files that `leftovers` returned, or move a directory to its `leftover_target`."""


class ChecksAccess(Protocol):
    """A store with directories that a user may be unable to look into."""

    def denied_below(self, path: str | None = None) -> Iterator[str]:
        """Iterate over the paths of such directories below a path. Keys below them are not listed."""


class ChecksRemoval(Protocol):
    """A store that can say in advance whether keys can be deleted."""

    def check_rmdir(self, path: str | None = None) -> None:
        """Raise OSError if the keys below a path can't be deleted."""


class ChecksMany(Protocol):
    """A store that looks for many keys faster than one by one."""

    def has_each(self, keys: list[Key], strict: bool = True) -> list[bool]:
        """Return for each key whether it exists. If `strict`, raise an error for a symbolic link to nothing."""


class PeeksDocuments(Protocol):
    """A store of metadata documents that are parsed on first use."""

    def peek(self, key: Key) -> JSON:
        """Return a parsed document, a function that parses and returns it, or None if the key does not exist."""


_CONTENT = (
    "__getitem__", "__setitem__", "__delitem__", "__contains__", "__iter__", "get", "setdefault",
    "getitems", "setitems", "delitems", "get_partial_values", "listdir", "rmdir", "rename",
)  # fmt: skip
"""Methods that define which keys and values a store has."""

_DECLARED = (
    "is_local", "has_latency", "is_thread_safe", "is_in_memory", "file_prefix", "open_value", "write_value",
    "value_nbytes", "identities", "rename_key", "keeps_documents", "durability", "consumes_values", "range_gap",
    "get_versioned_values",
)  # fmt: skip

_REPLACES: dict[str, tuple[str, ...]] = {
    # ``dict.get`` does not call ``__missing__``
    "get": ("__getitem__", "__missing__"),
    "peek": ("__getitem__", "get"),
    "setdefault": ("__setitem__",),
    "has_each": ("__contains__",),
    "uncached": (),
    # a subclass may compute or change values, but they stay where they are
    "identities": (),
    "sync_values": (),
    "with_durability": (),
    "unwrapped": (*_CONTENT, *_DECLARED),
}
_SINGLE = {"getitems": "__getitem__", "setitems": "__setitem__", "delitems": "__delitem__"}


@lru_cache(maxsize=1024)
def has_capability(kind: type, name: str) -> bool:
    """Return whether a class has a capability, and no subclass overrides a method that the capability replaces.

    Parameters
    ----------
    kind : type
        Class of the store.
    name : str
        Name of the capability's method.

    Examples
    --------
    >>> class Plain(dict):
    ...     pass
    >>> class Upper(dict):
    ...     def __getitem__(self, key): return super().__getitem__(key.upper())
    >>> has_capability(Plain, "get"), has_capability(Upper, "get"), has_capability(Plain, "is_local")
    (True, False, False)
    """
    depth = _depth(kind, name)
    return depth < len(kind.__mro__) and all(
        depth <= _depth(kind, method) for method in _REPLACES.get(name, _CONTENT)
    )


@lru_cache(maxsize=1024)
def is_overridden(kind: type, name: str) -> bool:
    """Return whether a subclass overrides the method for one key, but inherits the method for many keys.

    >>> class Batched(dict):
    ...     def getitems(self, keys): return {key: self[key] for key in keys}
    >>> class Upper(Batched):
    ...     def __getitem__(self, key): return super().__getitem__(key.upper())
    >>> is_overridden(Batched, "getitems"), is_overridden(Upper, "getitems")
    (False, True)
    """
    single = _SINGLE.get(name)
    return single is not None and _depth(kind, single) < _depth(kind, name) < len(kind.__mro__)


def _depth(kind: type, name: str) -> int:
    """Return the position, in the method resolution order, of the class that defines a name."""
    bases = kind.__mro__
    return next((i for i, base in enumerate(bases) if name in vars(base)), len(bases))
