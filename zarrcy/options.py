"""How an open array behaves: what is chosen when it is opened, and is nowhere stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ArrayOptions:
    """The options of an open array, as they travel from the call that opens it to whoever reads or writes.

    A group holds those of its members. A new option is a field here; see `zarrcy.Array` for what each means.

    >>> ArrayOptions(cache_attrs=False).write_empty_chunks
    True
    """

    read_only: bool = False
    cache_metadata: bool = True
    cache_attrs: bool = True
    partial_decompress: bool = False
    write_empty_chunks: bool = True
    meta_array: Any = None
