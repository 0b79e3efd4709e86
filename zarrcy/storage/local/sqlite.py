"""A store in a SQLite database. Each key is a row."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from zarrcy.errors import ValueLengthError
from zarrcy.keys import check_key, is_key, normalize_path, prefix_of
from zarrcy.storage import access
from zarrcy.storage.base import Items, Store, flat, slice_of
from zarrcy.storage.byte_ranges import agreed_versions, parts_of_one_version
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.listing import AFTER_SLASH
from zarrcy.storage.local.atomic_files import as_durability, not_written, path_identities
from zarrcy.storage.optional import Option
from zarrcy.sync import key_locks
from zarrcy.sync.key_locks import AtLast
from zarrcy.types import JSON, Buffer

if TYPE_CHECKING:
    import sqlite3

_IN_MEMORY = ":memory:"
_SCHEMA = "CREATE TABLE IF NOT EXISTS zarr(k TEXT PRIMARY KEY, v BLOB)"
_PUT = "REPLACE INTO zarr VALUES (?, ?)"
_DELETE = "DELETE FROM zarr WHERE k = ?"
# It is executed inside ``with self.lock, db``: compiled context managers, which an exception of a signal handler cannot
# leave open. What follows is committed as a whole, or not at all if it fails.
_BEGIN = "BEGIN IMMEDIATE"
_BEGIN_READ = "BEGIN"
_MOST_VARIABLES = 500
_SYNCHRONOUS = {"none": "OFF", "data": "FULL", "full": "EXTRA"}


class SQLiteStore(Store):
    """Store in a table of a SQLite database.

    Each write is a transaction and waits for the disk, so writing many values together (`setitems`, `update`) is
    much faster than one by one. Threads may share a store; each process needs its own.

    Parameters
    ----------
    path : str or os.PathLike
        Path of the database, or ``":memory:"``.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.
    durability : {"none", "data", "full"}, optional
        See `DirectoryStore`. It sets ``PRAGMA synchronous``. "none" is OFF, so a power failure may damage the whole
        database. "data" is FULL, so a power failure may undo the last transaction. "full" is EXTRA. The default is
        ``ZARRCY_DURABILITY`` from the environment, or "data".
    **kwargs : Option
        Arguments of `sqlite3.connect`.

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
        **kwargs: Option,
    ) -> None:
        path = os.fspath(path)
        if path != _IN_MEMORY and not kwargs.get("uri"):
            path = os.path.abspath(os.path.expanduser(path))
        self.path: str = path
        self.kwargs = kwargs
        self._dimension_separator = dimension_separator
        self.durability = as_durability(durability, default="data")
        self._is_closed = False
        # the connections of the parent processes, in a forked child
        self._inherited: list[sqlite3.Connection] = []
        self.new_locks()
        key_locks.hold_in_forks(self)
        with self.lock:
            self._connect()

    def new_locks(self) -> None:
        """Replace the lock by a new one, which is free. Called in a forked child."""
        self.lock = threading.RLock()

    def call_lock(self) -> threading.RLock:
        """Return the lock that each call holds. A fork waits for it.

        Returns
        -------
        threading.RLock
            The lock.
        """
        return self.lock

    def _connect(self) -> None:
        # the import takes time, and some builds of Python do not have the module
        import sqlite3

        # autocommit mode; the lock lets one thread at a time use the connection
        self._db: sqlite3.Connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, **self.kwargs
        )
        # Python 3.13 warns about a connection that is not closed; a parent's connection must stay open
        self._at_last = AtLast(self._db.close)
        self._db.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[self.durability]}")
        self._db.execute(_SCHEMA)
        # at last: until then, other threads of a forked child wait for the lock
        self._pid = os.getpid()

    @property
    def db(self) -> sqlite3.Connection:
        """The connection. A forked child opens its own, because SQLite does not allow it to use its parent's."""
        if self._pid != os.getpid() and self.path != _IN_MEMORY:
            with self.lock:
                if self._pid != os.getpid() and not self._is_closed:
                    # keep the parent's connection open here: closing it could end a transaction of the parent
                    self._inherited.append(self._db)
                    self._connect()
        return self._db

    def __reduce__(self) -> tuple[partial[SQLiteStore], tuple[str, str | None, str]]:
        if self.path == _IN_MEMORY:
            raise pickle.PicklingError(
                "a SQLite database in memory can't be pickled; create the store with a path"
            )
        return partial(type(self), **self.kwargs), (self.path, self._dimension_separator, self.durability)

    def _query(self, query: str, *parameters: str | int | Buffer) -> list[tuple[Buffer, ...]]:
        """Execute a statement and return all rows."""
        db = self.db
        with self.lock:
            return db.execute(query, parameters).fetchall()

    # -- values ------------------------------------------------------------------------------------

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return names made of the real path and of the inode of the database."""
        if self.path == _IN_MEMORY:
            return (f"memory:{id(self)}/{prefix}",)
        return tuple(f"{name}{prefix}" for name in path_identities(self.path))

    def __getitem__(self, key: str) -> bytes:
        rows = self._query("SELECT v FROM zarr WHERE k = ?", check_key(key))
        if not rows:
            raise KeyError(key)
        value: bytes = rows[0][0]
        return value

    def __setitem__(self, key: str, value: Buffer) -> None:
        row = (check_key(key), flat(value))
        with _naming([key]):
            self._query(_PUT, *row)

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        """Store `default` if the key does not exist, atomically, and return the stored value."""
        row = (check_key(key), flat(default))
        db = self.db
        with _naming([key]), self.lock, db:
            _begin(db, _BEGIN)
            if db.execute("INSERT OR IGNORE INTO zarr VALUES (?, ?)", row).rowcount:
                return default
            return self[key]

    def __delitem__(self, key: str) -> None:
        db = self.db
        with self.lock:
            if not db.execute(_DELETE, (check_key(key),)).rowcount:
                raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return is_key(key) and bool(self._query("SELECT 1 FROM zarr WHERE k = ?", key))

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, JSON] | None = None
    ) -> dict[str, bytes]:
        values: dict[str, bytes] = {}
        for first in range(0, len(keys), _MOST_VARIABLES):
            some = keys[first : first + _MOST_VARIABLES]
            marks = ", ".join("?" * len(some))
            values.update(self._query(f"SELECT k, v FROM zarr WHERE k IN ({marks})", *some))
        return values

    def read_values(self, keys: Sequence[str], most: int = -1, strict: bool = True) -> list[bytes | None]:
        """Return the values of `keys`; see `zarrcy.storage.capabilities.ReadsManyValues`."""
        if most < 0:
            found = self.getitems(keys)
            return [found.get(key) for key in keys]
        values: dict[str, bytes] = {}
        for first in range(0, len(keys), _MOST_VARIABLES - 1):
            some = keys[first : first + _MOST_VARIABLES - 1]
            marks = ", ".join("?" * len(some))
            # the database knows the length of a value without loading it
            some_values = f"FROM zarr WHERE k IN ({marks}) AND length(v)"
            rows = self._query(f"SELECT k, v {some_values} <= ?", *some, most)
            if len(rows) < len(some):
                for key, nbytes in self._query(f"SELECT k, length(v) {some_values} > ?", *some, most):
                    raise ValueLengthError(key, nbytes, most)
            values.update(rows)
        return [values.get(key) for key in keys]

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        """Store all `values`, or none of them if that fails."""
        rows = [(check_key(key), flat(value)) for key, value in values.items()]
        db = self.db
        with _naming(values), self.lock, db:
            _begin(db, _BEGIN)
            db.executemany(_PUT, rows)

    def delitems(self, keys: Iterable[str]) -> None:
        db = self.db
        with self.lock, db:
            _begin(db, _BEGIN)
            db.executemany(_DELETE, [(key,) for key in keys])

    def update(self, *args: Items, **kwargs: Buffer) -> None:
        self.setitems(dict(*args, **kwargs))

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[Buffer | None]:
        """Return parts of values without reading the whole values; see `zarrcy.storage.capabilities.ReadsRanges`."""
        return parts_of_one_version(self, key_ranges, access.reader(self))

    def get_versioned_values(
        self, key_ranges: Sequence[KeyRange], versions: Mapping[str, Hashable]
    ) -> tuple[list[bytes | None], dict[str, Hashable]]:
        """Return parts of values, of one version of each value; see `zarrcy.storage.capabilities.ReadsVersions`.

        The version changes with each change of the database. It is not looked up for a single part.
        """
        if len(key_ranges) == 1 and not versions:
            return [self._read_range(*key_ranges[0])], {}
        with self.lock:
            before = self._version()
            parts = [self._read_range(key, key_range) for key, key_range in key_ranges]
            after = self._version()
        seen = [(key, version) for key, _ in key_ranges for version in (before, after)]
        return parts, agreed_versions(versions, seen)

    def _version(self) -> tuple[int, int]:
        """Return two numbers: changes of other connections change the first, changes of this one the second."""
        (data_version,) = self.db.execute("PRAGMA data_version").fetchone()
        return int(data_version), self.db.total_changes

    def _read_range(self, key: str, key_range: tuple[int, int | None]) -> bytes | None:
        db = self.db
        with self.lock:
            try:
                return _read_blob(db, check_key(key), key_range)
            except db.OperationalError:
                # another connection may have replaced the value between two steps; a transaction prevents that
                with db:
                    _begin(db, _BEGIN_READ)
                    return _read_blob(db, key, key_range)

    # -- keys --------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[str]:
        return iter([key for (key,) in self._query("SELECT k FROM zarr")])

    def __len__(self) -> int:
        return int(self._query("SELECT COUNT(*) FROM zarr")[0][0])

    def listdir(self, path: str | None = None) -> list[str]:
        path = normalize_path(path)
        first, last = _range_below(path)
        names = (
            "SELECT DISTINCT CASE INSTR(name, '/') WHEN 0 THEN name ELSE SUBSTR(name, 1, INSTR(name, '/') - 1) END "
            "FROM (SELECT SUBSTR(k, ?) AS name FROM zarr WHERE k >= ? AND k < ?)"
        )
        return sorted(name for (name,) in self._query(names, len(prefix_of(path)) + 1, first, last))

    def getsize(self, path: str | None = None) -> int:
        path = normalize_path(path)
        own = self._query("SELECT LENGTH(v) FROM zarr WHERE k = ?", path)
        if own:
            return int(own[0][0])
        first, last = _range_below(path)
        direct = (
            "SELECT COALESCE(SUM(LENGTH(v)), 0) FROM zarr "
            "WHERE k >= ? AND k < ? AND INSTR(SUBSTR(k, ?), '/') = 0"
        )
        return int(self._query(direct, first, last, len(prefix_of(path)) + 1)[0][0])

    def rmdir(self, path: str | None = None) -> None:
        self._query("DELETE FROM zarr WHERE k >= ? AND k < ?", *_range_below(normalize_path(path)))

    def clear(self) -> None:
        self.rmdir()

    # -- the database ------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the database. Other threads must not begin to use it; those that use it are waited for."""
        with self.lock:
            self._is_closed = True
            self._db.close()

    def __eq__(self, other: object) -> bool:
        if self.path == _IN_MEMORY:
            return self is other
        return isinstance(other, SQLiteStore) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path!r}>"


def _begin(db: sqlite3.Connection, statement: str) -> None:
    """Begin a transaction, unless a signal handler calls this during a transaction of its thread."""
    if not db.in_transaction:
        db.execute(statement)


def _read_blob(db: sqlite3.Connection, key: str, key_range: tuple[int, int | None]) -> bytes | None:
    row = db.execute("SELECT rowid FROM zarr WHERE k = ?", (key,)).fetchone()
    if row is None:
        return None
    # SUBSTR would load the whole value
    with db.blobopen("zarr", "v", row[0], readonly=True) as blob:
        part = slice_of(key_range, len(blob))
        blob.seek(part.start)
        return blob.read(part.stop - part.start)


@contextmanager
def _naming(keys: Collection[str]) -> Iterator[None]:
    """Add a note with the keys that were not written to an error of the database."""
    try:
        yield
    except Exception as exc:
        exc.add_note(not_written(keys))
        raise


def _range_below(path: str) -> tuple[str, str]:
    """Return the first possible key below `path`, and the first key after all of these."""
    return (prefix_of(path), path + AFTER_SLASH) if path else ("", chr(0x10FFFF))
