"""Storage transformers of the draft of v3: stores between an array and the store of its chunks.

Users define them: a document names them by a URL, and the subclass of `StorageTransformer` with that URL is used.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import ClassVar

from zarrcy.storage.base import BaseStore
from zarrcy.storage.draft_stores import StoreV3
from zarrcy.types import JSON, Buffer, Key, Option, Store


class StorageTransformer(StoreV3):
    """Base class of stores that stand between an array in the draft of v3 and the store of its chunks.

    This class passes everything on. A subclass overrides what it does differently, most often ``__getitem__`` and
    ``__setitem__``. It sets `extension_uri` and `valid_types`. Its attributes without a leading underscore are the
    configuration in the document, and its ``__init__`` takes them as keywords.

    Parameters
    ----------
    _type : str
        One of `valid_types`.

    Raises
    ------
    ValueError
        If it is not.

    See Also
    --------
    zarrcy.create : Its argument ``storage_transformers`` takes them.
    """

    extension_uri: ClassVar[str]
    valid_types: ClassVar[Sequence[str]]

    def __init__(self, _type: str) -> None:
        if _type not in self.valid_types:
            raise ValueError(f"the type is {_type!r}; it must be one of {', '.join(self.valid_types)}")
        self._type = _type
        self._inner: Store | None = None

    @property
    def type(self) -> str:
        """Type of the transformer, one of `valid_types`."""
        return self._type

    @property
    def inner_store(self) -> Store:
        """Store that the transformer is around."""
        if self._inner is None:
            raise ValueError(f"{type(self).__name__} is not around a store; pass it to zarrcy.create")
        return self._inner

    def get_config(self) -> dict[str, JSON]:
        """Return the configuration in the document.

        Returns
        -------
        dict
            The attributes without a leading underscore.
        """
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __getitem__(self, key: Key) -> Buffer:
        value: Buffer = self.inner_store[key]
        return value

    def __setitem__(self, key: Key, value: Buffer) -> None:
        self.inner_store[key] = value

    def __delitem__(self, key: Key) -> None:
        del self.inner_store[key]

    def __contains__(self, key: object) -> bool:
        return key in self.inner_store

    def __iter__(self) -> Iterator[Key]:
        return iter(self.inner_store)

    def __len__(self) -> int:
        return len(self.inner_store)

    def close(self) -> None:
        """Close the store that the transformer is around."""
        if isinstance(self._inner, BaseStore):
            self._inner.close()

    def is_readable(self) -> bool:
        """Return whether values can be read."""
        return bool(_asked(self.inner_store, "is_readable"))

    def is_writeable(self) -> bool:
        """Return whether values can be written."""
        return bool(_asked(self.inner_store, "is_writeable"))

    def is_listable(self) -> bool:
        """Return whether keys can be listed."""
        return bool(_asked(self.inner_store, "is_listable"))

    def is_erasable(self) -> bool:
        """Return whether keys can be deleted."""
        return bool(_asked(self.inner_store, "is_erasable"))


def _asked(store: Store, name: str) -> Option:
    return getattr(store, name, lambda: True)()


def around(transformer: StorageTransformer, store: Store) -> StorageTransformer:
    """Return a copy of a storage transformer around a store."""
    placed = copy.copy(transformer)
    placed._inner = store
    return placed
