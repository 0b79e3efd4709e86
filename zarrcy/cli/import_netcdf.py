"""``zarrcy import``: create a Zarr store from HDF5, netCDF-4 or netCDF-3 files. A failure leaves nothing behind."""

from __future__ import annotations

import argparse
import itertools
import math
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from zarrcy.cli.arguments import COMPRESSORS, add_zarr_format, chunk_rule, compressor, lengths
from zarrcy.cli.chunk_blocks import BLOCK_NBYTES, ChunkRule, block_shape, choose_chunks, iter_blocks
from zarrcy.cli.errors import EXIT_PARTLY, CommandError, one_line
from zarrcy.cli.hdf5_values import decode_text, load_h5py
from zarrcy.cli.locations import drop_outdated, local_path, open_location
from zarrcy.cli.netcdf_reader import DIMENSIONS, FileContents, Skipped, Variable, read_contents
from zarrcy.cli.text import (
    count,
    format_nbytes,
    format_ratio,
    format_shape,
    print_message,
    print_table,
    printable,
)
from zarrcy.errors import StrictJSONError
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import create, opened_store
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.progress_bar import Advance, byte_progress
from zarrcy.keys import prefix_of
from zarrcy.metadata import keeps_one_document, of_version
from zarrcy.metadata.format import Format
from zarrcy.metadata.xarray_convention import MISSING_ATTRIBUTE, encode_missing
from zarrcy.settings import STRICT_JSON
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.types import AnyArray, Codec, Elements, Option, Shape, Store, ZarrFormat

if TYPE_CHECKING:
    import h5py

# How HDF5 reports that a file system does not offer locks (NFS, Lustre, Cray).
_CANNOT_LOCK = re.compile(r"unable to lock file, errno = (37|95|524)\b")

__all__ = ["ImportReport", "Imported", "add_arguments", "import_file", "import_files", "run"]


