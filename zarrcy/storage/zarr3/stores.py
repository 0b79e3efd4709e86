"""The store classes of zarr-python 3, by their names and arguments there."""

from __future__ import annotations

import os
import weakref
import zipfile
from collections.abc import MutableMapping
from pathlib import Path
from typing import IO, ClassVar, Self

from zarrcy.keys import normalize_path
from zarrcy.storage import places
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.storage.local.read_only import ReadOnlyDirectory
from zarrcy.storage.memory import KVStore
from zarrcy.storage.optional import Client
from zarrcy.storage.zarr3.interface import AsyncStore, raw
from zarrcy.types import Buffer, Option
from zarrcy.types import Store as StoreLike


class LocalStore(AsyncStore):
    """Store in a directory, with the arguments of zarr-python 3. Each key is a file.

    Parameters
    ----------
    root : str or pathlib.Path
        The directory.
    read_only : bool, optional
        Refuse changes.

    See Also
    --------
    DirectoryStore : The store that this one passes requests on to; it has more options.

    Examples
    --------
    >>> LocalStore("/data/a.zarr")
    LocalStore('file:///data/a.zarr')
    """

    def __init__(self, root: str | Path, *, read_only: bool = False) -> None:
        if not isinstance(root, (str, Path)):
            raise TypeError(f"root is {root!r}; it must be a str or a pathlib.Path")
        super().__init__(read_only=read_only)
        self.root = Path(root)
        self._directory = (ReadOnlyDirectory if read_only else DirectoryStore)(os.fspath(root))

    def opened(self) -> DirectoryStore:
        """Return the store of zarrcy that holds the values.

        Returns
        -------
        mapping of str to bytes
            The store.
        """
        return self._directory

    def unwrapped(self) -> DirectoryStore:
        """Return the store that holds the values."""
        return self._directory

    @classmethod
    async def open(cls, root: str | Path, *, read_only: bool = False, mode: str | None = None) -> Self:
        """Make a store, and its directory if it may be changed.

        Parameters
        ----------
        root : str or pathlib.Path
            The directory.
        read_only : bool, optional
            Refuse changes.
        mode : str, optional
            With "r" or "r+", the directory must exist.

        Returns
        -------
        LocalStore
            The store.

        Raises
        ------
        FileNotFoundError
            If there is no such directory and it must exist.
        """
        store = cls(root, read_only=read_only)
        if mode in ("r", "r+") or (mode is None and read_only):
            if not store.root.exists():
                raise FileNotFoundError(f"{store.root} does not exist")
        else:
            store.root.mkdir(parents=True, exist_ok=True)
        store._is_open = True
        return store

    async def _ensure_open(self) -> None:
        if not self.read_only:
            self.root.mkdir(parents=True, exist_ok=True)
        elif not self.root.exists():
            raise FileNotFoundError(f"{self.root} does not exist")
        self._is_open = True

    def with_read_only(self, read_only: bool = False) -> Self:
        """Return a store of the same values that refuses changes, or allows them.

        Parameters
        ----------
        read_only : bool, optional
            Refuse changes.

        Returns
        -------
        Store
            The other store.
        """
        return type(self)(self.root, read_only=read_only)

    def __reduce__(self) -> tuple[Option, ...]:
        return _open_local, (type(self), self.root, self.read_only)

    def __str__(self) -> str:
        return f"file://{self.root.as_posix()}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self}')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.root == other.root and self.read_only == other.read_only

    __hash__ = None

    async def move(self, dest_root: str | Path) -> None:
        """Move the directory to another path.

        Parameters
        ----------
        dest_root : str or pathlib.Path
            The new path.

        Raises
        ------
        FileExistsError
            If there is something at the new path.
        """
        import shutil

        dest_root = Path(dest_root)
        dest_root.parent.mkdir(parents=True, exist_ok=True)
        if dest_root.exists():
            raise FileExistsError(f"the destination {dest_root} already exists")
        shutil.move(self.root, dest_root)
        self.root = dest_root
        self._directory = (ReadOnlyDirectory if self.read_only else DirectoryStore)(os.fspath(dest_root))


