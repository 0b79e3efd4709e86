"""A store in a zip archive. Each key is a member."""

from __future__ import annotations

import errno
import lzma
import os
import struct
import threading
import time
import zipfile
import zlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import IO, ClassVar, Literal, TypeAlias, cast

from zarrcy.archive_error import ArchiveError
from zarrcy.errors import ArchiveInUseError, NotErasableError, ReadOnlyError, ValueLengthError
from zarrcy.keys import check_key, is_key, normalize_path, prefix_of
from zarrcy.storage.base import Store, flat, slice_of
from zarrcy.storage.byte_ranges import agreed_versions
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.listing import list_sorted
from zarrcy.storage.local.atomic_files import path_identities
from zarrcy.sync import key_locks
from zarrcy.sync.key_locks import Descriptor, LiveObjects, close_archive, uninterrupted
from zarrcy.types import Buffer

_Mode: TypeAlias = Literal["r", "w", "x", "a"]
_LOCAL_HEADER = struct.Struct("<4s22x2H")
_LOCAL_MAGIC = b"PK\x03\x04"
_ENCRYPTED = 0x1
# Attributes of a directory: for Unix with permissions rwxrwxr-x, and for MS-DOS.
_FOLDER = 0o40775 << 16 | 0x10
# Limit for compressed members: deflate expands at most 1032-fold. A member up to the second size, which a large chunk
# may have, is always decoded.
_MAX_EXPANSION = 1032
_ALWAYS_ALLOWED_NBYTES = 256 * 2**20
# A stated length above this is compared with the length of the archive before memory is allocated.
_UNCHECKED_NBYTES = 2**20
# Errors that `zipfile` and its decoders raise for a damaged archive.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class _Archive(zipfile.ZipFile):
    """An archive that is closed when it is freed. Python code does that only where there is something to write."""

    __del__ = close_archive


