"""Attributes: a mapping of names to JSON values; each change is written to the store at once."""

from __future__ import annotations

import json
import warnings
from collections.abc import ItemsView, Iterator, MutableMapping, ValuesView

from zarrcy.hierarchy.node import Node, refuse_read_only
from zarrcy.metadata.json_writer import json_attributes
from zarrcy.types import JSON, Key, Store, Synchronizer


class _Copy:
    """The attributes in memory, between two changes; None until they are loaded.

    Each change makes a new copy. So a thread that loaded the attributes before a change does not put them in place of
    what the change wrote.
    """

    __slots__ = ("attributes",)

    def __init__(self, attributes: dict[str, JSON] | None = None) -> None:
        self.attributes = attributes


class Attributes(MutableMapping[str, JSON]):
    """The user attributes of an array or group: a mapping of names to values that JSON can represent.

    When a change returns, it is in the store. `update` and `put` write once for all their values.

    Parameters
    ----------
    node : Node
        Node that has the attributes.
    read_only : bool, optional
        Refuse changes.
    cache : bool, optional
        Keep the attributes in memory. If false, each access loads them.

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
    """

    def __init__(self, node: Node, read_only: bool = False, cache: bool = True) -> None:
        self._node = node
        self.read_only = read_only
        self.cache = cache
        self._copy = _Copy()

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
            attributes = copy.attributes = self._node.load_attributes()
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
        """Drop the copy in memory: the next access loads the attributes from the store.

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
        with self._node.change_lock(self.key):
            # another process may have changed them since they were cached
            before = self._node.load_attributes(past_caches=True) if keep else {}
            attributes = dict(before)
            if remove is not None:
                del attributes[remove]
            attributes = json_attributes(attributes | values, self.key)
            # if what follows fails or is interrupted, it is not known what is stored
            self._copy = _Copy()
            self._node.save_attributes(attributes, before)
            self._copy = _Copy(attributes if self.cache else None)

    def __repr__(self) -> str:
        return f"<Attributes {json.dumps(self.asdict(), default=repr)[:200]}>"


def _attribute_name(name: object) -> str:
    if isinstance(name, str):
        return name
    if isinstance(name, (int, float, bool)) or name is None:
        warnings.warn(
            f"attribute name {name!r} is not a str; it is stored as {str(name)!r}",
            DeprecationWarning,
            stacklevel=4,
        )
        return str(name)
    raise TypeError(f"an attribute name must be a str, not {name!r} ({type(name).__name__})")
