"""A store in any object store that obstore opens: S3, Google Cloud Storage, Azure, HTTP, memory, a directory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from zarrcy.errors import ReadOnlyError
from zarrcy.keys import check_key, normalize_path, prefix_of
from zarrcy.storage.access import as_bytes
from zarrcy.storage.base import Store, check_ranges, flat, slice_of
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.optional import import_optional
from zarrcy.storage.remote.concurrent import map_requests
from zarrcy.types import Buffer

# An answer of these comes sooner than a thread wakes up.
_NEAR = {"LocalStore", "MemoryStore"}


class ObjectStore(Store):
    """Keys as objects in a store of obstore.

    Many keys are asked for and stored at once. Many ranges of one value are one call, in which
    obstore joins those that lie close together.

    Needs ``zarrcy[obstore]``. Can be pickled if the store of obstore can.

    Parameters
    ----------
    store : made by one of the classes in `obstore.store`, or by `obstore.store.from_url`
    dimension_separator : "." or "/", for arrays whose metadata do not say
    read_only : refuse changes

    Examples
    --------
    >>> import obstore, zarrcy
    >>> store = ObjectStore(obstore.store.MemoryStore())
    >>> a = zarrcy.array([1, 2, 3], store=store, path="a")
    >>> store.listdir("a")
    ['.zarray', '0']
    """

    consumes_values: ClassVar[bool] = True

    def __init__(self, store: Any, dimension_separator: str | None = None, read_only: bool = False) -> None:
        self._obstore = import_optional("obstore", "obstore", "ObjectStore")
        # a folder in which nothing is left must not be listed as if there were
        self.store = _tidying(store) if type(store).__name__ == "LocalStore" else store
        self.read_only = read_only
        self._dimension_separator = dimension_separator
        self._ask_all: Any = _one_by_one if type(store).__name__ in _NEAR else _many_at_once

    def __getstate__(self) -> dict[str, Any]:
        state = {"read_only": self.read_only, "dimension_separator": self._dimension_separator}
        return {"store": self.store, **state}

    def __setstate__(self, state: dict[str, Any]) -> None:
        ObjectStore.__init__(self, **state)

    def is_writeable(self) -> bool:
        """Can values be written?"""
        return not self.read_only

    def _refuse_read_only(self) -> None:
        if self.read_only:
            raise ReadOnlyError(repr(self.store))

    # -- one key -----------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self._obstore.get(self.store, check_key(key)).bytes().to_bytes()
        except (FileNotFoundError, self._obstore.exceptions.GenericError) as exc:
            _refuse_trouble(exc)
            return default

    def __getitem__(self, key: str) -> bytes:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value  # type: ignore[no-any-return]

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._refuse_read_only()
        self._obstore.put(self.store, check_key(key), as_bytes(flat(value)))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Store `default` if the key is not there, and return what is there then.

        Of several writers at once one stores its value, if the server can do that in one step.
        """
        self._refuse_read_only()
        # servers that do not know the condition would overwrite the value, so it is looked for before
        if key not in self:
            try:
                self._obstore.put(self.store, key, as_bytes(flat(default)), mode="create")
            except (FileExistsError, self._obstore.exceptions.AlreadyExistsError):
                return self[key]
            return default
        return self[key]

    def __delitem__(self, key: str) -> None:
        self._refuse_read_only()
        if key not in self:
            raise KeyError(key)
        self._obstore.delete(self.store, key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._size(check_key(key)) is not None

    def _size(self, key: str) -> int | None:
        try:
            return int(self._obstore.head(self.store, key)["size"])
        except (FileNotFoundError, self._obstore.exceptions.GenericError) as exc:
            _refuse_trouble(exc)
            return None

    def __iter__(self) -> Iterator[str]:
        return iter(self._below(""))

    def __len__(self) -> int:
        return len(self._below(""))

    def _below(self, path: str) -> list[str]:
        """Return all keys below a path."""
        return [entry["path"] for part in self._obstore.list(self.store, path or None) for entry in part]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectStore) and bool(self.store == other.store)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} around {self.store!r}>"

    # -- many keys ---------------------------------------------------------------------------------

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any] | None = None) -> dict[str, bytes]:
        """Return the values of those `keys` that are there; `contexts` has no effect."""
        values = self._ask_all(self.get, keys)
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        """Store all `values`."""
        self._ask_all(lambda item: self.__setitem__(*item), values.items())

    def delitems(self, keys: Iterable[str]) -> None:
        """Delete those `keys` that are there."""
        self._refuse_read_only()
        keys = [check_key(key) for key in keys]
        try:
            self._obstore.delete(self.store, keys)
        except FileNotFoundError:
            # it may have stopped at the first that is not there
            for key in keys:
                self._discard(key)

    def _discard(self, key: str) -> None:
        try:
            self._obstore.delete(self.store, key)
        except FileNotFoundError:
            return

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[bytes | None]:
        """Return parts of values; see `zarrcy.storage.capabilities.ReadsRanges`."""
        check_ranges(key_ranges)
        wanted: dict[str, list[tuple[int, int | None]]] = {}
        for key, part in key_ranges:
            wanted.setdefault(check_key(key), []).append(part)
        parts = dict(zip(wanted, self._ask_all(lambda item: self._parts(*item), wanted.items()), strict=True))
        # each key's parts in the order in which they were asked for
        queues = {key: iter(found) for key, found in parts.items()}
        return [next(queues[key]) for key, _ in key_ranges]

    def _parts(self, key: str, ranges: list[tuple[int, int | None]]) -> list[bytes | None]:
        """Return parts of one value."""
        if all(start >= 0 and nbytes for start, nbytes in ranges):
            starts, lengths = zip(*ranges, strict=True)
            try:
                found = self._obstore.get_ranges(self.store, key, starts=starts, lengths=lengths)
                return [part.to_bytes() for part in found]
            except FileNotFoundError:
                return [None] * len(ranges)
            except self._obstore.exceptions.BaseError:
                # one that begins behind the end is an error for all of them
                pass
        size = self._size(key)
        if size is None:
            return [None] * len(ranges)
        cuts = [slice_of(part, size) for part in ranges]
        filled = [cut for cut in cuts if cut.start < cut.stop]
        found = iter(
            self._obstore.get_ranges(
                self.store, key, starts=[cut.start for cut in filled], ends=[cut.stop for cut in filled]
            )
            if filled
            else ()
        )
        return [next(found).to_bytes() if cut.start < cut.stop else b"" for cut in cuts]

    # -- what lies below a path --------------------------------------------------------------------

    def listdir(self, path: str | None = None) -> list[str]:
        """Return the names directly below `path`, sorted; none if there is no such path."""
        path = normalize_path(path)
        listed = self._obstore.list_with_delimiter(self.store, path or None)
        below = listed["common_prefixes"] + [entry["path"] for entry in listed["objects"]]
        return sorted({key[len(prefix_of(path)) :] for key in below})

    def rmdir(self, path: str | None = None) -> None:
        """Delete all keys below `path`."""
        self._refuse_read_only()
        self.delitems(self._below(normalize_path(path)))

    def rename(self, src_path: str, dst_path: str) -> None:
        """Move the key `src_path`, and all keys below it, to `dst_path`."""
        self._refuse_read_only()
        src, dst = normalize_path(src_path), normalize_path(dst_path)
        keys = self._below(src) + [key for key in (src,) if key and key in self]
        if not keys:
            raise KeyError(src_path)
        self._ask_all(lambda key: self._obstore.rename(self.store, key, dst + key[len(src) :]), keys)

    def getsize(self, path: str | None = None) -> int:
        """Return the bytes of the values directly below `path`, or of the value that is its key."""
        path = normalize_path(path)
        own = self._size(path) if path else None
        if own is not None:
            return own
        listed = self._obstore.list_with_delimiter(self.store, path or None)
        return sum(entry["size"] for entry in listed["objects"])

    def clear(self) -> None:
        self.rmdir()


def _tidying(store: Any) -> Any:
    return type(store)(store.prefix, automatic_cleanup=True)


def _refuse_trouble(exc: Exception) -> None:
    """Raise an error again, unless it means that a key is not there."""
    # a file stands where the key would need a folder: obstore has no class for that
    if not isinstance(exc, FileNotFoundError) and "(os error 20)" not in str(exc):
        raise exc


def _one_by_one(question: Any, items: Iterable[Any]) -> list[Any]:
    return [question(item) for item in items]


def _many_at_once(question: Any, items: Iterable[Any]) -> list[Any]:
    return map_requests(question, items, at_once=32)
