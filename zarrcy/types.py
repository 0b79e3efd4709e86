"""The words that signatures share."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, TypeAlias

import numpy as np

Key: TypeAlias = str
Shape: TypeAlias = tuple[int, ...]
Coords: TypeAlias = tuple[int, ...]
JSON: TypeAlias = Any
"""What ``json`` reads and writes: None, bool, int, float, str, and lists and dicts of these."""
Buffer: TypeAlias = Any
"""Anything with the buffer protocol: bytes, bytearray, memoryview, a contiguous array ..."""
Span: TypeAlias = tuple[int, int | None]
"""Where a run of bytes stands in a value: its start, and its length; None is all the rest. A negative start
counts from the end."""
Store: TypeAlias = MutableMapping[str, Any]
"""Bytes by key. A mapping of str to bytes-like is enough; what a store may add stands in `zarrcy.storage`."""
ZarrFormat: TypeAlias = int | str
"""The version of a format: 2, 3, or "3-draft" for the draft of version 3 that was withdrawn."""
AnyDtype: TypeAlias = "np.dtype[Any]"
Field: TypeAlias = tuple[int, int]
"""Offset and size, in bytes, of a field in the elements of a structured array."""