def _open_local(kind: type[LocalStore], root: Path, read_only: bool) -> LocalStore:
    return kind(root, read_only=read_only)


class MemoryStore(AsyncStore):
    """Store in a dictionary, with the arguments of zarr-python 3.

    Parameters
    ----------
    store_dict : mutable mapping, optional
        Holds the values. The default is a new dictionary.
    read_only : bool, optional
        Refuse changes.

    Examples
    --------
    >>> values = {}
    >>> MemoryStore(values)["a"] = b"x"
    >>> values
    {'a': b'x'}
    """

    def __init__(
        self, store_dict: MutableMapping[str, Buffer] | None = None, *, read_only: bool = False
    ) -> None:
        super().__init__(read_only=read_only)
        self._store_dict: StoreLike = {} if store_dict is None else store_dict
        for key, value in self._store_dict.items():
            if hasattr(value, "to_bytes") and not isinstance(value, (bytes, int)):
                # a buffer of zarr-python
                self._store_dict[key] = bytes(raw(value))

    def opened(self) -> StoreLike:
        """Return the store of zarrcy that holds the values.

        Returns
        -------
        mapping of str to bytes
            The store.
        """
        return KVStore(self._store_dict)

    def unwrapped(self) -> StoreLike:
        """Return the mapping that holds the values, or this store if it refuses changes."""
        return self if self.read_only else KVStore(self._store_dict)

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._check_writable()
        # a copy: the caller may change its memory
        self._store_dict[key] = bytes(raw(value))

    def with_read_only(self, read_only: bool = False) -> Self:
        """Return a store of the same values that refuses changes, or allows them.

        Parameters
        ----------
        read_only : bool, optional
            Refuse changes.

        Returns
        -------
        Store
            The other store.
        """
        return type(self)(self._store_dict, read_only=read_only)

    def __reduce__(self) -> tuple[Option, ...]:
        return _open_memory, (type(self), self._store_dict, self.read_only)

    def __str__(self) -> str:
        return f"memory://{id(self._store_dict)}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self}')"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, type(self))
            and self.read_only == other.read_only
            and (self._store_dict is other._store_dict or self._store_dict == other._store_dict)
        )

    __hash__ = None


def _open_memory(kind: type[MemoryStore], values: StoreLike, read_only: bool) -> MemoryStore:
    return kind(values, read_only=read_only)


class _Values(dict[str, bytes]):
    """The values of stores in memory that share a name."""


class ManagedMemoryStore(MemoryStore):
    """Store in memory that other stores of the process find by a name, as long as one of them exists.

    Parameters
    ----------
    name : str, optional
        The name. By default a new one is chosen.
    path : str, optional
        Path in front of all keys.
    read_only : bool, optional
        Refuse changes.

    Examples
    --------
    >>> store = ManagedMemoryStore("results")
    >>> store["a"] = b"x"
    >>> ManagedMemoryStore.from_url("memory://results")["a"], str(store)
    (b'x', 'memory://results')
    """

    _named: ClassVar[weakref.WeakValueDictionary[str, _Values]] = weakref.WeakValueDictionary()
    _count: ClassVar[int] = 0

    def __init__(self, name: str | None = None, *, path: str = "", read_only: bool = False) -> None:
        if name is None:
            ManagedMemoryStore._count += 1
            name = f"{ManagedMemoryStore._count}"
            while name in self._named:
                ManagedMemoryStore._count += 1
                name = f"{ManagedMemoryStore._count}"
        if "/" in name:
            raise ValueError(f"name is {name!r}; it must not contain '/', which separates it from a path")
        super().__init__(self._named.setdefault(name, _Values()), read_only=read_only)
        self.name = name
        self.path = normalize_path(path)

    def opened(self) -> StoreLike:
        """Return the store of zarrcy that holds the values.

        Returns
        -------
        mapping of str to bytes
            The store.
        """
        values = KVStore(self._store_dict)
        return values if not self.path else places.store_below(values, self.path)

    def unwrapped(self) -> StoreLike:
        """Return the mapping that holds the values, or this store if it refuses changes."""
        return self if self.read_only else self.opened()

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._check_writable()
        self._store_dict[f"{self.path}/{key}" if self.path else key] = bytes(raw(value))

    @classmethod
    def from_url(cls, url: str, *, read_only: bool = False) -> ManagedMemoryStore:
        """Return a store of the values that a URL names.

        Parameters
        ----------
        url : str
            ``memory://name/path``.
        read_only : bool, optional
            Refuse changes.

        Returns
        -------
        ManagedMemoryStore
            The store.

        Raises
        ------
        ValueError
            If no store has this name.
        """
        if not url.startswith("memory://"):
            raise ValueError(f"the URL {url!r} does not begin with 'memory://'")
        name, _, path = url.removeprefix("memory://").partition("/")
        if name not in cls._named:
            raise ValueError(
                f"no store in memory has the name of the URL {url!r}; all that had it are deleted"
            )
        return cls(name, path=path, read_only=read_only)

    def with_read_only(self, read_only: bool = False) -> Self:
        """Return a store of the same values that refuses changes, or allows them.

        Parameters
        ----------
        read_only : bool, optional
            Refuse changes.

        Returns
        -------
        Store
            The other store.
        """
        return type(self)(self.name, path=self.path, read_only=read_only)

    def __reduce__(self) -> tuple[Option, ...]:
        return _open_managed, (type(self), self.name, self.path, self.read_only)

    def __str__(self) -> str:
        return f"memory://{self.name}/{self.path}" if self.path else f"memory://{self.name}"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ManagedMemoryStore)
            and self._store_dict is other._store_dict
            and self.path == other.path
            and self.read_only == other.read_only
        )

    __hash__ = None


