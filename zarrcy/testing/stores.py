"""Stores for tests: one that counts what is asked of it, one in which things go wrong when it is told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping
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
    """A store in which something goes wrong at the n-th operation.

    Reads, writes, deletions and looking for a key are operations; listing keys is none.

    Parameters
    ----------
    inner : the store that does the work
    fail_at : operations until the one that goes wrong; 0 is the next one, None never comes
    fault : what goes wrong. ``"error"``: an `OSError`, and nothing is changed; ``"crash"``: this and all that
        comes after it, as for a program that is killed; ``"truncate"``: half of the value is read or
        written, and nobody says so; ``"flip"``: a bit in the middle of the value is read or written
        wrong. Operations without a value are done as they are where the fault is one of a value
    counted : tells which operations count, by their name and key; all by default. The names are
        ``"reading"``, ``"writing"``, ``"deletion"`` and ``"finding"``

    Attributes
    ----------
    operations : how many there were that count, the failed one included

    Examples
    --------
    >>> store = FaultyStore({}, fail_at=1)
    >>> store["a"] = b"x"
    >>> store["a"]
    Traceback (most recent call last):
    OSError: operation 1, the reading of 'a', fails as it was told to
    >>> store["a"]
    b'x'

    >>> import zarrcy
    >>> torn = FaultyStore({}, 0, "truncate", lambda operation, key: (operation, key) == ("writing", "1"))
    >>> a = zarrcy.array([1, 2, 3, 4], chunks=2, store=torn)
    >>> a[3]
    Traceback (most recent call last):
    zarrcy.errors.ChunkDecodeError: cannot decode chunk '1': codec 'blosc' did not get the 16 bytes of a chunk ...
    """

    def __init__(
        self,
        inner: Store,
        fail_at: int | None = None,
        fault: str = "error",
        counted: Callable[[str, Key], bool] | None = None,
    ) -> None:
        if fault not in _FAULTS:
            raise ValueError(f"fault is {fault!r}; it must be one of {', '.join(map(repr, _FAULTS))}")
        self.inner = inner
        self.fail_at = fail_at
        self.fault = fault
        self.counted = counted
        self.operations = 0

    def _is_due(self, what: str, key: Any) -> bool:
        """Count an operation; does it go wrong, and go on? Raises OSError where it can't."""
        if self.counted is not None and not self.counted(what, key):
            return False
        number = self.operations
        self.operations += 1
        if self.fail_at is None:
            return False
        if number == self.fail_at and self.fault in _OF_VALUES:
            return True
        if (number == self.fail_at and self.fault == "error") or (
            number >= self.fail_at and self.fault == "crash"
        ):
            raise OSError(f"operation {number}, the {what} of {key!r}, fails as it was told to")
        return False

    def __getitem__(self, key: Key) -> Any:
        is_due = self._is_due("reading", key)
        value = self.inner[key]
        return _OF_VALUES[self.fault](bytes(value)) if is_due else value

    def __setitem__(self, key: Key, value: Any) -> None:
        is_due = self._is_due("writing", key)
        self.inner[key] = _OF_VALUES[self.fault](bytes(value)) if is_due else value

    def __delitem__(self, key: Key) -> None:
        self._is_due("deletion", key)
        del self.inner[key]

    def __contains__(self, key: object) -> bool:
        self._is_due("finding", key)
        return key in self.inner

    def __iter__(self) -> Iterator[str]:
        return iter(self.inner)

    def __len__(self) -> int:
        return len(self.inner)


def _truncated(value: bytes) -> bytes:
    return value[: len(value) // 2]


def _flipped(value: bytes) -> bytes:
    at = len(value) // 2
    return value[:at] + bytes([value[at] ^ 0x10]) + value[at + 1 :] if value else value


_OF_VALUES: dict[str, Callable[[bytes], bytes]] = {"truncate": _truncated, "flip": _flipped}
_FAULTS = ("error", "crash", *_OF_VALUES)
