"""How an open array behaves: what is chosen when it is opened, and is nowhere stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypedDict, get_args

import numpy as np

ReadMissing: TypeAlias = Literal["fill", "raise", "mask"]
Unaligned: TypeAlias = Literal["lock", "error", "allow"]
_READ_MISSING = get_args(ReadMissing)
_UNALIGNED = get_args(Unaligned)


class ExtraOptions(TypedDict, total=False):
    """Options that zarr-python 2 does not have: keyword arguments of all that opens or creates arrays."""

    read_missing: ReadMissing
    unaligned: Unaligned
    threads: int | None
    cache_bytes: int


@dataclass(frozen=True, slots=True)
class ArrayConfig:
    """The options of an open array, as they travel from the call that opens it to whoever reads or writes.

    A group holds those of its members. A new option is a field here, and in `ExtraOptions`; see `zarrcy.Array`
    for what each means.

    Raises
    ------
    ValueError : an option has a value that it can't have

    >>> ArrayConfig(cache_attrs=False).write_empty_chunks
    True
    """

    read_only: bool = False
    cache_metadata: bool = True
    cache_attrs: bool = True
    partial_decompress: bool = False
    write_empty_chunks: bool = True
    meta_array: Any = None
    read_missing: ReadMissing = "fill"
    unaligned: Unaligned = "lock"
    threads: int | None = None
    cache_bytes: int = 0

    def __post_init__(self) -> None:
        _check("read_missing", self.read_missing, _READ_MISSING)
        _check("unaligned", self.unaligned, _UNALIGNED)
        if self.threads is not None:
            check_n_threads(self.threads)
        if self.cache_bytes:
            _check_cache_bytes(self.cache_bytes)
        if self.read_missing == "mask" and self.meta_array is not None:
            raise ValueError(
                "read_missing is 'mask': results are masked arrays, so there can be no meta_array"
            )

    @property
    def like(self) -> Any:
        """What results are allocated like; None for plain arrays."""
        return np.ma.empty(()) if self.read_missing == "mask" else self.meta_array

    def more(self) -> ExtraOptions:
        """Return those that are keyword arguments of all that opens arrays."""
        found: Any = {name: getattr(self, name) for name in ExtraOptions.__annotations__}
        return found  # type: ignore[no-any-return]


def _check(name: str, value: Any, possible: tuple[str, ...]) -> None:
    if value not in possible:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, possible))}")


def _check_cache_bytes(n: Any) -> None:
    if isinstance(n, bool) or not hasattr(n, "__index__") or n.__index__() < 0:
        raise ValueError(f"cache_bytes is {n!r}; it must be a number of bytes, or 0 for no cache")


def take_options(kwargs: dict[str, Any]) -> ExtraOptions:
    """Take the options of an open array out of keyword arguments.

    >>> kwargs = {"shape": 3, "unaligned": "error"}
    >>> take_options(kwargs), kwargs
    ({'unaligned': 'error'}, {'shape': 3})
    """
    found: Any = {name: kwargs.pop(name) for name in ExtraOptions.__annotations__ if name in kwargs}
    return found  # type: ignore[no-any-return]


def check_n_threads(n: Any) -> int:
    """Return a number of threads that a user gave.

    >>> check_n_threads(0)
    Traceback (most recent call last):
    ValueError: threads is 0; it must be a positive integer
    """
    if isinstance(n, bool) or not hasattr(n, "__index__") or n.__index__() < 1:
        raise ValueError(f"threads is {n!r}; it must be a positive integer")
    return int(n.__index__())
