"""What an array is, in no format's words: neutral, frozen, and enough to read and write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from zarrcy.codecs import Filter, Pipeline, Stage, Transpose
from zarrcy.types import JSON, AnyDtype, Shape

_EMPTY = {"vlen-utf8": "", "vlen-bytes": b""}


@dataclass(frozen=True, slots=True)
class ChunkKeys:
    """How the coordinates of a chunk become the end of its key.

    Attributes
    ----------
    lead : what stands before the coordinates
    separator : what stands between them
    scalar : the whole key of the one chunk of an array without axes
    stated : the document names the separator, rather than leaving it to the default
    """

    lead: str
    separator: str
    scalar: str
    stated: bool = False

    def prefix(self, node_prefix: str, ndim: int) -> str:
        """Return what all chunk keys of a node begin with."""
        return node_prefix + (self.lead if ndim else self.scalar)


@dataclass(frozen=True, slots=True)
class ArrayDescription:
    """An array without its data.

    Attributes
    ----------
    shape, chunk_shape : in elements
    dtype : of the elements, as users see it
    fill_value : of elements that were never written; None where the document says nothing
    stages : the codec pipeline, in the order of encoding
    chunk_keys : how chunk coordinates become keys
    unknown : members of the document that this version does not know, kept as they are
    """

    shape: Shape
    chunk_shape: Shape
    dtype: AnyDtype
    fill_value: Any
    stages: tuple[Stage, ...]
    chunk_keys: ChunkKeys
    unknown: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def missing(self) -> Any:
        """What elements that were never written read as: the fill value, or what stands for none.

        Text and bytes of any length read as empty ones where the document has 0 or null, as
        zarr-python 2 leaves it there.
        """
        if self.dtype.kind == "O" and (self.fill_value is None or self.fill_value == 0):
            for stage in self.stages:
                if isinstance(stage, Filter) and stage.name in _EMPTY:
                    return _EMPTY[stage.name]
        return self.fill_value

    @property
    def fill_is_stated(self) -> bool:
        """Does every reader see a chunk that is not stored as we do?

        Without a fill value some readers give uninitialised memory, so such a chunk must not be left out.
        """
        return self.fill_value is not None and self.missing is self.fill_value

    def pipeline(self) -> Pipeline:
        return Pipeline(self.stages, self.chunk_shape, self.dtype)

    def with_shape(self, shape: Shape) -> ArrayDescription:
        return replace(self, shape=shape)

    def with_filters(self, codecs: list[Any]) -> ArrayDescription:
        """Describe the array with other codecs that see its elements."""
        first = next((i for i, stage in enumerate(self.stages) if not isinstance(stage, Transpose)), 0)
        rest = tuple(stage for stage in self.stages[first:] if not isinstance(stage, Filter))
        return replace(self, stages=(*self.stages[:first], *map(Filter, codecs), *rest))

    def with_fill_value(self, fill_value: Any) -> ArrayDescription:
        return replace(self, fill_value=fill_value)
