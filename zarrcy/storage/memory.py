"""Stores in memory: a dictionary of our own, or any mapping of the user's."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from zarrcy.storage.listing import list_keys, remove_keys, rename_keys, sizes_below
from zarrcy.storage.paths import normalize_path
from zarrcy.types import Buffer, Store


class KVStore(MutableMapping[str, Any]):
    """A store around a mapping of the user's.

    Parameters
    ----------
    mutablemapping : any mapping of str to bytes-like

    Examples
    --------
    >>> import zarrcy
    >>> backing = {}
    >>> store = KVStore(backing)
    >>> a = zarrcy.zeros(4, chunks=2, store=store)
    >>> sorted(backing)
    ['.zarray']
    """

    def __init__(self, mutablemapping: Store, dimension_separator: str | None = None) -> None:
        self._mutable_mapping = mutablemapping
        self._dimension_separator = dimension_separator

    def __getitem__(self, key: str) -> Any:
        return self._mutable_mapping[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._mutable_mapping[key] = value

    def __delitem__(self, key: str) -> None:
        del self._mutable_mapping[key]

    def __contains__(self, key: object) -> bool:
        return key in self._mutable_mapping

    def __iter__(self) -> Iterator[str]:
        return iter(self._mutable_mapping)

    def __len__(self) -> int:
        return len(self._mutable_mapping)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, KVStore):
            other = other._mutable_mapping
        return self._mutable_mapping is other or bool(self._mutable_mapping == other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        kind = type(self._mutable_mapping)
        return f"<{type(self).__name__} around a {kind.__module__}.{kind.__qualname__} with {len(self)} keys>"


class MemoryStore(MutableMapping[str, Any]):
    """Keys in a dictionary; gone when the process ends.

    Examples
    --------
    >>> store = MemoryStore()
    >>> store["a/0"] = b"x"
    >>> store.listdir("a")
    ['0']
    """

    def __init__(self, dimension_separator: str | None = None) -> None:
        self._values: dict[str, bytes] = {}
        self._dimension_separator = dimension_separator

    def __getitem__(self, key: str) -> bytes:
        return self._values[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)

    def __setitem__(self, key: str, value: Buffer) -> None:
        # a copy, unless it can't change any more: the caller may use its memory again
        self._values[key] = value if type(value) is bytes else bytes(value)

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
        nbytes = sum(len(value) for value in self._values.values())
        return f"<{type(self).__name__} with {len(self)} keys, {nbytes} bytes>"

    def clear(self) -> None:
        self._values.clear()

    def listdir(self, path: str = "") -> list[str]:
        """Return the names directly below `path`, sorted."""
        return list_keys(self._values, normalize_path(path))

    def rmdir(self, path: str = "") -> None:
        """Delete all keys below `path`."""
        remove_keys(self._values, normalize_path(path))

    def rename(self, src_path: str, dst_path: str) -> None:
        """Move all keys below `src_path` to below `dst_path`."""
        rename_keys(self._values, normalize_path(src_path), normalize_path(dst_path))

    def getsize(self, path: str = "") -> int:
        """Return the bytes of the values below `path`, or of the value that is its key."""
        return sizes_below(self._values, normalize_path(path))
