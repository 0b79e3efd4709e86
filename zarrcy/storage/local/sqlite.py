"""A store in one SQLite file: each key a row."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from zarrcy.keys import check_key, normalize_path, prefix_of
from zarrcy.storage.base import Store, flat, slice_of
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.listing import AFTER_SLASH
from zarrcy.storage.local.atomic_files import as_durability, not_written
from zarrcy.types import Buffer

if TYPE_CHECKING:
    import sqlite3

_IN_MEMORY = ":memory:"
_SCHEMA = "CREATE TABLE IF NOT EXISTS zarr(k TEXT PRIMARY KEY, v BLOB)"
_PUT = "REPLACE INTO zarr VALUES (?, ?)"
_DELETE = "DELETE FROM zarr WHERE k = ?"
_MOST_VARIABLES = 500
_SYNCHRONOUS = {"none": "OFF", "data": "FULL", "full": "EXTRA"}


class SQLiteStore(Store):
    """Keys in a table of a SQLite database.

    Each write is a transaction and waits for the disk, so many of them at once (`setitems`, `update`) take far
    less time than one by one. Threads may share a store; each process needs its own.

    Parameters
    ----------
    path : of the database, or ``":memory:"``
    dimension_separator : ``"."`` or ``"/"``, for arrays whose metadata do not say
    durability : as for a `DirectoryStore`, by ``PRAGMA synchronous``: ``"none"`` is OFF, with which a power
        failure may damage the whole database; ``"data"`` is FULL, where the last transaction may be undone;
        ``"full"`` is EXTRA. By default the environment says, or "data"
    **kwargs : passed on to `sqlite3.connect`

    Examples
    --------
    >>> import zarrcy
    >>> with SQLiteStore(":memory:") as store:
    ...     a = zarrcy.array([1, 2, 3], store=store)
    ...     sorted(store)
    ['.zarray', '0']
    """

    consumes_values: ClassVar[bool] = True
    range_gap: int = 16384

    def __init__(
        self,
        path: str | os.PathLike[str],
        dimension_separator: str | None = None,
        durability: str | None = None,
        **kwargs: Any,
    ) -> None:
        path = os.fspath(path)
        if path != _IN_MEMORY and not kwargs.get("uri"):
            path = os.path.abspath(os.path.expanduser(path))
        self.path: str = path
        self.kwargs = kwargs
        self._dimension_separator = dimension_separator
        self.durability = as_durability(durability, default="data")
        self._is_closed = False
        self._connect()

    def _connect(self) -> None:
        # a Python may have been built without it, and to import it takes a while
        import sqlite3

        self.lock = threading.RLock()
        self._pid = os.getpid()
        # autocommit; and threads take turns by our lock
        self._db: sqlite3.Connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, **self.kwargs
        )
        self._db.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[self.durability]}")
        self._db.execute(_SCHEMA)

    @property
    def db(self) -> sqlite3.Connection:
        """The connection. A forked child makes its own, since SQLite allows no other."""
        if self._pid != os.getpid() and not self._is_closed and self.path != _IN_MEMORY:
            # that of the parent is not closed here, which could end a transaction there
            self._inherited = self._db
            self._connect()
        return self._db

    def __reduce__(self) -> tuple[Any, ...]:
        if self.path == _IN_MEMORY:
            raise pickle.PicklingError("a SQLite database in memory can't be pickled; give it a path")
        return partial(type(self), **self.kwargs), (self.path, self._dimension_separator, self.durability)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """KeyLock the lock; keep all that is done inside, or nothing where it fails."""
        db = self.db
        with self.lock, db:
            db.execute("BEGIN IMMEDIATE")
            yield db

    def _ask(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        db = self.db
        with self.lock:
            return db.execute(query, parameters).fetchall()

    # -- values ------------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> bytes:
        rows = self._ask("SELECT v FROM zarr WHERE k = ?", check_key(key))
        if not rows:
            raise KeyError(key)
        value: bytes = rows[0][0]
        return value

    def __setitem__(self, key: str, value: Buffer) -> None:
        row = (check_key(key), flat(value))
        with _naming([key]):
            self._ask(_PUT, *row)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Store `default` if the key is not there, in one step, and return what is there then."""
        row = (check_key(key), flat(default))
        with _naming([key]), self._transaction() as db:
            if db.execute("INSERT OR IGNORE INTO zarr VALUES (?, ?)", row).rowcount:
                return default
            return self[key]

    def __delitem__(self, key: str) -> None:
        db = self.db
        with self.lock:
            if not db.execute(_DELETE, (check_key(key),)).rowcount:
                raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and bool(self._ask("SELECT 1 FROM zarr WHERE k = ?", check_key(key)))

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any] | None = None) -> dict[str, bytes]:
        """Return the values of those `keys` that are there."""
        found: dict[str, bytes] = {}
        for first in range(0, len(keys), _MOST_VARIABLES):
            some = keys[first : first + _MOST_VARIABLES]
            marks = ", ".join("?" * len(some))
            found.update(self._ask(f"SELECT k, v FROM zarr WHERE k IN ({marks})", *some))
        return found

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        """Store all `values`, or none where that fails."""
        rows = [(check_key(key), flat(value)) for key, value in values.items()]
        with _naming(values), self._transaction() as db:
            db.executemany(_PUT, rows)

    def delitems(self, keys: Iterable[str]) -> None:
        """Delete those `keys` that are there."""
        with self._transaction() as db:
            db.executemany(_DELETE, [(key,) for key in keys])

    def update(self, *args: Any, **kwargs: Any) -> None:
        self.setitems(dict(*args, **kwargs))

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[bytes | None]:
        """Return parts of values, without reading the rest."""
        return [self._read_range(key, key_range) for key, key_range in key_ranges]

    def _read_range(self, key: str, key_range: tuple[int, int | None]) -> bytes | None:
        db = self.db
        with self.lock:
            row = db.execute("SELECT rowid FROM zarr WHERE k = ?", (check_key(key),)).fetchone()
            if row is None:
                return None
            # SUBSTR would load the whole value
            with db.blobopen("zarr", "v", row[0], readonly=True) as blob:
                part = slice_of(key_range, len(blob))
                blob.seek(part.start)
                return blob.read(part.stop - part.start)

    # -- keys --------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[str]:
        return iter([key for (key,) in self._ask("SELECT k FROM zarr")])

    def __len__(self) -> int:
        return int(self._ask("SELECT COUNT(*) FROM zarr")[0][0])

    def listdir(self, path: str | None = None) -> list[str]:
        """Return the names directly below `path`, sorted."""
        path = normalize_path(path)
        first, last = _range_below(path)
        names = (
            "SELECT DISTINCT CASE INSTR(name, '/') WHEN 0 THEN name ELSE SUBSTR(name, 1, INSTR(name, '/') - 1) END "
            "FROM (SELECT SUBSTR(k, ?) AS name FROM zarr WHERE k >= ? AND k < ?)"
        )
        return sorted(name for (name,) in self._ask(names, len(prefix_of(path)) + 1, first, last))

    def getsize(self, path: str | None = None) -> int:
        """Return the bytes of the values directly below `path`, or of its own."""
        path = normalize_path(path)
        own = self._ask("SELECT LENGTH(v) FROM zarr WHERE k = ?", path)
        if own:
            return int(own[0][0])
        first, last = _range_below(path)
        direct = (
            "SELECT COALESCE(SUM(LENGTH(v)), 0) FROM zarr "
            "WHERE k >= ? AND k < ? AND INSTR(SUBSTR(k, ?), '/') = 0"
        )
        return int(self._ask(direct, first, last, len(prefix_of(path)) + 1)[0][0])

    def rmdir(self, path: str | None = None) -> None:
        """Delete all keys below `path`."""
        self._ask("DELETE FROM zarr WHERE k >= ? AND k < ?", *_range_below(normalize_path(path)))

    def clear(self) -> None:
        self.rmdir()

    # -- the database ------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the database."""
        self._is_closed = True
        self._db.close()

    def __del__(self) -> None:
        # a connection that nobody closed is told by Python 3.13; that of a parent is not ours to close
        if getattr(self, "_pid", None) == os.getpid():
            self._db.close()

    def __eq__(self, other: object) -> bool:
        if self.path == _IN_MEMORY:
            return self is other
        return isinstance(other, SQLiteStore) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path!r}>"


@contextmanager
def _naming(keys: Collection[str]) -> Iterator[None]:
    """Let an error of the database tell what was not written."""
    try:
        yield
    except Exception as exc:
        exc.add_note(not_written(keys))
        raise


def _range_below(path: str) -> tuple[str, str]:
    """Return the first key that can be below `path`, and the first that can be no more."""
    return (prefix_of(path), path + AFTER_SLASH) if path else ("", chr(0x10FFFF))
