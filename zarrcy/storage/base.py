"""The base classes of stores, and functions for stored values and byte ranges.

Any mapping of str to bytes-like is a store. `Store` adds listing, renaming and sizes, computed from all keys. A
subclass whose backend can do better declares that by the methods that `zarrcy.storage.capabilities` lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np

from zarrcy.errors import NotErasableError
from zarrcy.keys import normalize_path
from zarrcy.storage.capabilities import KeyRange, is_overridden
from zarrcy.storage.listing import list_keys, remove_keys, rename_keys
from zarrcy.types import JSON, Buffer

Items: TypeAlias = Any
"""What ``dict.update`` takes: a mapping, or an iterable of pairs of a key and a value."""


class BaseStore(MutableMapping[str, Buffer]):
    """A mapping of keys to bytes that also says which operations it supports.

    Derive from `Store`, unless the keys can't be listed.

    Attributes
    ----------
    consumes_values : bool
        Whether ``__setitem__`` has copied or written the value when it returns. If not, the store gets bytes,
        which can't change.
    range_gap : int
        Number of bytes; reading this many extra bytes costs as much as one more range.
    durability : str
        What a write waits for before it returns, as `DirectoryStore` describes it. "none" if it is not known.
    """

    _readable: ClassVar[bool] = True
    _writeable: ClassVar[bool] = True
    _erasable: ClassVar[bool] = True
    _listable: ClassVar[bool] = True
    _store_version: ClassVar[int] = 2
    _dimension_separator: str | None = None
    consumes_values: ClassVar[bool] = False
    range_gap: int = 2**20
    durability: str = "none"

    def is_readable(self) -> bool:
        """Return whether values can be read.

        Returns
        -------
        bool
            True by default.
        """
        return self._readable

    def is_writeable(self) -> bool:
        """Return whether values can be written.

        Returns
        -------
        bool
            True by default.
        """
        return self._writeable

    def is_listable(self) -> bool:
        """Return whether the keys can be listed.

        Returns
        -------
        bool
            True by default.
        """
        return self._listable

    def is_erasable(self) -> bool:
        """Return whether keys can be deleted.

        Returns
        -------
        bool
            True by default.
        """
        return self._erasable

    def can_move(self) -> bool:
        """Return whether keys can be moved without sending their values; True by default.

        Returns
        -------
        bool
            False for object stores: there, a node can't be written beside the one that it replaces.
        """
        return True

    def is_local(self) -> bool:
        """Return whether a request needs at most a system call, and no network; False by default."""
        return False

    def is_thread_safe(self) -> bool:
        """Return whether several threads may call the store at the same time; False by default."""
        return False

    def is_in_memory(self) -> bool:
        """Return whether the values are in memory, so that a read copies nothing; False by default."""
        return False

    def file_prefix(self) -> str | None:
        """Return a path prefix that makes the path of a key's file; None, the default, if keys are not files."""
        return None

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return names of the place of the values whose keys begin with `prefix`; by default none.

        See `zarrcy.storage.capabilities.HasIdentity`.
        """
        return ()

    def keeps_documents(self) -> bool:
        """Return whether a metadata document reads exactly as it was written.

        Returns
        -------
        bool
            True by default; False for a store that translates documents to another format.
        """
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write pending values, and close files and connections. This method does nothing."""

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, JSON] | None = None
    ) -> Mapping[str, Buffer]:
        """Return the values of those `keys` that exist.

        Parameters
        ----------
        keys : sequence of str
            The keys.
        contexts : mapping, optional
            Ignored; kept for compatibility with zarr-python 2.

        Returns
        -------
        mapping of str to bytes
            The values by their keys.
        """
        missing = object()
        values = {key: self.get(key, missing) for key in keys}
        return {key: value for key, value in values.items() if value is not missing}

    def rename(self, src_path: str, dst_path: str) -> None:
        """Move the value of the key `src_path`, and all keys below it, to `dst_path`.

        Parameters
        ----------
        src_path : str
            A key, or the path of a node.
        dst_path : str
            The new key or path.

        Raises
        ------
        NotErasableError
            If the store can't delete keys.
        KeyError
            If there is nothing at `src_path`.
        """
        if not self.is_erasable():
            raise NotErasableError(src_path, type(self).__name__)
        rename_keys(self, normalize_path(src_path), normalize_path(dst_path))


