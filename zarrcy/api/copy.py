"""Copy arrays, groups and whole stores, also from and to h5py.

Chunks are copied as stored if the copy has the same chunks, codecs, data type, order and fill value.
"""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, TextIO, TypeAlias

import numpy as np

from zarrcy import metadata, settings
from zarrcy.api.convert_plan import MOST_WRITTEN, TOO_SPARSE, changes_unwritten
from zarrcy.errors import ConversionError, CopyError, MetadataError
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.copy_elements import copy_elements
from zarrcy.hierarchy.creation import opened_store
from zarrcy.hierarchy.groups import Group
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.progress_bar import Advance, byte_progress
from zarrcy.hierarchy.progress_records import is_record
from zarrcy.hierarchy.replacement import refuse_overlap
from zarrcy.hierarchy.unfinished import MARKER, UnfinishedCopy, marked_prefix
from zarrcy.keys import normalize_path, prefix_of
from zarrcy.metadata import ArrayMetadata
from zarrcy.metadata.format import Format
from zarrcy.storage import access
from zarrcy.storage.base import BaseStore
from zarrcy.storage.json_reader import MAX_CONSOLIDATED_NBYTES, parse_json
from zarrcy.storage.local.atomic_files import PARTIAL, partial_ending
from zarrcy.storage.n5.store import N5Store
from zarrcy.storage.strict_json import refuse_bare_nan
from zarrcy.types import JSON, Key, Option, Store, StoreLike

Counts: TypeAlias = tuple[int, int, int]
"""Numbers of copied and skipped objects, and of copied bytes."""
Log: TypeAlias = Callable[[str], object]
LogLike: TypeAlias = "Log | str | os.PathLike[str] | TextIO | None"
"""Where the log goes: a function, the path of a file, or a file that is open; None for no log."""
ArrayLike: TypeAlias = Any
"""An array of zarrcy, or a dataset of h5py, which has no type stubs."""
GroupLike: TypeAlias = Any
"""A group of zarrcy or h5py, or an object with the same methods; h5py has no type stubs."""

_NODE_RULES = ("raise", "replace", "skip", "skip_initialized")
_KEY_RULES = ("raise", "replace", "skip")
_BATCH_KEYS = 256


# -- arrays and groups -----------------------------------------------------------------------------


def copy(
    source: ArrayLike | GroupLike,
    dest: GroupLike,
    name: str | None = None,
    shallow: bool = False,
    without_attrs: bool = False,
    log: LogLike = None,
    if_exists: str = "raise",
    dry_run: bool = False,
    **create_kws: Option,
) -> Counts:
    """Copy an array, or a group and everything below it, into a group.

    Parameters
    ----------
    source : Array, Group, h5py.Dataset or h5py.Group
        What to copy.
    dest : Group or h5py.Group
        Group that gets the copy.
    name : str, optional
        Name of the copy in `dest`. The default is the name of `source`.
    shallow : bool, optional
        Copy the arrays in a group, but not its groups.
    without_attrs : bool, optional
        Do not copy attributes.
    log : callable, str, PathLike or text file, optional
        Where to write one line for each copied or skipped object: a function that is called with the line, the path
        of a file, or an open file.
    if_exists : {"raise", "replace", "skip", "skip_initialized"}, optional
        What to do if an object exists: raise an error, replace it, keep it, or keep it unless it is an array
        of which chunks are missing. Objects are replaced when all is copied, so the store needs room for both. Where
        it can't move keys, as in an object store, an object is deleted before its copy is written.
    dry_run : bool, optional
        Change nothing, but write the log and return the counts.
    **create_kws
        Keywords of `Group.create_dataset` for the copies of arrays. By default they are created like their source.

    Returns
    -------
    n_copied : int
        Number of arrays and groups that were copied.
    n_skipped : int
        Number of arrays and groups that were skipped.
    n_bytes_copied : int
        Size of the copied elements in memory, in bytes.

    Raises
    ------
    CopyError
        If an object exists and `if_exists` is "raise".
    OverlapError
        If an object would be replaced by a copy of itself or of what is in it, in a store that can't move keys.
    TypeError
        If `source` is a root, which does not have a name, and `name` is not given.
    ValueError
        If `dest` is not a group, or `if_exists` is another string.

    See Also
    --------
    copy_all : Copy the members of a group.
    copy_store : Copy keys and values of stores.

    Examples
    --------
    >>> import sys, zarrcy
    >>> source, dest = zarrcy.group(), zarrcy.group()
    >>> source["a/b"] = [1, 2]
    >>> zarrcy.copy(source["a"], dest, log=sys.stdout)
    copy /a
    copy /a/b (2,) int64
    all done: 2 copied, 0 skipped, 16 bytes copied
    (2, 0, 16)
    """
    if name is None:
        name = (source.name or "").rsplit("/", 1)[-1]
        if not name:
            raise TypeError("the source is a root, which does not have a name: pass the parameter 'name'")
    options = _CopyOptions(
        shallow=shallow,
        without_attrs=without_attrs,
        if_exists=if_exists,
        dry_run=dry_run,
        create_kws=create_kws,
    )
    with _copying(dest, options, log) as copier:
        copier.run([(name, source)], include_groups=True, root=name)
    _refuse_denied(source)
    return copier.counts


