"""Stand in for zarr-python 2: after `install()`, code that imports `zarr` is given zarrcy.

The modules of `zarr` exist only in `sys.modules`; each has the names of `MODULES`, and no others.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numcodecs
from numcodecs.compat import ensure_contiguous_ndarray, ensure_text

import zarrcy
from zarrcy.keys import normalize_path as normalize_storage_path
from zarrcy.metadata.json_writer import dump_json as json_dumps
from zarrcy.metadata.v2 import dtypes
from zarrcy.types import JSON, AnyDtype

__all__ = [
    "buffer_size",
    "decode_fill_value",
    "default_compressor",
    "encode_fill_value",
    "install",
    "json_dumps",
    "json_loads",
    "normalize_storage_path",
    "uninstall",
]

VERSION = f"2.18.7+zarrcy.{zarrcy.__version__}"

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
        "zarrcy.api.open": "LazyLoader consolidate_metadata load open open_consolidated open_group save "
        "save_array save_group tree",
        "zarrcy.api.copy": "copy copy_all copy_store",
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
    "n5": {"zarrcy.storage": "N5FSStore N5Store", "zarrcy.codecs.n5": "N5ChunkWrapper"},
    "storage": {
        "zarrcy.storage": "ABSStore BaseStore ConsolidatedMetadataStore DBMStore DirectoryStore FSStore KVStore "
        "LMDBStore LRUStoreCache MemoryStore MongoDBStore NestedDirectoryStore RedisStore SQLiteStore Store "
        "TempStore ZipStore array_meta_key attrs_key group_meta_key normalize_store_arg rename rmdir "
        f"{_LISTING} {_INITIALISING}",
        "zarrcy.errors": "BadCompressorError ContainsArrayError ContainsGroupError FSPathExistNotDir MetadataError "
        "ReadOnlyError",
        "zarrcy": "DictStore",
        "zarrcy.compat": "default_compressor normalize_storage_path json_loads",
    },
    "sync": {"zarrcy.sync": "ProcessSynchronizer Synchronizer ThreadSynchronizer"},
    "util": {
        "zarrcy.indexing.chunk_shapes": "guess_chunks normalize_chunks normalize_shape",
        "zarrcy.metadata.v2.dtypes": "normalize_fill_value",
        "zarrcy.compat": "buffer_size json_dumps json_loads normalize_storage_path",
    },
}

default_compressor = numcodecs.Blosc()


def install() -> None:
    """Make ``import zarr`` give zarrcy, for the rest of the process. A second call changes nothing.

    Call it before anything else imports zarr. It changes `sys.modules` and nothing on disk, so a package
    that asks `importlib.metadata` for the version of zarr still sees what is installed.

    Raises
    ------
    ImportError : another zarr has been imported already

    Examples
    --------
    >>> import zarrcy.compat
    >>> zarrcy.compat.install()  # doctest: +SKIP
    >>> import zarr  # doctest: +SKIP
    >>> zarr.core.Array is zarrcy.Array  # doctest: +SKIP
    True
    """
    if _is_installed():
        return
    if others := _entries():
        there = sys.modules[others[0]]
        raise ImportError(
            f"zarrcy.compat.install() comes too late: {others[0]!r} is already imported from "
            f"{getattr(there, '__file__', None)!r}. Call it before anything imports zarr.",
            name="zarr",
        )
    names = {name: getattr(zarrcy, name) for name in zarrcy.__all__}
    top = _module("zarr", names | {"__version__": VERSION, "__getattr__": _optional_codec})
    for name, sources in MODULES.items():
        content = {
            item: getattr(import_module(source), item)
            for source, items in sources.items()
            for item in items.split()
        }
        setattr(top, name, _module(f"zarr.{name}", content))
    sys.modules.update({top.__name__: top} | {f"zarr.{name}": getattr(top, name) for name in MODULES})


def _optional_codec(name: str) -> Any:
    # numcodecs has some codecs only where another package is installed; zarrcy knows which
    if name in zarrcy.OPTIONAL_CODECS:
        return getattr(zarrcy, name)
    raise AttributeError(f"module 'zarr' has no attribute {name!r}")


def uninstall() -> None:
    """Undo `install`. What was imported from `zarr` in between goes on working.

    Raises
    ------
    ImportError : `install` was not called, or zarr was imported anew after it
    """
    if not _is_installed():
        raise ImportError("zarrcy.compat is not installed: there is nothing to undo", name="zarr")
    for name in _entries():
        del sys.modules[name]


def _is_installed() -> bool:
    return getattr(sys.modules.get("zarr"), "__version__", None) == VERSION


def _entries() -> list[str]:
    return [name for name in sys.modules if name == "zarr" or name.startswith("zarr.")]


def _module(name: str, content: dict[str, Any]) -> ModuleType:
    module = ModuleType(name, f"The names of zarr-python 2's {name} that zarrcy has.")
    # find_spec("zarr") asks for it; the empty path says that no other submodule is to be had
    module.__spec__ = ModuleSpec(name, None, is_package=name == "zarr")
    if name == "zarr":
        module.__path__ = []
    module.__dict__.update(content)
    return module


# -- what zarrcy itself has no use for ---------------------------------------------------------


def json_loads(s: bytes | str) -> Any:
    """Parse JSON, text or bytes.

    >>> json_loads(b'{"a": 1}')
    {'a': 1}
    """
    return json.loads(ensure_text(s, "utf-8"))


def buffer_size(v: Any) -> int:
    """Return the number of bytes of a buffer.

    >>> buffer_size(b"abc")
    3
    """
    return int(ensure_contiguous_ndarray(v).nbytes)


def encode_fill_value(v: Any, dtype: AnyDtype, object_codec: Any = None) -> JSON:
    """Return a fill value as `.zarray` spells it.

    >>> import numpy as np
    >>> encode_fill_value(np.nan, np.dtype("f4"))
    'NaN'
    """
    if dtype.kind == "V" and dtype.hasobject and v is not None:
        raise TypeError(
            f"the fill value {v!r} has fields that are objects, which zarrcy does not store: give None"
        )
    return dtypes.encode_fill_value(v, dtype)


def decode_fill_value(v: JSON, dtype: AnyDtype, object_codec: Any = None) -> Any:
    """Return the scalar that a fill value of `.zarray` spells.

    >>> import numpy as np
    >>> bool(np.isnan(decode_fill_value("NaN", np.dtype("f4"))))
    True
    """
    return dtypes.decode_fill_value(v, dtype, object_codec.codec_id if object_codec else "")
