"""Stores for tests: one that counts its operations, and one that fails at a given operation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping

from zarrcy.types import Buffer, Key, Store


class CountingStore(MutableMapping[str, bytes]):
    """A store in memory that counts its operations, separately for chunks and metadata documents.

    Attributes
    ----------
    values : dict of str to bytes
        Keys and values. Access to it is not counted.
    counts : collections.Counter
        Number of operations, by operation ("get", "set" or "delete") and kind of value ("chunk" or "document").

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

    def _count(self, operation: str, key: Key) -> None:
        name = key.rsplit("/", 1)[-1]
        is_document = name.startswith(".z") or name == "zarr.json"
        self.counts[operation, "document" if is_document else "chunk"] += 1

    def __getitem__(self, key: Key) -> bytes:
        self._count("get", key)
        return self.values[key]

    def __setitem__(self, key: Key, value: bytes) -> None:
        self._count("set", key)
        if type(value) is not bytes:
            raise TypeError(
                f"value of {key!r} is a {type(value).__name__}; a store that keeps values must get bytes"
            )
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
        """Number of chunks that were read, including missing ones."""
        return self.counts["get", "chunk"]

    @property
    def sets(self) -> int:
        """Number of chunks that were written."""
        return self.counts["set", "chunk"]


class FaultyStore(MutableMapping[str, Buffer]):
    """A store that fails at a given operation.

    Reading, writing, deleting and looking for a key are operations. Listing keys is not counted.

    Parameters
    ----------
    inner : mapping of str to bytes
        The store that holds the values.
    fail_at : int, optional
        Number of operations before the one that fails: 0 is the first operation. None never fails.
    fault : {"error", "crash", "unanswered", "interrupt", "truncate", "flip"}, default "error"
        How the operation fails. "error" raises OSError and changes nothing. "crash" also fails at every later
        operation, like a program that was killed. "unanswered" carries a writing or a deletion out and raises OSError,
        like a server whose answer is lost. "interrupt" raises KeyboardInterrupt. "truncate" silently reads or writes
        the first half of the value. "flip" silently changes a bit in the middle of the value. Operations without a
        value ignore the last two.
    counted : callable, optional
        Called with the name of an operation and a key; returns whether the operation is counted. The names are
        "reading", "writing", "deletion" and "finding". By default all operations are counted.

    Attributes
    ----------
    operations : int
        Number of counted operations, including the failed one.

    Raises
    ------
    ValueError
        If `fault` is not one of these names.

    Examples
    --------
    >>> store = FaultyStore({}, fail_at=1)
    >>> store["a"] = b"x"
    >>> store["a"]
    Traceback (most recent call last):
    OSError: operation 1, the reading of 'a', fails on request
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

    def _changes_value(self, operation: str, key: Key) -> bool:
        """Count an operation, and return whether it must change the value.

        Raises
        ------
        OSError, KeyboardInterrupt
            If the operation must fail.
        """
        if self.counted is not None and not self.counted(operation, key):
            return False
        number = self.operations
        self.operations += 1
        if self.fail_at is None:
            return False
        if number == self.fail_at and self.fault in _CHANGES:
            return True
        if number == self.fail_at or (number > self.fail_at and self.fault == "crash"):
            message = f"operation {number}, the {operation} of {key!r}, fails on request"
            if self.fault == "interrupt":
                raise KeyboardInterrupt(message)
            if self.fault == "unanswered" and operation in ("writing", "deletion"):
                raise _UnansweredError(message)
            raise OSError(message)
        return False

    def __getitem__(self, key: Key) -> Buffer:
        changes = self._changes_value("reading", key)
        value: Buffer = self.inner[key]
        return _CHANGES[self.fault](bytes(value)) if changes else value

    def __setitem__(self, key: Key, value: Buffer) -> None:
        try:
            changes = self._changes_value("writing", key)
        except _UnansweredError:
            self.inner[key] = value
            raise
        self.inner[key] = _CHANGES[self.fault](bytes(value)) if changes else value

    def __delitem__(self, key: Key) -> None:
        try:
            self._changes_value("deletion", key)
        except _UnansweredError:
            del self.inner[key]
            raise
        del self.inner[key]

    def __contains__(self, key: object) -> bool:
        self._changes_value("finding", str(key))
        return key in self.inner

    def __iter__(self) -> Iterator[str]:
        return iter(self.inner)

    def __len__(self) -> int:
        return len(self.inner)


class _UnansweredError(OSError):
    """An operation was carried out, but its caller does not learn that."""


def _truncated(value: bytes) -> bytes:
    return value[: len(value) // 2]


def _flipped(value: bytes) -> bytes:
    middle = len(value) // 2
    return value[:middle] + bytes([value[middle] ^ 0x10]) + value[middle + 1 :] if value else value


# Fault -> how it changes a value.
_CHANGES: dict[str, Callable[[bytes], bytes]] = {"truncate": _truncated, "flip": _flipped}
_FAULTS = ("error", "crash", "unanswered", "interrupt", *_CHANGES)
