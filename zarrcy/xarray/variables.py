"""What the metadata of an array say about the variable that it is."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from zarrcy.hierarchy.arrays import Array
from zarrcy.metadata import keeps_one_document, of_version
from zarrcy.metadata.array_metadata import DIMENSIONS_ATTRIBUTE
from zarrcy.types import JSON, ZarrFormat

if TYPE_CHECKING:
    from xarray import Variable

_NO_DIMENSIONS = (
    "Zarr object is missing the {}, which is required for xarray to determine variable dimensions."
)


@lru_cache
def names_dimensions(version: ZarrFormat) -> bool:
    """Return whether the metadata of a format have names of dimensions, shards and a serializer."""
    format = of_version(version)
    return format is not None and keeps_one_document(format)


def dimensions_of(array: Array) -> tuple[Hashable, ...] | None:
    """Return the names of the dimensions of an array; None if it does not have them."""
    if names_dimensions(array.zarr_format):
        names = array.dimension_names or ()
        return names if len(names) == array.ndim else None
    stated: JSON = array.attrs.get(DIMENSIONS_ATTRIBUTE)
    if stated is None:
        stated = _dimensions_of_nczarr(array)
    return None if stated is None else tuple(stated)


def dimensions_and_attributes(array: Array) -> tuple[tuple[Hashable, ...], dict[str, JSON]]:
    """Return the names of the dimensions of an array, and its other attributes.

    Raises
    ------
    KeyError
        If there are no names.
    """
    dims = dimensions_of(array)
    if dims is None:
        missing = (
            "`dimension_names` metadata"
            if names_dimensions(array.zarr_format)
            else f"attribute `{DIMENSIONS_ATTRIBUTE}` and the NCZarr metadata"
        )
        raise KeyError(f"{array.name}: {_NO_DIMENSIONS.format(missing)}")
    attributes = array.attrs.asdict()
    if not names_dimensions(array.zarr_format):
        attributes = {
            name: value
            for name, value in attributes.items()
            if name != DIMENSIONS_ATTRIBUTE and not is_of_nczarr(name)
        }
    return dims, attributes


def _dimensions_of_nczarr(array: Array) -> list[str] | None:
    """Return the names that netCDF-C stores as absolute paths; None if it did not write the array."""
    for members in (array.description.extra_fields, array.attrs):
        for name in ("_NCZARR_ARRAY", "_nczarr_array"):
            document = members.get(name)
            if isinstance(document, Mapping):
                references = document.get("dimrefs", document.get("dimension_references"))
                if isinstance(references, list):
                    return [str(reference).rpartition("/")[2] for reference in references]
    return None


def is_of_nczarr(name: str) -> bool:
    return name.lower().startswith("_nc")


def check_dtype(name: Hashable, stored: Variable, variable: Variable) -> None:
    """Raise ValueError if elements of a variable could be cut off in the array that exists."""
    dtype = variable.dtype
    is_easy = (
        dtype.kind in "biufcmM" or dtype.kind == "O" or (dtype.kind in "SU" and stored.dtype.kind == "O")
    )
    if not is_easy and dtype != stored.dtype:
        raise ValueError(
            f"Mismatched dtypes for variable {name} between Zarr store on disk and dataset to append. Store has dtype "
            f"{stored.dtype} but dataset to append has dtype {dtype}."
        )
