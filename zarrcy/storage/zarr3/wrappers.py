"""Stores of zarr-python 3 that pass everything on to another store."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from typing import Self

from zarrcy.storage.zarr3.interface import AsyncStore
from zarrcy.types import Buffer, Option
from zarrcy.types import Store as StoreLike


class WrapperStore(AsyncStore):
    """Store that passes everything on to another store; subclasses change what they like.

    Parameters
    ----------
    store : mapping or store
        The other store.

    Examples
    --------
    >>> values = {}
    >>> WrapperStore(values)["a"] = b"x"
    >>> values
    {'a': b'x'}
    """

    def __init__(self, store: Option) -> None:
        super().__init__()
        from zarrcy.storage.store_argument import normalize_store_arg

        self._store = store
        self._mapping = normalize_store_arg(store, mode="r+")

    def opened(self) -> StoreLike:
        """Return the store of zarrcy that holds the values.

        Returns
        -------
        mapping of str to bytes
            The store.
        """
        return self._mapping

    @property
    def read_only(self) -> bool:
        """Whether changes are refused."""
        return bool(getattr(self._store, "read_only", False))

    def with_read_only(self, read_only: bool = False) -> Self:
        """Return a store of the same values that refuses changes, or allows them.

        Parameters
        ----------
        read_only : bool, optional
            Refuse changes.

        Returns
        -------
        Store
            The other store.
        """
        return type(self)(self._store.with_read_only(read_only))

    def __reduce__(self) -> tuple[Option, ...]:
        return type(self), (self._store,)

    def __str__(self) -> str:
        return f"wrapping-{self._store}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self._store).__name__}, '{self._store}')"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and bool(self._store == getattr(other, "_store", None))

    __hash__ = None


class LoggingStore(WrapperStore):
    """Store that logs each request, and counts them by name.

    Parameters
    ----------
    store : mapping or store
        The store that is asked.
    log_level : str, optional
        Level of the log.
    log_handler : logging.Handler, optional
        Where the log goes. The default is the standard output.

    Attributes
    ----------
    counter : collections.Counter
        Number of requests by name.

    Examples
    --------
    >>> store = LoggingStore({}, log_level="ERROR")
    >>> store["a"] = b"x"
    >>> store.counter["set"]
    1
    """

    def __init__(
        self, store: Option, log_level: str = "DEBUG", log_handler: logging.Handler | None = None
    ) -> None:
        super().__init__(store)
        self.counter: Counter[str] = Counter()
        self.log_level, self.log_handler = log_level, log_handler
        self.logger = logging.getLogger(f"LoggingStore({self._store})")
        self.logger.setLevel(log_level)
        if not self.logger.hasHandlers():
            self.logger.addHandler(log_handler or _to_stdout(log_level))

    def _note(self, name: str, hint: Option = "") -> None:
        self.counter[name] += 1
        self.logger.info("%s %s.%s(%s)", time.strftime("%H:%M:%S"), type(self._store).__name__, name, hint)

    def with_read_only(self, read_only: bool = False) -> Self:
        """Return a store of the same values that refuses changes, or allows them.

        Parameters
        ----------
        read_only : bool, optional
            Refuse changes.

        Returns
        -------
        Store
            The other store.
        """
        return type(self)(self._store.with_read_only(read_only), self.log_level, self.log_handler)

    def __reduce__(self) -> tuple[Option, ...]:
        return type(self), (self._store, self.log_level, self.log_handler)

    def __str__(self) -> str:
        return f"logging-{self._store}"

    def __getitem__(self, key: str) -> Buffer:
        self._note("get", key)
        return super().__getitem__(key)

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._note("set", key)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self._note("delete", key)
        super().__delitem__(key)

    def __contains__(self, key: object) -> bool:
        self._note("exists", key)
        return super().__contains__(key)

    def listdir(self, path: str = "") -> list[str]:
        self._note("list_dir", path)
        return super().listdir(path)

    def rmdir(self, path: str = "") -> None:
        self._note("delete_dir", path)
        super().rmdir(path)


def _to_stdout(level: str) -> logging.Handler:
    handler = logging.StreamHandler(sys.stdout)
    handler.setLevel(level)
    return handler
