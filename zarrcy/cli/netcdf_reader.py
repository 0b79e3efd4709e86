"""What an HDF5 or netCDF-4 file holds, in the words of Zarr: groups, arrays, attributes, dimension names.

Sources: the HDF5 dimension scale specification (CLASS, NAME, DIMENSION_LIST, REFERENCE_LIST), and the
netCDF-4 file format specification (``_Netcdf4Dimid``, ``_Netcdf4Coordinates``, ``_nc4_non_coord_``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zarrcy.cli.values import UnstorableError, attribute_value, decode_text, load_h5py, storable_dtype
from zarrcy.metadata.v2.dtypes import normalize_fill_value
from zarrcy.types import JSON, AnyDtype, Shape

__all__ = ["DIMENSIONS", "Skipped", "Survey", "Variable", "survey"]

DIMENSIONS = "_ARRAY_DIMENSIONS"
"""The attribute under which readers of Zarr v2 look for the names of the axes."""

_BOOKKEEPING = {
    "DIMENSION_LABELS",
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "_NCProperties",
    "_Netcdf4Coordinates",
    "_Netcdf4Dimid",
    "_nc3_strict",
}
# Other conventions (images, PyTables) have their own use for these, so they go only where a scale has them.
_SCALE_BOOKKEEPING = {"CLASS", "NAME"}
_PURE_DIMENSION = "This is a netCDF dimension but not a netCDF variable"
_NOT_A_COORDINATE = "_nc4_non_coord_"
# What texts of any length are taken to need, since nobody knows before they are read.
_TEXT_ITEMSIZE = 64


@dataclass(frozen=True, slots=True)
class Variable:
    """A dataset that can be imported.

    Attributes
    ----------
    path : of the array in the new store
    dataset : of h5py
    shape : in elements, with the axes of an array type
    dtype : of the elements in the new array; texts of any length are objects
    source_chunks : in elements; None where the file keeps the dataset in one piece
    fill_value : None where the file does not set one
    attributes : the dimension names among them
    """

    path: str
    dataset: Any
    shape: Shape
    dtype: AnyDtype
    source_chunks: Shape | None
    fill_value: Any
    attributes: dict[str, JSON]

    @property
    def is_text(self) -> bool:
        return self.dtype.hasobject

    @property
    def itemsize(self) -> int:
        """Size of an element in memory, in bytes; for texts, about."""
        return _TEXT_ITEMSIZE if self.is_text else self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object of the file that is not imported, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is in a file.

    Attributes
    ----------
    groups : path in the new store -> attributes; the root is the empty path
    variables : that can be imported
    skipped : what can't be
    notices : what is imported with a loss, one line each
    """

    groups: dict[str, dict[str, JSON]] = field(default_factory=dict)
    variables: list[Variable] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def survey(file: Any) -> Survey:
    """Look at everything in an open file, and read nothing but metadata.

    Parameters
    ----------
    file : an ``h5py.File``
    """
    return _Surveyor(file).run()


