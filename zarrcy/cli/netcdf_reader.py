"""Read the structure of an HDF5 or netCDF-4 file as Zarr has it: groups, arrays, attributes, dimension names.

Sources: the HDF5 dimension scale specification (CLASS, NAME, DIMENSION_LIST, REFERENCE_LIST), and the
netCDF-4 file format specification (``_FillValue``, ``_nc4_non_coord_``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from zarrcy.cli.hdf5_storage import ObjectId, check_storage, object_id
from zarrcy.cli.hdf5_values import (
    UnstorableError,
    attribute_value,
    decode_text,
    items_dtype,
    load_h5py,
    storable_dtype,
)
from zarrcy.cli.netcdf_dimensions import (
    Dimensions,
    default_fill_value,
    is_pure_dimension,
    is_scale,
)
from zarrcy.metadata import is_document_key
from zarrcy.metadata.v2.dtypes import normalize_fill_value
from zarrcy.types import JSON, AnyArray, AnyDtype, Elements, Shape

if TYPE_CHECKING:
    import h5py

__all__ = ["DIMENSIONS", "FileContents", "Skipped", "Variable", "read_contents"]

DIMENSIONS = "_ARRAY_DIMENSIONS"
"""The attribute in which readers of Zarr v2 look for the names of the axes."""

# Most file systems take names of this many bytes.
_MOST_NAME_NBYTES = 255
_BOOKKEEPING = {
    "DIMENSION_LABELS",
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "_NCProperties",
    "_Netcdf4Coordinates",
    "_Netcdf4Dimid",
    "_nc3_strict",
}
# Other conventions (images, PyTables) also use these names, so only dimension scales lose them.
_SCALE_BOOKKEEPING = {"CLASS", "NAME"}
_NOT_A_COORDINATE = "_nc4_non_coord_"
# Assumed size of a string of variable length, in bytes; the real sizes are known only after reading.
_TEXT_ITEMSIZE = 64


@dataclass(frozen=True, slots=True)
class Variable:
    """A dataset that can be imported.

    Parameters
    ----------
    path : str
        Path of the array in the new store.
    dataset : h5py.Dataset or array
        The dataset; of a netCDF-3 file, an array that is mapped into memory.
    shape : tuple of int
        Shape, in elements, including the axes of an array type. It can be longer than the dataset along the axes of
        unlimited dimensions.
    dtype : numpy.dtype
        Data type of the new array; object for strings of variable length.
    source_chunks : tuple of int or None
        Chunk shape in the file, in elements; None if the dataset is contiguous.
    fill_value : scalar or None
        Value of missing elements; None if the variable does not have the attribute ``_FillValue``.
    padding : scalar
        Value of the elements beyond the end of the dataset.
    attributes : dict
        Attributes, including the dimension names.
    items : numpy.dtype, optional
        Data type of the numbers, if each element is a sequence of them.
    """

    path: str
    dataset: h5py.Dataset | AnyArray
    shape: Shape
    dtype: AnyDtype
    source_chunks: Shape | None
    fill_value: Elements
    padding: Elements
    attributes: dict[str, JSON]
    items: AnyDtype | None = None

    @property
    def is_text(self) -> bool:
        return self.dtype.hasobject and self.items is None

    @property
    def dtype_to_create(self) -> str | AnyDtype:
        """The data type as `zarrcy.create` takes it."""
        if self.items is not None:
            return f"array:{self.items.str}"
        return "str" if self.is_text else self.dtype

    @property
    def itemsize(self) -> int:
        """Size of an element in memory, in bytes; an estimate for strings of variable length."""
        return _TEXT_ITEMSIZE if self.dtype.hasobject else self.dtype.itemsize

    def nbytes_in_file(self) -> int:
        """Return the stored size of the elements, in bytes."""
        if isinstance(self.dataset, np.ndarray):
            return self.dataset.nbytes
        nbytes: int = self.dataset.id.get_storage_size()
        return nbytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object of the file that is not imported, and the reason."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class FileContents:
    """The structure of a file.

    Parameters
    ----------
    groups : dict
        Path in the new store -> attributes. The path of the root group is empty.
    variables : list of Variable
        Datasets that can be imported.
    skipped : list of Skipped
        Objects that cannot be imported.
    notices : list of str
        One line for each attribute or fill value that is lost.
    """

    groups: dict[str, dict[str, JSON]] = field(default_factory=dict)
    variables: list[Variable] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def skip(self, path: str, reason: str) -> None:
        """Record an object that cannot be imported."""
        self.skipped.append(Skipped(path, reason))


def read_contents(file: h5py.File) -> FileContents:
    """Read the structure of an open file: metadata only, no elements."""
    return _ContentsReader(file).run()


class _ContentsReader:
    def __init__(self, file: h5py.File) -> None:
        self.h5py = load_h5py()
        self.file = file
        self.contents = FileContents()
        self.lengths_of_unnamed: dict[tuple[str, int], int] = {}

    def run(self) -> FileContents:
        datasets = self.walk()
        self.dimensions = Dimensions(datasets)
        for path, dataset in datasets:
            if not is_pure_dimension(dataset):
                self.add_variable(path, dataset)
        return self.contents

    def skip(self, path: str, reason: str) -> None:
        self.contents.skip(path, reason)

    def walk(self) -> list[tuple[str, h5py.Dataset]]:
        """Record all groups, and return the datasets with their paths.

        Each object is visited once: hard links can give it any number of paths.
        """
        datasets: list[tuple[str, h5py.Dataset]] = []
        groups: list[tuple[str, h5py.Group]] = [("", self.file)]
        paths: dict[ObjectId, str] = {object_id(self.file): ""}
        # the list grows
        for path, group in groups:
            self.contents.groups[path] = self.attributes_of(group, path, _BOOKKEEPING)
            for name in group:
                if isinstance(name, bytes):
                    # h5py decodes names that are UTF-8
                    self.skip(_join(path, name.decode("utf-8", "backslashreplace")), "its name is not UTF-8")
                    continue
                child_path = _join(path, name)
                child = self.open_child(group, name, child_path)
                if child is None:
                    continue
                first_path = paths.setdefault(object_id(child), child_path)
                if first_path != child_path:
                    self.skip(child_path, f"it is another name of /{first_path}")
                elif isinstance(child, self.h5py.Group):
                    groups.append((child_path, child))
                else:
                    datasets.append((_join(path, name.removeprefix(_NOT_A_COORDINATE)), child))
        return datasets

    def open_child(self, group: h5py.Group, name: str, path: str) -> h5py.Group | h5py.Dataset | None:
        """Open a member of a group; return None if it is left out."""
        h5py = self.h5py
        if not _is_valid_name(name):
            self.skip(path, "its name is not valid in a Zarr store")
            return None
        if len(name.encode()) > _MOST_NAME_NBYTES:
            self.skip(path, f"its name has more than {_MOST_NAME_NBYTES} bytes, the most in a directory")
            return None
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            self.skip(path, "it is a link to another object")
            return None
        try:
            child = group[name]
        except TypeError as exc:
            self.skip(path, f"h5py has no class for it ({exc})")
            return None
        try:
            if isinstance(child, h5py.Dataset):
                check_storage(child)
        except UnstorableError as exc:
            self.skip(path, str(exc))
            return None
        return child if isinstance(child, (h5py.Group, h5py.Dataset)) else None

    def add_variable(self, path: str, dataset: h5py.Dataset) -> None:
        try:
            variable = self.describe(path, dataset)
        except UnstorableError as exc:
            self.skip(path, str(exc))
        else:
            self.contents.variables.append(variable)

    def describe(self, path: str, dataset: h5py.Dataset) -> Variable:
        try:
            file_dtype = dataset.dtype
        except TypeError as exc:
            raise UnstorableError(f"numpy has no data type for its elements ({exc})") from exc
        tag = _tag_of(dataset)
        if tag:
            raise UnstorableError(
                f"its elements are opaque, with the tag {tag!r}, and HDF5 does not read them as bytes"
            )
        if dataset.shape is None:
            raise UnstorableError("it has a data type but no dataspace, so it has no elements")
        items = items_dtype(file_dtype)
        dtype = np.dtype(object) if items is not None else storable_dtype(file_dtype)
        inner: Shape = ()
        if dtype.subdtype is not None:
            # the axes of an array type become axes of the array
            dtype, inner = dtype.subdtype
        shape = (*self.dimensions.shape(dataset), *inner)
        ignored = _BOOKKEEPING | (_SCALE_BOOKKEEPING if is_scale(dataset) else set())
        attributes = self.attributes_of(dataset, path, ignored)
        attributes |= _enum_attributes(self.h5py.check_enum_dtype(file_dtype), attributes)
        attributes[DIMENSIONS] = self.dimension_names(path, dataset, shape)
        return Variable(
            path=path,
            dataset=dataset,
            shape=shape,
            dtype=dtype,
            source_chunks=None if dataset.chunks is None else (*dataset.chunks, *inner),
            fill_value=None if items is not None else self.fill_value_of(path, dataset, dtype),
            padding=self.padding_of(dataset, dtype) if items is None else np.empty(0, items),
            attributes=attributes,
            items=items,
        )

    # -- attributes ------------------------------------------------------------------------------

    def attributes_of(self, obj: h5py.Group | h5py.Dataset, path: str, ignored: set[str]) -> dict[str, JSON]:
        """Return the attributes of a group or a dataset, without those that JSON cannot represent."""
        values = {}
        for name in obj.attrs:
            if name in ignored:
                continue
            try:
                values[decode_text(name)] = attribute_value(self.read_attribute(obj, name))
            except UnstorableError as exc:
                owner = f"/{path}" if path else "the file"
                self.contents.notices.append(f"skipped attribute {name!r} of {owner}: {exc}")
        return values

    def read_attribute(self, obj: h5py.Group | h5py.Dataset, name: str | bytes) -> Elements:
        if isinstance(name, bytes) and name != name.decode("utf-8", "ignore").encode():
            raise UnstorableError("its name is not UTF-8")
        try:
            return obj.attrs[name]
        except (TypeError, ValueError, OSError) as exc:
            raise UnstorableError(f"h5py cannot read it ({exc})") from exc

    # -- fill values -----------------------------------------------------------------------------

    def fill_value_of(self, path: str, dataset: h5py.Dataset, dtype: AnyDtype) -> Elements:
        """Return the value that means "missing", or None.

        Only the attribute has this meaning. netCDF-C also sets the fill value of each HDF5 dataset, to a default value
        that is data like any other: readers of Zarr must not mask it.
        """
        if "_FillValue" not in dataset.attrs:
            return None
        try:
            value = _single_element(self.read_attribute(dataset, "_FillValue"))
        except UnstorableError:
            # it was already reported with the attributes
            return None
        if isinstance(value, (bytes, str)) and dtype.hasobject:
            return decode_text(value)
        try:
            return normalize_fill_value(value, dtype)
        except ValueError as exc:
            self.contents.notices.append(f"skipped the attribute _FillValue of /{path} as fill value: {exc}")
            return None

    def padding_of(self, dataset: h5py.Dataset, dtype: AnyDtype) -> Elements:
        """Return the value that netCDF shows beyond the end of a dataset."""
        properties = dataset.id.get_create_plist()
        if properties.fill_value_defined() != self.h5py.h5d.FILL_VALUE_USER_DEFINED:
            return default_fill_value(dtype)
        fill = dataset.fillvalue
        return decode_text(fill) if isinstance(fill, (bytes, str)) and dtype.hasobject else fill

    # -- dimension names -------------------------------------------------------------------------

    def dimension_names(self, path: str, dataset: h5py.Dataset, shape: Shape) -> list[str]:
        """Return a name for each axis: that of its scale, its label, or a generated name."""
        names = self.dimensions.names(dataset)
        names += [None] * (len(shape) - len(names))
        return [
            self.generated_name(path, axis, shape[axis]) if name is None else name
            for axis, name in enumerate(names)
        ]

    def generated_name(self, path: str, axis: int, length: int) -> str:
        """Return a name for an axis without one; within a group, equal names imply equal lengths."""
        group = path.rpartition("/")[0]
        first_length = self.lengths_of_unnamed.setdefault((group, axis), length)
        return f"dim_{axis}" if first_length == length else f"dim_{axis}_{length}"


def _single_element(value: Elements) -> Elements:
    """Return the element of an array in which all elements are equal; return any other value unchanged."""
    if isinstance(value, np.ndarray) and value.size and (value.reshape(-1)[1:] == value.reshape(-1)[0]).all():
        return value.reshape(-1)[0]
    return value


def _enum_attributes(members: dict[str, int] | None, attributes: dict[str, JSON]) -> dict[str, JSON]:
    """Return the CF attributes that keep the names of an enumeration."""
    if not members or "flag_values" in attributes or "flag_meanings" in attributes:
        return {}
    return {
        "flag_values": [int(value) for value in members.values()],
        "flag_meanings": " ".join("_".join(name.split()) for name in members),
    }


def _tag_of(dataset: h5py.Dataset) -> str:
    """Return the tag of opaque elements; "" for other elements, and for those that NumPy has a type for."""
    stored = dataset.id.get_type()
    is_opaque = stored.get_class() == load_h5py().h5t.OPAQUE and dataset.dtype.kind == "V"
    return decode_text(stored.get_tag()) if is_opaque else ""


def _is_valid_name(name: str) -> bool:
    """Return whether a node can have this name: it is neither a path nor the name of a metadata document."""
    return name not in (".", "..") and not is_document_key(name) and "\\" not in name


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
