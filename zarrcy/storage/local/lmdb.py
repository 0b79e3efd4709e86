"""A store in an LMDB database: a B+ tree in a memory map, with transactions."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar
from weakref import WeakValueDictionary

from zarrcy.errors import KeyPathError
from zarrcy.keys import check_key, normalize_path, prefix_of
from zarrcy.storage import optional
from zarrcy.storage.base import Store, flat, slice_of
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.listing import AFTER_SLASH
from zarrcy.storage.local.atomic_files import as_durability, not_written
from zarrcy.types import Buffer


class LMDBStore(Store):
    """Keys in an LMDB database. Needs ``zarrcy[lmdb]``.

    Any number of threads and processes may read while one writes, and each write is a transaction. By
    default values are handed to the operating system when they are stored, and are on disk after `flush`
    or `close`. A key has at most 511 bytes.

    Parameters
    ----------
    path : of the database: a directory, unless ``subdir=False``
    buffers : kept for users of zarr-python 2; has no effect, since a buffer of LMDB's may change as soon
        as something else is written
    dimension_separator : ``"."`` or ``"/"``, for arrays whose metadata do not say
    durability : as for a `DirectoryStore`, by LMDB's own ``sync`` and ``metasync``, which are used where they
        are given: ``"none"`` sets neither, and a power failure may damage the whole database; ``"data"`` sets
        ``sync``, where the last transactions may be undone; ``"full"`` sets both. By default the environment
        says, or "none"
    **kwargs : passed on to `lmdb.open`; among them ``map_size``, the most that the database may ever
        hold, in bytes: 1 TiB by default

    Examples
    --------
    >>> import os, tempfile, zarrcy
    >>> folder = tempfile.TemporaryDirectory()
    >>> with LMDBStore(os.path.join(folder.name, "a.lmdb")) as store:
    ...     a = zarrcy.array([1, 2, 3], store=store)
    ...     sorted(store)
    ['.zarray', '0']
    >>> folder.cleanup()
    """

    consumes_values: ClassVar[bool] = True
    range_gap: int = 4096

    def __init__(
        self,
        path: str | os.PathLike[str],
        buffers: bool = True,
        dimension_separator: str | None = None,
        durability: str | None = None,
        **kwargs: Any,
    ) -> None:
        # more than fits on most disks: files are sparse, and LMDB's own limit of 10 MiB is soon reached
        kwargs.setdefault("map_size", 2**40 if sys.maxsize >= 2**32 else 2**28)
        # to write through the map needs sparse files too
        kwargs.setdefault("writemap", sys.platform.startswith("linux"))
        # by default what is written is not waited for at each value, but in flush() and close()
        asked = as_durability(durability)
        kwargs.setdefault("sync", asked != "none")
        kwargs.setdefault("metasync", asked == "full")
        for option in ("map_async", "meminit"):
            kwargs.setdefault(option, False)
        self.durability = "none" if not kwargs["sync"] else "full" if kwargs["metasync"] else "data"
        kwargs.setdefault("max_spare_txns", os.cpu_count() or 1)
        self.path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        self.buffers = buffers
        self.kwargs = kwargs
        self._dimension_separator = dimension_separator
        self._open()

    def _open(self) -> None:
        self._environment: _Environment | None = _shared_environment(self.path, self.kwargs)
        self._pid = os.getpid()

    @property
    def db(self) -> Any:
        """The `lmdb.Environment`. A forked child opens its own: LMDB allows no other."""
        if self._environment is None:
            raise ValueError(f"the LMDB database {self.path!r} is closed")
        if self._pid != os.getpid():
            self._open()
        return self._environment.db

    def __reduce__(self) -> tuple[Any, ...]:
        if self._environment is not None:
            self.flush()
        return partial(type(self), **self.kwargs), (self.path, self.buffers, self._dimension_separator)

    def is_writeable(self) -> bool:
        return not self.kwargs.get("readonly", False)

    # -- values ------------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> bytes:
        with self.db.begin() as transaction:
            value: bytes | None = transaction.get(_encoded(key))
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Buffer) -> None:
        self.setitems({key: value})

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Store `default` if the key is not there, in one step, and return what is there then."""
        with self.db.begin(write=True) as transaction:
            if transaction.put(_encoded(key), flat(default), overwrite=False):
                return default
            return transaction.get(_encoded(key))

    def __delitem__(self, key: str) -> None:
        with self.db.begin(write=True) as transaction:
            if not transaction.delete(_encoded(key)):
                raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        with self.db.begin(buffers=True) as transaction:
            return transaction.get(_encoded(key)) is not None

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any] | None = None) -> dict[str, bytes]:
        """Return the values of those `keys` that are there, all from the same moment."""
        with self.db.begin() as transaction:
            found = {key: transaction.get(_encoded(key)) for key in keys}
        return {key: value for key, value in found.items() if value is not None}

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        """Store all `values`, or none where that fails."""
        try:
            with self.db.begin(write=True) as transaction:
                for key, value in values.items():
                    transaction.put(_encoded(key), flat(value))
        except Exception as exc:
            exc.add_note(not_written(values))
            raise

    def delitems(self, keys: Iterable[str]) -> None:
        """Delete those `keys` that are there."""
        with self.db.begin(write=True) as transaction:
            for key in keys:
                transaction.delete(_encoded(key))

    def update(self, *args: Any, **kwargs: Any) -> None:
        self.setitems(dict(*args, **kwargs))

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[bytes | None]:
        """Return parts of values, all from the same moment, without reading the rest."""
        with self.db.begin(buffers=True) as transaction:
            return [_part(transaction.get(_encoded(key)), key_range) for key, key_range in key_ranges]

    # -- keys --------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[str]:
        with self.db.begin() as transaction, transaction.cursor() as cursor:
            return iter([key.decode() for key in cursor.iternext(values=False)])

    def __len__(self) -> int:
        return int(self.db.stat()["entries"])

    def listdir(self, path: str = "") -> list[str]:
        """Return the names directly below `path`, sorted."""
        return sorted(self._sizes(path))

    def getsize(self, path: str = "") -> int:
        """Return the bytes of the values directly below `path`, or of its own."""
        path = normalize_path(path)
        if path:
            with self.db.begin(buffers=True) as transaction:
                value = transaction.get(_encoded(path))
                if value is not None:
                    return len(value)
        return sum(self._sizes(path).values())

    def _sizes(self, path: str) -> dict[str, int]:
        """Return the names directly below `path`, with the size of the value of each.

        Keys are sorted, so all that is below a name is passed over with one look at the tree.
        """
        prefix = prefix_of(normalize_path(path)).encode()
        sizes: dict[str, int] = {}
        with self.db.begin(buffers=True) as transaction, transaction.cursor() as cursor:
            is_there = cursor.set_range(prefix) if prefix else cursor.first()
            while is_there:
                key = bytes(cursor.key())
                if not key.startswith(prefix):
                    break
                name, slash, _ = key[len(prefix) :].partition(b"/")
                if slash:
                    sizes.setdefault(name.decode(), 0)
                    is_there = cursor.set_range(prefix + name + AFTER_SLASH.encode())
                else:
                    sizes[name.decode()] = len(cursor.value())
                    is_there = cursor.next()
        return sizes

    def rmdir(self, path: str = "") -> None:
        """Delete all keys below `path`; all of them, or none where that fails."""
        prefix = prefix_of(normalize_path(path)).encode()
        with self.db.begin(write=True) as transaction, transaction.cursor() as cursor:
            is_there = cursor.set_range(prefix) if prefix else cursor.first()
            while is_there and cursor.key().startswith(prefix):
                is_there = cursor.delete()

    def clear(self) -> None:
        self.rmdir()

    # -- the database ------------------------------------------------------------------------------

    def flush(self) -> None:
        """Wait until all that was stored is on disk."""
        if self.is_writeable():
            self.db.sync(True)

    def close(self) -> None:
        """Wait until all that was stored is on disk, and close the database."""
        if self._environment is not None:
            self.flush()
            self._environment = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LMDBStore) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path!r}>"


