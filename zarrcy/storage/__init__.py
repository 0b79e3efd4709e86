"""Bytes by key: where arrays live.

A mapping of str to bytes-like is enough to be a store. Each store is loaded when it is first asked for.
"""

from typing import Any

from zarrcy._lazy import find_zarr2_name, lazy_names, zarr2_names

array_meta_key = ".zarray"
group_meta_key = ".zgroup"
attrs_key = ".zattrs"

# Module -> names; `__init__.pyi` tells type checkers the same.
_HOMES = {
    "zarrcy.storage.store_argument": "normalize_store_arg",
    "zarrcy.storage.remote.azure": "ABSStore",
    "zarrcy.storage.base": "BaseStore Store",
    "zarrcy.storage.lru_cache": "LRUStoreCache",
    "zarrcy.storage.consolidated": "ConsolidatedMetadataStore",
    "zarrcy.storage.local.dbm": "DBMStore",
    "zarrcy.storage.local.directory": "DirectoryStore",
    "zarrcy.storage.remote.fsspec": "FSStore",
    "zarrcy.storage.listing": "getsize listdir rename rmdir",
    "zarrcy.storage.local.lmdb": "LMDBStore",
    "zarrcy.storage.memory": "KVStore MemoryStore",
    "zarrcy.storage.remote.mongodb": "MongoDBStore",
    "zarrcy.storage.n5.store": "N5FSStore N5Store",
    "zarrcy.storage.local.nested": "NestedDirectoryStore",
    "zarrcy.storage.remote.obstore": "ObjectStore",
    "zarrcy.storage.remote.redis": "RedisStore",
    "zarrcy.storage.local.sqlite": "SQLiteStore",
    "zarrcy.storage.local.temporary": "TempStore",
    "zarrcy.storage.local.zip": "ZipStore",
    # they know what arrays and groups are, so they are above this package
    "zarrcy.api.v2_functions": "contains_array contains_group init_array init_group",
}
_names, _find = lazy_names(__name__, _HOMES)
__all__ = [*_names, "array_meta_key", "attrs_key", "group_meta_key"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    # the other names of zarr-python 2's module ``storage``, such as `default_compressor`
    value = _find(name) if name in _names else find_zarr2_name(__name__, __path__[0], name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *zarr2_names(__name__)[0]})
