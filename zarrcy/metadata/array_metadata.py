"""The metadata of an array, independent of a format: all that is needed to read and write its chunks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from zarrcy.codecs import Compressor, Filter, Pipeline, Shard, Stage, Transpose, fill_bytes
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.types import JSON, AnyDtype, Codec, Coords, Elements, Shape

Names: TypeAlias = tuple[str | None, ...] | None
"""Names of the axes of an array; None for an axis without a name, or if no axis has one."""
# The attribute in which xarray stores dimension names if the format cannot.
DIMENSIONS_ATTRIBUTE = "_ARRAY_DIMENSIONS"
_EMPTY = {"vlen-utf8": "", "vlen-bytes": b""}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkKeys:
    """The keys of chunks.

    A key consists of `root`, the prefix of the node, `lead`, and the coordinates of the chunk.

    Attributes
    ----------
    lead : str
        Text before the coordinates.
    separator : str
        Text between the coordinates.
    scalar : str
        Text instead of `lead` and coordinates for the single chunk of an array without axes.
    stated : bool
        Whether the document states the separator, instead of relying on the default.
    root : str
        Text before the prefix of the node.
    """

    lead: str
    separator: str
    scalar: str
    stated: bool = False
    root: str = ""

    def prefix(self, node_prefix: str, ndim: int) -> str:
        """Return the common prefix of the chunk keys of a node."""
        return self.root + node_prefix + (self.lead if ndim else self.scalar)

    def name(self, coords: Coords) -> str:
        """Return the end of the key of a chunk.

        >>> ChunkKeys(lead="c/", separator="/", scalar="c").name((0, 12))
        'c/0/12'
        """
        return self.lead + self.separator.join(map(str, coords)) if coords else self.scalar

    def coords(self, name: str, ndim: int) -> Coords | None:
        """Return the coordinates of the chunk whose key ends with `name`; None if it is not the key of a chunk.

        >>> ChunkKeys(lead="c/", separator="/", scalar="c").coords("c/0/12", 2)
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
    """The metadata of an array.

    Attributes
    ----------
    shape, chunk_shape : Shape
        Shape of the array and of a stored value, a chunk or a shard, in elements. If chunks differ in length, the
        length of the longest.
    dtype : AnyDtype
        Data type of the elements, as users see it.
    fill_value : Elements
        Value of elements that were never written; None if the document does not state one.
    stages : tuple of Stage
        The codec pipeline, in the order of encoding.
    chunk_keys : ChunkKeys
        The keys of chunks.
    extra_fields : Mapping
        Members of the document that are written again as they were read: unknown ones, and those that cannot
        change.
    dimension_names : Names
        A name or None for each axis; None if the document does not have the names.
    rectilinear_axes : tuple of AxisChunks or None
        The stored values along each axis if they differ in length; None if they have one length.
    """

    shape: Shape
    chunk_shape: Shape
    dtype: AnyDtype
    fill_value: Elements
    stages: tuple[Stage, ...]
    chunk_keys: ChunkKeys
    extra_fields: Mapping[str, JSON] = field(default_factory=dict)
    dimension_names: Names = None
    rectilinear_axes: tuple[AxisChunks, ...] | None = None

    @property
    def order(self) -> Literal["C", "F"]:
        """Order of the elements in a chunk: "F" if the first axis varies fastest, else "C"."""
        for stages in (self.stages, self.chunk_stages):
            for stage in stages:
                if isinstance(stage, Transpose):
                    return "F" if stage.order == tuple(range(len(self.shape)))[::-1] else "C"
        return "C"

    @property
    def shards(self) -> Shape | None:
        """Shape of a shard, in elements; None if the array does not have shards."""
        return self.chunk_shape if self._shard is not None else None

    @property
    def chunks(self) -> Shape:
        """Shape of a chunk, in elements; of an inner chunk if the array has shards."""
        if self._shard is None:
            return self.chunk_shape
        inner = self._shard.chunk_shape
        order = next((s.order for s in self.stages if isinstance(s, Transpose)), range(len(inner)))
        return tuple(inner[list(order).index(axis)] for axis in range(len(inner)))

    @property
    def stored_axes(self) -> tuple[AxisChunks, ...]:
        """The stored values along each axis."""
        return (
            tuple(map(AxisChunks.regular, self.chunk_shape))
            if self.rectilinear_axes is None
            else self.rectilinear_axes
        )

    @property
    def chunk_axes(self) -> tuple[AxisChunks, ...]:
        """The chunks along each axis. Inner chunks have one length, even if shards differ in length."""
        return self.stored_axes if self._shard is None else tuple(map(AxisChunks.regular, self.chunks))

    @property
    def _shard(self) -> Shard | None:
        return next((stage for stage in self.stages if isinstance(stage, Shard)), None)

    @property
    def fill_value_or_zero(self) -> Elements:
        """The value that elements have which were never written.

        It is the fill value, except that strings and bytes of variable length are empty if the document states 0 or
        null, as zarr-python 2 writes by default.
        """
        if self.dtype.kind == "O" and (self.fill_value is None or self.fill_value == 0):
            for stage in self.chunk_stages:
                if isinstance(stage, Filter) and stage.name in _EMPTY:
                    return _EMPTY[stage.name]
        return self.fill_value

    @property
    def fill_is_stated(self) -> bool:
        """Whether all readers agree on the value of a missing chunk.

        Without a fill value, some readers return uninitialised memory, so no chunk may be left out.
        """
        return self.fill_value is not None and self.fill_value_or_zero is self.fill_value

    def pipeline(self) -> Pipeline:
        """Return the codec pipeline of the stored values."""
        if self._shard is None:
            return Pipeline(self.stages, self.chunk_shape, self.dtype)
        # missing inner chunks have the fill value
        return Pipeline(
            self.stages, self.chunk_shape, self.dtype, fill_bytes(self.fill_value_or_zero, self.dtype)
        )

    def with_shape(self, shape: Shape) -> ArrayMetadata:
        """Return the metadata with another shape.

        Raises
        ------
        ValueError
            If the chunks differ in length, and do not cover the shape.
        """
        for number, (axis, n) in enumerate(
            zip(self.rectilinear_axes or (), shape, strict=self.rectilinear_axes is not None)
        ):
            if not axis.covers(n):
                raise ValueError(
                    f"the chunks of axis {number} differ in length, and end at element {axis.starts[-1]}: the axis "
                    f"cannot have {n} elements; copy the array to one with equal chunks"
                )
        return replace(self, shape=shape)

    def decodes_like(self, other: ArrayMetadata) -> bool:
        """Return whether stored values have the same keys and decode to the same chunks with other metadata.

        Shape, attributes and names of dimensions do not matter.
        """
        return self._decoding() == other._decoding()

    def _decoding(self) -> tuple[object, ...]:
        fill = self.fill_value_or_zero
        return (
            self.dtype,
            self.chunk_shape,
            self.chunk_keys,
            self.rectilinear_axes is None,
            None if self.dtype.hasobject else bytes(fill_bytes(fill, self.dtype)),
            [_stage_decoding(stage) for stage in self.stages],
        )

    def count_stored_values(self) -> int:
        """Return the number of chunks, or shards, that hold elements of the array."""
        if self.rectilinear_axes is None:
            return math.prod(
                [-(-n // length) for n, length in zip(self.shape, self.chunk_shape, strict=True)]
            )
        return math.prod(axis.count(n) for axis, n in zip(self.stored_axes, self.shape, strict=True))

    def stored_shape_at(self, coords: Coords) -> Shape:
        """Return the shape of the chunk, or shard, with these coordinates, in elements."""
        if self.rectilinear_axes is None:
            return self.chunk_shape
        return tuple(axis.length_of(i) for axis, i in zip(self.rectilinear_axes, coords, strict=True))

    def with_equal_chunks(self, chunk_shape: Shape) -> ArrayMetadata:
        """Return the metadata of an array whose stored values have one shape."""
        n_elements = math.prod(chunk_shape)
        stages = tuple(s.of_elements(n_elements) if isinstance(s, Filter) else s for s in self.stages)
        return replace(self, chunk_shape=chunk_shape, stages=stages, rectilinear_axes=None)

    @property
    def chunk_stages(self) -> tuple[Stage, ...]:
        """The codecs of the chunks; of the inner chunks if the array has shards."""
        return self.stages if self._shard is None else self._shard.stages

    def with_filters(self, codecs: list[Codec]) -> ArrayMetadata:
        """Return the metadata with other filters."""
        if self._shard is None:
            return replace(self, stages=_with_filters(self.stages, codecs))
        shard = replace(self._shard, stages=_with_filters(self._shard.stages, codecs))
        return replace(self, stages=tuple(shard if stage is self._shard else stage for stage in self.stages))

    def with_fill_value(self, fill_value: Elements) -> ArrayMetadata:
        """Return the metadata with another fill value."""
        return replace(self, fill_value=fill_value)


def _with_filters(stages: tuple[Stage, ...], codecs: list[Codec]) -> tuple[Stage, ...]:
    first = next((i for i, stage in enumerate(stages) if not isinstance(stage, Transpose)), 0)
    others = tuple(stage for stage in stages[first:] if not isinstance(stage, Filter))
    return (*stages[:first], *map(Filter, codecs), *others)


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

    __slots__ = ("_arguments", "_parser", "attributes", "kind")

    def __init__(
        self, kind: str, parser: Callable[..., ArrayMetadata] | None = None, *arguments: object
    ) -> None:
        self.kind = kind
        self._parser = parser
        self._arguments = arguments
        self.attributes: Callable[[], dict[str, JSON]] | None = None

    def with_attributes(self, attributes: Callable[[], dict[str, JSON]]) -> NodeEntry:
        """Return the entry with a function that parses the attributes, whose document was loaded with the others."""
        self.attributes = attributes
        return self

    def parse(self) -> ArrayMetadata:
        """Parse the documents of an array.

        Raises
        ------
        MetadataError
            If a document is malformed.
        """
        assert self._parser is not None, "a group has no array metadata"
        return self._parser(*self._arguments)


def _stage_decoding(stage: Stage) -> tuple[object, ...]:
    """Return a value that is equal for two stages that decode alike."""
    if isinstance(stage, (Filter, Compressor)):
        return stage.name, stage.configured.get_config()
    if isinstance(stage, Shard):
        parts = [_stage_decoding(part) for part in (*stage.stages, *stage.index_stages)]
        return stage.name, stage.chunk_shape, stage.index_at_end, stage.dtype, parts
    return stage.name, stage