_LONGEST_KEY = 511


def _encoded(key: str) -> bytes:
    encoded = check_key(key).encode()
    if len(encoded) > _LONGEST_KEY:
        raise KeyPathError(key, f"it has {len(encoded)} bytes; LMDB allows {_LONGEST_KEY}")
    return encoded


def _part(value: Any, key_range: tuple[int, int | None]) -> bytes | None:
    return None if value is None else bytes(value[slice_of(key_range, len(value))])


# -- environments ----------------------------------------------------------------------------------


class _Environment:
    """An open database. A process may open one only once, so its stores share it; the last closes it."""

    def __init__(self, path: str, kwargs: dict[str, Any]) -> None:
        self.kwargs = kwargs
        self.db = optional.load("lmdb", "lmdb", "LMDBStore").open(path, **kwargs)

    def __del__(self) -> None:
        if hasattr(self, "db"):
            self.db.close()


_environments: WeakValueDictionary[str, _Environment] = WeakValueDictionary()
_lock = threading.Lock()


def _shared_environment(path: str, kwargs: dict[str, Any]) -> _Environment:
    path = os.path.realpath(path)
    with _lock:
        found = _environments.get(path)
        if found is None or found.kwargs != kwargs:
            # with other options LMDB refuses while it is open, and says so
            found = _environments[path] = _Environment(path, kwargs)
        return found


def _forget_environments() -> None:
    """Close what a forked child has from its parent: it can't be used there, and would bar the way."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    for environment in list(_environments.values()):
        environment.db.close()
    _environments.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_environments)
