"""A store in a directory whose chunks are in directories, one level for each axis."""

from __future__ import annotations

import os

from zarrcy.storage.local.directory import DirectoryStore


class NestedDirectoryStore(DirectoryStore):
    """A `DirectoryStore` whose arrays have ``"/"`` between the coordinates of a chunk.

    So no directory has more entries than there are chunks along one axis.

    Parameters
    ----------
    path : directory that holds the keys; made when the first value is written
    normalize_keys : make keys lower case
    dimension_separator : ``"/"``
    durability : see `DirectoryStore`

    Examples
    --------
    >>> import tempfile, zarrcy
    >>> with tempfile.TemporaryDirectory() as path:
    ...     a = zarrcy.ones((2, 2), chunks=1, store=NestedDirectoryStore(path))
    ...     a[1, 0] = 5
    ...     sorted(a.store)
    ['.zarray', '1/0']
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        normalize_keys: bool = False,
        dimension_separator: str | None = "/",
        durability: str | None = None,
    ) -> None:
        if dimension_separator not in ("/", None):
            raise ValueError(
                f"dimension_separator is {dimension_separator!r}; a NestedDirectoryStore only supports '/'. "
                "Use a DirectoryStore for '.'."
            )
        super().__init__(path, normalize_keys, "/", durability)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NestedDirectoryStore) and self.path == other.path

    __hash__ = DirectoryStore.__hash__
