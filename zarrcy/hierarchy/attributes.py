"""Attributes: a mapping of names to JSON values; each change is written to the store at once."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, ItemsView, Iterator, MutableMapping, ValuesView
from contextlib import AbstractContextManager
from typing import Protocol

from zarrcy.hierarchy.node import refuse_read_only
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.types import JSON, Key, Store, StoreLike, Synchronizer


class _HasAttributes(Protocol):
    """A place where attributes are stored: a node, or a document at any key."""

    @property
    def path(self) -> str: ...

    @property
    def store(self) -> Store: ...

    @property
    def synchronizer(self) -> Synchronizer | None: ...

    @property
    def attributes_key(self) -> Key: ...

    def change_lock(self, key: Key) -> AbstractContextManager[object]: ...

    def load_attributes(self) -> dict[str, JSON]: ...

    def change_attributes(
        self, change: Callable[[dict[str, JSON]], dict[str, JSON]], *, reads: bool = True
    ) -> None: ...


class _Copy:
    """The attributes in memory, between two changes; None until they are parsed or loaded.

    Each change makes a new copy. So a thread that loaded the attributes before a change does not put them in place of
    what the change wrote.
    """

    __slots__ = ("attributes", "loaded")

    def __init__(
        self,
        attributes: dict[str, JSON] | None = None,
        loaded: Callable[[], dict[str, JSON]] | None = None,
    ) -> None:
        self.attributes = attributes
        self.loaded = loaded


class Attributes(MutableMapping[str, JSON]):
    """The user attributes of an array or group: a mapping of names to values that JSON can represent.

    When a change returns, it is in the store. `update` and `put` write once for all their values.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    key : str, default ".zattrs"
        Key of the document in format 2 that holds the attributes. It need not exist.
    read_only : bool, optional
        Refuse changes.
    cache : bool, optional
        Keep the attributes in memory. If false, each access loads them.
    synchronizer : mapping, optional
        Gives the lock under which the document is changed.
    node : object, optional
        The array or group that has the attributes, instead of a key. For modules of zarrcy.
    loaded : callable, optional
        Returns the attributes for the first access, if their document was loaded together with others. For modules of
        zarrcy.

    See Also
    --------
    zarrcy.Array.attrs : Attributes of an array.
    zarrcy.Group.attrs : Attributes of a group.

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.zeros(3)
    >>> a.attrs["units"] = "K"
    >>> a.attrs.update(title="demo", levels=[1, 2])
    >>> a.attrs.asdict()
    {'units': 'K', 'title': 'demo', 'levels': [1, 2]}
    >>> dict(Attributes(a.store, ".zattrs", read_only=True))
    {'levels': [1, 2], 'title': 'demo', 'units': 'K'}
    """

    def __init__(
        self,
        store: StoreLike,
        key: Key = ".zattrs",
        read_only: bool = False,
        cache: bool = True,
        synchronizer: Synchronizer | None = None,
        *,
        node: _HasAttributes | None = None,
        loaded: Callable[[], dict[str, JSON]] | None = None,
    ) -> None:
        if node is None:
            # arrays and groups do not need this import
            from zarrcy.hierarchy.attributes_document import AttributesDocument

            node = AttributesDocument(normalize_store_arg(store, mode="r+"), key, synchronizer)
        self._node = node
        self.read_only = read_only
        self.cache = cache
        self._copy = _Copy(None, loaded)

    @property
    def key(self) -> Key:
        """Key of the document that holds the attributes."""
        return self._node.attributes_key

    @property
    def store(self) -> Store:
        """Store of the document."""
        return self._node.store

    @property
    def synchronizer(self) -> Synchronizer | None:
        """Mapping of keys to the locks under which attributes are changed, or None."""
        return self._node.synchronizer

    def _ipython_key_completions_(self) -> list[str]:
        return sorted(self.asdict())

    def _load(self) -> dict[str, JSON]:
        if not self.cache:
            return self._node.load_attributes()
        copy = self._copy
        attributes = copy.attributes
        if attributes is None:
            load = self._node.load_attributes if copy.loaded is None else copy.loaded
            attributes = copy.attributes = load()
        return attributes

    def asdict(self) -> dict[str, JSON]:
        """Return a copy of the attributes as a dictionary.

        It has all attributes at one moment. ``dict(attrs)`` reads them one by one, so it raises KeyError if another
        thread deletes one meanwhile.

        Returns
        -------
        dict
            Names and values. Changing it does not change the attributes.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.zeros(3, attributes={"units": "K"}).attrs.asdict()
        {'units': 'K'}
        """
        return dict(self._load())

    def refresh(self) -> None:
        """Load the attributes from the store again, if a copy of them is kept in memory.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros(3)
        >>> other = zarrcy.open_array(a.store)
        >>> dict(a.attrs)
        {}
        >>> other.attrs["units"] = "K"
        >>> a.attrs.refresh()
        >>> dict(a.attrs)
        {'units': 'K'}
        """
        self._copy = _Copy()
        if self.cache:
            self._load()

    def __getitem__(self, name: str) -> JSON:
        return self._load()[name]

    def __contains__(self, name: object) -> bool:
        return name in self._load()

    def __iter__(self) -> Iterator[str]:
        return iter(self.asdict())

    def __len__(self) -> int:
        return len(self._load())

    def items(self) -> ItemsView[str, JSON]:
        """Return the names and values of all attributes at one moment.

        Returns
        -------
        items view
            Pairs of a name and a value. Later changes do not show in it.
        """
        return self.asdict().items()

    def values(self) -> ValuesView[JSON]:
        """Return the values of all attributes at one moment.

        Returns
        -------
        values view
            The values. Later changes do not show in it.
        """
        return self.asdict().values()

    def __setitem__(self, name: str, value: JSON) -> None:
        self._change({name: value})

    def __delitem__(self, name: str) -> None:
        self._change({}, remove=name)

    def put(self, d: dict[str, JSON]) -> None:
        """Replace all attributes, in one write.

        Parameters
        ----------
        d : dict
            The new attributes.

        Raises
        ------
        ReadOnlyError
            If the array or group is read-only.

        See Also
        --------
        update : Set some attributes and keep the others.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros(3, attributes={"units": "K"})
        >>> a.attrs.put({"title": "demo"})
        >>> dict(a.attrs)
        {'title': 'demo'}
        """
        self._change(d, keep=False)

    def update(self, *args: JSON, **kwargs: JSON) -> None:
        """Set several attributes in one write; the others do not change.

        Parameters
        ----------
        *args : mapping or iterable of pairs
            At most one: names and values.
        **kwargs
            More names and values.

        Raises
        ------
        ReadOnlyError
            If the array or group is read-only.

        See Also
        --------
        put : Replace all attributes.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros(3, attributes={"units": "K"})
        >>> a.attrs.update({"levels": [1, 2]}, title="demo")
        >>> dict(a.attrs)
        {'units': 'K', 'levels': [1, 2], 'title': 'demo'}
        """
        self._change(dict(*args, **kwargs))

    def _change(self, values: dict[str, JSON], remove: str | None = None, keep: bool = True) -> None:
        """Write attributes: first remove one or, without `keep`, all; then set `values`."""
        refuse_read_only(self.read_only, self._node.path)
        values = {_attribute_name(name): value for name, value in values.items()}
        attributes: dict[str, JSON] = {}

        def change(stored: dict[str, JSON]) -> dict[str, JSON]:
            nonlocal attributes
            kept = dict(stored)
            if remove is not None:
                del kept[remove]
            from zarrcy.metadata.json_writer import json_attributes  # reading does not need it

            attributes = json_attributes(kept | values, self.key)
            # if what follows fails or is interrupted, it is not known what is stored
            self._copy = _Copy()
            return attributes

        with self._node.change_lock(self.key):
            # another process may have changed them since they were cached
            self._node.change_attributes(change, reads=keep)
            self._copy = _Copy(attributes if self.cache else None)

    def __repr__(self) -> str:
        return f"<Attributes {json.dumps(self.asdict(), default=repr)[:200]}>"


def _attribute_name(name: object) -> str:
    if isinstance(name, str):
        return name
    if isinstance(name, (int, float, bool)) or name is None:
        warnings.warn(
            f"attribute name {name!r} is not a str; it is stored as {str(name)!r}: "
            "only attribute keys of type 'string' will be allowed in the future",
            DeprecationWarning,
            stacklevel=4,
        )
        return str(name)
    raise TypeError(f"an attribute name must be a str, not {name!r} ({type(name).__name__})")
