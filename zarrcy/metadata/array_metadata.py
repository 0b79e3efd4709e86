"""What an array is, in no format's words: neutral, frozen, and enough to read and write it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from zarrcy.codecs import Filter, Pipeline, Shard, Stage, Transpose, fill_bytes
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.types import JSON, AnyDtype, Coords, Shape

Names: TypeAlias = tuple[str | None, ...] | None
"""Names of the axes of an array: None for an axis without a name, or for all of them."""
# The attribute in which xarray keeps the names of dimensions where the format has no place for them.
DIMENSIONS_ATTRIBUTE = "_ARRAY_DIMENSIONS"
_EMPTY = {"vlen-utf8": "", "vlen-bytes": b""}


@dataclass(frozen=True, slots=True)
class ChunkKeys:
    """How the place of a node and the coordinates of a chunk become its key.

    Attributes
    ----------
    lead : what stands before the coordinates
    separator : what stands between them
    scalar : what stands in their place for the one chunk of an array without axes
    stated : the document names the separator, rather than leaving it to the default
    root : what stands before the prefix of the node
    """

    lead: str
    separator: str
    scalar: str
    stated: bool = False
    root: str = ""

    def prefix(self, node_prefix: str, ndim: int) -> str:
        """Return what all chunk keys of a node begin with."""
        return self.root + node_prefix + (self.lead if ndim else self.scalar)

    def name(self, coords: Coords) -> str:
        """Return the end of the key of a chunk.

        >>> ChunkKeys("c/", "/", "c").name((0, 12))
        'c/0/12'
        """
        return self.lead + self.separator.join(map(str, coords)) if coords else self.scalar

    def coords(self, name: str, ndim: int) -> Coords | None:
        """Return the coordinates of the chunk whose key ends with `name`; None if it is no chunk's.

        >>> ChunkKeys("c/", "/", "c").coords("c/0/12", 2)
        (0, 12)
        """
        if not ndim:
            return () if name == self.scalar else None
        if not name.startswith(self.lead):
            return None
        parts = name[len(self.lead) :].split(self.separator)
        if len(parts) != ndim or not all(
            part.isdecimal() and part.isascii() and (part[0] != "0" or part == "0") for part in parts
        ):
            return None
        return tuple(map(int, parts))


@dataclass(frozen=True, slots=True)
class ArrayMetadata:
    """An array without its data.

    Attributes
    ----------
    shape, chunk_shape : in elements; a chunk is what one stored value holds, so it may be a shard. Where
        chunks differ in length, the longest counts
    dtype : of the elements, as users see it
    fill_value : of elements that were never written; None where the document says nothing
    stages : the codec pipeline, in the order of encoding
    chunk_keys : how chunk coordinates become keys
    extra_fields : members of the document that are written again as they were read: those that this version does
        not know, and those that never change
    dimension_names : a name, or None, for each axis; None where the document has none
    rectilinear_axes : where the stored values of each axis begin, if they differ in length; None if they do not
    """

    shape: Shape
    chunk_shape: Shape
    dtype: AnyDtype
    fill_value: Any
    stages: tuple[Stage, ...]
    chunk_keys: ChunkKeys
    extra_fields: Mapping[str, JSON] = field(default_factory=dict)
    dimension_names: Names = None
    rectilinear_axes: tuple[AxisChunks, ...] | None = None

    @property
    def order(self) -> Literal["C", "F"]:
        """ "F" where the first axis of a chunk varies fastest, else "C"."""
        for stages in (self.stages, self.chunk_stages):
            for stage in stages:
                if isinstance(stage, Transpose):
                    return "F" if stage.order == tuple(range(len(self.shape)))[::-1] else "C"
        return "C"

    @property
    def shards(self) -> Shape | None:
        """Lengths of a stored value that holds chunks; None where each chunk is a value."""
        return self.chunk_shape if self._shard is not None else None

    @property
    def chunks(self) -> Shape:
        """Lengths of the smallest part that can be read for itself, or of what one shard holds many of."""
        if self._shard is None:
            return self.chunk_shape
        inner = self._shard.chunk_shape
        order = next((s.order for s in self.stages if isinstance(s, Transpose)), range(len(inner)))
        return tuple(inner[list(order).index(axis)] for axis in range(len(inner)))

    @property
    def stored_axes(self) -> tuple[AxisChunks, ...]:
        """Where the stored values of each axis begin."""
        return (
            tuple(map(AxisChunks.regular, self.chunk_shape))
            if self.rectilinear_axes is None
            else self.rectilinear_axes
        )

    @property
    def chunk_axes(self) -> tuple[AxisChunks, ...]:
        """Where the chunks of each axis begin; in shards they have one length, whatever that of the shards."""
        return self.stored_axes if self._shard is None else tuple(map(AxisChunks.regular, self.chunks))

    @property
    def _shard(self) -> Shard | None:
        return next((stage for stage in self.stages if isinstance(stage, Shard)), None)

    @property
    def fill_value_or_zero(self) -> Any:
        """What elements that were never written read as: the fill value, or what stands for none.

        Text and bytes of any length read as empty ones where the document has 0 or null, as
        zarr-python 2 leaves it there.
        """
        if self.dtype.kind == "O" and (self.fill_value is None or self.fill_value == 0):
            for stage in self.chunk_stages:
                if isinstance(stage, Filter) and stage.name in _EMPTY:
                    return _EMPTY[stage.name]
        return self.fill_value

    @property
    def fill_is_stated(self) -> bool:
        """Does every reader see a chunk that is not stored as we do?

        Without a fill value some readers give uninitialised memory, so such a chunk must not be left out.
        """
        return self.fill_value is not None and self.fill_value_or_zero is self.fill_value

    def pipeline(self) -> Pipeline:
        if self._shard is None:
            return Pipeline(self.stages, self.chunk_shape, self.dtype)
        # what is absent inside a shard is fill value
        return Pipeline(
            self.stages, self.chunk_shape, self.dtype, fill_bytes(self.fill_value_or_zero, self.dtype)
        )

    def with_shape(self, shape: Shape) -> ArrayMetadata:
        """Describe the array in another shape.

        Raises
        ------
        ValueError : its chunks have stated lengths, which do not go so far
        """
        for number, (axis, n) in enumerate(
            zip(self.rectilinear_axes or (), shape, strict=self.rectilinear_axes is not None)
        ):
            if not axis.covers(n):
                raise ValueError(
                    f"the chunks of axis {number} differ in length, and end at element {axis.starts[-1]}: the axis "
                    f"can't have {n} elements; copy the array to one with equal chunks"
                )
        return replace(self, shape=shape)

    def count_stored_values(self) -> int:
        """Return the number of chunks, or shards, that hold elements of the array."""
        return math.prod(axis.count(n) for axis, n in zip(self.stored_axes, self.shape, strict=True))

    def stored_shape_at(self, coords: Coords) -> Shape:
        """Return the shape of the chunk, or shard, with these coordinates, in elements."""
        if self.rectilinear_axes is None:
            return self.chunk_shape
        return tuple(axis.length_of(i) for axis, i in zip(self.rectilinear_axes, coords, strict=True))

    def with_equal_chunks(self, chunk_shape: Shape) -> ArrayMetadata:
        """Describe what the stored values of one shape hold."""
        n_elements = math.prod(chunk_shape)
        stages = tuple(s.of_elements(n_elements) if isinstance(s, Filter) else s for s in self.stages)
        return replace(self, chunk_shape=chunk_shape, stages=stages, rectilinear_axes=None)

    @property
    def chunk_stages(self) -> tuple[Stage, ...]:
        """The codecs of the chunks: those inside, where they are kept in shards."""
        return self.stages if self._shard is None else self._shard.stages

    def with_filters(self, codecs: list[Any]) -> ArrayMetadata:
        """Describe the array with other codecs that see its elements."""
        if self._shard is None:
            return replace(self, stages=_with_filters(self.stages, codecs))
        shard = replace(self._shard, stages=_with_filters(self._shard.stages, codecs))
        return replace(self, stages=tuple(shard if stage is self._shard else stage for stage in self.stages))

    def with_fill_value(self, fill_value: Any) -> ArrayMetadata:
        return replace(self, fill_value=fill_value)


def _with_filters(stages: tuple[Stage, ...], codecs: list[Any]) -> tuple[Stage, ...]:
    first = next((i for i, stage in enumerate(stages) if not isinstance(stage, Transpose)), 0)
    rest = tuple(stage for stage in stages[first:] if not isinstance(stage, Filter))
    return (*stages[:first], *map(Filter, codecs), *rest)


Parse: TypeAlias = Callable[[], ArrayMetadata]
"""Parses the documents of an array, which are already loaded."""


class NodeEntry:
    """A node that a format found in a store.

    The documents are loaded, but those of an array are parsed only by `parse`, so that listing a large group does
    not parse all of its arrays. A plain class, because one is made for each member of a group that is listed.

    Parameters
    ----------
    kind : {"array", "group"}
        Kind of the node.
    parser : callable, optional
        Returns the metadata of an array.
    *arguments
        Arguments of `parser`: for example the document and its key.
    """

    __slots__ = ("_arguments", "_parser", "kind")

    def __init__(
        self, kind: str, parser: Callable[..., ArrayMetadata] | None = None, *arguments: object
    ) -> None:
        self.kind = kind
        self._parser = parser
        self._arguments = arguments

    def parse(self) -> ArrayMetadata:
        """Parse the documents of an array.

        Raises
        ------
        MetadataError
            If a document is malformed.
        """
        assert self._parser is not None, "a group has no array metadata"
        return self._parser(*self._arguments)
