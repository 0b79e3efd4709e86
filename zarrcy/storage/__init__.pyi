"""Stores: mappings of keys to the bytes of metadata documents and chunks.

Any mapping of str to bytes-like is a store.
"""

from zarrcy.api.v2_functions import contains_array, contains_group, init_array, init_group
from zarrcy.storage.base import BaseStore, Store
from zarrcy.storage.consolidated import ConsolidatedMetadataStore
from zarrcy.storage.deprecated import DictStore, listdir
from zarrcy.storage.listing import getsize, rename, rmdir
from zarrcy.storage.local.dbm import DBMStore
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.storage.local.lmdb import LMDBStore
from zarrcy.storage.local.nested import NestedDirectoryStore
from zarrcy.storage.local.sqlite import SQLiteStore
from zarrcy.storage.local.temporary import TempStore
from zarrcy.storage.local.zip import ZipStore
from zarrcy.storage.lru_cache import LRUStoreCache
from zarrcy.storage.memory import KVStore, MemoryStore
from zarrcy.storage.n5.store import N5FSStore, N5Store
from zarrcy.storage.remote.azure import ABSStore
from zarrcy.storage.remote.fsspec import FSStore
from zarrcy.storage.remote.mongodb import MongoDBStore
from zarrcy.storage.remote.obstore import ObjectStore
from zarrcy.storage.remote.redis import RedisStore
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.storage.zarr3.store_path import StorePath
from zarrcy.storage.zarr3.stores import FsspecStore, LocalStore, ManagedMemoryStore
from zarrcy.storage.zarr3.wrappers import LoggingStore, WrapperStore

array_meta_key: str
group_meta_key: str
attrs_key: str

__all__ = [
    "ABSStore",
    "BaseStore",
    "ConsolidatedMetadataStore",
    "DBMStore",
    "DictStore",
    "DirectoryStore",
    "FSStore",
    "FsspecStore",
    "KVStore",
    "LMDBStore",
    "LRUStoreCache",
    "LocalStore",
    "LoggingStore",
    "ManagedMemoryStore",
    "MemoryStore",
    "MongoDBStore",
    "N5FSStore",
    "N5Store",
    "NestedDirectoryStore",
    "ObjectStore",
    "RedisStore",
    "SQLiteStore",
    "Store",
    "StorePath",
    "TempStore",
    "WrapperStore",
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
