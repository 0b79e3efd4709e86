"""The asynchronous names of zarr-python 3: objects and coroutines that run the synchronous code in threads.

A coroutine holds no lock and no loop of its own. So it may be awaited in any event loop, also in a process that was
forked; an interrupt ends the waiting, and the call in the thread goes on to its end.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Generic, ParamSpec, TypeAlias, TypeVar

from zarrcy.hierarchy.arrays import Array as BaseArray
from zarrcy.hierarchy.groups import Group as BaseGroup
from zarrcy.storage.zarr3.store_path import StorePath
from zarrcy.types import AnyDtype, Elements, Option, Selection, Shape
from zarrcy.zarr3 import functions, places
from zarrcy.zarr3.arrays import Array
from zarrcy.zarr3.groups import Group

_P = ParamSpec("_P")
_T = TypeVar("_T")


def sync(awaitable: Awaitable[_T], loop: Option = None, timeout: float | None = None) -> _T:
    """Wait for a coroutine in a thread with an event loop of its own.

    Parameters
    ----------
    awaitable : awaitable
        The coroutine.
    loop : object, optional
        Has no effect.
    timeout : float, optional
        Most seconds to wait.

    Returns
    -------
    object
        Its result.
    """

    async def wait() -> _T:
        return await asyncio.wait_for(awaitable, timeout)

    results: list[tuple[bool, Option]] = []

    def work() -> None:
        try:
            results.append((True, asyncio.run(wait())))
        except BaseException as exc:
            results.append((False, exc))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join()
    is_done, value = results[0]
    if not is_done:
        raise value
    result: _T = value
    return result


def _in_thread(function: Callable[_P, _T]) -> Callable[_P, Coroutine[None, None, Option]]:
    """Return a coroutine function that calls a function in a thread, and gives asynchronous objects back."""

    @functools.wraps(function)
    async def call(*args: _P.args, **kwargs: _P.kwargs) -> Option:
        return _async(await asyncio.to_thread(_call, function, args, kwargs))

    return call


def _call(function: Callable[..., _T], args: Option, kwargs: Option) -> _T:
    return function(*map(_plain, args), **{name: _plain(value) for name, value in kwargs.items()})


def _plain(value: Option) -> Option:
    """Return the synchronous object behind an asynchronous one; other values as they are."""
    return value.wrapped if isinstance(value, _Async) else value


def _async(value: Option) -> Option:
    """Return the asynchronous object for an array or a group; other values as they are."""
    if isinstance(value, BaseArray):
        return AsyncArray(value)
    if isinstance(value, BaseGroup):
        return AsyncGroup(value)
    return value


class _Async(Generic[_T]):
    """An object with asynchronous methods over a synchronous one.

    Parameters
    ----------
    wrapped : Array or Group
        The synchronous object. Its attributes are attributes of this object too.
    """

    def __init__(self, wrapped: _T) -> None:
        self.wrapped = wrapped

    def __getattr__(self, name: str) -> Option:
        if name.startswith("__") or name in ("wrapped", "_place", "_options"):
            raise AttributeError(name)
        value = getattr(self.wrapped, name)
        return _in_thread(value) if inspect.ismethod(value) else value

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and bool(self.wrapped == getattr(other, "wrapped", None))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.wrapped).replace("<", "<Async", 1)

    def __reduce__(self) -> tuple[Option, ...]:
        return type(self), (self.wrapped,)


def _of_wrapped(name: str) -> Option:
    """Return a method that calls the method of this name of the synchronous object in a thread."""

    async def call(self: Option, *args: Option, **kwargs: Option) -> Option:
        return _async(await asyncio.to_thread(_call, getattr(self.wrapped, name), args, kwargs))

    call.__name__ = name
    return call


class AsyncArray(_Async[Array]):
    """An array with asynchronous methods, which run in threads.

    Parameters
    ----------
    wrapped : Array
        The array.

    Examples
    --------
    >>> import asyncio, zarrcy
    >>> a = AsyncArray(zarrcy.create_array({}, data=[1, 2, 3], zarr_format=3))
    >>> asyncio.run(a.getitem(slice(1, 3))).tolist()
    [2, 3]
    """

    def __init__(
        self,
        wrapped: Array | BaseArray | None = None,
        *,
        metadata: Option = None,
        store_path: StorePath | None = None,
        config: Option = None,
    ) -> None:
        if wrapped is not None:
            super().__init__(wrapped if isinstance(wrapped, Array) else Array.of(wrapped))
        elif metadata is None or store_path is None:
            raise TypeError("give an array, or metadata and store_path")
        else:
            # it is an array as soon as the metadata are saved
            self._place, self._options = store_path, config

    async def _save_metadata(self, metadata: Option, ensure_parents: bool = False) -> None:
        """Write the metadata document of an array that was made of it."""
        place = self._place
        create = functools.partial(functions.create_described, place.store, place.path, metadata, True)
        self.wrapped = Array.of(await asyncio.to_thread(create), self._options)

    @property
    def _zdtype(self) -> Option:
        return self.wrapped.metadata.dtype

    @property
    def shape(self) -> Shape:
        """Length of each axis, in elements."""
        return self.wrapped.shape

    @property
    def dtype(self) -> AnyDtype:
        """Data type of the elements."""
        return self.wrapped.dtype

    async def getitem(self, selection: Selection, *, prototype: Option = None) -> Elements:
        """Read a selection.

        Parameters
        ----------
        selection : selection
            As in brackets.
        prototype : object, optional
            Has no effect.

        Returns
        -------
        numpy.ndarray
            The elements.
        """
        return await asyncio.to_thread(self.wrapped.__getitem__, selection)

    async def setitem(self, selection: Selection, value: Elements, prototype: Option = None) -> None:
        """Write a selection.

        Parameters
        ----------
        selection : selection
            As in brackets.
        value : array_like
            The elements.
        prototype : object, optional
            Has no effect.
        """
        await asyncio.to_thread(self.wrapped.__setitem__, selection, value)

    async def nchunks_initialized(self) -> int:
        """Return the number of chunks that are stored.

        Returns
        -------
        int
            The number.
        """
        return await asyncio.to_thread(lambda: self.wrapped.nchunks_initialized)

    @property
    def oindex(self) -> _AsyncIndex:
        """Orthogonal selections."""
        return _AsyncIndex(self.wrapped, "oindex")

    @property
    def vindex(self) -> _AsyncIndex:
        """Points and masks."""
        return _AsyncIndex(self.wrapped, "vindex")

    @classmethod
    async def open(cls, store: Option, zarr_format: Option = None, config: Option = None) -> AsyncArray:
        """Open an array.

        Parameters
        ----------
        store : mapping, store, StorePath, str or PathLike
            The store.
        zarr_format : {2, 3}, optional
            Version of the format; by default it is detected.
        config : ArrayConfig or dict, optional
            Options of the open array.

        Returns
        -------
        AsyncArray
            The array.
        """
        opened = functools.partial(functions.open_array, store, zarr_format=zarr_format, config=config)
        return cls(await asyncio.to_thread(opened))


class _AsyncIndex:
    """Selections with brackets, as coroutines."""

    def __init__(self, array: Array, name: str) -> None:
        self._array, self._name = array, name

    async def getitem(self, selection: Selection) -> Elements:
        return await asyncio.to_thread(lambda: getattr(self._array, self._name)[selection])


class AsyncGroup(_Async[Group]):
    """A group with asynchronous methods, which run in threads.

    Parameters
    ----------
    wrapped : Group
        The group.

    Examples
    --------
    >>> import asyncio, zarrcy
    >>> g = AsyncGroup(zarrcy.create_group({}))
    >>> asyncio.run(g.create_group("a")).path
    'a'
    """

    def __init__(self, wrapped: Group | BaseGroup) -> None:
        super().__init__(wrapped if isinstance(wrapped, Group) else Group.of(wrapped))

    async def getitem(self, key: str) -> Option:
        """Return a member.

        Parameters
        ----------
        key : str
            Its name or path.

        Returns
        -------
        AsyncArray or AsyncGroup
            The member.
        """
        return _async(await asyncio.to_thread(self.wrapped.__getitem__, key))

    async def delitem(self, key: str) -> None:
        """Delete a member.

        Parameters
        ----------
        key : str
            Its name or path.
        """
        await asyncio.to_thread(self.wrapped.__delitem__, key)

    async def contains(self, member: str) -> bool:
        """Return whether there is a member.

        Parameters
        ----------
        member : str
            Its name or path.

        Returns
        -------
        bool
            Whether there is one.
        """
        return await asyncio.to_thread(self.wrapped.__contains__, member)

    async def setitem(self, key: str, value: Elements) -> None:
        """Create an array that holds a value.

        Parameters
        ----------
        key : str
            Its name or path.
        value : array_like
            The elements.
        """
        await asyncio.to_thread(self.wrapped.__setitem__, key, value)

    async def members(
        self, max_depth: int | None = 0, *, use_consolidated_for_children: bool = True
    ) -> AsyncIterator[tuple[str, Option]]:
        """Iterate over the members, and those of the groups below.

        Parameters
        ----------
        max_depth : int or None, optional
            Levels below the members of this group; None for all levels.
        use_consolidated_for_children : bool, optional
            Has no effect.

        Yields
        ------
        path : str
            The path.
        member : AsyncArray or AsyncGroup
            The member.
        """
        for name, member in await asyncio.to_thread(Group.members, self.wrapped, max_depth):
            yield name, _async(member)

    async def keys(self) -> AsyncIterator[str]:
        """Iterate over the names.

        Yields
        ------
        str
            A name.
        """
        for name in await asyncio.to_thread(list, self.wrapped):
            yield name

    async def arrays(self) -> AsyncIterator[tuple[str, AsyncArray]]:
        """Iterate over the names and arrays.

        Yields
        ------
        name : str
            The name.
        array : AsyncArray
            The array.
        """
        async for name, member in self.members():
            if isinstance(member, AsyncArray):
                yield name, member

    async def groups(self) -> AsyncIterator[tuple[str, AsyncGroup]]:
        """Iterate over the names and groups.

        Yields
        ------
        name : str
            The name.
        group : AsyncGroup
            The group.
        """
        async for name, member in self.members():
            if isinstance(member, AsyncGroup):
                yield name, member

    async def array_keys(self) -> AsyncIterator[str]:
        """Iterate over the names of the arrays.

        Yields
        ------
        str
            A name.
        """
        async for name, _ in self.arrays():
            yield name

    async def group_keys(self) -> AsyncIterator[str]:
        """Iterate over the names of the groups.

        Yields
        ------
        str
            A name.
        """
        async for name, _ in self.groups():
            yield name

    async def array_values(self) -> AsyncIterator[AsyncArray]:
        """Iterate over the arrays.

        Yields
        ------
        AsyncArray
            An array.
        """
        async for _, array in self.arrays():
            yield array

    async def group_values(self) -> AsyncIterator[AsyncGroup]:
        """Iterate over the groups.

        Yields
        ------
        AsyncGroup
            A group.
        """
        async for _, group in self.groups():
            yield group

    async def create_hierarchy(
        self, nodes: dict[str, Option], *, overwrite: bool = False
    ) -> AsyncIterator[tuple[str, Option]]:
        """Create groups and arrays from their metadata.

        Parameters
        ----------
        nodes : dict
            Metadata by path, relative to this group.
        overwrite : bool, optional
            Delete what is there first.

        Yields
        ------
        path : str
            A path.
        member : AsyncArray or AsyncGroup
            What was created.
        """
        made = await asyncio.to_thread(
            lambda: list(Group.create_hierarchy(self.wrapped, nodes, overwrite=overwrite))
        )
        for path, node in made:
            yield path, _async(node)

    @classmethod
    async def from_store(cls, store: Option, **kwargs: Option) -> AsyncGroup:
        """Create a group.

        Parameters
        ----------
        store : mapping, store, StorePath, str or PathLike
            The store.
        **kwargs
            Keywords of `Group.from_store`.

        Returns
        -------
        AsyncGroup
            The group.
        """
        return cls(await asyncio.to_thread(functools.partial(Group.from_store, store, **kwargs)))

    @classmethod
    async def open(
        cls, store: Option, zarr_format: Option = None, use_consolidated: Option = None
    ) -> AsyncGroup:
        """Open a group.

        Parameters
        ----------
        store : mapping, store, StorePath, str or PathLike
            The store.
        zarr_format : {2, 3}, optional
            Version of the format; by default it is detected.
        use_consolidated : bool or str, optional
            Find members in consolidated metadata.

        Returns
        -------
        AsyncGroup
            The group.
        """
        opened = functools.partial(
            functions.open_group,
            store,
            mode="r+",
            zarr_format=zarr_format,
            use_consolidated=use_consolidated,
        )
        return cls(await asyncio.to_thread(opened))


for _kind, _own in ((AsyncGroup, Group), (AsyncArray, Array)):
    for _name in dir(_own):
        if _name[0] != "_" and _name not in dir(_kind) and inspect.isfunction(getattr(_own, _name)):
            setattr(_kind, _name, _of_wrapped(_name))

AnyArray: TypeAlias = Array
AnyAsyncArray: TypeAlias = AsyncArray


async def make_store(
    store_like: Option, *, mode: str | None = None, storage_options: Option = None
) -> Option:
    """Return the store that a value means; see `zarrcy.zarr3.places.make_store`."""
    return places.make_store(store_like, mode=mode, storage_options=storage_options)


async def make_store_path(
    store_like: Option, *, path: str | None = "", mode: str | None = None, storage_options: Option = None
) -> StorePath:
    """Return the store and the path that two values mean; see `zarrcy.zarr3.places.place_of`."""
    return StorePath(*places.place_of(store_like, path, mode=mode, storage_options=storage_options))


array = _in_thread(functions.array)
consolidate_metadata = _in_thread(functions.consolidate_metadata)
create = _in_thread(functions.create)
create_array = _in_thread(functions.create_array)
create_group = _in_thread(functions.create_group)
empty = _in_thread(functions.empty)
empty_like = _in_thread(functions.empty_like)
from_array = _in_thread(functions.from_array)
full = _in_thread(functions.full)
full_like = _in_thread(functions.full_like)
group = _in_thread(functions.group)
load = _in_thread(functions.load)
ones = _in_thread(functions.ones)
ones_like = _in_thread(functions.ones_like)
open = _in_thread(functions.open)
open_array = _in_thread(functions.open_array)
open_consolidated = _in_thread(functions.open_consolidated)
open_group = _in_thread(functions.open_group)
open_like = _in_thread(functions.open_like)
save = _in_thread(functions.save)
save_array = _in_thread(functions.save_array)
save_group = _in_thread(functions.save_group)
tree = _in_thread(functions.tree)
zeros = _in_thread(functions.zeros)
zeros_like = _in_thread(functions.zeros_like)


async def create_hierarchy(
    *, store: Option, nodes: dict[str, Option], overwrite: bool = False
) -> AsyncIterator[tuple[str, Option]]:
    """Create groups and arrays from their metadata; see `zarr.create_hierarchy`."""
    made = await asyncio.to_thread(
        lambda: list(functions.create_hierarchy(store=store, nodes=nodes, overwrite=overwrite))
    )
    for path, node in made:
        yield path, _async(node)
