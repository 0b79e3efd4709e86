"""A store in any file system that fsspec knows: S3, Google Cloud Storage, HTTP, SFTP, memory, archives ..."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from zarrcy.errors import MissingExtraError, ReadOnlyError
from zarrcy.storage import access
from zarrcy.storage.base import Store
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.storage.optional import import_optional
from zarrcy.storage.remote.fsspec_files import FsspecFiles
from zarrcy.types import Buffer

_S3 = {"s3", "s3a"}


class FSStore(Store):
    """Keys as files below a URL, through fsspec.

    On the local file system it stores as a `DirectoryStore` does: a value appears whole or not at all.
    Elsewhere it does what the backend promises; object stores promise the same. Many keys are asked for,
    stored and deleted at once where the file system can do so.

    Needs ``zarrcy[fsspec]``, and the package of the protocol: ``zarrcy[s3]`` has that of ``s3://``.

    Parameters
    ----------
    url : what fsspec opens, ``"s3://bucket/path"`` or ``"simplecache::https://host/path"``; with `fs`, a
        path in it
    normalize_keys : make keys lower case
    key_separator : `dimension_separator` by another name, which comes first
    mode : "r" refuses changes; any other mode allows them
    exceptions : errors that mean that a key is not there. Others, of the network for instance, are raised:
        what could not be read is not the same as what was never written
    dimension_separator : "." or "/", for arrays whose metadata do not say
    fs : a file system of fsspec, in the place of one that is made for the URL
    check : write and delete a file, to see that it can be done
    create : make the directory
    missing_exceptions : more errors that mean that a key is not there
    **storage_options : for the file system

    Examples
    --------
    >>> import zarrcy
    >>> store = FSStore("memory://example.zarr")
    >>> a = zarrcy.array([1, 2, 3], store=store)
    >>> store.listdir()
    ['.zarray', '0']
    >>> store.get_partial_values([(".zarray", (0, 1))])
    [b'{']
    """

    consumes_values: ClassVar[bool] = True

    def __init__(
        self,
        url: str | os.PathLike[str],
        normalize_keys: bool = False,
        key_separator: str | None = None,
        mode: str = "w",
        exceptions: Sequence[type[BaseException]] = (
            KeyError,
            PermissionError,
            FileNotFoundError,
            IsADirectoryError,
            NotADirectoryError,
        ),
        dimension_separator: str | None = None,
        fs: Any = None,
        check: bool = False,
        create: bool = False,
        missing_exceptions: Sequence[type[BaseException]] | None = None,
        **storage_options: Any,
    ) -> None:
        fsspec = import_optional("fsspec", "fsspec", "a store at a URL")
        if fs is not None and storage_options:
            raise ValueError(
                f"storage_options {sorted(storage_options)} with fs: they are for a file system that is made "
                "for the URL, and fs is one already"
            )
        root = os.fspath(url)
        if fs is None:
            fs, root = _open_url(fsspec, root, storage_options)
        more = {} if missing_exceptions is None else {"missing_exceptions": tuple(missing_exceptions)}
        self.map = fs.get_mapper(root, check=check, create=create, **more)
        self.fs = fs
        self.path = str(self.map.root)
        self.normalize_keys = normalize_keys
        self.mode = mode
        self.exceptions = (*exceptions, *(missing_exceptions or ()))
        self._dimension_separator = key_separator if key_separator is not None else dimension_separator
        self.key_separator = self._dimension_separator or "."
        is_local = type(fs) is fsspec.get_filesystem_class("file")
        self._parts = FsspecFiles(self.map, self.exceptions)
        self._files: Any = DirectoryStore(self.path) if is_local else self._parts
        self.durability = self._files.durability

    def _key(self, key: str) -> str:
        return key.lower() if self.normalize_keys else key

    def _writable(self) -> Any:
        """Return the files, if they may be changed."""
        if self.mode == "r":
            raise ReadOnlyError(self.path)
        return self._files

    def is_writeable(self) -> bool:
        """Can values be written? Not with the mode "r"."""
        return self.mode != "r"

    def dir_path(self, path: str | None = None) -> str:
        """Return the path in the file system of what has this path in the store."""
        return str(self._files.dir_path(path))

    def __getitem__(self, key: str) -> bytes:
        value: bytes = self._files[self._key(key)]
        return value

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._writable()[self._key(key)] = value

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Store `default` if the key is not there, and return what is there then.

        Of several writers at once one stores its value, if the file system can do that in one step.
        """
        return self._writable().setdefault(self._key(key), default)

    def __delitem__(self, key: str) -> None:
        del self._writable()[self._key(key)]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._key(key) in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, FSStore)
            and type(self) is type(other)
            and (self.fs, self.path, self.mode) == (other.fs, other.path, other.mode)
        )

    def __hash__(self) -> int:
        return hash((self.path, self.mode))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.fs.unstrip_protocol(self.path)!r} mode={self.mode!r}>"

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any] | None = None) -> dict[str, bytes]:
        """Return the values of those `keys` that are there; `contexts` has no effect."""
        found = self._files.getitems([self._key(key) for key in keys])
        return {key: found[self._key(key)] for key in keys if self._key(key) in found}

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        """Store all `values`."""
        access.writer(self._writable())({self._key(key): value for key, value in values.items()})

    def delitems(self, keys: Iterable[str]) -> None:
        """Delete those `keys` that are there."""
        access.deleter(self._writable())([self._key(key) for key in keys])

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[bytes | None]:
        """Return parts of values; see `zarrcy.storage.capabilities.ReadsRanges`."""
        return self._parts.get_partial_values([(self._key(key), part) for key, part in key_ranges])

    def listdir(self, path: str | None = None) -> list[str]:
        """Return the names directly below `path`, sorted; none if there is no such directory."""
        names: list[str] = self._files.listdir(path)
        return names

    def rmdir(self, path: str | None = None) -> None:
        """Delete all keys below `path`."""
        self._writable().rmdir(path)

    def rename(self, src_path: str, dst_path: str) -> None:
        """Move the key `src_path`, and all keys below it, to `dst_path`."""
        self._writable().rename(src_path, dst_path)

    def getsize(self, path: str | None = None) -> int:
        """Return the bytes of the values directly below `path`, or of its own; -1 over HTTP."""
        return int(self._files.getsize(path))

    def leftovers(self, older_than: float = 0) -> Iterator[str]:
        """Iterate over files that killed writers left; see `DirectoryStore.leftovers`."""
        return access.leftovers(self._files, older_than)

    def remove_leftover(self, path: str) -> None:
        """Delete a file that `leftovers` returned."""
        access.remove_leftover(self._files, path)

    def clear(self) -> None:
        self.rmdir()


def _open_url(fsspec: Any, url: str, options: dict[str, Any]) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it."""
    if fsspec.core.split_protocol(url)[0] in (None, "file", "local"):
        options = {"auto_mkdir": True, **options}
    try:
        fs, root = fsspec.core.url_to_fs(url, **options)
    except ImportError as exc:
        if _S3 & {part.split("://")[0] for part in url.split("::")} and "s3fs" in str(exc):
            raise MissingExtraError("s3fs", "s3", f"the URL {url!r}") from exc
        raise
    return fs, str(root)
