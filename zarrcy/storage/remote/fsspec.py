"""A store in any file system of fsspec: S3, Google Cloud Storage, HTTP, SFTP, memory, archives ..."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import ClassVar

from zarrcy.errors import MissingExtraError, ReadOnlyError
from zarrcy.keys import is_key
from zarrcy.storage import access
from zarrcy.storage.base import Store
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.listing import getsize_deep
from zarrcy.storage.local.atomic_files import path_identities
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.storage.local.read_only import ReadOnlyDirectory
from zarrcy.storage.optional import Client, Option, import_optional
from zarrcy.storage.remote.fsspec_files import CACHING, ROOTED, FsspecFiles
from zarrcy.types import JSON, Buffer

_S3 = {"s3", "s3a"}
_CONNECTIONS = 100


class FSStore(Store):
    """Store in a file system of fsspec. Each key is a file below a URL.

    On the local file system, values are written as by a `DirectoryStore`: readers see a complete value or none.
    Other file systems give the guarantees of their backend; object stores give the same. Requests for many keys are
    sent concurrently if the file system can do that. A request that an overloaded server refuses (status 503 or 429) is
    repeated up to five times, within about three seconds.

    Needs ``zarrcy[fsspec]`` and the package of the protocol, such as ``zarrcy[s3]`` for ``s3://``.

    Parameters
    ----------
    url : str or os.PathLike
        URL that fsspec opens, such as ``"s3://bucket/path"`` or ``"simplecache::https://host/path"``. If `fs` is
        passed, a path in that file system.
    normalize_keys : bool, default False
        Convert keys to lower case.
    key_separator : {".", "/"}, optional
        Other name for `dimension_separator`; takes precedence.
    mode : str, default "w"
        "r" refuses changes; all other modes allow them.
    exceptions : sequence of type
        Errors that mean that a key does not exist. Other errors are raised, because a value that could not be read may
        exist. That includes PermissionError: servers also deny access for an expired key or a wrong clock. If a
        bucket denies access to keys that do not exist, because you may not list it, add PermissionError here.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.
    fs : fsspec.AbstractFileSystem, optional
        File system to use, instead of the file system of the URL.
    check : bool, default False
        Write and delete a file, to check that this is possible.
    create : bool, default False
        Create the directory.
    missing_exceptions : sequence of type, optional
        More errors that mean that a key does not exist.
    **storage_options : Option
        Options of the file system.

    Raises
    ------
    MissingExtraError
        If fsspec or the package of the protocol is not installed.
    ReadOnlyError
        On a change, if `mode` is "r".
    AccessDeniedError
        On a read, if the server denies access and PermissionError is not one of `exceptions`.

    See Also
    --------
    ObjectStore : Store in an object store of obstore.

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
            FileNotFoundError,
            IsADirectoryError,
            NotADirectoryError,
        ),
        dimension_separator: str | None = None,
        fs: Client = None,
        check: bool = False,
        create: bool = False,
        missing_exceptions: Sequence[type[BaseException]] | None = None,
        **storage_options: Option,
    ) -> None:
        fsspec = import_optional("fsspec", "fsspec", "a store at a URL")
        if fs is not None and storage_options:
            raise ValueError(
                f"storage_options {sorted(storage_options)} can't be combined with fs; pass them to the "
                "constructor of the file system"
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
        self._files: DirectoryStore | FsspecFiles = DirectoryStore(self.path) if is_local else self._parts
        directory = ReadOnlyDirectory if mode == "r" else DirectoryStore
        self._directory = directory(self.path, normalize_keys) if is_local else None
        self.durability = self._files.durability

    def unwrapped(self) -> Store:
        """Return a store that opens the files of the local file system without fsspec; elsewhere this store."""
        return self if self._directory is None else self._directory

    def _key(self, key: str) -> str:
        return key.lower() if self.normalize_keys else key

    def _writable(self) -> DirectoryStore | FsspecFiles:
        """Return the files, or raise ReadOnlyError if they can't be changed."""
        if self.mode == "r":
            raise ReadOnlyError(self.path)
        return self._files

    def is_writeable(self) -> bool:
        return self.mode != "r"

    def has_latency(self) -> bool:
        """Return whether the file system sends its requests in an event loop of another thread."""
        return bool(self._directory is None and self.fs.async_impl and not self.fs.asynchronous)

    def can_move(self) -> bool:
        """Return whether it is the local file system: elsewhere, keys are copied and deleted."""
        return access.can_move(self._files)

    def dir_path(self, path: str | None = None) -> str:
        """Return the path in the file system for a path in the store.

        Parameters
        ----------
        path : str, optional
            Path of a node, or a key; the root by default.

        Returns
        -------
        str
            Path in the file system.
        """
        return self._files.dir_path(path)

    def __getitem__(self, key: str) -> bytes:
        return self._files[self._key(key)]

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._writable()[self._key(key)] = value

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        """Store `default` if the key does not exist, and return the stored value.

        If several writers do this at once, exactly one stores its value. That needs a file system that can create a
        file atomically.
        """
        return self._writable().setdefault(self._key(key), default)

    def __delitem__(self, key: str) -> None:
        del self._writable()[self._key(key)]

    def __contains__(self, key: object) -> bool:
        return is_key(key) and self._key(key) in self._files

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

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, JSON] | None = None
    ) -> dict[str, bytes]:
        values = self._files.getitems([self._key(key) for key in keys])
        return {key: values[self._key(key)] for key in keys if self._key(key) in values}

    def read_values(self, keys: Sequence[str], most: int = -1, strict: bool = True) -> list[Buffer | None]:
        """Return the values of `keys`; see `FsspecFiles.read_values`."""
        return access.value_reader(self._files, most, strict)([self._key(key) for key in keys])

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        access.writer(self._writable())({self._key(key): value for key, value in values.items()})

    def delitems(self, keys: Iterable[str]) -> None:
        access.deleter(self._writable())([self._key(key) for key in keys])

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[Buffer | None]:
        return list(self._files.get_partial_values([(self._key(key), part) for key, part in key_ranges]))

    def get_versioned_values(
        self, key_ranges: Sequence[KeyRange], versions: Mapping[str, Hashable]
    ) -> tuple[list[bytes | None], dict[str, Hashable]]:
        """Return parts of values, of one version of each value; see `FsspecFiles.get_versioned_values`."""
        ranges = [(self._key(key), part) for key, part in key_ranges]
        known = {self._key(key): version for key, version in versions.items()}
        parts, found = self._parts.get_versioned_values(ranges, known)
        return parts, {key: found[self._key(key)] for key, _ in key_ranges if self._key(key) in found}

    def listdir(self, path: str | None = None) -> list[str]:
        return self._files.listdir(path)

    def rmdir(self, path: str | None = None) -> None:
        self._writable().rmdir(path)

    def check_rmdir(self, path: str | None = None) -> None:
        """Raise OSError if `rmdir` can't delete the keys below a path."""
        access.check_rmdir(self._files, path or "")

    def rename(self, src_path: str, dst_path: str) -> None:
        self._writable().rename(src_path, dst_path)

    def getsize(self, path: str | None = None) -> int:
        """Return the stored bytes directly below `path`, or of the value of the key `path`; -1 over HTTP."""
        return self._files.getsize(path)

    def getsize_below(self, path: str) -> int:
        """Return the number of bytes stored below a path at any depth; -1 over HTTP.

        Parameters
        ----------
        path : str
            Path of a node; empty for the root.

        Returns
        -------
        int
            Number of bytes.
        """
        return getsize_deep(self._files, path)

    def leftovers(self, older_than: float = 0) -> Iterator[str]:
        """Iterate over the files that interrupted writers left; see `DirectoryStore.leftovers`."""
        return access.leftovers(self._files, older_than)

    def leftover_target(self, path: str) -> str | None:
        """Return where `remove_leftover` keeps what is at a path; see `DirectoryStore.leftover_target`."""
        return access.leftover_target(self._files, path)

    def remove_leftover(self, path: str) -> None:
        """Delete a file that `leftovers` returned, or move a directory to its `leftover_target`."""
        access.remove_leftover(self._files, path)

    def clear(self) -> None:
        self.rmdir()

    def uncached(self) -> FSStore:
        """Return a store in the file system whose files this one keeps copies of; this store if it keeps none."""
        if type(self.fs).__module__ != CACHING:
            return self
        return type(self)(
            self.path,
            self.normalize_keys,
            mode=self.mode,
            exceptions=self.exceptions,
            dimension_separator=self._dimension_separator,
            fs=self.fs.fs,
        )

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return the names of a directory: its real path and inode on the local file system, else its URL."""
        fs, path = self.fs, f"{self.path}/{self._key(prefix)}"
        # file systems that keep copies of the files of another one, or show one of its directories as their root
        while type(fs).__module__ in (CACHING, ROOTED):
            if type(fs).__module__ == ROOTED:
                path = f"{fs.path}/{path.lstrip('/')}"
            fs = fs.fs
        protocol = fs.protocol if isinstance(fs.protocol, str) else fs.protocol[0]
        if protocol in ("file", "local"):
            return path_identities(path)
        return (f"{protocol}://{path.strip('/')}/",)


def _open_url(fsspec: ModuleType, url: str, options: dict[str, Option]) -> tuple[Client, str]:
    """Return the file system of a URL, and the path in it."""
    if fsspec.core.split_protocol(url)[0] in (None, "file", "local"):
        options = {"auto_mkdir": True, **options}
    elif fsspec.core.split_protocol(url)[0] in _S3:
        # botocore sends ten requests at once, unless it is configured
        config = {"max_pool_connections": _CONNECTIONS, **(options.get("config_kwargs") or {})}
        options = {**options, "config_kwargs": config}
    try:
        fs, root = fsspec.core.url_to_fs(url, **options)
    except ImportError as exc:
        if _S3 & {part.split("://")[0] for part in url.split("::")} and "s3fs" in str(exc):
            raise MissingExtraError("s3fs", "s3", f"the URL {url!r}") from exc
        raise
    return fs, str(root)
