"""A path in a store: what zarr-python 3 passes instead of a store and a path."""

from __future__ import annotations

from zarrcy.storage.zarr3.interface import raw
from zarrcy.types import Buffer, Option


class StorePath:
    """A store and a path in it.

    Parameters
    ----------
    store : store
        The store.
    path : str, optional
        The path. The default is the root.

    Examples
    --------
    >>> place = StorePath({}, "a") / "b"
    >>> place.path
    'a/b'
    >>> import zarrcy
    >>> array = zarrcy.zeros(3, store=place)
    >>> list(place.store)
    ['a/b/.zarray']
    """

    def __init__(self, store: Option, path: str = "") -> None:
        self.store = store
        # a path may be a key, such as that of a document
        self.path = "/".join(part for part in path.split("/") if part)

    @classmethod
    async def open(cls, store: Option, path: str, mode: str | None = None) -> StorePath:
        """Return a path in a store that is open.

        Parameters
        ----------
        store : store
            The store.
        path : str
            The path.
        mode : str, optional
            "r" makes the store read-only; "w-" requires that there is nothing at the path.

        Returns
        -------
        StorePath
            The path.

        Raises
        ------
        FileExistsError
            If the mode is "w-" and there is something.
        ValueError
            If the store refuses changes, and the mode asks for them.
        """
        if mode not in (None, "r", "r+", "a", "w", "w-"):
            raise ValueError(f"mode is {mode!r}; it must be one of 'r', 'r+', 'a', 'w', 'w-'")
        if mode not in (None, "r") and store.read_only:
            raise ValueError(f"the store {store} is read-only, and the mode is {mode!r}")
        if mode == "r" and not store.read_only:
            store = store.with_read_only(True)
        place = cls(store, path)
        if mode == "w-" and not await place.is_empty():
            raise FileExistsError(f"there is something at {place}; use mode 'w' to replace it")
        return place

    @property
    def read_only(self) -> bool:
        """Whether changes are refused."""
        return bool(getattr(self.store, "read_only", False))

    def __truediv__(self, other: str) -> StorePath:
        return type(self)(self.store, f"{self.path}/{other}" if self.path else other)

    def __str__(self) -> str:
        return f"{self.store}/{self.path}" if self.path else f"{self.store}"

    def __repr__(self) -> str:
        return f"StorePath({type(self.store).__name__}, '{self}')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StorePath) and self.path == other.path and bool(self.store == other.store)

    __hash__ = None  # type: ignore[assignment]

    async def get(self, prototype: Option = None, byte_range: Option = None) -> Option:
        """Return the value whose key is the path; None if there is none.

        Parameters
        ----------
        prototype : buffer prototype, optional
            Says which kind of buffer to return. The default is bytes.
        byte_range : object, optional
            Part of the value to return, see `LocalStore.get`.

        Returns
        -------
        bytes-like or buffer
            The value.
        """
        if prototype is None:
            return self.store.get(self.path, byte_range=byte_range)
        return await self.store.get(self.path, prototype=prototype, byte_range=byte_range)

    async def set(self, value: Buffer) -> None:
        """Store a value whose key is the path.

        Parameters
        ----------
        value : bytes-like or buffer
            The value.
        """
        self.store[self.path] = bytes(raw(value))

    async def delete(self) -> None:
        """Delete the value whose key is the path."""
        if self.path:
            self.store.pop(self.path, None)

    async def exists(self) -> bool:
        """Return whether the path is a key.

        Returns
        -------
        bool
            Whether it is.
        """
        return self.path in self.store

    async def is_empty(self) -> bool:
        """Return whether there is no key below the path.

        Returns
        -------
        bool
            Whether there is none.
        """
        prefix = f"{self.path}/" if self.path else ""
        return not any(key.startswith(prefix) for key in self.store)
