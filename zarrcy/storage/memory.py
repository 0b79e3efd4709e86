"""Stores in memory: a dictionary of our own, or any mapping of the user's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from zarrcy.keys import normalize_path
from zarrcy.storage import access, listing
from zarrcy.storage.base import Store, flat
from zarrcy.storage.listing import list_keys, remove_keys, rename_keys, sizes_below
from zarrcy.types import Buffer
from zarrcy.types import Store as Mapped


class KVStore(Store):
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

    def __init__(self, mutablemapping: Mapped, dimension_separator: str | None = None) -> None:
        self._mutable_mapping = mutablemapping
        self._dimension_separator = dimension_separator

    def unwrapped(self) -> Mapped:
        """Return the mapping that holds the values."""
        return self._mutable_mapping

    def is_local(self) -> bool:
        """Return whether the mapping answers without a trip over a network."""
        return access.is_local(self._mutable_mapping)

    def is_thread_safe(self) -> bool:
        """Return whether several threads may call the mapping at the same time."""
        return access.is_thread_safe(self._mutable_mapping)

    def is_in_memory(self) -> bool:
        """Return whether the values are in memory, so that to read one copies nothing."""
        return access.is_in_memory(self._mutable_mapping)

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

    def listdir(self, path: str = "") -> list[str]:
        """Return the names directly below `path`, sorted."""
        return listing.listdir(self._mutable_mapping, path)

    def rmdir(self, path: str = "") -> None:
        """Delete all keys below `path`."""
        listing.rmdir(self._mutable_mapping, path)

    def rename(self, src_path: str, dst_path: str) -> None:
        """Move the key `src_path`, and all keys below it, to `dst_path`."""
        listing.rename(self._mutable_mapping, src_path, dst_path)

    def getsize(self, path: str = "") -> int:
        """Return the bytes of the values directly below `path`, or of its own; -1 if not known."""
        return listing.getsize(self._mutable_mapping, path)


class MemoryStore(Store):
    """Keys in a dictionary; gone when the process ends.

    Parameters
    ----------
    root : what it holds at first: values by key, or by name in mappings in mappings
    cls : kept for users of zarr-python 2; has no effect
    dimension_separator : ``"."`` or ``"/"``, for arrays whose metadata do not say

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
        root: Mapping[str, Any] | None = None,
        cls: type = dict,
        dimension_separator: str | None = None,
    ) -> None:
        self._values: dict[str, bytes] = {}
        self._dimension_separator = dimension_separator
        if root is not None:
            self.update(_flattened(root))

    def unwrapped(self) -> Mapped:
        """Return the dictionary that holds the values. Store only bytes in it."""
        return self._values

    def is_local(self) -> bool:
        """Return True: no network is involved."""
        return True

    def is_thread_safe(self) -> bool:
        """Return True: each operation is one operation of a dictionary."""
        return True

    def is_in_memory(self) -> bool:
        """Return True: to read a value copies nothing."""
        return True

    def __getitem__(self, key: str) -> bytes:
        return self._values[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)

    def __setitem__(self, key: str, value: Buffer) -> None:
        # a copy, unless it can't change any more: the caller may use its memory again
        self._values[key] = value if type(value) is bytes else bytes(flat(value))

    def setdefault(self, key: str, default: Any = None) -> Any:
        # one step: of several threads that create the same node, one does
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
        """Move the key `src_path`, and all keys below it, to `dst_path`."""
        rename_keys(self._values, normalize_path(src_path), normalize_path(dst_path))

    def getsize(self, path: str = "") -> int:
        """Return the bytes of the values directly below `path`, or of its own."""
        return sizes_below(self._values, normalize_path(path))


def _flattened(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}/")
        else:
            yield prefix + name, value