# -- the command -----------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the description and the arguments of ``zarrcy import``."""
    parser.description = (
        "Create a Zarr store from netCDF or HDF5 files. Each dataset becomes an array with its attributes, the value "
        "of missing elements and the names of its axes, stored where xarray looks for them in this format. Of several "
        "files, each becomes a group with the name of the file."
    )
    parser.epilog = (
        "Objects that Zarr cannot represent are skipped and reported, and the exit code is 3 then. Sequences of "
        "numbers of varying length get the codec vlen-array. Variables that are shorter than an unlimited dimension "
        "are padded, as netCDF does. NaN and infinities in attributes stay numbers, written as zarr-python "
        "does (NaN, Infinity, -Infinity)."
    )
    parser.add_argument("source", metavar="SRC.nc", nargs="+", help="files to import")
    parser.add_argument(
        "destination", metavar="DST.zarr", help="directory, archive (.zip) or URL of a store to create"
    )
    add_zarr_format(parser, "format version of the store; default: 2, or 3 if --shards is given")
    parser.add_argument(
        "--shards",
        type=lengths,
        metavar="AxBxC",
        help="lengths of shards such as 1200x370x490, for datasets with as many axes; format 3. Each is a multiple of "
        "that of a chunk, or is rounded up to one",
    )
    parser.add_argument(
        "--chunks",
        type=chunk_rule,
        default="auto",
        metavar="auto|same|AxBxC",
        help="auto: keep chunks of 128 KiB to 16 MiB, choose a shape otherwise (default); same: keep the chunks of the "
        "file whatever their size; lengths such as 120x37x49: use them for datasets with as many axes, and auto for "
        "the others",
    )
    parser.add_argument(
        "--compressor", choices=COMPRESSORS, default=COMPRESSORS[0], help="default: %(default)s"
    )
    parser.add_argument(
        "--level",
        type=int,
        metavar="N",
        help="compression level: 0-9 for Blosc and zlib, 1-22 for zstd; a higher level is slower and gives smaller "
        "chunks",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing store at DST.zarr")
    parser.add_argument("--quiet", action="store_true", help="print only skipped objects and errors")


def run(args: argparse.Namespace) -> int:
    """Import a file, print a table of the new arrays, and return the exit code."""
    start = time.perf_counter()
    report = import_files(
        args.source,
        args.destination,
        chunks=args.chunks,
        compressor=compressor(args.compressor, args.level),
        zarr_format=args.zarr_format,
        shards=args.shards,
        overwrite=args.overwrite,
        quiet=args.quiet,
        notify=print_message,
    )
    if not args.quiet:
        _print_report(report, args.destination, time.perf_counter() - start)
    return EXIT_PARTLY if report.skipped else 0


def _print_report(report: ImportReport, destination: str, seconds: float) -> None:
    rows = [
        (
            item.path,
            format_shape(item.shape),
            format_shape(item.chunks),
            item.dtype,
            format_nbytes(item.nbytes),
            format_nbytes(item.nbytes_stored),
            format_ratio(item.nbytes, item.nbytes_stored),
            f"{item.seconds:.2f}",
        )
        for item in report.imported
    ]
    headings = ("name", "shape", "chunks", "dtype", "size", "stored", "ratio", "seconds")
    if rows:
        print_table(headings, rows, left=4)
    nbytes = sum(item.nbytes for item in report.imported)
    nbytes_stored = sum(item.nbytes_stored for item in report.imported)
    print(
        f"imported {count(len(rows), 'array')} into {printable(destination)}: {format_nbytes(nbytes)} stored in "
        f"{format_nbytes(nbytes_stored)}, in {seconds:.2f} s"
    )
    if report.skipped:
        paths = ", ".join(printable(f"/{item.path}") for item in report.skipped)
        print(f"skipped {count(len(report.skipped), 'object')}: {paths}")


# -- import a file ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One array of an import.

    Parameters
    ----------
    path : str
        Path of the array in the store.
    shape, chunks : tuple of int
        Shape and chunk shape, in elements.
    dtype : str
        Data type; ``str`` for strings of variable length.
    nbytes : int
        Size of the elements in memory, in bytes; strings count as UTF-8.
    nbytes_in_file : int
        Stored size in the file, in bytes.
    nbytes_stored : int
        Stored size in the store, in bytes, including metadata.
    seconds : float
        Duration of the import of this array.
    """

    path: str
    shape: Shape
    chunks: Shape
    dtype: str
    nbytes: int
    nbytes_in_file: int
    nbytes_stored: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Result of an import: the new arrays, and the objects that were skipped."""

    imported: list[Imported]
    skipped: list[Skipped]


def import_file(
    source: str | os.PathLike[str], destination: str | os.PathLike[str], **options: Option
) -> ImportReport:
    """Import one file into a new store; see `import_files`.

    Parameters
    ----------
    source : path
        HDF5, netCDF-4 or netCDF-3 file.
    destination : path or URL
        Store to create.
    **options
        Keywords of `import_files`.

    Returns
    -------
    ImportReport
        The new arrays, and what was skipped.
    """
    return import_files([source], destination, **options)


def import_files(
    sources: Sequence[str | os.PathLike[str]],
    destination: str | os.PathLike[str],
    *,
    chunks: ChunkRule = "auto",
    compressor: Codec | Literal["default"] | None = "default",
    zarr_format: ZarrFormat | None = None,
    shards: Shape | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    notify: Callable[[str], None] | None = None,
    block_nbytes: int = BLOCK_NBYTES,
) -> ImportReport:
    """Import files into a new store.

    A directory or an archive has a temporary name until it is complete. The elements pass through memory in blocks of
    whole chunks or shards, so each is encoded and written once.

    Parameters
    ----------
    sources : sequence of path
        HDF5, netCDF-4 or netCDF-3 files. Of several files, each becomes a group with the name of the file without its
        ending.
    destination : path or URL
        Directory, archive or URL of the store to create.
    chunks : {"auto", "same"} or tuple of int, default "auto"
        See `zarrcy.cli.chunk_blocks.choose_chunks`.
    compressor : codec, "default" or None
        See `zarrcy.create`.
    zarr_format : {2, 3}, optional
        Version of the format. The default is 2, or 3 if `shards` are given.
    shards : tuple of int, optional
        Shape of the shards of datasets with as many axes, in elements. Lengths that are not multiples of those of a
        chunk are rounded up.
    overwrite : bool, default False
        Replace an existing store at `destination`.
    quiet : bool, default False
        Do not show progress.
    notify : callable, optional
        Called with one line for each object or attribute that is skipped.
    block_nbytes : int, default 64 MiB
        Size of a block, in bytes. A chunk or shard that is larger is a block of its own.

    Returns
    -------
    ImportReport
        The new arrays, and what was skipped.

    Raises
    ------
    CommandError
        If a file cannot be read or the store cannot be created. Nothing is left behind.
    MissingExtraError
        If the package that reads the files is not installed.
    """
    format = of_version(zarr_format)
    if format is None:
        format = of_version(2 if shards is None else 3)
    assert format is not None, "there is a default"
    if shards is not None and not keeps_one_document(format):
        raise CommandError("--shards needs Zarr format 3; give --zarr-format 3")
    paths = [Path(source) for source in sources]
    groups = [""] if len(paths) == 1 else _group_names(paths)
    imported: list[Imported] = []
    skipped: list[Skipped] = []
    with _new_store(os.fspath(destination), paths, overwrite) as store:
        importer = _Importer(store, chunks, compressor, block_nbytes, format, shards)
        if len(paths) > 1:
            importer.node("").create_group()
        for path, group in zip(paths, groups, strict=True):
            report = _import_one(path, importer, group, quiet, notify)
            imported += report.imported
            skipped += report.skipped
    return ImportReport(imported, skipped)


def _group_names(paths: list[Path]) -> list[str]:
    """Return the name of the group of each file.

    Raises
    ------
    CommandError
        If two files have the same name.
    """
    names = [path.stem for path in paths]
    for name in names:
        if names.count(name) > 1:
            raise CommandError(f"several files are named {name!r}, and each needs a group of its own name")
    return names


def _import_one(
    source: Path, importer: _Importer, group: str, quiet: bool, notify: Callable[[str], None] | None
) -> ImportReport:
    """Import one file into a group of the new store."""
    with _open_contents(os.fspath(source), importer.block_nbytes) as contents:
        if notify is not None:
            for skipped in contents.skipped:
                notify(f"skipped /{skipped.path}: {skipped.reason}")
            for notice in contents.notices:
                notify(notice)
        if contents.skipped and not contents.variables:
            raise CommandError(f"{source}: none of its {len(contents.skipped)} objects can be imported")
        try:
            imported, refused = importer.run(contents, group, quiet)
        except StrictJSONError as exc:
            name = exc.key.rpartition("/")[0]
            raise CommandError(
                f"{source}: {exc.member} of /{name} is {exc.value}, which JSON does not have, and "
                f"{STRICT_JSON.name} is set. Unset it, or remove or replace the attribute in the file"
            ) from exc
    for skipped in refused:
        if notify is not None:
            notify(f"skipped /{skipped.path}: {skipped.reason}")
    return ImportReport(imported, [*contents.skipped, *refused])


# -- the file --------------------------------------------------------------------------------------


@contextmanager
def _open_contents(source: str, cache_nbytes: int) -> Iterator[FileContents]:
    """Read the structure of a file, which stays open in the block.

    Raises
    ------
    CommandError
        If it is not an HDF5 or netCDF file, or is damaged.
    """
    if os.path.exists(source) and not os.path.isfile(source):
        raise CommandError(f"{source} is not a regular file")
    with open(source, "rb") as stream:
        start = stream.read(4)
    if start[:3] == b"CDF" and start[3:] in (b"\x01", b"\x02", b"\x05"):
        from zarrcy.cli.classic_netcdf import open_classic

        with open_classic(source) as contents:
            yield contents
        return
    with _open_file(source, cache_nbytes) as file:
        try:
            contents = read_contents(file)
        except (KeyError, OSError, RuntimeError) as exc:
            # HDF5 raises these for a file with damaged structures
            raise CommandError(f"{source} cannot be read: {one_line(exc)}") from exc
        yield contents


@contextmanager
def _open_file(source: str, cache_nbytes: int) -> Iterator[h5py.File]:
    """Open an HDF5 file.

    Raises
    ------
    CommandError
        If it is not an HDF5 file, or is damaged.
    """
    h5py = load_h5py()
    if not h5py.is_hdf5(source):
        raise CommandError(f"{source} is not an HDF5 or netCDF-4 file")
    try:
        # with a cache as large as a block, a chunk of the file that two blocks share is decoded once
        file = h5py.File(source, "r", rdcc_nbytes=cache_nbytes)
    except OSError as exc:
        if _CANNOT_LOCK.search(str(exc)) is None:
            raise CommandError(f"{source} cannot be opened: {one_line(exc)}") from exc
        # a file that is only read needs no lock
        try:
            file = h5py.File(source, "r", rdcc_nbytes=cache_nbytes, locking=False)
        except OSError as again:
            raise CommandError(
                f"{source} cannot be opened: {one_line(again)}; its file system has no locks: set "
                "HDF5_USE_FILE_LOCKING=FALSE"
            ) from again
    with file:
        yield file


# -- the directory ---------------------------------------------------------------------------------


@contextmanager
def _new_store(destination: str, sources: list[Path], overwrite: bool) -> Iterator[Store]:
    """Create a store; if there is an error in the block, nothing is left behind.

    Raises
    ------
    CommandError
        If it cannot be created there.
    """
    local = local_path(destination)
    if local is None:
        with _new_url(destination, overwrite) as store:
            yield store
    elif destination.endswith(".zip"):
        if not local.parent.is_dir():
            raise CommandError(
                f"{local.parent}: no such directory, so {local.name!r} cannot be created in it"
            )
        if local.exists() and not overwrite:
            raise CommandError(f"{destination} already exists; give --overwrite to replace it")
        with opened_store(str(local), "w") as store:
            yield store
    else:
        target = _check_target(local, destination, sources, overwrite)
        with _new_directory(target) as folder:
            yield DirectoryStore(folder)
            drop_outdated(str(target))


@contextmanager
def _new_url(destination: str, overwrite: bool) -> Iterator[Store]:
    """Create the store of a URL. Others can see it before it is complete, because it cannot be renamed."""
    with open_location(destination, "a") as node:
        try:
            is_node, is_used = node.kind() is not None, node.has_keys()
        except Exception as exc:
            # each client has error classes of its own
            raise CommandError(f"{destination} cannot be opened: {one_line(exc)}") from exc
        if is_used and not is_node:
            raise CommandError(f"{destination} contains files, but it is not a Zarr store")
        if is_node and not overwrite:
            raise CommandError(f"{destination} already exists; give --overwrite to replace it")
        if is_node:
            node.erase()
        try:
            yield node.store
        except BaseException:
            node.erase()
            raise


def _check_target(target: Path, destination: str, sources: list[Path], overwrite: bool) -> Path:
    """Return the absolute path of the directory to create.

    Raises
    ------
    CommandError
        If it cannot be created there.
    """
    if not target.parent.is_dir():
        raise CommandError(f"{target.parent}: no such directory, so {target.name!r} cannot be created in it")
    if not target.exists():
        return target
    if not overwrite:
        raise CommandError(f"{destination} already exists; give --overwrite to replace it")
    # never replace other directories, such as a home directory
    is_store = target.is_dir() and (
        any((target / name).exists() for name in (".zgroup", ".zarray", "zarr.json"))
        or not any(target.iterdir())
    )
    if not is_store:
        raise CommandError(f"{destination} is not a Zarr store; --overwrite replaces only Zarr stores")
    if any(target in source.resolve().parents for source in sources):
        raise CommandError(f"{destination} contains the file to import, so it cannot be replaced")
    return target


@contextmanager
def _new_directory(target: Path) -> Iterator[Path]:
    """Create a temporary directory; rename it to `target` if the block succeeds, delete it otherwise."""
    folder = target.with_name(f".{target.name}.{uuid4().hex}.partial")
    folder.mkdir()
    try:
        yield folder
        old = _replace(folder, target)
    except BaseException:
        shutil.rmtree(folder)
        raise
    if old is not None:
        shutil.rmtree(old)


def _replace(folder: Path, target: Path) -> Path | None:
    """Rename a directory to `target`; return the new path of the directory that had this name."""
    if not target.exists():
        folder.rename(target)
        return None
    old = target.with_name(f".{target.name}.{uuid4().hex}.replaced")
    target.rename(old)
    try:
        folder.rename(target)
    except BaseException:
        old.rename(target)
        raise
    return old


# -- the arrays ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Importer:
    """Writes the contents of files to a store."""

    store: Store
    chunks: ChunkRule
    compressor: Codec | Literal["default"] | None
    block_nbytes: int
    format: Format
    shards: Shape | None

    def node(self, path: str) -> Node:
        return Node(self.store, path, zarr_format=self.format.ZARR_FORMAT)

    def run(self, contents: FileContents, group: str, quiet: bool) -> tuple[list[Imported], list[Skipped]]:
        """Create a group with all that a file contains; return the new arrays, and what the format cannot store."""
        prefix = prefix_of(group)
        for path, attributes in contents.groups.items():
            self.node((prefix + path).rstrip("/")).create_group(attributes=attributes)
        total = sum(math.prod(variable.shape) * variable.itemsize for variable in contents.variables)
        imported, refused = [], []
        with byte_progress(total, "importing", quiet=quiet) as advance:
            for variable in contents.variables:
                path = prefix + variable.path
                start = time.perf_counter()
                try:
                    array = self.create(variable, path)
                except StrictJSONError:
                    raise
                except ValueError as exc:
                    refused.append(Skipped(path, one_line(exc)))
                else:
                    nbytes = self.copy_elements(variable, array, advance)
                    imported.append(self.report(variable, array, nbytes, time.perf_counter() - start))
        return imported, refused

    def create(self, variable: Variable, path: str) -> Array:
        """Create the array of a variable."""
        chunks = choose_chunks(self.chunks, variable.shape, variable.itemsize, variable.source_chunks)
        attributes, options = dict(variable.attributes), {}
        if keeps_one_document(self.format):
            options["dimension_names"] = attributes.pop(DIMENSIONS)
            attributes.pop(MISSING_ATTRIBUTE, None)
            if variable.fill_value is not None and variable.items is None:
                attributes[MISSING_ATTRIBUTE] = encode_missing(variable.fill_value, variable.dtype)
            if self.shards is not None and len(self.shards) == len(chunks):
                options["shards"] = tuple(
                    -(-min(n, max(1, length)) // m) * m
                    for n, length, m in zip(self.shards, variable.shape, chunks, strict=True)
                )
        return create(
            variable.shape,
            chunks=chunks,
            dtype=variable.dtype_to_create,
            compressor=self.compressor,
            fill_value=variable.fill_value,
            store=self.store,
            path=path,
            zarr_format=self.format.ZARR_FORMAT,
            attributes=attributes,
            **options,
        )

    def report(self, variable: Variable, array: Array, nbytes: int, seconds: float) -> Imported:
        """Return the row of an array in the report."""
        return Imported(
            path=array.path,
            shape=array.shape,
            chunks=array.chunks,
            dtype=str(variable.dtype_to_create if array.dtype.hasobject else array.dtype),
            nbytes=nbytes,
            nbytes_in_file=variable.nbytes_in_file(),
            nbytes_stored=array.nbytes_stored,
            seconds=seconds,
        )

    def copy_elements(self, variable: Variable, array: Array, advance: Advance) -> int:
        """Copy all elements, and return their size in bytes."""
        nbytes = 0
        stored = array.shards or array.chunks
        lengths = block_shape(variable.shape, stored, variable.itemsize, self.block_nbytes)
        for block in iter_blocks(variable.shape, lengths):
            values = _read_block(variable, block)
            if variable.items is not None:
                nbytes += sum(item.nbytes for item in values.reshape(-1))
            else:
                nbytes += _text_nbytes(values) if variable.is_text else values.nbytes
            array[block] = values
            advance(values.size * variable.itemsize)
        return nbytes


def _read_block(variable: Variable, block: tuple[slice, ...]) -> AnyArray:
    """Read a block of a variable. Elements beyond the end of the dataset have the value that netCDF shows there.

    Raises
    ------
    CommandError
        If HDF5 cannot read it.
    """
    dataset = variable.dataset
    n_axes = len(dataset.shape)
    # h5py cannot select along the axes of an array type, so they are read whole
    stored = tuple(
        slice(min(s.start, n), min(s.stop, n)) for s, n in zip(block[:n_axes], dataset.shape, strict=True)
    )
    try:
        elements = (
            _read_objects(variable, stored) if variable.dtype.hasobject else np.asarray(dataset[stored])
        )
    except (OSError, RuntimeError) as exc:
        raise CommandError(f"/{variable.path} cannot be read from the file: {one_line(exc)}") from exc
    if variable.is_text:
        values = _to_str(elements)
    elif variable.items is not None:
        values = elements
    else:
        values = elements[(slice(None),) * n_axes + block[n_axes:]].astype(variable.dtype, copy=False)
    shape = tuple(s.stop - s.start for s in block)
    if values.shape == shape:
        return values
    padded: AnyArray = np.empty(shape, variable.dtype)
    if variable.items is None:
        padded[...] = variable.padding
    else:
        _fill_with(padded, variable.padding)
    padded[tuple(map(slice, values.shape))] = values
    return padded


def _fill_with(objects: AnyArray, item: Elements) -> None:
    """Give all elements the same object, which may be an array."""
    flat = objects.reshape(-1)
    for number in range(flat.size):
        flat[number] = item


def _read_objects(variable: Variable, region: tuple[slice, ...]) -> AnyArray:
    """Read strings or sequences. The chunks that the file does not have are not read, because HDF5 2.0 fails there."""
    dataset = variable.dataset
    assert not isinstance(dataset, np.ndarray), "netCDF-3 has no objects"
    if dataset.chunks is None or dataset.id.get_num_chunks() == math.prod(
        -(-n // c) for n, c in zip(dataset.shape, dataset.chunks, strict=True)
    ):
        return _objects(dataset[region])
    elements: AnyArray = np.empty(tuple(s.stop - s.start for s in region), object)
    _fill_with(elements, variable.padding)
    corners = itertools.product(
        *(range(s.start // c * c, s.stop, c) for s, c in zip(region, dataset.chunks, strict=True))
    )
    for corner in corners:
        if dataset.id.get_chunk_info_by_coord(corner).byte_offset is None:
            continue
        part = tuple(
            slice(max(i, s.start), min(i + c, s.stop))
            for i, c, s in zip(corner, dataset.chunks, region, strict=True)
        )
        inside = tuple(slice(p.start - s.start, p.stop - s.start) for p, s in zip(part, region, strict=True))
        elements[inside] = dataset[part]
    return elements


def _objects(elements: Elements) -> AnyArray:
    """Return what h5py read as an array of objects; a single sequence is one object."""
    if isinstance(elements, np.ndarray) and elements.dtype == object:
        return elements
    one: AnyArray = np.empty((), object)
    one[()] = elements
    return one


def _to_str(elements: AnyArray) -> NDArray[np.object_]:
    """Convert strings of h5py to str."""
    values = np.empty(np.shape(elements), object)
    values[...] = elements
    flat = values.reshape(-1)
    for number, value in enumerate(flat):
        flat[number] = decode_text(value)
    return values


def _text_nbytes(values: AnyArray) -> int:
    """Return the size of strings as UTF-8, in bytes."""
    return sum(len(text.encode("utf-8")) for text in values.reshape(-1))
