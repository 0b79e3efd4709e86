"""A store in an LMDB database: a memory-mapped B+ tree with transactions."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import FrameType
from typing import ClassVar
from weakref import ref

from zarrcy.errors import KeyPathError, ValueLengthError
from zarrcy.keys import check_key, is_key, normalize_path, prefix_of
from zarrcy.storage.base import Items, Store, flat, slice_of
from zarrcy.storage.byte_ranges import agreed_versions
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.listing import AFTER_SLASH
from zarrcy.storage.local.atomic_files import as_durability, not_written, path_identities
from zarrcy.storage.optional import Client, Option, import_optional
from zarrcy.sync.key_locks import AtLast
from zarrcy.types import JSON, Buffer


class LMDBStore(Store):
    """Store in an LMDB database. Needs ``zarrcy[lmdb]``.

    Any number of threads and processes may read while one writes, and each write is a transaction. By default,
    written values are passed to the operating system at once, and are on disk after `flush` or `close`. A key has
    at most 511 bytes.

    Parameters
    ----------
    path : str or os.PathLike
        Path of the database: a directory, or a file if ``subdir=False``.
    buffers : bool
        Ignored; kept for compatibility with zarr-python 2. A buffer of LMDB may change after the next write.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.
    durability : {"none", "data", "full"}, optional
        See `DirectoryStore`. It sets the options ``sync`` and ``metasync`` of LMDB if they are not passed. "none"
        sets neither, so a power failure may damage the whole database. "data" sets ``sync``, so a power failure may
        undo the last transactions. "full" sets both. The default is ``ZARRCY_DURABILITY`` from the environment,
        or "none".
    **kwargs : Option
        Arguments of `lmdb.open`. One of them is ``map_size``, the maximum size of the database, in bytes; the
        default is 1 TiB.

    Raises
    ------
    MissingExtraError
        If the package ``lmdb`` is not installed.

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
        **kwargs: Option,
    ) -> None:
        # LMDB's default of 10 MiB is small; the file is sparse, so a large limit costs nothing
        kwargs.setdefault("map_size", 2**40 if sys.maxsize >= 2**32 else 2**28)
        # writing through the map needs sparse files too
        kwargs.setdefault("writemap", sys.platform.startswith("linux"))
        # by default, flush() and close() wait for the disk, and single writes do not
        asked = as_durability(durability)
        kwargs.setdefault("sync", asked != "none")
        kwargs.setdefault("metasync", asked == "full")
        for option in ("map_async", "meminit"):
            kwargs.setdefault(option, False)
        self.durability = "none" if not kwargs["sync"] else "full" if kwargs["metasync"] else "data"
        # a spare transaction has a place in the table of readers, which a forked child would give up for its parent
        kwargs.setdefault("max_spare_txns", 0)
        self.path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        self.buffers = buffers
        self.kwargs = kwargs
        self._dimension_separator = dimension_separator
        self._open()

    def _open(self) -> _Environment:
        environment = _shared_environment(self.path, self.kwargs)
        self._environment: _Environment | None = environment
        self._pid = os.getpid()
        return environment

    @property
    def db(self) -> Client:
        """The `lmdb.Environment`. A forked child opens its own, because LMDB does not allow it to use its parent's."""
        return self._in_use().db

    def _in_use(self) -> _Environment:
        """Return the open environment for one call. While the caller refers to it, it stays open."""
        environment = self._environment
        if environment is None:
            raise ValueError(f"the LMDB database {self.path!r} is closed")
        if self._pid != os.getpid():
            environment = self._open()
        if _gate.is_closed:
            del environment
            _wait_for_fork()
            return self._in_use()
        return environment

    def __reduce__(self) -> tuple[partial[LMDBStore], tuple[str, bool, str | None]]:
        if self._environment is not None:
            self.flush()
        return partial(type(self), **self.kwargs), (self.path, self.buffers, self._dimension_separator)

    def is_writeable(self) -> bool:
        return not self.kwargs.get("readonly", False)

    # -- values ------------------------------------------------------------------------------------

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return names made of the real path and of the inode of the database."""
        return tuple(f"{name}{prefix}" for name in path_identities(self.path))

    def __getitem__(self, key: str) -> bytes:
        environment = self._in_use()
        with environment.db.begin() as transaction:
            value: bytes | None = transaction.get(_encoded(key))
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Buffer) -> None:
        self.setitems({key: value})

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        """Store `default` if the key does not exist, atomically, and return the stored value."""
        environment = self._in_use()
        with environment.db.begin(write=True) as transaction:
            if transaction.put(_encoded(key), flat(default), overwrite=False):
                return default
            return transaction.get(_encoded(key))

    def __delitem__(self, key: str) -> None:
        environment = self._in_use()
        with environment.db.begin(write=True) as transaction:
            if not transaction.delete(_encoded(key)):
                raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        if not is_key(key):
            return False
        environment = self._in_use()
        with environment.db.begin(buffers=True) as transaction:
            return transaction.get(_encoded(key)) is not None

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, JSON] | None = None
    ) -> dict[str, bytes]:
        """Return the values of those `keys` that exist, all from the same transaction."""
        environment = self._in_use()
        with environment.db.begin() as transaction:
            values = {key: transaction.get(_encoded(key)) for key in keys}
        return {key: value for key, value in values.items() if value is not None}

    def read_values(self, keys: Sequence[str], most: int = -1, strict: bool = True) -> list[bytes | None]:
        """Return the values of `keys`; see `zarrcy.storage.capabilities.ReadsManyValues`."""
        if most < 0:
            found = self.getitems(keys)
            return [found.get(key) for key in keys]
        environment = self._in_use()
        with environment.db.begin(buffers=True) as transaction:
            views = list(map(transaction.get, map(_encoded, keys)))
            for key, view in zip(keys, views, strict=True):
                if view is not None and len(view) > most:
                    raise ValueLengthError(key, len(view), most)
            return [None if view is None else view.tobytes() for view in views]

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        """Store all `values`, or none of them if that fails."""
        try:
            environment = self._in_use()
            with environment.db.begin(write=True) as transaction:
                for key, value in values.items():
                    transaction.put(_encoded(key), flat(value))
        except Exception as exc:
            exc.add_note(not_written(values))
            raise

    def delitems(self, keys: Iterable[str]) -> None:
        environment = self._in_use()
        with environment.db.begin(write=True) as transaction:
            for key in keys:
                transaction.delete(_encoded(key))

    def update(self, *args: Items, **kwargs: Buffer) -> None:
        self.setitems(dict(*args, **kwargs))

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[bytes | None]:
        """Return parts of values, all from the same transaction; see `zarrcy.storage.capabilities.ReadsRanges`."""
        return self.get_versioned_values(key_ranges, {})[0]

    def get_versioned_values(
        self, key_ranges: Sequence[KeyRange], versions: Mapping[str, Hashable]
    ) -> tuple[list[bytes | None], dict[str, Hashable]]:
        """Return parts of values, of one version of each value; see `zarrcy.storage.capabilities.ReadsVersions`.

        The version is the number of the transaction that the database saw last.
        """
        environment = self._in_use()
        with environment.db.begin(buffers=True) as transaction:
            parts = [_part(transaction.get(_encoded(key)), key_range) for key, key_range in key_ranges]
            return parts, agreed_versions(versions, [(key, transaction.id()) for key, _ in key_ranges])

    # -- keys --------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[str]:
        environment = self._in_use()
        with environment.db.begin() as transaction, transaction.cursor() as cursor:
            return iter([key.decode() for key in cursor.iternext(values=False)])

    def __len__(self) -> int:
        environment = self._in_use()
        return int(environment.db.stat()["entries"])

    def listdir(self, path: str = "") -> list[str]:
        return sorted(self._sizes(path))

    def getsize(self, path: str = "") -> int:
        path = normalize_path(path)
        if path:
            environment = self._in_use()
            with environment.db.begin(buffers=True) as transaction:
                value = transaction.get(_encoded(path))
                if value is not None:
                    return len(value)
        return sum(self._sizes(path).values())

    def _sizes(self, path: str) -> dict[str, int]:
        """Return the names directly below `path` with the length of the value of each.

        Keys are sorted, so one search in the tree skips all keys below a name.
        """
        prefix = prefix_of(normalize_path(path)).encode()
        sizes: dict[str, int] = {}
        environment = self._in_use()
        with environment.db.begin(buffers=True) as transaction, transaction.cursor() as cursor:
            exists = cursor.set_range(prefix) if prefix else cursor.first()
            while exists:
                key = bytes(cursor.key())
                if not key.startswith(prefix):
                    break
                name, slash, _ = key[len(prefix) :].partition(b"/")
                if slash:
                    sizes.setdefault(name.decode(), 0)
                    exists = cursor.set_range(prefix + name + AFTER_SLASH.encode())
                else:
                    sizes[name.decode()] = len(cursor.value())
                    exists = cursor.next()
        return sizes

    def rmdir(self, path: str = "") -> None:
        """Delete all keys below `path`, or none of them if that fails."""
        prefix = prefix_of(normalize_path(path)).encode()
        environment = self._in_use()
        with environment.db.begin(write=True) as transaction, transaction.cursor() as cursor:
            exists = cursor.set_range(prefix) if prefix else cursor.first()
            while exists and cursor.key().startswith(prefix):
                exists = cursor.delete()

    def clear(self) -> None:
        self.rmdir()

    # -- the database ------------------------------------------------------------------------------

    def flush(self) -> None:
        """Wait until all written values are on disk."""
        environment = self._in_use()
        if self.is_writeable():
            environment.db.sync(True)

    def sync_values(self, keys: Sequence[str]) -> None:
        """Wait until all written values are on disk.

        Parameters
        ----------
        keys : sequence of str
            Keys that were written or deleted.
        """
        self.flush()

    def close(self) -> None:
        """Wait until all written values are on disk, and close the database when no thread uses it any more."""
        if self._environment is not None:
            if self._pid == os.getpid():
                self.flush()
            self._environment = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LMDBStore) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path!r}>"


_MAX_KEY_NBYTES = 511


def _encoded(key: str) -> bytes:
    encoded = check_key(key).encode()
    if len(encoded) > _MAX_KEY_NBYTES:
        raise KeyPathError(key, f"it has {len(encoded)} bytes; LMDB allows at most {_MAX_KEY_NBYTES}")
    return encoded


def _part(value: Buffer | None, key_range: tuple[int, int | None]) -> bytes | None:
    return None if value is None else bytes(value[slice_of(key_range, len(value))])


# -- environments ----------------------------------------------------------------------------------


class _Environment:
    """An open database. A process may open a database only once, so its stores share it; the last one closes it."""

    def __init__(self, path: str, kwargs: dict[str, Option]) -> None:
        self.kwargs = kwargs
        self.db = import_optional("lmdb", "lmdb", "LMDBStore").open(path, **kwargs)
        self._at_last = AtLast(self.db.close)


# references without callbacks: a signal handler that raises an exception in a callback raises it nowhere
_environments: dict[str, ref[_Environment]] = {}
# a signal handler may open a database while its thread has the lock
_lock = threading.RLock()
# Attempts to open a database that another thread is closing, and the pause between them, in seconds.
_ATTEMPTS = 1000
_PAUSE = 0.01


def _shared_environment(path: str, kwargs: dict[str, Option]) -> _Environment:
    path = os.path.realpath(path)
    with _lock:
        reference = _environments.get(path)
        environment = None if reference is None else reference()
        if environment is None or environment.kwargs != kwargs:
            # with other options LMDB raises an error while it is open
            is_closing = reference is not None and environment is None
            environment = _opened(path, kwargs, _ATTEMPTS if is_closing else 1)
            _environments[path] = ref(environment)
        return environment


def _opened(path: str, kwargs: dict[str, Option], n_attempts: int) -> _Environment:
    """Open a database; again if another thread is closing it at the same time."""
    for _ in range(n_attempts - 1):
        try:
            return _Environment(path, kwargs)
        except Exception as exc:
            if "already open" not in str(exc):
                raise
            time.sleep(_PAUSE)
    return _Environment(path, kwargs)


class _Gate:
    """Holds back calls while a thread forks."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.is_closed = False
        # whether a call did not end in time
        self.is_given_up = False


