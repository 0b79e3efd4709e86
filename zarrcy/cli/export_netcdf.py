"""``zarrcy export``: write a group or an array to a netCDF-4 file. A failure leaves nothing behind.

Sources: the netCDF-4 file format specification (dimensions are dimension scales of HDF5, ``_Netcdf4Dimid``,
``_nc4_non_coord_``), and xarray's conventions for booleans and texts of fixed length.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np

from zarrcy.cli.arguments import add_location
from zarrcy.cli.chunk_blocks import BLOCK_NBYTES, block_shape, iter_blocks
from zarrcy.cli.errors import EXIT_PARTLY, CommandError, one_line
from zarrcy.cli.hdf5_values import load_h5py
from zarrcy.cli.locations import open_location, require_kind
from zarrcy.cli.netcdf_reader import DIMENSIONS
from zarrcy.cli.text import count, format_nbytes, print_message, printable
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.groups import Group
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.progress_bar import Advance, byte_progress
from zarrcy.metadata import keeps_one_document
from zarrcy.metadata.xarray_convention import MISSING_ATTRIBUTE, to_v2
from zarrcy.types import JSON, AnyArray, AnyDtype, Elements, Shape

if TYPE_CHECKING:
    import h5py

__all__ = ["add_arguments", "export_file", "run"]

_PURE_DIMENSION = "This is a netCDF dimension but not a netCDF variable.{:10d}"
_NOT_A_COORDINATE = "_nc4_non_coord_"
# Attributes whose values netCDF compares with the elements of the variable, so they have its data type.
_OF_ELEMENTS = {"missing_value", "valid_min", "valid_max", "valid_range", "flag_values", "flag_masks"}
# Size that a text of any length is counted as, in bytes.
_TEXT_NBYTES = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the description and the arguments of ``zarrcy export``."""
    parser.description = (
        "Write a group with all that is below it, or an array, to a netCDF-4 file: elements, attributes, names and "
        "coordinates of dimensions, and the value of missing elements."
    )
    parser.epilog = (
        "Arrays that netCDF-4 cannot represent (complex numbers, compounds, sequences) are skipped and reported, and "
        "the exit code is 3 then. Booleans become bytes with the attribute dtype, as xarray writes them, and numbers "
        "of 16 bits become those of 32 bits. Axes without names are named dim_0, dim_1 and so on."
    )
    add_location(parser)
    parser.add_argument("destination", metavar="FILE.nc", help="file to create")
    parser.add_argument(
        "--level",
        type=int,
        choices=range(10),
        default=4,
        metavar="0-9",
        help="of deflate; default: %(default)s",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    parser.add_argument("--quiet", action="store_true", help="print only skipped arrays and errors")


def run(args: argparse.Namespace) -> int:
    """Write the file, print a summary, and return the exit code."""
    start = time.perf_counter()
    report = export_file(
        args.path,
        args.destination,
        level=args.level,
        overwrite=args.overwrite,
        quiet=args.quiet,
        notify=print_message,
    )
    if not args.quiet:
        print(
            f"exported {count(len(report.exported), 'array')} to {printable(args.destination)}: "
            f"{format_nbytes(report.nbytes)} in {time.perf_counter() - start:.2f} s"
        )
    return EXIT_PARTLY if report.skipped else 0


@dataclass(slots=True)
class ExportReport:
    """Result of an export: the paths of the arrays that were written, of those that were skipped, and the size."""

    exported: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    nbytes: int = 0


def export_file(
    source: str,
    destination: str | os.PathLike[str],
    *,
    level: int = 4,
    overwrite: bool = False,
    quiet: bool = False,
    notify: Callable[[str], None] | None = None,
    block_nbytes: int = BLOCK_NBYTES,
) -> ExportReport:
    """Write a group or an array to a new netCDF-4 file.

    The file has a temporary name until it is complete. The elements pass through memory in blocks of whole chunks.

    Parameters
    ----------
    source : str
        Location of the group or the array.
    destination : path
        File to create.
    level : int, default 4
        Level of deflate; 0 for no compression.
    overwrite : bool, default False
        Replace an existing file.
    quiet : bool, default False
        Do not show progress.
    notify : callable, optional
        Called with one line for each array or attribute that is skipped.
    block_nbytes : int, default 64 MiB
        Size of a block, in bytes. A chunk or shard that is larger is a block of its own.

    Returns
    -------
    ExportReport
        What was written.

    Raises
    ------
    CommandError
        If there is nothing to write, or the file cannot be created. Nothing is left behind.
    MissingExtraError
        If h5py is not installed.
    """
    h5py = load_h5py()
    target = Path(destination).absolute()
    if target.exists() and not overwrite:
        raise CommandError(f"{destination} already exists; give --overwrite to replace it")
    if target.is_dir() or not target.parent.is_dir():
        raise CommandError(
            f"{destination} cannot be created: it is a directory, or its folder does not exist"
        )
    with open_location(source) as node:
        kind = require_kind(node, source)
        partial = target.with_name(f".{target.name}.{uuid4().hex}.partial")
        try:
            with h5py.File(partial, "w") as file:
                exporter = _Exporter(file, level, block_nbytes, notify or (lambda line: None))
                report = exporter.run(node, kind, quiet)
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    return report


class UnwritableError(Exception):
    """netCDF-4 cannot represent an array or an attribute. The message describes why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variable:
    """An array, as netCDF has it."""

    array: Array
    name: str
    dims: tuple[str, ...]
    shape: Shape
    dtype: AnyDtype
    is_text: bool
    missing: Elements
    attributes: dict[str, JSON]


class _Exporter:
    """Writes a hierarchy to an open file."""

    def __init__(self, file: h5py.File, level: int, block_nbytes: int, notify: Callable[[str], None]) -> None:
        self.h5py = load_h5py()
        self.file, self.level, self.block_nbytes, self.notify = file, level, block_nbytes, notify
        self.report = ExportReport()
        self.n_dimensions = 0

    def run(self, node: Node, kind: str, quiet: bool) -> ExportReport:
        """Write everything at and below a node."""
        if kind == "array":
            from zarrcy.hierarchy.creation import open_array

            array = open_array(node.store, mode="r", path=node.path)
            with byte_progress(array.nbytes, "exporting", quiet=quiet) as advance:
                self.add_group(self.file, {}, {array.basename or "data": array}, {}, advance)
            return self.report
        group = Group(node.store, node.path, read_only=True)
        total = sum(array.nbytes for _, array in group.arrays(recurse=True))
        with byte_progress(total, "exporting", quiet=quiet) as advance:
            self.add_tree(self.file, group, {}, advance)
        return self.report

    def add_tree(
        self,
        place: h5py.Group,
        group: Group,
        scales: Mapping[tuple[str, int], h5py.Dataset],
        advance: Advance,
    ) -> None:
        """Write a group and those below it, which can use its dimensions."""
        members = dict(group.items())
        arrays = {name: member for name, member in members.items() if isinstance(member, Array)}
        own = self.add_group(place, group.attrs.asdict(), arrays, scales, advance)
        for name, member in members.items():
            if isinstance(member, Group):
                self.add_tree(place.create_group(name), member, own, advance)

    def add_group(
        self,
        place: h5py.Group,
        attributes: Mapping[str, JSON],
        arrays: Mapping[str, Array],
        inherited: Mapping[tuple[str, int], h5py.Dataset],
        advance: Advance,
    ) -> dict[tuple[str, int], h5py.Dataset]:
        """Write the arrays of a group; return the scales of the dimensions that groups below it can use."""
        for name, value in attributes.items():
            self.set_attribute(place, name, value)
        variables = []
        for name, array in arrays.items():
            try:
                variables.append(_describe(name, array))
            except UnwritableError as exc:
                self.skip(array.path, str(exc))
        scales = dict(inherited)
        lengths = dict(scales.keys())
        names: dict[tuple[str, int], str] = {}
        for variable in variables:
            for name, length in zip(variable.dims, variable.shape, strict=True):
                if (name, length) in scales or (name, length) in names:
                    continue
                # a dimension has one length in a group
                taken = name in lengths and (name, lengths[name]) not in inherited
                names[name, length] = f"{name}_{length}" if taken else name
                lengths.setdefault(name, length)
        coordinates = {
            variable.name
            for variable in variables
            if variable.dims == (variable.name,)
            and names.get((variable.name, variable.shape[0])) == variable.name
        }
        datasets = {}
        for variable in variables:
            # a variable with the name of a dimension that is not its coordinate has another name in the file
            is_in_the_way = variable.name in names.values() and variable.name not in coordinates
            prefix = _NOT_A_COORDINATE if is_in_the_way else ""
            datasets[variable.name] = self.create(place, prefix + variable.name, variable)
        for (name, length), stored_name in names.items():
            scales[name, length] = self.scale(place, stored_name, length, datasets, coordinates)
        for variable in variables:
            dataset = datasets[variable.name]
            if variable.name not in coordinates:
                for axis, key in enumerate(zip(variable.dims, variable.shape, strict=True)):
                    dataset.dims[axis].attach_scale(scales[key])
            self.copy(variable, dataset, advance)
        return scales

    def scale(
        self,
        place: h5py.Group,
        name: str,
        length: int,
        datasets: Mapping[str, h5py.Dataset],
        coordinates: set[str],
    ) -> h5py.Dataset:
        """Return the scale of a dimension: its coordinate, or a dataset without elements."""
        if name in coordinates:
            dataset = datasets[name]
            dataset.make_scale(name)
        else:
            dataset = place.create_dataset(name, (length,), ">f4")
            dataset.make_scale(_PURE_DIMENSION.format(length))
        dataset.attrs["_Netcdf4Dimid"] = np.int32(self.n_dimensions)
        self.n_dimensions += 1
        return dataset

    def create(self, place: h5py.Group, name: str, variable: _Variable) -> h5py.Dataset:
        """Create the dataset of a variable, with its attributes."""
        options: dict[str, JSON] = {}
        if variable.shape and all(variable.shape):
            chunks = (*variable.array.chunks, *variable.shape[variable.array.ndim :])
            options["chunks"] = tuple(min(a, b) for a, b in zip(chunks, variable.shape, strict=True))
            if self.level:
                options |= {"compression": "gzip", "compression_opts": self.level, "shuffle": True}
        if variable.missing is not None and not variable.is_text:
            options["fillvalue"] = variable.missing
        dtype = self.h5py.string_dtype() if variable.is_text else variable.dtype
        dataset = place.create_dataset(name, variable.shape, dtype, **options)
        if variable.missing is not None:
            dataset.attrs[MISSING_ATTRIBUTE] = variable.missing
        for key, value in variable.attributes.items():
            self.set_attribute(dataset, key, value, None if variable.is_text else variable.dtype)
        return dataset

    def copy(self, variable: _Variable, dataset: h5py.Dataset, advance: Advance) -> None:
        """Copy all elements."""
        array = variable.array
        itemsize = _TEXT_NBYTES if variable.is_text else array.itemsize
        for block in iter_blocks(
            array.shape, block_shape(array.shape, array.shards or array.chunks, itemsize, self.block_nbytes)
        ):
            elements = np.asarray(array[block])
            dataset[block] = _as_stored(elements, variable)
            advance(elements.nbytes)
        self.report.exported.append(array.path)
        self.report.nbytes += array.nbytes

    def skip(self, path: str, reason: str) -> None:
        self.report.skipped.append(path)
        self.notify(f"skipped /{path}: {reason}")

    def set_attribute(
        self, owner: h5py.Group | h5py.Dataset, name: str, value: JSON, dtype: AnyDtype | None = None
    ) -> None:
        """Set an attribute, unless netCDF cannot represent it."""
        try:
            stored = _attribute(value)
            if dtype is not None and name in _OF_ELEMENTS:
                stored = _cast(stored, dtype)
            owner.attrs[name] = stored
        except (UnwritableError, OSError, TypeError, ValueError) as exc:
            self.notify(f"skipped attribute {name!r} of {owner.name}: {one_line(exc)}")


def _describe(name: str, array: Array) -> _Variable:
    """Return what netCDF shows of an array.

    Raises
    ------
    UnwritableError
        If netCDF-4 does not have such elements.
    """
    description, attributes = array.description, array.attrs.asdict()
    if keeps_one_document(array.node.format):
        description, attributes = to_v2(description, attributes)
    names, missing = attributes.pop(DIMENSIONS, None), description.fill_value
    if not isinstance(names, list) or len(names) != array.ndim:
        # only in arrays that follow xarray's convention the fill value means "missing"
        stated, missing = array.dimension_names or (None,) * array.ndim, None
        names = [f"dim_{axis}" if one is None else one for axis, one in enumerate(stated)]
    if missing is None:
        missing = attributes.get(MISSING_ATTRIBUTE)
    attributes.pop(MISSING_ATTRIBUTE, None)
    dims, shape, dtype = tuple(map(str, names)), array.shape, array.dtype
    kind = dtype.kind
    is_text = kind == "U"
    if kind == "O":
        codec = array.filters[0].codec_id if array.filters else None
        if codec != "vlen-utf8":
            raise UnwritableError(f"netCDF-4 does not have a type for elements of the codec {codec!r}")
        is_text = True
    elif kind == "b":
        attributes["dtype"] = "bool"
        dtype = np.dtype("i1")
    elif kind == "f" and dtype.itemsize == 2:
        dtype = np.dtype("f4")
    elif kind == "S":
        if dtype.itemsize > 1:
            dims, shape = (*dims, f"string{dtype.itemsize}"), (*shape, dtype.itemsize)
        dtype = np.dtype("S1")
    elif not is_text and kind not in "iuf":
        raise UnwritableError(f"netCDF-4 does not have the data type {dtype}")
    return _Variable(
        array=array,
        name=name,
        dims=dims,
        shape=shape,
        dtype=dtype,
        is_text=is_text,
        missing=_missing(missing, dtype, is_text),
        attributes=attributes,
    )


def _missing(value: Elements, dtype: AnyDtype, is_text: bool) -> Elements:
    """Return the attribute _FillValue; None if no element is missing."""
    if value is None:
        return None
    if is_text:
        # the empty text is the fill value of arrays for which none was chosen
        return str(value) if isinstance(value, str) and value else None
    if dtype.kind == "S":
        return value if isinstance(value, bytes) and len(value) == 1 else None
    return np.asarray(value).astype(dtype)[()]


def _as_stored(elements: AnyArray, variable: _Variable) -> AnyArray:
    """Return elements as the file has them."""
    if variable.is_text:
        texts: AnyArray = np.array([str(text) for text in elements.reshape(-1)], object)
        return texts.reshape(elements.shape)
    if elements.dtype.kind == "S":
        plain = np.ascontiguousarray(elements)
        return plain.view("S1").reshape(*elements.shape, *variable.shape[elements.ndim :])
    return elements.astype(variable.dtype, copy=False)


def _attribute(value: JSON) -> Elements:
    """Return an attribute as h5py takes it.

    Raises
    ------
    UnwritableError
        If netCDF-4 cannot represent it.
    """
    if isinstance(value, bool):
        return np.int8(value)
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, list) and value:
        if all(isinstance(item, str) for item in value):
            return np.array(value, object)
        if all(isinstance(item, (int, float)) for item in value):
            return np.array(value, "i1" if all(isinstance(item, bool) for item in value) else None)
    if isinstance(value, list) and not value:
        return np.empty(0, "f8")
    raise UnwritableError(f"netCDF-4 cannot represent {value!r:.60}")


def _cast(value: Elements, dtype: AnyDtype) -> Elements:
    """Return the value of an attribute in the data type of the elements, if that changes nothing."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or dtype.kind not in "iuf":
        return value
    with np.errstate(all="ignore"):
        cast = array.astype(dtype)
    same = dtype.kind == "f" or np.array_equal(cast, array)
    return cast if same else value
