"""A store in a directory that has one level of directories per axis for the chunks of an array."""

from __future__ import annotations

import os

from zarrcy.storage.local.directory import DirectoryStore


class NestedDirectoryStore(DirectoryStore):
    """`DirectoryStore` whose arrays have ``"/"`` between chunk coordinates.

    A directory then has at most as many entries as there are chunks along one axis.

    Parameters
    ----------
    path : str or os.PathLike
        Directory of the store. It is created when the first value is written.
    normalize_keys : bool, default False
        Convert keys to lower case.
    dimension_separator : {"/"}, optional
        Separator of chunk coordinates; only "/" is supported.
    durability : {"none", "data", "full"}, optional
        See `DirectoryStore`.

    See Also
    --------
    DirectoryStore : The same with any separator of chunk coordinates.

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