def copy_all(
    source: GroupLike,
    dest: GroupLike,
    shallow: bool = False,
    without_attrs: bool = False,
    log: LogLike = None,
    if_exists: str = "raise",
    dry_run: bool = False,
    **create_kws: Option,
) -> Counts:
    """Copy the attributes and all members of a group into another group.

    Parameters
    ----------
    source : Group or h5py.Group
        Group whose members are copied.
    dest : Group or h5py.Group
        Group that gets the copies.
    shallow : bool, optional
        Copy the arrays in the group, but not its groups.
    without_attrs : bool, optional
        Do not copy attributes.
    log : callable, str, PathLike or text file, optional
        Where to write one line for each copied or skipped object, see `copy`.
    if_exists : {"raise", "replace", "skip", "skip_initialized"}, optional
        What to do if an object exists, see `copy`.
    dry_run : bool, optional
        Change nothing, but write the log and return the counts.
    **create_kws
        Keywords of `Group.create_dataset` for the copies of arrays. By default they are created like their source.

    Returns
    -------
    n_copied : int
        Number of arrays and groups that were copied.
    n_skipped : int
        Number of arrays and groups that were skipped.
    n_bytes_copied : int
        Size of the copied elements in memory, in bytes.

    Raises
    ------
    CopyError
        If an object exists and `if_exists` is "raise".
    ValueError
        If `dest` is not a group, or `if_exists` is another string.

    See Also
    --------
    copy : Copy one array or group.

    Examples
    --------
    >>> import zarrcy
    >>> source, dest = zarrcy.group(), zarrcy.group()
    >>> source["a/b"] = [1, 2]
    >>> zarrcy.copy_all(source, dest)
    (2, 0, 16)
    >>> dest["a/b"][:]
    array([1, 2])
    """
    options = _CopyOptions(
        shallow=shallow,
        without_attrs=without_attrs,
        if_exists=if_exists,
        dry_run=dry_run,
        create_kws=create_kws,
    )
    with _copying(dest, options, log) as copier:
        copier.run(list(source.items()), include_groups=not shallow, attributes_of=source)
    _refuse_denied(source)
    return copier.counts


def _refuse_denied(source: ArrayLike | GroupLike) -> None:
    """Raise PartlyDoneError if something below a group of zarrcy may not be looked into, after the rest is copied."""
    if isinstance(source, Group):
        access.refuse_denied(source.store, source.path, "copied")


@dataclass(frozen=True, slots=True, kw_only=True)
class _CopyOptions:
    """The options of `copy` and `copy_all`."""

    shallow: bool
    without_attrs: bool
    if_exists: str
    dry_run: bool
    create_kws: dict[str, Option]


