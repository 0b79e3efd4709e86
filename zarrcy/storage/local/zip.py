"""A store in one zip archive: each key a member."""

from __future__ import annotations

import lzma
import os
import struct
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any, ClassVar

from zarrcy.errors import ArchiveError, NotErasableError, ReadOnlyError
from zarrcy.keys import check_key, normalize_path, prefix_of
from zarrcy.storage.base import Store, flat, slice_of
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.listing import list_sorted
from zarrcy.types import Buffer

_LOCAL_HEADER = struct.Struct("<4s22x2H")
_LOCAL_MAGIC = b"PK\x03\x04"
_ENCRYPTED = 0x1
# Deflate gives no more than 1032 bytes for one; little may become as much as a large chunk.
_MOST_EXPANSION = 1032
_ALWAYS_ALLOWED = 256 * 2**20
_WORTH_A_LOOK = 2**20
# What `zipfile` and its decoders raise where an archive is not what it should be.
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


class ZipStore(Store):
    """Keys as members of a zip archive.

    An archive can only grow: members are never deleted, and one that is written again leaves the
    older one as waste in the file (`zipfile` warns of it), so chunks should be written whole and
    once. The archive is complete after `close` or `flush`; use the store in a ``with`` statement. A
    program that is killed before leaves an archive without its directory, which `zipfile` can't open (the
    values are in it, and tools such as ``zip -FF`` find them), even where a complete one was opened with
    the mode "a". A disk that becomes full does the same. Write into a directory what must survive, and
    make the archive of it afterwards.
    Several threads may use one store; two stores, or two processes, must not write to one archive.

    Parameters
    ----------
    path : of the archive; or a binary file object that can seek, with mode ``"r"``
    compression : of the members: ``zipfile.ZIP_STORED``, since chunks are compressed already, or another
        method that `zipfile` knows
    allowZip64 : allow archives beyond 2 GiB
    mode : ``"r"`` reads; ``"w"`` makes a new archive, in place of one that is there; ``"x"`` makes one
        and refuses if it is there; ``"a"`` reads and adds to it
    dimension_separator : ``"."`` or ``"/"``, for arrays whose metadata do not say

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
        self.mutex: AbstractContextManager[Any] = threading.RLock()
        self._open(mode)

    def _open(self, mode: Any) -> None:
        try:
            self.zf = zipfile.ZipFile(self.path, mode, self.compression, self.allowZip64)
        except _DAMAGE as exc:
            if mode not in ("r", "a"):
                raise
            raise ArchiveError(str(self.path), "", _told(exc)) from exc
        self._pid = os.getpid()
        self._sorted: list[str] | None = None
        self._is_flushed = mode == "r"

    def _turn(self) -> AbstractContextManager[Any]:
        """Return the lock under which the archive is used.

        A forked child opens the archive anew: with its parent it would share one file position.
        """
        if self._pid != os.getpid() and isinstance(self.path, str) and self.zf.fp is not None:
            if self.mode != "r":
                raise RuntimeError(
                    f"the zip archive {self.path!r} was opened for writing before this process was forked "
                    "off; open it in this process, with mode='r'"
                )
            self.mutex = threading.RLock()
            self._open("r")
        return self.mutex

    def __reduce__(self) -> tuple[Any, ...]:
        self.flush()
        mode = "a" if self.mode in ("w", "x") else self.mode
        return type(self), (self.path, self.compression, self.allowZip64, mode, self._dimension_separator)

    def is_writeable(self) -> bool:
        return self.mode != "r"

    # -- reading -----------------------------------------------------------------------------------

    def _find(self, key: str) -> zipfile.ZipInfo:
        self._refuse_closed()
        try:
            return self.zf.getinfo(check_key(key))
        except KeyError:
            raise KeyError(key) from None

    def _refuse_closed(self) -> IO[bytes]:
        file = self.zf.fp
        if file is None:
            raise ValueError(f"the zip archive {self.path!r} is closed")
        return file

    def __getitem__(self, key: str) -> bytes:
        with self._turn():
            member = self._find(key)
            with self._naming(key):
                return self._read(member, slice(0, member.file_size))

    def _read(self, member: zipfile.ZipInfo, part: slice) -> bytes:
        whole = part == slice(0, member.file_size)
        if _is_stored(member):
            value = self._read_stored(member, part)
            if whole and zlib.crc32(value) != member.CRC:
                raise zipfile.BadZipFile("its CRC-32 is wrong")
            return value
        if member.file_size > max(_ALWAYS_ALLOWED, _MOST_EXPANSION * member.compress_size):
            raise zipfile.BadZipFile(f"{member.compress_size} bytes that expand to {member.file_size}")
        if whole:
            return self.zf.read(member)
        with self.zf.open(member) as file:
            file.seek(part.start)
            return file.read(part.stop - part.start)

    @contextmanager
    def _naming(self, key: str) -> Iterator[None]:
        """Name the member, whatever is wrong with it."""
        try:
            yield
        except _DAMAGE as exc:
            raise ArchiveError(str(self.path), key, _told(exc)) from exc
        except OSError as exc:
            # bz2 has no error of its own; what the operating system says has a number
            if exc.errno is not None:
                raise
            raise ArchiveError(str(self.path), key, _told(exc)) from exc

    def _read_stored(self, member: zipfile.ZipInfo, part: slice) -> bytes:
        """Read a part of a member that is not compressed: many times faster than `zipfile` does."""
        file = self._refuse_closed()
        nbytes = part.stop - part.start
        if nbytes > _WORTH_A_LOOK and nbytes > file.seek(0, os.SEEK_END):
            # to read it would first take that much memory
            raise zipfile.BadZipFile(f"it states {nbytes} bytes, more than the archive has")
        file.seek(member.header_offset)
        header = file.read(_LOCAL_HEADER.size)
        # the lengths of name and further fields; they need not be those of the archive's directory
        magic, *lengths = _LOCAL_HEADER.unpack(header.ljust(_LOCAL_HEADER.size))
        file.seek(member.header_offset + _LOCAL_HEADER.size + sum(lengths) + part.start)
        value = file.read(nbytes)
        if magic != _LOCAL_MAGIC or len(value) != nbytes:
            raise zipfile.BadZipFile("it is not whole")
        return value

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[bytes | None]:
        """Return parts of values; of compressed members all that is before the part is decoded."""
        return [self._read_range(key, key_range) for key, key_range in key_ranges]

    def _read_range(self, key: str, key_range: tuple[int, int | None]) -> bytes | None:
        with self._turn():
            try:
                member = self._find(key)
            except KeyError:
                return None
            part = slice_of(key_range, member.file_size)
            with self._naming(key):
                return self._read(member, part)

    def __contains__(self, key: object) -> bool:
        with self._turn():
            return isinstance(key, str) and check_key(key) in self.zf.NameToInfo

    # -- writing -----------------------------------------------------------------------------------

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._refuse_reader()
        data = flat(value)
        with self._turn():
            self._refuse_closed()
            if self._holds(check_key(key), data):
                # written once more, it would only be waste
                return
            member = zipfile.ZipInfo(key, time.localtime()[:6])
            member.compress_type = self.compression
            member.external_attr = 0o644 << 16  # rw-r--r-- where it is unpacked
            self.zf.writestr(member, data)
            self._sorted = None
            self._is_flushed = False

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Store `default` if the key is not there, in one step for threads, and return what is there then."""
        with self._turn():
            return super().setdefault(key, default)

    def _holds(self, key: str, data: bytes | memoryview) -> bool:
        member = self.zf.NameToInfo.get(key)
        if member is None or member.file_size != len(data) or zlib.crc32(data) != member.CRC:
            return False
        return self[key] == data

    def __delitem__(self, key: str) -> None:
        self._refuse_reader()
        with self._turn():
            self._find(key)
        raise NotErasableError(key, type(self).__name__)

    def _refuse_reader(self) -> None:
        if self.mode == "r":
            raise ReadOnlyError

    def clear(self) -> None:
        """Make a new archive in place of this one."""
        self._refuse_reader()
        with self._turn():
            self.zf.close()
            self._open("w")

    def flush(self) -> None:
        """Complete the archive, so that others can read what was written so far."""
        with self._turn():
            if self.zf.fp is not None and not self._is_flushed:
                self.zf.close()
                self._open("a")
                self._is_flushed = True

    def close(self) -> None:
        """Complete the archive; the store can't be used after that."""
        with self._turn():
            self.zf.close()

    # -- listing -----------------------------------------------------------------------------------

    def _keys(self) -> list[str]:
        """Return the keys, sorted: the names of members without folders, and without those that are no keys."""
        with self._turn():
            if self._sorted is None:
                self._sorted = sorted(filter(_is_key, self.zf.NameToInfo))
            return self._sorted

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def keylist(self) -> list[str]:
        """Return the keys, sorted."""
        return list(self._keys())

    def listdir(self, path: str | None = None) -> list[str]:
        """Return the names directly below `path`, sorted."""
        return list_sorted(self._keys(), normalize_path(path))

    def getsize(self, path: str | None = None) -> int:
        """Return the bytes in the archive of the values directly below `path`, or of its own."""
        path = normalize_path(path)
        with self._turn():
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


def _told(exc: Exception) -> str:
    # `zipfile` quotes what it finds, which may be pages
    return f"{type(exc).__name__}: {str(exc)[:200]}"


def _is_stored(member: zipfile.ZipInfo) -> bool:
    return member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & _ENCRYPTED


def _is_key(name: str) -> bool:
    try:
        check_key(name)
    except ValueError:
        # a folder, or a name that leaves the root: no value of ours, and nobody's to unpack
        return False
    return True
