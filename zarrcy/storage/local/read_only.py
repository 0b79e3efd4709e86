"""A directory of values that a store of another package opened for reading only."""

from __future__ import annotations

from typing import Never

from zarrcy.errors import ReadOnlyError
from zarrcy.storage.local.directory import DirectoryStore


class ReadOnlyDirectory(DirectoryStore):
    """Store in a directory that refuses changes. Its files are opened by the store alone, never by the native path."""

    def is_writeable(self) -> bool:
        """Return False."""
        return False

    def is_erasable(self) -> bool:
        """Return False."""
        return False

    def _refuse(self, *args: object, **kwargs: object) -> Never:
        raise ReadOnlyError(self.path)

    __setitem__ = setdefault = write_value = __delitem__ = discard = _refuse
    rename = rename_key = rmdir = check_rmdir = clear = remove_leftover = _refuse

    # a subclass that overrides methods of a mapping has those capabilities that it declares
    get = DirectoryStore.get
    read_value = DirectoryStore.read_value
    open_value = DirectoryStore.open_value
    value_nbytes = DirectoryStore.value_nbytes
    denied_below = DirectoryStore.denied_below
    is_local = DirectoryStore.is_local
    is_thread_safe = DirectoryStore.is_thread_safe