class ZipStore(Store):
    """Store in a zip archive. Each key is a member.

    An archive only grows. Members can't be deleted, and a member that is written again leaves the old one as
    waste in the file (`zipfile` warns about it). So write each chunk as a whole and once.

    The archive is complete after `close` or `flush`; use the store in a ``with`` statement. If the program is
    killed or the disk becomes full before that, the archive has no directory and `zipfile` can't open it, even if
    a complete archive was opened with mode "a". The values are in the file, and tools such as ``zip -FF`` find
    them. To be safe, write to a directory first and make the archive from it.

    Several threads may use one store. Several stores, in one or several processes, may write to the same archive one
    after the other: a store locks the archive from its first write until `close` or `flush`, and reads the directory
    again if another one has changed it. A store that can't have the lock raises `ArchiveInUseError`.

    Parameters
    ----------
    path : str, os.PathLike or file object
        Path of the archive, or a seekable binary file object with mode "r".
    compression : int, default zipfile.ZIP_STORED
        Compression method of new members, a constant of `zipfile`. The default does not compress, because chunks
        are compressed already.
    allowZip64 : bool, default True
        Allow archives beyond 2 GiB.
    mode : {"a", "r", "w", "x"}, default "a"
        "r" reads; "a" reads and adds members; "w" creates a new archive and replaces an existing one; "x" creates
        an archive and raises an error if it exists.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.

    Raises
    ------
    ArchiveError
        If the file is not a zip archive, or has no directory because its writer was killed or still writes.
    ArchiveInUseError
        If the mode is "w" and another store is writing to the archive.

    Examples
    --------
    >>> import os, tempfile, zarrcy
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = os.path.join(folder.name, "a.zip")
    >>> with ZipStore(path, mode="w") as store:
    ...     a = zarrcy.array([1, 2, 3], store=store)
    >>> with ZipStore(path, mode="r") as store:
    ...     zarrcy.open_array(store, mode="r")[:]
    array([1, 2, 3])
    >>> folder.cleanup()
    """

    _erasable: ClassVar[bool] = False
    consumes_values: ClassVar[bool] = True
    range_gap: int = 16384

    def __init__(
        self,
        path: str | os.PathLike[str] | IO[bytes],
        compression: int = zipfile.ZIP_STORED,
        allowZip64: bool = True,  # noqa: N803
        mode: str = "a",
        dimension_separator: str | None = None,
    ) -> None:
        if mode not in ("r", "w", "a", "x"):
            raise ValueError(f"mode is {mode!r}; a ZipStore has the modes 'r', 'w', 'a' and 'x'")
        self.path: str | IO[bytes]
        if isinstance(path, (str, os.PathLike)):
            self.path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        elif not hasattr(path, "read"):
            raise TypeError(f"{path!r} ({type(path).__name__}) is neither a path nor a file object")
        elif mode != "r":
            raise ValueError(f"mode is {mode!r}; a ZipStore in a file object can only be read, with mode='r'")
        else:
            self.path = path
        self.compression = compression
        self.allowZip64 = allowZip64
        self.mode = mode
        self._dimension_separator = dimension_separator
        self.new_locks()
        key_locks.hold_in_forks(self)
        uninterrupted(self._open, mode)

    def new_locks(self) -> None:
        """Replace the lock by a new one, which is free. Called in a forked child."""
        self.mutex = threading.RLock()

    def call_lock(self) -> threading.RLock:
        """Return the lock that each call holds. A fork waits for it.

        Returns
        -------
        threading.RLock
            The lock.
        """
        return self.mutex

    # What changes the archive or its directory runs uninterrupted: `zipfile` is not made for exceptions of signal
    # handlers, and an archive without its directory is lost.

    def _open(self, mode: str) -> None:
        if mode == "w" and isinstance(self.path, str):
            self._refuse_other_writer(self.path)
        try:
            is_new = mode in ("w", "x") or (mode == "a" and _is_empty(self.path))
            if mode == "a" and not is_new and not zipfile.is_zipfile(self.path):
                raise zipfile.BadZipFile("it has no directory: its writer was killed, or is still writing")
            self.zf = _Archive(self.path, cast(_Mode, mode), self.compression, self.allowZip64)
        except _DAMAGE as exc:
            if mode not in ("r", "a"):
                raise
            raise ArchiveError(str(self.path), "", _text_of(exc)) from exc
        self._sorted: list[str] | None = None
        self._is_flushed = not is_new
        # the state of the archive when its directory was read; the size after the last own write while it is locked
        self._seen = self._signature() if mode == "a" and not is_new else None
        self._size: int | None = None
        self._pid = os.getpid()
        if is_new:
            self._begin_new()
        if mode != "r":
            _writers.add(self)

    def _lock(self) -> AbstractContextManager[bool]:
        """Return the lock for using the archive.

        A forked child opens the archive again, because it would share the file position with its parent.
        """
        if self._pid != os.getpid() and isinstance(self.path, str):
            if self.mode != "r":
                raise RuntimeError(
                    f"the zip archive {self.path!r} was opened for writing before this process was forked; "
                    "open it in this process, with mode='r'"
                )
            with self.mutex:
                # not if another thread of the child has done it since
                if self.zf.fp is not None and self._pid != os.getpid():
                    uninterrupted(self._open, "r")
        return self.mutex

    def __reduce__(self) -> tuple[type[ZipStore], tuple[object, ...]]:
        self.flush()
        mode = "a" if self.mode in ("w", "x") else self.mode
        return type(self), (self.path, self.compression, self.allowZip64, mode, self._dimension_separator)

    def is_writeable(self) -> bool:
        return self.mode != "r"

    # -- reading -----------------------------------------------------------------------------------

    def _member(self, key: str) -> zipfile.ZipInfo:
        self._open_file()
        try:
            return self.zf.getinfo(check_key(key))
        except KeyError:
            raise KeyError(key) from None

    def _open_file(self) -> IO[bytes]:
        file = self.zf.fp
        if file is None:
            raise ValueError(f"the zip archive {self.path!r} is closed")
        return file

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return names made of the real path and of the inode of the archive."""
        if not isinstance(self.path, str):
            return (f"memory:{id(self)}/{prefix}",)
        return tuple(f"{name}{prefix}" for name in path_identities(self.path))

    def __getitem__(self, key: str) -> bytes:
        with self._lock():
            member = self._member(key)
            with self._naming(key):
                return self._read(member, slice(0, member.file_size))

    def _read(self, member: zipfile.ZipInfo, part: slice) -> bytes:
        whole = part == slice(0, member.file_size)
        if _is_stored(member):
            value = self._read_stored(member, part)
            if whole and zlib.crc32(value) != member.CRC:
                raise zipfile.BadZipFile("its CRC-32 is wrong")
            return value
        if member.file_size > max(_ALWAYS_ALLOWED_NBYTES, _MAX_EXPANSION * member.compress_size):
            raise zipfile.BadZipFile(f"{member.compress_size} bytes would expand to {member.file_size}")
        if whole:
            return self.zf.read(member)
        with self.zf.open(member) as file:
            file.seek(part.start)
            return file.read(part.stop - part.start)

    @contextmanager
    def _naming(self, key: str) -> Iterator[None]:
        """Raise errors of a damaged archive as ArchiveError, with the key of the member."""
        try:
            yield
        except _DAMAGE as exc:
            raise ArchiveError(str(self.path), key, _text_of(exc)) from exc
        except OSError as exc:
            # bz2 raises OSError for damaged data; errors of the operating system have a number
            if exc.errno is not None:
                raise
            raise ArchiveError(str(self.path), key, _text_of(exc)) from exc

    def _read_stored(self, member: zipfile.ZipInfo, part: slice) -> bytes:
        """Read a part of an uncompressed member. This is many times faster than `zipfile`."""
        file = self._open_file()
        nbytes = part.stop - part.start
        if nbytes > _UNCHECKED_NBYTES and nbytes > file.seek(0, os.SEEK_END):
            # `read` would allocate this much memory first
            raise zipfile.BadZipFile(f"it states {nbytes} bytes, which is more than the archive has")
        file.seek(member.header_offset)
        header = file.read(_LOCAL_HEADER.size)
        # lengths of the name and the extra field; they may differ from those in the archive's directory
        magic, *lengths = _LOCAL_HEADER.unpack(header.ljust(_LOCAL_HEADER.size))
        file.seek(member.header_offset + _LOCAL_HEADER.size + sum(lengths) + part.start)
        value = file.read(nbytes)
        if magic != _LOCAL_MAGIC or len(value) != nbytes:
            raise zipfile.BadZipFile("it is incomplete")
        return value

    def read_value(self, key: str, most: int = -1, strict: bool = True) -> bytes | None:
        """Return a value; None if the key does not exist.

        Parameters
        ----------
        key : str
            The key.
        most : int, default -1
            Length of the longest value that is read, in bytes; -1 for any length.
        strict : bool, default True
            Has no effect here.

        Returns
        -------
        bytes or None
            The value.

        Raises
        ------
        ValueLengthError
            If the value is longer than `most` bytes.
        """
        with self._lock():
            try:
                nbytes = self._member(key).file_size
            except KeyError:
                return None
            if 0 <= most < nbytes:
                raise ValueLengthError(key, nbytes, most)
            return self[key]

    def open_value(self, key: str) -> _OpenMember | None:
        """Return the present value of a key, to read parts of it; None if the key does not exist.

        Parameters
        ----------
        key : str
            The key.

        Returns
        -------
        open value or None
            All of its reads return parts of the same value, even if the key is written meanwhile.
        """
        with self._lock():
            try:
                return _OpenMember(self, key, self._member(key))
            except KeyError:
                return None

    def read_part(self, key: str, member: zipfile.ZipInfo, key_range: tuple[int, int | None]) -> bytes:
        """Read a part of a member that may not be the present value of its key any more. For modules of zarrcy.

        Parameters
        ----------
        key : str
            The key of the member.
        member : zipfile.ZipInfo
            The member.
        key_range : tuple of int and int or None
            Start and length of the part, in bytes.

        Returns
        -------
        bytes
            The part.
        """
        with self._lock(), self._naming(key):
            return self._read(member, slice_of(key_range, member.file_size))

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[bytes | None]:
        """Return parts of values. A compressed member is decoded once, from its start to the end of the last part."""
        return self.get_versioned_values(key_ranges, {})[0]

    def get_versioned_values(
        self, key_ranges: Sequence[KeyRange], versions: Mapping[str, Hashable]
    ) -> tuple[list[bytes | None], dict[str, Hashable]]:
        """Return parts of values, of one version of each value; see `zarrcy.storage.capabilities.ReadsVersions`.

        The version is the position of the member in the archive, which only grows.
        """
        spans: dict[str, list[tuple[int, int | None]]] = {}
        for key, span in key_ranges:
            spans.setdefault(key, []).append(span)
        with self._lock():
            parts = {key: self._read_ranges(key, spans_of_key) for key, spans_of_key in spans.items()}
            positions = [(key, self._position(key)) for key in spans]
        remaining = {key: iter(parts_of_key) for key, parts_of_key in parts.items()}
        return [next(remaining[key]) for key, _ in key_ranges], agreed_versions(versions, positions)

    def _position(self, key: str) -> int | None:
        member = self.zf.NameToInfo.get(key)
        return None if member is None else member.header_offset

    def _read_ranges(self, key: str, spans: list[tuple[int, int | None]]) -> list[bytes | None]:
        """Read parts of one value; the caller holds the lock."""
        try:
            member = self._member(key)
        except KeyError:
            return [None] * len(spans)
        cuts = [slice_of(span, member.file_size) for span in spans]
        with self._naming(key):
            if _is_stored(member):
                return [self._read(member, cut) for cut in cuts]
            # one decoder for all parts
            start, stop = min(cut.start for cut in cuts), max(cut.stop for cut in cuts)
            value = self._read(member, slice(start, stop))
            return [value[cut.start - start : cut.stop - start] for cut in cuts]

    def __contains__(self, key: object) -> bool:
        with self._lock():
            return is_key(key) and key in self.zf.NameToInfo

    # -- writing -----------------------------------------------------------------------------------

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._check_writeable()
        data = flat(value)
        is_folder = key.endswith("/") and not len(data)
        with self._lock():
            self._open_file()
            check_key(key[:-1] if is_folder else key)
            if self._holds(key, data):
                # writing the same value again would only waste space
                return
            uninterrupted(self._append, key, data)

    def _append(self, key: str, data: bytes | memoryview) -> None:
        """Write a member at the end of the archive; the caller holds the lock."""
        self._begin()
        member = zipfile.ZipInfo(key, time.localtime()[:6])
        member.compress_type = self.compression
        # unpacked with permissions rw-r--r--, or as a directory with permissions rwxrwxr-x
        member.external_attr = _FOLDER if key.endswith("/") else 0o644 << 16
        self._sorted = None
        self._is_flushed = False
        self.zf.writestr(member, data)
        self._note_size()

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        """Store `default` if the key does not exist, atomically for threads, and return the stored value."""
        with self._lock():
            if key not in self:
                self._check_writeable()
                uninterrupted(self._begin)
            return super().setdefault(key, default)

    def _begin(self) -> None:
        """Lock the archive for this writer until `close` or `flush`, and read what others wrote before.

        Raises
        ------
        ArchiveInUseError
            If another writer has the lock, or changed the archive although this one has it.
        """
        file = self._open_file()
        if self._size is not None:
            if os.fstat(file.fileno()).st_size != self._size:
                raise ArchiveInUseError(str(self.path), "another program changed it at the same time")
            return
        if not _lock_file(file.fileno()):
            raise ArchiveInUseError(
                str(self.path), "another store has written to it, and is not closed or flushed"
            )
        if self._seen is not None and (self._seen != self._signature() or self._is_replaced()):
            # nothing was written since the directory was read, so this only closes the file
            self.zf.close()
            self._open("a")
            if not _lock_file(self._open_file().fileno()):
                raise ArchiveInUseError(str(self.path), "another store writes to it")
        self._note_size()

    def _begin_new(self) -> None:
        """Lock a new archive; if that is not possible, close it without writing to it."""
        try:
            self._begin()
        except BaseException:
            self._drop_file()
            raise

    def _drop_file(self) -> None:
        """Close the file, so that `zipfile` does not write the directory."""
        file, self.zf.fp = self._open_file(), None
        file.close()

    def _note_size(self) -> None:
        file = self._open_file()
        file.flush()
        self._size = os.fstat(file.fileno()).st_size

    def _signature(self) -> tuple[int, int]:
        """Return the length of the archive and a checksum of its directory."""
        file = self._open_file()
        size = file.seek(0, os.SEEK_END)
        file.seek(self.zf.start_dir)
        return size, zlib.crc32(file.read())

    def _is_replaced(self) -> bool:
        """Return whether the path of the archive leads to another file than the open one."""
        if not isinstance(self.path, str):
            return False
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._open_file().fileno()))
        except FileNotFoundError:
            # deleting an open archive loses only that archive
            return False

    def _finish(self) -> None:
        """Write the directory if something was written, close the file, and unlock the archive.

        Raises
        ------
        ArchiveInUseError
            If another program changed the archive. The directory is not written then, so that nothing is overwritten.
        """
        file = self.zf.fp
        if file is None:
            return
        if self._size is None:
            self.zf.close()
            return
        try:
            self._begin()
            self._refuse_replaced()
        except ArchiveInUseError:
            self._size = None
            self._drop_file()
            raise
        # a child process may have the file open too, so closing it does not unlock the archive
        with Descriptor(os.dup, file.fileno()) as fd:
            try:
                self.zf.close()
            finally:
                self._size = None
                _unlock_file(fd)

    def _refuse_replaced(self) -> None:
        if self._is_replaced():
            raise ArchiveInUseError(str(self.path), "another program replaced it")

    def abandon_in_child(self) -> None:
        """Give up the file in a forked child, so that only the parent writes to it."""
        self._size = None
        file, self.zf.fp = self.zf.fp, None
        if file is not None:
            # what another thread of the parent has buffered is not written a second time
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, file.fileno())
            os.close(null)
            file.close()

    @staticmethod
    def _refuse_other_writer(path: str) -> None:
        try:
            descriptor = Descriptor(os.open, path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            # it does not exist, or opening it for writing raises the error
            return
        with descriptor as fd:
            if not _lock_file(fd):
                raise ArchiveInUseError(path, "another store has written to it, and is not closed or flushed")
            _unlock_file(fd)

    def _holds(self, key: str, data: bytes | memoryview) -> bool:
        member = self.zf.NameToInfo.get(key)
        if member is None or member.file_size != len(data) or zlib.crc32(data) != member.CRC:
            return False
        return not data or self[key] == data

    def __delitem__(self, key: str) -> None:
        self._check_writeable()
        with self._lock():
            self._member(key)
        raise NotErasableError(key, type(self).__name__)

    def _check_writeable(self) -> None:
        if self.mode == "r":
            raise ReadOnlyError

    def clear(self) -> None:
        """Replace the archive by a new, empty one."""
        self._check_writeable()
        with self._lock():
            uninterrupted(self._empty)

    def _empty(self) -> None:
        self._begin()
        self._finish()
        self._open("w")

    def flush(self) -> None:
        """Complete the archive, so that other programs can read everything that was written."""
        with self._lock():
            if self.zf.fp is not None and not self._is_flushed:
                uninterrupted(self._complete)

    def _complete(self) -> None:
        self._finish()
        self._open("a")
        self._is_flushed = True

    def close(self) -> None:
        """Complete and close the archive. The store can't be used after that."""
        if self._pid != os.getpid() and self.mode != "r":
            # only the parent of a forked child completes the archive
            return
        with self._lock():
            uninterrupted(self._finish)

    # -- listing -----------------------------------------------------------------------------------

    def _keys(self) -> list[str]:
        """Return the sorted names of the members, without folders and names that are not valid keys."""
        with self._lock():
            if self._sorted is None:
                self._sorted = sorted(filter(_is_key, self.zf.NameToInfo))
            return self._sorted

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def keylist(self) -> list[str]:
        """Return the keys, sorted.

        Returns
        -------
        list of str
            All keys of the store.
        """
        return list(self._keys())

    def listdir(self, path: str | None = None) -> list[str]:
        return list_sorted(self._keys(), normalize_path(path))

    def getsize(self, path: str | None = None) -> int:
        """Return the compressed length of the values directly below `path`, or of the value of the key `path`."""
        path = normalize_path(path)
        with self._lock():
            members = self.zf.NameToInfo
            keys = [path] if path in members else [prefix_of(path) + name for name in self.listdir(path)]
            return sum(members[key].compress_size for key in keys if key in members)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ZipStore) and (
            (self.path, self.compression, self.allowZip64)
            == (other.path, other.compression, other.allowZip64)
        )

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path!r} mode {self.mode!r}>"


