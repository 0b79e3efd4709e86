"""Names of zarr-python 2 that it deprecated itself, with its warnings."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from zarrcy.storage import listing
from zarrcy.storage.memory import MemoryStore
from zarrcy.types import JSON, Buffer


class DictStore(MemoryStore):
    """The name of `MemoryStore` before zarr-python 2.4.

    Parameters
    ----------
    root : mapping, optional
        Initial values by key, or nested mappings of names to values.
    cls : type
        Ignored; kept for compatibility with zarr-python 2.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.

    See Also
    --------
    MemoryStore : The present name.

    Examples
    --------
    >>> store = DictStore()
    >>> isinstance(store, MemoryStore)
    True
    """

    def __init__(
        self,
        root: Mapping[str, JSON] | None = None,
        cls: type = dict,
        dimension_separator: str | None = None,
    ) -> None:
        warnings.warn("DictStore is now MemoryStore; use that name", DeprecationWarning, stacklevel=2)
        super().__init__(root, cls, dimension_separator)

    def __setstate__(self, state: dict[str, object]) -> None:
        warnings.warn("DictStore is now MemoryStore; use that name", DeprecationWarning, stacklevel=2)
        self.__dict__ |= state


def listdir(store: Mapping[str, Buffer], path: str | None = None) -> list[str]:
    """Return the names directly below `path` in any store, sorted.

    Parameters
    ----------
    store : mapping
        The store.
    path : str, optional
        Path of a node; the root by default.

    Returns
    -------
    list of str
        The names, without `path`.

    Warns
    -----
    UserWarning
        If the store has no method `listdir`: then the names are found among all its keys.

    See Also
    --------
    rmdir : Delete all keys below a path.

    Examples
    --------
    >>> from zarrcy.storage import MemoryStore
    >>> listdir(MemoryStore({"a/0": b"", "a/b/0": b""}), "a")
    ['0', 'b']
    """
    if not hasattr(store, "listdir"):
        warnings.warn(
            f"a {type(store).__name__} has no `listdir`, so all its keys are read; derive it from zarrcy.storage.Store",
            stacklevel=2,
        )
    return listing.listdir(store, path)
