"""A store in any object store that obstore opens: S3, Google Cloud Storage, Azure, HTTP, memory, a directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import ClassVar, TypeVar

from zarrcy.errors import ReadOnlyError, ValueLengthError
from zarrcy.keys import check_key, is_key, normalize_path, prefix_of
from zarrcy.storage import access
from zarrcy.storage.access import as_bytes
from zarrcy.storage.base import Store, check_ranges, flat, slice_of
from zarrcy.storage.byte_ranges import agreed_versions, join_spans, parts_of_one_version
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.local.atomic_files import path_identities
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.storage.local.read_only import ReadOnlyDirectory
from zarrcy.storage.optional import Client, import_optional
from zarrcy.storage.remote.concurrent import map_requests
from zarrcy.storage.remote.server_errors import access_denied
from zarrcy.sync.io_depth import REQUESTS_AT_ONCE, values_at_once
from zarrcy.types import JSON, Buffer

_T = TypeVar("_T")
_R = TypeVar("_R")

# These stores answer a request faster than another thread wakes up.
_NEAR = {"LocalStore", "MemoryStore"}
# Documents are small, so more of them are in flight: of 50 arrays in format 2, all.
_DOCUMENTS_AT_ONCE = 100
# obstore joins ranges that are at most this far apart.
_JOINED_NBYTES = 2**20
# Class of obstore -> protocol of its URLs, and the member of its configuration that names the bucket.
_SCHEMES = {
    "S3Store": ("s3", "bucket"),
    "GCSStore": ("gs", "bucket"),
    "AzureStore": ("abfs", "container_name"),
}
# obstore has no classes for these errors of a directory: access is denied; a parent of the key is a file
_EACCES, _ENOTDIR = "(os error 13)", "(os error 20)"
_REMEDY = (
    "Check the credentials, their expiry and the clock of this machine. A server that denies access to keys that do "
    "not exist answers 404 instead if you may list the bucket."
)


class ObjectStore(Store):
    """Store in an object store that the package obstore opens. Each key is an object.

    Requests for many keys are sent concurrently. Ranges of one value are read with one call, in which obstore joins
    ranges that are close together.

    Needs ``zarrcy[obstore]``. The store can be pickled if the store of obstore can.

    Parameters
    ----------
    store : obstore.store.ObjectStore
        Instance of a class of `obstore.store`, or the result of `obstore.store.from_url`.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.
    read_only : bool, default False
        Refuse changes.

    Raises
    ------
    MissingExtraError
        If the package ``obstore`` is not installed.
    AccessDeniedError
        On a read, if the server denies access.

    See Also
    --------
    FSStore : Store in a file system of fsspec.

    Examples
    --------
    >>> import obstore, zarrcy
    >>> store = ObjectStore(obstore.store.MemoryStore())
    >>> a = zarrcy.array([1, 2, 3], store=store, path="a")
    >>> store.listdir("a")
    ['.zarray', '0']
    """

    consumes_values: ClassVar[bool] = True

    def __init__(
        self, store: Client, dimension_separator: str | None = None, read_only: bool = False
    ) -> None:
        self._obstore = import_optional("obstore", "obstore", "ObjectStore")
        # an empty directory must not appear in listings
        self.store = _tidying(store) if type(store).__name__ == "LocalStore" else store
        self.read_only = read_only
        self._dimension_separator = dimension_separator
        # whether the server answers a request for the last bytes of a value
        self._counts_from_end = True
        self._is_near = type(store).__name__ in _NEAR
        self._directory: DirectoryStore | None = None
        if type(store).__name__ == "LocalStore" and store.prefix is not None:
            directory = ReadOnlyDirectory if read_only else DirectoryStore
            self._directory = directory(store.prefix)

    def unwrapped(self) -> Store:
        """Return a store that opens the files of a local store without obstore; elsewhere this store.

        obstore counts links to nothing and directories as missing, and waits for ever for what is in a FIFO.
        """
        return self if self._directory is None else self._directory

    def __reduce__(self) -> tuple[type[ObjectStore], tuple[Client, str | None, bool]]:
        return type(self), (self.store, self._dimension_separator, self.read_only)

    def is_writeable(self) -> bool:
        return not self.read_only

    def _map(
        self,
        request: Callable[[_T], _R],
        items: Iterable[_T],
        reads: bool = True,
        at_once: int = REQUESTS_AT_ONCE,
    ) -> list[_R]:
        """Call `request` for each item, concurrently if the store has latency."""
        if self._is_near:
            return list(map(request, items))
        return map_requests(request, items, values_at_once(at_once), reads=reads, blocks_signals=True)

    def _send(self, key: str, request: Callable[..., _R], *args: Client, **options: Client) -> _R:
        """Call a function of obstore that reads; signal handlers run meanwhile."""
        return self._map(lambda _: request(self.store, *args, **options), [key])[0]

    def _change(self, key: str, request: Callable[..., _R], *args: Client, **options: Client) -> _R:
        """Call a function of obstore that changes the store; signal handlers run meanwhile."""
        return self._map(lambda _: request(self.store, *args, **options), [key], reads=False)[0]

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return the names of a directory: its real path and inode in a local store, else its URL."""
        kind = type(self.store).__name__
        if kind == "MemoryStore":
            return (f"memory:{id(self.store)}/{prefix}",)
        root = "" if self.store.prefix is None else str(self.store.prefix)
        path = f"{root.rstrip('/')}/{prefix}"
        if kind == "LocalStore":
            return path_identities(path)
        if kind not in _SCHEMES:
            return ()
        scheme, member = _SCHEMES[kind]
        return (f"{scheme}://{self.store.config.get(member)}/{path.strip('/')}/",)

    def _check_writeable(self) -> None:
        if self.read_only:
            raise ReadOnlyError(repr(self.store))

    # -- one key -----------------------------------------------------------------------------------

    def get(self, key: str, default: Buffer | None = None) -> Buffer | None:
        value = self._read(key) if self._directory is None else self._directory.get(key)
        return default if value is None else value

    def _read(self, key: str, most: int = -1) -> bytes | None:
        """Return a value; None if the key does not exist. The length of a value is known before it is sent."""
        return self._get(key, most, _bytes_of)

    def _get(self, key: str, most: int, take: Callable[[Client], _R]) -> _R | None:
        """Return what a function takes from the answer for a value; None if the key does not exist."""

        def request(store: Client, key: str) -> _R:
            answer = self._obstore.get(store, key)
            # of a whole value, and cheaper to ask for than its metadata
            nbytes = answer.range[1]
            if 0 <= most < nbytes:
                raise ValueLengthError(key, nbytes, most)
            return take(answer)

        try:
            return self._send(key, request, check_key(key))
        except (FileNotFoundError, self._obstore.exceptions.BaseError) as exc:
            self._raise_unless_missing(key, exc)
            return None

    def __getitem__(self, key: str) -> bytes:
        value: bytes | None = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._check_writeable()
        self._change(key, self._obstore.put, check_key(key), as_bytes(flat(value)))

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        """Store `default` if the key does not exist, and return the stored value.

        If several writers do this at once, exactly one stores its value. That needs a server with conditional puts. A
        server that ignores the condition overwrites the value.
        """
        self._check_writeable()
        errors, value = self._obstore.exceptions, as_bytes(flat(default))
        try:
            self._change(key, self._obstore.put, check_key(key), value, mode="create")
        except (FileExistsError, errors.AlreadyExistsError):
            return self[key]
        except (NotImplementedError, errors.NotSupportedError):
            stored = self.get(key)
            if stored is not None:
                return stored
            self[key] = value
        return default

    def read_versions(
        self, keys: Sequence[str], most: int = -1
    ) -> list[tuple[bytes | None, tuple[str | None, str | None] | None]]:
        """Return values and their versions; see `zarrcy.storage.capabilities.ReplacesValues`."""
        return self._map(
            lambda key: self._get(key, most, _bytes_and_version) or (None, None),
            keys,
            at_once=_DOCUMENTS_AT_ONCE,
        )

    def replace_value(
        self, key: str, value: Buffer, version: Hashable
    ) -> tuple[str | None, str | None] | None:
        """Store a value if that of the key has a version; see `zarrcy.storage.capabilities.ReplacesValues`.

        The condition is the ETag. A store without ETags, or without conditional puts, replaces the value.
        """
        return self.replace_values([(key, value, version)])[0]

    def replace_values(
        self, values: Sequence[tuple[str, Buffer, Hashable]]
    ) -> list[tuple[str | None, str | None] | None]:
        """Do what `replace_value` does for several keys, values and versions."""
        self._check_writeable()
        return self._map(lambda item: self._replace(*item), values, reads=False)

    def _replace(self, key: str, value: Buffer, version: Hashable) -> tuple[str | None, str | None] | None:
        mode: JSON = "create"
        if isinstance(version, tuple):
            e_tag, number = version
            # a weak ETag never meets the condition
            is_strong = e_tag is not None and not e_tag.startswith("W/")
            known = {"e_tag": e_tag} if number is None else {"e_tag": e_tag, "version": number}
            mode = known if is_strong else "overwrite"
        put = partial(self._obstore.put, self.store, check_key(key), as_bytes(flat(value)))
        errors = self._obstore.exceptions
        try:
            new = put(mode=mode)
        except (FileExistsError, FileNotFoundError, errors.AlreadyExistsError, errors.PreconditionError):
            return None
        except (NotImplementedError, errors.NotSupportedError):
            new = put()
        return new["e_tag"], new["version"]

    def __delitem__(self, key: str) -> None:
        self._check_writeable()
        if key not in self:
            raise KeyError(key)
        try:
            self._change(key, self._obstore.delete, key)
        except FileNotFoundError as exc:
            # another writer deleted it first
            raise KeyError(key) from exc

    def __contains__(self, key: object) -> bool:
        return is_key(key) and self._size(key) is not None

    def _size(self, key: str) -> int | None:
        try:
            return int(self._send(key, self._obstore.head, key)["size"])
        except (FileNotFoundError, self._obstore.exceptions.BaseError) as exc:
            self._raise_unless_missing(key, exc)
            return None

    def _raise_unless_missing(self, key: str, exc: Exception) -> None:
        """Raise an error again, unless it means that the key does not exist."""
        errors, text = self._obstore.exceptions, str(exc)
        if isinstance(exc, (errors.PermissionDeniedError, errors.UnauthenticatedError)) or _EACCES in text:
            raise access_denied(key, exc, _REMEDY) from exc
        if not isinstance(exc, FileNotFoundError) and _ENOTDIR not in text:
            raise exc

    def __iter__(self) -> Iterator[str]:
        return iter(self._below(""))

    def __len__(self) -> int:
        return len(self._below(""))

    def _below(self, path: str) -> list[str]:
        """Return all keys below a path."""
        if self._directory is not None:
            # obstore leaves out links to nothing
            below, folder = prefix_of(path), self._directory.dir_path(path)
            return [below + key for key in DirectoryStore(folder)] if os.path.isdir(folder) else []
        return self._send(path, self._list, path or None)

    def _list(self, store: Client, path: str | None) -> list[str]:
        return [entry["path"] for part in self._obstore.list(store, path) for entry in part]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectStore) and bool(self.store == other.store)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} around {self.store!r}>"

    # -- many keys ---------------------------------------------------------------------------------

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, JSON] | None = None
    ) -> dict[str, bytes]:
        values = self._map(self.get, keys)
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    def read_values(self, keys: Sequence[str], most: int = -1, strict: bool = True) -> list[Buffer | None]:
        """Return the values of `keys`; see `zarrcy.storage.capabilities.ReadsManyValues`."""
        if self._directory is not None:
            return access.value_reader(self._directory, most, strict)(list(keys))
        at_once = REQUESTS_AT_ONCE if strict else _DOCUMENTS_AT_ONCE
        return self._map(lambda key: self._read(key, most), keys, at_once=at_once)

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        self._map(lambda item: self.__setitem__(*item), values.items(), reads=False)

    def delitems(self, keys: Iterable[str]) -> None:
        self._check_writeable()
        keys = [check_key(key) for key in keys]
        try:
            self._change(keys[0] if keys else "", self._obstore.delete, keys)
        except FileNotFoundError:
            # the call may have stopped at the first missing key
            for key in keys:
                self._discard(key)

    def _discard(self, key: str) -> None:
        try:
            self._change(key, self._obstore.delete, key)
        except FileNotFoundError:
            return

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[Buffer | None]:
        if self._directory is not None:
            return list(self._directory.get_partial_values(key_ranges))
        ranges = _ranges_by_key(key_ranges)
        parts = self._map(lambda item: self._parts(*item), ranges.items())
        # the parts of each key, in the order of its ranges
        remaining = {key: iter(parts_of_key) for key, parts_of_key in zip(ranges, parts, strict=True)}
        return [next(remaining[key]) for key, _ in key_ranges]

    def get_versioned_values(
        self, key_ranges: Sequence[KeyRange], versions: Mapping[str, Hashable]
    ) -> tuple[list[bytes | None], dict[str, Hashable]]:
        """Return parts of values, of one version of each value; see `zarrcy.storage.capabilities.ReadsVersions`.

        The version is the ETag that each response carries. A request for a known version has the condition
        ``If-Match``. A store without ETags gives the time of the last change and the length instead.
        """
        ranges = _ranges_by_key(key_ranges)
        known: dict[str, _Version] = {
            key: version for key, version in versions.items() if isinstance(version, _Version)
        }
        # without the length, no range can be cut that is empty or that ends before the end of the value
        unknown = [
            key
            for key, parts in ranges.items()
            if key not in known and not all(self._needs_no_length(*part) for part in parts)
        ]
        found = dict(zip(unknown, self._map(self._version_of, unknown), strict=True))
        known |= {key: version for key, version in found.items() if version is not None}
        missing = {key for key, version in found.items() if version is None}
        requests = [(key, part, known.get(key)) for key, part in key_ranges if key not in missing]
        answers = self._map(lambda request: self._get_part(*request), requests)
        remaining = iter(answers)
        parts_read = [None if key in missing else next(remaining)[0] for key, _ in key_ranges]
        seen = ((key, version) for (key, _, _), (_, version) in zip(requests, answers, strict=True))
        return parts_read, agreed_versions(known, seen)

    def _needs_no_length(self, start: int, nbytes: int | None) -> bool:
        """Return whether a range can be requested of a value whose length is not known."""
        if start < 0:
            return self._counts_from_end and (nbytes is None or nbytes >= -start)
        return bool(nbytes)

    def _version_of(self, key: str) -> _Version | None:
        try:
            return _Version.of(self._send(key, self._obstore.head, key))
        except (FileNotFoundError, self._obstore.exceptions.BaseError) as exc:
            self._raise_unless_missing(key, exc)
            return None

    def _get_part(
        self, key: str, part: tuple[int, int | None], known: _Version | None
    ) -> tuple[bytes | None, _Version | None]:
        """Return a part of a value and its version. No part: the key does not exist, or has another version."""
        if known is None:
            start, nbytes = part
            cut = slice(start, None if nbytes is None else start + nbytes)
        else:
            cut = slice_of(part, known.nbytes)
            if cut.start >= cut.stop:
                return b"", known
        is_suffix = known is None and cut.start < 0
        options: dict[str, JSON] = {"range": (cut.start, cut.stop)}
        if is_suffix:
            options = {"range": {"suffix": -cut.start}}
        elif cut.stop is None:
            options = {"range": {"offset": cut.start}}
        if known is not None and known.condition is not None:
            options["if_match"] = known.condition
        try:
            return self._send(key, self._get_versioned, key, options)
        except FileNotFoundError:
            return None, None
        except self._obstore.exceptions.PreconditionError:
            return None, None
        except self._obstore.exceptions.BaseError as exc:
            # the range may begin after the end of the value
            now = self._version_of(key)
            if now is None or (known is not None and now != known):
                return None, None
            if is_suffix:
                # an empty value, or a server that can't count from the end, as that of Azure
                answer = self._get_part(key, part, now)
                self._counts_from_end = now.nbytes == 0
                return answer
            if known is not None or cut.start < now.nbytes:
                self._raise_unless_missing(key, exc)
            return b"", now

    def _get_versioned(self, store: Client, key: str, options: dict[str, JSON]) -> tuple[bytes, _Version]:
        answer = self._obstore.get(store, key, options=options)
        return answer.bytes().to_bytes(), _Version.of(answer.meta)

    def _parts(self, key: str, ranges: list[tuple[int, int | None]]) -> list[Buffer | None]:
        """Return parts of one value."""
        if len(join_spans(ranges, _JOINED_NBYTES)[0]) > 1:
            return parts_of_one_version(self, [(key, part) for part in ranges], access.reader(self))
        # obstore reads them with one request
        if all(start >= 0 and nbytes for start, nbytes in ranges):
            starts, lengths = zip(*ranges, strict=True)
            try:
                parts = self._send(key, self._obstore.get_ranges, key, starts=starts, lengths=lengths)
                return [part.to_bytes() for part in parts]
            except FileNotFoundError:
                return [None] * len(ranges)
            except self._obstore.exceptions.BaseError:
                # one range that begins after the end of the value makes the whole call fail
                pass
        size = self._size(key)
        if size is None:
            return [None] * len(ranges)
        cuts = [slice_of(part, size) for part in ranges]
        nonempty = [cut for cut in cuts if cut.start < cut.stop]
        try:
            remaining = iter(
                self._send(
                    key,
                    self._obstore.get_ranges,
                    key,
                    starts=[cut.start for cut in nonempty],
                    ends=[cut.stop for cut in nonempty],
                )
                if nonempty
                else ()
            )
        except FileNotFoundError:
            # another writer deleted it since
            return [None] * len(ranges)
        return [next(remaining).to_bytes() if cut.start < cut.stop else b"" for cut in cuts]

    # -- below a path --------------------------------------------------------------------

    def listdir(self, path: str | None = None) -> list[str]:
        path = normalize_path(path)
        listed = self._send(path, self._obstore.list_with_delimiter, path or None)
        below = listed["common_prefixes"] + [entry["path"] for entry in listed["objects"]]
        return sorted({key[len(prefix_of(path)) :] for key in below})

    def rmdir(self, path: str | None = None) -> None:
        self._check_writeable()
        self.delitems(self._below(normalize_path(path)))

    def has_latency(self) -> bool:
        """Return whether the values are on a server."""
        return not self._is_near

    def can_move(self) -> bool:
        """Return False: keys are copied and deleted."""
        return False

    def rename(self, src_path: str, dst_path: str) -> None:
        self._check_writeable()
        src, dst = normalize_path(src_path), normalize_path(dst_path)
        keys = self._below(src) + [key for key in (src,) if key and key in self]
        if not keys:
            raise KeyError(src_path)
        self._map(lambda key: self._obstore.rename(self.store, key, dst + key[len(src) :]), keys, reads=False)

    def getsize(self, path: str | None = None) -> int:
        path = normalize_path(path)
        own = self._size(path) if path else None
        if own is not None:
            return own
        listed = self._send(path, self._obstore.list_with_delimiter, path or None)
        return sum(entry["size"] for entry in listed["objects"])

    def getsize_below(self, path: str) -> int:
        """Return the number of bytes stored below a path at any depth, from one listing.

        Parameters
        ----------
        path : str
            Path of a node; empty for the root.

        Returns
        -------
        int
            Number of bytes.
        """
        return self._send(path, self._size_below, normalize_path(path) or None)

    def _size_below(self, store: Client, path: str | None) -> int:
        return sum(entry["size"] for part in self._obstore.list(store, path) for entry in part)

    def clear(self) -> None:
        self.rmdir()


