"""Stores: mappings of keys to the bytes of metadata documents and chunks.

Any mapping of str to bytes-like is a store. Each class is loaded from its module on first use.
"""

from zarrcy._lazy import find_zarr2_name, lazy_names, zarr2_names

array_meta_key = ".zarray"
group_meta_key = ".zgroup"
attrs_key = ".zattrs"

# Module -> names; `__init__.pyi` gives type checkers the same.
_HOMES = {
    "zarrcy.storage.store_argument": "normalize_store_arg",
    "zarrcy.storage.remote.azure": "ABSStore",
    "zarrcy.storage.base": "BaseStore Store",
    "zarrcy.storage.lru_cache": "LRUStoreCache",
    "zarrcy.storage.consolidated": "ConsolidatedMetadataStore",
    "zarrcy.storage.local.dbm": "DBMStore",
    "zarrcy.storage.local.directory": "DirectoryStore",
    "zarrcy.storage.remote.fsspec": "FSStore",
    "zarrcy.storage.deprecated": "DictStore listdir",
    "zarrcy.storage.listing": "getsize rename rmdir",
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
    "zarrcy.storage.zarr3.store_path": "StorePath",
    "zarrcy.storage.zarr3.stores": "FsspecStore LocalStore ManagedMemoryStore",
    "zarrcy.storage.zarr3.wrappers": "LoggingStore WrapperStore",
    # these functions need arrays and groups, so they are in a package above this one
    "zarrcy.api.v2_functions": "contains_array contains_group init_array init_group",
}
_names, _find = lazy_names(__name__, _HOMES)
__all__ = [*_names, "array_meta_key", "attrs_key", "group_meta_key"]  # noqa: PLE0604


def __getattr__(name: str) -> object:
    if name.endswith("V3") or name == "StorageTransformer":
        from zarrcy.storage.draft_names import find_draft_class

        return find_draft_class(__name__, name)
    # other names that zarr-python 2 has in its module ``storage``, such as `default_compressor`
    value = _find(name) if name in _names else find_zarr2_name(__name__, __path__[0], name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *zarr2_names(__name__)[0]})
