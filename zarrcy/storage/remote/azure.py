"""A store in a container of Azure Blob Storage."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar

from zarrcy.errors import ValueLengthError
from zarrcy.keys import check_key, is_key, normalize_path, prefix_of
from zarrcy.storage import access
from zarrcy.storage.access import as_bytes, discard
from zarrcy.storage.base import Store, check_ranges, flat, slice_of
from zarrcy.storage.byte_ranges import agreed_versions, parts_of_one_version
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.optional import Client, Option, import_optional
from zarrcy.storage.remote.concurrent import map_requests
from zarrcy.storage.remote.server_errors import access_denied, is_denied
from zarrcy.types import JSON, Buffer

_PURPOSE = "ABSStore"
# Attempts to download a blob that is replaced meanwhile.
_MOST_ATTEMPTS = 5
_REMEDY = "Check the credentials, their expiry and the clock of this machine."


class ABSStore(Store):
    """Store in a container of Azure Blob Storage. Each key is a blob.

    Requests for many keys are sent concurrently. Parts of values are read with range requests.

    Needs ``zarrcy[azure]``. It is tested with Azurite, Microsoft's emulator of the service.

    Parameters
    ----------
    container : str, optional
        Name of the container; ignored if `client` is passed.
    prefix : str, default ""
        Path of the root of the store in the container.
    account_name : str, optional
        Name of the storage account; ignored if `client` is passed.
    account_key : str, optional
        Key of the storage account; ignored if `client` is passed.
    blob_service_kwargs : dict, optional
        More arguments of `azure.storage.blob.ContainerClient`; ignored if `client` is passed.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.
    client : azure.storage.blob.ContainerClient, optional
        Client of the container.

    Raises
    ------
    MissingExtraError
        If the package ``azure-storage-blob`` is not installed.
    ValueError
        If neither `client` nor `container` and `account_name` are passed.
    AccessDeniedError
        On a read, if the service denies access.
    """

    consumes_values: ClassVar[bool] = True

    def __init__(
        self,
        container: str | None = None,
        prefix: str = "",
        account_name: str | None = None,
        account_key: str | None = None,
        blob_service_kwargs: dict[str, Option] | None = None,
        dimension_separator: str | None = None,
        client: Client = None,
    ) -> None:
        self._errors = import_optional("azure.core.exceptions", "azure", _PURPOSE)
        self._if_match = import_optional("azure.core", "azure", _PURPOSE).MatchConditions.IfNotModified
        if client is None:
            if container is None or account_name is None:
                raise ValueError(
                    "an ABSStore needs the name of a container and its account; pass both, or a client"
                )
            client = import_optional("azure.storage.blob", "azure", _PURPOSE).ContainerClient(
                f"https://{account_name}.blob.core.windows.net/",
                container,
                credential=account_key,
                **(blob_service_kwargs or {}),
            )
        self.client = client
        self.container = container
        self.account_name = account_name
        self.account_key = account_key
        self.prefix = normalize_path(prefix)
        self._dimension_separator = dimension_separator

    def _blob(self, key: str) -> str:
        return prefix_of(self.prefix) + check_key(key)

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return the URL of a directory in the container."""
        return (f"abfs://{self.client.container_name}/{prefix_of(self.prefix)}{prefix}",)

    def _folder(self, path: str | None) -> str:
        """Return the prefix of the names of all blobs below a path."""
        return prefix_of(self.prefix) + prefix_of(normalize_path(path))

    # -- one key -----------------------------------------------------------------------------------

    def has_latency(self) -> bool:
        """Return True: the values are on a server."""
        return True

    def can_move(self) -> bool:
        """Return False: keys are copied and deleted."""
        return False

    def __getitem__(self, key: str) -> bytes:
        return self._read(key)

    def _read(self, key: str, most: int = -1) -> bytes:
        try:
            value: bytes = self._download(key, most)
        except self._errors.ResourceNotFoundError as exc:
            raise KeyError(key) from exc
        except self._errors.HttpResponseError as exc:
            raise _explained(key, exc) from exc
        return value

    def _download(self, key: str, most: int) -> bytes:
        """Download a blob. A long one is downloaded in parts, which fails if it is replaced meanwhile."""
        for _ in range(_MOST_ATTEMPTS - 1):
            try:
                return self._download_once(key, most)
            except self._errors.ResourceModifiedError:
                continue
        return self._download_once(key, most)

    def _download_once(self, key: str, most: int) -> bytes:
        # the first request is sent here, for at most 32 MiB; its response tells the length
        blob = self.client.download_blob(self._blob(key))
        if 0 <= most < blob.size:
            raise ValueLengthError(key, blob.size, most)
        return bytes(blob.readall())

    def __setitem__(self, key: str, value: Buffer) -> None:
        # an interrupt waits for the answer, which tells whether the value was stored
        map_requests(self._upload, [(key, value)], blocks_signals=True)

    def _upload(self, item: tuple[str, Buffer]) -> None:
        key, value = item
        self.client.upload_blob(self._blob(key), as_bytes(flat(value)), overwrite=True)

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        """Store `default` if the key does not exist, atomically, and return the stored value."""
        try:
            self.client.upload_blob(self._blob(key), as_bytes(flat(default)), overwrite=False)
        except self._errors.ResourceExistsError:
            return self[key]
        return default

    def __delitem__(self, key: str) -> None:
        try:
            self.client.delete_blob(self._blob(key))
        except self._errors.ResourceNotFoundError as exc:
            raise KeyError(key) from exc

    def __contains__(self, key: object) -> bool:
        return is_key(key) and self._size(key) is not None

    def _size(self, key: str) -> int | None:
        properties = self._properties(key)
        return None if properties is None else int(properties.size)

    def _properties(self, key: str) -> Client:
        """Return the properties of a blob; None if it does not exist."""
        try:
            return self.client.get_blob_client(self._blob(key)).get_blob_properties()
        except self._errors.ResourceNotFoundError:
            return None
        except self._errors.HttpResponseError as exc:
            raise _explained(key, exc) from exc

    def __iter__(self) -> Iterator[str]:
        return iter(self._below(""))

    def __len__(self) -> int:
        return len(self._below(""))

    def _below(self, path: str) -> list[str]:
        """Return the keys below a path."""
        start = len(prefix_of(self.prefix))
        return [
            blob.name[start:] for blob in self.client.list_blobs(name_starts_with=self._folder(path) or None)
        ]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ABSStore) and (self.client, self.prefix) == (other.client, other.prefix)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.prefix!r} in {self.client.url!r}>"

    # -- many keys ---------------------------------------------------------------------------------

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, JSON] | None = None
    ) -> dict[str, bytes]:
        values = map_requests(self.get, keys, reads=True)
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    def read_values(self, keys: Sequence[str], most: int = -1, strict: bool = True) -> list[bytes | None]:
        """Return the values of `keys`; see `zarrcy.storage.capabilities.ReadsManyValues`."""

        def read(key: str) -> bytes | None:
            try:
                return self._read(key, most)
            except KeyError:
                return None

        return map_requests(read, keys, reads=True)

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        map_requests(self._upload, values.items(), blocks_signals=True)

    def delitems(self, keys: Iterable[str]) -> None:
        map_requests(lambda key: discard(self, key), keys)

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[Buffer | None]:
        return parts_of_one_version(self, key_ranges, access.reader(self))

    def get_versioned_values(
        self, key_ranges: Sequence[KeyRange], versions: Mapping[str, Hashable]
    ) -> tuple[list[bytes | None], dict[str, Hashable]]:
        """Return parts of values, of one version of each value; see `zarrcy.storage.capabilities.ReadsVersions`.

        The version is the ETag of each response. A request for a known version has the condition ``If-Match``.
        """
        check_ranges(key_ranges)
        requests = [(key, part, versions.get(key)) for key, part in key_ranges]
        answers = map_requests(lambda request: self._part(*request), requests, reads=True)
        seen = [(key, etag) for (key, _), (_, etag) in zip(key_ranges, answers, strict=True)]
        seen += [(key, None) for (key, _), (part, _) in zip(key_ranges, answers, strict=True) if part is None]
        return [part for part, _ in answers], agreed_versions(versions, seen)

    def _part(self, key: str, part: tuple[int, int | None], etag: Hashable) -> tuple[bytes | None, Hashable]:
        """Return a part of a value and its ETag. No part: the key does not exist, or no longer has this ETag."""
        start, nbytes = part
        if start < 0 or nbytes == 0:
            # the service does not support offsets from the end, or empty ranges
            properties = self._properties(key)
            if properties is None or etag not in (None, properties.etag):
                return None, None
            cut = slice_of(part, int(properties.size))
            start, nbytes, etag = cut.start, cut.stop - cut.start, properties.etag
            if nbytes == 0:
                return b"", etag
        options = {} if etag is None else {"etag": etag, "match_condition": self._if_match}
        try:
            answer = self.client.download_blob(self._blob(key), offset=start, length=nbytes, **options)
            return answer.readall(), answer.properties.etag
        except (self._errors.ResourceNotFoundError, self._errors.ResourceModifiedError):
            return None, etag
        except self._errors.HttpResponseError as exc:
            if exc.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise _explained(key, exc) from exc
            properties = self._properties(key)
            return (None, None) if properties is None else (b"", properties.etag)

    # -- below a path --------------------------------------------------------------------

    def listdir(self, path: str | None = None) -> list[str]:
        start = len(self._folder(path))
        return sorted({entry.name[start:].rstrip("/") for entry in self._walk(path)})

    def _walk(self, path: str | None) -> Iterable[Client]:
        """Return the blobs directly below a path, and the common prefixes of deeper blobs."""
        entries: Iterable[Client] = self.client.walk_blobs(
            name_starts_with=self._folder(path) or None, delimiter="/"
        )
        return entries

    def rmdir(self, path: str | None = None) -> None:
        self.delitems(self._below(normalize_path(path)))

    def getsize(self, path: str | None = None) -> int:
        path = normalize_path(path)
        own = self._size(path) if path else None
        if own is not None:
            return own
        # a common prefix has no size
        return sum(getattr(entry, "size", 0) for entry in self._walk(path))

    def clear(self) -> None:
        self.rmdir()


def _explained(key: str, exc: Exception) -> Exception:
    """Return an error that names the key if access is denied; else the error itself."""
    return access_denied(key, exc, _REMEDY) if is_denied(exc) else exc
