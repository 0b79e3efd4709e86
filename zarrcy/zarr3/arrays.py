"""Array with the meaning that zarr-python 3 gives to names which zarr-python 2 has too, and with its other names.

`hierarchy.node_properties.ZARR3_ARRAY` lists the other names; arrays of zarrcy have them as well. The overrides are
what ``docs/compat.md`` lists as contradictions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Self, TypeAlias

import numpy as np

from zarrcy.hierarchy.array_state import ArrayState, open_state
from zarrcy.hierarchy.arrays import Array as BaseArray
from zarrcy.hierarchy.attributes import Attributes
from zarrcy.hierarchy.report import InfoReport
from zarrcy.indexing.selection import FieldNames
from zarrcy.storage.zarr3.store_path import StorePath
from zarrcy.types import JSON, AnyArray, AnyDtype, Codec, Elements, Option, Selection, Shape, ZarrFormat
from zarrcy.zarr3 import codecs
from zarrcy.zarr3.codecs import ARRAY, BYTES, PACK
from zarrcy.zarr3.config import config as settings
from zarrcy.zarr3.metadata import ArrayV2Metadata, ArrayV3Metadata, array_metadata, codecs_of_v2, zdtype_of


@dataclass(frozen=True, kw_only=True)
class ArrayConfig:
    """The options of an open array, with the names of zarr-python 3.

    Attributes
    ----------
    order : {"C", "F"}
        Order of the elements of results in memory.
    write_empty_chunks : bool
        Store chunks that consist of the fill value.
    read_missing_chunks : bool
        Read chunks that are not stored as the fill value; if false, raise an error.
    """

    order: str = "C"
    write_empty_chunks: bool = False
    read_missing_chunks: bool = True
    sharding_coalesce_max_gap_bytes: int = 2**20
    sharding_coalesce_max_bytes: int = 2**24

    def __post_init__(self) -> None:
        if self.order not in ("C", "F"):
            raise ValueError(f"order is {self.order!r}; it must be 'C' or 'F'")
        for name in ("write_empty_chunks", "read_missing_chunks"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be a bool")  # noqa: TRY004

    @classmethod
    def from_dict(cls, data: Mapping[str, JSON]) -> Self:
        """Return the options that a mapping states; the others are those of the configuration.

        Parameters
        ----------
        data : mapping
            The options.

        Returns
        -------
        ArrayConfig
            All options.
        """
        names = {one.name for one in fields(cls)}
        if unknown := data.keys() - names:
            raise TypeError(f"an array has no options {sorted(unknown)}; it has {sorted(names)}")
        stated = {name: settings.get(f"array.{name}") for name in names}
        return cls(**stated | dict(data))

    def to_dict(self) -> dict[str, JSON]:
        """Return the options.

        Returns
        -------
        dict
            The options.
        """
        return {one.name: getattr(self, one.name) for one in fields(self)}


ArrayConfigParams: TypeAlias = dict[str, JSON]
ArrayConfigLike: TypeAlias = ArrayConfig | ArrayConfigParams


def as_config(config: Option) -> ArrayConfig:
    """Return the options of an array: an object, a mapping, or None for those of the configuration."""
    if config is None:
        return ArrayConfig.from_dict({})
    if isinstance(config, ArrayConfig):
        return config
    if not isinstance(config, Mapping):
        config = {
            one.name: getattr(config, one.name) for one in fields(ArrayConfig) if hasattr(config, one.name)
        }
    return ArrayConfig.from_dict(config)


class NodeInfo(InfoReport):
    """A report on an array or a group.

    Parameters
    ----------
    rows : callable
        Returns the rows.
    zarr_format : {2, 3}
        Version of the format, which programs look up here.
    """

    def __init__(self, rows: Callable[[], list[tuple[str, str]]], zarr_format: ZarrFormat) -> None:
        super().__init__(rows)
        self._zarr_format = zarr_format


class Array(BaseArray):
    """An array as zarr-python 3 has it.

    It differs from `zarrcy.Array` in what the names mean that both versions of zarr-python have; see
    ``docs/compat.md``.
    """

    def __init__(
        self, store: Option = None, *args: Option, _async_array: Option = None, **kwargs: Option
    ) -> None:
        # zarr-python 3 makes an array of an asynchronous one
        wrapped = getattr(store if _async_array is None else _async_array, "wrapped", None)
        if isinstance(wrapped, Array):
            self._take(wrapped.current_state())
            self._config = wrapped._config
        else:
            super().__init__(store, *args, **kwargs)

    @classmethod
    def from_state(cls, state: ArrayState, attributes: Attributes | None = None) -> Self:
        wanted, threads = as_config(None), settings.get("threading.max_workers") or state.config.threads
        options = (state.config.write_empty_chunks, state.config.threads)
        if options != (wanted.write_empty_chunks, threads) and not state.is_view:
            state.config = replace(
                state.config, write_empty_chunks=wanted.write_empty_chunks, threads=threads
            )
        return super().from_state(state, attributes)

    @classmethod
    def of(cls, array: BaseArray, config: Option = None, *, read_only: bool | None = None) -> Self:
        """Return an array of zarrcy as zarr-python 3 has it.

        Parameters
        ----------
        array : Array
            The array of zarrcy.
        config : ArrayConfig or mapping, optional
            The options.
        read_only : bool, optional
            Refuse changes.

        Returns
        -------
        Array
            The array.
        """
        chosen = as_config(config)
        state = array.current_state()
        options = replace(
            state.config,
            write_empty_chunks=chosen.write_empty_chunks,
            read_missing="fill" if chosen.read_missing_chunks else "raise",
            threads=settings.get("threading.max_workers") or state.config.threads,
            read_only=state.config.read_only if read_only is None else read_only,
        )
        found = super().from_state(open_state(state.node, options, state.metadata))
        found._config = chosen
        return found

    _config: ArrayConfig | None = None

    # -- contradictions ----------------------------------------------------------------------------

    def __getitem__(self, selection: Selection) -> Elements:
        result = self._in_order(super().__getitem__(selection))
        # an element is an array without axes
        return result if isinstance(result, np.ndarray) else self._as_array(result)

    def _as_array(self, element: Elements) -> Elements:
        dtype = self.dtype
        return np.asarray(element, dtype if dtype.fields is None and dtype.kind not in "OV" else None)

    def _in_order(self, result: Elements) -> Elements:
        if self.dtype.kind == "T" and isinstance(result, (np.ndarray, str)):
            result = np.asarray(result).astype(self.dtype)
        if self.config.order == "F" and isinstance(result, np.ndarray) and result.ndim > 1:
            return np.asfortranarray(result)
        return result

    @property
    def dtype(self) -> AnyDtype:
        """Data type of the elements; texts of any length are NumPy's StringDType."""
        dtype = self._state.dtype
        if dtype.kind != "O":
            return dtype
        return zdtype_of(self._state.metadata).to_native_dtype()

    @property
    def name(self) -> str:
        """Path with one leading slash."""
        return f"/{self.path}"

    @property
    def basename(self) -> str:
        """Last part of the path; empty for the root."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def chunks(self) -> Shape:
        """Length of a chunk along each axis, in elements; if the array has shards, of a chunk in a shard.

        Raises
        ------
        NotImplementedError
            If chunks differ in length; `read_chunk_sizes` has all lengths.
        """
        metadata = self._state.metadata
        if metadata.rectilinear_axes is not None and metadata.shards is None:
            raise NotImplementedError("the chunks differ in length; read_chunk_sizes has all lengths")
        return metadata.chunks

    @property
    def shards(self) -> Shape | None:
        """Length of a shard along each axis, in elements; None if each chunk is stored on its own.

        Raises
        ------
        NotImplementedError
            If shards differ in length; `write_chunk_sizes` has all lengths.
        """
        metadata = self._state.metadata
        if metadata.rectilinear_axes is not None and metadata.shards is not None:
            raise NotImplementedError("the shards differ in length; write_chunk_sizes has all lengths")
        return metadata.shards

    @property
    def order(self) -> Option:
        """Order of the elements of results in memory; in format 2, that of the elements in a chunk."""
        if self._is_v3:
            return self.config.order
        return super().order

    @property
    def filters(self) -> Option:
        """Codecs of elements, in the order of encoding."""
        if self._is_v3:
            return tuple(codec for codec in self._inner_codecs if codec.kind == ARRAY)
        return tuple(codecs_of_v2(self))

    @property
    def compressor(self) -> Codec | None:
        """The compressor, in format 2.

        Raises
        ------
        TypeError
            In format 3, which has any number of them.
        """
        if self._is_v3:
            raise TypeError("an array in format 3 has any number of compressors: use `compressors`")
        return super().compressor

    def nbytes_stored(self) -> int:  # type: ignore[override]
        """Return the size of the stored chunks and metadata, in bytes.

        Returns
        -------
        int
            Number of bytes.
        """
        return self._node.nbytes_stored(deep=True)

    @property
    def info(self) -> Option:
        """Report on type, sizes and codecs."""
        return NodeInfo(lambda: _rows(self, counts=False), self.zarr_format)

    def info_complete(self) -> Option:
        return NodeInfo(lambda: _rows(self, counts=True), self.zarr_format)

    @property
    def store(self) -> Option:
        """Store of the array."""
        store = self._node.store
        return self._node.chunk_store if hasattr(store, "metadata_key") else store

    @property  # type: ignore[misc]
    def read_only(self) -> bool:
        """Whether changes are refused."""
        return self._state.config.read_only or bool(getattr(self._node.chunk_store, "read_only", False))

    def __repr__(self) -> str:
        place = f"{self.store}/{self.path}" if self.path else f"{self.store}"
        return f"<Array {place} shape={self.shape} dtype={self.dtype}>"

    def resize(self, new_shape: Option) -> None:  # type: ignore[override]
        """Change the shape.

        Parameters
        ----------
        new_shape : int or tuple of int
            The new shape, in elements.
        """
        super().resize(new_shape)

    def get_basic_selection(
        self,
        selection: Selection = Ellipsis,
        out: AnyArray | None = None,
        fields: FieldNames = None,
        prototype: Option = None,
    ) -> Elements:
        return self._in_order(super().get_basic_selection(selection, _unwrapped(out), fields))

    def set_basic_selection(
        self,
        selection: Selection,
        value: Elements,
        fields: FieldNames = None,
        prototype: Option = None,
    ) -> None:
        super().set_basic_selection(selection, value, fields)

    def get_orthogonal_selection(
        self,
        selection: Selection,
        out: AnyArray | None = None,
        fields: FieldNames = None,
        prototype: Option = None,
    ) -> Elements:
        return self._in_order(super().get_orthogonal_selection(selection, _unwrapped(out), fields))

    def set_orthogonal_selection(
        self,
        selection: Selection,
        value: Elements,
        fields: FieldNames = None,
        prototype: Option = None,
    ) -> None:
        super().set_orthogonal_selection(selection, value, fields)

    def get_coordinate_selection(
        self,
        selection: Selection,
        out: AnyArray | None = None,
        fields: FieldNames = None,
        prototype: Option = None,
    ) -> Elements:
        return self._in_order(super().get_coordinate_selection(selection, _unwrapped(out), fields))

    def set_coordinate_selection(
        self,
        selection: Selection,
        value: Elements,
        fields: FieldNames = None,
        prototype: Option = None,
    ) -> None:
        super().set_coordinate_selection(selection, value, fields)

    def get_mask_selection(
        self,
        selection: Selection,
        out: AnyArray | None = None,
        fields: FieldNames = None,
        prototype: Option = None,
    ) -> AnyArray:
        result: AnyArray = self._in_order(super().get_mask_selection(selection, _unwrapped(out), fields))
        return result

    def set_mask_selection(
        self, selection: Selection, value: Elements, fields: FieldNames = None, prototype: Option = None
    ) -> None:
        super().set_mask_selection(selection, value, fields)

    def get_block_selection(
        self,
        selection: Selection,
        out: AnyArray | None = None,
        fields: FieldNames = None,
        prototype: Option = None,
    ) -> Elements:
        return self._in_order(super().get_block_selection(selection, _unwrapped(out), fields))

    def set_block_selection(
        self,
        selection: Selection,
        value: Elements,
        fields: FieldNames = None,
        prototype: Option = None,
    ) -> None:
        super().set_block_selection(selection, value, fields)

    # -- names that only zarr-python 3 has ---------------------------------------------------------

    @property
    def _is_v3(self) -> bool:
        return "codecs" in self._state.metadata.extra_fields

    @property
    def _inner_codecs(self) -> tuple[codecs.Codec, ...]:
        return _inner_codecs(self)

    @property
    def config(self) -> ArrayConfig:
        """The options of the array."""
        if isinstance(self, Array) and self._config is not None:
            return self._config
        options = self.current_state().config
        return ArrayConfig(
            order=settings.get("array.order"),
            write_empty_chunks=options.write_empty_chunks,
            read_missing_chunks=options.read_missing == "fill",
        )

    def with_config(self, config: Option) -> BaseArray:
        """Return the array with other options.

        Parameters
        ----------
        config : ArrayConfig or mapping
            The options.

        Returns
        -------
        Array
            The array.
        """
        if isinstance(config, Mapping):
            config = ArrayConfig(**self.config.to_dict() | dict(config))
        return Array.of(self, config)

    @property
    def metadata(self) -> ArrayV2Metadata | ArrayV3Metadata:
        """The metadata, with the names of zarr-python 3."""
        return array_metadata(self)

    @property
    def compressors(self) -> tuple[Option, ...]:
        """Codecs of bytes, in the order of encoding; in format 2 the compressor."""
        if "codecs" in self.description.extra_fields:
            return tuple(codec for codec in _inner_codecs(self) if codec.kind == BYTES)
        compressor = BaseArray.compressor.fget(self)  # type: ignore[attr-defined]
        return () if compressor is None else (compressor,)

    @property
    def serializer(self) -> codecs.Codec | None:
        """Codec from elements to bytes; None in format 2."""
        if "codecs" not in self.description.extra_fields:
            return None
        return next(codec for codec in _inner_codecs(self) if codec.kind == PACK)

    @property
    def store_path(self) -> StorePath:
        """The store and the path in it."""
        return StorePath(self.store, self.path)

    @property
    def write_chunk_sizes(self) -> tuple[tuple[int, ...], ...]:
        """Length of each stored value along each axis, in elements: of each shard, if there are any."""
        metadata = self.current_state().metadata
        axes = zip(metadata.stored_axes, metadata.shape, strict=True)
        return tuple(tuple(axis.sizes(n)) for axis, n in axes)

    def update_attributes(self, new_attributes: dict[str, JSON]) -> BaseArray:
        """Set attributes; the others stay.

        Parameters
        ----------
        new_attributes : dict
            The attributes.

        Returns
        -------
        Array
            The array.
        """
        self.attrs.update(new_attributes)
        return self

    @property
    def async_array(self) -> Option:
        """The array with asynchronous methods."""
        from zarrcy.zarr3.asynchronous import AsyncArray

        return AsyncArray(self if isinstance(self, Array) else Array.of(self))

    @property
    def _async_array(self) -> Option:
        return Array.async_array.__get__(self, type(self))

    @classmethod
    def open(cls, store: Option, path: str = "", **kwargs: Option) -> Self:
        """Open an array.

        Parameters
        ----------
        store : mapping, store, str or PathLike
            The store.
        path : str, optional
            Path in the store.
        **kwargs
            Keywords of `zarr.open_array`.

        Returns
        -------
        Array
            The array.
        """
        from zarrcy.zarr3 import functions

        opened: Option = functions.open_array(store, path=path, **kwargs)
        return opened  # type: ignore[no-any-return]


def _unwrapped(out: Option) -> Option:
    """Return the array in a buffer of zarr-python; other values as they are."""
    return (
        out.as_ndarray_like() if hasattr(out, "as_ndarray_like") and not isinstance(out, np.ndarray) else out
    )


def _inner_codecs(array: BaseArray) -> tuple[codecs.Codec, ...]:
    """Return the codecs of chunks, inside of shards if there are any."""
    found = tuple(map(codecs.as_codec, array.description.extra_fields["codecs"]))
    for codec in found:
        if isinstance(codec, codecs.ShardingCodec):
            return codec.codecs
    return found


def _rows(array: Array, counts: bool) -> list[tuple[str, str]]:
    metadata = array.current_state().metadata
    rows: list[tuple[str, Option]] = [
        ("Type", "Array"),
        ("Zarr format", array.zarr_format),
        ("Data type", zdtype_of(metadata)),
        ("Fill value", array.fill_value),
        ("Shape", array.shape),
    ]
    if metadata.shards is not None:
        rows.append(("Shard shape", metadata.shards))
    rows += [
        ("Chunk shape", metadata.chunks),
        ("Order", array.order),
        ("Read-only", array.read_only),
        ("Store type", type(array.store).__name__),
        ("Filters", array.filters),
    ]
    if metadata.rectilinear_axes is not None:
        varying = "Chunk shape" if metadata.shards is None else "Shard shape"
        rows = [(label, "<variable>" if label == varying else value) for label, value in rows]
    if array._is_v3:
        rows.append(("Serializer", Array.serializer.__get__(array)))
    rows.append(("Compressors", Array.compressors.__get__(array)))
    rows.append(("No. bytes", array.nbytes))
    if counts:
        stored = array.nbytes_stored()
        rows += [
            ("No. bytes stored", stored),
            ("Storage ratio", f"{array.nbytes / stored:.1f}"),
            ("Chunks Initialized", array.nchunks_initialized),
        ]
    return [(label, str(value)) for label, value in rows]