def _open_managed(
    kind: type[ManagedMemoryStore], name: str, path: str, read_only: bool
) -> ManagedMemoryStore:
    return kind(name, path=path, read_only=read_only)


class ZipStore(AsyncStore):
    """Store in a zip archive, with the arguments of zarr-python 3. Its default mode is "r".

    Parameters
    ----------
    path : str, pathlib.Path or file object
        The archive.
    mode : {"r", "w", "a", "x"}, optional
        "r" reads; "a" reads and adds members; "w" creates a new archive and replaces an existing one; "x" creates an
        archive and fails if it exists.
    read_only : bool, optional
        Refuse changes. The default is true for mode "r".
    compression : int, optional
        Compression method of new members, a constant of `zipfile`.
    allowZip64 : bool, optional
        Allow archives beyond 2 GiB.

    Examples
    --------
    >>> ZipStore("/data/a.zip")
    ZipStore('zip:///data/a.zip')
    """

    supports_deletes: ClassVar[bool] = False

    def __init__(
        self,
        path: str | Path | IO[bytes],
        *,
        mode: str = "r",
        read_only: bool | None = None,
        compression: int = zipfile.ZIP_STORED,
        allowZip64: bool = True,  # noqa: N803
    ) -> None:
        super().__init__(read_only=mode == "r" if read_only is None else read_only)
        self.path = Path(path) if isinstance(path, (str, Path)) else None
        self._file = None if self.path is not None else path
        if self._file is not None and not all(hasattr(path, name) for name in ("read", "seek", "tell")):
            raise TypeError(f"{path!r} is not a path or a binary file that can be read and sought")
        self._mode = mode
        self.compression = compression
        self.allowZip64 = allowZip64
        self._archive: Option = None

    def opened(self) -> Option:
        """Return the store of zarrcy that holds the values.

        Returns
        -------
        mapping of str to bytes
            The store.
        """
        if self._archive is None:
            from zarrcy.storage.local.zip import ZipStore as Archive

            place: Option = self.path if self.path is not None else self._file
            self._archive = Archive(place, self.compression, self.allowZip64, self._mode)
            self._is_open = True
            # what was written is kept when the archive is opened again
            self._mode = "a" if self._mode in ("w", "x") else self._mode
        return self._archive

    def unwrapped(self) -> Option:
        """Return the store that holds the values, or this store if it refuses changes."""
        return self if self.read_only and self._mode != "r" else self.opened()

    def clear(self) -> Option:
        self._check_writable()
        self.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        self._mode = "w"
        return super().clear()

    def close(self) -> None:
        self._is_open = False
        archive, self._archive = self._archive, None
        if archive is not None:
            archive.close()

    def __reduce__(self) -> tuple[Option, ...]:
        if self.path is None:
            raise TypeError("a ZipStore of an open file can't be pickled; make one of a path")
        if self._archive is not None and not self.read_only:
            self._archive.flush()
        return _open_zip, (
            type(self),
            self.path,
            self._mode,
            self.read_only,
            self.compression,
            self.allowZip64,
        )

    def __str__(self) -> str:
        return f"zip://{self._file!r}" if self.path is None else f"zip://{self.path}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self}')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.path == other.path and self._file is other._file

    __hash__ = None


