"""A store in a directory that is gone when the process ends."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from zarrcy.storage.local.directory import DirectoryStore


class TempStore(DirectoryStore):
    """A `DirectoryStore` in a new temporary directory, which is deleted when the process ends.

    Parameters
    ----------
    suffix, prefix, dir : of the directory, as `tempfile.mkdtemp` takes them
    normalize_keys : make keys lower case
    dimension_separator : ``"."`` or ``"/"``, for arrays whose metadata do not say

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.array([1, 2, 3], store=TempStore())
    >>> sorted(a.store)
    ['.zarray', '0']
    """

    def __init__(
        self,
        suffix: str = "",
        prefix: str = "zarr",
        dir: str | os.PathLike[str] | None = None,
        normalize_keys: bool = False,
        dimension_separator: str | None = None,
    ) -> None:
        path = tempfile.mkdtemp(suffix=suffix, prefix=prefix, dir=dir)
        atexit.register(_remove, path, os.getpid())
        super().__init__(path, normalize_keys, dimension_separator, "none")


def _remove(path: str, maker: int) -> None:
    """Delete the directory, in the process that made it: what a fork of it does on its way out is no end."""
    if os.getpid() == maker:
        shutil.rmtree(path, ignore_errors=True)
