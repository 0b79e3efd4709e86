"""Stand in for zarr-python 2: after `install()`, code that imports `zarr` is given zarrcy.

The modules of `zarr` exist only in `sys.modules`. Each has the names that `zarrcy._zarr2_modules` lists, and no
others.
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
from zarrcy._zarr2_modules import MODULES
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