@contextmanager
def _copying(dest: GroupLike, options: _CopyOptions, log: LogLike) -> Iterator[_Copier]:
    """Check the arguments, open the log, and write the summary to it if the block succeeds."""
    if not hasattr(dest, "create_dataset"):
        raise ValueError(f"dest is {dest!r}; it must be a group")
    _check_rule(options.if_exists, _NODE_RULES)
    if options.if_exists == "skip_initialized" and _is_h5py(dest):
        raise ValueError("if_exists='skip_initialized' is not possible for copies to h5py, only to zarrcy")
    with _open_log(log) as write_line:
        copier = _Copier(dest, options, write_line, quiet=log is not None or options.dry_run)
        yield copier
        write_line(_summary(options.dry_run, copier.counts))


class _Copier:
    """Copies arrays and groups into one group, and counts them."""

    def __init__(self, dest: GroupLike, options: _CopyOptions, log: Log, quiet: bool) -> None:
        self.dest, self.options, self.log, self.quiet = dest, options, log, quiet
        self.to_h5py = _is_h5py(dest)
        self.n_copied = self.n_skipped = self.n_bytes_copied = 0
        # whether what replaces an object is written beside it until all is copied: it may be read until then
        self._stages = self.to_h5py or (hasattr(dest, "store") and access.can_move(dest.store))
        self._staged: dict[str, str] = {}
        self._unfinished = UnfinishedCopy(None)

    @property
    def counts(self) -> Counts:
        """Numbers of copied and skipped objects, and of copied bytes."""
        return self.n_copied, self.n_skipped, self.n_bytes_copied

    def run(
        self,
        members: list[tuple[str, ArrayLike | GroupLike]],
        include_groups: bool,
        root: str = "",
        attributes_of: GroupLike | None = None,
    ) -> None:
        """Copy arrays and groups to paths in the destination. Until all is copied, a marker says that it is not.

        Parameters
        ----------
        members : list of tuple
            The path, and the array or group.
        include_groups : bool
            Whether the groups among `members` are copied.
        root : str, optional
            Path of what is copied; the whole destination by default.
        attributes_of : Group, optional
            Group whose attributes the destination gets.
        """
        # listed completely before anything is copied, because the destination may be inside the source
        steps = [step for path, member in members for step in self._list(path, member, include_groups)]
        if self.options.if_exists not in ("raise", "skip") and not self._stages:
            self._refuse_overlap(steps)
        marked = None if self.options.dry_run or self.to_h5py else getattr(self.dest, "store", None)
        if marked is not None:
            Node(marked, self._path_in_store(root)).refuse_reserved_names()
            marked_at = marked_prefix(self._path_in_store(root), _format_of(self.dest))
            self._unfinished = UnfinishedCopy(marked, marked_at)
            if self.options.if_exists == "raise" and not self._unfinished.was_interrupted:
                self._refuse_existing(steps)
        try:
            with self._unfinished:
                self._run(steps)
                self._put_staged()
                if attributes_of is not None and not self.options.dry_run and not self.options.without_attrs:
                    self.copy_attributes(attributes_of, self.dest)
        except BaseException:
            for staged in self._staged.values():
                with suppress(Exception):
                    del self.dest[staged]
            raise

    def _refuse_existing(self, steps: list[tuple[str, ArrayLike | GroupLike]]) -> None:
        """Raise CopyError if something is in the way, before anything is copied.

        Otherwise a part of the copy would be there, and the next call would take the refusal for an interrupt.
        """
        absent = None
        for path, member in steps:
            if absent is not None and path.startswith(absent):
                continue
            if path not in self.dest:
                absent = prefix_of(path)
            elif _is_array(member):
                self._replaces(path, "an object")
            elif _is_array(self.dest[path]):
                self._replaces(path, "an array")

    def _path_in_store(self, path: str) -> str:
        return normalize_path(f"{self.dest.name}/{path}")

    def _run(self, steps: list[tuple[str, ArrayLike | GroupLike]]) -> None:
        total = sum(_nbytes(member) for _, member in steps)
        skipped = None
        with byte_progress(total, "copying", quiet=self.quiet) as advance:
            for path, member in steps:
                if skipped is not None and path.startswith(skipped):
                    continue
                copy_member = self._copy_array if _is_array(member) else self._copy_group
                if copy_member(path, member, advance):
                    self.n_copied += 1
                else:
                    self.n_skipped += 1
                    self.log(f"skip {_label(member)}")
                    skipped = prefix_of(path)

    def _list(
        self, path: str, member: ArrayLike | GroupLike, include_groups: bool
    ) -> Iterator[tuple[str, ArrayLike | GroupLike]]:
        if _is_array(member):
            yield path, member
        elif include_groups:
            yield path, member
            for name, child in member.items():
                yield from self._list(f"{path}/{name}", child, not self.options.shallow)

    def _copy_array(self, path: str, source: ArrayLike, advance: Advance) -> bool:
        """Copy an array; return False if it is skipped."""
        path = self._place(path)
        exists = path in self.dest
        if exists and not self._replaces(path, "an object"):
            return False
        self.log(f"copy {_label(source)}")
        if self.options.dry_run:
            return True
        if not exists or path == self._unfinished.incomplete or not self._stages:
            self._unfinished.begin(path)
        if exists:
            path = self._make_room(path)
        elif self._unfinished.was_interrupted:
            # chunks without documents
            Node(self.dest.store, self._path_in_store(path), None, None, self.dest.zarr_format).erase()
        create_kws = self.options.create_kws
        kwargs = (_h5py_kwargs_like if self.to_h5py else create_kwargs_like)(source, self.dest, create_kws)
        if "compression" in create_kws:
            # the options belong to the compression of the source
            kwargs.pop("compression_opts", None)
        kwargs |= {"shape": source.shape} | create_kws
        array = self.dest.create_dataset(path, **kwargs)
        copy_elements(source, array, advance, as_text=_is_text(source))
        self.n_bytes_copied += array.size * array.dtype.itemsize
        if not self.options.without_attrs:
            self.copy_attributes(source, array)
        return True

    def _copy_group(self, path: str, source: GroupLike, advance: Advance) -> bool:
        """Copy a group without its members; return False if it is skipped."""
        path = self._place(path)
        array_exists = path in self.dest and _is_array(self.dest[path])
        always_replaces = self.options.if_exists == "skip_initialized"
        if array_exists and not always_replaces and not self._replaces(path, "an array"):
            return False
        self.log(f"copy {_label(source)}")
        if self.options.dry_run:
            return True
        if array_exists:
            path = self._make_room(path)
        elif path not in self._staged.values():
            self._unfinished.mark()
        group = self.dest.require_group(path)
        if not self.options.without_attrs:
            self.copy_attributes(source, group)
        return True

    def _place(self, path: str) -> str:
        """Return where to write what gets a path: there, or below the temporary path of a parent."""
        for original, staged in self._staged.items():
            if path.startswith(prefix_of(original)):
                return staged + path[len(original) :]
        return path

    def _make_room(self, path: str) -> str:
        """Return a temporary path for what replaces an object; without a store that can move it, delete the object."""
        if not path or not self._stages or path == self._unfinished.incomplete:
            del self.dest[path]
            return path
        self._staged[path] = path + partial_ending()
        return self._staged[path]

    def _put_staged(self) -> None:
        """Replace objects by those that were written beside them."""
        for path, staged in list(self._staged.items()):
            old = path + partial_ending()
            self.dest.move(path, old)
            try:
                self.dest.move(staged, path)
            except BaseException:
                self.dest.move(old, path)
                raise
            del self._staged[path]
            del self.dest[old]

    def _refuse_overlap(self, steps: list[tuple[str, ArrayLike | GroupLike]]) -> None:
        """Raise OverlapError if an array that will be replaced is above, below or the same as one that is copied.

        Objects are then deleted before their copies are written.
        """
        if not hasattr(self.dest, "store"):
            return
        replaced = [
            Node(self.dest.store, self._path_in_store(path)) for path, _ in steps if path in self.dest
        ]
        for node in replaced:
            for _, member in steps:
                if isinstance(member, Array):
                    refuse_overlap(node, member)

    def _replaces(self, path: str, what: str) -> bool:
        """Return whether the object at a path is replaced.

        Raises
        ------
        CopyError
            If `if_exists` is "raise".
        """
        rule = self.options.if_exists
        if path == self._unfinished.incomplete:
            return True
        if rule == "raise" and self._unfinished.was_interrupted:
            # an earlier copy was interrupted after it had copied this object
            return False
        if rule == "raise":
            raise CopyError(what, path, self.dest.name)
        if rule == "skip_initialized":
            existing = self.dest[path]
            return not _is_array(existing) or existing.nchunks_initialized < existing.nchunks
        return rule == "replace"

    def copy_attributes(self, source: ArrayLike | GroupLike, target: ArrayLike | GroupLike) -> None:
        """Copy the attributes of an array or group."""
        attributes = dict(source.attrs.items())
        if _is_h5py(source) and not self.to_h5py:
            attributes = {name: _json_form(value) for name, value in attributes.items()}
        elif isinstance(source, Array) and isinstance(target, Array):
            format = _format_of(target)
            if format is not _format_of(source):
                _, attributes = format.apply_conventions(described(source), attributes)
        if attributes:
            target.attrs.update(attributes)


