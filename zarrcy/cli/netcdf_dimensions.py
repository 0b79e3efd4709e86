"""Dimensions of a netCDF-4 file, which are dimension scales of HDF5: the names and lengths of the axes of datasets.

Sources: the HDF5 dimension scale specification (DIMENSION_LIST), and the netCDF-4 file format specification
(``_Netcdf4Dimid``, ``_Netcdf4Coordinates``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zarrcy.cli.hdf5_storage import ObjectId, object_id
from zarrcy.cli.hdf5_values import decode_text
from zarrcy.types import AnyDtype, Elements, Shape

if TYPE_CHECKING:
    import h5py

__all__ = ["Dimensions", "default_fill_value", "is_pure_dimension", "is_scale"]

_PURE_DIMENSION = "This is a netCDF dimension but not a netCDF variable"
# Default fill values of netCDF-C (NC_FILL_BYTE ... in netcdf.h), by kind and size of the data type.
_FLOAT_FILL = 9.9692099683868690e36
_DEFAULT_FILL_VALUES: dict[str, Elements] = {
    "i1": -127,
    "i2": -32767,
    "i4": -2147483647,
    "i8": -9223372036854775806,
    "u1": 255,
    "u2": 65535,
    "u4": 4294967295,
    "u8": 18446744073709551614,
    "f4": _FLOAT_FILL,
    "f8": _FLOAT_FILL,
}


def is_scale(dataset: h5py.Dataset) -> bool:
    """Return whether a dataset is a dimension scale."""
    return bool(dataset.is_scale)


def is_pure_dimension(dataset: h5py.Dataset) -> bool:
    """Return whether a dataset only represents a netCDF dimension that has no variable of its name."""
    if not is_scale(dataset) or "NAME" not in dataset.attrs:
        return False
    name = dataset.attrs["NAME"]
    return isinstance(name, (bytes, str)) and decode_text(name).startswith(_PURE_DIMENSION)


def default_fill_value(dtype: AnyDtype) -> Elements:
    """Return the value that netCDF-C shows for elements that were never written, if the file does not set one.

    Examples
    --------
    >>> import numpy as np
    >>> default_fill_value(np.dtype(">i2")), default_fill_value(np.dtype("S1")) == b""
    (-32767, True)
    """
    if dtype.hasobject:
        return ""
    default = _DEFAULT_FILL_VALUES.get(f"{dtype.kind}{dtype.itemsize}")
    return np.zeros((), dtype)[()] if default is None else default


class Dimensions:
    """The dimensions of a file.

    Parameters
    ----------
    datasets : list of (str, h5py.Dataset)
        All datasets of the file, with their paths in the new store. A dimension and a variable can have the same path.
    """

    def __init__(self, datasets: list[tuple[str, h5py.Dataset]]) -> None:
        self._names: dict[ObjectId, str] = {}
        self._scale_of_dimid: dict[int, ObjectId] = {}
        self._unlimited: set[ObjectId] = set()
        for path, dataset in datasets:
            if is_scale(dataset):
                self._add_scale(path, dataset)
        self._lengths: dict[ObjectId, int] = {}
        for _, dataset in datasets:
            if dataset.shape and not is_pure_dimension(dataset):
                self._add_lengths(dataset)

    def _add_scale(self, path: str, scale: h5py.Dataset) -> None:
        identity = object_id(scale)
        self._names[identity] = path.rpartition("/")[2]
        self._scale_of_dimid |= dict.fromkeys(_whole_numbers(scale, "_Netcdf4Dimid"), identity)
        if scale.maxshape and scale.maxshape[0] is None:
            self._unlimited.add(identity)

    def _add_lengths(self, dataset: h5py.Dataset) -> None:
        for scale, length in zip(self._scales_of(dataset), dataset.shape, strict=True):
            if scale in self._unlimited:
                self._lengths[scale] = max(length, self._lengths.get(scale, 0))

    def names(self, dataset: h5py.Dataset) -> list[str | None]:
        """Return the name of the scale of each axis, or its label, or None."""
        labels = [None] * len(dataset.shape) if is_scale(dataset) else _labels(dataset)
        return [
            self._names.get(scale, label) if scale is not None else label
            for scale, label in zip(self._scales_of(dataset), labels, strict=True)
        ]

    def shape(self, dataset: h5py.Dataset) -> Shape:
        """Return the shape that netCDF shows.

        A dataset that is shorter than an unlimited dimension has the length of the dimension: that of the longest
        variable of the dimension.
        """
        return tuple(
            length if scale is None else self._lengths.get(scale, length)
            for scale, length in zip(self._scales_of(dataset), dataset.shape, strict=True)
        )

    def _scales_of(self, dataset: h5py.Dataset) -> list[ObjectId | None]:
        """Return the identity of the scale of each axis, or None."""
        if not is_scale(dataset):
            return [_attached_scale(dimension) for dimension in dataset.dims]
        # HDF5 cannot attach another scale to the axes of a scale
        if len(dataset.shape) == 1:
            return [object_id(dataset)]
        dimids = _whole_numbers(dataset, "_Netcdf4Coordinates")[: len(dataset.shape)]
        scales = [self._scale_of_dimid.get(dimid) for dimid in dimids]
        return [*scales, *[None] * (len(dataset.shape) - len(scales))]


def _attached_scale(dimension: h5py.DimensionProxy) -> ObjectId | None:
    """Return the identity of the first scale of an axis, or None."""
    try:
        return object_id(dimension[0]) if len(dimension) else None
    except RuntimeError:
        # the scale was deleted, but the dataset still refers to it
        return None


def _labels(dataset: h5py.Dataset) -> list[str | None]:
    return [decode_text(dimension.label) or None for dimension in dataset.dims]


def _whole_numbers(dataset: h5py.Dataset, name: str) -> list[int]:
    """Return the integers of an attribute; an empty list if it is missing or not of an integer type."""
    values = np.ravel(dataset.attrs[name]) if name in dataset.attrs else np.empty(0, int)
    return [int(value) for value in values] if values.dtype.kind in "iu" else []
