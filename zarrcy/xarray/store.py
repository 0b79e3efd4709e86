"""ZarrcyStore: the variables of a dataset of xarray, stored as the arrays of a group."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from inspect import signature
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from xarray import Variable, conventions
from xarray.backends import zarr as zarr_backend
from xarray.backends.chunks import grid_rechunk, validate_grid_chunks_alignment
from xarray.backends.common import AbstractWritableDataStore, _encode_variable_name
from xarray.coding.strings import check_vlen_dtype
from xarray.core import indexing

from zarrcy.api.consolidate import consolidate_metadata
from zarrcy.errors import ArrayNotFoundError
from zarrcy.hierarchy.array_state import open_state
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.groups import Group
from zarrcy.metadata.array_metadata import DIMENSIONS_ATTRIBUTE
from zarrcy.metadata.xarray_convention import MISSING_ATTRIBUTE, decode_missing, encode_missing
from zarrcy.storage import access
from zarrcy.types import JSON, Option, StoreLike, Synchronizer, ZarrFormat
from zarrcy.xarray.arrays import Coordinates, LazyArray
from zarrcy.xarray.encodings import (
    checked_encoding,
    chunk_shape,
    codecs_of,
    creation_arguments,
    shard_shape,
    stored_lengths,
)
from zarrcy.xarray.opening import open_or_create
from zarrcy.xarray.variables import (
    check_dtype,
    dimensions_and_attributes,
    dimensions_of,
    is_of_nczarr,
    names_dimensions,
)

if TYPE_CHECKING:
    from xarray import Dataset
    from xarray.backends.common import ArrayWriter


class ZarrcyStore(AbstractWritableDataStore):
    """A group that xarray reads variables from and writes them to. Make one with `open_group`.

    It has the methods and the keywords of ``xarray.backends.ZarrStore``, but zarr-python need not be installed.

    Parameters
    ----------
    zarr_group : Group
        The group.
    mode : {"r", "r+", "a", "a-", "w", "w-"}, optional
        What may be written, as in ``xarray.Dataset.to_zarr``.
    consolidate_on_close : bool, optional
        Consolidate the metadata of the store after writing.
    append_dim : hashable, optional
        Dimension along which variables that exist grow.
    write_region : dict or "auto", optional
        Part of the variables that is written: a slice for each dimension.
    safe_chunks : bool, optional
        Refuse chunks of dask that share a stored chunk or shard.
    write_empty : bool, optional
        Store chunks that consist of the fill value. By default they are not stored, unless the encoding says so.
    close_store_on_close : bool, optional
        Close the store of the group in `close`.
    use_zarr_fill_value_as_mask : bool, optional
        Whether the fill value of an array means "missing". The default is true for format 2, false for format 3.
    align_chunks : bool, optional
        Change the chunks of dask so that none shares a stored chunk or shard with another.
    cache_members : bool, optional
        List the members once. Otherwise, they are listed on each use.

    See Also
    --------
    zarrcy.xarray.to_zarr : Write a dataset.
    """

    def __init__(
        self,
        zarr_group: Group,
        mode: str | None = None,
        consolidate_on_close: bool = False,
        append_dim: Hashable = None,
        write_region: Option = None,
        safe_chunks: bool = True,
        write_empty: bool | None = None,
        close_store_on_close: bool = False,
        use_zarr_fill_value_as_mask: bool | None = None,
        align_chunks: bool = False,
        cache_members: bool = True,
    ) -> None:
        self.zarr_group = zarr_group
        self._mode = mode
        self._consolidate_on_close = consolidate_on_close
        self._append_dim = append_dim
        self._write_region = write_region
        self._safe_chunks = safe_chunks and not align_chunks
        self._align_chunks = align_chunks
        self._write_empty = write_empty
        self._close_store_on_close = close_store_on_close
        if use_zarr_fill_value_as_mask is None:
            use_zarr_fill_value_as_mask = not names_dimensions(zarr_group.zarr_format)
        self._masks_fill_value = use_zarr_fill_value_as_mask
        self._cache_members = cache_members
        self._members: dict[str, Array | Group] | None = None
        self._coordinates: Coordinates | None = None
        if cache_members:
            self._members = self._load_members()

    # -- opening -----------------------------------------------------------------------------------

    @classmethod
    def open_group(
        cls,
        store: StoreLike,
        mode: str = "r",
        group: str | None = None,
        consolidated: bool | None = False,
        consolidate_on_close: bool = False,
        storage_options: dict[str, Option] | None = None,
        append_dim: Hashable = None,
        write_region: Option = None,
        safe_chunks: bool = True,
        align_chunks: bool = False,
        zarr_format: ZarrFormat | None = None,
        use_zarr_fill_value_as_mask: bool | None = None,
        write_empty: bool | None = None,
        cache_members: bool = True,
        synchronizer: Synchronizer | None = None,
        chunk_store: StoreLike = None,
        zarr_version: ZarrFormat | None = None,
    ) -> Self:
        """Open the store of a group, or create it.

        Parameters
        ----------
        store : mapping, store, str or PathLike
            A mapping of str to bytes, a store object, a path or a URL.
        mode : {"r", "r+", "a", "a-", "w", "w-"}, optional
            As in ``xarray.Dataset.to_zarr``.
        group : str, optional
            Path of the group. The default is the root.
        consolidated : bool, optional
            Open the group by consolidated metadata. None tries it, and warns if there are none.
        consolidate_on_close : bool, optional
            Consolidate the metadata of the store after writing.
        storage_options : dict, optional
            Options of the store, if `store` is a URL.
        append_dim, write_region, safe_chunks, align_chunks : optional
            See `ZarrcyStore`.
        zarr_format : {2, 3}, optional
            Version of the format of a new group. By default that of its parents, or 3.
        use_zarr_fill_value_as_mask, write_empty, cache_members : bool, optional
            See `ZarrcyStore`.
        synchronizer : mapping, optional
            Gives the locks of parallel writers, see `zarrcy.open_group`.
        chunk_store : mapping, store, str or PathLike, optional
            Store of the chunks, if they are not stored with the metadata.
        zarr_version : {2, 3}, optional
            The old name of `zarr_format`.

        Returns
        -------
        ZarrcyStore
            The store of the group.

        Raises
        ------
        FileNotFoundError
            If there is no group and the mode is "r" or "r+".
        FileExistsError
            If there is a group and the mode is "w-".
        NotConsolidatedError
            If there are no consolidated metadata and `consolidated` is true; the error is also a ValueError.

        Examples
        --------
        >>> import zarrcy
        >>> from zarrcy.xarray import ZarrcyStore
        >>> ZarrcyStore.open_group({}, mode="w").zarr_group
        <zarrcy.Group '/'>
        """
        if not getattr(store, "supports_consolidated_metadata", True):
            consolidated, consolidate_on_close = False, False
        opened = open_or_create(
            store,
            mode,
            group,
            consolidated,
            storage_options,
            zarr_format or zarr_version,
            synchronizer,
            chunk_store,
        )
        return cls(
            opened,
            mode,
            consolidate_on_close,
            append_dim,
            write_region,
            safe_chunks,
            write_empty,
            isinstance(store, (str, os.PathLike)),
            use_zarr_fill_value_as_mask,
            align_chunks=align_chunks,
            cache_members=cache_members,
        )

    @classmethod
    def open_store(
        cls, store: StoreLike, mode: str = "r", group: str | None = None, **kwargs: Option
    ) -> dict[str, Self]:
        """Open the stores of a group and of all groups below it.

        Parameters
        ----------
        store : mapping, store, str or PathLike
            A mapping of str to bytes, a store object, a path or a URL.
        mode : {"r", "r+", "a", "a-", "w", "w-"}, optional
            As in ``xarray.Dataset.to_zarr``.
        group : str, optional
            Path of the first group. The default is the root.
        **kwargs
            Keywords of `open_group`.

        Returns
        -------
        dict of str to ZarrcyStore
            The stores by the absolute paths of their groups.
        """
        first = cls.open_group(store, mode, group, **kwargs)
        found: dict[str, Self] = {}
        waiting = [first]
        while waiting:
            one = waiting.pop()
            found[one.zarr_group.name] = one
            waiting += [one._at(member) for _, member in reversed(one._groups())]
        return found

    def _groups(self) -> list[tuple[str, Group]]:
        return [(name, member) for name, member in self.members.items() if isinstance(member, Group)]

    def _at(self, group: Group) -> Self:
        """Return the store of another group, with the same options."""
        return type(self)(
            group,
            self._mode,
            self._consolidate_on_close,
            self._append_dim,
            self._write_region,
            self._safe_chunks,
            self._write_empty,
            self._close_store_on_close,
            self._masks_fill_value,
            self._align_chunks,
            self._cache_members,
        )

    def get_child_store(self, group: str) -> Self:
        """Return the store of a group below this one, which is created if it does not exist.

        Parameters
        ----------
        group : str
            Path, relative to this group.

        Returns
        -------
        ZarrcyStore
            The store, with the same options.
        """
        return self._at(self.zarr_group.require_group(group))

    # -- members -----------------------------------------------------------------------------------

    @property
    def members(self) -> dict[str, Array | Group]:
        """Arrays and groups by name. They are listed once, or on each use without `cache_members`."""
        return self._load_members() if self._members is None else self._members

    def _load_members(self) -> dict[str, Array | Group]:
        return dict(self.zarr_group.items())

    def array_keys(self) -> tuple[str, ...]:
        """Return the names of the arrays.

        Returns
        -------
        tuple of str
            The names, sorted.
        """
        return tuple(name for name, _ in self.arrays())

    def arrays(self) -> tuple[tuple[str, Array], ...]:
        """Return the names and the arrays.

        Returns
        -------
        tuple of tuple
            Pairs of a name and an array, sorted by name.
        """
        return tuple((name, member) for name, member in self.members.items() if isinstance(member, Array))

    @property
    def ds(self) -> Group:
        """The group; xarray's own stores have it under this name."""
        return self.zarr_group

    # -- reading -----------------------------------------------------------------------------------

    def get_variables(self) -> dict[str, Variable]:
        """Return all variables, whose elements are read when they are needed.

        Returns
        -------
        dict of str to xarray.Variable
            The variables, as stored: not decoded.
        """
        self._coordinates = self._read_together()
        return {name: self.open_store_variable(name) for name in self.array_keys()}

    def _read_together(self) -> Coordinates | None:
        """Return the coordinates that are read together, because each round of requests takes long."""
        if not access.is_far(self.zarr_group.chunk_store):
            return None
        arrays = dict(self.arrays())
        names = {name: dimensions_of(array) for name, array in arrays.items() if array.ndim == 1}
        return Coordinates(arrays[name] for name, dims in names.items() if dims == (name,))

    def open_store_variable(self, name: str, zarr_array: Array | None = None) -> Variable:
        """Return a variable, whose elements are read when they are needed.

        Parameters
        ----------
        name : str
            Name of the array.
        zarr_array : Array, optional
            The array, if the caller has it.

        Returns
        -------
        xarray.Variable
            The variable, as stored: not decoded.

        Raises
        ------
        KeyError
            If there is no such array, or it has no names of dimensions.
        """
        array = self.members[name] if zarr_array is None else zarr_array
        if isinstance(array, Group):
            raise ArrayNotFoundError(array.path)
        dims, attributes = dimensions_and_attributes(array)
        coordinates = self._coordinates if dims == (name,) else None
        wrapper = LazyArray(array, coordinates)
        stored = stored_lengths(array) if array.description.rectilinear_axes is not None else array.shards
        chunks = array.chunks if stored is None or array.shards is not None else stored
        encoding: dict[str, Option] = {
            "chunks": chunks,
            "preferred_chunks": dict(zip(dims, stored or chunks, strict=True)),
            **codecs_of(array),
        }
        fill_value = array.fill_value
        if self._masks_fill_value:
            if fill_value is not None:
                attributes[MISSING_ATTRIBUTE] = fill_value
        else:
            if names_dimensions(array.zarr_format):
                # what to_zarr reads again, so that the fill value survives
                encoding["fill_value"] = fill_value
            if MISSING_ATTRIBUTE in attributes:
                missing = decode_missing(attributes[MISSING_ATTRIBUTE], array.dtype)
                attributes[MISSING_ATTRIBUTE] = missing.item() if isinstance(missing, np.generic) else missing
        return Variable(dims, indexing.LazilyIndexedArray(wrapper), attributes, encoding)

    def get_attrs(self) -> dict[str, JSON]:
        """Return the attributes of the group, without those of NCZarr.

        Returns
        -------
        dict
            Names and values.
        """
        attributes = self.zarr_group.attrs.asdict()
        return {name: value for name, value in attributes.items() if not is_of_nczarr(name)}

    def get_dimensions(self) -> dict[Hashable, int]:
        """Return the dimensions of all variables.

        Returns
        -------
        dict
            Names and lengths.

        Raises
        ------
        ValueError
            If two variables have a dimension of one name with different lengths.
        """
        dimensions: dict[Hashable, int] = {}
        for _, array in self.arrays():
            for name, length in zip(dimensions_and_attributes(array)[0], array.shape, strict=True):
                if dimensions.setdefault(name, length) != length:
                    raise ValueError(
                        f"found conflicting lengths for dimension {name} ({length} != {dimensions[name]})"
                    )
        return dimensions

    # -- writing -----------------------------------------------------------------------------------

    def encode_variable(self, variable: Variable, name: Hashable = None) -> Variable:
        """Return a variable as it is stored: dates as numbers, texts as objects, and so on.

        Parameters
        ----------
        variable : xarray.Variable
            The variable.
        name : hashable, optional
            Its name, for errors.

        Returns
        -------
        xarray.Variable
            The encoded variable.
        """
        encode = zarr_backend.encode_zarr_variable
        options = {"zarr_format": self.zarr_group.zarr_format} if _takes(encode, "zarr_format") else {}
        return encode(variable, name=name, **options)

    def encode_attribute(self, a: Option) -> JSON:
        """Return an attribute as JSON.

        Parameters
        ----------
        a : object
            The attribute.

        Returns
        -------
        JSON
            A list for an array, a number for a scalar of NumPy, and any other value as it is.
        """
        return zarr_backend.encode_zarr_attr_value(a)

    def set_attributes(self, attributes: Mapping[Hashable, JSON]) -> None:
        """Replace the attributes of the group.

        Parameters
        ----------
        attributes : Mapping
            Encoded attributes.

        Raises
        ------
        TypeError
            If one is not JSON.
        """
        try:
            if attributes or self.zarr_group.attrs.asdict():
                self.zarr_group.attrs.put({str(name): value for name, value in attributes.items()})
        except TypeError as exc:
            raise TypeError("Invalid attribute in Dataset.attrs.") from exc

    def set_dimensions(self, variables: Option, unlimited_dims: Iterable[Hashable] | None = None) -> None:
        """Check that no dimension is unlimited: Zarr does not distinguish them.

        Parameters
        ----------
        variables : Mapping
            Encoded variables.
        unlimited_dims : iterable of hashable, optional
            Must be None.

        Raises
        ------
        NotImplementedError
            If there are unlimited dimensions.
        """
        if unlimited_dims is not None:
            raise NotImplementedError("Zarr backend doesn't know how to handle unlimited dimensions")

    def store(
        self,
        variables: Mapping[Hashable, Variable],
        attributes: Mapping[Hashable, JSON],
        check_encoding_set: Iterable[Hashable] = frozenset(),
        writer: ArrayWriter | None = None,
        unlimited_dims: Iterable[Hashable] | None = None,
    ) -> None:
        """Write variables and attributes: encode them, create or resize arrays, and hand their elements to a writer.

        Parameters
        ----------
        variables : Mapping
            Names and variables.
        attributes : Mapping
            Attributes of the group.
        check_encoding_set : collection of hashable, optional
            Variables whose encoding the user gave for this write, so that unknown keys are errors.
        writer : ArrayWriter
            Writes the elements of NumPy at once, and those of dask later.
        unlimited_dims : iterable of hashable, optional
            Must be None.

        Raises
        ------
        ValueError
            If the variables do not fit those that are stored.
        """
        is_new = self._mode == "w"
        existing = () if is_new else self.array_keys()
        known = [name for name in variables if _encode_variable_name(name) in existing]
        if self._mode == "r+" and (new := [name for name in variables if name not in existing]):
            raise ValueError(
                f"dataset contains non-pre-existing variables {new!r}, which is not allowed in "
                "``xarray.Dataset.to_zarr()`` with ``mode='r+'``. To allow writing new variables, set ``mode='a'``."
            )
        if self._append_dim is not None and self._append_dim not in existing:
            dimensions = self.get_dimensions()
            if self._append_dim not in dimensions:
                raise ValueError(
                    f"append_dim={self._append_dim!r} does not match any existing dataset dimensions {dimensions}"
                )
        encoded, attributes = self.encode(
            {name: variable for name, variable in variables.items() if name not in known}, attributes
        )
        if known:
            encoded = {**encoded, **self._encoded_like_stored({name: variables[name] for name in known})}
        if self._mode not in ("r", "r+"):
            self.set_attributes(attributes)
            self.set_dimensions(encoded, unlimited_dims=unlimited_dims)
        if self._mode == "a-" and self._append_dim is not None:
            # variables that exist and do not grow are left alone
            encoded = {
                name: variable
                for name, variable in encoded.items()
                if name not in known or self._append_dim in variable.dims
            }
        self.set_variables(encoded, check_encoding_set, writer, unlimited_dims=unlimited_dims)
        if self._consolidate_on_close:
            self.consolidate()

    def defer_consolidation(self) -> bool:
        """Leave it to the caller to consolidate the metadata once, after several groups were written.

        Returns
        -------
        bool
            Whether the caller is to call `consolidate`.
        """
        consolidates, self._consolidate_on_close = self._consolidate_on_close, False
        return consolidates

    def consolidate(self) -> None:
        """Consolidate the metadata of the whole store."""
        consolidate_metadata(self.zarr_group.store)

    def _encoded_like_stored(self, variables: dict[Hashable, Variable]) -> dict[Hashable, Variable]:
        """Return variables encoded as those of the same names that are stored."""
        stored, _, _ = conventions.decode_cf_variables(
            {name: self.open_store_variable(str(_encode_variable_name(name))) for name in variables}, {}
        )
        like = {}
        for name, variable in variables.items():
            check_dtype(name, stored[name], variable)
            like[name] = variable.copy(deep=False)
            like[name].encoding = stored[name].encoding
        encoded, _ = self.encode(like, {})
        return {name: self._fitted(name, encoded[name], stored[name]) for name in variables}

    def _fitted(self, name: Hashable, variable: Variable, stored: Variable) -> Variable:
        """Return a variable with the order of the dimensions of a stored one, if it fits into that."""
        if variable.dims != stored.dims:
            if set(variable.dims) != set(stored.dims):
                raise ValueError(
                    f"variable {name!r} already exists with different dimension names {stored.dims} != "
                    f"{variable.dims}, but changing variable dimensions is not supported by to_zarr()."
                )
            variable = variable.transpose(*stored.dims)
        there = {}
        for dim, length in stored.sizes.items():
            if isinstance(self._write_region, Mapping) and dim in self._write_region:
                start, stop, _ = self._write_region[dim].indices(length)
                length = stop - start  # noqa: PLW2901
            there[dim] = length
        here = dict(variable.sizes)
        for sizes in (here, there):
            sizes.pop(self._append_dim, None)
        if here != there:
            raise ValueError(
                f"variable {name!r} already exists with different dimension sizes: {there} != {here}. to_zarr() only "
                "supports changing dimension sizes when explicitly appending, but "
                f"append_dim={self._append_dim!r}. If you are attempting to write to a subset of the existing store "
                "without changing dimension sizes, consider using the region argument in to_zarr()."
            )
        return variable

    def set_variables(
        self,
        variables: Mapping[Hashable, Variable],
        check_encoding_set: Iterable[Hashable],
        writer: ArrayWriter,
        unlimited_dims: Iterable[Hashable] | None = None,
    ) -> None:
        """Create or resize the arrays of encoded variables, and hand their elements to a writer.

        Parameters
        ----------
        variables : Mapping
            Names and encoded variables.
        check_encoding_set : collection of hashable
            Variables whose encoding the user gave for this write.
        writer : ArrayWriter
            Writes the elements.
        unlimited_dims : iterable of hashable, optional
            Not used.

        Raises
        ------
        ValueError
            If chunks of dask share a stored chunk, or an encoding is not valid.
        """
        existing = () if self._mode == "w" else self.array_keys()
        strict = set(check_encoding_set)
        for name, variable in variables.items():
            key = str(_encode_variable_name(name))
            fill_value, attributes = self._fill_value_and_attributes(variable)
            encoding = self._encoding(name, variable, name in strict)
            write_region = self._write_region or {}
            region = {dim: write_region.get(dim, slice(None)) for dim in variable.dims}
            array = None
            if key in existing:
                array = self._open_to_write(key)
                if self._append_dim in variable.dims:
                    before = array.shape
                    axis = variable.dims.index(self._append_dim)
                    region[self._append_dim] = slice(before[axis], None)
                    array.resize((*before[:axis], before[axis] + variable.shape[axis], *before[axis + 1 :]))
            shape = variable.shape if array is None else array.shape
            slices = tuple(region.values())
            aligned = self._aligned(name, variable, encoding, slices, shape)
            if array is None:
                array = self._create(key, variable, fill_value, encoding, attributes)
            writer.add(aligned.data, array, slices)

    def _encoding(self, name: Hashable, variable: Variable, is_strict: bool) -> dict[str, Option]:
        """Return the encoding of a variable, with the chunks and shards that it will have."""
        encoding = checked_encoding(
            variable.encoding, is_strict=is_strict, zarr_format=self.zarr_group.zarr_format
        )
        encoding["chunks"] = chunk_shape(encoding.get("chunks"), variable.chunks, variable.ndim, name)
        encoding["shards"] = shard_shape(encoding.get("shards"), variable.ndim, name)
        return encoding

    def _fill_value_and_attributes(self, variable: Variable) -> tuple[Option, dict[str, Option]]:
        """Return the fill value of a new array, and its attributes."""
        attributes = dict(variable.attrs)
        if variable.encoding.get(MISSING_ATTRIBUTE) is not None:
            raise ValueError("Zarr does not support _FillValue in encoding.")
        missing = attributes.pop(MISSING_ATTRIBUTE, None)
        if self._masks_fill_value:
            return missing, attributes
        fill_value = variable.encoding.get("fill_value")
        if fill_value is None and variable.dtype.kind == "f":
            # as xarray: unlike zeros, it can't be taken for data
            fill_value = np.nan
        if missing is not None:
            dtype = variable.dtype
            attributes[MISSING_ATTRIBUTE] = encode_missing(
                missing, np.dtype(object) if dtype.kind == "T" else dtype
            )
        return fill_value, attributes

    def _aligned(
        self,
        name: Hashable,
        variable: Variable,
        encoding: dict[str, Option],
        region: tuple[slice, ...],
        shape: tuple[int, ...],
    ) -> Variable:
        """Return a variable whose chunks of dask do not share stored chunks or shards.

        Raises
        ------
        ValueError
            If they do, and neither `align_chunks` is set nor `safe_chunks` is unset.
        """
        stored = encoding["shards"] if isinstance(encoding["shards"], tuple) else encoding["chunks"]
        if stored is None or not variable.chunks:
            return variable
        if self._align_chunks:
            return grid_rechunk(v=variable, enc_chunks=stored, region=region)
        if self._safe_chunks:
            # parts that share a stored value would have to wait for each other
            validate_grid_chunks_alignment(
                nd_v_chunks=variable.chunks,
                enc_chunks=stored,
                region=region,
                allow_partial_chunks=self._mode != "r+",
                name=name,
                backend_shape=shape,
            )
        return variable

    def _open_to_write(self, name: str) -> Array:
        """Return an array that exists, opened with the option for empty chunks."""
        array = self.members[name] if self._cache_members else self.zarr_group[name]
        assert isinstance(array, Array), f"{name!r} is an array"
        state = array.current_state()
        config = replace(state.config, write_empty_chunks=bool(self._write_empty))
        return Array.from_state(open_state(array.node, config, state.metadata))

    def _create(
        self,
        name: str,
        variable: Variable,
        fill_value: Option,
        encoding: dict[str, Option],
        attributes: Mapping[str, Option],
    ) -> Array:
        """Create the array of a variable."""
        stated = encoding.get("write_empty_chunks")
        if self._write_empty is not None and stated not in (None, self._write_empty):
            raise ValueError(
                f'Differing "write_empty_chunks" values in encoding and parameters: {stated!r} for variable {name!r}, '
                f"and {self._write_empty!r}"
            )
        dtype = variable.dtype
        dtype = str if dtype.kind == "T" else (check_vlen_dtype(dtype) or dtype)
        version = self.zarr_group.zarr_format
        encoded = {str(key): self.encode_attribute(value) for key, value in attributes.items()}
        arguments = creation_arguments(encoding, version, dtype)
        if names_dimensions(version):
            arguments["dimension_names"] = variable.dims
        else:
            encoded[DIMENSIONS_ATTRIBUTE] = list(variable.dims)
        try:
            return self.zarr_group.create(
                name,
                shape=variable.shape,
                dtype=dtype,
                fill_value=fill_value,
                overwrite=self._mode == "w",
                write_empty_chunks=bool(self._write_empty if stated is None else stated),
                attributes=encoded,
                **arguments,
            )
        except TypeError as exc:
            if "JSON" in str(exc):
                raise TypeError("Invalid attribute in Dataset.attrs.") from exc
            raise

    def sync(self) -> None:
        """Do nothing: elements are stored as soon as they are written."""

    def close(self) -> None:
        """Close the store, if it was opened from a path or a URL. A zip archive is complete after it."""
        if self._close_store_on_close:
            close = getattr(self.zarr_group.store, "close", None)
            if close is not None:
                close()

    # -- regions and encodings -----------------------------------------------------------------------

    def _validate_and_autodetect_region(self, ds: Dataset) -> Dataset:
        """Check the region and find out what "auto" means; return the dataset without its indexes if there is one.

        xarray's writers call this method and the next one by these names.
        """
        region = self._write_region
        if region is None:
            return ds
        if isinstance(region, str) and region == "auto":
            region = dict.fromkeys(ds.dims, "auto")
        if not isinstance(region, dict):
            raise TypeError(f"``region`` must be a dict, got {type(region)}")
        if any(isinstance(part, str) and part == "auto" for part in region.values()):
            if self._mode not in ("r+", "a"):
                raise ValueError(
                    f"``mode`` must be 'r+' or 'a' when using ``region='auto'``, got {self._mode!r}"
                )
            region = {
                dim: self._find_region(ds, dim) if isinstance(part, str) and part == "auto" else part
                for dim, part in region.items()
            }
        for dim, part in region.items():
            if dim not in ds.dims:
                raise ValueError(
                    "all keys in ``region`` are not in Dataset dimensions, got "
                    f"{list(region)} and {list(ds.dims)}"
                )
            if not isinstance(part, slice):
                raise TypeError(f"all values in ``region`` must be slice objects, got region={region}")
            if part.step not in {1, None}:
                raise ValueError(f"step on all slices in ``region`` must be 1 or None, got region={region}")
        others = [name for name, variable in ds.variables.items() if not set(region) & set(variable.dims)]
        if region and others:
            raise ValueError(
                "when setting `region` explicitly in to_zarr(), all variables in the dataset to write must have at "
                f"least one dimension in common with the region's dimensions {list(region)}, but that is not the case "
                "for some variables here. To drop these variables from this dataset before exporting to zarr, write: "
                f".drop_vars({others!r})"
            )
        if self._append_dim is not None and self._append_dim in region:
            raise ValueError(
                "cannot list the same dimension in both ``append_dim`` and ``region`` with to_zarr(), got "
                f"{self._append_dim} in both"
            )
        self._write_region = region
        # the coordinates with an index are known to be stored already
        return ds.drop_vars(ds.indexes)

    def _find_region(self, ds: Dataset, dim: Hashable) -> slice:
        """Return where the coordinate of a dataset is in the stored one."""
        if dim not in ds.variables:
            return slice(0, ds.sizes[dim])
        stored = conventions.decode_cf_variable(dim, self.open_store_variable(str(dim)).compute())
        places = pd.Index(stored.data).get_indexer(ds[dim].data)
        if (places == -1).any():
            raise KeyError(
                f"Not all values of coordinate '{dim}' in the new array were found in the original store. Writing to a "
                "zarr region slice requires that no dimensions or metadata are changed by the write."
            )
        if (np.diff(places) != 1).any():
            raise ValueError(
                f"The auto-detected region of coordinate '{dim}' for writing new data to the original store had "
                "non-contiguous indices. Writing to a zarr region slice requires that the new data constitute a "
                "contiguous subset of the original store."
            )
        return slice(int(places[0]), int(places[-1]) + 1)

    def _validate_encoding(self, encoding: Mapping[str, Option] | Mapping[Hashable, Option]) -> None:
        """Refuse an encoding for a variable that exists."""
        if encoding and self._mode in ("a", "a-", "r+"):
            for name in self.array_keys():
                if name in encoding:
                    raise ValueError(f"variable {name!r} already exists, but encoding was provided")


def _takes(function: Callable[..., object], name: str) -> bool:
    """Return whether a function of the installed xarray has a parameter."""
    return name in signature(function).parameters
