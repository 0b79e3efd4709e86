"""A store in a file system of fsspec without the options of `FSStore`, which uses it for its requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from zarrcy.keys import check_key, normalize_path
from zarrcy.storage.access import as_bytes
from zarrcy.storage.base import Store, check_ranges, flat, slice_of
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.optional import Client, Option
from zarrcy.storage.remote.server_errors import (
    access_denied,
    is_denied,
    retried,
    retried_each,
    without_disguise,
)
from zarrcy.types import JSON, Buffer

# fsspec methods for many paths interpret paths with these characters as patterns
_MAGIC = frozenset("*?[")
_REMEDY = (
    "Check the credentials, their expiry and the clock of this machine. If the server denies access to keys that do "
    "not exist, list PermissionError in the argument `exceptions` of FSStore."
)


class FsspecFiles(Store):
    """Store in a file system of fsspec. Each key is a file below the root of a mapper.

    Parameters
    ----------
    mapper : fsspec.FSMap
        Mapper with the file system and the root.
    absent : tuple of type
        Errors that mean that a key does not exist.
    """

    def __init__(self, mapper: Client, absent: tuple[type[BaseException], ...]) -> None:
        self.map = mapper
        self.fs = mapper.fs
        self.root = str(mapper.root)
        self.absent = absent
        protocols = (self.fs.protocol,) if isinstance(self.fs.protocol, str) else tuple(self.fs.protocol)
        self._is_http = "http" in protocols
        # whether the server supports range requests; None if that was not tested yet
        self._has_ranges: bool | None = None if self._is_http else True

    def _file(self, key: str) -> str:
        # fsspec has no public name for the path of a key
        return str(self.map._key_to_str(check_key(key)))

    def dir_path(self, path: str | None = None) -> str:
        """Return the path in the file system for a path in the store."""
        return str(self.map._key_to_str(normalize_path(path)))

    # -- requests ----------------------------------------------------------------------------------

    def _send(self, name: str, *args: Option, **kwargs: Option) -> Client:
        """Call a method of the file system; again if the server is overloaded."""
        return retried(partial(getattr(self.fs, name), *args, **kwargs))

    def _read(self, key: str, name: str, *args: Option, **kwargs: Option) -> Client:
        """Call a method that reads something; raise KeyError if the server answers that the key does not exist."""
        try:
            return self._send(name, *args, **kwargs)
        except Exception as exc:
            error = self._error(key, exc)
            if error is None:
                raise KeyError(key) from exc
            if error is exc:
                raise
            raise error from exc

    def _error(self, key: str, exc: BaseException) -> BaseException | None:
        """Return the error to raise for an error of the file system; None if it means that the key does not exist."""
        exc = without_disguise(exc)
        if isinstance(exc, self.absent):
            return None
        if not is_denied(exc):
            return exc
        # some file systems have a class of their own for this
        return None if issubclass(PermissionError, self.absent) else access_denied(key, exc, _REMEDY)

    # -- one key -----------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> bytes:
        return bytes(self._read(key, "cat_file", self._file(key)))

    def __setitem__(self, key: str, value: Buffer) -> None:
        self.setitems({key: value})

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        file, value = self._file(key), as_bytes(flat(default))
        # servers that ignore the condition would overwrite the value, so look for it first
        if key not in self:
            try:
                self._with_parents([file], lambda: self._send("pipe_file", file, value, mode="create"))
            except FileExistsError:
                return self[key]
            return default
        return self[key]

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._send("rm_file", self._file(key))

    def __contains__(self, key: object) -> bool:
        info = self._info(key) if isinstance(key, str) else None
        return info is not None and bool(info["type"] == "file")

    def _info(self, key: str) -> dict[str, JSON] | None:
        """Return what the file system knows about a key; None if it does not exist."""
        try:
            return dict(self._read(key, "info", self._file(key)))
        except KeyError:
            return None

    def __iter__(self) -> Iterator[str]:
        for file in self._find(self.root):
            yield file[len(self.root) :].strip("/")

    def __len__(self) -> int:
        return len(self._find(self.root))

    def _find(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder; if it is a file, its own path."""
        try:
            return list(self._read(folder, "find", folder))
        except KeyError:
            return []

    # -- many keys ---------------------------------------------------------------------------------

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, JSON] | None = None
    ) -> dict[str, bytes]:
        files = {key: self._file(key) for key in keys}
        plain = [file for file in files.values() if _MAGIC.isdisjoint(file)]
        answers = dict(zip(plain, retried_each(self._cat, plain), strict=True)) if plain else {}
        values = {}
        for key, file in files.items():
            answer = answers.get(file)
            if isinstance(answer, BaseException):
                error = self._error(key, answer)
                if error is not None:
                    raise error
                continue
            value = self.get(key) if answer is None else bytes(answer)
            if value is not None:
                values[key] = value
        return values

    def _cat(self, files: list[str]) -> list[Client]:
        """Read whole files; the answers are bytes or errors, or None for a path that fsspec understood otherwise."""
        return list(map(self._send("cat", files, on_error="return").get, files))

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        files = {self._file(key): as_bytes(flat(value)) for key, value in values.items()}
        self._with_parents(files, lambda: self._send("pipe", files))

    def _with_parents(self, files: Iterable[str], write: Callable[[], object]) -> None:
        """Call `write`; if directories are missing, create them and call it again."""
        try:
            write()
        except FileNotFoundError:
            for parent in {self.fs._parent(file) for file in files}:
                self._send("makedirs", parent, exist_ok=True)
            write()

    def delitems(self, keys: Iterable[str]) -> None:
        self._remove([self._file(key) for key in keys])

    def _remove(self, files: list[str]) -> None:
        """Delete files; ignore files that do not exist."""
        if not files:
            return
        if all(_MAGIC.isdisjoint(file) for file in files):
            try:
                self._send("rm", files)
            except FileNotFoundError:
                # the call may have stopped at the first missing file; delete the files one by one
                pass
            else:
                return
        for file in files:
            try:
                self._send("rm_file", file)
            except FileNotFoundError:
                continue

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[bytes | None]:
        check_ranges(key_ranges)
        if not self._serves_ranges(key_ranges):
            values = self.getitems(list({key for key, _ in key_ranges}))
            return [
                values[key][slice_of(part, len(values[key]))] if key in values else None
                for key, part in key_ranges
            ]
        files = [self._file(key) for key, _ in key_ranges]
        starts = [start for _, (start, _) in key_ranges]
        # a range that is counted from the end is read up to the end, and cut below
        ends = [None if n is None or start < 0 else start + n for _, (start, n) in key_ranges]
        answers = retried_each(self._cat_ranges, list(zip(files, starts, ends, strict=True)))
        return [
            self._part(key, part, answer) for (key, part), answer in zip(key_ranges, answers, strict=True)
        ]

    def _cat_ranges(self, ranges: list[tuple[str, int, int | None]]) -> list[Client]:
        """Read ranges of files, given by their starts and ends; the answers are bytes or errors."""
        files, starts, ends = map(list, zip(*ranges, strict=True)) if ranges else ([], [], [])
        return list(self._send("cat_ranges", files, starts, ends, on_error="return"))

    def _part(self, key: str, part: tuple[int, int | None], answer: Client) -> bytes | None:
        """Return the bytes of a range from an answer of fsspec: bytes, or an error."""
        error: BaseException | None = None
        if isinstance(answer, BaseException):
            error = self._error(key, answer)
            if error is None:
                return None
            if is_denied(error):
                raise error
        elif part[1] != 0:
            return bytes(answer[: part[1]])
        # servers and clients may refuse an empty range
        info = self._info(key)
        if info is None:
            return None
        requested = slice_of(part, info["size"])
        if error is not None and requested.start < requested.stop:
            raise error
        return b""

    def _serves_ranges(self, key_ranges: Sequence[KeyRange]) -> bool:
        """Return whether the server supports range requests. Other servers send the whole file instead."""
        if self._has_ranges is None and key_ranges:
            info = self._info(key_ranges[0][0])
            if info is None:
                return False
            self._has_ranges = bool(info.get("partial"))
        return bool(self._has_ranges)

    # -- below a path --------------------------------------------------------------------

    def _ls(self, path: str | None) -> list[dict[str, JSON]]:
        """Return the entries directly below a path; if it is a file, its own entry."""
        folder = self.dir_path(path).rstrip("/")
        try:
            return list(self._read(folder, "ls", folder, detail=True))
        except KeyError:
            return []

    def listdir(self, path: str | None = None) -> list[str]:
        folder = self.dir_path(path).rstrip("/")
        # a file lists itself, and so do the placeholders of folders in object stores
        paths = {entry["name"].rstrip("/") for entry in self._ls(path)} - {folder}
        return sorted(below.rsplit("/", 1)[-1] for below in paths)

    def rmdir(self, path: str | None = None) -> None:
        self.fs.invalidate_cache()
        # do not delete the root itself, which may be a bucket
        below = [self.dir_path(path)] if normalize_path(path) else [entry["name"] for entry in self._ls("")]
        for folder in below:
            if not _MAGIC.isdisjoint(folder):
                self._remove(self._find(folder))
                continue
            try:
                self._send("rm", folder, recursive=True)
            except FileNotFoundError:
                continue

    def can_move(self) -> bool:
        """Return False: keys are copied and deleted."""
        return False

    def rename(self, src_path: str, dst_path: str) -> None:
        self.fs.invalidate_cache()
        src, dst = self.dir_path(src_path), self.dir_path(dst_path)
        files = self._find(src)
        if not files:
            raise KeyError(src_path)
        self._send("copy", files, [dst + file[len(src) :] for file in files])
        self._remove(files)

    def getsize(self, path: str | None = None) -> int:
        if self._is_http:
            return -1
        sizes = [entry["size"] for entry in self._ls(path) if entry["type"] == "file"]
        return -1 if None in sizes else sum(sizes)
