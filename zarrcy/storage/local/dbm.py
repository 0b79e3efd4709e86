"""A store in a database of the dbm family: gdbm, ndbm, Berkeley DB, or a file of Python's own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, ClassVar

from zarrcy.errors import ReadOnlyError
from zarrcy.keys import check_key, normalize_path
from zarrcy.storage.base import Store, flat
from zarrcy.storage.listing import sizes_below
from zarrcy.types import Buffer


class DBMStore(Store):
    """Keys in a dbm database.

    Only one process at a time should write. Threads may share a store where the backend allows it;
    ``dbm.sqlite3``, which Python 3.13 opens by default, does not: use a `SQLiteStore` there.

    Parameters
    ----------
    path : of the database; some backends add an ending of their own
    flag : ``"r"`` reads, ``"w"`` reads and writes, ``"c"`` makes the database if there is none, ``"n"``
        makes a new one
    mode : permissions of the files
    open : opens the database: ``open(path, flag, mode, **open_kwargs)``; `dbm.open` by default
    write_lock : let only one thread at a time use the database
    dimension_separator : ``"."`` or ``"/"``, for arrays whose metadata do not say
    **open_kwargs : passed on to `open`

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
        open: Callable[..., Any] | None = None,
        write_lock: bool = True,
        dimension_separator: str | None = None,
        **open_kwargs: Any,
    ) -> None:
        import dbm

        self.path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        self.flag = flag
        self.mode = mode
        default: Callable[..., Any] = dbm.open
        self.open = default if open is None else open
        self.write_lock = write_lock
        self.open_kwargs = open_kwargs
        self._dimension_separator = dimension_separator
        self.write_mutex: AbstractContextManager[Any] = threading.RLock() if write_lock else nullcontext()
        self._is_closed = False
        self.db = self.open(self.path, flag, mode, **open_kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        self.flush()
        arguments = (
            self.path,
            self._later_flag,
            self.mode,
            self.open,
            self.write_lock,
            self._dimension_separator,
        )
        return partial(type(self), **self.open_kwargs), arguments

    @property
    def _later_flag(self) -> str:
        """The flag with which the database is opened again: it was made already."""
        return "c" + self.flag[1:] if self.flag[0] == "n" else self.flag

    def is_writeable(self) -> bool:
        return self.flag[0] != "r"

    def _refuse_reader(self) -> None:
        if not self.is_writeable():
            raise ReadOnlyError

    def __getitem__(self, key: str) -> bytes:
        try:
            with self.write_mutex:
                value: bytes = self.db[check_key(key).encode()]
        except KeyError:
            raise KeyError(key) from None
        return value

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._refuse_reader()
        data = bytes(flat(value))
        with self.write_mutex:
            self.db[check_key(key).encode()] = data

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Store `default` if the key is not there, in one step for threads, and return what is there then."""
        with self.write_mutex:
            return super().setdefault(key, default)

    def __delitem__(self, key: str) -> None:
        self._refuse_reader()
        try:
            with self.write_mutex:
                del self.db[check_key(key).encode()]
        except KeyError:
            raise KeyError(key) from None

    def __contains__(self, key: object) -> bool:
        with self.write_mutex:
            return isinstance(key, str) and check_key(key).encode() in self.db

    def __iter__(self) -> Iterator[str]:
        with self.write_mutex:
            keys = list(self.db.keys())
        return (key if isinstance(key, str) else key.decode() for key in keys)

    def __len__(self) -> int:
        with self.write_mutex:
            return len(self.db.keys())

    def getsize(self, path: str = "") -> int:
        """Return the bytes of the values directly below `path`, or of its own; they are read for it."""
        return sizes_below(self, normalize_path(path))

    def flush(self) -> None:
        """Write to disk what is not written yet."""
        if not self.is_writeable() or self._is_closed:
            return
        with self.write_mutex:
            if hasattr(self.db, "sync"):
                self.db.sync()
            else:
                # to close it is the only way
                self.db.close()
                self.db = self.open(self.path, self._later_flag, self.mode, **self.open_kwargs)

    def close(self) -> None:
        """Write to disk what is not written yet, and close the database."""
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
