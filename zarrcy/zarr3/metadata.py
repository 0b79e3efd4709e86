"""The metadata of arrays and groups as objects with the names of zarr-python 3. They are made when they are asked for.

A program that changes such an object changes nothing in a store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from zarrcy.types import JSON, Codec, Elements, Option, Shape
from zarrcy.zarr3 import codecs as codec_classes
from zarrcy.zarr3.dtypes import ZDType, data_type_of, data_type_registry

if TYPE_CHECKING:
    from zarrcy.hierarchy.arrays import Array
    from zarrcy.hierarchy.groups import Group
    from zarrcy.metadata import ArrayMetadata

_OBJECT_FILTERS = ("vlen-utf8", "vlen-bytes")


@dataclass(frozen=True, kw_only=True)
class RegularChunkGridMetadata:
    """A grid of chunks of one shape.

    Attributes
    ----------
    chunk_shape : tuple of int
        The shape, in elements.
    """

    chunk_shape: Shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.chunk_shape)

    def to_dict(self) -> dict[str, JSON]:
        """Return the grid as documents describe it.

        Returns
        -------
        dict
            Its ``name`` and ``configuration``.
        """
        return {"name": "regular", "configuration": {"chunk_shape": self.chunk_shape}}


@dataclass(frozen=True, kw_only=True)
class RectilinearChunkGridMetadata:
    """A grid of chunks that differ in length.

    Attributes
    ----------
    chunk_shapes : tuple
        For each axis, the lengths of its chunks, or one length.
    """

    chunk_shapes: tuple[int | tuple[int, ...], ...]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.chunk_shapes)

    def to_dict(self) -> dict[str, JSON]:
        """Return the grid as documents describe it.

        Returns
        -------
        dict
            Its ``name`` and ``configuration``.
        """
        shapes = [axis if isinstance(axis, int) else _in_runs(axis) for axis in self.chunk_shapes]
        return {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": tuple(shapes)}}


def _in_runs(lengths: tuple[int, ...]) -> list[JSON]:
    """Return lengths with runs of equal ones as pairs of a length and a count.

    >>> _in_runs((5, 5, 3))
    [[5, 2], 3]
    """
    runs: list[list[int]] = []
    for n in lengths:
        if runs and runs[-1][0] == n:
            runs[-1][1] += 1
        else:
            runs.append([n, 1])
    return [n if count == 1 else [n, count] for n, count in runs]


@dataclass(frozen=True, kw_only=True)
class ChunkKeyEncoding:
    """How the keys of chunks are formed.

    Attributes
    ----------
    name : {"default", "v2"}
        The kind.
    separator : {"/", "."}
        Text between the coordinates.
    """

    name: str = "default"
    separator: str = "/"

    def to_dict(self) -> dict[str, JSON]:
        """Return the encoding as documents describe it.

        Returns
        -------
        dict
            Its ``name`` and ``configuration``.
        """
        return {"name": self.name, "configuration": {"separator": self.separator}}

    def encode_chunk_key(self, chunk_coords: tuple[int, ...]) -> str:
        """Return the key of a chunk.

        Parameters
        ----------
        chunk_coords : tuple of int
            Its coordinates.

        Returns
        -------
        str
            The key, relative to the array.
        """
        names = [*map(str, chunk_coords)]
        if self.name == "default":
            return self.separator.join(["c", *names])
        return self.separator.join(names) or "0"


@dataclass(frozen=True, kw_only=True)
class ArrayV3Metadata:
    """The metadata of an array in format 3, with the names of zarr-python 3."""

    shape: Shape
    data_type: ZDType
    chunk_grid: RegularChunkGridMetadata | RectilinearChunkGridMetadata
    chunk_key_encoding: ChunkKeyEncoding
    fill_value: Elements
    codecs: tuple[codec_classes.Codec, ...]
    attributes: dict[str, JSON]
    dimension_names: tuple[str | None, ...] | None = None
    zarr_format: int = 3
    node_type: str = "array"
    storage_transformers: tuple[()] = ()
    extra_fields: dict[str, JSON] = field(default_factory=dict)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> ZDType:
        """The data type."""
        return self.data_type

    @property
    def _sharding(self) -> codec_classes.ShardingCodec | None:
        return next((codec for codec in self.codecs if isinstance(codec, codec_classes.ShardingCodec)), None)

    @property
    def chunks(self) -> Shape:
        """Shape of a chunk, in elements."""
        if self._sharding is not None:
            return self._sharding.chunk_shape
        if isinstance(self.chunk_grid, RegularChunkGridMetadata):
            return self.chunk_grid.chunk_shape
        raise NotImplementedError("the chunks differ in length; read_chunk_sizes has all lengths")

    @property
    def shards(self) -> Shape | None:
        """Shape of a shard, in elements; None if there are no shards."""
        if self._sharding is None:
            return None
        if isinstance(self.chunk_grid, RegularChunkGridMetadata):
            return self.chunk_grid.chunk_shape
        raise NotImplementedError("the shards differ in length; write_chunk_sizes has all lengths")

    @property
    def inner_codecs(self) -> tuple[codec_classes.Codec, ...]:
        """The codecs of the chunks, inside of the shards if there are any."""
        return self.codecs if self._sharding is None else self._sharding.codecs

    def encode_chunk_key(self, chunk_coords: tuple[int, ...]) -> str:
        """Return the key of a chunk.

        Parameters
        ----------
        chunk_coords : tuple of int
            Its coordinates.

        Returns
        -------
        str
            The key, relative to the array.
        """
        return self.chunk_key_encoding.encode_chunk_key(chunk_coords)

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        """Return the metadata that a document states.

        Parameters
        ----------
        data : dict
            Its members.

        Returns
        -------
        ArrayV3Metadata
            The metadata.
        """
        kind = data_type_registry.match_json(data["data_type"], zarr_format=3)
        name, configuration = codec_classes.named(data["chunk_key_encoding"])
        separator = configuration.get("separator", "/" if name == "default" else ".")
        names = data.get("dimension_names")
        shape = tuple(data["shape"])
        grid_name, grid = codec_classes.named(data["chunk_grid"])
        return cls(
            shape=shape,
            data_type=kind,
            chunk_grid=_rectilinear(grid)
            if grid_name == "rectilinear"
            else RegularChunkGridMetadata(chunk_shape=tuple(grid["chunk_shape"])),
            chunk_key_encoding=ChunkKeyEncoding(name=name, separator=separator),
            fill_value=kind.from_json_scalar(data["fill_value"], zarr_format=3),
            codecs=tuple(map(codec_classes.as_codec, data["codecs"])),
            attributes=dict(data.get("attributes") or {}),
            dimension_names=None if names is None else tuple(names),
        )

    def to_dict(self) -> dict[str, JSON]:
        """Return the document.

        Returns
        -------
        dict
            Its members.
        """
        members: dict[str, JSON] = {
            "shape": self.shape,
            "data_type": self.data_type.to_json(zarr_format=3),
            "chunk_grid": self.chunk_grid.to_dict(),
            "chunk_key_encoding": self.chunk_key_encoding.to_dict(),
            "fill_value": self.data_type.to_json_scalar(self.fill_value, zarr_format=3),
            "codecs": tuple(codec.to_dict() for codec in self.codecs),
            "attributes": self.attributes,
            "zarr_format": 3,
            "node_type": "array",
            "storage_transformers": (),
            **self.extra_fields,
        }
        if self.dimension_names is not None:
            members["dimension_names"] = self.dimension_names
        return members

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _as_text(self) == _as_text(other)

    def __hash__(self) -> int:
        return hash(_as_text(self))


@dataclass(frozen=True, kw_only=True)
class ArrayV2Metadata:
    """The metadata of an array in format 2, with the names of zarr-python 3."""

    shape: Shape
    chunks: Shape
    dtype: ZDType
    fill_value: Elements
    order: str
    filters: tuple[Codec, ...] | None
    dimension_separator: str
    compressor: Codec | None
    attributes: dict[str, JSON]
    zarr_format: int = 2

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def shards(self) -> None:
        """None: format 2 has no shards."""

    @property
    def chunk_grid(self) -> RegularChunkGridMetadata:
        """The grid of chunks."""
        return RegularChunkGridMetadata(chunk_shape=self.chunks)

    def encode_chunk_key(self, chunk_coords: tuple[int, ...]) -> str:
        """Return the key of a chunk.

        Parameters
        ----------
        chunk_coords : tuple of int
            Its coordinates.

        Returns
        -------
        str
            The key, relative to the array.
        """
        return self.dimension_separator.join(map(str, chunk_coords)) or "0"

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        """Return the metadata that documents state.

        Parameters
        ----------
        data : dict
            Their members.

        Returns
        -------
        ArrayV2Metadata
            The metadata.
        """
        from zarrcy.codecs import as_codec

        filters = [as_codec(codec) for codec in data.get("filters") or ()]
        objects = next((codec.codec_id for codec in filters if codec.codec_id in _OBJECT_FILTERS), None)
        name = data["dtype"] if isinstance(data["dtype"], str) else [list(pair) for pair in data["dtype"]]
        kind = data_type_registry.match_json({"name": name, "object_codec_id": objects}, zarr_format=2)
        fill = data.get("fill_value")
        compressor = data.get("compressor")
        return cls(
            shape=tuple(data["shape"]),
            chunks=tuple(data["chunks"]),
            dtype=kind,
            fill_value=None if fill is None else kind.from_json_scalar(fill, zarr_format=2),
            order=data.get("order", "C"),
            filters=tuple(filters) or None,
            dimension_separator=data.get("dimension_separator", "."),
            compressor=None if compressor is None else as_codec(compressor),
            attributes=dict(data.get("attributes") or {}),
        )

    def to_dict(self) -> dict[str, JSON]:
        """Return the documents.

        Returns
        -------
        dict
            Their members.
        """
        spec = self.dtype.to_json(zarr_format=2)
        fill = self.fill_value
        return {
            "shape": self.shape,
            "chunks": self.chunks,
            "dtype": spec["name"],
            "fill_value": None if fill is None else self.dtype.to_json_scalar(fill, zarr_format=2),
            "order": self.order,
            "filters": None
            if self.filters is None
            else tuple(_without_defaults(codec) for codec in self.filters),
            "dimension_separator": self.dimension_separator,
            "compressor": None if self.compressor is None else _without_defaults(self.compressor),
            "attributes": self.attributes,
            "zarr_format": 2,
        }

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _as_text(self) == _as_text(other)

    def __hash__(self) -> int:
        return hash(_as_text(self))


def _without_defaults(codec: Codec) -> dict[str, JSON]:
    """Return the configuration of a codec; zarr-python leaves out the checksum of Zstandard if it is off."""
    config = dict(codec.get_config())
    if config.get("id") == "zstd" and config.get("checksum") is False:
        del config["checksum"]
    return config


class V3JsonEncoder(json.JSONEncoder):
    """Writes documents of format 3."""


def _as_text(metadata: ArrayV2Metadata | ArrayV3Metadata) -> str:
    return json.dumps(metadata.to_dict(), sort_keys=True, default=str)


@dataclass(frozen=True, kw_only=True)
class GroupMetadata:
    """The metadata of a group, with the names of zarr-python 3.

    Attributes
    ----------
    attributes : dict
        The user attributes.
    zarr_format : int
        Version of the format.
    consolidated_metadata : ConsolidatedMetadata or None
        The metadata of all nodes below, if the group was opened from consolidated metadata.
    """

    attributes: dict[str, JSON] = field(default_factory=dict)
    zarr_format: Option = 3
    consolidated_metadata: ConsolidatedMetadata | None = None
    node_type: str = "group"
    extra_fields: dict[str, JSON] = field(default_factory=dict)

    def to_dict(self) -> dict[str, JSON]:
        """Return the document.

        Returns
        -------
        dict
            Its members.
        """
        members: dict[str, JSON] = {
            "attributes": self.attributes,
            "zarr_format": self.zarr_format,
            "node_type": "group",
        }
        if self.consolidated_metadata is not None:
            members["consolidated_metadata"] = self.consolidated_metadata.to_dict()
        return members


@dataclass(frozen=True, kw_only=True)
class ConsolidatedMetadata:
    """The metadata of all nodes below a group.

    Attributes
    ----------
    metadata : dict
        The metadata by the path, relative to the group.
    """

    metadata: Mapping[str, Option]
    kind: str = "inline"
    must_understand: bool = False

    @property
    def flattened_metadata(self) -> dict[str, Option]:
        """The metadata by the path, relative to the group."""
        return dict(self.metadata)

    def to_dict(self) -> dict[str, JSON]:
        """Return the member of the document.

        Returns
        -------
        dict
            Its members.
        """
        members = {path: one.to_dict() for path, one in self.metadata.items()}
        return {"kind": self.kind, "must_understand": False, "metadata": members}


def zdtype_of(description: ArrayMetadata) -> ZDType:
    """Return the data type of an array."""
    stated = description.extra_fields.get("data_type")
    if stated is not None:
        try:
            return data_type_registry.match_json(stated, zarr_format=3)
        except ValueError:
            pass
    variable = ""
    if description.dtype.kind == "O":
        variable = next(
            (
                getattr(stage, "name", "")
                for stage in description.chunk_stages
                if getattr(stage, "name", "") in _OBJECT_FILTERS
            ),
            "vlen-utf8",
        )
    return data_type_of(description.dtype, variable)


def array_metadata(array: Array) -> ArrayV2Metadata | ArrayV3Metadata:
    """Return the metadata of an array."""
    state = array.current_state()
    description = state.metadata
    members = description.extra_fields
    attributes = array.attrs.asdict()
    kind = zdtype_of(description)
    if "codecs" not in members:
        return ArrayV2Metadata(
            shape=description.shape,
            chunks=description.chunks,
            dtype=kind,
            fill_value=description.fill_value,
            order=description.order,
            filters=tuple(codecs_of_v2(array)) or None,
            dimension_separator=description.chunk_keys.separator,
            compressor=type(array).compressor.fget(array),  # type: ignore[attr-defined]
            attributes=attributes,
        )
    grid = members["chunk_grid"]
    encoding = members["chunk_key_encoding"]
    name, configuration = codec_classes.named(encoding)
    separator = configuration.get("separator", "/" if name == "default" else ".")
    return ArrayV3Metadata(
        shape=description.shape,
        data_type=kind,
        chunk_grid=_grid_of(grid, description),
        chunk_key_encoding=ChunkKeyEncoding(name=name, separator=separator),
        fill_value=description.fill_value,
        codecs=tuple(map(codec_classes.as_codec, members["codecs"])),
        attributes=attributes,
        dimension_names=description.dimension_names,
    )


def codecs_of_v2(array: Array) -> list[Codec]:
    """Return the filters of an array in format 2."""
    from zarrcy.hierarchy.arrays import Array as Base

    return list(Base.filters.fget(array) or ())  # type: ignore[attr-defined]


def _grid_of(
    stated: JSON, description: ArrayMetadata
) -> RegularChunkGridMetadata | RectilinearChunkGridMetadata:
    name, configuration = codec_classes.named(stated)
    if name == "rectilinear":
        return _rectilinear(configuration)
    return RegularChunkGridMetadata(chunk_shape=description.chunk_shape)


def _rectilinear(configuration: dict[str, JSON]) -> RectilinearChunkGridMetadata:
    shapes = configuration["chunk_shapes"]
    return RectilinearChunkGridMetadata(
        chunk_shapes=tuple(axis if isinstance(axis, int) else _lengths(axis) for axis in shapes)
    )


def _lengths(axis: JSON) -> tuple[int, ...]:
    """Return the lengths of chunks that a document states, with runs of equal ones as pairs.

    >>> _lengths([[5, 2], 3])
    (5, 5, 3)
    """
    lengths: list[int] = []
    for item in axis:
        if isinstance(item, int):
            lengths.append(item)
        else:
            lengths += [item[0]] * item[1]
    return tuple(lengths)


def group_metadata(group: Group) -> GroupMetadata:
    """Return the metadata of a group."""
    found = None
    store = group.store
    if hasattr(store, "meta_store"):
        below = {path: member.metadata for path, member in group.members(max_depth=None)}
        found = ConsolidatedMetadata(metadata=below)
    return GroupMetadata(
        attributes=group.attrs.asdict(), zarr_format=group.zarr_format, consolidated_metadata=found
    )
