"""Read the structure of a classic netCDF file (netCDF-3) as Zarr has it: arrays, attributes, dimension names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from zarrcy.cli.errors import CommandError, one_line
from zarrcy.cli.hdf5_values import UnstorableError, attribute_value, decode_text
from zarrcy.cli.netcdf_dimensions import default_fill_value
from zarrcy.cli.netcdf_reader import DIMENSIONS, FileContents, Variable
from zarrcy.errors import MissingExtraError
from zarrcy.metadata import is_document_key
from zarrcy.metadata.v2.dtypes import normalize_fill_value
from zarrcy.types import JSON, AnyDtype, Elements

__all__ = ["open_classic"]

_MISSING = "_FillValue"


@contextmanager
def open_classic(source: str) -> Iterator[FileContents]:
    """Open a file. Its variables are mapped into memory, and read when their elements are copied.

    Raises
    ------
    CommandError
        If the file is damaged, or has the 64-bit data format (CDF-5), which SciPy cannot read.
    MissingExtraError
        If SciPy is not installed.
    """
    try:
        from scipy.io import netcdf_file
    except ImportError as exc:
        raise MissingExtraError("scipy", "netcdf3", "importing netCDF-3 files") from exc
    with open(source, "rb") as stream:
        if stream.read(4) == b"CDF\x05":
            raise CommandError(
                f"{source} is a netCDF-3 file with 64-bit data (CDF-5), which SciPy cannot read. Convert it first: "
                f"nccopy -k nc4 {source} NEW.nc"
            )
    try:
        file = netcdf_file(source, "r", mmap=True, maskandscale=False)
    except (TypeError, ValueError, OSError, LookupError, OverflowError, MemoryError) as exc:
        # SciPy raises these for a damaged header
        raise CommandError(f"{source} cannot be read: {one_line(exc)}") from exc
    contents = FileContents()
    try:
        contents.groups[""] = _attributes(file._attributes, "the file", contents)
        for name, variable in file.variables.items():
            _add(contents, decode_text(name), variable)
        yield contents
    finally:
        # the file cannot be closed while arrays refer to it
        contents.variables.clear()
        variable = None
        file.close()


def _add(contents: FileContents, name: str, variable: Elements) -> None:
    if "/" in name or name in (".", "..") or is_document_key(name):
        contents.skip(name, "its name is not valid in a Zarr store")
        return
    dtype = np.dtype(variable.data.dtype.str)
    attributes = _attributes(variable._attributes, f"/{name}", contents)
    attributes[DIMENSIONS] = [decode_text(dimension) for dimension in variable.dimensions]
    missing = _fill_value(variable._attributes.get(_MISSING), dtype, name, contents)
    contents.variables.append(
        Variable(
            path=name,
            dataset=variable.data,
            shape=variable.data.shape,
            dtype=dtype,
            source_chunks=None,
            fill_value=missing,
            padding=default_fill_value(dtype),
            attributes=attributes,
        )
    )


def _attributes(values: Mapping[str, Elements], owner: str, contents: FileContents) -> dict[str, JSON]:
    """Return the attributes that JSON can represent."""
    attributes = {}
    for name, value in values.items():
        try:
            attributes[decode_text(name)] = attribute_value(value)
        except UnstorableError as exc:
            contents.notices.append(f"skipped attribute {name!r} of {owner}: {exc}")
    return attributes


def _fill_value(value: Elements, dtype: AnyDtype, name: str, contents: FileContents) -> Elements:
    """Return the value that means "missing", or None."""
    if value is None:
        return None
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    try:
        return normalize_fill_value(value, dtype)
    except ValueError as exc:
        contents.notices.append(f"skipped the attribute _FillValue of /{name} as fill value: {exc}")
        return None
