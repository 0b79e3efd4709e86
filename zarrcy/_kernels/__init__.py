"""The loops that run per chunk and per element: compiled kernels, and their twins in NumPy.

Kernels know integers and bytes, and nothing of Zarr. They import nothing else of zarrcy. ``ZARRCY_PURE=1`` in the
environment chooses the twins, at build time and at run time.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from zarrcy._kernels.protocols import Kernels

if TYPE_CHECKING:
    # a type checker compares the compiled modules with the protocol
    import zarrcy._kernels.compiled as _compiled_module

    _interface: Kernels = _compiled_module

compiled: Kernels | None = None
if os.environ.get("ZARRCY_PURE", "") in ("", "0"):
    try:
        compiled = cast(Kernels, import_module("zarrcy._kernels.compiled"))
    except ModuleNotFoundError as exc:
        # A pure build has no compiled modules. A compiled module that exists but cannot be loaded is an error.
        if not (exc.name or "").startswith("zarrcy._kernels._"):
            raise

COMPILED = compiled is not None


def _import_on_unix(module: str) -> ModuleType | None:
    """Import a compiled module that uses Unix system calls; None in a pure build and on other systems."""
    try:
        return import_module(f"zarrcy._kernels.{module}") if COMPILED else None
    except ModuleNotFoundError as exc:
        if exc.name not in {
            f"zarrcy._kernels.{name}"
            for name in ("_chunk_steps", "_file_io", "_native_codec", "_native_read", "_native_write")
        }:
            raise
        return None


file_io = _import_on_unix("_file_io")
native = _import_on_unix("native")


def __getattr__(name: str) -> ModuleType:
    # programs that only read write no documents
    if name == "json_write":
        return import_module(f"zarrcy._kernels.{'_json_write' if COMPILED else '_reference_json_write'}")
    # few programs read results of many megabytes
    if name == "large_array":
        return import_module(f"zarrcy._kernels.{'_large_array' if COMPILED else '_reference_large_array'}")
    # importing the NumPy twins takes as long as importing the rest of zarrcy, and most programs do not use them
    if name == "reference":
        return import_module("zarrcy._kernels._reference")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _reference_kernels() -> Kernels:
    return cast(Kernels, __getattr__("reference"))


default: Kernels = compiled if compiled is not None else _reference_kernels()


def for_dtype(dtype: np.dtype[Any]) -> Kernels:
    """Return the kernels for elements of `dtype`: the twins for Python objects, because NumPy counts references."""
    return _reference_kernels() if dtype.hasobject else default
