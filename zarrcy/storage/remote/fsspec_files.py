"""Keys as files below a path in a file system of fsspec: the requests that `FSStore` makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from zarrcy.keys import check_key, normalize_path
from zarrcy.storage.access import as_bytes
from zarrcy.storage.base import Store, check_ranges, flat, slice_of
from zarrcy.storage.capabilities import KeyRange
from zarrcy.types import Buffer

# fsspec takes paths with these for patterns, in the methods that take many
_MAGIC = frozenset("*?[")


class FsspecFiles(Store):
    """Keys as files below the root of a mapper of fsspec.

    Parameters
    ----------
    mapper : its file system and its root are used
    absent : exceptions that mean that a key is not there
    """

    def __init__(self, mapper: Any, absent: tuple[type[BaseException], ...]) -> None:
        self.map = mapper
        self.fs = mapper.fs
        self.root = str(mapper.root)
        self.absent = absent
        protocols = (self.fs.protocol,) if isinstance(self.fs.protocol, str) else tuple(self.fs.protocol)
        self._is_http = "http" in protocols
        # does the server send parts of files? None: nobody has asked yet
        self._has_ranges: bool | None = None if self._is_http else True

    def _file(self, key: str) -> str:
        return str(self.map._key_to_str(check_key(key)))

    def dir_path(self, path: str | None = None) -> str:
        return str(self.map._key_to_str(normalize_path(path)))

    # -- one key -----------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> bytes:
        try:
            return bytes(self.fs.cat_file(self._file(key)))
        except self.absent as exc:
            raise KeyError(key) from exc

    def __setitem__(self, key: str, value: Buffer) -> None:
        self.setitems({key: value})

    def setdefault(self, key: str, default: Any = None) -> Any:
        file, value = self._file(key), as_bytes(flat(default))
        # servers that do not know the condition would overwrite the value, so it is looked for before
        if key not in self:
            try:
                self._with_parents([file], lambda: self.fs.pipe_file(file, value, mode="create"))
            except FileExistsError:
                return self[key]
            return default
        return self[key]

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self.fs.rm_file(self._file(key))

    def __contains__(self, key: object) -> bool:
        try:
            return isinstance(key, str) and self.fs.info(self._file(key))["type"] == "file"
        except self.absent:
            return False

    def __iter__(self) -> Iterator[str]:
        for file in self._find(self.root):
            yield file[len(self.root) :].strip("/")

    def __len__(self) -> int:
        return len(self._find(self.root))

    def _find(self, folder: str) -> list[str]:
        """Return all files below a folder, or the file itself."""
        try:
            return list(self.fs.find(folder))
        except self.absent:
            return []

    # -- many keys ---------------------------------------------------------------------------------

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any] | None = None) -> dict[str, bytes]:
        files = {key: self._file(key) for key in keys}
        plain = [file for file in files.values() if _MAGIC.isdisjoint(file)]
        answers = self.fs.cat(plain, on_error="return") if plain else {}
        found = {}
        for key, file in files.items():
            answer = answers[file] if file in answers else self.get(key, KeyError())
            if not isinstance(answer, BaseException):
                found[key] = bytes(answer)
            elif not isinstance(answer, self.absent):
                raise answer
        return found

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        files = {self._file(key): as_bytes(flat(value)) for key, value in values.items()}
        self._with_parents(files, lambda: self.fs.pipe(files))

    def _with_parents(self, files: Iterable[str], write: Callable[[], Any]) -> None:
        """Write files; make the directories that are missing, in a file system that has directories."""
        try:
            write()
        except FileNotFoundError:
            for parent in {self.fs._parent(file) for file in files}:
                self.fs.makedirs(parent, exist_ok=True)
            write()

    def delitems(self, keys: Iterable[str]) -> None:
        self._remove([self._file(key) for key in keys])

    def _remove(self, files: list[str]) -> None:
        """Delete files, some of which may not be there."""
        if not files:
            return
        if all(_MAGIC.isdisjoint(file) for file in files):
            try:
                self.fs.rm(files)
            except FileNotFoundError:
                # it may have stopped at the first that is not there: file by file, then
                pass
            else:
                return
        for file in files:
            try:
                self.fs.rm_file(file)
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
        # of a range that is counted from the end, what comes after it is cut off below
        ends = [None if n is None or start < 0 else start + n for _, (start, n) in key_ranges]
        answers = self.fs.cat_ranges(files, starts, ends, on_error="return")
        return [
            self._part(file, part, answer)
            for file, (_, part), answer in zip(files, key_ranges, answers, strict=True)
        ]

    def _part(self, file: str, part: tuple[int, int | None], answer: Any) -> bytes | None:
        if isinstance(answer, self.absent):
            return None
        if isinstance(answer, BaseException) or part[1] == 0:
            # a server may refuse a range in which there is nothing, and a client may not even ask
            try:
                size = self.fs.info(file)["size"]
            except self.absent:
                return None
            wanted = slice_of(part, size)
            if wanted.start < wanted.stop:
                raise answer
            return b""
        return bytes(answer[: part[1]])

    def _serves_ranges(self, key_ranges: Sequence[KeyRange]) -> bool:
        """Does the server send parts? One that does not sends the whole, which looks just like a part."""
        if self._has_ranges is None and key_ranges:
            try:
                self._has_ranges = bool(self.fs.info(self._file(key_ranges[0][0])).get("partial"))
            except self.absent:
                return False
        return bool(self._has_ranges)

    # -- what lies below a path --------------------------------------------------------------------

    def _ls(self, path: str | None) -> list[dict[str, Any]]:
        """Return what is directly below a path, or the file that is there."""
        try:
            return list(self.fs.ls(self.dir_path(path).rstrip("/"), detail=True))
        except self.absent:
            return []

    def listdir(self, path: str | None = None) -> list[str]:
        folder = self.dir_path(path).rstrip("/")
        # a file lists itself, and so do the placeholders that stand for folders in object stores
        places = {entry["name"].rstrip("/") for entry in self._ls(path)} - {folder}
        return sorted(place.rsplit("/", 1)[-1] for place in places)

    def rmdir(self, path: str | None = None) -> None:
        self.fs.invalidate_cache()
        # never the root itself: it may be a bucket
        below = [self.dir_path(path)] if normalize_path(path) else [entry["name"] for entry in self._ls("")]
        for folder in below:
            if not _MAGIC.isdisjoint(folder):
                self._remove(self._find(folder))
                continue
            try:
                self.fs.rm(folder, recursive=True)
            except FileNotFoundError:
                continue

    def rename(self, src_path: str, dst_path: str) -> None:
        self.fs.invalidate_cache()
        src, dst = self.dir_path(src_path), self.dir_path(dst_path)
        files = self._find(src)
        if not files:
            raise KeyError(src_path)
        self.fs.copy(files, [dst + file[len(src) :] for file in files])
        self._remove(files)

    def getsize(self, path: str | None = None) -> int:
        if self._is_http:
            return -1
        sizes = [entry["size"] for entry in self._ls(path) if entry["type"] == "file"]
        return -1 if None in sizes else sum(sizes)