class _Surveyor:
    def __init__(self, file: Any) -> None:
        self.h5py = load_h5py()
        self.file = file
        self.found = Survey()
        self.names_by_dimid: dict[int, str] = {}
        self.anonymous: dict[tuple[str, int], int] = {}

    def run(self) -> Survey:
        datasets = list(self.walk(self.file, "", set()))
        for path, dataset in datasets:
            if _is_scale(dataset):
                self.names_by_dimid |= dict.fromkeys(
                    _whole_numbers(dataset, "_Netcdf4Dimid"), _basename(path)
                )
        for path, dataset in datasets:
            if not _is_pure_dimension(dataset):
                self.add_variable(path, dataset)
        return self.found

    def skip(self, path: str, reason: str) -> None:
        self.found.skipped.append(Skipped(path, reason))

    def walk(self, group: Any, path: str, above: set[Any]) -> Iterator[tuple[str, Any]]:
        """Note the groups, and yield the datasets below one, with their paths."""
        h5py = self.h5py
        info = h5py.h5o.get_info(group.id)
        self.found.groups[path] = self.attributes_of(group, path, _BOOKKEEPING)
        for name in group:
            child_path = _join(path, name)
            if not _can_be_key(name):
                self.skip(child_path, "its name can't be one in a store")
                continue
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                self.skip(child_path, "it is a link to another place")
                continue
            try:
                child = group[name]
            except TypeError as exc:
                self.skip(child_path, f"h5py has no class for it ({exc})")
                continue
            if isinstance(child, h5py.Group):
                here = {*above, (info.fileno, info.addr)}
                below = h5py.h5o.get_info(child.id)
                if (below.fileno, below.addr) in here:
                    self.skip(child_path, "it is a group that it lies in itself")
                else:
                    yield from self.walk(child, child_path, here)
            elif isinstance(child, h5py.Dataset):
                yield _join(path, name.removeprefix(_NOT_A_COORDINATE)), child

    def add_variable(self, path: str, dataset: Any) -> None:
        try:
            variable = self.describe(path, dataset)
        except UnstorableError as exc:
            self.skip(path, str(exc))
        else:
            self.found.variables.append(variable)

    def describe(self, path: str, dataset: Any) -> Variable:
        try:
            given = dataset.dtype
        except TypeError as exc:
            raise UnstorableError(f"numpy has no data type for its elements ({exc})") from exc
        if dataset.shape is None:
            raise UnstorableError("it has a data type and no dataspace, so nothing to hold")
        self.check_filters(dataset)
        dtype = storable_dtype(given)
        inner: Shape = ()
        if dtype.subdtype is not None:
            # the axes of an array type become axes of the array
            dtype, inner = dtype.subdtype
        shape = (*dataset.shape, *inner)
        ignored = _BOOKKEEPING | (_SCALE_BOOKKEEPING if _is_scale(dataset) else set())
        attributes = self.attributes_of(dataset, path, ignored)
        attributes |= _enum_attributes(self.h5py.check_enum_dtype(given), attributes)
        attributes[DIMENSIONS] = self.dimension_names(path, dataset, shape)
        return Variable(
            path=path,
            dataset=dataset,
            shape=shape,
            dtype=dtype,
            source_chunks=None if dataset.chunks is None else (*dataset.chunks, *inner),
            fill_value=self.fill_value_of(path, dataset, dtype),
            attributes=attributes,
        )

    def check_filters(self, dataset: Any) -> None:
        properties = dataset.id.get_create_plist()
        for number in range(properties.get_nfilters()):
            code, _, _, name = properties.get_filter(number)
            if not self.h5py.h5z.filter_avail(code):
                raise UnstorableError(
                    f"it is compressed with the HDF5 filter {code} ({decode_text(name)}), which is not "
                    "installed here; the package hdf5plugin has many"
                )

    # -- attributes ------------------------------------------------------------------------------

    def attributes_of(self, obj: Any, path: str, ignored: set[str]) -> dict[str, JSON]:
        """Return the attributes of a group or a dataset, and leave out what JSON can't hold."""
        values = {}
        for name in obj.attrs:
            if name in ignored:
                continue
            try:
                values[decode_text(name)] = attribute_value(self.read_attribute(obj, name))
            except UnstorableError as exc:
                place = f"/{path}" if path else "the file"
                self.found.notices.append(f"attribute {name!r} of {place} is left out: {exc}")
        return values

    def read_attribute(self, obj: Any, name: str) -> Any:
        try:
            return obj.attrs[name]
        except (TypeError, ValueError, OSError) as exc:
            raise UnstorableError(f"h5py can't read it ({exc})") from exc

    # -- fill values -----------------------------------------------------------------------------

    def fill_value_of(self, path: str, dataset: Any, dtype: AnyDtype) -> Any:
        """Return the fill value that the file sets, or None.

        The attribute counts first, since HDF5 itself can't change a fill value once data are there.
        """
        for given in self.fill_values(dataset):
            value = _one_of(given)
            if isinstance(value, (bytes, str)) and dtype.hasobject:
                return decode_text(value)
            try:
                return normalize_fill_value(value, dtype)
            except ValueError as exc:
                self.found.notices.append(f"a fill value of /{path} is left out: {exc}")
        return None

    def fill_values(self, dataset: Any) -> Iterator[Any]:
        h5py = self.h5py
        if "_FillValue" in dataset.attrs:
            # one that can't be read was named already, among the attributes
            with suppress(UnstorableError):
                yield self.read_attribute(dataset, "_FillValue")
        properties = dataset.id.get_create_plist()
        if properties.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED:
            yield dataset.fillvalue

    # -- dimension names -------------------------------------------------------------------------

    def dimension_names(self, path: str, dataset: Any, shape: Shape) -> list[str]:
        """Return a name for each axis: of its scale, of its label, or one made up."""
        known = self.names_of_scale(path, dataset) if _is_scale(dataset) else _names_of_axes(dataset)
        known = [*known, *[None] * (len(shape) - len(known))]
        return [
            self.made_up_name(path, axis, shape[axis]) if name is None else name
            for axis, name in enumerate(known)
        ]

    def names_of_scale(self, path: str, dataset: Any) -> list[str | None]:
        """Return the names of a scale's own axes, to which HDF5 lets no other scale be attached."""
        if len(dataset.shape) == 1:
            return [_basename(path)]
        dimids = _whole_numbers(dataset, "_Netcdf4Coordinates")[: len(dataset.shape)]
        return [self.names_by_dimid.get(dimid) for dimid in dimids]

    def made_up_name(self, path: str, axis: int, length: int) -> str:
        """Return the name of an axis that has none; within a group, equal names have equal lengths."""
        group = path.rpartition("/")[0]
        known = self.anonymous.setdefault((group, axis), length)
        return f"dim_{axis}" if known == length else f"dim_{axis}_{length}"


