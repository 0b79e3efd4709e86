"""Chunked, compressed, N-dimensional arrays in the Zarr formats, with compiled hot loops."""

from typing import Any

import numcodecs
from numcodecs import (
    BZ2,
    CRC32,
    JSON,
    LZ4,
    LZMA,
    Adler32,
    AsType,
    Base64,
    BitRound,
    Blosc,
    Categorize,
    Delta,
    FixedScaleOffset,
    Fletcher32,
    GZip,
    JenkinsLookup3,
    PackBits,
    Pickle,
    Quantize,
    Shuffle,
    VLenArray,
    VLenBytes,
    VLenUTF8,
    Zlib,
    Zstd,
    blosc,
    get_codec,
    register_codec,
)
from numcodecs.registry import codec_registry

from zarrcy.about import show_config
from zarrcy.api import (
    array,
    create,
    empty,
    empty_like,
    full,
    full_like,
    ones,
    ones_like,
    open_array,
    open_like,
    zeros,
    zeros_like,
)
from zarrcy.array import Array
from zarrcy.attrs import Attributes
from zarrcy.convenience import (
    consolidate_metadata,
    group,
    load,
    open,
    open_consolidated,
    open_group,
    save,
    save_array,
    save_group,
    tree,
)
from zarrcy.conversion import convert
from zarrcy.copying import copy, copy_all, copy_store
from zarrcy.errors import (
    ArrayNotFoundError,
    ContainsArrayError,
    ContainsGroupError,
    CopyError,
    GroupNotFoundError,
    MetadataError,
    PathNotFoundError,
    ReadOnlyError,
)
from zarrcy.group import Group
from zarrcy.repairing import repair
from zarrcy.storage import (
    ABSStore,
    ConsolidatedMetadataStore,
    DBMStore,
    DirectoryStore,
    FSStore,
    KVStore,
    LMDBStore,
    LRUStoreCache,
    MemoryStore,
    MongoDBStore,
    N5FSStore,
    N5Store,
    NestedDirectoryStore,
    ObjectStore,
    RedisStore,
    SQLiteStore,
    TempStore,
    ZipStore,
)
from zarrcy.sync import ProcessSynchronizer, ThreadSynchronizer
from zarrcy.threads import use_threads
from zarrcy.verifying import verify

__version__ = "0.1.0"

DictStore = MemoryStore  # its name before zarr-python 2.4

__all__ = [
    "BZ2",
    "CRC32",
    "JSON",
    "LZ4",
    "LZMA",
    "ABSStore",
    "Adler32",
    "Array",
    "ArrayNotFoundError",
    "AsType",
    "Attributes",
    "Base64",
    "BitRound",
    "Blosc",
    "Categorize",
    "ConsolidatedMetadataStore",
    "ContainsArrayError",
    "ContainsGroupError",
    "CopyError",
    "DBMStore",
    "Delta",
    "DictStore",
    "DirectoryStore",
    "FSStore",
    "FixedScaleOffset",
    "Fletcher32",
    "GZip",
    "Group",
    "GroupNotFoundError",
    "JenkinsLookup3",
    "KVStore",
    "LMDBStore",
    "LRUStoreCache",
    "MemoryStore",
    "MetadataError",
    "MongoDBStore",
    "N5FSStore",
    "N5Store",
    "NestedDirectoryStore",
    "ObjectStore",
    "PackBits",
    "PathNotFoundError",
    "Pickle",
    "ProcessSynchronizer",
    "Quantize",
    "ReadOnlyError",
    "RedisStore",
    "SQLiteStore",
    "Shuffle",
    "TempStore",
    "ThreadSynchronizer",
    "VLenArray",
    "VLenBytes",
    "VLenUTF8",
    "ZipStore",
    "Zlib",
    "Zstd",
    "__version__",
    "array",
    "blosc",
    "codec_registry",
    "consolidate_metadata",
    "convert",
    "copy",
    "copy_all",
    "copy_store",
    "create",
    "empty",
    "empty_like",
    "full",
    "full_like",
    "get_codec",
    "group",
    "load",
    "ones",
    "ones_like",
    "open",
    "open_array",
    "open_consolidated",
    "open_group",
    "open_like",
    "register_codec",
    "repair",
    "save",
    "save_array",
    "save_group",
    "show_config",
    "tree",
    "use_threads",
    "verify",
    "zeros",
    "zeros_like",
]


def __getattr__(name: str) -> Any:
    # codecs that numcodecs has only where another package is installed
    if name in ("CRC32C", "MsgPack", "PCodec", "ZFPY") and hasattr(numcodecs, name):
        return getattr(numcodecs, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