def _open_zip(
    kind: type[ZipStore], path: Path, mode: str, read_only: bool, compression: int, zip64: bool
) -> ZipStore:
    return kind(path, mode=mode, read_only=read_only, compression=compression, allowZip64=zip64)


class FsspecStore(AsyncStore):
    """Store in a file system of fsspec, with the arguments of zarr-python 3.

    Parameters
    ----------
    fs : fsspec.AbstractFileSystem
        The file system.
    read_only : bool, optional
        Refuse changes.
    path : str, optional
        Path in the file system.
    allowed_exceptions : tuple of type, optional
        Errors that mean that a key does not exist.

    See Also
    --------
    FSStore : The store that this one passes requests on to.

    Examples
    --------
    >>> FsspecStore.from_url("memory://example-3.zarr")
    <FsspecStore(MemoryFileSystem, /example-3.zarr)>
    """

    def __init__(
        self,
        fs: Client,
        read_only: bool = False,
        path: str = "/",
        allowed_exceptions: tuple[type[Exception], ...] = (
            FileNotFoundError,
            IsADirectoryError,
            NotADirectoryError,
        ),
    ) -> None:
        super().__init__(read_only=read_only)
        if "://" in path and not path.startswith("http"):
            raise ValueError(f"path is {path!r}; it must not have a scheme")
        self.fs, self.path, self.allowed_exceptions = fs, path, allowed_exceptions
        self._files: StoreLike | None = None

    @classmethod
    def from_url(
        cls,
        url: str,
        storage_options: dict[str, Option] | None = None,
        read_only: bool = False,
        allowed_exceptions: tuple[type[Exception], ...] = (
            FileNotFoundError,
            IsADirectoryError,
            NotADirectoryError,
        ),
    ) -> Self:
        """Return a store at a URL.

        Parameters
        ----------
        url : str
            The URL.
        storage_options : dict, optional
            Options of the file system.
        read_only : bool, optional
            Refuse changes.
        allowed_exceptions : tuple of type, optional
            Errors that mean that a key does not exist.

        Returns
        -------
        FsspecStore
            The store.
        """
        from zarrcy.storage.optional import import_optional

        core = import_optional("fsspec.core", "fsspec", "FsspecStore")
        fs, path = core.url_to_fs(url, **(storage_options or {}))
        return cls(fs, read_only, path, allowed_exceptions)

    @classmethod
    def from_mapper(
        cls,
        fs_map: Client,
        read_only: bool = False,
        allowed_exceptions: tuple[type[Exception], ...] = (
            FileNotFoundError,
            IsADirectoryError,
            NotADirectoryError,
        ),
    ) -> Self:
        """Return a store of the files of a mapper of fsspec.

        Parameters
        ----------
        fs_map : fsspec.FSMap
            The mapper.
        read_only : bool, optional
            Refuse changes.
        allowed_exceptions : tuple of type, optional
            Errors that mean that a key does not exist.

        Returns
        -------
        FsspecStore
            The store.
        """
        return cls(fs_map.fs, read_only, fs_map.root, allowed_exceptions)

    @classmethod
    def from_upath(
        cls,
        upath: Client,
        read_only: bool = False,
        allowed_exceptions: tuple[type[Exception], ...] = (
            FileNotFoundError,
            IsADirectoryError,
            NotADirectoryError,
        ),
    ) -> Self:
        """Return a store at a path of universal_pathlib.

        Parameters
        ----------
        upath : upath.UPath
            The path.
        read_only : bool, optional
            Refuse changes.
        allowed_exceptions : tuple of type, optional
            Errors that mean that a key does not exist.

        Returns
        -------
        FsspecStore
            The store.
        """
        return cls(upath.fs, read_only, upath.path.rstrip("/"), allowed_exceptions)

    @classmethod
    async def open(cls, *args: Option, **kwargs: Option) -> Self:
        """Make a store and open it.

        Parameters
        ----------
        *args, **kwargs
            Those of the class, or, with ``url``, those of `from_url`.

        Returns
        -------
        FsspecStore
            The store.
        """
        return cls.from_url(*args, **kwargs) if "url" in kwargs else cls(*args, **kwargs)

    def opened(self) -> StoreLike:
        """Return the store of zarrcy that holds the values.

        Returns
        -------
        mapping of str to bytes
            The store.
        """
        if self._files is None:
            from zarrcy.storage.remote.fsspec import FSStore

            fs = self.fs
            if getattr(fs, "asynchronous", False):
                # the same file system for synchronous code
                fs = type(fs)(*fs.storage_args, **{**fs.storage_options, "asynchronous": False})
            self._files = FSStore(
                self.path,
                fs=fs,
                mode="r" if self.read_only else "w",
                missing_exceptions=self.allowed_exceptions,
            )
        return self._files

    def unwrapped(self) -> StoreLike:
        """Return the store that holds the values."""
        return self.opened()

    def with_read_only(self, read_only: bool = False) -> Self:
        """Return a store of the same values that refuses changes, or allows them.

        Parameters
        ----------
        read_only : bool, optional
            Refuse changes.

        Returns
        -------
        Store
            The other store.
        """
        return type(self)(self.fs, read_only, self.path, self.allowed_exceptions)

    def __reduce__(self) -> tuple[Option, ...]:
        return type(self), (self.fs, self.read_only, self.path, self.allowed_exceptions)

    def __repr__(self) -> str:
        return f"<FsspecStore({type(self.fs).__name__}, {self.path})>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, type(self))
            and self.path == other.path
            and self.read_only == other.read_only
            and self.fs == other.fs
        )

    __hash__ = None


