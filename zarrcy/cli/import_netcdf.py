"""Import an HDF5 or netCDF-4 file: every dataset becomes an array, and a failure leaves nothing behind."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from zarrcy.api.progress import Advance, byte_progress
from zarrcy.cli.chunk_blocks import SLAB_NBYTES, ChunkRule, choose_chunks, slab_shape, slabs
from zarrcy.cli.failure import CommandError, one_line
from zarrcy.cli.netcdf_reader import Skipped, Survey, Variable, survey
from zarrcy.cli.values import decode_text, load_h5py
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import create
from zarrcy.hierarchy.node import Node
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.types import Shape

__all__ = ["Imported", "Report", "import_file"]


@dataclass(frozen=True, slots=True)
class Imported:
    """One array of an import.

    Attributes
    ----------
    path : in the store
    shape, chunks : in elements
    dtype : as text; ``str`` for texts of any length
    nbytes : of the elements; of texts, in UTF-8
    nbytes_in_file, nbytes_stored : what the elements take in the file and, with metadata, in the store
    seconds : that the import of this array took
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
class Report:
    """What an import did: the arrays that it made, and the objects that it left out."""

    imported: list[Imported]
    skipped: list[Skipped]


def import_file(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    chunks: ChunkRule = "auto",
    compressor: Any = "default",
    overwrite: bool = False,
    quiet: bool = False,
    notify: Callable[[str], None] | None = None,
) -> Report:
    """Import a file into a new directory.

    The directory has another name until it is complete. The elements go through memory in pieces of
    about 64 MiB of whole chunks, so each chunk is encoded and written once.

    Parameters
    ----------
    source : an HDF5 or netCDF-4 file
    destination : directory that is made
    chunks : see `zarrcy.cli.chunk_blocks.choose_chunks`
    compressor : see `zarrcy.create`
    overwrite : replace a store that is at `destination`
    quiet : show no progress
    notify : is called with one line for everything that is left out

    Raises
    ------
    CommandError : the file can't be read, or the directory can't be made; nothing is left behind
    MissingExtraError : h5py is not installed
    """
    h5py = load_h5py()
    target = _check_target(destination, Path(source), overwrite)
    with _opened(h5py, os.fspath(source)) as file:
        try:
            found = survey(file)
        except (KeyError, OSError, RuntimeError) as exc:
            # what HDF5 raises where the structure of a file is damaged
            raise CommandError(f"{source} can't be read: {one_line(exc)}") from exc
        if notify is not None:
            for skipped in found.skipped:
                notify(f"/{skipped.path} is left out: {skipped.reason}")
            for notice in found.notices:
                notify(notice)
        if found.skipped and not found.variables:
            raise CommandError(f"{source}: none of its {len(found.skipped)} objects can be imported")
        with _published(target) as folder:
            imported = _fill(DirectoryStore(folder), found, chunks, compressor, quiet)
    return Report(imported, found.skipped)


# -- the file ------------------------------------------------------------------------------------


@contextmanager
def _opened(h5py: Any, source: str) -> Iterator[Any]:
    """Open a file of HDF5, and say what is wrong with it if it is none."""
    with open(source, "rb") as stream:
        start = stream.read(4)
    if start[:3] == b"CDF" and start[3:] in (b"\x01", b"\x02", b"\x05"):
        raise CommandError(
            f"{source} is a classic netCDF-3 file, which h5py can't read. Convert it first: "
            f"nccopy -k nc4 {source} NEW.nc"
        )
    if not h5py.is_hdf5(source):
        raise CommandError(f"{source} is no HDF5 or netCDF-4 file")
    try:
        # a cache as large as a slab: a chunk of the file that two slabs share is decoded once
        file = h5py.File(source, "r", rdcc_nbytes=SLAB_NBYTES)
    except OSError as exc:
        raise CommandError(f"{source} can't be opened: {one_line(exc)}") from exc
    with file:
        yield file


# -- the directory -------------------------------------------------------------------------------


