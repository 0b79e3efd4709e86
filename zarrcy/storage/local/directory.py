"""A store in a directory. Each key is a file, and each write is atomic."""

from __future__ import annotations

import copy
import errno
import math
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import cast

from zarrcy.errors import FSPathExistNotDir, KeyPathError, NotAFileError, ValueLengthError
from zarrcy.keys import QUARANTINE, are_harmless, check_key, is_key, normalize_path, only_listed
from zarrcy.storage.base import Store, check_ranges
from zarrcy.storage.capabilities import OpenFile
from zarrcy.storage.listing import warn_denied
from zarrcy.storage.local.atomic_files import (
    OPEN_NEW,
    OPEN_READ,
    PARTIAL,
    OpenValue,
    as_durability,
    claim_file,
    explained,
    is_missing,
    native,
    open_file,
    partial_of,
    path_identities,
    read_file,
    remove_partial,
    replace_file,
    sync_directory,
    sync_file,
    what_is_at,
    write_all,
)
from zarrcy.sync.key_locks import Descriptor
from zarrcy.types import Buffer

_GROUP_DOCUMENTS = frozenset({".zgroup", "zarr.json"})
_ATTEMPTS = 100
# Threads that wait for the disk, and the files that each of them takes at a time.
_SYNCING, _SYNCED_AT_ONCE = 16, 4


class _NothingError(Exception):
    """There is no value to store."""


class _TakenError(Exception):
    """The file already exists, and must not be replaced."""