@dataclass(frozen=True, slots=True)
class _Version:
    """What tells two values of a key apart."""

    e_tag: str | None
    number: str | None
    last_modified: datetime
    nbytes: int

    @classmethod
    def of(cls, meta: Mapping[str, Client]) -> _Version:
        """Return the version in the metadata of an object."""
        return cls(meta["e_tag"], meta["version"], meta["last_modified"], int(meta["size"]))

    @property
    def is_exact(self) -> bool:
        """Whether no other value of the key has this version."""
        return self.condition is not None

    @property
    def condition(self) -> str | None:
        """The ETag for the condition ``If-Match``; a weak one never meets it."""
        return None if self.e_tag is None or self.e_tag.startswith("W/") else self.e_tag


def _bytes_of(answer: Client) -> bytes:
    value: bytes = answer.bytes().to_bytes()
    return value


def _bytes_and_version(answer: Client) -> tuple[bytes, tuple[str | None, str | None]]:
    return _bytes_of(answer), (answer.meta["e_tag"], answer.meta["version"])


def _ranges_by_key(key_ranges: Sequence[KeyRange]) -> dict[str, list[tuple[int, int | None]]]:
    check_ranges(key_ranges)
    ranges: dict[str, list[tuple[int, int | None]]] = {}
    for key, part in key_ranges:
        ranges.setdefault(check_key(key), []).append(part)
    return ranges


def _tidying(store: Client) -> Client:
    """Return a local store of obstore that deletes empty directories."""
    return type(store)(store.prefix, automatic_cleanup=True)