def _check_target(destination: str | os.PathLike[str], source: Path, overwrite: bool) -> Path:
    """Return where the directory will be, if it can be there."""
    if "://" in os.fspath(destination) or os.fspath(destination).endswith(".zip"):
        raise CommandError(f"{destination}: an import makes a directory, and nothing else")
    target = Path(destination).resolve()
    if not target.parent.is_dir():
        raise CommandError(f"{target.parent}: there is no such directory to make {target.name!r} in")
    if not target.exists():
        return target
    if not overwrite:
        raise CommandError(f"{destination} exists already; give --overwrite to replace it")
    # never what only looks like a place for a store: a home directory, say
    is_store = target.is_dir() and (
        (target / ".zgroup").exists() or (target / ".zarray").exists() or not any(target.iterdir())
    )
    if not is_store:
        raise CommandError(f"{destination} exists and is no Zarr store; --overwrite replaces stores only")
    if target in source.resolve().parents:
        raise CommandError(f"{destination} holds the file that is to be imported, and can't be replaced")
    return target


@contextmanager
def _published(target: Path) -> Iterator[Path]:
    """Give a directory to fill, which takes the name and the place of `target` when the block ends well."""
    folder = target.with_name(f".{target.name}.{uuid4().hex}.partial")
    folder.mkdir()
    try:
        yield folder
        old = _take_place(folder, target)
    except BaseException:
        shutil.rmtree(folder)
        raise
    if old is not None:
        shutil.rmtree(old)


def _take_place(folder: Path, target: Path) -> Path | None:
    """Rename a directory, and return where that is which had the name before."""
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


# -- the arrays ----------------------------------------------------------------------------------


def _fill(
    store: DirectoryStore, found: Survey, chunks: ChunkRule, compressor: Any, quiet: bool
) -> list[Imported]:
    for path, attributes in found.groups.items():
        node = Node(store, path)
        node.save_group()
        if attributes:
            node.save_attributes(attributes)
    total = sum(math.prod(variable.shape) * variable.itemsize for variable in found.variables)
    with byte_progress(total, "importing", quiet=quiet) as advance:
        return [
            _import_variable(store, variable, chunks, compressor, advance) for variable in found.variables
        ]


def _import_variable(
    store: DirectoryStore, variable: Variable, rule: ChunkRule, compressor: Any, advance: Advance
) -> Imported:
    began = time.perf_counter()
    array = create(
        variable.shape,
        chunks=choose_chunks(rule, variable.shape, variable.itemsize, variable.source_chunks),
        dtype=str if variable.is_text else variable.dtype,
        compressor=compressor,
        fill_value=variable.fill_value,
        store=store,
        path=variable.path,
        attributes=variable.attributes,
    )
    nbytes = _copy(variable, array, advance)
    return Imported(
        path=variable.path,
        shape=array.shape,
        chunks=array.chunks,
        dtype="str" if variable.is_text else str(array.dtype),
        nbytes=nbytes,
        nbytes_in_file=variable.dataset.id.get_storage_size(),
        nbytes_stored=array.nbytes_stored,
        seconds=time.perf_counter() - began,
    )


def _copy(variable: Variable, array: Array, advance: Advance) -> int:
    """Copy all elements, and return how many bytes they are."""
    nbytes = 0
    n_own = len(variable.dataset.shape)
    for slab in slabs(
        variable.shape, slab_shape(variable.shape, array.chunks, variable.itemsize, SLAB_NBYTES)
    ):
        try:
            # the axes of an array type are not the dataset's to select from: they come whole
            given = variable.dataset[slab[:n_own]]
        except (OSError, RuntimeError) as exc:
            raise CommandError(f"/{variable.path} can't be read from the file: {one_line(exc)}") from exc
        if variable.is_text:
            values, n = _texts(given)
            nbytes += n
        else:
            values = np.asarray(given)[(slice(None),) * n_own + slab[n_own:]].astype(
                variable.dtype, copy=False
            )
            nbytes += values.nbytes
        array[slab] = values
        advance(values.size * variable.itemsize)
    return nbytes


def _texts(given: Any) -> tuple[NDArray[np.object_], int]:
    """Return texts as h5py gives them as str, and their length in UTF-8."""
    values = np.empty(np.shape(given), object)
    values[...] = given
    flat = values.reshape(-1)
    for number, value in enumerate(flat):
        flat[number] = decode_text(value)
    return values, sum(len(text.encode("utf-8")) for text in flat)