_writers: LiveObjects[ZipStore] = LiveObjects()
"""Stores that may write. A forked child closes their files: it shares them, and their positions, with its parent."""


def _abandon_all() -> None:
    for store in _writers:
        store.abandon_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)


def _lock_file(fd: int) -> bool:
    """Lock a file for one writer without waiting; True also where the system or the file system has no such locks."""
    try:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return True
    except OSError as exc:
        return exc.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def _unlock_file(fd: int) -> None:
    try:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_UN)
    except (ImportError, OSError):
        # it could not be locked either
        return


def _is_empty(path: str | IO[bytes]) -> bool:
    """Return whether an archive does not exist yet, or has no content."""
    if not isinstance(path, str):
        return False
    try:
        return os.path.getsize(path) == 0
    except FileNotFoundError:
        return True


class _OpenMember:
    """One version of a value: see `zarrcy.storage.capabilities.OpenFile`. An archive only grows, so it stays."""

    fd = -1

    def __init__(self, store: ZipStore, key: str, member: zipfile.ZipInfo) -> None:
        self._store, self._key, self._member = store, key, member
        self.nbytes = member.file_size
        self.identity = (member.header_offset, member.CRC, member.file_size)

    def read(self, start: int, nbytes: int | None) -> bytes:
        return self._store.read_part(self._key, self._member, (start, nbytes))

    def __enter__(self) -> _OpenMember:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return


def _text_of(exc: Exception) -> str:
    # `zipfile` may quote long parts of a damaged archive
    return f"{type(exc).__name__}: {str(exc)[:200]}"


def _is_stored(member: zipfile.ZipInfo) -> bool:
    return member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & _ENCRYPTED


def _is_key(name: str) -> bool:
    try:
        check_key(name)
    except ValueError:
        # a folder, or a name that leaves the root of the store
        return False
    return True
