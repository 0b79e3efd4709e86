"""Chunked, compressed, N-dimensional arrays in the Zarr formats, with compiled hot loops."""

from zarrcy.api import array, create, empty, full, load, ones, open, open_array, save, save_array, zeros
from zarrcy.array import Array
from zarrcy.attrs import Attributes
from zarrcy.errors import (
    ArrayNotFoundError,
    ContainsArrayError,
    ContainsGroupError,
    MetadataError,
    PathNotFoundError,
    ReadOnlyError,
)
from zarrcy.storage import DirectoryStore, KVStore, MemoryStore
from zarrcy.sync import ProcessSynchronizer, ThreadSynchronizer

__version__ = "0.1.0"

__all__ = [
    "Array",
    "ArrayNotFoundError",
    "Attributes",
    "ContainsArrayError",
    "ContainsGroupError",
    "DirectoryStore",
    "KVStore",
    "MemoryStore",
    "MetadataError",
    "PathNotFoundError",
    "ProcessSynchronizer",
    "ReadOnlyError",
    "ThreadSynchronizer",
    "__version__",
    "array",
    "create",
    "empty",
    "full",
    "load",
    "ones",
    "open",
    "open_array",
    "save",
    "save_array",
    "zeros",
]
