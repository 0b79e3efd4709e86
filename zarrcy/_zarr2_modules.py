"""The modules of zarr-python 2, and the modules of zarrcy that define the names that users import from them.

`zarrcy.compat` builds the stand-in for `zarr` from this table. Modules of zarr-python 2 that are not files of
zarrcy (``zarrcy.core``, ``zarrcy.util`` ...) are made from it when a program imports them.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from types import ModuleType

from zarrcy._lazy import zarr2_names

_CREATION = "array create empty empty_like full full_like ones ones_like zeros zeros_like"
_LISTING = "getsize listdir"
_INITIALISING = "contains_array contains_group init_array init_group"
_ERRORS = (
    "ArrayIndexError ArrayNotFoundError BadCompressorError BoundsCheckError ContainsArrayError ContainsGroupError "
    "CopyError FSPathExistNotDir GroupNotFoundError MetadataError NegativeStepError PathNotFoundError "
    "ReadOnlyError VindexInvalidSelectionError"
)
_NORMALIZERS = {
    "zarrcy.indexing.chunk_shapes": "normalize_chunks normalize_shape",
    "zarrcy.compat": "normalize_storage_path",
}

# Module below `zarr` -> where its names come from -> the names.
MODULES: dict[str, dict[str, str]] = {
    "attrs": {"zarrcy.hierarchy.attributes": "Attributes", "zarrcy.compat": "json_dumps"},
    "codecs": {
        "numcodecs": "Adler32 AsType BZ2 Base64 BitRound Blosc CRC32 Categorize Delta FixedScaleOffset Fletcher32 "
        "GZip JSON JenkinsLookup3 LZ4 LZMA PackBits Pickle Quantize Shuffle VLenArray VLenBytes VLenUTF8 Zlib "
        "Zstd blosc get_codec register_codec",
        "numcodecs.registry": "codec_registry",
    },
    "convenience": {
        "zarrcy.api.consolidate": "consolidate_metadata open_consolidated",
        "zarrcy.api.copy": "copy copy_all copy_store",
        "zarrcy.api.open": "open open_group tree",
        "zarrcy.api.save": "LazyLoader load save save_array save_group",
        "zarrcy": "Array ConsolidatedMetadataStore Group open_array",
        "zarrcy.errors": "CopyError PathNotFoundError",
        "zarrcy.compat": "json_dumps json_loads normalize_storage_path",
    },
    "core": {
        "zarrcy": "Array Attributes",
        "zarrcy.hierarchy.accessors": "BlockIndex OIndex VIndex",
        "zarrcy.errors": "ArrayNotFoundError ReadOnlyError",
        "zarrcy.storage": _LISTING,
        **_NORMALIZERS,
    },
    "creation": {
        "zarrcy": f"{_CREATION} open_array open_like Array",
        "zarrcy.errors": "ArrayNotFoundError ContainsArrayError ContainsGroupError",
        "zarrcy.compat": "normalize_storage_path",
    },
    "errors": {"zarrcy.errors": _ERRORS},
    "hierarchy": {
        "zarrcy": f"{_CREATION} Array Attributes Group group open_group",
        "zarrcy.storage": f"{_INITIALISING.replace('init_array ', '')} MemoryStore listdir rename rmdir",
        "zarrcy.errors": "ArrayNotFoundError ContainsArrayError ContainsGroupError GroupNotFoundError ReadOnlyError",
    },
    "indexing": {
        "zarrcy.hierarchy.accessors": "BlockIndex OIndex VIndex",
        "zarrcy.errors": "ArrayIndexError BoundsCheckError NegativeStepError VindexInvalidSelectionError",
    },
    "meta": {
        "zarrcy.metadata.v2": "ZARR_FORMAT",
        "zarrcy.metadata.v2.dtypes": "decode_dtype encode_dtype",
        "zarrcy.errors": "MetadataError",
        "zarrcy.compat": "decode_fill_value encode_fill_value json_dumps json_loads",
    },
    "n5": {
        "zarrcy.storage": "N5FSStore N5Store",
        "zarrcy.codecs.n5": "N5ChunkWrapper",
        "zarrcy.storage.n5.documents": "n5_attrs_key n5_keywords",
    },
    "storage": {
        "zarrcy.storage": "ABSStore BaseStore ConsolidatedMetadataStore DBMStore DirectoryStore FSStore KVStore "
        "LMDBStore LRUStoreCache MemoryStore MongoDBStore NestedDirectoryStore RedisStore SQLiteStore Store "
        "DictStore TempStore ZipStore array_meta_key attrs_key group_meta_key normalize_store_arg rename rmdir "
        f"{_LISTING} {_INITIALISING}",
        "zarrcy.errors": "BadCompressorError ContainsArrayError ContainsGroupError FSPathExistNotDir MetadataError "
        "ReadOnlyError",
        "zarrcy.compat": "default_compressor normalize_storage_path json_loads",
    },
    "sync": {"zarrcy.sync": "ProcessSynchronizer Synchronizer ThreadSynchronizer"},
    "util": {
        "zarrcy.indexing.chunk_shapes": "guess_chunks normalize_chunks normalize_shape",
        "zarrcy.metadata.v2.dtypes": "normalize_fill_value",
        "zarrcy.compat": "buffer_size json_dumps json_loads normalize_storage_path",
    },
}


class _Loader:
    """Fills a module with the names of `MODULES`."""

    def create_module(self, spec: ModuleSpec) -> None:
        """Let the import system make the module."""

    def exec_module(self, module: ModuleType) -> None:
        names, find = zarr2_names(module.__name__)
        short_name = module.__name__.rpartition(".")[2]
        module.__doc__ = f"The names of zarr-python 2's ``{short_name}`` that zarrcy has."
        module.__dict__.update(__all__=names, __getattr__=find, __dir__=lambda: names)


def spec_of(name: str) -> ModuleSpec:
    """Return the import specification of a module that `MODULES` lists, given its full name."""
    return ModuleSpec(name, _Loader())  # type: ignore[arg-type]
