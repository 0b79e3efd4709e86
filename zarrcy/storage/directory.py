"""A store in a directory: each key a file. A write appears whole or not at all."""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from zarrcy.errors import KeyPathError
from zarrcy.storage.base import Store, check_ranges, flat
from zarrcy.storage.paths import check_key, normalize_path
from zarrcy.types import Buffer

# Files of a write, and directories of a deletion, that have not ended or never will: they are no keys.
# zarr-python 2 names its own so that the pattern matches too.
_PARTIAL = re.compile(r"\.[0-9a-f]{32}\.partial$")
_ENDS = ("", "/", ".")
_ATTEMPTS = 100
_OPEN_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_OPEN_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class _TakenError(Exception):
    """A file is where one was to be put, and nothing to be replaced."""


class DirectoryStore(Store):
    """Keys as files below one directory.

    A value is written under a temporary name and then renamed, so readers see the old value or the
    new one, never a part. Reading a value takes four system calls (open, fstat, read, close), writing
    one takes four too (open, write, close, rename); directories are made only where a write finds
    that they are missing.

    Parameters
    ----------
    path : directory that holds the keys; made when the first value is written
    normalize_keys : make keys lower case
    dimension_separator : ``"."`` or ``"/"``, for arrays whose metadata do not say
    follow_symlinks : go where symbolic links in the directory lead. False refuses keys that go through one:
        for directories that come from somebody else, who could lead out of them with a link

    Examples
    --------
    >>> import tempfile, zarrcy
    >>> with tempfile.TemporaryDirectory() as path:
    ...     a = zarrcy.array([1, 2, 3], store=DirectoryStore(path))
    ...     sorted(a.store)
    ['.zarray', '0']
    """

    consumes_values = True
    """A value is on disk when ``__setitem__`` returns: the caller may use its memory again."""

    range_gap = 16 * 1024
    """So many bytes are as cheap to read as one more range."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        normalize_keys: bool = False,
        dimension_separator: str | None = None,
        *,
        follow_symlinks: bool = True,
    ) -> None:
        path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        if os.path.exists(path) and not os.path.isdir(path):
            raise NotADirectoryError(f"{path!r} exists and is not a directory")
        self.path: str = path
        self.normalize_keys = normalize_keys
        self._dimension_separator = dimension_separator
        self._root = os.path.join(path, "")
        self.follow_symlinks = follow_symlinks
        self._is_particular = normalize_keys or not follow_symlinks

    def _file_of(self, key: str) -> str:
        # most keys are seen at once to be harmless; the others are looked at closely
        if (
            key.__class__ is not str
            or ".." in key
            or "./" in key
            or "//" in key
            or "\\" in key
            or "\0" in key
            or not key.isascii()
            or key[:1] in _ENDS
            or key[-1:] in _ENDS
        ):
            check_key(key)
        if self._is_particular:
            key = key.lower() if self.normalize_keys else key
            self._refuse_links(key)
        return self._root + key

    def _refuse_links(self, path: str) -> None:
        if self.follow_symlinks:
            return
        at = self.path
        for name in path.split("/"):
            at = os.path.join(at, name)
            if os.path.islink(at):
                raise KeyPathError(path, f"{at!r} is a symbolic link, and the store is one that follows none")

    def get(self, key: str, default: Any = None) -> Any:
        try:
            fd = os.open(self._file_of(key), _OPEN_READ)
        except (FileNotFoundError, NotADirectoryError):
            return default
        try:
            # the size first: one read then ends the matter, and a short read is seen as one
            size = os.fstat(fd).st_size
            value = os.read(fd, size)
            if len(value) < size:
                value = _read_rest(fd, value, size)
        except IsADirectoryError:
            return default
        finally:
            os.close(fd)
        return value

    def open_value(self, key: str) -> OpenValue | None:
        """Open the file of a value, to read parts of it; None if there is none. Close it after use."""
        try:
            fd = os.open(self._file_of(key), _OPEN_READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            status = os.fstat(fd)
        except BaseException:
            os.close(fd)
            raise
        if stat.S_ISDIR(status.st_mode):
            os.close(fd)
            return None
        return OpenValue(fd, status.st_size, (status.st_ino, status.st_mtime_ns, status.st_size))

    def get_partial_values(
        self, key_ranges: Iterable[tuple[str, tuple[int, int | None]]]
    ) -> list[bytes | None]:
        """Read parts of values: of each key so many bytes from a start.

        Parameters
        ----------
        key_ranges : ``(key, (start, nbytes))``; a negative start counts from the end, and None
            bytes are all the rest

        Returns
        -------
        The bytes that there are; None for a key without a value

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as path:
        ...     store = DirectoryStore(path)
        ...     store["a"] = b"0123456789"
        ...     store.get_partial_values([("a", (2, 3)), ("a", (-2, None)), ("b", (0, 1))])
        [b'234', b'89', None]
        """
        key_ranges = list(key_ranges)
        check_ranges(key_ranges)
        parts: list[bytes | None] = []
        for key, (start, nbytes) in key_ranges:
            value = self.open_value(key)
            if value is None:
                parts.append(None)
            else:
                with value:
                    parts.append(value.read(start, nbytes))
        return parts

    def __getitem__(self, key: str) -> bytes:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value  # type: ignore[no-any-return]

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._write(self._file_of(key), value, self._replace)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Store a value unless the key is there, and return what is there then.

        Of several processes at once one stores its value, where the file system has hard links.
        """
        target = self._file_of(key)
        while True:
            try:
                self._write(target, default, self._link)
            except _TakenError:
                found = self.get(key)
                if found is not None:
                    return found
                # it was deleted just now, unless it is a directory
                if os.path.isdir(target):
                    raise KeyPathError(key, "other keys lie below it") from None
            else:
                return default

    def _write(self, target: str, value: Buffer, put: Callable[[str, str], None]) -> None:
        """Write a value under a temporary name, and put it in its place.

        Somebody may delete the directory meanwhile, with what is written in it: then it is done again.
        """
        for attempt in range(_ATTEMPTS):
            part = f"{target}.{_unique()}.partial"
            try:
                fd = self._create(part, target)
                try:
                    _write_all(fd, value)
                finally:
                    os.close(fd)
                put(part, target)
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1:
                    raise
            except BaseException:
                _unlink_if_there(part)
                raise
            else:
                return

    def _create(self, part: str, target: str) -> int:
        try:
            return os.open(part, _OPEN_WRITE, 0o666)
        except FileNotFoundError:
            folder = os.path.dirname(target)
            try:
                os.makedirs(folder, exist_ok=True)
            except FileExistsError:
                # unless a file is there, it was deleted just after somebody else had made it
                if os.path.isfile(folder):
                    raise
            return os.open(part, _OPEN_WRITE, 0o666)

    def _link(self, part: str, target: str) -> None:
        """Rename a file, but replace nothing."""
        try:
            os.link(part, target)
        except FileNotFoundError:
            raise
        except FileExistsError:
            raise _TakenError from None
        except OSError:
            # a file system without hard links: who is faster just now is not seen
            if os.path.exists(target):
                raise _TakenError from None
            os.replace(part, target)
        else:
            os.unlink(part)

    def _replace(self, part: str, target: str) -> None:
        try:
            os.replace(part, target)
        except IsADirectoryError:
            raise KeyPathError(target[len(self._root) :], "other keys lie below it") from None

    def __delitem__(self, key: str) -> None:
        path = self._file_of(check_key(key))
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            raise KeyError(key) from None
        except (IsADirectoryError, PermissionError):
            if not os.path.isdir(path):
                raise
            # as zarr-python does: the name of a directory stands for all that lies below it
            shutil.rmtree(path)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and os.path.isfile(self._file_of(check_key(key)))

    def has_each(self, keys: Iterable[str]) -> list[bool]:
        """Return which of many keys are there, in less time than ``in`` takes, which looks closer.

        It can't tell a directory from a file: it is for names that no directory has.
        """
        return [os.access(self._file_of(key), os.F_OK) for key in keys]

    def __iter__(self) -> Iterator[str]:
        skip = len(self._root)
        for folder, folders, names in os.walk(self.path):
            folders[:] = [name for name in folders if not _PARTIAL.search(name)]
            for name in names:
                if not _PARTIAL.search(name):
                    yield os.path.join(folder, name)[skip:].replace(os.sep, "/")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DirectoryStore) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path!r}>"

    def clear(self) -> None:
        self.rmdir()

    def dir_path(self, path: str | None = None) -> str:
        """Return the directory in which the keys below `path` are files."""
        if not path:
            return self.path
        path = normalize_path(path)
        self._refuse_links(path)
        return os.path.join(self.path, path)

    def listdir(self, path: str | None = None) -> list[str]:
        """Return the names directly below `path`, sorted; none if there is no such directory."""
        try:
            return sorted(name for name in os.listdir(self.dir_path(path)) if not _PARTIAL.search(name))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def rmdir(self, path: str | None = None) -> None:
        """Delete all keys below `path`, in one step for who reads or writes there meanwhile."""
        folder = self.dir_path(path)
        if not os.path.isdir(folder):
            return
        doomed = folder
        if not os.path.islink(folder):
            doomed = f"{folder}.{_unique()}.partial"
            try:
                os.rename(folder, doomed)
            except FileNotFoundError:
                return
            except OSError:
                # it stays where it is: nothing can be written beside it, or something is mounted there
                doomed = folder
        while os.path.lexists(doomed):
            try:
                shutil.rmtree(doomed)
            except OSError as exc:
                # somebody else who deletes it too was faster with a file, or somebody had just begun to
                # write one before it was renamed
                if exc.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                    raise

    def rename(self, src_path: str, dst_path: str) -> None:
        """Move all keys below `src_path` to below `dst_path`, in one step."""
        target = self.dir_path(dst_path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(self.dir_path(src_path), target)

    def getsize(self, path: str | None = None) -> int:
        """Return the bytes of the files directly below `path`, or of the file that is its key."""
        place = self.dir_path(path)
        try:
            with os.scandir(place) as entries:
                return sum(
                    entry.stat().st_size
                    for entry in entries
                    if entry.is_file() and not _PARTIAL.search(entry.name)
                )
        except NotADirectoryError:
            return os.path.getsize(place)
        except FileNotFoundError:
            return 0


class OpenValue:
    """An open file: parts of a value, all of the same one, even if it is replaced meanwhile."""

    __slots__ = ("fd", "identity", "nbytes")

    def __init__(self, fd: int, nbytes: int, identity: tuple[int, ...]) -> None:
        self.fd, self.nbytes = fd, nbytes
        # a value is never changed, only replaced: another value is another file
        self.identity = identity

    def read(self, start: int, nbytes: int | None) -> bytes:
        """Read so many bytes from `start`, or those that there are; see `get_partial_values`."""
        if start < 0:
            start = max(0, self.nbytes + start)
        rest = max(0, self.nbytes - start)
        nbytes = rest if nbytes is None else min(nbytes, rest)
        value = _read_at(self.fd, nbytes, start)
        while len(value) < nbytes:
            part = _read_at(self.fd, nbytes - len(value), start + len(value))
            if not part:
                break
            value += part
        return value

    def __enter__(self) -> OpenValue:
        return self

    def __exit__(self, *exc_info: object) -> None:
        os.close(self.fd)


def _seek_and_read(fd: int, nbytes: int, start: int) -> bytes:
    os.lseek(fd, start, os.SEEK_SET)
    return os.read(fd, nbytes)


_read_at = getattr(os, "pread", _seek_and_read)  # Windows has none

_counter = itertools.count()
_token = os.urandom(12).hex()


def _new_token() -> None:
    global _token  # noqa: PLW0603
    _token = os.urandom(12).hex()


if hasattr(os, "register_at_fork"):
    # a forked child counts on from where its parent is: it needs a token of its own
    os.register_at_fork(after_in_child=_new_token)


def partial_ending() -> bytes:
    """Return what the name of a file ends with while it is written: no other writer has the same."""
    return f".{_unique()}.partial".encode()


def _unique() -> str:
    """Return 32 hexadecimal digits that no other writer uses, in this process or another."""
    return f"{_token}{next(_counter) & 0xFFFFFFFF:08x}"


def _read_rest(fd: int, value: bytes, size: int) -> bytes:
    parts = [value]
    have = len(value)
    while have < size:
        part = os.read(fd, size - have)
        if not part:
            break
        parts.append(part)
        have += len(part)
    return b"".join(parts)


def _write_all(fd: int, value: Buffer) -> None:
    written = 0
    view = flat(value)
    while written < len(view):
        written += os.write(fd, view[written:] if written else view)


def _unlink_if_there(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