def original_path(path: str) -> str:
    """Return the path for which a copy is written at a temporary path.

    >>> original_path("a.0123456789abcdef0123456789abcdef.partial/b")
    'a/b'
    """
    return "/".join(PARTIAL.sub("", name) for name in path.split("/"))


def _format_of(node: ArrayLike | GroupLike) -> Format:
    """Return the format of an array or group of zarrcy."""
    format = metadata.of_version(node.zarr_format)
    assert format is not None, "each array and group has a format"
    return format


def _is_h5py(node: ArrayLike | GroupLike) -> bool:
    return type(node).__module__.startswith("h5py.")


def _is_array(node: ArrayLike | GroupLike) -> bool:
    # asked of the class: a group looks for a member of an unknown name in its store
    return hasattr(type(node), "shape")


def _nbytes(node: ArrayLike | GroupLike) -> int:
    return math.prod(node.shape) * int(node.dtype.itemsize) if _is_array(node) else 0


def _label(node: ArrayLike | GroupLike) -> str:
    return f"{node.name} {node.shape} {node.dtype}" if _is_array(node) else str(node.name)


def _json_form(value: object) -> JSON:
    """Return an attribute of h5py as a value that JSON can represent."""
    if isinstance(value, np.ndarray):
        return [_json_form(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


# -- keywords for the copies of arrays -------------------------------------------------------------


def create_kwargs_like(source: ArrayLike, dest: GroupLike, given: Mapping[str, Option]) -> dict[str, Option]:
    """Return keywords of `zarrcy.create` for an array like another one.

    Parameters
    ----------
    source : Array or h5py.Dataset
        The other array.
    dest : Group
        Group in which the array will be created. Only its store and its format are used.
    given : mapping
        Keywords of the user, which replace those that are returned.

    Returns
    -------
    dict
        The keywords, without ``shape``.
    """
    kwargs: dict[str, Option] = {"dtype": source.dtype, "chunks": getattr(source, "chunks", None)}
    if isinstance(source, Array):
        kwargs |= {
            "compressor": source.compressor,
            "filters": source.filters,
            "order": source.order,
            "fill_value": source.fill_value,
        }
        format, own_format = _format_of(source), _format_of(dest)
        if format is own_format:
            kwargs |= format.create_kwargs_like(source.description, given)
        else:
            changed, _ = own_format.apply_conventions(described(source), source.attrs.asdict())
            if not isinstance(dest.store, N5Store):
                # in an N5 container, the fill value has one meaning only
                kwargs["fill_value"] = changed.fill_value
                if "fill_value" not in given:
                    _refuse_too_sparse(source, changed)
            if changed.dimension_names is not None:
                kwargs["dimension_names"] = changed.dimension_names
        is_stated = "chunk_key_encoding" in kwargs or access.dimension_separator(dest.store) is not None
        if not is_stated and source.dimension_separator != ".":
            kwargs["dimension_separator"] = source.dimension_separator
    elif _is_text(source):
        kwargs |= {"dtype": str, "fill_value": ""}
    else:
        kwargs["fill_value"] = getattr(source, "fillvalue", 0)
    return kwargs


def _refuse_too_sparse(array: Array, changed: ArrayMetadata) -> None:
    """Raise ConversionError if too many elements that were never written would have to be written."""
    if array.description.count_stored_values() > MOST_WRITTEN and changes_unwritten(array, changed):
        raise ConversionError([(array.path or "/", TOO_SPARSE)], "Or give a fill_value.")


def described(array: Array) -> ArrayMetadata:
    """Return the metadata of an array with the elements that users see, also if it is a view."""
    return replace(array.description, dtype=array.dtype, fill_value=array.fill_value)


def _h5py_kwargs_like(source: ArrayLike, dest: GroupLike, given: Mapping[str, Option]) -> dict[str, Option]:
    """Return keywords of `h5py.Group.create_dataset` for a dataset like another one, or like an array of zarrcy."""
    kwargs: dict[str, Option] = {"dtype": source.dtype}
    if _is_h5py(source):
        names = ("chunks", "compression", "compression_opts", "shuffle", "fletcher32", "fillvalue")
        return kwargs | {name: getattr(source, name) for name in names}
    if source.dtype.hasobject:
        import h5py

        kwargs["dtype"] = h5py.string_dtype()
    else:
        kwargs["fillvalue"] = source.fill_value
    if source.size and source.shape:
        # HDF5 accepts neither chunks that are larger than the array nor chunks of an empty array
        chunks = tuple(min(n, m) for n, m in zip(source.chunks, source.shape, strict=True))
        kwargs |= {"chunks": chunks, "compression": "gzip", "compression_opts": 1}
    return kwargs


def _is_text(source: ArrayLike) -> bool:
    """Return whether `source` is a dataset of h5py with texts of variable length."""
    if not _is_h5py(source) or not source.dtype.hasobject:
        return False
    import h5py

    return h5py.check_string_dtype(source.dtype) is not None


# -- stores ----------------------------------------------------------------------------------------


def copy_store(
    source: StoreLike,
    dest: StoreLike,
    source_path: str = "",
    dest_path: str = "",
    excludes: str | Sequence[str] | None = None,
    includes: str | Sequence[str] | None = None,
    flags: int = 0,
    if_exists: str = "raise",
    dry_run: bool = False,
    log: LogLike = None,
) -> Counts:
    """Copy keys and values from one store to another without decoding them.

    Parameters
    ----------
    source, dest : mapping, store, str or PathLike
        Mappings of str to bytes, store objects, paths or URLs.
    source_path : str, optional
        Copy only the keys below this path.
    dest_path : str, optional
        Path below which the keys are written.
    excludes : str or list of str, optional
        Regular expressions. A key that contains a match of one of them is not copied.
    includes : str or list of str, optional
        Regular expressions. A key that contains a match of one of them is copied in spite of `excludes`.
    flags : int, optional
        Flags of the regular expressions, see `re`.
    if_exists : {"raise", "replace", "skip"}, optional
        What to do if a key exists: raise an error, replace its value, or keep it.
    dry_run : bool, optional
        Change nothing, but write the log and return the counts.
    log : callable, str, PathLike or text file, optional
        Where to write one line for each copied or skipped key, see `copy`.

    Returns
    -------
    n_copied : int
        Number of keys that were copied.
    n_skipped : int
        Number of keys that were skipped.
    n_bytes_copied : int
        Size of the copied values, in bytes.

    Raises
    ------
    CopyError
        If a key exists and `if_exists` is "raise".
    ValueError
        If `if_exists` is another string.

    See Also
    --------
    copy : Copy arrays and groups, also with other encodings.

    Examples
    --------
    >>> import sys, zarrcy
    >>> source, dest = {}, {}
    >>> zarrcy.save(source, a=[1, 2])
    >>> zarrcy.copy_store(source, dest, dest_path="b", log=sys.stdout)
    copy a/0 -> b/a/0
    copy a/.zarray -> b/a/.zarray
    copy .zgroup -> b/.zgroup
    all done: 3 copied, 0 skipped, ... bytes copied
    (3, 0, ...)
    """
    _check_rule(if_exists, _KEY_RULES)
    to_prefix = prefix_of(normalize_path(dest_path))
    selection = _KeySelection(
        prefix=prefix_of(normalize_path(source_path)),
        excludes=_patterns(excludes, flags),
        includes=_patterns(includes, flags),
    )
    if dry_run and isinstance(dest, (str, os.PathLike)) and not os.path.exists(dest):
        # opening a zip file would create it
        dest = {}
    with (
        opened_store(source, "r") as from_store,
        opened_store(dest, "a") as to_store,
        _open_log(log) as write_line,
        byte_progress(None, "copying", quiet=log is not None or dry_run) as advance,
    ):
        if isinstance(source, BaseStore) and isinstance(dest, BaseStore):
            access.refuse_mixed_versions(source, dest)
        if access.store_version(from_store) == 3:
            from zarrcy.metadata.v3_draft_keys import moved_keys  # other stores do not need it

            moves = moved_keys(from_store, to_store, source_path, dest_path)
            selection = replace(selection, prefix="", moves=moves)
            to_prefix = ""
        unfinished = UnfinishedCopy(None if dry_run else to_store, to_prefix, by="keys")
        if unfinished.was_by == "keys" and if_exists == "raise":
            # an earlier copy was interrupted after it had copied some keys
            if_exists = "skip"
        copier = _KeyCopier(from_store, to_store, write_line, if_exists)
        # a hierarchy can be opened when its chunks are copied, and the nodes below it
        levels: dict[int, list[Key]] = {}
        # before the marker is written: the destination may be inside the source
        for key in sorted(key for key in from_store if key in selection):
            levels.setdefault(_level(key), []).append(key)
        if settings.STRICT_JSON.value():
            copier.check_documents(key for keys in levels.values() for key in keys)
        if if_exists == "raise" and not dry_run:
            copier.refuse_existing(
                {key: to_prefix + selection.target(key) for keys in levels.values() for key in keys}
            )
        with unfinished:
            unfinished.mark()
            if levels and not dry_run:
                Node(to_store, to_prefix[:-1]).drop_outdated()
            for level in sorted(levels):
                keys = iter(levels[level])
                while batch := list(itertools.islice(keys, _BATCH_KEYS)):
                    targets = {key: to_prefix + selection.target(key) for key in batch}
                    chosen = copier.choose(targets)
                    if not dry_run:
                        advance(copier.copy(chosen))
        write_line(_summary(dry_run, copier.counts))
        access.refuse_denied(from_store, selection.prefix[:-1], "copied")
    return copier.counts


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeySelection:
    """The keys of the source that `copy_store` copies. In the draft of v3, `moves` has them and their new keys."""

    prefix: str
    excludes: list[re.Pattern[str]]
    includes: list[re.Pattern[str]]
    moves: Mapping[Key, Key] | None = None

    def target(self, key: Key) -> Key:
        """Return the key in the destination, without the prefix there."""
        return key[len(self.prefix) :] if self.moves is None else self.moves[key]

    def __contains__(self, key: Key) -> bool:
        return (
            key.startswith(self.prefix)
            and (self.moves is None or key in self.moves)
            and key != self.prefix + MARKER
            # a record may have been written after the chunks that it covers were copied
            and not is_record(key)
            and (
                not any(pattern.search(key) for pattern in self.excludes)
                or any(pattern.search(key) for pattern in self.includes)
            )
        )


def _level(key: Key) -> int:
    """Return the place of a key in the order of a copy: chunks first, the documents of the root last.

    >>> sorted([".zgroup", "a/.zarray", "a/0", "b/c/zarr.json"], key=_level)
    ['a/0', 'b/c/zarr.json', 'a/.zarray', '.zgroup']
    """
    name = key.rpartition("/")[2]
    is_document = name.startswith(".z") or name.endswith(".json")
    return -key.count("/") if is_document else -(2**62)


def _patterns(given: str | Sequence[str] | None, flags: int) -> list[re.Pattern[str]]:
    texts = [given] if isinstance(given, str) else given or []
    return [re.compile(text, flags) for text in texts]


class _KeyCopier:
    """Copies keys and values between two stores, and counts them."""

    def __init__(self, source: Store, dest: Store, log: Log, if_exists: str) -> None:
        self.dest, self.log, self.if_exists = dest, log, if_exists
        self.fetch, self.write = (
            access.checked_reader(source, access.value_reader(source)),
            access.writer(dest),
        )
        self.n_copied = self.n_skipped = self.n_bytes_copied = 0

    @property
    def counts(self) -> Counts:
        """Numbers of copied and skipped objects, and of copied bytes."""
        return self.n_copied, self.n_skipped, self.n_bytes_copied

    def refuse_existing(self, targets: dict[Key, Key]) -> None:
        """Raise CopyError if a target exists, before anything is copied."""
        names = list(targets.values())
        exist = access.finder(self.dest)
        for first in range(0, len(names), _BATCH_KEYS):
            batch = names[first : first + _BATCH_KEYS]
            for target in itertools.compress(batch, exist(batch)):
                raise CopyError("a key", target, type(self.dest).__name__)

    def choose(self, targets: dict[Key, Key]) -> dict[Key, Key]:
        """Return the keys that are to be copied, with their targets; log and count all.

        Raises
        ------
        CopyError
            If a target exists and `if_exists` is "raise".
        """
        chosen = {}
        for key, target in targets.items():
            label = key if key == target else f"{key} -> {target}"
            if self.if_exists != "replace" and target in self.dest:
                if self.if_exists == "raise":
                    raise CopyError("a key", target, type(self.dest).__name__)
                self.log(f"skip {label}")
                self.n_skipped += 1
            else:
                self.log(f"copy {label}")
                self.n_copied += 1
                chosen[key] = target
        return chosen

    def check_documents(self, keys: Iterable[Key]) -> None:
        """Raise StrictJSONError if a document among the keys has NaN or infinities, and JSON must be strict."""
        for key in keys:
            if metadata.is_document_key(key):
                (document,) = self.fetch([key])
                with suppress(MetadataError):
                    refuse_bare_nan(parse_json(document, key, MAX_CONSOLIDATED_NBYTES), key)

    def copy(self, targets: dict[Key, Key]) -> int:
        """Copy the values of keys to other keys; return the number of bytes."""
        fetched = zip(targets.values(), self.fetch(list(targets)), strict=True)
        values = {target: value for target, value in fetched if value is not None}
        self.write(values)
        nbytes = sum(memoryview(value).nbytes for value in values.values())
        self.n_bytes_copied += nbytes
        return nbytes


# -- logs ------------------------------------------------------------------------------------------


def _check_rule(if_exists: str, rules: tuple[str, ...]) -> None:
    if if_exists not in rules:
        raise ValueError(f"if_exists is {if_exists!r}; it must be one of {', '.join(map(repr, rules))}")


def _summary(dry_run: bool, counts: Counts) -> str:
    done = f"{counts[0]:,} copied, {counts[1]:,} skipped"
    return f"dry run: {done}" if dry_run else f"all done: {done}, {counts[2]:,} bytes copied"


@contextmanager
def _open_log(log: LogLike) -> Iterator[Log]:
    """Return a function that writes a line to the log."""
    if log is None:
        yield lambda line: None
    elif callable(log):
        yield log
    elif isinstance(log, (str, os.PathLike)):
        with open(log, "w", encoding="utf-8") as file:
            yield lambda line: _write_line(file, line)
    elif hasattr(log, "write"):
        yield lambda line: _write_line(log, line)
    else:
        raise TypeError(f"log is {log!r}; it must be a function, a path, or a file to write to")


def _write_line(file: TextIO, line: str) -> None:
    print(line, file=file)
    # so that a reader of the file sees each line at once
    if hasattr(file, "flush"):
        file.flush()
