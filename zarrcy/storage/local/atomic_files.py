"""Operations on one file: read and replace it as a whole, wait for the disk, explain errors."""

from __future__ import annotations

import errno
import itertools
import os
import re
import stat
import sys
from collections.abc import Collection

from zarrcy import _kernels, settings
from zarrcy.storage.base import flat
from zarrcy.sync.key_locks import Descriptor
from zarrcy.types import Buffer

# Temporary files of writes, and directories of deletions, that are in progress or were interrupted. They are not keys.
# The temporary files of zarr-python match too.
PARTIAL = re.compile(r"\.[0-9a-f]{32}\.partial$")
OPEN_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# The same for what may not be a regular file: to open a FIFO or a device does not block.
_OPEN_ANY = OPEN_READ | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
OPEN_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

native = _kernels.file_io
"""Compiled versions of some functions of this module; None in a pure build."""

DURABILITIES = ("none", "data", "full")


def as_durability(argument: str | None, default: str = "none") -> str:
    """Return the durability that is set by an argument, or by ``ZARRCY_DURABILITY`` in the environment.

    Examples
    --------
    >>> as_durability("full"), as_durability(None, default="data")
    ('full', 'data')
    """
    word, name = argument, "durability"
    if argument is None:
        word, name = settings.DURABILITY.text() or default, settings.DURABILITY.name
    if word not in DURABILITIES:
        raise ValueError(f"{name} is {word!r}; it must be one of {', '.join(map(repr, DURABILITIES))}")
    return word


def path_identities(path: str) -> tuple[str, ...]:
    """Return names of a file or directory, each with a slash at its end, that all paths to it have in common.

    The real path has no symbolic links. Device and inode are the same for hard links and for other mount points of
    the same file system; a path that does not exist has none yet.
    """
    real = os.path.join(os.path.realpath(path), "")
    try:
        status = os.stat(path)
    except OSError:
        return (real,)
    return real, f"inode:{status.st_dev}:{status.st_ino}/"


class OpenValue:
    """An open file of a value. All reads return parts of the same value, even if a writer replaces it."""

    __slots__ = ("_descriptor", "fd", "identity", "nbytes")

    def __init__(self, descriptor: Descriptor, nbytes: int, identity: tuple[int, ...]) -> None:
        self._descriptor, self.fd, self.nbytes = descriptor, descriptor.fd, nbytes
        # writers replace files and never change them, so another value is another file
        self.identity = identity

    def read(self, start: int, nbytes: int | None) -> bytes:
        """Read up to `nbytes` bytes from `start`; see `zarrcy.storage.capabilities.ReadsRanges`."""
        start = max(0, self.nbytes + start) if start < 0 else min(start, self.nbytes)
        available = self.nbytes - start
        nbytes = available if nbytes is None else min(nbytes, available)
        check_addressable(None, nbytes)
        read_at = os.pread if _HAS_PREAD else _seek_and_read
        value = read_at(self.fd, nbytes, start)
        while len(value) < nbytes:
            part = read_at(self.fd, nbytes - len(value), start + len(value))
            if not part:
                break
            value += part
        return value

    def __enter__(self) -> OpenValue:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._descriptor.close()


def _seek_and_read(fd: int, nbytes: int, start: int) -> bytes:
    os.lseek(fd, start, os.SEEK_SET)
    return os.read(fd, nbytes)


_HAS_PREAD = hasattr(os, "pread")  # Windows does not have it

# Attempts to open a file that seems to be a link to nothing.
_ATTEMPTS = 5
_counter = itertools.count()
_token = os.urandom(12).hex()


def _new_token() -> None:
    global _token  # noqa: PLW0603
    _token = os.urandom(12).hex()


if hasattr(os, "register_at_fork"):
    # a forked child continues the counter of its parent, so it needs another token
    os.register_at_fork(after_in_child=_new_token)


