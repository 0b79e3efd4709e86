"""Chunked, compressed, N-dimensional arrays in the Zarr formats, with compiled hot loops.

Importing zarrcy imports none of its modules. Each name below is imported from its module on first use. So reading an
array does not import the conversion, verification or remote-store modules.
"""

import sys
from importlib import import_module
from typing import Any

from zarrcy._lazy import lazy_names, zarr2_module_finder

__version__ = "0.1.0"

# Module -> names; `__init__.pyi` has the same names for type checkers.
_HOMES = {
    "numcodecs": (
        "BZ2 CRC32 JSON LZ4 LZMA Adler32 AsType Base64 BitRound Blosc Categorize Delta FixedScaleOffset "
        "Fletcher32 GZip JenkinsLookup3 PackBits Pickle Quantize Shuffle VLenArray VLenBytes VLenUTF8 "
        "Zlib Zstd blosc get_codec register_codec"
    ),
    "numcodecs.registry": "codec_registry",
    "zarrcy.api.consolidate": "consolidate_metadata open_consolidated",
    "zarrcy.api.convert": "convert",
    "zarrcy.api.copy": "copy copy_all copy_store",
    "zarrcy.api.open": "group open open_group tree",
    "zarrcy.api.repair": "repair",
    "zarrcy.api.save": "load save save_array save_group",
    "zarrcy.api.show_config": "show_config",
    "zarrcy.api.verify": "verify",
    "zarrcy.errors": (
        "ArrayNotFoundError ContainsArrayError ContainsGroupError CopyError GroupNotFoundError "
        "MetadataError PathNotFoundError ReadOnlyError"
    ),
    "zarrcy.hierarchy.arrays": "Array",
    "zarrcy.hierarchy.attributes": "Attributes",
    "zarrcy.hierarchy.creation": (
        "array create empty empty_like full full_like ones ones_like open_array open_like zeros zeros_like"
    ),
    "zarrcy.hierarchy.groups": "Group",
    "zarrcy.storage": (
        "ABSStore ConsolidatedMetadataStore DBMStore DictStore DirectoryStore FSStore KVStore LMDBStore "
        "LRUStoreCache MemoryStore MongoDBStore N5FSStore N5Store NestedDirectoryStore ObjectStore "
        "RedisStore SQLiteStore TempStore ZipStore"
    ),
    "zarrcy.zarr3.config": "config",
    "zarrcy.zarr3.beside": "create_array create_group from_array",
    "zarrcy.sync.synchronizers": "ProcessSynchronizer ThreadSynchronizer",
    "zarrcy.sync.thread_pool": "use_threads",
}
_MODULES = (
    "api chunk_io cli codecs compat errors hierarchy indexing keys metadata settings storage sync testing types "
    "zarr3"
)
# Modules of zarr-python 2 that are not files here; `_zarr2_modules.py` lists their names.
_ZARR2_MODULES = "attrs convenience core creation meta n5 util"
_names, _find = lazy_names(__name__, _HOMES, f"{_MODULES} {_ZARR2_MODULES}")
__all__ = [*_names, "__version__"]  # noqa: PLE0604
# Codecs that numcodecs has only if another package is installed.
OPTIONAL_CODECS = ("CRC32C", "MsgPack", "PCodec", "ZFPY")


def _warn_of_missing_kernels() -> None:
    """Warn if this build has no compiled kernels and ZARRCY_PURE does not ask for that: it is many times slower."""
    import os
    from importlib.machinery import EXTENSION_SUFFIXES

    kernel = f"{__path__[0]}/_kernels/_plan_outer"
    for suffix in EXTENSION_SUFFIXES:
        try:
            os.stat(kernel + suffix)
        except OSError:
            continue
        return
    if os.environ.get("ZARRCY_PURE", "") in ("", "0"):
        import warnings

        warnings.warn(
            "this installation of zarrcy has no compiled kernels, so it is many times slower. To compile them, run "
            "`pip install --no-cache-dir --force-reinstall zarrcy` (without --no-cache-dir, pip may install a pure "
            "wheel again that it built earlier). To use the NumPy kernels without this warning, set ZARRCY_PURE=1.",
            RuntimeWarning,
            stacklevel=3,
        )


_warn_of_missing_kernels()
sys.meta_path.append(zarr2_module_finder(frozenset([f"zarrcy.{name}" for name in _ZARR2_MODULES.split()])))


def __getattr__(name: str) -> Any:
    if name == "v3_api_available":
        return import_module("zarrcy.settings").V3_DRAFT.value()
    if name.endswith("V3"):
        return import_module("zarrcy.storage.draft_names").find_draft_class(__name__, name)
    if name in OPTIONAL_CODECS and hasattr(import_module("numcodecs"), name):
        value = getattr(import_module("numcodecs"), name)
    else:
        value = _find(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES.split(), *_ZARR2_MODULES.split()})
