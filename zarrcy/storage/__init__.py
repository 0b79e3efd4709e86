"""Bytes by key: where arrays live.

A mapping of str to bytes-like is enough to be a store.
"""

from zarrcy.storage.arguments import normalize_store_arg
from zarrcy.storage.directory import DirectoryStore
from zarrcy.storage.listing import getsize, listdir, rename, rmdir
from zarrcy.storage.memory import KVStore, MemoryStore

array_meta_key = ".zarray"
group_meta_key = ".zgroup"
attrs_key = ".zattrs"

__all__ = [
    "DirectoryStore",
    "KVStore",
    "MemoryStore",
    "array_meta_key",
    "attrs_key",
    "getsize",
    "group_meta_key",
    "listdir",
    "normalize_store_arg",
    "rename",
    "rmdir",
]