# A child that is forked during a call of LMDB would wait for ever for the end of that call when it closes its copy of
# the environment. So a fork waits for the calls of other threads, and no call begins meanwhile.
_gate = _Gate()
# A fork that waited so long for a call is not delayed any more; and the pause between two looks. In seconds.
_MOST_SECONDS = 10.0
_LOOK_SECONDS = 0.001
# Environments that a forked child can't close.
_given_up: list[_Environment] = []


def _wait_for_fork() -> None:
    """Wait until no thread is forking."""
    with _gate.lock:
        return


def _wait_for_calls() -> None:
    if not _environments:
        return
    gate = _gate
    gate.lock.acquire()
    gate.is_closed = True
    deadline = time.monotonic() + _MOST_SECONDS
    while _is_used_elsewhere() and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    gate.is_given_up = _is_used_elsewhere()


def _is_used_elsewhere() -> bool:
    """Return whether another thread is in a function of this module, and does not wait there for a fork."""
    own, waiting = threading.get_ident(), (_wait_for_fork.__code__, _wait_for_calls.__code__)
    for thread, frame in sys._current_frames().items():
        at: FrameType | None = frame
        while at is not None and at.f_globals is not globals():
            at = at.f_back
        if at is not None and thread != own and at.f_code not in waiting:
            return True
    return False


def _go_on() -> None:
    gate = _gate
    if gate.is_closed:
        gate.is_closed = False
        gate.lock.release()


def _forget_environments() -> None:
    """Close the parent's databases in a forked child, where they can't be used and would prevent opening them again."""
    global _lock, _gate
    is_given_up = _gate.is_given_up
    _lock, _gate = threading.RLock(), _Gate()
    for environment in [reference() for reference in _environments.values()]:
        if environment is not None and is_given_up:
            _given_up.append(environment)
        elif environment is not None:
            environment.db.close()
    _environments.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait_for_calls, after_in_parent=_go_on, after_in_child=_forget_environments)
