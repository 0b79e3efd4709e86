"""Stores for tests: one that counts what is asked of it, one that fails when it is told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, MutableMapping
from typing import Any

from zarrcy.types import Key, Store


class CountingStore(MutableMapping[str, Any]):
    """A store in memory that counts what is asked of it, chunks apart from documents.

    Attributes
    ----------
    values : the keys and values
    counts : how often; by ``("get" | "set" | "delete", "chunk" | "document")``

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.zeros(6, chunks=2, store=CountingStore())
    >>> a[1:4] = 7
    >>> a.store.gets, a.store.sets
    (1, 2)
    """

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}  # type: ignore[assignment]
        self.counts: Counter[tuple[str, str]] = Counter()

    def _count(self, what: str, key: Key) -> None:
        name = key.rsplit("/", 1)[-1]
        is_document = name.startswith(".z") or name == "zarr.json"
        self.counts[what, "document" if is_document else "chunk"] += 1

    def __getitem__(self, key: Key) -> bytes:
        self._count("get", key)
        return self.values[key]

    def __setitem__(self, key: Key, value: bytes) -> None:
        self._count("set", key)
        if type(value) is not bytes:
            raise TypeError(f"a store that keeps values must be given bytes, not {type(value).__name__}")
        self.values[key] = value

    def __delitem__(self, key: Key) -> None:
        self._count("delete", key)
        del self.values[key]

    def __contains__(self, key: object) -> bool:
        return key in self.values

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def gets(self) -> int:
        """How many chunks were asked for, whether they were there or not."""
        return self.counts["get", "chunk"]

    @property
    def sets(self) -> int:
        """How many chunks were stored."""
        return self.counts["set", "chunk"]


class FaultyStore(MutableMapping[str, Any]):
    """A store whose n-th operation fails, once, with an `OSError`, and changes nothing.

    Reads, writes, deletions and looking for a key are operations; listing keys is none.

    Parameters
    ----------
    inner : the store that does the work
    fail_at : operations until the one that fails; 0 is the next one, None fails never

    Attributes
    ----------
    operations : how many there were, the failed one included

    Examples
    --------
    >>> store = FaultyStore({}, fail_at=1)
    >>> store["a"] = b"x"
    >>> store["a"]
    Traceback (most recent call last):
    OSError: operation 1, the reading of 'a', fails as it was told to
    >>> store["a"]
    b'x'
    """

    def __init__(self, inner: Store, fail_at: int | None = None) -> None:
        self.inner = inner
        self.fail_at = fail_at
        self.operations = 0

    def _operation(self, what: str, key: object) -> None:
        number = self.operations
        self.operations += 1
        if number == self.fail_at:
            raise OSError(f"operation {number}, the {what} of {key!r}, fails as it was told to")

    def __getitem__(self, key: Key) -> Any:
        self._operation("reading", key)
        return self.inner[key]

    def __setitem__(self, key: Key, value: Any) -> None:
        self._operation("writing", key)
        self.inner[key] = value

    def __delitem__(self, key: Key) -> None:
        self._operation("deletion", key)
        del self.inner[key]

    def __contains__(self, key: object) -> bool:
        self._operation("finding", key)
        return key in self.inner

    def __iter__(self) -> Iterator[str]:
        return iter(self.inner)

    def __len__(self) -> int:
        return len(self.inner)
