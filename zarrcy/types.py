"""Type aliases and protocols that signatures share."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import AbstractContextManager
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Protocol,
    Self,
    TypeAlias,
    TypeVar,
    dataclass_transform,
)

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels.protocols import (
    AnyArray,
    Box,
    Buffer,
    ChunkGrid,
    ChunkLayout,
    FlatPlan,
    Kernels,
    OuterPlan,
    Plan,
    Planner,
    Selection,
)

__all__ = [
    "JSON", "AnyArray", "AnyDtype", "AnyMember", "Box", "Buffer", "ChunkGrid", "ChunkLayout", "Codec", "Coords",
    "Elements", "Field", "FlatPlan", "Kernels", "Key", "LazyAttribute", "MaskedArray", "Option", "OuterPlan",
    "Plan", "Planner", "Points", "Positions", "Record", "Selection", "Shape", "Span", "Store", "StoreLike",
    "Synchronizer", "ZarrFormat",
]  # fmt: skip

Key: TypeAlias = str
Shape: TypeAlias = tuple[int, ...]
Coords: TypeAlias = tuple[int, ...]
JSON: TypeAlias = Any
"""What ``json`` reads and writes: None, bool, int, float, str, and lists and dicts of these."""
Span: TypeAlias = tuple[int, int | None]
"""A run of bytes of a value: its start, which counts from the end if it is negative, and its length; None for all
bytes up to the end."""
Store: TypeAlias = MutableMapping[str, Any]
"""Bytes by key. A mapping of str to bytes-like is enough; `zarrcy.storage.capabilities` has what a store may add."""
StoreLike: TypeAlias = Any
"""What a user passes as a store: a mapping of str to bytes, a store object, a path, a URL, or None for memory."""
ZarrFormat: TypeAlias = int | str
"""The version of a format: 2, 3, or "3-draft" for the draft of version 3 that was withdrawn."""
AnyDtype: TypeAlias = "np.dtype[Any]"
Field: TypeAlias = tuple[int, int]
"""Offset and size, in bytes, of a field in the elements of a structured array."""

MaskedArray: TypeAlias = "np.ma.MaskedArray[Any, Any]"
"""A masked array of any shape and data type: a result in which missing chunks are masked."""
Elements: TypeAlias = Any
"""A scalar or array-like that a user gave or gets: a fill value, a value to assign, an element."""
AnyMember: TypeAlias = Any
"""A member of a group: an array or a group. Type checkers accept any use of it, because a name does not tell which
of the two it is."""
Option: TypeAlias = Any
"""Value of a keyword argument that a function passes on, for example to `zarrcy.create`."""
Positions: TypeAlias = "tuple[NDArray[np.int64] | None, ...]"
"""Positions on each axis that is selected with a list; None for the other axes."""
Points: TypeAlias = list[Any]
"""Positions of points on each axis, as flat arrays of int64; then the number of points."""


@dataclass_transform(kw_only_default=True, frozen_default=True, eq_default=False)
class Record:
    """Base of frozen values with keyword-only fields, like ``dataclass(frozen=True, kw_only=True, eq=False)``.

    A dataclass compiles its methods when its module is imported, which takes about 1 ms for 20 fields. A record
    has the same methods without that, and type checkers treat it as a dataclass. Use it for classes with many fields
    on the way of a first read.

    Raises
    ------
    TypeError
        If a field without a default is missing, or a keyword is not a field.

    Examples
    --------
    >>> class Point(Record):
    ...     x: int
    ...     y: int = 0
    >>> Point(x=1).replace(y=2)
    Point(x=1, y=2)
    """

    field_names: ClassVar[tuple[str, ...]] = ()
    """Names of the fields, those of base classes first."""

    def __init_subclass__(cls) -> None:
        cls.field_names = (*cls.field_names, *cls.__annotations__)

    def __init__(self, **values: object) -> None:
        for name in self.field_names:
            if name in values:
                object.__setattr__(self, name, values[name])
            elif not hasattr(self, name):
                raise TypeError(f"{type(self).__name__} needs a value for {name}")
        if not values.keys() <= set(self.field_names):
            unknown = ", ".join(sorted(values.keys() - set(self.field_names)))
            raise TypeError(f"{type(self).__name__} does not have the fields {unknown}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: use replace() to get one with another {name}")

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.field_names)
        return f"{type(self).__name__}({fields})"

    def replace(self, **changes: object) -> Self:
        """Return a record with other values of some fields."""
        return type(self)(**{name: getattr(self, name) for name in self.field_names} | changes)


T = TypeVar("T")


class LazyAttribute(Generic[T]):
    """An attribute that is computed when it is first used, and then kept.

    It differs from `functools.cached_property` in one point: that one, in Python 3.11, holds a lock of all instances
    while it computes. So threads would wait for each other, and a process that is forked meanwhile would wait for ever.
    Two threads that use the attribute first at the same time both compute it.

    Parameters
    ----------
    compute : callable
        Called with the object; returns the value of the attribute.

    Examples
    --------
    >>> class Circle:
    ...     radius = 2
    ...     @LazyAttribute
    ...     def area(self): return 3 * self.radius**2
    >>> Circle().area
    12
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> T:
        if instance is None:
            # help() and documentation programs ask the class
            return self  # type: ignore[return-value]
        value = self._compute(instance)
        setattr(instance, self._name, value)
        return value

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: T) -> None: ...


class Codec(Protocol):
    """A codec of numcodecs, or any object with the same interface."""

    codec_id: str

    def encode(self, buf: Buffer) -> Buffer: ...
    def decode(self, buf: Buffer, out: Buffer | None = None) -> Buffer: ...
    def get_config(self) -> dict[str, JSON]: ...


class Synchronizer(Protocol):
    """A mapping of keys to locks, which are context managers."""

    def __getitem__(self, key: str) -> AbstractContextManager[object]: ...