class DirectoryStore(Store):
    """Store in a directory. Each key is a file.

    A value is written under a temporary name and then renamed, so readers see the old value or the new value,
    never a part of one. Reading a value takes four system calls (open, fstat, read, close), and so does writing
    one (open, write, close, rename). Directories are created only when a write finds that they are missing.

    Parameters
    ----------
    path : str or os.PathLike
        Directory of the store. It is created when the first value is written.
    normalize_keys : bool, default False
        Convert keys to lower case.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.
    durability : {"none", "data", "full"}, optional
        What can be lost if the power fails or the operating system crashes. With "none", recently written values
        can be lost or torn. With "data", recently written values can be lost, but each key has a complete old or
        new value. With "full", nothing is lost after the write or deletion has returned. The default is
        ``ZARRCY_DURABILITY`` from the environment, or "none". A crash of the program alone never loses a value
        that was written.
    follow_symlinks : bool, default True
        Follow symbolic links in the directory. If False, keys whose path contains a link are refused. Use False for
        directories from an untrusted source, whose links could lead to other files.

    See Also
    --------
    NestedDirectoryStore : The same with "/" between chunk coordinates.
    TempStore : The same in a temporary directory.

    Examples
    --------
    >>> import tempfile, zarrcy
    >>> with tempfile.TemporaryDirectory() as path:
    ...     a = zarrcy.array([1, 2, 3], store=DirectoryStore(path, durability="full"))
    ...     sorted(a.store)
    ['.zarray', '0']
    """

    consumes_values = True
    """The value is written when ``__setitem__`` returns, so the caller may reuse its memory."""

    range_gap = 16 * 1024
    """Number of bytes; reading this many extra bytes costs as much as one more range."""

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
        # directories whose own entries, and those of all their parents up to `_topmost`, are on disk
        self._synced_dirs: set[str] = set()
        self._topmost = os.path.dirname(path)
        self.follow_symlinks = follow_symlinks
        self._rewrites_keys = normalize_keys or not follow_symlinks

    def _file_of(self, key: str) -> str:
        # hot path: these tests accept most keys; `check_key` decides about the others; all texts contain the empty one
        if (
            key.__class__ is not str
            or ".." in key
            or "./" in key
            or "//" in key
            or "\\" in key
            or "\0" in key
            or not key.isascii()
            or key[:1] in "/"
            or key[-1:] in "/."
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
                raise KeyPathError(
                    path, f"{at!r} is a symbolic link, and the store has follow_symlinks=False"
                )

    def get(self, key: str, default: Buffer | None = None) -> Buffer | None:
        try:
            value = read_file(self._file_of(key))
        except OSError as exc:
            raise self._unread(key, exc) from exc
        return default if value is None else cast(bytes, value)

    def read_value(self, key: str, most: int = -1, strict: bool = True) -> bytes | None:
        """Return a value; None only if nothing is stored under the key.

        `get` also returns None where a directory, a symbolic link to nothing, or a file on the way is in place of
        the value.

        Parameters
        ----------
        key : str
            The key.
        most : int, default -1
            Length of the longest value that is read, in bytes; -1 for any length.
        strict : bool, default True
            False to return None also for a directory, and for a path that leads through a file.

        Returns
        -------
        bytes or None
            The value.

        Raises
        ------
        NotAFileError
            If there is something else than a file.
        ValueLengthError
            If the value is longer than `most` bytes.
        """
        path = self._file_of(key)
        try:
            value = read_file(path, most, strict=True)
        except OSError as exc:
            if not strict and exc.errno in (errno.EISDIR, errno.ENOTDIR):
                return None
            raise self._unread(key, exc) from exc
        if isinstance(value, int):
            raise ValueLengthError(key, value, most)
        return value

    # -- capabilities ------------------------------------------------------------------------------

    def is_local(self) -> bool:
        """Return True: a request is a system call."""
        return True

    def is_thread_safe(self) -> bool:
        """Return True: each request opens its own file."""
        return True

    def file_prefix(self) -> str | None:
        """Return the path of the directory with a trailing slash; None if file names are not the keys."""
        return None if self._rewrites_keys else self._root

    def file_to_lock(self, key: str) -> str:
        """Return the path of the file of a key."""
        return self._root + (key.lower() if self.normalize_keys else key)

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return the real path of a directory, with all links resolved, and its device and inode."""
        prefix = prefix.lower() if self.normalize_keys else prefix
        return path_identities(self._root + prefix)

    def rename_key(self, key: str, new: str) -> None:
        """Move the value of `key` to `new`, atomically."""
        self.rename(key, new)

    def value_nbytes(self, key: str) -> int | None:
        """Return the length of a value in bytes; None if the key does not exist."""
        try:
            status = os.stat(self._file_of(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None if stat.S_ISDIR(status.st_mode) else status.st_size

    def _unread(self, key: str, exc: OSError) -> OSError:
        path = self._file_of(key)
        problem = what_is_at(path)
        if problem:
            return NotAFileError(key, path, problem)
        return explained(exc, f"the value {key!r} can't be read", path)

    def open_value(self, key: str) -> OpenFile | None:
        """Open the file of a value, to read parts of it. Close it after use.

        Parameters
        ----------
        key : str
            The key.

        Returns
        -------
        OpenFile or None
            The open value; None if nothing is stored under the key.

        Raises
        ------
        NotAFileError
            If there is something else than a file.
        """
        return self._open_value(key, strict=True)

    def _open_value(self, key: str, strict: bool) -> OpenFile | None:
        path = self._file_of(key)
        if native is not None:
            value = native.open_file(path)
            if value is not False:
                return cast("OpenFile | None", value)
        try:
            opened = open_file(path, strict)
        except OSError as exc:
            raise self._unread(key, exc) from exc
        if opened is None:
            return None
        descriptor, status = opened
        return OpenValue(descriptor, status.st_size, (status.st_ino, status.st_mtime_ns, status.st_size))

    def get_partial_values(
        self, key_ranges: Iterable[tuple[str, tuple[int, int | None]]]
    ) -> list[bytes | None]:
        """Read parts of values.

        Parameters
        ----------
        key_ranges : iterable of (str, (int, int or None))
            Keys and ranges ``(start, nbytes)``, in bytes. A negative start counts from the end of the value. If
            nbytes is None, the range ends with the value.

        Returns
        -------
        list of bytes or None
            The bytes that exist in each range; None for a key that does not exist.

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
            value = self._open_value(key, strict=False)
            if value is None:
                parts.append(None)
            else:
                with value:
                    parts.append(value.read(start, nbytes))
        return parts

    def __getitem__(self, key: str) -> bytes:
        value: bytes | None = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Buffer) -> None:
        target = self._file_of(key)
        if self.durability == "none" and replace_file(target, value):
            return
        self._write(target, lambda fd: write_all(fd, value), self._replace)

    def write_value(self, key: str, fill: Callable[[int], object]) -> None:
        """Store the bytes that `fill` writes to a file descriptor. Delete the key if `fill` returns False."""
        try:
            self._write(self._file_of(key), fill, self._replace)
        except _NothingError:
            self.discard(key)

    def create_value(self, key: str, fill: Callable[[int], object]) -> bool:
        """Store the bytes that `fill` writes to a file descriptor, unless the key exists.

        Parameters
        ----------
        key : str
            The key.
        fill : callable
            Takes the descriptor; returns False if nothing is to be stored.

        Returns
        -------
        bool
            False if the key exists.
        """
        try:
            self._write(self._file_of(key), fill, self._link)
        except _NothingError:
            return True
        except _TakenError:
            return False
        return True

    def discard(self, key: str) -> None:
        """Delete a key if it exists.

        Parameters
        ----------
        key : str
            The key.
        """
        if key in self:
            # another thread may delete it first
            with suppress(KeyError):
                del self[key]

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        """Store `default` if the key does not exist, and return the value of the key.

        If several processes do this at once, exactly one stores its value. That needs a file system with hard links.
        """
        target = self._file_of(key)
        for _ in range(_ATTEMPTS):
            if self._claim(target, default):
                return default
            if os.path.isdir(target):
                raise KeyPathError(key, "it is the path of other keys")
            # None if the file was deleted since: then try again
            value = self.read_value(key)
            if value is not None:
                return value
        raise OSError(
            errno.EBUSY,
            f"the value {key!r} can't be created: each time, other programs create and delete it",
            target,
        )

    def _claim(self, target: str, value: Buffer) -> bool:
        """Write a file and return True, or return False if the file exists."""
        claimed = claim_file(target, value) if self.durability == "none" else None
        if claimed is None:
            try:
                self._write(target, lambda fd: write_all(fd, value), self._link)
            except _TakenError:
                return False
        return claimed is not False

    def _write(self, target: str, fill: Callable[[int], object], put: Callable[[str, str], None]) -> None:
        """Write a value under a temporary name, and move it to its final name with `put`.

        Start again if another process deletes the directory in the meantime.
        """
        for attempt in range(_ATTEMPTS):
            part = partial_of(target)
            try:
                with self._create(part, target) as fd:
                    self._fill(fd, fill)
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
            exc, f"the value {key!r} can't be written; the key still has its previous value", target
        )

    def _fill(self, fd: int, fill: Callable[[int], object]) -> None:
        if fill(fd) is False:
            raise _NothingError
        if self.durability != "none":
            sync_file(fd)

    def _create(self, part: str, target: str) -> Descriptor:
        try:
            return Descriptor(os.open, part, OPEN_NEW, 0o666)
        except FileNotFoundError:
            folder = os.path.dirname(target)
            if self.durability == "full":
                self._unsettle()
            try:
                os.makedirs(folder, exist_ok=True)
            except FileExistsError:
                # an error only if it is a file; otherwise another process created and deleted the directory
                if os.path.isfile(folder):
                    raise
            return Descriptor(os.open, part, OPEN_NEW, 0o666)

    def _settle(self, folder: str) -> None:
        """Wait until the entries of a directory, and its own entry in its parents, are on disk."""
        # a thread that creates or deletes directories meanwhile replaces the set, so what follows is not added to that
        above, synced = folder, self._synced_dirs
        try:
            sync_directory(above)
            while folder not in synced and above != self._topmost:
                above = os.path.dirname(above)
                self._sync_above(above)
        except FileNotFoundError:
            # another process deleted the directory after the change
            return
        except OSError as exc:
            problem = "the change is made, but may not be on disk yet"
            raise explained(exc, problem, above) from exc
        synced.add(folder)

    def _sync_above(self, folder: str) -> None:
        try:
            sync_directory(folder)
        except PermissionError:
            # parents of the root may be unreadable; they existed before this store
            if len(folder) >= len(self.path):
                raise

    def _unsettle(self) -> None:
        """Find the existing directory below which the next directory is created."""
        self._synced_dirs = set()
        topmost = self._topmost
        while not os.path.isdir(topmost) and topmost != os.path.dirname(topmost):
            topmost = os.path.dirname(topmost)
        # another thread may have found one further up
        self._topmost = min(topmost, self._topmost, key=len)

    def sync_values(self, keys: Sequence[str]) -> None:
        """Wait until values and their names are on disk, whatever `durability` is.

        Parameters
        ----------
        keys : sequence of str
            Keys that were written or deleted.
        """
        # programs that do not flush do not need these imports
        from zarrcy.sync.io_depth import values_at_once
        from zarrcy.sync.thread_pool import share

        def sync(first: int, last: int) -> None:
            for key in keys[first:last]:
                self._sync_value(key)

        n = len(keys)
        # the disk writes what several threads wait for in one go: 16 threads take a twentieth of the time of one
        parts = ((first, first + _SYNCED_AT_ONCE) for first in range(0, n, _SYNCED_AT_ONCE))
        share(lambda: sync, parts, min(values_at_once(_SYNCING), -(-n // _SYNCED_AT_ONCE)))
        # also of values that do not exist: the directory that no longer names them has to be on disk
        self._sync_folders({os.path.dirname(self._file_of(key)) for key in keys})

    def _sync_value(self, key: str) -> None:
        path = self._file_of(key)
        try:
            with Descriptor(os.open, path, OPEN_READ) as fd:
                sync_file(fd)
        except (FileNotFoundError, NotADirectoryError):
            # it was deleted
            return
        except OSError as exc:
            raise explained(exc, f"the value {key!r} is written, but may not be on disk", path) from exc

    def _sync_folders(self, folders: set[str]) -> None:
        """Wait until the entries of directories, and those of all their parents, are on disk."""
        reached: set[str] = set()
        for folder in folders:
            above = folder
            while above not in reached:
                reached.add(above)
                try:
                    self._sync_above(above)
                except FileNotFoundError:
                    # nothing below it is stored
                    pass
                except OSError as exc:
                    raise explained(exc, "the change is made, but may not be on disk", above) from exc
                above = os.path.dirname(above)

    def with_durability(self, durability: str) -> DirectoryStore:
        """Return a store of the same directory with another `durability`.

        Parameters
        ----------
        durability : {"none", "data", "full"}
            What can be lost if the power fails.

        Returns
        -------
        DirectoryStore
            A store of the same class.
        """
        store = copy.copy(self)
        store.durability = as_durability(durability)
        store._synced_dirs = set()
        return store

    def _link(self, part: str, target: str) -> None:
        """Rename a file, but do not replace an existing file."""
        try:
            os.link(part, target)
        except FileNotFoundError:
            raise
        except FileExistsError:
            raise _TakenError from None
        except OSError:
            # the file system has no hard links, so a writer between the test and the rename is not noticed
            if os.path.exists(target):
                raise _TakenError from None
            os.replace(part, target)
        else:
            # the value has its final name now; the temporary name may already be gone, if a cleanup removed it
            remove_partial(part)

    def _replace(self, part: str, target: str) -> None:
        try:
            os.replace(part, target)
        except IsADirectoryError:
            raise KeyPathError(target[len(self._root) :], "it is the path of other keys") from None

    def __delitem__(self, key: str) -> None:
        path = self._file_of(check_key(key))
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            raise KeyError(key) from None
        except (IsADirectoryError, PermissionError):
            if not os.path.lexists(path):
                # another process deleted the directory since
                raise KeyError(key) from None
            if not os.path.isdir(path):
                raise
            # as in zarr-python, the name of a directory stands for all keys below it
            self.rmdir(key)
            return
        if self.durability == "full":
            self._settle(os.path.dirname(path))

    def __contains__(self, key: object) -> bool:
        return is_key(key) and os.path.isfile(self._file_of(key))

    def denied_below(self, path: str | None = None) -> Iterator[str]:
        """Iterate over the paths of directories below `path` that this user may not list or search.

        Links to nothing beside the document of a group are among them: there was a node.

        Parameters
        ----------
        path : str, optional
            Path of a node; the root by default.

        Yields
        ------
        str
            Path relative to the store.
        """
        denied: list[OSError] = []
        for folder, folders, names in os.walk(self.dir_path(path), onerror=denied.append):
            if _is_searchable(folder):
                folders[:] = _only_listed(folders)
                if not _GROUP_DOCUMENTS.isdisjoint(names):
                    for name in _only_listed(names):
                        link = os.path.join(folder, name)
                        if name.startswith(".") or name in _GROUP_DOCUMENTS or os.path.exists(link):
                            continue
                        # otherwise it is a file that was deleted since it was listed
                        if os.path.islink(link):
                            yield link[len(self._root) :].replace(os.sep, "/")
            else:
                folders.clear()
                yield folder[len(self._root) :].replace(os.sep, "/")
        for exc in denied:
            if isinstance(exc, PermissionError):
                yield os.fspath(exc.filename)[len(self._root) :].replace(os.sep, "/")

    def has_each(self, keys: Iterable[str], strict: bool = True) -> list[bool]:
        """Return for each key whether it exists. This is faster than ``in``.

        It also returns True for a directory, so use it only for names that are never directories.

        Parameters
        ----------
        keys : iterable of str
            The keys.
        strict : bool, default True
            False to return False for a symbolic link that leads to nothing.

        Returns
        -------
        list of bool
            One for each key.

        Raises
        ------
        NotAFileError
            If there is a symbolic link that leads to nothing, and `strict`.
        """
        keys, root, exists = list(keys), self._root, os.F_OK
        if self._rewrites_keys or not are_harmless(keys):
            paths = [self._file_of(key) for key in keys]
        else:
            paths = [root + key for key in keys]
        if not strict:
            return [os.access(path, exists) for path in paths]
        return [
            os.access(path, exists) or (not is_missing(path) and self._leads_somewhere(key, path))
            for key, path in zip(keys, paths, strict=True)
        ]

    def _leads_somewhere(self, key: str, path: str) -> bool:
        """Return whether a link leads to a file now; raise NotAFileError if it leads to nothing."""
        try:
            return read_file(path, 0, strict=True) is not None
        except OSError as exc:
            if exc.errno == errno.ENOTDIR:
                return False
            raise self._unread(key, exc) from exc

    def __iter__(self) -> Iterator[str]:
        skip = len(self._root)
        for folder, folders, names in os.walk(self.path, onerror=_warn_denied):
            if not _is_searchable(folder):
                # the names can be listed, but not used
                folders.clear()
                warn_denied(folder)
                continue
            folders[:] = _only_listed(folders)
            for name in _only_listed(names):
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
        """Return the directory that contains the files of the keys below `path`.

        Parameters
        ----------
        path : str, optional
            Path of a node; the root by default.

        Returns
        -------
        str
            Path in the file system.
        """
        if not path:
            return self.path
        path = normalize_path(path)
        self._refuse_links(path)
        return os.path.join(self.path, path)

    def listdir(self, path: str | None = None) -> list[str]:
        try:
            return sorted(_only_listed(os.listdir(self.dir_path(path))))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def rmdir(self, path: str | None = None) -> None:
        """Delete all keys below `path`. For concurrent readers and writers they disappear at once.

        Parameters
        ----------
        path : str, optional
            Path of a node; the root by default.

        Raises
        ------
        OSError
            If they can't be deleted. All keys still exist then.
        """
        # programs that only read do not need this import
        from zarrcy.storage.local.removal import remove_folder

        folder = self.dir_path(path)
        if os.path.isdir(folder):
            remove_folder(folder)
            self._moved(folder)

    def check_rmdir(self, path: str | None = None) -> None:
        """Raise PermissionError, or another OSError, if `rmdir` can't delete the keys below `path`.

        Parameters
        ----------
        path : str, optional
            Path of a node; the root by default.
        """
        folder = self.dir_path(path)
        if not os.path.isdir(folder):
            return
        from zarrcy.storage.local.removal import check_removable

        check_removable(folder)

    def rename(self, src_path: str, dst_path: str) -> None:
        """Move all keys below `src_path` to below `dst_path`, atomically."""
        target = self.dir_path(dst_path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(self.dir_path(src_path), target)
        self._moved(self.dir_path(src_path), target)

    def _moved(self, *paths: str) -> None:
        """Wait until the entries of renamed or deleted paths are on disk."""
        if self.durability == "full":
            self._synced_dirs = set()
            for path in paths:
                self._settle(os.path.dirname(path))

    def leftovers(self, older_than: float = 0) -> Iterator[str]:
        """Iterate over temporary files and directories, which interrupted or active writers left.

        Parameters
        ----------
        older_than : float, default 0
            Leave out files that were changed less than this many seconds ago.

        Yields
        ------
        str
            Path of a file, or of a directory that is partly deleted. A path beside the directory of the store begins
            with ``"../"``.
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

    def leftover_target(self, path: str) -> str | None:
        """Return the path at which `remove_leftover` keeps a directory; None for a file or an empty directory.

        A directory that was not deleted yet gets its name back, if nothing took its place. Of one that was partly
        deleted, the remaining files are moved below ``__quarantine__``.

        Parameters
        ----------
        path : str
            A path that `leftovers` returned.

        Returns
        -------
        str or None
            Path relative to the store. The root is an empty string.
        """
        from zarrcy.storage.local.removal import can_be_restored, is_empty_tree, original_of

        place = self._place_of_leftover(path)
        if os.path.islink(place) or not os.path.isdir(place) or is_empty_tree(place):
            return None
        if can_be_restored(place):
            return original_of(place)[len(self._root) :].rstrip("/")
        target = os.path.join(QUARANTINE, path.removeprefix("../"))
        # the temporary name is unique, but is hidden from listings
        return target.removesuffix(".partial")

    def remove_leftover(self, path: str) -> None:
        """Delete a temporary file that `leftovers` returned, or move a directory to its `leftover_target`.

        A writer that uses the file starts again.

        Parameters
        ----------
        path : str
            A path that `leftovers` returned.
        """
        from zarrcy.storage.local.removal import can_be_restored, remove_folder, restore

        place, target = self._place_of_leftover(path), self.leftover_target(path)
        try:
            if target is None and os.path.isdir(place) and not os.path.islink(place):
                remove_folder(place)
            elif target is None:
                os.unlink(place)
            elif can_be_restored(place):
                restore(place)
            else:
                os.makedirs(os.path.dirname(self._root + target), exist_ok=True)
                os.rename(place, self._root + target)
        except FileNotFoundError:
            # a writer that is at work has given it its name since, or deleted it
            if os.path.lexists(place):
                raise

    def _place_of_leftover(self, path: str) -> str:
        if not PARTIAL.search(path):
            raise KeyPathError(path, "it is not a temporary file of a writer")
        above, own = os.path.split(self.path)
        if path.startswith("../") and _is_left_of(own, path[3:]):
            return os.path.join(above, path[3:])
        return self._root + check_key(path)

    def getsize(self, path: str | None = None) -> int:
        place = self.dir_path(path)
        try:
            with os.scandir(place) as entries:
                # hot path: the names of most files show without a search that they are not temporary
                return sum(
                    [
                        _size_of(entry)
                        for entry in entries
                        if entry.is_file()
                        and not (entry.name.endswith(".partial") and PARTIAL.search(entry.name))
                    ]
                )
        except NotADirectoryError:
            # 0 if another process deleted the file since
            return self.value_nbytes(normalize_path(path)) or 0
        except FileNotFoundError:
            return 0


def _absolute(path: str) -> str:
    """Return the absolute path of a directory, which need not exist."""
    # hot path: this test accepts most paths
    if path[:1] != "/" or "//" in path or "/." in path or path[-1] == "/":
        path = os.path.abspath(os.path.expanduser(path))
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        # it does not exist or is not accessible; reads and writes raise the error
        return path
    if not stat.S_ISDIR(mode):
        raise FSPathExistNotDir(path)
    return path


def _only_listed(names: Iterable[str]) -> list[str]:
    """Return the names that can be those of keys or nodes, without temporary files."""
    names = only_listed(names)
    # hot path: one test accepts most lists of names
    if ".partial/" in "/".join(names) + "/":
        return [name for name in names if not PARTIAL.search(name)]
    return names


def _warn_denied(exc: OSError) -> None:
    """Warn about a directory that can't be listed, but not about one that was deleted meanwhile."""
    if isinstance(exc, PermissionError):
        warn_denied(os.fspath(exc.filename))


def _is_searchable(folder: str) -> bool:
    """Return whether what is in a directory may be used; True also if it was deleted since."""
    return os.access(folder, os.X_OK) or not os.path.lexists(folder)


def _size_of(entry: os.DirEntry[str]) -> int:
    """Return the length of a file in bytes; 0 if another process deleted it since it was listed."""
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0


def _is_left_of(own: str, name: str) -> bool:
    """Return whether `name` is the temporary name of a directory `own` that is partly deleted."""
    ending = PARTIAL.search(name)
    return ending is not None and name[: ending.start()] == own


def _changed(place: str) -> float:
    """Return the time of the last change of a file; infinity if it does not exist."""
    try:
        return os.lstat(place).st_mtime
    except FileNotFoundError:
        return math.inf
