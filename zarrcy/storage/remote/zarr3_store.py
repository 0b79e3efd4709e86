"""A store over an object with the asynchronous interface of zarr-python 3's stores, such as icechunk's.

The coroutines run in an event loop of one thread, which is started on first use. Several requests are in flight.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from types import SimpleNamespace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from zarrcy.errors import ReadOnlyError, ValueLengthError
from zarrcy.keys import check_key, is_key, normalize_path, prefix_of
from zarrcy.storage.base import Store, check_ranges, flat
from zarrcy.storage.capabilities import KeyRange
from zarrcy.storage.optional import Client
from zarrcy.storage.remote.event_loop import run
from zarrcy.sync.io_depth import REQUESTS_AT_ONCE, values_at_once
from zarrcy.types import Buffer, Option

if TYPE_CHECKING:
    import asyncio

_T = TypeVar("_T")
_R = TypeVar("_R")
_METHODS = ("get", "set", "exists", "list", "list_dir", "list_prefix", "delete")


def is_asynchronous(store: Client) -> bool:
    """Return whether an object has the asynchronous interface of a store of zarr-python 3.

    >>> is_asynchronous({})
    False
    """
    import inspect

    kind = type(store)
    return all(hasattr(kind, name) for name in _METHODS) and inspect.iscoroutinefunction(kind.set)


class _LoopThread:
    """An event loop that a thread runs; a process that was forked starts its own."""

    _own: ClassVar[_LoopThread | None] = None
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        import asyncio

        self.loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="zarrcy-asynchronous-stores", daemon=True).start()

    @classmethod
    def get(cls) -> _LoopThread:
        """Return the event loop of this process."""
        with cls._lock:
            if cls._own is None:
                cls._own = cls()
            return cls._own

    @classmethod
    def forget(cls) -> None:
        """Forget the event loop of the parent process, whose thread does not exist in a child."""
        cls._own, cls._lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_LoopThread.forget)


class AsynchronousStore(Store):
    """Store over an object with the asynchronous interface of zarr-python 3's stores.

    Functions that take a store make one of such an object.

    Parameters
    ----------
    store : object
        Has the coroutines ``get``, ``set``, ``exists`` and ``delete``, and the asynchronous iterators ``list``,
        ``list_prefix`` and ``list_dir``.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.
    read_only : bool, default False
        Refuse changes.

    See Also
    --------
    ObjectStore : Store in an object store of obstore.
    """

    def __init__(
        self, store: Client, dimension_separator: str | None = None, read_only: bool = False
    ) -> None:
        self.store = store
        self.read_only = read_only or bool(getattr(store, "read_only", False))
        self._dimension_separator = dimension_separator
        self._prototype, self._ranges = _buffers_of(type(store))

    def __reduce__(self) -> tuple[Option, ...]:
        return type(self), (self.store, self._dimension_separator, self.read_only)

    def is_writeable(self) -> bool:
        return not self.read_only and bool(getattr(self.store, "supports_writes", True))

    def is_erasable(self) -> bool:
        return self.is_writeable() and bool(getattr(self.store, "supports_deletes", True))

    def can_move(self) -> bool:
        return False

    def is_thread_safe(self) -> bool:
        """Return True: all requests run in one event loop."""
        return True

    def has_latency(self) -> bool:
        """Return True: requests go to another thread."""
        return True

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        return (f"asynchronous:{id(self.store)}/{prefix}",)

    def _check_writeable(self) -> None:
        if not self.is_writeable():
            raise ReadOnlyError(str(self.store))

    # -- requests ----------------------------------------------------------------------------------

    def _wait(
        self, keys: Sequence[str], coroutine: Coroutine[Client, Client, _R], writes: bool = False
    ) -> _R:
        return run(_LoopThread.get(), keys, coroutine, writes=writes)

    def _map(
        self, request: Callable[[_T], Awaitable[_R]], items: Sequence[_T], writes: bool = False
    ) -> list[_R]:
        """Return the results of a request for each item; several are in flight."""
        at_once = values_at_once(REQUESTS_AT_ONCE)

        async def send() -> list[_R]:
            import asyncio

            free = asyncio.Semaphore(at_once)

            async def one(item: _T) -> _R:
                async with free:
                    return await request(item)

            return await asyncio.gather(*map(one, items))

        return self._wait([str(item) for item in items], send(), writes)

    def _listed(self, iterator: AsyncIterator[str], path: str) -> list[str]:
        async def collect() -> list[str]:
            return [name async for name in iterator]

        return self._wait([path], collect())

    async def _get(self, key: str, byte_range: Option = None, most: int = -1) -> bytes | None:
        found = await self.store.get(key, self._prototype, byte_range)
        if found is None:
            return None
        value = found.to_bytes() if hasattr(found, "to_bytes") else bytes(found)
        if 0 <= most < len(value):
            raise ValueLengthError(key, len(value), most)
        return value

    async def _set(self, item: tuple[str, Buffer]) -> None:
        key, value = item
        await self.store.set(key, self._prototype.buffer.from_bytes(bytes(flat(value))))

    async def _delete(self, key: str) -> None:
        await self.store.delete(key)

    # -- one key -----------------------------------------------------------------------------------

    def get(self, key: str, default: Buffer | None = None) -> Buffer | None:
        value = self._wait([key], self._get(check_key(key)))
        return default if value is None else value

    def __getitem__(self, key: str) -> Buffer:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._check_writeable()
        self._wait([key], self._set((check_key(key), value)), writes=True)

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        """Store a value if the key does not exist, and return the stored value.

        These stores do not tell whether they stored it. So of two writers of the same value, both get their own.
        """
        self._check_writeable()
        mine = bytes(flat(default))
        value = self._prototype.buffer.from_bytes(mine)
        self._wait([key], self.store.set_if_not_exists(check_key(key), value), writes=True)
        stored = self[key]
        return default if stored == mine else stored

    def __delitem__(self, key: str) -> None:
        self._check_writeable()
        if key not in self:
            raise KeyError(key)
        self._wait([key], self._delete(key), writes=True)

    def __contains__(self, key: object) -> bool:
        return is_key(key) and bool(self._wait([str(key)], self.store.exists(key)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed(self.store.list(), ""))

    def __len__(self) -> int:
        return len(self._listed(self.store.list(), ""))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AsynchronousStore) and bool(self.store == other.store)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} around {self.store!r}>"

    # -- many keys ---------------------------------------------------------------------------------

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, Option] | None = None
    ) -> Mapping[str, Buffer]:
        values = zip(keys, self.read_values(keys), strict=True)
        return {key: value for key, value in values if value is not None}

    def read_values(
        self, keys: Sequence[str], most: int = -1, strict: bool = True
    ) -> Sequence[Buffer | None]:
        """Return values; None for each key under which nothing is stored."""
        return self._map(lambda key: self._get(check_key(key), most=most), keys)

    def setitems(self, values: Mapping[str, Buffer]) -> None:
        """Store several values."""
        self._check_writeable()
        self._map(self._set, [(check_key(key), value) for key, value in values.items()], writes=True)

    def delitems(self, keys: Iterable[str]) -> None:
        """Delete those keys that exist."""
        self._check_writeable()
        self._map(self._delete, [check_key(key) for key in keys], writes=True)

    def get_partial_values(self, key_ranges: Sequence[KeyRange]) -> Sequence[Buffer | None]:
        """Return parts of values; see `zarrcy.storage.capabilities.ReadsRanges`."""
        key_ranges = list(key_ranges)
        check_ranges(key_ranges)
        return self._map(lambda item: self._part(*item), key_ranges)

    async def _part(self, key: str, key_range: tuple[int, int | None]) -> bytes | None:
        start, nbytes = key_range
        if nbytes == 0:
            return b"" if await self.store.exists(key) else None
        if start < 0:
            value = await self._get(key, self._ranges.SuffixByteRequest(-start))
            return value if value is None or nbytes is None else value[:nbytes]
        if nbytes is None:
            return await self._get(key, self._ranges.OffsetByteRequest(start))
        return await self._get(key, self._ranges.RangeByteRequest(start, start + nbytes))

    # -- paths -------------------------------------------------------------------------------------

    def listdir(self, path: str = "") -> list[str]:
        path = normalize_path(path)
        names = self._listed(self.store.list_dir(path), path)
        return sorted({name.rstrip("/") for name in names} - {""})

    def rmdir(self, path: str = "") -> None:
        self._check_writeable()
        prefix = prefix_of(normalize_path(path))
        self.delitems(self._listed(self.store.list_prefix(prefix), path))


def _buffers_of(kind: type) -> tuple[Client, Client]:
    """Return the default prototype of buffers, and the classes of byte ranges, of the zarr that a class belongs to."""
    package = next((base.__module__ for base in kind.__mro__ if base.__module__.endswith(".abc.store")), "")
    ranges: Client = sys.modules.get(package)
    core: Client = sys.modules.get(f"{package.removesuffix('abc.store')}core.buffer") if package else None
    prototype = core.default_buffer_prototype() if hasattr(core, "default_buffer_prototype") else _PROTOTYPE
    if not hasattr(ranges, "RangeByteRequest"):
        from zarrcy.storage.zarr3 import byte_requests

        ranges = byte_requests
    return prototype, ranges


class _Value(bytes):
    """Bytes with the method of zarr-python's buffers."""

    def to_bytes(self) -> bytes:
        return bytes(self)


_PROTOTYPE = SimpleNamespace(buffer=SimpleNamespace(from_bytes=_Value), nd_buffer=None)
