"""The interface of zarr-python 3's stores over a mapping: asynchronous methods that call the mapping at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Generic, Self, TypeVar

from zarrcy.errors import ReadOnlyError
from zarrcy.storage import access
from zarrcy.storage.base import Store, flat
from zarrcy.types import Buffer, Option
from zarrcy.types import Store as StoreLike

_T = TypeVar("_T")


class Done(Generic[_T]):
    """The result of work that is done already, for callers that wait for it.

    >>> import asyncio
    >>> async def wait(): return await Done(3)
    >>> asyncio.run(wait())
    3
    """

    def __init__(self, value: _T) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, _T]:
        yield from ()
        return self._value


def raw(value: Buffer) -> bytes | memoryview:
    """Return the bytes of a value: of a buffer of zarr-python, too.

    >>> raw(b"x")
    b'x'
    """
    if hasattr(value, "to_bytes") and not isinstance(value, (bytes, int)):
        value = value.to_bytes()
    return flat(value)


def part(value: bytes | memoryview, byte_range: Option) -> bytes | memoryview:
    """Return the part of a value that a byte range of zarr-python 3 names; all of it for None.

    A range has the attributes ``start`` and ``end``, or ``offset``, or ``suffix``.

    >>> from types import SimpleNamespace
    >>> part(b"abcdef", SimpleNamespace(start=1, end=3)), part(b"abcdef", SimpleNamespace(suffix=2))
    (b'bc', b'ef')
    """
    if byte_range is None:
        return value
    if hasattr(byte_range, "suffix"):
        return value[max(0, len(value) - byte_range.suffix) :]
    if hasattr(byte_range, "offset"):
        return value[byte_range.offset :]
    return value[byte_range.start : byte_range.end]


def _as_buffer(value: bytes | memoryview, prototype: Option) -> Option:
    """Return a value as a buffer of the kind that a prototype of zarr-python names; as bytes without one."""
    return prototype.buffer.from_bytes(bytes(value)) if prototype is not None else value


class AsyncStore(Store):
    """A store of zarr-python 3 over a mapping of zarrcy.

    Subclasses define `opened`, which returns the mapping.

    Parameters
    ----------
    read_only : bool, optional
        Refuse changes.
    """

    supports_writes: ClassVar[bool] = True
    supports_deletes: ClassVar[bool] = True
    supports_listing: ClassVar[bool] = True
    supports_partial_writes: ClassVar[bool] = False
    supports_consolidated_metadata: ClassVar[bool] = True
    _is_open = False

    def __init__(self, *, read_only: bool = False) -> None:
        self._read_only = bool(read_only)

    def opened(self) -> StoreLike:
        """Return the mapping that holds the values.

        Returns
        -------
        mapping of str to bytes
            A store of zarrcy.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say which mapping holds its values")

    @property
    def read_only(self) -> bool:
        """Whether changes are refused."""
        return self._read_only

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
        raise NotImplementedError(f"a {type(self).__name__} can't be made from another one")

    # -- a mapping ---------------------------------------------------------------------------------

    def _check_writable(self) -> None:
        if self.read_only:
            raise ReadOnlyError(str(self))

    def is_writeable(self) -> bool:
        return not self.read_only and access.is_writeable(self.opened())

    def is_erasable(self) -> bool:
        return not self.read_only and access.is_erasable(self.opened())

    def is_thread_safe(self) -> bool:
        return access.is_thread_safe(self.opened())

    def is_local(self) -> bool:
        return access.is_local(self.opened())

    def has_latency(self) -> bool:
        """Return whether requests take long."""
        return access.has_latency(self.opened())

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        return tuple(access.identities(self.opened(), prefix))

    def __getitem__(self, key: str) -> Buffer:
        return raw(self.opened()[key])

    def __setitem__(self, key: str, value: Buffer) -> None:
        self._check_writable()
        self.opened()[key] = raw(value)

    def __delitem__(self, key: str) -> None:
        self._check_writable()
        del self.opened()[key]

    def __contains__(self, key: object) -> bool:
        return key in self.opened()

    def __iter__(self) -> Iterator[str]:
        return iter(self.opened())

    def __len__(self) -> int:
        return len(self.opened())

    __hash__ = None  # type: ignore[assignment]

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, Option] | None = None
    ) -> Mapping[str, Buffer]:
        values = zip(keys, access.reader(self.opened())(list(keys)), strict=True)
        return {key: raw(value) for key, value in values if value is not None}

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        self._check_writable()
        value: Buffer = self.opened().setdefault(key, raw(default))
        return value

    def clear(self) -> Done[None]:  # type: ignore[override]
        """Delete all keys. The result can be awaited."""
        self._check_writable()
        clear = getattr(self.opened(), "clear", None)
        if clear is not None:
            clear()
        return Done(None)

    def listdir(self, path: str = "") -> list[str]:
        from zarrcy.storage.listing import listdir

        return listdir(self.opened(), path)

    def getsize(self, path: str = "") -> int:
        from zarrcy.storage.listing import getsize

        return getsize(self.opened(), path)

    def rmdir(self, path: str = "") -> None:
        self._check_writable()
        from zarrcy.storage.listing import rmdir

        rmdir(self.opened(), path)

    def rename(self, src_path: str, dst_path: str) -> None:
        self._check_writable()
        from zarrcy.storage.listing import rename

        rename(self.opened(), src_path, dst_path)

    def close(self) -> None:
        self._is_open = False
        close = getattr(self.opened(), "close", None)
        if close is not None:
            close()

    # -- asynchronous ------------------------------------------------------------------------------

    @classmethod
    async def open(cls, *args: Option, **kwargs: Option) -> Self:
        """Make a store and open it.

        Parameters
        ----------
        *args, **kwargs
            Those of the class.

        Returns
        -------
        Store
            The store.
        """
        store = cls(*args, **kwargs)
        await store._ensure_open()
        return store

    async def _ensure_open(self) -> None:
        self.opened()
        self._is_open = True

    def get(
        self,
        key: str,
        default: Option = None,
        byte_range: Option = None,
        *,
        prototype: Option = None,
    ) -> Option:
        """Return a value, as `dict.get` does; with a prototype, return something to wait for, as zarr-python 3 does.

        Parameters
        ----------
        key : str
            The key.
        default : bytes-like or buffer prototype, optional
            Result if the key does not exist. A prototype of zarr-python, which comes second there, is taken as such.
        byte_range : object, optional
            Part of the value to return: an object with ``start`` and ``end``, ``offset``, or ``suffix``.
        prototype : buffer prototype, optional
            Says which kind of buffer to return.

        Returns
        -------
        bytes-like, or awaitable
            The value.
        """
        if prototype is None and hasattr(default, "buffer") and hasattr(default, "nd_buffer"):
            prototype, default = default, None
        try:
            value = part(raw(self[key]), byte_range)
        except KeyError:
            return Done(None) if prototype is not None else default
        return Done(_as_buffer(value, prototype)) if prototype is not None else value

    async def get_partial_values(
        self, prototype: Option, key_ranges: Iterable[tuple[str, Option]]
    ) -> list[Option]:
        """Return parts of values; None for a key that does not exist.

        Parameters
        ----------
        prototype : buffer prototype
            Says which kind of buffer to return.
        key_ranges : iterable of tuple
            Pairs of a key and a byte range, see `get`.

        Returns
        -------
        list
            The parts.
        """
        return [
            await self.get(key, byte_range=byte_range, prototype=prototype) for key, byte_range in key_ranges
        ]

    async def set(self, key: str, value: Buffer) -> None:
        """Store a value.

        Parameters
        ----------
        key : str
            The key.
        value : bytes-like or buffer
            The value.
        """
        self[key] = bytes(raw(value))

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Store a value if the key does not exist.

        Parameters
        ----------
        key : str
            The key.
        value : bytes-like or buffer
            The value.
        """
        self.setdefault(key, bytes(raw(value)))

    async def exists(self, key: str) -> bool:
        """Return whether a key exists.

        Parameters
        ----------
        key : str
            The key.

        Returns
        -------
        bool
            Whether it does.
        """
        return key in self

    async def delete(self, key: str) -> None:
        """Delete a key; do nothing if it does not exist.

        Parameters
        ----------
        key : str
            The key.
        """
        try:
            del self[key]
        except KeyError:
            self._check_writable()

    async def delete_dir(self, prefix: str) -> None:
        """Delete all keys below a path.

        Parameters
        ----------
        prefix : str
            The path.
        """
        self.rmdir(prefix)

    async def list(self) -> AsyncIterator[str]:
        """Iterate over all keys.

        Yields
        ------
        str
            A key.
        """
        for key in [*self]:
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Iterate over the keys that begin with a text.

        Parameters
        ----------
        prefix : str
            The text.

        Yields
        ------
        str
            A key.
        """
        for key in [*self]:
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Iterate over the names directly below a path.

        Parameters
        ----------
        prefix : str
            The path.

        Yields
        ------
        str
            A name.
        """
        for name in self.listdir(prefix):
            yield name

    async def is_empty(self, prefix: str) -> bool:
        """Return whether there is no key below a path.

        Parameters
        ----------
        prefix : str
            The path.

        Returns
        -------
        bool
            Whether there is none.
        """
        return not self.listdir(prefix)

    async def getsize_prefix(self, prefix: str) -> int:
        """Return the sum of the sizes of the values whose keys begin with a text.

        Parameters
        ----------
        prefix : str
            The text.

        Returns
        -------
        int
            Number of bytes.
        """
        return sum(len(raw(self[key])) for key in [*self] if key.startswith(prefix))
