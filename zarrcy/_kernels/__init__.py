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

from zarrcy._kernels import _reference as reference

compiled: ModuleType | None = None
if os.environ.get("ZARRCY_PURE", "") in ("", "0"):
    try:
        compiled = import_module("zarrcy._kernels.compiled")
    except ModuleNotFoundError as exc:
        # a pure build has no compiled modules; one that is there but does not load is an error
        if exc.name not in {f"zarrcy._kernels.{name}" for name in ("_split", "_copy", "_fill")}:
            raise

COMPILED = compiled is not None
default: ModuleType = compiled if compiled is not None else reference


def for_dtype(dtype: np.dtype[Any]) -> ModuleType:
    """Return the kernels that can move elements of `dtype`: objects need numpy."""
    return reference if dtype.hasobject else default
