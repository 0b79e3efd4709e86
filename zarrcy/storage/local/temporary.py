"""A store in a temporary directory, which is deleted when the process ends."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from zarrcy.storage.local.directory import DirectoryStore


class TempStore(DirectoryStore):
    """`DirectoryStore` in a new temporary directory, which is deleted when the process ends.

    Parameters
    ----------
    suffix : str, default ""
        End of the directory's name.
    prefix : str, default "zarr"
        Start of the directory's name.
    dir : str or os.PathLike, optional
        Directory in which the new directory is created; chosen by `tempfile.mkdtemp` by default.
    normalize_keys : bool, default False
        Convert keys to lower case.
    dimension_separator : {".", "/"}, optional
        Separator of chunk coordinates, for arrays whose metadata do not name one.

    See Also
    --------
    DirectoryStore : Store in a directory that stays.

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
    """Delete the directory, but not in a forked child: only the process that created it deletes it."""
    if os.getpid() == maker:
        shutil.rmtree(path, ignore_errors=True)
