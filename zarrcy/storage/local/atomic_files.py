"""What a store does with one file: read and write it whole, wait for the disk, say what went wrong."""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Collection

from zarrcy import _kernels, settings
from zarrcy.storage.base import flat
from zarrcy.types import Buffer

# Files of a write, and directories of a deletion, that have not ended or never will: they are no keys.
# zarr-python names its own so that the pattern matches too.
PARTIAL = re.compile(r"\.[0-9a-f]{32}\.partial$")
OPEN_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
OPEN_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

native = _kernels.file_io
"""Does in one call what the functions here do step by step; None in a pure build."""

DURABILITIES = ("none", "data", "full")


def as_durability(asked: str | None, default: str = "none") -> str:
    """Return the durability that was asked for, by an argument or ``ZARRCY_DURABILITY`` in the environment.

    >>> as_durability("full"), as_durability(None, default="data")
    ('full', 'data')
    """
    word, name = asked, "durability"
    if asked is None:
        word, name = settings.DURABILITY.text() or default, settings.DURABILITY.name
    if word not in DURABILITIES:
        raise ValueError(f"{name} is {word!r}; it must be one of {', '.join(map(repr, DURABILITIES))}")
    return word


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


def partial_ending() -> str:
    """Return what the name of a file ends with while it is written: no other writer has the same."""
    return f".{_token}{next(_counter) & 0xFFFFFFFF:08x}.partial"


def partial_of(path: str) -> str:
    """Return the name under which `path` is written or deleted."""
    return path + partial_ending()


def read_file(path: str) -> bytes | None:
    """Return what a file holds; None if there is none, or a directory."""
    if native is not None:
        return native.read_file(path)  # type: ignore[no-any-return]
    try:
        fd = os.open(path, OPEN_READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        # the size first: one read then ends the matter, and a short read is seen as one
        size = os.fstat(fd).st_size
        value = os.read(fd, size)
        return value if len(value) >= size else _read_rest(fd, value, size)
    except IsADirectoryError:
        return None
    finally:
        os.close(fd)


def replace_file(target: str, value: Buffer) -> bool:
    """Put a value in the place of a file; False if that must be done step by step, which says what is wrong."""
    return native is not None and bool(native.replace_file(partial_of(target), target, flat(value)))


def claim_file(target: str, value: Buffer) -> bool | None:
    """Do the same unless there is a file: True, or False if there is one, or None if that can't be told."""
    if native is None:
        return None
    answer: bool | None = _CLAIMED[native.claim_file(partial_of(target), target, flat(value))]
    return answer


_CLAIMED = {1: True, 0: False, -1: None}


def _read_rest(fd: int, value: bytes, size: int) -> bytes:
    """Return a value of which a first part was read."""
    parts = [value]
    have = len(value)
    while have < size:
        part = os.read(fd, size - have)
        if not part:
            break
        parts.append(part)
        have += len(part)
    return b"".join(parts)


def write_all(fd: int, value: Buffer) -> None:
    written = 0
    view = flat(value)
    while written < len(view):
        written += os.write(fd, view[written:] if written else view)


def remove_partial(path: str) -> None:
    """Remove the file of a write that failed."""
    try:
        os.unlink(path)
    except OSError:
        # there is none yet, or what broke the write hinders this too, and is told by its own error; what stays
        # is no key, and is found by `zarrcy.verify`
        return


def remove_tree(path: str) -> None:
    """Remove a directory and all that is in it."""
    # who only reads need not wait for it
    import shutil

    shutil.rmtree(path)


# -- until it is on the disk -----------------------------------------------------------------------


def sync_file(fd: int) -> None:
    """Wait until what was written to a file is on the disk."""
    if sys.platform == "darwin":
        import fcntl

        # its fsync leaves the data in the cache of the disk
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    elif hasattr(os, "fdatasync"):
        # the length of a file is of its data, its times are not
        os.fdatasync(fd)
    else:
        os.fsync(fd)


def sync_directory(path: str) -> None:
    """Wait until the names in a directory are on the disk. Windows has no way to say so, and does not need it."""
    if os.name != "posix":
        return
    fd = os.open(path, OPEN_READ | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# -- what went wrong -------------------------------------------------------------------------------


def explained(exc: OSError, problem: str, path: str) -> OSError:
    """Return an error of the same number, and so of the same class, that tells what could not be done.

    >>> explained(PermissionError(13, "Permission denied"), "the value 'a/0' can't be read", "/x/a/0")
    PermissionError(13, "Permission denied: the value 'a/0' can't be read")
    """
    return OSError(exc.errno, f"{exc.strerror or exc}: {problem}", path)


def not_written(keys: Collection[str]) -> str:
    """Return what an error of a database does not say: which values it hindered.

    >>> not_written(["a/0", "a/1", "a/2"])
    "'a/0' to 'a/2' can't be written; the store has what it had"
    """
    ends = dict.fromkeys([*list(keys)[:1], *list(keys)[-1:]])
    return f"{' to '.join(map(repr, ends))} can't be written; the store has what it had"