class Store(BaseStore):
    """Base class of stores whose keys can be listed.

    A subclass must define the five methods of a mapping: ``__getitem__``, ``__setitem__``, ``__delitem__``,
    ``__iter__`` and ``__len__``. The other methods are built on these; override those that the backend does better.

    See Also
    --------
    BaseStore : Base class of stores whose keys can't be listed.

    Examples
    --------
    >>> class Capitals(Store):
    ...     def __init__(self): self.values = {}
    ...     def __getitem__(self, key): return self.values[key.upper()]
    ...     def __setitem__(self, key, value): self.values[key.upper()] = bytes(value)
    ...     def __delitem__(self, key): del self.values[key.upper()]
    ...     def __iter__(self): return iter(self.values)
    ...     def __len__(self): return len(self.values)
    >>> import zarrcy
    >>> a = zarrcy.array([1, 2, 3], store=Capitals(), path="a")
    >>> a.store.listdir("A")
    ['.ZARRAY', '0']
    """

    def listdir(self, path: str = "") -> list[str]:
        """Return the names directly below `path`, sorted.

        Parameters
        ----------
        path : str, default ""
            Path of a node; empty for the root.

        Returns
        -------
        list of str
            The names, without `path`.
        """
        return list_keys(self, normalize_path(path))

    def rmdir(self, path: str = "") -> None:
        """Delete all keys below `path`.

        Parameters
        ----------
        path : str, default ""
            Path of a node; empty for the root.

        Raises
        ------
        NotErasableError
            If there are such keys and the store can't delete keys.
        """
        path = normalize_path(path)
        if self.is_erasable():
            remove_keys(self, path)
        elif list_keys(self, path):
            # deleting nothing succeeds, so that a new node can be created with overwrite=True
            raise NotErasableError(path, type(self).__name__)

    def getsize(self, path: str = "") -> int:
        """Return the stored bytes of the values directly below `path`, or of the value whose key is `path`.

        Parameters
        ----------
        path : str, default ""
            Path of a node, or a key.

        Returns
        -------
        int
            Number of bytes; -1 if the store would have to read the values. This default implementation returns -1.
        """
        return -1


def offers(store: object, name: str) -> bool:
    """Return whether a store has its own method, not the default that goes through the keys one by one.

    A method for many keys does not count if a subclass overrides only the method for one key.

    Examples
    --------
    >>> offers(Store, "getitems"), offers({}, "getitems"), offers({}, "clear")
    (False, False, True)
    """
    method = getattr(store, name, None)
    default = getattr(Store, name, None)
    if method is None or getattr(method, "__func__", method) is default:
        return False
    kind: type = type(store)
    return not is_overridden(kind, name)


# -- values and parts of them ----------------------------------------------------------------------


def flat(value: Buffer) -> bytes | memoryview:
    """Return a value as contiguous bytes: the value itself, a view of its memory, or a copy if it is not contiguous.

    Raises
    ------
    TypeError
        If the value is not bytes-like.

    Examples
    --------
    >>> bytes(flat(np.array([[1, 2], [3, 4]], "u2", order="F")))
    b'\\x01\\x00\\x03\\x00\\x02\\x00\\x04\\x00'
    """
    if type(value) is bytes:
        return value
    if isinstance(value, np.ndarray) and value.dtype.char != "B":
        # some data types do not have the buffer protocol
        value = value.reshape(-1, order="A").view(np.uint8)
    view = memoryview(value)
    if view.ndim == 1 and view.itemsize == 1 and view.contiguous:
        return view
    return view.tobytes("A")


def slice_of(key_range: tuple[int, int | None], size: int) -> slice:
    """Return the slice of a value of `size` bytes that a range ``(start, nbytes)`` describes.

    Examples
    --------
    >>> slice_of((2, 5), 10), slice_of((8, 5), 10), slice_of((-3, None), 10), slice_of((20, None), 10)
    (slice(2, 7, None), slice(8, 10, None), slice(7, 10, None), slice(10, 10, None))
    """
    start, nbytes = key_range
    _check_nbytes(nbytes)
    first = max(0, size + start) if start < 0 else min(start, size)
    return slice(first, size if nbytes is None else min(size, first + nbytes))


def check_ranges(key_ranges: Iterable[KeyRange]) -> None:
    """Raise ValueError for ranges with a negative length, before a request is sent."""
    for _, (_, nbytes) in key_ranges:
        _check_nbytes(nbytes)


def _check_nbytes(nbytes: int | None) -> None:
    if nbytes is not None and nbytes < 0:
        raise ValueError(f"a range has {nbytes} bytes; the number of bytes must not be negative")