def partial_ending() -> str:
    """Return the ending of a temporary file name, which no other writer uses."""
    return f".{_token}{next(_counter) & 0xFFFFFFFF:08x}.partial"


def partial_of(path: str) -> str:
    """Return a temporary name beside `path`, under which it is written or deleted."""
    return path + partial_ending()


def open_file(path: str, strict: bool = False) -> tuple[Descriptor, os.stat_result] | None:
    """Open a regular file. Return its descriptor and status, or None if it does not exist.

    Parameters
    ----------
    path : str
        Path of the file.
    strict : bool, default False
        Whether None means that nothing is at the path. Otherwise it also stands for a directory, for a link to nothing,
        and for a path that leads through a file.

    Raises
    ------
    OSError
        If there is something else than a regular file, or the file can't be opened. A FIFO or device does not block.
    """
    descriptor = _open_strictly(path) if strict else _open_any(path)
    if descriptor is None:
        return None
    status = os.fstat(descriptor.fd)
    if stat.S_ISREG(status.st_mode):
        return descriptor, status
    descriptor.close()
    if stat.S_ISDIR(status.st_mode) and not strict:
        return None
    number = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
    raise OSError(number, os.strerror(number), path)


def _open_any(path: str) -> Descriptor | None:
    """Open whatever is at a path. Return None if it leads to nothing."""
    try:
        return Descriptor(os.open, path, _OPEN_ANY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except BlockingIOError:
        # another program must release the file first
        if not os.path.isfile(path):
            raise
        return Descriptor(os.open, path, OPEN_READ)


def _open_strictly(path: str) -> Descriptor | None:
    """Open whatever is at a path. Return None if nothing is there; see `is_missing`."""
    for _ in range(_ATTEMPTS):
        descriptor = _open_any(path)
        if descriptor is not None:
            return descriptor
        # One check decides: a second one could find a file that was created after the first.
        if is_missing(path):
            return None
    # a link to nothing, or a path through a file: the system knows the error
    return Descriptor(os.open, path, _OPEN_ANY)


def is_missing(path: str) -> bool:
    """Return whether nothing is at a path: no link to nothing, and only directories on the way."""
    if os.path.lexists(path):
        return False
    while True:
        path = os.path.dirname(path)
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            continue
        except NotADirectoryError:
            return False
        return os.path.isdir(path) if stat.S_ISLNK(status.st_mode) else stat.S_ISDIR(status.st_mode)


def read_file(path: str, most: int = -1, strict: bool = False) -> bytes | int | None:
    """Return the content of a file; None if it does not exist; its length if it is longer than `most` bytes.

    Parameters
    ----------
    path, strict
        As for `open_file`.
    most : int, default -1
        Length of the longest file that is read, in bytes; -1 for any length.

    Raises
    ------
    OSError
        If there is something else than a regular file, or the file can't be read.
    """
    if native is not None:
        return native.read_file(path, most, strict)  # type: ignore[no-any-return]
    opened = open_file(path, strict)
    if opened is None:
        return None
    descriptor, status = opened
    with descriptor as fd:
        size = status.st_size
        if 0 <= most < size:
            return size
        # with the size known, one read is enough, and a short read is noticed
        check_addressable(path, size)
        value = os.read(fd, size)
        return value if len(value) >= size else _read_rest(fd, value, size)


def check_addressable(path: str | None, nbytes: int, most: int = sys.maxsize) -> None:
    """Raise an OSError if a value is longer than this host can address: above 2 GiB if it has 32 bits."""
    if nbytes > most:
        text = f"{os.strerror(errno.EFBIG)}: {nbytes} bytes are more than this host can address"
        raise OSError(errno.EFBIG, text, path)


def replace_file(target: str, value: Buffer) -> bool:
    """Replace a file by a value. Return False if it failed; the caller then repeats it to get the error."""
    return native is not None and bool(native.replace_file(partial_of(target), target, flat(value)))


def claim_file(target: str, value: Buffer) -> bool | None:
    """Create a file with a value. Return True, False if the file exists, or None if the caller must do it itself."""
    if native is None:
        return None
    answer: bool | None = _CLAIMED[native.claim_file(partial_of(target), target, flat(value))]
    return answer


_CLAIMED = {1: True, 0: False, -1: None}


def _read_rest(fd: int, value: bytes, size: int) -> bytes:
    """Read the remaining parts of a value, and return the whole value."""
    parts = [value]
    n_read = len(value)
    while n_read < size:
        part = os.read(fd, size - n_read)
        if not part:
            break
        parts.append(part)
        n_read += len(part)
    return b"".join(parts)


def write_all(fd: int, value: Buffer) -> None:
    """Write a whole value to a file descriptor."""
    written = 0
    view = flat(value)
    while written < len(view):
        n = os.write(fd, view[written:] if written else view)
        if n == 0:
            raise OSError(errno.EIO, "the system accepts no more bytes, and reports no error")
        written += n


def remove_partial(path: str) -> None:
    """Remove the temporary file of a write that failed."""
    try:
        os.unlink(path)
    except OSError:
        # The file does not exist yet, or the cause of the failed write also prevents this; the error of the write
        # reports it. A file that stays is not a key, and `zarrcy.verify` finds it.
        return


# -- waiting for the disk -----------------------------------------------------------------------


def sync_file(fd: int) -> None:
    """Wait until the content of a file is on disk."""
    if sys.platform == "darwin":
        import fcntl

        # fsync of macOS leaves the data in the cache of the disk
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    elif hasattr(os, "fdatasync"):
        # it also writes the length of the file, but not its times
        os.fdatasync(fd)
    else:
        os.fsync(fd)


def sync_directory(path: str) -> None:
    """Wait until the entries of a directory are on disk. Windows neither offers nor needs this."""
    if os.name != "posix":
        return
    with Descriptor(os.open, path, OPEN_READ | getattr(os, "O_DIRECTORY", 0)) as fd:
        os.fsync(fd)


# -- error messages -------------------------------------------------------------------------------


def explained(exc: OSError, problem: str, path: str) -> OSError:
    """Return an error of the same number and class, with a message that describes the problem.

    Examples
    --------
    >>> explained(PermissionError(13, "Permission denied"), "the value 'a/0' can't be read", "/x/a/0")
    PermissionError(13, "Permission denied: the value 'a/0' can't be read")
    """
    return OSError(exc.errno, f"{exc.strerror or exc}: {problem}", path)


def what_is_at(path: str) -> str:
    """Return what is at a path where a file can't be read, in words; an empty string for a regular file or nothing."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        at = path
        while len(at) > 1:
            try:
                status = os.lstat(at)
            except (FileNotFoundError, NotADirectoryError):
                at = os.path.dirname(at)
                continue
            if stat.S_ISLNK(status.st_mode):
                return (
                    f"{at!r} is a symbolic link to {os.readlink(at)!r}, which does not exist; if git-annex or DataLad "
                    "manages the data, get the file first"
                )
            return "" if stat.S_ISDIR(status.st_mode) else f"{at!r} is not a directory"
        return ""
    except OSError:
        return ""
    for is_kind, kind in _KINDS:
        if is_kind(mode):
            return f"there is a {kind}, not a file"
    return ""


_KINDS = (
    (stat.S_ISDIR, "directory"),
    (stat.S_ISFIFO, "FIFO"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "character device"),
    (stat.S_ISBLK, "block device"),
)


def not_written(keys: Collection[str]) -> str:
    """Return a message that names the values that a database failed to write.

    Examples
    --------
    >>> not_written(["a/0", "a/1", "a/2"])
    "'a/0' to 'a/2' can't be written; the store still has the previous values"
    """
    ends = dict.fromkeys([*list(keys)[:1], *list(keys)[-1:]])
    return f"{' to '.join(map(repr, ends))} can't be written; the store still has the previous values"
