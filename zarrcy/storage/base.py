"""The base classes of stores, and functions for stored values and byte ranges.

A mapping of str to bytes-like is enough to be a store. `Store` adds the other methods by a look at all keys. What a
backend can do better than that, a subclass declares by the methods that `zarrcy.storage.capabilities` lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np

from zarrcy.errors import NotErasableError
from zarrcy.keys import normalize_path
from zarrcy.storage.capabilities import KeyRange, is_overridden
from zarrcy.storage.listing import list_keys, remove_keys, rename_keys
from zarrcy.types import Buffer


class BaseStore(MutableMapping[str, Any]):
    """A mapping of keys to bytes that says what can be done with it.

    Derive from `Store`, unless the keys can't be listed.

    Attributes
    ----------
    consumes_values : a value is copied or written when ``__setitem__`` returns; otherwise it is given
        bytes, which can't change any more
    range_gap : bytes that are as cheap to read as one more range is
    durability : what a write waits for before it returns, as `DirectoryStore` tells it: "none" is all that
        is known here; behind a server, that is the server's to say
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
        """Can values be read?"""
        return self._readable

    def is_writeable(self) -> bool:
        """Can values be written?"""
        return self._writeable

    def is_listable(self) -> bool:
        """Can the keys be listed?"""
        return self._listable

    def is_erasable(self) -> bool:
        """Can keys be deleted?"""
        return self._erasable

    def is_local(self) -> bool:
        """Return whether a request is a system call or less, without a trip over a network; False by default."""
        return False

    def is_thread_safe(self) -> bool:
        """Return whether several threads may call the store at the same time; False by default."""
        return False

    def is_in_memory(self) -> bool:
        """Return whether the values are in memory, so that to read one copies nothing; False by default."""
        return False

    def file_prefix(self) -> str | None:
        """Return the path that, with a key appended, is the file of the key; None if keys are not simply files."""
        return None

    def identity(self) -> str:
        """Return what distinguishes the values from those of other stores; empty by default: it is not known."""
        return ""

    def keeps_documents(self) -> bool:
        """Does a document read as it was written? Not from a store that keeps it in another format."""
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is not written yet, and let go of files and connections; here there is nothing to do."""

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Return the values of those `keys` that are there.

        Parameters
        ----------
        keys : any number
        contexts : kept for users of zarr-python 2; has no effect
        """
        missing = object()
        found = {key: self.get(key, missing) for key in keys}
        return {key: value for key, value in found.items() if value is not missing}

    def rename(self, src_path: str, dst_path: str) -> None:
        """Move the key `src_path`, and all keys below it, to `dst_path`."""
        if not self.is_erasable():
            raise NotErasableError(src_path, type(self).__name__)
        rename_keys(self, normalize_path(src_path), normalize_path(dst_path))


class Store(BaseStore):
    """The base of a store whose keys can be listed.

    A store needs the five methods of a mapping: ``__getitem__``, ``__setitem__``, ``__delitem__``,
    ``__iter__`` and ``__len__``. Those below work with any of them; override what yours does better.

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
        """Return the names directly below `path`, sorted."""
        return list_keys(self, normalize_path(path))

    def rmdir(self, path: str = "") -> None:
        """Delete all keys below `path`."""
        path = normalize_path(path)
        if self.is_erasable():
            remove_keys(self, path)
        elif list_keys(self, path):
            # only what is there can't be deleted: a new node may be written "over" nothing
            raise NotErasableError(path, type(self).__name__)

    def getsize(self, path: str = "") -> int:
        """Return the bytes of the values directly below `path`, or of the value that is its key.

        -1 if that is not known without reading them, which is what this method says.
        """
        return -1


def offers(store: Any, name: str) -> bool:
    """Return whether a store has a method of its own, not the default that goes through the keys one by one.

    A method for many keys does not count where a subclass overrides only the method for one key.

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
    """Return a value as one run of bytes: itself, or a view of its memory where that is one run.

    Raises
    ------
    TypeError : it is not bytes-like

    >>> bytes(flat(np.array([[1, 2], [3, 4]], "u2", order="F")))
    b'\\x01\\x00\\x03\\x00\\x02\\x00\\x04\\x00'
    """
    if type(value) is bytes:
        return value
    if isinstance(value, np.ndarray) and value.dtype.char != "B":
        # not every dtype can be had as a buffer
        value = value.reshape(-1, order="A").view(np.uint8)
    view = memoryview(value)
    if view.ndim == 1 and view.itemsize == 1 and view.contiguous:
        return view
    return view.tobytes("A")


def slice_of(key_range: tuple[int, int | None], size: int) -> slice:
    """Return which part of a value of `size` bytes a range ``(start, nbytes)`` is.

    >>> slice_of((2, 5), 10), slice_of((8, 5), 10), slice_of((-3, None), 10), slice_of((20, None), 10)
    (slice(2, 7, None), slice(8, 10, None), slice(7, 10, None), slice(10, 10, None))
    """
    start, nbytes = key_range
    _check_nbytes(nbytes)
    first = max(0, size + start) if start < 0 else min(start, size)
    return slice(first, size if nbytes is None else min(size, first + nbytes))


def check_ranges(key_ranges: Iterable[KeyRange]) -> None:
    """Refuse ranges that can't be, before a server is asked. Raises ValueError."""
    for _, (_, nbytes) in key_ranges:
        _check_nbytes(nbytes)


def _check_nbytes(nbytes: int | None) -> None:
    if nbytes is not None and nbytes < 0:
        raise ValueError(f"a range has {nbytes} bytes: the number of bytes can't be negative")
