"""A store in a database of the dbm family: gdbm, ndbm, Berkeley DB, or the pure-Python ``dbm.dumb``."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import ClassVar

from zarrcy.errors import ReadOnlyError
from zarrcy.keys import check_key, is_key, normalize_path
from zarrcy.storage.base import Store, flat
from zarrcy.storage.listing import sizes_below
from zarrcy.storage.local.atomic_files import path_identities
from zarrcy.storage.optional import Client, Option
from zarrcy.sync import key_locks
from zarrcy.types import Buffer


class DBMStore(Store):
    """Store in a dbm database.

    Only one process at a time should write. Threads may share a store if the backend allows it. The default
    backend of Python 3.13, ``dbm.sqlite3``, does not; use a `SQLiteStore` instead.

    Parameters
    ----------
    path : str or os.PathLike
        Path of the database. Some backends add an ending to the file name.
    flag : {"c", "r", "w", "n"}, default "c"
        "r" reads; "w" reads and writes; "c" also creates the database if it does not exist; "n" always creates a
        new database.
    mode : int, default 0o666
        Permissions of new files.
    open : callable, optional
        Opens the database: ``open(path, flag, mode, **open_kwargs)``. The default is `dbm.open`.
    write_lock : bool, default True
        Let only one thread at a time use the database.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.
    **open_kwargs : Option
        Arguments of `open`.

    See Also
    --------
    SQLiteStore : Store in a SQLite database, which threads can share.

    Examples
    --------
    >>> import dbm.dumb, os, tempfile, zarrcy
    >>> folder = tempfile.TemporaryDirectory()
    >>> with DBMStore(os.path.join(folder.name, "a.db"), open=dbm.dumb.open) as store:
    ...     a = zarrcy.array([1, 2, 3], store=store)
    ...     sorted(store)
    ['.zarray', '0']
    >>> folder.cleanup()
    """

    consumes_values: ClassVar[bool] = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        flag: str = "c",
        mode: int = 0o666,
        open: Callable[..., Client] | None = None,
        write_lock: bool = True,
        dimension_separator: str | None = None,
        **open_kwargs: Option,
    ) -> None:
        import dbm

        self.path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        self.flag = flag
        self.mode = mode
        default: Callable[..., Client] = dbm.open
        self.open = default if open is None else open
        self.write_lock = write_lock
        self.open_kwargs = open_kwargs
        self._dimension_separator = dimension_separator
        self.new_locks()
        key_locks.hold_in_forks(self)
        self._is_closed = False
        self.db = self.open(self.path, flag, mode, **open_kwargs)

    def new_locks(self) -> None:
        """Replace the lock by a new one, which is free. Called in a forked child."""
        self._calls = threading.RLock() if self.write_lock else None
        self.write_mutex: AbstractContextManager[object] = self._calls or nullcontext()

    def call_lock(self) -> threading.RLock | None:
        """Return the lock that each call holds, if there is one. A fork waits for it.

        Returns
        -------
        threading.RLock or None
            The lock; None if calls hold none.
        """
        return self._calls

    def __reduce__(self) -> tuple[partial[DBMStore], tuple[object, ...]]:
        self.flush()
        arguments = (
            self.path,
            self._reopen_flag,
            self.mode,
            self.open,
            self.write_lock,
            self._dimension_separator,
        )
        return partial(type(self), **self.open_kwargs), arguments

    @property
    def _reopen_flag(self) -> str:
        """The flag for opening the existing database again."""
        return "c" + self.flag[1:] if self.flag[0] == "n" else self.flag

    def is_writeable(self) -> bool:
        return self.flag[0] != "r"

    def _check_writeable(self) -> None:
        if not self.is_writeable():
            raise ReadOnlyError

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return names made of the real path and of the inode of the database."""
        return tuple(f"{name}{prefix}" for name in path_identities(self.path))

    def __getitem__(self, key: str) -> bytes:
        try:
            with self.write_mutex:
                value: bytes = self.db[check_key(key).encode()]
        except KeyError:
            raise KeyError(key) from None
        return value

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._check_writeable()
        data = bytes(flat(value))
        with self.write_mutex:
            self.db[check_key(key).encode()] = data

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        """Store `default` if the key does not exist, atomically for threads, and return the stored value."""
        with self.write_mutex:
            return super().setdefault(key, default)

    def __delitem__(self, key: str) -> None:
        self._check_writeable()
        try:
            with self.write_mutex:
                del self.db[check_key(key).encode()]
        except KeyError:
            raise KeyError(key) from None

    def __contains__(self, key: object) -> bool:
        with self.write_mutex:
            return is_key(key) and key.encode() in self.db

    def __iter__(self) -> Iterator[str]:
        with self.write_mutex:
            keys = list(self.db.keys())
        return (key if isinstance(key, str) else key.decode() for key in keys)

    def __len__(self) -> int:
        with self.write_mutex:
            return len(self.db.keys())

    def getsize(self, path: str = "") -> int:
        """Return the length of the values directly below `path`, or of the value of the key `path`. This reads them."""
        return sizes_below(self, normalize_path(path))

    def flush(self) -> None:
        """Write pending values to disk."""
        if not self.is_writeable():
            return
        with self.write_mutex:
            if self._is_closed:
                return
            if hasattr(self.db, "sync"):
                self.db.sync()
            else:
                # this backend writes pending values only when it is closed
                self.db.close()
                self.db = self.open(self.path, self._reopen_flag, self.mode, **self.open_kwargs)

    def close(self) -> None:
        """Write pending values to disk, and close the database."""
        with self.write_mutex:
            if not self._is_closed:
                self._is_closed = True
                self.db.close()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DBMStore) and (
            (self.path, self.open, self.open_kwargs) == (other.path, other.open, other.open_kwargs)
        )

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path!r}>"
