"""Integers and bytes: the loops that run per chunk and per element, compiled, and their numpy twins.

Knows nothing of Zarr and imports nothing else of zarrcy. ``ZARRCY_PURE=1`` in the environment
chooses the twins at run time too.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

compiled: ModuleType | None = None
if os.environ.get("ZARRCY_PURE", "") in ("", "0"):
    try:
        compiled = import_module("zarrcy._kernels.compiled")
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
    """Return a module that asks the operating system in the words of Unix; None where there is none."""
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
    # the twins take as long to import as all the rest, and most programs never need them
    if name == "reference":
        return import_module("zarrcy._kernels._reference")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


default: ModuleType = compiled if compiled is not None else __getattr__("reference")


def for_dtype(dtype: np.dtype[Any]) -> ModuleType:
    """Return the kernels that can move elements of `dtype`: objects need numpy."""
    return __getattr__("reference") if dtype.hasobject else default
