"""Integers and bytes: the loops that run per chunk and per element, compiled, and their numpy twins.

Knows nothing of Zarr and imports nothing else of zarrcy. ``ZARRCY_PURE=1`` in the environment
chooses the twins at run time too.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from zarrcy._kernels.protocols import Kernels

if TYPE_CHECKING:
    # the compiled modules have the interface that callers see
    import zarrcy._kernels.compiled as _compiled_module

    _interface: Kernels = _compiled_module

compiled: Kernels | None = None
if os.environ.get("ZARRCY_PURE", "") in ("", "0"):
    try:
        compiled = cast(Kernels, import_module("zarrcy._kernels.compiled"))
    except ModuleNotFoundError as exc:
        # a pure build has no compiled modules; one that is there but does not load is an error
        if exc.name not in {
            f"zarrcy._kernels.{name}"
            for name in (
                "_plan_outer",
                "_plan_points",
                "_gather_scatter",
                "_json_scan",
                "_fill",
                "_touched_blocks",
                "_group_by_shard",
            )
        }:
            raise

COMPILED = compiled is not None


def _load_of_unix(module: str) -> ModuleType | None:
    """Return a module that needs the system calls of Unix; None in a pure build and on other systems."""
    try:
        return import_module(f"zarrcy._kernels.{module}") if COMPILED else None
    except ModuleNotFoundError as exc:
        if exc.name not in {
            f"zarrcy._kernels.{name}"
            for name in ("_file_io", "_native_codec", "_native_read", "_native_write")
        }:
            raise
        return None


file_io = _load_of_unix("_file_io")
native = _load_of_unix("native")


def __getattr__(name: str) -> ModuleType:
    # importing the NumPy twins takes as long as importing everything else, and most programs do not need them
    if name == "reference":
        return import_module("zarrcy._kernels._reference")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _reference_kernels() -> Kernels:
    return cast(Kernels, __getattr__("reference"))


default: Kernels = compiled if compiled is not None else _reference_kernels()


def for_dtype(dtype: np.dtype[Any]) -> Kernels:
    """Return the kernels that can move elements of `dtype`. NumPy moves Python objects: it counts references."""
    return _reference_kernels() if dtype.hasobject else default
