"""Bytes by key: where arrays live.

A mapping of str to bytes-like is enough to be a store.
"""

from zarrcy.storage.arguments import normalize_store_arg
from zarrcy.storage.azure import ABSStore
from zarrcy.storage.base import BaseStore, Store
from zarrcy.storage.cache import LRUStoreCache
from zarrcy.storage.consolidated import ConsolidatedMetadataStore
from zarrcy.storage.dbm import DBMStore
from zarrcy.storage.directory import DirectoryStore
from zarrcy.storage.fsspec_store import FSStore
from zarrcy.storage.initialising import contains_array, contains_group, init_array, init_group
from zarrcy.storage.listing import getsize, listdir, rename, rmdir
from zarrcy.storage.lmdb import LMDBStore
from zarrcy.storage.memory import KVStore, MemoryStore
from zarrcy.storage.mongodb import MongoDBStore
from zarrcy.storage.n5 import N5FSStore, N5Store
from zarrcy.storage.nested import NestedDirectoryStore
from zarrcy.storage.object_store import ObjectStore
from zarrcy.storage.redis import RedisStore
from zarrcy.storage.sqlite import SQLiteStore
from zarrcy.storage.temporary import TempStore
from zarrcy.storage.zip import ZipStore

array_meta_key: str
group_meta_key: str
attrs_key: str

__all__ = [
    "ABSStore",
    "BaseStore",
    "ConsolidatedMetadataStore",
    "DBMStore",
    "DirectoryStore",
    "FSStore",
    "KVStore",
    "LMDBStore",
    "LRUStoreCache",
    "MemoryStore",
    "MongoDBStore",
    "N5FSStore",
    "N5Store",
    "NestedDirectoryStore",
    "ObjectStore",
    "RedisStore",
    "SQLiteStore",
    "Store",
    "TempStore",
    "ZipStore",
    "array_meta_key",
    "attrs_key",
    "contains_array",
    "contains_group",
    "getsize",
    "group_meta_key",
    "init_array",
    "init_group",
    "listdir",
    "normalize_store_arg",
    "rename",
    "rmdir",
]
