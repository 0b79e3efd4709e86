"""Where the elements of an HDF5 dataset are: in the file, in raw files, or in the sources of a virtual dataset."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

from zarrcy import settings
from zarrcy.cli.hdf5_values import UnstorableError, decode_text, load_h5py

if TYPE_CHECKING:
    import h5py

__all__ = ["ObjectId", "check_storage", "object_id"]

ObjectId = tuple[int, int]
"""File number and address of an object: equal for all links to it."""


def object_id(obj: h5py.Group | h5py.Dataset) -> ObjectId:
    """Return the identity of a group or a dataset."""
    info = load_h5py().h5o.get_info(obj.id)
    return info.fileno, info.addr


def check_storage(dataset: h5py.Dataset) -> None:
    """Check that all elements of a dataset can be read, and that they come from HDF5 files.

    The sources of a virtual dataset are checked as well. They may be in other HDF5 files.

    Raises
    ------
    UnstorableError
        If the elements are in raw files: a file from elsewhere could name any file of this machine. If a virtual
        dataset lacks a source: HDF5 would return fill values instead. If a filter is not installed.
    """
    _check(dataset, set())


def _check(dataset: h5py.Dataset, users: set[ObjectId]) -> None:
    """Check a dataset and its sources. `users` are the virtual datasets that lead to it."""
    properties = dataset.id.get_create_plist()
    if properties.get_external_count():
        name = decode_text(properties.get_external(0)[0])
        raise UnstorableError(f"its elements are in other files that are not HDF5 files, such as {name!r}")
    _check_filters(properties)
    if not dataset.is_virtual:
        return
    identity = object_id(dataset)
    if identity in users:
        raise UnstorableError("it is a virtual dataset that is its own source")
    sources = {(source.file_name, source.dset_name) for source in dataset.virtual_sources()}
    for file_name, path in sorted(sources):
        _check_source(dataset, file_name, path, {*users, identity})


def _check_filters(properties: h5py.h5p.PropDCID) -> None:
    h5py = load_h5py()
    for number in range(properties.get_nfilters()):
        code, _, _, name = properties.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            raise UnstorableError(
                f"it is compressed with the HDF5 filter {code} ({decode_text(name)}), which is not installed; "
                "try the package hdf5plugin"
            )


def _check_source(dataset: h5py.Dataset, file_name: str, path: str, users: set[ObjectId]) -> None:
    """Check a source of a virtual dataset. If its name has the pattern %b, it is one source for each block."""
    has_blocks = (_expand(file_name, 0), _expand(path, 0)) != (_expand(file_name, 1), _expand(path, 1))
    for block in count():
        block_file, block_path = _expand(file_name, block), _expand(path, block)
        with _open_source(dataset, block_file, block_path) as source:
            if source is None:
                break
            _check(source, users)
        if not has_blocks:
            return
    if block == 0:
        raise UnstorableError(f"it is a virtual dataset without its source: {block_path!r} in {block_file!r}")


def _expand(name: str, block: int) -> str:
    """Return the name of the source of a block.

    Examples
    --------
    >>> _expand("part-%b-of-100%%", 3)
    'part-3-of-100%'
    """
    return re.sub("%[b%]", lambda match: str(block) if match[0] == "%b" else "%", name)


@contextmanager
def _open_source(dataset: h5py.Dataset, file_name: str, path: str) -> Iterator[h5py.Dataset | None]:
    """Open a source of a virtual dataset; yield None if HDF5 would not find it."""
    h5py = load_h5py()
    if file_name == ".":
        yield _dataset_at(dataset.file, path)
        return
    place = next(
        (place for place in _places(dataset.file.filename, file_name) if os.path.isfile(place)), None
    )
    if place is None or not h5py.is_hdf5(place):
        yield None
        return
    try:
        file = h5py.File(place, "r")
    except OSError:
        yield None
        return
    with file:
        yield _dataset_at(file, path)


def _dataset_at(file: h5py.File, path: str) -> h5py.Dataset | None:
    try:
        found = file[path]
    except (KeyError, OSError, RuntimeError, TypeError):
        return None
    return found if isinstance(found, load_h5py().Dataset) else None


def _places(user: str, name: str) -> Iterator[str]:
    """Iterate over the paths at which HDF5 looks for a source file, in its order.

    Source: the HDF5 documentation of ``H5Pset_virtual`` and ``H5Pset_virtual_prefix``.
    """
    folder = os.path.dirname(os.path.abspath(user))
    if os.path.isabs(name):
        yield name
        name = os.path.basename(name)
    prefix = settings.HDF5_VDS_PREFIX.text()
    if prefix:
        yield os.path.join(prefix.replace("${ORIGIN}", folder), name)
    yield os.path.join(folder, name)
    yield name
