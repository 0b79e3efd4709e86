"""A stand-in for zarr-python: after `install()`, ``import zarr`` returns zarrcy, with the meaning of version 2 or 3.

The modules of `zarr` exist only in `sys.modules`. Each has the names that `zarrcy._zarr2_modules`, or
`zarrcy._zarr3_modules`, lists, and no others.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numcodecs
from numcodecs.compat import ensure_contiguous_ndarray, ensure_text

import zarrcy
from zarrcy._lazy import lazy_names
from zarrcy._zarr2_modules import MODULES
from zarrcy._zarr3_modules import MODULES as MODULES3
from zarrcy.keys import normalize_path as normalize_storage_path
from zarrcy.metadata.json_writer import ASCII_STYLE, dump_json
from zarrcy.metadata.v2 import dtypes
from zarrcy.types import JSON, AnyDtype, Buffer, Codec, Elements

if TYPE_CHECKING:
    from importlib.metadata._meta import SimplePath

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

VERSIONS = {2: f"2.18.7+zarrcy.{zarrcy.__version__}", 3: f"3.4.2+zarrcy.{zarrcy.__version__}"}
VERSION = VERSIONS[2]

default_compressor = numcodecs.Blosc()


def install(api: int = 2) -> None:
    """Make ``import zarr`` return zarrcy in this process.

    Call it before anything else imports zarr. A second call changes nothing. It changes `sys.modules`, and
    ``importlib.metadata.version("zarr")`` returns the version of the stand-in.

    Parameters
    ----------
    api : {2, 3}, optional
        The version of zarr-python whose names and meanings `zarr` has: see ``docs/compat.md``. The names of zarrcy
        itself keep their meaning.

    Raises
    ------
    ImportError
        If another zarr is already imported, or the stand-in for the other version.
    ValueError
        If there is no such version.

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
    if api not in VERSIONS:
        raise ValueError(f"api is {api!r}; it must be 2 or 3")
    if _installed_api() == api:
        return
    if others := _entries():
        other = sys.modules[others[0]]
        raise ImportError(
            f"zarrcy.compat.install() comes too late: {others[0]!r} is already imported from "
            f"{getattr(other, '__file__', None) or 'zarrcy, with the meaning of the other version'!r}. Call it before "
            "anything imports zarr.",
            name="zarr",
        )
    sys.modules.update(_modules_of_zarr2() if api == 2 else _modules_of_zarr3())
    sys.meta_path.insert(0, _DISTRIBUTION)


def _modules_of_zarr2() -> dict[str, ModuleType]:
    names: dict[str, object] = {name: getattr(zarrcy, name) for name in zarrcy.__all__}
    top = _module("zarr", names | {"__version__": VERSION, "__getattr__": _optional_name})
    for name, sources in MODULES.items():
        content: dict[str, object] = {
            item: getattr(import_module(source), item)
            for source, items in sources.items()
            for item in items.split()
        }
        setattr(top, name, _module(f"zarr.{name}", content))
    return {top.__name__: top} | {f"zarr.{name}": getattr(top, name) for name in MODULES}


def _modules_of_zarr3() -> dict[str, ModuleType]:
    made: dict[str, ModuleType] = {}
    for name, sources in MODULES3.items():
        names, find = lazy_names(name, sources)
        content: dict[str, object] = {"__all__": names, "__getattr__": find, "__dir__": _names_of(names)}
        made[name] = module = _module(name, content, is_package=True)
        if "." in name:
            above, _, own = name.rpartition(".")
            setattr(made[above], own, module)
    made["zarr"].__dict__["__version__"] = VERSIONS[3]
    return made


def _names_of(names: list[str]) -> Callable[[], list[str]]:
    return lambda: names


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
    if _installed_api() is None:
        raise ImportError("zarrcy.compat is not installed, so there is nothing to undo", name="zarr")
    for name in _entries():
        del sys.modules[name]
    sys.meta_path.remove(_DISTRIBUTION)


def _installed_api() -> int | None:
    """Return the version of zarr-python whose stand-in is installed; None if there is none."""
    version = getattr(sys.modules.get("zarr"), "__version__", None)
    return next((api for api, own in VERSIONS.items() if own == version), None)


def _entries() -> list[str]:
    return [name for name in sys.modules if name == "zarr" or name.startswith("zarr.")]


def _module(name: str, content: dict[str, object], *, is_package: bool | None = None) -> ModuleType:
    module = ModuleType(name, f"The names of zarr-python's {name} that zarrcy has.")
    is_package = name == "zarr" if is_package is None else is_package
    # find_spec("zarr") reads the spec; the empty path makes the import of other submodules fail
    module.__spec__ = ModuleSpec(name, None, is_package=is_package)
    if is_package:
        module.__path__ = []
    module.__dict__.update(content)
    return module


class _StandIn(Distribution):
    """The metadata of the package that ``import zarr`` returns."""

    def read_text(self, filename: str) -> str | None:
        """Return a file of the metadata."""
        api = _installed_api()
        if filename != "METADATA" or api is None:
            return None
        return f"Metadata-Version: 2.1\nName: zarr\nVersion: {VERSIONS[api]}\n"

    def locate_file(self, path: object) -> SimplePath:
        """Return the path of a file of the package: it has none."""
        return Path(str(path))


_ANY = DistributionFinder.Context()


class _StandInFinder(DistributionFinder):
    """Finds the metadata of the stand-in: many programs ask for the version of zarr."""

    def find_spec(self, *args: object, **kwargs: object) -> None:
        """Return None: all modules are in `sys.modules`."""

    def find_distributions(self, context: DistributionFinder.Context = _ANY) -> Iterable[Distribution]:
        """Iterate over the metadata of the stand-in, if they are asked for."""
        if context.name is not None and context.name.lower() == "zarr" and _installed_api() is not None:
            yield _StandIn()


_DISTRIBUTION = _StandInFinder()


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
