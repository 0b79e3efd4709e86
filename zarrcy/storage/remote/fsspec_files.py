"""A store in a file system of fsspec without the options of `FSStore`, which uses it for its requests."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from zarrcy.errors import ValueLengthError
from zarrcy.keys import check_key, is_key, normalize_path
from zarrcy.storage import access
from zarrcy.storage.access import as_bytes
from zarrcy.storage.base import Store, check_ranges, flat, slice_of
from zarrcy.storage.byte_ranges import agreed_versions, parts_of_one_version
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.optional import Client, Option
from zarrcy.storage.remote.concurrent import map_requests
from zarrcy.storage.remote.event_loop import call, run, runs
from zarrcy.storage.remote.http_ranges import HttpPart, read_ranges, sends_ranges
from zarrcy.storage.remote.server_errors import (
    access_denied,
    is_denied,
    retried,
    retried_each,
    without_disguise,
)
from zarrcy.types import JSON, Buffer

_T = TypeVar("_T")
_R = TypeVar("_R")

# Modules of file systems around another one: those that keep copies of files, and those with another root.
CACHING, ROOTED = "fsspec.implementations.cached", "fsspec.implementations.dirfs"
_REFERENCES = "fsspec.implementations.reference"
# Protocols whose file systems create a file only if it does not exist, in one request.
_CREATING = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "az", "memory"})
# fsspec methods for many paths interpret paths with these characters as patterns
_MAGIC = frozenset("*?[")
# Facts that change without a change of the file.
_VOLATILE = {"name", "atime", "nlink", "url"}
_REMEDY = (
    "Check the credentials, their expiry and the clock of this machine. If the server denies access to keys that do "
    "not exist, list PermissionError in the argument `exceptions` of FSStore."
)


@dataclass(frozen=True, slots=True)
class _Version:
    """What a file system knows about a file that tells it apart from others of the same path."""

    facts: str
    number: str | None
    """Version of a file system that keeps old ones."""

    @property
    def is_exact(self) -> bool:
        """Whether no other value of the file has this version."""
        return self.number is not None

    @classmethod
    def of(cls, info: Mapping[str, JSON], version_aware: bool) -> _Version:
        """Return the version in what `info` of a file system returned."""
        facts = sorted((name, str(fact)) for name, fact in info.items() if name not in _VOLATILE)
        number = info.get("VersionId") if version_aware else None
        return cls(str(facts), None if number in (None, "null") else str(number))


def _joins_reads(fs: Client) -> bool:
    """Return whether a file system reads whole files better than ranges: it keeps copies, or joins requests."""
    while type(fs).__module__ == ROOTED:
        fs = fs.fs
    takes = inspect.signature(getattr(fs, "_cat", fs.cat)).parameters.values()
    takes_ranges = any(parameter.kind == parameter.VAR_KEYWORD for parameter in takes)
    return type(fs).__module__ in (CACHING, _REFERENCES) or not takes_ranges


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
        self._creates = not _CREATING.isdisjoint(protocols)
        # whether the server supports range requests; None if that was not tested yet
        self._has_ranges: bool | None = None if self._is_http else True
        # a large value is read with one request, because parts of it might be of different versions
        read = inspect.signature(getattr(self.fs, "_cat_file", self.fs.cat_file)).parameters
        self._one_request = {name: 1 for name in ("max_concurrency", "concurrency") if name in read}
        self._joins_reads = _joins_reads(self.fs)
        self._sends_ranges = sends_ranges(self.fs)
        self._refreshes = "refresh" in inspect.signature(getattr(self.fs, "_info", self.fs.info)).parameters

    def _file(self, key: str) -> str:
        # fsspec has no public name for the path of a key
        return str(self.map._key_to_str(check_key(key)))

    def dir_path(self, path: str | None = None) -> str:
        """Return the path in the file system for a path in the store."""
        return str(self.map._key_to_str(normalize_path(path)))

    # -- requests ----------------------------------------------------------------------------------

    def _send(self, name: str, *args: Option, **kwargs: Option) -> Client:
        """Call a method of the file system; again if the server is overloaded."""
        keys = self._keys_in(args[0]) if args else []
        return retried(partial(call, self.fs, keys, name, *args, **kwargs))

    def _keys_in(self, files: Client) -> list[str]:
        """Return the keys of one file, of many files, or of a mapping of files to values."""
        paths = [files] if isinstance(files, str) else files
        return [str(path)[len(self.root) :].strip("/") for path in paths]

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
        return bytes(self._read(key, "cat_file", self._file(key), **self._one_request))

    def __setitem__(self, key: str, value: Buffer) -> None:
        self.setitems({key: value})

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        file, value = self._file(key), as_bytes(flat(default))
        if not self._creates and key in self:
            # the file system would overwrite the value
            return self[key]
        try:
            self._with_parents([file], lambda: self._send("pipe_file", file, value, mode="create"))
        except FileExistsError:
            return self[key]
        return default

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        try:
            self._send("rm_file", self._file(key))
        except FileNotFoundError as exc:
            # another writer deleted it first
            raise KeyError(key) from exc

    def __contains__(self, key: object) -> bool:
        info = self._info(key) if is_key(key) else None
        return info is not None and bool(info["type"] == "file")

    def _info(self, key: str, **options: Option) -> dict[str, JSON] | None:
        """Return what the file system knows about a key; None if it does not exist."""
        try:
            return dict(self._read(key, "info", self._file(key), **options))
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

    def _cat(self, files: list[str], **part: int) -> list[Client]:
        """Read files, whole or from `start` to `end`; the answers are bytes or errors.

        An answer is None for a path that fsspec understood otherwise.
        """
        return list(
            map(self._send("cat", files, on_error="return", **(part or self._one_request)).get, files)
        )

    def read_values(self, keys: Sequence[str], most: int = -1, strict: bool = True) -> list[bytes | None]:
        """Return the values of `keys`; see `zarrcy.storage.capabilities.ReadsManyValues`.

        fsspec does not tell the length before it reads a file, so the range of the longest value is read. A server
        without range requests sends the whole file, and a file system that keeps copies of files copies it.
        """
        if most < 0 or self._joins_reads:
            found = self.getitems(keys)
            values = [found.get(key) for key in keys]
        else:
            part: tuple[int, int | None] = (0, most + 1)
            files = [self._file(key) for key in keys]
            plain = [file for file in files if _MAGIC.isdisjoint(file)]
            cat = partial(self._cat, start=0, end=most + 1)
            answers = dict(zip(plain, retried_each(cat, plain), strict=True)) if plain else {}
            others = [(file, *part) for file in files if answers.get(file) is None]
            if others:
                answers |= zip(
                    (file for file, *_ in others), retried_each(self._cat_ranges, others), strict=True
                )
            values = [self._part(key, part, answers[file]) for key, file in zip(keys, files, strict=True)]
        for key, value in zip(keys, values, strict=True):
            if value is not None and 0 <= most < len(value):
                info = self._info(key) or {}
                raise ValueLengthError(key, max(int(info.get("size") or 0), len(value)), most)
        return values

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

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[Buffer | None]:
        return parts_of_one_version(self, key_ranges, access.reader(self))

    def get_versioned_values(
        self, key_ranges: Sequence[KeyRange], versions: Mapping[str, Hashable]
    ) -> tuple[list[bytes | None], dict[str, Hashable]]:
        """Return parts of values, of one version of each value; see `zarrcy.storage.capabilities.ReadsVersions`.

        fsspec does not pass on what a response says about the version. So what `info` of the file system returns
        (ETag, time, length ...) is compared before and after the parts are read. A single part needs no comparison.
        An s3fs file system with ``version_aware=True`` reads the version that `info` names.

        Over HTTP, each response says which version it is of.
        """
        if self._sends_ranges and self._has_ranges is not False and not runs(self.fs.loop):
            answer = self._read_http(key_ranges, versions)
            if answer is not None:
                return answer
        counts = Counter(key for key, _ in key_ranges)
        checked = [key for key, n in counts.items() if n > 1 or key in versions]
        new = [key for key in checked if versions.get(key) is None]
        before: dict[str, Hashable] = dict(zip(new, self._map(self._version_of, new), strict=True))
        before |= {key: versions[key] for key in checked if versions.get(key) is not None}
        pinned = {
            key: version
            for key, version in before.items()
            if isinstance(version, _Version) and version.number is not None
        }
        parts = self._read_parts(key_ranges, pinned)
        unpinned = [key for key in checked if key not in pinned]
        after: list[tuple[str, Hashable]] = list(
            zip(unpinned, self._map(self._version_of, unpinned), strict=True)
        )
        # a version with a number is missing if it was deleted
        after += [
            (key, None)
            for (key, _), part in zip(key_ranges, parts, strict=True)
            if part is None and key in before
        ]
        return parts, agreed_versions(before, after)

    def _read_http(
        self, key_ranges: Sequence[KeyRange], versions: Mapping[str, Hashable]
    ) -> tuple[list[bytes | None], dict[str, Hashable]] | None:
        """Read ranges over HTTP, and their versions; None if the server sends whole files."""
        check_ranges(key_ranges)
        requests = [(self._file(key), part) for key, part in key_ranges]
        # a server that does not say so in its first response may send a whole file for each range
        n_first = len(requests) if self._has_ranges else 1
        answers = self._ask_http(requests[:n_first])
        answers += self._ask_http(requests[n_first:]) if self._has_ranges else []
        if len(answers) < len(requests) and self._has_ranges is None:
            # the first file is missing, or can't be read: that says nothing about the server
            answers += self._ask_http(requests[n_first:])
        if len(answers) < len(requests):
            return None
        parts: list[bytes | None] = []
        seen: list[tuple[str, Hashable]] = []
        for (key, _), answer in zip(key_ranges, answers, strict=True):
            if isinstance(answer, BaseException):
                error = self._error(key, answer)
                if error is not None:
                    raise error
                parts.append(None)
                seen.append((key, None))
            else:
                parts.append(answer.data)
                seen.append((key, answer.version))
        return parts, agreed_versions(versions, seen)

    def _ask_http(self, requests: list[tuple[str, tuple[int, int | None]]]) -> list[HttpPart | BaseException]:
        """Read ranges of files, and notice whether the server supports range requests."""
        if not requests:
            return []

        def ask(some: list[tuple[str, tuple[int, int | None]]]) -> list[HttpPart | BaseException]:
            return run(self.fs, self._keys_in([file for file, _ in some]), read_ranges(self.fs, some))

        answers = retried_each(ask, requests)
        for answer in answers:
            if isinstance(answer, HttpPart) and answer.by_range is not None:
                self._has_ranges = answer.by_range
        return answers

    def _version_of(self, key: str) -> _Version | None:
        """Return what tells the value of a key apart from others; None if the key does not exist."""
        file = self._file(key)
        if self._refreshes:
            options = {"refresh": True}
        else:
            # a listing that was cached may be old
            options = {}
            self.fs.invalidate_cache(self.fs._parent(file))
        info = self._info(key, **options)
        return None if info is None else _Version.of(info, bool(getattr(self.fs, "version_aware", False)))

    def _map(self, request: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
        """Call `request` for each item, concurrently if the file system has requests that wait."""
        return map_requests(request, items, reads=True) if self.fs.async_impl else list(map(request, items))

    def _read_parts(
        self, key_ranges: Sequence[KeyRange], pinned: Mapping[str, _Version]
    ) -> list[bytes | None]:
        """Read parts of values; those of the keys `pinned` from certain versions."""
        check_ranges(key_ranges)
        if not self._serves_ranges(key_ranges):
            values = self.getitems(list({key for key, _ in key_ranges}))
            return [
                values[key][slice_of(part, len(values[key]))] if key in values else None
                for key, part in key_ranges
            ]
        files = [self._file(key) for key, _ in key_ranges]
        for place, (key, _) in enumerate(key_ranges):
            if key in pinned:
                files[place] += f"?versionId={pinned[key].number}"
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

    def getsize_below(self, path: str) -> int:
        """Return the number of bytes stored below a path at any depth, from one listing; -1 over HTTP."""
        if self._is_http:
            return -1
        folder = self.dir_path(path).rstrip("/")
        try:
            found = self._read(folder, "find", folder, detail=True)
        except KeyError:
            return 0
        sizes = [entry["size"] for entry in found.values()]
        return -1 if None in sizes else sum(sizes)
