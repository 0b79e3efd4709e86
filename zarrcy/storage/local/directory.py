"""A store in a directory: each key a file. A write appears whole or not at all."""

from __future__ import annotations

import errno
import math
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from zarrcy.errors import KeyPathError
from zarrcy.keys import check_key, normalize_path
from zarrcy.storage.base import Store, check_ranges
from zarrcy.storage.local.atomic_files import (
    OPEN_NEW,
    OPEN_READ,
    PARTIAL,
    OpenValue,
    as_durability,
    claim_file,
    explained,
    partial_of,
    read_file,
    remove_partial,
    remove_tree,
    replace_file,
    sync_directory,
    sync_file,
    write_all,
)
from zarrcy.types import Buffer

_ENDS = ("", "/", ".")
_ATTEMPTS = 100


class _NothingError(Exception):
    """There is nothing to store."""


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
    durability : what a power failure, or the end of the operating system, may take of what was written.
        ``"none"``: recent values, and some may be torn; ``"data"``: recent values, but each key has an
        old value or a new one, whole; ``"full"``: nothing that a write or a deletion returned for. By
        default the environment says, in ``ZARRCY_DURABILITY``, or "none". The end of the program
        alone takes nothing, with any of them
    follow_symlinks : go where symbolic links in the directory lead. False refuses keys that go through one:
        for directories that come from somebody else, who could lead out of them with a link

    Examples
    --------
    >>> import tempfile, zarrcy
    >>> with tempfile.TemporaryDirectory() as path:
    ...     a = zarrcy.array([1, 2, 3], store=DirectoryStore(path, durability="full"))
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
        durability: str | None = None,
        *,
        follow_symlinks: bool = True,
    ) -> None:
        path = _absolute(os.fspath(path))
        self.path: str = path
        self.normalize_keys = normalize_keys
        self._dimension_separator = dimension_separator
        self._root = path if path.endswith(os.sep) else path + os.sep
        self.durability = as_durability(durability)
        # directories whose own names are on the disk, and those of all above them up to the topmost made here
        self._synced_dirs: set[str] = set()
        self._topmost = os.path.dirname(path)
        self.follow_symlinks = follow_symlinks
        self._rewrites_keys = normalize_keys or not follow_symlinks

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
        if self._rewrites_keys:
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
            value = read_file(self._file_of(key))
        except OSError as exc:
            raise self._unread(key, exc) from exc
        return default if value is None else value

    # -- capabilities ------------------------------------------------------------------------------

    def is_local(self) -> bool:
        """Return True: a request is a system call."""
        return True

    def is_thread_safe(self) -> bool:
        """Return True: each request opens its own file."""
        return True

    def file_prefix(self) -> str | None:
        """Return the path of the directory with a slash at its end; None if file names are not simply the keys."""
        return None if self._rewrites_keys else self._root

    def identity(self) -> str:
        """Return the real path of the directory, however it was reached; empty if file names are not the keys."""
        return "" if self._rewrites_keys else os.path.join(os.path.realpath(self._root), "")

    def rename_key(self, key: str, new: str) -> None:
        """Move the value of `key` to `new`, in one step."""
        self.rename(key, new)

    def value_nbytes(self, key: str) -> int | None:
        """Return the length of a value; None if there is none."""
        try:
            status = os.stat(self._file_of(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None if stat.S_ISDIR(status.st_mode) else status.st_size

    def _unread(self, key: str, exc: OSError) -> OSError:
        return explained(exc, f"the value {key!r} can't be read", self._file_of(key))

    def open_value(self, key: str) -> OpenValue | None:
        """Open the file of a value, to read parts of it; None if there is none. Close it after use."""
        try:
            fd = os.open(self._file_of(key), OPEN_READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise self._unread(key, exc) from exc
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
        target = self._file_of(key)
        if self.durability == "none" and replace_file(target, value):
            return
        self._write(target, lambda fd: write_all(fd, value), self._replace)

    def write_value(self, key: str, fill: Callable[[int], Any]) -> None:
        """Store a value that `fill` writes to an open file. If it returns False, the key is deleted instead."""
        try:
            self._write(self._file_of(key), fill, self._replace)
        except _NothingError:
            self.discard(key)

    def discard(self, key: str) -> None:
        """Delete a key, if it is there."""
        if key in self:
            del self[key]

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Store a value unless the key is there, and return what is there then.

        Of several processes at once one stores its value, where the file system has hard links.
        """
        target = self._file_of(key)
        while not self._claim(target, default):
            found = self.get(key)
            if found is not None:
                return found
            # it was deleted just now, unless it is a directory
            if os.path.isdir(target):
                raise KeyPathError(key, "other keys lie below it")
        return default

    def _claim(self, target: str, value: Buffer) -> bool:
        """Write a file, unless there is one: then return False."""
        claimed = claim_file(target, value) if self.durability == "none" else None
        if claimed is None:
            try:
                self._write(target, lambda fd: write_all(fd, value), self._link)
            except _TakenError:
                return False
        return claimed is not False

    def _write(self, target: str, fill: Callable[[int], Any], put: Callable[[str, str], None]) -> None:
        """Write a value under a temporary name, and put it in its place.

        Somebody may delete the directory meanwhile, with what is written in it: then it is done again.
        """
        for attempt in range(_ATTEMPTS):
            part = partial_of(target)
            try:
                fd = self._create(part, target)
                try:
                    if fill(fd) is False:
                        raise _NothingError
                    if self.durability != "none":
                        sync_file(fd)
                finally:
                    os.close(fd)
                put(part, target)
            except FileNotFoundError as exc:
                if attempt == _ATTEMPTS - 1:
                    raise self._unwritten(target, exc) from exc
            except OSError as exc:
                remove_partial(part)
                raise self._unwritten(target, exc) from exc
            except BaseException:
                remove_partial(part)
                raise
            else:
                if self.durability == "full":
                    self._settle(os.path.dirname(target))
                return

    def _unwritten(self, target: str, exc: OSError) -> OSError:
        key = target[len(self._root) :]
        return explained(
            exc, f"the value {key!r} can't be written, and the key has the value that it had", target
        )

    def _create(self, part: str, target: str) -> int:
        try:
            return os.open(part, OPEN_NEW, 0o666)
        except FileNotFoundError:
            folder = os.path.dirname(target)
            if self.durability == "full":
                self._unsettle()
            try:
                os.makedirs(folder, exist_ok=True)
            except FileExistsError:
                # unless a file is there, it was deleted just after somebody else had made it
                if os.path.isfile(folder):
                    raise
            return os.open(part, OPEN_NEW, 0o666)

    def _settle(self, folder: str) -> None:
        """Wait until the names in a directory are on the disk, and its own among those above."""
        above = folder
        try:
            sync_directory(above)
            while folder not in self._synced_dirs and above != self._topmost:
                above = os.path.dirname(above)
                self._sync_above(above)
        except FileNotFoundError:
            # somebody deleted it, after what was done here
            return
        except OSError as exc:
            problem = "its changes are made, but are not known to be on the disk"
            raise explained(exc, problem, above) from exc
        self._synced_dirs.add(folder)

    def _sync_above(self, folder: str) -> None:
        try:
            sync_directory(folder)
        except PermissionError:
            # above the root there may be directories that are not ours to read; they were there before
            if len(folder) >= len(self.path):
                raise

    def _unsettle(self) -> None:
        """Find the directory in which the next one is made."""
        self._synced_dirs.clear()
        while not os.path.isdir(self._topmost) and self._topmost != os.path.dirname(self._topmost):
            self._topmost = os.path.dirname(self._topmost)

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
            # it has its own name now; the other one may be gone already, if somebody cleaned up
            remove_partial(part)

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
            remove_tree(path)
        if self.durability == "full":
            self._settle(os.path.dirname(path))

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
            folders[:] = [name for name in folders if not PARTIAL.search(name)]
            for name in names:
                if not PARTIAL.search(name):
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
            return sorted(name for name in os.listdir(self.dir_path(path)) if not PARTIAL.search(name))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def rmdir(self, path: str | None = None) -> None:
        """Delete all keys below `path`, in one step for who reads or writes there meanwhile."""
        folder = self.dir_path(path)
        if not os.path.isdir(folder):
            return
        doomed = folder
        if not os.path.islink(folder):
            doomed = partial_of(folder)
            try:
                os.rename(folder, doomed)
            except FileNotFoundError:
                return
            except OSError:
                # it stays where it is: nothing can be written beside it, or something is mounted there
                doomed = folder
        while os.path.lexists(doomed):
            try:
                remove_tree(doomed)
            except OSError as exc:
                # somebody else who deletes it too was faster with a file, or somebody had just begun to
                # write one before it was renamed
                if exc.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                    raise
        self._moved(folder)

    def rename(self, src_path: str, dst_path: str) -> None:
        """Move all keys below `src_path` to below `dst_path`, in one step."""
        target = self.dir_path(dst_path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(self.dir_path(src_path), target)
        self._moved(self.dir_path(src_path), target)

    def _moved(self, *paths: str) -> None:
        """Wait until it is on the disk that names are gone, or came."""
        if self.durability == "full":
            self._synced_dirs.clear()
            for path in paths:
                self._settle(os.path.dirname(path))

    def leftovers(self, older_than: float = 0) -> Iterator[str]:
        """Iterate over what killed writers left, and what live ones are at.

        Parameters
        ----------
        older_than : seconds since the last change; what is younger is left out

        Returns
        -------
        Paths of files, and of directories that are half deleted; one beside the directory of the store
        begins with ``"../"``
        """
        before = time.time() - older_than
        above, own = os.path.split(self.path)
        beside = os.listdir(above) if os.path.isdir(above) else []
        for name in beside:
            if _is_left_of(own, name) and _changed(os.path.join(above, name)) <= before:
                yield f"../{name}"
        skip = len(self._root)
        for folder, folders, names in os.walk(self.path):
            for name in filter(PARTIAL.search, (*folders, *names)):
                place = os.path.join(folder, name)
                if _changed(place) <= before:
                    yield place[skip:].replace(os.sep, "/")
            folders[:] = [name for name in folders if not PARTIAL.search(name)]

    def remove_leftover(self, path: str) -> None:
        """Remove what `leftovers` gave. A writer of ours that is at it begins anew."""
        if not PARTIAL.search(path):
            raise KeyPathError(path, "no writer left it")
        above, own = os.path.split(self.path)
        if path.startswith("../") and _is_left_of(own, path[3:]):
            place = os.path.join(above, path[3:])
        else:
            place = self._root + check_key(path)
        if os.path.isdir(place) and not os.path.islink(place):
            remove_tree(place)
        else:
            os.unlink(place)

    def getsize(self, path: str | None = None) -> int:
        """Return the bytes of the files directly below `path`, or of the file that is its key."""
        place = self.dir_path(path)
        try:
            with os.scandir(place) as entries:
                return sum(
                    entry.stat().st_size
                    for entry in entries
                    if entry.is_file() and not PARTIAL.search(entry.name)
                )
        except NotADirectoryError:
            return os.path.getsize(place)
        except FileNotFoundError:
            return 0


def _absolute(path: str) -> str:
    """Return the absolute path of a directory, which may be still to be made."""
    # most paths are seen at once to be such
    if path[:1] != "/" or "//" in path or "/." in path or path[-1] == "/":
        path = os.path.abspath(os.path.expanduser(path))
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        # it is not there, or can't be: what reads or writes says so
        return path
    if not stat.S_ISDIR(mode):
        raise NotADirectoryError(f"{path!r} exists and is not a directory")
    return path


def _is_left_of(own: str, name: str) -> bool:
    """Is this the name of a directory that is half deleted, and was called `own`?"""
    left = PARTIAL.search(name)
    return left is not None and name[: left.start()] == own


def _changed(place: str) -> float:
    """Return when something was last changed; never, where it is gone."""
    try:
        return os.lstat(place).st_mtime
    except FileNotFoundError:
        return math.inf
