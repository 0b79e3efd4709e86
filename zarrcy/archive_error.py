"""The error for damaged zip archives, which `zarrcy.errors` offers. Importing it imports `zipfile`."""

from __future__ import annotations

import zipfile

from zarrcy.errors import ZarrcyError
from zarrcy.types import Key


class ArchiveError(ZarrcyError, zipfile.BadZipFile):
    """A zip archive, or one of its members, is damaged.

    Parameters
    ----------
    archive : str
        Path of the archive.
    key : str
        Key of the member; empty if the archive itself can't be opened.
    problem : str
        What is wrong with it.
    """

    def __init__(self, archive: str, key: Key, problem: str) -> None:
        super().__init__(archive, key, problem)
        self.archive, self.key, self.problem = archive, key, problem

    def __str__(self) -> str:
        where = f"the member {self.key!r} of the zip archive" if self.key else "the zip archive"
        return f"{where} {self.archive!r} can't be read: {self.problem}. Restore the archive from a copy."


# where users find it, and pickles
ArchiveError.__module__ = "zarrcy.errors"