def _one_of(value: Any) -> Any:
    """Return the element of an array that is one element, maybe repeated; other values are what they are."""
    if isinstance(value, np.ndarray) and value.size and (value.reshape(-1)[1:] == value.reshape(-1)[0]).all():
        return value.reshape(-1)[0]
    return value


def _names_of_axes(dataset: Any) -> list[str | None]:
    names: list[str | None] = []
    for dimension in dataset.dims:
        scale = _name_of_scale(dimension)
        names.append(_basename(decode_text(scale)) if scale else decode_text(dimension.label) or None)
    return names


def _name_of_scale(dimension: Any) -> str | None:
    """Return the path of the first scale of an axis, or None."""
    try:
        return dimension[0].name if len(dimension) else None
    except RuntimeError:
        # the scale was deleted, and nobody told the dataset
        return None


def _is_scale(dataset: Any) -> bool:
    return bool(dataset.is_scale)


def _is_pure_dimension(dataset: Any) -> bool:
    """Is this the place of a netCDF dimension without a variable of its name?"""
    if not _is_scale(dataset) or "NAME" not in dataset.attrs:
        return False
    name = dataset.attrs["NAME"]
    return isinstance(name, (bytes, str)) and decode_text(name).startswith(_PURE_DIMENSION)


def _whole_numbers(dataset: Any, name: str) -> list[int]:
    """Return the integers of an attribute; none if it is not there, or of another type."""
    values = np.ravel(dataset.attrs[name]) if name in dataset.attrs else np.empty(0, int)
    return [int(value) for value in values] if values.dtype.kind in "iu" else []


def _enum_attributes(members: dict[str, int] | None, attributes: dict[str, JSON]) -> dict[str, JSON]:
    """Return what keeps the names of an enumeration: the attributes that CF has for them."""
    if not members or "flag_values" in attributes or "flag_meanings" in attributes:
        return {}
    return {
        "flag_values": [int(value) for value in members.values()],
        "flag_meanings": " ".join("_".join(name.split()) for name in members),
    }


def _can_be_key(name: str) -> bool:
    """Can a node have this name, and not be taken for a metadata document or for a path?"""
    return name not in (".", "..", ".zarray", ".zgroup", ".zattrs", ".zmetadata") and "\\" not in name


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _basename(path: str) -> str:
    return path.rpartition("/")[2]
