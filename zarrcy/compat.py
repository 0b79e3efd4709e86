"""A stand-in for zarr-python 2: after `install()`, ``import zarr`` returns zarrcy.

The modules of `zarr` exist only in `sys.modules`. Each has the names that `zarrcy._zarr2_modules` lists, and no
others.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

import numcodecs
from numcodecs.compat import ensure_contiguous_ndarray, ensure_text

import zarrcy
from zarrcy._zarr2_modules import MODULES
from zarrcy.keys import normalize_path as normalize_storage_path
from zarrcy.metadata.json_writer import ASCII_STYLE, dump_json
from zarrcy.metadata.v2 import dtypes
from zarrcy.types import JSON, AnyDtype, Buffer, Codec, Elements

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
    """Make ``import zarr`` return zarrcy in this process.

    Call it before anything else imports zarr. A second call changes nothing. It changes only `sys.modules`, so
    `importlib.metadata` still returns the version of the installed zarr.

    Raises
    ------
    ImportError
        If another zarr is already imported.

    See Also
    --------
    uninstall : Undo it.

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
        other = sys.modules[others[0]]
        raise ImportError(
            f"zarrcy.compat.install() comes too late: {others[0]!r} is already imported from "
            f"{getattr(other, '__file__', None)!r}. Call it before anything imports zarr.",
            name="zarr",
        )
    names: dict[str, object] = {name: getattr(zarrcy, name) for name in zarrcy.__all__}
    top = _module("zarr", names | {"__version__": VERSION, "__getattr__": _optional_name})
    for name, sources in MODULES.items():
        content: dict[str, object] = {
            item: getattr(import_module(source), item)
            for source, items in sources.items()
            for item in items.split()
        }
        setattr(top, name, _module(f"zarr.{name}", content))
    sys.modules.update({top.__name__: top} | {f"zarr.{name}": getattr(top, name) for name in MODULES})


def _optional_name(name: str) -> object:
    # numcodecs has these codecs only if another package is installed; the others depend on a variable
    if name in zarrcy.OPTIONAL_CODECS or name == "v3_api_available" or name.endswith("V3"):
        return getattr(zarrcy, name)
    raise AttributeError(f"module 'zarr' has no attribute {name!r}")


def uninstall() -> None:
    """Undo `install`. Objects that were imported from `zarr` in between continue to work.

    Raises
    ------
    ImportError
        If `install` was not called, or if another zarr was imported after it.

    See Also
    --------
    install : Make ``import zarr`` return zarrcy.

    Examples
    --------
    >>> import zarrcy.compat
    >>> zarrcy.compat.install()  # doctest: +SKIP
    >>> zarrcy.compat.uninstall()  # doctest: +SKIP
    """
    if not _is_installed():
        raise ImportError("zarrcy.compat is not installed, so there is nothing to undo", name="zarr")
    for name in _entries():
        del sys.modules[name]


def _is_installed() -> bool:
    return getattr(sys.modules.get("zarr"), "__version__", None) == VERSION


def _entries() -> list[str]:
    return [name for name in sys.modules if name == "zarr" or name.startswith("zarr.")]


def _module(name: str, content: dict[str, object]) -> ModuleType:
    module = ModuleType(name, f"The names of zarr-python 2's {name} that zarrcy has.")
    # find_spec("zarr") reads the spec; the empty path makes the import of other submodules fail
    module.__spec__ = ModuleSpec(name, None, is_package=name == "zarr")
    if name == "zarr":
        module.__path__ = []
    module.__dict__.update(content)
    return module


# -- functions of zarr-python 2 that zarrcy itself does not use ---------------------------------


def json_dumps(o: JSON) -> bytes:
    """Write JSON in ASCII, with sorted names and an indent of 4.

    Parameters
    ----------
    o : None, bool, int, float, str, list or dict
        The value.

    Returns
    -------
    bytes
        The text.

    Examples
    --------
    >>> json_dumps({"a": "é"})
    b'{\\n    "a": "\\\\u00e9"\\n}'
    """
    return dump_json(o, style=ASCII_STYLE)


def json_loads(s: bytes | str) -> JSON:
    """Parse JSON.

    Parameters
    ----------
    s : str or bytes
        JSON; bytes are UTF-8.

    Returns
    -------
    None, bool, int, float, str, list or dict
        The value.

    Examples
    --------
    >>> json_loads(b'{"a": 1}')
    {'a': 1}
    """
    return json.loads(ensure_text(s, "utf-8"))


def buffer_size(v: Buffer) -> int:
    """Return the size of a buffer.

    Parameters
    ----------
    v : bytes-like
        The buffer.

    Returns
    -------
    int
        Size, in bytes.

    Examples
    --------
    >>> buffer_size(b"abc")
    3
    """
    return int(ensure_contiguous_ndarray(v).nbytes)


def encode_fill_value(v: Elements, dtype: AnyDtype, object_codec: Codec | None = None) -> JSON:
    """Return a fill value as JSON, as in a ``.zarray`` document.

    Parameters
    ----------
    v : scalar or None
        Fill value.
    dtype : numpy.dtype
        Data type of the array.
    object_codec : codec, optional
        Ignored; zarr-python 2 has this parameter.

    Returns
    -------
    None, bool, int, float or str
        The encoded fill value.

    Raises
    ------
    TypeError
        If the data type has fields that are objects.

    See Also
    --------
    decode_fill_value : The inverse.

    Examples
    --------
    >>> import numpy as np
    >>> encode_fill_value(np.nan, np.dtype("f4"))
    'NaN'
    """
    if dtype.kind == "V" and dtype.hasobject and v is not None:
        raise TypeError(
            f"the fill value {v!r} has fields that are objects, which zarrcy cannot store; use None instead"
        )
    return dtypes.encode_fill_value(v, dtype)


def decode_fill_value(v: JSON, dtype: AnyDtype, object_codec: Codec | None = None) -> Elements:
    """Return the scalar for a fill value of a ``.zarray`` document.

    Parameters
    ----------
    v : None, bool, int, float or str
        Encoded fill value.
    dtype : numpy.dtype
        Data type of the array.
    object_codec : codec, optional
        Codec for objects of the array.

    Returns
    -------
    scalar or None
        The fill value.

    See Also
    --------
    encode_fill_value : The inverse.

    Examples
    --------
    >>> import numpy as np
    >>> bool(np.isnan(decode_fill_value("NaN", np.dtype("f4"))))
    True
    """
    return dtypes.decode_fill_value(v, dtype, object_codec.codec_id if object_codec else "")