class ObjectStore(AsyncStore):
    """Store in an object store that obstore opens, with the arguments of zarr-python 3.

    Parameters
    ----------
    store : obstore.store.ObjectStore
        A store of obstore.
    read_only : bool, optional
        Refuse changes.

    Examples
    --------
    >>> import obstore
    >>> ObjectStore(obstore.store.MemoryStore()).read_only
    False
    """

    def __init__(self, store: Client, *, read_only: bool = False) -> None:
        if not type(store).__module__.startswith("obstore"):
            raise TypeError(f"{store!r} is not a store of obstore")
        super().__init__(read_only=read_only)
        self.store = store
        self._objects: StoreLike | None = None

    def opened(self) -> StoreLike:
        """Return the store of zarrcy that holds the values.

        Returns
        -------
        mapping of str to bytes
            The store.
        """
        if self._objects is None:
            from zarrcy.storage.remote.obstore import ObjectStore as Objects

            self._objects = Objects(self.store, read_only=self.read_only)
        return self._objects

    def unwrapped(self) -> StoreLike:
        """Return the store that holds the values."""
        return self.opened()

    def with_read_only(self, read_only: bool = False) -> Self:
        """Return a store of the same values that refuses changes, or allows them.

        Parameters
        ----------
        read_only : bool, optional
            Refuse changes.

        Returns
        -------
        Store
            The other store.
        """
        return type(self)(self.store, read_only=read_only)

    def __reduce__(self) -> tuple[Option, ...]:
        return _open_objects, (type(self), self.store, self.read_only)

    def __str__(self) -> str:
        return f"object_store://{self.store}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ObjectStore)
            and self.read_only == other.read_only
            and bool(self.store == other.store)
        )

    __hash__ = None


def _open_objects(kind: type[ObjectStore], store: Client, read_only: bool) -> ObjectStore:
    return kind(store, read_only=read_only)
