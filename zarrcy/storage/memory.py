"""Stores in memory: a dictionary, or a wrapper around any mapping of the user."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import ClassVar

from zarrcy.keys import normalize_path
from zarrcy.storage import access, listing
from zarrcy.storage.base import Store, flat
from zarrcy.storage.listing import list_keys, remove_keys, rename_keys, sizes_below
from zarrcy.types import JSON, Buffer
from zarrcy.types import Store as StoreLike


class KVStore(Store):
    """Store that wraps a mapping of the user.

    Parameters
    ----------
    mutablemapping : mutable mapping
        Any mapping of str to bytes-like.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.

    See Also
    --------
    MemoryStore : Store with a dictionary of its own.

    Examples
    --------
    >>> import zarrcy
    >>> backing = {}
    >>> store = KVStore(backing)
    >>> a = zarrcy.zeros(4, chunks=2, store=store)
    >>> sorted(backing)
    ['.zarray']
    """

    def __init__(self, mutablemapping: StoreLike, dimension_separator: str | None = None) -> None:
        self._mutable_mapping = mutablemapping
        self._dimension_separator = dimension_separator

    def unwrapped(self) -> StoreLike:
        """Return the mapping that holds the values."""
        return self._mutable_mapping

    def __dask_tokenize__(self) -> str:
        # a new one each time: to compare all values would take longer than to read what is needed again
        return uuid.uuid4().hex

    def is_local(self) -> bool:
        return access.is_local(self._mutable_mapping)

    def is_thread_safe(self) -> bool:
        return access.is_thread_safe(self._mutable_mapping)

    def is_in_memory(self) -> bool:
        return access.is_in_memory(self._mutable_mapping)

    def __getitem__(self, key: str) -> Buffer:
        return self._mutable_mapping[key]

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._mutable_mapping[key] = value

    def __delitem__(self, key: str) -> None:
        del self._mutable_mapping[key]

    def __contains__(self, key: object) -> bool:
        return key in self._mutable_mapping

    def __iter__(self) -> Iterator[str]:
        return iter(listing.keys_of(self._mutable_mapping))

    def __len__(self) -> int:
        return len(self._mutable_mapping)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KVStore) and (
            self._mutable_mapping is other._mutable_mapping
            or bool(self._mutable_mapping == other._mutable_mapping)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        kind = type(self._mutable_mapping)
        return f"<{type(self).__name__} around a {kind.__module__}.{kind.__qualname__} with {len(self)} keys>"

    def listdir(self, path: str = "") -> list[str]:
        return listing.listdir(self._mutable_mapping, path)

    def rmdir(self, path: str = "") -> None:
        listing.rmdir(self._mutable_mapping, path)

    def rename(self, src_path: str, dst_path: str) -> None:
        listing.rename(self._mutable_mapping, src_path, dst_path)

    def getsize(self, path: str = "") -> int:
        return listing.getsize(self._mutable_mapping, path)


class MemoryStore(Store):
    """Store in a dictionary, which is lost when the process ends.

    Parameters
    ----------
    root : mapping, optional
        Initial values by key, or nested mappings of names to values.
    cls : type
        Ignored; kept for compatibility with zarr-python 2.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.

    See Also
    --------
    KVStore : Store that wraps a mapping of the user.

    Examples
    --------
    >>> store = MemoryStore()
    >>> store["a/0"] = b"x"
    >>> store.listdir("a")
    ['0']
    """

    consumes_values: ClassVar[bool] = True

    def __init__(
        self,
        root: Mapping[str, JSON] | None = None,
        cls: type = dict,
        dimension_separator: str | None = None,
    ) -> None:
        self._values: dict[str, bytes] = {}
        self._dimension_separator = dimension_separator
        if root is not None:
            self.update(_flattened(root))

    def unwrapped(self) -> StoreLike:
        """Return the dictionary of the values. Its values must be bytes."""
        return self._values

    __dask_tokenize__ = KVStore.__dask_tokenize__

    def is_local(self) -> bool:
        """Return True: a request needs no network."""
        return True

    def is_thread_safe(self) -> bool:
        """Return True: each operation is one atomic operation of a dictionary."""
        return True

    def is_in_memory(self) -> bool:
        """Return True: a read copies nothing."""
        return True

    def __getitem__(self, key: str) -> bytes:
        return self._values[key]

    def get(self, key: str, default: Buffer | None = None) -> Buffer | None:
        return self._values.get(key, default)

    def __setitem__(self, key: str, value: Buffer) -> None:
        # a copy, unless the value is immutable: the caller may reuse its memory
        self._values[key] = value if type(value) is bytes else bytes(flat(value))

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        # one atomic step: of several threads that create the same node, exactly one succeeds
        return self._values.setdefault(key, default if type(default) is bytes else bytes(flat(default)))

    def __delitem__(self, key: str) -> None:
        del self._values[key]

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._values))

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, MemoryStore) and self._values == other._values)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        nbytes = sum(map(len, list(self._values.values())))
        return f"<{type(self).__name__} with {len(self)} keys, {nbytes} bytes>"

    def clear(self) -> None:
        self._values.clear()

    def listdir(self, path: str = "") -> list[str]:
        return list_keys(self._values, normalize_path(path))

    def rmdir(self, path: str = "") -> None:
        remove_keys(self._values, normalize_path(path))

    def rename(self, src_path: str, dst_path: str) -> None:
        rename_keys(self._values, normalize_path(src_path), normalize_path(dst_path))

    def getsize(self, path: str = "") -> int:
        return sizes_below(self._values, normalize_path(path))


def _flattened(tree: Mapping[str, JSON], prefix: str = "") -> Iterator[tuple[str, Buffer]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}/")
        else:
            yield prefix + name, value
