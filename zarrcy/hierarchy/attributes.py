"""Attributes: a mapping of JSON values that is written through to the store."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, MutableMapping
from typing import Any

from zarrcy.hierarchy.node import Node, refuse_read_only
from zarrcy.types import JSON, Synchronizer


class Attributes(MutableMapping[str, Any]):
    """The user attributes of an array or a group.

    A change is in the store when it returns. `update` and `put` write once for all their values.

    Parameters
    ----------
    node : where the attributes are
    read_only : refuse changes
    cache : keep what was read; otherwise every access asks the store

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
        self._cached: dict[str, JSON] | None = None

    @property
    def key(self) -> str:
        """Key of the document that holds the attributes."""
        return self._node.attributes_key

    @property
    def store(self) -> Any:
        return self._node.store

    @property
    def synchronizer(self) -> Synchronizer | None:
        """What gives the lock under which attributes are changed."""
        return self._node.synchronizer

    def _ipython_key_completions_(self) -> list[str]:
        return sorted(self.asdict())

    def _load(self) -> dict[str, JSON]:
        if self._cached is not None and self.cache:
            return self._cached
        loaded = self._node.load_attributes()
        if self.cache:
            self._cached = loaded
        return loaded

    def asdict(self) -> dict[str, JSON]:
        """Return the attributes as a dictionary of its own."""
        return dict(self._load())

    def refresh(self) -> None:
        """Forget what was read: the next access asks the store."""
        self._cached = None

    def __getitem__(self, name: str) -> JSON:
        return self._load()[name]

    def __contains__(self, name: object) -> bool:
        return name in self._load()

    def __iter__(self) -> Iterator[str]:
        return iter(self.asdict())

    def __len__(self) -> int:
        return len(self._load())

    def __setitem__(self, name: str, value: JSON) -> None:
        self._change({name: value})

    def __delitem__(self, name: str) -> None:
        self._change({}, remove=name)

    def put(self, d: dict[str, JSON]) -> None:
        """Replace all attributes by these, in one write."""
        self._change(d, keep=False)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several attributes in one write."""
        self._change(dict(*args, **kwargs))

    def _change(self, values: dict[str, JSON], remove: str | None = None, keep: bool = True) -> None:
        refuse_read_only(self.read_only, self._node.path)
        values = {_attribute_name(name): value for name, value in values.items()}
        with self._node.lock(self.key):
            # what the store has now, not what was read once: another writer may have been here
            attributes = self._node.load_attributes() if keep else {}
            if remove is not None:
                del attributes[remove]
            attributes.update(values)
            self._node.save_attributes(attributes)
            self._cached = None
            if self.cache:
                self._cached = attributes if _is_plain(values) else self._node.load_attributes()

    def __repr__(self) -> str:
        return f"<Attributes {json.dumps(self.asdict(), default=repr)[:200]}>"


def _attribute_name(name: Any) -> str:
    if isinstance(name, str):
        return name
    if isinstance(name, (int, float, bool)) or name is None:
        warnings.warn(
            f"attribute name {name!r} is no str; it is stored as {str(name)!r}",
            DeprecationWarning,
            stacklevel=4,
        )
        return str(name)
    raise TypeError(f"an attribute name is a str, not {name!r} ({type(name).__name__})")


def _is_plain(values: Any) -> bool:
    """Is this what JSON would give back? A tuple, for one, comes back as a list."""
    if isinstance(values, dict):
        return type(values) is dict and all(type(k) is str and _is_plain(v) for k, v in values.items())
    if type(values) is list:
        return all(map(_is_plain, values))
    return values is None or type(values) in (str, int, bool, float)
