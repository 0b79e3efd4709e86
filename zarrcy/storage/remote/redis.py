"""A store in a Redis server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

from zarrcy.keys import check_key, normalize_path, prefix_of
from zarrcy.storage.access import as_bytes
from zarrcy.storage.base import Store, check_ranges, flat
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.optional import import_optional
from zarrcy.types import Buffer

# Keys that are asked for, or deleted, with one command.
_BATCH = 1000
_GLOB = str.maketrans({char: f"\\{char}" for char in "\\*?[]^-"})


class RedisStore(Store):
    """Keys with a common prefix in a Redis server.

    Many keys are asked for, stored and deleted with one command; parts of values are read with
    ``GETRANGE``. The server lists all its keys to find those of a path.

    Needs ``zarrcy[redis]``. Pickles by its arguments: the copy has a connection of its own.

    Parameters
    ----------
    prefix : of all keys, with ``":"`` behind it
    dimension_separator : "." or "/", for arrays whose metadata do not say
    **kwargs : for `redis.Redis`
    """

    consumes_values: ClassVar[bool] = True

    def __init__(self, prefix: str = "zarr", dimension_separator: str | None = None, **kwargs: Any) -> None:
        redis = import_optional("redis", "redis", "RedisStore")
        self._prefix = prefix
        self._dimension_separator = dimension_separator
        self._kwargs = kwargs
        self.client = redis.Redis(**kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {"prefix": self._prefix, "dimension_separator": self._dimension_separator, **self._kwargs}

    def __setstate__(self, state: dict[str, Any]) -> None:
        RedisStore.__init__(self, **state)

    def _key(self, key: str) -> str:
        return f"{self._prefix}:{check_key(key)}"

    # -- one key -----------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> bytes:
        value: bytes | None = self.client.get(self._key(key))
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Buffer) -> None:
        self.client.set(self._key(key), as_bytes(flat(value)))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Store `default` if the key is not there, in one step, and return what is there then."""
        if self.client.set(self._key(key), as_bytes(flat(default)), nx=True):
            return default
        return self[key]

    def __delitem__(self, key: str) -> None:
        if not self.client.delete(self._key(key)):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and bool(self.client.exists(self._key(key)))

    def keylist(self) -> list[str]:
        """Return all keys."""
        return list(self._below(""))

    def _below(self, path: str) -> Iterator[str]:
        """Yield the keys below a path."""
        start = len(self._prefix.encode()) + 1
        pattern = f"{self._prefix}:{prefix_of(path)}".translate(_GLOB) + "*"
        # the server may name a key twice while its table grows
        for key in dict.fromkeys(self.client.scan_iter(match=pattern, count=_BATCH)):
            yield key[start:].decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        return self._below("")

    def __len__(self) -> int:
        return len(self.keylist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RedisStore) and self.__getstate__() == other.__getstate__()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with the prefix {self._prefix!r} in {self.client!r}>"

    # -- many keys ---------------------------------------------------------------------------------

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any] | None = None) -> dict[str, bytes]:
        """Return the values of those `keys` that are there; `contexts` has no effect."""
        if not keys:
            return {}
        values = self.client.mget([self._key(key) for key in keys])
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        """Store all `values`, at once: other clients see none of them or all."""
        if values:
            self.client.mset({self._key(key): as_bytes(flat(value)) for key, value in values.items()})

    def delitems(self, keys: Iterable[str]) -> None:
        """Delete those `keys` that are there."""
        names = map(self._key, keys)
        while batch := list(islice(names, _BATCH)):
            self.client.delete(*batch)

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> list[bytes | None]:
        """Return parts of values; see `zarrcy.storage.capabilities.ReadsRanges`."""
        check_ranges(key_ranges)
        with self.client.pipeline(transaction=False) as pipe:
            for key, (start, nbytes) in key_ranges:
                # a missing key reads as an empty value, so its being there is asked for too
                pipe.exists(self._key(key))
                # the last byte is named; after a range that is counted from the end, the rest is cut off below
                last = -1 if nbytes is None or start < 0 else start + max(nbytes, 1) - 1
                pipe.getrange(self._key(key), start, last)
            answers = pipe.execute()
        return [
            part[:nbytes] if exists else None
            for exists, part, (_, (_, nbytes)) in zip(answers[::2], answers[1::2], key_ranges, strict=True)
        ]

    # -- what lies below a path --------------------------------------------------------------------

    def listdir(self, path: str | None = None) -> list[str]:
        """Return the names directly below `path`, sorted."""
        path = normalize_path(path)
        start = len(prefix_of(path))
        return sorted({key[start:].split("/", 1)[0] for key in self._below(path)})

    def rmdir(self, path: str | None = None) -> None:
        """Delete all keys below `path`."""
        self.delitems(self._below(normalize_path(path)))

    def rename(self, src_path: str, dst_path: str) -> None:
        """Move the key `src_path`, and all keys below it, to `dst_path`."""
        src, dst = normalize_path(src_path), normalize_path(dst_path)
        keys = [*self._below(src), *([src] if src and src in self else [])]
        if not keys:
            raise KeyError(src_path)
        with self.client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.rename(self._key(key), self._key(dst + key[len(src) :]))
            pipe.execute()

    def getsize(self, path: str | None = None) -> int:
        """Return the bytes of the values directly below `path`, or of the value that is its key."""
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
