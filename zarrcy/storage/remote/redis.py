"""A store in a Redis server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import ClassVar

from zarrcy.errors import ValueLengthError
from zarrcy.keys import check_key, is_key, normalize_path, prefix_of
from zarrcy.storage.access import as_bytes
from zarrcy.storage.base import Store, check_ranges, flat
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.listing import list_keys
from zarrcy.storage.optional import Option, import_optional
from zarrcy.types import JSON, Buffer

# number of keys that one command lists or deletes
_BATCH = 1000
_GLOB = str.maketrans({char: f"\\{char}" for char in "\\*?[]^-"})


class RedisStore(Store):
    """Store in a Redis server, in keys with a common prefix.

    Many keys are read, written or deleted with one command. Parts of values are read with ``GETRANGE``. To list
    the keys of a path, the server scans all its keys.

    Needs ``zarrcy[redis]``. A pickled copy opens a connection of its own.

    Parameters
    ----------
    prefix : str, default "zarr"
        Prefix of all keys, without the ``":"`` that follows it.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.
    **kwargs : Option
        Arguments of `redis.Redis`.

    Raises
    ------
    MissingExtraError
        If the package ``redis`` is not installed.
    """

    consumes_values: ClassVar[bool] = True

    def __init__(
        self, prefix: str = "zarr", dimension_separator: str | None = None, **kwargs: Option
    ) -> None:
        redis = import_optional("redis", "redis", "RedisStore")
        self._prefix = prefix
        self._dimension_separator = dimension_separator
        self._kwargs = kwargs
        self.client = redis.Redis(**kwargs)

    def _arguments(self) -> tuple[tuple[str, str | None], dict[str, Option]]:
        return (self._prefix, self._dimension_separator), self._kwargs

    def __reduce__(self) -> tuple[partial[RedisStore], tuple[str, str | None]]:
        args, kwargs = self._arguments()
        return partial(type(self), **kwargs), args

    def _key(self, key: str) -> str:
        return f"{self._prefix}:{check_key(key)}"

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return a name made of the server, the database, and the prefix of the keys."""
        server = (
            self._kwargs.get("host", "localhost"),
            self._kwargs.get("port", 6379),
            self._kwargs.get("db", 0),
        )
        return (f"redis:{server}/{self._prefix}/{prefix}",)

    # -- one key -----------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> bytes:
        value: bytes | None = self.client.get(self._key(key))
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Buffer) -> None:
        self.client.set(self._key(key), as_bytes(flat(value)))

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        """Store `default` if the key does not exist, atomically, and return the stored value."""
        if self.client.set(self._key(key), as_bytes(flat(default)), nx=True):
            return default
        return self[key]

    def __delitem__(self, key: str) -> None:
        if not self.client.delete(self._key(key)):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return is_key(key) and bool(self.client.exists(self._key(key)))

    def keylist(self) -> list[str]:
        """Return all keys.

        Returns
        -------
        list of str
            The keys, in no particular order.
        """
        return list(self._below(""))

    def _below(self, path: str) -> Iterator[str]:
        """Yield the keys below a path."""
        start = len(self._prefix.encode()) + 1
        pattern = f"{self._prefix}:{prefix_of(path)}".translate(_GLOB) + "*"
        # the server may return a key twice while its table grows
        for key in dict.fromkeys(self.client.scan_iter(match=pattern, count=_BATCH)):
            yield key[start:].decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        return self._below("")

    def __len__(self) -> int:
        return len(self.keylist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RedisStore) and self._arguments() == other._arguments()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with the prefix {self._prefix!r} in {self.client!r}>"

    # -- many keys ---------------------------------------------------------------------------------

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, JSON] | None = None
    ) -> dict[str, bytes]:
        if not keys:
            return {}
        values = dict(zip(keys, self.client.mget([self._key(key) for key in keys]), strict=True))
        missing = [key for key, value in values.items() if value is None]
        if missing and self.client.exists(*map(self._key, missing)):
            # MGET also returns None for a key that holds something else than a string, which GET refuses
            values |= {key: self.get(key) for key in missing}
        return {key: value for key, value in values.items() if value is not None}

    def read_values(self, keys: Sequence[str], most: int = -1, strict: bool = True) -> list[bytes | None]:
        """Return the values of `keys`; see `zarrcy.storage.capabilities.ReadsManyValues`."""
        if most < 0:
            found = self.getitems(keys)
            return [found.get(key) for key in keys]
        with self.client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.getrange(self._key(key), 0, most)
            values: list[bytes | None] = pipe.execute()
        # a missing key reads as an empty value
        empty = [key for key, value in zip(keys, values, strict=True) if not value]
        present = self.getitems(empty) if empty and self.client.exists(*map(self._key, empty)) else {}
        values = [value or present.get(key) for key, value in zip(keys, values, strict=True)]
        for key, value in zip(keys, values, strict=True):
            if value is not None and len(value) > most:
                raise ValueLengthError(key, int(self.client.strlen(self._key(key))), most)
        return values

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        """Store all `values`, atomically: other clients see none of them or all of them."""
        if values:
            self.client.mset({self._key(key): as_bytes(flat(value)) for key, value in values.items()})

    def delitems(self, keys: Iterable[str]) -> None:
        names = map(self._key, keys)
        while batch := list(islice(names, _BATCH)):
            self.client.delete(*batch)

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[bytes | None]:
        check_ranges(key_ranges)
        # a transaction, so that all parts of a value are of one version
        with self.client.pipeline(transaction=True) as pipe:
            for key, (start, nbytes) in key_ranges:
                # a missing key reads as an empty value, so query its existence too
                pipe.exists(self._key(key))
                # GETRANGE includes the last byte; a range from the end is read up to the end and cut below
                last = -1 if nbytes is None or start < 0 else start + max(nbytes, 1) - 1
                pipe.getrange(self._key(key), start, last)
            answers = pipe.execute()
        return [
            part[:nbytes] if exists else None
            for exists, part, (_, (_, nbytes)) in zip(answers[::2], answers[1::2], key_ranges, strict=True)
        ]

    # -- below a path --------------------------------------------------------------------

    def listdir(self, path: str | None = None) -> list[str]:
        path = normalize_path(path)
        return list_keys(self._below(path), path)

    def rmdir(self, path: str | None = None) -> None:
        self.delitems(self._below(normalize_path(path)))

    def rename(self, src_path: str, dst_path: str) -> None:
        src, dst = normalize_path(src_path), normalize_path(dst_path)
        keys = [*self._below(src), *([src] if src and src in self else [])]
        if not keys:
            raise KeyError(src_path)
        with self.client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.rename(self._key(key), self._key(dst + key[len(src) :]))
            pipe.execute()

    def getsize(self, path: str | None = None) -> int:
        path = normalize_path(path)
        if path and path in self:
            return int(self.client.strlen(self._key(path)))
        start = len(prefix_of(path))
        keys = [key for key in self._below(path) if "/" not in key[start:]]
        with self.client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.strlen(self._key(key))
            return sum(pipe.execute())

    def clear(self) -> None:
        self.rmdir()

    def close(self) -> None:
        """Close the connections to the server."""
        self.client.close()
